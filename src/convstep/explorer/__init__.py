"""The explorer: one page on which a convolution is seen, forwards and backwards.

One rule: it shows the arrays and models that it is handed, and the page computes everything itself, in the browser.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Unpack

if TYPE_CHECKING:
    from convstep.explorer.exploration import Exploration, Numbers
    from convstep.explorer.page import Network

__all__ = ["explore", "explore_network"]


def explore(
    image: Any = None,
    W: Any = None,  # noqa: N803 - the assignment's name
    b: Any = None,
    hparameters: Mapping[str, Any] | None = None,
    *,
    view: str | None = None,
    language: str | None = None,
    theme: str | None = None,
    **numbers: "Unpack[Numbers]",
) -> "Exploration":
    """Show a layer, pooling or a network in the explorer, as a widget of the notebook.

    It takes what `conv_forward` takes: ``explore(A_prev, W, b, hparameters)``, or for pooling ``explore(A_prev, hparameters={"f": 2,
    "stride": 2})``; each may be left out. ``explore(model, image)`` shows a trained model layer by layer.

    Parameters
    ----------
    image : (H, W), (H, W, C) or (1, H, W, C), or Model
        At most 64 x 64 cells and 8 channels.
    W : (f, f, n_C_prev, n_C), (f, f, n_C_prev) or (f, f), optional
        At most 11 x 11 cells and 8 filters.
    b : (1, 1, 1, n_C) or (n_C,) or a number, optional
    hparameters : mapping, optional
        With "stride" and "pad", or with "f" and "stride".
    view : "layer", "pooling", "network" or "mistakes", optional
        Which one is shown; without it, the one that the numbers belong to.
    language : "en" or "zh", optional
        Without it, the browser's.
    theme : "light" or "dark", optional
        Without it, the browser's.
    **numbers
        ``stride``, ``pad`` (a number, "same" or "valid"), ``dilation`` and ``dZ`` of a layer; ``f``, ``stride``, ``mode`` and ``dA`` of
        pooling.

    Returns
    -------
    explorer : Exploration
        With the extra ``notebook`` a widget, whose `image`, `W`, `b`, `dZ`, `hparameters` and `at` are what the visitor has made of them;
        setting them changes what is shown. `save` writes a page that needs nothing else.

    Raises
    ------
    ShapeError, ArgumentTypeError
        If the arrays do not fit each other, or are too large to be shown.

    Examples
    --------
    >>> import numpy as np
    >>> explorer = explore(np.eye(5), np.ones((3, 3)), stride=2, pad=1)
    >>> explorer.W.shape, explorer.hparameters
    ((3, 3, 1, 1), {'stride': 2, 'pad': 1})
    """
    if callable(getattr(type(image), "explore", None)):
        shown: Exploration = image.explore(W, language=language, theme=theme)
        shown.show(b=b, hparameters=hparameters, view=view or "network", **numbers)  # which says so of what a network does not have
        return shown
    made = _made(None, language, theme)
    made.show(image, W, b, hparameters, view=view, **numbers)
    return made


def explore_network(network: "Network", image: Any = None, *, language: str | None = None, theme: str | None = None) -> "Exploration":
    """Show a trained network, which has to be handed over as a file; `Model.explore` does."""
    made = _made(network, language, theme)
    made.show(image, view="network")
    return made


def _made(network: "Network | None", language: str | None, theme: str | None) -> "Exploration":
    """Return a widget where widgets are installed, and else the page alone."""
    if find_spec("anywidget") is None:
        from convstep.explorer.exploration import Exploration  # noqa: PLC0415 - brings NumPy

        return Exploration(network, language=language, theme=theme)
    from convstep.explorer.widget import Explorer  # noqa: PLC0415 - brings anywidget

    made: Exploration = Explorer(network, language=language, theme=theme)
    return made
