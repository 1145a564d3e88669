"""The layers that move numbers without changing them. One rule: what can be said by another order of axes is no operation at all."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from convstep.interop.onnx.writing.draft import Draft, Sides
from convstep.interop.onnx.writing.values import CHANNELS_FIRST, Call, Order, Value, floats, plain_order
from convstep.layers.base import Shape

LAST = 2**63 - 1  # the end of an axis, however long


def flatten(draft: Draft, call: Call) -> Value:
    """Write Flatten: images stay stored as they are, and `rows` says which number is which."""
    x, shape = call.x, call.shape
    if x.rank == 2:
        return x
    sizes = _known(x.shape)
    if x.rank < 2 or sizes is None:
        return _laid_out(draft.then("Flatten", draft.turned(x, plain_order(x.rank)), axis=1), shape)
    inner = [axis - 1 for axis in x.order[1:]]
    rows = np.arange(math.prod(sizes)).reshape(sizes).transpose(inner).ravel()
    y = _laid_out(draft.then("Flatten", x, axis=1), shape)
    if (np.diff(rows) == 1).all():
        return y
    draft.flattened[y.key] = x
    return replace(y, rows=rows)


def reshape(draft: Draft, call: Call) -> Value:
    """Write Reshape; where axes of length 1 come or go, the others stay stored as they are."""
    x, shape = call.x, call.shape
    order = None if x.rows is not None else _same_order(x, shape)
    if order is None:
        x, order = draft.turned(draft.in_rows(x), plain_order(x.rank)), plain_order(len(shape))
    sizes = [-1 if size is None else size for size in shape]
    target = draft.integers("shape", [0, *(sizes[axis] for axis in order[1:])])
    return replace(draft.then("Reshape", x, target), shape=shape, order=order, rows=None)


def permute(draft: Draft, call: Call) -> Value:  # noqa: ARG001 - called as the others are
    """Write Permute: the same numbers under other names of their axes."""
    dims: Any = (0, *call.layer.dims)  # type: ignore[attr-defined]
    return replace(call.x, shape=call.shape, order=tuple(dims.index(axis) for axis in call.x.order))


def zero_padding(draft: Draft, call: Call) -> Value:
    """Write ZeroPadding2D."""
    layer: Any = call.layer
    pads = {0: (0, 0), 1: layer.padding[0], 2: layer.padding[1], 3: (0, 0)}
    x = call.x
    y = draft.then("Pad", x, draft.integers("padding", [pads[axis][end] for end in range(2) for axis in x.order]))
    if x.key in draft.floored:
        draft.floored.add(y.key)
    return _noted(draft, replace(y, shape=call.shape), x, layer.padding)


def cropping(draft: Draft, call: Call) -> Value:
    """Write Cropping2D."""
    layer: Any = call.layer
    starts = draft.integers("starts", [first for first, _ in layer.cropping])
    ends = draft.integers("ends", [-last if last else LAST for _, last in layer.cropping])
    axes = draft.integers("axes", [call.x.stored(axis) for axis in (1, 2)])
    return replace(draft.then("Slice", call.x, starts, ends, axes), shape=call.shape)


def up_sampling(draft: Draft, call: Call) -> Value:
    """Write UpSampling2D."""
    layer: Any = call.layer
    x = call.x
    if layer.interpolation == "bilinear":
        x = draft.cast(x, floats(x.dtype))
        how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    else:
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    x = draft.turned(x, CHANNELS_FIRST)
    scales = draft.constant("scales", [1.0, 1.0, *layer.size], np.float32)
    return replace(draft.then("Resize", x, "", scales, **how), shape=call.shape)


# --- parts ---


def _noted(draft: Draft, y: Value, x: Value, zeros: Sides) -> Value:
    draft.padded[y.key] = (x, zeros)
    return y


def _laid_out(y: Value, shape: Shape) -> Value:
    return replace(y, shape=shape, order=plain_order(len(shape)), rows=None)


def _known(shape: Shape) -> list[int] | None:
    sizes = [size for size in shape[1:] if size is not None]
    return sizes if len(sizes) == len(shape) - 1 else None


def _same_order(x: Value, shape: Shape) -> Order | None:
    """Return an order in which the numbers of x, as they are stored, are those of the shape; None if there is no simple one."""
    mine, wanted = _known(x.shape), _known(shape)
    if mine is None or wanted is None or _long(mine) != _long(wanted):
        return None
    orders = [CHANNELS_FIRST] if len(shape) == len(CHANNELS_FIRST) else []
    return next((order for order in [*orders, plain_order(len(shape))] if _pattern(order, shape) == _pattern(x.order, x.shape)), None)


def _long(sizes: Sequence[int]) -> list[int]:
    return [size for size in sizes if size != 1]


def _pattern(order: Order, shape: Shape) -> list[int]:
    """Return, in stored order, the places of the axes that are longer than 1 among all of these."""
    long = [axis for axis in range(1, len(shape)) if shape[axis] != 1]
    return [long.index(axis) for axis in order if axis in long]
