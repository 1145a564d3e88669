"""MNIST, Fashion-MNIST and CIFAR-10: where they are looked for, how they are downloaded, and what is refused.

The sets here are small ones of the tests' own, with their own hashes; the mirrors are servers on 127.0.0.1.
"""

import gzip
import hashlib
import io
import os
import pickle
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.damage import answers, withstands
from tests.mirrors import Mirror, empty_machine, placed, refused, started_mirrors

from convstep.data import cifar10, download, fashion_mnist, mnist
from convstep.data.fashion_mnist import FASHION_MNIST
from convstep.data.idx import header
from convstep.data.mnist import MNIST
from convstep.data.sets import KEYS, IdxSet, Source, load
from convstep.errors import DataUnavailableError, MissingExtraError

MIB = 2**20
ROOT = Path(__file__).resolve().parents[1]
FIXTURES = (empty_machine, started_mirrors)
DEBIAN = Path("/usr/share/datasets/fashion-mnist")


# --- A small MNIST ---


def made_up(seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    shapes = {"x_train": (20, 6, 5), "y_train": (20,), "x_test": (7, 6, 5), "y_test": (7,)}
    return {key: rng.integers(0, 10, shape, dtype=np.uint8) for key, shape in shapes.items()}


NAMES = {key: source.name for key, source in zip(KEYS, MNIST.sources, strict=True)}


def contents(arrays: dict[str, np.ndarray[Any, Any]]) -> dict[str, bytes]:
    return {NAMES[key]: header(array.shape) + array.tobytes() for key, array in arrays.items()}


def small(*mirrors: str) -> IdxSet:
    """Return a data set like MNIST, of the made-up files."""
    files = contents(made_up())
    sources = [Source(NAMES[key], hashlib.sha256(files[NAMES[key]]).hexdigest(), array.shape) for key, array in made_up().items()]
    return replace(MNIST, sources=(sources[0], sources[1], sources[2], sources[3]), mirrors=mirrors)


def matches(loaded: Any, seed: int = 0) -> bool:
    (x_train, y_train), (x_test, y_test) = loaded
    found = dict(zip(KEYS, (x_train, y_train, x_test, y_test), strict=True))
    return all(np.array_equal(found[key], array) and found[key].dtype == np.uint8 for key, array in made_up(seed).items())


# What is on the machine.


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_named_folder_is_read(nowhere: Path, suffix: str) -> None:
    assert matches(load(small(), placed(nowhere / "mine", contents(made_up()), suffix=suffix)))


def test_a_named_folder_may_use_dots_in_its_names(nowhere: Path) -> None:
    files = {name.replace("-idx", ".idx"): content for name, content in contents(made_up()).items()}
    assert matches(load(small(), placed(nowhere / "mine", files)))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_named_npz_is_read_as_keras_wrote_it(nowhere: Path, save: Callable[..., None]) -> None:
    saved: Any = made_up()
    save(nowhere / "mnist.npz", **saved)
    assert matches(load(small(), nowhere / "mnist.npz"))


def test_named_files_need_not_be_the_originals(nowhere: Path) -> None:
    assert matches(load(small(), placed(nowhere / "mine", contents(made_up(1)))), seed=1)


@pytest.mark.parametrize(
    "place",
    [
        "cache/mnist",
        "work/data/MNIST/raw",
        "work/MNIST/raw",
        "home/data/MNIST/raw",
        "home/datasets/MNIST/raw",
        "home/.cache/torchvision/MNIST/raw",
    ],
)
def test_the_places_of_the_cache_and_of_torchvision_are_known(nowhere: Path, place: str) -> None:
    placed(nowhere / place, contents(made_up()))
    assert matches(load(small(), None))


@pytest.mark.parametrize("home", [None, "elsewhere"])
def test_the_place_of_keras_is_known(nowhere: Path, monkeypatch: pytest.MonkeyPatch, home: str | None) -> None:
    folder = nowhere / (home or "home/.keras") / "datasets"
    if home:
        monkeypatch.setenv("KERAS_HOME", str(nowhere / home))
    folder.mkdir(parents=True)
    saved: Any = made_up()
    np.savez(folder / "mnist.npz", **saved)
    assert matches(load(small(), None))


def test_what_is_found_but_not_the_original_is_passed_over(nowhere: Path) -> None:
    placed(nowhere / "cache/mnist", contents(made_up(1)))
    placed(nowhere / "work/data/MNIST/raw", {name: content[:-1] for name, content in contents(made_up()).items()})
    placed(nowhere / "home/data/MNIST/raw", contents(made_up()))
    assert matches(load(small(), None))


def test_what_is_named_goes_before_what_is_found(nowhere: Path) -> None:
    placed(nowhere / "cache/mnist", contents(made_up()))
    assert matches(load(small(), placed(nowhere / "mine", contents(made_up(1)))), seed=1)


def test_the_cache_goes_before_other_places(nowhere: Path) -> None:
    placed(nowhere / "cache/mnist", contents(made_up()))
    placed(nowhere / "work/data/MNIST/raw", dict.fromkeys(NAMES.values(), b""))
    assert [folder.relative_to(nowhere) for folder in list(small().folders())[:1]] == [Path("cache/mnist")]
    assert matches(load(small(), None))


def test_the_debian_package_is_a_known_place_of_fashion_mnist() -> None:
    assert DEBIAN in list(FASHION_MNIST.folders())


@pytest.mark.skipif(not DEBIAN.exists(), reason="Debian's package dataset-fashion-mnist is not installed")
def test_fashion_mnist_of_debian_is_the_original() -> None:
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
    assert (x_train.shape, x_test.shape) == ((60000, 28, 28), (10000, 28, 28))
    assert np.bincount(y_train).tolist() == [6000] * 10
    assert np.bincount(y_test).tolist() == [1000] * 10


@pytest.mark.skipif("CONVSTEP_MNIST" not in os.environ, reason="CONVSTEP_MNIST names no folder with the original MNIST")
def test_mnist_is_the_original(nowhere: Path) -> None:
    (nowhere / "cache/mnist").symlink_to(os.environ["CONVSTEP_MNIST"])
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    assert (x_train.shape, y_train[:5].tolist()) == ((60000, 28, 28), [5, 0, 4, 1, 9])
    assert (x_test.shape, y_test[:5].tolist()) == ((10000, 28, 28), [7, 2, 1, 0, 4])


# What is refused.


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"x_train": np.zeros((20, 6), np.uint8)}, "x_train must be uint8 with 3 axes, not uint8 of shape (20, 6)"),
        ({"x_test": np.zeros((7, 5, 5), np.uint8)}, "the images are (6, 5) in x_train but (5, 5) in x_test"),
        ({"y_train": np.zeros(19, np.uint8)}, "x_train has 20 images but y_train has 19 labels"),
        ({"y_test": np.full(7, 10, np.uint8)}, "y_test has the label 10, expected 0 to 9"),
    ],
)
def test_named_files_that_do_not_fit_together_are_refused(nowhere: Path, change: dict[str, Any], fact: str) -> None:
    folder = placed(nowhere / "mine", contents(made_up() | change))
    assert refused(lambda: load(small(), folder)) == f"mnist.load_data: {fact}\n  given {folder}"


def test_a_folder_that_lacks_a_file_is_refused(nowhere: Path) -> None:
    folder = placed(nowhere / "mine", contents(made_up()))
    (folder / NAMES["y_test"]).unlink()
    assert refused(lambda: load(small(), folder)) == (
        f"mnist.load_data: the folder has no t10k-labels-idx1-ubyte, raw or .gz\n  given {folder}"
    )


@pytest.mark.parametrize("content", [None, b"", b"plain text"])
def test_what_is_neither_folder_nor_npz_is_refused(nowhere: Path, content: bytes | None) -> None:
    path = nowhere / "mine"
    if content is not None:
        path.write_bytes(content)
    names = ", ".join(NAMES.values())
    fact = "there is no such file" if content is None else f"expected a folder with {names}, raw or .gz, or an npz with {', '.join(KEYS)}"
    assert refused(lambda: load(small(), path)) == f"mnist.load_data: {fact}\n  given {path}"


def npz(path: Path, **entries: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, content in entries.items():
            archive.writestr(f"{key}.npy", content)
    return path


def npy(shape: tuple[int, ...], descr: str = "|u1", cells: bytes = b"") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue() + cells


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (npy((2**40,)), rf"x_train claims the shape \({2**40},\), so {2**40} bytes, more than the {2**26} that may be in the file"),
        (npy((3,), cells=b"ab"), r"x_train claims the shape \(3,\) but holds another number of cells"),
        (npy((3,), cells=b"abcd"), r"x_train claims the shape \(3,\) but holds another number of cells"),
        (npy((3,), "<f8", b"." * 24), r"x_train is float64 of shape \(3,\), expected uint8 in C order"),
        (npy((3,), "|O", pickle.dumps([1, 2, 3])), r"x_train is object of shape \(3,\), expected uint8 in C order"),
        (npy((-3,), cells=b"abc"), r"x_train is uint8 of shape \(-3,\), expected uint8 in C order"),
        (b"no npy", r"the npz is cut off or damaged \(ValueError\)"),
    ],
)
def test_an_npz_that_is_not_what_it_claims_is_refused(nowhere: Path, content: bytes, fact: str) -> None:
    path = npz(nowhere / "mine.npz", x_train=content)
    answer = answers(lambda: load(small(), path), memory=MIB)
    assert re.fullmatch(rf"mnist\.load_data: {fact}\n  given {re.escape(str(path))}", answer)


def test_an_npz_without_an_array_is_refused(nowhere: Path) -> None:
    path = npz(nowhere / "mine.npz", x_train=npy((1, 1, 1), cells=b"a"))
    assert refused(lambda: load(small(), path)) == f"mnist.load_data: the npz has no y_train\n  given {path}"


def test_damaged_npz_files_are_one_clear_error(nowhere: Path) -> None:
    file = io.BytesIO()
    saved: Any = made_up()
    np.savez_compressed(file, **saved)
    outcome = withstands(lambda path: load(small(), path), nowhere / "mine.npz", file.getvalue(), memory=66 * MIB)
    assert len(outcome) > 600
    assert len(set(outcome)) > 5


# --- Downloads ---


def zipped(seed: int = 0) -> dict[str, bytes]:
    return {f"{name}.gz": gzip.compress(content) for name, content in contents(made_up(seed)).items()}


def kept(nowhere: Path) -> list[str]:
    return sorted(path.name for path in (nowhere / "cache/mnist").iterdir())


def test_what_is_missing_is_downloaded_once_and_kept_uncompressed(nowhere: Path, serve: Any, capfd: pytest.CaptureFixture[str]) -> None:
    mirror = Mirror(zipped())
    data = small(serve(mirror))
    assert matches(load(data, None))
    assert len(mirror.requests) == 4
    assert kept(nowhere) == sorted(NAMES.values())
    out, err = capfd.readouterr()
    assert out == ""
    host = data.mirrors[0].removeprefix("http://")
    assert err.splitlines() == [f"{name}: downloading from {host}" for name in NAMES.values()]
    assert matches(load(data, None))
    assert len(mirror.requests) == 4


@pytest.mark.parametrize("first", ["404", "wrong", "cut gzip", "too long", "no gzip", "not there"])
def test_the_second_mirror_helps_where_the_first_fails(nowhere: Path, serve: Any, first: str) -> None:
    files = {
        "404": {},
        "wrong": zipped(1),
        "cut gzip": {name: content[:-5] for name, content in zipped().items()},
        "too long": {name: gzip.compress(bytes(10**7)) for name in zipped()},
        "no gzip": dict.fromkeys(zipped(), b"<html>Please log in</html>"),
        "not there": {},
    }[first]
    good, bad = Mirror(zipped()), Mirror(files)
    address = "http://127.0.0.1:9" if first == "not there" else serve(bad)
    assert matches(load(small(address, serve(good)), None))
    assert kept(nowhere) == sorted(NAMES.values())
    assert len(good.requests) == 4


def test_a_mirror_may_keep_the_files_uncompressed(serve: Any) -> None:
    files = {f"{name}.gz": content for name, content in contents(made_up()).items()}
    assert matches(load(small(serve(Mirror(files))), None))


def test_a_broken_connection_is_taken_up_where_it_broke(serve: Any) -> None:
    mirror = Mirror(zipped(), breaks=3)
    assert matches(load(small(serve(mirror)), None))
    name = f"{NAMES['x_train']}.gz"
    half = len(mirror.files[name]) // 2
    assert [request for request in mirror.requests if request[0] == name][:2] == [(name, None, 200), (name, f"bytes={half}-", 206)]
    assert len([status for _, _, status in mirror.requests if status == 206]) == 3


def test_a_server_that_cannot_resume_starts_again(serve: Any) -> None:
    mirror = Mirror(zipped(), breaks=1, ranges=False)
    assert matches(load(small(serve(mirror)), None))
    assert [status for _, _, status in mirror.requests] == [200] * 5


def part_of(nowhere: Path, data: IdxSet, content: bytes) -> Path:
    """Leave what an earlier run, which was stopped, would leave."""
    name = NAMES["x_train"]
    url = f"{data.mirrors[0]}/{name}.gz"
    part = nowhere / "cache/mnist" / f"{name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(content)
    return part


@pytest.mark.parametrize(("cut", "statuses"), [(100, [206, 200, 200, 200]), (None, [416, 200, 200, 200])])
def test_a_later_run_takes_up_what_an_earlier_one_left(nowhere: Path, serve: Any, cut: int | None, statuses: list[int]) -> None:
    mirror = Mirror(zipped())
    data = small(serve(mirror))
    part_of(nowhere, data, zipped()[f"{NAMES['x_train']}.gz"][:cut])
    assert matches(load(data, None))
    assert [status for _, _, status in mirror.requests] == statuses
    assert kept(nowhere) == sorted(NAMES.values())


def test_a_part_of_another_file_is_thrown_away(nowhere: Path, serve: Any) -> None:
    mirror = Mirror(zipped())
    data = small(serve(mirror))
    part_of(nowhere, data, b"\x1f\x8b" + b"x" * 60)
    assert matches(load(data, None))
    assert [status for _, _, status in mirror.requests] == [206, 200, 200, 200, 200]


def test_when_no_mirror_delivers_one_error_says_what_each_did(nowhere: Path, serve: Any) -> None:
    data = small(serve(Mirror({})), serve(Mirror(zipped(1))), "http://127.0.0.1:9")
    one, two = (mirror.removeprefix("http://") for mirror in data.mirrors[:2])
    assert refused(lambda: load(data, None), DataUnavailableError) == (
        f"mnist.load_data: train-images-idx3-ubyte is not on this machine and no mirror delivered it "
        f"({one}: answers 404; {two}: another content than expected; 127.0.0.1:9: no connection (ConnectionError))\n"
        f"  given {nowhere}/cache/mnist; with the files at hand: mnist.load_data(from_file=FOLDER)"
    )
    assert kept(nowhere) == []


def test_a_mirror_that_always_breaks_is_given_up_and_its_part_kept(nowhere: Path, serve: Any) -> None:
    data = small(serve(Mirror(zipped(), breaks=10**6)))
    message = refused(lambda: load(data, None), DataUnavailableError)
    assert "the connection broke" in message
    (left,) = kept(nowhere)
    assert left.endswith(".part")


def test_a_server_that_says_nothing_is_left(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PATIENCE", (0.2, 0.2))
    release = threading.Event()

    class Slow(dict[str, bytes]):
        def get(self, *_: Any) -> Any:
            release.wait(5)

    data = small(serve(Mirror(Slow())))
    try:
        assert "no answer in time" in refused(lambda: load(data, None), DataUnavailableError)
    finally:
        release.set()


def test_a_cache_that_cannot_be_written_is_one_clear_error(nowhere: Path, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (nowhere / "full").write_text("a file where a folder should be")
    monkeypatch.setenv("CONVSTEP_DATA", str(nowhere / "full"))
    message = refused(lambda: load(small(serve(Mirror(zipped()))), None), DataUnavailableError)
    assert message == (
        "mnist.load_data: train-images-idx3-ubyte cannot be kept (not a directory)\n"
        f"  given {nowhere}/full/mnist; set CONVSTEP_DATA to a folder that can be written"
    )


def test_without_pooch_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    monkeypatch.delenv("CONVSTEP_DATA")
    assert refused(lambda: load(small(), None), MissingExtraError) == (
        'mnist.load_data: pooch is not installed; this installs it: pip install "convstep[data]"'
    )


def test_without_a_variable_the_cache_is_the_platforms(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pooch", reason="pooch is not installed (extra data)")
    monkeypatch.delenv("CONVSTEP_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(nowhere / "xdg"))
    folder = download.cache_folder()
    assert folder is not None
    assert folder.name == "convstep"


def test_the_sets_are_modules_as_in_keras() -> None:
    code = "import convstep.data.mnist as a; from convstep.data import mnist, cifar10; print(a is mnist, cifar10.CLASS_NAMES[3])"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout == "True cat\n"


def test_hashes_are_whole_and_sizes_those_of_the_originals() -> None:
    for data in (MNIST, FASHION_MNIST):
        assert all(re.fullmatch("[0-9a-f]{64}", source.sha256) for source in data.sources)
        assert [source.size for source in data.sources] == [47040016, 60008, 7840016, 10008]
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in cifar10.SHA256)
    assert all(re.fullmatch("[0-9a-f]{32}", md5) for md5 in cifar10.MD5)
