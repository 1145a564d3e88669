"""How often the grader names the right mistake: every mistake planted in three other styles, and drawn pairs of mistakes.

`python -m benchmarks.grader_naming [--pairs N] [--seed N] [FUNCTION ...]` prints a table, and what was missed.
"""

import argparse
import random
import time
import warnings
from dataclasses import dataclass, field

from tests.plantings import Bench, compiled, drawn_pair, plantings

from convstep.grading.mistakes import catalogue
from convstep.grading.observing import EIGHT


@dataclass
class Tally:
    """What was counted for one function."""

    plantings: int = 0
    exact: int = 0
    pairs: int = 0
    both: int = 0
    one: int = 0
    wrong: int = 0
    twins: int = 0  # of these, such that do the very same on every probe
    seconds: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("functions", nargs="*", default=list(EIGHT))
    parser.add_argument("--pairs", type=int, default=500, help="drawn from all pairs of the functions, so that each pair is as likely")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    warnings.simplefilter("ignore", SyntaxWarning)
    benches = {function: Bench(function, options.seed) for function in options.functions}
    tallies = {function: Tally() for function in options.functions}
    for function, bench in benches.items():
        plant(bench, tallies[function])
    draw = random.Random(options.seed)  # noqa: S311 - a sample, no secret
    sizes = [len(catalogue(function)) for function in options.functions]
    for _ in range(options.pairs):
        (function,) = draw.choices(options.functions, [size * (size - 1) for size in sizes])
        pair(benches[function], draw, tallies[function])
    report(tallies)


def plant(bench: Bench, tally: Tally) -> None:
    for planting in plantings(bench.function):
        if planting.reason:
            continue
        sights = bench.sights(compiled(bench.function, planting.text))
        if not bench.differs(sights):
            continue
        named = bench.named(sights)
        tally.plantings += 1
        if named and named.whole and [one.id for one in named.mistakes] == [planting.mistake]:
            tally.exact += 1
        else:
            tally.missed.append(f"{planting.mistake} in {planting.style}: {[one.id for one in named.mistakes] if named else 'not named'}")


def pair(bench: Bench, draw: random.Random, tally: Tally) -> None:
    (one, other), sights = drawn_pair(bench, draw)
    start = time.process_time()
    named = bench.named(sights)
    tally.seconds.append(time.process_time() - start)
    found = {mistake.id for mistake in named.mistakes} if named else set()
    planted = {one.id, other.id}
    tally.pairs += 1
    tally.both += found == planted
    tally.one += bool(found & planted)
    tally.wrong += bool(found - planted)
    tally.twins += bool(found - planted) and named is not None and named.whole
    if not found & planted or found - planted:
        tally.missed.append(f"{one.id} with {other.id}: {sorted(found) or 'not named'}")


def report(tallies: dict[str, Tally]) -> None:
    for function, tally in tallies.items():
        for line in tally.missed:
            print(f"missed: {line}")
        print_line(function, tally)
    parts = list(tallies.values())
    whole = Tally(
        *(sum(getattr(tally, name) for tally in parts) for name in ("plantings", "exact", "pairs", "both", "one", "wrong", "twins"))
    )
    whole.seconds = [second for tally in parts for second in tally.seconds]
    print_line("all", whole)


def print_line(name: str, tally: Tally) -> None:
    slowest = max(tally.seconds, default=0.0)
    print(
        f"{name:<24} plantings {tally.exact} of {tally.plantings}; pairs {tally.pairs}: both {tally.both}, one at least {tally.one}, "
        f"a wrong name {tally.wrong} ({tally.twins} of them do the very same); slowest {slowest:.1f} s"
    )


if __name__ == "__main__":
    main()
