"""What a class got wrong, as one page of HTML: a chart of the mistakes, one of the functions, and a row for each file.

One rule: the same rows give the same bytes; nothing is loaded from anywhere, and every text is escaped.
"""

from collections.abc import Sequence
from html import escape
from string import Template

from convstep.grading.batch import Count, Row, count_right, counts
from convstep.grading.complaints import title_of_error
from convstep.grading.mistakes import catalogue
from convstep.grading.observing import EIGHT
from convstep.grading.texts import text_of
from convstep.grading.words import say

__all__ = ["page", "summary", "title"]

STATUSES = ("right", "wrong", "error", "timeout", "missing")
MOST = 25  # mistakes in the chart


def summary(rows: Sequence[Row], found: Sequence[Count], language: str) -> str:
    """Return in a sentence or two how a class did."""
    sentence = say("page.summary", language, right=count_right(rows), all=len(rows))
    if not found:
        return sentence
    first = found[0]
    return sentence + say("page.most", language, files=first.files, of=first.of, function=first.function, title=title(first, language))


def title(count: Count, language: str) -> str:
    """Return the mistake in words."""
    known = {mistake.id: mistake.title[language] for mistake in catalogue(count.function)}
    return known.get(count.mistake) or title_of_error(count.mistake, language) or say("page.other", language)


def page(rows: Sequence[Row], *, name: str, language: str) -> str:
    """Return the report of a batch.

    Parameters
    ----------
    rows : sequence of Row
        As `batch.check_folder` returns them.
    name : str
        Of the folder, for the title.
    language : "en" or "zh"
    """
    found = counts(rows)
    text = text_of("page.html")
    words = {key: escape(say(f"page.{key}", language)) for key in ("mistakes", "functions", "files", "file", "score", "none")}
    seeds, editions = ("; ".join(sorted({row[key] for row in rows})) for key in ("seed", "edition"))
    return Template(text).substitute(
        words,
        language=language,
        title=escape(say("page.title", language, name=name)),
        summary=escape(summary(rows, found, language)),
        facts=escape(say("page.facts", language, seeds=seeds, editions=editions)),
        chart="\n".join(_bar(one, language) for one in found[:MOST]) or f"<p>{words['none']}</p>",
        legend=" ".join(f'<span class="key {status}">{escape(say(f"screen.status.{status}", language))}</span>' for status in STATUSES),
        stacks="\n".join(_stack(rows, function, language) for function in EIGHT),
        heads="".join(f"<th>{function}</th>" for function in EIGHT),
        rows="\n".join(_line(row, language) for row in rows),
    )


def _bar(count: Count, language: str) -> str:
    label = f"{count.function}: {title(count, language)}"
    width = 100 * count.files / count.of
    number = escape(say("page.of", language, files=count.files, of=count.of))
    return (
        f'<div class="bar"><div class="label">{escape(label)} <code>{escape(count.mistake)}</code></div>'
        f'<div class="track"><div class="fill" style="width:{width:.1f}%"></div></div><div class="number">{number}</div></div>'
    )


def _stack(rows: Sequence[Row], function: str, language: str) -> str:
    parts = []
    for status in STATUSES:
        files_with = sum(row[function] == status for row in rows)
        if files_with:
            name = escape(say(f"screen.status.{status}", language))
            width = 100 * files_with / len(rows)
            parts.append(f'<div class="part {status}" style="width:{width:.2f}%" title="{name}: {files_with}">{files_with}</div>')
    return f'<div class="bar"><div class="label"><code>{function}</code></div><div class="track stack">{"".join(parts)}</div></div>'


def _line(row: Row, language: str) -> str:
    cells = []
    for function in EIGHT:
        status = row[function]
        mistakes = escape(row[f"{function} mistakes"])
        name = escape(say(f"screen.status.{status}", language)) if status in STATUSES else ""
        cells.append(f'<td class="{escape(status)}" title="{mistakes}">{name}</td>')
    return f'<tr><th scope="row">{escape(row["file"])}</th><td>{float(row["score"]):.0%}</td>{"".join(cells)}</tr>'
