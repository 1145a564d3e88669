"""Convolutions of extreme shapes, and calls that once went wrong: kernels handed too few numbers, windows at the ends of arrays."""

import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.convolutions import Convolution, Draw, assert_explained, needs_numba, of

from convstep import ops, use_engine

pytestmark = needs_numba
ROOT = Path(__file__).resolve().parents[1]
linux = pytest.mark.skipif(sys.platform != "linux", reason="forbidden pages are Linux's")


@pytest.fixture(autouse=True)
def compiled() -> Iterator[None]:
    with use_engine("compiled", exact=True):
        yield


# --- what kernels are handed ---


@pytest.mark.parametrize("numbers", [0, 4, 6])
def test_a_kernel_that_is_handed_a_wrong_count_of_numbers_is_not_run(numbers: int) -> None:
    from convstep.engines.compiled.native import kernel, packed
    from convstep.engines.compiled.threads import Task, run, run_all

    code, arguments = kernel("elementwise.relu", 4), packed(*range(numbers))
    message = f"elementwise.relu takes 5 numbers, not {numbers}"
    with pytest.raises(AssertionError, match=message):
        run(code, 1, arguments)
    with pytest.raises(AssertionError, match=message):
        run_all(Task(code, 1, arguments))


def test_a_task_without_jobs_is_not_run() -> None:
    from convstep.engines.compiled.native import kernel, packed
    from convstep.engines.compiled.threads import Task, run, run_all

    code, nowhere = kernel("elementwise.relu", 4), packed(1, 1, 10, 10, 0)
    run(code, 0, nowhere)
    run_all(Task(code, 0, nowhere), Task(code, 0, nowhere))


# --- the ends of arrays ---

UNPADDED = """
from tests.convolutions import Draw, assert_explained, of, rooms
from tests.guarded import EDGES, Guarded, all_copied
from convstep import use_engine

use_engine("compiled", exact=True)
for edge in EDGES:
    for module in rooms():
        for name in {"np", "Buffers"} & set(vars(module)):
            setattr(module, name, Guarded(edge))
    for filters in (1, 3, 6, 8, 16, 20, 33):
        for channels, size, kernel in ((1, 28, 5), (6, 12, 5), (3, 9, 3), (8, 7, 3), (5, 6, 1), (2, 13, 13)):
            case = Draw(filters, "float32").convolution(2, (size, size), (kernel, kernel), (channels, filters))
            print(edge, case, flush=True)
            assert_explained(case, of("compiled", all_copied(case, edge)))
"""


@linux
def test_windows_without_padding_end_where_their_arrays_end() -> None:
    command = [sys.executable, "-X", "faulthandler", "-c", UNPADDED]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{done.stdout[-500:]}\n{done.stderr[-3000:]}"
    assert len(done.stdout.splitlines()) == 2 * 7 * 6


# --- large windows, long strides ---


@pytest.mark.parametrize(("kernel", "stride"), [(700, 400), (400, 700), (900, 1)])
def test_windows_of_hundreds_of_cells_take_no_longer_than_their_products(kernel: int, stride: int) -> None:
    size = kernel + (stride if stride > 1 else 2)
    case = Draw(kernel, "float32").convolution(1, (size, size), (kernel, kernel), (1, 2), strides=stride, bias=True)
    start = time.perf_counter()
    got = of("compiled", case)
    assert time.perf_counter() - start < 20  # a few tenths; with a walk for each phase of the strides it took minutes
    assert_explained(case, got)


@pytest.mark.parametrize("stride", [9, 1500, 2**40])
def test_long_strides_need_no_memory_for_what_they_pass_over(stride: int) -> None:
    x = np.ones((1, 3001, 3001, 1), np.float32)
    w = np.full((2, 2, 1, 1), 0.5, np.float32)
    y = ops.conv2d(x, w, strides=stride)
    ops.conv2d_backward(y, x, w, strides=stride)
    tracemalloc.start()
    try:
        ops.conv2d(x, w, strides=stride)
        dx, dw, db = ops.conv2d_backward(y, x, w, strides=stride)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.5 * x.nbytes  # dx, and less than that again
    assert dw.ravel().tolist() == [2.0 * y.size] * 4
    assert db.tolist() == [2.0 * y.size]
    assert dx.sum() == 4 * y.size


# --- numbers that are not finite, on ways that pad with zeros ---

WAYS: dict[str, Any] = {
    "planes": {"kernel": (3, 3), "channels": (2, 2), "padding": 1},
    "planes of phases": {"kernel": (3, 8), "channels": (4, 9), "strides": (1, 2), "dilation_rate": (1, 3), "padding": 1},
    "adding windows up": {"kernel": (5, 5), "channels": (1, 16)},
    "adding windows up with gaps": {"kernel": (3, 3), "channels": (3, 32), "strides": (2, 3), "dilation_rate": (2, 1), "padding": 2},
    "many phases": {"kernel": (12, 12), "channels": (2, 5), "strides": 10, "padding": 3},
}


@pytest.mark.parametrize("values", [[np.nan], [np.inf], [-np.inf, np.inf]], ids=str)
@pytest.mark.parametrize("name", ["x", "w", "b", "dy"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_not_finite_spreads_as_in_the_numpy_engine(way: str, name: str, values: list[float], dtype: str) -> None:
    options = dict(WAYS[way])
    draw = Draw(len(way), dtype)
    kernel, channels = options.pop("kernel"), options.pop("channels")
    case = draw.convolution(2, (24, 25), kernel, channels, bias=True, **options)
    array = case.arrays[name].copy()
    for value in values:
        array[tuple(draw.whole(0, size - 1) for size in array.shape)] = value
    wild = Convolution(**{**vars(case), name: array})
    want = of("numpy", wild)
    near = 1e-4 if dtype == "float32" else 1e-11
    for part, got in of("compiled", wild).items():
        np.testing.assert_allclose(got, want[part], rtol=near, atol=near * 10, err_msg=part)
    if name in {"x", "dy"}:
        assert np.isfinite(want["y" if name == "x" else "dx"]).any()  # it spreads to some and not to all


@pytest.mark.parametrize("way", WAYS)
def test_these_shapes_go_the_ways_that_they_are_named_for(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from convstep.engines.compiled import planes, scattering

    taken: list[str] = []

    def noting(name: str, whole: Any) -> Any:
        def noted(*arguments: Any, **chosen: Any) -> Any:
            taken.append(name)
            return whole(*arguments, **chosen)

        return noted

    monkeypatch.setattr(planes, "planned", noting("planes", planes.planned))
    monkeypatch.setattr("convstep.engines.compiled.linear.scatter", noting("scatter", scattering.scatter))
    options = dict(WAYS[way])
    kernel, channels = options.pop("kernel"), options.pop("channels")
    of("compiled", Draw(1, "float32").convolution(2, (24, 25), kernel, channels, **options))
    assert ("planes" if way.startswith("planes") else "scatter") in taken
