"""What the theme leaves out: the level of the headings beside the text, which screen readers ask for, and the language of a lesson.

One rule: only attributes that nobody sees are added.
"""

from typing import Any

from docs.extensions.lessons import FOLDER, TAGS
from sphinx.application import Sphinx

HEADING = 'role="heading"'


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("html-page-context", add_attributes, priority=900)  # after the theme
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def add_attributes(_app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Complete what the templates are given."""
    tree = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = tree.replace(HEADING, f'{HEADING} aria-level="2"')
    parts = page.split("/")
    if parts[0] == FOLDER and parts[1] in TAGS:
        context["language"] = TAGS[parts[1]]
