"""The calls on which the explorer shows what a known mistake does: few, small, with numbers that can be added up in one's head.

The one rule: every number is fixed here, by Python's own random numbers, whose order no version changes.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstep import steps

__all__ = ["ShownCase", "shown_cases"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ShownCase:
    """One call of one of the eight functions, and what is particular about it: a key of the page's words."""

    name: str
    arguments: tuple[Any, ...]


def shown_cases(function: str) -> list[ShownCase]:
    """Return the calls of a function, the simplest first."""
    return _CASES[function]()


def _numbers(*shape: int, seed: int = 0) -> Array:
    """Return whole numbers near 0, none of them 0 and no two equal."""
    size = math.prod(shape)
    pool = [sign * number for number in range(1, size // 2 + 2) for sign in (1, -1)][:size]
    return _shuffled(pool, shape, seed)


def _negative(*shape: int, seed: int = 0) -> Array:
    return _shuffled([-number for number in range(1, math.prod(shape) + 1)], shape, seed)


def _decimals(*shape: int, seed: int = 0) -> Array:
    return _numbers(*shape, seed=seed) / 4 + 0.125


def _shuffled(pool: list[int], shape: tuple[int, ...], seed: int) -> Array:
    draw = random.Random(f"{seed} {shape}")  # noqa: S311 - numbers to look at
    return np.array(sorted(pool, key=lambda _: draw.random()), dtype=np.float64).reshape(shape)


def _zero_pad() -> list[ShownCase]:
    return [
        ShownCase("one_image", (_numbers(1, 2, 3, 1), 1)),
        ShownCase("two_rows_and_columns_of_zeros", (_numbers(1, 3, 2, 1), 2)),
        ShownCase("two_images_two_channels", (_numbers(2, 2, 3, 2), 1)),
        ShownCase("two_images_three_channels_pad_2", (_numbers(2, 2, 1, 3), 2)),
        ShownCase("pad_0", (_numbers(1, 3, 2, 1, seed=1), 0)),
        ShownCase("fractions", (_decimals(1, 2, 3, 1), 1)),
    ]


def _conv_single_step() -> list[ShownCase]:
    def case(name: str, shape: tuple[int, int, int], draw: Callable[..., Array] = _numbers, bias: float = 3.0) -> ShownCase:
        return ShownCase(name, (draw(*shape), draw(*shape, seed=1), np.full((1, 1, 1), bias)))

    return [
        case("one_channel", (2, 2, 1)),
        case("two_channels", (2, 2, 2)),
        case("three_rows_and_columns", (3, 3, 1)),
        case("three_channels", (2, 2, 3), bias=-2.0),
        case("more_channels_than_rows", (2, 2, 5), bias=2.0),
        case("fractions", (2, 2, 1), _decimals, 0.5),
        case("a_negative_result", (2, 2, 1), lambda *shape, seed=0: _negative(*shape, seed=seed) * (-1) ** seed, -1.0),
        case("one_cell", (1, 1, 1), bias=2.0),
    ]


# each: its name, the images' shape, then f, filters, stride and pad, and how the numbers are drawn
_CONVOLUTIONS: tuple[tuple[str, tuple[int, int, int, int], tuple[int, int, int, int], Callable[..., Array]], ...] = (
    ("one_channel_one_filter", (1, 3, 4, 1), (2, 1, 1, 0), _numbers),
    ("stride_2", (1, 5, 6, 1), (2, 1, 2, 0), _numbers),
    ("padding", (1, 3, 4, 1), (3, 1, 1, 1), _numbers),
    ("two_channels_three_filters", (1, 3, 4, 2), (2, 3, 1, 0), _numbers),
    ("two_images", (2, 3, 4, 1), (2, 2, 1, 0), _numbers),
    ("stride_2_and_padding", (1, 5, 4, 1), (3, 1, 2, 1), _numbers),
    ("all_of_it", (2, 4, 5, 2), (3, 3, 2, 1), _numbers),
    ("a_stride_larger_than_the_window", (1, 5, 8, 1), (2, 2, 3, 0), _numbers),
    ("much_padding_around_a_small_image", (1, 2, 3, 1), (2, 1, 3, 2), _numbers),
    ("single_cells", (2, 3, 2, 2), (1, 2, 1, 0), _numbers),
    ("fractions", (1, 3, 3, 1), (2, 1, 1, 0), _decimals),
)


def _conv_forward() -> list[ShownCase]:
    made = []
    for name, images, (f, filters, stride, pad), draw in _CONVOLUTIONS:
        w, b = draw(f, f, images[3], filters, seed=1), draw(1, 1, 1, filters, seed=2)
        made.append(ShownCase(name, (draw(*images), w, b, {"stride": stride, "pad": pad})))
    return made


def _conv_backward() -> list[ShownCase]:
    made = []
    for case in _conv_forward():
        z, cache = steps.conv_forward(*case.arguments)
        draw = _decimals if case.name == "fractions" else _numbers
        made.append(ShownCase(case.name, (draw(*z.shape, seed=3), cache)))
    return made


# each: its name, the images' shape, f and stride, and how the numbers are drawn
_POOLINGS: tuple[tuple[str, tuple[int, int, int, int], int, int, Callable[..., Array]], ...] = (
    ("windows_side_by_side", (1, 4, 6, 1), 2, 2, _numbers),
    ("windows_that_overlap", (1, 4, 5, 1), 3, 1, _numbers),
    ("a_rest_at_the_border", (1, 6, 8, 1), 3, 2, _numbers),
    ("two_channels", (1, 4, 4, 2), 2, 2, _numbers),
    ("two_images", (2, 2, 4, 1), 2, 2, _numbers),
    ("two_images_three_channels_windows_that_overlap", (2, 3, 4, 3), 2, 1, _numbers),
    ("a_stride_larger_than_the_window", (1, 5, 8, 2), 2, 3, _numbers),
    ("negative_numbers", (1, 4, 4, 1), 2, 2, _negative),
    ("single_cells", (1, 4, 3, 2), 1, 2, _numbers),
    ("fractions", (1, 4, 4, 1), 2, 2, _decimals),
)


def _pool_forward() -> list[ShownCase]:
    made: list[ShownCase] = []
    for name, images, f, stride, draw in _POOLINGS:
        made.extend(ShownCase(name, (draw(*images), {"f": f, "stride": stride}, mode)) for mode in ("max", "average"))
    return [*made, ShownCase("no_mode_given", (_numbers(1, 4, 4, 1), {"f": 2, "stride": 2}))]


def _pool_backward() -> list[ShownCase]:
    made = []
    for case in _pool_forward():
        a, cache = steps.pool_forward(*case.arguments)
        draw = _decimals if case.name == "fractions" else _numbers
        made.append(ShownCase(case.name, (draw(*a.shape, seed=3), cache, *case.arguments[2:])))
    ties = np.array([[3.0, 1, 3, 3], [3, 2, 1, 3], [0, 5, 5, 1]]).reshape(1, 3, 4, 1)
    a, cache = steps.pool_forward(ties, {"f": 2, "stride": 1})
    return [*made, ShownCase("ties", (_numbers(*a.shape, seed=3), cache, "max"))]


def _create_mask_from_window() -> list[ShownCase]:
    return [
        ShownCase("a_wide_window", (np.array([[2.0, -5, 3], [1, 6, -4]]),)),
        ShownCase("a_square_window", (np.array([[-1.0, 4, -8], [7, 2, -3], [5, -6, 1]]),)),
        ShownCase("a_tall_window", (np.array([[1.0, -7], [4, 2], [-3, 6]]),)),
        ShownCase("negative_numbers", (np.array([[-4.0, -2, -7], [-3, -8, -5]]),)),
        ShownCase("ties", (np.array([[1.0, 3, 0.5], [3, 2, 3]]),)),
        ShownCase("numbers_close_together", (np.array([[3.25, 3.5, 3.125], [3.75, 3.0, 3.625]]),)),
        ShownCase("the_largest_in_a_corner", (np.array([[9.0, 2], [4, 3]]),)),
        ShownCase("one_cell_far_below_zero", (np.array([[2.0, -20, 5], [1, 3, 4]]),)),
        ShownCase("one_cell", (np.array([[-2.0]]),)),
    ]


def _distribute_value() -> list[ShownCase]:
    made = [
        ("a_wide_window", (12.0, (2, 3))),
        ("a_tall_window", (9.0, (3, 2))),
        ("a_square_window", (18.0, (3, 3))),
        ("a_negative_value", (-12.0, (2, 3))),
        ("a_larger_window", (60.0, (4, 5))),
        ("one_cell", (5.0, (1, 1))),
        ("a_whole_number", (7, (2, 2))),
    ]
    return [ShownCase(name, arguments) for name, arguments in made]


_CASES: dict[str, Callable[[], list[ShownCase]]] = {
    "zero_pad": _zero_pad,
    "conv_single_step": _conv_single_step,
    "conv_forward": _conv_forward,
    "pool_forward": _pool_forward,
    "conv_backward": _conv_backward,
    "create_mask_from_window": _create_mask_from_window,
    "distribute_value": _distribute_value,
    "pool_backward": _pool_backward,
}
