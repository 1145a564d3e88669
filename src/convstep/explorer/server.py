"""A server for one page on this machine, for one visitor: 127.0.0.1 alone, and a token in the address.

One rule: whatever comes is answered by `request.answer` within its time, by a thread of its own, of which there are few.
"""

import socket
import threading
import time
from contextlib import ExitStack, suppress
from email.utils import formatdate
from http import HTTPStatus
from secrets import token_urlsafe

from convstep.explorer.request import METHODS, Answer, Refusal, Rules, answer, check_beginning

__all__ = ["PageServer"]

MOST_VISITORS = 16  # connections at a time
HEAD_SECONDS = 5.0  # until a request must be there
BODY_SECONDS = 60.0  # until an answer must be gone
LINGER_SECONDS = 1.0  # in which the rest of a refused request is thrown away, so that the answer arrives
AWAKE_SECONDS = 0.5  # between looks at Ctrl-C, which Windows does not interrupt a wait for
SHORTEST = 0.001  # seconds to wait: 0 would mean not to wait, and bytes that come faster are soon too many
PIECE = 65_536
NOTHING = "default-src 'none'"
HEADERS = {
    "Cache-Control": "no-store",
    "Connection": "close",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class PageServer:
    """Serves one page.

    Parameters
    ----------
    page : bytes
        HTML in UTF-8.
    policy : str
        The page's own Content-Security-Policy, which is sent too.
    port : int
        0 is a free one.

    Attributes
    ----------
    address : str
        Where the page is. Who does not know it finds nothing.

    Raises
    ------
    OSError
        If the port is taken or not for this user.
    """

    def __init__(self, page: bytes, policy: str, *, port: int = 0) -> None:
        self._page, self._policy = page, policy
        self._listener = socket.create_server(("127.0.0.1", port), backlog=2 * MOST_VISITORS)
        self._listener.settimeout(AWAKE_SECONDS)
        self._rules = Rules(self._listener.getsockname()[1], token_urlsafe())
        self._room = threading.BoundedSemaphore(MOST_VISITORS)
        self.address = f"http://127.0.0.1:{self._rules.port}/{self._rules.token}/"

    def serve(self) -> None:
        """Answer until the process is interrupted or the server closed. The threads end with the process, whatever they wait for."""
        with ExitStack() as turned_away:
            while True:
                try:
                    visitor, _ = self._listener.accept()
                except TimeoutError:
                    turned_away.close()
                except OSError:
                    if self._listener.fileno() < 0:
                        return  # closed
                    turned_away.close()
                    time.sleep(AWAKE_SECONDS)  # the process has too many files open, say; later it may have fewer
                else:
                    self._meet(visitor, turned_away)

    def close(self) -> None:
        """Take no more visitors."""
        self._listener.close()

    def _meet(self, visitor: socket.socket, turned_away: ExitStack) -> None:
        if self._room.acquire(blocking=False):
            threading.Thread(target=self._attend, args=(visitor,), daemon=True).start()
            return
        turned_away.enter_context(visitor)  # closed later: what is closed at once may not arrive
        with suppress(OSError):
            self._send(visitor, Answer(HTTPStatus.SERVICE_UNAVAILABLE, f"there are {MOST_VISITORS} connections already"), seconds=0)
            visitor.shutdown(socket.SHUT_WR)

    def _attend(self, visitor: socket.socket) -> None:
        try:
            with visitor, suppress(OSError):
                head = _received(visitor)
                self._send(visitor, head if isinstance(head, Answer) else answer(head, self._rules), seconds=BODY_SECONDS)
                _linger(visitor)
        finally:
            self._room.release()

    def _send(self, visitor: socket.socket, answered: Answer, seconds: float) -> None:
        found = answered.status == HTTPStatus.OK
        body = self._page if found else f"{answered.status} {answered.status.phrase}: {answered.sentence}\n".encode()
        headers = HEADERS | {
            "Content-Length": str(len(body)),
            "Content-Security-Policy": f"{self._policy if found else NOTHING}; frame-ancestors 'none'",
            "Content-Type": f"text/{'html' if found else 'plain'}; charset=utf-8",
            "Date": formatdate(usegmt=True),
        }
        if answered.status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(METHODS)
        lines = [f"HTTP/1.1 {answered.status} {answered.status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
        visitor.settimeout(seconds)  # of all that is sent
        visitor.sendall("\r\n".join([*lines, "", ""]).encode() + (body if answered.body_too else b""))


def _received(visitor: socket.socket) -> bytes | Answer:
    """Return the head of a request, or the answer to one that is too slow, too long or no request."""
    end, head = time.monotonic() + HEAD_SECONDS, b""
    try:
        while b"\r\n\r\n" not in head:
            visitor.settimeout(max(end - time.monotonic(), SHORTEST))
            piece = visitor.recv(PIECE)
            if not piece:
                return Answer(HTTPStatus.BAD_REQUEST, "the request ends before its empty line")
            head += piece
            check_beginning(head.partition(b"\r\n\r\n")[0])
    except TimeoutError:
        return Answer(HTTPStatus.REQUEST_TIMEOUT, f"the request was not there after {HEAD_SECONDS:g} seconds")
    except Refusal as refusal:
        return Answer(refusal.status, str(refusal))
    return head.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


def _linger(visitor: socket.socket) -> None:
    """Throw away what is still on its way: closing on it would take the answer back."""
    visitor.shutdown(socket.SHUT_WR)
    end = time.monotonic() + LINGER_SECONDS
    while (left := end - time.monotonic()) > 0:
        visitor.settimeout(left)
        if not visitor.recv(PIECE):
            return
