"""What the layers with windows share: Keras's arguments for them, and output sizes where a size may be unknown."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from convstep.checks import refusal, shown, whole
from convstep.checks.operations import Paddings, paddings, pair
from convstep.errors import ArgumentTypeError, ShapeError
from convstep.geometry import Axis

Pair: TypeAlias = tuple[int, int]
Sides: TypeAlias = tuple[Pair, Pair]
IMAGES = ("m", "height", "width", "channels")
SIDES = ("rows", "columns")


def channels_last(kind: str, data_format: Any) -> str:
    """Return "channels_last", the only layout there is."""
    if data_format in (None, "channels_last"):
        return "channels_last"
    fact = f'data_format must be "channels_last", not {shown(data_format)}: images are ({", ".join(IMAGES)})'
    raise refusal(kind, fact, {"data_format": data_format}, "x.transpose(0, 2, 3, 1) for images with their channels first")


def window_padding(kind: str, padding: Any) -> Any:
    """Return "valid" or "same", in any case of letters as in Keras, or what `convstep.ops` takes as explicit padding."""
    read = padding.lower() if isinstance(padding, str) else padding
    paddings(kind, read)
    return read


def two_pairs(kind: str, name: str, value: Any) -> Sides:
    """Return ((above, below), (left, right)) for a whole number, a pair, or two pairs."""
    if isinstance(value, tuple | list) and len(value) == len(SIDES):
        above, left = (pair(kind, f"{name}[{i}]", item, 0) for i, item in enumerate(value))
        return above, left
    if isinstance(value, tuple | list):
        fact = f"{name} must be a whole number, a pair or two pairs, not {len(value)} values"
        raise refusal(kind, fact, {name: value}, kind=ArgumentTypeError)
    number = whole(kind, name, value, 0)
    return (number, number), (number, number)


def window_sizes(
    name: str, shape: Sequence[int | None], kernel: Pair, *, strides: Pair, padding: Any, dilation_rate: Pair = (1, 1)
) -> list[int | None]:
    """Return rows and columns of the output of a layer that slides a window, None where they are not known.

    Raises
    ------
    ShapeError
        If the window does not fit once.
    """
    sizes: list[int | None] = []
    both: Paddings = paddings(name, padding)
    for i, side in enumerate(SIDES):
        size = shape[1 + i]
        if size is None:
            sizes.append(None)
            continue
        axis = Axis.padded_by(both[i], size, kernel[i], stride=strides[i], dilation=dilation_rate[i])
        if axis.out < 1:
            fact = f"the window does not fit: it reaches over {axis.reach} {side}, but the input has {axis.padded} with its padding"
            raise refusal(name, fact, {"input": tuple(shape)}, kind=ShapeError)
        sizes.append(axis.out)
    return sizes
