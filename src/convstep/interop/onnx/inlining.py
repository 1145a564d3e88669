"""Functions of a file, which PyTorch's exporter writes for modules, put where they are called.

One rule: how many nodes come of it is counted before it is done.
"""

from typing import Any

from convstep.checks import shown
from convstep.errors import DataError
from convstep.extras import require

MOST_NODES = 100_000
DEEPEST = 64  # functions inside functions


def inlined(proto: Any) -> Any:
    """Return the message without functions.

    Raises
    ------
    DataError
        If functions call themselves, or would make more nodes than a file may have.
    """
    if not proto.functions:
        return proto
    functions = {(item.domain, item.name): item for item in proto.functions}
    counted: dict[tuple[str, str], int] = {}
    total = sum(_count(functions, (node.domain, node.op_type), counted, 0) for node in proto.graph.node)
    if total > MOST_NODES:
        raise DataError(f"onnx.load: with its functions the file has {shown(total)} nodes, more than {MOST_NODES}")
    inliner = require("onnx.inliner", extra="onnx", op="onnx.load")
    try:
        return inliner.inline_local_functions(proto)
    except Exception as error:  # noqa: BLE001 - whatever its C++ raises
        raise DataError(f"onnx.load: the functions of the file cannot be put in place ({type(error).__name__})") from None


def _count(functions: dict[tuple[str, str], Any], key: tuple[str, str], counted: dict[tuple[str, str], int], depth: int) -> int:
    """Return how many nodes a call becomes."""
    if key not in functions:
        return 1
    if key not in counted:
        if depth > DEEPEST:
            raise DataError(f"onnx.load: the function {shown(key[1])} calls itself, or functions go deeper than {DEEPEST}")
        nodes = functions[key].node
        counted[key] = sum(_count(functions, (node.domain, node.op_type), counted, depth + 1) for node in nodes)
    return counted[key]
