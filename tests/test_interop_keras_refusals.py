"""What is not read from Keras's files, in whole messages; and files that were damaged, or made to hurt."""

import builtins
import io
import json
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.architectures import ARCHITECTURES
from tests.test_hostile_models import damaged, hostile

import convstep
from convstep import layers
from convstep.checks import Array
from convstep.errors import ArgumentTypeError, DataError, MissingExtraError
from convstep.interop import keras as interop
from convstep.interop.keras.archive import CONFIG, METADATA, WEIGHTS, read_parts, write_parts
from convstep.models import Model, Sequential

h5py = pytest.importorskip("h5py", reason="h5py is not installed (extra data)")
SPARE = 64 * 2**20  # bytes that reading may take beside four times the file


def block(*more: Any) -> Sequential:
    inner = Sequential([layers.Conv2D(2, 1, name="conv"), *more], name="block1")
    return Sequential([layers.Input((4, 4, 2), name="image"), inner], name="net")


def changed(path: Path, change: Callable[[dict[str, Any]], Any], model: Model | None = None) -> Path:
    """Write a model, then change its description."""
    interop.save(model or block(), path)
    parts = read_parts("test", path)
    described = json.loads(parts[CONFIG])
    change(described)
    write_parts(path, {**parts, CONFIG: json.dumps(described).encode()})
    return path


def refused(call: Callable[[], Any], kind: type[Exception] = DataError) -> str:
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    return str(caught.value)


def conv_of(described: dict[str, Any]) -> dict[str, Any]:
    """Return the description of block1/conv."""
    found: dict[str, Any] = described["config"]["layers"][1]["config"]["layers"][1]
    return found


def becomes(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda described: conv_of(described).update(changes)


def takes(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda described: conv_of(described)["config"].update(changes)


MIXED = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "mixed_float16"}, "registered_name": None}
QUANTIZED = {"module": "keras", "class_name": "QuantizedDTypePolicy", "config": {"mode": "int8"}, "registered_name": None}
NORM = {"class_name": "MaxNorm", "config": {"max_value": 2}}
CODE = {"class_name": "__lambda__", "config": {"value": "os.system('true')"}}

REFUSALS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a layer that we lack": (
        becomes(class_name="ConvLSTM2D", module="keras.layers"),
        "\"block1/conv\" is of the class ConvLSTM2D (keras.layers), which convstep lacks\n  given 'ConvLSTM2D'",
    ),
    "code": (
        becomes(class_name="Lambda", config={"name": "conv", "function": CODE}),
        "\"block1/conv\" is a Lambda, which holds code: code in a file is never run\n  given 'Lambda'",
    ),
    "somebody's class of a name that we know": (
        becomes(module="mine", registered_name="mine>Conv2D"),
        "\"block1/conv\" is of the class Conv2D (mine), which convstep lacks\n  given 'mine>Conv2D'",
    ),
    "an operation": (
        becomes(class_name="Relu", module="keras.src.ops.nn"),
        "\"block1/conv\" is of the class Relu (keras.src.ops.nn), which convstep lacks\n  given 'Relu'",
    ),
    "channels first": (
        takes(data_format="channels_first"),
        (
            '"block1/conv" (Conv2D): data_format must be "channels_last", not \'channels_first\': images are (m, height, width, channels)\n'
            "  given data_format 'channels_first'; try x.transpose(0, 2, 3, 1) for images with their channels first"
        ),
    ),
    "two types": (
        takes(dtype=MIXED),
        (
            "\"block1/conv\" (Conv2D): the type 'mixed_float16' is not supported; there are float16, float32, float64\n"
            "  given dtype 'mixed_float16'"
        ),
    ),
    "quantized": (
        takes(dtype=QUANTIZED),
        (
            "\"block1/conv\" (Conv2D): the type 'QuantizedDTypePolicy' is not supported; there are float16, float32, float64\n"
            "  given dtype 'QuantizedDTypePolicy'"
        ),
    ),
    "bfloat16": (
        takes(dtype="bfloat16"),
        "\"block1/conv\" (Conv2D): the type 'bfloat16' is not supported; there are float16, float32, float64\n  given dtype 'bfloat16'",
    ),
    "a constraint": (
        takes(kernel_constraint=NORM),
        (
            '"block1/conv" (Conv2D): the argument "kernel_constraint" is not supported\n'
            "  given kernel_constraint {'class_name': 'MaxNorm', 'config': {'max_value': 2}}"
        ),
    ),
    "an argument of tomorrow": (
        takes(rotation=3),
        '"block1/conv" (Conv2D): the argument "rotation" is not supported\n  given rotation 3',
    ),
    "an activation that we lack": (
        takes(activation="hard_tanh"),
        '"block1/conv" (Conv2D): there is no activation "hard_tanh" (did you mean "tanh"?)\n  given activation \'hard_tanh\'',
    ),
    "an activation of code": (
        takes(activation=CODE),
        "\"block1/conv\" (Conv2D): there is no activation '__lambda__'\n  given activation '__lambda__'",
    ),
    "a function of another module": (
        takes(activation={"module": "os", "class_name": "function", "config": "system", "registered_name": "function"}),
        "\"block1/conv\" (Conv2D): there is no activation 'function'\n  given activation 'function'",
    ),
    "an initializer of another module": (
        takes(kernel_initializer={"module": "os", "class_name": "system", "config": {"command": "ls"}}),
        "\"block1/conv\" (Conv2D): 'system' is not one of Keras's own\n  given class_name 'system'",
    ),
    "an initializer that we lack": (
        takes(kernel_initializer={"class_name": "STFT", "config": {}}),
        '"block1/conv" (Conv2D): there is no initializer "STFT"\n  given initializer \'STFT\'',
    ),
    "an argument of an initializer": (
        takes(kernel_initializer={"class_name": "GlorotUniform", "config": {"input_axes": [0]}}),
        '"block1/conv" (Conv2D): the argument "input_axes" is not supported\n  given input_axes [0]',
    ),
    "a regularizer that we lack": (
        takes(kernel_regularizer={"class_name": "OrthogonalRegularizer", "config": {}}),
        (
            '"block1/conv" (Conv2D): class_name must be "l1" or "l2" or "l1_l2" or "L1" or "L2" or "L1L2", not \'OrthogonalRegularizer\'\n'
            "  given class_name 'OrthogonalRegularizer'"
        ),
    ),
    "no argument": (
        becomes(config={"name": "conv", "filters": 2}),
        ("\"block1/conv\" (Conv2D) is described wrongly\n  given TypeError Conv2D.__init__() miss...ositional argument: 'kernel_size'"),
    ),
    "another shape": (
        takes(filters=3),
        '"block1/conv/kernel" has the shape (1, 1, 2, 2) in the file, but (1, 1, 2, 3) in the model\n  given {path}',
    ),
    "a huge shape": (
        takes(filters=2**40),
        "the layers need more weights than the file holds\n  given a parameter of the shape (1, 1, 2, 1099511627776)",
    ),
    "a number that is none": (
        takes(filters="many"),
        "\"block1/conv\" (Conv2D): filters must be a whole number >= 1, not 'many'\n  given filters 'many'",
    ),
    "something trained in part": (
        takes(trainable=0.5),
        '"block1/conv" (Conv2D): trainable must be true or false, not 0.5\n  given trainable 0.5',
    ),
    "one name twice": (
        lambda described: described["config"]["layers"][1]["config"]["layers"].append(conv_of(described)),
        '"block1" (Sequential): two layers have the name "conv": names must be unique in a model\n  given name \'conv\'',
    ),
    "no layers": (
        lambda described: described["config"].update(layers=None),
        (
            "a model must have a list of layers\n"
            "  given {'name': 'net', 'trainable': True, 'layers': None, 'build_input_shape': [None, 4, 4, 2]}"
        ),
    ),
    "a model of one's own": (
        lambda described: described.update(class_name="Mine"),
        "the model must be Sequential or Functional, not 'Mine'\n  given 'Mine'",
    ),
    "no layer": (lambda described: described["config"]["layers"].append(7), "a layer must be a class_name and a config\n  given 7"),
    "many layers": (
        lambda described: described["config"]["layers"].extend(activations(10_001)),
        "more than 10000 layers, or models inside models deeper than 8\n  given 'Activation'",
    ),
}


def activations(count: int) -> list[dict[str, Any]]:
    return [{"class_name": "Activation", "config": {"activation": "relu", "name": f"a{i}"}} for i in range(count)]


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_not_read_is_refused_in_these_words(tmp_path: Path, name: str) -> None:
    change, message = REFUSALS[name]
    path = changed(tmp_path / "m.keras", change)
    assert refused(lambda: interop.load(path)) == "keras.load: " + message.replace("{path}", str(path))


def graph() -> Model:
    inputs = layers.Input((4,), name="x")
    return Model(inputs, layers.Dense(2, name="d")(layers.Dense(3, name="c")(inputs)), name="net")


def history_of(described: dict[str, Any], layer: int) -> dict[str, Any]:
    config: dict[str, Any] = described["config"]["layers"][layer]["inbound_nodes"][0]["args"][0]["config"]
    return config


WIRINGS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a circle": (
        lambda described: history_of(described, 1).update(keras_history=["d", 0, 0]),
        "a call of 'c' needs its own result\n  given 'd'",
    ),
    "a call of itself": (
        lambda described: history_of(described, 2).update(keras_history=["d", 0, 0]),
        "a call of 'd' needs its own result\n  given 'd'",
    ),
    "a layer that is not there": (
        lambda described: history_of(described, 2).update(keras_history=["e", 0, 0]),
        "there is no layer 'e' in the model\n  given ['x', 'c', 'd']",
    ),
    "a call that is not there": (
        lambda described: history_of(described, 2).update(keras_history=["c", 5, 0]),
        "there is no call 5 of the layer 'c'\n  given ['c']",
    ),
    "a result that is not there": (
        lambda described: history_of(described, 2).update(keras_history=["c", 0, 3]),
        "'c' has 1 result, none at 3\n  given ['c', 0, 3]",
    ),
    "no result": (
        lambda described: history_of(described, 2).update(keras_history=["c", 0]),
        "\"d\" (Dense): ['c', 0] is no result of a layer: its name, its call and its place\n  given result ['c', 0]",
    ),
    "an argument of a call": (
        lambda described: described["config"]["layers"][2]["inbound_nodes"][0]["kwargs"].update(initial_state=1),
        '"d" (Dense): it is called with the argument "initial_state", which is not supported\n  given initial_state 1',
    ),
    "a call of nothing": (
        lambda described: described["config"]["layers"][2].update(inbound_nodes=["c"]),
        "\"d\" (Dense): 'c' is no call of a layer\n  given call 'c'",
    ),
    "a number for a result": (
        lambda described: described["config"]["layers"][2]["inbound_nodes"][0].update(args=[3.5]),
        "\"d\" (Dense): it must be called with one result of a layer or one group of them, not [3.5]\n  given layer 'd'",
    ),
    "two layers of one name": (
        lambda described: described["config"]["layers"][2].update(name="c"),
        "two layers of a model have one name\n  given ['x', 'c']",
    ),
    "outputs of another kind": (
        lambda described: described["config"].update(output_layers=7),
        "output_layers must be results of layers\n  given 7",
    ),
}


@pytest.mark.parametrize("name", WIRINGS)
def test_graphs_that_cannot_be_are_refused_in_these_words(tmp_path: Path, name: str) -> None:
    change, message = WIRINGS[name]
    path = changed(tmp_path / "m.keras", change, graph())
    assert refused(lambda: interop.load(path)) == f"keras.load: {message}"


def test_models_in_models_are_counted(tmp_path: Path) -> None:
    def deep(described: dict[str, Any]) -> None:
        for i in range(60):
            inner = json.loads(json.dumps(described))
            described["config"] = {"name": f"n{i}", "layers": [inner]}

    message = refused(lambda: interop.load(changed(tmp_path / "m.keras", deep)))
    assert message.startswith("keras.load: models inside models are deeper than 8\n  given 'n58/n57/")


# --- sources, models, places ---


def test_sources_that_are_none_are_refused(tmp_path: Path) -> None:
    words = "keras.load: expected the path of a file or a model of Keras's\n  given source "
    assert refused(lambda: interop.load(3), ArgumentTypeError) == f"{words}'int'"
    assert refused(lambda: interop.load(block()), ArgumentTypeError) == f"{words}'Sequential'"
    path = tmp_path / "m.keras"
    assert refused(lambda: interop.load(path)) == f"keras.load: there is no such file\n  given {path}"
    assert refused(lambda: interop.load(tmp_path)) == f"keras.load: the file holds no config.json\n  given {tmp_path}"
    path.write_text("text", encoding="utf-8")
    fact = "this is no HDF5 file, or a damaged one: 'Unable to synchronously open file (file signature not found)'"
    assert refused(lambda: interop.load(path)) == f"keras.load: {fact}\n  given {path}"
    weights = tmp_path / "m.weights.h5"
    interop.save(block(), weights)
    fact = "the file holds no model, at most weights: load_weights(model, path) reads those"
    assert refused(lambda: interop.load(weights)) == f"keras.load: {fact}\n  given {weights}"


def test_a_folder_is_read_as_the_zip_is(tmp_path: Path) -> None:
    model = block()
    interop.save(model, tmp_path / "m.keras")
    for name, content in read_parts("test", tmp_path / "m.keras").items():
        (tmp_path / name).write_bytes(content)
    assert [w.tobytes() for w in interop.load(tmp_path).get_weights()] == [w.tobytes() for w in model.get_weights()]


class Own(layers.Layer):
    """A layer of a user."""

    def __init__(self, factor: float = 2.0, **options: Any) -> None:
        super().__init__(**options)
        self.factor = factor

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        return x * np.float32(self.factor), None

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Any]:
        assert cache is None
        return dy * np.float32(self.factor), {}


def test_a_layer_of_ones_own_is_read_when_it_is_handed_over(tmp_path: Path) -> None:
    own = {
        "module": "mine",
        "class_name": "Theirs",
        "config": {"name": "own", "factor": 3.0, "dtype": "float32"},
        "registered_name": "a>Theirs",
    }
    path = changed(tmp_path / "m.keras", lambda described: described["config"]["layers"].append(own))
    message = refused(lambda: interop.load(path))
    assert message == "keras.load: \"own\" is of the class Theirs (mine), which convstep lacks\n  given 'a>Theirs'"
    for name in ("Theirs", "a>Theirs"):
        layer: Any = interop.load(path, custom_objects={name: Own}).layers[1]
        assert layer.factor == 3.0


UNWRITABLE: dict[str, tuple[Callable[[], Any], str]] = {
    "a layer": (lambda: block(Own(name="own")), "\"block1/own\" is of the class Own, which Keras lacks\n  given 'Own'"),
    "a padding": (
        lambda: block(layers.Conv2D(2, 3, padding=1, name="wide")),
        '"block1/wide" has the padding 1, but Keras knows valid and same alone\n  given 1',
    ),
    "an activation": (
        lambda: block(layers.Conv2D(2, 1, activation=convstep.activations.celu.using(alpha=2.0), name="it")),
        (
            "\"block1/it\" has the activation {'class_name': 'celu', 'config': {'alpha': 2.0}}, which Keras cannot be told\n"
            "  given {'class_name': 'celu', 'config': {'alpha': 2.0}}"
        ),
    ),
    "an initializer": (
        lambda: block(layers.Conv2D(2, 1, kernel_initializer=np.ones, name="it")),
        '"block1/it" has a kernel_initializer that is not one of Keras\'s own: <function ones>\n  given <function ones>',
    ),
}


@pytest.mark.parametrize("name", UNWRITABLE)
def test_what_keras_lacks_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    make, message = UNWRITABLE[name]
    model = make()
    for suffix in ("keras", "h5", "weights.h5"):
        assert refused(lambda: interop.save(model, tmp_path / f"m.{suffix}")) == f"keras.save: {message}"  # noqa: B023 - called at once
    assert not list(tmp_path.iterdir())
    assert refused(lambda: interop.to_keras(model)) == f"to_keras: {message}"


def test_models_and_places_that_are_none_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    fact = "the model is not built yet: call it with data, or tell it the shape of its input\n  given model 'sequential'"
    unbuilt = Sequential([layers.Dense(2)])
    assert refused(lambda: interop.save(unbuilt, path), ArgumentTypeError) == f"keras.save: {fact}"
    assert refused(lambda: interop.load_weights(unbuilt, path), ArgumentTypeError) == f"keras.load_weights: {fact}"
    wrong: Any = 3
    assert refused(lambda: interop.to_keras(wrong), ArgumentTypeError) == "to_keras: expected a model of convstep's\n  given model 'int'"
    other = tmp_path / "m.onnx"
    assert refused(lambda: interop.save(block(), other)) == f"keras.save: the name must end in .keras, .weights.h5 or .h5\n  given {other}"
    nowhere = tmp_path / "no" / "m.keras"
    assert refused(lambda: interop.save(block(), nowhere)) == f"save: there is no folder {nowhere.parent}\n  given {nowhere}"


def test_without_keras_or_h5py_there_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__
    interop.save(block(), tmp_path / "m.keras")

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name.partition(".")[0] in {"keras", "h5py"}:
            raise ModuleNotFoundError(name, name=name)
        return real(name, *arguments, **options)

    def missing(name: str) -> Any:
        return without(name)

    monkeypatch.setattr("convstep.interop.keras.writing.import_module", missing)
    monkeypatch.setattr("convstep.extras.import_module", missing)
    words = "to_keras: keras is not installed; this installs it: pip install keras torch"
    assert refused(lambda: interop.to_keras(block()), MissingExtraError) == words
    pip = 'h5py is not installed; this installs it: pip install "convstep[data]"'
    assert refused(lambda: interop.load(tmp_path / "m.keras"), MissingExtraError) == f"keras.load: {pip}"
    assert refused(lambda: interop.save(block(), tmp_path / "n.keras"), MissingExtraError) == f"keras.save: {pip}"


# --- weights that are not the model's ---


def test_weights_of_another_model_change_nothing(tmp_path: Path) -> None:
    path, model = tmp_path / "m.weights.h5", block()
    interop.save(block(layers.BatchNormalization(name="bn")), path)
    before = [w.tobytes() for w in model.get_weights()]
    fact = 'the file has weights for "batch_normalization", which the model has not'
    assert refused(lambda: interop.load_weights(model, path)) == f"keras.load_weights: {fact}\n  given {path}"
    assert [w.tobytes() for w in model.get_weights()] == before
    longer = block(layers.Conv2D(2, 1, name="more"))
    fact = 'the layer "block1/more" (Conv2D) has 2 arrays of weights, but the file has 0'
    assert refused(lambda: interop.load_weights(longer, path)) == f"keras.load_weights: {fact}\n  given {path}"


# --- files that were made to hurt ---


def zipped(entries: list[tuple[str, bytes, int]]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, content, kind in entries:
            made.writestr(zipfile.ZipInfo(name), content, kind)
    return file.getvalue()


STORED, DEFLATED, BZIP2 = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2
ARCHIVES: dict[str, tuple[Callable[[], bytes], str]] = {
    "a bomb": (
        lambda: zipped([(CONFIG, b"{}", STORED), (WEIGHTS, bytes(2**26 + 1), DEFLATED)]),
        "model.weights.h5 claims 67108865 bytes, more than the 67108864 that it may have",
    ),
    "a long text": (
        lambda: zipped([(CONFIG, bytes(2**22 + 1), DEFLATED)]),
        "config.json claims 4194305 bytes, more than the 4194304 that it may have",
    ),
    "packed in another way": (lambda: zipped([(CONFIG, b"{}", BZIP2)]), "config.json is packed in a way that is not read (method 12)"),
    "many names": (
        lambda: zipped([(f"{i}", b"", 0) for i in range(1001)]),
        "the zip lists 1001 parts in 48940 bytes, more than 1000 in 524288",
    ),
    "long names": (
        lambda: zipped([("x" * 60_000 + str(i), b"", 0) for i in range(9)]),
        "the zip lists 9 parts in 540423 bytes, more than 1000 in 524288",
    ),
    "no description": (lambda: zipped([(WEIGHTS, b"", 0)]), "the file holds no config.json"),
    "no weights": (lambda: zipped([(CONFIG, b"{}", 0)]), "the file holds no model.weights.h5"),
    "weights that are none": (
        lambda: zipped([(CONFIG, b"{}", 0), (WEIGHTS, b"", 0)]),
        "the model must be Sequential or Functional, not None",
    ),
    "no JSON": (
        lambda: zipped([(CONFIG, b"{", 0), (WEIGHTS, b"", 0)]),
        "the description of the model is no JSON: 'Expecting property name",
    ),
    "deep JSON": (
        lambda: zipped([(CONFIG, b"[" * 100_000, 0), (WEIGHTS, b"", 0)]),
        "the description of the model is no JSON: 'maximum recursion",
    ),
    "a long number": (
        lambda: zipped([(CONFIG, b"9" * 5000, 0), (WEIGHTS, b"", 0)]),
        "the description of the model is no JSON: 'Exceeds the limit",
    ),
    "an end that is none": (lambda: b"PK\x03\x04" + bytes(40), "the file is no zip, or a damaged one: it does not end as one"),
}


def loaded(path: Path) -> Any:
    """Return the model, or the message with which it was refused; in bounded memory."""
    size = path.stat().st_size
    tracemalloc.start()
    try:
        return interop.load(path)
    except DataError as error:
        return in_two_lines(str(error))
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= 4 * size + SPARE


def in_two_lines(message: str) -> str:
    lines = message.split("\n")
    assert len(lines) == 2
    assert lines[0].startswith("keras.load: ")
    assert lines[1].startswith("  given ")
    assert max(map(len, lines)) <= 310
    assert message.replace("\n", "").isprintable()
    return message


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_that_were_made_to_hurt_are_refused_in_these_words(tmp_path: Path, name: str) -> None:
    make, message = ARCHIVES[name]
    path = tmp_path / "m.keras"
    path.write_bytes(make())
    assert loaded(path).startswith(f"keras.load: {message}")


def test_one_part_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    with pytest.warns(UserWarning, match="Duplicate name"):
        path.write_bytes(zipped([(CONFIG, b"{}", 0), (CONFIG, b"{}", 0)]))
    assert loaded(path) == f"keras.load: the zip has two parts 'config.json'\n  given {path}"


def external(group: Any, folder: Path) -> None:
    secret = folder / "secret.bin"
    secret.write_bytes(bytes(16))
    group.create_dataset("0", (1, 1, 2, 2), "float32", external=[(str(secret), 0, 16)])


def virtual(group: Any, folder: Path) -> None:
    layout = h5py.VirtualLayout((1, 1, 2, 2), "float32")
    layout[:] = h5py.VirtualSource(str(folder / "secret.h5"), "w", (1, 1, 2, 2))
    group.create_virtual_dataset("0", layout)


def linked(group: Any, folder: Path) -> None:
    group["0"] = h5py.ExternalLink(str(folder / "secret.h5"), "/w")


def soft(group: Any, _folder: Path) -> None:
    group["0"] = h5py.SoftLink("/layers")


def packed(group: Any, _folder: Path) -> None:
    group.create_dataset("0", data=np.zeros((1, 1, 2, 2), "float32"), compression="gzip")


def whole(group: Any, _folder: Path) -> None:
    group["0"] = np.zeros((1, 1, 2, 2), "int32")


def claimed(group: Any, _folder: Path) -> None:
    group.create_dataset("0", (2**20, 2**10), "float32")


def nested(group: Any, _folder: Path) -> None:
    group.create_group("0")


DATASETS: dict[Callable[[Any, Path], None], str] = {
    external: "block1/conv/kernel takes its cells from other files: refused",
    virtual: "block1/conv/kernel takes its cells from other files: refused",
    linked: "block1/conv/kernel is a link to another place: refused",
    soft: "block1/conv/kernel is a link to another place: refused",
    packed: "block1/conv/kernel is compressed or in chunks; Keras's files are neither",
    whole: "block1/conv/kernel must hold floating-point numbers, not int32",
    claimed: "block1/conv/kernel claims the shape (1048576, 1024), so 4294967296 bytes, but the file has ",
    nested: "block1/conv/kernel is no data set",
}


@pytest.mark.parametrize("make", DATASETS, ids=lambda make: make.__name__)
def test_weights_that_lie_elsewhere_or_claim_too_much_are_refused(tmp_path: Path, make: Any) -> None:
    path = tmp_path / "m.keras"
    interop.save(block(), path)
    parts = read_parts("test", path)
    held = tmp_path / "w.h5"
    held.write_bytes(parts[WEIGHTS])
    with h5py.File(held, "r+") as file:
        group = file["layers/sequential/layers/conv2d/vars"]
        del group["0"]
        make(group, tmp_path)
    write_parts(path, {**parts, WEIGHTS: held.read_bytes()})
    assert loaded(path).startswith(f"keras.load: {DATASETS[make]}")


@pytest.mark.parametrize("link", [h5py.ExternalLink("other.h5", "/layers"), h5py.SoftLink("/vars")], ids=["external", "soft"])
def test_groups_that_lie_elsewhere_are_refused(tmp_path: Path, link: Any) -> None:
    path = tmp_path / "m.weights.h5"
    interop.save(block(), path)
    with h5py.File(path, "r+") as file:
        del file["layers/sequential"]
        file["layers/sequential"] = link
    assert (
        refused(lambda: interop.load_weights(block(), path))
        == f"keras.load_weights: sequential is a link to another place: refused\n  given {path}"
    )


def test_groups_in_a_circle_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    interop.save(block(), path)
    with h5py.File(path, "r+") as file:
        group = file["model_weights/block1"]
        group["again"] = group
        group["and_again"] = group
    assert loaded(path) == f"keras.load: the file has more than 50000 names, or groups inside groups deeper than 12\n  given {path}"


def test_a_heap_of_texts_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    interop.save(block(), path)
    content = path.read_bytes()
    at = content.index(b"GCOL")
    for size, step in ((2**40, 16), (4096, 0), (4096, 2**40)):  # past the end; an entry that is its own next; one past the end
        head = content[: at + 8] + struct.pack("<QHHLQ", size, 0, 0, 0, step)
        path.write_bytes(head + content[len(head) :])
        assert loaded(path) == f"keras.load: the file is damaged: its heap of texts at byte {at} does not add up\n  given {path}"


# --- damage ---


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keras")
    for number in (0, 2, 11):
        for suffix in ("keras", "h5"):
            interop.save(ARCHITECTURES[number](convstep), folder / f"{number}.{suffix}")
    return folder


@pytest.mark.parametrize("name", ["0.keras", "0.h5", "2.keras", "2.h5", "11.keras", "11.h5"])
def test_damaged_files_are_refused_or_load(saved: Path, tmp_path: Path, name: str) -> None:
    content, path = (saved / name).read_bytes(), tmp_path / name
    chance, refusals = random.Random(name), 0  # noqa: S311 - the same damage on every run
    for _ in range(60):
        path.write_bytes(damaged(content, chance))
        refusals += isinstance(loaded(path), str)
    assert refusals >= 30


@pytest.mark.parametrize("number", [0, 2, 11])
def test_hostile_descriptions_are_refused_or_load_the_weights_of_the_file(saved: Path, tmp_path: Path, number: int) -> None:
    parts, path = read_parts("test", saved / f"{number}.keras"), tmp_path / "m.keras"
    weights = sorted(w.tobytes() for w in interop.load(saved / f"{number}.keras").get_weights())
    chance, refusals = random.Random(number), 0  # noqa: S311 - the same damage on every run
    for _ in range(60):
        write_parts(path, {**parts, CONFIG: json.dumps(hostile(json.loads(parts[CONFIG]), chance)).encode()})
        found = loaded(path)
        refusals += isinstance(found, str)
        assert isinstance(found, str) or sorted(w.tobytes() for w in found.get_weights()) == weights
    assert refusals >= 10


def test_whoever_reads_runs_no_code_and_opens_no_other_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError

    for name in ("exec", "eval", "compile"):
        monkeypatch.setattr(builtins, name, never)
    for suffix in ("keras", "h5"):
        assert interop.load(saved / f"0.{suffix}").count_params() > 0


def test_a_version_that_is_none_is_taken_for_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    interop.save(block(), path)
    parts = read_parts("test", path)
    for text in (b"", b"[]", b'{"keras_version": null}'):
        write_parts(path, {**parts, METADATA: text})
        assert isinstance(interop.load(path), Model)
