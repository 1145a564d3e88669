"""Random changes of images that keep what they show: flips, shifts, crops, small rotations and zooms; and standardising.

One rule: the same generator in the same state gives the same images, whatever their size or type.
"""

import math
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from convstep import checks
from convstep.engines import current_engine
from convstep.errors import ArgumentTypeError

__all__ = ["Augment", "Standardise", "random_affine", "random_crop", "random_flip", "random_shift"]

Array = NDArray[Any]
Cells = TypeVar("Cells", bound=np.generic)

MOST_DEGREES = 180.0
LARGEST = float(np.finfo(np.float64).max)
BLOCK = 1024  # images that are standardised or summed up at a time


@dataclass(frozen=True, kw_only=True)
class Augment:
    """A recipe for random changes, applied to a batch: ``Augment(shift=2, rotate=10)(x, rng)``.

    Parameters
    ----------
    flip : bool
        Mirror every second image, left to right. Not for digits.
    shift : int
        Move by up to so many cells in both directions; what comes in is `fill`.
    rotate : float
        Turn by up to so many degrees, at most 180.
    zoom : float
        Scale by a factor from 1 - zoom to 1 + zoom, 0 <= zoom < 1.
    shear : float
        Slant by up to so many columns per row, 0 <= shear <= 1.
    crop : (height, width), optional
        Cut out a window at a random place, last of all.
    fill : float
        The value outside the image, 0 as the background of the digits.

    Notes
    -----
    With rotate, zoom or shear the shift is by fractions of cells and all of them are one bilinear interpolation, so that an
    image is blurred once.
    """

    flip: bool = False
    shift: int = 0
    rotate: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    crop: tuple[int, int] | None = None
    fill: float = 0.0

    def __post_init__(self) -> None:
        checks.whole("Augment", "shift", self.shift, 0)
        if not isinstance(self.flip, bool):
            raise checks.refusal("Augment", "flip must be True or False", {"flip": self.flip}, kind=ArgumentTypeError)
        for name, most in (("rotate", MOST_DEGREES), ("zoom", np.nextafter(1.0, 0.0)), ("shear", 1.0)):
            _number(name, getattr(self, name), 0.0, float(most))
        _number("fill", self.fill, -LARGEST, LARGEST)
        if self.crop is not None:
            _window(self.crop)

    def __call__(self, x: NDArray[Cells], rng: np.random.Generator) -> NDArray[Cells]:
        """Return the changed images; `x` stays as it is.

        Parameters
        ----------
        x : (n, height, width) or (n, height, width, channels)
            Of any type of real numbers, which the result has too.
        rng : numpy.random.Generator

        Returns
        -------
        (n, height, width) or (n, height, width, channels), smaller if `crop` is given
        """
        _images("Augment", x)
        if self.flip:
            x = random_flip(x, rng)
        if self.rotate or self.zoom or self.shear:
            amounts = {"rotate": self.rotate, "zoom": self.zoom, "shear": self.shear, "shift": self.shift}
            x = random_affine(x, rng, fill=self.fill, **amounts)
        elif self.shift:
            x = random_shift(x, self.shift, rng, fill=self.fill)
        return random_crop(x, self.crop, rng) if self.crop else x


@dataclass(frozen=True)
class Standardise:
    """Bring each channel to mean 0 and standard deviation 1, as measured on the training images.

    Examples
    --------
    >>> import numpy as np
    >>> from convstep.data import Standardise
    >>> x_train = np.array([[[0, 4]], [[0, 4]]], dtype=np.uint8)
    >>> standardise = Standardise.of(x_train)
    >>> standardise(x_train)[0]
    array([[-1.,  1.]], dtype=float32)
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, x: Array) -> "Standardise":
        """Measure the images (n, height, width) or (n, height, width, channels); a constant channel counts as of deviation 1."""
        _images("Standardise", x)
        axes, cells = (0, 1, 2), x[..., 0].size if x.ndim == len("nhwc") else x.size
        blocks = [x[start : start + BLOCK] for start in range(0, len(x), BLOCK)]
        mean = sum(block.sum(axis=axes, dtype=np.float64) for block in blocks) / cells
        std = np.sqrt(sum(np.square(block - mean).sum(axis=axes) for block in blocks) / cells)
        std = np.where(std > 0, std, 1.0)
        return cls(tuple(np.atleast_1d(mean).tolist()), tuple(np.atleast_1d(std).tolist()))

    def __call__(self, x: Array) -> Array:
        """Return the standardised images: float64 for float64, else float32."""
        _images("Standardise", x)
        channels = x.shape[3] if x.ndim == len("nhwc") else 1
        if channels != len(self.mean):
            raise checks.refusal("Standardise", f"x has {channels} channels but {len(self.mean)} were measured", {"x": x})
        dtype = np.float64 if x.dtype == np.float64 else np.float32
        mean, std = (np.asarray(values, dtype=dtype) for values in (self.mean, self.std))
        result: Array = np.subtract(x, mean, dtype=dtype)
        result /= std
        return result


# --- The changes, one by one ---


def random_flip(x: NDArray[Cells], rng: np.random.Generator) -> NDArray[Cells]:
    """Mirror about half of the images, left to right."""
    mirrored = rng.random(len(x)) < 1 / 2
    result = x.copy()
    result[mirrored] = x[mirrored, :, ::-1]
    return result


def random_shift(x: NDArray[Cells], most: int, rng: np.random.Generator, *, fill: float = 0.0) -> NDArray[Cells]:
    """Move each image by up to `most` whole cells down or up and right or left."""
    n, height, width = x.shape[:3]
    offsets = rng.integers(0, 2 * most + 1, (n, 2)).tolist()
    padded = _padded(x, most, fill)
    result = np.empty_like(x)
    for image, wide, (top, left) in zip(result, padded, offsets, strict=True):
        image[...] = wide[top : top + height, left : left + width]
    return result


def random_crop(x: NDArray[Cells], size: tuple[int, int], rng: np.random.Generator) -> NDArray[Cells]:
    """Cut out of each image a window of this (height, width) at a random place."""
    (n, height, width), (rows, columns) = x.shape[:3], size
    if rows > height or columns > width:
        raise checks.refusal("random_crop", f"the crop is {rows} x {columns} but the images are {height} x {width}", {"x": x, "crop": size})
    tops, lefts = rng.integers(0, height - rows + 1, n).tolist(), rng.integers(0, width - columns + 1, n).tolist()
    result = np.empty((n, rows, columns, *x.shape[3:]), dtype=x.dtype)
    for image, whole, top, left in zip(result, x, tops, lefts, strict=True):
        image[...] = whole[top : top + rows, left : left + columns]
    return result


def random_affine(
    x: NDArray[Cells],
    rng: np.random.Generator,
    *,
    rotate: float = 0.0,
    zoom: float = 0.0,
    shear: float = 0.0,
    shift: float = 0.0,
    fill: float = 0.0,
) -> NDArray[Cells]:
    """Turn, scale, slant and move each image about its middle, by amounts drawn evenly up to the given ones."""
    n = len(x)
    angle, scale, slant, *moves = rng.uniform(-1, 1, (5, n)) * [[np.deg2rad(rotate)], [zoom], [shear], [shift], [shift]]
    # Where a cell of the result comes from: the inverse of "scale by 1 + scale, slant, turn by angle".
    cos, sin = np.cos(angle) / (1 + scale), np.sin(angle) / (1 + scale)
    matrices = np.stack([np.stack([cos, -sin], -1), np.stack([sin - slant * cos, cos + slant * sin], -1)], -2)
    return bilinear(x, matrices, np.stack(moves, -1), fill=fill)


def bilinear(x: NDArray[Cells], matrices: Array, moves: Array, *, fill: float = 0.0) -> NDArray[Cells]:
    """Interpolate each image where its own matrix and move place the cells of the result.

    Parameters
    ----------
    x : (n, height, width) or (n, height, width, channels)
    matrices : (n, 2, 2)
        Cell (row, column) of the result, counted from the middle, is taken from `matrix @ (row, column) - move`.
    moves : (n, 2)
    fill : float
        The value outside the image.
    """
    dtype = np.dtype(np.float64 if x.dtype == np.float64 else np.float32)
    _holds(x, fill)
    images = x.reshape(*x.shape[:3], -1).astype(dtype, copy=False)
    middle = np.array([(size - 1) / 2 for size in x.shape[1:3]])
    result = current_engine().resample(images, matrices.astype(dtype), (middle - moves).astype(dtype), fill)
    if x.dtype.kind in "ui":
        np.rint(result, out=result)
    return result.reshape(x.shape).astype(x.dtype, copy=False)


def _padded(x: NDArray[Cells], border: int, fill: float) -> NDArray[Cells]:
    """Return the images with a border of `fill` on all sides."""
    n, height, width = x.shape[:3]
    _holds(x, fill)
    result = np.full((n, height + 2 * border, width + 2 * border, *x.shape[3:]), fill, dtype=x.dtype)
    result[:, border : border + height, border : border + width] = x
    return result


# --- What is given ---


def _holds(x: NDArray[Cells], fill: float) -> None:
    if x.dtype.kind == "f":
        return
    info = np.iinfo(x.dtype.str)
    if not (math.isfinite(fill) and fill == int(fill) and info.min <= fill <= info.max):
        raise checks.refusal("Augment", f"fill = {fill:g} is no value of {x.dtype.name}", {"x": x, "fill": fill})


def _images(op: str, x: object) -> None:
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "uif":
        raise checks.refusal(op, "x must be an array of real numbers", {"x": x}, kind=ArgumentTypeError)
    if x.ndim not in {len("nhw"), len("nhwc")} or not x.size:
        raise checks.refusal(op, f"x must be (n, height, width) or (n, height, width, channels) with cells, not {x.shape}", {"x": x})


def _number(name: str, value: object, least: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise checks.refusal("Augment", f"{name} must be a number, not {checks.shown(value)}", {name: value}, kind=ArgumentTypeError)
    if not least <= value <= most:
        raise checks.refusal("Augment", f"{name} must be from {least:g} to {most:g}, not {value}", {name: value})


def _window(crop: Any) -> None:
    if not isinstance(crop, tuple | list) or len(crop) != 2:
        raise checks.refusal("Augment", "crop must be a pair (height, width)", {"crop": crop}, kind=ArgumentTypeError)
    for axis, size in enumerate(crop):
        checks.whole("Augment", f"crop[{axis}]", size, 1)
