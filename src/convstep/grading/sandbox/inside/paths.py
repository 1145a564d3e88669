"""Which files a learner's code may read: the interpreter's, the system's libraries and NumPy's, and nothing of convstep's."""

# ruff: noqa: PTH110, PTH112, PTH118, PTH119, PTH120, PTH208 - paths are texts here, as the kernel takes them

from __future__ import annotations

import os
import sys

__all__ = ["DEVICES", "children", "holds", "packages", "readable"]

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/random")
SYSTEM = (
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/lib",
    "/lib64",
    "/usr/local/lib",
    "/nix/store",
    "/gnu/store",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/sys/devices/system/cpu",
)
PACKAGES = ("site-packages", "dist-packages")


def readable(numpy: str) -> tuple[list[str], list[str]]:
    """What may be read, in two lists.

    Parameters
    ----------
    numpy : str
        NumPy's folder, or nothing.

    Returns
    -------
    roots : list of str
        The interpreter's and the system's; the folders of installed packages beneath them stay shut.
    numpys : list of str
        NumPy's own folders, allowed although they lie in a folder that is shut.
    """
    prefixes = [os.path.join(sys.base_prefix, name) for name in ("lib", "lib64")]
    stdlib = os.path.dirname(os.path.realpath(os.__file__))
    roots = dict.fromkeys([*prefixes, stdlib, *sys.path, *SYSTEM])
    numpys = [numpy, numpy + ".libs"] if numpy else []
    return [path for path in roots if os.path.exists(path)], [path for path in numpys if os.path.exists(path)]


def packages(roots: list[str]) -> list[str]:
    """The folders of installed packages under ``roots/python*``, and in these folders themselves."""
    folders = [path for root in roots if os.path.isdir(root) for path in [root, *children(root)] if "python" in os.path.basename(path)]
    found = [os.path.join(folder, name) for folder in folders for name in PACKAGES]
    return [os.path.realpath(path) for path in found if os.path.isdir(path)]


def children(folder: str) -> list[str]:
    """What lies in a folder, as paths; nothing where it cannot be read."""
    try:
        return [os.path.join(folder, name) for name in os.listdir(folder)]
    except OSError:
        return []


def holds(folder: str, path: str) -> bool:
    """Whether a path is a folder or lies beneath it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
