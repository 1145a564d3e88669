"""The course: lessons in English and Chinese, written as notebooks, with exercises cut from code that is tested.

One rule: nothing that a learner changed is overwritten unless asked to.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable
from os import PathLike
from pathlib import Path
from typing import Literal

from convstep.course.notebooks import notebook
from convstep.course.source import LANGUAGES, Cell, Exercise, Language, Lesson, Text, parse
from convstep.errors import DataError
from convstep.files import atomic_write
from convstep.steps.tracing import FUNCTIONS

__all__ = ["LANGUAGES", "load_lessons", "write_course"]

ASSIGNMENT = "assignment"


def write_course(folder: str | PathLike[str], *, language: Literal["en", "zh", "both"] = "both", force: bool = False) -> list[Path]:
    """Write the lessons as notebooks: for each language a folder `learner` and a folder `solved`.

    Parameters
    ----------
    folder : path
        Where to; it is made if it is not there.
    language : {"en", "zh", "both"}
        English, Simplified Chinese, or both.
    force : bool
        Overwrite notebooks that were changed since they were written.

    Returns
    -------
    list of Path
        All notebooks of the course, written now or there already.

    Raises
    ------
    DataError
        A notebook is there already and was changed, then none is written; or a folder cannot be made.
    MissingExtraError
        nbformat is not installed.
    """
    contents = _contents(Path(folder), LANGUAGES if language == "both" else (language,))
    if not force:
        _refuse_changed(contents)
    for path, content in contents.items():
        _make(path.parent)
        if not _has(path, content):
            atomic_write(path, content)
    return list(contents)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"course: the folder {folder} cannot be made: {error.strerror}") from error


def load_lessons() -> list[Lesson]:
    """Read and check the lessons, in their order; the last one is the assignment, the eight exercises alone."""
    sources = sorted((files("convstep.course") / "lessons").iterdir(), key=lambda file: file.name)
    lessons = [_load(file) for file in sources if file.name.endswith(".md")]
    frame = next(lesson for lesson in lessons if lesson.name == ASSIGNMENT)
    lessons.remove(frame)
    return [*lessons, _assignment(frame, lessons)]


def _load(file: Traversable) -> Lesson:
    return parse(file.read_text(encoding="utf-8"), file.name)


def _assignment(frame: Lesson, lessons: list[Lesson]) -> Lesson:
    """Put the exercises after the frame, each with the text that stands right before it in its lesson."""
    found: dict[str, tuple[Cell, ...]] = {}
    for lesson in lessons:
        for place, cell in enumerate(lesson.cells):
            if isinstance(cell, Exercise):
                before = lesson.cells[place - 1 : place] if isinstance(lesson.cells[place - 1], Text) else ()
                found[cell.function] = (*before, *lesson.cells[place : place + 2])
    return Lesson(frame.name, (*frame.cells, *(cell for name in FUNCTIONS for cell in found.get(name, ()))))


def _contents(folder: Path, languages: tuple[Language, ...]) -> dict[Path, str]:
    return {
        folder / language / version / f"{lesson.name}.ipynb": notebook(lesson, language, solved=version == "solved")
        for lesson in load_lessons()
        for language in languages
        for version in ("learner", "solved")
    }


def _refuse_changed(contents: dict[Path, str]) -> None:
    changed = [path for path, content in contents.items() if path.exists() and not _has(path, content)]
    if changed:
        more = f" (and {len(changed) - 1} more)" if changed[1:] else ""
        raise DataError(f"course: {changed[0]}{more} is there already and was changed; nothing was written, --force overwrites it")


def _has(path: Path, content: str) -> bool:
    return path.is_file() and path.read_bytes() == content.encode()
