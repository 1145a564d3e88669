"""The kernel that copies numbers from one layout to another: runs as they are, or squares of them transposed in registers."""

from convstep.engines.compiled.kernels.compiling import inner
from convstep.engines.compiled.kernels.vectors import vectors
from convstep.engines.compiled.kernels.words import WORDS, copy

RUNS, TRANSPOSED, APART = range(3)  # what lies side by side: the same numbers in both, others in either, or none


def arrange(size, lanes, way):
    """Make the kernel y[..., i, j] = x[..., i, j] for any strides in bytes, (a, b) entries along the last two axes.

    RUNS: entries along j lie side by side in both. TRANSPOSED: those along i in x, those along j in y. One job is `chunk` of the i of
    `together` outer places.
    """
    transpose = vectors(size, max(lanes, 2)).transpose
    load, store = WORDS[size]

    @inner
    def arrange_lines(x, y, here, b, x_a, y_a, x_b, y_b):
        if way == RUNS:
            for i in range(here):
                copy(y + i * y_a, x + i * x_a, b * size)
        elif way == TRANSPOSED and min(here, b) >= lanes > 1:
            for row in range(-(-here // lanes)):
                i = min(row * lanes, here - lanes)
                for column in range(-(-b // lanes)):
                    j = min(column * lanes, b - lanes)
                    transpose(y + i * y_a + j * size, y_a, x + i * size + j * x_b, x_b)
        else:
            for i in range(here):
                for j in range(b):
                    store(y + i * y_a + j * y_b, load(x + i * x_a + j * x_b))

    def arrange(
        x, y, n0, n1, n2, n3, x0, x1, x2, x3, y0, y1, y2, y3, a, b, x_a, y_a, x_b, y_b, chunk, together, job, worker,
    ):  # fmt: skip
        chunks = -(-a // chunk)
        first, places = job % chunks * chunk, job // chunks * together
        for place in range(places, min(places + together, n0 * n1 * n2 * n3)):
            i3, outer = place % n3, place // n3
            i2, outer = outer % n2, outer // n2
            i1, i0 = outer % n1, outer // n1
            source = x + i0 * x0 + i1 * x1 + i2 * x2 + i3 * x3 + first * x_a
            target = y + i0 * y0 + i1 * y1 + i2 * y2 + i3 * y3 + first * y_a
            arrange_lines(source, target, min(chunk, a - first), b, x_a, y_a, x_b, y_b)

    return arrange
