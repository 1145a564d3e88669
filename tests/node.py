"""Runs the explorer's modules in Node: plain data and arrays go in, plain data and arrays come out, every bit of them.

One rule: one call is one process, so a test asks for everything at once.
"""

import base64
import json
import math
import shutil
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

import convstep

ASSETS = Path(convstep.__file__).parent / "explorer" / "assets"
SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "-0": -0.0}
SECONDS = 120

# `given` is what Python handed over, `load(name)` a module of the page; the code returns what Python gets.
PROGRAM = """
const special = (value) => Number.isNaN(value) || Math.abs(value) === Infinity || Object.is(value, -0);
const bytes = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64");
const pack = (value) => {
  if (typeof value === "number" && special(value)) return { $number: Object.is(value, -0) ? "-0" : String(value) };
  if (value === null || typeof value !== "object") return value ?? null;
  if (ArrayBuffer.isView(value)) return { $shape: [value.length], $float64: bytes(Float64Array.from(value)) };
  if (Array.isArray(value)) return value.map(pack);
  if (Array.isArray(value.shape) && ArrayBuffer.isView(value.data)) {
    return { $shape: value.shape, $float64: bytes(Float64Array.from(value.data)) };
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, pack(item)]));
};
const unpack = (key, value) => {
  if (value === null || typeof value !== "object") return value;
  if ("$number" in value) return Number(value.$number);
  if ("$bytes" in value) return new Uint8Array(Buffer.from(value.$bytes, "base64"));
  if (!("$float64" in value)) return value;
  const read = new Uint8Array(Buffer.from(value.$float64, "base64"));
  return { shape: value.$shape, data: new Float64Array(read.buffer, 0, read.length / 8) };
};
const read = async () => {
  const parts = [];
  for await (const part of process.stdin) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString(), unpack);
};
const { folder, given } = await read();
const load = (name) => import(folder + name);
const result = await (async () => { CODE })();
process.stdout.write(JSON.stringify(pack(result)));
"""


def node() -> str:
    """The path of Node, the machine's or the one that Playwright brings; the test skips where there is none."""
    found = shutil.which("node")
    spec = find_spec("playwright")
    if found is None and spec is not None and spec.origin is not None:
        driver = Path(spec.origin).parent / "driver"
        found = next((str(path) for path in (driver / "node", driver / "node.exe") if path.is_file()), None)
    if found is None:
        pytest.skip("the page's modules run in Node, and it is neither installed nor in the package playwright")
    return found


def run(code: str, given: Any = None, *, files: Mapping[str, str] | None = None) -> Any:
    """What JavaScript returns: `code` is the body of an async function that sees `given` and `load("name.js")`.

    Arrays of numbers become {shape, data: Float64Array} and back, bytes become Uint8Array. `files` are more modules, or other texts of
    those that there are; "copy/name.js" lies in a folder of its own.
    """
    with TemporaryDirectory() as folder:
        modules = {path.name: text(path.name) for path in ASSETS.glob("*.js")}
        for name, content in {**modules, "package.json": '{"type": "module"}', **(files or {})}.items():
            path = Path(folder) / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, encoding="utf-8")
        asked = json.dumps({"folder": Path(folder).as_uri() + "/", "given": _packed(given)}, allow_nan=False)
        command = [node(), "--input-type=module", "--eval", PROGRAM.replace("CODE", code)]
        done = subprocess.run(command, input=asked.encode(), capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout, object_hook=_unpacked, parse_int=_number)


def text(name: str) -> str:
    """The text of a module."""
    return (ASSETS / name).read_text(encoding="utf-8")


def copied(folder: str, **changed: str) -> dict[str, str]:
    """Copies of all modules in a folder, some of them with another text: `copied("bug", network=...)`."""
    return {f"{folder}/{path.name}": changed.get(path.stem, text(path.name)) for path in ASSETS.glob("*.js")}


def planted(name: str, right: str, wrong: str) -> str:
    """The text of a module with a bug in it: `right`, which stands there once, is `wrong`."""
    whole = text(name)
    assert whole.count(right) == 1, f"{name} holds {whole.count(right)} times {right!r}"
    return whole.replace(right, wrong)


def _packed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        content = np.ascontiguousarray(value, np.float64).tobytes()
        return {"$shape": list(value.shape), "$float64": base64.b64encode(content).decode()}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: _packed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"$number": {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")}
    return value


def _number(digits: str) -> int | float:
    """JavaScript writes large floats as whole numbers, with as many digits as tell them apart."""
    number = int(digits)
    return number if abs(number) <= 2**53 else float(number)


def _unpacked(item: dict[str, Any]) -> Any:
    if "$number" in item:
        return SPECIAL[item["$number"]]
    if "$float64" in item:
        return np.frombuffer(base64.b64decode(item["$float64"]), np.float64).reshape(item["$shape"])
    return item
