"""The explorer inside a page: the one self-contained file that `convstep explore --export` writes, in a frame.

One rule: what visitors try here is what is installed; nothing is loaded from elsewhere.
"""

from html import escape
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes  # type: ignore[import-untyped]
from docutils.parsers.rst import directives  # type: ignore[import-untyped]
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from convstep.explorer.page import page_html

FILE = "live.html"
FRAME = """\
<div class="explorer-frame">
<iframe src="{address}" title="{title}" loading="lazy"></iframe>
</div>
<p class="explorer-alone"><a href="{address}">{alone}</a></p>
"""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("explorer", Explorer)
    app.connect("build-finished", write_page, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Explorer(SphinxDirective):
    """A frame with the explorer, and a link that opens it alone."""

    option_spec: ClassVar[dict[str, Any]] = {
        "title": directives.unchanged_required,
        "alone": directives.unchanged_required,
        "language": lambda word: directives.choice(word, ("en", "zh")),
    }

    def run(self) -> list[nodes.Node]:
        """Return the frame."""
        depth = self.env.docname.count("/")
        language = f"#lang={self.options['language']}" if "language" in self.options else ""
        words = {
            "address": "../" * depth + FILE + language,
            "title": self.options.get("title", "The explorer"),
            "alone": self.options.get("alone", "Open the explorer alone"),
        }
        return [nodes.raw("", FRAME.format(**{name: escape(word) for name, word in words.items()}), format="html")]


def write_page(app: Sphinx, exception: Exception | None) -> None:
    """Write the page that the frames show."""
    if exception is None and app.builder.format == "html":
        (Path(app.outdir) / FILE).write_text(page_html(), encoding="utf-8")
