"""Pooling on compiled kernels: in which bands of rows, on how many lanes.

One rule: nothing here computes. Whatever suits no kernel goes to NumPy's.
"""

from functools import lru_cache
from typing import NamedTuple, TypeAlias

from convstep.checks import Array
from convstep.engines import Ties
from convstep.engines.compiled.arranging import arrange, pixel_stride
from convstep.engines.compiled.arrays import empty
from convstep.engines.compiled.buffers import Buffers
from convstep.engines.compiled.native import Kernel, address_of, kernel, packed
from convstep.engines.compiled.suiting import lanes_for, suits, widest
from convstep.engines.compiled.threads import run, threads
from convstep.engines.numpy import ENGINE as NUMPY
from convstep.geometry import Axis, Window2d

BAND = 64 << 10  # bytes of images that a job goes over, about
FOLDED = 128 << 10  # bytes of a row of folded cells: they stay in the second-level cache
FEW = 16  # cells of a window that are written one by one, rather than cleared and added to
UNROLLED = (2, 3)  # sizes of windows with code of their own
OVERLAP = 4  # windows that a band holds for one that two bands look at
JOBS = 16  # jobs at least, where there are so many rows
SUM, LARGEST, MEAN = range(3)  # as in kernels.pooling
PLACES = 2**31  # cells in float32 count so far
Shape: TypeAlias = tuple[int, ...]


class _Plan(NamedTuple):
    """What a kernel needs besides addresses."""

    code: Kernel
    jobs: int
    buffers: int  # bytes
    numbers: bytes


def max_pool(x: Array, window: Window2d, *, out: Array | None = None) -> Array:
    """Take the largest value of each window; see `Engine`."""
    return _fold(x, window, LARGEST, out) if suits(x, out) else NUMPY.max_pool(x, window, out=out)


def window_sum(x: Array, window: Window2d, *, mean: bool = False, out: Array | None = None) -> Array:
    """Add up each window; see `Engine`."""
    return _fold(x, window, MEAN if mean else SUM, out) if suits(x, out) else NUMPY.window_sum(x, window, mean=mean, out=out)


def max_pool_to_x(dy: Array, x: Array, window: Window2d, ties: Ties, *, floor: bool = False) -> Array:
    """Hand dy to the largest value of each window; see `Engine`."""
    if not suits(dy, x) or window.height.reach * window.width.size * x.shape[3] >= PLACES:
        return NUMPY.max_pool_to_x(dy, x, window, ties, floor=floor)
    dx = empty(x.shape, x.dtype)
    if dx.size:
        plan = _sharing(window, ties, floor, x.itemsize, x.shape, x.strides, dy.strides)
        run(plan.code, plan.jobs, packed(address_of(dy), address_of(x), address_of(dx)) + plan.numbers)
    return dx


def window_sum_to_x(dy: Array, window: Window2d) -> Array:
    """Hand dy to every cell of its window; see `Engine`."""
    if not suits(dy):
        return NUMPY.window_sum_to_x(dy, window)
    dx = empty((dy.shape[0], window.height.size, window.width.size, dy.shape[3]), dy.dtype)
    if dx.size:
        plan = _spreading(window, dy.itemsize, threads(), dx.shape, dy.strides)
        with Buffers() as buffers:
            run(plan.code, plan.jobs, packed(address_of(dy), address_of(dx), buffers.take(plan.buffers)) + plan.numbers)
    return dx


def _fold(x: Array, window: Window2d, kind: int, out: Array | None) -> Array:
    y = empty((x.shape[0], *window.out, x.shape[3]), x.dtype) if out is None else out
    to = pixel_stride(y)
    if to is None:
        return arrange(_fold(x, window, kind, None), y)
    if y.size:
        plan = _folding(window, x.itemsize, kind, threads(), x.shape, x.strides, to)
        with Buffers() as buffers:
            run(plan.code, plan.jobs, packed(address_of(x), address_of(y), buffers.take(plan.buffers)) + plan.numbers)
    return y


# --- plans: everything that follows from shapes alone ---


@lru_cache(maxsize=512)
def _folding(window: Window2d, size: int, kind: int, workers: int, shape: Shape, strides: Shape, to: int) -> _Plan:
    images, height, width, channels = shape
    down, across = window.height, window.width
    lines, pixel = images * down.out, channels * size
    # The columns of a block share a buffer, where it is small and most of what it holds is used.
    dense = across.stride <= across.kernel and across.dilation <= across.kernel
    block_w = (FOLDED // pixel - across.reach) // across.stride + 1 if dense else 0
    block_w = max(min(block_w, across.out), 0)
    block_h = _band(lines, down.stride * width * pixel)
    buffer_size = _rounded(min((block_w - 1) * across.stride + across.reach, width) * pixel) if block_w else 0
    jobs = -(-lines // block_h) * (-(-across.out // block_w) if block_w else 1)
    numbers = packed(*strides, height, width, channels, *_walk(window), images, *window.out, to, block_h, block_w, buffer_size)
    return _Plan(
        kernel("pooling.fold", size, lanes_for(channels, size), widest(size), kind), jobs, min(workers, jobs) * buffer_size, numbers
    )


@lru_cache(maxsize=512)
def _sharing(window: Window2d, ties: Ties, floor: bool, size: int, shape: Shape, x_strides: Shape, dy_strides: Shape) -> _Plan:  # noqa: FBT001 - a key
    images, height, width, channels = shape
    down, across = window.height, window.width
    once = _apart(down) and _apart(across) and (ties == "all" or down.kernel * across.kernel <= FEW)
    filled = once and _filled(down) and _filled(across)
    band, bands = _bands(down, images, width * channels * size)
    strided = channels > 1 and not x_strides[3] == dy_strides[3] == size
    square = down.kernel if down.kernel == across.kernel and down.kernel in UNROLLED else 0
    code = kernel("pooling.share_largest", size, lanes_for(channels, size), int(ties == "all"), int(strided), square)
    numbers = packed(
        *dy_strides, *x_strides, height, width, channels, *_walk(window), *window.out, band, bands, int(once), int(filled), int(floor)
    )  # fmt: skip
    return _Plan(code, images * bands, 0, numbers)


@lru_cache(maxsize=512)
def _spreading(window: Window2d, size: int, workers: int, shape: Shape, dy_strides: Shape) -> _Plan:
    images, height, width, channels = shape
    down, across = window.height, window.width
    band, bands = _bands(down, images, width * channels * size)
    buffer_size, jobs = _rounded(width * channels * size), images * bands
    flags = int(_apart(down) and _apart(across)), int(_filled(down) and _filled(across))
    numbers = packed(*dy_strides, height, width, channels, *_walk(window), *window.out, band, bands, *flags, buffer_size)
    return _Plan(kernel("pooling.spread", size, lanes_for(channels, size), widest(size)), jobs, min(workers, jobs) * buffer_size, numbers)


def _walk(window: Window2d) -> tuple[int, ...]:
    down, across = window.height, window.width
    return -down.pad[0], -across.pad[0], down.stride, across.stride, down.dilation, across.dilation, *window.kernel


def _apart(axis: Axis) -> bool:
    """Return whether no cell is in two windows."""
    return axis.stride >= axis.reach or axis.out == 1


def _filled(axis: Axis) -> bool:
    """Return whether each cell is in exactly one window."""
    return axis.stride == axis.reach == axis.kernel and axis.out * axis.stride - axis.pad[0] >= axis.size


def _bands(axis: Axis, images: int, line: int) -> tuple[int, int]:
    """Return how many rows of an image make a band, none of which cuts windows that are apart, and how many bands there are."""
    if axis.out == 1:
        return axis.pad[0] + axis.size, 1
    steps = -(-(axis.pad[0] + axis.size) // axis.stride)
    shared = 0 if _apart(axis) else OVERLAP * -(-axis.reach // axis.stride)
    band = min(max(_band(images * steps, axis.stride * line), shared), steps) * axis.stride
    return band, -(-(axis.pad[0] + axis.size) // band)


def _band(lines: int, size: int) -> int:
    """Return how many lines of this many bytes make a job."""
    return max(min(BAND // size, lines // JOBS), 1)


def _rounded(size: int) -> int:
    return -(-size // 64) * 64
