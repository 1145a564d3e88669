"""ONNX files that are damaged, or written to harm: one sentence, little memory, and nothing outside the folder is opened."""

import os
import resource
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.onnx_damage import IN, W, conv, floats, ints, one, refused, tensor, two, weighted
from tests.onnx_graphs import file, node, onnx

from convstep.errors import ArgumentTypeError, DataError
from convstep.interop import onnx as interop

LITTLE = 64 * 2**20  # bytes: what refusing takes at most
Case = tuple[Callable[[], Any], str, str, str]  # a file, when it is refused, the fact, what was given
CASES: dict[str, Case] = {
    "pool pads huge": (lambda: one("AveragePool", "x", kernel_shape=[2 ** 30, 2 ** 30], pads=[2 ** 29] * 4, count_include_pad=1),
        "load",
        ("onnx: node 'y_pad' (Pad, opset 17): a result of shape (1, 1073741832, 1073741832, 3) would take 13835058261440594688 bytes,"
        " more than 2147483648"), ""),
    "circle": (lambda: file([node("Add", "x b", "a"), node("Relu", "a", "b")], IN, outputs=["b"]), "load",
        "onnx: node 'a' (Add, opset 17): it needs 'b', which is made from its own result: the nodes are a circle", ""),
    "missing output": (lambda: file([node("Relu", "x", "y")], IN, outputs={"z": ["n"]}), "load",
        "onnx.load: the output 'z' is made by no node, and is no input", ""),
    "made is an input": (lambda: file([node("Relu", "x", "x")], IN, outputs={"x": ["n"]}), "load", "onnx.load: the value 'x' is made twice",
        ""),
    "no outputs": (lambda: file([node("Relu", "x", "y")], IN, outputs=[]), "load", "onnx.load: the graph has no outputs", ""),
    "2 GB claim": (lambda: weighted(tensor([2 ** 31])), "load",
        "onnx.load: the tensor 'w' is refused: it has 0 bytes, but 2147483648 numbers of 4 are claimed", ""),
    "2**62": (lambda: weighted(tensor([2 ** 31, 2 ** 31, 4])), "load",
        "onnx.load: the tensor 'w' is refused: it has 0 bytes, but 18446744073709551616 numbers of 4 are claimed", ""),
    "negative dims": (lambda: weighted(tensor([-4, 3, 3, 3], bytes(16))), "load",
        "onnx.load: the tensor 'w' is refused: its shape (-4, 3, 3, 3) has a negative size", ""),
    "many dims": (lambda: weighted(tensor([1] * 100, bytes(4))), "load",
        "onnx.load: the tensor 'w' is refused: it has 100 axes, more than 32", ""),
    "zero times huge": (lambda: weighted(tensor([0, 2 ** 62])), "load",
        ("onnx.load: the tensor 'w' is refused: its shape (0, 4611686018427387904) is too large: a tensor in the file holds at most"
        " 2147483648 bytes"), ""),
    "no type": (lambda: weighted(tensor([1], bytes(4), 0)), "load", "onnx.load: the tensor 'w' is refused: there is no type of number 0",
        ""),
    "type 99": (lambda: weighted(tensor([1], bytes(4), 99)), "load", "onnx.load: the tensor 'w' is refused: there is no type of number 99",
        ""),
    "constant of shape": (lambda: two("ConstantOfShape", "k", {"k": ints(2 ** 40)}), "load",
        ("onnx: node 'c' (ConstantOfShape, opset 17): a result of shape (1099511627776,) would take 4398046511104 bytes, more than 21"
        "47483648"), "int64 (1,)"),
    "upsample": (lambda: file([node("Upsample", "x k", "y")], IN, {"k": floats(1, 1, 2.0 ** 20, 2.0 ** 20)}, opset=9), "predict",
        ("onnx: node 'y' (Upsample, opset 9): a result of shape (1, 3, 8388608, 8388608) would take 844424930131968 bytes, more than "
        "2147483648"), "float32 (1, 3, 8, 8), float32 (4,)"),
    "split 2**40": (lambda: file([node("Split", "x", "y z", axis=1, num_outputs=2 ** 40)], IN, opset=18), "predict",
        "onnx: node 'y' (Split, opset 18): num_outputs is 1099511627776, but 2 results are asked for", "float32 (1, 3, 8, 8)"),
    "unknown domain": (lambda: file([node("Thing", "x", "y", domain="com.microsoft")], IN, domains=["com.microsoft"]), "load",
        "onnx: node 'y' (com.microsoft.Thing, opset 1): operators of the domain 'com.microsoft' are not supported", ""),
    "undeclared domain": (lambda: one("Thing", "x", domain="mine"), "load",
        "onnx: node 'y' (mine.Thing, opset 0): operators of the domain 'mine' are not supported", ""),
    "opset tomorrow": (lambda: file([node("Relu", "x", "y")], IN, opset=99), "load",
        "onnx.load: the file asks for opset 99, but 1 to 28 are supported", ""),
    "opset 0": (lambda: file([node("Relu", "x", "y")], IN, opset=0), "load",
        "onnx.load: the file asks for opset 0, but 1 to 28 are supported", ""),
    "opset -1": (lambda: file([node("Relu", "x", "y")], IN, opset=-1), "load",
        "onnx.load: the file asks for opset -1, but 1 to 28 are supported", ""),
    "control kind": (lambda: file([node("Bad\n\x1b[2J", "x", "y")], IN), "load",
        "onnx: node 'y' ('Bad\\n\\x1b[2J', opset 17): ONNX has no such operator", ""),
    "input of 100 axes": (lambda: file([node("Relu", "x", "y")], {"x": [1] * 100}), "load", "onnx.load: 'x' has 100 axes, more than 32",
        ""),
}  # fmt: skip


def changed(proto: Any, change: Callable[[Any], Any]) -> Any:
    """Return a message after something was done to it."""
    change(proto)
    return proto


MESSAGES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "the same input twice": (lambda p: p.graph.input.append(p.graph.input[0]), "onnx.load: the value 'x' is made twice"),
    "the same weights twice": (lambda p: p.graph.initializer.append(p.graph.initializer[0]), "onnx.load: the weight 'w' is made twice"),
    "no nodes": (lambda p: p.graph.ClearField("node"), "onnx.load: the output 'y' is made by no node, and is no input"),
    "an empty graph": (lambda p: (p.ClearField("graph"), p.graph.SetInParent()), "onnx.load: the graph has no outputs"),
    "no opset": (lambda p: p.ClearField("opset_import"), "onnx.load: the file does not say which opset of ONNX it asks for"),
    "sparse weights": (
        lambda p: p.graph.sparse_initializer.add(),
        "onnx.load: sparse weights are not supported\n  given a graph with sparse_initializer",
    ),
    "an input of text": (
        lambda p: setattr(p.graph.input[0].type.tensor_type, "elem_type", 8),
        "onnx.load: the tensor 'x' is refused: text cannot be computed with",
    ),
    "an input that is a sequence": (
        lambda p: p.graph.input[0].type.sequence_type.SetInParent(),
        "onnx.load: 'x' is to be a 'sequence_type', but only tensors are supported",
    ),
    "an input without a type": (
        lambda p: p.graph.input[0].ClearField("type"),
        "onnx.load: 'x' is to be a 'value of no type', but only tensors are supported",
    ),
    "an input without a shape": (
        lambda p: p.graph.input[0].type.tensor_type.ClearField("shape"),
        "onnx.load: the input 'x' has no shape: the file must say how many axes it has",
    ),
    "a name that writes to the screen": (
        lambda p: p.graph.node[0].MergeFrom(node("Conv", "", "", name="evil\n\x1b[31m\u202e", group=0)),
        "onnx: node 'evil\\n\\x1b[31m\\u202e' (Conv, opset 17): group must be at least 1 and at most 2147483647, not 0",
    ),
    "an output without a name": (
        lambda p: p.graph.output.add(),
        "onnx.load: an input or output of the graph has no name",
    ),
    "the same attribute twice": (
        lambda p: [p.graph.node[0].attribute.add(name="group", type=2, i=number) for number in (1, 3)],
        "onnx: node 'y' (Conv, opset 17): the attribute 'group' stands there twice",
    ),
}


@pytest.fixture
def little() -> Iterator[None]:
    """Refuse a test that takes much memory."""
    tracemalloc.start()
    yield
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < LITTLE


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_with_a_file_is_one_sentence(name: str) -> None:
    make, when, fact, given = CASES[name]
    assert refused(make()) == (when, fact + (f"\n  given {given}" if given else ""))


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("name", MESSAGES)
def test_what_is_wrong_with_a_message_is_one_sentence(name: str) -> None:
    change, wanted = MESSAGES[name]
    assert refused(changed(conv(), change)) == ("load", wanted)


def test_two_nodes_that_make_one_value_are_refused() -> None:
    assert refused(file([node("Relu", "x", "y"), node("Neg", "x", "y")], IN)) == ("load", "onnx.load: the value 'y' is made twice")


def nested(deep: int) -> bytes:
    """Return a message of graphs inside graphs, as bytes, since no library would make one."""
    content = b""
    for _ in range(deep):
        for key in (b"\x32", b"\x2a", b"\x0a"):  # attribute.g, node.attribute, graph.node
            size, length = len(content), b""
            while size > 127:
                length, size = length + bytes([size & 127 | 128]), size >> 7
            content = key + length + bytes([size]) + content
    return b"\x3a" + b"\xff\xff\x03" + content


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("name", ["truncated", "cut by one", "random", "text", "zip", "zeros", "nested"])
def test_bytes_that_are_no_file_are_one_sentence(name: str, tmp_path: Path) -> None:
    good = conv().SerializeToString()
    content = {
        "truncated": good[: len(good) // 2], "cut by one": good[:-1], "random": np.random.default_rng(0).bytes(1000),
        "text": b"not a network\n" * 20, "zip": b"PK\x03\x04" + bytes(60), "zeros": bytes(1000), "nested": nested(5000),
    }[name]  # fmt: skip
    wanted = "onnx.load: the file is cut off, damaged or no ONNX file (DecodeError)\n  given "
    assert refused(content) == ("load", f"{wanted}bytes")
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    assert refused(path) == ("load", f"{wanted}{path}")


def test_an_empty_file_and_one_that_is_not_there_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    assert refused(path) == ("load", f"onnx.load: there is no file of this name\n  given {path}")
    path.touch()
    assert refused(path) == ("load", f"onnx.load: the file holds no graph, so it is no ONNX file\n  given {path}, 0 bytes")
    assert refused(tmp_path) == ("load", f"onnx.load: there is no file of this name\n  given {tmp_path}")


@pytest.mark.parametrize("source", [None, 3, ["m.onnx"], object()])
def test_what_is_no_source_is_refused(source: object) -> None:
    with pytest.raises(ArgumentTypeError, match=r"onnx\.load: the source must be a path, bytes or an onnx\.ModelProto"):
        interop.load(source)


# --- functions and sizes ---


def function(name: str, body: list[Any]) -> Any:
    """Return a function of one input and one output."""
    return onnx.helper.make_function(
        "mine", name, ["x"], ["y"], body, [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("mine", 1)]
    )


def calling(first: str, functions: list[Any]) -> Any:
    """Return a network that calls a function."""
    return file([node(first, "x", "y", domain="mine")], IN, functions=functions, domains=["mine"])


def test_functions_that_call_themselves_or_grow_are_refused() -> None:
    itself = calling("f", [function("f", [node("f", "x", "y", domain="mine")])])
    assert refused(itself) == ("load", "onnx.load: the function 'f' calls itself, or functions go deeper than 64")
    each = calling("f", [function("f", [node("g", "x", "y", domain="mine")]), function("g", [node("f", "x", "y", domain="mine")])])
    assert refused(each)[1].endswith("calls itself, or functions go deeper than 64")
    doubled = [function("f0", [node("Relu", "x", "y")])]
    doubled.extend(
        function(f"f{i}", [node(f"f{i - 1}", "x", "a", domain="mine"), node(f"f{i - 1}", "a", "y", domain="mine")]) for i in range(1, 40)
    )
    assert refused(calling("f39", doubled)) == ("load", f"onnx.load: with its functions the file has {2**39} nodes, more than 100000")


def test_a_file_of_very_many_nodes_is_refused_at_once() -> None:
    proto = file([node("Relu", f"v{i}" if i else "x", f"v{i + 1}") for i in range(100_001)], IN)
    assert refused(proto) == ("load", "onnx.load: the file has 100001 nodes, more than 100000")


def test_what_runs_out_of_memory_is_one_sentence() -> None:
    nodes = [node("Conv", "x w", "v0", pads=[1, 1, 1, 1])]
    nodes += [node("Resize", f"v{i} - k", f"v{i + 1}") for i in range(8)]
    when, message = refused(file(nodes, IN, {"w": W, "k": floats(1, 1, 8, 8)}))
    assert when == "load"
    fact = "a result of shape (1, 32768, 32768, 4) would take 17179869184 bytes, more than 2147483648"
    assert message == f"onnx: node 'v4' (Resize, opset 17): {fact}"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 * 2**20  # kilobytes


# --- files beside it ---


def outside(folder: Path, **said: Any) -> Path:
    """Return a file whose weights lie where it says; a secret lies one folder up."""
    (folder / "secret.bin").write_bytes(W.tobytes())
    inner = folder / "inner"
    inner.mkdir(exist_ok=True)
    (inner / "good.bin").write_bytes(W.tobytes())
    weights = tensor([4, 3, 3, 3], None, data_location=1)
    for key, value in said.items():
        weights.external_data.add(key=key, value=str(value))
    path = inner / "m.onnx"
    path.write_bytes(weighted(weights).SerializeToString())
    return path


def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by the names of files as they are opened."""
    names: list[str] = []
    watching = [True]
    sys.addaudithook(lambda event, given: names.append(str(given[0])) if event == "open" and watching else None)
    monkeypatch.setattr(interop, "_watching", watching, raising=False)
    return names


@pytest.mark.parametrize(
    ("location", "fact"),
    [
        ("../secret.bin", "outside the folder of the file"),
        ("a/../../secret.bin", "outside the folder of the file"),
        ("..\\secret.bin", "outside the folder of the file"),
        ("/etc/passwd", "outside the folder of the file"),
        ("C:\\secret.bin", "outside the folder of the file"),
        ("", "outside the folder of the file"),
        ("missing.bin", "but there is no such file"),
        (".", "but there is no such file"),
        ("link.bin", "which is a link"),
        ("folder/secret.bin", "which is a link"),
        ("pipe", "but there is no such file"),
    ],
)
def test_weights_outside_the_folder_are_not_opened(location: str, fact: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = outside(tmp_path, location=location)
    (path.parent / "link.bin").symlink_to(tmp_path / "secret.bin")
    (path.parent / "folder").symlink_to(tmp_path)
    os.mkfifo(path.parent / "pipe")
    names = opened(monkeypatch)
    when, message = refused(path)
    assert when == "load"
    assert message == f"onnx.load: the tensor 'w' is refused: its numbers would lie in {location!r}, {fact}"
    assert not [name for name in names if "secret" in name or "passwd" in name or "pipe" in name]


@pytest.mark.parametrize(
    ("said", "fact"),
    [
        ({"offset": 8}, f"{W.nbytes} bytes at 8 are claimed (length {W.nbytes}), but 'good.bin' has {W.nbytes}"),
        ({"offset": -8}, f"{W.nbytes} bytes at -8 are claimed (length {W.nbytes}), but 'good.bin' has {W.nbytes}"),
        ({"length": 8}, f"{W.nbytes} bytes at 0 are claimed (length 8), but 'good.bin' has {W.nbytes}"),
        ({"length": 2**62}, f"{W.nbytes} bytes at 0 are claimed (length {2**62}), but 'good.bin' has {W.nbytes}"),
        ({"offset": "many"}, "its offset or length is no whole number"),
    ],
)
def test_offsets_and_lengths_that_lie_are_refused(said: dict[str, Any], fact: str, tmp_path: Path) -> None:
    path = outside(tmp_path, location="good.bin", **said)
    assert refused(path) == ("load", f"onnx.load: the tensor 'w' is refused: {fact}")


def test_weights_beside_a_message_have_no_folder(tmp_path: Path) -> None:
    content = outside(tmp_path, location="good.bin").read_bytes()
    fact = "its numbers lie in 'good.bin', but a message has no folder"
    assert refused(content) == ("load", f"onnx.load: the tensor 'w' is refused: {fact}")


def test_weights_that_lie_in_the_folder_are_read(tmp_path: Path) -> None:
    path = outside(tmp_path, location="good.bin")
    np.testing.assert_array_equal(interop.load(path).layers[-2].parameters[0].value, W.transpose(2, 3, 1, 0))


def test_hundreds_of_damaged_files_are_refused_or_read() -> None:
    content, rng = conv(pads=[1, 1, 1, 1]).SerializeToString(), np.random.default_rng(5)
    for _ in range(300):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), 3):
            damaged[place] = rng.integers(256)
        try:
            refused(bytes(damaged))
        except DataError as error:
            pytest.fail(str(error))
