"""Operators that have numbers of their own for each channel, as layers."""

from collections.abc import Sequence
from typing import Any

from convstep.checks import Array
from convstep.interop.onnx.importing import FLOATS, Importing
from convstep.interop.onnx.operator import LocalResponse
from convstep.interop.onnx.records import Node
from convstep.interop.onnx.values import IMAGES, Value, channels_last
from convstep.layers import BatchNormalization, Conv2D, Dense, DepthwiseConv2D, PReLU, Symbol
from convstep.models.predicting.planning import normalized

FILTERS = (Conv2D, DepthwiseConv2D, Dense)


def batch_normalization(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return batch normalization with the statistics of the file."""
    x, others = given[0], [None if value is None else value.numbers for value in given[1:]]
    if x is None or x.constant is not None or x.axes < 2 or x.dtype not in FLOATS or any(item is None for item in others):
        return None
    if any(item is not None and item.dtype.kind != "f" for item in others):
        return None
    if node.get("training_mode", 0) or not node.get("spatial", 1) or len(node.outputs) > 1:
        return None
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    weights = {name: item.astype(x.dtype) for name, item in zip(names, others, strict=True) if item is not None}
    layer = BatchNormalization(axis=x.place(1), epsilon=node.get("epsilon", 1e-5), momentum=node.get("momentum", 0.9), dtype=x.dtype)
    if made.fold and x.place(1) == x.axes - 1 and made.alone(node.inputs[0]) and _folded(made.symbol(x), layer, weights):
        return Value(x.sizes, x.dtype, x.symbol, x.order)
    return made.value(node, made.call(node, layer, [made.symbol(x)], weights), x.order, x)


def prelu(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return PReLU with the slopes of the file."""
    x, slope = given[0], given[1]
    if (
        x is None
        or slope is None
        or slope.numbers is None
        or x.constant is not None
        or x.axes < 2
        or x.dtype not in FLOATS
        or slope.dtype != x.dtype
    ):
        return None
    aligned = aligned_to(slope.numbers, x)
    if aligned is None or aligned.shape[0] != 1:
        return None
    shared = [axis for axis in range(1, x.axes) if aligned.shape[axis] == 1]
    sizes = made.symbol(x).shape
    if any(sizes[axis] != aligned.shape[axis] for axis in range(1, x.axes) if axis not in shared):
        return None
    layer = PReLU("zeros", shared_axes=shared, dtype=x.dtype)
    return made.value(node, made.call(node, layer, [made.symbol(x)], {"alpha": aligned[0]}), x.order, x)


def local_response(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return local response normalization on images with their channels last."""
    x = given[0]
    if x is None or x.constant is not None or x.axes != IMAGES or x.dtype not in FLOATS or node.get("size", 0) < 1:
        return None
    symbol = made.arranged(x, channels_last(IMAGES))
    layer = LocalResponse(node, {}, output_shape=symbol.shape)
    return made.value(node, made.call(node, layer, [symbol]), channels_last(IMAGES), x)


def aligned_to(array: Array, x: Value) -> Array | None:
    """Return a constant with as many axes as x, in the order of x's array; None if it has more."""
    if array.ndim > x.axes:
        return None
    return array.reshape((1,) * (x.axes - array.ndim) + array.shape).transpose(x.order)


def _folded(symbol: Symbol, normalization: BatchNormalization, weights: dict[str, Array]) -> bool:
    """Make normalization part of the filters before it; return whether that could be done."""
    layer: Any = symbol.layer
    if not isinstance(layer, FILTERS) or not layer.use_bias:
        return False
    kernel, bias = layer.parameters[0], layer.parameters[-1]
    if any(item.shape != bias.value.shape for item in weights.values()):
        return False
    normalization.build(symbol.shape)
    normalization.set_weights([weights[item.name] for item in normalization.parameters])
    shape = kernel.value.shape
    filters = kernel.value.reshape(*shape[:2], -1) if isinstance(layer, DepthwiseConv2D) else kernel.value
    folded, bias.value = normalized(filters, bias.value, normalization)
    kernel.value = folded.reshape(shape)
    return True


LOWERINGS = {"BatchNormalization": batch_normalization, "LRN": local_response, "PRelu": prelu}
