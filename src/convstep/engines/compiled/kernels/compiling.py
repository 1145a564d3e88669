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
    """Return how many numbers a kernel takes and its symbol, and its object code.

    One whose only argument is `task` gets the address of what it was handed.
    """
    names = list(inspect.signature(function).parameters)[:-2]
    entry = inner(_entry(inner(function), _given_address if names == ["task"] else _given_numbers(len(names))))
    entry.compile(ENTRY)
    result = entry.overloads[ENTRY]
    _, _, (code, _) = result.library.serialize_using_object_code()
    count = -1 if names == ["task"] else len(names)
    return f"{count} {result.fndesc.llvm_func_name}", code


def _entry(function: Any, given: Any) -> Callable[..., None]:
    """Return the kernel with its arguments in memory."""

    def entry(arguments, job, worker):  # type: ignore[no-untyped-def]
        function(*given(arguments), job, worker)

    return entry


def _given_numbers(count: int) -> Any:
    @intrinsic
    def numbers(_context: Any, arguments: Any) -> Any:
        kind = types.UniTuple(types.int64, count)

        def generate(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
            values = [builder.load(builder.gep(given[0], [ir.Constant(ir.IntType(64), i)])) for i in range(count)]
            return context.make_tuple(builder, kind, values)

        return kind(arguments), generate

    return numbers


@intrinsic
def _given_address(_context: Any, arguments: Any) -> Any:
    kind = types.UniTuple(types.int64, 1)

    def generate(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return context.make_tuple(builder, kind, [builder.ptrtoint(given[0], ir.IntType(64))])

    return kind(arguments), generate
