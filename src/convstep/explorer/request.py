"""What a request to the explorer's server must look like, and the answer to one that looks otherwise.

One rule: a request is read strictly or refused. What is refused, by which code, is a table in docs/explorer.md, and each line of it a test.
"""

import re
from dataclasses import dataclass
from http import HTTPStatus
from secrets import compare_digest

__all__ = ["LONGEST_HEAD", "Answer", "Refusal", "Request", "Rules", "answer", "check_beginning", "read_head"]

LONGEST_LINE = 4096  # bytes of the first line, and of each header
LONGEST_HEAD = 32_768  # bytes of all of them
MOST_HEADERS = 64
LARGEST_BODY = 1024  # bytes, which nobody reads: there is nothing to send here
METHODS = ("GET", "HEAD")
BEGINNING = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]")  # of a method
FIRST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/([0-9])\.([0-9])")
HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~\x80-\xff]*)")
SINGLE = ("host", "origin", "content-length", "transfer-encoding")  # headers of which two would contradict each other


class Refusal(Exception):  # noqa: N818 - an answer, not an error of ours
    """A request that is answered with a code and a sentence."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Request:
    """What a head says."""

    method: str
    path: str  # as it was sent, without what follows a question mark
    headers: dict[str, str]  # by their names in small letters


@dataclass(frozen=True)
class Rules:
    """Who may ask, and for what."""

    port: int
    token: str

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a browser on this machine calls the server by."""
        names = ("127.0.0.1", "localhost")
        return tuple(f"{name}:{self.port}" for name in names) + (names if self.port == 80 else ())


@dataclass(frozen=True)
class Answer:
    """What is sent back: the page, or a sentence."""

    status: HTTPStatus
    sentence: str = ""
    body_too: bool = True  # HEAD asks for the rest alone


def answer(head: bytes, rules: Rules) -> Answer:
    """Return the answer to a request, from its head."""
    try:
        request = read_head(head)
        _check_sender(request, rules)
        _check_body(request)
        _check_method(request)
        _check_path(request, rules)
    except Refusal as refusal:
        return Answer(refusal.status, str(refusal), body_too=not head.startswith(b"HEAD "))
    return Answer(HTTPStatus.OK, body_too=request.method == "GET")


def read_head(head: bytes) -> Request:
    """Return what a head says, from its first line to the empty one.

    Raises
    ------
    Refusal
        If it is not HTTP/1.0 or HTTP/1.1 to the letter, or too long.
    """
    check_beginning(head)
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, target, major, _ = (part.decode("ascii") for part in _first_line(first))
    if major != "1":
        raise Refusal(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "this is a server for HTTP/1.1")
    if not target.startswith("/"):
        raise Refusal(HTTPStatus.BAD_REQUEST, "the path does not begin with /")
    return Request(method, target.partition("?")[0], _read_headers(lines))


def check_beginning(head: bytes) -> None:
    """Refuse what can no longer become a request, whatever may follow.

    Raises
    ------
    Refusal
        If it does not begin like a request, or it is too long already.
    """
    first, *lines = head.split(b"\r\n")
    if not BEGINNING.match(head):
        raise Refusal(HTTPStatus.BAD_REQUEST, "this does not begin like a request")
    if len(first) > LONGEST_LINE:
        raise Refusal(HTTPStatus.REQUEST_URI_TOO_LONG, f"the first line is longer than {LONGEST_LINE} bytes")
    if len(lines) > MOST_HEADERS + 2 or len(head) > LONGEST_HEAD or any(len(line) > LONGEST_LINE for line in lines):
        fact = f"more than {MOST_HEADERS} headers, or {LONGEST_HEAD} bytes of them, or one of more than {LONGEST_LINE} bytes"
        raise Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, fact)
    if b"\n" in b"".join((first, *lines)):
        raise Refusal(HTTPStatus.BAD_REQUEST, "a line does not end in CR and LF")
    if lines:
        _first_line(first)


def _first_line(line: bytes) -> tuple[bytes, ...]:
    found = FIRST_LINE.fullmatch(line)
    if found is None:
        raise Refusal(HTTPStatus.BAD_REQUEST, "the first line is not a method, a path and HTTP/1.1")
    return found.groups()


def _read_headers(lines: list[bytes]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        found = HEADER.fullmatch(line)
        if found is None:
            raise Refusal(HTTPStatus.BAD_REQUEST, "a header is not a name, a colon and a value")
        name, value = found[1].decode("ascii").lower(), found[2].decode("latin-1").strip(" \t")
        if name in headers and name in SINGLE:
            raise Refusal(HTTPStatus.BAD_REQUEST, f"there are two headers {name}")
        headers[name] = value
    return headers


def _check_sender(request: Request, rules: Rules) -> None:
    """Refuse a page of somebody else, whose browser runs on this machine and could reach this server."""
    host = request.headers.get("host")
    if host is None:
        raise Refusal(HTTPStatus.BAD_REQUEST, "the header Host is missing")
    if host.lower() not in rules.hosts:
        raise Refusal(HTTPStatus.FORBIDDEN, "this server is only for the machine that it runs on")
    origin = request.headers.get("origin")
    if origin is not None and origin.lower() not in [f"http://{name}" for name in rules.hosts]:
        raise Refusal(HTTPStatus.FORBIDDEN, "this server does not answer to pages of others")


def _check_body(request: Request) -> None:
    length, coding = (request.headers.get(name) for name in ("content-length", "transfer-encoding"))
    if coding is not None:
        if length is not None:
            raise Refusal(HTTPStatus.BAD_REQUEST, "Content-Length and Transfer-Encoding contradict each other")
        raise Refusal(HTTPStatus.LENGTH_REQUIRED, "a body must say how long it is")
    if length is None:
        return
    if not re.fullmatch(r"[0-9]+", length):
        raise Refusal(HTTPStatus.BAD_REQUEST, "Content-Length is no number")
    if len(length) > 9 or int(length) > LARGEST_BODY:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body may have {LARGEST_BODY} bytes, and nobody reads them")
    if "expect" in request.headers:
        raise Refusal(HTTPStatus.EXPECTATION_FAILED, "nothing is promised ahead")


def _check_method(request: Request) -> None:
    if request.method not in METHODS:
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"there is a page to read and nothing else: {' or '.join(METHODS)}")


def _check_path(request: Request, rules: Rules) -> None:
    """Refuse every path but one: with the token there is a page, and without it nothing that could be told apart."""
    if not compare_digest(request.path.encode(), f"/{rules.token}/".encode()):
        raise Refusal(HTTPStatus.NOT_FOUND, "there is no such page; the address with its token is in the terminal")
