"""Memory between a kernel's call and its return, reused from call to call: fresh pages cost more than the arithmetic of small layers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import numpy as np

from convstep.engines.compiled.native import address_of
from convstep.engines.compiled.recording import current

KEPT = 128 << 20  # bytes that a thread keeps for its next calls
LINE = 64  # bytes of a cache line, on which every piece begins


class _Arena(threading.local):
    """The memory of one thread."""

    def __init__(self) -> None:
        self.pieces = [np.empty(1 << 20, np.uint8)]
        self.used = 0  # of the last piece


_arena = _Arena()


@contextmanager
def memory_apart() -> Iterator[None]:
    """Let this thread take its pieces in the block from memory that nobody uses after it."""
    before = _arena.pieces, _arena.used
    _arena.pieces, _arena.used = [np.empty(before[0][-1].size, np.uint8)], 0
    try:
        yield
    finally:
        _arena.pieces, _arena.used = before


class Buffers:
    """Takes pieces of memory in a `with` block, at whose end all of them are free again. Blocks nest: a signal may interrupt one."""

    def __enter__(self) -> Self:
        self._begun = len(_arena.pieces), _arena.used
        return self

    def take(self, size: int, *, lasting: bool = False) -> int:
        """Return the address of that many bytes, on a cache line; what they hold is anything.

        While a recording is made it keeps the memory, and what is `lasting` shares it with nobody.
        """
        recording = current.get()
        if lasting and recording is not None:
            piece = np.empty(size + LINE, np.uint8)
            return -(-address_of(piece) // LINE) * LINE
        place = -(-_arena.used // LINE) * LINE
        if place + size + LINE > _arena.pieces[-1].size:
            _arena.pieces.append(np.empty(max(2 * _arena.pieces[-1].size, size + 2 * LINE), np.uint8))
            place = 0
        _arena.used = place + size
        return -(-address_of(_arena.pieces[-1]) // LINE) * LINE + place

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        count, used = self._begun
        if used:
            del _arena.pieces[count:]
            _arena.used = used
            return
        del _arena.pieces[:-1]  # of what grew the largest stays
        _arena.used = 0
        if _arena.pieces[0].size > KEPT:
            _arena.pieces = [np.empty(1 << 20, np.uint8)]
