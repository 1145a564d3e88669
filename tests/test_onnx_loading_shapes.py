"""Operators that combine, move or reshape arrays once images lie with channels last, against onnxruntime: numbers and transpositions."""

from typing import Any

import numpy as np
import pytest
from tests.onnx_graphs import Shape, file, node, normal, same

from convstep.checks import Array
from convstep.layers import Permute

C, H, W = 4, 5, 6
SHAPES: dict[str, tuple[int, ...]] = {
    "scalar": (), "one": (1,), "W": (W,), "H,W": (H, W), "H,1": (H, 1), "C,1,1": (C, 1, 1), "1,C,1,1": (1, C, 1, 1), "C,H,W": (C, H, W),
    "1,1,1,W": (1, 1, 1, W), "1,1,1,1": (1, 1, 1, 1), "2,1,1,1": (2, 1, 1, 1), "2,C,H,W": (2, C, H, W),
}  # fmt: skip


def ints(*numbers: int) -> Array:
    """Return lengths, axes or places."""
    return np.array(numbers)


def floats(*numbers: float) -> Array:
    """Return scales."""
    return np.array(numbers, np.float32)


def around(nodes: list[Any], weights: dict[str, Any] | None = None, *, fixed: bool = True, **options: Any) -> Any:
    """Return a file in which a convolution makes `a` of x, and one makes y of `b` where the nodes make that."""
    rng = np.random.default_rng(3)
    first = node("Conv", "x w_first", "a", pads=[1, 1, 1, 1])
    sizes = [C, H, W] if fixed else [C, "h", "w"]
    filters = {"w_first": normal(rng, C, C, 3, 3), **(weights or {})}
    return file([first, *nodes], {"x": ["n", *sizes]}, filters, **options)


def images(seed: int = 5) -> dict[str, Array]:
    """Return x."""
    return {"x": normal(np.random.default_rng(seed), 2, C, H, W)}


@pytest.mark.parametrize("kind", ["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "PRelu"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("first", [False, True])
def test_a_constant_on_either_side_is_repeated_as_in_onnx(kind: str, shape: str, *, first: bool) -> None:
    if kind in {"Pow", "PRelu"} and first:
        pytest.skip("the base and the input are images")
    rng = np.random.default_rng(1)
    array = np.abs(normal(rng, *SHAPES[shape])) + np.float32(0.5)
    nodes = [node("Abs", "a", "b"), node(kind, "k b" if first else "b k", "c"), node("Relu", "c", "y")]
    model = same(around(nodes, {"k": array}), images())
    assert model.transposes == 2  # of the input and of the output


@pytest.mark.parametrize("kind", ["Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean"])
@pytest.mark.parametrize("shape", [(), (1,), (7,), (1, 7), (3, 1), (3, 7)])
def test_constants_meet_rows_of_features_as_in_onnx(kind: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    for inputs in ("x k", "k x"):
        array = np.abs(normal(rng, *shape)) + np.float32(0.5)
        x = np.abs(normal(rng, 3, 7)) + np.float32(0.5)
        model = same(file([node(kind, inputs, "y")], {"x": ["n", 7]}, {"k": array}), {"x": x})
        assert model.transposes == 0


@pytest.mark.parametrize("kind", ["Add", "Mul", "Sub", "Div", "Max", "Min", "Sum", "Mean", "Equal", "Less", "GreaterOrEqual"])
@pytest.mark.parametrize(
    "shape", [["n", C, H, W], ["n", C, 1, 1], ["n", 1, H, W], [1, C, H, W], [C, H, W], [1, 1], ["n", C, "h", "w"], [1, 1, 1, W]]
)
def test_two_inputs_are_repeated_as_in_onnx(kind: str, shape: list[Any]) -> None:
    rng = np.random.default_rng(4)
    sizes = [{"n": 2, "h": H, "w": W}.get(size, size) for size in shape]
    other = np.abs(normal(rng, *sizes)) + np.float32(0.5)
    proto = file([node("Conv", "x w", "a"), node(kind, "a z", "y")], {"x": ["n", C, H, W], "z": shape}, {"w": normal(rng, C, C, 1, 1)})
    same(proto, {**images(), "z": other})


ALONG: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "concat": ([node("Concat", "a x a", "b", axis=1)], {}),
    "concat of rows": ([node("Concat", "a a", "b", axis=2)], {}),
    "concat from behind": ([node("Concat", "a a", "b", axis=-1)], {}),
    "concat of a batch": ([node("Concat", "a a", "b", axis=0)], {}),
    "concat with a constant": ([node("Concat", "a k", "b", axis=2)], {"k": np.ones((2, C, 2, W), np.float32)}),
    "softmax over channels": ([node("Softmax", "a", "b", axis=1)], {}),
    "softmax over rows": ([node("Softmax", "a", "b", axis=2)], {}),
    "softmax over columns": ([node("Softmax", "a", "b", axis=-1)], {}),
    "softmax over the batch": ([node("Softmax", "a", "b", axis=0)], {}),
    "log softmax": ([node("LogSoftmax", "a", "b", axis=1)], {}),
    "mean of images": ([node("ReduceMean", "a", "b", axes=[2, 3])], {}),
    "mean of channels": ([node("ReduceMean", "a", "b", axes=[1])], {}),
    "mean of all": ([node("ReduceMean", "a", "b")], {}),
    "largest of rows": ([node("ReduceMax", "a", "b", axes=[-2])], {}),
    "sum of two axes": ([node("ReduceSum", "a k", "b")], {"k": ints(1, 3)}),
    "norm": ([node("ReduceL2", "a", "b", axes=[1])], {}),
    "slice of channels": ([node("Slice", "a f t k", "b")], {"f": ints(1), "t": ints(3), "k": ints(1)}),
    "slice with steps": ([node("Slice", "a f t k s", "b")], {"f": ints(4, 0), "t": ints(-99, 99), "k": ints(2, -1), "s": ints(-2, 2)}),
    "slice without axes": ([node("Slice", "a f t", "b")], {"f": ints(0, 1), "t": ints(2, 9)}),
    "gather of channels": ([node("Gather", "a k", "b", axis=1)], {"k": ints(3, 0, -1)}),
    "split": ([node("Split", "a", "p q", axis=1), node("Concat", "q p", "b", axis=1)], {}),
    "split unevenly": ([node("Split", "a k", "p q", axis=1), node("Concat", "q p", "b", axis=1)], {"k": ints(1, 3)}),
    "split of rows": ([node("Split", "a k", "p q", axis=2), node("Concat", "q p", "b", axis=2)], {"k": ints(2, 3)}),
    "zeros around": ([node("Pad", "a k", "b")], {"k": ints(0, 0, 1, 2, 0, 0, 3, 0)}),
    "ones around": ([node("Pad", "a k v", "b")], {"k": ints(0, 0, 1, 2, 0, 0, 3, 0), "v": np.float32(1)}),
    "channels around": ([node("Pad", "a k", "b")], {"k": ints(0, 1, 0, 0, 0, 2, 0, 0)}),
    "reflected": ([node("Pad", "a k", "b", mode="reflect")], {"k": ints(0, 0, 1, 2, 0, 0, 3, 0)}),
    "edges": ([node("Pad", "a k", "b", mode="edge")], {"k": ints(0, 0, 1, 2, 0, 0, 3, 0)}),
    "cut off": ([node("Pad", "a k", "b")], {"k": ints(0, 0, -1, 0, 0, 0, 0, -1)}),
    "where": ([node("Greater", "a x", "g"), node("Where", "g a k", "b")], {"k": np.float32(7)}),
    "clipped": ([node("Clip", "a l m", "b")], {"l": np.float32(-0.5), "m": np.float32(0.5)}),
    "cast": ([node("Cast", "a", "i", to=6), node("Cast", "i", "b", to=1)], {}),
    "expanded": ([node("ReduceMean", "a", "r", axes=[2, 3]), node("Expand", "r k", "b")], {"k": ints(2, C, H, W)}),
    "tiled": ([node("Tile", "a k", "b")], {"k": ints(1, 2, 1, 3)}),
    "depth to space": ([node("DepthToSpace", "a", "b", blocksize=2)], {}),
    "depth to space, columns first": ([node("DepthToSpace", "a", "b", blocksize=2, mode="CRD")], {}),
    "argmax": ([node("ArgMax", "a", "b", axis=1)], {}),
    "normalized by itself": ([node("InstanceNormalization", "a s c", "b")], {"s": floats(0, 1, 2, 3), "c": floats(1, 1, 1, 1)}),
    "local response": ([node("LRN", "a", "b", size=3)], {}),
    "twice as large": ([node("Resize", "a - k", "b", coordinate_transformation_mode="asymmetric", nearest_mode="floor")],
                       {"k": floats(1, 1, 2, 2)}),
    "linear": ([node("Resize", "a - k", "b", mode="linear")], {"k": floats(1, 1, 2, 2)}),
    "linear and half": ([node("Resize", "a - k", "b", mode="linear")], {"k": floats(1, 1, 1.5, 0.5)}),
    "to a size": ([node("Resize", "a - - k", "b", mode="linear", coordinate_transformation_mode="align_corners")],
                  {"k": ints(2, C, 9, 11)}),
    "cubic": ([node("Resize", "a - k", "b", mode="cubic")], {"k": floats(1, 1, 2, 3)}),
    "squeezed": ([node("ReduceMean", "a", "r", axes=[2]), node("Squeeze", "r k", "b")], {"k": ints(2)}),
    "unsqueezed": ([node("Unsqueeze", "a k", "b")], {"k": ints(2)}),
    "transposed": ([node("Transpose", "a", "b", perm=[0, 3, 1, 2])], {}),
    "transposed with the batch": ([node("Transpose", "a", "b", perm=[1, 0, 3, 2])], {}),
    "reshaped": ([node("Reshape", "a k", "b")], {"k": ints(0, 2, -1, W)}),
    "reshaped across": ([node("Reshape", "a k", "b")], {"k": ints(0, H, C, W)}),
    "reshaped with the batch": ([node("Reshape", "a k", "b")], {"k": ints(-1, W)}),
    "flattened": ([node("Flatten", "a", "b")], {}),
    "flattened late": ([node("Flatten", "a", "b", axis=2)], {}),
    "flattened first": ([node("Flatten", "a", "b", axis=0)], {}),
    "the shape": ([node("Shape", "a", "b")], {}),
    "a part of the shape": ([node("Shape", "a", "b", start=1, end=-1)], {}),
    "matrices": ([node("MatMul", "a k", "b")], {"k": np.ones((W, 3), np.float32)}),
    "matrices before": ([node("MatMul", "k a", "b")], {"k": np.ones((3, H), np.float32)}),
    "layers normalized": ([node("LayerNormalization", "a s", "b", axis=-1)], {"s": np.ones(W, np.float32)}),
}  # fmt: skip


@pytest.mark.parametrize("case", ALONG)
@pytest.mark.parametrize("fixed", [True, False])
def test_what_follows_a_convolution_is_onnxruntimes(case: str, *, fixed: bool) -> None:
    nodes, weights = ALONG[case]
    for last in ("file", "layers"):
        proto = around([*nodes, node("Identity", "b", "y")] if last == "file" else [*nodes, node("Mul", "b b", "y")], weights, fixed=fixed)
        same(proto, images())


KEPT = (
    "concat", "concat of rows", "concat from behind", "softmax over channels", "softmax over rows", "log softmax", "mean of images",
    "mean of channels", "largest of rows", "sum of two axes", "norm", "slice of channels", "slice with steps", "split", "split unevenly",
    "split of rows", "zeros around", "ones around", "channels around", "reflected", "edges", "cut off", "where", "clipped", "cast",
    "twice as large", "linear", "linear and half", "cubic",
)  # fmt: skip


@pytest.mark.parametrize("case", KEPT)
@pytest.mark.parametrize("fixed", [True, False])
def test_nothing_is_transposed_between_convolutions(case: str, *, fixed: bool) -> None:
    nodes, weights = ALONG[case]
    channels = {
        "concat": 3 * C,
        "mean of channels": 1,
        "norm": 1,
        "sum of two axes": 1,
        "slice of channels": 2,
        "channels around": C + 3,
    }.get(case, C)
    last = node("Conv", "b w_last", "y")
    proto = around([*nodes, last], {**weights, "w_last": normal(np.random.default_rng(0), 2, channels, 1, 1)}, fixed=fixed)
    assert same(proto, images()).transposes == (1 if case == "mean of images" else 2)  # a pixel is not transposed


@pytest.mark.parametrize("way", ["Flatten", "Reshape", "Reshape of a shape", "Squeeze", "ReduceMean"])
@pytest.mark.parametrize("dense", ["Gemm", "Gemm transposed", "Gemm without bias", "Gemm scaled", "MatMul", "MatMul and Add"])
def test_a_dense_layer_after_flattening_needs_no_transposition(way: str, dense: str) -> None:
    rng = np.random.default_rng(0)
    features = C if way in {"Squeeze", "ReduceMean"} else C * H * W
    nodes: list[Any] = {
        "Flatten": [node("Flatten", "a", "f")],
        "Reshape": [node("Reshape", "a k", "f")],
        "Reshape of a shape": [
            node("Shape", "a", "s"), node("Gather", "s zero", "m", axis=0), node("Unsqueeze", "m k", "u"),
            node("Concat", "u minus", "t", axis=0), node("Reshape", "a t", "f"),
        ],
        "Squeeze": [node("GlobalAveragePool", "a", "g"), node("Squeeze", "g k", "f")],
        "ReduceMean": [node("ReduceMean", "a", "f", axes=[2, 3], keepdims=0)],
    }[way]  # fmt: skip
    weights: dict[str, Any] = {
        "k": {"Reshape": ints(0, -1), "Squeeze": ints(2, 3)}.get(way, ints(0)),
        "zero": np.array(0),
        "minus": ints(-1),
    }
    kernel, weights["c"] = normal(rng, features, 3), normal(rng, 3)
    weights["w"] = kernel.T.copy() if dense == "Gemm transposed" else kernel
    nodes += {
        "Gemm": [node("Gemm", "f w c", "y")],
        "Gemm transposed": [node("Gemm", "f w c", "y", transB=1)],
        "Gemm without bias": [node("Gemm", "f w", "y")],
        "Gemm scaled": [node("Gemm", "f w c", "y", alpha=0.5, beta=2.0)],
        "MatMul": [node("MatMul", "f w", "y")],
        "MatMul and Add": [node("MatMul", "f w", "p"), node("Add", "p c", "y")],
    }[dense]
    model = same(around(nodes, weights), images())
    assert model.transposes == 1  # of the input
    assert not model.operators


@pytest.mark.parametrize(
    "more", [{"transA": 1}, {"c": (2, 1)}, {"c": (2, 3)}, {"c": (1, 3)}, {"c": (1,)}, {"c": ()}, {"beta": 0.0}, {"alpha": -2.0}]
)
def test_a_product_of_matrices_is_onnxruntimes(more: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    shape = more.get("c", (3,))
    weights = {"w": normal(rng, 5, 3), "c": normal(rng, *shape)}
    x = normal(rng, 5, 2) if "transA" in more else normal(rng, 2, 5)
    proto = file([node("Gemm", "x w c", "y", **{name: item for name, item in more.items() if name != "c"})], {"x": list(x.shape)}, weights)
    same(proto, {"x": x})


def test_a_network_with_channels_last_loses_its_transposes() -> None:
    rng = np.random.default_rng(0)
    weights = {"w": normal(rng, 4, 3, 3, 3), "v": normal(rng, 5, 4, 3, 3), "b": normal(rng, 4), "d": normal(rng, 5 * 16, 7)}
    weights["k"] = ints(-1, 5 * 16)
    nodes = [
        node("Transpose", "x", "x1", perm=[0, 3, 1, 2]), node("Conv", "x1 w", "a1", auto_pad="SAME_UPPER"),
        node("Transpose", "a1", "a", perm=[0, 2, 3, 1]),
        node("Add", "a b", "a2"), node("Relu", "a2", "r"), node("Transpose", "r", "r1", perm=[0, 3, 1, 2]),
        node("MaxPool", "r1", "p1", kernel_shape=[2, 2], strides=[2, 2]), node("Transpose", "p1", "p", perm=[0, 2, 3, 1]),
        node("Transpose", "p", "p2", perm=[0, 3, 1, 2]), node("Conv", "p2 v", "q1", pads=[1, 1, 1, 1]),
        node("Transpose", "q1", "q", perm=[0, 2, 3, 1]),
        node("Reshape", "q k", "f"), node("MatMul", "f d", "y"),
    ]  # fmt: skip
    proto = file(nodes, {"x": ["n", 8, 8, 3]}, weights)
    model = same(proto, {"x": normal(rng, 2, 8, 8, 3)})
    assert model.transposes == 0
    assert not model.operators
    assert not any(isinstance(layer, Permute) for layer in model.layers)


def test_float64_stays_float64() -> None:
    rng = np.random.default_rng(0)
    nodes = [node("Gemm", "x w", "a"), node("Relu", "a", "b"), node("Add", "b k", "y")]
    shape: Shape = ["n", 5]
    proto = file(nodes, {"x": (shape, np.float64)}, {"w": rng.standard_normal((5, 4)), "k": np.float64(0.1)})
    same(proto, {"x": rng.standard_normal((2, 5))}, tolerance=1e-12)


def test_half_precision_is_computed() -> None:
    rng = np.random.default_rng(0)
    shape: Shape = ["n", 3, 6, 6]
    half = {"w": normal(rng, 4, 3, 3, 3).astype(np.float16)}
    proto = file([node("Conv", "x w", "a"), node("Relu", "a", "y")], {"x": (shape, np.float16)}, half)
    same(proto, {"x": normal(rng, 2, 3, 6, 6).astype(np.float16)}, tolerance=2e-3)
