"""The transposed convolution, which makes images larger."""

from typing import Any

from convstep import ops
from convstep.checks import Array, refusal, whole
from convstep.checks.operations import paddings, pair
from convstep.geometry import Axis
from convstep.layers import activations, initializers, regularizers
from convstep.layers.base import Gradients, Shape
from convstep.layers.convolution import Convolution
from convstep.layers.windows import SIDES


class Conv2DTranspose(Convolution):
    """Spreads every pixel over a window, weighted by filters.

    Parameters
    ----------
    output_padding : int or (int, int), optional
        Rows and columns more than the smallest output, < strides. Without it, "same" makes size * stride.
    kernel_initializer, kernel_regularizer : str or object
        Of the kernel, (rows, columns, filters, channels).
    filters, kernel_size, strides, padding, dilation_rate, activation, use_bias, bias_initializer, bias_regularizer
        As in `Conv2D`; the strides are those of the output.
    """

    def __init__(  # noqa: PLR0913 - Keras's arguments
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: Any = "valid",
        *,
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides=strides, padding=padding, data_format=data_format, dilation_rate=dilation_rate, activation=activation,
            use_bias=use_bias, bias_initializer=bias_initializer, bias_regularizer=bias_regularizer, **options,
        )  # fmt: skip
        kind = "Conv2DTranspose"
        self.filters = whole(kind, "filters", filters, 1)
        self.output_padding = None if output_padding is None else pair(kind, "output_padding", output_padding, 0)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        for extra, stride in zip(self.output_padding or (), self.strides, strict=False):
            if extra >= stride:
                fact = f"output_padding must be smaller than the stride, {stride}, not {extra}"
                raise refusal(kind, fact, {"output_padding": output_padding, "strides": strides})

    def build(self, input_shape: Shape) -> None:
        """Make the kernel and the bias."""
        shape = (*self.kernel_size, self.filters, self.known(input_shape))
        self.add_parameter("kernel", shape, self.kernel_initializer, regularizer=self.kernel_regularizer)
        self.add_bias(self.filters)

    @property
    def window(self) -> dict[str, Any]:
        """The options of the operation."""
        return {**super().window, "output_padding": self.output_padding}

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output."""
        both, extra = paddings(self.name, self.padding), self.output_padding or (None, None)
        sizes: list[int | None] = []
        for i, side in enumerate(SIDES):
            out, stride, dilation = input_shape[1 + i], self.strides[i], self.dilation_rate[i]
            if out is None:
                sizes.append(None)
                continue
            axis = Axis.transposed(both[i], out, self.kernel_size[i], stride=stride, dilation=dilation, extra=extra[i])
            if axis.size < 1:
                raise refusal(self.name, f"nothing is left: the padding takes all {side}", {"input": tuple(input_shape)})
            sizes.append(axis.size)
        return (input_shape[0], *sizes, self.filters)

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        """Spread x, add the bias, apply the activation."""
        self.check(x.shape)
        kernel = self.parameter("kernel")
        y, memory = activations.of_sums(self.activation, ops.conv2d_transpose(x, kernel, self.bias, **self.window))
        return y, (x, kernel, memory)

    def backward(self, dy: Array, cache: Any, *, to_x: bool = True) -> tuple[Any, Gradients]:
        """Return the gradients of x (None if not `to_x`), kernel and bias."""
        x, kernel, memory = cache
        dz = self.activation.backward(dy, memory)
        dx, dw, db = ops.conv2d_transpose_backward(dz, x, kernel, to_x=to_x, **self.window)
        return dx, self.with_bias(db, kernel=dw)
