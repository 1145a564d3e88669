"""The kernels of optimizers: one pass over values, gradients and slots, in place.

One rule: the arithmetic is that of `engines.numpy.updates`, operation by operation, so both engines give the same bits.
"""

import math

from convstep.engines.compiled.kernels.compiling import inner
from convstep.engines.compiled.kernels.runs import RUNS
from convstep.engines.compiled.kernels.words import NUMBERS, load_int, real

HEAD = 7 * 8  # bytes of the numbers that a task begins with: decay, clip, and up to five of the rule, its rate first
ROW = 6 * 8  # bytes of a row, of which one follows for each job: count, scale, and where value, gradient and up to two slots begin


def _slope(size):
    """Return a function that scales and clips a gradient. NaN stays."""
    number = NUMBERS[size]

    @inner
    def slope(gradient, scale, clip):
        scaled = gradient * number(scale)
        scaled = number(clip) if scaled > number(clip) else scaled
        return -number(clip) if scaled < -number(clip) else scaled

    return slope


def sgd(size, momentum, nesterov):
    """Make the kernel of `numpy.updates.sgd`. One job is a row."""
    run, number, slope = RUNS[size], NUMBERS[size], _slope(size)

    def sgd(task, job, worker):
        row = task + HEAD + job * ROW
        scale, limit, by = real(load_int(row + 8)), real(load_int(task + 8)), number(real(load_int(task + 16)))
        value, gradient, slot = run(load_int(row + 16)), run(load_int(row + 24)), run(load_int(row + 32))
        off, keep = number(real(load_int(task))), number(real(load_int(task + 24)))
        for i in range(load_int(row)):
            w = value[i] - value[i] * off if off else value[i]
            step = slope(gradient[i], scale, limit) * by
            if momentum:
                m = slot[i] * keep - step
                slot[i] = m
                value[i] = w + (m * keep - step) if nesterov else w + m
            else:
                value[i] = w - step

    return sgd


def rmsprop(size, momentum, centered):
    """Make the kernel of `numpy.updates.rmsprop`, with momentum or centered or neither. One job is a row."""
    run, number, slope = RUNS[size], NUMBERS[size], _slope(size)

    def rmsprop(task, job, worker):
        row = task + HEAD + job * ROW
        scale, limit, by = real(load_int(row + 8)), real(load_int(task + 8)), number(real(load_int(task + 16)))
        value, gradient = run(load_int(row + 16)), run(load_int(row + 24))
        velocity, other = run(load_int(row + 32)), run(load_int(row + 40))
        off, keep, take = number(real(load_int(task))), number(real(load_int(task + 24))), number(1 - real(load_int(task + 24)))
        least, speed = number(real(load_int(task + 40))), number(real(load_int(task + 32)))
        for i in range(load_int(row)):
            w = value[i] - value[i] * off if off else value[i]
            g = slope(gradient[i], scale, limit)
            v = velocity[i] * keep + g * g * take
            velocity[i] = v
            root = v + least
            if centered:
                mean = other[i] * keep + g * take
                other[i] = mean
                root -= mean * mean
            step = g * by / math.sqrt(root)
            if momentum:
                step += other[i] * speed
                other[i] = step
            value[i] = w - step

    return rmsprop


def adam(size):
    """Make the kernel of `numpy.updates.adam`. One job is a row."""
    run, number, slope = RUNS[size], NUMBERS[size], _slope(size)

    def adam(task, job, worker):
        row = task + HEAD + job * ROW
        scale, limit, by = real(load_int(row + 8)), real(load_int(task + 8)), number(real(load_int(task + 16)))
        value, gradient = run(load_int(row + 16)), run(load_int(row + 24))
        momentum, velocity = run(load_int(row + 32)), run(load_int(row + 40))
        off, least = number(real(load_int(task))), number(real(load_int(task + 40)))
        keep_1, take_1 = number(real(load_int(task + 24))), number(1 - real(load_int(task + 24)))
        keep_2, take_2 = number(real(load_int(task + 32))), number(1 - real(load_int(task + 32)))
        for i in range(load_int(row)):
            w = value[i] - value[i] * off if off else value[i]
            g = slope(gradient[i], scale, limit)
            m = momentum[i] * keep_1 + g * take_1
            v = velocity[i] * keep_2 + g * g * take_2
            momentum[i] = m
            velocity[i] = v
            value[i] = w - m * by / (math.sqrt(v) + least)

    return adam
