"""A learner's file as cells of Python: a .py file is one cell, a notebook has many.

One rule: nothing is run and nothing is parsed as Python here; whatever cannot be read is one sentence.
"""

import errno
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convstep.grading.words import both, clean

__all__ = ["Submission", "UnreadableError", "read_submission"]

MEGABYTE = 2**20
LARGEST_PY, LARGEST_NOTEBOOK = 1, 30  # megabytes; pictures make notebooks large
LARGEST_CODE = MEGABYTE  # characters of all the code cells

Words = dict[str, str]


class UnreadableError(Exception):
    """A file that cannot be judged; `words` says why, in both languages."""

    def __init__(self, key: str, **values: Any) -> None:
        self.words = both(key, **values)
        super().__init__(self.words["en"])


@dataclass(frozen=True)
class Submission:
    """The code cells of a file, and all its text but the outputs, which may be a learner's own wrong numbers."""

    path: Path
    cells: tuple[str, ...]
    notebook: bool
    text: str


def read_submission(path: str | os.PathLike[str]) -> Submission:
    """Read a .py file or an .ipynb notebook.

    Raises
    ------
    UnreadableError
        If it is missing, no ordinary file, too large, empty, no UTF-8, or no notebook.
    """
    file = Path(path)
    name = clean(file.name, 80)
    notebook = file.suffix.lower() == ".ipynb"
    content = _content(file, name, LARGEST_NOTEBOOK if notebook else LARGEST_PY)
    if not notebook and file.suffix.lower() != ".py":
        raise UnreadableError("file.suffix", file=name)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableError("file.encoding", file=name) from None
    if "\0" in text:
        raise UnreadableError("file.nul", file=name)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise UnreadableError("file.empty", file=name)
    if not notebook:
        return Submission(file, (text,), notebook=False, text=text)
    cells = _notebook_cells(text, name)
    codes = tuple(source for kind, source in cells if kind == "code")
    if sum(map(len, codes)) > LARGEST_CODE:
        raise UnreadableError("file.large", file=name, size=round(sum(map(len, codes)) / MEGABYTE, 1), most=LARGEST_CODE // MEGABYTE)
    return Submission(file, codes, notebook=True, text="\n".join(source for _, source in cells))


def _content(file: Path, name: str, most: int) -> bytes:
    """Return the bytes of an ordinary file; nothing else is opened."""
    try:
        kind = file.stat()
        if stat.S_ISDIR(kind.st_mode):
            raise UnreadableError("file.folder", file=name)
        if not stat.S_ISREG(kind.st_mode):
            raise UnreadableError("file.special", file=name)
        if not kind.st_size:  # so are files of /proc, which may wait for ever
            raise UnreadableError("file.empty", file=name)
        if kind.st_size > most * MEGABYTE:
            raise UnreadableError("file.large", file=name, size=round(kind.st_size / MEGABYTE, 1), most=most)
        with file.open("rb") as stream:
            return stream.read(most * MEGABYTE)
    except FileNotFoundError:
        raise UnreadableError("file.link" if file.is_symlink() else "file.gone", file=name) from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnreadableError("file.link", file=name) from None
        raise UnreadableError("file.unreadable", file=name, reason=error.strerror or type(error).__name__) from None
    except ValueError:  # a NUL in the name
        raise UnreadableError("file.gone", file=name) from None


def _notebook_cells(text: str, name: str) -> list[tuple[str, str]]:
    """Return the kinds and sources of the cells of a notebook of version 4 or 3."""
    try:
        told = json.loads(text)
        cells = told["cells"] if "cells" in told else [cell for sheet in told["worksheets"] for cell in sheet["cells"]]
        sources = [(str(cell.get("cell_type")), cell.get("source", cell.get("input", ""))) for cell in cells]
        return [(kind, "".join(str(line) for line in source) if isinstance(source, list) else str(source)) for kind, source in sources]
    except RecursionError:
        raise UnreadableError("file.notebook", file=name, reason="JSON") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableError("file.notebook", file=name, reason=clean(f"{type(error).__name__} {error}", 80)) from None
