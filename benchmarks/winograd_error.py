"""How much Winograd's algorithm rounds: errors of 3 x 3 convolutions beside those of exact sums, both against float64.

    python benchmarks/winograd_error.py

Where both are the same, the layer is not for Winograd's algorithm.
"""

import numpy as np

from convstep import ops, use_engine
from convstep.checks import Array

LAYERS = ((56, 32, 32), (28, 64, 128), (14, 256, 256), (7, 512, 512))  # pixels along a side, channels, filters
BATCH = 2


def main() -> None:
    """Print the table."""
    print("largest error of y, dx and dw, each over its largest entry      exact     Winograd")
    for size, channels, filters in LAYERS:
        rng = np.random.default_rng(size)
        x, dy = (rng.standard_normal((BATCH, size, size, count), np.float32) for count in (channels, filters))
        w = rng.standard_normal((3, 3, channels, filters), np.float32) / np.float32(np.sqrt(9 * channels))
        wide: list[Array] = [array.astype(np.float64) for array in (x, w, dy)]
        truth = results("numpy", *wide, exact=True)
        exact, winograd = (off(results("compiled", x, w, dy, exact=exact), truth) for exact in (True, False))
        for name, one, other in zip(("y", "dx", "dw"), exact, winograd, strict=True):
            print(f"{size:3} x {size:<3} {channels:4} -> {filters:<4} {name:3} {one:36.1e} {other:12.1e}")


def results(engine: str, x: Array, w: Array, dy: Array, *, exact: bool) -> tuple[Array, Array, Array]:
    """Return y, dx and dw."""
    with use_engine(engine, exact=exact):
        dx, dw, _ = ops.conv2d_backward(dy, x, w, padding="same")
        return ops.conv2d(x, w, padding="same"), dx, dw


def off(found: tuple[Array, ...], truth: tuple[Array, ...]) -> list[float]:
    """Return the largest error of each array, over the array's largest entry."""
    return [float(abs(one - other).max() / abs(other).max()) for one, other in zip(found, truth, strict=True)]


if __name__ == "__main__":
    main()
