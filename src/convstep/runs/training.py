"""A run: it trains a network epoch by epoch, and what it is after each epoch is on the disk before the next one begins.

One rule: a run that was stopped and continued ends with the same bits as one that was never stopped. So nothing that it computes depends
on anything but its settings, its images, and the epoch that it is in.
"""

import math
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from convstep.engines import use_engine
from convstep.errors import ConvStepError, DataError, ShapeError
from convstep.models.interrupts import interrupts_wait
from convstep.random import set_random_seed
from convstep.runs.dealing import Deal, NewEpoch, targets
from convstep.runs.folder import Journal, Verdict, check_runs, create, load, same_images, write_curves, write_report
from convstep.runs.networks import build, compile_for
from convstep.runs.sets import Sets, load_sets
from convstep.runs.settings import SettingError, Settings
from convstep.training.callback import Callback, Logs

__all__ = ["Interrupted", "Outcome", "judge", "resume", "train"]

JUDGED_AT_A_TIME = 500


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run; the message says how to go on."""


@dataclass(frozen=True)
class Outcome:
    """A finished run: its folder, and what its run.json says."""

    folder: Path
    report: dict[str, Any]


def train(
    settings: Settings,
    *,
    runs: Path = Path("runs"),
    name: str | None = None,
    watch: Sequence[Callback] = (),
    say: Callable[[str], None] = print,
) -> Outcome:
    """Train a network from its beginning, in a new run folder.

    Parameters
    ----------
    settings : Settings
    runs : Path
        The folder of all runs.
    name : str, optional
        Of this run; otherwise the name of the data with a number. No other run is ever written over.
    watch : sequence of Callback
        Are told what happens.
    say : callable
        Gets messages, line by line.

    Raises
    ------
    SettingError, DataError
        If the run cannot begin.
    ConvStepError
        If the loss is no number any more.
    Interrupted
        After Ctrl-C; the last whole epoch is in the folder.
    """
    _check_engine(settings.engine)
    check_runs(runs)
    sets = load_sets(settings)
    set_random_seed(settings.seed)
    model = build(settings.model, sets.shape, len(sets.classes))
    kept, _ = sets.without_held_out(settings.hold_out)
    compile_for(model, settings, settings.epochs * len(Deal(kept, settings.batch_size)))
    journal = Journal.begin(settings, sets.facts())
    try:
        folder = create(runs, name, settings.title, lambda new: journal.save(model, new))
    except OSError as error:
        _cannot_write(error, runs)
    _introduce(model, sets, settings, say)
    return _go_on(folder, model, journal, sets, watch=watch, say=say)


def resume(path: Path, *, watch: Sequence[Callback] = (), say: Callable[[str], None] = print) -> Outcome:
    """Go on with a run that was stopped, with its own settings, to the weights that it would have had without a stop.

    Raises
    ------
    DataError
        If there is no run, or it is damaged, or its images have changed.
    """
    model, journal = load(path)
    if not model.compiled:
        raise DataError(f"train: the run cannot go on: its loss or its optimizer could not be saved\n  given {path}")
    sets = same_images(path, journal, "train", ("train", "test"))
    _introduce(model, sets, journal.settings, say)
    say(f"{journal.epochs} of {journal.settings.epochs} epochs are done")
    try:
        journal.save(model, path)  # ends a save that was cut off after it counted, before its files had their names
    except OSError as error:
        _cannot_write(error, path)
    return _go_on(path, model, journal, sets, watch=watch, say=say)


def judge(model: Any, sets: Sets, settings: Settings) -> Verdict:
    """Return the accuracy and the loss on the test images."""
    with use_engine(settings.engine):
        deal = Deal(sets.test, JUDGED_AT_A_TIME, y=targets(model, sets.test[1]))
        found = model.evaluate(deal, verbose=0, return_dict=True)
    return Verdict(float(found["accuracy"]), float(found["loss"]))


class Keeper(Callback):
    """Brings every epoch to the disk at its end."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        self.folder, self.journal = folder, journal

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:  # noqa: ARG002
        """Look at the clock."""
        self._start = time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:  # noqa: ARG002
        """Note the rate of the step: after it the schedule says that of the next one, and after the last step that of none."""
        self._rate = self.model.optimizer.learning_rate

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write the model first, which counts, then what is made from it."""
        logs = {} if logs is None else logs
        logs |= {"learning_rate": self._rate, "seconds": round(time.perf_counter() - self._start, 3)}
        if not math.isfinite(logs["loss"]):
            fact = f"train: in epoch {epoch + 1} the loss became {logs['loss']}: try a smaller --learning-rate"
            raise ConvStepError(
                f"{fact}\n  given learning_rate {self.journal.settings.learning_rate:g}; {self.folder} holds {epoch} epochs"
            )
        with interrupts_wait():
            journal = self.journal.with_epoch({name: float(value) for name, value in logs.items()})
            journal.save(self.model, self.folder)
            self.journal = journal
        write_report(self.folder, self.model, journal, status="running")


def _check_engine(name: str) -> None:
    try:
        with use_engine(name):
            pass
    except ShapeError as error:
        raise SettingError(f"--engine: {str(error).splitlines()[0].partition(': ')[2]}") from None


def _go_on(folder: Path, model: Any, journal: Journal, sets: Sets, *, watch: Sequence[Callback], say: Callable[[str], None]) -> Outcome:
    keeper = Keeper(folder, journal)
    try:
        with use_engine(journal.settings.engine), np.errstate(all="ignore"):  # a loss that is no number is told in words
            _fit(model, keeper, sets, watch)
        verdict = judge(model, sets, journal.settings)
        report = write_report(folder, model, keeper.journal, status="finished", verdict=verdict)
        _draw(folder, keeper.journal, verdict, say)
    except KeyboardInterrupt:
        write_report(folder, model, keeper.journal, status="interrupted")
        done = f"{keeper.journal.epochs} of {journal.settings.epochs} epochs are in {folder}"
        raise Interrupted(f"interrupted; {done}\n  this goes on: convstep train --resume {shlex.quote(str(folder))}") from None
    except OSError as error:
        _cannot_write(error, folder)
    return Outcome(folder, report)


def _fit(model: Any, keeper: Keeper, sets: Sets, watch: Sequence[Callback]) -> None:
    settings, done = keeper.journal.settings, keeper.journal.epochs
    if done >= settings.epochs:
        return
    kept, aside = sets.without_held_out(settings.hold_out)
    deal = Deal(kept, settings.batch_size, y=targets(model, kept[1]), seed=settings.seed, augment=settings.augment)
    held_out = None if aside is None else Deal(aside, JUDGED_AT_A_TIME, y=targets(model, aside[1]))
    model.fit(
        deal,
        epochs=settings.epochs,
        initial_epoch=done,
        validation_data=held_out,
        callbacks=[NewEpoch(deal), keeper, *watch],
        verbose=0,
    )


def _draw(folder: Path, journal: Journal, verdict: Verdict, say: Callable[[str], None]) -> None:
    try:
        write_curves(folder, journal, verdict)
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        say('no curves.png: it needs Matplotlib; this installs it: pip install "convstep[plot]"')


def _cannot_write(error: OSError, folder: Path) -> NoReturn:
    raise DataError(f"train: {folder} cannot be written: {error.strerror or error}\n  given {error.filename or folder}") from error


def _introduce(model: Any, sets: Sets, settings: Settings, say: Callable[[str], None]) -> None:
    (x, _), aside = sets.without_held_out(settings.hold_out)
    held_out = "" if aside is None else f", {len(aside[0]):,} held out"
    say(f"{model.name} with {model.count_params():,} parameters")
    say(f"{settings.title}: {len(x):,} images to train on{held_out}, {len(sets.test[0]):,} to be judged by")
