"""Tiles: several neighbouring outputs of a row that one matrix product computes.

One rule: a tile of one output multiplies what the loops multiply; a wider tile multiplies by zeros too, so it needs finite numbers.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convstep.checks import Array, DType
from convstep.engines.numpy.blocks import PRODUCT, blocks, length
from convstep.geometry import Window2d

WIDEST = 32  # outputs of a tile
BAND = 1 << 20  # bytes of the filters of a tile: they stay in the cache
COPY, RUN = 0.2, 8.0  # ns to copy a number, and to begin a run of them
PRODUCTS, EDGE = 100.0, 16  # products per ns of a large matrix product; a narrow one takes as long as one with EDGE columns more
CUT = 0.3  # ns to copy an output out of a tile that stands out


class Block(NamedTuple):
    """What is worked on at a time: images, rows of the output, tiles of a row, and rows of the window."""

    images: slice
    rows: slice
    tiles: slice
    kernel: slice


@dataclass(frozen=True)
class Tiles:
    """The outputs of a row in tiles of `width`, and the cells that a tile meets."""

    window: Window2d
    channels: int
    filters: int
    width: int

    @property
    def time(self) -> float:
        """About how many ns a row of outputs takes: to copy what its tiles meet, to multiply, and to cut off what stands out."""
        numbers, columns = self.window.height.kernel * self.cells * self.channels, self.width * self.filters
        copy = numbers * COPY + self.window.height.kernel * (1 if self.gap == 1 else self.cells) * RUN
        cut = columns * CUT if self.stands_out else 0.0
        return self.count * (copy + cut + numbers * (columns + EDGE) / PRODUCTS)

    @property
    def count(self) -> int:
        """Tiles of a row."""
        return -(-self.window.width.out // self.width)

    @property
    def stands_out(self) -> bool:
        """Whether the last tile has outputs that do not exist."""
        return self.count * self.width > self.window.width.out

    @property
    def stride(self) -> int:
        """Cells from one tile to the next."""
        return self.width * self.window.width.stride

    @property
    def cells(self) -> int:
        """Cells of a row that a tile meets."""
        axis = self.window.width
        return axis.kernel if self.width == 1 else (self.width - 1) * axis.stride + axis.reach

    @property
    def gap(self) -> int:
        """From one such cell to the next."""
        return self.window.width.dilation if self.width == 1 else 1

    def runs(self) -> list[slice]:
        """Return the cells of a tile in runs so short that no run meets the same run of another tile."""
        longest = self.stride if self.gap == 1 else 1
        return [slice(start, min(start + longest, self.cells)) for start in range(0, self.cells, longest)]

    def blocks(self, images: int, dtype: DType) -> Iterator[Block]:
        """Cut the work into blocks, so that neither what a tile meets nor what it gives exceeds the budget."""

        def size(n: int, rows: int, tiles: int, kernel: int) -> int:
            tall, wide = self._extent(rows, tiles, kernel)
            product = rows * tiles * max(kernel * self.cells * self.channels, self.width * self.filters)
            return n * max(product, tall * wide * self.channels) * dtype.itemsize

        height = self.window.height
        counts = (images, height.out, self.count, height.kernel)
        if height.dilation == 1:
            return (Block(*cut) for cut in blocks(counts, size, PRODUCT))
        # Far from each other, the rows of a window are cheaper one by one.
        cuts = blocks((images, height.kernel, *counts[1:3]), lambda n, kernel, rows, tiles: size(n, rows, tiles, kernel), PRODUCT)
        return (Block(n, rows, tiles, kernel) for n, kernel, rows, tiles in cuts)

    def rectangle(self, block: Block) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the corner and the shape of the rectangle that a block meets, in cells of the image."""
        height, width = self.window.height, self.window.width
        top = block.rows.start * height.stride + block.kernel.start * height.dilation - height.pad[0]
        left = block.tiles.start * self.stride - width.pad[0]
        return (top, left), self._extent(length(block.rows), length(block.tiles), length(block.kernel))

    def _extent(self, rows: int, tiles: int, kernel: int) -> tuple[int, int]:
        axis = self.window.height
        tall = (rows - 1) * axis.stride + (kernel - 1) * axis.dilation + 1
        wide = (tiles - 1) * self.stride + (self.cells - 1) * self.gap + 1
        return tall, wide

    def meetings(self, x: Array, block: Block) -> Array:
        """View the rectangle as (N,OH,tiles,KH,cells,C): what each tile meets."""
        height = self.window.height
        n, h, w, c = x.strides
        shape = (x.shape[0], *(length(part) for part in block[1:]), self.cells, x.shape[3])
        strides = (n, h * height.stride, w * self.stride, h * height.dilation, w * self.gap, c)
        return as_strided(x, shape, strides)

    @property
    def band_shape(self) -> tuple[int, int, int]:
        """Shape of the filters of a tile."""
        return self.window.height.kernel, self.cells * self.channels, self.width * self.filters

    def band(self, w: Array) -> Array:
        """Return filters (KH,KW,C,K) as (KH,cells*C,width*K): its column (t,k) is filter k, moved by t outputs."""
        if self.width == 1:
            return w.reshape(self.band_shape)
        band = np.zeros((len(w), self.cells, self.channels, self.width, self.filters), w.dtype)
        for t, cells in enumerate(self._moved()):
            band[:, cells, :, t] = w
        return band.reshape(self.band_shape)

    def unband(self, band: Array) -> Array:
        """Return (KH,KW,C,K), the sum of the filters in a band: the transpose of `band`."""
        parts = band.reshape(len(band), -1, self.channels, self.width, self.filters)
        if self.width == 1:
            return parts[:, :, :, 0]
        return np.asarray(sum(parts[:, cells, :, t] for t, cells in enumerate(self._moved())))

    def _moved(self) -> Iterator[slice]:
        """Yield the cells of a tile that each of its outputs meets."""
        axis = self.window.width
        for t in range(self.width):
            yield slice(t * axis.stride, t * axis.stride + axis.reach, axis.dilation)


@lru_cache(maxsize=1024)
def fastest(window: Window2d, channels: int, filters: int, dtype: DType) -> Tiles:
    """Return the tiles of the width that should take the least time."""
    widths = range(2, min(window.width.out, WIDEST) + 1) if dtype.itemsize <= np.dtype(np.float64).itemsize else ()
    tiles = [Tiles(window, channels, filters, width) for width in (1, *widths)]
    return min((t for t in tiles if t.width == 1 or math.prod(t.band_shape) * dtype.itemsize <= BAND), key=lambda t: t.time)
