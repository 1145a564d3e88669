"""The small network that the explorer's page ships with, how it was trained, and the test digits that the page offers.

    convstep train --model scripts/explorer_network.py --epochs 30 --seed 0 --engine compiled --name digits

The one rule: its training never sees the digits that are shown.
"""

import json
import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convstep.cli import main
from convstep.data import load_digits
from convstep.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D, ReLU
from convstep.models import Model, Sequential, load_model

__all__ = ["build", "same", "sample_digits", "trained"]

COMMAND = "convstep train --model scripts/explorer_network.py --epochs 30 --seed 0 --engine compiled --name digits"
PLAIN = (317, 546, 98, 3, 590, 279, 635, 37, 196, 456)  # by their index among the test digits: one of each, written plainly
HARD = (474, 213, 977, 352, 207, 306)  # and some that even a reader has to look at twice; the network is wrong about them
ABOUT = """# The network of the page

A small convolutional network for handwritten digits: {parameters:,} parameters. `convstep train` made it, in this repository:

    {command}

It reads {accuracy:.1%} of the 1,000 test digits rightly, which it never saw in training. [run.json](run.json) is the record of that run:
settings, seed, data with their sha256, the loss of every epoch. `digits.convstep` is its model without the optimizer.
`python -m scripts.build_explorer network` trains it again; on another kind of processor the last digits of the weights may differ.

The images that it learned from, and those in `../digits.json`, are a part of the MNIST database by Yann LeCun, Corinna Cortes and
Christopher J.C. Burges, under CC BY-SA 3.0: see [ATTRIBUTION.md](../../data/digits/ATTRIBUTION.md).
"""


def build(input_shape: Sequence[int] = (28, 28, 1), classes: int = 10) -> Sequential:
    """Return the network: CONV, RELU and POOL as layers of their own, twice, as the course draws them."""
    return Sequential(
        [
            Input(input_shape),
            Conv2D(8, 5, kernel_initializer="he_uniform", name="conv1"),
            ReLU(name="relu1"),
            MaxPooling2D(name="pool1"),
            Conv2D(16, 5, kernel_initializer="he_uniform", name="conv2"),
            ReLU(name="relu2"),
            MaxPooling2D(name="pool2"),
            Flatten(name="flatten"),
            Dense(classes, activation="softmax", name="scores"),
        ],
        name="digits",
    )


def trained() -> dict[str, bytes]:
    """Train it with the command and return its files: the model, the record of the run, and what they are."""
    with tempfile.TemporaryDirectory() as folder:
        if main([*shlex.split(COMMAND)[1:], "--runs-dir", folder]):
            raise RuntimeError("convstep train failed")
        run = json.loads((Path(folder) / "digits" / "run.json").read_text(encoding="utf-8"))
        model = load_model(Path(folder) / "digits")
        model.save(Path(folder) / "digits.convstep", include_optimizer=False, notes=model.notes)
        archive = (Path(folder) / "digits.convstep").read_bytes()
    run["command"] = COMMAND
    about = ABOUT.format(command=COMMAND, accuracy=run["accuracy"], parameters=run["model"]["parameters"])
    return {
        "network/digits.convstep": archive,
        "network/run.json": (json.dumps(run, indent=1) + "\n").encode(),
        "network/README.md": about.encode(),
    }


def same(name: str, one: bytes, other: bytes) -> bool:
    """Return whether two builds of a file agree: the time of day, the seconds it took and the machine are no part of it."""
    if name == "network/run.json":
        return _timeless(json.loads(one)) == _timeless(json.loads(other))
    if name == "network/digits.convstep":
        first, second = _weights(one), _weights(other)
        return all(np.array_equal(first[key], second[key]) for key in first.keys() | second.keys())
    return one == other


def sample_digits() -> bytes:
    """Return the digits that the page offers, a line for each: its label, its index among the test digits, its values from 0 to 255."""
    _, (images, labels) = load_digits()
    lines = []
    for index in PLAIN + HARD:
        height, width = images[index].shape
        item: dict[str, Any] = {"label": int(labels[index]), "index": index, "height": height, "width": width, "channels": 1}
        lines.append(json.dumps(item | {"values": images[index].ravel().tolist()}, separators=(",", ":")))
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()


def _timeless(run: dict[str, Any]) -> dict[str, Any]:
    history = [{key: value for key, value in row.items() if key != "seconds"} for row in run["history"]]
    return {key: value for key, value in run.items() if key not in {"created", "seconds", "versions"}} | {"history": history}


def _weights(content: bytes) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.convstep"
        path.write_bytes(content)
        model: Model = load_model(path, compile=False)
        return {name: item.value for name, item in model.named_parameters().items()}
