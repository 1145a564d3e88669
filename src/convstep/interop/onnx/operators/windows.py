"""Sliding windows of convolutions and pools, for any number of axes. One rule: every size is one of `geometry.Axis`."""

from collections.abc import Sequence

import numpy as np

from convstep.checks import Array, counted, shown
from convstep.geometry import Axis, Padding
from convstep.interop.onnx.operators.reading import Unfit, room, wholes, word
from convstep.interop.onnx.records import Node

AUTOMATIC = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")


def images(x: Array) -> tuple[int, ...]:
    """Return the sizes of images behind their batch and channels."""
    if x.ndim < 3:
        raise Unfit(f"its images must have at least 3 axes, not {x.ndim}")
    if 0 in x.shape[1:]:
        raise Unfit(f"its images have no cells: their shape is {shown(x.shape)}")
    return x.shape[2:]


def sliding(node: Node, x: Array, kernel: Sequence[int]) -> list[Axis]:
    """Return the axes of a window over images, as strides, dilations, pads and auto_pad have them."""
    sizes = images(x)
    count = len(sizes)
    if len(kernel) != count or min(kernel) < 1:
        raise Unfit(f"a window of {shown(tuple(kernel))} does not fit {count} {'axis' if count == 1 else 'axes'}")
    strides = wholes(node, "strides", (1,) * count, count, least=1)
    dilations = wholes(node, "dilations", (1,) * count, count, least=1)
    automatic = word(node, "auto_pad", "NOTSET", AUTOMATIC)
    pads = wholes(node, "pads", (0,) * (2 * count), 2 * count, least=0) if automatic == "NOTSET" else ()
    axes = []
    for at, (size, cells, stride, dilation) in enumerate(zip(sizes, kernel, strides, dilations, strict=True)):
        padding: Padding = (pads[at], pads[at + count]) if pads else "valid" if automatic == "VALID" else "same"
        axis = Axis.padded_by(padding, size, cells, stride=stride, dilation=dilation)
        if automatic == "SAME_LOWER":
            axis = Axis(size, cells, stride, dilation, axis.pad[::-1])
        axes.append(axis)
    return axes


def fits(axes: Sequence[Axis], x: Array) -> list[Axis]:
    """Return the axes, if a window fits into each and the padded images are not too large."""
    for axis in axes:
        if axis.out < 1:
            raise Unfit(f"no window of {counted(axis.reach, 'cell')} fits into {counted(axis.padded, 'cell')}")
    room((*x.shape[:2], *(axis.padded for axis in axes)), x.dtype)
    return [axis.bounded() for axis in axes]


def padded(x: Array, at: int, axis: Axis, fill: float = 0) -> Array:
    """Return an array with one axis padded."""
    pads = [(0, 0)] * x.ndim
    pads[at] = axis.pad
    return np.pad(x, pads, constant_values=fill) if any(axis.pad) else x
