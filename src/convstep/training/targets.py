"""What should come out, what came out and how much each counts, brought to shapes that fit one another.

One rule: an axis of length 1 may be missing or too many, as in Keras; nothing else is ever broadcast.
"""

from typing import Any

import numpy as np

from convstep.checks import Array, accumulator, counted, numbers, refusal, result_type
from convstep.ops.cross_entropy import class_labels


def scores(op: str, y_pred: Any) -> Array:
    """Return predictions as floats of the type that sums are formed in."""
    read = numbers(op, "y_pred", y_pred)
    return read.astype(accumulator(result_type(read)), copy=False)


def pair(op: str, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    """Return truth and predictions as floats of one shape."""
    predicted = scores(op, y_pred)
    truth, predicted = same_rank(numbers(op, "y_true", y_true).astype(predicted.dtype, copy=False), predicted)
    if truth.shape != predicted.shape:
        given = {"y_true": np.asarray(y_true), "y_pred": np.asarray(y_pred)}
        raise refusal(op, f"y_true has the shape {np.shape(y_true)} but y_pred has {np.shape(y_pred)}", given)
    return truth, predicted


def labels_and_scores(op: str, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    """Return the numbers of the right classes (...) and predictions (..., classes)."""
    predicted, labels = scores(op, y_pred), numbers(op, "y_true", y_true)
    if labels.ndim == predicted.ndim and labels.shape[-1:] == (1,):
        labels = labels[..., 0]
    if predicted.ndim == 0 or labels.shape != predicted.shape[:-1]:
        given = {"y_true": np.asarray(y_true), "y_pred": predicted}
        advice = "y_true.argmax(axis=-1), if y_true is one-hot" if labels.shape == predicted.shape else ""
        fact = f"y_true must have the shape {predicted.shape[:-1]}, one class for each prediction, not {np.shape(y_true)}"
        raise refusal(op, fact, given, advice)
    return class_labels(op, "y_true", labels, predicted.shape[-1]), predicted


def same_rank(first: Array, second: Array) -> tuple[Array, Array]:
    """Drop or add one last axis of length 1 where the number of axes differs by one."""
    if first.ndim == second.ndim + 1 and first.shape[-1] == 1:
        return (first, second[..., None]) if second.ndim == 1 else (first[..., 0], second)
    if second.ndim == first.ndim + 1 and second.shape[-1] == 1:
        return (first[..., None], second) if first.ndim == 1 else (first, second[..., 0])
    return first, second


def weights(op: str, sample_weight: Any, shape: tuple[int, ...]) -> Array:
    """Return weights that multiply values of this shape: one for each sample, or for each value.

    Parameters
    ----------
    op : str
        Who asks.
    sample_weight : (m,), (m, 1) or more axes
        They belong to the first axes of the values.
    shape : tuple of int
        Shape of the values.
    """
    given = numbers(op, "sample_weight", sample_weight)
    fitted = given[..., 0] if given.ndim == len(shape) + 1 and given.shape[-1] == 1 else given
    if fitted.ndim > len(shape) or any(size not in {1, whole} for size, whole in zip(fitted.shape, shape, strict=False)):
        fact = f"sample_weight must fit values of the shape {shape} from the first axis on, but its shape is {given.shape}"
        raise refusal(op, fact, {"sample_weight": given})
    if fitted.shape[:1] == (1,) and shape[0] != 1:
        raise refusal(op, f"sample_weight has 1 weight for {counted(shape[0], 'sample')}", {"sample_weight": given})
    return fitted.reshape(fitted.shape + (1,) * (len(shape) - fitted.ndim))
