"""Convolution and its two transposes, each by the way that suits it: Winograd's algorithm, bands, or filter by filter.

One rule: `exact` sums are formed of the very products of the loops; only these ways are tried then.
"""

import numpy as np

from convstep.checks import Array
from convstep.engines.compiled import bands, winograd
from convstep.engines.compiled.finite import all_finite
from convstep.engines.compiled.gathering import gather
from convstep.engines.compiled.sliding import slide
from convstep.engines.compiled.walks import Filters, Line, backward, exchanged, forward, straight
from convstep.engines.numpy import ENGINE as NUMPY
from convstep.geometry import Window2d


def correlate(x: Array, w: Array, b: Array | None, window: Window2d, groups: int, *, exact: bool) -> Array:  # noqa: PLR0917 - the engine's
    """Slide filters over images; see `Engine`."""
    y = np.empty((x.shape[0], *window.out, w.shape[3]), x.dtype)
    _slide_rows(x, w, b, (forward(window.height), (forward(window.width),)), straight(w, groups), y, exact=exact)
    return y


def correlate_to_x(dy: Array, w: Array, window: Window2d, groups: int, *, exact: bool) -> Array:
    """Slide the filters, channels and filters exchanged, over the outputs: once for each phase of the strides; see `Engine`."""
    rows, columns = backward(window.height), backward(window.width)
    shape = (dy.shape[0], window.height.size, window.width.size, w.shape[2] * groups)
    filled = all(line.taps for line in (*rows, *columns))
    dx = np.empty(shape, dy.dtype) if filled else np.zeros(shape, dy.dtype)
    inside = all(line.stays_inside(size) for lines, size in zip((rows, columns), window.out, strict=True) for line in lines)
    if not inside and not all_finite(w):
        return NUMPY.correlate_to_x(dy, w, window, groups)  # zeros around dy are no products of the loops, and 0 * inf is not 0
    for down in rows:
        if down.taps:
            _slide_rows(dy, w, None, (down, columns), exchanged(w, groups), dx, exact=exact)
    return dx


def correlate_to_w(dy: Array, x: Array, window: Window2d, groups: int, *, exact: bool) -> Array:
    """Multiply what each weight met with what came of it; see `Engine`."""
    dw = np.empty((*window.kernel, x.shape[3] // groups, dy.shape[3]), x.dtype)
    walk = forward(window.height), forward(window.width)
    if exact or not winograd.gather(dy, x, walk, groups, dw):
        gather(dy, x, walk, groups, dw)
    return dw


def _slide_rows(  # noqa: PLR0917
    x: Array, w: Array, b: Array | None, walk: tuple[Line, tuple[Line, ...]], filters: Filters, y: Array, *, exact: bool
) -> None:
    """Write to rows of y what the filters make of x."""
    down, phases = walk
    if not exact and len(phases) == 1 and winograd.slide(x, w, b, (down, phases[0]), filters, y):
        return
    band = bands.band_for(phases, filters, y.itemsize, y.strides)
    if band is None or not bands.slide_band(x, w, b, walk, filters, y, band):
        for across in phases:
            if across.taps:
                slide(x, w, b, (down, across), filters, y)
