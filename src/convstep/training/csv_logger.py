"""The logs of a run as a table in a file.

One rule: a row is handed over to the system in one piece, so a run that is killed leaves whole rows.
"""

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from convstep.checks import refusal, shown
from convstep.training.callback import Callback, Logs


class CSVLogger(Callback):
    """Write the logs of every epoch into a file as one row, under a row of names.

    Parameters
    ----------
    filename : str or path
    separator : str
        One character.
    append : bool
        Whether to go on in a file that is there; its columns stay as they are.
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:  # noqa: FBT001, FBT002
        if len(separator) != 1:
            raise refusal("CSVLogger", f"separator must be one character, not {shown(separator)}", {"separator": separator})
        self.filename, self.separator, self.append = os.fspath(filename), separator, bool(append)
        self.columns: list[str] = []

    def on_train_begin(self, logs: Logs = None) -> None:  # noqa: ARG002
        """Begin the file, or read the names of its columns and end its last row if something else has cut its end off."""
        path = Path(self.filename)
        old = path.read_bytes() if self.append and path.exists() else b""
        self.columns = next(csv.reader([old.decode().splitlines()[0]], delimiter=self.separator)) if old.strip() else []
        with path.open("ab" if self.append else "wb", buffering=0) as file:
            if old and not old.endswith(b"\n"):
                file.write(b"\n")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write a row."""
        row = {"epoch": epoch, **(logs or {})}
        if not self.columns:
            names = sorted(logs or {})
            if not any(name.startswith("val_") for name in names):
                names += [f"val_{name}" for name in names]
            self.columns = ["epoch", *names]
            self._write(self.columns)
        if self.append:
            for name in row:
                if name not in self.columns:
                    fact = f'{self.filename} has no column "{name}"; it has {", ".join(self.columns)}'
                    raise refusal("CSVLogger", fact, {"filename": self.filename, "append": True})
        self._write(_cell(row.get(name, "NA")) for name in self.columns)

    def _write(self, cells: Iterable[Any]) -> None:
        text = io.StringIO()
        csv.writer(text, delimiter=self.separator, lineterminator="\n").writerow(cells)
        with Path(self.filename).open("ab", buffering=0) as file:
            file.write(text.getvalue().encode())


def _cell(value: Any) -> Any:
    """Return several numbers as Keras writes them, in brackets."""
    if isinstance(value, str) or not isinstance(value, Iterable) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value
    return f'"[{", ".join(map(str, value))}]"'
