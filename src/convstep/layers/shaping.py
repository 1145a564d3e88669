"""The layers that move numbers without changing them: pad, cut, enlarge, flatten, reorder."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from convstep.checks import Array, accumulator, listed, one_of, refusal, result_type, whole
from convstep.checks.operations import pair
from convstep.layers.base import Gradients, Layer, Shape
from convstep.layers.windows import IMAGES, SIDES, channels_last, two_pairs


class ZeroPadding2D(Layer):
    """Puts zeros around images.

    Parameters
    ----------
    padding : int, (int, int) or ((int, int), (int, int))
        Zeros on all sides; (above and below, left and right); ((above, below), (left, right)).
    """

    axes = IMAGES

    def __init__(self, padding: Any = (1, 1), *, data_format: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.padding = two_pairs("ZeroPadding2D", "padding", padding)
        self.data_format = channels_last("ZeroPadding2D", data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output."""
        sizes = [None if size is None else size + sum(pads) for size, pads in zip(input_shape[1:3], self.padding, strict=True)]
        return (input_shape[0], *sizes, input_shape[3])

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        """Pad."""
        self.check(x.shape)
        (above, below), (before, after) = self.padding
        m, height, width, channels = x.shape
        y = np.zeros((m, above + height + below, before + width + after, channels), x.dtype)
        y[:, above : above + height, before : before + width] = x
        return y, None

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:  # noqa: ARG002 - nothing to remember
        """Cut the padding off dy."""
        return _cut(dy, self.padding), {}


class Cropping2D(Layer):
    """Cuts the borders of images off.

    Parameters
    ----------
    cropping : int, (int, int) or ((int, int), (int, int))
        As the padding of `ZeroPadding2D`.
    """

    axes = IMAGES

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), *, data_format: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.cropping = two_pairs("Cropping2D", "cropping", cropping)
        self.data_format = channels_last("Cropping2D", data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output."""
        sizes = [None if size is None else size - sum(cut) for size, cut in zip(input_shape[1:3], self.cropping, strict=True)]
        for i, side in enumerate(SIDES):
            left = sizes[i]
            if left is not None and left < 1:
                fact = f"nothing is left: {sum(self.cropping[i])} {side} are cut off, but the input has {input_shape[1 + i]}"
                raise refusal(self.name, fact, {"input": tuple(input_shape), "cropping": self.cropping})
        return (input_shape[0], *sizes, input_shape[3])

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        """Cut."""
        self.check(x.shape)
        return _cut(x, self.cropping), None

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:  # noqa: ARG002 - nothing to remember
        """Pad dy with zeros."""
        return np.pad(dy, ((0, 0), *self.cropping, (0, 0))), {}


class UpSampling2D(Layer):
    """Makes images larger.

    Parameters
    ----------
    size : int or (int, int)
        How often a row and a column are repeated.
    interpolation : "nearest" or "bilinear"
        Whether new pixels are copies, or lie on straight lines between the centres of old ones.
    """

    axes = IMAGES

    def __init__(self, size: Any = (2, 2), *, data_format: str | None = None, interpolation: str = "nearest", **options: Any) -> None:
        super().__init__(**options)
        self.size = pair("UpSampling2D", "size", size, 1)
        self.data_format = channels_last("UpSampling2D", data_format)
        one_of("UpSampling2D", "interpolation", interpolation, ("nearest", "bilinear"))
        self.interpolation = interpolation

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output."""
        sizes = [None if size is None else size * factor for size, factor in zip(input_shape[1:3], self.size, strict=True)]
        return (input_shape[0], *sizes, input_shape[3])

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        """Enlarge rows, then columns."""
        self.check(x.shape)
        if self.interpolation == "nearest":
            return x.repeat(self.size[0], axis=1).repeat(self.size[1], axis=2), x.shape
        return self._weigh(x, *(_lines(size, factor) for size, factor in zip(x.shape[1:3], self.size, strict=True))), x.shape

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:
        """Add up what each old pixel gave."""
        m, height, width, channels = cache
        if self.interpolation == "nearest":
            return dy.reshape(m, height, self.size[0], width, self.size[1], channels).sum(axis=(2, 4)), {}
        return self._weigh(dy, *(_lines(size, factor).T for size, factor in zip((height, width), self.size, strict=True))), {}

    def _weigh(self, x: Array, rows: Array, columns: Array) -> Array:
        """Return sum over h and w of rows[i, h] * columns[j, w] * x[:, h, w]."""
        m, height, width, channels = x.shape
        dtype = result_type(x)
        compute = accumulator(dtype)
        tall = rows.astype(compute) @ x.reshape(m, height, width * channels).astype(compute, copy=False)
        wide = columns.astype(compute) @ tall.reshape(m * len(rows), width, channels)
        moved: Array = wide.reshape(m, len(rows), len(columns), channels).astype(dtype, copy=False)
        return moved


class Flatten(Layer):
    """Makes one row of numbers of each example."""

    def __init__(self, *, data_format: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.data_format = channels_last("Flatten", data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output."""
        sizes = [size for size in input_shape[1:] if size is not None]
        return (input_shape[0], math.prod(sizes) if len(sizes) == len(input_shape) - 1 else None)

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        """Flatten."""
        self.check(x.shape)
        return x.reshape(x.shape[0], math.prod(x.shape[1:])), x.shape

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:
        """Give dy the shape of the input."""
        return dy.reshape(cache), {}


class Reshape(Layer):
    """Gives each example another shape.

    Parameters
    ----------
    target_shape : sequence of int
        Without the batch. One entry may be -1: as many as there are left.
    """

    def __init__(self, target_shape: Sequence[int], **options: Any) -> None:
        super().__init__(**options)
        sizes = enumerate(listed("Reshape", "target_shape", target_shape))
        self.target_shape = tuple(-1 if size == -1 else whole("Reshape", f"target_shape[{i}]", size, 1) for i, size in sizes)
        if self.target_shape.count(-1) > 1:
            raise refusal("Reshape", "target_shape may hold one -1, not more", {"target_shape": self.target_shape})

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output."""
        sizes = [size for size in input_shape[1:] if size is not None]
        if len(sizes) < len(input_shape) - 1:
            return (input_shape[0], *(None if size == -1 else size for size in self.target_shape))
        have, want = math.prod(sizes), math.prod(size for size in self.target_shape if size != -1)
        if have % want or (-1 not in self.target_shape and have != want):
            fact = f"an example of {have} numbers cannot have the shape {self.target_shape}"
            raise refusal(self.name, fact, {"input": tuple(input_shape)})
        return (input_shape[0], *(have // want if size == -1 else size for size in self.target_shape))

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        """Reshape."""
        self.check(x.shape)
        _, *sizes = self.compute_output_shape(x.shape)
        return x.reshape(x.shape[0], *(size for size in sizes if size is not None)), x.shape

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:
        """Give dy the shape of the input."""
        return dy.reshape(cache), {}


class Permute(Layer):
    """Reorders the axes of each example.

    Parameters
    ----------
    dims : sequence of int
        For each axis of the output, the axis of the input, the first after the batch being 1.
    """

    def __init__(self, dims: Sequence[int], **options: Any) -> None:
        super().__init__(**options)
        self.dims = listed("Permute", "dims", dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise refusal("Permute", f"dims must be the numbers 1 to {len(self.dims)} in some order, not {self.dims}", {"dims": dims})

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output."""
        if len(input_shape) != len(self.dims) + 1:
            fact = f"the input must have {len(self.dims) + 1} axes, the batch counted, not {len(input_shape)}"
            raise refusal(self.name, fact, {"input": tuple(input_shape)})
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        """Reorder."""
        self.check(x.shape)
        return x.transpose(0, *self.dims), None

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:  # noqa: ARG002 - nothing to remember
        """Put the axes back."""
        return dy.transpose(np.argsort((0, *self.dims))), {}


def _cut(x: Array, sides: Sequence[tuple[int, int]]) -> Array:
    (above, below), (left, right) = sides
    return x[:, above : x.shape[1] - below, left : x.shape[2] - right]


def _lines(size: int, factor: int) -> Array:
    """Return (size * factor, size): the weights of the two old cells whose centres each new centre lies between."""
    places = np.clip((np.arange(size * factor) + 0.5) / factor - 0.5, 0, size - 1)
    moved: Array = np.maximum(0, 1 - np.abs(places[:, None] - np.arange(size)))
    return moved
