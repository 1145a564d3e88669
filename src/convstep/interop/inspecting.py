"""What a file of a network holds, before it is run: operators, shapes, parameters, and what would not run here.

One rule: whoever looks at a file is told of all that is unsupported, not of the first thing alone.
"""

import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from convstep.checks import shown
from convstep.errors import DataError
from convstep.interop import torch
from convstep.interop.converting import MODELS, WEIGHTS, open_model
from convstep.interop.onnx.model import model_of
from convstep.interop.onnx.operators import unsupported
from convstep.interop.onnx.reading import Entry, check_opset, read, wrong
from convstep.models.graph import call_key

__all__ = ["Report", "Tensor", "Unsupported", "inspect"]


@dataclass(frozen=True)
class Tensor:
    """An input, an output or a weight; a text among its sizes stands for a length that is known when data come."""

    name: str
    shape: tuple[int | str, ...] | None
    dtype: str


@dataclass(frozen=True)
class Unsupported:
    """A node that would not run here, and why."""

    operator: str
    node: str
    opset: int
    reason: str


@dataclass(frozen=True)
class Report:
    """What a file holds.

    Attributes
    ----------
    format : "onnx", "keras", "convstep" or "weights"
    opset : int or None
        Of an ONNX file.
    operators : dict of str to int
        How many nodes of each operator, or calls of each class of layers.
    inputs, outputs, weights : tuple of Tensor
    parameters : int
        Numbers in all weights together.
    unsupported : tuple of Unsupported
        Empty for a file that runs here.
    transposes : int or None
        How many transpositions remain in the model that an ONNX file becomes.
    """

    file: str
    format: str
    opset: int | None
    operators: dict[str, int]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    weights: tuple[Tensor, ...]
    parameters: int
    unsupported: tuple[Unsupported, ...] = ()
    transposes: int | None = None

    def as_plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def inspect(path: str | os.PathLike[str]) -> Report:
    """Look at a file of a network: ONNX, Keras, convstep's own, or PyTorch's weights.

    Raises
    ------
    DataError
        If there is no such file, it is damaged, or its suffix is unknown.
    MissingExtraError
        If what reads the format is not installed.
    """
    place = Path(path)
    if not place.exists():
        raise DataError(f"inspect: there is no file of this name\n  given {place}")
    suffix = place.suffix.lower()
    if suffix == ".onnx" and not place.is_dir():
        return _onnx(place)
    if suffix in WEIGHTS and not place.is_dir():
        weights = tuple(Tensor(name, tuple(array.shape), array.dtype.name) for name, array in torch.read(place).items())
        return Report(str(place), "weights", None, {}, (), (), weights, _parameters(weights))
    if suffix in MODELS or place.is_dir():
        return _model(place)
    raise DataError(f"inspect: {shown(place.suffix)} is no format of networks; there are {', '.join([*MODELS, *WEIGHTS])}\n  given {place}")


def _onnx(place: Path) -> Report:
    source = read(place, check=False)
    found = []
    for node in source.nodes:
        reason = wrong(node) or unsupported(node)
        if reason:
            found.append(Unsupported(f"{node.domain}.{node.kind}" if node.domain else node.kind, node.name, node.opset, reason))
    weights = tuple(Tensor(name, tuple(array.shape), array.dtype.name) for name, array in source.constants.items())
    transposes = None
    if not found:
        try:
            if source.opset:
                check_opset(source.opset)
            transposes = model_of(source).transposes
        except DataError as error:
            found.append(Unsupported("", "", source.opset, str(error).splitlines()[0].partition(": ")[2]))
    return Report(
        str(place), "onnx", source.opset, dict(sorted(Counter(node.kind for node in source.nodes).items())), _entries(source.inputs),
        _entries(source.outputs), weights, _parameters(weights), tuple(found), transposes,
    )  # fmt: skip


def _model(place: Path) -> Report:
    model = open_model(place)
    graph = model.graph
    if graph is None:
        raise DataError(f"inspect: the model is not built, so it has no shapes yet\n  given {place}")
    weights = tuple(Tensor(name, tuple(item.value.shape), item.value.dtype.name) for name, item in model.named_parameters().items())
    kinds = Counter(type(node.layer).__name__ for node in {call_key(node): node for node in graph.nodes}.values())
    ends = [
        tuple(
            Tensor(
                name,
                tuple("batch" if i == 0 and size is None else "?" if size is None else size for i, size in enumerate(symbol.shape)),
                symbol.layer.dtype.name,
            )
            for name, symbol in zip(names, symbols, strict=True)
        )
        for names, symbols in ((model.input_names, graph.inputs), (model.output_names, graph.outputs))
    ]
    form = "convstep" if place.is_dir() or place.suffix.lower() == ".convstep" else "keras"
    return Report(str(place), form, None, dict(sorted(kinds.items())), ends[0], ends[1], weights, _parameters(weights))


def _entries(entries: Sequence[Entry]) -> tuple[Tensor, ...]:
    return tuple(Tensor(entry.name, entry.sizes, entry.dtype.name) for entry in entries)


def _parameters(weights: Sequence[Tensor]) -> int:
    return sum(math.prod(map(int, item.shape or ())) for item in weights)
