"""What `convstep.trace` returned, read for a picture.

One rule: a picture of a record shows what the function did; nothing of it is computed again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from convstep.checks import Array, listed, refusal, shown, whole
from convstep.errors import ArgumentTypeError
from convstep.figures.grids import Block

__all__ = ["Record"]


@dataclass(frozen=True)
class Record:
    """The record of one call.

    Attributes
    ----------
    op : str
        Which picture is drawn of it.
    function : str
        Whose record it is.
    arguments : mapping
    events : sequence of mappings
        The steps.
    result : any
    """

    op: str
    function: str
    arguments: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]]
    result: Any

    @classmethod
    def of(cls, op: str, record: Any, functions: Sequence[str]) -> "Record":
        """Read the record of one of these functions."""
        keys = ("function", "arguments", "events", "result")
        if not isinstance(record, Mapping) or any(key not in record for key in keys):
            fact = f"record must be what convstep.trace({functions[0]}, ...) returns"
            raise refusal(op, fact, {"record": record}, kind=ArgumentTypeError)
        read = cls(op, *(record[key] for key in keys))
        if read.function not in functions:
            fact = f"the picture is of {' or '.join(functions)}, but the record is of {shown(read.function)}"
            raise refusal(op, fact, {"record": record})
        if not read.events:
            raise refusal(op, f"the record of {read.function} has no steps: there was no image", {"record": record})
        return read

    def step(self, cell: Any) -> Mapping[str, Any]:
        """Return the step of an output cell (i, h, w, c); for None, the first one."""
        if cell is None:
            return self.events[0]
        wanted = self.place("cell", cell, ("i", "h", "w", "c"))
        for event in self.events:
            if list(event["cell"]) == wanted:
                return event
        last = tuple(self.events[-1]["cell"])
        raise refusal(self.op, f"no step was taken for cell {tuple(wanted)}: they go from (0, 0, 0, 0) to {last}", {"cell": cell})

    def place(self, name: str, value: Any, axes: Sequence[str]) -> list[int]:
        """Return a place as whole numbers, one for each of these axes."""
        items = listed(self.op, name, value)
        if len(items) != len(axes):
            raise refusal(self.op, f"{name} must be ({', '.join(axes)}), not {shown(items)}", {name: value})
        return [whole(self.op, f"{axis} of {name}", item, 0) for axis, item in zip(axes, items, strict=True)]


def values(nested: Any) -> Array:
    """Return nested lists as an array; trace writes NaN and infinities as texts."""
    return np.array(nested, dtype=np.float64)


def block(window: Mapping[str, Any]) -> Block:
    """Return the slices of a window."""
    (top, bottom), (left, right) = window["rows"], window["columns"]
    return slice(top, bottom), slice(left, right)
