"""Pictures of what the steps do, drawn with Matplotlib (extra `plot`). One rule: a figure is returned, never shown."""

from convstep.extras import require

require("matplotlib", extra="plot", op="figures")

from convstep.figures.roofline import draw_roofline  # noqa: E402 - Matplotlib is there from here on
from convstep.figures.steps import draw_steps  # noqa: E402
from convstep.figures.style import save  # noqa: E402

__all__ = ["draw_roofline", "draw_steps", "save"]
