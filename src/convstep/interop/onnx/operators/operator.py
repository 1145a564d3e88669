"""One operator: what it takes, and the function that computes it.

One rule: inputs are checked here, so that a function sees as many as it expects, of types that it knows.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np

from convstep.checks import Array
from convstep.interop.onnx.operators.reading import Unfit
from convstep.interop.onnx.records import Node

FLOATS = frozenset({"float16", "float32", "float64", "bfloat16"})
INTEGERS = frozenset({"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"})
HALVES = frozenset({"float16", "bfloat16"})
LETTERS = {
    "F": (FLOATS, "floats"),
    "N": (FLOATS | INTEGERS, "numbers"),
    "Z": (INTEGERS, "integers"),
    "B": (frozenset({"bool"}), "booleans"),
    "I": (frozenset({"int32", "int64"}), "int32 or int64"),
    "L": (frozenset({"int64"}), "int64"),
    "A": (None, "numbers or booleans"),
}


class Slot(NamedTuple):
    """One input: the types that it may have, what they are called, and whether all slots of its letter have one type."""

    letter: str
    types: frozenset[str] | None
    noun: str
    alike: bool
    optional: bool
    many: bool


@dataclass(frozen=True)
class Operator:
    """An operator, from one opset on.

    Attributes
    ----------
    name : str
        As ONNX calls it.
    run : callable
        Takes the node and the inputs, None for one that is left out, and returns the result or a list of them.
    takes : str
        One word for each input: F floats, N numbers, Z integers, B booleans, I indices, L int64, A anything but text. Inputs of one
        capital letter, but I and L, have one type; small letters stand alone. "?" behind it: may be left out; "*": any number of them.
    attributes : str
        The names of its attributes.
    since : int
        The first opset for which this is right.
    wide : bool
        Whether float16 and bfloat16 are computed in float32, as float32 results become what came in.
    """

    name: str
    run: Callable[..., Any]
    takes: str
    attributes: str = ""
    since: int = 1
    wide: bool = True

    def __call__(self, node: Node, given: Sequence[Array | None]) -> list[Array]:
        """Compute the results.

        Raises
        ------
        Unfit
            If the inputs or the attributes are not what the operator takes.
        """
        self._attributes_known(node)
        inputs = list(self._inputs(given))
        half = next((x.dtype for x in inputs if x is not None and called(x.dtype) in HALVES), None) if self.wide else None
        if half is not None:
            inputs = [x.astype(np.float32) if x is not None and called(x.dtype) in HALVES else x for x in inputs]
        results = self.run(node, *inputs)
        made = [np.asarray(result) for result in (results if isinstance(results, list | tuple) else [results])]
        return made if half is None else [y.astype(half) if y.dtype == np.float32 else y for y in made]

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """The inputs."""
        words = self.takes.split()
        return tuple(
            Slot(word[0], *LETTERS[word[0].upper()], word[0].isupper() and word[0] not in "IL", "?" in word, "*" in word) for word in words
        )

    @cached_property
    def known(self) -> frozenset[str]:
        """The names of its attributes."""
        return frozenset(self.attributes.split())

    def _attributes_known(self, node: Node) -> None:
        for name in node.attributes:
            if name not in self.known and not (name == "consumed_inputs" and node.opset < 6):
                raise Unfit(f"it has no attribute {name!r} that is known here")

    def _inputs(self, given: Sequence[Array | None]) -> Iterator[Array | None]:
        """Yield the inputs, filled up with None."""
        slots = self.slots
        if slots and slots[-1].many:
            slots += (slots[-1],) * (len(given) - len(slots))
        elif len(given) > len(slots):
            raise Unfit(f"it takes at most {len(slots)} inputs, not {len(given)}")
        seen: dict[str, tuple[int, str]] = {}
        for at, slot in enumerate(slots):
            x = given[at] if at < len(given) else None
            if x is None:
                if slot.optional:
                    yield None
                    continue
                raise Unfit(f"input {at + 1} is missing")
            name = called(x.dtype)
            if x.dtype.kind in "OUSMmc" or (slot.types is not None and name not in slot.types):
                raise Unfit(f"input {at + 1} must hold {slot.noun}, not {_held(x)}")
            first, other = seen.setdefault(slot.letter, (at, name)) if slot.alike else (at, name)
            if other != name:
                raise Unfit(f"inputs {first + 1} and {at + 1} must have one type, not {other} and {name}")
            yield x


@lru_cache(maxsize=64)
def called(dtype: np.dtype[Any]) -> str:
    """Return the name of a type; NumPy makes it anew each time."""
    return dtype.name


def _held(x: Array) -> str:
    return {"O": "text", "U": "text", "S": "text", "c": "complex numbers"}.get(x.dtype.kind, x.dtype.name)
