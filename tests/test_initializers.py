"""Initializers and regularizers: Keras's names, defaults and formulas, and the same numbers for the same seed."""

import inspect
import json
from typing import Any

import numpy as np
import pytest

from convstep import layers
from convstep.errors import ArgumentTypeError, ShapeError
from convstep.layers import initializers, regularizers
from convstep.layers.base import plain
from convstep.random import set_random_seed

RANDOM = sorted({kind.__name__ for kind in initializers.KINDS.values() if "seed" in inspect.signature(kind).parameters})
ALL = sorted({kind.__name__ for kind in initializers.KINDS.values()})
FROZEN = {
    "GlorotUniform": [0.30006802263971943, -0.5043720396356872, -1.0056766217290054],
    "HeNormal": [0.14293605412279942, -0.15018304847538966, 0.7280627189642134],
}
DISTRIBUTION = {name: getattr(initializers.get(name), "distribution", "") for name in RANDOM} | {
    "RandomUniform": "uniform",
    "TruncatedNormal": "truncated_normal",
}
SHAPES = [(400, 500), (3, 5, 40, 60), (3, 3, 300, 2)]


@pytest.mark.parametrize("name", ALL)
def test_arguments_and_defaults_are_keras_s(keras: Any, name: str) -> None:
    mine, theirs = getattr(initializers, name), getattr(keras.initializers, name)
    signature = inspect.signature(theirs).parameters
    its = {word: item.default for word, item in signature.items() if word not in {"args", "kwargs", "input_axes", "output_axes"}}
    assert {word: item.default for word, item in inspect.signature(mine).parameters.items()} == its


def test_names_are_keras_s(keras: Any) -> None:
    known = {name for name in keras.src.initializers.ALL_OBJECTS_DICT if not name.lower().startswith(("stft", "initializer"))}
    assert known - {"IdentityInitializer", "OrthogonalInitializer"} == set(initializers.KINDS)
    for name, kind in initializers.KINDS.items():
        assert type(initializers.get(name)) is kind
    assert initializers.he_normal is initializers.HeNormal


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", RANDOM)
def test_spread_is_keras_s(keras: Any, name: str, shape: tuple[int, ...]) -> None:
    mine = getattr(initializers, name)(seed=1)(shape)
    theirs = np.asarray(getattr(keras.initializers, name)(seed=1)(shape).detach())
    count = theirs.size
    assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)
    assert abs(mine.mean() - theirs.mean()) < 6 * theirs.std() / count**0.5
    assert mine.std() == pytest.approx(theirs.std(), rel=6 / count**0.5 + 1e-3)
    reach = {"uniform": 3**0.5, "truncated_normal": 2 / initializers.CUT_NORMAL}.get(DISTRIBUTION.get(name, ""))
    if reach:
        assert np.abs(mine).max() == pytest.approx(reach * theirs.std(), rel=0.05)


@pytest.mark.parametrize("mode", initializers.FANS)
@pytest.mark.parametrize("distribution", [*initializers.DISTRIBUTIONS, "normal"])
def test_variance_is_scale_by_n(mode: str, distribution: str) -> None:
    n = {"fan_in": 9 * 40, "fan_out": 9 * 80, "fan_avg": 9 * 60}[mode]
    values = initializers.VarianceScaling(3.0, mode, distribution, seed=1)((3, 3, 40, 80), "float64")
    assert values.var() == pytest.approx(3 / n, rel=0.03)


@pytest.mark.parametrize("name", RANDOM)
def test_a_seed_gives_the_same_numbers_again(name: str) -> None:
    kind = getattr(initializers, name)
    one = kind(seed=7)
    np.testing.assert_array_equal(one((4, 6)), one((4, 6)))
    np.testing.assert_array_equal(one((4, 6)), kind.from_config(json.loads(json.dumps(one.get_config())))((4, 6)))
    np.testing.assert_array_equal(one((4, 6), "float64").astype("float32"), one((4, 6)))
    assert (one((4, 6)) != kind(seed=8)((4, 6))).any()


def test_the_numbers_of_a_seed_stay_the_same_from_run_to_run() -> None:
    np.testing.assert_allclose(initializers.GlorotUniform(seed=0)((2, 3), "float64")[0], FROZEN["GlorotUniform"], rtol=1e-12)
    np.testing.assert_allclose(initializers.HeNormal(seed=0)((2, 3), "float64")[0], FROZEN["HeNormal"], rtol=1e-12)


@pytest.mark.parametrize("name", RANDOM)
def test_without_a_seed_the_generator_in_use_decides(name: str) -> None:
    draw = initializers.get(name)
    set_random_seed(3)
    first, second = draw((4, 6)), draw((4, 6))
    set_random_seed(3)
    np.testing.assert_array_equal(draw((4, 6)), first)
    assert (first != second).any()


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (2, 3, 2, 5), (5, 5)])
def test_orthogonal_is_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = initializers.Orthogonal(gain=2.0, seed=0)(shape, "float64").reshape(-1, shape[-1])
    product = matrix @ matrix.T if matrix.shape[0] < matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)


def test_constants_are_constant() -> None:
    np.testing.assert_array_equal(initializers.Constant(2.5)((2, 2)), np.full((2, 2), 2.5, "float32"))
    np.testing.assert_array_equal(initializers.Identity(3.0)((2, 3)), 3 * np.eye(2, 3, dtype="float32"))
    np.testing.assert_array_equal(initializers.get("ones")((2,)) + initializers.get("zeros")((2,)), [1, 1])


@pytest.mark.parametrize("given", ["he_normal", initializers.HeNormal, initializers.HeNormal(), plain(initializers.HeNormal())])
def test_names_classes_objects_and_configs_mean_the_same(given: Any) -> None:
    assert plain(layers.Dense(2, kernel_initializer=given).kernel_initializer) == {"class_name": "HeNormal", "config": {"seed": None}}


def test_functions_initialize_too() -> None:
    layer = layers.Dense(2, kernel_initializer=lambda shape, dtype: np.full(shape, 3, dtype))
    np.testing.assert_array_equal(layer(np.ones((1, 4))), [[12, 12]])


@pytest.mark.parametrize(("name", "arguments"), [("L1", {}), ("L2", {}), ("L1L2", {"l1": 0.1, "l2": 0.2}), ("L1L2", {}), ("L2", {"l2": 3})])
def test_costs_and_gradients_are_keras_s(keras: Any, name: str, arguments: dict[str, float]) -> None:
    torch = pytest.importorskip("torch")
    w = np.array([[1.5, -2.0], [0.0, 0.25]], "float32")
    given = torch.tensor(w, requires_grad=True)
    cost = getattr(keras.regularizers, name)(**arguments)(given)
    mine = getattr(regularizers, name)(**arguments)
    assert mine(w) == pytest.approx(cost.item(), rel=1e-6)
    if cost.requires_grad:
        cost.backward()
        np.testing.assert_allclose(mine.gradient(w), given.grad.numpy(), rtol=1e-6)
    again = regularizers.get(json.loads(json.dumps(plain(mine))))
    assert (type(again), again.get_config()) == (type(mine), mine.get_config())
    assert mine.gradient(w).dtype == w.dtype


@pytest.mark.parametrize("given", ["l2", regularizers.L2, regularizers.l2(0.01), plain(regularizers.L2())])
def test_regularizers_sit_on_their_parameters(given: Any) -> None:
    layer = layers.Conv2D(2, 3, kernel_regularizer=given, bias_regularizer="l1_l2")
    layer(np.ones((1, 4, 4, 1)))
    kernel, bias = layer.parameters
    assert plain(kernel.regularizer) == {"class_name": "L2", "config": {"l2": 0.01}}
    assert plain(bias.regularizer) == {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.0}}


REFUSED: list[tuple[Any, Any, str]] = [
    (
        lambda: initializers.get("he_norm"),
        ShapeError,
        'initializers.get: there is no initializer "he_norm" (did you mean "he_normal"?)\n  given initializer \'he_norm\'',
    ),
    (
        lambda: initializers.get(3),
        ArgumentTypeError,
        "initializers.get: an initializer must be a name, an initializer or a function of (shape, dtype)\n  given initializer 3",
    ),
    (lambda: initializers.VarianceScaling(0), ShapeError, "VarianceScaling: scale must be positive, not 0\n  given scale 0"),
    (
        lambda: initializers.Identity()((2, 2, 2)),
        ShapeError,
        "Identity: only a matrix can be the identity, not an array of 3 axes\n  given shape (2, 2, 2)",
    ),
    (lambda: initializers.Orthogonal()(()), ShapeError, "Orthogonal: an array of 0 axes cannot be orthogonal\n  given shape ()"),
    (
        lambda: regularizers.get("l3"),
        ShapeError,
        'regularizers.get: regularizer must be "l1" or "l2" or "l1_l2" or "L1" or "L2" or "L1L2", not \'l3\'\n  given regularizer \'l3\'',
    ),
    (
        lambda: regularizers.get(3),
        ArgumentTypeError,
        "regularizers.get: a regularizer must be a name, or an object with a cost and gradient(w)\n  given regularizer 3",
    ),
    (lambda: regularizers.L2(-1), ShapeError, "L2: l2 must be a finite number >= 0, not -1\n  given l2 -1"),
]


@pytest.mark.parametrize(("call", "kind", "message"), REFUSED, ids=[message.split("\n")[0][:40] for _, _, message in REFUSED])
def test_refusals_say_what_is_wrong(call: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message
