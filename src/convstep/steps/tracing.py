"""The record of what a step-by-step function did, as plain data.

One rule: the functions themselves report, from the loop that computes. `trace` listens; nothing is computed a second time.
"""

import inspect
import math
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convstep.checks import counted, refusal, shown, whole
from convstep.errors import ArgumentTypeError

FUNCTIONS = (
    "zero_pad",
    "conv_single_step",
    "conv_forward",
    "pool_forward",
    "conv_backward",
    "create_mask_from_window",
    "distribute_value",
    "pool_backward",
)

_NUMBER = {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}
_NUMBERS = {"anyOf": [*_NUMBER["anyOf"], {"type": "array", "items": {"$ref": "#/$defs/numbers"}}]}
_RANGE = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2, "maxItems": 2}
_WINDOW = {
    "type": "object",
    "required": ["rows", "columns"],
    "additionalProperties": False,
    "properties": {"rows": _RANGE, "columns": _RANGE},
}


def _about(schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    return {**schema, "description": description}


TRACE_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "What one call of a function of convstep.steps did",
    "type": "object",
    "required": ["function", "arguments", "events", "result"],
    "additionalProperties": False,
    "$defs": {"numbers": _NUMBERS},
    "properties": {
        "function": {"enum": list(FUNCTIONS)},
        "arguments": {"type": "object", "description": "the arguments by name; arrays as nested lists"},
        "result": {"description": "what the function returned; arrays as nested lists"},
        "events": {
            "type": "array",
            "description": "one event for each step, in the order in which they were taken",
            "items": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": False,
                "properties": {
                    "cell": {
                        "type": "array",
                        "items": {"type": "integer", "minimum": 0},
                        "minItems": 4,
                        "maxItems": 4,
                        "description": "(i, h, w, c) of the output: written in a forward pass, passed back in a backward pass",
                    },
                    "window": _about(_WINDOW, "[start, stop] of the rows and columns under the window, counted in the padded image"),
                    "interior": _about(_WINDOW, "[start, stop] of the rows and columns of X inside X_pad"),
                    "products": _about(_NUMBERS, "window times filter, cell by cell"),
                    "sum": _about(_NUMBER, "the products, or the values of an average, added up in reading order"),
                    "bias": _about(_NUMBER, "the bias that was added once"),
                    "values": _about(_NUMBERS, "the cells of the window that pooling looked at"),
                    "value": _about(_NUMBER, "what was written into the cell, before the result is rounded to its type (float16)"),
                    "largest": _about(_NUMBER, "the largest value of the window"),
                    "mask": {"type": "array", "items": {"type": "array", "items": {"type": "boolean"}}},
                    "share": _about(_NUMBER, "what each cell of the window gets"),
                    "received": _about(_NUMBERS, "what was added to the gradient of the window's cells"),
                    "to_window": _about(_NUMBERS, "what was added to the gradient of the window's cells"),
                    "to_filter": _about(_NUMBERS, "what was added to dW[..., c]"),
                    "to_bias": _about(_NUMBER, "what was added to db[..., c]"),
                },
            },
        },
    },
}


@dataclass
class _Listener:
    """The events so far, and the facts about the step that is under way."""

    function: str
    limit: int
    events: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def end_step(self) -> None:
        if len(self.events) == self.limit:
            raise refusal(
                "trace",
                f"{self.function} takes more than {counted(self.limit, 'step')}; trace a smaller input",
                {"limit": self.limit},
            )
        self.events.append({name: _plain(value) for name, value in self.facts.items()})
        self.facts = {}


_listener: ContextVar[_Listener | None] = ContextVar("convstep_trace", default=None)


def trace(function: Callable[..., Any], /, *arguments: Any, limit: int = 100_000, **keywords: Any) -> dict[str, Any]:
    """Call one of the eight functions and return the record of what it did.

    Parameters
    ----------
    function : one of the eight functions of `convstep.steps`
    *arguments, **keywords
        Its arguments.
    limit : int
        The most steps to record.

    Returns
    -------
    dict
        Plain data after `convstep.steps.TRACE_SCHEMA`: "function", "arguments", "events" (one for each step, in order) and "result".
        Arrays are nested lists; NaN and infinities, which JSON lacks, are the texts "NaN", "Infinity" and "-Infinity".

    Raises
    ------
    ArgumentTypeError
        If the function is not one of the eight.
    ShapeError
        If it takes more than `limit` steps, or refuses its arguments.
    """
    steps = sys.modules["convstep.steps"]
    name = next((name for name in FUNCTIONS if function is getattr(steps, name)), None)
    if name is None:
        fact = f"function must be one of the eight of convstep.steps, not {shown(function)}"
        raise refusal("trace", fact, {"function": function}, kind=ArgumentTypeError)
    listener = _Listener(name, whole("trace", "limit", limit, 1))
    token = _listener.set(listener)
    try:
        result = function(*arguments, **keywords)
        if listener.facts:
            listener.end_step()
    finally:
        _listener.reset(token)
    named = inspect.signature(function).bind(*arguments, **keywords)
    named.apply_defaults()
    return {"function": name, "arguments": _plain(named.arguments), "events": listener.events, "result": _plain(result)}


def note(**facts: Any) -> None:
    """Report facts about the step that is under way."""
    listener = _listener.get()
    if listener is not None:
        listener.facts |= facts


def step(**facts: Any) -> None:
    """Report the end of a step, with the last facts about it."""
    listener = _listener.get()
    if listener is not None:
        listener.facts |= facts
        listener.end_step()


def _plain(value: Any) -> Any:
    """Return the value in JSON's own types; what is none of Python's own is an array to the functions, and so it is here."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple) and value and all(isinstance(item, slice) for item in value):
        return {name: [cells.start, cells.stop] for name, cells in zip(("rows", "columns"), value, strict=True)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float | np.longdouble):
        number = float(value)
        return number if math.isfinite(number) else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(number, "NaN")
    return _plain(np.asarray(value).tolist())
