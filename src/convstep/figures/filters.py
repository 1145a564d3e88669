"""The filters of a convolution, all of them in one scale.

One rule: it draws the weights that it is given and computes none of them.
"""

import math
from typing import Any

import numpy as np

from convstep.checks import Array, array, counted
from convstep.figures import style
from convstep.figures.board import wrapped
from convstep.figures.canvas import Canvas
from convstep.figures.grids import largest_of, oddities
from convstep.figures.numerals import brief, digits_for, text_width, widest
from convstep.figures.style import Picture
from convstep.figures.themes import theme_named

__all__ = ["draw_filters"]

LEFT, GAP = 0.45, 0.14  # inches
PAGE = 6.8  # inches of all that stands side by side
MOST_FILTERS, MOST_CHANNELS, MOST = 16, 8, 64  # the last of filters with one channel
CELL, NUMBERED = 0.33, 240  # inches of a cell with a number; how many such cells there may be
FILTER = 0.62  # inches of a filter without numbers


def draw_filters(W: Any, *, title: str = "Filters", theme: str | None = None) -> Picture:
    """Draw the filters of a convolution.

    Parameters
    ----------
    W : (f, f, channels, filters)
        All of them are drawn in one scale, filters side by side, their channels below each other.
    title : str
    theme : {"light", "dark"}, optional
        The paper; by default what `use_theme` chose.

    Returns
    -------
    Picture
        With at most 16 filters of 8 channels, or 64 filters of one channel.

    Raises
    ------
    ShapeError, ArgumentTypeError
        If W has other axes or holds no numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from convstep.figures import draw_filters
    >>> sobel = np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]])
    >>> W = np.stack([sobel, sobel.T, -sobel, -sobel.T], axis=-1)[:, :, None, :]
    >>> figure = draw_filters(W, title="Sobel's filters, in four directions")
    """
    op = "draw_filters"
    look = theme_named(op, theme)
    read = array(op, "W", W, ("f", "f", "channels", "filters")).astype(np.float64)
    rows, columns, channels, count = read.shape
    shown, deep = min(count, MOST if channels == 1 else MOST_FILTERS), min(channels, MOST_CHANNELS)
    digits, part = digits_for(read), read[:, :, :deep, :shown]
    numbered = part.size <= NUMBERED and max(rows, columns) <= 7
    cell = max(CELL, widest(part, digits) + 2 * style.AIR) if numbered else FILTER / max(rows, columns)
    size = max(columns * cell, 0.1), max(rows * cell, 0.1)
    margin = LEFT + (text_width(f"channel {deep}", 7) + 0.08 if channels > 1 else 0)
    slot = max(size[0], text_width(str(shown), 7) + 0.04)
    across = min(shown, max(int((PAGE + GAP) / (slot + GAP)), 1))
    across = math.ceil(shown / math.ceil(shown / across))  # rows that are about equally long
    limit, blocks = largest_of(read), math.ceil(shown / across)
    explanation = wrapped(_told(read, shown, deep, limit), max(across * (slot + GAP) - GAP, 4.6), 7.5)
    top = 0.78 + 0.135 * explanation.count("\n")
    block = deep * (size[1] + 0.08) + 0.3
    grey = {"fontsize": 7, "color": look.grey}
    with style.house_style(look):
        full = max(across * (slot + GAP) - GAP + margin - LEFT, 4.6), top + block * blocks - 0.05
        canvas = Canvas((full[0] + 2 * LEFT, full[1]), title=title, explanation=explanation, theme=look)
        for c in range(shown):
            left, above = margin + (c % across) * (slot + GAP) + (slot - size[0]) / 2, top + (c // across) * block
            canvas.text((left + size[0] / 2, above - 0.03), str(c), fontsize=7, ha="center", va="bottom")
            for k in range(deep):
                place = left, above + k * (size[1] + 0.08)
                drawn = canvas.image(read[:, :, k, c], place, size, look="signed", limits=(-limit, limit))
                if numbered:
                    canvas.numbers(read[:, :, k, c], drawn, place, size, digits=digits)
                if channels > 1 and c % across == 0:
                    canvas.text((margin - 0.08, place[1] + size[1] / 2), f"channel {k}", ha="right", va="center", **grey)
    return canvas.figure


def _told(read: Array, shown: int, deep: int, limit: float) -> str:
    rows, columns, channels, count = read.shape
    words = [f"{counted(count, 'filter')} of {rows} × {columns}" + (f" × {channels}." if channels > 1 else ".")]
    if shown < count or deep < channels:
        words.append(
            f"The first {counted(shown, 'filter')}" + (f" and {counted(deep, 'channel')}" if deep < channels else "") + " are drawn."
        )
    if np.isfinite(read).any():
        words.append(f"Blue is positive, orange negative; one scale for all, to ±{brief(limit) if np.any(read) else '0'}.")
    else:
        words.append("None of their numbers is finite, so there is no scale.")
    strange = oddities(read)
    return " ".join([*words, *([f"Pale: {strange}."] if strange else [])])
