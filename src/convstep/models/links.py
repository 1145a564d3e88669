"""Links: layers of a chain, of which some do work of a neighbour in the same pass over memory.

A ReLU is done by the layer that it follows, whose kernel ends with it; max pooling hands gradients through the ReLU that it reads.
One rule: the numbers are those of the layers one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from convstep.checks import Array
from convstep.layers import Activation, BatchNormalization, Conv2D, Dense, Layer, MaxPooling2D, ReLU
from convstep.layers.activations import ActivationFunction, is_floor
from convstep.layers.base import Gradients

FLOORING = (BatchNormalization, Conv2D, Dense)  # their `forward` takes `floor`


@dataclass
class Link:
    """A layer and its part of the work.

    Attributes
    ----------
    floors : bool
        Whether it does the ReLU that follows.
    idle : bool
        Whether it is a ReLU that the layer before it does.
    through : bool
        Whether it is a pooling that hands gradients on through the ReLU before it.
    passed : bool
        Whether the pooling that follows hands gradients through its ReLU.
    """

    layer: Layer
    floors: bool = False
    idle: bool = False
    through: bool = False
    passed: bool = False

    @property
    def part(self) -> tuple[bool, ...]:
        """What it does, and what is done for it."""
        return self.floors, self.idle, self.through, self.passed

    def forward(self, x: Array, **mode: Any) -> tuple[Array, Any]:
        """Return the layer's output and cache."""
        if self.idle:
            return x, x
        said: dict[str, Any] = {**mode, "floor": True} if self.floors else mode
        return self.layer.forward(x, **said)

    def backward(self, dy: Array, cache: Any, **to_x: bool) -> tuple[Any, Gradients]:
        """Return the layer's gradients."""
        if self.passed and _is_relu(self.layer):
            return dy, {}  # a convolution whose ReLU was passed still has its own work to do
        said = {"floor": self.through, "floored": self.passed}
        return self.layer.backward(dy, cache, **{word: True for word, holds in said.items() if holds}, **to_x)

    def gradients(self, dy: Array, cache: Any) -> Gradients:
        """Return the gradients of the layer's parameters alone."""
        return self.backward(dy, cache, **({"to_x": False} if self.layer.takes_to_x else {}))[1]


def linked(layers: Sequence[Layer]) -> list[Link]:
    """Return the links of layers each of which reads the one before it, and nobody else does."""
    links = [Link(layer) for layer in layers]
    share_out(links)
    return links


def share_out(links: Sequence[Link]) -> None:
    """Say who does what, as the layers are now."""
    for link in links:
        link.floors = link.idle = link.through = link.passed = False
    for one, other in pairwise(links):
        if _is_relu(other.layer) and _is(one.layer, *FLOORING) and _is_linear(one.layer):
            one.floors = other.idle = True
        if _is(other.layer, MaxPooling2D) and (_is_relu(one.layer) or _has_relu(one.layer)):
            one.passed = other.through = True


def _is(layer: Layer, *kinds: type[Layer]) -> bool:
    """Return whether a layer is of one of these classes, and does what they do."""
    return type(layer) in kinds and not {"forward", "backward"} & vars(layer).keys()


def _is_linear(layer: Any) -> bool:
    """Return whether nothing is done to a layer's sums behind its kernel."""
    activation = getattr(layer, "activation", None)
    return activation is None or (isinstance(activation, ActivationFunction) and activation.name == "linear")


def _is_relu(layer: Any) -> bool:
    return _is(layer, Activation, ReLU) and is_floor(layer.function)


def _has_relu(layer: Any) -> bool:
    return _is(layer, Conv2D) and is_floor(layer.activation)
