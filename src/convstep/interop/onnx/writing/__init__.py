"""A model as an ONNX file. One rule: what the file computes is what `model.predict` computes, in the names of the model."""

import os
from typing import Any

from convstep.files import atomic_file
from convstep.interop.onnx.writing.protocol import as_proto

__all__ = ["as_proto", "save"]


def save(model: Any, path: str | os.PathLike[str], *, layout: str | None = None, opset: int | None = None, dtype: Any = None) -> None:
    """Write a model as an ONNX file, as it is in inference.

    Its inputs and outputs have the names of the model's (`model.input_names`, `model.output_names`; an output that is called as an input is
    gets "_output" behind it) and their shapes, with "batch" for a batch of any size. Parameters have their paths: "conv2d/kernel".

    Parameters
    ----------
    model : Model
        Built, of any of convstep's layers, models inside models among them.
    path : path
        Of the file, which is whole or not there.
    layout : "NCHW" or "NHWC", optional
        How inputs and outputs of four axes lie in the file: (m, channels, height, width), which other tools expect, or (m, height, width,
        channels) as in convstep. All others lie as in the model, and a flattened image has convstep's order in either case. Without it,
        NCHW; a model that was read from an ONNX file keeps its axes as they are, which is what "NHWC" does.
    opset : int, optional
        Version of ONNX's operators, 17 to 21. Every onnxruntime since 1.12 reads 17, and only gelu and mish take fewer operators in a
        later one. Without it 17, or that of the file where a model was read from a later one with operators that no layer stands for.
    dtype : "float32" or "float64", optional
        What float64 is written as. Inputs and outputs keep the model's types. Without it, float32: onnxruntime has no convolution in
        float64 on a CPU, so that it reads such a file only if it does without.

    Raises
    ------
    DataError
        If a layer or an activation is not one of convstep's own, or is called with training=True; an operator of a file that was read
        means something else in this opset; or there is no such folder.
    ShapeError
        If layout, opset or dtype is something else, or the file would take 2 GiB, more than one ONNX file can.
    ArgumentTypeError
        If it is no model, or not built yet.
    MissingExtraError
        If the package onnx is not installed.
    """
    content = as_proto(model, layout=layout, opset=opset, dtype=dtype).SerializeToString(deterministic=True)
    with atomic_file(path) as file:
        file.write(content)
