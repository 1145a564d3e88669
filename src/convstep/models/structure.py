"""One thing, a list of things or a dict of things: how a model's inputs and outputs are grouped.

One rule: inside a model everything is a flat list; a dict is flattened in the order of its sorted keys, as in Keras.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from convstep.checks import refusal, shown
from convstep.errors import ArgumentTypeError, ShapeError


@dataclass(frozen=True)
class Structure:
    """How many things there are, and under which keys. `listed`: one thing alone was given as a list."""

    count: int
    keys: tuple[str, ...] | None = None
    listed: bool = False

    @classmethod
    def of(cls, value: Any) -> tuple[Self, list[Any]]:
        """Return how a value is grouped, and its things in order."""
        if isinstance(value, Mapping):
            keys = tuple(sorted(value))
            return cls(len(keys), keys), [value[key] for key in keys]
        if isinstance(value, list | tuple):
            return cls(len(value), None, listed=True), list(value)
        return cls(1), [value]

    @property
    def places(self) -> Sequence[Any]:
        """Where each thing is found in what `pack` returns."""
        return self.keys if self.keys is not None else range(self.count)

    def pack(self, items: Sequence[Any]) -> Any:
        """Group things again; a list of one is the one, as in Keras."""
        if self.keys is not None:
            return dict(zip(self.keys, items, strict=True))
        return list(items) if self.count > 1 else items[0]

    def flat(self, op: str, what: str, value: Any, names: Sequence[str]) -> list[Any]:
        """Return what a caller gave, as a list: grouped in the same way, in order, or by names.

        Parameters
        ----------
        op, what : str
            Who asks and for what, for errors: "fit" and "x".
        value : any
        names : sequence of str
            What the things are called, in order.

        Raises
        ------
        ShapeError, ArgumentTypeError
            If there are more or fewer, or under other names.
        """
        if isinstance(value, Mapping):
            known = [self.keys, tuple(names)] if self.keys is not None else [tuple(names)]
            for keys in known:
                if set(keys) == set(value):
                    return [value[key] for key in keys]
            held = f"the keys {_words(sorted(map(str, value)))}" if value else "no keys"
            fact = f"{what} has {held}, but the model has {_words(known[0])}"
            raise refusal(op, fact, {what: {key: getattr(item, "shape", item) for key, item in value.items()}})
        items = list(value) if isinstance(value, list | tuple) else [value]
        if len(items) != self.count:
            several = f"a list of {len(items)}" if isinstance(value, list | tuple) else "one array"
            fact = f"{what} is {several}, but the model has {self.count}: {_words(names)}"
            given = {what: tuple(getattr(item, "shape", shown(item)) for item in items)}
            raise refusal(op, fact, given, kind=ShapeError if isinstance(value, list | tuple) else ArgumentTypeError)
        return items


def _words(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
