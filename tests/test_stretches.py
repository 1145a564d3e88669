"""Chains of layers that train as recorded programs have the very weights of chains whose layers run one by one, whatever comes between."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.convolutions import needs_numba
from tests.stretches import Batches, Story, assert_no_difference, normalized, plain, ready, small, steps, stretches_of, told, trust

from convstep import Input, Model, Sequential, layers, models, use_engine
from convstep.models.graph import Graph

pytestmark = needs_numba


@pytest.fixture(autouse=True)
def compiled() -> Iterator[None]:
    with use_engine("compiled"):
        yield


# --- whole models ---


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize(
    "make", [small, plain, models.lenet5, models.signs, normalized, lambda: models.vgg((16, 16, 3))],
    ids=["dropout", "pooling", "lenet5", "signs", "happy_house", "vgg"],
)  # fmt: skip
def test_programs_train_to_the_very_weights_of_the_layers(make: Callable[[], Model], optimizer: str) -> None:
    model = assert_no_difference(make, steps, optimizer)
    if make is not normalized:  # it has one layer with weights between those that are not recorded
        assert trust(model)
        assert all(trust(model))


def test_fit_and_its_last_smaller_batch_train_to_the_very_weights_of_the_layers() -> None:
    def story(model: Model, batches: Batches) -> None:
        x, y = batches(34)
        model.fit(x, y, 5, 3, verbose=0, validation_split=0.2)

    assert_no_difference(small, story)


def test_an_exact_engine_has_programs_too() -> None:
    with use_engine("compiled", exact=True):
        assert all(trust(assert_no_difference(plain, steps)))


def test_a_recording_stays_for_as_long_as_nothing_but_numbers_changes() -> None:
    model = ready(plain)
    batches = Batches(model)
    steps(model, batches, 4)
    (piece,) = stretches_of(model)
    take = piece._takes[0]
    programs = take.there, take.back
    for _ in range(4):
        model.train_on_batch(*batches())
        model.evaluate(*batches(7), verbose=0)
    assert (take.there, take.back) == programs


# --- what happens between steps ---


def weights_set(model: Model, batches: Batches) -> None:
    model.set_weights([batches.rng.normal(0, 0.3, w.shape) for w in model.get_weights()])


def values_replaced(model: Model, _batches: Batches) -> None:
    for item in model.trainable_parameters:
        item.value = item.value * np.float32(0.5)


def values_changed_in_place(model: Model, _batches: Batches) -> None:
    for item in model.trainable_parameters:
        item.value *= np.float32(0.5)


def first_frozen(model: Model, batches: Batches) -> None:
    model.layers[0].trainable = False
    compiled_again(model, batches)


def last_frozen(model: Model, batches: Batches) -> None:
    model.layers[-1].trainable = False
    compiled_again(model, batches)


def a_parameter_frozen(model: Model, batches: Batches) -> None:
    for item in model.layers[0].parameters:
        item.trainable = False
    compiled_again(model, batches)


def all_frozen_and_one_released(model: Model, batches: Batches) -> None:
    model.trainable = False
    model.layers[3].trainable = True
    compiled_again(model, batches)


def larger_batch(model: Model, batches: Batches) -> None:
    model.train_on_batch(*batches(9))


def three_larger_batches(model: Model, batches: Batches) -> None:
    for _ in range(3):
        model.train_on_batch(*batches(9))


def another_activation(model: Model, _batches: Batches) -> None:
    layer: Any = model.layers[3]
    layer.activation = layers.activations.get("relu")


def an_activation_before_a_relu(model: Model, _batches: Batches) -> None:
    layer: Any = model.layers[0]
    layer.activation = layers.activations.get("tanh")


def other_strides(model: Model, _batches: Batches) -> None:
    layer: Any = model.layers[0]
    layer.padding, layer.strides, layer.accepted = "same", (2, 2), None


def compiled_again(model: Model, _batches: Batches) -> None:
    model.compile("sgd", "sparse_categorical_crossentropy")


def predictions(model: Model, batches: Batches) -> None:
    model.predict(batches(6)[0], verbose=0)


def a_value(value: float, model: Model, batches: Batches) -> None:
    before = model.get_weights()
    x, y = batches()
    x[1, 2, 3, 0] = value
    model.train_on_batch(x, y)
    model.set_weights(before)


def a_nan(model: Model, batches: Batches) -> None:
    a_value(np.nan, model, batches)


def an_infinity(model: Model, batches: Batches) -> None:
    a_value(np.inf, model, batches)


def another_engine(model: Model, batches: Batches) -> None:
    with use_engine("numpy"):
        model.train_on_batch(*batches())


def more_exact(model: Model, batches: Batches) -> None:
    with use_engine("compiled", exact=True):
        model.train_on_batch(*batches())


CHANGES: list[Story] = [
    weights_set, values_replaced, values_changed_in_place, first_frozen, last_frozen, a_parameter_frozen, all_frozen_and_one_released,
    larger_batch, three_larger_batches, another_activation, an_activation_before_a_relu, compiled_again, predictions, a_nan, an_infinity,
    another_engine, more_exact,
]  # fmt: skip


@pytest.mark.parametrize("after", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_whatever_changes_between_steps_is_noticed(change: Story, after: int) -> None:
    def story(model: Model, batches: Batches) -> None:
        steps(model, batches, after)
        change(model, batches)
        steps(model, batches, 6)

    with np.errstate(all="ignore"):
        assert_no_difference(plain, story)


def test_what_dropout_leaves_out_has_the_type_of_its_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    def mixed() -> Model:
        wide: dict[str, Any] = {"dtype": "float64"}
        return Sequential(
            [Input((8,)), layers.Dense(6, "relu", **wide), layers.Dropout(0.4), layers.Dense(4, "tanh", **wide), layers.Dense(3, **wide)]
        )

    def story(model: Model, batches: Batches) -> None:
        model.compile("sgd", "mse")
        for _ in range(12):
            x, _ = batches()
            model.train_on_batch(x, x[:, :3])

    _, got = told(mixed, story)
    monkeypatch.setattr(Graph, "chain", None)
    _, want = told(mixed, story)
    for one, two in zip(got, want, strict=True):
        np.testing.assert_array_equal(one, two)


def test_other_strides_are_noticed() -> None:
    def model() -> Model:
        return Sequential([Input((8, 8, 2)), layers.Conv2D(4, 3), layers.Conv2D(3, 2), layers.GlobalAveragePooling2D()])

    def story(model: Model, batches: Batches) -> None:
        steps(model, batches, 5)
        other_strides(model, batches)
        steps(model, batches, 5)

    assert_no_difference(model, story)


def test_loaded_weights_are_noticed(tmp_path: Path) -> None:
    def story(model: Model, batches: Batches) -> None:
        model.save_weights(tmp_path / "before.safetensors")
        steps(model, batches, 5)
        model.load_weights(tmp_path / "before.safetensors")
        steps(model, batches, 5)

    assert_no_difference(plain, story)
