"""The table that `summary()` prints: the text of Keras 3 (keras/src/utils/summary_utils.py)."""

import shutil
from collections.abc import Callable, Iterable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from convstep.checks import Array, refusal
from convstep.layers import Layer, Parameter
from convstep.models.graph import Graph, Part

CHAIN = {"Layer (type)": 0.45, "Output Shape": 0.80, "Param #": 1.0}  # where each column ends, as a share of the width
BRANCHES = {"Layer (type)": 0.3, "Output Shape": 0.56, "Param #": 0.74, "Connected to": 1.0}
WIDE = {3: 88, 4: 108}  # characters, by the number of columns
NARROWEST = 4  # characters of a column
UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def print_summary(
    model: Any, *, line_length: int | None, print_fn: Callable[[str], Any] | None, expand_nested: bool, show_trainable: bool
) -> None:
    """Print the table, and what it adds up to."""
    chain = model.graph is None or model.kind == "Sequential" or model.graph.is_chain()
    places = dict(CHAIN if chain else BRANCHES)
    width = WIDE[len(places)]
    if show_trainable:
        width += 12
        places = {name: place * 0.9 for name, place in places.items()} | {"Trainable": 1.0}
    length = line_length or min(width, shutil.get_terminal_size().columns - 4)
    table = Table(*_columns(places, length), width=length, show_lines=True)
    for layer, name, prefix in _rows(model, expand_nested=expand_nested):
        fields = [f"{prefix}{escape(name)} ([color(33)]{escape(_kind(layer))}[/])", _shape(model, layer), _count(layer)]
        fields += [] if chain else [_connections(model.graph, layer, model)]
        table.add_row(*fields, *([_trained(layer)] if show_trainable else []))
    if print_fn is None:
        _print(Console(highlight=False), model, table)
        return
    console = Console(highlight=False, force_terminal=False, color_system=None)
    with console.capture() as captured:
        _print(console, model, table)
    print_fn(captured.get())


def _print(console: Console, model: Any, table: Table) -> None:
    console.print(f'[bold]Model: "{escape(model.name)}"[/]')
    console.print(table)
    for title, numbers, size in _totals(model):
        console.print(f"[bold] {title}: [/][color(34)]{numbers:,}[/] ({_readable(size)})")


def _columns(places: dict[str, float], length: int) -> list[Column]:
    columns, current = [], 0
    for name, place in places.items():
        width = int(place * length) - current
        if width < NARROWEST:
            raise refusal("summary", f"{length} characters are too narrow", {"line_length": length})
        justify: Any = {"Param #": "right", "Trainable": "center"}.get(name, "left")
        columns.append(Column(name, justify=justify, width=width))
        current += width
    return columns


def _rows(model: Any, *, expand_nested: bool, level: int = 0) -> Iterable[tuple[Layer, str, str]]:
    for name, layer in model.members.items():
        yield layer, name, f"{'   ' * level}└ " if level else ""
        if expand_nested and getattr(layer, "members", None):
            yield from _rows(layer, expand_nested=True, level=level + 1)


def _kind(layer: Any) -> str:
    return str(getattr(layer, "kind", type(layer).__name__))


def _shape(model: Any, layer: Layer) -> str:
    shapes = _output_shapes(model, layer)
    if not shapes:
        return "?"
    words = [f"({', '.join(f'[color({45 if size is None else 34})]{size}[/]' for size in shape)})" for shape in shapes]
    return words[0] if len(words) == 1 else f"\\[{', '.join(words)}]"


def _output_shapes(model: Any, layer: Any) -> list[tuple[Any, ...]]:
    """Return the shapes of what a layer's last call returned, in this model or in one inside it."""
    graph = model.graph
    calls = graph.calls(layer) if graph is not None else []
    if calls and getattr(layer, "graph", None) is not None:
        return [symbol.shape for symbol in layer.outputs]
    if calls:
        return [calls[-1].shape]
    for inner in model.members.values():
        if getattr(inner, "members", None) and inner is not layer:
            found = _output_shapes(inner, layer)
            if found:
                return found
    return []


def _count(layer: Layer) -> str:
    return f"[color(34)]{sum(item.value.size for item in layer.parameters):,}[/]" if layer.built else "[color(34)]0[/] (unbuilt)"


def _connections(graph: Graph, layer: Layer, model: Any) -> str:
    names = {id(member): name for name, member in model.members.items()}
    words = []
    for call in graph.calls(layer):
        for symbol in call.inputs:
            whole = symbol.whole if isinstance(symbol, Part) else symbol
            calls = graph.calls(symbol.layer)
            node = next((i for i, item in enumerate(calls) if item is whole), 0)
            place = list(vars(symbol.layer)["output_structure"].places).index(symbol.place) if isinstance(symbol, Part) else 0
            words.append(f"{escape(names.get(id(symbol.layer), symbol.layer.name))}\\[[color(34)]{node}[/]]\\[{place}]")
    return ", ".join(words) or "-"


def _trained(layer: Layer) -> str:
    if not layer.parameters:
        return "[bold]-[/]"
    return "[bold][color(34)]Y[/][/]" if layer.trainable else "[bold][color(9)]N[/][/]"


def _totals(model: Any) -> list[tuple[str, int, float]]:
    trained = model.trainable_parameters
    known = {id(item) for item in trained}
    rows = [("Trainable params", trained), ("Non-trainable params", [item for item in model.parameters if id(item) not in known])]
    counted = [(title, *_size(items)) for title, items in rows]
    if model.compiled and model.optimizer.iterations:
        slots = [array for name, array in model.optimizer.state().items() if name not in {"iterations", "learning_rate"}]
        own = len(model.optimizer.state()) - len(slots)  # the counter and the learning rate: four bytes each in Keras
        counted.append(("Optimizer params", own + sum(array.size for array in slots), 4 * own + sum(array.nbytes for array in slots)))
    return [("Total params", sum(row[1] for row in counted), sum(row[2] for row in counted)), *counted]


def _size(items: Iterable[Parameter]) -> tuple[int, float]:
    values: list[Array] = [item.value for item in items]
    return sum(value.size for value in values), float(sum(value.nbytes for value in values))


def _readable(size: float) -> str:
    for unit in UNITS[:-1]:
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} {UNITS[-1]}"
