"""`convstep check`: learners' files, judged by the grader, which names the mistake that made a number."""

import argparse
import keyword
import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convstep.cli.terminal import FAILED, UsageError, console, print_json, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convstep.grading.grades import FileReport, Grade

LONGEST = 12  # seconds for a function: eight of them, two at a time, take less than a minute
SHOWN = 12  # mistakes
INDENT = 10  # columns of a message
STYLES = {"right": "green", "wrong": "red", "error": "red", "missing": "yellow", "timeout": "red"}


def add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "check",
        help="judge a learner's eight functions and name the mistakes",
        description="Judges the eight functions of the assignment in a .py file or a notebook, each alone, in a process of its own, and "
        "names the mistake that makes a number wrong. Exit code 0: all are right, 1: not all are.",
        allow_abbrev=False,
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="a .py file or an .ipynb notebook")
    parser.add_argument(
        "--function",
        action="append",
        default=[],
        metavar="NAME=OTHER",
        help="judge OTHER as NAME, one of the eight; may be given several times",
    )
    parser.add_argument(
        "--hint", type=int, default=2, choices=(1, 2, 3), help="1: what is wrong in kind, 2: where too, 3: the idea too (default: 2)"
    )
    parser.add_argument("--language", choices=("en", "zh"), help="of the report (default: the locale's)")
    parser.add_argument(
        "--edition",
        metavar="EDITION",
        help="of the assignment: v1, v2, v2a or 2021, or a number that it prints (default: recognised from the file, else 2021)",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="draw the same probes as a report that names this seed (default: new ones)")
    parser.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS", help="for each function, at most 12 (default: 10)")
    parser.add_argument(
        "--batch", type=Path, metavar="FOLDER", help="judge all files in a folder, for teachers; can be stopped and goes on"
    )
    parser.add_argument(
        "--out", type=Path, metavar="RESULTS.csv", help="with --batch: the table; a report page of the same name ends in .html"
    )
    parser.add_argument("--json", action="store_true", help="print the report for programs")
    parser.set_defaults(command=check, parser=parser)


def check(options: argparse.Namespace) -> int:
    """Run `convstep check`."""
    if options.batch is not None or options.out is not None:
        return batch(options)
    if options.file is None:
        raise UsageError("the following arguments are required: FILE, or --batch FOLDER --out RESULTS.csv")
    from convstep.grading.running import check_file

    report = check_file(options.file, plan_of(options))
    if options.json:
        print_json(report.as_json())
    else:
        show(report, options.hint)
    return 0 if report.right else FAILED


def batch(options: argparse.Namespace) -> int:
    """Run `convstep check --batch`."""
    if options.file is not None:
        raise UsageError("argument FILE: not allowed with --batch")
    if options.batch is None or options.out is None:
        raise UsageError("arguments --batch and --out: each needs the other")
    if options.out.suffix.lower() != ".csv":
        raise UsageError(f"argument --out: must end in .csv, not {options.out.name!r}")
    from convstep.errors import DataError
    from convstep.files import atomic_write
    from convstep.grading.batch import check_folder, count_right, counts, files_in, seed_of
    from convstep.grading.page import page

    plan = plan_of(options)
    if options.seed is None:
        before = seed_of(options.out)
        plan = plan if before is None else replace(plan, seed=before)
    try:
        number = len(files_in(options.batch))
    except DataError as error:
        raise UsageError(str(error).splitlines()[0].removeprefix("check: ")) from error
    with counting(number, options.parser.prog) as done:
        rows = check_folder(options.batch, options.out, plan, processes=os.cpu_count() or 1, done=done)
    report = options.out.with_suffix(".html")
    atomic_write(report, page(rows, name=options.batch.resolve().name, language=plan.language))
    whole = count_right(rows)
    if options.json:
        mistakes = [vars(one) for one in counts(rows)]
        print_json(
            {"files": len(rows), "right": whole, "seed": plan.seed, "mistakes": mistakes, "table": str(options.out), "page": str(report)}
        )
    else:
        _show_counts(rows, plan.language)
    say(f"{options.parser.prog}: wrote {options.out} and {report}")
    return 0 if whole == len(rows) else FAILED


@contextmanager
def counting(number: int, prefix: str) -> "Iterator[Callable[[], None]]":
    """Show on a terminal how many files are done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    screen = Console(file=sys.stderr)
    columns = (TextColumn(prefix), BarColumn(24), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("", total=number)
        yield lambda: bar.advance(task)


def _show_counts(rows: Any, language: str) -> None:
    from rich.table import Table
    from rich.text import Text

    from convstep.grading import page
    from convstep.grading.batch import counts
    from convstep.grading.words import say as worded

    found = counts(rows)
    table = Table(box=None, pad_edge=False, show_header=False)
    for one in found[:SHOWN]:
        number = worded("page.of", language, files=one.files, of=one.of)
        table.add_row(Text(number), Text(one.function), Text(page.title(one, language)))
    screen = console()
    screen.print(Text(page.summary(rows, found, language)))
    screen.print(table)


def plan_of(options: argparse.Namespace) -> Any:
    """Return how the files are to be judged."""
    from convstep.grading.running import default_plan
    from convstep.grading.sandbox import Limits

    if options.seed is not None and options.seed < 0:
        raise UsageError(f"argument --seed: must be 0 or more, not {options.seed}")
    if not 0 < options.timeout <= LONGEST:
        raise UsageError(f"argument --timeout: must be more than 0 and at most {LONGEST} seconds, not {options.timeout:g}")
    chosen = {"seed": options.seed, "language": options.language, "edition": _edition(options.edition)}
    return default_plan(
        functions=_functions(options.function),
        hint=options.hint,
        limits=Limits(seconds=options.timeout),
        **{word: value for word, value in chosen.items() if value is not None},
    )


def _functions(words: list[str]) -> dict[str, str]:
    from convstep.grading.observing import EIGHT

    names = {}
    for word in words:
        name, equals, other = word.partition("=")
        if name not in EIGHT:
            raise UsageError(f"argument --function: there is no function {name!r}; there are {', '.join(EIGHT)}")
        if name in names:
            raise UsageError(f"argument --function: {name} is mapped twice")
        if not equals or not other.isidentifier() or keyword.iskeyword(other):
            raise UsageError(f"argument --function: must be {name}=OTHER, with the name in the file, not {word!r}")
        names[name] = other
    return names


def _edition(word: str | None) -> str | None:
    from convstep.grading.published import EDITIONS, edition_of

    if word is None or word in EDITIONS:
        return word
    found = edition_of(word, digits=4)
    if found is None:
        raise UsageError(f"argument --edition: must be {', '.join(EDITIONS)} or a number that only one of them prints, not {word!r}")
    return found[0]


def show(report: "FileReport", hint: int) -> None:
    """Print a report for readers."""
    from rich.markup import escape

    from convstep.grading.words import say as worded

    screen, language = console(), report.language
    screen.print(f"[bold]{escape(report.file)}[/bold]")
    if report.problem:
        screen.print(escape(report.problem[language]))
        return
    for grade in report.grades:
        _show_grade(screen, grade, language)
    how = worded("screen.recognised", language, mark=report.recognised_by) if report.recognised_by else ""
    screen.print(f"\n[bold]{escape(report.summary(language))}[/bold]")
    edition, seed = worded("screen.edition", language, edition=report.edition, how=how), worded("screen.seed", language, seed=report.seed)
    screen.print(escape(worded("screen.facts", language, edition=edition, seed=seed)))
    if hint < 3 and any(".pattern." not in one.id for grade in report.grades for one in grade.diagnosis):
        screen.print(escape(worded("screen.more", language, next=hint + 1)))


def _show_grade(screen: Any, grade: "Grade", language: str) -> None:
    from rich.text import Text

    from convstep.grading.words import say as worded

    status = worded(f"screen.status.{grade.status}", language)
    line = Text.assemble((f"{status:>8}", STYLES[grade.status]), f"  {grade.function}", (f"  {100 * grade.score:.0f} %", "dim"))
    screen.print(line)
    if grade.status != "right" or grade.remarks:
        for line in Text(grade.message).wrap(screen, screen.width - INDENT):
            screen.print(Text(f"{' ' * INDENT}{line.plain.rstrip()}"))
