"""Activations of the compiled engine: within units of the last place of float64, on whatever memory they lie, and nowhere beside it."""

from typing import Any

import numpy as np
import pytest

from convstep import layers, ops, use_engine
from convstep.checks import Array
from convstep.engines.numpy import ENGINE as NUMPY

pytest.importorskip("numba")

from convstep.engines.compiled import ENGINE
from convstep.engines.compiled.elementwise import CHUNK
from convstep.engines.compiled.threads import set_threads

NAMES = ("relu", "relu6", "leaky_relu", "tanh", "sigmoid")
SIZES = (*range(71), CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5)
ULPS = {"tanh": 1.4, "sigmoid": 2.4}  # as the kernels' docstrings say
each = pytest.mark.parametrize("name", NAMES)
types = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def truth(name: str, x: Array) -> Array:
    """The function in float64."""
    wide = x.astype(np.float64)
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-wide)) if name == "sigmoid" else np.tanh(wide)


def numbers(size: int, dtype: Any, seed: int = 0) -> Array:
    return (np.random.default_rng(seed).standard_normal(size) * 4).astype(dtype)


@pytest.mark.parametrize("name", ULPS)
def test_curves_are_within_their_units_of_the_last_place(name: str) -> None:
    small = np.float32(10.0) ** np.linspace(-44, 1, 200_000, dtype=np.float32)
    x = np.concatenate([np.linspace(-105, 105, 2_000_001, dtype=np.float32), small, -small])
    want = truth(name, x)
    unit = np.spacing(np.abs(want).astype(np.float32)).astype(np.float64)
    assert (np.abs(ENGINE.activate(name, x, 0.0, None) - want) / unit).max() <= ULPS[name]


def test_curves_saturate_exactly_and_keep_nan_and_signs() -> None:
    x = np.array([np.inf, 100, -100, -np.inf, np.nan, 0.0, -0.0, 1e-40, 3e38, -3e38], np.float32)
    y = ENGINE.activate("tanh", x, 0.0, None)
    np.testing.assert_array_equal(y, np.array([1, 1, -1, -1, np.nan, 0.0, -0.0, 1e-40, 1, -1], np.float32))
    np.testing.assert_array_equal(np.signbit(y), np.signbit(x))
    y = ENGINE.activate("sigmoid", np.array([np.inf, 100, -np.inf, np.nan, 0, -3e38], np.float32), 0.0, None)
    np.testing.assert_array_equal(y, np.array([1, 1, 0, np.nan, 0.5, 0], np.float32))


@types
@pytest.mark.parametrize("name", ["relu", "relu6", "leaky_relu"])
def test_pieces_are_numpys_bits(name: str, dtype: Any) -> None:
    for size in SIZES:
        x = numbers(size, dtype)
        x[:7] = np.array([np.nan, np.inf, -np.inf, 0, 6, 5, -1e-30], dtype)[:size]
        np.testing.assert_array_equal(ENGINE.activate(name, x, 0.1, None), NUMPY.activate(name, x, 0.1, None))


@types
@each
def test_gradients_are_numpys_bits(name: str, dtype: Any) -> None:
    for size in SIZES:
        dy, y = numbers(size, dtype), numbers(size, dtype, 1)
        y[:1], dy[-1:] = np.nan, np.inf
        np.testing.assert_array_equal(ENGINE.activate_to_x(name, dy, y, 0.1), NUMPY.activate_to_x(name, dy, y, 0.1))


@each
def test_nothing_is_written_beside_the_output(name: str) -> None:
    for size in SIZES:
        memory = np.full(size + 128, 7, np.float32)
        inside = memory[64 : 64 + size]
        inside[...] = x = numbers(size, np.float32)
        y = ENGINE.activate(name, inside, 0.1, inside)
        assert np.shares_memory(y, inside) or size == 0
        np.testing.assert_array_equal(y, ENGINE.activate(name, x, 0.1, None))
        assert (memory[:64] == 7).all()
        assert (memory[64 + size :] == 7).all()


@each
def test_every_layout_gives_the_same_and_inputs_stay(name: str) -> None:
    x, dy = numbers(840, np.float32).reshape(4, 5, 6, 7), numbers(840, np.float32, 1).reshape(4, 5, 6, 7)
    want, back = ENGINE.activate(name, x, 0.1, None), ENGINE.activate_to_x(name, dy, x, 0.1)
    raw = np.zeros(x.nbytes + 1, np.uint8)
    crooked = raw[1:].view(np.float32).reshape(x.shape)
    crooked[...] = x
    others = [np.asfortranarray(x), np.repeat(x, 2, axis=2)[:, :, ::2], x[::-1].copy()[::-1], crooked]
    for other in others:
        other.flags.writeable = False
        np.testing.assert_array_equal(ENGINE.activate(name, other, 0.1, None), want)
        np.testing.assert_array_equal(ENGINE.activate_to_x(name, dy, other, 0.1), back)


@each
def test_threads_change_no_bit(name: str) -> None:
    x = numbers(9 * CHUNK + 3, np.float32)
    found = []
    for count in (1, 2, 5):
        set_threads(count)
        found.append(ENGINE.activate(name, x, 0.1, None))
    set_threads(None)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@pytest.mark.parametrize("name", ["relu", "relu6", "leaky_relu", "tanh", "sigmoid", "softmax", "linear"])
def test_a_layer_goes_back_alike_on_both_engines(name: str) -> None:
    layer = layers.Activation(name)
    x, dy = numbers(600, np.float32).reshape(30, 20), numbers(600, np.float32, 1).reshape(30, 20)
    found = []
    for engine in ("numpy", "compiled"):
        with use_engine(engine):
            y, cache = layer.forward(x)
            found.append((y, layer.backward(dy, cache)[0]))
    for got, want in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-6, atol=2e-6)


def test_a_leaking_slope_below_zero_is_gone_back_from_the_input() -> None:
    activation = layers.activations.leaky_relu.using(negative_slope=-0.5)
    x = np.array([-2.0, 3.0], np.float32)
    y, cache = activation.forward(x)
    np.testing.assert_array_equal(y, [1, 3])
    np.testing.assert_array_equal(activation.backward(np.ones(2, np.float32), cache), [-0.5, 1])


@pytest.mark.parametrize("kind", ["Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose", "Dense", "BatchNormalization"])
def test_parameters_have_the_same_gradients_where_nobody_wants_dx(kind: str) -> None:
    arguments = {"Conv2D": (4, 3), "DepthwiseConv2D": (3,), "SeparableConv2D": (4, 3), "Conv2DTranspose": (4, 3), "Dense": (4,)}
    layer = getattr(layers, kind)(*arguments.get(kind, ()))
    x = numbers(2 * 8 * 8 * 3, np.float32).reshape(2, 8, 8, 3)
    layer.ensure_built((None, *x.shape[1:]))
    y, cache = layer.forward(x, training=True)
    dx, gradients = layer.backward(y, cache)
    assert dx.shape == x.shape
    assert layer.backward(y, cache, to_x=False)[0] is None
    alone = layer.gradients(y, cache)
    assert alone.keys() == gradients.keys()
    for name, gradient in gradients.items():
        np.testing.assert_array_equal(alone[name], gradient)


def test_a_layer_of_ones_own_need_not_know_to_x() -> None:
    class Doubled(layers.Dense):
        def backward(self, dy: Array, cache: Any) -> Any:  # type: ignore[override]
            dx, gradients = super().backward(dy, cache)
            return dx, {name: 2 * gradient for name, gradient in gradients.items()}

    layer, x = Doubled(2), np.ones((3, 4), np.float32)
    layer.ensure_built(x.shape)
    y, cache = layer.forward(x)
    np.testing.assert_array_equal(layer.gradients(y, cache)["bias"], 2 * y.sum(axis=0))


def test_to_x_is_true_or_false() -> None:
    x, w = np.ones((2, 3)), np.ones((3, 4))
    with pytest.raises(TypeError, match=r"^dense_backward: to_x must be True or False, not 1\n  given to_x 1$"):
        ops.dense_backward(np.ones((2, 4)), x, w, to_x=1)  # type: ignore[arg-type]
