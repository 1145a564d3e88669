"""A sheet on which images, boxes, lines and texts stand where they are put, in inches from its upper left corner.

One rule: all of them stand on the same axes, so that a sheet with hundreds of them is drawn in a moment.
"""

from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.image import AxesImage
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle

from convstep.checks import Array
from convstep.figures import style
from convstep.figures.grids import largest_of
from convstep.figures.numerals import text_width
from convstep.figures.style import Look, Picture
from convstep.figures.themes import Theme

__all__ = ["Canvas", "shortened"]

Place = tuple[float, float]

FAINT = 0.3  # of an image under something else
HEAD = (0.07, 0.03)  # inches of the head of an arrow: how long, and half as wide as it is


class Canvas:
    """An empty sheet under a headline. It is made, and drawn on, within `house_style`.

    Parameters
    ----------
    width, height : float
        Inches.
    title, explanation : str
        The headline.
    theme : Theme

    Attributes
    ----------
    figure : Picture
    """

    def __init__(self, size: Place, *, title: str, explanation: str, theme: Theme) -> None:
        self.figure: Picture = style.sheet(*size, theme)
        self.theme = theme
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set(xlim=(0, size[0]), ylim=(size[1], 0), autoscale_on=False)
        style.headline(self.figure, title, explanation)

    def image(self, values: Array, place: Place, size: Place, *, look: Look, limits: Place, **options: Any) -> AxesImage:
        """Draw an array with its upper left corner at a place, and a thin line around it."""
        (left, top), (width, height) = place, size
        extent = (left, left + width, top + height, top)
        drawn = style.draw_image(self.axes, values, look, limits, extent=extent, aspect="auto", **options)
        self.box(place, size, edgecolor=self.theme.grey, linewidth=0.6)
        return drawn

    def colours(self, values: Array, place: Place, size: Place) -> None:
        """Draw an image whose channels are red, green and blue from 0 to 1."""
        (left, top), (width, height) = place, size
        self.axes.imshow(np.nan_to_num(values), extent=(left, left + width, top + height, top), aspect="auto")
        self.box(place, size, edgecolor=self.theme.grey, linewidth=0.6)

    def pixels(self, picture: Array, place: Place, size: Place, *, faint: bool = False) -> None:
        """Draw an image as it looks: from 0 to 1, from 0 to 255, or from its smallest to its largest value."""
        largest = largest_of(picture)
        picture = picture if style.BOUNDS[0] < largest < style.BOUNDS[1] else picture / largest
        finite = picture[np.isfinite(picture)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        low, high = (
            (0.0, 1.0) if low >= 0 and high <= 1 else (0.0, 255.0) if low >= 0 and high <= 255 else (low, high if high > low else low + 1)
        )
        if picture.shape[2] == 3:
            shades = np.clip((picture - low) / (high - low), 0, 1)
            page = np.array(to_rgb(self.theme.page))
            self.colours(shades * FAINT + page * (1 - FAINT) if faint else shades, place, size)
        else:
            limits = (low, low + (high - low) / FAINT) if faint else (low, high)
            self.image(picture[:, :, 0], place, size, look="paper", limits=limits)

    def numbers(self, values: Array, drawn: AxesImage, place: Place, size: Place, *, digits: int, pale_zeros: bool = False) -> None:
        """Write its number into each cell of an image that was drawn, if all of them fit; zeros, where they do not matter, in grey."""
        rows, columns = values.shape
        across, down = size[0] / columns, size[1] / rows
        texts = style.fitted(values, digits, across)
        if texts is None:
            return
        shades = drawn.to_rgba(drawn.get_array())  # type: ignore[arg-type]
        for (row, column), (text, points) in zip(np.ndindex(values.shape), texts, strict=True):
            middle = place[0] + (column + 0.5) * across, place[1] + (row + 0.5) * down
            pale = {"color": self.theme.grey, "alpha": 0.6}
            look = pale if pale_zeros and values[row, column] == 0 else {"color": style.readable_on(shades[row, column], self.theme)}
            self.text(middle, text, ha="center", va="center", fontsize=points, **look)

    def text(self, place: Place, text: str, **look: Any) -> None:
        """Write a text; its upper left corner is at the place, unless the look says otherwise."""
        self.axes.text(*place, text, **{"fontsize": 7.5, "va": "top", **look})

    def box(self, place: Place, size: Place, **look: Any) -> None:
        """Draw a rectangle."""
        self.axes.add_patch(Rectangle(place, *size, **{"facecolor": "none", "edgecolor": self.theme.ink, "zorder": 3, **look}))

    def card(self, place: Place, size: Place, **look: Any) -> None:
        """Draw a rectangle with round corners."""
        style_of_box = "round,pad=0,rounding_size=0.04"
        self.axes.add_patch(FancyBboxPatch(place, *size, boxstyle=style_of_box, **{"zorder": 3, **look}))

    def line(self, points: list[Place], *, arrow: bool, **look: Any) -> None:
        """Draw a line of upright and level pieces, with a head at its end."""
        look = {"color": self.theme.grey, "linewidth": 0.9, "solid_joinstyle": "round", **look}
        self.axes.plot(*zip(*points, strict=True), **look)
        if arrow:
            (left, top), (right, bottom) = points[-2:]
            long, half = HEAD
            along = np.array([np.sign(right - left), np.sign(bottom - top)])
            base, side = np.array([right, bottom]) - along * long, along[::-1] * half
            corners = [(right, bottom), tuple(base + side), tuple(base - side)]
            self.axes.add_patch(Polygon(corners, closed=True, facecolor=look["color"], linewidth=0, zorder=3))


def shortened(text: str, width: float, size: float, weight: str = "normal") -> str:
    """Return a text that is at most so many inches wide, cut where it must be."""
    text = " ".join(text.split())
    if text_width(text, size, weight) <= width:
        return text
    while text and text_width(f"{text}…", size, weight) > width:
        text = text[:-1]
    return f"{text}…"
