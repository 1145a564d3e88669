"""Which known mistake does what the learner's function did, on every probe.

One rule: a mistake is named only where its own run gives the same numbers, or the same error, everywhere; two together where no single one
does. What remains is for `locating` to describe.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from itertools import combinations
from typing import Any

import numpy as np

from convstep import steps
from convstep.grading.caches import cache_fault
from convstep.grading.mistakes import Mistake, catalogue, patched
from convstep.grading.observing import observe
from convstep.grading.outcomes import Outcome, Sight, equal, outcome_of, same_sight
from convstep.grading.pairing import Effects
from convstep.grading.probes import Probe, probes
from convstep.grading.published import EDITIONS, passes, published

__all__ = ["Named", "escapes", "look", "name_mistakes", "right_sights", "sight_of"]


PAIRS = 300  # the most pairs that are run


@dataclass(frozen=True)
class Named:
    """The mistakes that together do what the learner's function did; `whole` is False where something else is wrong besides."""

    mistakes: tuple[Mistake, ...]
    whole: bool = True


def look(function: str, made: Any, probe: Probe) -> Sight:
    """Call a function that is trusted: the steps, the solution, or the solution with a mistake in it."""
    return sight_of(function, probe, outcome_of(function, observe(function, made, probe.arguments, seed=probe.seed)))


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
    """Return the mistake, or the pair of mistakes, that does on every probe what the learner's function did, or most of it.

    First those that give the same numbers and kinds of errors are sought; then a single one that gives the same numbers and fails where
    the learner's function fails, though with another error, as code that is written otherwise does; then pairs; then one
    that alone gives a part of the wrong results.

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
    return search.first(singles) or search.only(singles) or (search.pair(catalogue(function)) if search.has_numbers() else None)


def escapes(mistake: Mistake) -> tuple[str, ...]:
    """Return the editions whose published checks do not see a mistake: those that its run passes."""
    return _escapes(mistake.function, patched(mistake)[0])


@cache
def _escapes(function: str, made: Any) -> tuple[str, ...]:
    outcomes = [look(function, made, Probe("published", 0, case.arguments)).outcome for case in published(function)]
    return tuple(edition for edition in EDITIONS if passes(function, edition, outcomes))


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
        """Return the first candidate that does the same on every probe, to the words of the errors; else the first with other words."""
        second: Named | None = None
        for mistakes in candidates:
            for made in patched(*mistakes):
                if not self._agrees(made, same_sight) or self._changing(self._sights(made)) != self._unsteady:
                    continue
                if self._worded(made):
                    return Named(mistakes)
                if second is None and self._reproduced(made):
                    second = Named(mistakes)
        return second

    def only(self, candidates: Iterable[tuple[Mistake, ...]]) -> Named | None:
        """Return the only candidate that gives the learner's wrong numbers, and fails where the learner's function fails."""
        found = {}
        for mistakes in candidates:
            for made in patched(*mistakes):
                if self._agrees(made, _fails_too) and self._reproduced(made):
                    found[mistakes[0].id] = mistakes
        return Named(next(iter(found.values()))) if len(found) == 1 else None

    def has_numbers(self) -> bool:
        """Say whether any of the learner's wrong results are numbers; errors and caches alone do not tell pairs apart."""
        _, right = right_sights(self.function, self.seed)
        return any(
            isinstance(got, np.ndarray) and not equal(got, right[index].outcome.results.get(name, ""))
            for index in self._telling
            for name, got in self.learner[index].outcome.results.items()
        )

    def pair(self, mistakes: Sequence[Mistake]) -> Named | None:
        """Return two mistakes that together do the same on every probe, or else the one that does the most of it."""
        _, right = right_sights(self.function, self.seed)
        ways = [replace(mistake, patches=mistake.patches[:1]) for mistake in mistakes]
        effects = Effects.of([self._sights(patched(way)[0]) for way in ways], self.learner, right)
        often = [pair for pair in combinations([way for way in ways if way.seen], 2) if pair[0].id != pair[1].id]
        found = self.first([*often, *(tuple(ways[position] for position in pair) for pair in effects.pairs(PAIRS))])
        if found:
            return found
        part = effects.part()
        return None if part is None else Named((mistakes[part],), whole=False)

    def _sights(self, made: Any) -> list[Sight]:
        return [_known(self.function, self.seed, made, index) for index in range(len(self.learner))]

    def _agrees(self, made: Any, same: Callable[[Sight, Sight, frozenset[str]], bool]) -> bool:
        """Run a mistaken function on the probes, the telling ones first, as long as it does the same as the learner's."""
        return all(same(_known(self.function, self.seed, made, index), self.learner[index], self._unsteady) for index in self._order)

    def _reproduced(self, made: Any) -> bool:
        """Say whether at least one wrong result of the learner's is reproduced in numbers."""
        known = {index: _known(self.function, self.seed, made, index) for index in self._telling if not self.learner[index].outcome.failure}
        return any(same_sight(sight, self.learner[index], self._unsteady) for index, sight in known.items())

    def _worded(self, made: Any) -> bool:
        """Say whether all errors of the learner's have the words of the mistake's, and there is anything wrong at all."""
        for index in self._telling:
            mine, theirs = self.learner[index].outcome.failure, _known(self.function, self.seed, made, index).outcome.failure
            if mine is not None and (theirs is None or theirs.message != mine.message):
                return False
        return bool(self._telling or self._unsteady)

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


def _fails_too(one: Sight, other: Sight, ignore: frozenset[str]) -> bool:
    """Say whether two functions did the same on a probe, or both failed."""
    return bool(one.outcome.failure and other.outcome.failure) or same_sight(one, other, ignore)
