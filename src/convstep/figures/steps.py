"""What the course draws of its eight functions: padding, windows, feature maps, pooling, and where the gradient lands.

One rule: it draws the arrays that it is given and computes none of them.
"""

from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import ConnectionPatch

from convstep.checks import Array
from convstep.figures import style
from convstep.figures.grids import HATCH
from convstep.figures.numerals import number
from convstep.figures.style import Picture
from convstep.figures.themes import theme_named
from convstep.geometry import Window2d

__all__ = ["draw_steps"]


WIDTH, HEIGHT = 8.0, 14.4  # inches
LEFT = 0.45
CROP = 3  # pooling windows that are drawn large, in each direction


class _SingleStep(Protocol):
    """One step of a convolution: `convstep.demo.SingleStep` is one."""

    @property
    def cell(self) -> tuple[int, int, int, int]: ...
    @property
    def a_slice(self) -> Array: ...
    @property
    def W(self) -> Array: ...
    @property
    def products(self) -> Array: ...
    @property
    def total(self) -> float: ...
    @property
    def bias(self) -> float: ...
    @property
    def value(self) -> float: ...


class _Account(Protocol):
    """What happened to the images, in the assignment's names: `convstep.demo.Account` is one."""

    @property
    def X(self) -> Array: ...
    @property
    def X_pad(self) -> Array: ...
    @property
    def filters(self) -> tuple[str, ...]: ...
    @property
    def W(self) -> Array: ...
    @property
    def conv_window(self) -> Window2d: ...
    @property
    def Z(self) -> Array: ...
    @property
    def strongest(self) -> _SingleStep: ...
    @property
    def pool_window(self) -> Window2d: ...
    @property
    def A_max(self) -> Array: ...
    @property
    def A_average(self) -> Array: ...
    @property
    def mask(self) -> Array: ...
    @property
    def dZ_max(self) -> Array: ...
    @property
    def dZ_average(self) -> Array: ...
    @property
    def dX(self) -> Array: ...
    @property
    def dW(self) -> Array: ...
    @property
    def db(self) -> Array: ...


def draw_steps(account: _Account, *, title: str, theme: str | None = None) -> Picture:
    """Draw the walk of one image through the eight functions.

    Parameters
    ----------
    account : convstep.demo.Account
        What happened, with three filters; its image of `strongest` is drawn, and the first feature map is drawn large.
    title : str
        What the image is.
    theme : {"light", "dark"}, optional
        The paper; by default what `use_theme` chose.

    Returns
    -------
    Picture
        8 x 14.4 inches.

    Examples
    --------
    >>> from convstep.data import load_digits
    >>> from convstep.demo import walk
    >>> from convstep.figures import draw_steps
    >>> (images, labels), _ = load_digits()
    >>> figure = draw_steps(walk(images[[0]]), title=f"a handwritten {labels[0]}")
    """
    look = theme_named("draw_steps", theme)
    with style.house_style(look):
        figure = style.sheet(WIDTH, HEIGHT, look)
        figure.text(LEFT / WIDTH, 1 - 0.42 / HEIGHT, f"Eight functions, one digit: {title}", fontsize=13, fontweight="bold", va="center")
        _draw_windows(figure, account, top=0.75)
        _draw_single_step(figure, account, top=4.0)
        _draw_feature_maps(figure, account, top=5.95)
        _draw_pooling(figure, account, top=8.45)
        _draw_gradients(figure, account, top=11.42)
    return figure


def _draw_windows(figure: Picture, account: _Account, top: float) -> None:
    i = account.strongest.cell[0]
    image, padded, feature_map = account.X[i, :, :, 0], account.X_pad[i, :, :, 0], account.Z[i, :, :, 0]
    style.heading(
        figure,
        top,
        "Pad, then slide a window: zero_pad, conv_forward",
        "A frame of zeros lets windows sit on the border. Each window, wherever it lies, fills the one output cell with its number.",
    )
    size, top = (2.1, 2.1), top + 0.78
    before = style.panel(figure, LEFT, top, size, title=f"image, {_size(image)}")
    after = style.panel(figure, 2.95, top, size, title=f"padded, {_size(padded)} (the frame is hatched)")
    output = style.panel(figure, 5.45, top, size, title=f"feature map, {_size(feature_map)}")
    style.draw_image(before, image, "paper", (0, 1))
    style.draw_image(after, padded, "paper", (0, 1))
    style.draw_image(output, feature_map, "signed", _limits(feature_map))
    _hatch_frame(after, padded, account.conv_window)

    n_H, n_W = account.conv_window.out
    cells = ((0, 0), account.strongest.cell[1:3], (n_H - 1, n_W - 1))
    for tag, ((h, w), colour) in enumerate(zip(cells, figure.theme.tags, strict=False), start=1):
        rows, columns = account.conv_window.window(h, w)
        style.outline(after, rows, columns, edgecolor=colour, linewidth=1.8)
        style.outline(output, slice(h, h + 1), slice(w, w + 1), edgecolor=colour, linewidth=1.6)
        start, end = (columns.stop - 0.5, (rows.start + rows.stop - 1) / 2), (w - 0.5, h)
        arrow: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 8, "color": colour, "linewidth": 1.1, "shrinkB": 1}
        figure.add_artist(ConnectionPatch(start, end, after.transData, output.transData, **arrow))
        _tag(after, (columns.start - 0.5, (rows.start + rows.stop - 1) / 2), str(tag), colour)


def _hatch_frame(axes: Axes, padded: Array, window: Window2d) -> None:
    rows, columns = window.interior
    height, width = padded.shape
    theme = style.theme_of(axes)
    look: dict[str, Any] = {"facecolor": theme.frame, "edgecolor": theme.orange, "linewidth": 0, "hatch": HATCH}
    for block in (
        (slice(0, rows.start), slice(0, width)),
        (slice(rows.stop, height), slice(0, width)),
        (slice(rows.start, rows.stop), slice(0, columns.start)),
        (slice(rows.start, rows.stop), slice(columns.stop, width)),
    ):
        style.outline(axes, *block, **look)


def _tag(axes: Axes, position: tuple[float, float], text: str, colour: str) -> None:
    page = style.theme_of(axes).page
    box = {"boxstyle": "circle,pad=0.18", "facecolor": colour, "edgecolor": page, "linewidth": 0.6}
    axes.text(*position, text, color=page, fontsize=6.5, fontweight="bold", ha="center", va="center", bbox=box)


def _draw_single_step(figure: Picture, account: _Account, top: float) -> None:
    step = account.strongest
    i, h, w, c = step.cell
    style.heading(
        figure,
        top,
        "One step: conv_single_step at window 2",
        "Multiply the window with the filter cell by cell, add up the products, add the bias once.",
    )
    size, top = (0.85, 0.85), top + 0.82
    panels: tuple[tuple[float, str, Array, style.Look, int], ...] = (
        (LEFT, "window", step.a_slice, "paper", 2),
        (1.8, f"filter, {account.filters[c]}", step.W, "signed", 0),
        (3.15, "products", step.products, "signed", 2),
    )
    for left, title, values, look, digits in panels:
        axes = style.panel(figure, left, top, size, title=title)
        style.draw_image(axes, values, look, (0, 1) if look == "paper" else _limits(values))
        style.write_numbers(axes, digits=digits)
    _between(figure, 1.55, top + size[1] / 2, "×")
    _between(figure, 2.9, top + size[1] / 2, "=")
    total, bias, value = (number(item, 2) for item in (step.total, step.bias, step.value))
    text = f"sum {total}  +  bias {bias}  =  {value}  →  Z[{i}, {h}, {w}, {c}]"
    figure.text(4.3 / WIDTH, 1 - (top + size[1] / 2) / HEIGHT, text, fontsize=9, va="center")


def _between(figure: Picture, left: float, top: float, sign: str) -> None:
    figure.text(left / WIDTH, 1 - top / HEIGHT, sign, fontsize=12, ha="center", va="center", color=style.theme_of(figure).grey)


def _draw_feature_maps(figure: Picture, account: _Account, top: float) -> None:
    i = account.strongest.cell[0]
    style.heading(
        figure,
        top,
        "Three filters, three feature maps: conv_forward",
        "Blue is positive, orange negative, zero as the paper. An edge filter answers with + where ink begins, with − where it ends.",
    )
    top += 0.78
    for c, name in enumerate(account.filters):
        left, feature_map, kernel = LEFT + c * 2.46, account.Z[i, :, :, c], account.W[:, :, 0, c]
        whole = bool(np.all(kernel == np.round(kernel)))
        small = style.panel(figure, left, top, (0.6, 0.6), note="" if whole else "sixteenths")
        style.draw_image(small, kernel, "signed", _limits(kernel))
        style.write_numbers(small, digits=0, times=1 if whole else 16)
        axes = style.panel(figure, left + 0.7, top, (1.48, 1.48), title=name)
        style.draw_image(axes, feature_map, "signed", _limits(feature_map))


def _draw_pooling(figure: Picture, account: _Account, top: float) -> None:
    i = account.strongest.cell[0]
    style.heading(
        figure,
        top,
        "Pooling there and back: pool_forward, pool_backward",
        "Nine windows of the first feature map, enlarged. On the way back every pooled cell sends a gradient of 1.",
    )
    p, q = _clearest(account.mask[i, :, :, 0], account.pool_window)
    rows, columns = _block(account.pool_window, p, q)
    limits = _limits(account.Z[i, :, :, 0])
    large, small, top = (1.65, 1.65), (0.69, 0.69), top + 0.78

    forward = style.panel(figure, LEFT, top, large, title="feature map", note="bold: the largest value\nof its window")
    style.draw_image(forward, account.Z[i, rows, columns, 0], "signed", limits)
    style.write_numbers(forward, digits=1)
    for text, largest in zip(forward.texts, account.mask[i, rows, columns, 0].ravel(), strict=True):
        text.set_fontweight("bold" if largest else "normal")
    _outline_windows(forward, account.pool_window)

    for title, values, drop in (("max", account.A_max, 0), ("average", account.A_average, 0.96)):
        axes = style.panel(figure, 2.6, top + drop, small, title=title)
        style.draw_image(axes, values[i, p : p + CROP, q : q + CROP, 0], "signed", limits)
        style.write_numbers(axes, digits=1)
        _between(figure, 2.34, top + drop + small[1] / 2, "→")

    for left, values, title, note, digits in (
        (3.75, account.dZ_max, "max pooling, backward", "create_mask_from_window:\nall of it to the largest value", 0),
        (5.9, account.dZ_average, "average pooling, backward", "distribute_value:\nan equal share to every cell", 2),
    ):
        axes = style.panel(figure, left, top, large, title=title, note=note)
        style.draw_image(axes, values[i, rows, columns, 0], "gradient", (0, 1))
        style.write_numbers(axes, digits=digits)
        _outline_windows(axes, account.pool_window)


def _clearest(mask: Array, window: Window2d) -> tuple[int, int]:
    """Find the block of pooling windows with the fewest ties."""
    places = [(p, q) for p in range(window.out[0] - CROP + 1) for q in range(window.out[1] - CROP + 1)]
    return min(places, key=lambda place: int(mask[_block(window, *place)].sum()))


def _block(window: Window2d, p: int, q: int) -> tuple[slice, slice]:
    first, last = window.window(p, q), window.window(p + CROP - 1, q + CROP - 1)
    return slice(first[0].start, last[0].stop), slice(first[1].start, last[1].stop)


def _outline_windows(axes: Axes, window: Window2d) -> None:
    for h in range(CROP):
        for w in range(CROP):
            style.outline(axes, *window.window(h, w), linewidth=0.9)


def _draw_gradients(figure: Picture, account: _Account, top: float) -> None:
    i = account.strongest.cell[0]
    mask, dX = account.mask[i, :, :, 0], account.dX[i, :, :, 0]
    style.heading(
        figure,
        top,
        "All the way back: conv_backward",
        "Where several cells of a window are equally large, as on blank paper, the course gives each of them the whole gradient.",
    )
    size, top = (1.65, 1.65), top + 0.78
    axes = style.panel(
        figure, LEFT, top, size, title=f"mask, {_size(mask)}", note="where the gradient lands\n(pale: on several cells alike)"
    )
    style.draw_image(axes, mask, "gradient", (0, 1))
    for _, _, (rows, columns) in account.pool_window.windows():
        if mask[rows, columns].sum() > 1:
            style.outline(axes, rows, columns, linewidth=0, facecolor=figure.theme.page, alpha=0.7, antialiased=False)
    axes = style.panel(figure, 2.5, top, size, title=f"dX, {_size(dX)}", note="how much more ink here\nwould add to the pooled values")
    style.draw_image(axes, dX, "signed", _limits(dX))
    for c, name in enumerate(account.filters):
        dW, db = account.dW[:, :, 0, c], account.db[0, 0, 0, c]
        note = f"db = {number(db, 0)}\n{name}"
        axes = style.panel(figure, 4.55 + c * 1.05, top, (0.9, 0.9), title="dW", note=note)
        style.draw_image(axes, dW, "signed", _limits(dW))
        style.write_numbers(axes, digits=0)


def _limits(values: Array) -> tuple[float, float]:
    """Return limits around zero, so that zero is white."""
    largest = float(np.abs(values).max()) or 1.0
    return -largest, largest


def _size(image: Array) -> str:
    return f"{image.shape[0]} × {image.shape[1]}"
