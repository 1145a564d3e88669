"""Activation functions. One rule: nothing overflows on the way, however large x is."""

import numpy as np

from convstep import ops
from convstep.checks import Array
from convstep.interop.onnx.operators.elementwise import erf, plain
from convstep.interop.onnx.operators.operator import Operator
from convstep.interop.onnx.operators.reading import Unfit, axis_of, only, real, whole, word
from convstep.interop.onnx.records import Node


def leaky_relu(node: Node, x: Array) -> Array:
    """Return x where x >= 0, else alpha * x."""
    return np.where(x < 0, typed(x, real(node, "alpha", 0.01)) * x, x)


def elu(node: Node, x: Array) -> Array:
    """Return x where x > 0, else alpha * (exp(x) - 1)."""
    return np.where(x > 0, x, typed(x, real(node, "alpha", 1.0)) * np.expm1(np.minimum(x, 0)))


def selu(node: Node, x: Array) -> Array:
    """Return gamma times `elu`."""
    alpha = typed(x, real(node, "alpha", 1.67326319217681884765625))
    gamma = typed(x, real(node, "gamma", 1.05070102214813232421875))
    y: Array = gamma * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))
    return y


def celu(node: Node, x: Array) -> Array:
    """Return x where x > 0, else alpha * (exp(x / alpha) - 1)."""
    alpha = typed(x, real(node, "alpha", 1.0))
    y: Array = np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(np.minimum(x, 0) / alpha))
    return y


def hard_sigmoid(node: Node, x: Array) -> Array:
    """Return alpha * x + beta, cut at 0 and 1."""
    line: Array = typed(x, real(node, "alpha", 0.2)) * x + typed(x, real(node, "beta", 0.5))
    return np.clip(line, 0, 1)


def thresholded_relu(node: Node, x: Array) -> Array:
    """Return x above alpha, else 0."""
    return np.where(x > typed(x, real(node, "alpha", 1.0)), x, np.zeros((), x.dtype))


def shrink(node: Node, x: Array) -> Array:
    """Move x towards 0 by the bias, where it is further than lambd from it; 0 elsewhere."""
    far, bias = real(node, "lambd", 0.5), real(node, "bias", 0.0)
    return np.where(x < -far, x + bias, np.where(x > far, x - bias, 0)).astype(x.dtype)


def gelu(node: Node, x: Array) -> Array:
    """Return x times the share of a normal distribution below x."""
    if word(node, "approximate", "none", ("none", "tanh")) == "tanh":
        return ops.gelu(x, approximate=True)
    return x * ((1 + erf(x * typed(x, np.sqrt(0.5)))) / 2)


def swish(node: Node, x: Array) -> Array:
    """Return x * sigmoid(alpha * x)."""
    return x * ops.sigmoid(typed(x, real(node, "alpha", 1.0)) * x)


def clip(node: Node, x: Array, low: Array | None = None, high: Array | None = None) -> Array:
    """Return x, at least `low` and at most `high`: attributes before opset 11, then inputs; without them, what the type can hold."""
    ends = np.finfo(x.dtype) if x.dtype.kind == "f" else np.iinfo(x.dtype)
    least = real(node, "min", float(ends.min)) if low is None else only(low, "min")
    most = real(node, "max", float(ends.max)) if high is None else only(high, "max")
    y = x if low is None and x.dtype.kind != "f" else np.maximum(x, np.asarray(least, x.dtype))
    return y if high is None and x.dtype.kind != "f" else np.minimum(y, np.asarray(most, x.dtype))


def softmax(node: Node, x: Array) -> Array:
    """Return shares that add up to 1 along the axis; before opset 13, along it and all behind it."""
    return ops.softmax(x, axis=_axes(node, x)) if x.size else x


def log_softmax(node: Node, x: Array) -> Array:
    """Return the logarithm of `softmax`."""
    return ops.log_softmax(x, axis=_axes(node, x)) if x.size else x


def hardmax(node: Node, x: Array) -> Array:
    """Return 1 at the first of the largest values along the axis, or before opset 13 along it and all behind it, else 0."""
    axes = _axes(node, x)
    kept = tuple(axis for axis in range(x.ndim) if axis not in axes)
    rows = x.transpose(*kept, *axes).reshape(*(x.shape[axis] for axis in kept), -1)
    y = np.zeros(rows.shape, x.dtype)
    if x.size:
        np.put_along_axis(y, rows.argmax(axis=-1)[..., None], np.ones((), x.dtype), axis=-1)
    return y.reshape([x.shape[axis] for axis in (*kept, *axes)]).transpose(np.argsort((*kept, *axes)))


def _axes(node: Node, x: Array) -> tuple[int, ...]:
    if x.ndim == 0:
        raise Unfit("its input has no axes")
    old = node.opset < 13
    axis = axis_of(whole(node, "axis", 1 if old and x.ndim > 1 else -1), x.ndim)
    return tuple(range(axis, x.ndim)) if old else (axis,)


def typed(x: Array, value: float) -> Array:
    """Return a number in the type of x."""
    return np.asarray(value, x.dtype)


OPERATORS = [
    Operator("Celu", celu, "F", "alpha", since=12),
    Operator("Clip", clip, "F", "min max"),
    Operator("Clip", clip, "N N? N?", since=11),
    Operator("Elu", elu, "F", "alpha"),
    Operator("Gelu", gelu, "F", "approximate", since=20),
    Operator("HardSigmoid", hard_sigmoid, "F", "alpha beta"),
    Operator("HardSwish", plain(ops.hard_silu), "F", since=14),
    Operator("Hardmax", hardmax, "F", "axis"),
    Operator("LeakyRelu", leaky_relu, "F", "alpha"),
    Operator("LogSoftmax", log_softmax, "F", "axis"),
    Operator("Mish", plain(ops.mish), "F", since=18),
    Operator("Relu", plain(lambda x: np.maximum(x, 0)), "N"),
    Operator("Selu", selu, "F", "alpha gamma"),
    Operator("Shrink", shrink, "N", "lambd bias", since=9),
    Operator("Sigmoid", plain(ops.sigmoid), "F"),
    Operator("Softmax", softmax, "F", "axis"),
    Operator("Softplus", plain(ops.softplus), "F"),
    Operator("Softsign", plain(ops.softsign), "F"),
    Operator("Swish", swish, "F", "alpha", since=24),
    Operator("Tanh", plain(ops.tanh), "F"),
    Operator("ThresholdedRelu", thresholded_relu, "F", "alpha", since=10),
]
