"""Metrics under Keras's names: accuracies, the losses as metrics, and what stands in `metric` and `confusion`."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from convstep.checks import Array, refusal, whole
from convstep.training import losses, targets
from convstep.training.configuration import find, names_of, real
from convstep.training.confusion import AUC, Precision, Recall, confusion_matrix
from convstep.training.metric import Mean, MeanMetricWrapper, MeanOfPairs, Metric

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "Mean",
    "MeanAbsoluteError",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "Recall",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "confusion_matrix",
    "get",
]

Shape = Sequence[int | None]
UP: Literal["up"] = "up"


class Accuracy(MeanOfPairs):
    """How often y_pred equals y_true."""

    direction: ClassVar[Literal["up", "down"] | None] = UP

    def values(self, y_true: Any, y_pred: Any) -> Array:
        """Return 1 where they are equal."""
        truth, predicted = targets.pair(type(self).__name__, y_true, y_pred)
        return np.asarray(truth == predicted, np.float64)


class BinaryAccuracy(MeanOfPairs):
    """How often y_pred is on the side of the threshold where y_true, 0 or 1, is."""

    direction: ClassVar[Literal["up", "down"] | None] = UP

    def __init__(self, name: str | None = None, *, threshold: float = 0.5, **unknown: Any) -> None:
        super().__init__(name, **unknown)
        self.threshold = real("BinaryAccuracy", "threshold", threshold, least=-np.inf)

    def values(self, y_true: Any, y_pred: Any) -> Array:
        """Return 1 where the side is right."""
        truth, predicted = targets.pair(type(self).__name__, y_true, y_pred)
        return np.asarray(truth == (predicted > self.threshold), np.float64)


class CategoricalAccuracy(MeanOfPairs):
    """How often the class with the highest score is the one that is marked in y_true."""

    direction: ClassVar[Literal["up", "down"] | None] = UP

    def values(self, y_true: Any, y_pred: Any) -> Array:
        """Return 1 where the class is right."""
        truth, predicted = targets.pair(type(self).__name__, y_true, y_pred)
        return np.asarray(truth.argmax(axis=-1) == predicted.argmax(axis=-1), np.float64)


class SparseCategoricalAccuracy(MeanOfPairs):
    """How often the class with the highest score is the one whose number y_true holds."""

    direction: ClassVar[Literal["up", "down"] | None] = UP

    def values(self, y_true: Any, y_pred: Any) -> Array:
        """Return 1 where the class is right."""
        labels, predicted = targets.labels_and_scores(type(self).__name__, y_true, y_pred)
        return np.asarray(labels == predicted.argmax(axis=-1), np.float64)


class TopKCategoricalAccuracy(MeanOfPairs):
    """How often fewer than k classes have a higher score than the one that is marked in y_true."""

    direction: ClassVar[Literal["up", "down"] | None] = UP

    def __init__(self, k: int = 5, name: str | None = None, **unknown: Any) -> None:
        super().__init__(name or "top_k_categorical_accuracy", **unknown)
        self.k = whole(type(self).__name__, "k", k, 1)

    def values(self, y_true: Any, y_pred: Any) -> Array:
        """Return 1 where the class is among the k."""
        truth, predicted = targets.pair(type(self).__name__, y_true, y_pred)
        return _in_top_k(truth.argmax(axis=-1), predicted, self.k)


class SparseTopKCategoricalAccuracy(MeanOfPairs):
    """How often fewer than k classes have a higher score than the one whose number y_true holds."""

    direction: ClassVar[Literal["up", "down"] | None] = UP

    def __init__(self, k: int = 5, name: str | None = None, **unknown: Any) -> None:
        super().__init__(name or "sparse_top_k_categorical_accuracy", **unknown)
        self.k = whole(type(self).__name__, "k", k, 1)

    def values(self, y_true: Any, y_pred: Any) -> Array:
        """Return 1 where the class is among the k."""
        return _in_top_k(*targets.labels_and_scores(type(self).__name__, y_true, y_pred), self.k)


class _OfLoss(MeanOfPairs):
    """The mean of a loss over samples; `loss` is made from the metric's own options."""

    direction: ClassVar[Literal["up", "down"] | None] = "down"
    loss: losses.Loss

    def values(self, y_true: Any, y_pred: Any) -> Array:
        """Return the loss of each sample."""
        return self.loss.values(y_true, y_pred)


class MeanSquaredError(_OfLoss):
    """The mean of (y_true - y_pred) ** 2."""

    loss = losses.MeanSquaredError()


class MeanAbsoluteError(_OfLoss):
    """The mean of |y_true - y_pred|."""

    loss = losses.MeanAbsoluteError()


class BinaryCrossentropy(_OfLoss):
    """The mean of the loss of that name; its options are from_logits and label_smoothing."""

    def __init__(self, name: str | None = None, *, from_logits: bool = False, label_smoothing: float = 0.0, **unknown: Any) -> None:
        super().__init__(name, **unknown)
        self.loss = losses.BinaryCrossentropy(from_logits, label_smoothing)
        self.from_logits, self.label_smoothing = self.loss.from_logits, self.loss.label_smoothing


class CategoricalCrossentropy(_OfLoss):
    """The mean of the loss of that name; its options are from_logits and label_smoothing."""

    def __init__(self, name: str | None = None, *, from_logits: bool = False, label_smoothing: float = 0.0, **unknown: Any) -> None:
        super().__init__(name, **unknown)
        self.loss = losses.CategoricalCrossentropy(from_logits, label_smoothing)
        self.from_logits, self.label_smoothing = self.loss.from_logits, self.loss.label_smoothing


class SparseCategoricalCrossentropy(_OfLoss):
    """The mean of the loss of that name; its option is from_logits."""

    def __init__(self, name: str | None = None, *, from_logits: bool = False, **unknown: Any) -> None:
        super().__init__(name, **unknown)
        self.loss = losses.SparseCategoricalCrossentropy(from_logits)
        self.from_logits = self.loss.from_logits


CLASSES = (
    AUC,
    Accuracy,
    BinaryAccuracy,
    BinaryCrossentropy,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    Mean,
    MeanAbsoluteError,
    MeanSquaredError,
    Precision,
    Recall,
    SparseCategoricalAccuracy,
    SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
NAMES: Mapping[str, type[Metric]] = names_of(
    CLASSES,
    {
        "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
        "top_k_categorical_accuracy": TopKCategoricalAccuracy,
        "bce": BinaryCrossentropy,
        "BCE": BinaryCrossentropy,
        "mae": MeanAbsoluteError,
        "MAE": MeanAbsoluteError,
        "mse": MeanSquaredError,
        "MSE": MeanSquaredError,
    },
)
ANY_ACCURACY = ("accuracy", "acc")


def get(identifier: Any, loss: losses.Loss | None = None, y_true_shape: Shape | None = None, y_pred_shape: Shape | None = None) -> Metric:
    """Return the metric that a name, a class, a function or the metric itself stands for; by a name, it bears that name.

    Parameters
    ----------
    identifier : str, class, function or Metric
        "accuracy" and "acc" stand for the binary, sparse or categorical one.
    loss : Loss, optional
        Decides which accuracy, where there are no shapes.
    y_true_shape, y_pred_shape : sequence of int, optional
        Decide which accuracy, as in Keras: binary for one prediction per sample, sparse for labels with fewer axes or a last axis of 1.

    Raises
    ------
    ShapeError
        If there is no metric of that name.
    """
    if isinstance(identifier, str) and identifier.lower() in ANY_ACCURACY:
        metric: Metric = _accuracy(loss, y_true_shape, y_pred_shape)(name=identifier)
    elif callable(identifier) and not isinstance(identifier, type | Metric):
        return MeanMetricWrapper(identifier)
    else:
        metric = find("metric", identifier, NAMES, Metric)
    if isinstance(identifier, str):
        metric.name = identifier
    return metric


def _accuracy(loss: losses.Loss | None, y_true_shape: Shape | None, y_pred_shape: Shape | None) -> type[MeanOfPairs]:
    if y_true_shape is not None and y_pred_shape is not None:
        if y_pred_shape[-1] == 1:
            return BinaryAccuracy
        sparse = len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1
        return SparseCategoricalAccuracy if sparse else CategoricalAccuracy
    if isinstance(loss, losses.BinaryCrossentropy):
        return BinaryAccuracy
    return SparseCategoricalAccuracy if isinstance(loss, losses.SparseCategoricalCrossentropy) else CategoricalAccuracy


def _in_top_k(labels: Array, predicted: Array, k: int) -> Array:
    if k > predicted.shape[-1]:
        raise refusal("top_k_categorical_accuracy", f"k = {k} is more than the {predicted.shape[-1]} classes", {"y_pred": predicted})
    chosen = np.take_along_axis(predicted, labels[..., None], axis=-1)
    higher = np.count_nonzero(predicted > chosen, axis=-1)
    return np.asarray((higher < k) & ~np.isnan(chosen[..., 0]), np.float64)
