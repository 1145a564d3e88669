"""Right solutions of zero_pad, each written in another way; judged by tests/test_right_solutions.py, never imported."""

import functools
import io
import itertools
import math
import operator
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy import pad as np_pad
from numpy.lib.stride_tricks import as_strided

边缘 = (0, 0)
ZP_KEYS = {"mode": "constant"}


def way_01_the_course(X, pad):
    """
    Pad with zeros all images of the dataset X.

    Argument:
    X -- python numpy array of shape (m, n_H, n_W, n_C)
    """
    # (≈ 1 line)
    X_pad = np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)), "constant", constant_values=(0, 0))
    # YOUR CODE STARTS HERE

    # YOUR CODE ENDS HERE
    return X_pad


def way_02_defaults_only(X, pad):
    return np.pad(X, [(0, 0), (pad, pad), (pad, pad), (0, 0)])


def way_03_frame_of_zeros(X, pad):
    m, n_H, n_W, n_C = X.shape
    out = np.zeros((m, n_H + 2 * pad, n_W + 2 * pad, n_C))
    out[:, pad : pad + n_H, pad : pad + n_W, :] = X
    return out


def way_04_four_loops(X, pad):
    m, n_H, n_W, n_C = np.shape(X)
    out = np.zeros([m, n_H + pad + pad, n_W + pad + pad, n_C])
    for i in range(m):
        for h in range(n_H):
            for w in range(n_W):
                for c in range(n_C):
                    out[i][h + pad][w + pad][c] = X[i][h][w][c]
    return out


def way_05_loops_over_the_output(X, pad):
    (m, n_H, n_W, n_C) = X.shape
    out = np.empty((m, n_H + 2 * pad, n_W + 2 * pad, n_C))
    for i, h, w, c in np.ndindex(out.shape):
        inside = pad <= h < n_H + pad and pad <= w < n_W + pad
        out[i, h, w, c] = X[i, h - pad, w - pad, c] if inside else 0.0
    return out


def way_06_concatenate(X, pad):
    m, n_H, n_W, n_C = X.shape
    rows = np.zeros((m, pad, n_W, n_C))
    tall = np.concatenate((rows, X, rows), axis=1)
    columns = np.zeros((m, n_H + 2 * pad, pad, n_C))
    return np.concatenate([columns, tall, columns], axis=2)


def way_07_block(X, pad):
    m, n_H, n_W, n_C = X.shape
    planes = np.moveaxis(X, (0, 3), (0, 1))
    corner = np.zeros((m, n_C, pad, pad))
    top = np.zeros((m, n_C, pad, n_W))
    side = np.zeros((m, n_C, n_H, pad))
    framed = np.block([[corner, top, corner], [side, planes, side], [corner, top, corner]])
    return framed.transpose(0, 2, 3, 1)


def way_08_one_ring_at_a_time(X, pad):
    if pad == 0:
        return X
    return way_08_one_ring_at_a_time(np.pad(X, ((0, 0), (1, 1), (1, 1), (0, 0))), pad - 1)


def way_09_a_while_loop(X, pad):
    left = pad
    while left > 0:
        X = np.pad(X, ((0,) * 2, (1,) * 2, (1,) * 2, (0,) * 2), **ZP_KEYS)
        left -= 1
    return X


def way_10_lists(X, pad):
    n_C = X.shape[3]
    zero = [0.0] * n_C
    result = []
    for image in X.tolist():
        width = len(image[0]) + 2 * pad
        border = [[zero] * width for _ in range(pad)]
        result.append(border + [[zero] * pad + row + [zero] * pad for row in image] + border)
    return result


def way_11_the_minus_pad_slice_guarded(X, pad):
    out = np.zeros((X.shape[0], X.shape[1] + 2 * pad, X.shape[2] + 2 * pad, X.shape[3]))
    if pad:
        out[:, pad:-pad, pad:-pad, :] = X
    else:
        out[...] = X
    return out


def way_12_minus_pad_or_none(X, pad):
    out = np.zeros(np.add(X.shape, (0, 2 * pad, 2 * pad, 0)))
    middle = slice(pad, -pad or None)
    out[:, middle, middle] += X
    return out


def way_13_matrices_that_embed(X, pad):
    def embed(n):
        return np.eye(n + 2 * pad, n, k=-pad)

    return np.einsum("ph,qw,mhwc->mpqc", embed(X.shape[1]), embed(X.shape[2]), X)


def way_14_tensordot_with_eyes(X, pad):
    E_H = np.vstack([np.zeros((pad, X.shape[1])), np.eye(X.shape[1]), np.zeros((pad, X.shape[1]))])
    E_W = np.vstack([np.zeros((pad, X.shape[2])), np.identity(X.shape[2]), np.zeros((pad, X.shape[2]))])
    tall = np.tensordot(E_H, X, axes=(1, 1))
    wide = np.tensordot(E_W, tall, axes=([1], [2]))
    return wide.transpose(2, 1, 0, 3)


def way_15_take_with_a_zero_row(X, pad):
    m, n_H, n_W, n_C = X.shape
    more = np.zeros((m, n_H + 1, n_W + 1, n_C))
    more[:, :n_H, :n_W] = X
    rows = [n_H] * pad + list(range(n_H)) + [n_H] * pad
    columns = [n_W] * pad + list(range(n_W)) + [n_W] * pad
    return more.take(rows, axis=1).take(columns, axis=2)


def way_16_ix(X, pad):
    m, n_H, n_W, n_C = X.shape
    X_pad = np.zeros((m, n_H + 2 * pad, n_W + 2 * pad, n_C))
    X_pad[np.ix_(range(m), range(pad, pad + n_H), range(pad, pad + n_W), range(n_C))] = X
    return X_pad


def way_17_where_inside(X, pad):
    wrapped = np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode="edge")
    h = np.arange(wrapped.shape[1])[:, None, None]
    w = np.arange(wrapped.shape[2])[None, :, None]
    inside = (h >= pad) & (h < pad + X.shape[1]) & (w >= pad) & (w < pad + X.shape[2])
    return np.where(inside, wrapped, 0)


def way_18_wrapped_then_masked(X, pad):
    mask = np.ones_like(X)
    width = [(0, 0), (pad, pad), (pad, pad), (0, 0)]
    return np.pad(X, width, mode="wrap") * np.pad(mask, width)


def way_19_comprehension(X, pad):
    rows, columns = X.shape[1:3]
    return np.array(
        [
            [
                [
                    [0 if h < 0 or w < 0 or h >= rows or w >= columns else x[h, w, c] for c in range(X.shape[-1])]
                    for w in range(-pad, columns + pad)
                ]
                for h in range(-pad, rows + pad)
            ]
            for x in X
        ]
    )


def way_20_stack_of_images(X, pad):
    return np.stack([np.pad(image, ((pad, pad), (pad, pad), (0, 0))) for image in X])


def way_21_stack_of_planes(X, pad):
    return np.stack(
        [np.stack([np.pad(X[i, :, :, c], pad) for c in range(X.shape[3])], axis=-1) for i in range(X.shape[0])],
        axis=0,
    )


way_22_a_lambda = lambda X, pad: np.pad(X, tuple((p, p) for p in (0, pad, pad, 0)))  # noqa: E731


def _zp_frame(amount):
    def inner(images):
        return np.pad(images, np.array([[0, 0], [amount, amount], [amount, amount], [0, 0]]))

    return inner


def way_23_a_closure(X, pad):
    return _zp_frame(pad)(X)


class _ZpPadder:
    def __init__(self, value=0):
        self.value = value

    def __call__(self, X, pad):
        self.width = [(pad * flag, pad * flag) for flag in (0, 1, 1, 0)]
        return np.pad(X, self.width, constant_values=self.value)


way_24_a_class_with_call = _ZpPadder()


def _zp_checked(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        X, pad = args
        result = function(*args, **kwargs)
        assert result.shape == (X.shape[0], X.shape[1] + 2 * pad, X.shape[2] + 2 * pad, X.shape[3])
        return result

    return wrapper


@_zp_checked
def way_25_a_decorator(X, pad):
    Y = np.zeros_like(X, shape=(X.shape[0], X.shape[1] + 2 * pad, X.shape[2] + 2 * pad, X.shape[3]))
    Y[:, pad:][:, : X.shape[1]][:, :, pad:][:, :, : X.shape[2]] = X
    return Y


def way_26_apply_along_axis(X, pad):
    def both_ends(line):
        return np.r_[np.zeros(pad), line, np.zeros(pad)]

    return np.apply_along_axis(both_ends, 2, np.apply_along_axis(both_ends, 1, X))


def way_27_insert(X, pad):
    for axis in (1, 2):
        X = np.insert(X, [0] * pad + [X.shape[axis]] * pad, 0, axis=axis)
    return X


def way_28_append(X, pad):
    for axis in (2, 1):
        shape = list(X.shape)
        shape[axis] = pad
        X = np.append(np.append(np.zeros(shape), X, axis=axis), np.zeros(shape), axis=axis)
    return X


def way_29_roll(X, pad):
    m, n_H, n_W, n_C = X.shape
    big = np.zeros((m, n_H + 2 * pad, n_W + 2 * pad, n_C))
    big[:, :n_H, :n_W] = X
    return np.roll(big, (pad, pad), axis=(1, 2))


def way_30_strides(X, pad):
    m, n_H, n_W, n_C = X.shape
    out = np.zeros((m, n_H + 2 * pad, n_W + 2 * pad, n_C))
    start = out[:, pad:, pad:]
    inner = as_strided(start, shape=X.shape, strides=out.strides)
    np.copyto(inner, X)
    return out


def way_31_flat_indices(X, pad):
    m, n_H, n_W, n_C = X.shape
    shape = (m, n_H + 2 * pad, n_W + 2 * pad, n_C)
    i, h, w, c = np.indices(X.shape)
    flat = np.zeros(math.prod(shape))
    np.put(flat, np.ravel_multi_index((i, h + pad, w + pad, c), shape), X)
    return flat.reshape(shape)


def way_32_add_at(X, pad):
    target = np.zeros(tuple(map(operator.add, X.shape, (0, 2 * pad, 2 * pad, 0))))
    i, h, w, c = np.nonzero(np.ones(X.shape))
    np.add.at(target, (i, h + pad, w + pad, c), X.ravel())
    return target


def way_33_nditer(X, pad):
    X_pad = np.zeros((X.shape[0], X.shape[1] + pad * 2, X.shape[2] + pad * 2, X.shape[3]), dtype=X.dtype, order="F")
    walk = np.nditer(X, flags=["multi_index"])
    for number in walk:
        i, h, w, c = walk.multi_index
        X_pad[i, h + pad, w + pad, c] = number
    return X_pad


def way_34_float32(X, pad):
    return np.pad(X.astype(np.float32), ((0, 0), (pad, pad), (pad, pad), (0, 0)), "constant")


def way_35_中文(图像, 填充):
    """在图像的高和宽四周补零。

    参数:
        图像 -- 形状为 (样本数, 高, 宽, 通道数) 的数组
        填充 -- 四周补零的圈数
    """
    四周 = (填充, 填充)
    结果 = np.pad(图像, (边缘, 四周, 四周, 边缘), mode="constant", constant_values=0)  # 第三个参数:常数填充
    print("补零之后:", 结果.shape)
    return 结果


def way_36_annotated(X: npt.NDArray[np.float64], pad: int, *, value: float = 0.0) -> npt.NDArray[np.float64]:
    width: tuple[tuple[int, int], ...] = ((0, 0),) + ((pad, pad),) * 2 + ((0, 0),)
    padded: npt.NDArray[np.float64] = np.full([n + sum(w) for n, w in zip(X.shape, width, strict=True)], value)
    padded[tuple(slice(before, before + n) for n, (before, _) in zip(X.shape, width, strict=True))] = X
    return padded


def way_37_match(X, pad):
    match X.shape, pad:
        case _, 0:
            return X.copy()
        case (m, n_H, n_W, n_C), p if p > 0:
            out = np.zeros((m, n_H + 2 * p, n_W + 2 * p, n_C))
            out[:, p : p + n_H, p : p + n_W] = X
            return out
        case _:
            raise ValueError("pad must not be negative")


def way_38_reduce(X, pad):
    return functools.reduce(
        lambda a, axis: np.pad(a, [(pad, pad) if k == axis else (0, 0) for k in range(4)]),
        (1, 2),
        X,
    )


def way_39_generators(X, pad):
    def numbers():
        for image in X:
            height, width, depth = image.shape
            blank = itertools.repeat(0.0, pad * (width + 2 * pad) * depth)
            yield from blank
            for row in image:
                yield from itertools.repeat(0.0, pad * depth)
                yield from row.flat
                yield from itertools.repeat(0.0, pad * depth)
            yield from itertools.repeat(0.0, pad * (width + 2 * pad) * depth)

    shape = (len(X), X.shape[1] + 2 * pad, X.shape[2] + 2 * pad, X.shape[3])
    return np.fromiter(numbers(), float).reshape(shape)


def way_40_masked_array(X, pad):
    m, n_H, n_W, n_C = X.shape
    box = np.ma.masked_all((m, n_H + 2 * pad, n_W + 2 * pad, n_C))
    box[:, pad : pad + n_H, pad : pad + n_W, :] = X
    return np.ma.filled(box, 0)


def way_41_fft_shift(X, pad):
    m, n_H, n_W, n_C = X.shape
    size = (n_H + 2 * pad, n_W + 2 * pad)
    spectrum = np.fft.fft2(X, s=size, axes=(1, 2))
    turn_h = np.exp(-2j * np.pi * pad * np.arange(size[0]) / size[0])[:, None, None]
    turn_w = np.exp(-2j * np.pi * pad * np.arange(size[1]) / size[1])[:, None]
    return np.fft.ifft2(spectrum * turn_h * turn_w, axes=(1, 2)).real


def way_42_vectorize(X, pad):
    rows, columns = X.shape[1], X.shape[2]

    @np.vectorize
    def cell(i, h, w, c):
        h, w = h - pad, w - pad
        if not (0 <= h < rows) or not (0 <= w < columns):
            return 0.0
        return float(X[i, h, w, c])

    return cell(*np.ogrid[: X.shape[0], : rows + 2 * pad, : columns + 2 * pad, : X.shape[3]])


def way_43_try_except(X, pad):
    out = np.zeros((X.shape[0], X.shape[1] + 2 * pad, X.shape[2] + 2 * pad, X.shape[3]))
    try:
        out[:, pad:-pad, pad:-pad] = X
    except ValueError:
        out[:] = X
    return out


def way_44_pad_with_a_function(X, pad):
    def zeros(vector, iaxis_pad_width, iaxis, kwargs):
        before, after = iaxis_pad_width
        if before:
            vector[:before] = 0
        if after:
            vector[-after:] = 0

    return np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)), zeros)


def way_45_linear_ramp_of_nothing(X, pad):
    if not pad:
        return X.view()
    wide = ((0, 0), (pad, pad), (pad, pad), (0, 0))
    return np.pad(X, wide, "linear_ramp", end_values=0) * np.pad(np.full(X.shape, True), wide, constant_values=False)


def way_46_channels_first_inside(X, pad):
    X_cf = np.transpose(X, [0, 3, 1, 2])
    flat = X_cf.reshape(-1, *X_cf.shape[2:])
    flat = np.array([np.pad(plane, ((pad, pad), (pad, pad))) for plane in flat])
    return np.transpose(flat.reshape(X_cf.shape[:2] + flat.shape[1:]), [0, 2, 3, 1])


def way_47_hstack_and_vstack(X, pad):
    images = []
    for x in X:
        n_H, n_W, n_C = x.shape
        middle = np.hstack([np.zeros((n_H, pad, n_C)), x, np.zeros((n_H, pad, n_C))])
        empty = np.zeros((pad, n_W + 2 * pad, n_C))
        images.append(np.vstack([empty, middle, empty])[np.newaxis])
    return np.vstack(images)


def way_48_resized_in_place(X, pad):
    work = X.copy()
    for axis in 1, 2:
        work = np.moveaxis(work, axis, 0).copy()
        before = work.shape[0]
        work.resize((before + 2 * pad, *work.shape[1:]), refcheck=False)
        work = np.moveaxis(np.roll(work, pad, 0), 0, axis)
    return work


@dataclass(frozen=True)
class _ZpSize:
    n: int
    pad: int

    @property
    def total(self):
        return self.n + 2 * self.pad

    def inner(self):
        return slice(self.pad, self.pad + self.n)


def way_49_a_dataclass(X, pad):
    H, W = _ZpSize(X.shape[1], pad), _ZpSize(X.shape[2], pad)
    canvas = np.zeros((len(X), H.total, W.total, X.shape[3]))
    canvas[:, H.inner(), W.inner()] = X
    return canvas


def way_50_saved_and_loaded(X, pad):
    with io.BytesIO() as buffer:
        np.save(buffer, np.pad(X, [[0], [pad], [pad], [0]], "constant", constant_values=0))
        buffer.seek(0)
        return np.load(buffer)


def way_51_starred(*args):
    X, pad, *_ = args
    (m, *size, n_C) = X.shape
    Z = np.zeros((m, *(n + 2 * pad for n in size), n_C))
    Z[(..., *(slice(pad, n + pad) for n in size), slice(None))] = X
    return Z


def way_52_warns_and_counts_from_one(X, pad):
    if pad == 0:
        warnings.warn("nothing to pad", stacklevel=2)
    m, n_H, n_W, n_C = X.shape
    X_pad = np.zeros((m, n_H + 2 * pad, n_W + 2 * pad, n_C))
    for h in range(1, n_H + 1):
        for w in range(1, n_W + 1):
            X_pad[:, pad + h - 1, pad + w - 1, :] = X[:, h - 1, w - 1, :]
    return X_pad


class way_53_a_class_that_makes_an_array:
    def __new__(cls, X, pad):
        if pad < 1:
            return np.asfortranarray(X)
        return np_pad(X, pad)[pad:-pad, ..., pad:-pad]


def way_54_upwards_by_scatter(X, pad, out: Callable[..., Any] = np.zeros):
    result = out((X.shape[0], X.shape[1] + 2 * pad, X.shape[2] + 2 * pad, X.shape[3]))
    for dh, dw in itertools.product(range(X.shape[1]), range(X.shape[2])):
        result[:, pad + dh, pad + dw] = X[:, dh, dw]
    return result
