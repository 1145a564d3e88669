"""A folder of files judged side by side: a row of a table for each, which is whole whenever the work is stopped.

One rule: the same files with the same seed give the same bytes, however often the work was stopped in between.
"""

import csv
import hashlib
import io
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convstep.errors import DataError
from convstep.files import atomic_write
from convstep.grading.grades import FileReport
from convstep.grading.observing import EIGHT
from convstep.grading.reading import LARGEST_NOTEBOOK, MEGABYTE
from convstep.grading.running import Plan, check_file
from convstep.grading.words import clean

__all__ = ["COLUMNS", "Count", "Row", "check_folder", "count_right", "counts", "files_in", "seed_of"]

SUFFIXES = (".py", ".ipynb")
COLUMNS = (
    "file",
    "score",
    "right",
    "problem",
    "edition",
    "seed",
    "sha256",
    "judged",
    *(f"{name}{part}" for name in EIGHT for part in ("", " score", " mistakes")),
)
AHEAD = 4  # files per process that are handed out at a time

Row = Mapping[str, str]


def files_in(folder: Path) -> list[Path]:
    """Return the .py files and notebooks in a folder and below it, by name; hidden ones and Jupyter's checkpoints are left out.

    Raises
    ------
    DataError
        If there is no such folder, or no such file in it.
    """
    if not folder.is_dir():
        raise DataError(f"check: there is no folder {folder}\n  given --batch {folder}")
    found = []
    for place, names, files in os.walk(folder):
        names[:] = sorted(name for name in names if not name.startswith(".") and name != "__pycache__")
        found += [Path(place, name) for name in files if not name.startswith(".") and name.lower().endswith(SUFFIXES)]
    if not found:
        raise DataError(f"check: there is no .py file and no notebook in the folder {folder}\n  given --batch {folder}")
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def seed_of(table: Path) -> int | None:
    """Return the seed of the rows that are there already."""
    return next((int(row["seed"]) for row in _rows_in(table) if row["seed"].isdecimal()), None)


def check_folder(folder: Path, table: Path, plan: Plan, *, processes: int, done: Callable[[], None]) -> list[Row]:
    """Judge the files of a folder, and write the table anew after each; rows that are there already stay, if nothing changed.

    Parameters
    ----------
    folder, table : Path
        Where the files are, and the .csv file.
    plan : Plan
        How they are judged, all with one seed.
    processes : int
        How many files at a time.
    done : callable
        Called once for each file that is judged, now or before.

    Returns
    -------
    list of Row
        By the files' names.
    """
    paths = {path.relative_to(folder).as_posix(): path for path in files_in(folder)}
    shown = {_cell(name): name for name in paths}
    digests = {name: _digest(path) for name, path in paths.items()}
    way = _way(plan)
    rows: dict[str, Row] = {}
    for row in _rows_in(table):
        name = shown.get(row["file"])
        if name is not None and (row["sha256"], row["judged"]) == (digests[name], way):
            rows[name] = row
            done()
    for name, report in _judged([(name, path) for name, path in paths.items() if name not in rows], plan, processes):
        rows[name] = _row(name, report, digests[name], way)
        _write(table, [rows[key] for key in paths if key in rows])
        done()
    ordered = [rows[name] for name in paths]
    _write(table, ordered)
    return ordered


def _judged(files: Sequence[tuple[str, Path]], plan: Plan, processes: int) -> Iterator[tuple[str, FileReport]]:
    """Yield reports as they are ready."""
    if not files:
        return
    todo = iter(files)
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting: dict[Future[FileReport], str] = {}
        try:
            while True:
                for name, path in todo:
                    waiting[pool.submit(check_file, path, replace(plan, workers=1))] = name
                    if len(waiting) >= processes * AHEAD:
                        break
                if not waiting:
                    return
                ready, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ready:
                    yield waiting.pop(future), future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _way(plan: Plan) -> str:
    """Return a short name for how files are judged: rows made in another way are made again."""
    from convstep import __version__  # noqa: PLC0415 - the package's own version, which it knows when it is loaded

    told = [__version__, plan.seed, plan.edition, dict(plan.functions), plan.limits.seconds]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


def _digest(path: Path) -> str:
    """Return the hash of what is judged of a file, or of its name where it cannot be read."""
    try:
        if path.is_file():
            with path.open("rb") as stream:
                return hashlib.sha256(stream.read(LARGEST_NOTEBOOK * MEGABYTE + 1)).hexdigest()
    except OSError:
        pass
    return hashlib.sha256(path.name.encode("utf-8", "surrogateescape")).hexdigest()


def _row(name: str, report: FileReport, digest: str, way: str) -> Row:
    row = {
        "file": _cell(name),
        "score": f"{report.score:.4f}",
        "right": str(sum(grade.status == "right" for grade in report.grades)),
        "problem": _cell(report.problem["en"]) if report.problem else "",
        "edition": report.edition,
        "seed": str(report.seed),
        "sha256": digest,
        "judged": way,
    }
    for grade in report.grades:
        row[grade.function] = grade.status
        row[f"{grade.function} score"] = f"{grade.score:.4f}"
        row[f"{grade.function} mistakes"] = " ".join(one.id for one in grade.diagnosis)
    return row


def _cell(text: str) -> str:
    """Return a name as a cell that no spreadsheet takes for a formula."""
    plain = clean(text, 300)
    return f"'{plain}" if plain[:1] in tuple("=+-@") else plain


def _rows_in(table: Path) -> list[dict[str, Any]]:
    """Return the rows of a table that an earlier run wrote; none where there is no such table.

    Raises
    ------
    DataError
        If the file is there and is something else.
    """
    if not table.exists():
        return []
    try:
        reader = csv.DictReader(io.StringIO(table.read_text(encoding="utf-8-sig"), newline=""))
        rows, columns = list(reader), tuple(reader.fieldnames or ())
    except (OSError, ValueError, csv.Error):
        rows, columns = [], ()
    if columns != COLUMNS or any(None in row or None in row.values() for row in rows):
        raise DataError(f"check: {table.name} is there and is no table of this command; remove it or name another\n  given --out {table}")
    return rows


def _write(table: Path, rows: Sequence[Row]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic_write(table, "\ufeff" + text.getvalue())  # the mark tells spreadsheets that it is UTF-8


def count_right(rows: Sequence[Row]) -> int:
    """Return how many files have all eight functions right."""
    return sum(row["right"] == str(len(EIGHT)) for row in rows)


@dataclass(frozen=True)
class Count:
    """How often a mistake was named, of the files that define its function."""

    function: str
    mistake: str
    files: int
    of: int


def counts(rows: Sequence[Row]) -> list[Count]:
    """Return how often each mistake was named, the most frequent first."""
    of = {name: sum(row[name] != "missing" and not row["problem"] for row in rows) for name in EIGHT}
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        for name in EIGHT:
            for mistake in row[f"{name} mistakes"].split():
                found[name, mistake] = found.get((name, mistake), 0) + 1
    made = [Count(name, mistake, files, of[name]) for (name, mistake), files in found.items()]
    return sorted(made, key=lambda one: (-one.files, one.function, one.mistake))
