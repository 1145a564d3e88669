"""The kernels of depthwise convolution, each filter on one channel. Lanes are filters.

One rule: a block of an image is copied into a buffer first where it is padded, not laid out in one piece, or has several filters for a
channel; zeros stand there for the padding, as they do in the loops, and a channel stands there once for each of its filters.
"""

from convstep.engines.compiled.kernels.compiling import inner
from convstep.engines.compiled.kernels.vectors import vectors
from convstep.engines.compiled.kernels.words import NUMBERS, clear, copy


def gathering(size, lanes):
    """Make the function that copies a block of an image into a buffer."""
    words, one = vectors(size, lanes), vectors(size, 1)
    load, store, load_one, store_one = words.load, words.store, one.load, one.store

    @inner
    def gather_pixel(to, source, channel, filters):
        first, count, times = filters
        if times == 1 and channel == size:
            end = (count - lanes) * size
            for c in range(0, end, lanes * size):
                store(to + c, load(source + first * size + c))
            store(to + end, load(source + first * size + end))
        else:
            for k in range(count):
                store_one(to + k * size, load_one(source + (first + k) // times * channel))

    @inner
    def gather(buffer, image, strides, shape, corner, block, filters):
        row, pixel, channel = strides
        first, count, times = filters
        packed = count * size
        before = min(max(-corner[1], 0), block[1])
        inside = max(min(corner[1] + block[1], shape[1]) - max(corner[1], 0), 0)
        for i in range(block[0]):
            to, h = buffer + i * block[1] * packed, corner[0] + i
            if h < 0 or h >= shape[0] or inside == 0:
                clear(to, block[1] * packed)
                continue
            clear(to, before * packed)
            to += before * packed
            source = image + h * row + max(corner[1], 0) * pixel
            if times == 1 and channel == size and pixel == packed:
                copy(to, source + first * size, inside * packed)
            else:
                for j in range(inside):
                    gather_pixel(to + j * packed, source + j * pixel, channel, filters)
            clear(to + inside * packed, (block[1] - before - inside) * packed)

    return gather


@inner
def block_of(job, counts, blocks, outputs):
    """Return which part of the filters and which image a job is for, the first row and column of its block, and its rows and columns."""
    parts, downs, rights = counts
    part, job = job % parts, job // parts
    i, j, n = job // rights % downs * blocks[0], job % rights * blocks[1], job // (rights * downs)
    return part, n, i, j, min(blocks[0], outputs[0] - i), min(blocks[1], outputs[1] - j)


def slide(size, lanes, square):
    """Make the kernel that slides filters over images, each over its own channel.

    y[n, i, j, k // fold] = b[k] + sum over p, q (and k) of  x[n, top + i * step_h + p * tap_h, left + ..., k // times] * w[p, q, k]

    One job is a block of outputs of one image, for a part of the filters. Filters of `square` x `square` cells get code of their own.
    """
    words, one, fill_buffer = vectors(size, lanes), vectors(size, 1), gathering(size, lanes)
    load, store, plus, fma, fill, larger = words.load, words.store, words.plus, words.fma, words.fill, words.larger
    load_one, store_one, plus_one = one.load, one.store, one.plus
    zero, none = NUMBERS[size](0), NUMBERS[size](-float("inf"))

    @inner
    def four(to, to_pixel, a, row, tap, step, w, w_tap, cells, start, least):
        s0 = s1 = s2 = s3 = fill(zero)
        for p in range(cells[0]):
            for q in range(cells[1]):
                weight, place = load(w + (p * cells[1] + q) * w_tap), a + p * row + q * tap
                s0 = fma(load(place), weight, s0)
                s1 = fma(load(place + step), weight, s1)
                s2 = fma(load(place + 2 * step), weight, s2)
                s3 = fma(load(place + 3 * step), weight, s3)
        store(to, larger(least, plus(s0, start)))
        store(to + to_pixel, larger(least, plus(s1, start)))
        store(to + 2 * to_pixel, larger(least, plus(s2, start)))
        store(to + 3 * to_pixel, larger(least, plus(s3, start)))

    @inner
    def single(to, a, row, tap, w, w_tap, cells, start, least):
        total = fill(zero)
        for p in range(cells[0]):
            for q in range(cells[1]):
                total = fma(load(a + p * row + q * tap), load(w + (p * cells[1] + q) * w_tap), total)
        store(to, larger(least, plus(total, start)))

    @inner
    def add_up(to, source, count, fold):
        for c in range(count // fold):
            total = load_one(source + c * fold * size)
            for m in range(1, fold):
                total = plus_one(total, load_one(source + (c * fold + m) * size))
            store_one(to + c * size, total)

    def slide(
        x, w, bias, y, buffers, x_image, x_row, x_pixel, x_channel, height, width, filters, times, fold,
        top, left, step_h, step_w, tap_h, tap_w, kernel_h, kernel_w,
        y_image, y_row, y_pixel, out_h, out_w, block_h, block_w, parts, plain, floor, buffer_size, job, worker,
    ):  # fmt: skip
        least = fill(zero if floor else none)
        counts = parts, -(-out_h // block_h), -(-out_w // block_w)
        part, n, i0, j0, rows, columns = block_of(job, counts, (block_h, block_w), (out_h, out_w))
        k0, k1 = part * filters // parts, (part + 1) * filters // parts
        scratch = buffers + worker * buffer_size
        buffer = scratch + (4 * filters * size if fold > 1 else 0)
        count, corner = k1 - k0, (top + i0 * step_h, left + j0 * step_w)
        reach = (rows - 1) * step_h + (kernel_h - 1) * tap_h + 1, (columns - 1) * step_w + (kernel_w - 1) * tap_w + 1
        inside = corner[0] >= 0 and corner[1] >= 0 and corner[0] + reach[0] <= height and corner[1] + reach[1] <= width
        a, row, pixel = x + n * x_image + corner[0] * x_row + corner[1] * x_pixel + k0 * size, x_row, x_pixel
        if not (plain and inside):
            fill_buffer(buffer, x + n * x_image, (x_row, x_pixel, x_channel), (height, width), corner, reach, (k0, count, times))
            a, row, pixel = buffer, reach[1] * count * size, count * size
        for i in range(rows):
            j = 0
            while j < columns:
                together = columns >= 4
                j = min(j, columns - 4) if together else j
                to, to_pixel = y + n * y_image + (i0 + i) * y_row + (j0 + j) * y_pixel + k0 * size, y_pixel
                if fold > 1:
                    to, to_pixel = scratch, count * size
                cells = a + i * step_h * row + j * step_w * pixel
                for piece in range(-(-count // lanes)):
                    c = min(piece * lanes, count - lanes) * size
                    start = load(bias + k0 * size + c) if bias else fill(zero)
                    weights, w_tap = w + k0 * size + c, filters * size
                    down, across, step = tap_h * row, tap_w * pixel, step_w * pixel
                    if together and square:
                        four(to + c, to_pixel, cells + c, down, across, step, weights, w_tap, (square, square), start, least)
                    elif together:
                        four(to + c, to_pixel, cells + c, down, across, step, weights, w_tap, (kernel_h, kernel_w), start, least)
                    else:
                        single(to + c, cells + c, down, across, weights, w_tap, (kernel_h, kernel_w), start, least)
                if fold > 1:
                    for t in range(4 if together else 1):
                        place = y + n * y_image + (i0 + i) * y_row + (j0 + j + t) * y_pixel
                        add_up(place, scratch + t * to_pixel, count, fold)
                j += 4 if together else 1

    return slide


def gather_weights(size, lanes):
    """Make the kernel that forms partial sums of the gradient of filters.

    partial[share, p, q, k] = sum over the share's n, i, j of  x[n, top + i * step_h + p * tap_h, ..., k // times] * dy[n, i, j, k]

    One job is a share of the blocks of outputs, for a part of the filters. Shares do not depend on the number of threads.
    """
    words, fill_buffer = vectors(size, lanes), gathering(size, lanes)
    load, store, plus, fma, fill, keep = words.load, words.store, words.plus, words.fma, words.fill, words.keep
    zero = NUMBERS[size](0)

    @inner
    def three(to, to_tap, taps, a, a_steps, a_tap, dy, dy_steps, outputs, skip, first):
        one, other = min(1, taps - 1), min(2, taps - 1)  # a tap that there is not is another one, done twice
        s0 = s1 = s2 = t0 = t1 = t2 = fill(zero)
        for i in range(outputs[0]):
            place, given = a + i * a_steps[0], dy + i * dy_steps[0]
            for _pair in range(outputs[1] // 2):
                even, odd = load(given), load(given + dy_steps[1])
                s0, t0 = fma(load(place), even, s0), fma(load(place + a_steps[1]), odd, t0)
                s1, t1 = fma(load(place + one * a_tap), even, s1), fma(load(place + one * a_tap + a_steps[1]), odd, t1)
                s2, t2 = fma(load(place + other * a_tap), even, s2), fma(load(place + other * a_tap + a_steps[1]), odd, t2)
                place += 2 * a_steps[1]
                given += 2 * dy_steps[1]
            if outputs[1] % 2:
                last = load(given)
                s0 = fma(load(place), last, s0)
                s1 = fma(load(place + one * a_tap), last, s1)
                s2 = fma(load(place + other * a_tap), last, s2)
        s0, s1, s2 = plus(s0, t0), plus(s1, t1), plus(s2, t2)
        if not first:
            s0, s1, s2 = (
                plus(load(to), keep(s0, skip)),
                plus(load(to + one * to_tap), keep(s1, skip)),
                plus(load(to + other * to_tap), keep(s2, skip)),
            )
        store(to, s0)
        store(to + one * to_tap, s1)
        store(to + other * to_tap, s2)

    def gather_weights(
        x, dy, partial, buffers, x_image, x_row, x_pixel, x_channel, height, width, filters, times,
        top, left, step_h, step_w, tap_h, tap_w, kernel_h, kernel_w,
        dy_image, dy_row, dy_pixel, dy_channel, images, out_h, out_w, block_h, block_w, parts, shares, buffer_size, job, worker,
    ):  # fmt: skip
        counts = parts, -(-out_h // block_h), -(-out_w // block_w)
        share, blocks = job // parts, images * counts[1] * counts[2]
        buffer = buffers + worker * buffer_size
        first = share * blocks // shares
        for block in range(first, (share + 1) * blocks // shares):
            part, n, i0, j0, rows, columns = block_of(block * parts + job % parts, counts, (block_h, block_w), (out_h, out_w))
            k0, k1 = part * filters // parts, (part + 1) * filters // parts
            count, corner = k1 - k0, (top + i0 * step_h, left + j0 * step_w)
            reach = (rows - 1) * step_h + (kernel_h - 1) * tap_h + 1, (columns - 1) * step_w + (kernel_w - 1) * tap_w + 1
            fill_buffer(buffer, x + n * x_image, (x_row, x_pixel, x_channel), (height, width), corner, reach, (k0, count, times))
            row, pixel = reach[1] * count * size, count * size
            given, given_row, given_pixel = dy + n * dy_image + i0 * dy_row + j0 * dy_pixel + k0 * size, dy_row, dy_pixel
            if dy_channel != size:
                given, given_row, given_pixel = buffer + reach[0] * row, columns * pixel, pixel
                fill_buffer(
                    given, dy + n * dy_image, (dy_row, dy_pixel, dy_channel), (out_h, out_w), (i0, j0), (rows, columns), (k0, count, 1)
                )
            for p in range(kernel_h):
                for q in range(0, kernel_w, 3):
                    for piece in range(-(-count // lanes)):
                        c = min(piece * lanes, count - lanes) * size
                        to = partial + ((share * kernel_h + p) * kernel_w + q) * filters * size + k0 * size + c
                        three(
                            to, filters * size, kernel_w - q,
                            buffer + p * tap_h * row + q * tap_w * pixel + c, (step_h * row, step_w * pixel), tap_w * pixel,
                            given + c, (given_row, given_pixel), (rows, columns), piece * lanes - c // size, block == first,
                        )  # fmt: skip

    return gather_weights
