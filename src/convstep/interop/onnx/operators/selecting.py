"""Operators that choose values by their place. One rule: a place that is not there is refused before anything is made."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from convstep.checks import Array, shown
from convstep.interop.onnx.operators.operator import Operator
from convstep.interop.onnx.operators.reading import Unfit, axes_of, axis_of, flag, listed, only, room, whole, wholes
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
        cells[axis] = _run(x.shape[axis], start, end, step)
    return x[tuple(cells)]


def _run(size: int, start: int, end: int, step: int) -> slice:
    """Return a run of cells; a backward one starts at the first cell at least, and goes on to it for `WHOLE`, as onnxruntime has it."""
    low, high = (0, size) if step > 0 else (-1, size - 1)
    end = -size - 1 if step < 0 and end in WHOLE else end
    start, end = (number + size if number < 0 else number for number in (start, end))
    cells = range(min(max(start, 0), high), min(max(end, low), high), step)
    if not size or not cells:
        return slice(0, 0)
    return slice(cells[0], cells[-1] + (1 if step > 0 else -1) if step > 0 or cells[-1] else None, step)


WHOLE = (2**31 - 1, 2**63 - 1)


def gather(node: Node, x: Array, indices: Array) -> Array:
    """Return the slices along an axis that indices name; negative ones count from the end."""
    axis = axis_of(whole(node, "axis", 0), x.ndim)
    room((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)
    return np.take(x, present(indices, x.shape[axis]), axis)


def gather_elements(node: Node, x: Array, indices: Array) -> Array:
    """Return for each index the value of its own row along an axis."""
    axis = axis_of(whole(node, "axis", 0), x.ndim)
    rows = _rows(x, indices, axis)
    return np.asarray(np.take_along_axis(x[rows], present(indices, x.shape[axis]), axis))


def gather_nd(node: Node, x: Array, indices: Array) -> Array:
    """Return the slices that rows of indices name, after axes that both share."""
    batch, depth = whole(node, "batch_dims", 0, least=0), _depth(indices)
    if batch >= min(x.ndim, indices.ndim) or x.shape[:batch] != indices.shape[:batch]:
        raise Unfit(f"shapes {x.shape} and {indices.shape} do not share {batch} axes")
    if batch + depth > x.ndim:
        raise Unfit(f"rows of {depth} indices are too long for {x.ndim - batch} axes")
    room((*indices.shape[:-1], *x.shape[batch + depth :]), x.dtype)
    shared = np.ogrid[tuple(slice(size) for size in x.shape[:batch])]
    grown = [grid.reshape(*grid.shape, *(1,) * (indices.ndim - 1 - batch)) for grid in shared]
    return np.asarray(x[(*grown, *_places(x.shape[batch:], indices))])


def scatter_elements(node: Node, x: Array, indices: Array, updates: Array) -> Array:
    """Return x with values put, added, ... at the places that `gather_elements` would read."""
    axis = axis_of(whole(node, "axis", 0), x.ndim)
    _rows(x, indices, axis)
    if updates.shape != indices.shape:
        raise Unfit(f"updates of shape {updates.shape} do not fit indices of shape {indices.shape}")
    places = list(np.ogrid[tuple(slice(size) for size in indices.shape)])
    places[axis] = present(indices, x.shape[axis])
    return _scattered(node, x, tuple(places), updates)


def scatter_nd(node: Node, x: Array, indices: Array, updates: Array) -> Array:
    """Return x with slices put, added, ... where rows of indices say."""
    depth = _depth(indices)
    if depth > x.ndim or updates.shape != (*indices.shape[:-1], *x.shape[depth:]):
        raise Unfit(f"updates of shape {updates.shape} do not fit indices of shape {indices.shape} in {x.shape}")
    return _scattered(node, x, _places(x.shape, indices), updates)


def one_hot(node: Node, indices: Array, depth: Array, values: Array) -> Array:
    """Return rows of one value that have another at the place that an index names, if it is there."""
    count, rank = int(only(depth, "depth")), indices.ndim + 1
    axis = axis_of(whole(node, "axis", -1), rank)
    if values.shape != (2,):
        raise Unfit(f"values must be 2 numbers, not of shape {values.shape}")
    if count < 1:
        raise Unfit(f"depth must be at least 1, not {count}")
    room((*indices.shape, count), values.dtype)
    named = indices.astype(np.int64)
    counted = np.where(named < 0, named + count, named)
    places = np.arange(count).reshape(-1, *(1,) * (rank - 1 - axis))
    return np.where(np.expand_dims(counted, axis) == places, values[1:], values[:1])


def non_zero(_node: Node, x: Array) -> Array:
    """Return the places of all values but 0, one in each column."""
    return np.array(np.nonzero(np.atleast_1d(x)), np.int64).reshape(max(x.ndim, 1), -1)


def top(node: Node, x: Array, k: Array | None = None) -> list[Array]:
    """Return the largest or smallest values along an axis, and their places; of equal ones the first."""
    count = whole(node, "k") if k is None else int(only(k, "k"))
    axis = axis_of(whole(node, "axis", -1), x.ndim)
    flag(node, "sorted", 1)
    if not 0 <= count <= x.shape[axis]:
        raise Unfit(f"k must lie in 0 to {x.shape[axis]}, not {count}")
    if flag(node, "largest", 1):
        order = x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
    else:
        order = np.argsort(x, axis, kind="stable")
    places = np.take(order, range(count), axis)
    return [np.take_along_axis(x, places, axis), places.astype(np.int64)]


def triangle(node: Node, x: Array, k: Array | None = None) -> Array:
    """Return the upper or lower triangle of matrices, zeros elsewhere."""
    if x.ndim < 2:
        raise Unfit(f"its input must have at least 2 axes, not {x.ndim}")
    rows, columns = x.shape[-2:]
    diagonal = max(min(int(only(k, "k")), columns + 1), -rows - 1) if k is not None else 0
    steps = np.arange(columns) - np.arange(rows)[:, None]
    return np.where(steps >= diagonal if flag(node, "upper", 1) else steps <= diagonal, x, np.zeros((), x.dtype))


def compress(node: Node, x: Array, condition: Array) -> Array:
    """Return the slices along an axis, or the values, for which a condition holds."""
    named = whole(node, "axis") if "axis" in node.attributes else None
    axis = None if named is None else axis_of(named, x.ndim)
    size = x.size if axis is None else x.shape[axis]
    if condition.ndim != 1 or condition.size > size:
        raise Unfit(f"a condition of shape {condition.shape} does not fit {size} places")
    return np.compress(condition, x, axis)


def reverse_sequence(node: Node, x: Array, lengths: Array) -> Array:
    """Return x with the first cells of each sequence turned round."""
    batch, time = whole(node, "batch_axis", 1), whole(node, "time_axis", 0)
    if sorted((batch, time)) != [0, 1] or x.ndim < 2 or lengths.shape != (x.shape[batch],):
        raise Unfit(f"lengths of shape {lengths.shape} do not fit {x.shape} along the axes {batch} and {time}")
    if lengths.size and not 0 <= int(lengths.min()) <= int(lengths.max()) <= x.shape[time]:
        raise Unfit(f"lengths must lie in 0 to {x.shape[time]}, not {int(lengths.min())} to {int(lengths.max())}")
    steps = np.arange(x.shape[time])[:, None]
    places = np.where(steps < lengths, lengths - 1 - steps, steps)
    places = (places if time == 0 else places.T).reshape(*x.shape[:2], *(1,) * (x.ndim - 2))
    return np.take_along_axis(x, places, time)


def unique(node: Node, x: Array) -> list[Array]:
    """Return the different values or slices, where each is met first, which one stands at each place, and how often it is met."""
    named = whole(node, "axis") if "axis" in node.attributes else None
    axis = None if named is None else axis_of(named, x.ndim)
    values, first, inverse, counts = np.unique(x, return_index=True, return_inverse=True, return_counts=True, axis=axis)
    inverse = inverse.ravel()
    if not flag(node, "sorted", 1):
        order = np.argsort(first)
        values, first, counts = np.take(values, order, axis or 0), first[order], counts[order]
        inverse = np.argsort(order)[inverse]
    return [values, *(found.astype(np.int64) for found in (first, inverse, counts))]


def present(indices: Array, size: int) -> Array:
    """Return indices counted from the front, if all of them lie on an axis."""
    if indices.size and (int(indices.min()) < -size or int(indices.max()) >= size):
        wrong = int(indices.min()) if int(indices.min()) < -size else int(indices.max())
        raise Unfit(f"index {wrong} is beyond an axis of {size}")
    return np.where(indices < 0, indices + size, indices).astype(np.int64)


def _rows(x: Array, indices: Array, axis: int) -> tuple[slice, ...]:
    """Return the part of x that has rows for all indices."""
    if indices.ndim != x.ndim or any(n > size for at, (n, size) in enumerate(zip(indices.shape, x.shape, strict=True)) if at != axis):
        raise Unfit(f"indices of shape {indices.shape} do not fit {x.shape} along axis {axis}")
    return tuple(slice(None) if at == axis else slice(n) for at, n in enumerate(indices.shape))


def _depth(indices: Array) -> int:
    if not indices.ndim or not indices.shape[-1]:
        raise Unfit(f"indices of shape {indices.shape} name no places")
    return int(indices.shape[-1])


def _places(shape: Sequence[int], indices: Array) -> tuple[Array, ...]:
    return tuple(present(indices[..., at], shape[at]) for at in range(indices.shape[-1]))


def _scattered(node: Node, x: Array, places: tuple[Any, ...], updates: Array) -> Array:
    how = node.get("reduction", "none")
    if how not in REDUCTIONS:
        raise Unfit(f"reduction must be one of {', '.join(REDUCTIONS)}, not {shown(how)}")
    y = x.copy()
    function = REDUCTIONS[how]
    if function is None:
        y[places] = updates
    else:
        function.at(y, places, updates)
    return y


REDUCTIONS = {"none": None, "add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}
OPERATORS = [
    Operator("Compress", compress, "A b", "axis", since=9, wide=False),
    Operator("Gather", gather, "A i", "axis", wide=False),
    Operator("GatherElements", gather_elements, "A i", "axis", since=11, wide=False),
    Operator("GatherND", gather_nd, "A l", since=11, wide=False),
    Operator("GatherND", gather_nd, "A l", "batch_dims", since=12, wide=False),
    Operator("NonZero", non_zero, "A", since=9, wide=False),
    Operator("OneHot", one_hot, "n n A", "axis", since=9, wide=False),
    Operator("ReverseSequence", reverse_sequence, "A l", "batch_axis time_axis", since=10, wide=False),
    Operator("Scatter", scatter_elements, "A i A", "axis", since=9),
    Operator("ScatterElements", scatter_elements, "A i A", "axis", since=11),
    Operator("ScatterElements", scatter_elements, "A i A", "axis reduction", since=16),
    Operator("ScatterND", scatter_nd, "A l A", since=11),
    Operator("ScatterND", scatter_nd, "A l A", "reduction", since=16),
    Operator("Slice", cut, "A", "axes ends starts", wide=False),
    Operator("Slice", cut, "A i i i? i?", since=10, wide=False),
    Operator("TopK", top, "N", "axis k"),
    Operator("TopK", top, "N l", "axis", since=10),
    Operator("TopK", top, "N l", "axis largest sorted", since=11),
    Operator("Trilu", triangle, "A l?", "upper", since=14, wide=False),
    Operator("Unique", unique, "A", "axis sorted", since=11, wide=False),
]
