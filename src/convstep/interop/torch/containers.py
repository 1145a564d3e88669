"""The files that PyTorch and safetensors write: what is in them, and arrays of the tensors among it.

One rule: what a file is, its content says, not its name; sizes that it claims are held against the file before memory is asked for.
"""

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import safetensors

from convstep.checks import Array, shown
from convstep.data.files import FREE, RATIO, FilePath, reason, refusal, regular_size
from convstep.interop.torch.orders import natural
from convstep.interop.torch.pickles import Persistent, PickleError, names_of, unpickled
from convstep.interop.torch.tensors import Storages, expected, is_tensor, kind_size, referred, widened

__all__ = ["Arrays", "SafeTensor", "is_written", "opened"]

Arrays: TypeAlias = Callable[[Any], Array]  # makes an array of a tensor in the content
MAGIC = 0x1950A86A20F9469CFC6C  # the number that files begin with that are no zip
MOST_PICKLE, MOST_JSON, MOST_DIRECTORY = 2**25, 2**25, 2**24  # bytes
END, END64 = b"PK\x05\x06", b"PK\x06\x06"
SAFE = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U64": "<u8",
    "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "u1", "C64": "<c8",
}  # fmt: skip
ADVICE = "save its weights instead: torch.save(model.state_dict(), path)"


@contextmanager
def opened(op: str, path: FilePath) -> Iterator[tuple[Any, Arrays]]:
    """Open a file: return what it holds, tensors still as they are written there, and a function that makes an array of one.

    Raises
    ------
    DataError
        If there is no such file, or it is damaged, or none of the kinds that are known.
    """
    size = regular_size(op, path)
    try:
        with Path(path).open("rb") as file:
            yield _content(file, size)
    except (PickleError, zipfile.BadZipFile) as error:
        raise refusal(op, str(error), path) from None
    except OSError as error:
        raise refusal(op, f"the file cannot be read ({reason(error)})", path) from None


def is_written(value: Any) -> bool:
    """Return whether something in a file is a tensor."""
    return isinstance(value, SafeTensor) or is_tensor(value)


def _content(file: BinaryIO, size: int) -> tuple[Any, Arrays]:
    head = file.read(512)
    file.seek(0)
    if head[:4] == b"PK\x03\x04":
        return _zipped(file, size)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size - 8:
        return _safe(file.read(), int.from_bytes(head[:8], "little"))
    if head[:1] == b"\x80":
        return _streamed(file, size)
    if head[257:262] == b"ustar":
        raise PickleError("the file is a tar archive, as PyTorch wrote before version 0.2; load it there and save it again")
    raise PickleError(f"the file is none of PyTorch's and none of safetensors: it begins with {head[:8].hex(' ') or 'nothing'}")


def _unpickled(stream: BinaryIO, references: list[Persistent] | None = None) -> Any:
    """Return the value of a pickle of weights; a pickled module is called what it is."""
    start = stream.tell()
    try:
        return unpickled(stream, expected, references)
    except PickleError:
        stream.seek(start)
        modules = [name for name in names_of(stream) if name.startswith(("torch.nn.modules.", "torchvision.models.", "__torch__"))]
        if modules:
            raise PickleError(f"the file holds a whole module ({modules[0].strip()[:80].replace(' ', '.')}), so code; {ADVICE}") from None
        raise


# --- a zip file, which torch.save writes since version 1.6 ---


def _zipped(file: BinaryIO, size: int) -> tuple[Any, Arrays]:
    _check_directory(file, size)
    parts = _Parts(_guarded(lambda: zipfile.ZipFile(file)), size)

    def storage(key: str, count: int) -> bytes:
        content = parts.content(f"data/{key}", count)
        if len(content) != count:
            raise PickleError(f"the storage {shown(key)} has {len(content)} bytes, not {count}")
        return content

    order = parts.content("byteorder", 16) if parts.has("byteorder") else b"little"
    if order not in {b"little", b"big"}:
        raise PickleError(f"the file has the byte order {shown(order)}, neither little nor big")
    value = _unpickled(io.BytesIO(parts.content("data.pkl", MOST_PICKLE)))
    return value, Storages(storage, size, swapped=order == b"big").array


class _Parts:
    """The parts of a zip file of PyTorch's, all in one folder."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        self.archive, self.size = archive, size
        self.names = {item.filename for item in archive.infolist()}
        if len(self.names) < len(archive.infolist()):
            raise PickleError("the zip file holds two parts of one name")
        pickles = [name for name in self.names if name.rpartition("/")[2] == "data.pkl"]
        if len(pickles) != 1:
            raise PickleError(f"the zip file holds {len(pickles)} parts of the name data.pkl, but weights of PyTorch have one")
        self.root = pickles[0].removesuffix("data.pkl")
        if self.has("constants.pkl"):
            raise PickleError(f"the file holds a program (TorchScript); {ADVICE}")

    def has(self, name: str) -> bool:
        """Return whether there is a part of this name."""
        return self.root + name in self.names

    def content(self, name: str, most: int) -> bytes:
        """Return the content of a part that may have so many bytes."""
        if not self.has(name):
            raise PickleError(f"the file has no part {shown(self.root + name)}")
        item = self.archive.getinfo(self.root + name)
        room = min(most, max(FREE, RATIO * self.size))
        stored = item.compress_type == zipfile.ZIP_STORED
        if item.compress_size > self.size or (stored and item.compress_size != item.file_size):
            raise PickleError(f"the part {shown(item.filename)} of the file claims {item.compress_size} bytes of {self.size}")
        if item.file_size > room:
            raise PickleError(
                f"the part {shown(item.filename)} of the file claims {item.file_size} bytes, more than {room} that it may have"
            )
        if not stored and item.compress_type != zipfile.ZIP_DEFLATED:  # of others zipfile expands more than it was asked for
            raise PickleError(f"the part {shown(item.filename)} of the file is compressed in a way that is not known")
        content: bytes = _guarded(lambda: self.archive.read(item))
        return content


def _check_directory(file: BinaryIO, size: int) -> None:
    """Refuse a directory that would take much memory, before zipfile reads it."""
    file.seek(max(0, size - 2**16 - 22))
    tail = file.read()
    file.seek(0)
    at, at64 = tail.rfind(END), tail.rfind(END64)
    claims = [tail[at + 12 : at + 16]] if at >= 0 else []
    claims += [tail[at64 + 40 : at64 + 48]] if at64 >= 0 else []
    lengths = [int.from_bytes(claim, "little") for claim in claims if claim != b"\xff\xff\xff\xff"]
    if not lengths:
        raise PickleError("the zip file is cut off: it has no directory")
    if max(lengths) > min(size, MOST_DIRECTORY):
        raise PickleError(f"the zip file claims a directory of {max(lengths)} bytes, more than {min(size, MOST_DIRECTORY)}")


def _guarded(do: Callable[[], Any]) -> Any:
    """Return what zipfile returns; whatever it raises on a damaged file is one error."""
    try:
        return do()
    except Exception as error:  # noqa: BLE001 - ten classes of errors, OSError for a negative place among them
        text = " ".join(str(error).split()) or type(error).__name__
        raise PickleError(f"the zip file is damaged: {shown(text)[1:-1]}") from None


# --- pickles one after the other, which torch.save wrote before ---


def _streamed(file: BinaryIO, size: int) -> tuple[Any, Arrays]:
    content = file.read()
    stream = io.BytesIO(content)
    references: list[Persistent] = []
    if _unpickled(stream) != MAGIC:
        raise PickleError("the file is a pickle, but none of torch.save")
    version, system, value, keys = (_unpickled(stream, references) for _ in range(4))
    if version != 1001 or not isinstance(system, dict) or not isinstance(keys, list):
        raise PickleError(f"the file is of the version {shown(version)}, but 1001 is known")
    sizes = {key: kind_size(kind) for kind, key, _ in map(referred, references)}
    places: dict[str, tuple[int, int]] = {}
    at = stream.tell()
    for key in keys:
        if not isinstance(key, str) or key not in sizes:
            raise PickleError(f"the file holds a storage {shown(key)} that no tensor refers to")
        length = int.from_bytes(content[at : at + 8], "little") * sizes[key]
        places[key] = at + 8, length
        at += 8 + length
        if at > size:
            raise PickleError(f"the file is cut off: the storage {shown(key)} would reach byte {shown(at)} of {size}")
    if at != size:
        raise PickleError(f"the file goes on behind its end, byte {at} of {size}")

    def storage(key: str, count: int) -> bytes:
        start, length = places.get(key, (0, -1))
        if length != count:
            raise PickleError(f"the storage {shown(key)} has {max(length, 0)} bytes, not {count}")
        return content[start : start + count]

    return value, Storages(storage, size).array


# --- safetensors ---


def _safe(content: bytes, length: int) -> tuple[Any, Arrays]:
    if length > MOST_JSON:
        raise PickleError(f"the safetensors file has a header of {length} bytes, more than {MOST_JSON} that it may have")
    try:
        listed: Any = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
    except Exception as error:  # noqa: BLE001 - the library raises a class of its own
        raise PickleError(f"the safetensors file is damaged: {shown(' '.join(str(error).split()))[1:-1]}") from None
    found = {name: SafeTensor(item["dtype"], tuple(item["shape"]), item["data"]) for name, item in listed}
    return {name: found[name] for name in sorted(found, key=natural)}, _from_safe


@dataclass(frozen=True)
class SafeTensor:
    """A tensor as safetensors hands it over."""

    dtype: str
    shape: tuple[int, ...]
    data: Any


def _from_safe(tensor: SafeTensor) -> Array:
    if tensor.dtype not in SAFE:
        raise PickleError(f"it holds a tensor of the type {shown(tensor.dtype)}, which NumPy lacks")
    cells = np.frombuffer(tensor.data, SAFE[tensor.dtype])
    if tensor.dtype == "BF16":
        return widened(cells.reshape(tensor.shape))
    made = cells != 0 if tensor.dtype == "BOOL" else cells.astype(cells.dtype.newbyteorder("="))
    return made.reshape(tensor.shape)
