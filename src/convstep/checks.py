"""Arguments become arrays, whole numbers and windows here, or an error that explains: the only place that validates.

One rule: line 1 of an error is `operation: the fact, with both numbers`, line 2 is what was given, in the caller's own names.
"""

import functools
import math
import reprlib
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple, ParamSpec, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convstep.errors import ArgumentTypeError, OutOfMemoryError, ShapeError
from convstep.geometry import Axis, Padding, Window2d

Array: TypeAlias = NDArray[Any]
DType: TypeAlias = np.dtype[Any]
Refusal: TypeAlias = ShapeError | ArgumentTypeError
P = ParamSpec("P")
R = TypeVar("R")

IMAGES = ("m", "n_H", "n_W", "n_C")
IMAGES_PREV = ("m", "n_H_prev", "n_W_prev", "n_C_prev")
FILTERS = ("f", "f", "n_C_prev", "n_C")
SLICE = ("f", "f", "n_C_prev")
ADDRESS_SPACE = 2**47  # bytes that one process can address on today's 64-bit machines
MODES = ("max", "average")
FEW, LONG, BITS = 6, 70, 256  # how many items, characters and bits of a value an error shows
KINDS = {"U": "text", "S": "bytes", "O": "objects", "c": "complex numbers", "M": "dates", "m": "spans of time"}


class Convolution(NamedTuple):
    """What a convolution works on: arrays in the type it adds up in, its window, and the type of its results."""

    A_prev: Array
    W: Array
    b: Array
    window: Window2d
    dtype: DType


class Pooling(NamedTuple):
    """What pooling works on: the images in the type it adds up in, its window, and the type of its results."""

    A_prev: Array
    window: Window2d
    dtype: DType


def public(function: Callable[P, R]) -> Callable[P, R]:
    """Let NaN and infinity flow as IEEE 754 has them, without warnings, and say which operation ran out of memory."""

    @functools.wraps(function)
    def checked(*arguments: P.args, **keywords: P.kwargs) -> R:
        with np.errstate(all="ignore"):
            try:
                return function(*arguments, **keywords)
            except OutOfMemoryError:
                raise
            except MemoryError as error:
                message = f"{function.__name__}: the machine has too little memory for this size\n  given {_call(arguments, keywords)}"
                raise OutOfMemoryError(message) from error

    return checked


# --- The eight functions ---


def padding(op: str, X: ArrayLike, pad: int) -> tuple[Array, int]:
    """Check the arguments of `zero_pad`."""
    images, width = array(op, "X", X, IMAGES), whole(op, "pad", pad, 0)
    dtype = result_type(images)
    m, n_H, n_W, n_C = images.shape
    fits_memory(op, "X_pad", (m, n_H + 2 * width, n_W + 2 * width, n_C), dtype, {"X": images, "pad": width})
    return images.astype(dtype, copy=False), width


def single_step(op: str, a_slice_prev: ArrayLike, W: ArrayLike, b: ArrayLike) -> tuple[Array, Array, Array, DType]:
    """Check the arguments of `conv_single_step`; a bias that is a plain number counts as (1, 1, 1)."""
    a, w = array(op, "a_slice_prev", a_slice_prev, SLICE), array(op, "W", W, SLICE)
    bias = numbers(op, "b", b)
    if a.shape != w.shape:
        raise refusal(op, f"a_slice_prev is {a.shape} but W is {w.shape}: both must have one shape", {"a_slice_prev": a, "W": w})
    if bias.shape not in {(), (1, 1, 1)}:
        raise refusal(op, f"b must be one number, of shape (1, 1, 1), not {bias.shape}", {"a_slice_prev": a, "W": w, "b": bias})
    weak = isinstance(b, (int, float)) and not isinstance(b, np.generic)
    dtype = result_type(a, w) if weak else result_type(a, w, bias)
    compute = accumulator(dtype)
    return a.astype(compute, copy=False), w.astype(compute, copy=False), bias.astype(compute).reshape(1, 1, 1), dtype


def convolution(op: str, A_prev: ArrayLike, W: ArrayLike, b: ArrayLike, hparameters: Mapping[str, Any]) -> Convolution:
    """Check the arguments of `conv_forward`."""
    a, w, bias = array(op, "A_prev", A_prev, IMAGES_PREV), array(op, "W", W, FILTERS), numbers(op, "b", b)
    given = {"A_prev": a, "W": w, "b": bias, "hparameters": hparameters}
    values = options(op, hparameters, ("stride", "pad"))
    stride, pad = whole(op, 'hparameters["stride"]', values["stride"], 1), _pad(op, values["pad"])
    _filters_fit_images(op, a.shape, w.shape, given)
    if bias.shape != (1, 1, 1, w.shape[3]):
        advice = f"b.reshape(1, 1, 1, {w.shape[3]})" if bias.size == w.shape[3] else ""
        raise refusal(op, f"b must have the shape (1, 1, 1, n_C) = (1, 1, 1, {w.shape[3]}), not {bias.shape}", given, advice)
    window = sliding_window(op, a.shape[1:3], w.shape[:2], stride, pad, given)
    dtype = result_type(a, w, bias)
    compute = accumulator(dtype)
    fits_memory(op, "the padded A_prev", (a.shape[0], *window.padded, a.shape[3]), compute, given)
    fits_memory(op, "Z", (a.shape[0], *window.out, w.shape[3]), compute, given)
    a, w, bias = (x.astype(compute, copy=False) for x in (a, w, bias))
    return Convolution(a, w, bias, window, dtype)


def convolution_gradient(op: str, dZ: ArrayLike, cache: Sequence[Any]) -> tuple[Array, Convolution]:
    """Check the arguments of `conv_backward`: its cache as `conv_forward` checks them, then dZ against the shape of Z."""
    forward = convolution(op, *_cache(op, cache, "conv_forward"))
    a, w = forward.A_prev, forward.W
    dz = gradient(op, "dZ", dZ, "Z", (a.shape[0], *forward.window.out, w.shape[3]))
    dtype = np.result_type(forward.dtype, result_type(dz))
    compute = accumulator(dtype)
    dz, a, w, bias = (x.astype(compute, copy=False) for x in (dz, a, w, forward.b))
    return dz, Convolution(a, w, bias, forward.window, dtype)


def pooling(op: str, A_prev: ArrayLike, hparameters: Mapping[str, Any], mode: str) -> Pooling:
    """Check the arguments of `pool_forward`."""
    a = array(op, "A_prev", A_prev, IMAGES_PREV)
    values = options(op, hparameters, ("f", "stride"))
    f, stride = (whole(op, f'hparameters["{key}"]', values[key], 1) for key in ("f", "stride"))
    one_of(op, "mode", mode, MODES)
    window = sliding_window(op, a.shape[1:3], (f, f), stride, 0, {"A_prev": a, "hparameters": hparameters})
    dtype = result_type(a)
    return Pooling(a.astype(accumulator(dtype), copy=False), window, dtype)


def pooling_gradient(op: str, dA: ArrayLike, cache: Sequence[Any], mode: str) -> tuple[Array, Pooling]:
    """Check the arguments of `pool_backward`: its cache as `pool_forward` checks them, then dA against the shape of A."""
    A_prev, hparameters = _cache(op, cache, "pool_forward")
    forward = pooling(op, A_prev, hparameters, mode)
    m, n_C = forward.A_prev.shape[0], forward.A_prev.shape[3]
    da = gradient(op, "dA", dA, "A", (m, *forward.window.out, n_C))
    dtype = np.result_type(forward.dtype, result_type(da))
    compute = accumulator(dtype)
    return da.astype(compute, copy=False), Pooling(forward.A_prev.astype(compute, copy=False), forward.window, dtype)


def mask_window(op: str, x: ArrayLike) -> Array:
    """Check the argument of `create_mask_from_window`; whole numbers stay whole, so that large ones are compared exactly."""
    return array(op, "x", x, ("n_H", "n_W"))


def share(op: str, dz: ArrayLike, shape: Sequence[int]) -> tuple[Array, tuple[int, int], DType]:
    """Check the arguments of `distribute_value`."""
    value = numbers(op, "dz", dz)
    if value.shape != ():
        raise refusal(op, f"dz must be one number, not an array of shape {value.shape}", {"dz": value})
    if not isinstance(shape, tuple | list) or len(shape) != len(("n_H", "n_W")):
        raise refusal(op, "shape must be a pair of whole numbers (n_H, n_W)", {"shape": shape}, kind=ArgumentTypeError)
    n_H, n_W = (whole(op, f"shape[{axis}]", size, 1) for axis, size in enumerate(shape))
    dtype = result_type(value)
    fits_memory(op, "the result", (n_H, n_W), dtype, {"shape": shape})
    return value.astype(accumulator(dtype)), (n_H, n_W), dtype


# --- Arrays and their types ---


def array(op: str, name: str, value: ArrayLike, axes: tuple[str, ...]) -> Array:
    """Return `value` as an array of real numbers with these axes; only an axis called m may be empty."""
    read = numbers(op, name, value)
    if read.ndim != len(axes):
        raise refusal(op, f"{name} must have {len(axes)} axes ({', '.join(axes)}), not {read.ndim}", {name: read})
    for axis, size in zip(axes, read.shape, strict=True):
        if size == 0 and axis != "m":
            raise refusal(op, f"{name} has no cells: its axis {axis} is 0 long", {name: read})
    return read


def numbers(op: str, name: str, value: ArrayLike) -> Array:
    """Return `value` as an array of real numbers in the machine's own byte order."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        fact = f"{name} has {int(np.ma.getmaskarray(value).sum())} masked cells: fill them first"
        raise refusal(op, fact, {name: np.asarray(value)}, f"{name}.filled(0)", ArgumentTypeError)
    try:
        read = np.asarray(value)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever a stranger's __array__ raises, the fact for the caller is this one
        raise refusal(op, f"{name} cannot be read as an array of numbers", {name: value}, kind=ArgumentTypeError) from None
    if read.dtype.kind not in "buif":
        fact = f"{name} must hold real numbers, not {KINDS.get(read.dtype.kind, 'records')}"
        raise refusal(op, fact, {name: value}, kind=ArgumentTypeError)
    return read.astype(read.dtype.newbyteorder("="), copy=False)


def result_type(*arrays: Array) -> DType:
    """Return the type of the results: whole numbers and booleans count as float64, mixed floats promote as in NumPy."""
    return np.result_type(*(x.dtype if x.dtype.kind == "f" else np.dtype(np.float64) for x in arrays))


def accumulator(dtype: DType) -> DType:
    """Return the type that sums are formed in: float32 for float16, else the type itself."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def gradient(op: str, name: str, value: ArrayLike, output: str, shape: tuple[int, ...]) -> Array:
    """Return the gradient `value`, which must have exactly the shape of the forward output."""
    read = numbers(op, name, value)
    if read.shape != shape:
        raise refusal(op, f"{name} must have the shape of {output}, {shape}, not {read.shape}", {name: read})
    return read


def fits_memory(op: str, name: str, shape: tuple[int, ...], dtype: DType, given: Mapping[str, object]) -> None:
    """Refuse an array that no address space could hold, before anything is allocated."""
    size = math.prod(max(cells, 1) for cells in shape) * dtype.itemsize
    if size > ADDRESS_SPACE:
        fact = f"{name} would take {shown(size)} bytes, more than the {ADDRESS_SPACE} that one process can address"
        raise refusal(op, fact, given)


# --- Numbers, names and options ---


def whole(op: str, name: str, value: object, least: int) -> int:
    """Return a whole number >= least. True, 2.0 and arrays are no whole numbers."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, (bool, np.timedelta64)):
        raise refusal(op, f"{name} must be a whole number >= {least}, not {shown(value)}", {name: value}, kind=ArgumentTypeError)
    number = int(value)
    if number < least:
        raise refusal(op, f"{name} must be a whole number >= {least}, not {shown(number)}", {name: number})
    return number


def one_of(op: str, name: str, value: object, allowed: Sequence[str]) -> None:
    """Refuse anything but one of the allowed words."""
    if isinstance(value, str) and value in allowed:
        return
    words = " or ".join(f'"{word}"' for word in allowed)
    nearest = [word for word in allowed if isinstance(value, str) and value and word.startswith(value.lower()[:2])]
    fact = f"{name} must be {words}, not {shown(value)}" + "".join(f' (did you mean "{word}"?)' for word in nearest[:1])
    raise refusal(op, fact, {name: value}, kind=ShapeError if isinstance(value, str) else ArgumentTypeError)


def options(op: str, hparameters: object, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the hyperparameters as a dict with exactly these keys."""
    known = " and ".join(f'"{key}"' for key in keys)
    if not isinstance(hparameters, Mapping):
        fact = f"hparameters must be a mapping with the keys {known}"
        raise refusal(op, fact, {"hparameters": hparameters}, kind=ArgumentTypeError)
    try:
        values = dict(hparameters)
    except Exception:  # noqa: BLE001 - a stranger's mapping may raise anything
        raise refusal(op, "hparameters cannot be read as a mapping", {"hparameters": hparameters}, kind=ArgumentTypeError) from None
    for key in values:
        if key not in keys:
            nearest = get_close_matches(key.lower(), keys, n=1) if isinstance(key, str) else []
            meant = f' (did you mean "{nearest[0]}"?)' if nearest else ""
            raise refusal(op, f"hparameters has a key {shown(key)}{meant}; its keys are {known}", {"hparameters": hparameters})
    for key in keys:
        if key not in values:
            raise refusal(op, f'hparameters has no key "{key}"; its keys are {known}', {"hparameters": hparameters})
    return values


# --- Windows ---


def sliding_window(
    op: str, sizes: tuple[int, ...], kernel: tuple[int, ...], stride: int, pad: Padding, given: Mapping[str, object]
) -> Window2d:
    """Return the window, which must fit at least once into the padded image."""
    window = Window2d(*(Axis.padded_by(pad, size, f, stride=stride) for size, f in zip(sizes, kernel, strict=True)))
    for axis, name in ((window.height, "rows"), (window.width, "columns")):
        if axis.out < 1:
            padded = f"{shown(axis.padded)} {name}" + (f" with its padding of {axis.pad[0]} and {axis.pad[1]}" if any(axis.pad) else "")
            raise refusal(op, f"the window does not fit: f = {shown(axis.kernel)}, but the image has {padded}", given)
    return window


def _pad(op: str, value: object) -> Padding:
    """Return the padding of a convolution: a whole number, or "same"."""
    name = 'hparameters["pad"]'
    if isinstance(value, str):
        if value != "same":
            raise refusal(op, f'{name} must be a whole number >= 0 or "same", not {shown(value)}', {name: value})
        return "same"
    return whole(op, name, value, 0)


def _filters_fit_images(op: str, images: tuple[int, ...], filters: tuple[int, ...], given: Mapping[str, object]) -> None:
    """Refuse filters that are not square or have other channels than the images, and name the convention that they look like."""
    channels = images[3]
    torch_filters = filters[1] == channels and filters[2] == filters[3]
    channels_first = images[1] == filters[2]
    if filters[0] != filters[1]:
        advice = "W.transpose(2, 3, 1, 0), if W is laid out as in PyTorch (n_C, n_C_prev, f, f)" if filters[2] == filters[3] else ""
        raise refusal(op, f"W must be square, but its first two axes are {filters[0]} and {filters[1]}", given, advice)
    if filters[2] != channels:
        fact = f"A_prev has {channels} channels but W expects {filters[2]} (last axis of A_prev, third axis of W)"
        advice = ""
        if torch_filters:
            advice = "W.transpose(2, 3, 1, 0), if W is laid out as in PyTorch (n_C, n_C_prev, f, f)"
        elif channels_first:
            advice = "A_prev.transpose(0, 2, 3, 1), if A_prev has its channels first (m, n_C, n_H, n_W)"
        raise refusal(op, fact, given, advice)


def _cache(op: str, cache: Sequence[Any], maker: str) -> Sequence[Any]:
    """Return the parts of the cache that `maker` returned."""
    parts = {"conv_forward": ("A_prev", "W", "b", "hparameters"), "pool_forward": ("A_prev", "hparameters")}
    names = parts[maker]
    if isinstance(cache, tuple | list) and len(cache) == len(names):
        return cache
    what = shown(cache)
    if isinstance(cache, tuple | list):
        other = next((f", as from {name}" for name, those in parts.items() if name != maker and len(those) == len(cache)), "")
        what = f"a {type(cache).__name__} of {len(cache)}{other}"
    fact = f"cache must be the tuple ({', '.join(names)}) of {maker}, not {what}"
    raise refusal(op, fact, {"cache": cache}, kind=ArgumentTypeError)


# --- Words ---


def refusal(op: str, fact: str, given: Mapping[str, object], advice: str = "", kind: type[Refusal] = ShapeError) -> Refusal:
    """Return the error: the fact in line 1, what was given in line 2, and what to give instead if that is known."""
    try_this = f"; try {advice}" if advice else ""
    return kind(f"{op}: {fact}\n  given {_call((), given)}{try_this}")


def shown(value: object, depth: int = 2) -> str:
    """Return a short text for any value, an array as its shape, whatever its own repr would do."""
    if isinstance(value, np.ndarray):
        return f"{value.shape}" if value.dtype.kind == "f" else f"{value.shape} of {value.dtype.name}"
    if isinstance(value, int) and value.bit_length() > BITS:
        return f"{'-' if value < 0 else ''}2**{value.bit_length() - 1} or more"
    if depth and type(value) is tuple and len(value) <= FEW:
        return f"({', '.join(shown(item, depth - 1) for item in value)})"
    if depth and type(value) is dict and len(value) <= FEW:
        return f"{{{', '.join(f'{shown(key, 0)}: {shown(item, depth - 1)}' for key, item in value.items())}}}"
    brief = reprlib.Repr()
    brief.maxstring = brief.maxother = brief.maxlong = LONG
    try:
        return " ".join(brief.repr(value).split())
    except Exception:  # noqa: BLE001 - a stranger's __repr__ may raise anything
        return f"a {type(value).__name__}"


def _call(arguments: Sequence[object], keywords: Mapping[str, object]) -> str:
    return ", ".join([*(shown(value) for value in arguments), *(f"{name} {shown(value)}" for name, value in keywords.items())])
