"""Operations on whole batches (m, height, width, channels), each with its backward twin, on the engine that is chosen."""

from convstep.ops.convolution import (
    conv2d,
    conv2d_backward,
    conv2d_transpose,
    conv2d_transpose_backward,
    dense,
    dense_backward,
)
from convstep.ops.pooling import average_pool2d, average_pool2d_backward, max_pool2d, max_pool2d_backward

__all__ = [
    "average_pool2d",
    "average_pool2d_backward",
    "conv2d",
    "conv2d_backward",
    "conv2d_transpose",
    "conv2d_transpose_backward",
    "dense",
    "dense_backward",
    "max_pool2d",
    "max_pool2d_backward",
]
