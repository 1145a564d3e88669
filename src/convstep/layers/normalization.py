"""The layers that give numbers mean 0 and variance 1: across the batch, or within each example."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from convstep.checks import Array, accumulator, refusal, result_type
from convstep.checks.operations import flag
from convstep.engines import current_engine
from convstep.layers import initializers, regularizers
from convstep.layers.base import Gradients, Layer, Shape


class Normalization(Layer):
    """What both share: epsilon, and the scale gamma and centre beta of the output."""

    least_axes = 2

    def __init__(
        self,
        *,
        epsilon: float,
        center: bool,
        scale: bool,
        initializers_of: tuple[Any, Any],
        regularizers_of: tuple[Any, Any],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        kind = type(self).__name__
        self.epsilon = float(epsilon)
        self.center, self.scale = flag(kind, "center", center), flag(kind, "scale", scale)
        self.beta_initializer, self.gamma_initializer = (initializers.get(item) for item in initializers_of)
        self.beta_regularizer, self.gamma_regularizer = (regularizers.get(item) for item in regularizers_of)

    def add_gamma_and_beta(self, shape: Sequence[int]) -> None:
        """Append those that there are."""
        if self.scale:
            self.add_parameter("gamma", shape, self.gamma_initializer, regularizer=self.gamma_regularizer)
        if self.center:
            self.add_parameter("beta", shape, self.beta_initializer, regularizer=self.beta_regularizer)

    def axis_of(self, axis: int, input_shape: Shape) -> int:
        """Return an axis counted from the front."""
        if -len(input_shape) <= axis < len(input_shape):
            return axis % len(input_shape)
        raise refusal(self.name, f"the input has no axis {axis}, only {len(input_shape)} axes", {"input": tuple(input_shape)})


class BatchNormalization(Normalization):
    """Normalizes each channel with its mean and variance over the batch; in inference, with moving averages of them.

    Parameters
    ----------
    axis : int
        The axis of the channels.
    momentum : float
        How much of the old moving averages `update` keeps.
    epsilon : float
        Added to the variance.
    center, scale : bool
        Whether to add beta, and to multiply with gamma.
    beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer, beta_regularizer, gamma_regularizer
        By name, as `get_config` wrote it, or as an object.

    Notes
    -----
    With `trainable=False` it works as in inference, whatever `training` says, as in Keras. Ioffe and Szegedy 2015, Batch normalization,
    algorithm 1.
    """

    unsupported = ("beta_constraint", "gamma_constraint", "renorm", "renorm_clipping", "synchronized")

    def __init__(  # noqa: PLR0913 - Keras's arguments
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        *,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(
            epsilon=epsilon, center=center, scale=scale, initializers_of=(beta_initializer, gamma_initializer),
            regularizers_of=(beta_regularizer, gamma_regularizer), **options,
        )  # fmt: skip
        self.axis, self.momentum = int(axis), float(momentum)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)

    def build(self, input_shape: Shape) -> None:
        """Make gamma, beta and the moving averages."""
        shape = (self.known(input_shape, self.axis_of(self.axis, input_shape)),)
        self.add_gamma_and_beta(shape)
        self.add_parameter("moving_mean", shape, self.moving_mean_initializer, trainable=False)
        self.add_parameter("moving_variance", shape, self.moving_variance_initializer, trainable=False)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the input."""
        self.axis_of(self.axis, input_shape)
        return tuple(input_shape)

    def forward(self, x: Array, *, training: bool = False, floor: bool = False, **_mode: Any) -> tuple[Array, Any]:
        """Normalize with the statistics of the batch in training, else with the moving ones; with `floor`, do a ReLU that follows too."""
        self.check(x.shape)
        cells = self._cells(x)
        learning, engine = bool(training and self.trainable), current_engine()
        mean, variance = engine.moments(cells) if learning else (self.parameter("moving_mean"), self.parameter("moving_variance"))
        inverse = (1 / np.sqrt(variance + self.epsilon)).astype(cells.dtype, copy=False)
        gamma, beta = self.parameter("gamma") if self.scale else None, self.parameter("beta") if self.center else None
        y = engine.normalize(cells, mean, inverse, gamma, beta, floor=floor)
        cache = cells, mean, inverse, gamma, (mean, variance) if learning else None
        return self._images(y.astype(result_type(x), copy=False), x.shape), cache

    def backward(self, dy: Array, cache: Any, *, to_x: bool = True) -> tuple[Any, Gradients]:
        """Return the gradients of x (None if not `to_x`), gamma and beta; in training x counts in the statistics too."""
        x, mean, inverse, gamma, statistics = cache
        cells, engine = self._cells(dy), current_engine()
        d_gamma, d_beta = engine.normalize_to_gamma_beta(cells, x, mean, inverse)
        gradients = ({"gamma": d_gamma} if self.scale else {}) | ({"beta": d_beta} if self.center else {})
        if not to_x:
            return None, gradients
        if statistics is None:
            dx = cells * (inverse if gamma is None else inverse * gamma)
        else:
            dx = engine.normalize_to_x(cells, x, mean, inverse, gamma, d_gamma, d_beta)
        return self._images(dx.astype(dy.dtype, copy=False), dy.shape), gradients

    def update(self, cache: Any) -> None:
        """Move the averages towards the statistics of a training pass."""
        statistics = cache[-1]
        if statistics is None:
            return
        for name, value in zip(("moving_mean", "moving_variance"), statistics, strict=True):
            moving = next(item for item in self.parameters if item.name == name)
            kept = moving.value * self.momentum + value * (1 - self.momentum)
            moving.value = kept.astype(moving.value.dtype, copy=False)

    def _cells(self, x: Array) -> Array:
        """Return the input as (m, cells, channels) in the type that sums are formed in."""
        last = np.moveaxis(x, self.axis, -1)
        return last.reshape(last.shape[0], math.prod(last.shape[1:-1]), last.shape[-1]).astype(accumulator(result_type(x)), copy=False)

    def _images(self, cells: Array, shape: tuple[int, ...]) -> Array:
        """Undo `_cells`."""
        axis = self.axis % len(shape)
        return np.moveaxis(cells.reshape(*shape[:axis], *shape[axis + 1 :], shape[axis]), -1, axis)


class LayerNormalization(Normalization):
    """Normalizes each example by itself, along one axis or several.

    Parameters
    ----------
    axis : int or list of int
        Axes over which the mean and the variance are taken; gamma and beta have their lengths.
    epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer
        As in `BatchNormalization`.

    Notes
    -----
    Ba, Kiros and Hinton 2016, Layer normalization, eq. 3.
    """

    unsupported = ("beta_constraint", "gamma_constraint", "rms_scaling")

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        *,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(
            epsilon=epsilon, center=center, scale=scale, initializers_of=(beta_initializer, gamma_initializer),
            regularizers_of=(beta_regularizer, gamma_regularizer), **options,
        )  # fmt: skip
        self.axis = [int(item) for item in axis] if isinstance(axis, tuple | list) else int(axis)

    def build(self, input_shape: Shape) -> None:
        """Make gamma and beta."""
        self.add_gamma_and_beta([self.known(input_shape, axis) for axis in self._normal_axes(input_shape)])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the input."""
        self._normal_axes(input_shape)
        return tuple(input_shape)

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        """Normalize."""
        self.check(x.shape)
        axes, dtype = self._normal_axes(x.shape), result_type(x)
        values = x.astype(accumulator(dtype), copy=False)
        centred = values - values.mean(axis=axes, keepdims=True)
        inverse = 1 / np.sqrt(np.square(centred).mean(axis=axes, keepdims=True) + self.epsilon)
        normal, shape = centred * inverse, [size if axis in axes else 1 for axis, size in enumerate(x.shape)]
        gamma = self.parameter("gamma").reshape(shape) if self.scale else None
        y = normal if gamma is None else normal * gamma
        y = y + self.parameter("beta").reshape(shape) if self.center else y
        return y.astype(dtype, copy=False), (normal, inverse, gamma)

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:
        """Return the gradients of x, gamma and beta."""
        normal, inverse, gamma = cache
        axes = self._normal_axes(dy.shape)
        others = tuple(axis for axis in range(dy.ndim) if axis not in axes)
        given = dy.astype(normal.dtype, copy=False)
        d_normal = given if gamma is None else given * gamma
        mean, along = d_normal.mean(axis=axes, keepdims=True), (d_normal * normal).mean(axis=axes, keepdims=True)
        dx = inverse * (d_normal - mean - normal * along)
        gradients = {"gamma": (given * normal).sum(axis=others)} if self.scale else {}
        return dx.astype(dy.dtype, copy=False), gradients | ({"beta": given.sum(axis=others)} if self.center else {})

    def _normal_axes(self, shape: Shape) -> tuple[int, ...]:
        axes = self.axis if isinstance(self.axis, list) else [self.axis]
        return tuple(sorted(self.axis_of(axis, shape) for axis in axes))
