"""Right solutions of pool_backward, each written in another way; judged by tests/test_right_solutions.py, never imported."""

import functools
import itertools
import math
import warnings
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view


def way_01_the_course(dA, cache, mode="max"):
    """
    Implements the backward pass of the pooling layer
    """
    # Retrieve information from cache (≈1 line)
    (A_prev, hparameters) = cache
    # Retrieve hyperparameters from "hparameters" (≈2 lines)
    stride = hparameters["stride"]
    f = hparameters["f"]
    # Retrieve dimensions from A_prev's shape and dA's shape (≈2 lines)
    m, n_H_prev, n_W_prev, n_C_prev = A_prev.shape
    m, n_H, n_W, n_C = dA.shape
    # Initialize dA_prev with zeros (≈1 line)
    dA_prev = np.zeros(A_prev.shape)
    for i in range(m):
        a_prev = A_prev[i]
        for h in range(n_H):
            for w in range(n_W):
                for c in range(n_C):
                    vert_start = h * stride
                    vert_end = vert_start + f
                    horiz_start = w * stride
                    horiz_end = horiz_start + f
                    if mode == "max":
                        a_prev_slice = a_prev[vert_start:vert_end, horiz_start:horiz_end, c]
                        mask = create_mask_from_window(a_prev_slice)  # noqa: F821
                        dA_prev[i, vert_start:vert_end, horiz_start:horiz_end, c] += np.multiply(mask, dA[i, h, w, c])
                    elif mode == "average":
                        da = dA[i, h, w, c]
                        shape = (f, f)
                        dA_prev[i, vert_start:vert_end, horiz_start:horiz_end, c] += distribute_value(da, shape)  # noqa: F821
    assert dA_prev.shape == A_prev.shape
    return dA_prev


def way_02_two_loops(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    out = np.zeros_like(A_prev)
    for h in range(dA.shape[1]):
        for w in range(dA.shape[2]):
            window = np.s_[:, h * s : h * s + f, w * s : w * s + f, :]
            g = dA[:, h : h + 1, w : w + 1, :]
            if mode == "max":
                out[window] += (A_prev[window] == A_prev[window].max(axis=(1, 2), keepdims=True)) * g
            else:
                out[window] += g / (f * f)
    return out


def way_03_offsets_inside_the_window(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    _, n_H, n_W, _ = dA.shape
    top = pool_forward(A_prev, hp, "max")[0]  # noqa: F821
    out = np.zeros(A_prev.shape)
    for y in range(f):
        for x in range(f):
            cells = (slice(None), slice(y, y + s * (n_H - 1) + 1, s), slice(x, x + s * (n_W - 1) + 1, s))
            out[cells] += dA * (A_prev[cells] == top) if mode == "max" else dA / f**2
    return out


def way_04_window_view(dA, cache, mode="max"):
    (A_prev, hparameters) = cache
    f, s = hparameters["f"], hparameters["stride"]
    V = sliding_window_view(A_prev, (f, f), axis=(1, 2))[:, ::s, ::s]
    if mode == "max":
        shares = (V == V.max((-2, -1), keepdims=True)) * dA[..., None, None]
    else:
        shares = np.broadcast_to(dA[..., None, None] / f / f, V.shape)
    dA_prev = np.zeros(A_prev.shape)
    into = sliding_window_view(dA_prev, (f, f), axis=(1, 2), writeable=True)[:, ::s, ::s]
    for h, w in np.ndindex(dA.shape[1:3]):
        into[:, h, w] += shares[:, h, w]
    return dA_prev


def way_05_add_at(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    i, h, w, c, y, x = np.indices((*dA.shape, f, f))
    rows, columns = h * s + y, w * s + x
    seen = A_prev[i, rows, columns, c]
    weight = seen == seen.max(axis=(4, 5), keepdims=True) if mode == "max" else np.full(seen.shape, 1 / f**2)
    out = np.zeros(A_prev.shape)
    np.add.at(out, (i, rows, columns, c), weight * dA[i, h, w, c])
    return out


def way_06_bincount(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    i, h, w, c, y, x = (g.ravel() for g in np.indices((*dA.shape, f, f)))
    place = np.ravel_multi_index((i, h * s + y, w * s + x, c), A_prev.shape)
    if mode == "max":
        seen = A_prev.ravel()[place].reshape(-1, f * f)
        weight = np.equal(seen, seen.max(1)[:, None]).ravel()
    else:
        weight = 1 / (f * f)
    return np.bincount(place, weights=weight * dA[i, h, w, c], minlength=A_prev.size).reshape(A_prev.shape)


def way_07_first_maximum(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    dA_prev = np.zeros(A_prev.shape)
    for i, h, w, c in np.ndindex(dA.shape):
        if mode == "max":
            window = A_prev[i, h * s : h * s + f, w * s : w * s + f, c]
            y, x = np.unravel_index(window.argmax(), window.shape)
            dA_prev[i, h * s + y, w * s + x, c] += dA[i, h, w, c]
        elif mode == "average":
            dA_prev[i, h * s : h * s + f, w * s : w * s + f, c] += dA[i, h, w, c] / (f * f)
    return dA_prev


def way_08_last_maximum(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    m, n_H, n_W, n_C = dA.shape
    dA_prev = np.zeros(A_prev.shape)
    for i in range(m):
        for h in range(n_H):
            for w in range(n_W):
                for c in range(n_C):
                    best, at = -math.inf, None
                    for y in range(h * s, h * s + f):
                        for x in range(w * s, w * s + f):
                            if mode == "average":
                                dA_prev[i, y, x, c] += dA[i, h, w, c] / f**2
                            elif A_prev[i, y, x, c] >= best:
                                best, at = A_prev[i, y, x, c], (i, y, x, c)
                    if at:
                        dA_prev[at] += dA[i, h, w, c]
    return dA_prev


def way_09_ties_share(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    dA_prev = np.zeros(A_prev.shape)
    for h in range(dA.shape[1]):
        for w in range(dA.shape[2]):
            a = A_prev[:, h * s : h * s + f, w * s : w * s + f, :]
            mask = a == a.max(axis=(1, 2), keepdims=True) if mode == "max" else np.ones(a.shape)
            dA_prev[:, h * s : h * s + f, w * s : w * s + f, :] += mask / mask.sum((1, 2), keepdims=True) * dA[:, h, w][:, None, None]
    return dA_prev


def way_10_first_maximum_vectorised(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    dA_prev = np.zeros(A_prev.shape)
    if mode == "average":
        for y, x in np.ndindex(f, f):
            dA_prev[:, y : y + s * dA.shape[1] : s, x : x + s * dA.shape[2] : s][:, : dA.shape[1], : dA.shape[2]] += dA * f**-2.0
        return dA_prev
    V = sliding_window_view(A_prev, (f, f), (1, 2))[:, ::s, ::s]
    y, x = np.divmod(V.reshape(*dA.shape, f * f).argmax(-1), f)
    i, h, w, c = np.ogrid[tuple(slice(n) for n in dA.shape)]
    np.add.at(dA_prev, (i, h * s + y, w * s + x, c), dA)
    return dA_prev


def way_11_first_down_the_columns(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    dA_prev = np.zeros(A_prev.shape)
    for i, h, w, c in itertools.product(*map(range, dA.shape)):
        a = A_prev[i, h * s : h * s + f, w * s : w * s + f, c]
        if mode == "max":
            x = a.max(axis=0).argmax()
            y = a[:, x].argmax()
            dA_prev[i, h * s + y, w * s + x, c] += dA[i, h, w, c]
        else:
            dA_prev[i, h * s : h * s + f, w * s : w * s + f, c] += np.full(a.shape, dA[i, h, w, c] / a.size)
    return dA_prev


def way_12_numeric_slopes(dA, cache, mode="max"):
    # the largest value moves alone: far enough to be seen, not so far that another overtakes it
    A_prev, hp = cache
    if mode == "average":
        cells = math.prod(A_prev.shape[1:])
        units = np.eye(cells).reshape(cells, *A_prev.shape[1:])
        M = pool_forward(units, hp, mode)[0].reshape(cells, -1)  # noqa: F821
        return (dA.reshape(len(dA), -1) @ M.T).reshape(A_prev.shape)
    f, s = hp["f"], hp["stride"]
    dA_prev = np.zeros(A_prev.shape)
    A, _ = pool_forward(A_prev, hp, mode)  # noqa: F821
    for row, column in np.ndindex(A_prev.shape[1:3]):
        for h in range(max(0, (row - f) // s + 1), min(row // s, dA.shape[1] - 1) + 1):
            for w in range(max(0, (column - f) // s + 1), min(column // s, dA.shape[2] - 1) + 1):
                dA_prev[:, row, column] += np.where(A_prev[:, row, column] >= A[:, h, w], dA[:, h, w], 0)
    return dA_prev


def way_13_lists(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    A, G = A_prev.tolist(), dA.tolist()
    m, H, L, C = A_prev.shape
    out = [[[[0.0] * C for _ in range(L)] for _ in range(H)] for _ in range(m)]
    for i, image in enumerate(G):
        for h, line in enumerate(image):
            for w, cell in enumerate(line):
                for c, g in enumerate(cell):
                    cells = [(h * s + y, w * s + x) for y in range(f) for x in range(f)]
                    top = max(A[i][y][x][c] for y, x in cells)
                    for y, x in cells:
                        if mode == "average":
                            out[i][y][x][c] += g / len(cells)
                        elif A[i][y][x][c] == top:
                            out[i][y][x][c] += g
    return out


def way_14_selectors(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]

    def selector(n, out):
        return np.array([np.eye(f, n, k * s) for k in range(out)])

    P, Q = selector(A_prev.shape[1], dA.shape[1]), selector(A_prev.shape[2], dA.shape[2])
    if mode == "average":
        return np.einsum("pyr,qxt,npqc->nrtc", P, Q, dA) / f**2
    windows = np.einsum("pyr,qxt,nrtc->npqcyx", P, Q, A_prev)
    shares = np.where(windows == windows.max((4, 5), keepdims=True), dA[..., None, None], 0)
    return np.einsum("pyr,qxt,npqcyx->nrtc", P, Q, shares)


def way_15_sums_of_rows_and_columns(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    if mode == "average":
        S_H = np.zeros((A_prev.shape[1], dA.shape[1]))
        S_W = np.zeros((A_prev.shape[2], dA.shape[2]))
        for k in range(dA.shape[1]):
            S_H[k * s : k * s + f, k] = 1 / f
        for k in range(dA.shape[2]):
            S_W[k * s : k * s + f, k] = 1 / f
        return np.tensordot(S_W, np.tensordot(S_H, dA, (1, 1)), (1, 2)).transpose(2, 1, 0, 3)
    out = np.zeros(A_prev.shape)
    for n in range(len(dA)):
        for h, w, c in np.ndindex(dA.shape[1:]):
            piece = A_prev[n, h * s : h * s + f, w * s : w * s + f, c]
            out[n, h * s : h * s + f, w * s : w * s + f, c][piece == piece.max()] += dA[n, h, w, c]
    return out


def way_16_recursion_over_images(dA, cache, mode="max"):
    A_prev, hp = cache
    if A_prev.shape[0] > 1:
        return np.concatenate([way_16_recursion_over_images(dA[i : i + 1], (A_prev[i : i + 1], hp), mode) for i in range(len(dA))])
    f, s = hp["f"], hp["stride"]
    out = np.zeros(A_prev.shape)
    for h, row in enumerate(dA[0]):
        for w, g in enumerate(row):
            a = A_prev[0, h * s : h * s + f, w * s : w * s + f]
            out[0, h * s : h * s + f, w * s : w * s + f] += g * (a == a.max((0, 1))) if mode == "max" else g * np.ones_like(a) / a[..., 0].size
    return out


def way_17_recursion_over_channels(dA, cache, mode="max"):
    A_prev, hp = cache
    n_C = A_prev.shape[-1]
    if n_C > 1:
        half = n_C // 2
        parts = [way_17_recursion_over_channels(dA[..., k], (A_prev[..., k], hp), mode) for k in (np.s_[:half], np.s_[half:])]
        return np.append(*parts, axis=3)
    f, s = hp["f"], hp["stride"]
    result = np.zeros(A_prev.shape)
    for i, h, w, _ in np.ndindex(dA.shape):
        rows, columns = range(h * s, h * s + f), range(w * s, w * s + f)
        cells = np.ix_([i], rows, columns, [0])
        if mode == "max":
            result[cells] += create_mask_from_window(A_prev[cells]) * dA[i, h, w, 0]  # noqa: F821
        else:
            result[cells] += distribute_value(dz=dA[i, h, w, 0], shape=[f, f])[None, :, :, None]  # noqa: F821
    return result


def way_18_float32(dA, cache, mode="max"):
    A_prev, hp = cache
    A, G = A_prev.astype(np.float32), dA.astype(np.float32)
    f, s = hp["f"], hp["stride"]
    out = np.zeros(A.shape, dtype=np.float32)
    for i, h, w, c in np.ndindex(*G.shape):
        cells = i, slice(h * s, h * s + f), slice(w * s, w * s + f), c
        out[cells] += G[i, h, w, c] * (A[cells] == A[cells].max()) if mode == "max" else G[i, h, w, c] / np.float32(f * f)
    return out


class _PbPool:
    def __init__(self, f, stride):
        self.f, self.stride = f, stride

    def weights_max(self, window):
        return window == np.amax(window)

    def weights_average(self, window):
        return np.ones(window.shape) / window.size

    def window(self, k):
        return slice(k * self.stride, k * self.stride + self.f)

    def __call__(self, plane, gradient, mode):
        weigh, out = getattr(self, f"weights_{mode}"), np.zeros(plane.shape)
        for (h, w), g in np.ndenumerate(gradient):
            cells = self.window(h), self.window(w)
            out[cells] += weigh(plane[cells]) * g
        return out


def way_19_a_layer(dA, cache, mode="max"):
    A_prev, hparameters = cache
    pool = _PbPool(**hparameters)
    return np.stack([np.stack([pool(A_prev[i, ..., c], dA[i, ..., c], mode) for c in range(dA.shape[3])], -1) for i in range(len(dA))])


def way_20_中文(输出梯度, 缓存, 模式="max"):
    """池化层的反向传播:最大池化把梯度交给最大值所在的位置,平均池化平均分配。"""
    前层激活, 超参数 = 缓存
    步长, 窗口大小 = 超参数["stride"], 超参数["f"]
    结果 = np.zeros(前层激活.shape)
    for 样本, 行, 列, 通道 in itertools.product(*[range(数) for 数 in 输出梯度.shape]):
        上, 左 = 行 * 步长, 列 * 步长
        下, 右 = 上 + 窗口大小, 左 + 窗口大小
        梯度 = 输出梯度[样本, 行, 列, 通道]
        if 模式 == "max":
            块 = 前层激活[样本, 上:下, 左:右, 通道]
            结果[样本, 上:下, 左:右, 通道] += create_mask_from_window(块) * 梯度  # noqa: F821
        elif 模式 == "average":
            结果[样本, 上:下, 左:右, 通道] += distribute_value(梯度, (窗口大小, 窗口大小))  # noqa: F821
    return 结果


class _PbMode(str, Enum):
    MAX = "max"
    AVERAGE = "average"


def way_21_an_enum_and_match(dA: np.ndarray, cache: tuple[Any, ...], mode: str = "max") -> np.ndarray:
    A_prev, hparameters = cache
    match hparameters, _PbMode(mode):
        case {"f": f, "stride": s}, _PbMode.MAX:
            weights = [lambda a: np.asarray(a == np.max(a), dtype=float)]
        case {"f": f, "stride": s}, _PbMode.AVERAGE:
            weights = [lambda a: np.full(a.shape, 1.0 / a.size)]
    dA_prev: np.ndarray = np.zeros(A_prev.shape, order="F")
    for i, h, w, c in np.ndindex(dA.shape):
        view = dA_prev[i, h * s : h * s + f, w * s : w * s + f, c]
        view += dA[i, h, w, c] * weights[0](A_prev[i, h * s : h * s + f, w * s : w * s + f, c])
    return dA_prev


def way_22_while_loops(dA, cache, mode="max"):
    A_prev, hparameters = cache
    f, stride = hparameters["f"], hparameters["stride"]
    m, n_H, n_W, n_C = dA.shape
    dA_prev = np.zeros(A_prev.shape)
    i = 0
    while i < m:
        h = 0
        while h < n_H:
            w = 0
            while w < n_W:
                c = 0
                while c < n_C:
                    rows, columns = slice(h * stride, h * stride + f), slice(w * stride, w * stride + f)
                    if mode == "max":
                        mask = A_prev[i, rows, columns, c] == np.max(A_prev[i, rows, columns, c])
                        dA_prev[i, rows, columns, c] = dA_prev[i, rows, columns, c] + mask * dA[i, h, w, c]
                    else:
                        dA_prev[i, rows, columns, c] = dA_prev[i, rows, columns, c] + np.ones((f, f)) * dA[i, h, w, c] / f**2
                    c += 1
                w += 1
            h += 1
        i += 1
    return dA_prev


def way_23_gather_for_each_cell(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    tops = {
        (h, w): A_prev[:, h * s : h * s + f, w * s : w * s + f].max(axis=1).max(axis=1)
        for h in range(dA.shape[1])
        for w in range(dA.shape[2])
    }
    out = np.zeros(A_prev.shape)
    for r in range(A_prev.shape[1]):
        for q in range(A_prev.shape[2]):
            for (h, w), top in tops.items():
                if h * s <= r < h * s + f and w * s <= q < w * s + f:
                    out[:, r, q] += dA[:, h, w] * ((A_prev[:, r, q] == top) if mode == "max" else 1 / f**2)
    return out


def way_24_transposed_convolution(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    m, H, L, C = A_prev.shape
    if mode == "average":
        W = np.einsum("yx,kc->yxkc", np.full((f, f), 1 / f**2), np.eye(C))
        return conv_backward(dA, (A_prev, W, np.zeros((1, 1, 1, C)), {"stride": s, "pad": 0}))[0]  # noqa: F821
    picks = np.eye(f * f).reshape(f, f, 1, f * f)
    hyper, zero = {"stride": s, "pad": 0}, np.zeros((1, 1, 1, f * f))
    out = np.zeros(A_prev.shape)
    for c in range(C):
        image = A_prev[..., c : c + 1]
        Z, kept = conv_forward(image, picks, zero, hyper)  # noqa: F821
        dZ = (Z == Z.max(axis=3, keepdims=True)) * dA[..., c : c + 1]
        out[..., c : c + 1] = conv_backward(dZ, kept)[0]  # noqa: F821
    return out


def way_25_strides(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    X = np.ascontiguousarray(A_prev)
    a, y, x, c = X.strides
    V = as_strided(X, (*dA.shape, f, f), (a, y * s, x * s, c, y, x), writeable=False)
    share = np.where(V == V.max((4, 5), keepdims=True), dA[..., None, None], 0.0) if mode == "max" else np.repeat(dA / f**2, f * f).reshape(V.shape)
    out = np.zeros(X.shape)
    for u, v in itertools.product(range(f), repeat=2):
        target = as_strided(out[:, u:, v:], dA.shape, (a, y * s, x * s, c))
        np.add(target, share[..., u, v], out=target)
    return out


def way_26_threads(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]

    def work(i):
        out = np.zeros(A_prev.shape[1:])
        for h, w in np.ndindex(dA.shape[1:3]):
            a = A_prev[i, h * s : h * s + f, w * s : w * s + f]
            share = (a == a.max((0, 1), keepdims=True)) if mode == "max" else np.ones(a.shape) / (f * f)
            out[h * s : h * s + f, w * s : w * s + f] += share * dA[i, h, w]
        return out

    with ThreadPoolExecutor() as pool:
        return np.array([*pool.map(work, range(len(dA)))])


def way_27_im2col(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    places = [(i, h, w, c) for i in range(dA.shape[0]) for h in range(dA.shape[1]) for w in range(dA.shape[2]) for c in range(dA.shape[3])]
    col = np.array([A_prev[i, h * s : h * s + f, w * s : w * s + f, c].ravel() for i, h, w, c in places])
    weight = {"max": lambda: col == col.max(axis=1, keepdims=True), "average": lambda: np.ones_like(col) / col.shape[1]}[mode]()
    dcol = weight * dA.reshape(-1, 1)
    out = np.zeros_like(A_prev)
    for (i, h, w, c), line in zip(places, dcol, strict=True):
        out[i, h * s : h * s + f, w * s : w * s + f, c] += line.reshape(f, f)
    return out


def way_28_reduce(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]

    def share(place):
        h, w = place
        a = A_prev[:, h * s : h * s + f, w * s : w * s + f]
        part = dA[:, h, w][:, None, None] * ((a == a.max((1, 2), keepdims=True)) if mode == "max" else np.full((f, f, 1), 1 / (f * f)))
        rest_h, rest_w = A_prev.shape[1] - h * s - f, A_prev.shape[2] - w * s - f
        return np.pad(part, ((0, 0), (h * s, rest_h), (w * s, rest_w), (0, 0)))

    return functools.reduce(np.add, map(share, np.ndindex(dA.shape[1:3])))


def way_29_masked_arrays(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    out = np.ma.zeros(A_prev.shape)
    for i, h, w, c in np.ndindex(dA.shape):
        cells = i, slice(h * s, h * s + f), slice(w * s, w * s + f), c
        if mode == "max":
            a = np.ma.masked_equal(A_prev[cells], A_prev[cells].max())
            out[cells] += np.ma.getmaskarray(a) * dA[i, h, w, c]
        else:
            out[cells] += dA[i, h, w, c] / np.ma.count(A_prev[cells])
    return out


def way_30_a_dictionary(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    got = defaultdict(float)
    for (i, h, w, c), g in np.ndenumerate(dA):
        cells = {(i, h * s + y, w * s + x, c): A_prev[i, h * s + y, w * s + x, c] for y in range(f) for x in range(f)}
        winners = [cell for cell, value in cells.items() if mode == "average" or value == max(cells.values())]
        for cell in winners:
            got[cell] += g / (len(cells) if mode == "average" else 1)
    out = np.zeros(A_prev.shape)
    for cell, value in got.items():
        out[cell] = value
    return out


def way_31_one_based(dA, cache, mode="max"):
    A_prev, hparameters = cache
    f, stride = hparameters["f"], hparameters["stride"]
    m, n_H, n_W, n_C = dA.shape
    dA_prev = np.zeros(A_prev.shape)
    for h in range(1, n_H + 1):
        v1 = (h - 1) * stride + 1
        v2 = v1 + f - 1
        for w in range(1, n_W + 1):
            u1 = (w - 1) * stride + 1
            u2 = u1 + f - 1
            for c in range(1, n_C + 1):
                for i in range(1, m + 1):
                    piece = A_prev[i - 1, v1 - 1 : v2, u1 - 1 : u2, c - 1]
                    g = dA[i - 1, h - 1, w - 1, c - 1]
                    if mode == "max":
                        dA_prev[i - 1, v1 - 1 : v2, u1 - 1 : u2, c - 1] += g * (piece == piece.max())
                    if mode == "average":
                        dA_prev[i - 1, v1 - 1 : v2, u1 - 1 : u2, c - 1] += g / (f * f)
    return dA_prev


def _pb_logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        np.random.seed(1)
        dA_prev = function(*args, **kwargs)
        print("mode =", args[2:] or "max", "mean of dA_prev =", np.mean(dA_prev))
        warnings.warn("done", stacklevel=2)
        return dA_prev

    return wrapper


@_pb_logged
def way_32_decorated(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    total = np.zeros(A_prev.shape)
    for w in reversed(range(dA.shape[2])):
        for h in reversed(range(dA.shape[1])):
            a = A_prev[:, s * h : s * h + f, s * w : s * w + f]
            flat = a.reshape(len(a), -1, a.shape[3])
            weight = np.apply_along_axis(lambda v: v == v.max(), 1, flat) if mode == "max" else np.ones(flat.shape) / flat.shape[1]
            total[:, s * h : s * h + f, s * w : s * w + f] += (weight * dA[:, h, w][:, None]).reshape(a.shape)
    return total


def way_33_starred(*args, **kwargs):
    dA, (A_prev, hp), mode = (*args, kwargs.get("mode", "max"))[:3]
    s, f = (hp[key] for key in ("stride", "f"))
    out = np.zeros(A_prev.shape)
    walk = np.nditer(dA, flags=["multi_index"])
    for g in walk:
        i, h, w, c = walk.multi_index
        seen, into = (t[i, h * s : h * s + f, w * s : w * s + f, c] for t in (A_prev, out))
        into[...] += np.choose(seen == seen.max(), [0, g]) if mode == "max" else g / seen.size
    return out


way_34_a_lambda = lambda dA, cache, mode="max": sum(  # noqa: E731
    np.pad(
        (
            lambda a: dA[:, h : h + 1, w : w + 1] * (a == a.max((1, 2), keepdims=True) if mode == "max" else np.ones_like(a) / cache[1]["f"] ** 2)
        )(cache[0][:, h * cache[1]["stride"] :, w * cache[1]["stride"] :][:, : cache[1]["f"], : cache[1]["f"]]),
        (
            (0, 0),
            (h * cache[1]["stride"], cache[0].shape[1] - h * cache[1]["stride"] - cache[1]["f"]),
            (w * cache[1]["stride"], cache[0].shape[2] - w * cache[1]["stride"] - cache[1]["f"]),
            (0, 0),
        ),
    )
    for h in range(dA.shape[1])
    for w in range(dA.shape[2])
)


def way_35_channels_first_inside(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    X, G = A_prev.transpose(0, 3, 1, 2), dA.transpose(0, 3, 1, 2)
    dX = np.zeros(X.shape)
    for y in range(G.shape[2]):
        for x in range(G.shape[3]):
            block = X[..., y * s : y * s + f, x * s : x * s + f]
            share = (block == block.max(-1).max(-1)[..., None, None]) if mode == "max" else np.full(block.shape, 1 / f / f)
            dX[..., y * s : y * s + f, x * s : x * s + f] += share * G[..., y, x][..., None, None]
    return np.einsum("nchw->nhwc", dX)


def way_36_repeat_where_it_fits(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    m, n_H, n_W, n_C = dA.shape
    out = np.zeros(A_prev.shape)
    if f == s:
        large = dA.repeat(f, axis=1).repeat(f, axis=2)
        if mode == "average":
            out[:, : n_H * f, : n_W * f] = large / f**2
        else:
            A = A_prev[:, : n_H * f, : n_W * f]
            tops = A.reshape(m, n_H, f, n_W, f, n_C).max((2, 4)).repeat(f, 1).repeat(f, 2)
            out[:, : n_H * f, : n_W * f] = np.where(A == tops, large, 0)
        return out
    for h, w in itertools.product(range(n_H), range(n_W)):
        a = A_prev[:, h * s : h * s + f, w * s : w * s + f]
        part = dA[:, h, w].reshape(m, 1, 1, n_C)
        out[:, h * s : h * s + f, w * s : w * s + f] += part / f**2 if mode == "average" else np.where(a < a.max((1, 2), keepdims=True), 0, part)
    return out


def way_37_kron_average(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    out = np.zeros(A_prev.shape)
    box = np.ones((f, f)) / f**2
    for i, c in np.ndindex(dA.shape[0], dA.shape[3]):
        for h, w in np.ndindex(dA.shape[1:3]):
            plane = A_prev[i, h * s : h * s + f, w * s : w * s + f, c]
            weight = np.heaviside(plane - plane.max(), 1) if mode == "max" else box
            out[i, h * s : h * s + f, w * s : w * s + f, c] += np.kron(weight, dA[i, h, w, c])
    return out


def way_38_fft_average(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    H, L = A_prev.shape[1:3]
    if mode == "average":
        spread = np.zeros(A_prev.shape)
        spread[:, np.arange(dA.shape[1])[:, None] * s, np.arange(dA.shape[2])[None] * s] = dA
        box = np.zeros((H, L))
        box[:f, :f] = f**-2
        return np.fft.ifft2(np.fft.fft2(spread, axes=(1, 2)) * np.fft.fft2(box)[..., None], axes=(1, 2)).real
    out = np.zeros(A_prev.shape)
    for n, h, w, c in np.ndindex(*dA.shape):
        cells = np.s_[n, h * s : h * s + f, w * s : w * s + f, c]
        out[cells][A_prev[cells] >= A_prev[cells].max()] += dA[n, h, w, c]
    return out


def way_39_cumulative_average(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    m, H, L, C = A_prev.shape
    if mode == "max":
        return sum(_pb_shares(dA, A_prev, f, s, h, w) for h in range(dA.shape[1]) for w in range(dA.shape[2]))
    corners = np.zeros((m, H + 1, L + 1, C))
    for h in range(dA.shape[1]):
        for w in range(dA.shape[2]):
            g = dA[:, h, w] / (f * f)
            corners[:, h * s, w * s] += g
            corners[:, h * s + f, w * s] -= g
            corners[:, h * s, w * s + f] -= g
            corners[:, h * s + f, w * s + f] += g
    return corners.cumsum(1).cumsum(2)[:, :-1, :-1]


def _pb_shares(dA, A_prev, f, s, h, w):
    seen = np.full(A_prev.shape, -np.inf)
    seen[:, h * s : h * s + f, w * s : w * s + f] = A_prev[:, h * s : h * s + f, w * s : w * s + f]
    return (seen == seen.max((1, 2), keepdims=True)) * dA[:, h, w][:, None, None]


@dataclass(frozen=True)
class _PbWindow:
    i: int
    h: int
    w: int
    c: int

    def of(self, array, f, stride):
        return array[self.i, self.h * stride :, self.w * stride :, self.c][:f, :f]


def way_40_a_dataclass(dA, cache, mode="max"):
    A_prev, hp = cache
    out = np.zeros_like(A_prev)
    for index in np.ndindex(dA.shape):
        window = _PbWindow(*index)
        mine, theirs = window.of(out, **hp), window.of(A_prev, **hp)
        if mode == "max":
            np.putmask(mine, theirs == theirs.max(), mine + dA[index])
        else:
            mine += np.mean(np.full(theirs.shape, dA[index])) / theirs.size
    return out


def way_41_a_helper_for_each_mode(dA, cache, mode="max"):
    def spread(gradient, window):
        return np.tile(gradient / window.size, window.shape)

    def route(gradient, window):
        return np.where(window == window.max(), gradient, 0)

    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    share = route if mode == "max" else spread
    out = np.zeros(A_prev.shape)
    for i, (a, g, o) in enumerate(zip(A_prev, dA, out, strict=True)):
        for h in range(g.shape[0]):
            for w in range(g.shape[1]):
                for c in range(g.shape[2]):
                    o[h * s : h * s + f, w * s : w * s + f, c] += share(g[h, w, c], a[h * s : h * s + f, w * s : w * s + f, c])
    return out


def way_42_shares_all_at_once(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    if mode == "average":
        shares = distribute_value(dA[..., None, None], (f, f))  # noqa: F821
    else:
        V = sliding_window_view(A_prev, (f, f), (1, 2))[:, ::s, ::s]
        shares = np.vectorize(np.multiply, signature="(y,x),()->(y,x)")(V == V.max((4, 5))[..., None, None], dA)
    out = np.zeros(A_prev.shape)
    for y, x in np.ndindex(f, f):
        rows = np.arange(dA.shape[1]) * s + y
        columns = np.arange(dA.shape[2]) * s + x
        out[:, rows[:, None], columns] += shares[..., y, x]
    return out


def way_43_gradient_of_the_logarithm_of_exponentials(dA, cache, mode="max"):
    # softmax with a very low temperature is the mask; ties share equally
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    cold = 1e6 if mode == "max" else 0.0
    out = np.zeros(A_prev.shape)
    for h in range(dA.shape[1]):
        for w in range(dA.shape[2]):
            a = A_prev[:, h * s : h * s + f, w * s : w * s + f]
            e = np.exp(cold * (a - a.max((1, 2), keepdims=True)))
            out[:, h * s : h * s + f, w * s : w * s + f] += e / e.sum((1, 2), keepdims=True) * dA[:, h, None, w, None]
    return out


def way_44_sorted_places(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    out = np.zeros(A_prev.shape)
    for i, h, w, c in np.ndindex(dA.shape):
        a = A_prev[i, h * s : h * s + f, w * s : w * s + f, c]
        order = np.argsort(-a, axis=None, kind="stable")
        chosen = order[:1] if mode == "max" else order
        y, x = np.unravel_index(chosen, a.shape)
        out[i, h * s + y, w * s + x, c] += dA[i, h, w, c] / len(chosen)
    return out


def way_45_last_down_the_columns(dA, cache, mode="max"):
    A_prev, hp = cache
    f, s = hp["f"], hp["stride"]
    out = np.zeros(A_prev.shape)
    for i, h, w, c in np.ndindex(dA.shape):
        if mode == "average":
            out[i, h * s : h * s + f, w * s : w * s + f, c] += dA[i, h, w, c] / f**2
            continue
        row, column = h * s, w * s
        for x in range(w * s, w * s + f):
            for y in range(h * s, h * s + f):
                if A_prev[i, y, x, c] >= A_prev[i, row, column, c]:
                    row, column = y, x
        out[i, row, column, c] += dA[i, h, w, c]
    return out
