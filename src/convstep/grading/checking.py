"""`convstep.check`: a function object, judged where it is. One rule: it runs in the caller's own process, for learning, not for marks."""

import types
from collections.abc import Callable
from typing import Any

from convstep.checks import one_of, refusal, shown, whole
from convstep.errors import ArgumentTypeError
from convstep.grading.case import Asked
from convstep.grading.diagnosis import look, right_sights
from convstep.grading.given import given_functions
from convstep.grading.grades import Grade
from convstep.grading.judging import judge
from convstep.grading.observing import EIGHT, observe, packed_outcome
from convstep.grading.outcomes import outcome_of
from convstep.grading.published import EDITIONS, published
from convstep.grading.running import new_seed
from convstep.grading.words import both, spoken_language

__all__ = ["check"]


def check(
    function: Callable[..., Any],
    name: str | None = None,
    *,
    hint: int = 2,
    language: str | None = None,
    seed: int | None = None,
    edition: str = "2021",
) -> Grade:
    """Judge one of the eight functions, and name the mistake that is in it.

    The function runs here, in this process, without limits of time or memory; `convstep check FILE` runs a file apart from everything.
    Of the other seven functions it gets those that are right, so it is judged alone.

    Parameters
    ----------
    function : callable
        A learner's function.
    name : str, optional
        Which of the eight it is; its own name says so otherwise.
    hint : int
        1 says what is wrong in kind, 2 also where, 3 also the idea that mends it.
    language : "en" or "zh", optional
        The locale's otherwise.
    seed : int, optional
        The same seed draws the same probes; a new one is drawn otherwise.
    edition : "v1", "v2", "v2a" or "2021"
        Of the assignment, whose published checks the message speaks of.

    Returns
    -------
    Grade
        Shown by notebooks with a picture of the first wrong window; `status`, `score`, `diagnosis` and `message` are its parts.

    Raises
    ------
    ArgumentTypeError
        If the function cannot be called.
    ShapeError
        If its name is none of the eight, or an option is none of those above.
    """
    if not callable(function):
        raise refusal("check", f"function must be a function, not {shown(function)}", {"function": function}, kind=ArgumentTypeError)
    known = name if name is not None else getattr(function, "__name__", "")
    one_of("check", "name" if name is not None else "the function's name", known, EIGHT)
    level = whole("check", "hint", hint, 1)
    if level > 3:
        raise refusal("check", f"hint must be 1, 2 or 3, not {level}", {"hint": hint})
    one_of("check", "edition", edition, EDITIONS)
    spoken = spoken_language() if language is None else one_of("check", "language", language, ("en", "zh"))
    asked = Asked(new_seed() if seed is None else whole("check", "seed", seed, 0), edition, level, spoken)
    if _is_ours(function, known):
        return Grade(known, "error", 0.0, both("own", function=known), language=spoken, seed=asked.seed)
    alone = _alone(function, known)
    probes, _ = right_sights(known, asked.seed)
    sights = [look(known, alone, probe) for probe in probes]
    official = [outcome_of(packed_outcome(observe(known, alone, case.arguments, seed=0))) for case in published(known)]
    return judge(known, sights, official, asked)


def _alone(function: Any, name: str) -> Any:
    """Return the function with the other seven right, whatever the notebook calls by their names."""
    if not isinstance(function, types.FunctionType):
        return function
    space = {**function.__globals__, **given_functions(name)}
    made = types.FunctionType(function.__code__, space, name, function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _is_ours(function: Any, name: str) -> bool:
    """Say whether this is convstep's own function, or only calls it."""
    if str(getattr(function, "__module__", "")).partition(".")[0] == "convstep":
        return True
    if not isinstance(function, types.FunctionType):
        return False
    words = function.__code__.co_names
    reached = [function.__globals__.get(word) for word in words]
    modules = [one for one in reached if isinstance(one, types.ModuleType) and one.__name__.partition(".")[0] == "convstep"]
    called = [one for one in reached if getattr(one, "__name__", "") == name and str(getattr(one, "__module__", "")).startswith("convstep")]
    return bool(called) or (bool(modules) and name in words)
