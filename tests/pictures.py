"""What is true of every picture: nothing leaves the sheet, no text runs into another, and it is drawn alike each time."""

import io
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from convstep.figures import Picture

TOUCH = 0.5  # pixels that two texts may share

EXTREMES: dict[str, Any] = {
    "zeros": np.zeros,
    "ones": np.ones,
    "NaN": lambda shape: np.full(shape, np.nan),
    "infinite": lambda shape: np.where(np.arange(np.prod(shape)).reshape(shape) % 2, np.inf, -np.inf),
    "mixed": lambda shape: np.resize([np.nan, np.inf, 0.0, -0.0, -1.5, 1e-12, -123456.789, 3.0], shape),
    "huge": lambda shape: np.resize([1e308, -1e308, 0.0], shape),
    "tiny": lambda shape: np.resize([5e-324, -1e-310, 0.0], shape),
    "whole": lambda shape: np.arange(np.prod(shape)).reshape(shape) - 3,
    "half": lambda shape: np.linspace(-1, 1, int(np.prod(shape))).reshape(shape).astype(np.float16),
}


def texts(figure: "Picture") -> list[tuple[str, Any]]:
    """Return what is written on a figure, with the box around it in pixels."""
    from matplotlib.text import Text

    figure.draw_without_rendering()
    hidden: set[int] = set()  # labels of ticks that lie outside of their axes
    axes: list[Any] = [(item.axison, axis) for item in figure.axes for axis in (item.xaxis, item.yaxis)]
    for is_on, axis in axes:
        known = {id(label) for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()] for label in (tick.label1, tick.label2)}
        hidden |= known - {id(label) for tick in (axis._update_ticks() if is_on else ()) for label in (tick.label1, tick.label2)}
    written: list[Any] = [item for item in figure.findobj(Text) if id(item) not in hidden]
    return [(item.get_text(), item.get_window_extent()) for item in written if item.get_visible() and item.get_text().strip()]


def words(figure: "Picture") -> list[str]:
    """Return what is written on a figure."""
    return [text for text, _ in texts(figure)]


def check_layout(figure: "Picture") -> None:
    """Refuse a figure on which a text leaves the sheet, or runs into another or into a panel, or a panel lies upon another."""
    width, height = figure.get_size_inches() * figure.dpi
    found = texts(figure)
    for text, box in found:
        assert min(box.x0, box.y0) >= 0, text
        assert box.x1 <= width, text
        assert box.y1 <= height, text
    boxes = np.array([box.extents for _, box in found]).reshape(-1, 4)
    for i, j in itertools.combinations(range(len(found)), 2):
        assert shared(boxes[i], boxes[j]) <= TOUCH, (found[i][0], found[j][0])
    panels = panels_of(figure)
    for one, other in itertools.combinations(panels, 2):
        assert shared(one, other) <= TOUCH or np.allclose(one, other), "two panels"  # an image may lie upon the same image
    for (text, box), panel in itertools.product(found, panels):
        x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
        if not (panel[0] < x < panel[2] and panel[1] < y < panel[3]):  # numbers stand inside
            assert shared(np.array(box.extents), panel) <= TOUCH, text


def shared(one: np.ndarray, other: np.ndarray) -> float:
    """Return how many pixels two boxes (left, bottom, right, top) lie upon each other, in the direction in which it is less."""
    return float(np.min(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])))


def panels_of(figure: "Picture") -> list[np.ndarray]:
    """Return the boxes of all panels in pixels: axes, or images on axes that are the whole sheet."""
    drawn: list[Any] = [axes for axes in figure.axes if axes.axison]
    drawn += [image for axes in figure.axes if not axes.axison for image in axes.images]
    return [np.array(item.get_window_extent().extents) for item in drawn]


def content(figure: "Picture", kind: str = "png") -> bytes:
    """Return the file of a figure."""
    with io.BytesIO() as file:
        figure.savefig(file, format=kind, dpi=60)
        return file.getvalue()


def pixels(figure: "Picture", dpi: int = 40) -> np.ndarray:
    """Return how a figure looks: (rows, columns, 3), from 0 to 1."""
    from matplotlib.image import imread

    with io.BytesIO() as file:
        figure.savefig(file, format="png", dpi=dpi)
        file.seek(0)
        return np.asarray(imread(file, format="png"))[..., :3]
