"""What the names in PyTorch's pickles mean: storages, and tensors as views of them, made into arrays.

One rule: sizes, strides and offsets are held against the storage before a cell is read, and all arrays together against the file.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from convstep.checks import Array, shown
from convstep.interop.torch.pickles import Name, Persistent, PickleError, Piece

__all__ = ["Storages", "expected", "is_tensor", "kind_size", "referred", "widened"]

FREE, RATIO = 2**26, 8  # all tensors together may take 64 MiB and 8 times the file: weights that are shared, or repeated by strides of 0
MOST_AXES, MOST_SIZE = 32, 2**48
DTYPES = {
    "FloatStorage": "f4", "DoubleStorage": "f8", "HalfStorage": "f2", "BFloat16Storage": "bf16", "LongStorage": "i8", "IntStorage": "i4",
    "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?", "ComplexFloatStorage": "c8",
    "ComplexDoubleStorage": "c16", "UntypedStorage": "u1",
}  # fmt: skip
NEWER = {"uint16": "u2", "uint32": "u4", "uint64": "u8"}  # types without a storage of their own, and all others
TYPES = NEWER | {
    "float32": "f4", "float64": "f8", "float16": "f2", "bfloat16": "bf16", "int64": "i8", "int32": "i4", "int16": "i2", "int8": "i1",
    "uint8": "u1", "bool": "?", "complex64": "c8", "complex128": "c16",
}  # fmt: skip
REBUILD = {"_rebuild_tensor": {4}, "_rebuild_tensor_v2": {6, 7}, "_rebuild_tensor_v3": {7, 8}}  # and how many arguments they take
AROUND = {"_rebuild_parameter": 3, "_rebuild_parameter_with_state": 4}  # of which the first is the tensor
INERT = frozenset(
    [
        *(("torch", name) for name in ("Size", "device", "Tensor")),
        ("torch.nn.parameter", "Parameter"),
        *(("collections", name) for name in ("OrderedDict", "defaultdict", "Counter")),
        *((module, name) for module in ("builtins", "__builtin__") for name in ("set", "bytearray", "complex", "dict", "list", "int")),
        *((module, name) for module in ("numpy.core.multiarray", "numpy._core.multiarray") for name in ("_reconstruct", "scalar")),
        *(("numpy", name) for name in ("dtype", "ndarray", "float64", "float32", "int64")),
        *(("torch", name) for name in ("per_tensor_affine", "per_channel_affine", "QInt8Storage", "QUInt8Storage", "QInt32Storage")),
        ("torch.serialization", "_get_layout"),
        ("_codecs", "encode"),
        ("argparse", "Namespace"),
    ]
)
Bytes: TypeAlias = Callable[[str, int], bytes]


def expected(name: Name) -> bool:
    """Return whether a checkpoint of weights may name this."""
    if name.module in {"torch", "torch.cuda", "torch.storage"} and name.name in DTYPES:
        return True
    if name.module == "torch" and (name.name in TYPES or name.name.startswith(("float8_", "float4_"))):
        return True
    if name.module in {"torch._utils", "torch._tensor"} and name.name.startswith("_rebuild_"):
        return True
    return (name.module, name.name) in INERT


def is_tensor(value: Any) -> bool:
    """Return whether a value of a pickle stands for a tensor."""
    return isinstance(value, Piece) and value.kind.module in {"torch._utils", "torch._tensor"}


def kind_size(kind: Name) -> int:
    """Return how many bytes a number takes in a storage of this class."""
    dtype = DTYPES[kind.name]
    return 2 if dtype == "bf16" else np.dtype(dtype).itemsize


@dataclass(frozen=True)
class View:
    """A tensor: cells of a storage."""

    key: str
    dtype: str
    count: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Storages:
    """The storages of one file, each read once.

    Parameters
    ----------
    read : callable
        Returns the bytes of a storage: its key, and how many they must be.
    size : int
        Bytes of the file.
    swapped : bool
        Whether numbers have their highest byte first.
    """

    def __init__(self, read: Bytes, size: int, *, swapped: bool = False) -> None:
        self.read, self.swapped, self.size = read, swapped, size
        self.room = self.stored = FREE + RATIO * size
        self.known: dict[str, tuple[str, Array]] = {}

    def array(self, tensor: Any) -> Array:
        """Return the tensor that a piece of a pickle stands for, as an array of its own."""
        view = _view(tensor)
        kind = np.dtype("u2" if view.dtype == "bf16" else view.dtype)
        size = math.prod(view.shape) * (4 if view.dtype == "bf16" else kind.itemsize)
        self.room -= size
        if self.room < 0:
            raise PickleError(f"its tensors would take more than {FREE + RATIO * self.size} bytes, {RATIO} times the file and 64 MiB")
        cells = self._cells(view, kind)
        strides = tuple(stride * kind.itemsize for stride in view.strides)
        seen = np.lib.stride_tricks.as_strided(cells[view.offset :], view.shape, strides, writeable=False)
        return widened(seen) if view.dtype == "bf16" else np.array(seen, order="C") if seen.size else np.zeros(view.shape, kind)

    def _cells(self, view: View, kind: np.dtype[Any]) -> Array:
        if view.key not in self.known:
            self.stored -= view.count * kind.itemsize
            if self.stored < 0:
                raise PickleError(f"its storages would take more than {FREE + RATIO * self.size} bytes, {RATIO} times the file and 64 MiB")
            raw = np.frombuffer(self.read(view.key, view.count * kind.itemsize), np.uint8)
            written = kind.newbyteorder(">") if self.swapped else kind.newbyteorder("<")
            cells = raw != 0 if view.dtype == "?" else raw.view(written).astype(kind, copy=False)
            self.known[view.key] = (view.dtype, cells)
        dtype, found = self.known[view.key]
        if dtype != view.dtype or found.size != view.count:
            raise PickleError(f"the storage {shown(view.key)} is used in two ways: {found.size} x {dtype} and {view.count} x {view.dtype}")
        return found


def widened(halves: Array) -> Array:
    """Return bfloat16 numbers, given as their 16 bits, as float32: the same numbers."""
    return (np.ascontiguousarray(halves).astype(np.uint32) << 16).view(np.float32).reshape(halves.shape)


def _view(piece: Any) -> View:
    """Return which cells of which storage a tensor consists of."""
    for _ in range(4):  # a parameter around a subclass around a tensor
        name, arguments = (piece.kind.name, piece.arguments) if isinstance(piece, Piece) else ("", ())
        if len(arguments) == AROUND.get(name):
            piece = arguments[0]
        elif name == "_rebuild_from_type_v2" and len(arguments) > 2 and isinstance(arguments[0], Name) and isinstance(arguments[2], tuple):
            piece = Piece(arguments[0], arguments[2])
        else:
            break
    if len(arguments) not in REBUILD.get(name, ()):
        raise PickleError(f"it holds a tensor that is not a plain one ({name or type(piece).__name__})")
    storage, offset, shape, strides = arguments[:4]
    kind, key, count = referred(storage)
    dtype = DTYPES[kind.name]
    if name == "_rebuild_tensor_v3":
        dtype, count = _typed(arguments[6], dtype, count)
    return _checked(View(key, dtype, count, offset, _sizes(shape), _sizes(strides)))


def _typed(given: Any, dtype: str, count: int) -> tuple[str, int]:
    """Return type and count of the numbers in a storage of bytes."""
    if not isinstance(given, Name) or given.name not in TYPES:
        raise PickleError(f"it holds a tensor of the type {shown(str(given))}, which NumPy lacks")
    size = 2 if TYPES[given.name] == "bf16" else np.dtype(TYPES[given.name]).itemsize
    if dtype != "u1" or count % size:
        raise PickleError(f"a storage of {count} bytes holds no whole number of {given.name}")
    return TYPES[given.name], count // size


def referred(value: Any) -> tuple[Name, str, int]:
    """Return the type, the key and the count of the storage that a pickle refers to."""
    key = value.key if isinstance(value, Persistent) else None
    fits = isinstance(key, tuple) and len(key) in {5, 6} and key[0] == "storage" and isinstance(key[1], Name) and key[1].name in DTYPES
    if not isinstance(key, tuple) or not fits or not isinstance(key[2], str) or not _is_size(key[4]):
        raise PickleError("a tensor refers to what is no storage")
    if len(key) == 6 and key[5] is not None:
        raise PickleError("a storage is a part of another one, as before PyTorch 0.4")
    return key[1], key[2], key[4]


def _checked(view: View) -> View:
    """Refuse a tensor that reaches out of its storage."""
    if not _is_size(view.offset) or len(view.shape) != len(view.strides) or len(view.shape) > MOST_AXES:
        raise PickleError(
            f"a tensor of the shape {shown(view.shape)} has the strides {shown(view.strides)} and the offset {shown(view.offset)}"
        )
    if math.prod(max(size, 1) for size in view.shape) > MOST_SIZE:
        raise PickleError(f"a tensor would have the shape {shown(view.shape)}, which no memory holds")
    last = view.offset + sum((size - 1) * stride for size, stride in zip(view.shape, view.strides, strict=True))
    if (0 in view.shape and view.offset > view.count) or (0 not in view.shape and last >= view.count):
        fact = (
            f"a tensor of the shape {shown(view.shape)} reaches cell {shown(last)} of the storage {shown(view.key)}, which has {view.count}"
        )
        raise PickleError(fact)
    return view


def _sizes(value: Any) -> tuple[int, ...]:
    sizes = value.arguments[0] if isinstance(value, Piece) and value.kind.name == "Size" and value.arguments else value
    if not isinstance(sizes, tuple | list) or not all(_is_size(item) for item in sizes):
        raise PickleError("a tensor has sizes or strides that are no whole numbers >= 0")
    return tuple(sizes)


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**62
