"""The colours of figures on white and on dark paper.

One rule: no colour says anything alone, and a grey print keeps apart what it must: signs, and the lines of a plot.
"""

from contextvars import ContextVar, Token
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from matplotlib.colors import Colormap, LinearSegmentedColormap

from convstep.checks import one_of

__all__ = ["DARK", "LIGHT", "THEMES", "Theme", "theme_named", "use_theme"]


@dataclass(frozen=True)
class Theme:
    """The colours of a figure.

    Attributes
    ----------
    page, ink, grey, rule : str
        Of the paper, of text and outlines, of what explains, of thin lines.
    blue, vermilion, green, orange, purple : str
        Okabe and Ito 2008, Color Universal Design; on dark paper the blue is their light one.
    frame : str
        Under the hatching of padding.
    missing : str
        Of a cell that is NaN.
    signed, paper, gradient : Colormap
        Around zero; of images; from zero on. Zero is the colour of the paper.
    """

    page: str
    ink: str
    grey: str
    rule: str
    blue: str
    vermilion: str
    green: str
    orange: str
    purple: str
    frame: str
    missing: str
    signed: Colormap
    paper: Colormap
    gradient: Colormap

    @property
    def tags(self) -> tuple[str, ...]:
        """Colours of things that are told apart, and numbered or named too."""
        return self.blue, self.vermilion, self.green, self.orange


def _scale(name: str, missing: str, *colours: str) -> Colormap:
    return LinearSegmentedColormap.from_list(name, colours).with_extremes(bad=missing)


LIGHT = Theme(
    page="#ffffff",
    ink="#1a1a1a",
    grey="#595959",
    rule="#c8c8c8",
    blue="#0072b2",
    vermilion="#d55e00",
    green="#009e73",
    orange="#e69f00",
    purple="#9a5583",
    frame="#fbe6c2",
    missing="#d9c4d3",
    # The negative end stays light and the positive end goes dark, so that a grey print keeps the sign.
    signed=_scale("signed", "#d9c4d3", "#e08a1e", "#f7d9ae", "#ffffff", "#8db8d9", "#08306b"),
    paper=_scale("paper", "#d9c4d3", "#ffffff", "#1a1a1a"),
    gradient=_scale("gradient", "#d9c4d3", "#ffffff", "#7fb3d5", "#0072b2"),
)
DARK = Theme(
    page="#131416",
    ink="#eceae6",
    grey="#a9abb0",
    rule="#43474e",
    blue="#56b4e9",
    vermilion="#f0783c",
    green="#1fb58b",
    orange="#e69f00",
    purple="#cc79a7",
    frame="#3d3013",
    missing="#5e4257",
    # Here the positive end goes light and the negative end stays in between.
    signed=_scale("signed on dark", "#5e4257", "#b5680b", "#5f3c10", "#131416", "#2c6791", "#bfe3fb"),
    paper=_scale("paper on dark", "#5e4257", "#131416", "#eceae6"),
    gradient=_scale("gradient on dark", "#5e4257", "#131416", "#1f5f8b", "#56b4e9"),
)
THEMES = {"light": LIGHT, "dark": DARK}
_current: ContextVar[Theme] = ContextVar("convstep_theme", default=LIGHT)


def theme_named(op: str, name: str | None) -> Theme:
    """Return the theme of that name; for None, the one that `use_theme` chose."""
    return _current.get() if name is None else THEMES[one_of(op, "theme", name, tuple(THEMES))]


class use_theme:  # noqa: N801 - reads as the verb that it is
    """Choose the paper of figures that do not name theirs: `use_theme("dark")` from here on, `with use_theme("dark"):` for a block.

    Parameters
    ----------
    name : str
        "light", as it is at first, or "dark".

    Notes
    -----
    The choice holds for this thread (for this `contextvars` context), and for figures that are drawn after it.

    Raises
    ------
    ShapeError
        If there is no theme of that name.
    ArgumentTypeError
        If the name is not a text.
    """

    def __init__(self, name: str) -> None:
        self._token: Token[Theme] = _current.set(THEMES[one_of("use_theme", "name", name, tuple(THEMES))])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _current.reset(self._token)
