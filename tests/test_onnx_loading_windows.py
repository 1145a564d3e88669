"""Operators that slide a window, read from ONNX files, against onnxruntime: every attribute, many of them drawn at random."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from tests.onnx_graphs import file, node, normal, same

from convstep.layers import AveragePooling2D, Conv2D, Conv2DTranspose, Cropping2D, DepthwiseConv2D, MaxPooling2D

CASES = 25
RNG = np.random.default_rng(37)


def drawn(rng: np.random.Generator, *choices: Any) -> Any:
    """Return one of these."""
    return choices[rng.integers(len(choices))]


def kinds(model: Any) -> set[str]:
    """Return the classes of a model's layers."""
    return {type(layer).__name__ for layer in model.layers}


@pytest.mark.parametrize("seed", range(CASES))
def test_a_convolution_with_any_attributes_is_onnxruntimes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups, each, multiple = drawn(rng, 1, 1, 2, 4), drawn(rng, 1, 2, 3), drawn(rng, 1, 2, 3)
    channels, filters = groups * each, groups * multiple
    kernel, strides, dilations = (tuple(int(n) for n in rng.integers(1, most + 1, 2)) for most in (4, 3, 2))
    attributes: dict[str, Any] = {"strides": strides, "dilations": dilations, "group": groups}
    how = drawn(rng, "pads", "pads", "pads", "SAME_UPPER", "SAME_LOWER", "VALID")
    if how == "pads":
        attributes["pads"] = [int(n) for n in rng.integers(0, 4, 4)]
    else:
        attributes["auto_pad"], attributes["dilations"] = how, (1, 1)  # onnxruntime pads dilated windows otherwise
    size = drawn(rng, (9, 11), (12, 8), ("h", "w"))
    if how == "SAME_LOWER" and rng.integers(2):
        size = (9, 11)
    weights = {"w": normal(rng, filters, each, *kernel)}
    if rng.integers(2):
        weights["b"] = normal(rng, filters)
    if rng.integers(2):
        attributes["kernel_shape"] = kernel
    x = normal(rng, int(rng.integers(1, 4)), channels, *(11 if isinstance(n, str) else n for n in size))
    proto = file([node("Conv", f"x w{' b' * ('b' in weights)}", "y", **attributes)], {"x": ["n", channels, *size]}, weights)
    model = same(proto, {"x": x})
    if how != "SAME_LOWER" or not isinstance(size[0], str):
        assert not model.operators
        assert "Conv2D" in kinds(model) or "DepthwiseConv2D" in kinds(model)


@pytest.mark.parametrize(
    ("groups", "channels", "filters", "kind"),
    [(1, 3, 4, Conv2D), (2, 4, 6, Conv2D), (4, 4, 4, DepthwiseConv2D), (4, 4, 8, DepthwiseConv2D)],
)
def test_a_convolution_is_a_layer_of_its_kind(groups: int, channels: int, filters: int, kind: type) -> None:
    rng = np.random.default_rng(0)
    weights = {"w": normal(rng, filters, channels // groups, 3, 3), "b": normal(rng, filters)}
    proto = file([node("Conv", "x w b", "y", group=groups, pads=[1, 1, 1, 1])], {"x": ["n", channels, 6, 6]}, weights)
    model = same(proto, {"x": normal(rng, 2, channels, 6, 6)})
    assert [type(layer) for layer in model.layers if layer.parameters] == [kind]


@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose", "MaxPool", "AveragePool"])
@pytest.mark.parametrize("sizes", [(13,), (5, 6, 7)])
def test_windows_of_one_axis_or_three_are_onnxruntimes(kind: str, sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    axes = len(sizes)
    pads, strides = [1] * (2 * axes), [2] * axes
    if "Conv" in kind:
        weights, attributes = {"w": normal(rng, 4, 4, *[3] * axes), "b": normal(rng, 4)}, {"pads": pads, "strides": strides}
        proto = file([node(kind, "x w b", "y", **attributes)], {"x": ["n", 4, *sizes]}, weights)
    else:
        proto = file([node(kind, "x", "y", kernel_shape=[3] * axes, pads=pads, strides=strides)], {"x": ["n", 4, *sizes]})
    same(proto, {"x": normal(rng, 2, 4, *sizes)})


@pytest.mark.parametrize("seed", range(CASES))
def test_a_transposed_convolution_with_any_attributes_is_onnxruntimes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = drawn(rng, 1, 1, 2)
    channels, filters = 2 * groups, int(rng.integers(1, 4))
    kernel, strides, dilations = (tuple(int(n) for n in rng.integers(1, most + 1, 2)) for most in (4, 3, 2))
    attributes: dict[str, Any] = {"strides": strides, "dilations": dilations, "group": groups}
    reach = [(size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True)]
    how = drawn(rng, "none", "pads", "output_padding", "output_shape", "auto_pad")
    if how == "pads":
        attributes["pads"] = [int(rng.integers(0, size)) for size in [*reach, *reach]]
    elif how == "output_padding":
        attributes["output_padding"] = [int(rng.integers(0, step)) for step in strides]
    elif how == "output_shape":
        attributes["output_shape"] = [5 * step for step in strides]
    elif how == "auto_pad":
        attributes["auto_pad"] = "VALID"
    weights = {"w": normal(rng, channels, filters, *kernel)}
    if rng.integers(2):
        weights["b"] = normal(rng, filters * groups)
    size = drawn(rng, (5, 5), ("h", "w"))
    proto = file([node("ConvTranspose", f"x w{' b' * ('b' in weights)}", "y", **attributes)], {"x": ["n", channels, *size]}, weights)
    model = same(proto, {"x": normal(rng, 2, channels, 5, 5)})
    if how in {"none", "pads"} and groups == 1:
        assert "Conv2DTranspose" in kinds(model)


def pooled(seed: int) -> tuple[str, dict[str, Any], list[Any], int]:
    """Return a kind of pooling, its attributes, and the sizes of an image; its opset too."""
    rng = np.random.default_rng(seed)
    kind = drawn(rng, "MaxPool", "AveragePool")
    kernel, strides = (tuple(int(n) for n in rng.integers(1, most + 1, 2)) for most in (4, 3))
    attributes: dict[str, Any] = {"kernel_shape": kernel, "strides": strides}
    how = drawn(rng, "pads", "pads", "SAME_UPPER", "SAME_LOWER", "VALID")
    if how == "pads":
        attributes["pads"] = [int(rng.integers(0, size)) for size in [*kernel, *kernel]]
        attributes["ceil_mode"] = int(rng.integers(2))
    else:
        attributes["auto_pad"] = how
        attributes["strides"] = tuple(min(pair) for pair in zip(kernel, strides, strict=True))  # onnxruntime would pad less than nothing
    if kind == "AveragePool":
        attributes["count_include_pad"] = int(rng.integers(2))
    elif how == "pads" and not rng.integers(4):
        attributes["dilations"] = [2, 1]
        attributes["pads"] = [0, 0, 0, 0]
    return kind, attributes, drawn(rng, [9, 10], ["h", "w"]), drawn(rng, 19, 13, 11)


@pytest.mark.parametrize("seed", range(2 * CASES))
def test_pooling_with_any_attributes_is_onnxruntimes(seed: int) -> None:
    kind, attributes, sizes, opset = pooled(seed)
    rng = np.random.default_rng(seed + 1000)
    proto = file([node(kind, "x", "y", **attributes)], {"x": ["n", 3, *sizes]}, opset=opset)
    for side in (9, 10), (9, 10) if isinstance(sizes[0], int) else (12, 7):
        same(proto, {"x": normal(rng, 2, 3, *side)})


@pytest.mark.parametrize(("kind", "layer"), [("MaxPool", MaxPooling2D), ("AveragePool", AveragePooling2D)])
@pytest.mark.parametrize(
    "more", [{}, {"pads": [1, 1, 1, 1]}, {"pads": [0, 1, 1, 0]}, {"auto_pad": "SAME_UPPER"}, {"auto_pad": "SAME_LOWER"}]
)
def test_common_pooling_is_a_layer_of_ours(kind: str, layer: type, more: Mapping[str, Any]) -> None:
    proto = file([node(kind, "x", "y", kernel_shape=[3, 3], strides=[2, 2], **more)], {"x": ["n", 3, 9, 9]})
    model = same(proto, {"x": normal(np.random.default_rng(0), 2, 3, 9, 9)})
    assert layer in {type(item) for item in model.layers}
    assert not model.operators


def test_max_pooling_tells_where_the_largest_were() -> None:
    nodes = [node("Conv", "x w", "c"), node("MaxPool", "c", "y i", kernel_shape=[2, 2], strides=[2, 2])]
    rng = np.random.default_rng(0)
    same(file(nodes, {"x": ["n", 3, 6, 6]}, {"w": normal(rng, 4, 3, 1, 1)}, ["y", "i"]), {"x": normal(rng, 2, 3, 6, 6)})


@pytest.mark.parametrize("kind", ["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "LpPool"])
def test_other_pooling_is_onnxruntimes(kind: str) -> None:
    more = {"kernel_shape": [2, 2], "p": 2} if kind == "LpPool" else {}
    rng = np.random.default_rng(0)
    nodes = [node("Conv", "x w", "c"), node(kind, "c", "y", **more)]
    same(file(nodes, {"x": ["n", 3, "h", "w"]}, {"w": normal(rng, 4, 3, 1, 1)}), {"x": normal(rng, 2, 3, 6, 5)})


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_folded_normalization_gives_the_same_numbers_with_fewer_layers(groups: int, *, bias: bool, transposed: bool) -> None:
    rng = np.random.default_rng(groups)
    kind = "ConvTranspose" if transposed else "Conv"
    weights = {
        "w": normal(rng, 4, 4 // groups, 3, 3),
        "s": normal(rng, 4),
        "m": normal(rng, 4),
        "c": normal(rng, 4),
        "v": rng.random(4).astype(np.float32) + 0.1,
    }
    if bias:
        weights["b"] = normal(rng, 4)
    nodes = [
        node(kind, f"x w{' b' * bias}", "y", group=groups),
        node("BatchNormalization", "y s c m v", "z", epsilon=1e-3),
        node("Relu", "z", "o"),
    ]
    proto, x = file(nodes, {"x": ["n", 4, 7, 7]}, weights), normal(rng, 2, 4, 7, 7)
    plain, folded = same(proto, {"x": x}), same(proto, {"x": x}, fold=True)
    assert "BatchNormalization" in kinds(plain)
    if not transposed:
        assert len(folded.layers) == len(plain.layers) - 1
        assert "BatchNormalization" not in kinds(folded)


def test_normalization_is_not_folded_into_what_others_read() -> None:
    rng = np.random.default_rng(0)
    weights = {"w": normal(rng, 4, 4, 1, 1), "s": normal(rng, 4), "c": normal(rng, 4), "m": normal(rng, 4), "v": np.ones(4, np.float32)}
    nodes = [node("Conv", "x w", "y"), node("BatchNormalization", "y s c m v", "z"), node("Add", "y z", "o")]
    model = same(file(nodes, {"x": ["n", 4, 5, 5]}, weights), {"x": normal(rng, 2, 4, 5, 5)}, fold=True)
    assert "BatchNormalization" in kinds(model)


def test_shared_filters_are_not_changed_by_folding() -> None:
    rng = np.random.default_rng(0)
    weights = {"w": normal(rng, 4, 4, 1, 1), "s": normal(rng, 4), "c": normal(rng, 4), "m": normal(rng, 4), "v": np.ones(4, np.float32)}
    nodes = [
        node("Conv", "x w", "y"),
        node("BatchNormalization", "y s c m v", "z"),
        node("Conv", "z w", "o"),
        node("Conv", "x w", "p"),
        node("Add", "o p", "q"),
    ]
    same(file(nodes, {"x": ["n", 4, 5, 5]}, weights), {"x": normal(rng, 2, 4, 5, 5)}, fold=True)


def test_weights_that_depend_on_data_are_onnxruntimes() -> None:
    rng = np.random.default_rng(0)
    proto = file([node("Conv", "x w", "y", pads=[1, 1, 1, 1])], {"x": ["n", 3, 6, 6], "w": [4, 3, 3, 3]})
    same(proto, {"x": normal(rng, 2, 3, 6, 6), "w": normal(rng, 4, 3, 3, 3)})


def test_one_layer_has_the_transposed_weights_of_the_file() -> None:
    rng = np.random.default_rng(0)
    weights = {"w": normal(rng, 3, 4, 3, 3), "b": normal(rng, 4)}
    proto = file(
        [node("ConvTranspose", "x w b", "y", strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])], {"x": ["n", 3, 6, 6]}, weights
    )
    model = same(proto, {"x": normal(rng, 2, 3, 6, 6)})
    layer = next(layer for layer in model.layers if isinstance(layer, Conv2DTranspose))
    np.testing.assert_array_equal(layer.parameter("kernel"), weights["w"].transpose(2, 3, 1, 0))


SLICES: dict[str, tuple[list[Any], tuple[Any, Any]]] = {
    "rows": ([[1], [6], [2]], ((1, 2), (0, 0))),
    "both": ([[1, 2], [-1, 100], [2, -1]], ((1, 1), (2, 0))),
    "steps of one": ([[-5, 0], [2**62, -2], [2, 3], [1, 1]], ((3, 0), (0, 2))),
    "all axes": ([[0, 0, 1, 1], [2**31 - 1, 9, 7, 7]], ((1, 1), (1, 2))),
}


@pytest.mark.parametrize("opset", [9, 17])
@pytest.mark.parametrize("name", SLICES)
def test_slices_of_rows_and_columns_crop_images(name: str, opset: int) -> None:
    numbers, cropping = SLICES[name]
    if opset == 9:
        attributes = dict(zip(("starts", "ends", "axes"), numbers, strict=False))
        made, weights = node("Slice", "a", "b", **attributes), {}
    else:
        weights = {key: np.array(item) for key, item in zip("stuv", numbers, strict=False)}
        made = node("Slice", f"a {' '.join(weights)}", "b")
    nodes = [node("Conv", "x w", "a"), made, node("Relu", "b", "y")]
    model = same(file(nodes, {"x": ("n", 3, 8, 9)}, {"w": normal(RNG, 4, 3, 1, 1), **weights}, opset=opset), {"x": normal(RNG, 2, 3, 8, 9)})
    assert [layer.cropping for layer in model.layers if isinstance(layer, Cropping2D)] == [cropping]
    assert model.operators == []


OTHER_SLICES: dict[str, list[Any]] = {
    "channels": [[1], [3], [1]],
    "steps": [[0], [8], [2], [2]],
    "backwards": [[7], [-100], [2], [-1]],
    "nothing left": [[4], [4], [2]],
    "samples": [[1], [2], [0]],
}


@pytest.mark.parametrize("name", OTHER_SLICES)
def test_other_slices_stay_operators(name: str) -> None:
    weights = {key: np.array(item) for key, item in zip("stuv", OTHER_SLICES[name], strict=False)}
    nodes = [node("Conv", "x w", "a"), node("Slice", f"a {' '.join(weights)}", "b"), node("Relu", "b", "y")]
    model = same(file(nodes, {"x": ("n", 3, 8, 9)}, {"w": normal(RNG, 4, 3, 1, 1), **weights}), {"x": normal(RNG, 2, 3, 8, 9)})
    assert model.operators == ["Slice"]
