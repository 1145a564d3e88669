"""Operators of a file that was read, written back as they were.

One rule: a node stands in a file of another opset only where it means the same there.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from convstep.errors import DataError
from convstep.extras import require
from convstep.interop.onnx.operator import Operator
from convstep.interop.onnx.operators import VERSIONS
from convstep.interop.onnx.reading import wrong
from convstep.interop.onnx.records import Node
from convstep.interop.onnx.writing.draft import WIDE, Draft
from convstep.interop.onnx.writing.values import CHANNELS_FIRST, Call, Value, plain_order

CHANGED = {"Resize": (11,), "Split": (18,), "GroupNormalization": (21,)}  # the opsets from which an operator means something else


def opset_of(model: Any) -> int:
    """Return the newest opset that operators of a model come from; 0 for a model of layers alone."""
    return max((layer.node.opset for layer in model.layers if isinstance(layer, Operator)), default=0)


def operator(draft: Draft, call: Call) -> list[Value]:
    """Write the node of an Operator, with what it knows as constants.

    Raises
    ------
    DataError
        If the operator has changed between its opset and that of the file, or it computes in float64 where that is written as float32.
    """
    layer: Any = call.layer
    node = _as_of(layer.node, draft.opset, call.path)
    known = {place: item.value for place, item in zip(layer.places, layer.parameters, strict=True)}
    given = iter([draft.turned(draft.in_rows(x), plain_order(x.rank)) for x in call.inputs])
    places = range(len(node.inputs))
    inputs: list[Any] = [None if place in layer.absent else known[place] if place in known else next(given) for place in places]
    told = _told(node, inputs)
    types = [told.get(name, (np.dtype(np.float32), None))[0] for name in node.outputs]
    arrays = [item.dtype for item in (*inputs, *node.attributes.values()) if isinstance(item, Value | np.ndarray)]
    if not draft.wide and WIDE in {*types, *arrays}:
        fact = f'the operator {node.kind} of "{call.path}" computes in float64, which would be written as float32: ask for dtype="float64"'
        raise DataError(f"export: {fact}\n  given {call.path}")
    reads = [
        "" if item is None else item.key if isinstance(item, Value) else draft.constant(f"input_{place}", item, item.dtype)
        for place, item in enumerate(inputs)
    ]
    keys = draft.several(node.kind, reads, len(node.outputs), node.attributes)
    found = []
    for key, name, dtype in zip(keys, node.outputs, types, strict=True):
        shape = told.get(name, (None, None))[1]
        shape = tuple(layer.output_shape) if shape is None else shape
        found.append(Value(key, shape, dtype, plain_order(len(shape))))
    return found


def local_response(draft: Draft, call: Call) -> Value:
    """Write LRN, which has the channels of its images first in ONNX."""
    layer: Any = call.layer
    return draft.then("LRN", draft.turned(call.x, CHANNELS_FIRST), **layer.node.attributes)


def _as_of(node: Node, opset: int, path: str) -> Node:
    """Return the node in another opset."""
    there = replace(node, opset=opset)
    same = node.opset == opset or (
        (_version(node) == _version(there) or _grown(node, there))
        and wrong(there) is None
        and all((node.opset < since) == (opset < since) for since in CHANGED.get(node.kind, ()))
    )
    if not same:
        fact = f'the operator {node.kind} of "{path}" is one of opset {node.opset}, and another one in opset {opset}'
        raise DataError(f"export: {fact}\n  given {path}")
    return there


def _grown(node: Node, there: Node) -> bool:
    """Return whether an operator has only got more inputs and attributes that may be left out."""
    defs = require("onnx.defs", extra="onnx", op="export")
    old, new = (defs.get_schema(item.kind, item.opset, "") for item in (node, there))
    names = [[item.name for item in schema.inputs] for schema in (old, new)]
    same = all(
        name in new.attributes and str(item.default_value) == str(new.attributes[name].default_value)
        for name, item in old.attributes.items()
    )
    return node.opset < there.opset and old.min_input == new.min_input and names[1][: len(names[0])] == names[0] and same


def _version(node: Node) -> int:
    return max(version.since for version in VERSIONS[node.kind] if version.since <= node.opset)


def _told(node: Node, inputs: list[Any]) -> dict[str, tuple[np.dtype[Any], tuple[int | None, ...] | None]]:
    """Return the types of a node's results, and their shapes as far as ONNX can tell them."""
    onnx, defs, inference = (require(name, extra="onnx", op="export") for name in ("onnx", "onnx.defs", "onnx.shape_inference"))
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    types, data = {}, {}
    for name, item in zip(node.inputs, inputs, strict=True):
        if item is not None:
            types[name] = helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(item.dtype), list(item.shape))
            if isinstance(item, np.ndarray):
                data[name] = numpy_helper.from_array(np.ascontiguousarray(item).reshape(item.shape), name)
    attributes = {word: numpy_helper.from_array(item) if isinstance(item, np.ndarray) else item for word, item in node.attributes.items()}
    made = helper.make_node(node.kind, list(node.inputs), list(node.outputs), **attributes)
    schema = defs.get_schema(node.kind, node.opset, "")
    found = inference.infer_node_outputs(schema, made, types, data, opset_imports=[helper.make_opsetid("", node.opset)])
    return {name: _entry(helper, kind.tensor_type) for name, kind in found.items()}


def _entry(helper: Any, kind: Any) -> tuple[np.dtype[Any], tuple[int | None, ...] | None]:
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type))
    if not kind.HasField("shape"):
        return dtype, None
    return dtype, tuple(item.dim_value if item.HasField("dim_value") else None for item in kind.shape.dim)
