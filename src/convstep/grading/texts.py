"""The grader's own files: sentences, rules, mistakes, a page, and the modules that are sent to the learner's process."""

import tomllib
from importlib.resources import files
from typing import Any

__all__ = ["table_of", "text_of"]


def text_of(name: str) -> str:
    """Return a file of this room as text."""
    return files("convstep.grading").joinpath(name).read_text(encoding="utf-8")


def table_of(name: str) -> dict[str, Any]:
    """Return a TOML file of this room."""
    return tomllib.loads(text_of(name))
