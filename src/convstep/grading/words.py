"""The grader's sentences, from `words.toml`. One rule: every sentence is there in both languages, with the same names to fill in."""

import locale
import os
from collections.abc import Iterable
from functools import cache
from typing import Any

from convstep.grading.texts import table_of

__all__ = ["LANGUAGES", "both", "clean", "joined", "probe_name", "say", "spoken_language"]

LANGUAGES = ("en", "zh")
LINE = 200  # characters of a learner's text that are repeated


@cache
def _sentences() -> Any:
    return table_of("words.toml")


def say(key: str, language: str, **values: Any) -> str:
    """Return a sentence with its names filled in."""
    found = _sentences()
    for part in key.split("."):
        found = found[part]
    return str(found[language]).format(**values)


def both(key: str, **values: Any) -> dict[str, str]:
    """Return a sentence in both languages."""
    return {language: say(key, language, **values) for language in LANGUAGES}


def joined(sentences: Iterable[str], language: str) -> str:
    """Return sentences one after the other; Chinese has no space between them."""
    return ("" if language == "zh" else " ").join(sentence for sentence in sentences if sentence)


def probe_name(name: str, language: str) -> str:
    """Return the name of a probe in a language."""
    place, comma, mode = name.partition(", ")
    words = _sentences()["probe"]
    return name if language == "en" else f"{words[place]}{comma and ', '}{words.get(mode, mode)}"


def clean(text: str, most: int = LINE) -> str:
    """Return a learner's text in one line, without control characters, cut to a length."""
    kept = "".join(sign if sign.isprintable() else " " for sign in text[: 4 * most])
    short = " ".join(kept.split())
    return short if len(short) <= most else short[: most - 1] + "…"


def spoken_language() -> str:
    """Return "zh" where the user's locale is Chinese, else "en"."""
    words = [os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
    chosen = next((word for word in words if word), "") or locale.getlocale()[0] or ""
    return "zh" if chosen.lower().startswith(("zh", "chinese")) else "en"
