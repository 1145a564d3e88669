"""What the layers of a network return for one image: feature maps, and the units of layers without rows and columns.

One rule: it draws the arrays that it is given and computes none of them; a scale is written beside what is drawn in it.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from convstep.checks import Array, array, counted, numbers, refusal
from convstep.figures import style
from convstep.figures.board import wrapped
from convstep.figures.canvas import Canvas, shortened
from convstep.figures.grids import largest_of, oddities
from convstep.figures.numerals import brief
from convstep.figures.style import Picture
from convstep.figures.themes import Theme, theme_named

__all__ = ["draw_feature_maps"]

LEFT, GAP, CAPTION = 0.45, 0.14, 0.34  # inches
PAGE = 6.8  # inches of all that stands side by side
MOST, BARS = 64, 200  # maps; units that are drawn as bars, not as lines


def draw_feature_maps(maps: Any, *, title: str = "Feature maps", names: Sequence[str] | None = None, theme: str | None = None) -> Picture:
    """Draw the channels that a layer returns for one image.

    Parameters
    ----------
    maps : (height, width, channels) or (units,)
        Each map has a scale of its own, which is written under it.
    title : str
    names : sequence of str, optional
        Of the channels; by default their numbers.
    theme : {"light", "dark"}, optional
        The paper; by default what `use_theme` chose.

    Returns
    -------
    Picture
        With at most 64 channels.

    Raises
    ------
    ShapeError, ArgumentTypeError
        If maps has other axes or holds no numbers, or names are more or fewer.

    Examples
    --------
    >>> import numpy as np
    >>> from convstep.data import load_digits
    >>> from convstep.figures import draw_feature_maps
    >>> from convstep.ops import conv2d
    >>> (images, labels), _ = load_digits()
    >>> sobel = np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]])
    >>> kernel = np.stack([sobel, sobel.T, np.ones((3, 3)) / 9], axis=-1)[:, :, None, :]
    >>> maps = conv2d(images[:1, :, :, None] / 255.0, kernel, padding="same")
    >>> figure = draw_feature_maps(maps[0], names=["horizontal edges", "vertical edges", "blur"])
    """
    op = "draw_feature_maps"
    look, read = theme_named(op, theme), numbers(op, "maps", maps)
    if read.ndim == 1:
        return _draw_units(op, read, title, look)
    read = array(op, "maps", maps, ("height", "width", "channels")).astype(np.float64)
    rows, columns, channels = read.shape
    shown = min(channels, MOST)
    side = {1: 2.4, 2: 2.2, 3: 2.0, 4: 1.5}.get(shown, 1.22 if shown <= 10 else 0.95 if shown <= 24 else 0.7)
    width, height = (max(side * size / max(rows, columns), 0.12) for size in (columns, rows))
    slot = max(width, side * 0.6)
    across = min(shown, max(int((PAGE + GAP) / (slot + GAP)), 1))
    across = math.ceil(shown / math.ceil(shown / across))  # rows that are about equally long
    labels = _labels(op, names, channels)
    words = [f"{counted(channels, 'channel')} of {rows} × {columns}."]
    words += [f"The first {shown} are drawn."] if shown < channels else []
    words.append("Blue is positive, orange negative. Under each map: its largest magnitude, the end of its scale.")
    strange = oddities(read)
    full = max(across * (slot + GAP) - GAP, 4.6)
    explanation = wrapped(" ".join([*words, *([f"Hatched or pale: {strange}."] if strange else [])]), full, 7.5)
    top = 0.78 + 0.135 * explanation.count("\n")
    step = height + CAPTION
    with style.house_style(look):
        sheet = full + 2 * LEFT, top + step * math.ceil(shown / across) + 0.1
        canvas = Canvas(sheet, title=title, explanation=explanation, theme=look)
        for c in range(shown):
            left, above = LEFT + (c % across) * (slot + GAP) + (slot - width) / 2, top + (c // across) * step
            limit = largest_of(read[:, :, c])
            canvas.image(read[:, :, c], (left, above), (width, height), look="signed", limits=(-limit, limit))
            middle = left + width / 2
            canvas.text((middle, above - 0.03), shortened(labels[c], slot + GAP / 2, 7), fontsize=7, ha="center", va="bottom")
            canvas.text((middle, above + height + 0.025), _scale(read[:, :, c]), fontsize=6, ha="center", color=look.grey)
    return canvas.figure


def _draw_units(op: str, units: Array, title: str, look: Theme) -> Picture:
    """Draw the outputs of a layer without rows and columns, as bars."""
    if not units.size:
        raise refusal(op, "maps has no channels", {"maps": units})
    values = units.astype(np.float64)
    with style.house_style(look):
        figure = style.sheet(PAGE + 0.9, 2.6, look)
        strange = oddities(values)
        words = f"{counted(len(values), 'unit')}.{f' No bar: {strange}.' if strange else ''}"
        style.headline(figure, title, words)
        axes = style.panel(figure, 0.7, 0.75, (PAGE - 0.2, 1.4), note="unit")
        places, finite = np.arange(len(values)), np.where(np.isfinite(values), values, 0)
        scale = largest_of(finite)
        unit = scale if not style.BOUNDS[0] < scale < style.BOUNDS[1] else 1.0
        colours = [look.blue if value >= 0 else look.orange for value in finite]
        if len(values) <= BARS:
            axes.bar(places, finite / unit, color=colours)
        else:  # one artist for all
            axes.vlines(places, 0, finite / unit, colors=colours, linewidth=0.8)
        axes.axhline(0, color=look.grey, linewidth=0.6)
        axes.set_xlim(-0.7, len(values) - 0.3)
        ends = sorted({min(float(finite.min()), 0.0), max(float(finite.max()), 0.0)})
        axes.set_yticks(np.array(ends) / unit, [brief(end) for end in ends])
        axes.set_xticks(places[:: max(len(values) // 16, 1)])
        axes.tick_params(labelsize=7, labelcolor=look.grey, color=look.grey, length=2.5)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    return figure


def _labels(op: str, names: Sequence[str] | None, channels: int) -> list[str]:
    if names is None:
        return [str(c) for c in range(channels)]
    labels = [str(name) for name in names]
    if len(labels) != channels:
        raise refusal(op, f"there are {counted(channels, 'channel')}, but {counted(len(labels), 'name')}", {"names": tuple(labels)})
    return labels


def _scale(values: Array) -> str:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return "no number"
    return f"±{brief(float(np.abs(finite).max()))}" if np.any(finite) else "all 0"
