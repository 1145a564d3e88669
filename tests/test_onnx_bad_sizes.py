"""Inputs that a file takes, but one of its layers does not: what is said names the node, its operator and the opset."""

import re
from typing import Any

import numpy as np
import pytest
from tests.onnx_graphs import file, node

from convstep.errors import DataError
from convstep.interop import onnx as interop

OPEN = ("N", 3, "h", "w")
HUGE = [2**30, 2**30]
CASES: dict[str, tuple[Any, str, str]] = {
    "a window of 2**30": (
        node("MaxPool", "x", "y", kernel_shape=HUGE, pads=[2**29] * 4),
        "MaxPool",
        "the padded x would take 13835058261440594688 bytes, and one process can address less than 140737488355328",
    ),
    "images smaller than the window": (
        node("MaxPool", "x", "y", kernel_shape=[9, 9]),
        "MaxPool",
        "the window does not fit: it reaches over 9 rows, but the input has 8 with its padding",
    ),
    "images smaller than the filters": (
        node("Conv", "x w", "y"),
        "Conv",
        "the window does not fit: it reaches over 9 rows, but the input has 8 with its padding",
    ),
    "numbers that do not fill rows": (node("Reshape", "x s", "y"), "Reshape", "an example of 192 numbers cannot have the shape (5, -1)"),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_what_a_layer_refuses_is_said_of_its_node(name: str, *, compiled: bool) -> None:
    made, kind, fact = CASES[name]
    weights = {"w": np.zeros((2, 3, 9, 9), np.float32), "s": np.array([0, 5, -1])}
    model = interop.load(file([made], {"x": OPEN}, {key: weights[key] for key in made.input if key in weights}))
    if compiled:
        model.compile("sgd", "mse")
    wanted = f"onnx: node 'y' ({kind}, opset 17): {fact}\n  given inputs of (1, 3, 8, 8)"
    with pytest.raises(DataError, match=f"^{re.escape(wanted)}$"):
        model.predict(np.zeros((1, 3, 8, 8), np.float32))
