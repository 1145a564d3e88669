"""What a state may be, which can come from a notebook, a file or a page: from a stranger.

One rule: it is refused whole, in words, or it is a state that the page shows: the twin of `assets/checking.js`, check by check.
"""

import re
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from convstep.checks import refusal, shown
from convstep.errors import ArgumentTypeError
from convstep.explorer.parts import LIMITS, START, VIEWS, Part, opening, output_axes

__all__ = ["checked_state"]

NEEDED = {"layer": ("image", "filters", "bias"), "pooling": ("image",)}  # by the parts of a state that have numbers
LARGEST_INDEX = 10**6  # of a class or a feature map
DIGEST = re.compile("[0-9a-f]{64}")
LONGEST = 200  # letters of a name


def checked_state(op: str, value: Any) -> Part:
    """Return a state with all its parts: what it leaves out is as in the beginning, what nobody knows is left out.

    Raises
    ------
    ShapeError, ArgumentTypeError
        If the page would refuse it.
    """
    version = value.get("version") if isinstance(value, Mapping) else None
    if isinstance(version, bool) or version != 1:
        raise refusal(op, "a state is a mapping with version 1, as the page writes it into a file", {"state": value})
    first, check = opening(), _Check(op)
    given = {name: first[name] if value.get(name) is None else value[name] for name in first}
    return {
        "version": 1,
        "view": check.choice("view", given["view"], VIEWS),
        "layer": check.layer(given["layer"]),
        "pooling": check.pooling(given["pooling"]),
        "network": check.network(given["network"]),
        "mistakes": check.mistakes(given["mistakes"]),
    }


class _Check:
    """The checks of the parts, for one who is named in errors."""

    def __init__(self, op: str) -> None:
        self._op = op

    # --- parts ---

    def layer(self, value: Any) -> Part:
        given = self._completed("layer", value)
        image = self.image("layer.image", given["image"])
        filters = self.record("layer.filters", given["filters"])
        size = self.whole("layer.filters.size", filters.get("size"), 1, LIMITS["kernel"])
        count = self.whole("layer.filters.count", filters.get("count"), 1, LIMITS["filters"])
        values = self.numbers("layer.filters.values", filters.get("values"), size * size * image["channels"] * count)
        layer: Part = {
            "image": image,
            "filters": {"size": size, "count": count, "values": values},
            "bias": self.numbers("layer.bias", given["bias"], count),
            "stride": self.whole("layer.stride", given["stride"], 1, LIMITS["stride"]),
            "padding": self.padding(given["padding"]),
            "dilation": self.whole("layer.dilation", given["dilation"], 1, LIMITS["dilation"]),
        }
        shape = (*self.fits("layer", layer, size), count)
        return {
            **layer,
            "dz": None if given["dz"] is None else self.numbers("layer.dz", given["dz"], prod(shape)),
            "at": self.place("layer.at", given["at"], shape),
            "direction": self.choice("layer.direction", given["direction"], ("forward", "backward")),
            "channel": self.whole("layer.channel", given["channel"], 0, image["channels"] - 1),
            "sums": self.choice("layer.sums", given["sums"], ("running", "final")),
        }

    def pooling(self, value: Any) -> Part:
        given = self._completed("pooling", value)
        pooling: Part = {
            "image": self.image("pooling.image", given["image"]),
            "size": self.whole("pooling.size", given["size"], 1, LIMITS["pool"]),
            "stride": self.whole("pooling.stride", given["stride"], 1, LIMITS["stride"]),
            "mode": self.choice("pooling.mode", given["mode"], ("max", "average")),
            "rule": self.choice("pooling.rule", given["rule"], ("course", "first")),
        }
        shape = (*self.fits("pooling", pooling, pooling["size"]), pooling["image"]["channels"])
        return {
            **pooling,
            "da": None if given["da"] is None else self.numbers("pooling.da", given["da"], prod(shape)),
            "at": self.place("pooling.at", given["at"], shape),
            "direction": self.choice("pooling.direction", given["direction"], ("forward", "backward")),
            "sums": self.choice("pooling.sums", given["sums"], ("running", "final")),
        }

    def network(self, value: Any) -> Part:
        given = self.record("network", value)
        image, layer, kind, at = (given.get(name) for name in ("image", "layer", "class", "at"))
        return {
            "of": None if given.get("of") is None else self.origin(given["of"]),
            "image": None if image is None else self.image("network.image", image),
            "layer": None if layer is None else self.text("network.layer", layer),
            "class": None if kind is None else self.whole("network.class", kind, 0, LARGEST_INDEX),
            "map": 0 if given.get("map") is None else self.whole("network.map", given["map"], 0, LARGEST_INDEX),
            "at": None if at is None else self.place("network.at", at, (int(LIMITS["side"]) ** 2,) * 2),
        }

    def origin(self, value: Any) -> Part:
        """Which network: what its file is called, and the SHA-256 of that file."""
        given = self.record("network.of", value)
        digest = given.get("digest")
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            raise self.wrong(f"network.of.digest must be 64 hexadecimal digits, not {shown(digest)}", "network.of", value)
        return {"name": self.text("network.of.name", given.get("name")), "digest": digest}

    def mistakes(self, value: Any) -> Part:
        name = self.record("mistakes", value).get("id")
        return {"id": None if name is None else self.text("mistakes.id", name)}

    def image(self, name: str, value: Any) -> Part:
        image = self.record(name, value)
        height = self.whole(f"{name}.height", image.get("height"), 1, LIMITS["side"])
        width = self.whole(f"{name}.width", image.get("width"), 1, LIMITS["side"])
        channels = self.whole(f"{name}.channels", image.get("channels"), 1, LIMITS["channels"])
        values = self.numbers(f"{name}.values", image.get("values"), height * width * channels)
        return {"height": height, "width": width, "channels": channels, "values": values}

    def fits(self, name: str, part: Part, size: int) -> tuple[int, int]:
        rows, columns = output_axes(part, size)
        for noun, axis in (("rows", rows), ("columns", columns)):
            if not axis.out:
                fact = f"the window of the {name} does not fit: it reaches over {axis.reach} {noun}, but the padded image has {axis.padded}"
                raise self.wrong(fact, name, part)
        return rows.out, columns.out

    # --- what they are made of ---

    def record(self, name: str, value: Any) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise self.wrong(f"the {name} of a state must be a mapping", name, value, kind=ArgumentTypeError)
        return value

    def whole(self, name: str, value: Any, least: int, most: float) -> int:
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        if not plain or not least <= value <= most or int(value) != value:
            raise self.wrong(f"{name} must be a whole number from {least} to {most}, not {shown(value)}", name, value)
        return int(value)

    def padding(self, value: Any) -> str | int:
        if value in ("valid", "same"):
            return str(value)
        return self.whole("layer.padding", value, 0, LIMITS["padding"])

    def choice(self, name: str, value: Any, known: Sequence[str]) -> str:
        if not isinstance(value, str) or value not in known:
            raise self.wrong(f"{name} must be one of {', '.join(known)}, not {shown(value)}", name, value)
        return value

    def text(self, name: str, value: Any) -> str:
        if not isinstance(value, str) or len(value.encode("utf-16-le", "surrogatepass")) > 2 * LONGEST:  # as JavaScript counts letters
            raise self.wrong(f"{name} must be a text of at most {LONGEST} letters, not {shown(value)}", name, value)
        return value

    def numbers(self, name: str, value: Any, count: int) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise self.wrong(f"{name} must be a list of {count} numbers, not {shown(value)}", name, value, kind=ArgumentTypeError)
        if len(value) != count:
            raise self.wrong(f"{name} holds {len(value)} numbers, but {count} are needed", name, value)
        for item in value:
            if isinstance(item, bool) or not isinstance(item, int | float) or not abs(item) <= LIMITS["value"]:
                raise self.wrong(f"{name} holds {shown(item)}; the page shows numbers from -1e12 to 1e12", name, value)
        return [item + 0 for item in value]  # JSON has one zero

    def place(self, name: str, value: Any, shape: Sequence[int]) -> list[int]:
        if value is None:
            return [0] * len(shape)
        if not isinstance(value, list | tuple) or len(value) != len(shape):
            raise self.wrong(f"{name} must be a place, {len(shape)} whole numbers, not {shown(value)}", name, value)
        return [self.whole(name, index, 0, size - 1) for index, size in zip(value, shape, strict=True)]

    def wrong(self, fact: str, name: str, value: Any, kind: Any = None) -> Exception:
        given = {name: value}
        made: Exception = refusal(self._op, fact, given) if kind is None else refusal(self._op, fact, given, kind=kind)
        return made

    def _completed(self, name: str, value: Any) -> Part:
        """Return a part with the choices that it leaves out; what has numbers must be there."""
        needed = NEEDED[name]
        missing = [f'"{key}"' for key in needed if not isinstance(value, Mapping) or value.get(key) is None]
        if missing:
            fact = f"the {name} of a state must be a mapping with {', '.join(missing)}"
            raise self.wrong(fact, name, value, kind=ArgumentTypeError)
        choices = {key: None if key in {"dz", "da", "at"} else item for key, item in START[name].items() if key not in needed}
        return {**choices, **value}
