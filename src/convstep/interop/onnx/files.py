"""An ONNX file as what it says, before anybody believes it: bytes, tensors, and data in files beside it.

One rule: nothing is allocated that the file does not hold the bytes for, and nothing is read outside the folder of the file.
"""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convstep.checks import Array, refusal, shown
from convstep.errors import ArgumentTypeError, DataError
from convstep.extras import require

MOST_FILE = 2**31  # bytes: what a protobuf message may have
MOST_BESIDE = 2**34  # bytes of weights in files beside it
MOST_AXES = 32
Place = str | os.PathLike[str]


def read_proto(source: Any) -> tuple[Any, Path | None]:
    """Return the file's message, an `onnx.ModelProto`, and the folder in which its weights may lie; a message is itself, without a folder.

    Raises
    ------
    MissingExtraError
        Without the extra `onnx`.
    DataError
        If there is no such file, or it is no ONNX file.
    """
    onnx = require("onnx", extra="onnx", op="onnx.load")
    if isinstance(source, onnx.ModelProto):
        return source, None
    if isinstance(source, bytes):
        return _parsed(onnx, source, "bytes"), None
    if not isinstance(source, str | os.PathLike):
        fact = "the source must be a path, bytes or an onnx.ModelProto"
        raise refusal("onnx.load", fact, {"source": shown(source)}, kind=ArgumentTypeError)
    path = Path(source)
    if not path.is_file():
        raise DataError(f"onnx.load: there is no file of this name\n  given {path}")
    if path.stat().st_size > MOST_FILE:
        raise DataError(f"onnx.load: the file has {path.stat().st_size} bytes, more than the {MOST_FILE} that ONNX allows\n  given {path}")
    return _parsed(onnx, path.read_bytes(), str(path)), path.parent


def _parsed(onnx: Any, content: bytes, where: str) -> Any:
    try:
        proto = onnx.ModelProto.FromString(content)
    except Exception as error:  # noqa: BLE001 - each version of protobuf has a class of its own for it
        raise DataError(f"onnx.load: the file is cut off, damaged or no ONNX file ({type(error).__name__})\n  given {where}") from None
    if not _has_texts(proto):
        raise DataError(f"onnx.load: the file is damaged: a name in it is no text in UTF-8\n  given {where}")
    if not proto.HasField("graph"):
        raise DataError(f"onnx.load: the file holds no graph, so it is no ONNX file\n  given {where}, {len(content)} bytes")
    return proto


def _has_texts(message: Any) -> bool:
    """Return whether all that is to be text is text: protobuf hands on what is not as bytes."""
    for field, value in message.ListFields():
        items = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
        if field.type == field.TYPE_STRING and any(isinstance(item, bytes) for item in items):
            return False
        if field.type == field.TYPE_MESSAGE and not all(_has_texts(item) for item in items):
            return False
    return True


class Tensors:
    """Reads the tensors of one file."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.room = MOST_BESIDE
        self.onnx = require("onnx", extra="onnx", op="onnx.load")

    def array(self, tensor: Any, name: str) -> Array:
        """Return a tensor as an array.

        Raises
        ------
        DataError
            If it claims what it does not hold, has a type that NumPy lacks, or lies where it must not.
        """
        dims = list(tensor.dims)
        if any(size < 0 for size in dims):
            raise _refusal(name, f"its shape {shown(tuple(dims))} has a negative size")
        if len(dims) > MOST_AXES:
            raise _refusal(name, f"it has {len(dims)} axes, more than {MOST_AXES}")
        dtype = self.dtype(tensor.data_type, name)
        if tensor.data_location == self.onnx.TensorProto.EXTERNAL:
            return self._beside(tensor, dims, dtype, name)
        count = math.prod(dims)
        if tensor.HasField("raw_data") and dtype.kind in "biufc" and len(tensor.raw_data) != count * dtype.itemsize:
            raise _refusal(name, f"it has {len(tensor.raw_data)} bytes, but {shown(count)} numbers of {dtype.itemsize} are claimed")
        if max(count, *dims, 0) * dtype.itemsize > MOST_FILE:
            raise _refusal(name, f"its shape {shown(tuple(dims))} is too large: a tensor in the file holds at most {MOST_FILE} bytes")
        try:
            array: Array = self.onnx.numpy_helper.to_array(tensor)
        except Exception as error:  # noqa: BLE001 - NumPy's and onnx's own, for whatever does not fit
            raise _refusal(name, f"its numbers do not fill its shape {shown(tuple(dims))} ({type(error).__name__})") from None
        return array

    def dtype(self, number: int, name: str) -> np.dtype[Any]:
        """Return NumPy's type for ONNX's number of it."""
        try:
            found: np.dtype[Any] = np.dtype(self.onnx.helper.tensor_dtype_to_np_dtype(number))
        except Exception:  # noqa: BLE001 - KeyError in one version, another in the next
            raise _refusal(name, f"there is no type of number {shown(number)}") from None
        if found.kind not in "biufc" and found.name != "bfloat16":
            raise _refusal(name, f"{'text' if found.kind == 'O' else f'numbers of the type {found.name}'} cannot be computed with")
        return found

    def _beside(self, tensor: Any, dims: list[int], dtype: np.dtype[Any], name: str) -> Array:
        """Return a tensor whose numbers lie in a file beside the file: below its folder, no link, and as long as it says."""
        said = {item.key: item.value for item in tensor.external_data}
        location = said.get("location", "")
        if self.folder is None:
            raise _refusal(name, f"its numbers lie in {shown(location)}, but a message has no folder")
        path = _inside(self.folder, location, name)
        try:
            offset, size = int(said.get("offset") or 0), math.prod(dims) * dtype.itemsize
            length = int(said.get("length") or size)
        except ValueError:
            raise _refusal(name, "its offset or length is no whole number") from None
        held = path.stat().st_size
        if length != size or offset < 0 or offset + size > held:
            fact = f"{shown(size)} bytes at {shown(offset)} are claimed (length {shown(length)}), but {shown(location)} has {held}"
            raise _refusal(name, fact)
        self.room -= size
        if self.room < 0:
            raise _refusal(name, f"the weights beside the file have more than {MOST_BESIDE} bytes")
        array = np.fromfile(path, dtype.newbyteorder("<"), math.prod(dims), offset=offset).astype(dtype, copy=False)
        return array.reshape(dims)


def _inside(folder: Path, location: str, name: str) -> Path:
    parts = location.replace("\\", "/").split("/")
    if not location or "\0" in location or ".." in parts or parts[0] == "" or ":" in parts[0]:
        raise _refusal(name, f"its numbers would lie in {shown(location)}, outside the folder of the file")
    path = folder
    for part in parts:
        path /= part
        if path.is_symlink():
            raise _refusal(name, f"its numbers would lie in {shown(location)}, which is a link")
    if not path.is_file():
        raise _refusal(name, f"its numbers would lie in {shown(location)}, but there is no such file")
    return path


def _refusal(name: str, fact: str) -> DataError:
    return DataError(f"onnx.load: the tensor {shown(name)} is refused: {fact}")
