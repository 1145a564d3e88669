"""How a process gives up every right that a learner's code does not need. What the system lacks is left out, and not reported."""

# ruff: noqa: PTH118, PTH123 - paths are texts here, as the kernel takes them

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from math import ceil
from typing import TYPE_CHECKING

from . import landlock, linux, paths, seccomp, tree

if TYPE_CHECKING:
    from .task import Task

__all__ = ["DESCRIPTORS", "drawn", "lock", "stranger"]

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
DAC_READ_SEARCH = 2
DESCRIPTORS = 256


def lock(task: Task, layers: list[str]) -> list[str]:
    """Give up all rights, in the only order in which that works.

    Parameters
    ----------
    task : Task
        The limits, the folder and NumPy's place.
    layers : list of str
        What protects already.

    Returns
    -------
    list of str
        What protects now.
    """
    if not linux.LINUX:
        os.chdir(task.folder)
        limit(task, layers)
        return layers
    rules = ruleset(task, masked="mount" in layers)
    os.chdir(task.folder)
    if drop_user(task):
        layers = [*layers, "uid"]
    limit(task, layers)
    linux.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    linux.prctl(PR_SET_DUMPABLE, 1)
    linux.prctl(PR_SET_NO_NEW_PRIVS, 1)
    if rules is not None:
        rules.enter()
        layers = [*layers, f"landlock {landlock.version()}"]
    return [*layers, "seccomp"] if filtered(task) else layers


def ruleset(task: Task, *, masked: bool) -> landlock.Ruleset | None:
    """What may be opened, if Landlock is there; where a new root masks what is shut, there is nothing to leave out."""
    abi = 0 if "landlock" in task.without else landlock.version()
    if not abi:
        return None
    rules = landlock.Ruleset(abi)
    readable, numpys = paths.readable(task.numpy)
    shut = [] if masked else [*task.shut, *paths.packages(readable)]
    for path in readable:
        rules.read(path, shut)
    for path in numpys:
        rules.read(path, [])
    for path in paths.DEVICES:
        rules.device(path)
    rules.write(task.folder)
    return rules


def filtered(task: Task) -> bool:
    """Whether the filter on system calls is in force from now on."""
    if "seccomp" not in task.without and seccomp.offered():
        with suppress(OSError):
            seccomp.enter(os.getpid())
            return True
    return False


def drop_user(task: Task) -> bool:
    """Become a user who owns nothing, and drop every capability; whether the user changed.

    Where that user could not even read the interpreter (one that is installed in /root), the right to read is
    kept, and nothing else.
    """
    changed = "uid" not in task.without and task.user > 0 and become(task.user, task.folder)
    with suppress(OSError):
        linux.set_capabilities(*([DAC_READ_SEARCH] if changed and not reachable(task) else []))
    return changed


def become(user: int, folder: str) -> bool:
    """Become a user, to whom the folder is given, with no other group and with no way back."""
    with suppress(OSError):
        os.chown(folder, user, user)
        linux.drop_bounding()
        linux.keep_capabilities()
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        return True
    return False


def stranger() -> int:
    """A number of a user that nobody is, among those that this namespace knows; 0 where there is none, or no right to become it."""
    if os.geteuid() != 0:
        return 0
    try:
        with open("/proc/self/uid_map", encoding="ascii") as file:
            ranges = [[int(number) for number in line.split()] for line in file]
    except OSError:
        return 0
    first, _, count = max(ranges, key=lambda numbers: numbers[2])
    if count < 4:
        return 0
    low, room = (0x50000000, 0x10000000) if count > 0x60000000 else (first + count // 2, count // 2)
    return low + drawn(room)


def drawn(count: int) -> int:
    """A whole number below another one, that nobody can foretell."""
    return int.from_bytes(os.urandom(8), "big") % count


def reachable(task: Task) -> bool:
    """Whether this user may read the interpreter's files and NumPy's."""
    names = [os.__file__, *([os.path.join(task.numpy, "__init__.py")] if task.numpy else [])]
    return all(os.access(name, os.R_OK, effective_ids=True) for name in names)


def limit(task: Task, layers: list[str]) -> None:
    """Set what one process may use; without privileges it can never be raised again."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - Windows has none

    cpu = ceil(task.seconds) + 1
    limits = {
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": cpu,
        "RLIMIT_FSIZE": task.files,
        "RLIMIT_NOFILE": DESCRIPTORS,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_AS": task.memory,
    }
    if linux.LINUX:  # elsewhere the number of others cannot be told
        limits["RLIMIT_NPROC"] = others(layers) + 1 + task.processes
    for name, value in limits.items():
        number = getattr(resource, name, None)
        if number is not None:
            hard = cpu + 1 if name == "RLIMIT_CPU" else value
            with suppress(OSError, ValueError):  # never above what the caller has
                resource.setrlimit(number, (value, hard))


def others(layers: list[str]) -> int:
    """How many processes count beside this one: none for a new user, two that watch in a namespace, else all of the user's."""
    if "uid" in layers:
        return 0
    return 2 if "user" in layers else max(0, tree.tasks_of(os.geteuid()) - 1)
