"""Downloads from a list of mirrors. The one rule: what lands in the cache has the sha256 that is written in this package.

pooch keeps the cache, checks the hash and renames at the end. It cannot resume, so the downloader handed to it does: the bytes so far
stay in a `.part` file, one for each mirror, until they are whole.
"""

import gzip
import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from convstep.data.files import BLOCK, DAMAGED, quiet, reason, refusal
from convstep.errors import DataUnavailableError, MissingExtraError
from convstep.extras import require

__all__ = ["Wanted", "cache_folder", "fetch"]

PATIENCE = (10, 30)  # seconds to connect, and between two bytes
TRIES = 5  # how often one mirror is taken up again, as long as each try brings more bytes
GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Wanted:
    """A file to have: its name in the cache, the sha256 and the most bytes of it as it lies there, and whether mirrors keep it as .gz."""

    name: str
    sha256: str
    size: int
    unpack: bool


class MirrorError(Exception):
    """One mirror did not deliver, in a few words."""


class OtherContentError(MirrorError, ValueError):
    """A mirror delivered something else."""


def cache_folder() -> Path | None:
    """Return where downloads are kept: CONVSTEP_DATA, else the platform's folder for caches, which pooch knows."""
    if folder := os.environ.get("CONVSTEP_DATA"):
        return Path(os.path.expanduser(folder))  # noqa: PTH111 - Path.expanduser fails where there is no home
    try:
        return Path(require("pooch", extra="data").os_cache("convstep"))
    except MissingExtraError:
        return None


def fetch(op: str, wanted: Wanted, urls: Sequence[str], folder: Path, *, advice: str) -> Path:
    """Return the file, downloaded into the folder from the first mirror that delivers it.

    Raises
    ------
    MissingExtraError
        pooch is not installed.
    DataUnavailableError
        No mirror delivered, or the folder cannot be written.
    """
    pooch = require("pooch", extra="data", op=op)
    failures = []
    for url in urls:
        try:
            with quiet(pooch.get_logger()):
                return _from_mirror(pooch, wanted, url, folder)
        except MirrorError as failure:
            failures.append(f"{urlsplit(url).netloc}: {failure}")
        except OSError as error:
            fact = f"{wanted.name} cannot be kept ({reason(error)})"
            raise refusal(op, fact, folder, "set CONVSTEP_DATA to a folder that can be written", kind=DataUnavailableError) from None
    fact = f"{wanted.name} is not on this machine and no mirror delivered it ({'; '.join(failures)})"
    raise refusal(op, fact, folder, advice, kind=DataUnavailableError)


def _from_mirror(pooch: Any, wanted: Wanted, url: str, folder: Path) -> Path:
    part = folder / f"{wanted.name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}.part"
    for attempt in range(TRIES):
        before = _size(part)
        try:
            return Path(pooch.retrieve(url, f"sha256:{wanted.sha256}", wanted.name, folder, downloader=_Resuming(wanted, part)))
        except OtherContentError:
            part.unlink(missing_ok=True)
            if not before:
                raise
        except MirrorError:
            if _size(part) <= before or attempt == TRIES - 1:
                raise
        except ValueError:  # the hash, which pooch compares
            part.unlink(missing_ok=True)
            if not before:
                raise OtherContentError("another content than expected") from None
    raise OtherContentError("another content than expected")


@dataclass(frozen=True)
class _Resuming:
    """A downloader for pooch, which takes up the part that is there."""

    wanted: Wanted
    part: Path

    def __call__(self, url: str, output_file: str, pooch: object, check_only: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - pooch's own signature
        """Bring the part to its full length, and its content into the output file."""
        requests, urllib3 = require("requests", extra="data"), require("urllib3", extra="data")
        try:
            _complete(url, self.part, self.wanted)
        except requests.HTTPError as error:
            raise MirrorError(f"answers {error.response.status_code}") from None
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            raise MirrorError("no answer in time") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise MirrorError("the connection broke" if self.part.exists() else f"no connection ({type(error).__name__})") from None
        _unpack(self.part, Path(output_file), self.wanted)
        self.part.unlink(missing_ok=True)


def _complete(url: str, part: Path, wanted: Wanted) -> None:
    requests = require("requests", extra="data")
    have = _size(part)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=PATIENCE) as response:
        span = response.headers.get("Content-Range", "")
        if response.status_code == requests.codes.requested_range_not_satisfiable and span == f"bytes */{have}":
            return  # the part is whole: an earlier run ended between two steps
        response.raise_for_status()
        resumed = response.status_code == requests.codes.partial_content
        if resumed and not span.startswith(f"bytes {have}-"):
            raise OtherContentError("another part than asked for")
        start = have if resumed else 0
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        blocks = response.raw.stream(BLOCK // 16, decode_content=False)
        with part.open("ab" if resumed else "wb") as file, _progress(url, wanted.name, start, total) as advance:
            for block in blocks:
                file.write(block)
                advance(len(block))
                if file.tell() > wanted.size + BLOCK:
                    raise OtherContentError("more bytes than expected")
        if total is not None and _size(part) != total:
            raise requests.ConnectionError


def _unpack(part: Path, output: Path, wanted: Wanted) -> None:
    """Write the content of the part, decompressed if that is wanted, and no byte more than there should be."""
    with part.open("rb") as packed, output.open("wb") as file:
        zipped = wanted.unpack and packed.read(len(GZIP)) == GZIP
        packed.seek(0)
        try:
            content = gzip.GzipFile(fileobj=packed) if zipped else packed
            while block := content.read(BLOCK):
                file.write(block)
                if file.tell() > wanted.size:
                    raise OtherContentError("more bytes than expected")
        except DAMAGED:
            raise OtherContentError("a damaged gzip file") from None


@contextmanager
def _progress(url: str, name: str, start: int, total: int | None) -> Iterator[Any]:
    """Show on stderr how far the download is: a bar with speed and remaining time on a terminal, one line elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    if not console.is_terminal:
        console.print(f"{name}: downloading from {urlsplit(url).netloc}", highlight=False, soft_wrap=True, markup=False)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=total, completed=start)
        yield lambda count: progress.advance(task, count)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
