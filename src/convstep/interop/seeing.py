"""What a network says about an image file, when nothing is known of it but its file.

One rule: how the image is prepared is said by the caller or stated in the answer, never guessed in silence.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convstep.checks import Array, refusal, shown
from convstep.data import read_image
from convstep.errors import ArgumentTypeError, DataError
from convstep.ops import activations

__all__ = ["Answer", "Preparation", "see"]

IMAGES = 4  # axes
DEFAULT_SIDE = 224  # pixels, where a network takes images of any size


@dataclass(frozen=True)
class Preparation:
    """How an image becomes numbers: (cells / scale - mean) / std, channel by channel.

    Attributes
    ----------
    scale : float
    mean, std : sequence of float
        One number, or one for each channel.
    bgr : bool
        Whether blue comes first.
    size : (height, width), optional
        For a network that takes images of any size.
    """

    scale: float = 255.0
    mean: Sequence[float] = (0.0,)
    std: Sequence[float] = (1.0,)
    bgr: bool = False
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Answer:
    """What a network says.

    Attributes
    ----------
    outputs : dict of str to array
    classes : list of (int, float)
        Of an output that is a row of scores: the classes and how probable each is, the most probable first; else empty.
    shape : tuple of int
        Of the image that the network was given.
    """

    outputs: Mapping[str, Array]
    classes: Sequence[tuple[int, float]]
    shape: tuple[int, ...]


def see(model: Any, image: str | os.PathLike[str], how: Preparation | None = None) -> Answer:
    """Return what a network says about an image.

    Parameters
    ----------
    model : Model
        As `convstep.interop.converting.open_model` returns it.
    image : path
    how : Preparation, optional

    Raises
    ------
    DataError
        If the image cannot be read, or the network does not take one image.
    MissingExtraError
        If what reads the image is not installed.
    """
    how = how or Preparation()
    if len(model.inputs) != 1:
        raise DataError(f"predict: the network takes {len(model.inputs)} inputs, not one image\n  given {model.name}")
    shape = tuple(model.inputs[0].shape)
    first = _channels_first(shape)
    if first is None:
        raise DataError(f"predict: the network takes an input of the shape {shape}, which is no image\n  given {model.name}")
    channels = shape[1] if first else shape[3]
    height, width = _size(shape[2:] if first else shape[1:3], how)
    cells = read_image(image, size=(height, width), color="gray" if channels == 1 else "rgb").astype(np.float32)
    x = _prepared(cells, how, int(channels))
    batch = np.ascontiguousarray(x.transpose(2, 0, 1) if first else x)[None].astype(model.inputs[0].layer.dtype)
    found = model.predict(batch, verbose=0)
    if not isinstance(found, Mapping):
        found = dict(zip(model.output_names, found if isinstance(found, list) else [found], strict=True))
    return Answer(found, _classes(list(found.values())), batch.shape)


def top(answer: Answer, labels: Path | None, count: int) -> list[dict[str, Any]]:
    """Return the most probable classes as plain data, under the names that a file has line by line.

    Raises
    ------
    DataError
        If the file has another number of lines than there are classes, or is no text.
    """
    names = None if labels is None else _lines(labels)
    if names is not None and len(names) != len(answer.classes):
        raise DataError(f"predict: there are {len(names)} labels, but the network knows {len(answer.classes)} classes\n  given {labels}")
    return [
        {"class": number, "label": names[number] if names else str(number), "probability": share}
        for number, share in answer.classes[:count]
    ]


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"predict: the labels cannot be read: {type(error).__name__}\n  given {path}") from None


def _channels_first(shape: Sequence[int | None]) -> bool | None:
    """Return whether channels come before rows and columns; None for what is no batch of images in grey or colours."""
    if len(shape) != IMAGES:
        return None
    return True if shape[1] in {1, 3} and shape[3] not in {1, 3} else False if shape[3] in {1, 3} else None


def _size(shape: Sequence[int | None], how: Preparation) -> tuple[int, int]:
    sizes = how.size or (DEFAULT_SIDE, DEFAULT_SIDE)
    height, width = (known or asked for known, asked in zip(shape, sizes, strict=True))
    if how.size and (height, width) != tuple(how.size):
        raise refusal("predict", f"the network takes images of {height} x {width}, not {shown(tuple(how.size))}", {"size": how.size})
    return height, width


def _prepared(cells: Array, how: Preparation, channels: int) -> Array:
    for name, numbers in (("mean", how.mean), ("std", how.std)):
        if len(numbers) not in {1, channels}:
            wanted = "1 number" if channels == 1 else f"1 number or {channels}, one for each channel"
            fact = f"{name} must be {wanted}, not {len(numbers)}"
            raise refusal("predict", fact, {name: tuple(numbers)}, kind=ArgumentTypeError)
    if not how.scale or not all(how.std):
        raise refusal("predict", "scale and std must not be 0", {"scale": how.scale, "std": tuple(how.std)})
    x = cells[..., ::-1] if how.bgr else cells
    scaled: Array = (x / np.float32(how.scale) - np.asarray(how.mean, np.float32)) / np.asarray(how.std, np.float32)
    return scaled


def _classes(outputs: Sequence[Array]) -> list[tuple[int, float]]:
    """Return the classes of the only output if that is one row of scores; scores that are no shares go through softmax."""
    row = outputs[0].reshape(-1)
    if len(outputs) > 1 or row.size != max(outputs[0].shape) or row.size < 2 or row.dtype.kind != "f":
        return []
    shares = row if np.all(row >= 0) and abs(float(row.sum()) - 1) < 1e-3 else activations.softmax(row)
    order = np.argsort(-shares, kind="stable")
    return [(int(i), float(shares[i])) for i in order]
