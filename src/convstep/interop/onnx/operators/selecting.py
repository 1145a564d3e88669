"""Operators that choose values by their place. One rule: a place that is not there is refused before anything is made."""

import numpy as np

from convstep.checks import Array
from convstep.interop.onnx.operators.operator import Operator
from convstep.interop.onnx.operators.reading import Unfit, axes_of, axis_of, listed, room, whole, wholes
from convstep.interop.onnx.records import Node


def cut(node: Node, *given: Array | None) -> Array:
    """Return a run of cells, or every so many of them, along some axes."""
    x, starts, ends, axes, steps = given if len(given) == 5 else (*given, None, None, None, None)
    x = np.asarray(x)
    first = wholes(node, "starts") if starts is None else listed(starts, "starts")
    last = wholes(node, "ends") if ends is None else listed(ends, "ends", len(first))
    default = tuple(range(len(first)))
    named = axes_of(wholes(node, "axes", default) if axes is None else listed(axes, "axes"), x.ndim)
    by = [1] * len(first) if steps is None else listed(steps, "steps", len(first))
    if not len(first) == len(last) == len(named):
        raise Unfit(f"there are {len(first)} starts, {len(last)} ends and {len(named)} axes")
    if 0 in by:
        raise Unfit("steps must not be 0")
    cells = [slice(None)] * x.ndim
    for axis, start, end, step in zip(named, first, last, by, strict=True):
        cells[axis] = slice(start, end, step)
    return x[tuple(cells)]


def gather(node: Node, x: Array, indices: Array) -> Array:
    """Return the slices along an axis that indices name; negative ones count from the end."""
    axis = axis_of(whole(node, "axis", 0), x.ndim)
    room((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)
    return np.take(x, present(indices, x.shape[axis]), axis)


def present(indices: Array, size: int) -> Array:
    """Return indices counted from the front, if all of them lie on an axis."""
    if indices.size and (int(indices.min()) < -size or int(indices.max()) >= size):
        wrong = int(indices.min()) if int(indices.min()) < -size else int(indices.max())
        raise Unfit(f"index {wrong} is beyond an axis of {size}")
    return np.where(indices < 0, indices + size, indices).astype(np.int64)


OPERATORS = [
    Operator("Gather", gather, "A i", "axis", wide=False),
    Operator("Slice", cut, "A", "axes ends starts", wide=False),
    Operator("Slice", cut, "A i i i? i?", since=10, wide=False),
]
