"""What ONNX's operators compute, on arrays in ONNX's own layout.

One rule: a node is computed as its opset means it, or refused in one sentence before memory is asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby

import numpy as np

from convstep.checks import Array, shown
from convstep.errors import ConvStepError, DataError, MissingExtraError
from convstep.interop.onnx.operators import (
    activations,
    convolution,
    detecting,
    elementwise,
    making,
    matrices,
    normalization,
    padding,
    pooling,
    quantizing,
    recurrent,
    reducing,
    resizing,
    selecting,
    shaping,
)
from convstep.interop.onnx.operators.operator import Operator
from convstep.interop.onnx.operators.reading import MOST_BYTES, Unfit
from convstep.interop.onnx.records import Node, node_refusal

__all__ = ["MOST_BYTES", "NEWEST", "OLDEST", "OPERATORS", "compute", "mistyped", "unsupported"]

OLDEST, NEWEST = 1, 28
MODULES = (
    activations,
    convolution,
    detecting,
    elementwise,
    making,
    matrices,
    normalization,
    padding,
    pooling,
    quantizing,
    recurrent,
    reducing,
    resizing,
    selecting,
    shaping,
)
FAILURES = (ConvStepError, ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError)


def compute(node: Node, given: Sequence[Array | None]) -> list[Array]:
    """Compute the results of one node.

    Parameters
    ----------
    node : Node
        The operation; its opset says which meaning of the operator holds.
    given : sequence of arrays
        Its inputs, None for one that is left out.

    Returns
    -------
    results : list of arrays
        At least as many as the node's outputs, unless those that it lacks are training's. Some may be views of the inputs.

    Raises
    ------
    DataError
        If the operator, its opset, an attribute or an input is not supported or not possible; nothing is allocated then.
    """
    if reason := unsupported(node):
        raise node_refusal(node, reason)
    return OPERATORS[node.kind](node, given)


def unsupported(node: Node) -> str | None:
    """Return why a node cannot be computed whatever its inputs are, or None."""
    if node.domain not in {"", "ai.onnx"}:
        return f"operators of the domain {shown(node.domain)} are not supported"
    if not OLDEST <= node.opset <= NEWEST:
        return f"opsets {OLDEST} to {NEWEST} are supported, not {shown(node.opset)}"
    if node.kind not in VERSIONS:
        return "the operator is not supported"
    if node.opset < VERSIONS[node.kind][0].since:
        return f"the operator is supported from opset {VERSIONS[node.kind][0].since} on"
    return None


def mistyped(node: Node, given: Sequence[Array | None]) -> str | None:
    """Return why arrays of such types cannot be the inputs of a node that is supported, or None; the arrays may be empty."""
    operator = [version for version in VERSIONS[node.kind] if version.since <= node.opset][-1]
    try:
        list(operator._inputs(given))  # noqa: SLF001 - its own room
    except Unfit as error:
        return str(error)
    return None


def _run(versions: tuple[Operator, ...], node: Node, given: Sequence[Array | None]) -> list[Array]:
    """Compute a node with the newest operator that its opset has."""
    operator = [version for version in versions if version.since <= node.opset][-1]
    try:
        with np.errstate(all="ignore"):
            return operator(node, given)
    except (DataError, MissingExtraError):
        raise
    except Unfit as error:
        raise node_refusal(node, str(error), _told(given)) from None
    except FAILURES as error:
        raise node_refusal(node, _brief(error), _told(given)) from None


def _brief(error: Exception) -> str:
    """Return the fact of an error that another part of the program raised, in one line."""
    text = " ".join(str(error).partition("\n")[0].split()) or type(error).__name__
    return text.partition(": ")[2] or text if isinstance(error, ConvStepError) else text


def _told(given: Sequence[Array | None]) -> str:
    inputs = ["nothing" if x is None else f"{x.dtype.name} {x.shape}" for x in given[:6]]
    return ", ".join(inputs) + (", ..." if len(given) > 6 else "") if inputs else "no inputs"


VERSIONS: Mapping[str, tuple[Operator, ...]] = {
    name: tuple(sorted(versions, key=lambda operator: operator.since))
    for name, versions in groupby(
        sorted((operator for module in MODULES for operator in module.OPERATORS), key=lambda operator: operator.name),
        key=lambda operator: operator.name,
    )
}
OPERATORS: Mapping[str, Callable[[Node, Sequence[Array | None]], list[Array]]] = {
    name: partial(_run, versions) for name, versions in VERSIONS.items()
}
