"""Random architectures go from PyTorch to us and back: the same outputs, the same bits."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convstep
from convstep import layers as la
from convstep.interop.torch import load_weights, save

torch = pytest.importorskip("torch", reason="PyTorch, the oracle of these tests, is not installed")
nn: Any = torch.nn
torch.set_num_threads(1)

ARCHITECTURES = 60
Step = tuple[Any, Any, int]  # ours, PyTorch's, and the channels after it


class Residual(nn.Module):  # type: ignore[misc]
    """A branch, and what goes past it."""

    def __init__(self, branch: Any, past: Any) -> None:
        super().__init__()
        self.branch, self.past = branch, past

    def forward(self, x: Any) -> Any:
        return self.branch(x) + self.past(x)


class Split(nn.Module):  # type: ignore[misc]
    """Branches whose outputs stand one after the other."""

    def __init__(self, *branches: Any) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Any) -> Any:
        return torch.cat([branch(x) for branch in self.branches], 1)


class Random:
    """Draws layers for both sides at once."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def one(self, *choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def convolution(self, channels: int, filters: int = 0) -> Step:
        filters = filters or int(self.rng.integers(1, 4)) * 4
        groups, bias, dilation = self.one(1, 1, 2, 4), bool(self.rng.integers(2)), self.one(1, 1, 2)
        size, stride = self.one((1, 1), (3, 3), (3, 3), (3, 5)), self.one(1, 1, 2)
        pad = tuple(dilation * (side // 2) for side in size)
        ours = la.Conv2D(
            filters, size, stride if dilation == 1 else 1, padding=((pad[0],) * 2, (pad[1],) * 2), groups=groups, use_bias=bias,
            dilation_rate=dilation,
        )  # fmt: skip
        module = nn.Conv2d(channels, filters, size, stride if dilation == 1 else 1, pad, groups=groups, bias=bias, dilation=dilation)
        return ours, module, filters

    def depthwise(self, channels: int) -> Step:
        many = self.one(1, 2)
        return (
            la.DepthwiseConv2D(3, padding="same", depth_multiplier=many),
            nn.Conv2d(channels, channels * many, 3, padding=1, groups=channels),
            channels * many,
        )

    def transposed(self, channels: int) -> Step:
        return la.Conv2DTranspose(4, 2, 2), nn.ConvTranspose2d(channels, 4, 2, 2), 4

    def normalization(self, channels: int) -> Step:
        return la.BatchNormalization(epsilon=1e-5), nn.BatchNorm2d(channels), channels

    def activation(self, channels: int) -> Any:
        return self.one(
            (la.ReLU(), nn.ReLU(), channels),
            (la.Activation("tanh"), nn.Tanh(), channels),
            (la.LeakyReLU(0.1), nn.LeakyReLU(0.1), channels),
            (la.PReLU(shared_axes=[1, 2]), nn.PReLU(channels), channels),
        )

    def residual(self, channels: int) -> Step:
        filters = self.one(channels, channels + 4)
        first, second = la.Conv2D(filters, 3, padding="same", use_bias=False), la.BatchNormalization(epsilon=1e-5)
        third, past = la.Conv2D(filters, 3, padding="same"), la.Conv2D(filters, 1, use_bias=False)
        swapped = bool(self.rng.integers(2))

        def ours(x: Any) -> Any:
            shortcut = past(x) if filters != channels else x
            both = [third(la.ReLU()(second(first(x)))), shortcut]
            return la.Add()(both[::-1] if swapped else both)

        branch = nn.Sequential(
            nn.Conv2d(channels, filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(filters),
            nn.ReLU(),
            nn.Conv2d(filters, filters, 3, padding=1),
        )
        return ours, Residual(branch, nn.Conv2d(channels, filters, 1, bias=False) if filters != channels else nn.Identity()), filters

    def split(self, channels: int) -> Step:
        one, three = la.Conv2D(2, 1, activation="relu"), la.Conv2D(6, 3, padding="same")
        module = Split(nn.Sequential(nn.Conv2d(channels, 2, 1), nn.ReLU()), nn.Conv2d(channels, 6, 3, padding=1))
        return lambda x: la.Concatenate()([one(x), three(x)]), module, 8

    def pooling(self, channels: int) -> Any:
        return self.one(
            (la.MaxPooling2D(2), nn.MaxPool2d(2), channels),
            (la.AveragePooling2D(2), nn.AvgPool2d(2), channels),
            (la.ZeroPadding2D(((1, 0), (2, 1))), nn.ZeroPad2d((2, 1, 1, 0)), channels),
        )

    def head(self, shape: Any) -> list[tuple[Any, Any]]:
        channels = shape[-1]
        pairs: list[tuple[Any, Any]]
        between: list[tuple[Any, Any]]
        if self.rng.integers(4) == 0:
            pairs, count = [(la.GlobalAveragePooling2D(), nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))], channels
        else:
            pairs, count = [(la.Flatten(), nn.Flatten())], shape[0] * shape[1] * channels
        between = [
            (la.Dropout(0.5), nn.Dropout(0.5)), (la.BatchNormalization(epsilon=1e-5), nn.BatchNorm1d(count)),
            (la.LayerNormalization(epsilon=1e-5), nn.LayerNorm(count)), (la.PReLU(), nn.PReLU(count)),
        ]  # fmt: skip
        pairs += [pair for pair in between if self.rng.integers(2)]
        return [*pairs, (la.Dense(9, activation="relu"), nn.Sequential(nn.Linear(count, 9), nn.ReLU())), (la.Dense(3), nn.Linear(9, 3))]

    def network(self) -> tuple[Any, Any]:
        shape = (int(self.rng.integers(9, 14)), int(self.rng.integers(9, 14)), 4)
        inputs: Any = convstep.Input(shape)
        x = inputs
        modules: list[Any] = []
        channels = 4
        for _ in range(int(self.rng.integers(2, 7))):
            kinds = [self.convolution, self.depthwise, self.normalization, self.activation, self.residual, self.split]
            kinds += [self.pooling] if min(x.shape[1:3]) >= 4 else []
            kinds += [self.transposed] if max(x.shape[1:3]) <= 20 else []
            kind = self.one(*kinds)
            layer, module, channels = kind(channels)
            x = layer(x)
            modules.append(module)
        for layer, module in self.head(x.shape[1:]):
            x = layer(x)
            modules.append(module)
        return convstep.Model(inputs, x), nn.Sequential(*modules)


@pytest.mark.parametrize("seed", range(ARCHITECTURES))
def test_a_random_architecture_comes_and_goes(seed: int, tmp_path: Path) -> None:
    torch.manual_seed(seed)
    model, module = Random(seed).network()
    again = Random(seed).network()[1]
    with torch.no_grad():
        for tensor in module.state_dict().values():
            tensor.copy_(torch.rand_like(tensor) + 0.1 if tensor.ndim == 1 and tensor.dtype.is_floating_point else tensor)
    module.eval()
    x = np.random.default_rng(seed).standard_normal((2, *model.inputs[0].shape[1:])).astype(np.float32)
    with torch.no_grad():
        expected = module(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).numpy()
    torch.save(module.state_dict(), tmp_path / "there.pth")
    found = load_weights(model, tmp_path / "there.pth")
    scale = max(1.0, float(np.abs(expected).max()))
    assert np.abs(model.predict(x, verbose=0) - expected).max() <= 1e-5 * scale

    suffix = ("pth", "safetensors")[seed % 2]
    save(model, tmp_path / f"back.{suffix}", names=found)
    back = torch.load(tmp_path / "back.pth", weights_only=True) if suffix == "pth" else safe(tmp_path / "back.safetensors")
    again.load_state_dict(back)
    for (name, one), (other_name, other) in zip(module.state_dict().items(), again.state_dict().items(), strict=True):
        assert name == other_name
        assert torch.equal(one, other), name
    with torch.no_grad():
        y = again.eval()(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).numpy()
    assert np.array_equal(y, expected)


def safe(path: Path) -> Any:
    from safetensors.torch import load_file

    return load_file(path)
