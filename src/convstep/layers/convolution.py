"""The convolutions: Keras's arguments and kernels around `convstep.ops`.

One rule: what `backward` needs, the kernel too, is in the cache; a layer that was changed in between still gives the right gradient.
"""

from typing import Any, ClassVar

from convstep import ops
from convstep.checks import Array, refusal, whole
from convstep.checks.operations import flag, pair
from convstep.layers import activations, initializers, regularizers
from convstep.layers.base import Gradients, Layer, Shape
from convstep.layers.windows import IMAGES, channels_last, window_padding, window_sizes


class Convolution(Layer):
    """What the convolutions share: a window, a bias and an activation. The arguments are those of `Conv2D`."""

    axes = IMAGES
    unsupported: ClassVar[tuple[str, ...]] = ("activity_regularizer", "kernel_constraint", "bias_constraint", "lora_rank", "lora_alpha")

    def __init__(  # noqa: PLR0913 - Keras's arguments
        self,
        kernel_size: Any,
        *,
        strides: Any,
        padding: Any,
        data_format: str | None,
        dilation_rate: Any,
        activation: Any,
        use_bias: bool,
        bias_initializer: Any,
        bias_regularizer: Any,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        kind = type(self).__name__
        self.kernel_size = pair(kind, "kernel_size", kernel_size, 1)
        self.strides = pair(kind, "strides", strides, 1)
        self.padding = window_padding(kind, padding)
        self.data_format = channels_last(kind, data_format)
        self.dilation_rate = pair(kind, "dilation_rate", dilation_rate, 1)
        self.activation = activations.get(activation)
        self.use_bias = flag(kind, "use_bias", use_bias)
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)

    @property
    def window(self) -> dict[str, Any]:
        """The options of the operation."""
        return {"strides": self.strides, "padding": self.padding, "dilation_rate": self.dilation_rate}

    def add_bias(self, filters: int) -> None:
        """Append the bias, where there is one."""
        if self.use_bias:
            self.add_parameter("bias", (filters,), self.bias_initializer, regularizer=self.bias_regularizer)

    @property
    def bias(self) -> Array | None:
        """The bias, or None."""
        return self.parameter("bias") if self.use_bias else None

    def with_bias(self, db: Array, **gradients: Array) -> Gradients:
        """Return the gradients of the parameters, in their order."""
        return {**gradients, "bias": db} if self.use_bias else gradients


class Conv2D(Convolution):
    """Slides filters over images.

    Parameters
    ----------
    filters : int
        How many, a multiple of `groups`.
    kernel_size, strides, dilation_rate : int or (int, int)
        Rows and columns of a filter; cells from one window to the next, and from one cell of a window to its neighbour.
    padding : "valid" or "same"
        Or explicit padding, as `convstep.ops.conv2d` takes it.
    groups : int
        Into how many groups channels and filters fall.
    activation, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer : str or object
        By name, as `get_config` wrote it, or as an object.
    """

    def __init__(  # noqa: PLR0913 - Keras's arguments
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: Any = "valid",
        *,
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        groups: int = 1,
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
        self.filters, self.groups = whole("Conv2D", "filters", filters, 1), whole("Conv2D", "groups", groups, 1)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        if self.filters % self.groups:
            fact = f"the {self.filters} filters cannot be shared among {self.groups} groups"
            raise refusal("Conv2D", fact, {"filters": filters, "groups": groups})

    def build(self, input_shape: Shape) -> None:
        """Make the kernel, (rows, columns, channels / groups, filters), and the bias."""
        channels = self.known(input_shape)
        if channels % self.groups:
            fact = f"the {channels} channels of the input cannot be shared among {self.groups} groups"
            raise refusal(self.name, fact, {"input": tuple(input_shape)})
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.add_parameter("kernel", shape, self.kernel_initializer, regularizer=self.kernel_regularizer)
        self.add_bias(self.filters)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output."""
        return (input_shape[0], *window_sizes(self.name, input_shape, self.kernel_size, **self.window), self.filters)

    def forward(self, x: Array, *, floor: bool = False, **_mode: Any) -> tuple[Array, Any]:
        """Slide the filters over x, add the bias, apply the activation; with `floor`, that of a ReLU that follows too."""
        self.check(x.shape)
        kernel, floors = self.parameter("kernel"), activations.is_floor(self.activation)
        z = ops.conv2d(x, kernel, self.bias, groups=self.groups, floor=floor or floors, **self.window)
        y, memory = (z, z) if floors else activations.of_sums(self.activation, z)
        return y, (x, kernel, memory)

    def backward(self, dy: Array, cache: Any, *, to_x: bool = True, floored: bool = False) -> tuple[Any, Gradients]:
        """Return the gradients of x (None if not `to_x`), kernel and bias; `floored` says that dy has gone through the activation."""
        x, kernel, memory = cache
        dz = dy if floored else self.activation.backward(dy, memory)
        dx, dw, db = ops.conv2d_backward(dz, x, kernel, groups=self.groups, to_x=to_x, **self.window)
        return dx, self.with_bias(db, kernel=dw)


class DepthwiseConv2D(Convolution):
    """Slides filters of its own over every channel.

    Parameters
    ----------
    depth_multiplier : int
        How many filters each channel has.
    depthwise_initializer, depthwise_regularizer : str or object
        Of the kernel, (rows, columns, channels, depth_multiplier).
    kernel_size, strides, padding, dilation_rate, activation, use_bias, bias_initializer, bias_regularizer
        As in `Conv2D`.
    """

    unsupported = ("activity_regularizer", "depthwise_constraint", "bias_constraint")

    def __init__(  # noqa: PLR0913 - Keras's arguments
        self,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: Any = "valid",
        depth_multiplier: int = 1,
        *,
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides=strides, padding=padding, data_format=data_format, dilation_rate=dilation_rate, activation=activation,
            use_bias=use_bias, bias_initializer=bias_initializer, bias_regularizer=bias_regularizer, **options,
        )  # fmt: skip
        self.depth_multiplier = whole("DepthwiseConv2D", "depth_multiplier", depth_multiplier, 1)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)

    def build(self, input_shape: Shape) -> None:
        """Make the kernel and the bias."""
        channels = self.known(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.add_parameter("kernel", shape, self.depthwise_initializer, regularizer=self.depthwise_regularizer)
        self.add_bias(channels * self.depth_multiplier)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output."""
        channels = None if input_shape[3] is None else input_shape[3] * self.depth_multiplier
        return (input_shape[0], *window_sizes(self.name, input_shape, self.kernel_size, **self.window), channels)

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        """Slide the filters over their channels of x, add the bias, apply the activation."""
        self.check(x.shape)
        kernel = self.parameter("kernel")
        z = ops.conv2d(x, _one_channel_each(kernel), self.bias, groups=x.shape[3], **self.window)
        y, memory = activations.of_sums(self.activation, z)
        return y, (x, kernel, memory)

    def backward(self, dy: Array, cache: Any, *, to_x: bool = True) -> tuple[Any, Gradients]:
        """Return the gradients of x (None if not `to_x`), kernel and bias."""
        x, kernel, memory = cache
        dz = self.activation.backward(dy, memory)
        dx, dw, db = ops.conv2d_backward(dz, x, _one_channel_each(kernel), groups=x.shape[3], to_x=to_x, **self.window)
        return dx, self.with_bias(db, kernel=dw.reshape(kernel.shape))


class SeparableConv2D(Convolution):
    """Slides filters over every channel by itself, then mixes the channels of each pixel.

    Parameters
    ----------
    filters : int
        Channels after mixing.
    depth_multiplier : int
        How many filters each channel has before.
    depthwise_initializer, depthwise_regularizer : str or object
        Of the depthwise kernel, (rows, columns, channels, depth_multiplier).
    pointwise_initializer, pointwise_regularizer : str or object
        Of the pointwise kernel, (1, 1, channels * depth_multiplier, filters).
    kernel_size, strides, padding, dilation_rate, activation, use_bias, bias_initializer, bias_regularizer
        As in `Conv2D`.
    """

    unsupported = ("activity_regularizer", "depthwise_constraint", "pointwise_constraint", "bias_constraint")

    def __init__(  # noqa: PLR0913 - Keras's arguments
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: Any = "valid",
        *,
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides=strides, padding=padding, data_format=data_format, dilation_rate=dilation_rate, activation=activation,
            use_bias=use_bias, bias_initializer=bias_initializer, bias_regularizer=bias_regularizer, **options,
        )  # fmt: skip
        self.filters = whole("SeparableConv2D", "filters", filters, 1)
        self.depth_multiplier = whole("SeparableConv2D", "depth_multiplier", depth_multiplier, 1)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)

    def build(self, input_shape: Shape) -> None:
        """Make both kernels and the bias."""
        channels = self.known(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.add_parameter("depthwise_kernel", shape, self.depthwise_initializer, regularizer=self.depthwise_regularizer)
        shape = (1, 1, channels * self.depth_multiplier, self.filters)
        self.add_parameter("pointwise_kernel", shape, self.pointwise_initializer, regularizer=self.pointwise_regularizer)
        self.add_bias(self.filters)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output."""
        return (input_shape[0], *window_sizes(self.name, input_shape, self.kernel_size, **self.window), self.filters)

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        """Slide the filters over their channels of x, mix the results, add the bias, apply the activation."""
        self.check(x.shape)
        depthwise, pointwise = self.parameter("depthwise_kernel"), self.parameter("pointwise_kernel")
        between = ops.conv2d(x, _one_channel_each(depthwise), groups=x.shape[3], **self.window)
        y, memory = activations.of_sums(self.activation, ops.conv2d(between, pointwise, self.bias))
        return y, (x, depthwise, between, pointwise, memory)

    def backward(self, dy: Array, cache: Any, *, to_x: bool = True) -> tuple[Any, Gradients]:
        """Return the gradients of x (None if not `to_x`), both kernels and the bias."""
        x, depthwise, between, pointwise, memory = cache
        dz = self.activation.backward(dy, memory)
        d_between, d_pointwise, db = ops.conv2d_backward(dz, between, pointwise)
        each = _one_channel_each(depthwise)
        dx, d_depthwise, _ = ops.conv2d_backward(d_between, x, each, groups=x.shape[3], to_x=to_x, **self.window)
        return dx, self.with_bias(db, depthwise_kernel=d_depthwise.reshape(depthwise.shape), pointwise_kernel=d_pointwise)


def _one_channel_each(kernel: Array) -> Array:
    """Return a depthwise kernel as that of a convolution with as many groups as channels."""
    rows, columns, channels, multiplier = kernel.shape
    return kernel.reshape(rows, columns, 1, channels * multiplier)
