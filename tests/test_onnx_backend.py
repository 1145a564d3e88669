"""ONNX's own tests, run through `convstep.interop.onnx.backend`: every case of every operator that is offered, but for a short list."""

import re
import unittest
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from convstep.errors import DataError, ShapeError
from convstep.interop.onnx.operators import OPERATORS

pytest.importorskip("onnx.backend.test", reason="needs the extra onnx")

EXCLUDED = {
    r"(FLOAT8|FLOAT4|INT4|INT2)|_(e4m3fn|e5m2|u?int[24]|float4e2m1)(_|$)": "numbers of 8, 4 or 2 bits, which NumPy does not have",
    r"_(string|strings)(_|$)": "text",
    r"^test_identity_(sequence|opt)": "sequences and optional values",
    r"^test_training_dropout(_default)?(_mask)?$": "what it drops is drawn at random, by NumPy's generator in the test",
    r"^test_resize_downsample_scales_(linear|cubic)_align_corners$": "divides by a size before it is rounded, unlike onnxruntime",
    r"^test_attention_4d_causal_fp16_expanded$": "asks for more digits than float16 has; Attention itself is not offered",
}
SIMPLE = {
    r"^test_strnorm_": "text",
    r"^test_sequence_": "sequences",
    r"^test_gradient_": "gradients as operators of a graph",
}
LEAST = {"Node": 1290, "PyTorchConverted": 82, "PyTorchOperator": 35, "Simple": 7}


@pytest.fixture(scope="module")
def runner() -> Iterator[Any]:
    from onnx.backend.test import BackendTest

    from convstep.interop.onnx.backend import ConvStepBackend

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ONNX divides by 0 where it makes its cases
        yield BackendTest(ConvStepBackend, __name__)


def excluded(category: str, name: str, operators: set[str]) -> str:
    """Return why a case is left out; "" if it is not."""
    unknown = operators - set(OPERATORS)
    if unknown:
        return f"operators that are not offered: {', '.join(sorted(unknown)) if len(unknown) == 1 else 'several'}"
    reasons = SIMPLE if category == "Simple" else EXCLUDED if category == "Node" else {}
    return next((reason for pattern, reason in reasons.items() if re.search(pattern, name)), "")


@pytest.mark.parametrize("category", LEAST)
def test_every_case_of_every_operator_that_is_offered_passes(runner: Any, category: str) -> None:
    from onnx.backend.test.case import node

    operators = {
        case.name: {item.op_type if item.domain == "" else f"{item.domain}.{item.op_type}" for item in case.model.graph.node}
        for case in node._NodeTestCases
    }
    passed, left_out, failed = 0, Counter[str](), []
    for name, item in runner._test_items[f"{category}Model"].items():
        case, _, device = name.rpartition("_")
        if device != "cpu":
            continue
        reason = excluded(category, case, operators[case] if category == "Node" else set())
        if reason:
            left_out[reason] += 1
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                item.func(None)
            passed += 1
        except (Exception, unittest.SkipTest) as error:  # noqa: BLE001 - all of them are told at once
            failed.append(f"{case}: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
    print(f"{category}: {passed} cases pass, {len(failed)} fail, {sum(left_out.values())} are left out")  # noqa: T201 - the count
    for reason, count in left_out.most_common():
        print(f"  {count}: {reason}")  # noqa: T201
    assert not failed
    assert passed >= LEAST[category]


def test_a_node_runs_by_itself() -> None:
    import onnx

    from convstep.interop.onnx import backend

    node = onnx.helper.make_node("Conv", ["x", "w", ""], ["y"], pads=[1, 1, 1, 1])
    x, w = np.ones((1, 2, 3, 3), np.float32), np.ones((4, 2, 3, 3), np.float32)
    (y,) = backend.run_node(node, [x, w])
    assert y.shape == (1, 4, 3, 3)
    assert y[0, 0].tolist() == [[8, 12, 8], [12, 18, 12], [8, 12, 8]]


def test_inputs_come_by_name_or_in_order() -> None:
    import onnx

    from convstep.interop.onnx import backend

    entries = [onnx.helper.make_tensor_value_info(name, 1, [2]) for name in "abc"]
    node = onnx.helper.make_node("Sub", ["a", "b"], ["c"])
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "g", entries[:2], entries[2:]), opset_imports=[onnx.helper.make_opsetid("", 17)]
    )
    a, b = np.array([5, 7], np.float32), np.array([1, 2], np.float32)
    assert backend.is_compatible(model)
    assert backend.run_model(model, [a, b])[0].tolist() == [4, 5]
    assert backend.prepare(model).run({"b": a, "a": b})[0].tolist() == [-4, -5]


def test_other_devices_and_other_operators_are_refused() -> None:
    import onnx

    from convstep.interop.onnx import backend

    node = onnx.helper.make_node("Det", ["x"], ["y"])
    x = onnx.helper.make_tensor_value_info("x", 1, [3, 3])
    y = onnx.helper.make_tensor_value_info("y", 1, [])
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [x], [y]), opset_imports=[onnx.helper.make_opsetid("", 17)])
    assert not backend.is_compatible(model)
    with pytest.raises(DataError) as refused:
        backend.prepare(model)
    assert str(refused.value) == "onnx: node 'y' (Det, opset 17): the operator is not supported"
    with pytest.raises(ShapeError) as elsewhere:
        backend.prepare(model, "CUDA:0")
    assert str(elsewhere.value) == "prepare: convstep runs on the processor (CPU) alone\n  given device 'CUDA:0'"
