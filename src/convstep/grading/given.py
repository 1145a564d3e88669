"""The other seven: what a function that is judged finds under their names, whatever the learner's file has there.

One rule: it is the text of the solution, in this process and in the learner's, so the same mistake fails in the same words.
"""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from convstep.grading import solution
from convstep.grading.observing import EIGHT, quiet

__all__ = ["given_functions", "given_source", "made_of"]


@cache
def given_source(name: str) -> str:
    """Return the source of the seven functions that are given to the one of this name."""
    texts = [inspect.getsource(getattr(solution, other)) for other in EIGHT if other != name]
    whole = "import numpy as np\n\n\n" + "\n\n".join(texts)
    return whole.replace("b.item()", "np.asarray(b).item()")  # a learner may have made a plain number of the bias already


@cache
def given_functions(name: str) -> dict[str, Any]:
    """Return these functions by name."""
    space: dict[str, Any] = {}
    exec(compile(given_source(name), "<given>", "exec"), space)  # noqa: S102 - the package's own text
    return {other: space[other] for other in EIGHT if other != name}


@cache
def made_of(name: str, text: str, **instead: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function of this name that a text of ours makes, with the other seven given, or others in their place.

    The same text makes the same function, so what it does on a probe can be kept.
    """
    space: dict[str, Any] = {"np": np, **given_functions(name), **instead}
    with quiet():  # some mistakes are worth a warning
        exec(compile(text, "<learner 0>", "exec"), space)  # noqa: S102 - the package's own text
    made: Callable[..., Any] = space[name]
    return made
