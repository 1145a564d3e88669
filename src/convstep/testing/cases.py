"""Arguments for the eight functions, drawn so that mistakes show: all sizes differ, windows do not divide, values tie."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from convstep import steps
from convstep.checks import Array, one_of, refusal, shown, told, whole
from convstep.steps.tracing import FUNCTIONS


@dataclass(frozen=True)
class Case:
    """One call of one of the eight functions."""

    function: str
    arguments: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.function}({told(self.arguments)})"


def cases(
    count: int,
    *,
    functions: Sequence[str] = FUNCTIONS,
    dtypes: Sequence[DTypeLike] = ("float64",),
    same: bool = False,
    seed: int = 0,
) -> Iterator[Case]:
    """Yield cases for the functions in turn.

    Parameters
    ----------
    count : int
        How many, >= 1.
    functions : sequence of str
        Names of the eight functions.
    dtypes : sequence of dtypes
        Types of floats to draw from. All arrays of a case have one type.
    same : bool
        Whether to draw the padding "same" too, which the assignment itself does not have.
    seed : int
        The same seed draws the same cases.
    """
    whole("cases", "count", count, 1)
    if not functions:
        raise refusal("cases", "functions must name at least one of the eight", {"functions": functions})
    for name in functions:
        one_of("cases", "functions", name, FUNCTIONS)
    if not dtypes or not all(np.dtype(dtype).kind == "f" for dtype in dtypes):
        raise refusal("cases", f"dtypes must be types of floats, not {shown(tuple(dtypes))}", {"dtypes": dtypes})
    rng = np.random.default_rng(whole("cases", "seed", seed, 0))
    for number in range(count):
        name = functions[number % len(functions)]
        dtype = dtypes[int(rng.integers(len(dtypes)))]
        yield Case(name, _ARGUMENTS[name](_Draw(rng, np.dtype(dtype), same)))


@dataclass(frozen=True)
class _Draw:
    """Where a case's numbers come from."""

    rng: np.random.Generator
    dtype: np.dtype[Any]
    same: bool

    def whole(self, least: int, most: int) -> int:
        """Draw a whole number; both ends count."""
        return int(self.rng.integers(least, most + 1))

    def images(self) -> tuple[int, int, int, int]:
        """Draw a shape (m, n_H, n_W, n_C); some batches are empty."""
        return self.whole(0, 7) % 4, self.whole(1, 8), self.whole(1, 8), self.whole(1, 4)

    def array(self, *shape: int) -> Array:
        """Draw values of one of four kinds, in one of four memory layouts."""
        kind, layout = self.rng.choice(["any", "ties", "negative", "eighths"]), self.rng.choice(["C", "F", "reversed", "strided"])
        values: Array = self.rng.standard_normal(shape)
        if kind == "ties":
            values = np.maximum(np.round(values), 0)
        elif kind == "negative":
            values = -np.abs(values) - 1
        elif kind == "eighths":
            values = np.round(values * 8) / 8
        values = np.asarray(values, dtype=self.dtype)
        if layout == "reversed":
            return np.flip(np.ascontiguousarray(np.flip(values))) if values.ndim else values
        if layout == "strided" and values.ndim:
            return np.repeat(values, 2, axis=-1)[..., ::2]
        return np.asarray(values, order="F" if layout == "F" else "C")


def _zero_pad(draw: _Draw) -> tuple[Any, ...]:
    return draw.array(*draw.images()), draw.whole(0, 3)


def _conv_single_step(draw: _Draw) -> tuple[Any, ...]:
    f, channels = draw.whole(1, 5), draw.whole(1, 5)
    return draw.array(f, f, channels), draw.array(f, f, channels), draw.array(1, 1, 1)


def _conv_forward(draw: _Draw) -> tuple[Any, ...]:
    m, n_H, n_W, channels = draw.images()
    pad, filters = draw.whole(0, 3), draw.whole(1, 4)
    f = draw.whole(1, min(n_H, n_W, 4) + 2 * pad)
    hparameters = {"stride": draw.whole(1, 4), "pad": "same" if draw.same and draw.whole(1, 4) == 1 else pad}
    weights = draw.array(f, f, channels, filters)
    return draw.array(m, n_H, n_W, channels), weights, draw.array(1, 1, 1, filters), hparameters


def _pool_forward(draw: _Draw) -> tuple[Any, ...]:
    m, n_H, n_W, channels = draw.images()
    hparameters = {"f": draw.whole(1, min(n_H, n_W)), "stride": draw.whole(1, 4)}
    return draw.array(m, n_H, n_W, channels), hparameters, ("max", "average")[draw.whole(0, 1)]


def _conv_backward(draw: _Draw) -> tuple[Any, ...]:
    Z, cache = steps.conv_forward(*_conv_forward(draw))
    return draw.array(*Z.shape), cache


def _create_mask_from_window(draw: _Draw) -> tuple[Any, ...]:
    return (draw.array(draw.whole(1, 5), draw.whole(1, 5)),)


def _distribute_value(draw: _Draw) -> tuple[Any, ...]:
    return draw.array()[()], (draw.whole(1, 5), draw.whole(1, 5))


def _pool_backward(draw: _Draw) -> tuple[Any, ...]:
    A_prev, hparameters, mode = _pool_forward(draw)
    A, cache = steps.pool_forward(A_prev, hparameters, mode)
    return draw.array(*A.shape), cache, mode


_ARGUMENTS = {
    "zero_pad": _zero_pad,
    "conv_single_step": _conv_single_step,
    "conv_forward": _conv_forward,
    "pool_forward": _pool_forward,
    "conv_backward": _conv_backward,
    "create_mask_from_window": _create_mask_from_window,
    "distribute_value": _distribute_value,
    "pool_backward": _pool_backward,
}
