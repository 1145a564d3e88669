"""Operators that do the same to every number, as layers: the order of axes stays what it is."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from convstep.interop.onnx.importing import FLOATS, Importing
from convstep.interop.onnx.records import Node
from convstep.interop.onnx.values import Value
from convstep.layers import ELU, Activation, Layer, LeakyReLU, ReLU, Rescaling, Softmax, activations

SIX = 6.0
SELU_ALPHA, SELU_SCALE = 1.67326319217681884765625, 1.05070102214813232421875  # as ONNX says


def _pointwise(make: Callable[[Node, Sequence[Value | None]], Layer | None]) -> Callable[..., Value | None]:
    """Return a lowering: `make` returns the layer, or None where there is none."""

    def lowering(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
        x = given[0]
        layer = None if x is None or x.axes < 1 or x.dtype not in FLOATS or x.constant is not None else make(node, given)
        if x is None or layer is None:
            return None
        layer.dtype = x.dtype
        return made.value(node, made.call(node, layer, [made.symbol(x)]), x.order, x)

    return lowering


def _clip(node: Node, given: Sequence[Value | None]) -> Layer | None:
    """Return ReLU with its largest number, which is that of the type if the file has none, if zero is the least."""
    largest = float(np.finfo(given[0].dtype).max) if given[0] is not None else np.inf
    if node.opset < 11:
        least, most = node.get("min", -np.inf), node.get("max", largest)
    else:
        ends = [value.numbers if value is not None else None for value in [*given[1:], None, None][:2]]
        if any(end is None and value is not None for end, value in zip(ends, given[1:], strict=False)):
            return None
        least = -np.inf if ends[0] is None else float(ends[0].ravel()[0])
        most = largest if ends[1] is None else float(ends[1].ravel()[0])
    if least != 0 or not most >= 0:
        return None
    return Activation("relu6") if most == SIX else ReLU() if most == np.inf else ReLU(max_value=float(most))


def hard_sigmoid(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return Keras's, if the slope is a sixth, else a line that is cut off at 0 and 1."""
    found = _hard_sigmoid_of_keras(made, node, given)
    x = given[0]
    if found is not None or x is None or x.axes < 1 or x.dtype not in FLOATS or x.constant is not None:
        return found
    line = Rescaling(node.get("alpha", 0.2), node.get("beta", 0.5), dtype=x.dtype)
    symbol = made.call(Node("Mul", node.opset, f"{node.name}_line"), line, [made.symbol(x)])
    return made.value(node, made.call(node, ReLU(max_value=1.0, dtype=x.dtype), [symbol]), x.order, x)


def _hard_sigmoid(node: Node, _given: Sequence[Value | None]) -> Layer | None:
    """Return Keras's, if the slope is a sixth."""
    slope, middle = node.get("alpha", 0.2), node.get("beta", 0.5)
    return Activation("hard_sigmoid") if np.float32(slope) == np.float32(1 / 6) and middle == 0.5 else None


def _selu(node: Node, _given: Sequence[Value | None]) -> Layer | None:
    """Return Keras's, if the numbers are those that keep mean and variance."""
    numbers = node.get("alpha", SELU_ALPHA), node.get("gamma", SELU_SCALE)
    return Activation("selu") if np.allclose(numbers, (SELU_ALPHA, SELU_SCALE), rtol=1e-6, atol=0) else None


def _gelu(node: Node, _given: Sequence[Value | None]) -> Layer:
    return Activation(activations.gelu.using(approximate=node.get("approximate", "none") == "tanh"))


def softmax(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return softmax along an axis; before opset 13 it goes over all axes from one on, which is the same for the last axis alone."""
    x = given[0]
    if x is None or x.axes < 2 or x.dtype not in FLOATS or x.constant is not None:
        return None
    axis = node.get("axis", 1 if node.opset < 13 else -1)
    if not -x.axes <= axis < x.axes:
        return None
    flattened = node.opset < 13 and any(size != 1 for size in (x.sizes or ())[axis % x.axes + 1 :])
    if flattened:
        return None
    place = x.place(axis)
    place = -1 if place == x.axes - 1 else place
    layer: Layer
    if node.kind == "Softmax":
        layer = Activation("softmax") if place == -1 else Softmax(axis=place)
    else:
        layer = Activation(activations.log_softmax.using(axis=place) if place != -1 else "log_softmax")
    layer.dtype = x.dtype
    return made.value(node, made.call(node, layer, [made.symbol(x)]), x.order, x)


def dropped(_made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return the input itself: nothing is done in inference."""
    training = given[2].numbers if len(given) > 2 and given[2] is not None else np.zeros(1)
    x = given[0]
    if x is None or len([name for name in node.outputs if name]) > 1 or training is None or training.any():
        return None
    if x.constant is not None and x.numbers is None and x.symbol is None:
        return None  # lengths that are asked for as numbers
    return Value(x.sizes, x.dtype, x.symbol, x.order, x.constant, x.origin, x.arranged)


def _named(name: str) -> Callable[[Node, Sequence[Value | None]], Layer]:
    return lambda _node, _given: Activation(name)


_hard_sigmoid_of_keras = _pointwise(_hard_sigmoid)
MAKERS: dict[str, Callable[[Node, Sequence[Value | None]], Any]] = {
    "Celu": lambda node, _given: Activation(activations.celu.using(alpha=float(node.get("alpha", 1.0)))),
    "Clip": _clip,
    "Exp": _named("exponential"),
    "Elu": lambda node, _given: ELU(alpha=float(node.get("alpha", 1.0))),
    "Gelu": _gelu,
    "HardSwish": _named("hard_silu"),
    "LeakyRelu": lambda node, _given: LeakyReLU(float(node.get("alpha", 0.01))) if node.get("alpha", 0.01) >= 0 else None,
    "Mish": _named("mish"),
    "Relu": lambda _node, _given: ReLU(),
    "Selu": _selu,
    "Sigmoid": _named("sigmoid"),
    "Softplus": _named("softplus"),
    "Softsign": _named("softsign"),
    "Tanh": _named("tanh"),
}
LOWERINGS = {
    **{kind: _pointwise(make) for kind, make in MAKERS.items()},
    "Dropout": dropped,
    "HardSigmoid": hard_sigmoid,
    "Identity": dropped,
    "LogSoftmax": softmax,
    "Softmax": softmax,
}
