"""Every metric adds up to Keras's result, batch by batch, weighted or not."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convstep import ArgumentTypeError, ShapeError
from convstep.training import losses, metrics

RNG = np.random.default_rng(5)
BINARY: list[tuple[str, dict[str, Any]]] = [
    ("BinaryAccuracy", {}),
    ("BinaryAccuracy", {"threshold": 0.3}),
    ("BinaryCrossentropy", {}),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}),
    ("MeanSquaredError", {}),
    ("MeanAbsoluteError", {}),
    ("Precision", {}),
    ("Recall", {}),
    ("Precision", {"thresholds": 0.3}),
    ("Recall", {"thresholds": [0.7, 0.2, 0.5]}),
    ("Precision", {"thresholds": [0.1, 0.9]}),
    ("AUC", {}),
    ("AUC", {"num_thresholds": 50, "summation_method": "minoring"}),
    ("AUC", {"curve": "PR"}),
    ("AUC", {"curve": "PR", "summation_method": "majoring"}),
    ("AUC", {"thresholds": [0.6, 0.2, 0.35], "curve": "PR"}),
    ("AUC", {"from_logits": True, "num_thresholds": 100}),
]
ONE_HOT: list[tuple[str, dict[str, Any]]] = [
    ("CategoricalAccuracy", {}),
    ("CategoricalCrossentropy", {}),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}),
    ("TopKCategoricalAccuracy", {}),
    ("TopKCategoricalAccuracy", {"k": 2}),
    ("Precision", {"top_k": 2}),
    ("Recall", {"top_k": 3, "thresholds": 0.2}),
    ("Precision", {"class_id": 1, "thresholds": 0.2}),
    ("AUC", {"multi_label": True}),
    ("AUC", {"multi_label": True, "curve": "PR"}),
]
SPARSE: list[tuple[str, dict[str, Any]]] = [
    ("SparseCategoricalAccuracy", {}),
    ("SparseCategoricalCrossentropy", {}),
    ("SparseCategoricalCrossentropy", {"from_logits": True}),
    ("SparseTopKCategoricalAccuracy", {"k": 3}),
]
CLASSES = 6


def batches(kind: str, weighted: bool, sizes: tuple[int, ...] = (7, 12, 1)) -> list[tuple[Any, Any, Any]]:
    found = []
    for size in sizes:
        labels, scores = RNG.integers(0, CLASSES, size), RNG.random((size, CLASSES)).astype(np.float32)
        y_true: Any = {"sparse": labels, "sparse column": labels[:, None], "one-hot": np.eye(CLASSES, dtype=np.float32)[labels]}.get(kind)
        if kind in {"binary", "binary columns"}:
            scores = scores[:, : 1 if kind == "binary" else 3]
            y_true = RNG.integers(0, 2, scores.shape)
        found.append((y_true, scores, RNG.random(size).astype(np.float32) if weighted else None))
    return found


def assert_like_keras(keras: Any, name: str, options: dict[str, Any], given: list[tuple[Any, Any, Any]]) -> None:
    metric, oracle = getattr(metrics, name)(**options), getattr(keras.metrics, name)(**options)
    assert metric.name == oracle.name or oracle.name.startswith(f"{metric.name}_")
    for y_true, y_pred, weight in given:
        metric.update_state(y_true, y_pred, weight)
        oracle.update_state(y_true, y_pred, weight)
        np.testing.assert_allclose(metric.result(), np.asarray(oracle.result().cpu()), rtol=2e-5, atol=1e-6)
    assert metric.direction == getattr(oracle, "_direction", None)
    metric.reset_state()
    oracle.reset_state()
    np.testing.assert_array_equal(metric.result(), np.asarray(oracle.result().cpu()))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["binary", "binary columns"])
@pytest.mark.parametrize(("name", "options"), BINARY)
def test_metrics_of_yes_and_no_are_those_of_keras(keras: Any, name: str, options: dict[str, Any], kind: str, weighted: bool) -> None:
    assert_like_keras(keras, name, options, batches(kind, weighted))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "options"), ONE_HOT)
def test_metrics_of_one_hot_labels_are_those_of_keras(keras: Any, name: str, options: dict[str, Any], weighted: bool) -> None:
    assert_like_keras(keras, name, options, batches("one-hot", weighted))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["sparse", "sparse column"])
@pytest.mark.parametrize(("name", "options"), SPARSE)
def test_metrics_of_numbered_classes_are_those_of_keras(keras: Any, name: str, options: dict[str, Any], kind: str, weighted: bool) -> None:
    if kind == "sparse column" and "Top" in name and weighted:
        kind = "sparse"  # Keras weighs the column with each of the weights
    assert_like_keras(keras, name, options, batches(kind, weighted))


@pytest.mark.parametrize("weighted", [False, True])
def test_metrics_of_images_are_those_of_keras(keras: Any, weighted: bool) -> None:
    labels, scores = RNG.integers(0, CLASSES, (3, 4, 5)), RNG.random((3, 4, 5, CLASSES)).astype(np.float32)
    weight = RNG.random((3, 4, 5)) if weighted else None
    for name, options in SPARSE:
        if "from_logits" in options or "Accuracy" in name:
            assert_like_keras(keras, name, options, [(labels, scores, weight)])
    assert_like_keras(keras, "CategoricalAccuracy", {}, [(np.eye(CLASSES)[labels], scores, weight)])
    assert_like_keras(keras, "SparseCategoricalAccuracy", {}, [(labels, scores, RNG.random(3))])


@pytest.mark.parametrize("shapes", [((5,), (5,)), ((5,), None), ((5, 3), (5,)), ((5, 3), (5, 3)), ((5, 3), (5, 1)), ((), ()), ((), None)])
def test_the_mean_weighs_as_that_of_keras(keras: Any, shapes: tuple[Any, Any]) -> None:
    metric, oracle = metrics.Mean("loss"), keras.metrics.Mean("loss")
    for _ in range(3):
        values, weight = RNG.random(shapes[0]), None if shapes[1] is None else RNG.random(shapes[1])
        metric.update_state(values, weight)
        oracle.update_state(values, weight)
    assert metric.result() == pytest.approx(float(oracle.result()), rel=1e-6)
    assert metric.name == "loss"


def test_accuracy_counts_what_is_equal(keras: Any) -> None:
    assert_like_keras(
        keras, "Accuracy", {}, [(np.array([1, 2, 3, 4]), np.array([0.0, 2, 3, 4]), None), (np.ones(2), np.ones((2, 1)), None)]
    )


def test_ties_and_scores_without_a_number_are_those_of_keras(keras: Any) -> None:
    scores = np.array([[0.2, 0.2, 0.2], [0.1, 0.5, 0.5], [np.nan, 0.1, 0.2]], np.float32)
    given = [(np.array([2, 1, 0]), scores, None)]
    for k in (1, 2):
        assert_like_keras(keras, "SparseTopKCategoricalAccuracy", {"k": k}, given)


@pytest.mark.parametrize("score", [0.0, 1.0])
@pytest.mark.parametrize("curve", ["ROC", "PR"])
def test_areas_of_scores_at_the_ends_are_those_of_keras(keras: Any, curve: str, score: float) -> None:
    given = [(np.array([0, 1, 1]), np.full(3, score, np.float32), None), (np.array([0, 1]), np.array([0, 1], np.float32), None)]
    assert_like_keras(keras, "AUC", {"curve": curve}, given)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=30))
def test_a_confusion_matrix_counts_pairs(pairs: list[tuple[int, int, int]]) -> None:
    truth, predicted, weight = (np.array(column) for column in zip(*pairs, strict=True))
    matrix = metrics.confusion_matrix(truth, predicted, 4)
    assert matrix.dtype.kind == "i"
    weighted = metrics.confusion_matrix(np.eye(4)[truth], predicted[:, None], 4, sample_weight=weight)
    for row in range(4):
        for column in range(4):
            chosen = [item for item in pairs if item[:2] == (row, column)]
            assert matrix[row, column] == len(chosen)
            assert weighted[row, column] == sum(item[2] for item in chosen)


@pytest.mark.parametrize(
    ("y_true", "y_pred", "kind"),
    [
        ((8, 1), (8, 1), "BinaryAccuracy"),
        ((8,), (8, 1), "BinaryAccuracy"),
        ((8,), (8, 10), "SparseCategoricalAccuracy"),
        ((8, 1), (8, 10), "SparseCategoricalAccuracy"),
        ((8, 10), (8, 10), "CategoricalAccuracy"),
        ((8, 4, 4), (8, 4, 4, 3), "SparseCategoricalAccuracy"),
    ],
)
def test_accuracy_means_what_the_shapes_say(keras: Any, y_true: tuple[int, ...], y_pred: tuple[int, ...], kind: str) -> None:
    compiled = keras.src.trainers.compile_utils.get_metric("accuracy", np.zeros(y_true), np.zeros(y_pred))
    assert type(compiled).__name__ == kind
    for name in ("accuracy", "acc"):
        metric = metrics.get(name, None, y_true, y_pred)
        assert (type(metric).__name__, metric.name) == (kind, name)


def test_accuracy_means_what_the_loss_says_where_there_are_no_shapes() -> None:
    assert type(metrics.get("accuracy", losses.BinaryCrossentropy())) is metrics.BinaryAccuracy
    assert type(metrics.get("accuracy", losses.SparseCategoricalCrossentropy())) is metrics.SparseCategoricalAccuracy
    assert type(metrics.get("accuracy", losses.CategoricalCrossentropy())) is metrics.CategoricalAccuracy


@pytest.mark.parametrize("name", [name for name in metrics.NAMES if name.islower() and name != "accuracy"])
def test_a_metric_by_name_bears_that_name_and_is_that_of_keras(keras: Any, name: str) -> None:
    metric = metrics.get(name)
    assert metric.name == name
    if name in keras.src.metrics.ALL_OBJECTS_DICT:
        assert type(metric).__name__ == keras.src.metrics.ALL_OBJECTS_DICT[name].__name__


def test_a_function_is_averaged() -> None:
    def worst(y_true: Any, y_pred: Any) -> Any:
        return np.abs(y_true - y_pred).max(axis=-1)

    metric = metrics.get(worst)
    assert metric(np.zeros((2, 3)), np.array([[1, 2, 3], [0, 0, 1]])) == 2
    assert metric.name == "worst"


@pytest.mark.parametrize(("name", "options"), BINARY + ONE_HOT + SPARSE)
def test_a_metric_can_be_made_again_from_its_config(name: str, options: dict[str, Any]) -> None:
    metric = getattr(metrics, name)(**options)
    again = metrics.get({"class_name": name, "config": metric.get_config()})
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()
    assert metrics.get(metric) is metric


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: metrics.get("acuracy"),
            (
                'metric: there is no metric "acuracy" (did you mean "accuracy"?); there are AUC, Accuracy, BinaryAccuracy, '
                "BinaryCrossentropy, CategoricalAccuracy, CategoricalCrossentropy, Mean, MeanAbsoluteError, MeanSquaredError, Precision, "
                "Recall, SparseCategoricalAccuracy, SparseCategoricalCrossentropy, SparseTopKCategoricalAccuracy, TopKCategoricalAccuracy\n"
                "  given metric 'acuracy'"
            ),
        ),
        (lambda: metrics.AUC(curve="roc"), "AUC: curve must be \"ROC\" or \"PR\", not 'roc'\n  given curve 'roc'"),
        (
            lambda: metrics.TopKCategoricalAccuracy()(np.eye(3), np.eye(3)),
            "top_k_categorical_accuracy: k = 5 is more than the 3 classes\n  given y_pred (3, 3)",
        ),
        (
            lambda: metrics.Precision(top_k=5)(np.eye(3), np.eye(3)),
            "Precision: top_k = 5 is more than the 3 classes\n  given y_pred (3, 3)",
        ),
        (
            lambda: metrics.Recall(class_id=3)(np.eye(3), np.eye(3)),
            "Recall: there is no class 3 in predictions of shape (3, 3)\n  given class_id 3",
        ),
        (lambda: metrics.Precision(thresholds=[2]), "Precision: thresholds must be a number from 0 to 1, not 2\n  given thresholds 2"),
        (
            lambda: metrics.CategoricalAccuracy()(np.ones((2, 3)), np.ones((2, 4))),
            "CategoricalAccuracy: y_true has the shape (2, 3) but y_pred has (2, 4)\n  given y_true (2, 3), y_pred (2, 4)",
        ),
        (
            lambda: metrics.Mean()(np.ones(3), np.ones(1)),
            "Mean: sample_weight has 1 weight for 3 samples\n  given sample_weight (1,)",
        ),
        (
            lambda: metrics.confusion_matrix([0, 1], [1], 2),
            "confusion_matrix: y_true has 2 samples but y_pred has 1\n  given y_true (2,), y_pred (1,)",
        ),
        (
            lambda: metrics.confusion_matrix([0, 2], [1, 1], 2),
            "confusion_matrix: y_true names the class 2, but there are 2 classes, 0 to 1\n  given y_true (2,)",
        ),
        (
            lambda: metrics.confusion_matrix([0, 1], np.ones((2, 3)), 2),
            "confusion_matrix: y_pred has 3 columns, not num_classes = 2\n  given y_pred (2, 3)",
        ),
        (
            lambda: metrics.confusion_matrix(np.ones((2, 2, 2)), [0, 1], 2),
            "confusion_matrix: y_true must have one class for each sample, but its shape is (2, 2, 2)\n  given y_true (2, 2, 2)",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_words(call: Any, words: str) -> None:
    with pytest.raises(ShapeError) as caught:
        call()
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: metrics.AUC(threshold=[0.5]),
            (
                'AUC: there is no argument "threshold" (did you mean "thresholds"?); there are num_thresholds, curve, summation_method, '
                "name, thresholds, multi_label, from_logits\n  given threshold [0.5]"
            ),
        ),
        (
            lambda: metrics.MeanMetricWrapper(3),  # type: ignore[arg-type]
            "MeanMetricWrapper: fn must be a function of y_true and y_pred\n  given fn 3",
        ),
    ],
)
def test_what_is_of_the_wrong_kind_is_refused_in_words(call: Any, words: str) -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        call()
    assert str(caught.value) == words
