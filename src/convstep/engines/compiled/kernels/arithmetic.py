"""The kernels between layers: sums and products of images, multiples of them, and shares along the last axis."""

import numpy as np

from convstep.engines.compiled.kernels.elementwise import exponential
from convstep.engines.compiled.kernels.runs import RUNS
from convstep.engines.compiled.kernels.words import NUMBERS, real


def plus(size):
    """Make the kernel y = one + other, with `floor` 0 where that is negative. One job is a chunk."""
    run, zero = RUNS[size], NUMBERS[size](0)

    def plus(one, other, y, count, chunk, floor, job, worker):
        first = job * chunk * size
        a, b, to = run(one + first), run(other + first), run(y + first)
        here = min(count - job * chunk, chunk)
        if floor:
            for i in range(here):
                total = a[i] + b[i]
                to[i] = zero if total <= zero else total
        else:
            for i in range(here):
                to[i] = a[i] + b[i]

    return plus


def times(size):
    """Make the kernel y = factor · x. One job is a chunk."""
    run, number = RUNS[size], NUMBERS[size]

    def times(x, y, count, chunk, factor, job, worker):
        first = job * chunk * size
        source, to, by = run(x + first), run(y + first), number(real(factor))
        for i in range(min(count - job * chunk, chunk)):
            to[i] = source[i] * by

    return times


def softmax(size):
    """Make the kernel exp(x) / sum(exp(x)) along rows of float32. One job is some rows."""
    run = RUNS[size]

    def softmax(x, y, rows, columns, chunk, job, worker):
        for row in range(job * chunk, min((job + 1) * chunk, rows)):
            source, to = run(x + row * columns * size), run(y + row * columns * size)
            largest = source[0]
            for i in range(1, columns):
                largest = source[i] if source[i] > largest or source[i] != source[i] else largest
            total = 0.0  # float64: a row may have tens of thousands of classes
            for i in range(columns):
                share = exponential(source[i] - largest)
                to[i] = share
                total += share
            whole = np.float32(total)
            for i in range(columns):
                to[i] /= whole

    return softmax


def softmax_to_x(size):
    """Make the kernel dx = y (dy - sum(dy y)) along rows. One job is some rows."""
    run, zero = RUNS[size], NUMBERS[size](0)

    def softmax_to_x(dy, y, dx, rows, columns, chunk, job, worker):
        for row in range(job * chunk, min((job + 1) * chunk, rows)):
            at = row * columns * size
            given, shares, to, total = run(dy + at), run(y + at), run(dx + at), zero
            for i in range(columns):
                total += given[i] * shares[i]
            for i in range(columns):
                to[i] = shares[i] * (given[i] - total)

    return softmax_to_x
