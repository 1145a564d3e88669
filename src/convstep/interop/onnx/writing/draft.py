"""The operations of a file while it is being written: steps, constants, and the moves between one order of axes and another.

One rule: a step reads and makes keys; names come at the end, so that what nobody reads leaves no trace and the rest is told apart.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from convstep.checks import Array
from convstep.interop.onnx.writing.values import Order, Value, plain_order

Sides: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
WIDE, SINGLE = np.dtype(np.float64), np.dtype(np.float32)


@dataclass(frozen=True)
class Step:
    """One operation: what it reads ("" for an input that is left out), and the value that it makes, or that and others."""

    kind: str
    name: str
    reads: tuple[str, ...]
    makes: str
    attributes: dict[str, Any]
    others: tuple[str, ...] = ()

    @property
    def results(self) -> tuple[str, ...]:
        """All that it makes."""
        return (self.makes, *self.others)


@dataclass
class Draft:
    """What has been written so far.

    Parameters
    ----------
    opset : int
        Version of the operators.
    wide : bool
        Whether float64 is written as it is, or else as float32.

    Attributes
    ----------
    path : str
        Of the layer that is being written: names begin with it.
    padded : dict
        By the keys of images with zeros around them: the images, and the zeros.
    flattened : dict
        By the keys of rows of numbers: the images that they were.
    floored : set of str
        Keys of values that are nowhere below 0.
    """

    opset: int
    wide: bool = False
    path: str = ""
    steps: list[Step] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    padded: dict[str, tuple[Value, Sides]] = field(default_factory=dict)
    flattened: dict[str, Value] = field(default_factory=dict)
    floored: set[str] = field(default_factory=set)
    _named: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _moved: dict[tuple[str, Order], Value] = field(default_factory=dict)

    # --- steps and constants ---

    def step(self, kind: str, *reads: str, **attributes: Any) -> str:
        """Append an operation and return the key of what it makes."""
        return self.several(kind, reads, 1, {word: item for word, item in attributes.items() if item is not None})[0]

    def several(self, kind: str, reads: Sequence[str], results: int, attributes: Mapping[str, Any]) -> tuple[str, ...]:
        """Append an operation of several results and return the key of each."""
        makes = f"#{len(self.steps)}"
        others = tuple(f"{makes}.{place}" for place in range(1, results))
        name = f"{self.path}/{kind}" if self.path else kind
        self.steps.append(Step(kind, name, tuple(reads), makes, dict(attributes), others))
        return self.steps[-1].results

    def then(self, kind: str, x: Value, *reads: str, **attributes: Any) -> Value:
        """Append an operation whose result lies as x does."""
        return replace(x, key=self.step(kind, x.key, *reads, **attributes))

    def constant(self, what: str, array: Any, dtype: Any = None) -> str:
        """Return the key of a constant, named for the layer and what it is to it; the same one again where it is the same."""
        made = np.asarray(array, None if dtype is None else self.stored(np.dtype(dtype)))
        made = np.ascontiguousarray(made).reshape(made.shape)  # which alone makes one number an array of one axis
        name = f"{self.path}/{what}" if self.path else what
        for key in self._named[name]:
            other = self.constants[key]
            if other.shape == made.shape and other.dtype == made.dtype and other.tobytes() == made.tobytes():
                return key
        key = f"#{name}#{len(self._named[name])}"
        self._named[name].append(key)
        self.constants[key], self.labels[key] = made, name
        return key

    def integers(self, what: str, numbers: Iterable[int]) -> str:
        """Return the key of a constant of whole numbers."""
        return self.constant(what, np.fromiter(numbers, np.int64))

    def number(self, what: str, value: float, like: Value) -> str:
        """Return the key of one number of the type of a value."""
        return self.constant(what, value, like.dtype)

    def along(self, what: str, array: Any, x: Value) -> str:
        """Return the key of a constant that spreads over the last axes of x as NumPy would spread it."""
        given = np.asarray(array)
        if x.rows is not None and given.ndim and given.shape[-1] == len(x.rows):
            given = given[..., x.rows]
        full = given.reshape((1,) * (x.rank - given.ndim) + given.shape).transpose(x.order)
        while full.ndim > given.ndim and full.shape[0] == 1:
            full = full[0]
        return self.constant(what, full, x.dtype)

    # --- types and orders ---

    def stored(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Return the type that stands for one of the model's in the file."""
        return SINGLE if dtype == WIDE and not self.wide else dtype

    def cast(self, x: Value, dtype: Any) -> Value:
        """Return x in another type."""
        wanted = np.dtype(dtype)
        if self.stored(wanted) == self.stored(x.dtype):
            return replace(x, dtype=wanted)
        return replace(self.then("Cast", x, to=self.stored(wanted)), dtype=wanted)

    def turned(self, x: Value, order: Order) -> Value:
        """Return x with its axes stored in this order."""
        if x.order == order:
            return x
        if (x.key, order) not in self._moved:
            key = self.step("Transpose", x.key, perm=[x.order.index(axis) for axis in order])
            self._moved[x.key, order] = replace(x, key=key, order=order)
        return replace(self._moved[x.key, order], dtype=x.dtype)

    def in_rows(self, x: Value) -> Value:
        """Return x with the entries along its last axis stored as the layer has them."""
        if x.rows is None:
            return x
        if (x.key, ()) not in self._moved:
            images = self.flattened.get(x.key)
            if images is None:
                key = self.step("Gather", x.key, self.integers("places", np.argsort(x.rows)), axis=1)
            else:
                key = self.step("Flatten", self.turned(images, plain_order(images.rank)).key)
            self._moved[x.key, ()] = replace(x, key=key, rows=None)
        return replace(self._moved[x.key, ()], dtype=x.dtype)

    # --- what has changed between versions of the operators ---

    def reduced(self, kind: str, x: Value, axes: Sequence[int]) -> Value:
        """Return the mean, the sum or the largest number over axes of the layer, which stay with length 1."""
        return self._reduce(kind, x, axes, keepdims=1, shape=tuple(1 if axis in axes else size for axis, size in enumerate(x.shape)))

    def dropped(self, kind: str, x: Value, axes: Sequence[int]) -> Value:
        """Return the mean, the sum or the largest number over axes of the layer, which are gone then."""
        kept = [axis for axis in range(x.rank) if axis not in axes]
        made = self._reduce(kind, x, axes, keepdims=0, shape=tuple(x.shape[axis] for axis in kept))
        return replace(made, order=tuple(kept.index(axis) for axis in x.order if axis in kept))

    def _reduce(self, kind: str, x: Value, axes: Sequence[int], *, keepdims: int, shape: tuple[int | None, ...]) -> Value:
        places = sorted(x.stored(axis) for axis in axes)
        if kind == "ReduceSum" or self.opset >= 18:
            made = self.then(kind, x, self.integers("axes", places), keepdims=keepdims)
        else:
            made = self.then(kind, x, axes=places, keepdims=keepdims)
        return replace(made, shape=shape, rows=None)
