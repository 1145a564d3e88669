"""Follows every link inside the built pages: to pages, to places on them, to pictures, scripts and style sheets.

One rule: a link that leads nowhere is a warning of the build, and so, where warnings are errors, the end of it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from html import unescape
from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import unquote, urlsplit

from sphinx.application import Sphinx
from sphinx.util import logging

__all__ = ["broken_links"]

# A parser would be more exact and takes ten times as long; these pages are written by programs.
HIDDEN = re.compile(r"<!--.*?-->|(?<=>)[^<>]*(?=</style>)|(<script\b[^>]*>).*?(?=</script>)", re.DOTALL)
TAG = re.compile(r"<(?:a|img|link|script|iframe|source)\s[^>]*>")
LINK = re.compile(r"""\s(?:href|src)=("[^"]*"|'[^']*')""")
PLACE = re.compile(r"""\s(?:id|name)=("[^"]*"|'[^']*')""")
logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", clear)
    app.connect("build-finished", follow, priority=900)  # after all others, who write files too
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def clear(app: Sphinx) -> None:
    """Where all pages are built anew, remove those of an earlier build: what it left lying would be followed too."""
    if app.builder.name == "html" and app.fresh_env_used and (Path(app.outdir) / ".buildinfo").is_file():
        for path in Path(app.outdir).rglob("*.html"):
            path.unlink()


def follow(app: Sphinx, exception: Exception | None) -> None:
    """Warn of each link that leads nowhere."""
    if exception is None and app.builder.name == "html":
        for page, link, reason in broken_links(Path(app.outdir)):
            logger.warning("%s: the link %s leads nowhere: %s", page, link, reason)


@dataclass(frozen=True)
class Page:
    """The links of a page, and the places on it that links may name."""

    links: tuple[str, ...]
    places: frozenset[str]


def broken_links(root: Path) -> Iterator[tuple[str, str, str]]:
    """Yield page, link and reason for each link inside a folder of HTML pages that leads nowhere; addresses elsewhere are not asked."""
    for path in sorted(root.rglob("*.html")):
        page = path.relative_to(root).as_posix()
        for link in _read(path).links:
            reason = _fault(root, page, link)
            if reason:
                yield page, link, reason


@cache
def _read(path: Path) -> Page:
    text = HIDDEN.sub(r"\1", path.read_text(encoding="utf-8"))
    tags = [tag for tag in TAG.findall(text) if 'rel="canonical"' not in tag]
    links = (unescape(link[1:-1]) for tag in tags for link in LINK.findall(tag))
    return Page(tuple(dict.fromkeys(filter(None, links))), frozenset(unescape(place[1:-1]) for place in PLACE.findall(text)))


def _fault(root: Path, page: str, link: str) -> str | None:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    if parts.path.startswith("/"):
        return "it begins at the root of a server"
    target = normpath(join(dirname(page), unquote(parts.path))) if parts.path else page
    if target.startswith(".."):
        return "it leaves the pages"
    if not _is_file(root, target):
        return "there is no such file"
    place = unquote(parts.fragment)  # or what a page is told, such as lang=zh
    if place and "=" not in place and target.endswith(".html") and place not in _read(root / target).places:
        return f"there is no place {place} on that page"
    return None


@cache
def _is_file(root: Path, page: str) -> bool:
    return (root / page).is_file()
