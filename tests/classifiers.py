"""Small images, and networks for classifiers of scikit-learn to train."""

from typing import Any

import numpy as np

from convstep import layers
from convstep.checks import Array
from convstep.models import Model, Sequential


def small(seed: int = 0, classes: int = 3, shape: tuple[int, ...] = (8, 8)) -> tuple[Array, Array]:
    """Return images whose brightest part says their class."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(60) % classes)
    x = rng.random((60, *shape)) / 4
    for image, label in zip(x, y, strict=True):
        image[2 * label : 2 * label + 2] += 0.75
    return x, y


def weights_of(classifier: Any) -> list[bytes]:
    return [item.tobytes() for item in classifier.model_.get_weights()]


def single(input_shape: tuple[int, ...], _: int) -> Model:
    return Sequential([layers.Input(input_shape), layers.Flatten(), layers.Dense(1)])


def scores(input_shape: tuple[int, ...], classes: int) -> Model:
    return Sequential([layers.Input(input_shape), layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(classes)])


def unbuilt(_: tuple[int, ...], classes: int) -> Model:
    return Sequential([layers.Flatten(), layers.Dense(classes, activation="softmax"), layers.Reshape((classes,))])


def nested(input_shape: tuple[int, ...], classes: int) -> Model:
    return Sequential([layers.Input(input_shape), unbuilt_of(input_shape, classes)])


def unbuilt_of(input_shape: tuple[int, ...], classes: int) -> Model:
    return Sequential([layers.Input(input_shape), layers.Flatten(), layers.Dense(classes), layers.Softmax()])
