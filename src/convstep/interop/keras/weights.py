"""Weights of Keras's files, found for each layer of a model, and put into it.

One rule: every parameter has its array, of its own shape, and no array is left over, before any parameter is changed.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np

from convstep.checks import Array
from convstep.data.files import refusal
from convstep.interop.keras.hdf5 import MOST_NAMES, Group, Store
from convstep.interop.keras.pieces import Piece, paths
from convstep.layers import InputLayer
from convstep.layers.base import Parameter

Values: TypeAlias = dict[int, tuple[Parameter, Array]]  # by the ids of the parameters
Way: TypeAlias = tuple[str, ...]
Index: TypeAlias = dict[tuple[str, str], list[Way]]
TOP, MOST_SLASHES = "top_level_model_weights", 4
NAMES = {("DepthwiseConv2D", "kernel"): ("kernel", "depthwise_kernel")}  # the second as in Keras 2
LAYERS = ("layers", "_layer_checkpoint_dependencies")  # the second as in Keras 2.13


def put(values: Values) -> None:
    """Put arrays into parameters."""
    for item, array in values.values():
        item.value = array.astype(item.value.dtype, copy=False)


def from_paths(store: Store, top: Piece) -> Values:
    """Return what a file in the way of Keras 3 holds: "layers/conv2d_1/vars/0", numbered by class."""
    values: Values = {}
    _inside(store, store.root, top, values)
    return values


def from_names(store: Store, top: Piece, root: Group) -> Values:
    """Return what a file in the older way holds: "dense_1/dense_1/kernel:0", by the names of layers."""
    values: Values = {}
    groups = _groups(store, root)
    for piece in top.pieces or ():
        group = groups.pop(piece.name, None)
        held = {} if group is None else store.arrays(group)
        taken, index = set[Way](), _index(held)
        for leaf in _leaves(piece):
            for item in leaf.layer.parameters:
                way = _place(leaf, item, index, alone=piece.pieces is None)
                if way is None:
                    raise refusal(store.op, f'the file has no "{item.name}" of the layer "{leaf.path}"', store.path)
                values[id(item)] = (item, _array(store, leaf, item, held[way]))
                taken.add(way)
        _nothing_left(store, set(held) - taken, piece.path)
    for name, group in groups.items():
        if name != TOP:
            _nothing_left(store, set(store.arrays(group)), name)
    return values


# --- parts ---


def _inside(store: Store, group: Group | None, piece: Piece, values: Values) -> None:
    """Take the arrays of the layers of a model."""
    container = next((found for word in LAYERS if (found := store.group(group, word)) is not None), None)
    known = paths(piece.pieces or ())
    for name, inner in known:
        within = store.group(container, name)
        if inner.pieces is not None:
            _inside(store, within, inner, values)
        elif not isinstance(inner.layer, InputLayer):
            _numbered(store, store.group(within, "vars"), inner, values)
    if container is None:
        return
    expected = {name for name, _ in known}
    for name in store.names(container):
        if name not in expected:
            extra = store.group(store.group(container, name), "vars")
            if extra is not None and store.names(extra):
                raise refusal(store.op, f'the file has weights for "{name}", which the model has not', store.path)


def _numbered(store: Store, group: Group | None, piece: Piece, values: Values) -> None:
    parameters = piece.layer.parameters
    held = [] if group is None else store.names(group)
    if not held and parameters and all(id(item) in values for item in parameters):
        return  # of a layer that two models share, Keras writes the weights once
    if sorted(held) != sorted(str(number) for number in range(len(parameters))):
        fact = f'the layer "{piece.path}" ({piece.kind}) has {len(parameters)} arrays of weights, but the file has {len(held)}'
        raise refusal(store.op, fact, store.path)
    for number, item in enumerate(parameters):
        values[id(item)] = (item, _array(store, piece, item, (group, str(number))))


def _array(store: Store, piece: Piece, item: Parameter, place: tuple[Group, str]) -> Array:
    group, key = place
    name = f"{piece.path}/{item.name}"
    array = store.array(group, key, name)
    if array.shape != item.value.shape:
        fact = f'"{name}" has the shape {array.shape} in the file, but {item.value.shape} in the model'
        raise refusal(store.op, fact, store.path)
    return array


def _leaves(piece: Piece) -> list[Piece]:
    if piece.pieces is None:
        return [piece]
    return [leaf for inner in piece.pieces for leaf in _leaves(inner)]


def _index(held: Iterable[Way]) -> Index:
    """Return the ways to arrays by their last name, and what the names before it end with: "block1_conv" as well as "conv"."""
    index: Index = defaultdict(list)
    for way in held:
        word = way[-1].partition(":")[0]
        index["", word].append(way)
        for tail in {"_".join(way[start:-1]) for start in range(len(way) - 1)}:
            index[tail, word].append(way)
    return index


def _place(leaf: Piece, item: Parameter, index: Index, *, alone: bool) -> Way | None:
    """Return the names on the way to the array of a parameter; of several, the one that shares most of the layer's own path."""
    words = NAMES.get((leaf.kind, item.name), (item.name,))
    own = leaf.path.split("/")
    tails = ["_".join(own[-length:]) for length in range(len(own), 0, -1)]  # a slash in a name, an underscore here, made two groups
    for tail in ["", *tails] if alone else tails:
        near = [way for word in words for way in index.get((tail, word), ())]
        if len(near) == 1:
            return near[0]
    return None


def _groups(store: Store, root: Group) -> dict[str, Group]:
    """Return the groups of layers by their names; where a name holds slashes, which are underscores here, it is several groups deep."""
    found: dict[str, Group] = {}
    waiting = [("", root, 0)]
    while waiting:
        head, inside, depth = waiting.pop()
        names = store.names(inside)
        if len(found) + len(names) > MOST_NAMES:
            raise refusal(store.op, f"the file has more than {MOST_NAMES} names", store.path)
        for name in names:
            group = store.group(inside, name)
            if group is not None and store.has(group, "weight_names"):
                found[head + name] = group
            elif group is not None and depth < MOST_SLASHES:
                waiting.append((f"{head}{name}_", group, depth + 1))
    return found


def _nothing_left(store: Store, left: set[Way], path: str) -> None:
    if left:
        raise refusal(store.op, f'the file has "{"/".join(min(left))}" for "{path}", which the model has not', store.path)


def stored(array: Array) -> Any:
    """Return an array as h5py writes it in one piece."""
    return np.ascontiguousarray(array).reshape(array.shape)
