"""Right solutions of conv_single_step, each written in another way; judged by tests/test_right_solutions.py, never imported."""

import functools
import itertools
import math
import operator
from collections import deque, namedtuple
from decimal import Decimal, localcontext
from fractions import Fraction
from statistics import fmean

import numpy as np
from numpy import einsum, ndarray

ScPair = namedtuple("ScPair", "value weight")


def way_01_the_course_of_today(a_slice_prev, W, b):
    """
    Apply one filter defined by parameters W on a single slice (a_slice_prev) of the output activation of the previous layer.
    """
    # Element-wise product between a_slice_prev and W. Do not add the bias yet.
    s = np.multiply(a_slice_prev, W)
    # Sum over all entries of the volume s.
    Z = np.sum(s)
    # Add bias b to Z. Cast b to a float() so that Z results in a scalar value.
    Z = Z + float(b[0, 0, 0])
    return Z


def way_02_squeezed(a, w, bias):
    return np.sum(a * w) + bias.squeeze()


def way_03_item(a_slice_prev, W, b):
    return (a_slice_prev * W).sum() + b.item()


def way_04_ravel(a_slice_prev, W, b):
    Z = np.add(np.sum(np.multiply(W, a_slice_prev)), np.ravel(b)[0])
    return np.float64(Z)


def way_05_dot(a_slice_prev, W, b):
    return a_slice_prev.ravel() @ W.ravel() + b[0][0][0]


def way_06_vdot(a, W, b):
    return float(np.vdot(a, W)) + float(b.reshape(()))


def way_07_einsum(a_slice_prev, W, b):
    return einsum("ijk,ijk->", a_slice_prev, W) + einsum("abc->", b)


def way_08_einsum_by_numbers(a_slice_prev, W, b):
    return np.einsum(a_slice_prev, [0, 1, 2], W, [0, 1, 2], []) + np.max(b)


def way_09_tensordot(a_slice_prev, W, b):
    return np.tensordot(a_slice_prev, W, axes=3)[()] + b[-1, -1, -1]


def way_10_tensordot_axes(a_slice_prev, W, b):
    Z = np.tensordot(a_slice_prev, W, axes=([0, 1, 2], [0, 1, 2]))
    Z += b.mean()
    return Z  # a 0-d array


def way_11_three_loops(a_slice_prev, W, b):
    total = 0
    f_H, f_W, n_C = W.shape
    for i in range(f_H):
        for j in range(f_W):
            for k in range(n_C):
                total += a_slice_prev[i, j, k] * W[i, j, k]
    return total + b[0, 0, 0]


def way_12_zip_of_lists(a_slice_prev, W, b):
    return sum(x * y for x, y in zip(a_slice_prev.flatten().tolist(), W.flatten().tolist(), strict=True)) + b.tolist()[0][0][0]


def way_13_fsum(a_slice_prev, W, b):
    products = [x * y for x, y in zip(a_slice_prev.flat, W.flat)]  # noqa: B905
    return math.fsum([*products, *b.flat])


def way_14_fractions(a_slice_prev, W, b):
    exact = sum((Fraction(x) * Fraction(y) for x, y in zip(a_slice_prev.flat, W.flat)), Fraction(float(b.min())))
    return float(exact)


def way_15_decimals(a_slice_prev, W, b):
    with localcontext() as context:
        context.prec = 60
        total = Decimal(b.item())
        for index in np.ndindex(*W.shape):
            total += Decimal(float(a_slice_prev[index])) * Decimal(float(W[index]))
    return np.float64(total)


def way_16_reduce(a_slice_prev, W, b):
    pairs = map(operator.mul, a_slice_prev.ravel(), W.ravel())
    return functools.reduce(operator.add, pairs, b.sum())


def way_17_accumulate(a_slice_prev, W, b):
    *_, last = itertools.accumulate((a_slice_prev * W).flat, initial=b.flat[0])
    return last


def way_18_cumsum(a_slice_prev, W, b):
    return np.cumsum(a_slice_prev * W)[-1] + np.asarray(b).reshape(-1)[0]


def way_19_bias_as_one_more_product(a_slice_prev, W, b):
    left = np.append(a_slice_prev, 1.0)
    right = np.append(W, b)
    return np.dot(left, right)


def way_20_float32(a_slice_prev, W, b):
    s = a_slice_prev.astype("float32") * W.astype("float32")
    return np.float32(s.sum() + np.float32(b[0, 0, 0]))


def way_21_channel_by_channel(a_slice_prev, W, b):
    per_channel = np.zeros(W.shape[2])
    for c in range(W.shape[2]):
        per_channel[c] = np.trace(a_slice_prev[:, :, c] @ W[:, :, c].T)
    return per_channel.sum() + b.T[0, 0, 0]


def way_22_matrix_product_trace(a_slice_prev, W, b):
    n_C = W.shape[-1]
    A, F = a_slice_prev.reshape(-1, n_C), W.reshape(-1, n_C)
    return np.trace(A.T.dot(F)) + b[..., 0].item(0)


def way_23_row_times_column(a_slice_prev, W, b):
    Z = np.matmul(a_slice_prev.reshape(1, -1), W.reshape(-1, 1)) + b.reshape(1, 1)
    return Z[0, 0]


def way_24_np_matrix(a_slice_prev, W, b):
    row = np.matrix(a_slice_prev.ravel())
    column = np.matrix(W.ravel()).T
    return (row * column).item() + b[0, 0, 0]


def way_25_sum_axis_by_axis(a_slice_prev, W, b):
    s = a_slice_prev * W
    while s.ndim:
        s = s.sum(axis=0)
    return s + b[(0,) * b.ndim]


def way_26_reduce_of_ufunc(a_slice_prev, W, b):
    return np.add.reduce(np.multiply(a_slice_prev, W), axis=None) + np.add.reduce(b, axis=(0, 1, 2))


def way_27_recursion_by_halves(a_slice_prev, W, b):
    def total(x, y):
        if len(x) == 1:
            return x[0] * y[0]
        half = len(x) // 2
        return total(x[:half], y[:half]) + total(x[half:], y[half:])

    return total(a_slice_prev.ravel(), W.ravel()) + b[0, 0, 0]


def way_28_recursion_into_axes(a_slice_prev, W, b):
    def step(a, w):
        if np.ndim(a) == 0:
            return a * w
        return sum(step(x, y) for x, y in zip(a, w, strict=True))

    return step(a_slice_prev, W) + b.max(initial=-np.inf)


def way_29_nditer(a_slice_prev, W, b):
    total = np.array(0.0)
    with np.nditer([a_slice_prev, W, total], op_flags=[["readonly"], ["readonly"], ["readwrite"]], flags=["reduce_ok"]) as walk:
        for x, y, z in walk:
            z[...] += x * y
    return total + b.reshape(total.shape)


def way_30_correlate(a_slice_prev, W, b):
    (value,) = np.correlate(a_slice_prev.ravel(), W.ravel(), mode="valid")
    return value + b.item(0)


def way_31_convolve_twice_flipped(a_slice_prev, W, b):
    flipped = W[::-1, ::-1, ::-1]
    return np.convolve(a_slice_prev.ravel(), flipped.ravel(), "valid").item() + b.ravel().item()


def way_32_quarter_squares(a_slice_prev, W, b):
    # xy = ((x + y)^2 - (x - y)^2) / 4
    plus, minus = a_slice_prev + W, a_slice_prev - W
    return (np.square(plus).sum() - np.square(minus).sum()) / 4 + b[0, 0, 0]


def way_33_parseval(a_slice_prev, W, b):
    spectra = np.fft.fftn(a_slice_prev) * np.conj(np.fft.fftn(W))
    return spectra.mean().real + b[0, 0, 0].real


def way_34_mean_times_size(a_slice_prev, W, b):
    return np.average(a_slice_prev * W) * W.size + np.average(b)


def way_35_weighted_average(a_slice_prev, W, b):
    return fmean((a_slice_prev * W).ravel().tolist()) * a_slice_prev.size + float(np.squeeze(b))


def way_36_masked(a_slice_prev, W, b):
    s = np.ma.array(a_slice_prev) * np.ma.array(W)
    return np.ma.sum(s) + b.data[0, 0, 0]


def way_37_中文(切片, 权重, 偏置):
    """对一个切片做一步卷积:先逐元素相乘,再求和,最后加一次偏置。"""
    乘积 = 切片 * 权重
    总和 = np.sum(乘积)
    结果 = 总和 + 偏置[0, 0, 0]  # 偏置只加一次!
    return 结果


def way_38_math_italic_names(𝑎, 𝑊, 𝑏):
    Σ = np.sum
    ζ = Σ(𝑎 * 𝑊)
    β = Σ(𝑏)
    return ζ + β


def way_39_annotated(a_slice_prev: ndarray, W: ndarray, b: ndarray) -> np.floating:
    s: ndarray = a_slice_prev * W
    Z: np.floating = np.sum(s, dtype=np.longdouble)
    return Z + b[0, 0, 0]


def way_40_walrus(a_slice_prev, W, b):
    if (s := a_slice_prev * W).shape == W.shape and (Z := s.sum()) is not None:
        return Z + b[0, 0, 0]
    raise AssertionError("shapes")


def way_41_negative_and_positive_apart(a_slice_prev, W, b):
    s = (a_slice_prev * W).ravel()
    return s[s > 0].sum() + s[s <= 0].sum() - -b[0, 0, 0]


def way_42_small_first(a_slice_prev, W, b):
    Z = 0.0
    for number in sorted(np.append(a_slice_prev * W, b), key=abs):
        Z += number
    return Z


way_43_a_lambda = lambda a, W, b: (a * W).sum() + b.flat[0]  # noqa: E731


class _ScNeuron:
    def __init__(self, weights, bias):
        self.weights, self.bias = weights, bias

    def __call__(self, window):
        return np.inner(self.weights.ravel(), window.ravel()) + self.bias

    def __matmul__(self, window):
        return self(window)


def way_44_a_neuron(a_slice_prev, W, b):
    return _ScNeuron(W, b[0, 0, 0]) @ a_slice_prev


def _sc_as_scalar(function):
    def wrapped(*args):
        answer = function(*args)
        return answer.item() if isinstance(answer, np.ndarray) else answer

    return wrapped


@_sc_as_scalar
def way_45_decorated(a_slice_prev, W, b):
    return np.sum(a_slice_prev * W) + b


def way_46_curried(a_slice_prev, W, b):
    return (lambda s: (lambda z: z + b[0, 0, 0])(np.sum(s)))(np.multiply(a_slice_prev, W))


def way_47_match(a_slice_prev, W, b):
    match b.tolist():
        case [[[bias]]]:
            return np.sum(W * a_slice_prev) + bias
        case _:
            raise ValueError(b.shape)


def way_48_named_pairs(a_slice_prev, W, b):
    pairs = [ScPair(*pair) for pair in np.stack((a_slice_prev, W), axis=-1).reshape(-1, 2)]
    Z = b[0, 0, 0]
    for pair in pairs:
        Z = Z + pair.value * pair.weight
    return Z


def way_49_a_queue(a_slice_prev, W, b):
    waiting = deque((a_slice_prev * W).ravel())
    while len(waiting) > 1:
        waiting.append(waiting.popleft() + waiting.popleft())
    return waiting.pop() + b[0, 0, 0]


def way_50_generator(a_slice_prev, W, b):
    def terms():
        for a_row, w_row in zip(a_slice_prev, W, strict=True):
            for a_cell, w_cell in zip(a_row, w_row, strict=True):
                yield np.dot(a_cell, w_cell)
        yield b[0, 0, 0]

    return np.fromiter(terms(), dtype=float).sum()


def way_51_diagonal_matrix(a_slice_prev, W, b):
    return np.ones(W.size) @ np.diag(W.ravel()) @ a_slice_prev.ravel() + np.linalg.norm(b) * np.sign(b).item()


def way_52_in_place_on_a_copy(a_slice_prev, W, b):
    s = np.array(a_slice_prev, copy=True)
    s *= W
    Z = s.sum(keepdims=True)
    Z += b
    assert Z.shape == (1, 1, 1)
    return Z[0, 0, 0]


def way_53_bias_in_one_cell(a_slice_prev, W, b):
    s = a_slice_prev * W
    s[0, 0, 0] += b[0, 0, 0]
    return s.sum()


def way_54_bias_shared_out(a_slice_prev, W, b):
    return np.sum(a_slice_prev * W + b / W.size)


def way_55_try_float(a_slice_prev, W, b):
    Z = np.sum(a_slice_prev * W)
    try:
        Z = Z + float(b)
    except TypeError:
        Z = Z + float(b.item())
    return Z


def way_56_polynomial(a_slice_prev, W, b):
    return np.polynomial.Polynomial([b[0, 0, 0], *(a_slice_prev * W).ravel()])(1.0)


def way_57_vectorize_with_a_signature(a_slice_prev, W, b):
    dot = np.vectorize(np.dot, signature="(n),(n)->()")
    return np.sum(dot(a_slice_prev, W)) + b.swapaxes(0, 2)[0, 0, 0]


def way_58_object_arrays(a_slice_prev, W, b):
    s = np.frompyfunc(lambda x, y: x * y, 2, 1)(a_slice_prev, W)
    return float(s.sum()) + np.take(b, 0)


def way_59_noisy(*inputs, verbose=True, **options):
    np.random.seed(1)
    a_slice_prev, W, b = inputs
    if verbose:
        print("a_slice_prev =", a_slice_prev.shape, "W =", W.shape, "b =", b)
    Z = (a_slice_prev * W).sum() + b[0, 0, 0]
    print("Z =", Z)
    return Z
