"""Training steps with Adam, beside PyTorch in both layouts and Keras."""

from collections.abc import Callable
from typing import Any

from convstep.bench.clock import Call, in_turn, milliseconds, ratios
from convstep.bench.networks import network
from convstep.bench.plan import Plan
from convstep.bench.rivals import OURS, sides
from convstep.bench.sides import training_step

NETWORKS = ("lenet5", "signs", "happy_house", "vgg")


def measure(plan: Plan, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure the training steps of the networks."""
    rows = []
    for name in (name for name in NETWORKS if name in plan.networks):
        given = network(name, quick=plan.quick)
        tell(f"{name}, batch {given.batch}")
        calls = {side: training_step(given, side, given.batch) for side in sides(plan.rivals, ("torch", "keras"))}
        rows.append({"network": name, "batch": given.batch, "sides": compared(calls, plan.rounds)})
    return {"rows": rows}


def compared(calls: dict[str, Call], rounds: int) -> dict[str, dict[str, Any]]:
    """Return the milliseconds of each side, and its ratio to ours."""
    seconds = in_turn(calls, rounds)
    return {
        side: {"ms": milliseconds(taken)} | ({} if side == OURS else {"ratio": ratios(taken, seconds[OURS]).plain()})
        for side, taken in seconds.items()
    }
