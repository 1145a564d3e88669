"""convstep as a backend of ONNX, so that ONNX's own tests, and whoever speaks to backends, can run models with it.

One rule: a model is read by `load`, as every file is. This module needs the extra `onnx`, and says so when it is imported.
"""

from collections.abc import Sequence
from typing import Any

from convstep.checks import Array
from convstep.extras import require
from convstep.interop.onnx.model import OnnxModel, load

__all__ = ["ConvStepBackend", "is_compatible", "prepare", "run_model", "supports_device"]

base: Any = require("onnx.backend.base", extra="onnx", op="convstep.interop.onnx.backend")


class Prepared(base.BackendRep):  # type: ignore[misc] # onnx is installed or not
    """A model that was read and can be run again and again."""

    def __init__(self, model: OnnxModel) -> None:
        self.model = model

    def run(self, inputs: Any, **_options: Any) -> tuple[Array, ...]:
        """Return the outputs of the model, in the order of the file.

        Parameters
        ----------
        inputs : sequence or dict of arrays
            In the order of the file, or by their names.
        """
        given = inputs if isinstance(inputs, dict) else list(inputs)
        if not isinstance(given, dict) and len(given) == 1:
            given = given[0]
        results = self.model.predict() if not len(inputs) else self.model.predict(given)
        return tuple(results.values()) if isinstance(results, dict) else (results,)


class ConvStepBackend(base.Backend):  # type: ignore[misc] # onnx is installed or not
    """What ONNX asks of a backend.

    Examples
    --------
    >>> import onnx.backend.test
    >>> tests = onnx.backend.test.BackendTest(ConvStepBackend, __name__)  # doctest: +SKIP
    """

    @classmethod
    def is_compatible(cls, model: Any, device: str = "CPU", **_options: Any) -> bool:
        """Return whether a model can be run here."""
        from convstep.errors import DataError

        try:
            load(model)
        except DataError:
            return False
        return cls.supports_device(device)

    @classmethod
    def prepare(cls, model: Any, device: str = "CPU", **_options: Any) -> Prepared:
        """Read a model.

        Raises
        ------
        DataError
            As `load`.
        ShapeError
            If the device is not the processor.
        """
        if not cls.supports_device(device):
            from convstep.checks import refusal

            raise refusal("prepare", "convstep runs on the processor (CPU) alone", {"device": device})
        return Prepared(load(model))

    @classmethod
    def run_model(cls, model: Any, inputs: Any, device: str = "CPU", **options: Any) -> tuple[Array, ...]:
        """Read a model and run it once."""
        return cls.prepare(model, device, **options).run(inputs)

    @classmethod
    def run_node(
        cls, node: Any, inputs: Sequence[Array], device: str = "CPU", outputs_info: Any = None, **options: Any
    ) -> tuple[Array, ...]:
        """Run one node, of the newest opset that is supported here."""
        from convstep.interop.onnx.operators import NEWEST

        del outputs_info
        onnx = require("onnx", extra="onnx", op="run_node")
        helper = onnx.helper
        named = [name for name in node.input if name]
        entries = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
            for name, x in zip(named, inputs, strict=True)
        ]
        made = [onnx.ValueInfoProto(name=name) for name in node.output if name]
        graph = helper.make_graph([node], "node", entries, made)
        opset = min(NEWEST, onnx.defs.onnx_opset_version())
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid(node.domain, opset)])
        return cls.run_model(onnx.shape_inference.infer_shapes(model), inputs, device, **options)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Return whether this is the processor."""
        return device.partition(":")[0] == "CPU"


is_compatible, prepare, run_model, run_node, supports_device = (
    ConvStepBackend.is_compatible,
    ConvStepBackend.prepare,
    ConvStepBackend.run_model,
    ConvStepBackend.run_node,
    ConvStepBackend.supports_device,
)
