"""Filters slide over images: what was planned is run, whichever way it was planned.

One rule: nothing here computes, and no plan knows addresses.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from convstep.checks import Array
from convstep.engines.compiled.buffers import Buffers
from convstep.engines.compiled.native import Kernel, address_of, packed
from convstep.engines.compiled.recording import current
from convstep.engines.compiled.threads import Task, run_all, threads
from convstep.engines.compiled.walks import Filters, Line, Shape


class Facts(NamedTuple):
    """What a plan follows from: how filters slide, the size of a number in bytes, the threads, and how images lie."""

    walk: tuple[Line, Line]
    filters: Filters
    floor: bool
    size: int
    workers: int
    x_shape: Shape
    x_strides: Shape
    y_shape: Shape
    y_strides: Shape


def facts_of(x: Array, walk: tuple[Line, Line], filters: Filters, y: Array, *, floor: bool) -> Facts:
    """Return what a plan follows from, for the threads that there are now."""
    return Facts(walk, filters, floor, x.itemsize, threads(), x.shape, x.strides, y.shape, y.strides)


@dataclass(frozen=True)
class Plan:
    """What `slide` needs besides addresses; sizes in bytes."""

    pack: Kernel
    panels: int
    packed: int
    layout: bytes
    code: Kernel
    jobs: int
    buffers: int
    numbers: bytes
    tables: tuple[Array, ...]  # that the numbers point to


def slide(plan: Plan, x: Array, w: Array, b: Array | None, y: Array, place: int) -> None:
    """Write to y, from this byte on, what filters make of x as it was planned."""
    recording = current.get()
    if recording is not None:
        recording.kept.append(plan)
    with Buffers() as buffers:
        panels = buffers.take(plan.packed, lasting=True)
        pack = Task(plan.pack, plan.panels, packed(address_of(w), panels) + plan.layout, once=True)
        addresses = address_of(x), panels, 0 if b is None else address_of(b), address_of(y) + place, buffers.take(plan.buffers)
        run_all(pack, Task(plan.code, plan.jobs, packed(*addresses) + plan.numbers))


class Way(Protocol):
    """What plans, and says how long it will take: filters are in the lanes, or pixels."""

    def cycles(self, walk: tuple[Line, Line], filters: Filters, size: int) -> float:
        """Return how long an output pixel of a group takes, about."""

    def planned(self, facts: Facts) -> Plan:
        """Return everything that follows from shapes alone."""
