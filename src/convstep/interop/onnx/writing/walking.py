"""From a model to the operations of a file: each call of a layer after those that it needs, models inside models laid open.

One rule: a layer is written by its very class; a class of somebody's own may compute anything, and is refused by its path.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from convstep import layers
from convstep.errors import DataError
from convstep.interop.onnx.importing import Fixed
from convstep.interop.onnx.operator import LocalResponse, Operator
from convstep.interop.onnx.writing import activations, merging, normalizing, operators, shaping, windows
from convstep.interop.onnx.writing.draft import Draft
from convstep.interop.onnx.writing.values import CHANNELS_FIRST, Call, Value, floats, plain_order
from convstep.layers import Layer
from convstep.models import Model
from convstep.models.graph import Part, call_key

OPERATORS = (Operator, Fixed)


def written(draft: Draft, model: Any, inputs: Sequence[Value], *, inside: str = "", training: bool = False) -> list[Value]:
    """Write all layers of a model and return its outputs.

    Parameters
    ----------
    draft : Draft
    model : Model
    inputs : sequence of Value
    inside : str
        What paths begin with: "inner/" inside a model of that name.
    training : bool
        Whether this model, inside another, was called to train.
    """
    graph = model.graph
    names = {id(layer): name for name, layer in model.members.items()}
    known = {call_key(symbol): [draft.cast(x, symbol.layer.dtype)] for symbol, x in zip(graph.inputs, inputs, strict=True)}
    for node in graph.described:
        layer, path = node.layer, f"{inside}{names[id(node.layer)]}"
        given = [_part(known[call_key(symbol)], symbol) for symbol in node.inputs]
        mode = training if node.training is None else node.training
        if isinstance(layer, Model) and type(layer).forward is Model.forward:
            known[call_key(node)] = written(draft, layer, given, inside=f"{path}/", training=mode)
            continue
        shapes = [x.shape for x in given]
        shape = tuple(layer.compute_output_shape(shapes if layer.several else shapes[0]))
        call = Call(layer, path, tuple(given), shape)
        if isinstance(layer, Operator) and type(layer) in OPERATORS:
            draft.path = path
            known[call_key(node)] = operators.operator(draft, call)
        else:
            known[call_key(node)] = [_written_call(draft, call, training=mode)]
    return [_part(known[call_key(symbol)], symbol) for symbol in graph.outputs]


def dense(draft: Draft, call: Call) -> Value:
    """Write Dense: for rows as Gemm, for images as a convolution of single pixels, for all else as a product."""
    layer: Any = call.layer
    kernel, bias = layer.parameter("kernel"), layer.parameter("bias") if layer.use_bias else None
    x = draft.cast(call.x, floats(call.x.dtype, kernel) if bias is None else floats(call.x.dtype, kernel, bias))
    if x.order == CHANNELS_FIRST:
        y = windows.pointwise(draft, x, kernel, bias)
        return activations.activated(draft, y, layer.activation, call.path)
    if x.order[-1] != x.rank - 1:
        x = draft.turned(x, plain_order(x.rank))
    reads = [draft.constant("kernel", kernel if x.rows is None else kernel[x.rows], x.dtype)]
    reads += [] if bias is None else [draft.constant("bias", bias, x.dtype)]
    if x.rank == 2:
        y = draft.then("Gemm", x, *reads)
    else:
        y = draft.then("MatMul", x, reads[0])
        y = y if bias is None else draft.then("Add", y, reads[1])
    return activations.activated(draft, replace(y, shape=call.shape, rows=None), layer.activation, call.path)


def _written_call(draft: Draft, call: Call, *, training: bool) -> Value:
    kind = type(call.layer)
    if kind not in WRITTEN:
        fact = f'the layer "{call.path}" is of the class {kind.__name__}, which is not one of convstep\'s own: ONNX has no word for it'
        raise DataError(f"export: {fact}\n  given {call.path}")
    if training and _learns(call.layer):
        fact = f'the layer "{call.path}" ({kind.__name__}) is called with training=True, and a file holds no training'
        raise DataError(f"export: {fact}\n  given {call.path}")
    draft.path = call.path
    y = WRITTEN[kind](draft, call)
    if y.key not in {x.key for x in call.inputs}:
        draft.labels.setdefault(y.key, call.path)
    return y


def _learns(layer: Any) -> bool:
    """Return whether a layer does something else in training."""
    return (isinstance(layer, layers.Dropout) and layer.rate > 0) or (isinstance(layer, layers.BatchNormalization) and layer.trainable)


def _part(values: Sequence[Value], symbol: Any) -> Value:
    if not isinstance(symbol, Part):
        return values[0]
    if isinstance(symbol.layer, Operator):
        return values[int(symbol.place)]
    model: Any = symbol.layer
    return values[list(model.output_structure.places).index(symbol.place)]


def _nothing(draft: Draft, call: Call) -> Value:  # noqa: ARG001 - called as the others are
    return call.x


WRITTEN: dict[type[Layer], Callable[[Draft, Call], Value]] = {
    LocalResponse: operators.local_response,
    layers.Activation: activations.activation_layer,
    layers.Add: merging.merging,
    layers.Average: merging.merging,
    layers.AveragePooling2D: windows.average_pooling,
    layers.BatchNormalization: normalizing.batch_normalization,
    layers.Concatenate: merging.concatenation,
    layers.Conv2D: windows.convolution,
    layers.Conv2DTranspose: windows.transposed,
    layers.Cropping2D: shaping.cropping,
    layers.Dense: dense,
    layers.DepthwiseConv2D: windows.depthwise,
    layers.Dropout: _nothing,
    layers.ELU: activations.activation_layer,
    layers.Flatten: shaping.flatten,
    layers.GlobalAveragePooling2D: windows.global_pooling,
    layers.GlobalMaxPooling2D: windows.global_pooling,
    layers.InputLayer: _nothing,
    layers.LayerNormalization: normalizing.layer_normalization,
    layers.LeakyReLU: activations.activation_layer,
    layers.MaxPooling2D: windows.max_pooling,
    layers.Maximum: merging.merging,
    layers.Multiply: merging.merging,
    layers.PReLU: activations.parametric,
    layers.Permute: shaping.permute,
    layers.ReLU: activations.activation_layer,
    layers.Rescaling: normalizing.rescaling,
    layers.Reshape: shaping.reshape,
    layers.SeparableConv2D: windows.separable,
    layers.Softmax: activations.activation_layer,
    layers.Subtract: merging.merging,
    layers.UpSampling2D: shaping.up_sampling,
    layers.ZeroPadding2D: shaping.zero_padding,
}
