"""The callbacks that Keras users know: they stop a run, save it, slow it down and write it down.

One rule: what a callback remembers is forgotten when a training begins, so one may be used for several.
"""

import inspect
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from convstep.checks import Array, one_of, refusal, shown, whole
from convstep.errors import ArgumentTypeError
from convstep.training import metrics
from convstep.training.callback import HOOKS, Callback, CallbackList, History, LambdaCallback, Logs
from convstep.training.configuration import real
from convstep.training.csv_logger import CSVLogger

__all__ = [
    "HOOKS",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]


class Monitor(Callback):
    """A callback that watches one entry of the logs and knows what is better.

    Parameters
    ----------
    monitor : str
        Name in the logs.
    mode : "auto", "min" or "max"
        Which way is better. "auto" asks the metric of that name; less loss is better.
    min_delta : float
        What counts as better must be better by more than this.
    verbose : int
        1 prints what is done.
    """

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", *, min_delta: float = 0, verbose: int = 0, **unknown: Any) -> None:
        self.refuse_unknown(unknown)
        self.mode = one_of(type(self).__name__, "mode", mode, ("auto", "min", "max"))
        self.monitor, self.verbose = monitor, verbose
        self.min_delta = abs(real(type(self).__name__, "min_delta", min_delta, least=-np.inf))
        self.best: float | None = None

    def is_better(self, value: float, reference: float | None) -> bool:
        """Return whether a value is better than another one, or the first one at all."""
        if reference is None:
            return True
        if self._larger_is_better():
            return bool(value - self.min_delta > reference)
        return bool(value + self.min_delta < reference)

    def current(self, logs: Logs, what: str) -> float | None:
        """Return the watched value; if it is not in the logs, warn that `what` waits for it."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            known = ", ".join(logs or {})
            warnings.warn(f"{type(self).__name__}: {what} waits for {self.monitor}, but the logs have {known}", stacklevel=3)
        return value

    def say(self, epoch: int, message: str) -> None:
        """Print a line, if asked to."""
        if self.verbose:
            sys.stdout.write(f"\nEpoch {epoch + 1}: {message}\n")

    def _larger_is_better(self) -> bool:
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        directions = [item.direction for item in _metrics(self.model) if item.name == name and item.direction]
        if name == "loss" or directions:
            return directions[:1] == ["up"]
        if name in metrics.ANY_ACCURACY:
            return True
        if name in metrics.NAMES and metrics.NAMES[name].direction:
            return metrics.NAMES[name].direction == "up"
        fact = f'mode = "auto" does not know whether more or less {self.monitor} is better: set mode to "max" or "min"'
        raise refusal(type(self).__name__, fact, {"monitor": self.monitor})


class EarlyStopping(Monitor):
    """Stop when the watched value has not become better for a while.

    Parameters
    ----------
    monitor, mode, min_delta, verbose
        As in `Monitor`.
    patience : int
        How many epochs without anything better are borne.
    baseline : float, optional
        Only what is better than this, too, counts.
    restore_best_weights : bool
        Whether the model gets the weights of its best epoch back at the end.
    start_from_epoch : int
        Epochs before this one are not looked at.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        *,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta, verbose=verbose)
        self.patience, self.baseline = whole("EarlyStopping", "patience", patience, 0), baseline
        self.restore_best_weights = bool(restore_best_weights)
        self.start_from_epoch = whole("EarlyStopping", "start_from_epoch", start_from_epoch, 0)
        self.on_train_begin()

    def on_train_begin(self, logs: Logs = None) -> None:  # noqa: ARG002
        """Forget the training before."""
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list[Array] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Look at the value."""
        current = self.current(logs, "stopping")
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self.is_better(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.is_better(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs = None) -> None:  # noqa: ARG002
        """Give the best weights back."""
        if self.stopped_epoch:
            self.say(self.stopped_epoch, "early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            self.say(self.best_epoch, "the weights of this best epoch are restored")
            self.model.set_weights(self.best_weights)


class ModelCheckpoint(Monitor):
    """Save the model after every epoch, or only when it is the best so far.

    Parameters
    ----------
    filepath : str or path
        May hold the epoch, counted from 1, the batch and anything in the logs: "{epoch:02d}-{val_loss:.2f}.convstep".
    monitor, mode, verbose
        As in `Monitor`.
    save_best_only : bool
        Whether only a better value than before is a reason to save.
    save_weights_only : bool
        Whether `model.save_weights` is called, not `model.save`.
    save_freq : "epoch" or int
        After how many batches, instead of every epoch.
    initial_value_threshold : float, optional
        Counts as the best value so far.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,  # noqa: FBT001, FBT002 - Keras's
        *,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, verbose=verbose)
        self.filepath = os.fspath(filepath)
        self.save_best_only, self.save_weights_only = bool(save_best_only), bool(save_weights_only)
        self.save_freq = save_freq if save_freq == "epoch" else whole("ModelCheckpoint", "save_freq", save_freq, 1)
        self.initial_value_threshold = self.best = initial_value_threshold
        self._epoch = self._batches = 0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:  # noqa: ARG002
        """Take note of the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Save, if save_freq batches have passed."""
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches == self.save_freq:
            self._batches = 0
            self._save(self._epoch, {"batch": batch + 1, **(logs or {})})

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Save, if the epoch is a reason to."""
        if self.save_freq == "epoch":
            self._save(epoch, logs or {})

    def _save(self, epoch: int, logs: dict[str, Any]) -> None:
        try:
            path = self.filepath.format(epoch=epoch + 1, **logs)
        except (KeyError, ValueError, IndexError) as error:
            fact = f"filepath cannot be filled in ({error}); there are epoch, {', '.join(logs)}"
            raise refusal("ModelCheckpoint", fact, {"filepath": self.filepath}) from None
        if self.save_best_only and not self._is_best(epoch, logs):
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        (self.model.save_weights if self.save_weights_only else self.model.save)(path)
        self.say(epoch, f"saved the model to {path}")

    def _is_best(self, epoch: int, logs: dict[str, Any]) -> bool:
        current = self.current(logs, "saving the best")
        if current is None:
            return True
        if not self.is_better(current, self.best):
            self.say(epoch, f"{self.monitor} is not better than {self.best:.5f}")
            return False
        self.best = current
        return True


class ReduceLROnPlateau(Monitor):
    """Multiply the learning rate by `factor` when the watched value has not become better for `patience` epochs.

    Parameters
    ----------
    monitor, mode, min_delta, verbose
        As in `Monitor`.
    factor : float
        Less than 1.
    patience : int
    cooldown : int
        How many epochs are not looked at after that.
    min_lr : float
        Lower than this the learning rate does not go.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        *,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta, verbose=verbose)
        self.factor = real("ReduceLROnPlateau", "factor", factor)
        if self.factor >= 1:
            raise refusal("ReduceLROnPlateau", f"factor must be less than 1, not {factor:g}", {"factor": factor})
        self.patience, self.cooldown = (
            whole("ReduceLROnPlateau", "patience", patience, 0),
            whole("ReduceLROnPlateau", "cooldown", cooldown, 0),
        )
        self.min_lr = real("ReduceLROnPlateau", "min_lr", min_lr)
        self.on_train_begin()

    def on_train_begin(self, logs: Logs = None) -> None:  # noqa: ARG002
        """Forget the training before."""
        self.best: float | None = None
        self.wait = self.cooldown_counter = 0

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Look at the value, and write the learning rate of the epoch into the logs."""
        logs = {} if logs is None else logs
        rate = logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        current = self.current(logs, "the learning rate")
        if current is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_better(current, self.best):
            self.best, self.wait = current, 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience and rate > self.min_lr:
                self.model.optimizer.learning_rate = max(rate * self.factor, self.min_lr)
                self.say(epoch, f"the learning rate is reduced to {self.model.optimizer.learning_rate:g}")
                self.cooldown_counter, self.wait = self.cooldown, 0


class LearningRateScheduler(Callback):
    """Set the learning rate before every epoch.

    Parameters
    ----------
    schedule : callable
        Of the epoch and the learning rate so far, or of the epoch alone; returns the new learning rate.
    verbose : int
        1 prints it.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        if not callable(schedule):
            fact = f"schedule must be a function of the epoch and the learning rate, not {shown(schedule)}"
            raise refusal("LearningRateScheduler", fact, {"schedule": schedule}, kind=ArgumentTypeError)
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:  # noqa: ARG002
        """Set the learning rate."""
        optimizer = self.model.optimizer
        rate = self.schedule(epoch, float(optimizer.learning_rate)) if self._takes_two() else self.schedule(epoch)
        if isinstance(rate, bool) or not isinstance(rate, float | np.floating):
            fact = f"schedule must return a float, not {shown(rate)}, for epoch {epoch}"
            raise refusal("LearningRateScheduler", fact, {"schedule": self.schedule}, kind=ArgumentTypeError)
        optimizer.learning_rate = float(rate)
        if self.verbose:
            sys.stdout.write(f"\nEpoch {epoch + 1}: the learning rate is set to {rate:g}\n")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:  # noqa: ARG002
        """Write the learning rate of the epoch into the logs."""
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)

    def _takes_two(self) -> bool:
        try:
            inspect.signature(self.schedule).bind(0, 0.0)
        except (TypeError, ValueError):
            return False
        return True


class TerminateOnNaN(Callback):
    """Stop when the loss is no number any more.

    Parameters
    ----------
    raise_error : bool
        Whether that is an error, a RuntimeError.
    """

    def __init__(self, raise_error: bool = False) -> None:  # noqa: FBT001, FBT002 - Keras's
        self.raise_error = bool(raise_error)

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss")
        if loss is None or np.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(f"the loss is {loss} after batch {batch}")
        sys.stdout.write(f"Batch {batch}: the loss is {loss}, training stops\n")
        self.model.stop_training = True


def _metrics(model: Any) -> list[metrics.Metric]:
    """Return the metrics of a model, those inside lists too."""
    found: list[metrics.Metric] = []
    for item in getattr(model, "metrics", None) or ():
        found += [item] if isinstance(item, metrics.Metric) else list(getattr(item, "metrics", ()))
    return found
