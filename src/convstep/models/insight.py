"""What one image does inside a model: the output of every layer, and the gradient of one score by each of them.

One rule: nothing of the model changes, no weight and no moving average; every walk here is one in inference.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np

from convstep.checks import Array, counted, numbers, one_of, refusal, shown, whole
from convstep.errors import ArgumentTypeError
from convstep.layers import Layer, Symbol
from convstep.layers.activations import ActivationFunction, linear
from convstep.layers.base import Shape
from convstep.models.graph import Graph, Part
from convstep.models.trainer import Trainer

SQUASHED = ("softmax", "log_softmax", "sigmoid")  # what turns logits into probabilities
SCORES = ("logit", "output")


class Insight(Trainer):
    """What a model can say about one image, or about each image of a batch."""

    members: dict[str, Layer]

    def _graph(self, op: str) -> Graph:
        raise NotImplementedError

    def layer_outputs(self, x: Any) -> dict[str, Any]:
        """Return what every layer makes of an image.

        Parameters
        ----------
        x : (height, width, channels) or (m, height, width, channels)
            One input of the model, or a batch of them; grey images may leave the channel out.

        Returns
        -------
        dict of str to array
            By the names of the layers, in Keras's order; without the batch if x has none. A layer that is used several times: its last
            output. A layer with several outputs: a list or a dict of them.

        Raises
        ------
        ShapeError
            If x is not an input of the model, or the model has several.
        ArgumentTypeError
            If x is no array of numbers, or the model is not built yet.
        """
        graph = self._graph("layer_outputs")
        batch, single = self._batch("layer_outputs", graph, x)
        values, _ = Graph(graph.inputs, graph.nodes).forward([batch], training=False, rng=None, remember=False)
        names = self._layer_names()
        return {names[id(node.layer)]: _plain(value, single=single) for node, value in zip(graph.nodes, values, strict=True)}

    def saliency(self, x: Any, class_index: Any = None, *, score: str = "logit") -> Array:
        """Return the gradient of one class score by the image: which pixels would change it, and how.

        Simonyan, Vedaldi and Zisserman 2013, Deep inside convolutional networks, section 3, where the picture shows its magnitude.

        Parameters
        ----------
        x : (height, width, channels) or (m, height, width, channels)
            One input of the model, or a batch of them; grey images may leave the channel out.
        class_index : int or (m,), optional
            Whose score, counted from 0: one class for all images or one for each. By default the class that the model predicts.
        score : {"logit", "output"}
            The number that a final softmax or sigmoid is given, or what the model returns. A sure model hardly changes what it returns, so
            its logit says more. They are the same where the model ends otherwise.

        Returns
        -------
        gradient
            Of the shape of x.

        Raises
        ------
        ShapeError
            If x is not an input of the model, there is no such class, or the model has not one input and one row of scores for each.
        ArgumentTypeError
            If an argument is of another kind, or the model is not built yet.

        Examples
        --------
        >>> import numpy as np
        >>> from convstep import Input, Sequential, layers
        >>> model = Sequential([Input((2,)), layers.Dense(3, "softmax")])
        >>> model.set_weights([[[1, 2, 3], [4, 5, 6]], [0, 0, 0]])
        >>> model.saliency([0.5, 0.5], 1)
        array([2., 5.], dtype=float32)
        """
        gradients = self._backwards("saliency", x, class_index, score)
        gradient: Array = next(iter(gradients.values()))
        return gradient.reshape(np.shape(x))

    def score_gradients(self, x: Any, class_index: Any = None, *, score: str = "logit") -> dict[str, Any]:
        """Return the gradient of one class score by the image and by the output of every layer.

        Parameters
        ----------
        x, class_index, score
            As in `saliency`.

        Returns
        -------
        dict of str to array
            First that of the image, under the name of the input layer; then those of the layers that the score depends on, each of the
            shape of `layer_outputs`. A layer that is used several times: the gradient by its last output. What a logit leaves out, such
            as a `Softmax` layer at the end, is left out.

        Raises
        ------
        ShapeError, ArgumentTypeError
            As in `saliency`.
        """
        return self._backwards("score_gradients", x, class_index, score)

    # --- parts ---

    def _backwards(self, op: str, x: Any, class_index: Any, score: str) -> dict[str, Any]:
        graph, names = self._graph(op), self._layer_names()
        batch, single = self._batch(op, graph, x)
        if len(graph.outputs) > 1:
            fact = f"the model has {len(graph.outputs)} outputs, and a score is one number of one of them"
            raise refusal(op, fact, {"model": self.name}, "Model(model.inputs, model.outputs[0])")
        (end,) = graph.outputs
        if one_of(op, "score", score, SCORES) == "logit":
            end = _unsquashed(end, names)
        walked = Graph(graph.inputs, [end])
        (scores,), caches = walked.forward([batch], training=False, rng=None, remember=True)
        seed = np.zeros_like(scores)
        seed[np.arange(len(scores)), _classes(op, class_index, scores)] = 1
        found: dict[str, Array] = {}
        (received,), _ = walked.backward(
            [seed], caches, to_inputs=True, watch=lambda node, dy: found.setdefault(names[id(node.layer)], _plain(dy, single=single))
        )
        start = np.zeros_like(batch) if received is None else received
        order = [names[id(node.layer)] for node in walked.nodes]
        return {graph.inputs[0].layer.name: _plain(start, single=single), **{name: found[name] for name in order if name in found}}

    def _batch(self, op: str, graph: Graph, x: Any) -> tuple[Array, bool]:
        """Return x as a batch, and whether it was one input alone."""
        if len(graph.inputs) > 1:
            raise refusal(op, f"the model has {len(graph.inputs)} inputs, not one image", {"model": self.name})
        array, (_, *inner) = numbers(op, "x", x), graph.inputs[0].shape
        single = _fits(array.shape, inner) or (inner[-1:] == [1] and _fits(array.shape, inner[:-1]))
        (batch,) = self.accept(op, array[None] if single else array)
        return batch, single

    def _layer_names(self) -> dict[int, str]:
        return {id(layer): name for name, layer in self.members.items()}


def _unsquashed(end: Symbol, names: dict[int, str]) -> Symbol:
    """Return the output without a softmax or sigmoid at its end."""
    layer: Any = end.layer
    if isinstance(end, Part):
        return end
    if _squashes(getattr(layer, "function", None)):
        return end.inputs[0]
    other = copy(layer)
    if getattr(layer, "graph", None) is not None and len(layer.graph.outputs) == 1:  # a model at the end of a model
        other.graph = Graph(layer.graph.inputs, [_unsquashed(layer.graph.outputs[0], {})])
    elif _squashes(getattr(layer, "activation", None)):
        other.activation = linear
    else:
        return end
    if id(layer) in names:
        names[id(other)] = names[id(layer)]
    return replace(end, layer=other)


def _squashes(function: Any) -> bool:
    return isinstance(function, ActivationFunction) and function.name in SQUASHED


def _classes(op: str, class_index: Any, scores: Array) -> Any:
    """Return the number of a class, or one for each image."""
    if scores.ndim != 2:
        fact = f"the model must return one row of scores for each image, but its output has the shape {(None, *scores.shape[1:])}"
        raise refusal(op, fact, {"output": scores})
    m, classes = scores.shape
    if class_index is None:
        return scores.argmax(axis=1) if classes else 0
    if np.ndim(class_index) == 0:
        given = [whole(op, "class_index", class_index, 0)]
    else:
        read = numbers(op, "class_index", class_index)
        if read.shape != (m,) or read.dtype.kind not in "ui":
            fact = f"class_index must be one whole number, or one for each of {counted(m, 'image')}, not {shown(read)} of {read.dtype}"
            raise refusal(op, fact, {"class_index": class_index}, kind=ArgumentTypeError)
        given = [whole(op, "class_index", item, 0) for item in read]
    for item in given:
        if item >= classes:
            raise refusal(op, f"there is no class {item}: they count from 0 to {classes - 1}", {"class_index": class_index})
    return given if np.ndim(class_index) else given[0]


def _fits(shape: Shape, wanted: Sequence[int | None]) -> bool:
    return len(shape) == len(wanted) and all(b in (None, a) for a, b in zip(shape, wanted, strict=True))


def _plain(value: Any, *, single: bool) -> Any:
    """Return an array that is nobody else's, or the parts of several, without the batch if there was none."""
    if isinstance(value, dict):
        return {key: _plain(item, single=single) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, single=single) for item in value]
    return np.array(value[0] if single else value)
