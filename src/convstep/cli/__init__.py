"""The command `convstep`: one small parser and one thin function for each thing that it does.

One rule: data go to stdout, messages to stderr. Exit codes: 0 done, 1 a check failed, 2 usage, 3 an extra or data are missing,
130 interrupted.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from convstep import __version__
from convstep.cli.bench import add_bench
from convstep.cli.check import add_check
from convstep.cli.course import add_course
from convstep.cli.demo import add_demo
from convstep.cli.explore import add_explore
from convstep.cli.interop import add_convert, add_inspect
from convstep.cli.pictures import FIGURE_SUFFIXES
from convstep.cli.terminal import FAILED, INTERRUPTED, MISSING, WRONG_USAGE, UsageError, close_stdout, complain, open_streams
from convstep.cli.training import add_evaluate, add_predict, add_summary, add_train
from convstep.cli.warmup import add_warmup
from convstep.errors import ConvStepError, DataUnavailableError, MissingExtraError

__all__ = ["FIGURE_SUFFIXES", "argument_parser", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    open_streams()
    try:
        try:
            return _run(argv)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has seen enough
        close_stdout()
        return 0
    except OSError as error:
        close_stdout()
        return complain(f"convstep: {error.strerror}{f': {error.filename}' if error.filename else ''}", FAILED)
    except KeyboardInterrupt as stop:
        return complain(f"convstep: {str(stop) or 'interrupted'}", INTERRUPTED)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are two lines: how it is used, as far as that is one line, and what is wrong."""

    def error(self, message: str) -> NoReturn:
        """Leave with code 2."""
        usage = self.format_usage()
        if len(usage.splitlines()) > 1:
            usage = f"usage: {self.prog} [...]; --help lists the options\n"
        self.exit(WRONG_USAGE, f"{usage}{self.prog}: error: {message}\n")


def argument_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser: argparse.ArgumentParser = Parser(
        prog="convstep",
        description="Convolutional networks that can be read, checked, seen and run.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"convstep {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (
        add_demo,
        add_check,
        add_course,
        add_train,
        add_evaluate,
        add_predict,
        add_summary,
        add_inspect,
        add_convert,
        add_explore,
        add_bench,
        add_warmup,
    ):
        add(commands)
    return parser


def _run(argv: Sequence[str] | None) -> int:
    options = argument_parser().parse_args(argv)
    try:
        return options.command(options) or 0
    except UsageError as error:
        _refuse(options.parser, error)
    except (MissingExtraError, DataUnavailableError) as error:
        return complain(_told(options.parser.prog, error), MISSING)
    except ConvStepError as error:
        return complain(_told(options.parser.prog, error), FAILED)


def _told(prog: str, error: ConvStepError) -> str:
    """Return the message after the name of the command, which some errors begin with too."""
    return f"{prog}: {str(error).removeprefix(prog.rsplit(maxsplit=1)[-1] + ': ')}"


def _refuse(parser: argparse.ArgumentParser, error: UsageError) -> NoReturn:
    parser.error(str(error))
