"""ConvStep: convolutional networks that can be read, checked, seen and run.

`import convstep` loads nothing but the standard library; each public name is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convstep.errors import ArgumentTypeError, ConvStepError, OutOfMemoryError, ShapeError
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
    "OutOfMemoryError",
    "ShapeError",
    "__version__",
    "conv_backward",
    "conv_forward",
    "conv_single_step",
    "create_mask_from_window",
    "distribute_value",
    "pool_backward",
    "pool_forward",
    "trace",
    "zero_pad",
]

_ERRORS = {"ArgumentTypeError", "ConvStepError", "OutOfMemoryError", "ShapeError"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        message = f"module 'convstep' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module("convstep.errors" if name in _ERRORS else "convstep.steps"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
