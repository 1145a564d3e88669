"""Batches hold every sample once, in the order that the generator draws, and refuse what does not belong together."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convstep import ArgumentTypeError, ShapeError
from convstep.training.batches import Samples


def samples(size: int, form: str = "array") -> Samples:
    x, y = np.arange(size * 2.0).reshape(size, 2), np.arange(size)
    if form == "list":
        return Samples.of([x, x + 1], [y, y + 1], np.arange(size) / 2)
    if form == "dict":
        return Samples.of({"first": x, "second": x + 1}, {"first": y, "second": y + 1}, {"first": y / 2, "second": y / 3})
    return Samples.of(x, y, y / 2)


def firsts(part: Any) -> list[float]:
    array = part["first"] if isinstance(part, dict) else part[0] if isinstance(part, list) else part
    return [float(item) for item in np.asarray(array).reshape(len(array), -1)[:, 0]]


@given(
    size=st.integers(1, 40),
    batch_size=st.integers(1, 50),
    form=st.sampled_from(["array", "list", "dict"]),
    shuffle=st.booleans(),
)
def test_a_pass_deals_every_sample_once(size: int, batch_size: int, form: str, shuffle: bool) -> None:
    whole = samples(size, form)
    dealt = list(whole.batches(batch_size, rng=np.random.default_rng(3) if shuffle else None))
    assert len(dealt) == whole.count(batch_size)
    assert [item.size for item in dealt] == [batch_size] * (size // batch_size) + ([size % batch_size] if size % batch_size else [])
    y = [label for item in dealt for label in firsts(item.y)]
    assert [value / 2 for value in y] == [value for item in dealt for value in firsts(item.sample_weight)]
    assert [value * 2 for value in y] == [value for item in dealt for value in firsts(item.x)]
    assert sorted(y) == list(range(size))
    if not shuffle:
        assert y == sorted(y)


def test_the_order_is_the_generators_and_another_one_in_every_pass() -> None:
    whole, rng = samples(50), np.random.default_rng(1)
    passes = [np.concatenate([item.y for item in whole.batches(8, rng=rng)]).tolist() for _ in range(2)]
    again = np.random.default_rng(1)
    assert passes == [again.permutation(50).tolist(), again.permutation(50).tolist()]
    assert samples(65).count() == 3


@given(size=st.integers(2, 60), fraction=st.floats(0.01, 0.99))
def test_the_last_samples_are_split_off_as_in_keras(keras: Any, size: int, fraction: float) -> None:
    whole = samples(size)
    split = keras.src.trainers.data_adapters.array_slicing.train_validation_split
    try:
        expected = split((whole.x, whole.y), validation_split=fraction)
    except ValueError:
        with pytest.raises(ShapeError):
            whole.split(fraction)
        return
    for part, (x, y) in zip(whole.split(fraction), expected, strict=True):
        np.testing.assert_array_equal(part.x, np.asarray(x))
        np.testing.assert_array_equal(part.y, np.asarray(y))
        np.testing.assert_array_equal(part.sample_weight, part.y / 2)
        assert part.size == len(part.y)


@pytest.mark.parametrize("form", [(6,), (6, 1), (6, 4)])
def test_weights_of_classes_are_those_of_keras(keras: Any, form: tuple[int, ...]) -> None:
    labels = np.array([0, 3, 1, 1, 2, 0])
    y = np.eye(4)[labels] if form == (6, 4) else labels.reshape(form)
    class_weight = {0: 0.5, 1: 2.0, 3: 4}
    weighted = Samples.of(np.zeros((6, 2)), y).weighted_by_class(class_weight)
    expected = keras.src.trainers.data_adapters.data_adapter_utils.class_weight_to_sample_weights(y, class_weight)
    np.testing.assert_array_equal(weighted.sample_weight, expected)


def test_one_array_of_weights_counts_for_every_output() -> None:
    y, weight = np.arange(4), np.arange(4) / 4
    for outputs in ([y, y], {"first": y, "second": y}):
        whole = Samples.of(np.zeros((4, 2)), outputs, weight)
        assert type(whole.sample_weight) is type(outputs)
        for part in whole.sample_weight.values() if isinstance(whole.sample_weight, dict) else whole.sample_weight:
            np.testing.assert_array_equal(part, weight)


def test_a_list_of_numbers_is_one_array() -> None:
    whole = Samples.of([[1, 2], [3, 4]], [0, 1])
    assert whole.x.shape == (2, 2)
    assert whole.sample_weight is None
    assert next(whole.batches(1)).y.tolist() == [0]


X = np.zeros((10, 2))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Samples.of(X, np.zeros(9)), "fit: x has 10 samples but y has 9\n  given x (10, 2), y (9,)"),
        (
            lambda: Samples.of(X, np.zeros(10), np.zeros(8), op="evaluate"),
            "evaluate: x has 10 samples but sample_weight has 8\n  given x (10, 2), sample_weight (8,)",
        ),
        (lambda: Samples.of([X, X[:3]]), "fit: x[0] has 10 samples but x[1] has 3\n  given x[0] (10, 2), x[1] (3, 2)"),
        (
            lambda: Samples.of({"image": X, "mask": X[:3]}),
            "fit: x['image'] has 10 samples but x['mask'] has 3\n  given x['image'] (10, 2), x['mask'] (3, 2)",
        ),
        (lambda: Samples.of(X[:0], np.zeros(0)), "fit: x has no samples\n  given x (0, 2)"),
        (lambda: Samples.of(X, 3.0), "fit: y must have an axis of samples, but it is one number\n  given y ()"),
        (
            lambda: Samples.of(X[:1]).split(0.5),
            ("fit: validation_split = 0.5 of 1 sample leaves 0 to train on and 1 to validate with\n  given x (1, 2), validation_split 0.5"),
        ),
        (
            lambda: Samples.of(X, np.zeros(10), np.zeros(10)).weighted_by_class({0: 1.0}),
            "fit: class_weight and sample_weight cannot both be given\n  given class_weight {0: 1.0}",
        ),
        (
            lambda: Samples.of(X, [np.zeros(10)] * 2).weighted_by_class({0: 1.0}),
            "fit: class_weight needs a model with one output, but y is several arrays\n  given class_weight {0: 1.0}",
        ),
        (
            lambda: Samples.of(X).weighted_by_class({0: 1.0}),
            "fit: class_weight needs a model with one output, but y is missing\n  given class_weight {0: 1.0}",
        ),
        (
            lambda: Samples.of(X, np.zeros((10, 2, 3))).weighted_by_class({0: 1.0}),
            "fit: class_weight needs one class for each sample, but y has 3 axes\n  given y (10, 2, 3)",
        ),
        (lambda: next(Samples.of(X).batches(0)), "fit: batch_size must be a whole number >= 1, not 0\n  given batch_size 0"),
    ],
)
def test_what_does_not_belong_together_is_refused_in_words(call: Any, words: str) -> None:
    with pytest.raises(ShapeError) as caught:
        call()
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (None, "fit: x must be an array, a list of arrays or a dict of arrays\n  given x None"),
        ({}, "fit: x must be an array, a list of arrays or a dict of arrays\n  given x {}"),
        (["a", "b"], "fit: x must hold real numbers, not text\n  given x ['a', 'b']"),
    ],
)
def test_inputs_that_are_no_arrays_are_refused_in_words(x: Any, words: str) -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        Samples.of(x)
    assert str(caught.value) == words
