"""What a step of a frozen model computes, on engines' kernels alone wherever it can.

One rule: a step that is its own (`own`) computes with kernels and views, nothing else, so that it can be part of a program.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from convstep.checks import Array
from convstep.checks import operations as doors
from convstep.engines import current_engine
from convstep.layers import (
    Activation,
    Add,
    AveragePooling2D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePooling2D,
    Layer,
    LeakyReLU,
    MaxPooling2D,
    Permute,
    ReLU,
    Reshape,
    Softmax,
)

Sides: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
NONE: Sides = ((0, 0), (0, 0))


@dataclass
class Step:
    """One computation: what it reads (first the inputs are counted, then what the steps give)."""

    layer: Layer
    reads: tuple[int, ...]
    own: bool = True  # whether engines' kernels alone do it
    weights: tuple[Array, Array | None] | None = None  # filters and bias
    sides: Sides = NONE  # zeros around what it reads
    activation: str = ""
    slope: float = 0.0  # of the activation
    training: bool = False  # whether the layer was called to train, whatever the model does

    def __call__(self, *given: Any) -> Any:
        """Compute."""
        compute = COMPUTE.get(type(self.layer), _as_it_is) if self.own else _as_it_is
        y = compute(self, *given)
        if not self.activation or (self.activation == "relu" and type(self.layer) in FLOORING):
            return y
        engine = current_engine()
        if self.activation == "softmax":
            return engine.softmax(y)
        fresh = not any(np.may_share_memory(y, item) for item in given)
        return engine.activate(self.activation, y, self.slope, y if fresh else None)

    @property
    def floor(self) -> bool:
        """Whether negative results become 0 right where they are computed."""
        return self.activation == "relu"


def _as_it_is(step: Step, *given: Array) -> Any:
    layer: Any = step.layer
    return layer.forward(list(given) if layer.several else given[0], training=step.training)[0]


def _convolution(step: Step, x: Array) -> Array:
    layer: Any = step.layer
    w, b = _held(step)
    options = {**layer.window, "groups": x.shape[3] if isinstance(layer, DepthwiseConv2D) else layer.groups}
    if step.sides != NONE:
        options["padding"] = step.sides
    given = doors.convolution("conv2d", x, w, b, options)
    return current_engine().correlate(given.x, given.w, given.b, given.window, given.groups, floor=step.floor)


def _held(step: Step) -> tuple[Array, Array | None]:
    if step.weights is None:
        raise AssertionError(step.layer.name)  # a convolution always has some
    return step.weights


def _dense(step: Step, x: Array) -> Array:
    w, b = _held(step)
    shape, given = doors.dense("dense", x, w, b)
    y: Array = current_engine().correlate(given.x, given.w, given.b, given.window, 1, floor=step.floor)
    return y.reshape(*shape[:-1], given.w.shape[3])


def _max_pool(step: Step, x: Array) -> Array:
    layer: Any = step.layer
    padding = layer.padding if step.sides == NONE else step.sides
    options = {"strides": layer.strides, "padding": padding, "dilation_rate": 1, "ceil_mode": False}
    return current_engine().max_pool(x, doors.pooling("max_pool2d", x, layer.pool_size, options).window)


def _average_pool(step: Step, x: Array) -> Array:
    layer: Any = step.layer
    options = {"strides": layer.strides, "padding": layer.padding, "ceil_mode": False}
    return _mean(x, layer.pool_size, options)


def _global_average(step: Step, x: Array) -> Array:
    layer: Any = step.layer
    y = _mean(x, x.shape[1:3], {"strides": 1, "padding": "valid", "ceil_mode": False})
    return y if layer.keepdims else y.reshape(x.shape[0], x.shape[3])


def _mean(x: Array, size: Any, options: dict[str, Any]) -> Array:
    window = doors.pooling("average_pool2d", x, size, options).window
    engine = current_engine()
    return engine.times(engine.window_sum(x, window), 1 / (window.height.kernel * window.width.kernel))


def _add(step: Step, *given: Array) -> Array:
    first, *others = given
    engine = current_engine()
    for i, other in enumerate(others):
        first = engine.plus(first, other, floor=step.floor and i == len(others) - 1)
    return first


def _nothing(_step: Step, x: Array) -> Array:
    return x


COMPUTE: dict[type, Callable[..., Any]] = {
    Activation: _nothing,
    Add: _add,
    AveragePooling2D: _average_pool,
    Conv2D: _convolution,
    Dense: _dense,
    DepthwiseConv2D: _convolution,
    Flatten: _as_it_is,
    GlobalAveragePooling2D: _global_average,
    LeakyReLU: _nothing,
    MaxPooling2D: _max_pool,
    Permute: _as_it_is,
    ReLU: _nothing,
    Reshape: _as_it_is,
    Softmax: _nothing,
}
FLOORING = (Add, Conv2D, Dense, DepthwiseConv2D)  # their kernels end with the floor of a "relu"
