"""The course's HDF5 files, SIGNS and Happy House. The one rule: what is read lies in this very file, uncompressed and in one piece.

That is how the course's files are. It leaves out whatever lets an HDF5 file read other files (CVE-2026-1669) or run for ever.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstep.data.files import FilePath, is_folder, refusal, regular_size
from convstep.errors import DataError
from convstep.extras import require

__all__ = ["cells", "load_happy", "load_signs"]

SHAPE = (64, 64, 3)
WHOLE = "ui"  # NumPy's letters for the types of whole numbers


@dataclass(frozen=True)
class Course:
    """One of the course's data sets: the function that loads it, its files and how many classes it has."""

    op: str
    name: str
    classes: int

    @property
    def files(self) -> tuple[str, str]:
        """The names of the two files in a folder."""
        return f"train_{self.name}.h5", f"test_{self.name}.h5"

    @property
    def advice(self) -> str:
        """Where the files come from."""
        names = " and ".join(self.files)
        return f"{names} lie in the folder datasets of the course's own notebooks; convstep may not ship them"


SIGNS = Course("load_signs", "signs", 6)
HAPPY = Course("load_happy", "happy", 2)


def load_signs(path: FilePath) -> tuple[Any, Any]:
    """Load SIGNS, the course's photographs of hands that show a number from 0 to 5.

    The files, ``train_signs.h5`` (1,080 images) and ``test_signs.h5`` (120), belong to the course: they lie in the folder
    ``datasets`` of its notebooks. convstep does not ship them, since no licence is known.

    Parameters
    ----------
    path : str or path
        The folder with both files, or one file.

    Returns
    -------
    For a folder ``((x_train, y_train), (x_test, y_test))``, for one file ``(x, y)``.

    x : (m, 64, 64, 3), uint8
    y : (m,), int64
        0 to 5. The course's own function returns (1, m).

    Raises
    ------
    DataError
        A file is missing, damaged, or holds something else.
    MissingExtraError
        h5py is not installed, which the extra ``data`` brings.
    """
    return _load(SIGNS, path)


def load_happy(path: FilePath) -> tuple[Any, Any]:
    """Load Happy House, the course's photographs of faces that smile (1) or don't (0).

    The files, ``train_happy.h5`` (600 images) and ``test_happy.h5`` (150), belong to the course: they lie in the folder
    ``datasets`` of its notebooks. convstep does not ship them, since no licence is known.

    Parameters
    ----------
    path : str or path
        The folder with both files, or one file.

    Returns
    -------
    For a folder ``((x_train, y_train), (x_test, y_test))``, for one file ``(x, y)``.

    x : (m, 64, 64, 3), uint8
    y : (m,), int64
        0 or 1. The course's own function returns (1, m).

    Raises
    ------
    DataError
        A file is missing, damaged, or holds something else.
    MissingExtraError
        h5py is not installed, which the extra ``data`` brings.
    """
    return _load(HAPPY, path)


def _load(course: Course, path: FilePath) -> tuple[Any, Any]:
    if not is_folder(path):
        if isinstance(path, str | Path) and not Path(path).exists():
            raise refusal(course.op, "there is no such file or folder", path, course.advice)
        return _read(course, path)
    train, test = (Path(path) / name for name in course.files)
    for file in (train, test):
        if not file.exists():
            raise refusal(course.op, f"the folder has no {file.name}", path, course.advice)
    return _read(course, train, "train"), _read(course, test, "test")


def _read(course: Course, path: FilePath, split: str | None = None) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the images and labels of one file, which holds the `split`, or any one."""
    h5py = require("h5py", extra="data", op=course.op)
    size = regular_size(course.op, path)
    try:
        with h5py.File(path, "r", locking=False) as file:
            name = _only_split(course, file, split, path)
            x, y = (cells(course.op, file, f"{name}_set_{axis}", path, size=size) for axis in ("x", "y"))
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 - h5py raises a dozen kinds of error for damaged files
        raise refusal(course.op, f"this is no HDF5 file, or a damaged one ({type(error).__name__})", path) from None
    return _checked(course, x, y, path)


def _only_split(course: Course, file: Any, split: str | None, path: FilePath) -> str:
    """Return which split the file holds, "train" or "test"; it must be `split`, if that is known."""
    keys = list(file)  # names only: to ask `key in file` would follow links
    names = [name for name in ("train", "test") if f"{name}_set_x" in keys]
    if len(names) != 1 or split not in {None, names[0]}:
        wanted = f"{split}_set_x" if split else "train_set_x or test_set_x, one of them"
        found = ", ".join(sorted(str(key)[:30] for key in keys)[:6]) or "nothing"
        raise refusal(course.op, f"the file must hold {wanted}, not {found}", path, course.advice)
    return names[0]


def cells(op: str, group: Any, key: str, path: FilePath, *, size: int, kinds: str = WHOLE, name: str | None = None) -> NDArray[Any]:
    """Return a data set of a group, after everything about it is known to be harmless.

    Parameters
    ----------
    op : str
        Who asks, for errors.
    group : h5py.Group
    key : str
    path : path
        Of the file, for errors.
    size : int
        How many bytes the file has.
    kinds : str
        NumPy's letters for the types that the cells may have: "ui" or "f".
    name : str, optional
        What errors call the data set.

    Raises
    ------
    DataError
        It is not there, or not in one piece in this file, or of another type.
    """
    h5py, named = require("h5py", extra="data", op=op), name or key
    if key not in list(group):
        raise refusal(op, f"the file has no {named}", path)
    if group.id.links.get_info(key.encode()).type != h5py.h5l.TYPE_HARD:
        raise refusal(op, f"{named} is a link to another place: refused", path)
    data = group[key]
    if not isinstance(data, h5py.Dataset):
        raise refusal(op, f"{named} is no data set", path)
    layout = data.id.get_create_plist().get_layout()
    if data.external or data.is_virtual or layout == h5py.h5d.VIRTUAL:
        raise refusal(op, f"{named} takes its cells from other files: refused", path)
    if layout not in {h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT}:
        whose = "the course's files are neither" if kinds == WHOLE else "Keras's files are neither"
        raise refusal(op, f"{named} is compressed or in chunks; {whose}", path)
    if data.dtype.kind not in kinds or data.dtype.fields or data.dtype.subdtype:
        wanted = "whole numbers" if kinds == WHOLE else "floating-point numbers"
        raise refusal(op, f"{named} must hold {wanted}, not {data.dtype}", path)
    if data.shape is None:
        raise refusal(op, f"{named} has no cells", path)
    shape = tuple(int(length) for length in data.shape)
    claimed = math.prod(shape) * data.dtype.itemsize
    if claimed > size:
        raise refusal(op, f"{named} claims the shape {shape}, so {claimed} bytes, but the file has {size}", path)
    read: NDArray[Any] = data[()]
    return read


def _checked(course: Course, x: NDArray[Any], y: NDArray[Any], path: FilePath) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    if x.dtype != np.uint8 or x.shape[1:] != SHAPE or not len(x):
        raise refusal(course.op, f"the images must be (m, 64, 64, 3) of uint8, not {x.shape} of {x.dtype.name}", path)
    if y.shape != (len(x),):
        raise refusal(course.op, f"{len(x)} images need labels of shape ({len(x)},), not {y.shape}", path)
    if int(y.min()) < 0 or int(y.max()) >= course.classes:
        fact = f"the labels go from {y.min()} to {y.max()}, expected 0 to {course.classes - 1}"
        raise refusal(course.op, fact, path)
    return x, y.astype(np.int64)
