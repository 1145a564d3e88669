"""CIFAR-10: both versions of its archive, in small; and archives and pickles that mean harm."""

import gzip
import hashlib
import io
import os
import pickle
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.damage import answers, withstands
from tests.mirrors import Mirror, empty_machine, placed, refused, started_mirrors

from convstep.data import batches, cifar10

MIB = 2**20
FIXTURES = (empty_machine, started_mirrors)
PER_BATCH = 3
ROW = 3072


def rows(name: str) -> tuple[np.ndarray[Any, Any], list[int]]:
    rng = np.random.default_rng(batches.BATCHES.index(name))
    return rng.integers(0, 256, (PER_BATCH, ROW), dtype=np.uint8), rng.integers(0, 10, PER_BATCH).tolist()


def binary(name: str) -> bytes:
    cells, labels = rows(name)
    return b"".join(bytes([label]) + row.tobytes() for label, row in zip(labels, cells, strict=True))


def text(value: bytes) -> bytes:
    """Return the instruction with which Python 2 writes a text."""
    return b"U" + bytes([len(value)]) + value if len(value) < 256 else b"T" + len(value).to_bytes(4, "little") + value


def pickled(name: str) -> bytes:
    """Write a batch as Python 2 and NumPy 1 did: protocol 2, texts of bytes, the array through _reconstruct."""
    cells, labels = rows(name)
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x06cnumpy\nndarray\nq\x07K\x00\x85U\x01b\x87Rq\x08(K\x01"
        b"K"
        + bytes([len(cells)])
        + b"M\x00\x0c\x86cnumpy\ndtype\nq\x09U\x02u1K\x00K\x01\x87Rq\x0a(K\x03U\x01|NNN"
        + b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        + text(cells.tobytes())
        + b"tb"
    )
    numbers = b"]q\x05(" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    names = b"](" + b"".join(text(b"cat_s_%06d.png" % index) for index in range(PER_BATCH)) + b"e"
    entries = text(b"batch_label") + text(b"training batch 1 of 5") + text(b"labels") + numbers + text(b"data") + array
    return b"\x80\x02}q\x01(" + entries + text(b"filenames") + names + b"u."


def archive(path: Path, kind: str, extra: Callable[[tarfile.TarFile], None] | None = None, skip: str = "") -> Path:
    write, suffix = (binary, ".bin") if kind == "bin" else (pickled, "")
    with tarfile.open(path, "w:gz") as tar:
        for name in batches.BATCHES:
            if name != skip:
                member = tarfile.TarInfo(f"cifar-10-batches-{kind}/{name}{suffix}")
                member.size = len(write(name))
                tar.addfile(member, io.BytesIO(write(name)))
        if extra:
            extra(tar)
    return path


def is_small_cifar(loaded: Any) -> bool:
    (x_train, y_train), (x_test, y_test) = loaded
    every = [rows(name) for name in batches.BATCHES]
    images = np.concatenate([cells.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) for cells, _ in every])
    labels = np.concatenate([np.array(numbers, np.uint8) for _, numbers in every])[:, None]
    return (
        np.array_equal(np.concatenate([x_train, x_test]), images)
        and np.array_equal(np.concatenate([y_train, y_test]), labels)
        and (x_train.shape, y_train.shape) == ((5 * PER_BATCH, 32, 32, 3), (5 * PER_BATCH, 1))
        and {x_train.dtype, y_train.dtype, x_test.dtype, y_test.dtype} == {np.dtype(np.uint8)}
        and x_train.flags.c_contiguous
    )


@pytest.mark.parametrize("kind", ["py", "bin"])
def test_the_archive_and_the_folder_of_both_versions_are_read(nowhere: Path, kind: str) -> None:
    write, suffix = (binary, ".bin") if kind == "bin" else (pickled, "")
    folder = placed(nowhere / f"mine/cifar-10-batches-{kind}", {f"{name}{suffix}": write(name) for name in batches.BATCHES})
    assert is_small_cifar(cifar10.load_data(from_file=archive(nowhere / "mine.tar.gz", kind)))
    assert is_small_cifar(cifar10.load_data(from_file=folder))
    assert is_small_cifar(cifar10.load_data(from_file=str(folder.parent)))


def test_the_pickles_here_are_what_numpy_and_pickle_read() -> None:
    """The tests' own batch is a real one: Python's pickle reads it as Keras does."""
    batch = pickle.loads(pickled("test_batch"), encoding="bytes")  # noqa: S301 - written above
    cells, labels = rows("test_batch")
    assert np.array_equal(batch[b"data"], cells)
    assert batch[b"labels"] == labels


def test_the_cache_and_the_places_of_torchvision_and_keras_are_known(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {name: pickled(name) for name in batches.BATCHES}
    folder = nowhere / "home/.keras/datasets/cifar-10-batches-py-target/cifar-10-batches-py"
    placed(folder, files)
    monkeypatch.setattr(cifar10, "MD5", tuple(hashlib.md5(content, usedforsecurity=False).hexdigest() for content in files.values()))
    assert is_small_cifar(cifar10.load_data())
    (folder / "test_batch").unlink()
    original = archive(nowhere / "cifar-10-binary.tar.gz", "bin")
    monkeypatch.setattr(cifar10, "SHA256", {hashlib.sha256(original.read_bytes()).hexdigest()})
    (nowhere / "work/data").mkdir()
    original.rename(nowhere / "work/data/cifar-10-binary.tar.gz")
    assert is_small_cifar(cifar10.load_data())


def test_cifar10_is_downloaded_from_the_second_mirror(nowhere: Path, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    content = archive(nowhere / "a.tar.gz", "py").read_bytes()
    name = cifar10.ARCHIVE.name
    good, bad = Mirror({name: content}, breaks=1), Mirror({name: content[:-9] + b"different"})
    wanted = replace(cifar10.ARCHIVE, sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    monkeypatch.setattr(cifar10, "ARCHIVE", wanted)
    monkeypatch.setattr(cifar10, "SHA256", {wanted.sha256})
    monkeypatch.setattr(cifar10, "MIRRORS", tuple(f"{serve(mirror)}/{name}" for mirror in (bad, good)))
    assert is_small_cifar(cifar10.load_data())
    assert [status for _, _, status in good.requests] == [200, 206]
    assert is_small_cifar(cifar10.load_data())
    assert len(good.requests) == 2
    assert sorted(path.name for path in (nowhere / "cache/cifar10").iterdir()) == [name]


def link(tar: tarfile.TarFile) -> None:
    member = tarfile.TarInfo("cifar-10-batches-bin/test_batch.bin")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    tar.addfile(member)


def hard_link(tar: tarfile.TarFile) -> None:
    member = tarfile.TarInfo("cifar-10-batches-bin/test_batch.bin")
    member.type, member.linkname = tarfile.LNKTYPE, "cifar-10-batches-bin/data_batch_1.bin"
    tar.addfile(member)


def twice(tar: tarfile.TarFile) -> None:
    member = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
    member.size = 3073
    tar.addfile(member, io.BytesIO(bytes(3073)))


def giant(tar: tarfile.TarFile) -> None:
    member = tarfile.TarInfo("cifar-10-batches-bin/test_batch.bin")
    member.size = 2**26 - 2**19
    tar.addfile(member, io.BytesIO(bytes(member.size)))


def bomb(tar: tarfile.TarFile) -> None:
    member = tarfile.TarInfo("readme.html")
    member.size = 2**27
    tar.addfile(member, io.BytesIO(bytes(member.size)))


def many(tar: tarfile.TarFile) -> None:
    for number in range(100):
        tar.addfile(tarfile.TarInfo(f"empty{number}"))


def odd(tar: tarfile.TarFile) -> None:
    member = tarfile.TarInfo("test_batch.bin")
    member.size = 3074
    tar.addfile(member, io.BytesIO(bytes(3074)))


@pytest.mark.parametrize(
    ("extra", "fact"),
    [
        (link, "in the archive, test_batch.bin is no regular file but a link or a device"),
        (hard_link, "in the archive, test_batch.bin is no regular file but a link or a device"),
        (twice, "in the archive, data_batch_1.bin is there twice"),
        (giant, f"in the archive, test_batch.bin claims {2**26 - 2**19} bytes, more than {2**25}"),
        (bomb, f"the archive expands to more than {2**26} bytes"),
        (many, "the archive has more than 64 members"),
        (odd, "test_batch.bin has 3074 bytes, no multiple of 3073"),
        (None, "the archive has no test_batch"),
    ],
)
def test_hostile_archives_are_refused(nowhere: Path, extra: Any, fact: str) -> None:
    path = archive(nowhere / "mine.tar.gz", "bin", extra, skip="test_batch")
    answer = answers(lambda: cifar10.load_data(from_file=path), memory=8 * MIB)
    advice = "; expected cifar-10-python.tar.gz or cifar-10-binary.tar.gz" if extra is None else ""
    assert answer == f"cifar10.load_data: {fact}\n  given {path}{advice}"


class Runs:
    """What a hostile pickle asks for."""

    def __reduce__(self) -> Any:
        return os.system, ("touch hacked",)


HOSTILE = {
    "runs a command": (pickle.dumps(Runs(), 2), "is refused: it names 'posix system', which a batch does not need"),
    "later protocol": (pickle.dumps({"data": 1}, 4), "is refused: a batch has no FRAME"),
    "memo": (b"\x80\x02}r\xff\xff\xff\x7f.", "is refused: its memo is larger than the file"),
    "nested": (b"\x80\x02" + b"(" * 1000 + b".", "is refused: it nests deeper than a batch does"),
    "deep tuple": (b"\x80\x02K\x01" + b"\x85" * 10**6 + b".", "is refused: it nests deeper than a batch does"),
    "persistent": (b"\x80\x02Pname\n.", "is refused: a batch has no PERSID"),
    "another class": (b"\x80\x02cbuiltins\neval\n.", "is refused: it names 'builtins eval', which a batch does not need"),
    "no batch": (b"\x80\x02}.", "is cut off or damaged (KeyError)"),
    "a number": (b"\x80\x02K\x01.", "is cut off or damaged (AttributeError)"),
    "empty": (b"", "is cut off or damaged (ValueError)"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_are_refused_and_nothing_runs(nowhere: Path, name: str) -> None:
    content, fact = HOSTILE[name]
    folder = placed(nowhere / "mine", dict.fromkeys(batches.BATCHES, content))
    answer = answers(lambda: cifar10.load_data(from_file=folder), memory=16 * MIB)
    assert answer == f"cifar10.load_data: the pickled batch {fact}\n  given {folder}/data_batch_1"
    assert not (nowhere / "work/hacked").exists()


@pytest.mark.parametrize(
    ("old", "new", "fact"),
    [
        (b"u.", b"u..", "the pickled batch is refused: it goes on behind its end"),
        (b"U\x02u1", b"U\x02f1", "the pickled batch must hold uint8 rows of 3072 cells"),
        (b"M\x00\x0c", b"M\x01\x0c", "the pickled batch must hold uint8 rows of 3072 cells"),
        (b"]q\x05(K", b"]q\x05(K\x01K", "the pickled batch must hold 3 labels from 0 to 9"),
        (b"]q\x05(K", b"]q\x05(\x88K\x01K", "the pickled batch must hold 3 labels from 0 to 9"),
        (b"]q\x05(K", b"]q\x05(K\x0aK", "the pickled batch must hold 3 labels from 0 to 9"),
    ],
)
def test_a_pickled_batch_that_holds_something_else_is_refused(nowhere: Path, old: bytes, new: bytes, fact: str) -> None:
    files = {name: pickled(name).replace(old, new) for name in batches.BATCHES}
    folder = placed(nowhere / "mine", files)
    assert refused(lambda: cifar10.load_data(from_file=folder)) == f"cifar10.load_data: {fact}\n  given {folder}/data_batch_1"


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"", "data_batch_1.bin has 0 bytes, no multiple of 3073"),
        (bytes(3074), "data_batch_1.bin has 3074 bytes, no multiple of 3073"),
        (b"\x0a" + bytes(3072), "data_batch_1.bin has the label 10, expected 0 to 9"),
    ],
)
def test_a_binary_batch_that_is_none_is_refused(nowhere: Path, content: bytes, fact: str) -> None:
    folder = placed(nowhere / "mine", {f"{name}.bin": content for name in batches.BATCHES})
    assert refused(lambda: cifar10.load_data(from_file=folder)) == f"cifar10.load_data: {fact}\n  given {folder}/data_batch_1.bin"


def test_a_folder_without_batches_is_refused(nowhere: Path) -> None:
    assert refused(lambda: cifar10.load_data(from_file=nowhere)) == (
        f"cifar10.load_data: the folder has no data_batch_1.bin and no data_batch_1\n  given {nowhere}"
    )


def test_a_batch_of_gigabytes_is_refused_unread(nowhere: Path) -> None:
    path = nowhere / "mine/data_batch_1.bin"
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(2**33)
    answer = answers(lambda: cifar10.load_data(from_file=path.parent), memory=MIB)
    assert answer == f"cifar10.load_data: the file has {2**33} bytes, more than the {2**25} that it may have\n  given {path}"


def test_damaged_pickles_are_one_clear_error(nowhere: Path) -> None:
    folder = placed(nowhere / "mine", {name: pickled(name) for name in batches.BATCHES})
    content = pickled("data_batch_1")
    read = lambda _: cifar10.load_data(from_file=folder)  # noqa: E731 - the folder around the file
    outcome = withstands(read, folder / "data_batch_1", content, memory=3 * MIB, head=330)
    assert len(outcome) > 600
    assert outcome.count("read") < len(outcome) * 0.7
    assert len(set(outcome)) > 8


@pytest.mark.parametrize("kind", ["py", "bin"])
def test_damaged_archives_are_one_clear_error(nowhere: Path, kind: str) -> None:
    content = archive(nowhere / "good.tar.gz", kind).read_bytes()
    outcome = withstands(lambda path: cifar10.load_data(from_file=path), nowhere / "mine.tar.gz", content, memory=66 * MIB, head=400)
    assert len(outcome) > 600
    assert len(set(outcome)) > 5


def test_damaged_tar_files_behind_a_whole_gzip_are_one_clear_error(nowhere: Path) -> None:
    content = gzip.decompress(archive(nowhere / "good.tar.gz", "bin").read_bytes())
    read = lambda path: cifar10.load_data(from_file=repacked(path))  # noqa: E731 - packed anew
    outcome = withstands(read, nowhere / "mine.tar", content, memory=66 * MIB, head=512)
    assert len(outcome) > 600
    assert len(set(outcome)) > 3


def repacked(path: Path) -> Path:
    packed = path.with_suffix(".tar.gz")
    packed.write_bytes(gzip.compress(path.read_bytes(), 1))
    return packed
