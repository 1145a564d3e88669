"""Where a result goes wrong, when no known mistake explains it: the first wrong entry, its window, and what pattern the wrong ones form.

One rule: it describes what was seen; it guesses no cause.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from convstep import steps, trace
from convstep.checks import Array
from convstep.grading.outcomes import Outcome, close, equal

__all__ = ["Evidence", "Pattern", "first_wrong", "pattern_of", "window_of"]

TERMS = 9  # products or values that are written out


@dataclass(frozen=True)
class Pattern:
    """A sentence of `words.toml` about the wrong entries, with what fills it in."""

    key: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """The first wrong entry of a result: which, what it is, and what is right."""

    result: str
    index: tuple[int, ...]
    got: float
    want: float

    @property
    def entry(self) -> str:
        """The entry as it is written: Z[0, 1, 2, 0]."""
        return f"{self.result}[{', '.join(map(str, self.index))}]" if self.index else self.result


def first_wrong(got: Outcome, want: Outcome) -> Evidence | None:
    """Return the first entry that differs, where the shapes agree."""
    for name, right in want.results.items():
        mine = got.results.get(name)
        if isinstance(mine, np.ndarray) and isinstance(right, np.ndarray) and mine.shape == right.shape:
            wrong = np.argwhere(~close(mine, right))
            if len(wrong):
                index = tuple(int(number) for number in wrong[0])
                return Evidence(name, index, float(mine[index]), float(right[index]))
    return None


def pattern_of(got: Outcome, want: Outcome) -> Pattern | None:
    """Return what is to be seen of the first result that is wrong."""
    if got.wanted is not None:
        if got.what == "None":
            return Pattern("pattern.none", {"name": ", ".join(want.results)})
        names = [*want.results, *(["cache"] if got.wanted > len(want.results) else [])]
        return Pattern("pattern.parts", {"got": got.what, "want": got.wanted, "names": ", ".join(names)})
    for name, right in want.results.items():
        mine = got.results.get(name, "None")
        if not equal(mine, right) and isinstance(right, np.ndarray):
            return _odd(name, mine, right) if isinstance(mine, str) else _pattern(name, mine, right)
    return None


def _odd(name: str, mine: str, right: Array) -> Pattern:
    if mine == "None":
        return Pattern("pattern.none", {"name": name})
    return Pattern("pattern.odd", {"name": name, "got": mine, "want": right.shape})


def _pattern(name: str, mine: Array, right: Array) -> Pattern:
    if mine.shape != right.shape:
        return Pattern("pattern.shape", {"name": name, "got": mine.shape, "want": right.shape})
    numbers, truth = np.asarray(mine, dtype=np.float64), np.asarray(right, dtype=np.float64)
    wrong = ~close(mine, right)
    with np.errstate(all="ignore"):
        found = _whole(name, numbers, truth, wrong) or _reordered(name, numbers, truth) or _placed(name, wrong)
    return found or Pattern("pattern.some", {"name": name, "wrong": int(wrong.sum()), "all": wrong.size})


def _whole(name: str, mine: Array, right: Array, wrong: Array) -> Pattern | None:
    """Look for one thing that happened to every number."""
    if not np.isfinite(mine).all():
        return Pattern("pattern.nan", {"name": name})
    if not mine.any():
        return Pattern("pattern.zeros", {"name": name})
    if not mine[wrong].any():
        return Pattern("pattern.zeros_partly", {"name": name})
    at = np.unravel_index(np.argmax(np.abs(right)), right.shape)
    ratio = float(mine[at] / right[at]) if right[at] else 0.0
    if ratio and mine.size > 1 and equal(mine, right * ratio):
        return Pattern("pattern.ratio", {"name": name, "ratio": ratio})
    shift = float(mine.flat[0] - right.flat[0])
    if mine.size > 1 and equal(mine - shift, right):
        return Pattern("pattern.shift", {"name": name, "shift": shift})
    return None


def _reordered(name: str, mine: Array, right: Array) -> Pattern | None:
    """Look for the right numbers in other places."""
    if mine.ndim == 4 and mine.shape[1] == mine.shape[2] and equal(mine, right.swapaxes(1, 2)):
        return Pattern("pattern.transposed", {"name": name})
    if mine.ndim == 2 and mine.shape[0] == mine.shape[1] and equal(mine, right.T):
        return Pattern("pattern.transposed", {"name": name})
    for axis in range(mine.ndim if mine.ndim == 4 else 0):
        if equal(mine, np.flip(right, axis)):
            return Pattern("pattern.flipped", {"name": name, "axis": f"axis.{axis}"})
    if mine.size > 2 and equal(np.sort(mine, axis=None), np.sort(right, axis=None)):
        return Pattern("pattern.permuted", {"name": name})
    return None


def _placed(name: str, wrong: Array) -> Pattern | None:
    """Look at where the wrong entries are."""
    if wrong.size > 2 and wrong.sum() == wrong.size - 1 and not wrong.flat[0]:
        return Pattern("pattern.first_only", {"name": name})
    if wrong.ndim != 4:
        return None
    images, channels = np.asarray(wrong.any(axis=(1, 2, 3))), np.asarray(wrong.any(axis=(0, 1, 2)))
    if not images.all():
        return Pattern("pattern.images", {"name": name, "which": _listed(images)})
    if not channels.all():
        return Pattern("pattern.channels", {"name": name, "which": _listed(channels)})
    inner = wrong[:, 1:-1, 1:-1]
    if not inner.size or 0 < inner.sum() < wrong.sum():
        return None
    return Pattern("pattern.inside" if inner.any() else "pattern.edges", {"name": name})


def _listed(flags: Array) -> str:
    return ", ".join(str(index) for index in np.flatnonzero(flags))


# --- the window of an entry, and its arithmetic ---


def window_of(function: str, arguments: tuple[Any, ...], evidence: Evidence) -> dict[str, Any] | None:
    """Return the window of an output entry, "rows" and "columns" (start, stop), and its arithmetic "by_hand", from the tracer.

    For an entry of a gradient there is no single window; the shares that add up to it are its arithmetic.
    """
    if function not in {"conv_single_step", "conv_forward", "pool_forward", "conv_backward", "pool_backward"}:
        return None
    events = trace(getattr(steps, function), *arguments)["events"]
    if function.endswith("backward"):
        return _shares(function, events, arguments, evidence)
    event = next((one for one in events if tuple(one.get("cell", ())) == evidence.index), None)
    if event is None:
        return None
    window = event.get("window", {"rows": None, "columns": None})
    return {**window, "by_hand": _forward(event)}


def _forward(event: dict[str, Any]) -> str:
    if "products" in event:
        numbers = np.asarray(event["products"]).ravel()
        return f"{_sum(numbers)} = {_short(event['sum'])}, {_sum(np.asarray([event['sum'], event['bias']]))} = {_short(event['value'])}"
    numbers = np.asarray(event["values"]).ravel()
    if "sum" in event:
        return f"({_sum(numbers)}) / {numbers.size} = {_short(event['value'])}"
    return (
        f"max({', '.join(_short(number) for number in numbers[:TERMS])}{', …' if numbers.size > TERMS else ''}) = {_short(event['value'])}"
    )


def _shares(function: str, events: list[dict[str, Any]], arguments: tuple[Any, ...], evidence: Evidence) -> dict[str, Any] | None:
    """Return what adds up to one entry of a gradient."""
    if evidence.result == "db":
        parts = [event["to_bias"] for event in events if event["cell"][3] == evidence.index[3]]
    elif evidence.result == "dW":
        *place, c = evidence.index
        parts = [np.asarray(event["to_filter"])[tuple(place)] for event in events if event["cell"][3] == c]
    else:
        parts = _landing(function, events, arguments, evidence.index)
    return {
        "rows": None,
        "columns": None,
        "by_hand": f"{_sum(np.asarray(parts))} = {_short(evidence.want)}" if len(parts) > 1 else None,
    }


def _landing(function: str, events: list[dict[str, Any]], arguments: tuple[Any, ...], index: tuple[int, ...]) -> list[float]:
    """Return what each window adds to one cell of the image's gradient."""
    i, row, column, channel = index
    pad = arguments[1][3]["pad"] if function == "conv_backward" else 0
    parts = []
    for event in events:
        (top, bottom), (left, right) = event["window"]["rows"], event["window"]["columns"]
        inside = top <= row + pad < bottom and left <= column + pad < right
        if event["cell"][0] != i or not inside or (function == "pool_backward" and event["cell"][3] != channel):
            continue
        share = np.asarray(event["to_window" if function == "conv_backward" else "received"])
        cell = share[row + pad - top, column + pad - left]
        parts.append(float(cell[channel] if function == "conv_backward" else cell))
    return parts


def _sum(numbers: Array) -> str:
    shown = " + ".join(f"({_short(number)})" if number < 0 else _short(number) for number in numbers[:TERMS])
    return shown + (f" + … (+{numbers.size - TERMS})" if numbers.size > TERMS else "")


def _short(number: float) -> str:
    return f"{float(number) + 0.0:.6g}"
