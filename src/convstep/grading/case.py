"""One function under judgement: how the grader was asked, the probes, what is right on them, and what the learner's function did.

One rule: everything is compared here, on arrays that this process read; nothing that the learner's process says is a verdict.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from convstep.grading.diagnosis import right_sights
from convstep.grading.given import made_of
from convstep.grading.grades import ProbeResult
from convstep.grading.locating import first_wrong
from convstep.grading.mistakes import source_of
from convstep.grading.outcomes import Outcome, Sight, equal, same, same_sight
from convstep.grading.probes import Probe
from convstep.grading.published import passes
from convstep.grading.ties import RULES

__all__ = ["Asked", "Case", "case_of"]


@dataclass(frozen=True)
class Asked:
    """How the grader was asked: the seed of the probes, the edition, the level of the hints (1 to 3), the language, and the form."""

    seed: int = 0
    edition: str = "2021"
    hint: int = 2
    language: str = "en"
    notebook: bool = False


@dataclass(frozen=True)
class Case:
    """What a function did. `official` are the outcomes of the published calls; `ties` is the documented rule, if not the course's."""

    function: str
    asked: Asked
    probes: tuple[Probe, ...]
    right: tuple[Sight, ...]
    learner: tuple[Sight, ...]
    official: tuple[Outcome, ...]
    ties: str = ""

    def results(self) -> tuple[ProbeResult, ...]:
        """Return which probes were passed; the cache and the arguments count as probes of their own where any result is right."""
        pairs = list(zip(self.probes, self.learner, self.right, strict=True))
        made = [ProbeResult(probe.name, probe.weight, _values_right(mine.outcome, right.outcome)) for probe, mine, right in pairs]
        some = any(one.passed for one in made)
        returned = [mine for mine in self.learner if not mine.outcome.failure]
        if self.function.endswith("forward"):
            made.append(ProbeResult("the cache", 2, some and all(mine.cache is None for mine in returned)))
        made.append(ProbeResult("arguments left as they were", 1, some and not any(mine.outcome.changed for mine in returned)))
        return tuple(made)

    def failed(self) -> int:
        """Count the probes on which the function raised an exception."""
        return sum(sight.outcome.failure is not None for sight in self.learner)

    def first(self) -> int:
        """Return the first probe on which something is wrong, one whose numbers are wrong rather than one that fails."""
        wrong = [index for index in range(len(self.probes)) if not same_sight(self.learner[index], self.right[index])]
        numbers = [index for index in wrong if first_wrong(self.learner[index].outcome, self.right[index].outcome)]
        return (numbers or wrong or [len(self.probes) - 1])[0]

    def passes_published(self, edition: str) -> bool:
        """Say whether the function passes what an edition checks."""
        return passes(self.function, edition, self.official)


def case_of(function: str, asked: Asked, learner: Sequence[Sight], official: Sequence[Outcome]) -> Case:
    """Return the case of a function; where it follows another documented rule for ties, it counts as right there."""
    calls, right = right_sights(function, asked.seed)
    rules = {index: _tie_rule(function, probe, learner[index]) for index, probe in enumerate(calls) if probe.ties}
    counted = tuple(right[index] if rules.get(index) else sight for index, sight in enumerate(learner))
    return Case(function, asked, calls, right, counted, tuple(official), next(iter(rules.values()), ""))


def _values_right(mine: Outcome, right: Outcome) -> bool:
    return same(replace(mine, changed=()), replace(right, changed=()))


def _tie_rule(function: str, probe: Probe, mine: Sight) -> str:
    """Return the documented rule, other than the course's, that a function follows on a probe with ties."""
    if mine.outcome.failure or mine.outcome.changed or mine.outcome.wanted is not None:
        return ""
    (got,) = mine.outcome.results.values()
    return next((rule for rule in RULES if equal(got, _by_rule(function, probe, rule))), "")


def _by_rule(function: str, probe: Probe, rule: str) -> Any:
    if function == "create_mask_from_window":
        return RULES[rule](probe.arguments[0])
    return made_of(function, source_of(function), create_mask_from_window=RULES[rule])(*probe.arguments)
