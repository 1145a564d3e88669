"""The NumPy engine gives what plain loops over the windows give, within rounding, in bounded memory."""

import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from convstep.checks import Array, DType
from convstep.engines import Ties
from convstep.engines.numpy import ENGINE, blocks, depthwise, pooling, tiles
from convstep.geometry import Axis, Window2d

CONVOLUTIONS, POOLINGS = 420, 420
TIES: tuple[Ties, Ties] = ("first", "all")


# --- The loops ---


class Sums(NamedTuple):
    """A result, and how far from it rounding may lead."""

    value: Array
    rounding: Array


def padded(x: Array, window: Window2d, fill: float = 0.0) -> Array:
    return np.pad(x, ((0, 0), *window.pad, (0, 0)), constant_values=fill)


def slices(groups: int, channels: int, filters: int) -> Iterator[tuple[slice, slice]]:
    for g in range(groups):
        yield slice(g * channels // groups, (g + 1) * channels // groups), slice(g * filters // groups, (g + 1) * filters // groups)


def loop_correlate(x: Array, w: Array, b: Array | None, window: Window2d, groups: int) -> Array:
    y = np.zeros((len(x), *window.out, w.shape[3]), x.dtype)
    x = padded(x, window)
    for h, v, cells in window.windows():
        for c, k in slices(groups, x.shape[3], w.shape[3]):
            y[:, h, v, k] = (x[:, *cells, c, None] * w[..., k]).sum(axis=(1, 2, 3))
    return y if b is None else y + b


def loop_correlate_to_x(dy: Array, w: Array, window: Window2d, groups: int) -> Array:
    dx = np.zeros((len(dy), *window.padded, w.shape[2] * groups), dy.dtype)
    for h, v, cells in window.windows():
        for c, k in slices(groups, dx.shape[3], w.shape[3]):
            dx[:, *cells, c] += (w[..., k] * dy[:, h, v, None, None, None, k]).sum(axis=-1)
    return dx[:, *window.interior]


def loop_correlate_to_w(dy: Array, x: Array, window: Window2d, groups: int) -> Array:
    dw = np.zeros((*window.kernel, x.shape[3] // groups, dy.shape[3]), dy.dtype)
    x = padded(x, window)
    for h, v, cells in window.windows():
        for c, k in slices(groups, x.shape[3], dy.shape[3]):
            dw[..., k] += (x[:, *cells, c, None] * dy[:, h, v, None, None, None, k]).sum(axis=0)
    return dw


def each_window(x: Array, window: Window2d) -> Iterator[tuple[tuple[int, int, int, int], list[tuple[int, int]]]]:
    """Yield (n, h, w, c) and the cells of the image in that window, in reading order."""
    (top, _), (left, _) = window.pad
    for h, w, (rows, columns) in window.windows():
        places = [
            (r - top, s - left)
            for r in range(rows.start, rows.stop, rows.step)
            for s in range(columns.start, columns.stop, columns.step)
            if 0 <= r - top < x.shape[1] and 0 <= s - left < x.shape[2]
        ]
        for n in range(x.shape[0]):
            for c in range(x.shape[3]):
                yield (n, h, w, c), places


def loop_max_pool(x: Array, window: Window2d) -> Array:
    y = np.full((len(x), *window.out, x.shape[3]), -np.inf, x.dtype)
    for (n, h, w, c), places in each_window(x, window):
        if places:
            y[n, h, w, c] = np.max([x[n, r, s, c] for r, s in places])
    return y


def loop_max_pool_to_x(dy: Array, x: Array, window: Window2d, ties: Ties) -> Array:
    dx = np.zeros(x.shape, dy.dtype)
    for (n, h, w, c), places in each_window(x, window):
        values = np.array([x[n, r, s, c] for r, s in places])
        if not places:
            continue
        if ties == "first":
            r, s = places[int(np.argmax(values))]
            dx[n, r, s, c] += dy[n, h, w, c]
            continue
        for (r, s), is_largest in zip(places, values == np.max(values), strict=True):
            dx[n, r, s, c] += is_largest * dy[n, h, w, c]
    return dx


def loop_window_sum(x: Array, window: Window2d) -> Array:
    y = np.zeros((len(x), *window.out, x.shape[3]), x.dtype)
    x = padded(x, window)
    for h, w, cells in window.windows():
        y[:, h, w] = x[:, *cells].sum(axis=(1, 2))
    return y


def loop_window_sum_to_x(dy: Array, window: Window2d) -> Array:
    dx = np.zeros((len(dy), *window.padded, dy.shape[3]), dy.dtype)
    for h, w, cells in window.windows():
        dx[:, *cells] += dy[:, h, w, None, None]
    return dx[:, *window.interior]


# --- The cases ---


class Convolution(NamedTuple):
    x: Array
    w: Array
    b: Array | None
    dy: Array
    window: Window2d
    groups: int


class Pooling(NamedTuple):
    x: Array
    dy: Array
    window: Window2d


class Draw:
    """Draw shapes, windows and arrays; every eighth case has numbers that are not finite."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype: DType = np.dtype((np.float32, np.float64, np.longdouble)[seed % 3])
        self.wild = seed % 8 == 7

    def whole(self, least: int, most: int) -> int:
        return int(self.rng.integers(least, most + 1))

    def axis(self, largest: int) -> Axis:
        size = 1 if self.whole(0, 9) == 0 else self.whole(1, largest)
        kernel, stride, dilation = self.whole(1, 5), self.whole(1, 3), max(1, self.whole(-2, 3))
        pad = (self.whole(0, 4), self.whole(0, 4)) if self.whole(0, 2) else (0, 0)
        axis = Axis(size, kernel, stride, dilation, pad)
        return axis if axis.out else Axis(size, min(size, kernel), stride, 1, pad)

    def array(self, *shape: int, wild: float = 0.0) -> Array:
        """Draw values of one of three kinds, in one of five memory layouts."""
        values: Array = self.rng.standard_normal(shape).astype(self.dtype)
        kind, layout = self.whole(0, 2), self.whole(0, 4)
        if kind == 1:
            values = np.maximum(np.round(values), 0)
        elif kind == 2:
            values = -np.abs(np.round(values)) - 1
        if self.wild and wild:
            values[self.rng.random(shape) < wild] = self.rng.choice([np.nan, np.inf, -np.inf])
        if layout == 1:
            return np.asfortranarray(values)
        if layout == 2:
            return np.flip(np.ascontiguousarray(np.flip(values)))
        if layout == 3:
            return np.repeat(values, 2, axis=-1)[..., ::2]
        if layout == 4 and not self.whole(0, 3):
            return np.broadcast_to(values[..., :1], shape)
        return values

    def convolution(self) -> Convolution:
        window = Window2d(self.axis(9), self.axis(13))
        groups = self.whole(1, 3) if self.whole(0, 1) else 1
        channels, filters = (groups * self.whole(1, 3) for _ in range(2))
        if groups > 1 and self.whole(0, 1):
            channels = groups
        m = self.whole(0, 6) % 4
        x = self.array(m, window.height.size, window.width.size, channels, wild=0.02)
        w = self.array(*window.kernel, channels // groups, filters, wild=0.02)
        b = self.array(filters) if self.whole(0, 1) else None
        return Convolution(x, w, b, self.array(m, *window.out, filters, wild=0.02), window, groups)

    def pooling(self) -> Pooling:
        window = Window2d(self.axis(8), self.axis(8))
        m, channels = self.whole(0, 5) % 4, self.whole(1, 3)
        x = self.array(m, window.height.size, window.width.size, channels, wild=0.15)
        return Pooling(x, self.array(m, *window.out, channels, wild=0.05), window)


@pytest.fixture(params=["as it is", "small blocks", "narrow tiles"])
def budget(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    tiles.fastest.cache_clear()
    if request.param == "narrow tiles":
        monkeypatch.setattr(tiles, "WIDEST", 3)
    if request.param == "small blocks":
        monkeypatch.setattr(tiles, "PRODUCT", 200)
        monkeypatch.setattr(depthwise, "PASSES", 200)
        monkeypatch.setattr(pooling, "PASSES", 200)
    yield
    tiles.fastest.cache_clear()


def absolute(*arrays: Array) -> list[Array]:
    return [np.abs(np.where(np.isfinite(x), x, 0)) for x in arrays]


def rounded(value: Array, terms: int, sums: Array) -> Sums:
    """Return the result and 2 (n + 4) u sum |terms|."""
    return Sums(value, terms * np.finfo(value.dtype).eps * sums + 4 * np.finfo(value.dtype).eps * sums)


def agree(got: Array, want: Sums) -> None:
    assert got.shape == want.value.shape
    assert got.dtype == want.value.dtype
    with np.errstate(all="ignore"):
        near = (got == want.value) | (np.abs(got - want.value) <= want.rounding) | (np.isnan(got) & np.isnan(want.value))
    assert near.all(), f"{(~near).sum()} of {near.size} entries differ, the first at {np.argwhere(~near)[0]}"


def check(kernel: Callable[..., Array], arguments: tuple[Any, ...], want: Sums) -> None:
    """Hold a kernel's result against the loops', and see that arguments stay, results are new and bits are the same twice."""
    arrays = [a for a in arguments if isinstance(a, np.ndarray)]
    before = [a.tobytes() for a in arrays]
    got, again = kernel(*arguments), kernel(*arguments)
    assert [a.tobytes() for a in arrays] == before
    assert not any(np.shares_memory(got, a) for a in arrays)
    np.testing.assert_array_equal(got, again)
    agree(got, want)


@pytest.mark.usefixtures("budget")
@pytest.mark.parametrize("seed", range(CONVOLUTIONS))
@np.errstate(all="ignore")
def test_convolution_and_its_transposes_are_the_loops(seed: int) -> None:
    x, w, b, dy, window, groups = Draw(seed).convolution()
    ax, aw, ady = absolute(x, w, dy)
    ab = None if b is None else np.abs(b)
    y = rounded(loop_correlate(x, w, b, window, groups), w[..., 0].size + 1, loop_correlate(ax, aw, ab, window, groups))
    check(ENGINE.correlate, (x, w, b, window, groups), y)
    terms = w.size // w.shape[2] // groups
    dx = rounded(loop_correlate_to_x(dy, w, window, groups), terms, loop_correlate_to_x(ady, aw, window, groups))
    check(ENGINE.correlate_to_x, (dy, w, window, groups), dx)
    dw = rounded(loop_correlate_to_w(dy, x, window, groups), dy[..., 0].size, loop_correlate_to_w(ady, ax, window, groups))
    check(ENGINE.correlate_to_w, (dy, x, window, groups), dw)


@pytest.mark.usefixtures("budget")
@pytest.mark.parametrize("seed", range(POOLINGS))
@np.errstate(all="ignore")
def test_pooling_and_its_transposes_are_the_loops(seed: int) -> None:
    x, dy, window = Draw(seed).pooling()
    terms = window.height.kernel * window.width.kernel
    ax, ady = absolute(x, dy)
    check(ENGINE.max_pool, (x, window), rounded(loop_max_pool(x, window), 0, np.zeros(dy.shape)))
    for ties in TIES:
        dx = rounded(loop_max_pool_to_x(dy, x, window, ties), terms, loop_max_pool_to_x(ady, x, window, ties))
        check(ENGINE.max_pool_to_x, (dy, x, window, ties), dx)
    check(ENGINE.window_sum, (x, window), rounded(loop_window_sum(x, window), terms, loop_window_sum(ax, window)))
    dx = rounded(loop_window_sum_to_x(dy, window), terms, loop_window_sum_to_x(ady, window))
    check(ENGINE.window_sum_to_x, (dy, window), dx)


def test_the_cases_reach_every_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "WIDEST", 3)
    tiles.fastest.cache_clear()
    convolutions = [Draw(seed).convolution() for seed in range(CONVOLUTIONS)]
    widths = [tiles.fastest(c.window, c.w.shape[2], c.w.shape[3] // c.groups, c.x.dtype) for c in convolutions]
    assert sum(t.width > 1 for t in widths) > 100
    assert sum(t.width > 1 and t.stands_out for t in widths) > 30
    assert sum(t.width > 1 and t.window.width.dilation > 1 for t in widths) > 20
    assert sum(t.width > 1 and t.window.width.stride > 1 for t in widths) > 20
    assert sum(1 < c.groups == c.x.shape[3] for c in convolutions) > 40
    assert sum(1 < c.groups < c.x.shape[3] for c in convolutions) > 40
    assert sum(len(c.x) == 0 for c in convolutions) > 20
    assert sum(c.x.shape[1:3] == (1, 1) for c in convolutions) >= 2
    assert sum(c.x.size > 0 and not np.isfinite(c.x).all() for c in convolutions) > 10
    assert sum(not np.isfinite(c.w).all() for c in convolutions) > 10
    tiles.fastest.cache_clear()


# --- Larger shapes, and the third party ---

LAYERS = [  # images, rows and columns of the filters, filters, stride, padding, groups
    ((3, 28, 28, 1), (5, 5), 6, 1, 2, 1),
    ((2, 30, 61, 3), (7, 7), 32, 1, 3, 1),
    ((2, 32, 32, 32), (3, 3), 32, 1, 1, 1),
    ((2, 17, 19, 40), (3, 3), 24, 2, 1, 1),
    ((2, 17, 19, 24), (3, 3), 48, 2, 1, 24),
    ((2, 16, 18, 24), (3, 3), 24, 1, 1, 24),
    ((2, 16, 18, 24), (3, 2), 36, 1, 0, 4),
    ((5, 9, 8, 33), (1, 1), 17, 2, 0, 1),
    ((1, 9, 300, 16), (3, 31), 2, 1, 4, 1),
]


@pytest.mark.parametrize(("images", "kernel", "filters", "stride", "pad", "groups"), LAYERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_convolution_agrees_with_torch(
    images: tuple[int, ...], kernel: tuple[int, int], filters: int, stride: int, pad: int, groups: int, dtype: type[np.floating[Any]]
) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal(images), rng.standard_normal((*kernel, images[3] // groups, filters))
    window = Window2d(*(Axis(size, k, stride, 1, (pad, pad)) for size, k in zip(images[1:3], kernel, strict=True)))
    b, dy = rng.standard_normal(filters), rng.standard_normal((len(x), *window.out, filters))
    tx, tw = (torch.from_numpy(a).requires_grad_() for a in (x.transpose(0, 3, 1, 2), w.transpose(3, 2, 0, 1)))
    ty = torch.nn.functional.conv2d(tx, tw, torch.from_numpy(b), stride=stride, padding=pad, groups=groups)
    ty.backward(torch.from_numpy(dy.transpose(0, 3, 1, 2)))
    x, w, b, dy = (a.astype(dtype) for a in (x, w, b, dy))
    for got, want in (
        (ENGINE.correlate(x, w, b, window, groups), ty.detach().numpy().transpose(0, 2, 3, 1)),
        (ENGINE.correlate_to_x(dy, w, window, groups), tx.grad.numpy().transpose(0, 2, 3, 1)),
        (ENGINE.correlate_to_w(dy, x, window, groups), tw.grad.numpy().transpose(2, 3, 1, 0)),
    ):
        assert got.dtype == dtype
        assert np.abs(got - want).max() <= np.finfo(dtype).eps * 64 * np.abs(want).max()


def elsewhere(x: Array) -> Array:
    """Return a copy that lies at an odd place in memory."""
    room = np.empty(x.size + 1, x.dtype)
    room[1:] = x.ravel()
    return room[1:].reshape(x.shape)


@pytest.mark.parametrize(("images", "kernel", "filters", "stride", "pad", "groups"), LAYERS)
def test_two_calls_give_the_same_bits(
    images: tuple[int, ...], kernel: tuple[int, int], filters: int, stride: int, pad: int, groups: int
) -> None:
    rng = np.random.default_rng(3)
    window = Window2d(*(Axis(size, k, stride, 1, (pad, pad)) for size, k in zip(images[1:3], kernel, strict=True)))
    x, w = rng.standard_normal(images, np.float32), rng.standard_normal((*kernel, images[3] // groups, filters), np.float32)
    dy = rng.standard_normal((len(x), *window.out, filters), np.float32)
    for _ in range(3):
        x2, w2, dy2 = elsewhere(x), elsewhere(w), elsewhere(dy)
        assert np.array_equal(ENGINE.correlate(x, w, None, window, groups), ENGINE.correlate(x2, w2, None, window, groups))
        assert np.array_equal(ENGINE.correlate_to_x(dy, w, window, groups), ENGINE.correlate_to_x(dy2, w2, window, groups))
        assert np.array_equal(ENGINE.correlate_to_w(dy, x, window, groups), ENGINE.correlate_to_w(dy2, x2, window, groups))


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pad"), [(28, 2, 2, 0), (29, 3, 2, 1), (14, 3, 1, 1), (31, 13, 1, 6), (40, 20, 20, 0)]
)
@pytest.mark.parametrize("channels", [1, 3, 32])
def test_max_pooling_agrees_with_torch(size: int, kernel: int, stride: int, pad: int, channels: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    x = np.maximum(rng.standard_normal((3, size, size + 1, channels)).round(1), 0)
    window = Window2d(*(Axis(cells, kernel, stride, 1, (pad, pad)) for cells in x.shape[1:3]))
    dy = rng.integers(-9, 9, (3, *window.out, channels)).astype(float)
    tx = torch.from_numpy(x.transpose(0, 3, 1, 2)).requires_grad_()
    ty = torch.nn.functional.max_pool2d(tx, kernel, stride, pad)
    ty.backward(torch.from_numpy(dy.transpose(0, 3, 1, 2)))
    np.testing.assert_array_equal(ENGINE.max_pool(x, window), ty.detach().numpy().transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(ENGINE.max_pool_to_x(dy, x, window, "first"), tx.grad.numpy().transpose(0, 2, 3, 1))


# --- Numbers that are not finite ---


def one_axis(size: int, kernel: int, stride: int = 1, pad: int = 0) -> Window2d:
    return Window2d(Axis(1, 1), Axis(size, kernel, stride, 1, (pad, pad)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_cell_that_is_not_finite_stays_in_its_windows(value: float) -> None:
    x = np.ones((1, 1, 40, 1), np.float32)
    x[0, 0, 20] = value
    window = one_axis(40, 3)
    w = np.ones((1, 3, 1, 1), np.float32)
    assert tiles.fastest(window, 1, 1, x.dtype).width > 1
    for y in (ENGINE.correlate(x, w, None, window, 1), ENGINE.window_sum(x, window)):
        np.testing.assert_array_equal(np.flatnonzero(~np.isfinite(y)), [18, 19, 20])
    dx = ENGINE.correlate_to_x(x[:, :, :38], w, window, 1)
    np.testing.assert_array_equal(np.flatnonzero(~np.isfinite(dx)), [20, 21, 22])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_last_cell_that_is_not_finite_meets_only_the_last_weight(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "WIDEST", 4)
    tiles.fastest.cache_clear()
    x, window = np.ones((1, 1, 31, 1)), one_axis(31, 3)
    x[0, 0, -1] = value
    assert tiles.fastest(window, 1, 1, x.dtype).stands_out
    dw = ENGINE.correlate_to_w(np.ones((1, 1, 29, 1)), x, window, 1)
    np.testing.assert_array_equal(dw.ravel(), [29, 29, value])
    tiles.fastest.cache_clear()


def test_padding_takes_part_in_convolution_as_zeros() -> None:
    x, w = np.ones((1, 1, 5, 1)), np.array([np.nan, 1.0, 1.0]).reshape(1, 3, 1, 1)
    assert np.isnan(ENGINE.correlate(x, w, None, one_axis(5, 3, 3, 1), 1)).all()


def test_padding_never_wins_and_a_window_of_minus_infinity_stays() -> None:
    x = np.array([-3.0, -2.0, -np.inf, -np.inf, -np.inf]).reshape(1, 1, 5, 1)
    y = ENGINE.max_pool(x, one_axis(5, 3, 1, 1))
    np.testing.assert_array_equal(y.ravel(), [-2, -2, -2, -np.inf, -np.inf])


def test_ties_go_to_the_first_or_to_all() -> None:
    x = np.array([[1.0, 2.0], [2.0, 2.0]]).reshape(1, 2, 2, 1)
    window, dy = Window2d(Axis(2, 2), Axis(2, 2)), np.full((1, 1, 1, 1), 5.0)
    np.testing.assert_array_equal(ENGINE.max_pool_to_x(dy, x, window, "first").ravel(), [0, 5, 0, 0])
    np.testing.assert_array_equal(ENGINE.max_pool_to_x(dy, x, window, "all").ravel(), [0, 5, 5, 5])
    x[0, 1, 0] = np.nan
    np.testing.assert_array_equal(ENGINE.max_pool_to_x(dy, x, window, "first").ravel(), [0, 0, 5, 0])
    np.testing.assert_array_equal(ENGINE.max_pool_to_x(dy, x, window, "all").ravel(), [0, 0, 0, 0])
    np.testing.assert_array_equal(ENGINE.max_pool_to_x(np.full_like(dy, np.inf), x, window, "all").ravel(), [np.nan] * 4)


# --- Memory ---


def extra_bytes(kernel: Callable[..., Array], *arguments: Any) -> int:
    """Return the bytes that a call needs at most, beyond its result."""
    tracemalloc.start()
    try:
        result = kernel(*arguments)
        return tracemalloc.get_traced_memory()[1] - result.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("images", "kernel", "stride", "dilation", "filters", "groups"),
    [
        ((4, 112, 112, 32), 3, 1, 1, 16, 1),
        ((4, 112, 112, 32), 3, 2, 1, 16, 1),
        ((4, 112, 112, 32), 3, 1, 1, 32, 32),
        ((1, 3, 400_000, 4), 3, 1, 1, 4, 1),
        ((1, 1500, 1500, 1), 700, 400, 1, 2, 1),
        ((1, 1200, 1200, 4), 2, 1, 600, 4, 2),
    ],
)
def test_a_convolution_works_in_little_memory(
    images: tuple[int, ...], kernel: int, stride: int, dilation: int, filters: int, groups: int
) -> None:
    window = Window2d(*(Axis(size, min(kernel, size), stride, dilation, (1, 1)) for size in images[1:3]))
    x, w = np.ones(images, np.float32), np.ones((*window.kernel, images[3] // groups, filters), np.float32)
    dy = np.ones((len(x), *window.out, filters), np.float32)
    most = 4 * blocks.PRODUCT + 3 * w.nbytes + (1 << 20)
    assert extra_bytes(ENGINE.correlate, x, w, None, window, groups) <= most
    assert extra_bytes(ENGINE.correlate_to_x, dy, w, window, groups) <= most
    assert extra_bytes(ENGINE.correlate_to_w, dy, x, window, groups) <= most


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (50, 50), (100, 3)])
def test_pooling_works_in_little_memory(kernel: int, stride: int) -> None:
    x = np.ones((2, 600, 600, 8), np.float32)
    window = Window2d(*(Axis(size, kernel, stride, 1, (1, 1)) for size in x.shape[1:3]))
    dy = ENGINE.max_pool(x, window)
    for extra in (
        extra_bytes(ENGINE.max_pool, x, window),
        extra_bytes(ENGINE.window_sum, x, window),
        extra_bytes(ENGINE.max_pool_to_x, dy, x, window, "first"),
        extra_bytes(ENGINE.max_pool_to_x, dy, x, window, "all"),
        extra_bytes(ENGINE.window_sum_to_x, dy, window),
    ):
        assert extra <= 12 * blocks.PASSES


BOUNDED = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
import numpy as np
from convstep.engines.numpy import ENGINE
from convstep.geometry import Axis, Window2d
"""
LARGE_CONVOLUTION = """
x, w = np.ones((8, 224, 224, 64), np.float32), np.full((5, 5, 64, 64), 0.5, np.float32)
window = Window2d(Axis(224, 5, 1, 1, (2, 2)), Axis(224, 5, 1, 1, (2, 2)))
y = ENGINE.correlate(x, w, None, window, 1)
dx, dw = ENGINE.correlate_to_x(y, w, window, 1), ENGINE.correlate_to_w(y, x, window, 1)
assert y[3, 100, 100, 7] == 800, y[3, 100, 100, 7]
assert dx[3, 100, 100, 7] == 800 * 800, dx[3, 100, 100, 7]
assert abs(dw[2, 2, 5, 7] / y[..., 7].sum(dtype=float) - 1) < 1e-4, dw[2, 2, 5, 7]
"""
LARGE_POOLING = """
x = np.broadcast_to(np.float32(0.5), {shape})
window = Window2d(Axis({shape}[1], *{rows}), Axis({shape}[2], *{columns}))
y = ENGINE.max_pool(x, window)
assert (y == 0.5).all()
y = ENGINE.window_sum(x, window)
assert y.shape[1:3] == window.out
assert (y == 0.5 * window.height.kernel * window.width.kernel).all()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of the address space is Linux's")
@pytest.mark.parametrize(
    "script",
    [
        LARGE_CONVOLUTION,
        LARGE_POOLING.format(shape=(1, 65537, 32768, 1), rows=(1024, 1024), columns=(1024, 1024)),
        LARGE_POOLING.format(shape=(1, 65537, 32768, 1), rows=(2, 2), columns=(2, 1024)),
        LARGE_POOLING.format(shape=(1, 65538, 32768, 1), rows=(2, 1024), columns=(2, 2)),
        LARGE_POOLING.format(shape=(1, 2, 2**30 + 2**15, 1), rows=(2, 2), columns=(512, 4096)),
    ],
)
def test_large_calls_run_in_two_gibibytes(script: str) -> None:
    done = subprocess.run([sys.executable, "-c", BOUNDED + script], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
