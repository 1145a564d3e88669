"""The convolutions that are measured: those of known networks, odd ones, and random ones. Sizes alone, no arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from convstep.geometry import Axis, Window2d

Pair = tuple[int, int]
FLOAT = 4  # bytes
LARGEST = 2e9  # floating-point operations of a random layer, forwards: so that none takes all the time


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A convolution; `kind` is whose layer it is: "course", "known", "odd" or "random"."""

    name: str
    kind: str
    batch: int
    size: Pair
    channels: int
    filters: int
    kernel: Pair
    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: int = 1
    groups: int = 1

    @property
    def window(self) -> Window2d:
        """The window that slides over an image."""
        height, width = (Axis(self.size[i], self.kernel[i], self.stride[i], self.dilation, self.padding[i]) for i in range(2))
        return Window2d(height, width)

    @property
    def x(self) -> tuple[int, ...]:
        """The shape of the images."""
        return (self.batch, *self.size, self.channels)

    @property
    def w(self) -> tuple[int, ...]:
        """The shape of the filters."""
        return (*self.kernel, self.channels // self.groups, self.filters)

    @property
    def y(self) -> tuple[int, ...]:
        """The shape of the output."""
        return (self.batch, *self.window.out, self.filters)

    @property
    def options(self) -> dict[str, Any]:
        """The options of `convstep.ops.conv2d`."""
        return {"strides": self.stride, "padding": self.padding, "dilation_rate": self.dilation, "groups": self.groups}

    @property
    def operations(self) -> int:
        """Multiplications and additions of the forward pass; each gradient of images and filters takes as many."""
        return 2 * int(np.prod(self.y)) * int(np.prod(self.w[:3]))

    @property
    def traffic(self) -> int:
        """Bytes that the forward pass and both gradients must read and write at least: each reads two arrays and writes the third."""
        return 3 * FLOAT * sum(int(np.prod(shape)) for shape in (self.x, self.w, self.y))

    @property
    def intensity(self) -> float:
        """Operations for each byte of the forward pass and both gradients."""
        return 3 * self.operations / self.traffic

    def text(self) -> str:
        """Return the shape in short: images, filters, and whatever is not usual."""
        words = [
            f"{self.batch} x {self.size[0]}x{self.size[1]}x{self.channels}",
            f"{self.kernel[0]}x{self.kernel[1]} to {self.filters}",
            *([f"stride {self.stride[0]},{self.stride[1]}"] if self.stride != (1, 1) else []),
            *([f"padding {self.padding}".replace(" ", "")] if any(map(any, self.padding)) else []),
            *([f"dilation {self.dilation}"] if self.dilation > 1 else []),
            *([f"{self.groups} groups"] if self.groups > 1 else []),
        ]
        return ", ".join(words)


def _square(name: str, size: int, channels: int, filters: int, kernel: int, **more: Any) -> Shape:  # noqa: PLR0917 - a row of a table
    pad = more.pop("pad", kernel // 2)
    stride = more.pop("stride", 1)
    words = {"kind": "known", "batch": 4, "padding": ((pad, pad), (pad, pad)), "stride": (stride, stride), **more}
    return Shape(name=name, size=(size, size), channels=channels, filters=filters, kernel=(kernel, kernel), **words)


def _course(name: str, batch: int, *sizes: int, padding: Pair = (0, 0)) -> Shape:
    return _square(name, *sizes, kind="course", batch=batch, padding=(padding, padding))


def _odd(name: str, size: Pair, channels: int, filters: int, kernel: int, **more: Any) -> Shape:  # noqa: PLR0917 - a row of a table
    return Shape(name=name, kind="odd", batch=8, size=size, channels=channels, filters=filters, kernel=(kernel, kernel), **more)


SHAPES = (
    _course("LeNet-5 1", 64, 32, 1, 6, 5),
    _course("LeNet-5 2", 64, 14, 6, 16, 5),
    _course("SIGNS 1", 64, 64, 3, 8, 4, padding=(1, 2)),
    _course("SIGNS 2", 64, 8, 8, 16, 2, padding=(0, 1)),
    _course("Happy House", 16, 70, 3, 32, 7),
    _square("VGG-32 1", 32, 3, 32, 3, batch=64),
    _square("VGG-32 2", 32, 32, 32, 3, batch=64),
    _square("VGG-32 3", 16, 32, 64, 3, batch=64),
    _square("VGG-32 4", 16, 64, 64, 3, batch=64),
    _square("VGG-32 5", 8, 64, 128, 3, batch=64),
    _square("VGG-32 6", 8, 128, 128, 3, batch=64),
    _square("ResNet stem", 224, 3, 64, 7, stride=2),
    _square("ResNet-18 56", 56, 64, 64, 3),
    _square("ResNet-18 56 to 28", 56, 64, 128, 3, stride=2),
    _square("ResNet-18 28", 28, 128, 128, 3),
    _square("ResNet-18 28 to 14", 28, 128, 256, 3, stride=2),
    _square("ResNet-18 14", 14, 256, 256, 3),
    _square("ResNet-18 14 to 7", 14, 256, 512, 3, stride=2),
    _square("ResNet-18 7", 7, 512, 512, 3),
    _square("ResNet-50 1x1 up", 56, 64, 256, 1),
    _square("ResNet-50 1x1 down", 28, 512, 128, 1),
    _square("ResNet-50 1x1 14", 14, 1024, 256, 1),
    _square("ResNet-50 1x1 7", 7, 512, 2048, 1),
    _square("ResNet-50 1x1 shortcut", 56, 256, 512, 1, stride=2),
    _odd("odd 27x31, 7 to 13", (27, 31), 7, 13, 3, padding=((1, 1), (1, 1))),
    _odd("odd 33x29, 37 to 41", (33, 29), 37, 41, 5, padding=((2, 2), (2, 2))),
    _odd("odd 17x17, 65 to 67", (17, 17), 65, 67, 3),
    _odd("odd 1x1, 70 to 33", (13, 13), 70, 33, 1),
    _odd("odd stride 3, 19 to 31", (41, 43), 19, 31, 3, stride=(3, 3), padding=((0, 1), (2, 0))),
)
QUICK = ("LeNet-5 2", "SIGNS 2", "odd 1x1, 70 to 33")


def random_shapes(count: int, seed: int = 0) -> list[Shape]:
    """Return random layers: kernels of 1 to 7, strides of 1 to 3, 1 to 128 channels, images of 1 to 64, batches of 1 to 16."""
    rng = np.random.default_rng(seed)
    found: list[Shape] = []
    while len(found) < count:
        shape = _random(rng, f"random {len(found)}")
        if min(shape.window.out) > 0 and shape.operations <= LARGEST:
            found.append(shape)
    return found


def _random(rng: np.random.Generator, name: str) -> Shape:
    channels, filters = (int(2 ** rng.uniform(0, 7)) for _ in range(2))
    groups = int(rng.choice([1, 1, 1, 1, 1, 2, channels]))
    channels, filters = (max(number // groups, 1) * groups for number in (channels, filters))
    kernel, stride, size = (_pair(rng, most) for most in (7, 3, 64))
    above, below, left, right = (int(rng.integers(0, kernel[i // 2] // 2 + 1)) for i in range(4))
    dilation = int(rng.choice([1, 1, 1, 1, 2]))
    return Shape(
        name=name, kind="random", batch=int(rng.integers(1, 17)), size=size, channels=channels, filters=filters, kernel=kernel,
        stride=stride, padding=((above, below), (left, right)), dilation=dilation, groups=groups,
    )  # fmt: skip


def _pair(rng: np.random.Generator, most: int) -> Pair:
    one, other = rng.integers(1, most + 1, 2)
    return int(one), int(other)
