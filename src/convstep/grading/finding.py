"""A function in a learner's source: its statements are sorted by what they bind and need, and only what the function needs is run.

One rule: no right answer is known here. It is sent as text into the learner's own process, behind `observing`.
"""

import __future__

import ast
import builtins
import inspect
import re
import sys
import textwrap
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from convstep.grading.observing import EIGHT, TEXT, failure, kind_of

__all__ = ["NotFoundError", "is_unwritten", "load"]

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
    if isinstance(function, _Absent):
        raise NotFoundError(problem or {"kind": "missing"})
    if function is None:
        raise NotFoundError(problem if problem and (bound or "convstep" in problem["message"]) else {"kind": "missing"})
    definitions = [one["node"] for one in chosen if name in one["binds"]]
    elsewhere: set[str] = set().union(*(one["binds"] for one in statements if not one["data"] and name not in one["binds"]))
    if definitions and all(map(_unwritten, definitions)) and not elsewhere & {word for node in definitions for word in _returned(node)}:
        raise NotFoundError({"kind": "unfinished"})
    if not callable(function):
        raise NotFoundError({"kind": "not a function", "what": kind_of(function)})
    found: Callable[..., Any] = function
    return found


def is_unwritten(function: Callable[..., Any]) -> bool:
    """Say whether a function computes nothing yet, as far as its source can be seen."""
    try:
        (node,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    except (OSError, TypeError, ValueError, SyntaxError):
        return False
    return isinstance(node, ast.FunctionDef) and _unwritten(node)


def _unwritten(node: ast.stmt) -> bool:
    """Say whether a statement computes nothing: a placeholder, a return of what was never computed, a function of such."""
    if isinstance(node, ast.FunctionDef):
        own = {part.arg for part in ast.walk(node.args) if isinstance(part, ast.arg)}
        body = [one for one in node.body if not isinstance(one, ast.Assert)]
        return bool(body) and all(map(_unwritten, body)) and not own & _returned(node)
    if isinstance(node, ast.If):
        return all(map(_unwritten, [*node.body, *node.orelse]))
    if isinstance(node, ast.Assign):
        return all(map(_is_placeholder, _parts(node.value))) or (isinstance(node.value, ast.Tuple) and _is_names(node.value))
    if isinstance(node, ast.Return):
        return node.value is None or _is_placeholder(node.value) or _is_names(node.value)
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _returned(node: ast.stmt) -> set[str]:
    """Return the names that a function returns."""
    values = [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value]
    return {part.id for value in values for part in _parts(value) if isinstance(part, ast.Name)}


def _parts(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def _is_placeholder(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or node.value is ...)


def _is_names(node: ast.expr) -> bool:
    return all(isinstance(part, ast.Name) or _is_placeholder(part) for part in _parts(node))


def _statements(cells: list[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the top-level statements that compile, and the pieces that do not."""
    good: list[dict[str, Any]] = []
    bad: list[dict[str, Any]] = []
    for number, cell in enumerate(cells):
        filename = f"<learner {number}>"
        for first, text, tree in _trees(cell):
            if isinstance(tree, ast.Module):
                good += [_statement(node, filename, first) for node in tree.body]
            else:
                bad.append(_syntax(tree, text, first, number))
    return good, bad


def _trees(cell: str) -> Iterable[tuple[int, str, ast.Module | BaseException]]:
    """Parse a cell, or the pieces of one that does not parse, so that one broken line breaks no other function."""
    whole = _parsed(cell)
    if not isinstance(whole, ast.Module):
        cell = _without_cell_magic(cell)
        whole = _parsed(_without_magics(cell))
    if isinstance(whole, ast.Module):
        yield 0, cell, whole
        return
    for first, text in _pieces(cell, _OPENS):
        tree = _readable(text)
        if isinstance(tree, ast.Module):
            yield first, text, tree
        else:
            yield from ((first + below, part, _readable(part)) for below, part in _pieces(text, _COLUMN))


def _readable(text: str) -> ast.Module | BaseException:
    """Parse a piece as it is, or else without its magics."""
    tree = _parsed(text)
    return tree if isinstance(tree, ast.Module) else _parsed(_without_magics(text))


def _parsed(text: str) -> ast.Module | BaseException:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return error


def _without_cell_magic(cell: str) -> str:
    """Return nothing of a cell in another language; a clock's magic makes no other language of it."""
    first = cell.lstrip().partition("\n")[0]
    return "" if first.startswith("%%") and not re.match(r"%%(time|timeit|capture|prun)\b", first) else cell


def _without_magics(text: str) -> str:
    """Return a text without IPython's magics, line by line."""
    return re.sub(r"^([ \t]*)(?:[%!].*|\?+\w.*|[\w.]+\?+[ \t]*)$", r"\1pass", text, flags=re.MULTILINE)


_OPENS = r"(?:def|class|import|from|async)\b|@|[A-Za-z_][\w, ]*=[^=]"  # a line that surely begins something
_COLUMN = r"(?!(?:else|elif|except|finally)\b)[^\s#)\]}]"  # a line that may


def _pieces(text: str, opens: str) -> Iterable[tuple[int, str]]:
    """Cut a text before each line without indentation that opens something, and not between a decorator and what it decorates."""
    lines, start = text.split("\n"), 0
    for index, line in enumerate(lines):
        decorated = index > 0 and lines[index - 1].startswith("@")
        if index > start and not decorated and re.match(opens, line):
            yield start, "\n".join(lines[start:index])
            start = index
    yield start, "\n".join(lines[start:])


def _syntax(error: BaseException, text: str, first: int, cell: int) -> dict[str, Any]:
    line = getattr(error, "lineno", None) or 1
    lines = text.split("\n")
    return {
        "kind": "syntax",
        "error": type(error).__name__,
        "message": (str(getattr(error, "msg", error)) or "it is nested too deeply")[:TEXT],
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
        "uses": {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)} | _shared(parts),
        "texts": [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)],
        "data": isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and bool(calls & {*EIGHT, *DRAWS}),
    }


def _shared(parts: list[ast.AST]) -> set[str]:
    """Return the module's names that functions write, or that are added to: they must be there before."""
    names = {word for part in parts if isinstance(part, ast.Global) for word in part.names}
    return names | {part.target.id for part in parts if isinstance(part, ast.AugAssign) and isinstance(part.target, ast.Name)}


def _word(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _bound(node: ast.stmt, parts: list[ast.AST]) -> set[str]:
    """Return the names to which a statement gives values."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    names = {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store | ast.Del)}
    names |= {part.name for part in parts if isinstance(part, ast.FunctionDef | ast.ClassDef)}
    imported = node.names if isinstance(node, ast.Import | ast.ImportFrom) else [part for part in parts if isinstance(part, ast.alias)]
    return names | {(alias.asname or alias.name).partition(".")[0] for alias in imported}


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
            future = isinstance(one["node"], ast.ImportFrom) and one["node"].module == "__future__"
            if index in chosen or not (future or {word, "*"} & one["binds"]) or (one["data"] and word != name):
                continue
            chosen.add(index)
            wanted += [use for use in one["uses"] | _bound(one["node"], []) if use not in known]
    return [statements[index] for index in sorted(chosen)]


def _run(statements: list[dict[str, Any]], given: dict[str, Any], others: Mapping[str, Any]) -> dict[str, Any] | None:
    """Run the statements one by one; return the last thing that went wrong, or that convstep was imported."""
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
            told = failure(error)
            if isinstance(node, ast.Import | ast.ImportFrom) and isinstance(error, ImportError):
                given |= {word: _Absent(error) for word in _bound(node, []) if word not in given}
            if problem is None or "convstep" not in problem["message"]:
                problem = {**told, "kind": "raised", "error": told["kind"]}
        given |= others  # the learner's own versions of these are judged elsewhere
    return problem


class _Absent:
    """Stands for what could not be imported, and says so when it is used."""

    def __init__(self, error: ImportError) -> None:
        object.__setattr__(self, "_error", error)

    def __getattr__(self, word: str) -> Any:
        raise object.__getattribute__(self, "_error")

    def __call__(self, *_arguments: Any, **_keywords: Any) -> Any:
        raise object.__getattribute__(self, "_error")


def _blame(broken: list[dict[str, Any]], name: str) -> None:
    """Raise what does not compile, if the function is in it."""
    for one in broken:
        if name in one["names"]:
            raise NotFoundError(one)
