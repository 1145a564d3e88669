"""Pickles without `pickle`: a machine of its own, which makes numbers, texts, lists, dicts and inert pieces.

One rule: nothing that the stream names is imported or called; a name or an instruction that is not expected is refused.
"""

import pickletools
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

__all__ = ["MOST_INSTRUCTIONS", "Name", "Persistent", "PickleError", "Piece", "names_of", "unpickled"]

MOST_INSTRUCTIONS = 500_000  # a tensor takes about 30; each makes at most some 100 bytes
HASHED = (str, bytes, int, float, type(None))  # tuples may hold one another so often that to hash one takes for ever


class PickleError(ValueError):
    """A pickle that is refused, and why."""


@dataclass(frozen=True)
class Name:
    """A class or function that the stream names; only its name."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Piece:
    """What would have been made: by whom, of what, and the state it would have been given."""

    kind: Name
    arguments: tuple[Any, ...]
    state: Any = None


@dataclass(eq=False)
class Persistent:
    """A reference to something that lies outside of the pickle."""

    key: Any


Expected: TypeAlias = Callable[[Name], bool]


def unpickled(stream: BinaryIO, expected: Expected, references: list[Persistent] | None = None) -> Any:
    """Return the value of the pickle that begins here; the stream stands behind it afterwards.

    Parameters
    ----------
    stream : binary file
    expected : callable
        Whether a name may occur.
    references : list, optional
        Every reference to something outside is appended to it.

    Raises
    ------
    PickleError
        If the pickle is damaged, holds an instruction or name that is not expected, or too many of them.
    """
    machine = _Machine(expected, [] if references is None else references)
    try:
        for code, argument in _instructions(stream):
            machine.follow(code, argument)
        (value,) = machine.stack
    except PickleError:
        raise
    except Exception as error:  # noqa: BLE001 - an empty stack, a memo that was not filled, text that is none
        raise PickleError(f"the pickle is cut off or damaged ({type(error).__name__})") from None
    if machine.marks:
        raise PickleError("the pickle is damaged (a mark is left)")
    return value


def names_of(stream: BinaryIO) -> list[str]:
    """Return every name that the pickle may look up, "module name", in order; nothing is followed."""
    found: list[str] = []
    with suppress(Exception):  # whoever follows it will say what is wrong
        for code, argument in _instructions(stream):
            if code == "GLOBAL":
                found.append(argument)
            elif code in {"SHORT_BINUNICODE", "BINUNICODE"}:  # what STACK_GLOBAL would put together
                found.append(f"{argument} ")
    return found


def _instructions(stream: BinaryIO) -> Iterator[tuple[str, Any]]:
    for count, (code, argument, _) in enumerate(pickletools.genops(stream)):
        if count >= MOST_INSTRUCTIONS:
            raise PickleError(f"the pickle has more than {MOST_INSTRUCTIONS} instructions")
        yield code.name, argument


class _Machine:
    """A stack, places in it that are marked, and a memo."""

    def __init__(self, expected: Expected, references: list[Persistent]) -> None:
        self.expected, self.references = expected, references
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def follow(self, code: str, argument: Any) -> None:
        """Follow one instruction."""
        if code in VALUES:
            self.stack.append(argument)
        elif code in CONSTANTS:
            self.stack.append(CONSTANTS[code])
        elif code in EMPTY:
            self.stack.append(EMPTY[code]())
        elif code in TUPLES:
            self.stack.append(tuple(self.pop(TUPLES[code])))
        elif code in {"BINPUT", "LONG_BINPUT"}:
            self.memo[argument] = self.stack[-1]
        elif code in {"BINGET", "LONG_BINGET"}:
            self.stack.append(self.memo[argument])
        elif code in OTHERS:
            OTHERS[code](self, argument)
        elif code not in {"PROTO", "FRAME", "STOP"}:
            raise PickleError(f"the pickle has the instruction {code}, which weights do not need")

    def pop(self, count: int) -> list[Any]:
        """Return the last values of the stack and take them off; never those below a mark."""
        bottom = self.marks[-1] if self.marks else 0
        if len(self.stack) - count < bottom:
            raise PickleError("the pickle is damaged (the stack is empty)")
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return values

    def marked(self) -> list[Any]:
        """Return the values above the last mark and take them off."""
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def mark(self, _: Any) -> None:
        self.marks.append(len(self.stack))

    def memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def name(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._name(module, name)

    def stacked_name(self, _: Any) -> None:
        module, name = self.pop(2)
        self._name(module, name)

    def _name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str) or not self.expected(Name(module, name)):
            raise PickleError(f"the pickle names {f'{module}.{name}'[:80]}, which weights do not need")
        self.stack.append(Name(module, name))

    def refer(self, _: Any) -> None:
        self.references.append(Persistent(*self.pop(1)))
        self.stack.append(self.references[-1])

    def make(self, _: Any) -> None:
        kind, arguments = self.pop(2)
        if not isinstance(kind, Name) or not isinstance(arguments, tuple):
            raise PickleError("the pickle is damaged (it calls what is no function)")
        self.stack.append(_dict_of(arguments) if kind.module == "collections" else Piece(kind, arguments))

    def build(self, _: Any) -> None:
        (state,) = self.pop(1)
        if isinstance(self.stack[-1], Piece):
            self.stack[-1].state = state
        elif not isinstance(self.stack[-1], dict):  # what a dict is given besides its items does not count
            raise PickleError(f"the pickle gives a state to a {type(self.stack[-1]).__name__}")

    def set_items(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(values) % 2:
            raise PickleError("the pickle is damaged (items for what is no dict)")
        target.update(_items(zip(values[::2], values[1::2], strict=True)))

    def extend(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise PickleError("the pickle is damaged (entries for what is no list)")
        self.stack[-1].extend(values)

    def whole_dict(self, _: Any) -> None:
        values = self.marked()
        self.stack.append({})
        self.set_items(values)


def _dict_of(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    """Return what OrderedDict, defaultdict or Counter would make."""
    dicts = [item for item in arguments if isinstance(item, dict)]
    pairs = [item for item in arguments if isinstance(item, list)]
    return dict(dicts[0]) if dicts else dict(_items((key, value) for key, value in pairs[0])) if pairs else {}


def _items(pairs: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in pairs:
        if not isinstance(key, HASHED):
            raise PickleError(f"a dict in the pickle has a key that is no text and no number, but a {type(key).__name__}")
        yield key, value


VALUES = frozenset(
    ["BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"]
).union(["SHORT_BINSTRING", "BINSTRING", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8"])  # fmt: skip
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_SET": list}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
OTHERS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "MEMOIZE": _Machine.memoize,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.stacked_name,
    "REDUCE": _Machine.make,
    "NEWOBJ": _Machine.make,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.refer,
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.marked())),
    "LIST": lambda machine, _: machine.stack.append(machine.marked()),
    "FROZENSET": lambda machine, _: machine.stack.append(tuple(machine.marked())),
    "DICT": _Machine.whole_dict,
    "SETITEM": lambda machine, _: machine.set_items(machine.pop(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.marked()),
    "APPEND": lambda machine, _: machine.extend(machine.pop(1)),
    "APPENDS": lambda machine, _: machine.extend(machine.marked()),
    "ADDITEMS": lambda machine, _: machine.extend(machine.marked()),
}
