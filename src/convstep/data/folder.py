"""A folder of images, one folder for each class. The one rule: the same folder gives the same arrays, in the order of sorted names.

Links to folders inside a class are not followed, so no loop of links can be.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from convstep import checks
from convstep.data.files import FilePath, is_folder, reason, refusal
from convstep.data.images import CHANNELS, SUFFIXES, Color, Size, checked_size, decode
from convstep.errors import ArgumentTypeError

__all__ = ["load_folder"]

Labelled: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.int64]]

OP = "load_folder"


def load_folder(
    path: FilePath,
    *,
    size: Size | None = None,
    color: Color = "rgb",
    validation_split: float | None = None,
    rng: np.random.Generator | None = None,
) -> tuple[tuple[Any, Any], list[str]]:
    """Load a folder that has one folder of images for each class, as ``cats/`` and ``dogs/``.

    Images are read as by `read_image`. Files with other endings and names that begin with a dot are passed over; folders
    inside a class belong to it.

    Parameters
    ----------
    path : str or path
    size : (height, width), optional
        What to scale the images to. Without it they must all have one size.
    color : {"rgb", "gray"}
    validation_split : float, optional
        The share of each class to set aside, between 0 and 1; one image at least, but never the last one.
    rng : numpy.random.Generator, optional
        Draws which images are set aside; the same ones on every call if left out.

    Returns
    -------
    ``(x, y), class_names``, or ``((x_train, y_train), (x_validation, y_validation)), class_names`` with `validation_split`.

    x : (n, height, width, 3) or (n, height, width, 1), uint8
    y : (n,), int64
        The place of the class in `class_names`.
    class_names : list of str
        The names of the folders, sorted.

    Raises
    ------
    DataError
        The folder is missing, has no classes or a class without images, or an image is damaged or of another size.
    MissingExtraError
        pillow is not installed, which the extra ``data`` brings.
    """
    checks.one_of(OP, "color", color, tuple(CHANNELS))
    shape, share = checked_size(OP, size), _share(validation_split)
    if not is_folder(path):
        raise refusal(OP, "there is no such folder", path)
    names = _classes(Path(path))
    files = [_images(Path(path), name) for name in names]
    x = _stacked([file for images in files for file in images], shape, color)
    y = np.repeat(np.arange(len(names), dtype=np.int64), [len(images) for images in files])
    if share is None:
        return (x, y), names
    return _split(x, y, share, np.random.default_rng(0) if rng is None else rng), names


def _share(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        fact = f"validation_split must be a number between 0 and 1, not {checks.shown(value)}"
        raise checks.refusal(OP, fact, {"validation_split": value}, kind=ArgumentTypeError)
    if not 0 < value < 1:
        raise checks.refusal(OP, f"validation_split must be between 0 and 1, not {value}", {"validation_split": value})
    return float(value)


def _classes(root: Path) -> list[str]:
    """Return the sorted names of the folders in the root."""
    try:
        names = sorted(entry.name for entry in os.scandir(root) if not entry.name.startswith(".") and entry.is_dir())
    except OSError as error:
        raise refusal(OP, f"the folder cannot be read ({reason(error)})", root) from None
    if not names:
        raise refusal(OP, "the folder has no folders, one is expected for each class", root)
    for name in names:
        if root.resolve().is_relative_to((root / name).resolve()):
            raise refusal(OP, f"the class {name} is a link that leads back to the folder itself", root)
    return names


def _images(root: Path, name: str) -> list[Path]:
    """Return the sorted image files of one class."""
    found = []
    for folder, inner, files in os.walk(root / name):
        inner[:] = [each for each in inner if not each.startswith(".")]
        found += [Path(folder) / file for file in files if not file.startswith(".") and Path(file).suffix.lower() in SUFFIXES]
    if not found:
        raise refusal(OP, f"the class {name} has no images ({', '.join(sorted(SUFFIXES))})", root)
    return sorted(found)


def _stacked(files: Sequence[Path], size: Size | None, color: Color) -> NDArray[np.uint8]:
    """Return the images in one array, in which each is decoded into its place."""
    first = decode(OP, files[0], size, color)
    shape = (len(files), *first.shape)
    checks.fits_memory(OP, "x", shape, first.dtype, {"size": size})
    x = np.empty(shape, dtype=np.uint8)
    for index, file in enumerate(files):
        image = decode(OP, file, size, color) if index else first
        if image.shape != first.shape:
            fact = f"the image is {image.shape[:2]} but the first one {first.shape[:2]}"
            raise refusal(OP, fact, file, "give size=(height, width) to scale all of them")
        x[index] = image
    return x


def _split(x: NDArray[np.uint8], y: NDArray[np.int64], share: float, rng: np.random.Generator) -> tuple[Labelled, Labelled]:
    """Set aside a share of each class."""
    aside = np.zeros(len(y), dtype=bool)
    for label in range(int(y.max()) + 1):
        (members,) = np.nonzero(y == label)
        count = min(max(round(share * len(members)), 1), len(members) - 1)
        aside[rng.permutation(members)[:count]] = True
    return (x[~aside], y[~aside]), (x[aside], y[aside])
