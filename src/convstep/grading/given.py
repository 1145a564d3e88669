"""The other seven: what a function that is judged finds under their names, whatever the learner's file has there.

One rule: it is the text of the solution, in this process and in the learner's, so the same mistake fails in the same words.
"""

import inspect
from functools import cache
from typing import Any

from convstep.grading import solution
from convstep.grading.observing import EIGHT

__all__ = ["given_functions", "given_source"]


@cache
def given_source(name: str) -> str:
    """Return the source of the seven functions that are given to the one of this name."""
    texts = [inspect.getsource(getattr(solution, other)) for other in EIGHT if other != name]
    whole = "import numpy as np\n\n\n" + "\n\n".join(texts)
    return whole.replace("b.item()", "np.asarray(b).item()")  # a learner may have made a plain number of the bias already


@cache
def _space(name: str) -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(compile(given_source(name), "<given>", "exec"), space)  # noqa: S102 - the package's own text
    return space


def given_functions(name: str) -> dict[str, Any]:
    """Return these functions by name."""
    return {other: _space(name)[other] for other in EIGHT if other != name}
