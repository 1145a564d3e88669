"""Small ONNX files, and onnxruntime's numbers for them. One rule: a graph is written as a list of nodes, its weights as arrays."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from convstep.checks import Array

onnx = pytest.importorskip("onnx")
ORT = pytest.importorskip("onnxruntime")
IR = 9  # which every onnxruntime of the last years reads
Shape = Sequence[int | str | None]


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    """Return a node; names are words, and "-" is an input that is left out."""
    return onnx.helper.make_node(kind, ["" if name == "-" else name for name in inputs.split()], outputs.split(), **attributes)


def file(
    nodes: Sequence[Any],
    inputs: Mapping[str, Shape | tuple[Shape, type]],
    weights: Mapping[str, Any] | None = None,
    outputs: Sequence[str] | Mapping[str, Shape] | None = None,
    *,
    opset: int = 17,
    functions: Sequence[Any] = (),
    domains: Sequence[str] = (),
) -> Any:
    """Return a file's message. An input is a shape, or a shape and a type; outputs are those of the last node, unless they are named."""
    entries = [_entry(name, given) for name, given in inputs.items()]
    found = outputs if outputs is not None else [name for name in nodes[-1].output if name]
    ends = [_end(name, found[name] if isinstance(found, Mapping) else None) for name in found]
    kept = [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in (weights or {}).items()]
    graph = onnx.helper.make_graph(nodes, "small", entries, ends, kept)
    opsets = [onnx.helper.make_opsetid("", opset), *(onnx.helper.make_opsetid(domain, 1) for domain in domains)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=IR, functions=list(functions))


def theirs(proto: Any, given: Mapping[str, Array]) -> list[Array]:
    """Return onnxruntime's outputs."""
    options = ORT.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    options.graph_optimization_level = ORT.GraphOptimizationLevel.ORT_DISABLE_ALL
    content = proto if isinstance(proto, str) else proto.SerializeToString()
    found: list[Array] = ORT.InferenceSession(content, options, providers=["CPUExecutionProvider"]).run(None, dict(given))
    return found


def same(proto: Any, given: Mapping[str, Array], *, tolerance: float = 2e-5, **options: Any) -> Any:
    """Return the model, after it gave onnxruntime's numbers, types and shapes."""
    from convstep.interop import onnx as interop

    model = interop.load(proto, **options)
    found, wanted = model.predict(dict(given)), theirs(proto, given)
    arrays = list(found.values()) if isinstance(found, dict) else [found]
    if isinstance(found, dict) and not isinstance(proto, str):
        assert list(found) == [item.name for item in proto.graph.output]
    assert len(arrays) == len(wanted)
    for ours, other in zip(arrays, wanted, strict=True):
        assert ours.dtype == other.dtype
        assert ours.shape == other.shape
        if other.dtype.kind == "f":
            scale = float(np.max(np.abs(other), initial=1e-3, where=np.isfinite(other)))
            np.testing.assert_allclose(ours, other, rtol=0, atol=tolerance * scale)
        else:
            np.testing.assert_array_equal(ours, other)
    return model


def normal(rng: np.random.Generator, *shape: int) -> Array:
    """Return random numbers in float32."""
    return rng.standard_normal(shape).astype(np.float32)


def _entry(name: str, given: Any) -> Any:
    shape, kind = given if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], type) else (given, np.float32)
    return onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(np.dtype(kind)), shape)


def _end(name: str, shape: Shape | None) -> Any:
    kind = onnx.TensorProto.FLOAT if shape is not None else 0
    return onnx.helper.make_tensor_value_info(name, kind, shape) if kind else onnx.ValueInfoProto(name=name)
