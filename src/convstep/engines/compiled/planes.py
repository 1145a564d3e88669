"""Filters slide over images whose pixels lie in the lanes: the way of few filters, which would leave lanes empty.

One rule: nothing here computes; everything that follows from shapes alone is planned once and kept.
"""

import math
from functools import lru_cache

import numpy as np

from convstep.engines.compiled.native import address_of, kernel, packed
from convstep.engines.compiled.sliding import Facts, Plan
from convstep.engines.compiled.tiles import LATENCY, tile_of_pixels
from convstep.engines.compiled.walks import Filters, Line, reach_of

CACHED = 192 << 10  # bytes of a block of planes, which stays in the second-level cache
RUN = 24 << 10  # bytes of planes that a window's rows take together in the first-level cache
WIDE = 4  # tiles side by side, if there are so many, whatever room they take
JOBS = 16  # at least, where images have so many rows
# Measured, in cycles: the beginning of another run of terms, and of a tile; a number that becomes part of a plane, where channels are
# whole vectors and where not; one that is woven into a pixel.
RUN_BEGINS, TILE_BEGINS, SPLIT, PICKED, WOVEN = 8, 20, 0.5, 1.5, 1.2


def cycles(walk: tuple[Line, Line], filters: Filters, size: int) -> float:
    """Return how long an output pixel of a group takes, about."""
    down, across = walk
    if across.step != 1:
        return math.inf
    tile = tile_of_pixels(filters.columns, across.count, size)
    tiles = -(-filters.columns // tile.rows) * -(-across.count // tile.width) / across.count
    runs = len(down.taps) * filters.terms * (len(across.taps) * max(tile.rows * tile.vectors / 2, LATENCY) + RUN_BEGINS)
    laid = filters.terms * reach_of(down, down.count) / down.count * (SPLIT if filters.terms >= tile.lanes else PICKED)
    return tiles * (runs + TILE_BEGINS) + laid + filters.columns * WOVEN


@lru_cache(maxsize=512)
def planned(facts: Facts) -> Plan:
    """Return how filters slide over planes, windows side by side one pixel apart; see `slide`."""
    walk, filters, floor, size, workers, x_shape, x_strides, y_shape, y_strides = facts
    (down, across), channels, groups = walk, filters.terms, filters.groups
    tile = tile_of_pixels(filters.columns, across.count, size)
    most = CACHED // (reach_of(down, 1) * channels * size) // tile.width
    row = min(-(-across.count // tile.width), max(most, WIDE)) * tile.width  # of outputs, a multiple of the tile
    line = (row + (len(across.taps) - 1) * across.tap) * size
    block_h = block_of(down, y_shape[0] * groups, channels * line)
    jobs = y_shape[0] * groups * -(-down.count // block_h) * -(-across.count // row)
    buffer_size = -(-(tile.rows * (16 + row * size) + reach_of(down, block_h) * channels * line) // 64) * 64
    weights = len(down.taps) * channels * len(across.taps)
    runs = 1 if down.tap == 1 and weights // len(across.taps) * line <= RUN else len(down.taps)
    # (taps, terms, columns) -> (k, (p, c), q)
    first, step = across.taps[0] * filters.column, (across.taps[1] - across.taps[0]) * filters.column if len(across.taps) > 1 else 0
    taps = np.array([p * filters.row + c * filters.term + first for p in down.taps for c in range(channels)], np.int64)
    return Plan(
        kernel("products.pack", size, 1), groups * filters.columns, groups * filters.columns * weights * size,
        packed(address_of(taps), taps.size, len(across.taps), step, filters.columns, filters.across, filters.columns, filters.group),
        kernel("planes.correlate", size, tile.rows, tile.vectors, tile.lanes), jobs, min(workers, jobs) * buffer_size,
        packed(
            *x_strides, *x_shape[1:3], channels, down.first, across.first, down.step, down.tap, across.tap, len(down.taps),
            len(across.taps), int(floor), y_strides[0], y_strides[1] * down.stride, y_strides[2] * across.stride, down.count, across.count,
            filters.columns, groups, block_h, row, runs, line, buffer_size,
        ),
        (taps,),
    )  # fmt: skip


def block_of(down: Line, images: int, row: int) -> int:
    """Return how many rows of outputs make a job, where each row of planes takes so many bytes."""
    most = max((CACHED // row - len(down.taps) * down.tap) // down.step + 1, 1)
    return min(most, -(-down.count // max(-(-JOBS // max(images, 1)), 1)), down.count)
