"""Single arguments become arrays of real numbers, whole numbers and words, or an error that explains."""

import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convstep.checks.words import counted, refusal, shown
from convstep.errors import ArgumentTypeError, ShapeError

Array: TypeAlias = NDArray[Any]
DType: TypeAlias = np.dtype[Any]
Given: TypeAlias = Mapping[str, object]

ADDRESS_SPACE = 2**47  # bytes that one process can address on today's 64-bit machines
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
SYNONYMS = {"mean": "average", "kernel_size": "f", "pool_size": "f", "filter_size": "f"}
KINDS = {
    "U": "text",
    "T": "text",
    "S": "bytes",
    "c": "complex numbers",
    "M": "dates",
    "m": "spans of time",
}


# --- arrays and their types ---


def array(op: str, name: str, value: ArrayLike, axes: tuple[str, ...]) -> Array:
    """Return `value` as an array of real numbers with these axes; only an axis called m may be empty."""
    read = numbers(op, name, value)
    if read.ndim != len(axes):
        raise refusal(op, f"{name} must have {len(axes)} axes ({', '.join(axes)}), not {read.ndim}", {name: read})
    if read.size == 0:
        for axis, size in zip(axes, read.shape, strict=True):
            if size == 0 and axis != "m":
                raise refusal(op, f"{name} has no cells: its axis {axis} is 0 long", {name: read})
    return read


def numbers(op: str, name: str, value: ArrayLike) -> Array:
    """Return `value` as an array of real numbers in the machine's own byte order."""
    if type(value) is np.ndarray and value.dtype in FLOATS:
        return value  # most arrays by far
    try:
        read = np.asarray(value)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever a stranger's __array__ raises, the fact for the caller is this one
        raise refusal(op, f"{name} cannot be read as an array of numbers", {name: value}, kind=ArgumentTypeError) from None
    if masked := _masked(value):
        fact = f"{name} has {counted(masked, 'masked cell')} to fill first"
        of, inside = name.removesuffix(" in the cache"), type(value) in {list, tuple}  # NumPy's `filled` drops the masks inside a list
        advice = f"np.ma.filled(array, 0) for each masked array in {of}" if inside else f"np.ma.filled({of}, 0)"
        raise refusal(op, fact, {name: read}, advice, ArgumentTypeError)
    if read.dtype.kind not in "buif":
        raise refusal(op, f"{name} must hold real numbers, not {_held(read)}", {name: value}, kind=ArgumentTypeError)
    return read.astype(read.dtype.newbyteorder("="), copy=False)


def _held(read: Array) -> str:
    """Return what an array holds instead of real numbers."""
    if read.dtype.kind != "O":
        return KINDS.get(read.dtype.kind, read.dtype.name if read.dtype.names is None else "records")
    if any(type(item) is int and not -(2**63) <= item < 2**64 for item in read.flat):
        return "whole numbers beyond 64 bits"
    return "objects" if read.ndim else shown(read[()])


def _masked(value: object) -> int:
    """Count the masked cells of an array, or of the arrays in a list."""
    if type(value) in {list, tuple}:
        return sum(map(_masked, value))  # type: ignore[call-overload]
    return int(np.ma.getmaskarray(np.ma.asarray(value)).sum()) if issubclass(type(value), np.ma.MaskedArray) else 0


def result_type(*arrays: Array) -> DType:
    """Return the type of the results: whole numbers and booleans count as float64, mixed floats promote as in NumPy."""
    dtype = arrays[0].dtype
    if dtype in FLOATS and all(x.dtype == dtype for x in arrays):
        return dtype
    return np.result_type(*(x.dtype if x.dtype.kind == "f" else np.dtype(np.float64) for x in arrays))


def accumulator(dtype: DType) -> DType:
    """Return the type that sums are formed in: float32 for float16, else the type itself."""
    return FLOATS[0] if dtype.char == "e" else dtype


def cast(op: str, name: str, values: Array, dtype: DType, given: Given) -> Array:
    """Return the values in this type, the array itself where it has it."""
    if values.dtype == dtype:
        return values
    fits_memory(op, f"a copy of {name} as {dtype.name}", values.shape, dtype, given)
    return values.astype(dtype)


def gradient(op: str, name: str, value: ArrayLike, output: str, shape: tuple[int, ...]) -> Array:
    """Return the gradient `value`, which must have exactly the shape of the forward output."""
    read = numbers(op, name, value)
    if read.shape != shape:
        raise refusal(op, f"{name} must have the shape of {output}, {shape}, not {read.shape}", {name: read})
    return read


def fits_memory(op: str, name: str, shape: tuple[int, ...], dtype: DType, given: Given) -> None:
    """Refuse an array that no address space could hold, before anything is allocated."""
    size = (math.prod(shape) or math.prod(max(cells, 1) for cells in shape)) * dtype.itemsize
    if size >= ADDRESS_SPACE:
        fact = f"{name} would take {shown(size)} bytes, and one process can address less than {ADDRESS_SPACE}"
        raise refusal(op, fact, given)


# --- numbers, words and options ---


def whole(op: str, name: str, value: object, least: int, *, other: str = "") -> int:
    """Return a whole number >= least. True, 2.0 and arrays are no whole numbers. `other` says what else would do."""
    rule = f"{name} must be a whole number >= {least}{other}"
    kind = type(value)
    if not issubclass(kind, int | np.integer) or issubclass(kind, bool | np.timedelta64):
        raise refusal(op, f"{rule}, not {shown(value)}", {name: value}, kind=ArgumentTypeError)
    number = int.__int__(value) if isinstance(value, int) else int(value)  # type: ignore[call-overload]
    if number < least:
        raise refusal(op, f"{rule}, not {shown(number)}", {name: number})
    return number


def items(value: object) -> tuple[Any, ...] | None:
    """Return the items of a tuple or list, and None for anything else."""
    if not issubclass(type(value), tuple | list):
        return None
    try:
        return tuple(value)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - a stranger's tuple may raise anything
        return None


def listed(op: str, name: str, value: object) -> tuple[Any, ...]:
    """Return the items of a tuple or list, and refuse anything else."""
    found = items(value)
    if found is None:
        raise refusal(op, f"{name} must be a tuple or list, not {shown(value)}", {name: value}, kind=ArgumentTypeError)
    return found


def word(value: object) -> str | None:
    """Return a text as Python's own str, and None for anything else."""
    return str.__str__(value) if issubclass(type(value), str) else None


def one_of(op: str, name: str, value: object, allowed: Sequence[str]) -> str:
    """Return one of the allowed words, and refuse anything else."""
    text = word(value)
    if text is not None and text in allowed:
        return text
    words = " or ".join(f'"{one}"' for one in allowed)
    near = (text or "").strip().lower()
    meant = _near(near, allowed) or [one for one in allowed if near and one.startswith(near[:2])]
    fact = f"{name} must be {words}, not {shown(value)}" + "".join(f' (did you mean "{one}"?)' for one in meant[:1])
    raise refusal(op, fact, {name: value}, kind=ArgumentTypeError if text is None else ShapeError)


def options(op: str, hparameters: object, keys: tuple[str, ...], *, where: str = "") -> dict[str, Any]:
    """Return the hyperparameters as a dict with exactly these keys; `where` says where they are found, if not in the call itself."""
    known = " and ".join(f'"{key}"' for key in keys)
    given, name = {"hparameters": hparameters}, f"hparameters{where}"
    if not issubclass(type(hparameters), Mapping):
        raise refusal(op, f"{name} must be a mapping with the keys {known}", given, kind=ArgumentTypeError)
    try:
        values = dict(hparameters)  # type: ignore[call-overload]
    except Exception:  # noqa: BLE001 - a stranger's mapping may raise anything
        raise refusal(op, f"{name} cannot be read as a mapping", given, kind=ArgumentTypeError) from None
    named = {word(key): value for key, value in values.items()}
    for key in values:
        text = word(key)
        if text not in keys:
            raise refusal(op, f"{name} has a key {shown(key)}{_meant(text, keys)}; its keys are {known}", given)
    for key in keys:
        if key not in named:
            raise refusal(op, f'{name} has no key "{key}"; its keys are {known}', given)
    return {key: named[key] for key in keys}


def _near(text: str, words: Sequence[str]) -> list[str]:
    """Return the word that a text stands for or is nearest to, if there is one."""
    return [SYNONYMS[text]] if SYNONYMS.get(text) in words else get_close_matches(text, words, n=1)


def _meant(key: str | None, keys: tuple[str, ...]) -> str:
    """Return what somebody who wrote this key may have meant."""
    text = (key or "").strip().lower()
    if "pad" not in keys and text.startswith("pad"):
        return " (pooling has no padding)"
    near = _near(text, keys)
    return f' (did you mean "{near[0]}"?)' if near else ""
