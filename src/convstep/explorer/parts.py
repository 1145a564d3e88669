"""Arrays become the parts of a state that the page shows, and parts become arrays.

One rule: what the page would refuse is refused here first, in the words of the caller: `assets/checking.js` has the same limits.
"""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from importlib.resources import files
from math import prod
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from convstep.checks import Array, numbers, one_of, refusal, shown, whole, word
from convstep.geometry import Axis

__all__ = [
    "LIMITS",
    "START",
    "VIEWS",
    "Part",
    "at_of",
    "image_of",
    "image_part",
    "layer_part",
    "opening",
    "output_axes",
    "outputs",
    "pooling_part",
    "tensor",
]

Part: TypeAlias = dict[str, Any]
Shape: TypeAlias = tuple[int, int, int]

LIMITS = {"side": 64, "channels": 8, "filters": 8, "kernel": 11, "stride": 8, "padding": 16, "dilation": 8, "pool": 16, "value": 1e12}
VIEWS = ("layer", "pooling", "network", "mistakes")
EDGE = (1, 0, -1)  # each row of the filter that is there when none is given
START: Mapping[str, Any] = MappingProxyType(json.loads(files("convstep.explorer").joinpath("opening.json").read_bytes()))


def opening() -> Part:
    """Return the state that the page begins with, for one who may change it."""
    return deepcopy(dict(START))


# ---- arrays to parts


def image_part(op: str, value: Any) -> Part:
    """Return an image (H, W), (H, W, C) or (1, H, W, C) as a part."""
    read = _numbers(op, "image", value)
    if read.ndim == 4:
        if len(read) != 1:
            raise refusal(op, f"the explorer shows one image, not {len(read)}", {"image": read}, "image[0]")
        read = read[0]
    if read.ndim not in {2, 3}:
        raise refusal(op, f"image must have 2 axes (H, W), 3 (H, W, C) or 4 (1, H, W, C), not {read.ndim}", {"image": read})
    read = read.reshape(*read.shape[:2], -1)
    _limited(op, "image", read, (("rows", "side"), ("columns", "side"), ("channels", "channels")))
    height, width, channels = read.shape
    return {"height": height, "width": width, "channels": channels, "values": _listed(read)}


def layer_part(op: str, before: Part, given: Mapping[str, Any]) -> Part:
    """Return the part of a convolution with what was given; the rest stays as it was where it still fits.

    Parameters
    ----------
    op : str
        Named in errors.
    before : Part
    given : mapping
        Any of image, W, b, stride, pad, dilation and dZ, as the caller wrote them.
    """
    before = {**before, "dz": None} if before.get("dz") == START["layer"]["dz"] else before  # the page's first gradient is an example
    image = image_part(op, given["image"]) if "image" in given else before["image"]
    filters = _filters(op, given["W"], image, given) if "W" in given else _fitting(before["filters"], before["image"], image)
    count = filters["count"]
    part = {
        **before,
        "image": image,
        "filters": filters,
        "bias": _bias(op, given["b"], count) if "b" in given else before["bias"] if len(before["bias"]) == count else [0.0] * count,
        "stride": _whole(op, "stride", given.get("stride", before["stride"]), "stride"),
        "padding": _padding(op, given["pad"]) if "pad" in given else before["padding"],
        "dilation": _whole(op, "dilation", given.get("dilation", before["dilation"]), "dilation"),
        "channel": min(before.get("channel", 0), image["channels"] - 1),
    }
    if "dilation" not in given and not all(axis.out for axis in output_axes(part, filters["size"])):
        part["dilation"] = 1
    shape = _fits(op, part, filters["size"], given)
    return _placed(part, shape) | {"dz": _gradient(op, "dZ", given, before=before.get("dz"), shape=shape)}


def pooling_part(op: str, before: Part, given: Mapping[str, Any]) -> Part:
    """Return the part of pooling with what was given: any of image, f, stride, mode and dA."""
    image = image_part(op, given["image"]) if "image" in given else before["image"]
    part = {
        **before,
        "image": image,
        "size": _whole(op, "f", given.get("f", min(before["size"], image["height"], image["width"])), "pool"),
        "stride": _whole(op, "stride", given.get("stride", before["stride"]), "stride"),
        "mode": one_of(op, "mode", given.get("mode", before["mode"]), ("max", "average")),
    }
    shape = _fits(op, part, part["size"], given)
    return _placed(part, shape) | {"da": _gradient(op, "dA", given, before=before.get("da"), shape=shape)}


def at_of(op: str, value: Any, shape: Sequence[int]) -> list[int]:
    """Return a place in the output as the page has it."""
    names = ("row", "column", "channel")
    items = tuple(value) if isinstance(value, tuple | list | np.ndarray) else ()
    if len(items) != 3:
        raise refusal(op, f"at must be three whole numbers (h, w, c), not {shown(value)}", {"at": value})
    found = [whole(op, f"at[{axis}]", item, 0) for axis, item in enumerate(items)]
    for name, index, size in zip(names, found, shape, strict=True):
        if index >= size:
            raise refusal(op, f"there is no {name} {index} in the output, whose shape is {tuple(shape)}", {"at": value})
    return found


# ---- parts to arrays


def image_of(part: Part) -> Array:
    """Return an image (H, W, C)."""
    return tensor(part["values"], (part["height"], part["width"], part["channels"]))


def tensor(values: Sequence[float], shape: Sequence[int]) -> Array:
    """Return numbers in reading order as an array."""
    return np.array(values, dtype=np.float64).reshape(tuple(shape))


def outputs(part: Part) -> Shape:
    """Return the shape of what a layer or pooling gives: rows, columns, channels."""
    size, channels = (part["filters"]["size"], part["filters"]["count"]) if "filters" in part else (part["size"], part["image"]["channels"])
    rows, columns = output_axes(part, size)
    return rows.out, columns.out, channels


# ---- what both are made of


def _numbers(op: str, name: str, value: Any) -> Array:
    read = numbers(op, name, value)
    if read.size == 0:
        raise refusal(op, f"{name} has no cells", {name: read})
    far = read[~(np.abs(read.astype(np.float64)) <= LIMITS["value"])]
    if far.size:
        raise refusal(op, f"{name} holds {far.flat[0]}; the page shows numbers from -1e12 to 1e12", {name: read})
    return read


def _listed(read: Array) -> list[float]:
    plain: list[float] = read.ravel().astype(np.float64).tolist()
    return plain


def _limited(op: str, name: str, read: Array, axes: Sequence[tuple[str, str]]) -> None:
    for (what, limit), size in zip(axes, read.shape, strict=True):
        if size > LIMITS[limit]:
            raise refusal(op, f"{name} has {size} {what}, and the page shows {LIMITS[limit]} at most", {name: read})


def _filters(op: str, value: Any, image: Part, given: Mapping[str, Any]) -> Part:
    read = _numbers(op, "W", value)
    if read.ndim not in {2, 3, 4}:
        raise refusal(op, f"W must have 4 axes (f, f, n_C_prev, n_C), or 2 (f, f), not {read.ndim}", {"W": read})
    read = read.reshape((*read.shape, *(1,) * (4 - read.ndim)))
    if read.shape[0] != read.shape[1]:
        raise refusal(op, f"W must be square, not {read.shape[0]} x {read.shape[1]}", {"W": read})
    if read.shape[2] != image["channels"]:
        names = "given image" if "image" in given else "image that is shown"
        raise refusal(op, f"W expects {read.shape[2]} channels, and the {names} has {image['channels']}", {"W": read})
    _limited(op, "W", read, (("rows", "kernel"), ("columns", "kernel"), ("channels", "channels"), ("filters", "filters")))
    return {"size": read.shape[0], "count": read.shape[3], "values": _listed(read)}


def _fitting(filters: Part, before: Part, image: Part) -> Part:
    """Return the filters that were there if they fit the image, and else one that answers to edges."""
    size = min(filters["size"], image["height"], image["width"])
    if image["channels"] == before["channels"] and size == filters["size"]:
        return filters
    size = min(3, size)
    row = EDGE if size == 3 else EDGE[::2][:size]
    return {"size": size, "count": 1, "values": [float(number) for _ in range(size) for number in row for _ in range(image["channels"])]}


def _bias(op: str, value: Any, count: int) -> list[float]:
    read = _numbers(op, "b", value)
    if read.size not in {1, count}:
        raise refusal(op, f"b has {read.size} numbers for {count} filters", {"b": read})
    return _listed(np.broadcast_to(read.ravel(), count))


def _whole(op: str, name: str, value: Any, limit: str) -> int:
    found = whole(op, name, value, 0 if limit == "padding" else 1)
    if found > LIMITS[limit]:
        raise refusal(op, f"{name} is {shown(found)}, and the page shows {LIMITS[limit]} at most", {name: value})
    return found


def _padding(op: str, value: Any) -> str | int:
    return one_of(op, "pad", value, ("same", "valid")) if word(value) is not None else _whole(op, "pad", value, "padding")


def output_axes(part: Part, size: int) -> tuple[Axis, Axis]:
    """Return the rows and the columns over which a window of so many cells steps."""

    def axis(cells: int) -> Axis:
        padding, stride = part.get("padding", "valid"), part["stride"]
        return Axis.padded_by(padding, cells, size, stride=stride, dilation=part.get("dilation", 1))

    return axis(part["image"]["height"]), axis(part["image"]["width"])


def _fits(op: str, part: Part, size: int, given: Mapping[str, Any]) -> Shape:
    for name, axis in zip(("rows", "columns"), output_axes(part, size), strict=True):
        if not axis.out:
            raise refusal(
                op, f"the window does not fit: it reaches over {axis.reach} {name}, but the padded image has {axis.padded}", given
            )
    return outputs(part)


def _placed(part: Part, shape: Shape) -> Part:
    """Return a part whose place lies in its output: the one it had, or the first."""
    at = part.get("at") or [0, 0, 0]
    return {**part, "at": at if all(index < size for index, size in zip(at, shape, strict=True)) else [0, 0, 0]}


def _gradient(op: str, name: str, given: Mapping[str, Any], *, before: list[float] | None, shape: Shape) -> list[float] | None:
    """Return the gradient that comes in; None is ones everywhere, which also take the place of one from before that no longer fits."""
    if name not in given:
        return before if before is not None and len(before) == prod(shape) else None
    if given[name] is None:
        return None
    read = _numbers(op, name, given[name])
    if read.size != prod(shape) or read.shape not in {shape, (1, *shape), shape[: read.ndim]}:
        raise refusal(op, f"{name} must have the shape of the output, {shape}, not {read.shape}", {name: read})
    return _listed(read)
