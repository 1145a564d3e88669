"""The explorer as one self-contained HTML file, which the browser opens from anywhere.

One rule: the page names nothing outside itself, and its own policy forbids it to ask for anything.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template
from typing import Any

from convstep.explorer.joining import DEFAULT, join

__all__ = [
    "LANGUAGES",
    "LARGEST_NETWORK",
    "Network",
    "joined_script",
    "packed",
    "page_data",
    "page_html",
    "page_policy",
    "shipped_network",
    "style",
]

LANGUAGES = {"en": "en", "zh": "zh-CN"}  # what `lang` says of each
LARGEST_NETWORK = 64 * 2**20  # bytes of a .convstep file; a third more in the page
ENTRY = "app.js"
POLICY = "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data: blob:; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True)
class Network:
    """A trained network for the page, which reads the file itself."""

    name: str
    archive: bytes  # a .convstep file
    run: Mapping[str, Any] | None = None  # what run.json says of its training
    shape: tuple[int | None, ...] | None = None  # of the images that it takes, (H, W, C) or (H, W)


def page_html(
    state: Mapping[str, Any] | None = None,
    network: Network | None = None,
    *,
    language: str | None = None,
    theme: str | None = None,
    place: str = "page",
) -> str:
    """Return the page.

    Parameters
    ----------
    state : mapping, optional
        What it shows first; without it, what the page thinks a good start.
    network : Network, optional
        Instead of the small one that ships.
    language : "en" or "zh", optional
        Without it, the visitor's.
    theme : "light" or "dark", optional
        Without it, the visitor's.
    place : "page", "served" or "widget"
        Where it is shown.
    """
    data = {"state": state, **page_data(network), "language": language, "theme": theme, "place": place}
    return Template(_asset("page.html")).substitute(
        language=LANGUAGES[language or "en"],
        policy=page_policy(),
        title=data["words"]["title"][language or "en"],
        style=style(),
        data=embedded(data),
        script=_page_script(),
    )


@cache
def page_policy() -> str:
    """Return the Content-Security-Policy of the page: its one script, its one style sheet, pictures of its own, and nothing else."""
    return POLICY.format(script=_sha256(_page_script()), style=_sha256(style()))


def page_data(network: Network | None = None) -> dict[str, Any]:
    """Return what the page is made of besides its state: words, digits, a network and the mistakes, as plain data."""
    shown = network or shipped_network()
    return {
        "words": {key: texts for text in _assets("words", ".json") for key, texts in json.loads(text).items()},
        "digits": json.loads(_room().joinpath("digits.json").read_bytes()),
        "network": {"name": shown.name, "run": shown.run, "archive": base64.b64encode(shown.archive).decode()},
        "mistakes": _mistakes(),
    }


@cache
def shipped_network() -> Network:
    """Return the small trained network that ships."""
    folder = _room().joinpath("network")
    return Network("digits", folder.joinpath("digits.convstep").read_bytes(), json.loads(folder.joinpath("run.json").read_bytes()))


@cache
def joined_script() -> str:
    """Return all modules as one, whose default export is the widget's: an object with a function `render`."""
    modules = [item for item in _room().joinpath("assets").iterdir() if item.name.endswith(".js")]
    return join({item.name: item.read_text(encoding="utf-8") for item in modules}, ENTRY)


@cache
def style() -> str:
    """Return the style sheet."""
    return "\n".join(text.strip() for text in _assets("style", ".css"))


def embedded(data: Any) -> str:
    """Return plain data as JSON that can stand in a script element: nothing in it can end the element or begin a comment."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return (
        text.replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )


def packed(content: bytes) -> str:
    """Return bytes deflated, without a header, as base64."""
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return base64.b64encode(squeezer.compress(content) + squeezer.flush()).decode()


@cache
def _page_script() -> str:
    """Return the modules as a script that opens the page."""
    return f"{DEFAULT.sub('const explorerApp =', joined_script())}openPage(explorerApp);"


def _sha256(text: str) -> str:
    """Return what a policy calls a script or a style by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _mistakes() -> str:
    return packed(_room().joinpath("mistakes.json").read_bytes())


def _asset(name: str) -> str:
    return _room().joinpath("assets", name).read_text(encoding="utf-8")


def _assets(start: str, end: str) -> list[str]:
    """Return the texts of assets whose names begin and end so, in the order of the names: each view may bring its own."""
    names = sorted(item.name for item in _room().joinpath("assets").iterdir())
    return [_asset(name) for name in names if name.startswith(start) and name.endswith(end)]


def _room() -> Traversable:
    return files("convstep.explorer")
