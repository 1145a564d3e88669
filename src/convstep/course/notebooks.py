"""Notebooks from lessons: the cells of one language, as a learner gets them or solved.

One rule: the same lesson gives the same bytes, so that a file which somebody changed can be told from one that nobody touched.
"""

from collections.abc import Iterable
from typing import Any, assert_never

from convstep.course import exercises
from convstep.course.source import Cell, Check, Code, Exercise, Language, Lesson, Text
from convstep.extras import require

__all__ = ["POINTS", "notebook"]

POINTS = 10  # for each exercise, as nbgrader counts

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# nbgrader takes the number that the last line shows as the points of the cell.
CHECK = """\
import convstep

grade = convstep.check({function}, language="{language}")
display(grade)
round({points} * grade.score, 2)  # {comment}"""
COMMENTS = {"en": f"points, of {POINTS}", "zh": f"得分，满分 {POINTS} 分"}  # noqa: RUF001 - a Chinese comma


def notebook(lesson: Lesson, language: Language, *, solved: bool) -> str:
    """Return a lesson as the text of a notebook, format 4.5.

    Parameters
    ----------
    lesson : Lesson
        What `source.parse` returned.
    language : {"en", "zh"}
        The language of its texts and comments.
    solved : bool
        Whether the exercises have their code.

    Raises
    ------
    MissingExtraError
        nbformat is not installed.
    DataError
        An exercise does not fit the solution that it is cut from.
    """
    nbformat = require("nbformat", extra="course", op="course")
    cells = [_cell(nbformat.v4, cell, language, solved=solved, name=lesson.name) for cell in lesson.cells]
    for name, cell in zip(_names(lesson.cells), cells, strict=True):
        cell["id"] = name
    text: str = nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=METADATA))
    return text + "\n"


def _cell(make: Any, cell: Cell, language: Language, *, solved: bool, name: str) -> Any:
    match cell:
        case Text():
            return make.new_markdown_cell(cell.zh if language == "zh" else cell.en)
        case Code():
            return make.new_code_cell(cell.spoken(language), metadata={"tags": [f"needs-{cell.needs}"]} if cell.needs else {})
        case Exercise():
            cut = exercises.solved if solved else exercises.blank
            return make.new_code_cell(cut(cell, language, f"{name}.md, line {cell.line}"), metadata=_exercise_metadata(cell))
        case Check():
            source = CHECK.format(function=cell.function, language=language, points=POINTS, comment=COMMENTS[language])
            return make.new_code_cell(source, metadata=_check_metadata(cell))
        case _:
            assert_never(cell)


def _exercise_metadata(cell: Exercise) -> dict[str, Any]:
    """Return what marks a cell that the learner fills in, in nbgrader's words."""
    return {"nbgrader": _nbgrader(cell.function) | {"solution": True, "locked": False, "grade": False}}


def _check_metadata(cell: Check) -> dict[str, Any]:
    """Return what marks a cell that gives points, in nbgrader's words."""
    return {"nbgrader": _nbgrader(f"check_{cell.function}") | {"solution": False, "locked": True, "grade": True, "points": POINTS}}


def _nbgrader(name: str) -> dict[str, Any]:
    return {"schema_version": 3, "cell_type": "code", "grade_id": name, "task": False}


def _names(cells: Iterable[Cell]) -> list[str]:
    """Return an id for each cell: exercises and checks by their function, the others counted."""
    counts = {"text": 0, "code": 0}
    names = []
    for cell in cells:
        if isinstance(cell, Exercise | Check):
            names.append(f"{type(cell).__name__.lower()}-{cell.function}")
        else:
            kind = type(cell).__name__.lower()
            counts[kind] += 1
            names.append(f"{kind}-{counts[kind]:02d}")
    return names
