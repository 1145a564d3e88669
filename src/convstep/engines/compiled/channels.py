"""What is done to each pixel's channels by itself: scaling, and local response normalization; what has no kernel goes to NumPy."""

from convstep.checks import Array
from convstep.engines.compiled.arranging import arrange, laid_out, pixel_stride
from convstep.engines.compiled.arrays import empty
from convstep.engines.compiled.buffers import Buffers
from convstep.engines.compiled.native import address_of, bits_of, kernel, packed
from convstep.engines.compiled.suiting import lanes_for, suits
from convstep.engines.compiled.threads import run, threads
from convstep.engines.numpy import ENGINE as NUMPY

CHUNK = 1 << 14  # numbers of a job
MOST = 8  # quarters of an exponent that products and roots make


def affine(x: Array, scale: Array, shift: Array, *, floor: bool = False, out: Array | None = None) -> Array:
    """Scale and shift each channel; see `Engine`."""
    if not suits(x, scale, shift, out) or not x.ndim:
        return NUMPY.affine(x, scale, shift, floor=floor, out=out)
    y = empty(x.shape, x.dtype) if out is None else out
    stride, to = pixel_stride(x), pixel_stride(y)
    if stride is None:
        x = arrange(x)
        stride = x.shape[-1] * x.itemsize
    if to is None:
        return arrange(affine(x, scale, shift, floor=floor), y)
    if y.size:
        scale, shift, channels = laid_out(scale), laid_out(shift), x.shape[-1]
        pixels, chunk = x.size // channels, max(CHUNK // channels, 1)
        numbers = packed(*map(address_of, (x, y, scale, shift)), stride, to, pixels, channels, chunk, int(floor))
        run(kernel("channels.affine", x.itemsize, lanes_for(channels, x.itemsize)), -(-pixels // chunk), numbers)
    return y


def local_response(x: Array, size: int, alpha: float, beta: float, bias: float) -> Array:
    """Divide by what the neighbours amount to; see `Engine`."""
    quarters = beta * 4
    if not suits(x) or not x.ndim or quarters not in range(1, MOST + 1):
        return NUMPY.local_response(x, size, alpha, beta, bias)
    y, stride = empty(x.shape, x.dtype), pixel_stride(x)
    if stride is None:
        x = arrange(x)
        stride = x.shape[-1] * x.itemsize
    if y.size:
        channels = x.shape[-1]
        before, after = min((size - 1) // 2, channels), min(size // 2, channels)  # a larger window meets the same channels
        window = before + after + 1
        pixels, chunk = x.size // channels, max(CHUNK // channels, 1)
        jobs, buffer_size = -(-pixels // chunk), -(-(2 * channels + window) * x.itemsize // 64) * 64
        with Buffers() as buffers:
            scratch = buffers.take(min(jobs, threads()) * buffer_size)
            numbers = packed(
                address_of(x), address_of(y), scratch, pixels, channels, stride, before, window, bits_of(alpha / size), bits_of(bias),
                chunk, buffer_size,
            )  # fmt: skip
            run(kernel("channels.local_response", x.itemsize, int(quarters)), jobs, numbers)
    return y
