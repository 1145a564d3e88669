"""Files of Keras 2: another way to write calls, inputs and the names of weights, and a few functions that have changed since."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.architectures import ARCHITECTURES, images
from tests.graphs import GRAPHS, given, listed

import convstep
from convstep import layers
from convstep.checks import Array
from convstep.errors import DataError
from convstep.interop import keras as interop
from convstep.interop.keras.archive import CONFIG, METADATA, WEIGHTS, read_parts, write_parts
from convstep.models import Model, Sequential

h5py = pytest.importorskip("h5py", reason="h5py is not installed (extra data)")
INHERITED = {"kernel_initializer": None, "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.5}}, "kernel_constraint": None}


def older(item: dict[str, Any]) -> dict[str, Any]:
    """Return a description as Keras 2 would have written it."""
    config = {**item["config"]}
    if "batch_shape" in config:
        config["batch_input_shape"] = config.pop("batch_shape")
    if item["class_name"] in {"DepthwiseConv2D", "SeparableConv2D"}:
        config |= INHERITED
        config["groups"] = 1
    if item["class_name"] == "LeakyReLU":
        config["alpha"] = config.pop("negative_slope")
    if item["class_name"] == "BatchNormalization":
        config["axis"] = [3 if config["axis"] == -1 else config["axis"]]
    if isinstance(config.get("activation"), dict):
        config["activation"] = older(config["activation"])
    if "layers" in config:
        models = {inner["config"]["name"] for inner in config["layers"] if "layers" in inner["config"]}
        config["layers"] = [older_call(inner, models) for inner in config["layers"]]
        for word in ("input_layers", "output_layers"):
            ends = config.get(word)
            if ends:
                ends = [ends] if isinstance(ends[0], str) else ends
                config[word] = [[name, max(call, int(name in models)), place] for name, call, place in ends]
                late = {inner["config"]["name"] for inner in config["layers"] if inner["class_name"] == "Sequential"}
                config[word] = [[name, call + (name in late and call == 0), place] for name, call, place in config[word]]
    return {**item, "config": config}


def older_call(item: dict[str, Any], models: set[str]) -> dict[str, Any]:
    nodes = []
    for node in item.get("inbound_nodes", ()):
        tensors = node["args"][0] if isinstance(node["args"][0], list) else [node["args"][0]]
        refs = [tensor["config"]["keras_history"] for tensor in tensors]
        nodes.append([[name, call + (name in models), place, node["kwargs"]] for name, call, place in refs])
    return {**older(item), "inbound_nodes": nodes} if "inbound_nodes" in item else older(item)


def rewritten(model: Model, path: Path, version: str = "2.4.0", change: Any = None) -> Path:
    """Write a model, then make the file one of Keras 2."""
    interop.save(model, path)
    with h5py.File(path, "r+") as file:
        described = older(json.loads(file.attrs["model_config"]))
        if change:
            change(described)
        file.attrs["model_config"] = json.dumps(described)
        file.attrs["keras_version"] = version
        for group in file["model_weights"].values():
            for name in list(group.attrs["weight_names"]):
                key = name.decode() if isinstance(name, bytes) else str(name)
                group.move(key, f"{key}:0")
    return path


LISTED = [make for make in GRAPHS if "dict" not in make.__name__]


@pytest.mark.parametrize("make", [*ARCHITECTURES, *LISTED], ids=lambda make: make.__name__)
def test_files_of_keras_2_are_read(tmp_path: Path, make: Any) -> None:
    model = make(convstep)
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.1, 1, w.shape) for w in model.get_weights()])
    again = interop.load(rewritten(model, tmp_path / "m.h5"))
    assert [w.tobytes() for w in again.get_weights()] == [w.tobytes() for w in model.get_weights()]
    x = images(3)[0] if make in ARCHITECTURES else given(model)
    for mine, wanted in zip(listed(again.predict(x, verbose=0)), listed(model.predict(x, verbose=0)), strict=True):
        np.testing.assert_array_equal(mine, wanted)
    other = make(convstep)
    interop.load_weights(other, tmp_path / "m.h5")
    assert [w.tobytes() for w in other.get_weights()] == [w.tobytes() for w in model.get_weights()]


@pytest.mark.parametrize("make", [*ARCHITECTURES, *LISTED], ids=lambda make: make.__name__)
@pytest.mark.parametrize("container", ["layers", "_layer_checkpoint_dependencies"])
def test_the_keras_files_of_keras_2_are_read(tmp_path: Path, make: Any, container: str) -> None:
    model, path, held = make(convstep), tmp_path / "m.keras", tmp_path / "w.h5"
    interop.save(model, path)
    parts = read_parts("test", path)
    held.write_bytes(parts[WEIGHTS])
    with h5py.File(held, "r+") as file:
        renamed(file, container)
    described = older({**json.loads(parts[CONFIG]), "module": "keras.src.engine.functional"})
    metadata = json.dumps({"keras_version": "2.13.1"}).encode()
    write_parts(path, {METADATA: metadata, CONFIG: json.dumps(described).encode(), WEIGHTS: held.read_bytes()})
    assert [w.tobytes() for w in interop.load(path).get_weights()] == [w.tobytes() for w in model.get_weights()]


def renamed(group: Any, container: str) -> None:
    for name in list(group):
        inner = group[name]
        if isinstance(inner, h5py.Group):
            renamed(inner, container)
        if name == "layers" and container != name:
            group.move(name, container)


def small(activation: str = "relu") -> Sequential:
    return Sequential([layers.Input((3,)), layers.Dense(2, activation=activation, name="d")], name="small")


def test_a_chain_without_an_input_layer_knows_its_shape(tmp_path: Path) -> None:
    def change(described: dict[str, Any]) -> None:
        _, dense = described["config"].pop("layers")
        dense["config"]["batch_input_shape"] = [None, 3]
        described["config"] = {"name": "small", "layers": [dense]}

    model = small()
    again = interop.load(rewritten(model, tmp_path / "m.h5", change=change))
    assert again.input_shape == (None, 3)
    assert [w.tobytes() for w in again.get_weights()] == [w.tobytes() for w in model.get_weights()]


def test_policies_regularizers_and_training_are_read_as_keras_2_wrote_them(tmp_path: Path) -> None:
    def change(described: dict[str, Any]) -> None:
        config = described["config"]["layers"][1]["config"]
        config["dtype"] = {"class_name": "Policy", "config": {"name": "float32"}}
        config["kernel_regularizer"] = {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.25}}
        config["kernel_initializer"] = {
            "class_name": "VarianceScaling",
            "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None, "dtype": "float32"},
        }

    dense: Any = interop.load(rewritten(small(), tmp_path / "m.h5", change=change)).layers[0]
    assert dense.kernel_regularizer.get_config() == {"l1": 0.0, "l2": 0.25}
    assert dense.kernel_initializer.get_config() == {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None}


def test_slashes_in_names_become_underscores(tmp_path: Path) -> None:
    model = small()
    path = rewritten(model, tmp_path / "m.h5", change=lambda described: described["config"]["layers"][1]["config"].update(name="a/b/d"))
    with h5py.File(path, "r+") as file:
        group = file["model_weights"]
        group.move("d", "a/b/d")
        group["a/b/d"].move("d", "a/b/d")
    again = interop.load(path)
    assert [layer.name for layer in again.layers] == ["a_b_d"]
    assert [w.tobytes() for w in again.get_weights()] == [w.tobytes() for w in model.get_weights()]


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        interop.load(path)
    return str(caught.value)


def test_the_hard_sigmoid_of_keras_2_is_refused_as_another_function(tmp_path: Path) -> None:
    path = rewritten(small("hard_sigmoid"), tmp_path / "m.h5")
    assert refused(path) == (
        'keras.load: "d" (Dense): the hard_sigmoid of Keras 2, min(1, max(0, 0.2 x + 0.5)), is another function than the one of this name'
        " here\n  given activation 'hard_sigmoid'"
    )
    again: Any = interop.load(rewritten(small("hard_sigmoid"), tmp_path / "m.h5", version="3.1.0"))
    assert again.layers[0].activation.name == "hard_sigmoid"


@pytest.mark.parametrize(("version", "backend"), [("1.2.2", "tensorflow"), ("2.1.0", "theano")])
def test_keras_1_and_theano_are_refused(tmp_path: Path, version: str, backend: str) -> None:
    path = rewritten(small(), tmp_path / "m.h5", version=version)
    with h5py.File(path, "r+") as file:
        file.attrs["backend"] = backend
    fact = f"files of Keras 1, Theano and CNTK are not read, this is one of Keras {version} on {backend}"
    assert refused(path) == f"keras.load: {fact}\n  given {path}"


def test_weights_under_another_name_are_refused(tmp_path: Path) -> None:
    path = rewritten(small(), tmp_path / "m.h5")
    with h5py.File(path, "r+") as file:
        file["model_weights/d"].move("d/kernel:0", "d/w:0")
    assert refused(path) == f'keras.load: the file has no "kernel" of the layer "d"\n  given {path}'


def test_weights_that_nobody_wants_are_refused(tmp_path: Path) -> None:
    path = rewritten(small(), tmp_path / "m.h5")
    with h5py.File(path, "r+") as file:
        file["model_weights/d/d/more:0"] = np.zeros(2, "float32")
    assert refused(path) == f'keras.load: the file has "d/more:0" for "d", which the model has not\n  given {path}'
    with h5py.File(path, "r+") as file:
        del file["model_weights/d/d/more:0"]
        group = file["model_weights"].create_group("other")
        group.attrs["weight_names"] = [b"other/kernel:0"]
        group["other/kernel:0"] = np.zeros(2, "float32")
    assert refused(path) == f'keras.load: the file has "other/kernel:0" for "other", which the model has not\n  given {path}'


def test_live_models_of_keras_2_are_told_by_their_modules() -> None:
    kind = type("Functional", (FakeModel,), {"__module__": "tf_keras.src.engine.functional"})
    model = kind(small("hard_sigmoid"))
    with pytest.raises(DataError, match=r"^keras\.load: \"d\" \(Dense\): the hard_sigmoid of Keras 2"):
        interop.load(model)
    again = interop.load(kind(small()))
    assert again.layers[1].parameters[0].value.shape == (3, 2)


class FakeModel:
    """What a live model of Keras 2 answers."""

    def __init__(self, model: Sequential) -> None:
        self.model = model
        self.layers = model.layers

    def get_weights(self) -> list[Array]:
        return self.model.get_weights()

    def get_config(self) -> dict[str, Any]:
        dense = self.model.layers[0].get_config()
        return {
            "name": "small",
            "layers": [
                {"class_name": "InputLayer", "name": "i", "config": {"name": "i", "batch_input_shape": (None, 3)}, "inbound_nodes": []},
                {
                    "class_name": "Dense",
                    "name": "d",
                    "config": {**dense, "activation": dense["activation"]},
                    "inbound_nodes": [[["i", 0, 0, {}]]],
                },
            ],
            "input_layers": [["i", 0, 0]],
            "output_layers": [["d", 0, 0]],
        }
