"""Which known mistake does what the learner's function did, on every probe.

One rule: a mistake is named only where its own run gives the same numbers, or the same error, everywhere; two together where no single one
does. What remains is for `locating` to describe.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import combinations
from typing import Any

from convstep import steps
from convstep.grading.caches import cache_fault
from convstep.grading.harness import observe, packed_outcome
from convstep.grading.mistakes import Mistake, catalogue, patched
from convstep.grading.outcomes import Outcome, alike, equal, outcome_of, same
from convstep.grading.probes import Probe, probes

__all__ = ["Named", "Sight", "look", "name_mistakes", "right_sights", "same_sight", "sight_of"]


@dataclass(frozen=True)
class Sight:
    """What a function did on one probe, and what is wrong with its cache, if anything."""

    outcome: Outcome
    cache: Any = None


@dataclass(frozen=True)
class Named:
    """The mistakes that together do what the learner's function did."""

    mistakes: tuple[Mistake, ...]


def look(function: str, made: Any, probe: Probe) -> Sight:
    """Call a function that is trusted: the steps, the solution, or the solution with a mistake in it."""
    told = packed_outcome(observe(function, made, probe.arguments, seed=probe.seed))
    return sight_of(function, probe, outcome_of(told))


def sight_of(function: str, probe: Probe, outcome: Outcome) -> Sight:
    """Return an outcome with the verdict on its cache."""
    fault = None if outcome.failure or not function.endswith("forward") else cache_fault(function, probe.arguments, outcome.cache)
    return Sight(outcome, fault)


@cache
def right_sights(function: str, seed: int) -> tuple[tuple[Probe, ...], tuple[Sight, ...]]:
    """Return the probes of a function and what the steps do on them."""
    calls = probes(function, seed)
    return calls, tuple(look(function, getattr(steps, function), probe) for probe in calls)


def name_mistakes(function: str, seed: int, learner: Sequence[Sight]) -> Named | None:
    """Return the mistake, or the pair of mistakes, that does on every probe what the learner's function did.

    First those that give the same numbers and kinds of errors are sought; then a single one that gives the same numbers and fails where
    the learner's function fails, though with another error, as code that is written otherwise does; then pairs.

    Parameters
    ----------
    function : str
        Which of the eight.
    seed : int
        Of the probes.
    learner : sequence of Sight
        What the learner's function did on each of them.
    """
    search = _Search(function, seed, learner)
    singles = [(mistake,) for mistake in catalogue(function)]
    return search.first(singles) or search.only(singles) or search.first(combinations(catalogue(function), 2))


@lru_cache(maxsize=2**16)
def _known(function: str, seed: int, made: Any, index: int) -> Sight:
    """Return what a function of the catalogue does on a probe; a class of learners asks for the same again and again."""
    return look(function, made, right_sights(function, seed)[0][index])


@dataclass(frozen=True)
class _Search:
    function: str
    seed: int
    learner: Sequence[Sight]

    def first(self, candidates: Iterable[tuple[Mistake, ...]]) -> Named | None:
        """Return the first candidate that does the same on every probe; where all is errors, to their words."""
        for mistakes in candidates:
            for made in patched(*mistakes):
                if self._agrees(made, same_sight) and self._changing(self._sights(made)) == self._unsteady and self._worded(made):
                    return Named(mistakes)
        return None

    def only(self, candidates: Iterable[tuple[Mistake, ...]]) -> Named | None:
        """Return the only candidate that gives the learner's wrong numbers, and fails where the learner's function fails."""
        found = {}
        for mistakes in candidates:
            for made in patched(*mistakes):
                if self._agrees(made, _fails_too) and self._reproduced(made):
                    found[mistakes[0].id] = mistakes
        return Named(next(iter(found.values()))) if len(found) == 1 else None

    def _sights(self, made: Any) -> list[Sight]:
        return [_known(self.function, self.seed, made, index) for index in range(len(self.learner))]

    def _agrees(self, made: Any, same: Callable[[Sight, Sight, frozenset[str]], bool]) -> bool:
        """Run a mistaken function on the probes, the telling ones first, as long as it does the same as the learner's."""
        return all(same(_known(self.function, self.seed, made, index), self.learner[index], self._unsteady) for index in self._order)

    def _reproduced(self, made: Any) -> bool:
        """Say whether at least one wrong result of the learner's is reproduced in numbers."""
        return any(self.learner[index].outcome.failure is None for index in self._telling) and any(
            same_sight(_known(self.function, self.seed, made, index), self.learner[index], self._unsteady)
            for index in self._telling
            if self.learner[index].outcome.failure is None
        )

    def _worded(self, made: Any) -> bool:
        """Say whether more than the kind of an error agrees on what is wrong: a number, or the words of every error."""
        failures = [self.learner[index].outcome.failure for index in self._telling]
        if not self._telling or None in failures:
            return bool(self._telling or self._unsteady)
        theirs = [_known(self.function, self.seed, made, index).outcome.failure for index in self._telling]
        return all(one and other and one.message == other.message for one, other in zip(failures, theirs, strict=True))

    @cached_property
    def _order(self) -> list[int]:
        return self._telling + [index for index in range(len(self.learner)) if index not in self._telling]

    @cached_property
    def _telling(self) -> list[int]:
        """The probes on which the learner's function is wrong."""
        _, right = right_sights(self.function, self.seed)
        return [index for index, sight in enumerate(right) if not same_sight(self.learner[index], sight)]

    @cached_property
    def _unsteady(self) -> frozenset[str]:
        return self._changing(self.learner)

    def _changing(self, sights: Sequence[Sight]) -> frozenset[str]:
        """Return the results that another state of the random numbers, or an earlier call, changes."""
        calls, _ = right_sights(self.function, self.seed)
        first = next(index for index, probe in enumerate(calls) if probe.arguments is calls[-1].arguments)
        one, other = sights[first].outcome, sights[-1].outcome
        if one.failure or other.failure or set(one.results) != set(other.results):
            return frozenset()
        return frozenset(name for name in one.results if not equal(one.results[name], other.results[name]))


def same_sight(one: Sight, other: Sight, ignore: frozenset[str] = frozenset()) -> bool:
    """Say whether two functions did the same on a probe."""
    return same(one.outcome, other.outcome, ignore) and alike(one.cache, other.cache)


def _fails_too(one: Sight, other: Sight, ignore: frozenset[str]) -> bool:
    """Say whether two functions did the same on a probe, or both failed."""
    return bool(one.outcome.failure and other.outcome.failure) or same_sight(one, other, ignore)
