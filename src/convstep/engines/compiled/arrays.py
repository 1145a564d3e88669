"""Arrays for results, on memory that earlier results have left: fresh pages cost more than the arithmetic of small layers.

One rule: memory is handed out again only when nothing refers to it any more, neither the array nor a view of it.
"""

import math
from typing import Any, TypeAlias

import numpy as np

from convstep.checks import Array
from convstep.engines.compiled.native import address_of
from convstep.engines.compiled.recording import current

LEAST = 1 << 17  # bytes; smaller arrays are NumPy's, whose own memory is reused
KEPT = 1 << 28  # bytes that are kept at most
LINE = 64  # bytes of a cache line, on which every array begins

Memory: TypeAlias = tuple[Array, int]  # bytes, and the address of their first line
_left: dict[int, list[Memory]] = {}  # memory by its size


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array that holds anything."""
    size = dtype.itemsize * math.prod(shape)
    if size < LEAST:
        return np.empty(shape, dtype)
    step = 1 << size.bit_length() - 4
    recording = current.get()
    try:
        return np.asarray(_Piece(-(-size // step) * step, shape, dtype, _left if recording is None else recording.left))
    except MemoryError:
        return np.empty(shape, dtype)  # there is a little less to ask for; and its error names the array


def release() -> None:
    """Give memory that is kept, and that nobody uses, back to the system."""
    _left.clear()


class _Piece:
    """Memory that an array lies on; with the last reference to the array it ends, and leaves the memory to others."""

    __slots__ = ("__array_interface__", "left", "memory", "size")

    def __init__(self, size: int, shape: tuple[int, ...], dtype: np.dtype[Any], left: dict[int, list[Memory]]) -> None:
        self.size, self.left, self.memory = size, left, _taken(size, left)
        self.__array_interface__ = {"shape": shape, "typestr": dtype.str, "data": (self.memory[1], False), "version": 3}

    def __del__(self) -> None:
        if hasattr(self, "memory"):
            _leave(self.size, self.memory, self.left)


def _taken(size: int, left: dict[int, list[Memory]]) -> Memory:
    there = left.get(size)
    if there:
        try:
            return there.pop()
        except IndexError:  # another thread was faster
            pass
    memory = np.empty(size + LINE, np.uint8)
    return memory, -(-address_of(memory) // LINE) * LINE


def _leave(size: int, memory: Memory, left: dict[int, list[Memory]]) -> None:
    """Keep memory for later, and none of what was kept before if that became too much."""
    if left is _left and size + sum(other * len(there) for other, there in left.copy().items()) > KEPT:
        left.clear()
    left.setdefault(size, []).append(memory)
