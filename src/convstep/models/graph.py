"""The graph of layers between input and output symbols, walked forwards and backwards.

One rule: a walk keeps its memory in a list of caches, one for each call of a layer; the graph itself never changes.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from convstep.checks import Array, refusal
from convstep.layers import InputLayer, Layer, Symbol
from convstep.layers.base import Shape
from convstep.models.stretches import Chain

Place: TypeAlias = int | str


@dataclass(eq=False)
class Part(Symbol):
    """One of the outputs of a call of a model that has several: `whole` is the call."""

    whole: Symbol | None = None
    place: Place = 0


class Graph:
    """What lies between inputs and outputs.

    Parameters
    ----------
    inputs, outputs : sequence of Symbol

    Attributes
    ----------
    nodes : list of Symbol
        The calls of layers in Keras's order: by distance from the outputs, the farthest first. Inputs are not among them.
    described : list of Symbol
        The same calls, each after those that it needs, in the order in which the outputs ask for them.
    layers : list of Layer
        Every layer once, in Keras's order.

    Raises
    ------
    ShapeError
        If an output does not follow from the inputs.
    """

    def __init__(self, inputs: Sequence[Symbol], outputs: Sequence[Symbol]) -> None:
        self.inputs, self.outputs = list(inputs), list(outputs)
        self._input_keys = [call_key(symbol) for symbol in self.inputs]
        walked, first_seen = self._walk()
        self.described = [node for node in walked if call_key(node) not in self._input_keys]
        self.nodes, self.layers = self._ordered(walked, first_seen)
        self._calls = [(node, call_key(node), [(call_key(symbol), symbol) for symbol in node.inputs]) for node in self.nodes]
        self._readers = Counter(call_key(symbol) for node in self.nodes for symbol in node.inputs)
        self._readers.update(call_key(symbol) for symbol in self.outputs)

    def forward(
        self, arrays: Sequence[Array], *, training: bool, rng: np.random.Generator | None, remember: bool
    ) -> tuple[list[Any], list[Any]]:
        """Return the outputs, and the cache of each node unless nothing is to be remembered; a value is let go after its last reader."""
        values: dict[int, Any] = dict(zip(self._input_keys, arrays, strict=True))
        left, caches = self._readers.copy(), []

        def read(key: int, symbol: Symbol) -> Any:
            left[key] -= 1
            value = values[key] if left[key] else values.pop(key)
            return value[symbol.place] if isinstance(symbol, Part) else value

        for node, key, inputs in self._calls:
            given = [read(*item) for item in inputs]
            mode = training if node.training is None else node.training
            values[key], cache = node.layer.forward(given if node.layer.several else given[0], training=mode, rng=rng)
            if remember:
                caches.append(cache)
            del given, cache
        return [read(call_key(symbol), symbol) for symbol in self.outputs], caches

    def backward(
        self,
        gradients: Sequence[Array | None],
        caches: list[Any],
        *,
        to_inputs: bool,
        watch: Callable[[Symbol, Any], Any] = lambda node, dy: None,  # noqa: ARG005
    ) -> tuple[list[Array | None], dict[int, dict[str, Array]]]:
        """Return the gradient of each input and, by the id of each layer, those of its parameters; shared layers add up.

        Parameters
        ----------
        gradients : sequence of array or None
            One for each output; None where nothing flows back.
        caches : list
            What `forward` returned. It is used up.
        to_inputs : bool
            Whether the gradients of the inputs are wanted. If not, layers that only lead there are left out.
        watch : callable
            Called with each node and the gradient of its output.
        """
        flowing: dict[int, Any] = {}
        for symbol, gradient in zip(self.outputs, gradients, strict=True):
            _flow(flowing, symbol, gradient)
        wanted = None if to_inputs else self._trained()
        totals: dict[int, dict[str, Array]] = {}
        for node, key, inputs in reversed(self._calls):
            cache, dy = caches.pop(), flowing.pop(key, None)
            if dy is None or (wanted is not None and key not in wanted):
                continue
            watch(node, dy)
            if wanted is None or any(source in wanted for source, _ in inputs):
                dx, found = node.layer.backward(dy, cache)
                for symbol, gradient in zip(node.inputs, _listed(dx), strict=True):
                    _flow(flowing, symbol, gradient)
            else:
                found = node.layer.gradients(dy, cache)
            into = totals.setdefault(id(node.layer), {})
            for name, gradient in found.items():
                into[name] = into[name] + gradient if name in into else gradient
        return [_received(flowing, symbol) for symbol in self.inputs], totals

    def noting(self, caches: Sequence[Any]) -> list[tuple[Layer, Any]]:
        """Return, with their caches, the layers that take note of a training pass, such as batch normalization."""
        found: list[tuple[Layer, Any]] = []
        for node, cache in zip(self.nodes, caches, strict=True):
            if hasattr(node.layer, "noting"):
                found += node.layer.noting(cache)
            elif type(node.layer).update is not Layer.update and node.training is not False:
                found.append((node.layer, cache))
        return found

    def shapes(self, given: Sequence[Shape]) -> list[Shape]:
        """Return the shapes of the outputs for other shapes of the inputs."""
        known: dict[int, Any] = dict(zip(self._input_keys, given, strict=True))
        for node in self.nodes:
            shapes = [_part(known[call_key(symbol)], symbol) for symbol in node.inputs]
            known[call_key(node)] = node.layer.compute_output_shape(shapes if node.layer.several else shapes[0])
        return [_part(known[call_key(symbol)], symbol) for symbol in self.outputs]

    def calls(self, layer: Layer) -> list[Symbol]:
        """Return the calls of a layer, in the order in which they were described."""
        return [node for node in [*self.inputs, *self.described] if node.layer is layer]

    def is_chain(self) -> bool:
        """Return whether every layer is used once, has one input, and follows the one before."""
        used = Counter(id(node.layer) for node in self.nodes)
        single = all(len(node.inputs) == 1 for node in self.nodes) and all(count == 1 for count in used.values())
        return single and len(self.inputs) == len(self.outputs) == 1 and all(count == 1 for count in self._readers.values())

    def with_layers(self, other: Callable[[Layer], Layer]) -> "Graph":
        """Return the same graph of other layers: `other` is asked once for each of these."""
        layers = {id(layer): other(layer) for layer in self.layers}
        symbols = {call_key(symbol): symbol for symbol in self.inputs}

        def moved(symbol: Symbol) -> Symbol:
            call = symbols[call_key(symbol)]
            return replace(symbol, layer=call.layer, inputs=call.inputs, whole=call) if isinstance(symbol, Part) else call

        for node in self.described:
            inputs = tuple(moved(symbol) for symbol in node.inputs)
            symbols[call_key(node)] = replace(node, layer=layers[id(node.layer)], inputs=inputs)
        return Graph(self.inputs, [moved(symbol) for symbol in self.outputs])

    @cached_property
    def chain(self) -> Chain | None:
        """The nodes as a chain, if they are one without models in it."""
        return Chain(self.nodes) if self.is_chain() and not any(hasattr(node.layer, "noting") for node in self.nodes) else None

    # --- parts ---

    def _walk(self) -> tuple[list[Symbol], dict[int, int]]:
        """Return every call after those that it needs, and when each layer is first met on the way from the outputs."""
        done: set[int] = set()
        first_seen: dict[int, int] = {}
        walked: list[Symbol] = []
        for output in self.outputs:
            stack: list[tuple[Symbol, Iterator[Symbol]]] = []
            self._enter(output, stack, first_seen, done)
            while stack:
                node, parents = stack[-1]
                parent = next(parents, None)
                if parent is not None:
                    self._enter(parent, stack, first_seen, done)
                    continue
                stack.pop()
                if call_key(node) not in done:
                    done.add(call_key(node))
                    walked.append(node)
        return walked, first_seen

    def _enter(self, symbol: Symbol, stack: list[Any], first_seen: dict[int, int], done: set[int]) -> None:
        node = _whole(symbol)
        if call_key(node) in done:
            return
        is_input = call_key(node) in self._input_keys
        if not is_input and not node.inputs:
            fact = f'the outputs need the input "{node.layer.name}", which is not among the inputs'
            raise refusal("Model", fact, {"inputs": tuple(item.layer.name for item in self.inputs)})
        if not is_input or isinstance(node.layer, InputLayer):
            first_seen.setdefault(id(node.layer), len(first_seen))
        stack.append((node, iter(() if is_input else node.inputs)))

    def _ordered(self, walked: list[Symbol], first_seen: dict[int, int]) -> tuple[list[Symbol], list[Layer]]:
        """Return calls and layers in the order of `keras.Model`: see map_graph in keras/src/ops/function.py."""
        node_depth: dict[int, int] = {}
        depth: dict[int, int] = {}
        layers = {id(node.layer): node.layer for node in walked if id(node.layer) in first_seen}
        for node in reversed(walked):
            deep = max(node_depth.get(call_key(node), 0), depth.get(id(node.layer), 0))
            depth[id(node.layer)] = node_depth[call_key(node)] = deep
            for symbol in () if call_key(node) in self._input_keys else node.inputs:
                node_depth[call_key(symbol)] = max(deep + 1, node_depth.get(call_key(symbol), 0))
        for symbol in self.inputs:
            if isinstance(symbol.layer, InputLayer) and id(symbol.layer) not in layers:
                layers[id(symbol.layer)], first_seen[id(symbol.layer)], depth[id(symbol.layer)] = symbol.layer, -1, 0
        calls = {call_key(node): node for node in self.described}
        nodes = [calls[key] for key in sorted(node_depth, key=lambda key: -node_depth[key]) if key in calls]
        return nodes, [layers[key] for key in sorted(layers, key=lambda key: (-depth[key], first_seen[key]))]

    def _trained(self) -> set[int]:
        """Return the nodes that have something to train, or lead back to one that has."""
        found: set[int] = set()
        for node, key, inputs in self._calls:
            if any(source in found for source, _ in inputs) or node.layer.trainable_parameters:
                found.add(key)
        return found


def _whole(symbol: Symbol) -> Symbol:
    return symbol.whole if isinstance(symbol, Part) and symbol.whole is not None else symbol


def call_key(symbol: Symbol) -> int:
    """Return what tells one call from another; an input layer is called once, however many symbols stand for it."""
    return id(symbol.layer) if isinstance(symbol.layer, InputLayer) and not symbol.inputs else id(_whole(symbol))


def _part(value: Any, symbol: Symbol) -> Any:
    return value[symbol.place] if isinstance(symbol, Part) else value


def _flow(flowing: dict[int, Any], symbol: Symbol, gradient: Array | None) -> None:
    """Add a gradient to that of a symbol."""
    if gradient is None:
        return
    place: dict[Any, Any] = flowing.setdefault(call_key(symbol), {}) if isinstance(symbol, Part) else flowing
    key: Any = symbol.place if isinstance(symbol, Part) else call_key(symbol)
    place[key] = place[key] + gradient if key in place else gradient


def _received(flowing: dict[int, Any], symbol: Symbol) -> Array | None:
    value = flowing.get(call_key(symbol))
    return value.get(symbol.place) if isinstance(symbol, Part) and value is not None else value


def _listed(dx: Any) -> list[Any]:
    if isinstance(dx, dict):
        return list(dx.values())
    return list(dx) if isinstance(dx, list | tuple) else [dx]
