"""Any implementation of the eight functions, held against the loops of `convstep.steps`."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from convstep import steps
from convstep.checks import Array, one_of, refusal, shown
from convstep.errors import ArgumentTypeError, ConvStepError
from convstep.steps.tracing import FUNCTIONS
from convstep.testing.cases import Case, cases

EXACT = ("zero_pad", "create_mask_from_window")


def assert_engine(
    implementation: object,
    *,
    count: int = 100,
    dtypes: Sequence[DTypeLike] = ("float64",),
    same: bool = False,
    seed: int = 0,
) -> None:
    """Hold an implementation of the eight functions against the steps, case by case.

    Parameters
    ----------
    implementation : module, object or mapping
        Has some or all of the eight functions under their names, as attributes or as keys. Those that it has are checked; a key that
        is none of the eight names is refused.
    count : int
        How many cases for each function.
    dtypes : sequence of dtypes
        Types of floats to draw from. Results must have the type that the steps return.
    same : bool
        Whether to draw the padding "same" too.
    seed : int
        The same seed draws the same cases.

    Raises
    ------
    AssertionError
        At the first case that is not right: a number that is further from the steps than rounding explains, another shape or type, an
        exception, a changed argument, a result that shares memory with an argument, two calls that give different bits, or a cache
        from which the backward pass of the steps gets other gradients.
    ArgumentTypeError
        If the implementation has none of the eight functions, or a mapping has a key that is none of their names.

    Notes
    -----
    Rounding explains ``2 (n + 4) u Σ|terms|`` for a sum of n terms with the unit roundoff u, in whatever order they are added
    (Higham 2002, Accuracy and Stability of Numerical Algorithms, section 4.2). Convolution is linear in each argument, so ``Σ|terms|`` is
    the same function of the absolute values.
    """
    have = _functions(implementation)
    if not have:
        fact = f"the implementation has none of the functions {', '.join(FUNCTIONS)}"
        raise refusal("assert_engine", fact, {"implementation": implementation}, kind=ArgumentTypeError)
    for number, case in enumerate(cases(count * len(have), functions=list(have), dtypes=dtypes, same=same, seed=seed)):
        wrong = _first_difference(have[case.function], case)
        if wrong:
            raise AssertionError(f"{case.function}: {wrong}\n  given case {number} of seed {seed}, {case}")


def _functions(implementation: object) -> dict[str, Callable[..., Any]]:
    """Return those of the eight functions that the implementation has."""
    if isinstance(implementation, Mapping):
        for key in implementation:
            one_of("assert_engine", "a key of the implementation", key, FUNCTIONS)
        return {name: implementation[name] for name in FUNCTIONS if name in implementation}
    return {name: getattr(implementation, name) for name in FUNCTIONS if hasattr(implementation, name)}


def _first_difference(function: Callable[..., Any], case: Case) -> str:
    """Return what is wrong with the function's answers to this case, or nothing."""
    arguments = copy.deepcopy(case.arguments)
    try:
        returned, again = function(*arguments), function(*arguments)
        got, repeated = _results(case.function, returned), _results(case.function, again)
    except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
        return f"raised {type(error).__name__}: {error}"
    right = getattr(steps, case.function)(*case.arguments)
    want = _results(case.function, right)
    kinds = {name: "an array" if isinstance(item, np.ndarray) else "a NumPy scalar" for name, item in want.items()}
    for name, item in got.items():
        if not isinstance(item, np.ndarray if kinds[name] == "an array" else np.generic):
            return f"{name} must be {kinds[name]}, not {shown(item)}"
    if not _same(arguments, case.arguments):
        return "an argument was changed"
    if any(np.shares_memory(result, array) for result in got.values() for array in _arrays(arguments)):
        return "a result shares memory with an argument"
    if not all(_same(np.asarray(got[name]), np.asarray(repeated[name])) for name in got):
        return "two calls with the same arguments gave different bits"
    wrong = next((wrong for name in want if (wrong := _compare(name, got[name], want[name], _rounding(case, name)))), "")
    return wrong or (_cache_difference(case, returned[1], right) if case.function.endswith("forward") else "")


def _results(function: str, returned: Any) -> dict[str, Any]:
    """Return what a function returned, by the names of the assignment; without the cache."""
    names = {"conv_forward": ("Z",), "pool_forward": ("A",), "conv_backward": ("dA_prev", "dW", "db")}.get(function, ("the result",))
    if function.endswith("forward"):
        returned, _cache = returned
    parts = returned if function == "conv_backward" else (returned,)
    return dict(zip(names, parts, strict=True))


def _cache_difference(case: Case, cache: Any, right: Any) -> str:
    """Return how the gradients differ that the steps get from this cache and from the right one, or nothing."""
    output, right_cache = right
    mode = case.arguments[2:] if case.function == "pool_forward" else ()
    backward = getattr(steps, case.function.replace("forward", "backward"))
    try:
        got = backward(output, cache, *mode)
    except ConvStepError as error:
        return f"the cache is refused by the backward pass: {str(error).splitlines()[0]}"
    return "" if _same(got, backward(output, right_cache, *mode)) else "the cache leads the backward pass of the steps to other gradients"


def _rounding(case: Case, name: str) -> Any:
    """Return the difference that rounding explains, entry by entry."""
    if case.function in EXACT or (case.function == "pool_forward" and case.arguments[2] == "max"):
        return 0.0
    if case.function == "pool_backward" and case.arguments[2] == "max":  # the mask is of the values, not of their absolutes
        dA, cache, mode = case.arguments
        sums = {name: steps.pool_backward(np.abs(dA.astype(np.float64)), cache, mode)}
    else:
        sums = _results(case.function, getattr(steps, case.function)(*_absolute(case.arguments)))
    info = np.finfo(next(_arrays(case.arguments)).dtype)
    return 2 * (_terms(case, name) + 4) * (float(info.eps) / 2 * sums[name] + float(info.smallest_subnormal))


def _terms(case: Case, name: str) -> int:
    """Return how many terms the sums of a result have at most."""
    first, *others = case.arguments
    if case.function == "conv_single_step":
        return int(first.size) + 1
    if case.function == "conv_forward":
        return int(others[0][..., 0].size) + 1
    if case.function == "conv_backward":
        filters = others[0][1]
        return int(filters[:, :, 0].size) if name == "dA_prev" else int(first[..., 0].size)
    if case.function == "distribute_value":
        return 1
    hparameters = others[0] if case.function == "pool_forward" else others[0][1]
    return int(hparameters["f"] ** 2)


def _compare(name: str, got: Array, want: Array, rounding: Any) -> str:
    """Return how the result differs from the steps' by more than rounding, or nothing."""
    if got.shape != want.shape:
        return f"{name} has the shape {got.shape}, but the steps give {want.shape}"
    if got.dtype != want.dtype:
        return f"{name} holds {got.dtype.name}, but the steps give {want.dtype.name}"
    with np.errstate(all="ignore"):
        near = (got == want) | (np.abs(np.subtract(got, want, dtype=np.float64)) <= rounding) | (np.isnan(got) & np.isnan(want))
    if near.all():
        return ""
    index = tuple(int(i) for i in np.argwhere(~near)[0])
    place = f"{name}[{', '.join(map(str, index))}]" if index else name
    return f"{place} is {got[index]}, but the steps give {want[index]}: {np.sum(~near)} of {near.size} entries differ"


def _same(one: Any, other: Any) -> bool:
    """Whether two arguments or results are equal, bit for bit in their arrays."""
    if isinstance(one, np.ndarray):
        return bool(one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes())
    if isinstance(one, tuple):
        return isinstance(other, tuple) and len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _arrays(value: Any) -> Any:
    """Yield the arrays inside arguments, caches too."""
    if isinstance(value, tuple):
        for item in value:
            yield from _arrays(item)
    elif isinstance(value, np.ndarray | np.floating):
        yield np.asarray(value)


def _absolute(value: Any) -> Any:
    """Return the arguments with the absolute values of their arrays, in float64."""
    if isinstance(value, tuple):
        return tuple(_absolute(item) for item in value)
    return np.abs(value.astype(np.float64)) if isinstance(value, np.ndarray | np.floating) else value
