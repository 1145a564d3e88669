"""The kernels of two arrays entry by entry, where one of them may be repeated along axes."""

import numpy as np

from convstep.engines.compiled.kernels.compiling import inner
from convstep.engines.compiled.kernels.runs import RUNS

BOTH, FIRST, SECOND = range(3)  # whose numbers change along the last axis


def _combining(size, changing, function):
    """Return the kernel y = function(one, other). One job is one of the outer places, or a part of its numbers."""
    run = RUNS[size]

    def combine(one, other, y, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, count, chunk, job, worker):
        chunks = -(-count // chunk)
        first, place = job % chunks * chunk, job // chunks
        i3, outer = place % n3, place // n3
        i2, outer = outer % n2, outer // n2
        i1, i0 = outer % n1, outer // n1
        moved = first * size
        a = run(one + i0 * a0 + i1 * a1 + i2 * a2 + i3 * a3 + (0 if changing == SECOND else moved))
        b = run(other + i0 * b0 + i1 * b1 + i2 * b2 + i3 * b3 + (0 if changing == FIRST else moved))
        to = run(y + place * count * size + moved)
        here = min(chunk, count - first)
        if changing == BOTH:
            for i in range(here):
                to[i] = function(a[i], b[i])
        elif changing == FIRST:
            number = b[0]
            for i in range(here):
                to[i] = function(a[i], number)
        else:
            number = a[0]
            for i in range(here):
                to[i] = function(number, b[i])

    return combine


def plus(size, changing):
    """Make the kernel one + other."""
    return _combining(size, changing, inner(lambda a, b: a + b))


def minus(size, changing):
    """Make the kernel one - other."""
    return _combining(size, changing, inner(lambda a, b: a - b))


def product(size, changing):
    """Make the kernel one * other."""
    return _combining(size, changing, inner(lambda a, b: a * b))


def quotient(size, changing):
    """Make the kernel one / other."""
    return _combining(size, changing, inner(lambda a, b: a / b))


def largest(size, changing):
    """Make the kernel that keeps the larger one; NaN wins."""
    return _combining(size, changing, inner(lambda a, b: b if a <= b or np.isnan(b) else a))


def smallest(size, changing):
    """Make the kernel that keeps the smaller one; NaN wins."""
    return _combining(size, changing, inner(lambda a, b: b if a >= b or np.isnan(b) else a))
