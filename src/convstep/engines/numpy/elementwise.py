"""Activations of NumPy's ufuncs, and their gradients from what they returned.

One rule: exp of something positive never happens.
"""

from collections.abc import Callable

import numpy as np

from convstep.checks import Array


@np.errstate(all="ignore")
def activate(name: str, x: Array, slope: float, out: Array | None) -> Array:
    """Apply an activation; see `Engine`."""
    del out  # temporaries are larger than what it would save
    return _ACTIVATE[name](x, slope)


@np.errstate(all="ignore")
def activate_to_x(name: str, dy: Array, y: Array, slope: float) -> Array:
    """Carry a gradient back from the output; see `Engine`."""
    return _TO_X[name](dy, y, slope)


def _sigmoid(x: Array, _slope: float) -> Array:
    small = np.exp(-np.abs(x))
    y: Array = np.where(x >= 0, 1, small) / (1 + small)
    return y


_ACTIVATE: dict[str, Callable[[Array, float], Array]] = {
    "relu": lambda x, _: np.maximum(x, 0),
    "relu6": lambda x, _: np.clip(x, 0, 6),
    "leaky_relu": lambda x, slope: np.where(x > 0, x, slope * x),
    "sigmoid": _sigmoid,
    "tanh": lambda x, _: np.tanh(x),
    "silu": lambda x, _: x * _sigmoid(x, 0.0),
    "hard_sigmoid": lambda x, _: np.clip(x / 6 + x.dtype.type(0.5), 0, 1),
    "hard_silu": lambda x, _: x * np.clip(x / 6 + x.dtype.type(0.5), 0, 1),
}
_TO_X: dict[str, Callable[[Array, Array, float], Array]] = {
    "relu": lambda dy, y, _: np.where(y > 0, dy, 0),
    "relu6": lambda dy, y, _: np.where((y > 0) & (y < 6), dy, 0),
    "leaky_relu": lambda dy, y, slope: np.where(y > 0, dy, slope * dy),
    "sigmoid": lambda dy, y, _: dy * (y * (1 - y)),
    "tanh": lambda dy, y, _: dy * (1 - y * y),
}
