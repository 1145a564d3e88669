"""The words of kernels: what Numba's Python does not say about memory, threads and vectors. Addresses are 64-bit integers."""

import platform
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

I1, I8, I32, I64 = ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64)
ENTRY = ir.FunctionType(I32, [I8.as_pointer(), I8.as_pointer(), I64.as_pointer(), I64, I64])  # as Numba calls its functions


@intrinsic
def pointer(_context: Any, address: Any) -> Any:
    """Return an address as a pointer, which Numba's `carray` makes an array of."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], I8.as_pointer())

    return types.voidptr(address), generate


@intrinsic
def real(_context: Any, bits: Any) -> Any:
    """Return the float that was handed to the kernel."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(bits), generate


def typed_word(kind: Any, number: Any) -> tuple[Any, Any]:
    """Return load(address) and store(address, value) for one type of number."""

    @intrinsic
    def load(_context: Any, address: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.load(builder.inttoptr(arguments[0], number.as_pointer()))

        return kind(address), generate

    @intrinsic
    def store(_context: Any, address: Any, value: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            builder.store(arguments[1], builder.inttoptr(arguments[0], number.as_pointer()))
            return I64(0)

        return types.int64(address, kind), generate

    return load, store


load_int, store_int = typed_word(types.int64, I64)
load_float, store_float = typed_word(types.float32, ir.FloatType())
load_double, store_double = typed_word(types.float64, ir.DoubleType())
WORDS = {4: (load_float, store_float), 8: (load_double, store_double)}
FLOATS = {4: (ir.FloatType(), "f32"), 8: (ir.DoubleType(), "f64")}
NUMBERS = {4: types.float32, 8: types.float64}


# --- memory ---


@intrinsic
def copy(_context: Any, to: Any, source: Any, size: Any) -> Any:
    """Copy bytes between places that do not overlap."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        to, source, size = arguments
        cgutils.raw_memcpy(builder, builder.inttoptr(to, I8.as_pointer()), builder.inttoptr(source, I8.as_pointer()), size, 1)
        return I64(0)

    return types.int64(to, source, size), generate


@intrinsic
def clear(_context: Any, to: Any, size: Any) -> Any:
    """Set bytes to 0."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        cgutils.memset(builder, builder.inttoptr(arguments[0], I8.as_pointer()), arguments[1], 0)
        return I64(0)

    return types.int64(to, size), generate


@intrinsic
def prefetch(_context: Any, address: Any) -> Any:
    """Bring memory nearer that is going to be read; an address that is nobody's does no harm."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [I8.as_pointer(), I32, I32, I32])
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(fetch, [builder.inttoptr(arguments[0], I8.as_pointer()), I32(0), I32(3), I32(1)])  # to read, to stay, data
        return I64(0)

    return types.int64(address), generate


# --- threads ---


def _atomic(operation: str) -> Any:
    """Return an intrinsic (address, value) -> what was there: one of LLVM's atomic operations on an int64."""

    @intrinsic
    def atomic(_context: Any, address: Any, value: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            place = builder.inttoptr(arguments[0], I64.as_pointer())
            return builder.atomic_rmw(operation, place, arguments[1], "seq_cst")

        return types.int64(address, types.int64), generate

    return atomic


add, exchange = _atomic("add"), _atomic("xchg")


@intrinsic
def look(_context: Any, address: Any) -> Any:
    """Return the int64 at an address as other threads have left it."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(builder.inttoptr(arguments[0], I64.as_pointer()), "seq_cst", 8)

    return types.int64(address), generate


@intrinsic
def pause(_context: Any) -> Any:
    """Let the core rest for a moment between two looks, where it knows how."""

    def generate(_target: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        machine = platform.machine().lower()
        if machine in {"x86_64", "amd64"}:
            rest = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), []), "llvm.x86.sse2.pause")
            builder.call(rest, [])
        elif machine in {"aarch64", "arm64"}:
            hint = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), [I32]), "llvm.aarch64.hint")
            builder.call(hint, [I32(1)])  # yield
        return I64(0)

    return types.int64(), generate


@intrinsic
def call(_context: Any, code: Any, arguments: Any, job: Any, worker: Any) -> Any:
    """Run one job of a kernel."""

    def generate(_target: Any, builder: Any, _signature: Any, given: Any) -> Any:
        code, arguments, job, worker = given
        nothing = cgutils.alloca_once(builder, ir.ArrayType(I64, 4))  # where a result and an error would go
        place = builder.bitcast(nothing, I8.as_pointer())
        function = builder.inttoptr(code, ENTRY.as_pointer())
        builder.call(function, [place, place, builder.inttoptr(arguments, I64.as_pointer()), job, worker])
        return I64(0)

    return types.int64(code, arguments, job, worker), generate
