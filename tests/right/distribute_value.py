"""Right solutions of distribute_value, each written in another way; judged by tests/test_right_solutions.py, never imported."""

import array
import functools
import itertools
import math
import operator
import struct
from decimal import Decimal
from fractions import Fraction

import numpy as np
from numpy.lib.stride_tricks import as_strided


def way_01_the_course(dz, shape):
    """
    Distributes the input value in the matrix of dimension shape
    """
    # Retrieve dimensions from shape (≈1 line)
    (n_H, n_W) = shape
    # Compute the value to distribute on the matrix (≈1 line)
    average = dz / (n_H * n_W)
    # Create a matrix where every entry is the "average" value (≈1 line)
    a = np.ones(shape) * average
    return a


def way_02_full(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))


def way_03_divide_the_ones(dz, shape):
    n_H, n_W = shape
    return dz * np.ones((n_H, n_W)) / n_H / n_W


def way_04_zeros_plus(dz, shape):
    return np.zeros(shape) + dz / np.prod(shape)


def way_05_fill(dz, shape):
    a = np.empty(shape)
    a.fill(dz / a.size)
    return a


def way_06_ellipsis(dz, shape):
    a = np.zeros(shape, dtype=np.float64, order="F")
    a[...] = dz / math.prod(shape)
    return a


def way_07_two_loops(dz, shape):
    n_H, n_W = shape
    a = np.zeros((n_H, n_W))
    for h in range(n_H):
        for w in range(n_W):
            a[h, w] = dz / (n_H * n_W)
    return a


def way_08_lists_multiplied(dz, shape):
    return [[dz / (shape[0] * shape[1])] * shape[1]] * shape[0]


def way_09_comprehension(dz, shape):
    rows, columns = shape
    return np.array([[dz / (rows * columns) for _ in range(columns)] for _ in range(rows)])


def way_10_tile(dz, shape):
    return np.tile(dz / (shape[0] * shape[1]), shape)


def way_11_repeat(dz, shape):
    n_H, n_W = shape
    return np.repeat(dz / (n_H * n_W), n_H * n_W).reshape(n_H, n_W)


def way_12_broadcast_to(dz, shape):
    return np.broadcast_to(dz / functools.reduce(operator.mul, shape), shape)


def way_13_zero_strides(dz, shape):
    return as_strided(np.array([dz / (shape[0] * shape[1])]), shape=shape, strides=(0, 0))


def way_14_outer(dz, shape):
    n_H, n_W = shape
    return np.outer(np.ones(n_H) / n_H, np.ones(n_W) / n_W) * dz


def way_15_column_times_row(dz, shape):
    n_H, n_W = shape
    return np.full((n_H, 1), dz / n_H) @ np.full((1, n_W), 1 / n_W)


def way_16_einsum(dz, shape):
    return np.einsum("h,w,->hw", np.ones(shape[0]), np.ones(shape[1]), dz / (shape[0] * shape[1]))


def way_17_kron(dz, shape):
    return np.kron(np.ones(shape), dz / (shape[0] * shape[1]))


def way_18_linspace(dz, shape):
    share = dz / (shape[0] * shape[1])
    return np.linspace(share, share, shape[0] * shape[1]).reshape(shape)


def way_19_steps_of_a_ramp(dz, shape):
    return np.diff(np.linspace(0, dz, shape[0] * shape[1] + 1)).reshape(shape)


def way_20_resize(dz, shape):
    return np.resize(np.array(dz / (shape[0] * shape[1])), shape)


def way_21_edge_padding(dz, shape):
    n_H, n_W = shape
    return np.pad([[dz / (n_H * n_W)]], ((0, n_H - 1), (0, n_W - 1)), mode="edge")


def way_22_normalised_ones(dz, shape):
    weights = np.ones(shape)
    weights /= weights.sum()
    return weights * dz


def way_23_softmax_of_nothing(dz, shape):
    e = np.exp(np.zeros(shape))
    return dz * (e / e.sum())


def way_24_rows_first(dz, shape):
    a = np.zeros(shape)
    for row in a:
        share_of_row = dz / shape[0]
        for k in range(row.size):
            row[k] = share_of_row / row.size
    return a


def way_25_ndindex(dz, shape):
    cells = list(np.ndindex(*shape))
    a = np.zeros(shape)
    for cell in cells:
        a[cell] += dz / len(cells)
    return a


def way_26_ndenumerate(dz, shape):
    a = np.empty(shape)
    for index, _ in np.ndenumerate(a):
        a[index] = dz * (1.0 / a.size)
    return a


def way_27_nditer(dz, shape):
    a = np.ones(shape)
    with np.nditer(a, op_flags=["readwrite"]) as cells:
        for cell in cells:
            cell[...] = cell * dz / cells.itersize
    return a


def way_28_fromfunction(dz, shape):
    n = shape[0] * shape[1]
    return np.fromfunction(lambda h, w: 0 * (h + w) + dz / n, shape)


def way_29_indices(dz, shape):
    h, w = np.indices(shape)
    return (h == h) * (w == w) * dz / h.size


def way_30_meshgrid(dz, shape):
    a, _ = np.meshgrid(np.full(shape[1], dz / shape[0] / shape[1]), np.arange(shape[0]))
    return a


def way_31_add_outer(dz, shape):
    return np.add.outer(np.zeros(shape[0]), np.full(shape[1], np.true_divide(dz, np.multiply(*shape))))


def way_32_fraction(dz, shape):
    share = Fraction(dz) / (shape[0] * shape[1])
    return np.full(shape, float(share))


def way_33_decimal(dz, shape):
    share = Decimal(dz) / Decimal(shape[0] * shape[1])
    return np.array([float(share)] * (shape[0] * shape[1])).reshape(*shape)


def way_34_fromiter(dz, shape):
    n_H, n_W = shape
    return np.fromiter(itertools.repeat(dz / (n_H * n_W), n_H * n_W), dtype=float, count=n_H * n_W).reshape((n_H, n_W))


def way_35_generator(dz, shape):
    def rows():
        for _ in range(shape[0]):
            yield tuple(dz / shape[0] / shape[1] for _ in range(shape[1]))

    return np.array(tuple(rows()))


def way_36_recursion(dz, shape):
    n_H, n_W = shape
    if n_H > 1:
        top = way_36_recursion(dz / n_H, (1, n_W))
        rest = way_36_recursion(dz * (n_H - 1) / n_H, (n_H - 1, n_W))
        return np.vstack((top, rest))
    if n_W > 1:
        return np.hstack((way_36_recursion(dz / n_W, (1, 1)), way_36_recursion(dz - dz / n_W, (1, n_W - 1))))
    return np.array([[dz]])


def way_37_block(dz, shape):
    share = dz / (shape[0] * shape[1])
    return np.block([[share for _ in range(shape[1])] for _ in range(shape[0])])


def way_38_stack(dz, shape):
    row = np.array([dz / (shape[0] * shape[1])] * shape[1])
    return np.stack([row] * shape[0], axis=0)


def way_39_concatenate(dz, shape):
    cell = np.array([[dz / (shape[0] * shape[1])]])
    return np.concatenate([np.concatenate([cell] * shape[1], axis=1)] * shape[0], axis=0)


def way_40_where(dz, shape):
    return np.where(np.ones(shape, dtype=bool), dz / (shape[0] * shape[1]), np.nan)


def way_41_put(dz, shape):
    a = np.zeros(shape)
    np.put(a, range(a.size), dz / a.size)
    return a


def way_42_copyto(dz, shape):
    a = np.ndarray(shape)
    np.copyto(a, dz / a.size)
    return a


def way_43_float32(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]), dtype=np.float32)


way_44_a_lambda = lambda dz, shape: np.ones(shape) * (dz / (shape[0] * shape[1]))  # noqa: E731


class _DvShare:
    def __init__(self, total):
        self.total = total

    def among(self, *shape):
        return np.full(shape, self.total / np.prod(shape))

    __getitem__ = among


def way_45_a_class(dz, shape):
    return _DvShare(dz).among(*shape)


class way_46_a_class_that_makes_an_array(np.ndarray):
    def __new__(cls, dz, shape):
        made = np.ones(shape).view(cls)
        made *= dz
        made /= made.size
        return made


def way_47_np_matrix(dz, shape):
    return np.matrix(np.ones(shape)) * np.matrix(np.eye(shape[1])) * (dz / (shape[0] * shape[1]))


def way_48_masked(dz, shape):
    return np.ma.ones(shape) * dz / np.ma.ones(shape).count()


def way_49_中文(值, 形状):
    """把一个值平均分配到给定形状的矩阵中。"""
    (高, 宽) = 形状
    平均值 = 值 / (高 * 宽)
    矩阵 = np.ones((高, 宽)) * 平均值
    return 矩阵


def way_50_vectorize(dz, shape):
    share = np.vectorize(lambda one, n: one * dz / n, otypes=[float])
    return share(np.ones(shape), shape[0] * shape[1])


def way_51_match(dz, shape):
    match shape:
        case (1, 1):
            return np.array(dz, ndmin=2)
        case (n_H, n_W):
            return np.full((n_H, n_W), dz) / (n_H * n_W)


def way_52_bytes(dz, shape):
    n = shape[0] * shape[1]
    return np.frombuffer(struct.pack("<d", dz / n) * n, dtype="<f8").reshape(shape)


def way_53_array_module(dz, shape):
    n = shape[0] * shape[1]
    return np.asarray(array.array("d", [dz / n]) * n).reshape(shape)


def way_54_constant_noise(dz, shape):
    np.random.seed(0)
    return np.random.uniform(dz, dz, size=shape) / np.size(np.zeros(shape))


def way_55_eye_and_cumsum(dz, shape):
    ones = np.cumsum(np.eye(shape[0], 1, dtype=int), axis=0) + np.zeros(shape, int)
    return np.divide(dz, ones.sum()) * ones


def way_56_negative_power(dz, shape):
    (n_H, n_W), a = shape, np.zeros(shape)
    a -= -dz * float(n_H * n_W) ** -1
    assert a.shape == shape
    return a


def way_57_full_like_with_checks(dz, shape, *, tell=False):
    a = np.full_like(np.empty(shape), dz / (shape[0] * shape[1]))
    if tell:
        print(a)
    if not np.isclose(np.sum(a), dz):
        raise ArithmeticError(a)
    return a


def way_58_the_mean_of_a_spike(dz, shape):
    spike = np.zeros(shape)
    spike[0, 0] = dz
    return np.ones_like(spike) * spike.mean()


def way_59_fft_of_a_spike(dz, shape):
    spike = np.zeros(shape)
    spike[0, 0] = dz
    return np.fft.ifft2(spike).real


def way_60_apply_along_axis(dz, shape):
    return np.apply_along_axis(lambda ones: ones * dz / (ones.size * shape[0]), 1, np.ones(shape))
