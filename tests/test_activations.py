"""Activations against Keras 3 on PyTorch, against their own slope, and far from zero."""

import math
from typing import Any

import numpy as np
import pytest

from convstep import layers, ops
from convstep.errors import ArgumentTypeError, ShapeError
from convstep.layers import activations
from convstep.ops import activations as functions
from convstep.testing import gradient_check

OPTIONS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in activations.NAMES),
    ("relu", {"negative_slope": 0.1, "max_value": 2.0, "threshold": 0.5}),
    ("relu", {"max_value": 1.0}),
    ("leaky_relu", {"negative_slope": 0.05}),
    ("elu", {"alpha": 0.5}),
    ("celu", {"alpha": 2.0}),
    ("gelu", {"approximate": True}),
    ("softmax", {"axis": 1}),
    ("log_softmax", {"axis": 1}),
]
every_activation = pytest.mark.parametrize(
    ("name", "options"), OPTIONS, ids=[f"{name} {number}" for number, (name, _) in enumerate(OPTIONS)]
)
CURVED = {"softmax", "log_softmax"}


@every_activation
def test_values_and_gradients_agree_with_keras(keras: Any, name: str, options: dict[str, Any]) -> None:
    torch, rng = pytest.importorskip("torch"), np.random.default_rng(0)
    x, dy = (rng.standard_normal((4, 5, 6)).astype("float32") * scale for scale in (3, 1))
    given = torch.tensor(x, requires_grad=True)
    want = getattr(keras.activations, name)(given, **options)
    want.backward(torch.tensor(dy))
    np.testing.assert_allclose(getattr(functions, name)(x, **options), want.detach().numpy(), rtol=1e-5, atol=1e-6)
    got = getattr(functions, f"{name}_backward")(dy, x, **options)
    np.testing.assert_allclose(got, given.grad.numpy(), rtol=1e-5, atol=2e-6)


@every_activation
def test_gradients_are_slopes(name: str, options: dict[str, Any]) -> None:
    def forward(x: Any) -> tuple[Any, Any]:
        return getattr(functions, name)(x, **options).copy(), x.copy()

    def backward(dy: Any, cache: Any) -> Any:
        return getattr(functions, f"{name}_backward")(dy, cache, **options)

    check = gradient_check(forward, backward, {"x": np.random.default_rng(1).standard_normal((4, 6)) * 3})
    assert check.error <= 1e-8, check


@every_activation
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_nothing_overflows_far_from_zero(name: str, options: dict[str, Any], dtype: Any) -> None:
    largest = np.finfo(dtype).max
    x = np.array([[0, -1, 1, -30, 30, -80, 80, -largest, largest]], dtype)
    y, dx = getattr(functions, name)(x, **options), getattr(functions, f"{name}_backward")(np.ones_like(x), x, **options)
    assert (y.dtype, dx.dtype) == (dtype, dtype)
    if name != "exponential":
        assert np.isfinite(dx).all()
        assert np.isfinite(y).all() or name in {"selu", "log_softmax"}  # whose true value may be larger than the largest number


@every_activation
def test_nan_stays_nan_and_whole_numbers_become_float64(name: str, options: dict[str, Any]) -> None:
    assert getattr(functions, name)(np.array([[1, 2]]), **options).dtype == "float64" if not options.get("axis") else True
    if not options.get("threshold"):
        assert np.isnan(getattr(functions, name)(np.full((1, 1), np.nan), **options)).all()


def test_small_shares_keep_their_digits() -> None:
    x = np.array([-30.0, -10.0])
    np.testing.assert_allclose(functions.sigmoid(x), [9.357622968839299e-14, 4.5397868702434395e-05], rtol=1e-15)
    np.testing.assert_allclose(functions.softplus(x), [9.35762296884e-14, 4.539889921686e-05], rtol=1e-12)
    np.testing.assert_allclose(functions.gelu(np.array([-10.0])), [-7.61985302416e-23], rtol=1e-11)


def test_gelu_in_single_precision_keeps_its_digits_too() -> None:
    x = np.concatenate([np.linspace(-12, 12, 20011), [0.0, 1e30, np.inf]]).astype(np.float32).reshape(2, -1)
    wanted = x.astype(np.float64) * np.array([math.erfc(-item * math.sqrt(0.5)) / 2 for item in x.ravel().tolist()]).reshape(x.shape)
    found = functions.gelu(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=4e-7)
    assert functions.gelu(np.zeros((0, 3), np.float32)).shape == (0, 3)


@every_activation
def test_records_remember_enough(name: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(2)
    x, dy = rng.standard_normal((2, 3, 4, 5))
    record = activations.get(name).using(**options)
    y, cache = record.forward(x)
    np.testing.assert_array_equal(y, getattr(functions, name)(x, **options))
    np.testing.assert_allclose(record.backward(dy, cache), getattr(functions, f"{name}_backward")(dy, x, **options), atol=1e-14)
    again = activations.get(record.as_plain())
    assert again == record
    np.testing.assert_array_equal(record(x), y)


@pytest.mark.parametrize("name", [*activations.NAMES, "swish", "hard_swish"])
def test_names_functions_and_objects_mean_the_same(name: str) -> None:
    want = activations.ActivationFunction(activations.ALIASES.get(name, name))
    assert activations.get(name) == activations.get(getattr(functions, name)) == activations.get(getattr(activations, name)) == want


def test_none_is_linear_and_layers_are_activations() -> None:
    assert activations.get(None) == activations.linear
    layer = layers.Dense(2, activation=layers.LeakyReLU(alpha=0.1))
    assert layer.get_config()["activation"] == {"class_name": "leaky_relu", "config": {"negative_slope": 0.1}}
    assert activations.get(layers.Softmax(axis=[1, 2]).function.as_plain()).options == {"axis": (1, 2)}


def test_an_object_of_ones_own_will_do() -> None:
    class Square:
        def forward(self, x: Any) -> tuple[Any, Any]:
            return x * x, x

        def backward(self, dy: Any, cache: Any) -> Any:
            return 2 * cache * dy

    layer = layers.Activation(Square())
    y, cache = layer.forward(np.array([[3.0]]))
    assert (float(y[0, 0]), float(layer.backward(np.ones((1, 1)), cache)[0][0, 0])) == (9, 6)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: layers.Dense(2, "reluu"),
            ShapeError,
            'activations.get: there is no activation "reluu" (did you mean "relu"?)\n  given activation \'reluu\'',
        ),
        (
            lambda: layers.Activation(3),
            ArgumentTypeError,
            "activations.get: an activation must be a name, or an object with forward(x) and backward(dy, cache)\n  given activation 3",
        ),
        (lambda: functions.relu("one"), ArgumentTypeError, "relu: x must hold real numbers, not text\n  given x 'one'"),
        (
            lambda: functions.tanh_backward(np.ones((2, 3)), np.ones((3, 2))),
            ShapeError,
            "tanh_backward: dy must have the shape of x, (3, 2), not (2, 3)\n  given dy (2, 3)",
        ),
    ],
)
def test_refusals_say_what_is_wrong(call: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        (1, "softmax: axis must be below 1, not 1\n  given x (3,), axis 1"),
        ((0, 5), "softmax: axis must be below 1, not 5\n  given x (3,), axis (0, 5)"),
        (-2, "softmax: axis must be a whole number >= -1, not -2\n  given axis -2"),
    ],
)
def test_an_axis_that_x_does_not_have_is_refused(axis: Any, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        ops.softmax(np.ones(3), axis=axis)
    assert str(caught.value) == message
