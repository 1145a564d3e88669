"""The six batches of CIFAR-10, binary or pickled, in a folder or in the archive. The one rule: nothing is unpacked onto the disk.

The archive is read once from front to back; members are known by name, links are refused.
"""

import gzip
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from convstep.data.files import BLOCK, FREE, RATIO, FilePath, read_whole, refusal, regular_size
from convstep.data.pickles import read_pickled_batch
from convstep.errors import DataError

__all__ = ["BATCHES", "read_archive", "read_folder"]

Batch: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.uint8]]

BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
SIDE, CHANNELS, CLASSES = 32, 3, 10
ROW = CHANNELS * SIDE * SIDE
LARGEST = 2**25  # bytes of one batch: the originals have 31 million
MEMBERS = 64  # the original archives have 9 members


def read_folder(op: str, folder: Path) -> dict[str, Batch]:
    """Return the batches that lie in a folder as {name: (images, labels)}, binary ones if both are there."""
    batches = {}
    for name in BATCHES:
        file = next((path for path in (folder / f"{name}.bin", folder / name) if path.exists()), None)
        if file is None:
            raise refusal(op, f"the folder has no {name}.bin and no {name}", folder)
        batches[name] = _batch(op, file.name, read_whole(op, file, LARGEST), file)
    return batches


def read_archive(op: str, path: FilePath) -> dict[str, Batch]:
    """Return the batches in a .tar.gz as {name: (images, labels)}."""
    most = max(FREE, RATIO * regular_size(op, path))
    try:
        with Path(path).open("rb") as file, gzip.GzipFile(fileobj=file) as content:
            limited = _Limited(content, min(most, 2**29), refusal(op, f"the archive expands to more than {min(most, 2**29)} bytes", path))
            batches = dict(_members(op, limited, path))
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 - tarfile raises a dozen kinds of error for damaged files
        raise refusal(op, f"the archive is cut off or damaged ({type(error).__name__})", path) from None
    missing = [name for name in BATCHES if name not in batches]
    if missing:
        raise refusal(op, f"the archive has no {missing[0]}", path, "expected cifar-10-python.tar.gz or cifar-10-binary.tar.gz")
    return batches


def _members(op: str, file: Any, path: FilePath) -> Iterator[tuple[str, Batch]]:
    seen: set[str] = set()
    with tarfile.open(fileobj=file, mode="r|") as archive:
        for count, member in enumerate(archive):
            if count == MEMBERS:
                raise refusal(op, f"the archive has more than {MEMBERS} members", path)
            name = member.name.rpartition("/")[2]
            batch = name.removesuffix(".bin")
            if batch not in BATCHES:
                continue
            if not member.isreg() or member.issparse() or batch in seen:
                fact = f"{name} is there twice" if batch in seen else f"{name} is no regular file but a link or a device"
                raise refusal(op, f"in the archive, {fact}", path)
            if member.size > LARGEST:
                raise refusal(op, f"in the archive, {name} claims {member.size} bytes, more than {LARGEST}", path)
            seen.add(batch)
            content = archive.extractfile(member)
            yield batch, _batch(op, name, content.read() if content else b"", path)


def _batch(op: str, name: str, content: bytes, path: object) -> Batch:
    """Return images (n, 32, 32, 3) and labels (n, 1) of one batch."""
    if name.endswith(".bin"):
        if not content or len(content) % (1 + ROW):
            raise refusal(op, f"{name} has {len(content)} bytes, no multiple of {1 + ROW}", path)
        records = np.frombuffer(content, dtype=np.uint8).reshape(-1, 1 + ROW)
        labels, rows = records[:, :1].copy(), records[:, 1:]
        if labels.max() >= CLASSES:
            raise refusal(op, f"{name} has the label {labels.max()}, expected 0 to {CLASSES - 1}", path)
    else:
        rows, numbers = read_pickled_batch(op, content, path, ROW)
        labels = np.array(numbers, dtype=np.uint8).reshape(-1, 1)
        if not len(rows):
            raise refusal(op, f"{name} has no images", path)
    images = rows.reshape(-1, CHANNELS, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), labels


class _Limited:
    """A reader that hands out at most `most` bytes of another, and raises when asked for more than that."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile, most: int, error: DataError) -> None:
        self.file, self.left, self.error = file, most, error

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes, in blocks, so that no more is allocated than there is."""
        blocks = []
        while size and (block := self.file.read(min(size, BLOCK))):
            self.left -= len(block)
            if self.left < 0:
                raise self.error
            blocks.append(block)
            size -= len(block)
        return b"".join(blocks)
