"""Activations in one pass over memory; what has no kernel goes to NumPy.

One rule: every number is computed by itself, so results depend neither on the cut into chunks nor on the number of threads.
"""

from convstep.checks import Array
from convstep.engines.compiled.arranging import laid_out
from convstep.engines.compiled.arrays import empty
from convstep.engines.compiled.native import address_of, bits_of, kernel, packed
from convstep.engines.compiled.threads import run
from convstep.engines.numpy import elementwise as plain

CHUNK = 1 << 14  # numbers of a job
SIZES = {"relu": (4, 8), "relu6": (4, 8), "leaky_relu": (4, 8), "tanh": (4,), "sigmoid": (4,)}  # bytes of the numbers a kernel is for
SIZES_TO_X = dict.fromkeys(SIZES, (4, 8))
SIZES |= {"silu": (4,), "hard_sigmoid": (4, 8), "hard_silu": (4, 8)}


def activate(name: str, x: Array, slope: float, out: Array | None) -> Array:
    """Apply an activation; see `Engine`."""
    if not _is_float(x, SIZES.get(name, ())):
        return plain.activate(name, x, slope, out)
    if out is not None and not (out.flags.carray and out.shape == x.shape and out.dtype == x.dtype):
        out = None
    x = laid_out(x)
    y = empty(x.shape, x.dtype) if out is None else out
    numbers = packed(address_of(x), address_of(y), x.size, CHUNK, bits_of(slope))
    run(kernel(f"elementwise.{name}", x.itemsize), -(-x.size // CHUNK), numbers)
    return y


def activate_to_x(name: str, dy: Array, y: Array, slope: float) -> Array:
    """Carry a gradient back from the output; see `Engine`."""
    if not _is_float(dy, SIZES_TO_X.get(name, ())) or dy.dtype != y.dtype or dy.shape != y.shape:
        return plain.activate_to_x(name, dy, y, slope)
    dy, y = laid_out(dy), laid_out(y)
    dx = empty(dy.shape, dy.dtype)
    numbers = packed(address_of(dy), address_of(y), address_of(dx), dy.size, CHUNK, bits_of(slope))
    run(kernel(f"elementwise.{name}_to_x", dy.itemsize), -(-dy.size // CHUNK), numbers)
    return dx


def _is_float(x: Array, sizes: tuple[int, ...]) -> bool:
    return x.dtype.kind == "f" and x.itemsize in sizes and x.dtype.isnative
