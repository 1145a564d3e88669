"""One call of a learner's function, as plain data: what it returned, what it changed, what it raised.

One rule: it gives no verdict. It is sent as text into the learner's own process, so it imports the standard library and NumPy alone.
"""

import base64
import copy
import itertools
import random
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

__all__ = ["ARGUMENTS", "EIGHT", "RESULTS", "TEXT", "failure", "kind_of", "observe", "pack", "packed_outcome", "quiet", "unpack"]

CELLS = 500_000  # the most numbers of one array that are sent back
ITEMS = 200  # the most parts of a cache that are looked at
DEPTH = 6
TEXT = 400  # characters of a message or of a line of code
_ALONE = threading.RLock()
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


def observe(
    name: str, function: Callable[..., Any], arguments: tuple[Any, ...], *, seed: int, interruptible: bool = False
) -> dict[str, Any]:
    """Call the function, and return what it did, as plain data but for arrays: "error", or "results", "cache" and what it "changed".

    `interruptible` lets Ctrl-C through, which in the learner's own process is one more exception.
    """
    given = copy.deepcopy(arguments)  # a function may change them
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - what learners' code draws from
    try:
        with quiet():
            seen = _read(name, function(*given))
    except BaseException as error:
        if interruptible and isinstance(error, KeyboardInterrupt):
            raise
        return {"error": failure(error)}
    changed = [word for word, old, new in zip(ARGUMENTS[name], arguments, given, strict=False) if not _unchanged(old, new)]
    return seen | {"changed": changed}


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back warnings; one thread at a time, because the list of what is held back is everyone's."""
    with _ALONE, warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _unchanged(old: Any, new: Any) -> bool:
    """Say whether an argument is what it was, to the last bit."""
    try:
        if isinstance(old, np.ndarray):
            return bool(
                isinstance(new, np.ndarray) and old.shape == new.shape and old.dtype == new.dtype and old.tobytes() == new.tobytes()
            )
        if isinstance(old, tuple):
            return isinstance(new, tuple) and len(old) == len(new) and all(map(_unchanged, old, new))
        if isinstance(old, dict):
            return isinstance(new, dict) and set(old) == set(new) and all(_unchanged(old[key], new[key]) for key in old)
        return type(old) is type(new) and bool(old == new)
    except Exception:  # noqa: BLE001 - a key of the learner's own, which raises when it is compared
        return False


def _read(name: str, returned: Any) -> dict[str, Any]:
    """Return the results by name, each as an array or as a word for what it is instead."""
    names = RESULTS[name]
    wanted = len(names) + name.endswith("forward")
    if wanted == 1:
        return {"results": {names[0]: _numbers(returned)}, "cache": None}
    if isinstance(returned, Iterator):
        returned = tuple(itertools.islice(returned, wanted + 1))
    if not isinstance(returned, tuple | list) or len(returned) != wanted:
        parts, what = (returned, f"{len(returned)} values") if isinstance(returned, tuple | list) else ((returned,), kind_of(returned))
        results = {word: _numbers(part) for word, part in zip(names, parts, strict=False)}
        return {"results": results, "cache": None, "wanted": wanted, "what": what}
    results = {word: _numbers(part) for word, part in zip(names, returned, strict=False)}
    return {"results": results, "cache": pack(returned[-1]) if name.endswith("forward") else None}


def _numbers(value: Any) -> Any:
    if value is None:
        return {"odd": "None"}
    if isinstance(value, str | bytes | Mapping | set):
        return {"odd": kind_of(value)}
    try:
        array = np.asarray(value)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return {"odd": kind_of(value)}
    if array.dtype.kind == "O":
        array = _plain(array)
    if array.dtype.kind not in "biuf":
        held = "complex numbers" if array.dtype.kind == "c" else "an array of objects" if array.ndim else kind_of(value)
        return {"odd": held}
    if array.size > CELLS:
        return {"odd": f"an array of shape {array.shape}"}
    return np.array(array, dtype=bool if array.dtype.kind == "b" else np.float64)


def _plain(array: Any) -> Any:
    """Return an array of objects as one of numbers, where they are such."""
    try:
        return array.astype(np.float64)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return array


def kind_of(value: Any) -> str:
    """Return in words of what type a value is."""
    word = _text(lambda: type(value).__name__)
    return "None" if value is None else f"a{'n' if word[:1] in tuple('aeiouAEIOU') else ''} {word}"


def failure(error: BaseException) -> dict[str, Any]:
    """Return the kind and message of an exception, and the line of the learner's code that it came from."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith("<learner")]
    place = {"line": frames[-1].lineno, "cell": frames[-1].filename, "within": frames[-1].name} if frames else {}
    words = {"kind": lambda: type(error).__name__, "message": lambda: str(error), "name": lambda: getattr(error, "name", "")}
    return {key: _text(word) for key, word in words.items()} | place


def _text(word: Callable[[], Any]) -> str:
    """Return a text of the learner's, cut; nothing where it is none, or raises something itself."""
    try:
        text = word()
        return text[:TEXT] if type(text) is str else ""
    except BaseException:  # noqa: BLE001
        return ""


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
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1:
        value = list(value)
    if isinstance(value, tuple) or (isinstance(value, list) and not _is_table(value)):
        return {"tuple" if isinstance(value, tuple) else "list": [pack(item, depth + 1) for item in value[:ITEMS]]}
    return _packed_array(_numbers(value))


def _is_table(value: list[Any]) -> bool:
    """Say whether a list holds numbers alone, or lists alone: an array, perhaps."""
    return all(isinstance(item, int | float) for item in value) or all(isinstance(item, list) for item in value)


def _packed_array(array: Any) -> dict[str, Any]:
    if isinstance(array, dict):
        return array
    kind = "bool" if array.dtype.kind == "b" else "<f8"
    data = base64.b64encode(np.ascontiguousarray(array, dtype=kind).tobytes()).decode("ascii")
    return {"array": list(array.shape), "dtype": kind, "data": data}


def unpack(value: Any) -> Any:
    """Return what `pack` packed; ValueError where it is not what it claims to be."""
    if not isinstance(value, dict):
        if isinstance(value, list):
            raise ValueError("a list without its name")  # noqa: TRY004 - of data, not of code
        return value
    if "array" in value:
        shape = [int(size) for size in value["array"]]
        data = np.frombuffer(base64.b64decode(value["data"], validate=True), dtype={"bool": "?", "<f8": "<f8"}[value["dtype"]])
        return data.reshape(shape).copy()
    items: Any = next((value[key] for key in ("tuple", "list", "dict") if key in value), [])
    if not isinstance(items, list) or len(items) > ITEMS:
        raise ValueError(f"more than {ITEMS} parts")
    if "tuple" in value:
        return tuple(unpack(item) for item in items)
    if "list" in value:
        return [unpack(item) for item in items]
    if "dict" in value:
        return {str(key)[:TEXT]: unpack(item) for key, item in items}
    return {"odd": str(value["odd"])[:TEXT]}


def packed_outcome(outcome: dict[str, Any]) -> dict[str, Any]:
    """Return an outcome of `observe` as plain data."""
    if "error" in outcome:
        return outcome
    results = {name: _packed_array(value) for name, value in outcome["results"].items()}
    return {**outcome, "results": results}
