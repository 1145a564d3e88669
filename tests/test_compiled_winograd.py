"""Winograd's algorithm rounds no more than is said, on any shape that it takes, and exact sums have nothing to do with it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from tests.convolutions import Convolution, Draw, Results, assert_same_bits, forget_plans, needs_numba, of

from convstep import ops, use_engine
from convstep.checks import Array

pytestmark = needs_numba
ROUNDOFF = 2.0**-24  # of float32
CASES, EACH = 216, 12

# Lavin and Gray 2015, equations 9 to 11 of F(4x4, 3x3)
INPUT = np.array(
    [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]]
)
FILTER = np.array(
    [[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6], [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]]
)
OUTPUT = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])


@pytest.fixture(autouse=True)
def ways(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often each half of the algorithm was asked, and did it; here it does all that it can, worth it or not."""
    from convstep.engines.compiled import winograd

    forget_plans()
    monkeypatch.setattr(winograd, "_worth", lambda *_: True)
    counted: Counter[str] = Counter()
    for name in ("slide", "gather"):
        whole = getattr(winograd, name)

        def noted(*arguments: Any, _whole: Any = whole, _name: str = name, **options: Any) -> bool:
            counted[f"{_name} asked"] += 1
            done = bool(_whole(*arguments, **options))
            counted[_name] += done
            return done

        monkeypatch.setattr(winograd, name, noted)
    with use_engine("compiled"):
        yield counted
    forget_plans()


def drawn(seed: int) -> Convolution:
    """Draw images and filters of sizes that the algorithm is for, among them those whose tiles hang over and all of one sign."""
    draw = Draw(seed, "float32")
    channels, filters = (int(draw.rng.choice([8, 9, 13, 16, 17, 24, 31, 32, 40, 48, 64])) for _ in range(2))
    if seed % 36 == 0:
        channels, filters = (512, 32) if seed % 72 else (24, 512)
    size = (draw.whole(6, 16), draw.whole(6, 16))
    return draw.convolution(draw.whole(1, 4), size, (3, 3), (channels, filters), bias=False, padding=draw.whole(0, 1))


def widened(case: Convolution, *, positive: bool = False) -> Results:
    """What the sums are in float64, or what they would be without signs."""
    return of("numpy", case.changed(lambda x: np.abs(x.astype(np.float64)) if positive else x.astype(np.float64)))


# --- how much it rounds ---


@pytest.mark.parametrize("seed", range(0, CASES, EACH))
def test_errors_are_no_larger_than_is_said(seed: int, ways: Counter[str]) -> None:
    for number in range(seed, seed + EACH):
        case = drawn(number)
        got, want, sums, most = of("compiled", case, exact=False), widened(case), widened(case, positive=True), worst(case)
        channels, filters = case.w.shape[2:]
        terms = {"y": channels, "dx": filters, "dw": tiles_of(case.dy)}
        for name, count in terms.items():
            error = np.abs(got[name] - want[name])
            assert (error <= 2 * (count + 32) * ROUNDOFF * most[name]).all(), f"{name} of {case}"
            products = case.dy[..., 0].size if name == "dw" else 9 * count
            assert error.max() <= 2 * (products + 4) * ROUNDOFF * sums[name].max(), f"{name} of {case}"
    assert ways["slide"] >= EACH
    assert ways["gather"] >= EACH / 2


def tiles_of(y: Array) -> int:
    count: int = len(y) * -(-y.shape[1] // 4) * -(-y.shape[2] // 4)
    return count


def worst(case: Convolution) -> Results:
    """The algorithm on numbers and matrices without signs, which bounds every number on the way to a result."""
    pad = case.options["padding"]
    pad = 1 if pad in (1, ((1, 1), (1, 1))) else 0
    x, w, dy = (np.abs(a.astype(np.float64)) for a in (case.x, case.w, case.dy))
    flipped = w[::-1, ::-1].swapaxes(2, 3)
    return {"y": slid(x, w, pad), "dx": slid(dy, flipped, 2 - pad), "dw": gathered(x, dy, pad)}


def cut(x: Array, pad: int, size: int, rows: int, columns: int) -> Array:
    """Tiles of this size, 4 pixels apart: (m, rows, columns, C, size, size)."""
    room = [(0, 0), *((pad, max(0, 4 * count + size - 4 - pad - had)) for count, had in zip((rows, columns), x.shape[1:3], strict=True))]
    wide = np.pad(x, [*room, (0, 0)])
    return np.asarray(sliding_window_view(wide, (size, size), axis=(1, 2))[:, : 4 * rows : 4, : 4 * columns : 4])


def slid(x: Array, w: Array, pad: int) -> Array:
    height, width = (size + 2 * pad - 2 for size in x.shape[1:3])
    rows, columns = -(-height // 4), -(-width // 4)
    b, g, a = np.abs(INPUT), np.abs(FILTER), np.abs(OUTPUT)
    v = np.einsum("ip,mrscpq,jq->ijmrsc", b, cut(x, pad, 6, rows, columns), b, optimize=True)
    u = np.einsum("ip,pqck,jq->ijck", g, w, g, optimize=True)
    products = v.reshape(6, 6, -1, x.shape[3]) @ u
    y = np.einsum("ai,ijtk,bj->tabk", a, products, a, optimize=True)
    y = y.reshape(len(x), rows, columns, 4, 4, -1).transpose(0, 1, 3, 2, 4, 5).reshape(len(x), 4 * rows, 4 * columns, -1)
    return np.asarray(y[:, :height, :width])


def gathered(x: Array, dy: Array, pad: int) -> Array:
    rows, columns = (-(-size // 4) for size in dy.shape[1:3])
    b, g, a = np.abs(INPUT), np.abs(FILTER), np.abs(OUTPUT)
    v = np.einsum("ip,mrscpq,jq->ijcmrs", b, cut(x, pad, 6, rows, columns), b, optimize=True).reshape(6, 6, x.shape[3], -1)
    d = np.einsum("ai,mrskab,bj->ijmrsk", a, cut(dy, 0, 4, rows, columns), a, optimize=True).reshape(6, 6, -1, dy.shape[3])
    return np.asarray(np.einsum("ip,ijck,jq->pqck", g, v @ d, g, optimize=True))


def test_the_matrices_of_this_test_convolve() -> None:
    """So that the bound is one of the algorithm: without taking signs away they give the sums."""
    rng = np.random.default_rng(0)
    line, cells = rng.standard_normal(6), rng.standard_normal(3)
    np.testing.assert_allclose(OUTPUT @ ((FILTER @ cells) * (INPUT @ line)), np.correlate(line, cells), rtol=1e-12)
    np.testing.assert_allclose(FILTER.T @ ((OUTPUT.T @ line[:4]) * (INPUT @ line)), np.correlate(line, line[:4]), rtol=1e-12)


@pytest.mark.parametrize("floor", [True, False])
@pytest.mark.parametrize(("channels", "filters"), [(8, 8), (16, 24), (33, 17)])
def test_a_bias_and_a_floor_end_it(channels: int, filters: int, floor: bool, ways: Counter[str]) -> None:
    from convstep.engines import current_engine
    from convstep.engines.numpy import ENGINE as NUMPY
    from convstep.geometry import Axis, Window2d

    draw = Draw(channels, "float32")
    x, w, b = draw.array(3, 14, 15, channels), draw.array(3, 3, channels, filters), draw.array(filters)
    window = Window2d(Axis(14, 3, 1, 1, (1, 1)), Axis(15, 3, 1, 1, (1, 1)))
    want = NUMPY.correlate(*(a.astype(np.float64) for a in (x, w, b)), window, 1, floor=floor)
    got = current_engine().correlate(x, w, b, window, 1, floor=floor)
    assert np.abs(got - want).max() <= 1e-5 * np.abs(want).max()
    assert (got.min() == 0) == floor
    assert ways["slide"] == 1


# --- where it is taken, and where not ---


@pytest.mark.parametrize("seed", range(0, 40, 5))
def test_exact_sums_never_come_of_it(seed: int, ways: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from convstep.engines.compiled import winograd

    exact = of("compiled", drawn(seed), exact=True)
    assert not ways
    monkeypatch.setattr(winograd, "slide", lambda *_arguments, **_options: False)
    monkeypatch.setattr(winograd, "gather", lambda *_arguments, **_options: False)
    assert_same_bits(of("compiled", drawn(seed), exact=False), exact)


@pytest.mark.parametrize(
    "options", [{"strides": 2}, {"dilation_rate": 2}, {"groups": 2}, {"kernel": (3, 2)}, {"dtype": "float64"}, {"channels": 3}], ids=str
)
def test_other_convolutions_never_come_of_it(options: dict[str, Any], ways: Counter[str]) -> None:
    settings = {"kernel": (3, 3), "dtype": "float32", "channels": 32, **options}
    draw = Draw(1, settings.pop("dtype"))
    kernel, channels = settings.pop("kernel"), settings.pop("channels")
    case = draw.convolution(2, (16, 17), kernel, (channels, 32), **settings)
    assert_same_bits(of("compiled", case, exact=False), of("compiled", case, exact=True))
    assert ways["slide"] == ways["gather"] == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["x", "w", "b", "dy"])
def test_numbers_that_are_not_finite_spread_no_further_than_in_the_loops(value: float, name: str, ways: Counter[str]) -> None:
    case = Draw(5, "float32").convolution(2, (13, 14), (3, 3), (16, 16), bias=True, padding=1)
    array = case.arrays[name].copy()
    array[(0, 2, 1, 3)[: array.ndim]] = value
    wild = case.changed(lambda x: array if x is case.arrays[name] else x)
    got, want = of("compiled", wild, exact=False), of("numpy", wild)
    for part in want:
        np.testing.assert_allclose(got[part], want[part], rtol=1e-3, atol=1e-3, err_msg=part)
        assert np.isfinite(want[part]).any() or name in {"w", "b"} or part == "db"
    assert ways["slide asked"] == 2


def test_what_overflows_on_the_way_alone_is_computed_directly(ways: Counter[str]) -> None:
    case = Draw(6, "float32").convolution(1, (12, 12), (3, 3), (16, 16), bias=False, padding=1)
    large = case.changed(lambda x: np.sign(x) * np.float32(1e38) if x is case.x else x * np.float32(1e-3))
    y = ops.conv2d(large.x, large.w, padding=1)
    assert ways == {"slide asked": 1, "slide": 0}
    assert np.isfinite(y).all()
    assert_same_bits({"y": y}, of("compiled", large, exact=True), ("y",))
