"""Weights of PyTorch's in our models: layer by layer, whole networks, and back; PyTorch's own modules are the oracle."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convstep
from convstep import layers as la
from convstep.bench.networks import resnet18
from convstep.checks import Array
from convstep.interop.torch import load_weights, save, to_state_dict

torch = pytest.importorskip("torch", reason="PyTorch, the oracle of these tests, is not installed")
nn: Any = torch.nn
torch.set_num_threads(1)


# --- what the tests share ---


def scrambled(module: Any, seed: int = 0) -> Any:
    """Return the module, ready for inference, with random weights that leave no number of the network in the dark."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.dtype.is_floating_point:
                values = torch.randn(tensor.shape, generator=generator) * 0.4
                tensor.copy_(values.abs() + 0.5 if name.endswith("running_var") else values)
    return module.eval()


def numbers(shape: tuple[int, ...], seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def theirs(module: Any, x: Array) -> Array:
    """Return PyTorch's output for our input, in our layout."""
    with torch.no_grad():
        y = module(torch.from_numpy(x.transpose(0, 3, 1, 2).copy() if x.ndim == 4 else x)).numpy()
    return np.asarray(y.transpose(0, 2, 3, 1) if y.ndim == 4 else y)


def same(model: Any, module: Any, x: Array, *, epsilon: float | None = 1e-5, names: Any = None) -> dict[str, str]:
    """Load the module into the model; hold the outputs against each other, and the weights that come back, bit by bit."""
    state = module.state_dict()
    found = load_weights(model, state, names=names, epsilon=epsilon)
    expected = theirs(module, x)
    assert np.abs(model.predict(x, verbose=0) - expected).max() <= 1e-5 * max(1, np.abs(expected).max())
    back = to_state_dict(model, found)
    assert list(back) == list(state)
    for name, tensor in state.items():
        assert np.array_equal(back[name], tensor.numpy()), name
        assert back[name].dtype == tensor.numpy().dtype
    return found


def safe(state: Any, path: Path) -> None:
    from safetensors.torch import save_file

    save_file(state, path)


def chain(*parts: Any, shape: tuple[int, ...]) -> Any:
    return convstep.Sequential([convstep.Input(shape), *parts])


# --- each kind of layer ---

IMAGE = (6, 5, 4)  # rows, columns, channels
LAYERS: dict[str, tuple[Callable[[], Any], Callable[[], Any], tuple[int, ...]]] = {
    "convolution": (lambda: la.Conv2D(3, (2, 3)), lambda: nn.Conv2d(4, 3, (2, 3)), IMAGE),
    "without bias": (lambda: la.Conv2D(3, 3, use_bias=False), lambda: nn.Conv2d(4, 3, 3, bias=False), IMAGE),
    "strided": (
        lambda: la.Conv2D(3, 3, 2, padding=((1, 1), (1, 1))),
        lambda: nn.Conv2d(4, 3, 3, 2, padding=1),
        IMAGE,
    ),
    "grouped": (lambda: la.Conv2D(6, 2, groups=2), lambda: nn.Conv2d(4, 6, 2, groups=2), IMAGE),
    "a group for each channel": (lambda: la.Conv2D(8, 2, groups=4), lambda: nn.Conv2d(4, 8, 2, groups=4), IMAGE),
    "depthwise": (lambda: la.DepthwiseConv2D(3), lambda: nn.Conv2d(4, 4, 3, groups=4), IMAGE),
    "depthwise with a multiplier": (
        lambda: la.DepthwiseConv2D((2, 3), depth_multiplier=3),
        lambda: nn.Conv2d(4, 12, (2, 3), groups=4),
        IMAGE,
    ),
    "separable": (
        lambda: la.SeparableConv2D(5, 3, depth_multiplier=2),
        lambda: nn.Sequential(nn.Conv2d(4, 8, 3, groups=4, bias=False), nn.Conv2d(8, 5, 1)),
        IMAGE,
    ),
    "transposed": (lambda: la.Conv2DTranspose(3, (3, 2)), lambda: nn.ConvTranspose2d(4, 3, (3, 2)), IMAGE),
    "transposed and strided": (
        lambda: la.Conv2DTranspose(3, 3, 2, padding=((1, 1), (1, 1)), output_padding=1),
        lambda: nn.ConvTranspose2d(4, 3, 3, 2, padding=1, output_padding=1),
        IMAGE,
    ),
    "dense": (lambda: la.Dense(3), lambda: nn.Linear(7, 3), (7,)),
    "dense without bias": (lambda: la.Dense(3, use_bias=False), lambda: nn.Linear(7, 3, bias=False), (7,)),
    "normalization of images": (la.BatchNormalization, lambda: nn.BatchNorm2d(4), IMAGE),
    "normalization of features": (la.BatchNormalization, lambda: nn.BatchNorm1d(7), (7,)),
    "normalization without scale": (
        lambda: la.BatchNormalization(scale=False, center=False),
        lambda: nn.BatchNorm2d(4, affine=False),
        IMAGE,
    ),
    "layer normalization of features": (la.LayerNormalization, lambda: nn.LayerNorm(7), (7,)),
    "layer normalization without bias": (lambda: la.LayerNormalization(center=False), lambda: nn.LayerNorm(7, bias=False), (7,)),
    "layer normalization of images": (lambda: la.LayerNormalization([1, 2, 3]), lambda: nn.LayerNorm((4, 6, 5)), IMAGE),
    "layer normalization of planes": (lambda: la.LayerNormalization([1, 2]), lambda: nn.LayerNorm((6, 5)), IMAGE),
    "layer normalization of columns": (lambda: la.LayerNormalization(2), lambda: nn.LayerNorm(5), IMAGE),
    "an alpha for each channel": (lambda: la.PReLU(shared_axes=[1, 2]), lambda: nn.PReLU(4), IMAGE),
    "an alpha for all": (lambda: la.PReLU(shared_axes=[1, 2, 3]), nn.PReLU, IMAGE),
    "an alpha for each feature": (la.PReLU, lambda: nn.PReLU(7), (7,)),
    "an alpha for each channel in each cell": (la.PReLU, lambda: nn.PReLU(4), IMAGE),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_gives_the_numbers_of_pytorch(name: str) -> None:
    ours, module, shape = LAYERS[name]
    same(chain(ours(), shape=shape), scrambled(module()), numbers((3, *shape)))


def test_one_alpha_serves_all_channels() -> None:
    module, model = scrambled(nn.Sequential(nn.PReLU())), chain(la.PReLU(shared_axes=[1, 2]), shape=IMAGE)
    load_weights(model, module)
    x = numbers((2, *IMAGE))
    assert np.array_equal(model.predict(x, verbose=0), theirs(module, x))


# --- numbers of images that were flattened ---

FLAT: dict[str, tuple[Callable[[], list[Any]], Callable[[], list[Any]], int]] = {
    "nothing": (list, list, 120),
    "a convolution": (lambda: [la.Conv2D(3, 3)], lambda: [nn.Conv2d(4, 3, 3)], 36),
    "padding": (
        lambda: [la.ZeroPadding2D(((1, 1), (2, 2))), la.Conv2D(3, 3, 2)],
        lambda: [nn.ZeroPad2d((2, 2, 1, 1)), nn.Conv2d(4, 3, 3, 2)],
        36,
    ),
    "same padding and pooling": (
        lambda: [la.Conv2D(3, 3, padding="same"), la.MaxPooling2D(2)],
        lambda: [nn.Conv2d(4, 3, 3, padding=1), nn.MaxPool2d(2)],
        18,
    ),
    "average pooling": (
        lambda: [la.Conv2D(5, 2), la.AveragePooling2D((2, 1))],
        lambda: [nn.Conv2d(4, 5, 2), nn.AvgPool2d((2, 1))],
        40,
    ),
    "an upsampling": (lambda: [la.Conv2D(3, 3), la.UpSampling2D()], lambda: [nn.Conv2d(4, 3, 3), nn.Upsample(scale_factor=2)], 144),
    "one row": (lambda: [la.Conv2D(3, (6, 2))], lambda: [nn.Conv2d(4, 3, (6, 2))], 12),
    "one cell": (lambda: [la.Conv2D(3, (6, 5))], lambda: [nn.Conv2d(4, 3, (6, 5))], 3),
    "the mean of all": (lambda: [la.GlobalAveragePooling2D(keepdims=True)], lambda: [nn.AdaptiveAvgPool2d(1)], 4),
}
BETWEEN: dict[str, tuple[Callable[[int], list[Any]], Callable[[int], list[Any]]]] = {
    "nothing": (lambda _: [], lambda _: []),
    "dropout and an activation": (lambda _: [la.Dropout(0.5), la.Activation("tanh")], lambda _: [nn.Dropout(0.5), nn.Tanh()]),
    "a normalization": (lambda _: [la.BatchNormalization(), la.ReLU()], lambda n: [nn.BatchNorm1d(n), nn.ReLU()]),
    "a layer normalization": (lambda _: [la.LayerNormalization()], lambda n: [nn.LayerNorm(n)]),
    "alphas": (lambda _: [la.PReLU()], lambda n: [nn.PReLU(n)]),
    "a rescaling and a detour": (lambda n: [la.Rescaling(0.5), la.Reshape((n, 1)), la.Flatten()], lambda _: [Scaled(0.5)]),
}


class Scaled(nn.Module):  # type: ignore[misc]
    """Multiplies with a number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Any) -> Any:
        return x * self.factor


class Viewed(nn.Module):  # type: ignore[misc]
    """Gives each example another shape."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Any) -> Any:
        return x.reshape(len(x), *self.shape)


@pytest.mark.parametrize("flatten", [la.Flatten, lambda: la.Reshape((-1,))], ids=["flatten", "reshape"])
@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("before", FLAT)
def test_a_dense_after_flattened_images_has_its_rows_in_order(before: str, between: str, flatten: Callable[[], Any]) -> None:
    ours, modules, features = FLAT[before]
    our_between, their_between = BETWEEN[between]
    model = chain(*ours(), flatten(), *our_between(features), la.Dense(7), la.Dense(2), shape=IMAGE)
    module = nn.Sequential(*modules(), nn.Flatten(), *their_between(features), nn.Linear(features, 7), nn.Linear(7, 2))
    same(model, scrambled(module), numbers((3, *IMAGE)))


def test_a_decoder_has_the_columns_of_its_dense_in_order() -> None:
    model = chain(
        la.Dense(24), la.BatchNormalization(), la.ReLU(), la.Reshape((2, 3, 4)), la.Conv2DTranspose(2, 3, 2), la.Flatten(), la.Dense(3),
        shape=(5,),
    )  # fmt: skip
    module = nn.Sequential(
        nn.Linear(5, 24), nn.BatchNorm1d(24), nn.ReLU(), Viewed(4, 2, 3), nn.ConvTranspose2d(4, 2, 3, 2), nn.Flatten(), nn.Linear(70, 3)
    )
    same(model, scrambled(module), numbers((4, 5)))


class Branches(nn.Module):  # type: ignore[misc]
    """Flattens two sorts of images, and adds to one of them what a dense layer makes."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(4, 3, 3), nn.Conv2d(4, 2, 2)
        self.gate = nn.Linear(36, 36)
        self.last = nn.Linear(36 + 40, 3)

    def forward(self, x: Any) -> Any:
        a, b = self.one(x).flatten(1), self.other(x).flatten(1)
        return self.last(torch.cat([a + torch.sigmoid(self.gate(a)), b], 1))


def test_flattened_images_that_meet_have_their_orders() -> None:
    inputs = convstep.Input(IMAGE)
    a, b = la.Flatten()(la.Conv2D(3, 3)(inputs)), la.Flatten()(la.Conv2D(2, 2)(inputs))
    x = la.Concatenate()([la.Add()([a, la.Dense(36, activation="sigmoid")(a)]), b])
    same(convstep.Model(inputs, la.Dense(3)(x)), scrambled(Branches()), numbers((3, *IMAGE)))


class Squeezed(nn.Module):  # type: ignore[misc]
    """Weighs channels by what dense layers make of their means."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.down, self.up, self.last = nn.Conv2d(4, 6, 3), nn.Linear(6, 2), nn.Linear(2, 6), nn.Linear(72, 3)

    def forward(self, x: Any) -> Any:
        x = self.conv(x)
        s = torch.sigmoid(self.up(torch.relu(self.down(x.mean((2, 3))))))
        return self.last((x * s[:, :, None, None]).flatten(1))


@pytest.mark.parametrize("shape", [None, (1, 1, 6)])
def test_weighed_channels_have_their_order(shape: tuple[int, ...] | None) -> None:
    inputs = convstep.Input(IMAGE)
    x = la.Conv2D(6, 3)(inputs)
    s = la.Dense(6, activation="sigmoid")(la.Dense(2, activation="relu")(la.GlobalAveragePooling2D()(x)))
    x = la.Multiply()([x, la.Reshape(shape)(s) if shape else s])
    same(convstep.Model(inputs, la.Dense(3)(la.Flatten()(x))), scrambled(Squeezed()), numbers((3, *IMAGE)))


def test_images_that_were_turned_to_channels_first_need_no_other_order() -> None:
    model = chain(la.Conv2D(3, 3), la.Permute((3, 1, 2)), la.Flatten(), la.Dense(2), shape=IMAGE)
    same(model, scrambled(nn.Sequential(nn.Conv2d(4, 3, 3), nn.Flatten(), nn.Linear(36, 2))), numbers((3, *IMAGE)))


def test_models_inside_a_model_are_seen_through() -> None:
    part = convstep.Input(IMAGE)
    inner = convstep.Model(part, la.Flatten()(la.Conv2D(3, 3)(part)), name="inner")
    tail = convstep.Sequential([la.BatchNormalization(), la.Dense(4)], name="tail")
    inputs = convstep.Input(IMAGE)
    model = convstep.Model(inputs, la.Dense(2, name="kind")(tail(inner(inputs))))
    module = nn.Sequential(nn.Conv2d(4, 3, 3), nn.Flatten(), nn.BatchNorm1d(36), nn.Linear(36, 4), nn.Linear(4, 2))
    found = same(model, scrambled(module), numbers((2, *IMAGE)))
    assert found == {"0": "inner/conv2d", "2": "tail/batch_normalization", "3": "tail/dense", "4": "kind"}


# --- ResNet-18, with torchvision's names ---


class Block(nn.Module):  # type: ignore[misc]
    """torchvision's BasicBlock."""

    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.downsample = None
        if stride > 1:
            self.downsample = nn.Sequential(nn.Conv2d(channels, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))

    def forward(self, x: Any) -> Any:
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))) + shortcut)


class ResNet18(nn.Module):  # type: ignore[misc]
    """torchvision's ResNet-18."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(Block(64, 64, 1), Block(64, 64, 1))
        self.layer2 = nn.Sequential(Block(64, 128, 2), Block(128, 128, 1))
        self.layer3 = nn.Sequential(Block(128, 256, 2), Block(256, 256, 1))
        self.layer4 = nn.Sequential(Block(256, 512, 2), Block(512, 512, 1))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512, classes)

    def forward(self, x: Any) -> Any:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1)).softmax(1)


def turned(classes: int) -> Any:
    """Return our ResNet-18 with the two branches of each block described the other way round."""

    def normal(x: Any, filters: int, size: int, strides: int) -> Any:
        x = la.ZeroPadding2D(size // 2)(x) if size > 1 else x
        return la.BatchNormalization(epsilon=1e-5)(la.Conv2D(filters, size, strides, use_bias=False)(x))

    inputs = convstep.Input((64, 64, 3))
    x = la.MaxPooling2D(3, 2)(la.ZeroPadding2D(1)(la.ReLU()(normal(inputs, 64, 7, 2))))
    for filters in (64, 128, 256, 512):
        for block in range(2):
            strides = 2 if block == 0 and filters > 64 else 1
            shortcut = x if strides == 1 else normal(x, filters, 1, strides)
            y = normal(la.ReLU()(normal(x, filters, 3, strides)), filters, 3, 1)
            x = la.ReLU()(la.Add()([shortcut, y]))
    return convstep.Model(inputs, la.Dense(classes, activation="softmax")(la.GlobalAveragePooling2D()(x)))


@pytest.mark.parametrize("make", [lambda: resnet18((64, 64, 3), 10), lambda: turned(10)], ids=["ours", "turned"])
def test_resnet18_with_the_names_of_torchvision_fits_as_it_is(make: Callable[[], Any], tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = ResNet18(10).eval()
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if "bn" in name or "downsample.1" in name:
                tensor.copy_(torch.rand_like(tensor) + 0.5 if tensor.dtype.is_floating_point else tensor)
    torch.save(module.state_dict(), tmp_path / "resnet18.pth")
    model = make()
    found = load_weights(model, tmp_path / "resnet18.pth")
    x = numbers((2, 64, 64, 3))
    assert np.abs(model.predict(x, verbose=0) - theirs(module, x)).max() <= 1e-5
    safe(module.state_dict(), tmp_path / "resnet18.safetensors")  # which loses the order
    model.set_weights([np.zeros_like(array) for array in model.get_weights()])
    assert load_weights(model, tmp_path / "resnet18.safetensors") == found
    save(model, tmp_path / "back.pth", names=found)
    other = ResNet18(10).eval()
    other.load_state_dict(torch.load(tmp_path / "back.pth", weights_only=True))
    assert all(torch.equal(a, b) for a, b in zip(module.state_dict().values(), other.state_dict().values(), strict=True))
