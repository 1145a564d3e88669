"""The networks of the course and of its readings, not compiled. Each says where it comes from and how many parameters it has."""

from collections.abc import Callable, Sequence
from typing import Any

from convstep.checks import whole
from convstep.layers import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    Layer,
    MaxPooling2D,
    ReLU,
    Symbol,
    ZeroPadding2D,
)
from convstep.models.model import Model
from convstep.models.sequential import Sequential

PAPER_SIZE = 32  # rows and columns of LeNet-5's images


def lenet5(input_shape: Sequence[int] = (28, 28, 1), classes: int = 10, *, activation: Any = "tanh") -> Sequential:
    """Return LeNet-5 as it is taught today: 61,706 parameters for one channel and ten classes.

    LeCun, Bottou, Bengio and Haffner 1998, Gradient-based learning applied to document recognition, section II.B. The paper's images are
    32 x 32; smaller ones are padded with zeros, as there. Unlike in the paper, pooling has no parameters, every filter of the second
    convolution sees all six maps, and the output is a softmax.

    Parameters
    ----------
    input_shape : (height, width, channels)
    classes : int
    activation : str or object
        "tanh" in the paper; "relu" trains faster.
    """
    rows, columns = (max(0, PAPER_SIZE - size) for size in input_shape[:2])
    sides = ((rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2))
    return Sequential(
        [
            Input(input_shape),
            *([ZeroPadding2D(sides)] if rows or columns else []),
            Conv2D(6, 5, activation=activation),
            AveragePooling2D(),
            Conv2D(16, 5, activation=activation),
            AveragePooling2D(),
            Flatten(),
            Dense(120, activation=activation),
            Dense(84, activation=activation),
            Dense(classes, activation="softmax"),
        ],
        name="lenet5",
    )


def signs_tf1(input_shape: Sequence[int] = (64, 64, 3), classes: int = 6) -> Sequential:
    """Return the network of the course's TensorFlow 1 assignment (SIGNS): 384 + 512 + 390 = 1,286 parameters.

    Convolutional Neural Networks, week 1, "Convolution model - Application", versions of 2017 and 2019. Its convolutions have no bias, and
    it ends without a softmax: train it with `CategoricalCrossentropy(from_logits=True)` and Adam(0.009).
    """
    return Sequential([Input(input_shape), *_signs(use_bias=False), Dense(classes)], name="signs_tf1")


def signs(input_shape: Sequence[int] = (64, 64, 3), classes: int = 6) -> Model:
    """Return the functional network of the course's Keras assignment (SIGNS): 392 + 528 + 390 = 1,310 parameters.

    Convolutional Neural Networks, week 1, "Convolution model - Application", since 2021: trained with Adam and categorical cross-entropy.
    """
    x = inputs = Input(input_shape)
    for layer in [*_signs(use_bias=True), Dense(classes, activation="softmax")]:
        x = layer(x)
    return Model(inputs, x, name="signs")


def happy_house(input_shape: Sequence[int] = (64, 64, 3)) -> Sequential:
    """Return the sequential network of the course's Keras assignment (Happy House): 37,633 parameters, 64 of them not trainable.

    Convolutional Neural Networks, week 1, "Convolution model - Application", since 2021: trained with Adam and binary cross-entropy.
    """
    return Sequential(
        [
            Input(input_shape),
            ZeroPadding2D(3),
            Conv2D(32, 7),
            BatchNormalization(axis=3),
            ReLU(),
            MaxPooling2D(),
            Flatten(),
            Dense(1, activation="sigmoid"),
        ],
        name="happy_house",
    )


def vgg(input_shape: Sequence[int] = (32, 32, 3), classes: int = 10, *, dropout: float = 0.0) -> Sequential:
    """Return a small VGG with six convolutions: 550,570 parameters.

    Pairs of 3 x 3 convolutions, each pair followed by pooling and twice as wide as the one before: the pattern of Simonyan and Zisserman
    2015, Very deep convolutional networks for large-scale image recognition, section 2.1, at the size of CIFAR-10.

    Parameters
    ----------
    input_shape : (height, width, channels)
    classes : int
    dropout : float
        Share of the numbers that are left out after each pooling and before the output; 0 for no such layers.
    """
    forget: list[Callable[[], Layer]] = [lambda: Dropout(dropout)] if dropout else []
    layers: list[Any] = [Input(input_shape)]
    for filters in (32, 64, 128):
        layers += [Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_uniform") for _ in range(2)]
        layers += [MaxPooling2D(), *(make() for make in forget)]
    layers += [Flatten(), Dense(128, activation="relu", kernel_initializer="he_uniform"), *(make() for make in forget)]
    return Sequential([*layers, Dense(classes, activation="softmax")], name="vgg")


def resnet(input_shape: Sequence[int] = (32, 32, 3), classes: int = 10, *, blocks: int = 3) -> Model:
    """Return a residual network for small images, 6 * blocks + 2 layers deep: with 3 blocks 274,042 parameters, 1,568 not trainable.

    He, Zhang, Ren and Sun 2016, Deep residual learning for image recognition, section 4.2 (0.27 million for 20 layers), with projections
    where the width changes (option B).

    Parameters
    ----------
    input_shape : (height, width, channels)
    classes : int
    blocks : int
        Residual blocks at each of the three sizes.
    """
    count = whole("resnet", "blocks", blocks, 1)
    inputs = Input(input_shape)
    x = Activation("relu")(_normal_convolution(inputs, 16))
    for filters in (16, 32, 64):
        for block in range(count):
            x = _residual(x, filters, strides=2 if filters > x.shape[-1] and block == 0 else 1)
    x = Dense(classes, activation="softmax")(GlobalAveragePooling2D()(x))
    return Model(inputs, x, name=f"resnet{6 * count + 2}")


def _signs(*, use_bias: bool) -> list[Layer]:
    return [
        Conv2D(8, 4, padding="same", use_bias=use_bias),
        ReLU(),
        MaxPooling2D(8, strides=8, padding="same"),
        Conv2D(16, 2, padding="same", use_bias=use_bias),
        ReLU(),
        MaxPooling2D(4, strides=4, padding="same"),
        Flatten(),
    ]


def _residual(x: Symbol, filters: int, *, strides: int) -> Symbol:
    y = Activation("relu")(_normal_convolution(x, filters, strides=strides))
    y = _normal_convolution(y, filters)
    shortcut = x if strides == 1 else _normal_convolution(x, filters, size=1, strides=strides)
    out: Symbol = Activation("relu")(Add()([y, shortcut]))
    return out


def _normal_convolution(x: Any, filters: int, *, size: int = 3, strides: int = 1) -> Any:
    y = Conv2D(filters, size, strides, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    return BatchNormalization()(y)
