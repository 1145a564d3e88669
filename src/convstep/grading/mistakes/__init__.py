"""The known mistakes: each is data, a patch of `convstep.grading.solution` with words in two languages.

One rule: what a mistake does is found by running it, never told. One file of the eight functions' names holds the mistakes of each.
"""

import ast
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from convstep.grading import solution
from convstep.grading.given import made_of
from convstep.grading.texts import table_of
from convstep.grading.words import LANGUAGES, joined

__all__ = ["Mistake", "PatchError", "catalogue", "patched", "source_of"]

Patch = tuple[tuple[str, str], ...]
Words = Mapping[str, str]


class PatchError(ValueError):
    """A patch that does not fit the source: its text is not there, or there more than once."""


@dataclass(frozen=True)
class Mistake:
    """One known mistake of one function.

    `patches` are one or more ways to make it in the solution's text; each is a sequence of (text, new text). `title` says what is wrong in
    kind, `where` where, `idea` what mends it: the three levels of a hint, none of them a line of code. `seen` is how many of 131 public
    solutions have it.
    """

    id: str
    function: str
    patches: tuple[Patch, ...]
    title: Words
    where: Words
    idea: Words
    seen: int = 0
    source: str = ""

    def advice(self, language: str, level: int) -> str:
        """Return the hint of a level, 1 to 3, in a language."""
        return joined((words[language] for words in (self.title, self.where, self.idea)[:level]), language)


@cache
def catalogue(function: str) -> tuple[Mistake, ...]:
    """Return the known mistakes of a function, the most frequent first."""
    made = [_mistake(function, name, entry) for name, entry in table_of(f"mistakes/{function}.toml").items()]
    return tuple(sorted(made, key=lambda mistake: -mistake.seen))


def _mistake(function: str, name: str, entry: Mapping[str, Any]) -> Mistake:
    patches = tuple(tuple((old, new) for old, new in patch) for patch in [entry["patch"], *entry.get("also", [])])
    words = {part: {language: entry[part][language] for language in LANGUAGES} for part in ("title", "where", "idea")}
    return Mistake(f"{function}.{name}", function, patches, **words, seen=entry.get("seen", 0), source=entry.get("source", ""))


@cache
def source_of(function: str) -> str:
    """Return the text of one of the eight functions of the solution, without its docstring."""
    text = inspect.getsource(getattr(solution, function))
    (node,) = ast.parse(text).body
    docstring = node.body[0]  # type: ignore[attr-defined]
    lines = text.splitlines(keepends=True)
    return "".join(lines[: docstring.lineno - 1] + lines[docstring.end_lineno :])


def patched(*mistakes: Mistake) -> list[Callable[..., Any]]:
    """Return the solution's function with all these mistakes in it, once for each way to make them together; maybe in no way."""
    made = []
    for patches in product(*(mistake.patches for mistake in mistakes)):
        try:
            made.append(made_of(mistakes[0].function, _apply(source_of(mistakes[0].function), *patches)))
        except (PatchError, SyntaxError):  # two patches may cut each other's lines
            continue
    return made


def _apply(text: str, *patches: Patch) -> str:
    for patch in patches:
        for old, new in patch:
            if text.count(old) != 1:
                raise PatchError(f"{text.count(old)} times in the solution: {old!r}")
            text = text.replace(old, new)
    return text
