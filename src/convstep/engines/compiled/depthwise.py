"""Depthwise convolution on compiled kernels: each filter on one channel, lanes over filters.

One rule: nothing here computes; forward and towards the images are the same kernel on other walks.
"""

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np

from convstep.checks import Array
from convstep.engines.compiled.arrays import empty
from convstep.engines.compiled.buffers import Buffers
from convstep.engines.compiled.native import Kernel, address_of, kernel, packed
from convstep.engines.compiled.suiting import lanes_for, widest
from convstep.engines.compiled.threads import run, threads
from convstep.engines.compiled.walks import Line, Shape, backward, forward
from convstep.engines.numpy import ENGINE as NUMPY
from convstep.geometry import Window2d

VECTORS = 16  # of filters in a part of them, about
CACHED = 192 << 10  # bytes of a block of an image, which stays in the second-level cache
JOBS = 16  # jobs at least, where there are so many blocks
SHARES = 16  # parts of a gradient's long sum, together with those of the filters; the same for every number of threads
UNROLLED = 3  # size of filters with code of their own
Walk = tuple[Line, Line]


class _Plan(NamedTuple):
    """What a kernel needs besides addresses."""

    code: Kernel
    jobs: int
    buffers: int  # bytes
    numbers: bytes
    shares: int = 1


class _Cut(NamedTuple):
    """Rows and columns of a block of outputs, blocks of all images, parts of the filters, and bytes of what a block meets."""

    height: int
    width: int
    blocks: int
    parts: int
    met: int


def depthwise(x: Array, w: Array, b: Array | None, window: Window2d, y: Array, *, floor: bool) -> Array:
    """Slide each filter over its channel; the result goes to y."""
    bias = None if b is None else np.ascontiguousarray(b)
    _slide(x, w, bias, (forward(window.height), forward(window.width)), y, floor=floor)
    return y


def depthwise_to_x(dy: Array, w: Array, window: Window2d, channels: int) -> Array:
    """Give every cell the sum of w * dy over the windows that hold it: filters slide over dy, once for each phase of the strides."""
    walks = list(product(backward(window.height), backward(window.width)))
    inside = all(line.stays_inside(size) for walk in walks for line, size in zip(walk, window.out, strict=True))
    if not inside and not np.isfinite(w).all():
        return NUMPY.correlate_to_x(dy, w, window, channels)  # zeros around dy are no products of the loops, and 0 * inf is not 0
    filled = all(line.taps for walk in walks for line in walk)
    shape = dy.shape[0], window.height.size, window.width.size, channels
    dx = empty(shape, dy.dtype)
    if not filled:
        dx.fill(0)
    for walk in walks:
        if walk[0].taps and walk[1].taps:
            _slide(dy, w, None, walk, dx)
    return dx


def depthwise_to_w(dy: Array, x: Array, window: Window2d) -> Array:
    """Give every weight the sum of x * dy over the windows."""
    filters = dy.shape[3]
    if not dy.size:
        return np.zeros((*window.kernel, 1, filters), x.dtype)
    walk = forward(window.height), forward(window.width)
    plan = _gathering(walk, x.itemsize, threads(), x.shape, x.strides, dy.shape, dy.strides)
    partial = np.empty((plan.shares, *window.kernel, 1, filters), x.dtype)
    with Buffers() as buffers:
        run(plan.code, plan.jobs, packed(address_of(x), address_of(dy), address_of(partial), buffers.take(plan.buffers)) + plan.numbers)
    with np.errstate(all="ignore"):
        return np.asarray(partial.sum(axis=0))


def _slide(x: Array, w: Array, b: Array | None, walk: Walk, y: Array, *, floor: bool = False) -> None:
    """Write to y what the filters make of x."""
    if not y.size:
        return
    down, across = walk
    weights = np.ascontiguousarray(w[np.ix_(down.taps, across.taps)])
    plan = _sliding(walk, w.shape[3], int(floor), x.itemsize, threads(), x.shape, x.strides, y.shape, y.strides)
    place = address_of(y) + down.place * y.strides[1] + across.place * y.strides[2]
    with Buffers() as buffers:
        addresses = address_of(x), address_of(weights), 0 if b is None else address_of(b), place, buffers.take(plan.buffers)
        run(plan.code, plan.jobs, packed(*addresses) + plan.numbers)


# --- plans: everything that follows from shapes alone ---


@lru_cache(maxsize=512)
def _sliding(
    walk: Walk, filters: int, floor: int, size: int, workers: int, x_shape: Shape, x_strides: Shape, y_shape: Shape, y_strides: Shape
) -> _Plan:
    down, across = walk
    times, fold = filters // x_shape[3], filters // y_shape[3]
    cut = _cut(walk, y_shape[0], filters if fold > 1 else widest(size) * VECTORS, filters, size)
    buffer_size = _rounded(cut.met + (4 * filters * size if fold > 1 else 0))
    plain = times == 1 and (x_strides[3] == size or filters == 1)
    square = UNROLLED if len(down.taps) == len(across.taps) == UNROLLED else 0
    jobs = cut.blocks * cut.parts
    numbers = packed(
        *x_strides, *x_shape[1:3], filters, times, fold, *_steps(walk),
        y_strides[0], y_strides[1] * down.stride, y_strides[2] * across.stride, down.count, across.count,
        cut.height, cut.width, cut.parts, int(plain), floor, buffer_size,
    )  # fmt: skip
    return _Plan(kernel("depthwise.slide", size, lanes_for(filters, size), square), jobs, min(workers, jobs) * buffer_size, numbers)


@lru_cache(maxsize=512)
def _gathering(walk: Walk, size: int, workers: int, x_shape: Shape, x_strides: Shape, dy_shape: Shape, dy_strides: Shape) -> _Plan:
    images, filters = dy_shape[0], dy_shape[3]
    cut = _cut(walk, images, widest(size) * VECTORS, filters, size)
    shares = min(-(-SHARES // cut.parts), cut.blocks)
    buffer_size = _rounded(cut.met + cut.height * cut.width * -(-filters // cut.parts) * size)
    numbers = packed(
        *x_strides, *x_shape[1:3], filters, filters // x_shape[3], *_steps(walk),
        *dy_strides, images, walk[0].count, walk[1].count, cut.height, cut.width, cut.parts, shares, buffer_size,
    )  # fmt: skip
    jobs = shares * cut.parts
    code = kernel("depthwise.gather_weights", size, lanes_for(filters, size))
    return _Plan(code, jobs, min(workers, jobs) * buffer_size, numbers, shares)


def _cut(walk: Walk, images: int, part: int, filters: int, size: int) -> _Cut:
    """Cut outputs into blocks that meet no more of an image than stays in the cache, each for about `part` of the filters."""
    down, across = walk
    parts = -(-filters // part)
    pixel = -(-filters // parts) * size
    width = max(min(across.count, (CACHED // pixel - len(across.taps) * across.tap) // (across.step * (2 + len(down.taps) * down.tap))), 4)
    width = min(width, across.count)
    row = _reach(across, width) * pixel
    height = max(min((CACHED // row - _reach(down, 1)) // down.step + 1, down.count, images * parts * down.count // JOBS), 1)
    blocks = images * -(-down.count // height) * -(-across.count // width)
    return _Cut(height, width, blocks, parts, _reach(down, height) * row)


def _reach(line: Line, count: int) -> int:
    return (count - 1) * line.step + (len(line.taps) - 1) * line.tap + 1


def _steps(walk: Walk) -> tuple[int, ...]:
    down, across = walk
    return down.first, across.first, down.step, across.step, down.tap, across.tap, len(down.taps), len(across.taps)


def _rounded(size: int) -> int:
    return -(-size // 64) * 64
