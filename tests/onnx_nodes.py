"""One operator at a time: by `compute`, and by onnxruntime."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from convstep.checks import Array
from convstep.interop.onnx.operators import compute
from convstep.interop.onnx.records import Node


def ours(
    kind: str, inputs: Sequence[Array | None], attributes: Mapping[str, Any] | None = None, *, opset: int = 17, outputs: int = 1
) -> list[Array]:
    """Compute one operator here."""
    made = tuple(f"y{at}" for at in range(outputs))
    named = tuple("" if x is None else f"x{at}" for at, x in enumerate(inputs))
    return compute(Node(kind, opset, "n", named, made, dict(attributes or {})), inputs)[:outputs]


def theirs(
    kind: str, inputs: Sequence[Array | None], attributes: Mapping[str, Any] | None = None, *, opset: int = 17, outputs: int = 1
) -> list[Array] | None:
    """Compute one operator in onnxruntime; None if it will not."""
    import onnx
    import onnxruntime

    inputs = list(inputs)
    while inputs and inputs[-1] is None:
        inputs.pop()  # onnxruntime falls over a last input that is left out
    named = ["" if x is None else f"x{at}" for at, x in enumerate(inputs)]
    node = onnx.helper.make_node(kind, named, [f"y{at}" for at in range(outputs)], **dict(attributes or {}))
    graph = onnx.helper.make_graph(
        [node],
        "g",
        [
            onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
            for name, x in zip(named, inputs, strict=True)
            if x is not None
        ],
        [onnx.ValueInfoProto(name=name) for name in node.output],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return [np.asarray(y) for y in session.run(None, {name: x for name, x in zip(named, inputs, strict=True) if x is not None})]
    except Exception:  # noqa: BLE001 - whatever it does not do is no oracle
        return None
