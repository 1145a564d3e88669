"""What `convstep train` reaches: a table of seeds with the accuracy on the test digits and the time, made by the command itself.

    python benchmarks/train_seeds.py [--seeds 10] [-- other options of convstep train]

The network, its schedule and its augmentation were found on the last 1,000 of the 5,000 training digits; each row here is the first time
that its weights meet the test digits. Seconds are those of the whole command from start to end, on the clock and of all processors.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any


def main() -> None:
    """Train with each seed and print the table."""
    parser = argparse.ArgumentParser(description="Trains with several seeds and prints a table.")
    parser.add_argument("--seeds", type=int, default=10, help="how many (default: 10)")
    parser.add_argument("options", nargs="*", help="options of convstep train, after --")
    options = parser.parse_args()
    print("seed  accuracy    loss  clock s  processor s", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        rows = [trained(seed, folder, options.options) for seed in range(options.seeds)]
    for name, pick in (("smallest", min), ("median", statistics.median), ("largest", max)):
        accuracy, clock, processor = (pick([row[key] for row in rows]) for key in ("accuracy", "clock", "processor"))
        print(f"{name}: accuracy {accuracy:.4f}, {clock:.1f} s on the clock, {processor:.1f} s of processors")


def trained(seed: int, folder: str, options: list[str]) -> dict[str, Any]:
    """Run the command with a seed and return its accuracy, loss and seconds."""
    command = [sys.executable, "-m", "convstep", "train", "--json", "--runs-dir", folder, "--seed", str(seed), *options]
    before, start = used(), time.perf_counter()
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ, check=True)
    row = {**json.loads(run.stdout), "clock": time.perf_counter() - start, "processor": used() - before}
    print(f"{seed:4}  {row['accuracy']:8.4f}  {row['loss']:6.4f}  {row['clock']:7.1f}  {row['processor']:11.1f}", flush=True)
    return row


def used() -> float:
    """Return the processor seconds of all finished child processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
