"""Keras's description of a model becomes a model of ours.

One rule: each layer is made under its path in the model, which stands in front of whatever is refused.
"""

from collections.abc import Mapping
from typing import Any

from convstep import layers
from convstep.checks import refusal, shown
from convstep.errors import DataError
from convstep.interop.keras.arguments import arguments, dtype_name, is_kerass, plain
from convstep.interop.keras.pieces import Piece, placed
from convstep.interop.keras.wiring import Wiring
from convstep.layers import InputLayer, Layer
from convstep.models import Model, Sequential
from convstep.models.architecture import DEEPEST, Builder

BOTH = (
    "Activation", "Add", "Average", "AveragePooling2D", "BatchNormalization", "Concatenate", "Conv2D", "Conv2DTranspose",
    "Cropping2D", "Dense", "DepthwiseConv2D", "Dropout", "ELU", "Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D",
    "InputLayer", "LayerNormalization", "LeakyReLU", "MaxPooling2D", "Maximum", "Multiply", "PReLU", "Permute", "ReLU", "Rescaling",
    "Reshape", "SeparableConv2D", "Softmax", "Subtract", "UpSampling2D", "ZeroPadding2D",
)  # fmt: skip
ALIASES = {
    "AvgPool2D": "AveragePooling2D", "BatchNormalizationV1": "BatchNormalization", "BatchNormalizationV2": "BatchNormalization",
    "Convolution2D": "Conv2D", "Convolution2DTranspose": "Conv2DTranspose", "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D", "MaxPool2D": "MaxPooling2D", "SeparableConvolution2D": "SeparableConv2D",
}  # fmt: skip
MODELS = ("Functional", "Model", "Sequential")
ARITHMETIC = ("Add", "Maximum", "Multiply", "Subtract")


class Reading:
    """Makes a model.

    Parameters
    ----------
    op : str
        Who asks, for errors.
    room : int
        How many bytes the parameters may take.
    custom : mapping of str to object
        Layers, activations, initializers and regularizers of the caller's own.
    old : bool
        Whether Keras 2 wrote the description.
    """

    def __init__(self, op: str, *, room: int, custom: Mapping[str, Any], old: bool) -> None:
        self.op, self.custom, self.old = op, custom, old
        self.builder = Builder(custom, room)
        self._flags: list[tuple[Layer, bool]] = []
        self._shared: dict[Any, Piece] = {}

    def top(self, item: Any, live: Any = None) -> Piece:
        """Return the model that an item describes; `live`, if given, is Keras's own model, whose shared layers stay shared."""
        try:
            name = item.get("class_name") if isinstance(item, Mapping) else None
            if name not in MODELS or not is_kerass(item):
                raise DataError(f"{self.op}: the model must be Sequential or Functional, not {shown(name)}\n  given {shown(name)}")
            piece = self._model(item, "", 0, live)
        finally:
            self.builder.finish()
        for layer, flag in reversed(self._flags):  # models first: theirs would be those of all their layers
            layer.trainable = flag
        return piece

    # --- layers ---

    def _piece(self, item: Any, path: str, depth: int, live: Any) -> Piece:
        """Return one layer or model."""
        if not isinstance(item, Mapping) or not isinstance(item.get("config"), Mapping) or not isinstance(item.get("class_name"), str):
            raise DataError(f"{self.op}: a layer must be a class_name and a config\n  given {shown(item)}")
        name = _name(item)
        path = f"{path}/{name}" if path else name
        again = self._known(item, live)
        if again is not None:
            return Piece(name, again.kind, again.layer, again.pieces, path)
        kind = self._class(item)
        if kind in MODELS and kind == item["class_name"]:
            piece = self._model(item, path, depth + 1, live)
        else:
            piece = self._layer(item, kind, name, path)
        if live is not None:
            self._shared[id(live)] = piece
        elif "shared_object_id" in item or not piece.operation:
            self._shared[_likeness(item)] = piece
        return piece

    def _known(self, item: Mapping[str, Any], live: Any) -> Piece | None:
        """Return the piece of a layer that was made before, in another of the models."""
        if live is not None:
            return self._shared.get(id(live))
        return self._shared.get(_likeness(item)) if item.get("shared_object_id") is not None else None

    def _layer(self, item: Mapping[str, Any], kind: str, name: str, path: str) -> Piece:
        config, operation = dict(item["config"]), str(item.get("module") or "").startswith(("keras.src.ops", "keras.ops"))
        config["name"] = name
        with placed(self.op, path, item["class_name"]):
            if kind in ARITHMETIC and (operation or _is_operation(item)):
                return Piece(name, kind, self._operation(item, kind, name), None, path, operation=True)
            if operation or (kind not in self.custom and kind not in BOTH) or (kind not in self.custom and not is_kerass(item)):
                raise self._lacking(item, path)
            made = self.builder.kinds[kind]
            own = kind in self.custom and not (isinstance(made, type) and made.__module__.startswith("convstep."))
            if own:
                config = {word: plain(value) for word, value in config.items()} | {"dtype": dtype_name(kind, config.get("dtype"))}
            else:
                config = arguments(made, config, self.custom, old=self.old)
            layer = self.builder.layer({"class_name": kind, "config": config})
            self._flags.append((layer, bool(config.get("trainable", True))))
        return Piece(name, item["class_name"], layer, None, path)

    def _operation(self, item: Mapping[str, Any], kind: str, name: str) -> Any:
        """Return the layer that does what an operator between results, or a result and a number, does."""
        numbers = [
            (place, value)
            for node in (item.get("inbound_nodes") or [])[:1]
            for place, value in enumerate(node.get("args", ()))
            if isinstance(value, int | float) and not isinstance(value, bool)
        ]
        if not numbers:
            return self.builder.layer({"class_name": kind, "config": {"name": name}})
        place, number = numbers[0]
        if kind == "Maximum":
            raise refusal(kind, f"the maximum of a result and the number {number} is not supported", {"number": number})
        scale = {"Add": 1.0, "Multiply": number, "Subtract": 1.0 if place else -1.0}[kind]
        offset = {"Add": number, "Multiply": 0.0, "Subtract": -number if place else number}[kind]
        return self.builder.layer({"class_name": "Rescaling", "config": {"name": name, "scale": scale, "offset": offset}})

    def _class(self, item: Mapping[str, Any]) -> str:
        """Return the name of the class of ours that an item is made by."""
        for word in ("registered_name", "class_name"):
            if isinstance(item.get(word), str) and item[word] in self.custom:
                return str(item[word])
        name = str(item["class_name"])
        return ALIASES.get(name, name)

    def _lacking(self, item: Mapping[str, Any], path: str) -> DataError:
        name = item["class_name"]
        module = f" ({shown(item['module'])[1:-1]})" if isinstance(item.get("module"), str) else ""
        if name == "Lambda":
            fact = f'"{path}" is a Lambda, which holds code: code in a file is never run'
        else:
            fact = f'"{path}" is of the class {shown(name)[1:-1]}{module}, which convstep lacks'
        return DataError(f"{self.op}: {fact}\n  given {shown(item.get('registered_name') or name)}")

    # --- models ---

    def _model(self, item: Mapping[str, Any], path: str, depth: int, live: Any) -> Piece:
        if depth > DEEPEST:
            raise DataError(f"{self.op}: models inside models are deeper than {DEEPEST}\n  given {shown(path)}")
        config = item["config"]
        if isinstance(config, list) and item["class_name"] == "Sequential":  # as Keras had it before 2.2.3
            config = {"layers": config}
        with placed(self.op, path, item["class_name"]):
            if not isinstance(config, Mapping) or not isinstance(config.get("layers"), list):
                raise DataError(f"{self.op}: a model must have a list of layers\n  given {shown(config)}")
            inside = _living(live)
            pieces = [self._piece(entry, path, depth, inside.get(_name(entry))) for entry in config["layers"]]
            made = self._sequential(config, pieces, path) if item["class_name"] == "Sequential" else self._functional(config, pieces)
        self._flags.append((made, bool(config.get("trainable", True))))
        return Piece(_name(item), item["class_name"], made, pieces, path)

    def _sequential(self, config: Mapping[str, Any], pieces: list[Piece], path: str) -> Sequential:
        chain = [piece.layer for piece in pieces]
        first = next(iter(config["layers"]), None)
        shape = plain(config.get("build_input_shape"))
        dtype = "float32"
        if first is not None and "batch_input_shape" in first["config"] and not isinstance(pieces[0].layer, InputLayer):
            shape = plain(first["config"]["batch_input_shape"])
            dtype = dtype_name("InputLayer", first["config"].get("dtype"))
        if chain and not isinstance(chain[0], InputLayer) and isinstance(shape, list):
            chain.insert(0, self.builder.layer({"class_name": "InputLayer", "config": {"batch_shape": shape, "dtype": dtype}}))
        model = Sequential(name=_text(config.get("name")))
        for layer, piece in zip(chain, [None] * (len(chain) - len(pieces)) + list(pieces), strict=True):
            with placed(self.op, path if piece is None else piece.path, "InputLayer" if piece is None else piece.kind):
                model._append(layer)  # noqa: SLF001 - `add` would describe the whole chain anew each time
        self._built_in_steps(model, pieces)
        pieces[:] = [piece for piece in pieces if not isinstance(piece.layer, InputLayer)]
        return model

    def _built_in_steps(self, model: Sequential, pieces: list[Piece]) -> None:
        """Build the layers one by one, so that what one refuses stands behind its path; then the model."""
        symbol: Any = None if model.start is None else model.start.output
        for piece in pieces:
            if symbol is not None and not isinstance(piece.layer, InputLayer):
                with placed(self.op, piece.path, piece.kind):
                    symbol = piece.layer([symbol] if piece.layer.several else symbol)
        model._rebuild()  # noqa: SLF001

    def _functional(self, config: Mapping[str, Any], pieces: list[Piece]) -> Model:
        wiring = Wiring(self.op, config, pieces, old=self.old)
        return Model(wiring.ends("input_layers"), wiring.ends("output_layers"), name=_text(config.get("name")))


def _name(item: Any) -> str:
    """Return the name of a layer, which must hold no slash here: Keras 2 had some that do."""
    config = item.get("config") if isinstance(item, Mapping) else None
    name = config.get("name") if isinstance(config, Mapping) else None
    name = name if name is not None else item.get("name") if isinstance(item, Mapping) else None
    if not isinstance(name, str) or not name:
        name = layers.base.snake_case(str(item.get("class_name"))) if isinstance(item, Mapping) else ""
    return name.replace("/", "_")


def _text(value: Any) -> str | None:
    return value.replace("/", "_") if isinstance(value, str) and value else None


def _likeness(item: Mapping[str, Any]) -> Any:
    """Return what two descriptions of one layer, in two models, have in common."""
    return (item["class_name"], repr(_unnumbered(item["config"])))


def _unnumbered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _unnumbered(item) for key, item in value.items() if key != "shared_object_id"}
    return [_unnumbered(item) for item in value] if isinstance(value, list | tuple) else value


def _living(model: Any) -> dict[str, Any]:
    """Return the layers of a model of Keras's own by their names."""
    return {} if model is None else {str(layer.name).replace("/", "_"): layer for layer in model.layers}


def _is_operation(item: Mapping[str, Any]) -> bool:
    """Return whether a layer is called with several things rather than with one list, as operations are."""
    nodes = item.get("inbound_nodes")
    return isinstance(nodes, list) and bool(nodes) and isinstance(nodes[0], Mapping) and len(nodes[0].get("args") or ()) > 1
