"""The kernels of everything linear: filters packed into panels, images under them multiplied, and the transpose of that.

One rule: a kernel reads images row by row into a small buffer of its own where they are padded, in groups or not laid out in one piece;
zeros stand there for the padding, as they do in the loops.
"""

from convstep.engines.compiled.kernels.compiling import inner
from convstep.engines.compiled.kernels.runs import RUNS
from convstep.engines.compiled.kernels.tile import make_tile
from convstep.engines.compiled.kernels.words import NUMBERS, WORDS, clear, copy, load_int, store_int


def pack(size, width):
    """Make the kernel that lays weights out as panels: (taps, terms, columns) -> (panels, taps, terms, width), zeros where columns end."""
    (load, store), zero = WORDS[size], NUMBERS[size](0)

    def pack(source, to, tap_offsets, taps, terms, term_stride, columns, column_stride, panels, group_stride, job, worker):
        group, panel = job // panels, job % panels
        first = panel * width
        count = min(columns - first, width)
        to += job * taps * terms * width * size
        source += group * group_stride + first * column_stride
        for tap in range(taps):
            place = source + load_int(tap_offsets + 8 * tap)
            if count == width and column_stride == size:
                for r in range(terms):
                    copy(to + r * width * size, place + r * term_stride, width * size)
            elif count == width:
                for r in range(terms):
                    for n in range(width):
                        store(to + (r * width + n) * size, load(place + r * term_stride + n * column_stride))
            else:
                for r in range(terms):
                    for n in range(count):
                        store(to + (r * width + n) * size, load(place + r * term_stride + n * column_stride))
                    for n in range(count, width):
                        store(to + (r * width + n) * size, zero)
            to += terms * width * size

    return pack


def gather(size):
    """Make the function that copies a block of an image into a buffer, zeros where it leaves the image."""
    load, store = WORDS[size]

    @inner
    def gather(buffer, image, strides, shape, corner, block):
        row_stride, pixel_stride, channel_stride = strides
        height, width, channels = shape
        top, left = corner
        rows, columns = block
        pixel = channels * size
        before = min(max(-left, 0), columns)
        inside = max(min(left + columns, width) - max(left, 0), 0)
        after = columns - before - inside
        packed = channel_stride == size and pixel_stride == pixel
        for i in range(rows):
            to = buffer + i * columns * pixel
            if top + i < 0 or top + i >= height or inside == 0:
                clear(to, columns * pixel)
                continue
            clear(to, before * pixel)
            to += before * pixel
            source = image + (top + i) * row_stride + max(left, 0) * pixel_stride
            if packed:
                copy(to, source, inside * pixel)
            elif channel_stride == size:
                for j in range(inside):
                    copy(to + j * pixel, source + j * pixel_stride, pixel)
            else:
                for j in range(inside):
                    for c in range(channels):
                        store(to + (j * channels + c) * size, load(source + j * pixel_stride + c * channel_stride))
            clear(to + inside * pixel, after * pixel)

    return gather


def correlate(size, rows, vectors, lanes):
    """Make the kernel that slides packed filters over images.

    y[n, i, j, k] = b[k] + sum over p, q, c of  x[n, top + i * step_h + p * tap_h, left + j * step_w + q * tap_w, c] * w[p, q, c, k]

    One job is a block of outputs of one image, and some panels of one group's filters.
    """
    tile, fill = make_tile(rows, vectors, lanes, size), gather(size)
    width = vectors * lanes
    line = width * size

    def correlate(
        x, packed, bias, y, buffers, full, last, x_image, x_row, x_pixel, x_channel, height, across, channels,
        top, left, step_h, step_w, tap_h, tap_w, kernel_h, kernel_w,
        floor, y_image, y_row, y_pixel, out_h, out_w, filters,
        groups, panels, block_h, block_w, block_p, direct, buffer_size, job, worker,
    ):  # fmt: skip
        downs, rights, parts = -(-out_h // block_h), -(-out_w // block_w), -(-panels // block_p)
        part, job = job % parts, job // parts
        i0, j0, job = job // rights % downs * block_h, job % rights * block_w, job // (rights * downs)
        group, n = job % groups, job // groups
        rows_here, columns_here = min(block_h, out_h - i0), min(block_w, out_w - j0)
        buffer = buffers + worker * buffer_size

        # 1. The pixels lie in the image itself, or in a copy of what the block's windows reach.
        a = x + n * x_image + group * channels * x_channel
        corner = top + i0 * step_h, left + j0 * step_w
        if direct:
            row, pixel = x_row, x_pixel
            a += corner[0] * row + corner[1] * pixel
        else:
            reach = (rows_here - 1) * step_h + (kernel_h - 1) * tap_h + 1, (columns_here - 1) * step_w + (kernel_w - 1) * tap_w + 1
            copied = buffer + 16 * rows
            fill(copied, a, (x_row, x_pixel, x_channel), (height, across, channels), corner, reach)
            a, row, pixel = copied, reach[1] * channels * size, channels * size

        # 2. Tables say where each pixel's window begins and where its outputs go. The last tile ends with the last pixel.
        count = rows_here * columns_here
        table = full if columns_here == block_w else last
        places = table + block_h * columns_here * 8
        if count < rows:
            for r in range(rows):
                store_int(buffer + r * 8, load_int(table + min(r, count - 1) * 8))
                store_int(buffer + (rows + r) * 8, load_int(places + min(r, count - 1) * 8))
            table, places, count = buffer, buffer + rows * 8, rows

        # 3. (pixels; p, q·c) · (p, q·c; k) -> (pixels; k). Where cells of a window are neighbours, a row of them is one run.
        runs, terms = (1, kernel_w * channels) if tap_w == 1 or kernel_w == 1 else (kernel_w, channels)
        target = y + n * y_image + i0 * y_row + j0 * y_pixel + group * filters * size
        for panel in range(part * block_p, min((part + 1) * block_p, panels)):
            b = packed + (group * panels + panel) * kernel_h * kernel_w * channels * line
            start = bias + (group * filters + panel * width) * size if bias else 0
            columns = min(filters - panel * width, width)
            for first in range(0, count, rows):
                at = 8 * min(first, count - rows)
                for run in range(runs):
                    tile((
                        a + run * tap_w * pixel, table + at, tap_h * row, size,
                        b + run * terms * line, kernel_w * channels * line, line,
                        target + panel * line, places + at,
                        kernel_h, terms, start if run == 0 else 1, floor if run == runs - 1 else 0, columns,
                    ))  # fmt: skip

    return correlate


def correlate_to_w(size, rows, vectors, lanes):
    """Make the kernel that forms partial sums of the gradient of filters.

    partial[share, group, panel][p·q·c; k] = sum over the share's n, i, j of  x[n, top + i * step_h + p * tap_h, ..., c] * dy[n, i, j, k]

    One job is a share of the blocks of outputs, and some panels of one group's filters. Shares do not depend on the number of threads.
    """
    tile, fill = make_tile(rows, vectors, lanes, size), gather(size)
    load, store = WORDS[size]
    width = vectors * lanes
    line = width * size

    @inner
    def pack_outputs(to, dy, strides, count, shape):
        dy_row, dy_pixel, dy_filter = strides
        for i in range(shape[0]):
            for j in range(shape[1]):
                if count == width and dy_filter == size:
                    copy(to, dy + i * dy_row + j * dy_pixel, line)
                else:
                    for k in range(count):
                        store(to + k * size, load(dy + i * dy_row + j * dy_pixel + k * dy_filter))
                to += line

    def correlate_to_w(
        x, dy, to, buffers, x_image, x_row, x_pixel, x_channel, height, across, channels,
        top, left, step_h, step_w, tap_h, tap_w, kernel_h, kernel_w,
        dy_image, dy_row, dy_pixel, dy_filter, images, out_h, out_w, filters,
        to_share, to_group, to_panel, to_row, cut,
        groups, panels, block_h, block_w, block_p, together, shares, direct, always, area, buffer_size, job, worker,
    ):  # fmt: skip
        downs, rights, parts = -(-out_h // block_h), -(-out_w // block_w), -(-panels // block_p)
        part, job = job % parts, job // parts
        group, share = job % groups, job // groups
        terms = kernel_h * kernel_w * channels
        tiles = -(-terms // rows)
        table = buffers + worker * buffer_size
        places = table + tiles * rows * 8
        origins = places + tiles * rows * 8
        packed = origins + together * 8
        copied = packed + together * block_h * block_w * line
        end = dy + images * dy_image
        for r in range(tiles * rows):
            store_int(places + r * 8, min(r, terms - 1) * to_row)
        blocks = images * downs * rights
        first, last = share * blocks // shares, (share + 1) * blocks // shares
        for begin in range(first, last, together):
            here = min(together, last - begin)

            # 1. The pixels lie in the images themselves, or in copies of what the blocks' windows reach.
            rows_here, columns_here, row, pixel = 0, 0, x_row, x_pixel
            for s in range(here):
                block = begin + s
                n, i0, j0 = block // (downs * rights), block // rights % downs * block_h, block % rights * block_w
                rows_here, columns_here = min(block_h, out_h - i0), min(block_w, out_w - j0)
                a = x + n * x_image + group * channels * x_channel
                corner = top + i0 * step_h, left + j0 * step_w
                if direct:
                    a += corner[0] * row + corner[1] * pixel
                else:
                    reach = (rows_here - 1) * step_h + (kernel_h - 1) * tap_h + 1, (columns_here - 1) * step_w + (kernel_w - 1) * tap_w + 1
                    fill(copied + s * area, a, (x_row, x_pixel, x_channel), (height, across, channels), corner, reach)
                    a, row, pixel = copied + s * area, reach[1] * channels * size, channels * size
                store_int(origins + 8 * s, a)

            # 2. A table of where, for each weight, the first number that it met lies.
            at = table
            for p in range(kernel_h):
                for q in range(kernel_w):
                    for c in range(channels):
                        store_int(at, p * tap_h * row + q * tap_w * pixel + c * size)
                        at += 8
            for rest in range(at, places, 8):
                store_int(rest, load_int(at - 8))

            # 3. (p·q·c; i, j) · (i, j; k) -> (p·q·c; k), added to what the blocks before gave. Outputs are packed where a tile would read
            # behind the last one, or where their filters do not lie side by side.
            for panel in range(part * block_p, min((part + 1) * block_p, panels)):
                count = min(filters - panel * width, width)
                of_panel = dy + (group * filters + panel * width) * dy_filter
                c = to + share * to_share + group * to_group + panel * to_panel
                n, i0, j0 = begin // (downs * rights), begin // rights % downs * block_h, begin % rights * block_w
                b, b_row, b_pixel = of_panel + n * dy_image + i0 * dy_row + j0 * dy_pixel, dy_row, dy_pixel
                behind = b + (rows_here - 1) * dy_row + (columns_here - 1) * dy_pixel + line > end
                if always or behind or together > 1:
                    for s in range(here):
                        source = b + s * dy_image  # several blocks are whole images
                        pack_outputs(
                            packed + s * block_h * block_w * line, source, (dy_row, dy_pixel, dy_filter), count, (rows_here, columns_here)
                        )
                    b, b_row, b_pixel = packed, columns_here * line, line
                for t in range(tiles):
                    for s in range(here):
                        tile((
                            load_int(origins + 8 * s), table + t * rows * 8, step_h * row, step_w * pixel,
                            b + s * block_h * block_w * line, b_row, b_pixel, c, places + t * rows * 8,
                            rows_here, columns_here, 0 if begin + s == first else 1, 0, count if cut else width,
                        ))  # fmt: skip

    return correlate_to_w


def collect(size, width):
    """Make the kernel that adds up partial sums, share after share: (shares, groups, panels, terms, width) -> (terms, groups · filters)."""
    load, store = WORDS[size]

    def collect(partial, to, shares, groups, panels, terms, filters, job, worker):
        group, panel = job // panels, job % panels
        share_size = groups * panels * terms * width * size
        columns = min(filters - panel * width, width)
        for r in range(terms):
            source = partial + ((group * panels + panel) * terms + r) * width * size
            target = to + ((r * groups + group) * filters + panel * width) * size
            for k in range(columns):
                total = load(source + k * size)
                for share in range(1, shares):
                    total += load(source + share * share_size + k * size)
                store(target + k * size, total)

    return collect


def find_infinite(size):
    """Make the kernel that says whether any of many numbers is infinite or NaN. One job is a chunk of them."""
    run = RUNS[size]

    def find_infinite(numbers, count, chunk, found, job, worker):
        first = job * chunk
        values = run(numbers + first * size)
        wrong = 0
        for i in range(min(chunk, count - first)):
            difference = values[i] - values[i]  # 0, or NaN
            wrong += difference != 0
        if wrong:
            store_int(found, 1)

    return find_infinite
