"""Images dealt out in batches, changed at random as they go.

One rule: a batch depends on the seed, the epoch and its number alone, so a run that is continued is dealt what it would have been dealt.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstep.checks import Array
from convstep.data import Augment
from convstep.random import default_generator
from convstep.runs.sets import Labelled, scaled
from convstep.training import losses
from convstep.training.callback import Callback, Logs

__all__ = ["Deal", "NewEpoch", "targets"]

ORDER, CHANGES, DROPOUT = range(3)  # what the numbers of a generator are for


class Deal:
    """Batches (x, y) by their numbers.

    Parameters
    ----------
    images : (x, y)
        x of uint8.
    batch_size : int
    y : array, optional
        The targets, if they are not the labels.
    seed : int, optional
        With it the images are shuffled in every epoch.
    augment : Augment, optional
    """

    def __init__(
        self, images: Labelled, batch_size: int, *, y: Array | None = None, seed: int | None = None, augment: Augment | None = None
    ) -> None:
        self.x, self.y = images[0], images[1] if y is None else y
        self.batch_size, self.seed, self.augment = batch_size, seed, augment
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Shuffle for an epoch, counted from 0."""
        self.epoch = epoch
        count = len(self.x)
        self.order = np.arange(count) if self.seed is None else np.random.default_rng([self.seed, epoch, ORDER]).permutation(count)

    def __len__(self) -> int:
        """Return the number of batches; the last one may be smaller."""
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, number: int) -> tuple[NDArray[np.float32], Array]:
        """Return a batch: images from 0 to 1, and their targets."""
        places = self.order[number * self.batch_size : (number + 1) * self.batch_size]
        x = scaled(self.x[places])
        if self.augment is not None and self.seed is not None:
            x = self.augment(x, np.random.default_rng([self.seed, self.epoch, CHANGES, number]))
        return x, self.y[places]


class NewEpoch(Callback):
    """Begins each epoch of a training: its order of the images, and the generator that Dropout draws from."""

    def __init__(self, deal: Deal) -> None:
        self.deal = deal

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:  # noqa: ARG002
        """Set everything that is random."""
        self.deal.begin(epoch)
        start = np.random.default_rng([self.deal.seed or 0, epoch, DROPOUT])
        default_generator().bit_generator.state = start.bit_generator.state


def targets(model: Any, y: Array) -> Array:
    """Return labels in the form that the loss of a model takes: numbers of classes, rows of one number, or one-hot rows."""
    outputs = model.output_shape[-1]
    if outputs == 1:
        return y.reshape(-1, 1)
    one_hot = isinstance(losses.get(model.loss), losses.CategoricalCrossentropy)
    return np.eye(outputs, dtype=np.float32)[y] if one_hot else y
