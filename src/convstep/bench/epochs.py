"""Seconds of an epoch of `convstep train` as it runs by default, on the compiled engine and on NumPy."""

import json
import tempfile
from collections.abc import Callable
from typing import Any

from convstep.bench.clock import Spread, ratios
from convstep.bench.plan import Plan
from convstep.bench.processes import output_of
from convstep.bench.rivals import exists

ENGINES = ("compiled", "numpy")


def measure(plan: Plan, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure the last epoch of short runs, each in a new process, in turn."""
    engines = [name for name in ENGINES if name == "numpy" or exists("numba")]
    given = ["--epochs", "1", "--hold-out", "0.9"] if plan.quick else ["--epochs", "2"]
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for number in range(plan.starts):
        tell(f"{number + 1} of {plan.starts}")
        for name in engines:
            seconds[name].append(_seconds(name, given, plan.threads))
    found: dict[str, Any] = {name: {"seconds": Spread.of(taken).plain()} for name, taken in seconds.items()}
    ratio = ratios(seconds["numpy"], seconds["compiled"]).plain() if len(engines) > 1 else None
    return {"engines": found, "ratio": ratio}


def _seconds(engine: str, given: list[str], threads: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        options = ["--engine", engine, *given, "--threads", str(threads), "--runs-dir", folder, "--json"]
        report = json.loads(output_of(["-m", "convstep", "train", *options]))
    return float(report["history"][-1]["seconds"])
