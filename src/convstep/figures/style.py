"""The one look of every figure: sizes in inches, one font, thin lines, and colours of a theme.

One rule: nothing that the reader's own Matplotlib settings say changes a figure.
"""

import base64
import errno
import io
import math
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, TypeAlias

import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from convstep.checks import Array, refusal, shown
from convstep.figures.numerals import fonts, number, text_width
from convstep.figures.themes import LIGHT, Theme, theme_named
from convstep.files import atomic_file

Look: TypeAlias = Literal["signed", "paper", "gradient"]

DPI = 150
SIZE, SMALLEST = 6.5, 4.3  # points of the numbers in cells
AIR = 0.04  # inches that a number leaves free in its cell
BOUNDS = (1e-200, 1e200)  # numbers that Matplotlib's own arithmetic can take
NO_DATE: dict[str, dict[str, Any]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


class Picture(Figure):
    """A figure that a notebook shows by itself, sharp on every screen.

    Attributes
    ----------
    theme : Theme
        The colours it is drawn in.
    """

    theme: Theme = LIGHT

    def savefig(self, fname: Any, **options: Any) -> None:
        """Write the figure, as it looks, into a file; the options are Matplotlib's."""
        suffix = f".{options.get('format') or Path(str(fname)).suffix[1:]}".lower()
        with house_style(self.theme):
            super().savefig(fname, **{"metadata": NO_DATE.get(suffix), **options})

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
        # Asked before any formatter that Matplotlib's own notebook backend may have registered, which knows no sharp screens.
        with io.BytesIO() as file:
            self.savefig(file, format="png", dpi=2 * DPI)
            content = base64.b64encode(file.getvalue()).decode("ascii")
        width, height = (round(96 * side) for side in self.get_size_inches())
        return {"image/png": content}, {"image/png": {"width": width, "height": height}}


def house_style(theme: Theme = LIGHT) -> AbstractContextManager[None]:
    """Return the context in which every figure is drawn and saved."""
    return matplotlib.style.context(["default", _settings(theme)])


def _settings(theme: Theme) -> dict[str, Any]:
    return {
        "font.family": fonts(),
        "font.size": 7.5,
        "text.color": theme.ink,
        "text.parse_math": False,  # a dollar in a name is a dollar
        "axes.edgecolor": theme.grey,
        "axes.facecolor": theme.page,
        "axes.linewidth": 0.6,
        "axes.titlesize": 8,
        "axes.titlepad": 5,
        "axes.labelsize": 7,
        "axes.labelcolor": theme.grey,
        "axes.labelpad": 4,
        "figure.facecolor": theme.page,
        "hatch.linewidth": 0.8,
        "image.interpolation": "nearest",
        "svg.hashsalt": "convstep",
        "xtick.color": theme.grey,
        "ytick.color": theme.grey,
    }


def sheet(width: float, height: float, theme: Theme | None = None) -> Picture:
    """Return an empty figure of so many inches."""
    figure = Picture(figsize=(width, height), dpi=DPI)
    figure.theme = theme or theme_named("figures", None)
    return figure


def theme_of(artist: Artist) -> Theme:
    """Return the theme of the figure that something stands on."""
    figure = artist.get_figure(root=True)
    return figure.theme if isinstance(figure, Picture) else LIGHT


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
    write(figure, (0.45, 0.16), title, fontsize=9.5, fontweight="bold")
    write(figure, (0.45, 0.38), explanation, color=theme_of(figure).grey)


def heading(figure: Figure, top: float, text: str, explanation: str) -> None:
    """Write a heading with its explanation so many inches below the top, under a rule."""
    width, height = figure.get_size_inches()
    left, right = 0.45 / width, 1 - 0.45 / width
    figure.add_artist(Rectangle((left, 1 - top / height), right - left, 0, edgecolor=theme_of(figure).rule, linewidth=0.8))
    write(figure, (0.45, top + 0.1), text, fontsize=9.5, fontweight="bold")
    write(figure, (0.45, top + 0.3), explanation, color=theme_of(figure).grey)


def write(figure: Figure, place: tuple[float, float], text: str, **look: Any) -> None:
    """Write a text whose upper left corner lies so many inches from that of the figure."""
    width, height = figure.get_size_inches()
    figure.text(place[0] / width, 1 - place[1] / height, text, **{"fontsize": 7.5, "va": "top", **look})


def draw_image(axes: Axes, image: Array, look: Look, limits: tuple[float, float], **options: Any) -> AxesImage:
    """Draw an array cell by cell. NaN has a colour of its own, infinities have those of the limits."""
    values = np.asarray(image, np.float64)
    values = np.where(np.isinf(values), np.where(values > 0, limits[1], limits[0]), values)
    size = max(map(abs, limits))
    if not BOUNDS[0] < size < BOUNDS[1]:  # the same picture
        values, limits = values / size, (limits[0] / size, limits[1] / size)
    cmap = getattr(theme_of(axes), look)
    return axes.imshow(values, cmap=cmap, vmin=limits[0], vmax=limits[1], **options)


def write_numbers(axes: Axes, *, digits: int, times: float = 1, values: Array | None = None) -> bool:
    """Write its number into each cell of the image that the axes show, in a colour that stands out, or none if one does not fit.

    Parameters
    ----------
    axes : Axes
    digits : int
        After the point.
    times : float
        What is written is so many times the value.
    values : array, optional
        What is written, if it is not what is drawn.

    Returns
    -------
    bool
        Whether there is room.
    """
    (image,) = axes.images
    drawn: Any = image.get_array()
    written = (np.ma.getdata(drawn) if values is None else np.asarray(values, np.float64)) * times
    texts = fitted(written, digits, axes.get_position().width * axes.figure.get_figwidth() / written.shape[1])  # type: ignore[union-attr]
    if texts is None:
        return False
    theme, shades = theme_of(axes), image.to_rgba(drawn)
    for (row, column), (text, size) in zip(np.ndindex(written.shape), texts, strict=True):
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=readable_on(shades[row, column], theme))
    return True


def fitted(values: Array, digits: int, width: float) -> list[tuple[str, float]] | None:
    """Return each number as a text, with its size in points, for cells so many inches wide; None if one does not fit."""
    room, found = width - AIR, []
    for value in values.ravel().tolist():
        texts = [number(value, digits), *(["≈0"] if 0 < abs(value) < 0.5 * 10.0**-digits else [])]  # what is nearly 0 may be told as that
        text = next((text for text in texts if text_width(text, SMALLEST) <= room), None)
        if text is None:
            return None
        found.append((text, min(SIZE, SIZE * room / text_width(text, SIZE))))
    return found


def readable_on(shade: Any, theme: Theme) -> str:
    """Return the colour of a text on a colour: of paper and ink the one that stands out more."""
    under = luminance(shade) + 0.05
    return max((theme.page, theme.ink), key=lambda colour: abs(math.log((luminance(to_rgb(colour)) + 0.05) / under)))


def luminance(shade: Any) -> float:
    """Return how light a colour is, as WCAG 2 defines it."""
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in shade[:3]]
    return float(0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2])


def outline(axes: Axes, rows: slice, columns: slice, **look: Any) -> Rectangle:
    """Draw the outline of a block of cells."""
    corner = (columns.start - 0.5, rows.start - 0.5)
    look = {"linewidth": 1.4, "edgecolor": theme_of(axes).ink, "facecolor": "none", **look}
    block = Rectangle(corner, columns.stop - columns.start, rows.stop - rows.start, **look)
    axes.add_patch(block)
    return block


def save(figure: Figure, path: str | Path, *, dpi: int = DPI) -> None:
    """Write the figure as its path's suffix says, all of it or nothing.

    Parameters
    ----------
    figure : Figure
    path : str or Path
        Ends in .png, .svg or .pdf.
    dpi : int
        Pixels an inch of a PNG.

    Raises
    ------
    ShapeError
        If it ends in something else.
    DataError
        If there is no such folder, or there is a folder of that name.
    OSError
        If the file cannot be written otherwise; one that was there before is still what it was.
    """
    path = Path(path)
    if path.suffix.lower() not in NO_DATE:
        raise refusal("save", f"path must end in .png, .svg or .pdf, not {shown(path.suffix)}", {"path": str(path)})
    if path.is_file() and not os.access(path, os.W_OK):  # a rename would do
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    suffix = path.suffix.lower()
    with atomic_file(path) as file:
        figure.savefig(file, format=suffix[1:], dpi=dpi, metadata=NO_DATE.get(suffix))
