"""What detectors end with. One rule: boxes are compared in the order of their scores, and of equal ones the first comes first."""

import numpy as np

from convstep.checks import Array
from convstep.interop.onnx.operators.operator import Operator
from convstep.interop.onnx.operators.reading import Unfit, flag, only
from convstep.interop.onnx.records import Node


def non_max_suppression(node: Node, *given: Array | None) -> Array:
    """Return (image, class, box) of the best boxes that do not overlap too much with a better one."""
    boxes, scores = np.asarray(given[0]), np.asarray(given[1])
    most, overlap = (
        0 if x is None else only(x, name) for x, name in zip(given[2:4], ("max_output_boxes_per_class", "iou_threshold"), strict=True)
    )
    least = -np.inf if given[4] is None else only(given[4], "score_threshold")
    if boxes.ndim != 3 or boxes.shape[2] != 4 or scores.ndim != 3 or (boxes.shape[0], boxes.shape[1]) != (scores.shape[0], scores.shape[2]):
        raise Unfit(f"boxes of shape {boxes.shape} do not fit scores of shape {scores.shape}")
    if not 0 <= overlap <= 1:
        raise Unfit(f"iou_threshold must lie in 0 to 1, not {overlap:g}")
    corners = _corners(boxes, centred=flag(node, "center_point_box"))
    found = [
        (image, kind, box)
        for image in range(scores.shape[0])
        for kind in range(scores.shape[1])
        for box in _best(corners[image], scores[image, kind], (most, overlap, least))
    ]
    return np.array(found, np.int64).reshape(-1, 3)


def _corners(boxes: Array, *, centred: bool) -> Array:
    """Return the lower and the upper corner of each box."""
    first, second = boxes[..., :2], boxes[..., 2:]
    if centred:
        return np.concatenate([first - second / 2, first + second / 2], axis=2)
    return np.concatenate([np.minimum(first, second), np.maximum(first, second)], axis=2)


def _best(corners: Array, scores: Array, limits: tuple[int, float, float]) -> list[int]:
    most, overlap, least = limits
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > least]
    areas = np.prod(corners[:, 2:] - corners[:, :2], axis=1)
    kept: list[int] = []
    while order.size and len(kept) < most:
        best, order = int(order[0]), order[1:]
        kept.append(best)
        low = np.maximum(corners[best, :2], corners[order, :2])
        high = np.minimum(corners[best, 2:], corners[order, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        either = areas[best] + areas[order] - shared
        order = order[~(shared > overlap * either) | (either <= 0)]
    return kept


OPERATORS = [Operator("NonMaxSuppression", non_max_suppression, "F F l? f? f?", "center_point_box", since=10)]
