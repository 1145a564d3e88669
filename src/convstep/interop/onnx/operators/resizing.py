"""Images of another size. One rule: every axis is resized by itself, by the cells that each new one is made of and their weights."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from convstep.checks import Array, shown
from convstep.interop.onnx.operators.operator import Operator
from convstep.interop.onnx.operators.reading import Unfit, axes_of, flag, listed, real, room, wholes, word
from convstep.interop.onnx.records import Node

COORDINATES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_crop_and_resize",
    "tf_half_pixel_for_nn",
)
NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
F = np.float32


@dataclass(frozen=True)
class Change:
    """How one axis changes: its size, the new one, how many new cells there are for each, and the part of it that is seen."""

    size: int
    out: int
    scale: float
    seen: tuple[float, float]


def resize(node: Node, *given: Array | None) -> Array:
    """Resize images by scales or to sizes."""
    x, roi, scales, sizes = _inputs(node, given)
    named = axes_of(wholes(node, "axes", tuple(range(x.ndim))), x.ndim)
    seen = [float(value) for value in roi.ravel()] if roi is not None and roi.size else [0.0] * len(named) + [1.0] * len(named)
    crop = node.opset > 10 and word(node, "coordinate_transformation_mode", "half_pixel", COORDINATES) == "tf_crop_and_resize"
    if len(seen) != 2 * len(named):
        raise Unfit(f"roi must be {2 * len(named)} numbers, not {len(seen)}")
    if sizes is not None and sizes.size:
        pairs = _to_sizes(node, [x.shape[axis] for axis in named], listed(sizes, "sizes", len(named)))
    elif scales is not None and scales.size:
        pairs = _by_scales([x.shape[axis] for axis in named], scales, len(named))
    else:
        raise Unfit("it has neither scales nor sizes")
    parts = [(seen[at], seen[at + len(named)]) if crop else (0.0, 1.0) for at in range(len(named))]
    changes = {axis: Change(x.shape[axis], *pairs[at], parts[at]) for at, axis in enumerate(named)}
    room([changes[axis].out if axis in changes else size for axis, size in enumerate(x.shape)], x.dtype)
    return _resized(node, x, changes)


def upsample(node: Node, x: Array, scales: Array | None = None) -> Array:
    """Resize images by scales, from the first cell on."""
    given = np.asarray(node.get("scales", ()), F) if scales is None else scales
    if not given.size:
        raise Unfit("it has no scales")
    if (given < 1).any():
        raise Unfit(f"scales must be at least 1, not {given.min():g}")
    return resize(node, x, given)


def _inputs(node: Node, given: tuple[Array | None, ...]) -> tuple[Array, Array | None, Array | None, Array | None]:
    if node.opset < 11:
        return np.asarray(given[0]), None, given[1], None
    x, roi, scales, sizes = (*given, None, None, None)[:4]
    if scales is not None and scales.size and sizes is not None and sizes.size:
        raise Unfit("it has both scales and sizes")
    return np.asarray(x), roi, scales, sizes


def _to_sizes(node: Node, old: list[int], wanted: list[int]) -> list[tuple[int, float]]:
    """Return the new size and the scale of each axis."""
    if any(size < 0 for size in wanted) or 0 in old:
        raise Unfit(f"axes of {shown(old)} cannot be resized to {shown(wanted)}")
    policy = word(node, "keep_aspect_ratio_policy", "stretch", ("stretch", "not_larger", "not_smaller"))
    shares = [F(new) / F(size) for new, size in zip(wanted, old, strict=True)]
    if policy == "stretch" or not shares:
        return [(new, float(share)) for new, share in zip(wanted, shares, strict=True)]
    share = min(shares) if policy == "not_larger" else max(shares)
    return [(int(np.floor(share * F(size) + F(0.5))), float(share)) for size in old]


def _by_scales(old: list[int], scales: Array, count: int) -> list[tuple[int, float]]:
    if scales.size != count:
        raise Unfit(f"scales must be {count} numbers, not {scales.size}")
    if not np.isfinite(scales).all() or (scales <= 0).any():
        raise Unfit(f"scales must be above 0, not {float(scales.min()):g}")
    return [(int(np.floor(F(size) * F(scale))), float(scale)) for size, scale in zip(old, scales.ravel().tolist(), strict=True)]


def _resized(node: Node, x: Array, changes: dict[int, Change]) -> Array:
    mode = word(node, "mode", "nearest", ("nearest", "linear", "cubic") if node.opset > 10 else ("nearest", "linear"))
    rule = _rule(node)
    if rule != "tf_crop_and_resize" and all(change.out == change.size for change in changes.values()):
        return x  # as onnxruntime has it, also where a scale is not quite 1
    outside = []
    y = x if mode == "nearest" or x.dtype.kind == "f" else x.astype(F)
    for axis, change in sorted(changes.items(), key=lambda item: item[1].scale):
        if change.out == change.size and change.scale == 1 and rule != "tf_crop_and_resize":
            continue
        if not change.size:
            raise Unfit(f"axis {axis} has no cells")
        at = _origins(change, rule)
        if rule == "tf_crop_and_resize":
            outside.append(((at < 0) | (at > change.size - 1)).reshape(-1, *(1,) * (x.ndim - 1 - axis)))
        if mode == "nearest":
            y = np.take(y, _nearest(node, at, change), axis)
        else:
            y = _mixed(y, axis, *_weights(node, at, change, cubic=mode == "cubic"))
    if any(beyond.any() for beyond in outside):
        y = np.where(np.logical_or.reduce(np.broadcast_arrays(*outside)), F(real(node, "extrapolation_value", 0.0)), y)
    return y.astype(x.dtype, copy=False)


def _rule(node: Node) -> str:
    return "asymmetric" if node.opset < 11 else word(node, "coordinate_transformation_mode", "half_pixel", COORDINATES)


def _origins(change: Change, rule: str) -> Array:
    """Return where each new cell lies among the old ones; in float32, as onnxruntime has it."""
    new, scale = np.arange(change.out, dtype=F), F(change.scale)
    start, end = F(change.seen[0]), F(change.seen[1])
    last = F(change.size - 1)
    if rule == "asymmetric":
        return new / scale
    if rule == "tf_half_pixel_for_nn":
        return (new + F(0.5)) / scale
    if change.out == 1 and rule == "tf_crop_and_resize":
        return np.full_like(new, F(0.5) * (start + end) * last)
    if change.out == 1 and rule in {"align_corners", "pytorch_half_pixel"}:
        return np.zeros_like(new)
    if rule in {"align_corners", "tf_crop_and_resize"}:
        return start * last + new * (end - start) * last / F(change.out - 1)
    centre = F(change.size) / 2
    offset = centre * (1 - F(change.out) / (scale * F(change.size))) if rule == "half_pixel_symmetric" else F(0)
    return offset + (new + F(0.5)) / scale - F(0.5)


def _nearest(node: Node, at: Array, change: Change) -> Array:
    """Return the old cell that is nearest to each place."""
    if node.opset < 11:
        near = np.ceil(at) if change.scale < 1 else np.floor(at)
    else:
        how = word(node, "nearest_mode", "round_prefer_floor", NEAREST)
        near = {
            "round_prefer_floor": np.ceil(at - F(0.5)),
            "round_prefer_ceil": np.floor(at + F(0.5)),
            "floor": np.floor(at),
            "ceil": np.ceil(at),
        }[how]
    return near.clip(0, change.size - 1).astype(np.int64)


def _weights(node: Node, at: Array, change: Change, *, cubic: bool) -> tuple[Array, Array]:
    """Return the old cells that each new one is made of, and how much of each."""
    shrunk = min(change.scale, 1.0) if node.opset >= 18 and flag(node, "antialias") else 1.0
    reach = (2 if cubic else 1) / shrunk
    if 2 * reach > 4 * change.size + 8:
        reach = 2 * change.size + 4.0
    at = at if cubic or shrunk < 1 else at.clip(0, change.size - 1)
    first = np.floor(at - reach + 1) if shrunk == 1 else np.ceil(at - reach)
    cells = first[:, None] + np.arange(int(np.ceil(2 * reach)) + (shrunk < 1))
    distance = np.abs(cells.astype(np.float64) - at[:, None]) * shrunk
    weights = _cubic(distance, real(node, "cubic_coeff_a", -0.75)) if cubic else np.maximum(1 - distance, 0)
    if flag(node, "exclude_outside"):
        weights = np.where((cells >= 0) & (cells < change.size), weights, 0)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return cells.clip(0, change.size - 1).astype(np.int64), weights


def _cubic(distance: Array, a: float) -> Array:
    """Return weights of cells by their distance: Keys 1981, Cubic convolution interpolation for digital image processing, eq. 4."""
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((distance - 5) * distance + 8) * distance * a - 4 * a
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0))


def _mixed(x: Array, axis: int, cells: Array, weights: Array) -> Array:
    """Return the weighted sums of cells along an axis."""
    room((*x.shape[:axis], len(cells), *x.shape[axis + 1 :]), x.dtype)
    columns = (-1, *(1,) * (x.ndim - 1 - axis))
    y: Any = np.zeros((), x.dtype)
    for tap in range(cells.shape[1]):
        share = weights[:, tap].astype(x.dtype)
        if share.any() or not y.ndim:
            y = y + np.take(x, cells[:, tap], axis) * share.reshape(columns)
    return np.asarray(y)


OLD = "coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value mode nearest_mode"
OPERATORS = [
    Operator("Resize", resize, "A f", "mode", since=10),
    Operator("Resize", resize, "A f f l?", OLD, since=11),
    Operator("Resize", resize, "A f? f? l?", OLD, since=13),
    Operator("Resize", resize, "A f? f? l?", f"{OLD} antialias axes keep_aspect_ratio_policy", since=18),
    Operator("Upsample", upsample, "A", "mode scales", since=7),
    Operator("Upsample", upsample, "A f", "mode", since=9),
]
