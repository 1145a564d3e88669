"""Images seen through matrices, on a compiled kernel; its bits are those of NumPy's."""

from convstep.checks import Array
from convstep.engines.compiled.arranging import laid_out
from convstep.engines.compiled.arrays import empty
from convstep.engines.compiled.native import address_of, bits_of, kernel, packed
from convstep.engines.compiled.suiting import suits
from convstep.engines.compiled.threads import run
from convstep.engines.numpy import ENGINE as NUMPY


def resample(x: Array, matrices: Array, starts: Array, fill: float) -> Array:
    """Interpolate where each cell of the result comes from; see `Engine`."""
    if not suits(x, matrices, starts):
        return NUMPY.resample(x, matrices, starts, fill)
    x, matrices, starts = laid_out(x), laid_out(matrices), laid_out(starts)
    y = empty(x.shape, x.dtype)
    numbers = packed(*map(address_of, (x, y, matrices, starts)), *x.shape[1:], bits_of(fill))
    run(kernel("sampling.resample", x.itemsize), x.shape[0] if x.size else 0, numbers)
    return y
