"""Namespaces, and a root of its own for the learner's code: read-only, without /proc, with little room to write."""

# ruff: noqa: PTH103, PTH110, PTH112, PTH120 - paths are texts here, as the kernel takes them

from __future__ import annotations

import os
from contextlib import suppress

from . import linux
from .paths import DEVICES, holds

__all__ = ["build_root", "leave", "leave_mounts"]

RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
CARRIED = RDONLY | NOEXEC | 1024 | 2048  # what a mount already is, so that a user may not take it away: also noatime, nodiratime
SPACES = (
    ("pid", linux.CLONE_NEWPID),
    ("net", linux.CLONE_NEWNET),
    ("ipc", linux.CLONE_NEWIPC),
    ("uts", linux.CLONE_NEWUTS),
)
FILES = 256  # as many may be made in its folder


def leave() -> list[str]:
    """Leave each namespace that the system lets this process leave; its children will be in new ones.

    Returns
    -------
    list of str
        Which: ``user``, ``pid``, ``net``, ``ipc``, ``uts``.
    """
    left = [name for name, flag in SPACES if possible(flag)]
    if "pid" in left or not become_user():
        return left
    return ["user", *left, *(name for name, flag in SPACES if name not in left and possible(flag))]


def possible(flag: int) -> bool:
    """Try to leave one namespace."""
    with suppress(OSError):
        linux.unshare(flag)
        return True
    return False


def become_user() -> bool:
    """Leave the user namespace, keeping the numbers of user and group; what a root without rights gains nothing from."""
    user, group = os.geteuid(), os.getegid()
    if user == 0 or not possible(linux.CLONE_NEWUSER):
        return False
    with suppress(OSError):
        linux.write("/proc/self/setgroups", "deny")
        linux.write("/proc/self/uid_map", f"{user} {user} 1")
        linux.write("/proc/self/gid_map", f"{group} {group} 1")
        return True
    return False


def leave_mounts() -> bool:
    """Leave the mount namespace, so that nothing mounted here is seen outside."""
    with suppress(OSError):
        linux.unshare(linux.CLONE_NEWNS)
        linux.mount("none", "/", None, REC | PRIVATE)
        return True
    return False


def build_root(folder: str, readable: list[str], shut: list[str], opened: list[str], *, size: int) -> bool:
    """Make a root that holds only what may be read, and step into it.

    Parameters
    ----------
    folder : str
        The empty folder: the new root is put together on it, and holds an empty one under the same name.
    readable, shut, opened : list of str
        What is shown; what of that is hidden; what is shown nevertheless.
    size : int
        Bytes that all files in the folder may have together.

    Returns
    -------
    bool
        Whether it was done; if not, nothing has changed for this process.
    """
    try:
        linux.mount("tmpfs", folder, "tmpfs", NOSUID | NODEV, data="mode=755,size=4m")
        for path in readable:
            show(folder, path, shut)
        for path in opened:
            show(folder, path, [])
        for device in DEVICES:
            bind(device, folder + device)
        inner = folder + folder
        os.makedirs(inner, exist_ok=True)
        linux.mount("tmpfs", inner, "tmpfs", NOSUID | NODEV | NOEXEC, data=f"mode=700,size={size},nr_inodes={FILES}")
    except OSError:
        with suppress(OSError):
            linux.detach(folder)
        return False
    linux.pivot(folder)
    linux.mount(None, "/", None, REMOUNT | BIND | RDONLY | NOSUID | NODEV)
    return True


def show(root: str, path: str, shut: list[str]) -> None:
    """Show a path in the new root, read-only, under its own name and under its real one."""
    real = os.path.realpath(path)
    if any(holds(hidden, real) for hidden in shut):
        return
    for name in {path, real}:
        target = root + name
        if not os.path.lexists(target):
            bind(real, target)
            freeze(target)
        for hidden in shut:
            if holds(real, hidden):
                linux.mount("tmpfs", target + hidden[len(real) :], "tmpfs", NOSUID | NODEV, data="mode=755,size=1m")


def bind(path: str, target: str) -> None:
    """Show a file or a folder at another place too; what does not exist is left out."""
    if not os.path.exists(path):
        return
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    linux.mount(path, target, None, BIND | REC)


def freeze(target: str) -> None:
    """Make what is shown read-only."""
    carried = os.statvfs(target).f_flag & CARRIED
    linux.mount(None, target, None, REMOUNT | BIND | RDONLY | NOSUID | NODEV | carried)
