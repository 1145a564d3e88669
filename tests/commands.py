"""The command line as tests run it: in a process of its own with no settings for the terminal, or in this one."""

import os
from pathlib import Path

import pytest

import convstep
from convstep import cli

SOURCE = str(Path(convstep.__file__).parents[1])
MAIN = "from convstep.cli import main; sys.exit(main(sys.argv[1:]))"
TERMINAL = {"COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "PYTHONUTF8", "PYTHONIOENCODING", "TERM"}


def environment(**variables: str) -> dict[str, str]:
    """Return the variables of a process that finds the package under test."""
    kept = {name: value for name, value in os.environ.items() if name not in TERMINAL}
    return kept | {"PYTHONPATH": os.pathsep.join([SOURCE, os.environ.get("PYTHONPATH", "")])} | variables


def in_process(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Return the exit code, and what was printed on stdout and stderr."""
    try:
        code = cli.main(arguments)
    except SystemExit as end:
        code = int(end.code or 0)
    printed = capsys.readouterr()
    return code, printed.out, printed.err
