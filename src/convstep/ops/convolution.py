"""Convolution of whole batches and its transpose, forward and backward: checked once, then the chosen engine's kernels."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from convstep.checks import Array, public
from convstep.checks import operations as doors
from convstep.engines import current_engine


@public
def conv2d(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    *,
    strides: Any = 1,
    padding: Any = 0,
    dilation_rate: Any = 1,
    groups: int = 1,
    floor: bool = False,
) -> Array:
    """Slide filters over a batch of images; the filters are not flipped.

    Parameters
    ----------
    x : (m, height, width, channels)
        Images; m may be 0.
    w : (rows, columns, channels / groups, filters)
        Filters.
    b : (filters,), optional
        One bias for each filter.
    strides, dilation_rate : int or (int, int)
        Cells from one window to the next, and from one cell of a window to its neighbour, >= 1; (rows, columns).
    padding : int, (int, int), ((int, int), (int, int)), "valid" or "same"
        Zeros around each image: all sides; (above and below, left and right); ((above, below), (left, right)); none; so many that the
        output has ceil(size / stride) cells, an odd one after, as in Keras.
    groups : int
        Into how many groups the channels and the filters fall; each filter sees the channels of its group.
    floor : bool
        Whether negative results become 0, as `relu` makes them.

    Returns
    -------
    y : (m, out_height, out_width, filters)
        out = floor((size + zeros - (cells - 1) * dilation_rate - 1) / stride) + 1 along each axis.

    Raises
    ------
    ShapeError
        If the shapes do not fit together, or no window fits into the padded image.
    ArgumentTypeError
        If an array does not hold real numbers, or an option is of the wrong kind.
    """
    given = doors.convolution("conv2d", x, w, b, {"strides": strides, "padding": padding, "dilation_rate": dilation_rate, "groups": groups})
    y = current_engine().correlate(given.x, given.w, given.b, given.window, given.groups, floor=doors.flag("conv2d", "floor", floor))
    return y.astype(given.dtype, copy=False)


@public
def conv2d_backward(
    dy: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    *,
    strides: Any = 1,
    padding: Any = 0,
    dilation_rate: Any = 1,
    groups: int = 1,
    to_x: bool = True,
) -> tuple[Any, Array, Array]:
    """Carry the gradient of `conv2d` back.

    Parameters
    ----------
    dy : (m, out_height, out_width, filters)
        Gradient of the output.
    x, w, strides, padding, dilation_rate, groups
        As in the forward pass.
    to_x : bool
        Whether dx is wanted; it is None if not.

    Returns
    -------
    dx : (m, height, width, channels)
    dw : (rows, columns, channels / groups, filters)
    db : (filters,)

    Raises
    ------
    ShapeError, ArgumentTypeError
        As `conv2d`, and if dy does not have the shape of its output.
    """
    dz, given = doors.convolution_gradient(
        "conv2d_backward", dy, x, w, {"strides": strides, "padding": padding, "dilation_rate": dilation_rate, "groups": groups}
    )
    engine = current_engine()
    dx = engine.correlate_to_x(dz, given.w, given.window, given.groups) if doors.flag("conv2d_backward", "to_x", to_x) else None
    dw = engine.correlate_to_w(dz, given.x, given.window, given.groups)
    return _typed(given.dtype, dx, dw, engine.pixel_sum(dz))


@public
def conv2d_transpose(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    *,
    strides: Any = 1,
    padding: Any = 0,
    output_padding: Any = None,
    dilation_rate: Any = 1,
) -> Array:
    """Spread every pixel over a window, weighted by a filter: the transpose of `conv2d` towards its images.

    Parameters
    ----------
    x : (m, height, width, channels)
        Images; m may be 0.
    w : (rows, columns, filters, channels)
        Filters, laid out as Keras's Conv2DTranspose has them.
    b : (filters,), optional
        One bias for each filter.
    strides, dilation_rate, padding
        Those of the convolution that this one transposes, as in `conv2d`: padding cuts cells off the output.
    output_padding : int or (int, int), optional
        Rows and columns more than the smallest output, < strides; "same" counts from (size - 1) * stride + reach % 2, as Keras does.
        Without it, "same" gives size * stride cells, "valid" (size - 1) * stride + max(reach, stride), and explicit padding the
        smallest output: (size - 1) * stride + reach - padding, where a window reaches over (rows - 1) * dilation_rate + 1 cells.

    Returns
    -------
    y : (m, out_height, out_width, filters)

    Raises
    ------
    ShapeError, ArgumentTypeError
        As `conv2d`, and if padding leaves nothing of the output.

    Notes
    -----
    Dumoulin and Visin 2016, A guide to convolution arithmetic for deep learning, chapter 4.
    """
    options = {"strides": strides, "padding": padding, "output_padding": output_padding, "dilation_rate": dilation_rate}
    given = doors.transposed("conv2d_transpose", x, w, b, options)
    y = current_engine().correlate_to_x(given.x, given.w, given.window, 1)
    if given.b is not None:
        y += given.b
    return y.astype(given.dtype, copy=False)


@public
def conv2d_transpose_backward(
    dy: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    *,
    strides: Any = 1,
    padding: Any = 0,
    output_padding: Any = None,
    dilation_rate: Any = 1,
    to_x: bool = True,
) -> tuple[Any, Array, Array]:
    """Carry the gradient of `conv2d_transpose` back.

    Parameters
    ----------
    dy : (m, out_height, out_width, filters)
        Gradient of the output.
    x, w, strides, padding, output_padding, dilation_rate
        As in the forward pass.
    to_x : bool
        Whether dx is wanted; it is None if not.

    Returns
    -------
    dx : (m, height, width, channels)
    dw : (rows, columns, filters, channels)
    db : (filters,)

    Raises
    ------
    ShapeError, ArgumentTypeError
        As `conv2d_transpose`, and if dy does not have the shape of its output.
    """
    options = {"strides": strides, "padding": padding, "output_padding": output_padding, "dilation_rate": dilation_rate}
    dz, given = doors.transposed_gradient("conv2d_transpose_backward", dy, x, w, options)
    engine = current_engine()
    dx = engine.correlate(dz, given.w, None, given.window, 1) if doors.flag("conv2d_transpose_backward", "to_x", to_x) else None
    dw = engine.correlate_to_w(given.x, dz, given.window, 1)
    return _typed(given.dtype, dx, dw, engine.pixel_sum(dz))


@public
def dense(x: ArrayLike, w: ArrayLike, b: ArrayLike | None = None, *, floor: bool = False) -> Array:
    """Multiply every row of features with a matrix of weights: a convolution of single pixels.

    Parameters
    ----------
    x : (..., channels)
        Features along the last axis.
    w : (channels, units)
        Weights.
    b : (units,), optional
        Bias.
    floor : bool
        Whether negative results become 0, as `relu` makes them.

    Returns
    -------
    y : (..., units)

    Raises
    ------
    ShapeError
        If the shapes do not fit together.
    ArgumentTypeError
        If an array does not hold real numbers.
    """
    shape, given = doors.dense("dense", x, w, b)
    y = current_engine().correlate(given.x, given.w, given.b, given.window, 1, floor=doors.flag("dense", "floor", floor))
    return y.reshape(*shape[:-1], given.w.shape[3]).astype(given.dtype, copy=False)


@public
def dense_backward(dy: ArrayLike, x: ArrayLike, w: ArrayLike, *, to_x: bool = True) -> tuple[Any, Array, Array]:
    """Carry the gradient of `dense` back.

    Parameters
    ----------
    dy : (..., units)
        Gradient of the output.
    x, w
        As in the forward pass.
    to_x : bool
        Whether dx is wanted; it is None if not.

    Returns
    -------
    dx : (..., channels)
    dw : (channels, units)
    db : (units,)

    Raises
    ------
    ShapeError, ArgumentTypeError
        As `dense`, and if dy does not have the shape of its output.
    """
    shape, dz, given = doors.dense_gradient("dense_backward", dy, x, w)
    engine = current_engine()
    dx = engine.correlate_to_x(dz, given.w, given.window, 1).reshape(shape) if doors.flag("dense_backward", "to_x", to_x) else None
    dw = engine.correlate_to_w(dz, given.x, given.window, 1)[0, 0]
    return _typed(given.dtype, dx, dw, engine.pixel_sum(dz))


def _typed(dtype: np.dtype[Any], dx: Array | None, dw: Array, db: Array) -> tuple[Any, Array, Array]:
    return None if dx is None else dx.astype(dtype, copy=False), dw.astype(dtype, copy=False), db.astype(dtype, copy=False)
