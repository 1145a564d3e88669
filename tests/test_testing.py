"""The public test tools: they accept what is right, and name what is not."""

import types
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convstep import ArgumentTypeError, ShapeError, steps
from convstep.steps.tracing import FUNCTIONS
from convstep.testing import GradientCheck, assert_engine, cases, gradient_check

RNG = np.random.default_rng(7)
A_PREV, W, B = RNG.standard_normal((2, 5, 6, 3)), RNG.standard_normal((3, 3, 3, 4)), RNG.standard_normal((1, 1, 1, 4))


def check_convolution(hparameters: dict[str, Any]) -> GradientCheck:
    return gradient_check(
        lambda A_prev, W, b: steps.conv_forward(A_prev, W, b, hparameters),
        steps.conv_backward,
        {"A_prev": A_PREV, "W": W, "b": B},
        linear=True,
    )


@pytest.mark.parametrize("pad", [0, 1, 2, "same"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_gradients_of_a_convolution_are_its_slopes(stride: int, pad: int | str) -> None:
    assert check_convolution({"stride": stride, "pad": pad}).error <= 1e-11


@pytest.mark.parametrize(("f", "stride"), [(1, 1), (2, 1), (2, 2), (3, 2), (5, 1), (2, 3)])
def test_the_gradient_of_average_pooling_is_its_slope(f: int, stride: int) -> None:
    check = gradient_check(
        lambda A_prev: steps.pool_forward(A_prev, {"f": f, "stride": stride}, "average"),
        lambda dA, cache: steps.pool_backward(dA, cache, "average"),
        {"A_prev": A_PREV},
        linear=True,
    )
    assert check.error <= 1e-11


@pytest.mark.parametrize(("f", "stride"), [(1, 1), (2, 1), (2, 2), (3, 2), (5, 1), (2, 3)])
def test_the_gradient_of_max_pooling_is_its_slope_away_from_ties(f: int, stride: int) -> None:
    apart = RNG.permutation(A_PREV.size).reshape(A_PREV.shape)  # no two values are nearer than 1
    check = gradient_check(
        lambda A_prev: steps.pool_forward(A_prev, {"f": f, "stride": stride}),
        steps.pool_backward,
        {"A_prev": apart},
    )
    assert check.error <= 1e-8


def test_the_gradients_of_the_single_operations_are_their_slopes() -> None:
    step = gradient_check(
        lambda a, w, b: (steps.conv_single_step(a, w, b), (a, w, b)),
        lambda dz, cache: (dz * cache[1], dz * cache[0], np.full((1, 1, 1), dz)),
        {"a_slice_prev": A_PREV[0, :3, :3], "W": W[..., 0], "b": B[..., 0]},
        linear=True,
    )
    pad = gradient_check(
        lambda X: (steps.zero_pad(X, 2), None),
        lambda d_pad, _cache: d_pad[:, 2:-2, 2:-2],
        {"X": A_PREV},
        linear=True,
    )
    share = gradient_check(
        lambda dz: (steps.distribute_value(dz, (3, 4)), None), lambda da, _cache: da.sum() / 12, {"dz": 1.5}, linear=True
    )
    assert max(step.error, pad.error, share.error) <= 1e-11


def test_a_gradient_check_names_the_entry_that_is_furthest_off() -> None:
    def one_entry_off(dZ: Any, cache: Any) -> Any:
        dA_prev, dW, db = steps.conv_backward(dZ, cache)
        dW[2, 0, 1, 3] += 0.5
        dW[0, 0, 0, 0] += 0.25
        return dA_prev, dW, db

    check = gradient_check(
        lambda A_prev, W, b: steps.conv_forward(A_prev, W, b, {"stride": 1, "pad": 0}),
        one_entry_off,
        {"A_prev": A_PREV, "W": np.zeros_like(W), "b": B},
        linear=True,
    )
    assert (check.argument, check.index) == ("W", (2, 0, 1, 3))
    assert str(check) == (f"error {check.error:.1e}: furthest off is dW[2, 0, 1, 3], gradient {check.gradient!r}, slope {check.slope!r}")


def test_a_gradient_that_is_not_a_number_is_the_furthest_off() -> None:
    check = gradient_check(
        lambda x: (x * 2, None), lambda d, _cache: np.where(d == d[1], np.nan, 2 * d), {"x": [1.0, 2.0, 3.0]}, linear=True
    )
    assert check.error == np.inf
    assert np.isnan(check.gradient)
    assert check.index == (1,)


def test_a_gradient_check_leaves_its_arguments_as_they_were() -> None:
    before = A_PREV.copy()
    check_convolution({"stride": 1, "pad": 1})
    np.testing.assert_array_equal(A_PREV, before)


@pytest.mark.parametrize(
    ("gradients", "message"),
    [
        (lambda d: (d, d), "gradient_check: backward must return 1 gradients, not 2\n  given arguments ('x',)"),
        (
            lambda d: d[:1],
            "gradient_check: dx must have the shape of x, (2,), not (1,)\n  given arguments ('x',)",
        ),
    ],
)
def test_gradients_that_do_not_match_the_arguments_are_refused(gradients: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        gradient_check(lambda x: (x * 2, None), lambda d, _cache: gradients(d), {"x": [1.0, 2.0]})
    assert str(caught.value) == message


def test_cases_are_the_same_for_the_same_seed_and_others_for_another() -> None:
    first, again, other = ([str(case) for case in cases(40, seed=seed)] for seed in (1, 1, 2))
    assert first == again != other


def test_cases_cover_what_hides_mistakes() -> None:
    convolutions = [case.arguments for case in cases(200, functions=["conv_forward"], same=True)]
    assert any(A.shape[0] == 0 for A, *_ in convolutions)
    assert any(A.shape[1] > A.shape[2] for A, *_ in convolutions)
    assert any(A.shape[1] < A.shape[2] for A, *_ in convolutions)
    assert {"same", 0} <= {hp["pad"] for *_, hp in convolutions}
    assert any(hp["stride"] > W.shape[0] for _, W, _, hp in convolutions)
    windows = [case.arguments[0] for case in cases(200, functions=["create_mask_from_window"])]
    assert any((x == x.max()).sum() > 1 for x in windows)
    assert any(x.max() < 0 for x in windows)


@pytest.mark.parametrize("seed", range(3))
def test_the_steps_are_an_engine(seed: int) -> None:
    assert_engine(steps, count=320, dtypes=["float16", "float32", "float64"], same=True, seed=seed)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_single_functions_can_be_checked_by_name(name: str) -> None:
    assert_engine({name: getattr(steps, name)}, count=20)


def corners_without_stride(A_prev: Any, hparameters: Any, mode: str = "max") -> Any:
    """Pool with windows that start at (h, w)."""
    dense, _ = steps.pool_forward(A_prev, {"f": hparameters["f"], "stride": 1}, mode)
    A, cache = steps.pool_forward(A_prev, hparameters, mode)
    return dense[:, : A.shape[1], : A.shape[2]], cache


def crop_by_minus_pad(dZ: Any, cache: Any) -> Any:
    """Cut the padding off as the notebook's comment suggests."""
    A_prev, W, b, hparameters = cache
    pad = hparameters["pad"]
    dA_pad, dW, db = steps.conv_backward(dZ, (steps.zero_pad(A_prev, pad), W, b, {**hparameters, "pad": 0}))
    dA_prev = np.zeros_like(A_prev)
    dA_prev[:] = dA_pad[:, pad:-pad, pad:-pad]
    return dA_prev, dW, db


def ties_to_the_first(x: Any) -> Any:
    mask = np.zeros(x.shape, dtype=bool)
    mask.flat[np.argmax(x)] = True
    return mask


def pads_in_place(X: Any, pad: int) -> Any:
    X += 1.0
    return steps.zero_pad(X, pad)


@pytest.mark.parametrize(
    ("name", "function", "words"),
    [
        ("pool_forward", corners_without_stride, "pool_forward: A["),
        ("conv_backward", crop_by_minus_pad, "conv_backward: raised ValueError: could not broadcast"),
        ("create_mask_from_window", ties_to_the_first, "entries differ\n  given case"),
        ("zero_pad", pads_in_place, "zero_pad: an argument was changed\n"),
        ("zero_pad", lambda X, pad: np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)))[..., ::-1], "zero_pad: the result["),
        ("zero_pad", lambda X, pad: X if pad == 0 else steps.zero_pad(X, pad), "zero_pad: a result shares memory with an argument\n"),
        ("zero_pad", lambda X, pad: steps.zero_pad(X, pad).astype(np.float32), "holds float32, but the steps give float64\n"),
        ("zero_pad", lambda X, pad: steps.zero_pad(X, pad + 1), "zero_pad: the result has the shape ("),
        (
            "conv_single_step",
            lambda a, w, b: np.float64(steps.conv_single_step(a, w, b) + RNG.standard_normal()),
            "conv_single_step: two calls with the same arguments gave different bits\n",
        ),
        ("distribute_value", lambda dz, shape: steps.distribute_value(dz, shape) * (1 + 1e-14), "distribute_value: the result[0, 0] is "),
    ],
)
def test_a_wrong_function_is_told_how_it_differs(name: str, function: Callable[..., Any], words: str) -> None:
    with pytest.raises(AssertionError) as caught:
        assert_engine({name: function}, count=60)
    first, second = str(caught.value).split("\n")
    assert first.startswith(f"{name}: ")
    assert second.startswith("  given case ")
    assert f" of seed 0, {name}(" in second
    assert words in str(caught.value)


def test_nothing_to_check_is_refused() -> None:
    empty = types.SimpleNamespace()
    with pytest.raises(ArgumentTypeError) as caught:
        assert_engine(empty)
    assert str(caught.value) == (
        f"assert_engine: the implementation has none of the functions {', '.join(FUNCTIONS)}\n  given implementation namespace()"
    )


# --- caches: only what the steps' own backward pass makes of them counts


def returning(name: str, change: Callable[..., Any]) -> dict[str, Any]:
    """Return the steps' own function, with a changed cache."""

    def forward(*arguments: Any) -> Any:
        output, cache = getattr(steps, name)(*arguments)
        return output, change(*cache)

    return {name: forward}


def padded(A_prev: Any, W: Any, b: Any, hparameters: Any) -> Any:
    pad = hparameters["pad"]
    return steps.zero_pad(A_prev, pad), W, b, hparameters


REFUSED, LEADS = "the cache is refused by the backward pass: ", "the cache leads the backward pass of the steps to other gradients"
NO_CACHE = "cache must be the tuple (A_prev, W, b, hparameters) of conv_forward, not None"


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        pytest.param("conv_forward", lambda A_prev, W, b, hp: (W, A_prev, b, hp), f"{REFUSED}conv_backward: ", id="another order"),
        pytest.param("conv_forward", lambda *_: None, f"{REFUSED}conv_backward: {NO_CACHE}\n", id="none"),
        pytest.param("conv_forward", padded, f"{REFUSED}conv_backward: dZ must have the shape of Z, (", id="a padded A_prev"),
        pytest.param("conv_forward", lambda A_prev, W, b, hp: (A_prev, -W, b, hp), f"{LEADS}\n", id="another W"),
        pytest.param("pool_forward", lambda A_prev, hp: (-A_prev, hp), f"{LEADS}\n", id="another A_prev"),
        pytest.param("pool_forward", lambda _A_prev, hp: hp, f"{REFUSED}pool_backward: cache must be", id="hyperparameters only"),
    ],
)
def test_a_cache_is_judged_by_what_the_backward_pass_makes_of_it(name: str, change: Callable[..., Any], words: str) -> None:
    with pytest.raises(AssertionError) as caught:
        assert_engine(returning(name, change), count=60)
    assert str(caught.value).startswith(f"{name}: {words}")
    assert f"\n  given case {'0' if 'None' in words else ''}" in str(caught.value)


def test_a_cache_may_hold_more_room_than_the_steps_need() -> None:
    assert_engine(returning("conv_forward", lambda A_prev, W, b, hp: [A_prev.copy(), W.copy(), b.copy(), dict(hp)]), count=60)


def test_a_forward_pass_that_returns_no_pair_has_raised() -> None:
    with pytest.raises(AssertionError, match=r"^conv_forward: raised ValueError: too many values to unpack "):
        assert_engine({"conv_forward": lambda *arguments: (*steps.conv_forward(*arguments), None)}, count=20)


# --- kinds


@pytest.mark.parametrize(
    ("name", "change", "fact"),
    [
        ("conv_single_step", float, "the result must be a NumPy scalar, not "),
        ("conv_single_step", np.asarray, "the result must be a NumPy scalar, not an array of shape ()\n"),
        ("zero_pad", list, "the result must be an array, not ["),
        ("distribute_value", lambda a: a.tolist(), "the result must be an array, not [["),
        ("create_mask_from_window", lambda mask: mask.tolist(), "the result must be an array, not [["),
        ("pool_backward", list, "the result must be an array, not ["),
        ("conv_backward", lambda gradients: tuple(map(list, gradients)), "dA_prev must be an array, not ["),
        ("conv_backward", lambda gradients: (*gradients[:2], None), "db must be an array, not None\n"),
        ("conv_backward", lambda gradients: gradients[:2], "raised ValueError: zip() argument 2 is shorter than argument 1\n"),
    ],
)
def test_a_result_of_another_kind_is_told(name: str, change: Callable[[Any], Any], fact: str) -> None:
    with pytest.raises(AssertionError) as caught:
        assert_engine({name: lambda *arguments: change(getattr(steps, name)(*arguments))}, count=20)
    assert str(caught.value).startswith(f"{name}: {fact}")
    assert "\n  given case 0 of seed 0, " in str(caught.value) or name in {"zero_pad", "pool_backward", "conv_backward"}


# --- what is checked, and how often


@pytest.mark.parametrize(
    ("key", "kind", "told"),
    [
        ("pool_fwd", ShapeError, "'pool_fwd' (did you mean \"pool_forward\"?)"),
        ("conv_fwd", ShapeError, "'conv_fwd' (did you mean \"conv_forward\"?)"),
        ("relu", ShapeError, "'relu'"),
        (3, ArgumentTypeError, "3"),
    ],
)
def test_a_key_that_is_no_function_is_refused(key: Any, kind: type[Exception], told: str) -> None:
    words = " or ".join(f'"{name}"' for name in FUNCTIONS)
    with pytest.raises(kind) as caught:
        assert_engine({"zero_pad": steps.zero_pad, key: steps.pool_forward})
    message = f"assert_engine: a key of the implementation must be {words}, not {told}"
    assert str(caught.value) == f"{message}\n  given a key of the implementation {key!r}"


@pytest.mark.parametrize("names", [FUNCTIONS, FUNCTIONS[:1], FUNCTIONS[2:5]])
def test_count_is_of_each_function(names: tuple[str, ...]) -> None:
    called: Counter[str] = Counter()

    def counting(name: str) -> Callable[..., Any]:
        def function(*arguments: Any) -> Any:
            called[name] += 1
            return getattr(steps, name)(*arguments)

        return function

    assert_engine({name: counting(name) for name in names}, count=7)
    assert called == dict.fromkeys(names, 14)  # two calls of each must give the same bits


def first_of_ties(dA: Any, cache: Any, mode: str = "max") -> Any:
    """Hand the gradient of a window to the first of its largest cells."""
    return hand_out(dA, cache, mode, lambda mask: mask & (np.cumsum(mask).reshape(mask.shape) == 1))


def shared_ties(dA: Any, cache: Any, mode: str = "max") -> Any:
    """Share the gradient of a window among its largest cells."""
    return hand_out(dA, cache, mode, lambda mask: mask / mask.sum())


def hand_out(dA: Any, cache: Any, mode: str, part: Callable[[Any], Any]) -> Any:
    if mode != "max":
        return steps.pool_backward(dA, cache, mode)
    A_prev, hparameters = cache
    f, stride = hparameters["f"], hparameters["stride"]
    dA_prev = np.zeros_like(A_prev)
    for i, h, w, c in np.ndindex(dA.shape):
        at = i, slice(h * stride, h * stride + f), slice(w * stride, w * stride + f), c
        dA_prev[at] += part(A_prev[at] == A_prev[at].max()) * dA[i, h, w, c]
    return dA_prev


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("wrong", [first_of_ties, shared_ties])
def test_ties_are_found_by_default(wrong: Callable[..., Any], seed: int) -> None:
    with pytest.raises(AssertionError, match=r"^pool_backward: the result\[.*entries differ\n"):
        assert_engine({"pool_backward": wrong}, seed=seed)


@pytest.mark.parametrize("seed", range(12))
def test_a_mask_of_the_first_tie_is_found_by_default(seed: int) -> None:
    with pytest.raises(AssertionError, match=r"^create_mask_from_window: the result\[.*entries differ\n"):
        assert_engine({"create_mask_from_window": ties_to_the_first}, seed=seed)


def test_the_ties_of_this_file_are_the_only_mistake_in_it() -> None:
    assert_engine({"pool_backward": lambda dA, cache, mode: hand_out(dA, cache, mode, lambda mask: mask)})


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"dtypes": ()}, ShapeError, "cases: dtypes must be types of floats, not ()\n  given dtypes ()"),
        ({"dtypes": ("int64",)}, ShapeError, "cases: dtypes must be types of floats, not ('int64',)\n  given dtypes ('int64',)"),
        ({"seed": -1}, ShapeError, "cases: seed must be a whole number >= 0, not -1\n  given seed -1"),
        ({"seed": None}, ArgumentTypeError, "cases: seed must be a whole number >= 0, not None\n  given seed None"),
    ],
)
def test_options_that_draw_no_cases_are_refused(options: dict[str, Any], kind: type[Exception], message: str) -> None:
    for call in (lambda: list(cases(8, **options)), lambda: assert_engine(steps, **options)):
        with pytest.raises(kind) as caught:
            call()
        assert str(caught.value) == message


# --- gradient_check: what it cannot check, and large values


def twice(x: Any) -> Any:
    return 2 * x, None


def twice_backward(d: Any, _cache: Any) -> Any:
    return 2 * d


@pytest.mark.parametrize(
    ("forward", "arguments", "kind", "message"),
    [
        (twice, {}, ShapeError, "there is no entry to move\n  given arguments ()"),
        (twice, {"x": []}, ShapeError, "there is no entry to move\n  given arguments ('x',)"),
        (
            twice,
            [1.0, 2.0],
            ArgumentTypeError,
            "arguments must be a mapping of names to arrays\n  given arguments [1.0, 2.0]",
        ),
        (
            lambda x: 2 * x,
            {"x": [1.0, 2.0]},
            ArgumentTypeError,
            "forward must return (output, cache), not an array of shape (2,)\n  given arguments ('x',)",
        ),
        (
            lambda x: (x, x, x),
            {"x": [1.0]},
            ArgumentTypeError,
            "forward must return (output, cache), not ((1,), (1,), (1,))\n  given arguments ('x',)",
        ),
        (twice, {"x": "one"}, ArgumentTypeError, "x must hold real numbers, not text\n  given x 'one'"),
    ],
)
def test_what_cannot_be_checked_is_refused(forward: Callable[..., Any], arguments: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        gradient_check(forward, twice_backward, arguments)
    assert str(caught.value) == f"gradient_check: {message}"


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("size", [1e20, -1e20, 2.0**21, 1e-20])
def test_values_of_every_size_are_moved(size: float, linear: bool) -> None:
    arguments = {"x": [1.0, size, 3.0]}
    assert gradient_check(twice, twice_backward, arguments, linear=linear).error <= (1e-11 if linear else 1e-9)
    wrong = gradient_check(twice, lambda d, _cache: np.array([2.0, 2.1, 2.0]) * d, arguments, linear=linear)
    assert (wrong.argument, wrong.index) == ("x", (1,))
    assert wrong.error > 1e-3


def test_cases_of_no_function_are_refused() -> None:
    with pytest.raises(ShapeError) as caught:
        next(cases(1, functions=()))
    assert str(caught.value) == "cases: functions must name at least one of the eight\n  given functions ()"
