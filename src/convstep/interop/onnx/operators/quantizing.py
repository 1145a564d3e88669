"""Floats as small integers with a scale, and back. One rule: sums of integers are formed in float64, which holds them all."""

from typing import Any

import numpy as np

from convstep.checks import Array
from convstep.interop.onnx.operators.convolution import conv
from convstep.interop.onnx.operators.making import dtype_of, to_type
from convstep.interop.onnx.operators.matrices import product_shape
from convstep.interop.onnx.operators.operator import Operator
from convstep.interop.onnx.operators.reading import Unfit, axis_of, flag, room, whole
from convstep.interop.onnx.records import Node


def quantize(node: Node, x: Array, scale: Array, zero: Array | None = None) -> Array:
    """Return x / scale + zero, rounded to even and cut off at the ends of its type."""
    number = whole(node, "output_dtype", 0)
    dtype = zero.dtype if zero is not None else dtype_of(number) if number else np.dtype(np.uint8)
    if zero is not None and number and dtype_of(number) != dtype:
        raise Unfit(f"output_dtype is {dtype_of(number).name}, but zero points are {dtype.name}")
    wide = np.dtype(np.float64 if x.dtype == np.float64 else np.float32)
    if whole(node, "precision", 0):
        wide = dtype_of(whole(node, "precision"))
    scales, zeros = _spread(node, x, scale, zero)
    room(x.shape, np.float32)
    steps = (x.astype(wide) / scales.astype(wide)).astype(np.float64 if x.dtype == np.float64 else np.float32)
    if "float" in dtype.name:
        return to_type(steps + zeros.astype(steps.dtype), dtype, saturate=flag(node, "saturate", 1))
    return saturated(np.rint(steps) + zeros.astype(steps.dtype), dtype)


def dequantize(node: Node, x: Array, scale: Array, zero: Array | None = None) -> Array:
    """Return (x - zero) * scale, in the type of the scale or the one asked for."""
    dtype = dtype_of(whole(node, "output_dtype")) if whole(node, "output_dtype", 0) else scale.dtype
    if zero is not None and zero.dtype != x.dtype:
        raise Unfit(f"values are {x.dtype.name}, but zero points {zero.dtype.name}")
    scales, zeros = _spread(node, x, scale, zero)
    room(x.shape, np.float32)
    if "float" in x.dtype.name:
        steps = x.astype(np.float32) - zeros.astype(np.float32)
    else:
        steps = (x.astype(np.int64) - zeros.astype(np.int64)).astype(np.float32)
    return (steps * scales.astype(np.float32)).astype(dtype)


def quantize_dynamically(_node: Node, x: Array) -> list[Array]:
    """Return x as bytes, with the scale and the zero point that its own range has."""
    low, high = min(float(x.min(initial=0)), 0.0), max(float(x.max(initial=0)), 0.0)
    scale = np.float32((high - low) / 255) or np.float32(1)
    zero = np.rint(np.clip(np.float32(0 - low) / scale, 0, 255)).astype(np.uint8)
    return [saturated(np.rint(x / scale) + np.float32(zero), np.dtype(np.uint8)), np.asarray(scale, np.float32), zero]


def matmul_integer(_node: Node, *given: Array) -> Array:
    """Multiply matrices of integers, counted from their zero points."""
    a, b, a_zero, b_zero = given
    room(product_shape(a, b), np.int32)
    return (_centred(a, a_zero, -2) @ _centred(b, b_zero, -1)).astype(np.int64).astype(np.int32)


def conv_integer(node: Node, *given: Array) -> Array:
    """Slide filters of integers over images of integers, counted from their zero points."""
    x, w, x_zero, w_zero = given
    return conv(node, _centred(x, x_zero, None), _centred(w, w_zero, 0)).astype(np.int64).astype(np.int32)


def quantized_matmul(_node: Node, *given: Array) -> Array:
    """Multiply matrices of quantized floats."""
    a, a_scale, a_zero, b, b_scale, b_zero, scale, zero = given
    room(product_shape(a, b), np.int32)
    sums = _centred(a, a_zero, -2) @ _centred(b, b_zero, -1)
    factor = _column(a_scale, a.ndim, -2) * _column(b_scale, b.ndim, -1) / scale
    return saturated(np.rint(sums.astype(np.float32) * factor) + zero.astype(np.float32), zero.dtype)


def quantized_conv(node: Node, *given: Any) -> Array:
    """Slide quantized filters over quantized images; the bias counts steps of both scales."""
    x, x_scale, x_zero, w, w_scale, w_zero, scale, zero, bias = given
    sums = conv(node, _centred(x, x_zero, None), _centred(w, w_zero, 0), None if bias is None else bias.astype(np.float64))
    factor = _column(x_scale * w_scale / scale, x.ndim, 1)
    return saturated(np.rint(sums.astype(np.float32) * factor) + zero.astype(np.float32), zero.dtype)


def saturated(values: Array, dtype: np.dtype[Any]) -> Array:
    """Return whole numbers in a type of integers, cut off at its ends."""
    low, high = LIMITS.get(dtype.name) or (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    return np.clip(values, low, high).astype(np.int32).astype(dtype)


LIMITS = {"int4": (-8, 7), "uint4": (0, 15), "int2": (-2, 1), "uint2": (0, 3)}


def _spread(node: Node, x: Array, scale: Array, zero: Array | None) -> tuple[Array, Array]:
    """Return scales and zero points that broadcast to x: one for all, one for each place of an axis, or one for each block of it."""
    zeros = np.zeros(scale.shape, np.int32) if zero is None else zero
    if zeros.shape != scale.shape and not zeros.size == scale.size == 1:
        raise Unfit(f"zero points of shape {zeros.shape} do not fit scales of shape {scale.shape}")
    block = whole(node, "block_size", 0, least=0)
    if scale.size == 1 and not block:
        return scale.reshape(()), zeros.reshape(())
    axis = axis_of(whole(node, "axis", 1), x.ndim)
    if not block:
        if scale.shape != (x.shape[axis],):
            raise Unfit(f"scales of shape {scale.shape} do not fit axis {axis} of {x.shape}")
        return _column(scale, x.ndim, axis), _column(zeros, x.ndim, axis)
    blocks = (*x.shape[:axis], -(-x.shape[axis] // block), *x.shape[axis + 1 :])
    if scale.shape != blocks:
        raise Unfit(f"scales of shape {scale.shape} do not fit blocks of {block} along axis {axis} of {x.shape}")
    places = np.arange(x.shape[axis]) // block
    return np.take(scale, places, axis), np.take(zeros, places, axis)


def _column(values: Array, rank: int, axis: int) -> Array:
    """Lay numbers along one axis of many."""
    if values.ndim > 1:
        return values
    return values.reshape(-1, *(1,) * (rank - 1 - axis % rank)) if values.size > 1 else values.reshape(())


def _centred(x: Array, zero: Array | None, axis: int | None) -> Array:
    """Return integers minus their zero point, or one for each place of an axis, in float64."""
    room(x.shape, np.float64)
    if zero is None:
        return x.astype(np.float64)
    if zero.size > 1 and (axis is None or (zero.ndim == 1 and zero.size != x.shape[axis])):
        raise Unfit(f"zero points of shape {zero.shape} do not fit {x.shape}")
    y: Array = x.astype(np.float64) - (zero.reshape(()) if axis is None else _column(zero, x.ndim, axis)).astype(np.float64)
    return y


WINDOW = "auto_pad dilations group kernel_shape pads strides"
OPERATORS = [
    Operator("ConvInteger", conv_integer, "z z z? z?", WINDOW, since=10),
    Operator("DequantizeLinear", dequantize, "a f a?", since=10, wide=False),
    Operator("DequantizeLinear", dequantize, "a f a?", "axis", since=13, wide=False),
    Operator("DequantizeLinear", dequantize, "a f a?", "axis block_size", since=21, wide=False),
    Operator("DequantizeLinear", dequantize, "a a a?", "axis block_size output_dtype", since=23, wide=False),
    Operator("DynamicQuantizeLinear", quantize_dynamically, "F", since=11, wide=False),
    Operator("MatMulInteger", matmul_integer, "z z z? z?", since=10),
    Operator("QLinearConv", quantized_conv, "z f z z f z f z z?", WINDOW, since=10),
    Operator("QLinearMatMul", quantized_matmul, "z f z z f z f z", since=10, wide=False),
    Operator("QuantizeLinear", quantize, "n f a?", since=10, wide=False),
    Operator("QuantizeLinear", quantize, "n f a?", "axis", since=13, wide=False),
    Operator("QuantizeLinear", quantize, "n f a?", "axis saturate", since=19, wide=False),
    Operator("QuantizeLinear", quantize, "n f a?", "axis block_size output_dtype saturate", since=21, wide=False),
    Operator("QuantizeLinear", quantize, "n a a?", "axis block_size output_dtype precision saturate", since=23, wide=False),
]
