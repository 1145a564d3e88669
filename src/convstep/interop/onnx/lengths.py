"""Lengths of axes as far as they are known before data come: PyTorch's exporter reads shapes, takes some entries, and reshapes by them.

One rule: a length that is not known yet is a text, and only moved about; whoever computes with it waits for the data.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from convstep.checks import Array
from convstep.interop.onnx.reading import INTEGERS, SMALL
from convstep.interop.onnx.records import Node
from convstep.interop.onnx.values import Value


def lengths(node: Node, given: Sequence[Value | None]) -> Array | None:
    """Return what a node makes of lengths: int64, or objects where some are texts; None for a node that does something else."""
    if node.domain or not given or given[0] is None:
        return None
    if node.kind == "Shape":
        sizes = given[0].sizes
        return None if sizes is None else _found(np.array(sizes, object)[node.get("start", 0) : node.get("end")])
    partial = [value.constant for value in given if value is not None and value.constant is not None]
    if len(partial) < len(given) or all(array.dtype != object for array in partial) or node.kind not in MOVING:
        return None
    if sum(array.size for array in partial) > SMALL:  # which no shape has: whoever doubles such lists gets no memory for it
        return None
    moved = MOVING[node.kind](node, partial)
    return None if moved is None else _found(moved)


def _found(array: Array) -> Array:
    if all(isinstance(item, int | np.integer) for item in array.ravel()):
        return array.astype(np.int64)
    return array


def _gathered(_node: Node, given: Sequence[Array]) -> Array | None:
    array, places = given
    if places.dtype == object or np.any(places >= len(array)) or np.any(places < -len(array)):
        return None
    return np.asarray(array[places], object)


def _sliced(node: Node, given: Sequence[Array]) -> Array | None:
    array, *others = given
    if node.opset >= 10 and all(item.dtype != object for item in others):
        parts = [int(item.ravel()[0]) for item in others]
    elif node.opset < 10:
        parts = [node.get("starts", (0,))[0], node.get("ends", (0,))[0]]
    else:
        return None
    return np.asarray(array[slice(parts[0], parts[1], parts[3] if len(parts) > 3 else None)], object)


def _joined(_node: Node, given: Sequence[Array]) -> Array | None:
    return np.concatenate([item.astype(object) for item in given]) if all(item.ndim == 1 for item in given) else None


def _unsqueezed(_node: Node, given: Sequence[Array]) -> Array | None:
    return given[0].reshape(1) if given[0].ndim == 0 else None


def _squeezed(_node: Node, given: Sequence[Array]) -> Array | None:
    return given[0].reshape(()) if given[0].shape == (1,) else None


def _cast(node: Node, given: Sequence[Array]) -> Array | None:
    return given[0] if node.get("to") in INTEGERS else None


MOVING: Mapping[str, Callable[[Node, Sequence[Array]], Array | None]] = {
    "Cast": _cast,
    "Concat": _joined,
    "Gather": _gathered,
    "Identity": lambda _node, given: given[0],
    "Slice": _sliced,
    "Squeeze": _squeezed,
    "Unsqueeze": _unsqueezed,
}
