"""The mistakes in a real browser, and what leaves the page: programs, links, files and pictures, by pointer and by keys."""

import io
import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from tests.browser import Explorer, running_explorer

pytestmark = pytest.mark.once

STRIDE = "conv_forward.stride_missing"
KINDS = {  # one of each kind
    "numbers": "conv_forward.first_filter_always",
    "shape": "conv_backward.crop_left_out",
    "odd": "pool_backward.returns_none",
    "count": "conv_backward.returned_too_little",
    "error": "conv_forward.end_not_moved",
    "cache": "conv_forward.cache_padded",
    "changed": "conv_single_step.window_overwritten",
}


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    with running_explorer(tmp_path_factory.mktemp("explorer")) as made:
        yield made


@pytest.fixture(scope="module")
def english(explorer: Explorer) -> Iterator[Any]:
    """A page that several tests look at, one after the other: each chooses its own mistake."""
    with explorer.open(state_of()) as page:
        page.wait_for_selector(".cs-mistake")
        yield page


@cache
def shipped() -> dict[str, dict[str, Any]]:
    """Every mistake by its id, with its right results."""
    told = json.loads(files("convstep.explorer").joinpath("mistakes.json").read_text(encoding="utf-8"))
    found = {}
    for parts in told["functions"].values():
        for mistake in parts["mistakes"]:
            found[mistake["id"]] = mistake | {"right": parts["cases"][mistake["case"]]["results"]}
    return found


def state_of(mistake: str | None = STRIDE, **parts: Any) -> dict[str, Any]:
    return {"version": 1, "view": "mistakes", "mistakes": {"id": mistake}} | parts


def wrong_entries(mistake: dict[str, Any]) -> int:
    """How many entries of results with the right shape are wrong."""
    count = 0
    for name, got in mistake.get("results", {}).items():
        right = mistake["right"][name]
        if isinstance(got, dict) and got["shape"] == right["shape"]:
            mine, theirs = (np.array([float(value) for value in array["data"]]) for array in (got, right))
            count += int(np.sum(~np.isclose(mine, theirs, rtol=1e-9, atol=1e-9, equal_nan=True)))
    return count


# The view.


def test_every_mistake_opens_and_outlines_the_entries_that_are_wrong(english: Any) -> None:
    loop = """
    async () => {
      const told = [];
      for (const option of document.querySelectorAll("[role=option]")) {
        option.click();
        const shown = document.querySelector(".cs-mistake");
        told.push({
          id: shown.querySelector(".cs-note code").textContent,
          title: shown.querySelector("h2").textContent,
          verdict: shown.querySelector(".cs-verdict").textContent,
          noted: shown.querySelectorAll(".cs-side-wrong .cs-cell[aria-label*='wrong, right is']").length,
          outlined: [...shown.querySelectorAll(".cs-side-wrong .cs-mark-differs:not([visibility=hidden]) .cs-line")].length,
          chosen: document.querySelector("[role=listbox]").getAttribute("aria-activedescendant") === option.id,
          error: shown.querySelector(".cs-error")?.textContent ?? null,
        });
        if (told.length % 25 === 0) await new Promise(requestAnimationFrame);
      }
      return told;
    }
    """
    told = english.evaluate(loop)
    assert {one["id"] for one in told} == set(shipped())
    assert [shipped()[one["id"]]["seen"] for one in told] == sorted((one["seen"] for one in shipped().values()), reverse=True)
    for one in told:
        mistake = shipped()[one["id"]]
        assert one["title"] == mistake["title"]["en"]
        assert one["noted"] == wrong_entries(mistake), one
        assert (one["outlined"] > 0) == (one["noted"] > 0 or "data" in str(mistake.get("changed"))), one
        assert one["chosen"]
        if mistake["kind"] == "numbers":
            (name,) = re.findall(r"of (\w+) differ", one["verdict"])[:1]
            assert name in mistake["right"]
        assert one["error"] == (": ".join(filter(None, mistake["error"])) if mistake["kind"] == "error" else None)


def test_a_mistake_is_found_and_looked_at_with_keys_alone(explorer: Explorer) -> None:
    with explorer.open(state_of(None)) as page:
        page.wait_for_selector(".cs-mistake")
        page.get_by_label("Function").focus()
        page.keyboard.press("Tab")
        page.keyboard.type("stride rows pool_backward")
        assert page.locator("[role=option]:visible").count() < 12
        page.keyboard.press("ArrowDown")
        first = page.locator("[role=option][aria-selected=true]")
        assert first.count() == 1
        before = first.inner_text()
        page.keyboard.press("ArrowDown")
        assert page.locator("[role=option][aria-selected=true]").inner_text() != before
        page.keyboard.press("Home")
        assert page.locator("[role=option][aria-selected=true]").inner_text() == before
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Show where it is"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.className") == "cs-hint"
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.locator(".cs-hint").count() == 2
        assert page.locator(".cs-hints button").count() == 0
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.closest('.cs-side-wrong') !== null"):
                break
        entry = page.locator(".cs-entry dd code").inner_text()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowRight")
        assert page.locator(".cs-entry dd code").inner_text() != entry
        assert "dA_prev[0, 1, 1, 0]" in page.locator(".cs-entry dd code").inner_text()


def test_an_entry_tells_right_wrong_and_difference_and_marks_where_it_comes_from(english: Any) -> None:
    page = english
    page.evaluate(CHOOSE, STRIDE)
    page.locator(".cs-side-wrong [role=gridcell]").nth(1).hover()
    assert page.locator(".cs-entry").inner_text().split("\n") == [
        *("Entry", "Z[0, 0, 1, 0]", "Right", "−13", "With this mistake", "18", "Difference", "31"),
        *("Comes from", "A_prev[0, 0:2, 2:4, 0], W[0:2, 0:2, 0, 0], b[0, 0, 0, 0]"),
    ]
    assert page.locator(".cs-arrays .cs-mark-window:not([visibility=hidden])").count() == 2
    assert page.locator(".cs-sides .cs-mark-here:not([visibility=hidden])").count() == 2


def test_hints_open_one_by_one_and_close_with_another_mistake(explorer: Explorer) -> None:
    with explorer.open(state_of(), locale="zh-CN") as page:
        page.wait_for_selector(".cs-mistake")
        hints = page.locator(".cs-hints")
        mistake = shipped()[STRIDE]
        assert mistake["where"]["zh"] not in hints.inner_text()
        hints.get_by_role("button").click()
        assert mistake["where"]["zh"] in hints.inner_text()
        assert mistake["idea"]["zh"] not in hints.inner_text()
        hints.get_by_role("button").click()
        assert mistake["idea"]["zh"] in hints.inner_text()
        page.locator("[role=option]").nth(3).click()
        assert page.locator(".cs-hint").count() == 0


def test_what_goes_wrong_is_told_as_what_it_is(english: Any) -> None:
    said = {
        "numbers": "12 of 18 entries of Z differ",
        "shape": "dA_prev has the shape (1, 5, 6, 1) instead of (1, 3, 4, 1)",
        "odd": "it returns None instead of an array of shape (1, 4, 6, 1)",
        "count": "It returns one ndarray instead of dA_prev, dW, db",
        "error": "It stops with an error",
        "cache": "the cache does not hold what the backward pass needs",
        "changed": "changes what it was given: a_slice_prev",
    }
    for kind, mistake in KINDS.items():
        assert shipped()[mistake]["kind"] == kind
        english.evaluate(CHOOSE, mistake)
        assert said[kind] in english.locator(".cs-verdict").inner_text()


def test_a_state_with_a_mistake_that_nobody_knows_says_so(explorer: Explorer) -> None:
    with explorer.open(state_of("conv_forward.nothing")) as page:
        page.get_by_text("This page knows no mistake called conv_forward.nothing").wait_for()
        page.locator("[role=option]").first.click()
        page.wait_for_selector(".cs-mistake")


def test_a_call_is_taken_to_the_view_where_its_numbers_can_be_changed(english: Any) -> None:
    told = json.loads(files("convstep.explorer").joinpath("mistakes.json").read_text(encoding="utf-8"))
    page = english
    for mistake, view in ((STRIDE, "layer"), ("conv_backward.stride_missing", "layer"), ("pool_backward.stride_missing", "pooling")):
        page.locator("[role=option]").first.wait_for()
        page.evaluate(CHOOSE, mistake)
        page.get_by_role("button", name=re.compile("Look at this call")).click()
        assert page.locator("[role=tab][aria-selected=true]").inner_text() == {"layer": "One layer", "pooling": "Pooling"}[view]
        part = saved(page)[view]
        given = told["functions"][mistake.partition(".")[0]]["cases"][shipped()[mistake]["case"]]["arguments"]
        assert part["image"]["values"] == given["A_prev"]["data"]
        assert part["stride"] == given["hparameters"]["stride"]
        assert part["direction"] == ("backward" if "backward" in mistake else "forward")
        page.get_by_role("button", name=re.compile("^Undo")).click()
        assert saved(page)["view"] == "mistakes"


@pytest.mark.parametrize(("width", "theme", "locale"), [(1280, "light", "en-US"), (360, "dark", "zh-CN")])
def test_axe_finds_nothing(explorer: Explorer, width: int, theme: str, locale: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe judges the page").Axe()
    with explorer.open(state_of(), size=(width, 900), color_scheme=theme, locale=locale) as page:
        page.locator(".cs-share > summary").click()
        page.locator(".cs-mistake-list input").fill("stride_missing")  # the whole list takes axe long, and its options are alike
        for number, mistake in enumerate([*KINDS.values()][:: 2 if width > 360 else 3]):
            page.evaluate(CHOOSE, mistake)
            rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"], "resultTypes": ["violations"]}
            found = axe.run(page, context=None if number == 0 else {"include": [[".cs-mistake"]]}, options=rules)
            assert found.violations_count == 0, found.generate_report()


CHOOSE = """
(id) => {
  const options = [...document.querySelectorAll("[role=option]")];
  options.find((option) => option.querySelector(".cs-mistake-name").textContent === id).click();
}
"""


def test_nothing_is_wider_than_a_phone(explorer: Explorer) -> None:
    with explorer.open(state_of(), size=(360, 800), locale="zh-CN") as page:
        page.locator(".cs-share > summary").click()
        for mistake in (*KINDS.values(), "zero_pad.every_axis"):
            page.evaluate(CHOOSE, mistake)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, mistake


# What leaves the page, and comes back.


def opened_panel(page: Any) -> Any:
    panel = page.locator(".cs-share")
    if not panel.evaluate("(panel) => panel.open"):
        panel.locator("summary").click()
    return panel


def downloaded(page: Any, key: str) -> Path:
    button = opened_panel(page).locator(f"[data-role='{key}']")
    with page.expect_download() as waiting:
        button.click()
    return Path(waiting.value.path())


def saved(page: Any) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(downloaded(page, "share.save_file").read_text(encoding="utf-8"))
    return state


LAYER: dict[str, Any] = {
    "image": {"height": 2, "width": 3, "channels": 1, "values": [0.1, 5e-324, 1e12, -2.0, 1 / 3, 0.30000000000000004]},
    "filters": {"size": 2, "count": 1, "values": [1.0, -1.0, 0.5, 2.0]},
    "bias": [0.125],
    "at": [0, 1, 0],
}


def test_a_file_and_a_link_restore_the_page_in_a_browser(explorer: Explorer, tmp_path: Path) -> None:
    state = {"version": 1, "view": "layer", "layer": LAYER}
    with explorer.open(state) as page:
        first = saved(page)
        link = page.locator(".cs-share-link").input_value()
        assert first["layer"]["image"]["values"] == LAYER["image"]["values"]
    with explorer.open(fragment=link[link.index("#") :]) as page:
        page.get_by_text("2 × 3 × 1").first.wait_for()
        assert saved(page) == first
    path = tmp_path / "state.json"
    path.write_text(json.dumps(first), encoding="utf-8")
    with explorer.open() as page:
        opened_panel(page).locator("input[type=file]").set_input_files(path)
        page.get_by_text("Opened: state.json").first.wait_for()
        assert saved(page) == first
        path.write_text(json.dumps(first).replace('"stride": 1', '"stride": -1'), encoding="utf-8")
        page.locator(".cs-share input[type=file]").set_input_files(path)
        page.get_by_text("must be a whole number").first.wait_for()
        assert saved(page) == first


def test_a_file_that_is_dropped_on_the_panel_is_opened(explorer: Explorer) -> None:
    drop = """
    (panel, text) => {
      const data = new DataTransfer();
      data.items.add(new File([text], "dropped.json", { type: "application/json" }));
      panel.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    }
    """
    with explorer.open() as page:
        opened_panel(page).evaluate(drop, json.dumps({"version": 1, "view": "layer", "layer": LAYER}))
        page.get_by_text("Opened: dropped.json").first.wait_for()
        assert saved(page)["layer"]["image"]["values"] == LAYER["image"]["values"]


def test_a_link_that_was_damaged_is_refused_and_the_page_stays_as_it_was(explorer: Explorer) -> None:
    with explorer.open(fragment="#state=eJyrVkrLz1eyUkpKLFKqBQAfFQRe") as page:
        page.locator("[role=alert]:has-text('This link does not hold a state of this page')").or_(
            page.get_by_text("has version")
        ).first.wait_for()
        assert saved(page)["layer"]["image"]["height"] == 12


def test_the_program_is_copied_or_lies_there_selected(explorer: Explorer) -> None:
    with explorer.open({"version": 1, "view": "layer", "layer": LAYER}) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        panel = opened_panel(page)
        panel.locator("[data-role='share.copy_code']").click()
        page.get_by_text("Copied: Python").first.wait_for()
        text = page.evaluate("navigator.clipboard.readText()")
        assert "steps.conv_forward(A_prev, W, b, hparameters)" in text
        assert text == panel.locator("pre code").text_content()
        assert "5e-324, 1000000000000.0" in text
        page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('refused')); }")
        panel.locator("[data-role='share.copy_code']").click()
        page.get_by_text("press Ctrl + C").first.wait_for()
        assert page.evaluate("getSelection().toString() || document.activeElement.value") == text
        assert page.evaluate("document.activeElement.selectionEnd - document.activeElement.selectionStart") == len(text)


def test_a_view_is_saved_as_a_picture_that_stands_alone(explorer: Explorer) -> None:
    with explorer.open() as page:
        for tab in page.get_by_role("tab").all():
            tab.click()
            page.wait_for_function(
                "document.querySelector('.cs-panel:not([hidden]) .cs-cell, .cs-panel:not([hidden]) .cs-net canvas') !== null"
            )
            text = downloaded(page, "share.save_svg").read_text(encoding="utf-8")
            png = downloaded(page, "share.save_png").read_bytes()
            assert_stands_alone(text, decoded(png))


def assert_stands_alone(text: str, pixels: Any) -> None:
    root = ET.fromstring(text)  # noqa: S314 - the page's own
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{space}svg"
    assert root[0].tag == f"{space}title"
    assert root[0].text
    assert root.findtext(f"{space}desc")
    assert len(list(root.iter(f"{space}rect"))) > 5
    assert len(list(root.iter(f"{space}text"))) > 3
    assert not {element.tag for element in root.iter()} & {f"{space}style", f"{space}script", f"{space}foreignObject"}
    assert not re.search(r"""(?:href|src)=["'](?!#|data:)|url\(["']?(?!#)|class=|var\(--""", text)
    assert pixels.shape[:2] == tuple(round(2 * float(root.get(side, "0"))) for side in ("height", "width"))
    assert len(np.unique(pixels[::3, ::3].view(np.uint32))) > 20


def decoded(png: bytes) -> Any:
    image = pytest.importorskip("PIL.Image", reason="pillow reads the picture").open(io.BytesIO(png))
    assert image.format == "PNG"
    return np.ascontiguousarray(image.convert("RGBA"))
