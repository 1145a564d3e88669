"""Several numbers side by side: the words of kernels whose lanes are channels.

One rule: a run of channels is walked in pieces of `lanes` <= channels, the last of which ends with the run; so a piece may meet channels
that the one before has met, and nothing outside the run is read or written.
"""

from functools import cache
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

from convstep.engines.compiled.kernels.words import FLOATS, I32, I64

WHOLE = {4: I32, 8: I64}  # numbers of the same size


class Lanes(types.Type):  # type: ignore[misc] # no types in Numba
    """LLVM's vector as a type of Numba's."""

    def __init__(self, number: Any, lanes: int) -> None:
        self.number, self.lanes = number, lanes
        self.vector = ir.VectorType(number, lanes)
        super().__init__(name=f"{number} x {lanes}")


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    """A vector is itself, in registers and in memory."""

    def __init__(self, manager: Any, kind: Lanes) -> None:
        super().__init__(manager, kind, kind.vector)


class Vectors(NamedTuple):
    """The words for one size and count of lanes. Addresses, strides, places and counts are 64-bit integers, strides in bytes."""

    load: Any  # (address) -> vector
    load_apart: Any  # (address, stride) -> vector of numbers that lie apart
    store: Any  # (address, vector)
    transpose: Any  # (to, its stride, address, stride): as many vectors as there are lanes, the first lanes as the first vector
    fill: Any  # (number) -> vector
    plus: Any  # (vector, vector) -> vector
    times: Any  # (vector, vector) -> vector
    fma: Any  # (a, b, c) -> a * b + c, rounded once
    larger: Any  # (best, x) -> vector; NaN stays, and wins
    share: Any  # (x, y, vector) -> vector; times 1 where x == y, else times 0
    positive: Any  # (x, vector) -> vector; 0 where x is not above 0
    places: Any  # (place) -> vector of places, which count numbers
    winner: Any  # (best, x, places, place) -> places; where `larger` takes x, its place
    taken: Any  # (places, place, vector) -> vector; 0 in lanes of another place
    keep: Any  # (vector, skip) -> vector; 0 in the first lanes
    scatter: Any  # (address, vector, places): add each lane to the number at its place
    scatter_some: Any  # (address, vector, places, skip, low, high): but not the first lanes, and only where low <= place < high


@cache
def vectors(size: int, lanes: int) -> Vectors:
    """Return the words for numbers of this many bytes."""
    (number, suffix), whole = FLOATS[size], WHOLE[size]
    kind, places = Lanes(number, lanes), Lanes(whole, lanes)
    return Vectors(*_memory(kind, size), *_arithmetic(kind, f"v{lanes}{suffix}"), *_places(kind, places, size))


def _splat(builder: Any, kind: Lanes, value: Any) -> Any:
    if isinstance(value.type, ir.IntType) and value.type != kind.number:
        value = builder.trunc(value, kind.number)
    one = builder.insert_element(ir.Constant(kind.vector, ir.Undefined), value, I32(0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(I32, kind.lanes), [0] * kind.lanes))


def _all(kind: Lanes, value: float) -> Any:
    return ir.Constant(kind.vector, [value] * kind.lanes)


def _beats(builder: Any, x: Any, best: Any) -> Any:
    """Return where x is larger, or the first NaN."""
    return builder.and_(builder.fcmp_unordered(">", x, best), builder.fcmp_ordered("ord", best, best))


def _memory(kind: Lanes, size: int) -> tuple[Any, ...]:
    @intrinsic
    def load(_context: Any, address: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            loaded = builder.load(builder.inttoptr(arguments[0], kind.vector.as_pointer()))
            loaded.align = size
            return loaded

        return kind(address), generate

    @intrinsic
    def load_apart(_context: Any, address: Any, stride: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            address, stride = arguments
            total = ir.Constant(kind.vector, ir.Undefined)
            for lane in range(kind.lanes):
                total = builder.insert_element(total, builder.load(builder.inttoptr(address, kind.number.as_pointer())), I32(lane))
                address = builder.add(address, stride)
            return total

        return kind(address, stride), generate

    @intrinsic
    def store(_context: Any, address: Any, value: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            builder.store(arguments[1], builder.inttoptr(arguments[0], kind.vector.as_pointer())).align = size
            return I64(0)

        return types.int64(address, value), generate

    @intrinsic
    def transpose(_context: Any, to: Any, to_stride: Any, address: Any, stride: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            to, to_stride, address, stride = arguments
            rows = []
            for _ in range(kind.lanes):
                rows.append(builder.load(builder.inttoptr(address, kind.vector.as_pointer())))
                rows[-1].align = size
                address = builder.add(address, stride)
            for row in _transposed(builder, rows):
                builder.store(row, builder.inttoptr(to, kind.vector.as_pointer())).align = size
                to = builder.add(to, to_stride)
            return I64(0)

        return types.int64(to, to_stride, address, stride), generate

    return load, load_apart, store, transpose


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Return rows as columns: of each pair of rows, half a square apart, halves of smaller and smaller squares change places."""
    lanes, half = len(rows), len(rows) // 2
    while half:
        for i in (i for i in range(lanes) if not i & half):
            one, other = rows[i], rows[i + half]
            for shift, place in ((0, i), (half, i + half)):
                taken = [lane % half + lane // (2 * half) * 2 * half + shift + (lanes if lane & half else 0) for lane in range(lanes)]
                rows[place] = builder.shuffle_vector(one, other, ir.Constant(ir.VectorType(I32, lanes), taken))
        half //= 2
    return rows


def _arithmetic(kind: Lanes, suffix: str) -> tuple[Any, ...]:
    @intrinsic
    def fill(_context: Any, value: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return _splat(builder, kind, arguments[0])

        return kind(value), generate

    @intrinsic
    def plus(_context: Any, one: Any, other: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.fadd(*arguments)

        return kind(one, other), generate

    @intrinsic
    def times(_context: Any, one: Any, other: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.fmul(*arguments)

        return kind(one, other), generate

    @intrinsic
    def fma(_context: Any, a: Any, b: Any, c: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            function = ir.FunctionType(kind.vector, [kind.vector] * 3)
            return builder.call(cgutils.get_or_insert_function(builder.module, function, f"llvm.fma.{suffix}"), arguments)

        return kind(a, b, c), generate

    @intrinsic
    def larger(_context: Any, best: Any, x: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            best, x = arguments
            return builder.select(_beats(builder, x, best), x, best)

        return kind(best, x), generate

    @intrinsic
    def share(_context: Any, x: Any, y: Any, value: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            x, y, value = arguments
            return builder.fmul(builder.select(builder.fcmp_ordered("==", x, y), _all(kind, 1.0), _all(kind, 0.0)), value)

        return kind(x, y, value), generate

    @intrinsic
    def positive(_context: Any, x: Any, value: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            x, value = arguments
            return builder.select(builder.fcmp_ordered(">", x, _all(kind, 0.0)), value, _all(kind, 0.0))

        return kind(x, value), generate

    return fill, plus, times, fma, larger, share, positive


def _places(kind: Lanes, whole: Lanes, size: int) -> tuple[Any, ...]:
    @intrinsic
    def places(_context: Any, place: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return _splat(builder, whole, arguments[0])

        return whole(place), generate

    @intrinsic
    def winner(_context: Any, best: Any, x: Any, at: Any, place: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            best, x, at, place = arguments
            return builder.select(_beats(builder, x, best), _splat(builder, whole, place), at)

        return whole(best, x, at, place), generate

    @intrinsic
    def taken(_context: Any, at: Any, place: Any, value: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            at, place, value = arguments
            return builder.select(builder.icmp_signed("==", at, _splat(builder, whole, place)), value, _all(kind, 0.0))

        return kind(at, place, value), generate

    @intrinsic
    def keep(_context: Any, value: Any, skip: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            value, skip = arguments
            numbers = ir.Constant(whole.vector, list(range(kind.lanes)))
            return builder.select(builder.icmp_signed(">=", numbers, _splat(builder, whole, skip)), value, _all(kind, 0.0))

        return kind(value, skip), generate

    def place_in(builder: Any, at: Any, lane: int) -> Any:
        place = builder.extract_element(at, I32(lane))
        return place if whole.number == I64 else builder.sext(place, I64)

    def add_lane(builder: Any, address: Any, value: Any, place: Any, lane: int) -> None:
        where = builder.add(address, builder.mul(builder.add(place, I64(lane)), I64(size)))
        pointer = builder.inttoptr(where, kind.number.as_pointer())
        builder.store(builder.fadd(builder.load(pointer), builder.extract_element(value, I32(lane))), pointer)

    @intrinsic
    def scatter(_context: Any, address: Any, value: Any, at: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            address, value, at = arguments
            for lane in range(kind.lanes):
                add_lane(builder, address, value, place_in(builder, at, lane), lane)
            return I64(0)

        return types.int64(address, value, at), generate

    @intrinsic
    def scatter_some(_context: Any, address: Any, value: Any, at: Any, skip: Any, low: Any, high: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            address, value, at, skip, low, high = arguments
            for lane in range(kind.lanes):
                place = place_in(builder, at, lane)
                met = builder.icmp_signed("<=", skip, I64(lane))
                met = builder.and_(met, builder.icmp_signed("<=", low, place))
                met = builder.and_(met, builder.icmp_signed("<", place, high))
                with builder.if_then(met):
                    add_lane(builder, address, value, place, lane)
            return I64(0)

        return types.int64(address, value, at, skip, low, high), generate

    return places, winner, taken, keep, scatter, scatter_some
