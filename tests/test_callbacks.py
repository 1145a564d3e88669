"""Callbacks do in every epoch what Keras's do, told the same logs."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convstep import ArgumentTypeError, ShapeError
from convstep.training import callbacks, metrics, optimizers

LOSSES = [1.0, 0.8, 0.9, 0.79, 0.795, 0.7, 0.75, 0.72, 0.71, 0.71, 0.6, 0.9, 0.9, 0.9, 0.9]


class Model:
    """What a callback sees: the weights are the number of the epoch."""

    def __init__(self, optimizer: Any = None, measured: list[Any] | None = None) -> None:
        self.optimizer, self.stop_training, self.metrics = optimizer or optimizers.SGD(0.5), False, measured or []
        self.weights: Any = [np.array(-1.0)]
        self.saved: list[tuple[str, str]] = []
        self.history: Any = None

    def get_weights(self) -> list[Any]:
        return [item.copy() for item in self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        self.weights = weights

    def save(self, path: str, overwrite: bool = True) -> None:
        del overwrite
        self.saved.append(("model", path))

    def save_weights(self, path: str, overwrite: bool = True) -> None:
        del overwrite
        self.saved.append(("weights", path))


def run(callback: Any, logs: list[dict[str, Any]], model: Model, steps: int = 2) -> tuple[list[int], list[dict[str, Any]]]:
    """Train: return the epochs that took place, and their logs."""
    seen, ran = [], []
    callback.set_model(model)
    model.stop_training = False
    callback.on_train_begin()
    for epoch, told in enumerate(logs):
        model.weights, here = [np.array(float(epoch))], dict(told)
        callback.on_epoch_begin(epoch)
        for step in range(steps):
            callback.on_train_batch_begin(step)
            callback.on_train_batch_end(step, dict(told))
        callback.on_epoch_end(epoch, here)
        ran.append(epoch)
        seen.append(here)
        if model.stop_training:
            break
    callback.on_train_end(seen[-1])
    return ran, seen


def curve(name: str, values: list[float]) -> list[dict[str, Any]]:
    return [{name: value, "loss": 2 * value} for value in values]


STOPPING: list[dict[str, Any]] = [
    {},
    {"patience": 2},
    {"patience": 3, "min_delta": 0.05},
    {"patience": 2, "restore_best_weights": True},
    {"patience": 2, "baseline": 0.75, "restore_best_weights": True},
    {"patience": 1, "start_from_epoch": 4, "restore_best_weights": True},
    {"patience": 2, "mode": "max"},
    {"patience": 50, "restore_best_weights": True},
    {"patience": 3, "monitor": "loss", "min_delta": -0.01},
]


def assert_stops_like_keras(keras: Any, options: dict[str, Any], values: list[float]) -> None:
    model, other = Model(), Model()
    ran = run(callbacks.EarlyStopping(**options), curve("val_loss", values), model)
    expected = run(keras.callbacks.EarlyStopping(**options), curve("val_loss", values), other)
    assert ran == expected
    assert model.weights[0] == other.weights[0]


@pytest.mark.parametrize("options", STOPPING, ids=str)
def test_training_stops_where_keras_stops_it_with_its_weights(keras: Any, options: dict[str, Any]) -> None:
    assert_stops_like_keras(keras, options, LOSSES)


@given(options=st.sampled_from(STOPPING), values=st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.7, 0.8, 0.9]), min_size=1, max_size=12))
def test_any_curve_stops_training_where_keras_stops_it(keras: Any, options: dict[str, Any], values: list[float]) -> None:
    assert_stops_like_keras(keras, options, values)


PLATEAU: list[dict[str, Any]] = [
    {"patience": 1},
    {"patience": 2, "factor": 0.5},
    {"patience": 1, "factor": 0.5, "cooldown": 2},
    {"patience": 1, "factor": 0.25, "min_lr": 0.0625},
    {"patience": 1, "factor": 0.5, "min_delta": 0.15},  # no difference of two losses: Keras compares in float32
    {"patience": 2, "factor": 0.5, "mode": "max", "monitor": "loss"},
    {"patience": 0, "factor": 0.5},
]


@given(options=st.sampled_from(PLATEAU), values=st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.7, 0.8, 0.9]), min_size=1, max_size=12))
def test_the_learning_rate_falls_where_keras_lets_it_fall(keras: Any, options: dict[str, Any], values: list[float]) -> None:
    seen = run(callbacks.ReduceLROnPlateau(**options), curve("val_loss", values), Model())
    other = run(keras.callbacks.ReduceLROnPlateau(**options), curve("val_loss", values), Model(keras.optimizers.SGD(0.5)))
    assert [logs["learning_rate"] for logs in seen[1]] == pytest.approx([logs["learning_rate"] for logs in other[1]])


SAVING: list[dict[str, Any]] = [
    {},
    {"save_best_only": True},
    {"save_best_only": True, "mode": "max", "monitor": "loss"},
    {"save_best_only": True, "initial_value_threshold": 0.75},
    {"save_freq": 3},
]


@pytest.mark.parametrize("options", SAVING, ids=str)
def test_models_are_saved_when_keras_saves_them(keras: Any, tmp_path: Path, options: dict[str, Any]) -> None:
    path, model, other = str(tmp_path / "runs" / "{epoch:02d}-{val_loss:.2f}.keras"), Model(), Model()
    run(callbacks.ModelCheckpoint(path, **options), curve("val_loss", LOSSES), model)
    run(keras.callbacks.ModelCheckpoint(path, **options), curve("val_loss", LOSSES), other)
    assert model.saved == other.saved
    assert (tmp_path / "runs").is_dir()


def test_weights_alone_can_be_saved(tmp_path: Path) -> None:
    model = Model()
    run(callbacks.ModelCheckpoint(tmp_path / "{epoch}-{batch}", save_weights_only=True, save_freq=1), curve("val_loss", [1.0]), model)
    assert model.saved == [("weights", str(tmp_path / "1-1")), ("weights", str(tmp_path / "1-2"))]


@pytest.mark.parametrize("schedule", [lambda _, rate: rate * 0.5, lambda epoch: 0.25 / (epoch + 1)], ids=["two", "one"])
def test_a_schedule_of_epochs_sets_the_rates_of_keras(keras: Any, schedule: Any) -> None:
    seen = run(callbacks.LearningRateScheduler(schedule), curve("val_loss", LOSSES), Model())
    other = run(keras.callbacks.LearningRateScheduler(schedule), curve("val_loss", LOSSES), Model(keras.optimizers.SGD(0.5)))
    assert [logs["learning_rate"] for logs in seen[1]] == pytest.approx([logs["learning_rate"] for logs in other[1]])


def test_the_history_is_that_of_keras(keras: Any) -> None:
    history, other, model = callbacks.History(), keras.callbacks.History(), Model()
    for one in (history, other):
        run(one, curve("val_loss", LOSSES), model)
        run(one, curve("val_accuracy", [0.5, 0.6]), model)
        assert model.history is one
    assert (history.history, history.epoch) == (other.history, other.epoch)


@pytest.mark.parametrize("loss", [np.nan, np.inf, 1.0])
def test_training_ends_with_a_loss_that_is_no_number(keras: Any, capsys: pytest.CaptureFixture[str], loss: float) -> None:
    logs = [{"loss": 1.0}, {"loss": loss}, {"loss": 1.0}]
    assert run(callbacks.TerminateOnNaN(), logs, Model())[0] == run(keras.callbacks.TerminateOnNaN(), logs, Model())[0]
    assert ("Batch 0: the loss is" in capsys.readouterr().out) == (loss != 1)
    if loss != 1:
        with pytest.raises(RuntimeError, match=f"^the loss is {loss} after batch 0$"):
            run(callbacks.TerminateOnNaN(raise_error=True), logs, Model())


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("logs", [curve("val_loss", [0.5, 0.25]), [{"loss": 0.5}, {"loss": 0.25}], [{"loss": 0.5, "rates": [1, 2]}]])
def test_a_table_has_the_cells_of_keras(keras: Any, tmp_path: Path, logs: list[dict[str, Any]]) -> None:
    run(callbacks.CSVLogger(tmp_path / "ours.csv"), logs, Model())
    run(keras.callbacks.CSVLogger(tmp_path / "keras.csv"), logs, Model())
    assert rows(tmp_path / "ours.csv") == rows(tmp_path / "keras.csv")


def test_a_table_goes_on_under_the_columns_it_has(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    run(callbacks.CSVLogger(path, separator=";", append=True), [{"loss": 1.0, "accuracy": 0.5}], Model())
    path.write_text(path.read_text().rstrip("\n"))  # as an editor may leave it
    run(callbacks.CSVLogger(path, separator=";", append=True), [{"accuracy": 0.75}], Model())
    assert path.read_text() == "epoch;accuracy;loss;val_accuracy;val_loss\n0;0.5;1.0;NA;NA\n0;0.75;NA;NA;NA\n"
    with pytest.raises(ShapeError) as caught:
        run(callbacks.CSVLogger(path, separator=";", append=True), [{"f1": 0.75}], Model())
    fact, given = str(caught.value).split("\n")
    assert fact == f'CSVLogger: {path} has no column "f1"; it has epoch, accuracy, loss, val_accuracy, val_loss'
    assert given.endswith(", append True")


def test_a_run_that_is_killed_leaves_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    script = (
        "import sys; from convstep.training.callbacks import CSVLogger; log = CSVLogger(sys.argv[1]); log.on_train_begin()\n"
        "for epoch in range(10**9): log.on_epoch_end(epoch, {'loss': 'x' * 500, 'epoch_again': epoch})"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(callbacks.__file__).parents[2])}
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", script, str(path)], env=environment) as process:
            while not path.exists() or path.stat().st_size < 100_000:
                assert process.poll() is None
            process.send_signal(signal.SIGKILL)
        assert path.read_bytes().endswith(b"\n")
        assert [row[0] for row in rows(path)[1:]] == [row[1] for row in rows(path)[1:]]
        path.unlink()


def test_every_hook_reaches_every_callback_in_order_and_the_logs_are_shared() -> None:
    called: list[str] = []

    class Loud(callbacks.Callback):
        def __init__(self, name: str) -> None:
            self.name = name

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            called.append(f"{self.name} {epoch} {sorted(logs)} {self.params['epochs']}")
            logs[self.name] = 1

    every = callbacks.CallbackList([Loud("a"), Loud("b")], Model(), {"epochs": 3})
    for hook in callbacks.HOOKS:
        arguments = (0,) if "batch" in hook or "epoch" in hook else ()
        every.call(hook, *arguments, {"loss": 1.0})
    assert called == ["a 0 ['loss'] 3", "b 0 ['a', 'loss'] 3"]
    assert every.history.history == {"loss": [1.0], "a": [1], "b": [1]}
    own = callbacks.History()
    assert callbacks.CallbackList(own, Model(), {}).history is own


def test_the_hooks_are_those_of_keras(keras: Any) -> None:
    assert {name for name in dir(keras.callbacks.Callback) if name.startswith("on_")} == set(callbacks.HOOKS)


def test_a_callback_can_be_made_of_functions() -> None:
    seen: list[Any] = []
    callback = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append((epoch, logs)), on_train_end=None)
    run(callback, [{"loss": 1.0}], Model())
    assert seen == [(0, {"loss": 1.0})]


@pytest.mark.parametrize(
    ("monitor", "measured", "better"),
    [
        ("val_loss", [], "less"),
        ("val_accuracy", [], "more"),
        ("acc", [], "more"),
        ("val_auc", [], "more"),
        ("mse", [], "less"),
        ("val_f1", [metrics.Recall(name="f1")], "more"),
        ("f1", [metrics.MeanSquaredError(name="f1")], "less"),
    ],
)
def test_a_callback_knows_whether_more_is_better(monitor: str, measured: list[Any], better: str) -> None:
    logs = [{monitor: value} for value in (0.1, 0.2, 0.3)]
    ran, _ = run(callbacks.EarlyStopping(monitor=monitor), logs, Model(measured=measured))
    assert ran == ([0, 1, 2] if better == "more" else [0, 1])


def test_what_is_not_in_the_logs_is_warned_of() -> None:
    words = "^EarlyStopping: stopping waits for val_loss, but the logs have loss, accuracy$"
    with pytest.warns(UserWarning, match=words):
        run(callbacks.EarlyStopping(), [{"loss": 1.0, "accuracy": 0.5}], Model())
    with pytest.warns(UserWarning, match="^ModelCheckpoint: saving the best waits for val_loss, but the logs have loss$"):
        run(callbacks.ModelCheckpoint("m", save_best_only=True), [{"loss": 1.0}], Model())
    with pytest.warns(
        UserWarning, match="^ReduceLROnPlateau: the learning rate waits for val_loss, but the logs have loss, learning_rate$"
    ):
        run(callbacks.ReduceLROnPlateau(), [{"loss": 1.0}], Model())


def test_what_is_done_is_said_if_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    run(callbacks.EarlyStopping(verbose=1, restore_best_weights=True), curve("val_loss", [1.0, 2.0]), Model())
    run(callbacks.ReduceLROnPlateau(verbose=1, patience=1), curve("val_loss", [1.0, 2.0]), Model())
    run(callbacks.ModelCheckpoint("m", verbose=1, save_best_only=True), curve("val_loss", [1.0, 2.0]), Model())
    run(callbacks.LearningRateScheduler(lambda _: 0.5, verbose=1), curve("val_loss", [1.0]), Model())
    assert capsys.readouterr().out.split("\n")[1::2] == [
        "Epoch 2: early stopping",
        "Epoch 1: the weights of this best epoch are restored",
        "Epoch 2: the learning rate is reduced to 0.05",
        "Epoch 1: saved the model to m",
        "Epoch 2: val_loss is not better than 1.00000",
        "Epoch 1: the learning rate is set to 0.5",
    ]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: run(callbacks.EarlyStopping(monitor="val_f1"), [{"val_f1": 1.0}] * 2, Model()),
            (
                'EarlyStopping: mode = "auto" does not know whether more or less val_f1 is better: set mode to "max" or "min"\n'
                "  given monitor 'val_f1'"
            ),
        ),
        (
            lambda: run(callbacks.ModelCheckpoint("{val_los}"), curve("val_loss", [1.0]), Model()),
            "ModelCheckpoint: filepath cannot be filled in ('val_los'); there are epoch, val_loss, loss\n  given filepath '{val_los}'",
        ),
        (
            lambda: callbacks.EarlyStopping(mode="least"),
            'EarlyStopping: mode must be "auto" or "min" or "max", not \'least\'\n  given mode \'least\'',
        ),
        (
            lambda: callbacks.ReduceLROnPlateau(factor=1.0),
            "ReduceLROnPlateau: factor must be less than 1, not 1\n  given factor 1.0",
        ),
        (
            lambda: callbacks.CSVLogger("a", separator=", "),
            "CSVLogger: separator must be one character, not ', '\n  given separator ', '",
        ),
    ],
)
def test_settings_without_sense_are_refused_in_words(call: Any, words: str) -> None:
    with pytest.raises(ShapeError) as caught:
        call()
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: callbacks.LambdaCallback(on_epoch=print),
            (
                f'LambdaCallback: there is no hook "on_epoch"; there are {", ".join(callbacks.HOOKS)}\n'
                "  given on_epoch <built-in function print>"
            ),
        ),
        (
            lambda: callbacks.CallbackList([callbacks.TerminateOnNaN], Model(), {}),  # type: ignore[list-item]
            (
                "fit: callbacks must be objects of classes derived from Callback; write TerminateOnNaN()\n"
                "  given callbacks <class 'convstep.training.callbacks.TerminateOnNaN'>"
            ),
        ),
        (
            lambda: callbacks.LearningRateScheduler(0.5),  # type: ignore[arg-type]
            "LearningRateScheduler: schedule must be a function of the epoch and the learning rate, not 0.5\n  given schedule 0.5",
        ),
        (
            lambda: run(callbacks.LearningRateScheduler(int), [{}], Model()),
            "LearningRateScheduler: schedule must return a float, not 0, for epoch 0\n  given schedule <class 'int'>",
        ),
    ],
)
def test_what_is_of_the_wrong_kind_is_refused_in_words(call: Any, words: str) -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        call()
    assert str(caught.value) == words
