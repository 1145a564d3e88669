"""Layers that do the work of a neighbour give the very numbers of layers one by one, on either engine."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from convstep import layers, ops, use_engine
from convstep.checks import Array
from convstep.layers import Layer
from convstep.models.links import linked

ENGINES = ("numpy", *(("compiled",) if find_spec("numba") else ()))
CHAINS: dict[str, Callable[[], list[Layer]]] = {
    "sums, ReLU, pooling": lambda: [layers.Conv2D(5, 3), layers.ReLU(), layers.MaxPooling2D()],
    "ReLU by name": lambda: [layers.Conv2D(8, 3, use_bias=False), layers.Activation("relu"), layers.Conv2D(3, 2)],
    "an activation of its own": lambda: [
        layers.Conv2D(9, 2, activation="relu"),
        layers.MaxPooling2D(3, 2, padding="same"),
        layers.Flatten(),
    ],
    "normalized": lambda: [layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D(3, 1)],
    "two poolings": lambda: [layers.ReLU(), layers.MaxPooling2D(2, 1), layers.MaxPooling2D(2)],
    "two ReLUs": lambda: [layers.Conv2D(4, 3, activation="relu"), layers.ReLU(), layers.ReLU(), layers.MaxPooling2D(2, 3)],
    "dense": lambda: [layers.Flatten(), layers.Dense(7), layers.ReLU(), layers.Dense(3, activation="relu")],
    "leaks": lambda: [layers.Conv2D(4, 3), layers.ReLU(negative_slope=0.1), layers.MaxPooling2D(), layers.ReLU(max_value=1.0)],
    "other activations": lambda: [layers.Conv2D(4, 3, activation="tanh"), layers.ReLU(), layers.AveragePooling2D(), layers.ReLU()],
    "grouped": lambda: [layers.Conv2D(6, 3, groups=3), layers.ReLU(), layers.DepthwiseConv2D(3), layers.ReLU(), layers.MaxPooling2D(2, 1)],
}


def built(make: Callable[[], list[Layer]], x: Array) -> tuple[list[Layer], Array]:
    chain, shape = make(), x.shape
    rng = np.random.default_rng(3)
    for layer in chain:
        layer.ensure_built((None, *shape[1:]))
        for parameter in layer.parameters:
            parameter.value = np.abs(rng.standard_normal(parameter.value.shape)).astype(np.float32) - np.float32(0.4 * parameter.trainable)
        x = layer.forward(x, training=True)[0]
        shape = x.shape
    return chain, x


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("wild", [False, True], ids=["finite", "with NaN"])
@pytest.mark.parametrize("name", CHAINS)
def test_links_are_layers_one_by_one(name: str, wild: bool, engine: str) -> None:
    rng = np.random.default_rng(len(name))
    x = np.round(2 * rng.standard_normal((3, 9, 11, 3))).astype(np.float32) / 2  # full of ties
    if wild:
        x[1, 4, 5, 1] = np.nan
    with use_engine(engine):
        chain, y = built(CHAINS[name], x)
        dy = rng.standard_normal(y.shape).astype(np.float32)
        found = []
        for walked in (linked(chain), [link for layer in chain for link in linked([layer])]):
            here, caches = x, []
            for link in walked:
                here, cache = link.forward(here, training=True)
                caches.append(cache)
            there, gradients = dy, []
            for link, cache in zip(reversed(walked), reversed(caches), strict=True):
                there, some = link.backward(there, cache)
                gradients.append(dict(some))
            found.append((here, there, gradients))
    (y, dx, gradients), (want_y, want_dx, want) = found
    np.testing.assert_array_equal(y, want_y)
    np.testing.assert_array_equal(dx, want_dx)
    for got, those in zip(gradients, want, strict=True):
        assert got.keys() == those.keys()
        for word in got:
            np.testing.assert_array_equal(got[word], those[word], word)


def test_who_does_whose_work() -> None:
    def kinds(make: str) -> list[str]:
        words = ("floors", "idle", "through", "passed")
        return [" ".join(word for word in words if getattr(link, word)) for link in linked(CHAINS[make]())]

    assert kinds("sums, ReLU, pooling") == ["floors", "idle passed", "through"]
    assert kinds("an activation of its own") == ["passed", "through", ""]
    assert kinds("normalized") == ["", "floors", "idle passed", "through"]
    assert kinds("two poolings") == ["passed", "through", ""]
    assert kinds("leaks") == kinds("other activations") == ["", "", "", ""]


def test_who_does_something_else_than_his_class_is_left_alone() -> None:
    class Own:
        name = "linear"

        def forward(self, x: Array) -> tuple[Array, None]:
            return x + 1, None

        def backward(self, dy: Array, _cache: None) -> Array:
            return dy

    class Doubled(layers.ReLU):
        def forward(self, x: Array, **mode: Any) -> tuple[Array, Any]:
            return super().forward(2 * x, **mode)

    replaced = layers.Conv2D(2, 1)
    replaced.forward = lambda x, **_mode: (x, None)  # type: ignore[method-assign]
    for one, other in (
        (layers.Dense(1, activation=Own()), layers.ReLU()), (replaced, layers.ReLU()), (layers.Conv2D(2, 1), Doubled()),
        (Doubled(), layers.MaxPooling2D()),
    ):  # fmt: skip
        assert not any(any(link.part) for link in linked([one, other]))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_floor_is_relu_in_the_same_pass(engine: str) -> None:
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(shape) for shape in ((2, 7, 8, 3), (3, 3, 3, 5), (5,)))
    with use_engine(engine):
        np.testing.assert_array_equal(ops.conv2d(x, w, b, floor=True), ops.relu(ops.conv2d(x, w, b)))
        np.testing.assert_array_equal(ops.dense(x, w[0, 0], b, floor=True), ops.relu(ops.dense(x, w[0, 0], b)))
        for ties in ("first", "all"):
            y = ops.relu(x - 1)
            dy = rng.standard_normal(ops.max_pool2d(y, 3, strides=2).shape)
            dx = ops.max_pool2d_backward(dy, y, 3, strides=2, ties=ties)
            got = ops.max_pool2d_backward(dy, y, 3, strides=2, ties=ties, floor=True)
            np.testing.assert_array_equal(got, ops.relu_backward(dx, x - 1))
            assert not np.array_equal(got, dx)
