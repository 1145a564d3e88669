"""Damaged files of weights are refused in one sentence, or give what PyTorch reads in them; nothing crashes, hangs or takes much memory."""

import io
import random
import struct
import warnings
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.damage import answers

from convstep.checks import Array
from convstep.interop.torch import read

SAMPLE = 75  # of each kind; `python -m benchmarks.fuzz_files` damages many more
KINDS = ("zip", "pickle", "stream", "safetensors")
MEMORY = 96 * 2**20
INSTRUCTIONS = b"()RQqhtKJMNXcb.}]us\x81\x88\x89\x85\x86\x87\x8a\x93\x94"


def weights(torch: Any) -> dict[str, Any]:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.Linear(4, 3).half(), torch.nn.PReLU())
    shared = torch.randn(3, 4)
    return {**net.state_dict(), "turned": shared.T, "part": shared[1:, ::2], "short": torch.randn(5).bfloat16(), "none": torch.zeros(0, 2)}


def original(torch: Any, kind: str) -> bytes:
    """Return a whole file."""
    if kind == "safetensors":
        from safetensors.torch import save

        return bytes(save({name: tensor.contiguous().clone() for name, tensor in weights(torch).items()}))
    file = io.BytesIO()
    torch.save({"epoch": 3, "state_dict": weights(torch)}, file, _use_new_zipfile_serialization=kind != "stream")
    return file.getvalue()


def damaged(kind: str, content: bytes, chance: random.Random) -> bytes:
    """Change some bytes of a file; of the pickle in a zip file, which is packed again so that its sums are right."""
    if kind != "pickle":
        head = len(content) if kind != "safetensors" or chance.random() < 0.3 else 900
        return changed(content[:head], chance) + content[head:]
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            new.writestr(name, changed(part, chance) if name.endswith("data.pkl") else part)
    return file.getvalue()


def changed(content: bytes, chance: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        at, length = chance.randrange(len(data) + 1), chance.randrange(1, 24)
        ways = [
            (at + 1, bytes([chance.randrange(256)])),
            (at + 1, bytes([chance.choice(INSTRUCTIONS)])),
            (at + length, b""),
            (at, data[at : at + length]),
            (at + length, chance.randbytes(length)),
            (len(data), b""),
            (at + 8, chance.choice([b"\xff" * 8, bytes(8), struct.pack("<Q", 2**40), b"99999999", b"\x7f" * 4])),
            (at + length, data[-length:]),
        ]
        end, new = chance.choice(ways)
        data[at:end] = new
    return bytes(data)


def outcome(torch: Any, path: Path, kind: str) -> str:
    """Return how a file was read: "refused", "equal" to the whole one, or "as PyTorch" reads it."""
    found: list[dict[str, Array]] = []
    answer = answers(lambda: found.append(read(path)), memory=MEMORY)
    if answer != "read":
        assert answer.startswith("torch.read: ")
        assert len(answer.splitlines()[0]) < 300
        return "refused"
    if same(found[0], weights(torch)):
        return "equal"
    assert same(found[0], as_pytorch(torch, path, kind)), path
    return "as PyTorch"


def as_pytorch(torch: Any, path: Path, kind: str) -> dict[str, Any]:
    if kind == "safetensors":
        from safetensors.torch import load_file

        return dict(load_file(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = torch.load(path, weights_only=True, map_location="cpu")
    places = [value, *value.values()]
    dicts = [
        {name: item for name, item in place.items() if isinstance(name, str) and isinstance(item, torch.Tensor)}
        for place in places
        if isinstance(place, dict)
    ]
    return max(dicts, key=len)


def same(found: dict[str, Array], wanted: dict[str, Any]) -> bool:
    arrays = {name: (item.float() if item.dtype == item.bfloat16().dtype else item).numpy() for name, item in wanted.items()}
    return found.keys() == arrays.keys() and all(
        found[name].shape == array.shape
        and found[name].dtype == array.dtype
        and found[name].tobytes() == np.ascontiguousarray(array).tobytes()
        for name, array in arrays.items()
    )


def outcomes(torch: Any, folder: Path, kind: str, seeds: range) -> Counter[str]:
    """Damage a file in many ways, and count how they were read."""
    content, path = original(torch, kind), folder / "weights"
    counted: Counter[str] = Counter()
    for seed in seeds:
        path.write_bytes(damaged(kind, content, random.Random(seed)))  # noqa: S311 - the same damage on every run
        counted[outcome(torch, path, kind)] += 1
    return counted


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_weights_are_refused_or_read_as_pytorch_reads_them(kind: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, the oracle of these tests, is not installed")
    (tmp_path / "whole").write_bytes(original(torch, kind))
    assert outcome(torch, tmp_path / "whole", kind) == "equal"
    counted = outcomes(torch, tmp_path, kind, range(SAMPLE))
    assert counted["refused"] > SAMPLE // 4
    assert sum(counted.values()) == SAMPLE
