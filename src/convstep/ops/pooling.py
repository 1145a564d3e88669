"""Pooling of whole batches, forward and backward: checked once, then the chosen engine's kernels."""

import math
from typing import Any

from numpy.typing import ArrayLike

from convstep.checks import Array, one_of, public
from convstep.checks import operations as doors
from convstep.engines import Engine, Ties, current_engine


@public
def max_pool2d(
    x: ArrayLike, pool_size: Any, *, strides: Any = None, padding: Any = 0, dilation_rate: Any = 1, ceil_mode: bool = False
) -> Array:
    """Take the largest value of every window, channel by channel.

    Parameters
    ----------
    x : (m, height, width, channels)
        Images; m may be 0.
    pool_size : int or (int, int)
        Rows and columns of the window.
    strides : int or (int, int), optional
        Cells from one window to the next; the size of the window, if not given.
    padding : int, (int, int), ((int, int), (int, int)), "valid" or "same"
        Cells around each image, as in `conv2d`. They never win, whatever the values. Smaller than the window.
    dilation_rate : int or (int, int)
        Cells from one cell of a window to its neighbour.
    ceil_mode : bool
        Whether a last window that hangs over the end counts, as in ONNX and PyTorch. One that starts behind it never does.

    Returns
    -------
    y : (m, out_height, out_width, channels)

    Raises
    ------
    ShapeError
        If no window fits, or the padding is as large as the window.
    ArgumentTypeError
        If x does not hold real numbers, or an option is of the wrong kind.
    """
    options = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate, "ceil_mode": ceil_mode}
    given = doors.pooling("max_pool2d", x, pool_size, options)
    return current_engine().max_pool(given.x, given.window).astype(given.dtype, copy=False)


@public
def max_pool2d_backward(  # noqa: PLR0913 - all are options of the field
    dy: ArrayLike,
    x: ArrayLike,
    pool_size: Any,
    *,
    strides: Any = None,
    padding: Any = 0,
    dilation_rate: Any = 1,
    ceil_mode: bool = False,
    ties: Ties = "first",
    floor: bool = False,
) -> Array:
    """Carry the gradient of `max_pool2d` back.

    Parameters
    ----------
    dy : (m, out_height, out_width, channels)
        Gradient of the output.
    x, pool_size, strides, padding, dilation_rate, ceil_mode
        As in the forward pass.
    ties : "first" or "all"
        Which of several largest values of a window gets the gradient: the first in reading order, as in most frameworks, or each of
        them, as in the course.
    floor : bool
        Whether x is what `relu` returned and the gradient of what `relu` was given is wanted: only values above 0 get any.

    Returns
    -------
    dx : (m, height, width, channels)

    Raises
    ------
    ShapeError, ArgumentTypeError
        As `max_pool2d`, and if dy does not have the shape of its output.
    """
    winners: Ties = "all" if one_of("max_pool2d_backward", "ties", ties, ("first", "all")) == "all" else "first"
    options = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate, "ceil_mode": ceil_mode}
    dz, given = doors.pooling_gradient("max_pool2d_backward", dy, x, pool_size, options)
    through = doors.flag("max_pool2d_backward", "floor", floor)
    return current_engine().max_pool_to_x(dz, given.x, given.window, winners, floor=through).astype(given.dtype, copy=False)


@public
def average_pool2d(
    x: ArrayLike,
    pool_size: Any,
    *,
    strides: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = False,
) -> Array:
    """Take the mean of every window, channel by channel.

    Parameters
    ----------
    x, pool_size, strides, padding, ceil_mode
        As in `max_pool2d`.
    count_include_pad : bool
        Whether the cells of the padding count, as zeros. The cells that `ceil_mode` hangs over the end never count.

    Returns
    -------
    y : (m, out_height, out_width, channels)

    Raises
    ------
    ShapeError, ArgumentTypeError
        As `max_pool2d`.
    """
    options = {"strides": strides, "padding": padding, "ceil_mode": ceil_mode, "count_include_pad": count_include_pad}
    given = doors.pooling("average_pool2d", x, pool_size, options)
    engine = current_engine()
    return _shared(engine, engine.window_sum(given.x, given.window), given.counts).astype(given.dtype, copy=False)


@public
def average_pool2d_backward(
    dy: ArrayLike,
    x: ArrayLike,
    pool_size: Any,
    *,
    strides: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = False,
) -> Array:
    """Carry the gradient of `average_pool2d` back.

    Parameters
    ----------
    dy : (m, out_height, out_width, channels)
        Gradient of the output.
    x, pool_size, strides, padding, ceil_mode, count_include_pad
        As in the forward pass; of x only the shape and the type matter.

    Returns
    -------
    dx : (m, height, width, channels)

    Raises
    ------
    ShapeError, ArgumentTypeError
        As `max_pool2d`, and if dy does not have the shape of its output.
    """
    options = {"strides": strides, "padding": padding, "ceil_mode": ceil_mode, "count_include_pad": count_include_pad}
    dz, given = doors.pooling_gradient("average_pool2d_backward", dy, x, pool_size, options)
    engine = current_engine()
    return engine.window_sum_to_x(_shared(engine, dz, given.counts), given.window).astype(given.dtype, copy=False)


def _shared(engine: Engine, sums: Array, counts: Array | None) -> Array:
    """Divide by how many cells each window counts; where that is a power of 2 everywhere a product has the same bits, and is faster."""
    count = None if counts is None or counts.ndim else float(counts)
    if count is not None and math.frexp(count)[0] == 0.5:
        return engine.times(sums, 1 / count)
    return sums if counts is None else engine.combine("quotient", sums, counts)
