"""Networks from ONNX files, ours beside onnxruntime: by default the light models that the package onnx brings, with seeded weights.

One rule: both sides read the same bytes and predict the same batch, and the difference of what they say stands beside their times.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from convstep.bench.clock import geometric_mean, in_turn, milliseconds, ratios, rounded
from convstep.bench.plan import Plan, Tell
from convstep.bench.rivals import OURS
from convstep.checks import Array
from convstep.extras import require
from convstep.interop import onnx as interop

FOLDER = ("backend", "test", "data", "light")  # in the package onnx
RIVAL = "onnxruntime"
LENGTH = 224  # of an axis that a file leaves open; the first one, the batch, has 1
SMALL = 0.1  # standard deviation of biases
LAST = ("Gemm 1", "Conv 1")  # before a softmax: of large numbers one share would be 1, and all others 0, whatever is wrong
SCALE = "BatchNormalization 1"
RANGES = {"BatchNormalization 4": (0.8, 1.3), SCALE: (0.8, 1.2), "Mul 1": (0.8, 1.2), "branch": (0.2, 0.4)}


def measure(plan: Plan, tell: Tell) -> dict[str, Any]:
    """Return one row for each network, and the geometric mean of the ratios."""
    rows = []
    for path in plan.onnx or light_models():
        tell(Path(path).stem)
        rows.append(_row(Path(path), plan))
    return {"rows": rows, "geometric_mean": geometric_mean(row["ratio"]["median"] for row in rows if row["ratio"] is not None)}


def light_models() -> list[str]:
    """Return the paths of the light models: well-known architectures whose weights are left out."""
    folder = Path(require("onnx", extra="onnx", op="bench").__file__).parent.joinpath(*FOLDER)
    return sorted(str(path) for path in folder.glob("light_*.onnx"))


def seeded(path: Path) -> bytes | str:
    """Return a file with numbers for weights that are none: those that a node fills with one number, as in the light models.

    Filters are drawn as by He et al. 2015, section 2.2; variances and scales are near 1, and smaller where a sum of branches follows, so
    that numbers neither grow from layer to layer nor vanish. A file without such weights is the file itself.
    """
    onnx, numpy_helper = (require(name, extra="onnx", op="bench") for name in ("onnx", "onnx.numpy_helper"))
    model = onnx.ModelProto()
    with suppress(OSError, require("google.protobuf.message", extra="onnx", op="bench").DecodeError):  # which our reader will tell
        model.ParseFromString(path.read_bytes())
    known = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    fills = {node.output[0]: tuple(known[node.input[0]]) for node in model.graph.node if _fills(node, known)}
    if not fills:
        return str(path)
    nodes, rng = [node for node in model.graph.node if node.output[0] not in fills], np.random.default_rng(0)
    inputs = [item for item in model.graph.input if item.name not in known]
    model.ir_version = max(model.ir_version, 4)  # from which on weights need not be inputs
    del model.graph.input[:], model.graph.node[:]
    model.graph.input.extend(inputs)
    model.graph.node.extend(nodes)
    for name, shape in fills.items():
        model.graph.initializer.append(numpy_helper.from_array(_drawn(rng, shape, _part(nodes, name)), name))
    return bytes(model.SerializeToString())


def _fills(node: Any, known: dict[str, Array]) -> bool:
    return bool(node.op_type == "ConstantOfShape" and node.input[0] in known and len(known[node.input[0]]))


def _part(nodes: Sequence[Any], name: str) -> str:
    """Return what a weight is for: the operator that reads it and as which of its inputs, or "branch" for a scale before a sum."""
    node = next(node for node in nodes if name in node.input)
    if node.op_type in {"Unsqueeze", "Reshape"}:
        return _part(nodes, node.output[0])
    part = f"{node.op_type} {list(node.input).index(name)}"
    readers = {other.op_type for other in nodes if node.output[0] in other.input}
    return "branch" if part == SCALE and "Sum" in readers else "last" if "Softmax" in readers and part in LAST else part


def _drawn(rng: np.random.Generator, shape: tuple[int, ...], part: str) -> Array:
    if len(shape) > 1:
        size = np.sqrt(2 / np.prod(shape[1:])) * (SMALL if part == "last" else 1)
        return rng.standard_normal(shape, np.float32) * np.float32(size)
    if part in RANGES:
        return rng.uniform(*RANGES[part], shape).astype(np.float32)
    return rng.standard_normal(shape, np.float32) * np.float32(SMALL)


def _row(path: Path, plan: Plan) -> dict[str, Any]:
    content = seeded(path)
    model = interop.load(content)
    batch = _batch(model)
    calls: dict[str, Any] = {OURS: lambda: model.predict(batch)}
    if RIVAL in plan.rivals:
        calls[RIVAL] = _rival(content, batch, plan.threads)
    del content
    found = {side: _arrays(call()) for side, call in calls.items()}
    seconds = in_turn(calls, plan.rounds)
    ratio = ratios(seconds[RIVAL], seconds[OURS]) if RIVAL in seconds else None
    return {
        "network": path.stem.removeprefix("light_"),
        "sides": {side: {"ms": milliseconds(times)} for side, times in seconds.items()},
        "ratio": None if ratio is None else ratio.plain(),
        "difference": _difference(found[OURS], found[RIVAL]) if RIVAL in found else None,
    }


def _batch(model: Any) -> dict[str, Array]:
    """Return numbers for each input, of the type and the shape that the file asks for."""
    rng = np.random.default_rng(5)
    given = {}
    for entry in model.source.inputs:
        sizes = entry.sizes or ()
        shape = [size if isinstance(size, int) else LENGTH if axis else 1 for axis, size in enumerate(sizes)]
        given[entry.name] = rng.standard_normal(shape).astype(entry.dtype)
    return given


def _rival(content: bytes | str, batch: dict[str, Array], threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3  # no warnings about the files
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, batch)


def _arrays(outputs: Any) -> list[Array]:
    return list(outputs.values()) if isinstance(outputs, dict) else list(outputs) if isinstance(outputs, list) else [outputs]


def _difference(ours: Sequence[Array], theirs: Sequence[Array]) -> float:
    """Return the largest difference, each output's relative to its largest number."""
    return rounded(max(float(np.abs(one - other).max() / np.abs(other).max()) for one, other in zip(ours, theirs, strict=True)), 2)
