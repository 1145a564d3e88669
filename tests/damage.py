"""Damages files in many ways, and holds a reader to what it owes its caller: an answer or one clear error, and little memory."""

import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from convstep.errors import DataError

MUTATIONS = 520
CUTS = 120
MARKS = (0, 1, 127, 128, 254, 255)


def damaged(content: bytes, *, head: int = 0, seed: int = 0) -> Iterator[bytes]:
    """Yield cut, lengthened and mutated versions; every second mutation falls into the first `head` bytes."""
    rng = np.random.default_rng(seed)
    offsets = {*range(min(len(content), 40)), *np.linspace(0, len(content) - 1, CUTS - 40, dtype=int).tolist()}
    yield from (content[:cut] for cut in sorted(offsets))
    yield from (content + more for more in (b"\0", b"\xff" * 9, content))
    for mutation in range(MUTATIONS):
        changed = bytearray(content)
        region = head if head and mutation % 2 else len(changed)
        for _ in range(int(rng.integers(1, 6))):
            changed[int(rng.integers(region))] = int(rng.choice([*MARKS, int(rng.integers(256))]))
        if mutation % 10 == 0:
            start = int(rng.integers(region))
            del changed[start : start + int(rng.integers(1, 9))]
        yield bytes(changed)


def answers(read: Callable[[], Any], *, memory: int, seconds: float = 5.0) -> str:
    """Return "read" or the one clear error; anything else that is raised, or too much memory or time, fails the test."""
    tracemalloc.start()
    start = time.process_time()
    try:
        read()
        answer = "read"
    except DataError as error:
        answer = str(error)
        first, second = answer.split("\n")
        assert ": " in first
        assert second.startswith("  given ")
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak <= memory, f"{peak} bytes"
    assert time.process_time() - start <= seconds
    return answer


def withstands(read: Callable[[Path], Any], path: Path, content: bytes, *, memory: int, head: int = 0) -> list[str]:
    """Return the answers of a reader to every damaged version of a file."""
    outcome = []
    for version in damaged(content, head=head):
        path.write_bytes(version)
        outcome.append(answers(lambda: read(path), memory=memory))
    return outcome
