"""The files of PyTorch and of safetensors are read as PyTorch reads them; nothing in them is run."""

import io
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convstep.checks import Array
from convstep.errors import ArgumentTypeError, DataError
from convstep.interop.torch import read
from convstep.interop.torch.pickles import MOST_INSTRUCTIONS

CELLS = struct.pack("<6f", 1, 2, 3, 4, 5, 6)


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch", reason="PyTorch, the oracle of these tests, is not installed")


def equal(found: Mapping[str, Array], wanted: Mapping[str, Any]) -> None:
    assert list(found) == list(wanted)
    for name, tensor in wanted.items():
        array = (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).detach().numpy()
        assert found[name].shape == array.shape
        assert found[name].dtype == array.dtype
        assert found[name].tobytes() == array.tobytes()
        assert found[name].flags.c_contiguous
        assert found[name].flags.writeable


def tensors(torch: Any) -> dict[str, Any]:
    """Return tensors of all types and in all positions."""
    torch.manual_seed(0)
    whole = torch.randn(4, 5, 6)
    twice = torch.randn(3)
    kinds = {
        str(kind).rpartition(".")[2]: (torch.randn(3, 2) * 9).to(kind)
        for kind in (
            torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8,
            torch.bool, torch.complex64, torch.complex128, torch.uint16, torch.uint32, torch.uint64,
        )
    }  # fmt: skip
    return kinds | {
        "whole": whole, "turned": whole.permute(2, 0, 1), "part": whole[1:3, ::2, 4], "scalar": torch.tensor(3.5), "row": whole[2, 3],
        "empty": torch.zeros(0, 3), "one": twice, "other": twice, "repeated": torch.randn(1, 3).expand(5, 3),
        "last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last), "parameter": torch.nn.Parameter(torch.ones(2)),
        "widest": torch.zeros(1, 1, 1, 1, 1, 1, 1, 1),
    }  # fmt: skip


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_of_torch_save_is_read_as_pytorch_reads_it(torch: Any, zipped: bool, protocol: int, tmp_path: Path) -> None:
    state = tensors(torch)
    if not zipped:
        state = {name: item for name, item in state.items() if not name.startswith("uint") or name == "uint8"}
    path = tmp_path / "weights.bin"
    torch.save(OrderedDict(state), path, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    equal(read(path), state)
    equal(read(str(path)), state)


def test_a_file_of_safetensors_is_read_as_pytorch_reads_it(torch: Any, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    state = {name: item.contiguous().clone() for name, item in tensors(torch).items() if not name.startswith(("complex128", "parameter"))}
    save_file(state, tmp_path / "weights.anything")
    found = read(tmp_path / "weights.anything")
    assert list(found) == sorted(state, key=lambda name: (name.rstrip("0123456789"), len(name), name))
    equal(dict(sorted(found.items())), dict(sorted(load_file(tmp_path / "weights.anything").items())))


def test_a_state_dict_and_a_module_are_read_from_memory(torch: Any) -> None:
    state = tensors(torch)
    found = read(state)
    equal(found, state)
    found["one"][:] = 0
    assert state["one"].abs().min() > 0
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    equal(read(module), module.state_dict())
    assert read({"w": np.ones(2)})["w"].dtype == np.float64


def test_numbers_with_their_highest_byte_first_are_read(torch: Any, tmp_path: Path) -> None:
    state = {name: item for name, item in tensors(torch).items() if not name.startswith("uint")}  # which PyTorch forgets to turn
    torch.save(state, tmp_path / "little.pth")
    with zipfile.ZipFile(tmp_path / "little.pth") as little, zipfile.ZipFile(tmp_path / "big.pth", "w") as big:
        for name in little.namelist():
            big.writestr(name, b"big" if name.endswith("byteorder") else little.read(name))
    equal(read(tmp_path / "big.pth"), torch.load(tmp_path / "big.pth", weights_only=True))


def test_a_zip_file_that_was_packed_again_is_read(torch: Any, tmp_path: Path) -> None:
    state = tensors(torch)
    torch.save(state, tmp_path / "stored.pth")
    with zipfile.ZipFile(tmp_path / "stored.pth") as stored, zipfile.ZipFile(tmp_path / "packed.pth", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in stored.namelist():
            packed.writestr(name, stored.read(name))
    equal(read(tmp_path / "packed.pth"), state)


AROUND: dict[str, Callable[[Any], Any]] = {
    "state_dict": lambda state: {"epoch": 3, "state_dict": state, "best": 0.5},
    "model": lambda state: {"model": state, "optimizer": {"state": {0: {"exp_avg": state}}, "param_groups": [{"lr": 0.1}]}},
    "model_state_dict": lambda state: {"loss": None, "model_state_dict": state},
    "deeper": lambda state: {"checkpoint": {"net": state, "name": "x"}},
    "any name": lambda state: {"generator_weights": state, "args": ["a", (1, 2)]},
    "wrapped": lambda state: {"state_dict": {f"module.{name}": item for name, item in state.items()}},
    "wrapped twice": lambda state: {f"module._orig_mod.{name}": item for name, item in state.items()},
    "with other things": lambda state: {**state, "extra": {"a": 1}, "note": "text"},
}


@pytest.mark.parametrize("around", AROUND)
def test_a_state_dict_is_found_in_what_is_around_it(torch: Any, around: str, tmp_path: Path) -> None:
    from argparse import Namespace

    state = {"conv.weight": torch.randn(2, 3), "conv.bias": torch.randn(2)}
    content = AROUND[around](state)
    equal(read(content), state)
    content |= {"namespace": Namespace(lr=0.1), "number": np.float64(2), "array": np.ones(3), "size": torch.Size([1]), "set": {1, 2}}
    content |= {"device": torch.device("cpu"), "dtype": torch.float32, "bytes": bytearray(b"ab"), "complex": 1j, "path": "x"}
    for zipped in (True, False):
        torch.save(content, tmp_path / "around.pth", _use_new_zipfile_serialization=zipped)
        equal(read(tmp_path / "around.pth"), state)


def test_one_of_several_state_dicts_is_asked_for(torch: Any, tmp_path: Path) -> None:
    one, other = {"w": torch.randn(2)}, {"w": torch.randn(3)}
    torch.save({"generator": one, "critic": {"inner": other}}, tmp_path / "gan.pth")
    equal(read(tmp_path / "gan.pth", key="generator"), one)
    equal(read(tmp_path / "gan.pth", key="critic.inner"), other)
    fact = f"torch.read: there are 2 state dicts: 'generator', 'critic.inner'\n  given {tmp_path / 'gan.pth'}"
    assert refused(tmp_path / "gan.pth") == f"{fact}; key='generator' for one of them"
    with pytest.raises(DataError) as error:
        read(tmp_path / "gan.pth", key="critic.w")
    fact = "torch.read: there is no 'w' of the key 'critic.w'; there is 'inner'"
    assert str(error.value) == f"{fact}\n  given {tmp_path / 'gan.pth'}"


# --- what is refused ---


def refused(path: Path) -> str:
    with pytest.raises(DataError) as error:
        read(path)
    assert len(str(error.value).splitlines()) == 2
    assert len(str(error.value).splitlines()[0]) < 300
    return str(error.value)


def test_a_pickled_module_is_told_to_save_its_weights(torch: Any, tmp_path: Path) -> None:
    path = tmp_path / "whole.pt"
    for zipped in (True, False):
        torch.save(torch.nn.Sequential(torch.nn.Linear(2, 3)), path, _use_new_zipfile_serialization=zipped)
        fact = "the file holds a whole module (torch.nn.modules.container.Sequential), so code"
        advice = "save its weights instead: torch.save(model.state_dict(), path)"
        assert refused(path) == f"torch.read: {fact}; {advice}\n  given {path}"
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 3)), str(path))
    assert refused(path) == f"torch.read: the file holds a program (TorchScript); {advice}\n  given {path}"


def test_tensors_that_numpy_lacks_are_refused(torch: Any, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "x"
    small = torch.zeros(3).to(torch.float8_e4m3fn)
    torch.save({"w": small}, path)
    assert refused(path) == f"torch.read: it holds a tensor of the type 'torch.float8_e4m3fn', which NumPy lacks\n  given {path}"
    save_file({"w": small}, path)
    assert refused(path) == f"torch.read: it holds a tensor of the type 'F8_E4M3', which NumPy lacks\n  given {path}"
    torch.save({"w": torch.eye(3).to_sparse()}, path)
    assert refused(path) == f"torch.read: it holds a tensor that is not a plain one (_rebuild_sparse_tensor)\n  given {path}"
    fact = 'torch.read: "w" cannot be read as an array of numbers\n  given w '
    with pytest.raises(ArgumentTypeError) as error:
        read({"w": torch.eye(3).to_sparse()})
    assert str(error.value).startswith(fact)


@pytest.mark.parametrize("source", [3, None, [1], b"weights.pth", object()])
def test_a_source_of_another_kind_is_refused(source: Any) -> None:
    with pytest.raises(ArgumentTypeError) as error:
        read(source)
    assert str(error.value).startswith("torch.read: expected the path of a file, a state dict or a module\n  given source ")


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    assert refused(path) == f"torch.read: there is no such file\n  given {path}"
    assert refused(tmp_path) == f"torch.read: expected a file, not a folder\n  given {tmp_path}"
    none = "the file is none of PyTorch's and none of safetensors: it begins with"
    for content, fact in [
        (b"", f"{none} nothing"),
        (b"\x89HDF\r\n\x1a\n123", f"{none} 89 48 44 46 0d 0a 1a 0a"),
        (b"\x80\x02}q\x00.", "the file is a pickle, but none of torch.save"),
        (b"PK\x03\x04", "the zip file is cut off: it has no directory"),
        (
            b"x" * 257 + b"ustar" + b"\0" * 300,
            "the file is a tar archive, as PyTorch wrote before version 0.2; load it there and save it again",
        ),
        ((2**40).to_bytes(8, "little") + b"{}", f"{none} 00 00 00 00 00 01 00 00"),
        ((2).to_bytes(8, "little") + b"{]", "the safetensors file is damaged: Error while deserializing: inval"),
    ]:
        path.write_bytes(content)
        assert refused(path).startswith(f"torch.read: {fact}")
        assert refused(path).endswith(f"\n  given {path}")


# --- hostile pickles ---

NAME = b"X\x01\x00\x00\x00w"
KEY = b"X\x01\x00\x00\x000"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
ORDERED = b"ccollections\nOrderedDict\n"


def long(number: int) -> bytes:
    content = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(content)]) + content


def sizes(*items: int) -> bytes:
    return b"(" + b"".join(map(long, items)) + b"t"


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def reference(kind: bytes = b"ctorch\nFloatStorage\n", key: bytes = KEY, count: int = 6) -> bytes:
    return b"(" + text("storage") + kind + key + text("cpu") + long(count) + b"tQ"


def tensor(storage: bytes = b"", offset: int = 0, shape: bytes = b"", strides: bytes = b"") -> bytes:
    parts = [storage or reference(), long(offset), shape or sizes(2, 3), strides or sizes(3, 1), b"\x89", ORDERED, b")R"]
    return REBUILD + b"(" + b"".join(parts) + b"tR"


def weights(value: bytes = b"", more: bytes = b"") -> bytes:
    return b"\x80\x02}" + NAME + (value or tensor()) + b"s" + more + b"."


def zipped(pickle: bytes, path: Path, **parts: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {"data.pkl": pickle, "data/0": CELLS, **parts}.items():
            archive.writestr(f"x/{name}", content)
    return path


def laughs(doublings: int = 200) -> bytes:
    """Return a tuple of tuples of tuples, 2**200 in all."""
    return b")q\x00" + b"".join(b"h" + bytes([i]) + b"\x86q" + bytes([i + 1]) for i in range(doublings))


def test_the_plain_pickle_of_these_tests_is_read(tmp_path: Path) -> None:
    assert read(zipped(weights(), tmp_path / "x"))["w"].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert read(zipped(weights(tensor(shape=sizes(2), strides=sizes(2), offset=1)), tmp_path / "x"))["w"].tolist() == [2, 4]
    for more in (laughs(), b"]q\x00h\x00a", b"r\xff\xff\xff\x7f"):  # what is beside the weights and does no harm
        assert read(zipped(weights(more=text("b") + (more if more[:1] != b"r" else b"N" + more) + b"s"), tmp_path / "x"))["w"].shape == (
            2,
            3,
        )
    cyclic = b"\x80\x02}q\x00" + text("self") + b"h\x00s" + NAME + tensor() + b"s."
    assert read(zipped(cyclic, tmp_path / "x"))["w"].shape == (2, 3)


NAMED = "the pickle names {}, which weights do not need"
INSTRUCTION = "the pickle has the instruction {}, which weights do not need"
HOSTILE: dict[str, tuple[bytes, str]] = {
    "REDUCE": (b"cposix\nsystem\n(" + text("touch ran") + b"tR.", NAMED.format("posix.system")),
    "GLOBAL eval": (b"c__builtin__\neval\n(" + text("1") + b"tR.", NAMED.format("__builtin__.eval")),
    "GLOBAL getattr": (b"cbuiltins\ngetattr\n.", NAMED.format("builtins.getattr")),
    "GLOBAL with dots": (b"ccollections\nOrderedDict.__init__\n.", NAMED.format("collections.OrderedDict.__init__")),
    "STACK_GLOBAL": (b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x09touch ran\x85R.", NAMED.format("posix.system")),
    "STACK_GLOBAL of no texts": (b"\x80\x04K\x01K\x02\x93.", NAMED.format("1.2")),
    "a pickle in a pickle": (b"ctorch.storage\n_load_from_bytes\n(" + text("x") + b"tR.", NAMED.format("torch.storage._load_from_bytes")),
    "INST": (b"(S'touch ran'\niposix\nsystem\n.", INSTRUCTION.format("STRING")),
    "INST of a text": (b"(" + text("touch ran") + b"iposix\nsystem\n.", INSTRUCTION.format("INST")),
    "OBJ": (b"(cargparse\nNamespace\n" + text("x") + b"o.", INSTRUCTION.format("OBJ")),
    "NEWOBJ": (b"cposix\nsystem\n(" + text("touch ran") + b"t\x81.", NAMED.format("posix.system")),
    "NEWOBJ_EX": (b"cargparse\nNamespace\n)}\x92.", INSTRUCTION.format("NEWOBJ_EX")),
    "BUILD": (b"cargparse\nNamespace\n)\x81}" + text("__setstate__") + b"cposix\nsystem\nsb.", NAMED.format("posix.system")),
    "BUILD of a list": (b"]}b.", "the pickle gives a state to a list"),
    "EXT": (b"\x82\x01.", INSTRUCTION.format("EXT1")),
    "PERSID": (b"P0\n.", INSTRUCTION.format("PERSID")),
    "POP": (b"NN0.", INSTRUCTION.format("POP")),
    "a call of a text": (text("eval") + b")R.", "the pickle is damaged (it calls what is no function)"),
    "a call of a tensor": (tensor() + b")R.", "the pickle is damaged (it calls what is no function)"),
    "items of a tensor": (tensor() + b"NNs.", "the pickle is damaged (items for what is no dict)"),
    "entries of a dict": (b"}Na.", "the pickle is damaged (entries for what is no list)"),
    "nothing": (b"", "the pickle is cut off or damaged (ValueError)"),
    "no value": (b".", "the pickle is cut off or damaged (ValueError)"),
    "two values": (b"NN.", "the pickle is cut off or damaged (ValueError)"),
    "a mark that is left": (b"(N.", "the pickle is damaged (a mark is left)"),
    "no mark": (b"t.", "the pickle is cut off or damaged (IndexError)"),
    "a mark that is taken for a value": (b"N(\x85.", "the pickle is damaged (the stack is empty)"),
    "a memo that is empty": (b"h\x05.", "the pickle is cut off or damaged (KeyError)"),
    "a text that is none": (b"X\x01\x00\x00\x00\xff.", "the pickle is cut off or damaged (UnicodeDecodeError)"),
    "a text of 2**63 bytes": (b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f.", "the pickle is cut off or damaged (ValueError)"),
    "a list as a key": (weights(more=b"]Ns"), "a dict in the pickle has a key that is no text and no number, but a list"),
    "laughs as a key": (b"}" + laughs() + b"Ns.", "a dict in the pickle has a key that is no text and no number, but a tuple"),
    "laughs as a shape": (weights(tensor(shape=laughs())), "a tensor has sizes or strides that are no whole numbers >= 0"),
    "laughs as a state": (b"\x80\x02" + laughs() + b".", "there is no state dict, a dict of names and tensors, but a tuple"),
    "too many instructions": (b"(" * (MOST_INSTRUCTIONS + 1), f"the pickle has more than {MOST_INSTRUCTIONS} instructions"),
    "lists in lists": (b"]" * 100_000 + b"a" * 99_999 + b".", "there is no state dict, a dict of names and tensors, but a list"),
    "no weights": (b"}.", "there is no state dict, a dict of names and tensors, but a dict of 0"),
    "a number": (b"K\x07.", "there is no state dict, a dict of names and tensors, but a int"),
    "a huge shape": (
        weights(tensor(shape=sizes(2**62, 2), strides=sizes(0, 0))),
        "a tensor has sizes or strides that are no whole numbers >= 0",
    ),
    "a large shape": (
        weights(tensor(shape=sizes(2**40, 2**30), strides=sizes(0, 0))),
        "a tensor would have the shape (1099511627776, 1073741824), which no memory holds",
    ),
    "a shape of 4 GB": (
        weights(tensor(shape=sizes(2**30), strides=sizes(0))),
        "its tensors would take more than {} bytes, 8 times the file and 64 MiB",
    ),
    "a huge shape without cells": (
        weights(tensor(shape=sizes(0, 2**60), strides=sizes(1, 1))),
        "a tensor would have the shape (0, 1152921504606846976), which no memory holds",
    ),
    "a negative stride": (weights(tensor(strides=sizes(3, -1))), "a tensor has sizes or strides that are no whole numbers >= 0"),
    "a negative offset": (weights(tensor(offset=-1)), "a tensor of the shape (2, 3) has the strides (3, 1) and the offset -1"),
    "an offset that is none": (
        weights(REBUILD + b"(" + reference() + b"N" + sizes(1) + sizes(1) + b"\x89}tR"),
        "a tensor of the shape (1,) has the strides (1,) and the offset None",
    ),
    "too few strides": (weights(tensor(strides=sizes(1))), "a tensor of the shape (2, 3) has the strides (1,) and the offset 0"),
    "too many axes": (
        weights(tensor(shape=sizes(*[1] * 33), strides=sizes(*[1] * 33))),
        "a tensor of the shape (1, 1, 1, 1, 1, 1, ...) has the strides (1, 1, 1, 1, 1, 1, ...) and the offset 0",
    ),
    "beyond the storage": (
        weights(tensor(offset=1)),
        "a tensor of the shape (2, 3) reaches cell 6 of the storage '0', which has 6",
    ),
    "True as a size": (weights(tensor(shape=b"\x88\x88\x86")), "a tensor has sizes or strides that are no whole numbers >= 0"),
    "no storage": (weights(tensor(b"N")), "a tensor refers to what is no storage"),
    "a storage of another sort": (weights(tensor(b"(" + text("module") + b"NNNNtQ")), "a tensor refers to what is no storage"),
    "a storage of a class": (weights(tensor(reference(ORDERED))), "a tensor refers to what is no storage"),
    "a storage of no text": (weights(tensor(reference(key=b"K\x00"))), "a tensor refers to what is no storage"),
    "a longer storage": (weights(tensor(reference(count=7))), "the storage '0' has 24 bytes, not 28"),
    "a shorter storage": (
        weights(tensor(reference(count=5), shape=sizes(1), strides=sizes(1))),
        "the part 'x/data/0' of the file claims 24 bytes, more than 20 that it may have",
    ),
    "a storage of 2**61 numbers": (
        weights(tensor(reference(count=2**61))),
        "its storages would take more than {} bytes, 8 times the file and 64 MiB",
    ),
    "a storage that is not there": (weights(tensor(reference(key=text("1")))), "the file has no part 'x/data/1'"),
    "a storage outside": (weights(tensor(reference(key=text("../data.pkl")))), "the file has no part 'x/data/../data.pkl'"),
    "a storage of another type": (weights(tensor(reference(b"ctorch\nLongStorage\n", count=3))), "MORE"),
    "a storage of two types": (
        weights(more=text("v") + tensor(reference(b"ctorch\nIntStorage\n")) + b"s"),
        "the storage '0' is used in two ways: 6 x f4 and 6 x i4",
    ),
    "a part of a storage": (
        weights(tensor(b"(" + text("storage") + b"ctorch\nFloatStorage\n" + KEY + text("cpu") + long(6) + sizes(0, 0, 6) + b"tQ")),
        "a storage is a part of another one, as before PyTorch 0.4",
    ),
    "parameters in parameters": (
        weights(b"ctorch._utils\n_rebuild_parameter\n(" * 9 + tensor() + b"\x89}tR" * 9),
        "it holds a tensor that is not a plain one (_rebuild_parameter)",
    ),
    "a tensor of too many things": (
        weights(REBUILD + b"(" + reference() + long(0) + sizes(1) + sizes(1) + b"NNNNtR"),
        "it holds a tensor that is not a plain one (_rebuild_tensor_v2)",
    ),
    "a tensor of nothing": (weights(REBUILD + b")R"), "it holds a tensor that is not a plain one (_rebuild_tensor_v2)"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pickle_is_refused_in_one_sentence(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pickle, fact = HOSTILE[name]
    path = zipped(pickle, tmp_path / "x.pth")
    if fact == "MORE":
        fact = "a tensor of the shape (2, 3) reaches cell 5 of the storage '0', which has 3"
    fact = fact.replace("{}", str(2**26 + 8 * path.stat().st_size))
    message = refused(path)
    assert message.splitlines()[0] == f"torch.read: {fact}"
    assert message.splitlines()[1] == f"  given {path}"
    assert not (tmp_path / "ran").exists()


MARK = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}."
STREAMS: dict[str, tuple[bytes, str]] = {
    "another version": (MARK.replace(b"M\xe9\x03", b"M\xe8\x03") + weights() + b"].", "the file is of the version 1000, but 1001 is known"),
    "a storage that nobody needs": (
        MARK + weights() + b"](" + text("1") + b"e.",
        "the file holds a storage '1' that no tensor refers to",
    ),
    "a storage that is cut off": (
        MARK + weights() + b"](" + KEY + b"e." + struct.pack("<q", 6) + CELLS[:-1],
        "the file is cut off: the storage '0' would reach byte {end} of {size}",
    ),
    "a storage of 2**60 numbers": (
        MARK + weights() + b"](" + KEY + b"e." + struct.pack("<q", 2**60) + CELLS,
        "the file is cut off: the storage '0' would reach byte {far} of {size}",
    ),
    "something behind the end": (
        MARK + weights() + b"](" + KEY + b"e." + struct.pack("<q", 6) + CELLS + b"x",
        "the file goes on behind its end, byte {end} of {size}",
    ),
    "no storage": (MARK + weights() + b"].", "the storage '0' has 0 bytes, not 24"),
    "a hostile key": (MARK + weights() + b"cposix\nsystem\n.", NAMED.format("posix.system")),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_hostile_file_without_a_zip_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(MARK + weights() + b"](" + KEY + b"e." + struct.pack("<q", 6) + CELLS)
    assert read(path)["w"].tolist() == [[1, 2, 3], [4, 5, 6]]
    content, fact = STREAMS[name]
    end = path.stat().st_size
    path.write_bytes(content)
    fact = fact.format(end=end, size=len(content), far=end - len(CELLS) + 2**62)
    assert refused(path) == f"torch.read: {fact}\n  given {path}"


# --- hostile zip files ---


def written(path: Path, parts: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive, io.BytesIO():
        for name, content in parts:
            archive.writestr(name, content)
    return path


def test_hostile_zip_files_are_refused(tmp_path: Path) -> None:
    path, given = tmp_path / "x.pth", f"\n  given {tmp_path / 'x.pth'}"
    plain = [("x/data.pkl", weights()), ("x/data/0", CELLS)]
    fact = "the zip file holds {} parts of the name data.pkl, but weights of PyTorch have one"
    assert refused(written(path, plain[1:])) == f"torch.read: {fact.format(0)}{given}"
    assert refused(written(path, [*plain, ("y/data.pkl", weights())])) == f"torch.read: {fact.format(2)}{given}"
    with pytest.warns(UserWarning, match="Duplicate name"):
        written(path, [*plain, ("x/data/0", CELLS[::-1])])
    assert refused(path) == f"torch.read: the zip file holds two parts of one name{given}"
    fact = "the file has the byte order b'middle', neither little nor big"
    assert refused(written(path, [*plain, ("x/byteorder", b"middle")])) == f"torch.read: {fact}{given}"
    fact = "the part 'x/data.pkl' of the file is compressed in a way that is not known"
    assert refused(written(path, plain, zipfile.ZIP_LZMA)) == f"torch.read: {fact}{given}"
    content = written(path, plain).read_bytes()
    path.write_bytes(content.replace(CELLS, CELLS[::-1]))
    assert refused(path) == f"torch.read: the zip file is damaged: Bad CRC-32 for file 'x/data/0'{given}"


def test_a_bomb_is_refused_before_it_is_expanded(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    bomb = weights(tensor(reference(count=2**25), shape=sizes(1), strides=sizes(1)))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", bomb)
        with archive.open("x/data/0", "w", force_zip64=True) as part:
            for _ in range(128):
                part.write(bytes(2**20))
    size = path.stat().st_size
    fact = f"its storages would take more than {2**26 + 8 * size} bytes, 8 times the file and 64 MiB"
    assert refused(path) == f"torch.read: {fact}\n  given {path}"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x/data.pkl", "w") as part:
        for _ in range(64):
            part.write(bytes(2**20))
    fact = "the part 'x/data.pkl' of the file claims 67108864 bytes, more than 33554432 that it may have"
    assert refused(path) == f"torch.read: {fact}\n  given {path}"


def test_a_directory_that_is_too_long_is_refused(tmp_path: Path) -> None:
    path = zipped(weights(), tmp_path / "x.pth")
    content = bytearray(path.read_bytes())
    content[-10:-6] = (2**30).to_bytes(4, "little")
    path.write_bytes(content)
    fact = f"the zip file claims a directory of {2**30} bytes, more than {len(content)}"
    assert refused(path) == f"torch.read: {fact}\n  given {path}"
