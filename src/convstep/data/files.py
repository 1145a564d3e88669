"""The door for every data file. The one rule: what a file claims is held against its real size before anything is allocated."""

import logging
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from convstep import checks
from convstep.errors import ArgumentTypeError, DataError

__all__ = [
    "BLOCK",
    "DAMAGED",
    "FREE",
    "RATIO",
    "FilePath",
    "expanded",
    "is_folder",
    "quiet",
    "read_whole",
    "reason",
    "refusal",
    "regular_size",
]

FilePath: TypeAlias = str | os.PathLike[str]

FREE, RATIO = 2**26, 200  # a compressed file may expand to 64 MiB, or to 200 times its size
BLOCK = 2**20
DAMAGED = (OSError, EOFError, zlib.error)  # what a damaged gzip file makes the standard library raise


def refusal(op: str, fact: str, path: object, advice: str = "", *, kind: type[DataError] = DataError) -> DataError:
    """Return the error: the fact in line 1, the file in line 2, and what to do if that is known."""
    lines = (f"{op}: {fact}", f"  given {path}" + (f"; {advice}" if advice else ""))
    return kind("\n".join("".join(letter if letter.isprintable() else "?" for letter in line) for line in lines))


def is_folder(path: object) -> bool:
    """Return whether this is the path of a folder."""
    try:
        return isinstance(path, str | os.PathLike) and Path(path).is_dir()
    except (OSError, ValueError, TypeError):
        return False


def regular_size(op: str, path: FilePath) -> int:
    """Return the size of a file in bytes; whatever is no regular file (a folder, a pipe, a device) is refused unopened."""
    if not isinstance(os.fspath(path) if isinstance(path, os.PathLike) else path, str):
        raise checks.refusal(op, "expected the path of a file", {"path": path}, kind=ArgumentTypeError)
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        raise refusal(op, "there is no such file", path) from None
    except (OSError, ValueError) as error:
        raise refusal(op, f"the file cannot be read ({reason(error)})", path) from None
    if stat.S_ISDIR(status.st_mode):
        raise refusal(op, "expected a file, not a folder", path)
    if not stat.S_ISREG(status.st_mode):
        raise refusal(op, "expected a regular file, not a pipe or a device", path)
    return status.st_size


def read_whole(op: str, path: FilePath, most: int) -> bytes:
    """Return the content of a file of at most `most` bytes."""
    size = regular_size(op, path)
    if size > most:
        raise refusal(op, f"the file has {size} bytes, more than the {most} that it may have", path)
    try:
        with Path(path).open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise refusal(op, f"the file cannot be read ({reason(error)})", path) from None


def expanded(op: str, claimed: int, size: int, path: object) -> int:
    """Return the `claimed` number of bytes if a compressed file of `size` bytes may expand to it."""
    most = max(FREE, RATIO * size)
    if claimed > most:
        raise refusal(op, f"the file has {size} bytes and claims to expand to {claimed}, more than {most}", path)
    return claimed


@contextmanager
def quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep another library's logger from writing to stderr what is said here in one clear error."""
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def reason(error: Exception) -> str:
    """Return why the operating system or the decompressor refused, in its own words."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
