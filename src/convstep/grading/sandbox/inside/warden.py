"""The process between the caller and the program: it sets the stage, keeps the time, and ends everything that was started.

Caller - warden - first - worker. ``first`` is process 1 of its own namespace where there is one: with it, all in it die.
"""

# ruff: noqa: PTH106 - paths are texts here, as the kernel takes them

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from typing import NoReturn

from . import linux, locks, paths, rooms, tree
from .task import Task, write_all
from .worker import work

__all__ = ["main"]

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36
LOOK = 0.1  # seconds between two looks at the memory
FILES = 16  # so many files of full length fit in its folder


def main() -> None:
    """Run the task that comes over standard input; standard error tells how it ended, in one line of JSON."""
    task = Task.read(0)
    until = time.monotonic() + task.seconds
    if sys.platform == "win32":
        work(task, [], lambda _: None)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    asked: list[int] = []  # to end, by a signal
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    task = replace(task, user=locks.stranger() if linux.LINUX else 0)
    layers = enter(task)
    reader, writer = os.pipe()
    first = os.fork()
    if not first:
        os.close(reader)
        begin(task, layers, writer)
    os.close(writer)
    reason, detail = watch(task, first, until, asked)
    clean = end(first)
    if reason == "gone":
        with suppress(OSError):
            os.rmdir(task.folder)
    words = report(reader)
    if not reason:
        reason, detail = verdict(words)
    words = {"reason": reason, "detail": detail, "layers": words.get("layers", layers), "clean": clean}
    with suppress(OSError):
        write_all(2, json.dumps(words).encode())


def enter(task: Task) -> list[str]:
    """Leave the namespaces, and see to it that orphans come to this process."""
    if not linux.LINUX:
        return []
    with suppress(OSError):
        linux.prctl(PR_SET_CHILD_SUBREAPER, 1)
    layers = [] if "namespaces" in task.without else rooms.leave()
    linux.prctl(PR_SET_DUMPABLE, 0)  # nobody but root looks into this process, or is its debugger
    return layers


def begin(task: Task, layers: list[str], writer: int) -> NoReturn:
    """Be the first process: give it a root of its own, start the worker, and tell how that ended."""
    try:
        words: dict[str, object] = {"status": raise_worker(task, layers, writer)}
    except BaseException as error:  # noqa: BLE001 - whatever it is, the caller hears of it
        words = {"failed": f"{type(error).__name__}: {error}"}
    with suppress(OSError):
        write_all(writer, json.dumps(words).encode() + b"\n")
    os._exit(0)


def raise_worker(task: Task, layers: list[str], writer: int) -> int:
    """Start the worker and wait for it; how it ended."""
    if not linux.LINUX:
        os.setsid()  # one group, to be killed as one
    else:
        linux.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if "namespaces" not in task.without and "mounts" not in task.without and rooms.leave_mounts():
            readable, numpys = paths.readable(task.numpy)
            shut = [*task.shut, *paths.packages(readable)]
            if rooms.build_root(task.folder, readable, shut, numpys, size=FILES * task.files):
                layers = [*layers, "mount"]
    worker = os.fork()
    if not worker:
        become_worker(task, layers, writer)
    while True:
        process, status = os.waitpid(-1, 0)
        if process == worker:
            return status


def become_worker(task: Task, layers: list[str], writer: int) -> NoReturn:
    """Run the program in this process, in a session of its own."""
    try:
        if linux.LINUX:
            os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        work(task, layers, lambda found: write_all(writer, json.dumps({"layers": found}).encode() + b"\n"))
    except BaseException as error:  # noqa: BLE001 - the program has not begun
        write_all(writer, json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode() + b"\n")
    finally:
        os._exit(1)


def watch(task: Task, first: int, until: float, asked: list[int]) -> tuple[str, str]:
    """Wait until the first process ends (no reason), or until there is a reason to end it."""
    poll = select.poll()
    poll.register(0, 0)  # only whether the caller is gone
    descriptor = None
    with suppress(OSError, AttributeError):
        descriptor = os.pidfd_open(first)
        poll.register(descriptor, select.POLLIN)
    while (left := until - time.monotonic()) > 0:
        pause = min(left, LOOK if descriptor is not None else 0.01)
        ready = poll.poll(max(1, pause * 1000))
        if asked or any(number == 0 for number, _ in ready):
            return "gone", "the caller let go"
        if ended(first):
            return "", ""
        if linux.LINUX and tree.resident(os.getpid()) > task.memory:
            return "memory", "all processes together"
    return "timeout", f"{task.seconds:g} s"


def ended(first: int) -> bool:
    """Whether the first process has ended; orphans that came to this process are buried on the way."""
    if not linux.LINUX:  # a number that is not buried yet is nobody else's
        return os.waitid(os.P_PID, first, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    while True:
        try:
            process, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if process in {0, first}:
            return process == first


def end(first: int) -> bool:
    """End everything; whether nothing is left."""
    if not linux.LINUX:
        for kill in (os.killpg, os.kill):
            with suppress(OSError):
                kill(first, signal.SIGKILL)
        os.waitpid(first, 0)
        return True
    with suppress(OSError):
        if os.waitpid(first, os.WNOHANG)[0] == 0:
            os.kill(first, signal.SIGKILL)
    return tree.end_all(os.getpid())


def report(reader: int) -> dict[str, object]:
    """What the first process and the worker told."""
    words: dict[str, object] = {}
    with open(reader, "rb") as file:
        for line in file.read().splitlines():
            words |= json.loads(line)
    return words


def verdict(words: dict[str, object]) -> tuple[str, str]:
    """Reason and detail of a worker that ended by itself."""
    if "failed" in words:
        return "exit", f"the sandbox could not start: {words['failed']}"
    status = words.get("status")
    if not isinstance(status, int):
        return "signal", "what watched over it was killed"
    if not os.WIFSIGNALED(status):
        return "exit", str(os.waitstatus_to_exitcode(status))
    number = os.WTERMSIG(status)
    if number == signal.SIGXCPU:
        return "timeout", "processor time"
    try:
        return "signal", signal.Signals(number).name
    except ValueError:
        return "signal", f"signal {number}"
