"""Operators that no layer stands for, on arrays as they lie: the axes that they name are found there, and nothing is transposed.

One rule: each function returns None for an array that lies as in the file, since the operator itself then does the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from convstep.checks import Array
from convstep.interop.onnx.importing import Importing
from convstep.interop.onnx.operator import Operator
from convstep.interop.onnx.reading import Sizes
from convstep.interop.onnx.records import Node
from convstep.interop.onnx.values import IMAGES, Order, Value, channels_last, unknown
from convstep.layers import Symbol

COMPARING = ("And", "Equal", "Greater", "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "Not", "Or", "Xor")
ALIKE = (
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Celu", "Clip", "Cos", "Cosh", "Elu", "Erf", "Exp", "Floor", "Gelu",
    "HardSigmoid", "HardSwish", "IsInf", "IsNaN", "LeakyRelu", "Log", "Mish", "Neg", "Not", "Reciprocal", "Relu", "Round", "Selu",
    "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu",
)  # fmt: skip
TOGETHER = ("And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Mod", "Or", "Pow", "PRelu", "Where", "Xor")
REDUCING = ("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare")  # fmt: skip  # noqa: E501


def common_order(values: Sequence[Value]) -> Order:
    """Return the order that most can be done in: that of images, with channels last, else the file's, if one of the values has it."""
    orders = [value.order for value in values]
    for wanted in (channels_last(IMAGES), tuple(range(values[0].axes))):
        if wanted in orders:
            return wanted
    return orders[0]


# --- entry by entry ---


def one_by_one(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return what an operator makes of every number by itself; what else it takes is known, and one number."""
    x, *others = given
    if x is None or x.constant is not None or x.sizes is None:
        return None
    if any(value is not None and (value.numbers is None or value.numbers.size != 1) for value in others):
        return None
    dtype = _type(made, node, x)
    if dtype is None:
        return None
    return Value(x.sizes, dtype, _called(made, node, x, [None if value is None else value.numbers for value in others]), x.order)


def together(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return what an operator makes of several arrays, entry by entry, once they have their axes in one order."""
    values = [value for value in given if value is not None]
    moving = [value for value in values if value.constant is None]
    if len(values) < len(given) or not moving or any(value.sizes is None for value in values):
        return None
    if any(value.numbers is None for value in values if value.constant is not None):
        return None
    most = max(value.axes for value in values)
    full = [value for value in moving if value.axes == most]
    order = common_order(full) if full else ()
    if not full or (any(value.axes < most for value in moving) and order != tuple(range(most))):
        return None
    sizes, dtype = spread([value.sizes or () for value in values], node.outputs[0]), _type(made, node, values[-1])
    if sizes is None or dtype is None:
        return None
    symbols = [made.arranged(value, order if value.axes == most else tuple(range(value.axes))) for value in moving]
    known = {i: _lying(value.numbers, order) for i, value in enumerate(values) if value.numbers is not None}
    layer = Operator(node, known, output_shape=lying_shape(sizes, order))
    return Value(sizes, dtype, made.call(node, layer, symbols), order)


def spread(shapes: Sequence[Sizes], name: str) -> Sizes | None:
    """Return the lengths that arrays are repeated to, those of the value `name`; None if they do not fit."""
    most = max(map(len, shapes))
    rows = [(1,) * (most - len(shape)) + tuple(shape) for shape in shapes]
    sizes: list[int | str] = []
    for axis, column in enumerate(zip(*rows, strict=True)):
        long = {size for size in column if size != 1}
        numbers = [size for size in long if isinstance(size, int)]
        if len(numbers) > 1:
            return None  # the operator says what does not fit
        sizes.append(numbers[0] if numbers else f"{name}[{axis}]" if len(long) > 1 else long.pop() if long else 1)
    return tuple(sizes)


def lying_shape(sizes: Sizes, order: Order) -> tuple[int | None, ...]:
    """Return sizes in an order, as layers have them."""
    return tuple(size or None for size in unknown(tuple(sizes[axis] for axis in order)))


def _lying(array: Array, order: Order) -> Array:
    """Return a constant with its axes in an order."""
    return array if order == tuple(range(len(order))) else array.reshape((1,) * (len(order) - array.ndim) + array.shape).transpose(order)


def _type(made: Importing, node: Node, like: Value) -> np.dtype[Any] | None:
    told = made.told(node.outputs[0])[1]
    if told.kind != "O":
        return told
    return np.dtype(np.bool_) if node.kind in COMPARING else None if node.kind == "Cast" else like.dtype


# --- along axes ---


def reduced(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return a reduction that keeps its axes."""
    x, axes = given[0], axes_of(node, given)
    if x is None or _lies(x) or not axes or not node.get("keepdims", 1) or not _within(axes, x):
        return None
    places = sorted(x.place(axis) for axis in axes)
    sizes = tuple(1 if axis in {item % x.axes for item in axes} else size for axis, size in enumerate(x.sizes or ()))
    changed = replace(node, attributes={**node.attributes, "axes": tuple(places)}) if len(given) == 1 else node
    return Value(sizes, x.dtype, _called(made, changed, x, [np.asarray(places, np.int64)][: len(given) - 1], sizes=sizes), x.order)


def along_one(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return what an operator does along one axis that it keeps, such as a sum of what came before."""
    x = given[0]
    if x is None or _lies(x) or not _within([node.get("axis", -1)], x) or node.opset < PLAIN_AXES:
        return None
    changed = replace(node, attributes={**node.attributes, "axis": x.place(node.get("axis", -1))})
    return Value(x.sizes, x.dtype, _called(made, changed, x, []), x.order)


def sliced(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return a part of the array."""
    x, told = given[0], made.told(node.outputs[0])[0]
    known = [None if value is None else value.numbers for value in given[1:]]
    if x is None or _lies(x) or any(value is not None and value.numbers is None for value in given[1:]):
        return None
    starts = known[0] if known else np.asarray(node.get("starts", ()))
    axes = known[2] if len(known) > 2 else np.asarray(node.get("axes", ())) if "axes" in node.attributes else None
    axes = np.arange(len(starts if starts is not None else ())) if axes is None else axes
    if told is None or len(told) != x.axes or not _within(axes.ravel().tolist(), x):
        return None
    places = np.asarray([x.place(int(axis)) for axis in axes.ravel()], np.int64)
    if not known:
        changed = replace(node, attributes={**node.attributes, "axes": tuple(places.tolist())})
        return Value(told, x.dtype, _called(made, changed, x, [], sizes=told), x.order)
    changed = replace(node, inputs=(*node.inputs[:3], "axes", *node.inputs[4:]))
    return Value(told, x.dtype, _called(made, changed, x, [known[0], known[1], places, *known[3:]], sizes=told), x.order)


def axes_of(node: Node, given: Sequence[Value | None]) -> list[int] | None:
    """Return the axes that an operator is about, from its attribute or its second input: [] for none said, None for not known."""
    if len(given) > 1 and given[1] is not None:
        return None if given[1].numbers is None else [int(axis) for axis in given[1].numbers.ravel()]
    return [int(axis) for axis in node.get("axes", ())]


def padded(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return the array with more around it."""
    x, told = given[0], made.told(node.outputs[0])[0]
    if x is None or _lies(x) or told is None or len(told) != x.axes or len(given) > 3:
        return None
    if any(value is not None and value.numbers is None for value in given[1:]):
        return None
    known = [None if value is None else value.numbers for value in given[1:]]
    sides = np.asarray(node.get("pads", ())) if not known else known[0]
    if sides is None or sides.size != 2 * x.axes:
        return None
    placed = sides.reshape(2, x.axes)[:, list(x.order)].ravel()
    if not known:
        changed = replace(node, attributes={**node.attributes, "pads": tuple(placed.tolist())})
        return Value(told, x.dtype, _called(made, changed, x, [], sizes=told), x.order)
    return Value(told, x.dtype, _called(made, node, x, [placed, *known[1:]], sizes=told), x.order)


def resized(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return an image of another size; the sizes may be computed when data come."""
    x, told = given[0], made.told(node.outputs[0])[0]
    if x is None or _lies(x) or told is None or len(told) != x.axes or node.get("axes") or len(given) > 4:
        return None
    if node.get("coordinate_transformation_mode") == "tf_crop_and_resize" or "keep_aspect_ratio_policy" in node.attributes:
        return None
    known: dict[int, Array] = {}
    symbols = [made.symbol(x)]
    for i, value in enumerate(given[1:], 1):
        if value is None or (value.numbers is not None and not value.numbers.size):
            continue
        if value.numbers is None:
            symbols.append(_gathered(made, node, value, x.order))
        elif value.numbers.size == x.axes:
            known[i] = value.numbers.ravel()[list(x.order)]
        elif i != 1 or len(given) == 2:
            return None
    absent = [i for i in range(1, len(given)) if i not in known and (given[i] is None or given[i].numbers is not None)]  # type: ignore[union-attr]
    changed = node
    if node.kind == "Upsample" and "scales" in node.attributes:
        scales = node.get("scales")
        changed = replace(node, attributes={**node.attributes, "scales": tuple(scales[axis] for axis in x.order)})
    layer = Operator(changed, known, absent, output_shape=lying_shape(told, x.order))
    return Value(told, x.dtype, made.call(node, layer, symbols), x.order)


def split(made: Importing, node: Node, given: Sequence[Value | None]) -> list[Value] | None:
    """Return the parts of an array along one axis."""
    x, told = given[0], [made.told(name)[0] for name in node.outputs]
    if x is None or _lies(x) or not _within([node.get("axis", 0)], x) or any(value is None or value.numbers is None for value in given[1:]):
        return None
    sizes = [item for item in told if item is not None and len(item) == x.axes]
    if len(sizes) < len(told) or len(sizes) < 2:
        return None
    changed = replace(node, attributes={**node.attributes, "axis": x.place(node.get("axis", 0))})
    known = {i: value.numbers for i, value in enumerate(given) if i and value is not None and value.numbers is not None}
    shapes = [lying_shape(item, x.order) for item in sizes]
    parts = made.parts(changed, Operator(changed, known, output_shape=shapes[0], several_outputs=True), [made.symbol(x)], shapes)
    return [Value(item, x.dtype, part, x.order) for item, part in zip(sizes, parts, strict=True)]


def squeezed(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return the array without axes of length 1."""
    x, axes = given[0], axes_of(node, given)
    if x is None or _lies(x) or not axes or not _within(axes, x):
        return None
    gone = {axis % x.axes for axis in axes}
    kept = [axis for axis in range(x.axes) if axis not in gone]
    order = tuple(kept.index(axis) for axis in x.order if axis not in gone)
    sizes = tuple((x.sizes or ())[axis] for axis in kept)
    places = [x.place(axis) for axis in sorted(gone)]
    changed = replace(node, attributes={"axes": tuple(places)} if len(given) == 1 else {})
    known = {} if len(given) == 1 else {1: np.asarray(places, np.int64)}
    layer = Operator(changed, known, output_shape=lying_shape(sizes, order))
    return Value(sizes, x.dtype, made.call(node, layer, [made.symbol(x)]), order)


def shape(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return the lengths of an array's axes, in the order of the file."""
    x = given[0]
    if x is None or _lies(x):
        return None
    places = [x.place(axis) for axis in range(x.axes)][node.get("start", 0) : node.get("end")]
    lying = made.call(node, Operator(replace(node, attributes={}), {}, output_shape=(x.axes,)), [made.symbol(x)])
    value = Value((x.axes,), np.dtype(np.int64), lying, (0,))
    return Value((len(places),), np.dtype(np.int64), _gathered(made, node, value, places), (0,))


# --- what they share ---


def _lies(x: Value) -> bool:
    """Return whether an array has its axes as in the file, or is none that depends on data."""
    return x.constant is not None or x.sizes is None or x.plain


def _within(axes: Sequence[int], x: Value) -> bool:
    return all(-x.axes <= axis < x.axes for axis in axes)


def _called(made: Importing, node: Node, x: Value, others: Sequence[Array | None], *, sizes: Sizes | None = None) -> Symbol:
    """Return the call of an operator on an array as it lies; `others` are its other inputs."""
    known = {i: array for i, array in enumerate(others, 1) if array is not None}
    absent = [i for i, array in enumerate(others, 1) if array is None]
    shape = lying_shape(x.sizes or () if sizes is None else sizes, x.order)
    return made.call(node, Operator(node, known, absent, output_shape=shape), [made.symbol(x)])


def _gathered(made: Importing, node: Node, value: Value, order: Sequence[int]) -> Symbol:
    """Return numbers, one for each axis, in an order of axes."""
    gather = Node("Gather", PLAIN_AXES, f"{node.name}_in_order", ("x", "places"), ("y",), {"axis": 0})
    layer = Operator(gather, {1: np.asarray(order, np.int64)}, output_shape=(len(order),))
    return made.call(gather, layer, [made.symbol(value)])


PLAIN_AXES = 13  # the opset from which softmax goes along one axis
LOWERINGS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(ALIKE, one_by_one),
    **dict.fromkeys(("Cast",), one_by_one),
    **dict.fromkeys(TOGETHER, together),
    **dict.fromkeys(("Add", "Max", "Mean", "Min", "Mul", "Sub", "Sum"), together),
    **dict.fromkeys(REDUCING, reduced),
    **dict.fromkeys(("LogSoftmax", "Softmax", "Hardmax"), along_one),
    **dict.fromkeys(("Resize", "Upsample"), resized),
    "Pad": padded,
    "Shape": shape,
    "Slice": sliced,
    "Split": split,
    "Squeeze": squeezed,
}
