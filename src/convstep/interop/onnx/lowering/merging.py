"""Operators with two inputs or more, as layers: inputs get one order of axes.

One rule: repeating along axes of length 1 is left to the layers, which do it as ONNX does where both have as many axes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from convstep.checks import Array
from convstep.interop.onnx.importing import FLOATS, Importing
from convstep.interop.onnx.lowering.any_order import common_order, spread
from convstep.interop.onnx.lowering.channels import aligned_to
from convstep.interop.onnx.lowering.patterns import activated
from convstep.interop.onnx.records import Node
from convstep.interop.onnx.values import Value
from convstep.layers import (
    Add,
    Average,
    BatchNormalization,
    Concatenate,
    Dense,
    Layer,
    Maximum,
    Multiply,
    Rescaling,
    Subtract,
    Symbol,
)

LAYERS: dict[str, type[Layer]] = {"Add": Add, "Max": Maximum, "Mean": Average, "Mul": Multiply, "Sub": Subtract, "Sum": Add}
SMALLEST = 1e-30  # of what is divided by, where its reciprocal may be multiplied with


def merged(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return what an operator makes of its inputs, entry by entry."""
    values = [value for value in given if value is not None]
    alike = len({value.dtype for value in values}) == 1 and values[0].dtype in FLOATS
    if len(values) < len(given) or not alike or any(value.sizes is None for value in values):
        return None
    if len(values) == 1:
        return Value(values[0].sizes, values[0].dtype, made.symbol(values[0]), values[0].order) if node.kind in LAYERS else None
    if len(values) == 2 and any(value.numbers is not None for value in values):
        return _with_constant(made, node, values)
    if any(value.constant is not None or not value.sizes for value in values) or len({value.axes for value in values}) > 1:
        return None
    sizes = spread([value.sizes or () for value in values], node.outputs[0])
    if node.kind not in LAYERS or sizes is None or len({_batch(value) for value in values}) > 1:
        return None
    order = common_order(values)
    symbols = [made.arranged(value, order) for value in values]
    symbol = activated(made, node, 1.0, symbols) if node.kind == "Mul" else None
    if symbol is None:
        symbol = made.call(node, LAYERS[node.kind](dtype=values[0].dtype), symbols)
    return Value(sizes, values[0].dtype, symbol, order)


def concatenated(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return inputs one after the other."""
    values = [value for value in given if value is not None and value.constant is None and value.axes > 1]
    axis = node.get("axis", 1)
    if len(values) < len(given) or len({value.axes for value in values}) > 1 or not -values[0].axes <= axis < values[0].axes:
        return None
    if len({value.dtype for value in values}) > 1:
        return None
    order = common_order(values)
    place = order.index(axis % len(order))
    if place == 0 or len(values) < 2:
        return None
    symbols = [made.arranged(value, order) for value in values]
    layer = Concatenate(axis=-1 if place == len(order) - 1 else place, dtype=values[0].dtype if values[0].dtype in FLOATS else "float32")
    return made.value(node, made.call(node, layer, symbols), order, values[0])


def _batch(value: Value) -> Any:
    return value.sizes[0] if value.sizes else None


# --- with numbers that are known ---


def _with_constant(made: Importing, node: Node, values: Sequence[Value]) -> Value | None:
    first = values[0].constant is None
    x, other = (values[0], values[1]) if first else (values[1], values[0])
    array = other.numbers
    aligned = None if array is None or x.constant is not None or not x.sizes else aligned_to(array, x)
    if aligned is None or any(size not in {1, have} for size, have in zip(aligned.shape, made.symbol(x).shape, strict=True)):
        return None
    if node.kind == "Add" and made.alone(node.inputs[0 if first else 1]):
        biased = _biased(made, node, x, aligned)
        if biased is not None:
            return biased
    rescaled = _scale_and_offset(node.kind, aligned, first=first)
    if rescaled is not None and aligned.size == 1 and not rescaled[1].any():
        symbol = activated(made, node, rescaled[0].item(), [made.symbol(x)])
        if symbol is not None:
            return made.value(node, symbol, x.order, x)
    if rescaled is not None and _along(aligned) in {None, x.axes - 1}:
        if made.alone(node.inputs[0 if first else 1]) and _absorbed(x, *rescaled):
            return Value(x.sizes, x.dtype, x.symbol, x.order)
        scale, offset = (item.astype(x.dtype).ravel() if item.size > 1 else item.astype(x.dtype).ravel()[0] for item in rescaled)
        return made.value(node, made.call(node, Rescaling(scale, offset, dtype=x.dtype), [made.symbol(x)]), x.order, x)
    return None


def _along(array: Array) -> int | None:
    """Return the only axis along which a constant differs; None for a single number, and -1 for several axes."""
    long = [axis for axis, size in enumerate(array.shape) if size > 1]
    return None if not long else long[0] if len(long) == 1 else -1


def _scale_and_offset(kind: str, array: Array, *, first: bool) -> tuple[Array, Array] | None:
    """Return what x is multiplied with and what is added, where an operator comes to that; `first` says that x is its first input."""
    one, zero = np.ones(1, array.dtype), np.zeros(1, array.dtype)
    if kind in {"Add", "Sum"}:
        return one, array
    if kind == "Sub":
        return (one, -array) if first else (-one, array)
    if kind == "Div" and first and np.all(np.abs(array.astype(np.float64)) > SMALLEST):
        return (1 / array.astype(np.float64)).astype(array.dtype), zero
    return (array, zero) if kind == "Mul" else None


def _absorbed(x: Value, scale: Array, offset: Array) -> bool:
    """Make a scale and an offset part of the batch normalization before them; return whether there is one that they fit."""
    layer: Any = x.symbol.layer if x.symbol else None
    if not isinstance(layer, BatchNormalization) or layer.axis not in {-1, x.axes - 1, x.place(1)} or x.place(1) != x.axes - 1:
        return False
    gamma, beta = layer.parameters[0], layer.parameters[1]
    gamma.value = (gamma.value * scale.ravel().astype(gamma.value.dtype)).astype(gamma.value.dtype)
    beta.value = (beta.value * scale.ravel() + offset.ravel()).astype(beta.value.dtype)
    return True


def _biased(made: Importing, node: Node, x: Value, aligned: Array) -> Value | None:
    """Return the dense layer before an addition with the constant as its bias."""
    symbol: Symbol = made.symbol(x)
    layer: Any = symbol.layer
    if not isinstance(layer, Dense) or layer.use_bias or _along(aligned) not in {None, aligned.ndim - 1}:
        return None
    biased = Dense(layer.units, kernel_initializer="zeros", dtype=layer.dtype)
    weights = {"kernel": layer.parameter("kernel"), "bias": np.broadcast_to(aligned.reshape(-1), (layer.units,))}
    return made.value(node, made.call(Node("MatMul", node.opset, layer.name), biased, symbol.inputs, weights), x.order, x)


LOWERINGS = {**dict.fromkeys([*LAYERS, "Div"], merged), "Concat": concatenated}
