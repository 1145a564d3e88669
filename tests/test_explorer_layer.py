"""One layer and pooling, done by hand in a real browser, and held against `convstep.steps`."""

from typing import Any

import numpy as np
import pytest
from tests.browser import Explorer
from tests.gestures import (
    BIAS,
    DA,
    DB,
    DW,
    DZ,
    FILTER,
    FIRST,
    GRADIENT,
    IMAGE,
    OUTPUT,
    POOLED,
    alert,
    cell,
    choose,
    here,
    marked,
    noted,
    numbers,
    role,
    set_number,
    shown,
    small_layer,
    the_layer,
    the_layer_backwards,
    type_into,
    wait_until,
)

from convstep.steps import conv_backward, conv_forward, pool_backward, pool_forward

pytestmark = pytest.mark.once  # the page is the same whatever else is installed


def test_the_page_opens_with_something_to_see(explorer: Explorer) -> None:
    with explorer.open() as page:
        assert page.title() == "ConvStep: see a convolution, forwards and backwards"
        assert len(noted(page, IMAGE, "in the window")) == 9
        assert noted(page, OUTPUT, "this step") == [(4, 7)]
        x, w, b = the_layer(page)
        z, _ = conv_forward(x, w, b, {"stride": 1, "pad": 0})
        assert np.array_equal(numbers(page, OUTPUT), z[0, :, :, 0])
        assert page.locator(".cs-forward:visible .cs-total").inner_text() == "sum 1.25 + 0 (bias) = 1.25 → Z[4, 7, 0]"


def test_the_window_steps_plays_and_is_scrubbed(explorer: Explorer) -> None:
    with explorer.open() as page:
        role(page, "next").click()
        assert here(page) == (4, 8)
        role(page, "back").click()
        role(page, "back").click()
        assert here(page) == (4, 6)
        page.locator("body").click(position={"x": 3, "y": 400})
        for key, place in {
            "ArrowDown": (5, 6),
            "ArrowRight": (5, 7),
            "ArrowUp": (4, 7),
            "ArrowLeft": (4, 6),
            "n": (4, 7),
            "p": (4, 6),
        }.items():
            page.keyboard.press(key)
            assert here(page) == place
        role(page, "scrub").fill("0")
        assert here(page) == (0, 0)
        role(page, "speed").select_option("60")
        role(page, "play").click()
        wait_until(lambda: int(role(page, "scrub").input_value()) > 3)
        role(page, "play").click()
        stopped = here(page)
        page.wait_for_timeout(120)
        assert here(page) == stopped
        box = page.locator(f'[role=grid][aria-label="{IMAGE}"]:visible').bounding_box()
        page.mouse.move(box["x"] + 5, box["y"] + 5)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] - 5, box["y"] + box["height"] - 5, steps=4)
        page.mouse.up()
        assert here(page) == (9, 9)
        cell(page, OUTPUT, 2, 3).click()
        assert here(page) == (2, 3)


def test_any_number_can_be_typed_spun_and_taken_back(explorer: Explorer) -> None:
    with explorer.open() as page:
        cell(page, FILTER, 0, 1).click()
        page.keyboard.type("1/2")
        page.keyboard.press("Enter")
        type_into(page, BIAS, (0, 0), "-1")
        cell(page, IMAGE, 5, 8).dblclick()
        page.keyboard.type("0,5")
        page.keyboard.press("Enter")
        cell(page, IMAGE, 0, 0).focus()
        for key in ("Alt+ArrowUp", "Alt+ArrowUp", "Shift+Alt+ArrowUp", "Alt+ArrowDown"):
            page.keyboard.press(key)
        cell(page, IMAGE, 0, 1).focus()
        page.keyboard.press("7")
        page.keyboard.press("Escape")
        page.keyboard.press("3")
        page.keyboard.press("Enter")
        page.keyboard.press("Delete")
        x, w, b = the_layer(page)
        assert (w[0, 1, 0, 0], b.item(), x[0, 5, 8, 0], x[0, 0, 0, 0], x[0, 0, 1, 0]) == (0.5, -1, 0.5, 1.1, 0)
        z, _ = conv_forward(x, w, b, {"stride": 1, "pad": 0})
        assert np.array_equal(numbers(page, OUTPUT), z[0, :, :, 0])

        undo = page.get_by_role("button", name="Undo: change the image")
        for _ in range(4):  # the zero, the three, the spinning, the double click
            undo.click()
        assert np.array_equal(the_layer(page)[0][0, 0], np.zeros((12, 1)))
        page.keyboard.press("Control+z")
        page.keyboard.press("Control+z")
        assert numbers(page, FILTER)[0, 1] == 0
        page.keyboard.press("Control+Shift+z")
        assert numbers(page, FILTER)[0, 1] == 0.5
        page.get_by_role("button", name="Reset").click()
        assert numbers(page, FILTER)[0, 1] == 0
        page.get_by_role("button", name="Undo: reset").click()
        assert numbers(page, FILTER)[0, 1] == 0.5


def test_what_is_no_number_is_refused_in_words(explorer: Explorer) -> None:
    with explorer.open() as page:
        type_into(page, BIAS, (0, 0), "two")
        assert alert(page) == "“two” is not a number. Try 0.5, \N{MINUS SIGN}1 or 1/9."
        page.keyboard.press("Escape")
        assert numbers(page, BIAS).item() == 0


def test_a_stroke_of_the_brush_is_one_step(explorer: Explorer) -> None:
    with explorer.open() as page:
        before = numbers(page, IMAGE)
        choose(page, "tools", "paint")
        role(page, "brush").fill("-2")
        role(page, "brush").press("Enter")
        first, last = cell(page, IMAGE, 0, 0).bounding_box(), cell(page, IMAGE, 0, 5).bounding_box()
        page.mouse.move(first["x"] + 9, first["y"] + 9)
        page.mouse.down()
        page.mouse.move(last["x"] + 9, last["y"] + 9, steps=12)
        page.mouse.up()
        painted = numbers(page, IMAGE)
        assert painted[0].tolist() == [-2] * 6 + [0] * 6
        assert np.array_equal(painted[1:], before[1:])
        page.keyboard.press("ArrowDown")
        page.keyboard.press(" ")
        assert numbers(page, IMAGE)[1, 0] == -2
        page.keyboard.press("Control+z")
        page.keyboard.press("Control+z")
        assert np.array_equal(numbers(page, IMAGE), before)


SETTINGS: list[dict[str, Any]] = [
    {"stride": 2},
    {"stride": 3, "size": 2},
    {"padding": "same", "size": 4},
    {"pad": 2, "stride": 2},
    {"dilation": 2},
    {"dilation": 3, "pad": 1, "stride": 2},
]


def test_settings_change_the_output_as_they_change_the_steps(explorer: Explorer) -> None:
    with explorer.open() as page:
        for settings in SETTINGS:
            page.get_by_role("button", name="Reset").click()
            if "padding" in settings:
                choose(page, "padding", settings["padding"])
            if "pad" in settings:
                choose(page, "padding", "number")
            for name in ("pad", "size", "stride", "dilation"):
                if name in settings:
                    set_number(page, name, settings[name])
            hold_against_the_steps(page, **settings)


def hold_against_the_steps(page: Any, *, stride: int = 1, dilation: int = 1, pad: int = 0, size: int = 3, padding: str = "") -> None:
    """Compare output, size and what no window touches with the steps on a padded image and a filter with holes in it."""
    x, w, b = the_layer(page)
    assert w.shape == (size, size, 1, 1)
    reach = (size - 1) * dilation + 1
    spread = np.zeros((reach, reach, 1, 1))
    spread[::dilation, ::dilation] = w
    before, after = ((reach - 1) // 2, reach // 2) if padding == "same" else (pad, pad)
    z, _ = conv_forward(np.pad(x, ((0, 0), (before, after), (before, after), (0, 0))), spread, b, {"stride": stride, "pad": 0})
    assert np.array_equal(numbers(page, OUTPUT), z[0, :, :, 0])
    out = (12 + before + after - reach) // stride + 1
    assert page.locator(".cs-sizes:visible").inner_text().count(f"+ 1 = {out}") == 2
    places = range(-before, 12 + after)
    used = {h * stride + k * dilation - before for h in range(out) for k in range(size)}
    never = {(r, c) for r in places for c in places if not {r, c} <= used}
    assert set(noted(page, IMAGE, "under no window")) == never
    crossed = page.locator(".cs-forward:visible .cs-unused").first.get_attribute("d")
    assert bool(crossed) == bool(never)


def test_a_window_that_does_not_fit_is_refused(explorer: Explorer) -> None:
    with explorer.open() as page:
        set_number(page, "height", 5)
        set_number(page, "dilation", 3)
        assert alert(page) == "A window that reaches over 7 cells does not fit into 5."
        assert role(page, "dilation").input_value() == "1"
        set_number(page, "dilation", 2)
        assert alert(page) == ""


@pytest.mark.parametrize("settings", [{"stride": 1, "pad": 0}, {"stride": 2, "pad": 1}])
def test_channels_and_filters_are_each_to_be_seen(explorer: Explorer, settings: dict[str, int]) -> None:
    state = small_layer(stride=settings["stride"], padding=settings["pad"], at=[1, 0, 0])
    layer = state["layer"]
    x, w = np.reshape(layer["image"]["values"], (1, 6, 6, 2)), np.reshape(layer["filters"]["values"], (3, 3, 2, 2))
    b = np.reshape(layer["bias"], (1, 1, 1, 2))
    z, cache = conv_forward(x, w, b, settings)
    dz = np.round(z * 4) / 4
    layer["dz"] = dz.ravel().tolist()
    dx, dw, db = conv_backward(dz, cache)
    with explorer.open(state) as page:
        for channel in range(2):
            page.get_by_role("radio", name=f"channel {channel}").click()
            for k in range(2):
                page.get_by_role("radio", name=f"filter {k}").click()
                assert np.array_equal(numbers(page, OUTPUT), z[0, :, :, k])
                assert np.array_equal(numbers(page, FILTER), w[:, :, channel, k])
                assert np.array_equal(numbers(page, IMAGE), x[0, :, :, channel])
        choose(page, "direction", "backward")
        choose(page, "sums", "final")
        for channel in range(2):
            page.get_by_role("radio", name=f"channel {channel}").click()
            for k in range(2):
                page.get_by_role("radio", name=f"filter {k}").click()
                assert np.array_equal(numbers(page, DW), dw[:, :, channel, k])
                assert numbers(page, DB).item() == db[0, 0, 0, k]
            assert np.array_equal(numbers(page, GRADIENT), dx[0, :, :, channel])


def test_the_sums_of_the_way_back_grow_step_by_step(explorer: Explorer) -> None:
    with explorer.open() as page:
        choose(page, "direction", "backward")
        dz = numbers(page, DZ)
        x, w, b = the_layer_backwards(page)
        for step in (47, 0, 12, 45, 99):
            role(page, "scrub").fill(str(step))
            so_far = np.where(np.arange(100).reshape(10, 10) <= step, dz, 0)
            dx, dw, db = conv_backward(so_far[None, :, :, None], (x, w, b, {"stride": 1, "pad": 0}))
            assert np.array_equal(numbers(page, GRADIENT), dx[0, :, :, 0])
            assert np.array_equal(numbers(page, DW), dw[:, :, 0, 0])
            assert numbers(page, DB).item() == db.item()
            piece = numbers(page, "what this step adds to dA_prev")
            assert np.array_equal(piece, w[:, :, 0, 0] * dz[step // 10, step % 10])
        assert noted(page, DZ, "not reached yet") == []


def test_an_entry_of_a_gradient_lists_what_was_added(explorer: Explorer) -> None:
    with explorer.open() as page:
        choose(page, "direction", "backward")
        rows = page.locator(".cs-summed tbody tr:visible")
        assert page.locator(".cs-summed:visible h2").inner_text() == "dA_prev[5, 7, 0]"
        assert rows.count() == 9
        assert rows.nth(3).inner_text().split("\t") == ["dZ[4, 5, 0] = 1", "W[1, 2, 0, 0] = −1", "−1", "−1"]
        assert page.locator(".cs-summed tbody .cs-later:visible").count() == 3
        role(page, "scrub").fill("99")
        assert page.locator(".cs-summed tbody .cs-later:visible").count() == 0
        cell(page, DW, 0, 1).click()
        assert page.locator(".cs-summed:visible h2").inner_text() == "dW[0, 1, 0, 0]"
        assert rows.count() == 60
        assert page.locator(".cs-summed:visible .cs-more").inner_text() == f"… and 40 more; together {shown(numbers(page, DW)[0, 1])}."
        cell(page, DB, 0, 0).focus()
        page.keyboard.press("Enter")
        assert (
            "the sum of all" in page.locator(".cs-summed:visible p").first.inner_text()
            or "so far" in page.locator(".cs-summed:visible p").first.inner_text()
        )
        cell(page, GRADIENT, 0, 0).focus()
        page.keyboard.press(" ")
        assert rows.count() == 1


def test_dz_is_typed_painted_and_filled(explorer: Explorer) -> None:
    with explorer.open() as page:
        choose(page, "direction", "backward")
        role(page, "fill").select_option("zeros")
        assert not numbers(page, DZ).any()
        choose(page, "tools", "edit")
        cell(page, DZ, 2, 2).click()
        page.keyboard.type("-3")
        page.keyboard.press("Enter")
        choose(page, "tools", "paint")
        cell(page, DZ, 0, 9).click()
        assert numbers(page, DZ)[2, 2] == -3
        assert numbers(page, DZ)[0, 9] == 1
        choose(page, "sums", "final")
        gradient = numbers(page, GRADIENT)
        assert np.array_equal(gradient[2:5, 2:5], -3 * numbers(page, FILTER))
        role(page, "fill").select_option("ones")
        assert numbers(page, DZ).all()
        role(page, "fill").select_option("one")
        assert numbers(page, DZ).sum() == 1
        page.keyboard.press("Control+z")
        assert numbers(page, DZ).sum() == 100


def test_what_an_entry_hangs_together_with_lights_up(explorer: Explorer) -> None:
    """Marks are counted by the strokes of their outlines: two a cell, since each mark has a shape of its own besides the frame."""
    with explorer.open() as page:
        said = page.locator(".cs-whispered:visible")
        cell(page, OUTPUT, 3, 3).hover()
        assert (
            marked(page, IMAGE, "depends"),
            marked(page, FILTER, "depends"),
            marked(page, BIAS, "depends"),
            marked(page, OUTPUT, "feeds"),
        ) == (9, 9, 1, 0)
        assert said.inner_text() == "Z[3, 3, 0] = 0.25: 9 cells times 9 weights, added up, plus the bias."
        cell(page, IMAGE, 0, 1).hover()
        assert (marked(page, OUTPUT, "feeds"), marked(page, IMAGE, "depends")) == (2, 0)
        cell(page, FILTER, 1, 1).focus()
        assert marked(page, OUTPUT, "feeds") == 100
        choose(page, "direction", "backward")
        cell(page, GRADIENT, 5, 5).hover()
        assert (marked(page, DZ, "depends"), marked(page, FILTER, "depends")) == (9, 9)
        cell(page, DW, 0, 0).hover()
        assert (marked(page, DZ, "depends"), marked(page, IMAGE, "depends")) == (100, 100)
        cell(page, DZ, 0, 0).hover()
        assert (marked(page, GRADIENT, "feeds"), marked(page, DW, "feeds"), marked(page, DB, "feeds")) == (9, 9, 1)
        page.mouse.move(2, 2)
        page.locator("h1").click()
        page.evaluate("document.activeElement.blur()")
        assert marked(page, GRADIENT, "feeds") == 0
        assert said.inner_text().startswith("Point at a number")


@pytest.mark.parametrize("mode", ["max", "average"])
def test_pooling_is_that_of_the_steps_both_ways(explorer: Explorer, mode: str) -> None:
    with explorer.open({"version": 1, "view": "pooling"}) as page:
        choose(page, "mode", mode)
        for size, stride in ((2, 2), (3, 1), (2, 3)):
            choose(page, "direction", "forward")
            set_number(page, "size", size)
            set_number(page, "stride", stride)
            x = numbers(page, IMAGE)[None, :, :, None]
            a, cache = pool_forward(x, {"f": size, "stride": stride}, mode=mode)
            assert np.allclose(numbers(page, POOLED), a[0, :, :, 0], rtol=1e-15, atol=0)
            choose(page, "direction", "backward")
            role(page, "fill").select_option("random")
            choose(page, "sums", "final")
            da = numbers(page, DA)[None, :, :, None]
            assert np.allclose(numbers(page, GRADIENT), pool_backward(da, cache, mode=mode)[0, :, :, 0], rtol=1e-12, atol=1e-12)
            if mode == "max":
                assert numbers(page, FIRST).sum() == pytest.approx(da.sum())
            role(page, "scrub").fill("0")
            choose(page, "sums", "running")
            only = np.zeros_like(da)
            only[0, 0, 0, 0] = da[0, 0, 0, 0]
            assert np.allclose(numbers(page, GRADIENT), pool_backward(only, cache, mode=mode)[0, :, :, 0], rtol=1e-12, atol=1e-12)


def test_ties_are_shown_under_both_rules(explorer: Explorer) -> None:
    with explorer.open({"version": 1, "view": "pooling"}) as page:
        assert numbers(page, "the mask by the course's rule").tolist() == [[1, 1], [1, 1]]
        assert numbers(page, "the mask by the rule of the first maximum").tolist() == [[1, 0], [0, 0]]
        assert page.locator(".cs-forward:visible .cs-total").inner_text() == "max(5, 5, 5, 5) = 5"
        choose(page, "direction", "backward")
        assert numbers(page, GRADIENT)[:2, 4:].tolist() == [[1, 1], [1, 1]]
        assert numbers(page, FIRST)[:2, 4:].tolist() == [[1, 0], [0, 0]]
        cell(page, FIRST, 0, 5).click()
        assert page.locator(".cs-summed tbody tr:visible").inner_text().split("\t") == ["dA[0, 2, 0] = 1", "0", "0", "0"]
        choose(page, "mode", "average")
        assert page.locator(f'[role=grid][aria-label="{FIRST}"]:visible').count() == 0
        assert numbers(page, "what each cell of the window gets").tolist() == [[0.25, 0.25], [0.25, 0.25]]
