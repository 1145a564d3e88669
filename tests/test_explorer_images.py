"""Images in the explorer's page are prepared as the Python side prepares them: scaled, made grey, and digits found on photographs."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.browser import Explorer
from tests.gestures import role, set_number
from tests.node import planted, run

from convstep.data import load_digits, read_image
from convstep.runs.photograph import digit_cells

pytestmark = pytest.mark.once  # the page is the same whatever else is installed

PIL = pytest.importorskip("PIL.Image", reason="pillow, to which the page is held, comes with the extra data")
SIZES = [((28, 28), (12, 12)), ((64, 48), (28, 28)), ((5, 7), (20, 20)), ((31, 50), (31, 17)), ((9, 9), (1, 1)), ((3, 200), (40, 8))]


@pytest.mark.parametrize("channels", [1, 3])
def test_scaled_images_are_pillows_to_a_step(channels: int) -> None:
    numbers = np.random.default_rng(channels)
    images = [numbers.integers(0, 256, (*size, channels)).astype(np.uint8) for size, _ in SIZES]
    found = run(
        'const { bytes, resampled } = await load("resampling.js"); return given.map(([x, [height, width]]) => '
        "resampled({ height: x.shape[0], width: x.shape[1], channels: x.shape[2], data: x.data }, height, width, { keep: bytes }).data);",
        [[image.astype(np.float64), list(size)] for image, (_, size) in zip(images, SIZES, strict=True)],
    )
    for image, data, (_, (height, width)) in zip(images, found, SIZES, strict=True):
        expected = np.asarray(PIL.fromarray(image.squeeze(-1) if channels == 1 else image).resize((width, height), PIL.Resampling.BILINEAR))
        difference = np.abs(np.reshape(data, expected.shape) - expected)
        assert difference.max() <= 1  # pillow's weights have 22 bits


def test_grey_is_pillows_grey() -> None:
    colours = np.random.default_rng(3).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    found = run(
        'const { greyed } = await load("resampling.js"); return greyed({ height: 40, width: 50, channels: 3, data: given.data }).data;',
        colours.astype(np.float64),
    )
    assert np.array_equal(np.reshape(found, (40, 50)), np.asarray(PIL.fromarray(colours).convert("L")))


FIND = (
    'const { digitCells } = await load("photograph.js"); return given.map((x) => '
    "digitCells({ height: x.shape[0], width: x.shape[1], data: x.data })?.data ?? null);"
)


def test_digits_are_found_on_photographs_as_the_python_side_finds_them() -> None:
    photographs = [photograph(k) for k in range(12)]
    found = run(FIND, [image.astype(np.float64) for image in photographs])
    blank = 0
    for k, (image, data) in enumerate(zip(photographs, found, strict=True)):
        expected = digit_cells(image)
        if expected is None:
            assert data is None
            blank += 1
            continue
        difference = np.abs(np.reshape(data, expected.shape) - expected)
        assert difference.max() <= 1, f"photograph {k}"
        assert np.count_nonzero(difference) <= 5
    assert blank == 1


@pytest.mark.parametrize(
    ("right", "wrong"), [("ROUNDS] = [24, 0.05, 1.8, 3]", "ROUNDS] = [24, 0.05, 1.2, 3]"), ("0.98), 1 / 2)", "0.9), 1 / 2)")]
)
def test_a_digit_that_is_prepared_otherwise_is_seen(right: str, wrong: str) -> None:
    photographs = [photograph(k) for k in range(8)]
    bug = {"photograph.js": planted("photograph.js", right, wrong)}
    found = run(FIND, [image.astype(np.float64) for image in photographs], files=bug)
    expected = [digit_cells(image) for image in photographs]
    assert max(np.abs(data - cells.ravel()).max() for data, cells in zip(found, expected, strict=True) if cells is not None) > 1


def test_an_image_for_a_layer_is_chosen_opened_or_drawn(explorer: Explorer, tmp_path: Path) -> None:
    colours = np.random.default_rng(2).integers(0, 256, (30, 60, 3)).astype(np.uint8)
    PIL.fromarray(colours).save(tmp_path / "noise.png")
    with explorer.open({"version": 1, "view": "layer"}) as page:
        picker = page.locator(".cs-picker:visible")
        assert picker.locator(".cs-thumb").count() == 16  # ten digits, two paintings, four patterns
        for name, shape in [("digit 8", [12, 12, 1]), ("landscape", [12, 12, 3]), ("stripes", [12, 12, 1])]:
            picker.get_by_role("button", name=name).click()
            assert layer_image(page).shape == tuple(shape)
        assert set(layer_image(page).ravel()) == {0.0, 1.0}
        picker.locator("input[type=file]").set_input_files(tmp_path / "noise.png")
        page.get_by_role("status").filter(has_text="noise.png chosen").wait_for(state="attached")
        expected = read_image(tmp_path / "noise.png", size=(6, 12)) / 255
        assert layer_image(page) == pytest.approx(expected, abs=0.0101)  # a step of 255, then hundredths
        picker.get_by_role("radio", name="grey").click()  # what has colours is shown in colours first
        assert layer_image(page).shape == (6, 12, 1)
        picker.locator("summary").click()
        pad = picker.get_by_role("application")
        pad.focus()
        for key in ("Space", "Shift+ArrowDown", "Shift+ArrowDown", "Shift+ArrowRight"):
            page.keyboard.press(key)
        drawn = layer_image(page)
        assert drawn.shape == (12, 12, 1)
        assert drawn.max() == 1
        page.keyboard.press("Delete")
        assert not layer_image(page).any()


def test_the_controls_of_an_image_are_about_the_one_that_is_shown(explorer: Explorer) -> None:
    values = [3, -1, 0, 2, 5, 5, 2, 3, 4, 1, 5, 5, 0, 0, 2, 6]
    image = {"height": 4, "width": 4, "channels": 1, "values": values}
    state = {"version": 1, "layer": {"image": image, "filters": {"size": 2, "count": 1, "values": [1] * 4}, "bias": [0]}}
    with explorer.open(state) as page:
        size = role(page, "image-size")
        assert size.input_value() == "4"
        role(page, "image-colours").get_by_role("radio", name="red, green, blue").click()
        assert layer_image(page)[..., 2].ravel().tolist() == values  # the same image, and none that it never came from
        page.keyboard.press("Control+z")
        set_number(page, "image-size", 8)
        grown = layer_image(page)
        assert grown.shape == (8, 8, 1)
        assert (grown.min() < 0, grown.max()) == (True, 6)
        set_number(page, "image-size", 4)
        assert layer_image(page).ravel().tolist() == values
        set_number(page, "image-size", 9)
        page.locator(".cs-picker:visible").get_by_role("button", name="stripes").click()
        assert size.input_value() == "9"  # what the visitor asked for last
        page.keyboard.press("Control+z")
        assert size.input_value() == "9"


def test_an_image_that_does_not_fit_is_not_chosen(explorer: Explorer, tmp_path: Path) -> None:
    PIL.fromarray(np.zeros((2, 5000), np.uint8)).save(tmp_path / "strip.png")
    with explorer.open({"version": 1, "view": "layer"}) as page:
        picker = page.locator(".cs-picker:visible")
        before = layer_image(page)
        picker.locator("input[type=file]").set_input_files(tmp_path / "strip.png")
        problem = picker.get_by_role("alert")
        problem.filter(has_text="strip.png was not taken: at 1 × 12 cells the window does not fit into it.").wait_for()
        assert page.get_by_role("status").filter(has_text="strip.png chosen").count() == 0
        set_number(page, "image-size", 13)
        assert layer_image(page).shape == (13, 13, 1)  # what was shown, and not the strip
        assert before.shape == (12, 12, 1)


def test_images_that_are_cut_off_or_changed_are_refused(explorer: Explorer, tmp_path: Path) -> None:
    noise = PIL.fromarray(np.random.default_rng(4).integers(0, 256, (60, 60, 3)).astype(np.uint8))
    with explorer.open({"version": 1, "view": "layer"}) as page:
        picker = page.locator(".cs-picker:visible")
        before = layer_image(page)
        for kind in ("png", "jpg", "webp"):
            noise.save(tmp_path / f"whole.{kind}")
            whole = (tmp_path / f"whole.{kind}").read_bytes()
            damaged = {"cut": whole[: len(whole) // 2], "short": whole[:-9]}
            if kind == "png":
                damaged["changed"] = whole[:3000] + bytes([whole[3000] ^ 64]) + whole[3001:]
            for name, content in damaged.items():
                (tmp_path / f"{name}.{kind}").write_bytes(content)
                picker.locator("input[type=file]").set_input_files(tmp_path / f"{name}.{kind}")
                said = f"{name}.{kind} is no image that this browser can read, or a damaged one."
                picker.get_by_role("alert").filter(has_text=said).wait_for()
            assert np.array_equal(layer_image(page), before)
            picker.locator("input[type=file]").set_input_files(tmp_path / f"whole.{kind}")
            page.get_by_role("status").filter(has_text=f"whole.{kind} chosen").wait_for(state="attached")
            page.keyboard.press("Control+z")


def layer_image(page: Any) -> Any:
    """The image of the view, cell by cell, from what a screen reader is told of each channel."""
    thumbs = page.locator(".cs-thumbs:visible [role=radio]").all()
    planes = []
    for thumb in thumbs or [None]:
        if thumb is not None:
            thumb.click()
        grid = page.locator("[role=grid][aria-label='A_prev, the image']:visible")
        labels = grid.locator("[role=gridcell]").evaluate_all("(all) => all.map((one) => one.getAttribute('aria-label'))")
        read = [re.match(r"row (\d+), column (\d+): (-?[\d.]+)", label.replace("\N{MINUS SIGN}", "-")) for label in labels]
        cells = {(int(found[1]), int(found[2])): float(found[3]) for found in read if found is not None}
        height, width = (max(place[axis] for place in cells) + 1 for axis in (0, 1))
        planes.append(np.reshape([cells[r, c] for r in range(height) for c in range(width)], (height, width)))
    return np.stack(planes, axis=-1)


def photograph(k: int) -> Any:
    """A test digit in ink on paper: of another size each time, with a shadow, specks, a frame, or light on dark; the last is blank."""
    numbers = np.random.default_rng(k)
    digit = load_digits()[1][0][17 * k]
    side = (28, 61, 150, 333)[k % 4]
    ink = np.asarray(PIL.fromarray(digit).resize((side, side * (4 + k % 3) // 4), PIL.Resampling.BICUBIC), dtype=np.float64) / 255
    field = np.zeros((ink.shape[0] + 40 + k, ink.shape[1] + 30))
    if k < 11:
        field[11 : 11 + ink.shape[0], 17 : 17 + ink.shape[1]] = ink
    rows, columns = np.mgrid[0 : field.shape[0], 0 : field.shape[1]] / max(field.shape)
    paper = 220 - (60 * rows + 40 * columns**2 if k % 3 == 1 else 0)
    image = paper - field * (paper - 40) + numbers.normal(0, 2 if k % 2 else 0, field.shape)
    if k % 5 == 3:
        image[5:7, 40:42] = 30  # a speck
    if k % 5 == 4:
        image[:, :3] = 20  # a frame
    return np.clip(255 - image if k % 4 == 2 else image, 0, 255).astype(np.uint8)
