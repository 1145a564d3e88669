"""Programs of chains are trusted once they gave the bits of the layers; interrupts, other models and kept arrays change nothing."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.convolutions import needs_numba
from tests.stretches import Batches, assert_no_difference, plain, ready, steps, stretches_of, told, trust, without_programs

from convstep import Input, Model, Sequential, engines, layers, losses, metrics, use_engine
from convstep.checks import Array
from convstep.engines import current_engine
from convstep.models import stretches
from convstep.models.stretches import Stretch

pytestmark = needs_numba


@pytest.fixture(autouse=True)
def compiled() -> Iterator[None]:
    with use_engine("compiled"):
        yield


# --- interrupts ---


class Interrupted(Exception):  # noqa: N818 - stands for KeyboardInterrupt
    """Ends a step somewhere."""


PLACES = {  # where a step comes by, by how many there were before
    0: ["_key_of", "_forward", "_backward"],
    1: ["_key_of", "_recorded_forward", "_backward"],
    2: ["_key_of", "_recorded_forward", "prove", "_recorded_backward", "_packed", "_unpacked"],
    3: ["_key_of", "_recorded_backward", "_packed", "prove", "_unpacked"],
    4: ["_key_of", "_unpacked"],
}


@pytest.mark.parametrize(("step", "place"), [(step, place) for step, places in PLACES.items() for place in places])
def test_a_step_that_is_cut_off_leaves_the_next_ones_right(step: int, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, other = ready(plain), ready(plain)
    batches, same = Batches(model), Batches(other)
    steps(model, batches, step)
    owner = Stretch if hasattr(Stretch, place) else stretches._Take
    whole = getattr(owner, place)

    def cut_off(*arguments: Any, **options: Any) -> Any:
        whole(*arguments, **options)
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(owner, place, cut_off)
        with pytest.raises(Interrupted):
            model.train_on_batch(*batches())
    steps(model, batches, 6)
    with without_programs():
        steps(other, same, step)
        same()
        steps(other, same, 6)
    assert all(trust(model))
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_program_is_trusted_only_after_it_gave_the_bits_of_the_layers() -> None:
    program = current_engine().program
    assert program is not None

    def wrong(function: Any, given: Any, *, frozen: bool) -> Any:
        made = program(function, given, frozen=frozen)

        def call(*arrays: Array) -> list[Array] | None:
            found = made(*arrays)
            assert found is not None
            found[-1][..., 0] += 1
            return found

        call.results = made.results  # type: ignore[attr-defined]
        return call

    token = engines._current.set(replace(current_engine(), program=wrong))
    model, got = told(plain, steps)
    engines._current.reset(token)
    assert not any(trust(model))
    with without_programs():
        _, want = told(plain, steps)
    for one, two in zip(got, want, strict=True):
        np.testing.assert_array_equal(one, two)


def test_what_is_not_made_of_kernels_alone_is_never_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches, "is_recordable", lambda _layer: True)

    def with_numpy() -> Model:
        return Sequential([Input((9, 9, 2)), layers.Conv2D(5, 3), layers.PReLU(), layers.Conv2D(3, 7), layers.Flatten(), layers.Softmax()])

    model = assert_no_difference(with_numpy, steps)
    assert not any(trust(model))


# --- what is a chain ---


def test_two_models_take_turns() -> None:
    def story(model: Model, batches: Batches) -> None:
        other = ready(plain)
        others = Batches(other, seed=5)
        for _ in range(8):
            model.train_on_batch(*batches())
            other.train_on_batch(*others())
        model.set_weights([one + two for one, two in zip(model.get_weights(), other.get_weights(), strict=True)])

    assert all(trust(assert_no_difference(plain, story)))


def test_layers_in_two_models_train_in_turns() -> None:
    def story(model: Model, batches: Batches) -> None:
        shorter = Sequential([Input(model.input.shape[1:]), *model.layers[:4], layers.GlobalAveragePooling2D()])
        shorter.compile("sgd", "sparse_categorical_crossentropy")
        for _ in range(8):
            model.train_on_batch(*batches())
            x, y = batches()
            shorter.train_on_batch(x, y % 4)

    assert_no_difference(plain, story)


def test_a_layer_that_is_used_twice_and_branches_make_no_chain() -> None:
    def shared() -> Model:
        inputs, twice = Input((6, 6, 2)), layers.Conv2D(2, 3, padding="same", activation="tanh")
        return Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(twice(twice(inputs)))))

    def branched() -> Model:
        inputs = Input((6, 6, 2))
        x = layers.Conv2D(2, 3, padding="same")(inputs)
        return Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(layers.Add()([x, layers.ReLU()(x)]))))

    for make in (shared, branched):
        assert stretches_of(ready(make)) == []
        assert_no_difference(make, steps)


class Doubled(layers.Layer):
    """Somebody's own layer, which works in place on what it is given back."""

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        return 2 * x, None

    def backward(self, dy: Array, _cache: Any) -> tuple[Array, dict[str, Array]]:
        dy *= 2
        return dy, {}


def test_somebodys_own_layer_runs_between_stretches() -> None:
    def own() -> Model:
        before = [layers.Conv2D(4, 3, activation="relu"), layers.Conv2D(3, 2), layers.MaxPooling2D(2)]
        after = [layers.Flatten(), layers.Dense(5, activation="tanh"), layers.Dense(3), layers.Activation("tanh")]
        return Sequential([Input((8, 8, 2)), *before, Doubled(), *after])

    model = assert_no_difference(own, steps)
    assert trust(model) == [True, True]


# --- what others are handed ---


def test_gradients_and_outputs_that_are_handed_out_are_never_overwritten() -> None:
    model = ready(plain)
    batches = Batches(model)
    steps(model, batches, 5)
    x, _ = batches()
    y, cache = model.forward(x, training=True)
    dx, gradients = model.backward(np.ones_like(y), cache)
    kept = [y, dx, *gradients.values()]
    before = [item.copy() for item in kept]
    steps(model, batches, 4)
    for item, value in zip(kept, before, strict=True):
        np.testing.assert_array_equal(item, value)


def test_losses_and_metrics_may_keep_the_outputs_that_they_are_given() -> None:
    seen: list[Array] = []

    def keeping(y_true: Array, y_pred: Array) -> Array:
        seen.append(y_pred)
        return np.asarray(np.abs(y_true - y_pred).mean(axis=-1))

    model = ready(plain)
    model.compile("sgd", losses.MeanSquaredError(), metrics=[metrics.MeanMetricWrapper(keeping)])
    batches = Batches(model)
    copies = []
    for _ in range(8):
        x, y = batches()
        model.train_on_batch(x, np.eye(3, dtype=np.float32)[y % 3])
        copies.append(seen[-1].copy())
    assert len(seen) == len(copies)
    for one, two in zip(seen, copies, strict=True):
        np.testing.assert_array_equal(one, two)
