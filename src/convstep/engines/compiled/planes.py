"""Filters slide over images whose pixels lie in the lanes: the way of few filters, which would leave lanes empty.

One rule: nothing here computes; everything that follows from shapes alone is planned once and kept.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from convstep.checks import Array
from convstep.engines.compiled.buffers import Buffers
from convstep.engines.compiled.native import Kernel, address_of, kernel, packed
from convstep.engines.compiled.recording import current
from convstep.engines.compiled.threads import Task, run_all, threads
from convstep.engines.compiled.tiles import LATENCY, tile_of_pixels
from convstep.engines.compiled.walks import Filters, Line, Shape, reach_of

CACHED = 192 << 10  # bytes of a block of planes, which stays in the second-level cache
RUN = 24 << 10  # bytes of planes that a window's rows take together in the first-level cache
JOBS = 16  # at least, where images have so many rows
# Measured, in cycles: the beginning of another run of terms, and of a tile; a number that becomes part of a plane, where channels are
# whole vectors and where not; one that is woven into a pixel.
RUN_BEGINS, TILE_BEGINS, SPLIT, PICKED, WOVEN = 8, 20, 0.5, 1.5, 1.2


def slide(x: Array, w: Array, b: Array | None, walk: tuple[Line, Line], filters: Filters, y: Array, *, floor: bool = False) -> None:
    """Write to y what the filters make of x; with `floor` 0 where that is negative. Windows side by side must be one pixel apart."""
    plan = _planned(walk, filters, floor, x.itemsize, threads(), x.shape, x.strides, y.shape, y.strides)
    recording = current.get()
    if recording is not None:
        recording.kept.append(plan)
    place = walk[0].place * y.strides[1] + walk[1].place * y.strides[2]
    with Buffers() as buffers:
        weights = buffers.take(plan.packed, lasting=True)
        pack = Task(plan.pack, plan.filters, packed(address_of(w), weights) + plan.layout, once=True)
        addresses = address_of(x), weights, 0 if b is None else address_of(b), address_of(y) + place, buffers.take(plan.buffers)
        run_all(pack, Task(plan.code, plan.jobs, packed(*addresses) + plan.numbers))


def cycles(walk: tuple[Line, Line], filters: Filters, size: int) -> float:
    """Return how long an output pixel of a group takes, about."""
    down, across = walk
    if across.step != 1:
        return math.inf
    tile = tile_of_pixels(filters.columns, across.count, size)
    tiles = -(-filters.columns // tile.rows) * -(-across.count // tile.width) / across.count
    runs = len(down.taps) * filters.terms * (len(across.taps) * max(tile.rows * tile.vectors / 2, LATENCY) + RUN_BEGINS)
    laid = filters.terms * down.step * (SPLIT if filters.terms >= tile.lanes else PICKED)
    return tiles * (runs + TILE_BEGINS) + laid + filters.columns * WOVEN


@dataclass(frozen=True)
class _Plan:
    """What `slide` needs besides addresses; sizes in bytes."""

    pack: Kernel
    filters: int
    packed: int
    layout: bytes
    code: Kernel
    jobs: int
    buffers: int
    numbers: bytes
    taps: Array


@lru_cache(maxsize=512)
def _planned(
    walk: tuple[Line, Line],
    filters: Filters,
    floor: bool,  # noqa: FBT001 - it is a key
    size: int,
    workers: int,
    x_shape: Shape,
    x_strides: Shape,
    y_shape: Shape,
    y_strides: Shape,
) -> _Plan:
    (down, across), channels, groups = walk, filters.terms, filters.groups
    tile = tile_of_pixels(filters.columns, across.count, size)
    row = -(-across.count // tile.width) * tile.width  # of outputs, a multiple of the tile
    line = (row + (len(across.taps) - 1) * across.tap) * size
    block_h = block_of(down, y_shape[0] * groups, channels * line)
    jobs = y_shape[0] * groups * -(-down.count // block_h)
    buffer_size = -(-(tile.rows * (16 + row * size) + reach_of(down, block_h) * channels * line) // 64) * 64
    weights = len(down.taps) * channels * len(across.taps)
    runs = 1 if down.tap == 1 and weights // len(across.taps) * line <= RUN else len(down.taps)
    # (taps, terms, columns) -> (k, (p, c), q)
    first, step = across.taps[0] * filters.column, (across.taps[1] - across.taps[0]) * filters.column if len(across.taps) > 1 else 0
    taps = np.array([p * filters.row + c * filters.term + first for p in down.taps for c in range(channels)], np.int64)
    return _Plan(
        kernel("products.pack", size, 1), groups * filters.columns, groups * filters.columns * weights * size,
        packed(address_of(taps), taps.size, len(across.taps), step, filters.columns, filters.across, filters.columns, filters.group),
        kernel("planes.correlate", size, tile.rows, tile.vectors, tile.lanes), jobs, min(workers, jobs) * buffer_size,
        packed(
            *x_strides, *x_shape[1:3], channels, down.first, across.first, down.step, down.tap, across.tap, len(down.taps),
            len(across.taps), int(floor), y_strides[0], y_strides[1] * down.stride, y_strides[2] * across.stride, down.count, across.count,
            filters.columns, groups, block_h, runs, line, buffer_size,
        ),
        taps,
    )  # fmt: skip


def block_of(down: Line, images: int, row: int) -> int:
    """Return how many rows of outputs make a job, where each row of planes takes so many bytes."""
    most = max((CACHED // row - len(down.taps) * down.tap) // down.step + 1, 1)
    return min(most, -(-down.count // max(-(-JOBS // max(images, 1)), 1)), down.count)
