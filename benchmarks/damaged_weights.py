"""Damages files of weights in thousands of ways; each must be refused in one sentence, or give what PyTorch reads in it.

    python -m benchmarks.damaged_weights [--files 10000] [--first 0]

Seeds are fixed: the same files on every run. Prints how many of each kind were refused, equal to the whole file, or read as PyTorch does.
"""

import argparse
import tempfile
import time
from pathlib import Path

from tests.test_interop_torch_damage import KINDS, outcomes


def main() -> None:
    """Damage the files and print the table."""
    import torch

    parser = argparse.ArgumentParser(description="Damages files of PyTorch's weights and reads them.")
    parser.add_argument("--files", type=int, default=10_000, help="how many, of all kinds together (default: 10000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    options = parser.parse_args()
    each = options.files // len(KINDS)
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            start = time.perf_counter()
            counted = outcomes(torch, Path(folder), kind, range(options.first, options.first + each))
            told = ", ".join(f"{count} {word}" for word, count in sorted(counted.items()))
            print(f"{kind:12} {each} files: {told} ({time.perf_counter() - start:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
