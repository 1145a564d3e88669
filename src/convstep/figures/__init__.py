"""Pictures, drawn with Matplotlib (extra `plot`): of steps, of networks, of training. One rule: a figure is returned, never shown."""

from convstep.extras import require

require("matplotlib", extra="plot", op="figures")

from convstep.figures.confusion import draw_confusion  # noqa: E402
from convstep.figures.convolving import draw_accumulation, draw_padding, draw_window  # noqa: E402 - Matplotlib is there from here on
from convstep.figures.curves import draw_curves  # noqa: E402
from convstep.figures.filters import draw_filters  # noqa: E402
from convstep.figures.graph import draw_graph  # noqa: E402
from convstep.figures.grids import Grid  # noqa: E402
from convstep.figures.lessons import draw_row  # noqa: E402
from convstep.figures.maps import draw_feature_maps  # noqa: E402
from convstep.figures.pooling import draw_pooling  # noqa: E402
from convstep.figures.roofline import draw_roofline  # noqa: E402
from convstep.figures.saliency import draw_saliency  # noqa: E402
from convstep.figures.steps import draw_steps  # noqa: E402
from convstep.figures.style import Picture, save  # noqa: E402
from convstep.figures.themes import use_theme  # noqa: E402

__all__ = [
    "Grid",
    "Picture",
    "draw_accumulation",
    "draw_confusion",
    "draw_curves",
    "draw_feature_maps",
    "draw_filters",
    "draw_graph",
    "draw_padding",
    "draw_pooling",
    "draw_roofline",
    "draw_row",
    "draw_saliency",
    "draw_steps",
    "draw_window",
    "save",
    "use_theme",
]
