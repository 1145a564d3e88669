"""The plan of a frozen model: its graph as steps, with normalization, activations and padding made part of what they surround.

One rule: a step owns its weights, so that nobody who trains the model changes the plan.
"""

from collections import Counter
from copy import copy, deepcopy
from typing import Any, cast

import numpy as np

from convstep.checks import Array
from convstep.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Layer,
    LeakyReLU,
    MaxPooling2D,
    PReLU,
    ReLU,
    Softmax,
    Symbol,
    ZeroPadding2D,
)
from convstep.layers.activations import LEAK, ActivationFunction
from convstep.models.graph import Graph, Part, call_key
from convstep.models.predicting.computing import COMPUTE, Step

TYPES = (np.dtype(np.float32), np.dtype(np.float64))
ENGINES_OWN = ("relu", "relu6", "tanh", "sigmoid", "softmax", "silu", "hard_sigmoid", "hard_silu")  # activations without options
FOLDING = (BatchNormalization, Conv2D, Dense, DepthwiseConv2D)  # a normalization that follows is part of their weights
PLAIN = ("", 0.0)  # of an activation that does nothing


class Picked(Layer):
    """One of the outputs of a call that has several."""

    def __init__(self, place: Any) -> None:
        super().__init__()
        self.place = place

    def forward(self, x: Any, **_mode: Any) -> tuple[Any, Any]:
        """Pick it."""
        return x[self.place], None


def planned(graph: Graph) -> tuple[list[Step], list[int]]:
    """Return the steps of a graph, and which values are the outputs: first the inputs are counted, then what the steps give."""
    plan = _Plan(graph)
    for node in graph.described:
        plan.take(node)
    return plan.steps, [plan.place_of(symbol) for symbol in graph.outputs]


class _Plan:
    """The steps so far."""

    def __init__(self, graph: Graph) -> None:
        self.steps: list[Step] = []
        self.inputs = len(graph.inputs)
        self.places = {call_key(symbol): place for place, symbol in enumerate(graph.inputs)}
        self.readers = Counter(call_key(symbol) for node in graph.described for symbol in node.inputs)
        self.readers.update(call_key(symbol) for symbol in graph.outputs)

    def place_of(self, symbol: Symbol) -> int:
        """Return where a value is found; one of several outputs of a call is picked by a step."""
        place = self.places[call_key(symbol)]
        return self.add(Step(Picked(symbol.place), (place,), own=False)) if isinstance(symbol, Part) else place

    def add(self, step: Step) -> int:
        """Append a step, and return the place of what it gives."""
        self.steps.append(step)
        return self.inputs + len(self.steps) - 1

    def take(self, node: Symbol) -> None:
        """Add the call of a layer, or make it part of what is there."""
        reads = tuple(self.place_of(symbol) for symbol in node.inputs)
        before = self._only_reads(node, reads)
        if node.training:
            place = self.add(Step(_frozen(node.layer), reads, own=False, training=True))
        elif isinstance(node.layer, Dropout):
            place = reads[0]
            self.readers[call_key(node)] += self.readers[call_key(node.inputs[0])] - 1
        elif before is not None and _folded(before, node):
            place = reads[0]
        else:
            step = _step(node.layer, reads, rank=len(node.shape))
            step.rank, step.channels = len(node.shape), node.shape[-1] if node.shape else None
            place = self.add(step)
            if before is not None:
                _take_padding(self.steps)
                place = self.inputs + len(self.steps) - 1
        self.places[call_key(node)] = place

    def _only_reads(self, node: Symbol, reads: tuple[int, ...]) -> Step | None:
        """Return the newest step, if that is all that the node reads and nobody else reads it."""
        newest = len(reads) == 1 and reads[0] == self.inputs + len(self.steps) - 1 and len(self.steps) > 0
        return self.steps[-1] if newest and self.readers[call_key(node.inputs[0])] == 1 else None


def _step(layer: Any, reads: tuple[int, ...], *, rank: int) -> Step:
    """Return a layer as a step of its own."""
    if getattr(layer, "recordable", False):
        return Step(_frozen(layer), reads)
    has_activation = hasattr(layer, "activation") and not isinstance(layer, Activation)
    activation = _activation(layer.activation) if has_activation else PLAIN
    own = type(layer) in COMPUTE and activation is not None and layer.dtype in TYPES and _suits(layer, rank)
    if not own:
        return Step(_frozen(layer), reads, own=False)
    if isinstance(layer, Activation | ReLU | LeakyReLU | Softmax):
        activation = _activation(layer.function)
    name, slope = activation or PLAIN
    return Step(layer, reads, weights=_weights(layer), activation=name, slope=slope)


def _frozen(layer: Layer) -> Layer:
    """Return a copy of a layer with weights of its own, which does not know the model around it."""
    alone: Any = copy(layer)
    graph = getattr(alone, "graph", None)
    if isinstance(graph, Graph):  # a model in this one
        alone.graph = graph.with_layers(_frozen)
        return cast("Layer", alone)
    for name in ("input", "output"):
        vars(alone).pop(name, None)
    return cast("Layer", deepcopy(alone))


def _suits(layer: Any, rank: int) -> bool:
    """Return whether kernels alone do what the layer does with these options."""
    if isinstance(layer, Activation | ReLU | LeakyReLU | Softmax):
        return _activation(layer.function) is not None
    if isinstance(layer, BatchNormalization):
        return layer.axis in {-1, rank - 1}
    return bool(getattr(layer, "interpolation", "nearest") == "nearest")


def _activation(function: Any) -> tuple[str, float] | None:
    """Return the name and the slope of an activation that engines have, "" for none, and None for any other."""
    if not isinstance(function, ActivationFunction):
        return None
    options = {word: value for word, value in function.options.items() if (word, value) != ("axis", -1)}
    if function.name == "leaky_relu" and set(options) <= {"negative_slope"}:
        return "leaky_relu", float(options.get("negative_slope", LEAK))
    if function.name == "relu" and set(options) == {"negative_slope"}:
        return "leaky_relu", float(options["negative_slope"])
    if function.name == "relu" and options == {"max_value": 6}:
        return "relu6", 0.0
    if options:
        return None
    return PLAIN if function.name == "linear" else (function.name, 0.0) if function.name in ENGINES_OWN else None


def _weights(layer: Any) -> tuple[Array, Array | None] | None:
    if isinstance(layer, BatchNormalization):
        ones = np.ones(layer.parameter("moving_mean").shape, layer.dtype)
        return normalized(ones, None, layer)
    if isinstance(layer, PReLU):
        return layer.parameter("alpha").copy(), None
    if not isinstance(layer, Conv2D | Conv2DTranspose | DepthwiseConv2D | Dense):
        return None
    kernel = layer.parameters[0].value
    if isinstance(layer, DepthwiseConv2D):
        kernel = kernel.reshape(*kernel.shape[:2], 1, -1)
    return kernel.copy(), layer.parameter("bias").copy() if layer.use_bias else None


def _folded(before: Step, node: Symbol) -> bool:
    """Make a layer part of the step that it follows, and return whether that could be done."""
    layer: Any = node.layer
    if before.activation or not before.own:
        return False
    if isinstance(layer, BatchNormalization) and isinstance(before.layer, FOLDING) and layer.axis in {-1, len(node.shape) - 1}:
        before.weights = normalized(*before.weights, layer) if before.weights is not None else None
        return True
    if isinstance(layer, Activation | ReLU | LeakyReLU | Softmax) and type(before.layer) is not ZeroPadding2D:
        found = _activation(layer.function)
        before.activation, before.slope = found or PLAIN
        return found is not None
    return False


def normalized(w: Array, b: Array | None, layer: Any) -> tuple[Array, Array]:
    """Return filters and bias that normalize what they give: in float64, rounded once."""
    mean, variance = (layer.parameter(name).astype(np.float64) for name in ("moving_mean", "moving_variance"))
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * layer.parameter("gamma")
    shift = (0 if b is None else b) - mean
    bias = shift * scale + (layer.parameter("beta") if layer.center else 0)
    return (w * scale).astype(w.dtype), bias.astype(w.dtype)


def _take_padding(steps: list[Step]) -> None:
    """Make zeros around images the padding of the window that slides over them; they never win a maximum of what is not negative."""
    padding, window = steps[-2:]
    if type(padding.layer) is not ZeroPadding2D or not window.own or getattr(window.layer, "padding", "") != "valid":
        return
    positive = len(steps) > 2 and padding.reads == (window.reads[0] - 1,) and steps[-3].floor
    pools = isinstance(window.layer, MaxPooling2D) and positive and _narrow(padding, window)
    if pools or isinstance(window.layer, Conv2D | DepthwiseConv2D):
        window.sides, window.reads = padding.layer.padding, padding.reads
        steps[-2:] = [window]


def _narrow(padding: Step, window: Step) -> bool:
    """Return whether every window of a pooling still holds a cell of the image."""
    layers: tuple[Any, Any] = padding.layer, window.layer
    return all(max(side) < size for side, size in zip(layers[0].padding, layers[1].pool_size, strict=True))
