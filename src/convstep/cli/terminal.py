"""What the commands share: how they print, complain and close. One rule: data go to stdout, messages to stderr."""

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "FAILED",
    "INTERRUPTED",
    "MISSING",
    "WRONG_USAGE",
    "UsageError",
    "close_stdout",
    "complain",
    "console",
    "open_streams",
    "print_json",
    "say",
]

FAILED, WRONG_USAGE, MISSING, INTERRUPTED = 1, 2, 3, 130
WIDTH = 80  # columns


class UsageError(Exception):
    """A wrong argument that shows only when the command is under way."""


def print_json(data: Any) -> None:
    """Print data for programs."""
    import json

    sys.stdout.write(json.dumps(data, indent=2, allow_nan=False) + "\n")


def console() -> "Console":
    """Return a console for readers, at most 80 columns wide, and just as wide in a pipe."""
    from rich.console import Console

    class Pipe(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # main knows what to do

    made = Pipe(highlight=False)
    made.width = min(made.width, WIDTH) if made.is_terminal else WIDTH
    return made


def complain(message: str, code: int) -> int:
    """Print a message, and return the code to leave with."""
    say(message)
    return code


def say(message: str) -> None:
    """Print a message."""
    sys.stderr.write(message + "\n")


def open_streams() -> None:
    """Write UTF-8 whatever the locale says, and nowhere when a stream was closed before the start."""
    sys.stdout, sys.stderr = _utf8(sys.stdout), _utf8(sys.stderr)


def _utf8(stream: TextIO | None) -> TextIO:
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8")
    return stream


def close_stdout() -> None:
    """Let what is still buffered go nowhere, so that the interpreter does not fail on it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
