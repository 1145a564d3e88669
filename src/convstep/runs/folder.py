"""The folder of a run on the disk: a model that can be loaded alone, and with it everything that continuing the run depends on.

One rule: model.json is the run. It names the weights and the optimizer's state by their digests and holds settings and history, so that
the one moment in which it takes its place ends an epoch; every other file is written anew from it.
"""

import csv
import io
import json
import os
import platform
import secrets
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np

from convstep import __version__
from convstep.errors import DataError
from convstep.files import FORGOTTEN, atomic_file, atomic_write, sync_folder
from convstep.models import Model, load_model
from convstep.runs.sets import Sets, load_sets
from convstep.runs.settings import SettingError, Settings
from convstep.training.configuration import serialize

__all__ = ["Journal", "Verdict", "check_runs", "create", "load", "same_images", "write_curves", "write_report"]

KEY, VERSION = "convstep_run", 1  # under which a run is found in the notes of its model
FIRST_COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
LONGEST_NAME = 100


@dataclass(frozen=True)
class Verdict:
    """What the test images said of a model."""

    accuracy: float
    loss: float


@dataclass(frozen=True)
class Journal:
    """What a run is and how far it came.

    Attributes
    ----------
    settings : Settings
    data : dict
        The facts about the images: how many, their shape, their classes, their sha256.
    created : str
        When the run began, in UTC.
    history : tuple of dict
        For each epoch its number from 1, its losses and accuracies, the learning rate of its last step, and its seconds.
    """

    settings: Settings
    data: Mapping[str, Any]
    created: str
    history: tuple[Mapping[str, float], ...] = ()

    @classmethod
    def begin(cls, settings: Settings, data: Mapping[str, Any]) -> Self:
        """Return the journal of a run that begins now."""
        return cls(settings, data, datetime.now(UTC).isoformat(timespec="seconds"))

    @classmethod
    def of(cls, model: Any, path: Path) -> Self:
        """Return the journal in the notes of a model.

        Raises
        ------
        DataError
            If the model was not trained by a run.
        """
        notes = getattr(model, "notes", {}).get(KEY)
        if not isinstance(notes, Mapping) or notes.get("version") != VERSION:
            raise DataError(f"run: this model was not trained by convstep train, or by another version of it\n  given {path}")
        try:
            history = tuple(dict(row) for row in notes["history"])
            return cls(Settings.from_plain(notes["settings"]), dict(notes["data"]), str(notes["created"]), history)
        except (KeyError, TypeError, ValueError):
            raise DataError(f"run: the notes of the run are not complete\n  given {path}") from None

    @property
    def epochs(self) -> int:
        """How many epochs are done."""
        return len(self.history)

    @property
    def seconds(self) -> float:
        """How long they took, on the clock."""
        return float(sum(row.get("seconds", 0.0) for row in self.history))

    def with_epoch(self, row: Mapping[str, float]) -> Self:
        """Return the journal with one more epoch."""
        return replace(self, history=(*self.history, {"epoch": self.epochs + 1, **row}))

    def save(self, model: Model, folder: Path) -> None:
        """Write model, optimizer and journal into a folder, in one step."""
        plain = {**vars(self), "settings": self.settings.as_plain(), "history": list(self.history)}
        model.save(folder, notes={KEY: {"version": VERSION, **plain}})


def check_runs(runs: Path) -> None:
    """Refuse a folder of runs that cannot become one.

    Raises
    ------
    SettingError
        If it, or what it would lie in, is a file.
    """
    for path in (runs, *runs.parents):
        if os.path.exists(path):  # noqa: PTH110 - of which Path.exists raises what it may not look at
            if not path.is_dir():
                raise SettingError(f"--runs-dir: {path} is a file, not a folder")
            return


def create(runs: Path, name: str | None, title: str, write: Callable[[Path], None]) -> Path:
    """Make the folder of a new run, complete from the moment in which it is there under its name, and return its path.

    Parameters
    ----------
    runs : Path
        The folder of all runs; made if it is missing.
    name : str, optional
        Of the folder; without it the title with the first number that is free.
    title : str
    write : callable
        Writes the first files into a folder.

    Raises
    ------
    SettingError
        If the name is taken or is no name of a folder.
    """
    if name is not None and (
        not name or name in {".", ".."} or name.startswith(".") or len(name) > LONGEST_NAME or set(name) & set('/\\:*?"<>|\0')
    ):
        raise SettingError(f"--name: must be the name of a folder, not {name!r}")
    if name is not None and (runs / name).exists():
        raise SettingError(f"--name: {runs / name} is there already: --resume continues it, another name begins a new run")
    runs.mkdir(parents=True, exist_ok=True)
    _sweep(runs)
    new = runs / f".{name or title}.{secrets.token_hex(6)}.new"
    new.mkdir()
    try:
        write(new)
        return _named(runs, new, name, title)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def load(path: Path) -> tuple[Any, Journal]:
    """Return the model of a run, compiled and with its optimizer as they were, and its journal.

    Raises
    ------
    DataError
        If there is no run, or it is damaged.
    """
    model = load_model(path)
    return model, Journal.of(model, path)


def same_images(path: Path, journal: Journal, op: str, parts: Sequence[str]) -> Sets:
    """Return the images of a run.

    Raises
    ------
    DataError
        If those parts of them, "train" and "test", are gone or are not the same as when the run began.
    """
    data = journal.settings.data
    try:
        sets = load_sets(journal.settings)
    except SettingError:
        raise DataError(f"{op}: the images of the run are not there any more\n  given {data}; run {path}") from None
    facts = sets.facts()
    if any(facts[part] != journal.data[part] for part in (*parts, "classes")):
        raise DataError(f"{op}: the images are others than when the run began\n  given {data}; run {path}")
    return sets


def write_report(folder: Path, model: Any, journal: Journal, *, status: str, verdict: Verdict | None = None) -> dict[str, Any]:
    """Write run.json and history.csv, each in one step, and return what run.json says."""
    report = {
        "accuracy": verdict.accuracy if verdict else None,
        "loss": verdict.loss if verdict else None,
        "name": folder.name,
        "status": status,
        "epochs": journal.epochs,
        "seconds": round(journal.seconds, 3),
        "created": journal.created,
        "settings": journal.settings.as_plain(),
        "data": journal.data,
        "model": {"name": model.name, "parameters": model.count_params()},
        "optimizer": serialize(model.optimizer),
        "input": {"shape": journal.data["image_shape"], "divided_by": 255},
        "versions": {"convstep": __version__, "python": platform.python_version(), "numpy": np.__version__, "system": platform.platform()},
        "history": [dict(row) for row in journal.history],
    }
    atomic_write(folder / "history.csv", _table(journal))
    atomic_write(folder / "run.json", json.dumps(report, indent=2, allow_nan=False) + "\n")
    return report


def write_curves(folder: Path, journal: Journal, verdict: Verdict) -> None:
    """Draw curves.png, in one step.

    Raises
    ------
    ModuleNotFoundError
        If Matplotlib is not installed.
    """
    from convstep.figures.curves import draw_curves, write_png  # noqa: PLC0415 - brings Matplotlib

    figure = draw_curves(
        list(journal.history), title=f"{folder.name}: {journal.settings.model} on {journal.settings.title}", test=asdict(verdict)
    )
    with atomic_file(folder / "curves.png") as file:
        write_png(figure, file)


def _named(runs: Path, new: Path, name: str | None, title: str) -> Path:
    """Give a complete folder its name, which nobody else may have taken in the meantime."""
    number = 0
    while True:
        number += 1
        path = runs / (name or f"{title}-{number}")
        if not path.exists():
            try:
                os.rename(new, path)  # noqa: PTH104 - so that a test can fail exactly here
            except OSError:
                if not path.exists():
                    raise
            else:
                sync_folder(runs)
                return path
        if name is not None:
            raise SettingError(f"--name: {path} is there already: --resume continues it, another name begins a new run")


def _sweep(runs: Path) -> None:
    """Remove folders that were never finished, left over when somebody was killed."""
    for path in runs.glob(".*.new"):
        with suppress(OSError):
            if path.is_dir() and time.time() - path.stat().st_mtime > FORGOTTEN:
                shutil.rmtree(path)


def _table(journal: Journal) -> str:
    words = {word: None for row in journal.history for word in row}
    columns = [*(word for word in FIRST_COLUMNS if word in words), *(word for word in words if word not in FIRST_COLUMNS)]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns or FIRST_COLUMNS[:3], lineterminator="\n")
    writer.writeheader()
    writer.writerows(journal.history)
    return text.getvalue()
