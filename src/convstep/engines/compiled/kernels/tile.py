"""The register tile: a small matrix product whose sums all stay in registers. Every linear kernel is made of it.

One rule: a tile is told where its rows begin by tables of addresses, so that stride, dilation and gradients are only other tables.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from convstep.engines.compiled.kernels.words import FLOATS, I1, I32, I64


class Product(NamedTuple):
    """What a tile works on: addresses and strides in bytes, all of them 64-bit integers.

    C[c + c_rows[m] + n] = start + sum over o < outer, r < terms of
        A[a + a_rows[m] + o * a_outer + r * a_term] * B[b + o * b_outer + r * b_term + n]

    A term of B is read as wide as the tile, whatever `columns` is.
    """

    a: Any
    a_rows: Any  # address of a table: where, behind a, row m of A begins
    a_outer: Any
    a_term: Any
    b: Any
    b_outer: Any
    b_term: Any
    c: Any
    c_rows: Any  # address of a table: where, behind c, row m of C begins
    outer: Any  # >= 1
    terms: Any  # >= 1
    start: Any  # 0: nothing; 1: what C holds; else the address of a row to start from, such as a bias
    floor: Any  # 1: negative sums become 0
    columns: Any  # n < columns are written; at most as many as the tile is wide


class _Emitter:
    """Writes LLVM's instructions for one size of tile."""

    def __init__(self, builder: Any, product: Product, rows: int, vectors: int, *, lanes: int, size: int) -> None:
        self.builder, self.product = builder, product
        self.rows, self.vectors, self.lanes, self.size = range(rows), range(vectors), lanes, size
        self.number, suffix = FLOATS[size]
        self.vector, self.width = ir.VectorType(self.number, lanes), lanes * size
        self.cells = [(m, n) for m in self.rows for n in self.vectors]
        kind = f"v{lanes}{suffix}"
        mask, pointer = ir.VectorType(I1, lanes), self.vector.as_pointer()
        self.fma = self._function(f"llvm.fma.{kind}", self.vector, [self.vector] * 3)
        self.masked_load = self._function(f"llvm.masked.load.{kind}.p0", self.vector, [pointer, I32, mask, self.vector])

    def _function(self, name: str, result: Any, arguments: list[Any]) -> Any:
        return cgutils.get_or_insert_function(self.builder.module, ir.FunctionType(result, arguments), name)

    # --- words ---

    def plus(self, address: Any, offset: Any) -> Any:
        return self.builder.add(address, I64(offset) if isinstance(offset, int) else offset)

    def load(self, address: Any, kind: Any, align: int) -> Any:
        loaded = self.builder.load(self.builder.inttoptr(address, kind.as_pointer()))
        loaded.align = align
        return loaded

    def entry(self, table: Any, index: int) -> Any:
        return self.load(self.plus(table, 8 * index), I64, 8)

    def splat(self, scalar: Any) -> Any:
        first = self.builder.insert_element(ir.Constant(self.vector, ir.Undefined), scalar, I32(0))
        return self.builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes))

    def block(self, name: str) -> Any:
        return self.builder.append_basic_block(name)

    # --- the tile ---

    def emit(self) -> None:
        """Write the whole tile: the first sums, two loops, the end."""
        builder, product = self.builder, self.product
        full = builder.icmp_signed(">=", product.columns, I64(len(self.vectors) * self.lanes))
        a_rows = [self.plus(product.a, self.entry(product.a_rows, m)) for m in self.rows]
        c_rows = [self.plus(product.c, self.entry(product.c_rows, m)) for m in self.rows]
        sums = self._sum_up(a_rows, self._first_sums(c_rows, full))
        self._store(c_rows, self._floored(sums), full)

    def _constant(self, value: float) -> Any:
        return ir.Constant(self.vector, [value] * self.lanes)

    def _first_sums(self, c_rows: list[Any], full: Any) -> dict[Any, Any]:
        """Return what the sums start from: nothing, what C holds, or one row for all."""
        builder, start = self.builder, self.product.start
        nothing, held, row, begun = (self.block(name) for name in ("nothing", "held", "row", "begun"))
        way = builder.switch(start, row)
        way.add_case(I64(0), nothing)
        way.add_case(I64(1), held)
        found: dict[Any, dict[Any, Any]] = {}
        builder.position_at_end(nothing)
        found[nothing] = dict.fromkeys(self.cells, self._constant(0.0))
        builder.branch(begun)
        builder.position_at_end(held)
        found.update(self._loaded(c_rows, full, begun))
        builder.position_at_end(row)
        for block, rows in self._loaded([start], full, begun).items():
            found[block] = {(m, n): rows[0, n] for m, n in self.cells}
        builder.position_at_end(begun)
        return {cell: self._merge({block: sums[cell] for block, sums in found.items()}) for cell in self.cells}

    def _loaded(self, rows: list[Any], full: Any, following: Any) -> dict[Any, dict[Any, Any]]:
        """Load rows of C, or the columns that there are, and go on; by the block that did it."""
        builder = self.builder
        whole, part = self.block("whole"), self.block("part")
        builder.cbranch(full, whole, part)
        found = {}
        for block in (whole, part):
            builder.position_at_end(block)
            masks = [self._mask(n) if block is part else None for n in self.vectors]
            found[block] = {
                (m, n): self._load(self.plus(row, n * self.width), masks[n]) for m, row in enumerate(rows) for n in self.vectors
            }
            builder.branch(following)
        return found

    def _load(self, address: Any, mask: Any) -> Any:
        if mask is None:
            return self.load(address, self.vector, self.size)
        pointer = self.builder.inttoptr(address, self.vector.as_pointer())
        return self.builder.call(self.masked_load, [pointer, I32(self.size), mask, self._constant(0.0)])

    def _mask(self, n: int) -> Any:
        """Return which lanes of vector n are columns of C."""
        kind = ir.VectorType(I32, self.lanes)
        count = self.builder.trunc(self.product.columns, I32)
        first = self.builder.insert_element(ir.Constant(kind, ir.Undefined), count, I32(0))
        counts = self.builder.shuffle_vector(first, first, ir.Constant(kind, [0] * self.lanes))
        return self.builder.icmp_signed("<", ir.Constant(kind, [n * self.lanes + i for i in range(self.lanes)]), counts)

    def _floored(self, sums: dict[Any, Any]) -> dict[Any, Any]:
        """Return the sums, negative ones as 0 where that is asked for; NaN stays."""
        builder, before = self.builder, self.builder.block
        floor, done = self.block("floor"), self.block("floored")
        builder.cbranch(builder.icmp_signed("==", self.product.floor, I64(1)), floor, done)
        builder.position_at_end(floor)
        zero = self._constant(0.0)
        raised = {cell: builder.select(builder.fcmp_ordered("<", sums[cell], zero), zero, sums[cell]) for cell in self.cells}
        builder.branch(done)
        builder.position_at_end(done)
        return {cell: self._merge({before: sums[cell], floor: raised[cell]}) for cell in self.cells}

    def _merge(self, ways: dict[Any, Any]) -> Any:
        phi = self.builder.phi(next(iter(ways.values())).type)
        for block, value in ways.items():
            phi.add_incoming(value, block)
        return phi

    def _sum_up(self, a_rows: list[Any], sums: dict[Any, Any]) -> dict[Any, Any]:
        """Return the sums after both loops: each term is one row of B times one number of each row of A."""
        builder, product, before = self.builder, self.product, self.builder.block
        outer, inner, outer_end, done = (self.block(name) for name in ("outer", "inner", "outer_end", "done"))
        end = builder.mul(product.terms, product.a_term)
        builder.branch(outer)
        builder.position_at_end(outer)
        o, a_shift, b_outer = (builder.phi(I64) for _ in range(3))
        outer_sums = {cell: builder.phi(self.vector) for cell in self.cells}
        rows = [self.plus(row, a_shift) for row in a_rows]
        builder.branch(inner)
        builder.position_at_end(inner)
        step, b = builder.phi(I64), builder.phi(I64)
        running = {cell: builder.phi(self.vector) for cell in self.cells}
        total = self._products(running, rows, step, b)
        step_next, b_next = self.plus(step, product.a_term), self.plus(b, product.b_term)
        builder.cbranch(builder.icmp_signed("!=", step_next, end), inner, outer_end)
        builder.position_at_end(outer_end)
        following = self.plus(o, 1), self.plus(a_shift, product.a_outer), self.plus(b_outer, product.b_outer)
        builder.cbranch(builder.icmp_signed("<", following[0], product.outer), outer, done)
        for phi, first, again in ((step, I64(0), step_next), (b, b_outer, b_next)):
            phi.add_incoming(first, outer)
            phi.add_incoming(again, inner)
        for phi, first, again in zip((o, a_shift, b_outer), (I64(0), I64(0), product.b), following, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(again, outer_end)
        for cell in self.cells:
            outer_sums[cell].add_incoming(sums[cell], before)
            outer_sums[cell].add_incoming(total[cell], outer_end)
            running[cell].add_incoming(outer_sums[cell], outer)
            running[cell].add_incoming(total[cell], inner)
        builder.position_at_end(done)
        return total

    def _products(self, sums: dict[Any, Any], rows: list[Any], step: Any, b: Any) -> dict[Any, Any]:
        """Return the sums after one more term. Registers hold the side that has less, and one of the other side at a time."""
        left = [lambda m=m: self.splat(self.load(self.plus(rows[m], step), self.number, self.size)) for m in self.rows]
        right = [lambda n=n: self.load(self.plus(b, n * self.width), self.vector, self.size) for n in self.vectors]
        found = {}
        if len(left) < len(right):
            held = [load() for load in left]
            for n, load in enumerate(right):
                one = load()
                found.update({(m, n): self.builder.call(self.fma, [held[m], one, sums[m, n]]) for m in self.rows})
            return found
        held = [load() for load in right]
        for m, load in enumerate(left):
            one = load()
            found.update({(m, n): self.builder.call(self.fma, [one, held[n], sums[m, n]]) for n in self.vectors})
        return found

    def _store(self, c_rows: list[Any], sums: dict[Any, Any], full: Any) -> None:
        """Write all columns, or the first ones: whole vectors, then the last one in pieces of 1, 2, 4, ... numbers."""
        builder = self.builder
        store_full, store_part, done = (self.block(name) for name in ("store_full", "store_part", "stored"))
        builder.cbranch(full, store_full, store_part)
        builder.position_at_end(store_full)
        for m, n in self.cells:
            self._put(sums[m, n], self.plus(c_rows[m], n * self.width))
        builder.branch(done)
        builder.position_at_end(store_part)
        way = builder.switch(self.product.columns, done)
        for columns in range(1, len(self.vectors) * self.lanes):
            block = self.block(f"columns_{columns}")
            way.add_case(I64(columns), block)
            builder.position_at_end(block)
            for m, n in self.cells:
                self._put_first(sums[m, n], self.plus(c_rows[m], n * self.width), columns - n * self.lanes)
            builder.branch(done)
        builder.position_at_end(done)

    def _put(self, value: Any, address: Any) -> None:
        self.builder.store(value, self.builder.inttoptr(address, value.type.as_pointer())).align = self.size

    def _put_first(self, vector: Any, address: Any, count: int) -> None:
        """Store the first `count` numbers of a vector."""
        if count >= self.lanes:
            self._put(vector, address)
            return
        at, piece = 0, self.lanes // 2
        while piece and count > 0:
            if count & piece:
                lanes = ir.Constant(ir.VectorType(I32, piece), list(range(at, at + piece)))
                self._put(self.builder.shuffle_vector(vector, vector, lanes), self.plus(address, at * self.size))
                at += piece
            piece //= 2


def make_tile(rows: int, vectors: int, lanes: int, size: int) -> Callable[[Product], int]:
    """Return a function for Numba's kernels: it computes `rows` x `vectors * lanes` numbers of `size` bytes of a product."""

    @intrinsic
    def tile(_context: Any, product: Any) -> Any:
        def generate(_target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            fields = cgutils.unpack_tuple(builder, arguments[0], len(signature.args[0]))
            _Emitter(builder, Product(*fields), rows, vectors, lanes=lanes, size=size).emit()
            return I64(0)

        return types.int64(product), generate

    compiled: Callable[[Product], int] = tile
    return compiled
