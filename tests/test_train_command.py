"""`convstep train`, `evaluate`, `predict` and `summary`, run as their users run them: output, exit codes, signals, every message."""

import hashlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.commands import MAIN, environment, in_process

from convstep.data import load_digits
from convstep.models import load_model
from convstep.runs import NETWORKS
from convstep.runs.settings import RATES, SCHEDULES, SETS

USAGE = {
    "train": "usage: convstep train [...]; --help lists the options\n",
    "evaluate": "usage: convstep evaluate [-h] [--runs-dir FOLDER] [--json] RUN\n",
    "predict": "usage: convstep predict [...]; --help lists the options\n",
    "summary": "usage: convstep summary [-h] [--runs-dir FOLDER] MODEL\n",
}
NETWORK = """
from convstep.layers import Conv2D, Dense, Dropout, Flatten
from convstep.models import Sequential

def build(classes):
    hidden = [Conv2D(2, 5, strides=3, activation="relu"), Flatten(), Dropout(0.3)]
    return Sequential([*hidden, Dense(classes, activation="softmax")], name="tiny")
"""


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make usage as wide on every terminal."""
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the options of a small fast training."""
    place = tmp_path_factory.mktemp("few")
    (x_train, y_train), (x_test, y_test) = load_digits()
    np.savez(place / "few.npz", x_train=x_train[:320], y_train=y_train[:320], x_test=x_test[:50], y_test=y_test[:50])
    (place / "tiny.py").write_text(NETWORK)
    return ["--data", "mnist", "--from-file", str(place / "few.npz"), "--model", str(place / "tiny.py"), "--batch-size", "16"]


@pytest.fixture(scope="module")
def trained(few: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a finished run of two epochs."""
    place = tmp_path_factory.mktemp("trained")
    run = command("train", *few, "--epochs", "2", "--name", "run", place=place)
    assert run.returncode == 0, run.stderr
    return place / "runs" / "run"


@pytest.fixture(scope="module")
def reader_of_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that reads digits well enough: three epochs of the default."""
    place = tmp_path_factory.mktemp("reader")
    run = command("train", "--epochs", "3", "--name", "digits", place=place)
    assert run.returncode == 0, run.stderr
    return place / "runs" / "digits"


COMPILING = "convstep: compiling kernels for this CPU"  # said once, where the cache has none yet


def command(*arguments: str, place: Path, before: str = "import sys; ", **variables: str) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-c", before + MAIN, *arguments]
    return subprocess.run(run, capture_output=True, text=True, cwd=place, env=environment(**variables), check=False)


def weights(path: Path) -> str:
    return "".join(hashlib.sha256((path / name).read_bytes()).hexdigest() for name in ("model.safetensors", "optimizer.safetensors"))


# ---- what train prints


def test_in_a_pipe_training_prints_plain_lines_and_one_result(few: list[str], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed (extra plot)")
    run = command("train", *few, "--epochs", "2", "--hold-out", "0.1", place=tmp_path)
    assert run.returncode == 0
    assert re.fullmatch(r"accuracy 0\.\d{4} on 50 test images, loss \d\.\d{4}, after 2 epochs in \d+\.\d s\n", run.stdout)
    lines = [line for line in run.stderr.splitlines() if not line.startswith(COMPILING)]
    assert lines[0] == "convstep train: tiny with 1,342 parameters"
    assert lines[1] == "convstep train: mnist: 288 images to train on, 32 held out, 50 to be judged by"
    for number, line in enumerate(lines[2:4], start=1):
        numbers = r"loss \d\.\d{4}  accuracy 0\.\d{4}  held out \d\.\d{4}, 0\.\d{4}  \d+\.\d s"
        assert re.fullmatch(rf"epoch {number}/2  {numbers}", line)
    assert lines[4:] == ["convstep train: wrote runs/mnist-1"]


def test_json_is_what_run_json_says(few: list[str], tmp_path: Path) -> None:
    run = command("train", *few, "--epochs", "1", "--json", place=tmp_path)
    report = json.loads((tmp_path / "runs" / "mnist-1" / "run.json").read_text())
    assert json.loads(run.stdout) == {"folder": "runs/mnist-1", **report}


@pytest.mark.parametrize("variables", [{"COLUMNS": "40"}, {"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"NO_COLOR": "1"}], ids=str)
def test_the_messages_are_the_same_in_every_pipe(few: list[str], tmp_path: Path, variables: dict[str, str]) -> None:
    run = command("train", *few, "--epochs", "1", "--name", "run", place=tmp_path, **variables)
    lines = [line for line in run.stderr.splitlines() if "curves.png" not in line]
    assert (run.returncode, len(lines)) == (0, 4)
    assert "\x1b" not in run.stderr + run.stdout


@pytest.mark.parametrize("columns", ["40", "80", "132"])
def test_on_a_terminal_a_bar_shows_the_progress_and_leaves_again(few: list[str], tmp_path: Path, columns: str) -> None:
    arguments = [sys.executable, "-m", "convstep", "train", *few, "--epochs", "3"]
    main, other = pytest.importorskip("pty", reason="this system has no pty").openpty()
    variables = environment(TERM="xterm-256color", COLUMNS=columns, LINES="30")
    with subprocess.Popen(arguments, cwd=tmp_path, stdout=other, stderr=other, env=variables) as process:
        os.close(other)
        screen = "".join(read_all(main))
    assert process.returncode == 0
    assert "━" in screen  # the bar
    assert screen.count("\x1b[?25l") == screen.count("\x1b[?25h") > 0  # the cursor is back
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen)
    for number in (1, 2, 3):
        assert re.search(rf"epoch {number}/3  loss \d\.\d{{4}}  accuracy 0\.\d{{4}}  \d+\.\d s", plain.replace("\r\n", "\n"))


def read_all(descriptor: int) -> Iterator[str]:
    """Yield what a terminal shows until it is closed."""
    while select.select([descriptor], [], [], 60)[0]:
        try:
            content = os.read(descriptor, 2**16)
        except OSError:
            break
        if not content:
            break
        yield content.decode(errors="replace")
    os.close(descriptor)


def test_matrices_are_multiplied_by_one_thread_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    look = "import os, sys, convstep.runs as r; r.evaluate = lambda p: sys.exit(os.environ.get('OPENBLAS_NUM_THREADS', '')); "
    (tmp_path / "run").mkdir()
    forget = "[os.environ.pop(name) for name in tuple(os.environ) if name.endswith('_THREADS')]; "
    for given, expected in (({}, "1"), ({"OMP_NUM_THREADS": "3"}, "")):
        settings = "".join(f"os.environ[{name!r}] = {value!r}; " for name, value in given.items())
        run = command("evaluate", "run", place=tmp_path, before=f"import os; {forget}{settings}{look}")
        assert run.stderr.strip() == expected


# ---- how it is stopped, and goes on


def start(few: list[str], place: Path, *more: str) -> "subprocess.Popen[str]":
    arguments = [sys.executable, "-m", "convstep", "train", *few, "--epochs", "40", "--name", "run", *more]
    return subprocess.Popen(arguments, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())


def stop(process: "subprocess.Popen[str]", number: int, seconds: float) -> str:
    """Send a signal some time after the first epoch, and return what the process had said."""
    assert process.stderr is not None
    said = "".join(process.stderr.readline() for _ in range(3))
    time.sleep(seconds)
    process.send_signal(number)
    return said + process.communicate(timeout=60)[1]


@pytest.fixture(scope="module", params=["adam", "momentum"])
def never_stopped(request: pytest.FixtureRequest, few: list[str], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    place = tmp_path_factory.mktemp("never")
    assert command("train", *few, "--epochs", "40", "--name", "run", "--optimizer", request.param, place=place).returncode == 0
    return request.param, weights(place / "runs" / "run")


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT, which Windows lacks")
@pytest.mark.parametrize("attempt", range(3))
def test_ctrl_c_leaves_a_whole_run_that_goes_on_to_the_same_bits(
    few: list[str], tmp_path: Path, never_stopped: tuple[str, str], attempt: int
) -> None:
    optimizer, expected = never_stopped
    with start(few, tmp_path, "--optimizer", optimizer) as process:
        said = stop(process, signal.SIGINT, np.random.default_rng(attempt).uniform(0, 0.4))
    assert process.returncode == 130
    last = "\n".join(said.splitlines()[-2:])
    found = re.fullmatch(
        r"convstep: interrupted; (\d+) of 40 epochs are in runs/run\n  this goes on: convstep train --resume runs/run", last
    )
    assert found
    path = tmp_path / "runs" / "run"
    report = json.loads((path / "run.json").read_text())
    assert (report["status"], report["epochs"]) == ("interrupted", int(found[1]))
    load_model(path)
    resumed = command("train", "--resume", "runs/run", place=tmp_path)
    assert resumed.returncode == 0
    assert resumed.stderr.splitlines()[2] == f"convstep train: {found[1]} of 40 epochs are done"
    assert weights(path) == expected


@pytest.mark.skipif(os.name == "nt", reason="sends SIGKILL, which Windows lacks")
@pytest.mark.parametrize("attempt", range(3))
def test_kill_9_leaves_a_whole_run_that_goes_on_to_the_same_bits(
    few: list[str], tmp_path: Path, never_stopped: tuple[str, str], attempt: int
) -> None:
    optimizer, expected = never_stopped
    with start(few, tmp_path, "--optimizer", optimizer) as process:
        stop(process, signal.SIGKILL, np.random.default_rng(attempt).uniform(0, 0.4))
    assert process.returncode == -signal.SIGKILL
    path = tmp_path / "runs" / "run"
    json.loads((path / "run.json").read_text())
    assert command("train", "--resume", "run", place=tmp_path).returncode == 0
    assert weights(path) == expected


# ---- evaluate, predict, summary


def test_evaluate_prints_the_same_numbers_again(trained: Path) -> None:
    report = json.loads((trained / "run.json").read_text())
    run = command("evaluate", "runs/run", "--json", place=trained.parents[1])
    found = json.loads(run.stdout)
    assert (run.returncode, run.stderr) == (0, "")
    assert found == {"accuracy": report["accuracy"], "loss": report["loss"], "images": 50, "epochs": 2}
    run = command("evaluate", "run", place=trained.parents[1])
    assert run.stdout == f"accuracy {report['accuracy']:.4f} on 50 test images, loss {report['loss']:.4f}\n"


def drawn(digit: int, size: int, ink: Any, paper: Any, *, mode: str = "RGB", bold: int = 8) -> Any:
    """Draw a digit with a pen, as somebody who has never seen MNIST would, somewhere on a sheet of paper."""
    pillow, drawing = pytest.importorskip("PIL.Image"), pytest.importorskip("PIL.ImageDraw")
    image = pillow.new(mode, (size * 3 // 2, size), paper)
    pen = drawing.Draw(image)
    lines = {
        0: [[(50, 15), (34, 25), (28, 50), (34, 75), (50, 85), (66, 75), (72, 50), (66, 25), (50, 15)]],
        1: [[(50, 15), (50, 85)]],
        2: [[(30, 30), (40, 17), (58, 17), (68, 30), (62, 45), (30, 82), (72, 82)]],
        3: [[(32, 18), (66, 18), (48, 44), (64, 50), (70, 64), (60, 80), (44, 84), (30, 76)]],
        4: [[(58, 15), (28, 58), (74, 58)], [(60, 40), (60, 86)]],
        7: [[(28, 18), (72, 18), (48, 85)]],
    }[digit]
    scale, left = size / 100, size / 5
    for line in lines:
        places = [(x * scale + left, y * scale) for x, y in line]
        pen.line(places, fill=ink, width=max(1, round(bold * scale)), joint="curve")
    return image


@pytest.mark.parametrize("digit", [0, 1, 2, 3, 4, 7])
def test_a_drawn_digit_is_read_in_any_size_and_polarity(reader_of_digits: Path, tmp_path: Path, digit: int) -> None:
    looks = {
        "large.png": drawn(digit, 1200, (20, 20, 60), (235, 230, 215)),
        "small.png": drawn(digit, 60, (0, 0, 0), (255, 255, 255)),
        "chalk.png": drawn(digit, 400, (240, 240, 235), (30, 60, 45)),
        "red.jpg": drawn(digit, 500, (180, 20, 20), (250, 250, 240)),
        "grey.png": drawn(digit, 300, 60, 200, mode="L"),
        "pencil.png": drawn(digit, 800, (90, 90, 90), (240, 240, 240), bold=3),
        "clear.png": drawn(digit, 300, (0, 0, 0, 255), (0, 0, 0, 0), mode="RGBA"),
    }
    for name, image in looks.items():
        image.save(tmp_path / name)
    run = command("predict", str(reader_of_digits), *looks, "--json", place=tmp_path)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert {item["image"]: item["label"] for item in found} == dict.fromkeys(looks, str(digit))
    for item in found:
        assert item["probability"] == max(item["probabilities"].values())
        assert sum(item["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert list(item["probabilities"]) == list("0123456789")


def test_test_digits_as_photographs_are_read_as_well_as_the_test_digits(reader_of_digits: Path, tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    (x, y), _ = load_digits()
    rng = np.random.default_rng(0)
    names = []
    for i in range(60):
        ink = np.asarray(pillow.fromarray(x[4000 + i]).resize((28 * 8, 28 * 8), pillow.Resampling.BICUBIC)) / 255
        sheet = np.pad(ink, [tuple(rng.integers(0, 120, 2)), tuple(rng.integers(0, 120, 2))])
        light = 1 + 0.25 * np.linspace(-1, 1, sheet.shape[1]) + 0.15 * np.linspace(-1, 1, sheet.shape[0])[:, None]
        shown = (210 - 150 * sheet) * light + rng.normal(0, 5, sheet.shape)
        names.append(f"{i}.jpg")
        pillow.fromarray(np.clip(shown, 0, 255).astype(np.uint8)).save(tmp_path / names[-1])
    run = command("predict", str(reader_of_digits), *names, "--json", place=tmp_path)
    right = sum(item["label"] == str(label) for item, label in zip(json.loads(run.stdout), y[4000:], strict=False))
    assert right >= 55


def test_predict_prints_a_line_for_each_image(reader_of_digits: Path, tmp_path: Path) -> None:
    pytest.importorskip("PIL.Image")
    name = "a [very] long name " + "of a photograph " * 5 + ".png"
    drawn(1, 200, (0, 0, 0), (255, 255, 255)).save(tmp_path / name)
    run = command("predict", str(reader_of_digits), name, place=tmp_path)
    assert re.fullmatch(rf"{re.escape(name)}: 1 \(\d+\.\d %\)\n", run.stdout)
    assert (run.returncode, run.stderr) == (0, "")


def test_a_run_on_other_images_scales_what_it_is_asked_about(tmp_path: Path) -> None:
    pytest.importorskip("PIL.Image")
    for name, digit in (("ones", 1), ("sevens", 7)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(6):
            drawn(digit, 100 + i, (0, 0, 0), (255, 255, 255)).save(tmp_path / "data" / name / f"{i}.png")
    options = ("--image-size", "28", "--model", "lenet5", "--learning-rate", "0.01", "--no-augment", "--epochs", "15")
    run = command("train", "--data", "data", *options, place=tmp_path)
    assert run.returncode == 0, run.stderr
    run = command("predict", "data-1", "data/ones/0.png", "data/sevens/3.png", "--json", place=tmp_path)
    assert [item["label"] for item in json.loads(run.stdout)] == ["ones", "sevens"]


@pytest.mark.parametrize("name", list(NETWORKS))
def test_summary_lists_the_layers_of_a_network(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, out, err = in_process(capsys, "summary", name)
    assert (code, err) == (0, "")
    assert "Total params: " in out


def test_summary_takes_a_run_and_a_saved_file(capsys: pytest.CaptureFixture[str], trained: Path, tmp_path: Path) -> None:
    load_model(trained).save(tmp_path / "tiny.convstep")
    for argument in (str(trained), str(tmp_path / "tiny.convstep")):
        code, out, err = in_process(capsys, "summary", argument)
        assert (code, err) == (0, "")
        assert out.startswith('Model: "tiny"\n')
        assert "Trainable params: 1,342" in out
    assert in_process(capsys, "summary", "run", "--runs-dir", str(trained.parent))[0] == 0


# ---- what is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "train --data digit",
            "argument --data: there is no data set and no file 'digit' (did you mean 'digits'?); the sets are " + ", ".join(SETS),
        ),
        ("train --epochs 0", "argument --epochs: must be a whole number >= 1, not 0"),
        ("train --epochs two", "argument --epochs: invalid int value: 'two'"),
        ("train --learning-rate -1", "argument --learning-rate: must be a number > 0, not -1"),
        ("train --optimizer lion", f"argument --optimizer: there is no optimizer 'lion'; there are {', '.join(RATES)}"),
        ("train --schedule x", f"argument --schedule: there is no schedule 'x'; there are {', '.join(SCHEDULES)}"),
        ("train --model x.py", f"argument --model: there is no network and no Python file 'x.py'; there are {', '.join(NETWORKS)}"),
        ("train --threads 0", "argument --threads: must be a whole number >= 1, not 0"),
        ("train --name a/b", "argument --name: must be the name of a folder, not 'a/b'"),
        ("train --from-file x", "argument --from-file: goes with mnist, fashion_mnist, cifar10, not with digits"),
        ("train --gray", "argument --image-size: like --gray it goes with a folder of images alone"),
        ("train --resume x", "argument --resume: there is no run x, here or in runs"),
        ("train --resume x --epochs 3", "argument --epochs: not allowed with --resume, which goes on with the settings of the run"),
        ("train --resume x --no-augment", "argument --no-augment: not allowed with --resume, which goes on with the settings of the run"),
        ("train --resume x --batch-size 3", "argument --batch-size: not allowed with --resume, which goes on with the settings of the run"),
        ("evaluate x", "argument RUN: there is no run x, here or in runs"),
        ("predict x y.png", "argument RUN: there is no run x, here or in runs"),
        ("summary x", f"argument MODEL: there is no network, no run and no file x; the networks are {', '.join(NETWORKS)}"),
    ],
)
def test_a_wrong_argument_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    code, out, err = in_process(capsys, *arguments.split())
    name = arguments.split(maxsplit=1)[0]
    assert (code, out) == (2, "")
    assert err == f"{USAGE[name]}convstep {name}: error: {message}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_is_refused(capsys: pytest.CaptureFixture[str], few: list[str], trained: Path) -> None:
    before = weights(trained)
    code, out, err = in_process(capsys, "train", *few, "--name", "run", "--runs-dir", str(trained.parent))
    expected = f"convstep train: error: argument --name: {trained} is there already: --resume continues it, another name begins a new run\n"
    assert (code, out) == (2, "")
    assert err == USAGE["train"] + expected
    assert weights(trained) == before


@pytest.mark.parametrize("inside", ["", "runs"])
def test_runs_cannot_be_put_into_a_file(capsys: pytest.CaptureFixture[str], few: list[str], tmp_path: Path, inside: str) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    code, out, err = in_process(capsys, "train", *few, "--runs-dir", str(file / inside))
    assert (code, out) == (2, "")
    assert err == f"{USAGE['train']}convstep train: error: argument --runs-dir: {file} is a file, not a folder\n"
    assert file.read_text() == "kept"


def test_a_message_begins_with_the_command_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    for name in ("ones", "sevens"):
        (tmp_path / name).mkdir()
        pillow.new("L", (8, 8)).save(tmp_path / name / "0.png")
    fact = "2 images of 2 classes are too few to set some aside to judge by"
    expected = f"convstep train: {fact}\n  given (2, 8, 8, 3)\n"
    assert in_process(capsys, "train", "--data", str(tmp_path), "--runs-dir", str(tmp_path / "runs")) == (1, "", expected)


def test_images_of_mixed_sizes_name_the_option_that_scales_them(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    for name, height in (("ones", 8), ("sevens", 9)):
        (tmp_path / name).mkdir()
        pillow.new("L", (8, height)).save(tmp_path / name / "0.png")
    fact = "convstep train: load_folder: the image is (9, 8) but the first one (8, 8)"
    expected = f"{fact}\n  given {tmp_path / 'sevens' / '0.png'}; --image-size N scales all of them to N x N\n"
    assert in_process(capsys, "train", "--data", str(tmp_path), "--runs-dir", str(tmp_path / "runs")) == (1, "", expected)


def test_help_lists_every_option_of_train(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = in_process(capsys, "train", "--help")
    assert (code, err) == (0, "")
    assert out.startswith("usage: convstep train [-h] [--data DATA]")
    assert "--learning-rate RATE" in out.partition("\n\n")[0]


def test_an_image_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str], trained: Path) -> None:
    code, out, err = in_process(capsys, "predict", str(trained), "nowhere.png")
    assert (code, out) == (2, "")
    assert err == f"{USAGE['predict']}convstep predict: error: argument IMAGE: there is no file nowhere.png\n"


def test_a_blank_sheet_shows_no_digit(capsys: pytest.CaptureFixture[str], trained: Path, tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    path = tmp_path / "blank.png"
    pillow.new("L", (50, 50), 200).save(path)
    expected = f"convstep predict: {path}: the image shows no digit: nothing in it stands out from the rest\n"
    assert in_process(capsys, "predict", str(trained), str(path)) == (1, "", expected)


def test_a_bad_image_takes_no_answer_from_the_good_ones(
    capsys: pytest.CaptureFixture[str], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pillow = pytest.importorskip("PIL.Image")
    monkeypatch.chdir(tmp_path)
    pillow.new("L", (50, 50), 200).save("blank.png")
    Path("text.png").write_text("no image")
    for digit in (1, 7):
        drawn(digit, 100, (0, 0, 0), (255, 255, 255)).save(f"{digit}.png")
    good, mixed = ["1.png", "7.png"], ["blank.png", "1.png", "text.png", "7.png"]
    facts = {
        "blank.png": "the image shows no digit: nothing in it stands out from the rest",
        "text.png": "this is no image that can be read, or a damaged one (UnidentifiedImageError)",
    }
    code, answers, err = in_process(capsys, "predict", str(trained), *good)
    assert (code, err, len(answers.splitlines())) == (0, "", 2)
    told = "".join(f"convstep predict: {name}: {fact}\n" for name, fact in facts.items())
    assert in_process(capsys, "predict", str(trained), *mixed) == (1, answers, told)

    alone = {item["image"]: item for item in json.loads(in_process(capsys, "predict", str(trained), *good, "--json")[1])}
    code, out, err = in_process(capsys, "predict", str(trained), *mixed, "--json")
    assert (code, err) == (1, told)
    assert json.loads(out) == [{"image": name, "error": facts[name]} if name in facts else alone[name] for name in mixed]


def test_a_damaged_run_is_one_clear_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for name in ("evaluate", "summary"):
        expected = f"convstep {name}: load_model: the folder holds no model.json\n  given {tmp_path / 'run'}\n"
        assert in_process(capsys, name, str(tmp_path / "run")) == (1, "", expected)


def test_predict_without_pillow_names_the_extra(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "image.png").touch()
    before = "import sys; sys.modules['PIL'] = None; sys.modules['PIL.Image'] = None; "
    run = command("predict", str(trained), "image.png", place=tmp_path, before=before)
    assert (run.returncode, run.stdout) == (3, "")
    assert run.stderr == 'convstep predict: read_image: pillow is not installed; this installs it: pip install "convstep[data]"\n'


def test_data_that_are_nowhere_are_exit_code_3(tmp_path: Path) -> None:
    pytest.importorskip("pooch", reason="pooch is not installed (extra data)")
    nowhere = (
        "import sys; from convstep.data import mnist, sets; from convstep.data.sets import IdxSet; import dataclasses; "
        "mnist.MNIST = dataclasses.replace(mnist.MNIST, mirrors=('http://127.0.0.1:9/mnist',), places=()); "
    )
    run = command("train", "--data", "mnist", place=tmp_path, before=nowhere, CONVSTEP_DATA=str(tmp_path / "cache"))
    assert (run.returncode, run.stdout) == (3, "")
    assert "convstep train: mnist.load_data: " in run.stderr
    assert not (tmp_path / "runs").exists()


# ---- what it is for


def test_without_arguments_it_learns_to_read_digits(tmp_path: Path) -> None:
    run = command("train", "--json", place=tmp_path)
    report = json.loads(run.stdout)
    assert (run.returncode, report["name"], report["settings"]["data"]) == (0, "digits-1", "digits")
    assert report["accuracy"] >= 0.97
