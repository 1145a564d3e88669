"""The layers that scale and shift. One rule: the parameters are written as they are, whichever operators take them."""

from dataclasses import replace
from typing import Any

import numpy as np

from convstep.checks import Array
from convstep.interop.onnx.writing.draft import Draft
from convstep.interop.onnx.writing.values import CHANNELS_FIRST, Call, Value, floats


def batch_normalization(draft: Draft, call: Call) -> Value:
    """Write BatchNormalization in inference: ONNX's own where the channels are stored first, else as arithmetic."""
    layer: Any = call.layer
    x = draft.cast(call.x, floats(call.x.dtype))
    axis = layer.axis % x.rank
    if x.rank == len(CHANNELS_FIRST) and axis == x.rank - 1:
        x = draft.turned(x, CHANNELS_FIRST)
    if x.order.index(axis) != 1:
        return _arithmetic(draft, x, layer, axis)
    size = layer.parameter("moving_mean").size
    given = {"gamma": np.ones(size), "beta": np.zeros(size)} | {item.name: item.value for item in layer.parameters}
    given = {name: array if x.rows is None else array[x.rows] for name, array in given.items()}
    names = {"gamma": "gamma" if layer.scale else "ones", "beta": "beta" if layer.center else "zeros"}
    words = ("gamma", "beta", "moving_mean", "moving_variance")
    reads = [draft.constant(names.get(word, word), given[word], x.dtype) for word in words]
    return draft.then("BatchNormalization", x, *reads, epsilon=layer.epsilon)


def layer_normalization(draft: Draft, call: Call) -> Value:
    """Write LayerNormalization: ONNX's own where its axes are stored last, else as arithmetic."""
    layer: Any = call.layer
    x = draft.cast(call.x, floats(call.x.dtype))
    axes = sorted({axis % x.rank for axis in np.atleast_1d(layer.axis).tolist()})
    if set(x.order[-len(axes) :]) == set(axes):
        gamma = layer.parameter("gamma") if layer.scale else np.ones([x.shape[axis] for axis in axes])
        given = {"gamma" if layer.scale else "ones": gamma} | ({"beta": layer.parameter("beta")} if layer.center else {})
        reads = [draft.constant(what, _stored_last(array, x, axes), x.dtype) for what, array in given.items()]
        return draft.then("LayerNormalization", x, *reads, axis=x.rank - len(axes), epsilon=layer.epsilon)
    centred = draft.then("Sub", x, draft.reduced("ReduceMean", x, axes).key)
    variance = draft.reduced("ReduceMean", draft.then("Mul", centred, centred.key), axes)
    return _scaled(draft, draft.then("Div", centred, _deviation(draft, variance, layer.epsilon)), layer, axes)


def rescaling(draft: Draft, call: Call) -> Value:
    """Write Rescaling."""
    layer: Any = call.layer
    y = draft.cast(call.x, layer.dtype)
    for kind, what, value, nothing in (("Mul", "scale", layer.scale, 1), ("Add", "offset", layer.offset, 0)):
        if value != nothing:
            y = draft.then(kind, y, draft.along(what, value, y))
    return y


# --- arithmetic ---


def _arithmetic(draft: Draft, x: Value, layer: Any, axis: int) -> Value:
    mean = draft.along("moving_mean", _spread(layer.parameter("moving_mean"), x, [axis]), x)
    variance = replace(x, key=draft.along("moving_variance", _spread(layer.parameter("moving_variance"), x, [axis]), x))
    return _scaled(draft, draft.then("Div", draft.then("Sub", x, mean), _deviation(draft, variance, layer.epsilon)), layer, [axis])


def _deviation(draft: Draft, variance: Value, epsilon: float) -> str:
    return draft.step("Sqrt", draft.step("Add", variance.key, draft.number("epsilon", epsilon, variance)))


def _scaled(draft: Draft, x: Value, layer: Any, axes: list[int]) -> Value:
    for kind, what, there in (("Mul", "gamma", layer.scale), ("Add", "beta", layer.center)):
        if there:
            x = draft.then(kind, x, draft.along(what, _spread(layer.parameter(what), x, axes), x))
    return x


def _spread(array: Array, x: Value, axes: list[int]) -> Array:
    """Return a parameter with an axis for each of the layer's, from the first that it has a length along."""
    sizes = dict(zip(axes, array.shape, strict=True))
    return array.reshape([sizes.get(axis, 1) for axis in range(axes[0], x.rank)])


def _stored_last(array: Array, x: Value, axes: list[int]) -> Array:
    """Return a parameter of axes that are stored last as they are stored."""
    if x.rows is not None:
        return array[..., x.rows]
    return array.transpose([axes.index(axis) for axis in x.order[-len(axes) :]])
