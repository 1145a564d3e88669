"""Normalization: values are centred and scaled by statistics of their own, or of the training set.

One rule: statistics of half-precision values are of their float32.
"""

import math
from typing import Any

import numpy as np

from convstep.checks import Array
from convstep.interop.onnx.operators.operator import Operator
from convstep.interop.onnx.operators.reading import Unfit, axes_of, axis_of, flag, real, together, whole, wholes
from convstep.interop.onnx.records import Node


def batch_normalization(node: Node, *given: Array) -> list[Array]:
    """Scale every channel by the statistics that training left, or in `training_mode` by the batch's own, which it returns as well."""
    x, scale, bias, mean, var = given
    if not flag(node, "spatial", 1):
        raise Unfit("statistics for each cell (spatial = 0) are not supported")
    channels = _channels(x)
    for name, values in {"scale": scale, "B": bias, "mean": mean, "var": var}.items():
        if values.shape != (channels,):
            raise Unfit(f"{name} must have the shape ({channels},), not {values.shape}")
    training = flag(node, "training_mode") if node.opset >= 14 else any(node.outputs[1:]) or (node.opset < 7 and not flag(node, "is_test"))
    if training and node.opset < 14:
        raise Unfit("training before opset 14 is not supported")
    columns = (-1, *(1,) * (x.ndim - 2))
    running = []
    if training:
        axes = tuple(axis for axis in range(x.ndim) if axis != 1)
        if not x.size:
            raise Unfit("there are no values to train on")
        keep = real(node, "momentum", 0.9)
        now, spread = x.mean(axis=axes), x.var(axis=axes)
        running = [_like(mean, mean * keep + now * (1 - keep)), _like(var, var * keep + spread * (1 - keep))]
        mean, var = now, spread
    factor = scale / np.sqrt(var + real(node, "epsilon", 1e-5))
    y = x * factor.reshape(columns) + (bias - mean * factor).reshape(columns)
    return [_like(x, y), *running]


def instance_normalization(node: Node, x: Array, scale: Array, bias: Array) -> Array:
    """Give every channel of every image mean 0 and variance 1, then scale and shift it."""
    channels = _channels(x)
    if x.ndim < 3 or scale.shape != (channels,) or bias.shape != (channels,):
        raise Unfit(f"scale and B must have the shape ({channels},), not {scale.shape} and {bias.shape}")
    columns = (-1, *(1,) * (x.ndim - 2))
    y = _standard(x, tuple(range(2, x.ndim)), real(node, "epsilon", 1e-5))
    scaled: Array = y * scale.reshape(columns) + bias.reshape(columns)
    return scaled


def group_normalization(node: Node, x: Array, scale: Array, bias: Array) -> Array:
    """Give every group of channels of every image mean 0 and variance 1; scale and shift by group before opset 21, then by channel."""
    groups, channels = whole(node, "num_groups", least=1), _channels(x)
    if channels % groups:
        raise Unfit(f"{channels} channels do not fall into {groups} groups")
    rows = groups if node.opset < 21 else channels
    if scale.shape != (rows,) or bias.shape != (rows,):
        raise Unfit(f"scale and bias must have the shape ({rows},), not {scale.shape} and {bias.shape}")
    grouped = x.reshape(x.shape[0], groups, -1)
    y = _standard(grouped, (2,), real(node, "epsilon", 1e-5)).reshape(x.shape)
    columns = (-1, *(1,) * (x.ndim - 2))
    scale, bias = (np.repeat(values, channels // rows).reshape(columns) for values in (scale, bias))
    scaled: Array = y * scale + bias
    return scaled


def layer_normalization(node: Node, x: Array, scale: Array, bias: Array | None = None) -> list[Array]:
    """Give the values from an axis on mean 0 and variance 1, then scale and shift them; also the means and 1 / deviations."""
    wide = x if x.dtype == np.float64 else x.astype(np.float32)
    axes = _trailing(node, x, scale)
    mean = wide.mean(axis=axes, keepdims=True)
    centred = wide - mean
    inverse = 1 / np.sqrt(np.square(centred).mean(axis=axes, keepdims=True) + wide.dtype.type(real(node, "epsilon", 1e-5)))
    y = centred * inverse * scale
    if bias is not None:
        _trailing(node, x, bias)
        y = y + bias
    return [_like(x, y), mean, inverse]


def rms_normalization(node: Node, x: Array, scale: Array) -> Array:
    """Divide the values from an axis on by the root of their mean square, then scale them."""
    wide = x if x.dtype == np.float64 else x.astype(np.float32)
    axes = _trailing(node, x, scale)
    square = np.square(wide).mean(axis=axes, keepdims=True)
    return _like(scale, wide / np.sqrt(square + wide.dtype.type(real(node, "epsilon", 1e-5))) * scale)


def local_response_normalization(node: Node, x: Array) -> Array:
    """Divide by the squares of the neighbouring channels: of an even number of them one more lies behind."""
    size, channels = whole(node, "size", least=1), _channels(x)
    alpha, beta, bias = real(node, "alpha", 1e-4), real(node, "beta", 0.75), real(node, "bias", 1.0)
    squares, sums = np.square(x), np.zeros_like(x)
    before, after = (size - 1) // 2, size // 2
    for step in range(-min(before, channels - 1), min(after, channels - 1) + 1):
        low, high = max(-step, 0), channels - max(step, 0)
        sums[:, low:high] += squares[:, low + step : high + step]
    y: Array = x / (bias + alpha / size * sums) ** x.dtype.type(beta)
    return y


def lp_normalization(node: Node, x: Array) -> Array:
    """Divide by the 1-norm or the 2-norm along an axis; where that is 0, so is the result."""
    axis, p = axis_of(whole(node, "axis", -1), x.ndim), whole(node, "p", 2)
    if p not in {1, 2}:
        raise Unfit(f"p must be 1 or 2, not {p}")
    norm = np.abs(x).sum(axis=axis, keepdims=True) if p == 1 else np.sqrt(np.square(x).sum(axis=axis, keepdims=True))
    return np.where(norm == 0, 0, x / norm).astype(x.dtype)


def mean_variance_normalization(node: Node, x: Array) -> Array:
    """Give the values along axes mean 0 and variance 1."""
    axes = axes_of(wholes(node, "axes", (0, 2, 3)), x.ndim)
    if not x.size:
        return x
    centred = x - x.mean(axis=axes, keepdims=True)
    y: Array = centred / (np.sqrt(np.square(centred).mean(axis=axes, keepdims=True)) + x.dtype.type(1e-9))
    return y


def _channels(x: Array) -> int:
    if x.ndim < 2:
        raise Unfit(f"its input must have at least 2 axes, not {x.ndim}")
    return int(x.shape[1])


def _standard(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    if not x.size:
        return x
    centred = x - x.mean(axis=axes, keepdims=True)
    y: Array = centred / np.sqrt(np.square(centred).mean(axis=axes, keepdims=True) + x.dtype.type(epsilon))
    return y


def _trailing(node: Node, x: Array, scale: Array) -> tuple[int, ...]:
    """Return the axes that are normalized, if a scale broadcasts to x."""
    axis = axis_of(whole(node, "axis", -1), x.ndim)
    if whole(node, "stash_type", 1) != 1:
        raise Unfit(f"stash_type must be 1 (float32), not {whole(node, 'stash_type')}")
    if together(x.shape, scale.shape) != x.shape:
        raise Unfit(f"a scale of shape {scale.shape} does not broadcast to {x.shape}")
    if not math.prod(x.shape[axis:]):
        raise Unfit("there are no values to normalize")
    return tuple(range(axis, x.ndim))


def _like(x: Array, y: Any) -> Array:
    result: Array = y.astype(x.dtype, copy=False)
    return result


OPERATORS = [
    Operator("BatchNormalization", batch_normalization, "F f f f f", "epsilon is_test momentum spatial"),
    Operator("BatchNormalization", batch_normalization, "F f f f f", "epsilon momentum spatial", since=7),
    Operator("BatchNormalization", batch_normalization, "F f f f f", "epsilon momentum", since=9),
    Operator("BatchNormalization", batch_normalization, "F f f f f", "epsilon momentum training_mode", since=14),
    Operator("GroupNormalization", group_normalization, "F F F", "epsilon num_groups", since=18),
    Operator("GroupNormalization", group_normalization, "F F F", "epsilon num_groups stash_type", since=21),
    Operator("InstanceNormalization", instance_normalization, "F F F", "epsilon"),
    Operator("LRN", local_response_normalization, "F", "alpha beta bias size"),
    Operator("LayerNormalization", layer_normalization, "F F F?", "axis epsilon stash_type", since=17, wide=False),
    Operator("LpNormalization", lp_normalization, "F", "axis p"),
    Operator("MeanVarianceNormalization", mean_variance_normalization, "F", "axes", since=9),
    Operator("RMSNormalization", rms_normalization, "F f", "axis epsilon stash_type", since=23, wide=False),
]
