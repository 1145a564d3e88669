"""Opens the explorer's page in a real browser, from a file, with the network off.

One rule: a page that complains on its console, fails, or asks for anything outside itself fails the test that opened it.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from convstep.explorer.page import page_html

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
OWN = ("file:", "data:", "blob:", "about:")


@dataclass(frozen=True)
class Explorer:
    """A running browser, and a folder for the pages that it opens."""

    browser: Any
    folder: Path

    @contextmanager
    def open(
        self,
        state: Mapping[str, Any] | None = None,
        *,
        size: tuple[int, int] = (1280, 900),
        fragment: str = "",
        html: str | None = None,
        **visitor: Any,
    ) -> Iterator[Any]:
        """Open the page and yield it, as Playwright has it.

        Parameters
        ----------
        state : mapping, optional
            What the page shows first.
        size : tuple of int
            Width and height of the window.
        fragment : str
            What stands behind the address: "#state=...".
        html : str, optional
            Another page than the explorer's.
        visitor : Any
            What Playwright's `new_context` takes: color_scheme, locale, has_touch, reduced_motion.
        """
        path = self.folder / "page.html"
        path.write_text(page_html(state) if html is None else html, encoding="utf-8")
        look = {"color_scheme": "light", "locale": "en-US", "reduced_motion": "reduce", **visitor}
        context = self.browser.new_context(viewport={"width": size[0], "height": size[1]}, offline=True, **look)
        try:
            page = context.new_page()
            problems: list[str] = []
            page.on(
                "console", lambda message: problems.append(f"console: {message.text}") if message.type in {"error", "warning"} else None
            )
            page.on("pageerror", lambda error: problems.append(f"error: {error}"))
            page.on("request", lambda request: None if request.url.startswith(OWN) else problems.append(f"request: {request.url}"))
            page.goto(path.as_uri() + fragment)
            page.wait_for_selector("[role=tab]")
            yield page
            assert problems == []
        finally:
            context.close()


@contextmanager
def running_explorer(folder: Path) -> Iterator[Explorer]:
    """Start Debian's chromium; the test skips where there is none, or no Playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the page is tested through the package playwright")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"the page is tested in a browser, and there is none of {', '.join(NAMES)}")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield Explorer(browser, folder)
        finally:
            browser.close()
