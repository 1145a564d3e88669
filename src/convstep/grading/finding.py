"""A function in a learner's source: its statements are sorted by what they bind and need, and only what the function needs is run.

One rule: no right answer is known here. It is sent as text into the learner's own process, behind `observing`.
"""

import __future__

import ast
import builtins
import re
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from convstep.grading.observing import EIGHT, TEXT, failure, kind_of

__all__ = ["NotFoundError", "load"]

DRAWS = ("seed", "randn", "rand", "randint", "random")


class NotFoundError(Exception):
    """The source does not define the function, or its definition does not compile; `problem` says which."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem["kind"])
        self.problem = problem


def load(cells: list[str], name: str, others: Mapping[str, Any]) -> Callable[..., Any]:
    """Run of the cells what the function `name` needs, and return it; `others` are the names that are given to it.

    Top-level statements that the function does not refer to are not run: tests, prints and plots neither help it nor harm it.
    Raises `NotFoundError` with what stands in the way.
    """
    statements, broken = _statements(cells)
    module = sys.modules["learner"] = types.ModuleType("learner")  # dataclasses look for it
    given = vars(module)
    given |= {"np": np, "numpy": np, "__builtins__": builtins, **others}
    chosen = _needed(statements, name, set(given))
    bound = any(name in one["binds"] for one in chosen)
    if not bound:
        _blame(broken, name)
        if any(name in text for one in statements for text in one["texts"]):
            chosen = statements  # made by exec or setattr, perhaps
    problem = _run(chosen, given, others)
    function = given.get(name)
    if function is None:
        raise NotFoundError(problem if problem and (bound or "convstep" in problem["message"]) else {"kind": "missing"})
    if not callable(function):
        raise NotFoundError({"kind": "not a function", "what": kind_of(function)})
    found: Callable[..., Any] = function
    return found


def _statements(cells: list[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the top-level statements that compile, and the pieces that do not."""
    good: list[dict[str, Any]] = []
    bad: list[dict[str, Any]] = []
    for number, written in enumerate(cells):
        filename, cell = f"<learner {number}>", written if _parses(written) else _without_magics(written)
        for first, text in [(0, cell)] if _parses(cell) else list(_pieces(cell)):
            try:
                tree = ast.parse(text)
                good += [_statement(node, filename, first) for node in tree.body]
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                bad.append(_syntax(error, text, first, number))
    return good, bad


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _without_magics(cell: str) -> str:
    """Return a cell without IPython's magics, line by line; a cell magic other than a clock makes all of it another language."""
    first = cell.lstrip().partition("\n")[0]
    if first.startswith("%%") and not re.match(r"%%(time|timeit|capture|prun)\b", first):
        return ""
    return re.sub(r"^([ \t]*)(?:[%!].*|\?+\w.*|[\w.]+\?+[ \t]*)$", r"\1pass", cell, flags=re.MULTILINE)


def _pieces(text: str) -> Iterable[tuple[int, str]]:
    """Cut a cell that does not parse where lines begin without indentation, so that one broken function breaks no other."""
    lines, start = text.split("\n"), 0
    for index, line in enumerate(lines):
        opens = re.match(r"(def|class|import|from|@|async)\b|@|[A-Za-z_][\w, ]*=[^=]", line)
        decorated = index > 0 and lines[index - 1].startswith("@")
        if opens and index > start and not decorated:
            yield start, "\n".join(lines[start:index])
            start = index
    yield start, "\n".join(lines[start:])


def _syntax(error: BaseException, text: str, first: int, cell: int) -> dict[str, Any]:
    line = getattr(error, "lineno", None) or 1
    lines = text.split("\n")
    return {
        "kind": "syntax",
        "error": type(error).__name__,
        "message": str(getattr(error, "msg", error))[:TEXT],
        "line": first + line,
        "cell": f"<learner {cell}>",
        "text": lines[min(line, len(lines)) - 1][:TEXT],
        "names": re.findall(r"^[ \t\u00a0\u3000]*(?:def|class)[\s\u00a0\u3000]+(\w+)", text, flags=re.MULTILINE),
    }


def _statement(node: ast.stmt, filename: str, first: int) -> dict[str, Any]:
    """Return what is to be known of a top-level statement: the names that it binds and uses, and whether it makes data by a call."""
    ast.increment_lineno(node, first)
    parts = list(ast.walk(node))
    later = {id(part) for one in parts if isinstance(one, ast.Lambda) for part in ast.walk(one)}
    calls = {_word(part.func) for part in parts if isinstance(part, ast.Call) and id(part) not in later}
    return {
        "node": node,
        "filename": filename,
        "binds": _bound(node, parts) | _changed(node, parts),
        "uses": {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)},
        "texts": [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)],
        "data": isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and bool(calls & {*EIGHT, *DRAWS}),
    }


def _word(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _bound(node: ast.stmt, parts: list[ast.AST]) -> set[str]:
    """Return the names to which a statement gives values."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    names = {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store | ast.Del)}
    names |= {part.name for part in parts if isinstance(part, ast.FunctionDef | ast.ClassDef)}
    return names | {(part.asname or part.name).partition(".")[0] for part in parts if isinstance(part, ast.alias)}


def _changed(node: ast.stmt, parts: list[ast.AST]) -> set[str]:
    """Return the names of what a statement changes: of a table or an attribute that it writes, of a method's owner, of a decorator."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        own = {part.arg for part in parts if isinstance(part, ast.arg)}
        own |= {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
        owners: list[ast.expr] = [*node.decorator_list, *_written(parts)]
        return _names_in(owners) - own
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        return _names_in([node.value.func])
    return _names_in(_written(parts)) if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) else set()


def _written(parts: list[ast.AST]) -> list[ast.expr]:
    return [part.value for part in parts if isinstance(part, ast.Subscript | ast.Attribute) and isinstance(part.ctx, ast.Store)]


def _names_in(nodes: Iterable[ast.AST]) -> set[str]:
    return {part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)}


def _needed(statements: list[dict[str, Any]], name: str, given: set[str]) -> list[dict[str, Any]]:
    """Return the statements that bind the name or what it refers to, in their order; data that test cells made are left out."""
    chosen: set[int] = set()
    own: set[str] = set().union(*(one["binds"] for one in statements))
    wanted, known = [name], given - {name} | (set(dir(builtins)) - own)
    while wanted:
        word = wanted.pop()
        known.add(word)
        for index, one in enumerate(statements):
            if index in chosen or not ({word, "*"} & one["binds"]) or (one["data"] and word != name):
                continue
            chosen.add(index)
            wanted += [use for use in one["uses"] | _bound(one["node"], []) if use not in known]
    return [statements[index] for index in sorted(chosen)]


def _run(statements: list[dict[str, Any]], given: dict[str, Any], others: Mapping[str, Any]) -> dict[str, Any] | None:
    """Run the statements one by one; return the last thing that went wrong."""
    problem = None
    flags = 0
    for one in statements:
        node = one["node"]
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                flags |= getattr(getattr(__future__, alias.name, None), "compiler_flag", 0)
            continue
        try:
            exec(compile(ast.Module([node], []), one["filename"], "exec", flags, dont_inherit=True), given)  # noqa: S102
        except BaseException as error:  # noqa: BLE001 - the rest may still work
            problem = {"kind": "raised", **failure(error)}
        given |= others  # the learner's own versions of these are judged elsewhere
    return problem


def _blame(broken: list[dict[str, Any]], name: str) -> None:
    """Raise what does not compile, if the function is in it."""
    for one in broken:
        if name in one["names"]:
            raise NotFoundError(one)
