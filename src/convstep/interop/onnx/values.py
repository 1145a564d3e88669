"""What stands between two nodes while a file becomes a model: a constant, or the symbol of a layer's output and the order of its axes.

One rule: a tensor of the file may lie in memory with its axes in another order. Transposing changes that order and moves no number;
numbers are moved, by one layer, where somebody needs another order than there is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from convstep.checks import Array
from convstep.interop.onnx.reading import Sizes
from convstep.layers import Symbol

Order: TypeAlias = tuple[int, ...]
IMAGES = 4  # axes of a batch of images


@dataclass(eq=False)
class Value:
    """A tensor of the file.

    Attributes
    ----------
    sizes : tuple of int or str, or None
        As the file has them, axis by axis; None where not even the number of axes is known.
    dtype : dtype
    symbol : Symbol, optional
        What computes the array.
    order : tuple of int
        For each axis of the array, the axis of the tensor: array = tensor.transpose(order).
    constant : array, optional
        The tensor itself, where it does not depend on data. Lengths that are not known yet are texts in an array of objects.
    origin : (Node, list of Value or None), optional
        How such lengths are computed when data come.
    """

    sizes: Sizes | None
    dtype: np.dtype[Any]
    symbol: Symbol | None = None
    order: Order = ()
    constant: Array | None = None
    origin: Any = None
    arranged: dict[Order, Symbol] = field(default_factory=dict)

    @property
    def axes(self) -> int:
        """How many axes the tensor has; -1 where that is not known."""
        return -1 if self.sizes is None else len(self.sizes)

    @property
    def plain(self) -> bool:
        """Whether the array has its axes in the order of the file."""
        return self.order == tuple(range(len(self.order)))

    @property
    def numbers(self) -> Array | None:
        """The constant, where all of it is known."""
        return None if self.constant is None or self.constant.dtype == object else self.constant

    @property
    def computed(self) -> bool:
        """Whether it depends on data, but nothing computes it yet."""
        return self.symbol is None and self.numbers is None

    def place(self, axis: int) -> int:
        """Return which axis of the array an axis of the tensor, counted from either end, is."""
        return self.order.index(axis % len(self.order))


def constant(array: Array) -> Value:
    """Return a tensor that is known."""
    return Value(tuple(array.shape), array.dtype, order=tuple(range(array.ndim)), constant=array)


def channels_last(axes: int) -> Order:
    """Return the order (m, height, width, ..., channels) of a tensor (m, channels, height, width, ...)."""
    return (0, *range(2, axes), 1) if axes > 1 else tuple(range(axes))


def moved(order: Order, wanted: Order) -> Order:
    """Return how an array with its axes in one order is to be transposed to have them in another."""
    return tuple(order.index(axis) for axis in wanted)


def moves(permutation: Order, sizes: Sequence[int | str | None]) -> bool:
    """Return whether a transposition of an array of these sizes moves a number in memory."""
    long = [axis for axis in permutation if sizes[axis] != 1]
    return long != sorted(long)


def unknown(sizes: Sizes) -> tuple[int | None, ...]:
    """Return sizes as layers have them: None for what is not known, or is nothing."""
    return tuple(size if isinstance(size, int) else None for size in sizes)
