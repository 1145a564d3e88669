"""IDX files, the format of MNIST: a magic number, the sizes as big-endian integers, then the cells.

One rule: a file holds exactly the cells that its header claims, no byte less and no byte more.
"""

import gzip
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstep.data.files import BLOCK, DAMAGED, FilePath, expanded, reason, refusal, regular_size

__all__ = ["header", "read_idx"]

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
GZIP = b"\x1f\x8b"
AXES = 8  # MNIST has 3 and no known data set more than 4


def read_idx(path: FilePath) -> NDArray[Any]:
    """Read an IDX file, raw or compressed with gzip.

    Parameters
    ----------
    path : str or path
        Whether the file is compressed is seen from its content, not from its name.

    Returns
    -------
    cells : array in the shape that the file claims
        Of type uint8, int8, int16, int32, float32 or float64, as the file says, in the machine's own byte order.

    Raises
    ------
    DataError
        The file is missing, no IDX file, cut off, longer than it claims, or claims to expand to more than 64 MiB
        and more than 200 times its own size.

    Notes
    -----
    The format stands at the foot of Yann LeCun's page "The MNIST database of handwritten digits".
    """
    op = "read_idx"
    size = regular_size(op, path)
    try:
        with Path(path).open("rb") as file:
            packed = file.read(len(GZIP)) == GZIP
            file.seek(0)
            if not packed:
                return _read(op, file, path, size)
            with gzip.GzipFile(fileobj=file) as content:
                return _read(op, content, path, size, packed=True)
    except DAMAGED as error:
        raise refusal(op, f"the file is cut off or damaged ({reason(error)})", path) from None


def header(shape: tuple[int, ...]) -> bytes:
    """Return the bytes that an IDX file of uint8 cells in this shape begins with."""
    return bytes([0, 0, 0x08, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)


def _read(op: str, file: io.BufferedReader | gzip.GzipFile, path: FilePath, size: int, *, packed: bool = False) -> NDArray[Any]:
    # 1. Read what the file claims.
    zeros, code, axes = _exactly(op, file, 2, path), *_exactly(op, file, 2, path)
    if zeros != b"\0\0" or code not in DTYPES or not 1 <= axes <= AXES:
        begin = (zeros + bytes([code, axes])).hex(" ")
        raise refusal(op, f"this is no IDX file: it begins with {begin}, not with 00 00, a type and the number of axes", path)
    sizes = _exactly(op, file, 4 * axes, path)
    shape = tuple(int.from_bytes(sizes[4 * axis : 4 * axis + 4], "big") for axis in range(axes))
    dtype = np.dtype(DTYPES[code])
    claimed = math.prod(shape) * dtype.itemsize

    # 2. Hold it against the size of the file.
    start = 4 + 4 * axes
    if not claimed:
        raise refusal(op, f"the file claims the shape {shape}, which has no cells", path)
    if not packed and start + claimed != size:
        raise refusal(op, f"the file claims the shape {shape}, so {start + claimed} bytes, but has {size}", path)
    if packed:
        expanded(op, claimed, size, path)

    # 3. Read the cells, and find nothing behind them.
    cells = np.empty(claimed, dtype=np.uint8)
    view, filled = cells.data, 0
    while got := file.readinto(view[filled : filled + BLOCK]):
        filled += got
    if filled != claimed or file.read(1):
        behind = f"ends after {filled}" if filled != claimed else "goes on behind them"
        raise refusal(op, f"the file claims the shape {shape}, so {claimed} bytes of cells, but {behind}", path)
    big = cells.view(dtype).reshape(shape)
    native = dtype.newbyteorder("=")
    return big if dtype == native else big.byteswap(inplace=True).view(native)


def _exactly(op: str, file: io.BufferedReader | gzip.GzipFile, count: int, path: FilePath) -> bytes:
    content = file.read(count)
    if len(content) != count:
        raise refusal(op, "the file ends inside its header", path)
    return content
