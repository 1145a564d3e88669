"""Every optimizer moves every weight as Keras's does, leaves gradients alone, and goes on bit by bit after a pause."""

import tracemalloc
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from convstep import ArgumentTypeError, ShapeError
from convstep.training import optimizer as base
from convstep.training import optimizers, schedules

RATE = 2.0**-6  # exact in float32, in which Keras keeps it
SHAPES = [(3, 3, 2, 4), (4,), (7, 5), ()]
STEPS = 20
CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("SGD", {"weight_decay": 0.01}),
    ("SGD", {"momentum": 0.5, "nesterov": True, "weight_decay": 0.1, "clipnorm": 0.5}),
    ("RMSprop", {}),
    ("RMSprop", {"rho": 0.8, "epsilon": 1e-2}),
    ("RMSprop", {"momentum": 0.9}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"centered": True, "momentum": 0.5, "epsilon": 1e-3, "weight_decay": 0.01}),
    ("Adam", {}),
    ("Adam", {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2}),
    ("Adam", {"amsgrad": True, "beta_2": 0.5}),
    ("Adam", {"weight_decay": 0.01}),
    ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.1, "amsgrad": True}),
    *((name, {clip: 0.7}) for name in ("SGD", "Adam") for clip in ("clipnorm", "global_clipnorm", "clipvalue")),
    ("SGD", {"clipnorm": 1e3}),
    ("Adam", {"global_clipnorm": 1e3}),
]
IDS = [f"{name}-{'-'.join(f'{key}={value}' for key, value in options.items())}" for name, options in CASES]


@dataclass(eq=False)
class Weight:
    value: Any
    name: str = "kernel"


def weights(dtype: str = "float32") -> list[Weight]:
    rng = np.random.default_rng(1)
    return [Weight(np.asarray(rng.standard_normal(shape), dtype)) for shape in SHAPES]


def gradients(dtype: str = "float32", steps: int = STEPS) -> list[list[Any]]:
    rng = np.random.default_rng(2)
    return [[np.asarray(rng.standard_normal(shape) * 0.5**step, dtype) for shape in SHAPES] for step in range(steps)]


def of_keras(keras: Any, optimizer: Any, dtype: str) -> list[Any]:
    variables = [keras.Variable(item.value, dtype=dtype) for item in weights(dtype)]
    for step in gradients(dtype):
        optimizer.apply([keras.ops.convert_to_tensor(item, dtype) for item in step], variables)
    return [item.numpy() for item in variables]


def rounds_to_float32(name: str, options: dict[str, Any]) -> bool:
    """Keras on torch decays and clips in float32, whatever the type of the weights."""
    return name == "AdamW" or any("clip" in key or key == "weight_decay" for key in options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_20_steps_end_where_those_of_keras_end(keras: Any, name: str, options: dict[str, Any], dtype: str) -> None:
    parameters, optimizer = weights(dtype), getattr(optimizers, name)(RATE, **options)
    for step in gradients(dtype):
        optimizer.apply(parameters, step)
    error = 1e-12 if dtype == "float64" and not rounds_to_float32(name, options) else 1e-6
    expected = of_keras(keras, getattr(keras.optimizers, name)(RATE, **options), dtype)
    for item, value in zip(parameters, expected, strict=True):
        assert item.value.dtype == dtype
        assert np.abs(item.value - value).max() <= error * np.abs(value).max()
    assert optimizer.iterations == STEPS


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_defaults_are_those_of_keras(keras: Any, name: str) -> None:
    config, expected = getattr(optimizers, name)().get_config(), getattr(keras.optimizers, name)().get_config()
    assert {**config, "learning_rate": pytest.approx(config["learning_rate"])} == {key: expected[key] for key in config} | {
        "name": name.lower()
    }


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_a_schedule_is_followed_step_by_step(keras: Any, name: str) -> None:
    options: dict[str, Any] = {"initial_learning_rate": 0.1, "decay_steps": 3, "decay_rate": 0.5, "staircase": True}
    parameters, optimizer = weights(), getattr(optimizers, name)(schedules.ExponentialDecay(**options))
    for step in gradients():
        optimizer.apply(parameters, step)
    oracle = getattr(keras.optimizers, name)(keras.optimizers.schedules.ExponentialDecay(**options))
    for item, value in zip(parameters, of_keras(keras, oracle, "float32"), strict=True):
        assert np.abs(item.value - value).max() <= 1e-6 * np.abs(value).max()
    assert optimizer.learning_rate == 0.1 * 0.5 ** (STEPS // 3)


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_a_run_that_pauses_ends_bit_equal(name: str, options: dict[str, Any]) -> None:
    whole, paused, steps = weights(), weights(), gradients()
    optimizer, first, second = (getattr(optimizers, name)(RATE, **options) for _ in range(3))
    for step in steps:
        optimizer.apply(whole, step)
    for step in steps[:8]:
        first.apply(paused, step)
    state = first.state()
    first.apply(weights(), steps[8])  # what was taken out does not change any more
    second.learning_rate = 0.25
    second.load_state(state)
    for step in steps[8:]:
        second.apply(paused, step)
    for one, other in zip(whole, paused, strict=True):
        assert one.value.tobytes() == other.value.tobytes()
    assert {key: value.tobytes() for key, value in optimizer.state().items()} == {
        key: value.tobytes() for key, value in second.state().items()
    }


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_an_optimizer_can_be_made_again_from_its_config(name: str, options: dict[str, Any]) -> None:
    optimizer = getattr(optimizers, name)(0.3, **options)
    optimizer.learning_rate = 0.2
    again = optimizers.get({"class_name": name, "config": optimizer.get_config()})
    assert type(again) is type(optimizer)
    assert again.get_config() == optimizer.get_config()
    assert again.learning_rate == 0.2


def test_a_schedule_is_part_of_the_config() -> None:
    optimizer = optimizers.Adam(schedules.CosineDecay(0.1, 10))
    again = optimizers.get({"class_name": "Adam", "config": optimizer.get_config()})
    again.iterations = 5
    assert again.learning_rate == pytest.approx(0.05)
    assert "learning_rate" not in again.state()


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_a_step_changes_values_in_place_and_gradients_not_at_all(name: str, options: dict[str, Any]) -> None:
    parameters, step = weights(), gradients()[0]
    arrays, before = [item.value for item in parameters], [item.copy() for item in step]
    getattr(optimizers, name)(RATE, **options).apply(parameters, step)
    assert all(item.value is array for item, array in zip(parameters, arrays, strict=True))
    for item, copy in zip(step, before, strict=True):
        np.testing.assert_array_equal(item, copy)


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_the_size_of_a_block_changes_no_bit(monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, Any]) -> None:
    ends = []
    for block in (5, 2**15):
        monkeypatch.setattr(base, "BLOCK", block)
        parameters, optimizer = weights(), getattr(optimizers, name)(RATE, **{**options, "clipnorm": None, "global_clipnorm": None})
        for step in gradients():
            optimizer.apply(parameters, step)
        ends.append([item.value.tobytes() for item in parameters])
    assert ends[0] == ends[1]


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_a_step_needs_no_memory_of_the_size_of_the_model(name: str, options: dict[str, Any]) -> None:
    parameters, step = [Weight(np.ones((1000, 1000), np.float32))], [np.ones((1000, 1000), np.float32)]
    optimizer = getattr(optimizers, name)(RATE, **options)
    optimizer.apply(parameters, step)
    tracemalloc.start()
    optimizer.apply(parameters, step)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 600_000


def test_values_that_lie_otherwise_in_memory_or_are_read_only_are_trained_too() -> None:
    plain, other = Weight(np.arange(12.0).reshape(3, 4)), Weight(np.asfortranarray(np.arange(12.0).reshape(3, 4)))
    fixed = Weight(np.arange(12.0).reshape(3, 4))
    fixed.value.flags.writeable = False
    step = np.asfortranarray(np.random.default_rng(3).random((3, 4)))
    for item in (plain, other, fixed):
        optimizers.Adam(0.1).apply([item], [step])
    np.testing.assert_array_equal(other.value, plain.value)
    np.testing.assert_array_equal(fixed.value, plain.value)


def test_gradients_in_float64_train_values_in_float32() -> None:
    one, other = weights(), weights()
    optimizers.Adam(RATE).apply(one, gradients("float64")[0])
    optimizers.Adam(RATE).apply(other, gradients("float32")[0])
    for item, same in zip(one, other, strict=True):
        assert item.value.dtype == np.float32
        np.testing.assert_array_equal(item.value, same.value)


def test_a_gradient_that_is_infinite_spoils_the_step_without_a_warning(keras: Any) -> None:
    limits: list[dict[str, Any]] = [{"clipnorm": 1.0}, {"global_clipnorm": 1.0}]
    for limit in limits:
        item = Weight(np.ones(3, np.float32))
        optimizers.SGD(0.5, **limit).apply([item], [np.array([1, np.inf, 0], np.float32)])
        variable = keras.Variable(np.ones(3, np.float32))
        keras.optimizers.SGD(0.5, **limit).apply([keras.ops.convert_to_tensor([1, np.inf, 0], "float32")], [variable])
        np.testing.assert_array_equal(item.value, variable.numpy())


def test_the_learning_rate_can_be_set_to_a_number_and_be_a_function() -> None:
    optimizer = optimizers.get("sgd")
    optimizer.learning_rate = np.float32(0.5)
    assert optimizer.learning_rate == 0.5
    assert isinstance(optimizer.learning_rate, float)
    assert optimizers.SGD(lambda: 0.125).learning_rate == 0.125
    optimizer.learning_rate = schedules.PiecewiseConstantDecay([3], [1.0, 2.0])
    optimizer.iterations = 4
    assert optimizer.learning_rate == 2.0


@pytest.mark.parametrize("name", ["adam", "Adam", "adamw", "AdamW", "sgd", "SGD", "rmsprop", "RMSprop"])
def test_an_optimizer_has_every_name_that_keras_gives_it(name: str) -> None:
    assert type(optimizers.get(name)).__name__.lower() == name.lower()


def stepped(optimizer: Any) -> Any:
    optimizer.apply(weights(), gradients()[0])
    return optimizer


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: optimizers.SGD(clipnorm=1.0, clipvalue=1.0),
            "SGD: only one of clipnorm, clipvalue and global_clipnorm can be set, not 2\n  given clipnorm 1.0, clipvalue 1.0",
        ),
        (lambda: optimizers.SGD(momentum=1.5), "SGD: momentum must be a number from 0 to 1, not 1.5\n  given momentum 1.5"),
        (lambda: optimizers.SGD(-0.1), "SGD: learning_rate must be a number >= 0, not -0.1\n  given learning_rate -0.1"),
        (
            lambda: optimizers.get("adm"),
            'optimizer: there is no optimizer "adm" (did you mean "adam"?); there are Adam, AdamW, RMSprop, SGD\n  given optimizer \'adm\'',
        ),
        (
            lambda: optimizers.SGD().apply(weights(), gradients()[0][:2]),
            "SGD.apply: 4 parameters but 2 gradients\n  given parameters 4, gradients 2",
        ),
        (
            lambda: optimizers.SGD().apply([Weight(np.ones(3))], [np.ones((3, 1))]),
            "SGD.apply: the gradient of kernel must have its shape, (3,), not (3, 1)\n  given position 0",
        ),
        (
            lambda: stepped(optimizers.Adam()).apply([Weight(np.ones(3))], [np.ones(3)]),
            "Adam.apply: 4 parameters in the step before, 1 now\n  given iterations 1",
        ),
        (
            lambda: stepped(optimizers.Adam()).apply([Weight(np.ones(3))] * 4, [np.ones(3)] * 4),
            "Adam.apply: the momentum of kernel has the shape (3, 3, 2, 4), but kernel has (3,)\n  given position 0",
        ),
        (
            lambda: optimizers.Adam().load_state(stepped(optimizers.SGD(momentum=0.5)).state()),
            "Adam.load_state: the state has a \"momentum.2\", which Adam does not know\n  given slots ('momentum', 'velocity'), entries 6",
        ),
        (
            lambda: optimizers.SGD().load_state({"iterations": np.array(3)}),
            'SGD.load_state: the state has no "learning_rate"\n  given slots (), entries 1',
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_words(call: Any, words: str) -> None:
    with pytest.raises(ShapeError) as caught:
        call()
    assert str(caught.value) == words


def set_rate(optimizer: Any, value: Any) -> None:
    optimizer.learning_rate = value


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: optimizers.SGD(lr=0.1),
            (
                'SGD: there is no argument "lr"; there are learning_rate, momentum, nesterov, weight_decay, clipnorm, clipvalue, '
                "global_clipnorm, name\n  given lr 0.1"
            ),
        ),
        (
            lambda: set_rate(optimizers.SGD(schedules.CosineDecay(0.1, 10)), 0.1),
            "SGD: learning_rate follows CosineDecay and cannot be set to 0.1\n  given learning_rate 0.1",
        ),
        (
            lambda: set_rate(optimizers.SGD(), "fast"),
            "SGD: learning_rate must be a number >= 0, not 'fast'\n  given learning_rate 'fast'",
        ),
        (
            lambda: optimizers.SGD(schedules.CosineDecay),
            "SGD: learning_rate must be a schedule, not the class CosineDecay\n  given learning_rate 'CosineDecay'",
        ),
        (
            lambda: optimizers.SGD(max).get_config(),
            (
                "get_config: max is a function, which cannot be written down: make it a class with get_config\n"
                "  given function <built-in function max>"
            ),
        ),
        (
            lambda: optimizers.get(None),
            "optimizer: optimizer must be a name, or an object of a class derived from Optimizer, not None\n  given optimizer None",
        ),
    ],
)
def test_what_is_of_the_wrong_kind_is_refused_in_words(call: Any, words: str) -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        call()
    assert str(caught.value) == words
