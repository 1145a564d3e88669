"""Activations that a file writes out as products: x sigmoid(x), x clip(x + 3, 0, 6) / 6, x (1 + erf(x / sqrt 2)) / 2.

One rule: nothing that is there is changed; where a product is known, one layer computes it from x; its factors may have other readers.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from convstep.interop.onnx.importing import Importing
from convstep.interop.onnx.operator import Operator
from convstep.interop.onnx.records import Node
from convstep.layers import Activation, Multiply, Rescaling, Symbol


def activated(made: Importing, node: Node, scale: float, factors: Sequence[Symbol]) -> Symbol | None:
    """Return the one layer that does what a product of a number and symbols does; None where there is none.

    A single symbol is the product that its layer makes.
    """
    if len(factors) == 1 and isinstance(factors[0].layer, Multiply):
        factors = factors[0].inputs
    if len(factors) != 2:
        return None
    for one, left in _unscaled(factors[0]):
        for other, right in _unscaled(factors[1]):
            for x, share in ((left, right), (right, left)):
                name = _product(x, share, scale * one * other)
                if name is not None:
                    return made.call(node, Activation(name, dtype=share.layer.dtype), [x])
    return None


def _product(x: Symbol, share: Symbol, scale: float) -> str | None:
    """Return the activation that x times `share` times `scale` is."""
    if _close(scale, 1):
        return next((name for name, path in PRODUCTS.items() if _before(share, path) is x), None)
    if _close(scale, 1 / 6):
        return "hard_silu" if _line_before(_before(share, ["relu6"]), 1, 3) is x else None
    if _close(scale, 0.5):
        bend = _line_before(share, 1, 1)
        erf = bend is not None and isinstance(bend.layer, Operator) and bend.layer.node.kind == "Erf" and len(bend.inputs) == 1
        return "gelu" if bend is not None and erf and _line_before(bend.inputs[0], math.sqrt(0.5), 0) is x else None
    return None


def _unscaled(symbol: Symbol) -> Iterator[tuple[float, Symbol]]:
    """Yield a symbol, and what it is a multiple of, each with the number that it is multiplied with."""
    scale = 1.0
    yield scale, symbol
    while (line := _line(symbol)) is not None and line[1] == 0:
        scale, symbol = scale * line[0], symbol.inputs[0]
        yield scale, symbol


def _before(symbol: Symbol, names: Sequence[str]) -> Symbol | None:
    """Return what activations of these names, the last one first, were done to."""
    for name in names:
        function: Any = symbol.layer.activation if isinstance(symbol.layer, Activation) else None
        if getattr(function, "name", None) != name or function.options:
            return None
        symbol = symbol.inputs[0]
    return symbol


def _line_before(symbol: Symbol | None, scale: float, offset: float) -> Symbol | None:
    """Return x where a symbol is scale x + offset."""
    line = None if symbol is None else _line(symbol)
    fits = line is not None and _close(line[0], scale) and _close(line[1], offset)
    return symbol.inputs[0] if symbol is not None and fits else None


def _line(symbol: Symbol) -> tuple[float, float] | None:
    layer = symbol.layer
    if not isinstance(layer, Rescaling) or isinstance(layer.scale, list) or isinstance(layer.offset, list):
        return None
    return layer.scale, layer.offset


def _close(found: float, wanted: float) -> bool:
    return math.isclose(found, wanted, rel_tol=1e-6)


PRODUCTS = {"silu": ["sigmoid"], "hard_silu": ["hard_sigmoid"], "mish": ["tanh", "softplus"]}
