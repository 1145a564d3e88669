"""Pictures of what the steps do, drawn with Matplotlib (extra `plot`). One rule: a figure is returned, never shown."""

try:
    import matplotlib as mpl  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "matplotlib":
        raise
    raise ModuleNotFoundError('figures need Matplotlib; this installs it: pip install "convstep[plot]"', name="matplotlib") from None

from convstep.figures.steps import draw_steps
from convstep.figures.style import save

__all__ = ["draw_steps", "save"]
