"""Every layer against Keras 3 on PyTorch: outputs, gradients, weights, shapes, arguments; and against its own slope in float64."""

import inspect
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from convstep import layers
from convstep.checks import Array
from convstep.errors import ShapeError
from convstep.layers.base import Layer, own_arguments, snake_case
from convstep.testing import gradient_check

IMAGES, ODD = (2, 7, 6, 3), (2, 8, 5, 2)
Case = tuple[str, dict[str, Any], Sequence[tuple[int, ...]]]

CASES: list[Case] = [
    ("Conv2D", {"filters": 4, "kernel_size": 3}, [IMAGES]),
    ("Conv2D", {"filters": 3, "kernel_size": (3, 2), "strides": 2, "padding": "same", "activation": "relu"}, [IMAGES]),
    ("Conv2D", {"filters": 4, "kernel_size": (2, 3), "strides": (1, 2), "padding": "SAME", "use_bias": False}, [ODD]),
    ("Conv2D", {"filters": 2, "kernel_size": 3, "dilation_rate": (2, 1), "padding": "same", "activation": "tanh"}, [ODD]),
    ("Conv2D", {"filters": 6, "kernel_size": 3, "groups": 2, "strides": 2, "activation": "sigmoid"}, [(2, 7, 6, 4)]),
    ("Conv2D", {"filters": 2, "kernel_size": 2, "activation": "softmax"}, [ODD]),
    ("DepthwiseConv2D", {"kernel_size": 3}, [IMAGES]),
    ("DepthwiseConv2D", {"kernel_size": (2, 3), "strides": 2, "padding": "same", "depth_multiplier": 2, "activation": "elu"}, [IMAGES]),
    ("DepthwiseConv2D", {"kernel_size": 2, "dilation_rate": 2, "use_bias": False}, [ODD]),
    ("SeparableConv2D", {"filters": 4, "kernel_size": 3}, [IMAGES]),
    ("SeparableConv2D", {"filters": 2, "kernel_size": (3, 2), "strides": 2, "padding": "same", "depth_multiplier": 2}, [IMAGES]),
    ("SeparableConv2D", {"filters": 3, "kernel_size": 2, "dilation_rate": 2, "use_bias": False, "activation": "relu"}, [ODD]),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3}, [(2, 4, 3, 3)]),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"}, [(2, 4, 3, 2)]),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": (2, 4), "strides": (3, 2), "use_bias": False}, [(2, 4, 3, 3)]),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": (4, 2), "strides": (2, 3), "padding": "same"}, [(1, 3, 4, 2)]),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2, "output_padding": 1}, [(2, 3, 4, 2)]),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 0}, [(2, 3, 4, 2)]),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 2, "dilation_rate": 2, "padding": "same"}, [(2, 4, 3, 3)]),
    ("MaxPooling2D", {}, [IMAGES]),
    ("MaxPooling2D", {"pool_size": (3, 2), "strides": 2, "padding": "same"}, [IMAGES]),
    ("MaxPooling2D", {"pool_size": 3, "strides": (1, 2)}, [ODD]),
    ("AveragePooling2D", {"pool_size": 2}, [IMAGES]),
    ("AveragePooling2D", {"pool_size": (3, 2), "strides": (1, 2)}, [ODD]),
    ("AveragePooling2D", {"pool_size": 3, "strides": 1, "padding": "same"}, [ODD]),
    ("GlobalAveragePooling2D", {}, [IMAGES]),
    ("GlobalAveragePooling2D", {"keepdims": True}, [ODD]),
    ("GlobalMaxPooling2D", {}, [IMAGES]),
    ("GlobalMaxPooling2D", {"keepdims": True}, [ODD]),
    ("ZeroPadding2D", {}, [IMAGES]),
    ("ZeroPadding2D", {"padding": 2}, [IMAGES]),
    ("ZeroPadding2D", {"padding": ((0, 1), (2, 3))}, [ODD]),
    ("ZeroPadding2D", {"padding": (0, 2)}, [ODD]),
    ("Cropping2D", {}, [IMAGES]),
    ("Cropping2D", {"cropping": ((1, 0), (0, 2))}, [IMAGES]),
    ("Cropping2D", {"cropping": (2, 1)}, [ODD]),
    ("UpSampling2D", {}, [IMAGES]),
    ("UpSampling2D", {"size": (3, 1)}, [ODD]),
    ("UpSampling2D", {"size": (2, 3), "interpolation": "bilinear"}, [ODD]),
    ("BatchNormalization", {}, [IMAGES]),
    ("BatchNormalization", {"axis": 1, "scale": False, "epsilon": 0.1}, [ODD]),
    ("BatchNormalization", {"center": False, "momentum": 0.5}, [(6, 4)]),
    ("BatchNormalization", {"trainable": False}, [IMAGES]),
    ("LayerNormalization", {}, [IMAGES]),
    ("LayerNormalization", {"axis": [1, 2, 3], "epsilon": 0.1}, [ODD]),
    ("LayerNormalization", {"axis": 1, "scale": False}, [(4, 5)]),
    ("LayerNormalization", {"axis": (1, 3), "center": False}, [IMAGES]),
    ("Dense", {"units": 4}, [(3, 5)]),
    ("Dense", {"units": 3, "activation": "softmax", "use_bias": False}, [(4, 6)]),
    ("Dense", {"units": 2, "activation": "exponential"}, [(2, 3, 4)]),
    ("Flatten", {}, [IMAGES]),
    ("Flatten", {}, [(3, 4)]),
    ("Reshape", {"target_shape": (6, 21)}, [IMAGES]),
    ("Reshape", {"target_shape": (3, -1, 2)}, [IMAGES]),
    ("Permute", {"dims": (3, 1, 2)}, [IMAGES]),
    ("Activation", {"activation": "relu"}, [IMAGES]),
    ("Activation", {"activation": "log_softmax"}, [IMAGES]),
    ("ReLU", {}, [IMAGES]),
    ("ReLU", {"max_value": 0.7, "negative_slope": 0.2, "threshold": 0.3}, [IMAGES]),
    ("ReLU", {"max_value": 6}, [IMAGES]),
    ("LeakyReLU", {}, [IMAGES]),
    ("LeakyReLU", {"negative_slope": 0.1}, [(3, 4)]),
    ("ELU", {"alpha": 0.5}, [IMAGES]),
    ("PReLU", {}, [IMAGES]),
    ("PReLU", {"shared_axes": [1, 2]}, [IMAGES]),
    ("Softmax", {}, [IMAGES]),
    ("Softmax", {"axis": 1}, [IMAGES]),
    ("Softmax", {"axis": [1, 2]}, [IMAGES]),
    ("Rescaling", {"scale": 2.0, "offset": -1.0}, [IMAGES]),
    ("Rescaling", {"scale": [2.0, 3.0], "offset": [1.0, 0.0]}, [ODD]),
    ("Dropout", {"rate": 0.5}, [IMAGES]),
    ("Add", {}, [IMAGES, IMAGES, IMAGES]),
    ("Add", {}, [IMAGES, (2, 1, 1, 3), (2, 6, 3)]),
    ("Subtract", {}, [IMAGES, IMAGES]),
    ("Subtract", {}, [(3, 1), (3, 4)]),
    ("Multiply", {}, [IMAGES, IMAGES, IMAGES]),
    ("Multiply", {}, [IMAGES, (2, 1, 1, 3)]),
    ("Average", {}, [IMAGES, IMAGES, IMAGES]),
    ("Average", {}, [(3, 4), (3, 1)]),
    ("Maximum", {}, [IMAGES, IMAGES, IMAGES]),
    ("Maximum", {}, [(3, 4), (3, 1)]),
    ("Concatenate", {}, [IMAGES, (2, 7, 6, 1), IMAGES]),
    ("Concatenate", {"axis": 1}, [(2, 3, 4), (2, 1, 4)]),
]
KINDS = sorted({kind for kind, _, _ in CASES})
IDS = [f"{kind} {number}" for number, (kind, _, _) in enumerate(CASES)]
TIED = {"MaxPooling2D", "GlobalMaxPooling2D", "Maximum", "ReLU"}
every_case = pytest.mark.parametrize(("kind", "arguments", "shapes"), CASES, ids=IDS)


def made(kind: str, arguments: dict[str, Any], shapes: Sequence[tuple[int, ...]], **common: Any) -> Layer:
    layer: Layer = getattr(layers, kind)(**arguments, **common)
    layer.ensure_built(batchless(layer, shapes))
    return layer


def batchless(layer: Layer, shapes: Sequence[tuple[int, ...]]) -> Any:
    unknown = [(None, *shape[1:]) for shape in shapes]
    return unknown if layer.several else unknown[0]


def drawn(shapes: Sequence[tuple[int, ...]], rng: np.random.Generator, *, ties: bool = False) -> list[Array]:
    return [(rng.integers(-2, 3, shape) if ties else rng.standard_normal(shape)).astype("float32") for shape in shapes]


def weights(layer: Layer, rng: np.random.Generator) -> list[Array]:
    return [
        rng.uniform(0.5, 2, item.value.shape) if item.name == "moving_variance" else rng.standard_normal(item.value.shape)
        for item in layer.parameters
    ]


def assert_near(got: Array, want: Array) -> None:
    """Within 1e-5 of the scale of what is wanted."""
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    assert np.abs(got - want).max() <= 1e-5 * max(1.0, np.abs(want).max())


def oracle(keras: Any, kind: str, arguments: dict[str, Any], shapes: Sequence[tuple[int, ...]]) -> Any:
    layer = getattr(keras.layers, kind)(**arguments)
    unknown = [(None, *shape[1:]) for shape in shapes]
    layer.build(unknown if getattr(layers, kind).several else unknown[0])
    return layer


# --- against Keras ---


@every_case
@pytest.mark.parametrize("training", [False, True])
def test_forward_and_backward_agree_with_keras(keras: Any, kind: str, arguments: dict[str, Any], shapes: Any, *, training: bool) -> None:
    torch, rng = pytest.importorskip("torch"), np.random.default_rng(0)
    layer, theirs = made(kind, arguments, shapes), oracle(keras, kind, arguments, shapes)
    values = [value.astype("float32") for value in weights(layer, rng)]
    layer.set_weights(values)
    theirs.set_weights(values)
    for ties in (False, True) if kind in TIED else (False,):
        x = drawn(shapes, rng, ties=ties)
        inputs = [torch.tensor(item, requires_grad=True) for item in x]
        options = {"training": training} if kind == "BatchNormalization" else {}
        want = theirs(inputs if layer.several else inputs[0], **options)
        got, cache = layer.forward(x if layer.several else x[0], training=training and kind != "Dropout")
        assert_near(got, want.detach().numpy())

        dy = rng.standard_normal(got.shape).astype("float32")
        want.backward(torch.tensor(dy))
        dx, gradients = layer.backward(dy, cache)
        for mine, item in zip(dx if layer.several else [dx], inputs, strict=True):
            assert_near(mine, item.grad.numpy())
        assert list(gradients) == [item.name for item in layer.parameters if item.trainable]
        for item, variable in zip(layer.parameters, theirs.weights, strict=True):
            if item.trainable and theirs.trainable:
                assert_near(gradients[item.name], variable.value.grad.numpy())
        layer.update(cache)
        for mine, variable in zip(layer.get_weights(), theirs.weights, strict=True):
            assert_near(mine, variable.value.detach().numpy())


@every_case
def test_weights_and_shapes_are_keras_s(keras: Any, kind: str, arguments: dict[str, Any], shapes: Any) -> None:
    layer, theirs = made(kind, arguments, shapes), oracle(keras, kind, arguments, shapes)
    assert [item.name for item in layer.parameters] == [variable.name for variable in theirs.weights]
    assert [value.shape for value in layer.get_weights()] == [tuple(variable.shape) for variable in theirs.weights]
    assert [item.name for item in layer.trainable_parameters] == [variable.name for variable in theirs.trainable_weights]
    unknown = batchless(layer, shapes)
    assert layer.compute_output_shape(unknown) == tuple(theirs.compute_output_shape(unknown))
    assert layer.count_params() == theirs.count_params()
    symbols = [layers.Input(shape[1:]) for shape in shapes]
    assert layer(symbols if layer.several else symbols[0]).shape == layer.compute_output_shape(unknown)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.endswith("2D") and not kind.startswith("Global")] + ["Flatten"])
def test_sizes_that_are_not_known_stay_unknown_as_in_keras(keras: Any, kind: str) -> None:
    arguments, shapes = next((arguments, shapes) for name, arguments, shapes in CASES if name == kind)
    shape = (None, None, shapes[0][2], shapes[0][3])
    theirs = getattr(keras.layers, kind)(**arguments)
    assert getattr(layers, kind)(**arguments).compute_output_shape(shape) == tuple(theirs.compute_output_shape(shape))


@pytest.mark.parametrize("kind", KINDS)
def test_arguments_defaults_and_names_are_keras_s(keras: Any, kind: str) -> None:
    ours, theirs = getattr(layers, kind), getattr(keras.layers, kind)
    mine, its = inspect.signature(ours).parameters, inspect.signature(theirs).parameters
    refused = {*ours.unsupported, "renorm_momentum", "name", "kwargs"}
    assert set(own_arguments(ours)) == {word for word in its if word not in refused}
    positional = [word for word, item in mine.items() if item.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert positional == list(its)[: len(positional)]
    required = {kind: arguments for kind, arguments, _ in CASES}[kind]
    layer, oracle = ours(**required), theirs(**required)
    for word in own_arguments(ours):
        have, want = getattr(layer, word), getattr(oracle, word)
        if isinstance(want, int | float | str | tuple | list | None):
            assert have == (tuple(want) if isinstance(want, list) and isinstance(have, tuple) else want)
        elif word.endswith("initializer"):
            assert type(have).__name__ == type(want).__name__
    assert snake_case(kind) == keras.src.utils.naming.to_snake_case(kind)


# --- by themselves ---


@every_case
def test_gradients_are_slopes(kind: str, arguments: dict[str, Any], shapes: Any) -> None:
    rng = np.random.default_rng(3)
    layer = made(kind, arguments, shapes, dtype="float64")
    x, values = [rng.standard_normal(shape) for shape in shapes], weights(layer, rng)
    layer.set_weights(values)
    moved = [item for item in layer.parameters if item.trainable]

    def forward(*arrays: Array) -> tuple[Array, Any]:
        for item, value in zip(moved, arrays[len(x) :], strict=True):
            item.value = value
        y, cache = layer.forward(list(arrays[: len(x)]) if layer.several else arrays[0], training=True, rng=np.random.default_rng(5))
        return y.copy(), cache  # some layers return a view of x, which the check moves

    def backward(dy: Array, cache: Any) -> list[Array]:
        dx, gradients = layer.backward(dy, cache)
        return [*(dx if layer.several else [dx]), *(gradients[item.name] for item in moved)]

    arrays = {f"x{i}": item for i, item in enumerate(x)} | {item.name: item.value for item in moved}
    check = gradient_check(forward, backward, arrays)
    assert check.error <= 1e-7, check


@every_case
def test_configs_survive_json(kind: str, arguments: dict[str, Any], shapes: Any) -> None:
    layer = made(kind, arguments, shapes, name="mine", dtype="float64")
    text = json.dumps({"class_name": kind, "config": layer.get_config()})
    again = layers.deserialize(json.loads(text))
    assert json.dumps({"class_name": kind, "config": again.get_config()}) == text
    again.ensure_built(batchless(again, shapes))
    again.set_weights(layer.get_weights())
    x = [item.astype("float64") for item in drawn(shapes, np.random.default_rng(0))]
    given = x if layer.several else x[0]
    np.testing.assert_array_equal(again(given), layer(given))


@every_case
def test_passes_change_neither_layer_nor_arguments(kind: str, arguments: dict[str, Any], shapes: Any) -> None:
    layer, rng = made(kind, arguments, shapes), np.random.default_rng(1)
    x = drawn(shapes, rng)
    before, copies = layer.get_weights(), [item.copy() for item in x]
    y, cache = layer.forward(x if layer.several else x[0], training=True, rng=np.random.default_rng(1))
    kept = y.copy()
    dy = rng.standard_normal(y.shape).astype("float32")
    first, gradients = layer.backward(dy.copy(), cache)
    layer.set_weights([value + 1 for value in before])
    second, again = layer.backward(dy, cache)
    np.testing.assert_equal((first, dict(gradients)), (second, dict(again)))
    np.testing.assert_equal((x, y), (copies, kept))


@every_case
def test_half_precision_stays_half_precision(kind: str, arguments: dict[str, Any], shapes: Any) -> None:
    layer, rng = made(kind, arguments, shapes, dtype="float16"), np.random.default_rng(2)
    x = [item.astype("float16") for item in drawn(shapes, rng)]
    y, cache = layer.forward(x if layer.several else x[0], training=True, rng=rng)
    assert y.dtype == "float16"
    dx, _ = layer.backward(np.ones_like(y), cache)
    assert {item.dtype.name for item in (dx if layer.several else [dx])} == {"float16"}


@every_case
def test_an_empty_batch_is_a_batch(kind: str, arguments: dict[str, Any], shapes: Any) -> None:
    layer = made(kind, arguments, shapes)
    x = [np.zeros((0, *shape[1:]), "float32") for shape in shapes]
    y, cache = layer.forward(x if layer.several else x[0], training=True, rng=np.random.default_rng(0))
    assert y.shape == (0, *layer.compute_output_shape(batchless(layer, shapes))[1:])
    dx, _ = layer.backward(y, cache)
    assert [item.shape for item in (dx if layer.several else [dx])] == [item.shape for item in x]


def test_explicit_padding_is_that_of_the_operations() -> None:
    x = np.random.default_rng(0).standard_normal(IMAGES).astype("float32")
    plain, padded = layers.Conv2D(2, 3, padding=((1, 0), (2, 2))), layers.ZeroPadding2D(((1, 0), (2, 2)))
    plain(x)
    wide = layers.Conv2D(2, 3)
    wide(padded(x))
    wide.set_weights(plain.get_weights())
    np.testing.assert_allclose(plain(x), wide(padded(x)), atol=1e-6)


# --- dropout ---


def test_dropout_leaves_out_the_share_and_keeps_the_mean() -> None:
    x = np.ones((50, 400), "float32")
    y, cache = layers.Dropout(0.3).forward(x, training=True, rng=np.random.default_rng(0))
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.7)}
    assert abs(np.mean(y == 0) - 0.3) < 0.01
    np.testing.assert_array_equal(layers.Dropout(0.3).backward(x, cache)[0], y)


def test_dropout_draws_what_the_generator_says() -> None:
    x, layer = np.ones((5, 40), "float32"), layers.Dropout(0.5)
    one, same, other = (layer.forward(x, training=True, rng=np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    seeded = layers.Dropout(0.5, seed=4)
    np.testing.assert_array_equal(seeded(x, training=True), seeded(x, training=True))
    assert (layer(x, training=True) != layer(x, training=True)).any()


@pytest.mark.parametrize(("rate", "value"), [(0, 1), (1, 0)])
def test_dropout_of_nothing_and_of_everything(rate: float, value: float) -> None:
    y, cache = layers.Dropout(rate).forward(np.ones((3, 4), "float32"), training=True, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(y, np.full((3, 4), value, "float32"))
    np.testing.assert_array_equal(layers.Dropout(rate).backward(np.ones((3, 4), "float32"), cache)[0], y)


def test_dropout_in_inference_is_the_input_itself() -> None:
    x = np.ones((3, 4), "float32")
    assert layers.Dropout(0.5).forward(x)[0] is x


def test_dropout_repeats_a_mask_of_noise_shape() -> None:
    y, _ = layers.Dropout(0.5, noise_shape=(None, 1, 1, 3)).forward(np.ones(IMAGES), training=True, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1, :1], IMAGES))


# --- graphs ---


def test_symbols_remember_where_they_come_from() -> None:
    image = layers.Input(shape=(8, 8, 3), name="image")
    layer = layers.Conv2D(4, 3, padding="same")
    left = layer(image)
    both = layers.add([left, layer(image)])
    assert (image.shape, image.layer.name, image.inputs) == ((None, 8, 8, 3), "image", ())
    assert (left.layer, left.inputs, left.training) == (layer, (image,), None)
    assert both.inputs[0] is left
    assert both.shape == (None, 8, 8, 4)
    assert layers.Dropout(0.5)(left, training=True).training is True
    assert layers.concatenate([left, image], axis=3).shape == (None, 8, 8, 7)


@pytest.mark.parametrize(
    ("function", "value"), [("add", 5), ("subtract", -1), ("multiply", 6), ("average", 2.5), ("maximum", 3), ("concatenate", [2, 3])]
)
def test_merging_functions_call_their_layers(function: str, value: Any) -> None:
    y = getattr(layers, function)([np.full((1, 1), 2.0), np.full((1, 1), 3.0)])
    np.testing.assert_array_equal(y[0], np.atleast_1d(value))


def test_an_input_layer_hands_on_and_knows_its_shape() -> None:
    layer = layers.InputLayer((4, None), dtype="float64")
    x = np.ones((2, 4, 9))
    assert layer.forward(x)[0] is x
    assert layer.backward(x, None) == (x, {})
    assert layers.deserialize({"class_name": "InputLayer", "config": layer.get_config()}).get_config() == layer.get_config()
    assert layers.Input((3,), batch_size=5).shape == layers.Input(batch_shape=(5, 3)).shape == (5, 3)


def test_called_with_arrays_a_layer_computes() -> None:
    layer = layers.BatchNormalization(momentum=0.5)
    x = np.array([[1.0], [3.0]])
    np.testing.assert_allclose(layer(x), x, atol=1e-2)
    np.testing.assert_allclose(layer(x, training=True), [[-1.0], [1.0]], atol=1e-3)
    np.testing.assert_allclose(layer.parameter("moving_mean"), [1.0])


# --- refusals ---


@pytest.mark.parametrize("kind", ["Dense", "BatchNormalization", "LayerNormalization", "PReLU"])
def test_one_axis_is_too_few(kind: str) -> None:
    arguments = next(arguments for name, arguments, _ in CASES if name == kind)
    with pytest.raises(ShapeError, match=f"^{snake_case(kind)}: the input must have at least 2 axes, not 1\n  given input "):
        getattr(layers, kind)(**arguments)(np.ones(3))


@pytest.mark.parametrize("kind", KINDS)
def test_no_layer_swallows_an_argument(kind: str) -> None:
    arguments = next(arguments for name, arguments, _ in CASES if name == kind)
    with pytest.raises(TypeError, match=f'^{kind}: there is no argument "zzz"; there are '):
        getattr(layers, kind)(**arguments, zzz=1)
