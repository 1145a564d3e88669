"""Operators that move numbers or give them other axes, as layers or as nothing at all.

One rule: a transposition only changes the order in which axes are read; a reshape moves numbers where it must, and only then.
"""

import math
from collections.abc import Callable, Sequence

from convstep.interop.onnx.importing import FLOATS, Importing
from convstep.interop.onnx.lowering.any_order import axes_of
from convstep.interop.onnx.reading import Sizes
from convstep.interop.onnx.records import Node
from convstep.interop.onnx.values import Value, channels_last
from convstep.layers import Flatten, GlobalAveragePooling2D, GlobalMaxPooling2D, Layer, Reshape, UpSampling2D

IMAGES = 4  # axes
GLOBAL = {"ReduceMean": GlobalAveragePooling2D, "ReduceMax": GlobalMaxPooling2D}


def transpose(_made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return the same array, read in another order."""
    x = given[0]
    if x is None or x.axes < 1 or x.constant is not None or x.sizes is None:
        return None
    perm = node.get("perm", tuple(reversed(range(x.axes))))
    if sorted(perm) != list(range(x.axes)):
        return None
    return Value(tuple(x.sizes[axis] for axis in perm), x.dtype, x.symbol, tuple(perm.index(axis) for axis in x.order))


# --- other axes ---


def reshape(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return the same numbers under other axes, if the batch stays the batch."""
    x, shape = given
    if x is None or shape is None or shape.constant is None or x.sizes is None or x.constant is not None:
        return None
    wanted = [size if isinstance(size, str) else int(size) for size in shape.constant.ravel().tolist()]
    if not node.get("allowzero", 0):
        wanted = [x.sizes[i] if size == 0 and i < x.axes else size for i, size in enumerate(wanted)]
    return _reshaped(made, node, x, _without_blank(x.sizes, wanted))


def flatten(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return one row of each example."""
    x = given[0]
    if x is None or x.sizes is None or x.axes < 1 or node.get("axis", 1) % max(x.axes, 1) != 1:
        return None
    if any(not isinstance(size, int) for size in x.sizes[1:]):
        if x.constant is not None or x.dtype not in FLOATS:
            return None
        symbol = made.call(node, Flatten(dtype=x.dtype), [made.arranged(x, tuple(range(x.axes)))])
        return made.value(node, symbol, (0, 1), x)
    return _reshaped(made, node, x, (x.sizes[0], math.prod(size for size in x.sizes[1:] if isinstance(size, int))))


def squeeze(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return the same numbers without axes of length 1."""
    x, axes = given[0], axes_of(node, given)
    if x is None or x.sizes is None or axes is None:
        return None
    gone = {axis % max(x.axes, 1) for axis in axes} if axes else {axis for axis, size in enumerate(x.sizes) if size == 1}
    if any(x.sizes[axis] != 1 for axis in gone) or 0 in gone:
        return None
    return _reshaped(made, node, x, tuple(size for axis, size in enumerate(x.sizes) if axis not in gone))


def unsqueeze(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return the same numbers with more axes of length 1."""
    x, axes = given[0], axes_of(node, given)
    if x is None or x.sizes is None or not axes:
        return None
    count = x.axes + len(axes)
    new = {axis % count for axis in axes}
    if 0 in new or len(new) < len(axes) or any(not -count <= axis < count for axis in axes):
        return None
    old = iter(x.sizes)
    return _reshaped(made, node, x, tuple(1 if axis in new else next(old) for axis in range(count)))


def _without_blank(sizes: Sizes, wanted: Sequence[int | str]) -> Sizes | None:
    """Return sizes with the -1 among them worked out; lengths that are not known must stand on both sides."""
    if -1 not in wanted:
        return tuple(wanted)
    have, want = list(sizes), [size for size in wanted if size != -1]
    for size in [size for size in want if isinstance(size, str)]:
        if size not in have:
            return None
        have.remove(size)
        want.remove(size)
    if any(isinstance(size, str) for size in have):
        texts = [size for size in have if isinstance(size, str)]
        left: int | str | None = texts[0] if len(texts) == 1 and math.prod(_ints(have)) == math.prod(_ints(want)) else None
    else:
        left = math.prod(_ints(have)) // math.prod(_ints(want)) if math.prod(_ints(want)) else None
    return None if left is None else tuple(left if size == -1 else size for size in wanted)


def _ints(sizes: Sequence[int | str]) -> list[int]:
    return [size for size in sizes if isinstance(size, int)]


def _reshaped(made: Importing, node: Node, x: Value, wanted: Sizes | None) -> Value | None:
    if wanted is None or not wanted or x.sizes is None or not x.sizes or wanted[0] != x.sizes[0] or x.order[0] != 0:
        return None
    if x.constant is not None or any(not isinstance(size, int) for size in [*x.sizes[1:], *wanted[1:]]):
        return None
    groups = _groups([int(size) for size in x.sizes[1:]], [int(size) for size in wanted[1:]])
    if groups is None:
        return None
    order: list[int] = [0]  # axes of the tensor, those of one group side by side
    result: list[int] = [0]
    for axis in x.order[1:]:
        group = next((group for group in groups if axis - 1 in group[0]), ([axis - 1], []))
        if axis not in order:
            order += [item + 1 for item in group[0]]
            result += [item + 1 for item in group[1]]
    missing = [axis for axis in range(len(wanted)) if axis not in result]  # new axes of length 1, which belong to no group
    result += missing
    symbol = made.arranged(x, tuple(order))
    sizes = tuple(int(wanted[axis]) for axis in result[1:])
    layer: Layer = Flatten() if len(result) == 2 and len(order) > 1 else Reshape(sizes)
    layer.dtype = x.dtype
    return made.value(node, made.call(node, layer, [symbol]), tuple(result), x)


def _groups(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]] | None:
    """Return which axes become which: the shortest runs of old and new ones with the same number of entries."""
    if math.prod(old) != math.prod(new) or 0 in old:
        return None
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        left, right = [i] if i < len(old) else [], [j] if j < len(new) else []
        have, want = math.prod(old[i : i + 1]), math.prod(new[j : j + 1])
        i, j = i + len(left), j + len(right)
        while have != want:
            if have < want:
                have, left, i = have * old[i], [*left, i], i + 1
            else:
                want, right, j = want * new[j], [*right, j], j + 1
        groups.append((left, right))
    return groups


# --- whole channels ---


def whole_channels(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return means or largest numbers of whole channels."""
    x, axes = given[0], axes_of(node, given)
    if x is None or x.constant is not None or not axes or x.axes != IMAGES or x.dtype not in FLOATS:
        return None
    if sorted(axis % IMAGES if -IMAGES <= axis < IMAGES else axis for axis in axes) != [2, 3]:
        return None
    order, keep = channels_last(IMAGES), bool(node.get("keepdims", 1))
    symbol = made.call(node, GLOBAL[node.kind](keepdims=keep, dtype=x.dtype), [made.arranged(x, order)])
    return made.value(node, symbol, order if keep else (0, 1), x)


# --- larger images ---


def resized(made: Importing, node: Node, given: Sequence[Value | None]) -> Value | None:
    """Return images made larger by whole factors, where our layer puts every new pixel where ONNX puts it."""
    x, scales = given[0], _scales(node, given)
    if x is None or x.constant is not None or x.axes != IMAGES or x.dtype not in FLOATS or scales is None or len(scales) != IMAGES:
        return None
    factors = [round(scale) for scale in scales]
    if any(abs(factor - scale) > 0 for factor, scale in zip(factors, scales, strict=True)) or factors[:2] != [1, 1] or min(factors) < 1:
        return None
    mode = node.get("mode", "nearest")
    where = node.get("coordinate_transformation_mode", "half_pixel" if node.kind == "Resize" and node.opset > 10 else "asymmetric")
    rounding = node.get("nearest_mode", "round_prefer_floor" if node.kind == "Resize" and node.opset > 10 else "floor")
    halves = where in {"half_pixel", "pytorch_half_pixel"} and min(factors[2:]) > 0
    whole = (where == "asymmetric" and rounding == "floor") or (halves and rounding in {"round_prefer_floor", "round_prefer_ceil"})
    if not (mode == "nearest" and whole) and not (mode == "linear" and where == "half_pixel" and node.kind == "Resize"):
        return None
    layer = UpSampling2D(tuple(factors[2:]), interpolation="nearest" if mode == "nearest" else "bilinear")
    order = channels_last(IMAGES)
    return made.value(node, made.call(node, layer, [made.arranged(x, order)]), order, x)


def _scales(node: Node, given: Sequence[Value | None]) -> list[float] | None:
    if node.kind == "Upsample" and node.opset < 9:
        return [float(scale) for scale in node.get("scales", ())]
    place = 2 if node.kind == "Resize" and node.opset > 10 else 1
    said = given[place] if len(given) > place else None
    x = given[0]
    if said is not None and said.numbers is not None and said.numbers.size:
        return [float(scale) for scale in said.numbers.ravel()]
    sizes = given[3] if len(given) > 3 else None
    if sizes is None or sizes.numbers is None or x is None or x.sizes is None or "keep_aspect_ratio_policy" in node.attributes:
        return None
    pairs = list(zip(sizes.numbers.ravel().tolist(), x.sizes, strict=False))
    if len(pairs) != IMAGES or any(not isinstance(have, int) or not have for _, have in pairs[2:]) or node.get("axes"):
        return None
    return [1.0, 1.0, *(want / have for want, have in pairs[2:] if isinstance(have, int))]


LOWERINGS: dict[str, Callable[..., Value | None]] = {
    **dict.fromkeys(GLOBAL, whole_channels),
    "Flatten": flatten,
    "Reshape": reshape,
    "Resize": resized,
    "Squeeze": squeeze,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
    "Upsample": resized,
}
