"""Metrics that count who was taken for whom: precision, recall, the area under a curve, the confusion matrix.

One rule: a score counts as "yes" if it is greater than the threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from convstep.checks import Array, counted, numbers, one_of, refusal, whole
from convstep.ops.cross_entropy import class_labels
from convstep.training import targets
from convstep.training.configuration import real
from convstep.training.metric import Metric

Thresholds: TypeAlias = float | Sequence[float] | None
EPSILON = 1e-7
LOWEST = -1e10  # below any score: what top_k leaves out, and its threshold


@dataclass
class Counts:
    """True and false positives and negatives, for each threshold (and each label, if labels are kept apart)."""

    tp: Any = 0.0
    fp: Any = 0.0
    fn: Any = 0.0
    tn: Any = 0.0

    def add(self, truth: Array, score: Array, weight: Array, thresholds: Array) -> None:
        """Count entries: truth, score and weight of shape (entries, labels)."""
        order = np.argsort(thresholds, kind="stable")
        below = np.searchsorted(thresholds[order].astype(score.dtype), score, side="left")  # how many thresholds the score is greater than
        above = {True: np.zeros((len(order) + 1, score.shape[1])), False: np.zeros((len(order) + 1, score.shape[1]))}
        for side, tally in above.items():
            for label in range(score.shape[1]):
                chosen = truth[:, label] == side
                found = np.bincount(below[chosen, label], weight[chosen, label], minlength=len(order) + 1)
                tally[:, label] = found[::-1].cumsum()[::-1]
        back = np.argsort(order, kind="stable")
        yes, no = (above[side][1:][back] for side in (True, False))
        self.tp, self.fp = self.tp + yes, self.fp + no
        self.fn, self.tn = self.fn + (above[True][0] - yes), self.tn + (above[False][0] - no)


class _Share(Metric):
    """A metric of counts at one or more thresholds."""

    direction = "up"

    def __init__(
        self, thresholds: Thresholds = None, top_k: int | None = None, class_id: int | None = None, name: str | None = None, **unknown: Any
    ) -> None:
        super().__init__(name, **unknown)
        kind = type(self).__name__
        self.top_k = None if top_k is None else whole(kind, "top_k", top_k, 1)
        self.class_id = None if class_id is None else whole(kind, "class_id", class_id, 0)
        self.thresholds = thresholds
        listed = [0.5 if top_k is None else LOWEST] if thresholds is None else [*np.atleast_1d(np.asarray(thresholds))]
        self._thresholds = np.array([real(kind, "thresholds", item, least=LOWEST if thresholds is None else 0, most=1) for item in listed])
        self.counts = Counts()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch of labels 0 or 1 and of scores of the same shape."""
        kind = type(self).__name__
        truth, score = targets.pair(kind, y_true, y_pred)
        weight = _weights(kind, sample_weight, truth.shape)
        if self.top_k is not None:
            score = _largest_only(kind, score, self.top_k)
        if self.class_id is not None:
            if score.ndim < 2 or self.class_id >= score.shape[-1]:
                raise refusal(kind, f"there is no class {self.class_id} in predictions of shape {score.shape}", {"class_id": self.class_id})
            truth, score, weight = (part[..., self.class_id] for part in (truth, score, weight))
        self.counts.add(truth.reshape(-1, 1) != 0, score.reshape(-1, 1), weight.reshape(-1, 1), self._thresholds)

    def reset_state(self) -> None:
        """Forget all counts."""
        self.counts = Counts()

    def _share_of_true_positives(self, others: Any) -> Any:
        shares = _ratio(np.broadcast_to(self.counts.tp, (len(self._thresholds), 1)), self.counts.tp + others)[:, 0]
        return float(shares[0]) if len(shares) == 1 else shares


class Precision(_Share):
    """How many of those taken for "yes" are.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        From 0 to 1; 0.5, if not given. For several, the result is an array.
    top_k : int, optional
        Only the k highest scores of each sample can be "yes".
    class_id : int, optional
        Look at this class alone.
    name : str, optional
    """

    def result(self) -> Any:
        """Return tp / (tp + fp), or 0 where that is 0 / 0."""
        return self._share_of_true_positives(self.counts.fp)


class Recall(_Share):
    """How many of those that are "yes" are taken for it. The parameters are those of `Precision`."""

    def result(self) -> Any:
        """Return tp / (tp + fn), or 0 where that is 0 / 0."""
        return self._share_of_true_positives(self.counts.fn)


class AUC(Metric):
    """The area under the ROC or the precision-recall curve, from counts at evenly spaced thresholds.

    Parameters
    ----------
    num_thresholds : int
        At least 2. More thresholds, smaller error.
    curve : "ROC" or "PR"
    summation_method : "interpolation", "minoring" or "majoring"
        Height of the area between two points: their mean, the lower or the higher one. On the PR curve, "interpolation" is that of
        Davis & Goadrich (2006), which is not a straight line.
    name : str, optional
    thresholds : sequence of float, optional
        From 0 to 1, instead of evenly spaced ones.
    multi_label : bool
        Whether each column is a curve of its own; the result is their mean.
    from_logits : bool
        Whether scores have not gone through a sigmoid yet.
    """

    direction: ClassVar[Literal["up", "down"] | None] = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        *,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        from_logits: bool = False,
        **unknown: Any,
    ) -> None:
        super().__init__(name, **unknown)
        self.curve = one_of("AUC", "curve", curve, ("ROC", "PR"))
        self.summation_method = one_of("AUC", "summation_method", summation_method, ("interpolation", "minoring", "majoring"))
        self.num_thresholds = whole("AUC", "num_thresholds", num_thresholds, 2) if thresholds is None else len(thresholds) + 2
        self.thresholds, self.multi_label, self.from_logits = thresholds, bool(multi_label), bool(from_logits)
        even = np.arange(1, self.num_thresholds - 1) / (self.num_thresholds - 1)
        inner = even if thresholds is None else sorted(real("AUC", "thresholds", item, most=1) for item in thresholds)
        self._thresholds = np.array([-EPSILON, *inner, 1 + EPSILON])
        self.counts = Counts()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch of labels 0 or 1 and of scores from 0 to 1 of the same shape."""
        truth, score = targets.pair("AUC", y_true, y_pred)
        weight = _weights("AUC", sample_weight, truth.shape)
        if self.from_logits:
            with np.errstate(all="ignore"):
                score = 1 / (1 + np.exp(-score))
        columns = score.shape[-1] if self.multi_label else 1
        self.counts.add(truth.reshape(-1, columns) != 0, score.reshape(-1, columns), weight.reshape(-1, columns), self._thresholds)

    def result(self) -> float:
        """Return the area, 0 if there is nothing yet."""
        if np.ndim(self.counts.tp) == 0:
            return 0.0
        if self.curve == "PR" and self.summation_method == "interpolation":
            return float(self._interpolated_precision().mean())
        counts = self.counts
        recall = _ratio(counts.tp, counts.tp + counts.fn)
        x, y = recall, _ratio(counts.tp, counts.tp + counts.fp)
        if self.curve == "ROC":
            x, y = _ratio(counts.fp, counts.fp + counts.tn), recall
        heights = {"interpolation": (y[:-1] + y[1:]) / 2, "minoring": np.minimum(y[:-1], y[1:]), "majoring": np.maximum(y[:-1], y[1:])}
        return float(((x[:-1] - x[1:]) * heights[self.summation_method]).sum(axis=0).mean())

    def reset_state(self) -> None:
        """Forget all counts."""
        self.counts = Counts()

    def _interpolated_precision(self) -> Array:
        """Return the area of each label: between two thresholds, true positives grow in a straight line with all positives."""
        tp, fn = self.counts.tp, self.counts.fn
        p = tp + self.counts.fp
        slope = _ratio(tp[:-1] - tp[1:], np.maximum(p[:-1] - p[1:], 0))
        intercept = tp[1:] - slope * p[1:]
        growth = np.where((p[:-1] > 0) & (p[1:] > 0), _ratio(p[:-1], p[1:]), 1)
        area = slope * (tp[:-1] - tp[1:] + intercept * np.log(growth))
        areas: Array = _ratio(area, tp[1:] + fn[1:]).sum(axis=0)
        return areas


def confusion_matrix(y_true: Any, y_pred: Any, num_classes: int, *, sample_weight: Any = None) -> Array:
    """Count how often each class was taken for each other one.

    Parameters
    ----------
    y_true, y_pred : (m,) or (m, num_classes)
        Numbers of classes; or rows, such as one-hot labels or predicted probabilities, whose largest entry is the class.
    num_classes : int
    sample_weight : (m,), optional
        How much each sample counts.

    Returns
    -------
    matrix : (num_classes, num_classes)
        Row: the truth. Column: the prediction. Whole numbers, unless there are weights.

    Raises
    ------
    ShapeError
        If there are not as many predictions as labels, or a class is out of range.
    """
    op, n = "confusion_matrix", whole("confusion_matrix", "num_classes", num_classes, 1)
    truth, predicted = (_class_numbers(op, name, value, n) for name, value in (("y_true", y_true), ("y_pred", y_pred)))
    if len(truth) != len(predicted):
        fact = f"y_true has {counted(len(truth), 'sample')} but y_pred has {len(predicted)}"
        raise refusal(op, fact, {"y_true": np.asarray(y_true), "y_pred": np.asarray(y_pred)})
    weight = None if sample_weight is None else targets.weights(op, sample_weight, truth.shape)
    return np.bincount(truth * n + predicted, weight, minlength=n * n).reshape(n, n)


def _class_numbers(op: str, name: str, value: Any, classes: int) -> Array:
    given = numbers(op, name, value)
    if given.ndim == 2:
        if given.shape[1] not in {1, classes}:
            raise refusal(op, f"{name} has {given.shape[1]} columns, not num_classes = {classes}", {name: given})
        given = given[:, 0] if given.shape[1] == 1 else given.argmax(axis=1)
    if given.ndim != 1:
        raise refusal(op, f"{name} must have one class for each sample, but its shape is {given.shape}", {name: given})
    return class_labels(op, name, given, classes)


def _weights(op: str, sample_weight: Any, shape: tuple[int, ...]) -> Array:
    weight = np.ones(()) if sample_weight is None else targets.weights(op, sample_weight, shape)
    return np.broadcast_to(weight, shape)


def _largest_only(op: str, score: Array, k: int) -> Array:
    if k > score.shape[-1]:
        raise refusal(op, f"top_k = {k} is more than the {score.shape[-1]} classes", {"y_pred": score})
    places = np.argsort(-score, axis=-1, kind="stable")[..., :k]
    left = np.full_like(score, 2 * LOWEST)
    np.put_along_axis(left, places, np.take_along_axis(score, places, axis=-1), axis=-1)
    return left


def _ratio(above: Any, below: Any) -> Any:
    """Return the ratio, 0 where it is 0 / 0 or worse."""
    above, below = np.broadcast_arrays(above, below)
    return np.divide(above, below, out=np.zeros(above.shape), where=below != 0)
