"""Activation functions and their backward twins: `f(x)` and `f_backward(dy, x)`, cell by cell or along an axis.

One rule: nothing overflows on the way, however large x is. The type that comes in goes out; float16 is computed in float32.
"""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, Concatenate, ParamSpec, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from convstep.checks import Array, accumulator, gradient, numbers, public, refusal, result_type, shown, whole
from convstep.engines import current_engine

P = ParamSpec("P")
Axes: TypeAlias = int | tuple[int, ...]

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # Klambauer et al. 2017, Self-normalizing neural networks, eq. 14
GELU_CUBE = 0.044715  # Hendrycks and Gimpel 2016, Gaussian error linear units, section 2
SATURATED = 20.0  # tanh is exactly 1 in float64 from here on


def _forward(function: Callable[Concatenate[Array, P], Array]) -> Callable[Concatenate[ArrayLike, P], Array]:
    """Read x, and give the result the type of x."""

    @public
    @functools.wraps(function)
    def checked(x: ArrayLike, /, *arguments: P.args, **options: P.kwargs) -> Array:
        read = numbers(function.__name__, "x", x)
        _has_axes(function.__name__, read, options)
        dtype = result_type(read)
        return function(read.astype(accumulator(dtype), copy=False), *arguments, **options).astype(dtype, copy=False)

    return checked


def _backward(function: Callable[Concatenate[Array, Array, P], Array]) -> Callable[Concatenate[ArrayLike, ArrayLike, P], Array]:
    """Read dy and x, which must have one shape."""

    @public
    @functools.wraps(function)
    def checked(dy: ArrayLike, x: ArrayLike, /, *arguments: P.args, **options: P.kwargs) -> Array:
        op = function.__name__
        read = numbers(op, "x", x)
        dz = gradient(op, "dy", dy, "x", read.shape)
        _has_axes(op, read, options)
        dtype = result_type(dz, read)
        compute = accumulator(dtype)
        return function(dz.astype(compute, copy=False), read.astype(compute, copy=False), *arguments, **options).astype(dtype, copy=False)

    return checked


def _has_axes(op: str, x: Array, options: Mapping[str, Any]) -> None:
    """Refuse an axis, of those functions that go along one, that x does not have."""
    if op.startswith(("softmax", "log_softmax")):
        axes = options.get("axis", -1)
        for axis in axes if isinstance(axes, tuple | list) else (axes,):
            if whole(op, "axis", axis, -x.ndim) >= x.ndim:
                raise refusal(op, f"axis must be below {x.ndim}, not {shown(axis)}", {"x": x, "axis": axes})


# --- straight pieces ---


@_forward
def linear(x: Array, /) -> Array:
    """Return x itself."""
    return x


@_backward
def linear_backward(dy: Array, _x: Array, /) -> Array:
    """Return dy itself."""
    return dy


@_forward
def relu(x: Array, /, *, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Array:
    """Return x above the threshold, at most `max_value`; below, the distance to the threshold times `negative_slope`."""
    if threshold == 0 and negative_slope == 0:
        y = current_engine().activate("relu", x, 0.0, None)
    else:
        y = np.where(x > threshold, x, negative_slope * (x - threshold) if negative_slope else 0)
    return y if max_value is None else np.minimum(y, max_value)


@_backward
def relu_backward(dy: Array, x: Array, /, *, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Array:
    """Carry the gradient of `relu` back; at the threshold itself the slope is `negative_slope`."""
    if threshold == 0 and negative_slope == 0:
        dx = current_engine().activate_to_x("relu", dy, x, 0.0)
    else:
        dx = np.where(x > threshold, dy, negative_slope * dy if negative_slope else 0)
    return dx if max_value is None else np.where(x > max_value, 0, dx)


@_forward
def relu6(x: Array, /) -> Array:
    """Return min(max(x, 0), 6)."""
    return current_engine().activate("relu6", x, 0.0, None)


@_backward
def relu6_backward(dy: Array, x: Array, /) -> Array:
    """Carry the gradient of `relu6` back."""
    return current_engine().activate_to_x("relu6", dy, x, 0.0)


@_forward
def leaky_relu(x: Array, /, *, negative_slope: float = 0.2) -> Array:
    """Return x where x > 0, else negative_slope * x."""
    return current_engine().activate("leaky_relu", x, negative_slope, None)


@_backward
def leaky_relu_backward(dy: Array, x: Array, /, *, negative_slope: float = 0.2) -> Array:
    """Carry the gradient of `leaky_relu` back."""
    return current_engine().activate_to_x("leaky_relu", dy, x, negative_slope)


@_forward
def hard_sigmoid(x: Array, /) -> Array:
    """Return x / 6 + 1/2, cut at 0 and 1."""
    return np.clip(x / 6 + 0.5, 0, 1)


@_backward
def hard_sigmoid_backward(dy: Array, x: Array, /) -> Array:
    """Carry the gradient of `hard_sigmoid` back."""
    return np.where(np.abs(x) < 3, dy / 6, 0)


@_forward
def hard_silu(x: Array, /) -> Array:
    """Return x * hard_sigmoid(x)."""
    return x * np.clip(x / 6 + 0.5, 0, 1)


@_backward
def hard_silu_backward(dy: Array, x: Array, /) -> Array:
    """Carry the gradient of `hard_silu` back."""
    return dy * np.where(np.abs(x) < 3, x / 3 + 0.5, x > 0)


# --- curves ---


@_forward
def sigmoid(x: Array, /) -> Array:
    """Return 1 / (1 + exp(-x))."""
    return _sigmoid(x)


@_backward
def sigmoid_backward(dy: Array, x: Array, /) -> Array:
    """Carry the gradient of `sigmoid` back."""
    dx: Array = dy * (_sigmoid(x) * _sigmoid(-x))
    return dx


@_forward
def tanh(x: Array, /) -> Array:
    """Return the hyperbolic tangent."""
    return current_engine().activate("tanh", x, 0.0, None)


@_backward
def tanh_backward(dy: Array, x: Array, /) -> Array:
    """Carry the gradient of `tanh` back."""
    dx: Array = dy * (1 - np.tanh(x) ** 2)
    return dx


@_forward
def exponential(x: Array, /) -> Array:
    """Return exp(x)."""
    return np.exp(x)


@_backward
def exponential_backward(dy: Array, x: Array, /) -> Array:
    """Carry the gradient of `exponential` back."""
    return dy * np.exp(x)


@_forward
def softplus(x: Array, /) -> Array:
    """Return log(1 + exp(x))."""
    return _softplus(x)


@_backward
def softplus_backward(dy: Array, x: Array, /) -> Array:
    """Carry the gradient of `softplus` back."""
    return dy * _sigmoid(x)


@_forward
def softsign(x: Array, /) -> Array:
    """Return x / (1 + |x|)."""
    y: Array = x / (1 + np.abs(x))
    return y


@_backward
def softsign_backward(dy: Array, x: Array, /) -> Array:
    """Carry the gradient of `softsign` back."""
    dx: Array = dy / (1 + np.abs(x)) ** 2
    return dx


@_forward
def silu(x: Array, /) -> Array:
    """Return x * sigmoid(x), also called swish."""
    return x * _sigmoid(x)


@_backward
def silu_backward(dy: Array, x: Array, /) -> Array:
    """Carry the gradient of `silu` back."""
    dx: Array = dy * (_sigmoid(x) * (1 + x * _sigmoid(-x)))
    return dx


@_forward
def mish(x: Array, /) -> Array:
    """Return x * tanh(softplus(x))."""
    return x * np.tanh(_softplus(x))


@_backward
def mish_backward(dy: Array, x: Array, /) -> Array:
    """Carry the gradient of `mish` back."""
    bend = np.tanh(_softplus(x))
    dx: Array = dy * (bend + x * (1 - bend**2) * _sigmoid(x))
    return dx


@_forward
def elu(x: Array, /, *, alpha: float = 1.0) -> Array:
    """Return x where x > 0, else alpha * (exp(x) - 1)."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


@_backward
def elu_backward(dy: Array, x: Array, /, *, alpha: float = 1.0) -> Array:
    """Carry the gradient of `elu` back."""
    return dy * np.where(x > 0, 1, alpha * np.exp(np.minimum(x, 0)))


@_forward
def celu(x: Array, /, *, alpha: float = 1.0) -> Array:
    """Return x where x > 0, else alpha * (exp(x / alpha) - 1)."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


@_backward
def celu_backward(dy: Array, x: Array, /, *, alpha: float = 1.0) -> Array:
    """Carry the gradient of `celu` back."""
    return dy * np.exp(np.minimum(x, 0) / alpha)


@_forward
def selu(x: Array, /) -> Array:
    """Return `elu`, scaled so that mean 0 and variance 1 stay what they are."""
    return SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0)))


@_backward
def selu_backward(dy: Array, x: Array, /) -> Array:
    """Carry the gradient of `selu` back."""
    return dy * (SELU_SCALE * np.where(x > 0, 1, SELU_ALPHA * np.exp(np.minimum(x, 0))))


@_forward
def gelu(x: Array, /, *, approximate: bool = False) -> Array:
    """Return x times the share of a normal distribution that lies below x; `approximate` takes it from a tanh."""
    return x * (_gelu_tanh(x)[0] if approximate else _normal_below(x))


@_backward
def gelu_backward(dy: Array, x: Array, /, *, approximate: bool = False) -> Array:
    """Carry the gradient of `gelu` back."""
    if approximate:
        below, slope = _gelu_tanh(x)
        dx: Array = dy * (below + np.clip(x, -SATURATED, SATURATED) * slope)
        return dx
    return dy * (_normal_below(x) + x * np.exp(-np.square(x) / 2) / math.sqrt(2 * math.pi))


# --- along an axis ---


@_forward
def softmax(x: Array, /, *, axis: Axes = -1) -> Array:
    """Return exp(x) / sum(exp(x)): shares that add up to 1 along the axis, or the axes."""
    return _softmax(x, axis)


@_backward
def softmax_backward(dy: Array, x: Array, /, *, axis: Axes = -1) -> Array:
    """Carry the gradient of `softmax` back."""
    y = _softmax(x, axis)
    dx: Array = y * (dy - (dy * y).sum(axis=axis, keepdims=True))
    return dx


@_forward
def log_softmax(x: Array, /, *, axis: Axes = -1) -> Array:
    """Return x - log(sum(exp(x))): the logarithm of `softmax`."""
    centred = x - x.max(axis=axis, keepdims=True)
    y: Array = centred - np.log(np.exp(centred).sum(axis=axis, keepdims=True))
    return y


@_backward
def log_softmax_backward(dy: Array, x: Array, /, *, axis: Axes = -1) -> Array:
    """Carry the gradient of `log_softmax` back."""
    dx: Array = dy - _softmax(x, axis) * dy.sum(axis=axis, keepdims=True)
    return dx


# --- parts: exp of something positive never happens ---


def _sigmoid(x: Array) -> Array:
    return current_engine().activate("sigmoid", x, 0.0, None)


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _softmax(x: Array, axis: Axes) -> Array:
    shares = np.exp(x - x.max(axis=axis, keepdims=True))
    shares /= shares.sum(axis=axis, keepdims=True)
    y: Array = shares
    return y


def _normal_below(x: Array) -> Array:
    """Return the share of a standard normal distribution below x; erfc, not erf, keeps the digits of a small one."""
    if x.dtype == np.float32:
        return _normal_below_in_parts(x)
    scaled = x.astype(np.float64) * -math.sqrt(0.5)
    shares = np.fromiter(map(math.erfc, scaled.ravel().tolist()), np.float64, scaled.size)
    return (shares / 2).reshape(x.shape).astype(x.dtype)


def _normal_below_in_parts(x: Array) -> Array:
    """Return the same with a relative error below 2e-7 (Numerical Recipes, 2nd edition, section 6.2), in parts that a cache holds."""
    flat, shares = x.ravel(), np.empty(x.size, x.dtype)
    for start in range(0, x.size, CACHED):
        part = flat[start : start + CACHED].astype(np.float64) * math.sqrt(0.5)
        far = np.abs(part)
        t = 2 / (2 + far)
        tail = np.full_like(t, ERFC[0])
        for factor in ERFC[1:]:
            tail *= t
            tail += factor
        tail = t * np.exp(tail - far * far) / 2
        shares[start : start + CACHED] = np.where(part < 0, tail, 1 - tail)
    return shares.reshape(x.shape)


def _gelu_tanh(x: Array) -> tuple[Array, Array]:
    """Return the approximate share of a standard normal distribution below x, and its slope."""
    near, width = np.clip(x, -SATURATED, SATURATED), math.sqrt(2 / math.pi)
    bend = np.tanh(width * (near + GELU_CUBE * near**3))
    return (1 + bend) / 2, (1 - bend**2) / 2 * width * (1 + 3 * GELU_CUBE * near**2)


CACHED = 8192  # numbers
ERFC = (
    0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223,
)  # fmt: skip
swish, swish_backward = silu, silu_backward
hard_swish, hard_swish_backward = hard_silu, hard_silu_backward
