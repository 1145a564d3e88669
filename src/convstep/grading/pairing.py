"""Which mistakes could be part of what the learner's function did, by what each of them does alone.

One rule: where only one of two mistakes changes a result, the two together should give that one's; where neither does, the right one. Tens
of thousands of pairs are sorted by how far they keep to it, and the first few are run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from convstep.checks import Array
from convstep.grading.outcomes import Outcome, Sight, alike, equal

__all__ = ["Effects"]


@dataclass(frozen=True)
class Effects:
    """What mistaken functions do alone, held against the learner's and the right one, result by result of every probe.

    `changes` says where each differs from what is right, `misses` where it differs from the learner's, `telling` where the learner's
    differs from what is right, and `numbers` where the learner's returned numbers.
    """

    changes: Array
    misses: Array
    telling: Array
    numbers: Array

    @classmethod
    def of(cls, singles: Sequence[Sequence[Sight]], learner: Sequence[Sight], right: Sequence[Sight]) -> "Effects":
        """Compare sights: `singles` has those of each mistaken function on every probe."""
        changes = np.array([_differ(sights, right) for sights in singles])
        misses = np.array([_differ(sights, learner) for sights in singles])
        numbers = [isinstance(value, np.ndarray) for sight in learner for value in _padded(sight.outcome)]
        return cls(changes, misses, _differ(learner, right), np.array(numbers))

    def pairs(self, most: int) -> list[tuple[int, int]]:
        """Return the likeliest pairs of functions, the likeliest first."""
        kept = ~self.changes
        alone = _counts(self.changes & self.misses, kept)
        cost = alone + alone.T + _counts(kept & self.telling, kept)
        later = np.triu(np.ones(cost.shape, dtype=bool), 1)
        order = np.argsort(np.where(later, cost, np.iinfo(cost.dtype).max), axis=None, kind="stable")[:most]
        rows, columns = np.unravel_index(order, cost.shape)
        return [(int(one), int(other)) for one, other in zip(rows, columns, strict=True) if later[one, other]]

    def part(self) -> int | None:
        """Return the mistake that alone gives the most of the learner's wrong results: a third at least, and more than any other."""
        shared = np.sum(self.changes & ~self.misses & self.telling & self.numbers, axis=1)
        enough = max(1, int(np.sum(self.telling & self.numbers) + 2) // 3)
        best = np.flatnonzero(shared == shared.max(initial=enough))
        return int(best[0]) if len(best) == 1 else None


def _padded(outcome: Outcome) -> list[Any]:
    """Return the results in as many places as are compared."""
    values = list(outcome.results.values())
    return values + [None] * (5 - len(values))


def _counts(left: Array, right: Array) -> Array:
    """Return for each pair in how many places both hold."""
    counted: Array = left.astype(np.int32) @ right.astype(np.int32).T
    return counted


def _differ(sights: Sequence[Sight], others: Sequence[Sight]) -> Array:
    """Return for each probe and each part of its results whether two functions differ there."""
    return np.array([_parts(one, other) for one, other in zip(sights, others, strict=True)]).ravel()


def _parts(one: Sight, other: Sight) -> list[bool]:
    """Compare up to three results, the cache, and the changed arguments; one that failed differs in all of them, or in none."""
    mine, theirs = one.outcome, other.outcome
    if mine.failure or theirs.failure:
        same = bool(mine.failure and theirs.failure and mine.failure.kind == theirs.failure.kind)
        return [not same] * 5
    return [*_results(mine, theirs), not alike(one.cache, other.cache), mine.changed != theirs.changed]


def _results(mine: Outcome, theirs: Outcome) -> list[bool]:
    if set(mine.results) != set(theirs.results) or mine.wanted != theirs.wanted:
        return [True] * 3
    differ = [not equal(mine.results[name], theirs.results[name]) for name in mine.results]
    return differ + [False] * (3 - len(differ))
