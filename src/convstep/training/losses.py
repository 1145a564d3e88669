"""Losses under Keras's names, with its rules for clipping, smoothing and weights; each knows its own gradient.

One rule: a loss is a value for each sample, then a mean. A subclass writes the first, with its slopes; `Loss` does the second.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from convstep.checks import Array, one_of, refusal
from convstep.errors import ArgumentTypeError
from convstep.ops.cross_entropy import (
    sigmoid_cross_entropy,
    sigmoid_cross_entropy_backward,
    softmax_cross_entropy,
    softmax_cross_entropy_backward,
)
from convstep.training import targets
from convstep.training.configuration import Configured, find, names_of, real, snake_case

EPSILON = 1e-7  # Keras's keras.config.epsilon(): probabilities are kept this far from 0 and 1
REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight")


class Loss(Configured):
    """A loss. A subclass writes `values_and_slopes`.

    Parameters
    ----------
    reduction : str
        "sum_over_batch_size" or "mean": the sum of the weighted values, divided by how many there are. "sum": their sum.
        "mean_with_sample_weight": their sum, divided by the sum of the weights.
    name : str, optional
        By default the name of the class in snake case.
    """

    def __init__(self, *, reduction: str = "sum_over_batch_size", name: str | None = None, **unknown: Any) -> None:
        self.refuse_unknown(unknown)
        self.reduction = one_of(type(self).__name__, "reduction", reduction, REDUCTIONS)
        self.name = name or snake_case(type(self).__name__)

    def values_and_slopes(self, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
        """Return the loss of each sample, shape y_pred.shape[:-1], and the slope of each of them by its own predictions."""
        raise NotImplementedError

    def values(self, y_true: Any, y_pred: Any) -> Array:
        """Return the loss of each sample: what Keras calls `reduction=None`."""
        with np.errstate(all="ignore"):
            return self.values_and_slopes(y_true, y_pred)[0]

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """Return the loss of a batch."""
        values = self.values(y_true, y_pred)
        with np.errstate(all="ignore"):
            return _total(values, self._shares(values.shape, sample_weight))

    def value_and_gradient(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> tuple[float, Array]:
        """Return the loss of a batch and its gradient by the predictions.

        Parameters
        ----------
        y_true : array
            What should have come out.
        y_pred : (m, ...)
            What came out.
        sample_weight : (m,) or the shape of the values, optional
            How much each sample counts.

        Returns
        -------
        value : float
        d_y_pred : of the shape and type of y_pred

        Raises
        ------
        ShapeError
            If the shapes do not fit one another.
        """
        with np.errstate(all="ignore"):
            values, slopes = self.values_and_slopes(y_true, y_pred)
            shares = self._shares(values.shape, sample_weight)
            gradient = np.multiply(slopes, np.asarray(shares)[..., None], dtype=slopes.dtype, casting="same_kind")
        given = np.asarray(y_pred)
        dtype = given.dtype if given.dtype.kind == "f" else gradient.dtype
        return _total(values, shares), gradient.reshape(given.shape).astype(dtype, copy=False)

    def _shares(self, shape: tuple[int, ...], sample_weight: Any) -> Array:
        """Return the factor of each value in the loss of the batch."""
        weight = np.ones((1,) * len(shape)) if sample_weight is None else targets.weights(type(self).__name__, sample_weight, shape)
        if self.reduction == "sum":
            return weight
        count = float(np.prod(shape))
        if self.reduction == "mean_with_sample_weight" and sample_weight is not None:
            count = float(weight.sum(dtype=np.float64))
        return weight / count if count else np.zeros_like(weight, dtype=np.float64)


class _Elementwise(Loss):
    """A loss that is the mean over the last axis of what `entries` returns."""

    def entries(self, truth: Array, predicted: Array) -> tuple[Array, Array]:
        """Return the loss and the slope of every entry."""
        raise NotImplementedError

    def values_and_slopes(self, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
        """Return the mean over the last axis."""
        truth, predicted = targets.pair(type(self).__name__, y_true, y_pred)
        values, slopes = self.entries(truth, predicted)
        return values.mean(axis=-1), slopes / truth.shape[-1]


class MeanSquaredError(_Elementwise):
    """mean((y_true - y_pred) ** 2)."""

    def entries(self, truth: Array, predicted: Array) -> tuple[Array, Array]:
        """Return the squares and their slopes."""
        error = predicted - truth
        return error * error, 2 * error


class MeanAbsoluteError(_Elementwise):
    """mean(|y_true - y_pred|). Where they are equal there is no slope; it counts as 0."""

    def entries(self, truth: Array, predicted: Array) -> tuple[Array, Array]:
        """Return the distances and their slopes."""
        error = predicted - truth
        return np.abs(error), np.sign(error)


class Huber(_Elementwise):
    """A square up to a distance of delta, a straight line from there on (Huber, 1964)."""

    def __init__(self, delta: float = 1.0, **options: Any) -> None:
        super().__init__(**{"name": "huber_loss", **options})
        self.delta = real("Huber", "delta", delta)

    def entries(self, truth: Array, predicted: Array) -> tuple[Array, Array]:
        """Return 0.5 e^2, or delta |e| - 0.5 delta^2 where |e| > delta."""
        error = predicted - truth
        distance = np.abs(error)
        near = distance <= self.delta
        values = np.where(near, 0.5 * error * error, self.delta * distance - 0.5 * self.delta**2)
        return values, np.where(near, error, self.delta * np.sign(error))


class BinaryCrossentropy(_Elementwise):
    """Cross-entropy of yes-or-no labels.

    Parameters
    ----------
    from_logits : bool
        Whether y_pred has not gone through a sigmoid yet.
    label_smoothing : float
        From 0 to 1: labels 0 and 1 become label_smoothing / 2 and 1 - label_smoothing / 2.
    """

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0, **options: Any) -> None:  # noqa: FBT001, FBT002 - Keras's
        super().__init__(**options)
        self.from_logits = bool(from_logits)
        self.label_smoothing = real("BinaryCrossentropy", "label_smoothing", label_smoothing, most=1)

    def entries(self, truth: Array, predicted: Array) -> tuple[Array, Array]:
        """Return the cross-entropy of every entry; a probability that had to be clipped has the slope 0."""
        if self.label_smoothing:
            truth = truth * (1 - self.label_smoothing) + 0.5 * self.label_smoothing
        if self.from_logits:
            ones = np.ones_like(predicted)
            return sigmoid_cross_entropy(predicted, truth), sigmoid_cross_entropy_backward(ones, predicted, truth)
        p, free = _clipped(predicted)
        return -(truth * np.log(p) + (1 - truth) * np.log1p(-p)), free * (p - truth) / (p * (1 - p))


class CategoricalCrossentropy(Loss):
    """Cross-entropy of labels that are rows of shares, such as one-hot rows.

    Parameters
    ----------
    from_logits : bool
        Whether y_pred has not gone through a softmax yet. If it has, its rows are divided by their sums, and clipped.
    label_smoothing : float
        From 0 to 1: how much of each label is spread evenly over all classes.
    """

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0, **options: Any) -> None:  # noqa: FBT001, FBT002 - Keras's
        super().__init__(**options)
        self.from_logits = bool(from_logits)
        self.label_smoothing = real("CategoricalCrossentropy", "label_smoothing", label_smoothing, most=1)

    def values_and_slopes(self, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
        """Return -sum(y_true * log(y_pred)) over the classes."""
        truth, predicted = targets.pair(type(self).__name__, y_true, y_pred)
        if self.label_smoothing:
            truth = truth * (1 - self.label_smoothing) + self.label_smoothing / truth.shape[-1]
        if self.from_logits:
            return _softmax_terms(predicted, truth)
        total = predicted.sum(axis=-1, keepdims=True)
        shares = predicted / total
        p, free = _clipped(shares)
        d_shares = free * -truth / p
        # p = y / sum(y), so dy[i] = (dp[i] - sum over j of dp[j] p[j]) / sum(y)
        return -(truth * np.log(p)).sum(axis=-1), (d_shares - (d_shares * shares).sum(axis=-1, keepdims=True)) / total


class SparseCategoricalCrossentropy(Loss):
    """Cross-entropy of labels that are the numbers of the right classes.

    Parameters
    ----------
    from_logits : bool
        Whether y_pred has not gone through a softmax yet. If it has, its rows are divided by their sums, and clipped.
    """

    def __init__(self, from_logits: bool = False, **options: Any) -> None:  # noqa: FBT001, FBT002 - Keras's
        super().__init__(**options)
        self.from_logits = bool(from_logits)

    def values_and_slopes(self, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
        """Return -log(y_pred[y_true])."""
        labels, predicted = targets.labels_and_scores(type(self).__name__, y_true, y_pred)
        if self.from_logits:
            return _softmax_terms(predicted, labels)
        at, total = labels[..., None], predicted.sum(axis=-1, keepdims=True)
        share = np.take_along_axis(predicted, at, axis=-1) / total
        p, free = _clipped(share)
        slopes = np.broadcast_to(free * share / (p * total), predicted.shape).copy()
        np.put_along_axis(slopes, at, free * (share - 1) / (p * total), axis=-1)
        return -np.log(p)[..., 0], slopes


def mean_squared_error(y_true: Any, y_pred: Any) -> Array:
    """Return the loss of each sample."""
    return MeanSquaredError().values(y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Array:
    """Return the loss of each sample."""
    return MeanAbsoluteError().values(y_true, y_pred)


def huber(y_true: Any, y_pred: Any, **options: Any) -> Array:
    """Return the loss of each sample; the options are those of `Huber`."""
    return Huber(**options).values(y_true, y_pred)


def binary_crossentropy(y_true: Any, y_pred: Any, **options: Any) -> Array:
    """Return the loss of each sample; the options are those of `BinaryCrossentropy`."""
    return BinaryCrossentropy(**options).values(y_true, y_pred)


def categorical_crossentropy(y_true: Any, y_pred: Any, **options: Any) -> Array:
    """Return the loss of each sample; the options are those of `CategoricalCrossentropy`."""
    return CategoricalCrossentropy(**options).values(y_true, y_pred)


def sparse_categorical_crossentropy(y_true: Any, y_pred: Any, **options: Any) -> Array:
    """Return the loss of each sample; the options are those of `SparseCategoricalCrossentropy`."""
    return SparseCategoricalCrossentropy(**options).values(y_true, y_pred)


CLASSES = (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
FUNCTIONS: Mapping[Callable[..., Array], type[Loss]] = {
    binary_crossentropy: BinaryCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    huber: Huber,
    mean_absolute_error: MeanAbsoluteError,
    mean_squared_error: MeanSquaredError,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
}
NAMES: Mapping[str, type[Loss]] = names_of(
    CLASSES,
    {
        "bce": BinaryCrossentropy,
        "BCE": BinaryCrossentropy,
        "mae": MeanAbsoluteError,
        "MAE": MeanAbsoluteError,
        "mse": MeanSquaredError,
        "MSE": MeanSquaredError,
    },
)


def get(identifier: Any) -> Loss:
    """Return the loss that a name, a class, one of this module's functions or the loss itself stands for.

    Raises
    ------
    ShapeError
        If there is no loss of that name.
    ArgumentTypeError
        If it is a function of another module: nobody knows its gradient.
    """
    if callable(identifier) and not isinstance(identifier, type | Loss):
        if identifier in FUNCTIONS:
            return FUNCTIONS[identifier]()
        fact = f"{getattr(identifier, '__name__', 'this')} is a function, and its gradient is not known: derive a class from Loss"
        raise refusal("loss", fact, {"loss": identifier}, kind=ArgumentTypeError)
    return find("loss", identifier, NAMES, Loss)


def _softmax_terms(logits: Array, labels: Array) -> tuple[Array, Array]:
    ones = np.ones(logits.shape[:-1], logits.dtype)
    return softmax_cross_entropy(logits, labels), softmax_cross_entropy_backward(ones, logits, labels)


def _clipped(p: Array) -> tuple[Array, Array]:
    """Return probabilities away from 0 and 1, and which of them were there already."""
    low, high = p.dtype.type(EPSILON), p.dtype.type(1 - EPSILON)
    return np.clip(p, low, high), (low <= p) & (p <= high)


def _total(values: Array, shares: Array) -> float:
    return float(np.sum(values * shares, dtype=np.float64))
