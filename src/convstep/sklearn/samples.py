"""What scikit-learn hands over becomes images, places of classes and weights.

One rule: images are never taken for images of another shape, however many numbers they have in common.
"""

import math
from typing import Any

import numpy as np

from convstep.checks import Array, counted, listed, refusal, shown, whole
from convstep.errors import ArgumentTypeError
from convstep.sklearn.networks import NAME, Shape

LEAST_SQUARE = 8  # rows and columns of the smallest image that a row of numbers is taken for
COLOURS = (1, 3, 4)


def as_rows(X: Any) -> tuple[Any, Shape | None]:  # noqa: N803 - scikit-learn's
    """Return images as rows, with the shape that they were given in; anything else as it is."""
    if np.ma.is_masked(X):
        fact = f"X has {counted(int(np.ma.getmaskarray(X).sum()), 'masked cell')} to fill first"
        raise refusal(NAME, fact, {"X": X}, "np.ma.filled(X, 0)", ArgumentTypeError)
    shape = getattr(X, "shape", None)
    if isinstance(X, list | tuple):
        try:
            shape = np.shape(X)
        except ValueError:  # of different lengths, of which scikit-learn speaks
            return X, None
    if not isinstance(shape, tuple) or len(shape) <= 2:
        return X, None
    return np.asarray(X).reshape(shape[0], math.prod(shape[1:])), tuple(shape[1:])


def as_images(rows: Array, shape: Shape, given: Shape | None) -> Array:
    """Return rows as images. Images that were given as such must be of this shape, not only as large."""
    if given is not None and given not in {shape, shape[:2] if shape[2] == 1 else shape}:
        raise refusal(NAME, f"X holds images of the shape {given}, but the network takes {shape}", {"X": (len(rows), *given)})
    return rows.reshape(len(rows), *shape)


def shape_of_images(told: Any, features: int, given: Shape | None) -> Shape:
    """Return the height, width and channels of images, from what was told, or from the shape that they were given in."""
    if told is not None:
        sizes = tuple(whole(NAME, "each size in image_shape", size, 1) for size in listed(NAME, "image_shape", told))
        if len(sizes) not in {2, 3}:
            fact = f"image_shape must be (height, width) or (height, width, channels), not {counted(len(sizes), 'size')}"
            raise refusal(NAME, fact, {"image_shape": sizes})
        shape: Shape = (*sizes, 1) if len(sizes) == 2 else sizes
        if math.prod(shape) != features:
            fact = f"image_shape = {sizes} has {math.prod(shape)} numbers, but a sample of X has {features}"
            raise refusal(NAME, fact, {"image_shape": sizes, "X": given or (features,)})
        return shape
    if given is None:
        side = math.isqrt(features)
        return (side, side, 1) if side >= LEAST_SQUARE and side * side == features else (1, features, 1)
    if len(given) not in {2, 3}:
        fact = f"X must have the axes (n, features), (n, height, width) or (n, height, width, channels), not {len(given) + 1} axes"
        raise refusal(NAME, fact, {"X": given})
    if len(given) == 3 and given[0] in COLOURS and given[2] not in COLOURS:
        fact = f"X looks like images with their channels first, {given}; here channels come last"
        advice = f"np.moveaxis(X, 1, -1), or say image_shape = {given} if these are rows, columns and channels"
        raise refusal(NAME, fact, {"X": given}, advice)
    return (*given, 1) if len(given) == 2 else given


def places_of(labels: Array, classes: Array) -> Array:
    """Return the places of labels among the classes."""
    places = {label: place for place, label in enumerate(classes.tolist())}
    strange = [label for label in labels.tolist() if label not in places]
    if strange:
        raise refusal(NAME, f"y holds {shown(strange[0])}, which is not among the classes", {"classes": classes.tolist()})
    return np.array([places[label] for label in labels.tolist()])


def counting_only(images: Array, codes: Array, weights: Array | None) -> tuple[Array, Array, Array | None]:
    """Return the samples that weigh anything."""
    if weights is None or weights.all():
        return images, codes, weights
    counting = weights > 0
    return images[counting], codes[counting], weights[counting]
