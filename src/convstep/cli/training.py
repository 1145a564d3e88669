"""`convstep train`, `evaluate`, `predict` and `summary`: what `convstep.runs` does, as commands."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convstep.cli.interop import NETWORK_FILES, add_preparation, predict_with_file
from convstep.cli.terminal import FAILED, UsageError, console, print_json, say

if TYPE_CHECKING:
    from convstep.runs import Outcome

RUNS = Path("runs")
THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "OMP_NUM_THREADS")  # each for another such library
WORDS = (
    "data",
    "from_file",
    "image_size",
    "gray",
    "model",
    "epochs",
    "batch_size",
    "optimizer",
    "learning_rate",
    "schedule",
    "augment",
    "hold_out",
    "seed",
    "engine",
    "name",
)


def add_train(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "train",
        help="train a network, by default a small one on handwritten digits",
        description="Trains a network on images and writes a run folder: the model, its history and curves, and what it scores on test "
        "images that it has never seen. Without arguments it learns the handwritten digits that ship with convstep. Ctrl-C stops it "
        "after the last whole epoch; --resume goes on as if it had never been stopped.",
        allow_abbrev=False,
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data",
        metavar="DATA",
        help="digits, mnist, fashion_mnist or cifar10; a folder with one folder of images per class; a file of the course such as "
        "train_signs.h5 (default: digits)",
    )
    data.add_argument("--from-file", metavar="PATH", help="where the files of mnist, fashion_mnist or cifar10 are, instead of a download")
    data.add_argument("--image-size", type=int, metavar="N", help="scale the images of a folder to N x N")
    data.add_argument("--gray", action="store_true", default=None, help="read the images of a folder without colours")
    data.add_argument(
        "--no-augment", dest="augment", action="store_false", default=None, help="do not change the training images at random"
    )
    data.add_argument("--hold-out", type=float, metavar="SHARE", help="set a share of the training images aside to judge every epoch by")

    network = parser.add_argument_group("network")
    network.add_argument(
        "--model",
        metavar="MODEL",
        help="small, lenet5, signs, signs_tf1, happy_house, vgg or resnet; or a Python file, which is run, with `model` or "
        "`build(input_shape, classes)` (default: what suits the data)",
    )
    network.add_argument(
        "--engine", metavar="NAME", help='what computes: numpy, or compiled (extra "fast"; the default where that is installed)'
    )

    training = parser.add_argument_group("training")
    training.add_argument("--epochs", type=int, metavar="N", help="how often every image is seen (default: what suits the data)")
    training.add_argument("--batch-size", type=int, metavar="N", help="images per step (default: 64)")
    training.add_argument("--optimizer", metavar="NAME", help="adam, adamw, rmsprop, sgd, momentum or nesterov (default: adam)")
    training.add_argument("--learning-rate", type=float, metavar="RATE", help="the largest of the schedule")
    training.add_argument("--schedule", metavar="NAME", help="one-cycle or constant (default: one-cycle)")
    training.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="of the engine (default: as many as processors; numpy: 1, and other numbers may round otherwise)",
    )
    training.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same weights (default: 0)")

    run = parser.add_argument_group("run")
    run.add_argument("--name", metavar="NAME", help="of the run folder (default: the data's with the first free number)")
    run.add_argument("--runs-dir", type=Path, default=RUNS, metavar="FOLDER", help="where the run folders are (default: runs)")
    run.add_argument("--resume", metavar="RUN", help="go on with a run that was stopped, with its own settings")
    run.add_argument("--json", action="store_true", help="print what run.json says instead of the result for readers")
    parser.set_defaults(command=train, parser=parser)


def train(options: argparse.Namespace) -> None:
    """Run `convstep train`."""
    given = {word: value for word in WORDS if (value := getattr(options, word)) is not None}
    if options.resume is not None and given:
        word = f"--{next(iter(given)).replace('_', '-')}".replace("--augment", "--no-augment")
        raise UsageError(f"argument {word}: not allowed with --resume, which goes on with the settings of the run")
    _limit_threads(options.threads)
    from convstep.runs import SettingError, Settings, resume
    from convstep.runs import train as begin
    from convstep.runs.progress import ProgressLines

    lines = ProgressLines(options.parser.prog)
    try:
        with lines.shown():
            if options.resume is not None:
                outcome = resume(_run_folder("--resume", options.resume, options.runs_dir), watch=[lines], say=lines.say)
            else:
                name = given.pop("name", None)
                outcome = begin(Settings.of(**given), runs=options.runs_dir, name=name, watch=[lines], say=lines.say)
    except SettingError as error:
        raise UsageError(f"argument {error}") from error
    _print_outcome(outcome, as_json=options.json)


def add_evaluate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "evaluate",
        help="judge a trained network by its test images again",
        description="Judges the model in a run folder by the test images of its data, and prints the accuracy and the loss again.",
        allow_abbrev=False,
    )
    _add_run(parser)
    parser.add_argument("--json", action="store_true", help="print accuracy and loss for programs")
    parser.set_defaults(command=evaluate, parser=parser)


def evaluate(options: argparse.Namespace) -> None:
    """Run `convstep evaluate`."""
    path = _run_folder("RUN", options.run, options.runs_dir)
    _limit_threads()
    from convstep import runs

    verdict, journal = runs.evaluate(path)
    images = journal.data["test"]["images"]
    if options.json:
        print_json({"accuracy": verdict.accuracy, "loss": verdict.loss, "images": images, "epochs": journal.epochs})
    else:
        console().print(f"accuracy {verdict.accuracy:.4f} on {images:,} test images, loss {verdict.loss:.4f}")


def add_predict(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "predict",
        help="say what images show",
        description="Says which class each image shows, with the network of a run, or one in a file: .onnx, .keras, .h5, .convstep. To a "
        "network of digits a photograph is good enough, in a run: one digit, dark on light or light on dark, of any size; it is cut out, "
        "scaled and centred as MNIST's digits were. For a file the image is scaled to the size that its network takes.",
        allow_abbrev=False,
    )
    _add_run(parser, "the run folder, or its name; or the file of a network, such as squeezenet.onnx")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help='PNG, JPEG, GIF, BMP, TIFF or WebP (extra "data")')
    parser.add_argument("--json", action="store_true", help="print what is said for programs")
    add_preparation(parser)
    parser.set_defaults(command=predict, parser=parser)


def predict(options: argparse.Namespace) -> int:
    """Run `convstep predict`: all that can be read is told, and then whether anything could not."""
    path = _run_folder("RUN", options.run, options.runs_dir)
    for image in options.images:
        if not image.exists():
            raise UsageError(f"argument IMAGE: there is no file {image}")
    if path.is_file() and path.suffix.lower() in NETWORK_FILES:
        return predict_with_file(path, options)
    _limit_threads()
    from convstep import runs

    found = runs.predict_each(path, options.images)
    unread = {item.image: _fact(item.error) for item in found if isinstance(item, runs.Unread)}
    if options.json:
        print_json([{"image": item.image, "error": unread[item.image]} if isinstance(item, runs.Unread) else vars(item) for item in found])
    for item in found:
        if isinstance(item, runs.Unread):
            say(f"{options.parser.prog}: {item.image}: {unread[item.image]}")
        elif not options.json:
            console().print(f"{item.image}: {item.label} ({100 * item.probability:.1f} %)", markup=False, soft_wrap=True)
    return FAILED if unread else 0


def add_summary(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "summary",
        help="list the layers of a network",
        description="Lists the layers of a network with their output shapes and parameters, as Keras does.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "model", metavar="MODEL", help="small, lenet5, signs, ...; a run folder; a file, such as digits.convstep, squeezenet.onnx"
    )
    parser.add_argument("--runs-dir", type=Path, default=RUNS, metavar="FOLDER", help="where the run folders are (default: runs)")
    parser.set_defaults(command=summary, parser=parser)


def summary(options: argparse.Namespace) -> None:
    """Run `convstep summary`."""
    from convstep.interop.converting import open_model
    from convstep.runs import NETWORKS

    if options.model in NETWORKS:
        NETWORKS[options.model]().summary()
        return
    path = find_run(options.model, options.runs_dir)
    if path is None:
        raise UsageError(f"argument MODEL: there is no network, no run and no file {options.model}; the networks are {', '.join(NETWORKS)}")
    open_model(path).summary()


# ---- what these commands share


def _limit_threads(count: int | None = None) -> None:
    """Let NumPy's library multiply with so many threads; it reads this when it is loaded, so nothing may have loaded NumPy before.

    With one thread, which is the default unless the environment says otherwise, a run gives the same bits on any number of cores. And for
    matrices as small as these, threads that wait for each other cost more than they bring: on a busy machine fifty times as much.
    """
    if count is not None and count < 1:
        raise UsageError(f"argument --threads: must be a whole number >= 1, not {count}")
    if count is not None:
        os.environ["NUMBA_NUM_THREADS"] = str(count)  # the compiled engine's, whose bits do not depend on it
    if count is not None or not any(name in os.environ for name in THREADS):
        os.environ |= dict.fromkeys(THREADS, str(count or 1))


def _add_run(parser: argparse.ArgumentParser, text: str = "the run folder, or its name") -> None:
    parser.add_argument("run", metavar="RUN", help=text)
    parser.add_argument("--runs-dir", type=Path, default=RUNS, metavar="FOLDER", help="where the run folders are (default: runs)")


def _run_folder(argument: str, run: str, runs: Path) -> Path:
    path = find_run(run, runs)
    if path is None:
        raise UsageError(f"argument {argument}: there is no run {run}, here or in {runs}")
    return path


def find_run(name: str, runs: Path) -> Path | None:
    """Return the path that is meant: itself, or a run's name."""
    return next((path for path in (Path(name), runs / name) if path.exists()), None)


def _fact(error: Exception) -> str:
    """Return what an error says in its first line, without the function that says it."""
    return str(error).splitlines()[0].partition(": ")[2]


def _print_outcome(outcome: "Outcome", *, as_json: bool) -> None:
    report: dict[str, Any] = outcome.report
    if as_json:
        print_json({"folder": str(outcome.folder), **report})
        return
    images = report["data"]["test"]["images"]
    console().print(
        f"accuracy {report['accuracy']:.4f} on {images:,} test images, loss {report['loss']:.4f}, "
        f"after {report['epochs']} epochs in {report['seconds']:.1f} s"
    )
    say(f"convstep train: wrote {outcome.folder}")
