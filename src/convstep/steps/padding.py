"""Exercise 1: a frame of zeros around every image."""

import numpy as np
from numpy.typing import ArrayLike

from convstep.checks import Array, public
from convstep.checks import assignment as doors
from convstep.steps.tracing import step


@public
def zero_pad(X: ArrayLike, pad: int) -> Array:
    """Put `pad` rows and columns of zeros around every image of a batch.

    Parameters
    ----------
    X : (m, n_H, n_W, n_C)
        Images.
    pad : int
        Zeros above, below, left and right of each image, >= 0.

    Returns
    -------
    X_pad : (m, n_H + 2 * pad, n_W + 2 * pad, n_C)
        The padded images, always a new array.

    Raises
    ------
    ShapeError
        If X does not have four axes, has an empty image or channel axis, or pad is negative or too large for any memory.
    ArgumentTypeError
        If X does not hold real numbers or pad is not a whole number.
    """
    X, pad = doors.padding("zero_pad", X, pad)

    # 1. Put pad zeros before and after the rows and the columns of every image, and none on the other two axes.
    X_pad = np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)))

    step(interior=(slice(pad, pad + X.shape[1]), slice(pad, pad + X.shape[2])))
    return X_pad
