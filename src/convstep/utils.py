"""Keras's name for what a script needs beside a model."""

from typing import Any

import numpy as np

from convstep.checks import Array, numbers, refusal, whole
from convstep.random import set_random_seed

__all__ = ["set_random_seed", "to_categorical"]


def to_categorical(x: Any, num_classes: int | None = None) -> Array:
    """Return numbers of classes as one-hot rows.

    Parameters
    ----------
    x : (...) or (..., 1)
        Whole numbers from 0 on.
    num_classes : int, optional
        Length of a row; by default the largest number and 1 more.

    Returns
    -------
    rows : (..., num_classes), float64

    Raises
    ------
    ShapeError
        If a number is no class.
    """
    labels = numbers("to_categorical", "x", x)
    labels = labels[..., 0] if labels.ndim > 1 and labels.shape[-1] == 1 else labels
    whole_numbers = labels.astype(np.int64)
    if (whole_numbers != labels).any() or whole_numbers.min(initial=0) < 0:
        raise refusal("to_categorical", "x must hold whole numbers >= 0", {"x": labels})
    classes = int(whole_numbers.max(initial=-1)) + 1 if num_classes is None else whole("to_categorical", "num_classes", num_classes, 1)
    if whole_numbers.max(initial=0) >= max(classes, 1):
        fact = f"x holds the class {int(whole_numbers.max())}, but there are {classes}, counted from 0"
        raise refusal("to_categorical", fact, {"x": labels, "num_classes": classes})
    rows = np.zeros((*whole_numbers.shape, classes))
    np.put_along_axis(rows, whole_numbers[..., None], 1.0, axis=-1)
    return rows
