"""Bands: where there are few columns, outputs side by side are taken for one output with more, so that no lane stays empty.

One rule: a band's window is that of all its outputs, and a weight that an output does not have is 0; so numbers that are not finite are not
for bands, since 0 * inf is not 0.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convstep.checks import Array
from convstep.engines.compiled.finite import all_finite
from convstep.engines.compiled.sliding import slide
from convstep.engines.compiled.tiles import tile_for, work
from convstep.engines.compiled.walks import Filters, Line, Shape, straight

TOGETHER, WORTH = 8, 0.85  # most outputs of a phase that are taken for one; how much of the work that may leave


@dataclass(frozen=True)
class Band:
    """`outputs` outputs of a row, side by side, as one: their windows together, and where each output's own window begins in it."""

    outputs: int
    line: Line
    shifts: tuple[int, ...]


@lru_cache(maxsize=512)
def band_for(phases: tuple[Line, ...], filters: Filters, size: int, y_strides: Shape) -> Band | None:
    """Return the band that makes the least work, or nothing where one output at a time does."""
    if not all(line.taps for line in phases):
        return None  # outputs that no window meets stay as they are
    steps = {(line.step, line.tap) for line in phases}
    if filters.groups > 1 or len(steps) != 1 or any(tap > 1 for _, tap in steps) or y_strides[2] != filters.columns * size:
        return None
    bands = [band for repeats in range(1, TOGETHER + 1) if (band := _band(phases, repeats)).line.count]
    best = min(bands, key=lambda band: _work(band, filters.columns, size), default=None)
    if best is None or best.outputs == 1:
        return None
    return best if _work(best, filters.columns, size) < WORTH * _alone(phases, filters.columns, size) else None


def work_of_sliding(phases: tuple[Line, ...], filters: Filters, size: int, y_strides: Shape) -> float:
    """Return how many products of vectors each output makes for each row of a window and each term."""
    band = band_for(phases, filters, size, y_strides)
    return _alone(phases, filters.columns, size) if band is None else _work(band, filters.columns, size)


def _alone(phases: tuple[Line, ...], columns: int, size: int) -> float:
    return sum(len(line.taps) for line in phases) * work(columns, tile_for(columns, size)) / len(phases)


def _work(band: Band, columns: int, size: int) -> float:
    columns *= band.outputs
    return work(columns, tile_for(columns, size)) * len(band.line.taps) / band.outputs


def _band(phases: tuple[Line, ...], repeats: int) -> Band:
    """Return the band of `repeats` outputs of each phase."""
    outputs, step = len(phases) * repeats, max(line.step for line in phases)
    starts = [phases[u % len(phases)].first + u // len(phases) * step for u in range(outputs)]
    first, end = min(starts), max(start + len(phases[u % len(phases)].taps) for u, start in enumerate(starts))
    count = min(line.count for line in phases) // repeats
    line = Line(count, 0, outputs, first, repeats * step, 1, tuple(range(end - first)))
    return Band(outputs, line, tuple(start - first for start in starts))


def slide_band(
    x: Array, w: Array, b: Array | None, walk: tuple[Line, tuple[Line, ...]], filters: Filters, y: Array, band: Band, *, floor: bool = False
) -> bool:
    """Write to y as `slide` does, in rows; return whether its numbers can be trusted, since 0 * inf is not 0."""
    down, phases = walk
    layout = (filters.row, filters.column, filters.term, filters.across)
    weights = as_strided(w, (*w.shape[:2], filters.terms, filters.columns), layout)[list(down.taps)]
    # (p, q, c, k) -> (p, shift of u + q, c; u, k): output u of the band sees its own window, and zeros around it
    wide = np.zeros((len(down.taps), len(band.line.taps), filters.terms, band.outputs, filters.columns), w.dtype)
    for u, shift in enumerate(band.shifts):
        taps = phases[u % len(phases)].taps
        wide[:, shift : shift + len(taps), :, u] = weights[:, list(taps)]
    filled: Array = wide.reshape(*wide.shape[:3], -1)
    down = replace(down, taps=tuple(range(len(down.taps))))
    slide(x, filled, None if b is None else np.tile(b, band.outputs), (down, band.line), straight(filled, 1), y, floor=floor)
    done = band.line.count * band.outputs // len(phases)  # of each phase
    for line in phases:
        if line.count > done:
            place, first = line.place + done * line.stride, line.first + done * line.step
            slide(x, w, b, (walk[0], replace(line, count=line.count - done, place=place, first=first)), filters, y, floor=floor)
    return all_finite(y)
