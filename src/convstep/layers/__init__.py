"""Layers under Keras's names, with Keras's arguments and defaults, and the contract of the assignment: see `Layer`."""

from collections.abc import Mapping
from typing import Any

from convstep.checks import one_of
from convstep.layers.activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Rescaling, Softmax
from convstep.layers.base import Layer, Parameter, Symbol
from convstep.layers.convolution import Conv2D, DepthwiseConv2D, SeparableConv2D
from convstep.layers.dense import Dense
from convstep.layers.dropout import Dropout
from convstep.layers.inputs import Input, InputLayer
from convstep.layers.merging import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    maximum,
    multiply,
    subtract,
)
from convstep.layers.normalization import BatchNormalization, LayerNormalization
from convstep.layers.pooling import (
    AveragePooling2D,
    AvgPool2D,
    GlobalAveragePooling2D,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    GlobalMaxPooling2D,
    MaxPool2D,
    MaxPooling2D,
)
from convstep.layers.shaping import Cropping2D, Flatten, Permute, Reshape, UpSampling2D, ZeroPadding2D
from convstep.layers.transposed import Conv2DTranspose

__all__ = [
    "ELU",
    "Activation",
    "Add",
    "Average",
    "AveragePooling2D",
    "AvgPool2D",
    "BatchNormalization",
    "Concatenate",
    "Conv2D",
    "Conv2DTranspose",
    "Cropping2D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalAvgPool2D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling2D",
    "Input",
    "InputLayer",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPool2D",
    "MaxPooling2D",
    "Maximum",
    "Multiply",
    "PReLU",
    "Parameter",
    "Permute",
    "ReLU",
    "Rescaling",
    "Reshape",
    "SeparableConv2D",
    "Softmax",
    "Subtract",
    "Symbol",
    "UpSampling2D",
    "ZeroPadding2D",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "maximum",
    "multiply",
    "subtract",
]

KINDS: dict[str, type[Layer]] = {
    name: kind for name, kind in globals().items() if name in __all__ and isinstance(kind, type) and issubclass(kind, Layer)
}


def deserialize(config: Mapping[str, Any]) -> Layer:
    """Make a layer from {"class_name": ..., "config": ...}, its class and what its `get_config` returned.

    Raises
    ------
    ShapeError
        If there is no layer of that class.
    """
    one_of("layers.deserialize", "class_name", config["class_name"], tuple(KINDS))
    return KINDS[config["class_name"]].from_config(config["config"])
