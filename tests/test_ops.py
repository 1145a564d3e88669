"""The operations satisfy their laws: the steps, transposes, slopes, types, memory, and results that others printed once."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import ArrayLike, DTypeLike

from convstep import ShapeError, ops, steps
from convstep.checks import Array
from convstep.testing import assert_engine, gradient_check

FLOATS = ("float16", "float32", "float64")
SEEDS = range(60)


def whole_numbers(rng: np.random.Generator, *shape: int) -> Array:
    """Small whole numbers: their sums of products are exact in any order."""
    return rng.integers(-4, 5, shape).astype(np.float64)


def parts(result: Any) -> tuple[Array, ...]:
    return result if isinstance(result, tuple) else (result,)


# --- Agrees with the steps ---


def conv_forward(A_prev: Any, W: Any, b: Any, hparameters: Any) -> tuple[Array, tuple[Any, ...]]:
    Z = ops.conv2d(A_prev, W, np.reshape(b, -1), strides=hparameters["stride"], padding=hparameters["pad"])
    return Z, (A_prev, W, b, hparameters)


def conv_backward(dZ: Any, cache: Any) -> tuple[Array, Array, Array]:
    A_prev, W, _, hparameters = cache
    dA_prev, dW, db = ops.conv2d_backward(dZ, A_prev, W, strides=hparameters["stride"], padding=hparameters["pad"])
    return dA_prev, dW, db[None, None, None]


def pool_forward(A_prev: Any, hparameters: Any, mode: str) -> tuple[Array, tuple[Any, ...]]:
    pool = ops.max_pool2d if mode == "max" else ops.average_pool2d
    return pool(A_prev, hparameters["f"], strides=hparameters["stride"]), (A_prev, hparameters)


def pool_backward(dA: Any, cache: Any, mode: str) -> Array:
    A_prev, hparameters = cache
    if mode == "max":
        return ops.max_pool2d_backward(dA, A_prev, hparameters["f"], strides=hparameters["stride"], ties="all")
    return ops.average_pool2d_backward(dA, A_prev, hparameters["f"], strides=hparameters["stride"])


AS_THE_ASSIGNMENT: dict[str, Callable[..., Any]] = {
    "conv_forward": conv_forward,
    "conv_backward": conv_backward,
    "pool_forward": pool_forward,
    "pool_backward": pool_backward,
}


@pytest.mark.parametrize("function", AS_THE_ASSIGNMENT)
def test_an_operation_agrees_with_the_steps_within_rounding(function: str) -> None:
    assert_engine({function: AS_THE_ASSIGNMENT[function]}, count=250, dtypes=FLOATS, same=function.startswith("conv"))


@pytest.mark.parametrize("seed", range(12))
def test_a_transposed_convolution_is_the_backward_pass_of_the_steps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    f, stride, n_C_prev, n_C = (int(n) for n in rng.integers(1, 4, 4))
    pad = int(rng.integers(0, f))
    x, w = whole_numbers(rng, 2, 3, 4, n_C), whole_numbers(rng, f, f, n_C_prev, n_C)
    y = ops.conv2d_transpose(x, w, strides=stride, padding=pad)
    hparameters, b = {"stride": stride, "pad": pad}, np.zeros((1, 1, 1, n_C))
    np.testing.assert_array_equal(y, steps.conv_backward(x, (np.zeros(y.shape), w, b, hparameters))[0])
    dx, dw, db = ops.conv2d_transpose_backward(y, x, w, strides=stride, padding=pad)
    np.testing.assert_array_equal(dx, steps.conv_forward(y, w, b, hparameters)[0])
    np.testing.assert_array_equal(dw, steps.conv_backward(x, (y, w, b, hparameters))[1])
    np.testing.assert_array_equal(db, y.sum(axis=(0, 1, 2)))


@pytest.mark.parametrize("seed", range(12))
def test_dense_is_a_window_as_large_as_the_image(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m, f, n_C_prev, n_C = (int(n) for n in rng.integers(1, 5, 4))
    x, w, b = whole_numbers(rng, m, f, f, n_C_prev), whole_numbers(rng, f, f, n_C_prev, n_C), whole_numbers(rng, n_C)
    rows, weights, hparameters = x.reshape(m, -1), w.reshape(-1, n_C), {"stride": 1, "pad": 0}
    Z, cache = steps.conv_forward(x, w, b.reshape(1, 1, 1, -1), hparameters)
    np.testing.assert_array_equal(ops.dense(rows, weights, b), Z.reshape(m, n_C))
    dy = whole_numbers(rng, m, n_C)
    dA_prev, dW, db = steps.conv_backward(dy.reshape(Z.shape), cache)
    for got, want in zip(ops.dense_backward(dy, rows, weights), (dA_prev, dW, db), strict=True):
        np.testing.assert_array_equal(got, want.reshape(got.shape))


# --- Generated cases with all options ---


class Case(NamedTuple):
    """A call: its arrays, its options, and what draws more."""

    arrays: tuple[Array, ...]
    options: dict[str, Any]
    rng: np.random.Generator


def option_pair(rng: np.random.Generator, most: int) -> Any:
    one, other = (int(n) for n in rng.integers(1, most + 1, 2))
    return one if rng.random() < 0.4 else (one, other)


def any_padding(rng: np.random.Generator, most: int) -> Any:
    a, b, c, d = (int(n) for n in rng.integers(0, most + 1, 4))
    return [a, (a, b), ((a, b), (c, d)), [[a, b], [c, d]], "valid", "same"][int(rng.integers(6))]


def convolution(seed: int) -> Case:
    rng = np.random.default_rng([1, seed])
    groups, m = int(rng.integers(1, 4)), int(rng.integers(0, 7)) % 4
    per_group, filters, rows, columns = (int(n) for n in rng.integers(1, 4, 4))
    dilations, strides, padding = option_pair(rng, 2), option_pair(rng, 3), any_padding(rng, 3)
    x = whole_numbers(rng, m, *(int(n) for n in rng.integers(5, 10, 2)), per_group * groups)
    options = {"strides": strides, "padding": padding, "dilation_rate": dilations, "groups": groups}
    return Case((x, whole_numbers(rng, rows, columns, per_group, filters * groups), whole_numbers(rng, filters * groups)), options, rng)


def transposed(seed: int) -> Case:
    rng = np.random.default_rng([2, seed])
    channels, filters, rows, columns, m = (int(n) for n in rng.integers(1, 4, 5))
    strides, padding = option_pair(rng, 3), any_padding(rng, 1)
    options = {"strides": strides, "padding": padding, "dilation_rate": option_pair(rng, 2)}
    if seed % 2:
        options["output_padding"] = tuple(int(rng.integers(0, stride)) for stride in np.broadcast_to(strides, 2))
    x = whole_numbers(rng, m - 1, 4, 3, channels)
    return Case((x, whole_numbers(rng, rows, columns, filters, channels), whole_numbers(rng, filters)), options, rng)


def dense(seed: int) -> Case:
    rng = np.random.default_rng([3, seed])
    channels, units = (int(n) for n in rng.integers(1, 6, 2))
    leading = [(), (0,), (4,), (2, 3), (2, 1, 3)][seed % 5]
    return Case((whole_numbers(rng, *leading, channels), whole_numbers(rng, channels, units), whole_numbers(rng, units)), {}, rng)


def pooling(seed: int, *, most: bool, fewest: int = 0) -> Case:
    rng = np.random.default_rng([4, seed])
    m, channels = max(int(rng.integers(0, 7)) % 4, fewest), int(rng.integers(1, 4))
    size = tuple(int(n) for n in rng.integers(1, 4, 2))
    before, after = ((int(rng.integers(0, cells)), int(rng.integers(0, cells))) for cells in size)
    padding = [0, "valid", "same", (before, after)][int(rng.integers(4))]
    options = {"padding": padding, "strides": None if seed % 5 == 0 else option_pair(rng, 4), "ceil_mode": seed % 2 == 1}
    options["dilation_rate" if most else "count_include_pad"] = option_pair(rng, 2) if most else seed % 3 == 1
    height, width = (int(n) for n in rng.integers(6, 11, 2))
    values = rng.permutation(m * height * width * channels) * 4.0 - 50  # no two are near each other
    return Case((values.reshape(m, height, width, channels), np.array(size)), options, rng)


LINEAR: dict[str, tuple[Callable[[int], Case], Callable[..., Array], Callable[..., tuple[Array, Array, Array]]]] = {
    "conv2d": (convolution, ops.conv2d, ops.conv2d_backward),
    "conv2d_transpose": (transposed, ops.conv2d_transpose, ops.conv2d_transpose_backward),
    "dense": (dense, ops.dense, ops.dense_backward),
}


@pytest.mark.parametrize("op", LINEAR)
@pytest.mark.parametrize("seed", SEEDS)
def test_forward_and_backward_are_transposes_to_the_last_bit(op: str, seed: int) -> None:
    draw, forward, backward = LINEAR[op]
    (x, w, b), options, rng = draw(seed)
    y, biased = forward(x, w, **options), forward(x, w, b, **options)
    dy = whole_numbers(rng, *y.shape)
    dx, dw, db = backward(dy, x, w, **options)
    assert (dy * y).sum() == (dx * x).sum() == (dw * w).sum()
    assert (dy * (biased - y)).sum() == (db * b).sum()
    assert (dx.shape, dw.shape, db.shape) == (x.shape, w.shape, b.shape)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_transposed_convolution_is_the_transpose_of_a_convolution(seed: int) -> None:
    (x, w, _), options, rng = transposed(seed)
    y = ops.conv2d_transpose(x, w, **options)
    if isinstance(options["padding"], str):
        return  # what "same" and "valid" crop is Keras's rule, not that of the convolution
    u = whole_numbers(rng, *y.shape)
    forward = ops.conv2d(u, w, **{name: value for name, value in options.items() if name != "output_padding"})
    assert forward.shape == x.shape
    assert (y * u).sum() == (x * forward).sum()


@pytest.mark.parametrize("seed", SEEDS)
def test_average_pooling_and_its_backward_pass_are_transposes(seed: int) -> None:
    (x, size), options, rng = pooling(seed, most=False)
    y = ops.average_pool2d(x, size.tolist(), **options)
    dy = rng.standard_normal(y.shape)
    dx = ops.average_pool2d_backward(dy, x, size.tolist(), **options)
    assert np.isclose((dy * y).sum(), (dx * x).sum(), rtol=1e-11, atol=1e-9)


@pytest.mark.parametrize("ties", ["first", "all"])
@pytest.mark.parametrize("seed", SEEDS)
def test_max_pooling_hands_each_gradient_to_the_value_that_won(seed: int, ties: Any) -> None:
    (x, size), options, rng = pooling(seed, most=True)
    y = ops.max_pool2d(x, size.tolist(), **options)
    dy = whole_numbers(rng, *y.shape)
    dx = ops.max_pool2d_backward(dy, x, size.tolist(), ties=ties, **options)
    met = np.isfinite(y)  # a dilated window may jump over the whole image
    assert (dy * np.where(met, y, 0)).sum() == (dx * x).sum()
    assert dx.sum() == dy[met].sum()


@pytest.mark.parametrize("op", LINEAR)
@pytest.mark.parametrize("seed", range(8))
def test_the_gradients_are_the_slope_of_a_linear_operation(op: str, seed: int) -> None:
    draw, forward, backward = LINEAR[op]
    (x, w, b), options, _ = draw(seed)

    def gradients(dy: Array, cache: tuple[Array, Array]) -> tuple[Array, Array, Array]:
        return backward(dy, *cache, **options)

    check = gradient_check(
        lambda *at: (forward(*at, **options), at[:2]), gradients, {"x": x[:2] if x.ndim == 4 else x, "w": w, "b": b}, linear=True
    )
    assert check.error <= 1e-11, str(check)


@pytest.mark.parametrize("seed", range(20))
def test_the_gradient_of_average_pooling_is_its_slope(seed: int) -> None:
    (x, size), options, _ = pooling(seed, most=False, fewest=1)
    check = gradient_check(
        lambda x: (ops.average_pool2d(x, size.tolist(), **options), x),
        lambda dy, x: ops.average_pool2d_backward(dy, x, size.tolist(), **options),
        {"x": x[:2, :7, :7]},
        linear=True,
    )
    assert check.error <= 1e-11, str(check)


@pytest.mark.parametrize("ties", ["first", "all"])
@pytest.mark.parametrize("seed", range(20))
def test_the_gradient_of_max_pooling_is_its_slope_where_nothing_ties(seed: int, ties: Any) -> None:
    (x, size), options, _ = pooling(seed, most=True, fewest=1)
    options["dilation_rate"] = 1  # every window meets the image then
    check = gradient_check(
        lambda x: (ops.max_pool2d(x, size.tolist(), **options), x),
        lambda dy, x: ops.max_pool2d_backward(dy, x, size.tolist(), ties=ties, **options),
        {"x": x[:2, :7, :7]},
        linear=True,  # the values are 4 apart, so a step of 1 changes no winner
    )
    assert check.error <= 1e-11, str(check)


def test_ties_go_to_the_first_in_reading_order_or_to_all() -> None:
    x, dy = np.array([[1.0, 3.0, 3.0], [3.0, 0.0, 3.0]]).reshape(1, 2, 3, 1), np.array([2.0, 5.0]).reshape(1, 1, 2, 1)
    first = ops.max_pool2d_backward(dy, x, 2, strides=1)
    np.testing.assert_array_equal(first, ops.max_pool2d_backward(dy, x, 2, strides=1, ties="first"))
    np.testing.assert_array_equal(first.ravel(), [0, 7, 0, 0, 0, 0])
    np.testing.assert_array_equal(ops.max_pool2d_backward(dy, x, 2, strides=1, ties="all").ravel(), [0, 7, 5, 2, 0, 5])


def test_padding_never_wins_and_a_window_of_minus_infinity_goes_to_its_first_cell() -> None:
    x = np.full((1, 2, 2, 1), -np.inf)
    assert np.isneginf(ops.max_pool2d(x, 2, padding=1)).all()
    np.testing.assert_array_equal(ops.max_pool2d_backward(np.ones((1, 1, 1, 1)), x, 2).ravel(), [1, 0, 0, 0])
    np.testing.assert_array_equal(ops.max_pool2d(np.full((1, 3, 3, 1), -7), 3, strides=1, padding=1), np.full((1, 3, 3, 1), -7.0))


# --- One call of each operation ---

Call = Callable[..., Any]
CALLS: dict[str, tuple[dict[str, tuple[int, ...]], Call]] = {
    "conv2d": ({"x": (3, 5, 6, 4), "w": (2, 3, 2, 6), "b": (6,)}, lambda x, w, b: ops.conv2d(x, w, b, strides=(1, 2), padding=1, groups=2)),
    "conv2d depthwise": ({"x": (3, 5, 6, 4), "w": (3, 3, 1, 8)}, lambda x, w: ops.conv2d(x, w, padding="same", groups=4)),
    "conv2d_backward": (
        {"dy": (3, 3, 4, 6), "x": (3, 5, 6, 4), "w": (3, 3, 4, 6)},
        ops.conv2d_backward,
    ),
    "conv2d_backward depthwise": (
        {"dy": (3, 3, 4, 8), "x": (3, 5, 6, 4), "w": (3, 3, 1, 8)},
        lambda dy, x, w: ops.conv2d_backward(dy, x, w, groups=4),
    ),
    "conv2d_transpose": (
        {"x": (3, 3, 4, 2), "w": (3, 2, 4, 2), "b": (4,)},
        lambda x, w, b: ops.conv2d_transpose(x, w, b, strides=2, padding="same"),
    ),
    "conv2d_transpose_backward": (
        {"dy": (3, 6, 8, 4), "x": (3, 3, 4, 2), "w": (3, 2, 4, 2)},
        lambda dy, x, w: ops.conv2d_transpose_backward(dy, x, w, strides=2, padding="same"),
    ),
    "dense": ({"x": (3, 4, 5), "w": (5, 2), "b": (2,)}, ops.dense),
    "dense_backward": ({"dy": (3, 4, 2), "x": (3, 4, 5), "w": (5, 2)}, ops.dense_backward),
    "max_pool2d": ({"x": (3, 5, 6, 4)}, lambda x: ops.max_pool2d(x, (2, 3), strides=2, padding=1, ceil_mode=True)),
    "max_pool2d_backward": (
        {"dy": (3, 3, 4, 4), "x": (3, 5, 6, 4)},
        lambda dy, x: ops.max_pool2d_backward(dy, x, (2, 3), strides=2, padding=1, ceil_mode=True, ties="all"),
    ),
    "max_pool2d_backward first": (
        {"dy": (3, 3, 4, 4), "x": (3, 5, 6, 4)},
        lambda dy, x: ops.max_pool2d_backward(dy, x, (2, 3), strides=2, padding=1, ceil_mode=True),
    ),
    "average_pool2d": ({"x": (3, 6, 6, 4)}, lambda x: ops.average_pool2d(x, (2, 4), strides=2)),
    "average_pool2d_backward": (
        {"dy": (3, 3, 2, 4), "x": (3, 6, 6, 4)},
        lambda dy, x: ops.average_pool2d_backward(dy, x, (2, 4), strides=2),
    ),
    "identity": ({"x": (3, 5, 6, 4)}, lambda x: ops.max_pool2d(x, 1)),
    "identity in mean": ({"x": (3, 5, 6, 4)}, lambda x: ops.average_pool2d(x, 1)),
}


def arrays_of(op: str, *, whole: bool = True, dtype: DTypeLike = np.float64) -> dict[str, Array]:
    rng = np.random.default_rng(sum(map(ord, op)))
    draw = whole_numbers if whole else lambda rng, *shape: rng.standard_normal(shape)
    return {name: draw(rng, *shape).astype(dtype) for name, shape in CALLS[op][0].items()}


def called(op: str, arrays: Mapping[str, ArrayLike]) -> tuple[Array, ...]:
    return parts(CALLS[op][1](*arrays.values()))


# --- Types ---


@pytest.mark.parametrize("op", CALLS)
@pytest.mark.parametrize("dtype", [*FLOATS, "longdouble"])
def test_the_type_of_floats_that_comes_in_goes_out(op: str, dtype: str) -> None:
    got = called(op, arrays_of(op, dtype=dtype))
    assert {part.dtype for part in got} == {np.dtype(dtype)}
    for part, want in zip(got, called(op, arrays_of(op)), strict=True):
        np.testing.assert_allclose(part, want, rtol=float(np.finfo(np.float16).eps) if dtype == "float16" else 1e-6)


@pytest.mark.parametrize("op", CALLS)
@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int32", "int64"])
def test_whole_numbers_and_booleans_count_as_float64(op: str, dtype: str) -> None:
    arrays = {name: np.abs(values).astype(dtype) for name, values in arrays_of(op).items()}
    got = called(op, arrays)
    assert {part.dtype for part in got} == {np.dtype(np.float64)}
    for part, want in zip(got, called(op, {name: values.astype(np.float64) for name, values in arrays.items()}), strict=True):
        np.testing.assert_array_equal(part, want)


@pytest.mark.parametrize("op", [op for op, (shapes, _) in CALLS.items() if len(shapes) > 1])
@pytest.mark.parametrize(
    ("one", "other", "result"),
    [("float16", "float32", "float32"), ("float32", "float64", "float64"), ("float16", "int8", "float64"), ("float32", "bool", "float64")],
)
def test_mixed_types_promote_whichever_argument_holds_them(op: str, one: str, other: str, result: str) -> None:
    arrays = arrays_of(op)
    for name in arrays:
        mixed = {each: values.astype(other if each == name else one) for each, values in arrays.items()}
        assert {part.dtype for part in called(op, mixed)} == {np.dtype(result)}


def test_float16_is_added_up_in_float32() -> None:
    ones = np.ones((1, 50, 100, 1), np.float16)
    assert ops.conv2d(ones, ones.reshape(50, 100, 1, 1)).item() == 5000  # in float16, 2048 + 1 is 2048
    assert ops.dense(ones.reshape(1, -1), ones.reshape(-1, 1)).item() == 5000
    assert ops.conv2d_backward(ones, ones, np.ones((1, 1, 1, 1), np.float16))[2].item() == 5000
    assert ops.average_pool2d(ones * 60000, (50, 100)).item() == np.float16(60000)
    assert ops.conv2d_transpose(ones[:, :1], np.ones((1, 100, 1, 1), np.float16))[0, 0, 99, 0] == 100


def test_a_float16_result_beyond_its_range_is_infinite_without_a_warning() -> None:
    large = np.full((1, 1, 1, 1), 60000, np.float16)
    assert np.isposinf(ops.conv2d(large, large)).all()
    assert all(np.isposinf(gradient).all() for gradient in ops.conv2d_backward(large, large, large)[:2])


# --- Memory ---


def unaligned(x: Array) -> Array:
    raw = np.zeros(x.nbytes + 1, np.uint8)[1:]
    view = raw.view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def read_only(x: Array) -> Array:
    x = x.copy()
    x.flags.writeable = False
    return x


LAYOUTS: dict[str, Callable[[Array], Any]] = {
    "Fortran order": np.asfortranarray,
    "back to front": lambda x: np.flip(np.ascontiguousarray(np.flip(x))),
    "every second cell": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "axes exchanged": lambda x: np.ascontiguousarray(np.moveaxis(x, -1, 0)).transpose(*range(1, x.ndim), 0),
    "big-endian": lambda x: x.astype(">f8"),
    "little-endian": lambda x: x.astype("<f8"),
    "unaligned": unaligned,
    "read-only": read_only,
    "nested lists": lambda x: x.tolist(),
}


@pytest.mark.parametrize("op", CALLS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_results_do_not_depend_on_how_the_arguments_lie_in_memory(op: str, layout: str) -> None:
    arrays = arrays_of(op)
    got = called(op, {name: LAYOUTS[layout](values) for name, values in arrays.items()})
    for part, want in zip(got, called(op, arrays), strict=True):
        np.testing.assert_array_equal(part, want)
        assert part.dtype.isnative


@pytest.mark.parametrize("op", CALLS)
def test_views_of_a_single_number_are_arguments_like_others(op: str) -> None:
    views = {name: np.broadcast_to(np.float64(3), shape) for name, shape in CALLS[op][0].items()}
    for part, want in zip(called(op, views), called(op, {name: view.copy() for name, view in views.items()}), strict=True):
        np.testing.assert_array_equal(part, want)


@pytest.mark.parametrize("op", CALLS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_arguments_stay_as_they_were_and_results_are_memory_of_their_own(op: str, dtype: str) -> None:
    arrays = arrays_of(op, whole=False, dtype=dtype)
    before = {name: values.copy() for name, values in arrays.items()}
    results = called(op, arrays)
    for name, values in arrays.items():
        np.testing.assert_array_equal(values, before[name])
        assert not any(np.shares_memory(values, result) for result in results)
    assert not any(np.shares_memory(one, other) for i, one in enumerate(results) for other in results[:i])
    assert all(result.flags.writeable for result in results)


@pytest.mark.parametrize("op", CALLS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_two_calls_give_the_same_bits(op: str, dtype: str) -> None:
    arrays = arrays_of(op, whole=False, dtype=dtype)
    for one, other in zip(called(op, arrays), called(op, {name: values.copy() for name, values in arrays.items()}), strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("op", CALLS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_no_images_give_no_results_and_gradients_of_zero(op: str, dtype: str) -> None:
    arrays = arrays_of(op, dtype=dtype)
    none = {name: values[:0] if name in {"x", "dy"} else values for name, values in arrays.items()}
    for empty, full in zip(called(op, none), called(op, arrays), strict=True):
        assert empty.dtype == np.dtype(dtype)
        assert empty.shape in {(0, *full.shape[1:]), full.shape}
        assert not empty.any()


# --- Numbers that are not finite ---


@pytest.mark.parametrize("op", CALLS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_pass_without_a_warning(op: str, value: float) -> None:
    for name in CALLS[op][0]:
        arrays = arrays_of(op)
        arrays[name].flat[arrays[name].size // 2] = value
        assert any(not np.isfinite(part).all() for part in called(op, arrays)) or op.startswith(
            ("max_pool2d", "average_pool2d_backward", "identity")
        )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("pad", [0, 1])
@pytest.mark.parametrize("n_W", [6, 40])
def test_numbers_that_are_not_finite_go_where_the_steps_let_them_go(value: float, pad: int, n_W: int) -> None:
    rng = np.random.default_rng(0)
    A_prev, W, b = whole_numbers(rng, 2, 5, n_W, 2), whole_numbers(rng, 3, 3, 2, 2), np.zeros((1, 1, 1, 2))
    A_prev[1, 2, 3, 0] = value
    hparameters = {"stride": 1, "pad": pad}
    Z, cache = steps.conv_forward(A_prev, W, b, hparameters)
    np.testing.assert_array_equal(conv_forward(A_prev, W, b, hparameters)[0], Z)
    Z = whole_numbers(rng, *Z.shape)
    Z[0, 1, 2, 1] = value
    for got, want in zip(conv_backward(Z, cache), steps.conv_backward(Z, cache), strict=True):
        np.testing.assert_array_equal(got, want)
    for mode in ("max", "average"):
        A, pool_cache = steps.pool_forward(A_prev, {"f": 2, "stride": 1}, mode)
        np.testing.assert_array_equal(pool_forward(A_prev, pool_cache[1], mode)[0], A)
        dA = whole_numbers(rng, *A.shape)
        np.testing.assert_array_equal(pool_backward(dA, pool_cache, mode), steps.pool_backward(dA, pool_cache, mode))


# --- What others printed once ---


def ramp(*shape: int) -> Array:
    return (np.arange(np.prod(shape)) * 7 % 11 - 5.0).reshape(shape)


FROZEN: list[tuple[str, tuple[int, ...], Any, dict[str, Any], tuple[int, ...], list[float]]] = [
    # PyTorch 2.13.0 in float64: op, shape of x, shape of w or size of the window, options, shape and numbers of the result
    ("conv2d", (1, 4, 4, 1), (3, 3, 1, 1), {}, (1, 2, 2, 1), [11, -3, -45, 40]),
    (
        "conv2d",
        (1, 5, 4, 2),
        (3, 2, 2, 2),
        {"strides": 2, "padding": 1},
        (1, 3, 3, 2),
        [-27, 22, 9, -26, -31, 28, -9, 34, 23, -8, 3, -38, -9, 3, 14, -18, 22, -22],
    ),
    (
        "conv2d",
        (1, 5, 6, 1),
        (2, 3, 1, 1),
        {"dilation_rate": (2, 1)},
        (1, 3, 4, 1),
        [26, -32, 53, -27, -25, -28, 57, -23, -32, 53, -27, -30],
    ),
    ("conv2d", (1, 3, 3, 4), (2, 2, 2, 2), {"groups": 2}, (1, 2, 2, 2), [18, 15, 18, 43, 18, 44, -37, -38]),
    (
        "conv2d",
        (2, 3, 3, 2),
        (2, 2, 1, 4),
        {"groups": 2, "strides": (1, 2)},
        (2, 2, 1, 4),
        [-1, 16, 31, 13, -22, 16, 19, 11, 13, -17, -16, -48, 25, -17, -50, 5],
    ),
    ("conv2d", (1, 4, 3, 1), (4, 2, 1, 1), {"padding": "same"}, (1, 4, 3, 1), [38, -4, -15, 40, -23, -8, -25, -17, 18, -31, -31, 30]),
    (
        "conv2d",
        (1, 3, 4, 1),
        (3, 3, 1, 1),
        {"padding": ((2, 0), (1, 3))},
        (1, 3, 6, 1),
        [-8, -12, -12, -8, 20, 0, 1, -29, -19, 11, 25, 0, -16, 11, -3, 36, -45, 0],
    ),
    ("conv2d_transpose", (1, 2, 2, 1), (2, 2, 1, 1), {}, (1, 3, 3, 1), [25, -20, 4, 20, -58, 20, 4, -20, 25]),
    (
        "conv2d_transpose",
        (1, 2, 3, 2),
        (3, 2, 1, 2),
        {"strides": 2, "padding": 1, "output_padding": (1, 0)},
        (1, 4, 4, 1),
        [-20, -17, -8, 10, -13, 49, 0, -18, 16, -13, -16, 14, -4, 25, -11, -11],
    ),
    (
        "conv2d_transpose",
        (1, 2, 2, 1),
        (2, 2, 2, 1),
        {"strides": (1, 2), "dilation_rate": (2, 1)},
        (1, 4, 4, 2),
        [25, -10, 10, -25, -10, 4, -4, 10, 10, -4, 4, -10, -25, 10, -10, 25, -5, 15, -20, 0, 2, -6, 8, 0, -2, 6, -8, 0, 5, -15, 20, 0],
    ),
    ("max_pool2d", (1, 5, 5, 1), 2, {}, (1, 2, 2, 1), [4, 5, 1, 4]),
    ("max_pool2d", (1, 5, 5, 1), 2, {"ceil_mode": True}, (1, 3, 3, 1), [4, 5, 3, 1, 4, 5, 3, 2, -2]),
    (
        "max_pool2d",
        (1, 4, 6, 1),
        (3, 2),
        {"strides": (1, 3), "padding": 1, "ceil_mode": True},
        (1, 4, 3, 1),
        [4, 5, -3, 4, 5, 4, 4, 5, 4, 2, 5, 4],
    ),
    ("max_pool2d", (1, 5, 5, 2), 2, {"strides": 2, "dilation_rate": 3}, (1, 1, 1, 2), [5, 3]),
    ("max_pool2d", (1, 2, 2, 1), 2, {"strides": 3, "padding": 1, "ceil_mode": True}, (1, 1, 1, 1), [-5]),
    ("average_pool2d", (1, 4, 4, 1), 2, {}, (1, 2, 2, 1), [-1.25, 1.75, -0.25, 0]),
    (
        "average_pool2d",
        (1, 3, 3, 1),
        2,
        {"strides": 1, "padding": 1},
        (1, 4, 4, 1),
        [-5, -1.5, 0, -2, 0, 0.75, -0.5, -2.5, 4.5, 2.5, -1.5, -3.5, 4, 2, -2, -4],
    ),
    (
        "average_pool2d",
        (1, 3, 3, 1),
        2,
        {"strides": 1, "padding": 1, "count_include_pad": True},
        (1, 4, 4, 1),
        [-1.25, -0.75, 0, -0.5, 0, 0.75, -0.5, -1.25, 2.25, 2.5, -1.5, -1.75, 1, 1, -1, -1],
    ),
    ("average_pool2d", (1, 4, 4, 1), 3, {"strides": 2, "ceil_mode": True}, (1, 2, 2, 1), [-0.555555555556, 0.166666666667, 0.5, 0]),
    (
        "average_pool2d",
        (1, 4, 4, 1),
        3,
        {"strides": 2, "padding": 1, "ceil_mode": True, "count_include_pad": True},
        (1, 3, 3, 1),
        [-0.555555555556, 0.666666666667, 0.833333333333, -0.333333333333, 0.222222222222, -0.666666666667, 0, 0.666666666667, 0.25],
    ),
    ("average_pool2d", (1, 4, 4, 1), 2, {"strides": 3, "padding": 1, "ceil_mode": True}, (1, 2, 2, 1), [-5, 1.5, -1, 0]),
    # Keras 3.15.1 on PyTorch 2.13.0 in float64
    ("conv2d", (1, 5, 4, 1), (2, 4, 1, 1), {"strides": 2, "padding": "same"}, (1, 3, 2, 1), [-39, -39, -33, -20, -14, -12]),
    ("conv2d", (1, 3, 7, 1), (3, 3, 1, 1), {"strides": 3, "padding": "same"}, (1, 1, 3, 1), [-6, 35, 15]),
    (
        "conv2d_transpose",
        (1, 2, 2, 1),
        (3, 3, 1, 1),
        {"strides": 2, "padding": "same"},
        (1, 4, 4, 1),
        [25, -10, 0, 4, -25, -5, 25, 2, -10, -4, 7, 10, -10, -2, 31, 5],
    ),
    (
        "conv2d_transpose",
        (1, 2, 2, 1),
        (3, 2, 1, 1),
        {"strides": 2, "padding": "same", "output_padding": 1},
        (1, 4, 3, 1),
        [25, -10, -10, 10, -25, -4, 5, 11, -23, 4, -10, -10],
    ),
    (
        "conv2d_transpose",
        (1, 1, 2, 1),
        (2, 5, 1, 1),
        {"strides": 3, "padding": "valid"},
        (1, 3, 8, 1),
        [25, -10, 10, -35, -1, -4, 10, 2, 15, -20, 0, 14, -7, 0, -8, 6, 0, 0, 0, 0, 0, 0, 0, 0],
    ),
    (
        "conv2d_transpose",
        (1, 1, 2, 1),
        (2, 5, 1, 1),
        {"strides": 3, "padding": "valid", "output_padding": 1},
        (1, 3, 9, 1),
        [25, -10, 10, -35, -1, -4, 10, 2, 0, 15, -20, 0, 14, -7, 0, -8, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ),
    (
        "conv2d_transpose",
        (1, 1, 3, 1),
        (1, 4, 1, 1),
        {"strides": (1, 3), "padding": "same", "output_padding": (0, 1)},
        (1, 1, 7, 1),
        [-10, 10, -35, 4, -4, 20, -4],
    ),
    ("max_pool2d", (1, 5, 4, 1), (3, 2), {"strides": 2, "padding": "same"}, (1, 3, 2, 1), [2, 5, 3, 5, 4, 5]),
    ("max_pool2d", (1, 2, 3, 1), 2, {"strides": 1, "padding": "same"}, (1, 2, 3, 1), [5, 2, -2, 5, 1, -3]),
    (
        "average_pool2d",
        (1, 5, 4, 1),
        (3, 2),
        {"strides": 2, "padding": "same"},
        (1, 3, 2, 1),
        [-1.25, 1.75, -0.5, 0.666666666667, 0.25, 0.5],
    ),
    ("average_pool2d", (1, 2, 3, 1), 2, {"strides": 1, "padding": "same"}, (1, 2, 3, 1), [0.75, -0.5, -2.5, 3, -1, -3]),
]


@pytest.mark.parametrize(("op", "images", "window", "options", "shape", "numbers"), FROZEN)
def test_an_operation_gives_what_others_gave(
    op: str, images: tuple[int, ...], window: Any, options: dict[str, Any], shape: tuple[int, ...], numbers: list[float]
) -> None:
    other = ramp(*window) if op.startswith("conv") else window
    got = getattr(ops, op)(ramp(*images), other, **options)
    assert got.shape == shape
    np.testing.assert_allclose(got.ravel(), numbers, rtol=0, atol=1e-11)


def test_gradients_are_those_that_torch_printed() -> None:
    """PyTorch 2.13.0 in float64: the gradients of sum(y * ramp)."""
    dx, dw, _ = ops.conv2d_backward(ramp(1, 3, 3, 2), ramp(1, 5, 4, 1), ramp(3, 2, 1, 2), strides=2, padding=1)
    np.testing.assert_array_equal(dx.ravel(), [-20, -17, -8, 10, -13, 49, 0, -18, 16, -13, -16, 14, -18, 2, -16, 12, 8, 2, 20, -15])
    np.testing.assert_array_equal(dw.ravel(), [-1, -7, 17, 13, 26, 17, 11, -17, 13, -26, -25, 37])
    options: dict[str, Any] = {"strides": 2, "padding": 1, "output_padding": 1}
    dx, dw, _ = ops.conv2d_transpose_backward(ramp(1, 3, 5, 1), ramp(1, 2, 3, 1), ramp(2, 2, 1, 1), **options)
    np.testing.assert_array_equal(dx.ravel(), [-25, -14, -5, -11, 0, 55])
    np.testing.assert_array_equal(dw.ravel(), [16, -24, -5, 1])
    window: dict[str, Any] = {"strides": 2, "padding": 1, "ceil_mode": True}
    dx = ops.max_pool2d_backward(ramp(1, 3, 3, 1), np.floor(ramp(1, 5, 4, 1) / 4), 2, **window)
    np.testing.assert_array_equal(dx.ravel(), [-5, 2, 0, -2, 5, 0, 1, -3, 0, 0, 0, 0, 4, 0, 0, -4, 0, 0, 0, 0])
    dx = ops.average_pool2d_backward(ramp(1, 3, 3, 1), ramp(1, 5, 4, 1), 2, **window)
    np.testing.assert_array_equal(dx.ravel(), [-5, 1, 1, -2, 2.5, 0.25, 0.25, -1.5, 2.5, 0.25, 0.25, -1.5, 2, 0, 0, -2, 2, 0, 0, -2])


@pytest.mark.parametrize("word", ["same", "Same", "SAME"])
def test_padding_words_may_be_in_capitals_as_elsewhere(word: str) -> None:
    x, w = np.ones((1, 4, 5, 1)), np.ones((3, 3, 1, 1))
    assert np.array_equal(ops.conv2d(x, w, padding=word), ops.conv2d(x, w, padding=1))


@pytest.mark.parametrize(("size", "stride", "out"), [(3, 2, 1), (4, 3, 1), (3, 1, 0), (4, 2, 0)])
def test_with_ceil_mode_a_larger_window_counts_if_it_hangs_over_by_less_than_a_stride(size: int, stride: int, out: int) -> None:
    x = np.arange(4.0).reshape(1, 2, 2, 1)
    if out:
        assert ops.max_pool2d(x, size, strides=stride, ceil_mode=True).tolist() == [[[[3.0]]]]
        assert ops.average_pool2d(x, size, strides=stride, ceil_mode=True).tolist() == [[[[1.5]]]]
        return
    with pytest.raises(ShapeError, match=f"max_pool2d: the window does not fit: it reaches over {size} rows, but x has 2 rows"):
        ops.max_pool2d(x, size, strides=stride, ceil_mode=True)
