"""The kernel that adds up pixels, channel by channel.

One rule: shares of the pixels do not depend on the number of threads. Many short sums lose fewer digits than one long one.
"""

from convstep.engines.compiled.kernels.compiling import inner
from convstep.engines.compiled.kernels.vectors import vectors
from convstep.engines.compiled.kernels.words import WORDS, clear


def run_adder(size, lanes, wide):
    """Return a function that adds a run of numbers, at least `lanes` of them, to those at `to`."""
    narrow, broad = vectors(size, lanes), vectors(size, wide)
    load, store, plus, keep = narrow.load, narrow.store, narrow.plus, narrow.keep
    load_wide, store_wide, plus_wide = broad.load, broad.store, broad.plus

    @inner
    def add_run(to, source, count):
        at, end = 0, count * size
        while at + wide * size <= end:
            store_wide(to + at, plus_wide(load_wide(to + at), load_wide(source + at)))
            at += wide * size
        while at < end:
            place = min(at, end - lanes * size)
            store(to + place, plus(load(to + place), keep(load(source + place), (at - place) // size)))
            at += lanes * size

    return add_run


def add_pixels(size, lanes, wide):
    """Make the kernel that forms partial sums: partial[share, c] = sum over the share's pixels of  x[pixel, c].

    One job is a share. While it adds, it keeps `groups` sums of each channel: pixels that are `groups` apart share one. All of them
    together fill whole vectors.
    """
    narrow, broad = vectors(size, lanes), vectors(size, wide)
    load, load_apart, store, plus, keep = narrow.load, narrow.load_apart, narrow.store, narrow.plus, narrow.keep
    load_wide, store_wide, plus_wide = broad.load, broad.store, broad.plus
    add_run = run_adder(size, lanes, wide)

    @inner
    def add_four(to, source, count):
        row = count * size
        for at in range(0, row, wide * size):
            near = plus_wide(load_wide(source + at), load_wide(source + at + row))
            far = plus_wide(load_wide(source + at + 2 * row), load_wide(source + at + 3 * row))
            store_wide(to + at, plus_wide(load_wide(to + at), plus_wide(near, far)))

    def add_pixels(x, partial, x_image, x_row, x_pixel, x_channel, height, width, channels, pixels, share, groups, room, job, worker):
        sums = partial + job * room
        clear(sums, room)
        at, end = job * share, min((job + 1) * share, pixels)
        if x_channel == size and x_pixel == channels * size and x_row == width * x_pixel and x_image == height * x_row:
            while at + 4 * groups <= end:
                add_four(sums, x + at * x_pixel, groups * channels)
                at += 4 * groups
            while at < end:
                add_run(sums, x + at * x_pixel, min(groups, end - at) * channels)
                at += groups
        while at < end:
            source = x + at // (height * width) * x_image + at // width % height * x_row + at % width * x_pixel
            for piece in range(-(-channels // lanes)):
                c = min(piece * lanes, channels - lanes)
                to = sums + (at % groups * channels + c) * size
                store(to, plus(load(to), keep(load_apart(source + c * x_channel, x_channel), piece * lanes - c)))
            at += 1
        for group in range(1, groups):
            add_run(sums, sums + group * channels * size, channels)

    return add_pixels


def collect(size):
    """Make the kernel that adds up the shares, one after the other: total[c] = sum over shares of  partial[share, c]."""
    load, store = WORDS[size]

    def collect(partial, total, channels, shares, room, job, worker):
        for c in range(channels):
            found = load(partial + c * size)
            for share in range(1, shares):
                found += load(partial + share * room + c * size)
            store(total + c * size, found)

    return collect
