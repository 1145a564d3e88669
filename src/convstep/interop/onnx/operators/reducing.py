"""Sums, means, extremes and the like along axes. One rule: the type that comes in goes out."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from convstep.checks import Array
from convstep.interop.onnx.operators.operator import Operator
from convstep.interop.onnx.operators.reading import Unfit, axes_of, axis_of, flag, listed, only, whole, wholes
from convstep.interop.onnx.records import Node

Reduction = Callable[..., Any]


def reduction(function: Reduction) -> Callable[..., Array]:
    """Return a function along axes, which an attribute or a second input names, as an operator."""

    def run(node: Node, x: Array, axes: Array | None = None) -> Array:
        named = wholes(node, "axes", ()) if axes is None else listed(axes, "axes")
        keep = flag(node, "keepdims", 1)
        along = axes_of(named, x.ndim)
        if not along and not flag(node, "noop_with_empty_axes"):
            along = tuple(range(x.ndim))
        return np.asarray(function(x, axis=along, keepdims=keep)).astype(x.dtype, copy=False)

    return run


def _sum(x: Array, **along: Any) -> Any:
    return x.sum(dtype=x.dtype, **along)


def _largest(x: Array, **along: Any) -> Any:
    return x.max(initial=_end(x.dtype, -1), **along)


def _smallest(x: Array, **along: Any) -> Any:
    return x.min(initial=_end(x.dtype, 1), **along)


def _end(dtype: np.dtype[Any], sign: int) -> Any:
    """Return what no value of a type lies beyond."""
    if dtype.kind == "f":
        return sign * np.inf
    if dtype.kind == "b":
        return sign > 0
    return np.iinfo(dtype).max if sign > 0 else np.iinfo(dtype).min


def _mean(x: Array, **along: Any) -> Any:
    sums = x.sum(dtype=x.dtype if x.dtype.kind == "f" else np.float64, **along)
    return sums / np.asarray(math.prod(x.shape[axis] for axis in along["axis"]), sums.dtype)


def _log_sum_exp(x: Array, **along: Any) -> Any:
    if x.dtype.kind != "f":
        x = x.astype(np.float64)
    top = x.max(axis=along["axis"], keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0)
    sums = np.log(np.exp(x - top).sum(**along))
    return sums + (top if along["keepdims"] else top.reshape(sums.shape))


REDUCTIONS: dict[str, tuple[Reduction, str]] = {
    "ReduceL1": (lambda x, **along: _sum(np.abs(x), **along), "N"),
    "ReduceL2": (lambda x, **along: np.sqrt(_sum(np.square(x), **along)), "N"),
    "ReduceLogSum": (lambda x, **along: np.log(_sum(x, **along)), "N"),
    "ReduceLogSumExp": (_log_sum_exp, "N"),
    "ReduceMax": (_largest, "A"),
    "ReduceMean": (_mean, "N"),
    "ReduceMin": (_smallest, "A"),
    "ReduceProd": (lambda x, **along: x.prod(dtype=x.dtype, **along), "N"),
    "ReduceSum": (_sum, "N"),
    "ReduceSumSquare": (lambda x, **along: _sum(np.square(x), **along), "N"),
}


def first_of(function: Callable[..., Any]) -> Callable[..., Array]:
    """Return `argmax` or `argmin` as an operator."""

    def run(node: Node, x: Array) -> Array:
        axis = axis_of(whole(node, "axis", 0), x.ndim)
        keep, last = flag(node, "keepdims", 1), flag(node, "select_last_index")
        if not x.shape[axis]:
            raise Unfit(f"axis {axis} has no values")
        if last:
            return np.asarray(x.shape[axis] - 1 - function(np.flip(x, axis), axis=axis, keepdims=keep)).astype(np.int64)
        return np.asarray(function(x, axis=axis, keepdims=keep)).astype(np.int64)

    return run


def running(function: np.ufunc, start: int) -> Callable[..., Array]:
    """Return the sums or products of all values up to each one as an operator."""

    def run(node: Node, x: Array, axis: Array) -> Array:
        at = axis_of(only(axis, "axis"), x.ndim)
        reverse, exclusive = flag(node, "reverse"), flag(node, "exclusive")
        x = np.flip(x, at) if reverse else x
        y = np.asarray(function.accumulate(x, axis=at, dtype=x.dtype))
        if exclusive and x.shape[at]:
            first = np.full_like(np.take(y, [0], at), start)
            y = np.concatenate([first, np.take(y, range(x.shape[at] - 1), at)], at)
        return np.flip(y, at) if reverse else y

    return run


OPERATORS = [
    *(Operator(name, reduction(function), takes, "axes keepdims") for name, (function, takes) in REDUCTIONS.items()),
    *(
        Operator(name, reduction(function), f"{takes} L?", "keepdims noop_with_empty_axes", since=13 if name == "ReduceSum" else 18)
        for name, (function, takes) in REDUCTIONS.items()
    ),
    Operator("ArgMax", first_of(np.argmax), "N", "axis keepdims"),
    Operator("ArgMax", first_of(np.argmax), "N", "axis keepdims select_last_index", since=12),
    Operator("ArgMin", first_of(np.argmin), "N", "axis keepdims"),
    Operator("ArgMin", first_of(np.argmin), "N", "axis keepdims select_last_index", since=12),
    Operator("CumProd", running(np.multiply, 1), "N I", "exclusive reverse", since=26),
    Operator("CumSum", running(np.add, 0), "N I", "exclusive reverse", since=11),
]
