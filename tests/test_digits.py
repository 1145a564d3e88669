"""The shipped digits, and the script that builds them (on small made-up IDX files)."""

import hashlib
import importlib.util
import io
import re
import sys
import tarfile
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from convstep.data import load_digits
from convstep.data.embedded import _read
from convstep.errors import ConvStepError, DataError

DIGITS = files("convstep.data") / "digits"
SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "build_digits.py"


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_digits", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["build_digits"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


build = load_script()

Sources = tuple[Any, ...]
Maker = Callable[[dict[str, bytes], Path], Path]

# What ships.


def test_digits_come_as_keras_gives_them() -> None:
    (x_train, y_train), (x_test, y_test) = load_digits()
    assert (x_train.shape, x_test.shape) == ((5000, 28, 28), (1000, 28, 28))
    assert (y_train.shape, y_test.shape) == ((5000,), (1000,))
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}


def test_every_digit_is_there_about_as_often() -> None:
    (_, y_train), (_, y_test) = load_digits()
    assert np.bincount(y_train).tolist() == [469, 565, 499, 517, 483, 471, 478, 512, 512, 494]
    assert np.bincount(y_test).tolist() == [96, 115, 89, 123, 87, 99, 88, 111, 89, 103]


def test_the_first_digits_are_the_first_of_mnist() -> None:
    (x_train, y_train), (x_test, y_test) = load_digits()
    assert (y_train[0], y_test[0]) == (5, 7)  # as published: MNIST begins with a 5, its test set with a 7
    assert x_train[0, 5, 12:20].tolist() == [3, 18, 18, 18, 126, 136, 175, 26]
    assert x_test[0, 7, 6:12].tolist() == [84, 185, 159, 151, 60, 36]


def test_images_hold_ink_on_an_empty_background() -> None:
    for x, _ in load_digits():
        assert (x.min(), x.max()) == (0, 255)
        assert (x.max(axis=(1, 2)) > 200).all()
        assert 0.1 < x.mean() / 255 < 0.15


def test_no_image_is_there_twice() -> None:
    (x_train, _), (x_test, _) = load_digits()
    together = np.concatenate([x_train, x_test]).reshape(6000, -1)
    assert len(np.unique(together, axis=0)) == 6000


def test_each_call_gives_arrays_of_its_own() -> None:
    (first, _), _ = load_digits()
    first[:] = 0
    (second, _), _ = load_digits()
    assert second.any()


def test_a_nearest_mean_classifier_reads_them() -> None:
    """Images and labels belong together: shuffled labels would give 10 %."""
    (x_train, y_train), (x_test, y_test) = load_digits()
    means = np.stack([x_train[y_train == digit].mean(axis=0) for digit in range(10)])
    distances = ((x_test[:, None] - means) ** 2).sum(axis=(2, 3))
    assert (distances.argmin(axis=1) == y_test).mean() > 0.75


def test_a_damaged_file_is_one_clear_error(tmp_path: Path) -> None:
    content = bytearray((DIGITS / "digits.npz").read_bytes())
    content[500_000] ^= 1
    damaged = tmp_path / "digits.npz"
    damaged.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    with pytest.raises(DataError) as caught:
        _read(damaged)
    assert str(caught.value) == (
        f"load_digits: digits.npz has sha256 {sha256[:12]}..., expected 1ec3b7164a2f...\n"
        f"  given {damaged}; installing convstep again restores it"
    )
    assert isinstance(caught.value, ConvStepError)


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    missing = tmp_path / "digits.npz"
    with pytest.raises(DataError) as caught:
        _read(missing)
    assert str(caught.value) == (
        f"load_digits: digits.npz is missing or cannot be read\n  given {missing}; installing convstep again restores it"
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("LICENSE", ["CC BY-SA 3.0", "https://creativecommons.org/licenses/by-sa/3.0/", "MIT"]),
        ("ATTRIBUTION.md", ["Yann LeCun", "Corinna Cortes", "Christopher J.C. Burges", "CC BY-SA 3.0", "subset"]),
    ],
)
def test_licence_and_attribution_ship_with_the_digits(name: str, words: list[str]) -> None:
    text = (DIGITS / name).read_text(encoding="utf-8")
    assert [word for word in words if word not in text] == []


# The script.


def made_up(seed: int = 0) -> tuple[Sources, dict[str, bytes]]:
    """Four small IDX files, 25 training and 21 test images of 3x2, and the sources that describe them."""
    rng = np.random.default_rng(seed)
    sources, contents = [], {}
    for source in build.MNIST:
        shape = (25 if "train" in source.key else 21, *((3, 2) if source.key.startswith("x") else ()))
        header = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
        contents[source.name] = header + rng.integers(0, 256, shape, dtype=np.uint8).tobytes()
        sha256 = hashlib.sha256(contents[source.name]).hexdigest()
        sources.append(build.Source(source.key, source.name, sha256, shape, source.every))
    return tuple(sources), contents


def folder_of(contents: dict[str, bytes], folder: Path) -> Path:
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


def tarball_of(contents: dict[str, bytes], path: Path) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"package/data/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def failure(capsys: pytest.CaptureFixture[str], *argv: object, sources: Sources) -> str:
    """Run the script, which must refuse, and give what it says on stderr."""
    assert build.main([str(arg) for arg in argv], sources=sources) == 1
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_the_rule_is_every_12th_and_every_10th_from_the_first(tmp_path: Path) -> None:
    sources, contents = made_up()
    output = tmp_path / "digits.npz"
    assert build.main([str(folder_of(contents, tmp_path / "raw")), "--output", str(output)], sources=sources) == 0
    for source in sources:
        raw = np.frombuffer(contents[source.name], np.uint8)[-int(np.prod(source.shape)) :].reshape(source.shape)
        picked = [0, 12, 24] if "train" in source.key else [0, 10, 20]
        with np.load(output) as archive:
            assert archive[source.key].tolist() == [raw[i].tolist() for i in picked]


def test_the_real_rule_picks_5000_and_1000() -> None:
    sizes = {source.key: len(range(0, source.shape[0], source.every)) for source in build.MNIST}
    assert sizes == {"x_train": 5000, "y_train": 5000, "x_test": 1000, "y_test": 1000}


def test_tarball_and_folder_give_the_same_bytes_and_the_printed_sha256(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources, contents = made_up()
    raws = [folder_of(contents, tmp_path / "raw"), tarball_of(contents, tmp_path / "raw.tgz")]
    outputs = []
    for raw in raws:
        output = tmp_path / "digits.npz"
        assert build.main([str(raw), "--output", str(output)], sources=sources) == 0
        outputs.append(output.read_bytes())
        assert capsys.readouterr().out == f"{hashlib.sha256(outputs[-1]).hexdigest()}  digits.npz\n"
    assert outputs[0] == outputs[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digits.npz", "raw", "raw.tgz"]


def test_the_shipped_file_is_what_the_script_packs() -> None:
    with np.load(io.BytesIO((DIGITS / "digits.npz").read_bytes())) as archive:
        arrays = {key: archive[key] for key in archive.files}
    assert list(arrays) == [source.key for source in build.MNIST]
    build.compare(arrays, build.SHIPPED)


@pytest.mark.parametrize("made", [folder_of, tarball_of])
def test_another_hash_is_refused(made: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources, _ = made_up()
    _, others = made_up(seed=1)
    raw = made(others, tmp_path / "raw")
    name = "train-images-idx3-ubyte"
    found = hashlib.sha256(others[name]).hexdigest()
    assert failure(capsys, raw, "--output", tmp_path / "new.npz", sources=sources) == (
        f"build_digits: {name} has sha256 {found[:12]}..., expected {sources[0].sha256[:12]}...\n  given {raw}\n"
    )
    assert not (tmp_path / "new.npz").exists()


@pytest.mark.parametrize("made", [folder_of, tarball_of])
def test_a_truncated_file_is_refused(made: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources, contents = made_up()
    contents["t10k-labels-idx1-ubyte"] = contents["t10k-labels-idx1-ubyte"][:-1]
    raw = made(contents, tmp_path / "raw")
    assert failure(capsys, raw, "--output", tmp_path / "new.npz", sources=sources) == (
        f"build_digits: t10k-labels-idx1-ubyte has 28 bytes, expected 29\n  given {raw}\n"
    )


@pytest.mark.parametrize(("made", "where"), [(folder_of, ""), (tarball_of, "package/data/")])
def test_a_missing_file_is_named(made: Maker, where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources, contents = made_up()
    del contents["train-labels-idx1-ubyte"]
    raw = made(contents, tmp_path / "raw")
    assert failure(capsys, raw, "--output", tmp_path / "new.npz", sources=sources) == (
        f"build_digits: {where}train-labels-idx1-ubyte is not there\n  given {raw}\n"
    )


def test_a_link_in_the_tarball_is_not_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources, _ = made_up()
    raw = tmp_path / "raw.tgz"
    with tarfile.open(raw, "w:gz") as tar:
        link = tarfile.TarInfo("package/data/train-images-idx3-ubyte")
        link.type, link.linkname = tarfile.SYMTYPE, str(SCRIPT)
        tar.addfile(link)
    assert failure(capsys, raw, "--output", tmp_path / "new.npz", sources=sources) == (
        f"build_digits: package/data/train-images-idx3-ubyte is not there\n  given {raw}\n"
    )


@pytest.mark.parametrize("how", ["absent", "text", "cut"])
def test_what_is_neither_folder_nor_tarball_is_refused(how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources, contents = made_up()
    raw = tmp_path / "raw.tgz"
    if how == "text":
        raw.write_text("not a tarball")
    elif how == "cut":
        tarball_of(contents, raw)
        raw.write_bytes(raw.read_bytes()[:-300])
    assert failure(capsys, raw, "--output", tmp_path / "new.npz", sources=sources) == (
        f"build_digits: neither a folder nor a whole .tgz\n  given {raw}\n"
    )


def test_an_unreadable_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    sources, contents = made_up()
    raw = folder_of(contents, tmp_path / "raw")

    def fails(_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "read_bytes", fails)
    assert failure(capsys, raw, sources=sources) == (f"build_digits: train-images-idx3-ubyte cannot be read\n  given {raw}\n")


def test_check_passes_on_what_was_built_and_writes_nothing(tmp_path: Path) -> None:
    sources, contents = made_up()
    raw, output = folder_of(contents, tmp_path / "raw"), tmp_path / "digits.npz"
    assert build.main([str(raw), "--output", str(output)], sources=sources) == 0
    before = output.stat().st_mtime_ns
    assert build.main([str(raw), "--check", "--output", str(output)], sources=sources) == 0
    assert output.stat().st_mtime_ns == before


def test_check_compares_contents_not_compression(tmp_path: Path) -> None:
    sources, contents = made_up()
    raw, output = folder_of(contents, tmp_path / "raw"), tmp_path / "digits.npz"
    np.savez(output, **build.pick(raw, sources))
    assert build.main([str(raw), "--check", "--output", str(output)], sources=sources) == 0


def test_check_names_the_array_that_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources, contents = made_up()
    raw, output = folder_of(contents, tmp_path / "raw"), tmp_path / "digits.npz"
    arrays = build.pick(raw, sources)
    arrays["x_test"][1, 0, 0] ^= 1
    output.write_bytes(build.pack(arrays))
    assert failure(capsys, raw, "--check", "--output", output, sources=sources) == (
        f"build_digits: x_test in digits.npz is not what the raw files give\n  given {output}\n"
    )


def test_check_names_the_arrays_that_are_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources, contents = made_up()
    raw, output = folder_of(contents, tmp_path / "raw"), tmp_path / "digits.npz"
    arrays = build.pick(raw, sources)
    del arrays["y_test"]
    output.write_bytes(build.pack(arrays))
    assert failure(capsys, raw, "--check", "--output", output, sources=sources) == (
        f"build_digits: digits.npz holds x_train, y_train, x_test, expected x_train, y_train, x_test, y_test\n  given {output}\n"
    )


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 not a zip", b"plain text"])
def test_check_refuses_a_missing_or_damaged_file(content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources, contents = made_up()
    raw, output = folder_of(contents, tmp_path / "raw"), tmp_path / "digits.npz"
    if content is not None:
        output.write_bytes(content)
    assert failure(capsys, raw, "--check", "--output", output, sources=sources) == (
        f"build_digits: digits.npz is missing or damaged\n  given {output}\n"
    )


def test_a_build_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sources, contents = made_up()
    raw, output = folder_of(contents, tmp_path / "raw"), tmp_path / "digits.npz"
    output.write_bytes(b"old")

    def fails(_: object) -> None:
        raise OSError

    monkeypatch.setattr(build.os, "fsync", fails)
    assert failure(capsys, raw, "--output", output, sources=sources) == (f"build_digits: digits.npz cannot be written\n  given {output}\n")
    assert output.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digits.npz", "raw"]


def test_an_absent_output_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources, contents = made_up()
    raw, output = folder_of(contents, tmp_path / "raw"), tmp_path / "absent" / "digits.npz"
    assert failure(capsys, raw, "--output", output, sources=sources) == (f"build_digits: digits.npz cannot be written\n  given {output}\n")


def test_hashes_are_whole() -> None:
    assert all(re.fullmatch("[0-9a-f]{64}", source.sha256) for source in build.MNIST)
