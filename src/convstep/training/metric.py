"""What a metric is, and the weighted mean that most of them are.

One rule: a metric adds up batch by batch, in float64, and its result does not depend on how the samples were cut into batches.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np

from convstep.checks import Array, numbers, refusal
from convstep.errors import ArgumentTypeError
from convstep.training import targets
from convstep.training.configuration import Configured, snake_case


class Metric(Configured):
    """A metric. A subclass writes `update_state`, `result` and `reset_state`.

    Attributes
    ----------
    direction : "up", "down" or None
        Which way is better, for callbacks that watch it.
    """

    direction: ClassVar[Literal["up", "down"] | None] = None

    def __init__(self, name: str | None = None, **unknown: Any) -> None:
        self.refuse_unknown(unknown)
        self.name = name or snake_case(type(self).__name__)

    def update_state(self, *arguments: Any, **keywords: Any) -> None:
        """Take in a batch."""
        raise NotImplementedError

    def result(self) -> Any:
        """Return the metric of all batches since the last reset: a float, or an array for several thresholds."""
        raise NotImplementedError

    def reset_state(self) -> None:
        """Forget all batches."""
        raise NotImplementedError

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Take in a batch and return the result so far."""
        self.update_state(*arguments, **keywords)
        return self.result()


class Mean(Metric):
    """The weighted mean of whatever is handed in."""

    def __init__(self, name: str | None = None, **unknown: Any) -> None:
        super().__init__(name, **unknown)
        self.total = self.count = 0.0

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take in values of shape (m, ...), each sample's mean once; weights are those of `targets.weights`."""
        self._take_in(numbers(type(self).__name__, "values", values), sample_weight)

    def result(self) -> float:
        """Return the mean, 0 if there is nothing yet."""
        return self.total / self.count if self.count else 0.0

    def reset_state(self) -> None:
        """Forget all values."""
        self.total = self.count = 0.0

    def _take_in(self, values: Array, sample_weight: Any) -> None:
        if sample_weight is None:
            self.total += float(np.sum(_by_sample(values)))
            self.count += float(len(values)) if values.ndim else 1.0
            return
        weight = targets.weights(type(self).__name__, sample_weight, values.shape).astype(np.float64)
        self.total += float(np.sum(_by_sample(values * weight)))
        self.count += float(np.sum(_by_sample(np.broadcast_to(weight, values.shape))))


class MeanOfPairs(Mean):
    """The weighted mean of a value that each pair of truth and prediction has; a subclass writes `values`."""

    def values(self, y_true: Any, y_pred: Any) -> Array:
        """Return the value of each sample, or of each entry."""
        raise NotImplementedError

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override] # as in Keras
        """Take in a batch."""
        with np.errstate(all="ignore"):
            self._take_in(self.values(y_true, y_pred), sample_weight)


class MeanMetricWrapper(MeanOfPairs):
    """The mean of your own function of (y_true, y_pred), which returns one value for each sample."""

    def __init__(self, fn: Callable[[Any, Any], Any], name: str | None = None, **unknown: Any) -> None:
        super().__init__(name or getattr(fn, "__name__", None), **unknown)
        if not callable(fn):
            raise refusal("MeanMetricWrapper", "fn must be a function of y_true and y_pred", {"fn": fn}, kind=ArgumentTypeError)
        self.fn = fn

    def values(self, y_true: Any, y_pred: Any) -> Array:
        """Return what the function returns."""
        return numbers(self.name, f"the result of {self.name}", self.fn(y_true, y_pred))


def _by_sample(values: Array) -> Array:
    return values if values.ndim < 1 else values.reshape(len(values), -1).mean(axis=1, dtype=np.float64)
