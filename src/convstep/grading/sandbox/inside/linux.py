"""Linux's own calls, through ctypes. Each function does one call and raises OSError where the system says no."""

# ruff: noqa: PTH123 - paths are texts here, as the kernel takes them

from __future__ import annotations

import ctypes
import functools
import os
import sys

__all__ = [
    "CLONE_NEWIPC",
    "CLONE_NEWNET",
    "CLONE_NEWNS",
    "CLONE_NEWPID",
    "CLONE_NEWUSER",
    "CLONE_NEWUTS",
    "LINUX",
    "detach",
    "drop_bounding",
    "keep_capabilities",
    "mount",
    "pivot",
    "prctl",
    "set_capabilities",
    "syscall",
    "unshare",
]

LINUX = sys.platform.startswith("linux")
CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
CAPABILITIES = 64  # more than there are
CAP_VERSION = 0x20080522
PR_SET_KEEPCAPS = 8
PR_CAPBSET_DROP = 24
MNT_DETACH = 2


@functools.cache
def libc() -> ctypes.CDLL:
    """The C library of this process."""
    return ctypes.CDLL(None, use_errno=True)


def checked(result: int, what: str) -> int:
    """The result of a call, or the error that it left behind."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number: int, *values: int | ctypes.Array[ctypes.c_char] | ctypes.c_void_p | None) -> int:
    """One system call by its number; numbers travel as C longs."""
    words = [ctypes.c_long(value) if isinstance(value, int) else value for value in values]
    return checked(libc().syscall(ctypes.c_long(number), *words), f"system call {number}")


def prctl(option: int, value: int = 0, pointer: ctypes.c_void_p | None = None) -> int:
    """``prctl`` with what most options take."""
    third = pointer if pointer is not None else ctypes.c_ulong(0)
    return checked(libc().prctl(ctypes.c_int(option), ctypes.c_ulong(value), third, ctypes.c_ulong(0), ctypes.c_ulong(0)), "prctl")


def unshare(flags: int) -> None:
    """Leave the namespaces that the flags name."""
    checked(libc().unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str | None, target: str, kind: str | None, flags: int, *, data: str = "") -> None:
    """``mount(2)``."""
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    checked(libc().mount(*texts, ctypes.c_ulong(flags), data.encode()), f"mount {target}")


def pivot(root: str) -> None:
    """Make a mounted folder the root, and let go of the old one."""
    os.chdir(root)
    syscall(pivot_number(), ctypes.create_string_buffer(b"."), ctypes.create_string_buffer(b"."))
    detach(".")
    os.chdir("/")


def pivot_number() -> int:
    """The number of ``pivot_root`` on this machine."""
    known = {"x86_64": 155, "aarch64": 41}
    machine = os.uname().machine
    if machine not in known:
        raise OSError(f"pivot_root is not known on {machine}")
    return known[machine]


def detach(target: str) -> None:
    """Unmount, at once and with all that is mounted beneath."""
    checked(libc().umount2(os.fsencode(target), ctypes.c_int(MNT_DETACH)), "umount2")


def keep_capabilities() -> None:
    """Let the next change of the user leave the permitted capabilities."""
    prctl(PR_SET_KEEPCAPS, 1)


def drop_bounding() -> None:
    """Take from this process and its children what could ever be gained back."""
    for capability in range(CAPABILITIES):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            return


def set_capabilities(*kept: int) -> None:
    """Hold these capabilities and no others."""
    low = sum(1 << number for number in kept)
    header = (ctypes.c_uint32 * 2)(CAP_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)(low, low, 0, 0, 0, 0)
    checked(libc().capset(header, sets), "capset")


def write(path: str, text: str) -> None:
    """Write one of the kernel's files in one piece."""
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
