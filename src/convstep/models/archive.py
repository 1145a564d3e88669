"""A model on the disk: model.json and safetensors, in one file or in a folder, whole or refused.

One rule: nothing is believed before it is checked. Sizes come before reading, digests before use, and a save counts from the one moment in
which model.json (or the one file) takes its place.
"""

import hashlib
import io
import json
import os
import struct
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import safetensors.numpy

from convstep.checks import Array, shown
from convstep.errors import DataError
from convstep.files import atomic_file, atomic_write, sync_folder

FORMAT, VERSION = "convstep-model", 1
DESCRIPTION = "model.json"
TENSORS = {"weights": ("weights.safetensors", "model.safetensors"), "optimizer": ("optimizer.safetensors", "optimizer.safetensors")}
MOST_JSON = 4 * 2**20  # bytes of model.json, and of the header of a safetensors file
MOST_DIRECTORY = 2**10  # bytes of the directory of the one file, which lists three names
END = struct.Struct("<4s4H2LH")  # the record that ends a zip file
HEAD = struct.Struct("<Q")  # the length that begins a safetensors file
Tensors: TypeAlias = dict[str, Array]


def write_archive(path: str | os.PathLike[str], description: Mapping[str, Any], tensors: Mapping[str, Mapping[str, Array]]) -> None:
    """Write a description and groups of arrays ("weights", "optimizer"), in one step.

    A path without a suffix, or of a folder, becomes a folder; any other one file.
    """
    place = Path(path)
    text, packed, files = _packed(description, tensors)
    if place.is_dir() or not place.suffix:
        _write_folder(place, text, packed, files)
        return
    with atomic_file(place) as file:
        _write_file(file, text, packed)


def archive_bytes(description: Mapping[str, Any], tensors: Mapping[str, Mapping[str, Array]]) -> bytes:
    """Return what `write_archive` writes into one file."""
    text, packed, _ = _packed(description, tensors)
    file = io.BytesIO()
    _write_file(file, text, packed)
    return file.getvalue()


def read_archive(path: str | os.PathLike[str] | bytes) -> tuple[dict[str, Any], dict[str, Tensors]]:
    """Return the description and the groups of arrays of a file, a folder, or what `archive_bytes` returned.

    Raises
    ------
    DataError
        If there is no model, or it is damaged.
    """
    if isinstance(path, bytes):
        return _read_file(io.BytesIO(path), f"{len(path)} bytes")
    place = Path(path)
    if not place.exists():
        raise DataError(f"load_model: there is no file or folder of this name\n  given {place}")
    if place.is_dir():
        return _read_folder(place)
    with place.open("rb") as file:
        return _read_file(file, str(place))


def to_safetensors(arrays: Mapping[str, Array]) -> bytes:
    """Return arrays as the content of a safetensors file."""
    # safetensors 0.8.0 writes arrays that are not contiguous wrongly
    return safetensors.numpy.save({name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()})


def from_safetensors(content: bytes, source: str) -> Tensors:
    """Return the arrays of a safetensors file. What it claims is checked against its length before anything is allocated."""
    length = HEAD.unpack_from(content)[0] if len(content) >= HEAD.size else -1
    if not 0 <= length <= min(MOST_JSON, len(content) - HEAD.size):
        raise DataError(f"load_model: {source} is no safetensors file: its header would have {length} bytes\n  given {len(content)} bytes")
    try:
        return safetensors.numpy.load(content)
    except Exception as error:  # noqa: BLE001 - the library raises a class of its own, and KeyError for types that NumPy lacks
        raise DataError(f"load_model: {source} is damaged: {_brief(error)}\n  given {len(content)} bytes") from None


def sealed(content: Mapping[str, Any]) -> str:
    """Return plain data as JSON that holds its own digest.

    Raises
    ------
    DataError
        If it is not plain data, or too large to be read again.
    """
    try:
        plain = json.loads(json.dumps(content, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(f"save: the model cannot be written as JSON: {_brief(error)}\n  given {shown(list(content))}") from None
    text = json.dumps({**plain, "sha256": _digest(_canonical(plain))}, indent=1)
    if len(text) > MOST_JSON:
        raise DataError(f"save: the description of the model is too long, more than {MOST_JSON} bytes\n  given {len(text)} bytes")
    return text


def unsealed(text: bytes, source: str) -> dict[str, Any]:
    """Return the plain data that `sealed` wrote, or refuse it."""
    try:
        content = json.loads(text)
        digest = content.pop("sha256")
        fits = content["format"] == FORMAT and digest == _digest(_canonical(content))
        version = content["version"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"load_model: {source} is no description of a model: {_brief(error)}\n  given {len(text)} bytes") from None
    if not fits:
        raise DataError(f"load_model: {source} was changed after it was written: its sha256 is another one\n  given {len(text)} bytes")
    if version != VERSION:
        raise DataError(
            f"load_model: {source} is of version {shown(version)}, but this convstep reads {VERSION}\n  given {len(text)} bytes"
        )
    if not isinstance(content, dict) or not isinstance(content.get("files"), dict) or not set(content["files"]) <= set(TENSORS):
        raise DataError(f"load_model: {source} does not say which files belong to it\n  given {len(text)} bytes")
    return content


# --- one file ---


def _write_file(file: IO[bytes], text: bytes, packed: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in [(DESCRIPTION, text), *((TENSORS[group][0], content) for group, content in packed.items())]:
            archive.writestr(zipfile.ZipInfo(name), content)  # without a date: equal models are equal files


def _read_file(file: IO[bytes], source: str) -> tuple[dict[str, Any], dict[str, Tensors]]:
    size = _check_directory(file, source)
    try:
        with zipfile.ZipFile(file) as archive:
            parts = _parts(archive, size, source)
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 - zipfile raises ten classes of errors, OSError for a negative place among them
        raise DataError(f"load_model: the file is damaged: {_brief(error)}\n  given {source}") from None
    description = unsealed(parts.pop(DESCRIPTION, b""), DESCRIPTION)
    tensors: dict[str, Tensors] = {}
    for group, claim in description["files"].items():
        name = TENSORS[group][0]
        content = parts.pop(name, None)
        if content is None or not _belongs(content, claim):
            raise DataError(f"load_model: {name} is not the one that {DESCRIPTION} belongs to\n  given {source}")
        tensors[group] = from_safetensors(content, name)
    return description, tensors


def _check_directory(file: IO[bytes], source: str) -> int:
    """Return the size of a file. A directory of more than three names is refused: each would cost more memory than it takes in the file."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - END.size))
    tail = file.read(END.size)
    mark, *_, entries, length, _, comment = END.unpack(tail) if len(tail) == END.size else (b"",) * 8
    if mark != b"PK\x05\x06" or comment or entries > len(TENSORS) + 1 or length > MOST_DIRECTORY:
        raise DataError(f"load_model: the file is not a model that convstep wrote\n  given {source}")
    file.seek(0)
    return size


def _parts(archive: zipfile.ZipFile, room: int, source: str) -> dict[str, bytes]:
    known = {DESCRIPTION, *(names[0] for names in TENSORS.values())}
    parts: dict[str, bytes] = {}
    for item in archive.infolist():
        room -= item.file_size
        limit = MOST_JSON if item.filename == DESCRIPTION else item.file_size
        stored = item.compress_type == zipfile.ZIP_STORED and item.compress_size == item.file_size
        if item.filename not in known or item.filename in parts or not stored or item.file_size > limit or room < 0:
            raise DataError(f"load_model: the file holds {shown(item.filename)}, which no model has so\n  given {source}")
        parts[item.filename] = archive.read(item)
    return parts


# --- a folder ---


def _write_folder(folder: Path, text: bytes, packed: Mapping[str, bytes], files: Mapping[str, Any]) -> None:
    """Write new tensors under names of their own, then model.json, which points to them by digest; then rename them."""
    folder.mkdir(exist_ok=True)
    waiting = {group: _waiting(folder, group, files[group]["sha256"]) for group in packed}
    for group, content in packed.items():
        atomic_write(waiting[group], content)
    atomic_write(folder / DESCRIPTION, text)  # from here on the new model counts
    for group, (_, name) in TENSORS.items():
        if group in waiting:
            os.replace(waiting[group], folder / name)  # noqa: PTH105 - so that a test can fail exactly here
        else:
            (folder / name).unlink(missing_ok=True)
        for left in folder.glob(f".{name}.*.next"):
            left.unlink(missing_ok=True)
    sync_folder(folder)


def _read_folder(folder: Path) -> tuple[dict[str, Any], dict[str, Tensors]]:
    path = folder / DESCRIPTION
    if not path.is_file():
        raise DataError(f"load_model: the folder holds no {DESCRIPTION}\n  given {folder}")
    if path.stat().st_size > MOST_JSON:
        raise DataError(f"load_model: {DESCRIPTION} is too long, more than {MOST_JSON} bytes\n  given {folder}")
    description = unsealed(path.read_bytes(), DESCRIPTION)
    return description, {group: _read_tensors(folder, group, claim) for group, claim in description["files"].items()}


def _read_tensors(folder: Path, group: str, claim: Any) -> Tensors:
    name = TENSORS[group][1]
    digest = claim.get("sha256") if isinstance(claim, dict) else None
    for path in (folder / name, _waiting(folder, group, str(digest))):
        with suppress(OSError):
            if path.is_file() and path.stat().st_size == claim.get("bytes"):
                content = path.read_bytes()
                if _belongs(content, claim):
                    return from_safetensors(content, name)
    raise DataError(f"load_model: {name} is missing, damaged or not the one that {DESCRIPTION} belongs to\n  given {folder}")


def _waiting(folder: Path, group: str, digest: str) -> Path:
    letters = "".join(letter for letter in digest[:16] if letter.isalnum())
    return folder / f".{TENSORS[group][1]}.{letters}.next"


# --- parts of both ---


def _packed(
    description: Mapping[str, Any], tensors: Mapping[str, Mapping[str, Array]]
) -> tuple[bytes, dict[str, bytes], dict[str, dict[str, Any]]]:
    """Return model.json, the groups of arrays as safetensors, and what model.json says of these."""
    packed = {group: to_safetensors(arrays) for group, arrays in tensors.items()}
    files = {group: {"bytes": len(content), "sha256": _digest(content)} for group, content in packed.items()}
    return sealed({"format": FORMAT, "version": VERSION, **description, "files": files}).encode(), packed, files


def _belongs(content: bytes, claim: Any) -> bool:
    return isinstance(claim, dict) and claim.get("bytes") == len(content) and claim.get("sha256") == _digest(content)


def _canonical(content: Any) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _brief(error: BaseException) -> str:
    """Return what an error says in at most one line."""
    return shown(" ".join(str(error).split()))[1:-1] or type(error).__name__  # without the quotes that `shown` puts around it
