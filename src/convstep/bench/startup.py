"""From the start of a process to the first trained batch, of LeNet-5: a short program for each side, as its users write it."""

import time
from collections.abc import Callable
from typing import Any

from convstep.bench.clock import ratios, rounded
from convstep.bench.plan import Plan
from convstep.bench.processes import output_of
from convstep.bench.rivals import OURS, load_keras

PROGRAMS = {
    OURS: """
import numpy as np
from convstep.models import lenet5
model = lenet5()
model.compile("adam", "sparse_categorical_crossentropy")
rng = np.random.default_rng(0)
model.train_on_batch(rng.random((64, 28, 28, 1), np.float32), rng.integers(0, 10, 64))
""",
    "torch": """
import torch
from torch import nn
model = nn.Sequential(
    nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
    nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10))
optimizer = torch.optim.Adam(model.parameters(), fused=True)
loss = nn.CrossEntropyLoss()(model(torch.rand(64, 1, 28, 28)), torch.randint(0, 10, (64,)))
loss.backward()
optimizer.step()
""",
    "keras": """
import numpy as np
import keras
from keras import layers
model = keras.Sequential([
    keras.Input((28, 28, 1)), layers.Conv2D(6, 5, padding="same", activation="tanh"), layers.AveragePooling2D(2),
    layers.Conv2D(16, 5, activation="tanh"), layers.AveragePooling2D(2), layers.Flatten(), layers.Dense(120, activation="tanh"),
    layers.Dense(84, activation="tanh"), layers.Dense(10, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
rng = np.random.default_rng(0)
model.train_on_batch(rng.random((64, 28, 28, 1), np.float32), rng.integers(0, 10, 64))
""",
}
END = "\nimport time\nprint(time.time())\n"  # leaving is not part of it
THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def measure(plan: Plan, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure start-ups, each in a new process, in turn."""
    names = [OURS, *(name for name in ("torch", "keras") if name in plan.rivals)]
    if "keras" in names:
        load_keras()  # says in the environment on what it runs
    for name in () if plan.quick else names:
        _seconds(name, plan.threads)  # fills caches: of kernels, of bytecode, of files
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(plan.starts):
        tell(f"{number + 1} of {plan.starts}")
        for name in names:
            seconds[name].append(_seconds(name, plan.threads))
    found = {name: {"seconds": rounded(sorted(taken)[len(taken) // 2])} for name, taken in seconds.items()}
    return {"sides": {name: row | _share(name, seconds) for name, row in found.items()}}


def _share(name: str, seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Return our time over theirs: the share of theirs that we take."""
    return {} if name == OURS else {"share": ratios(seconds[OURS], seconds[name]).plain()}


def _seconds(name: str, threads: int) -> float:
    start = time.time()
    printed = output_of(["-c", PROGRAMS[name] + END], dict.fromkeys(THREADS, str(threads)))
    return float(printed.split()[-1]) - start
