"""Pooling, sums over pixels and depthwise convolution on compiled kernels are those of the NumPy engine but for rounding."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from convstep import set_threads
from convstep.checks import Array
from convstep.engines import Ties
from convstep.engines.numpy import ENGINE as NUMPY
from convstep.geometry import Axis, Window2d

if find_spec("numba") is None:
    pytest.skip("numba compiles these kernels, and it is not installed", allow_module_level=True)

from convstep.engines.compiled import EXACT as COMPILED
from convstep.engines.compiled import depthwise, pooling, sums

TIES: tuple[Ties, Ties] = ("first", "all")
FLOATS = (np.float32, np.float64)


class Case(NamedTuple):
    """What pooling gets, or a depthwise convolution."""

    x: Array
    dy: Array
    window: Window2d
    w: Array
    b: Array | None


class Draw:
    """Draws windows and arrays; the seed alone decides. Every fourth case has numbers that are not finite."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype = FLOATS[seed % 2]
        self.wild = 0.1 if seed % 4 == 1 else 0.0

    def whole(self, least: int, most: int) -> int:
        return int(self.rng.integers(least, most + 1))

    def axis(self, largest: int) -> Axis:
        """Draw an axis: single pixels, strides that do not divide, windows with gaps, apart, larger than the image, hanging over."""
        size = 1 if self.whole(0, 7) == 0 else self.whole(1, largest)
        kernel, dilation = self.whole(1, 5), max(1, self.whole(-2, 3))
        stride = kernel if self.whole(0, 2) == 0 else self.whole(1, 6)
        pad = (self.whole(0, 4), self.whole(0, 4)) if self.whole(0, 1) else (0, 0)
        axis = Axis(size, kernel, stride, dilation, pad)
        axis = axis if axis.out else Axis(size, min(size, kernel), stride, 1, pad)
        return axis.rounded_up() if self.whole(0, 3) == 0 else axis

    def array(self, *shape: int) -> Array:
        """Draw values, some with many ties and some all below zero, in one of six memory layouts."""
        values: Array = self.rng.standard_normal(shape).astype(self.dtype)
        kind, layout = self.whole(0, 2), self.whole(0, 6)
        if kind == 1:
            values = np.maximum(np.round(values), 0)
        elif kind == 2:
            values = -np.abs(np.round(values)) - 1
        if self.wild:
            values[self.rng.random(shape) < self.wild] = self.rng.choice([np.nan, np.inf, -np.inf])
        return laid_out(values, layout)

    def case(self, channels: int, times: int = 1) -> Case:
        window = Window2d(self.axis(11), self.axis(17))
        m, filters = self.whole(0, 6) % 4, channels * times
        x = self.array(m, window.height.size, window.width.size, channels)
        w = self.array(*window.kernel, 1, filters)
        return Case(x, self.array(m, *window.out, filters), window, w, self.array(filters) if self.whole(0, 1) else None)


def laid_out(x: Array, layout: int) -> Array:
    if layout == 1:
        return np.asfortranarray(x)
    if layout == 2:
        return np.flip(np.ascontiguousarray(np.flip(x)))
    if layout == 3:
        return np.repeat(x, 2, axis=-1)[..., ::2]
    if layout == 4 and x.ndim == 4:
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    if layout == 5:
        return np.broadcast_to(x[..., :1], x.shape)
    return x


def finite(x: Array) -> Array:
    return np.abs(np.where(np.isfinite(x), x, 0)).astype(np.float64)


def agree(got: Array, want: Array, terms: int = 0, scale: Array | None = None) -> None:
    """Equal, or apart by 2 (n + 4) u sum |terms| at most."""
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    info = np.finfo(got.dtype)
    rounding = 0 if scale is None else (terms + 4) * (float(info.eps) * scale + 2 * float(info.smallest_subnormal))
    with np.errstate(all="ignore"):
        near = (got == want) | (np.abs(got.astype(np.float64) - want) <= rounding) | (np.isnan(got) & np.isnan(want))
    assert near.all(), f"{(~near).sum()} of {near.size} entries differ, the first at {np.argwhere(~near)[0]}"


@contextmanager
def on(threads: int) -> Iterator[None]:
    set_threads(threads)
    yield
    set_threads(None)


def called(kernel: Callable[..., Array], *arguments: Any) -> Array:
    """Call a kernel on two threads and on one: arguments stay, results are new, and the bits are the same."""
    arrays = [a for a in arguments if isinstance(a, np.ndarray)]
    before = [a.tobytes() for a in arrays]
    with on(2):
        got = kernel(*arguments)
    with on(1):
        again = kernel(*arguments)
    assert [a.tobytes() for a in arrays] == before
    assert not any(np.shares_memory(got, a) for a in arrays)
    assert got.tobytes() == again.tobytes()
    return got


def check_pooling(case: Case) -> None:
    x, dy, window = case.x, case.dy, case.window
    cells = window.height.kernel * window.width.kernel
    agree(called(COMPILED.max_pool, x, window), NUMPY.max_pool(x, window))
    agree(called(COMPILED.window_sum, x, window), NUMPY.window_sum(x, window), cells, NUMPY.window_sum(finite(x), window))
    spread = NUMPY.window_sum_to_x(finite(dy), window)
    agree(called(COMPILED.window_sum_to_x, dy, window), NUMPY.window_sum_to_x(dy, window), cells, spread)
    for ties in TIES:
        agree(called(COMPILED.max_pool_to_x, dy, x, window, ties), NUMPY.max_pool_to_x(dy, x, window, ties), cells, spread)
        floored = called(partial(COMPILED.max_pool_to_x, floor=True), dy, x, window, ties)
        agree(floored, NUMPY.max_pool_to_x(dy, x, window, ties, floor=True), cells, spread)
    agree(called(COMPILED.pixel_sum, dy), NUMPY.pixel_sum(dy), dy[..., 0].size, NUMPY.pixel_sum(finite(dy)))


def check_depthwise(case: Case) -> None:
    x, dy, window, w, b = case
    channels = x.shape[3]
    ax, ady, aw, ab = finite(x), finite(dy), finite(w), None if b is None else finite(b)
    cells = w[..., 0].size
    y = NUMPY.correlate(x, w, b, window, channels)
    agree(called(COMPILED.correlate, x, w, b, window, channels), y, cells + 1, NUMPY.correlate(ax, aw, ab, window, channels))
    dx, scale = NUMPY.correlate_to_x(dy, w, window, channels), NUMPY.correlate_to_x(ady, aw, window, channels)
    agree(called(COMPILED.correlate_to_x, dy, w, window, channels), dx, cells * w.shape[3] // channels, scale)
    dw, scale = NUMPY.correlate_to_w(dy, x, window, channels), NUMPY.correlate_to_w(ady, ax, window, channels)
    agree(called(COMPILED.correlate_to_w, dy, x, window, channels), dw, dy[..., 0].size, scale)


# --- drawn ---


@pytest.mark.parametrize("seed", range(300))
def test_pooling_is_that_of_the_numpy_engine(seed: int) -> None:
    draw = Draw(seed)
    check_pooling(draw.case((1, 2, 3, 5, 6, 8, 16, 20)[draw.whole(0, 7)]))


@pytest.mark.parametrize("seed", range(300))
def test_depthwise_convolution_is_that_of_the_numpy_engine(seed: int) -> None:
    draw = Draw(seed)
    check_depthwise(draw.case((2, 3, 5, 6, 8, 16, 20)[draw.whole(0, 6)], times=max(1, draw.whole(-3, 3))))


@pytest.mark.parametrize("channels", range(1, 71))
def test_every_count_of_channels_is_right(channels: int) -> None:
    for dtype in FLOATS:
        for window in (Window2d(Axis(5, 2, 2), Axis(6, 2, 2)), Window2d(Axis(4, 3, 1, 1, (1, 1)), Axis(7, 3, 2, 1, (1, 0)))):
            draw = Draw(2 * channels)
            draw.dtype = dtype
            x, dy = draw.array(2, window.height.size, window.width.size, channels), draw.array(2, *window.out, channels)
            case = Case(x, dy, window, draw.array(*window.kernel, 1, channels), draw.array(channels))
            check_pooling(case)
            if channels > 1:
                check_depthwise(case)


@pytest.mark.parametrize(
    ("images", "size", "channels", "kernel", "stride", "pad"),
    [
        (9, 28, 6, 2, 2, 0), (3, 64, 8, 8, 8, 0), (2, 33, 32, 2, 2, 0), (2, 57, 64, 3, 2, 1), (1, 14, 70, 13, 1, 6), (2, 7, 300, 7, 7, 0),
        (40, 9, 3, 3, 3, 1), (1, 300, 3, 5, 3, 2), (1, 40, 2500, 2, 2, 0), (5000, 1, 1, 1, 1, 0), (1, 400, 90, 300, 100, 0),
    ],
)  # fmt: skip
def test_larger_images_are_right(images: int, size: int, channels: int, kernel: int, stride: int, pad: int) -> None:
    rng = np.random.default_rng(0)
    axis = Axis(size, kernel, stride, 1, (pad, pad))
    window = Window2d(axis, axis)
    x = np.round(rng.standard_normal((images, size, size, channels)), 1).astype(np.float32)
    dy, w = rng.standard_normal((images, *window.out, channels)).astype(np.float32), rng.standard_normal((kernel, kernel, 1, channels))
    case = Case(x, dy, window, w.astype(np.float32), None)
    check_pooling(case)
    if channels > 1 and kernel < 10:
        check_depthwise(case)


@pytest.mark.parametrize("seed", range(0, 60, 2))
def test_sums_of_small_whole_numbers_are_exact(seed: int) -> None:
    draw = Draw(seed)
    x, dy, window, w, _ = draw.case(6)
    x, dy, w = (np.round(4 * a) for a in (x, dy, w))
    np.testing.assert_array_equal(COMPILED.window_sum(x, window), NUMPY.window_sum(x, window))
    np.testing.assert_array_equal(COMPILED.window_sum_to_x(dy, window), NUMPY.window_sum_to_x(dy, window))
    np.testing.assert_array_equal(COMPILED.pixel_sum(dy), NUMPY.pixel_sum(dy))
    for ties in TIES:
        np.testing.assert_array_equal(COMPILED.max_pool_to_x(dy, x, window, ties), NUMPY.max_pool_to_x(dy, x, window, ties))
    np.testing.assert_array_equal(COMPILED.correlate(x, w, None, window, 6), NUMPY.correlate(x, w, None, window, 6))
    np.testing.assert_array_equal(COMPILED.correlate_to_x(dy, w, window, 6), NUMPY.correlate_to_x(dy, w, window, 6))
    np.testing.assert_array_equal(COMPILED.correlate_to_w(dy, x, window, 6), NUMPY.correlate_to_w(dy, x, window, 6))


# --- NaN, infinity, ties ---


def row(*values: float) -> Array:
    return np.array(values, np.float32).reshape(1, 1, -1, 1)


def along(size: int, kernel: int, stride: int = 1, pad: int = 0) -> Window2d:
    return Window2d(Axis(1, 1), Axis(size, kernel, stride, 1, (pad, pad)))


def test_the_first_nan_of_a_window_wins_and_takes_the_gradient() -> None:
    x, window, dy = row(1, np.nan, 9, np.nan), along(4, 4), row(5)
    assert np.isnan(COMPILED.max_pool(x, window)).all()
    np.testing.assert_array_equal(COMPILED.max_pool_to_x(dy, x, window, "first"), row(0, 5, 0, 0))
    np.testing.assert_array_equal(COMPILED.max_pool_to_x(dy, x, window, "all"), row(0, 0, 0, 0))


def test_ties_go_to_the_first_or_to_all_and_padding_never_wins() -> None:
    x, window, dy = row(-3, -3, -np.inf), along(3, 3, 1, 1), row(1, 10, 100)
    np.testing.assert_array_equal(COMPILED.max_pool(x, window), row(-3, -3, -3))
    np.testing.assert_array_equal(COMPILED.max_pool_to_x(dy, x, window, "first"), row(11, 100, 0))
    np.testing.assert_array_equal(COMPILED.max_pool_to_x(dy, x, window, "all"), row(11, 111, 0))


def test_an_infinite_gradient_reaches_the_winner_alone_unless_all_may_win() -> None:
    x, window, dy = row(1, 2), along(2, 2), row(np.inf)
    np.testing.assert_array_equal(COMPILED.max_pool_to_x(dy, x, window, "first"), row(0, np.inf))
    np.testing.assert_array_equal(COMPILED.max_pool_to_x(dy, x, window, "all"), row(np.nan, np.inf))


# --- third parties ---


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("size", "channels", "kernel", "stride", "pad"), [(28, 6, 2, 2, 0), (16, 8, 8, 8, 0), (15, 33, 3, 2, 1), (9, 5, 3, 1, 1)]
)
def test_pooling_and_depthwise_convolution_agree_with_torch(
    dtype: type[np.floating[Any]], size: int, channels: int, kernel: int, stride: int, pad: int
) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    axis = Axis(size, kernel, stride, 1, (pad, pad))
    window = Window2d(axis, axis)
    x, dy, w = (
        rng.standard_normal(s).astype(dtype) for s in ((3, size, size, channels), (3, *window.out, channels), (kernel, kernel, 1, channels))
    )
    tx, tdy = (torch.from_numpy(a.transpose(0, 3, 1, 2)) for a in (x, dy))
    tw = torch.from_numpy(w.transpose(3, 2, 0, 1))
    tx.requires_grad_()
    tw.requires_grad_()
    functions = torch.nn.functional
    for ty, y, dx in (
        (functions.max_pool2d(tx, kernel, stride, pad), COMPILED.max_pool(x, window), COMPILED.max_pool_to_x(dy, x, window, "first")),
        (
            functions.avg_pool2d(tx, kernel, stride, pad) * kernel**2,
            COMPILED.window_sum(x, window),
            COMPILED.window_sum_to_x(dy, window),
        ),
        (
            functions.conv2d(tx, tw, None, stride, pad, 1, channels),
            COMPILED.correlate(x, w, None, window, channels),
            COMPILED.correlate_to_x(dy, w, window, channels),
        ),
    ):
        tx.grad = tw.grad = None
        ty.backward(tdy)
        for got, want in ((y, ty.detach()), (dx, tx.grad)):
            assert np.abs(got - want.numpy().transpose(0, 2, 3, 1)).max() <= np.finfo(dtype).eps * 8 * max(1, np.abs(got).max())
    dw = COMPILED.correlate_to_w(dy, x, window, channels)
    assert np.abs(dw - tw.grad.numpy().transpose(2, 3, 1, 0)).max() <= np.finfo(dtype).eps * 64 * np.abs(dw).max()


# --- what suits no kernel, and what is large ---


def unaligned(x: Array) -> Array:
    view = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


CHANGES: dict[str, Callable[[Array], Array]] = {
    "unaligned": unaligned,
    "in another byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "longer": lambda x: x.astype(np.longdouble),
    "half": lambda x: x.astype(np.float16),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("which", [0, 1])
def test_what_suits_no_kernel_goes_to_numpy(change: Callable[[Array], Array], which: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, dy, window, w, b = Draw(4).case(6)
    x, dy, w = change(np.array(x)), change(np.array(dy)), change(np.array(w))
    if which:
        b = None if b is None else change(np.array(b))
    for module in (pooling, depthwise, sums):
        for name in {"run", "run_all"} & set(vars(module)):
            monkeypatch.setattr(module, name, None)
        assert None in (vars(module).get("run", ""), vars(module).get("run_all", ""))
    agree(COMPILED.max_pool(x, window), NUMPY.max_pool(x, window))
    agree(COMPILED.window_sum(x, window), NUMPY.window_sum(x, window))
    agree(COMPILED.window_sum_to_x(dy, window), NUMPY.window_sum_to_x(dy, window))
    agree(COMPILED.max_pool_to_x(dy, x, window, "first"), NUMPY.max_pool_to_x(dy, x, window, "first"))
    agree(COMPILED.pixel_sum(dy), NUMPY.pixel_sum(dy))
    agree(COMPILED.correlate(x, w, b, window, 6), NUMPY.correlate(x, w, b, window, 6))
    agree(COMPILED.correlate_to_x(dy, w, window, 6), NUMPY.correlate_to_x(dy, w, window, 6))
    agree(COMPILED.correlate_to_w(dy, x, window, 6), NUMPY.correlate_to_w(dy, x, window, 6))


def test_images_of_four_billion_cells_are_read_where_they_are() -> None:
    line = np.arange(2**15, dtype=np.float32)
    x = as_strided(line, (1, 2**17, 2**15, 1), (0, 0, 4, 4))
    window = Window2d(Axis(2**17, 5, 2**13), Axis(2**15, 5, 2**12))
    starts = np.arange(8, dtype=np.float32) * 2**12
    np.testing.assert_array_equal(COMPILED.max_pool(x, window)[0, :, :, 0], np.tile(starts + 4, (16, 1)))
    np.testing.assert_array_equal(COMPILED.window_sum(x, window)[0, :, :, 0], np.tile(5 * (5 * starts + 10), (16, 1)))


# --- nothing outside is touched ---


@pytest.mark.skipif(sys.platform != "linux", reason="forbidden pages are Linux's")
def test_kernels_stay_inside_their_arrays() -> None:
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-m", "tests.test_compiled_windows"], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout.splitlines()[-1:]}\n{done.stderr}"
    assert len(done.stdout.splitlines()) > 400


def main() -> None:
    """Run cases whose every array and buffer begins or ends at a page that nobody may touch; say which before each."""
    from tests.guarded import EDGES, Guarded, copied

    for edge in EDGES:
        guard: Any = Guarded(edge)
        for module in (pooling, depthwise, sums):
            for name, value in (("empty", guard.empty), ("Buffers", guard), ("np", guard)):
                if hasattr(module, name):
                    setattr(module, name, value)
        for seed in range(280):
            draw = Draw(seed)
            case = draw.case(draw.whole(1, 35), times=1)
            if not case.dy.size:
                continue
            print(edge, seed, case.window, case.x.shape, flush=True)  # noqa: T201 - the last line names the case that died
            case = case._replace(x=copied(case.x, edge), dy=copied(case.dy, edge), w=copied(case.w, edge))
            check_pooling(case)
            if case.x.shape[3] > 1:
                check_depthwise(case)


if __name__ == "__main__":
    main()


# --- images seen through matrices ---


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 9, 12, 3), (3, 1, 1, 1), (2, 28, 28, 1), (4, 6, 2, 9), (0, 5, 5, 2), (2, 5, 5, 0)])
def test_images_seen_through_matrices_are_numpys_bits(shape: tuple[int, ...], dtype: Any) -> None:
    rng = np.random.default_rng(sum(shape))
    x = rng.standard_normal(shape).astype(dtype)
    if x.size:
        x[-1, -1, -1, -1] = np.nan
    turns = rng.standard_normal((shape[0], 2, 2)).astype(dtype)
    straight = np.broadcast_to(np.eye(2, dtype=dtype), turns.shape)
    middle = (np.array(shape[1:3], dtype) - 1) / 2
    for matrices, spread in ((turns, 3), (straight, 0), (np.round(turns), 1), (100 * turns, 0)):
        starts = (middle + spread * rng.standard_normal((shape[0], 2))).astype(dtype)
        got = called(COMPILED.resample, x, matrices, starts, 0.25)
        np.testing.assert_array_equal(got, NUMPY.resample(x, matrices, starts, 0.25))
        np.testing.assert_array_equal(COMPILED.resample(np.asfortranarray(x), matrices, starts, 0.25), got)
    calm = np.nan_to_num(x)
    np.testing.assert_array_equal(COMPILED.resample(calm, straight, np.broadcast_to(middle, (shape[0], 2)), 0.0), calm)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_are_numpys_bits(dtype: Any) -> None:
    one, other = np.random.default_rng(0).standard_normal((2, 3, 5, 7)).astype(dtype)
    np.testing.assert_array_equal(called(COMPILED.product, one, other), one * other)
    np.testing.assert_array_equal(called(COMPILED.product, one, other.T.copy().T), one * other)


@pytest.mark.parametrize("shape", [(7, 10), (3, 1), (2, 3, 5), (70_000, 3), (0, 4)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shares_and_their_gradient_are_near_numpys(shape: tuple[int, ...], dtype: Any) -> None:
    rng = np.random.default_rng(shape[-1])
    x, dy = rng.standard_normal((2, *shape)).astype(dtype)
    y = called(COMPILED.softmax, 5 * x)
    np.testing.assert_allclose(y, NUMPY.softmax(5 * x), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(called(COMPILED.softmax_to_x, dy, y), NUMPY.softmax_to_x(dy, y), rtol=1e-5, atol=1e-6)
