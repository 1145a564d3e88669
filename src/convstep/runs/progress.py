"""How a run shows its progress on stderr: a line for each epoch, and on a terminal a bar of the whole run under them.

One rule: data go to stdout, so nothing here writes there.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from convstep.training.callback import Callback, Logs

__all__ = ["ProgressLines"]


class ProgressLines(Callback):
    """Prints the progress of a run; use it as a context, which leaves the terminal as it was.

    Parameters
    ----------
    prefix : str
        Begins the messages: the name of the command.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._task = TaskID(0)

    @contextmanager
    def shown(self) -> Iterator[Self]:
        """Leave the terminal as it was, whatever happens inside."""
        try:
            yield self
        finally:
            self.close()

    def say(self, message: str) -> None:
        """Print a message."""
        self.console.print(f"{self.prefix}: {message}", markup=False)

    def on_train_begin(self, logs: Logs = None) -> None:  # noqa: ARG002
        """Begin the bar, if this is a terminal."""
        if self.console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(24), TextColumn("{task.fields[numbers]}"), TimeRemainingColumn())
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task("", total=None, numbers="")

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:  # noqa: ARG002
        """Note where the run is."""
        self._epoch = epoch
        if self._bar is not None:
            total = self.params["epochs"] * self.params["steps"]
            done = epoch * self.params["steps"]
            self._bar.update(self._task, description=self._of(epoch), total=total, completed=done)
            self._bar.start()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Move the bar."""
        if self._bar is not None:
            done = self._epoch * self.params["steps"] + batch + 1
            self._bar.update(self._task, completed=done, numbers=f"loss {(logs or {}).get('loss', 0.0):.4f}")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Print the line of an epoch."""
        self.console.print(epoch_line(self._of(epoch), logs or {}), markup=False)

    def on_train_end(self, logs: Logs = None) -> None:  # noqa: ARG002
        """Take the bar away."""
        self.close()

    def close(self) -> None:
        """Take the bar away, if there is one."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _of(self, epoch: int) -> str:
        last = str(self.params["epochs"])
        return f"epoch {epoch + 1:>{len(last)}}/{last}"


def epoch_line(title: str, logs: dict[str, Any]) -> str:
    """Return what is printed about an epoch, in less than 80 columns."""
    words = [f"{name} {logs[name]:.4f}" for name in ("loss", "accuracy") if name in logs]
    held_out = [f"{logs[name]:.4f}" for name in ("val_loss", "val_accuracy") if name in logs]
    return "  ".join([title, *words, *([f"held out {', '.join(held_out)}"] if held_out else []), f"{logs.get('seconds', 0.0):.1f} s"])
