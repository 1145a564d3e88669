"""A saved model comes back equal, bit by bit; whoever is killed while saving leaves the old model or the new one."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from tests.architectures import ARCHITECTURES, images

import convstep
from convstep import layers, load_model, losses, metrics, optimizers
from convstep.checks import Array
from convstep.errors import DataError, ShapeError
from convstep.files import atomic_file, atomic_write
from convstep.models import Model, Sequential, archive
from convstep.models.saving import model_bytes
from convstep.utils import set_random_seed

ROOT = Path(__file__).resolve().parents[1]
PLACES = ["model.convstep", "folder"]


def trained(make: Any, optimizer: Any = "adam") -> Any:
    model = make(convstep)
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    model.fit(*images(16), batch_size=8, verbose=0)
    return model


def weights_of(model: Model) -> dict[str, bytes]:
    return {name: item.value.tobytes() for name, item in model.named_parameters().items()}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("make", ARCHITECTURES, ids=lambda make: make.__name__)
def test_a_model_comes_back_equal(tmp_path: Path, make: Any, place: str) -> None:
    model = trained(make)
    model.save(tmp_path / place)
    again = load_model(tmp_path / place)
    assert type(again) is type(model)
    assert again.get_config() == model.get_config()
    assert weights_of(again) == weights_of(model)
    x = images(5, seed=3)[0]
    assert np.array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_a_model_comes_back_from_bytes_which_are_those_of_its_file(tmp_path: Path) -> None:
    model = trained(ARCHITECTURES[2])
    model.save(tmp_path / "model.convstep")
    content = model_bytes(model)
    assert content == (tmp_path / "model.convstep").read_bytes()
    again = load_model(content)
    assert weights_of(again) == weights_of(model)
    assert again.optimizer.iterations == model.optimizer.iterations
    x, y = images(8, seed=4)
    assert again.fit(x, y, shuffle=False, verbose=0).history == model.fit(x, y, shuffle=False, verbose=0).history


def test_bytes_that_are_no_model_are_refused() -> None:
    content = model_bytes(trained(ARCHITECTURES[0]))
    with pytest.raises(DataError, match=r"^load_model: the file is not a model that convstep wrote\n  given 100 bytes$"):
        load_model(content[:100])
    changed = bytearray(content)
    changed[len(content) // 2] ^= 1
    with pytest.raises(DataError, match=rf"^load_model: the file is damaged: .*\n  given {len(content)} bytes$"):
        load_model(bytes(changed))


OPTIMIZERS: list[Any] = [
    optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    optimizers.Adam(optimizers.schedules.CosineDecay(0.01, 30, warmup_steps=3, warmup_target=0.02), clipnorm=1.0),
    optimizers.RMSprop(0.002, centered=True, momentum=0.3),
    optimizers.AdamW(0.003, weight_decay=0.1, amsgrad=True),
    "sgd",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("i", range(len(OPTIMIZERS)))
def test_training_goes_on_bit_by_bit_after_loading(tmp_path: Path, i: int, place: str) -> None:
    set_random_seed(2)
    identifier = OPTIMIZERS[i]
    optimizer = identifier if isinstance(identifier, str) else type(identifier).from_config(identifier.get_config())
    model = trained(ARCHITECTURES[2], optimizer)
    model.save(tmp_path / place)
    again = load_model(tmp_path / place)
    histories = [item.fit(*images(20, seed=4), batch_size=6, epochs=2, shuffle=False, verbose=0).history for item in (model, again)]
    assert histories[0] == histories[1]
    assert weights_of(model) == weights_of(again)
    assert again.optimizer.iterations == 10


def test_what_a_model_was_compiled_with_comes_back(tmp_path: Path) -> None:
    inputs = layers.Input((2,), name="x")
    model = Model({"x": inputs}, {"a": layers.Dense(2, name="a")(inputs), "b": layers.Dense(1, name="b")(inputs)}, name="ends")
    model.compile(
        optimizers.SGD(0.5, clipvalue=0.1),
        {"a": losses.CategoricalCrossentropy(label_smoothing=0.2), "b": "mse"},
        metrics={"a": ["accuracy", metrics.TopKCategoricalAccuracy(k=1)], "b": metrics.AUC(num_thresholds=7)},
        loss_weights={"a": 2.0, "b": 0.5},
    )
    model.save(tmp_path / "m.convstep")
    again = load_model(tmp_path / "m.convstep")
    x = {"x": np.ones((4, 2))}
    y = {"a": np.eye(2)[[0, 1, 1, 0]], "b": np.array([[0.0], [1], [1], [0]])}
    assert again.evaluate(x, y, verbose=0, return_dict=True) == model.evaluate(x, y, verbose=0, return_dict=True)
    assert again.optimizer.get_config() == model.optimizer.get_config()  # type: ignore[union-attr]
    assert not load_model(tmp_path / "m.convstep", compile=False).compiled


def test_equal_models_are_equal_files(tmp_path: Path) -> None:
    model = trained(ARCHITECTURES[0])
    for name in ("a.convstep", "b.convstep"):
        model.save(tmp_path / name)
    assert (tmp_path / "a.convstep").read_bytes() == (tmp_path / "b.convstep").read_bytes()


def test_loading_draws_no_random_numbers_and_gives_initializers_back(tmp_path: Path) -> None:
    model = Sequential([layers.Input((3,)), layers.Dense(2, kernel_initializer="he_normal")])
    model.save(tmp_path / "m.convstep")
    set_random_seed(1)
    expected = convstep.models.Sequential([layers.Input((3,)), layers.Dense(2)]).get_weights()[0]
    set_random_seed(1)
    again = load_model(tmp_path / "m.convstep")
    assert np.array_equal(Sequential([layers.Input((3,)), layers.Dense(2)]).get_weights()[0], expected)
    assert type(again.layers[0].kernel_initializer).__name__ == "HeNormal"


def test_notes_come_back(tmp_path: Path) -> None:
    model = trained(ARCHITECTURES[0])
    model.save(tmp_path / "m", notes={"epoch": 3, "history": {"loss": [1.5, 0.25]}})
    assert load_model(tmp_path / "m").notes == {"epoch": 3, "history": {"loss": [1.5, 0.25]}}


def test_the_folder_holds_json_and_safetensors_that_others_can_read(tmp_path: Path) -> None:
    model = trained(ARCHITECTURES[0])
    model.save(tmp_path / "m")
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["model.json", "model.safetensors", "optimizer.safetensors"]
    arrays = safetensors.numpy.load_file(tmp_path / "m" / "model.safetensors")
    assert {name: array.tobytes() for name, array in arrays.items()} == weights_of(model)
    described = json.loads((tmp_path / "m" / "model.json").read_text(encoding="utf-8"))
    assert [item["class_name"] for item in described["model"]["config"]["layers"]] == ["Conv2D", "Flatten", "Dense"]


def test_the_file_is_a_zip_of_the_same_parts(tmp_path: Path) -> None:
    trained(ARCHITECTURES[0]).save(tmp_path / "m.convstep")
    with zipfile.ZipFile(tmp_path / "m.convstep") as archive:
        assert archive.namelist() == ["model.json", "weights.safetensors", "optimizer.safetensors"]


def test_a_model_that_was_never_trained_has_no_optimizer_in_its_folder(tmp_path: Path) -> None:
    trained(ARCHITECTURES[0]).save(tmp_path / "m")
    ARCHITECTURES[0](convstep).save(tmp_path / "m")
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["model.json", "model.safetensors"]
    assert not load_model(tmp_path / "m").compiled


@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_arrays_of_any_layout_are_written_rightly(tmp_path: Path, order: str) -> None:
    model = Sequential([layers.Input((6,)), layers.Dense(4)])
    kernel = model.parameters[0]
    values = np.arange(24, dtype=np.float32).reshape(6, 4)
    kernel.value = values[::1] if order == "C" else np.asfortranarray(values) if order == "F" else np.repeat(values, 2, axis=1)[:, ::2]
    model.save(tmp_path / "m.convstep")
    assert np.array_equal(load_model(tmp_path / "m.convstep").get_weights()[0], values)


def test_weights_alone_go_into_a_file_and_back(tmp_path: Path) -> None:
    model, other = trained(ARCHITECTURES[2]), ARCHITECTURES[2](convstep)
    model.save_weights(tmp_path / "w.safetensors")
    other.load_weights(tmp_path / "w.safetensors")
    assert weights_of(other) == weights_of(model)
    for place in PLACES:
        model.save(tmp_path / place)
        other.set_weights([np.zeros_like(item) for item in other.get_weights()])
        other.load_weights(tmp_path / place)
        assert weights_of(other) == weights_of(model)


class Scaled(layers.Layer):
    """A layer of a user."""

    def __init__(self, factor: float = 2.0, **options: Any) -> None:
        super().__init__(**options)
        self.factor = factor

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        return x * np.float32(self.factor), None

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Any]:
        assert cache is None
        return dy * np.float32(self.factor), {}


class Sharp(losses.MeanSquaredError):
    """A loss of a user."""


def test_classes_of_ones_own_come_back_when_they_are_handed_over(tmp_path: Path) -> None:
    model = Sequential([layers.Input((2,)), Scaled(3.0), layers.Dense(1)])
    model.compile("sgd", Sharp())
    model.save(tmp_path / "m.convstep")
    again = load_model(tmp_path / "m.convstep", custom_objects={"Scaled": Scaled, "Sharp": Sharp})
    assert again.layers[0].factor == 3.0
    assert isinstance(again.loss, Sharp)
    with pytest.raises(DataError) as caught:
        load_model(tmp_path / "m.convstep")
    expected = "load_model: there is no layer of the class 'Scaled'; hand it over in custom_objects if it is yours\n  given 'scaled'"
    assert str(caught.value) == expected


def test_compile_settings_that_cannot_be_written_down_are_left_out_with_a_warning(tmp_path: Path) -> None:
    model = Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[lambda y_true, y_pred: np.abs(y_true - y_pred)])
    with pytest.warns(UserWarning, match="the model is saved without what it was compiled with"):
        model.save(tmp_path / "m.convstep")
    assert not load_model(tmp_path / "m.convstep").compiled


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_a_name_of_keras_is_written_in_our_format_with_a_warning(tmp_path: Path, name: str) -> None:
    model = trained(ARCHITECTURES[0])
    with pytest.warns(UserWarning, match=re.escape(f"save: {Path(name).suffix} is Keras's own format")):
        model.save(tmp_path / name)
    assert weights_of(load_model(tmp_path / name)) == weights_of(model)


def test_no_module_that_runs_code_from_files_is_needed() -> None:
    source = "import sys, convstep.models; sys.exit(any(name in sys.modules for name in ('_pickle', 'marshal', 'dill')) and 0)"
    subprocess.run([sys.executable, "-c", source], check=True, cwd=ROOT)
    for path in (ROOT / "src" / "convstep" / "models").glob("*.py"):
        assert not re.search(
            r"\b(pickle|marshal|eval|exec|allow_pickle)\b\(?", path.read_text(encoding="utf-8").replace("no pickle", "")
        ), path


# --- what is refused ---


def test_what_cannot_be_saved_or_loaded_is_said_in_these_words(tmp_path: Path) -> None:
    model = Sequential([layers.Input((2,)), layers.Dense(1)])
    other = Sequential([layers.Input((3,)), layers.Dense(1)])
    deeper = Sequential([layers.Input((2,)), layers.Dense(1), layers.Dense(1)])
    other.save_weights(tmp_path / "w.safetensors")
    deeper.save_weights(tmp_path / "d.safetensors")
    (tmp_path / "x.convstep").mkdir()
    (tmp_path / "text").write_text("hello", encoding="utf-8")
    none, nowhere = tmp_path / "none.convstep", tmp_path / "no" / "m.convstep"
    no_json = "the model cannot be written as JSON: Object of type builtin_function_or_method is not JSON serializable"
    cases: list[tuple[Any, str]] = [
        (lambda: load_model(none), f"load_model: there is no file or folder of this name\n  given {none}"),
        (lambda: load_model(tmp_path / "x.convstep"), f"load_model: the folder holds no model.json\n  given {tmp_path / 'x.convstep'}"),
        (lambda: load_model(tmp_path / "text"), f"load_model: the file is not a model that convstep wrote\n  given {tmp_path / 'text'}"),
        (lambda: model.save(nowhere), f"save: there is no folder {nowhere.parent}\n  given {nowhere}"),
        (lambda: model.save_weights(tmp_path), f"save: there is a folder of this name\n  given {tmp_path}"),
        (
            lambda: model.save(tmp_path / "m.convstep", notes={"f": print}),
            f"save: {no_json}\n  given ['format', 'version', 'model', 'compile', 'notes', 'files']",
        ),
        (
            lambda: model.load_weights(tmp_path / "w.safetensors"),
            'load_weights: "dense/kernel" has the shape (3, 1) in the file, but (2, 1) in the model\n  given dense/kernel (3, 1)',
        ),
        (
            lambda: model.load_weights(tmp_path / "d.safetensors"),
            'load_weights: the file has a "dense_1/bias", which the model has not\n  given model 2, file 4',
        ),
        (
            lambda: deeper.load_weights(tmp_path / "w.safetensors"),
            'load_weights: the file has no "dense_1/bias", which the model has\n  given model 4, file 2',
        ),
    ]
    for call, message in cases:
        with pytest.raises((DataError, ShapeError)) as caught:
            call()
        assert str(caught.value) == message
    assert not (tmp_path / "m.convstep").exists()


def test_weights_that_do_not_fit_change_nothing(tmp_path: Path) -> None:
    model = Sequential([layers.Input((2,)), layers.Dense(3), layers.Dense(1)])
    other = Sequential([layers.Input((2,)), layers.Dense(3), layers.Dense(2)])
    other.save_weights(tmp_path / "w.safetensors")
    before = weights_of(model)
    with pytest.raises(ShapeError):
        model.load_weights(tmp_path / "w.safetensors")
    assert weights_of(model) == before


# --- files that are whole ---


def test_a_block_that_raises_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "f"
    atomic_write(path, "old")

    def broken() -> None:
        with atomic_file(path) as file:
            file.write(b"half of the new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed_and_permissions_are_kept(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    atomic_write(target, "old")
    target.chmod(0o640)
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("this system makes no links")
    atomic_write(link, "new")
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8") == "new"
    assert os.name == "nt" or target.stat().st_mode & 0o777 == 0o640


def test_leftovers_of_the_killed_are_swept_when_they_are_old(tmp_path: Path) -> None:
    old, young = tmp_path / ".f.0123.tmp", tmp_path / ".f.4567.tmp"
    for path in (old, young):
        path.write_bytes(b"left")
    os.utime(old, (0, 0))
    atomic_write(tmp_path / "f", b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == [young.name, "f"]


KILLED = """
import sys
from pathlib import Path
import numpy as np
from convstep import layers, load_model, models
from tests.faults import at_every_step

path = Path(sys.argv[1])
def model(value):
    made = models.Sequential([layers.Input((6, 6, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(3 + value)])
    made.set_weights([np.full_like(item, value) for item in made.get_weights()])
    made.compile("adam", "mse")
    made.train_on_batch(np.zeros((1, 6, 6, 1)), np.zeros((1, 3 + value)))
    return made

def known(made):
    return [item.tobytes() for item in made.get_weights()], made.optimizer.learning_rate, len(made.optimizer.state())

old, new = model(0), model(1)
seen = []
def look(step):
    found = known(load_model(path))
    seen.append(["old", "new"][[known(old), known(new)].index(found)])
    again.save(path)

again = old
old.save(path)
died = at_every_step(lambda: new.save(path), look)
assert seen[0] == "old" and seen[-1] == "new" and seen == sorted(seen, reverse=True), seen
print(died, seen.count("old"), seen.count("new"))
"""


@pytest.mark.once
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, to die in a child")
@pytest.mark.parametrize("place", PLACES)
def test_killed_at_any_step_of_a_save_the_old_or_the_new_model_is_whole(tmp_path: Path, place: str) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", KILLED, str(tmp_path / place)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=600,
    )
    assert run.stderr == ""
    died, old, new = map(int, run.stdout.split())
    assert died >= 200
    assert old + new == died + 1
    assert new > 1


@pytest.mark.parametrize("said", ["no layer 'conv'", "'a' is no name", 'it is "x"', "plain"])
def test_what_an_error_quotes_keeps_its_quotes(said: str) -> None:
    assert archive._brief(ValueError(said)) == said
    assert archive._brief(ValueError()) == "ValueError"
