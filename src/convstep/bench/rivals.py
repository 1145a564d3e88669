"""Who is measured beside us: what is installed, with as many threads as we have.

One rule: a rival that is not installed is left out, and never asked for.
"""

import os
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

OURS = "convstep"
LAYOUTS = ("torch", "torch channels_last")  # the default layout is (m, channels, height, width)
RIVALS = ("torch", "keras", "onnxruntime")
NEEDS = {"torch": ("torch",), "keras": ("keras", "torch"), "onnxruntime": ("onnxruntime", "onnx")}


def installed() -> tuple[str, ...]:
    """Return the rivals that are installed with what they need."""
    return tuple(name for name in RIVALS if all(exists(module) for module in NEEDS[name]))


def missing() -> tuple[str, ...]:
    """Return the packages that would bring more rivals."""
    return tuple(dict.fromkeys(module for name in RIVALS for module in NEEDS[name] if not exists(module)))


def sides(rivals: Sequence[str], among: Sequence[str]) -> list[str]:
    """Return us and those rivals that can do what is measured, PyTorch once for each layout."""
    return [OURS, *(side for name in rivals if name in among for side in (LAYOUTS if name == "torch" else (name,)))]


def share_threads(rivals: Sequence[str], threads: int) -> None:
    """Let us and PyTorch work with so many threads; onnxruntime is told session by session."""
    if exists("numba"):
        from convstep.engines.compiled.threads import set_threads

        set_threads(threads)
    if "torch" in rivals:
        import torch

        torch.set_num_threads(threads)


def load_keras() -> Any:
    """Import Keras on PyTorch; its settings go to a folder of their own unless there is one."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    os.environ.setdefault("KERAS_HOME", str(Path(tempfile.gettempdir()) / "convstep-bench-keras"))
    import keras

    return keras


def exists(module: str) -> bool:
    """Return whether a module can be imported, without importing it."""
    try:
        return find_spec(module) is not None
    except ValueError:  # hidden from import
        return False
