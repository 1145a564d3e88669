"""What the layer and pooling look like on phones, on walls, with large tensors; and what they say where they refuse."""

import random
from typing import Any

import pytest
from tests.browser import Explorer
from tests.gestures import BIAS, DW, alert, cell, choose, numbers, role, type_into

pytestmark = pytest.mark.once  # the page is the same whatever else is installed

NARROW = (360, 740)
BAR_OF_THE_FOOT = "document.querySelector('.cs-panel:not([hidden]) .cs-whisper').getBoundingClientRect()"


def large(direction: str, channels: int, count: int) -> dict[str, Any]:
    """The largest layer that the page takes."""
    draw = random.Random(1)  # noqa: S311
    layer = {
        "image": {"height": 64, "width": 64, "channels": channels, "values": [round(draw.random(), 3) for _ in range(64 * 64 * channels)]},
        "filters": {"size": 11, "count": count, "values": [round(draw.uniform(-1, 1), 3) for _ in range(121 * channels * count)]},
        "bias": [0] * count,
        "dz": None,
        "direction": direction,
    }
    return {"version": 1, "view": "layer", "layer": layer}


@pytest.mark.parametrize(("direction", "channels", "count"), [("forward", 1, 1), ("backward", 8, 8)])
def test_the_largest_tensors_stay_inside_their_cards(explorer: Explorer, direction: str, channels: int, count: int) -> None:
    with explorer.open(large(direction, channels, count)) as page:
        for width in (360, 1280, 2560, 3840):
            page.set_viewport_size({"width": width, "height": 1000})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            outside = "[...document.querySelectorAll('.cs-card, .cs-equation')].filter((card) => card.scrollWidth > card.clientWidth + 1)"
            assert page.evaluate(f"{outside}.length") == 0


def test_a_cell_and_its_sum_are_seen_together(explorer: Explorer) -> None:
    with explorer.open(size=(1280, 900)) as page:
        choose(page, "direction", "backward")
        story = page.locator(".cs-card-image .cs-says").last.inner_text()
        assert "cell A_prev[5, 7, 0]," in story  # the same cell as the card's
        assert page.locator(".cs-summed:visible h2").inner_text() == "dA_prev[5, 7, 0]"
        products = page.locator(".cs-summed tbody tr:visible td:nth-child(4)").all_inner_texts()
        assert sum(product != "0" for product in products) >= 2
        follows = (
            "document.querySelector('.cs-card-image').nextElementSibling.contains(document.querySelector('.cs-card-image ~ * .cs-summed'))"
        )
        assert page.evaluate(follows)
        last = page.locator(".cs-summed:visible th").last.bounding_box()
        region = page.locator(".cs-summed:visible .cs-terms").bounding_box()
        assert last["x"] + last["width"] <= region["x"] + region["width"] + 1
        cell(page, DW, 0, 1).click()
        box = page.locator(".cs-summed:visible").bounding_box()
        assert box["y"] >= 0
        assert box["y"] + 200 <= 900


def test_the_sum_is_read_on_a_phone(explorer: Explorer) -> None:
    with explorer.open(size=NARROW, has_touch=True) as page:
        choose(page, "direction", "backward")
        for column in (4, 5):
            box = page.locator(f".cs-summed:visible th:nth-child({column})").bounding_box()
            assert box["x"] + box["width"] <= NARROW[0]
        assert page.evaluate(f"{BAR_OF_THE_FOOT}.height") <= 60
        assert page.locator(".cs-tabs").bounding_box()["height"] <= 60
        settings, content = (
            page.locator(f".cs-panel:not([hidden]) {name}").bounding_box()["y"] for name in (".cs-settings", ".cs-content")
        )
        assert settings < content


def test_nothing_that_has_the_focus_lies_under_the_bar_of_the_foot(explorer: Explorer) -> None:
    with explorer.open(size=(1280, 620)) as page:
        page.locator("[role=tab][aria-selected=true]").focus()
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.closest('.cs-panel') !== null"):
                box = "document.activeElement.getBoundingClientRect()"
                assert page.evaluate(f"{box}.bottom <= {BAR_OF_THE_FOOT}.top + 1 || {box}.height > 400")


@pytest.mark.parametrize(
    ("typed", "said"), [("1,000", "thousand"), ("1e-400", "too close to 0"), ("1e13", "between \N{MINUS SIGN}1e12 and 1e12")]
)
def test_a_number_that_cannot_be_kept_stays_in_its_field(explorer: Explorer, typed: str, said: str) -> None:
    with explorer.open() as page:
        type_into(page, BIAS, (0, 0), typed)
        assert said in alert(page)
        assert page.locator(".cs-field").input_value() == typed


def test_nonsense_that_is_left_is_told(explorer: Explorer) -> None:
    with explorer.open() as page:
        cell(page, BIAS, 0, 0).click()
        page.locator(".cs-field").fill("two")
        page.locator("h1").first.click()
        assert alert(page).startswith("“two” is not a number")
        assert numbers(page, BIAS).item() == 0


@pytest.mark.parametrize("typed", ["2.5", "12"])
def test_a_setting_that_cannot_be_is_refused_in_words(explorer: Explorer, typed: str) -> None:
    with explorer.open() as page:
        role(page, "size").fill(typed)
        role(page, "size").press("Enter")
        assert alert(page) == f"Size f: “{typed}” does not fit. It takes a whole number from 1 to 11."
        assert role(page, "size").input_value() == "3"


def test_cells_between_the_taps_are_no_rest(explorer: Explorer) -> None:
    layer = {
        "image": {"height": 9, "width": 9, "channels": 1, "values": [1.0] * 81},
        "filters": {"size": 2, "count": 1, "values": [1.0] * 4},
        "bias": [0],
        "stride": 3,
        "padding": "same",
        "dilation": 2,
    }
    with explorer.open({"version": 1, "view": "layer", "layer": layer}) as page:
        assert "left at the border" not in page.locator(".cs-forward .cs-note").first.inner_text()
        assert "skipped between the cells of the windows: 3 rows, 3 columns" in page.locator(".cs-forward:visible").inner_text()
        sizes = page.locator(".cs-sizes:visible").inner_text()
        assert "leaves no rest" in sizes
        assert "step over 3 rows and 3 columns" in sizes


def test_what_is_not_reached_yet_can_be_read_and_pictures_are_whole(explorer: Explorer) -> None:
    with explorer.open() as page:
        faded = page.locator(".cs-forward:visible .cs-cell.cs-later")
        assert faded.count() == 52
        ink, paper = (
            page.evaluate(f"getComputedStyle(document.querySelector('{name}')).{what}")
            for name, what in ((".cs-forward .cs-later text", "fill"), (".cs-root", "color"))
        )
        assert ink == paper
