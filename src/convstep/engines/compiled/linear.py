"""Convolution and its two transposes on the register tile: what is walked, in which blocks, on which tile.

One rule: nothing here computes; it turns geometry into strides. Forward and towards x are the same kernel with other strides.
"""

import math
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convstep.checks import Array
from convstep.engines.compiled.buffers import Buffers
from convstep.engines.compiled.native import Kernel, address_of, host_features, kernel, packed
from convstep.engines.compiled.threads import run, threads
from convstep.geometry import Axis, Window2d

CACHED = 96 << 10  # bytes of a block of pixels, which stays in the second-level cache
PACKED = 16 << 10  # bytes of a block of gradients, which stays in the first-level cache
ONE_VECTOR = 1.1  # how much longer a product takes in a tile of one vector than in one of two
TOGETHER, WORTH = 8, 0.85  # most outputs of a phase that are taken for one; how much of the work that may leave
Shape: TypeAlias = tuple[int, ...]
SHARES = 8  # parts of a gradient's long sum; the same on every machine, so that the bits are


@dataclass(frozen=True)
class Line:
    """One axis of a walk: `count` outputs from `place` in steps of `stride`; output t meets cell first + t * step + q * tap with taps[q]."""

    count: int
    place: int
    stride: int
    first: int
    step: int
    tap: int
    taps: tuple[int, ...]

    def stays_inside(self, size: int) -> bool:
        """Return whether no window leaves the axis."""
        return self.first >= 0 and self.first + (self.count - 1) * self.step + (len(self.taps) - 1) * self.tap < size


@lru_cache(maxsize=1024)
def forward(axis: Axis) -> Line:
    """Return the walk of the windows themselves."""
    return Line(axis.out, 0, 1, -axis.pad[0], axis.stride, axis.dilation, tuple(range(axis.kernel)))


@lru_cache(maxsize=1024)
def backward(axis: Axis) -> tuple[Line, ...]:
    """Return the walks over the outputs that give the cells of the image: one for each phase of the stride.

    Cell h meets output i with tap k where i * stride + k * dilation = h + pad.
    """
    return tuple(_phase(axis, phase) for phase in range(min(axis.stride, axis.size)))


def _phase(axis: Axis, phase: int) -> Line:
    stride, dilation, shift = axis.stride, axis.dilation, phase + axis.pad[0]
    count = -(-(axis.size - phase) // stride)
    taps = tuple(k for k in range(axis.kernel) if (shift - k * dilation) % stride == 0)[::-1]
    if not taps:
        return Line(count, phase, stride, 0, 1, 1, ())
    tap = dilation // math.gcd(stride, dilation) if len(taps) > 1 else 1
    return Line(count, phase, stride, (shift - taps[0] * dilation) // stride, 1, tap, taps)


class Filters(NamedTuple):
    """How weights lie in memory, in numbers and bytes: those that are added up, those that give columns of their own, and the groups."""

    row: int
    column: int
    terms: int
    term: int
    columns: int
    across: int
    groups: int
    group: int


def _straight(w: Array, groups: int) -> Filters:
    """Return how filters slide over x: channels are added up."""
    row, column, channel, filter_ = w.strides
    return Filters(row, column, w.shape[2], channel, w.shape[3] // groups, filter_, groups, w.shape[3] // groups * filter_)


def _exchanged(w: Array, groups: int) -> Filters:
    """Return how filters slide over dy: filters are added up."""
    row, column, channel, filter_ = w.strides
    return Filters(row, column, w.shape[3] // groups, filter_, w.shape[2], channel, groups, w.shape[3] // groups * filter_)


# --- tiles ---


@dataclass(frozen=True)
class Tile:
    """The size of a register tile: rows x vectors of `lanes` numbers."""

    rows: int
    vectors: int
    lanes: int

    @property
    def width(self) -> int:
        """How many columns it has: a panel."""
        return self.vectors * self.lanes


@cache
def tiles_for(size: int) -> tuple[Tile, ...]:
    """Return the tiles of this machine for numbers of this size, the widest first."""
    features = host_features()
    if "avx512f" in features:
        wide, rows = 64 // size, 14
        return (Tile(rows, 2, wide), Tile(rows, 1, wide), *((Tile(rows, 1, lanes) for lanes in (8, 4)) if size == 4 else (Tile(rows, 1, 4),)))
    lanes = (32 if "avx2" in features else 16) // size
    if "neon" in features:
        return Tile(8, 2, lanes), Tile(12, 1, lanes)
    return (Tile(6, 2, lanes), Tile(12, 1, lanes), *((Tile(12, 1, 4),) if lanes > 4 else ()))


def tile_for(columns: int, size: int) -> Tile:
    """Return the tile that makes the least work of so many columns; of equals the widest."""
    return min(tiles_for(size), key=lambda tile: work(columns, tile))


def work(columns: int, tile: Tile) -> float:
    """Return how many vectors the tile multiplies for each number of a row; tiles of one vector load more for each product."""
    return -(-columns // tile.width) * tile.vectors * (1 if tile.vectors > 1 else ONE_VECTOR)


# --- the walks ---


def correlate(x: Array, w: Array, b: Array | None, window: Window2d, groups: int) -> Array:
    """Slide filters over images; see `Engine`."""
    y = np.empty((x.shape[0], *window.out, w.shape[3]), x.dtype)
    _slide_rows(x, w, b, (forward(window.height), (forward(window.width),)), _straight(w, groups), y)
    return y


def correlate_to_x(dy: Array, w: Array, window: Window2d, groups: int) -> Array:
    """Slide the filters, channels and filters exchanged, over the outputs: once for each phase of the strides; see `Engine`."""
    shape = (dy.shape[0], window.height.size, window.width.size, w.shape[2] * groups)
    rows, columns = backward(window.height), backward(window.width)
    filled = all(line.taps for line in (*rows, *columns))
    dx = np.empty(shape, dy.dtype) if filled else np.zeros(shape, dy.dtype)
    for down in rows:
        if down.taps:
            _slide_rows(dy, w, None, (down, columns), _exchanged(w, groups), dx)
    return dx


def correlate_to_w(dy: Array, x: Array, window: Window2d, groups: int) -> Array:
    """Multiply what each weight met with what came of it; see `Engine`."""
    dw = np.empty((*window.kernel, x.shape[3] // groups, dy.shape[3]), x.dtype)
    walk = forward(window.height), forward(window.width)
    plan = _gathering(walk, groups, x.itemsize, threads(), x.shape, x.strides, dy.shape, dy.strides)
    with Buffers() as buffers:
        partial, scratch = buffers.take(plan.partial), buffers.take(plan.buffers)
        run(plan.code, plan.jobs, packed(address_of(x), address_of(dy), partial, scratch) + plan.numbers)
        run(plan.collect, plan.parts, packed(partial, address_of(dw)) + plan.sums)
    return dw


def _slide_rows(  # noqa: PLR0917
    x: Array, w: Array, b: Array | None, walk: tuple[Line, tuple[Line, ...]], filters: Filters, y: Array
) -> None:
    """Write to rows of y what the filters make of x: several outputs at a time, or phase by phase."""
    down, phases = walk
    band = _band_for(phases, filters, y.itemsize, y.strides)
    if band is None or not _slide_band(x, w, b, (down, phases), filters, y, band):
        for across in phases:
            if across.taps:
                _slide(x, w, b, (down, across), filters, y)


def _slide(x: Array, w: Array, b: Array | None, walk: tuple[Line, Line], filters: Filters, y: Array) -> None:  # noqa: PLR0917
    """Write to y what the filters make of x."""
    plan = _sliding(walk, filters, x.itemsize, threads(), x.shape, x.strides, y.shape, y.strides)
    place = walk[0].place * y.strides[1] + walk[1].place * y.strides[2]
    with Buffers() as buffers:
        panels = buffers.take(plan.packed)
        run(plan.pack, plan.panels, packed(address_of(w), panels) + plan.layout)
        addresses = address_of(x), panels, 0 if b is None else address_of(b), address_of(y) + place, buffers.take(plan.buffers)
        run(plan.code, plan.jobs, packed(*addresses) + plan.numbers)


# --- bands: where there are few columns, outputs side by side are taken for one with more ---


@dataclass(frozen=True)
class Band:
    """`outputs` outputs of a row, side by side, as one: their windows together, and where each output's own window begins in it."""

    outputs: int
    line: Line
    shifts: tuple[int, ...]


@lru_cache(maxsize=512)
def _band_for(phases: tuple[Line, ...], filters: Filters, size: int, y_strides: Shape) -> Band | None:
    """Return the band that makes the least work, or nothing where one output at a time does."""
    steps = {(line.step, line.tap) for line in phases if line.taps}
    if filters.groups > 1 or len(steps) > 1 or any(tap > 1 for _, tap in steps) or y_strides[2] != filters.columns * size:
        return None
    bands = [band for repeats in range(1, TOGETHER + 1) if (band := _band(phases, repeats)).line.count]
    alone = sum(len(line.taps) for line in phases) * work(filters.columns, tile_for(filters.columns, size)) / len(phases)

    def cost(band: Band) -> float:
        columns = band.outputs * filters.columns
        return work(columns, tile_for(columns, size)) * len(band.line.taps) / band.outputs

    best = min(bands, key=cost, default=None)
    return best if best and best.outputs > 1 and cost(best) < WORTH * alone else None


def _band(phases: tuple[Line, ...], repeats: int) -> Band:
    """Return the band of `repeats` outputs of each phase."""
    outputs, step = len(phases) * repeats, max(line.step for line in phases)
    starts = [phases[u % len(phases)].first + u // len(phases) * step for u in range(outputs)]
    met = [(start, len(phases[u % len(phases)].taps)) for u, start in enumerate(starts) if phases[u % len(phases)].taps]
    first, end = min(start for start, _ in met), max(start + cells for start, cells in met)
    count = min(line.count for line in phases) // repeats
    line = Line(count, 0, outputs, first, repeats * step, 1, tuple(range(end - first)))
    return Band(outputs, line, tuple(start - first for start in starts))


def _slide_band(  # noqa: PLR0917
    x: Array, w: Array, b: Array | None, walk: tuple[Line, tuple[Line, ...]], filters: Filters, y: Array, band: Band
) -> bool:
    """Write to y as `_slide_rows` does; return whether its numbers can be trusted, since 0 * inf is not 0."""
    down, phases = walk
    layout = (filters.row, filters.column, filters.term, filters.across)
    weights = as_strided(w, (*w.shape[:2], filters.terms, filters.columns), layout)[list(down.taps)]
    # (p, q, c, k) -> (p, shift of u + q, c; u, k): output u of the band sees its own window, and zeros around it
    wide = np.zeros((len(down.taps), len(band.line.taps), filters.terms, band.outputs, filters.columns), w.dtype)
    for u, shift in enumerate(band.shifts):
        taps = phases[u % len(phases)].taps
        wide[:, shift : shift + len(taps), :, u] = weights[:, list(taps)]
    wide = wide.reshape(*wide.shape[:3], -1)
    down = replace(down, taps=tuple(range(len(down.taps))))
    _slide(x, wide, None if b is None else np.tile(b, band.outputs), (down, band.line), _straight(wide, 1), y)
    done = band.line.count * band.outputs // len(phases)  # of each phase
    for line in phases:
        if line.taps and line.count > done:
            place, first = line.place + done * line.stride, line.first + done * line.step
            _slide(x, w, b, (walk[0], replace(line, count=line.count - done, place=place, first=first)), filters, y)
    return bool(np.isfinite(y.sum()))


# --- plans: everything that follows from shapes alone ---


@dataclass(frozen=True)
class _Sliding:
    """What `_slide` needs besides addresses."""

    pack: Kernel
    panels: int
    packed: int  # bytes
    layout: bytes
    code: Kernel
    jobs: int
    buffers: int  # bytes
    numbers: bytes
    tables: tuple[Array, ...]


@lru_cache(maxsize=512)
def _sliding(  # noqa: PLR0917 - it is a key
    walk: tuple[Line, Line], filters: Filters, size: int, workers: int, x_shape: Shape, x_strides: Shape, y_shape: Shape, y_strides: Shape
) -> _Sliding:
    (down, across), channels, groups = walk, filters.terms, filters.groups
    tile = tile_for(filters.columns, size)
    panels, cells = -(-filters.columns // tile.width), len(down.taps) * len(across.taps)
    inside = down.stays_inside(x_shape[1]) and across.stays_inside(x_shape[2])
    direct = inside and groups == 1 and x_strides[3] == size and (x_strides[2] == size * channels or len(across.taps) == 1)
    images, out_h, out_w, shape = y_shape[0], down.count, across.count, x_shape[1:3]
    if direct and _single_pixels(walk, size, (x_shape, x_strides), (y_shape, y_strides)):
        images, out_h, out_w, shape = 1, 1, images * out_h * out_w, (1, images * out_h * out_w)
    block_h, block_w = _block(out_h, out_w, max(CACHED // (channels * size * down.step * across.step), 4 * tile.rows), tile.rows)
    blocks = images * groups * -(-out_h // block_h) * -(-out_w // block_w)
    block_p = panels if blocks >= 4 * workers else max(1, panels * blocks // (4 * workers))
    jobs = blocks * -(-panels // block_p)
    reach = _reach(down, block_h), _reach(across, block_w)
    buffer_size = -(-(16 * tile.rows + (0 if direct else math.prod(reach) * channels * size)) // 64) * 64
    pixel = x_strides[2] if direct else channels * size
    y_row, y_pixel = y_strides[1] * down.stride, y_strides[2] * across.stride

    def table(width: int) -> Array:
        """Return where windows begin and where outputs go, for a block of this many columns."""
        row = x_strides[1] if direct else _reach(across, width) * pixel
        i, j = np.divmod(np.arange(block_h * width), width)
        return np.stack([i * down.step * row + j * across.step * pixel, i * y_row + j * y_pixel]).astype(np.int64)

    taps = np.array([p * filters.row + q * filters.column for p in down.taps for q in across.taps], np.int64)
    tables = taps, table(block_w), table(out_w % block_w or block_w)
    return _Sliding(
        kernel("products.pack", size, tile.width),
        groups * panels,
        groups * panels * cells * channels * tile.width * size,
        packed(address_of(taps), cells, channels, filters.term, filters.columns, filters.across, panels, filters.group),
        kernel("products.correlate", size, tile.rows, tile.vectors, tile.lanes),
        jobs,
        min(workers, jobs) * buffer_size,
        packed(
            *map(address_of, tables[1:]), *x_strides, *shape, channels,
            down.first, across.first, down.step, across.step, down.tap, across.tap, len(down.taps), len(across.taps),
            0, y_strides[0], y_row, y_pixel, out_h, out_w, filters.columns,
            groups, panels, block_h, block_w, block_p, int(direct), buffer_size,
        ),  # fmt: skip
        tables,
    )


@dataclass(frozen=True)
class _Gathering:
    """What `correlate_to_w` needs besides addresses."""

    code: Kernel
    jobs: int
    partial: int  # bytes
    buffers: int  # bytes
    numbers: bytes
    collect: Kernel
    parts: int
    sums: bytes


@lru_cache(maxsize=512)
def _gathering(  # noqa: PLR0913, PLR0917 - it is a key
    walk: tuple[Line, Line],
    groups: int,
    size: int,
    workers: int,
    x_shape: Shape,
    x_strides: Shape,
    dy_shape: Shape,
    dy_strides: Shape,
) -> _Gathering:
    down, across = walk
    channels, filters = x_shape[3] // groups, dy_shape[3] // groups
    tile = tile_for(filters, size)
    panels, terms = -(-filters // tile.width), len(down.taps) * len(across.taps) * channels
    direct = down.stays_inside(x_shape[1]) and across.stays_inside(x_shape[2]) and groups == 1 and x_strides[3] == size
    images, out_h, out_w, shape = x_shape[0], down.count, across.count, x_shape[1:3]
    if direct and _single_pixels(walk, size, (x_shape, x_strides), (dy_shape, dy_strides)):
        images, out_h, out_w, shape = 1, 1, images * out_h * out_w, (1, images * out_h * out_w)
    block_h, block_w = _block(out_h, out_w, max(PACKED // (tile.width * size), 16), 1)
    blocks = images * -(-out_h // block_h) * -(-out_w // block_w)
    shares = max(min(-(-SHARES // (panels * groups)), blocks), 1)
    block_p = panels if shares >= SHARES // 2 else max(1, panels * groups * shares // SHARES)
    area = 0 if direct else _reach(down, block_h) * _reach(across, block_w) * channels * size
    rows = -(-terms // tile.rows) * tile.rows
    buffer_size = -(-(16 * rows + block_h * block_w * tile.width * size + area) // 64) * 64
    jobs = shares * groups * -(-panels // block_p)
    return _Gathering(
        kernel("products.correlate_to_w", size, tile.rows, tile.vectors, tile.lanes),
        jobs,
        shares * groups * panels * terms * tile.width * size,
        min(workers, jobs) * buffer_size,
        packed(
            *x_strides, *shape, channels, down.first, across.first, down.step, across.step, down.tap, across.tap,
            len(down.taps), len(across.taps), *dy_strides, images, out_h, out_w, filters,
            groups, panels, block_h, block_w, block_p, shares, int(direct), buffer_size,
        ),  # fmt: skip
        kernel("products.collect", size, tile.width),
        groups * panels,
        packed(shares, groups, panels, terms, filters),
    )


def _single_pixels(walk: tuple[Line, Line], size: int, *images: tuple[Shape, Shape]) -> bool:
    """Return whether windows are single pixels side by side, so that all images are one row of them."""
    ones = all(len(line.taps) == line.step == line.stride == 1 and line.place == 0 for line in walk)
    return ones and images[0][0][:3] == images[1][0][:3] and all(_contiguous(shape, strides, size) for shape, strides in images)


def _contiguous(shape: Shape, strides: Shape, size: int) -> bool:
    return strides == (shape[1] * shape[2] * shape[3] * size, shape[2] * shape[3] * size, shape[3] * size, size)


def _block(height: int, width: int, most: int, least: int) -> tuple[int, int]:
    """Return rows and columns of blocks of about `most` outputs: whole rows where they fit."""
    if width > most:
        return 1, -(-most // least) * least
    return max(min(height, most // width), 1), width


def _reach(line: Line, count: int) -> int:
    return (min(count, line.count) - 1) * line.step + (len(line.taps) - 1) * line.tap + 1
