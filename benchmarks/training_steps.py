"""Training steps with Adam: ConvStep, PyTorch (both layouts) and Keras on PyTorch, in one process, in turn; ratios and their spread.

    python benchmarks/training_steps.py [--rounds 15] [--threads 2] [--json] [--memory]

Every network starts from the same weights on every side. A ratio is the time of the peer over ours, round by round: 2 means that we are
twice as fast. `--memory` runs each side in a process of its own and prints what its resident memory grew by while it trained.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("KERAS_HOME", str(Path(__file__).resolve().parent.parent / ".cache" / "keras"))

import numpy as np

NETWORKS = {
    "lenet5": ((28, 28, 1), 10, 64),
    "signs": ((64, 64, 3), 6, 64),
    "happy_house": ((64, 64, 3), 1, 16),
    "vgg": ((32, 32, 3), 10, 64),
}
SIDES = ("convstep", "torch", "torch channels_last", "keras")
Step = Callable[[], None]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="how often each side takes a step (default: 15)")
    parser.add_argument("--threads", type=int, default=2, help="threads of PyTorch (default: 2); NumPy's are set by its own library")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--memory", action="store_true", help="measure memory instead of time")
    parser.add_argument("--json", action="store_true", help="print the numbers for programs")
    parser.add_argument("--one", nargs=2, metavar=("NETWORK", "SIDE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(memory_of(*options.one, threads=options.threads)))
        return
    measure = memories if options.memory else times
    rows = [row for name in options.networks for row in measure(name, options)]
    print(json.dumps(rows, indent=2) if options.json else table(rows))


def times(name: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Let every side take its steps in turn."""
    steps = {side: step for side in SIDES if (step := make_step(name, side, options.threads))}
    for step in steps.values():
        step()
        step()
    seconds: dict[str, list[float]] = {side: [] for side in steps}
    for _ in range(options.rounds):
        for side, step in steps.items():
            step()  # untimed: threads of the side before still spin, and caches are its own
            start = time.perf_counter()
            step()
            seconds[side].append(time.perf_counter() - start)
    ours = seconds["convstep"]
    rows = []
    for side, theirs in seconds.items():
        ratios = sorted(their / our for their, our in zip(theirs, ours, strict=True))
        low, high = ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]
        row = {"network": name, "side": side, "milliseconds": 1e3 * statistics.median(theirs)}
        rows.append(row | {"ratio": statistics.median(ratios), "from": low, "to": high})
    return rows


def memories(name: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Let every side train in a process of its own."""
    command = [sys.executable, __file__, "--threads", str(options.threads), "--one", name]
    grown = {}
    for side in SIDES:
        done = subprocess.run([*command, side], check=True, capture_output=True, text=True)
        if (megabytes := json.loads(done.stdout)) is not None:
            grown[side] = megabytes
    return [{"network": name, "side": side, "megabytes": mb, "ratio": mb / grown["convstep"]} for side, mb in grown.items()]


def memory_of(name: str, side: str, *, threads: int) -> float | None:
    """Return by how many megabytes the peak of resident memory lies over what the imports took."""
    import resource

    before = resident()
    step = make_step(name, side, threads)
    if step is None:
        return None
    for _ in range(5):
        step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before


def resident() -> float:
    """Import what every side needs, and return the megabytes that are resident then."""
    for module in ("convstep.models", "torch", "keras"):
        try:
            __import__(module)
        except ImportError:
            continue
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def make_step(name: str, side: str, threads: int) -> Step | None:
    """Return a function that takes one training step, or None where the side is not installed."""
    shape, classes, batch = NETWORKS[name]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, *shape)).astype(np.float32)
    y = rng.integers(0, max(classes, 2), batch)
    if side == "convstep":
        return convstep_step(name, x, y)
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(threads)
    if side.startswith("torch"):
        return torch_step(name, x, y, channels_last=side.endswith("last"))
    try:
        import keras
    except ImportError:
        return None
    return keras_step(keras, name, x, y)


def loss_of(name: str) -> str:
    return "binary_crossentropy" if name == "happy_house" else "sparse_categorical_crossentropy"


def convstep_step(name: str, x: Any, y: Any) -> Step:
    from convstep import models

    model = getattr(models, name)()
    model.compile("adam", loss_of(name))
    labels = y[:, None].astype(np.float32) if name == "happy_house" else y
    return lambda: model.train_on_batch(x, labels)


def keras_step(keras: Any, name: str, x: Any, y: Any) -> Step:
    from convstep import models

    ours = getattr(models, name)()
    model = keras.Sequential(
        [keras.Input(x.shape[1:]), *(twin(keras, layer) for layer in ours.layers if type(layer).__name__ != "InputLayer")]
    )
    model.compile("adam", loss_of(name))
    labels = y[:, None].astype(np.float32) if name == "happy_house" else y
    return lambda: model.train_on_batch(x, labels)


def twin(keras: Any, layer: Any) -> Any:
    """Return Keras's layer of the same class and the same arguments."""
    config = {key: value for key, value in layer.get_config().items() if key not in {"input_shape", "name"}}
    return keras.layers.deserialize(
        {"class_name": type(layer).__name__, "config": config, "module": "keras.layers", "registered_name": None}
    )


def torch_step(name: str, x: Any, y: Any, *, channels_last: bool) -> Step:
    import torch
    from torch import nn

    def convolution(inputs: int, filters: int, size: int, padding: Any = 0) -> Any:
        return nn.Conv2d(inputs, filters, size, padding=padding)

    networks: dict[str, Callable[[], list[Any]]] = {
        "lenet5": lambda: [
            *(nn.ZeroPad2d(2), convolution(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), convolution(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)),
            *(nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)),
        ],
        "signs": lambda: [
            *(convolution(3, 8, 4, "same"), nn.ReLU(), nn.MaxPool2d(8), convolution(8, 16, 2, "same"), nn.ReLU(), nn.MaxPool2d(4)),
            *(nn.Flatten(), nn.Linear(64, 6)),
        ],
        "happy_house": lambda: [
            *(convolution(3, 32, 7, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32768, 1), nn.Flatten(0)),
        ],
        "vgg": lambda: [
            *(layer for pair in ((3, 32), (32, 64), (64, 128)) for layer in vgg_pair(nn, convolution, *pair)),
            *(nn.Flatten(), nn.Linear(2048, 128), nn.ReLU(), nn.Linear(128, 10)),
        ],
    }
    torch.manual_seed(0)
    model = nn.Sequential(*networks[name]())
    images = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    if channels_last:
        model, images = model.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    loss = nn.BCEWithLogitsLoss() if name == "happy_house" else nn.CrossEntropyLoss()
    labels = torch.from_numpy(y.astype(np.float32) if name == "happy_house" else y)

    def step() -> None:
        optimizer.zero_grad()
        loss(model(images), labels).backward()
        optimizer.step()

    return step


def vgg_pair(nn: Any, convolution: Any, inputs: int, filters: int) -> list[Any]:
    return [convolution(inputs, filters, 3, 1), nn.ReLU(), convolution(filters, filters, 3, 1), nn.ReLU(), nn.MaxPool2d(2)]


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    if "megabytes" in rows[0]:
        lines = ["| network | side | MB over the imports | theirs / ours |", "| --- | --- | ---: | ---: |"]
        return "\n".join([*lines, *(f"| {r['network']} | {r['side']} | {r['megabytes']:.0f} | {r['ratio']:.2f} |" for r in rows)])
    lines = ["| network | side | ms a step, median | theirs / ours, median | 10 % to 90 % |", "| --- | --- | ---: | ---: | --- |"]
    texts = (
        f"| {r['network']} | {r['side']} | {r['milliseconds']:.1f} | {r['ratio']:.2f} | {r['from']:.2f} to {r['to']:.2f} |" for r in rows
    )
    return "\n".join([*lines, *texts])


if __name__ == "__main__":
    main()
