"""Growth of the peak of resident memory in training, each side in a process of its own; a share is ours over theirs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from convstep.bench.clock import rounded
from convstep.bench.networks import network
from convstep.bench.plan import Plan
from convstep.bench.processes import output_of
from convstep.bench.rivals import OURS, sides
from convstep.bench.training import NETWORKS

CLEAR = Path("/proc/self/clear_refs")  # on Linux alone can a process forget its peak


def measure(plan: Plan, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure the memory of five training steps."""
    if not CLEAR.exists():
        tell("left out: this system does not tell how much was resident at most")
        return {"rows": []}
    rows = []
    for name in [name for name in NETWORKS if name in plan.networks][: 1 if plan.quick else None]:
        batch = network(name, quick=plan.quick).batch
        grown = {}
        _grown(name, OURS, batch, plan.threads)  # fills the cache of kernels: compiling needs more than training
        for side in sides(plan.rivals, ("torch", "keras")):
            tell(f"{name}, {side}")
            grown[side] = _grown(name, side, batch, plan.threads)
        ours = grown[OURS]
        found = {side: {"megabytes": rounded(mb)} | ({} if side == OURS else {"share": rounded(ours / mb)}) for side, mb in grown.items()}
        rows.append({"network": name, "batch": batch, "sides": found})
    return {"rows": rows}


def _grown(name: str, side: str, batch: int, threads: int) -> float:
    printed = output_of(["-m", "convstep.bench.alone", name, side, str(batch), str(threads)])
    return max(float(json.loads(printed)["megabytes"]), 0.1)
