"""`convstep warmup`: compiles what the ready-made networks need, so that no later run waits for it."""

import argparse

from convstep.cli.terminal import say


def add_warmup(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "warmup",
        help="compile what the ready-made networks need, before they need it",
        description="Trains each ready-made network for a step and lets it predict, which compiles the kernels that it needs for float32: "
        'about a second for each, once for this processor (extra "fast"). They are kept on disk, in NUMBA_CACHE_DIR where that is set.',
        allow_abbrev=False,
    )
    parser.set_defaults(command=warmup, parser=parser)


def warmup(options: argparse.Namespace) -> None:
    """Run `convstep warmup`."""
    from convstep.runs.warming import kept_in, warm_up

    prog = options.parser.prog
    for name, seconds in warm_up():
        say(f"{prog}: {name}, {seconds:.1f} s")
    folder = kept_in()
    kept = f"{folder} keeps the kernels" if folder and folder.is_dir() else "no folder can be written that would keep the kernels"
    say(f"{prog}: {kept}")
