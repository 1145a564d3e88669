"""What the kernels of a function did, written down so that it can be done again on other numbers: which ran, and on what memory.

One rule: everything that a kernel was pointed to stays where it is for as long as the recording lives.
"""

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from convstep.checks import Array


@dataclass
class Recording:
    """The kernels in their order, and what must stay alive."""

    steps: list[tuple[int, int, int, bytes]] = field(default_factory=list)  # code, jobs, workers, arguments
    kept: list[Any] = field(default_factory=list)
    flags: list[Array] = field(default_factory=list)  # each set by a kernel where a short cut cannot be trusted


current: ContextVar[Recording | None] = ContextVar("convstep_recording", default=None)


def keep(item: Any) -> None:
    """Let something live as long as the recording that is being made, if one is."""
    recording = current.get()
    if recording is not None:
        recording.kept.append(item)
