"""Depthwise convolution, each filter on one channel: elementwise products, cell after cell of the window.

One rule: the columns and the channels of a row are one run where the stride allows it, so that NumPy's inner loops are long.
"""

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convstep.checks import Array, DType
from convstep.engines.numpy.blocks import PASSES, blocks, length, overlap, rectangle
from convstep.geometry import Window2d

Cut = tuple[slice, ...]  # images, rows and columns of the output


def depthwise(x: Array, w: Array, b: Array | None, window: Window2d) -> Array:
    """Slide each filter over its channel."""
    y = np.empty((x.shape[0], *window.out, w.shape[3]), x.dtype)
    for cut in _cuts(y.shape, window, x.dtype):
        # (N,OH,OW,K) = sum over i,j of x[n,h+i,w+j,k//q] * w[i,j,k]
        meetings = _meetings(_repeated(x, window, cut, w.shape[3]), window, cut)
        total = meetings[:, :, 0, 0] * _weights(w, (0, 0), window, cut)
        for i, j in _taps(window, start=1):
            total += meetings[:, :, i, j] * _weights(w, (i, j), window, cut)
        y[cut] = total.reshape(y[cut].shape)
        if b is not None:
            y[cut] += b
    return y


def depthwise_to_x(dy: Array, w: Array, window: Window2d, channels: int) -> Array:
    """Give every cell the sum of w * dy over the windows that hold it."""
    filters = w.shape[3]
    dx = np.zeros((dy.shape[0], window.height.size, window.width.size, channels), dy.dtype)
    for cut in _cuts(dy.shape, window, dy.dtype):
        corner, shape = _rectangle(window, cut)
        cells = np.zeros((length(cut[0]), *shape, filters), dy.dtype)
        meetings, outgoing = _meetings(cells, window, cut), _outgoing(dy, window, cut)
        for i, j in _taps(window):
            meetings[:, :, i, j] += outgoing * _weights(w, (i, j), window, cut)
        inside, places = overlap(corner, shape, dx.shape)
        part = dx[cut[0], *inside]
        part += cells[:, *places].reshape(*part.shape, filters // channels).sum(axis=-1)
    return dx


def depthwise_to_w(dy: Array, x: Array, window: Window2d) -> Array:
    """Give every weight the sum of x * dy over the windows."""
    filters = dy.shape[3]
    dw = np.zeros((*window.kernel, 1, filters), dy.dtype)
    for cut in _cuts(dy.shape, window, dy.dtype):
        meetings, outgoing = _meetings(_repeated(x, window, cut, filters), window, cut), _outgoing(dy, window, cut)
        for i, j in _taps(window):
            dw[i, j, 0] += (meetings[:, :, i, j] * outgoing).sum(axis=(0, 1)).reshape(-1, filters).sum(axis=0)
    return dw


def _taps(window: Window2d, start: int = 0) -> Iterator[tuple[int, int]]:
    rows, columns = window.kernel
    return (divmod(tap, columns) for tap in range(start, rows * columns))


def _cuts(output: tuple[int, ...], window: Window2d, dtype: DType) -> Iterator[Cut]:
    """Cut the outputs into blocks that stay in the cache."""

    def size(n: int, rows: int, columns: int) -> int:
        tall, wide = _extent(window, rows, columns)
        return n * tall * wide * output[3] * dtype.itemsize

    return blocks(output[:3], size, PASSES)


def _extent(window: Window2d, rows: int, columns: int) -> tuple[int, int]:
    """Return the rows and columns that so many windows reach."""
    height, width = window.height, window.width
    return (rows - 1) * height.stride + height.reach, (columns - 1) * width.stride + width.reach


def _rectangle(window: Window2d, cut: Cut) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the corner and the shape of the rectangle under the windows, in cells of the image."""
    (top, _), (left, _) = window.pad
    corner = cut[1].start * window.height.stride - top, cut[2].start * window.width.stride - left
    return corner, _extent(window, length(cut[1]), length(cut[2]))


def _repeated(x: Array, window: Window2d, cut: Cut, filters: int) -> Array:
    """Return the cells under the windows, each channel repeated for its filters."""
    cells = rectangle(x[cut[0]], *_rectangle(window, cut))
    times = filters // x.shape[3]
    return cells if times == 1 else np.repeat(cells, times, axis=3)


def _meetings(cells: Array, window: Window2d, cut: Cut) -> Array:
    """View the cells as (N,OH,KH,KW,OW*K), or as (N,OH,KH,KW,OW,K) where the windows of a row are apart."""
    (height, width), columns = (window.height, window.width), length(cut[2])
    n, h, w, k = cells.strides
    runs, strides = ((columns * cells.shape[3],), (k,)) if width.stride == 1 else ((columns, cells.shape[3]), (w * width.stride, k))
    shape = (len(cells), length(cut[1]), *window.kernel, *runs)
    return as_strided(cells, shape, (n, h * height.stride, h * height.dilation, w * width.dilation, *strides))


def _outgoing(dy: Array, window: Window2d, cut: Cut) -> Array:
    """Return a block of dy in the same form."""
    part = dy[cut]
    return part.reshape(*part.shape[:2], -1) if window.width.stride == 1 else part


def _weights(w: Array, tap: tuple[int, int], window: Window2d, cut: Cut) -> Array:
    """Return a cell of each filter in the same form."""
    return np.tile(w[*tap, 0], length(cut[2])) if window.width.stride == 1 else w[*tap, 0]
