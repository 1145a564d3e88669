"""`convstep convert` and `convstep inspect`: networks that come from elsewhere or go there, and `predict` with such a file."""

import argparse
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convstep.cli.terminal import FAILED, UsageError, console, print_json, say

if TYPE_CHECKING:
    from convstep.interop.inspecting import Report, Tensor

NETWORK_FILES = (".bin", ".convstep", ".h5", ".hdf5", ".keras", ".onnx", ".pt", ".pth", ".safetensors")
MOST_ROWS = 12  # of weights without --weights


def add_convert(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "convert",
        help="write a network in another format",
        description="Reads a network and writes it in the format that the other file's suffix names. IN: .onnx, .keras, .h5, .convstep, or "
        "PyTorch's weights (.pth, .pt, .safetensors). OUT: .onnx, .keras, .h5, .convstep, or weights for PyTorch.",
        allow_abbrev=False,
    )
    parser.add_argument("source", type=Path, metavar="IN", help="what to read")
    parser.add_argument("target", type=Path, metavar="OUT", help="what to write; an older file there is replaced in one step")
    parser.add_argument(
        "--model", type=Path, metavar="FILE", help="the network that weights of PyTorch belong to: .onnx, .keras, .convstep"
    )
    parser.add_argument("--opset", type=int, metavar="N", help="version of ONNX's operators (default: 17)")
    parser.add_argument(
        "--layout",
        choices=["NCHW", "NHWC"],
        help="how images lie in the ONNX file: channels first or last; NHWC turns a network from ONNX for every format",
    )
    parser.add_argument(
        "--epsilon", type=float, metavar="X", help="of its batch normalization; PyTorch's own is 1e-5 (default: the network's)"
    )
    parser.set_defaults(command=convert, parser=parser)


def convert(options: argparse.Namespace) -> None:
    """Run `convstep convert`."""
    _must_exist("IN", options.source)
    from convstep.interop.converting import TARGETS, WEIGHTS
    from convstep.interop.converting import convert as write

    end = options.target.suffix.lower()
    if end not in TARGETS:
        raise UsageError(f"argument OUT: must end in one of {', '.join(TARGETS)}, not {options.target.name!r}")
    if end != ".onnx" and (options.opset or (options.layout and options.source.suffix.lower() != ".onnx")):
        raise UsageError(f"--opset and --layout are for ONNX, not for {end}")
    alone = options.source.suffix.lower() in WEIGHTS and not options.source.is_dir()
    if alone and options.model is None and end not in WEIGHTS:
        raise UsageError(f"{options.source.name} holds weights alone: say with --model what network they belong to")
    if options.model is not None:
        _must_exist("--model", options.model)
        if not alone:
            raise UsageError(f"--model is for weights of PyTorch; {options.source.name} is a network itself")
    if options.epsilon is not None and options.model is None:
        raise UsageError("--epsilon is for weights of PyTorch that become a network")
    write(options.source, options.target, model=options.model, opset=options.opset, layout=options.layout, epsilon=options.epsilon)
    say(f"{options.parser.prog}: wrote {options.target} ({options.target.stat().st_size:,} bytes)")


def add_inspect(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "inspect",
        help="list what a file of a network holds",
        description="Lists operators, shapes and parameters of an ONNX, Keras or convstep file, or of PyTorch's weights, and what in it "
        "would not run here. Nothing is run. Exit code 1 if something is not supported.",
        allow_abbrev=False,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help=".onnx, .keras, .h5, .convstep, .pth, .pt, .safetensors")
    parser.add_argument("--weights", action="store_true", help="list every weight")
    parser.add_argument("--json", action="store_true", help="print everything for programs")
    parser.set_defaults(command=inspect, parser=parser)


def inspect(options: argparse.Namespace) -> int:
    """Run `convstep inspect`."""
    _must_exist("FILE", options.file)
    from convstep.interop.inspecting import inspect as look

    report = look(options.file)
    if options.json:
        print_json(report.as_plain())
    else:
        _print_report(report, weights=options.weights)
    return FAILED if report.unsupported else 0


def _print_report(report: "Report", *, weights: bool) -> None:
    out = console()

    def line(text: str) -> None:
        out.print(text, markup=False, soft_wrap=True)

    opset = f", opset {report.opset}" if report.opset else ""
    line(f"{report.file}: {report.format}{opset}, {report.parameters:,} parameters in {len(report.weights)} tensors")
    for title, tensors in (("inputs", report.inputs), ("outputs", report.outputs)):
        for tensor in tensors:
            line(f"  {title[:-1]:<8}{_tensor(tensor)}")
    if report.operators:
        kinds = ", ".join(f"{count} {kind}" for kind, count in report.operators.items())
        line(f"  {'nodes' if report.format == 'onnx' else 'layers':<8}{kinds}")
    if report.transposes is not None:
        line(f"  transpositions left when it runs here: {report.transposes}")
    most = len(report.weights) if weights else MOST_ROWS if report.format == "weights" else 0
    for tensor in report.weights[:most]:
        line(f"  weight  {_tensor(tensor)}")
    if 0 < most < len(report.weights):
        line(f"  ... and {len(report.weights) - most} more; --weights lists all")
    for item in report.unsupported:
        line(f"  not supported: node {item.node!r} ({item.operator}, opset {item.opset}): {item.reason}")


def _tensor(tensor: "Tensor") -> str:
    shape = "of any shape" if tensor.shape is None else f"({', '.join(map(str, tensor.shape))}{',' if len(tensor.shape) == 1 else ''})"
    return f"{tensor.name} {shape} {tensor.dtype}"


# --- predict with a file ---


def add_preparation(parser: argparse.ArgumentParser) -> None:
    """Add what `predict` asks for if it is given the file of a network."""
    group = parser.add_argument_group("for the file of a network, of which nothing is known but its shapes")
    group.add_argument("--scale", type=_divisor, default=255.0, metavar="X", help="what the cells are divided by (default: 255)")
    group.add_argument(
        "--mean", type=_numbers, default=(0.0,), metavar="X[,X,X]", help="what is then taken off, one number or one a channel"
    )
    group.add_argument("--std", type=_divisors, default=(1.0,), metavar="X[,X,X]", help="what that is divided by")
    group.add_argument("--bgr", action="store_true", help="blue comes first, as OpenCV has it")
    group.add_argument("--size", type=_pair, metavar="HxW", help="for a network that takes images of any size (default: 224x224)")
    group.add_argument("--labels", type=Path, metavar="FILE", help="the names of the classes, one in each line")
    group.add_argument("--top", type=int, default=5, metavar="N", help="how many classes are told (default: 5)")
    group.add_argument("--output", type=Path, metavar="FILE.npz", help="where to write the outputs as they are")


def predict_with_file(path: Path, options: argparse.Namespace) -> int:
    """Run `convstep predict` with the file of a network."""
    if options.top < 1:
        raise UsageError(f"argument --top: must be at least 1, not {options.top}")
    if options.output is not None and (len(options.images) > 1 or options.output.suffix != ".npz"):
        raise UsageError("argument --output: is one .npz file, for one image")
    from convstep.errors import ConvStepError, MissingExtraError
    from convstep.interop import seeing
    from convstep.interop.converting import open_model

    model = open_model(path)
    how = seeing.Preparation(options.scale, options.mean, options.std, options.bgr, options.size)
    rows: list[dict[str, Any]] = []
    failed = 0
    for image in options.images:
        try:
            answer = seeing.see(model, image, how)
            classes = seeing.top(answer, options.labels, options.top)
        except MissingExtraError:
            raise
        except ConvStepError as error:
            if len(options.images) == 1:
                raise
            failed = FAILED
            fact = str(error).splitlines()[0].partition(": ")[2]
            rows.append({"image": str(image), "error": fact})
            say(f"{options.parser.prog}: {image}: {fact}")
            continue
        outputs = {name: {"shape": list(array.shape), "dtype": array.dtype.name} for name, array in answer.outputs.items()}
        rows.append({"image": str(image), "input_shape": list(answer.shape), "classes": classes, "outputs": outputs})
        if options.output is not None:
            _write_outputs(options.output, answer.outputs)
            say(f"{options.parser.prog}: wrote {options.output}")
        if not options.json:
            _print_answer(image, answer, classes)
    if options.json:
        print_json(rows)
    return failed


def _print_answer(image: Path, answer: Any, classes: list[dict[str, Any]]) -> None:
    out = console()
    if classes:
        told = ", ".join(f"{item['label']} ({100 * item['probability']:.1f} %)" for item in classes)
        out.print(f"{image}: {told}", markup=False, soft_wrap=True)
        return
    out.print(f"{image}:", markup=False, soft_wrap=True)
    for name, array in answer.outputs.items():
        ends = f", {array.min():.6g} to {array.max():.6g}, mean {array.mean():.6g}" if array.size and array.dtype.kind in "fiub" else ""
        out.print(f"  {name} {tuple(array.shape)} {array.dtype.name}{ends}", markup=False, soft_wrap=True)


def _write_outputs(path: Path, outputs: Any) -> None:
    import numpy as np

    from convstep.files import atomic_file

    with atomic_file(path) as file:
        np.savez(file, **{name.replace("/", "_"): array for name, array in outputs.items()})


def _must_exist(argument: str, path: Path) -> None:
    if not path.exists():
        raise UsageError(f"argument {argument}: there is no file {path}")


def _numbers(text: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or not all(map(math.isfinite, numbers)):
        raise argparse.ArgumentTypeError(f"must be a finite number, or several with commas between them, not {text!r}")
    return numbers


def _divisors(text: str) -> tuple[float, ...]:
    numbers = _numbers(text)
    if 0 in numbers:
        raise argparse.ArgumentTypeError(f"must not be 0, since it divides, but is {text!r}")
    return numbers


def _divisor(text: str) -> float:
    numbers = _divisors(text) if "," not in text else ()
    if not numbers:
        raise argparse.ArgumentTypeError(f"must be one finite number, not {text!r}")
    return numbers[0]


def _pair(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,6})(?:x([0-9]{1,6}))?", text)
    sizes = (0, 0) if found is None else (int(found[1]), int(found[2] or found[1]))
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError(f"must be a height and a width of at least 1, such as 224x224, not {text!r}")
    return sizes
