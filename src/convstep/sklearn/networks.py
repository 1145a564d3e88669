"""The networks that a classifier can be told to train, and what it asks of one.

One rule: a network is a function that makes a new model, so that whoever fits twice begins anew.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

from convstep.checks import one_of, refusal, shown
from convstep.errors import ArgumentTypeError
from convstep.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from convstep.models import Model, Sequential, happy_house, lenet5, resnet, signs, signs_tf1, vgg
from convstep.models.architecture import class_name
from convstep.training import optimizers

NAME = "ConvNetClassifier"
ROOM = 4  # rows and columns that an image must have for a convolution and a pooling
OPTIMIZERS = ("sgd", "rmsprop", "adam", "adamw")
Shape: TypeAlias = tuple[int, ...]
Network: TypeAlias = Callable[[Shape, int], Model]


def auto(input_shape: Sequence[int], classes: int) -> Sequential:
    """Return the network that is trained if no other is asked for: as deep as the images have room for.

    Up to three times a 3 x 3 convolution and 2 x 2 max pooling, twice as wide as the one before; then two dense layers. An image of one row
    has room for no convolution: the network is dense.

    Parameters
    ----------
    input_shape : (height, width, channels)
    classes : int
    """
    learns: Any = {"activation": "relu", "kernel_initializer": "he_uniform"}
    layers: list[Any] = [Input(tuple(input_shape))]
    room = min(input_shape[:2])
    for filters in (16, 32, 64):
        if room >= ROOM:
            layers += [Conv2D(filters, 3, padding="same", **learns), MaxPooling2D()]
            room //= 2
    return Sequential([*layers, Flatten(), Dense(128, **learns), Dropout(0.25), Dense(classes, activation="softmax")], name="auto")


NETWORKS: Mapping[str, Network] = MappingProxyType(
    {
        "auto": auto,
        "lenet5": lenet5,
        "signs": signs,
        "signs_tf1": signs_tf1,
        "happy_house": lambda input_shape, _: happy_house(input_shape),
        "vgg": vgg,
        "resnet": resnet,
    }
)


def build(network: Any, shape: Shape, classes: int) -> Model:
    """Return the network that was asked for, by its name or as a function, for images of this shape.

    Raises
    ------
    ShapeError, ArgumentTypeError
        If there is no such network, or it is not made for these images and classes.
    """
    model = _function(network)(shape, classes)
    given = {"network": network if isinstance(network, str) else getattr(network, "__name__", network)}
    if not isinstance(model, Model):
        raise refusal(NAME, f"network must return a model, not {shown(model)}", given, kind=ArgumentTypeError)
    if model.compiled:
        fact = "network must return a model that is not compiled: optimizer and learning_rate are parameters of the classifier"
        raise refusal(NAME, fact, given)
    model.ensure_built((None, *shape))
    if model.output_shape not in {(None, classes), (None, 1 if classes == 2 else classes)}:
        fact = f"network must return a model whose output is (None, {classes}), a number for each class, not {model.output_shape}"
        raise refusal(NAME, fact, given)
    return model


def optimizer_for(optimizer: Any, learning_rate: Any) -> optimizers.Optimizer:
    """Return a new optimizer: of that name, or as the one that is given, with another rate if there is one."""
    rate = {} if learning_rate is None else {"learning_rate": learning_rate}
    if isinstance(optimizer, optimizers.Optimizer):
        return type(optimizer).from_config({**optimizer.get_config(), **rate})
    made: optimizers.Optimizer = optimizers.NAMES[one_of(NAME, "optimizer", optimizer, OPTIMIZERS)](**rate)
    return made


def own_layers(model: Model) -> dict[str, type]:
    """Return the classes of layers that are not convstep's, which whoever reads the model must know."""
    found: dict[str, type] = {}
    for layer in model.layers:
        if isinstance(layer, Model):
            found |= own_layers(layer)
        elif not type(layer).__module__.startswith("convstep."):
            found[class_name(layer)] = type(layer)
    return found


def _function(network: Any) -> Network:
    if isinstance(network, Model):
        fact = "network must be a name or a function that returns a new model for every fit, not a model"
        raise refusal(NAME, fact, {"network": network.name}, kind=ArgumentTypeError)
    return network if callable(network) else NETWORKS[one_of(NAME, "network", network, tuple(NETWORKS))]
