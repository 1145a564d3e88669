"""The documents as they are read: those of the repository's root too, whose links lead to the pages that hold them.

One rule: each text stands once, where a reader of the repository looks for it.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

PAGES = {"ARCHITECTURE.md": "design.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
LAST = re.compile(r"\n\n```$", re.MULTILINE)  # the blank line that ends an example, which is tested
LINK = re.compile(r"\]\(([^)#:\s]+)")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("include-read", lead_home)
    app.connect("source-read", close_up)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def lead_home(_app: Sphinx, path: Path, _parent: str, content: list[str]) -> None:
    """Turn the links of a document of the root into links of the page that includes it."""
    if path.parent == Path(".."):
        content[0] = LINK.sub(lambda found: f"]({PAGES.get(found[1], found[1].removeprefix('docs/'))}", content[0])


def close_up(_app: Sphinx, _page: str, content: list[str]) -> None:
    """Take the blank line from the end of each block of code."""
    content[0] = LAST.sub("\n```", content[0])
