"""The caller's end of the channel: bytes of a stranger become messages, within a limit, and never an exception."""

from __future__ import annotations

import os
import zlib

from .inside.frame import ENDED, HEADER, MAGIC, MESSAGE, RAISED

__all__ = ["Channel"]

PIECE = 1 << 16


class Channel:
    """Collects frames.

    Parameters
    ----------
    limit : int
        Bytes in all.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.messages: list[bytes] = []
        self.problem = ""  # "garbled" or "messages", with which reading stops
        self.detail = ""
        self.ended = False  # the program says that it came to its end
        self.raised = ""  # the name of what it raised
        self.rest = bytearray()
        self.count = 0

    @property
    def torn(self) -> bool:
        """Whether the last frame is not whole."""
        return bool(self.rest)

    def read(self, descriptor: int) -> None:
        """Read until the end or the first problem.

        Parameters
        ----------
        descriptor : int
            A pipe.
        """
        while not self.problem:
            try:
                data = os.read(descriptor, PIECE)
            except OSError:
                return
            if not data:
                return
            self.feed(data)

    def feed(self, data: bytes) -> None:
        """Take in some bytes.

        Parameters
        ----------
        data : bytes
            As they came.
        """
        self.count += len(data)
        self.rest += data
        while not self.problem and self.take():
            pass
        if not self.problem and self.count > self.limit:
            self.stop("messages", f"over {self.limit} bytes")

    def take(self) -> bool:
        """Take one frame from what has come; whether there was one."""
        problem = self.wrong()
        if problem:
            self.stop(*problem)
            return False
        if len(self.rest) < HEADER.size:
            return False
        _, kind, length, total = HEADER.unpack_from(self.rest)
        end = HEADER.size + length
        if len(self.rest) < end:
            return False
        self.accept(kind, bytes(self.rest[HEADER.size : end]), total)
        del self.rest[:end]
        return True

    def wrong(self) -> tuple[str, str] | None:
        """What is wrong with the next frame, as far as it has come."""
        if bytes(self.rest[:4]) != MAGIC[: len(self.rest)]:
            return "garbled", "bytes that are no message"
        if len(self.rest) < HEADER.size:
            return None
        _, kind, length, _ = HEADER.unpack_from(self.rest)
        if kind not in {MESSAGE, ENDED, RAISED}:
            return "garbled", "a message of no kind"
        return ("messages", f"one of {length} bytes") if length > self.limit else None

    def accept(self, kind: int, body: bytes, total: int) -> None:
        """Take in one whole frame."""
        if zlib.crc32(body) != total:
            self.stop("garbled", "a message with a wrong check sum")
        elif kind == MESSAGE:
            self.messages.append(body)
        elif kind == ENDED:
            self.ended = True
        else:
            self.raised = "".join(letter for letter in body[:200].decode("utf-8", "replace") if letter.isprintable())[:80]

    def stop(self, problem: str, detail: str) -> None:
        """Read no further."""
        self.problem, self.detail = problem, detail
        self.rest.clear()
