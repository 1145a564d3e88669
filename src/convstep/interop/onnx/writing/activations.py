"""Activations as ONNX operators. One rule: an activation is exact for every option that it has, if need be as several operators."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from convstep.errors import DataError
from convstep.interop.onnx.writing.draft import SINGLE, Draft
from convstep.interop.onnx.writing.values import Call, Value, floats
from convstep.layers.activations import LEAK, ActivationFunction
from convstep.ops.activations import GELU_CUBE, SELU_ALPHA, SELU_SCALE

Written: TypeAlias = Callable[..., Value]


def activation_layer(draft: Draft, call: Call) -> Value:
    """Write a layer that is nothing but an activation."""
    layer: Any = call.layer
    return activated(draft, call.x, layer.function, call.path)


def activated(draft: Draft, x: Value, function: Any, path: str) -> Value:
    """Write what an activation makes of x; `path` is that of the layer that has it."""
    if type(function) is not ActivationFunction:
        fact = f"{path} has an activation of the class {type(function).__name__}, which is not one of convstep's own"
        raise DataError(f"export: {fact}\n  given {path}")
    if function.name == "linear":
        return x
    y = WRITTEN[function.name](draft, draft.cast(x, floats(x.dtype)), **function.options)
    if function.name in NEVER_NEGATIVE and not function.options:
        draft.floored.add(y.key)
    return y


def parametric(draft: Draft, call: Call) -> Value:
    """Write PReLU."""
    alpha = call.layer.parameter("alpha")
    x = draft.cast(call.x, np.result_type(call.x.dtype, alpha.dtype))
    return draft.then("PRelu", x, draft.along("alpha", alpha, x))


# --- straight pieces ---


def _relu(draft: Draft, x: Value, *, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Value:
    if threshold == 0 and negative_slope == 0:
        if max_value is not None:
            return _clip(draft, x, 0.0, max_value)
        return draft.then("Relu", x)
    if threshold == 0:
        y = draft.then("LeakyRelu", x, alpha=float(negative_slope))
    elif negative_slope == 0:
        y = draft.then("ThresholdedRelu", x, alpha=float(threshold))
    else:
        bound = draft.number("threshold", threshold, x)
        below = draft.step("Mul", draft.step("Sub", x.key, bound), draft.number("negative_slope", negative_slope, x))
        y = replace(x, key=draft.step("Where", draft.step("Greater", x.key, bound), x.key, below))
    return y if max_value is None else draft.then("Min", y, draft.number("max_value", max_value, x))


def _leaky_relu(draft: Draft, x: Value, *, negative_slope: float = LEAK) -> Value:
    return draft.then("LeakyRelu", x, alpha=float(negative_slope))


def _clip(draft: Draft, x: Value, least: float, most: float) -> Value:
    return draft.then("Clip", x, draft.number("least", least, x), draft.number("most", most, x))


def _hard_sigmoid(draft: Draft, x: Value) -> Value:
    return draft.then("HardSigmoid", x, alpha=1 / 6, beta=0.5)


# --- curves ---


def _elu(draft: Draft, x: Value, *, alpha: float = 1.0) -> Value:
    return draft.then("Elu", x, alpha=float(alpha))


def _celu(draft: Draft, x: Value, *, alpha: float = 1.0) -> Value:
    if draft.stored(x.dtype) == SINGLE:
        return draft.then("Celu", x, alpha=float(alpha))
    scale = draft.number("alpha", alpha, x)  # Celu takes float32 alone
    return draft.then("Mul", draft.then("Elu", draft.then("Div", x, scale), alpha=1.0), scale)


def _gelu(draft: Draft, x: Value, *, approximate: bool = False) -> Value:
    if draft.opset >= 20:
        return draft.then("Gelu", x, approximate="tanh" if approximate else "none")
    if approximate:
        cube = draft.step("Mul", draft.step("Mul", x.key, x.key), draft.step("Mul", x.key, draft.number("cube", GELU_CUBE, x)))
        bend = draft.step("Tanh", draft.step("Mul", draft.step("Add", x.key, cube), draft.number("width", math.sqrt(2 / math.pi), x)))
    else:
        bend = draft.step("Erf", draft.step("Div", x.key, draft.number("root", math.sqrt(2), x)))
    below = draft.step("Add", bend, draft.number("one", 1.0, x))
    return draft.then("Mul", draft.then("Mul", x, below), draft.number("half", 0.5, x))


def _silu(draft: Draft, x: Value) -> Value:
    return draft.then("Mul", x, draft.step("Sigmoid", x.key))


def _mish(draft: Draft, x: Value) -> Value:
    if draft.opset >= 18:
        return draft.then("Mish", x)
    return draft.then("Mul", x, draft.step("Tanh", draft.step("Softplus", x.key)))


# --- along an axis ---


def _softmax(draft: Draft, x: Value, *, axis: Any = -1) -> Value:
    axes = _axes(x, axis)
    if len(axes) == 1:
        return draft.then("Softmax", x, axis=x.stored(axes[0]))
    shares = draft.then("Exp", draft.then("Sub", x, draft.reduced("ReduceMax", x, axes).key))
    return draft.then("Div", shares, draft.reduced("ReduceSum", shares, axes).key)


def _log_softmax(draft: Draft, x: Value, *, axis: Any = -1) -> Value:
    axes = _axes(x, axis)
    if len(axes) == 1:
        return draft.then("LogSoftmax", x, axis=x.stored(axes[0]))
    centred = draft.then("Sub", x, draft.reduced("ReduceMax", x, axes).key)
    total = draft.reduced("ReduceSum", draft.then("Exp", centred), axes)
    return draft.then("Sub", centred, draft.step("Log", total.key))


def _axes(x: Value, axis: Any) -> list[int]:
    return sorted({item % x.rank for item in (axis if isinstance(axis, tuple | list) else (axis,))})


def _one(kind: str, **attributes: Any) -> Written:
    """Return what writes an activation that is one operator."""
    return lambda draft, x: draft.then(kind, x, **attributes)


NEVER_NEGATIVE = frozenset({"relu", "relu6", "sigmoid", "hard_sigmoid", "softmax", "softplus", "exponential"})
WRITTEN: dict[str, Written] = {
    "relu": _relu,
    "relu6": lambda draft, x: _clip(draft, x, 0.0, 6.0),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "celu": _celu,
    "selu": _one("Selu", alpha=SELU_ALPHA, gamma=SELU_SCALE),
    "gelu": _gelu,
    "silu": _silu,
    "mish": _mish,
    "sigmoid": _one("Sigmoid"),
    "hard_sigmoid": _hard_sigmoid,
    "hard_silu": _one("HardSwish"),
    "tanh": _one("Tanh"),
    "softplus": _one("Softplus"),
    "softsign": _one("Softsign"),
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "exponential": _one("Exp"),
}
