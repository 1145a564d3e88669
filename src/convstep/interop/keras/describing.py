"""A model of ours as Keras describes it, in plain data that its own loader reads.

One rule: what Keras has not, a layer, a padding or an activation, is refused under its path in the model.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from convstep import layers
from convstep.checks import refusal, shown
from convstep.errors import ArgumentTypeError, DataError
from convstep.interop.keras.arguments import ELEMENTWISE
from convstep.interop.keras.building import BOTH
from convstep.interop.keras.nodes import TENSOR
from convstep.interop.keras.pieces import Piece
from convstep.layers import InputLayer, Layer
from convstep.layers.convolution import Convolution
from convstep.layers.pooling import Pooling
from convstep.models import Model, Sequential
from convstep.models.architecture import graph_config

Plain: TypeAlias = dict[str, Any]
MODULES = {"_initializer": "keras.initializers", "_regularizer": "keras.regularizers"}
FUNCTIONAL = "keras.src.models.functional"
LAYER_OF = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "elu": "ELU", "softmax": "Softmax"}  # which have the options of the function


def pieces_of(op: str, model: Any, path: str = "") -> Piece:
    """Return the layers of a built model in their places, with Keras's names and classes.

    Raises
    ------
    ArgumentTypeError
        If it is no model, or not built.
    """
    if not isinstance(model, Model):
        raise refusal(op, "expected a model of convstep's", {"model": type(model).__name__}, kind=ArgumentTypeError)
    if model.graph is None:
        fact = "the model is not built yet: call it with data, or tell it the shape of its input"
        raise refusal(op, fact, {"model": model.name}, kind=ArgumentTypeError)
    pieces = []
    for name, layer in model.members.items():
        inside = f"{path}/{name}" if path else name
        piece = pieces_of(op, layer, inside) if isinstance(layer, Model) else Piece(name, type(layer).__name__, layer, None, inside)
        piece.name = name
        pieces.append(piece)
    return Piece(model.name, "Sequential" if isinstance(model, Sequential) else "Functional", model, pieces, path)


def described(op: str, model: Any, *, older: bool = False) -> Plain:
    """Return a model as Keras 3 writes it.

    Parameters
    ----------
    op : str
        Who asks, for errors.
    model : Model
        Built.
    older : bool
        Whether in the way of HDF5 files, where classes have no modules.

    Raises
    ------
    DataError
        If Keras lacks something that the model has.
    ArgumentTypeError
        If it is no model, or not built.
    """
    return _item(op, pieces_of(op, model), older=older)


def _item(op: str, piece: Piece, *, older: bool) -> Plain:
    """Return the class and the arguments of a layer or a model."""
    layer, kind = piece.layer, piece.kind
    if piece.pieces is not None:
        if type(layer) not in (Model, Sequential):
            raise _lacking(op, piece.path, f"is of the class {type(layer).__name__}, which Keras lacks", type(layer).__name__)
        config = _chain(op, piece, older=older) if kind == "Sequential" else _graph(op, piece, older=older)
        module, registered = ("keras", None) if kind == "Sequential" else (FUNCTIONAL, kind)
    else:
        config, module, registered = _arguments(op, piece), "keras.layers", None
    return _classed(kind, config, module, registered, older=older)


def _classed(kind: str, config: Plain, module: str, registered: str | None, *, older: bool = False) -> Plain:
    modules = {} if older else {"module": module, "registered_name": registered}
    return {**modules, "class_name": kind, "config": config}


def _chain(op: str, piece: Piece, *, older: bool) -> Plain:
    start = InputLayer(
        batch_shape=piece.layer.inputs[0].shape, dtype=piece.layer.inputs[0].layer.dtype, name=piece.layer.inputs[0].layer.name
    )
    pieces = [Piece(start.name, "InputLayer", start), *(piece.pieces or ())]
    shape = list(start.batch_shape)
    items = [_item(op, inner, older=older) for inner in pieces]
    return {"name": piece.name, "trainable": piece.layer.trainable, "layers": items, "build_input_shape": shape}


def _graph(op: str, piece: Piece, *, older: bool) -> Plain:
    """Return the layers of a graph, and each call of them where it belongs."""
    plain = graph_config(piece.layer)
    by_name = {inner.name: inner for inner in piece.pieces or ()}
    listed = [by_name.get(entry["config"]["name"]) or _begun(entry["config"]) for entry in plain["layers"]]
    names = _names(op, piece, listed, plain)
    numbers: list[int] = []  # of each call, among those of its layer
    counts = [0] * len(listed)
    for call in plain["calls"]:
        numbers.append(counts[call["layer"]])
        counts[call["layer"]] += 1
    symbols = _shapes(piece.layer)

    def history(place: Any, *, outside: bool = False) -> list[Any]:
        at = plain["calls"][place[0]]["layer"]
        inner = listed[at]
        first = int(outside and inner.kind == "Functional")  # where Keras counts the inside of a model as its first call
        part = list(inner.layer.output_structure.places).index(place[1]) if len(place) > 1 else 0
        return [names[at], numbers[place[0]] + first, part]

    items = []
    for at, inner in enumerate(listed):
        item = _item(op, inner, older=older)
        item["config"]["name"] = item["name"] = names[at]
        calls = [call for call in plain["calls"] if call["layer"] == at and call["inputs"]]
        item["inbound_nodes"] = [
            _node(inner.layer, call, [_tensor(history(place), symbols[place[0]]) for place in call["inputs"]]) for call in calls
        ]
        items.append(item)
    ends = {}
    for word in ("inputs", "outputs"):
        found = [history(place, outside=word == "outputs") for place in plain[word]["of"]]
        keys = plain[word]["keys"]
        grouped = dict(zip(keys, found, strict=True)) if keys is not None else found if plain[word]["listed"] else found[0]
        ends[f"{word[:-1]}_layers"] = grouped
    return {"name": piece.name, "trainable": piece.layer.trainable, "layers": items, **ends}


def _begun(config: Mapping[str, Any]) -> Piece:
    """Return the input of a model that begins in the middle of another one."""
    return Piece(config["name"], "InputLayer", InputLayer(batch_shape=config["batch_shape"], dtype=config["dtype"], name=config["name"]))


def _names(op: str, piece: Piece, listed: list[Piece], plain: Plain) -> list[str]:
    """Return the names of the layers; inputs that are given as a dict have its keys for names, as Keras wants it."""
    names = [inner.name for inner in listed]
    for key, place in zip(plain["inputs"]["keys"] or (), plain["inputs"]["of"], strict=False):
        names[plain["calls"][place[0]]["layer"]] = key
    if len(set(names)) < len(names):
        raise _lacking(op, piece.path, "has an input under the key of another layer's name, which Keras refuses", names)
    return names


def _shapes(model: Model) -> list[tuple[list[Any], str]]:
    """Return the shape and the type of each call's result, in the order of `graph_config`."""
    graph: Any = model.graph
    return [(list(symbol.shape), symbol.layer.dtype.name) for symbol in (*graph.inputs, *graph.nodes)]


def _tensor(history: list[Any], symbol: tuple[list[Any], str]) -> Plain:
    return {"class_name": TENSOR, "config": {"shape": symbol[0], "dtype": symbol[1], "keras_history": history}}


def _node(layer: Layer, call: Plain, given: list[Plain]) -> Plain:
    """Return a call of a layer."""
    grouped: Any = given if layer.several else given[0]
    if isinstance(layer, Model):
        grouped = layer.input_structure.pack(given)
    training = {} if call.get("training") is None else {"training": call["training"]}
    return {"args": [grouped], "kwargs": training}


# --- arguments of one layer ---


def _arguments(op: str, piece: Piece) -> Plain:
    layer = piece.layer
    if type(layer).__name__ not in BOTH or getattr(layers, type(layer).__name__, None) is not type(layer):
        raise _lacking(op, piece.path, f"is of the class {type(layer).__name__}, which Keras lacks", type(layer).__name__)
    config = {word: value for word, value in layer.get_config().items() if word != "input_shape"} | {"name": piece.name}
    for word, value in config.items():
        if word == "activation":
            config[word] = _activation(op, piece, value)
        elif word.endswith(tuple(MODULES)) and value is not None:
            config[word] = _object(op, piece, word, value)
        elif word == "padding" and isinstance(layer, Convolution | Pooling) and not isinstance(value, str):
            raise _lacking(op, piece.path, f"has the padding {shown(value)}, but Keras knows valid and same alone", value)
    return config


def _activation(op: str, piece: Piece, value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and value.get("class_name") in LAYER_OF:
        kind = LAYER_OF[value["class_name"]]
        made = ELEMENTWISE[kind](**({"negative_slope": 0.2} if kind == "LeakyReLU" else {}) | value["config"])
        config = _arguments(op, Piece(made.name, kind, made, None, piece.path))
        return _classed(kind, config, "keras.layers", None)
    raise _lacking(op, piece.path, f"has the activation {shown(value)}, which Keras cannot be told", value)


def _object(op: str, piece: Piece, word: str, value: Any) -> Plain:
    """Return an initializer or a regularizer as a class and its arguments."""
    module = next(module for tail, module in MODULES.items() if word.endswith(tail))
    kinds = layers.initializers.KINDS if word.endswith("_initializer") else layers.regularizers.KINDS
    if not isinstance(value, Mapping) or value.get("class_name") not in kinds:
        raise _lacking(op, piece.path, f"has a {word} that is not one of Keras's own: {shown(value)}", value)
    return _classed(value["class_name"], dict(value["config"]), module, None)


def _lacking(op: str, path: str, fact: str, value: Any) -> DataError:
    where = f'"{path}"' if path else "the model"
    return DataError(f"{op}: {where} {fact}\n  given {shown(value)}")
