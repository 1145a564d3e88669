"""Kernels on whole batches, chosen by name. An engine is a record of kernels; each trusts its arguments: `checks` ran at the door."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from types import TracebackType
from typing import Literal, Self

from convstep.checks import Array, one_of
from convstep.checks.operations import flag
from convstep.engines.rules import Entry, Rule
from convstep.extras import require
from convstep.geometry import Window2d

Ties = Literal["first", "all"]
Program = Callable[..., list[Array] | None]


@dataclass(frozen=True)
class Engine:
    """The kernels, all on NHWC arrays of one float type.

    Attributes
    ----------
    name : str
    correlate : (x, w, b or None, window, groups, floor=False, out=None) -> y
        Slide filters w (kernel rows, kernel columns, channels / groups, filters) over x; with `floor`, 0 where the result is negative. Here
        and below the result may go to `out`, of the result's shape and any strides.
    correlate_to_x : (dy, w, window, groups) -> dx
        Its transpose towards x. The window knows the size of x.
    correlate_to_w : (dy, x, window, groups) -> dw
        Its transpose towards w.
    pixel_sum : (dy) -> db
        The sum of each channel over all pixels of all images: towards a bias.
    max_pool : (x, window, out=None) -> y
        The largest value of each window; the padding never wins.
    max_pool_to_x : (dy, x, window, ties, floor=False) -> dx
        Hand dy to the largest value of each window: to the "first" of equals, or to "all" of them; with `floor`, only to values above 0.
    window_sum : (x, window, mean=False, out=None) -> y
        The sum of each window, channel by channel; with `mean`, divided by how many cells of the image the window meets.
    window_sum_to_x : (dy, window) -> dx
        Its transpose.
    activate : (name, x, slope, out or None) -> y
        "relu", "relu6", "leaky_relu" (which has the slope), "sigmoid", "tanh", "silu", "hard_sigmoid" or "hard_silu". The result may go to
        `out`, which may be x itself.
    activate_to_x : (name, dy, y, slope) -> dx
        Its gradient, from what it returned; of the first five alone.
    moments : (x) -> (mean, variance)
        Of each channel of x (m, cells, channels).
    normalize : (x, mean, inverse, gamma or None, beta or None, floor=False) -> y
        (x - mean) inverse gamma + beta, channel by channel; with `floor`, 0 where that is negative.
    normalize_to_gamma_beta : (dy, x, mean, inverse) -> (d_gamma, d_beta)
        The gradients of gamma and beta.
    normalize_to_x : (dy, x, mean, inverse, gamma or None, d_gamma, d_beta) -> dx
        The gradient of x, which counts in the mean and in the inverse of the deviation too.
    update : (rule, entries) -> None
        An optimizer's step, in place.
    plus : (one, other, floor=...) -> y
        The sum of two arrays of one shape; with `floor`, 0 where it is negative.
    times : (x, factor) -> y
        A multiple.
    product : (one, other) -> y
        The product, number by number; the second array may be repeated along axes of length 1.
    softmax : (x) -> y
        exp(x) / sum(exp(x)) along the last axis.
    softmax_to_x : (dy, y) -> dx
        Its gradient, from what it returned.
    resample : (x, matrices, starts, fill) -> y
        Each image of x (m, height, width, channels) as it is seen through its own matrix: cell (i, j) of the result, counted from the
        middle, is taken from `matrix @ (i, j) + start`, counted from the first cell; outside of the image it is `fill`.
    empty : (shape, dtype) -> array
        Memory for a result.
    combine : (name, one, other) -> y
        "plus", "minus", "product", "quotient", "largest" or "smallest" of two arrays, entry by entry; they are repeated as in NumPy.
    arrange : (x, out=None) -> y
        A copy of an array of any shape and strides, in one piece.
    affine : (x, scale, shift, floor=False, out=None) -> y
        x * scale + shift along the last axis of an array of any shape; with `floor`, 0 where that is negative. `out` is not x.
    local_response : (x, size, alpha, beta, bias) -> y
        x / (bias + alpha / size * s) ** beta along the last axis, where s are the squares from (size - 1) // 2 channels before each one to
        size // 2 behind it, added up (Krizhevsky, Sutskever and Hinton 2012, section 3.3).
    workers : () -> int
        How many threads share the work.
    program : (function, arrays, frozen=...) -> program, or None
        What an engine can do again without Python: the program is called with other arrays of the same shapes and returns the function's
        results, in memory that the next call overwrites, or None where the function itself must be asked. The function is made of kernels
        and views alone; `frozen` says that the weights it uses stay as they are; a program that is not
        belongs to the thread that made it.
    """

    name: str
    correlate: Callable[..., Array]
    correlate_to_x: Callable[[Array, Array, Window2d, int], Array]
    correlate_to_w: Callable[[Array, Array, Window2d, int], Array]
    pixel_sum: Callable[[Array], Array]
    max_pool: Callable[..., Array]
    max_pool_to_x: Callable[..., Array]
    window_sum: Callable[..., Array]
    window_sum_to_x: Callable[[Array, Window2d], Array]
    activate: Callable[[str, Array, float, Array | None], Array]
    activate_to_x: Callable[[str, Array, Array, float], Array]
    moments: Callable[[Array], tuple[Array, Array]]
    normalize: Callable[..., Array]
    normalize_to_gamma_beta: Callable[[Array, Array, Array, Array], tuple[Array, Array]]
    normalize_to_x: Callable[[Array, Array, Array, Array, Array | None, Array, Array], Array]
    update: Callable[[Rule, Sequence[Entry]], None]
    plus: Callable[..., Array]
    times: Callable[[Array, float], Array]
    product: Callable[[Array, Array], Array]
    softmax: Callable[[Array], Array]
    softmax_to_x: Callable[[Array, Array], Array]
    resample: Callable[[Array, Array, Array, float], Array]
    empty: Callable[..., Array]
    combine: Callable[[str, Array, Array], Array]
    arrange: Callable[..., Array]
    affine: Callable[..., Array]
    local_response: Callable[[Array, int, float, float, float], Array]
    workers: Callable[[], int]
    program: Callable[..., Program] | None


def _numpy(*, exact: bool) -> Engine:
    from convstep.engines.numpy import ENGINE  # noqa: PLC0415 - an engine is loaded when it is chosen

    del exact  # it always is
    return ENGINE


def _compiled(*, exact: bool) -> Engine:
    _needs_numba("use_engine")
    from convstep.engines.compiled import ENGINE, EXACT  # noqa: PLC0415

    return EXACT if exact else ENGINE


def _needs_numba(op: str) -> None:
    if find_spec("numba") is None:  # found, not imported: kernels that are compiled need it no more
        require("numba", extra="fast", op=op)


_ENGINES: dict[str, Callable[..., Engine]] = {"compiled": _compiled, "numpy": _numpy}
_current: ContextVar[Engine | None] = ContextVar("convstep_engine", default=None)


def current_engine() -> Engine:
    """Return the engine that operations run on: the one chosen with `use_engine`, else the fastest that is installed."""
    return _current.get() or _fastest()


@cache
def default_engine() -> str:
    """Return the name of the fastest engine that is installed."""
    return "compiled" if find_spec("numba") else "numpy"


@cache
def _fastest() -> Engine:
    return _ENGINES[default_engine()](exact=False)


class use_engine:  # noqa: N801 - reads as the verb that it is
    """Choose the engine: `use_engine("numpy")` from here on, `with use_engine("numpy"):` for a block.

    Parameters
    ----------
    name : str
        "compiled", the default wherever Numba is installed (extra `fast`), or "numpy".
    exact : bool
        Whether every sum is formed of the very products that the loops add up. Else 3 x 3 convolutions in float32 may go by
        Winograd's algorithm, which is faster and rounds more.

    Notes
    -----
    The choice holds for this thread (for this `contextvars` context); other threads keep theirs.

    Raises
    ------
    ShapeError
        If there is no engine of that name.
    ArgumentTypeError
        If the name is not a text, or exact is not True or False.
    MissingExtraError
        If the engine is not installed.
    """

    def __init__(self, name: str, *, exact: bool = False) -> None:
        chosen = _ENGINES[one_of("use_engine", "name", name, tuple(_ENGINES))](exact=flag("use_engine", "exact", exact))
        self._token: Token[Engine | None] = _current.set(chosen)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _current.reset(self._token)


def set_threads(count: int | None) -> None:
    """Say how many threads share the work of the compiled engine from here on, in the whole process.

    Parameters
    ----------
    count : int or None
        How many, >= 1; more than the machine has processors gain nothing, and no more are started than that or 16, whichever is larger.
        None for what holds at the start: NUMBA_NUM_THREADS where it is set, else as many as this process may use.

    Notes
    -----
    Results do not depend on it, not even in their last bit.

    Raises
    ------
    ShapeError
        If count is below 1.
    ArgumentTypeError
        If it is not a whole number.
    MissingExtraError
        If the compiled engine is not installed.
    """
    _needs_numba("set_threads")
    from convstep.engines.compiled import threads  # noqa: PLC0415

    threads.set_threads(count)
