"""Two arrays entry by entry, one of them repeated along axes where it has one entry alone; what has no kernel goes to NumPy."""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from convstep.checks import Array
from convstep.engines.compiled.arranging import OUTER, laid_out, merged
from convstep.engines.compiled.arrays import empty
from convstep.engines.compiled.native import Kernel, address_of, kernel, packed
from convstep.engines.compiled.suiting import suits
from convstep.engines.compiled.threads import run
from convstep.engines.numpy import arithmetic as plain

CHUNK = 1 << 14  # numbers of a job
BOTH, FIRST, SECOND = range(3)  # as in kernels.combining
Shape = tuple[int, ...]


class _Plan(NamedTuple):
    code: Kernel
    jobs: int
    numbers: bytes


def combine(name: str, one: Array, other: Array) -> Array:
    """Combine two arrays; see `Engine`."""
    if not suits(one, other):
        return plain.combine(name, one, other)
    one, other, shape = laid_out(one), laid_out(other), np.broadcast_shapes(one.shape, other.shape)
    plan = _planned(name, shape, one.shape, other.shape, one.itemsize)
    if plan is None:
        return plain.combine(name, one, other)
    y = empty(shape, one.dtype)
    if plan.jobs:
        run(plan.code, plan.jobs, packed(address_of(one), address_of(other), address_of(y)) + plan.numbers)
    return y


@lru_cache(maxsize=512)
def _planned(name: str, shape: Shape, one: Shape, other: Shape, size: int) -> _Plan | None:
    axes = merged(list(zip(shape, _strides(shape, one, size), _strides(shape, other, size), strict=True))) or [(1, size, size)]
    *outer, (count, a, b) = axes
    if len(outer) > OUTER:
        return None
    outer = [(1, 0, 0)] * (OUTER - len(outer)) + outer
    changing = BOTH if a == b else FIRST if a else SECOND
    chunk = min(CHUNK, count)
    jobs = math.prod(axis[0] for axis in outer) * -(-count // chunk) if math.prod(shape) else 0
    columns = [axis[i] for i in range(3) for axis in outer]
    return _Plan(kernel(f"combining.{name}", size, changing), jobs, packed(*columns, count, chunk))


def _strides(shape: Shape, given: Shape, size: int) -> Shape:
    """Return how many bytes apart neighbours are: 0 along axes of one entry."""
    strides, step = [], size
    for count in reversed((1,) * (len(shape) - len(given)) + given):
        strides.append(step if count > 1 else 0)
        step *= count
    return tuple(reversed(strides))
