"""Follows every link inside the built pages: to pages, to places on them, to pictures, scripts and style sheets.

One rule: a link that leads nowhere is a warning of the build, and so, where warnings are errors, the end of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sphinx.application import Sphinx
from sphinx.util import logging

__all__ = ["broken_links"]

ATTRIBUTES = {"a": "href", "img": "src", "link": "href", "script": "src", "iframe": "src", "source": "src"}
logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("build-finished", follow, priority=900)  # after all others, who write files too
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def follow(app: Sphinx, exception: Exception | None) -> None:
    """Warn of each link that leads nowhere."""
    if exception is None and app.builder.name == "html":
        for page, link, reason in broken_links(Path(app.outdir)):
            logger.warning("%s: the link %s leads nowhere: %s", page, link, reason)


@dataclass
class Page(HTMLParser):
    """The links of a page, and the places on it that links may name."""

    links: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element links to, and what it is called."""
        values = dict(attrs)
        self.places |= {name for name in (values.get("id"), values.get("name") if tag == "a" else None) if name}
        link = values.get(ATTRIBUTES.get(tag, ""))
        if link and "canonical" not in (values.get("rel") or ""):
            self.links.append(link)


def broken_links(root: Path) -> Iterator[tuple[str, str, str]]:
    """Yield page, link and reason for each link inside a folder of HTML pages that leads nowhere; addresses elsewhere are not asked."""
    for path in sorted(root.rglob("*.html")):
        for link in dict.fromkeys(_read(path).links):
            reason = _fault(path, link, root)
            if reason:
                yield path.relative_to(root).as_posix(), link, reason


@cache
def _read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _fault(path: Path, link: str, root: Path) -> str | None:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    if parts.path.startswith("/"):
        return "it begins at the root of a server"
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_relative_to(root.resolve()):
        return "it leaves the pages"
    if not target.is_file():
        return "there is no such file"
    place = unquote(parts.fragment)  # or what a page is told, such as lang=zh
    if place and "=" not in place and target.suffix == ".html" and place not in _read(target).places:
        return f"there is no place {place} on that page"
    return None
