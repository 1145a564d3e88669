"""Files of networks by their suffixes: opened as models, and written in another format.

One rule: the suffix says the format, and a file that holds weights alone needs a model that they belong to.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from convstep.checks import refusal, shown
from convstep.errors import ArgumentTypeError, DataError
from convstep.interop import keras, onnx, torch
from convstep.interop.torch.writing import write
from convstep.models import load_model

__all__ = ["MODELS", "TARGETS", "WEIGHTS", "convert", "open_model"]

Place = str | os.PathLike[str]
OWN = ".convstep"


def _own(path: Path) -> Any:
    return load_model(path, compile=False)


MODELS: Mapping[str, Callable[[Path], Any]] = {OWN: _own, ".h5": keras.load, ".hdf5": keras.load, ".keras": keras.load, ".onnx": onnx.load}
WEIGHTS = (".bin", ".pt", ".pth", ".safetensors")
TARGETS = (OWN, ".h5", ".keras", ".onnx", ".pth", ".pt", ".safetensors")


def open_model(path: Place) -> Any:
    """Return the model in a file: ONNX, Keras's .keras and .h5, or convstep's own, which may be a folder.

    Raises
    ------
    DataError
        If there is no such file, it is damaged, or its suffix is none of these.
    MissingExtraError
        If what reads the format is not installed.
    """
    place = Path(path)
    if not place.exists():
        raise DataError(f"open_model: there is no file of this name\n  given {place}")
    suffix = OWN if place.is_dir() else place.suffix.lower()
    if suffix in WEIGHTS:
        raise DataError(f"open_model: a {suffix} file holds weights alone, so it needs a model that they belong to\n  given {place}")
    if suffix not in MODELS:
        raise DataError(f"open_model: no model is read from {shown(place.suffix)}, only from {', '.join(MODELS)}\n  given {place}")
    return MODELS[suffix](place)


def convert(
    source: Place, target: Place, *, model: Any = None, opset: int | None = None, layout: str | None = None, epsilon: float | None = None
) -> Any:
    """Read a network and write it in the format of another suffix.

    Parameters
    ----------
    source : path
        .onnx, .keras, .h5, .convstep or a folder; or weights: .pth, .pt, .bin, .safetensors as PyTorch names and lays them out.
    target : path
        .onnx, .keras, .h5, .convstep; or .pth, .pt, .safetensors for weights as PyTorch has them.
    model : Model or path, optional
        What the weights of source belong to. Weights may also be written as weights without it.
    opset : int, optional
        For ONNX: see `convstep.interop.onnx.save`.
    layout : "NCHW" or "NHWC", optional
        How images lie in an ONNX file that is written; a network that was read from one gets images with their channels last by "NHWC" in
        every format. Without it they stay as they are, and ONNX gets those of convstep and Keras with channels first.
    epsilon : float, optional
        What batch normalization adds to the variance, 1e-5 in PyTorch; files of weights do not say it. The model's own without it.

    Returns
    -------
    model : Model or None
        What was written; None for weights without a model.

    Raises
    ------
    DataError
        If source is damaged or does not fit, or target cannot hold it.
    ShapeError, ArgumentTypeError
        If a suffix or an option is none of those.
    MissingExtraError
        If what reads or writes a format is not installed.
    """
    place, end = Path(source), Path(target).suffix.lower()
    if end not in TARGETS:
        raise refusal("convert", f"no network is written to {shown(end)}, only to {', '.join(TARGETS)}", {"target": str(target)})
    asked = {word: value for word, value in (("opset", opset), ("layout", layout)) if value is not None}
    from_onnx = place.suffix.lower() == ".onnx"
    if end != ".onnx" and (opset is not None or (layout is not None and not from_onnx)):
        raise refusal("convert", f"{' and '.join(asked)} are for ONNX, not for {end}", asked, kind=ArgumentTypeError)
    if place.suffix.lower() in WEIGHTS and not place.is_dir():
        if not place.is_file():
            raise DataError(f"convert: there is no file of this name\n  given {place}")
        if model is None:
            return _weights_alone(place, Path(target))
        opened = open_model(model) if isinstance(model, str | os.PathLike) else model
        torch.load_weights(opened, place, epsilon=epsilon)
    elif from_onnx and (layout == "NHWC" or (layout is not None and end == ".onnx")):
        opened = onnx.load(place, layout="NHWC")
    else:
        opened = open_model(place)
    _write(opened, Path(target), asked if end == ".onnx" else {})
    return opened


def _weights_alone(source: Path, target: Path) -> None:
    if target.suffix.lower() not in WEIGHTS:
        fact = f"{source.name} holds weights alone, so a {target.suffix} needs the model that they belong to"
        raise refusal("convert", fact, {"source": str(source), "target": str(target)}, "--model, or model=", kind=ArgumentTypeError)
    write("convert", torch.read(source), target)


def _write(model: Any, target: Path, options: Mapping[str, Any]) -> None:
    if target.suffix.lower() == OWN:
        model.save(target)
    else:
        model.export(target, **options)
