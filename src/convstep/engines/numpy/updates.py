"""The steps of optimizers, block by block: a step needs no more memory than a few blocks, however large a model is.

One rule: every block is the same arithmetic whatever the block size, so a run that is stopped and resumed continues bit by bit.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from convstep.checks import Array
from convstep.engines.rules import Entry, Rule

BLOCK = 2**15  # entries: a block of each array that a step touches stays in the second-level cache


@dataclass(frozen=True)
class Block:
    """A stretch of one parameter, its gradient and its slots, and two arrays to write on."""

    value: Array
    gradient: Array
    slots: Mapping[str, Array]
    spare: tuple[Array, Array]


@np.errstate(all="ignore")
def update(rule: Rule, entries: Sequence[Entry]) -> None:
    """Take a step; see `Engine`."""
    for entry in entries:
        for block in blocks_of(entry, decay=rule.decay, clip=rule.clip):
            RULES[rule.name](block, **rule.numbers)


def blocks_of(entry: Entry, *, decay: float, clip: float) -> Iterator[Block]:
    """Cut weights into blocks whose gradients are scaled or clipped, and whose values have decayed."""
    flat, slopes = entry.value.reshape(-1), np.asarray(entry.gradient).reshape(-1)
    kept = {name: slot.reshape(-1) for name, slot in entry.slots.items()}
    spare = np.empty((3, min(BLOCK, flat.size)), flat.dtype)
    for start in range(0, flat.size, BLOCK):
        part = slice(start, min(start + BLOCK, flat.size))
        first, second, third = spare[:, : part.stop - part.start]
        here, value = slopes[part], flat[part]
        if entry.scale != 1:
            here = np.multiply(here, entry.scale, out=third, casting="same_kind")
        elif clip < np.inf:
            here = np.clip(here, -clip, clip, out=third, casting="same_kind")
        elif here.dtype != flat.dtype:
            here = here.astype(flat.dtype)
        if decay:
            value -= np.multiply(value, decay, out=first)
        yield Block(value, here, {name: slot[part] for name, slot in kept.items()}, (first, second))


# --- the rules ---


def sgd(block: Block, *, rate: float, momentum: float, nesterov: float) -> None:
    """Set m <- momentum m - rate g; then w <- w + m, or w + momentum m - rate g as Nesterov has it."""
    step = np.multiply(block.gradient, rate, out=block.spare[0])
    if not momentum:
        block.value[...] -= step
        return
    m = block.slots["momentum"]
    m *= momentum
    m -= step
    if nesterov:
        block.value[...] += np.subtract(np.multiply(m, momentum, out=block.spare[1]), step, out=block.spare[1])
    else:
        block.value[...] += m


def rmsprop(block: Block, *, rate: float, rho: float, momentum: float, epsilon: float, centered: float) -> None:
    """Set v <- rho v + (1 - rho) g^2; step = rate g / sqrt(v + epsilon), where v - mean(g)^2 stands for v if centered."""
    g, (root, step) = block.gradient, block.spare
    v = block.slots["velocity"]
    _average(v, np.multiply(g, g, out=step), rho)
    np.add(v, epsilon, out=root)
    if centered:
        mean = block.slots["average_gradient"]
        np.copyto(step, g)
        _average(mean, step, rho)
        root -= np.multiply(mean, mean, out=step)
    np.multiply(g, rate, out=step)
    step /= np.sqrt(root, out=root)
    if momentum:
        m = block.slots["momentum"]
        m *= momentum
        m += step
        step = m
    block.value[...] -= step


def adam(block: Block, *, rate: float, beta_1: float, beta_2: float, epsilon: float) -> None:
    """Set m <- beta_1 m + (1 - beta_1) g; v <- beta_2 v + (1 - beta_2) g^2; w <- w - rate m / (sqrt(v) + epsilon).

    The largest v so far stands for v where it is kept.
    """
    g, (root, step) = block.gradient, block.spare
    m, v = block.slots["momentum"], block.slots["velocity"]
    np.copyto(step, g)
    _average(m, step, beta_1)
    _average(v, np.multiply(g, g, out=step), beta_2)
    if "velocity_hat" in block.slots:
        v = np.maximum(block.slots["velocity_hat"], v, out=block.slots["velocity_hat"])
    np.sqrt(v, out=root)
    root += epsilon
    np.multiply(m, rate, out=step)
    step /= root
    block.value[...] -= step


def _average(mean: Array, new: Array, share: float) -> None:
    """Set mean <- share mean + (1 - share) new, and `new` is used up."""
    mean *= share
    new *= 1 - share
    mean += new


RULES: Mapping[str, Callable[..., None]] = {"adam": adam, "rmsprop": rmsprop, "sgd": sgd}
