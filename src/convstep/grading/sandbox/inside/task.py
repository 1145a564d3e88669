"""What is to be run, as it comes over standard input: three pieces, each after its length."""

from __future__ import annotations

import json
import os
import struct
from dataclasses import dataclass
from typing import Self

__all__ = ["LENGTH", "Task", "write_all"]

LENGTH = struct.Struct(">Q")


@dataclass(frozen=True)
class Task:
    """A program, what it is asked, and within which limits.

    Parameters
    ----------
    folder : str
        The empty folder, without symbolic links.
    numpy : str
        NumPy's folder, or nothing.
    shut : tuple of str
        Folders that stay shut although they may lie in one that is open.
    without : tuple of str
        Layers that are left out, to test what stands without them.
    seconds, memory, processes, files : float, int, int, int
        The limits.
    user : int
        A user of no one's to become, where the caller is root.
    program, request : bytes
        Python source, and what ``receive`` returns.
    """

    folder: str
    numpy: str
    shut: tuple[str, ...]
    without: tuple[str, ...]
    seconds: float
    memory: int
    processes: int
    files: int
    user: int = 0
    program: bytes = b""
    request: bytes = b""

    @classmethod
    def read(cls, descriptor: int) -> Self:
        """Read a task as ``pieces`` cut it.

        Parameters
        ----------
        descriptor : int
            A pipe.

        Returns
        -------
        Task
            The task.
        """
        words, program, request = (exactly(descriptor, LENGTH.unpack(exactly(descriptor, LENGTH.size))[0]) for _ in range(3))
        return cls(**json.loads(words), program=program, request=request)


def exactly(descriptor: int, count: int) -> bytes:
    """So many bytes from a pipe, or an EOFError."""
    parts = bytearray()
    while len(parts) < count:
        part = os.read(descriptor, min(count - len(parts), 1 << 20))
        if not part:
            raise EOFError("the task ends too early")
        parts += part
    return bytes(parts)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
