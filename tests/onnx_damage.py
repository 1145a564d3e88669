"""What the tables of bad ONNX files are made with: a small network with something wrong in it, and how it is run."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from tests.onnx_graphs import file, node, normal, onnx

from convstep.errors import DataError
from convstep.interop import onnx as interop

IN: dict[str, Any] = {"x": ["n", 3, 8, 8]}
W = normal(np.random.default_rng(0), 4, 3, 3, 3)


def conv(w: Any = W, **attributes: Any) -> Any:
    """Return a network of one convolution."""
    return file([node("Conv", "x w", "y", **attributes)], IN, {"w": w})


def one(kind: str, inputs: str = "x", weights: Mapping[str, Any] | None = None, shape: Any = None, **attributes: Any) -> Any:
    """Return a network of one node."""
    return file([node(kind, inputs, "y", **attributes)], {"x": shape or IN["x"]}, weights)


def two(kind: str, inputs: str, weights: Mapping[str, Any], **attributes: Any) -> Any:
    """Return a network in which a node makes `c` of weights, and x is added."""
    return file([node(kind, inputs, "c", **attributes), node("Add", "x c", "y")], IN, weights)


def ints(*numbers: int) -> Any:
    """Return lengths, axes or places."""
    return np.array(numbers)


def floats(*numbers: float) -> Any:
    """Return scales."""
    return np.array(numbers, np.float32)


def tensor(dims: Any, raw: bytes | None = b"", kind: int = 1, **fields: Any) -> Any:
    """Return weights called w that say anything."""
    made = onnx.TensorProto(name="w", dims=dims, data_type=kind, **fields)
    if raw is not None:
        made.raw_data = raw
    return made


def weighted(made: Any) -> Any:
    """Return a network of one convolution with these weights."""
    proto = file([node("Conv", "x w", "y")], IN)
    proto.graph.initializer.append(made)
    return proto


def refused(source: Any) -> tuple[str, str]:
    """Return when a file is refused, "load" or "predict", and the whole message."""
    try:
        model = interop.load(source)
    except DataError as error:
        return "load", str(error)
    entry = model.source.inputs[0]
    try:
        model.predict(np.zeros([1 if isinstance(size, str) else size for size in entry.sizes or ()], entry.dtype))
    except DataError as error:
        return "predict", str(error)
    return "never", ""
