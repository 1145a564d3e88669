"""Every descendant of a process, found through /proc and ended. Only Linux has what this needs; elsewhere the lists are empty."""

# ruff: noqa: PTH116, PTH123, PTH208 - paths are texts here, as the kernel takes them

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from .paths import children

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["descendants", "end_all", "end_marked", "reap", "resident", "tasks_of"]

PATIENCE = 3.0  # seconds


def processes() -> list[int]:
    """Every process that can be seen."""
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return []


def read(path: str) -> bytes:
    """A file of the kernel's, or nothing."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def parent_of(process: int) -> int:
    """The parent of a process, 0 where it is gone or already dead."""
    fields = read(f"/proc/{process}/stat").rpartition(b")")[2].split()
    return int(fields[1]) if len(fields) > 1 and fields[0] not in {b"Z", b"X"} else 0


def descendants(ancestor: int) -> list[int]:
    """All living processes below one, itself left out; parents come first."""
    below: dict[int, list[int]] = {}
    for process in processes():
        below.setdefault(parent_of(process), []).append(process)
    found, open_ = [], [ancestor]
    while open_:
        next_ = below.pop(open_.pop(), [])
        found += next_
        open_ += next_
    return found


def end_marked(mark: str) -> None:
    """Kill every process that was started with a text in its environment: the last resort, when the line of parents is broken.

    Parameters
    ----------
    mark : str
        Long and drawn at random.
    """
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        left = [process for process in processes() if process != os.getpid() and bears(process, mark)]
        for process in left:
            send(process, signal.SIGKILL, lambda process: bears(process, mark))
        if not left:
            return
        time.sleep(0.005)


def bears(process: int, mark: str) -> bool:
    """Whether a process was started with a text in its environment."""
    return mark.encode() in read(f"/proc/{process}/environ")


def end_all(ancestor: int) -> bool:
    """Stop, then kill every process below one, until there is none.

    Parameters
    ----------
    ancestor : int
        Whose descendants end; it stays itself.

    Returns
    -------
    bool
        Whether none is left.
    """

    def ours(process: int) -> bool:
        return is_below(process, ancestor)

    until = time.monotonic() + PATIENCE
    stopped: set[int] = set()
    while living := descendants(ancestor):
        fresh = [process for process in living if process not in stopped]
        for process in fresh:
            send(process, signal.SIGSTOP, ours)  # a process that is stopped starts no other
        stopped.update(fresh)
        if not fresh:
            for process in living:
                send(process, signal.SIGKILL, ours)
            reap(ancestor)
            time.sleep(0.002)
        if time.monotonic() > until:
            return False
    reap(ancestor)
    return True


def send(process: int, number: int, ours: Callable[[int], bool]) -> None:
    """Send a signal to a process that is certainly one of ours.

    The descriptor is opened first and the process looked at after that, so a number that was given to a stranger meanwhile is never hit.
    """
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return
    except OSError:  # Linux before 5.3
        with suppress(OSError):
            os.kill(process, number)
        return
    try:
        if ours(process):
            with suppress(OSError):
                signal.pidfd_send_signal(descriptor, number)
    finally:
        os.close(descriptor)


def is_below(process: int, ancestor: int) -> bool:
    """Whether a process descends from another one."""
    while process > 1:
        process = parent_of(process)
        if process == ancestor:
            return True
    return False


def reap(ancestor: int) -> None:
    """Take note of the children that have ended; only where this process is the one whose children all go."""
    if ancestor != os.getpid():
        return
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def resident(ancestor: int) -> int:
    """Bytes of memory that the descendants hold for themselves, all together."""
    page = os.sysconf("SC_PAGE_SIZE")
    total, open_ = 0, [ancestor]
    while open_:
        process = open_.pop()
        for text in b" ".join(read(f"{task}/children") for task in children(f"/proc/{process}/task")).split():
            open_.append(int(text))
            fields = read(f"/proc/{int(text)}/statm").split()
            total += (int(fields[1]) - int(fields[2])) * page if len(fields) > 2 else 0
    return total


def tasks_of(user: int) -> int:
    """How many processes and threads a user has."""
    total = 0
    for process in processes():
        with suppress(OSError):
            if os.stat(f"/proc/{process}").st_uid == user:
                total += len(os.listdir(f"/proc/{process}/task"))
    return total
