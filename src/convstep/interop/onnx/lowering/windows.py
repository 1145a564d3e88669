"""Operators that slide a window over images, as layers: channels go last.

One rule: what is known of a window is a layer's argument; one that depends on the size of an image that is not known stays an operator.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from convstep.checks import Array, shown
from convstep.geometry import Axis, Padding
from convstep.interop.onnx.importing import FLOATS, Importing
from convstep.interop.onnx.records import Node, node_refusal
from convstep.interop.onnx.values import IMAGES, Value, channels_last
from convstep.layers import (
    AveragePooling2D,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    DepthwiseConv2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Layer,
    MaxPooling2D,
    Symbol,
    ZeroPadding2D,
)

LAST = channels_last(IMAGES)
Sides = tuple[tuple[int, int], tuple[int, int]]
FARTHEST = 4096
ENDLESS = 2**31 - 1  # what files give for the end of an axis
NONE: Sides = ((0, 0), (0, 0))


def conv(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return a convolution; one filter set for each channel becomes a depthwise one."""
    x, w, b = _weighted(given)
    if x is None or w is None:
        return None
    if node.get("kernel_shape", w.shape[2:]) != w.shape[2:]:
        raise node_refusal(node, f"kernel_shape is {node.get('kernel_shape')}, but the filters have {w.shape[2:]}")
    padding = _padding(node, x, w.shape[2:])
    if padding is None or _far(padding):
        return None
    groups, channels = node.get("group", 1), made.symbol(x).shape[x.place(1)] or 0
    options: dict[str, Any] = {
        "strides": node.get("strides", (1, 1)), "padding": padding, "dilation_rate": node.get("dilations", (1, 1)),
        "use_bias": b is not None or made.fold, "dtype": w.dtype,
    }  # fmt: skip
    weights = {"bias": np.zeros(w.shape[0], w.dtype) if b is None else b} if options["use_bias"] else {}
    layer: Layer
    if groups == channels > 1 and w.shape[1] == 1 and w.shape[0] % groups == 0:
        layer = DepthwiseConv2D(w.shape[2:], depth_multiplier=w.shape[0] // groups, depthwise_initializer="zeros", **options)
        weights["kernel"] = w.transpose(2, 3, 0, 1).reshape(*w.shape[2:], groups, w.shape[0] // groups)
    elif w.shape[0] % groups or channels != w.shape[1] * groups:
        fact = f"images of {channels} channels do not fit {w.shape[0]} filters of {w.shape[1]} channels in {shown(groups)} groups"
        raise node_refusal(node, fact)
    else:
        layer = Conv2D(w.shape[0], w.shape[2:], groups=groups, kernel_initializer="zeros", **options)
        weights["kernel"] = w.transpose(2, 3, 1, 0)
    return made.value(node, made.call(node, layer, [made.arranged(x, LAST)], weights), LAST, x)


def conv_transpose(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return a transposed convolution."""
    x, w, b = _weighted(given)
    if x is None or w is None or node.get("group", 1) != 1 or node.get("output_shape") or node.get("auto_pad", "NOTSET") != "NOTSET":
        return None
    if _far(_sides(node)) or max(node.get("strides", (1, 1))) > FARTHEST:
        return None
    strides, extra = node.get("strides", (1, 1)), node.get("output_padding", (0, 0))
    if node.get("kernel_shape", w.shape[2:]) != w.shape[2:] or any(more >= stride for more, stride in zip(extra, strides, strict=True)):
        return None
    layer = Conv2DTranspose(
        w.shape[1], w.shape[2:], strides, _sides(node), dilation_rate=node.get("dilations", (1, 1)), output_padding=extra,
        use_bias=b is not None, kernel_initializer="zeros", dtype=w.dtype,
    )  # fmt: skip
    if _sides(node) == NONE:
        layer.padding = NONE
    weights = {"kernel": w.transpose(2, 3, 1, 0), **({} if b is None else {"bias": b})}
    return made.value(node, made.call(node, layer, [made.arranged(x, LAST)], weights), LAST, x)


def max_pool(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return max pooling; padding never wins, so rounding up is padding too."""
    x = _images(given)
    if x is None or len(node.outputs) > 1 or set(node.get("dilations", ())) - {1}:
        return None
    padding = _padding(node, x, node.get("kernel_shape"), up=bool(node.get("ceil_mode", 0)))
    if padding is None or not _narrow(padding, node):
        return None
    layer = MaxPooling2D(node.get("kernel_shape"), node.get("strides", (1, 1)), padding, dtype=x.dtype)
    return made.value(node, made.call(node, layer, [made.arranged(x, LAST)]), LAST, x)


def average_pool(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return average pooling; zeros that count are put around the images first."""
    x = _images(given)
    if x is None or set(node.get("dilations", ())) - {1}:
        return None
    kernel, strides = node.get("kernel_shape"), node.get("strides", (1, 1))
    padding, ceil = _padding(node, x, kernel), bool(node.get("ceil_mode", 0))
    if ceil and padding != _padding(node, x, kernel, up=True):
        return None
    if padding is None or not _narrow(padding, node):
        return None
    symbol = made.arranged(x, LAST)
    if node.get("count_include_pad", 0) and padding not in {"valid", NONE}:
        if padding == "same":
            return None
        symbol, padding = _with_zeros(made, node, symbol, padding), "valid"
    return made.value(node, made.call(node, AveragePooling2D(kernel, strides, padding, dtype=x.dtype), [symbol]), LAST, x)


def global_pool(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return the mean or the largest number of each channel."""
    x = _images(given)
    if x is None:
        return None
    kind = GlobalAveragePooling2D if node.kind == "GlobalAveragePool" else GlobalMaxPooling2D
    return made.value(node, made.call(node, kind(keepdims=True, dtype=x.dtype), [made.arranged(x, LAST)]), LAST, x)


def pad(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return zeros around images."""
    x = _images(given[:1])
    pads = node.get("pads") if node.opset < 11 else None if len(given) < 2 or given[1] is None else given[1].numbers
    if x is None or pads is None or node.get("mode", "constant") != "constant" or (len(given) > 3 and given[3] is not None):
        return None
    fill = given[2].numbers if len(given) > 2 and given[2] is not None else np.asarray(node.get("value", 0.0))
    sides = np.asarray(pads).reshape(-1)
    if (
        fill is None
        or fill.size != 1
        or fill.ravel()[0] != 0
        or len(sides) != 2 * IMAGES
        or np.any((sides < 0) | (sides > FARTHEST))
        or sides[[0, 1, 4, 5]].any()
    ):
        return None
    padding = ((int(sides[2]), int(sides[6])), (int(sides[3]), int(sides[7])))
    return made.value(node, _with_zeros(made, node, made.arranged(x, LAST), padding), LAST, x)


def cropped(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return images without their borders, where these are known and the channels are last already."""
    x = _images(given[:1])
    ends = _known(given[1:]) if node.opset > 9 else [np.asarray(node.get(name, ())) for name in ("starts", "ends", "axes")]
    if x is None or x.order != LAST or len(ends) < 2 or any(item is None for item in ends):
        return None
    starts, stops, *rest = (item.ravel().tolist() for item in ends if item is not None)
    axes = rest[0] if rest and rest[0] else list(range(len(starts)))
    if any(step != 1 for step in (rest[1] if len(rest) > 1 else ())) or len({axis % IMAGES for axis in axes}) < len(axes):
        return None
    cuts = [(0, 0)] * IMAGES
    for axis, start, stop in zip(axes, starts, stops, strict=True):
        size = (x.sizes or ())[axis]
        if start == 0 and stop >= ENDLESS:
            continue
        if not isinstance(size, int):
            return None
        first, last, _ = slice(start, stop).indices(size)
        cuts[axis] = first, size - last
        if first >= last:
            return None
    if cuts[0] != (0, 0) or cuts[1] != (0, 0):
        return None
    layer = Cropping2D((cuts[2], cuts[3]), dtype=x.dtype)
    return made.value(node, made.call(node, layer, [made.symbol(x)]), LAST, x)


# --- what they share ---


def _images(given: Sequence[Value | None]) -> Value | None:
    """Return the first input if it is a batch of images in floats that depends on data."""
    x = given[0]
    return x if x is not None and x.axes == IMAGES and x.dtype in FLOATS and x.constant is None else None


def _weighted(given: Sequence[Value | None]) -> tuple[Value | None, Array | None, Array | None]:
    """Return images, and filters and bias where these are known; None for images if anything else is the case."""
    _, w, *rest = *_known(given), None
    b = rest[0] if len(given) > 2 and given[2] is not None else None
    fits = w is not None and w.ndim == IMAGES and (len(given) < 3 or given[2] is None or (b is not None and b.ndim == 1))
    images = _images(given)
    if (
        not fits
        or images is None
        or w is None
        or any(item is not None and item.dtype != images.dtype for item in (w, b))
        or images.sizes is None
        or not isinstance(images.sizes[1], int)
    ):
        return None, None, None
    return images, w, b


def _known(given: Sequence[Value | None]) -> list[Array | None]:
    return [None if value is None else value.numbers for value in given]


def _sides(node: Node) -> Sides:
    top, left, bottom, right = node.get("pads", (0, 0, 0, 0))
    return (top, bottom), (left, right)


def _padding(node: Node, x: Value, kernel: Sequence[int], *, up: bool = False) -> Any:
    """Return a layer's padding; None where it depends on sizes that are not known. `up` rounds the number of windows up."""
    auto = node.get("auto_pad", "NOTSET")
    if len(kernel) != IMAGES - 2:
        return None
    if auto == "SAME_UPPER":
        return "same"
    padding: Any = "valid" if auto == "VALID" or _sides(node) == NONE else _sides(node)
    if auto != "SAME_LOWER" and not up:
        return "same" if padding != "valid" and padding == _same(node, kernel) else padding
    sides = []
    for i, size in enumerate(x.sizes[2:] if x.sizes else ()):
        if not isinstance(size, int):
            return None
        stride, dilation = node.get("strides", (1, 1))[i], node.get("dilations", (1, 1))[i]
        if auto == "SAME_LOWER":
            before, after = Axis.padded_by("same", size, kernel[i], stride=stride, dilation=dilation).pad
            sides.append((after, before))
        else:
            pads: Padding = "valid" if padding == "valid" else padding[i]
            sides.append(Axis.padded_by(pads, size, kernel[i], stride=stride, dilation=dilation).rounded_up().pad)
    return "valid" if tuple(sides) == NONE else tuple(sides)


def _same(node: Node, kernel: Sequence[int]) -> Sides | None:
    """Return the padding that "same" means for images of any size; None where it depends on the size."""
    if set(node.get("strides", ())) - {1}:
        return None
    dilations = node.get("dilations", (1, 1))
    above, left = (Axis.padded_by("same", 1, cells, dilation=apart).pad for cells, apart in zip(kernel, dilations, strict=True))
    return above, left


def _narrow(padding: Any, node: Node) -> bool:
    """Return whether every window holds a cell of the image, as the layers demand."""
    if isinstance(padding, str):
        return True
    return all(max(side) < size for side, size in zip(padding, node.get("kernel_shape"), strict=True))


def _far(padding: Any) -> bool:
    """Return whether padding is so wide that it alone could take all memory: the operator measures before it pads."""
    return not isinstance(padding, str) and max(map(max, padding)) > FARTHEST


def _with_zeros(made: Importing, node: Node, symbol: Symbol, padding: Any) -> Symbol:
    around = Node("Pad", node.opset, f"{node.name}_pad" if node.kind != "Pad" else node.name)
    return made.call(around, ZeroPadding2D(padding), [symbol])


LOWERINGS = {
    "AveragePool": average_pool,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "GlobalAveragePool": global_pool,
    "GlobalMaxPool": global_pool,
    "MaxPool": max_pool,
    "Pad": pad,
    "Slice": cropped,
}
