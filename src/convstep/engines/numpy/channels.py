"""Copies in another layout, and what is done to each pixel's channels by itself."""

import numpy as np

from convstep.checks import Array


def arrange(x: Array, out: Array | None = None) -> Array:
    """Copy x; see `Engine`."""
    if out is None:
        return np.array(x, order="C")
    out[...] = x
    return out


@np.errstate(all="ignore")
def affine(x: Array, scale: Array, shift: Array, *, floor: bool = False, out: Array | None = None) -> Array:
    """Scale and shift each channel; see `Engine`."""
    y = np.multiply(x, scale, out=out)
    y += shift
    return np.maximum(y, 0, out=y) if floor else y


@np.errstate(all="ignore")
def local_response(x: Array, size: int, alpha: float, beta: float, bias: float) -> Array:
    """Divide by what the neighbours amount to; see `Engine`."""
    channels, before, after = x.shape[-1], (size - 1) // 2, size // 2
    squares, total = x * x, np.zeros_like(x)
    for shift in range(-min(before, channels), min(after, channels) + 1):
        low, high = max(-shift, 0), max(min(channels - shift, channels), 0)
        total[..., low:high] += squares[..., low + shift : high + shift]
    y: Array = x / (total * x.dtype.type(alpha / size) + x.dtype.type(bias)) ** x.dtype.type(beta)
    return y
