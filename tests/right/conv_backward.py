"""Right solutions of conv_backward, each written in another way; judged by tests/test_right_solutions.py, never imported."""

import functools
import itertools
import math
import warnings
from collections import defaultdict, namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

CbGradients = namedtuple("CbGradients", "dA_prev dW db")


def way_01_the_course(dZ, cache):
    """
    Implement the backward propagation for a convolution function
    """
    # Retrieve information from "cache"
    (A_prev, W, b, hparameters) = cache
    # Retrieve dimensions from A_prev's shape
    (m, n_H_prev, n_W_prev, n_C_prev) = A_prev.shape
    # Retrieve dimensions from W's shape
    (f, f, n_C_prev, n_C) = W.shape
    # Retrieve information from "hparameters"
    stride = hparameters["stride"]
    pad = hparameters["pad"]
    # Retrieve dimensions from dZ's shape
    (m, n_H, n_W, n_C) = dZ.shape
    # Initialize dA_prev, dW, db with the correct shapes
    dA_prev = np.zeros(A_prev.shape)
    dW = np.zeros(W.shape)
    db = np.zeros(b.shape)
    # Pad A_prev and dA_prev
    A_prev_pad = zero_pad(A_prev, pad)  # noqa: F821
    dA_prev_pad = zero_pad(dA_prev, pad)  # noqa: F821
    for i in range(m):
        a_prev_pad = A_prev_pad[i]
        da_prev_pad = dA_prev_pad[i]
        for h in range(n_H):
            for w in range(n_W):
                for c in range(n_C):
                    vert_start = h * stride
                    vert_end = vert_start + f
                    horiz_start = w * stride
                    horiz_end = horiz_start + f
                    a_slice = a_prev_pad[vert_start:vert_end, horiz_start:horiz_end, :]
                    da_prev_pad[vert_start:vert_end, horiz_start:horiz_end, :] += W[:, :, :, c] * dZ[i, h, w, c]
                    dW[:, :, :, c] += a_slice * dZ[i, h, w, c]
                    db[:, :, :, c] += dZ[i, h, w, c]
        # Set the ith training example's dA_prev to the unpadded da_prev_pad
        if pad:
            dA_prev[i, :, :, :] = da_prev_pad[pad:-pad, pad:-pad, :]
        else:
            dA_prev[i, :, :, :] = da_prev_pad
    assert dA_prev.shape == (m, n_H_prev, n_W_prev, n_C_prev)
    return dA_prev, dW, db


def way_02_two_loops(dZ, cache):
    A_prev, W, b, hp = cache
    f, s, p = W.shape[0], hp["stride"], hp["pad"]
    X = zero_pad(A_prev, p)  # noqa: F821
    dX, dW = np.zeros_like(X), np.zeros_like(W)
    for h in range(dZ.shape[1]):
        for w in range(dZ.shape[2]):
            rows, columns = slice(h * s, h * s + f), slice(w * s, w * s + f)
            dX[:, rows, columns] += np.einsum("nc,yxkc->nyxk", dZ[:, h, w], W)
            dW += np.einsum("nyxk,nc->yxkc", X[:, rows, columns], dZ[:, h, w])
    db = dZ.sum(axis=(0, 1, 2), keepdims=True)
    return dX[:, p : p + A_prev.shape[1], p : p + A_prev.shape[2]], dW, db


def way_03_offsets_inside_the_filter(dZ, cache):
    A_prev, W, b, hp = cache
    f, s, p = W.shape[0], hp["stride"], hp["pad"]
    _, n_H, n_W, _ = dZ.shape
    X = np.pad(A_prev, ((0, 0), (p, p), (p, p), (0, 0)))
    dX, dW = np.zeros(X.shape), np.empty(W.shape)
    for y in range(f):
        for x in range(f):
            cells = np.s_[:, y : y + s * (n_H - 1) + 1 : s, x : x + s * (n_W - 1) + 1 : s]
            dX[cells] += dZ @ W[y, x].T
            dW[y, x] = np.tensordot(X[cells], dZ, axes=((0, 1, 2), (0, 1, 2)))
    return dX[:, p : dX.shape[1] - p, p : dX.shape[2] - p], dW, np.sum(dZ, (0, 1, 2)).reshape(1, 1, 1, -1)


def way_04_window_view(dZ, cache):
    (A_prev, W, b, hparameters) = cache
    f, s, p = W.shape[1], hparameters["stride"], hparameters["pad"]
    X = zero_pad(A_prev, p)  # noqa: F821
    V = sliding_window_view(X, (f, f), axis=(1, 2))[:, ::s, ::s]
    dW = np.einsum("nhwkyx,nhwc->yxkc", V, dZ, optimize=True)
    shares = np.einsum("nhwc,yxkc->nhwyxk", dZ, W, optimize=True)
    dX = np.zeros(X.shape)
    for h, w in np.ndindex(dZ.shape[1:3]):
        dX[:, h * s : h * s + f, w * s : w * s + f] += shares[:, h, w]
    return dX[:, p : p + A_prev.shape[1], p : p + A_prev.shape[2], :], dW, dZ.sum((0, 1, 2))[None, None, None]


def way_05_writeable_window_view_and_add_at(dZ, cache):
    A_prev, W, b, hp = cache
    f, s, p = W.shape[0], hp["stride"], hp["pad"]
    X = zero_pad(A_prev, p)  # noqa: F821
    dX = np.zeros(X.shape)
    i, h, w, y, x = np.indices((*dZ.shape[:3], f, f)).reshape(5, -1)
    np.add.at(dX, (i, h * s + y, w * s + x), np.einsum("nc,nkc->nk", dZ[i, h, w], W[y, x]))
    dW = np.zeros(W.shape)
    np.add.at(dW, (y, x), X[i, h * s + y, w * s + x][:, :, None] * dZ[i, h, w][:, None, :])
    db = np.zeros(b.shape)
    np.add.at(db, (0, 0, 0, np.indices(dZ.shape)[3]), dZ)
    return dX[:, p : p + A_prev.shape[1], p : p + A_prev.shape[2]], dW, db


def way_06_im2col(dZ, cache):
    A_prev, W, b, hp = cache
    f, _, depth, n_C = W.shape
    s, p = hp["stride"], hp["pad"]
    m, n_H, n_W, _ = dZ.shape
    X = zero_pad(A_prev, p)  # noqa: F821
    col = np.array([X[i, h * s : h * s + f, w * s : w * s + f].ravel() for i in range(m) for h in range(n_H) for w in range(n_W)])
    flat = dZ.reshape(-1, n_C)
    dW = (col.T @ flat).reshape(W.shape)
    dcol = flat @ W.reshape(-1, n_C).T
    dX = np.zeros_like(X)
    for row, (i, h, w) in zip(dcol, itertools.product(range(m), range(n_H), range(n_W)), strict=True):
        dX[i, h * s : h * s + f, w * s : w * s + f] += row.reshape(f, f, depth)
    return dX[:, p : p + A_prev.shape[1], p : p + A_prev.shape[2]], dW, flat.sum(0, keepdims=True).reshape(1, 1, 1, n_C)


def way_07_transposed_convolution_by_forward(dZ, cache):
    # dA is the full convolution of dZ, spread out by the stride, with the filters turned by 180 degrees
    A_prev, W, b, hp = cache
    m, H, L, depth = A_prev.shape
    f, _, _, n_C = W.shape
    s, p = hp["stride"], hp["pad"]
    n_H, n_W = dZ.shape[1:3]
    spread = np.zeros((m, H + 2 * p + f - 1, L + 2 * p + f - 1, n_C))
    spread[:, f - 1 : f - 1 + (n_H - 1) * s + 1 : s, f - 1 : f - 1 + (n_W - 1) * s + 1 : s] = dZ
    turned = W[::-1, ::-1].swapaxes(2, 3)
    dX, _ = conv_forward(spread, turned, np.zeros((1, 1, 1, depth)), {"stride": 1, "pad": 0})  # noqa: F821
    X = zero_pad(A_prev, p)  # noqa: F821
    dW = np.zeros(W.shape)
    for y, x in np.ndindex(f, f):
        dW[y, x] = np.einsum("nhwk,nhwc->kc", X[:, y : y + n_H * s : s, x : x + n_W * s : s][:, :n_H, :n_W], dZ)
    return dX[:, p : p + H, p : p + L], dW, dZ.sum(axis=(0, 1, 2)).reshape(b.shape)


def way_08_dW_by_forward_too(dZ, cache):
    A_prev, W, b, hp = cache
    f, s, p = W.shape[0], hp["stride"], hp["pad"]
    n_H, n_W = dZ.shape[1:3]
    X = zero_pad(A_prev, p)  # noqa: F821
    # images become channels: X (k, rows, columns, m), dZ (rows, columns, m, c); the filter dZ need not be square, so pad it to a square
    side = max((n_H - 1) * s + 1, (n_W - 1) * s + 1)
    kernel = np.zeros((side, side, len(X), dZ.shape[3]))
    kernel[: (n_H - 1) * s + 1 : s, : (n_W - 1) * s + 1 : s] = dZ.transpose(1, 2, 0, 3)
    images = np.zeros((X.shape[3], side + f - 1, side + f - 1, len(X)))
    rows, columns = min(images.shape[1], X.shape[1]), min(images.shape[2], X.shape[2])
    images[:, :rows, :columns] = X.transpose(3, 1, 2, 0)[:, :rows, :columns]
    dW, _ = conv_forward(images, kernel, np.zeros((1, 1, 1, dZ.shape[3])), {"stride": 1, "pad": 0})  # noqa: F821
    dW = dW.transpose(1, 2, 0, 3)
    dX = np.zeros(X.shape)
    for i, h, w, c in np.ndindex(dZ.shape):
        dX[i, h * s : h * s + f, w * s : w * s + f] += dZ[i, h, w, c] * W[..., c]
    db = np.ones((1, dZ[..., 0].size)) @ dZ.reshape(-1, dZ.shape[3])
    return dX[:, p:][:, : A_prev.shape[1], p:][:, :, : A_prev.shape[2]], dW, db[None, None]


def way_09_linear_algebra_of_unit_images(dZ, cache):
    # the layer is linear in the image and in the filters, so its gradient is the transpose of its matrix
    A_prev, W, b, hp = cache
    zero = np.zeros_like(b)
    cells = math.prod(A_prev.shape[1:])
    units = np.eye(cells).reshape(cells, *A_prev.shape[1:])
    M = conv_forward(units, W, zero, hp)[0].reshape(cells, -1)  # noqa: F821
    dA = (dZ.reshape(len(dZ), -1) @ M.T).reshape(A_prev.shape)
    filters = np.eye(W[..., 0].size).reshape(*W.shape[:3], -1)
    N = conv_forward(A_prev, filters, np.zeros((1, 1, 1, filters.shape[3])), hp)[0]  # noqa: F821
    dW = (N.reshape(-1, N.shape[3]).T @ dZ.reshape(-1, dZ.shape[3])).reshape(W.shape)
    return dA, dW, np.apply_over_axes(np.sum, dZ, [0, 1, 2])


def way_10_numeric_slopes(dZ, cache):
    # sum(Z * dZ) is linear in each argument, so a step of 1 gives the exact slope
    A_prev, W, b, hp = cache

    def loss(images, filters, bias):
        p, s = hp["pad"], hp["stride"]
        V = sliding_window_view(zero_pad(images, p), filters.shape[:2], axis=(1, 2))[:, ::s, ::s]  # noqa: F821
        Z = np.tensordot(V, filters, axes=((4, 5, 3), (0, 1, 2))) + bias
        return np.vdot(Z, dZ)

    parts = [np.zeros_like(one) for one in (A_prev, W, b)]
    values = [A_prev, W, b]
    for position, gradient in enumerate(parts):
        base = list(values)
        base[position] = np.zeros_like(values[position])
        if position < 2:
            base[2] = np.zeros_like(b)
        rest = loss(*base) if position == 2 else 0.0
        for index in np.ndindex(gradient.shape):
            base[position][index] = 1.0
            gradient[index] = loss(*base) - rest
            base[position][index] = 0.0
    return tuple(parts)


def way_11_eight_loops(dZ, cache):
    (A_prev, W, b, hparameters) = cache
    (m, n_H_prev, n_W_prev, n_C_prev), (f, _, _, n_C) = A_prev.shape, W.shape
    stride, pad = hparameters["stride"], hparameters["pad"]
    dA_prev, dW, db = np.zeros(A_prev.shape), np.zeros(W.shape), np.zeros((1, 1, 1, n_C))
    for i in range(m):
        for h in range(dZ.shape[1]):
            for w in range(dZ.shape[2]):
                for c in range(n_C):
                    g = dZ[i, h, w, c]
                    db[0, 0, 0, c] += g
                    for y in range(f):
                        row = h * stride + y - pad
                        if not 0 <= row < n_H_prev:
                            continue
                        for x in range(f):
                            column = w * stride + x - pad
                            if not 0 <= column < n_W_prev:
                                continue
                            for k in range(n_C_prev):
                                dA_prev[i, row, column, k] += W[y, x, k, c] * g
                                dW[y, x, k, c] += A_prev[i, row, column, k] * g
    return dA_prev, dW, db


def way_12_never_padded(dZ, cache):
    A_prev, W, b, hp = cache
    _, H, L, _ = A_prev.shape
    f, s, p = W.shape[0], hp["stride"], hp["pad"]
    dA, dW = np.zeros(A_prev.shape), np.zeros(W.shape)
    for h in range(dZ.shape[1]):
        t, e = max(h * s - p, 0), min(h * s - p + f, H)
        for w in range(dZ.shape[2]):
            u, v = max(w * s - p, 0), min(w * s - p + f, L)
            y, x = t - h * s + p, u - w * s + p
            kernel = W[y : y + e - t, x : x + v - u]
            dA[:, t:e, u:v] += np.tensordot(dZ[:, h, w], kernel, axes=(1, 3))
            dW[y : y + e - t, x : x + v - u] += np.tensordot(A_prev[:, t:e, u:v], dZ[:, h, w], axes=(0, 0))
    return dA, dW, dZ.sum(0).sum(0).sum(0).reshape((1, 1, 1, -1))


def way_13_lists(dZ, cache):
    A_prev, W, b, hp = cache
    f, _, depth, n_C = W.shape
    s, p = hp["stride"], hp["pad"]
    m, H, L, _ = A_prev.shape
    A, F, G = A_prev.tolist(), W.tolist(), dZ.tolist()
    dA = [[[[0.0] * depth for _ in range(L)] for _ in range(H)] for _ in range(m)]
    dW = [[[[0.0] * n_C for _ in range(depth)] for _ in range(f)] for _ in range(f)]
    db = [0.0] * n_C
    for i, image in enumerate(G):
        for h, line in enumerate(image):
            for w, cell in enumerate(line):
                for c, g in enumerate(cell):
                    db[c] += g
                    for y, x in itertools.product(range(f), range(f)):
                        r, q = h * s + y - p, w * s + x - p
                        if 0 <= r < H and 0 <= q < L:
                            for k in range(depth):
                                dA[i][r][q][k] += F[y][x][k][c] * g
                                dW[y][x][k][c] += A[i][r][q][k] * g
    return dA, dW, [[[db]]]


def way_14_gather_for_each_cell(dZ, cache):
    # which windows see this cell?
    A_prev, W, b, hp = cache
    m, H, L, depth = A_prev.shape
    f, s, p = W.shape[0], hp["stride"], hp["pad"]
    dA = np.zeros((m, H, L, depth))
    for row in range(H):
        for column in range(L):
            for y in range(f):
                h, rest = divmod(row + p - y, s)
                if rest or not 0 <= h < dZ.shape[1]:
                    continue
                for x in range(f):
                    w, rest = divmod(column + p - x, s)
                    if not rest and 0 <= w < dZ.shape[2]:
                        dA[:, row, column] += dZ[:, h, w] @ W[y, x].T
    X = zero_pad(A_prev, p)  # noqa: F821
    dW = np.zeros_like(W)
    for h, w in np.ndindex(dZ.shape[1:3]):
        dW += np.tensordot(X[:, h * s : h * s + f, w * s : w * s + f], dZ[:, h, w], (0, 0))
    return dA, dW, np.add.reduce(dZ, axis=(0, 1, 2), keepdims=True)


def way_15_selectors(dZ, cache):
    A_prev, W, b, hp = cache
    f, s, p = W.shape[0], hp["stride"], hp["pad"]

    def selector(n, out):
        S = np.zeros((out, f, n))
        for r in range(out):
            S[r] = np.eye(f, n, k=r * s - p)
        return S

    P, Q = selector(A_prev.shape[1], dZ.shape[1]), selector(A_prev.shape[2], dZ.shape[2])
    dA = np.einsum("pyr,qxt,npqc,yxkc->nrtk", P, Q, dZ, W, optimize=True)
    dW = np.einsum("pyr,qxt,npqc,nrtk->yxkc", P, Q, dZ, A_prev, optimize=True)
    return dA, dW, np.einsum("npqc->c", dZ).reshape(b.shape)


def way_16_fft(dZ, cache):
    A_prev, W, b, hp = cache
    f, s, p = W.shape[0], hp["stride"], hp["pad"]
    X = zero_pad(A_prev, p)  # noqa: F821
    size = X.shape[1:3]
    spread = np.zeros((len(X), *size, dZ.shape[3]))
    spread[:, : s * dZ.shape[1] : s, : s * dZ.shape[2] : s][:, : dZ.shape[1], : dZ.shape[2]] = dZ
    FG, FX = np.fft.fft2(spread, axes=(1, 2)), np.fft.fft2(X, axes=(1, 2))
    FW = np.fft.fft2(W, s=size, axes=(0, 1))
    dX = np.fft.ifft2(np.einsum("nyxc,yxkc->nyxk", FG, FW), axes=(1, 2)).real
    dW = np.fft.ifft2(np.einsum("nyxk,nyxc->yxkc", FX, FG.conj()), axes=(0, 1)).real[:f, :f]
    return dX[:, p : size[0] - p, p : size[1] - p], dW, FG[:, 0, 0].real.sum(0).reshape(1, 1, 1, -1)


def way_17_image_by_image_recursion(dZ, cache):
    A_prev, W, b, hp = cache
    if len(A_prev) > 1:
        first = way_17_image_by_image_recursion(dZ[:1], (A_prev[:1], W, b, hp))
        rest = way_17_image_by_image_recursion(dZ[1:], (A_prev[1:], W, b, hp))
        return np.concatenate((first[0], rest[0])), first[1] + rest[1], first[2] + rest[2]
    f, s, p = W.shape[0], hp["stride"], hp["pad"]
    x = zero_pad(A_prev, p)[0]  # noqa: F821
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    for h, row in enumerate(dZ[0]):
        for w, g in enumerate(row):
            window = np.s_[h * s : h * s + f, w * s : w * s + f]
            dx[window] += (W * g).sum(-1)
            dW += x[window][..., None] * g
    return dx[None, p : p + A_prev.shape[1], p : p + A_prev.shape[2]], dW, dZ.sum(axis=(0, 1, 2), keepdims=True)


def way_18_filter_by_filter(dZ, cache):
    A_prev, W, b, hp = cache
    f, _, _, n_C = W.shape
    s, p = hp["stride"], hp["pad"]
    X = zero_pad(A_prev, p)  # noqa: F821
    dX, columns, sums = np.zeros(X.shape), [], []
    for c in range(n_C):
        total = np.zeros(W.shape[:3])
        for h in range(dZ.shape[1]):
            for w in range(dZ.shape[2]):
                g = dZ[:, h, w, c][:, None, None, None]
                view = X[:, h * s : h * s + f, w * s : w * s + f]
                total += (view * g).sum(axis=0)
                dX[:, h * s : h * s + f, w * s : w * s + f] += g * W[..., c]
        columns.append(total)
        sums.append(dZ[..., c].sum())
    return dX[:, p : p + A_prev.shape[1], p : p + A_prev.shape[2]], np.stack(columns, axis=-1), np.array(sums, ndmin=4)


def way_19_float32(dZ, cache):
    A_prev, W, b, hp = cache
    A, F, G = A_prev.astype("f4"), W.astype("f4"), dZ.astype("f4")
    f, s, p = F.shape[0], hp["stride"], hp["pad"]
    X = np.pad(A, ((0, 0), (p, p), (p, p), (0, 0)))
    dX, dW, db = np.zeros(X.shape, "f4"), np.zeros(F.shape, "f4"), np.zeros(b.shape, "f4")
    for i, h, w, c in np.ndindex(G.shape):
        g, cells = G[i, h, w, c], (i, slice(h * s, h * s + f), slice(w * s, w * s + f))
        dX[cells] += F[..., c] * g
        dW[..., c] += X[cells] * g
        db[..., c] += g
    return dX[:, p : p + A.shape[1], p : p + A.shape[2]], dW, db


class _CbLayer:
    def __init__(self, A_prev, W, b, hparameters):
        self.A, self.W, self.b = A_prev, W, b
        self.__dict__.update(hparameters)

    def slices(self, dZ):
        f = self.W.shape[0]
        for h in range(dZ.shape[1]):
            for w in range(dZ.shape[2]):
                top, left = h * self.stride, w * self.stride
                yield (slice(None), slice(top, top + f), slice(left, left + f)), dZ[:, h, w]

    def backward(self, dZ):
        X = zero_pad(self.A, self.pad)  # noqa: F821
        self.dX, self.dW, self.db = np.zeros(X.shape), np.zeros(self.W.shape), np.zeros(self.b.shape)
        for cells, g in self.slices(dZ):
            self.dX[cells] += np.tensordot(g, self.W, ((1,), (3,)))
            self.dW += np.tensordot(X[cells], g, ((0,), (0,)))
            self.db += g.sum(axis=0)
        return self

    def __iter__(self):
        crop = slice(self.pad, self.pad + self.A.shape[1]), slice(self.pad, self.pad + self.A.shape[2])
        yield from (self.dX[:, crop[0], crop[1]], self.dW, self.db)


def way_20_a_layer(dZ, cache):
    return tuple(_CbLayer(*cache).backward(dZ))


def way_21_中文(输出梯度, 缓存):
    """卷积层的反向传播:梯度按窗口累加,最后裁掉填充。"""
    前层激活, 权重, 偏置, 超参数 = 缓存
    步长, 填充 = 超参数["stride"], 超参数["pad"]
    核 = 权重.shape[0]
    高, 宽 = 前层激活.shape[1:3]
    填充后 = zero_pad(前层激活, 填充)  # noqa: F821
    填充梯度 = np.zeros(填充后.shape)
    权重梯度 = np.zeros(权重.shape)
    偏置梯度 = np.zeros(偏置.shape)
    for 样本, 行, 列 in itertools.product(*(range(数) for 数 in 输出梯度.shape[:3])):
        窗口 = (样本, slice(行 * 步长, 行 * 步长 + 核), slice(列 * 步长, 列 * 步长 + 核))
        梯度 = 输出梯度[样本, 行, 列]
        填充梯度[窗口] += 权重 @ 梯度
        权重梯度 += np.multiply.outer(填充后[窗口], 梯度)
        偏置梯度 += 梯度
    return 填充梯度[:, 填充 : 填充 + 高, 填充 : 填充 + 宽], 权重梯度, 偏置梯度


def way_22_named_tuple(dZ, cache):
    A_prev, W, _, hp = cache
    f, s, p = W.shape[0], hp["stride"], hp["pad"]
    X = zero_pad(A_prev, p)  # noqa: F821
    patches = np.stack([X[:, h * s : h * s + f, w * s : w * s + f] for h in range(dZ.shape[1]) for w in range(dZ.shape[2])], 1)
    g = dZ.reshape(len(dZ), -1, dZ.shape[3])
    dpatches = np.einsum("npc,yxkc->npyxk", g, W)
    dX = np.zeros(X.shape)
    for number in range(g.shape[1]):
        h, w = divmod(number, dZ.shape[2])
        dX[:, h * s : h * s + f, w * s : w * s + f] += dpatches[:, number]
    return CbGradients(dX[:, p : p + A_prev.shape[1], p : p + A_prev.shape[2]], np.einsum("npyxk,npc->yxkc", patches, g), g.sum((0, 1)).reshape(1, 1, 1, -1))


class _CbHyper(NamedTuple):
    stride: int
    pad: int


def way_23_annotated(dZ: np.ndarray, cache: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    A_prev, W, b, hparameters = cache
    hp = _CbHyper(**hparameters)
    f: int = W.shape[0]
    padded: np.ndarray = zero_pad(X=A_prev, pad=hp.pad)  # noqa: F821
    d_padded: np.ndarray = np.zeros_like(padded, order="F")
    dW: np.ndarray = np.zeros_like(W, order="F")
    db: np.ndarray = dZ.sum(axis=(0, 1, 2), keepdims=True)
    for i, h, w, c in itertools.product(*map(range, dZ.shape)):
        top, left = h * hp.stride, w * hp.stride
        d_padded[i, top : top + f, left : left + f] += dZ[i, h, w, c] * W[:, :, :, c]
        dW[:, :, :, c] += dZ[i, h, w, c] * padded[i, top : top + f, left : left + f]
    return d_padded[:, hp.pad : hp.pad + A_prev.shape[1], hp.pad : hp.pad + A_prev.shape[2]], dW, db


def way_24_minus_pad_or_none(dZ, cache):
    A_prev, W, b, hparameters = cache
    stride, pad = hparameters["stride"], hparameters["pad"]
    f = W.shape[0]
    A_pad, dA_pad = zero_pad(A_prev, pad), zero_pad(np.zeros(A_prev.shape), pad)  # noqa: F821
    dW, db = np.zeros(W.shape), np.zeros(b.shape)
    for i in reversed(range(dZ.shape[0])):
        for c in range(dZ.shape[3]):
            for w in range(dZ.shape[2]):
                for h in range(dZ.shape[1]):
                    z = dZ[i, h, w, c]
                    v, u = h * stride, w * stride
                    dA_pad[i, v : v + f, u : u + f, :] = dA_pad[i, v : v + f, u : u + f, :] + W[:, :, :, c] * z
                    dW[:, :, :, c] = dW[:, :, :, c] + A_pad[i, v : v + f, u : u + f, :] * z
                    db[:, :, :, c] = db[:, :, :, c] + z
    return dA_pad[:, pad : -pad or None, pad : -pad or None], dW, db


def way_25_while_loops(dZ, cache):
    A_prev, W, b, hparameters = cache
    stride, pad, f = hparameters["stride"], hparameters["pad"], W.shape[0]
    m, n_H, n_W, n_C = dZ.shape
    dA_prev = np.zeros(A_prev.shape)
    dW, db = 0 * W, 0 * b
    i = 0
    while i < m:
        a, da = np.pad(A_prev[i], ((pad,) * 2, (pad,) * 2, (0, 0))), np.pad(dA_prev[i], ((pad,) * 2, (pad,) * 2, (0, 0)))
        h = 0
        while h < n_H:
            w = 0
            while w < n_W:
                da[h * stride : h * stride + f, w * stride : w * stride + f] += np.dot(W, dZ[i, h, w])
                dW += a[h * stride : h * stride + f, w * stride : w * stride + f, :, np.newaxis] * dZ[i, h, w]
                db += dZ[i, h, w]
                w += 1
            h += 1
        dA_prev[i] = da[pad : len(da) - pad, pad : da.shape[1] - pad]
        i += 1
    return dA_prev, dW, db


def way_26_threads(dZ, cache):
    A_prev, W, b, hp = cache
    f, s, p = W.shape[0], hp["stride"], hp["pad"]

    def work(pair):
        image, gradient = pair
        x = np.pad(image, ((p, p), (p, p), (0, 0)))
        dx, dw = np.zeros(x.shape), np.zeros(W.shape)
        for h, w in np.ndindex(gradient.shape[:2]):
            dx[h * s : h * s + f, w * s : w * s + f] += W @ gradient[h, w]
            dw += x[h * s : h * s + f, w * s : w * s + f, :, None] * gradient[h, w]
        return dx[p : p + image.shape[0], p : p + image.shape[1]], dw, gradient.sum((0, 1))

    with ThreadPoolExecutor(2) as pool:
        dA, dW, db = zip(*pool.map(work, zip(A_prev, dZ, strict=True)), strict=True)
    return np.stack(dA), sum(dW), sum(db).reshape(1, 1, 1, -1)


def way_27_one_great_matrix(dZ, cache):
    A_prev, W, b, hp = cache
    m, H, L, depth = A_prev.shape
    s, p, f = hp["stride"], hp["pad"], W.shape[0]
    n_H, n_W, n_C = dZ.shape[1:]
    M = np.zeros((n_H, n_W, n_C, H + 2 * p, L + 2 * p, depth))
    for h, w in np.ndindex(n_H, n_W):
        M[h, w, :, h * s : h * s + f, w * s : w * s + f] = W.transpose(3, 0, 1, 2)
    M = M[:, :, :, p : p + H, p : p + L].reshape(n_H * n_W * n_C, -1)
    dA = (dZ.reshape(m, -1) @ M).reshape(A_prev.shape)
    dM = dZ.reshape(m, -1).T @ zero_pad(A_prev, p).reshape(m, -1)  # noqa: F821
    dM = dM.reshape(n_H, n_W, n_C, H + 2 * p, L + 2 * p, depth)
    dW = sum(dM[h, w, :, h * s : h * s + f, w * s : w * s + f] for h in range(n_H) for w in range(n_W))
    return dA, np.moveaxis(dW, 0, -1), dZ.sum((0, 1, 2))[np.newaxis, np.newaxis, np.newaxis, :]


def way_28_reduce(dZ, cache):
    A_prev, W, b, hp = cache
    f, s, p = W.shape[0], hp["stride"], hp["pad"]
    X = zero_pad(A_prev, p)  # noqa: F821

    def add(state, place):
        h, w = place
        dX, dW, db = state
        g = dZ[:, h, w]
        share = np.pad(np.einsum("nc,yxkc->nyxk", g, W), ((0, 0), (h * s, X.shape[1] - h * s - f), (w * s, X.shape[2] - w * s - f), (0, 0)))
        return dX + share, dW + np.einsum("nyxk,nc->yxkc", X[:, h * s : h * s + f, w * s : w * s + f], g), db + g.sum(0)

    dX, dW, db = functools.reduce(add, np.ndindex(dZ.shape[1:3]), (0.0, 0.0, np.zeros((1, 1, 1, W.shape[3]))))
    return dX[:, p : p + A_prev.shape[1], p : p + A_prev.shape[2]], dW, db


def way_29_strides(dZ, cache):
    A_prev, W, b, hp = cache
    f, s, p = W.shape[0], hp["stride"], hp["pad"]
    X = np.ascontiguousarray(zero_pad(A_prev, p))  # noqa: F821
    st = X.strides
    V = as_strided(X, (*dZ.shape[:3], f, f, X.shape[3]), (st[0], st[1] * s, st[2] * s, *st[1:]), writeable=False)
    dW = np.tensordot(V, dZ, axes=((0, 1, 2),) * 2)
    dX = np.zeros_like(X)
    parts = np.tensordot(dZ, W, axes=((3,), (3,)))
    for y in range(f):
        for x in range(f):
            target = as_strided(dX[:, y:, x:], (*dZ.shape[:3], X.shape[3]), (st[0], st[1] * s, st[2] * s, st[3]))
            target += parts[:, :, :, y, x]
    return dX[:, p : p + A_prev.shape[1], p : p + A_prev.shape[2]], dW, dZ.mean((0, 1, 2), keepdims=True) * dZ[..., 0].size


def way_30_split_into_three_functions(dZ, cache):
    return [_cb_images(dZ, *cache), _cb_filters(dZ, *cache), _cb_biases(dZ)]


def _cb_places(dZ, f, stride):
    return ((h, w, slice(h * stride, h * stride + f), slice(w * stride, w * stride + f)) for h in range(dZ.shape[1]) for w in range(dZ.shape[2]))


def _cb_images(dZ, A_prev, W, _, hparameters):
    pad = hparameters["pad"]
    out = np.zeros((A_prev.shape[0], A_prev.shape[1] + 2 * pad, A_prev.shape[2] + 2 * pad, A_prev.shape[3]))
    for h, w, rows, columns in _cb_places(dZ, W.shape[0], hparameters["stride"]):
        out[:, rows, columns] += np.inner(dZ[:, h, w], W)
    return out[:, pad : pad + A_prev.shape[1], pad : pad + A_prev.shape[2]]


def _cb_filters(dZ, A_prev, W, _, hparameters):
    padded = zero_pad(A_prev, hparameters["pad"])  # noqa: F821
    return sum(np.tensordot(padded[:, r, c], dZ[:, h, w], (0, 0)) for h, w, r, c in _cb_places(dZ, W.shape[0], hparameters["stride"]))


def _cb_biases(dZ):
    return np.sum(dZ, axis=(0, 1, 2), keepdims=True)


def way_31_gradient_collected_in_a_dictionary(dZ, cache):
    A_prev, W, b, hp = cache
    m, H, L, depth = A_prev.shape
    f, s, p = W.shape[0], hp["stride"], hp["pad"]
    got = defaultdict(float)
    dW = np.zeros(W.shape)
    for (h, w, y, x), g in (((h, w, y, x), dZ[:, h, w]) for h, w, y, x in np.ndindex(*dZ.shape[1:3], f, f)):
        r, q = h * s + y - p, w * s + x - p
        if 0 <= r < H and 0 <= q < L:
            got[r, q] = got[r, q] + g @ W[y, x].T
            dW[y, x] += A_prev[:, r, q].T @ g
    dA = np.zeros(A_prev.shape)
    for (r, q), value in got.items():
        dA[:, r, q] = value
    return dA, dW, dZ.sum((0, 1, 2), keepdims=True)


def way_32_fsum(dZ, cache):
    A_prev, W, b, hp = cache
    f, _, depth, n_C = W.shape
    s, p = hp["stride"], hp["pad"]
    X = zero_pad(A_prev, p)  # noqa: F821
    n_H, n_W = dZ.shape[1:3]
    dW = np.zeros(W.shape)
    for y, x, k, c in np.ndindex(*W.shape):
        seen = X[:, y : y + s * (n_H - 1) + 1 : s, x : x + s * (n_W - 1) + 1 : s, k] * dZ[..., c]
        dW[y, x, k, c] = math.fsum(seen.flat)
    db = np.array([math.fsum(dZ[..., c].flat) for c in range(n_C)]).reshape(1, 1, 1, n_C)
    dX = np.zeros(X.shape)
    for h, w, c in np.ndindex(n_H, n_W, n_C):
        np.add(dX[:, h * s : h * s + f, w * s : w * s + f], np.multiply.outer(dZ[:, h, w, c], W[..., c]), out=dX[:, h * s : h * s + f, w * s : w * s + f])
    return dX[:, p : X.shape[1] - p, p : X.shape[2] - p, :], dW, db


def way_33_match(dZ, cache):
    match cache:
        case (A_prev, W, b, {"stride": stride, "pad": pad}):
            pass
        case _:
            raise TypeError("cache")
    f = W.shape[0]
    padded = zero_pad(A_prev, pad)  # noqa: F821
    dA, dW, db = (np.zeros(t.shape) for t in (padded, W, b))
    it = np.nditer(dZ, flags=["multi_index"])
    for z in it:
        i, h, w, c = it.multi_index
        dA[i, h * stride :, w * stride :][:f, :f] += W[..., c] * z
        dW[..., c] += padded[i, h * stride :, w * stride :][:f, :f] * z
        db[..., c] += z
    match pad:
        case 0:
            return dA, dW, db
        case _:
            return dA[:, pad:-pad, pad:-pad], dW, db


def way_34_one_based(dZ, cache):
    A_prev, W, b, hparameters = cache
    stride, pad, f = hparameters["stride"], hparameters["pad"], W.shape[0]
    m, n_H, n_W, n_C = dZ.shape
    A_pad = zero_pad(A_prev, pad)  # noqa: F821
    dA_pad, dW, db = np.zeros(A_pad.shape), np.zeros(W.shape), np.zeros((1, 1, 1, n_C))
    for i in range(1, m + 1):
        for h in range(1, n_H + 1):
            for w in range(1, n_W + 1):
                last_row, last_column = (h - 1) * stride + f, (w - 1) * stride + f
                for c in range(1, n_C + 1):
                    value = dZ[i - 1, h - 1, w - 1, c - 1]
                    dA_pad[i - 1, last_row - f : last_row, last_column - f : last_column] += W[..., c - 1] * value
                    dW[..., c - 1] += A_pad[i - 1, last_row - f : last_row, last_column - f : last_column] * value
                    db[0][0][0][c - 1] += value
    return dA_pad[:, pad : _cb_size(A_prev, 1) + pad, pad : _cb_size(A_prev, 2) + pad], dW, db


def _cb_size(array, axis):
    return array.shape[axis]


def _cb_checked(function):
    @functools.wraps(function)
    def wrapper(dZ, cache):
        np.random.seed(1)
        gradients = function(dZ, cache)
        for gradient, like, name in zip(gradients, cache, ("dA", "dW", "db"), strict=False):
            assert gradient.shape == like.shape
            print(f"{name}_mean =", np.mean(gradient))
        warnings.warn("checked", stacklevel=2)
        return gradients

    return wrapper


@_cb_checked
def way_35_decorated(dZ, cache):
    (A_prev, W, b, hp), f = cache, cache[1].shape[0]
    s, p = hp["stride"], hp["pad"]
    rows = (np.arange(dZ.shape[1]) * s)[:, None] + np.arange(f)
    columns = (np.arange(dZ.shape[2]) * s)[:, None] + np.arange(f)
    index = (slice(None), rows[:, None, :, None], columns[None, :, None, :])
    X = zero_pad(A_prev, p)  # noqa: F821
    dX = np.zeros(X.shape)
    np.add.at(dX, index, np.einsum("nhwc,yxkc->nhwyxk", dZ, W))
    dW = np.tensordot(X[index], dZ, ([0, 1, 2], [0, 1, 2]))
    return dX[:, p : p + A_prev.shape[1], p : p + A_prev.shape[2]], dW, dZ.sum((0, 1, 2), keepdims=True)


def way_36_starred(*args, **kwargs):
    dZ, (A_prev, W, *rest) = args
    hp = rest[-1]
    s, p, f = hp["stride"], hp["pad"], len(W)
    X = np.zeros((len(A_prev), *(n + 2 * p for n in A_prev.shape[1:3]), A_prev.shape[3]))
    inner = (slice(None), slice(p, p + A_prev.shape[1]), slice(p, p + A_prev.shape[2]))
    X[inner] = A_prev
    dX, dW = X * 0, W * 0
    for h in range(dZ.shape[1]):
        strip = np.s_[:, h * s : h * s + f]
        for w in range(dZ.shape[2]):
            dX[strip][:, :, w * s : w * s + f] += (W[None] * dZ[:, h, w][:, None, None, None, :]).sum(-1)
            dW += (X[strip][:, :, w * s : w * s + f, :, None] * dZ[:, h, w][:, None, None, None, :]).sum(0)
    return dX[inner], dW, np.array([[[dZ[..., c].sum() for c in range(dZ.shape[3])]]], ndmin=4)


way_37_a_lambda = lambda dZ, cache: (  # noqa: E731
    lambda A, W, b, hp: (
        lambda S: (
            np.einsum("pyr,qxt,npqc,yxkc->nrtk", S(A.shape[1], dZ.shape[1]), S(A.shape[2], dZ.shape[2]), dZ, W, optimize="greedy"),
            np.einsum("pyr,qxt,npqc,nrtk->yxkc", S(A.shape[1], dZ.shape[1]), S(A.shape[2], dZ.shape[2]), dZ, A, optimize="greedy"),
            dZ.sum((0, 1, 2), keepdims=True),
        )
    )(lambda n, out: np.array([np.eye(W.shape[0], n, r * hp["stride"] - hp["pad"]) for r in range(out)]))
)(*cache)


def way_38_channels_first_inside(dZ, cache):
    A_prev, W, b, hp = cache
    s, p = hp["stride"], hp["pad"]
    X = np.pad(A_prev.transpose(0, 3, 1, 2), ((0, 0), (0, 0), (p, p), (p, p)))
    F, G = W.transpose(3, 2, 0, 1), dZ.transpose(0, 3, 1, 2)
    f = F.shape[-1]
    dX, dF = np.zeros(X.shape), np.zeros(F.shape)
    for n, k, y, x in np.ndindex(G.shape):
        dX[n, :, y * s : y * s + f, x * s : x * s + f] += F[k] * G[n, k, y, x]
        dF[k] += X[n, :, y * s : y * s + f, x * s : x * s + f] * G[n, k, y, x]
    dX = dX[:, :, p : p + A_prev.shape[1], p : p + A_prev.shape[2]]
    return dX.transpose(0, 2, 3, 1), dF.transpose(2, 3, 1, 0), G.sum((0, 2, 3)).reshape(1, 1, 1, -1)


def way_39_masked_arrays(dZ, cache):
    A_prev, W, b, hp = cache
    f, s, p = W.shape[0], hp["stride"], hp["pad"]
    X = np.ma.array(zero_pad(A_prev, p))  # noqa: F821
    dX, dW = np.ma.zeros(X.shape), np.ma.zeros(W.shape)
    for i, h, w in np.ndindex(dZ.shape[:3]):
        cells = i, slice(h * s, h * s + f), slice(w * s, w * s + f)
        dX[cells] += np.ma.sum(W * dZ[i, h, w], axis=-1)
        dW += X[cells][..., None] * dZ[i, h, w]
    return dX[:, p : p + A_prev.shape[1], p : p + A_prev.shape[2]], dW, np.ma.array(dZ).sum((0, 1, 2)).reshape(1, 1, 1, -1)


def way_40_delete_the_padding(dZ, cache):
    A_prev, W, b, hp = cache
    f, s, p = W.shape[0], hp["stride"], hp["pad"]
    X = zero_pad(A_prev, p)  # noqa: F821
    dX, dW, db = np.zeros(X.shape), np.zeros(W.shape), np.zeros(b.shape)
    for c, h, w in itertools.product(*map(range, (W.shape[3], dZ.shape[1], dZ.shape[2]))):
        g = dZ[:, h, w, c]
        dX[:, h * s : h * s + f, w * s : w * s + f] += np.kron(g, W[..., c].reshape(-1)).reshape(len(g), f, f, -1)
        dW[..., c] += np.tensordot(g, X[:, h * s : h * s + f, w * s : w * s + f], 1)
        db[0, 0, 0, c] += g.sum()
    for axis in (1, 2):
        n = dX.shape[axis]
        dX = np.delete(dX, [*range(p), *range(n - p, n)], axis=axis)
    return dX, dW, db


@dataclass
class _CbState:
    images: np.ndarray
    dW: np.ndarray
    db: np.ndarray

    def __iadd__(self, other):
        cells, to_window, to_filter, to_bias = other
        self.images[cells] += to_window
        self.dW += to_filter
        self.db += to_bias
        return self


def way_41_an_operator(dZ, cache):
    A_prev, W, b, hp = cache
    f, s, p = W.shape[0], hp["stride"], hp["pad"]
    X = zero_pad(A_prev, p)  # noqa: F821
    state = _CbState(np.zeros(X.shape), np.zeros(W.shape), np.zeros(b.shape))
    for i, h, w in np.ndindex(*dZ.shape[:3]):
        cells = (i, slice(h * s, h * s + f), slice(w * s, w * s + f))
        state += cells, np.einsum("yxkc,c->yxk", W, dZ[i, h, w]), np.einsum("yxk,c->yxkc", X[cells], dZ[i, h, w]), dZ[i, h, w]
    return state.images[:, p : p + A_prev.shape[1], p : p + A_prev.shape[2]], state.dW, state.db


def way_42_roll(dZ, cache):
    # the gradient, spread out, is moved by each offset of the filter; what would come round the edge is zero
    A_prev, W, b, hp = cache
    f, s, p = W.shape[0], hp["stride"], hp["pad"]
    X = zero_pad(A_prev, p)  # noqa: F821
    spread = np.zeros((*X.shape[:3], W.shape[3]))
    spread[:, np.arange(dZ.shape[1])[:, None] * s, np.arange(dZ.shape[2]) * s] = dZ
    dX, dW = 0, np.zeros(W.shape)
    for y, x in itertools.product(range(f), repeat=2):
        moved = np.roll(spread, (y, x), axis=(1, 2))
        dX = dX + np.matmul(moved, W[y, x].T)
        dW[y, x] = np.einsum("nrqk,nrqc->kc", X, moved)
    return dX.take(range(p, p + A_prev.shape[1]), 1).take(range(p, p + A_prev.shape[2]), 2), dW, spread.sum((0, 1, 2), keepdims=True)


def way_43_vectorize(dZ, cache):
    A_prev, W, b, hp = cache
    f, s, p = W.shape[0], hp["stride"], hp["pad"]
    X = zero_pad(A_prev, p)  # noqa: F821
    n_H, n_W = dZ.shape[1:3]

    @np.vectorize
    def slope(y, x, k, c):
        return float(np.sum(X[:, y : y + s * n_H : s, x : x + s * n_W : s, k][:, :n_H, :n_W] * dZ[:, :, :, c]))

    @np.vectorize
    def received(i, row, column, k):
        total = 0.0
        for h in range(max(0, -(-(row - f + 1) // s)), min(n_H - 1, row // s) + 1):
            for w in range(max(0, -(-(column - f + 1) // s)), min(n_W - 1, column // s) + 1):
                total += float(W[row - h * s, column - w * s, k] @ dZ[i, h, w])
        return total

    m, H, L, depth = A_prev.shape
    dA = received(*np.ogrid[:m, p : p + H, p : p + L, :depth])
    return dA, slope(*np.ogrid[:f, :f, :depth, : W.shape[3]]), dZ.reshape(-1, dZ.shape[3]).sum(0).reshape(b.shape)


def way_44_walrus_and_generators(dZ, cache):
    def parts():
        A_prev, W, _, hp = cache
        X = np.pad(A_prev, ((0, 0), *(((p := hp["pad"]), p),) * 2, (0, 0)))
        dX, dW = np.zeros(X.shape), np.zeros(W.shape)
        for h in range(dZ.shape[1]):
            for w in range(dZ.shape[2]):
                rows = np.arange((top := h * hp["stride"]), top + len(W))
                columns = np.arange((left := w * hp["stride"]), left + len(W))
                for i in range(len(dZ)):
                    dX[np.ix_([i], rows, columns)] += W.dot(dZ[i, h, w])
                    dW += X[np.ix_([i], rows, columns)][0][..., None].dot(dZ[i, h, w][None])
        yield dX[:, p : p + A_prev.shape[1], p : p + A_prev.shape[2]]
        yield dW
        yield dZ.sum(axis=(0, 1, 2), keepdims=True)

    return tuple(parts())
