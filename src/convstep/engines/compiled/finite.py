"""Whether all numbers of an array are finite: what takes short cuts through sums asks this of its results."""

import numpy as np

from convstep.checks import Array
from convstep.engines.compiled.native import address_of, kernel, packed
from convstep.engines.compiled.recording import current
from convstep.engines.compiled.threads import Task, run_all

CHUNK = 1 << 15  # numbers that one job looks at


def all_finite(array: Array) -> bool:
    """Return whether no number is infinite or NaN."""
    if not array.flags.c_contiguous:
        return bool(np.isfinite(array).all())
    found, find = looking_for_infinite(array)
    run_all(find)
    return not found[0]


def looking_for_infinite(array: Array) -> tuple[Array, Task]:
    """Return a flag, and what sets it if a number of a contiguous array is infinite or NaN."""
    found = flag()
    numbers = packed(address_of(array), array.size, CHUNK, address_of(found))
    return found, Task(kernel("products.find_infinite", array.itemsize), -(-array.size // CHUNK), numbers)


def flag() -> Array:
    """Return one number, 0, that a kernel sets where it finds what is not finite."""
    found = np.zeros(1, np.int64)
    recording = current.get()
    if recording is not None:
        recording.flags.append(found)
    return found
