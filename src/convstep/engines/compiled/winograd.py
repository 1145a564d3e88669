"""Winograd's algorithm for 3 x 3 filters of stride 1 in float32: where it wins, and how its tiles are shared out.

One rule: its numbers are not the loops' products, so it rounds more, and an infinity spreads over a tile; whoever needs neither chooses
`exact`. What it makes of numbers that are not finite is thrown away and computed directly.
"""

from dataclasses import dataclass
from functools import lru_cache

from convstep.checks import Array
from convstep.engines.compiled.buffers import Buffers
from convstep.engines.compiled.finite import flag, looking_for_infinite
from convstep.engines.compiled.native import Kernel, address_of, kernel, packed
from convstep.engines.compiled.pixels import weights_layout
from convstep.engines.compiled.sliding import Facts, facts_of
from convstep.engines.compiled.threads import Task, run_all, threads
from convstep.engines.compiled.tiles import Tile, tile_for
from convstep.engines.compiled.walks import Filters, Line, Shape

OUT, CELLS = 4, 36  # a tile's outputs along one axis, and its products
CACHED = 1 << 20  # bytes of the transformed pixels and products of a block of tiles
LEAST = 48  # tiles of a block, for fewer would not repay the loading of filters
SHARED = 2  # more blocks than this share their transformed filters
APART = 64  # as in kernels.winograd
# Measured: how many products take as long as the transform of one number of a pixel, of a filter, of the gradient of one.
TRANSFORM, FILTER, FILTER_GRADIENT = 22, 8, 45
WORTH = 0.9
GATHERED, PART, CHUNK = 64, 64, 16  # of a gradient: tiles of a block, filters of a job, channels of a job that adds up
SHARES, PARTIAL = 4, 32 << 20  # parts of a gradient's long sum, and bytes that they may take


def slide(x: Array, w: Array, b: Array | None, walk: tuple[Line, Line], filters: Filters, y: Array, *, floor: bool = False) -> bool:
    """Write to y what the filters make of x; return False, with anything in y, where that is not for this algorithm.

    No error is larger than 2 (n + 32) u times what the algorithm makes of numbers and matrices without signs; u is 2^-24, and n the
    channels that are added up, or for the gradient of filters the tiles: no number is rounded more often on its way. Much less is what
    happens: on random numbers the largest error of an array stays below 2 (n + 4) u times the array's largest sum of |x| |w|, with n the
    products of a sum. For exact sums the same holds entry by entry.
    """
    if filters.groups > 1 or not _simple(walk, x, filters.terms, filters.columns):
        return False
    plan = _sliding(facts_of(x, walk, filters, y, floor=floor))
    if plan is None:
        return False
    with Buffers() as buffers:
        given = buffers.take(plan.packed, lasting=True)
        tasks = [Task(plan.pack, plan.panels, packed(address_of(w), given) + plan.layout, once=True)]
        if plan.transformed:
            panels, given = given, buffers.take(plan.transformed, lasting=True)
            tasks.append(Task(plan.filters, plan.panels, packed(panels, given) + plan.terms, once=True))
        bias, found = 0 if b is None else address_of(b), flag()
        addresses = address_of(x), given, bias, address_of(y), address_of(found), buffers.take(plan.buffers)
        run_all(*tasks, Task(plan.code, plan.jobs, packed(*addresses) + plan.numbers))
    return not found[0]


def gather(dy: Array, x: Array, walk: tuple[Line, Line], groups: int, dw: Array) -> bool:
    """Write the gradient of the filters to dw; return False, with anything in dw, where that is not for this algorithm."""
    channels, columns = dw.shape[2:]
    if groups > 1 or dy.strides[3] != x.itemsize or not _simple(walk, x, channels, columns):
        return False
    plan = _gathering(walk, threads(), x.shape, x.strides, dy.shape, dy.strides)
    if plan is None:
        return False
    with Buffers() as buffers:
        partial, scratch = buffers.take(plan.partial), buffers.take(plan.buffers)
        partly = Task(plan.code, plan.jobs, packed(address_of(x), address_of(dy), partial, scratch) + plan.numbers)
        found, find = looking_for_infinite(dw)
        run_all(partly, Task(plan.collect, plan.parts, packed(partial, address_of(dw), scratch) + plan.sums), find)
    return not found[0]


def _simple(walk: tuple[Line, Line], x: Array, channels: int, columns: int) -> bool:
    """Return whether filters are 3 x 3 of stride 1 on contiguous float32 pixels, with a vector of channels on both sides."""
    threes = all(len(line.taps) == 3 and line.step == line.tap == line.stride == 1 for line in walk)
    return threes and x.itemsize == x.strides[3] == 4 and min(channels, columns) >= tile_for(columns, 4).lanes


@dataclass(frozen=True)
class _Sliding:
    """What `slide` needs besides addresses; sizes in bytes."""

    pack: Kernel
    panels: int
    packed: int
    layout: bytes
    taps: Array
    filters: Kernel
    transformed: int
    terms: bytes
    code: Kernel
    jobs: int
    buffers: int
    numbers: bytes


@lru_cache(maxsize=256)
def _sliding(facts: Facts) -> _Sliding | None:
    walk, filters, floor, _, workers, x_shape, x_strides, y_shape, y_strides = facts
    (down, across), channels, columns = walk, filters.terms, filters.columns
    tile = tile_for(columns, 4)
    panels = -(-columns // tile.width)
    tiles = y_shape[0] * -(-down.count // OUT) * -(-across.count // OUT)
    if not _worth(y_shape[0] * down.count * across.count, tiles, channels, columns, FILTER):
        return None
    block_p = _panels_per_job(panels, columns, tile, tiles, workers)
    parts = -(-panels // block_p)
    block = _tiles_per_job(tiles, parts, channels, tile, workers)
    shared = tiles > block * SHARED
    chunk = block_p if shared else 1
    if shared:
        block = _tiles_per_job(tiles, parts, channels + block_p * tile.width, tile, workers)
    jobs = -(-tiles // block) * parts
    buffer_size = 8 * (CELLS + 2 * (block + tile.rows)) + 4 * (channels + (chunk + 2) * tile.width)
    buffer_size += CELLS * (4 * block * (channels + (chunk + 1) * tile.width) + APART * (block + 2))
    buffer_size += 0 if shared else CELLS * (chunk + 1) * (4 * channels * tile.width + APART)
    buffer_size = -(-buffer_size // 64) * 64
    taps, layout = weights_layout(walk, filters, panels)
    return _Sliding(
        kernel("products.pack", 4, tile.width), panels, panels * 9 * channels * tile.width * 4, layout, taps,
        kernel("winograd.filters", 4, tile.vectors, tile.lanes),
        panels * CELLS * (4 * channels * tile.width + APART) if shared else 0, packed(channels),
        kernel("winograd.correlate", 4, tile.rows, tile.vectors, tile.lanes), jobs, min(workers, jobs) * buffer_size,
        packed(
            *x_strides[:3], *x_shape[1:3], channels, down.first, across.first, int(floor),
            *y_strides[:3], y_shape[0], down.count, across.count, columns, panels, block, block_p, chunk, int(shared), buffer_size,
        ),
    )  # fmt: skip


def _tiles_per_job(tiles: int, parts: int, numbers: int, tile: Tile, workers: int) -> int:
    """Return how many tiles a job takes, each with so many transformed numbers in every cell."""
    block = min(CACHED // (4 * CELLS * numbers), -(-tiles * parts // (2 * workers)))
    return -(-max(block, LEAST) // tile.rows) * tile.rows


def _panels_per_job(panels: int, columns: int, tile: Tile, tiles: int, workers: int) -> int:
    """Return how many panels of filters a job takes: all, unless there are few tiles. None is left with less than a vector of filters."""
    parts = 1 if tiles >= 4 * workers * tile.rows else min(workers, panels)
    block = -(-panels // parts)
    while columns % (block * tile.width) and columns % (block * tile.width) < tile.lanes:
        block += 1
    return block


def _worth(outputs: int, tiles: int, channels: int, columns: int, filter_: int) -> bool:
    """Return whether fewer products outweigh the transforms; everything is counted in products of numbers."""
    direct = outputs * 9 * channels * columns
    products = max(tiles, 6) * CELLS * channels * columns
    transforms = TRANSFORM * tiles * CELLS * (channels + columns) + filter_ * CELLS * channels * columns
    return products + transforms < WORTH * direct


@dataclass(frozen=True)
class _Gathering:
    """What `gather` needs besides addresses; sizes in bytes."""

    code: Kernel
    jobs: int
    partial: int
    buffers: int
    numbers: bytes
    collect: Kernel
    parts: int
    sums: bytes


@lru_cache(maxsize=256)
def _gathering(
    walk: tuple[Line, Line], workers: int, x_shape: Shape, x_strides: Shape, dy_shape: Shape, dy_strides: Shape
) -> _Gathering | None:
    (down, across), channels, columns = walk, x_shape[3], dy_shape[3]
    tile = tile_for(columns, 4)
    panels = -(-columns // tile.width)
    tiles = x_shape[0] * -(-down.count // OUT) * -(-across.count // OUT)
    if not _worth(x_shape[0] * down.count * across.count, tiles, channels, columns, FILTER_GRADIENT):
        return None
    block_p = min(panels, -(-PART // tile.width))
    parts = -(-panels // block_p)
    cell = 4 * channels * tile.width + APART
    block = min(tiles, GATHERED)
    shares = max(min(-(-SHARES // parts), -(-tiles // block), PARTIAL // (panels * CELLS * cell)), 1)
    block_size = block * (4 * channels + APART + 4 * block_p * tile.width) + 2 * APART + 4 * tile.lanes
    buffer_size = 8 * (CELLS + 2 * (channels + tile.rows)) + 4 * max(channels, block_p * tile.width) + CELLS * block_size
    buffer_size = -(-buffer_size // 64) * 64
    jobs, chunks = shares * parts, -(-channels // CHUNK)
    return _Gathering(
        kernel("winograd.correlate_to_w", 4, tile.rows, tile.vectors, tile.lanes), jobs,
        shares * panels * CELLS * cell, min(workers, jobs) * buffer_size,
        packed(
            *x_strides[:3], *x_shape[1:3], channels, down.first, across.first, *dy_strides[:3], x_shape[0], down.count, across.count,
            columns, panels, block, block_p, shares, buffer_size,
        ),
        kernel("winograd.collect", 4, tile.vectors, tile.lanes), panels * chunks, packed(shares, panels, channels, columns, CHUNK),
    )  # fmt: skip
