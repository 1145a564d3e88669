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
    Dropout,
    Flatten,
    Layer,
    MaxPooling2D,
    ReLU,
    Reshape,
    Symbol,
)
from convstep.layers.activations import ActivationFunction
from convstep.models.links import Link, linked, share_out

LEAST = 2  # layers with weights of a stretch: fewer take less time than the copying of what goes in
KEPT = 2  # keys that recordings are kept for
MOST = 24 << 20  # bytes of results: what is larger takes so much time that Python's is nothing, and its memory is needed
KERNELS = (Activation, AveragePooling2D, Conv2D, Dense, Dropout, Flatten, MaxPooling2D, ReLU, Reshape)
PASSING = ("accepted", "built")  # what layers note of their calls
TYPES = (np.dtype(np.float32), np.dtype(np.float64))
Found = list[dict[str, Array]]  # the gradients of each layer's parameters by name
Drawer = tuple[Dropout, tuple[int, ...], np.dtype[Any]]  # who forgets some of which numbers


class Chain:
    """Layers one after the other, as they are trained.

    Parameters
    ----------
    nodes : sequence of Symbol
        The calls of the layers, in their order.
    """

    def __init__(self, nodes: Sequence[Symbol]) -> None:
        self.layers = [node.layer for node in nodes]
        self.links = links = linked(self.layers)
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
        share_out(self.links)  # a layer may have another activation since
        first, caches = self._first_trained(), list[Any]()
        for at, piece in self._pieces:
            if isinstance(piece, Stretch):
                x, found = piece.forward(x, to_x=at > first, rng=rng)
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
        self._takes = [_Take(None)]  # the newest first: an epoch's last batch is often a smaller one

    def forward(self, x: Array, *, to_x: bool, rng: np.random.Generator | None = None) -> tuple[Array, list[Any]]:
        """Return the output and each layer's cache; `backward` will return the gradient of x, if that is wanted."""
        engine, self.to_x = current_engine(), to_x
        key = self._key_of(x, engine)
        take = next((take for take in self._takes if take.key == key), None) or _Take(key)
        self._takes = [take, *(other for other in self._takes if other is not take)][:KEPT]
        take.recorded = False
        drawn = None if take.drawers is None else [layer.drawn(shape, dtype, rng) for layer, shape, dtype in take.drawers]
        if drawn is None or not take.trusted or engine.program is None or x.dtype not in TYPES or not 0 < take.held <= MOST:
            return self._forward(x, drawn, rng)
        if take.there is None:
            take.there = engine.program(self._recorded_forward, [x, *drawn], frozen=False)
        elif take.there(x, *drawn) is None:
            return self._forward(x, drawn)
        elif "there" not in take.proved:
            found = [item.copy() for item in take.there.results]
            take.there, take.caches = None, []  # their memory goes before there is more
            take.there = engine.program(self._recorded_forward, [x, *drawn], frozen=False)
            take.prove("there", found, take.there.results)
        take.recorded = True
        return take.there.results[0], list(take.caches)

    def backward(self, dy: Array, caches: list[Any]) -> tuple[Array | None, Found]:
        """Return the gradient of the input, where it is wanted, and the gradients of each layer's parameters."""
        program, take = current_engine().program, self._takes[0]
        if program is None or not (take.recorded and take.trusted and "there" in take.proved):
            return self._backward(dy, caches)
        if take.back is None:
            take.back = program(self._recorded_backward, [dy], frozen=False)
        elif take.back(dy) is None:
            return self._backward(dy, caches)
        elif "back" not in take.proved:
            found = [item.copy() for item in take.back.results]
            take.back = None
            take.back = program(self._recorded_backward, [dy], frozen=False)
            take.prove("back", found, take.back.results)
        return self._unpacked(take.back.results)

    # --- the layers themselves ---

    def _forward(self, x: Array, drawn: list[Array] | None, rng: np.random.Generator | None = None) -> tuple[Array, list[Any]]:
        """Walk forwards; who forgets, multiplies with what was drawn, or draws it and notes what."""
        take, caches, left = self._takes[0], list[Any](), iter(drawn or ())
        take.held, drawers = x.nbytes, list[Drawer]()
        for link in self.links:
            if isinstance(link.layer, Dropout) and link.layer.rate:
                drawers.append((link.layer, x.shape, x.dtype))
                cache = next(left) if drawn is not None else link.layer.drawn(x.shape, x.dtype, rng)
                x = current_engine().product(x, cache)
            else:
                x, cache = link.forward(x, training=True)
            caches.append(cache)
            take.held += 0 if link.idle else x.nbytes
        take.drawers = drawers
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
            [link.part for link in self.links],
        )
        return _Identity(facts, [*(item.value for item in parameters), *options])

    def _recorded_forward(self, x: Array, *drawn: Array) -> list[Array]:
        y, self._takes[0].caches = self._forward(x, list(drawn))
        return [y]

    def _recorded_backward(self, dy: Array) -> list[Array]:
        dx, found = self._backward(dy, list(self._takes[0].caches))
        self._takes[0].names = [list(gradients) for gradients in found]
        return self._packed(dx, found)

    def _packed(self, dx: Array | None, found: Found) -> list[Array]:
        return [*([] if dx is None else [dx]), *(value for gradients in found for value in gradients.values())]

    def _unpacked(self, results: Sequence[Array]) -> tuple[Array | None, Found]:
        left = iter(results)
        dx = next(left) if self.to_x else None
        return dx, [{name: next(left) for name in names} for names in self._takes[0].names]


class _Take:
    """What was recorded under one key. The first step under it is taken without a recording."""

    def __init__(self, key: Any) -> None:
        self.key, self.trusted, self.recorded, self.held = key, True, False, 0
        self.there: Any = None
        self.back: Any = None
        self.caches: list[Any] = []
        self.names: list[list[str]] = []  # of each layer's gradients
        self.drawers: list[Drawer] | None = None  # unknown before the first step
        self.proved: set[str] = set()  # which programs gave the bits of the layers

    def prove(self, which: str, found: Sequence[Array], wanted: Sequence[Array]) -> None:
        """Trust a program from now on, or never again: it must have found what the layers give, which were recorded once more."""
        self.trusted = _same(found, wanted)
        self.proved.add(which)


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
    """Return whether a layer trains on kernels and views alone, but for numbers that are drawn before."""
    if type(layer) not in KERNELS:
        return False
    options: Any = layer
    if isinstance(layer, Dropout):
        return options.noise_shape is None
    if isinstance(layer, AveragePooling2D):
        size = options.pool_size[0] * options.pool_size[1]
        return bool(options.padding == "valid" and size & (size - 1) == 0)  # shares that are products: see ops.pooling
    function = getattr(options, "function", None) or getattr(options, "activation", None)
    return function is None or (isinstance(function, ActivationFunction) and function.on_kernels(layer.dtype))


def _same(one: Sequence[Array], other: Sequence[Array]) -> bool:
    """Return whether arrays have the same bits."""
    return len(one) == len(other) and all(a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))
