"""What an optimizer is: a rate, what it remembers of each parameter, clipping, and one step in place.

One rule: what the next step depends on is in `state`, so a run that is stopped and resumed continues bit by bit.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeAlias

import numpy as np

from convstep.checks import Array, DType, counted, numbers, refusal, whole
from convstep.engines import current_engine
from convstep.engines.numpy.updates import BLOCK, RULES, Block, blocks_of
from convstep.engines.rules import Entry, Rule
from convstep.errors import ArgumentTypeError
from convstep.training import schedules
from convstep.training.configuration import Configured, real, serialize

Rate: TypeAlias = float | schedules.LearningRateSchedule | Callable[[], float]


class Weights(Protocol):
    """What an optimizer changes: anything that holds an array."""

    value: Array


class Optimizer(Configured):
    """An optimizer. A subclass names its slots and writes `rule`, or `update` if engines know no rule of its kind.

    Parameters
    ----------
    learning_rate : float, schedule, mapping or function
        A number, which may be set again later; a schedule of the step; one written as plain data; or a function without arguments.
    weight_decay : float, optional
        How much of each value, times the learning rate, is taken off before a step (decoupled: Loshchilov & Hutter, 2017).
    clipnorm, global_clipnorm, clipvalue : float, optional
        Largest norm of each gradient; of all gradients together; largest size of each entry. At most one of the three; 0 means none.
    name : str, optional
        By default the name of the class in small letters.
    """

    iterations: int

    def __init__(
        self,
        learning_rate: Any,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        self.refuse_unknown(unknown)
        kind = type(self).__name__
        self._learning_rate = _rate(kind, learning_rate)
        self.weight_decay = None if weight_decay is None else real(kind, "weight_decay", weight_decay)
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = {word: real(kind, word, value) for word, value in clips.items() if value is not None}
        if len(given) > 1:
            raise refusal(kind, f"only one of clipnorm, clipvalue and global_clipnorm can be set, not {len(given)}", given)
        self.clipnorm, self.clipvalue, self.global_clipnorm = (given.get(word) for word in clips)
        self.name = name or kind.lower()
        self.iterations = 0
        self._slots: list[dict[str, Array]] | None = None

    # --- what a subclass writes ---

    def slot_names(self) -> tuple[str, ...]:
        """Return the names of the arrays that are kept for each parameter, all of them 0 at first."""
        return ()

    def rule(self, rate: float, dtype: DType) -> Rule:
        """Return what an engine does in this step with weights of a type; decay and clipping are not its business."""
        raise NotImplementedError

    def update(self, block: Block, rate: float) -> None:
        """Change `block.value` and `block.slots` in place, as the rule says; leave the gradient as it is."""
        rule = self.rule(rate, block.value.dtype)
        RULES[rule.name](block, **rule.numbers)

    # --- what every optimizer does ---

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the next step. A number can be set; not where a schedule decides."""
        if isinstance(self._learning_rate, schedules.LearningRateSchedule):
            return float(self._learning_rate(self.iterations))
        return self._learning_rate if isinstance(self._learning_rate, float) else float(self._learning_rate())

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        rate = _rate(type(self).__name__, value)
        if isinstance(rate, float) and isinstance(self._learning_rate, schedules.LearningRateSchedule):
            fact = f"learning_rate follows {type(self._learning_rate).__name__} and cannot be set to {rate:g}"
            raise refusal(type(self).__name__, fact, {"learning_rate": value}, kind=ArgumentTypeError)
        self._learning_rate = rate

    def apply(self, parameters: Sequence[Weights], gradients: Sequence[Array]) -> None:
        """Take one step: change the values of the parameters in place.

        Parameters
        ----------
        parameters : sequence of objects with a `value`
            The same ones in the same order in every call: what is remembered about them is kept by position.
        gradients : sequence of arrays
            One for each parameter, of its shape. They are not changed.

        Raises
        ------
        ShapeError
            If there are not as many gradients as parameters, or the shapes or the number of parameters are not those of the call before.
        """
        self._check(parameters, gradients)
        if self._slots is None:
            self._slots = [{name: np.zeros_like(item.value, order="C") for name in self.slot_names()} for item in parameters]
        rate = self.learning_rate
        with np.errstate(all="ignore"):
            entries = [
                Entry(_writeable(item), gradient, slots, scale)
                for item, gradient, scale, slots in zip(
                    parameters, map(np.asarray, gradients), self._scales(gradients), self._slots, strict=True
                )
            ]
            for dtype in dict.fromkeys(entry.value.dtype for entry in entries):
                self._step([entry for entry in entries if entry.value.dtype == dtype], rate, dtype)
        self.iterations += 1

    def state(self) -> dict[str, Array]:
        """Return copies of everything that the next step depends on: iterations, a learning rate that can be set, and the slots."""
        state = {"iterations": np.array(self.iterations, np.int64)}
        if isinstance(self._learning_rate, float):
            state["learning_rate"] = np.array(self._learning_rate, np.float64)
        for i, slots in enumerate(self._slots or ()):
            state |= {f"{name}.{i}": value.copy() for name, value in slots.items()}
        return state

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned, bit by bit as if there had been no pause.

        Raises
        ------
        ShapeError
            If an entry is missing, or belongs to another optimizer.
        """
        kind, names = f"{type(self).__name__}.load_state", self.slot_names()
        arrays = {key: numbers(kind, key, value) for key, value in state.items()}
        scalars = {"iterations", "learning_rate"} if isinstance(self._learning_rate, float) else {"iterations"}
        count = (len(arrays) - len(scalars)) // len(names) if names else 0
        expected = scalars | {f"{name}.{i}" for name in names for i in range(count)}
        for key in sorted(expected ^ arrays.keys()):
            fact = f'the state has no "{key}"' if key in expected else f'the state has a "{key}", which {type(self).__name__} does not know'
            raise refusal(kind, fact, {"slots": names, "entries": len(arrays)})
        self.iterations = whole(kind, "iterations", arrays["iterations"].item(), 0)
        if "learning_rate" in scalars:
            self._learning_rate = real(kind, "learning_rate", arrays["learning_rate"])
        slots = [{name: np.array(arrays[f"{name}.{i}"], order="C") for name in names} for i in range(count)]
        self._slots = slots or None

    def get_config(self) -> dict[str, Any]:
        """Return the arguments as plain data, the learning rate as it is now."""
        names = [word for word in self.argument_names() if word != "learning_rate"]
        return {word: serialize(getattr(self, word)) for word in names} | {"learning_rate": serialize(self._learning_rate)}

    # --- parts ---

    def _check(self, parameters: Sequence[Weights], gradients: Sequence[Array]) -> None:
        kind = f"{type(self).__name__}.apply"
        if len(parameters) != len(gradients):
            fact = f"{counted(len(parameters), 'parameter')} but {counted(len(gradients), 'gradient')}"
            raise refusal(kind, fact, {"parameters": len(parameters), "gradients": len(gradients)})
        if self._slots is not None and len(self._slots) != len(parameters):
            fact = f"{counted(len(self._slots), 'parameter')} in the step before, {len(parameters)} now"
            raise refusal(kind, fact, {"iterations": self.iterations})
        for i, (item, gradient) in enumerate(zip(parameters, gradients, strict=True)):
            name = getattr(item, "name", f"parameter {i}")
            if np.shape(gradient) != item.value.shape:
                fact = f"the gradient of {name} must have its shape, {item.value.shape}, not {np.shape(gradient)}"
                raise refusal(kind, fact, {"position": i})
            for slot, kept in self._slots[i].items() if self._slots else ():
                if kept.shape != item.value.shape:
                    fact = f"the {slot} of {name} has the shape {kept.shape}, but {name} has {item.value.shape}"
                    raise refusal(kind, fact, {"position": i})

    def _scales(self, gradients: Sequence[Array]) -> list[float]:
        """Return what each gradient is to be multiplied by."""
        if self.clipnorm:
            return [self.clipnorm / max(norm, self.clipnorm) for norm in map(_norm, gradients)]
        if self.global_clipnorm:
            norm = math.hypot(*map(_norm, gradients))
            scale = self.global_clipnorm / max(norm, self.global_clipnorm) if math.isfinite(norm) else math.nan
            return [scale] * len(gradients)
        return [1.0] * len(gradients)

    def _step(self, entries: Sequence[Entry], rate: float, dtype: DType) -> None:
        """Change values of one type: by the engine's rule, or block by block where a subclass has an `update` of its own."""
        decay, clip = (self.weight_decay or 0.0) * rate, self.clipvalue or math.inf
        if type(self).update is Optimizer.update:
            current_engine().update(replace(self.rule(rate, dtype), decay=decay, clip=clip), entries)
            return
        for entry in entries:
            for block in blocks_of(entry, decay=decay, clip=clip):
                self.update(block, rate)


def _writeable(item: Weights) -> Array:
    if not (item.value.flags.c_contiguous and item.value.flags.writeable):
        item.value = np.array(item.value, order="C")
    return item.value


def _norm(gradient: Array) -> float:
    """Return the root of the sum of squares, which is formed in float64 and in an order that does not depend on the machine's load."""
    flat = np.asarray(gradient).reshape(-1)
    parts = (flat[start : start + BLOCK] for start in range(0, flat.size, BLOCK))
    return math.sqrt(sum(float(np.sum(np.square(part, dtype=np.float64))) for part in parts))


def _rate(kind: str, value: Any) -> Rate:
    if isinstance(value, Mapping):
        return schedules.get(value)
    if isinstance(value, schedules.LearningRateSchedule):
        return value
    if callable(value) and not isinstance(value, np.generic):
        if isinstance(value, type):
            raise refusal(
                kind,
                f"learning_rate must be a schedule, not the class {value.__name__}",
                {"learning_rate": value.__name__},
                kind=ArgumentTypeError,
            )
        function: Callable[[], float] = value
        return function
    return real(kind, "learning_rate", value)
