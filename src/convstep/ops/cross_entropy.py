"""Cross-entropy of scores that are still logits, each with its backward twin.

One rule: nothing overflows. The largest logit is subtracted before any exponential is taken, so a probability of 0 costs a finite loss.
"""

import numpy as np
from numpy.typing import ArrayLike

from convstep.checks import Array, DType, accumulator, gradient, numbers, public, refusal, result_type

__all__ = [
    "class_labels",
    "sigmoid_cross_entropy",
    "sigmoid_cross_entropy_backward",
    "softmax_cross_entropy",
    "softmax_cross_entropy_backward",
]


@public
def softmax_cross_entropy(logits: ArrayLike, labels: ArrayLike) -> Array:
    """Return -sum(labels * log(softmax(logits))) over the last axis.

    Parameters
    ----------
    logits : (..., classes)
    labels : (..., classes) or (...)
        A share for each class, such as one-hot rows; or the number of the right class, 0 <= label < classes.

    Returns
    -------
    losses : (...)
        Of the type of logits.

    Raises
    ------
    ShapeError
        If labels have neither of the two shapes, or name a class that does not exist.
    """
    x, targets, dtype = _softmax_operands("softmax_cross_entropy", logits, labels)
    shifted = x - x.max(axis=-1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=-1))
    if targets.ndim < x.ndim:
        losses = log_sum - np.take_along_axis(shifted, targets[..., None], axis=-1)[..., 0]
    else:
        losses = (targets * (log_sum[..., None] - shifted)).sum(axis=-1)
    return np.asarray(losses, dtype)


@public
def softmax_cross_entropy_backward(dy: ArrayLike, logits: ArrayLike, labels: ArrayLike) -> Array:
    """Return the gradient of `softmax_cross_entropy` by the logits: dy * (softmax(logits) * sum(labels) - labels).

    Parameters
    ----------
    dy : (...)
        Gradient of the losses.
    logits, labels
        As in the forward call.

    Returns
    -------
    dlogits : (..., classes)
    """
    op = "softmax_cross_entropy_backward"
    x, targets, dtype = _softmax_operands(op, logits, labels)
    d_losses = gradient(op, "dy", dy, "losses", x.shape[:-1]).astype(x.dtype, copy=False)[..., None]
    dx = np.exp(x - x.max(axis=-1, keepdims=True))
    dx /= dx.sum(axis=-1, keepdims=True)
    if targets.ndim < x.ndim:
        dx *= d_losses
        at = targets[..., None]
        np.put_along_axis(dx, at, np.take_along_axis(dx, at, axis=-1) - d_losses, axis=-1)
    else:
        dx *= targets.sum(axis=-1, keepdims=True)
        dx -= targets
        dx *= d_losses
    return np.asarray(dx, dtype)


@public
def sigmoid_cross_entropy(logits: ArrayLike, labels: ArrayLike) -> Array:
    """Return -labels * log(sigmoid(logits)) - (1 - labels) * log(1 - sigmoid(logits)), entry by entry.

    Parameters
    ----------
    logits, labels : of one shape
        Labels lie between 0 and 1.

    Returns
    -------
    losses : of the shape and type of logits
    """
    x, targets, dtype = _sigmoid_operands("sigmoid_cross_entropy", logits, labels)
    losses = np.maximum(x, 0) - x * targets + np.log1p(np.exp(-np.abs(x)))
    return np.asarray(losses, dtype)


@public
def sigmoid_cross_entropy_backward(dy: ArrayLike, logits: ArrayLike, labels: ArrayLike) -> Array:
    """Return the gradient of `sigmoid_cross_entropy` by the logits: dy * (sigmoid(logits) - labels)."""
    op = "sigmoid_cross_entropy_backward"
    x, targets, dtype = _sigmoid_operands(op, logits, labels)
    d_losses = gradient(op, "dy", dy, "losses", x.shape).astype(x.dtype, copy=False)
    return np.asarray(d_losses * (1 / (1 + np.exp(-x)) - targets), dtype)


def class_labels(op: str, name: str, labels: Array, classes: int) -> Array:
    """Return the numbers of classes as integers, all of them within 0 <= label < classes."""
    whole = labels.astype(np.int64, copy=False)
    if labels.dtype.kind == "f" and not np.array_equal(whole, labels):
        odd = float(labels[whole != labels].flat[0])
        raise refusal(op, f"{name} must hold the numbers of classes, but there is {odd:g}", {name: labels})
    if whole.size and not 0 <= int(whole.min()) <= int(whole.max()) < classes:
        wrong = int(whole.min()) if whole.min() < 0 else int(whole.max())
        fact = f"{name} names the class {wrong}, but there are {classes} classes, 0 to {classes - 1}"
        raise refusal(op, fact, {name: labels})
    return whole


def _softmax_operands(op: str, logits: ArrayLike, labels: ArrayLike) -> tuple[Array, Array, DType]:
    x, targets = numbers(op, "logits", logits), numbers(op, "labels", labels)
    given = {"logits": x, "labels": targets}
    if x.ndim == 0 or x.shape[-1] == 0:
        raise refusal(op, f"logits must have at least one class on their last axis, but their shape is {x.shape}", given)
    dtype = result_type(x)
    compute = accumulator(dtype)
    if targets.shape == x.shape:
        return x.astype(compute, copy=False), targets.astype(compute, copy=False), dtype
    if targets.shape != x.shape[:-1]:
        fact = f"labels must have the shape of logits, {x.shape}, or {x.shape[:-1]} for numbers of classes, not {targets.shape}"
        raise refusal(op, fact, given)
    return x.astype(compute, copy=False), class_labels(op, "labels", targets, x.shape[-1]), dtype


def _sigmoid_operands(op: str, logits: ArrayLike, labels: ArrayLike) -> tuple[Array, Array, DType]:
    x, targets = numbers(op, "logits", logits), numbers(op, "labels", labels)
    if targets.shape != x.shape:
        fact = f"labels must have the shape of logits, {x.shape}, not {targets.shape}"
        raise refusal(op, fact, {"logits": x, "labels": targets})
    dtype = result_type(x)
    compute = accumulator(dtype)
    return x.astype(compute, copy=False), targets.astype(compute, copy=False), dtype
