"""The layers that apply one function to every number, or along an axis."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from convstep.checks import Array, refusal, shown
from convstep.errors import ArgumentTypeError
from convstep.layers import activations, initializers, regularizers
from convstep.layers.base import Gradients, Layer, Shape


class Elementwise(Layer):
    """What these layers share: `function`, which goes forwards and backwards."""

    function: Any

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        """Apply the function."""
        self.check(x.shape)
        y, cache = self.function.forward(x)
        return y, cache

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:
        """Return the gradient of x."""
        return self.function.backward(dy, cache), {}


class Activation(Elementwise):
    """Applies an activation.

    Parameters
    ----------
    activation : str or object
        As `convstep.layers.activations.get` takes it.
    """

    def __init__(self, activation: Any, **options: Any) -> None:
        super().__init__(**options)
        self.activation = self.function = activations.get(activation)


class ReLU(Elementwise):
    """x above the threshold, at most `max_value`; below, the distance to the threshold times `negative_slope`.

    Parameters
    ----------
    max_value : float, optional
        >= 0.
    negative_slope, threshold : float
        >= 0.
    """

    def __init__(self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.max_value = None if max_value is None else _positive("ReLU", "max_value", max_value)
        self.negative_slope = _positive("ReLU", "negative_slope", negative_slope)
        self.threshold = _positive("ReLU", "threshold", threshold)
        changed = {word: getattr(self, word) for word in ("max_value", "negative_slope", "threshold") if getattr(self, word)}
        self.function = activations.relu.using(**changed if max_value is None else {**changed, "max_value": max_value})


class LeakyReLU(Elementwise):
    """x where x > 0, else negative_slope * x.

    Parameters
    ----------
    negative_slope : float
        >= 0; also under its older name in Keras, alpha.
    """

    def __init__(self, negative_slope: float = 0.3, **options: Any) -> None:
        negative_slope = options.pop("alpha", negative_slope)
        super().__init__(**options)
        self.negative_slope = _positive("LeakyReLU", "negative_slope", negative_slope)
        self.function = activations.leaky_relu.using(negative_slope=self.negative_slope)


class ELU(Elementwise):
    """x where x > 0, else alpha * (exp(x) - 1).

    Parameters
    ----------
    alpha : float
        Minus the limit towards minus infinity.
    """

    def __init__(self, alpha: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self.alpha = float(alpha)
        self.function = activations.elu.using(alpha=self.alpha)


class Softmax(Elementwise):
    """Shares that add up to 1.

    Parameters
    ----------
    axis : int or sequence of int
        Along which axis, or over which axes together.
    """

    def __init__(self, axis: Any = -1, **options: Any) -> None:
        super().__init__(**options)
        self.axis = tuple(axis) if isinstance(axis, tuple | list) else int(axis)
        self.function = activations.softmax.using(axis=self.axis)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the input."""
        for axis in self.axis if isinstance(self.axis, tuple) else (self.axis,):
            if not -len(input_shape) <= axis < len(input_shape):
                fact = f"the input has no axis {axis}, only {len(input_shape)} axes"
                raise refusal(self.name, fact, {"input": tuple(input_shape)})
        return tuple(input_shape)


class PReLU(Layer):
    """x where x > 0, else alpha * x, with an alpha that is learned.

    Parameters
    ----------
    alpha_initializer, alpha_regularizer : str or object
        By name, as `get_config` wrote it, or as an object.
    shared_axes : sequence of int, optional
        Axes along which all entries have one alpha, the first after the batch being 1: [1, 2] for one alpha per channel.
    """

    least_axes = 2
    unsupported = ("alpha_constraint",)

    def __init__(
        self, alpha_initializer: Any = "zeros", alpha_regularizer: Any = None, *, shared_axes: Sequence[int] | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.shared_axes = None if shared_axes is None else list(np.atleast_1d(shared_axes).tolist())

    def build(self, input_shape: Shape) -> None:
        """Make alpha, of the shape of one example."""
        shared = self.shared_axes or []
        for axis in shared:
            if not 1 <= axis < len(input_shape):
                fact = f"shared_axes must lie between 1 and {len(input_shape) - 1}, not {axis}"
                raise refusal(self.name, fact, {"input": tuple(input_shape)})
        shape = [1 if axis in shared else self.known(input_shape, axis) for axis in range(1, len(input_shape))]
        self.add_parameter("alpha", shape, self.alpha_initializer, regularizer=self.alpha_regularizer)

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        """Apply the function."""
        self.check(x.shape)
        alpha = self.parameter("alpha")
        return np.where(x > 0, x, alpha * x), (x, alpha)

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:
        """Return the gradients of x and alpha."""
        x, alpha = cache
        full = np.where(x > 0, 0, dy * x)
        repeated = tuple(axis for axis in range(x.ndim) if axis == 0 or alpha.shape[axis - 1] != x.shape[axis])
        return np.where(x > 0, dy, alpha * dy), {"alpha": full.sum(axis=repeated, keepdims=True)[0]}


class Rescaling(Layer):
    """x * scale + offset.

    Parameters
    ----------
    scale, offset : float or sequence of float
        One number, or one for each entry of the last axis.
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.scale, self.offset = (np.asarray(item).tolist() for item in (scale, offset))

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        """Rescale; the result has the layer's type."""
        self.check(x.shape)
        scale, offset = (np.asarray(item, self.dtype) for item in (self.scale, self.offset))
        return x.astype(self.dtype, copy=False) * scale + offset, None

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:  # noqa: ARG002 - linear
        """Return dy * scale."""
        return dy * np.asarray(self.scale, dy.dtype), {}


def _positive(kind: str, name: str, value: Any) -> float:
    if isinstance(value, int | float | np.floating) and not isinstance(value, bool) and value >= 0:
        return float(value)
    raise refusal(kind, f"{name} must be a number >= 0, not {shown(value)}", {name: value}, kind=ArgumentTypeError)
