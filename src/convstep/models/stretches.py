"""Stretches: layers one after the other that train as one program, with no Python between them.

One rule: a stretch is only trusted after it gave, on the step after it was recorded, the very bits of its layers. What it returns lies in
memory that its next step overwrites, so a step must be finished before the next one begins.
"""

import os
import threading
from collections.abc import Sequence
from operator import is_
from typing import Any

import numpy as np

from convstep.checks import Array
from convstep.engines import Engine, current_engine
from convstep.layers import (
    Activation,
    AveragePooling2D,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    MaxPooling2D,
    ReLU,
    Reshape,
    Symbol,
)
from convstep.layers.activations import ActivationFunction
from convstep.models.links import Link, linked

LEAST = 2  # layers with weights of a stretch: fewer take less time than the copying of what goes in
MOST = 24 << 20  # bytes of results: what is larger takes so much time that Python's is nothing, and its memory is needed
KERNELS = (Activation, AveragePooling2D, Conv2D, Dense, Flatten, MaxPooling2D, ReLU, Reshape)
PASSING = ("accepted", "built")  # what layers note of their calls
TYPES = (np.dtype(np.float32), np.dtype(np.float64))
Found = list[dict[str, Array]]  # the gradients of each layer's parameters by name


class Chain:
    """Layers one after the other, as they are trained.

    Parameters
    ----------
    nodes : sequence of Symbol
        The calls of the layers, in their order.
    """

    def __init__(self, nodes: Sequence[Symbol]) -> None:
        self.layers = [node.layer for node in nodes]
        links = linked(self.layers)
        self._pieces: list[tuple[int, Link | Stretch]] = []
        self._modes = [True if node.training is None else node.training for node in nodes]
        recordable = [is_recordable(node.layer) and node.training is not False for node in nodes]
        at = 0
        while at < len(nodes):
            end = next((i for i in range(at, len(nodes)) if not recordable[i]), len(nodes))
            if sum(isinstance(layer, Conv2D | Dense) for layer in self.layers[at:end]) >= LEAST:
                self._pieces.append((at, Stretch(links[at:end])))
                at = end
            else:
                self._pieces.append((at, links[at]))
                at += 1

    def forward(self, x: Array, rng: np.random.Generator | None) -> tuple[Array, list[Any]]:
        """Return the output and the cache of each layer, which the next call may overwrite."""
        first, caches = self._first_trained(), list[Any]()
        for at, piece in self._pieces:
            if isinstance(piece, Stretch):
                x, found = piece.forward(x, to_x=at > first)
                caches += found
            else:
                x, cache = piece.forward(x, training=self._modes[at], rng=rng)
                caches.append(cache)
        return x, caches

    def backward(self, dy: Array, caches: list[Any]) -> dict[int, dict[str, Array]]:
        """Return the gradients of the trained parameters by the id of each layer, and use up the caches."""
        first, totals = self._first_trained(), dict[int, dict[str, Array]]()
        for at, piece in reversed(self._pieces):
            if isinstance(piece, Stretch):
                given, caches[at:] = caches[at:], []
                dx, found = piece.backward(dy, given)
                totals |= {id(link.layer): gradients for link, gradients in zip(piece.links, found, strict=True)}
            elif at > first:
                dx, gradients = piece.backward(dy, caches.pop())
                totals[id(piece.layer)] = dict(gradients)
            else:
                dx, totals[id(piece.layer)] = None, dict(piece.gradients(dy, caches.pop()))
            if at <= first or dx is None:
                break
            dy = dx
        return totals

    def _first_trained(self) -> int:
        return next((i for i, layer in enumerate(self.layers) if layer.trainable_parameters), len(self.layers))


class Stretch:
    """Some layers of a chain, which engines do on kernels alone."""

    def __init__(self, links: Sequence[Link]) -> None:
        self.links, self.to_x = list(links), True
        self._key: Any = None
        self._begin(None)

    def _begin(self, key: Any) -> None:
        """Forget what was recorded under another key. The first step under a new one is taken without a recording."""
        self._key, self._new, self._trusted, self._recorded, self._held = key, True, True, False, 0
        self._there: Any = None
        self._back: Any = None
        self._caches: list[Any] = []
        self._proved: set[str] = set()  # which programs gave the bits of the layers

    def forward(self, x: Array, *, to_x: bool) -> tuple[Array, list[Any]]:
        """Return the output and each layer's cache; `backward` will return the gradient of x, if that is wanted."""
        engine, self.to_x = current_engine(), to_x
        key = self._key_of(x, engine)
        if key != self._key:
            self._begin(key)
        new, self._new, self._recorded = self._new, False, False
        if new or not self._trusted or engine.program is None or x.dtype not in TYPES or not 0 < self._held <= MOST:
            return self._forward(x)
        if self._there is None:
            self._there = engine.program(self._recorded_forward, [x], frozen=False)
        elif self._there(x) is None:
            return self._forward(x)
        elif "there" not in self._proved:
            found = [item.copy() for item in self._there.results]
            self._there, self._caches = None, []  # their memory goes before there is more
            self._there = engine.program(self._recorded_forward, [x], frozen=False)
            self._prove("there", found, self._there.results)
        self._recorded = True
        return self._there.results[0], list(self._caches)

    def backward(self, dy: Array, caches: list[Any]) -> tuple[Array | None, Found]:
        """Return the gradient of the input, where it is wanted, and the gradients of each layer's parameters."""
        program = current_engine().program
        if program is None or not (self._recorded and self._trusted and "there" in self._proved):
            return self._backward(dy, caches)
        if self._back is None:
            self._back = program(self._recorded_backward, [dy], frozen=False)
        elif self._back(dy) is None:
            return self._backward(dy, caches)
        elif "back" not in self._proved:
            found = [item.copy() for item in self._back.results]
            self._back = None
            self._back = program(self._recorded_backward, [dy], frozen=False)
            self._prove("back", found, self._back.results)
        return self._unpacked(self._back.results)

    def _prove(self, which: str, found: Sequence[Array], wanted: Sequence[Array]) -> None:
        """Trust a program from now on, or never again: it must have found what the layers give, which were recorded once more."""
        self._trusted = _same(found, wanted)
        self._proved.add(which)

    # --- the layers themselves ---

    def _forward(self, x: Array) -> tuple[Array, list[Any]]:
        caches, self._held = [], x.nbytes
        for link in self.links:
            x, cache = link.forward(x, training=True)
            caches.append(cache)
            self._held += 0 if link.idle else x.nbytes
        return x, caches

    def _backward(self, dy: Array, caches: list[Any]) -> tuple[Array | None, Found]:
        found: Found = []
        first = 0 if self.to_x else next((i for i, link in enumerate(self.links) if link.layer.trainable_parameters), len(self.links))
        for i in range(len(self.links) - 1, first - 1, -1):
            link = self.links[i]
            if i == first and not self.to_x:
                found.append(dict(link.gradients(dy, caches[i])))
                continue
            dy, gradients = link.backward(dy, caches[i])
            found.append(dict(gradients))
        found += [{}] * first
        return (dy if self.to_x else None), found[::-1]

    # --- as programs ---

    def _key_of(self, x: Array, engine: Engine) -> Any:
        """Return what a recording depends on besides numbers: it knows where weights lie, not what they are, and layers as they were."""
        layers = [link.layer for link in self.links]
        parameters = [item for layer in layers for item in layer.parameters]
        options = [value for layer in layers for name, value in vars(layer).items() if name not in PASSING]
        facts = (
            os.getpid(),
            threading.get_ident(),
            engine.workers(),
            x.shape,
            x.dtype,
            engine.name,
            engine.correlate,
            self.to_x,
            [item.trainable for item in parameters],
        )
        return _Identity(facts, [*(item.value for item in parameters), *options])

    def _recorded_forward(self, x: Array) -> list[Array]:
        y, self._caches = self._forward(x)
        return [y]

    def _recorded_backward(self, dy: Array) -> list[Array]:
        dx, found = self._backward(dy, list(self._caches))
        self._names = [list(gradients) for gradients in found]
        return self._packed(dx, found)

    def _packed(self, dx: Array | None, found: Found) -> list[Array]:
        return [*([] if dx is None else [dx]), *(value for gradients in found for value in gradients.values())]

    def _unpacked(self, results: Sequence[Array]) -> tuple[Array | None, Found]:
        left = iter(results)
        dx = next(left) if self.to_x else None
        return dx, [{name: next(left) for name in names} for names in self._names]


class _Identity:
    """Something that is equal only to what has equal facts and the same things, which it holds."""

    def __init__(self, facts: Any, things: list[Any]) -> None:
        self.facts, self.things = facts, things

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Identity) or self.facts != other.facts or len(self.things) != len(other.things):
            return False
        return all(map(is_, self.things, other.things))

    __hash__ = None  # type: ignore[assignment]


def is_recordable(layer: Layer) -> bool:
    """Return whether a layer trains on kernels and views alone, without drawing numbers."""
    if type(layer) not in KERNELS:
        return False
    options: Any = layer
    if isinstance(layer, AveragePooling2D):
        size = options.pool_size[0] * options.pool_size[1]
        return bool(options.padding == "valid" and size & (size - 1) == 0)  # shares that are products: see ops.pooling
    function = getattr(options, "function", None) or getattr(options, "activation", None)
    return function is None or (isinstance(function, ActivationFunction) and function.on_kernels)


def _same(one: Sequence[Array], other: Sequence[Array]) -> bool:
    """Return whether arrays have the same bits."""
    return len(one) == len(other) and all(a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))
