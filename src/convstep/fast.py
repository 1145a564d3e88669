"""The eight functions of the assignment on the chosen engine: the signatures, caches, checks and ties of `convstep.steps`.

One rule: results equal those of the steps but for rounding, 2 (n + 4) u Σ|terms| for a sum of n terms, and are the same bits each time.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from convstep.checks import Array, public
from convstep.checks import assignment as doors
from convstep.engines import current_engine

__all__ = [
    "conv_backward",
    "conv_forward",
    "conv_single_step",
    "create_mask_from_window",
    "distribute_value",
    "pool_backward",
    "pool_forward",
    "zero_pad",
]


@public
def zero_pad(X: ArrayLike, pad: int) -> Array:
    """Put `pad` rows and columns of zeros around every image, as `convstep.steps.zero_pad` does."""
    X, pad = doors.padding("zero_pad", X, pad)
    m, n_H, n_W, n_C = X.shape
    X_pad = np.zeros((m, n_H + 2 * pad, n_W + 2 * pad, n_C), dtype=X.dtype)
    X_pad[:, pad : pad + n_H, pad : pad + n_W] = X
    return X_pad


@public
def conv_single_step(a_slice_prev: ArrayLike, W: ArrayLike, b: ArrayLike) -> Any:
    """Apply one filter to one window, as `convstep.steps.conv_single_step` does."""
    a_slice_prev, W, b, dtype = doors.single_step("conv_single_step", a_slice_prev, W, b)
    return dtype.type((a_slice_prev * W).sum() + b[0, 0, 0])


@public
def conv_forward(A_prev: ArrayLike, W: ArrayLike, b: ArrayLike, hparameters: Mapping[str, Any]) -> tuple[Array, tuple[Any, ...]]:
    """Slide every filter over every image, as `convstep.steps.conv_forward` does."""
    given = doors.convolution("conv_forward", A_prev, W, b, hparameters)
    Z = current_engine().correlate(given.A_prev, given.W, given.b.reshape(-1), given.window, 1)
    return Z.astype(given.dtype, copy=False), (A_prev, W, b, hparameters)


@public
def conv_backward(dZ: ArrayLike, cache: Sequence[Any]) -> tuple[Array, Array, Array]:
    """Carry the gradient of a convolution back, as `convstep.steps.conv_backward` does."""
    dZ, given = doors.convolution_gradient("conv_backward", dZ, cache)
    engine, window = current_engine(), given.window
    dA_prev = engine.correlate_to_x(dZ, given.W, window, 1)
    dW = engine.correlate_to_w(dZ, given.A_prev, window, 1)
    db = engine.pixel_sum(dZ).reshape(1, 1, 1, -1)
    return dA_prev.astype(given.dtype, copy=False), dW.astype(given.dtype, copy=False), db.astype(given.dtype, copy=False)


@public
def pool_forward(A_prev: ArrayLike, hparameters: Mapping[str, Any], mode: str = "max") -> tuple[Array, tuple[Any, ...]]:
    """Take the largest or the mean value of every window, as `convstep.steps.pool_forward` does."""
    given = doors.pooling("pool_forward", A_prev, hparameters, mode)
    engine, window = current_engine(), given.window
    if given.mode == "max":
        A = engine.max_pool(given.A_prev, window)
    else:
        A = engine.window_sum(given.A_prev, window) / (window.height.kernel * window.width.kernel)
    return A.astype(given.dtype, copy=False), (A_prev, hparameters)


@public
def create_mask_from_window(x: ArrayLike) -> Array:
    """Mark the largest values of a window, as `convstep.steps.create_mask_from_window` does."""
    x = doors.mask_window("create_mask_from_window", x)
    mask: Array = x == x.max()
    return mask


@public
def distribute_value(dz: ArrayLike, shape: Sequence[int]) -> Array:
    """Share a value equally among the cells of a window, as `convstep.steps.distribute_value` does."""
    dz, (n_H, n_W), dtype = doors.share("distribute_value", dz, shape)
    return np.full((n_H, n_W), dz / (n_H * n_W), dtype=dtype)


@public
def pool_backward(dA: ArrayLike, cache: Sequence[Any], mode: str = "max") -> Array:
    """Carry the gradient of pooling back, as `convstep.steps.pool_backward` does: every largest value gets it."""
    dA, given = doors.pooling_gradient("pool_backward", dA, cache, mode)
    engine, window = current_engine(), given.window
    if given.mode == "max":
        dA_prev = engine.max_pool_to_x(dA, given.A_prev, window, "all")
    else:
        dA_prev = engine.window_sum_to_x(dA / (window.height.kernel * window.width.kernel), window)
    return dA_prev.astype(given.dtype, copy=False)
