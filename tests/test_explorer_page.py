"""The explorer's page as a whole, in a real browser: languages, colours, keys, fingers, screen readers, links, and playing."""

import base64
import json
import zlib
from typing import Any

import numpy as np
import pytest
from tests.browser import Explorer
from tests.gestures import (
    BIAS,
    FILTER,
    IMAGE,
    OUTPUT,
    alert,
    cell,
    choose,
    focused,
    noted,
    numbers,
    role,
    small_layer,
    wait_until,
)

pytestmark = pytest.mark.once  # the page is the same whatever else is installed


def test_the_page_speaks_both_languages_and_keeps_what_was_done(explorer: Explorer) -> None:
    with explorer.open(locale="zh-CN") as page:
        assert page.locator("[role=tab]").all_inner_texts() == ["单层卷积", "池化", "整个网络", "常见错误"]
        assert page.evaluate("document.documentElement.lang") == "zh-CN"
        grid = page.locator('[role=grid][aria-label^="b"]:visible')
        grid.locator("[role=gridcell]").focus()
        page.keyboard.type("2")
        page.keyboard.press("Enter")
        role(page, "language").click()
        assert page.locator("[role=tab]").all_inner_texts() == ["One layer", "Pooling", "A network", "The mistakes"]
        assert page.evaluate("document.documentElement.lang") == "en"
        assert numbers(page, BIAS).item() == 2
        assert page.evaluate("document.activeElement.dataset.role") == "language"


def test_dark_and_light_follow_the_system_and_the_button(explorer: Explorer) -> None:
    with explorer.open(color_scheme="dark") as page:
        dark = colours(page)
        page.emulate_media(color_scheme="light")
        page.wait_for_selector("[data-theme=light]")
        light = colours(page)
        assert (dark[0], light[0]) == ("dark", "light")
        assert dark[1] != light[1]
        role(page, "theme").click()
        assert colours(page) == dark


def test_everything_is_done_with_keys_alone(explorer: Explorer) -> None:
    """A walk with Tab through the whole page: every control and every matrix is met, in order, and none keeps the focus."""
    with explorer.open() as page:
        met: list[str] = []
        for _ in range(90):
            page.keyboard.press("Tab")
            name = page.evaluate(
                "(() => { const at = document.activeElement; return at === document.body ? '' : "
                "at.closest('[role=grid]')?.getAttribute('aria-label') ?? at.dataset.role ?? at.closest('[data-role]')?.dataset.role "
                "?? at.getAttribute('aria-label') ?? at.innerText; })()"
            )
            if name == "":
                break
            seen = page.evaluate(
                "getComputedStyle(document.activeElement).outlineStyle !== 'none' || !!document.activeElement.closest('.cs-cell')"
            )
            assert seen, name
            met.append(name)
        wanted = ["One layer", "language", "theme", "direction", "tools", "play", "scrub", "speed", "preset", "size", "padding"]
        wanted += [IMAGE, OUTPUT, FILTER, BIAS, "the cells in the window", "the products of cells and weights"]
        assert [name for name in wanted if name not in met] == []
        page.keyboard.press("Shift+Tab")
        page.locator("[role=tab][aria-selected=true]").focus()
        page.keyboard.press("ArrowRight")
        assert page.locator("[role=tab][aria-selected=true]").inner_text() == "Pooling"
        page.keyboard.press("1")
        page.locator("h1").click()
        page.keyboard.press("b")
        assert page.locator(".cs-backward:visible").count() == 1
        page.keyboard.press("?")
        assert page.locator("dialog[open]").count() == 1
        page.keyboard.press("Escape")
        assert page.locator("dialog[open]").count() == 0
        page.keyboard.press(" ")
        assert role(page, "play").get_attribute("aria-label") == "Pause"


def test_grids_are_walked_like_tables(explorer: Explorer) -> None:
    with explorer.open() as page:
        cell(page, IMAGE, 0, 0).focus()
        walk = [
            "ArrowRight 0 1",
            "ArrowDown 1 1",
            "End 1 11",
            "Home 1 0",
            "PageDown 11 0",
            "Control+End 11 11",
            "Control+Home 0 0",
            "ArrowLeft 0 0",
        ]
        for key, row, column in map(str.split, walk):
            page.keyboard.press(key)
            assert focused(page) == f"row {row}, column {column}"
        cell(page, OUTPUT, 4, 7).focus()
        page.keyboard.press("ArrowUp")
        assert noted(page, OUTPUT, "this step") == [(3, 7)]
        assert focused(page) == "row 3, column 7"


@pytest.mark.parametrize("view", ["layer", "pooling"])
def test_axe_finds_nothing(explorer: Explorer, view: str) -> None:
    """All rules in light colours and the contrast in dark ones: nothing else that axe looks at depends on the colours."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core judges the page").Axe()
    state = small_layer()
    pooling = {"image": state["layer"]["image"], "size": 3, "stride": 3}
    with explorer.open({**state, "view": view, "pooling": pooling}) as page:
        for scheme, rules in {"light": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"], "dark": ["color-contrast"]}.items():
            page.emulate_media(color_scheme=scheme)
            page.wait_for_selector(f"[data-theme={scheme}]")
            for direction in ("forward", "backward"):
                choose(page, "direction", direction)
                found = axe.run(page, options={"runOnly": rules, "resultTypes": ["violations"]})
                assert found.violations_count == 0, found.generate_report()


def test_no_view_is_wider_than_the_window(explorer: Explorer) -> None:
    with explorer.open() as page:
        for view in range(4):
            page.locator("[role=tab]").nth(view).click()
            for direction in ("backward", "forward") if view < 2 else ("",):
                if direction:
                    choose(page, "direction", direction)
                for width in (360, 1280, 2560):
                    page.set_viewport_size({"width": width, "height": 900})
                    assert page.evaluate("document.documentElement.scrollWidth") <= width, (view, direction)
                    assert page.locator(".cs-main").bounding_box()["width"] >= 0.85 * width


WATCH = """
  () => {
    window.made = 0;
    window.watcher = new MutationObserver((changes) => changes.forEach(({ target, addedNodes }) => {
      window.made += target.matches("[aria-live]") ? 0 : addedNodes.length; // what is said is one text
    }));
    window.watcher.observe(document.body, { childList: true, subtree: true });
  }
"""


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_playing_makes_no_nodes_and_keeps_nothing(explorer: Explorer, direction: str) -> None:
    """32 x 32 cells and three channels: 3,600 steps, and the page is as large as before."""
    drawn = np.random.default_rng(3).integers(0, 5, 32 * 32 * 3) / 4
    layer = {
        "image": {"height": 32, "width": 32, "channels": 3, "values": drawn.tolist()},
        "filters": {"size": 3, "count": 4, "values": [0.25] * 108},
        "bias": [0] * 4,
        "direction": direction,
        "at": [0, 0, 0],
    }
    with explorer.open({"version": 1, "layer": layer}) as page:
        role(page, "scrub").fill("2000")  # what a step ever needs is there now
        role(page, "scrub").fill("0")
        page.evaluate(WATCH)
        before = page.evaluate("document.querySelectorAll('*').length")
        role(page, "speed").select_option("60")
        role(page, "play").click()
        wait_until(lambda: int(role(page, "scrub").input_value()) > 20)
        role(page, "play").click()
        page.evaluate(
            "() => { const scrub = document.querySelector('[data-role=scrub]'); for (let step = 0; step < 3600; step += 7) {"
            " scrub.value = step; scrub.dispatchEvent(new Event('input')); } }"
        )
        assert role(page, "scrub").input_value() == "3598"
        assert page.evaluate("document.querySelectorAll('*').length") == before
        assert page.evaluate("window.made") == 0


def test_a_link_restores_the_page(explorer: Explorer) -> None:
    layer = {**small_layer()["layer"], "direction": "backward", "at": [2, 1, 1]}
    with explorer.open(fragment=f"#state={linked({'version': 1, 'layer': layer})}&lang=zh") as page:
        page.wait_for_selector(".cs-backward:visible")
        assert page.locator("[role=tab]").first.inner_text() == "单层卷积"
        values = page.locator('.cs-middle [role=grid][aria-label^="W"] [role=gridcell] text').all_text_contents()
        weights = np.reshape(layer["filters"]["values"], (3, 3, 2, 2))[:, :, 0, 1]
        assert [float(text.replace("\N{MINUS SIGN}", "-")) for text in values] == weights.ravel().tolist()
    with explorer.open(fragment="#state=nonsense") as page:
        page.wait_for_selector(".cs-main > [role=alert]:not(:empty)")
        assert alert(page) == "This link does not hold a state of this page."
        assert numbers(page, BIAS).item() == 0


def linked(state: dict[str, Any]) -> str:
    """A state as a link has it: JSON, deflated, in letters."""
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(state).encode())).decode().rstrip("=")


def test_a_finger_moves_the_window_and_paints(explorer: Explorer) -> None:
    with explorer.open(size=(390, 800), has_touch=True, is_mobile=True) as page:
        cell(page, IMAGE, 6, 6).tap()
        assert noted(page, OUTPUT, "this step") == [(5, 5)]
        choose(page, "tools", "paint")
        cell(page, IMAGE, 0, 3).tap()
        assert numbers(page, IMAGE)[0, 3] == 1
        small = page.evaluate(
            "[...document.querySelectorAll('button, select, summary')].filter((one) => one.checkVisibility()).filter((one) => {"
            " const { height, width } = one.getBoundingClientRect(); return height < 24 || width < 24; }).map((one) => one.outerHTML)"
        )
        assert small == []


def colours(page: Any) -> tuple[str, str]:
    """The theme, and the colour of a cell."""
    theme = page.locator(".cs-root").get_attribute("data-theme")
    return theme, page.evaluate("document.querySelector('.cs-cell rect').getAttribute('fill')")
