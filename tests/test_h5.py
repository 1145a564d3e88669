"""The course's HDF5 files: SIGNS and Happy House, made up here, and the real test_signs.h5 where it lies beside the checkout."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.damage import answers, withstands

from convstep import models
from convstep.data import load_happy, load_signs
from convstep.errors import ArgumentTypeError, DataError, MissingExtraError
from convstep.random import set_random_seed
from convstep.training.losses import SparseCategoricalCrossentropy

h5py = pytest.importorskip("h5py", reason="h5py is not installed (extra data)")

MIB = 2**20
SECRET = b"secret" * 3000
SIGNS_ADVICE = "; train_signs.h5 and test_signs.h5 lie in the folder datasets of the course's own notebooks; convstep may not ship them"
HAPPY_ADVICE = "; train_happy.h5 and test_happy.h5 lie in the folder datasets of the course's own notebooks; convstep may not ship them"


def real_signs() -> Path | None:
    """Return the real file: named by CONVSTEP_SIGNS, or in ../shared/data beside the checkout."""
    named = os.environ.get("CONVSTEP_SIGNS")
    path = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data" / "test_signs.h5"
    return path if path.exists() else None


def made_up(split: str = "test", m: int = 4, classes: int = 6) -> dict[str, Any]:
    rng = np.random.default_rng(m)
    return {
        f"{split}_set_x": rng.integers(0, 256, (m, 64, 64, 3), dtype=np.uint8),
        f"{split}_set_y": rng.integers(0, classes, m),
        "list_classes": np.arange(classes),
    }


def written(path: Path, arrays: dict[str, Any], **options: Any) -> Path:
    with h5py.File(path, "w", **options) as file:
        for key, array in arrays.items():
            file[key] = array
    return path


def refused(call: Callable[[], Any], kind: type[Exception] = DataError) -> str:
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    return str(caught.value)


# What is read.


@pytest.mark.skipif(real_signs() is None, reason="no test_signs.h5 in ../shared/data and none named by CONVSTEP_SIGNS")
def test_the_real_signs_are_as_published() -> None:
    x, y = load_signs(real_signs() or "")
    assert (x.shape, x.dtype, int(x.min()), int(x.max())) == ((120, 64, 64, 3), np.uint8, 3, 241)
    assert (y.shape, y.dtype) == ((120,), np.int64)
    assert np.bincount(y).tolist() == [20] * 6


@pytest.mark.skipif(real_signs() is None, reason="no test_signs.h5 in ../shared/data and none named by CONVSTEP_SIGNS")
def test_the_networks_of_the_course_learn_from_the_real_signs_for_an_epoch() -> None:
    x, y = load_signs(real_signs() or "")
    images = (x / 255).astype(np.float32)
    for network, loss in (
        (models.signs, "sparse_categorical_crossentropy"),
        (models.signs_tf1, SparseCategoricalCrossentropy(from_logits=True)),
    ):
        set_random_seed(1)
        model = network()
        model.compile("adam", loss, metrics=["accuracy"])
        before = model.evaluate(images, y, verbose=0)[0]
        history = model.fit(images, y, batch_size=20, epochs=1, verbose=0)
        assert model.evaluate(images, y, verbose=0)[0] < before
        assert set(history.history) == {"loss", "accuracy"}
        assert model.predict(images[:2], verbose=0).shape == (2, 6)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("libver", [None, "latest"])
def test_one_file_gives_its_images_and_labels(tmp_path: Path, split: str, libver: str | None) -> None:
    arrays = made_up(split)
    x, y = load_signs(written(tmp_path / "any name", arrays, libver=libver))
    assert np.array_equal(x, arrays[f"{split}_set_x"])
    assert np.array_equal(y, arrays[f"{split}_set_y"])
    assert (x.dtype, y.dtype) == (np.uint8, np.int64)


@pytest.mark.parametrize(("load", "name", "classes"), [(load_signs, "signs", 6), (load_happy, "happy", 2)])
def test_a_folder_gives_both_files(tmp_path: Path, load: Any, name: str, classes: int) -> None:
    train, test = made_up("train", 5, classes), made_up("test", 3, classes)
    written(tmp_path / f"train_{name}.h5", train)
    written(tmp_path / f"test_{name}.h5", test)
    (x_train, y_train), (x_test, y_test) = load(str(tmp_path))
    assert np.array_equal(x_train, train["train_set_x"])
    assert np.array_equal(y_train, train["train_set_y"])
    assert np.array_equal(x_test, test["test_set_x"])
    assert np.array_equal(y_test, test["test_set_y"])


@pytest.mark.parametrize("dtype", ["uint8", "int32", ">i8", "uint64"])
def test_labels_of_any_whole_numbers_become_int64(tmp_path: Path, dtype: str) -> None:
    arrays = made_up()
    path = written(tmp_path / "a.h5", arrays | {"test_set_y": arrays["test_set_y"].astype(dtype)})
    assert load_signs(path)[1].dtype == np.int64
    assert np.array_equal(load_signs(path)[1], arrays["test_set_y"])


def test_the_arrays_outlive_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "a.h5", made_up())
    x, y = load_signs(path)
    path.unlink()
    x[:] = 1
    y[:] = 1


# What is missing.


@pytest.mark.parametrize(("load", "name", "advice"), [(load_signs, "signs", SIGNS_ADVICE), (load_happy, "happy", HAPPY_ADVICE)])
def test_what_is_missing_is_said_with_where_it_comes_from(tmp_path: Path, load: Any, name: str, advice: str) -> None:
    absent = tmp_path / "absent"
    assert refused(lambda: load(absent)) == f"load_{name}: there is no such file or folder\n  given {absent}{advice}"
    assert refused(lambda: load(tmp_path)) == f"load_{name}: the folder has no train_{name}.h5\n  given {tmp_path}{advice}"


def test_what_is_no_path_is_refused() -> None:
    with pytest.raises(ArgumentTypeError, match=r"^load_signs: expected the path of a file\n  given path 5$"):
        load_signs(5)  # type: ignore[arg-type]


def test_without_h5py_one_sentence_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.h5", made_up())
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert refused(lambda: load_signs(path), MissingExtraError) == (
        'load_signs: h5py is not installed; this installs it: pip install "convstep[data]"'
    )


# What is refused.


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"test_set_x": np.zeros((4, 32, 32, 3), np.uint8)}, "the images must be (m, 64, 64, 3) of uint8, not (4, 32, 32, 3) of uint8"),
        ({"test_set_x": np.zeros((4, 64, 64, 3), np.int16)}, "the images must be (m, 64, 64, 3) of uint8, not (4, 64, 64, 3) of int16"),
        ({"test_set_x": np.zeros((0, 64, 64, 3), np.uint8)}, "the images must be (m, 64, 64, 3) of uint8, not (0, 64, 64, 3) of uint8"),
        ({"test_set_x": np.uint8(3)}, "the images must be (m, 64, 64, 3) of uint8, not () of uint8"),
        ({"test_set_x": np.zeros((4, 64, 64, 3))}, "test_set_x must hold whole numbers, not float64"),
        ({"test_set_x": "text"}, "test_set_x must hold whole numbers, not object"),
        ({"test_set_y": np.zeros(3, int)}, "4 images need labels of shape (4,), not (3,)"),
        ({"test_set_y": np.zeros((1, 4), int)}, "4 images need labels of shape (4,), not (1, 4)"),
        ({"test_set_y": np.array([0, 1, 6, 2])}, "the labels go from 0 to 6, expected 0 to 5"),
        ({"test_set_y": np.array([0, 1, -1, 2])}, "the labels go from -1 to 2, expected 0 to 5"),
        ({"test_set_y": np.array([0, 1, 2**64 - 1, 2], dtype=np.uint64)}, f"the labels go from 0 to {2**64 - 1}, expected 0 to 5"),
    ],
)
def test_files_that_hold_something_else_are_refused(tmp_path: Path, change: dict[str, Any], fact: str) -> None:
    path = written(tmp_path / "a.h5", made_up() | change)
    assert refused(lambda: load_signs(path)) == f"load_signs: {fact}\n  given {path}"


def test_happy_house_knows_two_classes(tmp_path: Path) -> None:
    path = written(tmp_path / "a.h5", made_up() | {"test_set_y": np.array([0, 1, 2, 0])})
    assert refused(lambda: load_happy(path)) == f"load_happy: the labels go from 0 to 2, expected 0 to 1\n  given {path}"


@pytest.mark.parametrize(
    ("arrays", "fact"),
    [
        ({}, "the file must hold train_set_x or test_set_x, one of them, not nothing"),
        ({"a\nb": np.zeros(1), "x": np.zeros(1)}, "the file must hold train_set_x or test_set_x, one of them, not a?b, x"),
        (
            made_up("train") | made_up("test"),
            "the file must hold train_set_x or test_set_x, one of them, not list_classes, test_set_x, test_set_y, train_set_x, train_set_y",
        ),
    ],
)
def test_a_file_holds_one_split(tmp_path: Path, arrays: dict[str, Any], fact: str) -> None:
    path = written(tmp_path / "a.h5", arrays)
    assert refused(lambda: load_signs(path)) == f"load_signs: {fact}\n  given {path}{SIGNS_ADVICE}"


def test_the_files_of_a_folder_hold_what_they_are_named_for(tmp_path: Path) -> None:
    for name in ("train", "test"):
        written(tmp_path / f"{name}_signs.h5", made_up("test"))
    path = tmp_path / "train_signs.h5"
    assert refused(lambda: load_signs(tmp_path)) == (
        f"load_signs: the file must hold train_set_x, not list_classes, test_set_x, test_set_y\n  given {path}{SIGNS_ADVICE}"
    )


def test_a_file_without_labels_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.h5", {"test_set_x": made_up()["test_set_x"]})
    assert refused(lambda: load_signs(path)) == f"load_signs: the file has no test_set_y\n  given {path}"


# What means harm: the secret stands in another file.


def external_storage(file: Any, secret: Path) -> None:
    file.create_dataset("test_set_x", (1, 64, 64, 3), "u1", external=[(str(secret), 0, 64 * 64 * 3)])


def external_link(file: Any, secret: Path) -> None:
    written(secret.with_suffix(".h5"), made_up())
    file["test_set_x"] = h5py.ExternalLink(str(secret.with_suffix(".h5")), "/test_set_x")


def soft_link(file: Any, secret: Path) -> None:  # noqa: ARG001 - as the others
    file["other"] = made_up()["test_set_x"]
    file["test_set_x"] = h5py.SoftLink("/other")


def dangling_link(file: Any, secret: Path) -> None:  # noqa: ARG001 - as the others
    file["test_set_x"] = h5py.SoftLink("/test_set_x")


def virtual(file: Any, secret: Path) -> None:
    written(secret.with_suffix(".h5"), made_up())
    layout = h5py.VirtualLayout((4, 64, 64, 3), "u1")
    layout[:] = h5py.VirtualSource(str(secret.with_suffix(".h5")), "test_set_x", (4, 64, 64, 3))
    file.create_virtual_dataset("test_set_x", layout)


def compressed(file: Any, secret: Path) -> None:  # noqa: ARG001 - as the others
    file.create_dataset("test_set_x", data=made_up()["test_set_x"], compression="gzip")


def chunked(file: Any, secret: Path) -> None:  # noqa: ARG001 - as the others
    file.create_dataset("test_set_x", (10**9, 64, 64, 3), "u1", chunks=(1, 64, 64, 3))


def unwritten(file: Any, secret: Path) -> None:  # noqa: ARG001 - as the others
    file.create_dataset("test_set_x", (10**9, 64, 64, 3), "u1")


def group(file: Any, secret: Path) -> None:  # noqa: ARG001 - as the others
    file.create_group("test_set_x")


def empty(file: Any, secret: Path) -> None:  # noqa: ARG001 - as the others
    file["test_set_x"] = h5py.Empty("u1")


@pytest.mark.parametrize(
    ("attack", "fact"),
    [
        (external_storage, "test_set_x takes its cells from other files: refused"),
        (external_link, "test_set_x is a link to another place: refused"),
        (soft_link, "test_set_x is a link to another place: refused"),
        (dangling_link, "test_set_x is a link to another place: refused"),
        (virtual, "test_set_x takes its cells from other files: refused"),
        (compressed, "test_set_x is compressed or in chunks; the course's files are neither"),
        (chunked, "test_set_x is compressed or in chunks; the course's files are neither"),
        (unwritten, r"test_set_x claims the shape (1000000000, 64, 64, 3), so 12288000000000 bytes, but the file has SIZE"),
        (group, "test_set_x is no data set"),
        (empty, "test_set_x has no cells"),
    ],
)
def test_files_that_reach_elsewhere_or_claim_too_much_are_refused(tmp_path: Path, attack: Any, fact: str) -> None:
    secret, path = tmp_path / "secret", tmp_path / "a.h5"
    secret.write_bytes(SECRET)
    with h5py.File(path, "w") as file:
        file["test_set_y"] = np.zeros(1, int)
        attack(file, secret)
    answer = answers(lambda: load_signs(path), memory=MIB)
    assert answer == f"load_signs: {fact}\n  given {path}".replace("SIZE", str(path.stat().st_size))


def test_no_other_file_is_opened_on_the_way_to_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["test_set_y"] = np.zeros(1, int)
        external_link(file, tmp_path / "secret")
    opened: list[str] = []
    monkeypatch.setattr(h5py.Group, "__getitem__", lambda _, key: opened.append(key))
    refused(lambda: load_signs(path))
    assert opened == []


@pytest.mark.parametrize("content", [b"", b"plain text", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + b"\xff" * 500])
def test_what_is_no_hdf5_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.h5"
    path.write_bytes(content)
    assert refused(lambda: load_signs(path)) == f"load_signs: this is no HDF5 file, or a damaged one (OSError)\n  given {path}"


@pytest.mark.parametrize("libver", [None, "latest"])
def test_damaged_files_are_one_clear_error(tmp_path: Path, libver: str | None) -> None:
    """Every second mutation falls into the headers, most of which lie before the cells."""
    content = written(tmp_path / "good.h5", made_up(m=1), libver=libver).read_bytes()
    outcome = withstands(load_signs, tmp_path / "a.h5", content, memory=MIB, head=2100)
    assert len(outcome) > 600
    assert len(set(outcome)) > 3
    assert outcome.count("read") < len(outcome) * 0.9
