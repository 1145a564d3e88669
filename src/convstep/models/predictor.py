"""A model frozen for predictions: batch normalization folded into filters, activations and padding into what they surround.

One rule: the weights are those of the moment at which it was made; whoever trains on makes another one.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np

from convstep.checks import Array, refusal
from convstep.checks import operations as doors
from convstep.engines import current_engine
from convstep.errors import ArgumentTypeError
from convstep.layers import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Layer,
    MaxPooling2D,
    ReLU,
    Reshape,
    Symbol,
    ZeroPadding2D,
)
from convstep.layers.activations import ActivationFunction
from convstep.models.graph import Graph, call_key

Sides: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
SHAPES = 8  # of inputs that programs are kept for
SEED = (1998, 11)  # of the batch that a program is tried on, which must not be the one that it was made with
NONE: Sides = ((0, 0), (0, 0))
ENGINES_OWN = ("relu", "relu6", "tanh", "sigmoid", "softmax")  # activations
TYPES = (np.dtype(np.float32), np.dtype(np.float64))


class Predictor:
    """A frozen copy of a model, made for predictions: called with a batch, it returns the outputs.

    Batch normalization is folded into the filters before it, and padding and activations into what they surround. On the compiled engine
    the layers that are kernels alone are one program for each shape of batch: no Python runs between them.

    Parameters
    ----------
    model : Model
        Built, with one input and one output. Its weights are copied: whoever trains on makes another predictor.

    Raises
    ------
    ArgumentTypeError
        If the model has several inputs or outputs.

    Notes
    -----
    Folding changes the order of a few roundings: results agree with `model.predict` within the precision of the type, not bit by bit.

    The first batch of a shape takes several times as long as the next ones, since its program is recorded and tried. Programs are kept for
    8 shapes, each with memory of its own for what lies between layers. Threads that share a predictor take turns.

    Examples
    --------
    >>> import numpy as np
    >>> import convstep
    >>> model = convstep.models.lenet5()
    >>> predict = convstep.Predictor(model)
    >>> x = np.zeros((2, 28, 28, 1), np.float32)
    >>> predict(x).shape
    (2, 10)
    >>> np.allclose(predict(x), model.predict(x, verbose=0))
    True

    """

    def __init__(self, model: Any) -> None:
        graph = model._graph("Predictor")  # noqa: SLF001 - builds, or says that the model is not built
        if len(graph.inputs) != 1 or len(graph.outputs) != 1:
            fact = f"the model must have one input and one output, not {len(graph.inputs)} and {len(graph.outputs)}"
            raise refusal("Predictor", fact, {"model": model.name}, kind=ArgumentTypeError)
        self._accept = model.accept
        self._shape, self._dtype = tuple(graph.inputs[0].shape[1:]), np.dtype(graph.inputs[0].layer.dtype)
        self._steps, self._result = _planned(graph)
        self._programs: dict[tuple[Any, ...], Callable[[Array], Array]] = {}

    def __call__(self, x: Any) -> Array:
        """Return the outputs for a batch (m, ...), in memory that no later call touches."""
        fits = type(x) is np.ndarray and x.shape[1:] == self._shape and x.dtype == self._dtype
        given = x if fits else self._accept("Predictor", x)[0]
        engine = current_engine()
        # A child of this process has a copy of its memory, which a thread may have been writing to: it records its own.
        key = given.shape, given.dtype, engine.name, engine.correlate, engine.workers(), os.getpid()
        program = self._programs.get(key)
        if program is None:
            if len(self._programs) >= SHAPES:
                self._programs.clear()
            self._programs[key] = program = self._program(given)
        return program(given)

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the programs, which are recorded anew."""
        return {**self.__dict__, "_programs": {}}

    def _program(self, x: Array) -> Callable[[Array], Array]:
        """Return the network as a function: the steps that are engines' kernels in one piece, those behind them one by one."""
        cut = self._cut() if x.dtype in TYPES and x.size else 0

        def first(x: Array) -> Array:
            return _followed(self._steps[:cut], {0: x}, 0)[cut]

        def rest(x: Array) -> Array:
            y = _followed(self._steps[cut:], {cut: x}, cut)[self._result]
            return y.copy() if np.may_share_memory(x, y) else y  # x is the caller's, or lies where the next call writes

        engine = current_engine()
        if cut == 0 or engine.program is None:
            return lambda x: rest(first(x))
        program, turn = engine.program(lambda x: [first(x)], [x], frozen=True), threading.Lock()

        def performed(x: Array) -> Array:
            with turn:
                results = program(x)
                if results is not None:
                    return rest(results[0])
            return rest(first(x))

        other = np.random.default_rng(SEED).standard_normal(x.shape).astype(x.dtype)
        same = np.array_equal(performed(other), rest(first(other)), equal_nan=True)
        return performed if same else lambda x: rest(first(x))  # some step is not made of kernels alone after all

    def _cut(self) -> int:
        """Return how many steps can be one program: kernels all of them, and later steps read nothing but the last one's result."""
        own = next((i for i, step in enumerate(self._steps) if not step.own), len(self._steps))
        for cut in range(own, 0, -1):
            later = {place for step in self._steps[cut:] for place in step.reads} | {self._result}
            if not any(place < cut for place in later):
                return cut
        return 0


@dataclass
class _Step:
    """One computation: what it reads (0 is the input, i + 1 what step i gave)."""

    layer: Layer
    reads: tuple[int, ...]
    own: bool = True  # whether engines' kernels alone do it
    weights: tuple[Array, Array | None] | None = None  # filters and bias
    sides: Sides = NONE  # zeros around what it reads
    activation: str = ""
    training: bool = False  # whether the layer was called to train, whatever the model does

    def __call__(self, *given: Array) -> Array:
        """Compute."""
        compute = _COMPUTE.get(type(self.layer), _as_it_is) if self.own else _as_it_is
        y = compute(self, *given)
        if not self.activation or (self.activation == "relu" and type(self.layer) in FLOORING):
            return y
        engine = current_engine()
        return engine.softmax(y) if self.activation == "softmax" else engine.activate(self.activation, y, 0.0, None)

    @property
    def floor(self) -> bool:
        """Whether negative results become 0 right where they are computed."""
        return self.activation == "relu"


def _followed(steps: Sequence[_Step], results: dict[int, Array], first: int) -> dict[int, Array]:
    """Follow steps, and let every result go after its last reader."""
    left = Counter(place for step in steps for place in step.reads)
    for i, step in enumerate(steps, first + 1):
        given = [results[place] for place in step.reads]
        left.subtract(step.reads)
        for place in step.reads:
            if not left[place]:
                results.pop(place, None)
        results[i] = step(*given)
    return results


# --- the plan ---


def _planned(graph: Any) -> tuple[list[_Step], int]:
    """Return the steps of a graph, and which result is the output."""
    readers = Counter(call_key(symbol) for node in graph.described for symbol in node.inputs)
    readers.update(call_key(symbol) for symbol in graph.outputs)
    places = {call_key(graph.inputs[0]): 0}
    steps: list[_Step] = []
    for node in graph.described:
        reads = tuple(places[call_key(symbol)] for symbol in node.inputs)
        alone = len(reads) == 1 and readers[call_key(node.inputs[0])] == 1 and reads[0] > 0
        before = steps[reads[0] - 1] if alone else None
        if node.training:
            steps.append(_Step(_frozen(node.layer), reads, own=False, training=True))
            places[call_key(node)] = len(steps)
        elif isinstance(node.layer, Dropout):
            places[call_key(node)] = reads[0]
            readers[call_key(node)] += readers[call_key(node.inputs[0])] - 1
        elif before is not None and reads[0] == len(steps) and _folded(before, node):
            places[call_key(node)] = reads[0]
        else:
            steps.append(_step(node.layer, reads))
            if before is not None and reads[0] == len(steps) - 1:
                _take_padding(steps)
            places[call_key(node)] = len(steps)
    return steps, places[call_key(graph.outputs[0])]


def _step(layer: Any, reads: tuple[int, ...]) -> _Step:
    """Return a layer as a step of its own."""
    name = _activation(layer.activation) if hasattr(layer, "activation") and not isinstance(layer, Activation) else ""
    own = type(layer) in _COMPUTE and name is not None and layer.dtype in TYPES and _suits(layer)
    if not own:
        return _Step(_frozen(layer), reads, own=False)
    if isinstance(layer, Activation | ReLU):
        return _Step(layer, reads, activation=_activation(layer.function) or "")
    return _Step(layer, reads, weights=_weights(layer), activation=name or "")


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


def _suits(layer: Any) -> bool:
    """Return whether kernels alone do what the layer does with these options."""
    if isinstance(layer, Activation | ReLU):
        return _activation(layer.function) is not None
    if isinstance(layer, AveragePooling2D):
        return bool(layer.padding == "valid")
    return not isinstance(layer, BatchNormalization)  # that is folded, or left as it is


def _activation(function: Any) -> str | None:
    """Return the name of an activation that engines have, "" for none, and None for any other."""
    if not isinstance(function, ActivationFunction) or function.options:
        return None
    return "" if function.name == "linear" else function.name if function.name in ENGINES_OWN else None


def _weights(layer: Any) -> tuple[Array, Array | None] | None:
    if not isinstance(layer, Conv2D | DepthwiseConv2D | Dense):
        return None
    kernel = layer.parameters[0].value
    if isinstance(layer, DepthwiseConv2D):
        kernel = kernel.reshape(*kernel.shape[:2], 1, -1)
    return kernel.copy(), layer.parameter("bias").copy() if layer.use_bias else None


def _folded(before: _Step, node: Symbol) -> bool:
    """Make a layer part of the step that it follows, and return whether that could be done."""
    layer: Any = node.layer
    if before.activation or not before.own:
        return False
    if isinstance(layer, BatchNormalization) and before.weights is not None and layer.axis in {-1, len(node.shape) - 1}:
        before.weights = _normalized(*before.weights, layer)
        return True
    if isinstance(layer, Activation | ReLU) and type(before.layer) is not ZeroPadding2D:
        before.activation = _activation(layer.function) or ""
        return before.activation != "" or _activation(layer.function) == ""
    return False


def _normalized(w: Array, b: Array | None, layer: Any) -> tuple[Array, Array]:
    """Return filters and bias that normalize what they give: in float64, rounded once."""
    mean, variance = (layer.parameter(name).astype(np.float64) for name in ("moving_mean", "moving_variance"))
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * layer.parameter("gamma")
    shift = (0 if b is None else b) - mean
    bias = shift * scale + (layer.parameter("beta") if layer.center else 0)
    return (w * scale).astype(w.dtype), bias.astype(w.dtype)


def _take_padding(steps: list[_Step]) -> None:
    """Make zeros around images the padding of the window that slides over them; they never win a maximum of what is not negative."""
    padding, window = steps[-2:]
    if type(padding.layer) is not ZeroPadding2D or not window.own or getattr(window.layer, "padding", "") != "valid":
        return
    positive = bool(padding.reads[0]) and steps[padding.reads[0] - 1].floor
    pools = isinstance(window.layer, MaxPooling2D) and positive and _narrow(padding, window)
    if pools or isinstance(window.layer, Conv2D | DepthwiseConv2D):
        window.sides, window.reads = padding.layer.padding, padding.reads
        steps[-2:] = [window]


def _narrow(padding: _Step, window: _Step) -> bool:
    """Return whether every window of a pooling still holds a cell of the image."""
    layers: tuple[Any, Any] = padding.layer, window.layer
    return all(max(side) < size for side, size in zip(layers[0].padding, layers[1].pool_size, strict=True))


# --- what a step computes, on kernels alone ---


def _as_it_is(step: _Step, *given: Array) -> Array:
    layer: Any = step.layer
    y: Array = layer.forward(list(given) if layer.several else given[0], training=step.training)[0]
    return y


def _convolution(step: _Step, x: Array) -> Array:
    layer: Any = step.layer
    w, b = _held(step)
    options = {**layer.window, "groups": x.shape[3] if isinstance(layer, DepthwiseConv2D) else layer.groups}
    if step.sides != NONE:
        options["padding"] = step.sides
    given = doors.convolution("conv2d", x, w, b, options)
    y: Array = current_engine().correlate(given.x, given.w, given.b, given.window, given.groups, floor=step.floor)
    return y


def _held(step: _Step) -> tuple[Array, Array | None]:
    if step.weights is None:
        raise AssertionError(step.layer.name)  # a convolution always has some
    return step.weights


def _dense(step: _Step, x: Array) -> Array:
    w, b = _held(step)
    shape, given = doors.dense("dense", x, w, b)
    y: Array = current_engine().correlate(given.x, given.w, given.b, given.window, 1, floor=step.floor)
    return y.reshape(*shape[:-1], given.w.shape[3])


def _max_pool(step: _Step, x: Array) -> Array:
    layer: Any = step.layer
    padding = layer.padding if step.sides == NONE else step.sides
    options = {"strides": layer.strides, "padding": padding, "dilation_rate": 1, "ceil_mode": False}
    return current_engine().max_pool(x, doors.pooling("max_pool2d", x, layer.pool_size, options).window)


def _average_pool(step: _Step, x: Array) -> Array:
    layer: Any = step.layer
    options = {"strides": layer.strides, "padding": layer.padding, "ceil_mode": False}
    return _mean(x, layer.pool_size, options)


def _global_average(step: _Step, x: Array) -> Array:
    layer: Any = step.layer
    y = _mean(x, x.shape[1:3], {"strides": 1, "padding": "valid", "ceil_mode": False})
    return y if layer.keepdims else y.reshape(x.shape[0], x.shape[3])


def _mean(x: Array, size: Any, options: dict[str, Any]) -> Array:
    window = doors.pooling("average_pool2d", x, size, options).window
    engine = current_engine()
    return engine.times(engine.window_sum(x, window), 1 / (window.height.kernel * window.width.kernel))


def _add(step: _Step, *given: Array) -> Array:
    first, *others = given
    engine = current_engine()
    for i, other in enumerate(others):
        first = engine.plus(first, other, floor=step.floor and i == len(others) - 1)
    return first


def _nothing(_step: _Step, x: Array) -> Array:
    return x


_COMPUTE: dict[type, Callable[..., Array]] = {
    Activation: _nothing,
    Add: _add,
    AveragePooling2D: _average_pool,
    Conv2D: _convolution,
    Dense: _dense,
    DepthwiseConv2D: _convolution,
    Flatten: _as_it_is,
    GlobalAveragePooling2D: _global_average,
    MaxPooling2D: _max_pool,
    ReLU: _nothing,
    Reshape: _as_it_is,
}
FLOORING = (Add, Conv2D, Dense, DepthwiseConv2D)  # their kernels end with the floor of a "relu"
