"""Which ONNX operators become layers of convstep. Each function takes the import, a node and its inputs, and returns the result.

One rule: a function returns None wherever the layer would not do exactly the same, and the operator itself is used.
"""

from collections.abc import Callable, Mapping, Sequence

from convstep.interop.onnx.importing import Importing
from convstep.interop.onnx.lowering import channels, merging, moving, pointwise, products, windows
from convstep.interop.onnx.records import Node
from convstep.interop.onnx.values import Value

__all__ = ["LOWERINGS"]

LOWERINGS: Mapping[str, Callable[[Importing, Node, Sequence[Value | None]], Value | None]] = {
    **channels.LOWERINGS,
    **merging.LOWERINGS,
    **moving.LOWERINGS,
    **pointwise.LOWERINGS,
    **products.LOWERINGS,
    **windows.LOWERINGS,
}
