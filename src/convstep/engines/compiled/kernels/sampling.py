"""The kernel that looks at images through matrices.

One rule: places and values are computed as NumPy computes them, operation by operation, so no bit differs.
"""

import math

from convstep.engines.compiled.kernels.compiling import inner
from convstep.engines.compiled.kernels.runs import RUNS
from convstep.engines.compiled.kernels.words import NUMBERS, real


def resample(size):
    """Make the kernel y[n, i, j] = x[n] at matrix[n] (i, j) + start[n], where i and j count from the middle. One job is an image."""
    run, number = RUNS[size], NUMBERS[size]
    one, half = number(1), number(0.5)

    @inner
    def bounded(place, length):
        return -one if place < -one else (number(length) if place > number(length) else place)

    def resample(x, y, matrices, starts, height, width, channels, fill, job, worker):
        m, start, outside = run(matrices + 4 * job * size), run(starts + 2 * job * size), number(real(fill))
        image, to = run(x + job * height * width * channels * size), run(y + job * height * width * channels * size)
        middle_i, middle_j = number(height - 1) * half, number(width - 1) * half
        for i in range(height):
            row = number(i) - middle_i
            first_h, first_w = m[0] * row + start[0], m[2] * row + start[1]
            for j in range(width):
                column = number(j) - middle_j
                h, w = bounded(first_h + m[1] * column, height), bounded(first_w + m[3] * column, width)
                top, left = math.floor(h), math.floor(w)
                down, right = h - number(top), w - number(left)
                inside = 0 <= top < height - 1 and 0 <= left < width - 1
                at = (top * width + left) * channels
                for c in range(channels):
                    if inside:
                        a, b = image[at + c], image[at + channels + c]
                        d, e = image[at + width * channels + c], image[at + (width + 1) * channels + c]
                    else:
                        above, below = 0 <= top < height, -1 <= top < height - 1
                        before, behind = 0 <= left < width, -1 <= left < width - 1
                        a = image[at + c] if above and before else outside
                        b = image[at + channels + c] if above and behind else outside
                        d = image[at + width * channels + c] if below and before else outside
                        e = image[at + (width + 1) * channels + c] if below and behind else outside
                    upper, lower = (b - a) * right + a, (e - d) * right + d
                    to[(i * width + j) * channels + c] = (lower - upper) * down + upper

    return resample
