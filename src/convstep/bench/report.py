"""What was measured, as tables for readers of 80 columns. One rule: no number of its own."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from convstep.bench.rivals import LAYOUTS, OURS

Row = Mapping[str, Any]
SHORT = {"torch": "NCHW", "torch channels_last": "NHWC"}
BUSY = 0.05  # share of the processors
BAR = 40  # columns of the longest bar of the histogram


def report(found: Row) -> Group:
    """Return everything that was measured."""
    parts: dict[str, Callable[[Any], list[RenderableType]]] = {
        "machine": _machine,
        "layers": _layers,
        "training": lambda part: _titled("Training steps with Adam, ms (ratio: theirs / ours)", _networks(part["rows"])),
        "inference": lambda part: _titled("Inference, ms (ratio: theirs / ours)", _networks(part["rows"])),
        "onnx": _onnx,
        "memory": _memory,
        "startup": _startup,
        "epochs": _epochs,
        "ceiling": _ceiling,
        "others": _others,
    }
    told: list[RenderableType] = []
    for name, tell in parts.items():
        if found.get(name) is not None:
            told += [*tell(found[name]), Text("")]
    return Group(*told[:-1])


def _table(*columns: str, gap: int = 1) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap, 0, 0))
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place and column != "side" else "left", no_wrap=True)
    return table


def _titled(title: str, table: Table) -> list[RenderableType]:
    return [Text(title, style="bold"), table]


def _machine(facts: Row) -> list[RenderableType]:
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    lines = [
        f"{facts['cpu']}, vectors {facts['vectors']}, {facts['threads']} threads of {facts['processors']} processors",
        f"{facts['system']}, Python {facts['python']}, {versions}; engine {facts['engine']}",
        *([" ".join(f"{name}={value}" for name, value in facts["environment"].items())] if facts["environment"] else []),
    ]
    return [Text("\n".join(lines))]


# --- layers ---


def _layers(part: Row) -> list[RenderableType]:
    title = "Layers, forward + backward, ms (ratio: the faster PyTorch / ours)"
    told = [*_titled(title, _rows(part["rows"])), *_summary(part)]
    if "random" in part:
        random = part["random"]
        told += [Text(""), Text(f"{len(random['rows'])} random layers", style="bold"), *_summary(random), Text("")]
        if random["slowest"]:
            told += [_histogram(random["histogram"]), Text(""), *_slowest(random["slowest"])]
    return told


def _rows(rows: Iterable[Row]) -> Table:
    table = _table("layer", "ours", "forward", *SHORT.values(), "GFLOP/s", "ratio", "10 to 90 %", gap=0)
    kind = None
    for row in rows:
        if kind not in (None, row["kind"]):
            table.add_section()
        kind, sides, ratio = row["kind"], row["sides"], row["ratio"]
        theirs = [_number(sides[side]["ms"]) if side in sides else "" for side in LAYOUTS]
        ours = sides[OURS]
        table.add_row(row["name"], _number(ours["ms"]), _number(ours["forward_ms"]), *theirs, f"{ours['gflops']:.0f}", *_ratio(ratio))
    return table


def _summary(part: Row) -> list[RenderableType]:
    if part["geometric_mean"] is None:
        return [Text("no ratios: PyTorch is not installed")]
    means = ", ".join(f"{kind} {mean:.2f}" for kind, mean in part["geometric_means"].items())
    more = f" ({means})" if len(part["geometric_means"]) > 1 else ""
    return [Text(f"geometric mean {part['geometric_mean']:.2f}{more}, worst {part['worst']['ratio']:.2f}: {part['worst']['name']}")]


def _histogram(classes: Iterable[Row]) -> RenderableType:
    rows = list(classes)
    most = max(row["count"] for row in rows) or 1
    lines = []
    for row in rows:
        name = f"{row['from']:5.2f} and more" if row["to"] is None else f"{row['from']:5.2f} to {row['to']:5.2f}"
        lines.append(f"{name:<15} {'█' * -(-BAR * row['count'] // most)} {row['count'] or ''}".rstrip())
    return Text("\n".join(lines))


def _slowest(rows: Iterable[Row]) -> list[RenderableType]:
    lines = [f"{row['ratio']['median']:5.2f}  {row['shape']}" for row in rows]
    return [Text("\n".join(["the worst of them", *lines]), overflow="fold")]


# --- networks ---


def _networks(rows: Iterable[Row]) -> Table:
    table = _table("network", "batch", "side", "ms", "ratio", "10 to 90 %")
    for row in rows:
        table.add_section()
        for place, (side, found) in enumerate(row["sides"].items()):
            name, batch = ("", "") if place else (row["network"], str(row["batch"]))
            table.add_row(name, batch, side, _number(found["ms"]), *_ratio(found.get("ratio")))
    return table


def _onnx(part: Row) -> list[RenderableType]:
    table = _table("network", "ours", "onnxruntime", "ratio", "10 to 90 %", "difference")
    for row in part["rows"]:
        theirs = row["sides"].get("onnxruntime")
        times = _number(row["sides"][OURS]["ms"]), "" if theirs is None else _number(theirs["ms"])
        difference = "" if row["difference"] is None else f"{row['difference']:.1e}"
        table.add_row(row["network"], *times, *_ratio(row["ratio"]), difference)
    told = _titled("Networks from ONNX files, ms (ratio: theirs / ours; difference: of largest)", table)
    mean = part["geometric_mean"]
    return [*told, Text("no ratios: onnxruntime is not installed" if mean is None else f"geometric mean of the ratios {mean:.2f}")]


def _memory(part: Row) -> list[RenderableType]:
    if not part["rows"]:
        return [Text("Memory was not measured: this system does not tell")]
    table = _table("network", "batch", "side", "MB", "share")
    for row in part["rows"]:
        table.add_section()
        for place, (side, found) in enumerate(row["sides"].items()):
            name, batch = ("", "") if place else (row["network"], str(row["batch"]))
            table.add_row(name, batch, side, f"{found['megabytes']:.0f}", f"{found['share']:.2f}" if "share" in found else "")
    return _titled("Peak memory of training over the imports, MB (share: ours / theirs)", table)


# --- processes ---


def _startup(part: Row) -> list[RenderableType]:
    table = _table("side", "s", "share", "10 to 90 %")
    for side, found in part["sides"].items():
        table.add_row(side, f"{found['seconds']:.2f}", *_ratio(found.get("share")))
    return _titled("Start of a process to the first trained batch, s (share: ours / theirs)", table)


def _epochs(part: Row) -> list[RenderableType]:
    table = _table("engine", "s", "ratio", "10 to 90 %")
    for engine, found in part["engines"].items():
        table.add_row(engine, f"{found['seconds']['median']:.2f}", *_ratio(part["ratio"] if engine == "compiled" else None))
    return _titled("An epoch of convstep train, s (ratio: NumPy / compiled)", table)


def _ceiling(part: Row) -> list[RenderableType]:
    table = _table("", "forward", "share", "backward", "share")
    for side, speed in part["matmul"].items():
        table.add_row(f"matrix product, {side}", f"{speed['median']:.0f}", "", "", "")
    table.add_section()
    for row in part["direct"]:
        halves = [text for half in ("forward", "backward") for text in _share(row[half])]
        table.add_row(row["name"], *halves)
    title = "Direct convolution, GFLOP/s (share: of the faster matrix product)"
    return [*_titled(title, table), Text(f"ceiling {part['ceiling']:.0f} GFLOP/s, memory {part['gigabytes_per_second']:.0f} GB/s")]


def _others(share: float) -> list[RenderableType]:
    verdict = ": too much for good numbers" if share > BUSY else ""
    return [Text(f"other programs took {100 * share:.0f} % of the processors meanwhile{verdict}")]


def _share(half: Row) -> tuple[str, str]:
    return f"{half['gflops']:.0f}", f"{half['share']['median']:.2f}"


def _ratio(spread: Row | None) -> tuple[str, str]:
    if spread is None:
        return "", ""
    return f"{spread['median']:.2f}", f"{spread['low']:.2f} to {spread['high']:.2f}"


def _number(milliseconds: float) -> str:
    """Return milliseconds with three digits that count, or all before the point."""
    return f"{milliseconds:.0f}" if milliseconds >= 100 else f"{milliseconds:#.3g}"
