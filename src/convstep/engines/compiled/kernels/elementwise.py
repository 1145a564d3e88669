"""The kernels of activations: each number by itself, and each gradient from the output that it belongs to.

One rule: NaN passes, nothing overflows on the way, and what is known exactly (0, 1, the signs) comes out exactly.
"""

from typing import Any

import numpy as np

from convstep.engines.compiled.kernels.compiling import inner
from convstep.engines.compiled.kernels.runs import RUNS, bits_of, from_bits
from convstep.engines.compiled.kernels.words import NUMBERS, real

# exp, and tanh near 0: Cephes (Moshier 1992), single/expf.c and single/tanhf.c.
ZERO, ONE, TWO, NEAR = (np.float32(c) for c in (0, 1, 2, 0.625))
LOWEST = np.float32(-104)  # exp of it is 0 in float32
LOG2_E, LN2_HIGH, LN2_LOW = np.float32(1.44269504088896341), np.float32(0.693359375), np.float32(-2.12194440e-4)
NEAREST, NEAREST_BITS = np.float32(1.5 * 2**23), np.int32(0x4B400000)  # added to a small number, it rounds it to a whole one
BIAS, MANTISSA, SIGN = np.int32(127), np.int32(23), np.int32(-(2**31))
E5, E4, E3, E2, E1, E0 = (
    np.float32(c) for c in (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
)
T4, T3, T2, T1, T0 = (np.float32(c) for c in (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1))


@inner
def exponential(x):
    """Return exp(x) for x <= 0: 2^k e^r with |r| <= ln(2) / 2. 2^k in two halves, so that the last one rounds what is denormal."""
    x = LOWEST if x < LOWEST else x
    shifted = x * LOG2_E + NEAREST
    whole = shifted - NEAREST
    r = (x - whole * LN2_HIGH) - whole * LN2_LOW
    series = ((((E5 * r + E4) * r + E3) * r + E2) * r + E1) * r + E0
    y = series * (r * r) + r + ONE
    k = np.int32(bits_of(shifted) - NEAREST_BITS)
    half = np.int32(k >> np.int32(1))
    rest = np.int32(k - half)
    return y * from_bits(np.int32((half + BIAS) << MANTISSA)) * from_bits(np.int32((rest + BIAS) << MANTISSA))


@inner
def tanh_of(x):
    """Return tanh(|x|) = 1 - 2 / (exp(2 |x|) + 1), or near 0 a series, with the sign of x."""
    size = abs(x)
    small = exponential(-TWO * size)
    far = ONE - TWO * small / (ONE + small)
    square = size * size
    near = ((((T4 * square + T3) * square + T2) * square + T1) * square + T0) * square * size + size
    y = near if size < NEAR else far
    return from_bits(np.int32(bits_of(y) | (bits_of(x) & SIGN)))


@inner
def sigmoid_of(x):
    """Return 1 / (1 + exp(-x)), where exp is taken of -|x| alone."""
    small = exponential(-abs(x))
    return (small if x < ZERO else ONE) / (ONE + small)


def _forward(size: int, function: Any) -> Any:
    """Return the kernel y = function(x, slope). One job is a chunk; x and y may be the same."""
    run, number = RUNS[size], NUMBERS[size]

    def forward(x, y, count, chunk, slope, job, worker):
        first = job * chunk
        source, to, by = run(x + first * size), run(y + first * size), number(real(slope))
        if x == y:  # a loop of its own: two runs that overlap are no vectors
            for i in range(min(count - first, chunk)):
                to[i] = function(to[i], by)
        else:
            for i in range(min(count - first, chunk)):
                to[i] = function(source[i], by)

    return forward


def _backward(size: int, function: Any) -> Any:
    """Return the kernel dx = function(dy, y, slope)."""
    run, number = RUNS[size], NUMBERS[size]

    def backward(dy, y, dx, count, chunk, slope, job, worker):
        first = job * chunk
        given, out, to, by = run(dy + first * size), run(y + first * size), run(dx + first * size), number(real(slope))
        for i in range(min(count - first, chunk)):
            to[i] = function(given[i], out[i], by)

    return backward


def relu(size):
    """Make the kernel max(x, 0)."""
    zero = NUMBERS[size](0)
    return _forward(size, inner(lambda x, slope: zero if x <= zero else x))


def relu_to_x(size):
    """Make the kernel that lets dy through where y > 0."""
    zero = NUMBERS[size](0)
    return _backward(size, inner(lambda dy, y, slope: dy if y > zero else zero))


def relu6(size):
    """Make the kernel min(max(x, 0), 6)."""
    zero, six = NUMBERS[size](0), NUMBERS[size](6)
    return _forward(size, inner(lambda x, slope: zero if x <= zero else (six if x > six else x)))


def relu6_to_x(size):
    """Make the kernel that lets dy through where 0 < y < 6."""
    zero, six = NUMBERS[size](0), NUMBERS[size](6)
    return _backward(size, inner(lambda dy, y, slope: (dy if y < six else zero) if y > zero else zero))


def leaky_relu(size):
    """Make the kernel that multiplies with a slope what is not above 0."""
    zero = NUMBERS[size](0)
    return _forward(size, inner(lambda x, slope: x if x > zero else slope * x))


def leaky_relu_to_x(size):
    """Make the kernel that multiplies dy with a slope where y is not above 0."""
    zero = NUMBERS[size](0)
    return _backward(size, inner(lambda dy, y, slope: dy if y > zero else slope * dy))


def tanh(size):
    """Make the kernel of the hyperbolic tangent, float32 alone: 1.4 units in the last place at most."""
    return _forward(size, inner(lambda x, slope: tanh_of(x)))


def tanh_to_x(size):
    """Make the kernel dy (1 - y^2)."""
    one = NUMBERS[size](1)
    return _backward(size, inner(lambda dy, y, slope: dy * (one - y * y)))


def sigmoid(size):
    """Make the kernel 1 / (1 + exp(-x)), float32 alone: 2.4 units in the last place at most."""
    return _forward(size, inner(lambda x, slope: sigmoid_of(x)))


def sigmoid_to_x(size):
    """Make the kernel dy y (1 - y)."""
    one = NUMBERS[size](1)
    return _backward(size, inner(lambda dy, y, slope: dy * (y * (one - y))))


def silu(size):
    """Make the kernel x / (1 + exp(-x)), float32 alone."""
    return _forward(size, inner(lambda x, slope: x * sigmoid_of(x)))


@inner
def _between(low, x, high):
    return low if x < low else (high if x > high else x)


def hard_sigmoid(size):
    """Make the kernel x / 6 + 1/2, cut at 0 and 1."""
    zero, half, one, six = (NUMBERS[size](number) for number in (0, 0.5, 1, 6))
    return _forward(size, inner(lambda x, slope: _between(zero, x / six + half, one)))


def hard_silu(size):
    """Make the kernel x * (x / 6 + 1/2), the second cut at 0 and 1."""
    zero, half, one, six = (NUMBERS[size](number) for number in (0, 0.5, 1, 6))
    return _forward(size, inner(lambda x, slope: x * _between(zero, x / six + half, one)))
