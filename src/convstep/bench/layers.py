"""Single convolutions, forwards and backwards, beside PyTorch in both layouts."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

from convstep.bench.clock import geometric_mean, in_turn, milliseconds, ratios, rounded
from convstep.bench.convolutions import convolution
from convstep.bench.plan import Plan
from convstep.bench.rivals import LAYOUTS, OURS, sides
from convstep.bench.shapes import QUICK, SHAPES, Shape, random_shapes

HALVES = ("forward", "backward")
EDGES = (0.0, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)  # of the classes of the histogram; the last has no end
WORST = 5


def measure(plan: Plan, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure the chosen layers, and as many random ones as are wanted."""
    chosen = [shape for shape in SHAPES if not plan.quick or shape.name in QUICK]
    found = _summed_up([_row(shape, plan, tell) for shape in chosen])
    if plan.random:
        rows = [_row(shape, plan, tell) for shape in random_shapes(plan.random)]
        found["random"] = {**_summed_up(rows), "histogram": histogram(_medians(rows)), "slowest": slowest(rows)}
    return found


def _row(shape: Shape, plan: Plan, tell: Callable[[str], None]) -> dict[str, Any]:
    tell(shape.name)
    passes = {side: convolution(shape, side) for side in sides(plan.rivals, ("torch",)) if not crashes(shape, side)}
    seconds = in_turn({(side, half): getattr(item, half) for side, item in passes.items() for half in HALVES}, plan.rounds)
    both = {side: [sum(pair) for pair in zip(*(seconds[side, half] for half in HALVES), strict=True)] for side in passes}
    return {
        "name": shape.name,
        "kind": shape.kind,
        "shape": shape.text(),
        "gigaflop": rounded(3e-9 * shape.operations),
        "intensity": rounded(shape.intensity),
        "sides": {side: _side(shape, both[side], {half: seconds[side, half] for half in HALVES}) for side in passes},
        "ratio": _ratio(both),
    }


def crashes(shape: Shape, side: str) -> bool:
    """Return whether a side ends the process: PyTorch 2.13 does, going back through some 1 x 1 filters with strides and channels last."""
    return side.endswith("last") and shape.kind == "random" and shape.kernel == (1, 1) and max(shape.stride) > 1


def _side(shape: Shape, both: Sequence[float], halves: dict[str, list[float]]) -> dict[str, float]:
    total = milliseconds(both)
    return {
        "ms": total,
        **{f"{half}_ms": milliseconds(halves[half]) for half in HALVES},
        "gflops": rounded(3e-6 * shape.operations / total),
    }


def _ratio(seconds: dict[str, list[float]]) -> dict[str, Any] | None:
    """Return the ratio to the faster of PyTorch's layouts, None where there is no PyTorch."""
    layouts = [side for side in seconds if side in LAYOUTS]
    if not layouts:
        return None
    fastest = min(layouts, key=lambda side: milliseconds(seconds[side]))
    return {"to": fastest, **ratios(seconds[fastest], seconds[OURS]).plain()}


def _summed_up(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the rows with their geometric means."""
    means = {
        kind: geometric_mean(_medians(row for row in rows if row["kind"] == kind)) for kind in dict.fromkeys(row["kind"] for row in rows)
    }
    worst = slowest(rows)[:1]
    return {
        "rows": rows,
        "geometric_mean": geometric_mean(_medians(rows)),
        "geometric_means": means,
        "worst": {"name": worst[0]["name"], "ratio": worst[0]["ratio"]["median"]} if worst else None,
    }


def slowest(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with the smallest ratios."""
    return sorted((row for row in rows if row["ratio"]), key=lambda row: float(row["ratio"]["median"]))[:WORST]


def histogram(values: Sequence[float]) -> list[dict[str, Any]]:
    """Count values in classes of ratios."""
    counts = Counter(max(place for place, edge in enumerate(EDGES) if value >= edge) for value in values)
    classes = [*pairwise(EDGES), (EDGES[-1], None)]
    return [{"from": low, "to": high, "count": counts[place]} for place, (low, high) in enumerate(classes)]


def _medians(rows: Iterable[dict[str, Any]]) -> list[float]:
    return [row["ratio"]["median"] for row in rows if row["ratio"]]
