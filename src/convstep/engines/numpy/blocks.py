"""Blocks: how much is worked on at a time, and which piece of the images that needs.

One rule: places count cells of the image itself, so padding begins below 0 and at its size.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from convstep.checks import Array
from convstep.geometry import Axis

PRODUCT = 4 << 20  # bytes of a block that goes into one matrix product: large enough for two threads
PASSES = 1 << 19  # bytes of a block that several passes read again: it stays in the second-level cache


def blocks(counts: Sequence[int], size: Callable[..., int], most: int) -> Iterator[tuple[slice, ...]]:
    """Cut a job of counts[0] x counts[1] x ... into blocks of size(n0, n1, ...) <= most, the first count before the second.

    A single cell may be larger than `most`; it is a block then.
    """
    steps = [max(count, 1) for count in counts]
    for axis in range(len(steps)):
        while steps[axis] > 1 and size(*steps) > most:
            steps[axis] = -(-steps[axis] // 2)
    cuts = [[slice(at, min(at + step, count)) for at in range(0, count, step)] for count, step in zip(counts, steps, strict=True)]
    return itertools.product(*cuts)


def length(part: slice) -> int:
    """Return how many cells a slice (start, stop) has."""
    return int(part.stop - part.start)


def overlap(corner: tuple[int, int], shape: tuple[int, int], images: tuple[int, ...]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return where a rectangle lies in images (N,H,W,C), and where that part lies in the rectangle."""
    inside, places = [], []
    for start, cells, size in zip(corner, shape, images[1:3], strict=True):
        low = min(max(start, 0), size)
        high = max(min(start + cells, size), low)
        inside.append(slice(low, high))
        places.append(slice(low - start, high - start))
    return (inside[0], inside[1]), (places[0], places[1])


def rectangle(x: Array, corner: tuple[int, int], shape: tuple[int, int]) -> Array:
    """Return a rectangle of all images, zero where it leaves them, each row contiguous: a view where x is so already."""
    inside, places = overlap(corner, shape, x.shape)
    part = x[:, *inside]
    pixel = x.shape[3] * x.itemsize
    if part.shape[1:3] == shape and x.strides[2:] == (pixel, x.itemsize):
        return part
    copy = np.zeros((x.shape[0], *shape, x.shape[3]), x.dtype)
    copy[:, *places] = part
    return copy


def met(axis: Axis, k: int, outputs: slice, origin: int = 0) -> tuple[slice, slice]:
    """Return which of the outputs meet the image with cell k of their window, and the cells that they meet.

    Outputs count from outputs.start, cells from `origin`.
    """
    shift = k * axis.dilation - axis.pad[0]
    first = max(outputs.start, -(shift // axis.stride))
    last = min(outputs.stop - 1, (axis.size - 1 - shift) // axis.stride)
    if last < first:
        return slice(0, 0), slice(0, 0)
    start = first * axis.stride + shift - origin
    return slice(first - outputs.start, last + 1 - outputs.start), slice(start, start + (last - first) * axis.stride + 1, axis.stride)


def under(axis: Axis, outputs: slice) -> slice:
    """Return the cells of the image from the first to the last that the outputs' windows reach."""
    low = min(max(outputs.start * axis.stride - axis.pad[0], 0), axis.size)
    high = min((outputs.stop - 1) * axis.stride + axis.reach - axis.pad[0], axis.size)
    return slice(low, max(low, high))
