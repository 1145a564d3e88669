"""Known mistakes planted by hand into three right solutions of each function that are written otherwise than the package's own."""

import random
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convstep import steps
from convstep.grading.diagnosis import Named, look, name_mistakes
from convstep.grading.given import made_of
from convstep.grading.mistakes import Mistake, catalogue, patched
from convstep.grading.outcomes import Sight, same_sight
from convstep.grading.probes import Probe, probes

FOLDER = Path(__file__).parent / "styles"
STYLES = ("loops", "vectorised", "einsum")


@dataclass(frozen=True)
class Planting:
    """One mistake in one style: the text that has it, or the reason why it cannot be made there."""

    function: str
    mistake: str
    style: str
    text: str
    reason: str = ""


def style_text(function: str, style: str) -> str:
    return (FOLDER / function / f"{style}.py").read_text(encoding="utf-8")


def plantings(function: str) -> list[Planting]:
    """Return every mistake of the catalogue in every style."""
    told = tomllib.loads((FOLDER / function / "plantings.toml").read_text(encoding="utf-8"))
    made = []
    for mistake in catalogue(function):
        name = mistake.id.partition(".")[2]
        for style in STYLES:
            patch = told[name][style]
            if isinstance(patch, str):
                made.append(Planting(function, mistake.id, style, "", patch))
                continue
            text = style_text(function, style)
            for old, new in patch:
                assert text.count(old) == 1, f"{mistake.id} in {style}: {text.count(old)} times {old!r}"
                text = text.replace(old, new)
            made.append(Planting(function, mistake.id, style, text))
    return made


def compiled(function: str, text: str) -> Any:
    """Run a solution's text, with the other seven functions given, and return its function."""
    return made_of(function, text)


class Bench:
    """The probes of one function, what is right, and the naming of what is wrong."""

    def __init__(self, function: str, seed: int = 1) -> None:
        self.function, self.seed = function, seed
        self.probes: tuple[Probe, ...] = probes(function, seed)
        self.right = self.sights(getattr(steps, function))

    def sights(self, made: Any) -> list[Sight]:
        return [look(self.function, made, probe) for probe in self.probes]

    def differs(self, sights: list[Sight]) -> bool:
        return not all(same_sight(one, other) for one, other in zip(sights, self.right, strict=True))

    def named(self, sights: list[Sight]) -> Named | None:
        return name_mistakes(self.function, self.seed, sights)


def alike(sights: list[Sight], others: list[Sight]) -> bool:
    """Whether two functions did the same everywhere, to the words of their errors."""
    pairs = list(zip(sights, others, strict=True))
    return all(same_sight(one, two) and _words(one) == _words(two) for one, two in pairs)


def _words(sight: Sight) -> tuple[str, str] | None:
    failure = sight.outcome.failure
    return (failure.kind, failure.message) if failure else None


def drawn_pair(bench: Bench, draw: random.Random) -> tuple[tuple[Mistake, Mistake], list[Sight]]:
    """Draw two mistakes that can be made together and that neither hide each other nor mend what they do, and what they do."""
    while True:
        one, other = draw.sample(catalogue(bench.function), 2)
        made = patched(one, other)
        if not made:
            continue
        sights = bench.sights(made[0])
        alone = [bench.sights(patched(mistake)[0]) for mistake in (one, other)]
        if bench.differs(sights) and not any(_alike(sights, theirs) for theirs in alone):
            return (one, other), sights


def _alike(sights: list[Sight], others: list[Sight]) -> bool:
    return all(same_sight(mine, theirs) for mine, theirs in zip(sights, others, strict=True))
