"""One convolution, forwards and backwards with all three gradients, for us and for PyTorch, on the same numbers.

One rule: everything that can be made ready before the call is, on both sides, so that the calls do the same work.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from convstep import ops
from convstep.bench.rivals import OURS
from convstep.bench.shapes import Shape


@dataclass(frozen=True)
class Pass:
    """The two halves: `forward()` returns y, `backward()` the gradients of images, filters and biases."""

    forward: Callable[[], Any]
    backward: Callable[[], tuple[Any, Any, Any]]


def convolution(shape: Shape, side: str) -> Pass:
    """Return a side's convolution."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(item).astype(np.float32) for item in (shape.x, shape.w, (shape.filters,), shape.y)]
    return _ours(shape, *arrays) if side == OURS else _torch(shape, *arrays, channels_last=side.endswith("last"))


def _ours(shape: Shape, *arrays: Any) -> Pass:
    x, w, b, dy = arrays
    options = shape.options
    return Pass(lambda: ops.conv2d(x, w, b, **options), lambda: ops.conv2d_backward(dy, x, w, **options))


def _torch(shape: Shape, *arrays: Any, channels_last: bool) -> Pass:
    import torch
    from torch.nn import functional

    layout = torch.channels_last if channels_last else torch.contiguous_format
    orders = ((0, 3, 1, 2), (3, 2, 0, 1), (0,), (0, 3, 1, 2))
    tensors = [torch.from_numpy(np.ascontiguousarray(array.transpose(order))) for array, order in zip(arrays, orders, strict=True)]
    x, w, b, dy = (tensor.contiguous(memory_format=layout) if tensor.dim() == 4 else tensor for tensor in tensors)
    (top, bottom), (left, right) = shape.padding
    uneven = top != bottom or left != right
    pad = (0, 0) if uneven else (top, left)
    stride, dilation, groups = list(shape.stride), [shape.dilation] * 2, shape.groups

    def padded() -> Any:
        return functional.pad(x, (left, right, top, bottom)) if uneven else x

    def forward() -> Any:
        with torch.no_grad():
            return functional.conv2d(padded(), w, b, stride=stride, padding=pad, dilation=dilation, groups=groups)

    kept = padded()

    def backward() -> tuple[Any, Any, Any]:
        options = ([shape.filters], stride, pad, dilation, False, [0, 0], groups, [True, True, True])
        dx, dw, db = torch.ops.aten.convolution_backward(dy, kept, w, *options)
        return dx[:, :, top : top + shape.size[0], left : left + shape.size[1]] if uneven else dx, dw, db

    return Pass(forward, backward)
