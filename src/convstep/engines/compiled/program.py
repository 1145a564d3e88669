"""Functions as programs: what their kernels did is written down once, and done again on other numbers in one call without Python."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from time import perf_counter

import numpy as np

from convstep.checks import Array
from convstep.engines.compiled.arrays import release
from convstep.engines.compiled.buffers import memory_apart
from convstep.engines.compiled.native import address_of
from convstep.engines.compiled.recording import Recording, current
from convstep.engines.compiled.threads import perform, threads

BRIEF = 150e-6  # seconds: what took less is not worth the waking of a thread


class Program:
    """A recorded function of arrays; see `Engine`. There is one memory, so threads must take turns."""

    def __init__(self, function: Callable[..., Sequence[Array]], given: Sequence[Array], *, frozen: bool) -> None:
        release()  # what calls before have left: most of them will not come again
        self.given = [np.array(item, order="C") for item in given]
        self.recording = recording = Recording(frozen)
        token = current.set(recording)
        try:
            with memory_apart() if frozen else nullcontext():  # what changes is done again by the thread that recorded it
                self.results = list(function(*self.given))
        finally:
            current.reset(token)
        self.arguments = [np.frombuffer(step[3], np.int64) for step in recording.steps]
        rows = [(*step[:3], address_of(numbers)) for step, numbers in zip(recording.steps, self.arguments, strict=True)]
        self.table = np.array(rows, np.int64).reshape(-1, 4)
        self.workers = self.table[:, 2].copy()  # of each step: as many as its buffers are laid out for
        self.brief = False

    def __call__(self, *given: Array) -> list[Array] | None:
        """Return the function's results, which the next call overwrites; None where a short cut cannot be trusted."""
        for place, item in zip(self.given, given, strict=True):
            np.copyto(place, item)
        for flag in self.recording.flags:
            flag[0] = 0
        np.minimum(self.workers, threads(), out=self.table[:, 2])
        start = perf_counter()
        perform(self.table, int(self.table[:, 2].max(initial=1)), brief=self.brief)
        self.brief = perf_counter() - start < (2 * BRIEF if self.brief else BRIEF)  # with fewer threads it takes longer
        return None if any(flag[0] for flag in self.recording.flags) else self.results
