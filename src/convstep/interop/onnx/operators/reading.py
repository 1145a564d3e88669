"""Attributes and inputs of a node become numbers, axes and shapes that can be trusted, or a fact to refuse the node with.

One rule: whatever a file asks for is measured before memory is.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from convstep.checks import Array, shown
from convstep.interop.onnx.records import Node

MOST_BYTES = 2**31
REQUIRED: Any = object()


class Unfit(Exception):  # noqa: N818 - it becomes an error, which names the node, before anyone sees it
    """A fact for which a node cannot be done."""


# --- attributes ---


def whole(node: Node, name: str, default: Any = REQUIRED, least: int | None = None) -> int:
    """Return an attribute that is a whole number."""
    value = _attribute(node, name, default)
    if not isinstance(value, int):
        raise Unfit(f"{name} must be a whole number, not {shown(value)}")
    if least is not None and value < least:
        raise Unfit(f"{name} must be at least {least}, not {value}")
    return value


def flag(node: Node, name: str, default: int = 0) -> bool:
    """Return an attribute that is 0 or 1."""
    value = whole(node, name, default)
    if value not in {0, 1}:
        raise Unfit(f"{name} must be 0 or 1, not {value}")
    return bool(value)


def wholes(node: Node, name: str, default: Any = REQUIRED, count: int | None = None, least: int | None = None) -> tuple[int, ...]:  # noqa: PLR0917
    """Return an attribute that is a row of whole numbers."""
    value = _attribute(node, name, default)
    if not isinstance(value, tuple | list) or not all(isinstance(item, int) for item in value):
        raise Unfit(f"{name} must be whole numbers, not {shown(value)}")
    if count is not None and len(value) != count:
        raise Unfit(f"{name} must be {count} numbers, not {len(value)}")
    if least is not None and any(item < least for item in value):
        raise Unfit(f"{name} must be at least {least}, not {min(value)}")
    return tuple(value)


def real(node: Node, name: str, default: Any = REQUIRED) -> float:
    """Return an attribute that is a number."""
    value = _attribute(node, name, default)
    if not isinstance(value, int | float):
        raise Unfit(f"{name} must be a number, not {shown(value)}")
    return float(value)


def word(node: Node, name: str, default: str, allowed: Sequence[str]) -> str:
    """Return an attribute that is one of these words."""
    value = node.get(name, default)
    value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if value not in allowed:
        raise Unfit(f"{name} must be {' or '.join(map(repr, allowed))}, not {shown(value)}")
    return str(value)


def _attribute(node: Node, name: str, default: Any) -> Any:
    value = node.get(name, default)
    if value is REQUIRED:
        raise Unfit(f"it has no {name}")
    return value


# --- inputs that are small and known ---


def listed(x: Array, name: str, count: int | None = None) -> list[int]:
    """Return the whole numbers of an input with one axis, or none."""
    if x.ndim > 1:
        raise Unfit(f"{name} must have one axis, not {x.ndim}")
    values: list[int] = x.ravel().tolist()
    if count is not None and len(values) != count:
        raise Unfit(f"{name} must be {count} numbers, not {len(values)}")
    return values


def only(x: Array, name: str) -> Any:
    """Return the number that is all that an input holds."""
    if x.size != 1:
        raise Unfit(f"{name} must be one number, not {x.size}")
    return x.ravel()[0].item()


# --- axes and shapes ---


def axis_of(axis: int, rank: int, name: str = "axis") -> int:
    """Return an axis counted from the front."""
    if not -rank <= axis < rank:
        raise Unfit(f"{name} must lie in -{rank} to {rank - 1}, not {axis}" if rank else f"{name} {axis} is beyond an array without axes")
    return axis % rank


def axes_of(axes: Iterable[int], rank: int) -> tuple[int, ...]:
    """Return different axes counted from the front."""
    counted = tuple(axis_of(axis, rank, "axes") for axis in axes)
    if len(set(counted)) < len(counted):
        raise Unfit(f"axes must be different, not {shown(counted)}")
    return counted


def room(shape: Sequence[int], dtype: Any) -> tuple[int, ...]:
    """Return the shape of a result that is not too large to make."""
    wanted = math.prod(shape) * np.dtype(dtype).itemsize
    if wanted > MOST_BYTES:
        raise Unfit(f"a result of shape {shown(tuple(shape))} would take {shown(wanted)} bytes, more than {MOST_BYTES}")
    return tuple(shape)


def together(*shapes: Sequence[int]) -> tuple[int, ...]:
    """Return the shape that these broadcast to."""
    rank = max(map(len, shapes), default=0)
    rows = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    sizes = [{size for size in column if size != 1} for column in zip(*rows, strict=True)]
    if any(len(size) > 1 for size in sizes):
        raise Unfit(f"shapes {' and '.join(shown(tuple(shape)) for shape in shapes)} do not broadcast")
    return tuple(size.pop() if size else 1 for size in sizes)


def fitting(*arrays: Array) -> tuple[int, ...]:
    """Return the shape that arrays broadcast to, if there is room for it."""
    first = arrays[0]
    if all(x.shape == first.shape for x in arrays):
        return first.shape
    return room(together(*(x.shape for x in arrays)), max((x.dtype for x in arrays), key=lambda dtype: dtype.itemsize))
