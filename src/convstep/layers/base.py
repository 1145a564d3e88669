"""What every layer is: parameters, and the contract of the assignment.

One rule: `forward(x) -> (y, cache)` and `backward(dy, cache) -> (dx, gradients)` keep nothing in the layer, so one may be used twice.
"""

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar, Self, TypeAlias, cast

import numpy as np
from numpy.typing import DTypeLike

from convstep.checks import Array, listed, numbers, refusal
from convstep.errors import ArgumentTypeError

Shape: TypeAlias = tuple[int | None, ...]  # the first entry, the batch, is None
Tensors: TypeAlias = Any  # one array, or a list of them for a layer with several inputs
Gradients: TypeAlias = Mapping[str, Array]  # by the names of the parameters
COMMON = ("name", "trainable", "dtype", "input_shape")  # arguments of every layer


@dataclass(eq=False)
class Parameter:
    """One array of weights. Layers read `value`; whoever trains them writes it."""

    name: str
    value: Array
    trainable: bool = True
    regularizer: Any = None


@dataclass(eq=False)
class Symbol:
    """The output of a call of a layer in a graph that is being described: a shape, and where it comes from."""

    shape: Shape
    layer: "Layer"
    inputs: tuple["Symbol", ...] = ()
    training: bool | None = None  # whether this call of the layer trains; None: as the model runs

    def __add__(self, other: Any) -> "Symbol":
        return _arithmetic(self, other, "Add", offset=1.0)

    def __sub__(self, other: Any) -> "Symbol":
        return _arithmetic(self, other, "Subtract", offset=-1.0)

    def __mul__(self, other: Any) -> "Symbol":
        return _arithmetic(self, other, "Multiply", scale=1.0)

    __radd__, __rmul__ = __add__, __mul__


class Layer:
    """A layer: arguments, parameters, and the two passes.

    A subclass has `forward`, `backward`, `compute_output_shape`, and `build` if it has parameters. Its constructor takes Keras's
    arguments under Keras's names, stores each as an attribute of that name (`get_config` reads them there) and hands the rest, which
    every layer takes, to this one. It says what it takes: `axes` names the axes of an input, where their number is fixed, `least_axes`
    is their number otherwise; `several` inputs come as a list; arguments of Keras that are `unsupported` may only be None or False. A layer
    is `recordable` if its `forward` computes with engines' kernels and views alone, so that `Predictor` may run it without Python.

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

    axes: ClassVar[tuple[str, ...]] = ()
    least_axes: ClassVar[int] = 1
    several: ClassVar[bool] = False
    unsupported: ClassVar[tuple[str, ...]] = ()
    recordable: ClassVar[bool] = False
    takes_to_x: ClassVar[bool] = False  # whether `backward` can be told that the gradient of x is not wanted

    def __init_subclass__(cls) -> None:
        """Refuse a class in the style of Keras, which has no backward pass, before anybody trains it."""
        super().__init_subclass__()
        cls.takes_to_x = "to_x" in inspect.signature(cls.backward).parameters
        if "call" in cls.__dict__:
            passes = "forward(x) -> (y, cache) and backward(dy, cache) -> (dx, gradients)"
            fact = f"{cls.__name__} has a method call, but here a layer has {passes}"
            advice = "a graph, Model(inputs=..., outputs=...), if it is made of layers"
            raise refusal("Layer", fact, {"class": cls.__name__}, advice, kind=ArgumentTypeError)

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: Sequence[int | None] | None = None,
        **options: Any,
    ) -> None:
        kind = type(self).__name__
        for word, value in options.items():
            if word not in self.unsupported:
                raise _unknown_argument(type(self), word, value)
            if value not in (None, False):
                raise refusal(kind, f'Keras\'s argument "{word}" is not supported', {word: value}, kind=ArgumentTypeError)
        self.name = name or snake_case(kind)
        self.named = name is not None
        self.trainable = trainable
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.input_shape = None if input_shape is None else listed(kind, "input_shape", input_shape)
        self.parameters: list[Parameter] = []
        self.fixed: dict[int, int] = {}  # axes of the input whose length the parameters depend on
        self.accepted: Any = None  # the shape that was checked last: most calls have the shape of the call before
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

    def gradients(self, dy: Array, cache: Any) -> Gradients:
        """Return those of the parameters alone; a layer whose `backward` takes `to_x` hears that the gradient of x is not wanted."""
        return self.backward(dy, cache, **({"to_x": False} if self.takes_to_x else {}))[1]

    def update(self, cache: Any) -> None:
        """Carry what a training pass saw into parameters that no gradient changes, such as moving averages. Most layers have none."""

    # --- what every layer can do ---

    def __call__(self, x: Any, *, training: bool | None = None) -> Any:
        """Describe a graph when given symbols; compute, as in inference unless `training`, when given arrays."""
        items = self._inputs(x)
        if all(isinstance(item, Symbol) for item in items):
            shapes = [item.shape for item in items]
            self.ensure_built(shapes if self.several else shapes[0])
            return Symbol(self.compute_output_shape(shapes if self.several else shapes[0]), self, tuple(items), training)
        arrays = [np.asarray(item, self.dtype) for item in items]
        shapes = [(None, *item.shape[1:]) for item in arrays]
        self.ensure_built(shapes if self.several else shapes[0])
        y, cache = self.forward(arrays if self.several else arrays[0], training=bool(training))
        if training:
            self.update(cache)
        return y

    def _inputs(self, x: Any) -> list[Any]:
        """Return the inputs as a list, of one for most layers."""
        listed = isinstance(x, list | tuple)
        if self.several and listed and len(x) > 0:
            return list(x)
        if not self.several and listed and any(isinstance(item, Symbol) for item in x):
            if len(x) == 1:
                return list(x)
            raise refusal(self.name, f"the layer takes one input, not {len(x)}", {"inputs": tuple(getattr(i, "shape", i) for i in x)})
        if self.several:
            raise refusal(self.name, "the layer takes a list of inputs, not one", {"input": getattr(x, "shape", x)}, kind=ArgumentTypeError)
        return [x]

    def ensure_built(self, input_shape: Any) -> None:
        """Check the shape, and make the parameters, once."""
        if not self.built:
            self._check_axes(input_shape)
            self.build(input_shape)
            self.built = True
        self.check(input_shape)

    def check(self, input_shape: Any) -> None:
        """Refuse inputs of a shape that the layer cannot take; its name is in the message."""
        if input_shape == self.accepted:
            return
        self._check_axes(input_shape)
        for axis, size in self.fixed.items():
            if input_shape[axis] not in (None, size):
                what = "channels" if axis in (-1, len(input_shape) - 1) else f"entries along axis {axis}"
                fact = f"the input has {input_shape[axis]} {what}, but the layer was built for {size}"
                raise refusal(self.name, fact, {"input": tuple(input_shape)})
        self.compute_output_shape(input_shape)
        self.accepted = input_shape if isinstance(input_shape, tuple) else None

    def _check_axes(self, input_shape: Any) -> None:
        for shape in input_shape if self.several else [input_shape]:
            count = len(shape)
            if self.axes and count != len(self.axes):
                fact = f"the input must have {len(self.axes)} axes ({', '.join(self.axes)}), not {count}"
                raise refusal(self.name, fact, {"input": tuple(shape)})
            if count < self.least_axes:
                raise refusal(self.name, f"the input must have at least {self.least_axes} axes, not {count}", {"input": tuple(shape)})

    def known(self, input_shape: Shape, axis: int = -1) -> int:
        """Return the length of an axis that the parameters depend on, and remember it."""
        size = input_shape[axis]
        if size is None:
            raise refusal(self.name, f"axis {axis} of the input must have a known length", {"input": tuple(input_shape)})
        self.fixed[axis] = size
        return size

    def add_parameter(self, name: str, shape: Sequence[int], initializer: Any, **options: Any) -> None:
        """Append a parameter with its first values; `options` are those of `Parameter`."""
        self.parameters.append(Parameter(name, initializer(tuple(shape), self.dtype), **options))

    def parameter(self, name: str) -> Array:
        """Return the value of a parameter."""
        for item in self.parameters:
            if item.name == name:
                return item.value
        state = f"its parameters are {', '.join(item.name for item in self.parameters)}" if self.built else "it is not built yet"
        raise refusal(self.name, f"there is no parameter {name}: {state}", {"parameter": name}, kind=ArgumentTypeError)

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
        shape = {} if self.input_shape is None else {"input_shape": plain(self.input_shape)}
        common = {"name": self.name, "trainable": self.trainable, "dtype": self.dtype.name, **shape}
        return common | {word: plain(getattr(self, word)) for word in own_arguments(type(self))}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make the layer again from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


def plain(value: Any) -> Any:
    """Return an argument of a layer as plain data."""
    if hasattr(value, "as_plain"):
        return value.as_plain()
    if hasattr(value, "get_config"):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def snake_case(name: str) -> str:
    """Return the name as Keras writes it in a summary: Conv2D is conv2d, MaxPooling2D is max_pooling2d."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def own_arguments(kind: type[Layer]) -> list[str]:
    """Return the names of the constructor's arguments that not every layer takes."""
    return [word for word in inspect.signature(kind).parameters if word not in {*COMMON, "options"}]


def _unknown_argument(kind: type[Layer], word: str, value: Any) -> Exception:
    known = [*own_arguments(kind), *COMMON]
    near = get_close_matches(word, known, n=1)
    meant = f' (did you mean "{near[0]}"?)' if near else ""
    fact = f'there is no argument "{word}"{meant}; there are {", ".join(known)}'
    return refusal(kind.__name__, fact, {word: value}, kind=ArgumentTypeError)


def _arithmetic(symbol: Symbol, other: Any, merging: str, *, scale: float | None = None, offset: float = 0.0) -> Symbol:
    """Return what an operator between two symbols, or a symbol and a number, stands for: a merging layer, or a Rescaling."""
    from convstep import layers  # noqa: PLC0415 - they are made of this class

    if isinstance(other, Symbol):
        merged: Symbol = getattr(layers, merging)()([symbol, other])
        return merged
    if not isinstance(other, int | float | np.integer | np.floating) or isinstance(other, bool):
        return cast("Symbol", NotImplemented)  # Python then says that the operands do not go together
    number = float(other)
    moved: Symbol = layers.Rescaling(1.0 if scale is None else number, offset=number * offset if offset else 0.0)(symbol)
    return moved
