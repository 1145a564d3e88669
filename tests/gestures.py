"""What a visitor does on the explorer's page, and what a visitor who hears it is told: one gesture, one function.

One rule: numbers are read from the labels of the cells, which have them exactly.
"""

import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np

CELLS = """
  (label) => {
    const grid = [...document.querySelectorAll(`[role=grid][aria-label="${label}"]`)].find((one) => one.checkVisibility());
    return [...grid.querySelectorAll("[role=gridcell]")].map((cell) => cell.getAttribute("aria-label"));
  }
"""
CELL = re.compile(r"(?:padding, )?row (\S+), column (\S+): ([^,]+)(?:, (.*))?")
IMAGE, OUTPUT, FILTER, BIAS = "A_prev, the image", "Z, the output", "W, the weights of the filter", "b, the bias"
POOLED, DA = "A, the output", "dA, the gradient of the output"
FIRST = "dA_prev by the rule of the first maximum"
DZ, GRADIENT, DW, DB = (
    "dZ, the gradient of the output",
    "dA_prev, the gradient of the image",
    "dW, the gradient of the weights",
    "db, the gradient of the bias",
)


def heard(page: Any, label: str, *, padding: bool = True) -> dict[tuple[int, int], tuple[float, str]]:
    """What a screen reader says of each cell of a grid: its number, exactly, and what is special about it."""
    found = {}
    for text in page.evaluate(CELLS, label):
        if text.startswith("padding") and not padding:
            continue
        said = CELL.fullmatch(text.replace("\N{MINUS SIGN}", "-"))
        assert said is not None, text
        row, column, value, note = said.groups()
        found[int(row), int(column)] = (float(value), note or "")
    return found


def numbers(page: Any, label: str) -> Any:
    """The numbers of a grid, without its padding."""
    found = heard(page, label, padding=False)
    rows, columns = sorted({row for row, _ in found}), sorted({column for _, column in found})
    return np.array([[found[row, column][0] for column in columns] for row in rows])


def noted(page: Any, label: str, note: str) -> list[tuple[int, int]]:
    """The cells of which something is said."""
    return [place for place, (_, said) in heard(page, label).items() if said == note]


def cell(page: Any, label: str, row: int, column: int) -> Any:
    """One cell of a grid that is to be seen."""
    grid = page.locator(f'[role=grid][aria-label="{label}"]:visible')
    return grid.locator(f'[role=gridcell][aria-label*="row {row}, column {column}:"]')


def role(page: Any, name: str) -> Any:
    """A control by its role in the page."""
    return page.locator(f"[data-role={name}]:visible")


def alert(page: Any) -> str:
    """What the page complains of."""
    return str(page.locator(".cs-main > [role=alert]").inner_text())


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for what the page does by itself (its policy forbids the strings of code that Playwright's own waiting sends)."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "the page did nothing for 20 seconds"
        time.sleep(0.02)


def choose(page: Any, control: str, value: str) -> None:
    """Choose one of a few."""
    role(page, control).locator(f"[data-value={value}]").click()


def set_number(page: Any, control: str, value: int) -> None:
    """Type a whole number into a setting."""
    role(page, control).fill(str(value))
    role(page, control).press("Enter")


def type_into(page: Any, label: str, place: tuple[int, int], text: str) -> None:
    """Type a number into a cell, with keys alone."""
    cell(page, label, *place).focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Control+a")
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def the_layer(page: Any) -> tuple[Any, Any, Any]:
    """The image, the filter and the bias in view, as the steps want them."""
    x = numbers(page, IMAGE)[None, :, :, None]
    return x, numbers(page, FILTER)[:, :, None, None], numbers(page, BIAS).reshape(1, 1, 1, 1)


def small_layer(seed: int = 0, **changed: Any) -> dict[str, Any]:
    """A state with a 6 x 6 image of two channels and two filters, all of whole quarters."""
    drawn = np.random.default_rng(seed)

    def values(count: int) -> list[float]:
        return [float(value) for value in drawn.integers(-8, 9, size=count) / 4]

    layer = {
        "image": {"height": 6, "width": 6, "channels": 2, "values": values(72)},
        "filters": {"size": 3, "count": 2, "values": values(36)},
        "bias": values(2),
        **changed,
    }
    return {"version": 1, "view": "layer", "layer": layer}


MARKED = """
  ([label, name]) => {
    const grids = [...document.querySelectorAll(`[role=grid][aria-label="${label}"]`)];
    const grid = grids.find((one) => one.checkVisibility()).closest(".cs-grid");
    const mark = grid.querySelector(`.cs-mark-${name}`);
    return mark.getAttribute("visibility") === "visible" ? mark.querySelector(".cs-line").getAttribute("d").split("M").length - 1 : 0;
  }
"""


def marked(page: Any, label: str, name: str) -> int:
    """How many cells of a grid have a mark. Each is drawn in two strokes: a frame, and what tells the mark from others without colour."""
    return int(page.evaluate(MARKED, [label, name])) // 2


def here(page: Any) -> tuple[int, int]:
    """Where the window is, as the output says it."""
    (place,) = noted(page, OUTPUT, "this step")
    return place


def focused(page: Any) -> str:
    """Which cell has the focus."""
    return str(page.evaluate("document.activeElement.getAttribute('aria-label').split(':')[0]"))


def shown(value: float) -> str:
    """A short number as the page writes it."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def the_layer_backwards(page: Any) -> tuple[Any, Any, Any]:
    """The layer as the way back shows it."""
    return numbers(page, IMAGE)[None, :, :, None], numbers(page, FILTER)[:, :, None, None], np.zeros((1, 1, 1, 1))
