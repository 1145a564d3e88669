"""The layer that does one ONNX operator as the file says it, where none of convstep's own layers does.

One rule: it computes in the file's own order of axes, and only forwards.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NoReturn

from convstep.checks import Array
from convstep.engines import current_engine
from convstep.errors import ArgumentTypeError
from convstep.interop.onnx.operators import compute
from convstep.interop.onnx.records import Node
from convstep.layers import Layer, Parameter
from convstep.layers.base import Shape


class Operator(Layer):
    """One node of an ONNX file.

    Parameters
    ----------
    node : Node
    constants : mapping of int to array
        Inputs that are known, by their places among the node's inputs.
    absent : sequence of int
        Places of inputs that are left out.
    output_shape : tuple
        Of its first result, None for lengths that are not known.
    several_outputs : bool
        Whether `forward` returns all its results as a list.

    """

    several: ClassVar[bool] = True

    def __init__(
        self,
        node: Node,
        constants: Mapping[int, Array],
        absent: Sequence[int] = (),
        *,
        output_shape: Shape = (),
        several_outputs: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.node, self.absent, self.output_shape = node, frozenset(absent), output_shape
        self.several_outputs = several_outputs
        self.places = sorted(constants)
        self.parameters = [Parameter(f"input_{place}", constants[place], trainable=False) for place in self.places]
        self.built = True

    def ensure_built(self, input_shape: Any) -> None:
        """Take any shapes: the operator itself refuses what it cannot do."""

    def check(self, input_shape: Any) -> None:
        """Take any shapes."""

    def compute_output_shape(self, input_shape: Any) -> Shape:  # noqa: ARG002 - ONNX has inferred it
        """Return the shape of the first result."""
        return self.output_shape

    def forward(self, x: Sequence[Array], **_mode: Any) -> tuple[Any, Any]:
        """Return the result, or the list of results."""
        known = {place: item.value for place, item in zip(self.places, self.parameters, strict=True)}
        given = iter(x)
        arrays = [None if i in self.absent else known[i] if i in known else next(given) for i in range(len(self.node.inputs))]
        results = compute(self.node, arrays)
        return results if self.several_outputs else results[0], None

    def backward(self, dy: Any, cache: Any) -> NoReturn:  # noqa: ARG002 - it has none
        """Refuse: an operator knows its forward pass alone."""
        raise ArgumentTypeError(f"{self.name}: no gradient goes back through {self.node.called}, so this model cannot be trained")

    def get_config(self) -> dict[str, Any]:
        """Refuse: the file is where it is written down."""
        fact = f"{self.name}: {self.node.called} is no layer of convstep; only the ONNX file describes it, so keep that"
        raise ArgumentTypeError(f"{fact}\n  given {type(self).__name__}")


class LocalResponse(Operator):
    """LRN on images with their channels last, by the engine's own kernel (Krizhevsky, Sutskever and Hinton 2012, section 3.3)."""

    recordable: ClassVar[bool] = True

    def forward(self, x: Sequence[Array], **_mode: Any) -> tuple[Any, Any]:
        """Divide every number by what its neighbours among the channels say."""
        get = self.node.get
        size, alpha, beta, bias = get("size"), get("alpha", 1e-4), get("beta", 0.75), get("bias", 1.0)
        return current_engine().local_response(x[0], size, alpha, beta, bias), None
