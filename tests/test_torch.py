"""The steps agree with PyTorch: outputs and all gradients of generated cases, by an implementation that shares nothing with them."""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest

from convstep import conv_backward, conv_forward, pool_backward, pool_forward
from convstep.checks import Array
from convstep.geometry import Axis, Padding, Pads, Window2d

torch = pytest.importorskip("torch", reason="PyTorch, the oracle of these tests, is not installed")
F = torch.nn.functional
torch.set_num_threads(1)

CONVOLUTIONS, POOLINGS, DILATED, SINGLE = 240, 160, 60, 40


# --- Cases ---


@dataclass(frozen=True)
class Convolution:
    """A convolution with its arguments and the gradient that comes back; `pads` is what an oracle needs of `pad`."""

    A_prev: Array
    W: Array
    b: Array
    stride: int
    pad: Padding
    pads: tuple[Pads, Pads]
    seed: int

    @property
    def hparameters(self) -> dict[str, Any]:
        return {"stride": self.stride, "pad": self.pad}


@dataclass(frozen=True)
class Pooling:
    """A pooling with its argument and the gradient that comes back."""

    A_prev: Array
    f: int
    stride: int
    mode: str
    seed: int

    @property
    def hparameters(self) -> dict[str, int]:
        return {"f": self.f, "stride": self.stride}


@cache
def convolution(number: int) -> Convolution:
    rng = np.random.default_rng([1, number])
    m, n_H, n_W, n_C_prev, n_C = (int(n) for n in rng.integers(1, [4, 12, 12, 4, 4]))
    m = 0 if number % 7 == 3 else m
    zeros, by_rule = int(rng.integers(0, 4)), number % 3 == 0
    most = min(n_H, n_W) + 2 * (1 if by_rule else zeros)
    f = {1: 1, 2: most}.get(number % 8, int(rng.integers(1, min(most, 5) + 1)))
    stride = int(rng.integers(1, 5))
    pads = (same(n_H, f, stride), same(n_W, f, stride)) if by_rule else ((zeros, zeros), (zeros, zeros))
    A_prev, W, b = (rng.standard_normal(shape) for shape in ((m, n_H, n_W, n_C_prev), (f, f, n_C_prev, n_C), (1, 1, 1, n_C)))
    return Convolution(A_prev, W, b, stride, "same" if by_rule else zeros, pads, number)


@cache
def pooling(number: int) -> Pooling:
    rng = np.random.default_rng([2, number])
    m, n_H, n_W, n_C = (int(n) for n in rng.integers(1, [4, 12, 12, 4]))
    m, most = 0 if number % 7 == 3 else m, min(n_H, n_W)
    f = {1: 1, 2: most}.get(number % 8, int(rng.integers(1, min(most, 5) + 1)))
    A_prev = rng.permutation(m * n_H * n_W * n_C).reshape(m, n_H, n_W, n_C) / 8 - 20  # no two alike: away from ties
    return Pooling(A_prev, f, int(rng.integers(1, 5)), str(rng.choice(["max", "average"])), number)


def same(size: int, kernel: int, stride: int, dilation: int = 1) -> Pads:
    """Keras's rule, found by trying: the fewest zeros with which there is a window for each stride begun, an odd one after."""
    wanted, reach = len(range(0, size, stride)), len(range(kernel * dilation - dilation + 1))
    total = next(zeros for zeros in range(reach + 1) if len(range(0, size + zeros - reach + 1, stride)) == wanted)
    return total // 2, total - total // 2


def traits(case: Convolution | Pooling) -> set[str]:
    m, n_H, n_W, _ = case.A_prev.shape
    (above, below), (left, right) = case.pads if isinstance(case, Convolution) else ((0, 0), (0, 0))
    f = case.W.shape[0] if isinstance(case, Convolution) else case.f
    padded = (n_H + above + below, n_W + left + right)
    found = {
        "an empty batch": m == 0,
        "an image that is not square": n_H != n_W,
        "a window of 1x1": f == 1,
        "a window as high or as wide as the padded image": f in padded,
        "a window of even size": f % 2 == 0,
        "a stride that does not divide": any((size - f) % case.stride for size in padded),
        "a stride that leaps over cells": case.stride > f,
        "windows that overlap": case.stride < f,
        "one row or column": 1 in {n_H, n_W},
    }
    if isinstance(case, Convolution):
        found |= {"same": case.pad == "same", "asymmetric padding": above != below or left != right, "no padding": padded == (n_H, n_W)}
    return {trait for trait, holds in found.items() if holds}


# --- The oracle ---


def images(x: Array) -> Any:
    """Channels-last images as a leaf of torch, channels first."""
    return torch.tensor(np.ascontiguousarray(x.transpose(0, 3, 1, 2)), requires_grad=True)


def channels_last(x: Any) -> Array:
    result: Array = x.detach().numpy().transpose(0, 2, 3, 1)
    return result


def torch_convolution(case: Convolution, dZ: Array) -> tuple[Array, Array, Array, Array]:
    x, w, b = images(case.A_prev), torch.tensor(case.W.transpose(3, 2, 0, 1).copy(), requires_grad=True), torch.tensor(case.b.ravel())
    b.requires_grad_()
    (above, below), (left, right) = case.pads
    y = F.conv2d(F.pad(x, (left, right, above, below)), w, b, stride=case.stride)
    y.backward(images(dZ))
    n_C = case.b.size
    return channels_last(y), channels_last(x.grad), w.grad.numpy().transpose(2, 3, 1, 0), b.grad.numpy().reshape(1, 1, 1, n_C)


def torch_pooling(case: Pooling, dA: Array) -> tuple[Array, Array]:
    x = images(case.A_prev)
    pool = F.max_pool2d if case.mode == "max" else F.avg_pool2d
    y = pool(x, case.f, case.stride)
    y.backward(images(dA))
    return channels_last(y), channels_last(x.grad)


def gradient(seed: int, output: Array) -> Array:
    return np.random.default_rng([3, seed]).standard_normal(output.shape).astype(output.dtype)


def assert_close(ours: Array, theirs: Array, *, within: float = 1e-12) -> None:
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=within, atol=within)


# --- Agreement in float64 ---


@pytest.mark.parametrize("number", range(CONVOLUTIONS))
def test_convolution_and_all_its_gradients_agree_with_torch(number: int) -> None:
    case = convolution(number)
    Z, kept = conv_forward(case.A_prev, case.W, case.b, case.hparameters)
    dZ = gradient(case.seed, Z)
    for ours, theirs in zip((Z, *conv_backward(dZ, kept)), torch_convolution(case, dZ), strict=True):
        assert_close(ours, theirs)


@pytest.mark.parametrize("number", range(POOLINGS))
def test_pooling_and_its_gradient_agree_with_torch_away_from_ties(number: int) -> None:
    case = pooling(number)
    A, kept = pool_forward(case.A_prev, case.hparameters, case.mode)
    dA = gradient(case.seed, A)
    for ours, theirs in zip((A, pool_backward(dA, kept, case.mode)), torch_pooling(case, dA), strict=True):
        assert_close(ours, theirs)


def test_the_cases_meet_every_trait_often_enough_to_matter() -> None:
    convolutions = Counter(trait for number in range(CONVOLUTIONS) for trait in traits(convolution(number)))
    poolings = Counter(trait for number in range(POOLINGS) for trait in traits(pooling(number)))
    assert CONVOLUTIONS + POOLINGS >= 300
    assert len(convolutions) == 12
    assert len(poolings) == 9
    assert min(convolutions.values()) >= 20, convolutions
    assert min(poolings.values()) >= 12, poolings


# --- Dilation and rectangular windows, which geometry has and the assignment has not ---


def dilated_window(number: int) -> Window2d:
    rng = np.random.default_rng([4, number])
    both = []
    for _ in range(2):
        kernel, stride, dilation, before, after, spare = (int(n) for n in rng.integers([1, 1, 1, 0, 0, 0], [5, 4, 4, 3, 3, 6]))
        size = max((kernel - 1) * dilation + 1 - before - after, 1) + spare
        padding: Padding = "same" if number % 3 == 0 else (before, after)
        both.append(Axis.padded_by(padding, size, kernel, stride=stride, dilation=dilation))
    return Window2d(*both)


@pytest.mark.parametrize("number", range(DILATED))
def test_a_convolution_walked_by_windows_or_by_taps_agrees_with_torch(number: int) -> None:
    window, rng = dilated_window(number), np.random.default_rng([5, number])
    height, width = window.height, window.width
    x, w = rng.standard_normal((2, height.size, width.size, 3)), rng.standard_normal((*window.kernel, 3, 2))
    dy = rng.standard_normal((2, *window.out, 2))
    x_pad = np.pad(x, ((0, 0), *window.pad, (0, 0)))

    by_windows, by_taps, dx_pad, dw = np.zeros_like(dy), np.zeros_like(dy), np.zeros_like(x_pad), np.zeros_like(w)
    for h, v, (rows, columns) in window.windows():
        by_windows[:, h, v] = np.tensordot(x_pad[:, rows, columns], w, 3)
    for i, j, (rows, columns) in window.taps():
        by_taps += x_pad[:, rows, columns] @ w[i, j]
        dx_pad[:, rows, columns] += dy @ w[i, j].T
        dw[i, j] = np.tensordot(x_pad[:, rows, columns], dy, ((0, 1, 2), (0, 1, 2)))

    tx, tw = images(x), torch.tensor(w.transpose(3, 2, 0, 1).copy(), requires_grad=True)
    pads = [same(a.size, a.kernel, a.stride, a.dilation) if number % 3 == 0 else a.pad for a in (width, height)]
    steps = {"stride": (height.stride, width.stride), "dilation": (height.dilation, width.dilation)}
    ty = F.conv2d(F.pad(tx, (*pads[0], *pads[1])), tw, **steps)
    ty.backward(images(dy))
    assert_close(by_windows, channels_last(ty))
    assert_close(by_taps, channels_last(ty))
    assert_close(dx_pad[:, *window.interior], channels_last(tx.grad))
    assert_close(dw, tw.grad.numpy().transpose(2, 3, 1, 0))


# --- Ties: the one place where the course and torch differ ---


@pytest.mark.parametrize(
    ("A_prev", "course", "first"),
    [
        ([[2, 2], [2, 2]], [[1, 1], [1, 1]], [[1, 0], [0, 0]]),
        ([[0, 0], [0, -1]], [[1, 1], [1, 0]], [[1, 0], [0, 0]]),
        ([[1, 3], [3, 2]], [[0, 1], [1, 0]], [[0, 1], [0, 0]]),
        ([[1, 3], [2, 0]], [[0, 1], [0, 0]], [[0, 1], [0, 0]]),
    ],
    ids=["four maxima", "three zeros as after a ReLU", "two maxima", "no tie"],
)
def test_every_maximum_gets_the_gradient_here_and_the_first_one_in_torch(
    A_prev: list[list[int]], course: list[list[int]], first: list[list[int]]
) -> None:
    case = Pooling(np.array(A_prev, dtype=float).reshape(1, 2, 2, 1), 2, 2, "max", 0)
    A, kept = pool_forward(case.A_prev, case.hparameters)
    dA = np.ones((1, 1, 1, 1))
    by_torch = torch_pooling(case, dA)
    assert np.array_equal(A, by_torch[0])
    assert pool_backward(dA, kept)[0, :, :, 0].tolist() == course
    assert by_torch[1][0, :, :, 0].tolist() == first


@pytest.mark.parametrize("number", range(0, POOLINGS, 4))
def test_outputs_agree_with_torch_even_where_values_tie(number: int) -> None:
    case = pooling(number)
    tied = Pooling(np.maximum(np.round(case.A_prev / 8), 0), case.f, case.stride, "max", number)
    A, _ = pool_forward(tied.A_prev, tied.hparameters)
    assert np.array_equal(A, torch_pooling(tied, np.ones_like(A))[0])


# --- float32 ---


@pytest.mark.parametrize("number", range(SINGLE))
def test_float32_agrees_with_torch_in_float64_within_the_rounding_of_its_sums(number: int) -> None:
    exact = convolution(number)
    A_prev, W, b = (x.astype(np.float32) for x in (exact.A_prev, exact.W, exact.b))
    wide = [x.astype(np.float64) for x in (A_prev, W, b)]
    Z, kept = conv_forward(A_prev, W, b, exact.hparameters)
    dZ = gradient(number, Z)
    ours = (Z, *conv_backward(dZ, kept))
    assert {x.dtype for x in ours} == {np.dtype(np.float32)}

    def oracle(arguments: list[Array], dZ: Array) -> tuple[Array, Array, Array, Array]:
        A_prev, W, b = arguments
        return torch_convolution(Convolution(A_prev, W, b, exact.stride, exact.pad, exact.pads, number), dZ)

    # A sum of n products, added one after another, is off by at most n * eps times the sum of their sizes (Higham 2002, section 4.2).
    sizes = oracle([np.abs(x) for x in wide], np.abs(dZ.astype(np.float64)))
    terms = (W[..., 0].size + 1, W[..., 0, :].size + 1, dZ[..., 0].size + 1, dZ[..., 0].size + 1)
    for result, theirs, size, n in zip(ours, oracle(wide, dZ.astype(np.float64)), sizes, terms, strict=True):
        assert np.all(np.abs(result - theirs) <= n * np.finfo(np.float32).eps * size)


@pytest.mark.parametrize("number", range(SINGLE))
def test_pooling_in_float32_agrees_with_torch_in_float32(number: int) -> None:
    wide = pooling(number)
    case = Pooling(wide.A_prev.astype(np.float32), wide.f, wide.stride, wide.mode, number)
    A, kept = pool_forward(case.A_prev, case.hparameters, case.mode)
    dA = gradient(number, A)
    for ours, theirs in zip((A, pool_backward(dA, kept, case.mode)), torch_pooling(case, dA), strict=True):
        assert ours.dtype == theirs.dtype == np.float32
        assert_close(ours, theirs, within=4e-6)
