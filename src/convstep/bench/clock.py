"""Timing in turn: in every round every side works once, so that whatever else the machine does meets them all.

One rule: a ratio is a rival's time over ours in the same round, so 2 means that we are twice as fast.
"""

import math
import statistics
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Call = Callable[[], Any]
Key = TypeVar("Key", bound=Hashable)

BLOCK = 0.03  # seconds: a shorter call is repeated until so much has passed, as in a loop that trains or serves
MOST = 200  # repetitions
REST, QUIET, RESTS = 0.001, 0.2, 60  # seconds, processor seconds in each of them, and how many at most
TAIL = 10  # a spread leaves out one in so many values at either end


@dataclass(frozen=True)
class Spread:
    """The median of some values, and where 10 % and 90 % of them lie."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Return the spread of one value or more."""
        ordered = sorted(values)
        cut = len(ordered) // TAIL
        return cls(statistics.median(ordered), ordered[cut], ordered[-1 - cut])

    def plain(self, digits: int = 4) -> dict[str, float]:
        """Return the three numbers, rounded to so many that count."""
        return {name: rounded(value, digits) for name, value in vars(self).items()}


def in_turn(calls: Mapping[Key, Call], rounds: int) -> dict[Key, list[float]]:
    """Return for each call the seconds that it took, round by round; every other round goes backwards."""
    repeats = {key: _repetitions(call) for key, call in calls.items()}
    seconds: dict[Key, list[float]] = {key: [] for key in calls}
    for number in range(rounds):
        for key in list(calls)[:: -1 if number % 2 else 1]:
            _settle()
            calls[key]()  # untimed: caches are its own again, its threads awake
            seconds[key].append(timed(calls[key], repeats[key]))
    return seconds


def timed(call: Call, repetitions: int = 1) -> float:
    """Return the seconds of one call."""
    start = time.perf_counter()
    for _ in range(repetitions):
        call()
    return (time.perf_counter() - start) / repetitions


def ratios(theirs: Sequence[float], ours: Sequence[float]) -> Spread:
    """Return their times over ours, round by round."""
    return Spread.of(their / our for their, our in zip(theirs, ours, strict=True))


def geometric_mean(values: Iterable[float]) -> float | None:
    """Return the geometric mean, None of nothing."""
    logarithms = [math.log(value) for value in values]
    return rounded(math.exp(statistics.fmean(logarithms))) if logarithms else None


def milliseconds(seconds: Sequence[float]) -> float:
    """Return the median in milliseconds."""
    return rounded(1e3 * statistics.median(seconds))


def rounded(value: float, digits: int = 4) -> float:
    """Return a number rounded to so many digits that count."""
    return float(f"{value:.{digits}g}")


def _settle() -> None:
    """Wait until the threads of the side before sleep: some spin for a while, and would take our processors."""
    for _ in range(RESTS):
        before = time.process_time()
        time.sleep(REST)
        if time.process_time() - before < QUIET * REST:
            return


def _repetitions(call: Call) -> int:
    """Warm a call up, which may compile, and return how often it makes a block."""
    call()
    call()
    return max(1, min(MOST, math.ceil(BLOCK / max(timed(call), 1e-7))))
