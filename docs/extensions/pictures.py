"""The picture under a docstring: what its own example draws, on white paper and on dark.

One rule: a picture is drawn by the very example that stands above it, each time the pages are built.
"""

import doctest
import inspect
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from convstep.figures import Picture, use_theme

__all__ = ["draw_example", "lines_below", "setup"]

THEMES = ("light", "dark")
FOLDER = Path("_build") / "pictures"  # inside the sources, which is where Sphinx looks for images
RESULT = "figure"  # an example that is to be seen ends with this name
SHARP, SCREEN = 192, 96  # pixels an inch: of the file, and as it is shown
log = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("autodoc-process-docstring", show_example, priority=950)  # after napoleon, and after what escapes prose
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def show_example(*event: Any) -> None:
    """Put the picture of an example below it, in place."""
    app, _, name, thing, _, lines = event
    try:
        figures = draw_example(thing)
    except Exception as error:  # noqa: BLE001 - whatever it is, the page lacks a picture, and the build says so
        log.warning("the example of %s draws no picture: %s", name, error, type="pictures")
        return
    if figures:
        lines += lines_below(figures, name, Path(app.srcdir))


def draw_example(thing: Any) -> dict[str, Picture]:
    """Run the example of a docstring once on each paper; nothing, if it does not end with a figure."""
    text = inspect.getdoc(thing) or ""
    steps = doctest.DocTestParser().get_examples(text)
    if not any(re.match(rf"{RESULT} = ", step.source) for step in steps):
        return {}
    found = {}
    for theme in THEMES:
        names: dict[str, Any] = {}
        with use_theme(theme):
            for step in steps:
                exec(compile(step.source, "<example>", "exec"), names)  # noqa: S102 - our own docstring
        found[theme] = names[RESULT]
    return found


def lines_below(figures: dict[str, Picture], name: str, sources: Path) -> list[str]:
    """Write the pictures into files, and return the lines that show them."""
    folder, lines = sources / FOLDER, [""]
    folder.mkdir(parents=True, exist_ok=True)
    for theme, figure in figures.items():
        file = folder / f"{name}-{theme}.png"
        figure.savefig(file, dpi=SHARP)
        lines += [
            f".. image:: /{(FOLDER / file.name).as_posix()}",
            f"   :alt: {described(figure)}",
            f"   :class: only-{theme} example-picture",
            f"   :width: {round(figure.get_figwidth() * SCREEN)}px",
            "   :loading: lazy",
            "",
        ]
    return lines


def described(figure: Picture) -> str:
    """Return what a figure says of itself: its headline, or the titles of its panels."""
    said = [text.get_text() for text in figure.texts if len(text.get_text()) > 1] or [axes.get_title() for axes in figure.axes]
    words = ". ".join(text.rstrip(".") for text in said[:2] if text)
    return " ".join(f"{words}.".split())
