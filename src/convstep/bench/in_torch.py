"""A network of ours in PyTorch: the same layers with the same weights, as one writes them there."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from convstep.bench.networks import Network, Step, dense_kernel, walk
from convstep.checks import Array

ACTIVATIONS: dict[str, Callable[[], Any]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softmax": lambda: nn.Softmax(1),
}


class Graph(nn.Module):  # type: ignore[misc]  # PyTorch's types are not read
    """Modules that read the results of others."""

    def __init__(self, steps: list[Step], modules: list[Any]) -> None:
        super().__init__()
        self.reads = [step.reads for step in steps]
        self.parts = nn.ModuleList(modules)

    def forward(self, x: Any) -> Any:
        """Return the result of the last module."""
        values = [x]
        for reads, part in zip(self.reads, self.parts, strict=True):
            values.append(part(*(values[place] for place in reads)))
        return values[-1]


class Add(nn.Module):  # type: ignore[misc]
    """The sum of two arrays."""

    def forward(self, x: Any, y: Any) -> Any:
        """Return it."""
        return x + y


def module(model: Any, *, channels_last: bool, logits: bool) -> Any:
    """Return the network; `logits` leaves the last activation to the loss."""
    steps = walk(model)
    modules = [nn.Sequential(*_modules(step, steps, bare=logits and step is steps[-1])) for step in steps]
    modules = [item[0] if len(item) == 1 else item for item in modules]
    chain = all(step.reads == (place,) for place, step in enumerate(steps))
    made = nn.Sequential(*modules) if chain else Graph(steps, modules)
    return made.to(memory_format=torch.channels_last) if channels_last else made


def images(x: Array, *, channels_last: bool) -> Any:
    """Return images as PyTorch takes them."""
    tensor = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    return tensor.contiguous(memory_format=torch.channels_last) if channels_last else tensor


def training_step(model: Any, network: Network, x: Array, y: Array, *, channels_last: bool) -> Callable[[], Any]:
    """Return a function that takes a step and returns the loss before it."""
    made, batch = module(model, channels_last=channels_last, logits=True), images(x, channels_last=channels_last)
    optimizer = torch.optim.Adam(made.parameters(), fused=True)
    loss = nn.BCEWithLogitsLoss() if network.classes == 1 else nn.CrossEntropyLoss()
    labels = torch.from_numpy(y)

    def step() -> Any:
        optimizer.zero_grad()
        value = loss(made(batch), labels)
        value.backward()
        optimizer.step()
        return value

    return step


def predictor(model: Any, x: Array, *, channels_last: bool) -> Callable[[], Any]:
    """Return a function that predicts the batch."""
    made, batch = module(model, channels_last=channels_last, logits=False).eval(), images(x, channels_last=channels_last)

    def predict() -> Any:
        with torch.inference_mode():
            return made(batch)

    return predict


def _modules(step: Step, steps: list[Step], *, bare: bool) -> list[Any]:
    layer: Any = step.layer
    made: dict[str, Callable[[], list[Any]]] = {
        "Add": lambda: [Add()],
        "AveragePooling2D": lambda: [nn.AvgPool2d(layer.pool_size, layer.strides)],
        "BatchNormalization": lambda: [_normalization(layer)],
        "Conv2D": lambda: _convolution(step),
        "Dense": lambda: [_dense(step, dense_kernel(step, steps))],
        "Flatten": lambda: [nn.Flatten()],
        "GlobalAveragePooling2D": lambda: [nn.AdaptiveAvgPool2d(1), nn.Flatten()],
        "MaxPooling2D": lambda: [nn.MaxPool2d(layer.pool_size, layer.strides, [pad[0] for pad in step.padding])],
        "ReLU": lambda: [nn.ReLU()],
    }
    modules = made[step.kind]() if step.kind != "Activation" else []
    return modules if bare or step.activation == "linear" else [*modules, ACTIVATIONS[step.activation]()]


def _convolution(step: Step) -> list[Any]:
    layer: Any = step.layer
    (top, bottom), (left, right) = step.padding
    even = top == bottom and left == right
    made = nn.Conv2d(
        step.shape[-1], layer.filters, layer.kernel_size, layer.strides, padding=(top, left) if even else 0, bias=layer.use_bias
    )
    _set(made, weight=layer.parameter("kernel").transpose(3, 2, 0, 1), **({"bias": layer.bias} if layer.use_bias else {}))
    return [made] if even else [nn.ZeroPad2d((left, right, top, bottom)), made]


def _dense(step: Step, kernel: Array) -> Any:
    made = nn.Linear(*kernel.shape)
    _set(made, weight=kernel.T, bias=step.layer.parameter("bias"))
    return made


def _normalization(layer: Any) -> Any:
    gamma, beta, mean, variance = layer.get_weights()
    made = nn.BatchNorm2d(len(gamma), eps=layer.epsilon, momentum=1 - layer.momentum)
    _set(made, weight=gamma, bias=beta, running_mean=mean, running_var=variance)
    return made


def _set(made: Any, **arrays: Array) -> None:
    with torch.no_grad():
        for name, array in arrays.items():
            getattr(made, name).copy_(torch.from_numpy(np.ascontiguousarray(array)))
