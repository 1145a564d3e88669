"""An ONNX file as plain data: its nodes in an order in which they can be done, its weights, its inputs and outputs.

One rule: what is handed on has been checked against ONNX's own definition of each operator, so that nobody behind it asks again.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convstep.checks import Array, shown
from convstep.errors import DataError
from convstep.extras import require
from convstep.interop.onnx.files import MOST_AXES, Tensors, read_proto
from convstep.interop.onnx.inlining import MOST_NODES, inlined
from convstep.interop.onnx.operators import NEWEST, OLDEST
from convstep.interop.onnx.records import Node, node_refusal

Sizes = tuple[int | str, ...]  # of a tensor; a text stands for a length that is known when data come: one text, one length
NAME = re.compile(r"[A-Za-z_]")  # how the name of a length begins
NAMELESS = ("None", "unk", "unknown", "dynamic")
SMALL = 1024  # numbers of a constant that shapes may depend on
DOMAIN = ("", "ai.onnx")
COUNTS = {"kernel_shape": 1, "strides": 1, "dilations": 1, "output_padding": 0, "group": 1}  # attributes: the least number
WINDOWED = ("Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool")
MOST_CELLS = 2**31 - 1
MOST_FOLLOWED = 2**20  # entries of lengths: each takes ONNX some hundred bytes, and the more the longer their names are
INTEGERS = (6, 7)  # ONNX's numbers of the types int32 and int64, which lengths have
FOLLOWED = ("Add", "Cast", "Concat", "Gather", "Identity", "Mul", "Size", "Slice", "Squeeze", "Sub", "Unsqueeze")  # through which
ELSEWHERE = ("GRAPH", "GRAPHS", "SPARSE_TENSOR", "SPARSE_TENSORS", "TENSORS", "TYPE_PROTO", "TYPE_PROTOS")  # of attributes: only ONNX's


@dataclass(frozen=True)
class Entry:
    """An input or output of the file; `sizes` is None where not even the number of axes is known."""

    name: str
    dtype: np.dtype[Any]
    sizes: Sizes | None


@dataclass(frozen=True)
class Source:
    """What a file holds. `told` is what ONNX can tell beforehand of the values between nodes."""

    name: str
    opset: int
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    inputs: tuple[Entry, ...]
    outputs: tuple[Entry, ...]
    told: Mapping[str, Entry] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)


def read(source: Any, *, check: bool = True) -> Source:
    """Return what a file, bytes or an `onnx.ModelProto` hold.

    Parameters
    ----------
    source : path, bytes or onnx.ModelProto
    check : bool
        Whether to refuse nodes that are not as ONNX defines their operators. Who only looks at them asks `wrong` himself.

    Raises
    ------
    MissingExtraError
        Without the extra `onnx`.
    DataError
        If it is damaged or asks for what ONNX does not have.
    """
    proto, folder = read_proto(source)
    proto = inlined(proto)
    opsets = _opsets(proto, check=check)
    tensors, graph = Tensors(folder), proto.graph
    if len(graph.node) > MOST_NODES:
        raise DataError(f"onnx.load: the file has {len(graph.node)} nodes, more than {MOST_NODES}")
    if graph.sparse_initializer:
        raise DataError("onnx.load: sparse weights are not supported\n  given a graph with sparse_initializer")
    constants = {item.name: tensors.array(item, item.name) for item in graph.initializer}
    inputs = tuple(_entry(item, tensors) for item in graph.input if item.name not in constants)
    ends = [item.name for item in graph.output]
    if not ends:
        raise DataError("onnx.load: the graph has no outputs")
    if "" in [*ends, *(item.name for item in graph.input)]:
        raise DataError("onnx.load: an input or output of the graph has no name")
    _refuse_twice([item.name for item in graph.initializer], "weight")
    _refuse_twice([*(item.name for item in graph.input), *(set(constants) - {item.name for item in graph.input})], "value")
    written = [_node(item, opsets, tensors) for item in graph.node]
    nodes = _ordered(written, {*constants, *(item.name for item in inputs)}, ends)
    for node in nodes if check else ():
        _check(node)
    places = {id(node): i for i, node in enumerate(written)}
    sound = [node for node in nodes if check or wrong(node) is None]  # ONNX's inference divides by any stride
    told = _inferred(proto, [graph.node[places[id(node)]] for node in sound], tensors, constants)
    outputs = tuple(_end(item, tensors, told) for item in graph.output)
    return Source(
        name=graph.name, opset=opsets.get("", 0), nodes=tuple(nodes), constants=constants, inputs=inputs, outputs=outputs,
        told=told, notes={item.key: item.value for item in proto.metadata_props},
    )  # fmt: skip


# --- opsets, entries, nodes ---


def _opsets(proto: Any, *, check: bool) -> dict[str, int]:
    opsets = {"" if item.domain in DOMAIN else item.domain: item.version for item in proto.opset_import}
    own = opsets.get("")
    if check and own is not None:
        check_opset(own)
    if own is None and any(node.domain in DOMAIN for node in proto.graph.node):
        raise DataError("onnx.load: the file does not say which opset of ONNX it asks for")
    return opsets


def check_opset(own: int) -> None:
    """Refuse a version of ONNX's operators that is not supported."""
    if not OLDEST <= own <= NEWEST:
        raise DataError(f"onnx.load: the file asks for opset {own}, but {OLDEST} to {NEWEST} are supported")


def _entry(info: Any, tensors: Tensors) -> Entry:
    kind = info.type.WhichOneof("value")
    if kind != "tensor_type":
        raise DataError(f"onnx.load: {shown(info.name)} is to be a {shown(kind or 'value of no type')}, but only tensors are supported")
    tensor = info.type.tensor_type
    dtype = tensors.dtype(tensor.elem_type, info.name)
    if not tensor.HasField("shape"):
        return Entry(info.name, dtype, None)
    return Entry(info.name, dtype, _sizes(tensor.shape, info.name))


def _end(info: Any, tensors: Tensors, told: Mapping[str, Entry]) -> Entry:
    """Return an output; ONNX has told its type where the file does not say it."""
    if info.type.WhichOneof("value") is None:
        return told.get(info.name, Entry(info.name, np.dtype(object), None))
    return _entry(info, tensors)


def _sizes(shape: Any, name: str) -> Sizes:
    if len(shape.dim) > MOST_AXES:
        raise DataError(f"onnx.load: {shown(name)} has {len(shape.dim)} axes, more than {MOST_AXES}")
    sizes: list[int | str] = []
    for axis, (item, text) in enumerate(zip(shape.dim, _called(shape), strict=True)):
        known = item.WhichOneof("value") == "dim_value" and item.dim_value >= 0
        sizes.append(item.dim_value if known else text or f"{name}[{axis}]")
    return tuple(sizes)


def _called(shape: Any) -> list[str]:
    """Return what the lengths of a shape are called; "" for one with no name of its own, such as the "?" that some write everywhere."""
    texts = [item.dim_param if item.WhichOneof("value") == "dim_param" else "" for item in shape.dim]
    return [text if NAME.match(text) and text not in NAMELESS and texts.count(text) == 1 else "" for text in texts]


def _node(item: Any, opsets: Mapping[str, int], tensors: Tensors) -> Node:
    domain = "" if item.domain in DOMAIN else item.domain
    outputs = tuple(item.output)
    name = item.name or next((name for name in outputs if name), item.op_type)
    bare = Node(item.op_type, opsets.get(domain, 0), name, tuple(item.input), outputs, domain=domain)
    names = [attribute.name for attribute in item.attribute]
    if len(set(names)) < len(names):
        raise node_refusal(bare, f"the attribute {shown(max(names, key=names.count))} stands there twice")
    found = {attribute.name: _attribute(bare, attribute, tensors) for attribute in item.attribute}
    return Node(bare.kind, bare.opset, name, bare.inputs, outputs, found, domain)


def _attribute(node: Node, attribute: Any, tensors: Tensors) -> Any:
    """Return the value of an attribute as plain data; one that is a graph is None, since no operator with one is supported."""
    kinds = type(attribute)
    if attribute.type == kinds.TENSOR:
        return tensors.array(attribute.t, f"{attribute.name} of {node.name}")
    if attribute.type in {kinds.FLOAT, kinds.INT}:
        return attribute.f if attribute.type == kinds.FLOAT else attribute.i
    if attribute.type == kinds.STRING:
        return attribute.s.decode("utf-8", "replace")
    if attribute.type in {kinds.FLOATS, kinds.INTS}:
        return tuple(attribute.floats if attribute.type == kinds.FLOATS else attribute.ints)
    if attribute.type == kinds.STRINGS:
        return tuple(text.decode("utf-8", "replace") for text in attribute.strings)
    return None


# --- the order ---


def _refuse_twice(names: Sequence[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name and name in seen:
            raise DataError(f"onnx.load: the {what} {shown(name)} is made twice")
        seen.add(name)


def _ordered(nodes: Sequence[Node], known: set[str], ends: Sequence[str]) -> list[Node]:
    """Return the nodes that the outputs need, each after those that it needs itself."""
    _refuse_twice([*(name for node in nodes for name in node.outputs), *known], "value")
    makers = {name: node for node in nodes for name in node.outputs if name}
    done: set[str] = set(known)
    ordered: list[Node] = []
    for end in ends:
        stack: list[tuple[Node | None, Iterator[str]]] = [(None, iter([end]))]
        waiting: set[int] = set()
        while stack:
            node, needs = stack[-1]
            name = next((item for item in needs if item and item not in done), None)
            if name is None:
                stack.pop()
                if node is not None:
                    done.update(item for item in node.outputs if item)
                    ordered.append(node)
                continue
            maker = makers.get(name)
            if maker is None:
                raise _nobody(node, name)
            if id(maker) in waiting:
                raise node_refusal(node or maker, f"it needs {shown(name)}, which is made from its own result: the nodes are a circle")
            waiting.add(id(maker))
            stack.append((maker, iter(maker.inputs)))
    return ordered


def _nobody(node: Node | None, name: str) -> DataError:
    if node is None:
        return DataError(f"onnx.load: the output {shown(name)} is made by no node, and is no input")
    return node_refusal(node, f"its input {shown(name)} is made by no node, is no input and no weight")


# --- against the definitions ---


def wrong(node: Node) -> str | None:
    """Return in what a node is not as ONNX defines its operator, or None."""
    try:
        _check(node)
    except DataError as error:
        return str(error).splitlines()[0].partition(": ")[2].removeprefix(f"{node.called}: ")
    return None


def _check(node: Node) -> None:
    """Refuse a node that is not as ONNX defines its operator; one of another domain is left to whoever knows it."""
    if node.domain:
        return
    defs = require("onnx.defs", extra="onnx", op="onnx.load")
    try:
        schema = defs.get_schema(node.kind, node.opset, "")
    except Exception:  # noqa: BLE001 - SchemaError, which is no class of every version
        raise node_refusal(node, "ONNX has no such operator") from None
    if schema.deprecated:
        raise node_refusal(node, "ONNX has this operator no more in this opset")
    _check_number(node, "inputs", len(node.inputs), (schema.min_input, schema.max_input))
    _check_number(node, "outputs", len(node.outputs), (schema.min_output, schema.max_output))
    for name, defined in schema.attributes.items():
        if defined.required and name not in node.attributes:
            raise node_refusal(node, f"the attribute {name} is missing")
    for name, value in node.attributes.items():
        if name not in schema.attributes:
            raise node_refusal(node, f"there is no attribute {shown(name)} of this operator")
        kind = schema.attributes[name].type.name
        found = _kind(value)
        if found != kind and not (found is None and kind in ELSEWHERE) and not (found == "" and kind.endswith("S")):
            raise node_refusal(node, f"the attribute {name} must be of the type {kind}, not {shown(value)}")
    if node.kind in WINDOWED:
        _check_window(node)


def _check_number(node: Node, what: str, number: int, ends: tuple[int, int]) -> None:
    least, most = ends
    if not least <= number <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}" if most < MOST_CELLS else f"at least {least}"
        raise node_refusal(node, f"it must have {wanted} {what}, not {number}")


def _kind(value: Any) -> str | None:
    """Return ONNX's word for the type of an attribute; None for what only ONNX knows."""
    if value is None:
        return None
    if isinstance(value, tuple):
        return f"{_kind(value[0])}S" if value else ""
    return {float: "FLOAT", int: "INT", str: "STRING"}.get(type(value), "TENSOR")


def _check_window(node: Node) -> None:
    for name, least in COUNTS.items():
        value = node.get(name)
        for number in value if isinstance(value, tuple) else () if value is None else (value,):
            if not least <= number <= MOST_CELLS:
                raise node_refusal(node, f"{name} must be at least {least} and at most {MOST_CELLS}, not {shown(value)}")
    pads = node.get("pads", ())
    if any(not 0 <= number <= MOST_CELLS for number in pads):
        raise node_refusal(node, f"pads must be at least 0 and at most {MOST_CELLS}, not {shown(pads)}")
    axes = {name: len(node.get(name)) for name in ("kernel_shape", "strides", "dilations", "output_padding") if node.get(name)}
    if pads:
        axes["pads"] = len(pads) / 2  # type: ignore[assignment]
    if len(set(axes.values())) > 1:
        raise node_refusal(node, f"its attributes are for different numbers of axes: {shown({k: node.get(k) for k in axes})}")
    if node.get("auto_pad", "NOTSET") not in {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"}:
        raise node_refusal(node, f"auto_pad must be NOTSET, SAME_UPPER, SAME_LOWER or VALID, not {shown(node.get('auto_pad'))}")


# --- types and sizes ---


def _inferred(proto: Any, nodes: Sequence[Any], tensors: Tensors, constants: Mapping[str, Array]) -> dict[str, Entry]:
    """Return what ONNX's own inference tells of values; large weights are left out, since it only asks for their shapes."""
    onnx = tensors.onnx
    shape_inference = require("onnx.shape_inference", extra="onnx", op="onnx.load")
    slim = onnx.ModelProto(ir_version=max(proto.ir_version, 4), opset_import=proto.opset_import)
    slim.graph.name = "slim"
    slim.graph.node.extend(nodes)
    given = {item.name for item in proto.graph.input}
    slim.graph.input.extend(proto.graph.input)
    slim.graph.output.extend(proto.graph.output)
    for item in proto.graph.initializer:
        if constants[item.name].size <= SMALL and item.data_location != onnx.TensorProto.EXTERNAL:
            slim.graph.initializer.append(item)
        elif item.name not in given:
            slim.graph.input.append(onnx.helper.make_tensor_value_info(item.name, item.data_type, list(item.dims)))
    for info in slim.graph.input:
        _call(info)
    for info in slim.graph.output:
        info.type.tensor_type.ClearField("shape")
    try:
        found = shape_inference.infer_shapes(slim, data_prop=_followed(slim.graph, constants) <= MOST_FOLLOWED)
    except Exception:  # noqa: BLE001 - a graph that it cannot follow is not wrong for that
        found = slim
    told: dict[str, Entry] = {}
    for info in [*found.graph.value_info, *found.graph.output]:
        if info.type.WhichOneof("value") == "tensor_type" and info.type.tensor_type.elem_type not in {0, onnx.TensorProto.STRING}:
            told[info.name] = _entry(info, tensors)
    return told


def _followed(graph: Any, constants: Mapping[str, Array]) -> int:
    """Return how many entries of lengths ONNX's inference may hold at most, when it follows them from node to node."""
    longest = {item.name: constants[item.name].size for item in graph.initializer}
    total = 0
    for node in graph.node:
        given = [longest.get(name, 0) for name in node.input]
        if node.op_type == "Shape":
            size = MOST_AXES
        elif node.op_type == "Constant":
            size = sum(math.prod(item.t.dims) for item in node.attribute if item.t.data_type in INTEGERS)
        else:
            size = (sum(given) if node.op_type == "Concat" else max(given, default=0)) if node.op_type in FOLLOWED else 0
        longest.update(dict.fromkeys(node.output, size))
        total += size
    words = [len(item.dim_param) for info in graph.input for item in info.type.tensor_type.shape.dim]
    return total * (1 + max(words, default=0) // 64)


def _call(info: Any) -> None:
    """Give every length of an input that is not known a name of its own."""
    for item, size in zip(info.type.tensor_type.shape.dim, _sizes(info.type.tensor_type.shape, info.name), strict=True):
        if isinstance(size, str):
            item.dim_param = size
