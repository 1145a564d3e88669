"""Learning rates that change with the step, as in keras.optimizers.schedules.

One rule: a schedule is a function of the number of the step, from 0, and remembers nothing.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from convstep.checks import refusal
from convstep.training.configuration import Configured, find, names_of, real


class LearningRateSchedule(Configured):
    """A schedule. A subclass of your own writes `__call__`, and `get_config` if its model is to be saved."""

    name: str

    def __init__(self, *, name: str | None = None, **unknown: Any) -> None:
        self.refuse_unknown(unknown)
        self.name = name or type(self).__name__

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        raise NotImplementedError


class ExponentialDecay(LearningRateSchedule):
    """initial_learning_rate * decay_rate ** (step / decay_steps); with `staircase`, in whole stairs."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,  # noqa: FBT001, FBT002 - Keras's
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.initial_learning_rate = real("ExponentialDecay", "initial_learning_rate", initial_learning_rate)
        self.decay_steps, self.decay_rate = _positive(self, decay_steps), real("ExponentialDecay", "decay_rate", decay_rate)
        self.staircase = bool(staircase)

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        return float(self.initial_learning_rate * self.decay_rate ** _progress(step, self.decay_steps, whole=self.staircase))


class InverseTimeDecay(LearningRateSchedule):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps); with `staircase`, in whole stairs."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,  # noqa: FBT001, FBT002 - Keras's
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.initial_learning_rate = real("InverseTimeDecay", "initial_learning_rate", initial_learning_rate)
        self.decay_steps, self.decay_rate = _positive(self, decay_steps), real("InverseTimeDecay", "decay_rate", decay_rate)
        self.staircase = bool(staircase)

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.initial_learning_rate / (1 + self.decay_rate * _progress(step, self.decay_steps, whole=self.staircase))


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[0] up to and with the step boundaries[0], then values[1] up to and with boundaries[1], and so on."""

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], **options: Any) -> None:
        super().__init__(**{"name": "PiecewiseConstant", **options})
        self.boundaries, self.values = [*boundaries], [real("PiecewiseConstantDecay", "values", value) for value in values]
        given = {"boundaries": self.boundaries, "values": self.values}
        if len(self.values) != len(self.boundaries) + 1:
            fact = f"{len(self.boundaries)} boundaries need {len(self.boundaries) + 1} values, not {len(self.values)}"
            raise refusal("PiecewiseConstantDecay", fact, given)
        for before, after in pairwise(self.boundaries):
            if before >= after:
                raise refusal("PiecewiseConstantDecay", f"boundaries must rise, but {after} comes after {before}", given)

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.values[bisect_left(self.boundaries, step)]


class PolynomialDecay(LearningRateSchedule):
    """From initial_learning_rate to end_learning_rate within decay_steps along (1 - step / decay_steps) ** power.

    With `cycle`, whoever is past the end goes on in a decay that is a whole number of times as long.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        *,
        cycle: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.initial_learning_rate = real("PolynomialDecay", "initial_learning_rate", initial_learning_rate)
        self.end_learning_rate = real("PolynomialDecay", "end_learning_rate", end_learning_rate)
        self.decay_steps, self.power, self.cycle = _positive(self, decay_steps), real("PolynomialDecay", "power", power), bool(cycle)

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        length = self.decay_steps * max(1, math.ceil(step / self.decay_steps)) if self.cycle else self.decay_steps
        left = 1 - min(step, length) / length
        return float((self.initial_learning_rate - self.end_learning_rate) * left**self.power + self.end_learning_rate)


class CosineDecay(LearningRateSchedule):
    """Half a wave of the cosine, from the initial rate down to alpha times it (Loshchilov & Hutter, 2016).

    Parameters
    ----------
    initial_learning_rate : float
        Of step 0.
    decay_steps : float
        How long the decay takes, after the warm-up.
    alpha : float
        The smallest rate, as a share of the one at which the decay begins.
    warmup_target : float, optional
        If given, the rate first rises in a straight line to this, within warmup_steps, and decays from there.
    warmup_steps : float
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        *,
        warmup_target: float | None = None,
        warmup_steps: float = 0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.initial_learning_rate = real("CosineDecay", "initial_learning_rate", initial_learning_rate)
        self.decay_steps, self.alpha = _positive(self, decay_steps), real("CosineDecay", "alpha", alpha)
        self.warmup_target = None if warmup_target is None else real("CosineDecay", "warmup_target", warmup_target)
        self.warmup_steps = real("CosineDecay", "warmup_steps", warmup_steps)

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        top, warmup = self.initial_learning_rate, 0.0
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return top + (self.warmup_target - top) * step / self.warmup_steps
            top, warmup = self.warmup_target, self.warmup_steps
        wave = _cosine(min(step - warmup, self.decay_steps) / self.decay_steps)
        return top * ((1 - self.alpha) * wave + self.alpha)


class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decays one after the other, each t_mul times as long and m_mul times as high as the one before (SGDR)."""

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        *,
        alpha: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(**{"name": "SGDRDecay", **options})
        self.initial_learning_rate = real("CosineDecayRestarts", "initial_learning_rate", initial_learning_rate)
        self.first_decay_steps = _positive(self, first_decay_steps, "first_decay_steps")
        self.t_mul, self.m_mul = real("CosineDecayRestarts", "t_mul", t_mul, least=1), real("CosineDecayRestarts", "m_mul", m_mul)
        self.alpha = real("CosineDecayRestarts", "alpha", alpha)

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        left, length, height = float(step), self.first_decay_steps, 1.0
        if self.t_mul == 1:
            height, left = self.m_mul ** (left // length), left % length
        while left >= length:  # a logarithm would round to the wrong side of a restart
            left, length, height = left - length, length * self.t_mul, height * self.m_mul
        return self.initial_learning_rate * ((1 - self.alpha) * height * _cosine(left / length) + self.alpha)


CLASSES = (ExponentialDecay, PiecewiseConstantDecay, PolynomialDecay, InverseTimeDecay, CosineDecay, CosineDecayRestarts)
NAMES: Mapping[str, type[LearningRateSchedule]] = names_of(CLASSES, {})


def get(identifier: Any) -> LearningRateSchedule:
    """Return the schedule that a `{"class_name", "config"}` or the schedule itself stands for."""
    return find("schedule", identifier, NAMES, LearningRateSchedule)


def _positive(schedule: LearningRateSchedule, value: Any, name: str = "decay_steps") -> float:
    steps = real(type(schedule).__name__, name, value)
    if steps == 0:
        raise refusal(type(schedule).__name__, f"{name} must be a number > 0, not 0", {name: value})
    return steps


def _progress(step: float, length: float, *, whole: bool) -> float:
    return float(step // length) if whole else step / length


def _cosine(share: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * share))
