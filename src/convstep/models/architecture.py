"""A model as plain data and back: classes by name, their arguments, and which call follows from which.

One rule: only classes that are known here, or that the caller hands over, are ever made; nothing in the data is run.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from convstep import layers
from convstep.checks import Array, shown
from convstep.errors import DataError
from convstep.layers import InputLayer, Layer, Symbol
from convstep.models.graph import Graph, Part, call_key

KINDS: dict[str, Any] = dict(layers.KINDS)  # and the models, which add themselves
Plain: TypeAlias = dict[str, Any]
MOST_LAYERS, MOST_CALLS, DEEPEST, MOST_AXES = 10_000, 100_000, 8, 32
TYPES = ("float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool")


class Builder:
    """Makes layers from plain data.

    Parameters
    ----------
    custom_objects : mapping of str to class, optional
        More classes.
    room : int, optional
        How many bytes the parameters may take. With it they are made as zeros, for whoever has their values.
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None = None, room: int | None = None) -> None:
        self.kinds = {**KINDS, **(custom_objects or {})}
        self.room = room
        self._made = self._depth = 0
        self._lent: list[tuple[Layer, str, Any]] = []

    def layer(self, item: Any) -> Any:
        """Return the layer or model that {"class_name": ..., "config": ...} describes."""
        if not isinstance(item, Mapping) or not isinstance(item.get("config"), Mapping):
            raise DataError(f"load_model: a layer must be a class_name and a config\n  given {shown(item)}")
        name, config = item.get("class_name"), item["config"]
        if name not in self.kinds:
            fact = f"load_model: there is no layer of the class {shown(name)}; hand it over in custom_objects if it is yours"
            raise DataError(f"{fact}\n  given {shown(config.get('name'))}")
        self._made += 1
        if self._made > MOST_LAYERS or self._depth > DEEPEST:
            raise DataError(
                f"load_model: more than {MOST_LAYERS} layers, or models inside models deeper than {DEEPEST}\n  given {shown(name)}"
            )
        if config.get("dtype", "float32") not in TYPES or len(config.get("batch_shape") or ()) > MOST_AXES:
            raise DataError(f"load_model: no type or shape of a layer\n  given {shown(dict(config))}")
        kind = self.kinds[name]
        if not hasattr(kind, "rebuilt"):
            return self._with_room(kind.from_config(config))
        self._depth += 1
        made = kind.rebuilt(config, self)
        self._depth -= 1
        return made

    def graph(self, config: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the inputs and outputs that `graph_config` described, grouped as they were."""
        made = [self.layer(item) for item in config["layers"]]
        if len(config["calls"]) > MOST_CALLS:
            raise DataError(f"load_model: more than {MOST_CALLS} calls of layers\n  given {len(config['calls'])}")
        results: list[Any] = []
        for call in config["calls"]:
            layer = made[_index(call["layer"])]
            given = [_result(results, place) for place in call["inputs"]]
            if not given and not isinstance(layer, InputLayer):
                raise DataError(f"load_model: {layer.name} is called without inputs\n  given {shown(call)}")
            results.append(layer(given if layer.several else given[0], training=call.get("training")) if given else layer.output)
        ends = []
        for end in (config["inputs"], config["outputs"]):
            items = [_result(results, place) for place in end["of"]]
            ends.append(dict(zip(end["keys"], items, strict=True)) if end["keys"] is not None else items if end["listed"] else items[0])
        return ends[0], ends[1]

    def finish(self) -> None:
        """Give the layers their own initializers back."""
        for layer, word, initializer in self._lent:
            setattr(layer, word, initializer)
        self._lent.clear()

    def _with_room(self, layer: Layer) -> Layer:
        """Let a layer make zeros, no more than there is room for."""
        if self.room is not None:
            for word, value in list(vars(layer).items()):
                if word.endswith("_initializer"):
                    self._lent.append((layer, word, value))
                    setattr(layer, word, self._zeros)
        return layer

    def _zeros(self, shape: tuple[int, ...], dtype: Any) -> Array:
        size = np.dtype(dtype).itemsize
        for length in shape:
            size *= length
        self.room = (self.room or 0) - size
        if self.room < 0:
            raise DataError(
                f"load_model: the layers need more weights than the file holds\n  given a parameter of the shape {shown(shape)}"
            )
        return np.zeros(shape, dtype)


def graph_config(model: Any) -> Plain:
    """Return what a model is made of: its layers, the calls of them in order, and which of these are inputs and outputs."""
    graph: Graph = model.graph
    listed = [{"class_name": class_name(layer), "config": {**layer.get_config(), "name": name}} for name, layer in model.members.items()]
    places = {id(layer): i for i, layer in enumerate(model.members.values())}
    numbers: dict[int, int] = {}
    calls: list[Plain] = []
    for symbol in graph.inputs:
        if isinstance(symbol.layer, InputLayer):
            at = places[id(symbol.layer)]
        else:  # a model that begins in the middle of another one
            at = len(listed)
            config = {"name": f"input_of_{symbol.layer.name}", "dtype": symbol.layer.dtype.name, "batch_shape": list(symbol.shape)}
            listed.append({"class_name": "InputLayer", "config": config})
        numbers[call_key(symbol)] = len(calls)
        calls.append({"layer": at, "inputs": []})
    for node in graph.nodes:
        training = {} if node.training is None else {"training": node.training}
        given = [_place(numbers, symbol) for symbol in node.inputs]
        numbers[call_key(node)] = len(calls)
        calls.append({"layer": places[id(node.layer)], "inputs": given, **training})
    ends = {
        what: {
            "keys": None if structure.keys is None else list(structure.keys),
            "listed": structure.listed,
            "of": [_place(numbers, symbol) for symbol in symbols],
        }
        for what, structure, symbols in (
            ("inputs", model.input_structure, graph.inputs),
            ("outputs", model.output_structure, graph.outputs),
        )
    }
    return {"name": model.name, "trainable": model.trainable, "layers": listed, "calls": calls, **ends}


def class_name(layer: Any) -> str:
    """Return the name under which a layer's class is written down; a class of one's own must keep its own."""
    return type(layer).__name__


def _place(numbers: Mapping[int, int], symbol: Symbol) -> list[Any]:
    return [numbers[call_key(symbol)], *([symbol.place] if isinstance(symbol, Part) else [])]


def _result(results: list[Any], place: Any) -> Any:
    value = results[_index(place[0])]
    for part in place[1:]:
        value = value[part]
    return value


def _index(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise DataError(f"load_model: the number of a layer or a call must be >= 0\n  given {shown(value)}")
    return value
