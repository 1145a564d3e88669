"""One side alone in a process: `python -m convstep.bench.alone NETWORK SIDE BATCH THREADS` prints how many MB its training took.

One rule: imports do not count, and neither does what the process that started this one held.
"""

import json
import os
import sys
from pathlib import Path

from convstep.bench.networks import network
from convstep.bench.rivals import LAYOUTS, OURS, load_keras, share_threads
from convstep.bench.sides import training_step
from convstep.engines import current_engine

STEPS = 5


def main(name: str, side: str, batch: int, threads: int) -> None:
    """Print by how many megabytes the peak of resident memory lies over what the imports took."""
    _import(side)
    share_threads(("torch",) if side != OURS else (), threads)
    before = _resident()
    _forget_peak()
    step = training_step(network(name), side, batch)
    for _ in range(STEPS):
        step()
    sys.stdout.write(json.dumps({"megabytes": _peak() - before}))


def _import(side: str) -> None:
    """Import all that the side imports late, so that it does not count."""
    if side == OURS:
        current_engine()
    if side in LAYOUTS:
        import torch

        from convstep.bench import in_torch  # noqa: F401

        torch.optim.Adam([torch.zeros(1, requires_grad=True)], fused=True)  # imports much at its first use
    elif side == "keras":
        load_keras()


def _resident() -> float:
    """Return the megabytes that are resident now."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _forget_peak() -> None:
    """Let the peak start from what is resident now: imports may have held more for a moment."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak() -> float:
    """Return the peak in megabytes. `ru_maxrss` would count what the parent held when it started this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
