"""Objects made of named arguments: losses, optimizers, schedules, metrics, callbacks.

One rule: what an object was made of can be read off it again, and an argument that nobody knows is refused by name.
"""

import inspect
import math
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Self, TypeVar

import numpy as np

from convstep.checks import refusal, shown
from convstep.errors import ArgumentTypeError

Kind = TypeVar("Kind", bound="Configured")


class Configured:
    """An object that stores each argument of its constructor as an attribute of that name.

    A constructor that takes `**options` hands them to the class above it; the topmost one calls `refuse_unknown` with what is left.
    """

    @classmethod
    def argument_names(cls) -> list[str]:
        """Return the names of all arguments, a subclass's own first."""
        names: list[str] = []
        for kind in cls.__mro__:
            if kind is object or "__init__" not in vars(kind):
                continue
            parameters = inspect.signature(vars(kind)["__init__"]).parameters.values()
            named = [item.name for item in parameters if item.kind in {item.POSITIONAL_OR_KEYWORD, item.KEYWORD_ONLY}]
            names += [name for name in named if name not in {"self", *names}]
            if all(item.kind != item.VAR_KEYWORD for item in parameters):
                break
        return names

    def refuse_unknown(self, unknown: Mapping[str, Any]) -> None:
        """Raise an ArgumentTypeError that names the first of these arguments, if there is one."""
        for word, value in unknown.items():
            names = self.argument_names()
            fact = f'there is no argument "{word}"{_meant(word, names)}; there are {", ".join(names)}'
            raise refusal(type(self).__name__, fact, {word: value}, kind=ArgumentTypeError)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments as plain data."""
        return {word: serialize(getattr(self, word)) for word in self.argument_names()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make the object again from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def serialize(value: Any) -> Any:
    """Return an argument as plain data: an object as its class and its own arguments.

    Raises
    ------
    ArgumentTypeError
        If it is a function, which no file can hold.
    """
    if hasattr(value, "get_config"):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if isinstance(value, Mapping):
        return {key: serialize(item) for key, item in value.items()}
    if isinstance(value, tuple | list | np.ndarray):
        return [serialize(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if callable(value):
        fact = f"{getattr(value, '__name__', shown(value))} is a function, which cannot be written down: make it a class with get_config"
        raise refusal("get_config", fact, {"function": value}, kind=ArgumentTypeError)
    return value


def find(what: str, identifier: Any, known: Mapping[str, type[Kind]], base: type[Kind]) -> Kind:
    """Return the object that a name, a class, a `{"class_name", "config"}` or the object itself stands for."""
    if isinstance(identifier, base):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, base):
        return identifier()
    if isinstance(identifier, str):
        return _named(what, identifier, known)()
    if isinstance(identifier, Mapping) and isinstance(identifier.get("class_name"), str):
        return _named(what, identifier["class_name"], known).from_config(identifier.get("config", {}))
    fact = f"{what} must be a name, or an object of a class derived from {base.__name__}, not {shown(identifier)}"
    raise refusal(what, fact, {what: identifier}, kind=ArgumentTypeError)


def names_of(classes: tuple[type[Kind], ...], aliases: Mapping[str, type[Kind]]) -> dict[str, type[Kind]]:
    """Return the classes by their names as written in Python, in snake case and in lower case, and by their aliases."""
    named = {kind.__name__: kind for kind in classes}
    return named | {snake_case(kind.__name__): kind for kind in classes} | {kind.__name__.lower(): kind for kind in classes} | {**aliases}


def real(op: str, name: str, value: Any, *, least: float = 0.0, most: float = math.inf) -> float:
    """Return a number within [least, most] as a float. True and text are no numbers."""
    bounds = f"a number >= {least:g}" if most == math.inf else f"a number from {least:g} to {most:g}"
    plain = value.item() if isinstance(value, np.ndarray | np.generic) and np.size(value) == 1 else value
    if isinstance(plain, bool) or not isinstance(plain, int | float):
        raise refusal(op, f"{name} must be {bounds}, not {shown(value)}", {name: value}, kind=ArgumentTypeError)
    if not least <= plain <= most:
        raise refusal(op, f"{name} must be {bounds}, not {shown(plain)}", {name: plain})
    return float(plain)


def snake_case(name: str) -> str:
    """Return the name of a class as Keras writes it: CategoricalCrossentropy is categorical_crossentropy, AUC is auc."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _named(what: str, name: str, known: Mapping[str, type[Kind]]) -> type[Kind]:
    if name in known:
        return known[name]
    classes = sorted({kind.__name__ for kind in known.values()})
    raise refusal(what, f'there is no {what} "{name}"{_meant(name, list(known))}; there are {", ".join(classes)}', {what: name})


def _meant(word: str, names: list[str]) -> str:
    near = get_close_matches(word, names, n=1)
    return f' (did you mean "{near[0]}"?)' if near else ""
