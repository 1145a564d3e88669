"""One image from a file: any size, colour or not, as (height, width, channels) of uint8.

One rule: the header is read first, and cells are decoded only if the file is large enough to be believed.
"""

import io
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from convstep import checks
from convstep.data.files import FilePath, quiet, refusal, regular_size
from convstep.errors import DataError
from convstep.extras import require

__all__ = ["SUFFIXES", "Color", "Size", "checked_size", "decode", "read_image"]

Color: TypeAlias = Literal["rgb", "gray"]
Size: TypeAlias = tuple[int, int]

CHANNELS: Mapping[str, int] = MappingProxyType({"rgb": 3, "gray": 1})
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # no other parser of pillow sees the file
SUFFIXES = frozenset([".bmp", ".gif", ".jpg", ".jpeg", ".png", ".pgm", ".ppm", ".tif", ".tiff", ".webp"])
MOST_PIXELS = 2**27  # 134 megapixels
FREE_PIXELS, PIXELS_PER_BYTE = 2**22, 200  # 4 megapixels are always believed; more only if the file is large enough
LARGEST_SIDE = 2**14


def read_image(path: FilePath, *, size: Size | None = None, color: Color = "rgb") -> NDArray[np.uint8]:
    """Read an image file.

    It is turned upright as its EXIF data say, transparency is laid on white, 16-bit grey values are brought to 8 bits, and
    CMYK and palettes become colours. Of a moving image the first frame counts.

    Parameters
    ----------
    path : str or path
        BMP, GIF, JPEG, PNG, PPM, TIFF or WebP, as seen from the content.
    size : (height, width), optional
        What to scale the image to (bilinear, with antialiasing), each from 1 to 16384; its own size if left out.
    color : {"rgb", "gray"}

    Returns
    -------
    x : (height, width, 3) or (height, width, 1), uint8

    Raises
    ------
    DataError
        The file is missing, damaged, no image, or claims more than 134 megapixels, or more than 4 and more than 200 for each
        byte that it has.
    MissingExtraError
        pillow is not installed, which the extra ``data`` brings.
    """
    op = "read_image"
    checks.one_of(op, "color", color, tuple(CHANNELS))
    return decode(op, path, checked_size(op, size), color)


def checked_size(op: str, size: Any) -> Size | None:
    """Return the size to scale to, which is a pair of whole numbers >= 1."""
    if size is None:
        return None
    if not isinstance(size, tuple | list) or len(size) != 2:
        raise checks.refusal(op, "size must be a pair (height, width)", {"size": size})
    height, width = (checks.whole(op, f"size[{axis}]", side, 1) for axis, side in enumerate(size))
    if max(height, width) > LARGEST_SIDE:
        raise checks.refusal(op, f"size must be at most {LARGEST_SIDE} on each side", {"size": size})
    return height, width


def decode(op: str, path: FilePath, size: Size | None, color: Color) -> NDArray[np.uint8]:
    """Return the image in a file, scaled to `size`."""
    pillow = require("PIL.Image", extra="data", op=op)
    bytes_ = regular_size(op, path)
    try:
        content = io.BytesIO(Path(path).read_bytes())  # in memory, since pillow asks files for as many bytes as they claim
        with warnings.catch_warnings(), quiet(logging.getLogger("PIL")):
            warnings.simplefilter("ignore")  # pillow warns of damage that the checks below refuse or that does not matter
            with pillow.open(content, formats=FORMATS) as image:
                _believed(op, image.size, bytes_, path)
                plain = _plain(op, image, path)
            if size is not None and plain.size != size[::-1]:
                plain = _converted(plain, color).resize(size[::-1], pillow.Resampling.BILINEAR)
            cells = np.array(_converted(plain, color), dtype=np.uint8)
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 - pillow raises a dozen kinds of error for damaged files
        raise refusal(op, f"this is no image that can be read, or a damaged one ({type(error).__name__})", path) from None
    return cells.reshape(*cells.shape[:2], CHANNELS[color])


def _believed(op: str, size: tuple[int, int], bytes_: int, path: FilePath) -> None:
    width, height = size
    most = min(MOST_PIXELS, max(FREE_PIXELS, PIXELS_PER_BYTE * bytes_))
    if width * height > most:
        raise refusal(op, f"the file has {bytes_} bytes and claims {height} x {width} pixels, more than {most}", path)


def _plain(op: str, image: Any, path: FilePath) -> Any:
    """Return the image upright, in mode L, RGB or another that pillow converts to these without loss of range."""
    pillow, ops = require("PIL.Image", extra="data"), require("PIL.ImageOps", extra="data")
    image.load()
    upright = ops.exif_transpose(image)
    if upright.mode == "F":
        raise refusal(op, "the image holds fractions, whose range is not known", path)
    if upright.mode.startswith("I"):  # 16 bits, or 32 that hold 16
        cells = np.asarray(upright).astype(np.int64)
        return pillow.fromarray((cells.clip(0, 2**16 - 1) >> 8).astype(np.uint8))
    if upright.has_transparency_data:
        shown = upright.convert("RGBA")
        white = pillow.new("RGBA", shown.size, "white")
        return pillow.alpha_composite(white, shown).convert("RGB")
    return upright.convert("RGB") if upright.mode not in {"L", "RGB"} else upright


def _converted(image: Any, color: Color) -> Any:
    return image.convert("L" if color == "gray" else "RGB")
