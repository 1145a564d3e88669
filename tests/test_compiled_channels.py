"""Copies, scales, combinations and local responses on kernels: what NumPy gives, however arrays lie, and nothing beside the result."""

import itertools
from typing import Any

import numpy as np
import pytest
from tests.convolutions import needs_numba

from convstep import set_threads, use_engine
from convstep.checks import Array
from convstep.checks import operations as doors
from convstep.engines import current_engine
from convstep.engines.numpy import ENGINE as NUMPY

pytestmark = needs_numba
types = pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
NEAR = {"float64": 1e-12, "float32": 3e-6, "float16": 1e-2}
CHANNELS = (1, 2, 3, 8, 17, 40)
ROOM = 5  # channels of the array around a result


@pytest.fixture(autouse=True)
def compiled() -> Any:
    with use_engine("compiled"):
        yield
    set_threads(None)


def drawn(*shape: int, dtype: Any = "float32", seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def around(shape: tuple[int, ...], dtype: Any) -> tuple[Array, Array]:
    """An array full of 7, and a part of its channels, of this shape."""
    room = np.full((*shape[:-1], shape[-1] + ROOM), 7, dtype)
    return room, room[..., 2 : 2 + shape[-1]]


def assert_untouched(room: Array) -> None:
    assert (room[..., :2] == 7).all()
    assert (room[..., -ROOM + 2 :] == 7).all()


def assert_close(got: Array, want: Array) -> None:
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    np.testing.assert_allclose(got, want, rtol=NEAR[got.dtype.name], atol=NEAR[got.dtype.name])


def cuts(x: Array) -> list[Array]:
    return [x, x[:, ::2], x[..., 3:20], x[:, :, ::-1], x[:, :1], x[:0], np.broadcast_to(x[:1], (4, *x.shape[1:]))]


@types
@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_copies_of_every_layout(order: tuple[int, ...], dtype: str) -> None:
    for cut in cuts(drawn(3, 5, 9, 37, dtype=dtype)):
        x = cut.transpose(order)
        y = current_engine().arrange(x)
        assert y.flags.c_contiguous
        assert not np.shares_memory(x, y)
        np.testing.assert_array_equal(y, x)
        room, place = around(x.shape, dtype)
        assert current_engine().arrange(x, place) is place
        np.testing.assert_array_equal(place, x)
        assert_untouched(room)


def test_copies_of_many_axes_and_of_none() -> None:
    x = drawn(2, 3, 2, 3, 2, 3, 2, 3)
    for order in ((7, 6, 5, 4, 3, 2, 1, 0), (1, 0, 3, 2, 5, 4, 7, 6), range(8)):
        np.testing.assert_array_equal(current_engine().arrange(x.transpose(order)), x.transpose(order))
    np.testing.assert_array_equal(current_engine().arrange(np.full((), 3, np.float32)), 3)
    np.testing.assert_array_equal(current_engine().arrange(drawn(400, 300).T), drawn(400, 300).T)
    whole = np.arange(24).reshape(4, 6)
    np.testing.assert_array_equal(current_engine().arrange(whole.T), whole.T)


@types
@pytest.mark.parametrize("floor", [False, True])
def test_channels_are_scaled_and_shifted(floor: bool, dtype: str) -> None:
    for channels in CHANNELS:
        wide = drawn(3, 5, 9, channels + 3, dtype=dtype)
        scale, shift = drawn(2, channels, dtype=dtype, seed=1)
        for x in (wide[..., 1:-2], wide[..., 1:-2].transpose(0, 2, 1, 3), wide[:0, ..., 1:-2], wide[0, 0, ..., 1:-2]):
            want = NUMPY.affine(x, scale, shift, floor=floor)
            assert_close(current_engine().affine(x, scale, shift, floor=floor), want)
            room, place = around(x.shape, dtype)
            assert_close(current_engine().affine(x, scale, shift, floor=floor, out=place), want)
            assert_untouched(room)


def test_scaling_keeps_nan_and_infinities() -> None:
    x = np.array([[np.nan, np.inf, -np.inf, -0.0]], np.float32)
    y = current_engine().affine(x, np.ones(4, np.float32), np.zeros(4, np.float32), floor=True)
    np.testing.assert_array_equal(y, [[np.nan, np.inf, 0, 0]])


PAIRS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((3, 7, 9, 8), (3, 1, 1, 8)), ((3, 7, 9, 8), (1, 7, 9, 1)), ((8,), (3, 7, 9, 8)), ((), (3, 4)), ((3, 1, 4), (1, 5, 1)),
    ((3, 7, 9, 8), (3, 7, 9, 8)), ((1, 1), (5, 6)), ((2, 1, 3, 1, 2, 1), (1, 4, 1, 5, 1, 6)), ((0, 3), (3,)), ((40000,), (40000,)),
    ((40000,), ()), ((), ()),
]  # fmt: skip


@types
@pytest.mark.parametrize("name", ["plus", "minus", "product", "quotient", "largest", "smallest"])
def test_pairs_give_numpys_bits(name: str, dtype: str) -> None:
    for one, other in PAIRS:
        a, b = np.asarray(drawn(*one, dtype=dtype)), np.asarray(drawn(*other, dtype=dtype, seed=1))
        if b.size > 3:
            b.flat[:4] = [np.nan, 0, np.inf, -np.inf]
        for first, second in ((a, b), (b, a), (a.T, b.T) if a.ndim == b.ndim else (a, b)):
            got = current_engine().combine(name, first, second)
            np.testing.assert_array_equal(got, NUMPY.combine(name, first, second))
            assert got.dtype == dtype


@pytest.mark.parametrize("beta", [0.25, 0.5, 0.75, 1.0, 1.25, 2.0, 0.3, 3.0])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 90])
def test_local_responses_are_those_of_float64_but_for_a_few_units(size: int, beta: float) -> None:
    for channels in CHANNELS:
        x = 3 * drawn(2, 5, 3, channels + 3)[..., 1:-2]
        before, after = (size - 1) // 2, size // 2
        wide = x.astype(np.float64)
        squares = np.array([(wide[..., max(c - before, 0) : c + after + 1] ** 2).sum(axis=-1) for c in range(channels)])
        want = wide / (1.5 + 0.9 / size * np.moveaxis(squares, 0, -1)) ** beta
        for item, right in ((x, want), (x.transpose(0, 2, 1, 3), want.transpose(0, 2, 1, 3)), (x[:0], want[:0])):
            got = current_engine().local_response(item, size, 0.9, beta, 1.5)
            np.testing.assert_allclose(got, right, rtol=1e-6, atol=1e-7)
            assert got.dtype == np.float32
            np.testing.assert_allclose(NUMPY.local_response(item, size, 0.9, beta, 1.5), right, rtol=3e-6, atol=1e-7)


def test_local_responses_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    x = drawn(2, 6, 5, 30)
    for size in (3, 4, 5):
        layer = torch.nn.LocalResponseNorm(size, alpha=0.02, beta=0.75, k=2.0)
        want = layer(torch.from_numpy(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
        # PyTorch's window of an even size begins one channel later than ONNX's, so only odd ones are the same.
        if size % 2:
            np.testing.assert_allclose(current_engine().local_response(x, size, 0.02, 0.75, 2.0), want, rtol=2e-6, atol=1e-7)


@types
@pytest.mark.parametrize("channels", CHANNELS)
def test_windows_of_a_part_of_the_channels_go_to_a_part_of_others(channels: int, dtype: str) -> None:
    x = drawn(2, 9, 10, channels + 7, dtype=dtype)[..., 2:-5]
    if dtype == "float16":
        x = x.astype(np.float32).astype(np.float16)
    for size, stride, padding in ((3, 2, 1), (3, 1, ((1, 1), (0, 1))), (2, 3, 0), ((9, 10), 1, 0), (1, 2, 0)):
        window = doors.pooling("pool", x, size, {"strides": stride, "padding": padding, "ceil_mode": True}).window
        for pool in ("max_pool", "window_sum"):
            for mean in [{}] if pool == "max_pool" else [{}, {"mean": True}]:
                room, place = around((2, *window.out, channels), dtype)
                want = getattr(NUMPY, pool)(x, window, **mean)
                assert getattr(current_engine(), pool)(x, window, out=place, **mean) is place
                assert_close(place, want)
                assert_untouched(room)
                assert_close(getattr(current_engine(), pool)(x, window, **mean), want)


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("floor", [False, True])
def test_convolutions_of_a_part_of_the_channels_go_to_a_part_of_others(floor: bool, exact: bool, engine: str) -> None:
    kinds = [
        (16, 24, 1, 1, 1), (16, 24, 1, 3, 1), (3, 7, 1, 3, 2), (24, 24, 24, 3, 1), (24, 48, 24, 3, 2), (24, 16, 4, 1, 1), (8, 4, 1, 3, 1),
        (24, 32, 2, 3, 1), (32, 32, 1, 3, 1), (16, 24, 1, 1, 2), (6, 3, 3, 3, 1),
    ]  # fmt: skip
    with use_engine(engine, exact=exact):
        for channels, filters, groups, size, stride in kinds:
            x, b = drawn(2, 11, 12, channels + 6)[..., 2:-4], drawn(filters)
            w = drawn(size, size, channels // groups, filters)
            options = {"strides": stride, "padding": "same", "dilation_rate": 1, "groups": groups}
            window = doors.convolution("conv2d", x, w, b, options).window
            room, place = around((2, *window.out, filters), "float32")
            want = current_engine().correlate(np.ascontiguousarray(x), w, b, window, groups, floor=floor)
            assert current_engine().correlate(x, w, b, window, groups, floor=floor, out=place) is place
            np.testing.assert_allclose(place, want, rtol=1e-4, atol=1e-4)
            assert_untouched(room)
            across = np.empty((filters, *window.out, 2), np.float32).transpose(3, 1, 2, 0)
            np.testing.assert_allclose(
                current_engine().correlate(x, w, b, window, groups, floor=floor, out=across), want, rtol=1e-4, atol=1e-4
            )


def test_threads_change_no_bit() -> None:
    engine, x = current_engine(), drawn(9, 30, 31, 40)
    scale, shift = drawn(2, 40, seed=1)
    window = doors.pooling("pool", x, 3, {"strides": 2, "padding": 1, "ceil_mode": False}).window

    def everything() -> list[Array]:
        return [
            engine.arrange(x.transpose(3, 0, 1, 2)), engine.affine(x, scale, shift, floor=True), engine.combine("product", x, scale),
            engine.local_response(x, 5, 0.1, 0.75, 1.0), engine.window_sum(x, window, mean=True),
        ]  # fmt: skip

    set_threads(1)
    want = everything()
    for count in (2, 5):
        set_threads(count)
        for got, right in zip(everything(), want, strict=True):
            np.testing.assert_array_equal(got, right)


def test_all_of_them_can_be_recorded() -> None:
    engine = current_engine()
    window = doors.pooling("pool", drawn(2, 9, 9, 24), 3, {"strides": 2, "padding": 1, "ceil_mode": False}).window
    scale, shift = drawn(2, 24, seed=1)

    def everything(x: Array) -> list[Array]:
        room = engine.empty((2, 9, 9, 60), x.dtype)
        engine.arrange(x.transpose(0, 2, 1, 3), room[..., 3:27])
        engine.affine(room[..., 3:27], scale, shift, floor=True, out=room[..., 30:54])
        part = room[..., 30:54]
        return [
            engine.arrange(part), engine.activate("silu", part, 0.0, None), engine.softmax(part), engine.plus(part, x, floor=True),
            engine.combine("quotient", part, scale), engine.local_response(part, 5, 0.1, 0.75, 1.0),
            engine.window_sum(part, window, mean=True), engine.times(part, 3.0), engine.product(part, shift),
        ]  # fmt: skip

    assert engine.program is not None
    made = engine.program(everything, [drawn(2, 9, 9, 24)], frozen=True)
    again = [item.copy() for item in made(drawn(2, 9, 9, 24, seed=5)) or []]
    for got, want in zip(again, everything(drawn(2, 9, 9, 24, seed=5)), strict=True):
        np.testing.assert_array_equal(got, want)
