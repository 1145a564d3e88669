"""`convstep course`: the lessons as notebooks, in English and in Chinese."""

import argparse
from pathlib import Path


def add_course(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "course",
        help="write the lessons as notebooks, in English and in Chinese",
        description="Writes the course as notebooks: for each language a folder of lessons to fill in, learner, and a folder of "
        'solved ones, solved. Needs the extra "course".',
        allow_abbrev=False,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="where to; it is made if it is not there")
    parser.add_argument("--language", choices=("en", "zh", "both"), default="both", help="English, Simplified Chinese, or both (default)")
    parser.add_argument("--force", action="store_true", help="overwrite notebooks that were changed since they were written")
    parser.set_defaults(command=course, parser=parser)


def course(options: argparse.Namespace) -> None:
    """Run `convstep course`."""
    import sys

    from convstep.course import write_course

    for path in write_course(options.folder, language=options.language, force=options.force):
        sys.stdout.write(f"{path}\n")
