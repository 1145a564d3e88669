"""Exercises 4, 6, 7 and 8: pooling, the two ways in which its gradient is handed out, and pooling backward."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from convstep.checks import Array, public
from convstep.checks import assignment as doors
from convstep.steps.sums import add_up, largest
from convstep.steps.tracing import note, step


@public
def pool_forward(A_prev: ArrayLike, hparameters: Mapping[str, Any], mode: str = "max") -> tuple[Array, tuple[Any, ...]]:
    """Take the largest or the mean value of every window, channel by channel.

    Parameters
    ----------
    A_prev : (m, n_H_prev, n_W_prev, n_C)
        Images; m may be 0.
    hparameters : {"f": int, "stride": int}
        Rows and columns of the window, and cells from one window to the next, both >= 1. There is no padding: a key "pad" is refused.
    mode : "max" or "average"
        Which value of the window is kept.

    Returns
    -------
    A : (m, n_H, n_W, n_C)
        n_H = floor((n_H_prev - f) / stride) + 1, and n_W likewise. Cells at the end that no window reaches are ignored.
    cache : (A_prev, hparameters)
        The arguments as they were given, for `pool_backward`.

    Raises
    ------
    ShapeError
        If no window fits into the image, hparameters has other keys than the two, or the mode is unknown.
    ArgumentTypeError
        If A_prev does not hold real numbers, or a hyperparameter is not a whole number.
    """
    cache = (A_prev, hparameters)
    A_prev, window, mode, dtype = doors.pooling("pool_forward", A_prev, hparameters, mode)
    m, n_C = A_prev.shape[0], A_prev.shape[3]
    n_H, n_W = window.out

    # 1. Make room for the output.
    A = np.zeros((m, n_H, n_W, n_C), dtype=A_prev.dtype)

    # 2. For each image, each window and each channel, keep one value.
    for i in range(m):
        for h, w, (rows, columns) in window.windows():
            for c in range(n_C):
                a_slice = A_prev[i, rows, columns, c]
                if mode == "max":
                    A[i, h, w, c] = largest(a_slice)
                else:
                    total = add_up(a_slice)
                    A[i, h, w, c] = total / a_slice.size
                    note(sum=total)
                step(cell=(i, h, w, c), window=(rows, columns), values=a_slice, value=A[i, h, w, c])

    return A.astype(dtype, copy=False), cache


@public
def create_mask_from_window(x: ArrayLike) -> Array:
    """Mark the largest value of a window.

    Parameters
    ----------
    x : (n_H, n_W)
        The window.

    Returns
    -------
    mask : (n_H, n_W) of bool
        True at the largest value, at every one of them where several are equal; all False where x holds a NaN.

    Raises
    ------
    ShapeError
        If x does not have two axes, or has no cells.
    ArgumentTypeError
        If x does not hold real numbers.
    """
    x = doors.mask_window("create_mask_from_window", x)

    # 1. Compare every value with the largest one.
    maximum = largest(x)
    mask: Array = x == maximum

    note(largest=maximum, mask=mask)
    return mask


@public
def distribute_value(dz: ArrayLike, shape: Sequence[int]) -> Array:
    """Share a value equally among the cells of a window.

    Parameters
    ----------
    dz : number
        The value.
    shape : (n_H, n_W)
        Rows and columns of the window, both >= 1.

    Returns
    -------
    a : (n_H, n_W)
        dz / (n_H * n_W) in every cell.

    Raises
    ------
    ShapeError
        If dz is more than one number, or a size is below 1 or too large for any memory.
    ArgumentTypeError
        If dz is not a real number, or shape is not a pair of whole numbers.
    """
    dz, (n_H, n_W), dtype = doors.share("distribute_value", dz, shape)

    # 1. Divide the value by the number of cells.
    average = dz / (n_H * n_W)

    # 2. Give every cell its share.
    a = np.full((n_H, n_W), average, dtype=dtype)

    note(share=average)
    return a


@public
def pool_backward(dA: ArrayLike, cache: Sequence[Any], mode: str = "max") -> Array:
    """Carry the gradient of pooling back to its images.

    Parameters
    ----------
    dA : (m, n_H, n_W, n_C)
        Gradient of the cost with respect to the output of `pool_forward`.
    cache : (A_prev, hparameters)
        What `pool_forward` returned, or the same tuple made by hand.
    mode : "max" or "average"
        As in the forward pass.

    Returns
    -------
    dA_prev : (m, n_H_prev, n_W_prev, n_C)
        Gradient with respect to the images; 0 where no window reaches.

    Raises
    ------
    ShapeError
        If dA does not have the shape of A, or the cache or the mode would be refused by `pool_forward`.
    ArgumentTypeError
        If the cache is not the tuple of `pool_forward`, or an array does not hold real numbers.

    Notes
    -----
    Where several cells of a window share the largest value, the rule of the course gives each of them the whole gradient, so dA_prev
    can sum to more than dA. PyTorch, TensorFlow and most other frameworks give it to the first of them only. Ties are common after
    a ReLU, whose zeros are all equal.
    """
    dA, (A_prev, window, mode, dtype) = doors.pooling_gradient("pool_backward", dA, cache, mode)
    m, n_C = A_prev.shape[0], A_prev.shape[3]

    # 1. Let the gradient start at zero.
    dA_prev = np.zeros_like(A_prev)

    for i in range(m):
        for h, w, (rows, columns) in window.windows():
            for c in range(n_C):
                if mode == "max":
                    # 2. Give the whole gradient of this output cell to the largest value of its window.
                    received = create_mask_from_window(A_prev[i, rows, columns, c]) * dA[i, h, w, c]
                else:
                    # 3. Or share it equally among the cells of its window.
                    received = distribute_value(dA[i, h, w, c], window.kernel)
                dA_prev[i, rows, columns, c] += received
                step(cell=(i, h, w, c), window=(rows, columns), received=received)

    return dA_prev.astype(dtype, copy=False)
