"""The classifier for scikit-learn learns, whatever images, labels and networks it is given, and the same again with the same seed."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn comes with the extra sklearn")

from sklearn.base import clone
from tests.classifiers import nested, scores, single, small, unbuilt, weights_of

from convstep import optimizers
from convstep.data import load_digits
from convstep.random import default_generator
from convstep.sklearn import NETWORKS, ConvNetClassifier


def quick(**parameters: Any) -> ConvNetClassifier:
    return ConvNetClassifier(**{"epochs": 3, "random_state": 0, **parameters})


# --- what it learns ---


def test_it_learns_the_digits() -> None:
    (x_train, y_train), (x_test, y_test) = load_digits()
    classifier = quick(epochs=5).fit(x_train[:1000] / 255, y_train[:1000])
    assert classifier.score(x_test / 255, y_test) > 0.87
    assert classifier.image_shape_ == (28, 28, 1)
    assert classifier.n_features_in_ == 784
    assert classifier.n_iter_ == 5
    assert classifier.history_["loss"][-1] < classifier.history_["loss"][0] / 3
    assert classifier.history_["accuracy"][-1] > 0.85


@pytest.mark.parametrize("labels", [("a", "b", "c"), (-5, 0, 70), (0.0, 1.0, 2.0)], ids=str)
def test_labels_of_any_kind_come_back(labels: tuple[Any, ...]) -> None:
    x, codes = small()
    y = np.array(labels)[codes]
    classifier = quick(epochs=12).fit(x, y)
    assert classifier.classes_.tolist() == list(labels)
    assert classifier.predict(x).dtype == y.dtype
    assert classifier.score(x, y) == 1


def test_yes_and_no_are_labels_too() -> None:
    x, y = small(classes=2)
    classifier = quick(epochs=12).fit(x, y == 1)
    assert classifier.predict(x).dtype == bool
    assert classifier.score(x, y == 1) == 1


@pytest.mark.parametrize(
    ("network", "classes", "loss"),
    [
        (scores, 3, ("SparseCategoricalCrossentropy", True)),
        (scores, 2, ("SparseCategoricalCrossentropy", True)),
        (unbuilt, 3, ("SparseCategoricalCrossentropy", False)),
        (nested, 3, ("SparseCategoricalCrossentropy", False)),
        (single, 2, ("BinaryCrossentropy", True)),
        ("happy_house", 2, ("BinaryCrossentropy", False)),
        ("auto", 2, ("SparseCategoricalCrossentropy", False)),
    ],
)
def test_the_loss_fits_the_end_of_the_network(network: Any, classes: int, loss: tuple[str, bool]) -> None:
    x, y = small(classes=classes)
    classifier = quick(network=network, epochs=30, learning_rate=0.01).fit(x, y)
    used = classifier.model_.loss
    assert (type(used).__name__, used.from_logits) == loss
    probabilities = classifier.predict_proba(x)
    assert probabilities.shape == (60, classes)
    assert probabilities.dtype == np.float64
    assert np.abs(probabilities.sum(axis=1) - 1).max() < 1e-15 * 4
    assert probabilities.min() >= 0
    if network != "happy_house":  # whose moving averages are far behind after so few steps
        assert classifier.score(x, y) == 1


@pytest.mark.filterwarnings("ignore:ConvNetClassifier. the network learnt nothing")  # in one step
@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_every_network_has_a_name(network: str) -> None:
    x, y = small(classes=2, shape=(32, 32, 3))
    classifier = quick(network=network, epochs=1).fit(x[:8], y[:8])
    assert classifier.predict_proba(x[:3]).shape == (3, 2)


def test_probabilities_of_extreme_scores_do_not_overflow() -> None:
    x, y = small(classes=2)
    for network in (single, scores):
        classifier = quick(network=network, epochs=1).fit(x, y)
        classifier.model_.set_weights([item + 1e4 * (1 - 2 * (i % 2)) for i, item in enumerate(classifier.model_.get_weights())])
        assert np.isfinite(classifier.predict_proba(x)).all()
        assert np.isfinite(classifier.predict_proba(-1000 * x)).all()


# --- shapes ---


@pytest.mark.parametrize(
    ("given", "told", "shape"),
    [
        ((12, 8), None, (12, 8, 1)),
        ((12, 8, 3), None, (12, 8, 3)),
        ((12, 8, 1), None, (12, 8, 1)),
        ((64,), None, (8, 8, 1)),
        ((49,), None, (1, 49, 1)),
        ((65,), None, (1, 65, 1)),
        ((64,), (1, 64), (1, 64, 1)),
        ((96,), [12, 8], (12, 8, 1)),
        ((96,), (4, 8, 3), (4, 8, 3)),
        ((12, 8), (12, 8, 1), (12, 8, 1)),
        ((3, 12, 12), (3, 12, 12), (3, 12, 12)),
        ((3, 12, 3), None, (3, 12, 3)),
    ],
    ids=str,
)
def test_every_sample_is_an_image(given: tuple[int, ...], told: Any, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).random((12, *given))
    classifier = quick(image_shape=told, epochs=1).fit(x, np.arange(12) % 2)
    assert classifier.image_shape_ == shape == classifier.model_.input_shape[1:]
    assert classifier.n_features_in_ == x[0].size
    expected = classifier.predict_proba(x)
    assert np.array_equal(classifier.predict_proba(x.reshape(12, -1)), expected)
    assert np.array_equal(classifier.predict_proba(x.reshape(12, *shape)), expected)
    assert np.array_equal(classifier.predict_proba(x.tolist()), expected)


def test_rows_and_images_are_the_same_to_fit() -> None:
    x, y = small()
    rows = quick().fit(x.reshape(60, 64), y)
    assert weights_of(quick().fit(x, y)) == weights_of(rows)
    assert weights_of(quick().fit(x[..., None], y)) == weights_of(rows)
    assert weights_of(quick(image_shape=(8, 8)).fit(x.astype(np.float32).reshape(60, 64), y)) == weights_of(rows)


# --- chance ---


def test_random_state_decides_everything() -> None:
    x, y = small()
    first = quick(early_stopping=True).fit(x, y)
    assert weights_of(clone(first).fit(x, y)) == weights_of(first)
    assert weights_of(first.fit(x, y)) == weights_of(clone(first).fit(x, y))
    assert weights_of(quick(random_state=1, early_stopping=True).fit(x, y)) != weights_of(first)
    assert weights_of(quick(random_state=np.random.RandomState(5)).fit(x, y)) == weights_of(
        quick(random_state=np.random.RandomState(5)).fit(x, y)
    )


def test_without_a_random_state_numpys_seed_decides_as_everywhere_in_scikit_learn() -> None:
    x, y = small()
    found = []
    for _ in range(2):
        np.random.seed(3)  # noqa: NPY002 - what this is about
        found.append(weights_of(quick(random_state=None).fit(x, y)))
    assert found[0] == found[1]
    assert weights_of(quick(random_state=None).fit(x, y)) != found[0]


def test_what_others_draw_stays_as_it_is() -> None:
    x, y = small()
    before, legacy = default_generator().bit_generator.state, str(np.random.get_state())  # noqa: NPY002 - which others use
    quick().fit(x, y).partial_fit(x, y).predict(x)
    assert default_generator().bit_generator.state == before
    assert str(np.random.get_state()) == legacy  # noqa: NPY002


# --- training ---


def test_early_stopping_gives_the_best_epoch() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((60, 8, 8)), rng.integers(0, 2, 60)  # nothing that could be learnt
    classifier = quick(epochs=60, early_stopping=True, validation_fraction=0.25, n_iter_no_change=2, learning_rate=0.01).fit(x, y)
    assert classifier.n_iter_ == len(classifier.history_["val_loss"]) < 60
    assert np.argmin(classifier.history_["val_loss"]) == classifier.n_iter_ - 3


def test_a_sample_that_weighs_nothing_is_not_there() -> None:
    x, y = small()
    weight = (np.arange(60) % 3 > 0).astype(float)
    kept = weight > 0
    assert weights_of(quick().fit(x, y, sample_weight=weight)) == weights_of(quick().fit(x[kept], y[kept]))
    assert weights_of(quick().fit(x, y, sample_weight=np.ones(60))) == weights_of(quick().fit(x, y))


def test_weights_of_classes_are_weights_of_their_samples() -> None:
    x, y = small()
    named = quick(class_weight={0: 3.0, 2: 0.5}).fit(x, y)
    assert weights_of(named) == weights_of(quick().fit(x, y, sample_weight=np.array([3.0, 1.0, 0.5])[y]))
    both = quick(class_weight={0: 3.0, 2: 0.5}).fit(x, y, sample_weight=np.full(60, 2.0))
    assert weights_of(both) == weights_of(quick().fit(x, y, sample_weight=np.array([6.0, 2.0, 1.0])[y]))


def test_balanced_classes_count_the_same() -> None:
    x, y = small(classes=2)
    kept = (y == 0) | (np.arange(60) % 5 == 0)
    counts = np.bincount(y[kept])
    weight = (kept.sum() / (2 * counts))[y[kept]]
    assert weights_of(quick(class_weight="balanced").fit(x[kept], y[kept])) == weights_of(quick().fit(x[kept], y[kept], weight))


def test_partial_fit_is_one_epoch_at_a_time() -> None:
    x, y = small()
    classifier = quick()
    for epoch in range(3):
        classifier.partial_fit(x, y, classes=[0, 1, 2])
        assert classifier.n_iter_ == epoch + 1
    assert weights_of(classifier) == weights_of(quick(epochs=3).fit(x, y))
    assert classifier.partial_fit(x[:5], y[:5]).n_iter_ == 4


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop", "adamw"])
def test_optimizers_have_names(optimizer: str) -> None:
    x, y = small()
    used = quick(optimizer=optimizer, learning_rate=2**-7).fit(x, y).model_.optimizer
    assert isinstance(used, optimizers.get(optimizer).__class__)
    assert used.learning_rate == 2**-7


def test_an_optimizer_is_copied() -> None:
    x, y = small()
    given = optimizers.SGD(0.25, momentum=0.5)
    classifier = quick(optimizer=given).fit(x, y)
    assert given.iterations == 0
    assert classifier.model_.optimizer.get_config() == given.get_config()
    assert quick(optimizer=given, learning_rate=0.5).fit(x, y).model_.optimizer.get_config() == {**given.get_config(), "learning_rate": 0.5}
    assert weights_of(clone(classifier).fit(x, y)) == weights_of(classifier)


def test_it_speaks_when_it_is_asked_to(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = small()
    quick().fit(x, y).predict(x)
    assert capsys.readouterr().out == ""
    quick(verbose=2).fit(x, y).predict(x)
    assert capsys.readouterr().out.count("accuracy") == 3
