"""`convstep.check`: a function object, judged where it is. One rule: it runs in the caller's own process, for learning, not for marks."""

import functools
import random
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from convstep.checks import one_of, refusal, shown, whole
from convstep.errors import ArgumentTypeError
from convstep.grading.case import Asked
from convstep.grading.diagnosis import right_sights, sight_of
from convstep.grading.finding import is_unwritten
from convstep.grading.given import given_functions
from convstep.grading.grades import Grade
from convstep.grading.judging import judge, unfinished
from convstep.grading.observing import EIGHT, observe
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
    if is_unwritten(function):
        return unfinished(Grade(known, "wrong", 0.0, {}, language=spoken, seed=asked.seed))
    alone = _alone(function, known)
    probes, _ = right_sights(known, asked.seed)
    with _random_numbers_kept():
        told = [observe(known, alone, probe.arguments, seed=probe.seed, interruptible=True) for probe in probes]
        official = [observe(known, alone, case.arguments, seed=0, interruptible=True) for case in published(known)]
    sights = [sight_of(known, probe, outcome_of(known, one)) for probe, one in zip(probes, told, strict=True)]
    return judge(known, sights, [outcome_of(known, one) for one in official], asked)


@contextmanager
def _random_numbers_kept() -> Iterator[None]:
    """Let a notebook's random numbers go on afterwards as if nothing had been drawn."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 - what learners' code draws from
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def _alone(function: Any, name: str) -> Any:
    """Return the function with the other seven right, whatever the notebook calls by their names, in the helpers that it calls too."""
    if not isinstance(function, types.FunctionType):
        return function
    there = function.__globals__
    space = dict(there)
    for word, value in there.items():
        if isinstance(value, types.FunctionType) and value.__globals__ is there:
            space[word] = _moved(value, space)
    space |= given_functions(name)
    return _moved(function, space)


def _moved(function: types.FunctionType, space: dict[str, Any]) -> types.FunctionType:
    """Return a function that finds its names elsewhere."""
    made = types.FunctionType(function.__code__, space, function.__name__, function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _is_ours(function: Any, name: str) -> bool:
    """Say whether this is convstep's own function, or calls it."""
    if isinstance(function, functools.partial):
        return _is_ours(function.func, name)
    if not isinstance(function, types.FunctionType):
        return False
    if _from_convstep(function.__module__):
        return True
    words = _words(function.__code__)
    reached = [function.__globals__.get(word) for word in words]
    modules = [one for one in reached if isinstance(one, types.ModuleType) and _from_convstep(one.__name__)]
    functions = [one for one in reached if isinstance(one, types.FunctionType) and _from_convstep(one.__module__)]
    return any(one.__name__ == name for one in functions) or (bool(modules or _imports(function.__code__)) and name in words)


def _from_convstep(module: object) -> bool:
    return type(module) is str and module.partition(".")[0] == "convstep"


def _words(code: types.CodeType) -> set[str]:
    """Return the names that a function reads, the functions inside it too."""
    inside = [one for one in code.co_consts if isinstance(one, types.CodeType)]
    return set(code.co_names).union(*map(_words, inside))


def _imports(code: types.CodeType) -> bool:
    return any(_from_convstep(word) for word in _words(code))
