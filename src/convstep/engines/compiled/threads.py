"""A pool of threads that share out the jobs of a kernel. Idle ones spin for a moment, then sleep.

One rule: whoever asks does the work too, so nobody ever waits for a thread that has not begun; a busy pool means working alone.
"""

import atexit
import ctypes
import os
import threading
import time
from contextlib import suppress
from functools import cache
from typing import NamedTuple

import numpy as np

from convstep.checks import Array, whole
from convstep.engines.compiled.native import Kernel, address_of, kernel, packed
from convstep.engines.compiled.recording import current

PATIENCE = 5.0  # seconds that the end of the process waits for a computation
SPINS = 20_000  # looks at the board before an idle thread sleeps: about half a millisecond
MOST = max(os.cpu_count() or 1, 16)  # threads; more than processors would only take turns
BOARD, OPEN = 64 * 6, 64  # bytes; the board begins on a cache line, and OPEN is where it says which task there is


class _Pool:
    """The workers of this process, and the board where tasks are put up."""

    def __init__(self) -> None:
        self.board = np.zeros(BOARD // 8 + 8, np.int64)
        self.address = -(-self.board.ctypes.data // 64) * 64
        self.workers: list[threading.Semaphore] = []
        self.sleeping: set[int] = set()
        self.performing: set[int] = set()  # threads in a program that is not brief
        self.waking = threading.Lock()
        self.generation = 0
        self.conduct, self.serve = kernel("board.conduct"), kernel("board.serve")

    def run(self, code: Kernel, jobs: int, workers: int, arguments: bytes) -> None:
        """Run a kernel's jobs 0, 1, ... on so many threads, and return when they are done."""
        _check(code, arguments)
        generation = self._begin(1, workers)
        _call(self.conduct, packed(self.address, code.address, jobs, workers, generation) + arguments)

    def run_all(self, steps: list[tuple[int, int, int, bytes]]) -> None:
        """Run kernels one after the other in one call: code, jobs, workers and arguments of each."""
        first = self._begin(len(steps), max(step[2] for step in steps))
        place, numbers = 24 + 32 * len(steps), [self.address, first, len(steps)]
        for code, jobs, many, arguments in steps:
            numbers += [code, jobs, many, place]
            place += len(arguments)
        _call(kernel("board.conduct_all"), b"".join([packed(*numbers), *(step[3] for step in steps)]))

    def perform(self, table: Array, workers: int, *, brief: bool) -> None:
        """Run kernels one after the other: rows of code, jobs, workers and the address of the arguments. If `brief`, let sleepers sleep."""
        if not brief:
            self.performing.add(threading.get_ident())  # before anybody is woken: see `_work`
        try:
            first = self._begin(len(table), 1 if brief else workers)
            _call(kernel("board.perform"), packed(self.address, address_of(table), len(table), first))
        finally:
            self.performing.discard(threading.get_ident())

    def _begin(self, tasks: int, workers: int) -> int:
        """Wake so many workers, and return the generation of the first of so many tasks."""
        if workers > 1 and (self.sleeping or len(self.workers) < workers - 1):
            self._wake(workers)
        self.generation += tasks
        return self.generation - tasks + 1

    def _wake(self, workers: int) -> None:
        with self.waking:  # two threads with one number would write to the same buffer
            for me in range(len(self.workers) + 1, workers):
                self.workers.append(threading.Semaphore(0))
                with suppress(RuntimeError):  # the system has no thread left, or the process ends: we do its share
                    threading.Thread(target=self._work, args=(me,), daemon=True, name=f"convstep {me}").start()
            for me in [me for me in tuple(self.sleeping) if me < workers]:
                self.sleeping.discard(me)
                self.workers[me - 1].release()

    def close(self) -> None:
        """Call every thread out of the machine code, which is about to go."""
        self.board[(self.address - self.board.ctypes.data + OPEN) // 8] = -1
        end = time.monotonic() + 1
        while len(self.sleeping) < len(self.workers) and time.monotonic() < end:
            time.sleep(0.0001)

    def _work(self, me: int) -> None:
        task = packed(self.address, SPINS, me)
        while True:
            _call(self.serve, task)
            self.sleeping.add(me)
            if self.performing and not _closing.is_set():  # begun while this one was on its way to sleep, so nobody has woken it
                self.sleeping.discard(me)
                continue
            self.workers[me - 1].acquire()


_NOTHING = ctypes.create_string_buffer(32)  # where a result and an error would go


def _call(code: Kernel, arguments: bytes) -> None:
    code.call(_NOTHING, _NOTHING, arguments, 0, 0)


_pool: _Pool | None = None
_count: int | None = None


_running: set[int] = set()  # threads that are inside of `run`
_closing = threading.Event()


def run(code: Kernel, jobs: int, arguments: bytes, *, once: bool = False) -> None:
    """Run a kernel's jobs on the threads of this process: on no more than `threads` last said to the thread that asks.

    A recording that is being made takes it down; where weights stay as they are, what is made of weights alone is made `once`.
    """
    if jobs == 0:
        return
    workers = min(_said.count, _count or _available(), jobs)
    recording = current.get()
    if recording is not None and not (once and recording.frozen):
        recording.steps.append((code.address, jobs, workers, arguments))
    with _inside() as pool:
        pool.run(code, jobs, workers, arguments)


class Task(NamedTuple):
    """A kernel's jobs and arguments; `once` as in `run`."""

    code: Kernel
    jobs: int
    arguments: bytes
    once: bool = False


def run_all(*tasks: Task) -> None:
    """Run kernels one after the other as `run` does, with one call for all of them."""
    most, recording, steps = min(_said.count, _count or _available()), current.get(), []
    for code, jobs, arguments, once in tasks:
        _check(code, arguments)
        if jobs:
            steps.append((code.address, jobs, min(most, jobs), arguments))
            if recording is not None and not (once and recording.frozen):
                recording.steps.append(steps[-1])
    if steps:
        with _inside() as pool:
            pool.run_all(steps)


def _check(code: Kernel, arguments: bytes) -> None:
    if code.count >= 0 and len(arguments) != 8 * code.count:
        raise AssertionError(f"{code.name} takes {code.count} numbers, not {len(arguments) // 8}")


def perform(table: Array, workers: int, *, brief: bool = False) -> None:
    """Run a program on the threads of this process: rows of code, jobs, workers and the address of the arguments.

    One that is `brief` is shared with threads that are awake, but wakes none, which would take as long as the work.
    """
    with _inside() as pool:
        pool.perform(table, workers, brief=brief)


class _inside:  # noqa: N801 - reads as what it says
    """A block of a thread that computes; the pool of this process."""

    def __enter__(self) -> _Pool:
        global _pool  # noqa: PLW0603 - one pool for each process
        self.me = threading.get_ident()
        _running.add(self.me)
        if _closing.is_set():
            _rest(self.me)
        if _pool is None:
            _pool = _Pool()
        return _pool

    def __exit__(self, *_error: object) -> None:
        _running.discard(self.me)


def _rest(me: int) -> None:
    """Let a daemon thread wait for the end of the process, which takes its memory away."""
    if me != threading.main_thread().ident:
        _running.discard(me)
        threading.Event().wait()


def _forget() -> None:
    global _pool  # noqa: PLW0603 - a child has none of its parent's threads
    _pool = None
    _running.clear()
    _available.cache_clear()


def _close() -> None:
    """Wait until nobody computes any more: all who still could are daemons, and Python is about to free what they compute on."""
    _closing.set()
    end = time.monotonic() + PATIENCE
    while _running - {threading.get_ident()} and time.monotonic() < end:
        time.sleep(0.0001)
    if _pool is not None:
        _pool.close()


atexit.register(_close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


class _Said(threading.local):
    """What `threads` said last to a thread, which laid out its buffers for so many."""

    count = MOST


_said = _Said()


def threads() -> int:
    """Return how many threads share the work: as set, else NUMBA_NUM_THREADS, else the processors that this process may use."""
    _said.count = _count or _available()
    return _said.count


@cache
def _available() -> int:
    given = os.environ.get("NUMBA_NUM_THREADS", "")
    if given.isdecimal() and int(given) > 0:
        return min(int(given), MOST)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads(count: int | None) -> None:
    """Say how many threads share the work; see `convstep.set_threads`."""
    global _count  # noqa: PLW0603 - one count for each process
    _count = None if count is None else min(whole("set_threads", "count", count, 1), MOST)
    _said.count = MOST
