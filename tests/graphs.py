"""Graphs of graphs written once, for Keras and for convstep: `k` is either of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from tests.architectures import IMAGES

from convstep.checks import Array


def listed(value: Any) -> list[Any]:
    """Return outputs as a list, those of a dict in the order of its keys."""
    if isinstance(value, dict):
        return [value[key] for key in sorted(value)]
    return list(value) if isinstance(value, list | tuple) else [value]


def inner_with_names(k: Any) -> Any:
    la = k.layers
    one, two = k.Input(IMAGES, name="a"), k.Input(IMAGES, name="b")
    conv = la.Conv2D(2, 3, padding="same", name="c")
    x = la.BatchNormalization()(la.Add()([conv(one), two]), training=False)
    return k.Model([one, two], {"p": la.Dropout(0.5)(x), "q": conv(two)}, name="inner"), conv


def dict_out_of_a_model_called_twice(k: Any) -> Any:
    inner, _ = inner_with_names(k)
    inputs = k.Input(IMAGES)
    first = inner([inputs, inputs])
    second = inner([first["p"], first["q"]])
    return k.Model(inputs, {"z": second["q"], "b": first["q"], "c": second["p"]})


def dict_into_a_model(k: Any) -> Any:
    la = k.layers
    one, two = k.Input(IMAGES, name="u"), k.Input(IMAGES, name="v")
    inner = k.Model({"u": one, "v": two}, la.Subtract()([la.Conv2D(2, 1)(one), two]), name="inner")
    left, right = k.Input(IMAGES, name="left"), k.Input(IMAGES, name="right")
    return k.Model({"left": left, "right": right}, inner({"v": left, "u": right}))


def list_of_one(k: Any) -> Any:
    inputs = k.Input(IMAGES)
    return k.Model([inputs], [k.layers.Conv2D(2, 1)(inputs)])


def chains_in_chains(k: Any) -> Any:
    la = k.layers
    head = k.Sequential([la.Conv2D(2, 1), la.BatchNormalization(trainable=False)], name="head")
    return k.Sequential([k.Input(IMAGES), head, k.Sequential([la.Flatten(), la.Dense(3)], name="tail")])


def graph_that_begins_a_chain(k: Any) -> Any:
    la, inputs = k.layers, k.Input(IMAGES)
    graph = k.Model(inputs, la.PReLU(shared_axes=[1, 2])(la.Conv2D(3, 2)(inputs)), name="graph")
    return k.Sequential([graph, la.Flatten(), la.Dense(2, trainable=False)])


def chain_that_ends_a_graph(k: Any) -> Any:
    inputs = k.Input(IMAGES)
    return k.Model(inputs, k.Sequential([k.layers.Conv2D(2, 1)], name="end")(inputs))


def graph_that_ends_a_graph(k: Any) -> Any:
    part = k.Input(IMAGES)
    inner = k.Model(part, k.layers.Conv2D(2, 1)(part), name="inner")
    inputs = k.Input(IMAGES)
    return k.Model(inputs, inner(inner(inputs)))


def three_deep(k: Any) -> Any:
    la, part = k.layers, k.Input(IMAGES)
    first = k.Model(part, la.Conv2D(2, 1, name="c")(part), name="first")
    again = k.Input(IMAGES)
    second = k.Model(again, la.Conv2D(2, 1, name="d")(first(again)), name="second")
    return k.Sequential([k.Input(IMAGES), second, la.BatchNormalization(), k.Sequential([la.Conv2D(1, 1, name="e")], name="third")])


def shared_in_turn(k: Any) -> Any:
    la, inputs = k.layers, k.Input(IMAGES)
    one, two = la.Conv2D(2, 1), la.Conv2D(2, 1)
    x = two(one(two(one(inputs))))
    return k.Model(inputs, [la.Maximum()([x, one(inputs)]), la.Flatten()(x)])


def any_size(k: Any) -> Any:
    return k.Sequential([k.Input((None, None, 2)), k.layers.Conv2D(2, 1), k.layers.GlobalMaxPooling2D(keepdims=True)])


def batches_of_three(k: Any) -> Any:
    return k.Sequential([k.Input(IMAGES, batch_size=3), k.layers.Conv2D(2, 1)])


GRAPHS: tuple[Callable[[Any], Any], ...] = (
    dict_out_of_a_model_called_twice, dict_into_a_model, list_of_one, chains_in_chains, graph_that_begins_a_chain, chain_that_ends_a_graph,
    graph_that_ends_a_graph, three_deep, shared_in_turn, any_size, batches_of_three,
)  # fmt: skip


def given(model: Any, seed: int = 0) -> Any:
    """Return three samples for the inputs of a model, as it takes them."""
    rng = np.random.default_rng(seed)

    def drawn(symbol: Any) -> Array:
        return rng.standard_normal([3, *(8 if size is None else size for size in symbol.shape[1:])]).astype("float32")

    grouped = model.inputs[0] if type(model).__name__ == "Sequential" else model.input
    if isinstance(grouped, dict):
        return {key: drawn(symbol) for key, symbol in sorted(grouped.items())}
    return [drawn(symbol) for symbol in grouped] if isinstance(grouped, list) else drawn(grouped)
