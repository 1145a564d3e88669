"""Recorded programs do again what kernels did: on other numbers, in memory of their own, and never past a short cut that failed."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.convolutions import needs_numba

from convstep import set_threads, use_engine
from convstep.checks import Array
from convstep.engines import current_engine
from convstep.geometry import Axis, Window2d

pytestmark = needs_numba
SAME = Window2d(Axis(20, 3, 1, 1, (1, 1)), Axis(21, 3, 1, 1, (1, 1)))
CHANNELS = 24


@pytest.fixture(autouse=True, params=[True, False], ids=["exact", "fast"])
def compiled(request: pytest.FixtureRequest) -> Iterator[None]:
    with use_engine("compiled", exact=request.param):
        yield
    set_threads(None)


def drawn(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def images(seed: int = 1, count: int = 3) -> Array:
    return drawn(count, 20, 21, CHANNELS, seed=seed)


def weights(seed: int = 2) -> Array:
    return drawn(3, 3, CHANNELS, CHANNELS, seed=seed) / 10


def program(function: Any, *given: Array, frozen: bool = False) -> Any:
    from convstep.engines.compiled.program import Program

    return Program(function, given, frozen=frozen)


def deep(x: Array, w: Array, layers: int = 6) -> Array:
    """Layer after layer; what is between them ends on the way."""
    engine = current_engine()
    for _ in range(layers):
        x = engine.correlate(x, w, None, SAME, 1, floor=True)
        x = engine.plus(x, engine.times(x, 0.5), floor=False)
        x = engine.activate("tanh", x, 0.0, None)
    return x


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_program_gives_the_bits_of_its_function_on_other_numbers(frozen: bool, threads: int) -> None:
    set_threads(threads)
    w = weights()
    made = program(lambda x: [deep(x, w)], images(), frozen=frozen)
    np.testing.assert_array_equal(made.results[0], deep(images(), w))
    for seed in (3, 4, 1):
        np.testing.assert_array_equal(made(images(seed))[0], deep(images(seed), w))


def test_a_program_runs_on_no_more_threads_than_are_wanted_now_and_than_it_was_laid_out_for() -> None:
    w = weights()
    set_threads(4)
    made = program(lambda x: [deep(x, w)], images())
    for count in (1, 3, 9):
        set_threads(count)
        np.testing.assert_array_equal(made(images(3))[0], deep(images(3), w))
        assert made.table[:, 2].max() == min(count, 4)


def test_every_kernel_can_be_recorded() -> None:
    engine = current_engine()
    w, b = weights(), drawn(CHANNELS)
    halves = Window2d(Axis(20, 2, 2), Axis(21, 2, 2))

    def everything(x: Array, dy: Array) -> list[Array]:
        y = engine.correlate(x, w, b, SAME, 1, floor=False)
        pooled, total = engine.max_pool(y, halves), engine.window_sum(y, halves)
        mean, variance = engine.moments(x.reshape(3, -1, CHANNELS))
        return [
            y, pooled, total, engine.max_pool_to_x(pooled, y, halves, "first"), engine.window_sum_to_x(total, halves), mean, variance,
            engine.correlate_to_x(dy, w, SAME, 1), engine.correlate_to_w(dy, x, SAME, 1), engine.pixel_sum(dy),
            engine.activate("sigmoid", y, 0.0, None), engine.activate_to_x("relu", dy, y, 0.0), engine.softmax(y.reshape(-1, CHANNELS)),
            engine.plus(y, dy, floor=True), engine.times(y, 3.0),
        ]  # fmt: skip

    made = program(everything, images(1), images(2))
    again = [item.copy() for item in made(images(3), images(4))]
    for number, (got, want) in enumerate(zip(again, everything(images(3), images(4)), strict=True)):
        if number not in {5, 6}:  # moments end in NumPy
            np.testing.assert_array_equal(got, want, str(number))


# --- weights ---


def test_weights_that_change_in_place_are_read_again_unless_they_are_frozen() -> None:
    w, x = weights(), images()
    frozen, free = (program(lambda x: [deep(x, w, 1)], x, frozen=frozen) for frozen in (True, False))
    before = deep(x, w, 1)
    w *= np.float32(-0.5)
    np.testing.assert_array_equal(free(x)[0], deep(x, w, 1))
    np.testing.assert_array_equal(frozen(x)[0], before)
    assert len(frozen.table) < len(free.table)


def test_arrays_that_a_program_reads_live_as_long_as_it_does() -> None:
    import gc

    x = images()
    made, want = program(lambda x: [deep(x, weights(), 1)], x), deep(x, weights(), 1)
    gc.collect()
    other = [np.full((3, 3, CHANNELS, CHANNELS), np.nan, np.float32) for _ in range(50)]
    np.testing.assert_array_equal(made(x)[0], want)
    assert len(other) == 50


# --- memory ---


def memory_of(made: Any) -> int:
    """Bytes of all arrays that a recording keeps, each counted once."""
    kept = {id(item): item.nbytes for item in made.recording.kept if isinstance(item, np.ndarray) and item.base is None}
    return sum(kept.values())


def test_what_ends_on_the_way_leaves_its_memory_to_what_comes() -> None:
    w = weights()
    x = images(count=40)
    few, many = (program(lambda x, layers=layers: [deep(x, w, layers)], x) for layers in (2, 12))
    assert memory_of(many) - memory_of(few) < 10 * 9 * w.nbytes  # filters are transformed for each layer, images lie where others did
    assert 10 * 9 * w.nbytes < 3 * 10 * x.nbytes / 2


def test_results_lie_where_the_next_call_writes_and_arguments_are_copied() -> None:
    w = weights()
    x = images()
    made = program(lambda x: [deep(x, w)], x)
    first = made(x)[0]
    kept, given = first.copy(), x.copy()
    assert made(images(9))[0] is first
    assert not np.array_equal(first, kept)
    x.fill(np.nan)
    np.testing.assert_array_equal(made(given)[0], kept)


def test_two_programs_and_calls_between_them_do_not_meet() -> None:
    w = weights()
    one, other = (program(lambda x: [deep(x, w, 2)], images(count=count)) for count in (3, 5))
    for seed in range(4):
        got = one(images(seed))[0]
        want = deep(images(seed), w, 2)
        other(images(seed + 10, count=5))
        deep(images(seed + 20), w, 2)
        np.testing.assert_array_equal(got, want)


def test_a_function_that_fails_leaves_no_recording_behind() -> None:
    from convstep.engines.compiled.recording import current

    def failing(x: Array) -> list[Array]:
        deep(x, weights(), 1)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        program(failing, images())
    assert current.get() is None
    np.testing.assert_array_equal(program(lambda x: [deep(x, weights(), 1)], images())(images(5))[0], deep(images(5), weights(), 1))


# --- short cuts, and what is no kernel ---


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_program_says_where_a_short_cut_cannot_be_trusted(value: float) -> None:
    w = drawn(5, 5, 1, 16)  # windows of so few channels are added up, with zeros at their ends
    window = Window2d(Axis(24, 5), Axis(24, 5))
    engine = current_engine()
    calm, wild = drawn(2, 20, 20, 16, seed=3), drawn(2, 20, 20, 16, seed=4)
    wild[1, 5, 6, 1] = value

    def slid(x: Array) -> list[Array]:
        return [engine.correlate_to_x(x, w, window, 1)]

    made = program(slid, calm, frozen=True)
    want = slid(calm)[0]
    np.testing.assert_array_equal(made(calm)[0], want)
    assert made(wild) is None
    np.testing.assert_array_equal(made(calm)[0], want)
    recorded_wild = program(slid, wild, frozen=True)
    np.testing.assert_array_equal(recorded_wild.results[0], slid(wild)[0])
    assert recorded_wild(wild) is None
    np.testing.assert_allclose(recorded_wild(calm)[0], want, rtol=1e-5, atol=1e-5)


def test_numpys_part_of_a_function_is_not_done_again() -> None:
    """Which is why stretches and predictors try a program on other numbers before they trust it."""
    w = weights()

    def half_numpy(x: Array) -> list[Array]:
        return [current_engine().correlate(x - x.mean(), w, None, SAME, 1)]

    made = program(half_numpy, images())
    assert not np.array_equal(made(images(3))[0], half_numpy(images(3))[0])


def test_a_predictor_does_not_trust_a_program_with_numpy_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from convstep import Input, Sequential, layers
    from convstep.models import predictor
    from convstep.models.predicting import computing

    def centred(_step: Any, x: Array) -> Array:
        return np.asarray(x - x.mean())

    monkeypatch.setitem(computing.COMPUTE, layers.Flatten, centred)
    model = Sequential([Input((8, 8, 3)), layers.Conv2D(4, 3), layers.Flatten(), layers.Activation("tanh")])
    frozen = predictor.Predictor(model)
    for seed in range(3):
        x = drawn(2, 8, 8, 3, seed=seed)
        convolved = current_engine().correlate(x, model.layers[0].parameters[0].value, None, Window2d(Axis(8, 3), Axis(8, 3)), 1)
        np.testing.assert_allclose(frozen(x), np.tanh(convolved - convolved.mean()), rtol=1e-5, atol=1e-5)
