"""Filters slide over pixels, filters in the lanes: in which blocks, and what the kernel is told.

One rule: nothing here computes; everything that follows from shapes alone is planned once and kept.
"""

import math
from functools import lru_cache

import numpy as np

from convstep.checks import Array
from convstep.engines.compiled.native import address_of, kernel, packed
from convstep.engines.compiled.sliding import Facts, Plan
from convstep.engines.compiled.tiles import tile_for, work
from convstep.engines.compiled.walks import Filters, Line, block_of, reach_of, single_pixels

CACHED = 96 << 10  # bytes of a block of pixels, which stays in the second-level cache
HEAVY = 256 << 10  # the same, where it is the weights that are read from further away
JOB = 1 << 18  # products that are worth a job of their own
LOST = 1.25  # measured: how much longer filters slide than their products alone take


def cycles(walk: tuple[Line, Line], filters: Filters, size: int) -> float:
    """Return how long an output pixel of a group takes, about."""
    terms = len(walk[0].taps) * len(walk[1].taps) * filters.terms
    return LOST * terms * work(filters.columns, tile_for(filters.columns, size)) / 2


@lru_cache(maxsize=512)
def planned(facts: Facts) -> Plan:
    """Return how filters slide over pixels; see `slide`."""
    walk, filters, floor, size, workers, x_shape, x_strides, y_shape, y_strides = facts
    (down, across), channels, groups = walk, filters.terms, filters.groups
    tile = tile_for(filters.columns, size)
    panels, cells = -(-filters.columns // tile.width), len(down.taps) * len(across.taps)
    inside = down.stays_inside(x_shape[1]) and across.stays_inside(x_shape[2])
    narrow = len(across.taps) == 1  # a row of a window is a pixel, wherever its neighbours lie
    direct = inside and x_strides[3] == size and (narrow or (groups == 1 and x_strides[2] == size * channels))
    images, out_h, out_w, shape = y_shape[0], down.count, across.count, x_shape[1:3]
    if direct and single_pixels(walk, size, (x_shape, x_strides), (y_shape, y_strides)):
        images, out_h, out_w, shape = 1, 1, images * out_h * out_w, (1, images * out_h * out_w)
    pixels = images * groups * out_h * out_w
    wanted = max(min(4 * workers, pixels * cells * channels * filters.columns // JOB), 1)
    cached = CACHED
    if cells * filters.columns > pixels // groups and panels * groups >= 4 * workers:
        wanted, cached = 1, HEAVY  # weights take more memory than pixels: each job reads some of them once, rather than all for some pixels
    met = 1 if direct and cells == 1 else down.step * across.step
    most = min(cached // (channels * size * met), -(-pixels // wanted))
    block_h, block_w = block_of(out_h, out_w, max(most, 4 * tile.rows), tile.rows)
    blocks = images * groups * -(-out_h // block_h) * -(-out_w // block_w)
    block_p = panels if blocks >= 4 * workers else max(1, panels * blocks // (4 * workers))
    jobs = blocks * -(-panels // block_p)
    reach = reach_of(down, block_h), reach_of(across, block_w)
    buffer_size = -(-(16 * tile.rows + (0 if direct else math.prod(reach) * channels * size)) // 64) * 64
    pixel = x_strides[2] if direct else channels * size
    y_row, y_pixel = y_strides[1] * down.stride, y_strides[2] * across.stride

    def table(width: int) -> Array:
        """Return where windows begin and where outputs go, for a block of this many columns."""
        row = x_strides[1] if direct else reach_of(across, width) * pixel
        i, j = np.divmod(np.arange(block_h * width), width)
        return np.stack([i * down.step * row + j * across.step * pixel, i * y_row + j * y_pixel]).astype(np.int64)

    taps, layout = weights_layout(walk, filters, panels)
    tables = taps, table(block_w), table(out_w % block_w or block_w)
    return Plan(
        kernel("products.pack", size, tile.width),
        groups * panels,
        groups * panels * cells * channels * tile.width * size,
        layout,
        kernel("products.correlate", size, tile.rows, tile.vectors, tile.lanes),
        jobs,
        min(workers, jobs) * buffer_size,
        packed(
            *map(address_of, tables[1:]),
            *x_strides,
            *shape,
            channels,
            down.first,
            across.first,
            down.step,
            across.step,
            down.tap,
            across.tap,
            len(down.taps),
            len(across.taps),
            int(floor),
            y_strides[0],
            y_row,
            y_pixel,
            out_h,
            out_w,
            filters.columns,
            groups,
            panels,
            block_h,
            block_w,
            block_p,
            int(direct),
            buffer_size,
        ),
        tables,
    )


def weights_layout(walk: tuple[Line, Line], filters: Filters, panels: int) -> tuple[Array, bytes]:
    """Return what the kernel that packs weights needs besides addresses, and the table that this points to."""
    taps = np.array([p * filters.row + q * filters.column for p in walk[0].taps for q in walk[1].taps], np.int64)
    layout = address_of(taps), taps.size, filters.terms, filters.term, filters.columns, filters.across, panels, filters.group
    return taps, packed(*layout)
