"""`convstep check FILE`, run as learners run it: exit codes, the report for readers and for programs, every message of its usage."""

# ruff: noqa: RUF001 - Chinese has full-width signs

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rich.cells import cell_len
from tests.commands import MAIN, environment, in_process

from convstep.grading import running
from convstep.grading.case import Asked
from convstep.grading.grades import Grade
from convstep.grading.mistakes import source_of
from convstep.grading.observing import EIGHT
from convstep.grading.reading import read_submission
from convstep.grading.running import Plan

USAGE = "usage: convstep check [...]; --help lists the options\nconvstep check: error: "
IMPORT = "import numpy as np\n\n\n"


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")


def command(*arguments: str, place: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    run = [sys.executable, "-c", f"import sys; {MAIN}", "check", *arguments]
    return subprocess.run(
        run, capture_output=True, cwd=place, env=environment(**{"LANG": "en_US.UTF-8", "LC_ALL": "", **variables}), check=False
    )


def patched(function: str, *patches: tuple[str, str]) -> str:
    text = source_of(function)
    for old, new in patches:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


RIGHT = IMPORT + "\n\n".join(source_of(function) for function in EIGHT)
STRIDE_MISSING = (("vert_start = h * stride", "vert_start = h"), ("horiz_start = w * stride", "horiz_start = w"))
MIXED = IMPORT + "\n\n".join(
    [
        patched("zero_pad", ("return X_pad", "return X_pad**3")),
        patched("conv_single_step", ("np.sum(s)", "np.sum(np.abs(s))"), ("Z = Z + b.item()", "Z = Z + 2 * b.item()")),
        patched("conv_forward", *STRIDE_MISSING),
        patched("pool_forward", ("A = np.zeros((m, n_H, n_W, n_C))", "while True: __import__('time').sleep(0.2)")),
        source_of("conv_backward"),
        "def create_mask_from_window(x):\n    return x.nothing\n",
        patched("pool_backward", *STRIDE_MISSING),
    ]
)
STATUSES = ["wrong", "wrong", "wrong", "timeout", "right", "error", "missing", "wrong"]

WORDS = {
    "type": "object",
    "required": ["en", "zh"],
    "additionalProperties": False,
    "properties": {"en": {"type": "string"}, "zh": {"type": "string"}},
}
RANGE = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2, "maxItems": 2}
WINDOW = {
    "type": ["object", "null"],
    "required": ["rows", "columns"],
    "additionalProperties": False,
    "properties": {"rows": RANGE, "columns": RANGE},
}
DIAGNOSIS = {
    "type": "object",
    "required": ["id", "confidence", "title", "advice", "evidence", "escapes"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "pattern": r"^[a-z_A-Z]+\.[a-zA-Z_0-9.]+$"},
        "confidence": {"enum": ["exact", "pair", "located"]},
        "title": WORDS,
        "advice": WORDS,
        "escapes": {"type": "array", "items": {"enum": ["v1", "v2", "v2a", "2021"]}},
        "evidence": {
            "type": "object",
            "required": ["probe", "entry", "got", "expected", "window"],
            "properties": {
                "probe": {"type": ["string", "null"]},
                "entry": {"type": ["string", "null"], "pattern": r"^(Z|A|X_pad|dA_prev|dW|db|mask|a)(\[\d+(, \d+)*\])?$"},
                "got": {"type": ["number", "string", "null"]},
                "expected": {"type": ["number", "string", "null"]},
                "window": WINDOW,
                "by_hand": {"type": ["string", "null"]},
                "line": {"type": ["integer", "null"], "minimum": 1},
                "cell": {"type": ["integer", "null"], "minimum": 1},
            },
        },
    },
}
GRADE = {
    "type": "object",
    "required": ["status", "score", "diagnosis", "message", "messages", "published", "probes", "remarks"],
    "additionalProperties": False,
    "properties": {
        "status": {"enum": ["right", "wrong", "error", "missing", "timeout"]},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "diagnosis": {"type": "array", "items": DIAGNOSIS, "maxItems": 2},
        "message": {"type": "string", "minLength": 1},
        "messages": WORDS,
        "remarks": {"type": "array", "items": {"type": "string"}},
        "published": {
            "type": ["object", "null"],
            "required": ["edition", "passes"],
            "properties": {"edition": {"enum": ["v1", "v2", "v2a", "2021"]}, "passes": {"type": "boolean"}},
        },
        "probes": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "weight", "passed"],
                "additionalProperties": False,
                "properties": {"name": {"type": "string"}, "weight": {"type": "integer", "minimum": 1}, "passed": {"type": "boolean"}},
            },
        },
    },
}
REPORT = {
    "type": "object",
    "required": ["functions", "summary", "file", "seed", "edition", "language", "promises"],
    "additionalProperties": False,
    "properties": {
        "functions": {"type": "object", "required": list(EIGHT), "additionalProperties": False, "properties": dict.fromkeys(EIGHT, GRADE)},
        "summary": {
            "type": "object",
            "required": ["right", "of", "score", "text", "texts"],
            "properties": {
                "right": {"type": "integer", "minimum": 0, "maximum": 8},
                "of": {"const": 8},
                "score": {"type": "number", "minimum": 0, "maximum": 1},
                "text": {"type": "string"},
                "texts": WORDS,
            },
        },
        "file": {"type": "string"},
        "seed": {"type": "integer", "minimum": 0},
        "edition": {
            "type": "object",
            "properties": {"name": {"enum": ["v1", "v2", "v2a", "2021"]}, "recognised_by": {"type": ["string", "null"]}},
        },
        "language": {"enum": ["en", "zh"]},
        "promises": {"type": "array", "items": {"type": "object", "required": ["name", "enforced", "how"]}},
    },
}


HOLDS = jsonschema.Draft202012Validator(REPORT)


def valid(text: bytes | str) -> Any:
    """Read a report for programs, and hold it against the schema."""
    report = json.loads(text)
    HOLDS.validate(report)
    return report


# ---- one file with a bit of everything


SEED = ["--seed", "3", "--timeout", "4"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files of these tests."""
    folder = tmp_path_factory.mktemp("check")
    (folder / "mixed.py").write_text(MIXED)
    (folder / "right.py").write_text(RIGHT)
    (folder / "empty.py").touch()
    return folder


@pytest.fixture(scope="module")
def report(place: Path) -> Any:
    """Return the report of the mixed file, for programs."""
    run = command("mixed.py", "--json", *SEED, place=place)
    assert (run.returncode, run.stderr) == (1, b"")
    return valid(run.stdout)


@pytest.fixture(scope="module")
def texts(place: Path) -> dict[str, str]:
    """Return what readers of each language are told of the mixed file, in a pipe where nothing is said of UTF-8."""
    plain = {"LANG": "C", "LC_ALL": "C"}
    runs = {
        "en": command("mixed.py", *SEED, "--hint", "1", place=place, **plain),
        "zh": command("mixed.py", *SEED, "--hint", "3", "--language", "zh", place=place, **plain),
    }
    assert [(run.returncode, run.stderr) for run in runs.values()] == [(1, b"")] * 2
    return {language: run.stdout.decode("utf-8") for language, run in runs.items()}


def test_each_function_has_its_own_status(report: Any) -> None:
    assert [report["functions"][name]["status"] for name in EIGHT] == STATUSES
    assert report["summary"]["right"] == 1


@pytest.mark.parametrize("name", EIGHT)
def test_points_are_the_weights_of_the_probes_that_are_passed(name: str, report: Any) -> None:
    grade = report["functions"][name]
    whole = sum(probe["weight"] for probe in grade["probes"])
    passed = sum(probe["weight"] for probe in grade["probes"] if probe["passed"])
    assert grade["score"] == (round(passed / whole, 6) if whole and grade["status"] != "error" else 0)


def test_the_summary_is_the_mean(report: Any) -> None:
    scores = [grade["score"] for grade in report["functions"].values()]
    assert report["summary"]["score"] == pytest.approx(sum(scores) / 8, abs=1e-5)
    assert (
        report["summary"]["text"]
        == report["summary"]["texts"]["en"]
        == f"1 of 8 functions are right; {100 * sum(scores) / 8:.0f} of 100 points."
    )


DIAGNOSES = {
    "zero_pad": [("zero_pad.pattern.inside", "located")],
    "conv_single_step": [("conv_single_step.absolute_products", "pair"), ("conv_single_step.bias_twice", "pair")],
    "conv_forward": [("conv_forward.stride_missing", "exact")],
    "pool_forward": [],
    "conv_backward": [],
    "create_mask_from_window": [("error.other", "located")],
    "distribute_value": [],
    "pool_backward": [("pool_backward.stride_missing", "exact")],
}


@pytest.mark.parametrize("name", DIAGNOSES)
def test_what_is_wrong_is_named(name: str, report: Any) -> None:
    found = [(one["id"], one["confidence"]) for one in report["functions"][name]["diagnosis"]]
    assert sorted(found) == DIAGNOSES[name]


def test_a_function_that_passes_the_published_check_and_is_wrong_elsewhere_is_told_both(report: Any) -> None:
    grade = report["functions"]["pool_backward"]
    assert grade["published"] == {"edition": "2021", "passes": True}
    assert grade["message"].startswith("Wrong on ")
    assert grade["message"].endswith("\nIt passes the published check of the 2021 edition, which does not see this.")
    assert grade["diagnosis"][0]["escapes"] == ["v1", "v2", "v2a", "2021"]


def test_the_evidence_has_the_probe_the_entry_and_its_window(report: Any) -> None:
    (found,) = report["functions"]["conv_forward"]["diagnosis"]
    evidence = found["evidence"]
    assert evidence["probe"] == "a stride that leaves a rest"
    _, h, w, _ = map(int, re.findall(r"\d+", evidence["entry"]))
    assert evidence["window"] == {"rows": [2 * h, 2 * h + 3], "columns": [2 * w, 2 * w + 3]}
    assert evidence["got"] != evidence["expected"]
    assert f"= {evidence['expected']:.6g}" in evidence["by_hand"]


def test_what_ended_badly_is_told_in_both_languages(report: Any) -> None:
    assert report["functions"]["pool_forward"]["messages"] == {
        "en": "It did not come to an end within 4 seconds: look for a loop whose condition never becomes false.",
        "zh": "运行超过 4 秒仍未结束：检查是否有循环的条件永远不会变为假。",
    }
    assert report["functions"]["distribute_value"]["messages"] == {
        "en": "The file does not define distribute_value.",
        "zh": "文件中没有定义 distribute_value。",
    }
    line = MIXED.split("\n").index("    return x.nothing") + 1
    message = report["functions"]["create_mask_from_window"]["message"]
    assert message.startswith(
        f"It raises AttributeError on 12 of 12 probes: 'numpy.ndarray' object has no attribute 'nothing' (line {line})\n"
    )


def test_the_same_seed_gives_the_same_bytes(report: Any, place: Path) -> None:
    again = command("mixed.py", "--json", *SEED, place=place)
    assert again.stdout.decode() == json.dumps(report, indent=2) + "\n"


def test_the_report_for_readers_fits_into_80_columns(texts: dict[str, str]) -> None:
    for text in texts.values():
        assert max(map(cell_len, text.split("\n"))) <= 80
        assert "\x1b" not in text


def test_no_line_of_the_report_ends_in_blanks(texts: dict[str, str]) -> None:
    assert not [line for line in texts["en"].split("\n") if line != line.rstrip()]


def lines_of(text: str) -> str:
    """Return a report as one line, without what wraps it."""
    return re.sub(r"\s+", " ", text)


def test_the_report_says_what_the_one_for_programs_says(texts: dict[str, str], report: Any) -> None:
    text = lines_of(texts["en"])
    for name, status in zip(EIGHT, STATUSES, strict=True):
        shown = {"timeout": "no end"}.get(status, status)
        assert f"{shown} {name} {100 * report['functions'][name]['score']:.0f} %" in text
    assert report["summary"]["text"] in text
    assert "published numbers of the 2021 edition; seed 3 (the same probes again: --seed 3) For more: --hint 2." in text
    assert "The windows do not move by the stride. All" in text  # the first hint alone
    assert "Its window is" not in text


def test_the_chinese_report_is_chinese_and_its_last_hint_the_longest(texts: dict[str, str], report: Any) -> None:
    text = re.sub(r"\s+", "", texts["zh"])
    assert re.sub(r"\s+", "", report["summary"]["texts"]["zh"]) in text
    for shown in ("错误zero_pad", "正确conv_backward", "超时pool_forward", "报错create_mask_from_window", "缺少distribute_value"):
        assert shown in text
    assert report["functions"]["conv_forward"]["diagnosis"][0]["advice"]["zh"] in text
    assert "它的窗口是第" in text
    assert "想要更多提示" not in text


def test_all_right_is_exit_code_0(place: Path) -> None:
    run = command("right.py", "--seed", "1", "--edition", "-23.16", place=place)
    assert (run.returncode, run.stderr) == (0, b"")
    lines = run.stdout.decode().splitlines()
    assert lines[0] == "right.py"
    assert lines[1:9] == [f"   right  {name}  100 %" for name in EIGHT]
    assert lines[9:] == [
        "",
        "8 of 8 functions are right; 100 of 100 points.",
        "published numbers of the v1 edition; seed 1 (the same probes again: --seed 1)",
    ]


# ---- notebooks, and other names


def cells(*texts: str | list[str]) -> list[dict[str, Any]]:
    return [{"cell_type": "code", "source": text, "metadata": {}, "outputs": [], "execution_count": None} for text in texts]


NOTEBOOK_CELLS: list[str | list[str]] = [
    """import numpy as np
import h5py
import matplotlib.pyplot as plt
from public_tests import *

%matplotlib inline
plt.rcParams['figure.figsize'] = (5.0, 4.0)
%load_ext autoreload
%autoreload 2
np.random.seed(1)""",
    *(source_of(name).splitlines(keepends=True) for name in EIGHT if name not in {"conv_backward", "pool_forward"}),
    """np.random.seed(1)
A_prev = np.random.randn(2, 5, 7, 4)
Z, cache_conv = conv_forward(A_prev, W, b, hparameters)
conv_forward_test(conv_forward)""",
    "# UNQ_C4\n%%time\n" + source_of("pool_forward").replace("h * stride", "h"),
    "!ls\n" + source_of("conv_backward").replace("dW = np.zeros((f, f, n_C_prev, n_C))", "dW = "),
    "%%bash\necho done",
]


def wrapped(version: int) -> dict[str, Any]:
    if version == 4:
        made = [{"cell_type": "markdown", "metadata": {}, "source": "# Convolution"}, *cells(*NOTEBOOK_CELLS)]
        return {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    old = [{"cell_type": "code", "input": text, "language": "python", "outputs": [], "collapsed": False} for text in NOTEBOOK_CELLS]
    return {"worksheets": [{"cells": [{"cell_type": "heading", "level": 1, "source": "x"}, *old]}], "metadata": {"name": ""}, "nbformat": 3}


def test_a_notebook_of_version_3_has_the_same_cells(tmp_path: Path) -> None:
    for version in (3, 4):
        (tmp_path / f"{version}.ipynb").write_text(json.dumps(wrapped(version)))
    assert read_submission(tmp_path / "3.ipynb").cells == read_submission(tmp_path / "4.ipynb").cells


def test_a_whole_notebook_of_the_course_is_judged(tmp_path: Path) -> None:
    (tmp_path / "a b.ipynb").write_text(json.dumps(wrapped(4)))
    run = command("a b.ipynb", "--json", "--seed", "2", place=tmp_path)
    report = valid(run.stdout)
    assert run.returncode == 1
    assert {name: grade["status"] for name, grade in report["functions"].items() if grade["status"] != "right"} == {
        "pool_forward": "wrong",
        "conv_backward": "error",
    }
    assert report["edition"] == {"name": "2021", "recognised_by": "public_tests"}
    (found,) = report["functions"]["conv_backward"]["diagnosis"]
    assert (found["id"], found["evidence"]["cell"], found["evidence"]["code"]) == ("syntax.unfinished", 10, "dW =")
    assert report["functions"]["conv_backward"]["message"].startswith(
        f"SyntaxError: invalid syntax (cell 10, line {found['evidence']['line']})\n"
    )


def test_functions_under_other_names_are_judged_when_they_are_mapped(tmp_path: Path) -> None:
    text = IMPORT + source_of("zero_pad").replace("def zero_pad", "def border") + source_of("distribute_value").replace("def ", "def my_")
    (tmp_path / "named.py").write_text(text + "\ndef zero_pad(X, pad):\n    return 7\n\nfour = 4\n")
    options = ["zero_pad=border", "distribute_value=my_distribute_value", "conv_forward=nowhere", "pool_forward=four"]
    run = command("named.py", "--json", *(word for option in options for word in ("--function", option)), place=tmp_path)
    functions = valid(run.stdout)["functions"]
    assert {name: functions[name]["status"] for name in EIGHT if functions[name]["status"] != "missing"} == {
        "zero_pad": "right",
        "distribute_value": "right",
        "pool_forward": "error",
    }
    assert functions["conv_forward"]["message"] == "The file does not define nowhere, which was to be judged as conv_forward."
    assert functions["pool_forward"]["message"] == "four is an int, not a function."
    assert functions["conv_backward"]["message"] == "The file does not define conv_backward."


def judged(text: str, name: str, place: Path, **functions: str) -> Grade:
    """Judge one function of a file, in a process of its own."""
    (place / "one.py").write_text(text)
    return running._grade(read_submission(place / "one.py"), name, (Plan(1, functions), Asked(1), threading.Event()))


def test_a_function_that_is_mapped_to_the_name_of_another_is_the_learners(tmp_path: Path) -> None:
    text = IMPORT + source_of("zero_pad").replace("def zero_pad", "def distribute_value")
    assert judged(text, "zero_pad", tmp_path, zero_pad="distribute_value").status == "right"


def test_a_function_of_placeholders_is_not_written_yet(tmp_path: Path) -> None:
    grade = judged("def zero_pad(X, pad):\n    X_pad = None\n    return X_pad\n", "zero_pad", tmp_path)
    assert (grade.status, grade.score) == ("wrong", 0.0)
    assert [(one.id, one.title) for one in grade.diagnosis] == [("error.not_finished", grade.words)]
    assert grade.words == {
        "en": "zero_pad is not written yet: its placeholders are still there.",
        "zh": "zero_pad 还没有写：占位符还在。",
    }


LOADING = {
    "from convstep import zero_pad\n": "error.import_convstep",
    "from no_such_module import zero_pad\n": "error.module_missing",
    "@nowhere\ndef zero_pad(X, pad):\n    return X\n": "error.undefined_name",
    "import numpy as np\nzero_pad = np.zeroes\n": "error.misspelt_attribute",
}


@pytest.mark.parametrize("text", LOADING)
def test_what_is_raised_while_a_file_is_loaded_is_explained(text: str, tmp_path: Path) -> None:
    assert [one.id for one in judged(text, "zero_pad", tmp_path).diagnosis] == [LOADING[text]]


# ---- options, on a file that needs no judging


@pytest.mark.parametrize("arguments", [["gone.py"], ["gone.py", "--json"], ["gone.py", "--language", "en", "--hint", "3"]])
def test_a_missing_file_is_a_report_and_exit_code_1(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = in_process(capsys, "check", *arguments)
    assert (code, err) == (1, "")
    if "--json" not in arguments:
        assert out == "gone.py\nThere is no file gone.py.\n"
        return
    report = valid(out)
    assert report["summary"]["text"] == "There is no file gone.py."
    assert {grade["status"] for grade in report["functions"].values()} == {"error"}


EDITIONS = {
    ("v1",): "v1",
    ("v2",): "v2",
    ("v2a",): "v2a",
    ("2021",): "2021",
    ("-23.16",): "v1",
    ("0.155859324889",): "v1",
    ("0.0489952035289",): "v2",
    ("-0.61490741",): "v2",
    ("0.692360880758",): "v2a",
    ("0.5511276474566768",): "2021",
}


@pytest.mark.parametrize(
    "words", [*(("--edition", *one) for one in EDITIONS), *((f"--edition={one[0]}",) for one in EDITIONS)], ids=" ".join
)
def test_an_edition_is_named_or_recognised_by_a_number(words: tuple[str, ...], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, out, _ = in_process(capsys, "check", str(tmp_path / "gone.py"), "--json", *words)
    edition = EDITIONS[(words[-1].removeprefix("--edition="),)]
    assert valid(out)["edition"] == {"name": edition, "recognised_by": None}


@pytest.mark.parametrize(
    ("variables", "options", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, [], "zh"),
        ({"LANG": "zh_CN.UTF-8"}, ["--language", "en"], "en"),
        ({"LANG": "de_DE.UTF-8"}, [], "en"),
        ({"LANG": "en_US.UTF-8"}, ["--language", "zh"], "zh"),
        ({"LC_ALL": "zh_TW", "LANG": "en_US"}, [], "zh"),
    ],
)
def test_the_language_is_the_locales_or_what_is_asked_for(
    variables: dict[str, str],
    options: list[str],
    language: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    _, out, _ = in_process(capsys, "check", "gone.py", *options)
    assert out == {"en": "gone.py\nThere is no file gone.py.\n", "zh": "gone.py\n找不到文件 gone.py。\n"}[language]


def test_without_a_seed_new_probes_are_drawn(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    seeds = {json.loads(in_process(capsys, "check", str(place / "empty.py"), "--json")[1])["seed"] for _ in range(6)}
    assert len(seeds) > 1


def test_a_name_with_markup_is_shown_as_it_is(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("[red]a[bold].py").touch()
    assert in_process(capsys, "check", "[red]a[bold].py")[1] == "[red]a[bold].py\n[red]a[bold].py is empty.\n"


REFUSED = {
    (): "the following arguments are required: FILE, or --batch FOLDER --out RESULTS.csv",
    ("--batch", "x"): "arguments --batch and --out: each needs the other",
    ("--out", "r.csv"): "arguments --batch and --out: each needs the other",
    ("a.py", "--batch", "x"): "argument FILE: not allowed with --batch",
    ("--batch", ".", "--out", "r.txt"): "argument --out: must end in .csv, not 'r.txt'",
    ("a.py", "--function", "f=g"): f"argument --function: there is no function 'f'; there are {', '.join(EIGHT)}",
    ("a.py", "--function", "zero_pad"): "argument --function: must be zero_pad=OTHER, with the name in the file, not 'zero_pad'",
    ("a.py", "--function", "zero_pad="): "argument --function: must be zero_pad=OTHER, with the name in the file, not 'zero_pad='",
    ("a.py", "--function", "zero_pad=1x"): "argument --function: must be zero_pad=OTHER, with the name in the file, not 'zero_pad=1x'",
    (
        "a.py",
        "--function",
        "zero_pad=os.system",
    ): "argument --function: must be zero_pad=OTHER, with the name in the file, not 'zero_pad=os.system'",
    ("a.py", "--edition", "v3"): "argument --edition: must be v1, v2, v2a, 2021 or a number that only one of them prints, not 'v3'",
    ("a.py", "--edition", "-6.999"): "argument --edition: must be v1, v2, v2a, 2021 or a number that only one of them prints, not '-6.999'",
    ("a.py", "--seed", "-1"): "argument --seed: must be 0 or more, not -1",
    ("a.py", "--seed", "x"): "argument --seed: invalid int value: 'x'",
    ("a.py", "--timeout", "0"): "argument --timeout: must be more than 0 and at most 12 seconds, not 0",
    ("a.py", "--timeout", "61"): "argument --timeout: must be more than 0 and at most 12 seconds, not 61",
    ("a.py", "--timeout", "nan"): "argument --timeout: must be more than 0 and at most 12 seconds, not nan",
}


@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_wrong_usage_is_told_whole_with_exit_code_2(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert in_process(capsys, "check", *arguments) == (2, "", f"{USAGE}{REFUSED[arguments]}\n")


@pytest.mark.parametrize(("option", "value"), [("--hint", "0"), ("--hint", "4"), ("--language", "de")])
def test_a_value_that_is_not_among_the_choices_is_refused(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = in_process(capsys, "check", "a.py", option, value)
    assert (code, out) == (2, "")
    assert err.startswith(f"{USAGE}argument {option}: invalid choice: ")


# ---- pipes and signals


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_reader_that_leaves_is_no_error(options: list[str], place: Path) -> None:
    run = [sys.executable, "-c", f"import sys, time; time.sleep(0.3); {MAIN}", "check", "empty.py", *options]
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=place, env=environment()) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert (process.wait(60), process.stderr.read()) == (0, b"")


def descendants(process: int) -> dict[int, str]:
    """Return the processes that a process started, and they in turn, each with the moment of its start."""
    found = {}
    parents = dict(_parents())
    started = {process}
    while grown := {child for child, (parent, _) in parents.items() if parent in started} - started:
        started |= grown
    for child in started - {process}:
        found[child] = parents[child][1]
    return found


def _parents() -> Iterator[tuple[int, tuple[int, str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                yield int(entry.name), (int(fields[1]), fields[19])


ENDLESS = "".join(f"def {name}(*arguments):\n    while True:\n        pass\n\n\n" for name in EIGHT)


LIMIT = 8  # seconds for each function


@pytest.fixture(scope="module", params=[False, True], ids=["the command alone", "as a terminal does it"])
def interrupted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, bytes, bytes, set[int], float]:
    """Return how the command ended after an interrupt: its code, output and messages, what still runs, and the seconds that it took."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("this system has no /proc to look into")
    place = tmp_path_factory.mktemp("endless")
    (place / "endless.py").write_text(ENDLESS)
    run = [sys.executable, "-c", f"import sys; {MAIN}", "check", "endless.py", "--timeout", str(LIMIT)]
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": place, "env": environment()}
    with subprocess.Popen(run, start_new_session=True, **options) as process:
        deadline = time.monotonic() + 40
        while len(descendants(process.pid)) < 4 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.02)
        started = descendants(process.pid)
        moment = time.monotonic()
        (os.killpg if request.param else os.kill)(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
        seconds = time.monotonic() - moment
    deadline = time.monotonic() + 5
    while alive(started) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert started
    return process.returncode, out, err, alive(started), seconds


def test_an_interrupt_is_exit_code_130_and_leaves_nothing_running(interrupted: tuple[int, bytes, bytes, set[int], float]) -> None:
    assert interrupted[:4] == (130, b"", b"convstep: interrupted\n", set())


def test_an_interrupt_is_heard_at_once(interrupted: tuple[int, bytes, bytes, set[int], float]) -> None:
    assert interrupted[4] < LIMIT / 2


def alive(started: dict[int, str]) -> set[int]:
    now = {child: start for child, (_, start) in _parents()}
    return {child for child, start in started.items() if now.get(child) == start}
