"""The layers with several inputs. One rule: the inputs are brought into one order of axes, that of most of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from convstep.checks import Array
from convstep.interop.onnx.writing.draft import Draft
from convstep.interop.onnx.writing.values import Call, Order, Value
from convstep.layers import Add, Average, Layer, Maximum, Multiply, Subtract

PAIRWISE: dict[type[Layer], str] = {Add: "Add", Subtract: "Sub", Multiply: "Mul", Average: "Add", Maximum: "Max"}
TOGETHER: dict[type[Layer], str] = {Add: "Sum", Average: "Mean", Maximum: "Max"}  # of floating numbers


def merging(draft: Draft, call: Call) -> Value:
    """Write a layer that works entry by entry."""
    kind = type(call.layer)
    items = _aligned(draft, _of_one_type(draft, call.inputs))
    first, *others = items
    rows = next((item.rows for item in items if item.rows is not None), None)
    if others and kind in TOGETHER and first.dtype.kind == "f" and (kind is not Add or len(items) > 2):
        first = draft.then(TOGETHER[kind], first, *(item.key for item in others))
    else:
        for item in others:
            first = draft.then(PAIRWISE[kind], first, item.key)
        if kind is Average and first.dtype.kind != "f":  # of whole numbers, added up as they are
            first = draft.cast(first, np.float64)
            first = draft.then("Div", first, draft.number("count", len(items), first))
    return replace(first, shape=call.shape, rows=rows)


def concatenation(draft: Draft, call: Call) -> Value:
    """Write Concatenate."""
    layer: Any = call.layer
    items = _of_one_type(draft, call.inputs)
    axis = layer.axis % items[0].rank
    if axis == 0 and any(item.rows is not None for item in items):
        items = [draft.in_rows(item) for item in items]
    order = _most_common(items)
    turned = [draft.turned(item, order) for item in items]
    if len(turned) == 1:
        return turned[0]
    y = draft.then("Concat", turned[0], *(item.key for item in turned[1:]), axis=order.index(axis))
    return replace(y, shape=call.shape, rows=_joined(turned))


# --- parts ---


def _of_one_type(draft: Draft, items: Sequence[Value]) -> list[Value]:
    dtype = np.result_type(*(item.dtype for item in items))
    return [draft.cast(item, dtype) for item in items]


def _aligned(draft: Draft, items: Sequence[Value]) -> list[Value]:
    """Return the inputs with as many axes each, all stored in one order."""
    most = max(item.rank for item in items)
    if most > 2 or not _same_rows(items):
        items = [draft.in_rows(item) for item in items]
    order = _most_common([item for item in items if item.rank == most])
    return [_widened(draft, item, order) for item in items]


def _same_rows(items: Sequence[Value]) -> bool:
    """Return whether numbers stand side by side; one number stands beside any."""
    long = [item for item in items if item.rank == 2 and item.shape[1] != 1]
    first = long[0].rows if long else None
    return all(_equal(item.rows, first) for item in long)


def _equal(a: Array | None, b: Array | None) -> bool:
    return np.array_equal(a, b) if a is not None and b is not None else a is b


def _most_common(items: Sequence[Value]) -> Order:
    return Counter(item.order for item in items).most_common(1)[0][0]


def _widened(draft: Draft, x: Value, order: Order) -> Value:
    """Return x with axes of length 1 after the batch, as many as it lacks, stored in this order."""
    new = range(1, len(order) - x.rank + 1)
    x = draft.turned(x, tuple(axis - len(new) if axis else 0 for axis in order if axis not in new))
    if not new:
        return x
    places = draft.integers("axes", [i for i, axis in enumerate(order) if axis in new])
    return replace(draft.then("Unsqueeze", x, places), shape=(x.shape[0], *(1 for _ in new), *x.shape[1:]), order=order)


def _joined(items: Sequence[Value]) -> Array | None:
    """Return which entry of the layer each stored one is, where rows of numbers were joined."""
    if all(item.rows is None for item in items):
        return None
    parts, start = [], 0
    for item in items:
        size = item.shape[1] or 0
        parts.append(start + (np.arange(size) if item.rows is None else item.rows))
        start += size
    return np.concatenate(parts)
