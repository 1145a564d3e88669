"""A small matrix on both sides of a grid of vectors, `M · grid · Mᵀ`, in registers: the transforms of Winograd's algorithm.

One rule: each vector is one number of the grid for as many channels as it has lanes, so a transform needs no shuffling.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from convstep.engines.compiled.kernels.words import FLOATS, I64

Matrix = Sequence[Sequence[float]]


class _Vectors:
    """Writes LLVM's instructions for sums of vectors."""

    def __init__(self, builder: Any, lanes: int, size: int) -> None:
        self.builder, self.lanes, self.size = builder, lanes, size
        number, suffix = FLOATS[size]
        self.kind = ir.VectorType(number, lanes)
        name = f"llvm.fma.v{lanes}{suffix}"
        self.fma = cgutils.get_or_insert_function(builder.module, ir.FunctionType(self.kind, [self.kind] * 3), name)

    def load(self, address: Any) -> Any:
        loaded = self.builder.load(self.builder.inttoptr(address, self.kind.as_pointer()))
        loaded.align = self.size
        return loaded

    def store(self, value: Any, address: Any) -> None:
        self.builder.store(value, self.builder.inttoptr(address, self.kind.as_pointer())).align = self.size

    def constant(self, value: float) -> Any:
        return ir.Constant(self.kind, [value] * self.lanes)

    def place(self, base: Any, step: Any, index: int, way: str) -> Any:
        """Return where number `index` lies: by a table at `step`, or `step` bytes after the one before."""
        if way == "table":
            return self.builder.add(
                base, self.builder.load(self.builder.inttoptr(self.builder.add(step, I64(8 * index)), I64.as_pointer()))
            )
        return self.builder.add(base, self.builder.mul(step, I64(index)))

    def transformed(self, matrix: Matrix, source: Any, sources: Any, reads: str) -> list[Any]:
        """Return matrix · grid · matrixᵀ, row by row."""
        rows, columns = range(len(matrix)), range(len(matrix[0]))
        grid = [[self.load(self.place(source, sources, i * len(columns) + j, reads)) for j in columns] for i in columns]
        half = [self.apply(matrix, [grid[i][j] for i in columns]) for j in columns]  # matrix · grid, column by column
        return [value for i in rows for value in self.apply(matrix, [half[j][i] for j in columns])]

    def add_up(self, weights: Sequence[float], vectors: Sequence[Any]) -> Any:
        """Return the sum of weight * vector; nothing where all weights are 0."""
        total = None
        for weight, vector in sorted(((w, v) for w, v in zip(weights, vectors, strict=True) if w), key=lambda item: item[0] != 1):
            if total is None:
                total = vector if weight == 1 else self.builder.fmul(vector, self.constant(weight))
            elif abs(weight) == 1:
                total = self.builder.fadd(total, vector) if weight == 1 else self.builder.fsub(total, vector)
            else:
                total = self.builder.call(self.fma, [vector, self.constant(weight), total])
        return total

    def apply(self, matrix: Matrix, vectors: Sequence[Any]) -> list[Any]:
        """Return matrix · vectors. Of two rows that are each other's mirror, what they share is added up once."""
        results: list[Any] = []
        while len(results) < len(matrix):
            row = matrix[len(results)]
            other = matrix[len(results) + 1] if len(results) + 1 < len(matrix) else None
            if other is None or not all(abs(a) == abs(b) for a, b in zip(row, other, strict=True)) or row == other:
                results.append(self.add_up(row, vectors))
                continue
            same = self.add_up([a if a == b else 0 for a, b in zip(row, other, strict=True)], vectors)
            opposite = self.add_up([a if a != b else 0 for a, b in zip(row, other, strict=True)], vectors)
            results += [self.builder.fadd(same, opposite), self.builder.fsub(same, opposite)]
        return results


def make_transform(matrix: Matrix, lanes: int, size: int, *, reads: str, writes: str) -> Callable[..., int]:
    """Return a function for Numba's kernels: transform(source, sources, to, targets).

    Number (i, j) of the grid, row by row the index g, is read from `source + sources * g`, or where reads is "table" from
    `source + table[g]` with the table at `sources`; results are written likewise.
    """

    @intrinsic
    def transform(_context: Any, source: Any, sources: Any, to: Any, targets: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            source, sources, to, targets = arguments
            vectors = _Vectors(builder, lanes, size)
            for g, value in enumerate(vectors.transformed(matrix, source, sources, reads)):
                vectors.store(value, vectors.place(to, targets, g, writes))
            return I64(0)

        return types.int64(source, types.int64, types.int64, types.int64), generate

    function: Callable[..., int] = transform
    return function


def make_last_transform(matrix: Matrix, lanes: int, size: int) -> Callable[..., int]:
    """Return transform(source, sources, to, table, bias, floor, wrong), which ends a convolution.

    The vector at `bias`, if that is not 0, is added to each result. To the vector at `wrong` NaN is added where a result is not finite;
    then, if `floor` is 1, negative results become 0.
    """

    @intrinsic
    def transform(_context: Any, source: Any, sources: Any, to: Any, table: Any, bias: Any, floor: Any, wrong: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            source, sources, to, table, bias, floor, wrong = arguments
            vectors = _Vectors(builder, lanes, size)
            zeros = cgutils.alloca_once_value(builder, vectors.constant(0.0))
            none = builder.icmp_signed("==", bias, I64(0))
            added = vectors.load(builder.select(none, builder.ptrtoint(zeros, I64), bias))
            raised = builder.icmp_signed("==", floor, I64(1))
            least = builder.select(raised, vectors.constant(0.0), vectors.constant(float("-inf")))
            total = added
            for g, value in enumerate(vectors.transformed(matrix, source, sources, "stride")):
                result = builder.fadd(value, added)
                total = builder.fadd(total, result)
                result = builder.select(builder.fcmp_ordered("<", result, least), least, result)
                vectors.store(result, vectors.place(to, table, g, "table"))
            vectors.store(builder.call(vectors.fma, [total, vectors.constant(0.0), vectors.load(wrong)]), wrong)
            return I64(0)

        return types.int64(*[types.int64] * 7), generate

    function: Callable[..., int] = transform
    return function
