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


def several(outputs: Any = None) -> Any:
    """Two inputs, and what `outputs` makes of three ends."""
    one, other = Input((6, 6, 3), name="one"), Input((6, 6, 3), name="other")
    x = layers.Conv2D(4, 3, activation="relu")(one)
    y = layers.Add()([x, layers.Conv2D(4, 3)(other)])
    z = layers.ELU()(layers.Conv2D(4, 3)(y))
    ends = [layers.GlobalAveragePooling2D()(z), layers.Flatten()(x), y]
    return trained(Model([one, other], ends if outputs is None else outputs(ends)))


def pair_of_batches(count: int, seed: int) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((count, 6, 6, 3)).astype(np.float32) for _ in range(2)]


def listed(outputs: Any) -> list[Array]:
    return list(outputs.values()) if isinstance(outputs, dict) else outputs if isinstance(outputs, list) else [outputs]


@pytest.mark.parametrize(
    "outputs",
    [None, lambda ends: dict(zip("bac", ends, strict=True)), lambda ends: [ends[0]], lambda ends: ends[1]],
    ids=["a list", "a dict", "a list of one", "one"],
)
def test_several_inputs_and_outputs_come_and_go_as_those_of_the_model(outputs: Any) -> None:
    model = several(outputs)
    predictor = Predictor(model)
    for count, seed in ((3, 1), (3, 2), (1, 3), (3, 4)):
        batches = pair_of_batches(count, seed)
        want = model.predict_on_batch(batches)
        for x in (batches, dict(zip(("one", "other"), batches, strict=True))):
            got = predictor(x)
            assert type(got) is type(want)
            assert not isinstance(want, dict) or list(got) == list(want)
            for mine, right in zip(listed(got), listed(want), strict=True):
                assert_same(mine, right)


def test_an_output_may_be_an_input_or_twice_the_same() -> None:
    one = Input((6, 6, 3))
    y = layers.Conv2D(2, 3)(one)
    model = trained(Model(one, [one, y, y, layers.Flatten()(y)]))
    predictor, x = Predictor(model), images(model)
    kept = [item.copy() for item in predictor(x)]
    for got, before, want in zip(predictor(x), kept, model.predict_on_batch(x), strict=True):
        assert_same(got, want)
        got[...] = 7
        np.testing.assert_array_equal(before, want)
    np.testing.assert_array_equal(x, images(model))


def test_an_output_of_a_model_inside_may_be_used_alone() -> None:
    inside = Input((6, 6, 3))
    inner = Model(inside, [layers.Conv2D(2, 3)(inside), layers.Conv2D(3, 3)(inside)], name="inner")
    outer = Input((6, 6, 3))
    one, other = inner(layers.ReLU()(outer))
    model = trained(Model(outer, [layers.Conv2D(2, 3)(other), layers.Flatten()(one)]))
    predictor, x = Predictor(model), images(model)
    for got, want in zip(predictor(x), model.predict_on_batch(x), strict=True):
        assert_same(got, want)


@pytest.mark.parametrize(
    ("x", "kind", "message"),
    [
        ([], ShapeError, 'Predictor: x is a list of 0, but the model has 2: "one", "other"'),
        (np.ones((1, 6, 6, 3)), ArgumentTypeError, 'Predictor: x is one array, but the model has 2: "one", "other"'),
        ({"one": 1, "two": 2}, ShapeError, 'Predictor: x has the keys "one", "two", but the model has "one", "other"'),
    ],
    ids=["none", "one", "others"],
)
def test_inputs_that_are_missing_are_named(x: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as error:
        Predictor(several())(x)
    assert str(error.value).splitlines()[0] == message


class Halfway(layers.Layer):
    """Somebody's own layer, of NumPy."""

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        return np.sqrt(np.abs(x)), None


class Doubled(layers.Layer):
    """Somebody's own layer, of engines' kernels alone."""

    recordable = True

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        return current_engine().times(x, 2.0), None


class Pretender(Halfway):
    """One that says so and is not."""

    recordable = True


def programs_of(predictor: Predictor) -> list[int]:
    """How many steps each program has."""
    (prepared,) = predictor._programs.values()
    return [len(piece.steps) for piece, perform in prepared._performed if perform is not piece]


@compiled
@pytest.mark.parametrize(
    ("middle", "programs"),
    [(Halfway, [2, 2]), (Doubled, [5]), (Pretender, [2, 2]), (lambda: layers.Rescaling(0.5, offset=1.0), [2, 2])],
    ids=["numpy", "kernels", "a pretender", "ours"],
)
def test_steps_of_kernels_are_programs_on_both_sides_of_those_that_are_not(engine: str, middle: Any, programs: list[int]) -> None:
    model = chain(layers.Conv2D(4, 3), layers.MaxPooling2D(2), middle(), layers.Conv2D(4, 1), layers.Dense(3))
    predictor = Predictor(model)
    for seed in range(3):
        x = images(model, 3, seed)
        assert_same(predictor(x), model.predict_on_batch(x))
    if engine == "compiled":
        assert programs_of(predictor) == programs


@compiled
def test_a_branch_beside_a_step_of_numpy_goes_on_in_the_next_program(engine: str) -> None:
    one = Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same")(one)
    left, right = Halfway()(x), layers.Conv2D(4, 1)(x)
    model = trained(Model(one, layers.Conv2D(3, 3)(layers.Add()([right, left, x]))))
    predictor = Predictor(model)
    for seed in range(3):
        x = images(model, 3, seed)
        assert_same(predictor(x), model.predict_on_batch(x))
    if engine == "compiled":
        assert len(programs_of(predictor)) == 2


class Growing(layers.Layer):
    """A layer whose output depends on the numbers that it is given, not on their shape alone."""

    def forward(self, x: Array, **_mode: Any) -> tuple[Array, Any]:
        return x[:, : 4 + int(x[0, 0, 0, 0] > 0)], None


def test_a_program_is_not_used_for_values_of_another_shape() -> None:
    model = chain(Growing(), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D())
    predictor = Predictor(model)
    for sign in (1, -1, 1):
        x = sign * np.abs(images(model, 2))
        assert_same(predictor(x), model.predict_on_batch(x))


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
