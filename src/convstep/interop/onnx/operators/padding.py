"""Padding along any axes. One rule: what a mode repeats is taken by its place, so that no padding is too long for it."""

import numpy as np

from convstep.checks import Array
from convstep.interop.onnx.operators.operator import Operator
from convstep.interop.onnx.operators.reading import Unfit, axes_of, listed, only, real, room, wholes, word
from convstep.interop.onnx.records import Node


def pad(node: Node, *given: Array | None) -> Array:
    """Add cells before and after each axis, or take some away where their number is negative."""
    x, pads, value, axes = given if len(given) == 4 else (*given, None, None, None)[:4]
    x = np.asarray(x)
    mode = word(node, "mode", "constant", ("constant", "reflect", "edge", "wrap") if node.opset >= 19 else ("constant", "reflect", "edge"))
    named = axes_of(range(x.ndim) if axes is None else listed(axes, "axes"), x.ndim)
    count = 2 * len(named)
    numbers = wholes(node, "pads", count=count) if pads is None else listed(pads, "pads", count)
    fill = np.asarray(only(value, "constant_value") if value is not None else real(node, "value", 0.0)).astype(x.dtype)
    around = {axis: (numbers[at], numbers[at + len(named)]) for at, axis in enumerate(named)}
    shape = [size + sum(around.get(axis, (0, 0))) for axis, size in enumerate(x.shape)]
    if min(shape, default=0) < 0:
        raise Unfit(f"padding takes more cells away than there are: {tuple(shape)} of {x.shape}")
    room(shape, x.dtype)
    for axis, ends in around.items():
        x = _along(x, axis, ends, fill if mode == "constant" else mode)
    return x


def _along(x: Array, axis: int, ends: tuple[int, int], fill: Array | str) -> Array:
    """Pad one axis with a value, or as a mode says."""
    (before, after), size = ends, x.shape[axis]
    kept = x[(slice(None),) * axis + (slice(max(-before, 0), size + min(after, 0)),)]
    before, after, size = max(before, 0), max(after, 0), kept.shape[axis]
    if not before and not after:
        return kept
    if not isinstance(fill, str):
        return np.pad(kept, [(before, after) if at == axis else (0, 0) for at in range(x.ndim)], constant_values=fill)
    if not size:
        raise Unfit(f"axis {axis} has no cells that {fill} could repeat")
    places = np.arange(-before, size + after)
    if fill == "edge":
        places = places.clip(0, size - 1)
    elif fill == "wrap":
        places %= size
    else:
        turn = max(2 * (size - 1), 1)
        places %= turn
        places = np.minimum(places, turn - places) if size > 1 else places
    return np.take(kept, places, axis)


OPERATORS = [
    Operator("Pad", pad, "F", "mode pads value", since=2, wide=False),
    Operator("Pad", pad, "A L A?", "mode", since=11, wide=False),
    Operator("Pad", pad, "A L A? I?", "mode", since=18, wide=False),
]
