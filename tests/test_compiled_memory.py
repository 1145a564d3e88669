"""The compiled engine reads its arguments however they lie, writes to its results alone, and stays inside its arrays."""

import signal
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.convolutions import Convolution, Draw, Results, assert_explained, assert_same_bits, needs_numba, of, results
from tests.test_numpy_engine import LARGE_CONVOLUTION

from convstep import ops, use_engine
from convstep.checks import Array
from convstep.geometry import Axis, Window2d

pytestmark = needs_numba
KERNELS = ("y", "dx", "dw")  # db is NumPy's sum over the pixels, whose order follows the memory
ROOT = Path(__file__).resolve().parents[1]
linux = pytest.mark.skipif(sys.platform != "linux", reason="the limit of the address space, and forbidden pages, are Linux's")


@pytest.fixture(autouse=True)
def compiled() -> Iterator[None]:
    with use_engine("compiled", exact=True):
        yield


# --- how arguments lie ---


def unaligned(x: Array) -> Array:
    view = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def sliced(x: Array) -> Array:
    room = np.full([size + 2 for size in x.shape], np.nan, x.dtype)
    inner = room[tuple(slice(1, -1) for _ in x.shape)]
    inner[...] = x
    return inner


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "Fortran order": np.asfortranarray,
    "back to front": lambda x: np.flip(np.ascontiguousarray(np.flip(x))),
    "every second": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "channels first": lambda x: np.ascontiguousarray(np.moveaxis(x, -1, 0)).transpose(*range(1, x.ndim), 0),
    "in the middle": sliced,
    "the other byte order": lambda x: x.astype(x.dtype.newbyteorder("S")),
    "unaligned": unaligned,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_results_do_not_depend_on_how_arguments_lie(layout: str, dtype: str) -> None:
    for seed in range(8):
        draw = Draw(seed, dtype)
        case = draw.transposed() if seed % 4 == 3 else draw.case()
        assert_the_same(layout, results(case.changed(LAYOUTS[layout])), case)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_argument_may_lie_in_its_own_way(layout: str) -> None:
    case = Draw(1, "float32").convolution(2, (9, 7), (3, 3), (8, 16), bias=True, padding=1)
    for name, value in case.arrays.items():
        changed = Convolution(**{**vars(case), name: LAYOUTS[layout](value)})
        assert_the_same(layout, results(changed), case)


def assert_the_same(layout: str, got: Results, case: Convolution) -> None:
    """Numbers off their places in memory are NumPy's, which adds in another order; all others give the same bits however they lie."""
    assert_explained(case, got)
    if layout != "unaligned":
        assert_same_bits(got, results(case), KERNELS)


@pytest.mark.parametrize("seed", range(6))
def test_views_of_a_single_number_are_arguments_like_others(seed: int) -> None:
    views = Draw(seed, "float32").case().changed(lambda x: np.broadcast_to(x.dtype.type(seed - 2), x.shape))
    assert_same_bits(results(views), results(views.changed(np.ascontiguousarray)), KERNELS)


@pytest.mark.parametrize("seed", range(30))
def test_arguments_stay_as_they_were_and_results_are_new(seed: int) -> None:
    draw = Draw(seed)
    case = draw.transposed() if seed % 3 == 0 else draw.case()
    before = {name: value.tobytes() for name, value in case.arrays.items()}
    for value in case.arrays.values():
        value.flags.writeable = False
    first, again = results(case), results(case)
    assert {name: value.tobytes() for name, value in case.arrays.items()} == before
    every = [*case.arrays.values(), *again.values()]
    assert not any(np.shares_memory(one, other) for one in first.values() for other in every)
    assert all(value.flags.c_contiguous and value.flags.writeable for value in first.values())


# --- inside ---


def program(*arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=timeout
    )


@linux
def test_nothing_is_read_or_written_outside_of_an_array() -> None:
    done = program("-m", "tests.guarded")
    assert done.returncode == 0, f"{done.stdout[-500:]}\n{done.stderr[-3000:]}"
    assert len(done.stdout.splitlines()) > 2000


@linux
@pytest.mark.parametrize(("edge", "place"), [("end", "address + 40"), ("start", "address - 1")])
def test_the_guard_bites(edge: str, place: str) -> None:
    script = f"import ctypes; from tests.guarded import *; address, kept = guarded_address(40, '{edge}'); ctypes.string_at(address, 40)"
    assert program("-c", script).returncode == 0
    assert program("-c", f"{script}; ctypes.string_at({place}, 1)").returncode == -signal.SIGSEGV


# --- numbers that are not finite ---


def with_some(draw: Draw, x: Array, values: list[float]) -> Array:
    x = x.copy()
    x[draw.rng.random(x.shape) < 0.05] = draw.rng.choice(values)
    return x


@pytest.mark.parametrize("name", ["x", "w", "b", "dy"])
@pytest.mark.parametrize("values", [[np.nan], [np.inf], [np.inf, -np.inf, np.nan]], ids=str)
def test_what_is_not_finite_goes_where_it_goes_in_the_numpy_engine(name: str, values: list[float]) -> None:
    for seed in range(40):
        draw = Draw(seed, "float64")
        case = draw.transposed() if seed % 4 == 3 else draw.case()
        if name in case.arrays:
            case = Convolution(**{**vars(case), name: with_some(draw, getattr(case, name), values)})
        want = of("numpy", case)
        for part, got in results(case).items():
            np.testing.assert_allclose(got, want[part], rtol=1e-9, atol=1e-9, err_msg=f"{part} of seed {seed}, {case}")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_padding_takes_part_in_convolution_as_zeros(value: float) -> None:
    w = np.array([value, 1.0, 1.0]).reshape(1, 3, 1, 1)
    y = ops.conv2d(np.ones((1, 1, 5, 1)), w, padding=((0, 0), (1, 1)))
    np.testing.assert_array_equal(y.ravel(), [np.nan, value, value, value, value])


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("channels", [1, 5, 16])
def test_a_weight_that_is_not_finite_reaches_the_cells_that_it_met_and_no_others(value: float, channels: int) -> None:
    x, w = np.ones((1, 1, 7, channels), np.float32), np.ones((1, 3, channels, channels), np.float32)
    w[0, 0] = value
    dx, _, _ = ops.conv2d_backward(np.ones((1, 1, 5, channels), np.float32), x, w)
    np.testing.assert_array_equal(np.isfinite(dx[0, 0, :, 0]), [False] * 5 + [True] * 2)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_pixel_that_is_not_finite_stays_in_its_windows_and_its_group(value: float) -> None:
    x, w = np.ones((2, 6, 9, 4), np.float32), np.ones((3, 3, 2, 6), np.float32)
    x[1, 2, 4, 3] = value
    y = ops.conv2d(x, w, groups=2)
    there = np.zeros(y.shape, bool)
    there[1, 0:3, 2:5, 3:] = True
    np.testing.assert_array_equal(~np.isfinite(y), there)


# --- large ---

BOUNDED = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
import numpy as np
from convstep.engines.compiled import EXACT
from convstep.geometry import Axis, Window2d
"""
VIEW = """
shape = {shape}
x = np.broadcast_to(np.float32(0.5), shape)
window = Window2d(Axis(shape[1], *{rows}), Axis(shape[2], *{columns}))
w = np.ones((*window.kernel, shape[3], 3), np.float32)
y = EXACT.correlate(x, w, None, window, 1)
assert y.shape[1:3] == window.out
assert (y == 0.5 * w[..., 0].size).all(), y
dw = EXACT.correlate_to_w(np.ones_like(y), x, window, 1)
assert (dw == 0.5 * y[..., 0].size).all(), dw
"""
FAR = """
from numpy.lib.stride_tricks import as_strided
line = np.arange(4096, dtype=np.float32) % 7
x = as_strided(line, (1, 2**20, 4096, 1), (0, 0, 4, 4))  # every row is this one; the last pixel is number 2**32
window = Window2d(Axis(2**20, 1, 2**18, 1, (0, 0)), Axis(4096, 1, 5))
y = EXACT.correlate(x, np.ones((1, 1, 1, 2), np.float32), None, window, 1)
assert (y == line[::5, None]).all()
"""


@linux
@pytest.mark.parametrize(
    "script",
    [
        VIEW.format(shape=(1, 65537, 32768, 1), rows=(2, 1024), columns=(2, 1024)),
        VIEW.format(shape=(1, 2, 2**30 + 2**15, 1), rows=(2, 2), columns=(1, 4096)),
        VIEW.format(shape=(2**16, 1, 2**15 + 1, 1), rows=(1, 1), columns=(1, 2**15)),
        FAR,
        f"ENGINE = EXACT{LARGE_CONVOLUTION}",
    ],
)
def test_large_calls_and_views_of_more_than_2_to_the_31_numbers_run_in_two_gibibytes(script: str) -> None:
    done = program("-c", BOUNDED + script)
    assert done.returncode == 0, done.stderr


def test_a_failed_allocation_is_an_error_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    from convstep.engines.compiled import buffers
    from convstep.errors import OutOfMemoryError

    def full(*_arguments: Any, **_options: Any) -> int:
        raise MemoryError

    monkeypatch.setattr(buffers.Buffers, "take", full)
    with pytest.raises(OutOfMemoryError, match=r"^conv2d: the machine has too little memory for this size\n  given x \(1, 4, 4, 1\), w"):
        ops.conv2d(np.ones((1, 4, 4, 1)), np.ones((2, 2, 1, 1)))
    monkeypatch.undo()
    assert ops.conv2d(np.ones((1, 4, 4, 1)), np.ones((2, 2, 1, 1)))[0, 0, 0, 0] == 4


@pytest.mark.parametrize(
    ("images", "kernel", "stride", "filters", "groups"),
    [
        ((4, 112, 112, 32), 3, 1, 16, 1),
        ((4, 112, 112, 32), 3, 2, 16, 1),
        ((4, 56, 56, 32), 3, 1, 32, 32),
        ((1, 3, 400_000, 4), 3, 1, 4, 1),
        ((1, 300, 300, 1), 140, 25, 2, 1),
    ],
)
def test_a_convolution_works_in_little_memory(images: tuple[int, ...], kernel: int, stride: int, filters: int, groups: int) -> None:
    window = Window2d(*(Axis(size, min(kernel, size), stride, 1, (1, 1)) for size in images[1:3]))
    x, w = np.ones(images, np.float32), np.ones((*window.kernel, images[3] // groups, filters), np.float32)
    dy = np.ones((len(x), *window.out, filters), np.float32)
    options: dict[str, Any] = {"strides": stride, "padding": 1, "groups": groups}
    most = (8 << 20) + 40 * w.nbytes
    assert extra_bytes(lambda: [ops.conv2d(x, w, **options)]) <= most
    assert extra_bytes(lambda: list(ops.conv2d_backward(dy, x, w, **options))) <= most


def extra_bytes(call: Callable[[], list[Array]]) -> int:
    """Return the bytes that a call needs at most, beyond its results, in a thread that has no buffers yet."""
    extra = []
    with use_engine("compiled", exact=True):
        call()  # compiling takes memory too

    def measure() -> None:
        use_engine("compiled", exact=True)
        tracemalloc.start()
        extra.append(-sum(result.nbytes for result in call()) + tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    thread = threading.Thread(target=measure)
    thread.start()
    thread.join()
    return extra[0]
