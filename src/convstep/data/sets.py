"""Data sets of four IDX files: MNIST and those made in its image.

One rule: what is found by itself (in the cache, in another library's folder, on a mirror) has the sha256 of the original; what the
caller names is theirs to vouch for, and only has to fit together.
"""

import hashlib
import math
import os
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from convstep.data.download import Wanted, cache_folder, fetch
from convstep.data.files import FREE, RATIO, FilePath, is_folder, refusal, regular_size
from convstep.data.idx import header, read_idx
from convstep.errors import DataError

__all__ = ["IdxSet", "Labelled", "Source", "keras_folder", "load", "torch_folders"]

Labelled: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.uint8]]

KEYS = ("x_train", "y_train", "x_test", "y_test")  # the names in Keras's npz, in the order of the four files
CLASSES = 10


@dataclass(frozen=True)
class Source:
    """One file: its name, the sha256 of its uncompressed bytes and the shape of its cells."""

    name: str
    sha256: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many bytes the uncompressed file has."""
        return len(header(self.shape)) + math.prod(self.shape)


@dataclass(frozen=True)
class IdxSet:
    """A data set: the name of its module, its four files in the order of `KEYS`, its mirrors and where else it may lie."""

    name: str
    sources: tuple[Source, Source, Source, Source]
    mirrors: tuple[str, ...]
    places: tuple[str, ...]  # in the folders of torchvision ("raw:...") and of Keras, or absolute

    def folders(self) -> Iterator[Path]:
        """Yield where the set may already lie: the cache, then the places of other libraries."""
        if cache := cache_folder():
            yield cache / self.name
        for place in self.places:
            roots = torch_folders() if place.startswith("raw:") else [keras_folder()]
            yield from (root / place.removeprefix("raw:") for root in roots)


def load(data: IdxSet, from_file: FilePath | None) -> tuple[Labelled, Labelled]:
    """Return ((x_train, y_train), (x_test, y_test)) from the caller's files, from this machine or from a mirror."""
    op = f"{data.name}.load_data"
    if from_file is not None:
        return _fitting(op, [_read(op, data, index, from_file) for index in range(len(KEYS))], from_file)
    for place in data.folders():
        if place.exists():
            try:
                return _paired([_original(op, data, index, place) for index in range(len(KEYS))])
            except DataError:  # other or damaged files: look elsewhere
                continue
    return _downloaded(op, data)


def torch_folders() -> list[Path]:
    """Return the folders that torchvision's users name as root."""
    return [Path(os.path.expanduser(root)) for root in ("data", ".", "~/data", "~/datasets", "~/.cache/torchvision")]  # noqa: PTH111


def keras_folder() -> Path:
    """Return the folder that Keras keeps data sets in."""
    return Path(os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras")) / "datasets"  # noqa: PTH111


def _downloaded(op: str, data: IdxSet) -> tuple[Labelled, Labelled]:
    folder = (cache_folder() or Path()) / data.name
    advice = f"with the files at hand: {op}(from_file=FOLDER)"
    for source in data.sources:
        wanted = Wanted(source.name, source.sha256, source.size, unpack=True)
        fetch(op, wanted, [f"{mirror}/{source.name}.gz" for mirror in data.mirrors], folder, advice=advice)
    return _paired([_original(op, data, index, folder) for index in range(len(KEYS))])


def _original(op: str, data: IdxSet, index: int, place: Path) -> NDArray[Any]:
    """Return one array, which must be the original."""
    array, source = _read(op, data, index, place), data.sources[index]
    if array.shape != source.shape or array.dtype != np.uint8:
        raise refusal(op, f"{source.name} holds {array.shape}, not {source.shape}", place)
    digest = hashlib.sha256(header(array.shape))
    digest.update(np.ascontiguousarray(array).data)
    if digest.hexdigest() != source.sha256:
        raise refusal(op, f"{source.name} is not the original: its sha256 begins with {digest.hexdigest()[:12]}", place)
    return array


def _read(op: str, data: IdxSet, index: int, place: FilePath) -> NDArray[Any]:
    """Return one array from a folder of IDX files or from an npz."""
    if not is_folder(place):
        regular_size(op, place)
        if not zipfile.is_zipfile(place):
            names = ", ".join(source.name for source in data.sources)
            raise refusal(op, f"expected a folder with {names}, raw or .gz, or an npz with {', '.join(KEYS)}", place)
        return _read_npz(op, place, KEYS[index])
    name = data.sources[index].name
    stem, _, kind = name.partition("-idx")
    for file in (name, f"{name}.gz", f"{stem}.idx{kind}", f"{stem}.idx{kind}.gz"):
        if (path := Path(place) / file).exists():
            return read_idx(path)
    raise refusal(op, f"the folder has no {name}, raw or .gz", place)


def _read_npz(op: str, path: FilePath, key: str) -> NDArray[Any]:
    """Return an array of an npz; what its header claims is held against the size of the file before it is read."""
    size = regular_size(op, path)
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as file:
            method = archive.getinfo(f"{key}.npy").compress_type
            return _read_npy(op, key, file, path, most=size if method == zipfile.ZIP_STORED else max(FREE, RATIO * size))
    except KeyError:
        raise refusal(op, f"the npz has no {key}", path) from None
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 - zipfile raises a dozen kinds of error for damaged files
        raise refusal(op, f"the npz is cut off or damaged ({type(error).__name__})", path) from None


def _read_npy(op: str, key: str, file: IO[bytes], path: FilePath, *, most: int) -> NDArray[Any]:
    """Return the uint8 array of an npy that may take up to `most` bytes."""
    version = npy.read_magic(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's mnist.npz was written by Python 2
        shape, fortran, dtype = (npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0)(file)
    if dtype != np.uint8 or fortran or min(shape, default=0) < 1:
        raise refusal(op, f"{key} is {dtype.name} of shape {shape}, expected uint8 in C order", path)
    claimed = math.prod(shape)
    if claimed > most:
        raise refusal(op, f"{key} claims the shape {shape}, so {claimed} bytes, more than the {most} that may be in the file", path)
    content = file.read(claimed)
    if len(content) != claimed or file.read(1):
        raise refusal(op, f"{key} claims the shape {shape} but holds another number of cells", path)
    return np.frombuffer(bytearray(content), dtype=np.uint8).reshape(shape)


def _fitting(op: str, arrays: list[NDArray[Any]], path: FilePath) -> tuple[Labelled, Labelled]:
    """Return the caller's own arrays if they fit together: images of one size, a label for each, labels 0 to 9."""
    for key, array in zip(KEYS, arrays, strict=True):
        axes = 3 if key.startswith("x") else 1
        if array.dtype != np.uint8 or array.ndim != axes or not array.size:
            raise refusal(op, f"{key} must be uint8 with {axes} axes, not {array.dtype.name} of shape {array.shape}", path)
    (x_train, y_train), (x_test, y_test) = _paired(arrays)
    if x_train.shape[1:] != x_test.shape[1:]:
        raise refusal(op, f"the images are {x_train.shape[1:]} in x_train but {x_test.shape[1:]} in x_test", path)
    for split, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        if len(x) != len(y):
            raise refusal(op, f"x_{split} has {len(x)} images but y_{split} has {len(y)} labels", path)
        if y.max() >= CLASSES:
            raise refusal(op, f"y_{split} has the label {y.max()}, expected 0 to {CLASSES - 1}", path)
    return (x_train, y_train), (x_test, y_test)


def _paired(arrays: list[NDArray[Any]]) -> tuple[Labelled, Labelled]:
    x_train, y_train, x_test, y_test = arrays
    return (x_train, y_train), (x_test, y_test)
