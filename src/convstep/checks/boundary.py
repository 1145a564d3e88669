"""What surrounds every public operation: the arithmetic of IEEE 754 without warnings, and words for memory that ran out."""

import functools
import inspect
import math
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numpy as np

from convstep.checks.words import refusal
from convstep.errors import OutOfMemoryError

P = ParamSpec("P")
R = TypeVar("R")


def public(function: Callable[P, R]) -> Callable[P, R]:
    """Let NaN and infinity flow as IEEE 754 has them, without warnings, and say which operation ran out of memory."""

    @functools.wraps(function)
    def checked(*arguments: P.args, **keywords: P.kwargs) -> R:
        with np.errstate(all="ignore"):
            try:
                return function(*arguments, **keywords)
            except MemoryError as error:
                given = inspect.signature(function).bind(*arguments, **keywords).arguments
                raise refusal(function.__name__, _shortage(error), given, kind=OutOfMemoryError) from error

    return checked


def _shortage(error: MemoryError) -> str:
    """Return what the machine refused; NumPy's error knows the array."""
    shape, dtype = getattr(error, "shape", None), getattr(error, "dtype", None)
    if shape is None or dtype is None:
        return "the machine has too little memory for this size"
    return f"the machine refused the {math.prod(shape) * dtype.itemsize} bytes of an array of shape {tuple(shape)}"
