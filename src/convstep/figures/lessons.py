"""The small pictures of the lessons: arrays in a row, with their numbers, windows and frames, and signs between them.

One rule: it draws the arrays that it is given and computes none of them. What is written on a picture is names and numbers, so that it
serves a lesson in any language.
"""

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from convstep.checks import Array
from convstep.figures import style

__all__ = ["Grid", "Picture", "draw_row"]

Block: TypeAlias = tuple[slice, slice]

CELL = 0.33  # inches, with a number in it
FEW, LARGEST = 9, 2.2  # an array with more rows or columns is drawn without numbers, at most so many inches large
WIDEST = 6.6  # inches, for all of those in one row
GAP, MARGIN, HEAD, FOOT = 0.36, 0.12, 0.34, 0.3
TAGS = (style.BLUE, style.VERMILION, style.GREEN, style.ORANGE)
COLOURS = {"paper": style.PAPER, "signed": style.SIGNED, "gradient": style.GRADIENT}


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
    digits : int
        After the point, where a cell is large enough for a number.
    limit : float, optional
        The value of the darkest colour; the largest one if it is left out.
    """

    values: Array
    title: str = ""
    note: str = ""
    look: Literal["signed", "paper", "gradient"] = "signed"
    windows: Iterable[Block] = ()
    frame: int = 0
    digits: int = 0
    limit: float | None = None


class Picture(Figure):
    """A figure that a notebook shows by itself, sharp on every screen."""

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
        # Asked before any formatter that Matplotlib's own notebook backend may have registered, which knows no sharp screens.
        with io.BytesIO() as file, style.house_style():
            self.savefig(file, format="png", dpi=2 * style.DPI, metadata=style.NO_DATE[".png"])
            content = base64.b64encode(file.getvalue()).decode("ascii")
        width, height = (round(96 * side) for side in self.get_size_inches())
        return {"image/png": content}, {"image/png": {"width": width, "height": height}}


def draw_row(*parts: Grid | str) -> Picture:
    """Draw arrays in a row, from left to right.

    Parameters
    ----------
    *parts : Grid or str
        The arrays, and signs that stand between them.

    Returns
    -------
    Picture
        As large as what is in it.
    """
    grids = [part for part in parts if isinstance(part, Grid)]
    many = sum(not _has_numbers(grid) for grid in grids)
    small = min(LARGEST, WIDEST / max(many, 1)) / max(max(grid.values.shape) for grid in grids)  # one scale for all with many cells
    sizes = [_size(part, small) for part in parts]
    tall = max(height for _, height in sizes)
    foot = FOOT if any(grid.note for grid in grids) else MARGIN
    full = sum(width for width, _ in sizes) + GAP * (len(parts) + 1), HEAD + tall + foot
    with style.house_style():
        figure = Picture(figsize=full, dpi=style.DPI)
        left = GAP
        for part, (width, height) in zip(parts, sizes, strict=True):
            if isinstance(part, Grid):
                top = HEAD + (tall - height) / 2
                _draw(style.panel(figure, left, top, (width, height), title=part.title, note=part.note), part)
            else:
                figure.text(left / full[0], 1 - (HEAD + tall / 2) / full[1], part, fontsize=12, ha="center", va="center", color=style.GREY)
            left += width + GAP
    return figure


def _size(part: Grid | str, small: float) -> tuple[float, float]:
    """Return width and height in inches."""
    if isinstance(part, str):
        return 0.0, 0.0
    cell = CELL if _has_numbers(part) else small
    rows, columns = part.values.shape
    return columns * cell, rows * cell


def _has_numbers(grid: Grid) -> bool:
    return bool(max(grid.values.shape) <= FEW)


def _draw(axes: Axes, grid: Grid) -> None:
    largest = grid.limit or float(np.abs(grid.values).max()) or 1.0
    style.draw_image(axes, grid.values, COLOURS[grid.look], (-largest if grid.look == "signed" else 0.0, largest))
    if grid.frame:
        _hatch(axes, grid)
    if _has_numbers(grid):
        _rule(axes, grid)
        style.write_numbers(axes, digits=grid.digits)
    for number, (rows, columns) in enumerate(grid.windows):
        style.outline(axes, rows, columns, edgecolor=TAGS[number % len(TAGS)], linewidth=2.0, zorder=3, clip_on=False)


def _hatch(axes: Axes, grid: Grid) -> None:
    """Hatch the rows above and below, and what is left of the columns at the sides."""
    rows, columns = grid.values.shape
    inner = slice(grid.frame, rows - grid.frame)
    for block in (
        (slice(0, grid.frame), slice(0, columns)),
        (slice(rows - grid.frame, rows), slice(0, columns)),
        (inner, slice(0, grid.frame)),
        (inner, slice(columns - grid.frame, columns)),
    ):
        style.outline(axes, *block, facecolor="#fbe6c2", edgecolor=style.ORANGE, linewidth=0, hatch="//////", alpha=0.6)


def _rule(axes: Axes, grid: Grid) -> None:
    """Rule lines between the cells."""
    rows, columns = grid.values.shape
    axes.hlines(np.arange(1, rows) - 0.5, -0.5, columns - 0.5, colors=style.RULE, linewidth=0.5)
    axes.vlines(np.arange(1, columns) - 0.5, -0.5, rows - 0.5, colors=style.RULE, linewidth=0.5)
