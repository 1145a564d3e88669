"""What layers refuse, and in which words: the whole message, and the name of the layer in it."""

from typing import Any

import numpy as np
import pytest

from convstep import ArgumentTypeError, layers


def built(layer: layers.Layer, *sizes: int) -> layers.Layer:
    layer.ensure_built((None, *sizes))
    return layer


UNKNOWN = (
    'Conv2D: there is no argument "stride" (did you mean "strides"?); there are filters, kernel_size, strides, padding, data_format, '
    "dilation_rate, groups, activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, name, "
    "trainable, dtype, input_shape\n  given stride 2"
)
FIRST = (
    "Flatten: data_format must be \"channels_last\", not 'channels_first': images are (m, height, width, channels)\n"
    "  given data_format 'channels_first'; try x.transpose(0, 2, 3, 1) for images with their channels first"
)
REFUSED: list[tuple[Any, str]] = [
    (lambda: layers.Conv2D(2, 3, stride=2), UNKNOWN),
    (
        lambda: layers.Conv2D(2, 3, kernel_constraint="max_norm"),
        "Conv2D: Keras's argument \"kernel_constraint\" is not supported\n  given kernel_constraint 'max_norm'",
    ),
    (
        lambda: layers.Flatten(data_format="channels_first"),
        FIRST,
    ),
    (lambda: layers.Conv2D(3, 3, groups=2), "Conv2D: the 3 filters cannot be shared among 2 groups\n  given filters 3, groups 2"),
    (
        lambda: layers.Conv2D(4, 3, groups=2, name="c")(layers.Input((8, 8, 3))),
        "c: the 3 channels of the input cannot be shared among 2 groups\n  given input (None, 8, 8, 3)",
    ),
    (
        lambda: built(layers.Conv2D(2, 3, name="stem"), 7, 6, 3).forward(np.ones((1, 7, 6, 4))),
        "stem: the input has 4 channels, but the layer was built for 3\n  given input (1, 7, 6, 4)",
    ),
    (
        lambda: layers.MaxPooling2D()(np.ones((2, 3))),
        "max_pooling2d: the input must have 4 axes (m, height, width, channels), not 2\n  given input (None, 3)",
    ),
    (
        lambda: layers.Conv2D(2, 5)(layers.Input((4, 8, 3))),
        "conv2d: the window does not fit: it reaches over 5 rows, but the input has 4 with its padding\n  given input (None, 4, 8, 3)",
    ),
    (lambda: layers.Dense(2)(layers.Input((None,))), "dense: axis -1 of the input must have a known length\n  given input (None, None)"),
    (
        lambda: layers.Conv2DTranspose(2, 3, strides=2, output_padding=2),
        "Conv2DTranspose: output_padding must be smaller than the stride, 2, not 2\n  given output_padding 2, strides 2",
    ),
    (
        lambda: layers.Conv2DTranspose(2, 2, padding=2)(layers.Input((2, 2, 1))),
        "conv2d_transpose: nothing is left: the padding takes all rows\n  given input (None, 2, 2, 1)",
    ),
    (
        lambda: layers.Cropping2D(2)(layers.Input((4, 8, 3))),
        "cropping2d: nothing is left: 4 rows are cut off, but the input has 4\n  given input (None, 4, 8, 3), cropping ((2, 2), (2, 2))",
    ),
    (
        lambda: layers.ZeroPadding2D((1, 2, 3)),
        "ZeroPadding2D: padding must be a whole number, a pair or two pairs, not 3 values\n  given padding (1, 2, 3)",
    ),
    (
        lambda: layers.Reshape((5, -1))(layers.Input((4, 8))),
        "reshape: an example of 32 numbers cannot have the shape (5, -1)\n  given input (None, 4, 8)",
    ),
    (lambda: layers.Reshape((-1, -1)), "Reshape: target_shape may hold one -1, not more\n  given target_shape (-1, -1)"),
    (lambda: layers.Permute((1, 3)), "Permute: dims must be the numbers 1 to 2 in some order, not (1, 3)\n  given dims (1, 3)"),
    (
        lambda: layers.Permute((2, 1))(layers.Input((4,))),
        "permute: the input must have 3 axes, the batch counted, not 2\n  given input (None, 4)",
    ),
    (
        lambda: layers.BatchNormalization(axis=4)(np.ones((2, 3))),
        "batch_normalization: the input has no axis 4, only 2 axes\n  given input (None, 3)",
    ),
    (lambda: layers.Softmax(axis=3)(np.ones((2, 3))), "softmax: the input has no axis 3, only 2 axes\n  given input (None, 3)"),
    (
        lambda: layers.PReLU(shared_axes=[3])(np.ones((2, 3))),
        "p_re_lu: shared_axes must lie between 1 and 1, not 3\n  given input (None, 3)",
    ),
    (lambda: layers.ReLU(max_value=-1), "ReLU: max_value must be a number >= 0, not -1\n  given max_value -1"),
    (lambda: layers.Dropout(1.5), "Dropout: rate must be a number from 0 to 1, not 1.5\n  given rate 1.5"),
    (
        lambda: layers.Dropout(0.5, noise_shape=(2,))(np.ones((2, 3)), training=True),
        "dropout: a mask of the shape (2,) cannot be repeated over the input\n  given input (2, 3)",
    ),
    (
        lambda: layers.Add()([np.ones((2, 3)), np.ones((2, 4))]),
        "add: the inputs do not fit together: an axis is 3 and 4 long\n  given inputs ((None, 3), (None, 4))",
    ),
    (
        lambda: layers.Subtract()([layers.Input((3,))] * 3),
        "subtract: the layer takes 2 inputs, not 3\n  given inputs ((None, 3), (None, 3), (None, 3))",
    ),
    (
        lambda: layers.Concatenate()([np.ones((2, 3, 1)), np.ones((2, 4, 1))]),
        "concatenate: the inputs do not fit together: axis 1 is 3 and 4 long\n  given inputs ((None, 3, 1), (None, 4, 1))",
    ),
    (
        lambda: layers.Concatenate()([np.ones((2, 3, 1)), np.ones((2, 4))]),
        "concatenate: the inputs do not fit together: they have different numbers of axes\n  given inputs ((None, 3, 1), (None, 4))",
    ),
    (
        lambda: layers.Concatenate(axis=2)([np.ones((2, 3)), np.ones((2, 3))]),
        "concatenate: the inputs have no axis 2, only 2 axes\n  given inputs ((None, 3), (None, 3))",
    ),
    (lambda: layers.Add()(layers.Input((3,))), "add: the layer takes a list of inputs, not one\n  given input (None, 3)"),
    (
        lambda: layers.Dense(1)([layers.Input((3,)), layers.Input((4,))]),
        "dense: the layer takes one input, not 2\n  given inputs ((None, 3), (None, 4))",
    ),
    (
        lambda: layers.InputLayer((3,)).forward(np.ones((2, 4))),
        "input_layer: the input must have the shape (None, 3), not (2, 4)\n  given input (2, 4)",
    ),
    (
        layers.Input,
        "Input: give either shape, with or without batch_size, or batch_shape\n  given shape None, batch_size None, batch_shape None",
    ),
    (
        lambda: layers.Dense(2).parameter("kernel"),
        "dense: there is no parameter kernel: it is not built yet\n  given parameter 'kernel'",
    ),
    (
        lambda: built(layers.Dense(2), 4).set_weights([1]),
        "set_weights: dense has 2 arrays of weights, not 1\n  given parameters ('kernel', 'bias')",
    ),
    (
        lambda: built(layers.Dense(2), 4).set_weights([np.ones((4, 3)), np.ones(2)]),
        "set_weights: kernel of dense has the shape (4, 2), not (4, 3)\n  given kernel (4, 3)",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[message.split("\n")[0][:60] for _, message in REFUSED])
def test_refusals_say_who_and_why(call: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    assert str(caught.value) == message


def test_a_class_in_the_style_of_keras_is_told_what_a_layer_is_here() -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        type("Doubled", (layers.Layer,), {"call": lambda _self, x: 2 * x})
    assert str(caught.value) == (
        "Layer: Doubled has a method call, but here a layer has forward(x) -> (y, cache) and backward(dy, cache) -> (dx, gradients)\n"
        "  given class 'Doubled'; try a graph, Model(inputs=..., outputs=...), if it is made of layers"
    )


ONE: Any = 8  # where several numbers belong


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.Input(ONE), "Input: shape must be a tuple or list, not 8\n  given shape 8"),
        (lambda: layers.Reshape(ONE), "Reshape: target_shape must be a tuple or list, not 8\n  given target_shape 8"),
        (lambda: layers.Permute(ONE), "Permute: dims must be a tuple or list, not 8\n  given dims 8"),
        (lambda: layers.Dense(1, input_shape=ONE), "Dense: input_shape must be a tuple or list, not 8\n  given input_shape 8"),
    ],
)
def test_a_shape_that_is_one_number_is_refused_in_words(call: Any, message: str) -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        call()
    assert str(caught.value) == message
