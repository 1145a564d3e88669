"""What slides over what: geometry as strides. Forward, and towards the images, are the same walk with other numbers.

One rule: nothing here knows arrays or machines.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from convstep.checks import Array
from convstep.geometry import Axis

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Line:
    """One axis of a walk: `count` outputs from `place` in steps of `stride`.

    Output t meets cell first + t * step + q * tap with the weights taps[q].
    """

    count: int
    place: int
    stride: int
    first: int
    step: int
    tap: int
    taps: tuple[int, ...]

    def stays_inside(self, size: int) -> bool:
        """Return whether no window leaves the axis."""
        return self.first >= 0 and self.first + (self.count - 1) * self.step + (len(self.taps) - 1) * self.tap < size


@lru_cache(maxsize=1024)
def forward(axis: Axis) -> Line:
    """Return the walk of the windows themselves."""
    return Line(axis.out, 0, 1, -axis.pad[0], axis.stride, axis.dilation, tuple(range(axis.kernel)))


@lru_cache(maxsize=1024)
def backward(axis: Axis) -> tuple[Line, ...]:
    """Return the walks over the outputs that give the cells of the image: one for each phase of the stride.

    Cell h meets output i with tap k where i * stride + k * dilation = h + pad.
    """
    return tuple(_phase(axis, phase) for phase in range(min(axis.stride, axis.size)))


def _phase(axis: Axis, phase: int) -> Line:
    stride, dilation, shift = axis.stride, axis.dilation, phase + axis.pad[0]
    count = -(-(axis.size - phase) // stride)
    taps = tuple(k for k in range(axis.kernel) if (shift - k * dilation) % stride == 0)[::-1]
    if not taps:
        return Line(count, phase, stride, 0, 1, 1, ())
    tap = dilation // math.gcd(stride, dilation) if len(taps) > 1 else 1
    return Line(count, phase, stride, (shift - taps[0] * dilation) // stride, 1, tap, taps)


class Filters(NamedTuple):
    """How weights lie in memory, in numbers and bytes: those that are added up, those that give columns of their own, and the groups."""

    row: int
    column: int
    terms: int
    term: int
    columns: int
    across: int
    groups: int
    group: int


def straight(w: Array, groups: int) -> Filters:
    """Return how filters slide over x: channels are added up."""
    row, column, channel, filter_ = w.strides
    return Filters(row, column, w.shape[2], channel, w.shape[3] // groups, filter_, groups, w.shape[3] // groups * filter_)


def exchanged(w: Array, groups: int) -> Filters:
    """Return how filters slide over dy: filters are added up."""
    row, column, channel, filter_ = w.strides
    return Filters(row, column, w.shape[3] // groups, filter_, w.shape[2], channel, groups, w.shape[3] // groups * filter_)


def single_pixels(walk: tuple[Line, Line], size: int, *images: tuple[Shape, Shape]) -> bool:
    """Return whether windows are single pixels side by side, so that all images are one row of them."""
    ones = all(len(line.taps) == line.step == line.stride == 1 and line.place == 0 for line in walk)
    return ones and images[0][0][:3] == images[1][0][:3] and all(in_one_row(shape, strides, size) for shape, strides in images)


def in_one_row(shape: Shape, strides: Shape, size: int) -> bool:
    """Return whether all pixels lie at one distance from each other, and the channels of a pixel side by side."""
    return strides == (shape[1] * shape[2] * strides[2], shape[2] * strides[2], strides[2], size)


def contiguous(shape: Shape, strides: Shape, size: int) -> bool:
    """Return whether images lie in one piece."""
    return strides == (shape[1] * shape[2] * shape[3] * size, shape[2] * shape[3] * size, shape[3] * size, size)


def block_of(height: int, width: int, most: int, least: int) -> tuple[int, int]:
    """Return rows and columns of blocks of about `most` outputs: whole rows where they fit."""
    if width > most:
        return 1, -(-most // least) * least
    return max(min(height, most // width), 1), width


def reach_of(line: Line, count: int) -> int:
    """Return how many cells the windows of so many outputs reach over."""
    return (min(count, line.count) - 1) * line.step + (len(line.taps) - 1) * line.tap + 1
