"""Damages files of Keras by the thousand: each is refused in two lines or read. `python -m benchmarks.fuzz_keras 10000`.

One rule: every file has a number, which is its seed, and is read in a process that may die; what it did is one line at the end.
"""

import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.architectures import ARCHITECTURES
from tests.test_hostile_models import damaged, hostile

import convstep
from convstep.errors import DataError
from convstep.interop import keras
from convstep.interop.keras.archive import CONFIG, WEIGHTS, read_parts, write_parts

NETWORKS = (0, 2, 10, 11)
BATCH, SECONDS = 250, 20  # files for one process; after how long a file counts as a hang


def main(count: int) -> int:
    """Read `count` damaged files; return how many crashed, hung or raised anything else."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz_keras_"))
    for network in NETWORKS:
        for suffix in ("keras", "h5", "weights.h5"):
            keras.save(ARCHITECTURES[network](convstep), folder / f"{network}.{suffix}")
    bad, start = 0, time.monotonic()
    for first in range(0, count, BATCH):
        child = os.fork()
        if child == 0:
            os._exit(int(batch(folder, range(first, min(count, first + BATCH)))))
        _, status = os.waitpid(child, 0)
        if status:
            bad += 1
            print(f"  in the files {first} to {first + BATCH}, at {(folder / 'number').read_text()}: status {status}")
    refusals = Counter((folder / "answers").read_text().split())
    print(f"{count} files in {time.monotonic() - start:.0f} s: {dict(refusals)}, {bad} batches with a crash, a hang or another error")
    return bad


def batch(folder: Path, numbers: range) -> bool:
    """Read some files; return whether one of them raised something else than `DataError`."""
    answers = []
    for number in numbers:
        (folder / "number").write_text(str(number))
        signal.alarm(SECONDS)
        answers.append(answer(folder, number))
        signal.alarm(0)
    with (folder / "answers").open("a") as file:
        file.write(" ".join(answers) + " ")
    return "other" in answers


def answer(folder: Path, number: int) -> str:
    """Return what became of one file: "read", "refused" or "other"."""
    chance = random.Random(number)  # noqa: S311 - the same damage on every run
    network, kind = NETWORKS[number % len(NETWORKS)], number // len(NETWORKS) % 5
    path, read = made(folder, network, kind, chance)
    try:
        read(path)
    except DataError as error:
        return "refused" if len(str(error).split("\n")) == 2 else "other"
    except BaseException as error:  # noqa: BLE001 - this is what is looked for
        print(f"  {number}: {type(error).__name__} {error}", flush=True)
        return "other"
    return "read"


def made(folder: Path, network: int, kind: int, chance: random.Random) -> tuple[Path, Any]:
    """Damage a zip, an HDF5 file, weights alone, the weights inside a zip, or the description inside a zip."""
    suffix = ("keras", "h5", "weights.h5", "keras", "keras")[kind]
    source, path = folder / f"{network}.{suffix}", folder / f"damaged.{suffix}"
    if kind < 3:
        path.write_bytes(damaged(source.read_bytes(), chance))
    else:
        parts = read_parts("fuzz", source)
        if kind == 3:
            parts[WEIGHTS] = damaged(parts[WEIGHTS], chance)
        else:
            parts[CONFIG] = json.dumps(hostile(json.loads(parts[CONFIG]), chance)).encode()
        write_parts(path, parts)
    if kind != 2:
        return path, keras.load
    return path, lambda place: keras.load_weights(ARCHITECTURES[network](convstep), place)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000) > 0)
