"""Every schedule gives Keras's learning rate at every step."""

import math
from typing import Any

import pytest

from convstep import ArgumentTypeError, ShapeError
from convstep.training import schedules

STEPS = [0, 1, 2, 5, 9, 10, 11, 19, 20, 21, 25, 30, 31, 45, 70, 71, 99, 150, 151, 400]
CASES: list[tuple[str, dict[str, Any]]] = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.9}),
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.9, "staircase": True}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5, "staircase": True}),
    ("PiecewiseConstantDecay", {"boundaries": [10, 20, 45], "values": [1.0, 0.5, 0.1, 0.01]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 20}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 20, "end_learning_rate": 0.01, "power": 0.5}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 20, "end_learning_rate": 0.01, "power": 2.0, "cycle": True}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 40}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 40, "alpha": 0.1}),
    ("CosineDecay", {"initial_learning_rate": 0.01, "decay_steps": 40, "alpha": 0.1, "warmup_target": 0.2, "warmup_steps": 10}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 10}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 10, "t_mul": 1.0, "m_mul": 0.9}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 7, "t_mul": 1.5, "m_mul": 0.8, "alpha": 0.05}),
]
IDS = [f"{name}-{i}" for i, (name, _) in enumerate(CASES)]


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_every_step_has_the_learning_rate_of_keras(keras: Any, name: str, options: dict[str, Any]) -> None:
    schedule, oracle = getattr(schedules, name)(**options), getattr(keras.optimizers.schedules, name)(**options)
    for step in STEPS:
        rate = schedule(step)
        assert isinstance(rate, float)
        assert rate == pytest.approx(float(oracle(step)), rel=2e-6, abs=2e-8), step


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_a_schedule_can_be_made_again_from_its_config(keras: Any, name: str, options: dict[str, Any]) -> None:
    schedule = getattr(schedules, name)(**options)
    again = schedules.get({"class_name": name, "config": schedule.get_config()})
    assert again.get_config() == schedule.get_config()
    assert again.get_config() == getattr(keras.optimizers.schedules, name)(**options).get_config()


def test_a_restart_is_never_missed_by_rounding() -> None:
    schedule = schedules.CosineDecayRestarts(1.0, 1, t_mul=3.0)
    for restart in range(1, 30):
        step = (3**restart - 1) // 2
        assert schedule(step) == 1
        assert schedule(step - 1) == pytest.approx(0.5 * (1 + math.cos(math.pi * (1 - 1 / 3 ** (restart - 1)))), abs=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: schedules.ExponentialDecay(0.1, 0, 0.9),
            "ExponentialDecay: decay_steps must be a number > 0, not 0\n  given decay_steps 0",
        ),
        (
            lambda: schedules.PiecewiseConstantDecay([1, 2], [0.1]),
            "PiecewiseConstantDecay: 2 boundaries need 3 values, not 1\n  given boundaries [1, 2], values [0.1]",
        ),
        (
            lambda: schedules.PiecewiseConstantDecay([2, 1], [0.1, 0.2, 0.3]),
            "PiecewiseConstantDecay: boundaries must rise, but 1 comes after 2\n  given boundaries [2, 1], values [0.1, 0.2, 0.3]",
        ),
        (
            lambda: schedules.CosineDecayRestarts(0.1, 10, t_mul=0.5),
            "CosineDecayRestarts: t_mul must be a number >= 1, not 0.5\n  given t_mul 0.5",
        ),
    ],
)
def test_settings_without_sense_are_refused_in_words(call: Any, words: str) -> None:
    with pytest.raises(ShapeError) as caught:
        call()
    assert str(caught.value) == words


def test_an_unknown_argument_is_refused_by_name() -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        schedules.CosineDecay(0.1, 10, alfa=0.2)
    assert str(caught.value) == (
        'CosineDecay: there is no argument "alfa" (did you mean "alpha"?); there are initial_learning_rate, decay_steps, alpha, '
        "warmup_target, warmup_steps, name\n  given alfa 0.2"
    )
