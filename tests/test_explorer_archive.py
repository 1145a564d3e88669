"""The page reads the files of `model.save` alone: what is damaged, strange or too much for it is refused in one sentence."""

import hashlib
import json
import re
import struct
import zipfile
from collections.abc import Callable
from copy import deepcopy
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import node

from convstep import Input, Model, Sequential, layers
from convstep.models.archive import read_archive, write_archive

pytestmark = pytest.mark.once

READ = """
const { forward, readNetwork } = await load("network.js");
return given.map((bytes) => {
  try {
    const network = readNetwork(bytes);
    const count = network.inputShape.reduce((product, size) => product * size, 1);
    return { prediction: forward(network, new Float64Array(count).fill(0.5)).prediction, name: network.name, shape: network.inputShape };
  } catch (error) {
    return { error: error.name, code: error.code, message: error.message };
  }
});
"""
Change = Callable[[dict[str, Any], dict[str, Any]], None]


def small() -> Sequential:
    return Sequential(
        [
            Input((4, 4, 1), name="image"), layers.Conv2D(2, 3, name="conv"), layers.Flatten(name="flat"),
            layers.Dense(3, "softmax", name="scores"),
        ],
        name="small",
    )  # fmt: skip


def saved(model: Any, folder: Path) -> bytes:
    path = folder / "model.convstep"
    model.save(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return saved(small(), tmp_path_factory.mktemp("model"))


def one_sentence(answer: dict[str, Any]) -> bool:
    return answer.get("error") == "NetworkError" and re.fullmatch(r"(The|This) [^\n]{10,250}\.", answer["message"]) is not None


def test_a_file_that_was_cut_off_anywhere_is_refused(whole: bytes) -> None:
    places = [*range(0, len(whole), 97), *range(len(whole) - 200, len(whole))]
    answers = node.run(READ, [whole[:place] for place in places])
    assert [place for place, answer in zip(places, answers, strict=True) if not one_sentence(answer)] == []


def test_a_file_with_a_flipped_bit_is_refused_or_reads_as_if_it_had_none(whole: bytes) -> None:
    rng = np.random.default_rng(1)
    places = [*(int(place) for place in rng.integers(0, len(whole), 400)), *range(len(whole) - 180, len(whole))]
    flipped = []
    for place in places:
        content = bytearray(whole)
        content[place] ^= 1 << int(rng.integers(8))
        flipped.append(bytes(content))
    right, *answers = node.run(READ, [whole, *flipped])
    refused = [one_sentence(answer) for answer in answers]
    for is_refused, answer in zip(refused, answers, strict=True):
        # a date of the zip file may be any date
        assert is_refused or np.array_equal(answer["prediction"], right["prediction"])
    assert sum(refused) > 500


def test_other_files_are_refused(whole: bytes) -> None:
    rng = np.random.default_rng(2)
    packed, listed = BytesIO(), BytesIO()
    with zipfile.ZipFile(BytesIO(whole)) as archive, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as smaller:
        for name in archive.namelist():
            smaller.writestr(name, archive.read(name))
    with zipfile.ZipFile(listed, "w") as archive:
        for i in range(5):
            archive.writestr(f"{i}.txt", "text")
    others = [b"", b"PK", bytes(1000), rng.bytes(5000), b"%PDF-1.7 " * 100, packed.getvalue(), listed.getvalue(), whole + b"more"]
    assert [one_sentence(answer) for answer in node.run(READ, others)] == [True] * len(others)


# --- descriptions that are whole, and say what the page cannot do ---


def changed(model: Any, folder: Path, change: Change) -> bytes:
    """The file of a model whose description and weights were changed, with digests that fit."""
    path = folder / "model.convstep"
    model.save(path)
    description, tensors = read_archive(path)
    kept = {key: value for key, value in description.items() if key != "files"}
    config, weights = deepcopy(kept), dict(tensors["weights"])
    change(config, weights)
    write_archive(path, config, {"weights": weights})
    return path.read_bytes()


def layer(config: dict[str, Any], number: int) -> Any:
    return config["model"]["config"]["layers"][number]


def set_argument(number: int, **arguments: Any) -> Change:
    return lambda config, _: layer(config, number)["config"].update(arguments)


def set_class(number: int, name: str) -> Change:
    return lambda config, _: layer(config, number).update(class_name=name)


CONV = 'The layer "conv" (Conv2D) cannot be run: '
REFUSED: dict[str, tuple[Change, str]] = {
    "a class of one's own": (set_class(1, "Wavelet"), 'The layer "flat" is of the class Wavelet, which this page cannot run.'),
    "a class that every object has": (
        set_class(1, "constructor"), 'The layer "flat" is of the class constructor, which this page cannot run.',
    ),
    "an activation of one's own": (
        set_argument(2, activation="snake"), 'The layer "scores" (Dense) cannot be run: the page has no activation "snake".',
    ),
    "a window that does not fit": (
        set_argument(0, dilation_rate=[2, 2]), CONV + "a window that reaches over 5 cells does not fit into 4.",
    ),
    "a stride of 0": (
        set_argument(0, strides=[0, 1]), CONV + "its strides is no whole number of at least 1.",
    ),
    "a word for a number": (
        set_argument(0, filters="two"), CONV + "its filters is no whole number of at least 1.",
    ),
    "filters that the weights do not have": (
        set_argument(0, filters=4), CONV + 'its weights "kernel" have the shape (3, 3, 1, 2), not (3, 3, 1, 4).',
    ),
    "groups that do not divide": (
        set_argument(0, groups=2), CONV + "1 channels and 2 filters have no 2 groups.",
    ),
    "a padding of one's own": (
        set_argument(0, padding="mirror"), CONV + "its padding is neither valid nor same.",
    ),
    "a huge padding": (set_argument(0, padding=4000), "The network is too large for this page."),
    "weights that are missing": (
        lambda _, weights: weights.pop("conv/bias"), CONV + 'its weights "bias" are missing.',
    ),
    "weights too many": (
        lambda _, weights: weights.update(extra=np.ones(3, np.float32)),
        'The description of the network is wrong: no layer has the weights "extra".',
    ),
    "weights of whole numbers": (
        lambda _, weights: weights.update({"conv/bias": np.ones(2, np.int32)}),
        'This file is not a whole model of convstep: the weights "conv/bias" are of no type or shape that this page knows.',
    ),
    "no input": (
        lambda config, _: config["model"]["config"].update(input=None), "The network was saved before it knew the shape of its input.",
    ),
    "an input that is no image": (
        lambda config, _: config["model"]["config"]["input"].update(batch_shape=[None, 16]),
        "The network takes inputs of the shape (16), which is no image.",
    ),
    "no layers": (
        lambda config, _: config["model"]["config"].pop("layers"), "The description of the network is wrong: a part of it is missing.",
    ),
    "no model": (
        lambda config, _: config["model"].update(class_name="Dense"), "The description of the network is wrong: it is no model of layers.",
    ),
    "models deep inside models": (
        lambda config, _: nested_deeply(config["model"]["config"]),
        "The description of the network is wrong: models inside models are too deep.",
    ),
}  # fmt: skip


def nested_deeply(config: dict[str, Any]) -> None:
    inner: dict[str, Any] = {"class_name": "Sequential", "config": {"name": "deep", "layers": config["layers"]}}
    for _ in range(12):
        inner = {"class_name": "Sequential", "config": {"name": "deep", "layers": [inner]}}
    config["layers"] = [inner]


def test_a_network_that_the_page_cannot_run_is_refused_in_one_sentence_that_says_why(tmp_path: Path) -> None:
    answers = node.run(READ, [changed(small(), tmp_path, change) for change, _ in REFUSED.values()])
    got = {what: answer.get("message") for what, answer in zip(REFUSED, answers, strict=True)}
    assert got == {what: message for what, (_, message) in REFUSED.items()}
    assert all(one_sentence(answer) for answer in answers)


def test_graphs_that_the_page_cannot_show_are_refused(tmp_path: Path) -> None:
    one, other = Input((4, 4, 1)), Input((4, 4, 1))
    both = layers.Add()([one, other])
    noisy = layers.Dropout(0.5, name="noisy")(one, training=True)
    models = [Model([one, other], both), Model(one, [layers.Flatten()(one), layers.Conv2D(1, 2)(one)]), Model(one, noisy)]
    answers = node.run(READ, [saved(model, tmp_path) for model in models])
    assert [answer["message"] for answer in answers] == [
        "The network has several inputs, and this page shows networks that take one image.",
        "The network has several outputs, and this page shows networks with one.",
        'The layer "noisy" always runs as in training, which this page does not.',
    ]


def test_a_strange_graph_is_refused(tmp_path: Path) -> None:
    inputs = Input((4, 4, 1))
    model = Model(inputs, layers.Flatten()(layers.ReLU()(inputs)))

    def calls(change: Callable[[list[Any]], Any]) -> bytes:
        return changed(model, tmp_path, lambda config, _: change(config["model"]["config"]["calls"]))

    files = [
        calls(lambda listed: listed[1].update(inputs=[[7]])),
        calls(lambda listed: listed[1].update(inputs=[[1]])),
        calls(lambda listed: listed[1].update(inputs=[[0, "part"]])),
        calls(lambda listed: listed[1].update(inputs=[])),
        calls(lambda listed: listed[1].update(inputs=[["length"]])),
        calls(lambda listed: listed[1].update(layer=99)),
        calls(lambda listed: listed[1].update(layer="map")),
        calls(lambda listed: listed.clear()),
    ]
    assert [one_sentence(answer) for answer in node.run(READ, files)] == [True] * len(files)


def test_one_network_that_repeats_itself_without_end_is_refused(tmp_path: Path) -> None:
    def calls_of(inner: dict[str, Any]) -> dict[str, Any]:
        start = {"class_name": "InputLayer", "config": {"name": "start", "batch_shape": [None, 4, 4, 1]}}
        calls = [{"layer": 0, "inputs": []}, *({"layer": 1, "inputs": [[i]]} for i in range(10))]
        ends = {"inputs": {"keys": None, "listed": False, "of": [[0]]}, "outputs": {"keys": None, "listed": False, "of": [[10]]}}
        return {"class_name": "Model", "config": {"name": "many", "layers": [start, inner], "calls": calls, **ends}}

    def multiply(config: dict[str, Any], _: Any) -> None:
        inner: dict[str, Any] = {"class_name": "Dropout", "config": {"name": "drop", "rate": 0.5}}
        for _depth in range(7):
            inner = calls_of(inner)
        config["model"]["config"]["layers"].insert(0, inner)

    [answer] = node.run(READ, [changed(small(), tmp_path, multiply)])
    assert answer["message"] == "The network is too large for this page."


def test_a_layer_that_would_make_a_huge_image_is_refused_before_it_is_made(tmp_path: Path) -> None:
    huge: list[list[Any]] = [
        [layers.ZeroPadding2D(10**6)], [layers.UpSampling2D(10**5)], [layers.UpSampling2D(10**4, interpolation="bilinear")],
        [layers.Conv2D(1, 3, padding=10**6)], [layers.MaxPooling2D(10**6, strides=1, padding=10**6 - 1)],
        [layers.AveragePooling2D(10**7, strides=1, padding=10**7 - 1)], [layers.Conv2DTranspose(1, 2, strides=10**6)],
        [layers.UpSampling2D(200), layers.Conv2D(1, 100, padding="same")],
    ]  # fmt: skip
    row = Input((5000, 1, 1))
    wide = layers.Add()([row, layers.Reshape((1, 5000, 1))(row)])
    models = [*(Sequential([Input((4, 4, 1)), *chain]) for chain in huge), Model(row, wide)]
    answers = node.run(READ, [saved(model, tmp_path) for model in models])
    assert [answer.get("message") for answer in answers] == ["The network is too large for this page."] * len(answers)


def test_a_large_window_of_a_small_image_is_no_large_network(tmp_path: Path) -> None:
    model = Sequential([Input((4, 4, 1)), layers.MaxPooling2D(10**6, strides=1, padding="same")])
    [answer] = node.run(READ, [saved(model, tmp_path)])
    assert np.array_equal(answer["prediction"], np.full(16, 0.5))


def test_a_file_with_the_state_of_its_optimizer_and_other_types_of_weights_reads_as_well(tmp_path: Path) -> None:
    model = small()
    model.compile("adam", "categorical_crossentropy")
    model.fit(np.ones((4, 4, 4, 1)), np.eye(3)[[0, 1, 2, 0]], verbose=0)
    assert "optimizer" in read_archive_of(saved(model, tmp_path), tmp_path)
    half = Sequential([Input((3, 3, 1)), layers.Flatten(), layers.Dense(4, dtype="float16", name="half")])
    values = np.array([0.1, -2.0, 65504.0, 6e-8, 0.0, -0.0, np.inf, 1e-5, 3.14159], np.float16)
    half.set_weights([np.repeat(values[:, None], 4, axis=1), np.zeros(4, np.float16)])
    answers = node.run(
        READ.replace("name: network.name", "weights: network.layers[network.layers.length - 1].weights, name: network.name"),
        [saved(model, tmp_path), saved(half, tmp_path)],
    )
    right = model.predict(np.full((1, 4, 4, 1), 0.5, np.float32), verbose=0)[0]
    np.testing.assert_allclose(answers[0]["prediction"], right, atol=1e-6)
    assert np.array_equal(answers[1]["weights"]["kernel"][:, 0], values.astype(float))


def read_archive_of(content: bytes, folder: Path) -> dict[str, Any]:
    path = folder / "again.convstep"
    path.write_bytes(content)
    return read_archive(path)[1]


def test_a_network_for_images_of_any_size_reads_at_a_size_that_is_asked_for(tmp_path: Path) -> None:
    model = Sequential([Input((None, None, 3)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()])
    code = READ.replace("readNetwork(bytes)", "readNetwork(bytes, { size: [9, 7] })")
    [answer] = node.run(code, [saved(model, tmp_path)])
    assert answer["shape"] == [9, 7, 3]


def test_sizes_that_a_file_claims_are_held_against_it(whole: bytes) -> None:
    """A header of safetensors may claim anything; the digest in model.json can be made to fit."""
    with zipfile.ZipFile(BytesIO(whole)) as archive:
        weights = archive.read("weights.safetensors")
        description = json.loads(archive.read("model.json"))
    length = struct.unpack_from("<Q", weights)[0]
    header, data = json.loads(weights[8 : 8 + length]), weights[8 + length :]

    def packed(change: Callable[[dict[str, Any]], Any], *, claimed: int | None = None) -> bytes:
        other = deepcopy(header)
        change(other)
        text = json.dumps(other).encode()
        content = struct.pack("<Q", len(text) if claimed is None else claimed) + text + data
        told = {**description, "files": {"weights": {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}}}
        file = BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("model.json", json.dumps(told))
            archive.writestr("weights.safetensors", content)
        return file.getvalue()

    def kernel(**claim: Any) -> Callable[[dict[str, Any]], None]:
        return lambda other: other["conv/kernel"].update(claim)

    files = [
        packed(lambda _: None),
        packed(kernel(shape=[2**40, 2**40])),
        packed(kernel(shape=[-1, 18])),
        packed(kernel(shape=[18] * 40)),
        packed(kernel(shape="all")),
        packed(kernel(dtype="Q4")),
        packed(kernel(data_offsets=[0, 2**50])),
        packed(kernel(data_offsets=[72, 0])),
        packed(kernel(data_offsets=[0])),
        packed(lambda other: other.update({"conv/kernel": None})),
        packed(lambda _: None, claimed=2**63),
        packed(lambda _: None, claimed=10**7),
        packed(lambda _: None, claimed=3),
    ]
    right, *answers = node.run(READ, files)
    assert "prediction" in right
    assert [one_sentence(answer) for answer in answers] == [True] * len(answers)
