"""Activation functions by name or object: what a layer does to its sums, forwards and backwards.

One rule: an activation says itself what its backward pass remembers, so that a layer keeps one array and not two.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from convstep.checks import Array, refusal
from convstep.engines import current_engine
from convstep.errors import ArgumentTypeError
from convstep.layers.base import Layer
from convstep.ops import activations as functions

NAMES = (
    "linear", "relu", "relu6", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "mish", "sigmoid", "hard_sigmoid", "hard_silu", "tanh",
    "softplus", "softsign", "softmax", "log_softmax", "exponential",
)  # fmt: skip
ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}


class Activation(Protocol):
    """What a layer needs of an activation; an object of one's own will do."""

    def forward(self, x: Array) -> tuple[Array, Any]:
        """Return the output, and what `backward` needs."""

    def backward(self, dy: Array, cache: Any) -> Array:
        """Return the gradient of x."""


@dataclass(frozen=True)
class ActivationFunction:
    """A function of `convstep.ops.activations` together with its options.

    Called with an array it is the function; `using(negative_slope=0.1)` returns one with other options.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, x: ArrayLike, **options: Any) -> Array:
        """Return the function of x."""
        y: Array = getattr(functions, self.name)(x, **{**self.options, **options})
        return y

    def using(self, **options: Any) -> "ActivationFunction":
        """Return the same activation with these options."""
        return ActivationFunction(self.name, {**self.options, **options})

    def forward(self, x: Array, *, out: Array | None = None) -> tuple[Array, Any]:
        """Return the output, and what `backward` needs: the output where its values tell the slope, else x. The output may go to `out`."""
        if self.name == "linear":
            return x, None
        slope = self._slope
        if slope is not None and x.dtype in COMPUTED:
            y = current_engine().activate(self.name, x, slope, out)
            return y, y
        if self._is_softmax and x.dtype in COMPUTED:
            y = current_engine().softmax(x)
            return y, y
        y = self(x)
        return y, y if slope is not None or self._tells_slope else x

    def backward(self, dy: Array, cache: Any) -> Array:
        """Return the gradient of x."""
        if self.name == "linear":
            return dy
        slope = self._slope
        if slope is not None:
            return current_engine().activate_to_x(self.name, dy, cache, slope)
        if self._tells_slope:
            return FROM_OUTPUT[self.name](dy, cache)
        dx: Array = getattr(functions, f"{self.name}_backward")(dy, cache, **self.options)
        return dx

    def on_kernels(self, dtype: Any) -> bool:
        """Return whether engines' kernels do all of it, forwards and backwards, on numbers of a type; softmax in float32 alone."""
        return self.name == "linear" or self._slope is not None or (self._is_softmax and dtype == np.float32)

    @property
    def _is_softmax(self) -> bool:
        return self.name == "softmax" and not self.options

    @property
    def _slope(self) -> float | None:
        """The slope below 0, of an activation that engines go back from its output; None for others."""
        if self.name == "leaky_relu":
            slope = self.options.get("negative_slope", LEAK)
            return slope if slope >= 0 else None  # a positive output may be that of a negative x
        return 0.0 if self.name in FROM_OUTPUT_BY_ENGINES and not self.options else None

    @property
    def _tells_slope(self) -> bool:
        return self.name in FROM_OUTPUT and not self.options

    def as_plain(self) -> Any:
        """Return the name, or with options a dict in the form that Keras writes."""
        return {"class_name": self.name, "config": dict(self.options)} if self.options else self.name


COMPUTED = (np.float32, np.float64)  # types that an activation is computed in; float16 is not
FROM_OUTPUT_BY_ENGINES = ("relu", "relu6", "sigmoid", "tanh")
LEAK = 0.2
FROM_OUTPUT: dict[str, Callable[[Array, Array], Array]] = {
    "softmax": lambda dy, y: current_engine().softmax_to_x(dy, y),
    "exponential": lambda dy, y: dy * y,
}


def is_floor(activation: Activation) -> bool:
    """Return whether an activation is the plain `relu`, which operations do in the same pass."""
    return isinstance(activation, ActivationFunction) and activation.name == "relu" and not activation.options


def of_sums(activation: Activation, z: Array) -> tuple[Array, Any]:
    """Return the output of an activation, and what its `backward` needs; the output may take the place of z, which is nobody else's."""
    return activation.forward(z, out=z) if isinstance(activation, ActivationFunction) else activation.forward(z)


def get(identifier: Any) -> Any:
    """Return the activation that is meant.

    Parameters
    ----------
    identifier : None, str, dict, function or object
        None for "linear", Keras's name of it, what `get_config` wrote, a function of `convstep.ops.activations`, a layer such as
        `LeakyReLU()`, or any object with `forward(x) -> (y, cache)` and `backward(dy, cache) -> dx`.

    Raises
    ------
    ShapeError
        If there is no activation of that name.
    ArgumentTypeError
        If it is something else.
    """
    if identifier is None:
        return ActivationFunction("linear")
    if isinstance(identifier, Mapping) and "class_name" in identifier:
        options = {word: tuple(value) if isinstance(value, list) else value for word, value in identifier.get("config", {}).items()}
        return get(identifier["class_name"]).using(**options)
    if isinstance(identifier, str):
        name = ALIASES.get(identifier, identifier)
        if name in NAMES:
            return ActivationFunction(name)
        near = get_close_matches(identifier, NAMES, n=1)
        meant = f' (did you mean "{near[0]}"?)' if near else ""
        raise refusal("activations.get", f'there is no activation "{identifier}"{meant}', {"activation": identifier})
    function = getattr(identifier, "function", None) if isinstance(identifier, Layer) else identifier
    if hasattr(function, "forward") and hasattr(function, "backward"):
        return function
    name = getattr(function, "__name__", "")
    if name in NAMES and getattr(functions, name) is function:
        return ActivationFunction(name)
    fact = "an activation must be a name, or an object with forward(x) and backward(dy, cache)"
    raise refusal("activations.get", fact, {"activation": identifier}, kind=ArgumentTypeError)


linear, relu, relu6, leaky_relu = (ActivationFunction(name) for name in ("linear", "relu", "relu6", "leaky_relu"))
elu, celu, selu, gelu = (ActivationFunction(name) for name in ("elu", "celu", "selu", "gelu"))
silu, swish, mish, sigmoid = (ActivationFunction(name) for name in ("silu", "silu", "mish", "sigmoid"))
hard_sigmoid, hard_silu, hard_swish, tanh = (ActivationFunction(name) for name in ("hard_sigmoid", "hard_silu", "hard_silu", "tanh"))
softplus, softsign, exponential = (ActivationFunction(name) for name in ("softplus", "softsign", "exponential"))
softmax, log_softmax = ActivationFunction("softmax"), ActivationFunction("log_softmax")
