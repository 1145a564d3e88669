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
    Average,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Layer,
    LeakyReLU,
    Maximum,
    MaxPooling2D,
    Multiply,
    Permute,
    PReLU,
    ReLU,
    Reshape,
    Softmax,
    Subtract,
    UpSampling2D,
    ZeroPadding2D,
)

Sides: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
Into: TypeAlias = Callable[[tuple[int, ...], Any], Array | None] | None  # what gives a result its place
NONE: Sides = ((0, 0), (0, 0))


@dataclass
class Step:
    """One computation: what it reads (first the inputs are counted, then what the steps give)."""

    layer: Layer
    reads: tuple[int, ...]
    own: bool = True  # whether engines' kernels alone do it
    weights: tuple[Array, Array | None] | None = None  # filters and bias, or scale and shift
    sides: Sides = NONE  # zeros around what it reads
    activation: str = ""
    slope: float = 0.0  # of the activation
    training: bool = False  # whether the layer was called to train, whatever the model does
    rank: int | None = None  # axes of what it gives
    channels: int | None = None  # entries of the last one

    def __call__(self, *given: Any, into: Into = None) -> Any:
        """Compute; the result of a step that `writes` may have a place."""
        if not self.own:
            return _as_it_is(self, *given)
        compute: Callable[..., Any] = COMPUTE.get(type(self.layer), _as_it_is)
        y = compute(self, *given, into=into) if type(self.layer) in WRITING else compute(self, *given)
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


def writes(step: Step) -> bool:
    """Return whether the result of a step may have a place."""
    kind = type(step.layer)
    return step.own and kind in WRITING and (not step.activation or (step.floor and kind in FLOORING))


def _as_it_is(step: Step, *given: Array) -> Any:
    layer: Any = step.layer
    return layer.forward(list(given) if layer.several else given[0], training=step.training)[0]


# --- sums of products ---


def _convolution(step: Step, x: Array, *, into: Into) -> Array:
    layer: Any = step.layer
    w, b = _held(step)
    options = {**layer.window, "groups": x.shape[3] if isinstance(layer, DepthwiseConv2D) else layer.groups}
    if step.sides != NONE:
        options["padding"] = step.sides
    given = doors.convolution("conv2d", x, w, b, options)
    out = _room(into, (x.shape[0], *given.window.out, w.shape[3]), given.x.dtype)
    return current_engine().correlate(given.x, given.w, given.b, given.window, given.groups, floor=step.floor, out=out)


def _transposed(step: Step, x: Array) -> Array:
    layer: Any = step.layer
    w, b = _held(step)
    engine, given = current_engine(), doors.transposed("conv2d_transpose", x, w, b, layer.window)
    y: Array = engine.correlate_to_x(given.x, given.w, given.window, 1)
    if given.b is None:
        return engine.activate("relu", y, 0.0, y) if step.floor else y
    return engine.affine(y, np.ones_like(given.b), given.b, floor=step.floor)


def _dense(step: Step, x: Array) -> Array:
    w, b = _held(step)
    shape, given = doors.dense("dense", _in_one_piece(x), w, b)
    y: Array = current_engine().correlate(given.x, given.w, given.b, given.window, 1, floor=step.floor)
    return y.reshape(*shape[:-1], given.w.shape[3])


def _normalize(step: Step, x: Array, *, into: Into) -> Array:
    scale, shift = _held(step)
    return current_engine().affine(x, scale, shift, floor=step.floor, out=_room(into, x.shape, x.dtype))


def _held(step: Step) -> tuple[Array, Array | None]:
    if step.weights is None:
        raise AssertionError(step.layer.name)  # a convolution always has some
    return step.weights


def _room(into: Into, shape: tuple[int, ...], dtype: Any) -> Array | None:
    return None if into is None else into(shape, dtype)


# --- windows ---


def _max_pool(step: Step, x: Array, *, into: Into) -> Array:
    layer: Any = step.layer
    padding = layer.padding if step.sides == NONE else step.sides
    options = {"strides": layer.strides, "padding": padding, "dilation_rate": 1, "ceil_mode": False}
    window = doors.pooling("max_pool2d", x, layer.pool_size, options).window
    return current_engine().max_pool(x, window, out=_room(into, (x.shape[0], *window.out, x.shape[3]), x.dtype))


def _average_pool(step: Step, x: Array, *, into: Into) -> Array:
    layer: Any = step.layer
    options = {"strides": layer.strides, "padding": layer.padding, "ceil_mode": False}
    window = doors.pooling("average_pool2d", x, layer.pool_size, options).window
    return current_engine().window_sum(x, window, mean=True, out=_room(into, (x.shape[0], *window.out, x.shape[3]), x.dtype))


def _global_pool(step: Step, x: Array) -> Array:
    layer: Any = step.layer
    options = {"strides": 1, "padding": "valid", "ceil_mode": False}
    window, engine = doors.pooling("average_pool2d", x, x.shape[1:3], options).window, current_engine()
    y: Array = engine.window_sum(x, window, mean=True) if isinstance(layer, GlobalAveragePooling2D) else engine.max_pool(x, window)
    return y if layer.keepdims else y.reshape(x.shape[0], x.shape[3])


# --- several inputs ---


def _add(step: Step, *given: Array) -> Array:
    first, *others = _aligned(given)
    engine = current_engine()
    for i, other in enumerate(others):
        first = engine.plus(first, other, floor=step.floor and i == len(others) - 1)
    if step.floor and not others:
        return engine.activate("relu", first, 0.0, None)
    return first


def _average(_step: Step, *given: Array) -> Array:
    first, *others = _aligned(given)
    engine = current_engine()
    for other in others:
        first = engine.plus(first, other, floor=False)
    return engine.combine("quotient", first, np.asarray(len(given), first.dtype))


def _combining(name: str) -> Callable[..., Array]:
    """Return what combines inputs entry by entry."""

    def combined(_step: Step, *given: Array) -> Array:
        first, *others = _aligned(given)
        for other in others:
            first = current_engine().combine(name, first, other)
        return first

    return combined


def _aligned(given: tuple[Array, ...]) -> list[Array]:
    """Return inputs with as many axes; those that are missing come after the batch."""
    most = max(item.ndim for item in given)
    return [_shaped(item, (item.shape[0], *(1,) * (most - item.ndim), *item.shape[1:])) for item in given]


def _joined(step: Step, *given: Array, into: Into) -> Array:
    layer: Any = step.layer
    shapes = [item.shape for item in given]
    layer.check(shapes)
    engine, axis = current_engine(), layer.axis % given[0].ndim
    shape = tuple(sum(sizes) if i == axis else sizes[0] for i, sizes in enumerate(zip(*shapes, strict=True)))
    dtype = np.result_type(*given)
    out = _room(into, shape, dtype)
    y, at = engine.empty(shape, dtype) if out is None else out, 0
    for item in given:
        part = y[(slice(None),) * axis + (slice(at, at + item.shape[axis]),)]
        at += item.shape[axis]
        if item.__array_interface__["data"] != part.__array_interface__["data"] or item.strides != part.strides:
            engine.arrange(item, part)
    return y


# --- what only moves numbers, and functions of single ones ---


def _reshaped(step: Step, x: Array) -> Any:
    view: Array = _as_it_is(step, x)
    return view if np.may_share_memory(view, x) else _as_it_is(step, current_engine().arrange(x))


def _shaped(x: Array, shape: tuple[int, ...]) -> Array:
    return x if x.shape == shape else _in_one_piece(x).reshape(shape)


def _in_one_piece(x: Array) -> Array:
    return x if x.flags.c_contiguous else current_engine().arrange(x)


def _padded(step: Step, x: Array) -> Array:
    layer: Any = step.layer
    layer.check(x.shape)
    (above, _), (before, _) = layer.padding
    m, height, width, channels = x.shape
    _, *sizes, _ = layer.compute_output_shape(x.shape)
    y = np.zeros((m, *sizes, channels), x.dtype)  # whose border nobody else writes to
    current_engine().arrange(x, y[:, above : above + height, before : before + width])
    return y


def _enlarged(step: Step, x: Array) -> Array:
    layer: Any = step.layer
    layer.check(x.shape)
    (m, height, width, channels), (rows, columns) = x.shape, layer.size
    y: Array = current_engine().empty((m, height, rows, width, columns, channels), x.dtype)
    current_engine().arrange(np.broadcast_to(x[:, :, None, :, None], y.shape), y)
    return y.reshape(m, height * rows, width * columns, channels)


def _leaking(step: Step, x: Array) -> Array:
    alpha, _ = _held(step)
    engine, zero = current_engine(), np.zeros((), x.dtype)
    below = engine.combine("product", engine.combine("smallest", x, zero), alpha)
    return engine.plus(engine.combine("largest", x, zero), below, floor=False)


def _nothing(_step: Step, x: Array) -> Array:
    return x


COMPUTE: dict[type, Callable[..., Any]] = {
    Activation: _nothing,
    Add: _add,
    Average: _average,
    AveragePooling2D: _average_pool,
    BatchNormalization: _normalize,
    Concatenate: _joined,
    Conv2D: _convolution,
    Conv2DTranspose: _transposed,
    Cropping2D: _as_it_is,
    Dense: _dense,
    DepthwiseConv2D: _convolution,
    Flatten: _reshaped,
    GlobalAveragePooling2D: _global_pool,
    GlobalMaxPooling2D: _global_pool,
    LeakyReLU: _nothing,
    MaxPooling2D: _max_pool,
    Maximum: _combining("largest"),
    Multiply: _combining("product"),
    PReLU: _leaking,
    Permute: _as_it_is,
    ReLU: _nothing,
    Reshape: _reshaped,
    Softmax: _nothing,
    Subtract: _combining("minus"),
    UpSampling2D: _enlarged,
    ZeroPadding2D: _padded,
}
FLOORING = (Add, BatchNormalization, Conv2D, Conv2DTranspose, Dense, DepthwiseConv2D)  # their kernels end with the floor of a "relu"
WRITING = (AveragePooling2D, BatchNormalization, Concatenate, Conv2D, DepthwiseConv2D, MaxPooling2D)  # results may have a place
