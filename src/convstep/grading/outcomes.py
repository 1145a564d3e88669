"""What a function did when it was called, and whether two functions did the same.

One rule: numbers are equal where rounding explains the difference, in float32 too; shapes and errors are equal or not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convstep.checks import Array
from convstep.grading.observing import ARGUMENTS, RESULTS, unpack
from convstep.grading.words import clean

__all__ = ["Failure", "Outcome", "Sight", "alike", "close", "equal", "outcome_of", "same", "same_sight"]

SHORT, LONG = 80, 400  # characters of a learner's names and messages
FAR = 10**6  # no line and no cell has such a number
ROUNDING = 2e-5  # of the largest number of the right result: sums of some hundred terms in float32


@dataclass(frozen=True)
class Failure:
    """An exception of the learner's function."""

    kind: str
    message: str
    name: str = ""  # what a NameError, an AttributeError or an ImportError speaks of
    line: int | None = None
    cell: int = 0
    within: str = ""

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Failure":
        """Read what the harness told about an exception."""
        kind, message, name, within = (told.get(key, "") for key in ("kind", "message", "name", "within"))
        line, cell = told.get("line"), str(told.get("cell", ""))[:SHORT].removeprefix("<learner ").removesuffix(">")
        return cls(
            clean(str(kind), SHORT) or "an exception",
            str(message)[:LONG],
            clean(str(name), SHORT),
            line if type(line) is int and 0 < line < FAR else None,
            int(cell) if cell.isdecimal() and len(cell) < len(str(FAR)) else 0,
            clean(str(within), SHORT),
        )


@dataclass(frozen=True)
class Outcome:
    """What one call did: it failed, or it returned results, some of which may be no arrays (then a text says what they are)."""

    failure: Failure | None = None
    results: Mapping[str, Array | str] = field(default_factory=dict)
    wanted: int | None = None  # how many values should have been returned, where it was another number
    what: str = ""  # what was returned then
    cache: Any = None
    changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sight:
    """What a function did on one probe, and what is wrong with its cache, if anything."""

    outcome: Outcome
    cache: Any = None


def outcome_of(function: str, told: Mapping[str, Any]) -> Outcome:
    """Read an outcome of the harness, packed or not.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError, OverflowError
        If it is none: somebody else wrote it.
    """
    if "error" in told:
        return Outcome(Failure.of(told["error"]))
    results: dict[str, Array | str] = {}
    for name, value in told["results"].items():
        read = unpack(value) if isinstance(value, dict) else value
        if isinstance(read, np.ndarray):
            results[name] = read
        else:
            results[name] = clean(read["odd"], SHORT)
    names, wanted = RESULTS[function], told.get("wanted")
    changed = tuple(told["changed"])
    whole = tuple(results) == (names if wanted is None else names[: len(results)])
    if (
        not whole
        or not set(changed) <= set(ARGUMENTS[function])
        or (wanted is not None and wanted != len(names) + function.endswith("forward"))
    ):
        raise ValueError("no outcome of this function")
    return Outcome(None, results, wanted, clean(str(told.get("what", "")), SHORT), unpack(told["cache"]), changed)


def close(got: Array | str, want: Array | str) -> Any:
    """Return where two results of one shape agree, as an array of booleans; False where they cannot be compared."""
    if isinstance(got, str) or isinstance(want, str) or got.shape != want.shape:
        return np.False_
    size = float(np.abs(want[np.isfinite(want)], dtype=np.float64).max(initial=0.0))
    with np.errstate(all="ignore"):
        near = np.abs(np.subtract(got, want, dtype=np.float64)) <= ROUNDING * max(size, 1e-3)
        return near | (got == want) | (np.isnan(got) & np.isnan(want))


def equal(got: Array | str, want: Array | str) -> bool:
    """Say whether two results are the same: equal arrays, or the same word for what is none."""
    if isinstance(got, str) or isinstance(want, str):
        return isinstance(got, str) and isinstance(want, str) and got == want
    return got.shape == want.shape and bool(np.all(close(got, want)))


def same(one: Outcome, other: Outcome, ignore: frozenset[str] = frozenset()) -> bool:
    """Say whether two calls did the same, but for the numbers of results to be ignored; the wording of an error does not matter."""
    if one.failure or other.failure:
        return bool(one.failure and other.failure and one.failure.kind == other.failure.kind)
    if one.wanted != other.wanted or set(one.results) != set(other.results) or one.changed != other.changed:
        return False
    pairs = {name: (result, other.results[name]) for name, result in one.results.items()}
    return all(np.shape(mine) == np.shape(theirs) if name in ignore else equal(mine, theirs) for name, (mine, theirs) in pairs.items())


def alike(one: Any, other: Any) -> bool:
    """Say whether two caches, or two parts of them, hold the same; lists and tuples are alike."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        try:
            return equal(np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64))
        except (TypeError, ValueError, OverflowError):
            return False
    if isinstance(one, Mapping):
        return isinstance(other, Mapping) and set(one) == set(other) and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return isinstance(other, tuple | list) and len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other)


def same_sight(one: Sight, other: Sight, ignore: frozenset[str] = frozenset()) -> bool:
    """Say whether two functions did the same on a probe."""
    return same(one.outcome, other.outcome, ignore) and alike(one.cache, other.cache)
