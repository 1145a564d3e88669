"""Processes that die like under `kill -9` at a chosen step of writing files: run `at_every_step` in a process without threads."""

import io
import os
from collections.abc import Callable
from typing import Any

PIECE = 29  # bytes that one write takes: every longer write is several steps
DEAD = 9


def die_at(step: int) -> None:
    """From here on, end the process without any clean-up before the step of that number, counted from 1, is done."""
    left = [step]

    def count() -> None:
        left[0] -= 1
        if left[0] == 0:
            os._exit(DEAD)

    class Dying(io.FileIO):
        def write(self, data: Any) -> int:
            view = memoryview(data).cast("B")
            for start in range(0, len(view), PIECE):
                count()
                super().write(view[start : start + PIECE])
            return len(view)

    def counted(name: str) -> None:
        real = getattr(os, name)

        def stand_in(*arguments: Any, **keywords: Any) -> Any:
            count()
            return real(*arguments, **keywords)

        setattr(os, name, stand_in)

    for name in ("open", "fsync", "replace", "rename", "chmod", "unlink", "mkdir", "remove"):
        counted(name)
    os.fdopen = lambda descriptor, mode, *_, **__: Dying(descriptor, mode)  # type: ignore[assignment]


def at_every_step(write: Callable[[], Any], after: Callable[[int], None], *, most: int = 5000) -> int:
    """Run `write` in child processes, each of which dies one step later than the one before, and call `after(step)` after each death.

    Returns how many died; the last child lives to the end.
    """
    for step in range(1, most):
        child = os.fork()
        if child == 0:
            die_at(step)
            write()
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        after(step)
        if status == 0:
            return step - 1
        if status != DEAD:
            raise RuntimeError(f"the writer failed at step {step} with {status}")
    raise RuntimeError(f"more than {most} steps")
