"""Samples: inputs, targets and weights that belong together, split and dealt out in batches.

One rule: whatever order the samples are dealt in is drawn from the generator that the caller hands over, once per pass.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias

import numpy as np

from convstep.checks import Array, counted, numbers, refusal, shown, whole
from convstep.errors import ArgumentTypeError
from convstep.training.configuration import real

Arrays: TypeAlias = Any  # one array, a list of arrays or a dict of arrays: as many as a model has inputs or outputs
BATCH_SIZE = 32


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs x, targets y and weights, sample by sample along their first axes; y and sample_weight may be missing.

    Make it with `Samples.of`, which checks that they belong together.
    """

    x: Arrays
    y: Arrays = None
    sample_weight: Arrays = None
    size: int = 0

    @classmethod
    def of(cls, x: Arrays, y: Arrays = None, sample_weight: Arrays = None, *, op: str = "fit") -> Self:
        """Return the samples as arrays, all equally many.

        Parameters
        ----------
        x, y : array, list of arrays or dict of arrays
        sample_weight : the same, optional
            One array counts for every output.
        op : str
            Who asks, for errors.

        Raises
        ------
        ShapeError
            If there are no samples, or their numbers differ.
        """
        parts = {name: _arrays(op, name, value) for name, value in (("x", x), ("y", y), ("sample_weight", sample_weight))}
        if isinstance(parts["y"], list | dict) and isinstance(parts["sample_weight"], np.ndarray):
            weight = parts["sample_weight"]
            parts["sample_weight"] = _each(parts["y"], lambda _: weight)
        named = [item for name, value in parts.items() for item in _named(name, value)]
        first, leader = named[0]
        for name, array in named:
            if array.ndim == 0:
                raise refusal(op, f"{name} must have an axis of samples, but it is one number", {name: array})
            if len(array) != len(leader):
                raise refusal(op, f"{first} has {counted(len(leader), 'sample')} but {name} has {len(array)}", {first: leader, name: array})
        if len(leader) == 0:
            raise refusal(op, f"{first} has no samples", {first: leader})
        return cls(parts["x"], parts["y"], parts["sample_weight"], len(leader))

    def split(self, validation_split: float, *, op: str = "fit") -> tuple[Self, Self]:
        """Return all but the last fraction of the samples, to train on, and that fraction, to validate with; nothing is shuffled.

        Raises
        ------
        ShapeError
            If one of the two would be empty.
        """
        fraction = real(op, "validation_split", validation_split, most=1)
        at = int(self.size * (1 - fraction))  # as Keras rounds
        if at in {0, self.size}:
            parts = f"leaves {at} to train on and {self.size - at} to validate with"
            fact = f"validation_split = {fraction:g} of {counted(self.size, 'sample')} {parts}"
            raise refusal(op, fact, {"x": _named("x", self.x)[0][1], "validation_split": validation_split})
        return self._take(slice(0, at), at), self._take(slice(at, None), self.size - at)

    def weighted_by_class(self, class_weight: Mapping[int, float], *, op: str = "fit") -> Self:
        """Return the samples with the weights of their classes; a class that is not named weighs 1.

        Parameters
        ----------
        class_weight : mapping of int to float
            y holds numbers of classes, or rows whose largest entry is the class.

        Raises
        ------
        ShapeError
            If there are several outputs, or sample weights already.
        """
        if self.sample_weight is not None:
            raise refusal(op, "class_weight and sample_weight cannot both be given", {"class_weight": dict(class_weight)})
        if not isinstance(self.y, np.ndarray):
            fact = f"class_weight needs a model with one output, but y is {'missing' if self.y is None else 'several arrays'}"
            raise refusal(op, fact, {"class_weight": dict(class_weight)})
        classes = _classes(op, self.y)
        weight = np.ones(self.size, np.float32)
        for label, value in class_weight.items():
            weight[classes == whole(op, "class_weight", label, 0)] = real(op, f"class_weight[{label}]", value)
        return replace(self, sample_weight=weight)

    def count(self, batch_size: int | None = None) -> int:
        """Return the number of batches in one pass; the last one may be smaller."""
        return -(-self.size // _batch_size(batch_size))

    def batches(self, batch_size: int | None = None, *, rng: np.random.Generator | None = None) -> Iterator[Self]:
        """Deal all samples out once.

        Parameters
        ----------
        batch_size : int, optional
            32, if not given.
        rng : Generator, optional
            Draws the order. Without it the samples come as they lie, and a batch is a view.

        Yields
        ------
        Samples
        """
        size = _batch_size(batch_size)
        order = None if rng is None else rng.permutation(self.size)
        for start in range(0, self.size, size):
            stop = min(start + size, self.size)
            yield self._take(slice(start, stop) if order is None else order[start:stop], stop - start)

    def _take(self, index: Any, size: int) -> Self:
        x, y, weight = (_each(part, lambda array: array[index]) for part in (self.x, self.y, self.sample_weight))
        return type(self)(x, y, weight, size)


def _arrays(op: str, name: str, value: Arrays) -> Arrays:
    """Return one array, a list of them or a dict of them. A list is one array, unless it holds arrays."""
    if value is None and name != "x":
        return None
    if isinstance(value, Mapping) and value:
        return {key: numbers(op, f"{name}[{shown(key)}]", item) for key, item in value.items()}
    if isinstance(value, list | tuple) and value and all(hasattr(item, "shape") for item in value):
        return [numbers(op, f"{name}[{i}]", item) for i, item in enumerate(value)]
    if value is None or isinstance(value, Mapping):
        raise refusal(op, "x must be an array, a list of arrays or a dict of arrays", {"x": value}, kind=ArgumentTypeError)
    return numbers(op, name, value)


def _named(name: str, value: Arrays) -> list[tuple[str, Array]]:
    """Return the arrays with the names under which the caller knows them."""
    if isinstance(value, dict):
        return [(f"{name}[{shown(key)}]", item) for key, item in value.items()]
    if isinstance(value, list):
        return [(f"{name}[{i}]", item) for i, item in enumerate(value)]
    return [] if value is None else [(name, value)]


def _each(value: Arrays, change: Callable[[Array], Array]) -> Arrays:
    """Return the same structure with every array changed."""
    if isinstance(value, dict):
        return {key: change(item) for key, item in value.items()}
    if isinstance(value, list):
        return [change(item) for item in value]
    return None if value is None else change(value)


def _classes(op: str, y: Array) -> Array:
    classes = y if y.ndim == 1 else y[..., 0] if y.shape[-1] == 1 else y.argmax(axis=-1)
    if classes.ndim != 1:
        raise refusal(op, f"class_weight needs one class for each sample, but y has {y.ndim} axes", {"y": y})
    return np.round(classes).astype(np.int64)


def _batch_size(batch_size: int | None) -> int:
    return BATCH_SIZE if batch_size is None else whole("fit", "batch_size", batch_size, 1)
