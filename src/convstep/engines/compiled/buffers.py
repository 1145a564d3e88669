"""Memory between a kernel's call and its return, reused from call to call: fresh pages cost more than the arithmetic of small layers."""

import threading
from types import TracebackType
from typing import Self

import numpy as np

from convstep.checks import Array

KEPT = 64 << 20  # bytes that a thread keeps for its next calls
ALIGNED = 64

_local = threading.local()


class Buffers:
    """Takes pieces of memory in a `with` block, at whose end all of them are free again."""

    def __init__(self) -> None:
        self._taken: list[Array] = []

    def take(self, size: int) -> int:
        """Return the address of that many bytes, on a cache line; what they hold is anything."""
        free: list[Array] = _local.__dict__.setdefault("free", [])
        fitting = [i for i, item in enumerate(free) if item.size >= size + ALIGNED]
        if fitting:
            piece = free.pop(min(fitting, key=lambda i: free[i].size))
        else:
            piece = np.empty(size + ALIGNED, np.uint8)
        self._taken.append(piece)
        return -(-int(piece.__array_interface__["data"][0]) // ALIGNED) * ALIGNED

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        free: list[Array] = _local.free if self._taken else []
        free += self._taken
        free.sort(key=lambda item: item.size)
        while free and sum(item.size for item in free) > KEPT:
            free.pop()
