"""Models and weights to the disk and back: no pickle, no code, and a file that is whole or refused.

One rule: a file is read, checked and built before anything that exists is changed. Reading takes at most four times the size of the file
and 256 MiB.
"""

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convstep.checks import Array, refusal, shown
from convstep.errors import ConvStepError, DataError
from convstep.files import atomic_write
from convstep.models.architecture import Builder, class_name
from convstep.models.archive import archive_bytes, from_safetensors, read_archive, to_safetensors, write_archive
from convstep.training import losses, metrics, optimizers
from convstep.training.configuration import find, serialize

FOREIGN = (".keras", ".h5", ".hdf5")
MOST_THRESHOLDS = 100_000


def save_model(model: Any, path: str | os.PathLike[str], *, include_optimizer: bool = True, notes: Mapping[str, Any] | None = None) -> None:
    """Write a model: how it is built, its weights, what it was compiled with, the state of its optimizer.

    Parameters
    ----------
    model : Model
    path : path
        "digits.convstep" becomes one file, "digits" a folder with model.json and model.safetensors.
    include_optimizer : bool
        Whether the state of the optimizer is written, so that training can go on as if nothing had happened.
    notes : mapping, optional
        Plain data of your own; it is `model.notes` after loading.

    Raises
    ------
    DataError
        If the model or the notes cannot be written down, or there is no such folder.
    """
    _warn_of_foreign("save", path)
    write_archive(path, *_content(model, notes, include_optimizer=include_optimizer))


def model_bytes(model: Any) -> bytes:
    """Return what `save_model` writes into one file, with the state of the optimizer. `load_model` reads it."""
    return archive_bytes(*_content(model, None, include_optimizer=True))


def load_model(
    path: str | os.PathLike[str] | bytes,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,  # noqa: A002, FBT001, FBT002 - Keras's
) -> Any:
    """Return a model that `save` wrote.

    Parameters
    ----------
    path : path or bytes
        Of a file or a folder; or the content of such a file.
    custom_objects : mapping of str to class, optional
        Your own layers, losses, metrics and optimizers by the names of their classes.
    compile : bool
        Whether to compile the model as it was.

    Raises
    ------
    DataError
        If the file is not there, damaged, or not what it says it is.
    """
    description, tensors = read_archive(path)
    source = f"{len(path)} bytes" if isinstance(path, bytes) else path
    custom = custom_objects or {}
    try:
        model = _built(description["model"], tensors.get("weights", {}), custom)
        model.notes = description.get("notes", {})
        if compile and description.get("compile") is not None:
            _compile(model, description["compile"], tensors.get("optimizer"), custom)
    except DataError:
        raise
    except MemoryError:
        raise DataError(f"load_model: the model needs more memory than there is\n  given {source}") from None
    except Exception as error:  # noqa: BLE001 - a description can be wrong in any way; the fact for the caller is this one
        first = " ".join(str(error).splitlines()[:1]) if isinstance(error, ConvStepError) else f"{type(error).__name__} {error}"
        raise DataError(f"load_model: the description of the model is wrong: {first!r:.200}\n  given {source}") from None
    return model


def save_weights(model: Any, path: str | os.PathLike[str]) -> None:
    """Write the weights alone into one file, as safetensors, by their paths: "conv2d/kernel"."""
    _warn_of_foreign("save_weights", path)
    atomic_write(path, to_safetensors({name: item.value for name, item in model.named_parameters().items()}))


def load_weights(model: Any, path: str | os.PathLike[str]) -> None:
    """Read weights into a model, from a file of weights or a saved model. All of them fit, or none is changed.

    Raises
    ------
    DataError
        If the file is not there or damaged.
    ShapeError
        If it holds other weights.
    """
    place = Path(path)
    if place.is_file() and not _is_archive(place):
        arrays = from_safetensors(place.read_bytes(), place.name)
    else:
        arrays = read_archive(place)[1].get("weights", {})
    _set(model, arrays, "load_weights")


# --- weights ---


def _set(model: Any, arrays: Mapping[str, Array], op: str) -> None:
    parameters = model.named_parameters()
    for name in sorted(parameters.keys() ^ arrays.keys()):
        fact = (
            f'the file has no "{name}", which the model has' if name in parameters else f'the file has a "{name}", which the model has not'
        )
        raise refusal(op, fact, {"model": len(parameters), "file": len(arrays)})
    for name, item in parameters.items():
        array = arrays[name]
        if array.dtype.kind != "f":
            raise refusal(op, f'"{name}" has the type {array.dtype.name} in the file, which is no type of weights', {name: array})
        if array.shape != item.value.shape:
            fact = f'"{name}" has the shape {array.shape} in the file, but {item.value.shape} in the model'
            raise refusal(op, fact, {name: array})
    for name, item in parameters.items():
        item.value = np.array(arrays[name], dtype=item.value.dtype)


def _is_archive(place: Path) -> bool:
    with place.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _built(described: Any, arrays: Mapping[str, Array], custom: Mapping[str, Any]) -> Any:
    """Make the model, with no more memory for its parameters than their values take in the file."""
    builder = Builder(custom, room=2 * sum(array.nbytes for array in arrays.values()))
    try:
        model = builder.layer(described)
    finally:
        builder.finish()
    _set(model, arrays, "load_model")
    return model


# --- what is written ---


def _content(
    model: Any, notes: Mapping[str, Any] | None, *, include_optimizer: bool
) -> tuple[dict[str, Any], dict[str, Mapping[str, Array]]]:
    """Return a description and groups of arrays for an archive."""
    tensors: dict[str, Mapping[str, Array]] = {"weights": {name: item.value for name, item in model.named_parameters().items()}}
    if model.compiled and include_optimizer:
        tensors["optimizer"] = model.optimizer.state()
    described = {"model": {"class_name": class_name(model), "config": model.get_config()}, "compile": _compile_config(model)}
    return {**described, "notes": dict(notes or {})}, tensors


# --- what a model was compiled with ---


def _compile_config(model: Any) -> dict[str, Any] | None:
    if not model.compiled:
        return None
    given = model.compiled_with
    try:
        return {
            "optimizer": serialize(model.optimizer),
            "loss": _plain(losses.get, given["loss"]),
            "metrics": _plain(metrics.get, given["metrics"]),
            "weighted_metrics": _plain(metrics.get, given["weighted_metrics"]),
            "loss_weights": serialize(given["loss_weights"]),
        }
    except ConvStepError as error:
        message = f"{str(error).splitlines()[0]}: the model is saved without what it was compiled with"
        warnings.warn(message, stacklevel=5)
        return None


def _plain(get: Any, value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return dict(value) if "class_name" in value else {key: _plain(get, item) for key, item in value.items()}
    return [_plain(get, item) for item in value] if isinstance(value, list | tuple) else serialize(get(value))


def _compile(model: Any, config: Mapping[str, Any], state: Mapping[str, Array] | None, custom: Mapping[str, Any]) -> None:
    known_losses, known_metrics = ({**names, **custom} for names in (losses.NAMES, metrics.NAMES))
    optimizer = find("optimizer", config["optimizer"], {**optimizers.NAMES, **custom}, optimizers.Optimizer)

    def loss(item: Any) -> Any:
        return find("loss", item, known_losses, losses.Loss)

    def metric(item: Any) -> Any:
        if item["config"].get("num_thresholds", 0) > MOST_THRESHOLDS:
            raise DataError(f"load_model: a metric of more than {MOST_THRESHOLDS} thresholds\n  given {shown(item['config'])}")
        return find("metric", item, known_metrics, metrics.Metric)

    if state is not None:
        optimizer.load_state(state)
    model.compile(
        optimizer,
        loss=_objects(loss, config["loss"]),
        metrics=_objects(metric, config["metrics"]),
        weighted_metrics=_objects(metric, config["weighted_metrics"]),
        loss_weights=config["loss_weights"],
    )


def _objects(make: Any, value: Any) -> Any:
    """Undo `_plain`."""
    if isinstance(value, Mapping):
        return make(value) if "class_name" in value else {key: _objects(make, item) for key, item in value.items()}
    return [_objects(make, item) for item in value] if isinstance(value, list) else value


def _warn_of_foreign(op: str, path: str | os.PathLike[str]) -> None:
    suffix = Path(path).suffix.lower()
    if suffix in FOREIGN:
        warnings.warn(f"{op}: {suffix} is Keras's own format; this file is written in convstep's, which Keras cannot read", stacklevel=4)
