"""The curves of a run: the loss and each metric after each epoch, and what the test images said at the end.

One rule: a value that is no finite number leaves a gap in its line, and the picture says so.
"""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, BinaryIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from convstep.checks import listed, numbers, refusal, shown, word
from convstep.errors import ArgumentTypeError
from convstep.figures import style
from convstep.figures.board import wrapped
from convstep.figures.numerals import number
from convstep.figures.style import Picture
from convstep.figures.themes import theme_named

__all__ = ["draw_curves", "write_png"]

WIDTH, LEFT, PANEL = 7.6, 0.62, (2.95, 1.95)  # inches
RIGHT, DOWN = 3.72, 2.75  # inches from one panel to the next
NOTE = "epoch"
LEFT_OUT = ("epoch", "seconds")
RATES = ("learning_rate", "lr")
FAR, FAR_DIGITS = 1e300, 20  # larger numbers, which Matplotlib cannot subtract, are drawn so many powers of ten smaller
SPAN = 100  # a learning rate that changes more than so many times is drawn on a logarithmic axis


def draw_curves(
    history: Mapping[str, Sequence[float]] | Sequence[Mapping[str, float]],
    *,
    title: str = "Training",
    test: Mapping[str, float] | None = None,
    theme: str | None = None,
) -> Picture:
    """Draw a run.

    Parameters
    ----------
    history : mapping of str to sequence, or sequence of mappings
        What `fit` returned as `history.history`: for each name its value in every epoch; "val_" stands before the names of what was
        measured on images held out. Or a mapping of names for each epoch, which may hold the number of the epoch as "epoch".
    title : str
    test : mapping, optional
        The values on the test images, after the last epoch.
    theme : {"light", "dark"}, optional
        The paper; by default what `use_theme` chose.

    Returns
    -------
    Picture
        A panel for each name.

    Raises
    ------
    ShapeError, ArgumentTypeError
        If the history is something else.

    Examples
    --------
    >>> from convstep.figures import draw_curves
    >>> loss, held_out = [0.9, 0.5, 0.35, 0.28, 0.25], [0.8, 0.52, 0.42, 0.4, 0.41]
    >>> accuracy, val_accuracy = [0.7, 0.85, 0.9, 0.92, 0.93], [0.75, 0.84, 0.87, 0.88, 0.88]
    >>> history = {"loss": loss, "val_loss": held_out, "accuracy": accuracy, "val_accuracy": val_accuracy}
    >>> figure = draw_curves(history, title="Five epochs", test={"loss": 0.43, "accuracy": 0.87})
    """
    look = theme_named("draw_curves", theme)
    if word(title) is None:
        raise refusal("draw_curves", f"title must be a text, not {shown(title)}", {"title": title}, kind=ArgumentTypeError)
    tested = None if test is None else _tested(test)
    epochs, curves = _read(history)
    names = list(dict.fromkeys(name.removeprefix("val_") for name in curves)) or ["loss", "accuracy"]
    names.sort(key=lambda name: (name != "loss", name in RATES))
    text = wrapped(_explanation(curves, tested) if any(curves.values()) else "There is no epoch yet.", WIDTH - 0.9, 7.5)
    top = 0.72 + 0.13 * text.count("\n")
    far = FAR_DIGITS if _largest(curves, tested or {}) > FAR else 0
    curves = {name: [value / 10.0**far for value in values] for name, values in curves.items()}
    with style.house_style(look):
        figure = style.sheet(WIDTH if len(names) > 1 else WIDTH - RIGHT + 0.4, top + DOWN * math.ceil(len(names) / 2) - 0.05, look)
        style.headline(figure, title, text if len(names) > 1 else wrapped(text, WIDTH - RIGHT - 0.5, 7.5))
        for place, name in enumerate(names):
            corner = LEFT + RIGHT * (place % 2), top + DOWN * (place // 2) + 0.13
            axes = style.panel(figure, *corner, PANEL, title=name.replace("_", " "), note=NOTE)
            pair = [curves.get(name), curves.get(f"val_{name}")]
            _draw(axes, epochs, pair, None if tested is None else tested.get(name), far=far)
            _scale(axes, epochs, name, far)
    return figure


def write_png(figure: Figure, file: BinaryIO) -> None:
    """Write a figure into an open file."""
    figure.savefig(file, format="png", dpi=style.DPI)


def _tested(test: Any) -> dict[str, float]:
    """Return the values on the test images, by their names."""
    if not isinstance(test, Mapping):
        raise refusal("draw_curves", "test must be a mapping of names to values", {"test": test}, kind=ArgumentTypeError)
    read = {str(name): numbers("draw_curves", f"test[{str(name)!r}]", value) for name, value in test.items()}
    return {name: float(value) for name, value in read.items() if value.size == 1}  # some metrics are several numbers


def _read(history: Any) -> tuple[list[float], dict[str, list[float]]]:
    """Return the epochs, and by name the values, NaN where there is none."""
    if isinstance(history, Mapping):
        columns = {str(name): list(listed("draw_curves", str(name), value)) for name, value in history.items()}
        count = max((len(values) for values in columns.values()), default=0)
        # An epoch without a validation has no value: those that there are, are the last of every so many.
        columns = {name: _spread(values, count) for name, values in columns.items()}
    else:
        rows = listed("draw_curves", "history", history)
        if not all(isinstance(row, Mapping) for row in rows):
            fact = "history must be a mapping of names to values, or a sequence of such mappings"
            raise refusal("draw_curves", fact, {"history": history}, kind=ArgumentTypeError)
        names = dict.fromkeys(str(name) for row in rows for name in row)
        columns, count = {name: [row.get(name, math.nan) for row in rows] for name in names}, len(rows)
    arrays = {name: numbers("draw_curves", name, values) for name, values in columns.items()}
    read = {name: array.astype(float).tolist() for name, array in arrays.items() if array.ndim == 1}  # some metrics are several numbers
    epochs = read.get("epoch", [float(epoch) for epoch in range(1, count + 1)])
    return epochs, {name: values for name, values in read.items() if name not in LEFT_OUT}


def _spread(values: list[Any], count: int) -> list[Any]:
    if not values or len(values) == count:
        return values or [math.nan] * count
    every, spread = count // len(values), [math.nan] * count
    for place, value in enumerate(values, start=1):
        spread[place * every - 1] = value
    return spread


def _explanation(curves: Mapping[str, Sequence[float]], test: Mapping[str, float] | None) -> str:
    words = ["Line: on the training images as they were trained on, so it may lie behind the others."]
    if any(name.startswith("val_") for name in curves):
        words.append("Dashed: on images that were held out.")
    if test is not None:
        words.append("Diamond: on the test images, looked at once, at the end.")
    lost = sum(
        not math.isfinite(value) for name, values in curves.items() if f"val_{name}" in curves or "val_" not in name for value in values
    )
    if lost:
        words.append(f"Gaps: {lost} value{'' if lost == 1 else 's'} not finite.")
    return " ".join(words)


def _draw(axes: Axes, epochs: Sequence[float], pair: Sequence[Sequence[float] | None], test: float | None, *, far: int) -> None:
    theme, (trained, held_out) = style.theme_of(axes), pair
    markers: dict[str, Any] = {"marker": "o", "markersize": 2.5} if len(epochs) <= 60 else {}
    if trained is not None:
        axes.plot(epochs, _finite(trained), color=theme.blue, linewidth=1.5, label="training", **markers)
    if held_out is not None:
        known = [(epoch, value) for epoch, value in zip(epochs, _finite(held_out), strict=True) if not math.isnan(value)]
        axes.plot(*zip(*known, strict=True) if known else ([], []), color=theme.vermilion, linewidth=1.5, linestyle="--", label="held out")
    if test is not None and epochs:
        label = f"test: {number(test, 4)}"
        axes.plot(
            [epochs[-1]],
            [test / 10.0**far],
            color=theme.ink,
            linestyle="none",
            marker="D",
            markersize=5,
            clip_on=False,
            zorder=5,
            label=label,
        )


def _told(value: float, far: int) -> str:
    text = f"{value:g}"
    return (f"{Decimal(text).scaleb(far):g}" if far and value else text).replace("-", "−")


def _largest(curves: Mapping[str, Sequence[float]], tested: Mapping[str, float]) -> float:
    every = [abs(value) for values in (*curves.values(), tested.values()) for value in values]
    return max((value for value in every if math.isfinite(value)), default=0.0)


def _finite(values: Sequence[float]) -> list[float]:
    return [value if math.isfinite(value) else math.nan for value in values]


def _scale(axes: Axes, epochs: Sequence[float], name: str, far: int) -> None:
    theme = style.theme_of(axes)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _told(value, far)))
    axes.tick_params(labelsize=7, labelcolor=theme.grey, color=theme.grey, length=2.5)
    axes.grid(visible=True, color=theme.rule, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_xlim(0.5, max(epochs, default=1) + 0.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    drawn = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines] or [np.zeros(0)])
    drawn = drawn[np.isfinite(drawn)]
    falls = "loss" in name or "error" in name or name in RATES
    if name in RATES and drawn.min(initial=1) > 0 and drawn.max(initial=0) > SPAN * drawn.min(initial=math.inf):
        axes.set_yscale("log")
    elif falls and not (drawn < 0).any():
        axes.set_ylim(bottom=0)
    elif "accuracy" in name and drawn.size and drawn.max() <= 1:
        axes.set_ylim(top=1)
    corner: dict[str, Any] = {"loc": "upper right" if falls else "lower right", "bbox_to_anchor": (1, 0.95 if falls else 0.05)}
    if axes.lines:
        axes.legend(**corner, frameon=False, fontsize=7.5)
