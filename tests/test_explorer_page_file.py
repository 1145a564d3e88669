"""The page as a file: modules joined into one text, data that cannot end their element, and no reference to anything outside."""

import json
import re
import subprocess
import zlib
from base64 import b64decode
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from tests.node import node

from convstep.explorer.joining import JoiningError, join
from convstep.explorer.page import LANGUAGES, Network, embedded, joined_script, page_html, page_policy, style
from convstep.explorer.still import framed

ASSETS = files("convstep.explorer").joinpath("assets")

# ---- joining

SHAPES = """// Shapes.
import { area as product, UNIT } from "./area.js";
import {
  name,
  Circle,
} from "./names.js";

const counter = "another in each module";
const { first, second: other } = { first: UNIT, second: 2 };

function size() {
  const hidden = `import { a } from "./b.js";`;
  return [product(first, other), name(), new Circle().radius, hidden];
}

export default { size };
"""
AREA = """import { name } from "./names.js";

const counter = 5;
export const UNIT = counter - 2;

/**
 * Multiply.
 * @param {number} a
 */
export function area(a, b) {
  // said to readers
  return [a * b, name()];
}
"""
NAMES = """let counter = 0;
export function name() {
  counter += 1;
  return counter;
}
export class Circle {
  radius = 7;
}
export async function* later() {}
"""
MODULES = {"app.js": SHAPES, "area.js": AREA, "names.js": NAMES, "unused.js": "nonsense ("}


def test_modules_are_joined_in_the_order_in_which_they_need_each_other() -> None:
    text = join(MODULES, "app.js")
    assert re.findall(r"^// (\w+\.js)$", text, re.MULTILINE) == ["names.js", "area.js", "app.js"]
    assert not re.search(r"^import|^export (?!default)", text, re.MULTILINE)
    assert "const { area: product, UNIT } = from_area;" in text
    assert "return { name, Circle, later };" in text
    assert text.count("export default { size };") == 1
    assert "nonsense" not in text
    assert "Multiply" not in text
    assert "// said to readers" in text


def test_the_joined_text_does_what_the_modules_do(tmp_path: Path) -> None:
    for name, source in MODULES.items():
        (tmp_path / name).write_text(source)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "joined.js").write_text(join(MODULES, "app.js"))
    results = []
    for name in ("app.js", "joined.js"):
        code = f'import app from "./{name}"; console.log(JSON.stringify(app.size()));'
        run = subprocess.run([node(), "--input-type=module", "-e", code], capture_output=True, text=True, cwd=tmp_path, check=True)
        results.append(json.loads(run.stdout))
    assert results[0] == results[1] == [[6, 1], 2, 7, 'import { a } from "./b.js";']


REFUSED = {
    "a cycle": (
        {"app.js": 'import { a } from "./a.js";', "a.js": 'import { b } from "./b.js";', "b.js": 'import { a } from "./a.js";'},
        "a cycle of imports: a.js imports b.js imports a.js",
    ),
    "a module that imports itself": ({"app.js": 'import { a } from "./app.js";'}, "a cycle of imports: app.js imports app.js"),
    "a module that is missing": ({"app.js": 'import { a } from "./a.js";'}, "app.js imports a.js, which is not there"),
    "a name that is missing": (
        {"app.js": 'import { a } from "./a.js";', "a.js": "const a = 1;"},
        "app.js imports a from a.js, which does not export it",
    ),
    "what is no name": ({"app.js": 'import { a-b } from "./a.js";'}, "app.js imports 'a-b' from a.js, which is no name"),
    "a default import": (
        {"app.js": 'import a from "./a.js";'},
        "app.js has a line that joining does not know: 'import a from \"./a.js\";'",
    ),
    "a namespace": (
        {"app.js": 'import * as a from "./a.js";'},
        "app.js has a line that joining does not know: 'import * as a from \"./a.js\";'",
    ),
    "an import for its effect": ({"app.js": 'import "./a.js";'}, "app.js has a line that joining does not know: 'import \"./a.js\";'"),
    "an import from elsewhere": (
        {"app.js": 'import { a } from "https://x.example/a.js";'},
        "app.js has a line that joining does not know: 'import { a } from \"https://x.example/a.js\";'",
    ),
    "a dynamic import": (
        {"app.js": 'const a = await import("./a.js");'},
        "app.js has a line that joining does not know: 'const a = await import(\"./a.js\");'",
    ),
    "an import of meta": ({"app.js": "import.meta.url;"}, "app.js has a line that joining does not know: 'import.meta.url;'"),
    "a list of exports": ({"app.js": "const a = 1;\nexport { a };"}, "app.js has a line that joining does not know: 'export { a };'"),
    "a re-export": ({"app.js": 'export * from "./a.js";'}, "app.js has a line that joining does not know: 'export * from \"./a.js\";'"),
    "an exported variable": ({"app.js": "export let a = 1;"}, "app.js has a line that joining does not know: 'export let a = 1;'"),
    "an exported var": ({"app.js": "export var a = 1;"}, "app.js has a line that joining does not know: 'export var a = 1;'"),
    "a default export elsewhere": (
        {"app.js": 'import { a } from "./a.js";', "a.js": "export const a = 1;\nexport default a;"},
        "a.js has a default export, which only the first module may have",
    ),
    "the end of a script": ({"app.js": 'const a = "</SCRIPT>";'}, "app.js holds '</script', at which a page would end the script"),
    "a comment of HTML": ({"app.js": 'const a = "<!--";'}, "app.js holds '<!--', at which a page would end the script"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_joining_would_change_is_refused(what: str) -> None:
    sources, sentence = REFUSED[what]
    with pytest.raises(JoiningError, match=f"^{re.escape(sentence)}$"):
        join(sources, "app.js")


# ---- our own modules


def test_every_module_is_reached_from_the_first() -> None:
    joined = set(re.findall(r"^// ([\w-]+\.js)$", joined_script(), re.MULTILINE))
    assert joined == {item.name for item in ASSETS.iterdir() if item.name.endswith(".js")}


def test_the_joined_script_is_javascript(tmp_path: Path) -> None:
    (tmp_path / "joined.mjs").write_text(joined_script(), encoding="utf-8")
    run = subprocess.run([node(), "--check", "joined.mjs"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (run.returncode, run.stderr) == (0, "")


# ---- the page


class Elements(HTMLParser):
    """The elements of a page, with their attributes, and the text of each that has a name or is a script or a style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.texts:
            self.texts[-1] += data

    def text(self, tag: str, **attributes: str) -> str:
        """Return the text of the one element of that kind."""
        places = [i for i, (name, given) in enumerate(self.found) if name == tag and attributes.items() <= given.items()]
        assert len(places) == 1
        return self.texts[places[0]]


@pytest.fixture(scope="module")
def page() -> str:
    return page_html()


def data_of(page: str) -> Any:
    return json.loads(Elements(page).text("script", id="convstep-data"))


def test_the_page_is_less_than_a_megabyte(page: str) -> None:
    assert len(page.encode()) < 1_000_000


def test_no_element_of_the_page_names_anything_outside(page: str) -> None:
    elements = Elements(page)
    for tag, attributes in elements.found:
        assert tag not in {"link", "base", "iframe", "object", "embed", "img", "form"}
        assert not {"src", "href", "srcset", "action", "style"} & attributes.keys()
        assert not [name for name in attributes if name.startswith("on")]
    assert "url(" not in style()
    assert "@import" not in style()
    called = re.findall(
        r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|Worker|eval|Function)\s*\(", joined_script()
    )
    assert called == []
    names = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"""https?://[^\s"'`<>)]+""", joined_script() + style())) <= names


def test_the_policy_lets_the_pages_own_script_and_style_work_and_nothing_else(page: str) -> None:
    elements = Elements(page)
    (policy,) = [
        given["content"] for tag, given in elements.found if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy == page_policy()
    rules = dict(rule.split(" ", 1) for rule in (policy or "").split("; "))
    assert rules.keys() == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data: blob:"
    assert "unsafe" not in (policy or "")
    order = [tag for tag, _ in elements.found]
    assert order.index("meta", order.index("meta") + 1) < order.index("style") < order.index("script")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_in_which_language_it_begins(language: str) -> None:
    elements = Elements(page_html(language=language))
    assert elements.found[0] == ("html", {"lang": LANGUAGES[language]})
    assert "ConvStep" in elements.text("title")
    assert json.loads(elements.text("script", id="convstep-data"))["language"] == language


NASTY = "</script><script>alert(1)</script><!-- <script \u2028\u2029 & ' \" $data ${script} \\ \0 汉字 🙂"


def test_data_cannot_end_their_element(page: str) -> None:
    state = {"version": 1, "nasty": NASTY}
    made = page_html(state, Network(NASTY, b"PK", {"name": NASTY}))
    assert data_of(made)["state"] == state
    assert data_of(made)["network"] == {"name": NASTY, "run": {"name": NASTY}, "archive": "UEs="}
    tags = [tag for tag, _ in Elements(page).found]
    assert [tag for tag, _ in Elements(made).found] == tags


def test_embedded_json_is_json_without_signs_of_html() -> None:
    text = embedded({NASTY: [NASTY, 1.5, None]})
    assert json.loads(text) == {NASTY: [NASTY, 1.5, None]}
    assert not set("<>&\u2028\u2029") & set(text)


def test_no_number_that_json_lacks_is_written() -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        page_html({"version": 1, "layer": float("nan")})


def test_the_data_are_those_that_ship(page: str) -> None:
    data = data_of(page)
    room = files("convstep.explorer")
    assert b64decode(data["network"]["archive"]) == room.joinpath("network/digits.convstep").read_bytes()
    assert data["network"]["run"] == json.loads(room.joinpath("network/run.json").read_bytes())
    assert data["digits"] == json.loads(room.joinpath("digits.json").read_bytes())
    assert json.loads(zlib.decompress(b64decode(data["mistakes"]), -15)) == json.loads(room.joinpath("mistakes.json").read_bytes())
    assert data["words"]["title"].keys() == LANGUAGES.keys()


def test_no_key_of_the_words_stands_in_two_files() -> None:
    tables = [
        json.loads(item.read_text(encoding="utf-8"))
        for item in ASSETS.iterdir()
        if item.name.startswith("words") and item.name.endswith(".json")
    ]
    assert sum(map(len, tables)) == len({key for table in tables for key in table})
    for key, texts in ((key, texts) for table in tables for key, texts in table.items()):
        assert texts.keys() == LANGUAGES.keys(), key
        holes = [sorted(set(re.findall(r"\{(\w+)\}", text))) for text in texts.values()]
        assert holes[0] == holes[1], key


# ---- the page in a frame


def test_a_frame_holds_the_whole_page_and_is_closed_in(page: str) -> None:
    frame = framed(page, 700)
    elements = Elements(frame)
    assert [tag for tag, _ in elements.found] == ["div", "iframe"]
    attributes = elements.found[1][1]
    assert attributes["sandbox"] == "allow-scripts allow-downloads allow-modals"
    assert "height:700px" in (attributes["style"] or "")
    packed = re.search(r'atob\("([^"]+)"\)', attributes["srcdoc"] or "")
    assert packed
    assert zlib.decompress(b64decode(packed[1]), -15).decode() == page
    assert len(frame) < len(page) * 0.7
    assert frame._repr_html_() == str(frame)
    assert repr(frame) == f"<the explorer as HTML, {len(frame) // 1000} kB>"
