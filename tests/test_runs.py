"""Runs: what their folders hold, and that a run which was stopped anywhere ends with the bits of one that was never stopped."""

import functools
import hashlib
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

import convstep
from convstep.data import Augment, load_digits
from convstep.errors import ConvStepError, DataError, ShapeError
from convstep.models import load_model
from convstep.random import set_random_seed
from convstep.runs import Interrupted, Outcome, SettingError, Settings, evaluate, folder, read_digit, resume, train
from convstep.runs.dealing import Deal
from convstep.runs.folder import Journal, create
from convstep.runs.networks import NETWORKS, build, small
from convstep.runs.sets import load_sets
from convstep.runs.settings import RATES, RECIPES, kind_of
from convstep.training.callback import Callback, Logs

EPOCHS, IMAGES = 3, 40
FILES = ["curves.png", "history.csv", "model.json", "model.safetensors", "optimizer.safetensors", "run.json"]
# Convolution, pooling, batch normalization and Dropout: everything that keeps or draws numbers during a training.
NETWORK = """
from convstep.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from convstep.models import Sequential

def build(classes):
    hidden = [Conv2D(2, 5, strides=3, activation="relu"), BatchNormalization(), MaxPooling2D(), Flatten(), Dropout(0.3)]
    return Sequential([*hidden, Dense(classes, activation="softmax")], name="tiny")
"""


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file like Keras's mnist.npz with 40 + 20 of the digits, and a Python file with a network."""
    place = tmp_path_factory.mktemp("few")
    (x_train, y_train), (x_test, y_test) = load_digits()
    np.savez(place / "few.npz", x_train=x_train[:IMAGES], y_train=y_train[:IMAGES], x_test=x_test[:20], y_test=y_test[:20])
    (place / "tiny.py").write_text(NETWORK)
    return place


def tiny(few: Path, **given: Any) -> Settings:
    defaults = {"data": "mnist", "from_file": str(few / "few.npz"), "model": str(few / "tiny.py"), "epochs": EPOCHS, "batch_size": 16}
    return Settings.of(**{**defaults, **given})


def quietly(_: str) -> None:
    """Say nothing."""


def begun(settings: Settings, runs: Path, **options: Any) -> Outcome:
    return train(settings, runs=runs, say=quietly, **options)


def weights(path: Path) -> str:
    """Return the digests of the weights and of the optimizer's state."""
    return "".join(hashlib.sha256((path / name).read_bytes()).hexdigest() for name in ("model.safetensors", "optimizer.safetensors"))


def without_seconds(report: dict[str, Any]) -> Any:
    rows = [{key: value for key, value in row.items() if key != "seconds"} for row in report["history"]]
    return {key: value for key, value in report.items() if key not in {"created", "seconds", "name"}} | {"history": rows}


class StopAt(Callback):
    """Ctrl-C in an epoch, after so many batches of it; after the epoch if there are not so many."""

    def __init__(self, epoch: int, batch: int) -> None:
        self.place, self.epoch = (epoch, batch), 0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:  # noqa: ARG002
        self.epoch = epoch
        if self.place == (epoch, 0):
            raise KeyboardInterrupt

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:  # noqa: ARG002
        if self.place == (self.epoch, batch + 1):
            raise KeyboardInterrupt

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:  # noqa: ARG002
        if epoch == self.place[0]:
            raise KeyboardInterrupt


# ---- what a run writes


@pytest.fixture(scope="module")
def whole(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A run that was never stopped."""
    return begun(tiny(few, hold_out=0.2), tmp_path_factory.mktemp("whole"))


def test_a_run_folder_holds_the_model_its_history_and_a_report(whole: Outcome) -> None:
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed (extra plot)")
    assert sorted(path.name for path in whole.folder.iterdir()) == FILES
    assert (whole.folder / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_run_json_says_what_was_done_and_what_came_of_it(whole: Outcome) -> None:
    report = json.loads((whole.folder / "run.json").read_text())
    assert report == whole.report
    assert list(report)[:2] == ["accuracy", "loss"]
    assert (report["status"], report["epochs"], report["name"]) == ("finished", EPOCHS, "mnist-1")
    assert (report["data"]["train"]["images"], report["data"]["test"]["images"]) == (IMAGES, 20)
    assert report["data"]["classes"] == list("0123456789")
    assert report["model"] == {"name": "tiny", "parameters": 390}
    assert report["optimizer"]["class_name"] == "Adam"
    assert report["versions"]["convstep"] == convstep.__version__
    assert [row["epoch"] for row in report["history"]] == [1, 2, 3]
    assert set(report["history"][0]) == {"epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"}
    assert Settings.from_plain(report["settings"]).as_plain() == report["settings"]


def test_history_csv_has_a_row_for_each_epoch(whole: Outcome) -> None:
    rows = [line.split(",") for line in (whole.folder / "history.csv").read_text().splitlines()]
    assert rows[0] == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"]
    assert [[float(cell) for cell in row] for row in rows[1:]] == [[row[name] for name in rows[0]] for row in whole.report["history"]]


def test_the_history_has_the_rate_of_the_last_step_of_each_epoch(few: Path, tmp_path: Path) -> None:
    path = begun(tiny(few, epochs=1, learning_rate=0.006), tmp_path).folder
    schedule = folder.load(path)[0].optimizer
    assert schedule.iterations == 3
    schedule.iterations = 2  # steps that went before the last one
    rate = schedule.learning_rate
    assert 0 < rate < 0.006
    assert (path / "history.csv").read_text().splitlines()[1].split(",")[3] == str(rate)
    constant = begun(tiny(few, epochs=1, schedule="constant", learning_rate=0.006), tmp_path)
    assert constant.report["history"][0]["learning_rate"] == 0.006


def test_the_model_of_a_run_loads_without_code_and_scores_what_the_report_says(whole: Outcome) -> None:
    model = load_model(whole.folder)
    (_, _), (x, y) = load_digits()
    outputs = model.predict(x[:20, ..., np.newaxis] / np.float32(255), verbose=0)
    assert np.mean(outputs.argmax(axis=1) == y[:20]) == whole.report["accuracy"]
    assert -np.mean(np.log(outputs[np.arange(20), y[:20]])) == pytest.approx(whole.report["loss"], rel=1e-5)


def test_evaluate_finds_the_very_same_numbers_again(whole: Outcome) -> None:
    verdict, journal = evaluate(whole.folder)
    assert (verdict.accuracy, verdict.loss, journal.epochs) == (whole.report["accuracy"], whole.report["loss"], EPOCHS)


def test_the_images_held_out_are_not_trained_on(few: Path) -> None:
    (x, _), aside = load_sets(tiny(few)).without_held_out(0.2)
    assert aside is not None
    assert (len(x), len(aside[0])) == (32, 8)
    kept = {image.tobytes() for image in x}
    assert not any(image.tobytes() in kept for image in aside[0])


def test_a_run_without_matplotlib_has_no_curves_and_says_so(few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("convstep.figures")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    said: list[str] = []
    outcome = train(tiny(few, epochs=1), runs=tmp_path, say=said.append)
    assert said[-1] == 'no curves.png: it needs Matplotlib; this installs it: pip install "convstep[plot]"'
    assert sorted(path.name for path in outcome.folder.iterdir()) == FILES[1:]


def test_the_first_lines_say_what_is_trained_on_what(few: Path, tmp_path: Path) -> None:
    said: list[str] = []
    train(tiny(few, epochs=1, hold_out=0.2), runs=tmp_path, say=said.append)
    assert said[:2] == ["tiny with 390 parameters", "mnist: 32 images to train on, 8 held out, 20 to be judged by"]


# ---- the same seed, the same bits


@pytest.fixture(scope="module")
def never_stopped_with(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Outcome]:
    return functools.cache(lambda optimizer: begun(tiny(few, hold_out=0.2, optimizer=optimizer), tmp_path_factory.mktemp("runs")))


def test_the_same_settings_give_the_same_bits_and_another_seed_others(few: Path, tmp_path: Path, whole: Outcome) -> None:
    same, other = (begun(tiny(few, hold_out=0.2, seed=seed), tmp_path) for seed in (0, 1))
    assert weights(same.folder) == weights(whole.folder)
    assert weights(other.folder) != weights(whole.folder)
    assert without_seconds(same.report) == without_seconds(whole.report)


def test_other_users_of_random_numbers_do_not_matter(few: Path, tmp_path: Path, whole: Outcome) -> None:
    class Meddler(Callback):
        def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:  # noqa: ARG002
            np.random.random(batch + 1)  # noqa: NPY002 - somebody else's

    np.random.seed(5)  # noqa: NPY002
    assert weights(begun(tiny(few, hold_out=0.2), tmp_path, watch=[Meddler()]).folder) == weights(whole.folder)


@pytest.mark.parametrize("optimizer", list(RATES))
@pytest.mark.parametrize("place", [(0, 0), (0, 2), (1, 1), (2, 0), (2, 3)], ids=str)
def test_a_stopped_run_goes_on_to_the_same_bits(
    few: Path, tmp_path: Path, never_stopped_with: Callable[[str], Outcome], optimizer: str, place: tuple[int, int]
) -> None:
    settings = tiny(few, optimizer=optimizer, hold_out=0.2)
    assert settings.augment
    assert settings.schedule == "one-cycle"
    never_stopped = never_stopped_with(optimizer)
    with pytest.raises(Interrupted):
        begun(settings, tmp_path, watch=[StopAt(*place)])
    set_random_seed(99)
    stopped = resume(tmp_path / "mnist-1", say=quietly)
    assert weights(stopped.folder) == weights(never_stopped.folder)
    assert without_seconds(stopped.report) == without_seconds(never_stopped.report)


def test_a_run_that_is_stopped_after_every_batch_ends_with_the_same_bits(few: Path, tmp_path: Path, whole: Outcome) -> None:
    settings = tiny(few, hold_out=0.2)
    with pytest.raises(Interrupted):
        begun(settings, tmp_path, watch=[StopAt(0, 1)])
    for epoch in range(EPOCHS):
        for batch in (1, 2, 3):
            with pytest.raises(Interrupted):
                resume(tmp_path / "mnist-1", watch=[StopAt(epoch, batch)], say=quietly)
    assert weights(resume(tmp_path / "mnist-1", say=quietly).folder) == weights(whole.folder)


def test_an_interruption_says_how_to_go_on(few: Path, tmp_path: Path) -> None:
    with pytest.raises(Interrupted) as caught:
        begun(tiny(few), tmp_path, watch=[StopAt(1, 2)])
    path = tmp_path / "mnist-1"
    assert str(caught.value) == f"interrupted; 1 of 3 epochs are in {path}\n  this goes on: convstep train --resume {path}"
    report = json.loads((path / "run.json").read_text())
    assert (report["status"], report["epochs"], report["accuracy"], report["loss"]) == ("interrupted", 1, None, None)


def test_a_finished_run_that_is_resumed_only_judges_again(few: Path, tmp_path: Path) -> None:
    finished = begun(tiny(few), tmp_path)
    said: list[str] = []
    again = resume(finished.folder, say=said.append)
    assert said[:3] == ["tiny with 390 parameters", "mnist: 40 images to train on, 20 to be judged by", "3 of 3 epochs are done"]
    assert again == finished


def test_a_deal_depends_on_seed_epoch_and_number_alone(few: Path) -> None:
    images = load_sets(tiny(few)).train
    deals = [Deal(images, 16, seed=3, augment=Augment(shift=2)) for _ in range(2)]
    for deal in deals:
        deal.begin(4)
    first = [deals[0][number] for number in (0, 1, 2)]
    second = [deals[1][number] for number in (2, 0, 1)]
    for number, place in ((2, 0), (0, 1), (1, 2)):
        assert all(np.array_equal(a, b) for a, b in zip(first[number], second[place], strict=True))
    assert sorted(np.concatenate([y for _, y in first])) == sorted(images[1])
    deals[1].begin(5)
    assert not np.array_equal(deals[1][0][0], first[0][0])


# ---- killed at any moment


class Killer:
    """Ends this process, as kill -9 does, at the n-th thing that it does to files; a write is cut in its middle."""

    def __init__(self, place: Path, number: int | None) -> None:
        self.place, self.left, self.count = str(place), number, 0

    def install(self) -> None:
        sys.addaudithook(self._audit)
        for name in ("fsync", "write"):
            setattr(os, name, self._before(getattr(os, name)))
        self._fdopen, os.fdopen = os.fdopen, self._open

    def hit(self) -> bool:
        self.count += 1
        if self.left is not None:
            self.left -= 1
        return self.left == 0

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if (
            event in {"open", "os.rename", "os.remove", "os.mkdir", "os.chmod", "os.rmdir"}
            and self.place in str(arguments[0])
            and self.hit()
        ):
            os.kill(os.getpid(), signal.SIGKILL)

    def _before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def killed(*arguments: Any) -> Any:
            if self.hit():
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments)

        return killed

    def _open(self, *arguments: Any, **options: Any) -> Any:
        file = self._fdopen(*arguments, **options)
        real, killer = file.write, self

        class Cut:
            def __getattr__(self, name: str) -> Any:
                return getattr(file, name)

            def write(self, content: bytes) -> int:
                if killer.hit():
                    real(content[: len(content) // 2])
                    file.flush()
                    os.kill(os.getpid(), signal.SIGKILL)
                return int(real(content))

            def __enter__(self) -> Self:
                return self

            def __exit__(self, *error: object) -> None:
                file.close()

        return Cut()


def in_a_fork(place: Path, number: int | None, work: Callable[[], object]) -> tuple[int, int]:
    """Do work in a process of its own that kills itself; return its status, and how many things it did to files."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            killer = Killer(place, number)
            real_write = os.write
            killer.install()
            work()
            real_write(write, str(killer.count).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read) as answers:
        text = answers.read()
    _, status = os.waitpid(child, 0)
    return status, int(text or 0)


def readable(path: Path) -> bool:
    """Check that every file of a run folder is whole, and return whether there is a folder."""
    if not path.exists():
        return False
    load_model(path)
    for name in ("run.json",):
        if (path / name).exists():
            json.loads((path / name).read_text())
    if (path / "history.csv").exists():
        lines = (path / "history.csv").read_text().splitlines()
        assert len({line.count(",") for line in lines}) == 1
    return True


@pytest.mark.once
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_run_that_is_killed_at_any_write_is_whole_and_goes_on_to_the_same_bits(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convstep.runs.training.write_curves", lambda *_: None)  # Matplotlib's part is tested by itself
    settings = tiny(few, epochs=4, hold_out=0.2)
    expected = weights(begun(settings, tmp_path / "expected").folder)

    def run() -> None:
        begun(settings, tmp_path / "runs", name="run")

    path = tmp_path / "runs" / "run"
    status, points = in_a_fork(tmp_path / "runs", None, run)
    assert (status, weights(path)) == (0, expected)
    assert points >= 130
    begun_at_all = 0
    for number in range(1, points + 1):
        shutil.rmtree(tmp_path / "runs", ignore_errors=True)
        status, _ = in_a_fork(tmp_path / "runs", number, run)
        assert status == signal.SIGKILL, number
        if readable(path):
            begun_at_all += 1
            assert weights(resume(path, say=quietly).folder) == expected, number
            assert not [left for left in path.iterdir() if left.name.endswith(".next")], number
    assert begun_at_all >= 110


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_the_curves_are_whole_or_not_there(whole: Outcome, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed (extra plot)")
    _, journal = folder.load(whole.folder)
    verdict = folder.Verdict(0.5, 1.5)

    def draw() -> None:
        folder.write_curves(tmp_path, journal, verdict)

    draw()
    old = (tmp_path / "curves.png").read_bytes()
    status, points = in_a_fork(tmp_path, None, draw)
    assert status == 0
    for number in range(1, points + 1):
        in_a_fork(tmp_path, number, draw)
        assert (tmp_path / "curves.png").read_bytes() == old, number


def test_a_disk_that_is_full_is_one_sentence_and_the_run_goes_on_later(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Outcome
) -> None:
    real, calls = os.fsync, []

    def fsync(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 25:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(DataError) as caught:
        begun(tiny(few, hold_out=0.2), tmp_path)
    monkeypatch.undo()
    path = tmp_path / "mnist-1"
    assert str(caught.value) == f"train: {path} cannot be written: No space left on device\n  given {path}"
    assert weights(resume(path, say=quietly).folder) == weights(whole.folder)


# ---- no run is written over


def test_runs_are_numbered_and_none_is_written_over(few: Path, tmp_path: Path) -> None:
    names = [begun(tiny(few, epochs=1), tmp_path, name=name).folder.name for name in (None, None, "mine", None)]
    assert names == ["mnist-1", "mnist-2", "mine", "mnist-3"]
    with pytest.raises(SettingError) as caught:
        begun(tiny(few, epochs=1), tmp_path, name="mine")
    assert str(caught.value) == f"--name: {tmp_path / 'mine'} is there already: --resume continues it, another name begins a new run"


def test_two_runs_that_begin_together_get_different_folders(tmp_path: Path) -> None:
    barrier, made = threading.Barrier(8), []

    def make() -> None:
        barrier.wait()
        made.append(create(tmp_path, None, "digits", lambda new: (new / "model.json").touch()))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.name for path in made) == sorted(f"digits-{number}" for number in range(1, 9))


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "a\\b", "nul\0", "x" * 101, "c:d"])
def test_a_name_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingError) as caught:
        create(tmp_path / "runs", name, "digits", lambda _: None)
    assert str(caught.value) == f"--name: must be the name of a folder, not {name!r}"
    assert not (tmp_path / "runs").exists()


def test_a_folder_that_could_not_be_finished_leaves_nothing(tmp_path: Path) -> None:
    def fail(_: Path) -> None:
        raise ShapeError("no")

    with pytest.raises(ShapeError):
        create(tmp_path, None, "digits", fail)
    assert list(tmp_path.iterdir()) == []


def test_folders_that_were_never_finished_are_swept_away_after_an_hour(tmp_path: Path) -> None:
    old, new = tmp_path / ".digits.0123456789ab.new", tmp_path / ".digits.ba9876543210.new"
    for path in (old, new):
        path.mkdir()
    os.utime(old, (0, 0))
    create(tmp_path, None, "digits", lambda _: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [new.name, "digits-1"]


# ---- what is refused


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"data": "digit"},
            "--data: there is no data set and no file 'digit' (did you mean 'digits'?); the sets are digits, mnist, fashion_mnist, cifar10",
        ),
        ({"data": __file__}, f"--data: {__file__} is neither a folder of images nor one of the course's .h5 files"),
        (
            {"optimizer": "adm"},
            "--optimizer: there is no optimizer 'adm' (did you mean 'adam'?); there are adam, adamw, rmsprop, sgd, momentum, nesterov",
        ),
        ({"schedule": "cosine"}, "--schedule: there is no schedule 'cosine'; there are one-cycle, constant"),
        ({"epochs": 0}, "--epochs: must be a whole number >= 1, not 0"),
        ({"epochs": True}, "--epochs: must be a whole number >= 1, not True"),
        ({"batch_size": -1}, "--batch-size: must be a whole number >= 1, not -1"),
        ({"seed": -1}, "--seed: must be a whole number >= 0, not -1"),
        ({"seed": 2**32}, "--seed: must be at most 4294967295, not 4294967296"),
        ({"image_size": 0}, "--image-size: must be a whole number >= 1, not 0"),
        ({"learning_rate": 0.0}, "--learning-rate: must be a number > 0, not 0"),
        ({"learning_rate": float("nan")}, "--learning-rate: must be a number > 0, not nan"),
        ({"hold_out": 1.0}, "--hold-out: must be a share from 0 to less than 1, not 1"),
        ({"speed": 1}, "there is no setting speed"),
    ],
)
def test_a_wrong_setting_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.of(**given)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"engine": "cuda"}, r"--engine: name must be .*"),
        ({"hold_out": 0.001}, r"--hold-out: 0\.001 of 40 images leaves 40 to train on and 0 to judge by"),
        ({"image_size": 8}, r"--image-size: like --gray it goes with a folder of images alone"),
        ({"data": "digits"}, r"--from-file: goes with mnist, fashion_mnist, cifar10, not with digits"),
        (
            {"model": "lenet"},
            r"--model: there is no network and no Python file 'lenet' \(did you mean 'lenet5'\?\); there are small, lenet5, .*",
        ),
        ({"model": "happy_house"}, r"--model: happy_house gives 1, but there are 10 classes"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(few: Path, tmp_path: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=f"^{message}$"):
        begun(tiny(few, **given), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1\n", "--model: {path} defines neither a function build(input_shape, classes) nor a model"),
        ("model = 3\n", "--model: {path} must give a convstep model, not int"),
        ("x = 1\ny = z\n", "--model: {path}, line 2: NameError: name 'z' is not defined"),
        ("def build():\n    return 1 / 0\n", "--model: {path}, line 2: ZeroDivisionError: division by zero"),
        ("x = (\n", "--model: {path}, line 1: SyntaxError: '(' was never closed ({name}, line 1)"),
        (
            "from convstep.models import lenet5\nmodel = lenet5((32, 32, 3))\n",
            "--model: {path} takes images 32 x 32 x 3, but these are 28 x 28 x 1",
        ),
        ("from convstep.models import lenet5\nmodel = lenet5(classes=7)\n", "--model: {path} gives 7, but there are 10 classes"),
    ],
)
def test_a_python_file_that_gives_no_fitting_network_is_refused(few: Path, tmp_path: Path, code: str, message: str) -> None:
    path = tmp_path / "network.py"
    path.write_text(code)
    with pytest.raises(SettingError) as caught:
        begun(tiny(few, model=str(path)), tmp_path / "runs")
    assert str(caught.value) == message.format(path=path, name=path.name)


def test_a_run_whose_loss_is_no_number_stops_with_its_last_good_epoch(few: Path, tmp_path: Path) -> None:
    with pytest.raises(ConvStepError) as caught:
        begun(tiny(few, optimizer="sgd", learning_rate=1e38, schedule="constant", epochs=9), tmp_path)
    path = tmp_path / "mnist-1"
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("train: in epoch ")
    assert lines[0].endswith("the loss became nan: try a smaller --learning-rate")
    assert lines[1] == f"  given learning_rate 1e+38; {path} holds {folder.load(path)[1].epochs} epochs"


def test_other_images_than_those_of_the_run_are_refused(few: Path, tmp_path: Path) -> None:
    file = tmp_path / "some.npz"
    shutil.copy(few / "few.npz", file)
    path = begun(tiny(few, from_file=str(file), epochs=1), tmp_path).folder
    with np.load(few / "few.npz") as old:
        np.savez(file, **{**old, "x_test": old["x_test"][::-1]})
    for work, op in ((evaluate, "evaluate"), (resume, "train")):
        with pytest.raises(DataError) as caught:
            work(path)
        assert str(caught.value) == f"{op}: the images are others than when the run began\n  given mnist; run {path}"


def test_images_that_are_gone_are_missed(tmp_path: Path, few: Path) -> None:
    path = begun(tiny(few, epochs=1), tmp_path).folder
    model, journal = folder.load(path)
    gone = Journal(
        Settings.from_plain(journal.settings.as_plain() | {"data": str(tmp_path / "gone")}), journal.data, journal.created, journal.history
    )
    gone.save(model, path)
    with pytest.raises(DataError) as caught:
        evaluate(path)
    assert str(caught.value) == f"evaluate: the images of the run are not there any more\n  given {tmp_path / 'gone'}; run {path}"


def test_a_model_that_no_run_trained_is_no_run(tmp_path: Path) -> None:
    small().save(tmp_path / "model")
    with pytest.raises(DataError) as caught:
        resume(tmp_path / "model")
    assert (
        str(caught.value) == f"run: this model was not trained by convstep train, or by another version of it\n  given {tmp_path / 'model'}"
    )


def test_a_damaged_run_is_refused(whole: Outcome, tmp_path: Path) -> None:
    shutil.copytree(whole.folder, tmp_path / "run")
    content = bytearray((tmp_path / "run" / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "run" / "model.safetensors").write_bytes(content)
    with pytest.raises(
        DataError, match=r"^load_model: model\.safetensors is missing, damaged or not the one that model\.json belongs to\n"
    ):
        resume(tmp_path / "run")


# ---- networks and data


@pytest.mark.parametrize("name", list(NETWORKS))
def test_every_network_is_built_for_images_of_the_data(name: str) -> None:
    shape, classes = ((64, 64, 3), 2) if name == "happy_house" else ((32, 32, 3), 7)
    model = build(name, shape, classes)
    assert model.input_shape == (None, *shape)
    assert model.output_shape == (None, 1 if name == "happy_house" else classes)


def test_the_default_network_has_as_many_parameters_as_its_docstring_says() -> None:
    assert f"{small().count_params():,} parameters" in (small.__doc__ or "")


@pytest.mark.parametrize("recipe", list(RECIPES.values()), ids=list(RECIPES))
def test_every_recipe_names_a_network(recipe: Any) -> None:
    assert recipe.model in NETWORKS


def test_a_model_that_was_compiled_keeps_its_optimizer_and_its_loss(few: Path, tmp_path: Path) -> None:
    code = NETWORK + "\nmodel = build(10)\nmodel.compile('rmsprop', 'categorical_crossentropy')\ndel build\n"
    (tmp_path / "compiled.py").write_text(code)
    report = begun(tiny(few, model=str(tmp_path / "compiled.py"), epochs=1), tmp_path).report
    assert report["optimizer"]["class_name"] == "RMSprop"
    assert 0 <= report["accuracy"] <= 1
    assert report["loss"] > 0


def test_a_network_without_a_softmax_is_trained_on_logits(few: Path, tmp_path: Path) -> None:
    (tmp_path / "logits.py").write_text(NETWORK.replace(', activation="softmax"', ""))
    logits = begun(tiny(few, model=str(tmp_path / "logits.py"), epochs=1, augment=False), tmp_path)
    softmax = begun(tiny(few, epochs=1, augment=False), tmp_path)
    assert logits.report["loss"] == pytest.approx(softmax.report["loss"], rel=1e-4)


def test_settings_survive_json_and_the_short_title_is_good_for_a_folder(few: Path, tmp_path: Path) -> None:
    (tmp_path / "my: photos of 猫").mkdir()
    settings = Settings.of(data=str(tmp_path / "my: photos of 猫"), augment=False, seed=7)
    assert Settings.from_plain(json.loads(json.dumps(settings.as_plain()))) == settings
    assert (settings.title, settings.augment) == ("my--photos-of-猫", None)
    assert kind_of(str(few)) == "folder"


@pytest.mark.parametrize("change", [{"seed": "x"}, {"augment": {"flap": 1}}, {"epochs": None}, {"optimizer": "x"}])
def test_damaged_settings_are_refused(few: Path, change: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"^the settings of the run cannot be read: "):
        Settings.from_plain(tiny(few).as_plain() | change)


def write_images(root: Path, classes: dict[str, int], size: int = 28) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="pillow is not installed (extra data)")
    (x, y), _ = load_digits()
    for name, count in classes.items():
        (root / name).mkdir(parents=True)
        for i, image in enumerate(x[y == int(name)][:count]):
            pillow.fromarray(image).resize((size, size)).save(root / name / f"{i}.png")


def test_a_folder_of_classes_is_parted_by_class(tmp_path: Path) -> None:
    write_images(tmp_path, {"3": 10, "8": 5, "9": 1})
    sets = load_sets(Settings.of(data=str(tmp_path), gray=True))
    assert (sets.shape, sets.classes) == ((28, 28, 1), ("3", "8", "9"))
    assert np.bincount(sets.train[1]).tolist() == [8, 4, 1]
    assert np.bincount(sets.test[1]).tolist() == [2, 1]
    assert load_sets(Settings.of(data=str(tmp_path), gray=True)).facts() == sets.facts()


def test_a_folder_with_parts_is_taken_as_it_is(tmp_path: Path) -> None:
    write_images(tmp_path / "train", {"3": 4, "8": 4})
    write_images(tmp_path / "val", {"3": 2, "8": 3}, size=20)
    sets = load_sets(Settings.of(data=str(tmp_path), image_size=24))
    assert (sets.shape, len(sets.train[1]), len(sets.test[1])) == ((24, 24, 3), 8, 5)
    with pytest.raises(DataError) as caught:
        load_sets(Settings.of(data=str(tmp_path)))
    fact = "train: the images to train on and to judge by have the sizes (28, 28) and (20, 20): --image-size brings all to one"
    assert str(caught.value) == f"{fact}\n  given {tmp_path}"
    write_images(tmp_path / "val", {"1": 1})
    with pytest.raises(DataError, match=r"^train: \S+train has the classes 3, 8, but \S+val has 1, 3, 8\n"):
        load_sets(Settings.of(data=str(tmp_path), image_size=24))


def test_a_run_on_a_folder_trains_and_is_judged_again(tmp_path: Path) -> None:
    write_images(tmp_path / "images", {"3": 8, "8": 8})
    outcome = begun(Settings.of(data=str(tmp_path / "images"), epochs=1, model="lenet5"), tmp_path)
    assert outcome.folder.name == "images-1"
    assert evaluate(outcome.folder)[0].accuracy == outcome.report["accuracy"]


@pytest.mark.parametrize(("name", "classes", "model"), [("signs", 6, "signs"), ("happy", 2, "happy_house")])
def test_the_files_of_the_course_are_trained_on_with_its_own_network(tmp_path: Path, name: str, classes: int, model: str) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py is not installed (extra data)")
    rng = np.random.default_rng(0)
    for split, count in (("train", 24), ("test", 12)):
        with h5py.File(tmp_path / f"{split}_{name}.h5", "w") as file:
            file[f"{split}_set_x"] = rng.integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)
            file[f"{split}_set_y"] = np.arange(count).reshape(1, -1)[0] % classes
            file["list_classes"] = np.arange(classes)
    outcome = begun(Settings.of(data=str(tmp_path / f"train_{name}.h5"), epochs=1), tmp_path)
    assert (outcome.report["settings"]["model"], outcome.report["data"]["test"]["images"]) == (model, 12)
    verdict, _ = evaluate(outcome.folder)
    assert (verdict.accuracy, verdict.loss) == (outcome.report["accuracy"], outcome.report["loss"])
    (tmp_path / f"train_{name}.h5").unlink()
    alone = load_sets(Settings.of(data=str(tmp_path / f"test_{name}.h5")))
    assert len(alone.train[1]) + len(alone.test[1]) == 12


def test_reading_a_digit_is_public() -> None:
    assert read_digit.__module__ == "convstep.runs.photograph"
