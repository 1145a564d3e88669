"""The gradient of filters on the register tile: what each weight met, times what came of it, added up over all outputs.

One rule: the sum is cut into shares by shapes alone, and the shares are added in order, so its bits do not depend on the number of threads.
"""

from dataclasses import dataclass
from functools import lru_cache

from convstep.checks import Array
from convstep.engines.compiled.buffers import Buffers
from convstep.engines.compiled.native import Kernel, address_of, kernel, packed
from convstep.engines.compiled.threads import Task, run, run_all, threads
from convstep.engines.compiled.tiles import tile_of_weights
from convstep.engines.compiled.walks import Line, Shape, block_of, contiguous, reach_of, single_pixels

PACKED = 16 << 10  # bytes of a block of gradients, which stays in the first-level cache
UNPACKED = 256  # bytes from pixel to pixel up to which gradients are read where they lie
COPIED = 2 << 20  # bytes of the pixels that a block reaches over
SHARES, PARTIAL = 8, 8 << 20  # parts of a long sum, and bytes that they may take


def gather(dy: Array, x: Array, walk: tuple[Line, Line], groups: int, dw: Array) -> None:
    """Write the gradient of the filters to dw."""
    plan = _gathering(walk, groups, x.itemsize, threads(), x.shape, x.strides, dy.shape, dy.strides)
    with Buffers() as buffers:
        scratch = buffers.take(plan.buffers)
        if plan.parts == 0:
            run(plan.code, plan.jobs, packed(address_of(x), address_of(dy), address_of(dw), scratch) + plan.numbers)
            return
        partial = buffers.take(plan.partial)
        partly = Task(plan.code, plan.jobs, packed(address_of(x), address_of(dy), partial, scratch) + plan.numbers)
        run_all(partly, Task(plan.collect, plan.parts, packed(partial, address_of(dw)) + plan.sums))


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
def _gathering(
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
    terms = len(down.taps) * len(across.taps) * channels
    tile = tile_of_weights(filters, terms, size)
    panels = -(-filters // tile.width)
    direct = down.stays_inside(x_shape[1]) and across.stays_inside(x_shape[2]) and groups == 1 and x_strides[3] == size
    direct = direct and x_strides[2] != 0  # a tile counts its terms by how far they have come
    images, out_h, out_w, shape = x_shape[0], down.count, across.count, x_shape[1:3]
    in_one_piece = contiguous(x_shape, x_strides, size) and contiguous(dy_shape, dy_strides, size)
    if direct and in_one_piece and single_pixels(walk, size, (x_shape, x_strides), (dy_shape, dy_strides)):
        images, out_h, out_w, shape = 1, 1, images * out_h * out_w, (1, images * out_h * out_w)
    block_h, block_w = block_of(out_h, out_w, max(PACKED // (tile.width * size), 16), 1)
    while block_h * block_w > 1 and reach_of(down, block_h) * reach_of(across, block_w) * channels * size > COPIED:
        block_h, block_w = (-(-block_h // 2), block_w) if block_h > 1 else (1, -(-block_w // 2))
    blocks = images * -(-out_h // block_h) * -(-out_w // block_w)
    area = -(-reach_of(down, block_h) * reach_of(across, block_w) * channels * size // 64) * 64
    together = 1 if blocks > images else max(min(PACKED // (block_h * block_w * tile.width * size), COPIED // area, blocks), 1)
    group = panels * terms * tile.width * size
    shares, parts = _shares(groups, panels, blocks, groups * group, images * out_h * out_w * channels * groups * size)
    block_p = -(-panels // parts)
    whole, filter_row = shares == 1, groups * filters * size  # whole: the one share writes to dw itself
    to = (0, filters * size, tile.width * size, filter_row) if whole else (groups * group, group, group // panels, tile.width * size)
    always = not contiguous(dy_shape, dy_strides, size) or dy_strides[2] > UNPACKED
    rows = -(-terms // tile.rows) * tile.rows
    buffer_size = 16 * rows + 8 * together + together * (block_h * block_w * tile.width * size + (0 if direct else area))
    buffer_size = -(-buffer_size // 64) * 64
    jobs = shares * groups * -(-panels // block_p)
    return _Gathering(
        kernel("products.correlate_to_w", size, tile.rows, tile.vectors, tile.lanes), jobs,
        shares * groups * group, min(workers, jobs) * buffer_size,
        packed(
            *x_strides, *shape, channels, down.first, across.first, down.step, across.step, down.tap, across.tap,
            len(down.taps), len(across.taps), *dy_strides, images, out_h, out_w, filters, *to, int(whole),
            groups, panels, block_h, block_w, block_p, together, shares, int(direct), int(always), area, buffer_size,
        ),
        kernel("products.collect", size, tile.width), 0 if whole else groups * panels, packed(shares, groups, panels, terms, filters),
    )  # fmt: skip


def _shares(groups: int, panels: int, blocks: int, gradient: int, images: int) -> tuple[int, int]:
    """Return into how many shares of the blocks and parts of the filters the sums fall, whichever moves less memory; sizes in bytes."""
    shares = max(min(-(-SHARES // groups), blocks, PARTIAL // gradient), 1)
    parts = min(-(-SHARES // groups), panels)
    if 2 * shares * gradient > parts * images and parts >= min(4, SHARES // groups):
        return 1, parts
    return shares, max(min(-(-SHARES // (groups * shares)), panels), 1)
