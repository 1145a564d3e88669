"""The places of a model that a module of PyTorch's fits: which of its tensors is which parameter, and how they are laid out.

One rule: a conversion and its inverse stand side by side, and both only move numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from convstep.checks import Array, refusal
from convstep.interop.torch.layouts import Call, Layout, calls_of
from convstep.layers import (
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Layer,
    LayerNormalization,
    Parameter,
    PReLU,
    Reshape,
    SeparableConv2D,
)
from convstep.models import Model

__all__ = ["Site", "Slot", "sites_of"]

Move: TypeAlias = Callable[[Array], Array]


@dataclass(frozen=True)
class Slot:
    """A parameter, and a tensor's shape in PyTorch, there and back.

    `shapes` are those that PyTorch may have; it is written in the first.
    """

    parameter: Parameter
    shapes: tuple[tuple[int, ...], ...]
    ours: Move
    theirs: Move


@dataclass(frozen=True)
class Site:
    """What one module of PyTorch's fills.

    Attributes
    ----------
    name : str
        The path of the layer, "inner/conv2d".
    layer : Layer
    slots : dict of str to Slot
        By PyTorch's names: "weight".
    constants : dict of str to float
        What PyTorch has and the layer has not, since it is always this number.
    ignored : tuple of str
        What PyTorch has besides and no output depends on.
    before : frozenset of str
        The names of the sites that it directly needs.
    """

    name: str
    layer: Layer
    slots: Mapping[str, Slot]
    constants: Mapping[str, float] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    before: frozenset[str] = frozenset()

    @property
    def dotted(self) -> str:
        """The name as PyTorch would write it."""
        return self.name.replace("/", ".")


def sites_of(op: str, model: Model) -> list[Site]:
    """Return the places of a model in the order in which it is described.

    Raises
    ------
    ShapeError
        If a layer with parameters has no twin in PyTorch, or the order of its numbers there cannot be told.
    """
    calls: dict[int, list[Call]] = {}
    for call in calls_of(model):
        calls.setdefault(id(call.layer), []).append(call)
    last: dict[int, str] = {}
    found: list[Site] = []
    for key, uses in calls.items():
        if isinstance(uses[0].layer, Reshape):
            _check_images(op, uses)
            continue
        parts = _parts(op, uses)
        before = frozenset(last[item] for item in uses[0].before if item in last)
        for name, slots, options in parts:
            found.append(Site(name, uses[0].layer, slots, before=before, **options))
            before = frozenset([name])
        last[key] = parts[-1][0]
    return found


def _check_images(op: str, uses: Sequence[Call]) -> None:
    """Refuse a Reshape that PyTorch, with channels first, would do in another way."""
    for use in uses:
        order, made = use.given.order(), use.made.order()
        if order is None or made is None or not np.array_equal(order, made):
            raise _untold(op, use, "makes images of numbers that PyTorch, with channels first, would share out in another way")


Part: TypeAlias = tuple[str, dict[str, Slot], dict[str, Any]]


def _parts(op: str, uses: Sequence[Call]) -> list[Part]:
    """Return what a layer consists of in PyTorch: its name, its tensors, and other attributes of a site."""
    layer, name = uses[0].layer, uses[0].path
    if isinstance(layer, SeparableConv2D):
        pointwise = {"weight": _moved(layer, "pointwise_kernel", (3, 2, 0, 1))} | _plain_bias(layer)
        return [(f"{name}/depthwise", {"weight": _depthwise(layer, "depthwise_kernel")}, {}), (f"{name}/pointwise", pointwise, {})]
    if isinstance(layer, Conv2D | Conv2DTranspose | DepthwiseConv2D):
        kernel = _depthwise(layer, "kernel") if isinstance(layer, DepthwiseConv2D) else _moved(layer, "kernel", (3, 2, 0, 1))
        return [(name, {"weight": kernel} | _plain_bias(layer), {})]
    if isinstance(layer, Dense):
        rows, units = _order(op, uses, "given", -1), _order(op, uses, "made", -1)
        bias = {"bias": _ordered(layer, "bias", units)} if layer.use_bias else {}
        return [(name, {"weight": _matrix(layer, rows, units)} | bias, {})]
    if isinstance(layer, BatchNormalization):
        return [(name, *_batch_normalization(op, layer, uses))]
    if isinstance(layer, LayerNormalization):
        return [(name, *_layer_normalization(op, layer, uses))]
    if isinstance(layer, PReLU):
        return [(name, {"weight": _alpha(op, layer, uses)}, {})]
    raise refusal(op, f'the layer "{name}" ({type(layer).__name__}) has no twin in PyTorch that is known', {"layer": name})


# --- single tensors ---


def _parameter(layer: Layer, name: str) -> Parameter:
    return next(item for item in layer.parameters if item.name == name)


def _moved(layer: Layer, name: str, axes: tuple[int, ...]) -> Slot:
    """Return a slot whose axes are reordered: `axes` of ours in the order of PyTorch."""
    item = _parameter(layer, name)
    back = tuple(np.argsort(axes).tolist())
    shape = tuple(item.value.shape[axis] for axis in axes)
    return Slot(item, (shape,), lambda array: array.transpose(back), lambda array: array.transpose(axes))


def _depthwise(layer: Layer, name: str) -> Slot:
    """(rows, columns, channels, multiplier) beside (channels * multiplier, 1, rows, columns)."""
    item = _parameter(layer, name)
    rows, columns, channels, multiplier = item.value.shape
    shape = (channels * multiplier, 1, rows, columns)
    return Slot(
        item,
        (shape,),
        lambda array: array.reshape(channels, multiplier, rows, columns).transpose(2, 3, 0, 1),
        lambda array: array.transpose(2, 3, 0, 1).reshape(shape),
    )


def _ordered(layer: Layer, name: str, order: Array | None) -> Slot:
    """Return a slot of one number for each feature, in the order of the features."""
    item = _parameter(layer, name)
    places = np.arange(item.value.size) if order is None else order
    back = np.argsort(places)
    return Slot(item, (item.value.shape,), lambda array: array[places], lambda array: array[back])


def _plain_bias(layer: Any) -> dict[str, Slot]:
    return {"bias": _ordered(layer, "bias", None)} if layer.use_bias else {}


def _matrix(layer: Layer, rows: Array | None, units: Array | None) -> Slot:
    """(inputs, units) beside (units, inputs), both in the orders of the features."""
    item = _parameter(layer, "kernel")
    inputs, outputs = item.value.shape
    back_rows, back_units = (None if order is None else np.argsort(order) for order in (rows, units))
    return Slot(
        item,
        ((outputs, inputs),),
        lambda array: _taken(_taken(array, units, 0), rows, 1).T,
        lambda array: _taken(_taken(array, back_rows, 0), back_units, 1).T,
    )


def _taken(array: Array, order: Array | None, axis: int) -> Array:
    return array if order is None else array.take(order, axis)


def _batch_normalization(op: str, layer: BatchNormalization, uses: Sequence[Call]) -> tuple[dict[str, Slot], dict[str, Any]]:
    order = _order(op, uses, "given", layer.axis)
    names = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    there = {item.name for item in layer.parameters}
    slots = {theirs: _ordered(layer, ours, order) for theirs, ours in names.items() if ours in there}
    return slots, {"constants": _constants(layer), "ignored": ("num_batches_tracked",)}


def _layer_normalization(op: str, layer: LayerNormalization, uses: Sequence[Call]) -> tuple[dict[str, Slot], dict[str, Any]]:
    axes = layer.axis if isinstance(layer.axis, list) else [layer.axis]
    given = uses[0].given
    there = [(theirs, ours) for theirs, ours in (("weight", "gamma"), ("bias", "beta")) if ours in {item.name for item in layer.parameters}]
    options = {"constants": _constants(layer)}
    if len(axes) == 1:
        order = _order(op, uses, "given", axes[0])
        return {theirs: _ordered(layer, ours, order) for theirs, ours in there}, options
    if given.axes is None or any(use.given.axes != given.axes for use in uses):
        raise _untold(op, uses[0], "normalizes along several axes of what is no image")
    sides = [given.axes[axis % 4 - 1] for axis in sorted(axis % 4 for axis in axes)]
    return {theirs: _moved(layer, ours, tuple(np.argsort(sides).tolist())) for theirs, ours in there}, options


def _constants(layer: Any) -> dict[str, float]:
    """PyTorch has both a weight and a bias, or none."""
    return ({} if layer.scale else {"weight": 1.0}) | ({} if layer.center else {"bias": 0.0})


def _alpha(op: str, layer: PReLU, uses: Sequence[Call]) -> Slot:
    """Return the slot of alpha: PyTorch has one for each channel, or one for all."""
    item, given = _parameter(layer, "alpha"), uses[0].given
    shape = item.value.shape
    if any(use.given.axes != given.axes for use in uses):
        raise _untold(op, uses[0], "is used for images that lie in different ways")
    channels = given.axes.index(0) if given.axes else 0
    if len(shape) != (3 if given.axes else 1):
        raise _untold(op, uses[0], "has an alpha for each place of what is no image")
    order = _order(op, uses, "given", -1) if given.axes is None else None
    places = np.arange(shape[channels]) if order is None or len(order) != shape[0] else order
    back = np.argsort(places)
    along = tuple(shape[axis] if axis == channels else 1 for axis in range(len(shape)))

    def ours(array: Array) -> Array:
        each = array if len(array) == 1 else array[places]
        return np.broadcast_to(each.reshape(along if len(array) > 1 else (1,) * len(shape)), shape)

    def theirs(array: Array) -> Array:
        others = tuple(axis for axis in range(len(shape)) if axis != channels)
        first = array.min(axis=others)
        if not np.array_equal(first, array.max(axis=others)):
            fact = f'the layer "{uses[0].path}" has other alphas for other pixels, but PyTorch has one for each channel'
            raise refusal(op, fact, {"alpha": array})
        return np.asarray(first[back])

    width = shape[channels]
    return Slot(item, ((width,), (1,)) if width > 1 else ((1,),), ours, theirs)


# --- orders ---


def _order(op: str, uses: Sequence[Call], end: str, axis: int) -> Array | None:
    """Return the order of the features along an axis, None for PyTorch's own; all uses of a layer must agree."""
    orders = [_one_order(op, use, getattr(use, end), axis) for use in uses]
    first = orders[0]
    if any(
        (first is None) != (other is None) or (first is not None and other is not None and not np.array_equal(first, other))
        for other in orders[1:]
    ):
        raise _untold(op, uses[0], "is used for features that lie in different orders")
    return first


def _one_order(op: str, use: Call, layout: Layout, axis: int) -> Array | None:
    if layout.axes is not None:
        return None
    order = layout.order()
    plain = order is not None and np.array_equal(order, np.arange(len(order)))
    if plain:
        return None
    if len(layout.shape) == 1 and order is not None:
        return order
    if layout.lanes and len(layout.shape) > 1 and axis in {-1, len(layout.shape)}:
        return None
    raise _untold(op, use, "reads numbers whose order in PyTorch cannot be told: what lies before it reorders or reshapes them")


def _untold(op: str, use: Call, fact: str) -> Exception:
    return refusal(op, f'the layer "{use.path}" {fact}', {"layer": use.path})
