"""Arrays as grids of cells, with their numbers where there is room, windows, and frames of padding.

One rule: it draws the arrays that it is given and computes none of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from convstep.checks import Array, array, counted, numbers, refusal
from convstep.figures import style
from convstep.figures.numerals import digits_for, widest
from convstep.figures.style import Look

__all__ = ["Block", "Grid", "draw_grid", "extent", "has_numbers", "largest_of", "oddities", "pixels"]

Block: TypeAlias = tuple[slice, slice]

CELL = 0.33  # inches, with a number in it; wider where numbers are
FEW = 9  # an array with more rows or columns is drawn without numbers
THINNEST = 0.22  # inches of a grid of many columns and one row
RULED = 40  # rows or columns of which single cells can still be told apart
HATCH = "//////"
CORNERS = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])  # of a cell, around its middle


@dataclass(frozen=True)
class Grid:
    """One array of a picture.

    Parameters
    ----------
    values : (rows, columns)
        What is drawn, cell by cell.
    title, note : str
        What stands above and below it.
    look : {"signed", "paper", "gradient"}
        Orange to blue around zero; white to black, and white to blue, from zero on.
    windows : blocks
        Pairs of slices, rows and columns, that are outlined in colours of their own.
    frame : int
        How many rows and columns at each border are hatched, as padding.
    digits : int or None
        After the point, where a cell is large enough for a number; None for as many as suit.
    limit : float, optional
        The value of the darkest colour; the largest one if it is left out.
    bold : (rows, columns) of bool, optional
        Whose numbers are bold and underlined.
    ruled : blocks
        Pairs of slices that are outlined in thin ink.
    unread : (int, int)
        How many rows and columns at the end are hatched as cells that no window reads.
    """

    values: Any
    title: str = ""
    note: str = ""
    look: Look = "signed"
    windows: Iterable[Block] = ()
    frame: int = 0
    digits: int | None = 0
    limit: float | None = None
    bold: Array | None = None
    ruled: Sequence[Block] = ()
    unread: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        """Read the values as an array of numbers with rows and columns."""
        object.__setattr__(self, "values", array("Grid", "values", self.values, ("rows", "columns")))


def has_numbers(grid: Grid) -> bool:
    """Return whether the cells are few enough for numbers."""
    return bool(max(grid.values.shape) <= FEW)


def extent(grid: Grid, small: float) -> tuple[float, float]:
    """Return width and height in inches; `small` is the side of a cell without a number."""
    rows, columns = grid.values.shape
    if has_numbers(grid):
        cell = CELL if grid.digits is not None else max(CELL, widest(grid.values, _digits(grid)) + 2 * style.AIR)
        return columns * cell, rows * cell
    return max(columns * small, THINNEST), max(rows * small, THINNEST)


def draw_grid(axes: Axes, grid: Grid) -> None:
    """Draw an array on axes of its extent."""
    theme = style.theme_of(axes)
    largest = grid.limit or largest_of(grid.values)
    style.draw_image(axes, grid.values, grid.look, (-largest if grid.look == "signed" else 0.0, largest), aspect="auto")
    _hatch_missing(axes, grid.values)
    if grid.frame:
        _hatch_frame(axes, grid.values.shape, grid.frame)
    if any(grid.unread):
        _hatch_unread(axes, grid)
    if has_numbers(grid):
        _rule(axes, grid)
        if style.write_numbers(axes, digits=_digits(grid), values=grid.values) and grid.bold is not None:
            for text, is_bold in zip(axes.texts, np.ravel(grid.bold), strict=True):
                text.set_fontweight("bold" if is_bold else "normal")
    if grid.bold is not None:
        _ring(axes, grid.bold)
    for rows, columns in grid.ruled:
        style.outline(axes, rows, columns, linewidth=0.9, zorder=2.5, clip_on=False)
    for number, (rows, columns) in enumerate(grid.windows):
        style.outline(axes, rows, columns, edgecolor=theme.tags[number % len(theme.tags)], linewidth=2.0, zorder=3, clip_on=False)


def largest_of(values: Array) -> float:
    """Return the largest magnitude of the numbers that are finite, or 1 if that is 0."""
    finite = np.abs(np.asarray(values, np.float64))
    return float(finite[np.isfinite(finite)].max(initial=0.0)) or 1.0


def oddities(values: Array) -> str:
    """Return how many cells are no finite numbers, in words; nothing if there are none."""
    counts = {"NaN": int(np.isnan(values).sum()), "infinite": int(np.isinf(values).sum())}
    words = [f"{number} {name}" for name, number in counts.items() if number]
    return f"of {counted(values.size, 'cell')} {', '.join(words)}" if words else ""


def pixels(op: str, name: str, value: Any) -> Array:
    """Return an image with an axis for its channels."""
    read = numbers(op, name, value)
    if read.ndim not in (2, 3):
        fact = f"{name} must have the axes (height, width) or (height, width, channels), not {read.ndim}"
        raise refusal(op, fact, {name: read})
    axes = ("height", "width", "channels")
    return array(op, name, read[:, :, None] if read.ndim == 2 else read, axes).astype(np.float64)


def _digits(grid: Grid) -> int:
    return digits_for(grid.values) if grid.digits is None else grid.digits


def _hatch_frame(axes: Axes, shape: tuple[int, ...], frame: int) -> None:
    """Hatch the rows above and below, and what is left of the columns at the sides."""
    rows, columns = shape
    inner = slice(frame, rows - frame)
    for block in (
        (slice(0, frame), slice(0, columns)),
        (slice(rows - frame, rows), slice(0, columns)),
        (inner, slice(0, frame)),
        (inner, slice(columns - frame, columns)),
    ):
        theme = style.theme_of(axes)
        style.outline(axes, *block, facecolor=theme.frame, edgecolor=theme.orange, linewidth=0, hatch=HATCH, alpha=0.6)


def _hatch_unread(axes: Axes, grid: Grid) -> None:
    """Hatch the last rows, and what is left of the last columns."""
    rows, columns = grid.values.shape
    below, right = grid.unread
    for block in ((slice(rows - below, rows), slice(0, columns)), (slice(0, rows - below), slice(columns - right, columns))):
        if block[0].start < block[0].stop and block[1].start < block[1].stop:
            grey = style.theme_of(axes).grey
            style.outline(axes, *block, facecolor="none", edgecolor=grey, linewidth=0, hatch="\\\\\\\\", alpha=0.7)


def _hatch_missing(axes: Axes, values: Array) -> None:
    """Hatch the cells that are NaN, where cells can be told apart."""
    missing = np.argwhere(np.isnan(np.asarray(values, np.float64)))
    if len(missing) and max(values.shape) <= RULED:
        corners = missing[:, None, ::-1] + CORNERS
        purple = style.theme_of(axes).purple
        axes.add_collection(PolyCollection(corners, facecolor="none", edgecolor=purple, linewidth=0, hatch="xxxx", alpha=0.5))


def _ring(axes: Axes, bold: Array) -> None:
    """Draw a ring around the cells that matter, so that they show without their numbers too."""
    corners = np.argwhere(bold)[:, None, ::-1] + CORNERS
    axes.add_collection(
        PolyCollection(corners, facecolor="none", edgecolor=style.theme_of(axes).ink, linewidth=0.9, zorder=2.6, clip_on=False)
    )


def _rule(axes: Axes, grid: Grid) -> None:
    """Rule lines between the cells."""
    rows, columns = grid.values.shape
    colour = style.theme_of(axes).rule
    axes.hlines(np.arange(1, rows) - 0.5, -0.5, columns - 0.5, colors=colour, linewidth=0.5)
    axes.vlines(np.arange(1, columns) - 0.5, -0.5, rows - 0.5, colors=colour, linewidth=0.5)
