"""Pooling there and back: which value of a window wins, and where the gradient of its cell lands.

One rule: a picture is drawn from the record of `convstep.trace`, so that it shows what the function did.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from convstep.checks import Array, counted
from convstep.figures.board import Row, draw_board
from convstep.figures.grids import Block, Grid
from convstep.figures.numerals import digits_for, number
from convstep.figures.records import Record, block, values
from convstep.figures.style import Picture
from convstep.figures.themes import theme_named

__all__ = ["draw_pooling"]

EXPLANATIONS = {
    ("pool_forward", "max"): "The largest value of each window is kept. Ringed and bold: the winners; several where they are equal.",
    ("pool_forward", "average"): "Each window becomes the average of its values.",
    (
        "pool_backward",
        "max",
    ): "The gradient goes to the largest value of the window, which is ringed, or to each of several equals.",
    ("pool_backward", "average"): "The gradient of a cell is shared out: each value of its window gets the same.",
}
RULED = 16  # rows or columns up to which all windows are outlined


def draw_pooling(record: Mapping[str, Any], *, cell: Sequence[int] | None = None, theme: str | None = None) -> Picture:
    """Draw pooling, forward or backward, and one step of it.

    Parameters
    ----------
    record : dict
        What `trace(pool_forward, A_prev, hparameters, mode)` or `trace(pool_backward, dA, cache, mode)` returned.
    cell : (i, h, w, c), optional
        Whose step is drawn, a cell of A or dA; by default the first one. Its image and its channel are drawn.
    theme : {"light", "dark"}, optional
        The paper; by default what `use_theme` chose.

    Returns
    -------
    Picture

    Raises
    ------
    ShapeError, ArgumentTypeError
        If the record is of another function, or no step was taken for such a cell.

    Examples
    --------
    >>> import numpy as np
    >>> from convstep import pool_backward, pool_forward, trace
    >>> from convstep.figures import draw_pooling
    >>> A_prev = np.array([[1, 3, 2, 2], [0, 1, 2, 1], [-1, -2, 5, 0], [-4, -1, 0, 4]]).reshape(1, 4, 4, 1)
    >>> A, cache = pool_forward(A_prev, {"f": 2, "stride": 2}, "max")
    >>> dA = np.array([[1, 2], [3, -4]]).reshape(1, 2, 2, 1)
    >>> figure = draw_pooling(trace(pool_backward, dA, cache, "max"), cell=(0, 0, 1, 0))
    """
    look = theme_named("draw_pooling", theme)
    read = Record.of("draw_pooling", record, ("pool_forward", "pool_backward"))
    event, mode = read.step(cell), str(read.arguments["mode"])
    i, h, w, c = event["cell"]
    steps = [item for item in read.events if item["cell"][0] == i and item["cell"][3] == c]
    rows = _forward(read, event, steps) if read.function == "pool_forward" else _backward(read, event, steps)
    passage = "A" if read.function == "pool_forward" else "dA"
    explanation = EXPLANATIONS[read.function, mode]
    title = f"{read.function}, {mode}: the window of {passage}[{i}, {h}, {w}, {c}]"
    return draw_board(rows, title=title, explanation=explanation, theme=look)[0]


def _forward(read: Record, event: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> list[Row]:
    i, h, w, c = event["cell"]
    A_prev, A = values(read.arguments["A_prev"])[i, :, :, c], values(read.result[0])[i, :, :, c]
    is_max, window, value = read.arguments["mode"] == "max", values(event["values"]), float(event["value"])
    winners = _winners(A_prev.shape, steps, lambda item: values(item["values"]) == float(item["value"])) if is_max else None
    rows: list[Row] = [
        [
            _image("A_prev", A_prev, event, steps, bold=winners),
            "→",
            Grid(A, f"A[{i}, :, :, {c}]", windows=[_one(h, w)], digits=None),
        ],
        [Grid(window, "window", digits=None, bold=(window == value) if is_max else None)],
    ]
    digits = max(digits_for(window), digits_for(np.array([value])))
    if is_max:
        ties = int((window == value).sum())
        text = f"the largest of {window.size} values" + (f", {ties} times" if ties > 1 else "") + f": {number(value, digits)}"
    else:
        text = f"sum {number(float(event['sum']), digits)} ÷ {window.size} = {number(value, digits)}"
    return [*rows, f"{text} → A[{i}, {h}, {w}, {c}]"]


def _backward(read: Record, event: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> list[Row]:
    i, h, w, c = event["cell"]
    cache = read.arguments["cache"]
    A_prev, dA = values(cache[0])[i, :, :, c], values(read.arguments["dA"])[i, :, :, c]
    dA_prev, received = values(read.result)[i, :, :, c], values(event["received"])
    mask = np.array(event["mask"], dtype=bool) if "mask" in event else None
    winners = _winners(A_prev.shape, steps, lambda item: np.array(item["mask"], dtype=bool)) if mask is not None else None
    rows: list[Row] = [
        [
            _image("A_prev", A_prev, event, steps, bold=winners),
            Grid(dA, f"dA[{i}, :, :, {c}]", windows=[_one(h, w)], digits=None),
            "→",
            _image("dA_prev", dA_prev, event, steps),
        ]
    ]
    given, digits = float(dA[h, w]), max(digits_for(received), digits_for(dA[h : h + 1, w]))
    name = f"dA[{i}, {h}, {w}, {c}]"
    if mask is not None:
        rows.append(
            [Grid(mask, "mask", look="gradient"), "×", number(given, digits), "=", Grid(received, "what the window gets", digits=None)]
        )
        cells = "the largest value" if mask.sum() == 1 else f"each of {counted(int(mask.sum()), 'equal value')}"
        return [*rows, f"{name} = {number(given, digits)} goes to {cells} of its window"]
    share = float(event["share"])
    digits = max(digits, digits_for(np.array([share])))
    rows.append([Grid(received, "what the window gets", digits=None)])
    return [*rows, f"{name} = {number(given, digits)}, ÷ {received.size} = {number(share, digits)} for each value of its window"]


def _image(name: str, image: Array, event: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], *, bold: Array | None = None) -> Grid:
    """Return the image that the windows lie on."""
    i, _, _, c = event["cell"]
    blocks = [block(item["window"]) for item in steps]
    ruled = blocks if _apart(image.shape, blocks) else []
    return Grid(image, f"{name}[{i}, :, :, {c}]", digits=None, windows=[block(event["window"])], bold=bold, ruled=ruled)


def _apart(shape: tuple[int, ...], blocks: Sequence[Block]) -> bool:
    """Return whether the windows neither overlap nor are too many to be outlined."""
    if max(shape) > RULED:
        return False
    covered = np.zeros(shape, dtype=np.int64)
    for one in blocks:
        covered[one] += 1
    return bool(covered.max(initial=0) <= 1)


def _winners(shape: tuple[int, ...], steps: Sequence[Mapping[str, Any]], mask: Any) -> Array:
    found = np.zeros(shape, dtype=bool)
    for item in steps:
        found[block(item["window"])] |= mask(item)
    return found


def _one(row: int, column: int) -> Block:
    return slice(row, row + 1), slice(column, column + 1)
