"""ConvStep: convolutional networks that can be read, checked, seen and run.

`import convstep` loads nothing but the standard library; each public name is imported when it is first asked for. A script that was
written for Keras runs with `import convstep as keras`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convstep import (
        activations,
        callbacks,
        data,
        datasets,
        fast,
        initializers,
        interop,
        layers,
        losses,
        metrics,
        models,
        ops,
        optimizers,
        regularizers,
        saving,
        steps,
        utils,
    )
    from convstep.engines import set_threads, use_engine
    from convstep.errors import ArgumentTypeError, ConvStepError, DataError, OutOfMemoryError, ShapeError
    from convstep.explorer import explore
    from convstep.grading import check
    from convstep.layers import Input, Layer
    from convstep.models import Model, Predictor, Sequential, load_model
    from convstep.steps import (
        conv_backward,
        conv_forward,
        conv_single_step,
        create_mask_from_window,
        distribute_value,
        pool_backward,
        pool_forward,
        trace,
        zero_pad,
    )

__version__ = "0.1.0"

__all__ = [
    "ArgumentTypeError",
    "ConvStepError",
    "DataError",
    "Input",
    "Layer",
    "Model",
    "OutOfMemoryError",
    "Predictor",
    "Sequential",
    "ShapeError",
    "__version__",
    "activations",
    "callbacks",
    "check",
    "conv_backward",
    "conv_forward",
    "conv_single_step",
    "create_mask_from_window",
    "data",
    "datasets",
    "distribute_value",
    "explore",
    "fast",
    "initializers",
    "interop",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "pool_backward",
    "pool_forward",
    "regularizers",
    "saving",
    "set_threads",
    "steps",
    "trace",
    "use_engine",
    "utils",
    "zero_pad",
]

# where a name is; those that are not here are modules
_HOMES = {
    "engines": ("set_threads", "use_engine"),
    "errors": ("ArgumentTypeError", "ConvStepError", "DataError", "OutOfMemoryError", "ShapeError"),
    "explorer": ("explore",),
    "grading": ("check",),
    "layers": ("Input", "Layer"),
    "models": ("Model", "Predictor", "Sequential", "load_model"),
    "steps": (
        "conv_backward",
        "conv_forward",
        "conv_single_step",
        "create_mask_from_window",
        "distribute_value",
        "pool_backward",
        "pool_forward",
        "trace",
        "zero_pad",
    ),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        message = f"module 'convstep' has no attribute {name!r}"
        raise AttributeError(message)
    home = next((module for module, names in _HOMES.items() if name in names), None)
    value = getattr(import_module(f"convstep.{home}"), name) if home else import_module(f"convstep.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
