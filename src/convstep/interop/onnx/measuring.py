"""How large the arrays of a model become.

One rule: an array that would take more than `MOST_BYTES` is refused before any array is made, wherever its size can be told beforehand.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from convstep.checks import Array, shown
from convstep.errors import ConvStepError, DataError
from convstep.interop.onnx.lowering.any_order import ALIKE, LOWERINGS, TOGETHER
from convstep.interop.onnx.operator import Operator
from convstep.interop.onnx.operators import MOST_BYTES
from convstep.interop.onnx.records import Node, fact_of, node_refusal
from convstep.layers import Symbol
from convstep.models.graph import Graph, Part, call_key

Sizes: TypeAlias = tuple[int, ...]
NEVER_LARGER = frozenset(ALIKE) | {"Cast", "Slice", "Split"} | {kind for kind in LOWERINGS if kind.startswith("Reduce") or "oftmax" in kind}
SPREADING = frozenset(TOGETHER) | {"Add", "Max", "Mean", "Min", "Mul", "Sub", "Sum"}


def measure(graph: Graph, given: Sequence[Sizes], nodes: Mapping[str, Node]) -> None:
    """Refuse inputs of these shapes if an array on the way is too large.

    Raises
    ------
    DataError
        It names the node, by `nodes`: those of the file by the names of the layers that they became.
    """
    known: dict[int, Any] = {call_key(symbol): shape for symbol, shape in zip(graph.inputs, given, strict=True)}
    for node in graph.described:
        shapes = [_part(known.get(call_key(symbol)), symbol) for symbol in node.inputs]
        found = None if any(shape is None for shape in shapes) else _result(node.layer, shapes)
        known[call_key(node)] = found
        if isinstance(found, tuple):
            _refuse(node.layer, found, nodes)


def refused(graph: Graph, arrays: Sequence[Array], nodes: Mapping[str, Node]) -> DataError | None:
    """Return what to say of inputs that some layer refused: it names the node. None if no layer refuses them now."""
    known: dict[int, Any] = {call_key(symbol): array for symbol, array in zip(graph.inputs, arrays, strict=True)}
    for call in graph.described:
        given = [known[call_key(symbol)][symbol.place] if isinstance(symbol, Part) else known[call_key(symbol)] for symbol in call.inputs]
        try:
            known[call_key(call)] = call.layer.forward(given if call.layer.several else given[0], training=False, rng=None)[0]
        except ConvStepError as error:
            node = nodes.get(call.layer.name, Node(type(call.layer).__name__, 0, call.layer.name))
            return node_refusal(node, fact_of(error), "inputs of " + ", ".join(str(array.shape) for array in arrays))
    return None


def _part(shape: Any, symbol: Symbol) -> Any:
    return shape if not isinstance(symbol, Part) else symbol.shape if None not in symbol.shape else None


def _result(layer: Any, shapes: list[Sizes]) -> Sizes | None:
    """Return the shape of a layer's result, or None where nobody can tell."""
    if isinstance(layer, Operator):
        return _of_operator(layer, shapes)
    try:
        shape = layer.compute_output_shape(shapes if layer.several else shapes[0])
    except ConvStepError:
        return None  # whoever runs the layer hears of it
    return None if any(size is None for size in shape) else tuple(shape)


def _of_operator(layer: Operator, shapes: list[Sizes]) -> Sizes | None:
    told = tuple(layer.output_shape)
    if told and None not in told:
        return tuple(size or 0 for size in told)
    kind = layer.node.kind
    if kind in SPREADING and shapes:
        try:
            return tuple(np.broadcast_shapes(*shapes, *(item.value.shape for item in layer.parameters)))
        except ValueError:
            return None
    if kind in NEVER_LARGER and shapes and len(told) == len(shapes[0]):
        return tuple(have if size is None else size for size, have in zip(told, shapes[0], strict=True))
    return None


def _refuse(layer: Any, shape: Sizes, nodes: Mapping[str, Node]) -> None:
    size = math.prod(shape) * (8 if layer.dtype == np.float64 else 4)
    if size > MOST_BYTES:
        fact = f"a result of shape {shown(shape)} would take {shown(size)} bytes, more than {MOST_BYTES}"
        raise node_refusal(nodes.get(layer.name, Node(type(layer).__name__, 0, layer.name)), fact)
