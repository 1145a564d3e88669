"""Images seen through matrices: turned, scaled, slanted and moved, with straight lines between cells."""

import numpy as np

from convstep.checks import Array


@np.errstate(all="ignore")
def resample(x: Array, matrices: Array, starts: Array, fill: float) -> Array:
    """Interpolate where each cell of the result comes from; see `Engine`."""
    n, height, width, channels = x.shape
    rows, columns = (np.arange(size, dtype=x.dtype) - x.dtype.type((size - 1) / 2) for size in (height, width))
    places = []
    for axis, size in enumerate((height, width)):
        m, start = matrices[:, axis, :, None, None], starts[:, axis, None, None]
        place = (m[:, 0] * rows[:, None] + start) + m[:, 1] * columns  # (n, height, width)
        places.append(np.clip(place, -1, size, out=place))

    # The images with a border of `fill`, 1 before and 2 behind, so that the four cells around each place exist.
    padded = np.full((n, height + 3, width + 3, channels), fill, x.dtype)
    padded[:, 1:-2, 1:-2] = x
    flat = padded.reshape(n * (height + 3) * (width + 3), channels)
    (row, down), (column, right) = ((np.floor(place).astype(np.intp), place) for place in places)
    down -= row
    right -= column
    corner = ((np.arange(n)[:, None, None] * (height + 3) + row + 1) * (width + 3) + column + 1).ravel()
    down, right = down.reshape(-1, 1), right.reshape(-1, 1)
    upper, lower = (_between(flat, corner + step, right) for step in (0, width + 3))
    lower -= upper
    lower *= down
    upper += lower
    return upper.reshape(x.shape)


def _between(flat: Array, left: Array, share: Array) -> Array:
    """Return the values `share` of the way from the cells at `left` to their right neighbours."""
    here = flat.take(left, axis=0)
    step = flat.take(left + 1, axis=0)
    step -= here
    step *= share
    here += step
    return here
