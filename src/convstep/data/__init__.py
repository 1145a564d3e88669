"""Data to run networks on: sets that ship, are on the machine or are downloaded, your own files, and random changes of images.

One rule: images come as uint8, (n, height, width) or (n, height, width, channels). Each name is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convstep.data import cifar10, fashion_mnist, mnist
    from convstep.data.augment import Augment, Standardise
    from convstep.data.embedded import load_digits
    from convstep.data.folder import load_folder
    from convstep.data.h5 import load_happy, load_signs
    from convstep.data.idx import read_idx
    from convstep.data.images import read_image

__all__ = [
    "Augment",
    "Standardise",
    "cifar10",
    "fashion_mnist",
    "load_digits",
    "load_folder",
    "load_happy",
    "load_signs",
    "mnist",
    "read_idx",
    "read_image",
]

_HOMES = {
    "augment": ("Augment", "Standardise"),
    "embedded": ("load_digits",),
    "folder": ("load_folder",),
    "h5": ("load_happy", "load_signs"),
    "idx": ("read_idx",),
    "images": ("read_image",),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        message = f"module 'convstep.data' has no attribute {name!r}"
        raise AttributeError(message)
    home = next((module for module, names in _HOMES.items() if name in names), None)
    value = getattr(import_module(f"convstep.data.{home}"), name) if home else import_module(f"convstep.data.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
