"""Kernels on whole batches, chosen by name. An engine is a record of kernels; each trusts its arguments: `checks` ran at the door."""

from collections.abc import Callable
from contextvars import ContextVar, Token
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from convstep.checks import Array, one_of
from convstep.geometry import Window2d

Ties = Literal["first", "all"]


@dataclass(frozen=True)
class Engine:
    """The kernels, all on NHWC arrays of one float type.

    Attributes
    ----------
    name : str
    correlate : (x, w, b or None, window, groups) -> y
        Slide filters w (kernel rows, kernel columns, channels / groups, filters) over x.
    correlate_to_x : (dy, w, window, groups) -> dx
        Its transpose towards x. The window knows the size of x.
    correlate_to_w : (dy, x, window, groups) -> dw
        Its transpose towards w.
    max_pool : (x, window) -> y
        The largest value of each window; the padding never wins.
    max_pool_to_x : (dy, x, window, ties) -> dx
        Hand dy to the largest value of each window: to the "first" of equals, or to "all" of them.
    window_sum : (x, window) -> y
        The sum of each window, channel by channel.
    window_sum_to_x : (dy, window) -> dx
        Its transpose.
    """

    name: str
    correlate: Callable[[Array, Array, Array | None, Window2d, int], Array]
    correlate_to_x: Callable[[Array, Array, Window2d, int], Array]
    correlate_to_w: Callable[[Array, Array, Window2d, int], Array]
    max_pool: Callable[[Array, Window2d], Array]
    max_pool_to_x: Callable[[Array, Array, Window2d, Ties], Array]
    window_sum: Callable[[Array, Window2d], Array]
    window_sum_to_x: Callable[[Array, Window2d], Array]


def _numpy() -> Engine:
    from convstep.engines.numpy import ENGINE  # noqa: PLC0415 - an engine is loaded when it is chosen

    return ENGINE


_ENGINES: dict[str, Callable[..., Engine]] = {"numpy": _numpy}
_current: ContextVar[Engine | None] = ContextVar("convstep_engine", default=None)


def current_engine() -> Engine:
    """Return the engine that operations run on: the one chosen with `use_engine`, else the NumPy engine."""
    return _current.get() or _numpy()


class use_engine:  # noqa: N801 - reads as the verb that it is
    """Choose the engine: `use_engine("numpy")` from here on, `with use_engine("numpy"):` for a block.

    Parameters
    ----------
    name : str
        "numpy".

    Notes
    -----
    The choice holds for this thread (for this `contextvars` context); other threads keep theirs.

    Raises
    ------
    ShapeError
        If there is no engine of that name.
    ArgumentTypeError
        If the name is not a text.
    """

    def __init__(self, name: str) -> None:
        chosen = one_of("use_engine", "name", name, tuple(_ENGINES))
        self._token: Token[Engine | None] = _current.set(_ENGINES[chosen]())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _current.reset(self._token)
