"""A model that is one layer after the other, built when the shape of its input is known."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

import numpy as np

from convstep.checks import refusal
from convstep.errors import ArgumentTypeError
from convstep.layers import InputLayer, Layer, Symbol
from convstep.models.architecture import KINDS, Builder, class_name
from convstep.models.model import Model
from convstep.models.naming import number_layers
from convstep.models.structure import Structure
from convstep.training.batches import Samples


class Sequential(Model):
    """A chain of layers.

    Parameters
    ----------
    layers : iterable of Layer, optional
        The first may be `Input(shape)`, or a layer with an `input_shape`: then the model is built at once. Otherwise it is built when it
        first meets data.
    name : str, optional
    """

    kind: ClassVar[str] = "Sequential"

    def __init__(self, layers: Iterable[Any] | None = None, *, name: str | None = None, trainable: bool = True) -> None:
        self.chain: list[Layer] = []
        self.start: InputLayer | None = None
        super().__init__(name=name, trainable=trainable)
        self.input_structure = self.output_structure = Structure(1)
        for layer in layers or ():
            self._append(layer)
        self._rebuild()
        if not trainable:
            self.trainable = False

    @property
    def layers(self) -> list[Layer]:
        """The layers, without that of the input."""
        return list(self.chain)

    def add(self, layer: Any) -> None:
        """Append a layer."""
        self._append(layer)
        self._rebuild()

    def pop(self) -> Layer:
        """Remove the last layer and return it."""
        if not self.chain:
            raise refusal("pop", "there is no layer left", {"model": self.name})
        layer = self.chain.pop()
        self._rebuild()
        return layer

    def build(self, input_shape: Any) -> None:
        """Build the model for inputs of this shape, None for the batch."""
        shape = input_shape[0] if isinstance(input_shape, list) and len(input_shape) == 1 else input_shape
        if self.start is None:
            self.start = InputLayer(batch_shape=(None, *shape[1:]))
        self._rebuild()

    def prepare(self, x: Any) -> None:
        """Build the model for these inputs, if it is not built yet."""
        if self.graph is None:
            if not self.chain:
                raise refusal(self.name, "the model has no layers: add some", {"model": self.name}, kind=ArgumentTypeError)
            _, items = Structure.of(Samples.of(x, op=self.name).x)
            if len(items) != 1:
                fact = f"the model takes one input, not {len(items)}"
                raise refusal(self.name, fact, {"x": tuple(np.shape(item) for item in items)})
            self.build((None, *np.shape(items[0])[1:]))

    def ensure_built(self, input_shape: Any) -> None:
        """Build the model if need be, and check the shape."""
        if self.graph is None:
            self.build(input_shape)
        super().ensure_built(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the model as plain data: its layers in order, and the shape of its input."""
        listed = [{"class_name": class_name(layer), "config": {**layer.get_config(), "name": layer.name}} for layer in self.chain]
        start = None if self.start is None else self.start.get_config()
        return {"name": self.name, "trainable": self.trainable, "layers": listed, "input": start}

    @classmethod
    def rebuilt(cls, config: Mapping[str, Any], builder: Builder) -> Self:
        """Make the model again with a builder that knows the classes, and how much may be allocated."""
        start = config.get("input")
        first = [] if start is None else [builder.layer({"class_name": "InputLayer", "config": start})]
        chain = [builder.layer(item) for item in config["layers"]]
        return cls([*first, *chain], name=config.get("name"), trainable=bool(config.get("trainable", True)))

    # --- parts ---

    def _append(self, layer: Any) -> None:
        layer = layer.layer if isinstance(layer, Symbol) and isinstance(layer.layer, InputLayer) else layer
        if not isinstance(layer, Layer):
            raise refusal("Sequential", "only layers can be added", {"layer": layer}, kind=ArgumentTypeError)
        if isinstance(layer, InputLayer):
            if self.chain or self.start is not None:
                raise refusal("Sequential", "an input can only come first", {"input": layer.batch_shape})
            self.start = layer
            return
        if layer in self.chain:
            raise refusal("Sequential", f'the layer "{layer.name}" is in the model already', {"layer": layer.name})
        if not self.chain and self.start is None:
            self.start = _start_of(layer)
        self.chain.append(layer)

    def _rebuild(self) -> None:
        """Describe the graph anew, if the input is known."""
        self.graph, self.built = None, False
        number_layers(self.chain)
        self.members = {item.name: item for item in self.chain}
        self.parameters = []
        self.objective = None
        if self.start is None or not self.chain:
            return
        symbol: Any = self.start.output
        first = symbol
        for layer in self.chain:
            symbol = layer([symbol] if layer.several else symbol)
            if not isinstance(symbol, Symbol):
                raise refusal("Sequential", f'the layer "{layer.name}" has several outputs', {"layer": layer.name})
        self._describe(first, symbol)
        self.members = {item.name: item for item in self.chain}


def _start_of(layer: Layer) -> InputLayer | None:
    """Return the input that a first layer asks for, if it does."""
    if isinstance(layer, Model) and layer.graph is not None and len(layer.inputs) == 1:
        return InputLayer(batch_shape=layer.inputs[0].shape, dtype=layer.inputs[0].layer.dtype)
    return None if layer.input_shape is None else InputLayer(layer.input_shape, dtype=layer.dtype)


KINDS["Sequential"] = Sequential
