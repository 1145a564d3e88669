"""The course: twins that keep up with each other, exercises cut from the solution, and notebooks that run from top to bottom."""

import ast
import inspect
import itertools
import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tests.commands import in_process

from convstep.course import exercises, load_lessons, notebooks, write_course
from convstep.course.source import LANGUAGES, Check, Code, Exercise, Language, Lesson, Text
from convstep.errors import DataError
from convstep.grading import solution
from convstep.steps.tracing import FUNCTIONS

NAMES = (
    "01_padding",
    "02_single_step",
    "03_convolution",
    "04_pooling",
    "05_convolution_backward",
    "06_mask_and_share",
    "07_pooling_backward",
    "08_train_a_network",
    "09_the_same_in_keras",
    "10_what_the_machine_does",
    "assignment",
)
VERSIONS = ("learner", "solved")

needs_nbformat = pytest.mark.skipif(find_spec("nbformat") is None, reason="notebooks need the extra course (nbformat)")


@pytest.fixture(scope="module")
def lessons() -> dict[str, Lesson]:
    return {lesson.name: lesson for lesson in load_lessons()}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("nbformat", reason="notebooks need the extra course (nbformat)")
    folder = tmp_path_factory.mktemp("course")
    write_course(folder)
    return folder


def exercises_of(lessons: dict[str, Lesson]) -> dict[str, Exercise]:
    return {cell.function: cell for cell in lessons["assignment"].cells if isinstance(cell, Exercise)}


def cells_of(path: Path) -> list[dict[str, Any]]:
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return [cell | {"source": "".join(cell["source"])} for cell in notebook["cells"]]


# ---- exercises


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_exercise_is_the_function_without_its_code(lessons: dict[str, Lesson], function: str, language: Language) -> None:
    cut = exercises.blank(exercises_of(lessons)[function], language, "x.md, line 1")
    (node,) = ast.parse(cut).body
    assert isinstance(node, ast.FunctionDef)
    original = inspect.getsource(getattr(solution, function))
    assert cut.splitlines()[0] == original.splitlines()[0]
    assert [type(part) for part in node.body] == [ast.Expr, ast.Expr]  # the docstring and the dots
    exercise = exercises_of(lessons)[function]
    expected = exercise.comments if language == "zh" else re.findall(r"^ +# \d+\. (.*)$", original, re.MULTILINE)
    assert comments_of(cut) == list(expected)
    assert ast.get_docstring(node) is not None
    assert all(len(line) <= 100 for line in cut.splitlines())
    namespace: dict[str, Any] = {}
    exec(cut, namespace)  # noqa: S102 - the cell, as a learner first runs it
    assert namespace[function](*[None] * len(node.args.args)) is None


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_solved_exercise_is_the_solution(lessons: dict[str, Lesson], function: str) -> None:
    exercise, original = exercises_of(lessons)[function], inspect.getsource(getattr(solution, function))
    english, chinese = (exercises.solved(exercise, language, "x.md, line 1") for language in LANGUAGES)
    assert code_alone(english) == code_alone(chinese) == code_alone(original)
    assert comments_of(english) == comments_of(original)
    assert comments_of(chinese) == list(exercise.comments)
    assert " ".join(ast.get_docstring(ast.parse(english).body[0]).split()) == getattr(solution, function).__doc__  # type: ignore[arg-type, union-attr]
    assert not re.search(r"[a-z]{3,} [a-z]{3,}", "".join(exercise.comments))


def comments_of(source: str) -> list[str]:
    """Return the numbered comments, each on one line, if they count from 1."""
    joined = re.sub(r"\n *#    ", " ", source)
    found = re.findall(r"^ +# (\d+)\. (.*)$", joined, re.MULTILINE)
    assert [int(number) for number, _ in found] == list(range(1, len(found) + 1))
    return [text for _, text in found]


def code_alone(source: str) -> str:
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    return ast.unparse([*function.body[1:]])  # type: ignore[arg-type]


def test_an_exercise_that_does_not_fit_the_solution_is_refused() -> None:
    message = "course: x.md, line 1: the exercise zero_pad needs a docstring and 1 comments in Chinese, and has one and 2"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        exercises.blank(Exercise(1, "zero_pad", "补零。", ("一。", "二。")), "en", "x.md, line 1")
    message = "course: x.md, line 1: the exercise zero_pad needs a docstring and 1 comments in Chinese, and has none and 1"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        exercises.solved(Exercise(1, "zero_pad", "", ("一。",)), "en", "x.md, line 1")
    message = f"course: x.md, line 1: there is no exercise zero\n  there are {', '.join(FUNCTIONS)}"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        exercises.blank(Exercise(1, "zero", "补零。", ()), "en", "x.md, line 1")


# ---- lessons and notebooks


def test_the_course_has_its_lessons(lessons: dict[str, Lesson]) -> None:
    assert tuple(lessons) == NAMES


def test_every_exercise_is_in_one_lesson_in_the_order_of_the_assignment(lessons: dict[str, Lesson]) -> None:
    found = [cell.function for name in NAMES[:-1] for cell in lessons[name].cells if isinstance(cell, Exercise)]
    assert tuple(found) == FUNCTIONS


def test_the_assignment_is_the_eight_exercises_each_with_a_text_and_a_check(lessons: dict[str, Lesson]) -> None:
    frame, cells = lessons["assignment"].cells[:2], lessons["assignment"].cells[2:]
    assert [type(cell) for cell in frame] == [Text, Code]
    triples = zip(FUNCTIONS, cells[::3], cells[1::3], cells[2::3], strict=True)
    for number, (function, text, exercise, check) in enumerate(triples, start=1):
        assert isinstance(text, Text)
        assert text.en.startswith(f"## Exercise {number}: `{function}`\n")
        assert text.zh.startswith(f"## 练习 {number}：`{function}`\n")  # noqa: RUF001 - a Chinese colon
        assert isinstance(exercise, Exercise)
        assert isinstance(check, Check)
        assert exercise.function == check.function == function


def test_a_lesson_asks_questions_and_folds_its_answers(lessons: dict[str, Lesson]) -> None:
    for name in NAMES[:-1]:
        texts = [cell for cell in lessons[name].cells if isinstance(cell, Text)]
        assert sum(text.en.count("<summary>Answer</summary>") for text in texts) >= 1, name
        assert sum(text.zh.count("<summary>答案</summary>") for text in texts) >= 1, name


@needs_nbformat
def test_every_notebook_is_valid_and_has_stable_ids(course: Path) -> None:
    nbformat: Any = pytest.importorskip("nbformat")
    paths = sorted(course.rglob("*.ipynb"))
    expected = [f"{language}/{version}/{name}.ipynb" for language in LANGUAGES for version in VERSIONS for name in NAMES]
    assert [str(path.relative_to(course)) for path in paths] == expected
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        ids = [cell.id for cell in notebook.cells]
        assert len(set(ids)) == len(ids)
        twin = course / "en" / "learner" / path.name
        assert ids == [cell["id"] for cell in cells_of(twin)]


@needs_nbformat
def test_exercises_and_checks_carry_what_nbgrader_reads(course: Path) -> None:
    for path in course.rglob("*.ipynb"):
        for cell in cells_of(path):
            if cell["id"].startswith("exercise-"):
                function = cell["id"].removeprefix("exercise-")
                assert cell["metadata"]["nbgrader"] == {
                    "schema_version": 3,
                    "cell_type": "code",
                    "grade_id": function,
                    "task": False,
                    "solution": True,
                    "locked": False,
                    "grade": False,
                }
            elif cell["id"].startswith("check-"):
                function = cell["id"].removeprefix("check-")
                assert cell["metadata"]["nbgrader"] == {
                    "schema_version": 3,
                    "cell_type": "code",
                    "grade_id": f"check_{function}",
                    "task": False,
                    "solution": False,
                    "locked": True,
                    "grade": True,
                    "points": notebooks.POINTS,
                }
                assert cell["source"].splitlines()[2].startswith(f"grade = convstep.check({function}, language=")
            else:
                assert "nbgrader" not in cell["metadata"]


@needs_nbformat
def test_a_learners_notebook_differs_from_the_solved_one_in_the_exercises_alone(course: Path) -> None:
    for language, name in itertools.product(LANGUAGES, NAMES):
        learner, solved = (cells_of(course / language / version / f"{name}.ipynb") for version in VERSIONS)
        for ours, theirs in zip(learner, solved, strict=True):
            assert (ours == theirs) == (not ours["id"].startswith("exercise-"))


def variants(course: Path, name: str) -> list[Path]:
    """Return the notebooks of a lesson that are not the same; without exercises, the solved one is the learner's."""
    paths = [course / language / version / f"{name}.ipynb" for language, version in itertools.product(LANGUAGES, VERSIONS)]
    return list({path.read_bytes(): path for path in reversed(paths)}.values())


# ---- files


@needs_nbformat
def test_one_language_alone_can_be_written(tmp_path: Path) -> None:
    paths = write_course(tmp_path / "new" / "folder", language="zh")
    assert paths == sorted(paths, key=lambda path: (NAMES.index(path.stem), path.parent.name))
    assert {path.relative_to(tmp_path / "new" / "folder").parts[0] for path in paths} == {"zh"}
    assert len(paths) == len(list(tmp_path.rglob("*.ipynb"))) == len(NAMES) * len(VERSIONS)


@needs_nbformat
def test_a_notebook_that_was_changed_stays_as_it_is_and_nothing_is_written(tmp_path: Path) -> None:
    first, second, *_ = write_course(tmp_path, language="en")
    second.write_text("mine", encoding="utf-8")
    first.unlink()
    message = f"course: {second} is there already and was changed; nothing was written, --force overwrites it"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        write_course(tmp_path, language="en")
    assert second.read_text(encoding="utf-8") == "mine"
    assert not first.exists()
    write_course(tmp_path, language="en", force=True)
    assert json.loads(second.read_text(encoding="utf-8"))["nbformat"] == 4
    assert first.exists()


@needs_nbformat
def test_notebooks_that_nobody_changed_are_left_alone(tmp_path: Path) -> None:
    paths = write_course(tmp_path, language="en")
    before = [path.stat().st_mtime_ns for path in paths]
    assert write_course(tmp_path, language="en") == paths
    assert [path.stat().st_mtime_ns for path in paths] == before


@needs_nbformat
def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    folder = tmp_path / "taken" / "en" / "learner"
    with pytest.raises(DataError, match=f"^{re.escape(f'course: the folder {folder} cannot be made: Not a directory')}$"):
        write_course(tmp_path / "taken")


@needs_nbformat
def test_the_command_lists_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = in_process(capsys, "course", str(tmp_path), "--language", "en")
    assert (code, err) == (0, "")
    assert sorted(out.splitlines()) == sorted(str(path) for path in tmp_path.rglob("*.ipynb"))


@needs_nbformat
def test_the_command_refuses_to_overwrite_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, *_ = write_course(tmp_path, language="en")
    first.write_text("mine", encoding="utf-8")
    second.write_text("mine too", encoding="utf-8")
    sentence = f"{first} (and 1 more) is there already and was changed; nothing was written, --force overwrites it"
    code, out, err = in_process(capsys, "course", str(tmp_path), "--language", "en")
    assert (code, out, err) == (1, "", f"convstep course: {sentence}\n")
    code, out, err = in_process(capsys, "course", str(tmp_path), "--language", "en", "--force")
    assert (code, err) == (0, "")


def test_the_command_names_the_extra_that_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "nbformat", None)
    code, out, err = in_process(capsys, "course", str(tmp_path))
    sentence = 'nbformat is not installed; this installs it: pip install "convstep[course]"'
    assert (code, out, err) == (3, "", f"convstep course: {sentence}\n")
    assert list(tmp_path.iterdir()) == []


# ---- running


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module in ("nbclient", "ipykernel", "matplotlib"):
        pytest.importorskip(module, reason="running notebooks needs nbclient, ipykernel and Matplotlib")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("PYTHONWARNINGS", "default")


@needs_nbformat
@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_runs_from_top_to_bottom_in_both_languages_with_and_without_its_exercises(name: str, course: Path) -> None:
    nbformat: Any = pytest.importorskip("nbformat")
    client: Any = pytest.importorskip("nbclient")
    run = nbformat.v4.new_notebook()
    for path in variants(course, name):  # in one kernel, whose start takes longer than most lessons
        variant = f"{path.parts[-3]}-{path.parts[-2]}"
        cells = nbformat.read(path, as_version=4).cells
        for cell in cells:
            cell.id = f"{variant}-{cell.id}"
        run.cells += [*cells, nbformat.v4.new_code_cell("%reset -f", id=variant)]
    client.NotebookClient(run, timeout=120, kernel_name="python3").execute()
    for cell in run.cells:
        if "-check-" in cell.id:
            points = float(shown(cell)["text/plain"])
            assert points == notebooks.POINTS if "-solved-" in cell.id else points < notebooks.POINTS, cell.id


def shown(cell: Any) -> dict[str, str]:
    """Return the value of the last line, which is what nbgrader reads; nothing may be printed beside it but the report."""
    assert [output.output_type for output in cell.outputs] == ["display_data", "execute_result"]
    data: dict[str, str] = cell.outputs[-1].data
    return data


@needs_nbformat
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_learners_assignment_with_the_solutions_pasted_in_is_right(
    language: Language, course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "assignment.ipynb"
    notebook = json.loads((course / language / "learner" / "assignment.ipynb").read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["id"].startswith("exercise-"):
            cell["source"] = inspect.getsource(getattr(solution, cell["id"].removeprefix("exercise-")))
    path.write_text(json.dumps(notebook), encoding="utf-8")
    code, out, _ = in_process(capsys, "check", str(path), "--json")
    report = json.loads(out)
    assert {name: part["status"] for name, part in report["functions"].items()} == dict.fromkeys(FUNCTIONS, "right")
    assert code == 0


@needs_nbformat
def test_a_learners_assignment_that_nobody_touched_is_not_right(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = in_process(capsys, "check", str(course / "en" / "learner" / "assignment.ipynb"), "--json")
    assert code == 1
    assert "right" not in {part["status"] for part in json.loads(out)["functions"].values()}
