"""What happens between layers: sums of images, multiples of them, and shares along the last axis."""

import numpy as np

from convstep.checks import Array


@np.errstate(all="ignore")
def plus(one: Array, other: Array, *, floor: bool) -> Array:
    """Return one + other; see `Engine`."""
    total: Array = one + other
    return np.maximum(total, 0, out=total) if floor else total


@np.errstate(all="ignore")
def times(x: Array, factor: float) -> Array:
    """Return factor * x; see `Engine`."""
    y: Array = x * x.dtype.type(factor)
    return y


@np.errstate(all="ignore")
def product(one: Array, other: Array) -> Array:
    """Return one * other; see `Engine`."""
    y: Array = one * other
    return y


@np.errstate(all="ignore")
def combine(name: str, one: Array, other: Array) -> Array:
    """Combine two arrays; see `Engine`."""
    y: Array = _COMBINE[name](one, other)
    return y


@np.errstate(all="ignore")
def softmax(x: Array) -> Array:
    """Return shares along the last axis; see `Engine`."""
    shares = np.exp(x - x.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    y: Array = shares
    return y


@np.errstate(all="ignore")
def softmax_to_x(dy: Array, y: Array) -> Array:
    """Carry a gradient back from the shares; see `Engine`."""
    dx: Array = y * (dy - (dy * y).sum(axis=-1, keepdims=True))
    return dx


_COMBINE = {
    "plus": np.add, "minus": np.subtract, "product": np.multiply, "quotient": np.divide, "largest": np.maximum, "smallest": np.minimum,
}  # fmt: skip
