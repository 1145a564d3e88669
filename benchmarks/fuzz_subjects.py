"""The formats that are damaged: how a good file is made, how a file is mutated by its structure, how it is read, and who else reads it."""

import io
import json
import os
import random
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

EXTREMES = (0, 1, -1, 2, 7, 255, 2**16, 2**31 - 1, 2**31, -(2**31), 2**40, 2**62, 2**63 - 1, -(2**63))
IMAGES = (2, 3, 8, 8)
TOLERANCE = 1e-4  # of the largest number


@dataclass(frozen=True)
class Subject:
    """One format."""

    make: Callable[[Path], list[Path]]
    mutate: Callable[[bytes, random.Random], bytes]
    read: Callable[[Path], Any]
    compare: Callable[[Path, Any], tuple[str, str]]


def network() -> Any:
    """Return a small network with the commonest layers."""
    from convstep import Input, Sequential, layers, utils

    utils.set_random_seed(0)
    return Sequential(
        [
            Input((8, 8, 3)),
            layers.Conv2D(4, 3, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.DepthwiseConv2D(3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(5, activation="softmax"),
        ]
    )


# --- ONNX ---


def _make_onnx(folder: Path) -> list[Path]:
    from onnx import TensorProto, helper, numpy_helper, save

    network().export(folder / "first.onnx")
    w = numpy_helper.from_array(np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32), "w")
    shape = numpy_helper.from_array(np.array([0, -1]), "shape")
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], strides=[2, 1], pads=[1, 0, 1, 2], dilations=[1, 1]),
        helper.make_node("AveragePool", ["a"], ["b"], kernel_shape=[2, 2], ceil_mode=1, count_include_pad=1, pads=[1, 1, 0, 0]),
        helper.make_node("Transpose", ["b"], ["c"], perm=[0, 2, 3, 1]),
        helper.make_node("Softmax", ["c"], ["d"], axis=2),
        helper.make_node("Split", ["d"], ["e", "f"], axis=3, num_outputs=2),
        helper.make_node("Concat", ["e", "f", "e"], ["g"], axis=3),
        helper.make_node("Reshape", ["g", "shape"], ["h"]),
        helper.make_node("ReduceMean", ["b"], ["i"], keepdims=0),
        helper.make_node("Mul", ["h", "i"], ["y"]),
    ]
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *IMAGES[1:]]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "k"]),
    ]
    graph = helper.make_graph(nodes, "second", ends[:1], ends[1:], [w, shape])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), folder / "second.onnx")
    return [folder / "first.onnx", folder / "second.onnx"]


def _mutate_onnx(content: bytes, rng: random.Random) -> bytes:
    import onnx

    proto = onnx.ModelProto.FromString(content)
    for _ in range(rng.choice([1, 1, 2, 3])):
        _mutate_graph(proto, rng)
    return bytes(proto.SerializeToString())


def _mutate_graph(proto: Any, rng: random.Random) -> None:
    from onnx import defs

    graph = proto.graph
    node = rng.choice(graph.node)
    deeds: list[Callable[[], Any]] = [
        lambda: setattr(node, "op_type", rng.choice(defs.get_all_schemas()).name),
        lambda: node.input.append(rng.choice([item.output[0] for item in graph.node])),
        lambda: node.input and node.input.pop(),
        lambda: node.input.__setitem__(0, rng.choice(["", "nobody", *node.output])) if node.input else None,
        lambda: graph.node.remove(node) if len(graph.node) > 1 else None,
        lambda: graph.node.append(node),
        lambda: setattr(proto.opset_import[0], "version", rng.choice([*range(5, 30), *EXTREMES[:8]])),
        lambda: setattr(node, "domain", rng.choice(["", "ai.onnx.ml", "com.example"])),
        lambda: _mutate_attribute(node, rng),
        lambda: _mutate_attribute(node, rng),
        lambda: _mutate_tensor(rng.choice(graph.initializer), rng),
        lambda: _mutate_sizes(rng.choice([*graph.input, *graph.output]), rng),
    ]
    rng.choice(deeds)()


def _mutate_attribute(node: Any, rng: random.Random) -> None:
    if not node.attribute:
        return
    attribute = rng.choice(node.attribute)
    number = rng.choice(EXTREMES)
    if attribute.ints:
        place = rng.randrange(len(attribute.ints))
        rng.choice([lambda: attribute.ints.__setitem__(place, number), lambda: attribute.ints.append(number), attribute.ints.pop])()
    elif attribute.HasField("i"):
        attribute.i = number
    elif attribute.HasField("f"):
        attribute.f = rng.choice([0.0, -1.0, 1e30, float("nan"), float("inf")])
    else:
        attribute.name = rng.choice(["axis", "pads", "nothing"])


def _mutate_tensor(tensor: Any, rng: random.Random) -> None:
    from onnx import TensorProto

    what = rng.randrange(5)
    if what == 0 and tensor.dims:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(EXTREMES)
    elif what == 1:
        tensor.data_type = rng.choice([*TensorProto.DataType.values(), 99])
    elif what == 2:
        tensor.raw_data = tensor.raw_data[: rng.randrange(max(len(tensor.raw_data), 1))]
    elif what == 3:
        tensor.data_location = TensorProto.EXTERNAL
        place = rng.choice(["../secret", "/etc/passwd", "second.onnx", "..\\secret", "", "a/../../b"])
        for key, value in (("location", place), ("offset", str(rng.choice(EXTREMES))), ("length", str(rng.choice(EXTREMES)))):
            item = tensor.external_data.add()
            item.key, item.value = key, value
    else:
        tensor.name = rng.choice(["x", "y", "w", ""])


def _mutate_sizes(info: Any, rng: random.Random) -> None:
    shape = info.type.tensor_type.shape
    if shape.dim and rng.random() < 1 / 2:
        rng.choice(shape.dim).dim_value = rng.choice(EXTREMES)
    elif shape.dim:
        del shape.dim[0]
    else:
        info.type.tensor_type.elem_type = rng.randrange(30)


def _read_onnx(path: Path) -> Any:
    from convstep.interop import onnx

    model = onnx.load(path)
    given = {entry.name: _numbers(entry) for entry in model.source.inputs}
    return given, model.predict(given)


def _numbers(entry: Any) -> Any:
    sizes = [size if isinstance(size, int) else known for size, known in zip(entry.sizes, (*IMAGES, 3, 3, 3), strict=False)]
    if int(np.prod(sizes, dtype=object)) > 10**6:
        from convstep.errors import DataError

        raise DataError("fuzz: an input of this size is not tried\n  given it")  # the file is sound, the machine is small
    return np.random.default_rng(0).standard_normal(sizes).astype(entry.dtype)


def _compare_onnx(path: Path, answer: Any) -> tuple[str, str]:
    import onnxruntime

    given, ours = answer
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    try:
        session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        theirs = session.run(None, {name: array for name, array in given.items() if name in {item.name for item in session.get_inputs()}})
    except Exception as error:  # noqa: BLE001 - whatever it says, it does not read the file
        return "read here alone", f"{type(error).__name__}: {error}"[:200]
    found = list(ours.values()) if isinstance(ours, dict) else [ours]
    return _alike(found, theirs)


def _alike(ours: list[Any], theirs: list[Any]) -> tuple[str, str]:
    for one, other in zip(ours, theirs, strict=True):
        if one.shape != other.shape:
            return "differs", f"shapes {one.shape} and {other.shape}"
        scale = np.abs(other[np.isfinite(other)]).max(initial=1e-30) if other.dtype.kind == "f" else 1
        if not np.allclose(one, other, rtol=0, atol=TOLERANCE * float(scale), equal_nan=True):
            return "differs", f"by {np.nanmax(np.abs(one.astype(float) - other.astype(float))):.3g} of {float(scale):.3g}"
    return "equal", ""


# --- Keras ---


def _make_keras(folder: Path) -> list[Path]:
    from convstep.interop import keras

    names = [folder / "first.keras", folder / "second.h5"]
    for name in names:
        keras.save(network(), name)
    return names


def _mutate_keras(content: bytes, rng: random.Random) -> bytes:
    parts = _parts(content) if content.startswith(b"PK") else {"": content}
    name = rng.choice(list(parts))
    if name.endswith(".json"):
        data = json.loads(parts[name])
        for _ in range(rng.choice([1, 1, 2, 3])):
            _mutate_json(data, rng)
        parts[name] = json.dumps(data).encode()
    else:
        changed = bytearray(parts[name])
        for _ in range(rng.choice([1, 2, 8])):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        parts[name] = bytes(changed)
    return _packed(parts) if len(parts) > 1 else parts[name]


def _mutate_json(data: Any, rng: random.Random) -> None:
    places: list[tuple[Any, Any]] = []
    stack = [data]
    while stack:
        item = stack.pop()
        keys = list(item) if isinstance(item, dict) else range(len(item)) if isinstance(item, list) else ()
        for key in keys:
            places.append((item, key))
            stack.append(item[key])
    if places:
        item, key = rng.choice(places)
        item[key] = rng.choice(
            [*EXTREMES, None, True, [], {}, "", "relu", "Lambda", [1, 2, 3], {"class_name": "Dense", "config": {}}, 1e308, "../x"]
        )


def _read_keras(path: Path) -> Any:
    from convstep.interop import keras

    model = keras.load(path)
    shape = [size or 2 for size in model.inputs[0].shape] if len(model.inputs) == 1 else [2]
    if int(np.prod(shape, dtype=object)) > 10**6 or len(model.inputs) != 1:
        return model, None, None
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return model, x, model.predict(x, verbose=0)


def _compare_keras(path: Path, answer: Any) -> tuple[str, str]:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    model, x, ours = answer
    if x is None or not isinstance(ours, np.ndarray):
        return "read here alone", "not compared: another number of inputs or outputs"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras

        try:
            theirs = keras.models.load_model(path, compile=False, safe_mode=True)
            found = np.asarray(theirs(x, training=False).detach())
        except Exception as error:  # noqa: BLE001
            return "read here alone", f"{type(error).__name__}: {error}"[:200]
    del model
    return _alike([ours], [found])


# --- PyTorch and safetensors ---


def _make_torch(folder: Path) -> list[Path]:
    from convstep.interop import torch

    torch.save(network(), folder / "first.pth")
    try:
        import torch as real
    except ModuleNotFoundError:
        return [folder / "first.pth"]
    state = {name: real.from_numpy(array.copy()) for name, array in torch.read(folder / "first.pth").items()}
    shared = real.arange(24, dtype=real.float32).reshape(4, 6)
    state |= {"part": shared[1:3, ::2], "turned": shared.t(), "half": shared.half()}
    real.save({"state_dict": state, "epoch": 3}, folder / "second.pth")
    return [folder / "first.pth", folder / "second.pth"]


def _mutate_torch(content: bytes, rng: random.Random) -> bytes:
    parts = _parts(content)
    name = next(name for name in parts if name.endswith("data.pkl")) if rng.random() < 0.8 else rng.choice(list(parts))
    changed = bytearray(parts[name])
    if not changed:
        return _packed(parts)
    for _ in range(rng.choice([1, 1, 2, 4])):
        at = rng.randrange(len(changed))
        if rng.random() < 0.7:
            changed[at] = rng.choice([*b"RcbibosQ\x85\x86\x87}](tuNK\x8a.0", rng.randrange(256)])
        else:
            changed[at:at] = rng.choice(
                [b"cos\nsystem\n", b"cbuiltins\neval\n(S'1'\ntR", b"(", b"\x8a\x08" + bytes(7) + b"\x40", b"h\x00", b"\x81"]
            )
    parts[name] = bytes(changed)
    return _packed(parts)


def _read_torch(path: Path) -> Any:
    from convstep.interop import torch

    return torch.read(path)


def _compare_torch(path: Path, ours: Mapping[str, Any]) -> tuple[str, str]:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            loaded = torch.load(path, weights_only=True, map_location="cpu")
        except Exception as error:  # noqa: BLE001
            return "read here alone", f"{type(error).__name__}: {error}"[:200]
    theirs = {}
    stack: list[Any] = [loaded]
    while stack:
        item = stack.pop()
        for name, value in item.items() if isinstance(item, dict) else ():
            if isinstance(value, dict):
                stack.append(value)
            elif isinstance(value, torch.Tensor):
                theirs[name] = value
    return _same(ours, {str(name): value.detach().float().numpy() for name, value in theirs.items()})


def _same(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[str, str]:
    """Compare arrays by their names, whatever stands before them, and bit by bit."""
    for name, array in ours.items():
        other = theirs.get(name)
        if other is None:
            other = next((value for key, value in theirs.items() if key.endswith(name)), None)
        if (
            other is None
            or other.shape != array.shape
            or not np.array_equal(array.astype(np.float32), other.astype(np.float32), equal_nan=True)
        ):
            return "differs", f"{name!r:.80}"
    return "equal", ""


def _make_safetensors(folder: Path) -> list[Path]:
    from convstep.interop import torch

    torch.save(network(), folder / "first.safetensors")
    return [folder / "first.safetensors"]


def _mutate_safetensors(content: bytes, rng: random.Random) -> bytes:
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    for _ in range(rng.choice([1, 1, 2])):
        _mutate_json(header, rng)
    text = json.dumps(header).encode()
    claimed = len(text) if rng.random() < 0.9 else rng.choice([number % 2**64 for number in EXTREMES])
    return struct.pack("<Q", claimed) + text + content[8 + length :]


def _compare_safetensors(path: Path, ours: Mapping[str, Any]) -> tuple[str, str]:
    import safetensors.numpy

    try:
        return _same(ours, safetensors.numpy.load(path.read_bytes()))
    except Exception as error:  # noqa: BLE001
        return "read here alone", f"{type(error).__name__}: {error}"[:200]


# --- zip files ---


def _parts(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _packed(parts: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


SUBJECTS: Mapping[str, Subject] = {
    "onnx": Subject(_make_onnx, _mutate_onnx, _read_onnx, _compare_onnx),
    "keras": Subject(_make_keras, _mutate_keras, _read_keras, _compare_keras),
    "torch": Subject(_make_torch, _mutate_torch, _read_torch, _compare_torch),
    "safetensors": Subject(_make_safetensors, _mutate_safetensors, _read_torch, _compare_safetensors),
}
