"""`convstep check --batch`: the table that is whole at every moment, what is judged again, the statistics, and the page."""

# ruff: noqa: RUF001 - Chinese has full-width signs

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.commands import MAIN, environment, in_process

from convstep.errors import DataError
from convstep.grading import batch
from convstep.grading.batch import COLUMNS, Count, Row, counts, files_in
from convstep.grading.grades import FileReport, Grade
from convstep.grading.mistakes import source_of
from convstep.grading.observing import EIGHT
from convstep.grading.page import page, summary, title
from convstep.grading.running import Plan

IMPORT = "import numpy as np\n\n\n"
RIGHT = IMPORT + "\n\n".join(source_of(function) for function in EIGHT)
SHARE = IMPORT + source_of("distribute_value")
WRONG_SHARE = SHARE.replace("n_H * n_W", "n_H + n_W")
WRONG_PAD = IMPORT + source_of("zero_pad").replace("(pad, pad), (pad, pad), (0, 0)", "(0, 0), (pad, pad), (0, 0)")
MARKUP = "<img src=x onerror=alert(1)>.py"
FORMULA = "=cmd|'calc'!A0.py"


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")


def notebook(text: str) -> str:
    return json.dumps({"cells": [{"cell_type": "code", "source": text, "metadata": {}, "outputs": []}], "nbformat": 4, "nbformat_minor": 5})


def fill(folder: Path) -> Path:
    """Write a class of files into a folder."""
    (folder / "sub").mkdir(parents=True)
    (folder / ".ipynb_checkpoints").mkdir()
    texts = {
        "ada.py": RIGHT,
        "sub/cleo.ipynb": notebook(WRONG_SHARE),
        FORMULA: "",
        MARKUP: WRONG_PAD + WRONG_SHARE,
        "empty.py": "",
        "notes.txt": RIGHT,
        ".hidden.py": RIGHT,
        ".ipynb_checkpoints/cleo-checkpoint.ipynb": notebook(RIGHT),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "gbk.py").write_bytes("# 中文".encode("gbk"))
    (folder / "nowhere.py").symlink_to("not-there.py")
    return folder


NAMES = [MARKUP, f"'{FORMULA}", "ada.py", "empty.py", "gbk.py", "nowhere.py", "sub/cleo.ipynb"]
UNREADABLE = {
    "empty.py": "empty.py is empty.",
    "gbk.py": "gbk.py is not UTF-8 text; save it as UTF-8.",
    "nowhere.py": "nowhere.py is a link that leads nowhere or in a circle.",
}
LOADS = r"https?:|//|\bsrc\s*=\s*[\"']|href|url\(|@import|<script|<link|<iframe"
MISTAKE = ("distribute_value", "distribute_value.divided_by_sum_of_sizes")


def start(place: Path, *arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
    run = [sys.executable, "-c", f"import sys; {MAIN}", "check", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(run, stdout=pipe, stderr=pipe, cwd=place, env=environment(LANG="en_US.UTF-8", LC_ALL=""), **options)


def judge(place: Path, *arguments: str) -> tuple[int | None, str, str]:
    with start(place, *arguments) as process:
        out, err = process.communicate(timeout=300)
    return process.returncode, out.decode(), err.decode()


def rows_of(table: Path) -> list[dict[str, str]]:
    """Read a table as a spreadsheet does."""
    content = table.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert all(tuple(row) == COLUMNS and None not in row.values() for row in rows)
    return rows


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a class that was judged in one go."""
    place = tmp_path_factory.mktemp("batch")
    fill(place / "class")
    code, out, err = judge(place, "--batch", "class", "--out", "whole.csv", "--seed", "7")
    assert (code, err) == (1, "convstep check: wrote whole.csv and whole.html\n")
    (place / "out.txt").write_text(out, encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def rows(place: Path) -> list[dict[str, str]]:
    return rows_of(place / "whole.csv")


# ---- the table


def test_there_is_a_row_for_each_file_in_the_order_of_their_names(rows: list[dict[str, str]]) -> None:
    assert [row["file"] for row in rows] == NAMES
    assert {row["seed"] for row in rows} == {"7"}


def test_a_row_has_the_points(rows: list[dict[str, str]]) -> None:
    found = {row["file"]: (row["right"], row["score"]) for row in rows}
    for name in UNREADABLE:
        assert found[name] == ("0", "0.0000")
    assert found["ada.py"] == ("8", "1.0000")
    (row,) = (one for one in rows if one["file"] == MARKUP)
    points = [float(row[f"{function} score"]) for function in ("zero_pad", "distribute_value")]
    assert all(0 < one < 1 for one in points)
    assert found[MARKUP] == ("0", f"{sum(points) / 8:.4f}")


def test_a_row_names_the_mistake_of_a_function(rows: list[dict[str, str]]) -> None:
    for name, pad in (("sub/cleo.ipynb", "missing"), (MARKUP, "wrong")):
        (row,) = (one for one in rows if one["file"] == name)
        assert (row["distribute_value"], row["distribute_value mistakes"]) == ("wrong", MISTAKE[1])
        assert row["zero_pad"] == pad
        assert (row["pool_forward"], row["pool_forward score"], row["pool_forward mistakes"]) == ("missing", "0.0000", "")


def test_a_file_that_cannot_be_read_is_a_row_too(rows: list[dict[str, str]]) -> None:
    for name, problem in UNREADABLE.items():
        (row,) = (one for one in rows if one["file"] == name)
        assert {row[function] for function in EIGHT} == {"error"}
        assert row["problem"] == problem


def test_no_cell_is_a_formula(rows: list[dict[str, str]]) -> None:
    assert not [value for row in rows for value in row.values() if value.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_what_is_printed_counts_the_mistakes(place: Path) -> None:
    lines = [line.rstrip() for line in (place / "out.txt").read_text(encoding="utf-8").splitlines()]
    told = " ".join(lines)
    assert "1 of 7 files have all eight functions right. The most frequent mistake is in 2 of the" in told
    assert max(map(len, lines)) <= 80


def test_the_command_counts_for_programs_what_is_in_the_table(
    place: Path, rows: list[dict[str, str]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    before = (place / "whole.csv").read_bytes()
    code, out, err = in_process(capsys, "check", "--batch", "class", "--out", "whole.csv", "--json")
    told = json.loads(out)
    assert (code, err) == (1, "convstep check: wrote whole.csv and whole.html\n")
    assert {name: told[name] for name in ("files", "right", "seed", "table", "page")} == {
        "files": 7,
        "right": 1,
        "seed": 7,
        "table": "whole.csv",
        "page": "whole.html",
    }
    first = told["mistakes"][0]
    assert (first["function"], first["mistake"], first["files"]) == (*MISTAKE, 2)
    assert told["mistakes"] == [vars(one) for one in counts(rows)]
    assert (place / "whole.csv").read_bytes() == before


def test_a_mistake_is_counted_among_the_files_that_define_its_function(rows: list[dict[str, str]]) -> None:
    (found,) = (one for one in counts(rows) if one.mistake == MISTAKE[1])
    assert found == Count(*MISTAKE, files=2, of=3)


def test_the_page_of_a_run_shows_each_file_and_its_markup_as_text(place: Path) -> None:
    html = (place / "whole.html").read_text(encoding="utf-8")
    assert re.findall(r'<th scope="row">([^<]*)</th>', html) == [
        "&lt;img src=x onerror=alert(1)&gt;.py",
        "&#x27;=cmd|&#x27;calc&#x27;!A0.py",
        *NAMES[2:],
    ]
    assert "<title>What class got wrong</title>" in html
    assert "Seed of the probes: 7. Edition of the published checks: 2021." in html


def test_the_page_of_a_run_loads_nothing_from_anywhere(place: Path) -> None:
    html = (place / "whole.html").read_text(encoding="utf-8")
    assert not re.search(LOADS, re.sub(r"&lt;.*?&gt;", "", html))


# ---- stopped, and begun again


def test_the_table_is_whole_at_every_moment_and_a_stopped_batch_ends_in_the_same_bytes(place: Path) -> None:
    table = place / "stopped.csv"
    arguments = ("--batch", "class", "--out", "stopped.csv", "--seed", "7")
    with start(place, *arguments, start_new_session=True) as process:
        seen: list[int] = []
        deadline = time.monotonic() + 120
        while (not seen or seen[-1] < 2) and process.poll() is None and time.monotonic() < deadline:
            if table.exists():
                seen.append(len(rows_of(table)))
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, b"")
    assert err.endswith(b"convstep: interrupted\n")
    assert seen == sorted(seen)
    kept = rows_of(table)
    assert 2 <= len(kept) < len(NAMES)
    assert not (place / "stopped.html").exists()
    assert judge(place, *arguments)[0] == 1
    assert table.read_bytes() == (place / "whole.csv").read_bytes()
    assert (place / "stopped.html").read_bytes() == (place / "whole.html").read_bytes()
    assert not [path.name for path in place.iterdir() if path.name.startswith((".", "tmp")) or path.suffix == ".tmp"]


def told(files: Sequence[tuple[str, Path]], plan: Plan, _processes: int) -> Iterator[tuple[str, FileReport]]:
    """Report of each file that all is right, without a look at it; the points of the table tell whether this was asked."""
    for name, path in files:
        grades = tuple(Grade(function, "right", 1.0, {"en": "Right.", "zh": "对。"}, seed=plan.seed) for function in EIGHT)
        yield name, FileReport(str(path), plan.seed, grades, plan.language, plan.edition or "2021")


@pytest.fixture
def single(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with one file and its table, in which the points were changed by hand to see whether it is judged again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(batch, "_judged", told)
    Path("class").mkdir()
    Path("class/bob.py").write_text(WRONG_SHARE)
    assert in_process(capsys, "check", "--batch", "class", "--out", "r.csv", "--seed", "7")[0] == 0
    touched = Path("r.csv").read_text(encoding="utf-8").replace(",1.0000,", ",0.1234,", 1)
    Path("r.csv").write_text(touched, encoding="utf-8")
    assert rows_of(Path("r.csv"))[0]["score"] == "0.1234"
    return tmp_path


def appended(place: Path) -> None:
    with (place / "class" / "bob.py").open("a") as stream:
        stream.write("# changed\n")


AGAIN: dict[str, tuple[list[str], Callable[[Path], Any] | None, bool]] = {
    "the same": ([], None, False),
    "the same seed": (["--seed", "7"], None, False),
    "another hint": (["--hint", "3", "--language", "zh"], None, False),
    "a changed file": ([], appended, True),
    "another seed": (["--seed", "8"], None, True),
    "another edition": (["--edition", "v2"], None, True),
}


def test_only_what_changed_is_judged_again(single: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(single / "class" / "bob.py", single / "bob.py")
    shutil.copy(single / "r.csv", single / "touched.csv")
    for what, (options, change, again) in AGAIN.items():
        shutil.copy(single / "bob.py", single / "class" / "bob.py")
        shutil.copy(single / "touched.csv", single / "r.csv")
        if change:
            change(single)
        assert in_process(capsys, "check", "--batch", "class", "--out", "r.csv", *options)[0] == 0
        (row,) = rows_of(single / "r.csv")
        assert (row["score"] != "0.1234") is again, what
        assert row["seed"] == ("8" if what == "another seed" else "7")


FOREIGN = {
    "another table": "name,grade\nAda,1\n",
    "text": "hello\nworld\n",
    "a column more": ",".join(COLUMNS) + ",more\n" + "," * len(COLUMNS) + "\n",
    "a row that is cut": ",".join(COLUMNS) + "\nada.py,1\n",
}


@pytest.mark.parametrize("what", [*FOREIGN, "bytes"])
def test_a_foreign_file_is_left_as_it_is(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("class").mkdir()
    Path("class/a.py").write_text(SHARE)
    content = FOREIGN.get(what, "").encode() or b"\xff\xfe\x00\x01"
    Path("r.csv").write_bytes(content)
    assert in_process(capsys, "check", "--batch", "class", "--out", "r.csv") == (
        1,
        "",
        "convstep check: r.csv is there and is no table of this command; remove it or name another\n  given --out r.csv\n",
    )
    assert Path("r.csv").read_bytes() == content


def test_a_foreign_table_without_rows_is_left_as_it_is_too(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("name,grade\n")
    with pytest.raises(DataError):
        batch._rows_in(tmp_path / "r.csv")


@pytest.mark.parametrize("make", [False, True], ids=["no folder", "no files"])
def test_a_folder_without_files_is_refused(
    make: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if make:
        Path("class/.hidden").mkdir(parents=True)
        Path("class/.hidden/a.py").touch()
        Path("class/notes.txt").touch()
    told = "there is no .py file and no notebook in the folder class" if make else "there is no folder class"
    usage = "usage: convstep check [...]; --help lists the options\n"
    assert in_process(capsys, "check", "--batch", "class", "--out", "r.csv") == (2, "", f"{usage}convstep check: error: {told}\n")
    assert not Path("r.csv").exists()


@pytest.mark.parametrize("name", ["a.PY", "b.IPYNB", "c/d/e.py", "中文.py", "a b.py", "-x.py", "a\nb.py"])
def test_files_are_found_whatever_their_names(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    assert files_in(tmp_path) == [tmp_path / name]


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("a.py", "a.py"),
        ("=1+1.py", "'=1+1.py"),
        ("+a.py", "'+a.py"),
        ("-a.py", "'-a.py"),
        ("@a.py", "'@a.py"),
        ("\t=a.py", "'=a.py"),
        ("a\nb.py", "a b.py"),
        ("\x1b[31m.py", "[31m.py"),
        ("中文.py", "中文.py"),
        ("x" * 400, "x" * 299 + "…"),
    ],
)
def test_a_name_is_a_cell_that_no_spreadsheet_runs(name: str, cell: str) -> None:
    assert batch._cell(name) == cell


# ---- statistics


def row(name: str, **cells: str) -> Row:
    """Return a row in which all functions are right but those that are told: status, or status and mistakes."""
    made = {
        "file": name,
        "score": "1.0000",
        "right": "8",
        "problem": "",
        "edition": "2021",
        "seed": "7",
        "sha256": "0" * 64,
        "judged": "way",
    }
    for function in EIGHT:
        status, _, mistakes = cells.get(function, "right").partition(" ")
        made |= {function: status, f"{function} score": "0.5000", f"{function} mistakes": mistakes}
    made["right"] = str(sum(made[function] == "right" for function in EIGHT))
    return made


CLASS = [
    *(row(f"crop{number:02}.py", conv_backward="wrong conv_backward.crop_pad_minus_pad") for number in range(31)),
    *(row(f"stride{number:02}.py", conv_backward="wrong conv_backward.stride_missing", pool_backward="missing") for number in range(20)),
    *(row(f"both{number}.py", conv_backward="wrong conv_backward.stride_missing conv_backward.crop_pad_minus_pad") for number in range(2)),
    row("right.py"),
    *(row(f"absent{number}.py", conv_backward="missing", zero_pad="error error.none_attribute") for number in range(6)),
    row("ending.py", pool_forward="timeout"),
]
COUNTED = [
    Count("conv_backward", "conv_backward.crop_pad_minus_pad", 33, 55),
    Count("conv_backward", "conv_backward.stride_missing", 22, 55),
    Count("zero_pad", "error.none_attribute", 6, 61),
]


def test_mistakes_are_counted_as_a_hand_counts_them() -> None:
    assert counts(CLASS) == COUNTED


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        (
            "en",
            "1 of 61 files have all eight functions right. The most frequent mistake is in 33 of the 55 that define conv_backward: Cutting",
        ),
        ("zh", "61 个文件中有 1 个八个函数全部正确。最常见的错误出现在定义了 conv_backward 的 55 个文件中的 33 个："),
    ],
)
def test_the_summary_tells_the_most_frequent_mistake(language: str, sentence: str) -> None:
    assert summary(CLASS, counts(CLASS), language).startswith(sentence)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (COUNTED[1], "The windows do not move by the stride."),
        (COUNTED[2], "Something is still None where a value is needed."),
        (Count("zero_pad", "error.missing_key", 1, 1), "The dictionary has no key …."),
        (Count("zero_pad", "zero_pad.pattern.shape", 1, 1), "The difference is described in the file's own report."),
    ],
)
def test_every_mistake_has_a_title(count: Count, words: str) -> None:
    assert title(count, "en") == words


# ---- the page


def bars(html: str) -> list[tuple[str, float, str]]:
    """Return the chart of the mistakes: id, width and number."""
    found = re.findall(r'<div class="bar"><div class="label">.*?<code>([^<]+)</code></div>.*?width:([\d.]+)%.*?"number">([^<]*)<', html)
    return [(name, float(width), number) for name, width, number in found]


def test_the_bars_are_as_long_as_the_shares() -> None:
    wanted = [(one.mistake, round(100 * one.files / one.of, 1), f"{one.files} of {one.of}") for one in COUNTED]
    assert bars(page(CLASS, name="class", language="en"))[:3] == wanted


def test_the_stacks_add_up_to_the_files() -> None:
    html = page(CLASS, name="class", language="en")
    stacks = re.findall(r'<div class="track stack">(.*?)</div></div>', html)
    assert len(stacks) == 8
    for stack in stacks:
        parts = re.findall(r'width:([\d.]+)%" title="[\w ]+: (\d+)">(\d+)', stack + "</div>")
        assert sum(int(number) for _, number, _ in parts) == len(CLASS)
        assert sum(float(width) for width, _, _ in parts) == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a&b", '"><img src=x>'])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_names_of_files_and_folders_are_escaped(name: str, language: str) -> None:
    html = page([row(name, zero_pad=f"wrong {name.replace(' ', '')}")], name=name, language=language)
    assert name not in html
    assert "<script" not in html
    assert "<img" not in html


def test_a_name_with_a_dollar_fills_nothing_in() -> None:
    assert html_of("$title ${summary} $").count("$title ${summary} $") >= 2


def html_of(name: str) -> str:
    return page([row(name)], name=name, language="en")


def test_nothing_is_loaded_from_anywhere() -> None:
    html = page(CLASS, name="class", language="zh")
    assert not re.search(LOADS, re.sub(r"&lt;.*?&gt;", "", html))


def test_the_page_in_chinese_is_chinese() -> None:
    html = page(CLASS, name="class", language="zh")
    assert '<html lang="zh">' in html
    for words in (
        "class 的错误统计",
        "错误",
        "函数",
        "文件",
        "得分",
        "55 中的 33",
        "超时",
        "缺少",
        "测试的种子：7。公布检查的版本：2021。",
    ):
        assert words in html
    seen = re.sub(r"<style>.*?</style>|<code>.*?</code>|<[^>]*>", " ", html, flags=re.DOTALL)
    assert not set(re.findall(r"\b[a-z]{4,}\b", seen)) - {"conv", "class", "crop", "stride", "both", "right", "absent", "ending", "meta"}


def test_a_class_without_mistakes_has_no_chart() -> None:
    html = page([row("a.py"), row("b.py")], name="class", language="en")
    assert "<p>No mistake was named.</p>" in html
    assert "2 of 2 files have all eight functions right." in html


def test_the_same_rows_give_the_same_bytes() -> None:
    assert page(CLASS, name="class", language="en") == page(list(CLASS), name="class", language="en")
