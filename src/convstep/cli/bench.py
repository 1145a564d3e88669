"""`convstep bench`: us, PyTorch, Keras and onnxruntime, whichever are installed, measured in one process and in turn."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from convstep.cli import pictures
from convstep.cli.terminal import UsageError, console, print_json, say
from convstep.cli.training import THREADS

QUICK = {"rounds": 1, "networks": ["lenet5", "signs"]}
USUAL = {"rounds": 15, "networks": ["lenet5", "signs", "happy_house", "vgg", "resnet18"]}
BUSY = 0.25  # of the processors: with more work than this before we begin, the numbers are noisy


def add_bench(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "bench",
        help="measure convstep beside PyTorch, Keras and onnxruntime",
        description="Measures single layers, training steps, inference, memory, start-up and epochs of convstep and of PyTorch (in both "
        "layouts), Keras and onnxruntime, whichever are installed: in one process and in turn. A ratio is a rival's time over ours: 2 "
        "means that we are twice as fast. Medians are told, and where 10 % and 90 % of the rounds lie.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help="layers, training, inference, memory, startup, epochs or ceiling (default: all)"
    )
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="how often each side works; a third as often where it starts a process (default: 15)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="threads of each side (default: as many as processors)")
    parser.add_argument("--networks", nargs="+", metavar="NAME", help="lenet5, signs, happy_house, vgg or resnet18 (default: all)")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="measure N layers of random shapes too")
    parser.add_argument(
        "--onnx",
        nargs="*",
        metavar="FILE",
        help="measure networks from ONNX files beside onnxruntime, and no PART that is not named (default: the light models of the package "
        'onnx, with seeded weights; extra "onnx")',
    )
    parser.add_argument("--repeats", type=int, metavar="N", help="another word for --rounds")
    parser.add_argument("--quick", action="store_true", help="measure next to nothing, to see whether everything works")
    parser.add_argument("--json", action="store_true", help="print the numbers for programs instead of tables")
    parser.add_argument("--figure", type=Path, metavar="FILE.png", help='also draw the roofline, as .png, .svg or .pdf (extra "plot")')
    parser.set_defaults(command=bench, parser=parser)


def bench(options: argparse.Namespace) -> None:
    """Run `convstep bench`."""
    _check_numbers(options)
    if options.figure is not None:
        pictures.check_suffix(options.figure)
        import convstep.figures  # noqa: F401 - to know before all is measured whether it is there
    threads = options.threads or _processors()
    os.environ |= dict.fromkeys(THREADS, str(threads))  # read when NumPy and PyTorch are loaded
    from convstep.bench import Plan, measure
    from convstep.bench.report import report

    default: dict[str, Any] = QUICK if options.quick else USUAL
    plan = Plan(
        parts=_parts(options),
        rounds=options.rounds or options.repeats or default["rounds"],
        threads=threads,
        networks=options.networks or default["networks"],
        random=options.random,
        quick=options.quick,
        onnx=options.onnx,
    )
    _warn(options.parser.prog)
    with _progress(options.parser.prog) as tell:
        found = measure(plan, tell)
    if options.figure is not None:
        pictures.write(_figure(found), options.figure, options.parser.prog)
    if options.json:
        print_json(found)
    else:
        console().print(report(found))


def _check_numbers(options: argparse.Namespace) -> None:
    for word, least in (("rounds", 1), ("repeats", 1), ("threads", 1), ("random", 0)):
        value = getattr(options, word)
        if value is not None and value < least:
            raise UsageError(f"argument --{word}: must be a whole number >= {least}, not {value}")


def _parts(options: argparse.Namespace) -> list[str]:
    """Return the parts that are to be measured."""
    from convstep.bench import NETWORKS, PARTS

    for argument, given, known in (("PART", options.parts, PARTS), ("--networks", options.networks, NETWORKS)):
        unknown = [name for name in given or () if name not in known]
        if unknown:
            raise UsageError(f"argument {argument}: there is no {unknown[0]}; there are {', '.join(known)}")
    parts = options.parts or ([] if options.onnx is not None else list(PARTS))
    for word in ("random", "figure"):
        if getattr(options, word) and "layers" not in parts:
            raise UsageError(f"argument --{word}: needs the part layers")
    return [*parts, *(["ceiling"] if options.figure is not None and "ceiling" not in parts else [])]


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _warn(prog: str) -> None:
    from convstep.bench.rivals import missing

    if missing():
        say(f"{prog}: not installed, so left out: {', '.join(missing())}")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > BUSY * _processors():
        say(f"{prog}: this machine is busy (load {load:.1f} on {_processors()} processors): the numbers will be noisy")


@contextmanager
def _progress(prog: str) -> Iterator[Callable[[str], None]]:
    """Show what is measured: on a terminal all of it in one line that leaves again, in a pipe a line for each part, or network."""
    from rich.console import Console

    screen, told = Console(file=sys.stderr, highlight=False), set[str]()
    if screen.is_terminal:
        with screen.status("") as status:
            yield lambda what: status.update(f"{prog}: {what}")
        return

    def tell(what: str) -> None:
        part = what.partition(":")[0]
        shown = what if part == "onnx" else part  # reading one of its networks may take many seconds
        if shown not in told:
            told.add(shown)
            say(f"{prog}: measuring {shown}")

    yield tell


def _figure(found: dict[str, Any]) -> Any:
    from convstep.figures import draw_roofline

    layers, ceiling, facts = found["layers"], found["ceiling"], found["machine"]
    rows = [*layers["rows"], *layers.get("random", {"rows": []})["rows"]]
    points = [{**{word: row[word] for word in ("name", "kind", "intensity")}, "speeds": _speeds(row)} for row in rows]
    title = f"Layers under the roofline of this machine: {facts['cpu']}, {facts['threads']} threads"
    return draw_roofline(points, ceiling=ceiling["ceiling"], bandwidth=ceiling["gigabytes_per_second"], title=title)


def _speeds(row: dict[str, Any]) -> dict[str, float]:
    sides, ratio = row["sides"], row["ratio"]
    theirs = {} if ratio is None else {"PyTorch": sides[ratio["to"]]["gflops"]}
    return {"convstep": sides["convstep"]["gflops"], **theirs}
