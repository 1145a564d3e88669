"""What runs in the learner's own process: find one function in the source, call it, and send back what it did, as plain data.

One rule: it knows no right answer and gives no verdict. It is sent as text, so it imports the standard library and NumPy alone.
"""

import __future__

import ast
import base64
import builtins
import copy
import json
import random
import re
import traceback
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

CELLS = 500_000  # the most numbers of one array that are sent back
ITEMS = 200  # the most parts of a cache that are looked at
DEPTH = 6
TEXT = 400  # characters of a message or of a line of code
EIGHT = (
    "zero_pad",
    "conv_single_step",
    "conv_forward",
    "pool_forward",
    "conv_backward",
    "create_mask_from_window",
    "distribute_value",
    "pool_backward",
)
RESULTS = {
    "zero_pad": ("X_pad",),
    "conv_single_step": ("Z",),
    "conv_forward": ("Z",),
    "pool_forward": ("A",),
    "conv_backward": ("dA_prev", "dW", "db"),
    "create_mask_from_window": ("mask",),
    "distribute_value": ("a",),
    "pool_backward": ("dA_prev",),
}
ARGUMENTS = {
    "zero_pad": ("X", "pad"),
    "conv_single_step": ("a_slice_prev", "W", "b"),
    "conv_forward": ("A_prev", "W", "b", "hparameters"),
    "pool_forward": ("A_prev", "hparameters", "mode"),
    "conv_backward": ("dZ", "cache"),
    "create_mask_from_window": ("x",),
    "distribute_value": ("dz", "shape"),
    "pool_backward": ("dA", "cache", "mode"),
}


class NotFoundError(Exception):
    """The source does not define the function, or its definition does not compile; `problem` says which."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem["kind"])
        self.problem = problem


# --- one call, observed ---


def observe(name: str, function: Callable[..., Any], arguments: tuple[Any, ...], *, seed: int) -> dict[str, Any]:
    """Call the function, and return what it did: "error", or "results", "cache" and the arguments that it "changed"."""
    given = copy.deepcopy(arguments)  # a function may change them
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - what learners' code draws from
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            returned = function(*given)
            seen = _read(name, returned)
    except BaseException as error:  # noqa: BLE001 - whatever it raises is what it did
        return {"error": failure(error)}
    changed = [word for word, old, new in zip(ARGUMENTS[name], arguments, given, strict=False) if not _unchanged(old, new)]
    return seen | {"changed": changed}


def _unchanged(old: Any, new: Any) -> bool:
    """Say whether an argument is what it was, to the last bit."""
    if isinstance(old, np.ndarray):
        return isinstance(new, np.ndarray) and old.shape == new.shape and old.dtype == new.dtype and old.tobytes() == new.tobytes()
    if isinstance(old, tuple):
        return isinstance(new, tuple) and len(old) == len(new) and all(map(_unchanged, old, new))
    if isinstance(old, dict):
        return isinstance(new, dict) and list(old) == list(new) and all(_unchanged(old[key], new[key]) for key in old)
    return type(old) is type(new) and bool(old == new)


def _read(name: str, returned: Any) -> dict[str, Any]:
    """Return the results by name, each as an array or as a word for what it is instead."""
    names = RESULTS[name]
    wanted = len(names) + name.endswith("forward")
    if wanted == 1:
        return {"results": {names[0]: _numbers(returned)}, "cache": None}
    if not isinstance(returned, tuple | list) or len(returned) != wanted:
        what = f"{len(returned)} values" if isinstance(returned, tuple | list) else _kind(returned)
        return {"results": {names[0]: {"odd": what, "wanted": wanted}}, "cache": None}
    results = {word: _numbers(part) for word, part in zip(names, returned, strict=False)}
    return {"results": results, "cache": returned[-1] if name.endswith("forward") else None}


def _numbers(value: Any) -> Any:
    if value is None:
        return {"odd": "None"}
    if isinstance(value, str | bytes | Mapping | set):
        return {"odd": _kind(value)}
    try:
        array = np.asarray(value)
    except Exception:  # noqa: BLE001 - a learner's object may raise anything
        return {"odd": _kind(value)}
    if array.dtype.kind not in "biuf":
        return {"odd": "complex numbers" if array.dtype.kind == "c" else _kind(value)}
    if array.size > CELLS:
        return {"odd": f"an array of shape {array.shape}"}
    return np.array(array, dtype=bool if array.dtype.kind == "b" else np.float64)


def _kind(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"[:TEXT]


def failure(error: BaseException) -> dict[str, Any]:
    """Return the kind and message of an exception, and the line of the learner's code that it came from."""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - a learner's exception may raise another
        message = ""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith("<learner")]
    place = {"line": frames[-1].lineno, "cell": frames[-1].filename, "within": frames[-1].name} if frames else {}
    return {"kind": type(error).__name__[:TEXT], "message": message[:TEXT], "name": str(getattr(error, "name", "") or "")[:TEXT], **place}


# --- plain data there and back ---


def pack(value: Any, depth: int = 0) -> Any:
    """Return arguments or results as JSON's own types; what is no data becomes a word."""
    if depth > DEPTH:
        return {"odd": "nested too deeply"}
    if value is None or isinstance(value, bool | str):
        return value[: 100 * TEXT] if isinstance(value, str) else value
    if isinstance(value, int | float):
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, Mapping):
        pairs = list(value.items())[:ITEMS]
        return {"dict": [[str(key)[:TEXT], pack(item, depth + 1)] for key, item in pairs]}
    if isinstance(value, tuple | list) and not all(isinstance(item, int | float | list) for item in value):
        return {"tuple" if isinstance(value, tuple) else "list": [pack(item, depth + 1) for item in value[:ITEMS]]}
    return _packed_array(_numbers(value)) if not isinstance(value, tuple) else {"tuple": [pack(item, depth + 1) for item in value[:ITEMS]]}


def _packed_array(array: Any) -> dict[str, Any]:
    if isinstance(array, dict):
        return array
    kind = "bool" if array.dtype.kind == "b" else "<f8"
    data = base64.b64encode(np.ascontiguousarray(array, dtype=kind).tobytes()).decode("ascii")
    return {"array": list(array.shape), "dtype": kind, "data": data}


def unpack(value: Any) -> Any:
    """Return what `pack` packed; ValueError where it is not what it claims to be."""
    if not isinstance(value, dict):
        return value
    if "array" in value:
        shape = [int(size) for size in value["array"]]
        data = np.frombuffer(base64.b64decode(value["data"], validate=True), dtype={"bool": "?", "<f8": "<f8"}[value["dtype"]])
        return data.reshape(shape).copy()
    if "tuple" in value:
        return tuple(unpack(item) for item in value["tuple"])
    if "list" in value:
        return [unpack(item) for item in value["list"]]
    if "dict" in value:
        return {str(key): unpack(item) for key, item in value["dict"]}
    return {"odd": str(value.get("odd", ""))[:TEXT], **({"wanted": int(value["wanted"])} if "wanted" in value else {})}


def packed_outcome(outcome: dict[str, Any]) -> dict[str, Any]:
    """Return an outcome of `observe` as plain data."""
    if "error" in outcome:
        return outcome
    results = {name: _packed_array(value) for name, value in outcome["results"].items()}
    return {"results": results, "cache": pack(outcome["cache"]), "changed": outcome["changed"]}


# --- the function in its source ---


def load(cells: list[str], name: str, others: Mapping[str, Any]) -> Callable[..., Any]:
    """Run of the cells what the function `name` needs, and return it; `others` are the names that are given to it.

    Top-level statements that the function does not refer to are not run: tests, prints and plots neither help it nor harm it.
    Raises `NotFoundError` with what stands in the way.
    """
    statements, broken = _statements(cells)
    given = {"np": np, "numpy": np, "__name__": "learner", "__builtins__": builtins} | dict(others)
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
        raise NotFoundError({"kind": "not a function", "what": _kind(function)})
    return function


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
    ast.increment_lineno(node, first)
    binds: set[str] = set()
    uses: set[str] = set()
    calls: set[str] = set()
    texts: list[str] = []
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            (binds if isinstance(part.ctx, ast.Store | ast.Del) else uses).add(part.id)
        elif isinstance(part, ast.alias):
            binds.add((part.asname or part.name).partition(".")[0])
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            texts.append(part.value)
        elif isinstance(part, ast.Call) and isinstance(part.func, ast.Name | ast.Attribute):
            calls.add(part.func.id if isinstance(part.func, ast.Name) else part.func.attr)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        binds = {node.name}
    else:
        binds |= {part.name for part in ast.walk(node) if isinstance(part, ast.FunctionDef | ast.ClassDef)}
    data = isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and bool(
        calls & {*EIGHT, "seed", "randn", "rand", "randint", "random"}
    )
    return {"node": node, "filename": filename, "binds": binds, "uses": uses, "texts": texts, "data": data}


def _needed(statements: list[dict[str, Any]], name: str, given: set[str]) -> list[dict[str, Any]]:
    """Return the statements that bind the name or what it refers to, in their order; data that test cells made are left out."""
    chosen: set[int] = set()
    wanted, known = [name], given - {name} | set(dir(builtins))
    while wanted:
        word = wanted.pop()
        known.add(word)
        for index, one in enumerate(statements):
            if index in chosen or not ({word, "*"} & one["binds"]) or (one["data"] and word != name):
                continue
            chosen.add(index)
            wanted += [use for use in one["uses"] if use not in known]
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


# --- the whole of it ---


def main(request: bytes, send: Callable[[bytes], None]) -> None:
    """Load the function and answer the calls of the request one after the other."""
    asked = json.loads(request)
    dumps, encode = json.dumps, str.encode

    def answer(data: Mapping[str, Any]) -> None:
        send(encode(dumps(data), "utf-8"))

    others: dict[str, Any] = {"np": np}
    exec(asked["others"], others)  # noqa: S102 - the other seven, ours
    try:
        function = load(asked["cells"], asked["definition"], {word: others[word] for word in EIGHT if word in others})
    except NotFoundError as error:
        answer({"problem": error.problem})
        return
    answer({"found": True})
    for number, call in enumerate(asked["calls"]):
        outcome = observe(asked["name"], function, unpack(call["arguments"]), seed=call["seed"])
        answer({"call": number, "outcome": packed_outcome(outcome)})
    answer({"end": True})
