"""What is enforced on this machine, found out by trying: one program attempts all that it should not be able to do."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from .process import run_without
from .records import Limits

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Promise", "attempt", "promises"]

LIMITS = Limits(seconds=10.0, memory=2**30, processes=4)
PROBE = """
import json, os, signal, socket
asked = json.loads(receive())

def held(action):
    try:
        action()
    except (OSError, MemoryError, ImportError):
        return True
    return False

def connect():
    socket.create_connection(("127.0.0.1", asked["port"]), 2).close()

def fork():
    import time
    for _ in range(asked["processes"] + 1):
        if not os.fork():
            time.sleep(20)

def leave_group():
    if not hasattr(os, "fork"):
        return
    if os.fork() == 0:
        os.setsid()
        os.open("/", 0)

send(json.dumps({
    "numpy": not held(lambda: __import__("numpy")),
    "convstep": held(lambda: __import__("convstep")),
    "network": held(connect),
    "files_read": held(lambda: open(asked["marker"], "rb").read()) and held(lambda: open(asked["source"], "rb").read()),
    "files_write": held(lambda: open(asked["marker"], "ab").write(b"x")) and held(lambda: open(asked["marker"] + "2", "wb").close()),
    "signals": held(lambda: os.kill(asked["caller"], 0)),
    "environment": held(lambda: open(f"/proc/{asked['caller']}/environ", "rb").read()),
    "memory": held(lambda: bytearray(asked["memory"])),
    "processes": hasattr(os, "fork") and held(fork),
}).encode())
"""


@dataclass(frozen=True)
class Promise:
    """One thing that a learner's code cannot do here.

    Parameters
    ----------
    name : str
        ``time``, ``output``, ``descendants``, ``numpy``, ``convstep``, ``network``, ``files_read``, ``files_write``, ``room``,
        ``signals``, ``environment``, ``memory`` or ``processes``.
    enforced : bool
        Whether it was seen to hold on this machine.
    how : str
        By what.
    """

    name: str
    enforced: bool
    how: str


@cache
def promises() -> tuple[Promise, ...]:
    """What is enforced on this machine, now. The first call takes the time of one run.

    Returns
    -------
    tuple of Promise
        One for each thing that matters.
    """
    return attempt(())


def attempt(without: Iterable[str]) -> tuple[Promise, ...]:
    """Try what can be done with some layers left out.

    Parameters
    ----------
    without : iterable of str
        As in ``run_without``.

    Returns
    -------
    tuple of Promise
        One for each thing that matters.
    """
    with tempfile.TemporaryDirectory(prefix="convstep-probe-") as folder, socket.socket() as server:
        Path(folder).chmod(0o777)  # so that it is not the mode that keeps others away
        marker = Path(folder, "marker")
        marker.write_bytes(b"outside")
        marker.chmod(0o666)
        port = 0
        with suppress(OSError):
            server.bind(("127.0.0.1", 0))
            server.listen(1)
            port = server.getsockname()[1]
        asked = {"port": port, "marker": str(marker), "source": str(Path(__file__).resolve()), "caller": os.getpid()}
        asked |= {"memory": LIMITS.memory, "processes": LIMITS.processes}
        outcome = run_without(without, PROBE, json.dumps(asked).encode(), LIMITS)
    seen: dict[str, bool] = {}
    for message in outcome.ended.messages[:1]:
        seen = json.loads(message)
    layers = list(outcome.layers)
    trials = [Promise(name, held, reason(name, layers) if held else "nothing here prevents it") for name, held in seen.items()]
    if not trials:
        trials = [Promise("probe", enforced=False, how=f"the trial ended too early: {outcome.ended.reason} {outcome.ended.detail}")]
    return (*always(layers), *trials)


def always(layers: list[str]) -> tuple[Promise, ...]:
    """What follows from the layers alone."""
    linux = sys.platform.startswith("linux")
    descendants = "a job object" if sys.platform == "win32" else "the process group alone, which a process can leave"
    if linux:
        descendants = "a process namespace" if "pid" in layers else "orphans come to a process that ends all it finds in /proc"
    room = "mount" in layers
    return (
        Promise("time", enforced=True, how="a deadline outside the learner's process"),
        Promise("output", enforced=True, how="prints go nowhere; messages are counted by the reader"),
        Promise("descendants", enforced=linux or sys.platform == "win32", how=descendants),
        Promise(
            "room", enforced=room, how="a small file system in memory" if room else "a limit for each file, none for all files together"
        ),
    )


def reason(name: str, layers: list[str]) -> str:
    """By what a thing is enforced, of what is in force."""
    landlock = next((layer for layer in layers if layer.startswith("landlock")), "")
    ways = {
        "network": {"net": "a network namespace", "seccomp": "a filter on system calls"},
        "files_read": {"mount": "a root of its own", landlock: landlock},
        "files_write": {"mount": "a root of its own", landlock: landlock},
        "environment": {"mount": "no /proc", landlock: landlock, "uid": "another user"},
        "signals": {"pid": "a process namespace", "seccomp": "a filter on system calls", landlock: landlock, "uid": "another user"},
    }
    fixed = {
        "convstep": "an import hook; where files_read is enforced, its files are out of reach too",
        "numpy": "found by its own folder",
        "memory": "a limit on the address space",
        "processes": "a limit on processes" + (" of a user of its own" if "uid" in layers else ""),
    }
    found = [text for layer, text in ways.get(name, {}).items() if layer and layer in layers]
    return fixed.get(name) or ", ".join(found) or "the rights of files"
