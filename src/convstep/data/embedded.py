"""The handwritten digits that ship with convstep. The one rule: what is read is, byte for byte, what was shipped.

`scripts/build_digits.py` makes the file; its licence and attribution lie beside it.
"""

import hashlib
import io
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from convstep.errors import DataError

__all__ = ["load_digits"]

DIGITS_SHA256 = "1ec3b7164a2fc72be37beb8c55b77564d96b2ff64f6ff80d915c57dd47feb752"

Labelled: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def load_digits() -> tuple[Labelled, Labelled]:
    """Load 5,000 training and 1,000 test images of handwritten digits, without a network.

    Returned in the form of Keras's ``mnist.load_data()``. Every call reads the file: the arrays are the caller's own.

    Returns
    -------
    x_train : (5000, 28, 28), uint8
        Grey values from 0 (background) to 255 (ink).
    y_train : (5000,), uint8
        The digits that were written, 0 to 9.
    x_test : (1000, 28, 28), uint8
        Images by other writers than those of the training images.
    y_test : (1000,), uint8
        Their digits.

    Raises
    ------
    DataError
        The file in the installed package is missing or damaged.

    Notes
    -----
    Every 12th image of the MNIST training set and every 10th of its test set, from the database by Yann LeCun, Corinna
    Cortes and Christopher J.C. Burges. These images are not under convstep's MIT licence but under CC BY-SA 3.0; see
    ``LICENSE`` and ``ATTRIBUTION.md`` in ``convstep/data/digits``.

    Examples
    --------
    >>> from convstep.data import load_digits
    >>> (x_train, y_train), (x_test, y_test) = load_digits()
    >>> x_train.shape, y_train[:5].tolist()
    ((5000, 28, 28), [5, 3, 1, 6, 9])
    """
    return _read(files("convstep.data") / "digits" / "digits.npz")


def _read(file: Traversable) -> tuple[Labelled, Labelled]:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise _refusal(f"{file.name} is missing or cannot be read", file) from error
    found = hashlib.sha256(content).hexdigest()
    if found != DIGITS_SHA256:
        raise _refusal(f"{file.name} has sha256 {found[:12]}..., expected {DIGITS_SHA256[:12]}...", file)
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return (archive["x_train"], archive["y_train"]), (archive["x_test"], archive["y_test"])


def _refusal(fact: str, file: Traversable) -> DataError:
    return DataError(f"load_digits: {fact}\n  given {file}; installing convstep again restores it")
