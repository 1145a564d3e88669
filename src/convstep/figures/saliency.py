"""An image beside the gradient of a score by it.

One rule: it draws the arrays that it is given and computes none of them.
"""

from typing import Any

import numpy as np

from convstep.checks import Array, refusal
from convstep.figures import style
from convstep.figures.board import wrapped
from convstep.figures.canvas import Canvas
from convstep.figures.grids import largest_of, oddities, pixels
from convstep.figures.numerals import brief
from convstep.figures.style import Picture
from convstep.figures.themes import theme_named

__all__ = ["draw_saliency"]

LEFT, BETWEEN = 0.45, 0.25  # inches
SIDE, NARROWEST = 2.1, 1.5  # inches of an image, and of the place for one


def draw_saliency(image: Any, gradient: Any, *, title: str = "Saliency", theme: str | None = None) -> Picture:
    """Draw an image beside the gradient of a score by it: which pixels would change the score, and how.

    Parameters
    ----------
    image : (height, width) or (height, width, channels)
        With three channels it is drawn in colours.
    gradient : array
        Of the shape of the image, as `Model.saliency` returns it. Of several channels the largest magnitude is drawn, as in Simonyan,
        Vedaldi and Zisserman 2013, Deep inside convolutional networks, section 3.1.
    title : str
    theme : {"light", "dark"}, optional
        The paper; by default what `use_theme` chose.

    Returns
    -------
    Picture

    Raises
    ------
    ShapeError, ArgumentTypeError
        If the two do not go together.

    Examples
    --------
    >>> import numpy as np
    >>> from convstep.figures import draw_saliency
    >>> rows, columns = np.mgrid[0:12, 0:12]
    >>> image = np.exp(-((rows - 4) ** 2 + (columns - 6) ** 2) / 12)
    >>> gradient = image * np.sin(columns)
    >>> figure = draw_saliency(image, gradient)
    """
    op = "draw_saliency"
    look = theme_named(op, theme)
    picture, slopes = pixels(op, "image", image), pixels(op, "gradient", gradient)
    if picture.shape != slopes.shape:
        fact = f"gradient must have the shape of image, {picture.shape}, not {slopes.shape}"
        raise refusal(op, fact, {"image": picture, "gradient": slopes})
    rows, columns, channels = picture.shape
    side = SIDE / max(rows, columns)
    size = max(columns * side, 0.2), max(rows * side, 0.2)
    slot = max(size[0], NARROWEST)
    magnitude = np.abs(slopes).max(axis=2)
    limit = largest_of(slopes)
    options: dict[str, Any]
    shown, options = slopes[:, :, 0], {"look": "signed", "limits": (-limit, limit)}
    words = "Blue pixels would raise the score, orange ones lower it. Right: the larger the slope, the stronger the colour."
    if channels > 1:
        shown, options = magnitude, {"look": "gradient", "limits": (0.0, limit)}
        words = "Middle: the largest slope of a pixel's channels. Right: the larger it is, the stronger the colour on the image."
        words += "" if channels == 3 else f" Of the image, channel 0 of {channels} is drawn."
    strange = oddities(slopes)
    explanation = wrapped(words + (f" Of the slopes {strange.removeprefix('of ')}." if strange else ""), 3 * slot + 2 * BETWEEN, 7.5)
    top = 0.86 + 0.135 * explanation.count("\n")
    with style.house_style(look):
        full = 3 * slot + 2 * BETWEEN + 2 * LEFT, top + size[1] + 0.34
        canvas = Canvas(full, title=title, explanation=explanation, theme=look)
        places = [(LEFT + n * (slot + BETWEEN) + (slot - size[0]) / 2, top) for n in range(3)]
        for (left, _), name in zip(places, ("image", "gradient" if channels == 1 else "largest slope", "both"), strict=True):
            canvas.text((left + size[0] / 2, top - 0.05), name, fontsize=8, ha="center", va="bottom")
        canvas.pixels(picture, places[0], size)
        canvas.image(shown, places[1], size, **options)
        canvas.pixels(picture, places[2], size, faint=True)
        strength = np.clip(np.nan_to_num(magnitude / limit, posinf=1.0), 0, 1)
        canvas.image(shown, places[2], size, alpha=strength**0.6, **options)
        for (left, _), values in zip(places, (picture, slopes), strict=False):
            canvas.text((left + size[0] / 2, top + size[1] + 0.05), _range(values), fontsize=7, ha="center", color=look.grey)
    return canvas.figure


def _range(values: Array) -> str:
    finite = values[np.isfinite(values)]
    return f"{brief(float(finite.min()))} to {brief(float(finite.max()))}" if finite.size else "no number"
