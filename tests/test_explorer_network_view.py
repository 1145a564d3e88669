"""The view "a network" in a real browser: what it shows is what the Python model computes, whatever the visitor draws, drops or opens."""

import base64
import io
import json
import re
from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.browser import Explorer
from tests.gestures import wait_until

from convstep import Input, Sequential, layers
from convstep.data import load_digits, read_image
from convstep.models import load_model
from convstep.runs.photograph import digit_cells

pytestmark = pytest.mark.once

SHIPPED = Path(str(files("convstep.explorer")))
STATE = {"version": 1, "view": "network"}
STROKES = {  # as a hand with a mouse draws them, in parts of the pad
    7: [[(0.25, 0.2), (0.72, 0.2)], [(0.72, 0.2), (0.45, 0.85)]],
    4: [[(0.4, 0.15), (0.25, 0.5), (0.75, 0.5)], [(0.62, 0.3), (0.6, 0.88)]],
    2: [[(0.28, 0.3), (0.4, 0.15), (0.6, 0.17), (0.68, 0.35), (0.5, 0.6), (0.25, 0.85), (0.75, 0.84)]],
}
PATIENCE = 20_000  # milliseconds
SHOWN_TO = 2e-4  # numbers in sentences have at least five digits
PIL = pytest.importorskip("PIL.Image", reason="pillow, to which the page is held, comes with the extra data")


@pytest.fixture(scope="module")
def model() -> Any:
    return load_model(SHIPPED / "network" / "digits.convstep")


def test_sample_digits_are_read_as_the_python_model_reads_them(explorer: Explorer, model: Any) -> None:
    digits = json.loads((SHIPPED / "digits.json").read_text(encoding="utf-8"))
    with explorer.open(STATE) as page:
        thumbs = page.locator(".cs-net-sources .cs-thumb")
        for k, digit in enumerate(digits):
            thumbs.nth(k).click()
            x = np.reshape(digit["values"], (28, 28, 1)).astype(np.float32) / np.float32(255)
            wanted = pytest.approx(logits(model, x), rel=SHOWN_TO, abs=SHOWN_TO)
            wait_until(partial(has_scores, page, wanted))  # a slow machine's page waits for a pause
            assert answer(page).startswith(f"{int(model.predict(x[None], verbose=0).argmax())}, with ")


def test_outputs_and_gradients_of_layers_are_the_models(explorer: Explorer, model: Any) -> None:
    x = load_digits()[1][0][3][..., np.newaxis] / np.float32(255)
    with explorer.open({**STATE, "network": {"image": image_of(x), "class": 8}}) as page:
        gradients = model.score_gradients(x, 8)
        assert cells(page, "input_layer", 0, "gradient") == pytest.approx(model.saliency(x, 8).ravel(), abs=1e-5)
        assert cells(page, "conv1", 3, "gradient") == pytest.approx(gradients["conv1"][..., 3].ravel(), abs=1e-5)
        assert cells(page, "pool2", 11, "gradient") == pytest.approx(gradients["pool2"][..., 11].ravel(), abs=1e-5)
        outputs = model.layer_outputs(x)
        assert cells(page, "relu1", 5, "map") == pytest.approx(outputs["relu1"][..., 5].ravel(), abs=1e-5)
        assert cells(page, "conv2", 15, "map") == pytest.approx(outputs["conv2"][..., 15].ravel(), abs=1e-4)
        for row in page.locator(".cs-net-row").all()[:4]:
            row.click()
            k = int(row.locator(".cs-net-class").inner_text())
            assert page.locator(".cs-net-heads h2").nth(1).inner_text().endswith(f"score of {k}")
            expected = model.saliency(x, k)
            says = page.locator(".cs-net-top section").nth(2).inner_text()
            strongest = np.unravel_index(expected.argmax(), expected.shape)
            assert f"Most for {k}: row {strongest[0]}, column {strongest[1]}, " in says


def test_a_digit_drawn_by_mouse_is_read_while_it_is_drawn(explorer: Explorer) -> None:
    with explorer.open(STATE) as page:
        for digit, (first, *others) in STROKES.items():
            page.get_by_role("button", name="Clear", exact=True).click()
            blank = answer(page)
            draw(page, first)
            begun = changed(page, blank)
            for stroke in others:
                draw(page, stroke)
                changed(page, begun)
            settled(page, f"{digit}, ")
        page.get_by_role("button", name="Clear", exact=True).click()
        nothing = page.locator("[data-layer=input_layer] .cs-net-forwards button")
        wait(nothing, "aria-label", "input_layer, map 0: 0 everywhere")
        assert page.get_by_role("button", name="Undo stroke").get_attribute("aria-disabled") == "true"


def test_strokes_are_taken_back_one_by_one(explorer: Explorer) -> None:
    with explorer.open(STATE) as page:
        for stroke in STROKES[7]:
            draw(page, stroke)
        seven = settled(page, "7, with > 99.9 %")
        page.get_by_role("button", name="Undo stroke").click()
        changed(page, seven)
        page.get_by_role("button", name="Undo stroke").focus()
        page.keyboard.press("Control+z")  # the page's own undo brings the stroke back
        settled(page, seven)


def test_a_digit_drawn_by_keyboard_alone_is_read(explorer: Explorer) -> None:
    with explorer.open(STATE) as page:
        page.get_by_role("application").focus()
        page.keyboard.press("Space")
        for _ in range(16):
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Space")
        one = settled(page, "1, ")
        said(page, "pen up at row 23, column 14")
        page.keyboard.press("Shift+ArrowLeft")  # the pen is up: it moves and draws nothing
        said(page, "row 23, column 10")
        assert answer(page) == one
        page.keyboard.press("Backspace")
        changed(page, one)


def test_images_are_dropped_and_pasted_and_prepared_as_convstep_predict_does(explorer: Explorer, model: Any, tmp_path: Path) -> None:
    paper = photographed(load_digits()[1][0][279])
    found = digit_cells(paper)
    assert found is not None
    expected = logits(model, found / np.float32(255))
    turned = PIL.fromarray(np.tile(np.linspace(0, 255, 60).astype(np.uint8), (20, 1)))
    exif = PIL.Exif()
    exif[0x0112] = 6  # a camera held upright
    turned.save(tmp_path / "turned.png", exif=exif)
    clear = PIL.fromarray(np.dstack([np.zeros((30, 30, 3)), np.tri(30) * 255]).astype(np.uint8), "RGBA")
    clear.save(tmp_path / "clear.png")
    with explorer.open(STATE) as page:
        give(page, "drop", "paper.png", png(paper))
        said(page, "paper.png chosen")
        wait_until(partial(has_scores, page, pytest.approx(expected, rel=0.05, abs=0.1)))  # a cell may differ by one of 255 steps
        give(page, "paste", "white.png", png(255 - paper))
        said(page, "white.png chosen")
        settled(page, "5, ")
        page.get_by_label("In files, find the digit").uncheck()
        for name in ("turned.png", "clear.png"):
            page.locator("input[type=file][accept='image/*']").first.set_input_files(tmp_path / name)
            said(page, f"{name} chosen")
            file = read_image(tmp_path / name, size=(28, 28), color="gray")[..., 0]
            wait_until(partial(has_image, page, file))


def test_what_is_no_image_is_refused_in_words(explorer: Explorer) -> None:
    with explorer.open(STATE) as page:
        before = scores(page)
        for name, content, said in [
            ("notes.png", b"no image at all", "notes.png is no image that this browser can read, or a damaged one."),
            ("empty.png", b"", "empty.png is empty."),
            ("blank.png", png(np.full((40, 40), 200, np.uint8)), "blank.png shows no digit: nothing in it stands out from the rest."),
        ]:
            give(page, "drop", name, content)
            page.wait_for_function(
                "(said) => [...document.querySelectorAll('[role=alert]')].some((one) => one.textContent === said)", arg=said
            )
        assert scores(page) == before


def test_the_visitors_own_network_is_shown(explorer: Explorer, tmp_path: Path) -> None:
    own = own_network()
    own.save(tmp_path / "colours.convstep", notes={"convstep_run": {"data": {"classes": ["red", "green", "blue"]}}})
    with explorer.open(STATE) as page:
        page.locator("input[type=file][accept='.convstep']").set_input_files(tmp_path / "colours.convstep")
        page.get_by_role("heading", name="The network “colours”").wait_for()
        assert [name.inner_text() for name in page.locator(".cs-net-class").all()] == ["red", "green", "blue"]
        # the first layer does nothing to the image
        image = np.stack([np.reshape(cells(page, "first", k, "map"), (12, 10)) for k in range(3)], axis=-1).astype(np.float32)
        wait_until(partial(has_scores, page, pytest.approx(logits(own, image), rel=SHOWN_TO, abs=SHOWN_TO)))
        page.locator("summary", has_text="Compare with code").click()
        program = page.locator(".cs-share-code pre")
        program.get_by_text('path = Path("colours.convstep")').wait_for()
        assert "12, 10, 3" in program.inner_text()
        page.locator(".cs-net-row").nth(2).click()
        expected = own.score_gradients(image, 2)
        assert cells(page, "second", 1, "gradient") == pytest.approx(expected["second"][..., 1].ravel(), abs=1e-6)
        page.get_by_role("button", name="中文").click()
        assert "colours" in page.locator(".cs-net-about h2").inner_text()  # another language, the same network
        page.get_by_role("button", name="回到本页自带的网络").click()
        assert "digits" in page.locator(".cs-net-about h2").inner_text()


def test_networks_that_the_page_cannot_show_are_refused_in_words(explorer: Explorer, tmp_path: Path) -> None:
    Sequential([Input((4, 4, 1)), Strange(name="odd"), layers.Flatten(), layers.Dense(2)]).save(tmp_path / "strange.convstep")
    Sequential([Input((90, 4, 1)), layers.Flatten(), layers.Dense(2)]).save(tmp_path / "long.convstep")
    whole = (SHIPPED / "network" / "digits.convstep").read_bytes()
    (tmp_path / "cut.convstep").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "changed.convstep").write_bytes(whole.replace(b"conv1", b"conv7", 1))
    with explorer.open(STATE) as page:
        before = scores(page)
        for name, said in [
            ("strange", r"The layer “odd” is of the class Strange, which this page cannot run\."),
            ("long", r"Its images have 90 × 4 × 1 numbers; this page holds images of at most 64 × 64 × 8\."),
            ("cut", r"This file is not a whole model of convstep: .+\."),
            ("changed", r"This file is not a whole model of convstep: .+\."),
        ]:
            page.locator("input[type=file][accept='.convstep']").set_input_files(tmp_path / f"{name}.convstep")
            page.get_by_text(re.compile(rf"^{name} was not opened\. {said}$")).wait_for()
        assert scores(page) == before


def test_a_cell_says_what_it_is_and_opens_as_one_layer(explorer: Explorer, model: Any) -> None:
    x = load_digits()[1][0][0][..., np.newaxis] / np.float32(255)
    state = {**STATE, "network": {"image": image_of(x), "layer": "conv2", "map": 2, "at": [3, 4]}}
    with explorer.open(state) as page:
        says = page.locator(".cs-net-says")
        value = model.layer_outputs(x)["conv2"][3, 4, 2]
        found = re.match(r"conv2\[3, 4, 2\] = (\S+)\. It sees rows 6 to 19 and columns 8 to 21 of the image\.", says.inner_text())
        assert found is not None
        assert number(found[1]) == pytest.approx(value, abs=1e-4)
        grid = page.locator(".cs-net-figure [role=grid]").first
        grid.locator("[role=gridcell]").nth(3 * 8 + 4).focus()
        page.keyboard.press("ArrowRight")
        assert says.inner_text().startswith("conv2[3, 5, 2] = ")
        page.keyboard.press("ArrowLeft")
        page.locator("[data-role=hand-over]").click()
        assert page.get_by_role("tab", name="One layer").get_attribute("aria-selected") == "true"
        shown = page.evaluate("() => document.querySelector('.cs-panel:not([hidden])').innerText")
        assert re.search(rf"Z\[3, 4, 0\] = {re.escape(short(value))}", shown), shown[:500]


def test_everything_is_done_with_keys_alone(explorer: Explorer) -> None:
    with explorer.open(STATE) as page:
        chosen = page.locator(".cs-net-row[aria-checked=true]")
        chosen.focus()
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.activeElement.querySelector('.cs-net-class').textContent") == "4"
        assert chosen.locator(".cs-net-class").inner_text() == "4"
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # follow the prediction again
        assert chosen.locator(".cs-net-class").inner_text() == "3"
        page.locator("[data-layer=conv1] .cs-net-forwards [tabindex='0']").first.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        assert page.locator(".cs-net-detail h3").inner_text() == "conv1, map 2 · 24 × 24"
        page.locator(".cs-net-detail [role=gridcell][tabindex='0']").first.focus()
        page.keyboard.press("Escape")
        assert page.locator(".cs-net-detail").count() == 0
        assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("conv1, map 2: from ")


def test_nothing_keeps_anybody_out(explorer: Explorer) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe comes with the package axe-playwright-python").Axe()
    state = {**STATE, "network": {"layer": "conv2", "map": 1, "at": [2, 2], "class": 5}}
    with explorer.open(state) as page:
        for width, scheme in [(1280, "light"), (360, "dark")]:
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme)
            found = axe.run(page).response["violations"]
            assert [(item["id"], [node["html"][:200] for node in item["nodes"]]) for item in found] == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width


# --- what a visitor does and sees ---


class Strange(layers.Layer):
    """A layer of somebody's own."""

    def forward(self, x: Any, **_: Any) -> Any:
        """Return x."""
        return x, None


def own_network() -> Sequential:
    rng = np.random.default_rng(8)
    own = Sequential(
        [
            Input((12, 10, 3)),
            layers.Conv2D(4, 1, name="first"),
            layers.Conv2D(5, (3, 2), strides=2, padding="same", activation="tanh", name="second"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax", name="score"),
        ]
    )
    weights = [rng.normal(size=item.shape) for item in own.get_weights()]
    weights[0], weights[1] = np.eye(3, 4)[None, None], np.zeros(4)
    own.set_weights(weights)
    return own


def logits(model: Any, x: Any) -> list[float]:
    """What the softmax at the end of a model is given."""
    weights, bias = model.layers[-1].get_weights()
    before = model.layer_outputs(x)[model.layers[-2].name]
    return list((before.ravel() @ weights + bias).tolist())


def image_of(x: Any) -> dict[str, Any]:
    height, width, channels = x.shape
    return {"height": height, "width": width, "channels": channels, "values": [float(value) for value in x.ravel()]}


def number(text: str) -> float:
    return float(text.replace("\N{MINUS SIGN}", "-"))


def short(value: float) -> str:
    """The first digits of a number, as the page writes it."""
    return f"{value:.3f}".replace("-", "\N{MINUS SIGN}")[:5]


def settled(page: Any, pattern: str) -> str:
    """Wait until the network's answer begins in a way: a slow machine draws first and reads when the hand rests."""
    page.locator(".cs-net-answer", has_text=re.compile(rf"^{pattern}")).wait_for(timeout=PATIENCE)
    return answer(page)


def changed(page: Any, before: str) -> str:
    """Wait until the network's answer is another one."""
    page.locator(".cs-net-answer").filter(has_not_text=before).wait_for(timeout=PATIENCE)
    return answer(page)


def said(page: Any, text: str) -> None:
    """Wait until the page has told a screen reader something."""
    page.locator(".cs-page > [role=status]", has_text=re.compile(rf"^{re.escape(text)}$")).wait_for(state="attached", timeout=PATIENCE)


def wait(element: Any, attribute: str, value: str) -> None:
    """Wait until an attribute has a value."""
    element.and_(element.page.locator(f"[{attribute}='{value}']")).wait_for(timeout=PATIENCE)


def answer(page: Any) -> str:
    return str(page.locator(".cs-net-answer").inner_text())


def scores(page: Any) -> list[float]:
    labels = page.locator(".cs-net-row").evaluate_all("(rows) => rows.map((row) => row.getAttribute('aria-label'))")
    return [number(label.rpartition(" ")[2]) for label in labels]


def has_scores(page: Any, wanted: Any) -> bool:
    return bool(scores(page) == wanted)


def has_image(page: Any, image: Any) -> bool:
    return bool(np.abs(np.reshape(cells(page, "input_layer", 0, "map"), (28, 28)) * 255 - image).max() <= 2)


def cells(page: Any, layer: str, k: int, figure: str) -> list[float]:
    """Enlarge a map and read each cell as a screen reader would."""
    button = page.locator(f"[data-layer={layer}] .cs-net-forwards > .cs-net-strip").first.locator("button.cs-net-map").nth(k)
    if button.get_attribute("aria-pressed") != "true":
        button.click()
    grid = page.locator(".cs-net-figure [role=grid]").nth(["map", "gradient"].index(figure))
    labels = grid.locator("[role=gridcell]").evaluate_all("(all) => all.map((one) => one.getAttribute('aria-label'))")
    return [number(label.rpartition(": ")[2]) for label in labels]


def draw(page: Any, points: Sequence[tuple[float, float]]) -> None:
    box = page.locator(".cs-pad").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def give(page: Any, gesture: str, name: str, content: bytes) -> None:
    """Drop or paste a file."""
    page.evaluate(
        """([gesture, name, text]) => {
          const data = new DataTransfer();
          data.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name, { type: "image/png" }));
          if (gesture === "paste") {
            document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
            return;
          }
          const target = document.querySelector(".cs-net-flow");
          for (const type of ["dragenter", "dragover", "drop"]) {
            target.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
          }
        }""",
        [gesture, name, base64.b64encode(content).decode()],
    )


def png(cells: Any) -> bytes:
    content = io.BytesIO()
    PIL.fromarray(cells).save(content, "png")
    return content.getvalue()


def photographed(digit: Any) -> Any:
    """A digit in dark ink on paper, larger and not in the middle."""
    ink = np.asarray(PIL.fromarray(digit).resize((120, 140), PIL.Resampling.BICUBIC), dtype=np.float64) / 255
    paper = np.full((220, 260), 215.0)
    paper[30:170, 90:210] -= ink * 180
    return paper.clip(0, 255).astype(np.uint8)
