"""In which order PyTorch would have the numbers that flow between layers, since its images have their channels first.

One rule: what follows from the graph is kept, and two answers that differ, or none, are no answer: whoever asks is told so.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convstep.checks import Array
from convstep.layers import (
    ELU,
    Activation,
    BatchNormalization,
    Concatenate,
    Dense,
    Dropout,
    Flatten,
    InputLayer,
    Layer,
    LayerNormalization,
    LeakyReLU,
    Permute,
    PReLU,
    ReLU,
    Rescaling,
    Reshape,
    Softmax,
    Symbol,
)
from convstep.layers.merging import Merge
from convstep.layers.pooling import GlobalPooling
from convstep.models import Model
from convstep.models.graph import Graph, Part, call_key

__all__ = ["Call", "Layout", "calls_of"]

KEEPING = (
    Activation, BatchNormalization, Dropout, ELU, InputLayer, LayerNormalization, LeakyReLU, PReLU, ReLU, Rescaling, Softmax,
)  # fmt: skip
IMAGE = (1, 2, 0)  # ours are (rows, columns, channels), and these are their places among PyTorch's (channels, rows, columns)


@dataclass(eq=False)
class Layout:
    """How the numbers of one example lie, beside PyTorch's.

    Attributes
    ----------
    shape : tuple of int or None
        Of an example.
    axes : tuple of int, optional
        For an image: which of PyTorch's axes each of ours is.
    claims : list
        What is known of the order of the others: an array that says for each number where PyTorch has it, the layouts of parts that stand
        one after the other, or None, if it cannot be told.
    """

    shape: tuple[int | None, ...]
    axes: tuple[int, ...] | None = None
    claims: list[Any] = field(default_factory=list)
    lanes: bool = False  # whether the last axis holds the channels of what was an image
    same: "Layout | None" = None  # another one that has the same order
    asked: bool = False

    def root(self) -> "Layout":
        """Return the one that knows the order for all that have the same."""
        found = self
        while found.same is not None:
            found = found.same
        return found

    def join(self, other: "Layout") -> None:
        """Note that another one has the same order."""
        mine, its = self.root(), other.root()
        if mine is not its:
            mine.same = its
            its.claims += mine.claims

    def order(self) -> Array | None:
        """Return for each number where PyTorch has it; None if that cannot be told."""
        if self.axes is not None:
            return _image_order(self.shape, self.axes)
        root = self.root()
        if root.asked:
            return np.arange(_count(self.shape))
        root.asked = True
        orders = [_claimed(claim, _count(self.shape)) for claim in root.claims]
        root.asked = False
        first = orders[0] if orders else np.arange(_count(self.shape))
        told = first is not None and all(other is not None and np.array_equal(first, other) for other in orders[1:])
        return first if told else None


@dataclass(frozen=True)
class Call:
    """A call of a layer with parameters, or of one that makes images of other things.

    It has a path, how its input and its output lie, and the layers with parameters that it directly needs, by ids.
    """

    path: str
    layer: Layer
    given: Layout
    made: Layout
    before: frozenset[int]


@dataclass(frozen=True)
class _Value:
    layout: Layout
    before: frozenset[int]


def calls_of(model: Model) -> list[Call]:
    """Return these calls, those in models inside of it too, in the order in which they are described."""
    calls: list[Call] = []
    assert model.graph is not None  # noqa: S101 - the caller has checked
    _walk(model.graph, [_Value(_fresh(symbol.shape[1:]), frozenset()) for symbol in model.inputs], "", calls)
    return calls


def _walk(graph: Graph, inputs: Sequence[_Value], path: str, calls: list[Call]) -> list[_Value]:
    values: dict[int, list[_Value]] = {call_key(symbol): [value] for symbol, value in zip(graph.inputs, inputs, strict=True)}

    def found(symbol: Symbol) -> _Value:
        made = values[call_key(symbol)]
        if not isinstance(symbol, Part):
            return made[0]
        layer: Any = symbol.layer
        return made[list(layer.output_structure.places).index(symbol.place)]

    for node in graph.described:
        given = [found(symbol) for symbol in node.inputs]
        layer = node.layer
        if isinstance(layer, Model) and layer.graph is not None:
            values[call_key(node)] = _walk(layer.graph, given, f"{path}{layer.name}/", calls)
            continue
        layout = _after(node, [item.layout for item in given])
        before = frozenset[int]().union(*(item.before for item in given))
        if layer.parameters or (isinstance(layer, Reshape) and len(layout.shape) == 3):
            calls.append(Call(f"{path}{layer.name}", layer, given[0].layout, layout, before - {id(layer)}))
        if layer.parameters:
            before = frozenset([id(layer)])
        values[call_key(node)] = [_Value(layout, before)]
    return [found(symbol) for symbol in graph.outputs]


def _after(node: Symbol, given: Sequence[Layout]) -> Layout:
    """Return how the output of a call lies."""
    layer, first, shape = node.layer, given[0], tuple(node.shape[1:])
    made = first
    if isinstance(layer, Merge):
        made = _merged(given, shape)
    elif isinstance(layer, Flatten | Reshape):
        made = _reshaped(first, shape)
    elif isinstance(layer, Concatenate):
        made = first if len(given) == 1 else _joined(layer, given, shape)
    elif isinstance(layer, Permute):
        axes = None if first.axes is None else tuple(first.axes[dim - 1] for dim in layer.dims)
        made = Layout(shape, axes) if axes else Layout(shape, claims=[None])
    elif not isinstance(layer, KEEPING):
        made = _new(layer, given, shape)
    return made


def _new(layer: Layer, given: Sequence[Layout], shape: tuple[int | None, ...]) -> Layout:
    """Return how the output of a layer lies that makes new numbers."""
    if len(shape) == 3:
        return Layout(shape, IMAGE)
    if isinstance(layer, GlobalPooling):
        return Layout(shape, claims=[np.arange(_count(shape))])
    if isinstance(layer, Dense) and len(shape) == 1:
        return Layout(shape)
    return Layout(shape, claims=[_Through(given)], lanes=given[0].lanes)


@dataclass(frozen=True)
class _Through:
    """A layer that has no order of its own if its inputs have PyTorch's."""

    given: Sequence[Layout]


def _fresh(shape: tuple[int | None, ...]) -> Layout:
    return Layout(shape, IMAGE if len(shape) == 3 else None)


def _merged(given: Sequence[Layout], shape: tuple[int | None, ...]) -> Layout:
    """Join those that have the same order since they are combined number by number."""
    whole = [item for item in given if item.shape == shape] or [Layout(shape, IMAGE if len(shape) == 3 else None)]
    for item in given:
        if item.axes is None and len(item.shape) == 1 and len(shape) > 1:
            item.root().claims.append(np.arange(_count(item.shape)))  # channels
    if whole[0].axes is None:
        for item in whole[1:]:
            whole[0].join(item)
    elif any(item.axes != whole[0].axes for item in whole):
        return Layout(shape, claims=[None])
    return whole[0]


def _joined(layer: Concatenate, given: Sequence[Layout], shape: tuple[int | None, ...]) -> Layout:
    if len(shape) == 1:
        return Layout(shape, claims=[list(given)])
    alike = len({item.axes for item in given}) == 1
    return Layout(shape, given[0].axes) if alike and given[0].axes else Layout(shape, claims=[None if layer.axis else _Through(given)])


def _reshaped(given: Layout, shape: tuple[int | None, ...]) -> Layout:
    if given.axes is not None:
        if given.shape == shape:
            return given
        if len(shape) == 3:
            return Layout(shape, IMAGE)
        lanes = given.axes[-1] == 0 and shape[-1] == given.shape[-1]
        return Layout(shape, claims=[given.order() if len(shape) == 1 else None], lanes=lanes)
    if len(shape) == 3:
        given.root().claims.append(_image_order(shape, IMAGE))
        return Layout(shape, IMAGE)
    made = Layout(shape)
    made.join(given)
    return made


def _claimed(claim: Any, count: int) -> Array | None:
    """Return the order that is claimed, as an array."""
    if isinstance(claim, _Through):
        plain = all(_is_plain(item.order()) for item in claim.given)
        return np.arange(count) if plain else None
    if not isinstance(claim, list):
        return claim if claim is not None and len(claim) == count else None
    parts: list[Array] = []
    for item in claim:
        order = item.order()
        if order is None:
            return None
        parts.append(order + sum(len(part) for part in parts))
    return np.concatenate(parts)


def _is_plain(order: Array | None) -> bool:
    return order is not None and np.array_equal(order, np.arange(len(order)))


def _image_order(shape: Sequence[int | None], axes: Sequence[int]) -> Array | None:
    sizes = [size for size in shape if size is not None]
    if len(sizes) < len(shape):
        return None
    theirs = [0] * len(sizes)
    for size, axis in zip(sizes, axes, strict=True):
        theirs[axis] = size
    order: Array = np.arange(math.prod(sizes)).reshape(theirs).transpose(axes).ravel()
    return order


def _count(shape: Sequence[int | None]) -> int:
    return math.prod(size or 0 for size in shape)
