"""What surrounds convolutions in a training step on the compiled engine: normalization, optimizers, memory that is used again."""

import threading
from typing import Any

import numpy as np
import pytest

from convstep import layers, models, use_engine
from convstep import random as convstep_random
from convstep.checks import Array
from convstep.engines.numpy import ENGINE as NUMPY
from convstep.runs.networks import small
from convstep.training import optimizers

pytest.importorskip("numba")

from convstep.engines.compiled import ENGINE, arrays
from convstep.engines.compiled.threads import set_threads

SHAPES = [(1, 1, 1), (1, 2, 3), (3, 5, 7), (2, 300, 1), (4, 97, 3), (2, 64, 17), (3, 33, 70), (2, 3, 300), (5, 1600, 16)]
types = pytest.mark.parametrize("dtype", [np.float32, np.float64])
shapes = pytest.mark.parametrize("shape", SHAPES)


def drawn(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> Array:
    return (np.random.default_rng(seed).standard_normal(shape) * 3 + 5).astype(dtype)


# --- normalization ---


@types
@shapes
def test_moments_are_at_least_as_near_as_numpys(shape: tuple[int, ...], dtype: Any) -> None:
    x = drawn(shape, dtype)
    wide = x.astype(np.longdouble).reshape(-1, shape[2])
    for got, near, want in zip(ENGINE.moments(x), NUMPY.moments(x), (wide.mean(axis=0), wide.var(axis=0)), strict=True):
        unit = (1 if dtype == np.float32 else 4) * np.finfo(dtype).eps * np.abs(want).max()
        assert np.abs(got - want).max() <= max(np.abs(near - want).max(), unit)


@types
@shapes
def test_normalizing_is_numpys_bits_and_so_is_its_gradient(shape: tuple[int, ...], dtype: Any) -> None:
    x, dy = drawn(shape, dtype), drawn(shape, dtype, 1)
    mean, inverse, gamma, beta, d_gamma, d_beta = (drawn(shape[2:], dtype, seed) for seed in range(2, 8))
    for scale, shift in ((gamma, beta), (gamma, None), (None, beta), (None, None)):
        np.testing.assert_array_equal(ENGINE.normalize(x, mean, inverse, scale, shift), NUMPY.normalize(x, mean, inverse, scale, shift))
        floored = ENGINE.normalize(x, mean, inverse, scale, shift, floor=True)
        np.testing.assert_array_equal(floored, NUMPY.normalize(x, mean, inverse, scale, shift, floor=True))
        np.testing.assert_array_equal(floored, np.maximum(ENGINE.normalize(x, mean, inverse, scale, shift), 0))
        arguments = dy, x, mean, inverse, scale, d_gamma, d_beta
        np.testing.assert_array_equal(ENGINE.normalize_to_x(*arguments), NUMPY.normalize_to_x(*arguments))


@types
@shapes
def test_gradients_of_gamma_and_beta_are_near(shape: tuple[int, ...], dtype: Any) -> None:
    x, dy, mean, inverse = (*(drawn(shape, dtype, seed) for seed in (0, 1)), *(drawn(shape[2:], dtype, seed) for seed in (2, 3)))
    wide = [item.astype(np.longdouble) for item in (dy, x, mean, inverse)]
    terms = wide[0] * (wide[1] - wide[2]) * wide[3]
    for got, want in zip(ENGINE.normalize_to_gamma_beta(dy, x, mean, inverse), (terms, wide[0]), strict=True):
        bound = 4 * np.finfo(dtype).eps * np.abs(want).sum(axis=(0, 1))
        assert (np.abs(got - want.sum(axis=(0, 1))) <= bound).all()


@shapes
def test_threads_change_no_bit_of_a_normalization(shape: tuple[int, ...]) -> None:
    x, dy, found = drawn(shape, np.float32), drawn(shape, np.float32, 1), []
    for count in (1, 2, 5):
        set_threads(count)
        found.append([*ENGINE.moments(x), *ENGINE.normalize_to_gamma_beta(dy, x, *ENGINE.moments(x))])
    set_threads(None)
    for other in found[1:]:
        for got, want in zip(other, found[0], strict=True):
            np.testing.assert_array_equal(got, want)


def test_batch_normalization_agrees_with_torch() -> None:
    torch = pytest.importorskip("torch")
    x, dy = drawn((6, 9, 8, 5), np.float32), drawn((6, 9, 8, 5), np.float32, 1)
    layer = layers.BatchNormalization(epsilon=1e-5)
    layer.ensure_built((None, *x.shape[1:]))
    y, cache = layer.forward(x, training=True)
    dx, gradients = layer.backward(dy, cache)
    given = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
    theirs = torch.nn.BatchNorm2d(5)
    out = theirs(given)
    out.backward(torch.tensor(dy.transpose(0, 3, 1, 2)))
    for got, want in ((y, out.detach()), (dx, given.grad)):
        np.testing.assert_allclose(got, want.numpy().transpose(0, 2, 3, 1), rtol=1e-4, atol=1e-4)
    for name, want in (("gamma", theirs.weight.grad), ("beta", theirs.bias.grad)):
        np.testing.assert_allclose(gradients[name], want.numpy(), rtol=1e-4, atol=1e-3)


# --- optimizers ---

OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "clipvalue": 0.5}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9, "weight_decay": 0.01}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
    ("Adam", {}),
    ("Adam", {"clipnorm": 0.3}),
    ("Adam", {"global_clipnorm": 1.0}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {"clipvalue": 0.1}),
]
LENGTHS = (1, 2, 7, 8, 9, 31, 64, 70, 2**14 - 1, 2**14 + 1, 40_000)


class Weights:
    def __init__(self, value: Array) -> None:
        self.value = value


def fifty_steps(engine: str, kind: str, options: dict[str, Any], dtype: Any) -> list[Array]:
    """The values, and what the optimizer remembers, between canaries."""
    rng = np.random.default_rng(0)
    memory = [np.full(size + 32, 7, dtype) for size in LENGTHS]
    items = [Weights(part[16:-16]) for part in memory]
    for item in items:
        item.value[...] = rng.standard_normal(item.value.size)
    optimizer = getattr(optimizers, kind)(0.01, **options)
    with use_engine(engine):
        for step in range(50):
            slopes = [rng.standard_normal(item.value.size).astype(dtype) for item in items]
            if step == 49:
                slopes[2][0], slopes[-1][17] = np.nan, np.inf
            optimizer.apply(items, slopes)
    for part in memory:
        assert (part[:16] == 7).all()
        assert (part[-16:] == 7).all()
    return [*(item.value for item in items), *optimizer.state().values()]


@types
@pytest.mark.parametrize(("kind", "options"), OPTIMIZERS, ids=str)
def test_fifty_steps_are_numpys_bits(kind: str, options: dict[str, Any], dtype: Any) -> None:
    for got, want in zip(*(fifty_steps(engine, kind, options, dtype) for engine in ("compiled", "numpy")), strict=True):
        np.testing.assert_array_equal(got, want)


def test_types_may_be_mixed_and_gradients_of_another_type() -> None:
    found = []
    for engine in ("compiled", "numpy"):
        items = [Weights(np.ones(5, dtype)) for dtype in (np.float32, np.float64, np.float16, np.float32)]
        slopes = [np.full(5, 0.3, dtype) for dtype in (np.float32, np.float64, np.float16, np.float64)]
        optimizer = optimizers.Adam()
        with use_engine(engine):
            for _ in range(3):
                optimizer.apply(items, slopes)
        found.append([item.value for item in items])
    for got, want in zip(*found, strict=True):
        np.testing.assert_array_equal(got, want)


def test_an_optimizer_of_ones_own_updates_blocks() -> None:
    class Signs(optimizers.Optimizer):
        def update(self, block: Any, rate: float) -> None:
            block.value[...] -= rate * np.sign(block.gradient)

    class HalfAdam(optimizers.Adam):
        def update(self, block: Any, rate: float) -> None:
            super().update(block, rate / 2)

    for kind, rate in ((Signs, 0.1), (HalfAdam, 0.1)):
        item = Weights(np.zeros(40_000, np.float32))
        kind(rate).apply([item], [np.full(40_000, 3, np.float32)])
        np.testing.assert_allclose(item.value, -0.1 if kind is Signs else -0.05, rtol=1e-5)


# --- memory ---


def test_memory_is_used_again_only_when_nothing_refers_to_it() -> None:
    kind, shape = np.dtype(np.float32), (200, 300)
    first = arrays.empty(shape, kind)
    first[...], place = 1, first.ctypes.data
    view = first[3:, ::2]
    del first
    second = arrays.empty(shape, kind)
    assert second.ctypes.data != place
    second[...] = 2
    assert (view == 1).all()
    del view
    third = arrays.empty(shape, kind)
    assert third.ctypes.data == place
    assert third.flags.carray
    assert third.ctypes.data % 64 == 0


def test_no_more_memory_is_kept_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "KEPT", 10_000_000)
    for size in range(1_000_000, 1_400_000, 50_000):
        arrays.empty((size,), np.dtype(np.float32))
        assert sum(size * len(left) for size, left in arrays._left.items()) <= 10_000_000


def test_threads_never_share_a_result() -> None:
    def work(number: int) -> None:
        for step in range(300):
            held = [arrays.empty((50_000,), np.dtype(np.float32)) for _ in range(3)]
            for i, array in enumerate(held):
                array.fill(number * 1000 + step * 3 + i)
            wrong.extend(number for i, array in enumerate(held) if not (array == number * 1000 + step * 3 + i).all())

    wrong: list[int] = []
    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_what_cannot_be_had_is_named_by_its_own_shape() -> None:
    with pytest.raises(MemoryError, match=r"shape \(1125899906842624,\) and data type float32"):
        arrays.empty((2**50,), np.dtype(np.float32))


# --- all of it ---


@pytest.mark.parametrize("make", [small, models.lenet5, models.happy_house], ids=lambda make: make.__name__)
def test_twenty_steps_lose_as_much_on_either_engine(make: Any) -> None:
    yes_or_no, losses = make is models.happy_house, []
    for engine in ("compiled", "numpy"):
        convstep_random.set_random_seed(3)
        rng = np.random.default_rng(0)
        with use_engine(engine):
            model = make()
            model.compile("adam", "binary_crossentropy" if yes_or_no else "sparse_categorical_crossentropy")
            shape, classes = model.input_shape[1:], 2 if yes_or_no else 10
            batches = [(rng.random((8, *shape), np.float32), rng.integers(0, classes, 8)) for _ in range(20)]
            losses.append([model.train_on_batch(x, y) for x, y in batches])
    np.testing.assert_allclose(losses[0], losses[1], atol=1e-4)
