"""Models of ours become Keras's: files that it opens, and live models.

One rule: Keras itself is needed for live models alone; a file is written whole or not at all, and equal models are equal files.
"""

import io
import json
from importlib import import_module
from pathlib import Path
from typing import Any

from convstep.checks import shown
from convstep.data.files import FilePath, refusal
from convstep.errors import MissingExtraError
from convstep.extras import require
from convstep.files import atomic_write
from convstep.interop.keras.archive import CONFIG, METADATA, MOST_JSON, NOTES, WEIGHTS, write_parts
from convstep.interop.keras.describing import described, pieces_of
from convstep.interop.keras.living import pairs
from convstep.interop.keras.pieces import Piece, paths
from convstep.interop.keras.weights import stored
from convstep.models import Model

VERSION, DATE = "3.0.0", "1980-01-01@00:00:00"  # of the format; and no date, so that equal models are equal files
LONGEST = 64_512  # bytes that an attribute may have


def save(model: Model, path: FilePath) -> None:
    """Write a model as Keras does, without Keras.

    Parameters
    ----------
    model : Model
        Built.
    path : path
        "m.keras" becomes a file in Keras's own format, "m.weights.h5" the weights alone as Keras 3 writes them, any other "m.h5" or
        "m.hdf5" an HDF5 file with the whole model in the older way. All three are what Keras 3 loads; what the model was compiled with is
        left out. The model's notes are kept beside it, where Keras passes over them.

    Notes
    -----
    A layer that two of the models inside share becomes two equal layers: Keras itself cannot load one that is shared so.

    Raises
    ------
    DataError
        Keras lacks something that the model has; its path in the model is named. Or there is no such folder, or no such suffix.
    ArgumentTypeError
        It is no model, or not built.
    MissingExtraError
        h5py is not installed, which the extra ``data`` brings.
    """
    op, name = "keras.save", Path(path).name.lower()
    require("h5py", extra="data", op=op)
    top = pieces_of(op, model)
    if name.endswith(".keras"):
        text = json.dumps(described(op, model)).encode()
        notes = {NOTES: dict(model.notes)} if model.notes else {}
        metadata = _json(op, {"keras_version": VERSION, "date_saved": DATE, **notes}, path)
        write_parts(path, {METADATA: metadata, CONFIG: text, WEIGHTS: _by_paths(op, top)})
    elif name.endswith(".weights.h5"):
        described(op, model)
        atomic_write(path, _by_paths(op, top))
    elif name.endswith((".h5", ".hdf5")):
        text = json.dumps(described(op, model, older=True)).encode()
        atomic_write(path, _by_names(op, top, text, _json(op, dict(model.notes), path) if model.notes else None))
    else:
        raise refusal(op, "the name must end in .keras, .weights.h5 or .h5", path)


def to_keras(model: Model, keras: Any = None) -> Any:
    """Return a live model of Keras's with the same layers and weights.

    Parameters
    ----------
    model : Model
        Built.
    keras : module, optional
        Keras 3. It is imported if it is not given.

    Returns
    -------
    keras.Model
        Functional or Sequential as the model is; not compiled.

    Raises
    ------
    DataError
        Keras lacks something that the model has; its path in the model is named.
    ArgumentTypeError
        It is no model, or not built.
    MissingExtraError
        Keras is not installed.
    """
    op = "to_keras"
    top, item = pieces_of(op, model), described(op, model)
    if keras is None:
        keras = _keras(op)
    live = keras.saving.deserialize_keras_object(item)
    for theirs, piece in pairs(live, top):
        if piece.layer.parameters:
            theirs.set_weights(piece.layer.get_weights())
    return live


def _keras(op: str) -> Any:
    try:
        return import_module("keras")
    except ModuleNotFoundError as error:
        if error.name != "keras":
            raise
        message = f"{op}: keras is not installed; this installs it: pip install keras torch"
        raise MissingExtraError(message, name="keras") from None


# --- HDF5 ---


def _by_paths(op: str, top: Piece) -> bytes:
    """Return a file with weights as Keras 3 writes them, by the classes of layers and their order."""
    h5py, file = require("h5py", extra="data", op=op), io.BytesIO()
    with h5py.File(file, "w") as root:
        _write_inside(root, top)
    return file.getvalue()


def _write_inside(group: Any, piece: Piece) -> None:
    own = group.create_group("vars")
    own.attrs["name"] = piece.name
    for number, item in enumerate(() if piece.pieces is not None else piece.layer.parameters):
        own.create_dataset(str(number), data=stored(item.value))
    if piece.pieces is not None:
        container = group.create_group("layers")
        for name, inner in paths(piece.pieces):
            _write_inside(container.create_group(name), inner)


def _json(op: str, value: Any, path: FilePath) -> bytes:
    try:
        text = json.dumps(value).encode()
    except (TypeError, ValueError) as error:
        raise refusal(op, f"the notes of the model are no plain data: {shown(str(error))}", path) from None
    if len(text) > MOST_JSON:
        raise refusal(op, f"the notes of the model take {len(text)} bytes, more than {MOST_JSON}", path)
    return text


def _by_names(op: str, top: Piece, text: bytes, notes: bytes | None) -> bytes:
    """Return a file with a whole model in the older way."""
    h5py, file = require("h5py", extra="data", op=op), io.BytesIO()
    with h5py.File(file, "w") as root:
        root.attrs["keras_version"], root.attrs["backend"], root.attrs["model_config"] = VERSION, "numpy", text
        if notes is not None:
            root.attrs[NOTES] = notes
        group = root.create_group("model_weights")
        group.attrs["keras_version"], group.attrs["backend"] = VERSION, "numpy"
        _write_names(group, "layer_names", [piece.name for piece in top.pieces or ()])
        for piece in sorted(top.pieces or (), key=lambda piece: piece.name):
            _write_weights(group.create_group(piece.name), piece)
        _write_names(group.create_group("top_level_model_weights"), "weight_names", [])
    return file.getvalue()


def _write_weights(group: Any, piece: Piece) -> None:
    """Write the weights of one layer or model: those that are trained first, as Keras reads them."""
    found = [(f"{leaf}/{item.name}", item, trained and item.trainable) for leaf, item, trained in _owned(piece, trained=True)]
    ordered = [entry for entry in found if entry[2]] + [entry for entry in found if not entry[2]]
    _write_names(group, "weight_names", [name for name, _, _ in ordered])
    for name, item, _ in ordered:
        group.create_dataset(name, data=stored(item.value))


def _owned(piece: Piece, *, trained: bool) -> list[tuple[str, Any, bool]]:
    trained = trained and piece.layer.trainable
    if piece.pieces is None:
        return [(piece.path, item, trained) for item in piece.layer.parameters]
    return [entry for inner in piece.pieces for entry in _owned(inner, trained=trained)]


def _write_names(group: Any, word: str, names: list[str]) -> None:
    """Hang a list of names on a group, cut into several where it would be too long for one attribute."""
    encoded = [name.encode() for name in names]
    width = max(map(len, encoded), default=1)
    most = max(1, LONGEST // width)
    if len(encoded) <= most:
        group.attrs[word] = encoded
        return
    for number, start in enumerate(range(0, len(encoded), most)):
        group.attrs[f"{word}{number}"] = encoded[start : start + most]
