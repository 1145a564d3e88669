"""The gradient of images with few channels: outputs' gradients times all weights, added up where the windows lie.

One rule: a job owns rows of the images; windows that hang over its rows are computed by the neighbouring job too.
"""

from convstep.engines.compiled.kernels.compiling import inner
from convstep.engines.compiled.kernels.tile import make_tile
from convstep.engines.compiled.kernels.vectors import vectors as vectors_of
from convstep.engines.compiled.kernels.words import WORDS, clear, copy, store_int

PIECE = 4  # lanes of the narrowest vector: a row of a window is padded to a multiple of it


def scatter(size, rows, vectors, lanes):
    """Make the kernel that adds windows up: dx[n, i·step + p·tap - top, j·step + q - left, c] += Σ dy[n, i, j, k] w[p, q, c, k].

    Filters come packed as (panels, K, width), where the columns are p and a padded row of q·c. One job is a block of rows of an image.
    """
    tile = make_tile(rows, vectors, lanes, size)
    wide, narrow = vectors_of(size, lanes), vectors_of(size, PIECE)
    load_wide, store_wide, plus_wide = wide.load, wide.store, wide.plus
    load_narrow, store_narrow, plus_narrow = narrow.load, narrow.store, narrow.plus
    line = vectors * lanes * size

    @inner
    def add_run(to, source, bytes_):
        """Add a run of numbers, whole narrow vectors, to those at `to`."""
        at = 0
        while at + lanes * size <= bytes_:
            store_wide(to + at, plus_wide(load_wide(to + at), load_wide(source + at)))
            at += lanes * size
        while at < bytes_:
            store_narrow(to + at, plus_narrow(load_narrow(to + at), load_narrow(source + at)))
            at += PIECE * size

    def scatter(
        dy, packed, dx, buffers, dy_image, dy_row, dy_pixel, out_h, out_w, terms,
        step_h, step_w, tap_h, top, left, kernel_h, run, height, across, channels, reach_w,
        panels, block, chunk, buffer_size, job, worker,
    ):  # fmt: skip
        blocks = -(-height // block)
        n, h0 = job // blocks, job % blocks * block
        h1 = min(h0 + block, height)
        first = max(-(((kernel_h - 1) * tap_h - top - h0) // step_h), 0)
        last = min((h1 - 1 + top) // step_h, out_h - 1)
        table = buffers + worker * buffer_size
        places, products = table + (chunk + rows) * 8, table + (chunk + rows) * 16
        product = panels * line
        sums = products + chunk * product
        pixel = channels * size
        row = reach_w * pixel
        met = (last - first) * step_h + (kernel_h - 1) * tap_h + 1 if first <= last else 0
        clear(sums, met * row + run)

        pixels = (last - first + 1) * out_w
        for begin in range(0, pixels, chunk):
            count = min(chunk, pixels - begin)
            for p in range(-(-count // rows) * rows):  # the last tile repeats the last pixel
                here = begin + min(p, count - 1)
                store_int(table + 8 * p, (first + here // out_w) * dy_row + here % out_w * dy_pixel)
                store_int(places + 8 * p, (here - begin) * product)

            # 1. (pixels; K) · (K; p, q·c) -> (pixels; p, q·c).
            for panel in range(panels):
                for p in range(0, count, rows):
                    tile((
                        dy + n * dy_image, table + 8 * p, 0, size, packed + panel * terms * line, 0, line,
                        products + panel * line, places + 8 * p,
                        1, terms, 0, 0, vectors * lanes,
                    ))  # fmt: skip

            # 2. Each window is added where it lies; those that overlap not one right after the other, for a sum must be stored first.
            spread = -(-run // (step_w * pixel))
            done = 0
            while done < count:
                i, j = (begin + done) // out_w, (begin + done) % out_w
                here = min(out_w - j, count - done)
                source, to = products + done * product, sums + i * step_h * row + j * step_w * pixel
                for r in range(kernel_h):
                    for phase in range(min(spread, here)):
                        for p in range(phase, here, spread):
                            add_run(to + r * tap_h * row + p * step_w * pixel, source + p * product + r * run, run)
                done += here

        # 3. Out of the sums into the image, without the padding.
        for h in range(h0, h1):
            target = dx + (n * height + h) * across * pixel
            place = h + top - first * step_h
            inside = min(across, reach_w - left) if 0 <= place < met else 0
            copy(target, sums + place * row + left * pixel, inside * pixel)
            clear(target + inside * pixel, (across - inside) * pixel)

    return scatter


def widen(size):
    """Make the kernel that lays filters out for `scatter`: (p, q·c, k) -> (k; p, q·c), each row of q·c up to a whole vector.

    One job is a k.
    """
    load, store = WORDS[size]

    def widen(w, wide, rows, cells, padded, filters, job, worker):
        for p in range(rows):
            to = wide + (job * rows + p) * padded * size
            for r in range(cells):
                store(to + r * size, load(w + ((p * cells + r) * filters + job) * size))
            clear(to + cells * size, (padded - cells) * size)

    return widen
