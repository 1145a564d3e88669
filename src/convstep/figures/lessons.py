"""The small pictures of the lessons: arrays in a row, with their numbers, windows and frames, and signs between them.

One rule: it draws the arrays that it is given and computes none of them. What is written on a picture is names and numbers, so that it
serves a lesson in any language.
"""

from convstep.checks import refusal
from convstep.figures import style
from convstep.figures.grids import Grid, draw_grid, extent, has_numbers
from convstep.figures.style import Picture
from convstep.figures.themes import theme_named

__all__ = ["Grid", "Picture", "draw_row"]

LARGEST = 2.2  # inches of an array without numbers
WIDEST = 6.6  # inches, for all of those in one row
GAP, MARGIN, HEAD, FOOT = 0.36, 0.12, 0.34, 0.3


def draw_row(*parts: Grid | str, theme: str | None = None) -> Picture:
    """Draw arrays in a row, from left to right.

    Parameters
    ----------
    *parts : Grid or str
        The arrays, and signs that stand between them.
    theme : {"light", "dark"}, optional
        The paper; by default what `use_theme` chose.

    Returns
    -------
    Picture
        As large as what is in it.

    Examples
    --------
    >>> from convstep.figures import Grid, draw_row
    >>> window, kernel = [[1, 2], [3, 4]], [[1, 0], [0, -1]]
    >>> figure = draw_row(Grid(window, "window"), "×", Grid(kernel, "filter"), "=", Grid([[1, 0], [0, -4]], "products"))
    """
    look = theme_named("draw_row", theme)
    grids = [part for part in parts if isinstance(part, Grid)]
    if not grids:
        raise refusal("draw_row", "there is no Grid to draw", {"parts": parts})
    many = sum(not has_numbers(grid) for grid in grids)
    small = min(LARGEST, WIDEST / max(many, 1)) / max(max(grid.values.shape) for grid in grids)  # one scale for all with many cells
    sizes = [extent(part, small) if isinstance(part, Grid) else (0.0, 0.0) for part in parts]
    tall = max(height for _, height in sizes)
    foot = FOOT if any(grid.note for grid in grids) else MARGIN
    full = sum(width for width, _ in sizes) + GAP * (len(parts) + 1), HEAD + tall + foot
    with style.house_style(look):
        figure = style.sheet(*full, look)
        left = GAP
        for part, (width, height) in zip(parts, sizes, strict=True):
            if isinstance(part, Grid):
                top = HEAD + (tall - height) / 2
                draw_grid(style.panel(figure, left, top, (width, height), title=part.title, note=part.note), part)
            else:
                place = left / full[0], 1 - (HEAD + tall / 2) / full[1]
                figure.text(*place, part, fontsize=12, ha="center", va="center", color=look.grey)
            left += width + GAP
    return figure
