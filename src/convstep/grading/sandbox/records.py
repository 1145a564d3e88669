"""What a caller says and hears: limits, and how a run ended."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Ended", "Limits"]


@dataclass(frozen=True)
class Limits:
    """What a program may use.

    Parameters
    ----------
    seconds : float
        Wall clock, from the start of the process.
    memory : int
        Bytes: the address space of each process; where /proc is, also what all of them hold together.
    processes : int
        How many there may be beside the first.
    messages : int
        Bytes on the channel, all together.
    files : int
        Bytes in each file that it writes; where it has a file system of its own, 16 times that in all files together.
    """

    seconds: float = 10.0
    memory: int = 2 * 2**30
    processes: int = 16
    messages: int = 4 * 2**20
    files: int = 2**20


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Parameters
    ----------
    messages : tuple of bytes
        What arrived whole, in order. Whoever runs in that process may have written it.
    reason : str
        ``finished``: the program came to its end. ``exit``: it left otherwise, by an error or ``sys.exit``.
        ``signal``: a signal ended it. ``timeout``, ``memory``, ``messages``: a limit did. ``garbled``: bytes came that are no message.
    detail : str
        In a few words: ``SIGSEGV``, the exit code, the error's name.
    seconds : float
        Wall clock.
    """

    messages: tuple[bytes, ...]
    reason: str
    detail: str
    seconds: float
