"""A frozen model's steps for one shape of batch: those next to each other that are kernels alone are one program.

One rule: a program is used only after it gave, on other numbers, the bits of the steps that it was made of.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np

from convstep.checks import Array
from convstep.engines import current_engine
from convstep.models.predicting.computing import Step
from convstep.models.predicting.planning import TYPES
from convstep.models.predicting.rooms import Place, Rooms, places_of

SEED = (1998, 11)  # of the numbers that a program is tried on, which must not be those that it was made with


@dataclass(frozen=True)
class Piece:
    """Steps one after the other: which values they need of others, and which of theirs others need."""

    steps: Sequence[Step]
    first: int  # the place of what the first step gives
    takes: tuple[int, ...]
    gives: tuple[int, ...]

    def __call__(self, *given: Any) -> list[Any]:
        """Follow the steps, and let every value go after its last reader."""
        values, rooms = dict(zip(self.takes, given, strict=True)), Rooms(self._places)
        left = Counter(place for step in self.steps for place in step.reads)
        left.update(self.gives)
        for place, step in enumerate(self.steps, self.first):
            arrays = [values[read] for read in step.reads]
            left.subtract(step.reads)
            for read in step.reads:
                if not left[read]:
                    values.pop(read, None)
            values[place] = step(*arrays, into=rooms.at(place))
            rooms.leave(place)
        return [values[place] for place in self.gives]

    @cached_property
    def _places(self) -> dict[int, Place]:
        return places_of(self.steps, self.first)

    @property
    def own(self) -> bool:
        """Whether kernels alone do it."""
        return all(step.own for step in self.steps)

    def halves(self) -> "list[Piece]":
        """Return it as two pieces."""
        middle = self.first + len(self.steps) // 2
        return [self._part(self.first, middle), self._part(middle, self.first + len(self.steps))]

    def _part(self, start: int, stop: int) -> "Piece":
        inside, rest = self.steps[start - self.first : stop - self.first], self.steps[stop - self.first :]
        return piece_of(inside, start, {*self.gives, *(read for step in rest for read in step.reads)})


def piece_of(steps: Sequence[Step], first: int, wanted: set[int]) -> Piece:
    """Return steps as a piece, of whose values those behind it want some."""
    places = range(first, first + len(steps))
    takes = dict.fromkeys(read for step in steps for read in step.reads if read not in places)
    return Piece(steps, first, tuple(takes), tuple(place for place in places if place in wanted))


def pieces_of(steps: Sequence[Step], inputs: int, results: Sequence[int]) -> list[Piece]:
    """Cut steps into runs of those that kernels do, and of others."""
    pieces, at = [], 0
    for _, run in groupby(steps, key=lambda step: step.own):
        count = len(list(run))
        wanted = {*results, *(read for step in steps[at + count :] for read in step.reads)}
        pieces.append(piece_of(steps[at : at + count], inputs + at, wanted))
        at += count
    return pieces


class Prepared:
    """The steps of a network, prepared for batches of one shape: called with the inputs, it returns the outputs.

    Parameters
    ----------
    pieces : sequence of Piece
    results : sequence of int
        The places of the outputs.
    given : sequence of array
        A batch.
    """

    def __init__(self, pieces: Sequence[Piece], results: Sequence[int], given: Sequence[Array]) -> None:
        self._results, self._turn = list(results), threading.Lock()
        values: dict[int, Any] = dict(enumerate(given))
        self._performed = [item for piece in pieces for item in _prepared(piece, values)]

    def __call__(self, given: Sequence[Array]) -> list[Array]:
        """Return the outputs, in memory that no later call touches."""
        with self._turn:  # programs have one memory
            values: dict[int, Any] = dict(enumerate(given))
            for piece, perform in self._performed:
                found = perform(*(values[place] for place in piece.takes))
                values.update(zip(piece.gives, found, strict=True))
            return self._kept([values[place] for place in self._results], given)

    def _kept(self, results: list[Array], given: Sequence[Array]) -> list[Array]:
        """Return results, copied where they are the caller's, or lie where the next call writes, or where another one does."""
        programs = (perform for _, perform in self._performed if isinstance(perform, _Program))
        taken = [*given, *(item for program in programs for item in program.results)]
        kept: list[Array] = []
        for y in results:
            kept.append(y.copy() if any(np.may_share_memory(y, item) for item in (*taken, *kept)) else y)
        return kept


def _prepared(piece: Piece, values: dict[int, Any]) -> Iterator[tuple[Piece, Callable[..., list[Any]]]]:
    """Yield a piece as a program, or what parts of it can be one; what the steps give is added to the values."""
    given = [values[place] for place in piece.takes]
    program = _programmed(piece, given)
    if program is None and piece.own and current_engine().program is not None and len(piece.steps) > 1:
        for half in piece.halves():
            yield from _prepared(half, values)
        return
    values.update(zip(piece.gives, piece(*given), strict=True))
    yield piece, piece if program is None else program


def _programmed(piece: Piece, given: list[Any]) -> "_Program | None":
    """Return a piece as a program that gives its bits; None where there is none."""
    engine = current_engine()
    if engine.program is None or not piece.own or not given or not all(_suits(item) for item in given):
        return None
    program = _Program(piece, given)
    rng = np.random.default_rng(SEED)
    others = [rng.standard_normal(item.shape).astype(item.dtype) for item in given]
    found = program(*others)
    wanted = piece(*others)
    same = all(np.array_equal(one, other, equal_nan=True) for one, other in zip(found, wanted, strict=True))
    return program if same else None


def _suits(item: Any) -> bool:
    return isinstance(item, np.ndarray) and item.dtype in TYPES and item.size > 0


class _Program:
    """A piece that runs without Python; where its program cannot be trusted, its steps are followed."""

    def __init__(self, piece: Piece, given: list[Array]) -> None:
        make = current_engine().program
        if make is None:
            raise AssertionError  # asked before
        self._piece, self._given = piece, [(item.shape, item.dtype) for item in given]
        self._program = make(piece, given, frozen=True)
        self.results: list[Array] = self._program(*given) or []

    def __call__(self, *given: Array) -> list[Array]:
        same = all((item.shape, item.dtype) == known for item, known in zip(given, self._given, strict=True))
        found = self._program(*given) if same else None
        return self._piece(*given) if found is None else found
