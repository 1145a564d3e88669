"""Right solutions, written in as many ways as could be thought of: the grader accuses none of them."""

import ast
import contextlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from convstep.grading.case import Asked, case_of
from convstep.grading.diagnosis import sight_of
from convstep.grading.finding import load
from convstep.grading.given import given_functions
from convstep.grading.grades import Grade
from convstep.grading.judging import judge
from convstep.grading.observing import EIGHT, observe, pack, packed_outcome, unpack
from convstep.grading.outcomes import Outcome, outcome_of
from convstep.grading.probes import probes
from convstep.grading.published import published

pytestmark = pytest.mark.once

FOLDER = Path(__file__).parent / "right"
SEEDS = (1,)
FEWEST = 40
TOGETHER = 4  # files of eight ways that go through the command

# --- the ways, taken from their files ---


@dataclass(frozen=True)
class Way:
    """One right solution: its function, its name in the file, and the statements that it is made of."""

    function: str
    name: str
    statements: tuple[ast.stmt, ...]

    @property
    def text(self) -> str:
        """A learner's file with this solution in it, under the assignment's name."""
        return re.sub(rf"\b{self.name}\b", self.function, "\n\n".join(_source(self.function, one) for one in self.statements)) + "\n"

    def normalised(self) -> str:
        """Its syntax tree without imports, names, docstrings and annotations."""
        return ast.dump(_Nameless().visit(ast.parse(self.text)))


@cache
def ways(function: str) -> tuple[Way, ...]:
    """Return the solutions in a function's file: what a name way_* is bound to, with the file's other statements that it refers to."""
    statements = ast.parse(_file(function)).body
    bound = [_binds(one) for one in statements]
    names = dict.fromkeys(name for some in bound for name in sorted(some) if name.startswith("way_"))
    return tuple(Way(function, name, tuple(_needed(statements, bound, name))) for name in names)


@cache
def _file(function: str) -> str:
    return (FOLDER / f"{function}.py").read_text(encoding="utf-8")


def _source(function: str, node: ast.stmt) -> str:
    """Return the lines of a statement, its decorators included."""
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
    return "\n".join(_file(function).split("\n")[first - 1 : node.end_lineno])


def _binds(node: ast.stmt) -> set[str]:
    """Return what a top-level statement defines, or changes: PF_TABLE["max"] = np.max changes PF_TABLE, and so may a decorator."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        own = _names(node, ast.Store) | {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)}
        stored = [part.value for part in ast.walk(node) if isinstance(part, ast.Subscript) and isinstance(part.ctx, ast.Store)]
        changed = {name for part in (*node.decorator_list, *stored) for name in _names(part, ast.Load)} - own
        return {node.name} | {name for name in changed if name.isupper() or name.startswith("_")}  # the file's constants and helpers
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    if isinstance(node, ast.Expr):
        return set()
    targets = node.targets if isinstance(node, ast.Assign) else [node]
    return {name for one in targets for name in _names(one, ast.expr_context)}


def _names(node: ast.AST, context: type[ast.expr_context]) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, context)}


def _needed(statements: list[ast.stmt], bound: list[set[str]], name: str) -> Iterator[ast.stmt]:
    """Return the statements that a name stands for, and those that they refer to, in their order."""
    chosen: set[int] = set()
    wanted = {name}
    while wanted:
        word = wanted.pop()
        for index, one in enumerate(statements):
            if word in bound[index] and index not in chosen:
                chosen.add(index)
                wanted |= _names(one, ast.expr_context) | {str(getattr(one, "name", name))}
    return (statements[index] for index in sorted(chosen))


class _Nameless(ast.NodeTransformer):
    """Numbers the names in the order in which they come, so that only the structure remains."""

    def __init__(self) -> None:
        self.numbers: dict[str, str] = {}

    def _number(self, name: str) -> str:
        return self.numbers.setdefault(name, f"n{len(self.numbers)}")

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self._number(node.id), ast.Load())

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(self._number(node.arg))

    def visit_Import(self, node: ast.Import) -> None:
        pass

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        pass

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name, node.returns = self._number(node.name), None
        return self._body(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.name = self._number(node.name)
        return self._body(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return ast.Pass()
        target, value = self.visit(node.target), self.visit(node.value)
        return ast.Assign([target], value)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant):
            return None
        self.generic_visit(node)
        return node

    def _body(self, node: ast.FunctionDef | ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node


# --- judged as the command judges, in this process ---


ALL = [way for function in EIGHT for way in ways(function)]


@cache
def _packed(function: str, seed: int | None) -> tuple[tuple[Any, int], ...]:
    """Return the arguments, packed for the way to the learner's process, and the state of the random numbers; no seed: published calls."""
    if seed is None:
        return tuple((pack(one.arguments), 0) for one in published(function))
    return tuple((pack(probe.arguments), probe.seed) for probe in probes(function, seed))


def _outcomes(function: str, made: Any, seed: int | None) -> list[Outcome]:
    with contextlib.redirect_stdout(io.StringIO()):
        seen = [observe(function, made, unpack(arguments), seed=state) for arguments, state in _packed(function, seed)]
        return [outcome_of(function, packed_outcome(one)) for one in seen]


def graded(function: str, made: Any, seeds: tuple[int, ...] = SEEDS) -> list[Grade]:
    """Judge a function with each seed; where something is wrong, nobody looks for the reason, for that takes long."""
    official = _outcomes(function, made, None)
    return [_grade(function, made, seed, official) for seed in seeds]


def _grade(function: str, made: Any, seed: int, official: list[Outcome]) -> Grade:
    outcomes = _outcomes(function, made, seed)
    sights = [sight_of(function, probe, one) for probe, one in zip(probes(function, seed), outcomes, strict=True)]
    case = case_of(function, Asked(seed), sights, official)
    wrong = [one.name for one in case.results() if not one.passed]
    failures = {f"{one.failure.kind}: {one.failure.message}, line {one.failure.line}" for one in outcomes if one.failure}
    assert not wrong, f"accused on {wrong} {sorted(failures)}"
    return judge(function, sights, official, Asked(seed))


@pytest.mark.parametrize("way", [pytest.param(way, id=f"{way.function}-{way.name}") for way in ALL])
def test_a_right_solution_is_never_accused(way: Way) -> None:
    made = load([way.text], way.function, given_functions(way.function))
    assert [(grade.status, grade.score, grade.diagnosis) for grade in graded(way.function, made)] == [("right", 1.0, ())] * len(SEEDS)


def test_a_wrong_one_among_them_would_be_seen() -> None:
    (way,) = (one for one in ways("conv_forward") if one.name.startswith("way_06"))
    assert way.text.count("dx : dx + s *") == 1
    made = load([way.text.replace("dx : dx + s *", "dy : dy + s *")], "conv_forward", given_functions("conv_forward"))
    with pytest.raises(AssertionError, match="accused on"):
        graded("conv_forward", made)


# --- as many as promised, and all of them different ---


@pytest.mark.parametrize("function", EIGHT)
def test_there_are_many_ways_and_no_two_are_the_same(function: str) -> None:
    made = ways(function)
    assert len(made) >= FEWEST
    seen = {way.name: way.normalised() for way in made}
    assert [pair for pair in combinations(seen, 2) if seen[pair[0]] == seen[pair[1]]] == []


def test_names_that_differ_make_no_other_way() -> None:
    one, other = (ast.parse(text) for text in ("def f(x, y: int):\n    'It adds.'\n    return x + y", "def g(u, v):\n    return u + v"))
    assert ast.dump(_Nameless().visit(one)) == ast.dump(_Nameless().visit(other))
    third = ast.parse("def g(u, v):\n    return v + u")
    assert ast.dump(_Nameless().visit(third)) != ast.dump(_Nameless().visit(ast.parse("def g(u, v):\n    return u + v")))


# --- whole files, through the command ---


def _composed(number: int) -> list[str]:
    """Return cells: one way of each of the eight functions, spread over all of them."""
    cells = []
    for function in EIGHT:
        good = ways(function)
        cells.append(good[number * len(good) // TOGETHER].text)
    return cells


def _notebook(cells: list[str]) -> str:
    sources = ["%matplotlib inline\nimport numpy as np\nimport matplotlib.pyplot as plt\nnp.random.seed(1)", *cells]
    made: list[dict[str, Any]] = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": text} for text in sources
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made})


@pytest.mark.parametrize(("number", "kind"), [(number, kind) for number in range(TOGETHER) for kind in (("py", "ipynb")[number % 2],)])
def test_whole_files_of_right_solutions_are_right(number: int, kind: str, tmp_path: Path) -> None:
    cells = _composed(number)
    file = tmp_path / f"learner.{kind}"
    file.write_text("\n\n".join(cells) if kind == "py" else _notebook(cells), encoding="utf-8")
    command = [sys.executable, "-m", "convstep", "check", str(file), "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)
    report = json.loads(ended.stdout)
    told = {name: (one["status"], one["score"], one["diagnosis"]) for name, one in report["functions"].items()}
    assert told == dict.fromkeys(EIGHT, ("right", 1.0, [])), report
    assert ended.returncode == 0
