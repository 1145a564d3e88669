"""What would be wrong if a layer were changed that others read, or a batch cut where its samples meet."""

from typing import Any

import numpy as np
import pytest
from tests.onnx_graphs import file, node, normal, same

from convstep.errors import ArgumentTypeError, ShapeError
from convstep.interop import onnx as interop

RNG = np.random.default_rng(29)
MEETING: dict[str, tuple[list[Any], int]] = {
    "softmax along the first axis": ([node("Softmax", "x", "y", axis=0)], 17),
    "softmax along the last but one": ([node("Softmax", "x", "y", axis=-2)], 17),
    "log softmax along the first axis": ([node("LogSoftmax", "x", "y", axis=0)], 17),
    "softmax between two transpositions": (
        [node("Transpose", "x", "1", perm=[1, 0]), node("Softmax", "1", "2", axis=1), node("Transpose", "2", "y", perm=[1, 0])],
        17,
    ),
    "old softmax between two transpositions": (
        [node("Transpose", "x", "1", perm=[1, 0]), node("Softmax", "1", "2"), node("Transpose", "2", "y", perm=[1, 0])],
        11,
    ),
    "a transposition": ([node("Transpose", "x", "y", perm=[1, 0])], 17),
    "one softmax over everything": ([node("Softmax", "x", "y", axis=0)], 11),
}


@pytest.mark.parametrize("name", MEETING)
def test_samples_that_meet_are_not_cut_apart(name: str) -> None:
    nodes, opset = MEETING[name]
    same(file(nodes, {"x": ("N", 3)}, {}, opset=opset), {"x": normal(RNG, 150, 3)})


def test_inputs_of_other_lengths_are_taken_whole() -> None:
    nodes = [node("Relu", "x", "1"), node("Sigmoid", "b", "2")]
    given = {"x": normal(RNG, 70, 3), "b": normal(RNG, 130, 3)}
    same(file(nodes, {"x": ("N", 3), "b": ("K", 3)}, {}, ["1", "2"]), given)


def test_a_length_that_is_another_axis_too_is_not_cut() -> None:
    given = {"x": normal(RNG, 70, 70)}
    same(file([node("Relu", "x", "y")], {"x": ("N", "N")}, {}), given)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000, None])
def test_the_size_of_parts_changes_nothing(batch_size: int | None) -> None:
    weights = {"w": normal(RNG, 4, 3, 3, 3), "v": normal(RNG, 64, 5)}
    nodes = [node("Conv", "x w", "1"), node("Flatten", "1", "2"), node("MatMul", "2 v", "3"), node("Softmax", "3", "y", axis=1)]
    model = interop.load(file(nodes, {"x": ("N", 3, 6, 6)}, weights))
    x = normal(RNG, 70, 3, 6, 6)
    np.testing.assert_allclose(model.predict(x, batch_size=batch_size), model.predict(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("wrong", [0, -3, 2.5, "8"])
def test_parts_are_of_a_whole_number_of_samples(wrong: Any) -> None:
    model = interop.load(file([node("Relu", "x", "y")], {"x": ("N", 3)}, {}))
    with pytest.raises((ShapeError, ArgumentTypeError), match=r"^predict: batch_size must be "):
        model.predict(normal(RNG, 2, 3), batch_size=wrong)


# --- softmax of old files ---


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax", "Hardmax"])
@pytest.mark.parametrize("options", [{}, {"axis": 1}, {"axis": 2}, {"axis": 3}])
@pytest.mark.parametrize("opset", [9, 11, 13])
def test_softmax_of_images_goes_along_the_axes_that_its_opset_says(kind: str, options: dict[str, int], opset: int) -> None:
    nodes = [node("Conv", "x w", "1"), node(kind, "1", "2", **options), node("Relu", "2", "y")]
    same(file(nodes, {"x": ("N", 3, 5, 4)}, {"w": normal(RNG, 4, 3, 1, 1)}, opset=opset), {"x": normal(RNG, 2, 3, 5, 4)})


# --- layers that several nodes read ---


def norm(before: str, after: str) -> Any:
    """Return a batch normalization."""
    return node("BatchNormalization", f"{before} s c m v", after)


def weights(channels: int = 4, **others: Any) -> dict[str, Any]:
    """Return filters, the weights of a batch normalization, and others."""
    stats = {name: np.abs(normal(RNG, channels)) + np.float32(0.3) for name in "scmv"}
    return {"w": normal(RNG, 4, 3, 1, 1), "three": np.array([3], np.float32), **stats, **others}


ALIASES: dict[str, Any] = {
    "Identity": node("Identity", "a", "b"),
    "Dropout": node("Dropout", "a", "b"),
    "Sum": node("Sum", "a", "b"),
    "Max": node("Max", "a", "b"),
    "Mean": node("Mean", "a", "b"),
    "Transpose": node("Transpose", "a", "b", perm=[0, 1, 3, 2]),
}
BEFORE: dict[str, list[Any]] = {
    "normalized": [node("Conv", "x w", "0"), norm("0", "a")],
    "convolved": [node("Conv", "x w", "a")],
    "shifted": [node("Conv", "x w", "0"), norm("0", "1"), node("Add", "1 three", "a")],
}
AFTER: dict[str, Any] = {
    "scaled": node("Mul", "b three", "o"),
    "shifted": node("Add", "b three", "o"),
    "normalized": norm("b", "o"),
}


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("alias", ALIASES)
def test_a_layer_that_is_read_under_two_names_stays_what_it_is(alias: str, before: str, after: str, *, fold: bool) -> None:
    nodes = [*BEFORE[before], ALIASES[alias], AFTER[after], node("Relu", "a", "p")]
    given = {"x": normal(RNG, 2, 3, 5, 5)}
    same(file(nodes, {"x": ("N", 3, 5, 5)}, weights(), ["o", "p"]), given, fold=fold)


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("output", ["a", "b"])
def test_an_output_reads_its_layer_too(alias: str, output: str, *, fold: bool) -> None:
    nodes = [*BEFORE["normalized"], ALIASES[alias], AFTER["scaled"]]
    same(file(nodes, {"x": ("N", 3, 5, 5)}, weights(), ["o", output]), {"x": normal(RNG, 2, 3, 5, 5)}, fold=fold)


@pytest.mark.parametrize(("fold", "left"), [(False, ["Conv2D", "BatchNormalization"]), (True, ["Conv2D", "Rescaling"])])
def test_names_that_only_one_node_reads_are_no_hindrance(left: list[str], *, fold: bool) -> None:
    nodes = [*BEFORE["normalized"], ALIASES["Identity"], AFTER["scaled"]]
    model = same(file(nodes, {"x": ("N", 3, 5, 5)}, weights()), {"x": normal(RNG, 2, 3, 5, 5)}, fold=fold)
    assert [type(layer).__name__ for layer in model.layers if type(layer).__name__ not in {"InputLayer", "Permute"}] == left


def test_a_dense_layer_that_others_read_gets_no_bias() -> None:
    nodes = [node("MatMul", "x w", "a"), node("Identity", "a", "b"), node("Add", "b c", "o"), node("Relu", "a", "p")]
    given = {"w": normal(RNG, 3, 4), "c": normal(RNG, 4)}
    same(file(nodes, {"x": ("N", 3)}, given, ["o", "p"]), {"x": normal(RNG, 2, 3)})


# --- normalization of other axes ---


@pytest.mark.parametrize("fold", [False, True])
def test_normalization_of_an_axis_that_holds_no_filters_is_not_folded(*, fold: bool) -> None:
    turned = [node("Conv", "x w", "0"), node("Transpose", "0", "1", perm=[0, 2, 3, 1]), norm("1", "y")]
    same(file(turned, {"x": ("N", 3, 4, 5)}, weights()), {"x": normal(RNG, 2, 3, 4, 5)}, fold=fold)
    matrices = [node("MatMul", "x k", "0"), node("Add", "0 b", "1"), norm("1", "y")]
    given = weights(k=normal(RNG, 5, 4), b=normal(RNG, 4))
    same(file(matrices, {"x": ("N", 4, 5)}, given), {"x": normal(RNG, 2, 4, 5)}, fold=fold)


# --- numbers that are none ---


@pytest.mark.parametrize("c", [np.array([np.nan, np.inf], np.float32), np.float32(np.nan)])
@pytest.mark.parametrize("transposed", [0, 1])
def test_a_bias_that_counts_for_nothing_may_hold_anything(c: Any, transposed: int) -> None:
    nodes = [node("Gemm", "x w c", "y", beta=0.0, transA=transposed)]
    same(file(nodes, {"x": (2, 2)}, {"w": normal(RNG, 2, 2), "c": c}), {"x": normal(RNG, 2, 2)})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("names", ["x", "x lo", "x - hi", "x lo hi", "x less"])
def test_a_bound_that_is_missing_is_that_of_the_type(names: str, dtype: Any) -> None:
    x = np.array([[np.inf, -np.inf, np.nan, 1, -1]], dtype)
    bounds = {name: dtype(value) for name, value in (("lo", 0), ("hi", 1), ("less", -2)) if name in names.split()}
    same(file([node("Clip", names, "y")], {"x": ((1, 5), dtype)}, bounds, opset=13), {"x": x})


@pytest.mark.parametrize("options", [{}, {"min": 0.0}, {"max": 1.0}, {"min": 0.0, "max": 6.0}])
def test_a_bound_that_an_old_file_lacks_is_that_of_the_type(options: dict[str, float]) -> None:
    x = np.array([[np.inf, -np.inf, np.nan, 1, -1]], np.float32)
    same(file([node("Clip", "x", "y", **options)], {"x": (1, 5)}, {}, opset=9), {"x": x})
