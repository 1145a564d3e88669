"""`convstep demo`: one shipped digit through the eight functions."""

import argparse
from pathlib import Path

from convstep.cli import pictures
from convstep.cli.terminal import UsageError, console, print_json


def add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the parser of the command."""
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
        pictures.check_suffix(options.figure)
        from convstep.figures import draw_steps
    from convstep.data import load_digits
    from convstep.demo import report, summary, walk

    (images, labels), _ = load_digits()
    if not 0 <= options.digit < len(images):
        raise UsageError(f"argument --digit: there are images 0 to {len(images) - 1}, not {options.digit}")
    account = walk(images[[options.digit]])
    title = f"training image {options.digit}, a handwritten {labels[options.digit]}"

    if options.figure is not None:
        pictures.write(draw_steps(account, title=title), options.figure, options.parser.prog)
    if options.json:
        print_json({"digit": options.digit, "label": int(labels[options.digit]), **summary(account)})
    else:
        console().print(report(account, title=title))
