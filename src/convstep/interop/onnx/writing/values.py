"""A result inside a file that is being written: which value it is, and how it lies.

One rule: layers speak of their own axes, (m, height, width, channels); `order` and `rows` alone know how the numbers are stored.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from convstep.checks import Array, result_type
from convstep.layers import Layer
from convstep.layers.base import Shape

Order: TypeAlias = tuple[int, ...]
CHANNELS_FIRST: Order = (0, 3, 1, 2)


@dataclass(frozen=True, eq=False)
class Value:
    """One result.

    Attributes
    ----------
    key : str
        Which value it is; its name in the file is chosen at the end.
    shape : Shape
        As the layer has it, None for a length that may differ.
    dtype : dtype
        As the layer has it.
    order : tuple of int
        For each axis as it is stored, the axis of the layer.
    rows : array, optional
        For each entry along the last of two axes as it is stored, the entry of the layer; None where they are the same.
    """

    key: str
    shape: Shape
    dtype: np.dtype[Any]
    order: Order
    rows: Array | None = None

    @property
    def rank(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    def stored(self, axis: int) -> int:
        """Return where an axis of the layer is stored."""
        return self.order.index(axis % self.rank)


@dataclass(frozen=True, eq=False)
class Call:
    """A call of a layer: its inputs, the shape of its output, and the layer's path in the model, such as "inner/conv2d"."""

    layer: Layer
    path: str
    inputs: tuple[Value, ...]
    shape: Shape

    @property
    def x(self) -> Value:
        """The first input, which is the only one of most layers."""
        return self.inputs[0]


def plain_order(rank: int) -> Order:
    """Return the order in which axes are stored as the layer has them."""
    return tuple(range(rank))


def order_for(rank: int, layout: str) -> Order:
    """Return the order of an input or output of a file: images as the layout says, all else as the model has it."""
    return CHANNELS_FIRST if rank == len(CHANNELS_FIRST) and layout == "NCHW" else plain_order(rank)


def floats(*items: Any) -> np.dtype[Any]:
    """Return the type of what an operation makes of these types and arrays, as `convstep.ops` has it."""
    return result_type(*(item if isinstance(item, np.ndarray) else np.empty(0, item) for item in items))
