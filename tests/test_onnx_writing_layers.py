"""Every layer and every activation as ONNX operators: onnxruntime's numbers are ours, in both layouts."""

from itertools import permutations
from typing import Any

import pytest
from tests.onnx_written import assert_same, chain, joined, operators

from convstep import layers as la
from convstep.interop.onnx.operator import LocalResponse
from convstep.interop.onnx.writing import walking
from convstep.interop.onnx.writing.activations import WRITTEN
from convstep.layers.activations import NAMES, ActivationFunction

LAYOUTS = pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
IMAGE, ANY, ROWS = (7, 6, 4), (None, None, 4), (5,)
PADDINGS = ("valid", "same", 1, (1, 2), ((1, 0), (2, 3)))


def test_every_layer_and_every_activation_is_written() -> None:
    assert {kind for kind in la.KINDS.values() if kind is not la.Layer} == set(walking.WRITTEN) - {LocalResponse}
    assert {name for name in NAMES if name != "linear"} == set(WRITTEN)


# ---- windows


@LAYOUTS
@pytest.mark.parametrize("shape", [IMAGE, ANY, (None, 6, 4)])
@pytest.mark.parametrize("dilation", [1, 2, (1, 3)])
@pytest.mark.parametrize("strides", [1, (2, 3)])
@pytest.mark.parametrize("padding", PADDINGS, ids=str)
def test_a_convolution_is_ours(padding: Any, strides: Any, dilation: Any, shape: Any, layout: str) -> None:
    if padding == "valid" and dilation == (1, 3):
        padding = (0, 1)  # the window fits then
    assert_same(chain(shape, la.Conv2D(6, (3, 2), strides, padding, dilation_rate=dilation, groups=2, activation="tanh")), layout)


@LAYOUTS
@pytest.mark.parametrize("shape", [IMAGE, ANY])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("padding", PADDINGS, ids=str)
def test_depthwise_and_separable_convolutions_are_ours(padding: Any, strides: Any, shape: Any, layout: str) -> None:
    assert_same(chain(shape, la.DepthwiseConv2D((2, 3), strides, padding, depth_multiplier=2, activation="relu")), layout)
    assert_same(chain(shape, la.SeparableConv2D(5, (3, 2), strides, padding, depth_multiplier=2, use_bias=False)), layout)


@LAYOUTS
@pytest.mark.parametrize("extra", [None, 0, 1])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize(("kernel", "strides"), [(3, 2), (2, 3), (1, 2), ((4, 3), (2, 3)), (3, 1)], ids=str)
@pytest.mark.parametrize("padding", ["valid", "same", 1, ((1, 0), (0, 1))], ids=str)
def test_a_transposed_convolution_is_ours(padding: Any, kernel: Any, strides: Any, dilation: int, extra: Any, layout: str) -> None:
    extra = 0 if strides == 1 and extra else extra
    layer = la.Conv2DTranspose(3, kernel, strides, padding, output_padding=extra, dilation_rate=dilation, use_bias=extra is None)
    assert_same(chain(IMAGE if layout == "NCHW" else ANY, layer), layout)


@LAYOUTS
@pytest.mark.parametrize("shape", [IMAGE, ANY])
@pytest.mark.parametrize("strides", [None, 1, 2, (2, 5)])
@pytest.mark.parametrize("padding", PADDINGS, ids=str)
def test_pooling_is_ours_and_padding_does_not_count(padding: Any, strides: Any, shape: Any, layout: str) -> None:
    for kind in (la.MaxPooling2D, la.AveragePooling2D):
        assert_same(chain(shape, kind((3, 4), strides, padding)), layout)


@LAYOUTS
@pytest.mark.parametrize("opset", [17, 18])
@pytest.mark.parametrize("shape", [IMAGE, ANY])
@pytest.mark.parametrize("keepdims", [True, False])
@pytest.mark.parametrize("kind", [la.GlobalAveragePooling2D, la.GlobalMaxPooling2D])
def test_global_pooling_is_ours(kind: Any, keepdims: bool, shape: Any, opset: int, layout: str) -> None:
    assert_same(chain(shape, kind(keepdims=keepdims)), layout, opset=opset)
    assert_same(chain(shape, la.Conv2D(3, 2), kind(keepdims=keepdims), la.Flatten(), la.Dense(2)), layout, opset=opset)


@LAYOUTS
@pytest.mark.parametrize("shape", [IMAGE, ANY])
@pytest.mark.parametrize("zeros", [1, ((0, 1), (2, 0)), (3, 4)], ids=str)
def test_zeros_around_images_are_ours_whatever_reads_them(zeros: Any, shape: Any, layout: str) -> None:
    pad = la.ZeroPadding2D(zeros)
    assert_same(chain(shape, pad), layout)
    for after in (la.Conv2D(3, 2, 2), la.Conv2D(3, 3, padding="same"), la.MaxPooling2D(3, 2), la.AveragePooling2D(3)):
        assert_same(chain(shape, la.ZeroPadding2D(zeros), after), layout)
        assert_same(chain(shape, la.ReLU(), la.ZeroPadding2D(zeros), type(after).from_config(after.get_config())), layout)


def test_zeros_become_the_padding_of_a_window_where_they_change_nothing() -> None:
    assert operators(assert_same(chain(IMAGE, la.ZeroPadding2D(3), la.Conv2D(2, 7, 2)))) == ["Conv"]
    assert operators(assert_same(chain(IMAGE, la.ReLU(), la.ZeroPadding2D(1), la.MaxPooling2D(3, 2)))) == ["Relu", "MaxPool"]
    assert operators(assert_same(chain(IMAGE, la.ZeroPadding2D(1), la.MaxPooling2D(3, 2)))) == ["Pad", "MaxPool"]
    assert operators(assert_same(chain(IMAGE, la.ReLU(), la.ZeroPadding2D(2), la.MaxPooling2D(2)))) == ["Relu", "Pad", "MaxPool"]


# ---- activations


@LAYOUTS
@pytest.mark.parametrize("opset", [17, 18, 20])
@pytest.mark.parametrize("name", NAMES)
def test_an_activation_is_ours(name: str, opset: int, layout: str) -> None:
    for shape in (ROWS, (3, 4), IMAGE, (2, 3, 2, 2)):
        assert_same(chain(shape, la.Activation(name)), layout, opset=opset)
    assert_same(chain(IMAGE, la.Conv2D(3, 2, activation=name), la.Conv2D(2, 2)), layout, opset=opset)


@LAYOUTS
@pytest.mark.parametrize("opset", [17, 21])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gelu", {"approximate": True}),
        ("elu", {"alpha": 0.3}),
        ("celu", {"alpha": 0.3}),
        ("celu", {"alpha": 2.0}),
        ("leaky_relu", {"negative_slope": -0.5}),
        ("relu", {"negative_slope": -0.5}),
        ("relu", {"threshold": -0.5}),
        ("softmax", {"axis": (1, 2)}),
        ("log_softmax", {"axis": (1, 2, 3)}),
        ("log_softmax", {"axis": (-1,)}),
        ("softmax", {"axis": 0}),
        ("log_softmax", {"axis": 2}),
    ],
)
def test_an_activation_with_options_is_ours(name: str, options: dict[str, Any], opset: int, layout: str) -> None:
    function = ActivationFunction(name, options)
    assert_same(chain(IMAGE, la.Activation(function)), layout, opset=opset)
    assert_same(chain(IMAGE, la.Conv2D(3, 2, activation=function), la.Flatten(), la.Dense(2)), layout, opset=opset)


@LAYOUTS
@pytest.mark.parametrize(
    "layer",
    [
        *(
            la.ReLU(max_value=most, negative_slope=slope, threshold=threshold)
            for most in (None, 0.4)
            for slope in (0, 0.2)
            for threshold in (0, 0.3)
        ),
        la.ReLU(max_value=0),
        la.LeakyReLU(),
        la.LeakyReLU(0.0),
        la.ELU(0.4),
        la.Softmax(),
        la.Softmax(1),
        la.Softmax([1, 2]),
    ],
    ids=lambda layer: f"{type(layer).__name__} {layer.function.options}",
)
def test_a_layer_of_an_activation_is_ours(layer: Any, layout: str) -> None:
    assert_same(chain(IMAGE, type(layer).from_config(layer.get_config())), layout)


# ---- parameters along axes


@LAYOUTS
@pytest.mark.parametrize("shape", [ROWS, (4, 5), IMAGE, (2, 3, 4, 2)], ids=str)
def test_normalization_along_any_axis_is_ours(shape: tuple[int, ...], layout: str) -> None:
    for axis in [*range(1, len(shape) + 1), -1]:
        for options in ({}, {"center": False}, {"scale": False, "epsilon": 0.1}, {"center": False, "scale": False}):
            assert_same(chain(shape, la.BatchNormalization(axis, **options)), layout)
            assert_same(chain(shape, la.LayerNormalization(axis, **options)), layout)


@LAYOUTS
@pytest.mark.parametrize("opset", [17, 18])
@pytest.mark.parametrize("axes", [[1, 2, 3], [3, 1], [2, 3], [1, 2], [2], -1], ids=str)
def test_layer_normalization_over_several_axes_is_ours(axes: Any, opset: int, layout: str) -> None:
    assert_same(chain(IMAGE, la.LayerNormalization(axes)), layout, opset=opset)
    assert_same(chain(IMAGE, la.Conv2D(3, 2), la.LayerNormalization(axes, scale=False)), layout, opset=opset)


@LAYOUTS
@pytest.mark.parametrize("shared", [None, [1], [1, 2], [2, 3], [1, 3]], ids=str)
def test_parametric_slopes_are_ours(shared: Any, layout: str) -> None:
    for shape in (ROWS, (4, 5), IMAGE, (2, 3, 4, 2)):
        if not shared or max(shared) <= len(shape):
            assert_same(chain(shape, la.PReLU(shared_axes=shared)), layout)


@LAYOUTS
@pytest.mark.parametrize(
    ("scale", "offset"),
    [(2.0, 0.0), (1 / 255, -0.5), (1, 0), ([1, 2, 3, 4], 0), (2, [1, 2, 3, 4]), ([1.5, 2, 3, 4], [4, 3, 2, 1])],
    ids=str,
)
def test_rescaling_is_ours(scale: Any, offset: Any, layout: str) -> None:
    assert_same(chain(IMAGE, la.Rescaling(scale, offset)), layout)
    assert_same(chain(IMAGE, la.Conv2D(4, 2), la.Rescaling(scale, offset)), layout)


# ---- shapes


@LAYOUTS
@pytest.mark.parametrize("shape", [ROWS, (4, 5), IMAGE, ANY, (2, 3, 4, 2), (None, 5)], ids=str)
def test_dense_layers_on_any_number_of_axes_are_ours(shape: Any, layout: str) -> None:
    assert_same(chain(shape, la.Dense(3, activation="tanh"), la.Dense(2, use_bias=False)), layout)


@LAYOUTS
@pytest.mark.parametrize("shape", [(), ROWS, (4, 5), IMAGE, ANY, (2, 3, 4, 2)], ids=str)
def test_flattening_keeps_our_order(shape: Any, layout: str) -> None:
    assert_same(chain(shape, la.Flatten()), layout)


@LAYOUTS
def test_numbers_stay_themselves_from_a_flatten_on(layout: str) -> None:
    before = [la.Conv2D(3, 2, activation="tanh"), la.Flatten()]
    after = [
        la.BatchNormalization(),
        la.LayerNormalization(),
        la.PReLU(),
        la.Dropout(0.5),
        la.Rescaling(2.0, 1.0),
        la.Softmax(),
        la.Flatten(),
    ]
    assert_same(chain(IMAGE, *before, *after), layout)
    assert "Transpose" not in operators(assert_same(chain(IMAGE, *before, *after, la.Dense(3))))


@LAYOUTS
@pytest.mark.parametrize("target", [(4, 7, 6), (-1,), (42, -1), (7, 6, 2, 2), (168, 1), (1, 7, 6, 4), (7, 1, 6, 4, 1)], ids=str)
def test_reshaping_keeps_our_order(target: Any, layout: str) -> None:
    assert_same(chain(IMAGE, la.Reshape(target)), layout)
    assert_same(chain(IMAGE, la.Conv2D(4, 3, padding="same"), la.Reshape(target), la.Activation("tanh")), layout)
    assert_same(chain(IMAGE, la.Conv2D(4, 3, padding="same"), la.Flatten(), la.Reshape(target)), layout)


@LAYOUTS
@pytest.mark.parametrize("target", [(1, 1, 5), (5, 1, 1), (1, 5, 1), (5,), (1, 5)], ids=str)
def test_axes_of_one_cell_come_and_go(target: Any, layout: str) -> None:
    assert_same(chain(ROWS, la.Reshape(target)), layout)
    assert_same(chain(IMAGE, la.Conv2D(5, 3), la.GlobalAveragePooling2D(keepdims=True), la.Reshape(target), la.Dense(2)), layout)


@LAYOUTS
def test_reshaping_images_of_any_size_is_ours(layout: str) -> None:
    assert_same(chain(ANY, la.Conv2D(4, 1), la.Reshape((-1, 2))), layout)


@LAYOUTS
@pytest.mark.parametrize("dims", list(permutations((1, 2, 3))), ids=str)
def test_reordered_axes_are_ours(dims: Any, layout: str) -> None:
    assert_same(chain(IMAGE, la.Permute(dims)), layout)
    assert_same(chain(IMAGE, la.Conv2D(3, 2), la.Permute(dims), la.Conv2D(2, 2), la.Permute(dims), la.Flatten(), la.Dense(3)), layout)
    after = [la.MaxPooling2D(), la.BatchNormalization(1), la.LayerNormalization([1, 3]), la.PReLU(shared_axes=[2]), la.Softmax(2)]
    assert_same(chain(IMAGE, la.Permute(dims), *after), layout)


@LAYOUTS
@pytest.mark.parametrize("shape", [IMAGE, ANY, (1, 5, 2)], ids=str)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("size", [1, 2, (3, 2), (1, 4)], ids=str)
def test_enlarging_is_ours(size: Any, interpolation: str, shape: Any, layout: str) -> None:
    assert_same(chain(shape, la.UpSampling2D(size, interpolation=interpolation), la.UpSampling2D(2, interpolation=interpolation)), layout)


@LAYOUTS
@pytest.mark.parametrize("cropping", [0, 1, (1, 2), ((0, 1), (2, 0))], ids=str)
def test_cropping_is_ours(cropping: Any, layout: str) -> None:
    assert_same(chain(IMAGE, la.Cropping2D(cropping)), layout)
    assert_same(chain(ANY, la.Conv2D(3, 2), la.Cropping2D(cropping)), layout)


# ---- several inputs


@LAYOUTS
@pytest.mark.parametrize("kind", [la.Add, la.Subtract, la.Multiply, la.Average, la.Maximum])
@pytest.mark.parametrize(
    "shapes",
    [(IMAGE, IMAGE), (IMAGE, (4,)), ((4,), IMAGE), (IMAGE, (1, 1, 4)), ((7, 6, 1), (1, 6, 4)), (IMAGE, (6, 4)), (ROWS, (1,)), (ROWS, ()),
     ((4, 1), (1, 5)), ((2, 3, 4, 2), (3, 4, 2))], ids=str,
)  # fmt: skip
def test_merging_inputs_of_other_shapes_is_ours(kind: Any, shapes: Any, layout: str) -> None:
    assert_same(joined(lambda a, b: kind()([a, b]), *shapes), layout)
    if shapes[0] == IMAGE:
        assert_same(joined(lambda a, b: kind()([la.Conv2D(4, 3, padding="same")(a), b]), *shapes), layout)


@LAYOUTS
@pytest.mark.parametrize("kind", [la.Add, la.Multiply, la.Average, la.Maximum])
def test_merging_one_or_three_inputs_is_ours(kind: Any, layout: str) -> None:
    assert_same(joined(lambda a, b, c: kind()([a, b, c]), IMAGE, (4,), (1, 1, 4)), layout)
    assert_same(joined(lambda a: kind()([a]), IMAGE), layout)


@LAYOUTS
@pytest.mark.parametrize("kind", [la.Subtract, la.Multiply, la.Concatenate])
def test_merging_what_was_flattened_is_ours(kind: Any, layout: str) -> None:
    def conv(x: Any) -> Any:
        return la.Flatten()(la.Conv2D(4, 3, padding="same")(x))

    assert_same(joined(lambda a: kind()([conv(a), conv(a)]), IMAGE), layout)
    assert_same(joined(lambda a: kind()([conv(a), la.Flatten()(a)]), IMAGE), layout)
    assert_same(joined(lambda a, b: la.Dense(3)(kind()([conv(a), b])), IMAGE, (168,)), layout)
    if kind is not la.Concatenate:
        assert_same(joined(lambda a: kind()([conv(a), la.Dense(1)(la.Flatten()(a))]), IMAGE), layout)
        assert_same(joined(lambda a, b: kind()([conv(a), b]), IMAGE, (3, 168)), layout)


@LAYOUTS
@pytest.mark.parametrize("axis", [-1, 0, 1, 2, 3])
def test_joining_along_any_axis_is_ours(axis: int, layout: str) -> None:
    assert_same(joined(lambda a, b: la.Concatenate(axis)([a, la.Conv2D(4, 3, padding="same")(b)]), IMAGE, IMAGE), layout)
    if axis < 2:
        assert_same(
            joined(lambda a: la.Concatenate(axis)([la.Flatten()(la.Conv2D(4, 3, padding="same")(a)), la.Flatten()(a)]), IMAGE), layout
        )


# ---- types


@LAYOUTS
@pytest.mark.parametrize(("dtype", "close"), [("float64", 1e-5), ("float16", 3e-3)])
def test_other_floating_types_are_ours(dtype: str, close: float, layout: str) -> None:
    of: dict[str, Any] = {"dtype": dtype}
    model = chain(
        {"shape": IMAGE, **of}, la.Conv2D(4, 3, padding="same", activation="relu", **of), la.BatchNormalization(**of),
        la.MaxPooling2D(**of), la.LayerNormalization(**of), la.PReLU(shared_axes=[1], **of),
        la.Conv2DTranspose(2, 2, activation="celu", **of), la.GlobalAveragePooling2D(**of), la.Dense(3, activation="gelu", **of),
        la.Rescaling(2.0, 1.0, **of), la.Softmax(**of),
    )  # fmt: skip
    assert_same(model, layout, close=close)


def test_float64_stays_itself_if_asked() -> None:
    wide: dict[str, Any] = {"dtype": "float64"}
    model = chain({"shape": ROWS, **wide}, la.Dense(4, activation="tanh", **wide), la.Dense(3, activation="softmax", **wide))
    proto = assert_same(model, dtype="float64", close=1e-14)
    assert operators(proto) == ["Gemm", "Tanh", "Gemm", "Softmax"]
    assert {item.data_type for item in proto.graph.initializer} == {11}  # DOUBLE


@LAYOUTS
@pytest.mark.parametrize("dtype", ["uint8", "int32"])
@pytest.mark.parametrize(
    "layer",
    [la.Rescaling(1 / 255), la.Conv2D(3, 2), la.ReLU(), la.MaxPooling2D(), la.GlobalMaxPooling2D(), la.ZeroPadding2D(), la.Flatten(),
     la.Permute((3, 1, 2)), la.AveragePooling2D(), la.BatchNormalization(), la.PReLU(), la.GlobalAveragePooling2D(), la.UpSampling2D()],
    ids=lambda layer: type(layer).__name__,
)  # fmt: skip
def test_whole_numbers_become_what_they_become_with_us(layer: Any, dtype: str, layout: str) -> None:
    assert_same(chain({"shape": IMAGE, "dtype": dtype}, type(layer).from_config(layer.get_config())), layout)


@pytest.mark.parametrize("kind", [la.Add, la.Average, la.Maximum, la.Multiply, la.Concatenate])
def test_whole_numbers_are_merged_as_with_us(kind: Any) -> None:
    given = {"shape": IMAGE, "dtype": "int32"}
    assert_same(joined(lambda a, b, c: kind()([a, b, c]), given, given, given))
    assert_same(joined(lambda a, b: kind()([a, b]), given, IMAGE))
