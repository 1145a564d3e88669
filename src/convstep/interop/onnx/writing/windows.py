"""The layers that slide a window over images: convolutions and pooling. One rule: images are stored with their channels first here."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from convstep.checks import Array
from convstep.checks.operations import paddings
from convstep.geometry import Axis, Pads
from convstep.interop.onnx.writing.activations import activated
from convstep.interop.onnx.writing.draft import Draft
from convstep.interop.onnx.writing.values import CHANNELS_FIRST, Call, Value, floats, plain_order
from convstep.layers import GlobalAveragePooling2D

Given = dict[str, Any]


def convolution(draft: Draft, call: Call) -> Value:
    """Write Conv2D."""
    layer: Any = call.layer
    y = _convolved(draft, call, {"kernel": layer.parameter("kernel")}, groups=layer.groups, bias=layer.bias)
    return activated(draft, y, layer.activation, call.path)


def depthwise(draft: Draft, call: Call) -> Value:
    """Write DepthwiseConv2D."""
    layer: Any = call.layer
    kernel = _one_channel_each(layer.parameter("kernel"))
    y = _convolved(draft, call, {"kernel": kernel}, groups=layer.parameter("kernel").shape[2], bias=layer.bias)
    return activated(draft, y, layer.activation, call.path)


def separable(draft: Draft, call: Call) -> Value:
    """Write SeparableConv2D: two convolutions."""
    layer: Any = call.layer
    kernel, mixing = layer.parameter("depthwise_kernel"), layer.parameter("pointwise_kernel")
    between = _convolved(draft, call, {"depthwise_kernel": _one_channel_each(kernel)}, groups=kernel.shape[2], bias=None)
    y = draft.cast(between, floats(between.dtype, mixing))
    y = _filtered(draft, y, {"pointwise_kernel": mixing}, layer.bias, kernel_shape=[1, 1])
    return activated(draft, y, layer.activation, call.path)


def transposed(draft: Draft, call: Call) -> Value:
    """Write Conv2DTranspose."""
    layer: Any = call.layer
    kernel, bias = layer.parameter("kernel"), layer.bias
    x = draft.turned(draft.cast(call.x, _type_of(call.x, kernel, bias)), CHANNELS_FIRST)
    both, extra = paddings(layer.name, layer.padding), layer.output_padding or (None, None)
    axes = [
        Axis.transposed(both[i], 1, layer.kernel_size[i], stride=layer.strides[i], dilation=layer.dilation_rate[i], extra=extra[i])
        for i in range(2)
    ]
    more = [axis.size - (axis.reach - sum(axis.pad)) for axis in axes]  # of one cell
    reads = [draft.constant("kernel", kernel.transpose(3, 2, 0, 1), x.dtype), *_bias(draft, bias, x)]
    given = _window([axis.pad for axis in axes], layer.kernel_size, layer.strides) | {"dilations": list(layer.dilation_rate)}
    y = draft.then("ConvTranspose", x, *reads, **given, output_padding=more if any(more) else None)
    return activated(draft, replace(y, shape=call.shape), layer.activation, call.path)


def max_pooling(draft: Draft, call: Call) -> Value:
    """Write MaxPooling2D."""
    return _pooled(draft, call, "MaxPool", floored=True)


def average_pooling(draft: Draft, call: Call) -> Value:
    """Write AveragePooling2D, in which padding does not count."""
    return _pooled(draft, call, "AveragePool", floored=False)


def global_pooling(draft: Draft, call: Call) -> Value:
    """Write GlobalAveragePooling2D and GlobalMaxPooling2D."""
    layer: Any = call.layer
    average = isinstance(layer, GlobalAveragePooling2D)
    x = draft.cast(call.x, floats(call.x.dtype)) if average else call.x
    if x.order != CHANNELS_FIRST or x.dtype.kind != "f":
        kind = "ReduceMean" if average else "ReduceMax"
        return draft.reduced(kind, x, (1, 2)) if layer.keepdims else draft.dropped(kind, x, (1, 2))
    y = replace(draft.then("GlobalAveragePool" if average else "GlobalMaxPool", x), shape=(x.shape[0], 1, 1, x.shape[3]))
    return y if layer.keepdims else replace(draft.then("Flatten", y, axis=1), shape=call.shape, order=plain_order(2))


def pointwise(draft: Draft, x: Value, kernel: Array, bias: Array | None) -> Value:
    """Write a dense layer for images whose channels are stored first: a convolution whose filters are one pixel."""
    y = _filtered(draft, x, {"kernel": kernel.reshape(1, 1, *kernel.shape)}, bias, kernel_shape=[1, 1])
    return replace(y, shape=(*x.shape[:-1], kernel.shape[1]))


# --- convolutions ---


def _convolved(draft: Draft, call: Call, filters: Mapping[str, Array], *, groups: int, bias: Array | None) -> Value:
    """Write a convolution with filters under their name; zeros that were put around its images become its padding."""
    layer: Any = call.layer
    (kernel,) = filters.values()
    x, pads = call.x, _padding(call, layer.kernel_size, layer.dilation_rate)
    if pads is None and max(layer.dilation_rate) > 1:  # onnxruntime works out no such padding
        x, pads = _padded_as_it_runs(draft, call), [(0, 0), (0, 0)]
    elif pads is not None and x.key in draft.padded:
        x, zeros = draft.padded[x.key]
        pads = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(pads, zeros, strict=True)]
    x = draft.turned(draft.cast(x, _type_of(x, kernel, bias)), CHANNELS_FIRST)
    given = _window(pads, layer.kernel_size, layer.strides) | {"dilations": list(layer.dilation_rate), "group": groups}
    return replace(_filtered(draft, x, filters, bias, **given), shape=call.shape)


def _filtered(draft: Draft, x: Value, filters: Mapping[str, Array], bias: Array | None, **given: Any) -> Value:
    # (rows, columns, channels, filters) -> (filters, channels, rows, columns)
    reads = [draft.constant(what, kernel.transpose(3, 2, 0, 1), x.dtype) for what, kernel in filters.items()]
    return draft.then("Conv", x, *reads, *_bias(draft, bias, x), **given)


def _bias(draft: Draft, bias: Array | None, x: Value) -> list[str]:
    return [] if bias is None else [draft.constant("bias", bias, x.dtype)]


def _type_of(x: Value, kernel: Array, bias: Array | None) -> Any:
    return floats(x.dtype, kernel) if bias is None else floats(x.dtype, kernel, bias)


def _one_channel_each(kernel: Array) -> Array:
    """Return a depthwise kernel as that of a convolution with as many groups as channels."""
    rows, columns, channels, multiplier = kernel.shape
    return kernel.reshape(rows, columns, 1, channels * multiplier)


# --- pooling ---


def _pooled(draft: Draft, call: Call, kind: str, *, floored: bool) -> Value:
    layer: Any = call.layer
    x, pads = call.x, _padding(call, layer.pool_size, (1, 1))
    if floored and pads is not None and x.key in draft.padded:
        source, zeros = draft.padded[x.key]
        both = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(pads, zeros, strict=True)]
        fits = all(max(sides) < size for sides, size in zip(both, layer.pool_size, strict=True))
        if source.key in draft.floored and fits:  # zeros win no maximum of numbers that are not below 0
            x, pads = source, both
    was_floored = x.key in draft.floored
    x = draft.turned(draft.cast(x, floats(x.dtype)), CHANNELS_FIRST)
    y = replace(draft.then(kind, x, **_window(pads, layer.pool_size, layer.strides)), shape=call.shape)
    if was_floored:
        draft.floored.add(y.key)
    return y


# --- padding ---


def _padding(call: Call, kernel: Sequence[int], dilations: Sequence[int]) -> list[Pads] | None:
    """Return the padding before and after both axes, or None where "same" depends on sizes that are not known."""
    layer: Any = call.layer
    found: list[Pads] = []
    for i, padding in enumerate(paddings(layer.name, layer.padding)):
        size, stride = call.x.shape[1 + i], layer.strides[i]
        if padding == "same" and size is None and stride > 1:
            return None
        found.append(Axis.padded_by(padding, size or 1, kernel[i], stride=stride, dilation=dilations[i]).pad)
    return found


def _window(pads: Sequence[Pads] | None, kernel: Sequence[int], strides: Sequence[int]) -> Given:
    where = {"auto_pad": "SAME_UPPER"} if pads is None else {"pads": _both_ends(pads)}
    return {"kernel_shape": list(kernel), "strides": list(strides), **where}


def _both_ends(pads: Sequence[Pads]) -> list[int]:
    return [pair[end] for end in range(2) for pair in pads]


def _padded_as_it_runs(draft: Draft, call: Call) -> Value:
    """Write "same" as operations on the sizes that the images will have."""
    layer: Any = call.layer
    x, strides = draft.turned(call.x, CHANNELS_FIRST), draft.integers("strides", layer.strides)
    axes = [Axis(1, layer.kernel_size[i], dilation=layer.dilation_rate[i]) for i in range(2)]
    zero, one, two = (draft.integers(name, [number]) for name, number in (("zero", 0), ("one", 1), ("two", 2)))
    sizes = draft.step("Shape", x.key, start=2)
    moves = draft.step("Div", draft.step("Sub", sizes, one), strides)  # from one window to the next
    needed = draft.step("Add", draft.step("Mul", moves, strides), draft.integers("reach", [axis.reach for axis in axes]))
    total = draft.step("Max", draft.step("Sub", needed, sizes), zero)
    before = draft.step("Div", total, two)
    edge = draft.integers("edge", np.zeros(2, np.int64))
    pads = draft.step("Concat", edge, before, edge, draft.step("Sub", total, before), axis=0)
    return draft.then("Pad", x, pads)
