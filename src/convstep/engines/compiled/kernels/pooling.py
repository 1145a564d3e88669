"""The kernels of pooling: the largest and the sum of each window, and their transposes. Lanes are channels.

One rule: only cells of the image are met, never padding; each job owns what it writes, so that sums have one order.
"""

from convstep.engines.compiled.kernels.compiling import inner
from convstep.engines.compiled.kernels.sums import run_adder
from convstep.engines.compiled.kernels.vectors import vectors
from convstep.engines.compiled.kernels.words import NUMBERS, clear


@inner
def met(first, tap, kernel, size):
    """Return which cells first + k * tap of a window lie in the image: from .. to."""
    if first >= 0 and first + (kernel - 1) * tap < size:
        return 0, kernel
    start = max(-(first // tap), 0)
    return start, max(min((size - 1 - first) // tap + 1, kernel), start)


@inner
def touching(start, stop, step, reach, out):
    """Return which windows touch the cells start .. stop of the padded image: from .. to."""
    if start == stop:
        return 0, 0
    return max(-((reach - 1 - start) // step), 0), min((stop - 1) // step + 1, out)


@inner
def owned_rows(number, band, top, height):
    """Return the rows of the image in a band; bands count from the padding, so the first ones may be empty."""
    start = max(number * band + top, 0)
    return start, max(min((number + 1) * band + top, height), start)


SUM, LARGEST, MEAN = range(3)


def fold(size, lanes, wide, kind):
    """Make the kernel that combines the cells of each window, by `larger` or by `plus`.

    y[n, i, j, c] = the largest, the sum or the mean over p, q of  x[n, top + i * step_h + p * tap_h, left + j * step_w + q * tap_w, c]

    First the rows of a window, in long runs over columns and channels, into a buffer; then the columns of that. Where windows lie far
    apart or are too wide for a buffer (block_w == 0), cell by cell. One job is some rows of outputs, or a part of their columns.
    """
    narrow, broad = vectors(size, lanes), vectors(size, wide)
    load, load_apart, store, fill = narrow.load, narrow.load_apart, narrow.store, narrow.fill
    load_wide, store_wide = broad.load, broad.store
    combine, combine_wide = (narrow.larger, broad.larger) if kind == LARGEST else (narrow.plus, broad.plus)
    nothing, number, times = NUMBERS[size](-float("inf") if kind == LARGEST else 0.0), NUMBERS[size], narrow.times

    @inner
    def fold_runs(to, source, row, rows, count):
        at, end = 0, count * size
        while at + 2 * wide * size <= end:
            one, other = load_wide(source + at), load_wide(source + at + wide * size)
            for p in range(1, rows):
                one = combine_wide(one, load_wide(source + p * row + at))
                other = combine_wide(other, load_wide(source + p * row + at + wide * size))
            store_wide(to + at, one)
            store_wide(to + at + wide * size, other)
            at += 2 * wide * size
        while at < end:
            at = min(at, end - lanes * size)
            total = load(source + at)
            for p in range(1, rows):
                total = combine(total, load(source + p * row + at))
            store(to + at, total)
            at += lanes * size

    @inner
    def fold_pixels(to, source, strides, rows, columns, channels):
        row, pixel, channel = strides
        for w in range(columns):
            for piece in range(-(-channels // lanes)):
                c = min(piece * lanes, channels - lanes)
                place = source + w * pixel + c * channel
                total = load_apart(place, channel)
                for p in range(1, rows):
                    total = combine(total, load_apart(place + p * row, channel))
                store(to + (w * channels + c) * size, total)

    @inner
    def fold_columns(to, source, pixel, columns, channels, share):
        for piece in range(-(-channels // lanes)):
            c = min(piece * lanes, channels - lanes) * size
            total = load(source + c)
            for q in range(1, columns):
                total = combine(total, load(source + q * pixel + c))
            store(to + c, times(total, fill(share)) if kind == MEAN else total)

    @inner
    def fold_cells(to, source, strides, rows, columns, channels, share):
        row, pixel, channel = strides
        for piece in range(-(-channels // lanes)):
            c = min(piece * lanes, channels - lanes)
            total = fill(nothing)
            for q in range(columns):
                place = source + q * pixel + c * channel
                column = load_apart(place, channel)
                for p in range(1, rows):
                    column = combine(column, load_apart(place + p * row, channel))
                total = combine(total, column) if q else column
            store(to + c * size, times(total, fill(share)) if kind == MEAN else total)

    def fold(
        x, y, buffers, x_image, x_row, x_pixel, x_channel, height, width, channels,
        top, left, step_h, step_w, tap_h, tap_w, kernel_h, kernel_w,
        images, out_h, out_w, y_pixel, block_h, block_w, buffer_size, job, worker,
    ):  # fmt: skip
        columns = block_w or out_w
        parts = -(-out_w // columns)
        j0 = job % parts * columns
        j1, first_row = min(j0 + columns, out_w), job // parts * block_h
        buffer, pixel = buffers + worker * buffer_size, channels * size
        w0, w1 = max(left + j0 * step_w, 0), min(left + (j1 - 1) * step_w + (kernel_w - 1) * tap_w + 1, width)
        in_runs = x_channel == size and x_pixel == pixel
        for line in range(first_row, min(first_row + block_h, images * out_h)):
            n, i = line // out_h, line % out_h
            p0, p1 = met(top + i * step_h, tap_h, kernel_h, height)
            source = x + n * x_image + (top + i * step_h + p0 * tap_h) * x_row
            if block_w and p1 > p0 and w1 > w0:
                if x_channel == size and not in_runs:
                    for w in range(w0, w1):
                        fold_runs(buffer + (w - w0) * pixel, source + w * x_pixel, tap_h * x_row, p1 - p0, channels)
                elif in_runs:
                    fold_runs(buffer, source + w0 * x_pixel, tap_h * x_row, p1 - p0, (w1 - w0) * channels)
                else:
                    fold_pixels(buffer, source + w0 * x_pixel, (tap_h * x_row, x_pixel, x_channel), p1 - p0, w1 - w0, channels)
            for j in range(j0, j1):
                to, w = y + (line * out_w + j) * y_pixel, left + j * step_w
                q0, q1 = met(w, tap_w, kernel_w, width)
                w += q0 * tap_w
                share = number(1) / number(max((p1 - p0) * (q1 - q0), 1))
                if p1 == p0 or q1 == q0:
                    fold_cells(to, source, (0, 0, 0), 0, 0, channels, share)
                elif block_w:
                    fold_columns(to, buffer + (w - w0) * pixel, tap_w * pixel, q1 - q0, channels, share)
                else:
                    steps = tap_h * x_row, tap_w * x_pixel, x_channel
                    fold_cells(to, source + w * x_pixel, steps, p1 - p0, q1 - q0, channels, share)

    return fold


def share_largest(size, lanes, every, strided, kernel):
    """Make the kernel that hands dy to the largest cell of each window: to the first of equals, or to `every` one of them.

    dx[n, h, w, c] = sum over the windows i, j whose largest cell is n, h, w, c of  dy[n, i, j, c]

    One job is a band of rows of dx, of one image; it looks at all windows that touch them. Where no cell is in two windows (`once`), all
    their cells are written; else the band is cleared and added to. With `floor`, dy goes where the largest is above 0. `strided`: channels
    are no neighbours in x or in dy. Windows of `kernel` x `kernel` cells get code of their own.
    """
    words = vectors(size, lanes)
    load_run, load_apart, store, plus, larger, keep = words.load, words.load_apart, words.store, words.plus, words.larger, words.keep
    places, winner, taken, share, positive = words.places, words.winner, words.taken, words.share, words.positive
    scatter, scatter_some = words.scatter, words.scatter_some

    @inner
    def load(address, stride):
        return load_apart(address, stride) if strided else load_run(address)

    @inner
    def to_first(dy, x, strides, dx, steps, cells, owned, skip, once, floor):
        best, at = load(x, strides[2]), places(0)
        for p in range(cells[0]):
            for q in range(cells[1]):
                value = load(x + p * strides[0] + q * strides[1], strides[2])
                at = winner(best, value, at, p * steps[0] + q * steps[1])
                best = larger(best, value)
        if floor:
            dy = positive(best, dy)
        if once:
            for p in range(cells[0]):
                for q in range(cells[1]):
                    place = p * steps[0] + q * steps[1]
                    store(dx + place * size, taken(at, place, dy))
        elif skip == 0 and owned[0] <= 0 and (cells[0] - 1) * steps[0] < owned[1]:
            scatter(dx, dy, at)
        else:
            scatter_some(dx, dy, at, skip, owned[0], owned[1])

    @inner
    def to_every(dy, x, strides, dx, steps, cells, owned, skip, once, floor):
        best = load(x, strides[2])
        for p in range(cells[0]):
            for q in range(cells[1]):
                best = larger(best, load(x + p * strides[0] + q * strides[1], strides[2]))
        for p in range(cells[0]):
            if owned[0] <= p * steps[0] < owned[1]:
                for q in range(cells[1]):
                    value = load(x + p * strides[0] + q * strides[1], strides[2])
                    part = positive(value, share(value, best, dy)) if floor else share(value, best, dy)
                    to = dx + (p * steps[0] + q * steps[1]) * size
                    store(to, part if once else plus(load_run(to), keep(part, skip)))

    hand = to_every if every else to_first

    def share_largest(
        dy, x, dx, dy_image, dy_row, dy_pixel, dy_channel, x_image, x_row, x_pixel, x_channel, height, width, channels,
        top, left, step_h, step_w, tap_h, tap_w, kernel_h, kernel_w, out_h, out_w,
        band, bands, once, filled, floor, job, worker,
    ):  # fmt: skip
        n, line = job // bands, width * channels
        r0, r1 = owned_rows(job % bands, band, top, height)
        if not filled:
            clear(dx + (n * height + r0) * line * size, (r1 - r0) * line * size)
        i0, i1 = touching(r0 - top, r1 - top, step_h, (kernel_h - 1) * tap_h + 1, out_h)
        strides, steps = (tap_h * x_row, tap_w * x_pixel, x_channel), (tap_h * line, tap_w * channels)
        for i in range(i0, i1):
            p0, p1 = met(top + i * step_h, tap_h, kernel_h, height)
            h = top + i * step_h + p0 * tap_h
            owned = (r0 - h) * line, (r1 - h) * line
            for j in range(out_w):
                q0, q1 = met(left + j * step_w, tap_w, kernel_w, width)
                w, cells = left + j * step_w + q0 * tap_w, (p1 - p0, q1 - q0)
                if cells[0] == 0 or cells[1] == 0:
                    continue
                source, given = x + n * x_image + h * x_row + w * x_pixel, dy + n * dy_image + i * dy_row + j * dy_pixel
                to = dx + ((n * height + h) * line + w * channels) * size
                for piece in range(-(-channels // lanes)):
                    c = min(piece * lanes, channels - lanes)
                    gradient = load(given + c * dy_channel, dy_channel)
                    cell, target, skip = source + c * x_channel, to + c * size, piece * lanes - c
                    if kernel and cells[0] == kernel and cells[1] == kernel:
                        hand(gradient, cell, strides, target, steps, (kernel, kernel), owned, skip, once, floor)
                    else:
                        hand(gradient, cell, strides, target, steps, cells, owned, skip, once, floor)

    return share_largest


def spread(size, lanes, wide):
    """Make the kernel that hands dy to every cell of each window.

    dx[n, h, w, c] = sum over the windows i, j that hold h, w of  dy[n, i, j, c]

    Where no cell is in two windows (`apart`), cells are written. Else windows are added up: first along the columns, into a buffer of one
    row, which is added to every row of the window. One job is a band of rows of dx, of one image.
    """
    narrow, add_run = vectors(size, lanes), run_adder(size, lanes, wide)
    load, load_apart, store, plus, keep = narrow.load, narrow.load_apart, narrow.store, narrow.plus, narrow.keep

    @inner
    def load_some(address, stride):
        return load_apart(address, stride) if stride != size else load(address)

    @inner
    def write(to, steps, cells, source, dy_channel, channels):
        for piece in range(-(-channels // lanes)):
            c = min(piece * lanes, channels - lanes)
            value = load_some(source + c * dy_channel, dy_channel)
            for p in range(cells[0]):
                for q in range(cells[1]):
                    store(to + p * steps[0] + q * steps[1] + c * size, value)

    @inner
    def add(to, step, cells, source, dy_channel, channels):
        for piece in range(-(-channels // lanes)):
            c = min(piece * lanes, channels - lanes)
            value = load_some(source + c * dy_channel, dy_channel)
            for q in range(cells):
                place = to + q * step + c * size
                store(place, plus(load(place), keep(value, piece * lanes - c)))

    def spread(
        dy, dx, buffers, dy_image, dy_row, dy_pixel, dy_channel, height, width, channels,
        top, left, step_h, step_w, tap_h, tap_w, kernel_h, kernel_w, out_h, out_w,
        band, bands, apart, filled, buffer_size, job, worker,
    ):  # fmt: skip
        n, line, pixel = job // bands, width * channels * size, channels * size
        r0, r1 = owned_rows(job % bands, band, top, height)
        if not filled:
            clear(dx + (n * height + r0) * line, (r1 - r0) * line)
        half = buffers + worker * buffer_size
        i0, i1 = touching(r0 - top, r1 - top, step_h, (kernel_h - 1) * tap_h + 1, out_h)
        for i in range(i1 - 1, i0 - 1, -1):
            p0, p1 = met(top + i * step_h - r0, tap_h, kernel_h, r1 - r0)
            target = dx + (n * height + top + i * step_h + p0 * tap_h) * line
            if not apart:
                clear(half, line)
            for j in range(out_w - 1, -1, -1):
                q0, q1 = met(left + j * step_w, tap_w, kernel_w, width)
                source, first = dy + n * dy_image + i * dy_row + j * dy_pixel, (left + j * step_w + q0 * tap_w) * pixel
                if apart:
                    write(target + first, (tap_h * line, tap_w * pixel), (p1 - p0, q1 - q0), source, dy_channel, channels)
                else:
                    add(half + first, tap_w * pixel, q1 - q0, source, dy_channel, channels)
            if not apart:
                for p in range(p1 - p0):
                    add_run(target + p * tap_h * line, half, width * channels)

    return spread
