"""What is pasted, dropped or linked is opened as what it is, whichever view is in front; what cannot be restored is said, and kept."""

import base64
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.browser import Explorer
from tests.gestures import BIAS, alert, numbers, small_layer, wait_until

from convstep import Input, Sequential, layers
from convstep.explorer.page import shipped_network

pytestmark = pytest.mark.once  # the page is the same whatever else is installed

GIVE = """
  ([selector, name, text]) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name));
    const target = [...document.querySelectorAll(selector)].find((one) => one.checkVisibility());
    for (const type of ["dragenter", "dragover", "drop"]) {
      target.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
    }
  }
"""


def test_a_link_that_is_pasted_over_the_address_is_followed_as_one_step(explorer: Explorer) -> None:
    with explorer.open() as page:
        assert numbers(page, BIAS).item() == 0
        follow(page, linked({"version": 1, "layer": {**small_layer()["layer"], "bias": [7, 8]}}))
        wait_until(lambda: numbers(page, BIAS).ravel()[0] == 7)
        page.keyboard.press("Control+z")
        assert numbers(page, BIAS).item() == 0
        follow(page, "nonsense")
        page.wait_for_selector(".cs-main > [role=alert]:not(:empty)")
        assert alert(page) == "This link does not hold a state of this page."


def test_files_are_opened_as_what_they_hold_wherever_they_fall(explorer: Explorer, tmp_path: Path) -> None:
    archive = saved(tmp_path)
    state = {"version": 1, "view": "pooling", "layer": {**small_layer()["layer"], "bias": [7, 8]}}
    with explorer.open() as page:
        for place, view in [(".cs-picker", "Pooling"), (".cs-header", "Pooling")]:
            drop(page, place, "state.json", json.dumps(state).encode())
            chosen(page, view)
            page.keyboard.press("1")
            assert numbers(page, BIAS).ravel()[0] == 7
            page.keyboard.press("Control+z")
        drop(page, ".cs-picker", "broken.json", b"{")
        page.wait_for_selector(".cs-main > [role=alert]:not(:empty)")
        assert alert(page) == "This file does not hold a state of this page."
        for number, place in [("1", ".cs-picker"), ("2", ".cs-picker"), ("4", ".cs-mistakes")]:
            page.keyboard.press(number)
            page.locator(f"{place}:visible").wait_for()
            drop(page, place, "renamed.bin" if number == "1" else "mine.convstep", archive)
            page.get_by_role("heading", name=f"The network “{'renamed.bin' if number == '1' else 'mine'}”").wait_for()
            chosen(page, "A network")
        page.keyboard.press("4")
        drop(page, ".cs-mistakes", "image.png", b"\x89PNG")
        page.wait_for_selector(".cs-main > [role=alert]:not(:empty)")
        assert alert(page).startswith("An image has no place here.")


def test_a_state_of_a_visitors_network_waits_for_it(explorer: Explorer, tmp_path: Path) -> None:
    archive = saved(tmp_path)
    with explorer.open({"version": 1, "view": "network"}) as page:
        drop(page, ".cs-net", "mine.convstep", archive)
        page.get_by_role("heading", name="The network “mine”").wait_for()
        page.locator(".cs-net-row").nth(2).click()
        rows = page.locator(".cs-net-row").all_inner_texts()
        page.locator("summary", has_text="Compare with code").click()
        page.get_by_text("The network mine is not in it: send the file mine.convstep along.").first.wait_for()
        field = page.get_by_label("Link", exact=True)
        wait_until(lambda: "#state=" in field.input_value())
        link = "#" + field.input_value().partition("#")[2]
    state = json.loads(zlib.decompress(base64.urlsafe_b64decode(link.removeprefix("#state=") + "===")))
    assert state["network"]["of"] == {"name": "mine", "digest": hashlib.sha256(archive).hexdigest()}
    assert state["network"]["class"] == 2
    with explorer.open(fragment=link) as page:
        needs = "This state needs the network mine, which is not open here. Drop its file mine.convstep here."
        page.get_by_text(needs).wait_for()
        assert page.locator(".cs-net-row:visible").count() == 0
        drop(page, ".cs-net-missing", "mine.convstep", archive)
        page.get_by_role("heading", name="The network “mine”").wait_for()
        assert page.locator(".cs-net-row").all_inner_texts() == rows
        assert page.locator(".cs-net-row[aria-checked=true]").all_inner_texts() == rows[2:]
        assert page.get_by_text(needs).count() == 0
        page.keyboard.press("Control+z")  # before the link, the page had its own
        page.keyboard.press("3")
        page.get_by_role("heading", name="The network “digits”").wait_for()
        page.keyboard.press("Control+Shift+z")
        page.get_by_role("heading", name="The network “mine”").wait_for()
        assert page.locator(".cs-net-row").all_inner_texts() == rows


def test_another_network_than_the_one_that_is_needed_is_told_from_it(explorer: Explorer, tmp_path: Path) -> None:
    network = {"of": {"name": "mine", "digest": "0" * 64}, "class": 1}
    with explorer.open({"version": 1, "view": "network", "network": network}) as page:
        drop(page, ".cs-net-missing", "mine.convstep", saved(tmp_path))
        page.get_by_text("This is another network than the mine of the state").wait_for()
        page.keyboard.press("Control+z")
        page.get_by_text("This state needs the network mine").wait_for()
        page.get_by_role("button", name="Back to the page's own").click()
        page.get_by_role("heading", name="The network “digits”").wait_for()
    shipped = {"name": "any", "digest": hashlib.sha256(shipped_network().archive).hexdigest()}
    with explorer.open({"version": 1, "view": "network", "network": {"of": shipped}}) as page:
        page.get_by_role("heading", name="The network “digits”").wait_for()  # the page's own under another name


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"network": {"class": 77}}, "The state asks for class 77, but this network has 10 classes, counted from 0."),
        ({"network": {"layer": "conv9", "map": 1}}, "The state asks for map 1 of the layer conv9, which this network does not have."),
        ({"mistakes": {"id": "none.such"}}, "This page knows no mistake called none.such. Choose one from the list."),
    ],
)
def test_what_a_link_asks_for_and_is_not_there_is_said(explorer: Explorer, part: dict[str, Any], said: str) -> None:
    (view,) = part
    with explorer.open(fragment=f"#state={linked({'version': 1, 'view': view, **part})}") as page:
        page.get_by_role("alert").filter(has_text=said).wait_for()
        if "network" in part:
            assert page.locator(".cs-net-row[aria-checked=true] .cs-net-class").inner_text() == "3"
            page.locator(".cs-net-row").nth(5).click()
            page.locator("[data-layer=conv1] .cs-net-forwards button.cs-net-map").first.click()
            assert page.get_by_role("alert").filter(has_text="The state asks").count() == 0


def test_a_network_is_named_by_a_digest_or_the_state_is_refused(explorer: Explorer) -> None:
    state = {"version": 1, "network": {"of": {"name": "mine", "digest": "77"}}}
    with explorer.open(fragment=f"#state={linked(state)}") as page:
        page.wait_for_selector(".cs-main > [role=alert]:not(:empty)")
        assert alert(page) == 'network.of.digest must be a SHA-256 of 64 hexadecimal digits, not "77".'


def saved(folder: Path) -> bytes:
    """A small network of images of 6 x 5, as a file."""
    own = Sequential([Input((6, 5, 1)), layers.Conv2D(2, 3, name="first"), layers.Flatten(), layers.Dense(3, activation="softmax")])
    drawn = np.random.default_rng(5)
    own.set_weights([drawn.normal(size=item.shape) for item in own.get_weights()])
    own.save(folder / "mine.convstep")
    return (folder / "mine.convstep").read_bytes()


def drop(page: Any, selector: str, name: str, content: bytes) -> None:
    page.evaluate(GIVE, [selector, name, base64.b64encode(content).decode()])


def chosen(page: Any, view: str) -> None:
    page.locator("[role=tab][aria-selected=true]", has_text=view).wait_for()


def follow(page: Any, text: str) -> None:
    """Put a link over the address of the open page."""
    page.evaluate("(text) => { location.hash = `state=${text}`; }", text)


def linked(state: dict[str, Any]) -> str:
    """A state as a link has it: JSON, deflated, in letters."""
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(state).encode())).decode().rstrip("=")
