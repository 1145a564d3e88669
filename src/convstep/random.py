"""The generator that unseeded initializers, shuffles and dropout draw from.

One rule: `set_random_seed` makes everything that follows the same on every run; whoever wants their own numbers hands a generator in.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

__all__ = ["default_generator", "drawing_from", "set_random_seed"]

_generators = {"default": np.random.default_rng()}
_own: ContextVar[np.random.Generator | None] = ContextVar("generator", default=None)


def default_generator() -> np.random.Generator:
    """Return the generator in use."""
    return _own.get() or _generators["default"]


@contextmanager
def drawing_from(generator: np.random.Generator) -> Iterator[None]:
    """Draw from this generator inside a `with` block, in this thread alone; what everybody else draws stays as it would have been."""
    token = _own.set(generator)
    try:
        yield
    finally:
        _own.reset(token)


def set_random_seed(seed: int) -> None:
    """Start every source of random numbers anew: convstep's own, NumPy's legacy one and Python's, as Keras does.

    Parameters
    ----------
    seed : int
        0 <= seed < 2**32.
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - scripts written for Keras draw their data from it
    _generators["default"] = np.random.default_rng(seed)
