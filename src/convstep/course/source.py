"""A lesson's source: Markdown in which English and Chinese stand beside each other, and the cells that it is read as.

One rule: nothing is skipped. A line that belongs to no text and no cell, and a text without its twin, is an error that names the line.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias, get_args

from convstep.course.twins import check_twins
from convstep.errors import DataError

__all__ = ["LANGUAGES", "Cell", "Check", "Code", "Exercise", "Language", "Lesson", "Text", "parse"]

# `<!-- en -->` starts an English text, `<!-- zh -->` right after it its Chinese twin; either ends at the next marker or fence. Fences:
# `python` is a cell (`python keras`: one that needs Keras), in which a comment `# en: ...` or a line that ends in `  # en` stays in English
# alone, likewise `zh`; `exercise NAME` is cut from the solution and holds its docstring and its numbered comments in Chinese; `check NAME`
# is empty and grades it; a fence of `text` is part of the text around it.

Language: TypeAlias = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


@dataclass(frozen=True)
class Text:
    """A text in both languages."""

    line: int
    en: str
    zh: str


@dataclass(frozen=True)
class Code:
    """Lines of Python that both versions of a notebook show and run."""

    line: int
    source: str
    needs: str = ""

    def spoken(self, language: Language) -> str:
        """Return the lines with the comments of one language."""
        return "\n".join(line for text in self.source.splitlines() if (line := _spoken(text, language)) is not None)


@dataclass(frozen=True)
class Exercise:
    """A function that the learner writes: its name, and in Chinese its docstring and its numbered comments."""

    line: int
    function: str
    docstring: str
    comments: tuple[str, ...]


@dataclass(frozen=True)
class Check:
    """The cell that grades the exercise before it."""

    line: int
    function: str


Cell: TypeAlias = Text | Code | Exercise | Check


@dataclass(frozen=True)
class Lesson:
    """A whole lesson."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class _Piece:
    """What stands between two markers or inside a fence; `line` is that of the marker or the fence."""

    line: int
    kind: str
    body: str


def parse(source: str, name: str) -> Lesson:
    """Read a lesson.

    Parameters
    ----------
    source : str
        The Markdown.
    name : str
        Its file, as errors call it: `01_padding.md`.

    Raises
    ------
    DataError
        It breaks the format, or a text is not the twin of its neighbour. The error names the file and the line.
    """
    pieces = list(_pieces(source, name))
    cells = tuple(_cells(pieces, name))
    first = next((cell for cell in cells if isinstance(cell, Text)), None)
    if first is None or not (first.en.startswith("# ") and first.zh.startswith("# ")):
        line = first.line if first else 1
        raise DataError(f'course: {name}, line {line}: the first text does not begin with a title, "# ...", in both languages')
    _check_order(cells, name)
    return Lesson(name.removesuffix(".md"), cells)


def _pieces(source: str, name: str) -> Iterator[_Piece]:
    lines = iter(enumerate(source.splitlines(), start=1))
    line, kind, body = 0, "", list[str]()
    for number, text in lines:
        marker = re.fullmatch(r"<!-- (en|zh) -->", text.rstrip())
        fence = re.fullmatch(r"```(.*)", text.rstrip())
        if fence and kind and fence[1] == "text":
            body += [text, *_fenced(lines, number, name), "```"]
        elif marker or fence:
            if kind:
                yield _Piece(line, kind, "\n".join(body).strip())
            kind = ""
            if marker:
                line, kind, body = number, marker[1], []
            elif fence:
                yield _Piece(number, f"`{fence[1].strip()}", "\n".join(_fenced(lines, number, name)).strip("\n"))
        elif kind:
            body.append(text)
        elif text.strip():
            raise DataError(f"course: {name}, line {number}: this line is in no text and in no cell\n  given {text.strip()[:60]}")
    if kind:
        yield _Piece(line, kind, "\n".join(body).strip())


def _fenced(lines: Iterable[tuple[int, str]], start: int, name: str) -> list[str]:
    """Take the lines up to the end of a fence."""
    body: list[str] = []
    for _, text in lines:
        if text.rstrip() == "```":
            return body
        body.append(text)
    raise DataError(f"course: {name}, line {start}: the fence that begins here does not end")


def _cells(pieces: list[_Piece], name: str) -> Iterator[Cell]:
    rest = iter(pieces)
    for piece in rest:
        if piece.kind == "en":
            twin = next(rest, None)
            if twin is None or twin.kind != "zh":
                raise DataError(f"course: {name}, line {piece.line}: the English text that begins here has no Chinese text after it")
            check_twins(piece.body, twin.body, f"{name}, line {piece.line}")
            yield Text(piece.line, piece.body, twin.body)
        elif piece.kind == "zh":
            raise DataError(f"course: {name}, line {piece.line}: the Chinese text that begins here has no English text before it")
        else:
            yield _fence(piece, name)


def _fence(piece: _Piece, name: str) -> Cell:
    kind, _, word = piece.kind.removeprefix("`").partition(" ")
    if kind == "python" and word in {"", "keras"}:
        _check_comments(piece, name)
        return Code(piece.line, piece.body, word)
    if kind == "exercise" and word.isidentifier():
        docstring, *comments = piece.body.splitlines() or [""]
        return Exercise(piece.line, word, docstring.strip(), tuple(_numbered(comments, piece.line, name)))
    if kind == "check" and word.isidentifier() and not piece.body.strip():
        return Check(piece.line, word)
    raise DataError(
        f"course: {name}, line {piece.line}: a fence is python, python keras, exercise NAME, check NAME (empty), or text inside a text"
        f"\n  given {piece.kind.removeprefix('`') or 'no word'}"
    )


def _numbered(lines: list[str], start: int, name: str) -> Iterator[str]:
    """Return the comments after their numbers, which must count from 1."""
    for number, line in enumerate(filter(str.strip, lines), start=1):
        found = re.fullmatch(rf"{number}\.\s+(\S.*)", line.strip())
        if found is None:
            fact = f"comment {number} of the exercise does not begin with {number}."
            raise DataError(f"course: {name}, line {start}: {fact}\n  given {line.strip()}")
        yield found[1]


def _check_comments(piece: _Piece, name: str) -> None:
    count = {language: sum(_language(line) == language for line in piece.body.splitlines()) for language in LANGUAGES}
    if count["en"] != count["zh"]:
        raise DataError(
            f"course: {name}, line {piece.line}: the cell has {count['en']} lines in English alone and {count['zh']} in Chinese alone"
        )


def _language(line: str) -> str | None:
    """Return the one language that a line of code is for."""
    found = re.match(r"\s*# (en|zh): ", line) or re.search(r"  # (en|zh)$", line)
    return found[1] if found else None


def _spoken(line: str, language: Language) -> str | None:
    """Return a line of code without the mark of its language, or None if it is for the other one."""
    if _language(line) not in {None, language}:
        return None
    return re.sub(r"  # (en|zh)$", "", re.sub(r"^(\s*# )(en|zh): ", r"\1", line))


def _check_order(cells: tuple[Cell, ...], name: str) -> None:
    """Refuse an exercise whose next cell is not its check, and a check without its exercise."""
    for before, after in pairwise((None, *cells, None)):
        asked = before.function if isinstance(before, Exercise) else None
        checked = after.function if isinstance(after, Check) else None
        if before and asked and asked != checked:
            raise DataError(f"course: {name}, line {before.line}: the cell after the exercise {asked} is not its check")
        if after and checked and asked != checked:
            raise DataError(f"course: {name}, line {after.line}: the cell before the check of {checked} is not its exercise")
