"""One operation of an ONNX file, as plain data, and what is said of one that cannot be done."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convstep.checks import shown
from convstep.errors import ConvStepError, DataError

WORD = re.compile(r"[A-Za-z0-9_.]{1,64}")


@dataclass(frozen=True)
class Node:
    """One operation.

    Attributes
    ----------
    kind : str
        The operator's name, such as "Conv".
    opset : int
        The version of the operators of its domain that the file asks for.
    name : str
        Its own name, or that of its first result where it has none.
    inputs, outputs : tuple of str
        The values that it reads and makes; "" for one that is left out.
    attributes : mapping
        int, float, str, tuples of these, and arrays.
    domain : str
        Whose operator it is, "" for ONNX's own.
    """

    kind: str
    opset: int
    name: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    domain: str = ""

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute."""
        return self.attributes.get(name, default)

    @property
    def called(self) -> str:
        """How messages name it."""
        kind = ".".join(word if WORD.fullmatch(word) else shown(word) for word in (self.domain, self.kind) if word)
        return f"node {shown(self.name)} ({kind}, opset {self.opset})"


def node_refusal(node: Node, fact: str, given: str = "") -> DataError:
    """Return the error for a node that cannot be done: line 1 names it and says why, line 2 what was given."""
    return DataError(f"onnx: {node.called}: {fact}" + (f"\n  given {given}" if given else ""))


def fact_of(error: ConvStepError) -> str:
    """Return the fact of an error without the name of who said it."""
    return str(error).splitlines()[0].partition(": ")[2]
