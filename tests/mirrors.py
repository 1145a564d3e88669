"""Servers on 127.0.0.1 that play the mirrors of a data set, and a machine on which nothing lies yet."""

import gzip
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from convstep.errors import DataError


@pytest.fixture(name="nowhere", autouse=True)
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty home, working folder and cache."""
    for name in ("home", "work", "cache"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CONVSTEP_DATA", str(tmp_path / "cache"))
    for name in ("KERAS_HOME", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def placed(folder: Path, files: dict[str, bytes], *, suffix: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}{suffix}").write_bytes(gzip.compress(content) if suffix == ".gz" else content)
    return folder


def refused(call: Callable[[], Any], kind: type[Exception] = DataError) -> str:
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    return str(caught.value)


@dataclass
class Mirror:
    """A server on 127.0.0.1 that keeps files, and what it was asked."""

    files: dict[str, bytes]
    breaks: int = 0  # how many answers stop in the middle
    ranges: bool = True
    total: int | None = None
    requests: list[tuple[str, str | None, int]] = field(default_factory=list)
    address: str = ""


@pytest.fixture(name="serve")
def started_mirrors() -> Iterator[Callable[[Mirror], str]]:
    """Start a mirror and return its address."""
    pytest.importorskip("pooch", reason="pooch is not installed (extra data)")
    servers = []

    def start(mirror: Mirror) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer(self, mirror)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the server's own name
                pass

        server = Quiet(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class Quiet(ThreadingHTTPServer):
    """A server that says nothing about a client that has gone."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


def answer(handler: BaseHTTPRequestHandler, mirror: Mirror) -> None:
    name, span = handler.path.lstrip("/"), handler.headers["Range"]
    content = mirror.files.get(name)
    start = int(span.removeprefix("bytes=").rstrip("-")) if span and mirror.ranges else 0
    if content is None:
        status = 404
    elif start >= len(content) > 0:
        status = 416
    else:
        status = 206 if start else 200
    mirror.requests.append((name, span, status))
    handler.send_response(status)
    rest = (content or b"")[start:] if status in {200, 206} else b""
    if status == 206:
        handler.send_header("Content-Range", f"bytes {start}-{len(content or b'') - 1}/{len(content or b'')}")
    if status == 416:
        handler.send_header("Content-Range", f"bytes */{len(content or b'')}")
    handler.send_header("Content-Length", str(len(rest)))
    handler.end_headers()
    if mirror.breaks and rest:
        mirror.breaks -= 1
        handler.wfile.write(rest[: len(rest) // 2])
        handler.wfile.flush()
        handler.connection.close()
        handler.close_connection = True
    else:
        handler.wfile.write(rest)
