"""A model in the explorer. One rule: the page is handed a file as `save` writes it, and what it cannot show is refused here, in words."""

import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

from convstep.errors import DataError
from convstep.explorer import explore_network
from convstep.explorer.page import LARGEST_NETWORK, Network
from convstep.explorer.parts import LIMITS
from convstep.models.saving import save_model

__all__ = ["as_network", "explore_model"]

MEBIBYTE = 2**20
NESTED = frozenset({"Sequential", "Model", "Functional"})
RUN = frozenset(  # the layers that `assets/layers.js` runs
    {
        "Activation", "Add", "Average", "AveragePooling2D", "BatchNormalization", "Concatenate", "Conv2D", "Conv2DTranspose", "Cropping2D",
        "Dense", "DepthwiseConv2D", "Dropout", "ELU", "Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "InputLayer",
        "LayerNormalization", "LeakyReLU", "MaxPooling2D", "Maximum", "Multiply", "PReLU", "Permute", "ReLU", "Rescaling", "Reshape",
        "SeparableConv2D", "Softmax", "Subtract", "UpSampling2D", "ZeroPadding2D",
    }
)  # fmt: skip


def explore_model(model: Any, image: Any = None, *, language: str | None = None, theme: str | None = None) -> Any:
    """Show a model in the explorer; see `Model.explore`."""
    return explore_network(as_network(model), image, language=language, theme=theme)


def as_network(model: Any, *, name: str | None = None, run: Mapping[str, Any] | None = None, source: Path | None = None) -> Network:
    """Return a model as the page takes it.

    Parameters
    ----------
    model : Model
    name : str, optional
        What the page calls it; without it, the model's own.
    run : mapping, optional
        What run.json says of its training; without it, what `convstep train` wrote into the model.
    source : Path, optional
        Where it was read from, which errors name.

    Raises
    ------
    DataError
        If the model cannot be saved, takes more than 64 MiB, or is none that the page can show: it shows models that take one image, of
        at most 64 x 64 cells and 8 channels, return one array, and consist of layers of `convstep.layers`.
    """
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the page trains nothing: a loss that cannot be saved is not missed
        path = Path(folder) / "model.convstep"
        save_model(model, path, include_optimizer=False)
        archive = path.read_bytes()
        with ZipFile(path) as file:
            described = json.loads(file.read("model.json"))["model"]
    shape = _shape_of(model.input_shape)
    fact = _obstacle(described, model, shape)
    if fact is None and len(archive) > LARGEST_NETWORK:
        size, most = (f"{number / MEBIBYTE:.1f} MiB" for number in (len(archive), LARGEST_NETWORK))
        fact = f"the model takes {size}, and the explorer opens {most} at most"
    if fact is not None:
        raise DataError(f"explore: {fact}\n  given {source or name or model.name}")
    return Network(name or model.name, archive, run or model.notes.get("convstep_run"), shape)


def _obstacle(described: Mapping[str, Any], model: Any, shape: tuple[int | None, ...] | None) -> str | None:
    """Return why the page cannot show a model, if it cannot: what network.js and network_session.js would say."""
    for name, shapes, what in (("inputs", model.input_shape, "take one image"), ("outputs", model.output_shape, "return one array")):
        count = 1 if isinstance(shapes, tuple) else len(shapes)
        if count != 1:
            return f"the model has {count} {name}, and the explorer shows models that {what}"
    if isinstance(model.output_shape, dict):
        return "the model returns a mapping, and the explorer shows models that return one array"
    if shape is None or len(shape) not in {2, 3}:
        return f"the model takes inputs of the shape {model.input_shape}, and the explorer shows models that take one image, (H, W, C)"
    height, width, channels = (*shape, 1)[:3]
    if max(height or 0, width or 0) > LIMITS["side"] or channels is None or channels > LIMITS["channels"]:
        sizes = " x ".join("any" if size is None else str(size) for size in (height, width, channels))
        side, most = LIMITS["side"], LIMITS["channels"]
        return f"the model takes images of {sizes}, and the explorer shows {side} x {side} with {most} channels at most"
    unknown = next(((layer, kind) for layer, kind in _layers(described) if kind not in RUN), None)
    return unknown and f'the layer "{unknown[0]}" is of the class {unknown[1]}, which the explorer cannot run'


def _shape_of(shapes: Any) -> tuple[int | None, ...] | None:
    """Return the shape of the one image that a model takes."""
    inner = shapes if isinstance(shapes, tuple) else next(iter(shapes.values() if isinstance(shapes, dict) else shapes), None)
    return tuple(inner[1:]) if isinstance(inner, tuple) else None


def _layers(described: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Return names and classes of the layers of a model, and of models inside it."""
    for item in described["config"]["layers"]:
        if item["class_name"] in NESTED:
            yield from _layers(item)
        else:
            yield item["config"].get("name", "layer"), item["class_name"]
