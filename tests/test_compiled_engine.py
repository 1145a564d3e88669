"""The compiled engine is the NumPy engine in float64 but for rounding, on generated cases and around every edge of a tile."""

import itertools
from collections.abc import Iterator
from contextlib import nullcontext

import numpy as np
import pytest
from tests.convolutions import Draw, assert_explained, assert_same_bits, needs_numba, of, tiles

from convstep import fast, use_engine
from convstep.checks import Array
from convstep.testing import assert_engine

pytestmark = needs_numba
FLOATS = ("float16", "float32", "float64")
CASES, TRANSPOSED = 900, 240


@pytest.fixture(autouse=True)
def compiled() -> Iterator[None]:
    with use_engine("compiled", exact=True):
        yield


# --- generated ---


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("same", [False, True])
def test_fast_is_the_steps_but_for_rounding(exact: bool, same: bool) -> None:
    with use_engine("compiled", exact=exact):
        assert_engine(fast, count=130, dtypes=FLOATS, same=same, seed=exact * 2 + same)


@pytest.mark.parametrize("seed", range(0, CASES, 20))
def test_convolutions_are_those_of_the_numpy_engine_but_for_rounding(seed: int) -> None:
    for number in range(seed, seed + 20):
        assert_explained(Draw(number).case())


@pytest.mark.parametrize("seed", range(0, TRANSPOSED, 20))
def test_transposed_convolutions_are_those_of_the_numpy_engine_but_for_rounding(seed: int) -> None:
    for number in range(seed, seed + 20):
        assert_explained(Draw(number).transposed())


def test_the_generated_cases_reach_every_kind() -> None:
    drawn = [Draw(seed).case() for seed in range(CASES)]
    options = [case.options for case in drawn]
    assert sum(o["groups"] > 1 for o in options) > 100
    assert sum(case.w.shape[2] == 1 and o["groups"] > 1 for case, o in zip(drawn, options, strict=True)) > 30
    assert sum(max(o["dilation_rate"]) > 1 for o in options) > 100
    assert sum(o["padding"][0][0] != o["padding"][0][1] for o in options) > 100
    assert sum(s > k for case in drawn for s, k in zip(case.options["strides"], case.w.shape[:2], strict=True)) > 100
    assert sum(case.x.shape[1:3] == (1, 1) for case in drawn) > 20
    assert sum(len(case.x) == 0 for case in drawn) > 50
    assert {case.x.dtype.name for case in drawn} == set(FLOATS)


# --- sizes ---


@pytest.mark.parametrize("count", range(1, 71))
def test_every_number_of_channels_and_of_filters(count: int) -> None:
    for dtype in ("float32", "float64"):
        draw = Draw(count, dtype)
        assert_explained(draw.convolution(2, (3, 5), (2, 3), (count, 3), padding=1))
        assert_explained(draw.convolution(2, (5, 4), (3, 2), (2, count), strides=(1, 2)))
        assert_explained(draw.convolution(1, (4, 4), (1, 1), (count, 71 - count)))


@pytest.mark.parametrize("filters", [*range(1, 10), 15, 16, 17, 31, 32, 33])
def test_every_number_of_pixels_around_the_rows_of_a_tile(filters: int) -> None:
    draw = Draw(filters, "float32")
    for pixels in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 23, 24, 25, 27, 28, 29, 42, 43):
        assert_explained(draw.convolution(1, (1, pixels), (1, 1), (3, filters)))
        assert_explained(draw.convolution(1, (3, pixels), (3, 3), (2, filters), padding=1))


@pytest.mark.parametrize("each", [3, 4, 8, 17])
@pytest.mark.parametrize("groups", [2, 3, 8])
def test_channels_with_few_and_with_many_filters_of_their_own(groups: int, each: int) -> None:
    draw = Draw(each, "float32")
    assert_explained(draw.convolution(2, (9, 10), (3, 2), (groups, groups * each), groups=groups, strides=(2, 1), padding=1))
    assert_explained(draw.convolution(1, (7, 6), (1, 1), (groups, groups * each), groups=groups, strides=3))


@pytest.mark.parametrize("size", [31, 64, 129])
def test_images_that_are_cut_into_blocks(size: int) -> None:
    draw = Draw(size, "float32")
    assert_explained(draw.convolution(1, (size, size + 2), (3, 3), (17, 9), padding=1))
    assert_explained(draw.convolution(1, (9, 4 * size), (5, 3), (24, 5), strides=(2, 3), padding=((1, 0), (0, 2))))
    assert_explained(draw.convolution(2, (size, 7), (3, 2), (6, 8), groups=2, dilation_rate=2))


# --- the tiles of other machines ---

MACHINES = {"AVX-512": frozenset({"avx512f", "avx2"}), "AVX2": frozenset({"avx2"}), "plain": frozenset({""}), "NEON": frozenset({"neon"})}
# Of each tile once: its machine, and its place among the machine's.
TILES = [
    pytest.param(machine, place, id=f"{machine} {place}")
    for machine, places in {"AVX-512": 4, "AVX2": 3, "plain": 2, "NEON": 1}.items()
    for place in range(places)
]


@pytest.mark.parametrize(("machine", "place"), TILES)
def test_every_tile_of_every_machine_computes_right_numbers_here(machine: str, place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with tiles(monkeypatch, features=MACHINES[machine], only=place):
        draw = Draw(place, "float32")
        for filters in (1, 7, 8, 15, 17, 33):
            assert_explained(draw.convolution(1, (4, 15), (3, 3), (3, filters), padding=1))
            assert_explained(draw.convolution(2, (3, 14), (1, 1), (filters, 5)))
        assert_explained(draw.convolution(2, (9, 8), (2, 3), (6, 34), strides=(2, 1), groups=2))


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("size", [4, 8])
def test_the_tiles_of_a_machine_fit_its_registers(machine: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from convstep.engines.compiled.tiles import tile_of_pixels, tiles_for

    registers, width = {"AVX-512": (32, 64), "AVX2": (16, 32), "plain": (16, 16), "NEON": (32, 16)}[machine]
    with tiles(monkeypatch, features=MACHINES[machine]):
        for tile in tiles_for(size):
            assert tile.lanes * size <= width
            assert (tile.rows + 1) * tile.vectors < registers or tile.rows * tile.vectors + tile.vectors + 1 <= registers
        for filters, pixels in itertools.product((1, 2, 3, 5, 7, 12, 13, 70), (1, 4, 9, 16, 31, 64, 224)):
            tile = tile_of_pixels(filters, pixels, size)
            assert tile.lanes * size <= width
            assert tile.rows * tile.vectors + min(tile.rows, tile.vectors) + 1 <= registers


@pytest.mark.parametrize(
    ("machine", "seed"), [(None, seed) for seed in range(40)] + [(machine, seed) for machine in MACHINES for seed in (1, 4)]
)
def test_every_convolution_can_have_its_pixels_in_the_lanes(seed: int, machine: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    from convstep.engines.compiled import linear, pixels, planes

    monkeypatch.setattr(linear, "_way", lambda walk, *_: planes if walk[1].step == 1 else pixels)
    monkeypatch.setattr(linear, "_better_added_up", lambda *_: False)
    with tiles(monkeypatch, features=MACHINES[machine]) if machine else nullcontext():
        draw = Draw(seed, "float64" if seed % 4 == 0 else "float32")
        assert_explained(draw.case())
        filters = seed % 13 + 1
        assert_explained(draw.convolution(2, (5, 6 + seed), (3, 1 + seed % 4), (seed % 9 + 1, filters), padding=1, strides=(2, 1)))


# --- exact sums ---


def dyadic(draw: Draw, *shape: int) -> Array:
    """Draw eighths of small whole numbers, whose products and sums have few digits."""
    return np.asarray(draw.rng.integers(-8, 9, shape) / 8, draw.dtype)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dyadic_numbers_give_the_exact_sums(seed: int, dtype: str) -> None:
    draw = Draw(seed, dtype)
    case = draw.case().changed(lambda x: dyadic(draw, *x.shape))
    assert_same_bits(of("compiled", case), of("numpy", case))


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("seed", range(12))
def test_two_calls_give_the_same_bits(seed: int, exact: bool) -> None:
    draw = Draw(seed, "float32")
    size = draw.whole(9, 40)
    case = draw.convolution(3, (size, size), (3, 3), (draw.whole(1, 40), draw.whole(1, 40)), padding=1, strides=draw.whole(1, 2))
    first = of("compiled", case, exact=exact)
    for _ in range(2):
        assert_same_bits(of("compiled", case.changed(np.copy), exact=exact), first)
