"""What the explorer shows, in Python: its numbers as arrays, and the page that shows them.

One rule: all there is to know is `state`, plain data that the page, a link and a file share; everything here reads and replaces it.
"""

import os
from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

import numpy as np

from convstep.checks import Array, one_of, options, refusal, whole
from convstep.errors import DataError
from convstep.explorer import parts
from convstep.explorer.checking import checked_state
from convstep.explorer.page import LANGUAGES, Network, page_html
from convstep.explorer.parts import VIEWS, Part, opening
from convstep.explorer.still import framed
from convstep.files import atomic_write

__all__ = ["Exploration", "Numbers", "checked_look"]

LAYER = ("stride", "pad", "dilation", "dZ")
POOLING = ("f", "stride", "mode", "dA")
THEMES = ("light", "dark")


class Numbers(TypedDict, total=False):
    """What `explore` and `Exploration.show` take besides arrays, in the words of the assignment."""

    stride: int
    pad: int | str
    dilation: int
    dZ: Any
    f: int
    mode: str
    dA: Any


class Exploration:
    """The explorer with numbers of yours.

    In a notebook the last line of a cell shows it. With the extra ``notebook`` it is a widget, `convstep.explorer.widget.Explorer`, and
    what the visitor does can be read here. Without it, it is the same page in a frame of its own.
    """

    language: Any
    theme: Any
    network: Network | None

    def __init__(self, network: Network | None = None, *, language: str | None = None, theme: str | None = None) -> None:
        self.network, self.state = network, opening()
        self.language, self.theme = checked_look("language", language), checked_look("theme", theme)

    @property
    def state(self) -> Any:
        """All of it as plain data. What is set is looked at, and what it leaves out is as in the beginning."""
        return self._state

    @state.setter
    def state(self, value: Any) -> None:
        self._state = checked_state("explore", value)

    def show(
        self,
        image: Any = None,
        W: Any = None,  # noqa: N803 - the assignment's name
        b: Any = None,
        hparameters: Mapping[str, Any] | None = None,
        *,
        view: str | None = None,
        **numbers: Unpack[Numbers],
    ) -> None:
        """Show other numbers; what is left out stays where it still fits.

        See `convstep.explore` for what each is.
        """
        given = {"image": image, "W": W, "b": b} | _hyperparameters(hparameters) | numbers
        self._replace({name: value for name, value in given.items() if value is not None}, view)

    # --- what is shown ---

    @property
    def view(self) -> str:
        """Which of the four is in front: "layer", "pooling", "network" or "mistakes"."""
        return str(self.state.get("view", "layer"))

    @view.setter
    def view(self, name: str) -> None:
        self.state = {**self.state, "view": one_of("explorer", "view", name, VIEWS)}

    @property
    def image(self) -> Array | None:
        """The image (H, W, C) of the view; None where the network has not been shown one."""
        image = self._part["image"]
        return None if image is None else parts.image_of(image)

    @image.setter
    def image(self, value: Any) -> None:
        self._replace({"image": value}, self.view)

    @property
    def W(self) -> Array:  # noqa: N802 - the assignment's name
        """The filters (f, f, n_C_prev, n_C) of the layer."""
        layer = self.state["layer"]
        filters, channels = layer["filters"], layer["image"]["channels"]
        return parts.tensor(filters["values"], (filters["size"], filters["size"], channels, filters["count"]))

    @W.setter
    def W(self, value: Any) -> None:  # noqa: N802
        self._replace({"W": value}, None)

    @property
    def b(self) -> Array:
        """The biases (1, 1, 1, n_C) of the layer."""
        bias = self.state["layer"]["bias"]
        return parts.tensor(bias, (1, 1, 1, len(bias)))

    @b.setter
    def b(self, value: Any) -> None:
        self._replace({"b": value}, None)

    @property
    def dZ(self) -> Array:  # noqa: N802
        """The gradient (n_H, n_W, n_C) that comes into the layer; ones until somebody paints it. None makes it ones again."""
        return _incoming(self.state["layer"], "dz")

    @dZ.setter
    def dZ(self, value: Any) -> None:  # noqa: N802
        self._replace({"dZ": value}, None)

    @property
    def dA(self) -> Array:  # noqa: N802
        """The gradient (n_H, n_W, n_C) that comes into pooling; ones until somebody paints it. None makes it ones again."""
        return _incoming(self.state["pooling"], "da")

    @dA.setter
    def dA(self, value: Any) -> None:  # noqa: N802
        self._replace({"dA": value}, None)

    @property
    def hparameters(self) -> dict[str, Any]:
        """The hyperparameters of the view, as the eight functions take them: stride and pad, or f and stride."""
        if self.view == "pooling":
            pooling = self.state["pooling"]
            return {"f": pooling["size"], "stride": pooling["stride"]}
        layer = self.state["layer"]
        return {"stride": layer["stride"], "pad": 0 if layer["padding"] == "valid" else layer["padding"]}

    @hparameters.setter
    def hparameters(self, value: Mapping[str, Any]) -> None:
        self._replace(_hyperparameters(value), None)

    @property
    def dilation(self) -> int:
        """Cells from one cell of the layer's window to its neighbour."""
        return int(self.state["layer"]["dilation"])

    @dilation.setter
    def dilation(self, value: int) -> None:
        self._replace({"dilation": value}, None)

    @property
    def mode(self) -> str:
        """How the pooling view pools: "max" or "average"."""
        return str(self.state["pooling"]["mode"])

    @mode.setter
    def mode(self, value: str) -> None:
        self._replace({"mode": value}, None)

    @property
    def at(self) -> tuple[int, int, int]:
        """The cell (h, w, c) of the output that is looked at."""
        return tuple(self._spatial.get("at") or (0, 0, 0))

    @at.setter
    def at(self, value: Any) -> None:
        part = self._spatial
        place = parts.at_of("explorer", value, parts.outputs(part))
        self.state = {**self.state, "pooling" if part is self.state["pooling"] else "layer": {**part, "at": place}}

    # --- pages ---

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page with these numbers as one HTML file, which opens anywhere and needs nothing else.

        Raises
        ------
        DataError
            If it cannot be written: there is no such folder, or nobody may write there.
        """
        page = self._page("page")
        try:
            atomic_write(path, page)
        except OSError as error:
            raise DataError(f"save: the file cannot be written: {error.strerror or error}\n  given {os.fspath(path)}") from error

    def static(self, height: int = 760) -> Any:
        """Return the page in a frame, for places that show HTML but no widgets, such as what nbconvert writes.

        Parameters
        ----------
        height : int
            Of the frame, in pixels.

        Returns
        -------
        html : object
            A notebook shows it; `str` of it is the HTML.
        """
        return framed(self._page("page"), whole("static", "height", height, 1))

    def _repr_html_(self) -> str:
        return str(self.static())

    def _page(self, place: str) -> str:
        language, theme = checked_look("language", self.language), checked_look("theme", self.theme)
        return page_html(self.state, self.network, language=language, theme=theme, place=place)

    # --- how it changes ---

    @property
    def _part(self) -> Part:
        part: Part = self.state["layer" if self.view == "mistakes" else self.view]
        return part

    @property
    def _spatial(self) -> Part:
        part: Part = self.state["pooling" if self.view == "pooling" else "layer"]
        return part

    def _replace(self, given: Mapping[str, Any], view: str | None) -> None:
        """Take over what was given, in the view that it belongs to."""
        op = "explore"
        shown = one_of(op, "view", view, VIEWS) if view is not None else _view_of(given, self.view)
        state = {**self.state, "view": shown}
        if not given:
            pass
        elif shown == "pooling":
            _only(op, given, ("image", *POOLING), shown)
            state["pooling"] = parts.pooling_part(op, state["pooling"], given)
        elif shown == "network":
            _only(op, given, ("image",), shown)
            image = parts.image_part(op, given["image"])
            _taken(op, image, self.network)
            state["network"] = {**state["network"], "image": image}
        else:
            _only(op, given, ("image", "W", "b", *LAYER), shown)
            state["layer"] = parts.layer_part(op, state["layer"], given)
        self.state = state


def checked_look(name: str, value: Any) -> str | None:
    """Return a language or a theme; None leaves it to the browser."""
    return None if value is None else one_of("explore", name, value, {"language": tuple(LANGUAGES), "theme": THEMES}[name])


def _hyperparameters(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    pooling = isinstance(value, Mapping) and "f" in value
    return options("explore", value, ("f", "stride") if pooling else ("stride", "pad"))


def _view_of(given: Mapping[str, Any], before: str) -> str:
    """Return the view that what was given belongs to."""
    if {"f", "mode", "dA"} & given.keys():
        return "pooling"
    if {"W", "b", "pad", "dilation", "dZ"} & given.keys() or before == "mistakes":
        return "layer"
    return before


def _only(op: str, given: Mapping[str, Any], names: tuple[str, ...], view: str) -> None:
    for name in given:
        if name not in names:
            raise refusal(op, f'the view "{view}" has no {name}; it has {", ".join(names)}', given)


def _taken(op: str, image: Part, network: Network | None) -> None:
    """Refuse an image that the network that was handed over does not take: the page would scale it, and predict would not."""
    sizes = image["height"], image["width"], image["channels"]
    if network is not None and network.shape is not None:
        wanted = (*network.shape, 1)[:3]
        if any(want is not None and want != size for want, size in zip(wanted, sizes, strict=True)):
            texts = ", ".join("any" if want is None else str(want) for want in wanted)
            raise refusal(op, f"the model takes images of the shape ({texts}), not {sizes}", {"image": parts.image_of(image)})


def _incoming(part: Part, name: str) -> Array:
    shape = parts.outputs(part)
    values = part.get(name)
    return np.ones(shape) if values is None else parts.tensor(values, shape)
