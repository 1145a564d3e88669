"""The kernels of batch normalization: sums over cells for each channel, and what is done to each cell with them.

One rule: sums are formed in float64, of blocks that fit the cache and depend on the shape alone, and the blocks are added up in order.
"""

from convstep.engines.compiled.kernels.compiling import inner
from convstep.engines.compiled.kernels.runs import RUNS
from convstep.engines.compiled.kernels.words import NUMBERS, clear, copy

double = RUNS[8]


@inner
def folded(sums, width, channels):
    """Add up, channel by channel, sums that were kept for several cells side by side."""
    run = double(sums)
    for first in range(channels, width, channels):
        for c in range(channels):
            run[c] += run[first + c]


def moments(size):
    """Make the kernel that sums up a block's numbers, and the squares of their distances from the block's mean, for each channel.

    One job is a block of cells. Cells lie side by side until their numbers are `width`, a multiple of the channels: one long loop.
    """
    run = RUNS[size]

    def moments(x, partial, scratch, cells, channels, block, width, job, worker):
        here = min(block, cells - job * block)
        numbers = here * channels
        place, means_place = scratch + worker * 2 * width * 8, scratch + worker * 2 * width * 8 + width * 8
        sums, means = double(place), double(means_place)

        # 1. The mean of the block.
        clear(place, width * 8)
        for first in range(0, numbers, width):
            row = run(x + (job * block * channels + first) * size)
            for i in range(min(width, numbers - first)):
                sums[i] += row[i]
        folded(place, width, channels)
        copy(partial + job * 2 * channels * 8, place, channels * 8)
        for first in range(0, width, channels):
            for c in range(channels):
                means[first + c] = sums[c] / here

        # 2. Squares of the distances from it, while the block is in the cache.
        clear(place, width * 8)
        for first in range(0, numbers, width):
            row = run(x + (job * block * channels + first) * size)
            for i in range(min(width, numbers - first)):
                distance = row[i] - means[i]
                sums[i] += distance * distance
        folded(place, width, channels)
        copy(partial + (job * 2 + 1) * channels * 8, place, channels * 8)

    return moments


def collect_moments(size):
    """Make the kernel that makes mean and variance of blocks' sums and squares (Chan, Golub and LeVeque 1983, eq. 2.1)."""
    run, number = RUNS[size], NUMBERS[size]

    def collect_moments(partial, mean, variance, cells, channels, block, blocks, job, worker):
        means, variances, parts = run(mean), run(variance), double(partial)
        for c in range(channels):
            total = 0.0
            for b in range(blocks):
                total += parts[2 * b * channels + c]
            middle, squares = total / cells, 0.0
            for b in range(blocks):
                here = min(block, cells - b * block)
                off = parts[2 * b * channels + c] / here - middle
                squares += parts[(2 * b + 1) * channels + c] + here * off * off
            means[c], variances[c] = number(middle), number(squares / cells)

    return collect_moments


def _spread(size):
    """Return a function that repeats a row of channels, of ones or zeros if there is none, until it is `width` long."""
    run, number = RUNS[size], NUMBERS[size]

    @inner
    def spread(to, source, otherwise, channels, width):
        target, row = run(to), run(source)
        for first in range(0, width, channels):
            for c in range(channels):
                target[first + c] = row[c] if source else number(otherwise)

    return spread


def normalize(size, floor):
    """Make the kernel y = (x - mean) inverse gamma + beta, or 0 where that is negative and `floor`. One job is a block of cells."""
    run, spread, zero = RUNS[size], _spread(size), NUMBERS[size](0)

    def normalize(x, y, mean, inverse, gamma, beta, scratch, cells, channels, block, width, job, worker):
        place, row_size = scratch + worker * 4 * width * size, width * size
        spread(place, mean, 0, channels, width)
        spread(place + row_size, inverse, 1, channels, width)
        spread(place + 2 * row_size, gamma, 1, channels, width)
        spread(place + 3 * row_size, beta, 0, channels, width)
        middle, narrow, scale, shift = run(place), run(place + row_size), run(place + 2 * row_size), run(place + 3 * row_size)
        numbers = min(block, cells - job * block) * channels
        for first in range(0, numbers, width):
            source, to = run(x + (job * block * channels + first) * size), run(y + (job * block * channels + first) * size)
            for i in range(min(width, numbers - first)):
                normal = (source[i] - middle[i]) * narrow[i] * scale[i] + shift[i]
                to[i] = zero if floor and normal < zero else normal

    return normalize


def sums_of_gradients(size):
    """Make the kernel that sums up dy, and dy (x - mean), for each channel of a block of cells."""
    run, spread = RUNS[size], _spread(size)

    def sums_of_gradients(dy, x, mean, partial, scratch, cells, channels, block, width, job, worker):
        place, row_size = scratch + worker * 3 * width * 8, width * 8
        clear(place, 2 * row_size)
        spread(place + 2 * row_size, mean, 0, channels, width)
        plain, along, middle = double(place), double(place + row_size), run(place + 2 * row_size)
        numbers = min(block, cells - job * block) * channels
        for first in range(0, numbers, width):
            at = (job * block * channels + first) * size
            given, source = run(dy + at), run(x + at)
            for i in range(min(width, numbers - first)):
                plain[i] += given[i]
                along[i] += given[i] * (source[i] - middle[i])
        folded(place, width, channels)
        folded(place + row_size, width, channels)
        copy(partial + job * 2 * channels * 8, place, channels * 8)
        copy(partial + (job * 2 + 1) * channels * 8, place + row_size, channels * 8)

    return sums_of_gradients


def collect_gradients(size):
    """Make the kernel that adds up what `sums_of_gradients` left: the gradients of gamma and beta."""
    run, number = RUNS[size], NUMBERS[size]

    def collect_gradients(partial, inverse, d_gamma, d_beta, channels, blocks, job, worker):
        betas, gammas, narrow, parts = run(d_beta), run(d_gamma), run(inverse), double(partial)
        for c in range(channels):
            beta, gamma = 0.0, 0.0
            for b in range(blocks):
                beta += parts[2 * b * channels + c]
                gamma += parts[(2 * b + 1) * channels + c]
            gammas[c], betas[c] = number(gamma * narrow[c]), number(beta)

    return collect_gradients


def normalize_to_x(size):
    """Make the kernel dx = (dy - mean dy - normal mean(dy normal)) inverse gamma. One job is a block of cells."""
    run, spread = RUNS[size], _spread(size)

    def normalize_to_x(dy, x, dx, mean, inverse, gamma, mean_beta, mean_gamma, scratch, cells, channels, block, width, job, worker):
        place, row_size = scratch + worker * 5 * width * size, width * size
        spread(place, mean, 0, channels, width)
        spread(place + row_size, inverse, 1, channels, width)
        spread(place + 2 * row_size, gamma, 1, channels, width)
        spread(place + 3 * row_size, mean_beta, 0, channels, width)
        spread(place + 4 * row_size, mean_gamma, 0, channels, width)
        middle, narrow, scale = run(place), run(place + row_size), run(place + 2 * row_size)
        level, slope = run(place + 3 * row_size), run(place + 4 * row_size)
        numbers = min(block, cells - job * block) * channels
        for i in range(width):
            scale[i] *= narrow[i]
        for first in range(0, numbers, width):
            at = (job * block * channels + first) * size
            given, source, to = run(dy + at), run(x + at), run(dx + at)
            for i in range(min(width, numbers - first)):
                normal = (source[i] - middle[i]) * narrow[i]
                to[i] = ((given[i] - level[i]) - normal * slope[i]) * scale[i]

    return normalize_to_x
