"""`convstep explore`, run as its users run it: the page that it writes or serves, exit codes, signals, every message."""

import base64
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.commands import MAIN, environment, in_process

from convstep.data import load_digits
from convstep.errors import DataError
from convstep.explorer import page as page_module
from convstep.explorer.server import PageServer
from convstep.layers import Conv2D, Dense, Flatten, Input
from convstep.models import Sequential, exploring, load_model

USAGE = "usage: convstep explore [...]; --help lists the options\nconvstep explore: error: "
DATA = re.compile(r'<script type="application/json" id="convstep-data">(.*?)</script>', re.DOTALL)


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make usage as wide on every terminal."""
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a saved model of a small network."""
    made = Sequential([Input((28, 28, 1)), Conv2D(2, 5, strides=3, activation="relu"), Flatten(), Dense(10, activation="softmax")])
    made.compile("adam", loss="sparse_categorical_crossentropy")
    made.save(tmp_path / "small.convstep")
    return tmp_path / "small.convstep"


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def data_of(page: Path) -> Any:
    """Return what a page was given."""
    found = DATA.search(page.read_text(encoding="utf-8"))
    assert found
    return json.loads(found[1])


def written(capsys: pytest.CaptureFixture[str], place: Path, *arguments: str) -> Any:
    """Run the command and return what the page was given."""
    page = place / "page.html"
    code, out, err = in_process(capsys, "explore", *arguments, "--export", str(page))
    assert (code, out) == (0, "")
    assert err == f"convstep explore: wrote {page}, {page.stat().st_size / 1e6:.2f} MB\n"
    return data_of(page)


# ---- one file


def test_the_page_is_one_file_of_less_than_a_megabyte(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data = written(capsys, tmp_path)
    assert (tmp_path / "page.html").stat().st_size < 1_000_000
    assert names(tmp_path) == ["page.html"]
    assert (data["state"], data["language"], data["theme"], data["place"]) == (None, None, None, "page")
    assert data["network"]["name"] == "digits"
    assert data["network"]["run"]["accuracy"] > 0.97
    assert data["mistakes"]


def test_the_same_command_writes_the_same_bytes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pages = []
    for _ in range(2):
        written(capsys, tmp_path)
        pages.append((tmp_path / "page.html").read_bytes())
    assert pages[0] == pages[1]


def test_a_language_can_be_chosen(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert written(capsys, tmp_path, "--language", "zh")["language"] == "zh"
    assert '<html lang="zh-CN">' in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_saved_model_is_in_the_page_without_its_optimizer(capsys: pytest.CaptureFixture[str], tmp_path: Path, model: Path) -> None:
    data = written(capsys, tmp_path, str(model))
    assert data["state"] == {
        "version": 1,
        "view": "network",
        "network": {"of": None, "image": None, "layer": None, "class": None, "map": 0, "at": None},
    }
    assert (data["network"]["name"], data["network"]["run"]) == ("small", None)
    archive = base64.b64decode(data["network"]["archive"])
    (tmp_path / "again.convstep").write_bytes(archive)
    again = load_model(tmp_path / "again.convstep")
    x = np.random.default_rng(0).random((3, 28, 28, 1))
    np.testing.assert_array_equal(again.predict(x, verbose=0), load_model(model).predict(x, verbose=0))
    assert b"optimizer.safetensors" not in archive


def test_a_run_is_found_by_its_name_and_brings_its_record(capsys: pytest.CaptureFixture[str], tmp_path: Path, model: Path) -> None:
    run = tmp_path / "runs" / "digits-1"
    run.parent.mkdir()
    load_model(model).save(run, notes={"convstep_run": {"version": 1, "data": {"classes": ["a", "b"]}}})
    data = written(capsys, tmp_path, "digits-1", "--runs-dir", str(run.parent))
    assert (data["network"]["name"], data["network"]["run"]) == ("digits-1", {"version": 1, "data": {"classes": ["a", "b"]}})
    (run / "run.json").write_text('{"accuracy": 0.5}')
    assert written(capsys, tmp_path, str(run))["network"]["run"] == {"accuracy": 0.5}
    (run / "run.json").write_text("[1, ")
    assert written(capsys, tmp_path, str(run))["network"]["run"]["version"] == 1


def test_a_file_that_is_there_is_replaced_whole_and_keeps_its_permissions(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("old")
    page.chmod(0o640)
    written(capsys, tmp_path)
    assert stat.S_IMODE(page.stat().st_mode) == 0o640
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_an_old_page_stays_where_the_disk_is_full(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.html"
    page.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    code, out, err = in_process(capsys, "explore", "--export", str(page))
    assert (code, out, err) == (2, "", f"{USAGE}argument --export: {page} cannot be written: No space left on device\n")
    assert page.read_text() == "old"
    assert names(tmp_path) == ["page.html"]


# ---- images


def picture(place: Path, cells: Any) -> Path:
    pillow = pytest.importorskip("PIL.Image")
    pillow.fromarray(np.asarray(cells, dtype=np.uint8)).save(place / "picture.png")
    return place / "picture.png"


@pytest.mark.parametrize(("shape", "expected"), [((20, 10), (20, 10, 1)), ((64, 100, 3), (20, 32, 3)), ((1, 400), (1, 32, 1))])
def test_an_image_is_shown_in_few_cells(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, shape: tuple[int, ...], expected: tuple[int, int, int]
) -> None:
    cells = np.random.default_rng(0).integers(0, 256, shape)
    state = written(capsys, tmp_path, "--image", str(picture(tmp_path, cells)))["state"]
    layer = state["layer"]
    assert (state["version"], state["view"]) == (1, "layer")
    assert tuple(layer["image"][side] for side in ("height", "width", "channels")) == expected
    if shape == (20, 10):
        assert layer["image"]["values"] == (cells.ravel() / 255).round(2).tolist()
    size, count = layer["filters"]["size"], layer["filters"]["count"]
    assert len(layer["filters"]["values"]) == size * size * expected[2] * count
    assert size <= min(expected[:2])


def test_a_digit_is_prepared_as_the_network_takes_digits(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (x, _), _ = load_digits()
    photograph = 255 - np.kron(x[2].reshape(28, 28), np.ones((9, 9), np.uint8))  # dark on light, and large
    (tmp_path / "digits.convstep").write_bytes(page_module.shipped_network().archive)
    data = written(capsys, tmp_path, str(tmp_path / "digits.convstep"), "--image", str(picture(tmp_path, photograph)))
    image = data["state"]["network"]["image"]
    assert (image["height"], image["width"], image["channels"]) == (28, 28, 1)
    assert np.abs(np.reshape(image["values"], (28, 28)) - x[2].reshape(28, 28) / 255).mean() < 0.05
    assert max(image["values"]) == 1


def test_an_image_for_another_network_is_scaled_to_its_size(capsys: pytest.CaptureFixture[str], tmp_path: Path, model: Path) -> None:
    image = written(capsys, tmp_path, str(model), "--image", str(picture(tmp_path, np.full((50, 70), 51))))["state"]["network"]["image"]
    assert image == {"height": 28, "width": 28, "channels": 1, "values": [0.2] * 784}


# ---- what is refused


REFUSED = {
    "no run": (["nothing"], "argument RUN: there is no run and no model nothing, here or in runs"),
    "a name without letters": ([""], "argument RUN: there is no run and no model '', here or in runs"),
    "a folder without a run": (["."], "argument RUN: there is no run and no model ., here or in runs"),
    "no image": (["--image", "nothing.png"], "argument --image: there is no file nothing.png"),
    "a port below": (["--port", "-1"], "argument --port: must be from 0 to 65535, not -1"),
    "a port above": (["--port", "65536"], "argument --port: must be from 0 to 65535, not 65536"),
    "a port in words": (["--port", "eighty"], "argument --port: invalid int value: 'eighty'"),
    "another language": (["--language", "fr"], "argument --language: invalid choice: 'fr' (choose from 'en', 'zh')"),
    "a page that is a picture": (["--export", "page.png"], "argument --export: must end in .html, not 'page.png'"),
    "a folder that is not there": (["--export", "/nowhere/page.html"], "argument --export: there is no folder /nowhere"),
    "a port without a server": (["--export", "x.html", "--port", "1"], "argument --port: not allowed with --export, which serves nothing"),
    "a browser without a server": (
        ["--export", "x.html", "--no-browser"],
        "argument --no-browser: not allowed with --export, which serves nothing",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_wrong_argument_is_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, sentence = REFUSED[what]
    code, out, err = in_process(capsys, "explore", *arguments)
    assert (code, out) == (2, "")
    assert err.replace("choose from en, zh", "choose from 'en', 'zh'") == f"{USAGE}{sentence}\n"
    assert names(tmp_path) == []


def test_a_page_cannot_take_the_place_of_a_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "page.html"
    folder.mkdir()
    code, _, err = in_process(capsys, "explore", "--export", str(folder))
    assert (code, err) == (2, f"{USAGE}argument --export: there is a folder of this name\n")


def test_a_damaged_model_is_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "x.convstep").write_bytes(b"nothing")
    code, out, err = in_process(capsys, "explore", str(tmp_path / "x.convstep"), "--export", str(tmp_path / "page.html"))
    assert (code, out) == (1, "")
    assert err == f"convstep explore: load_model: the file is not a model that convstep wrote\n  given {tmp_path / 'x.convstep'}\n"


def test_a_model_that_is_too_large_is_refused_with_both_numbers(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exploring, "LARGEST_NETWORK", 5000)
    code, out, err = in_process(capsys, "explore", str(model), "--export", str(tmp_path / "page.html"))
    size = re.escape(f"{len(_small_archive(model)) / 2**20:.1f}")
    assert (code, out) == (1, "")
    assert re.fullmatch(
        rf"convstep explore: the model takes {size} MiB, and the explorer opens 0\.0 MiB at most\n  given {re.escape(str(model))}\n",
        err,
    )
    with pytest.raises(DataError):
        exploring.as_network(load_model(model))


def _small_archive(model: Path) -> bytes:
    load_model(model).save(model.with_name("bare.convstep"), include_optimizer=False)
    return model.with_name("bare.convstep").read_bytes()


@pytest.mark.parametrize("image", [False, True])
def test_a_network_that_the_page_cannot_show_is_refused_before_a_page_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, *, image: bool
) -> None:
    Sequential([Input((96, 96, 1)), Flatten()]).save(tmp_path / "large.convstep")
    shown = ["--image", str(picture(tmp_path, np.zeros((5, 5))))] if image else []
    code, out, err = in_process(capsys, "explore", str(tmp_path / "large.convstep"), *shown, "--export", str(tmp_path / "x.html"))
    sentence = "the model takes images of 96 x 96 x 1, and the explorer shows 64 x 64 with 8 channels at most"
    assert (code, out, err) == (1, "", f"convstep explore: {sentence}\n  given {tmp_path / 'large.convstep'}\n")
    assert not (tmp_path / "x.html").exists()


def test_an_image_for_a_network_of_no_fixed_size_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    Sequential([Input((None, None, 1)), Conv2D(2, 3)]).save(tmp_path / "any.convstep")
    image = picture(tmp_path, np.zeros((5, 5)))
    code, _, err = in_process(capsys, "explore", str(tmp_path / "any.convstep"), "--image", str(image), "--export", "x.html")
    sentence = "argument --image: the network does not take images of one size, but (None, None, None, 1)"
    sentence += "; leave it out and choose an image on the page"
    assert (code, err) == (2, f"{USAGE}{sentence}\n")


# ---- served


@contextmanager
def started(place: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the command, and yield it with the line that it prints."""
    run = [sys.executable, "-c", "import sys; " + MAIN, "explore", "--no-browser"]
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=place, env=environment()) as process:
        try:
            assert process.stdout
            yield process, process.stdout.readline()
        finally:
            process.kill()


def test_it_serves_until_ctrl_c_even_while_somebody_is_connected(tmp_path: Path) -> None:
    with started(tmp_path) as (process, line):
        address = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/[\w-]{43}/\n", line)
        assert address
        with urllib.request.urlopen(line.strip()) as answer:  # noqa: S310 - its own
            text = answer.read().decode()
            inside, _, outside = answer.headers["Content-Security-Policy"].rpartition("; ")
        assert outside == "frame-ancestors 'none'"
        assert f'content="{inside}"' in text
        assert '"place":"served"' in text
        with socket.create_connection(("127.0.0.1", int(address[1]))) as idle:
            idle.sendall(b"GET / HTTP/1.1\r\n")
            start = time.monotonic()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=10)
            took = time.monotonic() - start
    assert (process.returncode, out) == (130, "")
    assert err == "convstep explore: serving this machine alone; Ctrl-C stops it\nconvstep: interrupted\n"
    assert took < 3
    assert names(tmp_path) == []


def test_a_port_that_is_taken_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, out, err = in_process(capsys, "explore", "--no-browser", "--port", str(port))
    assert (code, out, err) == (2, "", f"{USAGE}argument --port: {port} cannot be used: Address already in use\n")


@pytest.mark.parametrize("found", [True, False])
def test_the_browser_is_opened_at_the_address(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, found: bool) -> None:
    opened: list[str] = []

    def open_(address: str) -> bool:
        opened.append(address)
        return found

    def serve(_: PageServer) -> None:
        time.sleep(0.2)  # the browser is opened beside the server
        raise KeyboardInterrupt

    monkeypatch.setattr("webbrowser.open", open_)
    monkeypatch.setattr(PageServer, "serve", serve)
    code, out, err = in_process(capsys, "explore")
    assert code == 130
    assert opened == [out.strip()]
    sentence = "convstep explore: no browser was found; open the address in one of yours\n"
    assert (sentence in err) == (not found)
