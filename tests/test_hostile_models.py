"""Damaged and hostile model files are refused in two lines, or what they load is equal; nothing crashes, memory is bounded."""

import copy
import io
import json
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.architectures import ARCHITECTURES, images

import convstep
from convstep import load_model, losses, metrics, optimizers
from convstep.errors import DataError
from convstep.models import archive

SPARE = 256 * 2**20  # bytes that reading a model may take beside four times its file
HOSTILE: list[Any] = [
    None, True, -1, 0, 1, 2, 3.5, 10**6, 2**31, 2**40, 2**63, 10**30, 10**400, -(10**400), 1e308, "", "relu", "os.system", "eval('1')",
    "../../etc/passwd", "x" * 1000, "Dense", "Sequential", "\x1b[2J", [], {}, [1], [2**40, 2**40, 2**40], [[]], [None] * 40, [-1, -1],
    [[0]], [0, 1], {"class_name": "Sequential"}, {"class_name": "builtins.eval", "config": {"x": 1}},
    {"class_name": "Dense", "config": {"units": 2**40}},
]  # fmt: skip


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of each architecture, each compiled in another way."""
    folder = tmp_path_factory.mktemp("models")
    for i, make in enumerate(ARCHITECTURES):
        model = make(convstep)
        model.compile(**ways(i))
        model.train_on_batch(*images(4))
        model.save(folder / f"{i}.convstep")
        model.save(folder / f"{i}")
    return folder


def ways(i: int) -> dict[str, Any]:
    """Return what one of the models is compiled with."""
    different: list[dict[str, Any]] = [
        {"optimizer": optimizers.Adam(optimizers.schedules.ExponentialDecay(0.01, 5, 0.9)), "loss": "categorical_crossentropy"},
        {"optimizer": optimizers.SGD(momentum=0.5), "loss": losses.Huber(), "metrics": ["accuracy", metrics.AUC(num_thresholds=9)]},
        {"optimizer": "adamw", "loss": ["mse"], "loss_weights": [0.5], "weighted_metrics": [metrics.MeanSquaredError()]},
    ]
    return different[i % len(different)]


def loaded(path: Path, file_size: int) -> Any:
    """Return the model, or the message with which it was refused; in bounded memory."""
    tracemalloc.start()
    try:
        return load_model(path)
    except DataError as error:
        return in_two_lines(str(error))
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= 4 * file_size + SPARE


def in_two_lines(message: str) -> str:
    lines = message.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("load_model: ")
    assert lines[1].startswith("  given ")
    assert len(lines[0]) < 400
    assert "\x1b" not in message
    return message


def state(model: Any) -> Any:
    """Return everything that a model is, in comparable form."""
    weights = {name: item.value.tobytes() for name, item in model.named_parameters().items()}
    optimizer = model.optimizer
    slots = {name: value.tobytes() for name, value in optimizer.state().items()}
    return model.get_config(), weights, optimizer.get_config(), slots


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Flip, cut, repeat, move or overwrite some bytes."""
    data = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 8])):
        at, length = chance.randrange(len(data)), chance.randrange(1, 64)
        kind = chance.randrange(7)
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del data[at : at + length]
        elif kind == 2:
            data[at:at] = data[at : at + length]
        elif kind == 3:
            data[at : at + length] = chance.randbytes(length)
        elif kind == 4:
            del data[at:]
        elif kind == 5:
            data[at : at + 8] = chance.choice([b"\xff" * 8, bytes(8), struct.pack("<Q", 2**40), b"99999999"])
        else:
            data[at : at + length] = data[-length:]
        if not data:
            return b""
    return bytes(data)


@pytest.mark.parametrize("seed", range(len(ARCHITECTURES)))
def test_damaged_files_are_refused_or_load_equal(saved: Path, tmp_path: Path, seed: int) -> None:
    content = (saved / f"{seed}.convstep").read_bytes()
    original, path = state(load_model(saved / f"{seed}.convstep")), tmp_path / "m.convstep"
    chance = random.Random(seed)  # noqa: S311 - the same damage on every run
    refused = 0
    for _ in range(40):
        path.write_bytes(damaged(content, chance))
        found = loaded(path, path.stat().st_size)
        if isinstance(found, str):
            refused += 1
        else:
            assert state(found) == original
    assert refused >= 30


@pytest.mark.parametrize("seed", range(len(ARCHITECTURES)))
def test_damaged_folders_are_refused_or_load_equal(saved: Path, tmp_path: Path, seed: int) -> None:
    original = state(load_model(saved / f"{seed}"))
    chance = random.Random(100 + seed)  # noqa: S311 - the same damage on every run
    contents = {path.name: path.read_bytes() for path in (saved / f"{seed}").iterdir()}
    refused = 0
    for _ in range(20):
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
        name = chance.choice(sorted(contents))
        (tmp_path / name).write_bytes(damaged(contents[name], chance))
        found = loaded(tmp_path, sum(map(len, contents.values())))
        if isinstance(found, str):
            refused += 1
        else:
            assert state(found) == original
    assert refused >= 15


# --- files that were made to hurt: every digest fits ---


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in nested plain data."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def hostile(description: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Change some places of a description."""
    changed = copy.deepcopy(description)
    for _ in range(chance.choice([1, 1, 2, 4])):
        path = chance.choice([item for item in places(changed) if item and item[0] not in {"format", "files"}])
        *way, last = path
        inside: Any = changed
        for key in way:
            inside = inside[key]
        kind = chance.randrange(5)
        if kind < 3:
            inside[last] = copy.deepcopy(chance.choice(HOSTILE))
        elif kind == 3:
            del inside[last]
        elif isinstance(inside, list):
            inside.append(copy.deepcopy(inside[last]))
        else:
            inside[f"{last}x"] = inside[last]
    return changed


def written(path: Path, text: str, parts: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in [("model.json", text.encode()), *parts.items()]:
            file.writestr(zipfile.ZipInfo(name), content)


def opened(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    description = json.loads(parts.pop("model.json"))
    del description["sha256"]
    return description, parts


@pytest.mark.parametrize("seed", range(len(ARCHITECTURES)))
def test_hostile_descriptions_are_refused_or_load_the_weights_of_the_file(saved: Path, tmp_path: Path, seed: int) -> None:
    description, parts = opened(saved / f"{seed}.convstep")
    weights = state(load_model(saved / f"{seed}.convstep"))[1]
    path, refused = tmp_path / "m.convstep", 0
    chance = random.Random(200 + seed)  # noqa: S311 - the same damage on every run
    for _ in range(40):
        written(path, archive.sealed(hostile(description, chance)), parts)
        found = loaded(path, path.stat().st_size)
        if isinstance(found, str):
            refused += 1
        else:
            assert sorted(item.value.tobytes() for item in found.named_parameters().values()) == sorted(weights.values())
    assert refused >= 5


def many_layers(description: dict[str, Any]) -> None:
    description["model"]["config"]["layers"][1:1] = [
        {"class_name": "Activation", "config": {"activation": "relu", "name": f"a{i}"}} for i in range(10_001)
    ]


def deep_models(description: dict[str, Any]) -> None:
    for i in range(60):
        inner = description["model"]
        inner["config"]["name"] = f"m{i}"
        description["model"] = {"class_name": "Sequential", "config": {"name": f"n{i}", "layers": [inner], "input": None}}


def huge_dense(description: dict[str, Any]) -> None:
    description["model"]["config"]["layers"][-1]["config"]["units"] = 2**36


def many_axes(description: dict[str, Any]) -> None:
    description["model"]["config"]["input"]["batch_shape"] = [None] + [2] * 40


def strange_type(description: dict[str, Any]) -> None:
    description["model"]["config"]["layers"][0]["config"]["dtype"] = "O"


def many_thresholds(description: dict[str, Any]) -> None:
    description["compile"]["metrics"] = [{"class_name": "AUC", "config": {"num_thresholds": 2**34}}]


def unknown_loss(description: dict[str, Any]) -> None:
    description["compile"]["loss"] = {"class_name": "Popen", "config": {"args": "ls"}}


def no_call(description: dict[str, Any]) -> None:
    item = description["model"]["config"]["layers"][0]
    description["model"] = {
        "class_name": "Functional",
        "config": {"layers": [item], "calls": [{"layer": 0, "inputs": []}], "inputs": {}, "outputs": {}},
    }


def negative_call(description: dict[str, Any]) -> None:
    no_call(description)
    description["model"]["config"]["calls"] = [{"layer": -1, "inputs": []}]


def too_many_calls(description: dict[str, Any]) -> None:
    no_call(description)
    description["model"]["config"]["calls"] = [0] * 100_001


def no_layer(description: dict[str, Any]) -> None:
    description["model"] = "Sequential"


def newer(description: dict[str, Any]) -> None:
    description["version"] = 2


def no_files(description: dict[str, Any]) -> None:
    description["files"] = {"code": {}}


REFUSALS: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (many_layers, "more than 10000 layers, or models inside models deeper than 8\n  given 'Activation'"),
    (deep_models, "more than 10000 layers, or models inside models deeper than 8\n  given 'Sequential'"),
    (huge_dense, "the layers need more weights than the file holds\n  given a parameter of the shape (144, 68719476736)"),
    (
        many_axes,
        "no type or shape of a layer\n  given {'name': 'input_layer', 'dtype': 'float32', 'batch_shape': [None, 2, 2, 2, 2, 2, ...]}",
    ),
    (strange_type, "no type or shape of a layer\n  given {'activation': 'tanh', 'bias_initializer': {'class_name': 'Zeros', 'co"),
    (many_thresholds, "a metric of more than 100000 thresholds\n  given {'num_thresholds': 17179869184}"),
    (unknown_loss, 'the description of the model is wrong: \'loss: there is no loss "Popen"; there are BinaryCrossentropy, '),
    (no_call, "conv2d is called without inputs\n  given {'layer': 0, 'inputs': []}"),
    (negative_call, "the number of a layer or a call must be >= 0\n  given -1"),
    (too_many_calls, "more than 100000 calls of layers\n  given 100001"),
    (no_layer, "a layer must be a class_name and a config\n  given 'Sequential'"),
    (newer, "model.json is of version 2, but this convstep reads 1\n  given "),
    (no_files, "model.json does not say which files belong to it\n  given "),
]


@pytest.mark.parametrize(("change", "message"), REFUSALS, ids=[change.__name__ for change, _ in REFUSALS])
def test_what_claims_too_much_is_refused_in_these_words(saved: Path, tmp_path: Path, change: Any, message: str) -> None:
    description, parts = opened(saved / "0.convstep")
    change(description)
    path = tmp_path / "m.convstep"
    written(path, archive.sealed(description), parts)
    assert loaded(path, path.stat().st_size).startswith(f"load_model: {message}")


def zipped(entries: list[tuple[str, bytes, int]]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, content, kind in entries:
            made.writestr(zipfile.ZipInfo(name), content, kind)
    return file.getvalue()


ARCHIVES: dict[str, tuple[Callable[[], bytes], str]] = {
    "a bomb": (lambda: zipped([("model.json", bytes(2**20), zipfile.ZIP_DEFLATED)]), "the file holds 'model.json', which no model has so"),
    "another name": (lambda: zipped([("../x", b"", 0)]), "the file holds '../x', which no model has so"),
    "a long text": (lambda: zipped([("model.json", bytes(2**22 + 1), 0)]), "the file holds 'model.json', which no model has so"),
    "many names": (lambda: zipped([(f"{i}", b"", 0) for i in range(5)]), "the file is not a model that convstep wrote"),
    "a long name": (lambda: zipped([("x" * 2000, b"", 0)]), "the file is not a model that convstep wrote"),
    "nothing": (lambda: b"", "the file is not a model that convstep wrote"),
    "no parts": (lambda: zipped([]), "model.json is no description of a model: Expecting value: line 1 column 1 (char 0)"),
    "deep JSON": (lambda: zipped([("model.json", b"[" * 100_000, 0)]), "model.json is no description of a model: "),
    "lists without end": (
        lambda: zipped([("model.json", b"[" + b"[]," * 1_390_000 + b"[]]", 0)]),
        "model.json is no description of a model: ",
    ),
    "a long number": (
        lambda: zipped([("model.json", b'{"sha256": ' + b"9" * 5000 + b"}", 0)]),
        "model.json is no description of a model: ",
    ),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_that_were_made_to_hurt_are_refused_in_these_words(tmp_path: Path, name: str) -> None:
    make, message = ARCHIVES[name]
    path = tmp_path / "m.convstep"
    path.write_bytes(make())
    assert loaded(path, path.stat().st_size).startswith(f"load_model: {message}")


def headed(header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header


HEADERS: dict[str, tuple[bytes, str]] = {
    "a header as long as an exabyte": (
        struct.pack("<Q", 2**60),
        "w is no safetensors file: its header would have 1152921504606846976 bytes",
    ),
    "no header": (b"\x01", "w is no safetensors file: its header would have -1 bytes"),
    "a claim past the end": (
        headed(b'{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}'),
        "w is damaged: ",
    ),
    "no JSON": (struct.pack("<Q", 4) + b"abcd", "w is damaged: "),
    "a type that NumPy lacks": (
        headed(b'{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}') + bytes(2),
        "w is damaged: ",
    ),
}


@pytest.mark.parametrize("name", HEADERS)
def test_tensors_that_claim_what_is_not_there_are_refused_in_these_words(name: str) -> None:
    content, message = HEADERS[name]
    with pytest.raises(DataError) as caught:
        archive.from_safetensors(content, "w")
    assert str(caught.value).startswith(f"load_model: {message}")
    assert str(caught.value).endswith(f"\n  given {len(content)} bytes")


def test_weights_of_whole_numbers_are_no_weights(saved: Path, tmp_path: Path) -> None:
    model = load_model(saved / "0.convstep")
    ints = {name: np.zeros(item.value.shape, np.int32) for name, item in model.named_parameters().items()}
    (tmp_path / "w.safetensors").write_bytes(archive.to_safetensors(ints))
    with pytest.raises(
        convstep.ShapeError, match=r'^load_weights: "conv2d/kernel" has the type int32 in the file, which is no type of weights'
    ):
        model.load_weights(tmp_path / "w.safetensors")
