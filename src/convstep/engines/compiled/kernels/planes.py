"""Convolution with pixels in the lanes: for filters too few to fill a vector, there are always pixels enough side by side.

One rule: zeros stand around the planes where the image is padded, as they do in the loops; lanes behind the last pixel are thrown away.
"""

from convstep.engines.compiled.kernels.compiling import inner
from convstep.engines.compiled.kernels.tile import make_tile
from convstep.engines.compiled.kernels.vectors import vectors as vectors_of
from convstep.engines.compiled.kernels.words import NUMBERS, WORDS, clear, prefetch, store_int

CACHE_LINE = 64  # bytes


def split(size, lanes):
    """Make the function that lays a row of an image out as planes: (pixel, channel) -> (channel; pixel), zeros outside of the image."""
    load, store = WORDS[size]
    transpose = vectors_of(size, lanes).transpose

    @inner
    def split(to, image, strides, shape, h, left, line):
        row_stride, pixel, channel = strides
        height, width, channels = shape
        first, before = max(left, 0), max(-left, 0) * size
        count = max(min(left + line // size, width) - first, 0)
        after = before + count * size
        if h < 0 or h >= height or count == 0:
            clear(to, channels * line)
            return
        for c in range(channels):
            clear(to + c * line, before)
            clear(to + c * line + after, line - after)
        to += before
        source = image + h * row_stride + first * pixel
        if h + 1 < height:  # what comes next: it arrives while this row is worked on
            for ahead in range(0, count * pixel, CACHE_LINE):
                prefetch(source + row_stride + ahead)
        if channel != size or channels < lanes or count < lanes:
            for c in range(channels):
                for j in range(count):
                    store(to + c * line + j * size, load(source + j * pixel + c * channel))
            return
        for piece in range(-(-channels // lanes)):
            c = min(piece * lanes, channels - lanes)
            for block in range(-(-count // lanes)):
                j = min(block * lanes, count - lanes)
                transpose(to + c * line + j * size, line, source + j * pixel + c * size, pixel)

    return split


def correlate(size, rows, vectors, lanes):
    """Make the kernel that slides filters over planes; windows side by side are one pixel apart.

    y[n, i, j, k] = b[k] + sum over p, c, q of  x[n, top + i * step_h + p * tap_h, left + j + q * tap_w, c] * w[k, p, c, q]

    One job is a block of outputs of one image, for one group's filters.
    """
    tile, lay_out = make_tile(rows, vectors, lanes, size), split(size, min(lanes, 8))
    (load, store), zero = WORDS[size], NUMBERS[size](0)
    width = vectors * lanes

    @inner
    def weave(to, pixel, source, count, bias, floor):
        start = load(bias) if bias else zero
        for j in range(count):
            value = load(source + j * size) + start
            store(to + j * pixel, zero if floor and value < zero else value)

    def correlate(
        x, packed, bias, y, buffers, x_image, x_row, x_pixel, x_channel, height, across, channels,
        top, left, step_h, tap_h, tap_w, kernel_h, kernel_w,
        floor, y_image, y_row, y_pixel, out_h, out_w, filters,
        groups, block_h, block_w, runs, line, buffer_size, job, worker,
    ):  # fmt: skip
        downs, rights = -(-out_h // block_h), -(-out_w // block_w)
        i0, j0, job = job // rights % downs * block_h, job % rights * block_w, job // (rights * downs)
        group, n = job % groups, job // groups
        rows_here, columns_here = min(block_h, out_h - i0), min(block_w, out_w - j0)
        tiles, weights = -(-columns_here // width), kernel_h * channels * kernel_w * size
        table = buffers + worker * buffer_size
        places = table + 8 * rows
        sums = places + 8 * rows
        planes = sums + rows * tiles * width * size

        image, strides, shape = x + n * x_image + group * channels * x_channel, (x_row, x_pixel, x_channel), (height, across, channels)
        laid = 0

        # (k; p, c, q) · (p, c, q; j) -> (k; j), a row of outputs after the other, all rows of a window in one run or one by one.
        run = kernel_h * channels // runs
        for first in range(0, filters, rows):
            here = min(filters - first, rows)
            for m in range(rows):  # the last rows repeat the last filter
                store_int(table + 8 * m, min(m, here - 1) * weights)
                store_int(places + 8 * m, min(m, here - 1) * tiles * width * size)
            a = packed + (group * filters + first) * weights
            for i in range(rows_here):
                for reached in range(laid, i * step_h + (kernel_h - 1) * tap_h + 1):
                    lay_out(planes + reached * channels * line, image, strides, shape, top + i0 * step_h + reached, left + j0, line)
                    laid = reached + 1
                b = planes + i * step_h * channels * line
                for p in range(runs):
                    for t in range(tiles):
                        tile((
                            a + p * run * kernel_w * size, table, kernel_w * size, size,
                            b + p * tap_h * channels * line + t * width * size, line, tap_w * size,
                            sums + t * width * size, places, run, kernel_w, 1 if p else 0, 0, width,
                        ))  # fmt: skip
                target = y + n * y_image + (i0 + i) * y_row + j0 * y_pixel + (group * filters + first) * size
                for m in range(here):
                    start = bias + (group * filters + first + m) * size if bias else 0
                    weave(target + m * size, y_pixel, sums + m * tiles * width * size, columns_here, start, floor)

    return correlate
