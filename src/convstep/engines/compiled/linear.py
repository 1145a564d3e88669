"""Convolution and its two transposes on the register tile: what is walked, in which blocks, on which tile.

One rule: nothing here computes; it turns geometry into strides. Forward and towards x are the same kernel with other strides.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from convstep.checks import Array
from convstep.engines.compiled.buffers import Buffers
from convstep.engines.compiled.native import host_features, kernel
from convstep.engines.compiled.threads import run, threads
from convstep.geometry import Axis, Window2d

CACHED = 96 << 10  # bytes of a block of pixels, which stays in the second-level cache
PACKED = 16 << 10  # bytes of a block of gradients, which stays in the first-level cache
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
    """Return the tile that wastes the fewest columns; of equals the widest."""
    return min(tiles_for(size), key=lambda tile: -(-columns // tile.width) * tile.width)


# --- the walks ---


def correlate(x: Array, w: Array, b: Array | None, window: Window2d, groups: int) -> Array:
    """Slide filters over images; see `Engine`."""
    y = np.empty((x.shape[0], *window.out, w.shape[3]), x.dtype)
    _slide(x, w, b, (forward(window.height), forward(window.width)), groups, y)
    return y


def correlate_to_x(dy: Array, w: Array, window: Window2d, groups: int) -> Array:
    """Slide the filters, channels and filters exchanged, over the outputs: once for each phase of the strides; see `Engine`."""
    shape = (dy.shape[0], window.height.size, window.width.size, w.shape[2] * groups)
    walks = [(down, across) for down in backward(window.height) for across in backward(window.width)]
    filled = all(down.taps and across.taps for down, across in walks)
    dx = np.empty(shape, dy.dtype) if filled else np.zeros(shape, dy.dtype)
    for walk in walks:
        if walk[0].taps and walk[1].taps:
            _slide(dy, w, None, walk, groups, dx, towards_x=True)
    return dx


def _slide(x: Array, w: Array, b: Array | None, walk: tuple[Line, Line], groups: int, y: Array, *, towards_x: bool = False) -> None:
    down, across = walk
    terms, columns = (w.shape[3] // groups, w.shape[2]) if towards_x else (w.shape[2], w.shape[3] // groups)
    size, tile = x.itemsize, tile_for(columns, x.itemsize)
    with Buffers() as buffers:
        packed, panels = pack(w, walk, groups, tile, buffers, towards_x=towards_x)
        bias = 0 if b is None else padded_bias(b, groups, panels * tile.width)
        inside = down.stays_inside(x.shape[1]) and across.stays_inside(x.shape[2])
        direct = inside and groups == 1 and x.strides[3] == size and (x.strides[2] == size * x.shape[3] or len(across.taps) == 1)
        images, out_h, out_w = y.shape[0], down.count, across.count
        x_strides, y_strides = x.strides, (y.strides[0], y.strides[1] * down.stride, y.strides[2] * across.stride)
        shape = x.shape[1:3]
        if direct and len(down.taps) * len(across.taps) == 1 and down.step * across.step == 1 and _flat(x) and _flat(y) and x.shape[:3] == y.shape[:3]:
            # single pixels: all images are one row
            images, out_h, out_w = 1, 1, images * out_h * out_w
            shape = (1, out_w)
        cells = terms * size * down.step * across.step
        block_h, block_w = _block(out_h, out_w, max(CACHED // cells, 4 * tile.rows), tile.rows)
        blocks = images * groups * -(-out_h // block_h) * -(-out_w // block_w)
        block_p = panels if blocks >= 4 * threads() else max(1, -(-panels * blocks // (4 * threads())))
        area = 0 if direct else _reach(down, block_h) * _reach(across, block_w) * terms * size
        buffer_size = -(-(16 * (block_h * block_w + tile.rows) + area) // 64) * 64
        jobs = blocks * -(-panels // block_p)
        scratch = buffers.take(min(threads(), jobs) * buffer_size)
        run(
            kernel("products.correlate", size, tile.rows, tile.vectors, tile.lanes), jobs,
            x, *x_strides, *shape, terms,
            down.first, across.first, down.step, across.step, down.tap, across.tap, len(down.taps), len(across.taps),
            packed, bias, 0, y[:, down.place :, across.place :], *y_strides, out_h, out_w, columns,
            groups, panels, block_h, block_w, block_p, int(direct), scratch, buffer_size,
        )  # fmt: skip


def correlate_to_w(dy: Array, x: Array, window: Window2d, groups: int) -> Array:
    """Multiply what each weight met with what came of it; see `Engine`."""
    down, across = forward(window.height), forward(window.width)
    channels, filters = x.shape[3] // groups, dy.shape[3] // groups
    size, tile = x.itemsize, tile_for(filters, x.itemsize)
    panels, terms = -(-filters // tile.width), math.prod(window.kernel) * channels
    dw = np.empty((*window.kernel, channels, dy.shape[3]), x.dtype)
    inside = down.stays_inside(x.shape[1]) and across.stays_inside(x.shape[2])
    direct = inside and groups == 1 and x.strides[3] == size
    images, out_h, out_w, shape = x.shape[0], down.count, across.count, x.shape[1:3]
    if direct and window.kernel == (1, 1) and down.step * across.step == 1 and _flat(x) and _flat(dy):
        images, out_h, out_w = 1, 1, images * out_h * out_w
        shape = (1, out_w)
    block_h, block_w = _block(out_h, out_w, max(PACKED // (tile.width * size), 16), 1)
    blocks = images * -(-out_h // block_h) * -(-out_w // block_w)
    shares = max(min(-(-SHARES // (panels * groups)), blocks), 1)
    block_p = panels if shares >= SHARES // 2 else max(1, panels * groups * shares // SHARES)
    with Buffers() as buffers:
        partial = buffers.take(shares * groups * panels * terms * tile.width * size)
        area = 0 if direct else _reach(down, block_h) * _reach(across, block_w) * channels * size
        rows = -(-terms // tile.rows) * tile.rows
        buffer_size = -(-(16 * rows + block_h * block_w * tile.width * size + area) // 64) * 64
        jobs = shares * groups * -(-panels // block_p)
        scratch = buffers.take(min(threads(), jobs) * buffer_size)
        run(
            kernel("products.correlate_to_w", size, tile.rows, tile.vectors, tile.lanes), jobs,
            x, *x.strides, *shape, channels,
            down.first, across.first, down.step, across.step, down.tap, across.tap, *window.kernel,
            dy, *dy.strides, images, out_h, out_w, filters,
            partial, groups, panels, block_h, block_w, block_p, shares, int(direct), scratch, buffer_size,
        )  # fmt: skip
        run(kernel("products.collect", size, tile.width), groups * panels, partial, shares, groups, panels, terms, filters, dw)
    return dw


# --- parts ---


def pack(w: Array, walk: tuple[Line, Line], groups: int, tile: Tile, buffers: Buffers, *, towards_x: bool) -> tuple[int, int]:  # noqa: PLR0917
    """Return the address of the weights as panels (groups, panels, taps, terms, tile.width), and how many panels a group has."""
    (filters, filter_stride), (channels, channel_stride) = (w.shape[3] // groups, w.strides[3]), (w.shape[2], w.strides[2])
    terms, columns = ((filters, filter_stride), (channels, channel_stride))[:: 1 if towards_x else -1]
    panels = -(-columns[0] // tile.width)
    taps = [p * w.strides[0] + q * w.strides[1] for p in walk[0].taps for q in walk[1].taps]
    packed = buffers.take(groups * panels * len(taps) * terms[0] * tile.width * w.itemsize)
    code = kernel("products.pack", w.itemsize, tile.width)
    run(code, groups * panels, w, len(taps), np.array(taps, np.int64), *terms, *columns, packed, panels, filters * filter_stride)
    return packed, panels


def padded_bias(b: Array, groups: int, width: int) -> Array:
    """Return the bias with as many numbers for each group as its panels have columns."""
    padded = np.zeros((groups, width), b.dtype)
    padded[:, : b.size // groups] = b.reshape(groups, -1)
    return padded


def _flat(images: Array) -> bool:
    return bool(images.flags.c_contiguous)


def _block(height: int, width: int, most: int, least: int) -> tuple[int, int]:
    """Return rows and columns of blocks of about `most` outputs: whole rows where they fit."""
    if width > most:
        return 1, -(-most // least) * least
    return max(min(height, most // width), 1), width


def _reach(line: Line, count: int) -> int:
    return (min(count, line.count) - 1) * line.step + (len(line.taps) - 1) * line.tap + 1
