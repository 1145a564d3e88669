"""Matrix products with weights that are known, as dense layers.

One rule: where images were flattened channels first, the rows of the weights are put in the order of our images, and nothing is transposed.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from convstep.checks import Array
from convstep.interop.onnx.importing import FLOATS, Importing
from convstep.interop.onnx.records import Node
from convstep.interop.onnx.values import Value
from convstep.layers import Dense, Flatten, Permute, Reshape, Symbol

MATRIX = 2  # axes


def gemm(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return alpha x W + beta c."""
    x, w = given[0], given[1]
    if x is None or w is None or w.numbers is None or w.axes != MATRIX or x.axes != MATRIX or node.get("transA", 0):
        return None
    c = given[2] if len(given) > 2 else None
    if c is not None and (c.numbers is None or c.dtype != x.dtype or c.axes > MATRIX or (c.axes == MATRIX and c.numbers.shape[0] != 1)):
        return None
    kernel = w.numbers.T if node.get("transB", 0) else w.numbers
    bias: dict[str, Array] = {}
    if c is not None and c.numbers is not None and node.get("beta", 1.0):
        if c.numbers.size not in {1, kernel.shape[1]}:
            return None
        bias["bias"] = np.broadcast_to(c.numbers.reshape(-1), (kernel.shape[1],)) * w.dtype.type(node.get("beta", 1.0))
    alpha = node.get("alpha", 1.0)
    return _dense(made, node, x, {"kernel": kernel if alpha == 1 else kernel * w.dtype.type(alpha), **bias})


def matmul(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return x W."""
    x, w = given
    if x is None or w is None or w.numbers is None or w.axes != MATRIX or x.axes < MATRIX:
        return None
    return _dense(made, node, x, {"kernel": w.numbers})


def _dense(made: Importing, node: Node, x: Value, weights: Mapping[str, Array]) -> Value | None:
    kernel = weights["kernel"]
    if x.dtype not in FLOATS or kernel.dtype != x.dtype or x.constant is not None or not x.sizes or x.sizes[-1] != kernel.shape[0]:
        return None
    order = tuple(range(x.axes))
    symbol = made.arranged(x, order)
    if x.axes == MATRIX and made.alone(node.inputs[0]):
        symbol, rows = _unpermuted(made, node, symbol)
        kernel = kernel if rows is None else kernel[rows]
    layer = Dense(kernel.shape[1], use_bias="bias" in weights, kernel_initializer="zeros", dtype=x.dtype)
    return made.value(node, made.call(node, layer, [symbol], {**weights, "kernel": kernel}), order, x)


def _unpermuted(made: Importing, node: Node, symbol: Symbol) -> tuple[Symbol, Array | None]:
    """Return features as they are without the transposition before they were flattened, and the order of the weights' rows for that."""
    flat: Any = symbol.layer
    before = symbol.inputs[0] if isinstance(flat, Flatten | Reshape) else None
    layer: Any = before.layer if before is not None else None
    if before is None or not isinstance(layer, Permute) or any(size is None for size in before.shape[1:]):
        return symbol, None
    sizes = [size or 0 for size in before.shape[1:]]  # as the weights expect them
    rows = np.arange(math.prod(sizes)).reshape(sizes).transpose(np.argsort(layer.dims)).ravel()
    return made.call(Node("Flatten", node.opset, f"{node.name}_flatten"), Flatten(), [before.inputs[0]]), rows


LOWERINGS = {"Gemm": gemm, "MatMul": matmul}
