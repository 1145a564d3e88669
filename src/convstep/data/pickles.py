"""The pickled batches of CIFAR-10, read without running what is in them.

One rule: `pickle` builds nothing but numbers, texts, lists, dicts and the inert `_Piece`; the array is made here, from checked bytes.
"""

import io
import pickle
import pickletools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstep.data.files import refusal

__all__ = ["read_pickled_batch"]

# The instructions of protocol 2, and the two for bytes that came later.
PLAIN = frozenset(["PROTO", "STOP", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2"]).union(
    ["BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"],
    ["EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_LIST", "APPEND", "APPENDS"],
    ["SHORT_BINSTRING", "BINSTRING", "BINUNICODE", "SHORT_BINBYTES", "BINBYTES"],
)
NESTING = frozenset(["MARK", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_TUPLE", "GLOBAL", "REDUCE", "BUILD"])
NESTED = 256  # a batch has about 30 of these: a few tuples, and a mark before every 1,000 items of a list
GLOBALS = frozenset(
    [
        *((module, "_reconstruct") for module in ("numpy.core.multiarray", "numpy._core.multiarray")),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
    ]
)


def read_pickled_batch(op: str, content: bytes, path: object, row: int) -> tuple[NDArray[np.uint8], list[int]]:
    """Return the rows of cells, (n, row), and the labels of a batch as CIFAR-10's Python version has it.

    Protocol 2, as written by Python 2 and NumPy. Any other instruction than those that such a file needs is refused
    before the first one is followed.
    """
    try:
        _inspect(content)
        batch = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        named = {key if isinstance(key, bytes) else str(key).encode(): value for key, value in batch.items()}
        version, shape, dtype, fortran, cells = named[b"data"].state
        labels = named[b"labels"]
        kind = dtype.arguments[0]
    except pickle.UnpicklingError as error:
        raise refusal(op, f"the pickled batch is refused: {error}", path) from None
    except Exception as error:  # noqa: BLE001 - pickle raises what it likes on damaged data
        raise refusal(op, f"the pickled batch is cut off or damaged ({type(error).__name__})", path) from None
    fits = version == 1 and not fortran and kind in {"u1", b"u1", "uint8", b"uint8", "|u1", b"|u1"} and isinstance(cells, bytes)
    if not fits or shape != (len(cells) // row, row) or len(cells) % row:
        raise refusal(op, f"the pickled batch must hold uint8 rows of {row} cells", path)
    if not isinstance(labels, list) or len(labels) != shape[0] or not all(type(label) is int and 0 <= label <= 9 for label in labels):
        raise refusal(op, f"the pickled batch must hold {shape[0]} labels from 0 to 9", path)
    return np.frombuffer(cells, dtype=np.uint8).reshape(shape), labels


def _inspect(content: bytes) -> None:
    """Read the instructions without following them: only known ones, few that nest, no memo larger than the file."""
    nested = end = 0
    for code, argument, position in pickletools.genops(content):
        end = position or 0
        if code.name in NESTING:
            nested += 1
            if nested > NESTED:
                raise pickle.UnpicklingError("it nests deeper than a batch does")
        elif code.name not in PLAIN:
            raise pickle.UnpicklingError(f"a batch has no {code.name}")
        if code.name == "GLOBAL" and tuple(str(argument).split(" ", 1)) not in GLOBALS:
            raise pickle.UnpicklingError(f"it names {str(argument)[:60]!r}, which a batch does not need")
        if code.name == "LONG_BINPUT" and int(argument or 0) > len(content):
            raise pickle.UnpicklingError("its memo is larger than the file")
    if end + 1 != len(content):
        raise pickle.UnpicklingError("it goes on behind its end")


class _Piece:
    """What a constructor was called with and the state it was given. It does nothing."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Unpickler(pickle.Unpickler):  # noqa: S301 - it finds no class but _Piece
    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) not in GLOBALS:
            raise pickle.UnpicklingError(f"it names {f'{module} {name}'[:60]!r}, which a batch does not need")
        return type(name, (_Piece,), {})
