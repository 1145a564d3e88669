"""The layers that keep one number of many: of each window, or of each whole image."""

from typing import Any

import numpy as np

from convstep import ops
from convstep.checks import Array, accumulator, result_type
from convstep.checks.operations import flag, pair
from convstep.layers.base import Gradients, Layer, Shape
from convstep.layers.windows import IMAGES, channels_last, window_padding, window_sizes


class Pooling(Layer):
    """What both poolings share: a window. The arguments are those of `MaxPooling2D`."""

    axes = IMAGES

    def __init__(
        self, pool_size: Any = (2, 2), strides: Any = None, padding: Any = "valid", *, data_format: str | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        kind = type(self).__name__
        self.pool_size = pair(kind, "pool_size", pool_size, 1)
        self.strides = self.pool_size if strides is None else pair(kind, "strides", strides, 1)
        self.padding = window_padding(kind, padding)
        self.data_format = channels_last(kind, data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output."""
        sizes = window_sizes(self.name, input_shape, self.pool_size, strides=self.strides, padding=self.padding)
        return (input_shape[0], *sizes, input_shape[3])


class MaxPooling2D(Pooling):
    """Keeps the largest number of each window, channel by channel.

    Parameters
    ----------
    pool_size, strides : int or (int, int)
        Rows and columns of the window; cells from one window to the next, the window's own size if not given.
    padding : "valid" or "same"
        Or explicit padding, as `convstep.ops.max_pool2d` takes it.
    """

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        """Return the largest numbers."""
        self.check(x.shape)
        return ops.max_pool2d(x, self.pool_size, strides=self.strides, padding=self.padding), x

    def backward(self, dy: Array, cache: Any, *, floor: bool = False) -> tuple[Array, Gradients]:
        """Hand dy to the largest number of each window, to the first of equals; with `floor`, on through the ReLU that gave the numbers."""
        return ops.max_pool2d_backward(dy, cache, self.pool_size, strides=self.strides, padding=self.padding, floor=floor), {}


class AveragePooling2D(Pooling):
    """Keeps the mean of each window, channel by channel; padding does not count.

    Parameters
    ----------
    pool_size, strides, padding
        As in `MaxPooling2D`.
    """

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        """Return the means."""
        self.check(x.shape)
        return ops.average_pool2d(x, self.pool_size, strides=self.strides, padding=self.padding), x

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:
        """Share dy among the cells of each window."""
        return ops.average_pool2d_backward(dy, cache, self.pool_size, strides=self.strides, padding=self.padding), {}


class GlobalPooling(Layer):
    """What both global poolings share.

    Parameters
    ----------
    keepdims : bool
        Whether the output stays an image, of one pixel.
    """

    axes = IMAGES

    def __init__(self, *, data_format: str | None = None, keepdims: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.data_format = channels_last(type(self).__name__, data_format)
        self.keepdims = flag(type(self).__name__, "keepdims", keepdims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output."""
        m, _, _, channels = input_shape
        return (m, 1, 1, channels) if self.keepdims else (m, channels)


class GlobalAveragePooling2D(GlobalPooling):
    """Keeps the mean of each channel of each image."""

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        """Return the means."""
        self.check(x.shape)
        dtype = result_type(x)
        return x.mean(axis=(1, 2), keepdims=self.keepdims, dtype=accumulator(dtype)).astype(dtype, copy=False), x.shape

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:
        """Share dy among all pixels."""
        m, height, width, channels = cache
        share = dy.reshape(m, 1, 1, channels) / (height * width)
        return np.broadcast_to(share, cache).copy(), {}


class GlobalMaxPooling2D(GlobalPooling):
    """Keeps the largest number of each channel of each image."""

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        """Return the largest numbers."""
        self.check(x.shape)
        return x.max(axis=(1, 2), keepdims=self.keepdims), x

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:
        """Hand dy to the largest number; equals share it, as in Keras."""
        largest = cache == cache.max(axis=(1, 2), keepdims=True)
        equals = np.count_nonzero(largest, axis=(1, 2), keepdims=True).astype(dy.dtype)
        return np.where(largest, dy.reshape(equals.shape) / equals, 0), {}


MaxPool2D, AvgPool2D = MaxPooling2D, AveragePooling2D
GlobalAvgPool2D, GlobalMaxPool2D = GlobalAveragePooling2D, GlobalMaxPooling2D
