"""Predictions of small batches, beside onnxruntime, PyTorch in both layouts and Keras."""

from collections.abc import Callable
from typing import Any

from convstep.bench.networks import network
from convstep.bench.plan import NETWORKS, Plan
from convstep.bench.rivals import sides
from convstep.bench.sides import predictor
from convstep.bench.training import compared

BATCHES = (1, 32)


def measure(plan: Plan, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure the predictions of the networks."""
    rows = []
    for name in (name for name in NETWORKS if name in plan.networks):
        given = network(name, quick=plan.quick)
        for batch in (1, 2) if plan.quick else BATCHES:
            tell(f"{name}, batch {batch}")
            calls = {side: predictor(given, side, batch, plan.threads) for side in sides(plan.rivals, ("onnxruntime", "torch", "keras"))}
            rows.append({"network": name, "batch": batch, "sides": compared(calls, plan.rounds)})
    return {"rows": rows}
