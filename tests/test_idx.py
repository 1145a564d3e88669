"""IDX files: every type and shape, raw and compressed; and every file that is not what it claims."""

import gzip
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from tests.damage import answers, withstands

from convstep.data import read_idx
from convstep.data.idx import header
from convstep.errors import ArgumentTypeError, DataError

CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}
MIB = 2**20
ENDED = "compressed file ended before the end-of-stream marker was reached"

array_shapes = npst.array_shapes(min_dims=1, max_dims=5, max_side=4)
any_arrays = st.sampled_from(sorted(CODES)).flatmap(lambda name: npst.arrays(np.dtype(name), array_shapes))


def idx(array: np.ndarray[Any, Any]) -> bytes:
    """Write an array as the format says."""
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, CODES[array.dtype.name], array.ndim]) + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def refused(path: Any) -> str:
    with pytest.raises(DataError) as caught:
        read_idx(path)
    return str(caught.value)


# What is read.


@given(array=any_arrays, packed=st.booleans())
def test_every_type_and_shape_is_read_back(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray[Any, Any], packed: bool) -> None:
    path = tmp_path_factory.mktemp("idx") / "file"
    path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    found = read_idx(path)
    assert found.dtype == array.dtype
    assert found.dtype.isnative
    assert found.tobytes() == array.tobytes()
    assert found.shape == array.shape


def test_the_magic_number_of_mnist_means_bytes_with_three_axes(tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(bytes.fromhex("00000803 00000001 00000002 00000003 010203040506"))
    assert read_idx(path).tolist() == [[[1, 2, 3], [4, 5, 6]]]


def test_the_result_is_the_callers_own(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(idx(np.arange(3, dtype=np.uint8)))
    read_idx(str(path))[:] = 0
    assert read_idx(path).tolist() == [0, 1, 2]


def test_a_compressed_file_of_several_members_is_read(tmp_path: Path) -> None:
    path, content = tmp_path / "file.gz", idx(np.arange(100, dtype=np.uint8))
    path.write_bytes(gzip.compress(content[:50]) + gzip.compress(content[50:]))
    assert read_idx(path).tolist() == list(range(100))


@given(npst.array_shapes(min_dims=1, max_dims=4, max_side=300))
def test_the_header_is_the_one_of_a_file(shape: tuple[int, ...]) -> None:
    assert header(shape) == bytes([0, 0, 8, len(shape)]) + b"".join(struct.pack(">I", size) for size in shape)


# What is refused.


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"", "the file ends inside its header"),
        (b"\0\0\x08", "the file ends inside its header"),
        (b"\0\0\x08\x02\0\0\0\1", "the file ends inside its header"),
        (b"\0\0\x0a\x01\0\0\0\1\0", "this is no IDX file: it begins with 00 00 0a 01, not with 00 00, a type and the number of axes"),
        (b"PK\x03\x04....", "this is no IDX file: it begins with 50 4b 03 04, not with 00 00, a type and the number of axes"),
        (b"\0\0\x08\0", "this is no IDX file: it begins with 00 00 08 00, not with 00 00, a type and the number of axes"),
        (b"\0\0\x08\x09" + b"\0" * 36, "this is no IDX file: it begins with 00 00 08 09, not with 00 00, a type and the number of axes"),
        (b"\0\0\x08\x01\0\0\0\3ab", "the file claims the shape (3,), so 11 bytes, but has 10"),
        (b"\0\0\x0b\x01\0\0\0\3abcdefg", "the file claims the shape (3,), so 14 bytes, but has 15"),
        (b"\0\0\x08\x01\0\0\0\0", "the file claims the shape (0,), which has no cells"),
        (
            b"\0\0\x08\x02" + b"\xff" * 8,
            f"the file claims the shape (4294967295, 4294967295), so {(2**32 - 1) ** 2 + 12} bytes, but has 12",
        ),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\3ab", mtime=0), "the file claims the shape (3,), so 3 bytes of cells, but ends after 2"),
        (
            gzip.compress(b"\0\0\x08\x01\0\0\0\3abcd", mtime=0),
            "the file claims the shape (3,), so 3 bytes of cells, but goes on behind them",
        ),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\3abc", mtime=0)[:-3], f"the file is cut off or damaged ({ENDED})"),
        (
            gzip.compress(b"", mtime=0)[:10] + b"\xff" * 20,
            "the file is cut off or damaged (error -3 while decompressing data: invalid block type)",
        ),
    ],
)
def test_what_does_not_fit_its_header_is_refused(tmp_path: Path, content: bytes, fact: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert refused(path) == f"read_idx: {fact}\n  given {path}"


def test_a_gzip_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    content = gzip.compress(header((2**30,)) + bytes(2**20))
    path.write_bytes(content)
    message = f"read_idx: the file has {len(content)} bytes and claims to expand to {2**30}, more than {2**26}\n  given {path}"
    assert answers(lambda: read_idx(path), memory=MIB) == message


def test_a_gzip_bomb_that_claims_little_is_read_no_further_than_it_claims(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(header((10,)) + bytes(2**27)))
    answer = answers(lambda: read_idx(path), memory=MIB, seconds=0.5)
    assert answer == f"read_idx: the file claims the shape (10,), so 10 bytes of cells, but goes on behind them\n  given {path}"


def test_a_blank_image_set_may_expand_to_64_mib(tmp_path: Path) -> None:
    path = tmp_path / "blank.gz"
    path.write_bytes(gzip.compress(header((60000, 28, 28)) + bytes(60000 * 28 * 28)))
    assert not read_idx(path).any()


@pytest.mark.parametrize("kind", ["absent", "folder", "pipe", "device", "null", "loop", "denied"])
def test_what_is_no_regular_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    facts = {
        "absent": "there is no such file",
        "folder": "expected a file, not a folder",
        "pipe": "expected a regular file, not a pipe or a device",
        "device": "expected a regular file, not a pipe or a device",
        "null": "the file cannot be read (embedded null byte)",
        "loop": "the file cannot be read (too many levels of symbolic links)",
        "denied": "the file is cut off or damaged (permission denied)",
    }
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "null":
        path = tmp_path / "a\0b"
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "denied":
        path.write_bytes(b"\0")
        path.chmod(0)
        if os.access(path, os.R_OK):
            pytest.skip("this user may read everything")
    assert refused(path) == f"read_idx: {facts[kind]}\n  given {path}".replace("\0", "?")


@pytest.mark.parametrize("path", [3, None, b"file"])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^read_idx: expected the path of a file\n  given path "):
        read_idx(path)


@pytest.mark.parametrize("packed", [False, True])
def test_damaged_files_are_one_clear_error(tmp_path: Path, packed: bool) -> None:
    rng = np.random.default_rng(0)
    content = idx(rng.integers(0, 9, (12, 7, 7), dtype=np.uint8))
    content = gzip.compress(content) if packed else content
    outcome = withstands(read_idx, tmp_path / "file", content, memory=len(content) * 4 + (65 * MIB if packed else MIB), head=30)
    assert len(outcome) > 600
    assert len(set(outcome)) > 20
    assert outcome.count("read") < len(outcome) / 2
