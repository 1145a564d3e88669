"""How one message looks on the channel. A frame that was forged is only a message: nothing is trusted because of its shape."""

from __future__ import annotations

import struct
import zlib

__all__ = ["ENDED", "HEADER", "MAGIC", "MESSAGE", "RAISED", "pack"]

HEADER = struct.Struct(">4sBII")  # magic, kind, length, check sum of the body
MAGIC = b"\x93CVS"
MESSAGE, ENDED, RAISED = 1, 2, 3  # from the program; it came to its end; it raised what the body names


def pack(kind: int, body: bytes) -> bytes:
    """One frame.

    Parameters
    ----------
    kind : int
        ``MESSAGE``, ``ENDED`` or ``RAISED``.
    body : bytes
        Whatever it carries, under 4 GiB.

    Returns
    -------
    bytes
        Header and body.
    """
    return HEADER.pack(MAGIC, kind, len(body), zlib.crc32(body)) + body
