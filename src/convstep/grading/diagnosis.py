"""Which known mistake does what the learner's function did, on every probe.

One rule: a mistake is named only where its own run gives the same numbers, or the same error, everywhere; two together where no single one
does. What remains is for `locating` to describe.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from convstep.grading.caches import cache_fault
from convstep.grading.harness import observe, packed_outcome
from convstep.grading.mistakes import Mistake, catalogue, patched
from convstep.grading.outcomes import Outcome, alike, equal, outcome_of, same
from convstep.grading.probes import Probe

__all__ = ["Named", "Sight", "look", "name_mistakes"]


@dataclass(frozen=True)
class Sight:
    """What a function did on one probe, and what is wrong with its cache, if anything."""

    outcome: Outcome
    cache: Any = None


@dataclass(frozen=True)
class Named:
    """The mistakes that together do what the learner's function did; `certain` where numbers or the words of an error agree too."""

    mistakes: tuple[Mistake, ...]
    certain: bool = True


def look(function: str, made: Any, probe: Probe) -> Sight:
    """Call a function that is trusted: the steps, the solution, or the solution with a mistake in it."""
    told = packed_outcome(observe(function, made, probe.arguments, seed=probe.seed))
    return sight_of(function, probe, outcome_of(told))


def sight_of(function: str, probe: Probe, outcome: Outcome) -> Sight:
    """Return an outcome with the verdict on its cache."""
    fault = None if outcome.failure or not function.endswith("forward") else cache_fault(function, probe.arguments, outcome.cache)
    return Sight(outcome, fault)


def name_mistakes(function: str, probes: Sequence[Probe], learner: Sequence[Sight], right: Sequence[Sight]) -> Named | None:
    """Return the mistake, or the pair of mistakes, that does on every probe what the learner's function did.

    Parameters
    ----------
    function : str
        Which of the eight.
    probes, learner, right : sequences of one length
        The calls, what the learner's function did, and what is right.
    """
    case = _Case(function, probes, learner, right)
    singles = catalogue(function)
    found = case.matching((mistake,) for mistake in singles)
    if found:
        return found
    return case.matching(combinations(singles, 2))


@dataclass(frozen=True)
class _Case:
    function: str
    probes: Sequence[Probe]
    learner: Sequence[Sight]
    right: Sequence[Sight]

    def matching(self, candidates: Iterable[tuple[Mistake, ...]]) -> Named | None:
        """Return the first candidate that is certain, else the only one that is possible."""
        possible: list[tuple[Mistake, ...]] = []
        for mistakes in candidates:
            for made in patched(*mistakes):
                sights = self._run(made)
                if sights is None:
                    continue
                if self._certain(sights):
                    return Named(mistakes)
                possible.append(mistakes)
        return Named(possible[0], certain=False) if len(set(possible)) == 1 else None

    def _run(self, made: Any) -> dict[int, Sight] | None:
        """Run a mistaken function on the probes, the telling ones first; None as soon as it does something else than the learner's."""
        unsteady = self._unsteady(self.learner)
        sights: dict[int, Sight] = {}
        for index in self._order():
            sights[index] = look(self.function, made, self.probes[index])
            if not same_sight(sights[index], self.learner[index], ignore=unsteady):
                return None
        whole = [sights[index] for index in range(len(self.probes))]
        return sights if self._unsteady(whole) == unsteady else None

    def _order(self) -> list[int]:
        wrong = [not same_sight(one, other) for one, other in zip(self.learner, self.right, strict=True)]
        return sorted(range(len(self.probes)), key=lambda index: not wrong[index])

    def _certain(self, sights: dict[int, Sight]) -> bool:
        """Say whether more than the kind of an error agrees on what is wrong."""
        telling = [index for index in sights if not same_sight(self.learner[index], self.right[index])]
        if not telling:
            return bool(self._unsteady(self.learner))
        failed = [index for index in telling if self.learner[index].outcome.failure]
        if len(failed) < len(telling):
            return True
        pairs = [(sights[index].outcome.failure, self.learner[index].outcome.failure) for index in failed]
        return all(one and other and one.message == other.message for one, other in pairs)

    def _unsteady(self, sights: Sequence[Sight]) -> frozenset[str]:
        """Return the results that another state of the random numbers, or an earlier call, changes."""
        again = len(self.probes) - 1
        first = next(index for index, probe in enumerate(self.probes) if probe.arguments is self.probes[again].arguments)
        one, other = sights[first].outcome, sights[again].outcome
        if one.failure or other.failure or set(one.results) != set(other.results):
            return frozenset()
        return frozenset(name for name in one.results if not equal(one.results[name], other.results[name]))


def same_sight(one: Sight, other: Sight, ignore: frozenset[str] = frozenset()) -> bool:
    """Say whether two functions did the same on a probe."""
    return same(one.outcome, other.outcome, ignore) and alike(one.cache, other.cache)
