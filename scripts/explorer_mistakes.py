"""What each known mistake does on one small call, beside what is right, as plain data: the explorer's page is made of it.

The one rule: nothing is told that was not run. The wrong numbers are those of the patched solution, the right ones those of the steps.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scripts.explorer_cases import ShownCase, shown_cases

from convstep import steps
from convstep.grading.diagnosis import escapes, sight_of
from convstep.grading.mistakes import Mistake, catalogue, patched
from convstep.grading.observing import ARGUMENTS, EIGHT, observe
from convstep.grading.outcomes import Outcome, Sight, equal, outcome_of
from convstep.grading.probes import Probe

__all__ = ["all_mistakes"]

SOLUTIONS = 131  # in which `seen` was counted
KINDS = ("numbers", "shape", "odd", "count", "error", "cache", "changed")
FEW = 4  # numbers are shown where at least one wrong call in so many gives them
IN_CACHE = {"conv_backward": ("A_prev", "W", "b", "hparameters"), "pool_backward": ("A_prev", "hparameters")}


def all_mistakes(*, with_escapes: bool = True) -> dict[str, Any]:
    """Return the mistakes of all eight functions, in the order of the assignment; `with_escapes` takes a minute more."""
    functions = {function: _told_function(function, with_escapes=with_escapes) for function in EIGHT}
    known = sum(len(catalogue(function)) for function in EIGHT)
    return {"version": 1, "known": known, "solutions": SOLUTIONS, "functions": functions}


def _told_function(function: str, *, with_escapes: bool) -> dict[str, Any]:
    bench = _Bench.of(function)
    made = [_told_mistake(bench, mistake, with_escapes=with_escapes) for mistake in catalogue(function)]
    shown = [mistake for mistake in made if mistake is not None]
    used = sorted({mistake["case"] for mistake in shown})
    for mistake in shown:
        mistake["case"] = used.index(mistake["case"])
    return {"cases": [bench.told(index) for index in used], "mistakes": shown}


@dataclass(frozen=True)
class _Seen:
    """What a function did on one call, and what its arguments were afterwards."""

    sight: Sight
    after: tuple[Any, ...]

    @property
    def outcome(self) -> Outcome:
        return self.sight.outcome


@dataclass(frozen=True)
class _Bench:
    """The calls of one function, and what is right on them."""

    function: str
    cases: tuple[ShownCase, ...]
    right: tuple[_Seen, ...]

    @classmethod
    def of(cls, function: str) -> "_Bench":
        cases = tuple(shown_cases(function))
        right = getattr(steps, function)
        return cls(function, cases, tuple(_look(function, right, case) for case in cases))

    def told(self, index: int) -> dict[str, Any]:
        """Return a call and its right results as plain data."""
        case, right = self.cases[index], self.right[index].outcome
        results = {name: _told(value) for name, value in right.results.items()}
        return {"name": case.name, "arguments": _named(self.function, case.arguments), "results": results}

    def kind(self, index: int, seen: _Seen) -> str:
        """Return in one word what is wrong with what a function did; "" where it is right."""
        outcome, right = seen.outcome, self.right[index].outcome
        if outcome.failure or outcome.wanted is not None:
            return "error" if outcome.failure else "count"
        pairs = [(outcome.results[name], want) for name, want in right.results.items()]
        if any(isinstance(got, str) for got, _ in pairs):
            return "odd"
        if any(np.shape(got) != np.shape(want) for got, want in pairs):
            return "shape"
        if not all(equal(got, want) for got, want in pairs):
            return "numbers"
        return "cache" if seen.sight.cache is not None else "changed" if outcome.changed else ""


def _look(function: str, made: Callable[..., Any], case: ShownCase, seed: int = 0) -> _Seen:
    held: list[tuple[Any, ...]] = []

    def watched(*arguments: Any) -> Any:
        held.append(arguments)
        return made(*arguments)

    told = observe(function, watched, case.arguments, seed=seed)
    sight = sight_of(function, Probe("shown", 0, case.arguments), outcome_of(function, told))
    return _Seen(sight, held[0])


def _told_mistake(bench: "_Bench", mistake: Mistake, *, with_escapes: bool = True) -> dict[str, Any] | None:
    """Return a mistake with the call that shows it best, or None where no call does."""
    (made,) = patched(replace(mistake, patches=mistake.patches[:1]))
    sights = [_look(bench.function, made, case) for case in bench.cases]
    kinds = [bench.kind(index, seen) for index, seen in enumerate(sights)]
    if not any(kinds):
        return None
    kind = _typical(kinds)
    index = kinds.index(kind)
    told = {
        "id": mistake.id,
        "title": mistake.title,
        "where": mistake.where,
        "idea": mistake.idea,
        "seen": mistake.seen,
        "case": index,
        "kind": kind,
        **_wrong(bench, index, sights[index]),
    }
    again = _look(bench.function, made, bench.cases[index], seed=1)
    if not _steady(sights[index].outcome, again.outcome):
        told["unsteady"] = True
    hidden = [bench.cases[place].name for place, found in enumerate(kinds) if not found]
    if hidden:
        told["hidden"] = {"count": len(hidden), "of": len(kinds), "first": hidden[0]}
    if kind != "error" and "error" in kinds:
        place = kinds.index("error")
        told["elsewhere"] = {"name": bench.cases[place].name, "error": _error(sights[place].outcome)}
    if with_escapes:
        told["escapes"] = list(escapes(mistake))
    return told


def _typical(kinds: list[str]) -> str:
    """Return the kind to show: numbers where they are not rare, else the most frequent."""
    counts = Counter(kind for kind in kinds if kind)
    if FEW * counts["numbers"] >= counts.total():
        return "numbers"
    return max(counts, key=lambda kind: (counts[kind], -KINDS.index(kind)))


def _wrong(bench: "_Bench", index: int, seen: _Seen) -> dict[str, Any]:
    """Return what is wrong with a call: results that differ, an error, the cache, arguments that were changed."""
    outcome, right = seen.outcome, bench.right[index].outcome
    if outcome.failure:
        return {"error": _error(outcome)}
    results = {name: _told(value) for name, value in outcome.results.items() if not equal(value, right.results[name])}
    told: dict[str, Any] = {"results": results}
    if outcome.wanted is not None:
        told["returned"] = {"what": outcome.what, "wanted": outcome.wanted, "names": list(outcome.results)}
    before = _named(bench.function, bench.cases[index].arguments)
    if seen.sight.cache is not None:
        told["cache"] = _cache(outcome.cache, before, outcome.results)
    changed = {name: value for name, value in _named(bench.function, seen.after).items() if value != before[name]}
    if changed:
        told["changed"] = changed
    return told


def _error(outcome: Outcome) -> list[str]:
    return [outcome.failure.kind, outcome.failure.message] if outcome.failure else []


def _steady(one: Outcome, other: Outcome) -> bool:
    """Say whether two runs gave the same results, whatever the random numbers were."""
    return set(one.results) == set(other.results) and all(equal(value, other.results[name]) for name, value in one.results.items())


def _cache(cache: Any, arguments: Mapping[str, Any], results: Mapping[str, Any]) -> Any:
    """Return a cache as its parts; those that are an argument or a result by their names."""
    if isinstance(cache, tuple | list):
        return {"parts": [_part(part, arguments, results) for part in cache]}
    return _part(cache, arguments, results)


def _part(part: Any, arguments: Mapping[str, Any], results: Mapping[str, Any]) -> Any:
    if isinstance(part, np.ndarray | Mapping):
        told = _told(part)
        known = {**arguments, **{name: _told(value) for name, value in results.items()}}
        name = next((name for name, value in known.items() if value == told), None)
        return {"is": name} if name else told
    return _told(part)


def _named(function: str, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Return the arguments by name as plain data, those in a cache as if they were arguments too."""
    named: dict[str, Any] = {}
    for name, value in zip(ARGUMENTS[function], arguments, strict=False):
        if name == "cache":
            named.update({part: _told(item) for part, item in zip(IN_CACHE[function], value, strict=True)})
        else:
            named[name] = _told(value)
    return named


def _told(value: Any) -> Any:
    """Return a value as JSON's own types: whole numbers without a point, and what is no number as a word."""
    if isinstance(value, np.ndarray):
        kind = {"bool": True} if value.dtype == np.bool_ else {}
        return {"shape": list(value.shape), "data": [_number(item) for item in value.ravel().tolist()], **kind}
    if isinstance(value, Mapping):
        return {str(key): _told(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_told(item) for item in value]
    return value if value is None or isinstance(value, str) else _number(value)


def _number(value: float) -> float | int | str:
    if isinstance(value, bool):
        return int(value)
    if not np.isfinite(value):
        return str(value)
    whole = float(value).is_integer() and abs(value) < 2**53 and not (value == 0 and np.signbit(value))
    return int(value) if whole else float(value)
