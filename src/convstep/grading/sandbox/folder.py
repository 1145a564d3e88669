"""An empty folder that goes away again, whatever was put into it."""

# ruff: noqa: PTH101, PTH106 - paths are texts here, and nothing may be followed

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PREFIX", "empty_folder"]

PREFIX = "convstep-check-"
FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


@contextmanager
def empty_folder() -> Iterator[str]:
    """An empty folder of one's own, without symbolic links in its name.

    Yields
    ------
    str
        Its path.
    """
    folder = os.path.realpath(tempfile.mkdtemp(prefix=PREFIX))
    try:
        yield folder
    finally:
        remove(folder)


def remove(folder: str) -> None:
    """Remove a folder, however deep it is, and follow no symbolic link."""
    if os.open not in os.supports_dir_fd:
        shutil.rmtree(folder, ignore_errors=True)
        return
    with suppress(OSError):
        os.chmod(folder, 0o700)
        place = os.open(folder, FOLDER)
        try:
            place = empty(place)
        finally:
            os.close(place)
        os.rmdir(folder)


def empty(place: int) -> int:
    """Empty an opened folder, one folder at a time, so that neither paths nor calls grow deep; a descriptor of it again."""
    below: list[str] = []
    while True:
        name = first_folder(place)
        if name:
            os.chmod(name, 0o700, dir_fd=place)
        elif not below:
            return place
        other = os.open(name or "..", FOLDER, dir_fd=place)
        os.close(place)
        place = other
        if name:
            below.append(name)
        else:
            os.rmdir(below.pop(), dir_fd=place)


def first_folder(place: int) -> str:
    """Some folder in a folder, or nothing; what else is met on the way is removed."""
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                return entry.name
            os.unlink(entry.name, dir_fd=place)
    return ""
