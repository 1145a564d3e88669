"""Normalization of channels: their mean and variance, what it makes of them, and the gradients.

One rule: sums are formed of each example first, so that a float32 sum stays short.
"""

import numpy as np

from convstep.checks import Array


@np.errstate(all="ignore")
def moments(x: Array) -> tuple[Array, Array]:
    """Return mean and variance of each channel; see `Engine`."""
    mean = _mean(x)
    centred = x - mean
    return mean, _mean(np.multiply(centred, centred, out=centred))


@np.errstate(all="ignore")
def normalize(x: Array, mean: Array, inverse: Array, gamma: Array | None, beta: Array | None, *, floor: bool = False) -> Array:
    """Return (x - mean) inverse gamma + beta; see `Engine`."""
    y = x - mean
    y *= inverse
    if gamma is not None:
        y *= gamma
    if beta is not None:
        y += beta
    return np.maximum(y, 0, out=y) if floor else y


@np.errstate(all="ignore")
def normalize_to_gamma_beta(dy: Array, x: Array, mean: Array, inverse: Array) -> tuple[Array, Array]:
    """Return the gradients of gamma and beta; see `Engine`."""
    count = dy.shape[0] * dy.shape[1]
    along = normalize(x, mean, inverse, None, None)
    return _mean(np.multiply(along, dy, out=along)) * count, _mean(dy) * count


@np.errstate(all="ignore")
def normalize_to_x(dy: Array, x: Array, mean: Array, inverse: Array, gamma: Array | None, d_gamma: Array, d_beta: Array) -> Array:
    """Return the gradient of x; see `Engine`."""
    count = max(dy.shape[0] * dy.shape[1], 1)
    along = normalize(x, mean, inverse, None, None)
    along *= d_gamma / count
    dx: Array = dy - d_beta / count
    dx -= along
    dx *= inverse if gamma is None else inverse * gamma
    return dx


def _mean(x: Array) -> Array:
    """Return the means of the channels."""
    m, count, _ = x.shape
    means: Array = (np.ones(count, x.dtype) @ x).sum(axis=0) / max(m * count, 1)
    return means
