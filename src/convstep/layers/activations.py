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

    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return the output, and the array that `backward` needs: the output where its values tell the slope, else x."""
        y = self(x)
        return y, y if self.name in FROM_OUTPUT and not self.options else x

    def backward(self, dy: Array, cache: Array) -> Array:
        """Return the gradient of x."""
        if self.name in FROM_OUTPUT and not self.options:
            return FROM_OUTPUT[self.name](dy, cache)
        dx: Array = getattr(functions, f"{self.name}_backward")(dy, cache, **self.options)
        return dx

    def as_plain(self) -> Any:
        """Return the name, or with options a dict in the form that Keras writes."""
        return {"class_name": self.name, "config": dict(self.options)} if self.options else self.name


FROM_OUTPUT: dict[str, Callable[[Array, Array], Array]] = {
    "relu": lambda dy, y: np.where(y > 0, dy, 0),
    "sigmoid": lambda dy, y: dy * (y * (1 - y)),
    "tanh": lambda dy, y: dy * (1 - y * y),
    "softmax": lambda dy, y: y * (dy - (dy * y).sum(axis=-1, keepdims=True)),
    "exponential": lambda dy, y: dy * y,
}


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
