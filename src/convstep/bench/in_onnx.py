"""A network of ours as onnxruntime runs it: the file that `Model.export` writes, channels first."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime

from convstep.checks import Array
from convstep.interop.onnx.writing import as_proto


def predictor(model: Any, x: Array, threads: int) -> Callable[[], Any]:
    """Return a function that predicts the batch."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    file = as_proto(model, layout="NCHW").SerializeToString()
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    batch = {model.input_names[0]: np.ascontiguousarray(x.transpose(0, 3, 1, 2))}
    return lambda: session.run(None, batch)[0]
