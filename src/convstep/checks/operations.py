"""The doors of `convstep.ops`: whole batches, the names of the ops, and every option that Keras, PyTorch and ONNX share."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from convstep.checks.values import (
    Array,
    DType,
    Given,
    accumulator,
    array,
    cast,
    fits_memory,
    gradient,
    numbers,
    result_type,
    whole,
    word,
)
from convstep.checks.words import counted, extent, refusal, shown
from convstep.errors import ArgumentTypeError, ConvStepError
from convstep.geometry import Axis, Padding, Window2d

Paddings: TypeAlias = tuple[Padding, Padding]  # of the rows, of the columns
IMAGES = ("m", "height", "width", "channels")
FILTERS = ("rows", "columns", "channels", "filters")
PIXEL = Window2d(Axis(1, 1), Axis(1, 1))


@dataclass(frozen=True)
class Convolution:
    """What a convolution works on: arrays in the type it adds up in, its window, and the type of its results."""

    x: Array
    w: Array
    b: Array | None
    window: Window2d
    groups: int
    dtype: DType


@dataclass(frozen=True)
class Pooling:
    """What pooling works on, and for an average how many cells each window counts."""

    x: Array
    window: Window2d
    dtype: DType
    counts: Array | None = None


def convolution(op: str, x: ArrayLike, w: ArrayLike, b: ArrayLike | None, options: Given) -> Convolution:
    """Check the arguments of `conv2d`: strides, padding, dilation_rate, groups."""
    images, filters, bias, groups, given = _operands(op, x, w, b, options)
    channels = images.shape[3]
    if channels != groups * filters.shape[2]:
        fact = f"x has {counted(channels, 'channel')} but w expects {filters.shape[2]} (last axis of x, third axis of w)"
        if groups > 1:
            fact = f"x has {counted(channels, 'channel')} but w expects {shown(groups)} groups of {filters.shape[2]} (third axis of w)"
        raise refusal(op, fact, given, _other_convention(images.shape, filters.shape))
    if filters.shape[3] % groups:
        raise refusal(op, f"the {filters.shape[3]} filters of w cannot be shared among {groups} groups", given)
    window = _window(op, images.shape, filters.shape[:2], options, given)
    dtype = result_type(images, filters) if bias is None else result_type(images, filters, bias)
    fits_memory(op, "the padded x", (images.shape[0], *window.padded, channels), accumulator(dtype), given)
    fits_memory(op, "y", (images.shape[0], *window.out, filters.shape[3]), accumulator(dtype), given)
    return _cast(op, Convolution(images, filters, bias, window, groups, dtype))


def convolution_gradient(op: str, dy: ArrayLike, x: ArrayLike, w: ArrayLike, options: Given) -> tuple[Array, Convolution]:
    """Check the arguments of `conv2d_backward`."""
    forward = convolution(op, x, w, None, options)
    shape = (forward.x.shape[0], *forward.window.out, forward.w.shape[3])
    return _with_gradient(op, dy, shape, forward)


def transposed(op: str, x: ArrayLike, w: ArrayLike, b: ArrayLike | None, options: Given) -> Convolution:
    """Check the arguments of `conv2d_transpose`; w is (rows, columns, filters, channels)."""
    images, filters, bias, _, given = _operands(op, x, w, b, {**options, "groups": 1}, bias_axis=2)
    if images.shape[3] != filters.shape[3]:
        fact = f"x has {counted(images.shape[3], 'channel')} but w expects {filters.shape[3]} (last axis of x, last axis of w)"
        raise refusal(op, fact, given)
    strides, dilations = pair(op, "strides", options["strides"], 1), pair(op, "dilation_rate", options["dilation_rate"], 1)
    pads, extra = paddings(op, options["padding"]), options["output_padding"]
    extras: tuple[int | None, ...] = (None, None) if extra is None else pair(op, "output_padding", extra, 0)
    axes = [
        Axis.transposed(pads[i], images.shape[1 + i], filters.shape[i], stride=strides[i], dilation=dilations[i], extra=extras[i])
        for i in range(2)
    ]
    for axis, more, name in zip(axes, extras, ("rows", "columns"), strict=True):
        if more is not None and more >= axis.stride:
            fact = f"output_padding must be smaller than the stride, {shown(axis.stride)}, not {shown(more)}"
            raise refusal(op, fact, {"output_padding": extra, "strides": strides})
        if axis.size < 1:
            taken = f"the padding of {shown(axis.pad[0])} and {shown(axis.pad[1])} takes all {name}"
            raise refusal(op, f"nothing is left: {taken}", {**given, "padding": options["padding"]})
    dtype = result_type(*(item for item in (images, filters, bias) if item is not None))
    window = Window2d(*axes).bounded()
    fits_memory(op, "y with its padding", (images.shape[0], *window.padded, filters.shape[2]), accumulator(dtype), given)
    return _cast(op, Convolution(images, filters, bias, window, 1, dtype))


def transposed_gradient(op: str, dy: ArrayLike, x: ArrayLike, w: ArrayLike, options: Given) -> tuple[Array, Convolution]:
    """Check the arguments of `conv2d_transpose_backward`."""
    forward = transposed(op, x, w, None, options)
    shape = (forward.x.shape[0], forward.window.height.size, forward.window.width.size, forward.w.shape[2])
    return _with_gradient(op, dy, shape, forward)


def pooling(op: str, x: ArrayLike, pool_size: Any, options: Given) -> Pooling:
    """Check the arguments of the pooling operations: strides, padding, ceil_mode, dilation_rate (max), count_include_pad (average)."""
    images = array(op, "x", x, IMAGES)
    given = {"x": images, "pool_size": pool_size}
    key = _key((pool_size, *options.values()))
    known = _known_pooling(images.shape[1:3], tuple(options), key) if key else None
    window, counts = known or _pooling(op, images.shape, pool_size, options, given)
    dtype = result_type(images)
    fits_memory(op, "the padded x", (images.shape[0], *window.padded, images.shape[3]), accumulator(dtype), given)
    fits_memory(op, "y", (images.shape[0], *window.out, images.shape[3]), accumulator(dtype), given)
    read = cast(op, "x", images, accumulator(dtype), given)
    return Pooling(read, window, dtype, None if counts is None else counts.astype(read.dtype))


def pooling_gradient(op: str, dy: ArrayLike, x: ArrayLike, pool_size: Any, options: Given) -> tuple[Array, Pooling]:
    """Check the arguments of the backward pooling operations."""
    forward = pooling(op, x, pool_size, options)
    m, channels = forward.x.shape[0], forward.x.shape[3]
    dz = gradient(op, "dy", dy, "y", (m, *forward.window.out, channels))
    if dz.dtype == forward.dtype == forward.x.dtype:
        return dz, forward
    dtype = np.result_type(forward.dtype, result_type(dz))
    given = {"dy": dz, "x": forward.x}
    dz, images = (cast(op, name, item, accumulator(dtype), given) for name, item in given.items())
    return dz, replace(forward, x=images, dtype=dtype)


def dense(op: str, x: ArrayLike, w: ArrayLike, b: ArrayLike | None) -> tuple[tuple[int, ...], Convolution]:
    """Check the arguments of `dense`; return the shape of x, and the layout as a convolution of single pixels."""
    rows, weights = numbers(op, "x", x), array(op, "w", w, ("channels", "units"))
    given: dict[str, object] = {"x": rows, "w": weights}
    if rows.ndim == 0 or rows.shape[-1] != weights.shape[0]:
        size = rows.shape[-1] if rows.ndim else "no"
        raise refusal(op, f"x has {size} features but w expects {weights.shape[0]} (last axis of x, first axis of w)", given)
    bias = _bias(op, b, weights.shape[1], given)
    dtype = result_type(*(item for item in (rows, weights, bias) if item is not None))
    fits_memory(op, "y", (*rows.shape[:-1], weights.shape[1]), accumulator(dtype), given)
    window = PIXEL
    pixels = rows.reshape(-1, 1, 1, rows.shape[-1])
    return rows.shape, _cast(op, Convolution(pixels, weights[None, None], bias, window, 1, dtype))


def dense_gradient(op: str, dy: ArrayLike, x: ArrayLike, w: ArrayLike) -> tuple[tuple[int, ...], Array, Convolution]:
    """Check the arguments of `dense_backward`; return the shape of x too."""
    shape, forward = dense(op, x, w, None)
    units = forward.w.shape[3]
    dz = gradient(op, "dy", dy, "y", (*shape[:-1], units))
    return shape, *_with_gradient(op, dz.reshape(-1, 1, 1, units), (forward.x.shape[0], 1, 1, units), forward)


# --- options ---


def pair(op: str, name: str, value: Any, least: int) -> tuple[int, int]:
    """Return a whole number twice, or a pair of them."""
    items = _items(value)
    if items is not None:
        if len(items) != 2:
            raise refusal(op, f"{name} must be a whole number or a pair, not {len(items)} values", {name: value}, kind=ArgumentTypeError)
        return whole(op, f"{name}[0]", items[0], least), whole(op, f"{name}[1]", items[1], least)
    number = whole(op, name, value, least)
    return number, number


def paddings(op: str, value: Any) -> Paddings:
    """Return the padding of the rows and of the columns: "valid", "same", or (before, after) pairs."""
    text = word(value)
    text = text.lower() if text is not None and text.lower() in {"valid", "same"} else text
    if text == "valid":
        return "valid", "valid"
    if text == "same":
        return "same", "same"
    if text is not None:
        fact = f'padding must be "valid", "same", a whole number, a pair or two pairs, not {shown(value)}'
        raise refusal(op, fact, {"padding": value})
    items = _items(value) or ()
    if any(_items(item) is not None for item in items):
        if len(items) != 2:
            raise refusal(op, f"padding must be two pairs, not {len(items)}", {"padding": value}, kind=ArgumentTypeError)
        rows, columns = (pair(op, f"padding[{i}]", item, 0) for i, item in enumerate(items))
        return rows, columns
    return pair(op, "padding", value, 0)


def flag(op: str, name: str, value: Any) -> bool:
    """Return True or False."""
    if not issubclass(type(value), bool | np.bool):
        raise refusal(op, f"{name} must be True or False, not {shown(value)}", {name: value}, kind=ArgumentTypeError)
    return bool(value)


def _items(value: Any) -> tuple[Any, ...] | None:
    """Return what a tuple or a list holds, whatever its class makes of that, and None for anything else."""
    kind = next((kind for kind in (tuple, list) if issubclass(type(value), kind)), None)
    return None if kind is None else tuple(kind.__iter__(value))


# --- parts ---


def _operands(
    op: str, x: ArrayLike, w: ArrayLike, b: ArrayLike | None, options: Given, bias_axis: int = 3
) -> tuple[Array, Array, Array | None, int, dict[str, object]]:
    images, filters = array(op, "x", x, IMAGES), array(op, "w", w, FILTERS)
    given: dict[str, object] = {"x": images, "w": filters}
    bias = _bias(op, b, filters.shape[bias_axis], given)
    return images, filters, bias, whole(op, "groups", options["groups"], 1), given


def _bias(op: str, b: ArrayLike | None, filters: int, given: Given) -> Array | None:
    if b is None:
        return None
    bias = numbers(op, "b", b)
    if bias.shape != (filters,):
        raise refusal(
            op,
            f"b must have one number for each of the {filters} outputs, shape ({filters},), not {bias.shape}",
            {**given, "b": bias},
            "np.ravel(b)" if bias.size == filters else "",
        )
    return bias


def _window(op: str, images: tuple[int, ...], kernel: tuple[int, ...], options: Given, given: Given) -> Window2d:
    """Return the window of a convolution, the one of the call before where sizes and options are the same."""
    key = _key((options["strides"], options["padding"], options["dilation_rate"]))
    found = _known_window(images[1:3], kernel, *key) if key else None
    return found or _fitting(op, _axes(op, images, kernel, options), given)


@lru_cache(maxsize=1024)
def _known_window(sizes: tuple[int, ...], kernel: tuple[int, ...], strides: Any, padding: Any, dilation_rate: Any) -> Window2d | None:
    """Return the window, or None where something is wrong with the options, which is for the call to say."""
    options = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    try:
        return _fitting("", _axes("", (0, *sizes), kernel, options), {})
    except ConvStepError:
        return None


class _Constant(NamedTuple):
    """True, False or None in a key, where True must not pass for the 1 that it equals."""

    kind: type
    value: bool | None


def _key(options: Iterable[Any]) -> tuple[Any, ...] | None:
    """Return options as a key that equals that of the very same options alone, or None if they are not Python's own numbers and words."""
    key: list[Any] = []
    for item in options:
        if item is None or type(item) is bool:
            key.append(_Constant(type(item), item))
        elif _is_plain(item):
            key.append(item)
        else:
            return None
    return tuple(key)


def _is_plain(option: Any) -> bool:
    kind = type(option)
    return kind is int or kind is str or (kind is tuple and all(map(_is_plain, option)))


def _pooling(op: str, images: tuple[int, ...], pool_size: Any, options: Given, given: Given) -> tuple[Window2d, Array | None]:
    """Return the window, and for an average how many cells each window counts."""
    size = pair(op, "pool_size", pool_size, 1)
    strides = size if options["strides"] is None else options["strides"]
    axes = explicit = _axes(op, images, size, {"dilation_rate": 1, **options, "strides": strides})
    for axis in axes:
        if max(axis.pad) >= axis.reach:
            fact = f"padding must be smaller than the window, {shown(axis.reach)}, not {shown(max(axis.pad))}: a window needs a cell of x"
            raise refusal(op, fact, {**given, "padding": options["padding"]})
    if flag(op, "ceil_mode", options["ceil_mode"]):
        axes = [axis.rounded_up() for axis in axes]
    window = _fitting(op, axes, given)
    if "count_include_pad" not in options:
        return window, None
    with_pads = flag(op, "count_include_pad", options["count_include_pad"])
    if window.pad == ((0, 0), (0, 0)):
        return window, np.asarray(size[0] * size[1])
    rows, columns = (
        [axis.covered(i, slice(0, bounds.padded) if with_pads else bounds.interior) for i in range(axis.out)]
        for axis, bounds in zip((window.height, window.width), explicit, strict=True)
    )
    return window, np.multiply.outer(rows, columns)[:, :, None]


@lru_cache(maxsize=256)
def _known_pooling(sizes: tuple[int, ...], names: tuple[str, ...], key: tuple[Any, ...]) -> tuple[Window2d, Array | None] | None:
    """Return what `_pooling` returns, or None where something is wrong with the options, which is for the call to say."""
    pool_size, *values = (item.value if isinstance(item, _Constant) else item for item in key)
    try:
        return _pooling("", (0, *sizes, 1), pool_size, dict(zip(names, values, strict=True)), {})
    except ConvStepError:
        return None


def _axes(op: str, images: tuple[int, ...], kernel: tuple[int, ...], options: Given) -> list[Axis]:
    strides, dilations = pair(op, "strides", options["strides"], 1), pair(op, "dilation_rate", options["dilation_rate"], 1)
    pads = paddings(op, options["padding"])
    return [Axis.padded_by(pads[i], images[1 + i], kernel[i], stride=strides[i], dilation=dilations[i]) for i in range(2)]


def _fitting(op: str, axes: list[Axis], given: Given) -> Window2d:
    """Return the window, which must fit at least once into the padded images."""
    for axis, name in zip(axes, ("row", "column"), strict=True):
        if axis.out < 1:
            fact = f"it reaches over {counted(axis.reach, name)}, but x has {extent(axis, name)}"
            raise refusal(op, f"the window does not fit: {fact}", given)
    return Window2d(*axes).bounded()


def _other_convention(images: tuple[int, ...], filters: tuple[int, ...]) -> str:
    if filters[2] == filters[3] and filters[1] in {images[1], images[3]}:
        return "np.transpose(w, (2, 3, 1, 0)), if w is laid out as in PyTorch (filters, channels, rows, columns)"
    if images[1] == filters[2]:
        return "np.transpose(x, (0, 2, 3, 1)), if x has its channels first (m, channels, height, width)"
    return ""


def _with_gradient(op: str, dy: ArrayLike, shape: tuple[int, ...], forward: Convolution) -> tuple[Array, Convolution]:
    dz = gradient(op, "dy", dy, "y", shape)
    if dz.dtype == forward.dtype == forward.x.dtype:
        return dz, forward
    dtype = np.result_type(forward.dtype, result_type(dz))
    return cast(op, "dy", dz, accumulator(dtype), {"dy": dz}), _cast(op, replace(forward, dtype=dtype))


def _cast(op: str, given: Convolution) -> Convolution:
    compute = accumulator(given.dtype)
    if given.x.dtype == given.w.dtype == compute and (given.b is None or given.b.dtype == compute):
        return given
    arrays = {"x": given.x, "w": given.w}
    bias = None if given.b is None else cast(op, "b", given.b, compute, arrays)
    return replace(given, x=cast(op, "x", given.x, compute, arrays), w=cast(op, "w", given.w, compute, arrays), b=bias)
