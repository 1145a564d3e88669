"""The layer in which every output sees every input."""

from typing import Any

from convstep import ops
from convstep.checks import Array, whole
from convstep.checks.operations import flag
from convstep.layers import activations, initializers, regularizers
from convstep.layers.base import Gradients, Layer, Shape


class Dense(Layer):
    """Multiplies the last axis with a matrix of weights, adds a bias, applies an activation.

    Parameters
    ----------
    units : int
        Length of the last axis of the output.
    activation, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer : str or object
        By name, as `get_config` wrote it, or as an object. The kernel is (inputs, units).
    """

    least_axes = 2
    unsupported = (
        "activity_regularizer", "kernel_constraint", "bias_constraint", "lora_rank", "lora_alpha", "quantization_config",
    )  # fmt: skip

    def __init__(
        self,
        units: int,
        activation: Any = None,
        *,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.units = whole("Dense", "units", units, 1)
        self.activation = activations.get(activation)
        self.use_bias = flag("Dense", "use_bias", use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)

    def build(self, input_shape: Shape) -> None:
        """Make the kernel and the bias."""
        shape = (self.known(input_shape), self.units)
        self.add_parameter("kernel", shape, self.kernel_initializer, regularizer=self.kernel_regularizer)
        if self.use_bias:
            self.add_parameter("bias", (self.units,), self.bias_initializer, regularizer=self.bias_regularizer)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output."""
        return (*input_shape[:-1], self.units)

    def forward(self, x: Array, *, floor: bool = False, **_mode: Any) -> tuple[Array, Any]:
        """Return activation(x @ kernel + bias); with `floor`, after that of a ReLU that follows too."""
        self.check(x.shape)
        kernel, bias = self.parameter("kernel"), self.parameter("bias") if self.use_bias else None
        floors = activations.is_floor(self.activation)
        z = ops.dense(x, kernel, bias, floor=floor or floors)
        y, memory = (z, z) if floors else activations.of_sums(self.activation, z)
        return y, (x, kernel, memory)

    def backward(self, dy: Array, cache: Any, *, to_x: bool = True) -> tuple[Any, Gradients]:
        """Return the gradients of x (None if not `to_x`), kernel and bias."""
        x, kernel, memory = cache
        dx, dw, db = ops.dense_backward(self.activation.backward(dy, memory), x, kernel, to_x=to_x)
        return dx, {"kernel": dw, "bias": db} if self.use_bias else {"kernel": dw}
