"""Runs one program in a process of its own. Whatever that process does, this one gets a record back, and nothing else happens to it."""

from __future__ import annotations

import json
import marshal
import math
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from . import windows
from .channel import Channel
from .folder import empty_folder
from .inside import tree
from .inside.task import LENGTH, write_all
from .records import Ended, Limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["MARK", "Outcome", "run", "run_without"]

HERE = Path(__file__).resolve().parent
INSIDE = HERE / "inside"
MARK = "CONVSTEP_CHECK"  # in the environment of every process that belongs to a run
GRACE = 1.0  # seconds that the warden has beyond the limit
PATIENCE = 5.0  # seconds that it has to end everything
POLL = 0.2  # seconds; an interrupt of the keyboard is heard in between
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB", "BLIS")


@dataclass(frozen=True)
class Outcome:
    """How a run ended, and what protected meanwhile.

    Parameters
    ----------
    ended : Ended
        What the public function returns.
    layers : tuple of str
        What was in force when the program started.
    """

    ended: Ended
    layers: tuple[str, ...]


def run(program: str, request: bytes, limits: Limits | None = None, *, stop: threading.Event | None = None) -> Ended:
    """Run a program's text in a process of its own, and end all that it started.

    The program finds two functions: ``receive() -> bytes`` returns the request, ``send(message: bytes)`` sends one message back.
    NumPy can be imported there; convstep cannot. It may be called from many threads at once.

    Parameters
    ----------
    program : str
        Python source.
    request : bytes
        What it is asked.
    limits : Limits, optional
        What it may use.
    stop : threading.Event, optional
        Set from another thread, it ends the run with KeyboardInterrupt: only the main thread hears Ctrl-C.

    Returns
    -------
    Ended
        The messages and how the run ended. No behaviour of the program is an exception here.
    """
    return run_without((), program, request, limits or Limits(), stop=stop).ended


def run_without(without: Iterable[str], program: str, request: bytes, limits: Limits, *, stop: threading.Event | None = None) -> Outcome:
    """Run with some layers left out, to test what stands without them.

    Parameters
    ----------
    without : iterable of str
        Of ``namespaces``, ``mounts``, ``uid``, ``landlock``, ``seccomp``.
    program, request, limits, stop : str, bytes, Limits, threading.Event
        As in ``run``.

    Returns
    -------
    Outcome
        How it ended, and with which layers.
    """
    started = time.monotonic()
    channel = Channel(limits.messages)
    with empty_folder() as folder:
        words = pieces(task(folder, without, limits), program.encode(), request)
        with warden(folder, limits) as process:
            timely = listen(process, words, channel, (limits.seconds + GRACE, stop))
        report, code = process.report(), process.code
    reason, detail = judge(channel, report, code, timely=timely)
    ended = Ended(tuple(channel.messages), reason, detail, time.monotonic() - started)
    return Outcome(ended, tuple(report.get("layers", ())))


def task(folder: str, without: Iterable[str], limits: Limits) -> dict[str, object]:
    """What the other side is told about a run."""
    spec = find_spec("numpy")
    return {
        "folder": folder,
        "numpy": str(Path(spec.origin).resolve().parent) if spec and spec.origin else "",
        "shut": shut(),
        "without": list(without),
        "seconds": limits.seconds,
        "memory": limits.memory,
        "processes": limits.processes,
        "files": limits.files,
    }


def shut() -> list[str]:
    """Folders that no learner's code may read: convstep's, and those of installed packages."""
    package = HERE.parents[1]
    project = package.parents[1] if package.parent.name == "src" else package
    packages = [path for path in sys.path if Path(path).name in {"site-packages", "dist-packages"}]
    return sorted({os.path.realpath(path) for path in [str(package), str(project), *packages]})


def pieces(words: dict[str, object], program: bytes, request: bytes) -> bytes:
    """What ``boot`` reads, and then ``Task.read``."""
    parts = [modules(), json.dumps(words).encode(), program, request]
    return b"".join(LENGTH.pack(len(part)) + part for part in parts)


@cache
def boot() -> str:
    """The text that the other side begins with."""
    return (INSIDE / "boot.py").read_text(encoding="utf-8")


@cache
def modules() -> bytes:
    """The modules of the other side, compiled once."""
    names = {path: ".".join([INSIDE.name, *([path.stem] if path.stem != "__init__" else [])]) for path in sorted(INSIDE.glob("*.py"))}
    return marshal.dumps({name: compile(path.read_bytes(), f"<{name}>", "exec") for path, name in names.items()})


def environment(folder: str, mark: str) -> dict[str, str]:
    """All variables that the other side has."""
    words = {f"{name}_NUM_THREADS": "1" for name in THREADS}
    words |= dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP"), folder)
    words |= {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", MARK: mark}
    return words | {name: os.environ[name] for name in ("SYSTEMROOT", "WINDIR") if name in os.environ}


def interpreter() -> str:
    """The interpreter that runs this; on Windows not the launcher of an environment, whose child would not belong to the job."""
    return str(getattr(sys, "_base_executable", sys.executable)) if sys.platform == "win32" else sys.executable


class Warden:
    """The process that watches over a run, seen from here.

    Parameters
    ----------
    folder : str
        Where it runs.
    limits : Limits
        What a job of Windows enforces.
    """

    def __init__(self, folder: str, limits: Limits) -> None:
        self.mark = secrets.token_hex(16)
        self.told = b""
        # The flags of -I without -E, which would leave PYTHONHASHSEED unread.
        command = [interpreter(), "-P", "-s", "-S", "-B", "-c", boot()]
        self.process = subprocess.Popen(  # noqa: S603 - this interpreter, with this text
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=environment(folder, self.mark),
            start_new_session=True,
            creationflags=windows.FLAGS,
        )
        self.job = windows.confine(self.process, limits.memory, limits.processes + 1)
        self.input, self.output, self.errors = (
            cast("IO[bytes]", stream) for stream in (self.process.stdin, self.process.stdout, self.process.stderr)
        )

    @property
    def code(self) -> int:
        """How the process ended."""
        return self.process.returncode if self.process.returncode is not None else -signal.SIGTERM

    def report(self) -> dict[str, Any]:
        """What it told at its end; nothing if it could not."""
        with suppress(ValueError):
            words = json.loads(self.told)
            return words if isinstance(words, dict) else {}
        return {}

    def end(self) -> None:
        """Let it end everything; where it cannot, do it from here. Again changes nothing."""
        if self.errors.closed:
            return
        with suppress(OSError):
            self.input.close()
        if sys.platform != "win32":  # should the pipe be held open by a child of the caller's, made by another thread
            self.process.terminate()
        windows.end(self.job)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            tree.end_all(self.process.pid)
            self.process.kill()
            self.process.wait()
        self.hear()
        if not self.report().get("clean"):
            tree.end_marked(self.mark)

    def hear(self) -> None:
        """Read the report, which fits into a pipe. No one else has that pipe, so this cannot take long."""
        if sys.platform != "win32":
            os.set_blocking(self.errors.fileno(), False)
        with suppress(OSError):
            self.told = self.errors.read(1 << 16) or b""
        self.errors.close()


@contextmanager
def warden(folder: str, limits: Limits) -> Iterator[Warden]:
    """A warden, and at the end, however that comes, nothing of it."""
    process = Warden(folder, limits)
    try:
        yield process
    finally:
        process.end()


def listen(process: Warden, words: bytes, channel: Channel, ending: tuple[float, threading.Event | None]) -> bool:
    """Hand over the task, and take messages until all is over; whether that was in time."""
    seconds, stop = ending
    until = time.monotonic() + seconds
    reader = threading.Thread(target=lambda: channel.read(process.output.fileno()), daemon=True)
    reader.start()
    try:
        with suppress(OSError):  # the warden reads all of it before anything else
            write_all(process.input.fileno(), words)
        while (left := until - time.monotonic()) > 0:
            reader.join(min(left, POLL))
            if stop is not None and stop.is_set():
                raise KeyboardInterrupt
            if not reader.is_alive() or process.process.poll() is not None:
                return True
        return False
    finally:
        process.end()
        reader.join(GRACE)
        if not reader.is_alive():
            process.output.close()


def judge(channel: Channel, report: dict[str, Any], code: int, *, timely: bool) -> tuple[str, str]:
    """Reason and detail, from what each side saw."""
    if channel.problem:
        return channel.problem, channel.detail
    reason, detail = str(report.get("reason", "")), str(report.get("detail", ""))
    if not reason:
        reason, detail = verdict(code, timely=timely)
    if reason != "exit":
        return reason, detail
    if channel.torn:
        return "garbled", "half a message"
    if channel.ended and detail == "0":
        return "finished", ""
    if channel.raised == "MemoryError":
        return "memory", channel.raised
    return "exit", channel.raised or detail


def verdict(code: int, *, timely: bool) -> tuple[str, str]:
    """Reason and detail where there is no report: on Windows, and where the warden was killed."""
    if not timely:
        return "timeout", ""
    if code >= 0:
        return ("exit", str(code)) if code < 2**31 else ("signal", f"{math.trunc(code):#x}")
    with suppress(ValueError):
        return "signal", signal.Signals(-code).name
    return "signal", str(-code)
