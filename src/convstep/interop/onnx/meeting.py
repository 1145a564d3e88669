"""Whether the samples of a batch meet on their way through a network that was read from a file.

One rule: a batch is cut only where every layer is known to keep the first axis of its array to itself.
"""

from collections.abc import Sequence
from typing import Any

from convstep.interop.onnx.operator import LocalResponse, Operator
from convstep.interop.onnx.reading import Entry
from convstep.layers import (
    ELU,
    Activation,
    Add,
    Average,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Layer,
    LeakyReLU,
    Maximum,
    MaxPooling2D,
    Multiply,
    Permute,
    PReLU,
    ReLU,
    Rescaling,
    Reshape,
    Softmax,
    Subtract,
    UpSampling2D,
    ZeroPadding2D,
)
from convstep.models.graph import Graph

ONE_AXIS = (Activation, BatchNormalization, Concatenate, Softmax)  # which do something along an axis that can be any
NEVER_ALONG_THE_FIRST = (
    ELU, Add, Average, AveragePooling2D, Conv2D, Conv2DTranspose, Cropping2D, Dense, DepthwiseConv2D, Flatten, GlobalAveragePooling2D,
    GlobalMaxPooling2D, LeakyReLU, LocalResponse, MaxPooling2D, Maximum, Multiply, Permute, PReLU, ReLU, Rescaling, Reshape, Subtract,
    UpSampling2D, ZeroPadding2D,
)  # fmt: skip


def apart(graph: Graph, inputs: Sequence[Entry]) -> bool:
    """Return whether outputs for some of the samples are those rows of the outputs for all.

    It takes that the first axis of every input, and no other, has one and the same length that is not known, and layers that never do
    anything along it. Layers do not reorder it either: only an operator does that.
    """
    sizes = [size for entry in inputs for size in entry.sizes or ()]
    first = {entry.sizes[0] if entry.sizes else 0 for entry in inputs}
    batch = first.pop() if len(first) == 1 else 0
    one = isinstance(batch, str) and sizes.count(batch) == len(inputs)
    return one and all(_keeps_apart(call.layer, len(call.inputs[0].shape)) for call in graph.described)


def _keeps_apart(layer: Layer, axes: int) -> bool:
    if isinstance(layer, ONE_AXIS):
        axis: Any = layer.activation.options.get("axis", -1) if isinstance(layer, Activation) else layer.axis
        return axes > 1 and axis % axes != 0
    return axes > 1 and isinstance(layer, NEVER_ALONG_THE_FIRST) and (type(layer) is LocalResponse or not isinstance(layer, Operator))
