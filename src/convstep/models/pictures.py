"""The pictures of a model: its graph, filters, feature maps, saliency, and whom it takes for whom (extra `plot`).

One rule: what is computed is computed here, by the model; `convstep.figures` draws what it is handed.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from convstep.checks import Array, counted, numbers, refusal
from convstep.errors import ArgumentTypeError
from convstep.extras import require
from convstep.layers import InputLayer, Layer, Symbol
from convstep.layers.activations import ActivationFunction
from convstep.models.graph import Graph, call_key
from convstep.models.insight import Insight
from convstep.training.confusion import confusion_matrix

if TYPE_CHECKING:
    from convstep.figures import Picture

EXAMPLES = 12  # mistakes that are drawn beside a confusion matrix
KERNELS = ("kernel", "depthwise_kernel")


class Pictured(Insight):
    """What a model can be drawn as. Every picture is a Matplotlib figure, which a notebook shows and `savefig` writes; none is shown."""

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """Return the layer of that name, or at that place in `layers`."""
        raise NotImplementedError

    def plot(self, *, expand_nested: bool = False, title: str | None = None, theme: str | None = None) -> "Picture":
        """Draw the graph of the model: its layers, the shapes of what they return, and how many numbers they learn.

        Parameters
        ----------
        expand_nested : bool
            Whether the layers of models inside this one are drawn instead of one box for each.
        title : str, optional
        theme : {"light", "dark"}, optional
            The paper; by default what `convstep.figures.use_theme` chose.

        Returns
        -------
        Picture

        Raises
        ------
        ArgumentTypeError
            If the model is not built yet.
        MissingExtraError
            If Matplotlib is not installed.

        Examples
        --------
        >>> from convstep.models import lenet5
        >>> figure = lenet5().plot()
        """
        require("matplotlib", extra="plot", op="plot")
        from convstep.figures import draw_graph  # noqa: PLC0415 - brings Matplotlib

        return draw_graph(graph_nodes(self._graph("plot"), expand_nested=expand_nested), title=title or self.name, theme=theme)

    def plot_filters(self, layer: str | int | None = None, *, title: str | None = None, theme: str | None = None) -> "Picture":
        """Draw the filters of a convolution.

        Parameters
        ----------
        layer : str or int, optional
            Its name, or its place in `layers`; by default the first layer that has filters.
        title : str, optional
        theme : {"light", "dark"}, optional

        Returns
        -------
        Picture

        Raises
        ------
        ShapeError
            If there is no such layer, or it has no filters.
        ArgumentTypeError
            If the model is not built yet.
        MissingExtraError
            If Matplotlib is not installed.

        Examples
        --------
        >>> from convstep.models import lenet5
        >>> figure = lenet5().plot_filters("conv2d")
        """
        require("matplotlib", extra="plot", op="plot_filters")
        from convstep.figures import draw_filters  # noqa: PLC0415 - brings Matplotlib

        self._graph("plot_filters")
        known = {name: kernel for name, item in self.members.items() if (kernel := _kernel(item)) is not None}
        if layer is None and not known:
            raise refusal("plot_filters", "no layer of the model has filters", {"model": self.name})
        chosen = next(iter(known)) if layer is None else self._chosen("plot_filters", layer)
        if chosen not in known:
            have = f"; {', '.join(known)} do" if known else ""
            raise refusal("plot_filters", f'the layer "{chosen}" has no filters{have}', {"layer": layer})
        return draw_filters(known[chosen], title=title or f"{self.name}: the filters of {chosen}", theme=theme)

    def plot_feature_maps(self, x: Any, layer: str | int | None = None, *, title: str | None = None, theme: str | None = None) -> "Picture":
        """Draw what a layer returns for an image.

        Parameters
        ----------
        x : (height, width, channels)
            One input of the model; a grey image may leave the channel out.
        layer : str or int, optional
            Its name, or its place in `layers`; by default the first one with filters, or the first of all.
        title : str, optional
        theme : {"light", "dark"}, optional

        Returns
        -------
        Picture

        Raises
        ------
        ShapeError
            If x is not one input of the model, or there is no such layer, or it does not return one image or one row of numbers.
        ArgumentTypeError
            If x is no array of numbers, or the model is not built yet.
        MissingExtraError
            If Matplotlib is not installed.

        Examples
        --------
        >>> from convstep.data import load_digits
        >>> from convstep.models import lenet5
        >>> (images, labels), _ = load_digits()
        >>> figure = lenet5().plot_feature_maps(images[0] / 255)
        """
        require("matplotlib", extra="plot", op="plot_feature_maps")
        from convstep.figures import draw_feature_maps  # noqa: PLC0415 - brings Matplotlib

        op = "plot_feature_maps"
        outputs = self.layer_outputs(self._one_image(op, x))
        first = next((name for name in outputs if _kernel(self.members[name]) is not None), next(iter(outputs), ""))
        chosen = first if layer is None else self._chosen(op, layer)
        value = outputs.get(chosen)
        if not isinstance(value, np.ndarray) or value.ndim not in (1, 3):
            fact = f'the layer "{chosen}" returns neither one image nor one row of numbers'
            raise refusal(op, fact, {"layer": chosen, "output": value})
        return draw_feature_maps(value, title=title or f"{self.name}: what {chosen} returns for one image", theme=theme)

    def plot_saliency(
        self, x: Any, class_index: int | None = None, *, score: str = "logit", title: str | None = None, theme: str | None = None
    ) -> "Picture":
        """Draw an image beside the gradient of a class score by it; see `saliency`.

        Parameters
        ----------
        x : (height, width, channels)
            One input of the model; a grey image may leave the channel out.
        class_index : int, optional
            Whose score, counted from 0; by default the class that the model predicts.
        score : {"logit", "output"}
            As in `saliency`.
        title : str, optional
        theme : {"light", "dark"}, optional

        Returns
        -------
        Picture

        Raises
        ------
        ShapeError, ArgumentTypeError
            As `saliency` does, or if x is not one image.
        MissingExtraError
            If Matplotlib is not installed.

        Examples
        --------
        >>> from convstep.data import load_digits
        >>> from convstep.models import lenet5
        >>> (images, labels), _ = load_digits()
        >>> figure = lenet5().plot_saliency(images[0] / 255, 5)
        """
        require("matplotlib", extra="plot", op="plot_saliency")
        from convstep.figures import draw_saliency  # noqa: PLC0415 - brings Matplotlib

        op = "plot_saliency"
        image = self._one_image(op, x)
        gradient = self.saliency(image, class_index, score=score)
        (batch,) = self.accept(op, image[None])
        shape = batch.shape[1:]
        if len(shape) != 3:
            raise refusal(op, f"the input of the model is no image: its shape is {shape}", {"x": image})
        if class_index is None:
            class_index = int(self.walk([batch], training=False, remember=False)[0][0].argmax())
        said = title or f"{self.name}: the {score} of class {class_index}, by the image"
        return draw_saliency(image.reshape(shape), gradient.reshape(shape), title=said, theme=theme)

    def plot_confusion(
        self,
        x: Any,
        y: Any,
        *,
        names: Any = None,
        batch_size: int | None = None,
        title: str | None = None,
        theme: str | None = None,
    ) -> "Picture":
        """Draw whom the model takes for whom, and the mistakes that it is surest of.

        Parameters
        ----------
        x : (m, ...)
            Inputs of the model.
        y : (m,) or (m, classes)
            Numbers of classes, or one-hot rows.
        names : sequence of str, optional
            Of the classes.
        batch_size : int, optional
            As in `predict`.
        title : str, optional
        theme : {"light", "dark"}, optional

        Returns
        -------
        Picture

        Raises
        ------
        ShapeError, ArgumentTypeError
            If the model does not return a row of scores for each input, or y does not go with x.
        MissingExtraError
            If Matplotlib is not installed.

        Examples
        --------
        >>> from convstep.data import load_digits
        >>> from convstep.models import lenet5
        >>> _, (images, labels) = load_digits()
        >>> figure = lenet5().plot_confusion(images[:50, :, :, None] / 255, labels[:50])
        """
        require("matplotlib", extra="plot", op="plot_confusion")
        from convstep.figures import draw_confusion  # noqa: PLC0415 - brings Matplotlib

        op = "plot_confusion"
        inputs = numbers(op, "x", x)
        scores = self.predict(inputs, batch_size=batch_size, verbose=0)
        if not isinstance(scores, np.ndarray) or scores.ndim != 2:
            raise refusal(op, "the model must return one row of scores for each input", {"output": scores})
        if scores.shape[1] == 1:  # one score says yes or no
            scores = np.concatenate([1 - scores, scores], axis=1)
        classes, predicted = scores.shape[1], scores.argmax(axis=1)
        matrix = confusion_matrix(y, predicted, classes)
        truth = np.asarray(y)
        truth = truth.argmax(axis=1) if truth.ndim == 2 and truth.shape[1] > 1 else truth.reshape(-1).astype(np.int64)
        wrong = np.flatnonzero(truth != predicted)
        surest = wrong[np.argsort(-scores[wrong, predicted[wrong]], kind="stable")][: EXAMPLES if inputs.ndim in (3, 4) else 0]
        examples = [(inputs[place], int(truth[place]), int(predicted[place])) for place in surest]
        said = title or f"{self.name}: {counted(len(truth), 'image')}"
        return draw_confusion(matrix, names=names, examples=examples, title=said, theme=theme)

    # --- parts ---

    def _chosen(self, op: str, layer: Any) -> str:
        """Return the name of a layer."""
        if isinstance(layer, Layer):
            layer = layer.name
        if not isinstance(layer, str | int) or isinstance(layer, bool):
            raise refusal(op, "layer must be the name of a layer, or its place", {"layer": layer}, kind=ArgumentTypeError)
        return str(self.get_layer(layer).name if isinstance(layer, str) else self.get_layer(index=layer).name)

    def _one_image(self, op: str, x: Any) -> Array:
        batch, single = self._batch(op, self._graph(op), x)
        if not single and len(batch) != 1:
            raise refusal(op, f"x must be one image, not {len(batch)}", {"x": batch})
        image: Array = batch[0]
        return image


def graph_nodes(graph: Graph, *, expand_nested: bool = False) -> list[dict[str, Any]]:
    """Return the calls of the layers as `convstep.figures.draw_graph` takes them."""
    sources = {call_key(symbol): symbol.layer.name for symbol in graph.inputs}
    starts = [(symbol.layer.name, symbol.shape[1:]) for symbol in graph.inputs]
    found: list[dict[str, Any]] = [{"name": name, "kind": "Input", "shape": shape, "inputs": []} for name, shape in starts]
    _add_nodes(found, graph, sources, "", expand_nested=expand_nested)
    return found


def _add_nodes(found: list[dict[str, Any]], graph: Graph, sources: dict[int, str], prefix: str, *, expand_nested: bool) -> None:
    """Append the nodes of a graph; `sources` says under which name each call is known, and learns those of the graph."""
    taken = {node["name"] for node in found}
    for node in graph.described:
        layer: Any = node.layer
        inputs = [sources[call_key(symbol)] for symbol in node.inputs]
        if expand_nested and getattr(layer, "graph", None) is not None and not _has_several_outputs(node):
            inner = dict(zip((call_key(symbol) for symbol in layer.graph.inputs), inputs, strict=True))
            _add_nodes(found, layer.graph, inner, f"{prefix}{layer.name}/", expand_nested=True)
            taken = {item["name"] for item in found}
            sources[call_key(node)] = inner[call_key(layer.graph.outputs[0])]
            continue
        name, number = f"{prefix}{layer.name}", 1
        while name in taken:
            number += 1
            name = f"{prefix}{layer.name}, call {number}"
        taken.add(name)
        sources[call_key(node)] = name
        count = sum(item.value.size for item in layer.parameters) if number == 1 else None
        shape = [symbol.shape[1:] for symbol in layer.outputs] if _has_several_outputs(node) else node.shape[1:]
        found.append({"name": name, "kind": _kind(layer), "shape": shape, "parameters": count, "inputs": inputs})


def _has_several_outputs(node: Symbol) -> bool:
    graph = getattr(node.layer, "graph", None)
    return graph is not None and len(graph.outputs) > 1


def _kind(layer: Any) -> str:
    """Return what a layer is, with the activation inside it."""
    kind, function = str(getattr(layer, "kind", type(layer).__name__)), getattr(layer, "activation", None)
    return f"{kind}, {function.name}" if isinstance(function, ActivationFunction) and function.name != "linear" else kind


def _kernel(layer: Layer) -> Array | None:
    """Return the filters of a layer, if it has some."""
    found = [item.value for item in layer.parameters if item.name in KERNELS and item.value.ndim == 4]
    return found[0] if found and not isinstance(layer, InputLayer) else None
