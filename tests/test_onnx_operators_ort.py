"""Every operator with drawn attributes against onnxruntime, the oracle: `onnx.reference` is wrong in places."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
from tests.onnx_nodes import ours, theirs

from convstep.checks import Array
from convstep.errors import DataError

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

Draw: TypeAlias = np.random.Generator
Case: TypeAlias = tuple[list[Array | None], dict[str, Any], dict[str, int]]


def floats(rng: Draw, *shape: int) -> Array:
    return rng.standard_normal(shape).astype(np.float32)


def some(rng: Draw, *choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


def row(rng: Draw, count: int, low: int, high: int) -> list[int]:
    return [int(n) for n in rng.integers(low, high, count)]


def windowed(rng: Draw, rank: int, kernel: list[int], *, dilations: bool = True) -> dict[str, Any]:
    """Draw the attributes of a window."""
    attributes: dict[str, Any] = {"strides": row(rng, rank, 1, 4)}
    if dilations and rng.random() < 0.5:
        attributes["dilations"] = row(rng, rank, 1, 3)
    padding = some(rng, "none", "pads", "pads", "SAME_UPPER", "SAME_LOWER", "VALID")
    if padding == "pads":
        attributes["pads"] = [int(rng.integers(0, k)) for k in kernel] + [int(rng.integers(0, k)) for k in kernel]
    elif padding != "none":
        attributes["auto_pad"] = padding
        attributes["strides"] = [min(s, k) for s, k in zip(attributes["strides"], kernel, strict=True)]  # it pads by less than 0 else
    return attributes


def conv(rng: Draw) -> Case:
    rank, groups = some(rng, 1, 2, 2, 3), some(rng, 1, 1, 2, 3)
    kernel = row(rng, rank, 1, 4)
    w = floats(rng, groups * some(rng, 1, 2), some(rng, 1, 2), *kernel)
    x = floats(rng, 2, groups * w.shape[1], *row(rng, rank, 5, 9))
    attributes = windowed(rng, rank, kernel) | {"group": groups}
    if len(set(attributes.get("dilations", [1]))) > 1 or attributes.get("dilations", [1])[0] > 1:
        attributes.pop("auto_pad", None)  # onnxruntime pads as if there were no dilation
    return [x, w, floats(rng, w.shape[0]) if rng.random() < 0.5 else None], attributes, {"opset": some(rng, 8, 11, 17, 22)}


def conv_transpose(rng: Draw) -> Case:
    rank, groups = some(rng, 1, 2, 2, 3), some(rng, 1, 1, 2)
    kernel = row(rng, rank, 1, 4)
    x = floats(rng, 2, groups * some(rng, 1, 2), *row(rng, rank, 2, 5))
    w = floats(rng, x.shape[1], some(rng, 1, 2), *kernel)
    attributes = windowed(rng, rank, kernel) | {"group": groups}
    if rng.random() < 0.4:
        attributes["output_padding"] = [int(rng.integers(0, s)) for s in attributes["strides"]]
    elif rng.random() < 0.3:
        attributes["output_shape"] = [n * s for n, s in zip(x.shape[2:], attributes["strides"], strict=True)]
        attributes.pop("pads", None)
    bias = floats(rng, w.shape[1] * groups) if rng.random() < 0.5 else None
    return [x, w, bias], attributes, {"opset": some(rng, 8, 11, 17)}


def pool(rng: Draw, opset: int) -> tuple[Array, dict[str, Any]]:
    rank = some(rng, 1, 2, 2, 3)
    kernel = row(rng, rank, 1, 4)
    x = floats(rng, 2, 3, *row(rng, rank, 4, 10))
    attributes = windowed(rng, rank, kernel, dilations=False) | {"kernel_shape": kernel}
    if opset >= 10 and "auto_pad" not in attributes:
        attributes["ceil_mode"] = some(rng, 0, 1)
    return x, attributes


def max_pool(rng: Draw) -> Case:
    opset = some(rng, 8, 10, 12, 22)
    x, attributes = pool(rng, opset)
    if opset >= 10 and "auto_pad" not in attributes and rng.random() < 0.4:
        attributes["dilations"] = row(rng, x.ndim - 2, 1, 3)
    outputs = some(rng, 1, 2)
    if outputs == 2:
        attributes["storage_order"] = some(rng, 0, 1)
    x = x if opset < 12 or rng.random() < 0.7 else (20 * x).astype(some(rng, np.int8, np.uint8))
    return [x], attributes, {"opset": opset, "outputs": outputs}


def average_pool(rng: Draw) -> Case:
    opset = some(rng, 7, 10, 11, 19, 22)
    x, attributes = pool(rng, opset)
    if opset >= 19 and "auto_pad" not in attributes and rng.random() < 0.4:
        attributes["dilations"] = row(rng, x.ndim - 2, 1, 3)
    return [x], attributes | {"count_include_pad": some(rng, 0, 1)}, {"opset": opset}


def average_pool_over_the_end(rng: Draw) -> Case:
    rank = some(rng, 1, 3)
    kernel = row(rng, rank, 2, 4)
    pads = [int(rng.integers(0, k)) for k in kernel] + [int(rng.integers(0, k)) for k in kernel]
    attributes = {"kernel_shape": kernel, "strides": row(rng, rank, 2, 4), "pads": pads, "ceil_mode": 1, "count_include_pad": 1}
    return [floats(rng, 2, 3, *row(rng, rank, 4, 10))], attributes, {"opset": some(rng, 19, 22)}


def lp_pool(rng: Draw) -> Case:
    opset = some(rng, 8, 11, 18)
    x, attributes = pool(rng, 8)
    return [x], attributes | {"p": some(rng, 1, 2, 3)}, {"opset": opset}


def batch_normalization(rng: Draw) -> Case:
    x = floats(rng, 3, 4, *row(rng, some(rng, 0, 1, 2, 3), 1, 5))
    statistics: list[Array | None] = [floats(rng, 4), floats(rng, 4), floats(rng, 4), rng.random(4).astype(np.float32)]
    training = some(rng, 0, 1) if x.ndim > 2 else 0
    opset = 15 if training else some(rng, 7, 9, 14, 15)
    attributes = {"epsilon": some(rng, 1e-5, 1e-2), "momentum": 0.7} | ({"training_mode": 1} if training else {})
    return [x, *statistics], attributes, {"opset": opset, "outputs": 3 if training else 1}


def normalization(rng: Draw) -> Case:
    x = floats(rng, 2, 6, 4, 3)
    axis = some(rng, -1, 1, 2, -2)
    scale = floats(rng, *x.shape[axis:])
    return (
        [x, scale, floats(rng, *scale.shape) if rng.random() < 0.5 else None],
        {"axis": axis, "epsilon": 1e-3},
        {"opset": 17, "outputs": some(rng, 1, 3)},
    )


def lrn(rng: Draw) -> Case:
    attributes = {"size": some(rng, 1, 3, 5, 7), "alpha": 0.3, "beta": 0.6, "bias": 1.5}
    return [floats(rng, 2, int(rng.integers(1, 8)), 3, 3)], attributes, {"opset": some(rng, 8, 13)}


def resize(rng: Draw) -> Case:
    opset = some(rng, 11, 13, 18, 19)
    mode = some(rng, "nearest", "nearest", "linear", "linear", "cubic")
    rules = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"]
    rules += ["tf_crop_and_resize"] if mode != "cubic" else []
    rules += ["half_pixel_symmetric"] if opset >= 19 else []
    attributes: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": some(rng, *rules)}
    if mode == "nearest":
        attributes["nearest_mode"] = some(rng, "round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    if mode == "cubic":
        attributes |= {"cubic_coeff_a": some(rng, -0.5, -0.75), "exclude_outside": some(rng, 0, 1)}
    x = floats(rng, 1, 2, *row(rng, 2, 2, 8))
    roi = np.array([0, 0, 0.1, 0.2, 1, 1, 0.8, 1.1], np.float32)
    empty = np.zeros(0, np.float32)
    if rng.random() < 0.5:
        sizes = np.array([1, 2, *row(rng, 2, 1, 14)])
        inputs: list[Array | None] = [x, roi, empty, sizes]
    else:
        inputs = [x, roi, np.array([1, 1, *rng.uniform(0.3, 3, 2)], np.float32)]
        if attributes["coordinate_transformation_mode"] == "tf_crop_and_resize":
            inputs = [x, roi, empty, np.array([1, 2, 5, 3])]
    if attributes["coordinate_transformation_mode"] == "tf_crop_and_resize":
        attributes["extrapolation_value"] = 7.0
    return inputs, attributes, {"opset": opset}


def resize_antialiased(rng: Draw) -> Case:
    x = floats(rng, 1, 2, *row(rng, 2, 4, 12))
    attributes = {"mode": some(rng, "linear", "cubic"), "antialias": 1, "coordinate_transformation_mode": "half_pixel"}
    return [x, None, None, np.array([1, 2, *row(rng, 2, 2, 9)])], attributes, {"opset": 18}


def resize_some_axes(rng: Draw) -> Case:
    x = floats(rng, 1, 2, *row(rng, 2, 4, 12))
    attributes = {"mode": some(rng, "linear", "nearest"), "axes": some(rng, [2, 3], [3, 2])}
    attributes["keep_aspect_ratio_policy"] = some(rng, "stretch", "not_larger", "not_smaller")
    return [x, None, None, np.array(row(rng, 2, 2, 15))], attributes, {"opset": 18}


def upsample(rng: Draw) -> Case:
    scales = np.array([1, 1, *rng.uniform(1, 3, 2)], np.float32)
    x, mode = floats(rng, 1, 2, *row(rng, 2, 2, 8)), some(rng, "nearest", "linear")
    if rng.random() < 0.5:
        return [x], {"mode": mode, "scales": scales.tolist()}, {"opset": 7}
    return [x, scales], {"mode": mode}, {"opset": 9}


def resize_10(rng: Draw) -> Case:
    scales = np.array([1, 1, *rng.uniform(0.3, 3, 2)], np.float32)
    return [floats(rng, 1, 2, *row(rng, 2, 2, 8)), scales], {"mode": some(rng, "nearest", "linear")}, {"opset": 10}


def cut(rng: Draw) -> Case:
    x = floats(rng, 5, 6, 7)
    axes = [int(a) for a in rng.permutation(3)[: int(rng.integers(1, 4))]]
    ends = some(rng, 2**31 - 1, -(2**31), 8)
    starts, stops = row(rng, len(axes), -9, 9), [int(n) if rng.random() < 0.7 else ends for n in rng.integers(-9, 9, len(axes))]
    if rng.random() < 0.3:
        return [x], {"axes": axes, "starts": starts, "ends": stops}, {"opset": some(rng, 7, 9)}
    steps = [some(rng, 1, 2, -1, -2, 3) for _ in axes]
    return [x, *map(np.array, (starts, stops, axes, steps))], {}, {"opset": some(rng, 10, 13)}


def padded(rng: Draw) -> Case:
    x, mode = floats(rng, 4, 5, 6), some(rng, "constant", "edge", "reflect", "wrap")
    low = some(rng, 0, -2 if mode == "constant" else 0)
    pads = row(rng, 6, low, 4)
    opset = 19 if mode == "wrap" else some(rng, 7, 11, 13, 18)
    if opset < 11:
        return [x], {"mode": mode, "pads": pads, "value": 2.5}, {"opset": opset}
    if opset >= 18 and rng.random() < 0.5:
        return [x, np.array(pads[:4]), np.array(1.5, np.float32), np.array([2, -3])], {"mode": mode}, {"opset": opset}
    return [x, np.array(pads), np.array(1.5, np.float32)], {"mode": mode}, {"opset": opset}


def reduced(name: str) -> Callable[[Draw], Case]:
    def draw(rng: Draw) -> Case:
        x = floats(rng, 2, 3, 4)
        if rng.random() < 0.5 and "Log" not in name:
            x = rng.integers(1, 9 if name != "ReduceProd" else 3, (2, 3, 4)).astype(np.int32)
        axes = some(rng, [0], [1, 2], [-1], [-1, 0], [0, 1, 2])
        keep = {"keepdims": some(rng, 0, 1)}
        opset = some(rng, 7, 11, 13, 18)
        if opset >= 18 or (name == "ReduceSum" and opset == 13):
            return [x, np.array(axes)], keep, {"opset": opset}
        return [x], keep | ({"axes": axes} if rng.random() < 0.8 else {}), {"opset": opset}

    return draw


def arg(rng: Draw) -> Case:
    x = rng.integers(0, 3, (3, 4, 5)).astype(np.float32)
    attributes = {"axis": some(rng, 0, 1, -1), "keepdims": some(rng, 0, 1)}
    opset = some(rng, 7, 11, 13)
    return [x], attributes | ({"select_last_index": some(rng, 0, 1)} if opset > 12 else {}), {"opset": opset}


def along(rng: Draw) -> Case:
    attributes = {"axis": int(rng.integers(-3, 3))} if rng.random() < 0.8 else {}
    return [3 * floats(rng, 2, 3, 4)], attributes, {"opset": some(rng, 11, 12, 13)}


def product(rng: Draw) -> Case:
    shapes = some(rng, ((3,), (3,)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((2, 1, 4, 3), (5, 3, 2)), ((3,), (2, 3, 4)), ((2, 4, 3), (3,)))
    return [floats(rng, *shape) for shape in shapes], {}, {"opset": some(rng, 7, 9, 13)}


def gemm(rng: Draw) -> Case:
    left, right = some(rng, 0, 1), some(rng, 0, 1)
    c = floats(rng, *some(rng, (5,), (1, 5), (4, 1), (4, 5), (1,), ()))
    inputs = [floats(rng, *((3, 4) if left else (4, 3))), floats(rng, *((5, 3) if right else (3, 5))), c]
    return [*inputs], {"alpha": 0.5, "beta": some(rng, 1.0, 2.0), "transA": left, "transB": right}, {"opset": some(rng, 7, 9, 11, 13)}


def gathered(rng: Draw) -> Case:
    return [floats(rng, 4, 5, 6), rng.integers(-4, 4, some(rng, (), (3,), (2, 2)))], {"axis": some(rng, 0, 1, -1)}, {"opset": 13}


def topped(rng: Draw) -> Case:
    x = rng.integers(0, 6, (4, 7)).astype(np.float32)
    return [x, np.array([int(rng.integers(1, 5))])], {"axis": some(rng, 0, 1, -1), "largest": some(rng, 0, 1)}, {"opset": 11, "outputs": 2}


def quantized(rng: Draw) -> Case:
    dtype = some(rng, np.uint8, np.int8, np.uint16, np.int16)
    opset = 21 if np.dtype(dtype).itemsize == 2 else some(rng, 10, 13, 19)
    low = np.iinfo(dtype).min
    if rng.random() < 0.5 or opset < 13:
        return [3 * floats(rng, 4, 5), np.array(0.03, np.float32), np.array(low + 100, dtype)], {}, {"opset": opset}
    scale = rng.uniform(0.01, 0.1, 4).astype(np.float32)
    return [3 * floats(rng, 4, 5), scale, rng.integers(0, 100, 4).astype(dtype)], {"axis": 0}, {"opset": opset}


def dequantized(rng: Draw) -> Case:
    dtype = some(rng, np.uint8, np.int8)
    x = rng.integers(0, 120, (4, 6)).astype(dtype)
    if rng.random() < 0.4:
        return [x, np.array(0.03, np.float32), np.array(7, dtype)], {}, {"opset": some(rng, 10, 13)}
    if rng.random() < 0.5:
        return [x, rng.random(6).astype(np.float32), rng.integers(0, 9, 6).astype(dtype)], {"axis": -1}, {"opset": 13}
    scale = rng.random((4, 2)).astype(np.float32)
    return [x, scale, rng.integers(0, 9, (4, 2)).astype(dtype)], {"axis": 1, "block_size": 3}, {"opset": 21}


def integer_conv(rng: Draw) -> Case:
    x, w = rng.integers(0, 255, (1, 3, 6, 6)).astype(np.uint8), rng.integers(-9, 9, (4, 3, 3, 3)).astype(np.int8)
    scale, zero = np.array(0.02, np.float32), np.array(100, np.uint8)
    scales, zeros = rng.uniform(0.01, 0.1, 4).astype(np.float32), np.zeros(4, np.int8)
    bias = rng.integers(-50, 50, 4).astype(np.int32)
    return [x, scale, zero, w, scales, zeros, np.array(0.5, np.float32), zero, bias], {"pads": [1, 0, 1, 2]}, {"opset": 10}


def scattered(rng: Draw) -> Case:
    x, indices = floats(rng, 4, 5), np.stack([rng.permutation(4) for _ in range(3)], 1)
    reduction = some(rng, "none", "add", "mul", "max", "min")
    return [x, indices, floats(rng, 4, 3)], {"axis": 0, "reduction": reduction}, {"opset": 18}


def split(rng: Draw) -> Case:
    x, opset = floats(rng, 7, 6), some(rng, 11, 13, 18)
    if opset < 13:
        return [x], {"axis": 1, "split": [1, 2, 3]}, {"opset": opset, "outputs": 3}
    if opset == 18 and rng.random() < 0.5:
        return [x], {"axis": 0, "num_outputs": 3}, {"opset": opset, "outputs": 3}
    return [x, np.array([1, 2, 3])], {"axis": -1}, {"opset": opset, "outputs": 3}


def recurrent(gates: int, states: int) -> Callable[[Draw], Case]:
    def draw(rng: Draw) -> Case:
        direction = some(rng, "forward", "reverse", "bidirectional")
        d, n, hidden = 2 if direction == "bidirectional" else 1, 3, 4
        x = floats(rng, 5, n, 6)
        bias = floats(rng, d, 2 * gates * hidden) if rng.random() < 0.7 else None
        lengths = np.array([5, 2, 4], np.int32) if rng.random() < 0.5 else None
        inputs = [x, floats(rng, d, gates * hidden, 6), floats(rng, d, gates * hidden, hidden), bias, lengths]
        inputs += [floats(rng, d, n, hidden) if rng.random() < 0.7 else None for _ in range(states)]
        inputs += [floats(rng, d, 3 * hidden) if rng.random() < 0.5 else None] if states == 2 else []
        attributes: dict[str, Any] = {"direction": direction, "hidden_size": hidden}
        if gates == 3:
            attributes["linear_before_reset"] = some(rng, 0, 1)
        return inputs, attributes, {"opset": some(rng, 7, 14), "outputs": 1 + states}

    return draw


def boxes(rng: Draw) -> Case:
    corners = rng.random((2, 20, 4)).astype(np.float32)
    limits: list[Array | None] = [np.array([int(rng.integers(0, 8))]), np.array([0.3], np.float32), np.array([0.4], np.float32)]
    return (
        [corners, rng.random((2, 3, 20)).astype(np.float32), *limits[: int(rng.integers(4))]],
        {"center_point_box": some(rng, 0, 1)},
        {"opset": 11},
    )


REDUCTIONS = ["L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"]
DRAWS: dict[str, tuple[str, Callable[[Draw], Case]]] = {
    "ArgMax": ("ArgMax", arg),
    "ArgMin": ("ArgMin", arg),
    "AveragePool": ("AveragePool", average_pool),
    "AveragePool over the end": ("AveragePool", average_pool_over_the_end),
    "BatchNormalization": ("BatchNormalization", batch_normalization),
    "Conv": ("Conv", conv),
    "ConvTranspose": ("ConvTranspose", conv_transpose),
    "DequantizeLinear": ("DequantizeLinear", dequantized),
    "GRU": ("GRU", recurrent(3, 1)),
    "Gather": ("Gather", gathered),
    "Gemm": ("Gemm", gemm),
    "Hardmax": ("Hardmax", along),
    "LRN": ("LRN", lrn),
    "LSTM": ("LSTM", recurrent(4, 2)),
    "LayerNormalization": ("LayerNormalization", normalization),
    "LogSoftmax": ("LogSoftmax", along),
    "LpPool": ("LpPool", lp_pool),
    "MatMul": ("MatMul", product),
    "MaxPool": ("MaxPool", max_pool),
    "NonMaxSuppression": ("NonMaxSuppression", boxes),
    "Pad": ("Pad", padded),
    "RNN": ("RNN", recurrent(1, 1)),
    "QLinearConv": ("QLinearConv", integer_conv),
    "QuantizeLinear": ("QuantizeLinear", quantized),
    "Resize": ("Resize", resize),
    "Resize antialiased": ("Resize", resize_antialiased),
    "Resize of opset 10": ("Resize", resize_10),
    "Resize of some axes": ("Resize", resize_some_axes),
    "ScatterElements": ("ScatterElements", scattered),
    "Slice": ("Slice", cut),
    "Softmax": ("Softmax", along),
    "Split": ("Split", split),
    "TopK": ("TopK", topped),
    "Upsample": ("Upsample", upsample),
    **{f"Reduce{name}": (f"Reduce{name}", reduced(f"Reduce{name}")) for name in REDUCTIONS},
}


@pytest.mark.parametrize("name", DRAWS)
def test_drawn_attributes_give_what_onnxruntime_gives(name: str) -> None:
    kind, draw = DRAWS[name]
    compared = 0
    for seed in range(40):
        inputs, attributes, options = draw(np.random.default_rng(seed))
        expected = theirs(kind, inputs, attributes, **options)
        if expected is None:
            continue
        try:
            results = ours(kind, inputs, attributes, **options)
        except DataError as error:
            pytest.fail(f"seed {seed}: {attributes} {options}: {error}")
        compared += 1
        for y, z in zip(results, expected, strict=True):
            assert y.dtype == z.dtype
            if z.dtype.kind == "f":
                np.testing.assert_allclose(y, z, rtol=2e-5, atol=2e-5, err_msg=f"seed {seed}: {attributes} {options}")
            else:
                np.testing.assert_array_equal(y, z, err_msg=f"seed {seed}: {attributes} {options}")
    assert compared >= 10
