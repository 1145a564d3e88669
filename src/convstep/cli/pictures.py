"""The option `--figure` of the commands: which files a figure can be, and one that cannot be written."""

from pathlib import Path
from typing import Any

from convstep.cli.terminal import UsageError, say

FIGURE_SUFFIXES = (".png", ".svg", ".pdf")


def check_suffix(path: Path) -> None:
    """Refuse a file of another kind."""
    if path.suffix.lower() not in FIGURE_SUFFIXES:
        raise UsageError(f"argument --figure: {path} must end in {', '.join(FIGURE_SUFFIXES[:-1])} or {FIGURE_SUFFIXES[-1]}")


def write(figure: Any, path: Path, prog: str) -> None:
    """Write the figure and say so."""
    from convstep.errors import DataError
    from convstep.figures import save

    try:
        save(figure, path)
    except DataError as error:
        fact = str(error).splitlines()[0].removeprefix("save: ")
        raise UsageError(f"argument --figure: {path} cannot be written: {fact}") from error
    except OSError as error:
        raise UsageError(f"argument --figure: {path} cannot be written: {error.strerror}") from error
    say(f"{prog}: wrote {path}")
