"""What a trained network says: about the test images of its run, or about image files. One rule: the folder says how they are prepared."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convstep.checks import Array
from convstep.data import read_image
from convstep.engines import use_engine
from convstep.errors import ConvStepError, DataError, MissingExtraError
from convstep.ops import activations
from convstep.runs.folder import Journal, Verdict, load, same_images
from convstep.runs.photograph import read_digit
from convstep.runs.sets import scaled
from convstep.runs.training import judge

__all__ = ["Prediction", "Unread", "evaluate", "predict", "predict_each", "prepared"]

PHOTOGRAPHED = ("digits", "mnist")  # sets whose images were made as `photograph` makes them


@dataclass(frozen=True)
class Prediction:
    """What a network says about an image: the most probable class, and how probable each class is."""

    image: str
    label: str
    probability: float
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Unread:
    """An image about which a network says nothing, and why."""

    image: str
    error: ConvStepError


def evaluate(path: Path) -> tuple[Verdict, Journal]:
    """Judge the model of a run by the test images of the run, again.

    Raises
    ------
    DataError
        If there is no run, it is damaged, or its images are others by now.
    """
    model, journal = load(path)
    sets = same_images(path, journal, "evaluate", ("test",))
    if not model.compiled:
        raise DataError(f"evaluate: the loss of the run could not be saved, so it is not known\n  given {path}")
    return judge(model, sets, journal.settings), journal


def predict(path: Path, images: Sequence[Path]) -> list[Prediction]:
    """Say which class each image shows.

    Images for a network of digits are prepared as MNIST's were (see `convstep.runs.photograph`); all others are scaled to the size that
    the network takes.

    Raises
    ------
    DataError
        If there is no run, it is damaged, or an image cannot be read.
    MissingExtraError
        pillow is not installed, which the extra ``data`` brings.
    """
    found = []
    for item in predict_each(path, images):
        if isinstance(item, Unread):
            raise item.error
        found.append(item)
    return found


def predict_each(path: Path, images: Sequence[Path]) -> list[Prediction | Unread]:
    """Say which class each image shows, whatever is wrong with the others.

    Raises
    ------
    DataError
        If there is no run, or it is damaged.
    MissingExtraError
        pillow is not installed, which the extra ``data`` brings.
    """
    model, journal = load(path)
    prepared = [_prepared_or_not(image, journal) for image in images]
    read = [x for x in prepared if not isinstance(x, Unread)]
    if not read:
        return [x for x in prepared if isinstance(x, Unread)]
    with use_engine(journal.settings.engine):
        shares = iter(_probabilities(model, np.asarray(model.predict(scaled(np.stack(read)), verbose=0))))
    classes = journal.data["classes"]
    return [x if isinstance(x, Unread) else _told(str(image), next(shares), classes) for image, x in zip(images, prepared, strict=True)]


def prepared(image: Path, journal: Journal) -> Array:
    """Return an image file as the network of a run takes it: (height, width, channels) of uint8, before they are scaled.

    Raises
    ------
    DataError
        If it cannot be read.
    MissingExtraError
        pillow is not installed, which the extra ``data`` brings.
    """
    if journal.settings.data in PHOTOGRAPHED:
        return read_digit(image)
    height, width, channels = journal.data["image_shape"]
    return read_image(image, size=(height, width), color="gray" if channels == 1 else "rgb")


def _prepared_or_not(image: Path, journal: Journal) -> Array | Unread:
    try:
        return prepared(image, journal)
    except MissingExtraError:
        raise
    except ConvStepError as error:
        return Unread(str(image), error)


def _probabilities(model: Any, outputs: Array) -> Array:
    """Return a row of probabilities for each image, whatever the network ends in."""
    from_logits = bool(getattr(model.loss, "from_logits", False))
    if outputs.shape[-1] == 1:
        yes = activations.sigmoid(outputs) if from_logits else outputs
        return np.concatenate([1 - yes, yes], axis=-1)
    return activations.softmax(outputs) if from_logits else outputs


def _told(image: str, row: Array, classes: Sequence[str]) -> Prediction:
    best = int(row.argmax())
    return Prediction(image, classes[best], float(row[best]), {name: float(share) for name, share in zip(classes, row, strict=True)})
