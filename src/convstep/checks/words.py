"""What errors say: line 1 is `operation: the fact, with both numbers`, line 2 is what was given, in the caller's own names."""

import re
import reprlib
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from convstep.errors import ArgumentTypeError, ShapeError
from convstep.geometry import Axis

Refusal: TypeAlias = ShapeError | ArgumentTypeError

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")  # another one in every run
FEW, LONG, BITS = 6, 70, 256  # how many items, characters and bits of a value an error shows


def refusal(op: str, fact: str, given: Mapping[str, object], advice: str = "", kind: type[Refusal] = ShapeError) -> Refusal:
    """Return the error: the fact in line 1, what was given in line 2, and what to give instead if that is known."""
    try_this = f"; try {advice}" if advice else ""
    return kind(f"{op}: {fact}\n  given {told(given)}{try_this}")


def told(given: Mapping[str, object] | Sequence[object]) -> str:
    """Return what was given as text: arrays as their shapes, behind their names where they have some."""
    if isinstance(given, Mapping):
        return ", ".join(f"{name} {_inside(value, 2)}" for name, value in given.items())
    return ", ".join(_inside(value, 2) for value in given)


def shown(value: object) -> str:
    """Return a short text for any value, whatever its own repr would do."""
    shape = _shape(value)
    return _inside(value, 2) if shape is None else f"an array of shape {shape}"


def counted(number: int, noun: str) -> str:
    """Return "1 row" or "2 rows"."""
    return f"{_inside(number, 0)} {noun}{'' if number == 1 else 's'}"


def extent(axis: Axis, noun: str) -> str:
    """Return how long a padded axis is, "5 rows", and how much of that is padding."""
    zeros = f" with its padding of {shown(axis.pad[0])} and {shown(axis.pad[1])}" if any(axis.pad) else ""
    return f"{counted(axis.padded, noun)}{zeros}"


def _inside(value: object, depth: int) -> str:
    """Return the text of a value inside others, `depth` levels of tuples and dicts deep."""
    try:
        text = _text(value, depth)
    except Exception:  # noqa: BLE001 - a stranger's methods may raise anything
        text = f"an instance of {type.__dict__['__name__'].__get__(type(value))}"  # not even its metaclass is asked
    text = ADDRESS.sub("", " ".join(text.split()))
    return text if len(text) <= 2 * LONG else f"{text[:LONG]} ... {text[-FEW:]}"


def _text(value: object, depth: int) -> str:
    shape = _shape(value)
    if shape is not None:
        return shape
    if issubclass(type(value), int) and int.bit_length(value) > BITS:  # type: ignore[arg-type]
        power = f"2**{int.bit_length(value) - 1}"  # type: ignore[arg-type]
        return f"-{power} or less" if int.__lt__(value, 0) else f"{power} or more"  # type: ignore[operator]
    if depth and type(value) in {tuple, list} and len(value) <= FEW:  # type: ignore[arg-type]
        items = ", ".join(_inside(item, depth - 1) for item in value)  # type: ignore[attr-defined]
        return f"[{items}]" if type(value) is list else f"({items},)" if len(value) == 1 else f"({items})"  # type: ignore[arg-type]
    if depth and type(value) is dict and len(value) <= FEW:
        return f"{{{', '.join(f'{_inside(key, 0)}: {_inside(item, depth - 1)}' for key, item in value.items())}}}"
    brief = reprlib.Repr()
    brief.maxstring = brief.maxother = brief.maxlong = LONG
    return brief.repr(value)


def _shape(value: object) -> str | None:
    """Return the shape of an array as text; None for anything else."""
    return str(np.ndarray.shape.__get__(value)) if issubclass(type(value), np.ndarray) else None
