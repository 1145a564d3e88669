"""The steps of optimizers in one pass over memory: all weights of a step in one run of the threads.

One rule: what has no kernel (other types than float32 and float64, three slots) goes to NumPy, which gives the same bits.
"""

import struct
from collections.abc import Sequence

import numpy as np

from convstep.engines.compiled.native import Kernel, address_of, kernel
from convstep.engines.compiled.threads import run
from convstep.engines.numpy import updates as plain
from convstep.engines.rules import Entry, Rule

BLOCK = 1 << 14  # entries of a job
SLOTS = 2  # at most as many have kernels
NUMBERS = 7  # of decay, clip and the rule


def update(rule: Rule, entries: Sequence[Entry]) -> None:
    """Take a step; see `Engine`."""
    others = []
    rows: dict[int, list[bytes]] = {4: [], 8: []}
    for entry in entries:
        if _has_kernel(entry):
            rows[entry.value.itemsize] += _rows(entry)
        else:
            others.append(entry)
    numbers = [rule.decay, rule.clip, *rule.numbers.values()]
    head = struct.pack(f"={NUMBERS}d", *numbers, *[0.0] * (NUMBERS - len(numbers)))
    for size, found in rows.items():
        if found:
            run(_kernel(rule, size), len(found), head + b"".join(found))
    plain.update(rule, others)


def _has_kernel(entry: Entry) -> bool:
    arrays = entry.value, entry.gradient, *entry.slots.values()
    right = entry.value.dtype in (np.float32, np.float64) and len(entry.slots) <= SLOTS
    return right and all(item.dtype == entry.value.dtype and item.flags.c_contiguous and item.flags.aligned for item in arrays)


def _rows(entry: Entry) -> list[bytes]:
    """Return what a job is told: of each block the count, the scale, and where value, gradient and slots begin."""
    places = [address_of(item) for item in (entry.value, entry.gradient, *entry.slots.values())]
    places += [0] * (2 + SLOTS - len(places))
    size, count = entry.value.itemsize, entry.value.size
    return [
        struct.pack("=qd4q", min(BLOCK, count - first), entry.scale, *(place + first * size for place in places))
        for first in range(0, count, BLOCK)
    ]


def _kernel(rule: Rule, size: int) -> Kernel:
    numbers = rule.numbers
    match rule.name:
        case "sgd":
            return kernel("updates.sgd", size, int(numbers["momentum"] != 0), int(numbers["nesterov"]))
        case "rmsprop":
            return kernel("updates.rmsprop", size, int(numbers["momentum"] != 0), int(numbers["centered"]))
    return kernel("updates.adam", size)
