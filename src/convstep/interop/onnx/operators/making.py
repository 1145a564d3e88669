"""Operators that make values: constants, ranges, other types. One rule: a type is one that NumPy or ml_dtypes has."""

import math
from typing import Any

import numpy as np

from convstep.checks import Array, shown
from convstep.extras import require
from convstep.interop.onnx.operators.operator import Operator
from convstep.interop.onnx.operators.reading import Unfit, flag, listed, only, room, whole
from convstep.interop.onnx.records import Node

TYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    16: "bfloat16",
    17: "float8_e4m3fn",
    18: "float8_e4m3fnuz",
    19: "float8_e5m2",
    20: "float8_e5m2fnuz",
    21: "uint4",
    22: "int4",
    23: "float4_e2m1fn",
    25: "uint2",
    26: "int2",
}


def dtype_of(number: int, op: str = "onnx") -> np.dtype[Any]:
    """Return the type that a file means with a number."""
    name = TYPES.get(number)
    if name is None:
        raise Unfit(f"type {number} is not supported")
    return np.dtype(name) if number < 16 else np.dtype(getattr(require("ml_dtypes", extra="onnx", op=op), name))


def constant(node: Node) -> Array:
    """Return the one value that the attributes hold."""
    held = [name for name in node.attributes if name in CONSTANTS]
    if len(held) != 1:
        raise Unfit(f"it must hold one value, not {len(held)}")
    value, kind = node.get(held[0]), CONSTANTS[held[0]]
    if kind is None:
        if not isinstance(value, np.ndarray):
            raise Unfit(f"its value must be an array, not {shown(value)}")
        return value
    try:
        return np.array(value, kind)
    except (TypeError, ValueError, OverflowError):
        raise Unfit(f"{held[0]} must hold numbers, not {shown(value)}") from None


CONSTANTS: dict[str, Any] = {
    "value": None,
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
}


def constant_of_shape(node: Node, shape: Array) -> Array:
    """Return an array of one number."""
    wanted = listed(shape, "shape")
    if any(size < 0 for size in wanted):
        raise Unfit(f"a shape of {shown(wanted)} is no shape")
    value = np.asarray(node.get("value", np.zeros(1, np.float32)))
    if value.size != 1 or value.dtype.kind == "O":
        raise Unfit(f"value must be one number, not {value.size}")
    return np.full(room(wanted, value.dtype), value.reshape(()), value.dtype)


def spaced(_node: Node, start: Array, limit: Array, delta: Array) -> Array:
    """Return start, start + delta, ... up to the limit, which is left out."""
    first, end, step = only(start, "start"), only(limit, "limit"), only(delta, "delta")
    if step == 0 or not all(map(math.isfinite, (first, end, step))):
        raise Unfit(f"there are no steps of {step} from {first} to {end}")
    count = max(math.ceil((end - first) / step), 0)
    room((count,), start.dtype)
    return (np.arange(count) * delta.reshape(()) + start.reshape(())).astype(start.dtype)


def cast(node: Node, x: Array) -> Array:
    """Give x another type: floats are cut off towards 0 for integers, and whatever is not 0 is true."""
    _rounding(node)
    return to_type(x, dtype_of(whole(node, "to")), saturate=flag(node, "saturate", 1))


def cast_like(node: Node, x: Array, other: Array) -> Array:
    """Give x the type of another array."""
    _rounding(node)
    return to_type(x, other.dtype, saturate=flag(node, "saturate", 1))


def to_type(x: Array, dtype: np.dtype[Any], *, saturate: bool = True) -> Array:
    """Return x in another type, if there is room for it; 8-bit floats that saturate are at most the largest one."""
    room(x.shape, dtype)
    if dtype.name.startswith("float8") and saturate:
        most = float(require("ml_dtypes", extra="onnx").finfo(dtype).max)
        x = np.clip(x.astype(np.float32), -most, most)
    return x.astype(dtype, copy=False)


def _rounding(node: Node) -> None:
    if node.get("round_mode", "up") != "up":
        raise Unfit(f"round_mode must be 'up', not {shown(node.get('round_mode'))}")


def eye_like(node: Node, x: Array) -> Array:
    """Return ones on a diagonal, zeros elsewhere, in the shape of x."""
    if x.ndim != 2:
        raise Unfit(f"its input must have 2 axes, not {x.ndim}")
    dtype = dtype_of(whole(node, "dtype")) if "dtype" in node.attributes else x.dtype
    k = whole(node, "k", 0)
    rows, columns = room(x.shape, dtype)
    return np.eye(rows, columns, k=max(min(k, x.shape[1]), -x.shape[0]), dtype=dtype)


def dropout(node: Node, x: Array, ratio: Array | None = None, training: Array | None = None) -> list[Array]:
    """Return x, and where asked for which values were kept: all of them."""
    if training is not None and bool(only(training, "training_mode")) and (ratio is None or only(ratio, "ratio") != 0):
        raise Unfit("training_mode is not supported: what it drops is drawn at random")
    masked = len(node.outputs) > 1 and bool(node.outputs[1])
    return [x, np.ones(x.shape, np.bool_ if node.opset >= 10 else x.dtype)] if masked else [x]


OPERATORS = [
    Operator("Cast", cast, "A", "to", wide=False),
    Operator("Cast", cast, "A", "to saturate", since=19, wide=False),
    Operator("Cast", cast, "A", "round_mode saturate to", since=24, wide=False),
    Operator("CastLike", cast_like, "a a", since=15, wide=False),
    Operator("CastLike", cast_like, "a a", "saturate", since=19, wide=False),
    Operator("CastLike", cast_like, "a a", "round_mode saturate", since=24, wide=False),
    Operator("Constant", constant, "", "value", wide=False),
    Operator("Constant", constant, "", " ".join(CONSTANTS), since=12, wide=False),
    Operator("ConstantOfShape", constant_of_shape, "L", "value", since=9, wide=False),
    Operator("Dropout", dropout, "F", "is_test ratio", wide=False),
    Operator("Dropout", dropout, "F", "ratio", since=7, wide=False),
    Operator("Dropout", dropout, "F f? B?", "seed", since=12, wide=False),
    Operator("EyeLike", eye_like, "A", "dtype k", since=9, wide=False),
    Operator("Range", spaced, "N N N", since=11),
    Operator("Range", spaced, "N N N", "stash_type", since=27),
]
