"""What fit, evaluate and predict print: a live bar on a terminal, plain lines in a pipe.

One rule: this is a callback like any other, so whatever others write into the logs is printed too.
"""

import math
import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from convstep.checks import refusal
from convstep.errors import ArgumentTypeError
from convstep.training.callback import Callback, Logs

SMALL = 1e-3  # numbers up to this are printed with an exponent, as in Keras
OFTEN = 0.1  # seconds between two looks at the numbers


class ProgressLines(Callback):
    """Prints the progress of a run.

    Parameters
    ----------
    verbose : 1 or 2
        1: a bar on a terminal, two lines for each epoch in a pipe. 2: two lines for each epoch anywhere.
    """

    def __init__(self, verbose: int) -> None:
        self.verbose = verbose
        self.console = Console(highlight=False)
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._fitting = False
        self._shown = 0.0

    # --- the hooks ---

    def on_train_begin(self, logs: Logs = None) -> None:  # noqa: ARG002
        """Remember that validations are part of a training."""
        self._fitting = True

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:  # noqa: ARG002
        """Print the epoch, and begin a bar."""
        if self.params["epochs"] > 1:
            sys.stdout.write(f"Epoch {epoch + 1}/{self.params['epochs']}\n")
            sys.stdout.flush()
        self._begin()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Move the bar."""
        self._move(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:  # noqa: ARG002
        """Print the numbers of the epoch."""
        self._end(logs)

    def on_train_end(self, logs: Logs = None) -> None:  # noqa: ARG002
        """The training has ended."""
        self._fitting = False

    def on_test_begin(self, logs: Logs = None) -> None:  # noqa: ARG002
        """Begin a bar."""
        if not self._fitting:
            self._begin()

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Move the bar."""
        if not self._fitting:
            self._move(batch, logs)

    def on_test_end(self, logs: Logs = None) -> None:
        """Print the numbers."""
        if not self._fitting:
            self._end(logs)

    def on_predict_begin(self, logs: Logs = None) -> None:  # noqa: ARG002
        """Begin a bar."""
        self._begin()

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:  # noqa: ARG002
        """Move the bar."""
        self._move(batch, None)

    def on_predict_end(self, logs: Logs = None) -> None:  # noqa: ARG002
        """Print how long it took."""
        self._end(None)

    def close(self) -> None:
        """Leave the terminal as it was, whatever happened."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    # --- parts ---

    def _begin(self) -> None:
        self._start, self._done = time.perf_counter(), 0
        if self.verbose == 1 and self.console.is_terminal:
            columns = (MofNCompleteColumn(), BarColumn(20), TimeRemainingColumn(), TextColumn("{task.fields[numbers]}"))
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task("", total=self.params["steps"], numbers="")
            self._bar.start()

    def _move(self, batch: int, logs: Logs) -> None:
        self._done = batch + 1
        now = time.perf_counter()
        if self._bar is not None and (now - self._shown > OFTEN or self._done == self.params["steps"]):
            self._shown = now
            self._bar.update(self._task, completed=self._done, numbers=" - ".join(_numbers(logs)))

    def _end(self, logs: Logs) -> None:
        self.close()
        seconds = time.perf_counter() - self._start
        total = self.params["steps"] or self._done
        line = " - ".join([f"{self._done}/{total}", f"{seconds:.0f}s", f"{_duration(seconds / max(self._done, 1))}/step", *_numbers(logs)])
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def progress_for(op: str, verbose: Any) -> list[Callback]:
    """Return the callback that `verbose` asks for, in a list; 0 asks for none, "auto" for 1.

    Raises
    ------
    ArgumentTypeError
        If it is none of 0, 1, 2 and "auto".
    """
    if verbose not in ("auto", 0, 1, 2):
        raise refusal(op, 'verbose must be 0, 1, 2 or "auto"', {"verbose": verbose}, kind=ArgumentTypeError)
    return [ProgressLines(1 if verbose == "auto" else int(verbose))] if verbose else []


def _numbers(logs: Logs) -> list[str]:
    return [f"{name}: {_number(value)}" for name, value in (logs or {}).items()]


def _number(value: Any) -> str:
    try:
        mean = float(value)
    except TypeError:
        mean = float(sum(value) / max(len(value), 1))
    return f"{mean:.4f}" if abs(mean) > SMALL or not math.isfinite(mean) else f"{mean:.4e}"


def _duration(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= SMALL else f"{seconds * 1e6:.0f}us"
