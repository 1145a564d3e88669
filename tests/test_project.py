"""What a program can check about the project itself: its imports, its metadata and its measures."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import convstep

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "convstep"
MODULES = sorted(SOURCE.rglob("*.py"))


def test_importing_convstep_loads_numpy_and_the_standard_library_alone() -> None:
    loaded = top_level_imports("import convstep") - top_level_imports("pass")
    assert "convstep" in loaded
    assert loaded - set(sys.stdlib_module_names) <= {"convstep", "numpy"}


def test_the_version_is_the_same_in_the_package_and_in_its_metadata() -> None:
    assert convstep.__version__ == project()["version"]


def test_the_changelog_has_a_section_for_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[?{re.escape(convstep.__version__)}\b", changelog, flags=re.MULTILINE)


def test_the_package_says_that_it_is_typed() -> None:
    assert resources.files("convstep").joinpath("py.typed").is_file()


def test_the_extra_all_installs_every_other_extra() -> None:
    extras = project()["optional-dependencies"]
    assert extras["all"] == [f"convstep[{','.join(sorted(set(extras) - {'all'}))}]"]


def test_the_architecture_fits_on_two_screens() -> None:
    assert line_count(ROOT / "ARCHITECTURE.md") < 120


@pytest.mark.parametrize("path", MODULES, ids=[path.relative_to(SOURCE).as_posix() for path in MODULES])
class TestEveryModule:
    def test_is_short_enough_to_read(self, path: Path) -> None:
        assert line_count(path) <= 400

    def test_opens_with_a_docstring_of_at_most_four_lines(self, path: Path) -> None:
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert docstring
        assert len(docstring.splitlines()) <= 4

    def test_is_named_for_what_it_holds(self, path: Path) -> None:
        assert path.stem not in {"utils", "helpers", "common", "manager"} or path == SOURCE / "utils.py"  # Keras's name


def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def line_count(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def top_level_imports(code: str) -> set[str]:
    """The first part of every module name that Python's `-X importtime` reports."""
    run = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, encoding="utf-8", check=True)
    names = re.findall(r"^import time:\s+\d+ \|\s+\d+ \|\s+(\S+)\s*$", run.stderr, flags=re.MULTILINE)
    assert names
    return {name.partition(".")[0] for name in names}
