"""Every integer about windows, padding and output sizes.

One rule: the formula of the output size stands here, once, and everything else reads it. Plain integers of any size, no NumPy.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Self, TypeAlias

__all__ = ["Axis", "Padding", "Pads", "Window2d"]

Pads: TypeAlias = tuple[int, int]
Padding: TypeAlias = Literal["valid", "same"] | int | Pads


@dataclass(frozen=True)
class Axis:
    """One axis of an image and the window that slides along it.

    Parameters
    ----------
    size : int
        Cells of the axis before padding, >= 1.
    kernel : int
        Cells of the window, >= 1.
    stride : int
        Cells from the start of one window to the start of the next, >= 1.
    dilation : int
        Cells from one cell of the window to its neighbour, >= 1; 1 leaves no gaps.
    pad : (int, int)
        Zeros before and after the axis, >= 0.

    Notes
    -----
    The numbers are trusted: `convstep.checks` refuses others at the public door. Slices count cells of the padded axis.
    """

    size: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    pad: Pads = (0, 0)

    @classmethod
    def padded_by(cls, padding: Padding, size: int, kernel: int, *, stride: int = 1, dilation: int = 1) -> Self:
        """Return the axis with its padding spelled out.

        "valid" pads nothing. "same" pads so that the output has ceil(size / stride) cells; an odd cell goes after, as in Keras.
        A whole number pads both ends alike; a pair is (before, after).
        """
        if padding == "valid":
            return cls(size, kernel, stride, dilation)
        if padding == "same":
            bare = cls(size, kernel, stride, dilation)
            starts = -(-size // stride)
            total = max((starts - 1) * stride + bare.reach - size, 0)
            return cls(size, kernel, stride, dilation, (total // 2, total - total // 2))
        pads = padding if isinstance(padding, tuple) else (padding, padding)
        return cls(size, kernel, stride, dilation, pads)

    def rounded_up(self) -> Self:
        """Return the axis with the padding after it that a last, partly covered window needs: `ceil_mode` of ONNX and PyTorch.

        A window that would start behind the image and the padding before it is dropped. A window that is larger than the padded image
        counts if it hangs over by less than a stride.
        """
        out = -(-(self.padded - self.reach) // self.stride) + 1
        if (out - 1) * self.stride >= self.pad[0] + self.size:
            out -= 1
        end = (out - 1) * self.stride + self.reach
        return replace(self, pad=(self.pad[0], max(end - self.pad[0] - self.size, 0)))

    def bounded(self) -> Self:
        """Return an axis of the same windows whose stride and dilation are no longer than itself, so that machine integers hold them.

        Longer ones show in nothing: there is only one window then, or it has only one cell.
        """
        if self.stride <= self.padded and self.dilation <= self.padded:
            return self
        return replace(self, stride=min(self.stride, self.padded), dilation=min(self.dilation, self.padded))

    @classmethod
    def transposed(cls, padding: Padding, out: int, kernel: int, *, stride: int = 1, dilation: int = 1, extra: int | None = None) -> Self:
        """Return the axis of the convolution whose output has `out` cells: its `size` is the output of a transposed convolution.

        "same" makes size = out * stride and "valid" the largest size, as Keras has them; with explicit padding the size is the smallest
        one. `extra` (Keras's and PyTorch's `output_padding`, < stride) adds cells to the smallest size instead.
        """
        reach = cls(1, kernel, stride, dilation).reach
        smallest = (out - 1) * stride + reach
        if padding == "same":
            size = out * stride if extra is None else (out - 1) * stride + reach % 2 + extra
            total = max(smallest - size, 0)
            return cls(size, kernel, stride, dilation, (total // 2, total - total // 2))
        if padding == "valid":
            return cls(smallest + (max(stride - reach, 0) if extra is None else extra), kernel, stride, dilation)
        before, after = padding if isinstance(padding, tuple) else (padding, padding)
        return cls(smallest - before - after + (extra or 0), kernel, stride, dilation, (before, after))

    @property
    def reach(self) -> int:
        """Cells from the first to the last cell of a window, both counted."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def padded(self) -> int:
        """Cells of the axis with its padding."""
        return self.pad[0] + self.size + self.pad[1]

    @cached_property
    def out(self) -> int:
        """Windows that fit: the size of the output, 0 where not even one does. Floors, never truncates."""
        return max((self.padded - self.reach) // self.stride + 1, 0)

    @property
    def interior(self) -> slice:
        """The cells of the padded axis that are not padding."""
        return slice(self.pad[0], self.pad[0] + self.size)

    def window(self, i: int) -> slice:
        """Return the cells under output `i`, one for each cell of the window."""
        start = i * self.stride
        return slice(start, start + self.reach, self.dilation)

    def covered(self, i: int, cells: slice) -> int:
        """Count the cells of window `i` that lie in this run of the padded axis."""
        start = i * self.stride
        first: int = max(-((start - cells.start) // self.dilation), 0)
        last: int = min((cells.stop - 1 - start) // self.dilation, self.kernel - 1)
        return max(last - first + 1, 0)

    def tap(self, k: int) -> slice:
        """Return the cells that cell `k` of the window meets, one for each output."""
        start = k * self.dilation
        span = (self.out - 1) * self.stride + 1 if self.out else 0
        return slice(start, start + span, self.stride)


@dataclass(frozen=True)
class Window2d:
    """A window that slides over the height and the width of an image."""

    height: Axis
    width: Axis

    @cached_property
    def out(self) -> tuple[int, int]:
        """Rows and columns of the output."""
        return self.height.out, self.width.out

    @property
    def kernel(self) -> tuple[int, int]:
        """Rows and columns of the window."""
        return self.height.kernel, self.width.kernel

    @property
    def padded(self) -> tuple[int, int]:
        """Rows and columns of the padded image."""
        return self.height.padded, self.width.padded

    @property
    def pad(self) -> tuple[Pads, Pads]:
        """Zeros (above, below) and (left, right)."""
        return self.height.pad, self.width.pad

    @property
    def interior(self) -> tuple[slice, slice]:
        """The cells of the padded image that are not padding."""
        return self.height.interior, self.width.interior

    def window(self, h: int, w: int) -> tuple[slice, slice]:
        """Return the cells under output (h, w)."""
        return self.height.window(h), self.width.window(w)

    def tap(self, i: int, j: int) -> tuple[slice, slice]:
        """Return the cells that cell (i, j) of the window meets."""
        return self.height.tap(i), self.width.tap(j)

    def bounded(self) -> Self:
        """Return the same windows with strides and dilations that machine integers hold."""
        return replace(self, height=self.height.bounded(), width=self.width.bounded())

    def windows(self) -> Iterator[tuple[int, int, tuple[slice, slice]]]:
        """Yield (h, w, cells) for every output, row by row."""
        for h in range(self.height.out):
            for w in range(self.width.out):
                yield h, w, self.window(h, w)

    def taps(self) -> Iterator[tuple[int, int, tuple[slice, slice]]]:
        """Yield (i, j, cells) for every cell of the window, row by row."""
        for i in range(self.height.kernel):
            for j in range(self.width.kernel):
                yield i, j, self.tap(i, j)
