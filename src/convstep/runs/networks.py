"""The network of a run: one of convstep's by name, or whatever a Python file of the user's builds.

One rule: a file is run because its user named it with --model, here and nowhere else; a run folder never runs code.
"""

import inspect
import runpy
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from convstep.checks import whole
from convstep.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from convstep.models import Model, Sequential, happy_house, lenet5, resnet, signs, signs_tf1, vgg
from convstep.models.heads import cross_entropy_for
from convstep.runs.settings import SettingError, Settings, meant
from convstep.training.optimizers import NAMES as OPTIMIZERS
from convstep.training.schedules import CosineDecay

__all__ = ["NETWORKS", "build", "compile_for", "small"]

RISE, START = 0.25, 25  # one cycle: a quarter of the steps goes up, from 1/25 of the largest rate
MOMENTUM: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"momentum": {"momentum": 0.9}, "nesterov": {"momentum": 0.9, "nesterov": True}}
)


def small(input_shape: Sequence[int] = (28, 28, 1), classes: int = 10) -> Sequential:
    """Return the network that `convstep train` trains if nothing else is said: 73,594 parameters for the digits.

    LeNet-5's pattern with what came after it: ReLU, max pooling (the largest of each window), he_uniform and Dropout.
    """
    filters: Any = {"activation": "relu", "kernel_initializer": "he_uniform"}
    return Sequential(
        [
            Input(input_shape),
            Conv2D(8, 5, **filters),
            MaxPooling2D(),
            Conv2D(32, 5, **filters),
            MaxPooling2D(),
            Flatten(),
            Dropout(0.25),
            Dense(128, **filters),
            Dropout(0.25),
            Dense(classes, activation="softmax"),
        ],
        name="small",
    )


NETWORKS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "small": small,
        "lenet5": lenet5,
        "signs": signs,
        "signs_tf1": signs_tf1,
        "happy_house": happy_house,
        "vgg": vgg,
        "resnet": resnet,
    }
)


def build(name: str, shape: tuple[int, ...], classes: int) -> Model:
    """Return the network for images of this shape and so many classes, built.

    Parameters
    ----------
    name : str
        One of `NETWORKS`, or the path of a Python file that defines `build`, a function of any of `input_shape` and `classes`, or
        `model`. The file is run.
    shape : (height, width, channels)
    classes : int

    Raises
    ------
    SettingError
        If there is no such network, the file fails, or the network takes other images or tells other classes apart.
    """
    model = _called(NETWORKS[name], shape, classes) if name in NETWORKS else _from_file(name, shape, classes)
    if not isinstance(model, Model):
        raise SettingError(f"--model: {name} must give a convstep model, not {type(model).__name__}")
    if not model.built:
        model.build((None, *shape))
    taken, given = model.input_shape, model.output_shape
    if not isinstance(taken, tuple) or tuple(taken[1:]) != shape:
        raise SettingError(f"--model: {name} takes images {_sizes(taken)}, but these are {_sizes((None, *shape))}")
    if not isinstance(given, tuple) or given[1:] not in ({(classes,), (1,)} if classes == 2 else {(classes,)}):
        raise SettingError(f"--model: {name} gives {_sizes(given)}, but there are {classes} classes")
    return model


def compile_for(model: Model, settings: Settings, steps: int) -> None:
    """Compile a network as the settings say, for so many steps; an optimizer and a loss that it was compiled with are kept.

    Raises
    ------
    SettingError
        If both the network and the settings name an optimizer that differ.
    """
    loss = model.loss if model.compiled and model.loss is not None else cross_entropy_for(model)
    model.compile(model.optimizer if model.compiled else _optimizer(settings, steps), loss=loss, metrics=["accuracy"])


def _optimizer(settings: Settings, steps: int) -> Any:
    rate: Any = settings.learning_rate
    if settings.schedule == "one-cycle":
        rise = max(1, whole("train", "steps", int(RISE * steps), 0))
        rate = CosineDecay(rate / START, max(1, steps - rise), warmup_target=rate, warmup_steps=rise)
    kind = OPTIMIZERS["sgd" if settings.optimizer in MOMENTUM else settings.optimizer]
    return kind(learning_rate=rate, **MOMENTUM.get(settings.optimizer, {}))


def _from_file(name: str, shape: tuple[int, ...], classes: int) -> Any:
    path = Path(name)
    if path.suffix != ".py" or not path.is_file():
        known = tuple(NETWORKS)
        raise SettingError(f"--model: there is no network and no Python file {name!r}{meant(name, known)}; there are {', '.join(known)}")
    try:
        names = runpy.run_path(str(path))
        if callable(names.get("build")):
            return _called(names["build"], shape, classes)
    except Exception as error:  # whatever the user's code raises
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        where = f", line {lines[-1]}" if lines else f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        said = " ".join(str(error).splitlines()[:1])
        raise SettingError(f"--model: {name}{where}: {type(error).__name__}: {said}") from error
    if "model" not in names:
        raise SettingError(f"--model: {name} defines neither a function build(input_shape, classes) nor a model")
    return names["model"]


def _called(function: Callable[..., Any], shape: tuple[int, ...], classes: int) -> Any:
    """Call a function that builds a network with those of the two arguments that it takes."""
    given = {"input_shape": shape, "classes": classes}
    parameters = inspect.signature(function).parameters
    whole_call = any(item.kind is item.VAR_KEYWORD for item in parameters.values())
    return function(**{word: value for word, value in given.items() if whole_call or word in parameters})


def _sizes(shape: Any) -> str:
    """Return a shape without its batch as it is said: 28 x 28 x 1."""
    return " x ".join(map(str, shape[1:])) if isinstance(shape, tuple) else "several things"
