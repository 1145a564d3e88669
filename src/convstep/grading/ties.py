"""The rules by which the largest value of a window is chosen where several are equal: all of them are documented, none is a mistake."""

from collections.abc import Callable
from typing import Any

import numpy as np

from convstep.checks import Array

__all__ = ["RULES"]


def _first(x: Array) -> Array:
    return np.asarray(np.arange(x.size).reshape(x.shape) == np.argmax(x))


def _last(x: Array) -> Array:
    return np.asarray(np.arange(x.size).reshape(x.shape) == x.size - 1 - np.argmax(x.ravel()[::-1]))


def _shared(x: Array) -> Array:
    mask = x == np.max(x)
    return np.asarray(mask / mask.sum())


def _first_down(x: Array) -> Array:
    return _first(x.T).T


def _last_down(x: Array) -> Array:
    return _last(x.T).T


# the course's own rule is not among them; PyTorch and TensorFlow take the first
RULES: dict[str, Callable[[Array], Any]] = {
    "first": _first,
    "last": _last,
    "first_down": _first_down,
    "last_down": _last_down,
    "shared": _shared,
}
