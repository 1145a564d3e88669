"""Kernels as machine code: loaded from disk in milliseconds, or compiled with Numba where this CPU has none yet.

One rule: a kernel is a function of 64-bit integers that allocates nothing and raises nothing, so it runs without Python and without Numba.
"""

import ctypes
import hashlib
import importlib
import json
import os
import platform
import re
import struct
import sys
import threading
from contextlib import suppress
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TypeAlias

import llvmlite.binding as llvm
import numpy as np

from convstep.checks import Array
from convstep.engines.compiled.recording import current
from convstep.errors import DataError
from convstep.files import atomic_write

# As Numba calls its functions: (where the result goes, where an error goes, arguments, job, worker) -> status
ENTRY = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
MAGIC = b"convstep kernel 2\n"
Code: TypeAlias = tuple[str, bytes]  # how many numbers a function takes and its symbol, and the object code that defines it


class Kernel:
    """A function for the pool of threads: `function(argument, ..., job, worker)`, made by `kernels.<module>.<function>(*variant)`.

    Parameters
    ----------
    name : str
        Module and function, such as "products.correlate".
    variant : tuple of int
        What the function is made for, such as the size of its numbers.
    """

    def __init__(self, name: str, variant: tuple[int, ...]) -> None:
        self.name, self.variant = name, variant
        self._address = self._count = 0

    @property
    def count(self) -> int:
        """How many numbers it takes; -1 where it takes a table."""
        return self._count if self._address or self._load() else 0

    @property
    def address(self) -> int:
        """Where the machine code is; loaded, or compiled, when first asked for."""
        return self._address or self._load()

    @cached_property
    def call(self) -> Any:
        """The kernel as a function for ctypes, which lets go of the GIL."""
        return ENTRY(self.address)

    @cached_property
    def path(self) -> Path | None:
        """Where the cache keeps it: named for what it is, and for the sources that it was made from."""
        module, folder = self.name.partition(".")[0], cache_folder()
        made_from = hashlib.sha256(_sources("compiling") + _sources(module)).hexdigest()[:16]
        return folder and folder / "-".join(map(str, (self.name, *self.variant, f"{made_from}.kernel")))

    def _load(self) -> int:
        with _loading:  # whoever waited here finds it loaded
            for found in (self._kept, self._compiled):
                code = None if self._address else found()
                if code is not None:
                    count, _, symbol = code[0].partition(" ")
                    self._count, self._address = int(count), _loaded(symbol, code[1])
        return self._address

    def _kept(self) -> Code | None:
        """Return what the cache has; a file that is missing, cut off or from elsewhere counts as none."""
        with suppress(OSError, ValueError):
            content = self.path.read_bytes() if self.path else b""
            head, digest, symbol = content.split(b"\n", 3)[:3]
            code = content[len(head) + len(digest) + len(symbol) + 3 :]
            if head + b"\n" == MAGIC and digest == _digest(symbol, code):
                return symbol.decode(), code
        return None

    def _compiled(self) -> Code:
        _announce()
        from convstep.engines.compiled.kernels.compiling import compiled  # noqa: PLC0415 - brings Numba, which nobody else needs

        module, _, function = self.name.partition(".")
        make = getattr(importlib.import_module(f"convstep.engines.compiled.kernels.{module}"), function)
        symbol, code = compiled(make(*self.variant))
        name = symbol.encode()
        with suppress(OSError, DataError):  # a folder that cannot be written: compiled again next time
            if self.path:
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                atomic_write(self.path, MAGIC + _digest(name, code) + b"\n" + name + b"\n" + code)
        return symbol, code


@cache
def kernel(name: str, *variant: int) -> Kernel:
    """Return the one kernel of this name and variant."""
    return Kernel(name, variant)


def packed(*numbers: int) -> bytes:
    """Return numbers as the 64-bit integers that kernels read."""
    return struct.pack(f"={len(numbers)}q", *numbers)


def bits_of(number: float) -> int:
    """Return a float as the 64 bits that a kernel reads it from."""
    return int(struct.unpack("=q", struct.pack("=d", number))[0])


def address_of(array: Array) -> int:
    """Return where an array's first number lies."""
    recording = current.get()
    if recording is not None:
        recording.keep(array)
    return _pointer(id(array) + _HEAD).value or 0 if _direct() else int(array.__array_interface__["data"][0])


_pointer, _HEAD = ctypes.c_void_p.from_address, object.__basicsize__


@cache
def _direct() -> bool:
    """Return whether the address is the first thing in an array, as NumPy's C API has it: to look there is ten times as fast as to ask."""
    array = np.zeros(1)
    return sys.implementation.name == "cpython" and _pointer(id(array) + _HEAD).value == array.__array_interface__["data"][0]


def _digest(symbol: bytes, code: bytes) -> bytes:
    return hashlib.sha256(symbol + b"\n" + code).hexdigest().encode()


# --- the machine ---


@cache
def host_features() -> frozenset[str]:
    """Return what this CPU can do, in LLVM's words: "avx2", "avx512f", "neon"."""
    return frozenset(name for name, there in llvm.get_host_cpu_features().items() if there)


def _loaded(symbol: str, code: bytes) -> int:
    """Return where in memory the function of this symbol lies from now on, 0 if there is none."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine()
    loader = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)  # of its own: names of functions repeat
    loader.add_object_file(llvm.ObjectFileRef.from_data(code))
    loader.finalize_object()
    address = int(loader.get_function_address(symbol))
    if address:
        loader.detach()  # the code stays for as long as the process: threads may run it to the very end
    return address


# --- the cache ---


@cache
def cache_folder() -> Path | None:
    """Return where compiled kernels are kept: a folder for this CPU and these packages; None where there is no place for it.

    It lies in NUMBA_CACHE_DIR where that is set, else in the user's folder for caches.
    """
    base = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    facts = [version("numba"), version("llvmlite"), llvm.get_host_cpu_name(), *sorted(host_features()), platform.machine(), sys.platform]
    with suppress(RuntimeError):  # a user without a home
        folder = Path(base or Path.home() / ".cache").absolute()
        return folder / "convstep" / f"kernels-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]}"
    return None


@cache
def _sources(module: str) -> bytes:
    """Return the sources that a module of kernels is made from: its own and those that it imports."""
    own = (Path(__file__).parent / "kernels" / f"{module}.py").read_bytes()
    imported = re.findall(rb"^from convstep\.engines\.compiled\.kernels\.(\w+) import", own, re.MULTILINE)
    return b"".join([own, *(_sources(name.decode()) for name in imported)])


@cache
def _announce() -> None:
    """Say, once in a process, that kernels are compiled, and for how long."""
    folder = cache_folder()
    kept = f"once: {folder.parent} keeps them" if folder and _writable(folder) else "each time: there is no folder that could keep them"
    with suppress(OSError, ValueError, AttributeError):  # nobody may be listening
        sys.stderr.write(f"convstep: compiling kernels for this CPU, about a second for each, {kept}\n")


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _forget() -> None:
    global _loading  # noqa: PLW0603 - in a child nobody is left who would let go of the lock
    _loading = threading.RLock()


_loading = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
