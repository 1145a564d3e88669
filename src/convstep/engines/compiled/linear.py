"""Convolution and its two transposes, each by the way that suits it: Winograd's algorithm, windows added up, or filters that slide.

One rule: `exact` sums are formed of the very products of the loops, so Winograd's algorithm, whose products are others, is not tried then.
"""

from functools import lru_cache

import numpy as np

from convstep.checks import Array
from convstep.engines.compiled import pixels, planes, winograd
from convstep.engines.compiled.arranging import arrange
from convstep.engines.compiled.arrays import empty
from convstep.engines.compiled.depthwise import depthwise, depthwise_to_w, depthwise_to_x
from convstep.engines.compiled.finite import all_finite
from convstep.engines.compiled.gathering import gather
from convstep.engines.compiled.scattering import scatter, work_of_scattering
from convstep.engines.compiled.sliding import Way, facts_of, slide
from convstep.engines.compiled.suiting import suits
from convstep.engines.compiled.walks import Filters, Line, backward, exchanged, forward, straight
from convstep.engines.numpy import ENGINE as NUMPY
from convstep.geometry import Window2d

FEW = 16  # most channels of images for which windows may be added up
EACH = 4  # filters of a channel from which on lanes are filters, or pixels, as everywhere else
PHASES = 64  # most phases of strides that filters slide in
CALL = 60_000  # cycles that a call of kernels takes, however little they do


def correlate(
    x: Array, w: Array, b: Array | None, window: Window2d, groups: int, *, floor: bool = False, out: Array | None = None, exact: bool
) -> Array:
    """Slide filters over images; see `Engine`."""
    if not suits(x, w, b, out):
        return NUMPY.correlate(x, w, b, window, groups, floor=floor, out=out)
    y = empty((x.shape[0], *window.out, w.shape[3]), x.dtype) if out is None else out
    if not y.size:
        return y
    if y.strides[3] != y.itemsize:  # kernels write filters side by side
        return arrange(correlate(x, w, b, window, groups, floor=floor, exact=exact), y)
    if _is_depthwise(w, groups):
        return depthwise(x, w, b, window, y, floor=floor)
    walk = forward(window.height), (forward(window.width),)
    bias, filters = None if b is None else np.ascontiguousarray(b), straight(w, groups)
    if exact or not winograd.slide(x, w, bias, (walk[0], walk[1][0]), filters, y, floor=floor):
        _slide_rows(x, w, bias, walk, filters, y, floor=floor)
    return y


def correlate_to_x(dy: Array, w: Array, window: Window2d, groups: int, *, exact: bool) -> Array:
    """Add windows up, or slide the filters, channels and filters exchanged, over the outputs: once for each phase; see `Engine`."""
    if not suits(dy, w):
        return NUMPY.correlate_to_x(dy, w, window, groups)
    if _is_depthwise(w, groups):
        return depthwise_to_x(dy, w, window, groups)
    shape = (dy.shape[0], window.height.size, window.width.size, w.shape[2] * groups)
    dx = empty(shape, dy.dtype)
    if dx.size and not _write_to_x(dy, w, window, groups, dx, exact=exact):
        return NUMPY.correlate_to_x(dy, w, window, groups)
    return dx


def _write_to_x(dy: Array, w: Array, window: Window2d, groups: int, dx: Array, *, exact: bool) -> bool:
    """Write the gradient of the images to dx; return False, with anything in dx, where that is not for kernels."""
    filters = exchanged(w, groups)
    if _better_added_up(window, filters, dx.shape[0], dx.itemsize) and scatter(dy, w, window, dx):
        return True
    if window.height.stride * window.width.stride > PHASES:
        return False
    rows, columns = backward(window.height), backward(window.width)
    if not exact and len(rows) == len(columns) == 1 and winograd.slide(dy, w, None, (rows[0], columns[0]), filters, dx):
        return True
    inside = all(line.stays_inside(size) for lines, size in zip((rows, columns), window.out, strict=True) for line in lines)
    if not inside and not all_finite(w):
        return False  # zeros around dy are no products of the loops, and 0 * inf is not 0
    if not all(line.taps for line in (*rows, *columns)):
        dx.fill(0)
    for down in rows:
        if down.taps:
            _slide_rows(dy, w, None, (down, columns), filters, dx)
    return True


@lru_cache(maxsize=512)
def _better_added_up(window: Window2d, filters: Filters, images: int, size: int) -> bool:
    """Return whether adding windows up makes less work than sliding filters: for few channels it may, for many phases it does."""
    many = window.height.stride * window.width.stride > PHASES
    if filters.groups > 1 or many or filters.columns > FEW:
        return filters.groups == 1 and many
    walks = [(down, across) for down in backward(window.height) for across in backward(window.width) if down.taps and across.taps]
    ways = [_way(walk, filters, size).cycles(walk, filters, size) * walk[0].count * walk[1].count for walk in walks]
    adding = images * work_of_scattering(window, filters.columns, filters.terms, size)
    return bool(adding + CALL < images * sum(ways) + CALL * len(walks))


def correlate_to_w(dy: Array, x: Array, window: Window2d, groups: int, *, exact: bool) -> Array:
    """Multiply what each weight met with what came of it; see `Engine`."""
    if not suits(dy, x):
        return NUMPY.correlate_to_w(dy, x, window, groups)
    dw = empty((*window.kernel, x.shape[3] // groups, dy.shape[3]), x.dtype)
    if _is_depthwise(dw, groups):
        return depthwise_to_w(dy, x, window)
    walk = forward(window.height), forward(window.width)
    if not dy.size:
        dw.fill(0)
        return dw
    if exact or not winograd.gather(dy, x, walk, groups, dw):
        gather(dy, x, walk, groups, dw)
    return dw


def _is_depthwise(w: Array, groups: int) -> bool:
    """Return whether each channel has filters of its own, and so few that lanes should be channels."""
    return bool(w.shape[2] == 1 < groups and w.shape[3] // groups < EACH)


def _slide_rows(
    x: Array, w: Array, b: Array | None, walk: tuple[Line, tuple[Line, ...]], filters: Filters, y: Array, *, floor: bool = False
) -> None:
    """Write to rows of y what the filters make of x, phase by phase."""
    down, phases = walk
    for across in phases:
        if across.taps:
            way = _way((down, across), filters, y.itemsize)
            plan = way.planned(facts_of(x, (down, across), filters, y, floor=floor))
            slide(plan, x, w, b, y, down.place * y.strides[1] + across.place * y.strides[2])


@lru_cache(maxsize=512)
def _way(walk: tuple[Line, Line], filters: Filters, size: int) -> Way:
    """Return what slides filters faster: lanes are filters in one, pixels in the other."""
    return min((pixels, planes), key=lambda way: way.cycles(walk, filters, size))
