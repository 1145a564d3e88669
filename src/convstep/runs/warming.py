"""What the ready-made networks need, compiled before anybody waits for it. One rule: it compiles because it trains and predicts."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from convstep.engines import use_engine
from convstep.extras import require
from convstep.models import Predictor
from convstep.runs.networks import NETWORKS

__all__ = ["kept_in", "warm_up"]

BATCH = 2


def warm_up() -> Iterator[tuple[str, float]]:
    """Train each network for a step and let it predict, and yield its name and the seconds that it took.

    Raises
    ------
    MissingExtraError
        If there is no compiled engine.
    """
    require("numba", extra="fast", op="warmup")
    for name in NETWORKS:
        start = time.perf_counter()
        with use_engine("compiled"):
            _use(name)
        yield name, time.perf_counter() - start


def kept_in() -> Path | None:
    """Return the folder that keeps what was compiled, None if nothing can be kept."""
    from convstep.engines.compiled.native import cache_folder  # noqa: PLC0415 - there is one with the extra alone

    return cache_folder()


def _use(name: str) -> None:
    model = NETWORKS[name]()
    classes = model.output_shape[-1]
    x = np.zeros((BATCH, *model.input_shape[1:]), np.float32)
    y = np.zeros((BATCH, 1), np.float32) if classes == 1 else np.zeros(BATCH, np.int64)
    model.compile("adam", "binary_crossentropy" if classes == 1 else "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.train_on_batch(x, y)
    model.predict_on_batch(x)
    Predictor(model)(x)  # as a program, which training runs as too
