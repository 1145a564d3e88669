"""The documents: what their consoles show is what the commands say, their links lead somewhere, their lessons are the course's."""

import base64
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.commands import environment

from convstep import conv_forward, losses, optimizers
from convstep.callbacks import CSVLogger
from convstep.course import load_lessons
from convstep.course.source import Code, Exercise, Lesson, Text
from convstep.course.twins import CODE, FENCE, FORMULA
from convstep.errors import ArgumentTypeError
from convstep.grading import solution
from convstep.layers import Conv2D, Layer
from convstep.models import Model

pytest.importorskip("sphinx", reason="the documents are built with Sphinx")
pytest.importorskip("ziamath", reason="the documents' formulas are set with ziamath's font")

from docs.extensions.docstrings import escape, is_as_below, is_guest
from docs.extensions.documents import close_up, lead_home
from docs.extensions.formulas import mathml
from docs.extensions.lessons import index, lesson_page
from docs.extensions.links import broken_links
from docs.extensions.running import Output, run_lessons

pytestmark = pytest.mark.once

DOCS = Path(__file__).parents[1] / "docs"
FILE = r"^```\{code-block\} python\n:caption: (?P<file>\S+)\n\n(?P<content>.*?)^```$"
PARTS = re.compile(rf"{FILE}|^```console\n(?P<console>.*?)^```$", re.DOTALL | re.MULTILINE)
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
PAGES = [name for name, text in TEXTS.items() if re.search(r"^\$ (convstep|python) ", text, re.MULTILINE)]
ASKED_FOR = {"check": 1}  # the exit code of commands that found what they were asked for


# ---- consoles


@pytest.mark.parametrize("page", PAGES)
def test_the_consoles_of_a_page_show_what_the_commands_say(page: str, tmp_path: Path) -> None:
    if page == "check-a-class.md":
        hand_in(tmp_path / "homework")
    for part in PARTS.finditer(TEXTS[page]):
        if part["file"]:
            (tmp_path / part["file"]).write_text(part["content"], encoding="utf-8")
        for command, shown in entries(part["console"] or ""):
            run(command, shown, tmp_path)


def hand_in(folder: Path) -> None:
    """Write the homework of a class of two: the solution, and the function that the tutorial begins with."""
    folder.mkdir()
    wrong = next(part["content"] for part in PARTS.finditer(TEXTS["tutorial.md"]) if part["file"] == "homework.py")
    (folder / "ada.py").write_text(wrong, encoding="utf-8")
    (folder / "grace.py").write_text(Path(solution.__file__).read_text(encoding="utf-8"), encoding="utf-8")


def entries(console: str) -> list[tuple[list[str], list[str]]]:
    """Return the commands of a console, each with the lines below it; installing is not tried here."""
    found: list[tuple[list[str], list[str]]] = []
    for line in console.splitlines():
        if line.startswith("$ "):
            found.append((shlex.split(line[2:], comments=True), []))
        else:
            found[-1][1].append(line)
    return [(command, shown) for command, shown in found if command[0] in {"convstep", "python"}]


def run(command: list[str], shown: list[str], folder: Path) -> None:
    """Run a command of a page, and find each line that the page shows in what it prints; numbers may differ."""
    serves = command[:2] == ["convstep", "explore"] and "--export" not in command
    program = [sys.executable, "-m", "convstep"] if command[0] == "convstep" else [sys.executable]
    with subprocess.Popen(
        [*program, *command[1:], *(["--no-browser"] if serves else [])],
        cwd=folder,
        env=environment(COLUMNS="80"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    ) as process:
        if serves:
            assert process.stdout is not None
            assert "http://127.0.0.1:" in process.stdout.readline()
            process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=120)
    assert process.returncode == (130 if serves else ASKED_FOR.get(command[1], 0)), printed
    said = {without_numbers(line) for line in printed.splitlines()}
    missing = [line for line in shown if line.strip() not in {"", "..."} and without_numbers(line) not in said]
    assert not missing, f"{shlex.join(command)} does not say {missing}, but\n{printed}"


def without_numbers(line: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"\d[\d.,]*", "0", line)).strip()


def test_a_console_that_shows_something_else_is_found(tmp_path: Path) -> None:
    run(["convstep", "--version"], ["convstep 9.9.9"], tmp_path)
    with pytest.raises(AssertionError, match="does not say"):
        run(["convstep", "--version"], ["convstep is fine"], tmp_path)


# ---- links


@dataclass(frozen=True)
class Site:
    """A few pages."""

    folder: Path

    def write(self, name: str, body: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"<html><body>{body}</body></html>", encoding="utf-8")


LINKS = {
    "here.html": None,
    "#top": None,
    "here.html#top": None,
    "below/other.html#a%20place": None,
    "picture.png?v=1": None,
    "live.html#lang=zh": None,
    "https://example.com/nowhere": None,
    "mailto:someone@example.com": None,
    "gone.html": "there is no such file",
    "here.html#gone": "there is no place gone on that page",
    "#gone": "there is no place gone on that page",
    "below": "there is no such file",
    "../secret.html": "it leaves the pages",
    "/here.html": "it begins at the root of a server",
}


@pytest.mark.parametrize(("link", "reason"), LINKS.items())
@pytest.mark.parametrize(
    "element", ['<a href="{}">x</a>', '<img src="{}" alt="">', '<iframe src="{}"></iframe>', '<script src="{}"></script>']
)
def test_a_link_that_leads_nowhere_is_found(tmp_path: Path, element: str, link: str, reason: str | None) -> None:
    site = Site(tmp_path / "site")
    site.write("here.html", f'<h1 id="top">x</h1>{element.format(link)}')
    site.write("below/other.html", '<a name="a place"></a><a href="../here.html#top">x</a>')
    site.write("live.html", "")
    site.write("picture.png", "")
    (tmp_path / "secret.html").write_text("", encoding="utf-8")
    assert list(broken_links(site.folder)) == ([("here.html", link, reason)] if reason else [])


def test_documents_of_the_root_link_to_the_pages_that_hold_them() -> None:
    content = ["[a](ARCHITECTURE.md#rooms) [b](docs/grader.md) [c](https://example.com) [d](#here) [e](CHANGELOG.md)"]
    lead_home(None, Path("../CONTRIBUTING.md"), "contributing", content)  # type: ignore[arg-type]
    assert content == ["[a](design.md#rooms) [b](grader.md) [c](https://example.com) [d](#here) [e](changelog.md)"]


def test_bars_and_underscores_in_a_docstring_are_no_markup() -> None:
    lines = ["The mean of |x|, and val_.", "In `a_ | b` they stay.", ">>> a | b_", "'|'", "", "|"]
    escape(None, "function", "f", None, None, lines)
    assert lines == [r"The mean of \|x\|, and val\_.", "In `a_ | b` they stay.", ">>> a | b_", "'|'", "", r"\|"]


def test_what_a_class_fills_in_of_its_contract_is_said_once() -> None:
    assert is_as_below(Conv2D.forward, "forward")
    assert is_as_below(CSVLogger.on_epoch_end, "on_epoch_end")
    assert not is_as_below(Layer.forward, "forward")
    assert not is_as_below(Model.get_layer, "get_layer")
    assert not is_as_below(Model.plot, "plot")
    assert not is_as_below(conv_forward, "conv_forward")


def test_a_module_with_a_name_of_keras_documents_its_own_and_no_guests() -> None:
    assert is_guest("convstep.losses", "ArgumentTypeError", ArgumentTypeError)
    assert not is_guest("convstep.losses", "Loss", losses.Loss)
    assert not is_guest("convstep.optimizers", "Optimizer", optimizers.Optimizer)
    assert not is_guest("convstep.layers", "Conv2D", Conv2D)


def test_an_example_ends_with_its_last_line() -> None:
    content = ["```python\n>>> 1\n1\n\n```\n\n```text\na\n```\n"]
    close_up(None, "page", content)  # type: ignore[arg-type]
    assert content == ["```python\n>>> 1\n1\n```\n\n```text\na\n```\n"]


def test_a_shape_is_not_put_between_two_pairs_of_parentheses() -> None:
    lines = ["* **W** (*(f, f, n_C_prev, n_C)*) -- Filters.", "* **pad** (*int*) -- Zeros."]
    escape(None, "function", "f", None, None, lines)
    assert lines == ["* **W** : *(f, f, n_C_prev, n_C)* -- Filters.", "* **pad** (*int*) -- Zeros."]


# ---- lessons


@pytest.fixture(scope="module")
def lessons() -> dict[str, Lesson]:
    return {lesson.name: lesson for lesson in load_lessons()}


def test_every_formula_of_the_lessons_becomes_mathml(lessons: dict[str, Lesson]) -> None:
    texts = [text for lesson in lessons.values() for cell in lesson.cells if isinstance(cell, Text) for text in (cell.en, cell.zh)]
    plain = [CODE.sub("", FENCE.sub("", text)) for text in texts]
    formulas = {found.strip("$") for text in plain for found in FORMULA.findall(text)}
    assert len(formulas) > 100
    assert all(mathml(formula, display=True).startswith("<math ") for formula in formulas)
    with pytest.raises(ValueError, match=r"^a command of this formula is unknown: \\nonsense$"):
        mathml(r"\nonsense", display=False)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_page_has_every_cell_of_its_lesson_in_order(lessons: dict[str, Lesson], language: str) -> None:
    for lesson in lessons.values():
        page, pictures = lesson_page(lesson, language, [[] for _ in lesson.cells])  # type: ignore[arg-type]
        assert pictures == {}
        place = 0
        for cell in lesson.cells:
            match cell:
                case Text():
                    sought = (cell.zh if language == "zh" else cell.en).splitlines()[-1]
                case Code():
                    sought = cell.spoken(language).splitlines()[-1]  # type: ignore[arg-type]
                case Exercise():
                    sought = f"<code>{cell.function}</code></summary>\n\n```python\ndef {cell.function}("
                case _:
                    sought = f"grade = convstep.check({cell.function}, "
            place = page.index(sought, place) + len(sought)
        assert f"{lesson.name}\n" in index(lessons.values(), language)  # type: ignore[arg-type]


def test_what_a_cell_showed_stands_below_it() -> None:
    lesson = Lesson("x", (Text(1, "# Title\n\nText.", "# 题\n\n文。"), Code(2, "print(1)")))
    png = base64.b64encode(b"a picture").decode()
    outputs = [[], [Output("text", "1"), Output("picture", png, "X, Z", 300), Output("html", "<b>right</b>")]]
    page, pictures = lesson_page(lesson, "en", outputs)
    assert page == (
        "# Title\n\n[中文版](../zh/x.md)\n\nText.\n\n```python\nprint(1)\n```\n\n"
        "````{code-block} text\n:class: cell-output\n\n1\n````\n\n"
        "```{image} x-1.png\n:alt: Picture: X, Z\n:width: 300px\n:class: cell-output\n```\n\n"
        '```{raw} html\n<div class="cell-output cell-html"><b>right</b></div>\n```\n'
    )
    assert pictures == {"x-1.png": b"a picture"}


def test_cells_are_run_once_and_again_when_they_change(tmp_path: Path) -> None:
    code = "import convstep.geometry\nopen(r'{}', 'a').write('run ')\nprint('{}')\n1 + 1"
    texts = [run_lessons([Lesson("x", (Code(1, code.format(tmp_path / "log", word)),))], tmp_path) for word in ("a", "a", "b")]
    assert (tmp_path / "log").read_text(encoding="utf-8") == "run run "
    assert [[output.content for output in text["x"]["zh"][0]] for text in texts] == [["a", "2"], ["a", "2"], ["b", "2"]]


def test_a_cell_that_raises_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run_lessons([Lesson("x", (Code(1, "1 / 0"),))], tmp_path)
