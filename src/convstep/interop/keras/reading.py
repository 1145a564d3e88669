"""Keras's files and models become models of ours, without Keras.

One rule: everything is read, checked and built before anything that exists is changed, and code in a file is never run.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convstep.checks import refusal as argument_refusal
from convstep.checks import shown
from convstep.data.files import FilePath, read_whole, refusal, regular_size
from convstep.errors import ArgumentTypeError, ConvStepError, DataError
from convstep.interop.keras import weights
from convstep.interop.keras.archive import CONFIG, METADATA, MOST_JSON, NOTES, WEIGHTS, is_zip, read_parts
from convstep.interop.keras.building import Reading
from convstep.interop.keras.describing import pieces_of
from convstep.interop.keras.hdf5 import Store, opened
from convstep.interop.keras.living import copy_weights, is_old
from convstep.interop.keras.pieces import Piece, two_lines
from convstep.models import Model

MOST_WEIGHTS = 2**34  # bytes of model.weights.h5 in a folder


def load(source: Any, *, custom_objects: Mapping[str, Any] | None = None) -> Model:
    """Return a network of Keras as a model of ours: architecture, weights, statistics of batch normalization, what is trained.

    Keras need not be installed for files; h5py must be.

    Parameters
    ----------
    source : path or model
        Of a file in Keras's own format ("m.keras"), of an HDF5 file with a whole model ("m.h5", by Keras 3 or 2), of a folder with
        config.json and model.weights.h5; or a live model of Keras's.
    custom_objects : mapping of str to object, optional
        Layers of your own by the names of their classes in the file, and activations, initializers and regularizers by theirs.

    Returns
    -------
    Model or Sequential
        It is not compiled: losses, optimizers and their state are left in the file.

    Notes
    -----
    Keras's layers in `convstep.layers` are read, models inside models, shared layers, several inputs and outputs as a list or a dict, and
    `x + y`, `x - y`, `x * y` and the same with numbers. A slash in the name of a layer becomes an underscore.

    A call with training=True, `BatchNormalization()(x, training=True)`, counts as `fit` and `predict` of Keras have it: Keras 3 gives all
    layers the mode of the model, whatever the call says; Keras 2 wrote a call that is in training in every mode.

    Raises
    ------
    DataError
        The file is damaged or no model, or has a layer, an argument of one or a type of numbers that convstep lacks: its path in the model
        is named, "block1/conv".
    ArgumentTypeError
        The source is neither a path nor a model.
    MissingExtraError
        h5py is not installed, which the extra ``data`` brings.
    """
    op, custom = "keras.load", custom_objects or {}
    live = not isinstance(source, str | os.PathLike)
    given = type(source).__name__ if live else source
    model: Model = _safely(op, given, lambda: (_from_live if live else _from_path)(op, source, custom))
    return model


def load_weights(model: Model, path: FilePath) -> None:
    """Read weights that Keras wrote into a model of the same layers. All of them fit, or none is changed.

    Parameters
    ----------
    model : Model
        Built.
    path : path
        Of "m.weights.h5" as Keras 3 writes it, where layers are known by their classes and order; of "m.h5" as Keras 2 writes weights or
        models, where they are known by their names; or of "m.keras".

    Raises
    ------
    DataError
        The file is damaged, or its weights are not those of the model.
    ArgumentTypeError
        The model is not built yet.
    MissingExtraError
        h5py is not installed, which the extra ``data`` brings.
    """
    op = "keras.load_weights"
    top = pieces_of(op, model)
    weights.put(_safely(op, path, lambda: _weights_at(op, path, top)))


# --- files ---


def _from_path(op: str, path: FilePath, custom: Mapping[str, Any]) -> Model:
    parts = _parts(op, path)
    if parts is not None:
        return _from_parts(op, path, parts, custom)
    size = regular_size(op, path)
    with opened(op, os.fspath(path), path, size) as store:
        described = store.text("model_config")
        if described is None:
            raise refusal(op, "the file holds no model, at most weights: load_weights(model, path) reads those", path)
        version, backend = store.text("keras_version") or "2", store.text("backend")
        if version.startswith("1") or backend in ("theano", "cntk"):
            raise refusal(op, f"files of Keras 1, Theano and CNTK are not read, this is one of Keras {version[:20]} on {backend}", path)
        top = _built(op, path, described.encode(), custom, room=2 * size, old=version.startswith("2"))
        values = weights.from_names(store, top, _group(store, "model_weights"))
        notes = _notes(op, path, store.text(NOTES))
    model = _filled(op, path, top, values)
    model.notes = notes
    return model


def _from_parts(op: str, path: FilePath, parts: Mapping[str, bytes], custom: Mapping[str, Any]) -> Model:
    if CONFIG not in parts or WEIGHTS not in parts:
        missing = CONFIG if CONFIG not in parts else WEIGHTS
        raise refusal(op, f"the file holds no {missing}", path)
    content = parts[WEIGHTS]
    top = _built(op, path, parts[CONFIG], custom, room=2 * len(content), old=_version(parts).startswith("2"))
    with opened(op, content, path, len(content)) as store:
        values = weights.from_paths(store, top)
    model = _filled(op, path, top, values)
    model.notes = _notes(op, path, json.dumps(_metadata(parts).get(NOTES, {})))
    return model


def _parts(op: str, path: FilePath) -> dict[str, bytes] | None:
    """Return the parts of a zip, or of a folder; None if it is neither."""
    place = Path(path)
    if not place.exists():
        raise refusal(op, "there is no such file", path)
    if place.is_dir():
        known = {CONFIG: MOST_JSON, METADATA: MOST_JSON, WEIGHTS: MOST_WEIGHTS}
        return {name: read_whole(op, place / name, most) for name, most in known.items() if (place / name).exists()}
    regular_size(op, path)
    return read_parts(op, path) if is_zip(path) else None


def _version(parts: Mapping[str, bytes]) -> str:
    return str(_metadata(parts).get("keras_version", "3"))


def _metadata(parts: Mapping[str, bytes]) -> Mapping[str, Any]:
    try:
        found = json.loads(parts.get(METADATA, b"{}"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _notes(op: str, path: FilePath, text: str | None) -> dict[str, Any]:
    """Return what `save` wrote beside a model of ours."""
    try:
        notes = json.loads(text or "{}")
    except (ValueError, RecursionError):
        notes = None
    if not isinstance(notes, dict):
        raise refusal(op, f"the notes of the model are damaged: {shown(text)}", path)
    return notes


def _built(op: str, path: FilePath, text: bytes, custom: Mapping[str, Any], *, room: int, old: bool) -> Piece:
    try:
        described = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise refusal(op, f"the description of the model is no JSON: {shown(str(error))}", path) from None
    return Reading(op, room=room, custom=custom, old=old).top(described)


def _filled(op: str, path: FilePath, top: Piece, values: weights.Values) -> Model:
    _complete(op, path, top, values)
    weights.put(values)
    model: Model = top.layer
    return model


def _complete(op: str, path: FilePath, top: Piece, values: weights.Values) -> None:
    for name, item in top.layer.named_parameters().items():
        if id(item) not in values:
            raise refusal(op, f'the file has no weights for "{name}"', path)


def _weights_at(op: str, path: FilePath, top: Piece) -> weights.Values:
    parts = _parts(op, path)
    if parts is not None and WEIGHTS not in parts:
        raise refusal(op, f"the file holds no {WEIGHTS}", path)
    content, size = (parts[WEIGHTS], len(parts[WEIGHTS])) if parts is not None else (os.fspath(path), regular_size(op, path))
    with opened(op, content, path, size) as store:
        names = store.names(store.root)
        if "model_weights" in names:
            values = weights.from_names(store, top, _group(store, "model_weights"))
        elif "layers" in names or "_layer_checkpoint_dependencies" in names:
            values = weights.from_paths(store, top)
        else:
            values = weights.from_names(store, top, store.root)
    _complete(op, path, top, values)
    return values


def _group(store: Store, name: str) -> Any:
    found = store.group(store.root, name)
    if found is None:
        raise refusal(store.op, f"the file has no {name}", store.path)
    return found


# --- live models ---


def _from_live(op: str, source: Any, custom: Mapping[str, Any]) -> Model:
    if isinstance(source, Model) or not all(hasattr(source, word) for word in ("get_config", "get_weights", "layers")):
        fact = "expected the path of a file or a model of Keras's"
        raise argument_refusal(op, fact, {"source": type(source).__name__}, kind=ArgumentTypeError)
    room = 4 * sum(array.nbytes for array in source.get_weights())
    described = {"class_name": type(source).__name__, "config": source.get_config()}
    top = Reading(op, room=room, custom=custom, old=is_old(source)).top(described, source)
    copy_weights(op, source, top)
    model: Model = top.layer
    return model


def _safely(op: str, given: Any, call: Any) -> Any:
    """Return what a call returns; a description that is wrong in any other way is one clear error too."""
    try:
        return call()
    except DataError as error:
        raise two_lines(error) from None
    except (ArgumentTypeError, ModuleNotFoundError):
        raise
    except MemoryError:
        raise refusal(op, "the model needs more memory than there is", given) from None
    except Exception as error:  # noqa: BLE001 - a description can be wrong in any way; the fact for the caller is this one
        first = str(error).splitlines()[0] if isinstance(error, ConvStepError) else f"{type(error).__name__} {error}"
        raise refusal(op, f"the description of the model is wrong: {shown(first)}", given) from None
