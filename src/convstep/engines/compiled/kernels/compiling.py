"""From a function to machine code that needs neither Python nor Numba: Numba without its wrappers and without its memory manager."""

import inspect
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

ENTRY = (types.CPointer(types.int64), types.int64, types.int64)  # arguments, job, worker
# As in IEEE 754 a division by zero is no exception.
OPTIONS = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False}


def inner(function: Callable[..., Any]) -> Any:
    """Compile a function that kernels call."""
    return njit(**OPTIONS)(function)


def compiled(function: Callable[..., Any]) -> tuple[str, bytes]:
    """Return the symbol and the object code of a kernel."""
    entry = inner(_entry(inner(function), len(inspect.signature(function).parameters) - 2))
    entry.compile(ENTRY)
    result = entry.overloads[ENTRY]
    _, _, (code, _) = result.library.serialize_using_object_code()
    return result.fndesc.llvm_func_name, code


def _entry(function: Any, count: int) -> Callable[..., None]:
    """Return the kernel with its arguments in memory."""

    @intrinsic
    def unpack(_context: Any, arguments: Any) -> Any:
        kind = types.UniTuple(types.int64, count)

        def generate(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
            values = [builder.load(builder.gep(given[0], [ir.Constant(ir.IntType(64), i)])) for i in range(count)]
            return context.make_tuple(builder, kind, values)

        return kind(arguments), generate

    def entry(arguments, job, worker):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - Numba types it
        function(*unpack(arguments), job, worker)

    return entry
