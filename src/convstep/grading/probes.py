"""The calls by which a function is judged: small, with other sizes on every axis, so that each known mistake changes some of them.

One rule: shapes are fixed and numbers are drawn, so two runs look at the same things and no remembered answer helps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from convstep.checks import Array, told
from convstep.grading import solution

__all__ = ["Probe", "probes"]

SINGLE = "one window"


@dataclass(frozen=True)
class Probe:
    """One call: what it looks at, its share of the points, and the arguments."""

    name: str
    weight: int
    arguments: tuple[Any, ...]
    ties: bool = False
    seed: int = 0
    again: bool = False  # the call before, once more, with another state of the random numbers

    def __str__(self) -> str:
        return f"{self.name}: {told(self.arguments)}"


def probes(function: str, seed: int) -> tuple[Probe, ...]:
    """Return the probes of one of the eight functions; the same seed draws the same numbers."""
    draw = _Draw(np.random.default_rng([seed, sorted(_PROBES).index(function)]))
    made = _PROBES[function](draw)
    first = made[min(1, len(made) - 1)]
    repeat = Probe("the same call again", 1, first.arguments, seed=1, again=True)
    return (*made, repeat)


class _Draw:
    """Numbers with one decimal, none of them 0 and no two of an array equal, so that sums are checked by hand and nothing ties."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def array(self, *shape: int) -> Array:
        """Draw an array."""
        size = int(np.prod(shape))
        steps = 10 if size <= 150 else 100  # 198 numbers with one decimal lie between -10 and 10
        pool = np.concatenate([np.arange(-10 * steps + 1, 0), np.arange(1, 10 * steps)])
        return np.asarray(self.rng.choice(pool, size, replace=False) / steps).reshape(shape)

    def negative(self, *shape: int) -> Array:
        """Draw an array of negative numbers."""
        return np.asarray(-np.abs(self.array(*shape)) - np.arange(int(np.prod(shape))).reshape(shape) / 1000)

    def ties(self, *shape: int) -> Array:
        """Draw an array in which many numbers are equal, as after a ReLU."""
        return np.maximum(np.asarray(self.rng.integers(-2, 3, shape), dtype=np.float64), 0)


def _zero_pad(draw: _Draw) -> list[Probe]:
    return [
        Probe("one image", 1, (draw.array(1, 2, 2, 1), 1)),
        Probe("several images and channels", 2, (draw.array(3, 3, 3, 2), 2)),
        Probe("a tall image", 2, (draw.array(2, 4, 2, 3), 1)),
        Probe("a wide image", 2, (draw.array(2, 2, 5, 3), 3)),
        Probe("pad 0", 2, (draw.array(2, 3, 2, 2), 0)),
        Probe("one cell", 1, (draw.array(1, 1, 1, 1), 2)),
    ]


def _conv_single_step(draw: _Draw) -> list[Probe]:
    return [
        Probe("one cell", 1, (draw.array(1, 1, 1), draw.array(1, 1, 1), draw.array(1, 1, 1))),
        Probe("several channels", 3, (draw.array(3, 3, 2), draw.array(3, 3, 2), draw.array(1, 1, 1))),
        Probe("one channel", 2, (draw.array(2, 2, 1), draw.array(2, 2, 1), draw.array(1, 1, 1))),
        Probe("more channels than rows", 2, (draw.array(2, 2, 5), draw.array(2, 2, 5), draw.array(1, 1, 1))),
        Probe("a negative bias", 2, (draw.array(3, 3, 1), draw.array(3, 3, 1), draw.negative(1, 1, 1))),
        Probe("a negative result", 1, (np.abs(draw.array(3, 3, 3)), draw.negative(3, 3, 3), draw.negative(1, 1, 1))),
    ]


# each: the images' shape, then f, filters, stride and pad
_CONVOLUTIONS: tuple[tuple[str, int, tuple[int, int, int, int], int, int, int, int], ...] = (
    (SINGLE, 1, (1, 3, 3, 1), 3, 1, 1, 0),
    ("channels and filters", 2, (2, 4, 4, 2), 2, 3, 1, 0),
    ("padding", 2, (2, 3, 3, 2), 3, 2, 1, 1),
    ("a stride that leaves a rest", 2, (2, 6, 6, 2), 3, 2, 2, 0),
    ("a tall image with stride and padding", 2, (3, 7, 4, 2), 2, 3, 2, 1),
    ("a wide image with stride and padding", 2, (3, 4, 8, 3), 3, 2, 2, 1),
    ("a stride larger than the window", 2, (2, 8, 6, 1), 2, 2, 3, 0),
    ("much padding around a small image", 1, (1, 2, 3, 1), 2, 2, 3, 2),
    ("single cells", 1, (2, 3, 2, 2), 1, 2, 1, 0),
    ("single cells with stride and padding", 1, (2, 3, 6, 2), 1, 3, 2, 1),
    ("a large stride with padding and a rest", 1, (2, 5, 8, 2), 2, 2, 3, 1),
)


def _conv_forward(draw: _Draw) -> list[Probe]:
    made = []
    for name, weight, images, f, filters, stride, pad in _CONVOLUTIONS:
        A_prev, W, b = draw.array(*images), draw.array(f, f, images[3], filters), draw.array(1, 1, 1, filters)
        made.append(Probe(name, weight, (A_prev, W, b, {"stride": stride, "pad": pad})))
    return made


def _conv_backward(draw: _Draw) -> list[Probe]:
    made = []
    for probe in _conv_forward(draw):
        Z, cache = solution.conv_forward(*probe.arguments)
        made.append(Probe(probe.name, probe.weight, (draw.array(*Z.shape), cache)))
    return made


# each: the images' shape, f and stride, and how the numbers are drawn
_POOLINGS: tuple[tuple[str, int, tuple[int, int, int, int], int, int, str], ...] = (
    (SINGLE, 1, (1, 2, 2, 1), 2, 1, "array"),
    ("windows that overlap", 2, (2, 4, 4, 3), 3, 1, "array"),
    ("windows side by side", 2, (2, 4, 6, 2), 2, 2, "array"),
    ("a tall image with a rest", 2, (3, 8, 5, 2), 3, 2, "array"),
    ("a wide image with a rest", 2, (3, 6, 10, 2), 2, 3, "array"),
    ("negative numbers", 2, (2, 5, 4, 2), 2, 2, "negative"),
    ("single cells", 1, (2, 4, 3, 2), 1, 2, "array"),
)


def _pool_forward(draw: _Draw) -> list[Probe]:
    made = []
    for mode in ("max", "average"):
        for name, weight, images, f, stride, kind in _POOLINGS:
            made.append(Probe(f"{name}, {mode}", weight, (getattr(draw, kind)(*images), {"f": f, "stride": stride}, mode)))
    return [*made, Probe("no mode given", 1, (draw.array(1, 4, 4, 2), {"f": 2, "stride": 2}))]


def _pool_backward(draw: _Draw) -> list[Probe]:
    made = []
    for probe in _pool_forward(draw):
        A, cache = solution.pool_forward(*probe.arguments)
        made.append(Probe(probe.name, probe.weight, (draw.array(*A.shape), cache, *probe.arguments[2:])))
    images = draw.ties(2, 4, 5, 2)
    A, cache = solution.pool_forward(images, {"f": 2, "stride": 1}, "max")
    made.append(Probe("ties, average", 1, (draw.array(*A.shape), cache, "average")))
    return [*made, Probe("ties, max", 1, (draw.array(*A.shape), cache, "max"), ties=True)]


def _create_mask_from_window(draw: _Draw) -> list[Probe]:
    return [
        Probe("a square window", 2, (draw.array(2, 2),)),
        Probe("a wide window", 2, (draw.array(2, 4),)),
        Probe("a tall window", 2, (draw.array(5, 3),)),
        Probe("negative numbers", 2, (draw.negative(3, 3),)),
        Probe("large numbers", 1, (1000 * draw.array(3, 3),)),
        Probe("numbers close together", 1, ((draw.rng.permutation(8) + 1).reshape(4, 2) / 10 + 3,)),
        Probe("one cell far below zero", 1, (np.array([[0.0, -20.0, 0.0], [0.0, 0.0, 0.0]]) + np.abs(draw.array(2, 3)),)),
        Probe("one row", 1, (draw.array(1, 4),)),
        Probe("one column", 1, (draw.array(3, 1),)),
        Probe("one cell", 1, (draw.array(1, 1),)),
        Probe("ties", 1, (np.array([[1.0, 3.0, 0.5], [3.0, 2.0, 3.0]]),), ties=True),
    ]


def _distribute_value(draw: _Draw) -> list[Probe]:
    values = draw.array(6).tolist()
    return [
        Probe("a square window", 1, (values[0], (2, 2))),
        Probe("a wide window", 2, (values[1], (2, 5))),
        Probe("a tall window", 2, (values[2], (4, 3))),
        Probe("a negative value", 2, (-abs(values[3]), (3, 3))),
        Probe("a whole number", 1, (7, (2, 3))),
        Probe("one cell", 1, (values[4], (1, 1))),
        Probe("a large window", 1, (values[5], (10, 10))),
    ]


_PROBES: dict[str, Callable[[_Draw], list[Probe]]] = {
    "zero_pad": _zero_pad,
    "conv_single_step": _conv_single_step,
    "conv_forward": _conv_forward,
    "pool_forward": _pool_forward,
    "conv_backward": _conv_backward,
    "create_mask_from_window": _create_mask_from_window,
    "distribute_value": _distribute_value,
    "pool_backward": _pool_backward,
}
