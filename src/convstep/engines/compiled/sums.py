"""Sums over pixels on a compiled kernel: shares that follow from the shape alone, added up one after the other."""

import math

import numpy as np

from convstep.checks import Array
from convstep.engines.compiled.native import address_of, kernel, packed
from convstep.engines.compiled.suiting import lanes_for, suits, widest
from convstep.engines.compiled.threads import Task, run_all
from convstep.engines.numpy import ENGINE as NUMPY

SHARE = 1 << 14  # numbers of a share, at least
SHARES = 64  # at most
SUMS = 256  # that a share forms at a time, at least


def pixel_sum(dy: Array) -> Array:
    """Add up the pixels of all images; see `Engine`."""
    if not suits(dy) or not dy.size:
        return NUMPY.pixel_sum(dy)
    _, height, width, channels = dy.shape
    pixels = dy.size // channels
    share = max(-(-SHARE // channels), -(-pixels // SHARES))
    whole = widest(dy.itemsize) // math.gcd(channels, widest(dy.itemsize))  # pixels that fill whole vectors
    groups, shares = -(-SUMS // (channels * whole)) * whole, -(-pixels // share)
    partial = np.empty((shares, groups * channels), dy.dtype)
    numbers = packed(*dy.strides, height, width, channels, pixels, share, groups, partial.strides[0])
    code = kernel("sums.add_pixels", dy.itemsize, lanes_for(channels, dy.itemsize), widest(dy.itemsize))
    add = Task(code, shares, packed(address_of(dy), address_of(partial)) + numbers)
    total = np.empty(channels, dy.dtype)
    numbers = packed(address_of(partial), address_of(total), channels, shares, partial.strides[0])
    run_all(add, Task(kernel("sums.collect", dy.itemsize), 1, numbers))
    return total
