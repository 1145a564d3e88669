"""The images of a run: what it trains on, and what it is judged by at its end.

One rule: the same settings give the same arrays, and a run knows its images again by their sha256.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from convstep.data import load_digits, load_folder, load_happy, load_signs
from convstep.errors import DataError
from convstep.runs.settings import SETS, SettingError, Settings, kind_of

__all__ = ["Labelled", "Sets", "load_sets", "scaled"]

Array = NDArray[Any]
Labelled: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.int64]]

WHITE = 255
SHARE = 0.2  # of each class is set aside to judge by, where the data say nothing else
OTHER_SIZE = ("give size=(height, width) to scale all of them", "--image-size N scales all of them to N x N")  # here it is an option
TRAIN, TEST = ("train", "training"), ("test", "val", "valid", "validation")
GESTURES, FACES = tuple("012345"), ("not happy", "happy")


@dataclass(frozen=True)
class Sets:
    """Images (m, height, width, channels) of uint8 with the numbers of their classes, to train on and to be judged by."""

    train: Labelled
    test: Labelled
    classes: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """(height, width, channels) of an image."""
        return self.train[0].shape[1:]

    def facts(self) -> dict[str, Any]:
        """Return what these are as plain data, with the sha256 of each part."""
        parts = {"train": self.train, "test": self.test}
        counts: dict[str, Any] = {name: {"images": len(y), "sha256": _digest(x, y)} for name, (x, y) in parts.items()}
        return {**counts, "image_shape": list(self.shape), "classes": list(self.classes)}

    def without_held_out(self, share: float) -> tuple[Labelled, Labelled | None]:
        """Return the training images without a share of them, and that share: always the same ones, drawn from all over the set."""
        x, y = self.train
        count = round(share * len(x))
        if not share:
            return self.train, None
        if not 0 < count < len(x):
            raise SettingError(f"--hold-out: {share:g} of {len(x)} images leaves {len(x) - count} to train on and {count} to judge by")
        order = np.random.default_rng(0).permutation(len(x))
        kept, aside = np.sort(order[count:]), np.sort(order[:count])
        return (x[kept], y[kept]), (x[aside], y[aside])


def load_sets(settings: Settings) -> Sets:
    """Load what the settings name.

    Raises
    ------
    SettingError
        If a setting does not go with the data.
    DataError
        If a file is missing or damaged.
    """
    kind = kind_of(settings.data)
    if settings.from_file is not None and settings.data not in SETS[1:]:
        raise SettingError(f"--from-file: goes with {', '.join(SETS[1:])}, not with {settings.data}")
    if kind != "folder" and (settings.image_size is not None or settings.gray):
        raise SettingError("--image-size: like --gray it goes with a folder of images alone")
    if kind == "folder":
        return _folder(settings)
    return _course(Path(settings.data), kind) if kind not in SETS else _named(settings)


def scaled(x: Array) -> NDArray[np.float32]:
    """Return images as what every network here is given: numbers from 0 to 1."""
    return np.divide(x, WHITE, dtype=np.float32)


def _named(settings: Settings) -> Sets:
    if settings.data == "digits":
        train, test = load_digits()
        return Sets(_plain(*train), _plain(*test), tuple("0123456789"))
    module = import_module(f"convstep.data.{settings.data}")
    train, test = module.load_data(from_file=settings.from_file)
    return Sets(_plain(*train), _plain(*test), getattr(module, "CLASS_NAMES", tuple("0123456789")))


def _course(path: Path, kind: str) -> Sets:
    """Read one of the course's files with the other one beside it; alone, a share of its images is set aside."""
    load, classes = (load_happy, FACES) if kind == "happy" else (load_signs, GESTURES)
    first, last = (path.with_name(path.name.lower().replace(old, new)) for old, new in (("test", "train"), ("train", "test")))
    if first != last and first.exists() and last.exists():
        return Sets(_plain(*load(first)), _plain(*load(last)), classes)
    return _parted(*_plain(*load(path)), classes)


def _folder(settings: Settings) -> Sets:
    """Read a folder that has parts, as train/cats and test/cats, or classes, of which a share is set aside."""
    root = Path(settings.data)
    size = None if settings.image_size is None else (settings.image_size, settings.image_size)
    options: Mapping[str, Any] = {"size": size, "color": "gray" if settings.gray else "rgb"}
    parts = [next((root / name for name in names if (root / name).is_dir()), None) for names in (TRAIN, TEST)]
    if None in parts:
        (x, y), names = _read(root, options)
        return _parted(x, y, tuple(names))
    (train, names), (test, others) = (_read(part or root, options) for part in parts)
    if names != others:
        raise DataError(f"train: {parts[0]} has the classes {_words(names)}, but {parts[1]} has {_words(others)}\n  given {root}")
    if train[0].shape[1:] != test[0].shape[1:]:
        sizes = " and ".join(str(x.shape[1:3]) for x, _ in (train, test))
        raise DataError(
            f"train: the images to train on and to judge by have the sizes {sizes}: --image-size brings all to one\n  given {root}"
        )
    return Sets(train, test, tuple(names))


def _read(root: Path, options: Mapping[str, Any]) -> tuple[Labelled, list[str]]:
    """Read a folder; its errors name the option of the command for the argument of `load_folder`."""
    try:
        return load_folder(root, **options)
    except DataError as error:
        raise type(error)(str(error).replace(*OTHER_SIZE)) from None


def _parted(x: NDArray[np.uint8], y: NDArray[np.int64], classes: tuple[str, ...]) -> Sets:
    """Set a share of each class aside to judge by, always the same images; no class is left without one to train on."""
    rng, aside = np.random.default_rng(0), np.zeros(len(y), dtype=bool)
    for label in range(len(classes)):
        (members,) = np.nonzero(y == label)
        count = min(max(round(SHARE * len(members)), 1), len(members) - 1)
        aside[rng.permutation(members)[: max(count, 0)]] = True
    if not aside.any():
        raise DataError(f"train: {len(y)} images of {len(classes)} classes are too few to set some aside to judge by\n  given {x.shape}")
    return Sets((x[~aside], y[~aside]), (x[aside], y[aside]), classes)


def _plain(x: Array, y: Array) -> Labelled:
    """Return images with an axis of channels, and labels as a row of whole numbers."""
    return np.ascontiguousarray(x if x.ndim == len("mhwc") else x[..., np.newaxis]), y.reshape(-1).astype(np.int64)


def _digest(x: Array, y: Array) -> str:
    digest = hashlib.sha256(f"{x.shape} {x.dtype} {y.dtype}".encode())
    for part in (x, y):
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def _words(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
