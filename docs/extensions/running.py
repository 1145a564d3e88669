"""Runs the cells of a lesson, as a notebook does, and keeps what they showed.

One rule: an output stands on a page only if this very code, with these very sources of convstep, has shown it.
"""

import ast
import base64
import contextlib
import hashlib
import io
import json
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from typing import Any

import convstep
from convstep.course import exercises
from convstep.course.notebooks import CHECK, COMMENTS, POINTS
from convstep.course.source import LANGUAGES, Cell, Check, Exercise, Language, Lesson, Text
from convstep.files import atomic_write

__all__ = ["Output", "run_lessons", "source_of"]

SOURCES = Path(convstep.__file__).parent
PACKAGES = ("numpy", "matplotlib", "keras", "torch", "numba")  # whose versions may change what a cell shows
ALONE = ("10_what_the_machine_does",)  # it measures time, so nothing runs beside it
DPI, SCREEN = 200, 96  # pixels an inch: of a picture, and as it is shown


@dataclass(frozen=True)
class Output:
    """What a cell showed: text, a picture (PNG in base64) with what it is of and how wide it is on a screen, or HTML."""

    kind: str
    content: str
    alt: str = ""
    width: int = 0


Shown = dict[str, list[list[Output]]]  # language -> for each cell, its outputs


def source_of(cell: Cell, language: Language, lesson: str) -> str:
    """Return the Python of a cell, with exercises solved; nothing for a text."""
    match cell:
        case Text():
            return ""
        case Exercise():
            return exercises.solved(cell, language, f"{lesson}.md, line {cell.line}")
        case Check():
            return CHECK.format(function=cell.function, language=language, points=POINTS, comment=COMMENTS[language])
    return cell.spoken(language)


def run_lessons(lessons: Iterable[Lesson], cache: Path) -> dict[str, Shown]:
    """Return what the cells of each lesson show, from the cache where nothing has changed since.

    Parameters
    ----------
    lessons : iterable of Lesson
        Each is run in a process of its own; the dearest first, as many at a time as there are processors.
    cache : Path
        A folder with one file for each lesson.
    """
    shown, left = {}, []
    for lesson in lessons:
        found = _recalled(cache / f"{lesson.name}.json", lesson)
        if found is None:
            left.append(lesson)
        else:
            shown[lesson.name] = found
    if left:
        for lesson, (outputs, rooms) in zip(left, _run_all(left), strict=True):
            cache.mkdir(parents=True, exist_ok=True)
            content = {"key": _key(lesson, rooms), "rooms": rooms, "outputs": _plain(outputs)}
            atomic_write(cache / f"{lesson.name}.json", json.dumps(content))
            shown[lesson.name] = outputs
    return shown


def _recalled(path: Path, lesson: Lesson) -> Shown | None:
    if not path.is_file():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    if kept["key"] != _key(lesson, kept["rooms"]):
        return None
    return {language: [[Output(**output) for output in cell] for cell in cells] for language, cells in kept["outputs"].items()}


def _plain(outputs: Shown) -> dict[str, list[list[dict[str, Any]]]]:
    return {language: [[asdict(output) for output in cell] for cell in cells] for language, cells in outputs.items()}


def _key(lesson: Lesson, rooms: Iterable[str]) -> str:
    """Return a digest of the lesson, this file, the rooms of convstep that it used, and the versions of the packages."""
    digest = hashlib.sha256(repr([lesson, _versions()]).encode())
    for path in [Path(__file__), *(path for room in rooms for path in _files(SOURCES / room))]:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    return {"python": sys.version} | {name: metadata.version(name) for name in PACKAGES if find_spec(name)}


def _files(room: Path) -> list[Path]:
    if room.is_file() or not room.exists():
        return [room] if room.exists() else []
    return sorted(path for path in room.rglob("*") if path.is_file() and path.suffix != ".pyc")


def _run_all(lessons: list[Lesson]) -> list[tuple[Shown, list[str]]]:
    """Run each lesson in a process of its own: side by side, each on one processor, and then alone those whose subject is time."""
    side_by_side = sorted((lesson for lesson in lessons if lesson.name not in ALONE), key=lambda lesson: "fit(" not in repr(lesson))
    with _one_thread_each():
        found = _run_in_pool(side_by_side, os.cpu_count() or 1)
    found |= _run_in_pool([lesson for lesson in lessons if lesson.name in ALONE], 1)
    return [found[lesson.name] for lesson in lessons]


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes that start now calculate on one thread: several that take all processors for themselves wait for each other."""
    before = dict(os.environ)
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _run_in_pool(lessons: list[Lesson], processes: int) -> dict[str, tuple[Shown, list[str]]]:
    # A server imports once what most lessons need, and each process forks from there.
    server = processes > 1 and "forkserver" in get_all_start_methods()
    context = get_context("forkserver" if server else "spawn")
    if server:
        context.set_forkserver_preload(["numpy", "matplotlib.figure"])
    with ProcessPoolExecutor(processes, mp_context=context, max_tasks_per_child=1) as pool:
        waiting = {lesson.name: pool.submit(run, lesson) for lesson in lessons}
        return {name: result.result() for name, result in waiting.items()}


def run(lesson: Lesson) -> tuple[Shown, list[str]]:
    """Run a lesson from top to bottom; what each cell showed in each language, and the rooms of convstep that were used.

    The two languages of a lesson differ in comments and in checks, so the code is run once and the checks are run in both.
    A cell that needs a package which is not installed shows nothing.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    shown: Shown = {language: [] for language in LANGUAGES}
    for number, cell in enumerate(lesson.cells, start=1):
        each = LANGUAGES if isinstance(cell, Check) else LANGUAGES[:1]
        for language in each:
            outputs = (
                [] if _lacks(cell) else list(_run_cell(source_of(cell, language, lesson.name), namespace, f"{lesson.name}, cell {number}"))
            )
            shown[language].append(outputs)
        for language in set(LANGUAGES) - set(each):
            shown[language].append(outputs)
    rooms = {name.split(".")[1] for name in sys.modules if name.startswith("convstep.")}
    return shown, sorted(room if (SOURCES / room).is_dir() else f"{room}.py" for room in rooms)


def _lacks(cell: Cell) -> bool:
    needs: str = getattr(cell, "needs", "")
    return bool(needs) and find_spec(needs) is None


def _run_cell(source: str, namespace: dict[str, Any], name: str) -> Iterator[Output]:
    """Run a cell and give back what a notebook would show: what it printed and displayed, open figures, and its last line's value."""
    if not source.strip():
        return
    shown: list[Output] = []
    printed = io.StringIO()
    namespace["display"] = lambda *values: shown.extend(map(_output, values))
    body = ast.parse(source, name)
    last = body.body.pop() if isinstance(body.body[-1], ast.Expr) and not source.rstrip().endswith(";") else None
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(body, name, "exec"), namespace)  # noqa: S102 - our own lessons
        value = eval(compile(ast.Expression(last.value), name, "eval"), namespace) if isinstance(last, ast.Expr) else None  # noqa: S307
    if printed.getvalue().strip():
        yield Output("text", printed.getvalue().rstrip())
    yield from shown
    yield from _open_figures()
    if value is not None:
        yield _output(value)


def _output(value: Any) -> Output:
    if "matplotlib" in sys.modules and isinstance(value, sys.modules["matplotlib.figure"].Figure):
        return _picture(value)
    if hasattr(value, "_repr_html_"):
        return Output("html", value._repr_html_())
    return Output("text", repr(value))


def _open_figures() -> Iterator[Output]:
    if "matplotlib.pyplot" in sys.modules:
        pyplot = sys.modules["matplotlib.pyplot"]
        for number in pyplot.get_fignums():
            yield _picture(pyplot.figure(number))
        pyplot.close("all")


def _picture(figure: Any) -> Output:
    bundle: Mapping[str, str] = figure._repr_mimebundle_()[0] if hasattr(figure, "_repr_mimebundle_") else {}
    if "image/png" in bundle:
        content = bundle["image/png"]
    else:
        with io.BytesIO() as file:
            figure.savefig(file, format="png", dpi=DPI, bbox_inches="tight")
            content = base64.b64encode(file.getvalue()).decode("ascii")
    titles = [text for axes in figure.axes for text in (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) if text]
    return Output("picture", content, ", ".join(titles).replace("\n", " "), round(SCREEN * figure.get_figwidth()))
