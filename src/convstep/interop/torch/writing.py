"""A state dict as a file that PyTorch opens, written without it.

One rule: the bytes depend on the arrays alone; equal weights are equal files.
"""

import os
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from convstep.checks import Array, refusal, shown
from convstep.files import atomic_file, atomic_write
from convstep.models.archive import to_safetensors

__all__ = ["write"]

ALIGNED = 64  # PyTorch maps storages into memory from such places
STORAGES = {"f4": "FloatStorage", "f8": "DoubleStorage", "f2": "HalfStorage", "i8": "LongStorage"}
SAFE, ZIPPED = (".safetensors",), (".pth", ".pt", ".bin")


def write(op: str, arrays: Mapping[str, Array], path: str | os.PathLike[str]) -> None:
    """Write arrays of floats under PyTorch's names: a zip file of a pickle and storages, or safetensors, as the suffix says."""
    place = Path(path)
    suffix = place.suffix.lower()
    if suffix in SAFE:
        atomic_write(place, to_safetensors(arrays))
        return
    if suffix not in ZIPPED:
        known = " or ".join((*SAFE, *ZIPPED))
        raise refusal(op, f"the path must end in {known}, not in {shown(suffix)}", {"path": str(place)})
    root = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "_" for letter in place.stem) or "weights"
    with atomic_file(place) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in _parts(arrays):
            _add(archive, file, f"{root}/{name}", content)


def _parts(arrays: Mapping[str, Array]) -> Iterator[tuple[str, bytes]]:
    yield "data.pkl", _pickle(arrays)
    yield "byteorder", b"little"
    for number, array in enumerate(arrays.values()):
        yield f"data/{number}", np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    yield "version", b"3\n"


def _add(archive: zipfile.ZipFile, file: BinaryIO, name: str, content: bytes) -> None:
    """Add a part whose content begins at a multiple of 64 bytes, behind a field of padding as PyTorch writes it."""
    item = zipfile.ZipInfo(name)  # without a date
    start = file.tell() + 30 + len(name.encode()) + 4
    zeros = -start % ALIGNED
    item.extra = b"FB" + struct.pack("<H", zeros) + b"Z" * zeros
    archive.writestr(item, content)


# --- the pickle, protocol 2 ---


def _pickle(arrays: Mapping[str, Array]) -> bytes:
    """Return the instructions that make an OrderedDict of tensors, each on a storage of its own."""
    out = [b"\x80\x02", _name("collections", "OrderedDict"), b")R("]
    for number, (name, array) in enumerate(arrays.items()):
        strides = [stride // array.itemsize for stride in np.empty(array.shape, array.dtype).strides] if array.size else [1] * array.ndim
        out += [_text(name), _name("torch._utils", "_rebuild_tensor_v2"), b"(("]
        out += [_text("storage"), _name("torch", STORAGES[array.dtype.str[1:]]), _text(str(number)), _text("cpu"), _int(array.size), b"tQ"]
        out += [_int(0), _tuple(array.shape), _tuple(strides), b"\x89", _name("collections", "OrderedDict"), b")RtR"]
    return b"".join([*out, b"u."])


def _name(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _text(text: str) -> bytes:
    content = text.encode()
    return b"X" + struct.pack("<I", len(content)) + content


def _tuple(numbers: tuple[int, ...] | list[int]) -> bytes:
    return b"(" + b"".join(_int(number) for number in numbers) + b"t"


def _int(number: int) -> bytes:
    if number < 2**31:
        return b"J" + struct.pack("<i", number)
    return b"\x8a\x08" + struct.pack("<q", number)
