"""`convstep explore`: the explorer, served to the browser of this machine or written as one file."""

import argparse
import os
import sys
import threading
import webbrowser
from contextlib import closing
from pathlib import Path
from typing import Any

from convstep.cli.terminal import UsageError, say
from convstep.cli.training import RUNS, find_run

LAST_PORT = 65_535
LARGEST_SIDE = 32  # cells of an image whose numbers are looked at one by one
MEGABYTE = 10**6


def add_explore(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "explore",
        help="see a convolution, pooling or a trained network in the browser",
        description="Opens a page on which a window steps over an image, forward and backward, every number can be changed, and a trained "
        "network is shown layer by layer. It is served to this machine alone until Ctrl-C stops it; with --export it is written as one "
        "file that needs no server and no network.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "model", nargs="?", metavar="RUN", help="a run folder or its name, or a saved model (default: a small network that ships)"
    )
    parser.add_argument("--image", type=Path, metavar="FILE", help='what is shown first: PNG, JPEG, GIF, BMP, TIFF or WebP (extra "data")')
    parser.add_argument("--export", type=Path, metavar="PAGE.html", help="write the page instead of serving it")
    parser.add_argument("--port", type=int, metavar="N", help="of the server (default: a free one)")
    parser.add_argument("--no-browser", action="store_true", help="print the address and open nothing")
    parser.add_argument("--language", choices=("en", "zh"), help="of the page (default: the browser's)")
    parser.add_argument("--runs-dir", type=Path, default=RUNS, metavar="FOLDER", help="where the run folders are (default: runs)")
    parser.set_defaults(command=explore, parser=parser)


def explore(options: argparse.Namespace) -> None:
    """Run `convstep explore`."""
    _check(options)
    from convstep.explorer.page import page_html

    network, state = (None, None) if options.model is None else _opened(options)
    if options.model is None and options.image is not None:
        state = _layer(options.image)
    place = "page" if options.export is not None else "served"
    page = page_html(state, network, language=options.language, place=place).encode()
    if options.export is not None:
        _write(page, options.export, options.parser.prog)
    else:
        _serve(page, options)


def _check(options: argparse.Namespace) -> None:
    if options.export is not None:
        for name, given in (("--port", options.port is not None), ("--no-browser", options.no_browser)):
            if given:
                raise UsageError(f"argument {name}: not allowed with --export, which serves nothing")
        if options.export.suffix.lower() not in {".html", ".htm"}:
            raise UsageError(f"argument --export: must end in .html, not {options.export.name!r}")
    if options.port is not None and not 0 <= options.port <= LAST_PORT:
        raise UsageError(f"argument --port: must be from 0 to {LAST_PORT}, not {options.port}")
    if options.image is not None and not options.image.exists():
        raise UsageError(f"argument --image: there is no file {options.image}")


def _opened(options: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """Return the trained network that was named, and a state that shows it."""
    path = find_run(options.model, options.runs_dir) if options.model else None
    if path is None or (path.is_dir() and not any((path / name).is_file() for name in ("model.json", "run.json"))):
        named = options.model or repr(options.model)
        raise UsageError(f"argument RUN: there is no run and no model {named}, here or in {options.runs_dir}")
    from convstep.explorer.parts import START, image_part
    from convstep.models import load_model
    from convstep.models.exploring import as_network

    model = load_model(path)
    network = as_network(model, name=path.stem, run=_run(path), source=path)
    image = None if options.image is None else image_part("explore", _prepared(options.image, model, path) / 255)
    return network, {"version": 1, "view": "network", "network": {**START["network"], "image": image}}


def _run(path: Path) -> dict[str, Any] | None:
    """Return what run.json says, which is only told and never relied on."""
    import json

    try:
        report = json.loads((path / "run.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return report if isinstance(report, dict) else None


def _prepared(image: Path, model: Any, path: Path) -> Any:
    """Return an image as a network takes it, before it is scaled."""
    from convstep.data import read_image
    from convstep.errors import DataError
    from convstep.runs import Journal, prepared

    shape = model.input_shape
    if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:]:
        fact = f"the network does not take images of one size, but {shape}; leave it out and choose an image on the page"
        raise UsageError(f"argument --image: {fact}")
    try:
        journal = Journal.of(model, path)
    except DataError:  # not from `convstep train`: nobody knows how its images were prepared
        _, height, width, channels = shape
        return read_image(image, size=(height, width), color="gray" if channels == 1 else "rgb")
    return prepared(image, journal)


def _layer(image: Path) -> dict[str, Any]:
    """Return a state that shows one layer on an image."""
    from convstep.explorer.parts import START, layer_part

    return {"version": 1, "view": "layer", "layer": layer_part("explore", START["layer"], {"image": (_small(image) / 255).round(2)})}


def _small(path: Path) -> Any:
    """Return an image in so few cells that each can be looked at; without colours if it has none."""
    from convstep.data import read_image

    height, width, _ = read_image(path).shape
    scale = min(1, LARGEST_SIDE / max(height, width))
    cells = read_image(path, size=(max(1, round(height * scale)), max(1, round(width * scale))))
    return cells[..., :1] if (cells == cells[..., :1]).all() else cells


def _write(page: bytes, path: Path, prog: str) -> None:
    from convstep.errors import DataError
    from convstep.files import atomic_write

    try:
        atomic_write(path, page)
    except DataError as error:
        raise UsageError(f"argument --export: {str(error).splitlines()[0].removeprefix('save: ')}") from error
    except OSError as error:
        raise UsageError(f"argument --export: {path} cannot be written: {error.strerror}") from error
    say(f"{prog}: wrote {path}, {len(page) / MEGABYTE:.2f} MB")


def _serve(page: bytes, options: argparse.Namespace) -> None:
    from convstep.explorer.page import page_policy
    from convstep.explorer.server import PageServer

    try:
        server = PageServer(page, page_policy(), port=options.port or 0)
    except OSError as error:
        raise UsageError(f"argument --port: {options.port} cannot be used: {os.strerror(error.errno or 0)}") from error
    sys.stdout.write(f"{server.address}\n")
    sys.stdout.flush()
    say(f"{options.parser.prog}: serving this machine alone; Ctrl-C stops it")
    if not options.no_browser:
        threading.Thread(target=_open, args=(server.address, options.parser.prog), daemon=True).start()
    with closing(server):
        server.serve()


def _open(address: str, prog: str) -> None:
    """Open the browser, which may take its time, or be one that runs in the terminal."""
    if not webbrowser.open(address):
        say(f"{prog}: no browser was found; open the address in one of yours")
