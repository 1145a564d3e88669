"""Networks from ONNX files with operators that no layer stands for, written as ONNX again: the same numbers, of ours and of onnxruntime."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.onnx_graphs import file, node, same

from convstep.errors import DataError
from convstep.interop import onnx as interop
from convstep.interop.onnx.operator import Operator

X: Any = {"x": ["n", 3, 6, 8]}
LONG = {"axes": np.array([2, 3])}
FILES: dict[str, tuple[list[Any], dict[str, Any], list[str] | None]] = {
    "lrn": ([node("LRN", "x", "a", size=3), node("Relu", "a", "y")], {}, None),
    "top": ([node("ReduceMax", "x", "a", axes=[2, 3], keepdims=0), node("TopK", "a k", "v i")], {"k": np.array([2])}, ["v", "i"]),
    "only the places": ([node("Flatten", "x", "a"), node("TopK", "a k", "v i")], {"k": np.array([2])}, ["i"]),
    "compared": ([node("Greater", "x t", "a"), node("Where", "a x t", "b"), node("Cast", "a", "c", to=1), node("Add", "b c", "y")],
                 {"t": np.array([0.25], np.float32)}, None),
    "resized": ([node("Resize", "x - s", "y", mode="linear")], {"s": np.array([1, 1, 1.5, 2], np.float32)}, None),
    "shape": ([node("Shape", "x", "y")], {}, None),
    "split": (
        [node("Split", "x p", "a b", axis=1), node("Sin", "a", "c"), node("Concat", "b c", "y", axis=1)], {"p": np.array([1, 2])}, None,
    ),
    "scattered": ([node("ScatterND", "x i u", "y")], {"i": np.array([[0, 1, 2, 3]]), "u": np.array([7.0], np.float32)}, None),
    "a constant": ([node("Relu", "x", "y"), node("Constant", "", "c", value_floats=[1.0, 2.0])], {}, ["y", "c"]),
    "normalized": ([node("InstanceNormalization", "x s b", "y")], {"s": np.ones(3, np.float32), "b": np.zeros(3, np.float32)}, None),
}  # fmt: skip


@pytest.mark.parametrize("opset", [13, 17, 19, 21])
@pytest.mark.parametrize("name", FILES)
def test_what_was_read_is_written_and_read_again(name: str, opset: int, tmp_path: Path) -> None:
    nodes, weights, outputs = FILES[name]
    if name == "top" and opset > 17:
        nodes = [node("ReduceMax", "x r", "a", keepdims=0), nodes[1]]
        weights = weights | {"r": LONG["axes"]}
    model = interop.load(file(nodes, X, weights, outputs, opset=opset))
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 8)).astype(np.float32)
    interop.save(model, tmp_path / "m.onnx")
    again = same(str(tmp_path / "m.onnx"), {"x": x})
    assert again.source.opset == (17 if name == "a constant" else max(17, opset))
    for got, want in zip(_listed(again.predict(x)), _listed(model.predict(x)), strict=True):
        assert (got.dtype, got.shape) == (want.dtype, want.shape)
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_an_operator_that_has_changed_since_is_refused_by_name(tmp_path: Path) -> None:
    model = interop.load(
        file([node("Split", "x p", "a b", axis=1), node("Sin", "a", "y")], X, {"p": np.array([1, 2])}, ["y", "b"], opset=17)
    )
    with pytest.raises(DataError) as error:
        interop.save(model, tmp_path / "m.onnx", opset=18)
    path = next(layer.name for layer in model.layers if isinstance(layer, Operator) and layer.node.kind == "Split")
    fact = f'the operator Split of "{path}" is one of opset 17, and another one in opset 18'
    assert str(error.value) == f"export: {fact}\n  given {path}"


def test_operators_in_float64_want_to_be_written_so(tmp_path: Path) -> None:
    inputs: Any = {"x": (["n", 4], np.float64)}
    model: Any = interop.load(file([node("Sin", "x", "y")], inputs, {}))
    path = next(layer.name for layer in model.layers if isinstance(layer, Operator))
    with pytest.raises(DataError) as error:
        interop.save(model, tmp_path / "m.onnx")
    fact = f'the operator Sin of "{path}" computes in float64, which would be written as float32: ask for dtype="float64"'
    assert str(error.value) == f"export: {fact}\n  given {path}"
    interop.save(model, tmp_path / "m.onnx", dtype="float64")
    x = np.ones((2, 4))
    np.testing.assert_array_equal(interop.load(tmp_path / "m.onnx").predict(x), np.sin(x))


def _listed(found: Any) -> list[Any]:
    return list(found.values()) if isinstance(found, dict) else [found]
