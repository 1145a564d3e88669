"""Copies of arrays in another layout: which axes the kernel walks, and how they are shared out."""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from convstep.checks import Array
from convstep.engines.compiled.arrays import empty
from convstep.engines.compiled.native import Kernel, address_of, kernel, packed
from convstep.engines.compiled.suiting import FLOATS, suits, widest
from convstep.engines.compiled.threads import run

RUNS, TRANSPOSED, APART = range(3)  # as in kernels.arranging
CHUNK, OUTER = 1 << 14, 4  # numbers of a job, about; outer axes that the kernel walks
LEAST = 32  # lines that a job transposes, where there are so many: two cache lines of float32
Axes = list[tuple[int, int, int]]


class _Plan(NamedTuple):
    code: Kernel
    jobs: int
    numbers: bytes


def arrange(x: Array, out: Array | None = None) -> Array:
    """Copy x; see `Engine`."""
    y = empty(x.shape, x.dtype) if out is None else out
    plan = _planned(x.shape, x.strides, y.strides, x.itemsize) if x.size and suits(x, y) else None
    if plan is None:
        np.copyto(y, x)
    else:
        run(plan.code, plan.jobs, packed(address_of(x), address_of(y)) + plan.numbers)
    return y


def laid_out(x: Array) -> Array:
    """Return an array whose numbers lie one after the other, each on an address of its size: x itself if they do."""
    if x.flags.c_contiguous and x.flags.aligned:
        return x
    return arrange(x) if x.dtype in FLOATS and x.flags.aligned else np.array(x, order="C")


def pixel_stride(x: Array) -> int | None:
    """Return how many bytes apart neighbours are along all axes but the last, whose entries lie side by side; None where they are not."""
    return _stride_of(x.shape, x.strides, x.itemsize)


@lru_cache(maxsize=1024)
def _stride_of(shape: tuple[int, ...], strides: tuple[int, ...], size: int) -> int | None:
    if 0 in shape:
        return shape[-1] * size
    if not shape or (shape[-1] > 1 and strides[-1] != size):
        return None
    stride, reach = None, 0
    for count, step in zip(shape[-2::-1], strides[-2::-1], strict=True):
        if count == 1:
            continue
        if stride is None:
            stride = reach = step
        if step != reach or step <= 0:
            return None
        reach = step * count
    return shape[-1] * size if stride is None else stride


@lru_cache(maxsize=1024)
def _planned(shape: tuple[int, ...], x_strides: tuple[int, ...], y_strides: tuple[int, ...], size: int) -> _Plan | None:
    axes = merged(list(zip(shape, x_strides, y_strides, strict=True)))
    axes = [(1, 0, 0)] * (2 - len(axes)) + axes
    places = range(len(axes))
    beside_x, beside_y = (max((i for i in places if axes[i][array] == size and axes[i][0] > 1), default=None) for array in (1, 2))
    inner = places[-1] if beside_y is None else beside_y
    if beside_x is not None and beside_y is not None and beside_x != inner:
        way, line = TRANSPOSED, beside_x
    else:
        way = RUNS if axes[inner][1] == axes[inner][2] == size else APART
        line = max((i for i in places if i != inner), key=lambda i: axes[i][0])
    outer = [axes[i] for i in places if i not in {inner, line}]
    if len(outer) > OUTER:
        return None
    outer = [(1, 0, 0)] * (OUTER - len(outer)) + outer
    (a, x_a, y_a), (b, x_b, y_b) = axes[line], axes[inner]
    chunk = min(max(CHUNK // b, LEAST if way == TRANSPOSED else 1), a)
    lanes = min(widest(size), 1 << min(a, b).bit_length() - 1) if way == TRANSPOSED else 1
    outside, together = math.prod(axis[0] for axis in outer), max(CHUNK // (chunk * b), 1)
    jobs = -(-outside // together) * -(-a // chunk)
    columns = [axis[i] for i in range(3) for axis in outer]
    numbers = packed(*columns, a, b, x_a, y_a, x_b, y_b, chunk, together)
    return _Plan(kernel("arranging.arrange", size, lanes, way), jobs, numbers)


def merged(axes: Axes) -> Axes:
    """Return as few axes as say the same: (entries, and how many bytes apart they lie in either array)."""
    found: Axes = []
    for count, one, other in axes:
        if count == 1:
            continue
        if found and found[-1][1:] == (count * one, count * other):
            found[-1] = (found[-1][0] * count, one, other)
        else:
            found.append((count, one, other))
    return found
