"""A pool of threads that share out the jobs of a kernel. Idle ones spin for a moment, then sleep.

One rule: whoever asks does the work too, so nobody ever waits for a thread that has not begun; a busy pool means working alone.
"""

import ctypes
import os
import platform
import threading
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

from convstep.checks import whole
from convstep.engines.compiled.kernel import Argument, Kernel, kernel

I64 = ir.IntType(64)
SPINS = 20_000  # looks at the board before an idle thread sleeps: about half a millisecond
LINE = 8  # int64 numbers in a cache line: what one thread writes must not lie beside what another reads
TAKEN, OPEN, NEXT, BUSY, TASK = (LINE * i for i in range(5))  # places on the board; behind TASK: code, arguments, jobs, workers


# --- the compiled half ---


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
            builder.call(get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), []), "llvm.x86.sse2.pause"), [])
        elif machine in {"aarch64", "arm64"}:
            hint = get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), [ir.IntType(32)]), "llvm.aarch64.hint")
            builder.call(hint, [ir.IntType(32)(1)])  # yield
        return ir.Constant(I64, 0)

    return types.int64(), generate


@intrinsic
def call(_context: Any, code: Any, arguments: Any, job: Any, worker: Any) -> Any:
    """Run one job of a kernel."""

    def generate(_target: Any, builder: Any, _signature: Any, given: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [I64.as_pointer(), I64, I64])
        code, arguments, job, worker = given
        builder.call(builder.inttoptr(code, kind.as_pointer()), [builder.inttoptr(arguments, I64.as_pointer()), job, worker])
        return ir.Constant(I64, 0)

    return types.int64(code, arguments, job, worker), generate


@kernel()
def conduct(board, code, arguments, jobs, workers, generation, job, worker):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001, PLR0913, PLR0917
    """Run all jobs: with the pool, or alone where there is one job, one worker, or somebody else has the pool."""
    if jobs == 1 or workers == 1 or exchange(board + 8 * TAKEN, 1) != 0:
        for i in range(jobs):
            call(code, arguments, i, 0)
        return
    exchange(board + 8 * NEXT, 0)
    exchange(board + 8 * TASK, code)
    exchange(board + 8 * (TASK + 1), arguments)
    exchange(board + 8 * (TASK + 2), jobs)
    exchange(board + 8 * (TASK + 3), workers)
    exchange(board + 8 * OPEN, generation)
    while True:
        i = add(board + 8 * NEXT, 1)
        if i >= jobs:
            break
        call(code, arguments, i, 0)
    exchange(board + 8 * OPEN, 0)
    while look(board + 8 * BUSY) != 0:  # those who began; nobody begins now
        pause()
    exchange(board + 8 * TAKEN, 0)


@kernel()
def serve(board, spins, me, job, worker):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001, PLR0917
    """Help whoever conducts, until nobody has for a while."""
    seen, idle = 0, 0
    while idle < spins:
        generation = look(board + 8 * OPEN)
        if generation in (0, seen):
            idle += 1
            pause()
            continue
        add(board + 8 * BUSY, 1)
        if look(board + 8 * OPEN) == generation and me < look(board + 8 * (TASK + 3)):  # still open: the task stays until we are done
            code, arguments = look(board + 8 * TASK), look(board + 8 * (TASK + 1))
            jobs = look(board + 8 * (TASK + 2))
            while True:
                i = add(board + 8 * NEXT, 1)
                if i >= jobs:
                    break
                call(code, arguments, i, me)
        add(board + 8 * BUSY, -1)
        seen, idle = generation, 0


# --- the half that starts and wakes ---


class _Pool:
    """The workers of this process, and the board where tasks are put up."""

    def __init__(self) -> None:
        self.board = np.zeros(6 * LINE + LINE, np.int64)  # room to begin on a cache line
        self.address = -(-self.board.ctypes.data // 64) * 64
        self.workers: list[threading.Semaphore] = []
        self.sleeping: set[int] = set()
        self.generation = 0
        entry = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)  # a call lets go of the GIL
        self.conduct, self.serve = entry(conduct.address), entry(serve.address)

    def run(self, code: Kernel, jobs: int, *arguments: Argument) -> None:
        """Run a kernel's jobs 0, 1, ... on all threads, and return when they are done."""
        packed = code.pack(arguments)
        workers = min(threads(), jobs)
        if workers > 1:
            self._wake(workers)
        self.generation += 1
        place = ctypes.cast(ctypes.c_char_p(packed), ctypes.c_void_p).value or 0
        task = conduct.pack((self.address, code.address, place, jobs, workers, self.generation))
        self.conduct(task, 0, 0)

    def _wake(self, workers: int) -> None:
        while len(self.workers) < workers - 1:
            self.workers.append(threading.Semaphore(0))
            threading.Thread(target=self._work, args=(len(self.workers),), daemon=True, name=f"convstep {len(self.workers)}").start()
        for me in [me for me in tuple(self.sleeping) if me < workers]:
            self.sleeping.discard(me)
            self.workers[me - 1].release()

    def _work(self, me: int) -> None:
        task = serve.pack((self.address, SPINS, me))
        while True:
            self.serve(task, 0, 0)
            self.sleeping.add(me)
            self.workers[me - 1].acquire()


_pool: _Pool | None = None
_count: int | None = None


def run(code: Kernel, jobs: int, *arguments: Argument) -> None:
    """Run a kernel's jobs on the threads of this process."""
    global _pool  # noqa: PLW0603 - one pool for each process
    if jobs == 0:
        return
    if _pool is None:
        _pool = _Pool()
    _pool.run(code, jobs, *arguments)


def _forget() -> None:
    global _pool  # noqa: PLW0603 - a child has none of its parent's threads
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def threads() -> int:
    """Return how many threads share the work: as set, else NUMBA_NUM_THREADS, else the processors that this process may use."""
    if _count is not None:
        return _count
    given = os.environ.get("NUMBA_NUM_THREADS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads(count: int | None) -> None:
    """Say how many threads share the work of the compiled engine from here on; None for as many as processors.

    Results do not depend on it, not even in their last bit.

    Raises
    ------
    ShapeError
        If count is below 1.
    ArgumentTypeError
        If it is not a whole number.
    """
    global _count  # noqa: PLW0603 - one count for each process
    _count = None if count is None else whole("set_threads", "count", count, 1)
