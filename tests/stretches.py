"""Models that train as programs and layer by layer, side by side."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from convstep import Input, Model, Sequential, engines, layers, models
from convstep import random as convstep_random
from convstep.checks import Array
from convstep.engines import current_engine
from convstep.models.stretches import Stretch

STEPS = 12


@contextlib.contextmanager
def without_programs() -> Iterator[None]:
    """On the same kernels, but layer by layer."""
    token = engines._current.set(replace(current_engine(), program=None))
    yield
    engines._current.reset(token)


def small() -> Model:
    return Sequential(
        [
            Input((9, 9, 2)), layers.Conv2D(5, 3, activation="relu"), layers.MaxPooling2D(2), layers.Dropout(0.3),
            layers.Conv2D(7, 2, padding="same", activation="tanh"), layers.Flatten(), layers.Dense(6, activation="relu"),
            layers.Dropout(0.5), layers.Dense(4, activation="sigmoid"), layers.Dense(3, activation="softmax"),
        ]
    )  # fmt: skip


def plain() -> Model:
    return Sequential(
        [
            Input((9, 9, 2)), layers.Conv2D(5, 3), layers.ReLU(), layers.AveragePooling2D(2), layers.Conv2D(4, 2, activation="tanh"),
            layers.Flatten(), layers.Dense(3, activation="softmax"),
        ]
    )  # fmt: skip


def normalized() -> Model:
    return models.happy_house((16, 16, 3))


class Batches:
    """Batches of a model's shapes; the seed alone decides."""

    def __init__(self, model: Model, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.shape, self.classes = model.input.shape[1:], model.output_shape[-1]

    def __call__(self, count: int = 4) -> tuple[Array, Array]:
        x = self.rng.standard_normal((count, *self.shape)).astype(np.float32)
        return x, self.rng.integers(0, max(self.classes, 2), count)


def ready(make: Callable[[], Model], optimizer: Any = "adam") -> Model:
    convstep_random.set_random_seed(7)
    model = make()
    model.compile(optimizer, "binary_crossentropy" if model.output_shape[-1] == 1 else "sparse_categorical_crossentropy")
    return model


def stretches_of(model: Model) -> list[Stretch]:
    chain = model._graph("test").chain
    return [] if chain is None else [piece for _, piece in chain._pieces if isinstance(piece, Stretch)]


def trust(model: Model) -> list[bool]:
    """Whether each stretch runs as programs both ways."""
    return [piece._takes[0].trusted and piece._takes[0].proved == {"there", "back"} for piece in stretches_of(model)]


Story = Callable[[Model, Batches], None]


def told(make: Callable[[], Model], story: Story, optimizer: Any = "adam") -> tuple[Model, list[Array]]:
    """What a story makes of a new model."""
    model = ready(make, optimizer)
    story(model, Batches(model))
    return model, model.get_weights()


def assert_no_difference(make: Callable[[], Model], story: Story, optimizer: Any = "adam") -> Model:
    """A story ends with the same bits with programs and without them."""
    model, got = told(make, story, optimizer)
    with without_programs():
        other, want = told(make, story, optimizer)
    assert not any(trust(other))
    for one, two in zip(got, want, strict=True):
        np.testing.assert_array_equal(one, two)
    return model


def steps(model: Model, batches: Batches, count: int = STEPS) -> None:
    for _ in range(count):
        model.train_on_batch(*batches())
