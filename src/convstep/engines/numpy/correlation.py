"""Convolution and its two transposes as matrix products over blocks of tiles.

One rule: zeros that the loops do not multiply by are only multiplied by finite numbers, since 0 * inf is not 0.
"""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from convstep.checks import Array
from convstep.engines.numpy.blocks import length, overlap, rectangle
from convstep.engines.numpy.channels import arrange
from convstep.engines.numpy.depthwise import depthwise, depthwise_to_w, depthwise_to_x
from convstep.engines.numpy.tiles import Block, Tiles, fastest
from convstep.geometry import Axis, Window2d


@np.errstate(all="ignore")
def correlate(
    x: Array, w: Array, b: Array | None, window: Window2d, groups: int, *, floor: bool = False, out: Array | None = None
) -> Array:
    """Slide filters over images; see `Engine`."""
    if 1 < groups == x.shape[3]:
        found = depthwise(x, w, b, window)
        y = found if out is None else arrange(found, out)
    else:
        y = np.empty((x.shape[0], *window.out, w.shape[3]), x.dtype) if out is None else out
        for c, k in _groups(x.shape[3], w.shape[3], groups):
            _slide(x[..., c], w[..., k], None if b is None else b[k], window, y=y[..., k])
    return np.maximum(y, 0, out=y) if floor else y


@np.errstate(all="ignore")
def correlate_to_x(dy: Array, w: Array, window: Window2d, groups: int) -> Array:
    """Give every cell of the images the sum of w * dy over the windows that hold it; see `Engine`."""
    channels = w.shape[2] * groups
    if 1 < groups == channels:
        return depthwise_to_x(dy, w, window, channels)
    dx = np.zeros((dy.shape[0], window.height.size, window.width.size, channels), dy.dtype)
    for c, k in _groups(channels, w.shape[3], groups):
        _spread(dy[..., k], w[..., k], window, dx[..., c])
    return dx


@np.errstate(all="ignore")
def correlate_to_w(dy: Array, x: Array, window: Window2d, groups: int) -> Array:
    """Give every weight the sum of x * dy over the windows; see `Engine`."""
    if 1 < groups == x.shape[3]:
        return depthwise_to_w(dy, x, window)
    dw = np.empty((*window.kernel, x.shape[3] // groups, dy.shape[3]), x.dtype)
    for c, k in _groups(x.shape[3], dy.shape[3], groups):
        tiles = fastest(window, dw.shape[2], dy.shape[3] // groups, x.dtype)
        gradient = _gather(dy[..., k], x[..., c], tiles)
        if gradient is None:
            gradient = _gather(dy[..., k], x[..., c], replace(tiles, width=1))
        dw[..., k] = gradient
    return dw


def _groups(channels: int, filters: int, groups: int) -> Iterator[tuple[slice, slice]]:
    """Yield the channels and the filters of each group."""
    c, k = channels // groups, filters // groups
    for group in range(groups):
        yield slice(group * c, (group + 1) * c), slice(group * k, (group + 1) * k)


# --- Forward ---


def _slide(x: Array, w: Array, b: Array | None, window: Window2d, *, y: Array) -> None:
    """Write the convolution to y: at first in wide tiles, again in tiles of one output where a number is not finite."""
    tiles = fastest(window, x.shape[3], w.shape[3], x.dtype)
    if not _slide_tiles(x, w, b, tiles, y=y):
        _slide_tiles(x, w, b, replace(tiles, width=1), y=y)


def _slide_tiles(x: Array, w: Array, b: Array | None, tiles: Tiles, *, y: Array) -> bool:
    """Write the convolution to y, and return whether its numbers can be trusted."""
    band, x = tiles.band(w), _reached(x, tiles.window)
    for block in tiles.blocks(x.shape[0], x.dtype):
        cells = rectangle(x[block.images], *tiles.rectangle(block))
        if tiles.width > 1 and not _finite(cells):
            return False
        # (N,OH,tiles; KH,cells,C) · (KH,cells,C; t,K) -> (N,OH,tiles; t,K)
        columns, filters = _columns(cells, tiles, block), _rows(band[block.kernel])
        outputs = y[block.images, block.rows, _outputs(tiles, block)]
        first = block.kernel.start == 0
        fits = first and outputs.flags.c_contiguous and outputs.shape[2] == length(block.tiles) * tiles.width
        product = np.matmul(columns, filters, out=outputs.reshape(len(columns), -1) if fits else None)
        if first and b is not None:
            product += np.tile(b, tiles.width)
        if not fits:
            product = product.reshape(*outputs.shape[:2], -1, outputs.shape[3])[:, :, : outputs.shape[2]]
            outputs[...] = product if first else outputs + product
    return True


def _columns(cells: Array, tiles: Tiles, block: Block) -> Array:
    """Return what each tile meets as the rows of a matrix, copied only where it overlaps."""
    meetings = tiles.meetings(cells, block)
    return meetings.reshape(meetings.shape[0] * meetings.shape[1] * meetings.shape[2], -1)


def _rows(band: Array) -> Array:
    return band.reshape(-1, band.shape[2])


def _outputs(tiles: Tiles, block: Block) -> slice:
    """Return the outputs of a row that the block's tiles hold."""
    return slice(block.tiles.start * tiles.width, min(block.tiles.stop * tiles.width, tiles.window.width.out))


def _reached(x: Array, window: Window2d) -> Array:
    """Cut off the columns that no window reaches: a tile that stands out meets zeros there, whatever they hold."""
    axis = window.width
    return x[:, :, : max((axis.out - 1) * axis.stride + axis.reach - axis.pad[0], 0)]


def _finite(values: Array) -> bool:
    return bool(np.isfinite(values).all())


# --- To the filters ---


def _gather(dy: Array, x: Array, tiles: Tiles) -> Array | None:
    """Return the gradient of the filters, or nothing where its numbers cannot be trusted."""
    band = np.zeros(tiles.band_shape, x.dtype)
    x = _reached(x, tiles.window)
    for block in tiles.blocks(x.shape[0], x.dtype):
        cells = rectangle(x[block.images], *tiles.rectangle(block))
        if tiles.stands_out and not _finite(cells):
            return None
        # (KH,cells,C; N,OH,tiles) · (N,OH,tiles; t,K) -> (KH,cells,C; t,K), block after block: the same order in every call
        product = _columns(cells, tiles, block).T @ _outgoing(dy, tiles, block)
        band[block.kernel] += product.reshape(-1, *band.shape[1:])
    return tiles.unband(band)


def _outgoing(dy: Array, tiles: Tiles, block: Block) -> Array:
    """Return the outputs of each tile as the rows of a matrix; outputs that do not exist are 0."""
    corner, shape = (block.rows.start, block.tiles.start * tiles.width), (length(block.rows), length(block.tiles) * tiles.width)
    return rectangle(dy[block.images], corner, shape).reshape(-1, tiles.width * dy.shape[3])


# --- To the images ---


def _spread(dy: Array, w: Array, window: Window2d, dx: Array) -> None:
    """Add the gradient of the images to dx, which is zero."""
    finite = _finite(w)
    outputs, cells = math.prod(window.out), window.height.size * window.width.size
    if finite and window.height.stride == window.width.stride == 1 and 3 * outputs * dx.shape[3] >= cells * dy.shape[3]:
        # dx[h,w,c] = sum over i,j,k of dy[h-i,w-j,k] * w[i,j,c,k]: the filters slide flipped over dy; measured to be faster here
        _slide(dy, w[::-1, ::-1].swapaxes(2, 3), None, _flipped(window), y=dx)
        return
    tiles = fastest(window, dx.shape[3], dy.shape[3], dy.dtype)
    if tiles.width == 1 or not finite or not _finite_blocks(dy, tiles):
        tiles = replace(tiles, width=1)
    _scatter(dy, w, tiles, dx)


def _flipped(window: Window2d) -> Window2d:
    """Return the window that slides over the outputs of a window of stride 1; its padding may be negative, which cuts off."""

    def flip(axis: Axis) -> Axis:
        before, after = (axis.reach - 1 - pad for pad in axis.pad)
        return Axis(axis.out, axis.kernel, 1, axis.dilation, (before, after))

    return Window2d(flip(window.height), flip(window.width))


def _finite_blocks(dy: Array, tiles: Tiles) -> bool:
    return all(_finite(dy[block.images, block.rows, _outputs(tiles, block)]) for block in tiles.blocks(dy.shape[0], dy.dtype))


def _scatter(dy: Array, w: Array, tiles: Tiles, dx: Array) -> None:
    """Add dy · w to the cells that each tile meets, run after run."""
    band = tiles.band(w)
    for block in tiles.blocks(dy.shape[0], dy.dtype):
        # (N,OH,tiles; t,K) · (t,K; KH,cells,C) -> (N,OH,tiles,KH,cells,C)
        product = _outgoing(dy, tiles, block) @ _rows(band[block.kernel]).T
        corner, shape = tiles.rectangle(block)
        inside, places = overlap(corner, shape, dx.shape)
        part: Array = dx[block.images, *inside]
        whole = part.shape[1:3] == shape and dx.strides[2] == dx.shape[3] * dx.itemsize
        cells = part if whole else np.zeros((part.shape[0], *shape, dx.shape[3]), dx.dtype)
        meetings = tiles.meetings(cells, block)
        parts = product.reshape(meetings.shape)
        for apart in _apart(tiles, block):
            meetings[apart] += parts[apart]
        if not whole:
            part += cells[:, *places]


def _apart(tiles: Tiles, block: Block) -> Iterator[tuple[slice | int, ...]]:
    """Cut (N,OH,tiles,KH,cells,C) into parts that meet no cell twice: a run of all tiles, or all of one tile, whichever are fewer."""
    every, rows, count, kernel = slice(None), length(block.rows), length(block.tiles), length(block.kernel)
    runs = tiles.runs()
    if rows * count < kernel * len(runs):
        return ((every, h, t) for h in range(rows) for t in range(count))
    return ((every, every, every, i, run) for i in range(kernel) for run in runs)
