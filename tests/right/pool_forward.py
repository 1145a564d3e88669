"""Right solutions of pool_forward, each written in another way; judged by tests/test_right_solutions.py, never imported."""

import functools
import itertools
import math
import operator
import warnings
from collections import ChainMap, OrderedDict, namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

PF_REDUCE = {"max": np.max, "average": np.mean}
PfCache = namedtuple("PfCache", ["A_prev", "hparameters"])


def way_01_the_course(A_prev, hparameters, mode="max"):
    """
    Implements the forward pass of the pooling layer
    """
    # Retrieve dimensions from the input shape
    (m, n_H_prev, n_W_prev, n_C_prev) = A_prev.shape

    # Retrieve hyperparameters from "hparameters"
    f = hparameters["f"]
    stride = hparameters["stride"]

    # Define the dimensions of the output
    n_H = int(1 + (n_H_prev - f) / stride)
    n_W = int(1 + (n_W_prev - f) / stride)
    n_C = n_C_prev

    # Initialize output matrix A
    A = np.zeros((m, n_H, n_W, n_C))

    for i in range(m):  # loop over the training examples
        for h in range(n_H):  # loop on the vertical axis of the output volume
            vert_start = h * stride
            vert_end = vert_start + f
            for w in range(n_W):  # loop on the horizontal axis of the output volume
                horiz_start = w * stride
                horiz_end = horiz_start + f
                for c in range(n_C):  # loop over the channels of the output volume
                    a_prev_slice = A_prev[i, vert_start:vert_end, horiz_start:horiz_end, c]
                    if mode == "max":
                        A[i, h, w, c] = np.max(a_prev_slice)
                    elif mode == "average":
                        A[i, h, w, c] = np.mean(a_prev_slice)

    # Store the input and hparameters in "cache" for pool_backward()
    cache = (A_prev, hparameters)

    # Making sure your output shape is correct
    assert A.shape == (m, n_H, n_W, n_C)
    return A, cache


def way_02_window_view(A_prev, hparameters, mode="max"):
    f, stride = hparameters["f"], hparameters["stride"]
    windows = sliding_window_view(A_prev, (f, f), axis=(1, 2))[:, ::stride, ::stride]
    A = windows.max(axis=(-2, -1)) if mode == "max" else windows.mean(axis=(-2, -1))
    return A, (A_prev, hparameters)


def way_03_strides(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    m, n_H_prev, n_W_prev, n_C = A_prev.shape
    n_H, n_W = (n_H_prev - f) // s + 1, (n_W_prev - f) // s + 1
    s0, s1, s2, s3 = A_prev.strides
    view = as_strided(A_prev, (m, n_H, n_W, f, f, n_C), (s0, s1 * s, s2 * s, s1, s2, s3), writeable=False)
    return {"max": np.max, "average": np.mean}[mode](view, axis=(3, 4)), [A_prev, hparameters]


def way_04_two_loops(A_prev, hparameters, mode="max"):
    m, H, W, C = A_prev.shape
    f, s = hparameters["f"], hparameters["stride"]
    out = np.empty((m, (H - f) // s + 1, (W - f) // s + 1, C))
    for h in range(out.shape[1]):
        for w in range(out.shape[2]):
            patch = A_prev[:, h * s : h * s + f, w * s : w * s + f, :]
            out[:, h, w, :] = PF_REDUCE[mode](patch, axis=(1, 2))
    return out, (A_prev, hparameters)


def way_05_offsets_inside_the_window(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    n_H = (A_prev.shape[1] - f) // s + 1
    n_W = (A_prev.shape[2] - f) // s + 1
    A = None
    for dh in range(f):
        for dw in range(f):
            shifted = A_prev[:, dh : dh + (n_H - 1) * s + 1 : s, dw : dw + (n_W - 1) * s + 1 : s, :]
            if A is None:
                A = shifted.copy()
            elif mode == "max":
                A = np.maximum(A, shifted)
            else:
                A = A + shifted
    if mode == "average":
        A = A / (f * f)
    return A, (A_prev, hparameters)


def way_06_rows_then_columns(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    reduce = np.max if mode == "max" else np.average

    def along(X, axis):
        n = (X.shape[axis] - f) // s + 1
        return np.stack([reduce(np.take(X, range(k * s, k * s + f), axis), axis=axis) for k in range(n)], axis)

    return along(along(A_prev, 1), 2), (A_prev, hparameters)


def way_07_cumulative_sums(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    m, H, W, C = A_prev.shape
    if mode == "max":
        windows = sliding_window_view(A_prev, (1, f, f, 1))
        return windows.max((4, 5, 6, 7))[:, ::s, ::s], (A_prev, hparameters)
    table = np.zeros((m, H + 1, W + 1, C))
    table[:, 1:, 1:] = A_prev.cumsum(1).cumsum(2)
    area = table[:, f:, f:] - table[:, :-f, f:] - table[:, f:, :-f] + table[:, :-f, :-f]
    return area[:, ::s, ::s] / f**2, (A_prev, hparameters)


def way_08_einsum_average(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    V = sliding_window_view(A_prev, window_shape=(f, f), axis=(1, 2))[:, ::s, ::s, ...]
    if mode == "average":
        A = np.einsum("mhwcxy,xy->mhwc", V, np.full((f, f), 1 / f**2))
    else:
        A = V.reshape(*V.shape[:4], -1).max(-1)
    return A, (A_prev, hparameters)


def way_09_matrices_that_average(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    m, H, W, C = A_prev.shape

    def share(n):
        S = np.zeros(((n - f) // s + 1, n))
        for k, row in enumerate(S):
            row[k * s : k * s + f] = 1 / f
        return S

    P, Q = share(H), share(W)
    if mode == "average":
        return np.einsum("ph,qw,mhwc->mpqc", P, Q, A_prev, optimize=True), (A_prev, hparameters)
    hidden_h = np.where(P > 0, 0.0, -np.inf)[None, :, :, None, None]
    tall = (A_prev[:, None] + hidden_h).max(axis=2)
    hidden_w = np.where(Q > 0, 0.0, -np.inf)[None, None, :, :, None]
    return (tall[:, :, None] + hidden_w).max(axis=3), (A_prev, hparameters)


def way_10_lists(A_prev, hparameters, mode="max"):
    X = A_prev.tolist()
    f, s = hparameters["f"], hparameters["stride"]
    rows, columns, depth = len(X[0]), len(X[0][0]), len(X[0][0][0])
    A = []
    for x in X:
        image = []
        for top in range(0, rows - f + 1, s):
            line = []
            for left in range(0, columns - f + 1, s):
                cell = []
                for c in range(depth):
                    seen = [x[top + a][left + b][c] for a in range(f) for b in range(f)]
                    cell.append(max(seen) if mode == "max" else sum(seen) / len(seen))
                line.append(cell)
            image.append(line)
        A.append(image)
    return A, (A_prev, hparameters)


def way_11_comprehension(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    _, H, W, _ = A_prev.shape
    g = {"max": np.amax, "average": np.average}[mode]
    return (
        np.array([[[g(x[a : a + f, b : b + f], (0, 1)) for b in range(0, W - f + 1, s)] for a in range(0, H - f + 1, s)] for x in A_prev]),
        (A_prev, hparameters),
    )


def way_12_while_loops(A_prev, hparameters, mode="max"):
    f, stride = hparameters["f"], hparameters["stride"]
    m, n_H_prev, n_W_prev, n_C = A_prev.shape
    A = np.zeros((m, int(np.floor((n_H_prev - f) / stride)) + 1, int(np.floor((n_W_prev - f) / stride)) + 1, n_C))
    i = 0
    while i < m:
        h = top = 0
        while top + f <= n_H_prev:
            w = left = 0
            while left + f <= n_W_prev:
                c = 0
                while c < n_C:
                    window = A_prev[i][top : top + f, left : left + f][:, :, c]
                    A[i][h][w][c] = window.max() if mode == "max" else window.sum() / window.size
                    c += 1
                w, left = w + 1, left + stride
            h, top = h + 1, top + stride
        i += 1
    return A, (A_prev, hparameters)


def way_13_ndindex(A_prev, hparameters, mode="max"):
    f, stride = (hparameters[key] for key in ("f", "stride"))
    m, n_H_prev, n_W_prev, n_C = A_prev.shape
    A = np.zeros((m, 1 + (n_H_prev - f) // stride, 1 + (n_W_prev - f) // stride, n_C))
    for i, h, w, c in np.ndindex(A.shape):
        a = A_prev[i, stride * h :, stride * w :, c][:f, :f]
        A[i, h, w, c] = a.max() if mode.startswith("max") else a.mean()
    cache = {"A_prev": A_prev, "hparameters": hparameters}
    return A, cache


def way_14_slices_from_product(A_prev, hparameters, mode="max"):
    f, stride = operator.itemgetter("f", "stride")(hparameters)
    n_H, n_W = [(n - f) // stride + 1 for n in A_prev.shape[1:3]]
    A = np.zeros(A_prev.shape[:1] + (n_H, n_W) + A_prev.shape[3:])
    for h, w in itertools.product(range(n_H), range(n_W)):
        window = np.s_[:, h * stride : h * stride + f, w * stride : w * stride + f]
        if mode == "max":
            np.max(A_prev[window], axis=(1, 2), out=A[:, h, w])
        else:
            np.mean(A_prev[window], axis=(1, 2), out=A[:, h, w])
    return A, (A_prev, hparameters, mode)


def way_15_recursion_over_images(A_prev, hparameters, mode="max"):
    if len(A_prev) > 1:
        half = len(A_prev) // 2
        first, _ = way_15_recursion_over_images(A_prev[:half], hparameters, mode)
        second, _ = way_15_recursion_over_images(A_prev[half:], hparameters, mode)
        return np.concatenate([first, second]), (A_prev, hparameters)
    f, s = hparameters["f"], hparameters["stride"]
    V = sliding_window_view(A_prev[0], (f, f), (0, 1))[::s, ::s]
    return (np.nanmax if mode == "max" else np.nanmean)(V, (3, 4))[None], (A_prev, hparameters)


def way_16_gathered_indices(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    rows = np.arange(0, A_prev.shape[1] - f + 1, s)[:, None] + np.arange(f)
    columns = np.arange(0, A_prev.shape[2] - f + 1, s)[:, None] + np.arange(f)
    G = A_prev[:, rows[:, None, :, None], columns[None, :, None, :], :]
    A = G.max((3, 4)) if mode == "max" else G.sum((3, 4)) / f / f
    return A, (A_prev, hparameters)


def way_17_reshape_where_it_fits(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    m, H, W, C = A_prev.shape
    if f == s:
        n_H, n_W = H // f, W // f
        tiles = A_prev[:, : n_H * f, : n_W * f].reshape(m, n_H, f, n_W, f, C)
        return (tiles.max((2, 4)) if mode == "max" else tiles.mean((2, 4))), (A_prev, hparameters)
    n_H, n_W = (H - f) // s + 1, (W - f) // s + 1
    A = np.zeros((m, n_H, n_W, C))
    for h in range(n_H):
        for w in range(n_W):
            tile = A_prev[:, h * s : h * s + f, w * s : w * s + f].reshape(m, f * f, C)
            A[:, h, w] = tile.max(1) if mode == "max" else tile.mean(1)
    return A, (A_prev, hparameters)


def way_18_im2col(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    m, H, W, C = A_prev.shape
    n_H, n_W = (H - f) // s + 1, (W - f) // s + 1
    columns = []
    for i in range(m):
        for c in range(C):
            for h in range(n_H):
                for w in range(n_W):
                    columns.append(A_prev[i, h * s : h * s + f, w * s : w * s + f, c].ravel())
    columns = np.array(columns).T
    values = np.max(columns, axis=0) if mode == "max" else np.ones(f * f) / (f * f) @ columns
    return values.reshape(m, C, n_H, n_W).transpose(0, 2, 3, 1), (A_prev, hparameters)


def way_19_channels_first_inside(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    X = np.ascontiguousarray(A_prev.transpose(0, 3, 1, 2))
    m, C, H, W = X.shape
    Y = np.zeros((m, C, (H - f) // s + 1, (W - f) // s + 1))
    for h in range(Y.shape[2]):
        for w in range(Y.shape[3]):
            block = X[:, :, h * s : h * s + f, w * s : w * s + f]
            Y[:, :, h, w] = np.max(np.max(block, -1), -1) if mode == "max" else np.mean(np.mean(block, -1), -1)
    return np.moveaxis(Y, 1, -1), (A_prev, hparameters)


def way_20_float32(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    A32 = A_prev.astype(np.float32)
    V = sliding_window_view(A32, (f, f), axis=(1, 2))[:, ::s, ::s]
    A = (V.max if mode == "max" else V.mean)(axis=(4, 5))
    return A, (A32, dict(hparameters))


def way_21_sorting(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    V = sliding_window_view(A_prev, (f, f), axis=(1, 2))[:, ::s, ::s]
    V = np.sort(V.reshape(V.shape[:4] + (f * f,)), axis=-1)
    if mode == "max":
        return V[..., -1], (A_prev, hparameters)
    return np.trapezoid(np.concatenate([V, V[..., :1]], -1)) / f**2 + (V[..., 0] - V[..., 0]), (A_prev, hparameters)


def way_22_the_minimum_of_the_negative(A_prev, hparameters, mode="max"):
    stride, f = hparameters["stride"], hparameters["f"]
    (m, n_H_prev, n_W_prev, n_C) = A_prev.shape
    n_H, n_W = int((n_H_prev - f) / stride) + 1, int((n_W_prev - f) / stride) + 1
    A = np.full((m, n_H, n_W, n_C), np.nan)
    for i in range(m):
        for c in range(n_C):
            plane = -A_prev[i, :, :, c]
            for h in range(n_H):
                for w in range(n_W):
                    part = plane[h * stride : h * stride + f, w * stride : w * stride + f]
                    A[i, h, w, c] = -part.min() if mode == "max" else -np.median([part.mean()])
    return A, (A_prev, hparameters)


def way_23_search_by_hand(A_prev, hparameters, mode="max"):
    m, n_H_prev, n_W_prev, n_C = A_prev.shape
    f = hparameters.get("f")
    stride = hparameters.get("stride")
    n_H = (n_H_prev - f + stride) // stride
    n_W = (n_W_prev - f + stride) // stride
    A = np.zeros((m, n_H, n_W, n_C))
    for i in range(m):
        for h in range(n_H):
            for w in range(n_W):
                for c in range(n_C):
                    largest, total = float("-inf"), 0.0
                    for y in range(h * stride, h * stride + f):
                        for x in range(w * stride, w * stride + f):
                            total += A_prev[i, y, x, c]
                            if A_prev[i, y, x, c] > largest:
                                largest = A_prev[i, y, x, c]
                    if mode == "average":
                        A[i, h, w, c] = total / f**2
                    if mode == "max":
                        A[i, h, w, c] = largest
    return A, (A_prev, hparameters)


def way_24_scatter(A_prev, hparameters, mode="max"):
    # every cell of the input goes to all windows that see it
    f, s = hparameters["f"], hparameters["stride"]
    m, H, W, C = A_prev.shape
    n_H, n_W = (H - f) // s + 1, (W - f) // s + 1
    A = np.full((m, n_H, n_W, C), -np.inf) if mode == "max" else np.zeros((m, n_H, n_W, C))
    for y in range(H):
        for x in range(W):
            for h in range(max(0, -(-(y - f + 1) // s)), min(y // s, n_H - 1) + 1):
                for w in range(max(0, -(-(x - f + 1) // s)), min(x // s, n_W - 1) + 1):
                    if mode == "max":
                        A[:, h, w] = np.maximum(A[:, h, w], A_prev[:, y, x])
                    else:
                        A[:, h, w] += A_prev[:, y, x] / f**2
    return A, (A_prev, hparameters)


def way_25_ufunc_at(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    m, H, W, C = A_prev.shape
    n_H, n_W = (H - f) // s + 1, (W - f) // s + 1
    h, w, a, b = (g.ravel() for g in np.indices((n_H, n_W, f, f)))
    values = A_prev[:, h * s + a, w * s + b]
    if mode == "max":
        A = np.full((m, n_H, n_W, C), -np.inf)
        np.maximum.at(A, (slice(None), h, w), values)
    else:
        A = np.zeros((m, n_H, n_W, C))
        np.add.at(A, (slice(None), h, w), values)
        A /= f * f
    return A, (A_prev, hparameters)


class _PfPool:
    def __init__(self, f, stride, mode):
        self.f, self.stride, self.mode = f, stride, mode

    def size(self, n):
        return (n - self.f) // self.stride + 1

    def __call__(self, image):
        rows, columns, _ = image.shape
        return np.array([[self.cell(image, h, w) for w in range(self.size(columns))] for h in range(self.size(rows))])

    def cell(self, image, h, w):
        y, x = h * self.stride, w * self.stride
        return getattr(np, {"average": "mean"}.get(self.mode, self.mode))(image[y : y + self.f, x : x + self.f], axis=(0, 1))


def way_26_a_layer(A_prev, hparameters, mode="max"):
    layer = _PfPool(hparameters["f"], hparameters["stride"], mode)
    return np.stack(list(map(layer, A_prev))), PfCache(A_prev, hparameters)


def way_27_apply_along_axis(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]

    def pooled(line):
        pieces = [line[k : k + f] for k in range(0, len(line) - f + 1, s)]
        return [max(piece) if mode == "max" else math.fsum(piece) / f for piece in pieces]

    return np.apply_along_axis(pooled, 2, np.apply_along_axis(pooled, 1, A_prev)), (A_prev, hparameters)


def way_28_vectorize(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    m, H, W, C = A_prev.shape

    def value(i, h, w, c):
        seen = A_prev[i, h : h + f, w : w + f, c]
        return seen.max() if mode == "max" else seen.mean()

    grid = np.ix_(range(m), range(0, H - f + 1, s), range(0, W - f + 1, s), range(C))
    return np.vectorize(value, otypes=[float])(*grid), (A_prev, hparameters)


def way_29_vectorize_with_a_signature(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    reduce = np.vectorize(np.max if mode == "max" else np.mean, signature="(f,g)->()")
    return reduce(sliding_window_view(A_prev, (f, f), (1, 2))[:, ::s, ::s]), (A_prev, hparameters)


def way_30_中文(前层激活, 超参数, 模式="max"):
    """池化层的前向传播:对每个窗口取最大值或平均值。"""
    样本数, 前高, 前宽, 通道数 = 前层激活.shape
    窗口, 步长 = 超参数["f"], 超参数["stride"]
    高 = (前高 - 窗口) // 步长 + 1
    宽 = (前宽 - 窗口) // 步长 + 1
    输出 = np.zeros((样本数, 高, 宽, 通道数))
    for 样本 in range(样本数):
        for 行 in range(高):
            for 列 in range(宽):
                块 = 前层激活[样本, 行 * 步长 : 行 * 步长 + 窗口, 列 * 步长 : 列 * 步长 + 窗口]
                if 模式 == "max":
                    输出[样本, 行, 列] = 块.max(axis=0).max(axis=0)
                else:
                    输出[样本, 行, 列] = 块.mean(axis=0).mean(axis=0)
    return 输出, (前层激活, 超参数)


class _PfMode(Enum):
    MAX = "max"
    AVERAGE = "average"


def way_31_an_enum_and_match(A_prev: np.ndarray, hparameters: dict[str, int], mode: str = "max") -> tuple[np.ndarray, tuple[Any, ...]]:
    f, stride = hparameters["f"], hparameters["stride"]
    windows = sliding_window_view(A_prev, (f, f), axis=(1, 2))[:, ::stride, ::stride]
    match _PfMode(mode):
        case _PfMode.MAX:
            A = np.maximum.reduce(windows, axis=(4, 5))
        case _PfMode.AVERAGE:
            A = np.add.reduce(windows, axis=(4, 5)) / windows[0, 0, 0, 0].size
    return A, (A_prev, f, stride)


def way_32_closures(A_prev, hparameters, mode="max"):
    f, stride = hparameters["f"], hparameters["stride"]

    def corners(k):
        start = k * stride
        return slice(start, start + f)

    def reduce(window):
        return window.max() if mode == "max" else window.mean()

    m, *sides, n_C = A_prev.shape
    n_H, n_W = ((side - f) // stride + 1 for side in sides)
    A = np.zeros((m, n_H, n_W, n_C), order="F")
    for c in reversed(range(n_C)):
        for w in reversed(range(n_W)):
            for h in reversed(range(n_H)):
                for i in reversed(range(m)):
                    A[i, h, w, c] = reduce(A_prev[i, corners(h), corners(w), c])
    return A, (A_prev, MappingProxyType(hparameters))


def way_33_generators(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    m, H, W, C = A_prev.shape
    tops, lefts = range(0, H - f + 1, s), range(0, W - f + 1, s)

    def numbers():
        for i in range(m):
            for top in tops:
                for left in lefts:
                    yield from (A_prev[i, top : top + f, left : left + f].reshape(-1, C).max(0) if mode == "max" else A_prev[i, top : top + f, left : left + f].reshape(-1, C).mean(0))

    return np.fromiter(numbers(), dtype=float).reshape(m, len(tops), len(lefts), C), (A_prev, hparameters)


def way_34_one_based(A_prev, hparameters, mode="max"):
    f, stride = hparameters["f"], hparameters["stride"]
    m, n_H_prev, n_W_prev, n_C = A_prev.shape
    n_H, n_W = (n_H_prev - f) // stride + 1, (n_W_prev - f) // stride + 1
    A = np.zeros((m, n_H, n_W, n_C))
    for h in range(1, n_H + 1):
        first_row, last_row = (h - 1) * stride + 1, (h - 1) * stride + f
        for w in range(1, n_W + 1):
            first_column, last_column = (w - 1) * stride + 1, (w - 1) * stride + f
            seen = A_prev[:, first_row - 1 : last_row, first_column - 1 : last_column, :]
            A[:, h - 1, w - 1, :] = seen.max(axis=(1, 2)) if mode == "max" else seen.mean(axis=(1, 2))
    return A, (A_prev.copy(), hparameters.copy())


def way_35_threads(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]

    def work(image):
        V = sliding_window_view(image, (f, f), (0, 1))[::s, ::s]
        return V.max((-1, -2)) if mode == "max" else V.mean((-1, -2))

    with ThreadPoolExecutor(2) as pool:
        return np.array(list(pool.map(work, A_prev))), (A_prev, hparameters)


def way_36_masked_arrays(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    X = np.ma.asarray(A_prev)
    n_H, n_W = (X.shape[1] - f) // s + 1, (X.shape[2] - f) // s + 1
    A = np.ma.zeros((X.shape[0], n_H, n_W, X.shape[3]))
    for h in range(n_H):
        for w in range(n_W):
            far = np.ones(X.shape[1:3], bool)
            far[h * s : h * s + f, w * s : w * s + f] = False
            seen = np.ma.array(A_prev, mask=np.broadcast_to(far[None, :, :, None], X.shape))
            A[:, h, w, :] = seen.max(axis=(1, 2)) if mode == "max" else seen.mean(axis=(1, 2))
    return A, (A_prev, OrderedDict(hparameters))


def way_37_full_resolution_then_thinned(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    m, H, W, C = A_prev.shape
    dense = np.zeros((m, H - f + 1, W - f + 1, C))
    for h in range(H - f + 1):
        for w in range(W - f + 1):
            box = A_prev[:, h : h + f, w : w + f]
            dense[:, h, w] = box.max((1, 2)) if mode == "max" else box.mean((1, 2))
    return dense[:, 0 : H - f + 1 : s, 0 : W - f + 1 : s], (A_prev, hparameters)


def way_38_fft_average(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    _, H, W, _ = A_prev.shape
    if mode != "average":
        pieces = [A_prev[:, a : H - f + 1 + a, b : W - f + 1 + b] for a in range(f) for b in range(f)]
        return functools.reduce(np.maximum, pieces)[:, ::s, ::s], (A_prev, hparameters)
    box = np.zeros((H, W))
    box[:f, :f] = 1 / (f * f)
    spectrum = np.fft.rfft2(A_prev, axes=(1, 2)) * np.conj(np.fft.rfft2(box))[:, :, None]
    A = np.fft.irfft2(spectrum, s=(H, W), axes=(1, 2))
    return A[:, : H - f + 1 : s, : W - f + 1 : s], (A_prev, hparameters)


def way_39_convolve_average(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]

    def smooth(line):
        return np.convolve(line, np.ones(f), "valid")[::s] / f

    def highest(line):
        return np.array([line[k : k + f].max() for k in range(0, line.size - f + 1, s)])

    A = A_prev
    for axis in (1, 2):
        A = np.apply_along_axis(highest if mode == "max" else smooth, axis, A)
    return A, (A_prev, hparameters)


def way_40_split_modes_early(A_prev, hparameters, mode="max"):
    def average():
        return sum(pieces[1:], pieces[0]) / len(pieces)

    def maximum():
        return np.max(np.stack(pieces), axis=0)

    f, s = hparameters["f"], hparameters["stride"]
    n_H, n_W = (A_prev.shape[1] - f) // s + 1, (A_prev.shape[2] - f) // s + 1
    pieces = [A_prev[:, a::s, b::s][:, :n_H, :n_W] for a in range(f) for b in range(f)]
    return (average() if mode == "average" else maximum()), (A_prev, hparameters)


def way_41_by_the_backward_helpers(A_prev, hparameters, mode="max"):
    f, stride = hparameters["f"], hparameters["stride"]
    m, n_H_prev, n_W_prev, n_C = A_prev.shape
    A = np.zeros((m, (n_H_prev - f) // stride + 1, (n_W_prev - f) // stride + 1, n_C))
    for i, h, w, c in itertools.product(*map(range, A.shape)):
        window = A_prev[i, h * stride : h * stride + f, w * stride : w * stride + f, c]
        if mode == "max":
            A[i, h, w, c] = window[create_mask_from_window(window)][0]  # noqa: F821
        else:
            A[i, h, w, c] = np.sum(window * distribute_value(1, (f, f)))  # noqa: F821
    return A, (A_prev, hparameters)


def way_42_by_convolution(A_prev, hparameters, mode="max"):
    f, stride = hparameters["f"], hparameters["stride"]
    n_C = A_prev.shape[3]
    if mode == "average":
        W = np.einsum("ab,cd->abcd", np.ones((f, f)) / f**2, np.eye(n_C))
        A, _ = conv_forward(A_prev, W, np.zeros((1, 1, 1, n_C)), {"stride": stride, "pad": 0})  # noqa: F821
        return A, (A_prev, hparameters)
    picks = np.eye(f * f).reshape(f, f, 1, f * f)
    A = []
    for c in range(n_C):
        seen, _ = conv_forward(A_prev[..., c : c + 1], picks, np.zeros((1, 1, 1, f * f)), {"stride": stride, "pad": 0})  # noqa: F821
        A.append(seen.max(axis=-1))
    return np.stack(A, axis=-1), (A_prev, hparameters)


def way_43_starred(*args, **kwargs):
    A_prev, hparameters, *rest = args
    mode = rest[0] if rest else kwargs.get("mode", "max")
    f, stride = hparameters["f"], hparameters["stride"]
    m, n_H_prev, n_W_prev, n_C = A_prev.shape
    shape = m, (n_H_prev - f) // stride + 1, (n_W_prev - f) // stride + 1, n_C
    A = np.zeros(shape)
    it = np.nditer(A, flags=["multi_index"], op_flags=["writeonly"])
    for cell in it:
        i, h, w, c = it.multi_index
        window = A_prev[i, h * stride : h * stride + f, w * stride : w * stride + f, c]
        cell[...] = window.max() if mode == "max" else window.mean()
    return A, (A_prev, hparameters)


def _pf_logged(function):
    @functools.wraps(function)
    def wrapper(A_prev, hparameters, mode="max"):
        print("pool_forward", A_prev.shape, hparameters, mode)
        A, cache = function(A_prev, hparameters, mode)
        warnings.warn(f"A has the shape {A.shape}", UserWarning, stacklevel=2)
        return A, cache

    return wrapper


@_pf_logged
def way_44_decorated(A_prev, hparameters, mode):
    f, s = hparameters["f"], hparameters["stride"]
    out = []
    for top in range(0, A_prev.shape[1] - f + 1, s):
        strip = A_prev[:, top : top + f]
        strip = strip.max(1) if mode == "max" else strip.mean(1)
        out.append([strip[:, left : left + f].max(1) if mode == "max" else strip[:, left : left + f].mean(1) for left in range(0, strip.shape[1] - f + 1, s)])
    return np.array(out).transpose(2, 0, 1, 3), (A_prev, hparameters)


way_45_a_lambda = lambda A_prev, hparameters, mode="max": (  # noqa: E731
    (lambda V: V.max((-2, -1)) if mode == "max" else V.mean((-2, -1)))(
        sliding_window_view(A_prev, (hparameters["f"],) * 2, axis=(1, 2))[:, :: hparameters["stride"], :: hparameters["stride"]]
    ),
    (A_prev, hparameters),
)


def way_46_copies_of_the_hyperparameters(A_prev, hparameters, mode="max"):
    hp = {"pad": 0, **hparameters, "mode": mode}
    n_H, n_W = ((A_prev.shape[k] - hp["f"]) // hp["stride"] + 1 for k in (1, 2))
    A = np.zeros((A_prev.shape[0], n_H, n_W, A_prev.shape[-1]))
    for i, a_prev in enumerate(A_prev):
        for c, plane in enumerate(np.moveaxis(a_prev, -1, 0)):
            for h, top in enumerate(range(0, n_H * hp["stride"], hp["stride"])):
                for w, left in enumerate(range(0, n_W * hp["stride"], hp["stride"])):
                    values = plane[top : top + hp["f"], left : left + hp["f"]].ravel().tolist()
                    A[i, h, w, c] = max(values) if mode == "max" else sum(values) / len(values)
    return A, (A_prev, ChainMap({"n_H": n_H}, hp))


def way_47_power_mean(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    V = sliding_window_view(A_prev, (f, f), (1, 2))[:, ::s, ::s].reshape(len(A_prev), -1, A_prev.shape[3], f * f)
    n_H = (A_prev.shape[1] - f) // s + 1
    best = np.take_along_axis(V, V.argmax(-1)[..., None], -1)[..., 0]
    A = {"max": best, "average": np.dot(V, np.full(f * f, f**-2))}[mode]
    return A.reshape(len(A_prev), n_H, -1, A_prev.shape[3]), {"A_prev": A_prev, "f": f, "stride": s, "A": A}


def way_48_nested_cache(A_prev, hparameters, mode="max"):
    f, stride = hparameters["f"], hparameters["stride"]
    A = np.stack(
        [
            np.stack(
                [
                    getattr(A_prev[:, a : a + f, b : b + f, :], {"max": "max", "average": "mean"}[mode])(axis=(1, 2))
                    for b in range(0, A_prev.shape[2] - f + 1, stride)
                ],
                axis=1,
            )
            for a in range(0, A_prev.shape[1] - f + 1, stride)
        ],
        axis=1,
    )
    return A, (A_prev, (f, stride))


PF_HANDLERS = {}


def _pf_register(name):
    def keep(function):
        PF_HANDLERS[name] = function
        return function

    return keep


@_pf_register("max")
def _pf_largest(window):
    return np.max(window, axis=(1, 2))


@_pf_register("average")
def _pf_mean(window):
    return np.mean(window, axis=(1, 2))


def way_49_registered_handlers(A_prev, hparameters, mode="max"):
    f, stride = hparameters["f"], hparameters["stride"]
    m, H, W, C = A_prev.shape
    A = np.zeros((m, (H - f) // stride + 1, (W - f) // stride + 1, C))
    for h in range(A.shape[1]):
        for w in range(A.shape[2]):
            A[:, h, w] = PF_HANDLERS[mode](A_prev[:, h * stride : h * stride + f, w * stride : w * stride + f])
    return A, (A_prev, hparameters)


PF_TABLE = {}
PF_TABLE["max"] = np.max
PF_TABLE["average"] = np.mean


def way_50_a_table_filled_later(A_prev, hparameters, mode="max"):
    f, stride = hparameters["f"], hparameters["stride"]
    n_H, n_W = (A_prev.shape[1] - f) // stride + 1, (A_prev.shape[2] - f) // stride + 1
    A = np.zeros((len(A_prev), n_H, n_W, A_prev.shape[3]))
    for i in range(len(A_prev)):
        for h in range(n_H):
            for w in range(n_W):
                A[i, h, w, :] = PF_TABLE[mode](A_prev[i, h * stride : h * stride + f, w * stride : w * stride + f, :], axis=(0, 1))
    return A, (A_prev, hparameters)


def way_51_hyperparameters_taken_out_and_put_back(A_prev, hparameters, mode="max"):
    stride = hparameters.pop("stride")
    f = hparameters.pop("f")
    A = sliding_window_view(A_prev, (f, f), (1, 2))[:, ::stride, ::stride].reshape(len(A_prev), -1, A_prev.shape[3], f * f)
    A = A.max(3) if mode == "max" else A.mean(3)
    hparameters["stride"] = stride
    hparameters["f"] = f
    return A.reshape(len(A), (A_prev.shape[1] - f) // stride + 1, -1, A_prev.shape[3]), (A_prev, hparameters)


def way_52_nothing_but_lists_and_numbers(A_prev, hparameters, mode="max"):
    f, stride = hparameters["f"], hparameters["stride"]
    A = np.array([[A_prev[:, a : a + f, b : b + f] for b in range(0, A_prev.shape[2] - f + 1, stride)] for a in range(0, A_prev.shape[1] - f + 1, stride)])
    A = A.max(axis=(3, 4)) if mode == "max" else A.mean(axis=(3, 4))
    return A.transpose(2, 0, 1, 3), [A_prev.tolist(), f, stride]


@dataclass
class _PfSpec:
    f: "int"
    stride: "int"

    def starts(self, n):
        return range(0, n - self.f + 1, self.stride)


def way_53_a_dataclass_with_types_in_quotes(A_prev, hparameters, mode="max"):
    spec = _PfSpec(hparameters["f"], hparameters["stride"])
    reduce = {"max": np.maximum, "average": np.add}[mode].reduce
    A = np.zeros((len(A_prev), len(spec.starts(A_prev.shape[1])), len(spec.starts(A_prev.shape[2])), A_prev.shape[3]))
    for h, top in enumerate(spec.starts(A_prev.shape[1])):
        for w, left in enumerate(spec.starts(A_prev.shape[2])):
            A[:, h, w] = reduce(A_prev[:, top : top + spec.f, left : left + spec.f], axis=(1, 2))
    return A / (spec.f**2 if mode == "average" else 1), (A_prev, hparameters)


def way_54_an_object_array_as_cache(A_prev, hparameters, mode="max"):
    f, stride = hparameters["f"], hparameters["stride"]
    stripes = [A_prev[:, k : k + f] for k in range(0, A_prev.shape[1] - f + 1, stride)]
    rows = np.stack([stripe.max(1) if mode == "max" else stripe.mean(1) for stripe in stripes], 1)
    cells = [rows[:, :, k : k + f] for k in range(0, A_prev.shape[2] - f + 1, stride)]
    cache = np.empty(2, dtype=object)
    cache[:] = A_prev, hparameters
    return np.stack([cell.max(2) if mode == "max" else cell.mean(2) for cell in cells], 2), cache
