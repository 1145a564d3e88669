"""The graph of a model: a box for each layer, and lines for what flows between them.

One rule: it draws the nodes that it is given, from top to bottom in the order in which they need each other.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from convstep.checks import counted, refusal, whole
from convstep.errors import ArgumentTypeError
from convstep.figures import style
from convstep.figures.board import wrapped
from convstep.figures.canvas import Canvas, shortened
from convstep.figures.numerals import text_width
from convstep.figures.style import Picture
from convstep.figures.themes import Theme, theme_named

__all__ = ["draw_graph"]

LEFT, TOP = 0.45, 0.8  # inches
WIDTH, HEIGHT, ACROSS, DOWN = 2.35, 0.42, 0.3, 0.27  # inches of a box, and between boxes
STRIPE, INSIDE = 0.07, 0.16  # inches of the colour at its side, and from there to the text
TRACK, MARGIN = 0.11, 0.16  # inches between lines that pass boxes, and around them
SHAPE = 0.12  # columns, from the number of rows: tall graphs are folded into several columns
# What layers are called, by the colour of their kind.
FAMILIES = {
    "blue": ("conv", "dense"),
    "green": ("pooling", "sampling"),
    "orange": ("add", "concatenate", "multiply", "subtract", "average", "maximum", "minimum", "dot"),
    "vermilion": ("relu", "elu", "softmax", "activation"),
    "purple": ("normalization", "dropout", "noise"),
}


@dataclass
class _Node:
    """A box: what is written in it, what it needs, and where it stands."""

    name: str
    kind: str
    shape: str
    parameters: int | None
    inputs: list[str]
    rank: int = 0
    lane: float = 0.0
    is_bend: bool = False  # no box: where a line goes through a rank
    left: float = 0.0
    top: float = 0.0


@dataclass
class _Column:
    """Ranks that stand below each other, and the lines that pass boxes in it, each on a track of its own."""

    ranks: list[int]
    left: float = 0.0
    boxes: float = 0.0
    tracks: list[list[tuple[int, int]]] = field(default_factory=list)

    @property
    def width(self) -> float:
        """Inches with the tracks."""
        return self.boxes + (MARGIN + TRACK * len(self.tracks) if self.tracks else 0.0)


def draw_graph(nodes: Sequence[Mapping[str, Any]], *, title: str = "Model", theme: str | None = None) -> Picture:
    """Draw the graph of a model.

    Parameters
    ----------
    nodes : sequence of mappings
        For each layer "name", a name of its own; "kind", what it is; "inputs", the names of the nodes that it needs, which stand before
        it; and, where they are known, "shape", of what it returns, and "parameters", how many numbers it has learned.
    title : str
    theme : {"light", "dark"}, optional
        The paper; by default what `use_theme` chose.

    Returns
    -------
    Picture
        As large as the graph; a tall one is folded into columns.

    Raises
    ------
    ShapeError, ArgumentTypeError
        If nodes are something else, or need one that does not stand before them.

    Examples
    --------
    >>> from convstep.figures import draw_graph
    >>> nodes = [
    ...     {"name": "image", "kind": "Input", "shape": (28, 28, 1), "inputs": []},
    ...     {"name": "conv", "kind": "Conv2D", "shape": (28, 28, 8), "parameters": 80, "inputs": ["image"]},
    ...     {"name": "conv_1", "kind": "Conv2D", "shape": (28, 28, 8), "parameters": 584, "inputs": ["conv"]},
    ...     {"name": "add", "kind": "Add", "shape": (28, 28, 8), "inputs": ["conv", "conv_1"]},
    ... ]
    >>> figure = draw_graph(nodes, title="A residual block")
    """
    look = theme_named("draw_graph", theme)
    read = _read(nodes)
    known, count = [node.parameters for node in read.values() if node.parameters is not None], len(read)
    _rank(read)
    _bend(read)
    _order(read)
    columns = _columns(read)
    full = _place(read, columns)
    words = counted(count, "layer") + (f", {sum(known):,} parameters." if known else ".")
    words += " In a box: the kind of the layer and the shape of what it returns; its name and how many numbers it learns."
    width = max(full[0] - 2 * LEFT, text_width(title, 9.5, "bold"), 3.2)
    explanation = wrapped(words, width, 7.5)
    extra = 0.135 * explanation.count("\n")
    for node in read.values():
        node.top += extra
    with style.house_style(look):
        canvas = Canvas((width + 2 * LEFT, full[1] + extra), title=title, explanation=explanation, theme=look)
        for node in read.values():
            for source, enters in zip(node.inputs, _entries(node, read), strict=True):
                canvas.line(_route(read, read[source], node, (columns, enters)), arrow=not node.is_bend)
        for node in read.values():
            if node.is_bend:
                middle = node.left + WIDTH / 2
                canvas.line([(middle, node.top), (middle, node.top + HEIGHT)], arrow=False)
            else:
                _draw(canvas, node)
    return canvas.figure


# --- where boxes stand ---


def _read(nodes: Any) -> dict[str, _Node]:
    op, found = "draw_graph", dict[str, _Node]()
    if not isinstance(nodes, Sequence) or not all(isinstance(node, Mapping) for node in nodes) or not nodes:
        raise refusal(op, "nodes must be a sequence of mappings, one for each box", {"nodes": nodes}, kind=ArgumentTypeError)
    for node in nodes:
        if missing := [word for word in ("name", "kind", "inputs") if word not in node]:
            raise refusal(op, f'a node has no "{missing[0]}"', {"node": dict(node)})
        name, count = str(node["name"]), node.get("parameters")
        if name in found:
            raise refusal(op, f'two nodes have the name "{name}"', {"node": dict(node)})
        inputs = [str(source) for source in node["inputs"]]
        for source in inputs:
            if source not in found:
                raise refusal(op, f'the node "{name}" needs "{source}", which does not stand before it', {"node": dict(node)})
        number = None if count is None else whole(op, "parameters", count, 0)
        found[name] = _Node(name, str(node["kind"]), _shape(node.get("shape")), number, inputs)
    return found


def _shape(shape: Any) -> str:
    """Return a shape without its batch as text: 28 × 28 × 8; several of them one after the other."""
    if shape is None:
        return ""
    if isinstance(shape, str):
        return shape
    items = list(shape)
    if items and all(isinstance(item, tuple | list) for item in items):
        return ", ".join(_shape(item) for item in items)
    return " × ".join("?" if item is None else str(item) for item in items) or "1"


def _rank(nodes: Mapping[str, _Node]) -> None:
    """Set ranks, each behind those of what it needs."""
    for node in nodes.values():
        node.rank = max((nodes[source].rank + 1 for source in node.inputs), default=0)
    first_readers: dict[str, int] = {}
    for node in nodes.values():
        for source in node.inputs:
            first_readers[source] = min(first_readers.get(source, node.rank), node.rank)
    for node in nodes.values():
        if not node.inputs and node.name in first_readers:  # a second input stands beside what it meets
            node.rank = first_readers[node.name] - 1


def _bend(nodes: dict[str, _Node]) -> None:
    """Give lines that begin beside other boxes, and pass boxes, a place of their own in each rank that they go through."""
    crowded = {rank for rank, count in Counter(node.rank for node in nodes.values()).items() if count > 1}
    for node in list(nodes.values()):
        for place, name in enumerate(node.inputs):
            source = nodes[name]
            if source.rank not in crowded:
                continue
            for rank in range(source.rank + 1, node.rank):
                bend = _Node(f"{name} at {rank}", "", "", None, [source.name], rank, is_bend=True)
                source = nodes.setdefault(bend.name, bend)  # one for all that need the same
            node.inputs[place] = source.name


def _order(nodes: Mapping[str, _Node]) -> None:
    """Set the lanes of each rank from left to right, near those of what they need."""
    for rank in range(max(node.rank for node in nodes.values()) + 1):
        row = [node for node in nodes.values() if node.rank == rank]
        row.sort(key=lambda node: sum(nodes[source].lane for source in node.inputs) / max(len(node.inputs), 1))
        for place, node in enumerate(row):
            node.lane = place - (len(row) - 1) / 2


def _columns(nodes: Mapping[str, _Node]) -> list[_Column]:
    """Fold the ranks into columns, only where a single box hands on all that is needed below."""
    last = max(node.rank for node in nodes.values())
    alone = [sum(node.rank == rank for node in nodes.values()) == 1 for rank in range(last + 1)]
    passed = [any(nodes[source].rank < rank < node.rank for node in nodes.values() for source in node.inputs) for rank in range(last + 1)]
    many = max(round(math.sqrt(SHAPE * (last + 1))), 1)
    tall, columns = math.ceil((last + 1) / many), [_Column([])]
    for rank in range(last + 1):
        columns[-1].ranks.append(rank)
        if len(columns[-1].ranks) >= tall and alone[rank] and not passed[rank] and rank < last:
            columns.append(_Column([]))
    return columns


def _place(nodes: Mapping[str, _Node], columns: Sequence[_Column]) -> tuple[float, float]:
    """Set where every box and every column stands; return the inches of all of it."""
    left, bottom = LEFT, 0.0
    for column in columns:
        row = [[node for node in nodes.values() if node.rank == rank] for rank in column.ranks]
        wide = max(len(boxes) for boxes in row)
        column.left, column.boxes = left, wide * WIDTH + (wide - 1) * ACROSS
        for place, boxes in enumerate(row):
            for node in boxes:
                node.left = left + column.boxes / 2 + node.lane * (WIDTH + ACROSS) - WIDTH / 2
                node.top = TOP + place * (HEIGHT + DOWN)
                bottom = max(bottom, node.top + HEIGHT)
        for node in (item for boxes in row for item in boxes):
            for source in node.inputs:
                if nodes[source].rank in column.ranks and node.rank - nodes[source].rank > 1:
                    _track(column, nodes[source].rank, node.rank)
        left += column.width + ACROSS + MARGIN
    return left - ACROSS - MARGIN + LEFT, bottom + 0.3


def _track(column: _Column, first: int, last: int) -> int:
    """Return the track of a line that passes boxes: the first one that is free all the way, or has the same two ends."""
    for number, taken in enumerate(column.tracks):
        if (first, last) in taken:
            return number
        if all(last <= one or other <= first for one, other in taken):
            taken.append((first, last))
            return number
    column.tracks.append([(first, last)])
    return len(column.tracks) - 1


# --- what is drawn ---


def _draw(canvas: Canvas, node: _Node) -> None:
    look, place = canvas.theme, (node.left, node.top)
    canvas.card(place, (WIDTH, HEIGHT), facecolor=look.page, edgecolor=look.grey, linewidth=0.7)
    canvas.box(place, (STRIPE, HEIGHT), facecolor=_colour(node.kind, look), linewidth=0, zorder=4)
    right, room = node.left + WIDTH - 0.08, WIDTH - INSIDE - 0.08
    shape = shortened(node.shape, room * 0.6, 7)
    count = "" if not node.parameters else f"{node.parameters:,}"
    upper, lower = node.top + HEIGHT * 0.32, node.top + HEIGHT * 0.71
    kind = shortened(node.kind, room - text_width(shape, 7) - 0.08, 7.5, "bold")
    canvas.text((node.left + INSIDE, upper), kind, fontweight="bold", va="center", zorder=5)
    canvas.text((right, upper), shape, fontsize=7, ha="right", va="center", zorder=5)
    name = shortened(node.name, room - text_width(count, 6.5) - 0.08, 6.5)
    canvas.text((node.left + INSIDE, lower), name, fontsize=6.5, va="center", color=look.grey, zorder=5)
    canvas.text((right, lower), count, fontsize=6.5, ha="right", va="center", color=look.grey, zorder=5)


def _colour(kind: str, look: Theme) -> str:
    name = kind.partition(",")[0]
    words = {word.lower() for word in re.findall("[A-Z][a-z]+", name)} | {name.lower()}
    for colour, parts in FAMILIES.items():
        if any(word in parts or (word.endswith("relu") and "relu" in parts) for word in words):
            return str(getattr(look, colour))
    return look.ink if "input" in words else look.grey


def _entries(node: _Node, nodes: Mapping[str, _Node]) -> list[float]:
    """Return where each line enters a box, as a share of its width: from above as they come, then those that pass boxes, on the right."""
    passing = [node.rank - nodes[source].rank > 1 for source in node.inputs]
    order = sorted(range(len(passing)), key=lambda place: (passing[place], nodes[node.inputs[place]].lane, place))
    straight = len(passing) - sum(passing)
    shares = [(place + 1) / (len(passing) + 1) for place in range(len(passing))]
    if straight == 1 and len(passing) > 1:  # one comes straight down
        shares = [0.5, *(0.5 + 0.4 * (place + 1) / len(passing) for place in range(len(passing) - 1))]
    found = [0.0] * len(passing)
    for share, place in zip(shares, order, strict=True):
        found[place] = share
    return found


def _route(nodes: Mapping[str, _Node], source: _Node, node: _Node, where: tuple[Sequence[_Column], float]) -> list[tuple[float, float]]:
    """Return the corners of the line from one box to another."""
    columns, enters = where
    start, end = (source.left + WIDTH / 2, source.top + HEIGHT), (node.left + WIDTH * (0.5 if node.is_bend else enters), node.top)
    from_column, to_column = (next(column for column in columns if item.rank in column.ranks) for item in (source, node))
    if from_column is not to_column:  # to the head of the next column
        middle, below, above = to_column.left - (ACROSS + MARGIN) / 2, start[1] + DOWN / 2, end[1] - DOWN / 2
        return [start, (start[0], below), (middle, below), (middle, above), (end[0], above), end]
    below = start[1] + DOWN * _level(nodes, source)
    if node.rank - source.rank > 1:
        number = _track(from_column, source.rank, node.rank)
        track = from_column.left + from_column.boxes + MARGIN / 2 + TRACK * (number + 0.5)
        above = end[1] - DOWN * (0.34 - 0.06 * (number % 4))
        return [start, (start[0], below), (track, below), (track, above), (end[0], above), end]
    return [start, end] if abs(start[0] - end[0]) < 1e-6 else [start, (start[0], below), (end[0], below), end]


def _level(nodes: Mapping[str, _Node], source: _Node) -> float:
    """Return how far below a rank the line of a box turns: farther for those at the sides, so that no two lie upon each other."""
    row = sorted({abs(node.lane) for node in nodes.values() if node.rank == source.rank})
    return 0.2 + 0.3 * row.index(abs(source.lane)) / max(len(row) - 1, 1) + (0.12 if source.lane < 0 else 0.0)
