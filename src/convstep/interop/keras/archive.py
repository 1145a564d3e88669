"""The file m.keras, a zip: its parts by name.

One rule: how many parts there are and how long each is said to be is held against the size of the file before anything is read.
"""

import os
import struct
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO

from convstep.checks import shown
from convstep.data.files import FREE, RATIO, FilePath, refusal, regular_size
from convstep.errors import DataError
from convstep.files import atomic_file

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
NOTES = "convstep_notes"  # where the notes of a model of ours stand: in metadata.json, or hanging on an HDF5 file; Keras passes over them
MOST_PARTS, MOST_JSON = 1_000, 4 * 2**20  # parts of the zip, assets among them; bytes of config.json
MOST_LIST = 2**19  # bytes of the zip's list of parts
END = struct.Struct("<4s4H2LH")  # the record that ends a zip
LARGE = struct.Struct("<4sQ2H2L4Q4sLQL")  # and the two that stand before it in a zip of more than 4 GiB


def is_zip(path: FilePath) -> bool:
    """Return whether a file begins as a zip does."""
    with open(path, "rb") as file:  # noqa: PTH123 - the path may be text
        return file.read(4) == b"PK\x03\x04"


def read_parts(op: str, path: FilePath) -> dict[str, bytes]:
    """Return config.json, metadata.json and model.weights.h5, as far as they are there.

    A compressed part may expand to 64 MiB, or to 200 times the size of the file.

    Raises
    ------
    DataError
        If it is no zip, or a damaged one, or claims to be larger than that.
    """
    size = regular_size(op, path)
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - the path may be text
            _check_directory(op, file, size, path)
            with zipfile.ZipFile(file) as archive:
                return _parts(op, archive, size, path)
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 - zipfile raises ten classes of errors for damaged files
        raise refusal(op, f"the file is no zip, or a damaged one: {shown(str(error) or type(error).__name__)}", path) from None


def write_parts(path: FilePath, parts: Mapping[str, bytes]) -> None:
    """Write a zip of parts, in one step; equal parts make equal files."""
    with atomic_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # without a date


def _check_directory(op: str, file: BinaryIO, size: int, path: FilePath) -> None:
    """Refuse a long list of names before zipfile reads it: each costs more memory than it takes in the file."""
    file.seek(max(0, size - END.size))
    tail = file.read(END.size)
    mark, *_, entries, length, _, comment = END.unpack(tail) if len(tail) == END.size else (b"",) * 8
    if mark != b"PK\x05\x06" or comment:
        raise refusal(op, "the file is no zip, or a damaged one: it does not end as one", path)
    file.seek(max(0, size - END.size - LARGE.size))
    before = file.read(LARGE.size)
    if len(before) == LARGE.size and before[-20:-16] == b"PK\x06\x07":
        length = LARGE.unpack(before)[8]
    if entries > MOST_PARTS or length > MOST_LIST:
        raise refusal(op, f"the zip lists {entries} parts in {length} bytes, more than {MOST_PARTS} in {MOST_LIST}", path)
    file.seek(0, os.SEEK_SET)


def _parts(op: str, archive: zipfile.ZipFile, size: int, path: FilePath) -> dict[str, bytes]:
    known: dict[str, Any] = {}
    for item in archive.infolist():
        if item.filename in known:
            raise refusal(op, f"the zip has two parts {shown(item.filename)}", path)
        known[item.filename] = item
    return {name: archive.read(_allowed(op, known[name], size, path)) for name in (CONFIG, METADATA, WEIGHTS) if name in known}


def _allowed(op: str, item: zipfile.ZipInfo, size: int, path: FilePath) -> zipfile.ZipInfo:
    plain = item.compress_type == zipfile.ZIP_STORED
    if not plain and item.compress_type != zipfile.ZIP_DEFLATED:
        raise refusal(op, f"{item.filename} is packed in a way that is not read (method {item.compress_type})", path)
    most = size if plain else max(FREE, RATIO * size)
    most = most if item.filename == WEIGHTS else min(most, MOST_JSON)
    if item.file_size > most:
        raise refusal(op, f"{item.filename} claims {item.file_size} bytes, more than the {most} that it may have", path)
    return item
