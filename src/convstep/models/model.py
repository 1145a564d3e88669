"""A model: a graph of layers, which is a layer itself.

One rule: inside a model its layers have names of their own, numbered in the order in which the graph is described (conv2d, conv2d_1, ...),
so that they are the same on every run whatever else the process has made.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from convstep.checks import Array, numbers, refusal
from convstep.errors import ArgumentTypeError
from convstep.layers import InputLayer, Layer, Parameter, Symbol
from convstep.layers.base import Gradients, Shape
from convstep.models import saving
from convstep.models.architecture import KINDS, Builder, graph_config
from convstep.models.exploring import explore_model
from convstep.models.exporting import export_model
from convstep.models.graph import Graph, Part
from convstep.models.naming import number_layers
from convstep.models.pictures import Pictured
from convstep.models.structure import Structure
from convstep.models.summary import print_summary


class Model(Pictured):
    """A graph of layers with any number of inputs and outputs. It can be called like a layer, in other models too.

    Parameters
    ----------
    inputs, outputs : Symbol, list of Symbol or dict of str to Symbol
        Where the graph begins and ends. In that form data comes and goes.
    name : str, optional

    Attributes
    ----------
    layers : list of Layer
        In Keras's order. It is also the order of the weights.
    """

    several: ClassVar[bool] = True
    kind: ClassVar[str] = "Functional"  # what Keras calls it, and a name begins with
    graph: Graph | None = None

    def __init__(self, inputs: Any = None, outputs: Any = None, *, name: str | None = None, trainable: bool = True) -> None:
        self.members: dict[str, Layer] = {}
        self.notes: Mapping[str, Any] = {}  # what `save` was given to write beside the model
        super().__init__(name=name or self.kind.lower(), trainable=trainable)
        self.named = name is not None
        if type(self) is Model or inputs is not None:
            self._describe(inputs, outputs)
            if not trainable:
                self.trainable = False

    # --- what it is made of ---

    @property
    def layers(self) -> list[Layer]:
        """Every layer once, in Keras's order."""
        return list(self.members.values())

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """Return the layer of that name, or at that place in `layers`."""
        layers = self.layers
        if index is not None:
            if -len(layers) <= index < len(layers):
                return layers[index]
            raise refusal("get_layer", f"there are {len(layers)} layers, none at {index}", {"index": index})
        known = self._names()
        if name in known:
            return known[name]
        raise refusal("get_layer", f'there is no layer "{name}"; there are {", ".join(known)}', {"name": name})

    @property
    def inputs(self) -> list[Symbol]:
        """The symbols that the graph begins with."""
        return list(self._graph("inputs").inputs)

    @property
    def outputs(self) -> list[Symbol]:
        """The symbols that the graph ends with."""
        return list(self._graph("outputs").outputs)

    @property
    def input(self) -> Any:
        """The inputs, grouped as they were given."""
        return self.input_structure.pack(self.inputs)

    @property
    def output(self) -> Any:
        """The outputs, grouped as they were given."""
        return self.output_structure.pack(self.outputs)

    @property
    def output_shape(self) -> Any:
        """The shapes of the outputs, None for the batch."""
        return self.output_structure.pack([symbol.shape for symbol in self.outputs])

    @property
    def trainable(self) -> bool:
        """Whether an optimizer may change the parameters. Setting it sets it for every layer, as in Keras."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self.layers:
            layer.trainable = bool(value)

    @property
    def trainable_parameters(self) -> list[Parameter]:
        """The parameters that an optimizer may change, each once."""
        found = [item for layer in self.layers for item in layer.trainable_parameters] if self.trainable else []
        return list({id(item): item for item in found}.values())

    def named_parameters(self) -> dict[str, Parameter]:
        """Return the parameters by their paths, such as "conv2d/kernel"; one that is shared may have several."""
        found: dict[str, Parameter] = {}
        for name, layer in self._names().items():
            inner = layer.named_parameters() if isinstance(layer, Model) else {item.name: item for item in layer.parameters}
            found |= {f"{name}/{path}": item for path, item in inner.items()}
        return found

    def count_params(self) -> int:
        """Return how many numbers the parameters hold."""
        self._graph("count_params")
        return super().count_params()

    def summary(
        self, line_length: int | None = None, print_fn: Any = None, *, expand_nested: bool = False, show_trainable: bool = False
    ) -> None:
        """Print the layers, the shapes of their outputs and their parameters, as Keras prints them.

        Parameters
        ----------
        line_length : int, optional
            Width in characters.
        print_fn : callable, optional
            Gets the text instead of the terminal.
        expand_nested, show_trainable : bool
            Whether to list the layers of models inside this one; whether each layer is trained.
        """
        print_summary(self, line_length=line_length, print_fn=print_fn, expand_nested=expand_nested, show_trainable=show_trainable)

    # --- the contract of a layer ---

    def __call__(self, x: Any, *, training: bool | None = None) -> Any:
        """Describe a graph when given symbols; compute, as in inference unless `training`, when given arrays."""
        _, items = Structure.of(x)
        if items and all(isinstance(item, Symbol) for item in items):
            return self._described(x, training=training)
        self.prepare(x)
        arrays = self.accept(self.name, x)
        outputs, memory = self.walk(arrays, training=bool(training), remember=bool(training))
        if training:
            self.update(memory)
        return self.output_structure.pack(outputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output, or the shapes grouped as the outputs are."""
        single = isinstance(input_shape, tuple) and not any(isinstance(size, tuple) for size in input_shape)
        shapes = [input_shape] if single else self.input_structure.flat(self.name, "input_shape", input_shape, self.input_names)
        return self.output_structure.pack(self._shapes([tuple(shape) for shape in shapes]))

    def forward(self, x: Any, *, training: bool = False, rng: np.random.Generator | None = None) -> tuple[Any, Any]:
        """Return the outputs, and the caches of all calls."""
        outputs, caches = self.walk(self.accept(self.name, x), training=training, rng=rng)
        return self.output_structure.pack(outputs), (caches, [symbol.shape for symbol in self.inputs], x)

    def backward(self, dy: Any, cache: Any, *, to_x: bool = True) -> tuple[Any, Gradients]:
        """Return the gradients of the inputs, grouped as they are (None if not `to_x`), and those of the trainable parameters by paths.

        A dict of gradients may leave outputs out: nothing flows back from them.
        """
        caches, _, x = cache
        places = self.output_structure.places
        if isinstance(dy, Mapping):
            gradients = [dy.get(place) for place in places]
        else:
            gradients = self.output_structure.flat(self.name, "dy", dy, self.output_names)
        graph = self._graph("backward")
        received, totals = graph.backward(gradients, list(caches), to_inputs=to_x)
        prefixed = {
            f"{name}/{path}": gradient for name, layer in self._names().items() for path, gradient in totals.get(id(layer), {}).items()
        }
        if not to_x:
            return None, prefixed
        arrays = self.input_structure.flat(self.name, "x", x, self.input_names)
        dx = [np.zeros_like(array) if item is None else item for item, array in zip(received, arrays, strict=True)]
        return self.input_structure.pack(dx), prefixed

    def update(self, cache: Any) -> None:
        """Carry what a training pass saw into layers such as batch normalization."""
        for layer, seen in self.noting(cache):
            layer.update(seen)

    def noting(self, memory: Any) -> list[tuple[Layer, Any]]:
        """Return, with their caches, the layers that take note of a training pass."""
        return self._graph("update").noting(memory[0] if isinstance(memory, tuple) else memory)

    def get_config(self) -> dict[str, Any]:
        """Return the model as plain data: its layers and how they are connected."""
        return graph_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Make the model again from what `get_config` returned, with new weights."""
        return cls.rebuilt(config, Builder(custom_objects))

    @classmethod
    def rebuilt(cls, config: Mapping[str, Any], builder: Builder) -> Self:
        """Make the model again with a builder that knows the classes, and how much may be allocated."""
        inputs, outputs = builder.graph(config)
        return cls(inputs, outputs, name=config.get("name"), trainable=bool(config.get("trainable", True)))

    # --- files ---

    def save(self, path: Any, *, include_optimizer: bool = True, notes: Mapping[str, Any] | None = None) -> None:
        """Write the model into one file, or into a folder if the path has no suffix; see `convstep.models.saving`."""
        saving.save_model(self, path, include_optimizer=include_optimizer, notes=notes)

    def export(self, path: Any, format: str | None = None, **options: Any) -> None:  # noqa: A002 - Keras's argument
        """Write the model for other tools, in the format of the path's suffix, such as "m.onnx"; see `convstep.interop` for each."""
        self._graph("export")
        export_model(self, path, format, **options)

    def save_weights(self, path: Any) -> None:
        """Write the weights alone into one file, as safetensors."""
        saving.save_weights(self, path)

    def load_weights(self, path: Any) -> None:
        """Read weights that `save_weights` or `save` wrote; all of them fit, or none is changed."""
        saving.load_weights(self, path)

    # --- pictures ---

    def explore(self, image: Any = None, *, language: str | None = None, theme: str | None = None) -> Any:
        """Show the model in the explorer, layer by layer: on this image (H, W, C), or on what the visitor draws. See `convstep.explore`.

        Raises
        ------
        ShapeError
            If the image is of another shape than the model takes.
        DataError
            If the explorer cannot show the model: see `convstep.models.exploring.as_network`.
        """
        self._graph("explore")
        return explore_model(self, image, language=language, theme=theme)

    # --- for the trainer ---

    def accept(self, op: str, x: Any) -> list[Array]:
        """Return inputs as a flat list of arrays of the types and shapes that the graph begins with."""
        graph = self._graph(op)
        items = self.input_structure.flat(op, "x", x, self.input_names)
        return [self._accepted(op, symbol, item) for symbol, item in zip(graph.inputs, items, strict=True)]

    def walk(
        self, arrays: list[Array], *, training: bool, rng: np.random.Generator | None = None, remember: bool = True
    ) -> tuple[list[Array], list[Any]]:
        """Return the outputs as a flat list, and the memory of the walk."""
        return self._graph("forward").forward(arrays, training=training, rng=rng, remember=remember)

    def train_walk(self, arrays: list[Array], rng: np.random.Generator) -> tuple[list[Array], list[Any]]:
        """Return the outputs, and the memory of a walk in training, which the next such walk may overwrite."""
        chain = self._graph("forward").chain
        if chain is None:
            return self.walk(arrays, training=True, rng=rng)
        y, caches = chain.forward(arrays[0], rng)
        return [y.copy()], caches  # losses and metrics may keep what they are given

    def train_back(self, gradients: Sequence[Array | None], memory: list[Any]) -> list[tuple[Parameter, Array]]:
        """Return the trainable parameters with their gradients after `train_walk`; its next call may overwrite them."""
        chain = self._graph("backward").chain
        if chain is None or gradients[0] is None:
            return self.walk_back(gradients, memory)
        return self._by_parameter(chain.backward(gradients[0], memory))

    def walk_back(self, gradients: Sequence[Array | None], memory: list[Any]) -> list[tuple[Parameter, Array]]:
        """Return the trainable parameters with their gradients, and use up the memory."""
        _, totals = self._graph("backward").backward(gradients, memory, to_inputs=False)
        return self._by_parameter(totals)

    def _by_parameter(self, totals: dict[int, dict[str, Array]]) -> list[tuple[Parameter, Array]]:
        paths = {f"{name}/{path}": value for name, layer in self._names().items() for path, value in totals.get(id(layer), {}).items()}
        summed: dict[int, Array] = {}
        for path, item in self.named_parameters().items():
            if path in paths:
                summed[id(item)] = summed[id(item)] + paths[path] if id(item) in summed else paths[path]
        return [(item, summed[id(item)] if id(item) in summed else np.zeros_like(item.value)) for item in self.trainable_parameters]

    # --- parts ---

    def _describe(self, inputs: Any, outputs: Any) -> None:
        """Take over a graph."""
        for what, value in (("inputs", inputs), ("outputs", outputs)):
            _, items = Structure.of(value)
            if not items or not all(isinstance(item, Symbol) for item in items):
                fact = (
                    f"{what} must be what Input and layers return when they are called with it; a model cannot be written as a call method"
                )
                raise refusal("Model", fact, {what: value}, kind=ArgumentTypeError)
        self.input_structure, flat_inputs = Structure.of(inputs)
        self.output_structure, flat_outputs = Structure.of(outputs)
        if any(isinstance(symbol, Part) for symbol in flat_inputs) or len({id(item.layer) for item in flat_inputs}) < len(flat_inputs):
            fact = "inputs must be different, and none of them one of several outputs of another model"
            raise refusal("Model", fact, {"inputs": tuple(item.layer.name for item in flat_inputs)})
        self.graph = Graph(flat_inputs, flat_outputs)
        number_layers([*(symbol.layer for symbol in flat_inputs), *(node.layer for node in self.graph.described)])
        self._know(self.graph)

    def _know(self, graph: Graph) -> None:
        self.members = {layer.name: layer for layer in graph.layers}
        self.input_names = list(self.input_structure.keys or (symbol.layer.name for symbol in graph.inputs))
        self.output_names = list(self.output_structure.keys or self._output_names(graph))
        self.parameters = list({id(item): item for layer in graph.layers for item in layer.parameters}.values())
        self.input_shape = self.input_structure.pack([symbol.shape for symbol in graph.inputs])
        self.built = True
        for layer in graph.layers:
            calls = graph.calls(layer)
            if len(calls) == 1 and not isinstance(layer, InputLayer | Model):  # what Keras calls layer.input and layer.output
                given = list(calls[0].inputs)
                vars(layer).setdefault("input", given if layer.several else given[0])
                vars(layer).setdefault("output", calls[0])

    def _output_names(self, graph: Graph) -> list[str]:
        """Return the names of the layers that the outputs come from, told apart by numbers."""
        names: list[str] = []
        for symbol in graph.outputs:
            name, number = symbol.layer.name, 0
            while (f"{name}_{number}" if number else name) in names:
                number += 1
            names.append(f"{name}_{number}" if number else name)
        return names

    def _names(self) -> dict[str, Layer]:
        return self.members

    def _graph(self, op: str) -> Graph:
        if self.graph is None:
            fact = "the model is not built yet: call it with data, or tell it the shape of its input"
            raise refusal(op, fact, {"model": self.name}, kind=ArgumentTypeError)
        return self.graph

    def _described(self, x: Any, *, training: bool | None) -> Any:
        """Return the symbols of a call of this model in another graph."""
        if self.graph is None:
            self.ensure_built([symbol.shape for symbol in Structure.of(x)[1]])
        items = self.input_structure.flat(self.name, "inputs", x, self.input_names)
        shapes = self._shapes([symbol.shape for symbol in items])
        whole = Symbol(shapes[0], self, tuple(items), training)
        if self.output_structure.count == 1 and self.output_structure.keys is None:
            return whole
        parts = [
            Part(shape, self, tuple(items), training, whole, place)
            for shape, place in zip(shapes, self.output_structure.places, strict=True)
        ]
        return self.output_structure.pack(parts)

    def _shapes(self, given: list[Shape]) -> list[Shape]:
        """Return the shapes of the outputs, for inputs of these shapes."""
        graph = self._graph("compute_output_shape")
        for symbol, shape in zip(graph.inputs, given, strict=True):
            self._fits(symbol, shape, self.name)
        return graph.shapes(given)

    def ensure_built(self, input_shape: Any) -> None:
        """Check the shapes; a graph is always built."""
        self.compute_output_shape(input_shape)

    def check(self, input_shape: Any) -> None:
        """Refuse inputs of other shapes."""
        self.compute_output_shape(input_shape)

    def _accepted(self, op: str, symbol: Symbol, value: Any) -> Array:
        array = numbers(op, f'the input "{symbol.layer.name}"', value).astype(symbol.layer.dtype, copy=False)
        if array.ndim == len(symbol.shape) - 1 and symbol.shape[-1] == 1:
            array = array[..., None]
        elif array.ndim == len(symbol.shape) + 1 and array.shape[-1] == 1:
            array = array[..., 0]
        self._fits(symbol, array.shape, op)
        return array

    def _fits(self, symbol: Symbol, shape: Shape, op: str) -> None:
        wanted = symbol.shape
        if len(shape) != len(wanted) or any(None not in (a, b) and a != b for a, b in zip(shape, wanted, strict=True)):
            fact = f'the input "{symbol.layer.name}" must have the shape {wanted}, None for any length, not {shape}'
            raise refusal(op, fact, {"model": self.name, "input": shape})


KINDS |= {"Model": Model, "Functional": Model}
