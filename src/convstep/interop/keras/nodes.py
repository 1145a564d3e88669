"""The calls of layers in a Functional model, as Keras 3 and Keras 2 write them, as plain data.

One rule: a call is places of other calls' results, grouped as they were given; of everything else only `training` is known.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from convstep.checks import refusal, shown
from convstep.errors import ArgumentTypeError

Key: TypeAlias = tuple[str, int]
TENSOR, HISTORY = "__keras_tensor__", 3


@dataclass(frozen=True)
class Ref:
    """A result: of which layer, of which of its calls, and which of those that the call has."""

    layer: str
    call: int
    place: int


@dataclass(frozen=True)
class Call:
    """A call of a layer.

    Attributes
    ----------
    given : list
        What it is called with: mostly one thing, a Ref, or a list or dict of them; operations have several things, and numbers.
    training : bool, optional
    listed : bool
        Whether it was written in the way of Keras 2, as a list.
    """

    given: list[Any]
    training: bool | None = None
    listed: bool = False


def call_of(node: Any) -> Call:
    """Read one entry of `inbound_nodes`.

    Raises
    ------
    ShapeError, ArgumentTypeError
        If it is none, or has arguments that are not known.
    """
    if isinstance(node, Mapping):
        arguments, options = node.get("args"), dict(node.get("kwargs") or {})
        if not isinstance(arguments, list | tuple):
            raise _unreadable(node)
        given = [_thing(item) for item in arguments]
        given += [_thing(options.pop(word)) for word in ("inputs", "x") if word in options and not given]
        while len(given) > 1 and given[-1] is None:
            given.pop()
        return Call(given, _training(options))
    if isinstance(node, list | tuple) and node:
        items = [node] if isinstance(node[0], str) else node
        options = {}
        for item in items:
            if not isinstance(item, list | tuple) or len(item) not in (HISTORY, HISTORY + 1):
                raise _unreadable(node)
            options |= item[HISTORY] if len(item) > HISTORY and isinstance(item[HISTORY], Mapping) else {}
        refs = [ref_of(item[:HISTORY]) for item in items]
        return Call([refs[0] if len(refs) == 1 else refs], _training(options), listed=True)
    raise _unreadable(node)


def ref_of(item: Any) -> Ref:
    """Read ["name", 0, 0]."""
    if isinstance(item, list | tuple) and len(item) == HISTORY and isinstance(item[0], str):
        name, call, place = item
        if all(type(number) is int and number >= 0 for number in (call, place)):
            return Ref(name, call, place)
    raise refusal("model", f"{shown(item)} is no result of a layer: its name, its call and its place", {"result": item})


def is_ref(item: Any) -> bool:
    """Return whether an entry of `input_layers` or `output_layers` is one result, not a group of them."""
    return isinstance(item, list | tuple) and len(item) == HISTORY and isinstance(item[0], str)


def refs_in(given: Any) -> Iterator[Ref]:
    """Yield the results that a call needs."""
    if isinstance(given, Ref):
        yield given
    elif isinstance(given, list | dict):
        for item in given.values() if isinstance(given, dict) else given:
            yield from refs_in(item)


def _thing(item: Any) -> Any:
    """Return a Ref, a number, None, or a list or dict of these."""
    if item is None or (isinstance(item, int | float) and not isinstance(item, bool)):
        return item
    if isinstance(item, list | tuple):
        return [_thing(part) for part in item]
    if isinstance(item, Mapping):
        config = item.get("config")
        if item.get("class_name") == TENSOR and isinstance(config, Mapping):
            return ref_of(config.get("keras_history"))
        if item.get("class_name") == "__tuple__" and isinstance(config, list):
            return [_thing(part) for part in config]
        if "class_name" not in item:
            return {str(key): _thing(part) for key, part in item.items()}
    raise refusal("call", f"it is called with {shown(_named(item))}, which is no result of a layer", {"argument": _named(item)})


def _training(options: Mapping[str, Any]) -> bool | None:
    for word, value in options.items():
        if not _is_nothing(value) and not (word == "training" and isinstance(value, bool)):
            raise refusal("call", f'it is called with the argument "{word}", which is not supported', {word: value}, kind=ArgumentTypeError)
    return options.get("training")


def _is_nothing(value: Any) -> bool:
    """Return whether a value says nothing: null, or a group of nulls, such as the masks of several inputs."""
    if isinstance(value, Mapping) and value.get("class_name") == "__tuple__":
        value = value.get("config")
    if isinstance(value, list | tuple | Mapping):
        return all(_is_nothing(item) for item in (value.values() if isinstance(value, Mapping) else value))
    return value is None


def _named(item: Any) -> Any:
    return item.get("class_name", item) if isinstance(item, Mapping) else item


def _unreadable(node: Any) -> Exception:
    return refusal("call", f"{shown(node)} is no call of a layer", {"call": node})
