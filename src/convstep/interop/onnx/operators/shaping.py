"""The same values in another shape or order. One rule: a value is moved, never changed."""

import math
from itertools import pairwise

import numpy as np

from convstep.checks import Array, shown
from convstep.interop.onnx.operators.operator import Operator
from convstep.interop.onnx.operators.reading import Unfit, axes_of, axis_of, flag, listed, room, together, whole, wholes, word
from convstep.interop.onnx.records import Node


def reshape(node: Node, x: Array, shape: Array) -> Array:
    """Give x another shape: -1 is what fits, 0 what x has there, unless `allowzero`."""
    wanted, zero = listed(shape, "shape"), flag(node, "allowzero")
    if any(size < -1 for size in wanted) or wanted.count(-1) > 1 or (zero and -1 in wanted and 0 in wanted):
        raise Unfit(f"a shape of {shown(wanted)} is no shape")
    if not zero:
        if any(size == 0 and at >= x.ndim for at, size in enumerate(wanted)):
            raise Unfit(f"a shape of {shown(wanted)} copies axes that an input of shape {x.shape} does not have")
        wanted = [x.shape[at] if size == 0 else size for at, size in enumerate(wanted)]
    known = math.prod(size for size in wanted if size != -1)
    if x.size != known and (-1 not in wanted or not known or x.size % known):
        raise Unfit(f"{x.size} values do not have the shape {shown(wanted)}")
    return x.reshape([(x.size // known if known else 0) if size == -1 else size for size in wanted])


def flatten(node: Node, x: Array) -> Array:
    """Make two axes of all: those before an axis, and the others."""
    axis = whole(node, "axis", 1)
    if not -x.ndim <= axis <= x.ndim:
        raise Unfit(f"axis must lie in -{x.ndim} to {x.ndim}, not {axis}")
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


def transpose(node: Node, x: Array) -> Array:
    """Put the axes into another order."""
    order = wholes(node, "perm", tuple(reversed(range(x.ndim))))
    if sorted(order) != list(range(x.ndim)):
        raise Unfit(f"perm must be the axes 0 to {x.ndim - 1} in some order, not {shown(order)}")
    return x.transpose(order)


def squeeze(node: Node, x: Array, axes: Array | None = None) -> Array:
    """Take away axes of length 1: those named, or all."""
    named = node.get("axes") if axes is None else listed(axes, "axes")
    if named is None:
        gone = tuple(axis for axis, size in enumerate(x.shape) if size == 1)
    else:
        gone = axes_of(wholes(node, "axes") if axes is None else named, x.ndim)
    for axis in gone:
        if x.shape[axis] != 1:
            raise Unfit(f"axis {axis} is {x.shape[axis]} long, not 1")
    return x.squeeze(gone)


def unsqueeze(node: Node, x: Array, axes: Array | None = None) -> Array:
    """Add axes of length 1, which are counted in the result."""
    named = wholes(node, "axes") if axes is None else listed(axes, "axes")
    if len(named) > 32:
        raise Unfit(f"{len(named)} more axes are too many")
    return np.expand_dims(x, axes_of(named, x.ndim + len(named)))


def concat(node: Node, *arrays: Array) -> Array:
    """Lay arrays one behind the other along an axis."""
    first = arrays[0]
    axis = axis_of(whole(node, "axis"), first.ndim)
    for x in arrays:
        if x.ndim != first.ndim or any(a != b for at, (a, b) in enumerate(zip(x.shape, first.shape, strict=True)) if at != axis):
            raise Unfit(f"arrays of shape {first.shape} and {x.shape} do not fit behind each other along axis {axis}")
    room((*first.shape[:axis], sum(x.shape[axis] for x in arrays), *first.shape[axis + 1 :]), first.dtype)
    return np.concatenate(arrays, axis)


def split(node: Node, x: Array, lengths: Array | None = None) -> list[Array]:
    """Cut x along an axis: into pieces of given lengths, or as many as are asked for."""
    axis = axis_of(whole(node, "axis", 0), x.ndim)
    size = x.shape[axis]
    named = listed(lengths, "split") if lengths is not None else wholes(node, "split") if "split" in node.attributes else None
    if named is None:
        named = _equal(node, size)
    if any(length < 0 for length in named) or sum(named) != size:
        raise Unfit(f"pieces of {shown(list(named))} do not make the {size} of axis {axis}")
    if node.outputs and len(named) != len(node.outputs):
        raise Unfit(f"it makes {len(named)} pieces, but {len(node.outputs)} are asked for")
    ends = np.cumsum([0, *named]).tolist()
    return [x[(slice(None),) * axis + (slice(start, end),)] for start, end in pairwise(ends)]


def _equal(node: Node, size: int) -> list[int]:
    """Return lengths of equal pieces, of which the last may be shorter where the node says how many there are."""
    asked = "num_outputs" in node.attributes
    count = whole(node, "num_outputs", least=1) if asked else len(node.outputs)
    if count < 1 or (asked and node.outputs and count != len(node.outputs)):
        raise Unfit(f"num_outputs is {count}, but {len(node.outputs)} results are asked for")
    if count > max(size, 1) or (not asked and size % count):
        raise Unfit(f"an axis of {size} does not fall into {count} equal pieces")
    length = -(-size // count)
    return [min(length, max(size - at * length, 0)) for at in range(count)]


def expand(_node: Node, x: Array, shape: Array) -> Array:
    """Repeat axes of length 1 so that x has the shape that it and another one broadcast to."""
    wanted = listed(shape, "shape")
    if any(size < 0 for size in wanted):
        raise Unfit(f"a shape of {shown(wanted)} is no shape")
    return np.broadcast_to(x, room(together(x.shape, wanted), x.dtype))


def tile(_node: Node, x: Array, repeats: Array) -> Array:
    """Repeat x along its axes."""
    times = listed(repeats, "repeats", x.ndim)
    if any(count < 0 for count in times):
        raise Unfit(f"repeats must be at least 0, not {min(times)}")
    room([size * count for size, count in zip(x.shape, times, strict=True)], x.dtype)
    return np.tile(x, times)


def depth_to_space(node: Node, x: Array) -> Array:
    """Make blocks of pixels of channels; DCR has the channels of a block outermost, CRD innermost."""
    block = whole(node, "blocksize", least=1)
    if x.ndim != 4 or x.shape[1] % (block * block):
        raise Unfit(f"images of shape {x.shape} do not fall into blocks of {block}")
    n, c, h, w = x.shape
    room(x.shape, x.dtype)
    depth = c // (block * block)
    if word(node, "mode", "DCR", ("DCR", "CRD")) == "DCR":
        cells = x.reshape(n, block, block, depth, h, w).transpose(0, 3, 4, 1, 5, 2)
    else:
        cells = x.reshape(n, depth, block, block, h, w).transpose(0, 1, 4, 2, 5, 3)
    return cells.reshape(n, depth, h * block, w * block)


def space_to_depth(node: Node, x: Array) -> Array:
    """Make channels of blocks of pixels."""
    block = whole(node, "blocksize", least=1)
    if x.ndim != 4 or x.shape[2] % block or x.shape[3] % block:
        raise Unfit(f"images of shape {x.shape} do not fall into blocks of {block}")
    n, c, h, w = x.shape
    outermost = word(node, "mode", "DCR", ("DCR", "CRD")) == "DCR"
    cells = x.reshape(n, c, h // block, block, w // block, block).transpose((0, 3, 5, 1, 2, 4) if outermost else (0, 1, 3, 5, 2, 4))
    return cells.reshape(n, c * block * block, h // block, w // block)


def shape(node: Node, x: Array) -> Array:
    """Return the lengths of the axes, or of a run of them."""
    return np.array(x.shape[whole(node, "start", 0) : whole(node, "end", x.ndim)], np.int64)


def size(_node: Node, x: Array) -> Array:
    """Return how many values there are."""
    return np.array(x.size, np.int64)


def identity(_node: Node, x: Array) -> Array:
    """Return x itself."""
    return x


OPERATORS = [
    Operator("Concat", concat, "A*", "axis", wide=False),
    Operator("DepthToSpace", depth_to_space, "A", "blocksize", wide=False),
    Operator("DepthToSpace", depth_to_space, "A", "blocksize mode", since=11, wide=False),
    Operator("Expand", expand, "A L", since=8, wide=False),
    Operator("Flatten", flatten, "A", "axis", wide=False),
    Operator("Identity", identity, "A", wide=False),
    Operator("Reshape", reshape, "A L", since=5, wide=False),
    Operator("Reshape", reshape, "A L", "allowzero", since=14, wide=False),
    Operator("Shape", shape, "A", wide=False),
    Operator("Shape", shape, "A", "start end", since=15, wide=False),
    Operator("Size", size, "A", wide=False),
    Operator("SpaceToDepth", space_to_depth, "A", "blocksize", wide=False),
    Operator("SpaceToDepth", space_to_depth, "A", "blocksize mode", since=28, wide=False),
    Operator("Split", split, "A", "axis split", since=2, wide=False),
    Operator("Split", split, "A L?", "axis", since=13, wide=False),
    Operator("Split", split, "A L?", "axis num_outputs", since=18, wide=False),
    Operator("Squeeze", squeeze, "A", "axes", wide=False),
    Operator("Squeeze", squeeze, "A L?", since=13, wide=False),
    Operator("Tile", tile, "A L", since=6, wide=False),
    Operator("Transpose", transpose, "A", "perm", wide=False),
    Operator("Unsqueeze", unsqueeze, "A", "axes", wide=False),
    Operator("Unsqueeze", unsqueeze, "A L", since=13, wide=False),
]
