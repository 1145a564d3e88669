"""The layers with several inputs: entry by entry, or one after the other.

One rule: inputs of other shapes are repeated as in Keras, where an axis has length 1 or is missing after the batch.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from convstep.checks import Array, refusal
from convstep.layers.base import Gradients, Layer, Shape

Arrays: TypeAlias = list[Array]


class Merge(Layer):
    """What the entry by entry layers share. A subclass combines inputs of as many axes, and says what each input's gradient is."""

    several = True
    exactly: int | None = None

    def combine(self, inputs: Arrays) -> Array:
        """Return the output."""
        raise NotImplementedError

    def spread(self, dy: Array, inputs: Arrays) -> Arrays:
        """Return the gradient of each input; it may still have the shape of dy."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Return the shape of the output."""
        count = len(input_shape)
        if self.exactly is not None and count != self.exactly:
            raise refusal(self.name, f"the layer takes {self.exactly} inputs, not {count}", {"inputs": tuple(map(tuple, input_shape))})
        most = max(len(shape) for shape in input_shape)
        shapes = [(shape[0], *(1,) * (most - len(shape)), *shape[1:]) for shape in input_shape]
        return tuple(self._common(sizes, input_shape) for sizes in zip(*shapes, strict=True))

    def _common(self, sizes: Sequence[int | None], shapes: Sequence[Shape]) -> int | None:
        lengths = {size for size in sizes if size not in (None, 1)}
        if len(lengths) > 1:
            fact = f"the inputs do not fit together: an axis is {' and '.join(map(str, sorted(lengths, key=str)))} long"
            raise refusal(self.name, fact, {"inputs": tuple(map(tuple, shapes))})
        if lengths:
            return None if None in sizes else lengths.pop()
        return None if None in sizes else 1

    def forward(self, x: Arrays, **_mode: Any) -> tuple[Array, Any]:
        """Combine the inputs."""
        self.check([item.shape for item in x])
        most = max(item.ndim for item in x)
        aligned = [item.reshape(item.shape[0], *(1,) * (most - item.ndim), *item.shape[1:]) for item in x]
        return self.combine(aligned), (aligned, [item.shape for item in x])

    def backward(self, dy: Array, cache: Any) -> tuple[Arrays, Gradients]:
        """Return the gradient of each input, added up where the input was repeated."""
        aligned, shapes = cache
        gradients = []
        for full, item, shape in zip(self.spread(dy, aligned), aligned, shapes, strict=True):
            repeated = tuple(axis for axis in range(item.ndim) if item.shape[axis] != dy.shape[axis])
            gradients.append((full.sum(axis=repeated, keepdims=True) if repeated else full).reshape(shape))
        return gradients, {}


class Add(Merge):
    """The sum of the inputs."""

    def combine(self, inputs: Arrays) -> Array:
        """Return the sum."""
        first, *others = inputs
        return sum(others, first)

    def spread(self, dy: Array, inputs: Arrays) -> Arrays:
        """Hand dy to every input."""
        return [dy] * len(inputs)


class Subtract(Merge):
    """The first input minus the second."""

    exactly = 2

    def combine(self, inputs: Arrays) -> Array:
        """Return the difference."""
        return inputs[0] - inputs[1]

    def spread(self, dy: Array, inputs: Arrays) -> Arrays:  # noqa: ARG002 - linear
        """Hand on dy and -dy."""
        return [dy, -dy]


class Multiply(Merge):
    """The product of the inputs."""

    def combine(self, inputs: Arrays) -> Array:
        """Return the product."""
        y = inputs[0]
        for item in inputs[1:]:
            y = y * item
        return y

    def spread(self, dy: Array, inputs: Arrays) -> Arrays:
        """Hand dy times all other inputs to each."""
        return [self.combine([dy, *inputs[:i], *inputs[i + 1 :]]) for i in range(len(inputs))]


class Average(Merge):
    """The mean of the inputs."""

    def combine(self, inputs: Arrays) -> Array:
        """Return the mean."""
        first, *others = inputs
        return sum(others, first) / len(inputs)

    def spread(self, dy: Array, inputs: Arrays) -> Arrays:
        """Share dy."""
        return [dy / len(inputs)] * len(inputs)


class Maximum(Merge):
    """The largest of the inputs, entry by entry."""

    def combine(self, inputs: Arrays) -> Array:
        """Return the largest."""
        y = inputs[0]
        for item in inputs[1:]:
            y = np.maximum(y, item)
        return y

    def spread(self, dy: Array, inputs: Arrays) -> Arrays:
        """Hand dy to the larger one, from the last input to the first; two equals share it, as in Keras."""
        gradients = [dy]
        for i in reversed(range(1, len(inputs))):
            before, item = self.combine(inputs[:i]), inputs[i]
            share = np.where(before > item, 1, np.where(before < item, 0, 0.5)).astype(dy.dtype)
            gradients[:1] = [gradients[0] * share, gradients[0] * (1 - share)]
        return gradients


class Concatenate(Layer):
    """The inputs one after the other.

    Parameters
    ----------
    axis : int
        Along which axis; all others must have the same lengths.
    """

    several = True

    def __init__(self, axis: int = -1, **options: Any) -> None:
        super().__init__(**options)
        self.axis = int(axis)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Return the shape of the output."""
        first, given = input_shape[0], {"inputs": tuple(map(tuple, input_shape))}
        if not -len(first) <= self.axis < len(first):
            raise refusal(self.name, f"the inputs have no axis {self.axis}, only {len(first)} axes", given)
        if any(len(shape) != len(first) for shape in input_shape):
            raise refusal(self.name, "the inputs do not fit together: they have different numbers of axes", given)
        sizes: list[int | None] = []
        for axis, lengths in enumerate(zip(*input_shape, strict=True)):
            known = {length for length in lengths if length is not None}
            if axis == self.axis % len(first):
                sizes.append(None if None in lengths else sum(lengths))
            elif len(known) > 1:
                fact = f"the inputs do not fit together: axis {axis} is {' and '.join(map(str, sorted(known)))} long"
                raise refusal(self.name, fact, given)
            else:
                sizes.append(first[axis])
        return tuple(sizes)

    def forward(self, x: Arrays, **_mode: Any) -> tuple[Array, Any]:
        """Join the inputs."""
        self.check([item.shape for item in x])
        return np.concatenate(x, axis=self.axis), [item.shape[self.axis] for item in x]

    def backward(self, dy: Array, cache: Any) -> tuple[Arrays, Gradients]:
        """Cut dy where the inputs met."""
        return np.split(dy, np.cumsum(cache)[:-1], axis=self.axis), {}


def add(inputs: Sequence[Any], **options: Any) -> Any:
    """Return `Add(**options)(inputs)`."""
    return Add(**options)(inputs)


def subtract(inputs: Sequence[Any], **options: Any) -> Any:
    """Return `Subtract(**options)(inputs)`."""
    return Subtract(**options)(inputs)


def multiply(inputs: Sequence[Any], **options: Any) -> Any:
    """Return `Multiply(**options)(inputs)`."""
    return Multiply(**options)(inputs)


def average(inputs: Sequence[Any], **options: Any) -> Any:
    """Return `Average(**options)(inputs)`."""
    return Average(**options)(inputs)


def maximum(inputs: Sequence[Any], **options: Any) -> Any:
    """Return `Maximum(**options)(inputs)`."""
    return Maximum(**options)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **options: Any) -> Any:
    """Return `Concatenate(axis, **options)(inputs)`."""
    return Concatenate(axis, **options)(inputs)
