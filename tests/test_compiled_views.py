"""Images that repeat themselves in memory, and outputs that no window meets: the compiled engine gives what NumPy's gives."""

from typing import Any

import numpy as np
import pytest

from convstep import ops, use_engine
from convstep.checks import Array

pytest.importorskip("numba")
ENGINES = [False, True]


def both(function: Any, *, exact: bool) -> tuple[Any, Any]:
    with use_engine("compiled", exact=exact):
        got = function()
    with use_engine("numpy"):
        return got, function()


def repeated(shape: tuple[int, ...], axis: int, dtype: Any) -> Array:
    """Random numbers that are the same all along one axis, which has stride 0."""
    single = list(shape)
    single[axis] = 1
    return np.broadcast_to(np.random.default_rng(axis).standard_normal(single).astype(dtype), shape)


@pytest.mark.parametrize("exact", ENGINES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("axis", range(4))
@pytest.mark.parametrize(
    ("channels", "filters", "size", "options"),
    [(2, 1, 2, {}), (3, 8, 3, {}), (9, 17, 3, {"padding": 1}), (16, 16, 3, {"strides": 2}), (8, 8, 1, {}), (8, 16, 3, {"groups": 4})],
)
def test_a_view_that_repeats_an_axis_counts_every_time(
    exact: bool, dtype: Any, axis: int, channels: int, filters: int, size: int, options: dict[str, Any]
) -> None:
    rng = np.random.default_rng(1)
    x = repeated((3, 7, 9, channels), axis, dtype)
    w = rng.standard_normal((size, size, channels // options.get("groups", 1), filters)).astype(dtype)
    shape = ops.conv2d(x, w, **options).shape
    tolerance = 1e-4 if dtype == np.float32 else 1e-12
    for dy in (rng.standard_normal(shape).astype(dtype), repeated(shape, axis, dtype)):
        got, want = both(lambda dy=dy: (ops.conv2d(x, w, **options), *ops.conv2d_backward(dy, x, w, **options)), exact=exact)
        for one, other in zip(got, want, strict=True):
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * np.abs(other).max())


@pytest.mark.parametrize("exact", ENGINES)
@pytest.mark.parametrize("value", [np.inf, np.nan])
@pytest.mark.parametrize("strides", [(1, 5), (5, 1), (4, 4)])
def test_cells_that_no_window_meets_stay_zero_beside_what_is_not_finite(exact: bool, value: float, strides: tuple[int, int]) -> None:
    x = np.ones((1, 3, 4, 1), np.float32)
    x[0, 0, 1, 0] = value
    w = np.ones((1, 3, 1, 1), np.float32)
    got, want = both(lambda: ops.conv2d_transpose(x, w, strides=strides), exact=exact)
    np.testing.assert_array_equal(got, want)
