"""Kernels: functions of whole numbers that Numba compiles once for this CPU and keeps on disk.

One rule: a kernel takes addresses and numbers, allocates nothing and raises nothing; the last two of its arguments are job and worker.
"""

import hashlib
import inspect
import os
import pickle
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numba
from llvmlite import ir
from numba import njit, types
from numba.core import registry
from numba.core.ccallback import CFunc
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps
from numba.extending import intrinsic

from convstep.checks import Array
from convstep.files import atomic_write

Argument: TypeAlias = int | float | Array
Code: TypeAlias = Callable[..., None]

SIGNATURE = ((types.CPointer(types.int64), types.int64, types.int64), types.void)
OPTIONS = {"error_model": "numpy"}  # as in IEEE 754: a division by zero is no exception


class Kernel:
    """A function for the pool of threads: `function(argument, ..., job, worker)`.

    Parameters
    ----------
    function : function of int64
        Addresses and numbers, then which job this is, then which worker runs it (0 is the caller).
    variant : tuple
        What the function was made for, such as the size of its numbers; tells kernels of one name apart in the cache.
    """

    def __init__(self, function: Code, variant: tuple[Any, ...]) -> None:
        self.function = function
        self.name = "-".join(map(str, (function.__module__.rpartition(".")[2], function.__name__, *variant)))
        self.count = len(inspect.signature(function).parameters) - 2

    @cached_property
    def address(self) -> int:
        """Where the machine code is; compiled, or read from the cache, when first asked for."""
        with _compiling:
            compiled = CFunc(_entry(njit(**OPTIONS)(self.function), self.count), SIGNATURE, {}, OPTIONS)
            compiled._cache = _Kept(self.name)  # noqa: SLF001 - Numba's own cache cannot be told where to be, nor what it depends on
            compiled.compile()
        self._compiled = compiled  # the code lives as long as this
        return int(compiled.address)

    def pack(self, arguments: tuple[Argument, ...]) -> Any:
        """Return the arguments as 64-bit integers: an array as its address, a float as its bits."""
        return struct.pack(f"={self.count}q", *map(_bits, arguments))


def kernel(*variant: Any) -> Callable[[Code], Kernel]:
    """Return a decorator that makes a function a kernel."""
    return lambda function: Kernel(function, variant)


def _bits(argument: Argument) -> int:
    if isinstance(argument, int):
        return argument
    if isinstance(argument, float):
        return int(struct.unpack("=q", struct.pack("=d", argument))[0])
    return int(argument.__array_interface__["data"][0])


def _entry(function: Any, count: int) -> Code:
    unpack = _unpacking(count)

    def entry(arguments, job, worker):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - Numba types it
        function(*unpack(arguments), job, worker)

    return entry


@lru_cache
def _unpacking(count: int) -> Any:
    @intrinsic
    def unpack(_context: Any, arguments: Any) -> Any:
        kind = types.UniTuple(types.int64, count)

        def generate(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
            values = [builder.load(builder.gep(given[0], [ir.Constant(ir.IntType(64), i)])) for i in range(count)]
            return context.make_tuple(builder, kind, values)

        return kind(arguments), generate

    return unpack


# --- the words of kernels ---


@intrinsic
def pointer(_context: Any, address: Any) -> Any:
    """Return an address as a pointer, which Numba's `carray` makes an array of."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(address), generate


@intrinsic
def real(_context: Any, bits: Any) -> Any:
    """Return the float that was handed to the kernel."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(bits), generate


# --- the cache ---


class _Kept:
    """One kernel's file in the cache: what Numba asks before it compiles, and tells after. A cache that cannot be used is no error."""

    def __init__(self, name: str) -> None:
        self.name = name

    def load_overload(self, _signature: Any, target: Any) -> Any:
        target.refresh()
        with suppress(Exception):  # a file that is missing, cut off or from elsewhere: the kernel is compiled instead
            name, *reduced = pickle.loads(self._path().read_bytes())  # noqa: S301 - our own file in the user's own cache
            if name == self.name:
                return CompileResult._rebuild(target, *reduced)  # noqa: SLF001 - as Numba's own cache does
        _announce()
        return None

    def save_overload(self, _signature: Any, result: Any) -> None:
        with suppress(OSError):
            path = self._path()
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            atomic_write(path, dumps((self.name, *result._reduce())))  # noqa: SLF001

    def _path(self) -> Path:
        return cache_folder() / f"{self.name}.kernel"


@lru_cache
def cache_folder() -> Path:
    """Return where compiled kernels are kept: a folder for this CPU, this Python, this Numba and these very sources.

    It lies in NUMBA_CACHE_DIR where that is set, else in the user's folder for caches.
    """
    base = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    sources = sorted(Path(__file__).parent.glob("*.py"))
    facts = (numba.__version__, sys.version, *registry.cpu_target.target_context.codegen().magic_tuple())
    seen = hashlib.sha256("\n".join(map(str, facts)).encode())
    for source in sources:
        seen.update(source.read_bytes())
    return Path(base) / "convstep" / f"kernels-{seen.hexdigest()[:16]}"


_compiling = threading.RLock()
_first: list[float] = []


def _announce() -> None:
    """Say once in a process that compiling takes a while."""
    if not _first:
        _first.append(time.perf_counter())
        print(f"convstep: compiling kernels for this CPU, once; they are kept in {cache_folder()}", file=sys.stderr)  # noqa: T201
