"""One walk of real images through padding, convolution and pooling, forward and backward.

One rule: every number comes from `convstep.steps`. `walk` computes, `summary` and `report` retell, nothing is written anywhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from convstep import steps
from convstep.checks import Array
from convstep.geometry import Axis, Window2d

__all__ = ["Account", "SingleStep", "report", "summary", "walk"]


FILTERS = {
    # Sobel's filters answer where ink begins below, or to the right, of blank paper; with the other sign, where it ends.
    "horizontal edges": np.array([[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]]),
    "vertical edges": np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]),
    "blur": np.array([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]) / 16,
}
PAD, STRIDE = 1, 1
POOL = {"f": 2, "stride": 2}
SHADES = " ░▒▓█"


@dataclass(frozen=True)
class SingleStep:
    """One step of the convolution, as `convstep.trace` recorded it."""

    cell: tuple[int, int, int, int]  # (i, h, w, c): where in Z it wrote
    a_slice: Array  # (f, f): the window
    W: Array  # (f, f): the filter
    products: Array  # (f, f): one with the other, cell by cell
    total: float  # the products, added up
    bias: float
    value: float  # what it wrote


@dataclass(frozen=True)
class Account:
    """What happened to the images, in the assignment's names."""

    X: Array  # (m, n_H, n_W, 1): the images, from 0 for paper to 1 for ink
    X_pad: Array  # (m, n_H + 2, n_W + 2, 1): with their frame of zeros
    filters: tuple[str, ...]  # what each filter looks for
    W: Array  # (3, 3, 1, 3): the filters
    b: Array  # (1, 1, 1, 3): the biases, all 0
    conv_window: Window2d
    Z: Array  # (m, n_H, n_W, 3): the feature maps
    strongest: SingleStep  # the step that wrote the largest value of the first feature map
    pool_window: Window2d
    A_max: Array  # (m, n_H // 2, n_W // 2, 3)
    A_average: Array  # (m, n_H // 2, n_W // 2, 3)
    dA: Array  # (m, n_H // 2, n_W // 2, 3): 1 in every cell, the gradient of the sum of A
    mask: Array  # (m, n_H, n_W, 3) of bool: the largest values of the pooling windows
    dZ_max: Array  # (m, n_H, n_W, 3): dA, after max pooling backward
    dZ_average: Array  # (m, n_H, n_W, 3): dA, after average pooling backward
    dX: Array  # (m, n_H, n_W, 1): dZ_max, after convolution backward
    dW: Array  # (3, 3, 1, 3)
    db: Array  # (1, 1, 1, 3)


def walk(images: Array) -> Account:
    """Take images through the steps, forward and backward.

    Parameters
    ----------
    images : (m, n_H, n_W), uint8
        Grey values from 0 for paper to 255 for ink.

    Returns
    -------
    Account
        Every array on the way.
    """
    X = images[..., np.newaxis] / 255
    W = np.stack([kernel[..., np.newaxis] for kernel in FILTERS.values()], axis=-1)
    b = np.zeros((1, 1, 1, len(FILTERS)))

    X_pad = steps.zero_pad(X, PAD)
    Z, conv_cache = steps.conv_forward(X, W, b, {"stride": STRIDE, "pad": PAD})
    A_max, pool_cache = steps.pool_forward(Z, POOL, mode="max")
    A_average, _ = steps.pool_forward(Z, POOL, mode="average")

    dA = np.ones_like(A_max)
    dZ_max = steps.pool_backward(dA, pool_cache, mode="max")
    dZ_average = steps.pool_backward(dA, pool_cache, mode="average")
    dX, dW, db = steps.conv_backward(dZ_max, conv_cache)

    conv_window = _window(X, W.shape[0], STRIDE, PAD)
    pool_window = _window(Z, POOL["f"], POOL["stride"], 0)
    return Account(
        X=X,
        X_pad=X_pad,
        filters=tuple(FILTERS),
        W=W,
        b=b,
        conv_window=conv_window,
        Z=Z,
        strongest=_strongest(X_pad, W, b, Z, window=conv_window),
        pool_window=pool_window,
        A_max=A_max,
        A_average=A_average,
        dA=dA,
        mask=_mask(Z, pool_window),
        dZ_max=dZ_max,
        dZ_average=dZ_average,
        dX=dX,
        dW=dW,
        db=db,
    )


def _window(images: Array, f: int, stride: int, pad: int) -> Window2d:
    height, width = (Axis.padded_by(pad, size, f, stride=stride) for size in images.shape[1:3])
    return Window2d(height, width)


def _strongest(X_pad: Array, W: Array, b: Array, Z: Array, *, window: Window2d) -> SingleStep:
    i, h, w = np.unravel_index(np.argmax(Z[..., 0]), Z.shape[:3])
    rows, columns = window.window(int(h), int(w))
    a_slice = X_pad[i, rows, columns]
    (event,) = steps.trace(steps.conv_single_step, a_slice, W[..., 0], b[..., 0])["events"]
    return SingleStep(
        cell=(int(i), int(h), int(w), 0),
        a_slice=a_slice[..., 0],
        W=W[..., 0, 0],
        products=np.array(event["products"])[..., 0],
        total=event["sum"],
        bias=event["bias"],
        value=event["value"],
    )


def _mask(Z: Array, window: Window2d) -> Array:
    mask = np.zeros(Z.shape, dtype=bool)
    for i, c in np.ndindex(Z.shape[0], Z.shape[3]):
        for _, _, (rows, columns) in window.windows():
            mask[i, rows, columns, c] = steps.create_mask_from_window(Z[i, rows, columns, c])
    return mask


# ---- for programs


def summary(account: Account) -> dict[str, Any]:
    """Return what happened as plain data: each array's shape and numbers, and how much gradient went where."""
    return {
        "filters": {name: account.W[:, :, 0, c].tolist() for c, name in enumerate(account.filters)},
        "hyperparameters": {"conv": {"stride": STRIDE, "pad": PAD}, "pool": POOL},
        "arrays": [{"name": name, "function": function, **_numbers(array)} for name, function, array in _arrays(account)],
        "strongest": {
            "cell": list(account.strongest.cell),
            "products": account.strongest.products.tolist(),
            "sum": account.strongest.total,
            "bias": account.strongest.bias,
            "value": account.strongest.value,
        },
        "gradient": {
            "sent": float(account.dA.sum()),
            "received_max": float(account.dZ_max.sum()),
            "received_average": float(account.dZ_average.sum()),
            "tied_windows": _tied_windows(account),
        },
    }


def _arrays(account: Account) -> Iterator[tuple[str, str, Array]]:
    yield "X", "load_digits", account.X
    yield "X_pad", "zero_pad", account.X_pad
    yield "Z", "conv_forward", account.Z
    yield "A_max", "pool_forward, max", account.A_max
    yield "A_average", "pool_forward, average", account.A_average
    yield "dA", "sent back: ones", account.dA
    yield "dZ_max", "pool_backward, max", account.dZ_max
    yield "dZ_average", "pool_backward, average", account.dZ_average
    yield "dX", "conv_backward", account.dX
    yield "dW", "conv_backward", account.dW
    yield "db", "conv_backward", account.db


def _numbers(array: Array) -> dict[str, Any]:
    return {"shape": list(array.shape), "smallest": float(array.min()), "largest": float(array.max()), "sum": float(array.sum())}


def _tied_windows(account: Account) -> int:
    """Count the pooling windows in which several cells share the largest value."""
    marked = [account.mask[:, rows, columns].sum(axis=(1, 2)) for _, _, (rows, columns) in account.pool_window.windows()]
    return int((np.stack(marked) > 1).sum())


# ---- for readers


def report(account: Account, *, title: str) -> RenderableType:
    """Return what happened as text of at most 80 columns: the first image before and after, the shapes, and what to see in them."""
    return Group(
        Text(f"One walk through the eight functions: {title}", style="bold"),
        "",
        _pictures(account),
        "",
        _shapes(account),
        "",
        *_remarks(account),
    )


def _pictures(account: Account) -> Table:
    before, after = account.X[0, :, :, 0], account.A_max[0, :, :, 1]
    table = Table(box=None, padding=(0, 4, 0, 0), pad_edge=False)
    table.add_column(f"the image, {_size(before)}", no_wrap=True)
    table.add_column(f"{account.filters[1]}, max pooled, {_size(after)}", no_wrap=True)
    table.add_row(Text(half_blocks(before)), Text(shades(after)))
    return table


def _size(image: Array) -> str:
    return " × ".join(map(str, image.shape))


def half_blocks(image: Array) -> str:
    """Draw an image as text, one character for two rows: what is above 0.5 is ink."""
    ink = np.pad(image > 0.5, ((0, image.shape[0] % 2), (0, 0)))
    pairs = zip(ink[0::2], ink[1::2], strict=True)
    return "\n".join("".join(" ▄▀█"[2 * above + below] for above, below in zip(*pair, strict=True)) for pair in pairs)


def shades(image: Array) -> str:
    """Draw an image as text, two characters for a cell: the darker, the larger; blank is 0 or below."""
    largest = max(float(image.max()), np.finfo(float).tiny)
    levels = np.ceil(np.clip(image / largest, 0, 1) * (len(SHADES) - 1)).astype(int)
    return "\n".join("".join(2 * SHADES[level] for level in row) for row in levels)


def _shapes(account: Account) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("function", style="cyan", no_wrap=True)
    table.add_column("gives", style="bold", no_wrap=True)
    table.add_column("shape", no_wrap=True)
    for heading in ("smallest", "largest", "sum"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, function, array in _arrays(account):
        numbers = _numbers(array)
        shape = str(tuple(numbers.pop("shape")))
        table.add_row(function, name, shape, *[f"{number:z.2f}" for number in numbers.values()])
    return table


def _remarks(account: Account) -> Iterator[RenderableType]:
    step, gradient = account.strongest, summary(account)["gradient"]
    i, h, w, c = step.cell
    rows, columns = account.conv_window.window(h, w)
    yield Text(
        f"The filter for {account.filters[c]} answers most strongly at rows {rows.start} to {rows.stop - 1} and "
        f"columns {columns.start} to {columns.stop - 1} of the padded image: {step.products.size} products, "
        f"sum {step.total:z.2f}, plus bias {step.bias:z.2f}, gives Z[{i},{h},{w},{c}] = {step.value:z.2f}."
    )
    yield ""
    height, width = account.pool_window.kernel
    yield Text(
        f"Backward, each of the {account.dA.size:,} pooled cells passes on a gradient of 1, {gradient['sent']:,.0f} in all. "
        f"Average pooling shares each among the {height * width} cells of its window: {gradient['received_average']:,.0f} arrive. "
        f"Max pooling gives it to the largest value alone; but in {gradient['tied_windows']:,} windows several cells are equally "
        "large (mostly blank paper), and by the rule of the course each of them gets all of it: "
        f"{gradient['received_max']:,.0f} arrive."
    )
