"""Known mistakes planted by hand into three right solutions of each function that are written otherwise than the package's own."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convstep import steps
from convstep.grading import solution
from convstep.grading.diagnosis import Named, Sight, look, name_mistakes, same_sight
from convstep.grading.harness import EIGHT
from convstep.grading.mistakes import catalogue, patched
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
    space: dict[str, Any] = {name: getattr(solution, name) for name in EIGHT if name != function}
    space["np"] = np
    exec(compile(text, "<learner 0>", "exec"), space)  # noqa: S102 - this project's own texts
    return space[function]


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


def report(function: str) -> None:
    """Print what is amiss with a function's catalogue and its plantings: `python -m tests.plantings conv_forward`."""
    bench = Bench(function)
    seen: dict[str, list[Sight]] = {}
    for style in STYLES:
        if bench.differs(bench.sights(compiled(function, style_text(function, style)))):
            print(f"NOT RIGHT: the style {style} itself")
    for mistake in catalogue(function):
        ways = patched(mistake)
        if len(ways) != len(mistake.patches):
            print(f"NO FIT: {mistake.id}: {len(mistake.patches) - len(ways)} of its patches do not fit the solution")
        for number, made in enumerate(ways):
            sights = bench.sights(made)
            if not bench.differs(sights) and not bench.named(sights):
                print(f"NO CHANGE: {mistake.id}, patch {number}, does nothing wrong on any probe")
            for other, theirs in seen.items():
                if other != mistake.id and alike(sights, theirs):
                    print(f"ALIKE: {mistake.id}, patch {number}, and {other}")
            seen.setdefault(mistake.id, sights)
    right = total = 0
    for planting in plantings(function):
        if planting.reason:
            continue
        sights = bench.sights(compiled(function, planting.text))
        if not bench.differs(sights):
            print(f"no output changed: {planting.mistake} in {planting.style}")
            continue
        named = bench.named(sights)
        total += 1
        if named and [one.id for one in named.mistakes] == [planting.mistake]:
            right += 1
        else:
            what = [one.id for one in named.mistakes] if named else None
            failures = sorted({f"{one.outcome.failure.kind}: {one.outcome.failure.message}"[:90] for one in sights if one.outcome.failure})
            print(f"MISSED: {planting.mistake} in {planting.style}: {what} {failures[:2]}")
    print(f"{function}: {len(catalogue(function))} mistakes; {right} of {total} plantings named rightly")


if __name__ == "__main__":
    import sys

    for word in sys.argv[1:] or EIGHT:
        report(word)
