"""Every loss has Keras's value and PyTorch's gradient of it, and its gradient is its own slope."""

from typing import Any

import numpy as np
import pytest

from convstep import ArgumentTypeError, ShapeError
from convstep.ops import cross_entropy as ops
from convstep.testing import gradient_check
from convstep.training import losses

RNG = np.random.default_rng(4)
IN_FLOAT32 = 3e-7  # Keras on torch divides in float32, whatever the type of what it is given
SHAPES = [(5, 3), (2, 4, 3), (2, 3, 4, 5)]
ELEMENTWISE = [("MeanSquaredError", {}), ("MeanAbsoluteError", {}), ("Huber", {}), ("Huber", {"delta": 0.3})]
CROSS_ENTROPIES = [
    (name, {"from_logits": from_logits, **smoothing})
    for name in ("BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy")
    for from_logits in (False, True)
    for smoothing in ({}, {"label_smoothing": 0.2})
    if not (smoothing and name.startswith("Sparse"))
]
CASES = ELEMENTWISE + CROSS_ENTROPIES
IDS = [f"{name}-{'-'.join(f'{key}={value}' for key, value in options.items())}" for name, options in CASES]
REDUCTIONS = ["sum_over_batch_size", "mean", "sum", "mean_with_sample_weight"]


def batch(name: str, options: dict[str, Any], shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Labels and predictions that the loss makes sense of, away from every clip and kink."""
    y_pred = RNG.standard_normal(shape)
    if "Categorical" in name and not options["from_logits"]:
        y_pred = np.exp(y_pred)  # rows that do not add up to 1: Keras divides by their sums
    if name == "BinaryCrossentropy" and not options["from_logits"]:
        y_pred = 1 / (1 + np.exp(-y_pred))
    labels = RNG.integers(0, shape[-1], shape[:-1])
    truth: Any = {
        "SparseCategoricalCrossentropy": labels,
        "CategoricalCrossentropy": np.eye(shape[-1])[labels],
        "BinaryCrossentropy": RNG.integers(0, 2, shape),
    }.get(name, RNG.standard_normal(shape))
    return truth, y_pred


def of_keras(keras: Any, name: str, options: dict[str, Any], given: tuple[Any, Any, Any]) -> tuple[float, Any]:
    """Keras's value, and PyTorch's gradient of it."""
    torch = pytest.importorskip("torch")
    y_true, y_pred, weight = given
    tensor = torch.tensor(y_pred, requires_grad=True)
    loss = getattr(keras.losses, name)(**options, dtype=y_pred.dtype.name)(y_true, tensor, weight)
    loss.backward()
    return float(loss.detach()), tensor.grad.numpy()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_values_and_gradients_are_those_of_keras(keras: Any, name: str, options: dict[str, Any], shape: tuple[int, ...]) -> None:
    if name.startswith("Sparse") and not options["from_logits"] and len(shape) == 4:
        pytest.skip("the oracle itself fails: PyTorch's nll_loss has no gradient for the layout that Keras hands it")
    y_true, y_pred = batch(name, options, shape)
    for weight in (None, RNG.random(shape[:-1])):
        for dtype, error in (("float32", 2e-6), ("float64", IN_FLOAT32)):
            predicted = y_pred.astype(dtype)
            value, gradient = getattr(losses, name)(**options).value_and_gradient(y_true, predicted, weight)
            expected, slope = of_keras(keras, name, options, (y_true, predicted, weight))
            assert value == pytest.approx(expected, rel=error)
            assert gradient.dtype == dtype
            np.testing.assert_allclose(gradient, slope, rtol=error, atol=error * np.abs(slope).max())
            assert getattr(losses, name)(**options)(y_true, predicted, weight) == value


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "options"), [CASES[0], CASES[-1]], ids=[IDS[0], IDS[-1]])
def test_every_reduction_is_that_of_keras(keras: Any, name: str, options: dict[str, Any], weighted: bool, reduction: str) -> None:
    y_true, y_pred = batch(name, options, (6, 4))
    weight = RNG.random((6, 1)) if weighted else None
    given = {**options, "reduction": reduction}
    value, gradient = getattr(losses, name)(**given).value_and_gradient(y_true, y_pred, weight)
    expected, slope = of_keras(keras, name, given, (y_true, y_pred, weight))
    assert value == pytest.approx(expected, rel=IN_FLOAT32)
    np.testing.assert_allclose(gradient, slope, rtol=IN_FLOAT32)


@pytest.mark.parametrize("name", ["CategoricalCrossentropy", "SparseCategoricalCrossentropy", "BinaryCrossentropy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_probabilities_of_0_and_1_are_clipped_like_those_of_keras(keras: Any, name: str, dtype: str) -> None:
    y_pred = np.array([[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0]], dtype)
    y_true = np.array([0, 2, 2]) if name.startswith("Sparse") else np.array([[1, 0, 0], [0, 0, 1], [0, 0, 1.0]])
    value, gradient = getattr(losses, name)().value_and_gradient(y_true, y_pred)
    expected, slope = of_keras(keras, name, {}, (y_true, y_pred, None))
    assert value == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(gradient, slope, rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_the_gradient_is_the_slope(name: str, options: dict[str, Any], weighted: bool) -> None:
    loss = getattr(losses, name)(**options)
    y_true, y_pred = batch(name, options, (4, 3))
    weight = RNG.random(4) if weighted else None
    check = gradient_check(
        lambda y: (loss(y_true, y, weight), y),
        lambda dy, y: dy * loss.value_and_gradient(y_true, y, weight)[1],
        {"y_pred": y_pred},
    )
    assert check.error <= 1e-8, check


@pytest.mark.parametrize("labels", [RNG.integers(0, 5, (3, 4)), RNG.random((3, 4, 5))], ids=["numbers", "shares"])
def test_the_gradient_of_softmax_cross_entropy_is_its_slope(labels: Any) -> None:
    check = gradient_check(
        lambda x: (ops.softmax_cross_entropy(x, labels), x),
        lambda dy, x: ops.softmax_cross_entropy_backward(dy, x, labels),
        {"logits": RNG.standard_normal((3, 4, 5))},
    )
    assert check.error <= 1e-9, check


def test_the_gradient_of_sigmoid_cross_entropy_is_its_slope() -> None:
    labels = RNG.random((3, 4))
    check = gradient_check(
        lambda x: (ops.sigmoid_cross_entropy(x, labels), x),
        lambda dy, x: ops.sigmoid_cross_entropy_backward(dy, x, labels),
        {"logits": RNG.standard_normal((3, 4))},
    )
    assert check.error <= 1e-9, check


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_cross_entropy_of_large_logits_is_finite_and_keeps_its_type(dtype: str) -> None:
    logits = np.array([[3e4, -3e4, 0]], dtype)
    loss = ops.softmax_cross_entropy(logits, np.array([1]))
    assert loss.dtype == dtype
    assert loss.astype(np.float64)[0] == pytest.approx(6e4, rel=1e-3)
    d_logits = ops.softmax_cross_entropy_backward(np.ones(1, dtype), logits, np.array([1]))
    assert d_logits.dtype == dtype
    np.testing.assert_array_equal(d_logits, [[1, -1, 0]])
    np.testing.assert_array_equal(ops.sigmoid_cross_entropy(logits, np.array([[1, 0, 1]], dtype))[:, :2], [[0, 0]])
    np.testing.assert_array_equal(ops.sigmoid_cross_entropy_backward(np.ones_like(logits), logits, np.zeros_like(logits)), [[1, 0, 0.5]])


@pytest.mark.parametrize("name", ["mse", "MSE", "mean_squared_error", "MeanSquaredError"])
def test_a_loss_has_every_name_that_keras_gives_it(name: str) -> None:
    assert isinstance(losses.get(name), losses.MeanSquaredError)
    assert losses.get(name).name == "mean_squared_error"


@pytest.mark.parametrize(
    "function", [losses.categorical_crossentropy, losses.binary_crossentropy, losses.huber, losses.mean_absolute_error]
)
def test_a_loss_may_be_given_as_its_function(keras: Any, function: Any) -> None:
    y_true, y_pred = np.eye(3)[[0, 2]], np.array([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])
    np.testing.assert_allclose(function(y_true, y_pred), getattr(keras.losses, function.__name__)(y_true, y_pred).numpy(), rtol=IN_FLOAT32)
    assert losses.get(function).values(y_true, y_pred) == pytest.approx(function(y_true, y_pred))


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_a_loss_can_be_made_again_from_its_config(name: str, options: dict[str, Any]) -> None:
    loss = getattr(losses, name)(**options, reduction="sum")
    again = losses.get({"class_name": name, "config": loss.get_config()})
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert losses.get(type(loss)).reduction == "sum_over_batch_size"
    assert losses.get(loss) is loss


def test_shapes_with_an_axis_of_length_1_too_many_or_missing_fit(keras: Any) -> None:
    y_true, y_pred = RNG.random(6), RNG.random((6, 1))
    assert losses.get("mse")(y_true, y_pred) == pytest.approx(float(keras.losses.MeanSquaredError(dtype="float64")(y_true, y_pred)))
    assert losses.get("mse").value_and_gradient(y_true, y_pred)[1].shape == (6, 1)
    labels, scores = RNG.integers(0, 3, (6, 1)), RNG.random((6, 3))
    assert losses.get("sparse_categorical_crossentropy")(labels, scores) == losses.get("sparse_categorical_crossentropy")(
        labels[:, 0], scores
    )


def test_one_weight_for_each_image_weighs_all_its_pixels() -> None:
    y_true, y_pred, weight = RNG.random((2, 3, 3, 1)), RNG.random((2, 3, 3, 1)), np.array([1.0, 0.0])
    value, gradient = losses.MeanSquaredError().value_and_gradient(y_true, y_pred, weight)
    assert value == pytest.approx(((y_true - y_pred)[0] ** 2).sum() / 18)
    assert not gradient[1].any()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: losses.get("mse")(np.zeros((4, 3)), np.zeros((4, 2))),
            "MeanSquaredError: y_true has the shape (4, 3) but y_pred has (4, 2)\n  given y_true (4, 3), y_pred (4, 2)",
        ),
        (
            lambda: losses.get("sparse_categorical_crossentropy")(np.array([0, 10]), np.ones((2, 10))),
            "SparseCategoricalCrossentropy: y_true names the class 10, but there are 10 classes, 0 to 9\n  given y_true (2,)",
        ),
        (
            lambda: losses.get("sparse_categorical_crossentropy")(np.array([0, 0.5]), np.ones((2, 10))),
            "SparseCategoricalCrossentropy: y_true must hold the numbers of classes, but there is 0.5\n  given y_true (2,)",
        ),
        (
            lambda: losses.get("sparse_categorical_crossentropy")(np.ones((2, 3)), np.ones((2, 3))),
            (
                "SparseCategoricalCrossentropy: y_true must have the shape (2,), one class for each prediction, not (2, 3)\n"
                "  given y_true (2, 3), y_pred (2, 3); try y_true.argmax(axis=-1), if y_true is one-hot"
            ),
        ),
        (
            lambda: losses.get("mse")(np.ones((2, 3)), np.ones((2, 3)), np.ones(3)),
            (
                "MeanSquaredError: sample_weight must fit values of the shape (2,) from the first axis on, but its shape is (3,)\n"
                "  given sample_weight (3,)"
            ),
        ),
        (
            lambda: losses.get("cross"),
            (
                'loss: there is no loss "cross"; there are BinaryCrossentropy, CategoricalCrossentropy, Huber, MeanAbsoluteError, '
                "MeanSquaredError, SparseCategoricalCrossentropy\n  given loss 'cross'"
            ),
        ),
        (
            lambda: losses.Huber(delta=-1),
            "Huber: delta must be a number >= 0, not -1\n  given delta -1",
        ),
        (
            lambda: losses.BinaryCrossentropy(label_smoothing=2),
            "BinaryCrossentropy: label_smoothing must be a number from 0 to 1, not 2\n  given label_smoothing 2",
        ),
        (
            lambda: ops.softmax_cross_entropy(np.ones((2, 3)), np.ones(3)),
            (
                "softmax_cross_entropy: labels must have the shape of logits, (2, 3), or (2,) for numbers of classes, not (3,)\n"
                "  given logits (2, 3), labels (3,)"
            ),
        ),
        (
            lambda: ops.softmax_cross_entropy(np.ones((2, 0)), np.ones((2, 0))),
            (
                "softmax_cross_entropy: logits must have at least one class on their last axis, but their shape is (2, 0)\n"
                "  given logits (2, 0), labels (2, 0)"
            ),
        ),
        (
            lambda: ops.sigmoid_cross_entropy(np.ones((2, 3)), np.ones(3)),
            "sigmoid_cross_entropy: labels must have the shape of logits, (2, 3), not (3,)\n  given logits (2, 3), labels (3,)",
        ),
        (
            lambda: ops.softmax_cross_entropy_backward(np.ones(3), np.ones((2, 3)), np.ones(2)),
            "softmax_cross_entropy_backward: dy must have the shape of losses, (2,), not (3,)\n  given dy (3,)",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_words(call: Any, words: str) -> None:
    with pytest.raises(ShapeError) as caught:
        call()
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: losses.Huber(delt=2),
            'Huber: there is no argument "delt" (did you mean "delta"?); there are delta, reduction, name\n  given delt 2',
        ),
        (
            lambda: losses.get(np.mean),
            "loss: mean is a function, and its gradient is not known: derive a class from Loss\n  given loss <function mean>",
        ),
        (
            lambda: losses.get(7),
            "loss: loss must be a name, or an object of a class derived from Loss, not 7\n  given loss 7",
        ),
        (
            lambda: losses.get("mse")([["a"]], [[1.0]]),
            "MeanSquaredError: y_true must hold real numbers, not text\n  given y_true [['a']]",
        ),
    ],
)
def test_what_is_of_the_wrong_kind_is_refused_in_words(call: Any, words: str) -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        call()
    assert str(caught.value) == words


def test_a_loss_of_your_own_needs_values_and_slopes_alone() -> None:
    class Quartic(losses.Loss):
        def values_and_slopes(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
            return ((y_pred - y_true) ** 4).sum(axis=-1), 4 * (y_pred - y_true) ** 3

    loss = losses.get(Quartic)
    assert loss.name == "quartic"
    value, gradient = loss.value_and_gradient(np.zeros((2, 1)), np.ones((2, 1)))
    assert value == 1
    np.testing.assert_array_equal(gradient, [[2], [2]])
