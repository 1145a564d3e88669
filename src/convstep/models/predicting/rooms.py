"""Where values of a piece lie: what a concatenation joins is written right into its result by the steps that compute it.

One rule: a value has at most one place; whatever else is joined is copied.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from convstep.checks import Array
from convstep.engines import current_engine
from convstep.layers import Concatenate
from convstep.models.predicting.computing import Step, writes

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """Some channels of a room: of the array that is the value of the room's number."""

    room: int
    first: int
    channels: int
    total: int


def places_of(steps: Sequence[Step], first: int) -> dict[int, Place]:
    """Return the places of values, the first of the steps giving the value `first`."""
    places: dict[int, Place] = {}
    for value in range(first + len(steps) - 1, first - 1, -1):  # from the outermost concatenation to those inside of it
        step = steps[value - first]
        if not _joins_channels(step):
            continue
        inside = [steps[read - first] if read >= first else None for read in step.reads]
        sizes = [None if item is None else item.channels for item in inside]
        own = places.get(value) or Place(value, 0, step.channels or 0, step.channels or 0)
        at = own.first
        for read, item, size in zip(step.reads, inside, sizes, strict=True):
            if item is None or size is None:
                break  # nobody knows where the next one begins
            if writes(item) and read not in places and item.rank == step.rank:
                places[read] = Place(own.room, at, size, own.total)
                places[value] = own
            at += size
    return places


def _joins_channels(step: Step) -> bool:
    layer: Any = step.layer
    last = type(layer) is Concatenate and step.rank is not None and layer.axis % step.rank == step.rank - 1
    return bool(last and step.own and step.channels and not step.activation)


class Rooms:
    """The rooms of one walk over a piece."""

    def __init__(self, places: Mapping[int, Place]) -> None:
        self._places, self._arrays = places, dict[int, Array]()

    def at(self, value: int) -> Callable[[Shape, Any], Array | None] | None:
        """Return what gives a value its place, for a shape and a type; None for a value that has none."""
        place = self._places.get(value)
        return None if place is None else partial(self._slice, place)

    def leave(self, value: int) -> None:
        """Let a room go that is filled: its values hold it."""
        self._arrays.pop(value, None)

    def _slice(self, place: Place, shape: Shape, dtype: Any) -> Array | None:
        room = self._arrays.get(place.room)
        if room is None:
            room = self._arrays[place.room] = current_engine().empty((*shape[:-1], place.total), dtype)
        if (room.shape[:-1], room.dtype, place.channels) != (shape[:-1], dtype, shape[-1]):
            return None  # which the concatenation will say something about
        return room[..., place.first : place.first + place.channels]
