"""A network of ours as an ONNX graph that onnxruntime runs: the same layers with the same weights, channels first."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from convstep.bench.networks import Step, dense_kernel, walk
from convstep.checks import Array

OPSET, IR = 17, 8
ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "softmax": "Softmax"}
PLAIN = {"Add": "Add", "Flatten": "Flatten", "ReLU": "Relu"}


def graph(model: Any) -> Any:
    """Return the network for batches of any size."""
    made = _Graph()
    steps, values = walk(model), ["x"]
    for step in steps:
        values.append(_add_step(made, step, steps, [values[place] for place in step.reads]))
    (rows, columns, channels), outputs = model.input_shape[1:], model.output_shape[1:]
    taken = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["m", channels, rows, columns])
    given = helper.make_tensor_value_info(values[-1], onnx.TensorProto.FLOAT, ["m", *outputs])
    whole = helper.make_graph(made.nodes, model.name, [taken], [given], made.weights)
    found = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.checker.check_model(found)
    return found


def predictor(model: Any, x: Array, threads: int) -> Callable[[], Any]:
    """Return a function that predicts the batch."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(graph(model).SerializeToString(), options, providers=["CPUExecutionProvider"])
    batch = {"x": np.ascontiguousarray(x.transpose(0, 3, 1, 2))}
    return lambda: session.run(None, batch)[0]


class _Graph:
    """The nodes and the weights so far."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def node(self, kind: str, reads: list[str], **attributes: Any) -> str:
        """Append a node and return the name of its result."""
        result = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, reads, [result], **attributes))
        return result

    def weight(self, array: Array) -> str:
        """Append a weight and return its name."""
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name


def _add_step(made: _Graph, step: Step, steps: list[Step], reads: list[str]) -> str:
    layer: Any = step.layer
    pads = [step.padding[axis][end] for end in range(2) for axis in range(2)]
    if step.kind == "Conv2D":
        weights = [made.weight(layer.parameter("kernel").transpose(3, 2, 0, 1)), *([made.weight(layer.bias)] if layer.use_bias else [])]
        result = made.node("Conv", [*reads, *weights], kernel_shape=layer.kernel_size, strides=layer.strides, pads=pads)
    elif step.kind in {"AveragePooling2D", "MaxPooling2D"}:
        kind = step.kind.replace("Pooling2D", "Pool")
        result = made.node(kind, reads, kernel_shape=layer.pool_size, strides=layer.strides, pads=pads)
    elif step.kind == "Dense":
        result = made.node("Gemm", [*reads, made.weight(dense_kernel(step, steps)), made.weight(layer.parameter("bias"))])
    elif step.kind == "BatchNormalization":
        result = made.node("BatchNormalization", [*reads, *map(made.weight, layer.get_weights())], epsilon=layer.epsilon)
    elif step.kind == "GlobalAveragePooling2D":
        result = made.node("Flatten", [made.node("GlobalAveragePool", reads)])
    else:
        result = reads[0] if step.kind == "Activation" else made.node(PLAIN[step.kind], reads)
    return result if step.activation == "linear" else made.node(ACTIVATIONS[step.activation], [result])
