"""Pools over any number of axes.

One rule: a largest value and a sum over a box are taken axis by axis; two axes of floats are `convstep.ops`.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from convstep import ops
from convstep.checks import Array
from convstep.geometry import Axis
from convstep.interop.onnx.operators.operator import Operator
from convstep.interop.onnx.operators.reading import Unfit, flag, real, room, whole, wholes
from convstep.interop.onnx.operators.windows import fits, images, padded, sliding
from convstep.interop.onnx.records import Node


def max_pool(node: Node, x: Array) -> list[Array]:
    """Take the largest value of every window, and where it lies in the images, if that is asked for."""
    asked, axes = _axes(node, x)
    by_column = flag(node, "storage_order")
    if len(node.outputs) > 1 and node.outputs[1]:
        return _with_indices(x, axes, by_column=by_column)
    if len(axes) == 2 and x.dtype.kind == "f" and x.dtype.itemsize >= 4:
        return [_plane(ops.max_pool2d, x, asked, axes, dilation_rate=tuple(axis.dilation for axis in axes))]
    return [_boxed(np.maximum, x, axes, _least(x.dtype))]


def average_pool(node: Node, x: Array) -> Array:
    """Take the mean of every window; the padding counts if `count_include_pad`, what hangs over it never does."""
    asked, axes = _axes(node, x)
    include = flag(node, "count_include_pad")
    if len(axes) == 2 and x.dtype.itemsize >= 4 and all(axis.dilation == 1 for axis in axes):
        return _plane(ops.average_pool2d, x, asked, axes, count_include_pad=include)
    sums = _boxed(np.add, x, axes, 0)
    for at, (axis, given) in enumerate(zip(axes, asked, strict=True), 2):
        cells = slice(0, given.padded) if include else axis.interior
        counts = np.array([axis.covered(i, cells) for i in range(axis.out)], x.dtype)
        sums = sums / counts.reshape(-1, *(1,) * (x.ndim - at - 1))
    return sums


def lp_pool(node: Node, x: Array) -> Array:
    """Take the p-norm of every window."""
    p = _power(node)
    _, axes = _axes(node, x)
    return _root(_boxed(np.add, np.abs(x) ** x.dtype.type(p), axes, 0), p)


def global_average_pool(_node: Node, x: Array) -> Array:
    """Take the mean of every channel."""
    return np.asarray(x.mean(axis=_all(x), keepdims=True))


def global_max_pool(_node: Node, x: Array) -> Array:
    """Take the largest value of every channel."""
    return np.asarray(x.max(axis=_all(x), keepdims=True))


def global_lp_pool(node: Node, x: Array) -> Array:
    """Take the p-norm of every channel."""
    p = _power(node)
    return _root((np.abs(x) ** x.dtype.type(p)).sum(axis=_all(x), keepdims=True), p)


def max_unpool(node: Node, x: Array, indices: Array, shape: Array | None = None) -> Array:
    """Put every value back where `MaxPool` found it, among zeros."""
    sizes = images(x)
    if indices.shape != x.shape:
        raise Unfit(f"indices of shape {indices.shape} do not fit {x.shape}")
    kernel = wholes(node, "kernel_shape", None, len(sizes), least=1)
    strides = wholes(node, "strides", (1,) * len(sizes), len(sizes), least=1)
    pads = wholes(node, "pads", (0,) * (2 * len(sizes)), 2 * len(sizes), least=0)
    axes = [Axis.transposed((pads[at], pads[at + len(sizes)]), size, kernel[at], stride=strides[at]) for at, size in enumerate(sizes)]
    smallest = (*x.shape[:2], *(axis.size for axis in axes))
    wanted = smallest if shape is None else tuple(shape.ravel().tolist())
    if len(wanted) != x.ndim or min(wanted) < 1:
        raise Unfit(f"output_shape must be {x.ndim} positive numbers, not {wanted}")
    y = np.zeros(room(wanted, x.dtype), x.dtype)
    room(smallest, x.dtype)
    if indices.size and not (indices.min() >= 0 and indices.max() < math.prod(smallest)):
        raise Unfit(f"indices must lie in 0 to {math.prod(smallest) - 1}, not {int(indices.min())} to {int(indices.max())}")
    places = np.unravel_index(indices.ravel(), smallest)
    if any(place.size and int(place.max()) >= size for place, size in zip(places, wanted, strict=True)):
        raise Unfit(f"an output of shape {wanted} does not hold all of {smallest}")
    y[places] = x.ravel()
    return y


def _axes(node: Node, x: Array) -> tuple[list[Axis], list[Axis]]:
    """Return the axes as the node has them, and as they are with what the last window of `ceil_mode` needs."""
    asked = sliding(node, x, wholes(node, "kernel_shape"))
    axes = [axis.rounded_up() for axis in asked] if flag(node, "ceil_mode") else asked
    for axis in axes:
        if axis.pad[0] >= axis.reach or axis.pad[1] >= axis.reach:
            raise Unfit(f"padding must be smaller than the window of {axis.reach}, not {axis.pad}")
    return asked, fits(axes, x)


def _plane(pool: Any, x: Array, asked: Sequence[Axis], axes: Sequence[Axis], **options: Any) -> Array:
    """Pool images with two axes."""
    y = pool(
        x.transpose(0, 2, 3, 1),
        tuple(axis.kernel for axis in axes),
        strides=tuple(axis.stride for axis in axes),
        padding=tuple(axis.pad for axis in asked),
        ceil_mode=any(new.pad != old.pad or new.out != old.out for new, old in zip(axes, asked, strict=True)),
        **options,
    )
    return np.asarray(y.transpose(0, 3, 1, 2))


def _boxed(combine: np.ufunc, x: Array, axes: Sequence[Axis], fill: Any) -> Array:
    """Combine the cells of every window, one axis after the other."""
    for at, axis in enumerate(axes, 2):
        cells = padded(x, at, axis, fill)
        before = (slice(None),) * at
        x = cells[*before, axis.tap(0)].copy()
        for k in range(1, axis.kernel):
            combine(x, cells[*before, axis.tap(k)], out=x)
    return x


def _with_indices(x: Array, axes: Sequence[Axis], *, by_column: bool) -> list[Array]:
    """Return the largest values and their places, counted over all of x."""
    places = np.arange(math.prod(x.shape[2:])).reshape(x.shape[2:], order="F" if by_column else "C")[None, None]
    cells, room_for = x, (*x.shape[:2], *(axis.out for axis in axes))
    for at, axis in enumerate(axes, 2):
        cells, places = padded(cells, at, axis, _least(x.dtype)), padded(places, at, axis, -1)
    best = np.full(room_for, _least(x.dtype), x.dtype)
    found = np.full(room_for, -1, np.int64)
    for taps in itertools.product(*(range(axis.kernel) for axis in axes)):
        cut = tuple(axis.tap(k) for axis, k in zip(axes, taps, strict=True))
        value, place = cells[:, :, *cut], places[:, :, *cut]
        better = ((value > best) | (found < 0)) & (place >= 0)
        best, found = np.where(better, value, best), np.where(better, place, found)
    starts = np.arange(math.prod(x.shape[:2])).reshape(*x.shape[:2], *(1,) * len(axes)) * math.prod(x.shape[2:])
    return [best, found + starts]


def _least(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _all(x: Array) -> tuple[int, ...]:
    images(x)
    return tuple(range(2, x.ndim))


def _power(node: Node) -> float:
    p = real(node, "p", 2) if node.opset < 2 else float(whole(node, "p", 2))
    if p < 1:
        raise Unfit(f"p must be at least 1, not {p:g}")
    return p


def _root(sums: Array, p: float) -> Array:
    return np.sqrt(sums) if p == 2 else sums ** sums.dtype.type(1 / p)


WINDOW = "auto_pad kernel_shape pads strides"
OPERATORS = [
    Operator("AveragePool", average_pool, "F", f"{WINDOW} count_include_pad"),
    Operator("AveragePool", average_pool, "F", f"{WINDOW} ceil_mode count_include_pad", since=10),
    Operator("AveragePool", average_pool, "F", f"{WINDOW} ceil_mode count_include_pad dilations", since=19),
    Operator("GlobalAveragePool", global_average_pool, "F"),
    Operator("GlobalLpPool", global_lp_pool, "F", "p"),
    Operator("GlobalMaxPool", global_max_pool, "F"),
    Operator("LpPool", lp_pool, "F", f"{WINDOW} p"),
    Operator("LpPool", lp_pool, "F", f"{WINDOW} p ceil_mode dilations", since=18),
    Operator("MaxPool", max_pool, "F", WINDOW),
    Operator("MaxPool", max_pool, "F", f"{WINDOW} storage_order", since=8),
    Operator("MaxPool", max_pool, "N", f"{WINDOW} ceil_mode dilations storage_order", since=10),
    Operator("MaxUnpool", max_unpool, "F L L?", "kernel_shape pads strides", since=9),
]
