"""The arguments of one layer: Keras's as ours.

One rule: an argument is understood, or says nothing (null, false), or is refused. None is dropped in silence.
"""

from collections.abc import Mapping
from typing import Any

from convstep.checks import refusal, shown
from convstep.errors import ArgumentTypeError
from convstep.layers import InputLayer, activations, initializers
from convstep.layers.activation import Elementwise
from convstep.layers.base import COMMON, own_arguments

FLOATS = ("float16", "float32", "float64")
TYPES = (*FLOATS, "uint8", "int8", "int16", "int32", "int64", "bool")
POLICIES = ("DTypePolicy", "FloatDTypePolicy", "Policy")
KERNELS = ("kernel_initializer", "kernel_regularizer", "kernel_constraint", "filters")  # which Keras 2 writes though they say nothing
INHERITED = {"DepthwiseConv2D": KERNELS, "SeparableConv2D": KERNELS[:3]}
IDLE = ("renorm_momentum", "batch_input_shape", "input_shape", "input_dtype")  # which say nothing, or are read elsewhere
RENAMED = {("InputLayer", "batch_input_shape"): "batch_shape", ("LeakyReLU", "alpha"): "negative_slope"}
PACKAGES = ("keras.", "tf_keras.", "tensorflow.keras.", "tensorflow.python.keras.")
SAME = {"OrthogonalInitializer": "Orthogonal", "IdentityInitializer": "Identity"}


def arguments(kind: Any, config: Mapping[str, Any], custom: Mapping[str, Any], *, old: bool) -> dict[str, Any]:
    """Return the arguments of a layer of ours.

    Parameters
    ----------
    kind : type of Layer
    config : mapping
        What Keras wrote.
    custom : mapping of str to object
        What a caller knows by name beside what Keras has.
    old : bool
        Whether it was Keras 2.

    Raises
    ------
    ShapeError, ArgumentTypeError
        If there is an argument, or a value of one, that we do not have.
    """
    name = getattr(kind, "__name__", "")
    known = {*own_arguments(kind), *COMMON} - {"input_shape"}
    found: dict[str, Any] = {}
    for word, value in config.items():
        ours = RENAMED.get((name, word), word)
        if ours in known:
            found[ours] = _argument(kind, ours, plain(value), custom, old=old)
        elif not _says_nothing(name, word, value):
            raise refusal(name, f'the argument "{word}" is not supported', {word: value}, kind=ArgumentTypeError)
    return found


def plain(value: Any) -> Any:
    """Return a value without the wrapping that Keras gives tuples and arrays."""
    if isinstance(value, Mapping):
        inner = value.get("config", value.get("items"))
        if value.get("class_name") in ("__tuple__", "TensorShape") and isinstance(inner, list):
            return [plain(item) for item in inner]
        if value.get("class_name") == "__numpy__" and isinstance(inner, Mapping):
            return plain(inner.get("value"))
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def dtype_name(kind: str, value: Any, known: tuple[str, ...] = FLOATS) -> str:
    """Return the type of a layer's numbers, of its name or a policy."""
    if isinstance(value, Mapping) and value.get("class_name") in POLICIES and isinstance(value.get("config"), Mapping):
        value = value["config"].get("name")
    if value is None:
        return "float32"
    if isinstance(value, str) and value in known:
        return value
    named = value.get("class_name") if isinstance(value, Mapping) else value
    raise refusal(kind, f"the type {shown(named)} is not supported; there are {', '.join(known)}", {"dtype": named}, kind=ArgumentTypeError)


def _argument(kind: Any, word: str, value: Any, custom: Mapping[str, Any], *, old: bool) -> Any:
    if word == "dtype":
        return dtype_name(kind.__name__, value, TYPES if kind is InputLayer else FLOATS)
    if word == "activation":
        return _activation(value, custom, old=old)
    if word.endswith("_initializer"):
        return _initializer(value, custom)
    if word.endswith("_regularizer"):
        return _described(value, custom)
    if word == "trainable" and not isinstance(value, bool):
        raise refusal(kind.__name__, f"trainable must be true or false, not {shown(value)}", {word: value}, kind=ArgumentTypeError)
    single = word == "axis" and kind.__name__ == "BatchNormalization" and isinstance(value, list) and len(value) == 1
    return value[0] if single else _seed(value) if word == "seed" else value


def _seed(value: Any) -> Any:
    """Return a seed; Keras may write the generator that it was given to."""
    inner = value.get("config") if isinstance(value, Mapping) else None
    return inner.get("seed") if isinstance(inner, Mapping) else value


def _says_nothing(kind: str, word: str, value: Any) -> bool:
    if value is None or value is False or word in IDLE or word in INHERITED.get(kind, ()):
        return True
    return (word == "groups" and value == 1) or (word == "autocast" and value is True)


def _activation(value: Any, custom: Mapping[str, Any], *, old: bool) -> Any:
    if isinstance(value, Mapping) and value.get("class_name") == "function" and is_kerass(value):
        value = value.get("config")
    if isinstance(value, str):
        if value in custom:
            return custom[value]
        if old and value == "hard_sigmoid":
            fact = "the hard_sigmoid of Keras 2, min(1, max(0, 0.2 x + 0.5)), is another function than the one of this name here"
            raise refusal("activation", fact, {"activation": value})
        return activations.get(value)
    if value is None:
        return None
    if isinstance(value, Mapping) and isinstance(value.get("config"), Mapping) and is_kerass(value):
        kind = ELEMENTWISE.get(str(value.get("class_name")))
        if kind is not None:
            return activations.get(kind(**arguments(kind, value["config"], custom, old=old)))
    named = value.get("registered_name") or value.get("class_name") if isinstance(value, Mapping) else value
    raise refusal("activation", f"there is no activation {shown(named)}", {"activation": named}, kind=ArgumentTypeError)


def _initializer(value: Any, custom: Mapping[str, Any]) -> Any:
    if not isinstance(value, Mapping):
        return custom.get(value, value) if isinstance(value, str) else value
    described = _described(value, custom)
    if not isinstance(described, Mapping):
        return described
    given = str(described["class_name"])
    name = SAME.get(given, given)
    config = {word: item for word, item in described["config"].items() if item is not None and word != "dtype"}
    if "seed" in config:
        config["seed"] = _seed(config["seed"])
    kind = initializers.KINDS.get(name)
    unknown = [word for word in config if kind is not None and word not in kind().get_config()]
    if unknown:
        raise refusal(name, f'the argument "{unknown[0]}" is not supported', {unknown[0]: config[unknown[0]]}, kind=ArgumentTypeError)
    return {"class_name": name, "config": config}


def _described(value: Any, custom: Mapping[str, Any]) -> Any:
    """Return what a class and its arguments describe, or both as plain data if it is one of Keras's."""
    if not isinstance(value, Mapping):
        return custom.get(value, value) if isinstance(value, str) else value
    name, config = str(value.get("class_name")), value.get("config")
    if not isinstance(config, Mapping | None):
        raise refusal(
            "layer", f"{shown(name)} is no class of an initializer or a regularizer", {"class_name": name}, kind=ArgumentTypeError
        )
    arguments = {word: plain(item) for word, item in (config or {}).items()}
    for known in (value.get("registered_name"), name):
        if isinstance(known, str) and known in custom:
            return custom[known](**arguments)
    if not is_kerass(value):
        raise refusal("layer", f"{shown(value.get('registered_name') or name)} is not one of Keras's own", {"class_name": name})
    return {"class_name": name, "config": arguments}


def is_kerass(item: Mapping[str, Any]) -> bool:
    """Return whether a class, by its module and the name under which it is registered, is one of Keras's own."""
    module, registered, name = item.get("module"), item.get("registered_name"), item.get("class_name")
    own = registered is None or registered == name or (name == "function" and registered == item.get("config"))
    if not own or module is None:
        return own
    return isinstance(module, str) and (module == "builtins" or f"{module}.".startswith(PACKAGES))


ELEMENTWISE: dict[str, Any] = {kind.__name__: kind for kind in Elementwise.__subclasses__() if kind.__module__.startswith("convstep.")}
