"""Which ONNX operators become layers of convstep. Each function takes the import, a node and its inputs, and returns the result.

One rule: a function returns None wherever the layer would not do exactly the same, and the operator itself is used.
"""

from collections.abc import Callable, Mapping
from typing import Any

from convstep.interop.onnx.lowering import any_order, channels, merging, moving, pointwise, products, windows

__all__ = ["LOWERINGS"]

LAYERS: Mapping[str, Callable[..., Any]] = {
    **channels.LOWERINGS,
    **merging.LOWERINGS,
    **moving.LOWERINGS,
    **pointwise.LOWERINGS,
    **products.LOWERINGS,
    **windows.LOWERINGS,
}
LOWERINGS: Mapping[str, tuple[Callable[..., Any], ...]] = {
    kind: tuple(table[kind] for table in (LAYERS, any_order.LOWERINGS) if kind in table) for kind in sorted({*LAYERS, *any_order.LOWERINGS})
}
