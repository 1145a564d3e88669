"""Numbers as they stand on pictures, the fonts that they and names are written in, and how wide they are.

One rule: what is written never lies. Only zero is written as 0, and no zero has a sign.
"""

import math
from functools import lru_cache

import numpy as np
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.textpath import text_to_path

from convstep.checks import Array

__all__ = ["added", "brief", "digits_for", "fonts", "is_exact", "number", "text_width", "widest"]

HAN = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "SimHei")
MINUS, INFINITY = "−", "∞"
LONG = 7  # digits before the point from which on a number is written with an exponent
TINY = 1e-3  # below, what would be rounded to 0 is written with an exponent


def number(value: float, digits: int) -> str:
    """Return a number with so many digits after the point, and with others where those would say 0 for what is not 0."""
    value = float(value)
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else INFINITY if value > 0 else MINUS + INFINITY
    size = abs(value)
    if size >= 10.0 ** (LONG - 2) and (size >= 10.0**LONG or len(f"{size:.0f}") >= LONG):
        return _exponential(value)
    text = f"{value:z.{digits}f}"
    if value and not float(text):
        text = f"{value:.0e}" if size < TINY else f"{value:.1g}"
        return _exponential(value, 0) if "e" in text else text.replace("-", MINUS)
    return text.replace("-", MINUS)


def is_exact(value: float, digits: int) -> bool:
    """Return whether `number` writes a value itself, and not what it is rounded to; 0.1 is itself, though no float is."""
    text = number(value, digits).replace(MINUS, "-").replace(INFINITY, "inf")
    return float(text) == value or (math.isnan(value) and text == "NaN")


def brief(value: float) -> str:
    """Return a number with two or three digits that say something: 0.25, 12.3, 1024, 3.1e-5."""
    value = float(value)
    if value == 0 or not math.isfinite(value):
        return number(value, 0)
    size = abs(value)
    if size < TINY or size >= 10.0 ** (LONG - 1):
        return _exponential(value)
    if value == round(value):
        return number(value, 0)
    return number(value, 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 3)


def added(value: float, digits: int) -> str:
    """Return a number as it is added to what stands before it: "+ 0.5" or "− 0.5"."""
    return f"{MINUS} {number(-value, digits)}" if value < 0 else f"+ {number(value, digits)}"


def digits_for(*arrays: Array) -> int:
    """Return how many digits after the point suit these numbers: none for whole ones, two for small ones."""
    values = np.concatenate([np.ravel(array).astype(np.float64) for array in arrays])
    values = values[np.isfinite(values)]
    if not values.size or (values == np.round(values)).all():
        return 0
    largest = float(np.abs(values).max())
    return 2 if largest < 10 else 1 if largest < 1000 else 0


def widest(values: Array, digits: int, size: float = 6.5) -> float:
    """Return the width in inches of the widest of these numbers."""
    return max((text_width(text, size) for text in {number(value, digits) for value in values.ravel().tolist()}), default=0.0)


def fonts() -> list[str]:
    """Return the font that comes with Matplotlib, and one with Chinese characters if this machine has it."""
    installed = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *[name for name in HAN if name in installed][:1]]


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Return the width in inches of the widest line of a text in points of a size."""
    font = FontProperties(family=fonts(), size=size, weight=weight)
    return max(float(text_to_path.get_text_width_height_descent(line, font, ismath=False)[0]) for line in text.split("\n")) / 72


def _exponential(value: float, digits: int = 1) -> str:
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}".replace("-", MINUS)
