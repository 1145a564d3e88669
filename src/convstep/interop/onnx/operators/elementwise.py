"""Operators that compute cell by cell. One rule: shapes broadcast as NumPy's do, and the result is measured first."""

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from convstep.checks import Array
from convstep.interop.onnx.operators.operator import Operator
from convstep.interop.onnx.operators.reading import Unfit, axis_of, fitting, flag, together, whole, word
from convstep.interop.onnx.records import Node


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of arrays as one of a node and arrays, which must broadcast."""

    def run(_node: Node, *arrays: Array) -> Any:
        fitting(*arrays)
        return function(*arrays)

    return run


def folded(function: Callable[[Array, Array], Array]) -> Callable[..., Any]:
    """Return a function of two arrays as one of any number of them."""

    def run(_node: Node, *arrays: Array) -> Array:
        fitting(*arrays)
        return reduce(function, arrays)

    return run


def aligned(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of two arrays as opsets before 7 have it: the axes of y are those of x from one on, or its last."""

    def run(node: Node, x: Array, y: Array) -> Any:
        if x.shape == y.shape or not flag(node, "broadcast"):
            if x.shape != y.shape:
                raise Unfit(f"shapes {x.shape} and {y.shape} must be equal without broadcast")
            return function(node, x, y)
        axis = axis_of(whole(node, "axis", x.ndim - y.ndim), x.ndim) if y.ndim else 0
        if any(own not in {1, size} for own, size in zip(y.shape, x.shape[axis : axis + y.ndim], strict=False)):
            raise Unfit(f"shape {y.shape} does not fit {x.shape} from axis {axis} on")
        return function(node, x, y.reshape(*y.shape, *(1,) * (x.ndim - axis - y.ndim)))

    return run


def mean(_node: Node, *arrays: Array) -> Array:
    """Return the mean of arrays."""
    fitting(*arrays)
    y: Array = reduce(np.add, arrays) / np.asarray(len(arrays), arrays[0].dtype)
    return y


def divide(_node: Node, x: Array, y: Array) -> Array:
    """Return x / y; integers are rounded towards 0."""
    fitting(x, y)
    if x.dtype.kind == "u":
        return x // y
    if x.dtype.kind == "i":
        return (x - np.fmod(x, y)) // y
    return np.divide(x, y)


def remainder(node: Node, x: Array, y: Array) -> Array:
    """Return what division leaves: with the sign of x if `fmod`, else with that of y."""
    fitting(x, y)
    return np.fmod(x, y) if flag(node, "fmod") else np.mod(x, y)


def power(_node: Node, x: Array, y: Array) -> Array:
    """Return x ** y in the type of x."""
    fitting(x, y)
    if x.dtype.kind in "iu" and y.dtype.kind in "iu" and not (y < 0).any():
        return np.asarray(np.power(x, y.astype(x.dtype)))
    wide = np.float32 if x.dtype == np.float32 and y.dtype.itemsize <= 4 else np.float64
    return np.asarray(np.power(x.astype(wide), y.astype(wide))).astype(x.dtype)


def erf(x: Array) -> Array:
    """Return the error function; in float32 by a quotient of polynomials, which is wrong by less than 5e-7."""
    if x.dtype != np.float32:
        return np.fromiter(map(math.erf, x.ravel().tolist()), np.float64, x.size).reshape(x.shape).astype(x.dtype)
    near = np.clip(x, -4, 4)  # where it is 1 but for the last digits
    square = np.square(near)
    y: Array = near * _polynomial(ERF_ABOVE, square) / _polynomial(ERF_BELOW, square)
    return np.clip(y, -1, 1)


def _polynomial(factors: Sequence[float], x: Array) -> Array:
    y = np.full_like(x, factors[0])
    for factor in factors[1:]:
        y = y * x + x.dtype.type(factor)
    return y


def shift(node: Node, x: Array, y: Array) -> Array:
    """Move the bits of x by y places, in the direction that the attribute names."""
    fitting(x, y)
    left = word(node, "direction", "", ("LEFT", "RIGHT")) == "LEFT"
    width = 8 * x.dtype.itemsize
    if left:
        return np.where(y >= width, 0, np.left_shift(x, y)).astype(x.dtype)
    return (
        np.right_shift(x, np.minimum(y, width - 1))
        if x.dtype.kind == "i"
        else np.where(y >= width, 0, np.right_shift(x, y)).astype(x.dtype)
    )


def infinite(node: Node, x: Array) -> Array:
    """Return where x is infinite."""
    found = np.zeros(x.shape, np.bool_)
    if flag(node, "detect_positive", 1):
        found |= x == np.inf
    if flag(node, "detect_negative", 1):
        found |= x == -np.inf
    return found


def where(_node: Node, condition: Array, x: Array, y: Array) -> Array:
    """Return x where the condition holds, else y."""
    fitting(x, y, condition)
    return np.where(condition, x, y)


def prelu(node: Node, x: Array, slope: Array) -> Array:
    """Return x where x >= 0, else slope * x; the slope broadcasts to x, or before opset 7 has one number for each channel."""
    if node.opset < 7 and slope.size > 1:
        slope = slope.reshape(-1, *(1,) * (x.ndim - 2))
    if together(x.shape, slope.shape) != x.shape:
        raise Unfit(f"a slope of shape {slope.shape} does not broadcast to {x.shape}")
    return np.where(x < 0, x * slope, x)


# As in Eigen 3.4, `generic_fast_erf_float`: the factors of powers of x squared, the highest first.
ERF_ABOVE = (
    -2.72614225801306e-10,
    2.77068142495902e-08,
    -2.10102402082508e-06,
    -5.69250639462346e-05,
    -7.34990630326855e-04,
    -2.95459980854025e-03,
    -1.60960333262415e-02,
)
ERF_BELOW = (-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03, -1.42647390514189e-02)

FLOAT: dict[str, Callable[..., Any]] = {
    "Acos": np.arccos,
    "Acosh": np.arccosh,
    "Asin": np.arcsin,
    "Asinh": np.arcsinh,
    "Atan": np.arctan,
    "Atanh": np.arctanh,
    "Ceil": np.ceil,
    "Cos": np.cos,
    "Cosh": np.cosh,
    "Exp": np.exp,
    "Floor": np.floor,
    "Log": np.log,
    "Reciprocal": lambda x: 1 / x,
    "Round": np.round,
    "Sin": np.sin,
    "Sinh": np.sinh,
    "Sqrt": np.sqrt,
    "Tan": np.tan,
}
NUMBERS: dict[str, Callable[..., Any]] = {"Abs": np.abs, "Erf": erf, "Neg": np.negative, "Sign": np.sign}
FIRST = {
    **dict.fromkeys(("Acos", "Asin", "Atan", "Cos", "Sin", "Tan"), 7),
    **dict.fromkeys(("Acosh", "Asinh", "Atanh", "Cosh", "Erf", "Sign", "Sinh"), 9),
    "Round": 11,
}
PAIRS: dict[str, tuple[Callable[..., Any], str]] = {
    "Add": (plain(np.add), "N N"),
    "And": (plain(np.logical_and), "B B"),
    "Div": (divide, "N N"),
    "Equal": (plain(np.equal), "A A"),
    "Greater": (plain(np.greater), "N N"),
    "Less": (plain(np.less), "N N"),
    "Mul": (plain(np.multiply), "N N"),
    "Or": (plain(np.logical_or), "B B"),
    "Pow": (power, "n n"),
    "Sub": (plain(np.subtract), "N N"),
    "Xor": (plain(np.logical_xor), "B B"),
}
BITS = {"BitwiseAnd": np.bitwise_and, "BitwiseOr": np.bitwise_or, "BitwiseXor": np.bitwise_xor}

OPERATORS = [
    *(Operator(name, plain(function), "F", since=FIRST.get(name, 1)) for name, function in FLOAT.items()),
    *(Operator(name, plain(function), "N", since=FIRST.get(name, 1)) for name, function in NUMBERS.items()),
    *(Operator(name, aligned(function), takes, "axis broadcast") for name, (function, takes) in PAIRS.items()),
    *(Operator(name, function, takes, since=7) for name, (function, takes) in PAIRS.items()),
    *(Operator(name, plain(function), "Z Z", since=18) for name, function in BITS.items()),
    Operator("BitwiseNot", plain(np.invert), "Z", since=18),
    Operator("BitShift", shift, "Z Z", "direction", since=11),
    Operator("GreaterOrEqual", plain(np.greater_equal), "N N", since=12),
    Operator("IsInf", infinite, "F", "detect_positive detect_negative", since=10, wide=False),
    Operator("IsNaN", plain(np.isnan), "F", since=9, wide=False),
    Operator("LessOrEqual", plain(np.less_equal), "N N", since=12),
    Operator("Max", folded(np.maximum), "N*"),
    Operator("Mean", mean, "F*"),
    Operator("Min", folded(np.minimum), "N*"),
    Operator("Mod", remainder, "N N", "fmod", since=10),
    Operator("Not", plain(np.logical_not), "B"),
    Operator("PRelu", prelu, "N N"),
    Operator("Sum", folded(np.add), "F*"),
    Operator("Where", where, "B A A", since=9, wide=False),
]
