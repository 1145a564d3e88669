"""The kernels that work on pixels, each a run of channels: scaled and shifted, or divided by what its neighbours amount to."""

from convstep.engines.compiled.kernels.runs import RUNS, root
from convstep.engines.compiled.kernels.vectors import vectors
from convstep.engines.compiled.kernels.words import NUMBERS, clear, real


def affine(size, lanes):
    """Make the kernel y[p, c] = x[p, c] * scale[c] + shift[c], with `floor` 0 where that is negative. One job is some pixels."""
    words, zero = vectors(size, lanes), NUMBERS[size](0)
    load, store, fma, larger, fill = words.load, words.store, words.fma, words.larger, words.fill

    def affine(x, y, scale, shift, x_pixel, y_pixel, pixels, channels, chunk, floor, job, worker):
        nothing = fill(zero)
        for pixel in range(job * chunk, min((job + 1) * chunk, pixels)):
            source, to = x + pixel * x_pixel, y + pixel * y_pixel
            for piece in range(-(-channels // lanes)):
                c = min(piece * lanes, channels - lanes) * size
                value = fma(load(source + c), load(scale + c), load(shift + c))
                store(to + c, larger(nothing, value) if floor else value)

    return affine


def local_response(size, quarters):
    """Make the kernel y = x / t ** (quarters / 4), t[c] = bias + share * (sum over the window of channels around c of x²).

    One job is some pixels. A worker's buffer holds a pixel's squares between zeros, and t.
    """
    run, number = RUNS[size], NUMBERS[size]
    whole, rest = quarters // 4, quarters % 4

    def local_response(x, y, buffers, pixels, channels, x_pixel, before, window, share, bias, chunk, buffer_size, job, worker):
        squares = buffers + worker * buffer_size
        totals = run(squares + (channels + window) * size)
        by, start = number(real(share)), number(real(bias))
        clear(squares, (channels + window) * size)
        inside = run(squares + before * size)
        for pixel in range(job * chunk, min((job + 1) * chunk, pixels)):
            source, to = run(x + pixel * x_pixel), run(y + pixel * channels * size)
            for c in range(channels):
                inside[c] = source[c] * source[c]
            first = run(squares)
            for c in range(channels):
                totals[c] = first[c]
            for k in range(1, window):
                other = run(squares + k * size)
                for c in range(channels):
                    totals[c] += other[c]
            for c in range(channels):
                t = start + by * totals[c]
                power = number(1)
                if rest & 1:
                    power = root(root(t))
                if rest & 2:
                    power *= root(t)
                for _ in range(whole):
                    power *= t
                to[c] = source[c] / power

    return local_response
