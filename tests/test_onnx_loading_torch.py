"""Networks as PyTorch's exporter writes them, against PyTorch itself: what it makes of views, sizes, chunks, and dynamic axes."""

import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convstep.checks import Array
from convstep.interop import onnx as interop

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
nn, functional = torch.nn, torch.nn.functional
DYNAMIC = {"x": {0: "batch", 2: "height", 3: "width"}}


class Written(nn.Module):  # type: ignore[misc, name-defined]
    """A module that is one function of x and of some layers."""

    def __init__(self, function: Callable[..., Any], *layers: Any) -> None:
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(layers)

    def forward(self, x: Any) -> Any:
        """Return what the function makes of it."""
        return self.function(x, *self.layers)


def exported(module: Any, example: Any, axes: Any, names: list[str] | None = None) -> bytes:
    """Return the file that PyTorch's older exporter writes."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, example, file, input_names=names or ["x"], dynamic_axes=axes, opset_version=17, dynamo=False)
    return file.getvalue()


def compared(module: Any, sizes: list[tuple[int, ...]], axes: Any = None, tolerance: float = 2e-5) -> Any:
    """Return the model, after it gave PyTorch's numbers for images of these sizes."""
    torch.manual_seed(0)
    module.eval()
    model = interop.load(exported(module, torch.randn(*sizes[0]), axes))
    for size in sizes:
        x = torch.randn(*size)
        with torch.no_grad():
            wanted = module(x)
        found = model.predict(x.numpy())
        pairs = zip(found.values(), wanted, strict=True) if isinstance(found, dict) else [(found, wanted)]
        for ours, theirs in pairs:
            close(ours, theirs.numpy(), tolerance)
    return model


def close(ours: Array, theirs: Array, tolerance: float) -> None:
    """Compare two arrays."""
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * max(float(np.abs(theirs).max()), 1e-3))


def attention(x: Any, first: Any, second: Any) -> Any:
    """Return attention over the pixels, in two heads."""
    n, c, h, w = x.shape
    tokens = x.reshape(n, c, h * w).permute(0, 2, 1)
    q, k, v = first(tokens).reshape(n, h * w, 3, 2, c // 2).permute(2, 0, 3, 1, 4).unbind(0)
    mixed = torch.softmax(q @ k.transpose(-2, -1) / c**0.5, -1) @ v
    return second(mixed.transpose(1, 2).reshape(n, h * w, c)).permute(0, 2, 1).reshape(n, c, h, w)


def shuffled(x: Any, conv: Any) -> Any:
    """Return channels in another order."""
    x = functional.relu(conv(x))
    n, c, h, w = x.shape
    return conv(x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w))


def gated(x: Any, conv: Any) -> Any:
    """Return one half of the channels, as far as the other half says."""
    one, other = conv(x).chunk(2, 1)
    return one * torch.sigmoid(other)


def normed(x: Any) -> Any:
    """Return layer normalization in pieces."""
    mean = x.mean(1, keepdim=True)
    return (x - mean) / torch.sqrt((x - mean).pow(2).mean(1, keepdim=True) + 1e-5)


ANY_SIZE: dict[str, Callable[[], Any]] = {
    "view": lambda: Written(lambda x, c, d: d(c(x).mean((2, 3)).view(x.size(0), -1)), nn.Conv2d(4, 6, 3), nn.Linear(6, 5)),
    "adaptive": lambda: nn.Sequential(nn.Conv2d(4, 6, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)),
    "residual": lambda: Written(lambda x, c, b: functional.relu(x + b(c(x))), nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)),
    "interpolate by a factor": lambda: Written(lambda x, c: c(functional.interpolate(x, scale_factor=2)), nn.Conv2d(4, 2, 3)),
    "interpolate linearly": lambda: Written(
        lambda x, c: c(functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)), nn.Conv2d(4, 2, 3)
    ),
    "interpolate to a size": lambda: Written(
        lambda x, c, d: x + d(functional.interpolate(c(x), size=x.shape[2:], mode="bilinear")),
        nn.Conv2d(4, 4, 3, 2, 1), nn.Conv2d(4, 4, 1),
    ),
    "squeeze and excite": lambda: Written(
        lambda x, a, b: x * torch.sigmoid(b(functional.relu(a(functional.adaptive_avg_pool2d(x, 1))))),
        nn.Conv2d(4, 2, 1), nn.Conv2d(2, 4, 1),
    ),
    "channel shuffle": lambda: Written(shuffled, nn.Conv2d(4, 4, 3, padding=1, groups=2)),
    "chunk": lambda: Written(gated, nn.Conv2d(4, 8, 3)),
    "split": lambda: Written(lambda x, c: torch.cat([part + 1 for part in c(x).split([2, 3, 1], 1)][::-1], 1), nn.Conv2d(4, 6, 3)),
    "slice": lambda: Written(lambda x, c: c(x)[:, 1:, ::2, 1::2], nn.Conv2d(4, 6, 3)),
    "pixel shuffle": lambda: nn.Sequential(nn.Conv2d(4, 8, 3), nn.PixelShuffle(2), nn.Conv2d(2, 3, 3)),
    "layer norm in pieces": lambda: Written(lambda x, c, d: d(normed(c(x))), nn.Conv2d(4, 6, 1), nn.Conv2d(6, 3, 1)),
    "group norm": lambda: nn.Sequential(nn.Conv2d(4, 6, 3), nn.GroupNorm(2, 6), nn.ReLU()),
    "instance norm": lambda: nn.Sequential(nn.Conv2d(4, 6, 3), nn.InstanceNorm2d(6, affine=True), nn.Conv2d(6, 3, 1)),
    "transposed": lambda: nn.Sequential(nn.ConvTranspose2d(4, 6, 3, 2, 1, 1), nn.ReLU(), nn.ConvTranspose2d(6, 2, 2, 2)),
    "depthwise": lambda: nn.Sequential(nn.Conv2d(4, 4, 3, groups=4, padding=1), nn.Hardswish(), nn.Conv2d(4, 8, 1), nn.ReLU6()),
    "prelu": lambda: nn.Sequential(nn.Conv2d(4, 6, 3), nn.PReLU(6), nn.Conv2d(6, 3, 3), nn.PReLU()),
    "pads": lambda: nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(4, 6, 3), nn.ZeroPad2d((1, 0, 2, 0)), nn.Conv2d(6, 3, 3),
                                  nn.ReplicationPad2d(1)),
    "masked": lambda: Written(lambda x, c: torch.where(c(x) > 0, c(x), x * 0.5), nn.Conv2d(4, 4, 3, padding=1)),
    "activations": lambda: nn.Sequential(nn.Conv2d(4, 6, 3), nn.GELU(), nn.SiLU(), nn.Mish(), nn.ELU(), nn.SELU(),
                                         nn.Hardsigmoid(), nn.Softplus(), nn.LeakyReLU()),
    "softmax": lambda: Written(lambda x, c: torch.log_softmax(c(x), 1).exp(), nn.Conv2d(4, 6, 3)),
    "several outputs": lambda: Written(lambda x, c: (c(x), c(x).amax((2, 3)), x.mean()), nn.Conv2d(4, 6, 3)),
    "attention": lambda: Written(attention, nn.Linear(4, 12), nn.Linear(4, 4)),
    "max pool": lambda: nn.Sequential(nn.Conv2d(4, 6, 3), nn.MaxPool2d(3, 2, 1), nn.Conv2d(6, 6, 1), nn.AvgPool2d(2)),
}  # fmt: skip
NOTHING_MOVES = (
    "view", "adaptive", "residual", "interpolate by a factor", "interpolate linearly", "interpolate to a size", "squeeze and excite",
    "chunk", "split", "slice", "transposed", "depthwise", "prelu", "pads", "activations", "softmax", "max pool", "layer norm in pieces",
)  # fmt: skip


@pytest.mark.parametrize("name", ANY_SIZE)
def test_a_network_of_pytorchs_takes_images_of_any_size(name: str) -> None:
    torch.manual_seed(1)
    model = compared(ANY_SIZE[name](), [(2, 4, 8, 10), (1, 4, 12, 6), (3, 4, 9, 11)], DYNAMIC)
    if name in NOTHING_MOVES:
        assert model.transposes <= 2  # of the input, and of an image that is the output


FIXED: dict[str, Callable[[], Any]] = {
    "flatten": lambda: nn.Sequential(nn.Conv2d(4, 6, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(),
                                     nn.Linear(6 * 9, 8), nn.ReLU(), nn.Linear(8, 3)),
    "ceil": lambda: nn.Sequential(nn.Conv2d(4, 6, 3), nn.MaxPool2d(3, 2, ceil_mode=True), nn.AvgPool2d(2, ceil_mode=True),
                                  nn.Flatten(), nn.Linear(24, 3)),
    "adaptive to 2": lambda: nn.Sequential(nn.Conv2d(4, 6, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 3)),
    "fold": lambda: nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(1), nn.LayerNorm(216), nn.Linear(216, 3)),
    "depthwise": lambda: nn.Sequential(nn.Conv2d(4, 8, 3, groups=4, dilation=2), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(128, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", FIXED)
def test_a_classifier_of_pytorchs_takes_any_batch(name: str) -> None:
    torch.manual_seed(2)
    model = compared(FIXED[name](), [(2, 4, 8, 8), (1, 4, 8, 8), (5, 4, 8, 8)], {"x": {0: "batch"}})
    if name not in {"ceil", "fold"}:  # windows that count zeros only on one side, and a norm of flattened features
        assert model.transposes == 1  # of the input
    assert name in {"adaptive to 2", "ceil", "fold"} or not model.operators


def test_a_network_of_several_inputs_and_outputs() -> None:
    class Two(nn.Module):  # type: ignore[misc, name-defined]
        """Two convolutions that meet."""

        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Conv2d(3, 4, 3), nn.Conv2d(2, 4, 3)

        def forward(self, image: Any, depth: Any) -> Any:
            """Return the sum, and a mean."""
            both = self.one(image) + self.other(depth)
            return both, both.mean((2, 3))

    module, given = Two().eval(), (torch.randn(2, 3, 8, 8), torch.randn(2, 2, 8, 8))
    model = interop.load(exported(module, given, {"image": {0: "n"}, "depth": {0: "n"}}, ["image", "depth"]))
    found = model.predict({"depth": given[1].numpy(), "image": given[0].numpy()})
    with torch.no_grad():
        for ours, theirs in zip(found.values(), module(*given), strict=True):
            close(ours, theirs.numpy(), 2e-5)
