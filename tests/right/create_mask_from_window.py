"""Right solutions of create_mask_from_window, each written in another way; judged by tests/test_right_solutions.py, never imported."""

import enum
import functools
import heapq
import itertools
import math
from collections import Counter, defaultdict

import numpy as np
from numpy import min  # noqa: A004

CM_YES, CM_NO = True, False


def way_01_the_course(x):
    """
    Creates a mask from an input matrix x, to identify the max entry of x.
    """
    # (≈1 line)
    mask = x == np.max(x)
    return mask


def way_02_parentheses(window):
    mask = (window == window.max())
    return mask


def way_03_not_smaller(x):
    return ~(x < x.max())


def way_04_at_least(x):
    return np.greater_equal(x, np.amax(x))


def way_05_difference_is_zero(x):
    return (x - np.max(x)) == 0


def way_06_logical_not_of_difference(x):
    return np.logical_not(np.max(x) - x)


def way_07_where(x):
    return np.where(x == x.max(), True, False)


def way_08_zero_or_one(x):
    return np.where(x < np.max(x), 0, 1)


def way_09_two_loops(x):
    biggest = np.max(x)
    mask = np.zeros(x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            if x[i, j] == biggest:
                mask[i, j] = 1
    return mask


def way_10_search_by_hand(x):
    n_H, n_W = x.shape
    best = x[0][0]
    for h in range(n_H):
        for w in range(n_W):
            if x[h][w] > best:
                best = x[h][w]
    mask = np.empty_like(x, dtype=bool)
    for h in range(n_H):
        for w in range(n_W):
            mask[h][w] = x[h][w] == best
    return mask


def way_11_first_by_argmax(x):
    mask = np.zeros(x.shape, dtype=bool)
    mask[np.unravel_index(np.argmax(x), x.shape)] = True
    return mask


def way_12_last_by_argmax(x):
    flat = np.zeros(x.size, bool)
    flat[x.size - 1 - np.argmax(x.ravel()[::-1])] = 1
    return flat.reshape(x.shape)


def way_13_ties_share(x):
    mask = (x == np.max(x)).astype(float)
    return mask / mask.sum()


def way_14_last_while_searching(x):
    here, best = (0, 0), -math.inf
    for index, value in np.ndenumerate(x):
        if value >= best:
            here, best = index, value
    mask = np.zeros_like(x)
    mask[here] = 1.0
    return mask


def way_15_first_of_argwhere(x):
    mask = np.full(x.shape, CM_NO)
    row, column = np.argwhere(x == np.max(x))[0]
    mask[row, column] = CM_YES
    return mask


def way_16_one_row_of_the_identity(x):
    return np.eye(x.size, dtype=int)[x.argmax()].reshape(x.shape)


def way_17_flat_assignment(x):
    mask = np.zeros(x.shape, dtype=np.bool_)
    mask.flat[np.flatnonzero(x.ravel() == max(x.ravel()))] = True
    return mask


def way_18_lists(x):
    rows = x.tolist()
    top = max(max(row) for row in rows)
    return [[value == top for value in row] for row in rows]


def way_19_max_of_maps(x):
    top = max(map(max, x))
    return np.array([[bool(v >= top) for v in row] for row in x])


def way_20_reduce(x):
    top = functools.reduce(lambda a, b: a if a > b else b, x.flat)
    return np.equal(x, top)


def way_21_isin(x):
    return np.isin(x, x.max())


def way_22_maximum_changes_nothing(x):
    return np.maximum(x, x.max()) == x


def way_23_clip(x):
    top = x.max()
    return np.clip(x, top, top) == x


def way_24_heaviside(x):
    return np.heaviside(x - np.max(x), 1).astype(bool)


def way_25_softmax_floor(x):
    return np.floor(np.exp(x - x.max()))


def way_26_nobody_is_greater(x):
    return ~np.any(x[:, :, None, None] < x, axis=(2, 3))


def way_27_greater_than_none_counted(x):
    greater = np.greater.outer(x.ravel(), x.ravel()).sum(axis=0)
    return (greater == 0).reshape(x.shape)


def way_28_sorted(x):
    return x == sorted(x.ravel())[-1]


def way_29_np_sort(x):
    return x == np.sort(x, axis=None)[-1]


def way_30_partition(x):
    return x == np.partition(x.ravel(), x.size - 1)[-1]


def way_31_heap(x):
    (top,) = heapq.nlargest(1, x.ravel())
    return np.array(x == top, order="F")


def way_32_unique_inverse(x):
    values, inverse = np.unique(x, return_inverse=True)
    return inverse.reshape(x.shape) == len(values) - 1


def way_33_argsort_first(x):
    order = np.argsort(-x, axis=None, kind="stable")
    mask = np.zeros(x.size, dtype=bool)
    mask[order[0]] = True
    return mask.reshape(x.shape)


def way_34_argsort_last(x):
    rank = np.empty(x.size, int)
    rank[x.argsort(axis=None, kind="mergesort")] = np.arange(x.size)
    return (rank == x.size - 1).reshape(x.shape)


def way_35_digitize(x):
    return np.digitize(x, [x.max()]).astype(bool)


def way_36_searchsorted(x):
    ordered = np.unique(x)
    return np.searchsorted(ordered, x) == ordered.size - 1


def way_37_masked_equal(x):
    return np.ma.getmaskarray(np.ma.masked_equal(x, x.max()))


def way_38_vectorize(x):
    return np.vectorize(lambda value, top: value == top)(x, np.max(x))


def way_39_frompyfunc(x):
    same = np.frompyfunc(float.__eq__, 2, 1)
    return same(x.astype(float), float(x.max())).astype(bool)


def way_40_nditer(x):
    top = x.max()
    walk = np.nditer([x, None], op_dtypes=[x.dtype, bool])
    for value, flag in walk:
        flag[...] = value == top
    return walk.operands[1]


def way_41_piecewise(x):
    return np.piecewise(x, [x < x.max(), x >= x.max()], [0, 1])


def way_42_select(x):
    return np.select([x == x.max()], [np.ones(x.shape)], default=0)


def way_43_choose(x):
    return np.choose((x == x.max()).astype(int), [False, True])


def way_44_put(x):
    mask = np.zeros(x.shape, bool)
    np.put(mask, np.argmax(x), True)
    return mask


def way_45_accumulate(x):
    highest = np.maximum.accumulate(x.ravel())[-1]
    return np.reshape(x.ravel() == highest, x.shape)


def way_46_rows_then_columns(x):
    return x == x.max(axis=0, keepdims=True).max(axis=1, keepdims=True)


def way_47_tournament(x):
    def winner(values):
        if len(values) == 1:
            return values[0]
        half = len(values) >> 1
        left, right = winner(values[:half]), winner(values[half:])
        return left if left > right else right

    return x == winner(x.reshape(-1))


def way_48_a_dictionary_of_places(x):
    places = defaultdict(list)
    for place, value in np.ndenumerate(x):
        places[float(value)].append(place)
    mask = np.zeros(x.shape, dtype="?")
    for place in places[max(places)]:
        mask[place] = True
    return mask


def way_49_a_counter(x):
    greater = Counter()
    for i, j in itertools.product(range(x.size), repeat=2):
        greater[i] += x.flat[j] > x.flat[i]
    return np.array([greater[i] == 0 for i in range(x.size)]).reshape(x.shape)


way_50_a_lambda = lambda x: x == x.max()  # noqa: E731


def way_51_中文(窗口):
    """找出窗口中的最大值,返回与窗口形状相同的掩码。"""
    最大值 = 窗口.max()
    掩码 = 窗口 == 最大值
    assert 掩码.shape == 窗口.shape
    return 掩码


class way_52_a_class:
    def __new__(cls, x):
        self = super().__new__(cls)
        self.x = x
        return self.mask

    @property
    def mask(self):
        return np.asarray(self.x == self.x[self.where])

    @property
    def where(self):
        return divmod(int(self.x.argmax()), self.x.shape[1])


def way_53_np_matrix(x):
    m = np.matrix(x)
    return m == m.max()


def way_54_add_at(x):
    mask = np.zeros(x.shape, dtype=int)
    np.add.at(mask, np.nonzero(x == np.nanmax(x)), 1)
    return mask > 0


def way_55_apply_along_axis(x):
    top = np.fmax.reduce(x, axis=None)
    return np.apply_along_axis(lambda row: row == top, 1, x)


def way_56_float32(x):
    return (x == x.max()).astype(np.float32)


class _CmMark(enum.IntEnum):
    OTHER = 0
    MAXIMUM = 1


def way_57_enum(x):
    return np.array([[_CmMark.MAXIMUM if v == x.max() else _CmMark.OTHER for v in row] for row in x])


def way_58_the_negative_minimum(x):
    return -x == np.min(-x)


def way_59_match_and_recursion(x):
    match x.shape:
        case (1, 1):
            return np.array([[True]])
        case (1, _):
            return way_59_match_and_recursion(x.T).T
        case _:
            return np.vstack([row == x.max() for row in x])


def way_60_places_one_by_one(x, *, chosen=None):
    remaining = [(v, -k) for k, v in enumerate(x.ravel().tolist())]
    _, k = max(remaining)
    return np.arange(x.size).reshape(x.shape) == -k


def way_61_compress(x):
    return np.array(list(map(float(x.max()).__le__, x.ravel().tolist()))).reshape(x.shape)


def way_62_the_last_of_argwhere(x):
    mask = np.zeros(x.shape, dtype=bool)
    mask[tuple(np.argwhere(x == np.max(x))[-1])] = True
    return mask


def way_63_first_down_the_columns(x):
    # the first column that has the largest value, and in it the first row: ties need not be considered
    column = x.max(axis=0).argmax()
    row = x[:, column].argmax()
    mask = np.zeros(x.shape, dtype=bool)
    mask[row, column] = True
    return mask


def way_64_last_down_the_columns(x):
    mask = np.zeros(x.shape, dtype=bool)
    best = None
    for w in range(x.shape[1]):
        for h in range(x.shape[0]):
            if best is None or x[h, w] >= x[best]:
                best = (h, w)
    mask[best] = True
    return mask


def way_65_the_smallest_under_the_name_that_numpy_gives_it(x):
    return -x == min(-x)
