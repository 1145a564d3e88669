"""Batch normalization in as few passes over memory as there can be: two forward, two backward.

One rule: the cut into blocks follows from the shape alone, so results do not depend on the number of threads.
"""

import numpy as np

from convstep.checks import Array
from convstep.engines.compiled.arranging import laid_out
from convstep.engines.compiled.arrays import empty
from convstep.engines.compiled.buffers import Buffers
from convstep.engines.compiled.native import address_of, kernel, packed
from convstep.engines.compiled.threads import run, threads
from convstep.engines.numpy import normalization as plain

BLOCK = 1 << 14  # numbers of a block: read twice, it must stay in the cache
WIDTH = 256  # numbers that a loop goes over at least: as many cells side by side as that takes


def moments(x: Array) -> tuple[Array, Array]:
    """Return mean and variance of each channel; see `Engine`."""
    if not _has_kernels(x):
        return plain.moments(x)
    x = laid_out(x)
    cells, channels, block, width = cut = _cut(x)
    mean, variance = np.empty(channels, x.dtype), np.empty(channels, x.dtype)
    blocks = -(-cells // block)
    with Buffers() as buffers:
        partial, scratch = buffers.take(blocks * 2 * channels * 8), buffers.take(threads() * 2 * width * 8)
        run(kernel("normalization.moments", x.itemsize), blocks, packed(address_of(x), partial, scratch, *cut))
        numbers = packed(partial, address_of(mean), address_of(variance), cells, channels, block, blocks)
        run(kernel("normalization.collect_moments", x.itemsize), 1, numbers)
    return mean, variance


def normalize(x: Array, mean: Array, inverse: Array, gamma: Array | None, beta: Array | None, *, floor: bool = False) -> Array:
    """Return (x - mean) inverse gamma + beta; see `Engine`."""
    if not _has_kernels(x, mean, inverse, gamma, beta):
        return plain.normalize(x, mean, inverse, gamma, beta, floor=floor)
    x, rows = laid_out(x), _rows(mean, inverse, gamma, beta)
    cells, _, block, width = cut = _cut(x)
    y = empty(x.shape, x.dtype)
    with Buffers() as buffers:
        scratch = buffers.take(threads() * 4 * width * x.itemsize)
        numbers = packed(address_of(x), address_of(y), *map(_address, rows), scratch, *cut)
        run(kernel("normalization.normalize", x.itemsize, int(floor)), -(-cells // block), numbers)
    return y


def normalize_to_gamma_beta(dy: Array, x: Array, mean: Array, inverse: Array) -> tuple[Array, Array]:
    """Return the gradients of gamma and beta; see `Engine`."""
    if not _has_kernels(x, dy, mean, inverse):
        return plain.normalize_to_gamma_beta(dy, x, mean, inverse)
    dy, x = laid_out(dy), laid_out(x)
    middle, narrow = _rows(mean, inverse)
    cells, channels, block, width = cut = _cut(x)
    d_gamma, d_beta = np.empty(channels, x.dtype), np.empty(channels, x.dtype)
    blocks = -(-cells // block)
    with Buffers() as buffers:
        partial, scratch = buffers.take(blocks * 2 * channels * 8), buffers.take(threads() * 3 * width * 8)
        numbers = packed(address_of(dy), address_of(x), _address(middle), partial, scratch, *cut)
        run(kernel("normalization.sums_of_gradients", x.itemsize), blocks, numbers)
        numbers = packed(partial, _address(narrow), address_of(d_gamma), address_of(d_beta), channels, blocks)
        run(kernel("normalization.collect_gradients", x.itemsize), 1, numbers)
    return d_gamma, d_beta


def normalize_to_x(dy: Array, x: Array, mean: Array, inverse: Array, gamma: Array | None, d_gamma: Array, d_beta: Array) -> Array:
    """Return the gradient of x; see `Engine`."""
    if not _has_kernels(x, dy, mean, inverse, gamma, d_gamma, d_beta):
        return plain.normalize_to_x(dy, x, mean, inverse, gamma, d_gamma, d_beta)
    cells, _, block, width = cut = _cut(x)
    dy, x, rows = laid_out(dy), laid_out(x), _rows(mean, inverse, gamma, d_beta / x.dtype.type(cells), d_gamma / x.dtype.type(cells))
    dx = empty(x.shape, x.dtype)
    with Buffers() as buffers:
        scratch = buffers.take(threads() * 5 * width * x.itemsize)
        numbers = packed(address_of(dy), address_of(x), address_of(dx), *map(_address, rows), scratch, *cut)
        run(kernel("normalization.normalize_to_x", x.itemsize), -(-cells // block), numbers)
    return dx


def _has_kernels(x: Array, *others: Array | None) -> bool:
    return x.size > 0 and x.dtype in (np.float32, np.float64) and all(item is None or item.dtype == x.dtype for item in others)


def _cut(x: Array) -> tuple[int, int, int, int]:
    """Return cells, channels, the cells of a block, and how many numbers are gone over in one loop."""
    channels = x.shape[2]
    together = max(WIDTH // channels, 1)
    return x.shape[0] * x.shape[1], channels, max(BLOCK // channels // together, 1) * together, together * channels


def _rows(*rows: Array | None) -> list[Array | None]:
    return [None if row is None else laid_out(row) for row in rows]


def _address(row: Array | None) -> int:
    return 0 if row is None else address_of(row)
