"""What every layer is: parameters, and the contract of the assignment.

One rule: `forward(x) -> (y, cache)` and `backward(dy, cache) -> (dx, gradients)` keep nothing in the layer, so one may be used twice.
"""

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from convstep.checks import Array, numbers, refusal
from convstep.errors import ArgumentTypeError

Shape: TypeAlias = tuple[int | None, ...]  # the first entry, the batch, is None
Tensors: TypeAlias = Any  # one array, or a list of them for a layer with several inputs
Gradients: TypeAlias = Mapping[str, Array]  # by the names of the parameters


@dataclass(eq=False)
class Parameter:
    """One array of weights. Layers read `value`; whoever trains them writes it."""

    name: str
    value: Array
    trainable: bool = True
    regularizer: Any = None


@dataclass(eq=False)
class Symbol:
    """The output of a layer in a graph that is being described: a shape, and where it comes from."""

    shape: Shape
    layer: "Layer"
    inputs: tuple["Symbol", ...] = ()


class Layer:
    """A layer: arguments, parameters, and the two passes.

    A subclass has `forward`, `backward`, `compute_output_shape`, and `build` if it has parameters. Its constructor takes Keras's
    arguments under Keras's names, stores each as an attribute of that name (`get_config` reads them there) and hands the rest, which
    every layer takes, to this one.

    Parameters
    ----------
    name : str, optional
        A model numbers the layers that have none.
    trainable : bool
        Whether an optimizer may change the parameters.
    dtype : dtype
        Type of the parameters.
    input_shape : tuple of int, optional
        Shape of one input without the batch; only the first layer of a `Sequential` needs it, and only if the shape is wanted early.
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: Sequence[int | None] | None = None,
        **unknown: Any,
    ) -> None:
        kind = type(self).__name__
        if unknown:
            known = [word for word in inspect.signature(type(self)).parameters if word not in {"self", "options"}]
            known += ["name", "trainable", "dtype", "input_shape"]
            word = next(iter(unknown))
            near = get_close_matches(word, known, n=1)
            meant = f' (did you mean "{near[0]}"?)' if near else ""
            fact = f'there is no argument "{word}"{meant}; there are {", ".join(known)}'
            raise refusal(kind, fact, {word: unknown[word]}, kind=ArgumentTypeError)
        self.name = name or snake_case(kind)
        self.named = name is not None
        self.trainable = trainable
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.input_shape = None if input_shape is None else tuple(input_shape)
        self.parameters: list[Parameter] = []
        self.built = False

    # --- what a subclass writes ---

    def build(self, input_shape: Any) -> None:
        """Make the parameters for inputs of this shape, None for the batch; for several inputs it is a list of shapes."""

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape of the output, None for the batch."""
        return tuple(input_shape)

    def forward(self, x: Tensors, *, training: bool = False, rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """Return the output, and the cache that `backward` needs. The layer is built, and nothing of it is changed."""
        raise NotImplementedError

    def backward(self, dy: Array, cache: Any) -> tuple[Tensors, Gradients]:
        """Return the gradient of the input (a list for several), and those of the trainable parameters by name."""
        raise NotImplementedError

    def update(self, cache: Any) -> None:
        """Carry what a training pass saw into parameters that no gradient changes, such as moving averages. Most layers have none."""

    # --- what every layer can do ---

    def __call__(self, x: Any) -> Any:
        """Describe a graph when given symbols; compute, as in inference, when given arrays."""
        several = isinstance(x, list | tuple) and len(x) > 0 and all(isinstance(item, Symbol) for item in x)
        if several or isinstance(x, Symbol):
            shape = [item.shape for item in x] if several else x.shape
            self.ensure_built(shape)
            return Symbol(self.compute_output_shape(shape), self, tuple(x) if several else (x,))
        arrays = [np.asarray(item, self.dtype) for item in x] if isinstance(x, list | tuple) else np.asarray(x, self.dtype)
        shapes = [(None, *item.shape[1:]) for item in arrays] if isinstance(arrays, list) else (None, *arrays.shape[1:])
        self.ensure_built(shapes)
        return self.forward(arrays)[0]

    def ensure_built(self, input_shape: Any) -> None:
        """Make the parameters, once."""
        if not self.built:
            self.build(input_shape)
            self.built = True

    def add_parameter(self, name: str, shape: Sequence[int], initializer: Any, **options: Any) -> None:
        """Append a parameter with its first values; `options` are those of `Parameter`."""
        self.parameters.append(Parameter(name, initializer(tuple(shape), self.dtype), **options))

    def parameter(self, name: str) -> Array:
        """Return the value of a parameter."""
        return next(item.value for item in self.parameters if item.name == name)

    @property
    def trainable_parameters(self) -> list[Parameter]:
        """The parameters that an optimizer may change."""
        return [item for item in self.parameters if item.trainable and self.trainable]

    def get_weights(self) -> list[Array]:
        """Return copies of the parameters in Keras's order."""
        return [item.value.copy() for item in self.parameters]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace the parameters, in Keras's order.

        Raises
        ------
        ShapeError
            If there are more or fewer arrays than parameters, or one has another shape.
        """
        if len(weights) != len(self.parameters):
            fact = f"{self.name} has {len(self.parameters)} arrays of weights, not {len(weights)}"
            raise refusal("set_weights", fact, {"parameters": tuple(item.name for item in self.parameters)})
        arrays = [numbers("set_weights", item.name, value) for item, value in zip(self.parameters, weights, strict=True)]
        for item, value in zip(self.parameters, arrays, strict=True):
            if item.value.shape != value.shape:
                fact = f"{item.name} of {self.name} has the shape {item.value.shape}, not {value.shape}"
                raise refusal("set_weights", fact, {item.name: value})
        for item, value in zip(self.parameters, arrays, strict=True):
            item.value = np.array(value, dtype=item.value.dtype)

    def count_params(self) -> int:
        """Return how many numbers the parameters hold."""
        return sum(item.value.size for item in self.parameters)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data; an object among them, as its class and its own arguments."""
        names = [word for word in inspect.signature(type(self)).parameters if word != "options"]
        return {"name": self.name, "trainable": self.trainable, "dtype": self.dtype.name} | {
            word: plain(getattr(self, word)) for word in names
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make the layer again from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


def plain(value: Any) -> Any:
    """Return an argument of a layer as plain data."""
    if hasattr(value, "get_config"):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def snake_case(name: str) -> str:
    """Return the name as Keras writes it in a summary: Conv2D is conv2d, MaxPooling2D is max_pooling2d."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", name).lower()
