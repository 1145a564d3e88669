"""Convolution and its transpose over one, two, three or more axes.

One rule: two axes are `convstep.ops`; one is two of which the first has one cell; more are a sum over the cells of the first.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from convstep import ops
from convstep.checks import Array
from convstep.geometry import Axis
from convstep.interop.onnx.operators.operator import Operator
from convstep.interop.onnx.operators.reading import Unfit, room, whole, wholes, word
from convstep.interop.onnx.operators.windows import AUTOMATIC, fits, images, padded, sliding
from convstep.interop.onnx.records import Node

ONE = Axis(1, 1)


def conv(node: Node, x: Array, w: Array, b: Array | None = None) -> Array:
    """Slide filters (M, C / group, ...) over images (N, C, ...)."""
    groups = _fitting_filters(node, x, w)
    if x.shape[1] != w.shape[1] * groups:
        raise Unfit(f"images of {x.shape[1]} channels do not fit filters of {w.shape[1]} in group {groups}")
    if w.shape[0] % groups:
        raise Unfit(f"{w.shape[0]} filters do not fall into {groups} groups")
    _fitting_bias(b, w.shape[0])
    axes = fits(sliding(node, x, w.shape[2:]), x)
    room((x.shape[0], w.shape[0], *(axis.out for axis in axes)), x.dtype)
    return _with_bias(_correlate(x, w, axes, groups), b)


def conv_transpose(node: Node, x: Array, w: Array, b: Array | None = None) -> Array:
    """Spread every cell of images (N, C, ...) over a window, weighted by filters (C, M / group, ...)."""
    groups = _fitting_filters(node, x, w)
    if x.shape[1] != w.shape[0]:
        raise Unfit(f"images of {x.shape[1]} channels do not fit filters of {w.shape[0]}")
    if w.shape[0] % groups:
        raise Unfit(f"{w.shape[0]} channels do not fall into {groups} groups")
    axes, crops = _spread(node, images(x), w.shape[2:])
    channels = w.shape[1] * groups
    _fitting_bias(b, channels)
    room((x.shape[0], channels, *(axis.size for axis in axes)), x.dtype)
    shape = room((x.shape[0], channels, *(size for _, size in crops)), x.dtype)
    y = _scatter(x, w, [axis.bounded() for axis in axes], groups)
    if y.shape[2:] != shape[2:] or any(start for start, _ in crops):
        y = _cropped(y, crops)
    return _with_bias(y, b)


def _fitting_filters(node: Node, x: Array, w: Array) -> int:
    """Return the number of groups, if filters have the axes of images and the kernel that the node names."""
    images(x)
    if w.ndim != x.ndim or 0 in w.shape:
        raise Unfit(f"filters of shape {w.shape} do not fit images of shape {x.shape}")
    kernel = wholes(node, "kernel_shape", w.shape[2:], w.ndim - 2)
    if kernel != w.shape[2:]:
        raise Unfit(f"kernel_shape is {kernel}, but the filters have {w.shape[2:]}")
    return whole(node, "group", 1, least=1)


def _fitting_bias(b: Array | None, filters: int) -> None:
    if b is not None and b.shape != (filters,):
        raise Unfit(f"a bias of shape {b.shape} does not fit {filters} filters")


def _with_bias(y: Array, b: Array | None) -> Array:
    return y if b is None else y + b.reshape(-1, *(1,) * (y.ndim - 2))


def _correlate(x: Array, w: Array, axes: Sequence[Axis], groups: int) -> Array:
    if len(axes) == 1:
        return _correlate(x[:, :, None], w[:, :, None], [ONE, *axes], groups)[:, :, 0]
    if len(axes) == 2:
        options: dict[str, Any] = {"strides": tuple(axis.stride for axis in axes), "dilation_rate": tuple(axis.dilation for axis in axes)}
        padding = tuple(axis.pad for axis in axes)
        y = ops.conv2d(x.transpose(0, 2, 3, 1), w.transpose(2, 3, 1, 0), padding=padding, groups=groups, **options)
        return y.transpose(0, 3, 1, 2)
    first, *rest = axes
    x = padded(x, 2, first)
    return sum(_along(x[:, :, first.tap(k)], w[:, :, k], rest, groups) for k in range(first.kernel))  # type: ignore[return-value]


def _along(x: Array, w: Array, rest: Sequence[Axis], groups: int) -> Array:
    """Convolve every slice of the first axis alike."""
    slices = np.moveaxis(x, 2, 1)
    y = _correlate(slices.reshape(-1, *slices.shape[2:]), w, rest, groups)
    return np.moveaxis(y.reshape(*slices.shape[:2], *y.shape[1:]), 1, 2)


def _spread(node: Node, sizes: Sequence[int], kernel: Sequence[int]) -> tuple[list[Axis], list[tuple[int, int]]]:
    """Return the axes of the whole result, and where the wanted part of each starts and how many cells it has."""
    count = len(sizes)
    strides = wholes(node, "strides", (1,) * count, count, least=1)
    dilations = wholes(node, "dilations", (1,) * count, count, least=1)
    extra = wholes(node, "output_padding", (0,) * count, count, least=0)
    pads = wholes(node, "pads", (0,) * (2 * count), 2 * count)
    automatic = word(node, "auto_pad", "NOTSET", AUTOMATIC)
    wanted: Sequence[int | None] = wholes(node, "output_shape", least=1) if "output_shape" in node.attributes else (None,) * count
    wanted = wanted[2:] if len(wanted) == count + 2 else wanted
    if len(wanted) != count:
        raise Unfit(f"output_shape must be {count} numbers, not {len(wanted)}")
    axes = [
        Axis.transposed((0, 0), size, cells, stride=stride, dilation=dilation)
        for size, cells, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True)
    ]
    crops = []
    for at, (axis, size) in enumerate(zip(axes, sizes, strict=True)):
        full, out = axis.size + extra[at], wanted[at]
        if automatic.startswith("SAME") and out is None:
            out = min(size * strides[at], full)
        if out is None:
            before, after = (0, 0) if automatic == "VALID" else (pads[at], pads[at + count])
            out = full - before - after
        else:
            total = max(full - out, 0)
            before = total // 2 if automatic == "SAME_UPPER" else total - total // 2
        if out < 1:
            raise Unfit(f"padding leaves {out} of {full} cells")
        crops.append((before, out))
    return axes, crops


def _scatter(x: Array, w: Array, axes: Sequence[Axis], groups: int) -> Array:
    if len(axes) == 1:
        return _scatter(x[:, :, None], w[:, :, None], [ONE, *axes], groups)[:, :, 0]
    if len(axes) == 2:
        options = {"strides": tuple(axis.stride for axis in axes), "dilation_rate": tuple(axis.dilation for axis in axes)}
        parts = zip(np.split(x, groups, axis=1), np.split(w, groups), strict=True)
        made = [ops.conv2d_transpose(xs.transpose(0, 2, 3, 1), ws.transpose(2, 3, 1, 0), **options) for xs, ws in parts]
        return np.concatenate(made, axis=3).transpose(0, 3, 1, 2)
    first, *rest = axes
    slices = np.moveaxis(x, 2, 1)
    y: Array | None = None
    for k in range(first.kernel):
        spread = _scatter(slices.reshape(-1, *slices.shape[2:]), w[:, :, k], rest, groups)
        spread = np.moveaxis(spread.reshape(*slices.shape[:2], *spread.shape[1:]), 1, 2)
        y = np.zeros((*spread.shape[:2], first.size, *spread.shape[3:]), x.dtype) if y is None else y
        y[:, :, first.tap(k)] += spread
    return np.asarray(y)


def _cropped(y: Array, crops: Sequence[tuple[int, int]]) -> Array:
    """Return the wanted cells of each axis; those beyond what was spread are 0."""
    for at, (start, count) in enumerate(crops, 2):
        cells = [slice(None)] * y.ndim
        cells[at] = slice(max(start, 0), min(start + count, y.shape[at]))
        y = y[tuple(cells)]
        missing = (max(-start, 0), count - max(-start, 0) - y.shape[at])
        y = np.pad(y, [missing if axis == at else (0, 0) for axis in range(y.ndim)]) if any(missing) else y
    return y


WINDOW = "auto_pad dilations group kernel_shape pads strides"
OPERATORS = [
    Operator("Conv", conv, "F F F?", WINDOW),
    Operator("ConvTranspose", conv_transpose, "F F F?", f"{WINDOW} output_padding output_shape"),
]
