"""The types and sizes of a node's results, where ONNX's look at the whole file did not find them.

One rule: what cannot be told is left open, never guessed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from convstep.checks import Array
from convstep.extras import require
from convstep.interop.onnx.reading import SMALL, Entry, Sizes
from convstep.interop.onnx.records import Node
from convstep.interop.onnx.values import Value


def foretold(node: Node, given: Sequence[Value | None]) -> dict[str, Entry]:
    """Return what can be told of results from what is known of the inputs by now."""
    if node.domain:
        return {}
    if node.kind == "Reshape" and len(given) > 1 and given[0] is not None and given[1] is not None and given[1].constant is not None:
        return {node.outputs[0]: Entry(node.outputs[0], given[0].dtype, _reshaped(node, given[0], given[1].constant))}
    if any(value is not None and value.sizes is None for value in given):
        return {}
    try:
        return _inferred(node, given)
    except Exception:  # noqa: BLE001 - whatever its C++ raises: the operator will say what is wrong, if anything is
        return {}


def _reshaped(node: Node, x: Value, shape: Array) -> Sizes:
    sizes: list[int | str] = []
    for axis, size in enumerate(shape.ravel().tolist()):
        kept = size == 0 and not node.get("allowzero", 0) and x.sizes is not None and axis < x.axes
        wanted = x.sizes[axis] if kept and x.sizes is not None else size
        sizes.append(wanted if isinstance(wanted, str) or wanted >= 0 else f"{node.outputs[0]}[{axis}]")
    return tuple(sizes)


def _inferred(node: Node, given: Sequence[Value | None]) -> dict[str, Entry]:
    """Return what ONNX infers for this node alone."""
    onnx = require("onnx", extra="onnx", op="onnx.load")
    helper, inference = onnx.helper, require("onnx.shape_inference", extra="onnx", op="onnx.load")
    types, data = {}, {}
    for name, value in zip(node.inputs, given, strict=True):
        if value is not None:
            dtype = np.dtype(np.int64) if value.dtype.kind == "O" and value.constant is not None else value.dtype
            types[name] = helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(dtype), list(value.sizes or ()))
            if value.numbers is not None and value.numbers.size <= SMALL:
                data[name] = onnx.numpy_helper.from_array(np.ascontiguousarray(value.numbers).reshape(value.numbers.shape), name)
    schema = require("onnx.defs", extra="onnx", op="onnx.load").get_schema(node.kind, node.opset, "")
    made = helper.make_node(node.kind, list(node.inputs), list(node.outputs), **_attributes(onnx, node.attributes))
    found = inference.infer_node_outputs(schema, made, types, data, opset_imports=[helper.make_opsetid("", node.opset)])
    return {name: entry for name, entry in ((name, _entry(helper, name, kind)) for name, kind in found.items()) if entry is not None}


def _attributes(onnx: Any, attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: onnx.numpy_helper.from_array(item) if isinstance(item, np.ndarray) else item for name, item in attributes.items()}


def _entry(helper: Any, name: str, kind: Any) -> Entry | None:
    if kind.WhichOneof("value") != "tensor_type" or not kind.tensor_type.HasField("shape"):
        return None
    sizes: list[int | str] = []
    for axis, item in enumerate(kind.tensor_type.shape.dim):
        sizes.append(item.dim_value if item.WhichOneof("value") == "dim_value" else item.dim_param or f"{name}[{axis}]")
    return Entry(name, np.dtype(helper.tensor_dtype_to_np_dtype(kind.tensor_type.elem_type)), tuple(sizes))
