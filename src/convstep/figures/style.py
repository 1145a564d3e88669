"""The one look of every figure: sizes in inches, colours that colour-blind readers and grey printers keep apart.

One rule: nothing that the reader's own Matplotlib settings say changes a figure.
"""

import errno
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from convstep.checks import Array

DPI = 150
INK, GREY, RULE = "#1a1a1a", "#595959", "#c8c8c8"
# Okabe and Ito 2008, Color Universal Design: blue, vermilion, bluish green, orange.
BLUE, VERMILION, GREEN, ORANGE = "#0072b2", "#d55e00", "#009e73", "#e69f00"
PAPER = LinearSegmentedColormap.from_list("paper", ["#ffffff", INK])
# The negative end stays light and the positive end goes dark, so that a grey print keeps the sign.
SIGNED = LinearSegmentedColormap.from_list("signed", ["#e08a1e", "#f7d9ae", "#ffffff", "#8db8d9", "#08306b"])
GRADIENT = LinearSegmentedColormap.from_list("gradient", ["#ffffff", "#7fb3d5", BLUE])

HOUSE = {
    "font.family": "DejaVu Sans",  # comes with Matplotlib
    "font.size": 7.5,
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.6,
    "axes.titlesize": 8,
    "axes.titlepad": 5,
    "axes.labelsize": 7,
    "axes.labelcolor": GREY,
    "axes.labelpad": 4,
    "figure.facecolor": "white",
    "image.interpolation": "nearest",
    "svg.hashsalt": "convstep",
}
NO_DATE = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def house_style() -> AbstractContextManager[None]:
    """Return the context in which every figure is drawn and saved."""
    return matplotlib.style.context(["default", HOUSE])


def sheet(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches."""
    return Figure(figsize=(width, height), dpi=DPI)


def panel(figure: Figure, left: float, top: float, size: tuple[float, float], *, title: str = "", note: str = "") -> Axes:
    """Return axes of (width, height) inches whose upper left corner lies so many inches from that of the figure."""
    full_width, full_height = figure.get_size_inches()
    width, height = size
    axes = figure.add_axes((left / full_width, 1 - (top + height) / full_height, width / full_width, height / full_height))
    axes.set_title(title)
    axes.set_xlabel(note)
    axes.set_xticks([])
    axes.set_yticks([])
    return axes


def headline(figure: Figure, title: str, explanation: str) -> None:
    """Write the title of a sheet with one panel or one row of them, and under it what it shows."""
    width, height = figure.get_size_inches()
    figure.text(0.45 / width, 1 - 0.16 / height, title, fontsize=9.5, fontweight="bold", va="top")
    figure.text(0.45 / width, 1 - 0.38 / height, explanation, fontsize=7.5, color=GREY, va="top")


def heading(figure: Figure, top: float, text: str, explanation: str) -> None:
    """Write a heading with its explanation so many inches below the top, under a rule."""
    width, height = figure.get_size_inches()
    left, right = 0.45 / width, 1 - 0.45 / width
    figure.add_artist(Rectangle((left, 1 - top / height), right - left, 0, edgecolor=RULE, linewidth=0.8))
    figure.text(left, 1 - (top + 0.1) / height, text, fontsize=9.5, fontweight="bold", va="top")
    figure.text(left, 1 - (top + 0.3) / height, explanation, fontsize=7.5, color=GREY, va="top")


def draw_image(axes: Axes, image: Array, cmap: LinearSegmentedColormap, limits: tuple[float, float]) -> AxesImage:
    """Draw an array cell by cell."""
    return axes.imshow(image, cmap=cmap, vmin=limits[0], vmax=limits[1])


def write_numbers(axes: Axes, *, digits: int, times: float = 1) -> None:
    """Write its number into each cell of the image that the axes show, in a colour that stands out from it."""
    (image,) = axes.images
    values = np.asarray(image.get_array(), dtype=float)
    shades = image.to_rgba(values)
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = shades[row, column]
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
        text = number(value * times, digits)
        axes.text(column, row, text, ha="center", va="center", fontsize=6.5, color="white" if dark else INK)


def outline(axes: Axes, rows: slice, columns: slice, **look: Any) -> Rectangle:
    """Draw the outline of a block of cells."""
    corner = (columns.start - 0.5, rows.start - 0.5)
    look = {"linewidth": 1.4, "edgecolor": INK, "facecolor": "none", **look}
    block = Rectangle(corner, columns.stop - columns.start, rows.stop - rows.start, **look)
    axes.add_patch(block)
    return block


def number(value: float, digits: int) -> str:
    """Return the number as it is printed: with a true minus sign, and never minus zero."""
    return f"{value:z.{digits}f}".replace("-", "−")


def save(figure: Figure, path: Path) -> None:
    """Write the figure as its path's suffix says, all of it or nothing.

    Raises
    ------
    OSError
        If the file cannot be written; one that was there before is still what it was.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, f"there is no folder {path.parent}", str(path))
    path = path.resolve()
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    suffix = path.suffix.lower()
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file, house_style():
            figure.savefig(file, format=suffix[1:], dpi=DPI, metadata=NO_DATE.get(suffix))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
