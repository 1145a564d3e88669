"""A file's nodes become layers, one after the other: one of convstep's own where it does the same, else the operator itself.

One rule: a node whose inputs are known is done at once, so what remains depends on data.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from convstep.checks import Array, shown
from convstep.errors import ConvStepError, DataError
from convstep.interop.onnx.foretelling import foretold
from convstep.interop.onnx.lengths import lengths
from convstep.interop.onnx.operator import Operator
from convstep.interop.onnx.operators import MOST_BYTES, compute, mistyped, unsupported
from convstep.interop.onnx.reading import Entry, Sizes, Source
from convstep.interop.onnx.records import Node, fact_of, node_refusal
from convstep.interop.onnx.values import IMAGES, Order, Value, channels_last, constant, moved, moves, unknown
from convstep.layers import Activation, InputLayer, Layer, Parameter, Permute, Symbol
from convstep.models.graph import Part

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
ROOM = 2**30  # bytes of what nodes make of weights, and eight times the weights
VIEWS = ("Dropout", "Expand", "Flatten", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze")  # take no room
MODERN = 7  # the opset from which arrays are repeated as in NumPy
FAILURES = (ConvStepError, ArithmeticError, LookupError, TypeError, ValueError)
UNRANKED: tuple[int | None, ...] = ()  # the shape of a symbol whose number of axes is not known


class Importing:
    """The values of a file so far, and how layers are added to them.

    Parameters
    ----------
    source : Source
    lowerings : mapping of str to sequence of functions
        Those that may know what an operator becomes; see `lowering`.
    fold : bool
        Whether batch normalization becomes part of the convolution before it.
    turned : bool
        Whether callers have images with their channels last.
    """

    def __init__(self, source: Source, lowerings: Mapping[str, Sequence[Any]], *, fold: bool, turned: bool = False) -> None:
        self.source, self.lowerings, self.fold, self.turned = source, lowerings, fold, turned
        self.readers = Counter(name for node in source.nodes for name in node.inputs)
        self.readers.update(entry.name for entry in source.outputs)
        self.values: dict[str, Value] = {name: constant(array) for name, array in source.constants.items()}
        self.foretold: dict[str, Entry] = {}
        self.room = ROOM + 8 * sum(array.nbytes for array in source.constants.values())
        self.reads: Counter[int] = Counter()  # how many nodes and outputs read what a symbol computes, under all its names
        self.names: set[str] = set()
        self.nodes: dict[str, Node] = {}  # by the names of the layers that they became
        self.inputs = [self._input(entry) for entry in source.inputs]

    # --- what lowerings ask for ---

    def alone(self, name: str) -> bool:
        """Return whether one node alone reads what computes a value, whatever other names that has."""
        symbol = self.values[name].symbol
        return (self.readers[name] if symbol is None else self.reads.get(id(symbol), self.readers[name])) == 1

    def arranged(self, value: Value, order: Order) -> Symbol:
        """Return a value as a symbol with its axes in an order."""
        symbol = self.symbol(value)
        if value.order == order:
            return symbol
        if order not in value.arranged:
            permutation = moved(value.order, order)
            value.arranged[order] = self._transposed(symbol, permutation)
        return value.arranged[order]

    def symbol(self, value: Value) -> Symbol:
        """Return what computes a value that depends on data."""
        waiting = [value]
        while waiting:
            last = waiting[-1]
            before = [] if last.symbol is not None else [item for item in last.origin[1] if item is not None and item.computed]
            waiting += before
            if not before:
                last.symbol = last.symbol or self._lowered(*last.origin)[0].symbol
                waiting.pop()
        return value.symbol  # type: ignore[return-value]

    def call(self, node: Node, layer: Layer, given: Sequence[Symbol], weights: Mapping[str, Array] | None = None) -> Symbol:
        """Return a layer's output, after the layer has got a name and its weights.

        Raises
        ------
        DataError
            If the layer cannot take what it is given.
        """
        layer.name, layer.named = self.name(node.name), True
        self.nodes[layer.name] = node
        try:
            symbol: Symbol = layer(list(given) if layer.several else given[0])
        except ConvStepError as error:
            raise node_refusal(node, fact_of(error)) from None
        for item in layer.parameters:
            if weights is not None:
                item.value = fitting(node, item, weights[item.name])
        return symbol

    def parts(self, node: Node, layer: Layer, given: Sequence[Symbol], shapes: Sequence[tuple[int | None, ...]]) -> list[Symbol]:
        """Return the several outputs of a layer."""
        whole = self.call(node, layer, given)
        return [Part(shape, layer, whole.inputs, None, whole, i) for i, shape in enumerate(shapes)]

    def value(self, node: Node, symbol: Symbol, order: Order, like: Value) -> Value:
        """Return the first result of a node, computed by a symbol; lengths that are not known are called as ONNX calls them."""
        hint = self.told(node.outputs[0])[0]
        sizes: list[int | str] = [""] * len(order)
        for place, axis in enumerate(order):
            size: int | str | None = symbol.shape[place]
            if size is None and axis == 0 and like.sizes:
                size = like.sizes[0]  # the batch stays what it is
            elif size is None and hint is not None and len(hint) == len(order):
                size = hint[axis]
            sizes[axis] = f"{node.outputs[0]}[{axis}]" if size is None else size
        return Value(tuple(sizes), like.dtype, symbol, order)

    def told(self, name: str) -> tuple[Sizes | None, np.dtype[Any]]:
        """Return what ONNX can tell of a value beforehand; the type is that of objects where it cannot tell it."""
        entry = self.foretold.get(name) or self.source.told.get(name)
        return (None, np.dtype(object)) if entry is None else (entry.sizes, entry.dtype)

    def name(self, wanted: str) -> str:
        """Return a name that no other layer has."""
        base = wanted.strip("/").replace("/", "_") or "node"
        name, number = base, 0
        while name in self.names:
            number += 1
            name = f"{base}_{number}"
        self.names.add(name)
        return name

    # --- node by node ---

    def given(self, node: Node) -> list[Value | None]:
        """Return a node's inputs, None for one that is left out."""
        return [self.values[name] if name else None for name in node.inputs]

    def add(self, node: Node) -> None:
        """Do one node, whichever way is the best."""
        reason = unsupported(node)
        if reason:
            raise node_refusal(node, reason)
        read = [i for i, name in enumerate(node.outputs) if self.readers[name]]
        if node.kind != "Split":  # into how many pieces is told by its outputs alone
            node = replace(node, outputs=node.outputs[: max(read) + 1])
        given = self.given(node)
        results = self._known(node, given)
        if results is None:
            results = self._lowered(node, given)
        for name, result in zip(node.outputs, results, strict=False):
            if name:
                self._hold(name, result)
        passed = {id(result.symbol) for result in results if result.symbol is not None}
        self.reads.subtract(id(value.symbol) for value in given if value is not None and id(value.symbol) in passed)

    def _hold(self, name: str, value: Value) -> None:
        """Keep a value under a name; who reads the name reads its symbol."""
        self.values[name] = value
        if value.symbol is not None:
            self.reads[id(value.symbol)] += self.readers[name]

    def _lowered(self, node: Node, given: Sequence[Value | None]) -> list[Value]:
        """Return the results of the first function that knows how to get them, else the operator's."""
        self._refuse_types(node, given)
        if any(self.told(name)[0] is None for name in node.outputs if name):
            self.foretold.update(foretold(node, given))
        for lowering in () if node.domain or node.opset < MODERN else self.lowerings.get(node.kind, ()):
            try:
                found = lowering(self, node, given)
            except DataError:
                raise
            except FAILURES:  # the operator says what is wrong with what the file asks for
                found = None
            if found is not None:
                return found if isinstance(found, list) else [found]
        return self._operator(node, given)

    def _known(self, node: Node, given: Sequence[Value | None]) -> list[Value] | None:
        """Return the results of a node that does not depend on data, as far as anybody can tell now."""
        known = lengths(node, given)
        if known is not None:
            told = self.told(node.outputs[0])[1]
            value = constant(known.astype(told) if known.dtype.kind == "i" and told.kind == "i" else known)
            value.origin = node, given
            return [value]
        if node.domain or any(value is not None and value.numbers is None for value in given):
            return None
        claimed = 0 if node.kind in VIEWS else sum(map(self._claimed, node.outputs))
        self._refuse_beyond(node, claimed if claimed <= MOST_BYTES else 0)  # of what is larger the operator tells more
        found = compute(node, [None if value is None else value.constant for value in given])
        taken = sum(array.nbytes for array in found if array.base is None)
        self._refuse_beyond(node, taken)
        self.room -= taken
        return [constant(array) for array in found]

    def _refuse_beyond(self, node: Node, size: int) -> None:
        if size > self.room:
            raise node_refusal(node, "what nodes make of weights takes more than 1 GiB and eight times the weights")

    def _claimed(self, name: str) -> int:
        """Return how many bytes a result will take, as far as ONNX can tell."""
        sizes, dtype = self.told(name)
        return 0 if sizes is None or any(isinstance(size, str) for size in sizes) else math.prod(map(int, sizes)) * dtype.itemsize

    def _operator(self, node: Node, given: Sequence[Value | None]) -> list[Value]:
        """Return the results of a node as ONNX's operator, on tensors as the file has them."""
        constants = {i: value.numbers for i, value in enumerate(given) if value is not None and value.numbers is not None}
        absent = [i for i, value in enumerate(given) if value is None]
        symbols = [
            self.arranged(value, tuple(range(len(value.order))))
            for i, value in enumerate(given)
            if value is not None and i not in constants
        ]
        told = [self.told(name) for name in node.outputs]
        several = len(node.outputs) > 1
        shape = UNRANKED if told[0][0] is None else unknown(told[0][0])
        layer = Operator(node, constants, absent, output_shape=shape, several_outputs=several)
        if not several:
            return [_result(*told[0], self.call(node, layer, symbols))]
        parts = self.parts(node, layer, symbols, [UNRANKED if sizes is None else unknown(sizes) for sizes, _ in told])
        return [_result(*item, part) for item, part in zip(told, parts, strict=True)]

    def _refuse_types(self, node: Node, given: Sequence[Value | None]) -> None:
        """Refuse inputs of types that the operator does not take, where all of them are known."""
        types = [None if value is None else value.dtype for value in given]
        if all(dtype is None or dtype.kind != "O" for dtype in types):
            reason = mistyped(node, [None if dtype is None else np.empty(0, dtype) for dtype in types])
            if reason:
                raise node_refusal(node, reason)

    # --- ends ---

    def _input(self, entry: Entry) -> Value:
        if entry.sizes is None:
            raise DataError(f"onnx.load: the input {shown(entry.name)} has no shape: the file must say how many axes it has")
        order = self.outside(len(entry.sizes))
        shape = [unknown(entry.sizes)[axis] or None for axis in order]
        layer = InputLayer(batch_shape=shape, dtype=entry.dtype, name=self.name(entry.name))
        value = Value(entry.sizes, entry.dtype, layer.output, order)
        self._hold(entry.name, value)
        return value

    def outside(self, axes: int) -> Order:
        """Return the order in which callers have the axes of an input or an output."""
        return channels_last(axes) if self.turned and axes == IMAGES else tuple(range(axes))

    def stand_in(self, symbol: Symbol) -> Value:
        """Return an input that the file does not have, for a file that has none."""
        return Value(("",), np.dtype(np.float32), symbol, (0,))

    def output(self, entry: Entry) -> Symbol:
        """Return an output of the file as a symbol with its axes as callers have them."""
        value, node = self.values[entry.name], Node("Identity", self.source.opset, entry.name, (entry.name,), (entry.name,))
        if value.numbers is not None:
            array = value.numbers.transpose(self.outside(value.numbers.ndim))
            return self.call(node, Fixed(array), [self.symbol(item) for item in self.inputs[:1]])
        symbol = self.arranged(value, self.outside(len(value.order)))
        if not isinstance(symbol.layer, InputLayer):
            return symbol
        floats = value.dtype in FLOATS
        layer = Activation("linear", dtype=value.dtype) if floats else Operator(node, {}, output_shape=symbol.shape)
        return self.call(node, layer, [symbol])

    def _transposed(self, symbol: Symbol, permutation: Order) -> Symbol:
        name = f"{symbol.layer.name}_{'_'.join(map(str, permutation))}"
        node = Node("Transpose", 13, name, ("x",), ("y",), {"perm": permutation})
        if permutation[0] == 0:
            return self.call(node, Permute(permutation[1:]), [symbol])
        return self.call(node, Operator(node, {}, output_shape=tuple(symbol.shape[axis] for axis in permutation)), [symbol])


class Fixed(Operator):
    """An output that does not depend on data."""

    def __init__(self, array: Array) -> None:
        node = Node("Identity", 13, "fixed", ("x",), ("y",))
        super().__init__(node, {0: array}, output_shape=tuple(array.shape))

    def forward(self, x: Sequence[Array], **_mode: Any) -> tuple[Any, Any]:  # noqa: ARG002 - whatever they are
        """Return the constant."""
        return self.parameters[0].value.copy(), None


def transposes(calls: Sequence[Symbol]) -> int:
    """Return how many calls of layers move numbers only to have axes in another order."""
    count = 0
    for call in calls:
        layer: Any = call.layer
        if isinstance(layer, Permute):
            count += moves((0, *layer.dims), call.inputs[0].shape)
        elif isinstance(layer, Operator) and layer.node.kind == "Transpose":
            count += 1
    return count


def fitting(node: Node, item: Parameter, array: Array) -> Array:
    """Return weights that have the shape of a parameter."""
    if item.value.shape != array.shape:
        raise node_refusal(node, f"its {item.name} has the shape {array.shape}, but {item.value.shape} is needed")
    return np.ascontiguousarray(array, dtype=item.value.dtype)


def _result(sizes: Sizes | None, dtype: np.dtype[Any], symbol: Symbol) -> Value:
    return Value(sizes, dtype, symbol, () if sizes is None else tuple(range(len(sizes))))
