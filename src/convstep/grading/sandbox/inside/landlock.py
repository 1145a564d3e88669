"""Landlock: what a process may open, as a list of what is allowed. Rights only ever add up, so what is to stay shut is left out."""

# ruff: noqa: PTH112 - paths are texts here, as the kernel takes them

from __future__ import annotations

import ctypes
import os
import struct

from .linux import syscall
from .paths import children, holds

__all__ = ["Ruleset", "version"]

CREATE, ADD, RESTRICT = 444, 445, 446  # the same on every machine
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
TRUNCATE, IOCTL_DEVICE = 1 << 14, 1 << 15
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE
NAMES = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # version: how many rights it knows
READ = READ_FILE | READ_DIR
O_PATH = 0o10000000


def version() -> int:
    """The version of Landlock that the kernel offers, 0 for none."""
    try:
        return syscall(CREATE, None, 0, 1)
    except OSError:
        return 0


class Ruleset:
    """What will be allowed; nothing is executed, and nothing outside the folder is written.

    Parameters
    ----------
    abi : int
        What ``version`` returned, at least 1.
    """

    def __init__(self, abi: int) -> None:
        self.rights = (1 << NAMES[min(abi, 5)]) - 1
        network = 3 if abi >= 4 else 0  # bind and connect
        scopes = 3 if abi >= 6 else 0  # abstract sockets, signals
        words = struct.pack("=QQQ", self.rights, network, scopes)
        size = 24 if abi >= 6 else 16 if abi >= 4 else 8
        self.descriptor = syscall(CREATE, ctypes.create_string_buffer(words, 24), size, 0)

    def read(self, path: str, forbidden: list[str]) -> None:
        """Allow reading a path, except what is forbidden beneath it.

        Parameters
        ----------
        path : str
            A folder or a file; what does not exist is left out.
        forbidden : list of str
            Folders, without symbolic links.
        """
        path = os.path.realpath(path)
        if any(holds(shut, path) for shut in forbidden):
            return
        if not any(holds(path, shut) for shut in forbidden):
            self.allow(path, READ)
            return
        self.allow(path, READ_DIR)  # names only
        for child in children(path):
            self.read(child, forbidden)

    def write(self, path: str) -> None:
        """Allow everything but execution beneath a folder."""
        self.allow(path, self.rights & ~EXECUTE & ~IOCTL_DEVICE)

    def device(self, path: str) -> None:
        """Allow reading and writing one device."""
        self.allow(path, READ_FILE | WRITE_FILE)

    def allow(self, path: str, rights: int) -> None:
        """Allow these rights on a path and all beneath it."""
        try:
            opened = os.open(path, O_PATH | os.O_CLOEXEC)
        except OSError:
            return
        try:
            rights &= self.rights if os.path.isdir(path) else self.rights & OF_FILES
            rule = struct.pack("=Qi", rights, opened)
            syscall(ADD, self.descriptor, 1, ctypes.create_string_buffer(rule, 12), 0)
        finally:
            os.close(opened)

    def enter(self) -> None:
        """Keep to the rules from now on; this process can never leave them, nor can its children."""
        syscall(RESTRICT, self.descriptor, 0)
        os.close(self.descriptor)
