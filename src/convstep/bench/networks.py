"""The networks that are measured, and how they are read so that other libraries can build the same ones with the same weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from convstep import models
from convstep.checks import Array
from convstep.checks.operations import paddings
from convstep.geometry import Axis
from convstep.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    Input,
    Layer,
    MaxPooling2D,
    ZeroPadding2D,
)
from convstep.models.graph import call_key

Sides = tuple[tuple[int, int], tuple[int, int]]
NO_PADDING: Sides = ((0, 0), (0, 0))


@dataclass(frozen=True)
class Network:
    """A network, the images and classes that it is measured with, and the batch of a training step."""

    make: Callable[..., Any]
    shape: tuple[int, int, int]
    classes: int
    batch: int
    loss: str = "sparse_categorical_crossentropy"

    def data(self, batch: int) -> tuple[Array, Array]:
        """Return random images and labels."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((batch, *self.shape)).astype(np.float32)
        labels = rng.integers(0, max(self.classes, 2), batch)
        return x, labels[:, None].astype(np.float32) if self.classes == 1 else labels


def resnet18(input_shape: tuple[int, int, int] = (224, 224, 3), classes: int = 1000) -> models.Model:
    """Return ResNet-18 as torchvision has it, with a softmax: 11,699,112 parameters, 9,600 of them not trainable.

    He, Zhang, Ren and Sun 2016, Deep residual learning for image recognition, table 1.
    """
    inputs = Input(input_shape)
    x = MaxPooling2D(3, 2)(ZeroPadding2D(1)(Activation("relu")(_normal(inputs, 64, 7, 2))))
    for filters in (64, 128, 256, 512):
        for block in range(2):
            strides = 2 if block == 0 and filters > 64 else 1
            y = _normal(Activation("relu")(_normal(x, filters, 3, strides)), filters, 3, 1)
            shortcut = x if strides == 1 else _normal(x, filters, 1, strides)
            x = Activation("relu")(Add()([y, shortcut]))
    return models.Model(inputs, Dense(classes, activation="softmax")(GlobalAveragePooling2D()(x)), name="resnet18")


def _normal(x: Any, filters: int, size: int, strides: int) -> Any:
    x = ZeroPadding2D(size // 2)(x) if size > 1 else x
    x = Conv2D(filters, size, strides, use_bias=False, kernel_initializer="he_normal")(x)
    return BatchNormalization(momentum=0.9, epsilon=1e-5)(x)


def network(name: str, *, quick: bool = False) -> Network:
    """Return a network by its name; the quick ones are small."""
    found = {
        "lenet5": Network(models.lenet5, (28, 28, 1), 10, 64),
        "signs": Network(models.signs, (64, 64, 3), 6, 64),
        "happy_house": Network(lambda shape, _classes: models.happy_house(shape), (64, 64, 3), 1, 16, "binary_crossentropy"),
        "vgg": Network(models.vgg, (32, 32, 3), 10, 64),
        "resnet18": Network(resnet18, (224, 224, 3), 1000, 16),
    }[name]
    if quick:
        return Network(found.make, (32, 32, 3) if name == "resnet18" else found.shape, found.classes, 2, found.loss)
    return found


@dataclass(frozen=True)
class Step:
    """A call of a layer: whose results it reads (0 is the input, i + 1 that of step i), and the shape of an image of the first of them.

    `padding` is that of the layer's window and of a ZeroPadding2D that was folded into it.
    """

    layer: Layer
    reads: tuple[int, ...]
    shape: tuple[int, ...]
    padding: Sides = NO_PADDING

    @property
    def kind(self) -> str:
        """The name of the layer's class."""
        return type(self.layer).__name__

    @property
    def activation(self) -> str:
        """The name of the layer's activation, "linear" for none."""
        return str(self.layer.get_config().get("activation") or "linear")


def walk(model: Any, *, fold: bool = True) -> list[Step]:
    """Return the calls of a model's layers, each after those that it needs.

    Folding makes zeros around images the padding of the convolution or pooling that reads them, as one writes it for other libraries. Zeros
    never win a maximum of numbers >= 0, which is what the networks here pool.
    """
    places = {call_key(symbol): (0, NO_PADDING) for symbol in model.inputs}
    found: list[Step] = []
    for node in model.graph.described:
        layer, (reads, zeros) = node.layer, zip(*(places[call_key(symbol)] for symbol in node.inputs), strict=True)
        if fold and isinstance(layer, ZeroPadding2D):
            places[call_key(node)] = (reads[0], layer.padding)
            continue
        shape = tuple(node.inputs[0].shape[1:])
        found.append(Step(layer, reads, shape, _added(zeros[0], _own_padding(layer, shape))))
        places[call_key(node)] = (len(found), NO_PADDING)
    return found


def dense_kernel(step: Step, steps: list[Step]) -> Array:
    """Return the weights (channels, units) of a Dense; after a Flatten for images whose channels come first."""
    kernel: Array = step.layer.parameter("kernel")
    before = steps[step.reads[0] - 1]
    if before.kind != "Flatten":
        return kernel
    return kernel.reshape(*before.shape, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)


def _own_padding(layer: Any, shape: tuple[int, ...]) -> Sides:
    window = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if window is None:
        return NO_PADDING
    both = paddings("bench", layer.padding)
    height, width = (Axis.padded_by(both[i], shape[i], window[i], stride=layer.strides[i]).pad for i in range(2))
    return height, width


def _added(one: Sides, other: Sides) -> Sides:
    height, width = ((a[0] + b[0], a[1] + b[1]) for a, b in zip(one, other, strict=True))
    return height, width
