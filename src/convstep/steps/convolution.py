"""Exercises 2, 3 and 5: one step of a convolution, the convolution of a batch of images, and its gradients."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from convstep.checks import Array, public
from convstep.checks import assignment as doors
from convstep.steps.sums import add_up
from convstep.steps.tracing import note, step


@public
def conv_single_step(a_slice_prev: ArrayLike, W: ArrayLike, b: ArrayLike) -> Any:
    """Apply one filter to one window of the input.

    Parameters
    ----------
    a_slice_prev : (f, f, n_C_prev)
        The window of the input.
    W : (f, f, n_C_prev)
        The filter.
    b : (1, 1, 1)
        The bias; a plain number will do.

    Returns
    -------
    Z : NumPy scalar
        The sum of the products, added up in reading order, plus the bias.

    Raises
    ------
    ShapeError
        If the window and the filter differ in shape, or b is more than one number.
    ArgumentTypeError
        If an argument does not hold real numbers.
    """
    a_slice_prev, W, b, dtype = doors.single_step("conv_single_step", a_slice_prev, W, b)

    # 1. Multiply the window with the filter, cell by cell.
    products = a_slice_prev * W
    # 2. Add up all the products.
    total = add_up(products)
    # 3. Add the bias, once.
    Z = total + b[0, 0, 0]

    note(products=products, sum=total, bias=b[0, 0, 0], value=Z)
    return dtype.type(Z)


@public
def conv_forward(A_prev: ArrayLike, W: ArrayLike, b: ArrayLike, hparameters: Mapping[str, Any]) -> tuple[Array, tuple[Any, ...]]:
    """Slide every filter over every image; the filters are not flipped, so this is a cross-correlation.

    Parameters
    ----------
    A_prev : (m, n_H_prev, n_W_prev, n_C_prev)
        Images; m may be 0.
    W : (f, f, n_C_prev, n_C)
        Filters.
    b : (1, 1, 1, n_C)
        One bias for each filter.
    hparameters : {"stride": int, "pad": int or "same"}
        Cells from one window to the next, >= 1, and zeros around each image, >= 0. "same" pads so that n_H is
        ceil(n_H_prev / stride); an odd row or column of zeros goes below or to the right, as in Keras.

    Returns
    -------
    Z : (m, n_H, n_W, n_C)
        n_H = floor((n_H_prev - f + 2 * pad) / stride) + 1, and n_W likewise. Cells at the end that no window reaches are ignored.
    cache : (A_prev, W, b, hparameters)
        The arguments as they were given, for `conv_backward`.

    Raises
    ------
    ShapeError
        If the shapes do not fit together, no window fits into the padded image, or hparameters has other keys than the two.
    ArgumentTypeError
        If an array does not hold real numbers, or a hyperparameter is not a whole number.
    """
    cache = (A_prev, W, b, hparameters)
    A_prev, W, b, window, dtype = doors.convolution("conv_forward", A_prev, W, b, hparameters)
    m, n_C = A_prev.shape[0], W.shape[3]
    n_H, n_W = window.out

    # 1. Pad the images with zeros.
    A_prev_pad = np.pad(A_prev, ((0, 0), *window.pad, (0, 0)))

    # 2. Make room for the output.
    Z = np.zeros((m, n_H, n_W, n_C), dtype=A_prev.dtype)

    # 3. For each image, each window and each filter, take one single step.
    for i in range(m):
        for h, w, (rows, columns) in window.windows():
            for c in range(n_C):
                Z[i, h, w, c] = conv_single_step(A_prev_pad[i, rows, columns], W[..., c], b[..., c])
                step(cell=(i, h, w, c), window=(rows, columns))

    return Z.astype(dtype, copy=False), cache


@public
def conv_backward(dZ: ArrayLike, cache: Sequence[Any]) -> tuple[Array, Array, Array]:
    """Carry the gradient of a convolution back to its images, filters and biases.

    Parameters
    ----------
    dZ : (m, n_H, n_W, n_C)
        Gradient of the cost with respect to the output of `conv_forward`.
    cache : (A_prev, W, b, hparameters)
        What `conv_forward` returned, or the same tuple made by hand.

    Returns
    -------
    dA_prev : (m, n_H_prev, n_W_prev, n_C_prev)
        Gradient with respect to the images; 0 where no window reaches.
    dW : (f, f, n_C_prev, n_C)
        Gradient with respect to the filters, summed over the images: nothing is divided by m.
    db : (1, 1, 1, n_C)
        Gradient with respect to the biases, summed likewise.

    Raises
    ------
    ShapeError
        If dZ does not have the shape of Z, or the cache would be refused by `conv_forward`.
    ArgumentTypeError
        If the cache is not the tuple of `conv_forward`, or an array does not hold real numbers.

    Notes
    -----
    Z is a sum of products, so each cell of a window gets dZ times the weight that it met, each weight gets dZ times the cell that
    it met, and the bias gets dZ itself (Goodfellow, Bengio and Courville 2016, Deep Learning, section 9.5).
    """
    dZ, (A_prev, W, b, window, dtype) = doors.convolution_gradient("conv_backward", dZ, cache)
    m, n_C = A_prev.shape[0], W.shape[3]

    # 1. Let all gradients start at zero.
    dA_prev, dW, db = np.zeros_like(A_prev), np.zeros_like(W), np.zeros_like(b)

    # 2. Pad the images as the forward pass did.
    A_prev_pad = np.pad(A_prev, ((0, 0), *window.pad, (0, 0)))

    for i in range(m):
        dA_prev_pad = np.zeros_like(A_prev_pad[i])
        for h, w, (rows, columns) in window.windows():
            for c in range(n_C):
                # 3. Add to each cell of the window dZ times the weight that it met.
                to_window = W[..., c] * dZ[i, h, w, c]
                dA_prev_pad[rows, columns] += to_window

                # 4. Add to each weight of the filter dZ times the cell that it met.
                to_filter = A_prev_pad[i, rows, columns] * dZ[i, h, w, c]
                dW[..., c] += to_filter

                # 5. Add dZ itself to the bias.
                db[..., c] += dZ[i, h, w, c]
                step(
                    cell=(i, h, w, c),
                    window=(rows, columns),
                    to_window=to_window,
                    to_filter=to_filter,
                    to_bias=dZ[i, h, w, c],
                )

        # 6. Cut the padding off again.
        dA_prev[i] = dA_prev_pad[window.interior]

    return dA_prev.astype(dtype, copy=False), dW.astype(dtype, copy=False), db.astype(dtype, copy=False)
