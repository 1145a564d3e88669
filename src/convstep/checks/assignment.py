"""The doors of the eight functions: their arguments become arrays in the type that sums are formed in, a window, a result type."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

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
    items,
    numbers,
    one_of,
    options,
    result_type,
    whole,
    word,
)
from convstep.checks.words import counted, extent, refusal, shown
from convstep.errors import ArgumentTypeError
from convstep.geometry import Axis, Padding, Window2d

IMAGES = ("m", "n_H", "n_W", "n_C")
IMAGES_PREV = ("m", "n_H_prev", "n_W_prev", "n_C_prev")
FILTERS = ("f", "f", "n_C_prev", "n_C")
SLICE = ("f", "f", "n_C_prev")
MODES = ("max", "average")
CACHES = {"conv_forward": ("A_prev", "W", "b", "hparameters"), "pool_forward": ("A_prev", "hparameters")}


class Convolution(NamedTuple):
    """What a convolution works on: arrays in the type it adds up in, its window, and the type of its results."""

    A_prev: Array
    W: Array
    b: Array
    window: Window2d
    dtype: DType


class Pooling(NamedTuple):
    """What pooling works on: the images in the type it adds up in, its window and mode, and the type of its results."""

    A_prev: Array
    window: Window2d
    mode: str
    dtype: DType


def padding(op: str, X: ArrayLike, pad: int) -> tuple[Array, int]:
    """Check the arguments of `zero_pad`."""
    images, width = array(op, "X", X, IMAGES), whole(op, "pad", pad, 0)
    dtype = result_type(images)
    m, n_H, n_W, n_C = images.shape
    given = {"X": images, "pad": width}
    fits_memory(op, "X_pad", (m, n_H + 2 * width, n_W + 2 * width, n_C), dtype, given)
    return cast(op, "X", images, dtype, given), width


def single_step(op: str, a_slice_prev: ArrayLike, W: ArrayLike, b: ArrayLike) -> tuple[Array, Array, Array, DType]:
    """Check the arguments of `conv_single_step`; a bias that is a plain number counts as (1, 1, 1)."""
    a, w, bias = array(op, "a_slice_prev", a_slice_prev, SLICE), array(op, "W", W, SLICE), numbers(op, "b", b)
    given = {"a_slice_prev": a, "W": w, "b": bias}
    if a.shape != w.shape:
        raise refusal(op, f"a_slice_prev is {a.shape} but W is {w.shape}: both must have one shape", given)
    if bias.shape not in {(), (1, 1, 1)}:
        raise refusal(op, f"b must be one number, of shape (1, 1, 1), not {bias.shape}", given)
    weak = type(b) in {int, float, bool}
    dtype = result_type(a, w) if weak else result_type(a, w, bias)
    compute = accumulator(dtype)
    a, w, bias = (cast(op, name, item, compute, given) for name, item in (("a_slice_prev", a), ("W", w), ("b", bias)))
    return a, w, bias.reshape(1, 1, 1), dtype


def convolution(op: str, A_prev: ArrayLike, W: ArrayLike, b: ArrayLike, hparameters: Mapping[str, Any], *, where: str = "") -> Convolution:
    """Check the arguments of `conv_forward`; `where` says where they are found, if not in the call itself."""
    a, w, bias = array(op, f"A_prev{where}", A_prev, IMAGES_PREV), array(op, f"W{where}", W, FILTERS), numbers(op, f"b{where}", b)
    given = {"A_prev": a, "W": w, "b": bias, "hparameters": hparameters}
    values = options(op, hparameters, ("stride", "pad"), where=where)
    stride, pad = whole(op, f'hparameters["stride"]{where}', values["stride"], 1), _pad(op, f'hparameters["pad"]{where}', values["pad"])
    _filters_fit_images(op, a.shape, w.shape, given, where)
    n_C = w.shape[3]
    if bias.shape != (1, 1, 1, n_C):
        advice = f"np.reshape(b, (1, 1, 1, {n_C}))" if bias.size == n_C else ""
        raise refusal(op, f"b{where} must have the shape (1, 1, 1, n_C) = (1, 1, 1, {n_C}), not {bias.shape}", given, advice)
    window = sliding_window(op, a.shape[1:3], w.shape[:2], stride, pad, given)
    dtype = result_type(a, w, bias)
    compute = accumulator(dtype)
    fits_memory(op, "the padded A_prev", (a.shape[0], *window.padded, a.shape[3]), compute, given)
    fits_memory(op, "Z", (a.shape[0], *window.out, n_C), compute, given)
    a, w, bias = (cast(op, name, item, compute, given) for name, item in (("A_prev", a), ("W", w), ("b", bias)))
    return Convolution(a, w, bias, window, dtype)


def convolution_gradient(op: str, dZ: ArrayLike, cache: Sequence[Any]) -> tuple[Array, Convolution]:
    """Check the arguments of `conv_backward`: its cache as `conv_forward` checks them, then dZ against the shape of Z."""
    A_prev, W, b, hparameters = _cache(op, cache, "conv_forward")
    forward = convolution(op, A_prev, W, b, hparameters, where=" in the cache")
    dz = gradient(op, "dZ", dZ, "Z", (forward.A_prev.shape[0], *forward.window.out, forward.W.shape[3]))
    dtype = np.result_type(forward.dtype, result_type(dz))
    arrays = {"dZ": dz, "A_prev": forward.A_prev, "W": forward.W, "b": forward.b}
    dz, a, w, bias = (cast(op, name, item, accumulator(dtype), arrays) for name, item in arrays.items())
    return dz, Convolution(a, w, bias, forward.window, dtype)


def pooling(op: str, A_prev: ArrayLike, hparameters: Mapping[str, Any], mode: str, *, where: str = "") -> Pooling:
    """Check the arguments of `pool_forward`; `where` says where they are found, if not in the call itself."""
    a = array(op, f"A_prev{where}", A_prev, IMAGES_PREV)
    values = options(op, hparameters, ("f", "stride"), where=where)
    f, stride = (whole(op, f'hparameters["{key}"]{where}', values[key], 1) for key in ("f", "stride"))
    mode = one_of(op, "mode", mode, MODES)
    given = {"A_prev": a, "hparameters": hparameters}
    window = sliding_window(op, a.shape[1:3], (f, f), stride, 0, given)
    dtype = result_type(a)
    fits_memory(op, "A", (a.shape[0], *window.out, a.shape[3]), accumulator(dtype), given)
    return Pooling(cast(op, "A_prev", a, accumulator(dtype), given), window, mode, dtype)


def pooling_gradient(op: str, dA: ArrayLike, cache: Sequence[Any], mode: str) -> tuple[Array, Pooling]:
    """Check the arguments of `pool_backward`: its cache as `pool_forward` checks them, then dA against the shape of A."""
    A_prev, hparameters = _cache(op, cache, "pool_forward")
    forward = pooling(op, A_prev, hparameters, mode, where=" in the cache")
    da = gradient(op, "dA", dA, "A", (forward.A_prev.shape[0], *forward.window.out, forward.A_prev.shape[3]))
    dtype = np.result_type(forward.dtype, result_type(da))
    arrays = {"dA": da, "A_prev": forward.A_prev}
    fits_memory(op, "dA_prev", forward.A_prev.shape, accumulator(dtype), arrays)
    da, a = (cast(op, name, item, accumulator(dtype), arrays) for name, item in arrays.items())
    return da, Pooling(a, forward.window, forward.mode, dtype)


def mask_window(op: str, x: ArrayLike) -> Array:
    """Check the argument of `create_mask_from_window`; whole numbers stay whole, so that large ones are compared exactly."""
    return array(op, "x", x, ("n_H", "n_W"))


def share(op: str, dz: ArrayLike, shape: Sequence[int]) -> tuple[Array, tuple[int, int], DType]:
    """Check the arguments of `distribute_value`."""
    value = numbers(op, "dz", dz)
    if value.shape != ():
        raise refusal(op, f"dz must be one number, not an array of shape {value.shape}", {"dz": value})
    sizes = items(shape)
    if sizes is None or len(sizes) != 2:
        fact = f"shape must be a pair of whole numbers (n_H, n_W), not {shown(shape)}"
        raise refusal(op, fact, {"shape": shape}, kind=ArgumentTypeError)
    n_H, n_W = (whole(op, f"shape[{axis}]", size, 1) for axis, size in enumerate(sizes))
    dtype = result_type(value)
    fits_memory(op, "the result", (n_H, n_W), accumulator(dtype), {"shape": shape})
    return value.astype(accumulator(dtype)), (n_H, n_W), dtype


# --- windows, filters and caches ---


def sliding_window(op: str, sizes: tuple[int, ...], kernel: tuple[int, ...], stride: int, pad: Padding, given: Given) -> Window2d:
    """Return the window, which must fit at least once into the padded image."""
    window = Window2d(*(Axis.padded_by(pad, size, f, stride=stride) for size, f in zip(sizes, kernel, strict=True)))
    for axis, name in ((window.height, "row"), (window.width, "column")):
        if axis.out < 1:
            raise refusal(op, f"the window does not fit: f = {shown(axis.kernel)}, but the image has {extent(axis, name)}", given)
    return window.bounded()


def _pad(op: str, name: str, value: object) -> Padding:
    """Return the padding of a convolution: a whole number, or "same"."""
    text = word(value)
    if text == "same":
        return "same"
    if text is not None:
        meant = {"same": ' (did you mean "same"?)', "valid": " (did you mean 0?)"}.get(text.strip().lower(), "")
        raise refusal(op, f'{name} must be a whole number >= 0 or "same", not {shown(value)}{meant}', {name: value})
    return whole(op, name, value, 0, other=' or "same"')


def _filters_fit_images(op: str, images: tuple[int, ...], filters: tuple[int, ...], given: Given, where: str) -> None:
    """Refuse filters that are not square or have other channels than the images, and name the convention that they look like."""
    channels = images[3]
    as_in_torch = filters[2] == filters[3] and filters[1] in {channels, images[1]}
    advice = ""
    if as_in_torch:
        advice = "np.transpose(W, (2, 3, 1, 0)), if W is laid out as in PyTorch (n_C, n_C_prev, f, f)"
    elif images[1] == filters[2]:
        advice = "np.transpose(A_prev, (0, 2, 3, 1)), if A_prev has its channels first (m, n_C, n_H, n_W)"
    if filters[0] != filters[1]:
        fact = f"W{where} must be square, but its first two axes are {filters[0]} and {filters[1]}"
        raise refusal(op, fact, given, advice if as_in_torch else "")
    if filters[2] != channels:
        fact = f"A_prev{where} has {counted(channels, 'channel')} but W expects {filters[2]} (last axis of A_prev, third axis of W)"
        raise refusal(op, fact, given, advice)


def _cache(op: str, cache: Sequence[Any], maker: str) -> Sequence[Any]:
    """Return the parts of the cache that `maker` returned."""
    names = CACHES[maker]
    parts = items(cache)
    pair = parts is not None and len(parts) == 2 and _looks_like_cache(parts[1], maker)
    if parts is not None and len(parts) == len(names) and not pair:
        return parts
    what = shown(cache)
    if parts is not None:
        looks = next((f", as from {name}" for name in CACHES if name != maker and _looks_like_cache(parts, name)), "")
        if pair:
            looks = f": the pair that {maker} returns, whose second part is the cache"
        what = f"a {'tuple' if issubclass(type(cache), tuple) else 'list'} of {len(parts)}{looks}"
    fact = f"cache must be the tuple ({', '.join(names)}) of {maker}, not {what}"
    raise refusal(op, fact, {"cache": cache}, kind=ArgumentTypeError)


def _looks_like_cache(value: object, maker: str) -> bool:
    """Say whether this has as many parts as the cache of `maker`, with a mapping as the last."""
    parts = items(value)
    return parts is not None and len(parts) == len(CACHES[maker]) and issubclass(type(parts[-1]), Mapping)
