"""Runs of numbers in memory, read and written by index: the form of a loop that LLVM turns into vectors.

One rule: what is done to a number is done as NumPy does it, operation by operation and rounded after each, so that vectors change no bit.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from convstep.engines.compiled.kernels.words import I32


def _run(kind: Any, number: Any) -> Any:
    """Return an intrinsic address -> run of numbers of one type."""

    @intrinsic
    def run(_context: Any, address: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], number.as_pointer())

        return types.CPointer(kind)(address), generate

    return run


RUNS = {4: _run(types.float32, ir.FloatType()), 8: _run(types.float64, ir.DoubleType())}


@intrinsic
def bits_of(_context: Any, number: Any) -> Any:
    """Return the 32 bits of a float32."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], I32)

    return types.int32(number), generate


@intrinsic
def from_bits(_context: Any, bits: Any) -> Any:
    """Return the float32 of these 32 bits."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(bits), generate


@intrinsic
def root(_context: Any, number: Any) -> Any:
    """Return the square root, rounded once, in a form that becomes part of a vector."""

    def generate(_target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = arguments[0].type
        name = "llvm.sqrt.f32" if signature.args[0] == types.float32 else "llvm.sqrt.f64"
        return builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind]), name), arguments)

    return number(number), generate
