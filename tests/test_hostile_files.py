"""Files that fight the grader: none of them gets credit, harms another function, writes outside, or leaves a process behind.

The files are made of `hostile/*.txt`, a section each; what must be large or is no text is made here.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convstep
from convstep.grading import batch, page, running
from convstep.grading.case import Asked
from convstep.grading.grades import Grade
from convstep.grading.published import edition_of
from convstep.grading.reading import UnreadableError, read_submission
from convstep.grading.sandbox import Limits, process, promises
from convstep.grading.sandbox.folder import PREFIX
from convstep.grading.sandbox.inside import tree

pytestmark = pytest.mark.once

FOLDER = Path(__file__).parent / "hostile"
SOURCE = Path(convstep.__file__).resolve().parents[1]
PACKAGES = Path(np.__file__).resolve().parents[1]
KINDS = ("ending", "outside", "importing", "forging", "patching", "returning", "writing")
FEWEST = 80
SHORT, LONG = 1.0, 10.0  # seconds: for what never ends, and for what does
SENTENCE, MESSAGE, REPORT = 300, 1500, 40_000  # characters

PADDED = "np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)))"
MASK = "def create_mask_from_window(x):\n    return x == np.max(x)\n"
SHARE = "def distribute_value(dz, shape):\n    return np.full(shape, dz / (shape[0] * shape[1]))\n"


@dataclass(frozen=True)
class Attack:
    """A file, the function that it attacks with, and the statuses that the function may get."""

    name: str
    function: str
    statuses: frozenset[str]
    text: str

    @property
    def innocent(self) -> str:
        """Another function, which is right in the same file."""
        return "distribute_value" if self.function == "create_mask_from_window" else "create_mask_from_window"

    @property
    def seconds(self) -> float:
        """How long it may run."""
        return SHORT if "timeout" in self.statuses else LONG


def sections(kind: str) -> Iterator[Attack]:
    """Read the sections of a file in `hostile`."""
    for section in re.split(r"^=== ", written(kind), flags=re.MULTILINE)[1:]:
        head, _, text = section.partition("\n")
        name, function, statuses = head.split(" | ")
        filled = text.replace("@FORGE@\n", written("forge")).replace("@RIGHT@", PADDED)
        yield Attack(f"{kind}: {name}", function, frozenset(statuses.split(", ")), filled)


def written(kind: str) -> str:
    """Return the text of a file in `hostile`."""
    return (FOLDER / f"{kind}.txt").read_text(encoding="utf-8")


def large_ones() -> list[Attack]:
    """Make the files that are hard to parse or to compile."""
    many, back, error = 10**5, "def zero_pad(X, pad): return ", frozenset({"error"})
    texts = {
        "signs": f"{back}{'-' * many}1",
        "negations": f"{back}{'not ' * many}1",
        "parentheses": f"{back}{'(' * many}{')' * many}",
        "lists in lists": f"{back}{'[' * 199}{']' * 199}",
        "attributes": f"{back}X{'.T' * many}",
        "items": f"{back}X{'[0]' * 20_000}",
        "sums": f"{back}{'+'.join('1' * many)}",
        "powers": f"{back}{'**'.join('1' * many)}",
        "conditions": f"{back}{'1 if X else ' * 80_000}1",
        "lambdas": f"{back}{'lambda: ' * many}1",
        "branches": "def zero_pad(X, pad):\n    if X: pass\n" + "    elif X: pass\n" * 20_000,
        "blocks": "def zero_pad(X, pad):\n" + "".join(f"{' ' * depth}if X:\n" for depth in range(1, 102)) + " " * 102 + "pass",
        "an open text": f"{back}'''{'x' * many}",
        "one line of 900 kB": f"{back}'{'x' * 900_000}'",
        "a number of 900 kB": f"{back}{'1' * 900_000}",
        "900 kB of blanks": f"{back}{' ' * 900_000}1 1",
        "decorators": "@zero_pad\n" * 5000 + "def zero_pad(X, pad): return X",
        "parameters": f"def zero_pad({','.join(f'a{n}' for n in range(5000))}): return 0",
        "calls": f"{back}X{'()' * 3000}",
        "a chain of functions": "".join(f"def f{n}(x): return f{n + 1}(x)\n" for n in range(2000)) + f"{back}f0(X)",
        "stars": f"{'from numpy import *' + chr(10)}" * 2000 + f"{back}X + 1",
        "a declared encoding": f"# -*- coding: utf-7 -*-\n{back}'+AAo-'",
    }
    loose = error | {"wrong", "missing"}
    return [Attack(f"large: {name}", "zero_pad", loose, text) for name, text in texts.items()]


ATTACKS = [one for kind in KINDS for one in sections(kind)] + large_ones()
OBJECTS = list(sections("objects"))


def listed(names: Any) -> list[Any]:
    """Return parameters with their names as ids."""
    return [pytest.param(one, id=getattr(one, "name", one)) for one in names]


# --- what is watched meanwhile


Trace = dict[str, tuple[int, int, int, bytes]]


def traces(folder: Path) -> Trace:
    """Return all that can be seen of the files in a folder."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        told = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[path.as_posix()] = (told.st_mode, told.st_uid, told.st_mtime_ns, content)
    return found


def of_strangers() -> set[str]:
    """Return what lies in the folders for everyone and belongs to users whom the sandbox invents."""
    folders = [Path(place) for place in ("/tmp", "/var/tmp", "/dev/shm") if Path(place).is_dir()]  # noqa: S108
    found = set()
    for folder in folders:
        for path in folder.iterdir():
            try:
                stranger = path.lstat().st_uid >= 0x50000000
            except OSError:  # gone meanwhile
                continue
            if stranger and not path.name.startswith(PREFIX):
                found.add(path.as_posix())
    return found


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that everyone may write to, with a home and a working directory in it; afterwards nothing is changed or left."""
    folder = Path(tempfile.mkdtemp(prefix="hostile-tests-", dir="/tmp" if os.name == "posix" else None)).resolve()  # noqa: S108
    world, temporary = folder / "world", folder / "temporary"
    for made in (world, world / "home", world / "cwd", temporary):
        made.mkdir()
        made.chmod(0o777)
    folder.chmod(0o755)
    for name in ("file", "home/file", "cwd/file"):
        (world / name).write_text("outside", encoding="utf-8")
        (world / name).chmod(0o666)
    mark = f"CONVSTEP_{uuid.uuid4().hex}"
    monkeypatch.setattr(process, "MARK", mark)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("HOME", str(world / "home"))
    monkeypatch.chdir(world / "cwd")
    before, strangers, children = traces(world), of_strangers(), set(tree.descendants(os.getpid()))
    yield folder
    assert set(tree.descendants(os.getpid())) <= children
    assert [one for one in tree.processes() if f"{mark}=".encode() in tree.read(f"/proc/{one}/environ")] == []
    assert orphans() == []
    assert traces(world) == before
    assert of_strangers() <= strangers
    assert list(temporary.iterdir()) == []
    shutil.rmtree(folder)


def orphans() -> list[int]:
    """Return the processes of users whom the sandbox invents that have no parent to end them."""
    found = []
    for one in tree.processes():
        try:
            stranger = 0x50000000 <= os.stat(f"/proc/{one}").st_uid < 0x60000000  # noqa: PTH116
        except OSError:  # gone meanwhile
            continue
        if stranger and tree.parent_of(one) == 1:
            found.append(one)
    return found


# --- what a report may hold


def texts(data: Any) -> Iterator[str]:
    """Yield all texts of plain data."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield str(key)
            yield from texts(value)
    elif isinstance(data, list):
        for value in data:
            yield from texts(value)
    elif isinstance(data, str):
        yield data


def must_be_clean(grade: Grade) -> None:
    """Check that a grade can be shown anywhere: short, printable, escaped."""
    written = json.dumps(grade.as_json(), allow_nan=False)
    assert len(written) < REPORT
    assert all(text.replace("\n", "").isprintable() for text in texts(json.loads(written)))
    failed = not grade.probes and not grade.diagnosis
    assert set(grade.words) == {"en", "zh"}
    for message in grade.words.values():
        assert 0 < len(message) <= (SENTENCE if failed else MESSAGE)
        assert not failed or "\n" not in message
    assert "<script" not in grade._repr_html_()
    assert not re.search(r"[^\n\x20-\U0010ffff]", str(grade) + grade._repr_html_())


def grade_of(path: Path, name: str, seconds: float) -> Grade:
    """Judge one function of a file."""
    plan = running.Plan(1, {}, limits=Limits(seconds=seconds))
    submission = read_submission(path)
    return running._grade(submission, name, (plan, Asked(1, notebook=submission.notebook), threading.Event()))


# --- the files


def test_there_are_enough_files() -> None:
    assert len(ATTACKS) >= FEWEST
    assert len({one.name for one in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize("attack", listed(ATTACKS))
def test_a_file_gets_no_credit_and_harms_nobody(attack: Attack, outside: Path) -> None:
    if attack.name.startswith(("outside: ", "importing: ")) and not all(one.enforced for one in promises()):
        pytest.skip("not all is enforced on this machine")
    path = outside / "solution.py"
    places = {"OUTSIDE": outside / "world", "SOURCE": SOURCE, "SITE": PACKAGES, "FILE": path, "PARENT": os.getpid()}
    text = re.sub("@([A-Z]+)@", lambda match: str(places[match[1]]), attack.text)
    path.write_text(f"{text}\n\n{SHARE if attack.innocent == 'distribute_value' else MASK}", encoding="utf-8")
    started = time.monotonic()
    grade = grade_of(path, attack.function, attack.seconds)
    innocent = grade_of(path, attack.innocent, LONG)
    assert time.monotonic() - started < 60
    assert (innocent.status, innocent.score) == ("right", 1.0)
    assert grade.status in attack.statuses
    assert grade.score == 0
    must_be_clean(grade)


# One file with a bit of everything, through the command.
ZOO = f"""
import ctypes, json, os, signal, sys
import __main__
def zero_pad(X, pad):
    while True: pass
def conv_single_step(a_slice_prev, W, b): os._exit(0)
def conv_forward(A_prev, W, b, hparameters): ctypes.string_at(0)
def pool_forward(A_prev, hparameters, mode="max"): return np.ones(10 * 2**30 // 8), None
def conv_backward(dZ, cache):
    __main__.send(json.dumps({{"end": True}}).encode())
    return 1, 2, 3
def distribute_value(dz, shape):
    while True:
        try: os.fork()
        except OSError: pass
def pool_backward(dA, cache, mode="max"):
    print("x" * 2**20)
    raise SystemExit("<script>\x1b[2J")
{MASK}
"""


def command(*arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """Run `convstep check` as a learner does."""
    line = [sys.executable, "-m", "convstep", "check", *arguments]
    return subprocess.run(line, capture_output=True, text=True, encoding="utf-8", check=False, timeout=seconds)


def test_a_zoo_of_functions_through_the_command(outside: Path) -> None:
    (outside / "-z.py").write_text(ZOO, encoding="utf-8")
    run = command("--json", "--seed", "1", "--timeout", "2", "--", str(outside / "-z.py"))
    told = json.loads(run.stdout)
    assert (run.returncode, run.stderr) == (1, "")
    status = {name: one["status"] for name, one in told["functions"].items()}
    assert status.pop("create_mask_from_window") == "right"
    assert status == {
        "zero_pad": "timeout",
        "conv_single_step": "error",
        "conv_forward": "error",
        "pool_forward": "error",
        "conv_backward": "error",
        "distribute_value": "timeout",
        "pool_backward": "error",
    }
    assert told["summary"]["right"] == 1
    assert told["summary"]["score"] == pytest.approx(1 / 8, abs=1e-5)
    assert all(text.replace("\n", "").isprintable() for text in texts(told))


@pytest.mark.parametrize("number", [1, 2])
def test_the_screen_is_not_written_to_by_a_file(number: int, outside: Path) -> None:
    wicked = "\\x1b]0;x\\x07\\x1b[2J\\u202e[bold]"
    kinds = {1: f"type({wicked!r}, (Exception,), {{}})('x')", 2: f"ValueError({wicked!r})"}
    text = f"def distribute_value(dz, shape): raise {kinds[number]}\n".replace("\\\\", "\\")
    path = outside / "a\x1b[2J[red]\u202e\n.py"
    path.write_text(text, encoding="utf-8")
    run = command(str(path), "--timeout", "5")
    assert run.returncode == 1
    assert run.stdout.replace("\n", "").isprintable()
    assert "[bold]" in run.stdout


# --- files that are not even read


def content(data: bytes, name: str = "x.py") -> Callable[[Path], Path]:
    """Return what writes a file."""

    def write(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return write


def link(target: str) -> Callable[[Path], Path]:
    """Return what makes a symbolic link."""

    def write(folder: Path) -> Path:
        (folder / "x.py").symlink_to(target)
        return folder / "x.py"

    return write


def notebook(told: Any) -> Callable[[Path], Path]:
    """Return what writes a notebook, or what is none."""
    return content((told if isinstance(told, str) else json.dumps(told)).encode(), "x.ipynb")


def folder_of_that_name(folder: Path) -> Path:
    (folder / "x.py").mkdir()
    return folder / "x.py"


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "x.py")
    return folder / "x.py"


UNREADABLE: dict[str, Callable[[Path], Path]] = {
    "50 MB": content(b"x = 1\n" * (50 * 2**20 // 6)),
    "31 MB of notebook": notebook({"cells": [{"cell_type": "code", "source": "", "outputs": ["A" * (31 * 2**20)]}]}),
    "3 MB of code in a notebook": notebook({"cells": [{"cell_type": "code", "source": "x" * (3 * 2**20)}]}),
    "Latin letters": content(b"x = '\xe9'"),
    "UTF-16": content("x = 1".encode("utf-16")),
    "NUL bytes": content(b"x = 1\0"),
    "bytes of a program": content(bytes(range(256)) * 999),
    "nothing": content(b""),
    "blanks": content(b"\xef\xbb\xbf \n\t"),
    "a folder": folder_of_that_name,
    "a link to itself": link("x.py"),
    "a link to nowhere": link("nowhere.py"),
    "an endless device": link("/dev/zero"),
    "a silent device": link("/dev/null"),
    "a pipe that nobody writes to": pipe,
    "memory as a file": link("/proc/self/mem"),
    "a table of the kernel's": link("/proc/self/pagemap"),
    "no file": lambda folder: folder / "no.py",
    "a name too long": lambda folder: folder / f"{'x' * 300}.py",
    "a NUL in the name": lambda folder: folder / "a\0b.py",
    "a name of control characters": content(b"\xff", "a\x1b[2J\n<script>\u202e=.py"),
    "a name that is no text": content(b"\xff", os.fsdecode(b"\xff\xfe.py")),
    "a name that is an option": content(b"\xff", "-rf.py"),
    "another kind of file": content(b"x = 1", "x.txt"),
    "a notebook that is code": notebook("x = 1"),
    "a notebook a million deep": notebook("[" * 10**6),
    "cells a hundred thousand deep": notebook('{"cells": ' + "[" * 10**5 + "]" * 10**5 + "}"),
    "a number of a million digits": notebook('{"cells": [{"cell_type": "code", "source": ' + "1" * 10**6 + "}]}"),
    "a notebook that is null": notebook("null"),
    "a notebook that is a list": notebook(["cells"]),
    "a notebook that is a text": notebook('"cells"'),
    "a notebook that is a number": notebook("1e999"),
    "cells that are null": notebook({"cells": None}),
    "cells that are numbers": notebook({"cells": [1, 2]}),
    "cells that are a cell": notebook({"cells": {"cell_type": "code", "source": "x"}}),
    "no cells": notebook({}),
    "sheets that are none": notebook({"worksheets": [None]}),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_read_is_one_sentence(name: str, outside: Path) -> None:
    path = UNREADABLE[name](outside)
    report = running.check_file(path, running.Plan(1, {}))
    assert report.problem is not None
    assert [grade.status for grade in report.grades] == ["error"] * 8
    assert report.score == 0
    for sentence in report.problem.values():
        assert 0 < len(sentence) <= SENTENCE
        assert sentence.isprintable()
    assert all(text.isprintable() for text in texts(json.loads(json.dumps(report.as_json()))))
    row = batch._row(path.name, report, "0", "0")
    assert all(cell.isprintable() and cell[:1] not in tuple("=+-@") for cell in row.values())
    drawn = page.page([row], name=f"<script>{clean_name(path)}", language="en")
    assert not re.search(r"<script|[^\n\x20-\U0010ffff]", drawn)


def clean_name(path: Path) -> str:
    """A folder's name as the system can give it to the page."""
    return path.name.encode("utf-8", "replace").decode("utf-8")[:40].replace("\x1b", "").replace("\n", "").replace("\0", "")


def test_an_unreadable_file_through_the_command(outside: Path) -> None:
    (outside / "x.py").symlink_to("x.py")
    run = command("--json", str(outside / "x.py"))
    assert (run.returncode, run.stderr) == (1, "")
    assert json.loads(run.stdout)["summary"]["right"] == 0


@pytest.mark.skipif(not os.access("/proc/kmsg", os.R_OK), reason="there is no file here that waits")
def test_a_file_that_waits_for_ever_is_not_read(outside: Path) -> None:
    (outside / "x.py").symlink_to("/proc/kmsg")
    text = "import sys; from convstep.grading.reading import read_submission; read_submission(sys.argv[1])"
    run = subprocess.run([sys.executable, "-c", text, str(outside / "x.py")], capture_output=True, check=False, timeout=5)
    assert b"UnreadableError" in run.stderr


def test_a_line_of_digits_does_not_hold_up_the_grader() -> None:
    started = time.process_time()
    assert edition_of("1" * 20_000) is None
    assert time.process_time() - started < 0.3


# --- notebooks that are read, and are strange


STRANGE: dict[str, Any] = {
    "half a letter": {"cell_type": "code", "source": "x = '\ud800'"},
    "a NUL": {"cell_type": "code", "source": "x = '\0'"},
    "a source that is a mapping": {"cell_type": "code", "source": {"a": 1}},
    "a source that is null": {"cell_type": "code", "source": None},
    "a source of lists": {"cell_type": "code", "source": [["a"], {"b": 1}, None, True]},
    "a type that is a list": {"cell_type": ["code"], "source": "def create_mask_from_window(x): return 0"},
    "another language": {"cell_type": "code", "source": "%%bash\nrm -rf ~\ndef create_mask_from_window(x): return 0"},
    "magics": {"cell_type": "code", "source": "!rm -rf ~\n%run x\n%%time\nfiles = !ls\n?x\nx??"},
    "outputs of 8 MB": {"cell_type": "code", "source": "", "outputs": [{"data": {"image/png": "A" * 2**23}}]},
    "a page in an output": {"cell_type": "code", "source": "1", "outputs": [{"text": "<script>\x1b[2J</script>"}], "metadata": []},
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_cell_does_not_harm_the_others(name: str, outside: Path) -> None:
    cells = [STRANGE[name], {"cell_type": "code", "source": MASK}, STRANGE[name]]
    path = notebook({"cells": cells})(outside)
    assert grade_of(path, "create_mask_from_window", LONG).status == "right"


def test_a_notebook_of_many_cells_is_judged(outside: Path) -> None:
    cells = [{"cell_type": "code", "source": "x ="}] * 3000 + [{"cell_type": "code", "source": MASK}]
    path = notebook({"cells": cells})(outside)
    assert grade_of(path, "create_mask_from_window", LONG).status == "right"


def test_an_error_in_a_cell_of_four_thousand_digits_of_a_notebook(outside: Path) -> None:
    attack = (
        written("forge")
        + 'A = whole({"error": {"kind": "V", "message": "x", "line": 1, "cell": "9" * 4300}})\ndef zero_pad(X, pad): return A'
    )
    path = notebook({"cells": [{"cell_type": "code", "source": attack}]})(outside)
    must_be_clean(grade_of(path, "zero_pad", LONG))


# --- function objects, in a notebook of one's own


NAMELESS = "_is_ours reads names and modules of what the function refers to, whatever that raises"
FAILING = "failure: str(error), the name of its type and its attribute `name` may raise anything, or be no text"
PACKING = "check packs what comes back outside of what observe catches"


@pytest.mark.parametrize("attack", listed(OBJECTS))
def test_a_function_object_is_judged_whatever_it_does(attack: Attack) -> None:
    space: dict[str, Any] = {"np": np, "__name__": "__main__"}
    exec(attack.text, space)  # noqa: S102 - it stands in `hostile`
    before = np.geterr()
    grade = None
    with suppress(BaseException):  # pytest could not even write some of them
        grade = convstep.check(space[attack.function], attack.function, seed=1, language="en")
    assert grade is not None
    assert grade.status in attack.statuses
    assert np.geterr() == before
    must_be_clean(grade)


def test_reading_raises_nothing_but_its_own_error(outside: Path) -> None:
    for make in UNREADABLE.values():
        place = outside / uuid.uuid4().hex
        place.mkdir()
        with pytest.raises(UnreadableError):
            read_submission(make(place))
