"""Calls of a frozen model: any batch from any thread, results that stay, weights of the moment at which it was made."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from tests.test_predictor import as_one_program, assert_same, chain, images, trained

from convstep import Input, Model, engines, layers, models, set_threads, use_engine
from convstep.checks import Array
from convstep.engines import current_engine
from convstep.errors import ArgumentTypeError, ShapeError
from convstep.models.predictor import SHAPES, Predictor

COMPILED = find_spec("numba") is not None
compiled = pytest.mark.skipif(not COMPILED, reason="numba compiles this engine, and it is not installed")
ENGINES = ["numpy", *(["compiled"] if COMPILED else [])]


@pytest.fixture(autouse=True, params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    with use_engine(request.param):
        yield request.param


def network() -> Any:
    return chain(
        layers.ZeroPadding2D(1), layers.Conv2D(20, 3), layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D(2),
        layers.Conv2D(33, 3, padding="same", activation="relu"), layers.DepthwiseConv2D(3, activation="tanh"),
        layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax"),
    )  # fmt: skip


# --- batches ---


def test_batches_of_every_size() -> None:
    model = network()
    predictor = Predictor(model)
    for count in [*range(SHAPES + 3), 40, 2, 0]:
        x = images(model, count, seed=count)
        want = model(x)
        assert_same(predictor(x), want)
        assert_same(predictor(x), want)
    assert len(predictor._programs) <= SHAPES


def test_images_of_every_size() -> None:
    model = chain(layers.Conv2D(5, 3, activation="relu"), layers.MaxPooling2D(2), layers.GlobalAveragePooling2D(), shape=(None, None, 2))
    predictor = Predictor(model)
    for size in (5, 8, 13, 5):
        x = np.random.default_rng(size).standard_normal((2, size, size + 2, 2)).astype(np.float32)
        assert_same(predictor(x), model.predict_on_batch(x))


@pytest.mark.parametrize(
    "change",
    [np.asfortranarray, lambda x: x[::-1], lambda x: x.astype(">f4"), lambda x: x.astype(np.float64), np.ma.asarray],
    ids=["Fortran order", "back to front", "other byte order", "float64", "masked"],
)
def test_batches_may_lie_and_be_written_in_any_way(change: Any) -> None:
    model = network()
    predictor, x = Predictor(model), images(model, 4)
    for _ in range(2):
        assert_same(predictor(change(x)), model.predict_on_batch(np.asarray(change(x))))


def test_a_batch_that_does_not_fit_is_refused_as_by_the_model() -> None:
    predictor = Predictor(network())
    with pytest.raises(ShapeError) as error:
        predictor(np.ones((2, 7, 8, 2), np.float32))
    assert str(error.value).splitlines()[0] == (
        'Predictor: the input "input_layer" must have the shape (None, 8, 8, 2), None for any length, not (2, 7, 8, 2)'
    )


def test_several_inputs_or_outputs_are_refused() -> None:
    one, other = Input((3,)), Input((3,))
    two = Model([one, other], layers.Add()([one, other]), name="two")
    with pytest.raises(ArgumentTypeError) as error:
        Predictor(two)
    assert str(error.value) == "Predictor: the model must have one input and one output, not 2 and 1\n  given model 'two'"
    ends = Model(one, [layers.Dense(2)(one), layers.Dense(1)(one)], name="ends")
    with pytest.raises(ArgumentTypeError) as error:
        Predictor(ends)
    assert str(error.value) == "Predictor: the model must have one input and one output, not 1 and 2\n  given model 'ends'"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("first", [True, False])
def test_what_is_not_finite_gives_what_the_model_gives(value: float, first: bool) -> None:
    model = chain(layers.Conv2D(16, 3, activation="relu"), layers.Conv2D(3, 3, activation="relu"), layers.MaxPooling2D(2))
    predictor, x = Predictor(model), images(model, 3)
    if not first:
        predictor(x)
    wild = x.copy()
    wild[1, 3, 4, 1] = value
    want = model.predict_on_batch(wild)
    assert not np.isfinite(want).all() or value == -np.inf
    np.testing.assert_allclose(predictor(wild), want, rtol=1e-5, atol=1e-5)
    assert_same(predictor(x), model.predict_on_batch(x))


@compiled
def test_short_cuts_that_cannot_be_trusted_are_not_taken(engine: str) -> None:
    model = chain(layers.Conv2D(64, 3, activation="relu"), shape=(16, 16, 64))  # Winograd's algorithm, in which an infinity spreads
    predictor, x = Predictor(model), images(model, 2)
    x[1, 5, 6, 0] = np.inf
    want = model.predict_on_batch(x)
    assert np.isfinite(want).sum() == want.size - np.isinf(want).sum() > 0
    np.testing.assert_array_equal(np.isfinite(predictor(x)), np.isfinite(want), engine)


# --- results ---


VIEWS: dict[str, list[Any]] = {
    "the network itself": [],
    "its end in another order": [layers.Permute((2, 1, 3))],
    "a part of its end": [layers.Cropping2D(1)],
    "its end flat": [layers.Permute((2, 1, 3)), layers.Flatten()],
}


@pytest.mark.parametrize("views", VIEWS)
@pytest.mark.parametrize("size", [6, 90])
def test_results_stay_when_others_are_computed(views: str, size: int) -> None:
    model = chain(layers.Conv2D(4, 3, activation="tanh"), *VIEWS[views], shape=(size, size, 2))
    predictor = Predictor(model)
    kept = [predictor(images(model, 2, seed)) for seed in range(5)]
    before = [y.copy() for y in kept]
    for seed in range(5, 9):
        predictor(images(model, 2, seed))[...] = 7  # and may be written to
    for y, was, seed in zip(kept, before, range(5), strict=True):
        np.testing.assert_array_equal(y, was)
        assert_same(y, model.predict_on_batch(images(model, 2, seed)))


def test_a_result_is_never_the_callers_own_array() -> None:
    for parts in ([layers.Dropout(0.5)], [layers.Flatten()], [layers.Permute((2, 1, 3))], [layers.Activation("linear")]):
        model = chain(*parts)
        predictor, x = Predictor(model), images(model)
        for _ in range(2):
            assert not np.shares_memory(predictor(x), x)
            assert_same(predictor(x), model.predict_on_batch(x))


def test_batches_stay_as_they_are() -> None:
    model = chain(layers.ReLU(), layers.Conv2D(3, 3))
    predictor, x = Predictor(model), images(model)
    before = x.copy()
    x.flags.writeable = False
    for _ in range(3):
        predictor(x)
    np.testing.assert_array_equal(x, before)


# --- weights ---


@pytest.mark.parametrize("where", ["in place", "replaced"])
def test_weights_that_change_afterwards_do_not_matter(where: str) -> None:
    inner = trained(models.Sequential([Input((4, 4, 4)), layers.Conv2D(4, 3, padding="same"), layers.PReLU(), layers.BatchNormalization()]))
    model = chain(
        layers.BatchNormalization(), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.PReLU(), layers.SeparableConv2D(4, 3),
        inner, layers.Conv2DTranspose(3, 3), layers.DepthwiseConv2D(3), layers.GlobalAveragePooling2D(), layers.Dense(4),
    )  # fmt: skip
    x = images(model)
    want, predictor, used = model.predict_on_batch(x), Predictor(model), Predictor(model)
    assert_same(used(x), want)
    for item in model.named_parameters().values():
        if where == "in place":
            item.value += np.float32(0.5)
        else:
            item.value = item.value + np.float32(0.5)
    assert np.abs(model.predict_on_batch(x) - want).max() > 0.01
    assert_same(predictor(x), want)
    assert_same(used(x), want)


def test_the_model_trains_on_beside_its_predictor() -> None:
    model = network()
    model.compile("sgd", "sparse_categorical_crossentropy")
    x = images(model, 4)
    want, predictor = model.predict_on_batch(x), Predictor(model)
    for step in range(6):
        model.train_on_batch(x, np.arange(4) % 3)
        assert_same(predictor(x), want)
        if step:
            assert_same(Predictor(model)(x), model.predict_on_batch(x), near=1e-4)


# --- engines and threads ---


def test_one_predictor_runs_on_every_engine() -> None:
    model = network()
    predictor, x = Predictor(model), images(model, 4)
    want = model.predict_on_batch(x)
    for name in ENGINES * 2:
        for exact in (True, False):
            with use_engine(name, exact=exact):
                assert_same(predictor(x), want)


@compiled
def test_programs_do_all_of_it_where_they_can(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    predictor, x = Predictor(model), images(model, 4)
    want = predictor(x)
    assert as_one_program(predictor)
    called: list[str] = []
    for kind in {type(step) for step in predictor._steps}:
        monkeypatch.setattr(kind, "__call__", lambda *_: called.append("step"))
    if engine == "compiled":
        np.testing.assert_array_equal(predictor(x), want)
        assert not called


@compiled
def test_the_number_of_threads_holds_for_programs_too() -> None:
    from convstep.engines.compiled.program import Program

    model = models.vgg((16, 16, 3))
    x = images(model, 8)
    with use_engine("compiled"):
        predictor = Predictor(model)
        made: list[Any] = []
        recorded = current_engine().program
        assert recorded is Program
        try:
            set_threads(4)
            token = engines._current.set(_noting(made))
            want = predictor(x)
            for count in (1, 2, 9):
                set_threads(count)
                np.testing.assert_array_equal(predictor(x), want)
                assert made[-1].table[:, 2].max() <= count
            engines._current.reset(token)
        finally:
            set_threads(None)


def _noting(made: list[Any]) -> Any:
    """The current engine, whose programs are noted."""
    from dataclasses import replace

    from convstep.engines.compiled.program import Program

    def program(*arguments: Any, **options: Any) -> Any:
        made.append(Program(*arguments, **options))
        return made[-1]

    return replace(current_engine(), program=program)


def test_threads_may_share_a_predictor(engine: str) -> None:
    model = network()
    predictor = Predictor(model)
    batches = [images(model, 1 + seed % 5, seed) for seed in range(10)]
    wanted = [model.predict_on_batch(x) for x in batches]
    together = threading.Barrier(6)

    def work(number: int) -> list[tuple[int, Array]]:
        with use_engine(engine):
            together.wait()
            return [(i, predictor(batches[i])) for i in np.random.default_rng(number).integers(0, 10, 60)]

    with ThreadPoolExecutor(6) as pool:
        for found in pool.map(work, range(6)):
            for i, y in found:
                assert_same(y, wanted[i])
