"""The roofline of a machine with layers under it: how fast each could be, and is.

Williams, Waterman and Patterson 2009, Roofline: an insightful visual performance model for multicore architectures.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from convstep.figures import style
from convstep.figures.style import Picture
from convstep.figures.themes import theme_named

__all__ = ["draw_roofline"]

WIDTH, HEIGHT = 7.6, 5.2  # inches
LEFT, TOP, PANEL = 0.72, 0.86, (6.5, 3.75)
NOTE = "operations for each byte that must be read or written"
MARKERS = {"course": "o", "known": "s", "odd": "^", "random": "."}


def draw_roofline(
    layers: Sequence[Mapping[str, Any]], *, ceiling: float, bandwidth: float, title: str, theme: str | None = None
) -> Picture:
    """Draw layers under the roofline.

    Parameters
    ----------
    layers : sequence of mappings
        For each layer "name", "kind", "intensity" (operations a byte) and "speeds": GFLOP/s of "convstep" and, where it was measured, of
        "PyTorch".
    ceiling : float
        GFLOP/s of the fastest product of matrices.
    bandwidth : float
        GB/s of memory.
    title : str
    theme : {"light", "dark"}, optional
        The paper; by default what `use_theme` chose.

    Returns
    -------
    Picture

    Examples
    --------
    >>> from convstep.figures import draw_roofline
    >>> layers = [
    ...     {"name": "3 x 3, 64 of 64", "kind": "known", "intensity": 70.0, "speeds": {"convstep": 90.0, "PyTorch": 75.0}},
    ...     {"name": "5 x 5, 6 of 1", "kind": "course", "intensity": 4.0, "speeds": {"convstep": 21.0, "PyTorch": 12.0}},
    ... ]
    >>> figure = draw_roofline(layers, ceiling=110, bandwidth=20, title="Two layers, with numbers that are made up")
    """
    look = theme_named("draw_roofline", theme)
    with style.house_style(look):
        figure = style.sheet(WIDTH, HEIGHT, look)
        style.headline(figure, title, _explanation(layers))
        axes = style.panel(figure, LEFT, TOP, PANEL, note=NOTE)
        _scale(axes, layers, ceiling, ceiling / bandwidth)
        _roof(axes, ceiling, bandwidth)
        for layer in layers:
            _draw(axes, layer)
        _legend(axes, layers)
    return figure


def _explanation(layers: Sequence[Mapping[str, Any]]) -> str:
    lines = "A thin line joins the two of a layer. " if any("PyTorch" in layer["speeds"] for layer in layers) else ""
    return (
        "Single convolutions, forward and backward with all three gradients; GFLOP/s of the operations of direct convolution.\n"
        f"{lines}The roof is what this machine's fastest matrix product and its memory allow.\n"
        "Winograd's algorithm needs fewer operations and can go through it; what stays in a cache can pass the slope."
    )


def _scale(axes: Axes, layers: Sequence[Mapping[str, Any]], ceiling: float, ridge: float) -> None:
    across = [layer["intensity"] for layer in layers] or [1.0]
    speeds = [speed for layer in layers for speed in layer["speeds"].values()] or [ceiling]
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(min([*across, ridge]) / 2, max(across) * 1.5)
    axes.set_ylim(min(speeds) / 1.5, max([*speeds, ceiling]) * 1.7)
    axes.set_ylabel("GFLOP/s")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else ""))
    theme = style.theme_of(axes)
    axes.tick_params(which="both", labelsize=7, labelcolor=theme.grey, color=theme.grey, length=2.5)
    axes.grid(visible=True, color=theme.rule, linewidth=0.5)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _roof(axes: Axes, ceiling: float, bandwidth: float) -> None:
    theme, (low, high) = style.theme_of(axes), axes.get_xlim()
    ridge = ceiling / bandwidth
    across = [low, min(max(ridge, low), high), high]
    axes.plot(across, [min(ceiling, bandwidth * value) for value in across], color=theme.ink, linewidth=1.2, zorder=2)
    text = f"measured ceiling {ceiling:.0f} GFLOP/s, memory {bandwidth:.0f} GB/s"
    axes.annotate(text, (low, ceiling), (4, 5), textcoords="offset points", fontsize=7.5)


def _draw(axes: Axes, layer: Mapping[str, Any]) -> None:
    theme, speeds, across, marker = style.theme_of(axes), layer["speeds"], layer["intensity"], MARKERS.get(layer["kind"], "o")
    if "PyTorch" in speeds:
        axes.plot([across, across], [speeds["PyTorch"], speeds["convstep"]], color=theme.rule, linewidth=0.8, zorder=3)
        look: dict[str, Any] = {"markerfacecolor": theme.page, "markeredgecolor": theme.vermilion, "markeredgewidth": 0.9}
        axes.plot([across], [speeds["PyTorch"]], marker=marker, markersize=4, linestyle="none", zorder=4, **look)
    axes.plot([across], [speeds["convstep"]], marker=marker, markersize=4.5, linestyle="none", color=theme.blue, zorder=5)


def _legend(axes: Axes, layers: Sequence[Mapping[str, Any]]) -> None:
    theme = style.theme_of(axes)
    names = {"course": "layers of the course", "known": "of VGG and ResNet", "odd": "odd sizes", "random": "random layers"}
    axes.plot([], [], marker="o", linestyle="none", color=theme.blue, markersize=4.5, label="ConvStep")
    if any("PyTorch" in layer["speeds"] for layer in layers):
        look: dict[str, Any] = {"markerfacecolor": theme.page, "markeredgecolor": theme.vermilion, "markeredgewidth": 0.9}
        axes.plot([], [], marker="o", linestyle="none", markersize=4, label="PyTorch, the faster layout", **look)
    for kind in dict.fromkeys(layer["kind"] for layer in layers):
        axes.plot([], [], marker=MARKERS.get(kind, "o"), linestyle="none", color=theme.grey, markersize=4, label=names.get(kind, kind))
    axes.legend(loc="best", frameon=False, fontsize=7.5)  # where the fewest points are
