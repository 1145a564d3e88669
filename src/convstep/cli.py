"""The command `convstep`: one small parser and one thin function for each thing that it does.

One rule: data go to stdout, messages to stderr. Exit codes: 0 done, 1 a check failed, 2 usage, 3 an extra is missing, 130 interrupted.
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, TypeAlias

from convstep import __version__
from convstep.errors import ConvStepError

if TYPE_CHECKING:
    from rich.console import Console

FAILED, WRONG_USAGE, MISSING_EXTRA, INTERRUPTED = 1, 2, 3, 130
EXTRAS = {"matplotlib": "plot"}  # module: the extra that brings it
WIDTH = 80  # columns
FIGURE_SUFFIXES = (".png", ".svg", ".pdf")

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no public name


class UsageError(Exception):
    """A wrong argument that shows only when the command is under way."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    _open_streams()
    try:
        try:
            return _run(argv)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has seen enough
        _close_stdout()
        return 0
    except OSError as error:
        _close_stdout()
        return _complain(f"convstep: {error.strerror}", FAILED)
    except KeyboardInterrupt:
        return _complain("convstep: interrupted", INTERRUPTED)


def argument_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="convstep",
        description="Convolutional networks that can be read, checked, seen and run.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"convstep {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_demo(commands)
    return parser


# ---- demo: one shipped digit through the eight functions


def _add_demo(commands: Commands) -> None:
    parser = commands.add_parser(
        "demo",
        help="pad, convolve and pool a real handwritten digit, forward and backward",
        description="Takes a handwritten digit through padding, convolution and pooling, forward and backward, and prints what happened.",
        allow_abbrev=False,
    )
    parser.add_argument("--digit", type=int, default=0, metavar="INDEX", help="which of the shipped training images (default: 0)")
    parser.add_argument("--figure", type=Path, metavar="FILE.png", help='also draw it, as .png, .svg or .pdf (extra "plot")')
    parser.add_argument("--json", action="store_true", help="print a summary for programs instead of the account for readers")
    parser.set_defaults(command=demo, parser=parser)


def demo(options: argparse.Namespace) -> None:
    """Run `convstep demo`."""
    if options.figure is not None:
        _check_figure_suffix(options.figure)
        from convstep.figures import draw_steps, save
    from convstep.data import load_digits
    from convstep.demo import report, summary, walk

    (images, labels), _ = load_digits()
    if not 0 <= options.digit < len(images):
        raise UsageError(f"argument --digit: there are images 0 to {len(images) - 1}, not {options.digit}")
    account = walk(images[[options.digit]])
    title = f"training image {options.digit}, a handwritten {labels[options.digit]}"

    if options.figure is not None:
        try:
            save(draw_steps(account, title=title), options.figure)
        except OSError as error:
            raise UsageError(f"argument --figure: {options.figure} cannot be written: {error.strerror}") from error
        _say(f"convstep demo: wrote {options.figure}")
    if options.json:
        _print_json({"digit": options.digit, "label": int(labels[options.digit]), **summary(account)})
    else:
        _console().print(report(account, title=title))


# ---- what the commands share


def _run(argv: Sequence[str] | None) -> int:
    options = argument_parser().parse_args(argv)
    try:
        options.command(options)
    except UsageError as error:
        _refuse(options.parser, error)
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        return _complain(f"{options.parser.prog}: {error}", MISSING_EXTRA)
    except ConvStepError as error:
        return _complain(f"{options.parser.prog}: {error}", FAILED)
    return 0


def _refuse(parser: argparse.ArgumentParser, error: UsageError) -> NoReturn:
    parser.error(str(error))


def _check_figure_suffix(path: Path) -> None:
    if path.suffix.lower() not in FIGURE_SUFFIXES:
        raise UsageError(f"argument --figure: {path} must end in {', '.join(FIGURE_SUFFIXES[:-1])} or {FIGURE_SUFFIXES[-1]}")


def _print_json(data: dict[str, Any]) -> None:
    import json

    sys.stdout.write(json.dumps(data, indent=2, allow_nan=False) + "\n")


def _console() -> "Console":
    from rich.console import Console

    class Pipe(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # main knows what to do

    console = Pipe(highlight=False)
    console.width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    return console


def _complain(message: str, code: int) -> int:
    _say(message)
    return code


def _say(message: str) -> None:
    sys.stderr.write(message + "\n")


def _open_streams() -> None:
    """Write UTF-8 whatever the locale says, and nowhere when a stream was closed before the start."""
    sys.stdout, sys.stderr = _utf8(sys.stdout), _utf8(sys.stderr)


def _utf8(stream: TextIO | None) -> TextIO:
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8")
    return stream


def _close_stdout() -> None:
    """Let what is still buffered go nowhere, so that the interpreter does not fail on it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
