"""What the kernels of a function did, written down so that it can be done again on other numbers: which ran, and on what memory.

One rule: everything that a kernel was pointed to stays where it is for as long as the recording lives. Arrays that end while it is made
leave their memory to later ones of the same recording, since all is done again in the same order.
"""

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convstep.checks import Array


@dataclass(eq=False)
class Recording:
    """The kernels in their order, and what must stay alive."""

    frozen: bool  # whether weights stay as they are, and what is made of them alone need not be made again
    steps: list[tuple[int, int, int, bytes]] = field(default_factory=list)  # code, jobs, workers, arguments
    kept: list[Any] = field(default_factory=list)
    left: dict[int, list[tuple[Array, int]]] = field(default_factory=dict)  # memory of arrays that ended, by size
    flags: list[Array] = field(default_factory=list)  # each set by a kernel where a short cut cannot be trusted

    def keep(self, array: Array) -> None:
        """Let an array live on, unless its memory does that without it."""
        base: Any = array
        while type(base) is np.ndarray:
            base = base.base
        if getattr(base, "left", None) is not self.left:
            self.kept.append(array)


current: ContextVar[Recording | None] = ContextVar("convstep_recording", default=None)
