"""Who was taken for whom: a confusion matrix with examples of what went wrong.

One rule: it draws the counts that it is given; colours say which share of a row they are, numbers how many.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from convstep.checks import Array, array, counted, listed, refusal, shown, whole
from convstep.figures import style
from convstep.figures.board import wrapped
from convstep.figures.canvas import Canvas, shortened
from convstep.figures.grids import largest_of, pixels
from convstep.figures.numerals import brief, text_width
from convstep.figures.style import Picture
from convstep.figures.themes import theme_named

__all__ = ["draw_confusion"]

LEFT, LABEL = 0.45, 1.1  # inches; the longest name of a class
LARGEST, CELL, LEAST = 4.4, 0.46, 0.02  # inches of the matrix, of a cell of few and of many
IMAGE, CAPTION, COLUMNS, MOST = 0.72, 0.22, 3, 12  # of the examples
EXACT = 1e15  # below, a whole number is written with all its digits
TALLEST, OUTLINED = 0.13, 0.1  # inches of a line of names; of a cell on the diagonal that is outlined


def draw_confusion(
    matrix: Any,
    *,
    names: Sequence[str] | None = None,
    examples: Iterable[tuple[Any, int, int]] = (),
    title: str = "Confusion matrix",
    theme: str | None = None,
) -> Picture:
    """Draw a confusion matrix.

    Parameters
    ----------
    matrix : (classes, classes)
        Row: the truth. Column: the prediction. Counts, as `convstep.training.metrics.confusion_matrix` returns them.
    names : sequence of str, optional
        Of the classes; by default their numbers.
    examples : iterable of (image, truth, prediction), optional
        At most 12 are drawn beside the matrix. Truth and prediction are numbers of classes.
    title : str
    theme : {"light", "dark"}, optional
        The paper; by default what `use_theme` chose.

    Returns
    -------
    Picture

    Raises
    ------
    ShapeError, ArgumentTypeError
        If the matrix is not square or holds what is no count, or names or examples do not go with it.

    Examples
    --------
    >>> from convstep.data import load_digits
    >>> from convstep.figures import draw_confusion
    >>> (images, labels), _ = load_digits()
    >>> four = images[labels == 4][0]
    >>> figure = draw_confusion([[50, 0, 1], [0, 44, 6], [2, 3, 45]], names=["0", "4", "9"], examples=[(four, 1, 2)])
    """
    op = "draw_confusion"
    look = theme_named(op, theme)
    counts = _counts(op, matrix)
    labels, given = _names(op, names, len(counts)), _examples(op, examples, len(counts))
    side = max(min(CELL, LARGEST / len(counts)), LEAST)
    wide = max(text_width(shortened(label, LABEL, 7), 7) for label in labels) + 0.1
    turned = any(text_width(label, 7) > side for label in labels)
    above = wide if turned else 0.18
    full = side * len(counts)
    beside = 0.0 if not given else COLUMNS * (IMAGE + 0.12) + 0.3
    width = max(wide + full + 0.25 + beside, 4.6)
    explanation = wrapped(_told(counts), width, 7.5)
    top = 0.82 + 0.135 * explanation.count("\n") + above
    lines = math.ceil(len(given) / COLUMNS)
    with style.house_style(look):
        sheet = width + 2 * LEFT, max(top + full + 0.2, top + lines * (IMAGE + CAPTION) + 0.2)
        canvas = Canvas(sheet, title=title, explanation=explanation, theme=look)
        corner = LEFT + wide + 0.2, top
        drawn = canvas.image(_shades(counts), corner, (full, full), look="signed", limits=(-1, 1))
        canvas.numbers(counts, drawn, corner, (full, full), digits=0, pale_zeros=True)
        for place in range(len(counts)) if side > OUTLINED else ():
            canvas.box((corner[0] + place * side, top + place * side), (side, side), linewidth=0.8)
        _name(canvas, labels, corner, side, turned=turned)
        canvas.text((corner[0] + full / 2, top - above - 0.03), "taken for", fontsize=7, ha="center", va="bottom", color=look.grey)
        canvas.text((LEFT, top + full / 2), "truth", fontsize=7, ha="center", va="center", rotation=90, color=look.grey)
        _show(canvas, given, labels, (corner[0] + full + 0.3, top))
    return canvas.figure


def _counts(op: str, matrix: Any) -> Array:
    counts = array(op, "matrix", matrix, ("truth", "prediction")).astype(np.float64)
    if counts.shape[0] != counts.shape[1]:
        raise refusal(op, f"matrix must be square, not {counts.shape[0]} × {counts.shape[1]}", {"matrix": counts})
    if not (np.isfinite(counts).all() and (counts >= 0).all()):
        raise refusal(op, "matrix must hold counts, finite numbers >= 0", {"matrix": counts})
    return counts


def _names(op: str, names: Sequence[str] | None, classes: int) -> list[str]:
    labels = [str(c) for c in range(classes)] if names is None else [str(name) for name in names]
    if len(labels) != classes:
        raise refusal(op, f"there are {classes} classes, but {counted(len(labels), 'name')}", {"names": tuple(labels)})
    return labels


def _examples(op: str, examples: Iterable[tuple[Any, int, int]], classes: int) -> list[tuple[Array, int, int]]:
    found = []
    for example in list(examples)[:MOST]:
        items = listed(op, "each of examples", example)
        if len(items) != 3:
            raise refusal(op, f"each of examples must be (image, truth, prediction), not {shown(items)}", {"example": items})
        image, *numbers = items
        truth, prediction = (whole(op, word, item, 0) for word, item in zip(("truth", "prediction"), numbers, strict=True))
        if max(truth, prediction) >= classes:
            raise refusal(op, f"there is no class {max(truth, prediction)}: they count from 0 to {classes - 1}", {"example": items})
        found.append((pixels(op, "image", image), truth, prediction))
    return found


def _told(counts: Array) -> str:
    total, right = counts.sum(), np.trace(counts)
    said = f"{right:,.0f} of {total:,.0f}" if (counts == np.round(counts)).all() and total < EXACT else f"{brief(right)} of {brief(total)}"
    said += " on the diagonal, where they are right. "
    return said + "Colour: the share of a row, blue what is right, orange what is wrong, the largest wrong share strongest."


def _shades(counts: Array) -> Array:
    """Return shares of rows: from 0 to 1 on the diagonal, and below 0, the largest -1, elsewhere."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-300)
    wrong = np.where(np.eye(len(counts), dtype=bool), 0, shares)
    return np.where(np.eye(len(counts), dtype=bool), shares, -wrong / largest_of(wrong))


def _name(canvas: Canvas, labels: Sequence[str], corner: tuple[float, float], side: float, *, turned: bool) -> None:
    """Write the names of the classes at the rows and the columns, as many as there is room for."""
    every = max(math.ceil(TALLEST / side), 1)
    for place in range(0, len(labels), every):
        text, middle = shortened(labels[place], LABEL, 7), (place + 0.5) * side
        canvas.text((corner[0] - 0.06, corner[1] + middle), text, fontsize=7, ha="right", va="center")
        look: dict[str, Any] = {"rotation": 90} if turned else {}
        canvas.text((corner[0] + middle, corner[1] - 0.05), text, fontsize=7, ha="center", va="bottom", **look)


def _show(canvas: Canvas, examples: Sequence[tuple[Array, int, int]], labels: Sequence[str], corner: tuple[float, float]) -> None:
    if examples:
        canvas.text((corner[0], corner[1] - 0.03), "examples: truth → taken for", fontsize=7, va="bottom", color=canvas.theme.grey)
    for place, (image, truth, prediction) in enumerate(examples):
        left, above = corner[0] + (place % COLUMNS) * (IMAGE + 0.12), corner[1] + 0.05 + (place // COLUMNS) * (IMAGE + CAPTION)
        scale = IMAGE / max(image.shape[:2])
        size = max(image.shape[1] * scale, 0.08), max(image.shape[0] * scale, 0.08)
        canvas.pixels(image, (left + (IMAGE - size[0]) / 2, above + (IMAGE - size[1]) / 2), size)
        room = (IMAGE - text_width(" → ", 7)) / 2
        words = f"{shortened(labels[truth], room, 7)} → {shortened(labels[prediction], room, 7)}"
        canvas.text((left + IMAGE / 2, above + IMAGE + 0.03), words, fontsize=7, ha="center")
