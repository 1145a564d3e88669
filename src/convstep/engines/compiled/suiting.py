"""Which arrays the kernels take, and in how many lanes. Whatever suits none of them, NumPy's kernels get."""

import numpy as np

from convstep.checks import Array
from convstep.engines.compiled.native import host_features

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def suits(*arrays: Array | None) -> bool:
    """Return whether kernels can work on these arrays together: all float32 or all float64, in this machine's byte order and aligned."""
    there = [array for array in arrays if array is not None]
    dtype = there[0].dtype
    return dtype in FLOATS and all(array.dtype == dtype and array.flags.aligned for array in there)


def widest(size: int) -> int:
    """Return how many numbers of this many bytes a vector of this machine holds."""
    features = host_features()
    return (64 if "avx512f" in features else 32 if "avx2" in features else 16) // size


def lanes_for(channels: int, size: int) -> int:
    """Return the lanes of a piece of channels: as many as a vector holds, but no more than there are channels."""
    return min(widest(size), 1 << (channels.bit_length() - 1))
