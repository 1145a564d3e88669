"""One training step and one prediction, side by side: each side starts from the same weights.

One rule: what a call returns is the loss or the prediction, so that tests can hold the sides against each other.
"""

from collections.abc import Callable
from typing import Any

from convstep.bench.networks import Network
from convstep.bench.rivals import LAYOUTS, OURS
from convstep.checks import Array
from convstep.models.predictor import Predictor
from convstep.random import set_random_seed


def training_step(network: Network, side: str, batch: int) -> Callable[[], Any]:
    """Return a side's function that takes one step with Adam and returns the loss before it."""
    model, (x, y) = seeded(network), network.data(batch)
    if side == OURS:
        model.compile("adam", network.loss)
        return lambda: model.train_on_batch(x, y)
    if side in LAYOUTS:
        from convstep.bench import in_torch

        return in_torch.training_step(model, network, x, y, channels_last=side.endswith("last"))
    from convstep.bench import in_keras

    return in_keras.training_step(model, network, x, y)


def predictor(network: Network, side: str, batch: int, threads: int) -> Callable[[], Any]:
    """Return a side's function that predicts one batch."""
    model, (x, _) = seeded(network), network.data(batch)
    if side == OURS:
        return our_predictor(model, x)
    if side in LAYOUTS:
        from convstep.bench import in_torch

        return in_torch.predictor(model, x, channels_last=side.endswith("last"))
    if side == "onnxruntime":
        from convstep.bench import in_onnx

        return in_onnx.predictor(model, x, threads)
    from convstep.bench import in_keras

    return in_keras.predictor(model, x)


def our_predictor(model: Any, x: Array) -> Callable[[], Any]:
    """Return our way to predict a batch as fast as we can: a frozen copy, as onnxruntime's session is one."""
    predict = Predictor(model)
    return lambda: predict(x)


def seeded(network: Network) -> Any:
    """Return the network with the same weights each time."""
    set_random_seed(0)
    return network.make(network.shape, network.classes)
