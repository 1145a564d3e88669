"""The built documents in a real browser: what a reader, a keyboard and a screen reader meet. `python3 check.py docs` builds them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tests.browser import Explorer

pytestmark = pytest.mark.once

SITE = Path(__file__).parents[1] / "docs" / "_build" / "html"
SAMPLES = (
    "index",
    "tutorial",
    "make-pictures",
    "onnx",
    "lessons/zh/index",
    "lessons/zh/04_pooling",
    "lessons/en/05_convolution_backward",
    "reference/steps",
    "reference/command-line",
)
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]


@dataclass(frozen=True)
class Site:
    """The pages on a server of this machine, as readers get them."""

    explorer: Explorer
    address: str

    @contextmanager
    def open(self, page: str, *, width: int = 1280, **visitor: Any) -> Iterator[Any]:
        """Open a page; a complaint on its console, or a request to anybody else, fails the test."""
        context = self.explorer.browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce", **visitor)
        try:
            tab = context.new_page()
            problems: list[str] = []
            own = (self.address, "data:", "blob:")
            tab.on("console", lambda message: problems.append(message.text) if message.type in {"error", "warning"} else None)
            tab.on("pageerror", lambda error: problems.append(str(error)))
            tab.on("request", lambda request: None if request.url.startswith(own) else problems.append(request.url))
            tab.goto(f"{self.address}/{page}.html")
            yield tab
            assert problems == []
        finally:
            context.close()


@pytest.fixture(scope="module")
def site(explorer: Explorer) -> Iterator[Site]:
    if not all((SITE / f"{page}.html").is_file() for page in SAMPLES):
        pytest.skip("the documents are not built; this builds them: python3 check.py docs")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SITE))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield Site(explorer, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    """A server that prints nothing."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (360, "dark")])
@pytest.mark.parametrize("page", SAMPLES)
def test_a_page_fits_its_screen_and_axe_finds_nothing(site: Site, page: str, width: int, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe judges the pages").Axe()
    with site.open(page, width=width, color_scheme=theme) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        found = axe.run(tab, options={"runOnly": RULES})
        assert found.violations_count == 0, found.generate_report()


def test_the_explorer_at_home_is_reached_and_used_by_keyboard(site: Site) -> None:
    with site.open("index") as tab:
        frame = tab.frame_locator(".explorer-frame iframe")
        frame.get_by_role("tab").first.wait_for()
        assert tab.locator(".explorer-frame iframe").get_attribute("title")
        for _ in range(80):
            tab.keyboard.press("Tab")
            if tab.evaluate("document.activeElement.tagName") == "IFRAME":
                break
        assert tab.evaluate("document.activeElement.tagName") == "IFRAME"
        tab.keyboard.press("ArrowRight")
        assert frame.get_by_role("tab", selected=True).inner_text() == "Pooling"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_explorer_at_home_follows_the_button_of_the_page(site: Site, theme: str) -> None:
    with site.open("index", color_scheme="light" if theme == "dark" else "dark") as tab:
        frame = tab.frame_locator(".explorer-frame iframe")
        frame.get_by_role("tab").first.wait_for()
        for _ in range(3):
            tab.locator(".content-icon-container .theme-toggle").click()
            if tab.evaluate("document.body.dataset.theme") == theme:
                break
        assert tab.evaluate("document.body.dataset.theme") == theme
        frame.locator(f"[data-theme={theme}]").first.wait_for()


def test_the_explorer_of_the_chinese_lessons_speaks_chinese(site: Site) -> None:
    with site.open("lessons/zh/index", locale="en-US") as tab:
        assert tab.evaluate("document.documentElement.lang") == "zh-CN"
        tab.locator(".explorer-frame").scroll_into_view_if_needed()
        assert tab.frame_locator(".explorer-frame iframe").get_by_role("tab").first.inner_text() == "单层卷积"


def test_a_solution_is_folded_until_it_is_asked_for(site: Site) -> None:
    with site.open("lessons/en/04_pooling") as tab:
        solution = tab.locator("details", has_text="One solution: pool_forward")
        assert not solution.get_by_text("def pool_forward").is_visible()
        solution.locator("summary").click()
        assert solution.locator("pre").is_visible()


def test_formulas_are_set_in_the_font_of_the_pages(site: Site) -> None:
    with site.open("lessons/en/04_pooling") as tab:
        assert tab.evaluate("document.fonts.ready.then(() => document.fonts.check('16px \"STIX Two Math\"'))")
        height = "(sign) => sign.getBoundingClientRect().height"
        fence = tab.locator("div.math mo", has_text="⌊").first
        assert fence.evaluate(height) > 1.5 * tab.locator("div.math mo", has_text="+").first.evaluate(height)
