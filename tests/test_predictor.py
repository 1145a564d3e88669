"""A frozen model predicts what the model predicts, whatever was folded, and in as few steps as can be."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from tests.architectures import ARCHITECTURES, IMAGES

import convstep
from convstep import Input, Model, Sequential, layers, models, use_engine
from convstep.checks import Array
from convstep.models.predictor import Predictor

ENGINES = ["numpy", *(["compiled"] if find_spec("numba") else [])]
ACTIVATIONS = (
    "relu", "relu6", "tanh", "sigmoid", "softmax", "linear", "elu", "gelu", "selu", "silu", "softplus", "softsign", "leaky_relu",
    "exponential", "hard_sigmoid", "hard_silu",
)  # fmt: skip
FOLDED = (*ACTIVATIONS[:6], "leaky_relu", "silu", "hard_sigmoid", "hard_silu")


@pytest.fixture(autouse=True, params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    with use_engine(request.param):
        yield request.param


def trained(model: Any, seed: int = 0) -> Any:
    """The model with weights as after training: none of them 0 or 1, variances positive."""
    rng = np.random.default_rng(seed)
    for path, item in model.named_parameters().items():
        values = rng.normal(0, 0.5, item.value.shape)
        item.value = (np.abs(values) + 0.2 if "variance" in path else values).astype(item.value.dtype)
    return model


def chain(*parts: Any, shape: tuple[int | None, ...] = IMAGES) -> Any:
    return trained(Sequential([Input(shape), *parts]))


def images(model: Any, count: int = 3, seed: int = 1) -> Array:
    shape = [size or 5 for size in model.input.shape[1:]]
    return np.random.default_rng(seed).standard_normal((count, *shape)).astype(model.inputs[0].layer.dtype)


def assert_same(got: Array, want: Array, near: float = 2e-5) -> None:
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=near, atol=near * max(1, float(np.abs(want[np.isfinite(want)]).max(initial=0))))


def checked(model: Any, steps: int | None = None) -> Predictor:
    """A predictor that agrees with the model on several batches, and has so many steps."""
    predictor = Predictor(model)
    for count, seed in ((3, 1), (3, 2), (1, 3), (3, 4)):
        x = images(model, count, seed)
        assert_same(predictor(x), model.predict(x, verbose=0))
    assert steps is None or len(predictor._steps) == steps
    return predictor


def as_one_program(predictor: Predictor) -> bool:
    return all(step.own for step in predictor._steps)


# --- what is folded ---


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("kind", ["convolution", "depthwise", "dense", "pooling"])
def test_every_activation_in_a_layer_or_behind_it(kind: str, name: str) -> None:
    def layer(activation: str | None) -> Any:
        if kind == "convolution":
            return layers.Conv2D(5, 3, padding="same", activation=activation)
        if kind == "depthwise":
            return layers.DepthwiseConv2D(3, depth_multiplier=2, activation=activation)
        return layers.Dense(6, activation=activation) if kind == "dense" else layers.MaxPooling2D(2)

    if kind != "pooling":
        assert as_one_program(checked(chain(layer(name)), steps=1)) == (name in FOLDED)
    behind = checked(chain(layer(None), layers.Activation(name)), steps=1 if name in FOLDED else 2)
    assert as_one_program(behind) == (name in FOLDED)


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({}, 1), ({"max_value": 6.0}, 1), ({"negative_slope": 0.1}, 1), ({"max_value": 1.0}, 2), ({"threshold": 0.3}, 2),
        ({"max_value": 6.0, "negative_slope": 0.1}, 2),
    ],
    ids=str,
)  # fmt: skip
def test_a_relu_is_folded_where_engines_have_its_options(options: dict[str, float], steps: int) -> None:
    checked(chain(layers.Conv2D(5, 3), layers.ReLU(**options)), steps=steps)


@pytest.mark.parametrize("slope", [0.0, 0.2, 1.5])
def test_a_leaking_relu_is_folded_with_its_slope(slope: float) -> None:
    assert as_one_program(checked(chain(layers.Conv2D(5, 3), layers.LeakyReLU(slope)), steps=1))


@pytest.mark.parametrize(("axis", "steps"), [(-1, 1), (2, 2), ((1, 2), 2)])
def test_a_softmax_is_folded_where_it_goes_along_the_last_axis(axis: Any, steps: int) -> None:
    checked(chain(layers.Conv2D(5, 3), layers.Softmax(axis)), steps=steps)


def test_two_activations_are_two_steps_and_an_activation_may_come_first() -> None:
    checked(chain(layers.Conv2D(5, 3, activation="tanh"), layers.ReLU()), steps=2)
    checked(chain(layers.Activation("tanh"), layers.Conv2D(5, 3)), steps=2)
    checked(chain(layers.Flatten(), layers.ReLU(), layers.Dense(3)), steps=2)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(("scale", "center"), [(True, True), (True, False), (False, True), (False, False)])
@pytest.mark.parametrize("kind", ["convolution", "grouped", "depthwise", "dense"])
def test_normalization_is_folded_into_what_it_follows(kind: str, scale: bool, center: bool, use_bias: bool) -> None:
    before: dict[str, Any] = {
        "convolution": lambda: layers.Conv2D(6, 3, use_bias=use_bias),
        "grouped": lambda: layers.Conv2D(6, 3, use_bias=use_bias, groups=2),
        "depthwise": lambda: layers.DepthwiseConv2D(3, use_bias=use_bias, depth_multiplier=3),
        "dense": lambda: layers.Dense(6, use_bias=use_bias),
    }
    normal = layers.BatchNormalization(scale=scale, center=center, epsilon=0.01)
    assert as_one_program(checked(chain(before[kind](), normal, layers.ReLU()), steps=1))


def test_normalization_stays_where_it_cannot_be_folded() -> None:
    normal = layers.BatchNormalization
    checked(chain(layers.Conv2D(6, 3, activation="relu"), normal()), steps=2)
    checked(chain(normal(), layers.Conv2D(6, 3)), steps=2)
    checked(chain(layers.Conv2D(4, 5), normal(axis=1)), steps=2)
    checked(chain(layers.Conv2D(4, 5), normal(axis=3)), steps=1)
    checked(chain(layers.Dense(5), normal(axis=1), shape=(5, 5)), steps=2)
    checked(chain(layers.Dense(5), normal(axis=2), shape=(5, 5)), steps=1)
    checked(chain(layers.Conv2D(6, 3), normal(), normal()), steps=1)


@pytest.mark.parametrize("padding", [1, (2, 0), ((0, 1), (2, 3))], ids=str)
def test_zeros_before_a_convolution_are_its_padding(padding: Any) -> None:
    zeros = layers.ZeroPadding2D(padding)
    assert as_one_program(checked(chain(zeros, layers.Conv2D(5, 3, strides=2)), steps=1))
    checked(chain(layers.ZeroPadding2D(padding), layers.DepthwiseConv2D(3)), steps=1)
    checked(chain(layers.ZeroPadding2D(padding), layers.Dropout(0.5), layers.Conv2D(5, 3), layers.BatchNormalization()), steps=1)
    checked(chain(layers.ZeroPadding2D(padding), layers.Conv2D(5, 3, padding="same")), steps=2)
    checked(chain(layers.ZeroPadding2D(padding), layers.ReLU(), layers.Conv2D(5, 3)), steps=3)
    checked(chain(layers.ZeroPadding2D(padding), layers.AveragePooling2D(3)), steps=2)


def test_zeros_before_a_maximum_are_its_padding_only_where_nothing_is_negative() -> None:
    def pooled(*before: Any, padding: Any = 1, size: int = 3, shift: float = 0.0) -> Any:
        model = chain(*before, layers.ZeroPadding2D(padding), layers.MaxPooling2D(size, strides=2))
        for item in model.layers[0].parameters[1:]:
            item.value -= np.float32(shift)  # so that zeros win often
        return model

    checked(pooled(layers.Conv2D(4, 3, activation="relu"), shift=1), steps=2)
    checked(pooled(layers.Conv2D(4, 3), layers.ReLU(), shift=1), steps=2)
    checked(pooled(layers.Conv2D(4, 3), shift=9), steps=3)
    checked(pooled(layers.Conv2D(4, 3, activation="tanh"), shift=9), steps=3)
    checked(pooled(), steps=2)
    checked(pooled(layers.Conv2D(4, 3, activation="relu"), padding=((0, 2), (2, 0))), steps=2)
    checked(pooled(layers.Conv2D(4, 3, activation="relu"), padding=4), steps=3)  # windows of zeros alone
    checked(pooled(layers.Conv2D(4, 3, activation="relu"), padding=((3, 0), (0, 0)), size=3), steps=3)


# --- other layers, and graphs ---


def test_pooling_shapes_and_sums() -> None:
    assert as_one_program(checked(chain(layers.MaxPooling2D(3, strides=2, padding="same"))))
    assert as_one_program(checked(chain(layers.AveragePooling2D(3, strides=2))))
    for padding in ("same", ((1, 1), (0, 2)), 1):
        assert as_one_program(checked(chain(layers.AveragePooling2D(3, strides=2, padding=padding))))
    for keepdims in (True, False):
        assert as_one_program(checked(chain(layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(keepdims=keepdims))))
        assert as_one_program(checked(chain(layers.Conv2D(4, 3), layers.GlobalMaxPooling2D(keepdims=keepdims))))
    assert as_one_program(checked(chain(layers.Reshape((4, 32)), layers.Dense(7), layers.Flatten(), layers.Dense(3))))


def joined(count: int, *, relu: bool = False, broadcast: bool = False) -> Any:
    inputs = Input(IMAGES)
    parts = [layers.Conv2D(1 if broadcast and i else 4, 3, padding="same")(inputs) for i in range(count)]
    x = layers.Add()(parts)
    return trained(Model(inputs, layers.Conv2D(2, 3)(layers.ReLU()(x) if relu else x)))


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("relu", [True, False])
def test_branches_are_added_up(count: int, relu: bool) -> None:
    assert as_one_program(checked(joined(count, relu=relu), steps=count + 2))
    checked(joined(count, relu=relu, broadcast=True))


def test_what_has_two_readers_is_folded_into_neither() -> None:
    inputs = Input(IMAGES)
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    normal, risen, padded = layers.BatchNormalization()(x), layers.ReLU()(x), layers.ZeroPadding2D(1)(x)
    one, other = layers.Conv2D(4, 3)(padded), layers.Conv2D(4, 1)(layers.MaxPooling2D(3, strides=1)(padded))
    checked(trained(Model(inputs, layers.Add()([normal, risen, one, other, x]))))
    checked(trained(Model(inputs, layers.Add()([x, x]))))
    left = layers.Dropout(0.5)(x)
    checked(trained(Model(inputs, layers.Add()([layers.ReLU()(left), x]))))
    checked(trained(Model(inputs, layers.Dropout(0.5)(x))), steps=1)


@pytest.mark.parametrize("make", ARCHITECTURES, ids=lambda make: make.__name__)
def test_small_models_of_every_kind(make: Any) -> None:
    checked(trained(make(convstep)))


NETWORKS: dict[str, Any] = {
    "lenet5": models.lenet5, "signs": models.signs, "signs_tf1": models.signs_tf1, "happy_house": models.happy_house,
    "vgg": lambda: models.vgg((16, 16, 3), dropout=0.3), "resnet": lambda: models.resnet((16, 16, 3), blocks=1),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_the_networks_that_ship(name: str) -> None:
    model = NETWORKS[name]()
    for item in model.named_parameters().values():
        item.value += np.float32(0.01)
    assert as_one_program(checked(model))


class Halved(layers.Layer):
    """Somebody's own layer, with a view of its input as the output."""

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        return x[..., ::2], None

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], -(-input_shape[-1] // 2))


def test_layers_that_are_not_known_run_as_they_are() -> None:
    inner = trained(Sequential([Input((6, 6, 4)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.PReLU()]))
    parts = [layers.Conv2D(4, 3), inner, layers.SeparableConv2D(4, 3, padding="same"), Halved(), layers.Conv2D(3, 1)]
    predictor = checked(chain(*parts), steps=5)
    assert [step.own for step in predictor._steps] == [True, False, False, False, True]


def test_a_layer_that_was_called_to_train_does_so() -> None:
    inputs = Input(IMAGES)
    x = layers.Conv2D(4, 3)(inputs)
    normal = trained(Model(inputs, layers.BatchNormalization()(x, training=True)))
    checked(normal, steps=2)
    dropped = Model(inputs, layers.Dropout(0.5, seed=3)(x, training=True))
    got, want = Predictor(dropped)(images(dropped)), dropped(images(dropped))
    assert_same(got, want)
    assert (want == 0).any()


# --- types ---


@pytest.mark.parametrize("dtype", ["float64", "float16"])
@pytest.mark.parametrize("given", ["float16", "float32", "float64", "int64"])
def test_other_types_are_those_of_the_model(dtype: str, given: str) -> None:
    kinds: list[Any] = [
        layers.Conv2D(4, 3, activation="relu", dtype=dtype), layers.BatchNormalization(dtype=dtype), layers.MaxPooling2D(2, dtype=dtype),
        layers.GlobalAveragePooling2D(dtype=dtype), layers.Dense(3, activation="softmax", dtype=dtype),
    ]  # fmt: skip
    model = trained(Sequential([Input(IMAGES, dtype=dtype), *kinds]))
    x = (3 * images(model)).astype(given)
    want = model.predict(x, verbose=0)
    assert want.dtype == dtype
    for predictor in (Predictor(model),) * 2:
        assert_same(predictor(x), want, near=2e-3 if dtype == "float16" else 1e-12)


def test_means_of_many_large_halves_stay_finite() -> None:
    model = Sequential([Input((64, 64, 2), dtype="float16"), layers.GlobalAveragePooling2D(dtype="float16")])
    x = np.full((2, 64, 64, 2), 60, np.float16)
    np.testing.assert_array_equal(Predictor(model)(x), np.full((2, 2), 60, np.float16))
