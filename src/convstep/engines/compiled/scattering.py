"""The gradient of images with few channels: where adding windows up beats sliding filters, whose columns would leave lanes empty.

One rule: rows of windows are padded with weights that are 0, so what comes of numbers that are not finite is thrown away.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from convstep.checks import Array
from convstep.engines.compiled.buffers import Buffers
from convstep.engines.compiled.finite import looking_for_infinite
from convstep.engines.compiled.native import Kernel, address_of, kernel, packed
from convstep.engines.compiled.threads import Task, run_all, threads
from convstep.engines.compiled.tiles import tile_for
from convstep.engines.compiled.walks import Shape
from convstep.geometry import Axis, Window2d

PIECE = 4  # as in kernels.scatter
CHUNK = 24 << 10  # bytes of the products of some pixels, which stay in the first-level cache
JOBS = 8  # at least; the order of sums follows from the cut, so that does not depend on the number of threads
CACHED = 256 << 10  # bytes of the sums of a block of rows
JOBS = 8  # at least; the same for every number of threads, since the order of sums depends on where a block begins
ADD, PANEL = 5, 8  # measured: how many products of a tile's row the adding of a vector, the beginning of a panel takes the time of


def scatter(dy: Array, w: Array, window: Window2d, dx: Array) -> bool:
    """Write the gradient of the images to dx; return False, with anything in dx, where that is not for this way."""
    rows, columns, channels, filters = w.shape
    if window.width.dilation > 1 or dy.strides[3] != dy.itemsize:
        return False
    plan = _scattering(window.height, window.width, threads(), dy.itemsize, dy.shape, dy.strides, channels)
    filters_in_one = np.ascontiguousarray(w)
    with Buffers() as buffers:
        # (p, q, c, k) -> (k; p, q·c), each row of q·c with zeros up to a whole vector
        wide, panels = buffers.take(filters * rows * plan.row * w.itemsize), buffers.take(plan.packed)
        numbers = packed(address_of(filters_in_one), wide, rows, columns * channels, plan.row, filters)
        widen = Task(kernel("scatter.widen", w.itemsize), filters, numbers)
        pack = Task(plan.pack, plan.panels, packed(wide, panels) + plan.layout)
        addresses = address_of(dy), panels, address_of(dx), buffers.take(plan.buffers)
        found, find = looking_for_infinite(dx)
        run_all(widen, pack, Task(plan.code, plan.jobs, packed(*addresses) + plan.numbers), find)
    return not found[0]


def work_of_scattering(window: Window2d, channels: int, filters: int, size: int) -> float:
    """Return how much work the outputs of an image make, in products of a tile's row."""
    row = _padded(window.width.kernel * channels)
    tile = tile_for(window.height.kernel * row, size)
    panels = -(-window.height.kernel * row // tile.width)
    adds = ADD * window.height.kernel * -(-row // tile.lanes)
    return window.height.out * window.width.out * (panels * (filters * tile.vectors / 2 + PANEL) + adds)


@dataclass(frozen=True)
class _Scattering:
    """What `scatter` needs besides addresses; sizes in bytes."""

    row: int
    pack: Kernel
    panels: int
    packed: int
    layout: bytes
    none: Array
    code: Kernel
    jobs: int
    buffers: int
    numbers: bytes


@lru_cache(maxsize=256)
def _scattering(down: Axis, across: Axis, workers: int, size: int, dy_shape: Shape, dy_strides: Shape, channels: int) -> _Scattering:
    images, out_h, out_w, terms = dy_shape
    row = _padded(across.kernel * channels)
    columns = down.kernel * row
    tile = tile_for(columns, size)
    panels = -(-columns // tile.width)
    reach_w = max((out_w - 1) * across.stride + across.kernel, across.pad[0] + 1)
    whole = CACHED // (reach_w * channels * size)
    blocks = max(-(-JOBS // max(images, 1)), -(-down.size // max(whole, 4 * down.reach)))
    block = -(-down.size // min(blocks, down.size))
    chunk = max(CHUNK // (panels * tile.width * size) // tile.rows, 1) * tile.rows
    met = block + 2 * down.reach + down.stride
    buffer_size = 16 * (chunk + tile.rows) + size * (chunk * panels * tile.width + met * reach_w * channels + 2 * row)
    buffer_size = -(-buffer_size // 64) * 64
    jobs = images * -(-down.size // block)
    none = np.zeros(1, np.int64)
    return _Scattering(
        row, kernel("products.pack", size, tile.width), panels, panels * terms * tile.width * size,
        packed(address_of(none), 1, terms, columns * size, columns, size, panels, 0), none,
        kernel("scatter.scatter", size, tile.rows, tile.vectors, tile.lanes), jobs, min(workers, jobs) * buffer_size,
        packed(
            *dy_strides[:3], out_h, out_w, terms, down.stride, across.stride, down.dilation, down.pad[0], across.pad[0], down.kernel,
            row * size, down.size, across.size, channels, reach_w, panels, block, chunk, buffer_size,
        ),
    )  # fmt: skip


def _padded(row: int) -> int:
    return -(-row // PIECE) * PIECE
