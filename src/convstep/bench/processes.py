"""Measuring in processes of their own. One rule: one that fails is one error, with the last line of what it said."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from convstep.errors import ConvStepError


def output_of(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """Run Python with these arguments, and more in the environment, and return what it prints.

    Raises
    ------
    ConvStepError
        If it fails.
    """
    command, variables = [sys.executable, *arguments], os.environ | dict(environment or {})
    done = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)  # noqa: S603 - programs of this room
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise ConvStepError(f"bench: a measured process failed with exit code {done.returncode}: {said[0]}\n  given {arguments[:3]}")
    return done.stdout
