"""Functions as programs: what their kernels did is written down once, and done again on other numbers in one call without Python.

One rule: a program is only used where it gave the function's own bits on numbers that it was not written down with.
"""

import threading
from collections.abc import Callable

import numpy as np

from convstep.checks import Array
from convstep.engines.compiled.buffers import memory_apart
from convstep.engines.compiled.native import address_of
from convstep.engines.compiled.recording import Recording, current
from convstep.engines.compiled.threads import perform

Function = Callable[[Array], Array]


def record(function: Function, x: Array) -> Function:
    """Return the same function for arrays of the shape and type of x; see `Engine`."""
    program = _Program(function, x)
    rng = np.random.default_rng(0)
    other = rng.standard_normal(x.shape).astype(x.dtype)
    same = program.steps and np.array_equal(program(other), function(other), equal_nan=True)
    return program if same else function


class _Program:
    """A recorded function. Threads take turns: there is one memory."""

    def __init__(self, function: Function, x: Array) -> None:
        self.function, self.given, self.turn = function, np.array(x, order="C"), threading.Lock()
        self.recording = Recording()
        token = current.set(self.recording)
        try:
            with memory_apart():
                self.result = function(self.given)
        finally:
            current.reset(token)
        self.steps = [(code, jobs, workers, np.frombuffer(arguments, np.int64)) for code, jobs, workers, arguments in self.recording.steps]
        self.table = np.array([(*step[:3], address_of(step[3])) for step in self.steps], np.int64).reshape(-1, 4)
        self.workers = max((step[2] for step in self.steps), default=1)

    def __call__(self, x: Array) -> Array:
        with self.turn:
            np.copyto(self.given, x)
            for flag in self.recording.flags:
                flag[0] = 0
            perform(self.table, self.workers)
            if not any(flag[0] for flag in self.recording.flags):
                return self.result.copy()
        return self.function(x)
