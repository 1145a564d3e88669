"""A sheet of rows of grids and lines of text under a headline, as large as what is on it.

One rule: nothing on it runs into anything else, because every width is measured before it is given away.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from matplotlib.axes import Axes

from convstep.figures import style
from convstep.figures.grids import Grid, draw_grid, extent, has_numbers
from convstep.figures.numerals import text_width
from convstep.figures.style import Picture
from convstep.figures.themes import Theme

__all__ = ["Row", "draw_board"]

Row: TypeAlias = Sequence[Grid | str] | str

LEFT, GAP, BOTTOM = 0.45, 0.34, 0.06  # inches
TITLE, NOTE, LINE = 0.24, 0.2, 0.135  # inches above and below a grid, and of each more line of text
BETWEEN, TEXT = 0.16, 0.28  # inches between rows, and of a row of text
LARGEST, WIDEST, NARROWEST = 2.2, 6.8, 4.6  # inches: of an array without numbers, of all in a row, of a sheet
SIGN, WORDS = 12, 8.5  # points of a sign between grids, and of a line of text


@dataclass(frozen=True)
class _Slot:
    """A part of a row: how large it is, and how wide with its title and note."""

    part: Grid | str
    size: tuple[float, float]
    width: float


def draw_board(rows: Sequence[Row], *, title: str, explanation: str, theme: Theme) -> tuple[Picture, list[list[Axes]]]:
    """Draw rows from top to bottom.

    Parameters
    ----------
    rows : sequence of rows
        A row is a line of text, or a sequence of grids and of signs between them.
    title, explanation : str
        The headline.
    theme : Theme

    Returns
    -------
    figure : Picture
    axes : list of list of Axes
        Those of the grids of each row; none for a line of text.
    """
    slots = [_slots(row) for row in rows if not isinstance(row, str)]
    widths = [sum(slot.width for slot in row) + GAP * (len(row) - 1) for row in slots]
    full = max([NARROWEST, *widths, text_width(title, 9.5, "bold")])
    explanation, lines = wrapped(explanation, full, 7.5), [wrapped(row, full, WORDS) for row in rows if isinstance(row, str)]
    top = 0.5 + LINE * (explanation.count("\n") + 1) if explanation else 0.5
    heights = [sum(_height(row)) for row in slots], [TEXT + 0.16 * text.count("\n") for text in lines]
    height = top + sum(map(sum, heights)) + BETWEEN * len(rows) + BOTTOM
    found: list[list[Axes]] = []
    with style.house_style(theme):
        figure = style.sheet(full + 2 * LEFT, height, theme)
        style.headline(figure, title, explanation)
        grids, texts = iter(slots), iter(lines)
        for row in rows:
            if isinstance(row, str):
                text = next(texts)
                style.write(figure, (LEFT, top + 0.06), text, fontsize=WORDS, linespacing=1.35)
                found.append([])
                top += TEXT + 0.16 * text.count("\n") + BETWEEN
            else:
                line = next(grids)
                found.append(_draw(figure, line, top))
                top += sum(_height(line)) + BETWEEN
    return figure, found


def wrapped(text: str, width: float, size: float) -> str:
    """Return a text in lines that are at most so many inches long."""
    lines = []
    for line in text.split("\n"):
        while (wide := text_width(line, size)) > width and " " in line:
            first, *_ = textwrap.wrap(line, max(int(len(line) * width / wide), 1), break_long_words=False, break_on_hyphens=False)
            if first == line:
                break
            lines.append(first)
            line = line[len(first) :].lstrip()  # noqa: PLW2901 - what is left of it
        lines.append(line)
    return "\n".join(lines)


def _slots(row: Sequence[Grid | str]) -> list[_Slot]:
    grids = [part for part in row if isinstance(part, Grid)]
    many = [grid for grid in grids if not has_numbers(grid)]
    small = min(LARGEST, WIDEST / max(len(many), 1)) / max((max(grid.values.shape) for grid in many), default=1)
    found = []
    for part in row:
        if isinstance(part, str):
            found.append(_Slot(part, (0.0, 0.0), max(text_width(part, SIGN) - GAP / 2, 0.0)))
            continue
        size = extent(part, small)
        found.append(_Slot(part, size, max(size[0], text_width(part.title, 8), text_width(part.note, 7))))
    return found


def _height(row: Sequence[_Slot]) -> tuple[float, float, float]:
    """Return the inches of the titles, the grids and the notes."""
    grids = [(slot.part, slot.size[1]) for slot in row if isinstance(slot.part, Grid)]
    titles = max((TITLE + LINE * part.title.count("\n") for part, _ in grids if part.title), default=0.0)
    notes = max((NOTE + LINE * part.note.count("\n") for part, _ in grids if part.note), default=0.0)
    return titles, max((height for _, height in grids), default=0.0), notes


def _draw(figure: Picture, row: Sequence[_Slot], top: float) -> list[Axes]:
    titles, tall, _ = _height(row)
    width, height = figure.get_size_inches()
    found, left = [], LEFT
    for slot in row:
        (across, down), middle = slot.size, left + slot.width / 2
        if isinstance(slot.part, Grid):
            axes = style.panel(
                figure,
                middle - across / 2,
                top + titles + (tall - down) / 2,
                (across, down),
                title=slot.part.title,
                note=slot.part.note,
            )
            draw_grid(axes, slot.part)
            found.append(axes)
        else:
            place = middle / width, 1 - (top + titles + tall / 2) / height
            figure.text(*place, slot.part, fontsize=SIGN, ha="center", va="center", color=figure.theme.grey)
        left += slot.width + GAP
    return found
