"""Files that are whole or not there: written beside their place, synced to the disk, then renamed into it.

One rule: whoever is killed at any moment leaves the old file or the new one, and beside it at most a leftover that nobody reads.
"""

import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from convstep.errors import DataError

FORGOTTEN = 3600.0  # seconds after which a temporary file belongs to nobody who is still alive
LONGEST = 180  # characters of a file's name that its temporary name repeats


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing; at the end of the `with` block it takes the place of the old one, in one step.

    If the block raises, the old file stays. A link is followed; an old file's permissions are kept.

    Raises
    ------
    DataError
        If the folder does not exist, or there is a folder of that name.
    """
    target = Path(os.path.realpath(path))
    _sweep(_place(target))
    temporary = target.with_name(f".{target.name[:LONGEST]}.{secrets.token_hex(6)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        os.replace(temporary, target)  # noqa: PTH105 - so that a test can fail exactly here
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def atomic_write(path: str | os.PathLike[str], content: bytes | str) -> None:
    """Write a whole file in one step: bytes, or text as UTF-8. See `atomic_file`."""
    with atomic_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _place(target: Path) -> Path:
    if target.is_dir():
        raise DataError(f"save: there is a folder of this name\n  given {target}")
    if not target.parent.is_dir():
        raise DataError(f"save: there is no folder {target.parent}\n  given {target}")
    return target


def _sweep(target: Path) -> None:
    """Remove temporary files of this name that were left over when somebody was killed."""
    head = f".{target.name[:LONGEST]}."
    with os.scandir(target.parent) as entries:
        left = [item.path for item in entries if item.name.startswith(head) and item.name.endswith(".tmp")]
    for path in left:
        with suppress(OSError):
            if time.time() - Path(path).stat().st_mtime > FORGOTTEN:
                Path(path).unlink()
