"""The curves of a run: loss and accuracy after each epoch, and what the test images said at the end."""

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from convstep.figures import style

__all__ = ["draw_curves", "write_png"]

WIDTH, HEIGHT = 7.6, 3.55  # inches
LEFT, TOP, PANEL = 0.62, 0.98, (2.95, 1.95)
NOTE = "epoch"


def draw_curves(history: Sequence[Mapping[str, float]], *, title: str, test: Mapping[str, float] | None = None) -> Figure:
    """Draw a run.

    Parameters
    ----------
    history : sequence of mappings
        For each epoch "epoch", "loss" and "accuracy", with images held out "val_loss" and "val_accuracy" too.
    title : str
    test : mapping, optional
        "loss" and "accuracy" on the test images, after the last epoch.

    Returns
    -------
    Figure
    """
    with style.house_style():
        figure = style.sheet(WIDTH, HEIGHT)
        style.headline(figure, title, _explanation(history))
        for left, name in ((LEFT, "loss"), (LEFT + 3.72, "accuracy")):
            axes = style.panel(figure, left, TOP, PANEL, title=name, note=NOTE)
            _draw(axes, history, name, None if test is None else test[name])
    return figure


def write_png(figure: Figure, file: BinaryIO) -> None:
    """Write a figure into an open file."""
    with style.house_style():
        figure.savefig(file, format="png", dpi=style.DPI, metadata=style.NO_DATE[".png"])


def _explanation(history: Sequence[Mapping[str, Any]]) -> str:
    held_out = " Dashed: on images that were held out." if any("val_loss" in row for row in history) else ""
    return (
        "Line: on the training images as they were trained on, changed at random and with Dropout, so it may lie behind the others.\n"
        f"Diamond: on the test images, looked at once, at the end.{held_out}"
    )


def _draw(axes: Axes, history: Sequence[Mapping[str, float]], name: str, test: float | None) -> None:
    epochs = [row["epoch"] for row in history]
    axes.plot(epochs, [row[name] for row in history], color=style.BLUE, linewidth=1.5, marker="o", markersize=2.5, label="training")
    held = [(row["epoch"], row[f"val_{name}"]) for row in history if f"val_{name}" in row]
    if held:
        axes.plot(*zip(*held, strict=True), color=style.VERMILION, linewidth=1.5, linestyle="--", label="held out")
    if test is not None and epochs:
        label = f"test: {style.number(test, 4)}"
        axes.plot([epochs[-1]], [test], color=style.INK, linestyle="none", marker="D", markersize=5, clip_on=False, zorder=5, label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.tick_params(labelsize=7, labelcolor=style.GREY, color=style.GREY, length=2.5)
    axes.grid(visible=True, color=style.RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_xlim(0.5, max(epochs, default=1) + 0.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if name == "loss":
        axes.set_ylim(bottom=0)
    elif history:
        axes.set_ylim(top=1)
    look: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 0.05)}
    if name == "loss":
        look = {"loc": "upper right", "bbox_to_anchor": (1, 0.95)}
    axes.legend(**look, frameon=False, fontsize=7.5)
