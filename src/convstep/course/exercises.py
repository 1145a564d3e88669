"""The exercises, cut from the solution: what a learner is given to fill in, and the solved function, in either language.

One rule: the code stands once, in `grading/solution.py`; here are only its comments, in Chinese too.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from textwrap import wrap

from convstep.course.source import Exercise, Language
from convstep.errors import DataError
from convstep.steps.tracing import FUNCTIONS

__all__ = ["blank", "solved"]

INDENT, WIDTH = "    ", 96
COMMENT = re.compile(r"( *)# (\d+)\. (.*)")


@dataclass(frozen=True)
class _Solution:
    """A function of the solution: its first line, its docstring, and the lines below."""

    head: str
    docstring: str
    body: tuple[str, ...]


def blank(exercise: Exercise, language: Language, place: str) -> str:
    """Return what a learner is given: the function with its comments, without its code.

    Raises
    ------
    DataError
        There is no such function, or it has another number of comments in Chinese than in English. The error begins with `place`.
    """
    solution = _solution(exercise, place)
    comments = [_wrapped(INDENT, number, text) for _, number, text in _comments(solution, exercise, language)]
    return "\n".join([solution.head, _docstring(solution, exercise, language), *comments, f"{INDENT}..."])


def solved(exercise: Exercise, language: Language, place: str) -> str:
    """Return the whole function, with the comments of one language.

    Raises
    ------
    DataError
        As `blank` does.
    """
    solution = _solution(exercise, place)
    comments = iter([_wrapped(*comment) for comment in _comments(solution, exercise, language)])
    body = [next(comments) if COMMENT.fullmatch(line) else line for line in solution.body]
    return "\n".join([solution.head, _docstring(solution, exercise, language), *body])


def _comments(solution: _Solution, exercise: Exercise, language: Language) -> Iterator[tuple[str, str, str]]:
    found = [match.groups() for line in solution.body if (match := COMMENT.fullmatch(line))]
    texts = exercise.comments if language == "zh" else tuple(text for _, _, text in found)
    return ((indent, number, text) for (indent, number, _), text in zip(found, texts, strict=True))


def _wrapped(indent: str, number: str, text: str) -> str:
    """Return a comment on lines that a notebook shows without scrolling."""
    return "\n".join(wrap(text, WIDTH, initial_indent=f"{indent}# {number}. ", subsequent_indent=f"{indent}#    "))


def _docstring(solution: _Solution, exercise: Exercise, language: Language) -> str:
    text = exercise.docstring if language == "zh" else solution.docstring
    return "\n".join(wrap(f'"""{text}"""', WIDTH, initial_indent=INDENT, subsequent_indent=INDENT))


def _solution(exercise: Exercise, place: str) -> _Solution:
    solution = _solutions().get(exercise.function)
    if solution is None:
        raise DataError(f"course: {place}: there is no exercise {exercise.function}\n  there are {', '.join(FUNCTIONS)}")
    expected, given = sum(COMMENT.fullmatch(line) is not None for line in solution.body), len(exercise.comments)
    if not exercise.docstring or expected != given:
        raise DataError(
            f"course: {place}: the exercise {exercise.function} needs a docstring and {expected} comments in Chinese, "
            f"and has {'one' if exercise.docstring else 'none'} and {given}"
        )
    return solution


@cache
def _solutions() -> dict[str, _Solution]:
    """Cut the solution into its functions."""
    source = (files("convstep.grading") / "solution.py").read_text(encoding="utf-8")
    lines, found = source.splitlines(), {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            start = node.body[0].end_lineno or 0
            body = tuple(lines[start : node.end_lineno])
            found[node.name] = _Solution(lines[node.lineno - 1], ast.get_docstring(node) or "", body)
    return found
