"""Pooling in two passes, one along each axis: the largest of a window is the largest of the largest of its columns, or of its rows.

One rule: only cells of the image are met, never padding, and nothing is added up but the cells of one window.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from convstep.checks import Array
from convstep.engines import Ties
from convstep.engines.numpy.blocks import PASSES, blocks, length, met, under
from convstep.geometry import Axis, Window2d


@np.errstate(all="ignore")
def max_pool(x: Array, window: Window2d, *, out: Array | None = None) -> Array:
    """Take the largest value of each window; see `Engine`."""
    return _at(out, _pool(x, window, np.maximum, -np.inf))


@np.errstate(all="ignore")
def window_sum(x: Array, window: Window2d, *, mean: bool = False, out: Array | None = None) -> Array:
    """Add up each window; see `Engine`."""
    y = _pool(x, window, np.add, 0.0)
    if mean:
        rows, columns = ([axis.covered(i, axis.interior) for i in range(axis.out)] for axis in (window.height, window.width))
        y /= np.multiply.outer(rows, columns)[:, :, None].astype(y.dtype)
    return _at(out, y)


def _at(out: Array | None, y: Array) -> Array:
    """Return a result, where the caller wants it."""
    if out is None:
        return y
    out[...] = y
    return out


@np.errstate(all="ignore")
def max_pool_to_x(dy: Array, x: Array, window: Window2d, ties: Ties, *, floor: bool = False) -> Array:
    """Hand dy to the largest value of each window; see `Engine`."""
    dx = np.zeros(x.shape, dy.dtype)
    for block in _blocks(x, window):
        # "all": x == y exactly where x is the largest of its column and that the largest of the window.
        # "first": in reading order the first row that holds y is the first whose largest is y, and there the first cell.
        near, far = (block.rows, block.columns) if ties == "all" else (block.columns, block.rows)
        cells = block.cells(x)
        half = _fold(cells, near, np.maximum, -np.inf)
        y = _fold(half, far, np.maximum, -np.inf)
        d_half = np.zeros(half.shape, dy.dtype)
        _claim(block.outputs(dy), (y, half), far, ties, dx=d_half, once=far.apart)
        _claim(d_half, (half, cells), near, ties, dx=block.cells(dx), once=far.apart and near.apart)
    if floor:
        np.copyto(dx, 0, where=~(x > 0))
    return dx


@np.errstate(all="ignore")
def window_sum_to_x(dy: Array, window: Window2d) -> Array:
    """Hand dy to every cell of its window; see `Engine`."""
    dx = np.zeros((dy.shape[0], window.height.size, window.width.size, dy.shape[3]), dy.dtype)
    for block in _blocks(dx, window):
        part = block.cells(dx)
        half = np.zeros((*part.shape[:1], length(block.rows.outputs), *part.shape[2:]), dy.dtype)
        for outputs, cells in block.columns.taps():
            half[cells] += block.outputs(dy)[outputs]
        for outputs, cells in block.rows.taps():
            part[cells] += half[outputs]
    return dx


@dataclass(frozen=True)
class _Part:
    """A range of outputs along one axis (1 or 2) of (N,H,W,C)."""

    axis: Axis
    along: int
    outputs: slice

    @property
    def cells(self) -> slice:
        """The cells of the image under the outputs."""
        return under(self.axis, self.outputs)

    @property
    def apart(self) -> bool:
        """Whether no cell is in two windows."""
        return self.axis.stride >= self.axis.reach

    def taps(self) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
        """Yield (outputs, cells) for each cell of the window: the outputs that meet the image with it, and the cells that they meet."""
        before = (slice(None),) * self.along
        for k in range(self.axis.kernel):
            outputs, cells = met(self.axis, k, self.outputs, self.cells.start)
            if outputs.stop > outputs.start:
                yield (*before, outputs), (*before, cells)

    def windows(self) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
        """Yield (output, cells) for each output: itself, and the cells of the image in its window."""
        before, axis = (slice(None),) * self.along, self.axis
        for output in range(self.outputs.start, self.outputs.stop):
            first = output * axis.stride - axis.pad[0]
            start = first if first >= 0 else first % axis.dilation
            place, stop = output - self.outputs.start, min(first + axis.reach, axis.size)
            if stop > start:
                yield (*before, slice(place, place + 1)), (*before, slice(start - self.cells.start, stop - self.cells.start, axis.dilation))


@dataclass(frozen=True)
class _Block:
    """A range of images and of outputs."""

    images: slice
    rows: _Part
    columns: _Part

    def cells(self, x: Array) -> Array:
        """Return the cells under the outputs."""
        return x[self.images, self.rows.cells, self.columns.cells]

    def outputs(self, y: Array) -> Array:
        """Return the outputs."""
        return y[self.images, self.rows.outputs, self.columns.outputs]


def _blocks(x: Array, window: Window2d) -> Iterator[_Block]:
    """Cut the outputs into blocks of which the first pass along either axis stays in the cache."""
    height, width = window.height, window.width

    def size(n: int, rows: int, columns: int) -> int:
        tall, wide = (rows - 1) * height.stride + height.reach, (columns - 1) * width.stride + width.reach
        cells = max(min(wide, width.size) * rows, min(tall, height.size) * columns)
        return int(n * cells * x.shape[3] * x.itemsize)

    wasted = height.reach * width.reach * x.shape[3] * x.itemsize  # what neighbouring blocks both meet, so larger blocks for large windows
    for images, rows, columns in blocks((len(x), *window.out), size, min(max(PASSES, 4 * wasted), 8 * PASSES)):
        yield _Block(images, _Part(height, 1, rows), _Part(width, 2, columns))


def _pool(x: Array, window: Window2d, combine: np.ufunc, nothing: float) -> Array:
    """Combine the values of each window: first along the columns of the image, whose cells lie in long runs."""
    y = np.empty((len(x), *window.out, x.shape[3]), x.dtype)
    for block in _blocks(x, window):
        half = _fold(block.cells(x), block.rows, combine, nothing)
        block.outputs(y)[...] = _fold(half, block.columns, combine, nothing)
    return y


def _fold(x: Array, part: _Part, combine: np.ufunc, nothing: float) -> Array:
    """Combine the cells of each window along one axis; `nothing` where a window meets no cell."""
    count, kernel = length(part.outputs), part.axis.kernel
    y = np.empty((*x.shape[: part.along], count, *x.shape[part.along + 1 :]), x.dtype)
    if kernel > count:
        y.fill(nothing)
        for output, cells in part.windows():
            combine.reduce(x[cells], axis=part.along, keepdims=True, out=y[output])
        return y
    taps = list(part.taps())
    if part.axis.pad == (0, 0) and kernel > 1:
        (_, one), (_, other), *taps = taps
        combine(x[one], x[other], out=y)
    else:
        y.fill(nothing)
    for outputs, cells in taps:
        combine(y[outputs], x[cells], out=y[outputs])
    return y


def _claim(dy: Array, values: tuple[Array, Array], part: _Part, ties: Ties, *, dx: Array, once: bool) -> None:
    """Add dy to the cells of dx whose value is that of the output: `values` are those of the outputs and of the cells.

    `once` says that no cell of dx is met twice, by this block or another.
    """
    y, x = values
    free = np.ones(y.shape, np.bool_)  # outputs that no cell has claimed
    strangers = ties == "first" and bool(np.isnan(y).any())
    finite = bool(np.isfinite(dy).all())
    for outputs, cells in part.taps():
        hit = x[cells] == y[outputs]
        if strangers:
            hit |= np.isnan(x[cells])
        if ties == "first":
            hit &= free[outputs]
            free[outputs] ^= hit
        if once and finite:
            np.multiply(hit, dy[outputs], out=dx[cells])
        elif finite or ties == "all":
            dx[cells] += hit * dy[outputs]  # 0 * inf is NaN, as in the loops
        else:
            dx[cells] += np.where(hit, dy[outputs], 0)
