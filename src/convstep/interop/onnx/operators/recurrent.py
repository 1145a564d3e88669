"""Networks with a memory: RNN, GRU and LSTM. One rule: one walk over time for all, each has a step of its own."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from convstep.checks import Array, shown
from convstep.interop.onnx.operators.operator import Operator
from convstep.interop.onnx.operators.reading import Unfit, flag, real, room, whole, word
from convstep.interop.onnx.records import Node

Function = Callable[[Array], Array]


class Weights(NamedTuple):
    """What one direction works with."""

    x: Array
    h: Array
    x_bias: Array
    h_bias: Array
    functions: tuple[Function, ...]
    peepholes: Array | None = None


def rnn(node: Node, *given: Any) -> list[Array]:
    """Return all states of a simple network, and the last ones."""
    x, w, r, b, lengths, first = given

    def step(weights: Weights, now: Array, states: Sequence[Array]) -> list[Array]:
        sums = now @ weights.x.T + states[0] @ weights.h.T + weights.x_bias + weights.h_bias
        return [weights.functions[0](_clipped(node, sums))]

    return _walk(node, (x, lengths, first), _weights(node, (x, w, r, b), 1, ("Tanh",)), step)


def gru(node: Node, *given: Any) -> list[Array]:
    """Return all states of a network with gates for what is kept and what is new, and the last ones."""
    x, w, r, b, lengths, first = given
    late = flag(node, "linear_before_reset")

    def step(weights: Weights, now: Array, states: Sequence[Array]) -> list[Array]:
        old, size = states[0], states[0].shape[1]
        gate, other = weights.functions
        seen = now @ weights.x.T + weights.x_bias
        kept = old @ weights.h[: 2 * size].T + weights.h_bias[: 2 * size]
        z, reset = np.split(gate(_clipped(node, seen[:, : 2 * size] + kept)), 2, axis=1)
        last, bias = weights.h[2 * size :].T, weights.h_bias[2 * size :]
        new = other(_clipped(node, seen[:, 2 * size :] + (reset * (old @ last + bias) if late else (reset * old) @ last + bias)))
        return [(1 - z) * new + z * old]

    return _walk(node, (x, lengths, first), _weights(node, (x, w, r, b), 3, ("Sigmoid", "Tanh")), step)


def lstm(node: Node, *given: Any) -> list[Array]:
    """Return all states of a network with a memory of its own behind gates, and the last states and memories."""
    x, w, r, b, lengths, first, memory, peepholes = given
    coupled = flag(node, "input_forget")
    directions = _weights(node, (x, w, r, b), 4, ("Sigmoid", "Tanh", "Tanh"))
    if peepholes is not None:
        if peepholes.shape != (len(directions), 3 * r.shape[2]):
            raise Unfit(f"peepholes of shape {peepholes.shape} do not fit {len(directions)} directions of {3 * r.shape[2]}")
        directions = [weights._replace(peepholes=own) for weights, own in zip(directions, peepholes, strict=True)]

    def step(weights: Weights, now: Array, states: Sequence[Array]) -> list[Array]:
        gate, inner, outer = weights.functions
        to_enter, to_leave, to_keep = (0, 0, 0) if weights.peepholes is None else np.split(weights.peepholes, 3)
        sums = now @ weights.x.T + states[0] @ weights.h.T + weights.x_bias + weights.h_bias
        enter, leave, keep, new = np.split(_clipped(node, sums), 4, axis=1)
        enter = gate(enter + to_enter * states[1])
        held = (1 - enter if coupled else gate(keep + to_keep * states[1])) * states[1] + enter * inner(new)
        return [gate(leave + to_leave * held) * outer(held), held]

    return _walk(node, (x, lengths, first, memory), directions, step)


def _weights(node: Node, given: tuple[Any, ...], gates: int, usual: tuple[str, ...]) -> list[Weights]:
    """Return the weights of each direction, if they fit x."""
    x, w, r, b = given
    if x.ndim != 3 or r.ndim != 3:
        raise Unfit(f"X and R must have 3 axes, not {x.ndim} and {r.ndim}")
    count = 2 if word(node, "direction", "forward", ("forward", "reverse", "bidirectional")) == "bidirectional" else 1
    hidden, rows = r.shape[2], gates * r.shape[2]
    if whole(node, "hidden_size", hidden) != hidden or w.shape != (count, rows, x.shape[2]) or r.shape != (count, rows, hidden):
        raise Unfit(f"weights of shape {w.shape} and {r.shape} do not fit {count} directions of {gates} gates and {hidden} states")
    b = np.zeros((count, 2 * rows), x.dtype) if b is None else b
    if b.shape != (count, 2 * rows):
        raise Unfit(f"a bias of shape {b.shape} does not fit {count} directions of {2 * rows}")
    names = node.get("activations") or usual * count
    if len(names) != len(usual) * count or any(name not in FUNCTIONS for name in names):
        raise Unfit(f"activations must be {len(usual) * count} of {', '.join(FUNCTIONS)}, not {shown(names)}")
    functions = [FUNCTIONS[name] for name in names]
    size = len(usual)
    return [Weights(w[d], r[d], b[d, :rows], b[d, rows:], tuple(functions[d * size : d * size + size])) for d in range(count)]


def _walk(
    node: Node,
    given: Sequence[Any],
    directions: Sequence[Weights],
    step: Callable[[Weights, Array, Sequence[Array]], list[Array]],
) -> list[Array]:
    """Return the states of all times, and the last ones of each kind."""
    batch_first = flag(node, "layout")
    x, lengths, *first = given
    x = x.transpose(1, 0, 2) if batch_first else x
    times, batch, hidden = x.shape[0], x.shape[1], directions[0].h.shape[1]
    shape = (len(directions), batch, hidden)
    starts = [np.zeros(shape, x.dtype) if start is None else start.transpose(1, 0, 2) if batch_first else start for start in first]
    ends = np.full(batch, times) if lengths is None else lengths
    if any(start.shape != shape for start in starts) or ends.shape != (batch,):
        raise Unfit(f"first states must have the shape {shape} and lengths {(batch,)}, not {starts[0].shape} and {ends.shape}")
    all_states = np.zeros(room((times, *shape), x.dtype), x.dtype)
    last = [start.copy() for start in starts]
    for d, weights in enumerate(directions):
        backwards = d == 1 or node.get("direction") == "reverse"
        for t in reversed(range(times)) if backwards else range(times):
            alive = (t < ends)[:, None]
            states = step(weights, x[t], [kind[d] for kind in last])
            for kind, state in zip(last, states, strict=True):
                kind[d] = np.where(alive, state, kind[d])
            all_states[t, d] = np.where(alive, states[0], 0)
    if batch_first:
        return [all_states.transpose(2, 0, 1, 3), *(kind.transpose(1, 0, 2) for kind in last)]
    return [all_states, *last]


def _clipped(node: Node, x: Array) -> Array:
    most = real(node, "clip", np.inf)
    return x if most == np.inf else np.clip(x, -most, most)


def _sigmoid(x: Array) -> Array:
    y: Array = 0.5 * (1 + np.tanh(0.5 * x))
    return y


FUNCTIONS: dict[str, Function] = {"Sigmoid": _sigmoid, "Tanh": np.tanh, "Relu": lambda x: np.maximum(x, 0)}
COMMON = "activation_alpha activation_beta activations clip direction hidden_size"
OPERATORS = [
    Operator("GRU", gru, "F F F F? i? F?", f"{COMMON} linear_before_reset", since=7),
    Operator("GRU", gru, "F F F F? i? F?", f"{COMMON} layout linear_before_reset", since=14),
    Operator("LSTM", lstm, "F F F F? i? F? F? F?", f"{COMMON} input_forget", since=7),
    Operator("LSTM", lstm, "F F F F? i? F? F? F?", f"{COMMON} input_forget layout", since=14),
    Operator("RNN", rnn, "F F F F? i? F?", COMMON, since=7),
    Operator("RNN", rnn, "F F F F? i? F?", f"{COMMON} layout", since=14),
]
