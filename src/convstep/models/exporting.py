"""A model in somebody else's format. One rule: what writes a format is named here and imported only when a model goes there."""

import os
from inspect import signature
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from convstep.checks import one_of, refusal
from convstep.errors import ArgumentTypeError

KERAS, TORCH = "convstep.interop.keras:save", "convstep.interop.torch:save"
FORMATS = {
    ".onnx": "convstep.interop.onnx:save",
    ".keras": KERAS,
    ".h5": KERAS,
    ".hdf5": KERAS,
    ".pth": TORCH,
    ".pt": TORCH,
    ".safetensors": TORCH,
}


def export_model(model: Any, path: str | os.PathLike[str], form: str | None = None, **options: Any) -> None:
    """Write a model in the format that the suffix of the path names, or that is called for.

    Parameters
    ----------
    model : Model
    path : path
        "digits.onnx" for ONNX; ".keras", ".h5" or ".hdf5" for Keras; ".pth", ".pt" or ".safetensors" for weights as PyTorch has them.
    form : str, optional
        The format without its dot: "onnx" for a path of any suffix. Of the others the suffix decides.
    **options
        Those of `convstep.interop.onnx.save`, `convstep.interop.keras.save` and `convstep.interop.torch.save`.

    Raises
    ------
    ShapeError
        If there is no such format.
    ArgumentTypeError
        If the format has no such option.
    """
    if not isinstance(path, str | os.PathLike):
        raise refusal("export", "path must be a path", {"path": path}, kind=ArgumentTypeError)
    if form is not None:
        suffix = f".{one_of('export', 'format', form, [known.removeprefix('.') for known in FORMATS])}"
    else:
        suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        known = ", ".join(FORMATS)
        fact = f'there is no format "{suffix}" to write, only {known}' if suffix else f"the path must end in one of {known}"
        raise refusal("export", fact, {"path": str(path)})
    write = resolve_name(FORMATS[suffix])
    known_options = [name for name, item in signature(write).parameters.items() if item.kind == item.KEYWORD_ONLY]
    unknown = [name for name in options if name not in known_options]
    if unknown:
        words = f"only {', '.join(known_options)}" if known_options else "and there is none"
        raise refusal("export", f'there is no option "{unknown[0]}" for {suffix}, {words}', options, kind=ArgumentTypeError)
    write(model, path, **options)
