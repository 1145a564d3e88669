"""Operators that move numbers or give them other axes, as layers or as nothing at all.

One rule: a transposition only changes the order in which axes are read; a reshape moves numbers where it must, and only then.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from convstep.interop.onnx.importing import FLOATS, Importing
from convstep.interop.onnx.lowering.any_order import axes_of
from convstep.interop.onnx.operator import Operator
from convstep.interop.onnx.reading import Sizes
from convstep.interop.onnx.records import Node
from convstep.interop.onnx.values import IMAGES, Value, channels_last
from convstep.layers import Flatten, GlobalAveragePooling2D, GlobalMaxPooling2D, Layer, Reshape, UpSampling2D

LARGEST = 64  # factor
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
    return _reshaped(made, node, x, _without_blank(x.sizes, wanted, f"{node.outputs[0]}[?]"))


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


def _without_blank(sizes: Sizes, wanted: Sequence[int | str], name: str) -> Sizes:
    """Return sizes with the -1 among them worked out; `name` is for a length that cannot be."""
    if -1 not in wanted:
        return tuple(wanted)
    have, want = list(sizes), [size for size in wanted if size != -1]
    for size in [size for size in want if isinstance(size, str) and size in have]:
        have.remove(size)
        want.remove(size)
    texts = [size for size in have if isinstance(size, str)]
    top, bottom = math.prod(_ints(have)), math.prod(_ints(want))
    left: int | str = name
    if not any(isinstance(size, str) for size in want):
        if not texts and bottom:
            left = top // bottom
        elif len(texts) == 1 and top == bottom:
            left = texts[0]
    return tuple(left if size == -1 else size for size in wanted)


def _ints(sizes: Sequence[int | str]) -> list[int]:
    return [size for size in sizes if isinstance(size, int)]


def _reshaped(made: Importing, node: Node, x: Value, wanted: Sizes) -> Value | None:
    if not wanted or not x.sizes or wanted[0] != x.sizes[0] or x.order[0] != 0 or x.constant is not None:
        return None
    groups = _groups(x.sizes[1:], wanted[1:])
    if groups is None:
        return None
    order: list[int] = [0]  # axes of the tensor, those of one group side by side
    result: list[int] = [0]
    for axis in x.order[1:]:
        group = next((group for group in groups if axis - 1 in group[0]), ([axis - 1], []))
        if axis not in order:
            order += [item + 1 for item in group[0]]
            result += [item + 1 for item in group[1]]
    result += [axis for axis in range(len(wanted)) if axis not in result]  # new axes of length 1, which belong to no group
    if tuple(order) != x.order and tuple(result) != channels_last(IMAGES):  # numbers move in any case, and no image comes of it
        order, result = list(range(x.axes)), list(range(len(wanted)))
    target = [wanted[axis] for axis in result]
    layer = _layer(target, [x.sizes[axis] for axis in order], node)
    if layer is None:
        return None
    layer.dtype = x.dtype if x.dtype in FLOATS else layer.dtype
    symbol = made.call(node, layer, [made.arranged(x, tuple(order))])
    sizes = tuple(wanted)
    return Value(sizes, x.dtype, symbol, tuple(result))


def _layer(target: Sequence[int | str], have: Sequence[int | str], node: Node) -> Layer | None:
    """Return what gives an array these lengths: lengths that are not known may be one, or stay where they are."""
    open_ = [i for i, size in enumerate(target) if i and isinstance(size, str)]
    if len(open_) <= 1 and len(target) > 1:
        sizes = tuple(size if isinstance(size, int) else -1 for size in target[1:])
        flat = len(target) == 2 and len(have) > 1 and all(isinstance(size, int) for size in have[1:])
        return Flatten() if flat else Reshape(sizes)
    if any(i >= len(have) or have[i] != target[i] for i in open_) or 0 in target or len(target) < 2:
        return None
    shape = np.asarray([0 if i == 0 or i in open_ else size for i, size in enumerate(target)], np.int64)
    plain = Node("Reshape", max(node.opset, 5), node.name, ("x", "shape"), node.outputs)
    return Operator(plain, {1: shape}, output_shape=tuple(size if isinstance(size, int) and i else None for i, size in enumerate(target)))


def _groups(old: Sizes, new: Sizes) -> list[tuple[list[int], list[int]]] | None:
    """Return which axes become which: the shortest runs of old and new ones with the same number of entries."""
    if any(isinstance(size, str) for size in (*old, *new)):
        return _groups_around(old, new)
    if math.prod(_ints(old)) != math.prod(_ints(new)) or 0 in old:
        return None
    return _runs(_ints(old), _ints(new))


def _groups_around(old: Sizes, new: Sizes) -> list[tuple[list[int], list[int]]] | None:
    """Return the same where lengths are not known: those that stay, from both ends, and all that is between."""
    first, last = 0, 0
    while first < min(len(old), len(new)) and old[first] == new[first]:
        first += 1
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    middle_old, middle_new = old[first : len(old) - last], new[first : len(new) - last]
    if 0 in old:
        return None
    same = [([i], [i]) for i in range(first)] + [([len(old) - 1 - i], [len(new) - 1 - i]) for i in reversed(range(last))]
    if all(isinstance(size, int) for size in (*middle_old, *middle_new)):
        if math.prod(_ints(middle_old)) != math.prod(_ints(middle_new)):
            return None
        between = [([i + first for i in left], [j + first for j in right]) for left, right in _runs(_ints(middle_old), _ints(middle_new))]
    else:
        between = [(list(range(first, len(old) - last)), list(range(first, len(new) - last)))]
    return same[:first] + between + same[first:]


def _runs(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]]:
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
    if (
        any(abs(factor - scale) > 0 for factor, scale in zip(factors, scales, strict=True))
        or factors[:2] != [1, 1]
        or not 1 <= min(factors) <= max(factors) <= LARGEST
    ):
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
