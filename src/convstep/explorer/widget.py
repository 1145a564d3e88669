"""The explorer as a widget of a notebook: JupyterLab, Notebook 7, marimo (extra `notebook`).

One rule: `state` is the same on both sides, whoever changed it last.
"""

from typing import Any

from convstep.explorer.checking import checked_state
from convstep.explorer.exploration import Exploration, checked_look
from convstep.explorer.page import Network, joined_script, page_data, style
from convstep.extras import require

__all__ = ["Explorer"]

AnyWidget: Any = require("anywidget", extra="notebook", op="explore").AnyWidget
traitlets = require("traitlets", extra="notebook", op="explore")


class Explorer(Exploration, AnyWidget):  # type: ignore[misc]
    """The explorer, live: what the visitor does is in its attributes at once, and what is set here is seen at once.

    ``explorer.observe(function, "state")`` calls a function after each change.
    """

    _esm = joined_script()
    _css = style()
    state = traitlets.Dict().tag(sync=True)
    data = traitlets.Dict().tag(sync=True)
    language = traitlets.Unicode(None, allow_none=True).tag(sync=True)
    theme = traitlets.Unicode(None, allow_none=True).tag(sync=True)

    def __init__(self, network: Network | None = None, *, language: str | None = None, theme: str | None = None) -> None:
        AnyWidget.__init__(self, data=page_data(network))
        Exploration.__init__(self, network, language=language, theme=theme)

    @traitlets.validate("state")  # type: ignore[untyped-decorator]
    def _known(self, proposal: Any) -> Any:
        return checked_state("explore", proposal["value"])

    @traitlets.validate("language", "theme")  # type: ignore[untyped-decorator]
    def _chosen(self, proposal: Any) -> Any:
        return checked_look(proposal["trait"].name, proposal["value"])
