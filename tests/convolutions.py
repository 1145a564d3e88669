"""Convolutions to hold one engine against another: arguments, what NumPy makes of them in float64, and how far rounding leads."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from convstep import ops, use_engine
from convstep.checks import Array

Results = dict[str, Array]
Layout = Callable[[Array], Array]
needs_numba = pytest.mark.skipif(find_spec("numba") is None, reason="numba compiles this engine, and it is not installed")


@dataclass(frozen=True)
class Convolution:
    """Arguments of `conv2d` and `conv2d_backward`, or of the transposed two."""

    x: Array
    w: Array
    b: Array | None
    dy: Array
    options: Mapping[str, Any]
    transposed: bool = False

    @property
    def arrays(self) -> dict[str, Array]:
        return {name: value for name in ("x", "w", "b", "dy") if (value := getattr(self, name)) is not None}

    def changed(self, change: Layout) -> "Convolution":
        """The same arguments with something done to each array."""
        arrays: dict[str, Any] = {name: change(value) for name, value in self.arrays.items()}
        return replace(self, **arrays)

    def __str__(self) -> str:
        shapes = ", ".join(f"{name} {value.shape}" for name, value in self.arrays.items())
        return f"{'transposed ' * self.transposed}{shapes}, {self.x.dtype}, {dict(self.options)}"


def results(case: Convolution) -> Results:
    """What the current engine returns, forward and backward."""
    forward, backward = (ops.conv2d_transpose, ops.conv2d_transpose_backward) if case.transposed else (ops.conv2d, ops.conv2d_backward)
    y = forward(case.x, case.w, case.b, **case.options)
    dx, dw, db = backward(case.dy, case.x, case.w, **case.options)
    return {"y": y, "dx": dx, "dw": dw, "db": db}


def of(engine: str, case: Convolution, *, exact: bool = True) -> Results:
    with use_engine(engine, exact=exact):
        return results(case)


def assert_explained(case: Convolution, got: Results | None = None) -> None:
    """The compiled engine is the NumPy engine in float64 but for 2 (n + 4) u sum |terms| of a sum of n terms."""
    got = got or of("compiled", case)
    want = of("numpy", case.changed(lambda x: x.astype(np.float64)))
    sums = of("numpy", case.changed(lambda x: np.abs(x.astype(np.float64))))
    info = np.finfo(case.x.dtype)
    for name, terms in _terms(case).items():
        assert got[name].shape == want[name].shape, f"{name} of {case}"
        assert got[name].dtype == case.x.dtype, f"{name} of {case}"
        with np.errstate(all="ignore"):
            rounding = 2 * (terms + 4) * (float(info.eps) / 2 * sums[name] + float(info.smallest_subnormal))
            near = (got[name] == want[name]) | (np.abs(got[name].astype(np.float64) - want[name]) <= rounding)
        assert near.all(), f"{name}{np.argwhere(~near)[0]} of {case}: {np.sum(~near)} of {near.size} differ"


def _terms(case: Convolution) -> dict[str, int]:
    """How many terms the sums of each result have at most."""
    rows, columns, into, out = case.w.shape
    there, back = rows * columns * into + 1, rows * columns * out // case.options.get("groups", 1)
    pixels = len(case.x) * int(np.prod((case.x if case.transposed else case.dy).shape[1:3]))
    y, dx = (back + 1, there) if case.transposed else (there, back)
    return {"y": y, "dx": dx, "dw": pixels, "db": case.dy[..., 0].size}


def assert_same_bits(one: Results, other: Results, parts: tuple[str, ...] = ("y", "dx", "dw", "db")) -> None:
    for name in parts:
        value = one[name]
        assert value.dtype == other[name].dtype
        np.testing.assert_array_equal(value, other[name], name)


# --- drawn ---


class Draw:
    """Draws sizes, options and values; the seed alone decides."""

    def __init__(self, seed: int, dtype: str = "") -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype = np.dtype(dtype or ("float32", "float64", "float16")[seed % 3])

    def whole(self, least: int, most: int) -> int:
        return int(self.rng.integers(least, most + 1))

    def pair(self, least: int, most: int) -> tuple[int, int]:
        return self.whole(least, most), self.whole(least, most)

    def array(self, *shape: int) -> Array:
        """Draw values; some are all of one sign, so that nothing cancels."""
        values = self.rng.standard_normal(shape)
        return np.asarray(np.abs(values) + 0.5 if self.whole(0, 3) == 0 else values, self.dtype)

    def case(self) -> Convolution:
        """Draw groups, strides larger than windows, windows that do not divide, asymmetric padding, dilation and single pixels."""
        groups = self.whole(2, 4) if self.whole(0, 3) == 0 else 1
        channels = groups * (1 if self.whole(0, 3) == 0 else self.whole(1, 6))
        filters = groups * self.whole(1, 8 if self.whole(0, 1) else 3)
        kernel, dilation = self.pair(1, 4), self.pair(1, 3) if self.whole(0, 2) == 0 else (1, 1)
        strides = self.pair(1, 5) if self.whole(0, 1) else (1, 1)
        padding = (self.pair(0, 3), self.pair(0, 3)) if self.whole(0, 1) else ((0, 0), (0, 0))
        sizes = (1, 1) if self.whole(0, 9) == 0 else self.pair(1, 14)
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        fitting = tuple(max(size, r - sum(pad)) for size, r, pad in zip(sizes, reach, padding, strict=True))
        options: dict[str, Any] = {"strides": strides, "padding": padding, "dilation_rate": dilation, "groups": groups}
        return self.convolution(self.whole(0, 7) % 4, fitting, kernel, (channels, filters), **options)

    def transposed(self) -> Convolution:
        """Draw a transposed convolution."""
        kernel, strides, dilation = self.pair(1, 4), self.pair(1, 4), self.pair(1, 2)
        padding = ((0, 0), (0, 0)) if self.whole(0, 1) else "same"
        options: dict[str, Any] = {"strides": strides, "padding": padding, "dilation_rate": dilation}
        x = self.array(self.whole(0, 5) % 3, *self.pair(1, 7), self.whole(1, 9))
        w = self.array(*kernel, self.whole(1, 9), x.shape[3])
        y = ops.conv2d_transpose(x, w, **options)
        return Convolution(x, w, self.array(w.shape[2]) if self.whole(0, 1) else None, self.array(*y.shape), options, transposed=True)

    def convolution(
        self,
        images: int,
        sizes: tuple[int, ...],
        kernel: tuple[int, int],
        channels: tuple[int, int],
        *,
        bias: bool | None = None,
        **options: Any,
    ) -> Convolution:
        """Draw the values of a convolution of these sizes."""
        x = self.array(images, *sizes, channels[0])
        w = self.array(*kernel, channels[0] // options.get("groups", 1), channels[1])
        with use_engine("numpy"):
            y = ops.conv2d(x, w, **options)
        has_bias = self.whole(0, 1) if bias is None else bias
        return Convolution(x, w, self.array(channels[1]) if has_bias else None, self.array(*y.shape), options)


# --- other machines ---


def rooms() -> list[ModuleType]:
    """The modules of the compiled engine that turn calls into kernels' arguments."""
    begin, below = "convstep.engines.compiled.", ("kernels", "native", "threads", "buffers")
    return [module for name, module in sys.modules.items() if name.startswith(begin) and name[len(begin) :].split(".")[0] not in below]


@contextmanager
def tiles(monkeypatch: pytest.MonkeyPatch, *, features: frozenset[str], only: int | None = None) -> Iterator[None]:
    """Choose register tiles as a machine with these features does, and of them this one alone."""
    from convstep.engines.compiled import tiles

    forget_plans()
    with monkeypatch.context() as patch:
        patch.setattr(tiles, "host_features", lambda: features)
        if only is not None:
            tile = tiles.tiles_for(4)[only]
            patch.setattr(tiles, "tiles_for", lambda size: (tile,) if size == 4 else ())
        yield
    forget_plans()


def forget_plans() -> None:
    """Let all plans be made anew."""
    for module in rooms():
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()
