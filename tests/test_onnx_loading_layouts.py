"""How many transpositions remain in the blocks of known networks, and which layers of ours they become."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.onnx_graphs import file, node, normal, same

Block = tuple[list[Any], dict[str, Any], list[int | str]]
RNG = np.random.default_rng(11)


def norms(*names: str, channels: int) -> dict[str, Any]:
    """Return the weights of batch normalizations."""
    return {f"{name}{part}": np.abs(normal(RNG, channels)) + np.float32(0.3) for name in names for part in "scmv"}


def norm(name: str, before: str, after: str) -> Any:
    """Return a batch normalization."""
    return node("BatchNormalization", f"{before} {' '.join(name + part for part in 'scmv')}", after)


def lenet() -> Block:
    """Return LeNet on digits."""
    nodes = [
        node("Conv", "x a b", "1"), node("Tanh", "1", "2"), node("AveragePool", "2", "3", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "3 c d", "4"), node("Tanh", "4", "5"), node("AveragePool", "5", "6", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", "6", "7"), node("Gemm", "7 e f", "8", transB=1), node("Tanh", "8", "9"), node("Gemm", "9 g h", "10", transB=1),
        node("Softmax", "10", "y", axis=1),
    ]  # fmt: skip
    shapes = {"a": (6, 1, 5, 5), "b": (6,), "c": (16, 6, 5, 5), "d": (16,), "e": (84, 256), "f": (84,), "g": (10, 84), "h": (10,)}
    return nodes, {name: normal(RNG, *shape) / np.float32(4) for name, shape in shapes.items()}, ["n", 1, 28, 28]


def resnet() -> Block:
    """Return two blocks with a shortcut, and what classifies."""
    nodes = [
        node("Conv", "x a", "1", pads=[1] * 4), norm("p", "1", "2"), node("Relu", "2", "3"), node("Conv", "3 b", "4", pads=[1] * 4),
        norm("q", "4", "5"), node("Add", "5 3", "6"), node("Relu", "6", "7"), node("Conv", "7 c", "8", strides=[2, 2]),
        node("Conv", "7 d", "9", strides=[2, 2], pads=[1] * 4), norm("r", "8", "10"), norm("s", "9", "11"), node("Add", "10 11", "12"),
        node("Relu", "12", "13"), node("GlobalAveragePool", "13", "14"), node("Flatten", "14", "15"), node("Gemm", "15 e", "y"),
    ]  # fmt: skip
    shapes = {"a": (8, 3, 3, 3), "b": (8, 8, 3, 3), "c": (8, 8, 1, 1), "d": (8, 8, 3, 3), "e": (8, 5)}
    weights = {name: normal(RNG, *shape) / np.float32(4) for name, shape in shapes.items()}
    return nodes, {**weights, **norms("p", "q", "r", "s", channels=8)}, ["n", 3, 12, 12]


def shufflenet() -> Block:
    """Return a unit with groups and channels that are shuffled."""
    nodes = [
        node("Conv", "x a", "1", group=2), norm("p", "1", "2"), node("Relu", "2", "3"), node("Reshape", "3 apart", "4"),
        node("Transpose", "4", "5", perm=[0, 2, 1, 3, 4]), node("Reshape", "5 back", "6"), node("Conv", "6 b", "7", group=8, pads=[1] * 4),
        norm("q", "7", "8"), node("Conv", "8 c", "9", group=2), node("Add", "9 x", "10"), node("Relu", "10", "11"),
        node("AveragePool", "11", "12", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4), node("Concat", "12 12", "13", axis=1),
        node("ReduceMean", "13", "14", axes=[2, 3], keepdims=0), node("MatMul", "14 d", "15"), node("Add", "15 e", "y"),
    ]  # fmt: skip
    shapes = {"a": (8, 4, 1, 1), "b": (8, 1, 3, 3), "c": (8, 4, 1, 1), "d": (16, 5), "e": (5,)}
    weights = {name: normal(RNG, *shape) / np.float32(2) for name, shape in shapes.items()}
    return (
        nodes,
        {**weights, **norms("p", "q", channels=8), "apart": np.array([0, 2, 4, 10, 10]), "back": np.array([0, 8, 10, 10])},
        ["n", 8, 10, 10],
    )


def inception() -> Block:
    """Return a module of four branches, with local response normalization before it."""
    nodes = [
        node("LRN", "x", "0", size=5), node("Conv", "0 a", "1"), node("Conv", "0 b", "2", pads=[1] * 4),
        node("MaxPool", "0", "3", kernel_shape=[3, 3], pads=[1] * 4), node("Conv", "3 a", "4"), node("Concat", "1 2 4", "5", axis=1),
        node("GlobalMaxPool", "5", "6"), node("Squeeze", "6 k", "7"), node("Gemm", "7 d", "y"),
    ]  # fmt: skip
    weights = {"a": normal(RNG, 4, 4, 1, 1), "b": normal(RNG, 4, 4, 3, 3), "d": normal(RNG, 12, 3), "k": np.array([2, 3])}
    return nodes, weights, ["n", 4, 9, 9]


def unet() -> Block:
    """Return two levels, up and down, on images of any size; the output is an image."""
    nodes = [
        node("Conv", "x a", "1", pads=[1] * 4), node("Relu", "1", "2"), node("MaxPool", "2", "3", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "3 b", "4", pads=[1] * 4), node("Relu", "4", "5"), node("ConvTranspose", "5 c", "6", strides=[2, 2]),
        node("Concat", "6 2", "7", axis=1), node("Conv", "7 d", "8"), node("Sigmoid", "8", "y"),
    ]  # fmt: skip
    shapes = {"a": (4, 3, 3, 3), "b": (8, 4, 3, 3), "c": (8, 4, 2, 2), "d": (2, 8, 1, 1)}
    return nodes, {name: normal(RNG, *shape) for name, shape in shapes.items()}, ["n", 3, "h", "w"]


@pytest.mark.parametrize(("block", "left"), [(lenet, 0), (resnet, 1), (shufflenet, 2), (inception, 1), (unet, 2)])
@pytest.mark.parametrize("fold", [False, True])
def test_only_inputs_outputs_that_are_images_and_the_shuffle_itself_are_transposed(
    block: Callable[[], Block], left: int, *, fold: bool
) -> None:
    nodes, weights, sizes = block()
    x = normal(RNG, 2, *(12 if isinstance(size, str) else size for size in sizes[1:]))
    model = same(file(nodes, {"x": sizes}, weights), {"x": x}, fold=fold)
    assert model.transposes == left
    assert not set(model.operators) - {"LRN"}
