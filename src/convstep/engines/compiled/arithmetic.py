"""What happens between layers, in one pass over memory; what has no kernel goes to NumPy."""

from convstep.checks import Array
from convstep.engines.compiled.arranging import laid_out
from convstep.engines.compiled.arrays import empty
from convstep.engines.compiled.combining import combine
from convstep.engines.compiled.elementwise import activate
from convstep.engines.compiled.native import address_of, bits_of, kernel, packed
from convstep.engines.compiled.suiting import suits
from convstep.engines.compiled.threads import run
from convstep.engines.numpy import arithmetic as plain

CHUNK = 1 << 14  # numbers of a job


def plus(one: Array, other: Array, *, floor: bool) -> Array:
    """Return one + other; see `Engine`."""
    if not suits(one, other):
        return plain.plus(one, other, floor=floor)
    if one.shape != other.shape:
        y = combine("plus", one, other)
        return activate("relu", y, 0.0, y) if floor else y
    one, other = laid_out(one), laid_out(other)
    y = empty(one.shape, one.dtype)
    numbers = packed(address_of(one), address_of(other), address_of(y), y.size, CHUNK, int(floor))
    run(kernel("arithmetic.plus", y.itemsize), -(-y.size // CHUNK), numbers)
    return y


def times(x: Array, factor: float) -> Array:
    """Return factor * x; see `Engine`."""
    if not suits(x):
        return plain.times(x, factor)
    x = laid_out(x)
    y = empty(x.shape, x.dtype)
    run(kernel("arithmetic.times", x.itemsize), -(-x.size // CHUNK), packed(address_of(x), address_of(y), x.size, CHUNK, bits_of(factor)))
    return y


def product(one: Array, other: Array) -> Array:
    """Return one * other; see `Engine`."""
    return combine("product", one, other)


def softmax(x: Array) -> Array:
    """Return shares along the last axis; see `Engine`."""
    x = laid_out(x)
    if not _in_rows(x):
        return plain.softmax(x)
    y = empty(x.shape, x.dtype)
    _run_rows("arithmetic.softmax", x, y)
    return y


def softmax_to_x(dy: Array, y: Array) -> Array:
    """Carry a gradient back from the shares; see `Engine`."""
    if not _in_rows(dy, y) or dy.shape != y.shape:
        return plain.softmax_to_x(dy, y)
    dx = empty(y.shape, y.dtype)
    _run_rows("arithmetic.softmax_to_x", dy, y, dx)
    return dx


def _in_rows(*arrays: Array) -> bool:
    return suits(*arrays) and all(item.itemsize == 4 and item.flags.c_contiguous and item.size and item.ndim for item in arrays)


def _run_rows(name: str, *arrays: Array) -> None:
    """Run a kernel of float32 along the last axis."""
    size, columns = arrays[0].size, arrays[0].shape[-1]
    rows, chunk = size // columns, max(CHUNK // columns, 1)
    run(kernel(name, 4), -(-rows // chunk), packed(*map(address_of, arrays), rows, columns, chunk))
