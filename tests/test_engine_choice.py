"""The engine is chosen for a block or from here on, thread by thread; on it, the eight functions are the steps but for rounding."""

import asyncio
import contextvars
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import convstep
from convstep import engines, fast, ops, steps, use_engine
from convstep.checks import Array
from convstep.engines import Engine, current_engine
from convstep.engines.numpy import ENGINE
from convstep.errors import MissingExtraError
from convstep.steps.tracing import FUNCTIONS
from convstep.testing import Case, assert_engine, cases

FLOATS = ("float16", "float32", "float64")
DEFAULT = "compiled" if find_spec("numba") else "numpy"
KERNELS = tuple(field.name for field in fields(Engine) if field.name not in {"name", "program"})


@pytest.fixture(autouse=True)
def choice() -> Iterator[None]:
    """Begin and end every test with no engine chosen."""
    token = engines._current.set(None)
    yield
    engines._current.reset(token)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Offer the engines "red" and "blue": NumPy's kernels, which write down that they were called."""
    called: list[str] = []

    def recorded(name: str, kernel: str) -> Callable[..., Array]:
        def call(*arguments: Any, **options: Any) -> Array:
            called.append(f"{name} {kernel}")
            result: Array = getattr(ENGINE, kernel)(*arguments, **options)
            return result

        return call

    for name in ("red", "blue"):
        kernels: dict[str, Any] = {kernel: recorded(name, kernel) for kernel in KERNELS}
        monkeypatch.setitem(engines._ENGINES, name, offered(replace(ENGINE, name=name, **kernels)))
    return called


def offered(engine: Engine) -> Callable[..., Engine]:
    """What `use_engine` calls for this engine."""

    def choose(*, exact: bool) -> Engine:
        return replace(engine, name=f"exact {engine.name}") if exact else engine

    return choose


@pytest.fixture
def without_numba(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An environment in which Numba is not installed."""
    choices = (engines.default_engine, engines._fastest)
    for choice in choices:
        choice.cache_clear()
    monkeypatch.setitem(sys.modules, "numba", None)
    yield
    for choice in choices:
        choice.cache_clear()


def chosen() -> str:
    return current_engine().name


# --- The choice ---


def test_where_nothing_was_chosen_the_compiled_engine_runs_if_numba_is_installed() -> None:
    assert chosen() == DEFAULT
    use_engine(DEFAULT)
    assert chosen() == DEFAULT


@pytest.mark.usefixtures("without_numba")
def test_where_nothing_was_chosen_the_numpy_engine_runs_if_numba_is_missing() -> None:
    assert current_engine() is ENGINE
    use_engine("numpy")
    assert current_engine() is ENGINE


@pytest.mark.usefixtures("without_numba")
@pytest.mark.parametrize(("op", "call"), [("use_engine", lambda: use_engine("compiled")), ("set_threads", lambda: convstep.set_threads(2))])
def test_without_numba_one_sentence_says_how_to_get_it(op: str, call: Callable[[], Any]) -> None:
    with pytest.raises(MissingExtraError) as error:
        call()
    assert str(error.value) == f'{op}: numba is not installed; this installs it: pip install "convstep[fast]"'
    assert current_engine() is ENGINE


@pytest.mark.skipif(DEFAULT == "numpy", reason="Numba is not installed")
def test_the_compiled_engine_may_be_chosen_exact() -> None:
    from convstep.engines.compiled import ENGINE as COMPILED
    from convstep.engines.compiled import EXACT

    with use_engine("compiled"):
        assert current_engine() is COMPILED
    with use_engine("compiled", exact=True):
        assert current_engine() is EXACT


def test_the_numpy_engine_is_exact_always() -> None:
    with use_engine("numpy", exact=True):
        assert current_engine() is ENGINE


@pytest.mark.usefixtures("calls")
def test_whether_sums_are_to_be_exact_is_told_to_the_engine() -> None:
    with use_engine("red", exact=True):
        assert chosen() == "exact red"
    with use_engine("red"):
        assert chosen() == "red"


def test_the_public_name_is_the_one_of_the_engines() -> None:
    assert convstep.use_engine is engines.use_engine
    assert convstep.set_threads is engines.set_threads


@pytest.mark.usefixtures("calls")
def test_a_call_alone_chooses_from_here_on() -> None:
    use_engine("red")
    assert chosen() == "red"
    use_engine("numpy")
    assert chosen() == "numpy"


@pytest.mark.usefixtures("calls")
def test_a_block_ends_with_what_was_chosen_before() -> None:
    with use_engine("red"):
        assert chosen() == "red"
    assert chosen() == DEFAULT
    use_engine("blue")
    with use_engine("red"):
        pass
    assert chosen() == "blue"


@pytest.mark.usefixtures("calls")
def test_blocks_nest() -> None:
    with use_engine("red"):
        with use_engine("blue"):
            with use_engine("numpy"):
                assert chosen() == "numpy"
            assert chosen() == "blue"
        assert chosen() == "red"
    assert chosen() == DEFAULT


@pytest.mark.usefixtures("calls")
def test_a_choice_inside_a_block_ends_with_the_block() -> None:
    with use_engine("red"):
        use_engine("blue")
        assert chosen() == "blue"
    assert chosen() == DEFAULT


@pytest.mark.usefixtures("calls")
def test_an_error_ends_the_block_and_passes() -> None:
    with pytest.raises(KeyError, match="mine"), use_engine("red"):
        raise KeyError("mine")
    assert chosen() == DEFAULT


@pytest.mark.usefixtures("calls")
def test_a_refused_name_leaves_the_choice_alone() -> None:
    use_engine("red")
    with pytest.raises(convstep.ShapeError):
        use_engine("green")
    assert chosen() == "red"


@pytest.mark.usefixtures("calls")
def test_every_thread_keeps_its_own_choice() -> None:
    names, together = ["red", "blue", "numpy"] * 4, threading.Barrier(12)

    def work(name: str) -> tuple[str, str, str]:
        before = chosen()
        use_engine(name)
        together.wait()
        with use_engine("red"):
            together.wait()
            inside = chosen()
        together.wait()
        return before, inside, chosen()

    use_engine("blue")
    with ThreadPoolExecutor(len(names)) as pool:
        results = list(pool.map(work, names))
    assert results == [(DEFAULT, "red", name) for name in names]
    assert chosen() == "blue"


@pytest.mark.usefixtures("calls")
def test_a_context_that_is_copied_takes_the_choice_along_and_keeps_it_to_itself() -> None:
    def work() -> str:
        before = chosen()
        use_engine("blue")
        return before

    use_engine("red")
    assert contextvars.copy_context().run(work) == "red"
    assert chosen() == "red"


@pytest.mark.usefixtures("calls")
def test_tasks_that_take_turns_keep_their_own_choice() -> None:
    async def work(name: str) -> list[str]:
        seen = []
        with use_engine(name):
            for _ in range(3):
                seen.append(chosen())
                await asyncio.sleep(0)
        return [*seen, chosen()]

    async def both() -> list[list[str]]:
        return list(await asyncio.gather(work("red"), work("blue")))

    assert asyncio.run(both()) == [["red"] * 3 + [DEFAULT], ["blue"] * 3 + [DEFAULT]]


# --- What runs on it ---

X, W, DY = np.ones((1, 4, 4, 2)), np.ones((2, 2, 2, 3)), np.ones((1, 3, 3, 3))
FLAT, ROWS = np.ones((3, 2)), np.ones((2, 3))
CONV, POOL = {"stride": 1, "pad": 0}, {"f": 2, "stride": 2}
B, DA = np.ones((1, 1, 1, 3)), np.ones((1, 2, 2, 2))
RUNS: list[tuple[str, Callable[[], Any], list[str]]] = [
    ("conv2d", lambda: ops.conv2d(X, W), ["correlate"]),
    ("conv2d_backward", lambda: ops.conv2d_backward(DY, X, W), ["correlate_to_x", "correlate_to_w", "pixel_sum"]),
    ("conv2d_transpose", lambda: ops.conv2d_transpose(DY, W), ["correlate_to_x"]),
    ("conv2d_transpose_backward", lambda: ops.conv2d_transpose_backward(X, DY, W), ["correlate", "correlate_to_w", "pixel_sum"]),
    ("dense", lambda: ops.dense(FLAT, ROWS), ["correlate"]),
    ("dense_backward", lambda: ops.dense_backward(np.ones((3, 3)), FLAT, ROWS), ["correlate_to_x", "correlate_to_w", "pixel_sum"]),
    ("max_pool2d", lambda: ops.max_pool2d(X, 2), ["max_pool"]),
    ("max_pool2d_backward", lambda: ops.max_pool2d_backward(DA, X, 2), ["max_pool_to_x"]),
    ("average_pool2d", lambda: ops.average_pool2d(X, 2), ["window_sum", "times"]),
    ("average_pool2d_backward", lambda: ops.average_pool2d_backward(DA, X, 2), ["times", "window_sum_to_x"]),
    ("conv_forward", lambda: fast.conv_forward(X, W, B, CONV), ["correlate"]),
    ("conv_backward", lambda: fast.conv_backward(DY, (X, W, B, CONV)), ["correlate_to_x", "correlate_to_w", "pixel_sum"]),
    ("pool_forward max", lambda: fast.pool_forward(X, POOL, "max"), ["max_pool"]),
    ("pool_forward average", lambda: fast.pool_forward(X, POOL, "average"), ["window_sum"]),
    ("pool_backward max", lambda: fast.pool_backward(DA, (X, POOL), "max"), ["max_pool_to_x"]),
    ("pool_backward average", lambda: fast.pool_backward(DA, (X, POOL), "average"), ["window_sum_to_x"]),
]


@pytest.mark.parametrize(("run", "kernels"), [row[1:] for row in RUNS], ids=[row[0] for row in RUNS])
def test_an_operation_runs_on_the_chosen_engine(run: Callable[[], Any], kernels: list[str], calls: list[str]) -> None:
    run()
    assert calls == []
    with use_engine("red"):
        run()
    assert calls == [f"red {kernel}" for kernel in kernels]


@pytest.mark.usefixtures("calls")
def test_a_partial_engine_falls_back_on_the_kernels_of_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    partial = replace(ENGINE, name="half", max_pool=lambda x, _window: x[:, :2, :2] * 0)
    monkeypatch.setitem(engines._ENGINES, "half", offered(partial))
    with use_engine("half"):
        assert not ops.max_pool2d(X, 2).any()
        np.testing.assert_array_equal(ops.average_pool2d(X, 2), np.ones((1, 2, 2, 2)))


# --- convstep.fast ---


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize("engine", sorted({"numpy", DEFAULT}))
def test_fast_is_the_steps_but_for_rounding_and_gives_the_same_bits_again(engine: str, seed: int, same: bool) -> None:
    with use_engine(engine):
        assert_engine(fast, count=240, dtypes=FLOATS, same=same, seed=seed)


def test_fast_has_the_eight_functions_and_no_others() -> None:
    assert sorted(fast.__all__) == sorted(FUNCTIONS)


def same_bits(one: Any, other: Any) -> bool:
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("case", list(cases(60, functions=("conv_forward", "pool_forward"), dtypes=FLOATS, same=True)), ids=str)
def test_caches_of_fast_and_of_the_steps_are_the_same(case: Case) -> None:
    Z, of_steps = getattr(steps, case.function)(*case.arguments)
    _, of_fast = getattr(fast, case.function)(*case.arguments)
    assert all(one is other for one, other in zip(of_steps, of_fast, strict=True))
    rng = np.random.default_rng(0)
    dZ, backward = np.asarray(rng.standard_normal(Z.shape), Z.dtype), case.function.replace("forward", "backward")
    mode = case.arguments[2:] if case.function == "pool_forward" else ()
    for module in (fast, steps):
        one, other = (getattr(module, backward)(dZ, cache, *mode) for cache in (of_steps, of_fast))
        assert same_bits(one if isinstance(one, tuple) else (one,), other if isinstance(other, tuple) else (other,))


@pytest.mark.parametrize("function", ["conv_forward", "pool_forward"])
@pytest.mark.parametrize("stride", [2**31, 2**63, 10**30])
def test_a_huge_stride_has_one_window_in_fast_as_in_the_steps(function: str, stride: int) -> None:
    hparameters = {"stride": stride, "pad": 0} if function == "conv_forward" else {"f": 2, "stride": stride}
    arguments = (X, W, B, hparameters) if function == "conv_forward" else (X, hparameters)
    (got, cache), (want, _) = getattr(fast, function)(*arguments), getattr(steps, function)(*arguments)
    np.testing.assert_array_equal(got, want)
    backward = function.replace("forward", "backward")
    for one, other in zip(getattr(fast, backward)(got, cache), getattr(steps, backward)(want, cache), strict=True):
        np.testing.assert_array_equal(one, other)


MISUSES: list[tuple[str, tuple[Any, ...]]] = [
    ("zero_pad", (X, -1)),
    ("zero_pad", (X[0], 1)),
    ("conv_single_step", (X[0], X[0, :1], 0.0)),
    ("conv_forward", (X, np.ones((2, 2, 5, 3)), B, CONV)),
    ("conv_forward", (X, W, B, {"stride": 0, "pad": 0})),
    ("conv_forward", (X, np.ones((5, 5, 2, 3)), B, CONV)),
    ("conv_backward", (DY[:, :1], (X, W, B, CONV))),
    ("conv_backward", (DY, (X, POOL))),
    ("pool_forward", (X, POOL, "mean")),
    ("pool_forward", (X, {"f": 9, "stride": 1})),
    ("pool_backward", (DA[:0], (X, POOL))),
    ("create_mask_from_window", (X,)),
    ("distribute_value", (1.0, (2, 0))),
]


@pytest.mark.parametrize(("function", "arguments"), MISUSES)
def test_fast_refuses_in_the_words_of_the_steps(function: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(convstep.ConvStepError) as of_steps:
        getattr(steps, function)(*arguments)
    with pytest.raises(convstep.ConvStepError) as of_fast:
        getattr(fast, function)(*arguments)
    assert (type(of_fast.value), str(of_fast.value)) == (type(of_steps.value), str(of_steps.value))
