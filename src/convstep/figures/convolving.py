"""Padding, one step of a convolution with its arithmetic, and how the windows of its backward pass add up.

One rule: a picture is drawn from the record of `convstep.trace`, so that it shows what the function did.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from convstep.checks import Array, counted, refusal, whole
from convstep.figures.board import Row, draw_board
from convstep.figures.grids import Grid, largest_of
from convstep.figures.numerals import added, digits_for, is_exact, number
from convstep.figures.records import Record, block, values
from convstep.figures.style import Picture
from convstep.figures.themes import theme_named

__all__ = ["draw_accumulation", "draw_padding", "draw_window"]

CHANNELS = 4  # whose arithmetic is drawn; the sum is that of all
STEPS, IN_A_ROW = 12, 6  # whose pieces are drawn; the sum is that of all


def draw_padding(record: Mapping[str, Any], *, image: int = 0, channel: int = 0, theme: str | None = None) -> Picture:
    """Draw an image before and after it is padded.

    Parameters
    ----------
    record : dict
        What `trace(zero_pad, X, pad)` returned.
    image, channel : int
        Which ones of X are drawn.
    theme : {"light", "dark"}, optional
        The paper; by default what `use_theme` chose.

    Returns
    -------
    Picture

    Raises
    ------
    ShapeError, ArgumentTypeError
        If the record is of another function, or there is no such image or channel.

    Examples
    --------
    >>> import numpy as np
    >>> from convstep import trace, zero_pad
    >>> from convstep.figures import draw_padding
    >>> X = np.arange(1, 13).reshape(1, 3, 4, 1)
    >>> figure = draw_padding(trace(zero_pad, X, 2))
    """
    look = theme_named("draw_padding", theme)
    read = Record.of("draw_padding", record, ("zero_pad",))
    before, after = values(read.arguments["X"]), values(read.result)
    if not before.size:
        raise refusal("draw_padding", "the record of zero_pad holds no image", {"X": before})
    pad, (m, rows, columns, channels) = int(read.arguments["pad"]), before.shape
    i, c = _below("draw_padding", "image", image, m), _below("draw_padding", "channel", channel, channels)
    grids: Row = [
        Grid(before[i, :, :, c], f"X, {rows} × {columns}", digits=None),
        "→",
        Grid(after[i, :, :, c], f"X_pad, {after.shape[1]} × {after.shape[2]}", frame=pad, digits=None),
    ]
    explanation = (
        f"{_size('rows', rows, pad)}, {_size('columns', columns, pad)}. The frame is hatched."
        f"{_which('image', i, m)}{_which('channel', c, channels)}"
    )
    title = f"zero_pad: {counted(pad, 'row')} and {counted(pad, 'column')} of zeros on each side"
    return draw_board([grids], title=title, explanation=explanation, theme=look)[0]


def draw_window(record: Mapping[str, Any], *, cell: Sequence[int] | None = None, theme: str | None = None) -> Picture:
    """Draw one step of a convolution: the window, the products, the sum, the bias, and the cell where the result lands.

    Parameters
    ----------
    record : dict
        What `trace(conv_forward, A_prev, W, b, hparameters)` or `trace(conv_single_step, a_slice_prev, W, b)` returned.
    cell : (i, h, w, c), optional
        Which cell of Z; by default the first one.
    theme : {"light", "dark"}, optional
        The paper; by default what `use_theme` chose.

    Returns
    -------
    Picture
        With the arithmetic of the first channels.

    Raises
    ------
    ShapeError, ArgumentTypeError
        If the record is of another function, or no step was taken for such a cell.

    Examples
    --------
    >>> import numpy as np
    >>> from convstep import conv_forward, trace
    >>> from convstep.figures import draw_window
    >>> A_prev = np.arange(20).reshape(1, 4, 5, 1) % 7
    >>> W = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]).reshape(3, 3, 1, 1)
    >>> record = trace(conv_forward, A_prev, W, np.full((1, 1, 1, 1), 0.5), {"stride": 1, "pad": 1})
    >>> figure = draw_window(record, cell=(0, 1, 2, 0))
    """
    look = theme_named("draw_window", theme)
    read = Record.of("draw_window", record, ("conv_forward", "conv_single_step"))
    event = read.step(cell if read.function == "conv_forward" else None)
    products, rows, notes = values(event["products"]), [], ""
    if read.function == "conv_forward":
        context, window, place = _context(read, event)
        W, title = values(read.arguments["W"])[..., event["cell"][3]], f"One step of conv_forward: {place}"
        rows.append(context)
        notes = f" Channel 0 of {products.shape[2]} is drawn whole." if products.shape[2] > 1 else ""
    else:
        window, W = values(read.arguments["a_slice_prev"]), values(read.arguments["W"])
        title, place = "conv_single_step", "the result"
    channels, digits = min(products.shape[2], CHANNELS), digits_for(products)
    for k in range(channels):
        name = f", channel {k}" if products.shape[2] > 1 else ""
        rows.append(
            [
                Grid(window[:, :, k], f"window{name}", digits=None),
                "×",
                Grid(W[:, :, k], f"filter{name}", digits=None),
                "=",
                Grid(products[:, :, k], f"products{name}", digits=None),
            ]
        )
    rest = f" (with {counted(products.shape[2] - channels, 'channel')} more)" if products.shape[2] > channels else ""
    total, bias, value = (float(event[name]) for name in ("sum", "bias", "value"))
    digits = max(digits, digits_for(np.array([total, bias, value])))
    equals = "=" if all(is_exact(item, digits) for item in (total, bias, value)) else "≈"
    start = f"sum of the products{rest} {number(total, digits)} {added(bias, digits)} (bias)"
    rows.append(f"{start} {equals} {number(value, digits)} → {place}")
    explanation = f"Multiply the window with the filter cell by cell, add up the products, add the bias once.{notes}"
    return draw_board(rows, title=title, explanation=explanation, theme=look)[0]


def draw_accumulation(record: Mapping[str, Any], *, cell: Sequence[int] | None = None, theme: str | None = None) -> Picture:
    """Draw how the windows that overlap add up to one entry of dA_prev in the backward pass of a convolution.

    Parameters
    ----------
    record : dict
        What `trace(conv_backward, dZ, cache)` returned.
    cell : (i, h, w, k), optional
        Which entry of dA_prev; by default the first one under the most windows.
    theme : {"light", "dark"}, optional
        The paper; by default what `use_theme` chose.

    Returns
    -------
    Picture
        With the pieces of the first steps.

    Raises
    ------
    ShapeError, ArgumentTypeError
        If the record is of another function, or there is no such entry.

    Examples
    --------
    >>> import numpy as np
    >>> from convstep import conv_backward, conv_forward, trace
    >>> from convstep.figures import draw_accumulation
    >>> A_prev, W = np.ones((1, 3, 4, 1)), np.array([[1, 2], [-3, 4]]).reshape(2, 2, 1, 1)
    >>> Z, cache = conv_forward(A_prev, W, np.zeros((1, 1, 1, 1)), {"stride": 1, "pad": 0})
    >>> dZ = np.array([[1, 0.5, -1], [2, 0, 1]]).reshape(1, 2, 3, 1)
    >>> figure = draw_accumulation(trace(conv_backward, dZ, cache), cell=(0, 1, 1, 0))
    """
    op = "draw_accumulation"
    look = theme_named(op, theme)
    read = Record.of(op, record, ("conv_backward",))
    dZ, dA = values(read.arguments["dZ"]), values(read.result[0])
    pad = int(read.arguments["cache"][3]["pad"])
    i, h, w, k = _entry(read, cell, dA.shape, pad)
    steps = [event for event in read.events if event["cell"][0] == i and _holds(event, h + pad, w + pad)]
    pieces = [values(event["to_window"])[:, :, k] for event in steps]
    places = [(h + pad - event["window"]["rows"][0], w + pad - event["window"]["columns"][0]) for event in steps]
    terms = [float(piece[place]) for piece, place in zip(pieces, places, strict=True)]
    digits = max([digits_for(np.array([*terms, dA[i, h, w, k]])), *(digits_for(piece) for piece in pieces)])
    name, (m, *_) = f"dA_prev[{i}, {h}, {w}, {k}]", dA.shape
    channels = sorted({event["cell"][3] for event in steps})[:CHANNELS] or [0]
    above: list[Grid | str] = []
    for c in channels:
        cells = [_one(event["cell"][1], event["cell"][2]) for event in steps if event["cell"][3] == c]
        above += [Grid(dZ[i, :, :, c], f"dZ[{i}, :, :, {c}]", ruled=cells, digits=None)]
    above += ["→", Grid(dA[i, :, :, k], f"dA_prev[{i}, :, :, {k}]", windows=[_one(h, w)], digits=None)]
    rows: list[Row] = [above]
    limit = max([largest_of(piece) for piece in pieces[:STEPS]], default=None)
    drawn = [
        Grid(piece, f"from dZ{event['cell']}", ruled=[_one(*place)], digits=digits, limit=limit)
        for event, piece, place in zip(steps[:STEPS], pieces, places, strict=False)
    ]
    rows += [drawn[start : start + IN_A_ROW] for start in range(0, len(drawn), IN_A_ROW)]
    rows.append(_sum(terms, float(dA[i, h, w, k]), name, digits))
    explanation = (
        "Each entry of dZ sends its filter, times itself, back to its window of dA_prev. Where windows overlap, what they send adds up."
        f" Outlined: what lands on the marked entry.{_which('image', i, m)}"
        + (f" The first {STEPS} of {len(steps)} pieces are drawn." if len(steps) > STEPS else "")
    )
    return draw_board(rows, title=f"conv_backward: what adds up to {name}", explanation=explanation, theme=look)[0]


# --- parts ---


def _context(read: Record, event: Mapping[str, Any]) -> tuple[Row, Array, str]:
    """Return the padded image and Z with the step marked in both, the window, and the name of the cell."""
    i, h, w, c = event["cell"]
    A_prev, Z = values(read.arguments["A_prev"]), values(read.result[0])
    pad, stride = int(read.arguments["hparameters"]["pad"]), int(read.arguments["hparameters"]["stride"])
    padded = np.pad(A_prev[i], ((pad, pad), (pad, pad), (0, 0)))  # only laid out: the record does not hold the frame of zeros
    rows, columns = block(event["window"])
    reach = (Z.shape[1] - 1) * stride + rows.stop - rows.start, (Z.shape[2] - 1) * stride + columns.stop - columns.start
    unread = max(padded.shape[0] - reach[0], 0), max(padded.shape[1] - reach[1], 0)
    place, frame = f"Z[{i}, {h}, {w}, {c}]", ", padded" if pad else ""
    title = f"A_prev[{i}, :, :, 0]{frame}, {padded.shape[0]} × {padded.shape[1]}"
    note = "crossed: read by no window" if any(unread) else ""
    context: Row = [
        Grid(padded[:, :, 0], title, note, frame=pad, windows=[(rows, columns)], unread=unread, digits=None),
        "→",
        Grid(Z[i, :, :, c], f"Z[{i}, :, :, {c}], {Z.shape[1]} × {Z.shape[2]}", windows=[_one(h, w)], digits=None),
    ]
    return context, padded[rows, columns], place


def _entry(read: Record, cell: Any, shape: tuple[int, ...], pad: int) -> tuple[int, int, int, int]:
    """Return the entry of dA_prev that is meant; for None, the first one under the most windows."""
    if cell is not None:
        i, h, w, k = read.place("cell", cell, ("i", "h", "w", "k"))
        if any(item >= size for item, size in zip((i, h, w, k), shape, strict=True)):
            raise refusal(read.op, f"there is no entry ({i}, {h}, {w}, {k}) of dA_prev, whose shape is {shape}", {"cell": cell})
        return i, h, w, k
    covered = np.zeros((shape[1] + 2 * pad, shape[2] + 2 * pad), dtype=np.int64)
    for event in read.events:
        if event["cell"][0] == 0:
            covered[block(event["window"])] += 1
    inner = covered[pad : pad + shape[1], pad : pad + shape[2]]
    return 0, *divmod(int(inner.argmax()), inner.shape[1]), 0


def _holds(event: Mapping[str, Any], row: int, column: int) -> bool:
    (top, bottom), (left, right) = event["window"]["rows"], event["window"]["columns"]
    return bool(top <= row < bottom and left <= column < right)


def _sum(terms: Sequence[float], total: float, name: str, digits: int) -> str:
    if not terms:
        return f"no window reads it: {name} = {number(total, digits)}"
    first, *others = terms[:STEPS]
    words = [number(first, digits), *(added(term, digits) for term in others)]
    more = f" + … ({counted(len(terms) - STEPS, 'piece')} more)" if len(terms) > STEPS else ""
    kept = name.replace(" ", "\N{NO-BREAK SPACE}")  # a name is not broken into two lines
    equals = "=" if all(is_exact(value, digits) for value in (*terms, total)) else "≈"
    return f"{' '.join(words)}{more} {equals} {number(total, digits)} {'=' if is_exact(total, digits) else '≈'} {kept}"


def _one(row: int, column: int) -> tuple[slice, slice]:
    return slice(row, row + 1), slice(column, column + 1)


def _below(op: str, name: str, value: Any, count: int) -> int:
    number = whole(op, name, value, 0)
    if number >= count:
        raise refusal(op, f"there is no {name} {number}: X has {counted(count, name)}, counted from 0", {name: value})
    return number


def _size(noun: str, size: int, pad: int) -> str:
    return f"{size} + 2 × {pad} = {size + 2 * pad} {noun}"


def _which(noun: str, place: int, count: int) -> str:
    return f" {noun.capitalize()} {place} of {count}." if count > 1 else ""
