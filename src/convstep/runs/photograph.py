"""A photographed or drawn digit becomes what MNIST would have made of it: 28 x 28 cells, ink bright on black.

One rule: only the drawing counts, not its size, its place, its colours, or whether it is dark on light or light on dark.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstep.data import read_image
from convstep.data.files import FilePath, refusal
from convstep.extras import require

__all__ = ["digit_cells", "read_digit"]

Cells = NDArray[np.float64]

SIDE, BOX = 28, 20  # LeCun et al. 1998: fitted into 20 x 20, the centre of mass in the middle of 28 x 28
LARGEST = 200  # cells of the longer side that are looked at
FAINTEST = 24  # grey values between paper and ink
SPECK = 0.05  # of the largest stroke's area: smaller ones are dirt
THINNEST = 1.8  # cells of the 20 x 20: thinner strokes, as those of a pencil, are made bolder
ROUNDS = 3  # of fitting the paper, each without what the one before took for ink


def read_digit(path: FilePath) -> NDArray[np.uint8]:
    """Read an image file with one digit in it, of any size, as 28 x 28 cells like MNIST's.

    Parameters
    ----------
    path : str or path
        What `convstep.data.read_image` reads.

    Returns
    -------
    x : (28, 28, 1), uint8
        From 0 for paper to 255 for ink.

    Raises
    ------
    DataError
        If the file is no image, or nothing stands out in it.
    MissingExtraError
        pillow is not installed, which the extra ``data`` brings.
    """
    cells = digit_cells(read_image(path, color="gray")[..., 0])
    if cells is None:
        raise refusal("read_digit", "the image shows no digit: nothing in it stands out from the rest", path)
    return cells


def digit_cells(image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return a digit (height, width) as (28, 28, 1), or None if nothing stands out.

    Notes
    -----
    1. Scale down to at most 200 cells, averaging.
    2. Find the paper: a quadratic surface through the grey values, so that a shadow across the paper is none of it.
    3. Ink is what differs from it to the side that differs more; Otsu's threshold (1979) parts it from the paper's grain.
    4. Leave specks out, and frames: strokes much smaller than the largest one.
    5. Crop, make thin strokes bolder, scale the longer side to 20 cells, put the centre of mass in the middle of 28 x 28.
    """
    small = _resized(image.astype(np.float64), min(1.0, LARGEST / max(image.shape)))
    ink = _ink(small)
    if ink is None:
        return None
    drawn = ink * _strokes(ink > 1 / 2)
    rows, columns = (np.flatnonzero(drawn.max(axis=axis) > 1 / 4) for axis in (1, 0))
    cropped = drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    fitted = _resized(_bolder(cropped), BOX / max(cropped.shape))
    fitted = np.clip(fitted / max(float(np.quantile(fitted, 0.98)), 1 / 2), 0, 1)
    return np.rint(_centred(fitted) * 255).astype(np.uint8)[..., np.newaxis]


def _ink(cells: Cells) -> Cells | None:
    """Return how much of each cell is ink, from 0 to 1."""
    away = cells - _paper(cells)
    low, high = np.quantile(away, (0.002, 0.998)) if away.size > 1000 else (away.min(), away.max())
    away = -away if -low > high else away
    top = max(-low, high)
    if top < FAINTEST:
        return None
    threshold = _otsu(np.clip(away, 0, top))
    strong = float(np.median(away[away > threshold]))
    ink: Cells = np.clip((away - threshold / 2) / max(strong - threshold / 2, 1.0), 0, 1)
    return ink


def _paper(cells: Cells) -> Cells:
    """Return a quadratic surface through the cells that are paper."""
    rows, columns = (np.linspace(-1, 1, size) for size in cells.shape)
    y, x = (part.ravel() for part in np.meshgrid(rows, columns, indexing="ij"))
    flat = cells.ravel()
    median = np.median(flat)
    kept = np.abs(flat - median) <= max(float(np.median(np.abs(flat - median))) * 4, FAINTEST)
    if np.ptp(cells[[0, -1]]) < FAINTEST and np.ptp(cells[:, [0, -1]]) < FAINTEST:
        return np.full(cells.shape, float(np.median(np.concatenate([cells[0], cells[-1], cells[:, 0], cells[:, -1]]))))
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1)
    surface = np.full_like(flat, median)
    for _ in range(ROUNDS):
        surface = terms @ np.linalg.lstsq(terms[kept], flat[kept], rcond=None)[0]
        distance = np.abs(flat - surface)
        kept = distance <= max(2.5 * float(np.median(distance)), FAINTEST / 2)
    return surface.reshape(cells.shape)


def _otsu(values: Cells) -> float:
    """Return the threshold that parts the values into two groups that differ most (Otsu 1979)."""
    counts, edges = np.histogram(values, bins=128)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    sums = np.cumsum(counts * middles)
    above = below[-1] - below
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(middles[int(np.nanargmax(apart))])


def _strokes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the cells in and around the strokes that belong to the digit."""
    labels, areas = _components(mask)
    touching = {int(label) for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]) for label in np.unique(edge) if label}
    inside = {label: area for label, area in areas.items() if label not in touching} or areas
    largest = max(inside.values())
    chosen = [label for label, area in inside.items() if area >= SPECK * largest]
    return _grown(np.isin(labels, chosen))


def _components(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], dict[int, int]]:
    """Return numbers from 1 for the connected parts of a mask, and how many cells each has."""
    labels = np.zeros(mask.shape, dtype=np.int64)
    areas: dict[int, int] = {}
    height, width = mask.shape
    for start in zip(*np.nonzero(mask), strict=True):
        if labels[start]:
            continue
        label, stack = len(areas) + 1, [(int(start[0]), int(start[1]))]
        labels[start], areas[label] = label, 0
        while stack:
            row, column = stack.pop()
            areas[label] += 1
            for i in range(max(row - 1, 0), min(row + 2, height)):
                for j in range(max(column - 1, 0), min(column + 2, width)):
                    if mask[i, j] and not labels[i, j]:
                        labels[i, j] = label
                        stack.append((i, j))
    return labels, areas


def _grown(mask: NDArray[Any]) -> NDArray[Any]:
    """Return the largest value among each cell and its eight neighbours."""
    wide = np.pad(mask, 1)
    down = np.maximum(np.maximum(wide[:-2], wide[1:-1]), wide[2:])
    grown: NDArray[Any] = np.maximum(np.maximum(down[:, :-2], down[:, 1:-1]), down[:, 2:])
    return grown


def _bolder(cells: Cells) -> Cells:
    """Return the drawing with strokes that will still be seen when it is small."""
    scale = BOX / max(cells.shape)
    for _ in range(LARGEST):
        mask = np.pad(cells > 1 / 2, 1)
        edge = mask & _grown(~mask)
        if 2 * mask.sum() / max(edge.sum(), 1) * scale >= THINNEST:
            break
        cells = _grown(np.pad(cells, 1))
    return cells


def _resized(cells: Cells, scale: float) -> Cells:
    """Return the cells scaled, averaging."""
    if scale == 1:
        return cells
    pillow = require("PIL.Image", extra="data", op="read_digit")
    height, width = (max(1, round(size * scale)) for size in cells.shape)
    picture = pillow.fromarray(cells.astype(np.float32))
    return np.asarray(picture.resize((width, height), pillow.Resampling.BOX if scale < 1 else pillow.Resampling.BILINEAR), dtype=np.float64)


def _centred(cells: Cells) -> Cells:
    """Return 28 x 28 cells with the centre of mass in their middle, as far as the drawing then lies within them."""
    result = np.zeros((SIDE, SIDE))
    starts = []
    for axis, size in enumerate(cells.shape):
        mass = cells.sum(axis=1 - axis)
        centre = float((mass * (np.arange(size) + 1 / 2)).sum() / mass.sum())
        starts.append(min(max(round(SIDE / 2 - centre), 0), SIDE - size))
    top, left = starts
    result[top : top + cells.shape[0], left : left + cells.shape[1]] = cells
    return result
