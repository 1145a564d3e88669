"""Where a graph of layers begins."""

from collections.abc import Sequence
from typing import Any

from convstep.checks import Array, listed, refusal, whole
from convstep.errors import ArgumentTypeError
from convstep.layers.base import Gradients, Layer, Shape, Symbol


class InputLayer(Layer):
    """Hands its input on, and knows what shape it must have.

    Parameters
    ----------
    shape : sequence of int or None
        Of one example; None for a length that may differ.
    batch_size : int, optional
        Examples in a batch, if that is always the same.
    batch_shape : sequence of int or None, optional
        Both together, instead of them.
    """

    unsupported = ("sparse", "ragged", "optional", "input_tensor")

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        *,
        batch_shape: Sequence[int | None] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**{**options, "dtype": options.get("dtype") or "float32"})
        if (shape is None) == (batch_shape is None) or (batch_shape is not None and batch_size is not None):
            fact = "give either shape, with or without batch_size, or batch_shape"
            given = {"shape": shape, "batch_size": batch_size, "batch_shape": batch_shape}
            raise refusal("Input", fact, given, kind=ArgumentTypeError)
        sizes = (batch_size, *listed("Input", "shape", shape)) if shape is not None else listed("Input", "batch_shape", batch_shape)
        self.batch_shape: Shape = tuple(None if size is None else whole("Input", f"axis {i}", size, 1) for i, size in enumerate(sizes))
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data."""
        return {"name": self.name, "dtype": self.dtype.name, "batch_shape": list(self.batch_shape)}

    @property
    def output(self) -> Symbol:
        """The symbol to call other layers with."""
        return Symbol(self.batch_shape, self)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the input, which must be the one that was announced."""
        fits = len(input_shape) == len(self.batch_shape) and all(
            want is None or have is None or have == want for have, want in zip(input_shape, self.batch_shape, strict=True)
        )
        if not fits:
            raise refusal(self.name, f"the input must have the shape {self.batch_shape}, not {tuple(input_shape)}", {"input": input_shape})
        return tuple(input_shape)

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        """Hand x on."""
        self.check(x.shape)
        return x, None

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:  # noqa: ARG002 - nothing to remember
        """Hand dy back."""
        return dy, {}


def Input(  # noqa: N802 - Keras's name
    shape: Sequence[int | None] | None = None, batch_size: int | None = None, **options: Any
) -> Symbol:
    """Begin a graph: return the symbol that stands for an input.

    Parameters
    ----------
    shape, batch_size, batch_shape, dtype, name
        As in `InputLayer`.

    Returns
    -------
    Symbol
        To call layers with.
    """
    return InputLayer(shape, batch_size, **options).output
