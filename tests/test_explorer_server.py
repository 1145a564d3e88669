"""The explorer's server: what a browser on this machine gets, and what everybody else gets instead."""

import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from convstep.explorer import server as module
from convstep.explorer.server import PageServer

PAGE = "<!doctype html><title>卷积</title>".encode()
POLICY = "default-src 'none'; script-src 'sha256-x'"
TABLE = Path(__file__).parents[1] / "docs" / "explorer.md"
AT_ONCE = 2.5  # seconds, of which a busy machine may need some


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    made = PageServer(PAGE, POLICY)
    threading.Thread(target=made.serve, daemon=True).start()
    yield made
    made.close()


def place(server: PageServer) -> tuple[str, int, str]:
    """Return host, port and path of the page."""
    parts = urlsplit(server.address)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port, parts.path


def connected(server: PageServer) -> socket.socket:
    return socket.create_connection(place(server)[:2], timeout=10)


def everything(connection: socket.socket) -> bytes:
    """Return all that comes until the other side closes."""
    pieces = []
    while piece := connection.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def asked(server: PageServer, request: bytes) -> bytes:
    """Send bytes as they are, with the server's own names where they ask for them, and return the answer."""
    _, port, path = place(server)
    with connected(server) as connection:
        connection.sendall(request.replace(b"PORT", str(port).encode()).replace(b"/PATH/", path.encode()))
        return everything(connection)


def status(answer: bytes) -> int:
    found = re.match(rb"HTTP/1\.1 (\d{3}) [\w -]+\r\n", answer)
    assert found, answer[:100]
    return int(found[1])


HOST = b"Host: 127.0.0.1:PORT\r\n"
GET = b"GET /PATH/ HTTP/1.1\r\n" + HOST
POST = b"POST /PATH/ HTTP/1.1\r\n" + HOST
HOSTILE = {
    # who asks
    "a foreign Host: `evil.example`": (b"GET /PATH/ HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
    "a name that was bound to 127.0.0.1 (DNS rebinding)": (b"GET /PATH/ HTTP/1.1\r\nHost: evil.example:PORT\r\n\r\n", 403),
    "the right Host with the port of another server": (b"GET /PATH/ HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n", 403),
    "another address of this machine as Host: `0.0.0.0`": (b"GET /PATH/ HTTP/1.1\r\nHost: 0.0.0.0:PORT\r\n\r\n", 403),
    "an empty Host": (b"GET /PATH/ HTTP/1.1\r\nHost:\r\n\r\n", 403),
    "no Host": (b"GET /PATH/ HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (GET + HOST + b"\r\n", 400),
    "a foreign Origin": (GET + b"Origin: https://evil.example\r\n\r\n", 403),
    "the Origin of another server on this machine": (GET + b"Origin: http://127.0.0.1:1\r\n\r\n", 403),
    "the Origin `null`, as a sandboxed frame sends it": (GET + b"Origin: null\r\n\r\n", 403),
    "a preflight of a foreign page": (b"OPTIONS /PATH/ HTTP/1.1\r\n" + HOST + b"Origin: https://evil.example\r\n\r\n", 403),
    # what for
    "the root, without the token": (b"GET / HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "a wrong token": (b"GET /AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/ HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "a file below the token": (b"GET /PATH/model.json HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "traversal: `/../../etc/passwd`": (b"GET /../../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "traversal below the token": (b"GET /PATH/../../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "traversal that is percent-encoded": (b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "a NUL that is percent-encoded": (b"GET /PATH/%00 HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    # methods and bodies
    "POST": (POST + b"\r\n", 405),
    "POST with a small body": (POST + b"Content-Length: 5\r\n\r\nhello", 405),
    "PUT": (b"PUT /PATH/ HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "DELETE": (b"DELETE /PATH/ HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "OPTIONS": (b"OPTIONS /PATH/ HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "TRACE": (b"TRACE /PATH/ HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "a method that nobody knows": (b"BREW /PATH/ HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "a body of 10 MB": (POST + b"Content-Length: 10000000\r\n\r\n" + bytes(10_000_000), 413),
    "a body that would have 10^30 bytes": (POST + b"Content-Length: 1" + 30 * b"0" + b"\r\n\r\n", 413),
    "a body in chunks": (POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 411),
    "a body with a length and in chunks (request smuggling)": (
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "two lengths of a body": (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n", 400),
    "a length that is no number": (POST + b"Content-Length: 0x10\r\n\r\n", 400),
    "`Expect: 100-continue`": (POST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", 417),
    # what it looks like
    "a path of 8,000 characters": (b"GET /" + 8000 * b"a" + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "a first line of 1 MB that does not end": (b"GET /" + 1_000_000 * b"a", 414),
    "a header of 8,000 characters": (GET + b"X: " + 8000 * b"a" + b"\r\n\r\n", 431),
    "a header of 1 MB that does not end": (GET + b"X: " + 1_000_000 * b"a", 431),
    "1,000 headers": (GET + 1000 * b"X: y\r\n" + b"\r\n", 431),
    "40 headers of 1,000 characters": (GET + 40 * (b"X: " + 1000 * b"y" + b"\r\n") + b"\r\n", 431),
    "HTTP/0.9": (b"GET /PATH/\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/3.0": (b"GET /PATH/ HTTP/3.0\r\n" + HOST + b"\r\n", 505),
    "an address of another server as path (a proxy's request)": (b"GET http://evil.example/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "CONNECT": (b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a blank in the path": (b"GET /PATH/ /x HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a NUL in the path": (b"GET /PATH/\0 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a path in UTF-8": ("GET /卷积 HTTP/1.1\r\n".encode() + HOST + b"\r\n", 400),
    "lines that end in LF alone": (b"GET /PATH/ HTTP/1.1\nHost: 127.0.0.1:PORT\n\n", 400),
    "a header without a colon": (GET + b"nothing\r\n\r\n", 400),
    "a blank before the colon": (GET + b"X : y\r\n\r\n", 400),
    "a header that goes on in the next line": (GET + b"X: y\r\n z\r\n\r\n", 400),
    "a NUL in a header": (GET + b"X: \0\r\n\r\n", 400),
    "an empty line before the request": (b"\r\n" + GET + b"\r\n", 400),
    "TLS": (bytes.fromhex("16030102000100"), 400),
    "random bytes": (bytes(range(256)) * 40, 400),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_request_has_its_documented_answer(server: PageServer, what: str) -> None:
    request, expected = HOSTILE[what]
    start = time.monotonic()
    answer = asked(server, request)
    assert status(answer) == expected
    assert time.monotonic() - start < AT_ONCE
    assert PAGE not in answer
    assert place(server)[2].strip("/").encode() not in answer
    assert (b"\r\nAllow: GET, HEAD\r\n" in answer) == (expected == 405)
    assert answer.partition(b"\r\n\r\n")[2].startswith(f"{expected} ".encode())
    assert b"\r\nContent-Type: text/plain; charset=utf-8\r\n" in answer
    assert b"\r\nX-Content-Type-Options: nosniff\r\n" in answer
    assert b"Access-Control" not in answer


def test_the_document_lists_each_of_these_requests_with_its_answer() -> None:
    rows = re.findall(r"^\| (.+?) \| (\d{3}) \|$", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [(what, int(code)) for what, code in rows] == [(what, code) for what, (_, code) in HOSTILE.items()]
    assert len(rows) >= 30


FRIENDLY = {
    "as a browser asks": GET + b"Accept: text/html\r\nAccept-Language: en\r\nUser-Agent: Mozilla/5.0\r\n\r\n",
    "under the name localhost": b"GET /PATH/ HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n",
    "with names in other letters": b"GET /PATH/ HTTP/1.1\r\nhOST: LocalHost:PORT\r\n\r\n",
    "in HTTP/1.0": b"GET /PATH/ HTTP/1.0\r\n" + HOST + b"\r\n",
    "with a question": b"GET /PATH/?lang=zh HTTP/1.1\r\n" + HOST + b"\r\n",
    "with its own Origin": GET + b"Origin: http://127.0.0.1:PORT\r\n\r\n",
    "with a small body": GET + b"Content-Length: 5\r\n\r\nhello",
}


@pytest.mark.parametrize("what", FRIENDLY)
def test_who_knows_the_address_gets_the_page(server: PageServer, what: str) -> None:
    answer = asked(server, FRIENDLY[what])
    head, _, body = answer.partition(b"\r\n\r\n")
    assert status(answer) == 200
    assert body == PAGE
    assert f"\r\nContent-Length: {len(PAGE)}".encode() in head


def test_the_page_comes_with_headers_that_keep_it_to_itself(server: PageServer) -> None:
    with urllib.request.urlopen(server.address) as answer:  # noqa: S310 - the server's own
        assert answer.read() == PAGE
        headers = dict(answer.headers)
    assert headers.pop("Date").endswith("GMT")
    assert headers == {
        "Cache-Control": "no-store",
        "Connection": "close",
        "Content-Length": str(len(PAGE)),
        "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
        "Content-Type": "text/html; charset=utf-8",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def test_head_is_the_same_without_the_page(server: PageServer) -> None:
    def plain(answer: bytes) -> list[bytes]:
        return [line for line in answer.partition(b"\r\n\r\n")[0].split(b"\r\n") if not line.startswith(b"Date")]

    head, whole = (asked(server, method + GET[3:] + b"\r\n") for method in (b"HEAD", b"GET"))
    assert head.endswith(b"\r\n\r\n")
    assert plain(head) == plain(whole)
    assert asked(server, b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n").endswith(b"\r\n\r\n")


def test_a_request_may_come_in_pieces(server: PageServer) -> None:
    _, port, path = place(server)
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    with connected(server) as connection:
        for position in range(0, len(request), 9):
            connection.sendall(request[position : position + 9])
            time.sleep(0.002)
        assert status(everything(connection)) == 200


def test_the_server_is_on_127_0_0_1_alone(server: PageServer) -> None:
    host, port, path = place(server)
    assert host == "127.0.0.1"
    assert server._listener.getsockname() == ("127.0.0.1", port)
    for other in ("127.0.0.2", "::1"):
        with pytest.raises(OSError, match=r"refused|unreachable|assign|not supported|family"):
            socket.create_connection((other, port), timeout=1).close()
    assert len(path) == 45  # 256 random bits


def test_each_server_has_another_token() -> None:
    servers = [PageServer(PAGE, POLICY) for _ in range(3)]
    assert len({urlsplit(one.address).path for one in servers}) == 3
    for one in servers:
        one.close()


def test_a_port_that_is_taken_is_an_error(server: PageServer) -> None:
    with pytest.raises(OSError, match=r"in use"):
        PageServer(PAGE, POLICY, port=place(server)[1])


# ---- clients that take their time


@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost:"], ids=["nothing", "a letter", "half a header"])
def test_who_says_no_more_is_told_that_it_took_too_long(server: PageServer, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(module, "HEAD_SECONDS", 0.2)
    with connected(server) as connection:
        connection.sendall(sent)
        assert status(everything(connection)) == 408


def trickle(connection: socket.socket) -> None:
    for _ in range(100):
        connection.sendall(b"a")
        time.sleep(0.05)


def test_a_byte_now_and_then_does_not_win_time(server: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD_SECONDS", 0.4)
    start = time.monotonic()
    with connected(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        with pytest.raises(OSError, match=r"reset|pipe|abort"):
            trickle(connection)
    assert time.monotonic() - start < 0.4 + module.LINGER_SECONDS + AT_ONCE


def test_who_closes_in_the_middle_is_nobodys_trouble(server: PageServer) -> None:
    for _ in range(3):
        connected(server).close()
    with connected(server) as connection:
        connection.sendall(b"GET /")
        connection.shutdown(socket.SHUT_WR)
        assert status(everything(connection)) == 400


def test_there_are_few_threads_and_who_is_one_too_many_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_VISITORS", 3)
    monkeypatch.setattr(module, "HEAD_SECONDS", 1.0)
    server = PageServer(PAGE, POLICY)
    threading.Thread(target=server.serve, daemon=True).start()
    before = threading.active_count()
    waiting = [connected(server) for _ in range(9)]
    answers = [status(everything(connection)) for connection in waiting[3:]]
    assert answers == [503] * 6
    assert threading.active_count() <= before + 3
    assert [status(everything(connection)) for connection in waiting[:3]] == [408] * 3
    for connection in waiting:
        connection.close()
    for _ in range(50):  # until the three have gone
        if status(asked(server, GET + b"\r\n")) == 200:
            break
        time.sleep(0.05)
    else:
        pytest.fail("there is no room again")
    server.close()


def test_who_does_not_read_the_page_is_left_alone_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BODY_SECONDS", 0.3)
    monkeypatch.setattr(module, "MOST_VISITORS", 1)
    server = PageServer(bytes(40_000_000), POLICY)
    threading.Thread(target=server.serve, daemon=True).start()
    _, port, path = place(server)
    with connected(server) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        time.sleep(0.5)
        for _ in range(50):
            if status(asked(server, b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")) == 404:
                break
            time.sleep(0.05)
        else:
            pytest.fail("the only thread is still with who does not read")
    server.close()


def test_a_closed_server_stops_serving() -> None:
    server = PageServer(PAGE, POLICY)
    thread = threading.Thread(target=server.serve)
    thread.start()
    server.close()
    thread.join(5)
    assert not thread.is_alive()


def test_the_server_brings_no_numpy() -> None:
    code = "import sys, convstep.explorer.server as s; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
