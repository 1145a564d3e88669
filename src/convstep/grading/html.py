"""A grade as HTML for notebooks: the verdict, the hints, and the first wrong window as a picture made of tables.

One rule: every text is escaped, and colours carry nothing that words do not.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Protocol

import numpy as np

from convstep.checks import Array
from convstep.grading.locating import Evidence
from convstep.grading.words import say

__all__ = ["grade_html"]

COLOURS = {"right": "#00684d", "wrong": "#a34100", "error": "#a34100", "missing": "#595959", "timeout": "#a34100"}
BLUE, VERMILION = "#0072b2", "#d55e00"  # of the house style of figures
LARGEST = 12  # rows or columns of an image that is drawn whole


class _Grade(Protocol):
    """What is shown of `convstep.grading.Grade`."""

    @property
    def function(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def message(self) -> str: ...
    @property
    def picture(self) -> Mapping[str, Any] | None: ...
    @property
    def language(self) -> str: ...


def grade_html(grade: _Grade) -> str:
    """Return a grade as a piece of HTML."""
    status = say(f"screen.status.{grade.status}", grade.language)
    head = f'<b style="color:{COLOURS[grade.status]}">{escape(grade.function)}: {escape(status)}</b> ({100 * grade.score:.0f} %)'
    body = f'<p style="max-width:46em;margin:.4em 0">{escape(grade.message).replace(chr(10), "<br>")}</p>'
    picture = _picture(grade.picture, grade.language) if grade.picture else ""
    return f'<div class="convstep-grade" lang="{grade.language}" style="line-height:1.5">{head}{body}{picture}</div>'


def _picture(picture: Mapping[str, Any], language: str) -> str:
    """Return the first wrong window: the image with the window framed, and the wrong entry beside the right one."""
    found: Evidence = picture["found"]
    image = _image(picture, found)
    panels = []
    if image is not None:
        title = say("screen.image.padded" if picture["function"].startswith("conv") else "screen.image", language)
        panels.append(_panel(title, _table(image, picture["window"])))
    numbers = [(say("screen.got", language), found.got, VERMILION), (say("screen.expected", language), found.want, BLUE)]
    panels += [_panel(title, _single(found.entry, value, colour)) for title, value, colour in numbers]
    return f'<div style="display:flex;flex-wrap:wrap;gap:1.5em;align-items:flex-end">{"".join(panels)}</div>'


def _image(picture: Any, found: Evidence) -> Array | None:
    """Return the channel of the image that the window lies in, padded as the function pads it; None where it is too large to draw."""
    if picture["window"] is None or len(found.index) != 4:
        return None
    i, _, _, c = found.index
    images = picture["arguments"][0]
    if picture["function"] == "conv_forward":
        pad = picture["arguments"][3]["pad"]
        images, c = np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0))), 0
    image: Array = images[i, :, :, c]
    return image if max(image.shape) <= LARGEST else None


def _panel(title: str, content: str) -> str:
    return f'<figure style="margin:0"><figcaption style="font-size:.85em">{escape(title)}</figcaption>{content}</figure>'


def _table(image: Array, window: Any) -> str:
    (top, bottom), (left, right) = window["rows"], window["columns"]
    rows = []
    for row, numbers in enumerate(image):
        cells = [_cell(number, inside=top <= row < bottom and left <= column < right) for column, number in enumerate(numbers)]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return _sheet(rows)


def _cell(number: float, *, inside: bool) -> str:
    look = f"border:2px solid {BLUE};font-weight:bold" if inside else "border:1px solid #c8c8c8"
    return f'<td style="{look};padding:.15em .4em;text-align:right;font-family:monospace">{escape(f"{number:.3g}")}</td>'


def _single(entry: str, value: float, colour: str) -> str:
    look = f"border:2px solid {colour};padding:.15em .4em;text-align:right;font-family:monospace"
    return _sheet(
        [f'<tr><th style="font-weight:normal;text-align:right">{escape(entry)}</th><td style="{look}">{escape(f"{value:.6g}")}</td></tr>']
    )


def _sheet(rows: Sequence[str]) -> str:
    return f'<table style="border-collapse:collapse;margin:.2em 0"><tbody>{"".join(rows)}</tbody></table>'
