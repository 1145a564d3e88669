"""Two texts that must say the same in English and in Chinese, as far as a program can tell.

One rule: they go paragraph by paragraph, with the same headings, formulas and code; only the words differ.
"""

import re
import unicodedata
from collections.abc import Iterator

from convstep.errors import DataError

__all__ = ["check_twins", "paragraphs"]

CODE = re.compile(r"`[^`\n]+`")
FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$", re.DOTALL)
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
MARKUP = re.compile(r"<[^>]+>|\]\([^)]*\)")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
EMPHASIS = re.compile(r"(?<!\*)(\*{1,2})(?![\s*])([^*]+)(?<!\s)\1(?!\*)")
WORD = re.compile(r"[A-Za-z]{2,}")
SIGN = re.compile(r"(#+|[>|*+-]|\d+[.)])\s")


def check_twins(english: str, chinese: str, place: str) -> None:
    """Refuse a pair in which one language lacks something that the other has.

    Parameters
    ----------
    english, chinese : str
        The texts, as Markdown.
    place : str
        Where the English one begins, as errors say it: `01_padding.md, line 7`.

    Raises
    ------
    DataError
        A paragraph, a formula, a piece of code or a heading is missing, or a text is in the wrong language.
    """
    ours, theirs = paragraphs(english), paragraphs(chinese)
    if len(ours) != len(theirs):
        name = "Chinese" if len(ours) > len(theirs) else "English"
        count = f"there are {len(ours)} in English and {len(theirs)} in Chinese"
        raise DataError(f"course: {place}: the {name} text lacks a paragraph: {count}")
    for number, pair in enumerate(zip(ours, theirs, strict=True), start=1):
        fault = next(_faults(*pair), None)
        if fault:
            raise DataError(f"course: {place}: paragraph {number}: {fault}\n  given {pair[0].splitlines()[0][:60]}")


def paragraphs(text: str) -> list[str]:
    """Return what stands between blank lines; a fence is one paragraph, whatever is in it."""
    fences: list[str] = FENCE.findall(text)
    whole = FENCE.sub("\0", text)
    parts = [part.strip() for part in re.split(r"\n\s*\n", whole) if part.strip()]
    held = iter(fences)
    return [re.sub("\0", lambda _: next(held), part) for part in parts]


def _faults(english: str, chinese: str) -> Iterator[str]:
    for what, pattern in (("code", CODE), ("formula", FORMULA)):
        ours, theirs = _found(pattern, english), _found(pattern, chinese)
        yield from (f"the Chinese text lacks the {what} {item}" for item in sorted(ours - theirs))
        yield from (f"the English text lacks the {what} {item}" for item in sorted(theirs - ours))
    if _sign(english) != _sign(chinese):
        yield f'it begins with "{_sign(english)}" in English and with "{_sign(chinese)}" in Chinese'
    yield from _open(english)
    yield from _open(chinese)
    words = WORD.search(_bare(english))
    if words and not CHINESE.search(_bare(chinese)):
        yield "the Chinese text has no Chinese characters"
    if CHINESE.search(english):
        yield "the English text has Chinese characters"


def _found(pattern: re.Pattern[str], text: str) -> set[str]:
    """Return the formulas or the pieces of code of a paragraph; a dollar in code is no formula."""
    text = FENCE.sub("", text)
    found = pattern.findall(text if pattern is CODE else CODE.sub("", text))
    return {re.sub(r"\s+", " ", item) for item in found}


def _open(text: str) -> Iterator[str]:
    """Find emphasis that stays open: by Markdown's rule, stars between a punctuation mark and a character neither open nor close.

    It happens in Chinese, which has no spaces: the stars after a colon must not touch the next character.
    """
    text = f" {FORMULA.sub('$', CODE.sub('`', FENCE.sub('', text)))} "
    for found in EMPHASIS.finditer(text):
        before, after = text[found.start() - 1], text[found.end()]
        inner = found[2]
        if (_is_mark(inner[0]) and _is_letter(before)) or (_is_mark(inner[-1]) and _is_letter(after)):
            yield f"Markdown does not see this emphasis, for the mark at its edge: {found[0]}"
        if len(found[1]) == 1 and CHINESE.search(inner):
            yield f"Chinese has no italics: use two stars, or “quotation marks”: {found[0]}"


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def _is_letter(character: str) -> bool:
    return not (character.isspace() or _is_mark(character))


def _sign(text: str) -> str:
    """Return what makes a paragraph a heading, a quotation, a list or a table."""
    found = SIGN.match(text)
    return found[1] if found else ""


def _bare(text: str) -> str:
    """Return the words alone."""
    for pattern in (FENCE, CODE, FORMULA, MARKUP):
        text = pattern.sub(" ", text)
    return text
