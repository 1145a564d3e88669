"""What the eight functions do with everything they accept. What they refuse is another file's matter."""

from collections import OrderedDict, UserDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from convstep import (
    conv_backward,
    conv_forward,
    conv_single_step,
    create_mask_from_window,
    distribute_value,
    pool_backward,
    pool_forward,
    zero_pad,
)
from convstep.checks import Array

nan, inf = np.nan, np.inf
MODES = ["max", "average"]
STEP = MappingProxyType({"stride": 1, "pad": 0})
Hparameters = Mapping[str, Any]


# --- Every function as a call on arrays ---


@dataclass(frozen=True)
class Call:
    """One of the eight functions with all but its arrays decided; `run` returns every array that it makes."""

    shapes: tuple[tuple[int, ...], ...]
    run: Callable[..., tuple[Any, ...]]

    def draw(self, dtype: Any = np.float64, seed: int = 0) -> list[Array]:
        rng = np.random.default_rng(seed)
        return [np.asarray(rng.standard_normal(shape) * 3, dtype=dtype) for shape in self.shapes]


def forward(hparameters: Hparameters) -> Callable[..., tuple[Array, ...]]:
    return lambda A_prev, W, b: conv_forward(A_prev, W, b, hparameters)[:1]


def backward(hparameters: Hparameters) -> Callable[..., tuple[Array, ...]]:
    return lambda dZ, A_prev, W, b: conv_backward(dZ, (A_prev, W, b, hparameters))


def pooled(mode: str, hparameters: Hparameters) -> Callable[..., tuple[Array, ...]]:
    return lambda A_prev: pool_forward(A_prev, hparameters, mode)[:1]


def unpooled(mode: str, hparameters: Hparameters) -> Callable[..., tuple[Array, ...]]:
    return lambda dA, A_prev: (pool_backward(dA, (A_prev, hparameters), mode),)


CALLS = {
    "zero_pad by 2": Call(((2, 3, 4, 2),), lambda X: (zero_pad(X, 2),)),
    "zero_pad by 0": Call(((2, 3, 4, 2),), lambda X: (zero_pad(X, 0),)),
    "conv_single_step": Call(((3, 3, 2), (3, 3, 2), (1, 1, 1)), lambda a, W, b: (conv_single_step(a, W, b),)),
    "conv_forward": Call(((2, 5, 4, 2), (3, 3, 2, 3), (1, 1, 1, 3)), forward({"stride": 2, "pad": 1})),
    "conv_forward same": Call(((1, 5, 4, 2), (2, 2, 2, 3), (1, 1, 1, 3)), forward({"stride": 1, "pad": "same"})),
    "conv_forward 1x1": Call(((1, 3, 4, 1), (1, 1, 1, 1), (1, 1, 1, 1)), forward({"stride": 1, "pad": 0})),
    "pool_forward max": Call(((2, 5, 4, 2),), pooled("max", {"f": 2, "stride": 1})),
    "pool_forward average": Call(((2, 5, 4, 2),), pooled("average", {"f": 3, "stride": 1})),
    "pool_forward max 1x1": Call(((2, 3, 4, 2),), pooled("max", {"f": 1, "stride": 1})),
    "pool_forward average 1x1": Call(((2, 3, 4, 2),), pooled("average", {"f": 1, "stride": 1})),
    "conv_backward": Call(((2, 3, 2, 3), (2, 5, 4, 2), (3, 3, 2, 3), (1, 1, 1, 3)), backward({"stride": 2, "pad": 1})),
    "conv_backward 1x1": Call(((1, 3, 4, 1), (1, 3, 4, 1), (1, 1, 1, 1), (1, 1, 1, 1)), backward({"stride": 1, "pad": 0})),
    "create_mask_from_window": Call(((3, 4),), lambda x: (create_mask_from_window(x),)),
    "pool_backward max": Call(((2, 4, 3, 2), (2, 5, 4, 2)), unpooled("max", {"f": 2, "stride": 1})),
    "pool_backward average": Call(((2, 3, 2, 2), (2, 5, 4, 2)), unpooled("average", {"f": 3, "stride": 1})),
    "pool_backward average 1x1": Call(((2, 3, 4, 2), (2, 3, 4, 2)), unpooled("average", {"f": 1, "stride": 1})),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def bits(results: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Type, shape and bits of each result; of long doubles their digits, since they are stored with idle bytes."""
    arrays = [np.asarray(x) for x in results]
    return [(x.dtype.str, x.shape, repr(x.tolist()) if x.dtype.char == "g" else x.tobytes()) for x in arrays]


def frozen(x: Array) -> Array:
    x = x.copy()
    x.flags.writeable = False
    return x


def unaligned(x: Array) -> Array:
    room = np.empty(x.nbytes + 1, dtype=np.uint8)
    shifted: Array = room[1:].view(x.dtype).reshape(x.shape)
    shifted[...] = x
    assert not shifted.flags.aligned
    return shifted


LAYOUTS: dict[str, Callable[[Array], Any]] = {
    "Fortran order": np.asfortranarray,
    "all strides negative": lambda x: np.flip(np.flip(x).copy()),
    "every other cell of a larger array": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "the last axis slowest in memory": lambda x: np.moveaxis(np.moveaxis(x, -1, 0).copy(), 0, -1),
    "the other byte order": lambda x: x.astype(x.dtype.newbyteorder("S")),
    "unaligned": unaligned,
    "read-only": frozen,
    "a masked array without masked cells": np.ma.array,
    "nested lists": lambda x: x.tolist(),
    "nested tuples of NumPy scalars": lambda x: tuple(tuple(row) if x.ndim == 2 else row.tolist() for row in x),
}
every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


class TestMemory:
    @every_layout
    @every_call
    def test_every_layout_of_the_same_values_gives_the_same_bits(self, call: Call, layout: Callable[[Array], Any]) -> None:
        arrays = call.draw()
        assert bits(call.run(*(layout(x) for x in arrays))) == bits(call.run(*arrays))

    @every_layout
    @every_call
    def test_inputs_are_left_as_they_were_and_share_no_memory_with_results(self, call: Call, layout: Callable[[Array], Any]) -> None:
        given_ = [layout(x) for x in call.draw()]
        arrays = [x for x in given_ if isinstance(x, np.ndarray)]
        before = bits(tuple(arrays))
        results = call.run(*given_)
        assert bits(tuple(arrays)) == before
        assert not any(np.shares_memory(x, result) for x in arrays for result in results)
        assert all(np.asarray(result).dtype.isnative for result in results)

    @every_call
    def test_results_share_no_memory_with_each_other_and_can_be_written_to(self, call: Call) -> None:
        results = call.run(*(frozen(x) for x in call.draw()))
        arrays = [x for x in results if isinstance(x, np.ndarray)]
        assert not any(np.shares_memory(x, y) for x, y in product(arrays, arrays) if x is not y)
        assert all(x.flags.writeable for x in arrays)

    @every_call
    def test_two_calls_give_the_same_bits(self, call: Call) -> None:
        assert bits(call.run(*call.draw())) == bits(call.run(*call.draw()))

    @pytest.mark.parametrize("axis", [0, 1, 2])
    @every_call
    def test_a_view_that_repeats_its_values_counts_as_the_values(self, call: Call, axis: int) -> None:
        first = [np.take(x, [0], axis=min(axis, x.ndim - 1)) for x in call.draw()]
        views = [np.broadcast_to(x, shape) for x, shape in zip(first, call.shapes, strict=True)]
        assert bits(call.run(*views)) == bits(call.run(*(x.copy() for x in views)))

    @every_call
    def test_the_same_array_may_be_given_twice(self, call: Call) -> None:
        shared = np.random.default_rng(1).standard_normal(1000)
        views = [shared[: int(np.prod(shape))].reshape(shape) for shape in call.shapes]
        assert bits(call.run(*views)) == bits(call.run(*(x.copy() for x in views)))

    @pytest.mark.parametrize("mode", ["average", "max"])
    def test_zeros_of_both_signs_are_pooled_alike_in_every_layout(self, mode: str) -> None:
        run = pooled(mode, {"f": 3, "stride": 1})
        for seed in range(40):
            A_prev = np.random.default_rng(seed).choice([0.0, -0.0], (1, 5, 5, 2))
            assert all(bits(run(layout(A_prev))) == bits(run(A_prev)) for layout in LAYOUTS.values())


class TestTypes:
    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
    @every_call
    def test_the_type_of_floats_stays(self, call: Call, dtype: type[np.floating[Any]]) -> None:
        types = {np.asarray(result).dtype for result in call.run(*call.draw(dtype))}
        assert types == {np.dtype(dtype)} or types == {np.dtype(bool)}

    @pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64, np.uint64])
    @every_call
    def test_whole_numbers_and_booleans_count_as_float64(self, call: Call, dtype: type) -> None:
        most = 2 if dtype is bool else 100
        arrays: list[Array] = [np.random.default_rng(2).integers(0, most, shape).astype(dtype) for shape in call.shapes]
        assert bits(call.run(*arrays)) == bits(call.run(*(x.astype(np.float64) for x in arrays)))

    @every_call
    def test_float16_is_float32_rounded_once_at_the_end(self, call: Call) -> None:
        half = call.draw(np.float16)
        single = call.run(*(x.astype(np.float32) for x in half))
        rounded = tuple(np.asarray(x) if np.asarray(x).dtype == bool else np.asarray(x).astype(np.float16) for x in single)
        assert bits(call.run(*half)) == bits(rounded)

    def test_sums_in_float16_would_lose_what_these_keep(self) -> None:
        row = np.array([2048, 1, 1, 2], dtype=np.float16)
        ones = np.ones(4, dtype=np.float16)
        assert (row[0] + row[1], np.cumsum(row)[-1]) == (2048, 2050)  # in float16
        window, filters, bias = row.reshape(2, 2, 1), ones.reshape(2, 2, 1), np.zeros((1, 1, 1), dtype=np.float16)
        Z, _ = conv_forward(window[None], filters[..., None], bias[None], {"stride": 1, "pad": 0})
        A, _ = pool_forward(window[None], {"f": 2, "stride": 2}, "average")
        dA_prev, dW, db = conv_backward(window[None], (ones.reshape(1, 2, 2, 1), ones[:1].reshape(1, 1, 1, 1), bias[None], STEP))
        assert (conv_single_step(window, filters, bias), Z.item(), A.item(), dW.item(), db.item()) == (2052, 2052, 513, 2052, 2052)
        assert {x.dtype for x in (Z, A, dA_prev, dW, db)} == {np.dtype(np.float16)}

    def test_float16_overflows_only_at_the_end(self) -> None:
        large = np.full((2, 1, 1), 60000, dtype=np.float16)
        zero, signs = np.zeros((1, 1, 1), dtype=np.float16), np.array([1, -1], dtype=np.float16).reshape(2, 1, 1)
        assert conv_single_step(large, np.ones_like(large), zero) == inf
        assert conv_single_step(large * np.float16(1), signs, np.full_like(zero, 7)) == 7
        assert pool_forward(np.full((1, 2, 2, 1), 60000, dtype=np.float16), {"f": 2, "stride": 1}, "average")[0].item() == 60000

    @pytest.mark.parametrize(
        ("types", "result"),
        [
            (("f2", "f2", "f4"), "f4"),
            (("f4", "f2", "f2"), "f4"),
            (("f4", "f4", "f8"), "f8"),
            (("f4", "f8", "f4"), "f8"),
            (("f2", "f4", "f8"), "f8"),
            (("f4", "i4", "f4"), "f8"),
            (("u1", "f4", "f4"), "f8"),
            (("f2", "?", "f2"), "f8"),
            (("f8", "g", "f2"), "g"),
            (("i8", "g", "f4"), "g"),
        ],
    )
    @pytest.mark.parametrize("name", ["conv_single_step", "conv_forward"])
    def test_mixed_types_promote_as_numpy_promotes_floats(self, name: str, types: tuple[str, ...], result: str) -> None:
        arrays = [np.asarray(x * 4, dtype=t) for x, t in zip(CALLS[name].draw(), types, strict=True)]
        (output,) = CALLS[name].run(*arrays)
        assert output.dtype == np.dtype(result)
        (alone,) = CALLS[name].run(*(x.astype(result) for x in arrays))
        assert bits((output,)) == bits((alone,))

    @pytest.mark.parametrize(
        ("gradient", "images", "result"), [("f2", "f4", "f4"), ("f8", "f2", "f8"), ("i2", "f4", "f8"), ("f4", "?", "f8"), ("f4", "g", "g")]
    )
    @pytest.mark.parametrize("name", ["conv_backward", "pool_backward max", "pool_backward average"])
    def test_gradients_promote_with_what_they_come_back_to(self, name: str, gradient: str, images: str, result: str) -> None:
        d_output, *rest = CALLS[name].draw()
        outputs = CALLS[name].run(np.asarray(d_output * 4, dtype=gradient), *(np.asarray(x * 4, dtype=images) for x in rest))
        assert {x.dtype for x in outputs} == {np.dtype(result)}

    @pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.longdouble])
    @pytest.mark.parametrize("bias", [1, 1.5, True])
    def test_conv_single_step_returns_a_scalar_of_exactly_the_type_of_its_window(self, dtype: type[np.floating[Any]], bias: float) -> None:
        a, W, b = CALLS["conv_single_step"].draw(dtype)
        assert type(conv_single_step(a, W, b)) is dtype
        assert type(conv_single_step(a, W, b[0, 0, 0])) is dtype
        assert type(conv_single_step(a, W, bias)) is dtype
        assert conv_single_step(a, W, bias) == conv_single_step(a, W, np.full((1, 1, 1), bias, dtype=dtype))

    def test_small_whole_numbers_do_not_overflow(self) -> None:
        a, b = np.full((2, 2, 1), 127, dtype=np.int8), np.full((1, 1, 1), 100, dtype=np.uint8)
        assert conv_single_step(a, a, b) == 4 * 127 * 127 + 100
        assert pool_forward(a[None], {"f": 2, "stride": 1}, "average")[0].item() == 127

    def test_the_mask_compares_large_whole_numbers_exactly(self) -> None:
        assert create_mask_from_window([[2**53, 2**53 + 1], [0, 2**53 + 1]]).tolist() == [[False, True], [False, True]]

    def test_long_doubles_keep_their_digits(self) -> None:
        if np.finfo(np.longdouble).nmant < 60:
            pytest.skip("long double has no more digits than float64 on this machine")
        value = np.longdouble(1) + np.longdouble(2) ** -60
        cell, one = np.full((1, 1, 1, 1), value), np.ones((1, 1, 1, 1), dtype=np.longdouble)
        Z, cache = conv_forward(cell, one, 0 * one, STEP)
        A, pool_cache = pool_forward(cell, {"f": 1, "stride": 1})
        gradients = (*conv_backward(one, cache), *conv_backward(cell, (one, one, one, STEP)))
        assert [x.item() for x in (zero_pad(cell, 0), Z, A, *gradients)] == [value, value, value, 1, value, 1, value, value, value]
        assert [pool_backward(cell, pool_cache, mode).item() for mode in MODES] == [value, value]
        assert (conv_single_step(cell[0], one[0], 0), distribute_value(value, (1, 1)).item()) == (value, value)

    @pytest.mark.parametrize("dz", [2, 2.0, True, np.float16(2), np.float32(2), np.int8(2), np.array(2.0), np.longdouble(2)])
    @pytest.mark.parametrize("shape", [(2, 3), [2, 3], (np.int8(2), np.uint64(3))])
    def test_distribute_value_takes_any_number_and_any_pair(self, dz: Any, shape: Any) -> None:
        a = distribute_value(dz, shape)
        kind = np.asarray(dz).dtype
        assert (a.shape, a.dtype) == ((2, 3), kind if kind.kind == "f" else np.float64)
        assert np.array_equal(a, np.full((2, 3), a.dtype.type(dz) / a.dtype.type(6)))


class TestEmptyBatch:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
    @pytest.mark.parametrize("name", [name for name, call in CALLS.items() if len(call.shapes[-1]) == 4])
    def test_no_images_give_no_results_and_zero_gradients(self, name: str, dtype: type) -> None:
        call = CALLS[name]
        arrays = call.draw(dtype)
        batches = 1 if name.startswith(("conv_forward", "zero_pad", "pool_forward")) else 2
        results = call.run(*(x[:0] if place < batches else x for place, x in enumerate(arrays)))
        for result, usual in zip(results, call.run(*arrays), strict=True):
            gradient_of_parameters = name.startswith("conv_backward") and result is not results[0]
            assert result.shape == (usual.shape if gradient_of_parameters else (0, *usual.shape[1:]))
            assert result.dtype == usual.dtype
            assert not result.any()


class TestIeee:
    """NaN, infinities and signed zeros flow as the arithmetic of the loops has them, and nobody is warned."""

    @given(st.data())
    @pytest.mark.parametrize("pad", [0, 1])
    def test_conv_forward_is_the_sum_in_reading_order_to_the_last_bit(self, pad: int, data: st.DataObject) -> None:
        A_prev, W, b = (data.draw(hnp.arrays(np.float64, shape)) for shape in ((1, 3, 2, 2), (2, 2, 2, 1), (1, 1, 1, 1)))
        Z, _ = conv_forward(A_prev, W, b, {"stride": 1, "pad": pad})
        for (_, h, w, _), value in np.ndenumerate(Z):
            total = None
            for i, j, c in np.ndindex(2, 2, 2):
                row, column = h + i - pad, w + j - pad
                cell = float(A_prev[0, row, column, c]) if 0 <= row < 3 and 0 <= column < 2 else 0.0
                term = cell * float(W[i, j, c, 0])
                total = term if total is None else total + term
            assert total is not None
            assert same_number(value, total + b.item())

    @given(hnp.arrays(np.float64, (1, 3, 3, 1)))
    def test_pooling_is_the_mean_in_reading_order_and_the_greatest_value(self, A_prev: Array) -> None:
        average, greatest = (pool_forward(A_prev, {"f": 2, "stride": 1}, mode)[0] for mode in ("average", "max"))
        for h, w in np.ndindex(2, 2):
            p, q, r, s = (float(x) for x in A_prev[0, h : h + 2, w : w + 2, 0].ravel())
            assert same_number(average[0, h, w, 0], (p + q + r + s) / 4)
            expected = nan if any(np.isnan([p, q, r, s])) else max(p, q, r, s)
            assert np.array_equal(greatest[0, h, w, 0], expected, equal_nan=True)

    @pytest.mark.parametrize("special", [nan, inf, -inf])
    @every_call
    def test_no_special_value_raises_or_warns_whatever_the_caller_s_error_state(self, call: Call, special: float) -> None:
        arrays = call.draw()
        for x in arrays:
            x.ravel()[::3] = special
            x.ravel()[1::5] = 0
        with np.errstate(all="raise"):
            strict = call.run(*arrays)
            assert set(np.geterr().values()) == {"raise"}
        with np.errstate(all="warn"):
            assert bits(call.run(*arrays)) == bits(strict)

    @pytest.mark.parametrize("value", [1e308, 1e-308, 5e-324])
    @every_call
    def test_neither_overflow_nor_underflow_raises_or_warns(self, call: Call, value: float) -> None:
        with np.errstate(all="raise"):
            call.run(*(np.full(shape, value) for shape in call.shapes))

    @pytest.mark.parametrize("weight", [inf, -inf, nan])
    def test_zero_padding_times_infinity_is_nan(self, weight: float) -> None:
        Z, _ = conv_forward(np.ones((1, 1, 1, 1)), np.full((1, 1, 1, 1), weight), np.zeros((1, 1, 1, 1)), {"stride": 1, "pad": 1})
        assert np.isnan(Z).sum() == 9 - np.isinf(weight)
        assert same_number(Z[0, 1, 1, 0], weight)

    def test_an_infinite_gradient_meets_zeros_in_the_padding_and_in_the_filter(self) -> None:
        dZ = np.zeros((1, 3, 3, 1))
        dZ[0, 0, 0, 0] = inf
        dA_prev, dW, db = conv_backward(dZ, (np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 1)), np.zeros((1, 1, 1, 1)), {"stride": 1, "pad": 1}))
        assert (dA_prev.item(), db.item()) == (0, inf)  # it came from the padding, which is cut off
        assert np.isnan(dW.item())
        dA_prev, dW, db = conv_backward(dZ[:, :1, :1], (np.ones((1, 1, 1, 1)), np.zeros((1, 1, 1, 1)), np.zeros((1, 1, 1, 1)), STEP))
        assert np.isnan(dA_prev.item())
        assert (dW.item(), db.item()) == (inf, inf)

    @pytest.mark.parametrize("mode", MODES)
    def test_one_nan_makes_its_windows_nan_and_no_others(self, mode: str) -> None:
        A_prev = np.arange(9.0).reshape(1, 3, 3, 1)
        A_prev[0, 0, 0, 0] = nan
        A, _ = pool_forward(A_prev, {"f": 2, "stride": 1}, mode)
        assert np.isnan(A[0, :, :, 0]).tolist() == [[True, False], [False, False]]

    def test_a_window_with_a_nan_has_no_largest_value_and_passes_nothing_back(self) -> None:
        assert not create_mask_from_window([[nan, 1.0], [2.0, inf]]).any()
        assert not pool_backward(np.ones((1, 1, 1, 1)), (np.array([[[[nan], [1.0]], [[2.0], [3.0]]]]), {"f": 2, "stride": 1})).any()

    def test_infinities_are_the_largest_values_and_infinite_gradients_times_false_are_nan(self) -> None:
        assert create_mask_from_window([[inf, 1], [inf, -inf]]).tolist() == [[True, False], [True, False]]
        assert create_mask_from_window([[-inf, -inf]]).all()
        dA_prev = pool_backward(np.full((1, 1, 1, 1), inf), (np.array([[[[1.0], [2.0]], [[0.0], [0.0]]]]), {"f": 2, "stride": 1}))
        assert np.array_equal(dA_prev.ravel(), [nan, inf, nan, nan], equal_nan=True)

    @pytest.mark.parametrize(("dz", "share"), [(nan, nan), (inf, inf), (-inf, -inf), (-0.0, -0.0), (5e-324, 0.0)])
    def test_special_values_are_shared_as_they_are(self, dz: float, share: float) -> None:
        with np.errstate(all="raise"):
            assert all(same_number(x, share) for x in distribute_value(dz, (2, 2)).ravel())

    def test_negative_zero_keeps_its_sign_where_arithmetic_keeps_it(self) -> None:
        minus = np.full((1, 1, 1), -0.0)
        assert np.signbit(zero_pad(minus[None], 1)[0, :, :, 0]).tolist() == [[False] * 3, [False, True, False], [False] * 3]
        assert np.signbit(conv_single_step(minus, np.ones((1, 1, 1)), minus))
        assert not np.signbit(conv_single_step(minus, np.ones((1, 1, 1)), -minus))
        assert np.signbit([pool_forward(np.full((1, 2, 2, 1), -0.0), {"f": 2, "stride": 1}, mode)[0].item() for mode in MODES]).all()
        assert create_mask_from_window([[-0.0, 0.0], [-1.0, -0.0]]).tolist() == [[True, True], [False, True]]


def same_number(ours: Any, expected: float) -> bool:
    """Equal, and of one sign where both are zeros; all NaNs are one."""
    return bool(np.isnan(ours) and np.isnan(expected)) or bool(ours == expected and np.signbit(ours) == np.signbit(expected))


class TestTies:
    @pytest.mark.parametrize("ties", range(1, 10))
    def test_each_of_the_equal_maxima_gets_the_whole_gradient(self, ties: int) -> None:
        window = np.array([7.0] * ties + [1.0] * (9 - ties)).reshape(1, 3, 3, 1)
        dA_prev = pool_backward(np.full((1, 1, 1, 1), 5.0), (window, {"f": 3, "stride": 1}))
        assert dA_prev.ravel().tolist() == [5.0] * ties + [0.0] * (9 - ties)

    def test_overlapping_windows_add_up_what_they_pass_to_a_shared_maximum(self) -> None:
        dA_prev = pool_backward(np.array([[1.0, 10], [100, 1000]]).reshape(1, 2, 2, 1), (np.zeros((1, 3, 3, 1)), {"f": 2, "stride": 1}))
        assert dA_prev[0, :, :, 0].tolist() == [[1, 11, 10], [101, 1111, 1010], [100, 1100, 1000]]

    def test_each_channel_and_each_image_has_its_own_maximum(self) -> None:
        A_prev = np.zeros((2, 1, 2, 2))
        A_prev[0, 0, 0, 0] = A_prev[0, 0, 1, 1] = A_prev[1, 0, 1, 0] = A_prev[1, 0, 0, 1] = 1
        A, cache = pool_forward(np.repeat(A_prev, 2, axis=1), {"f": 2, "stride": 1})
        assert (A == 1).all()
        assert np.array_equal(pool_backward(A, cache), np.repeat(A_prev, 2, axis=1))

    @given(hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2), elements=st.integers(-2, 2)))
    def test_the_mask_is_true_at_the_cells_that_no_cell_exceeds(self, x: Array) -> None:
        assert create_mask_from_window(x).tolist() == [[not any(y > value for y in x.flat) for value in row] for row in x]


# --- Options, caches and sizes ---


class TestOptionsAndCaches:
    @pytest.mark.parametrize("kind", [dict, OrderedDict, UserDict, MappingProxyType])
    @pytest.mark.parametrize("integer", [int, np.int8, np.uint8, np.int64, np.uint64])
    def test_hparameters_are_any_mapping_of_any_integers(self, kind: Callable[..., Hparameters], integer: Callable[[int], Any]) -> None:
        A_prev, W, b = CALLS["conv_forward"].draw()
        plain, same = {"stride": 2, "pad": 1}, kind({"pad": integer(1), "stride": integer(2)})
        assert bits(forward(same)(A_prev, W, b)) == bits(forward(plain)(A_prev, W, b))
        dZ = np.ones((2, 3, 2, 3))
        assert bits(backward(same)(dZ, A_prev, W, b)) == bits(backward(plain)(dZ, A_prev, W, b))
        pool, same_pool = {"f": 2, "stride": 2}, kind({"stride": integer(2), "f": integer(2)})
        for mode in MODES:
            assert bits(pooled(mode, same_pool)(A_prev)) == bits(pooled(mode, pool)(A_prev))
            assert bits(unpooled(mode, same_pool)(dZ[:, :2, :, :2], A_prev)) == bits(unpooled(mode, pool)(dZ[:, :2, :, :2], A_prev))
        assert zero_pad(A_prev, integer(1)).shape == (2, 7, 6, 2)

    @pytest.mark.parametrize("kind", [tuple, list])
    @pytest.mark.parametrize("stride", [1, 2])
    def test_a_cache_by_hand_counts_as_the_function_s_own(self, kind: Callable[..., Any], stride: int) -> None:
        A_prev, W, b = CALLS["conv_forward"].draw()
        hparameters = {"stride": stride, "pad": 1}
        Z, own = conv_forward(A_prev, W, b, hparameters)
        by_hand = kind([A_prev.tolist(), W.copy(), np.asfortranarray(b), MappingProxyType(hparameters)])
        assert bits(conv_backward(Z, by_hand)) == bits(conv_backward(Z, own))
        A, own = pool_forward(A_prev, {"f": 2, "stride": stride})
        by_hand = kind([A_prev.tolist(), {"stride": stride, "f": 2}])
        for mode in MODES:
            assert bits((pool_backward(A, by_hand, mode),)) == bits((pool_backward(A, own, mode),))

    @pytest.mark.parametrize("as_given", [np.asarray, np.ndarray.tolist], ids=["arrays", "lists"])
    def test_a_cache_holds_the_very_arguments(self, as_given: Callable[[Array], Any]) -> None:
        A_prev, W, b = (as_given(x) for x in CALLS["conv_forward"].draw())
        hparameters, pool = {"stride": 2, "pad": 1}, {"f": 2, "stride": 1}
        _, cache = conv_forward(A_prev, W, b, hparameters)
        assert isinstance(cache, tuple)
        assert [id(x) for x in cache] == [id(A_prev), id(W), id(b), id(hparameters)]
        assert [id(x) for x in pool_forward(A_prev, pool)[1]] == [id(A_prev), id(pool)]
        assert (hparameters, pool) == ({"stride": 2, "pad": 1}, {"f": 2, "stride": 1})

    def test_max_is_the_mode_when_none_is_named(self) -> None:
        (A_prev,) = CALLS["pool_forward max"].draw()
        A, cache = pool_forward(A_prev, {"f": 2, "stride": 2})
        assert bits((A,)) == bits(pooled("max", {"f": 2, "stride": 2})(A_prev))
        assert bits((pool_backward(A, cache),)) == bits((pool_backward(A, cache, "max"),))

    @given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 5), st.integers(1, 4))
    def test_same_is_as_if_the_images_had_been_padded_before(self, n_H: int, n_W: int, f: int, stride: int) -> None:
        A_prev, W, b = whole_arrays(n_H * 100 + n_W, (1, n_H, n_W, 2), (f, f, 2, 2), (1, 1, 1, 2))
        Z, cache = conv_forward(A_prev, W, b, {"stride": stride, "pad": "same"})
        assert Z.shape == (1, -(-n_H // stride), -(-n_W // stride), 2)
        zeros = [max((-(-n // stride) - 1) * stride + f - n, 0) for n in (n_H, n_W)]
        pads = [(total // 2, total - total // 2) for total in zeros]
        padded = np.pad(A_prev, ((0, 0), *pads, (0, 0)))
        expected, full_cache = conv_forward(padded, W, b, {"stride": stride, "pad": 0})
        assert np.array_equal(Z, expected)
        (dA_prev, dW, db), (full, dW_full, db_full) = conv_backward(Z, cache), conv_backward(Z, full_cache)
        (top, _), (left, _) = pads
        assert np.array_equal(dA_prev, full[:, top : top + n_H, left : left + n_W])
        assert np.array_equal(dW, dW_full)
        assert np.array_equal(db, db_full)


class TestSizes:
    @pytest.mark.parametrize(("size", "f", "stride", "reached"), [(7, 3, 3, 6), (8, 2, 3, 8), (9, 2, 3, 8), (5, 2, 4, 2), (6, 1, 4, 5)])
    def test_rows_and_columns_that_no_window_reaches_change_nothing_and_get_no_gradient(
        self, size: int, f: int, stride: int, reached: int
    ) -> None:
        A_prev, W, b = whole_arrays(3, (1, size, size, 2), (f, f, 2, 3), (1, 1, 1, 3))
        Z, cache = conv_forward(A_prev, W, b, {"stride": stride, "pad": 0})
        assert np.array_equal(Z, conv_forward(A_prev[:, :reached, :reached], W, b, {"stride": stride, "pad": 0})[0])
        gradients = [conv_backward(np.ones_like(Z), cache)[0]]
        for mode in MODES:
            A, pool_cache = pool_forward(A_prev, {"f": f, "stride": stride}, mode)
            assert np.array_equal(A, pool_forward(A_prev[:, :reached, :reached], {"f": f, "stride": stride}, mode)[0])
            gradients.append(pool_backward(np.ones_like(A), pool_cache, mode))
        for gradient in gradients:
            assert not gradient[:, reached:].any()
            assert not gradient[:, :, reached:].any()
            assert gradient[:, :reached, :reached].any()

    def test_cells_between_windows_get_no_gradient(self) -> None:
        A_prev = np.arange(1.0, 26).reshape(1, 5, 5, 1)
        for mode in MODES:
            dA_prev = pool_backward(np.ones((1, 2, 2, 1)), (A_prev, {"f": 1, "stride": 3}), mode)
            assert np.argwhere(dA_prev[0, :, :, 0]).tolist() == [[0, 0], [0, 3], [3, 0], [3, 3]]

    @pytest.mark.parametrize("pad", [0, 1, 2, 5])
    @pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 4, 5), (3, 4, 3, 2)])
    def test_zero_pad_puts_zeros_around_height_and_width_only(self, shape: tuple[int, ...], pad: int) -> None:
        (X,) = whole_arrays(4, shape)
        X_pad = zero_pad(X + 100, pad)
        m, n_H, n_W, n_C = shape
        assert X_pad.shape == (m, n_H + 2 * pad, n_W + 2 * pad, n_C)
        assert np.array_equal(X_pad[:, pad : pad + n_H, pad : pad + n_W], X + 100)
        assert np.count_nonzero(X_pad) == X.size

    def test_windows_of_negative_numbers_have_negative_maxima(self) -> None:
        A_prev = -1 - np.arange(16.0).reshape(1, 4, 4, 1)
        assert pool_forward(A_prev, {"f": 2, "stride": 2})[0].ravel().tolist() == [-1, -3, -9, -11]

    def test_the_window_as_large_as_the_image_makes_one_output(self) -> None:
        A_prev, W, b = whole_arrays(5, (1, 3, 3, 2), (3, 3, 2, 1), (1, 1, 1, 1))
        Z, _ = conv_forward(A_prev, W, b, {"stride": 9, "pad": 0})
        assert Z.tolist() == [[[[np.sum(A_prev[0] * W[..., 0]) + b.item()]]]]


# --- The laws that make them what they are ---


def whole_arrays(seed: int, *shapes: tuple[int, ...]) -> list[Array]:
    """Small whole numbers as floats: their sums are exact, in any order."""
    rng = np.random.default_rng(seed)
    return [rng.integers(-9, 10, shape).astype(np.float64) for shape in shapes]


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[list[Array], dict[str, int]]:
    """Arguments of `conv_forward` in whole numbers."""
    m, n_H, n_W, n_C_prev, n_C, pad = (draw(st.integers(*ends)) for ends in ((0, 2), (1, 6), (1, 6), (1, 3), (1, 3), (0, 2)))
    f, stride = draw(st.integers(1, min(n_H, n_W) + 2 * pad)), draw(st.integers(1, 4))
    shapes = (m, n_H, n_W, n_C_prev), (f, f, n_C_prev, n_C), (1, 1, 1, n_C)
    return whole_arrays(draw(st.integers(0, 2**32)), *shapes), {"stride": stride, "pad": pad}


@st.composite
def poolings(draw: st.DrawFn) -> tuple[Array, dict[str, int]]:
    """Arguments of `pool_forward` in whole numbers, among which there are ties."""
    m, n_H, n_W, n_C = (draw(st.integers(*ends)) for ends in ((0, 2), (1, 7), (1, 7), (1, 3)))
    f, stride = draw(st.integers(1, min(n_H, n_W))), draw(st.integers(1, 4))
    return whole_arrays(draw(st.integers(0, 2**32)), (m, n_H, n_W, n_C))[0], {"f": f, "stride": stride}


def starts(size: int, f: int, stride: int) -> list[int]:
    """Where the windows begin, found by sliding one for as long as it fits."""
    return [start for start in range(size) if start % stride == 0 and start + f <= size]


class TestLaws:
    @given(convolutions())
    def test_conv_forward_is_a_dot_product_per_window_and_filter(self, case: tuple[list[Array], dict[str, int]]) -> None:
        (A_prev, W, b), hparameters = case
        Z, _ = conv_forward(A_prev, W, b, hparameters)
        padded, f, stride = zero_pad(A_prev, hparameters["pad"]), W.shape[0], hparameters["stride"]
        rows, columns = (starts(size, f, stride) for size in padded.shape[1:3])
        assert Z.shape == (A_prev.shape[0], len(rows), len(columns), W.shape[3])
        for (h, row), (w, column) in product(enumerate(rows), enumerate(columns)):
            window = padded[:, row : row + f, column : column + f]
            assert np.array_equal(Z[:, h, w], np.einsum("ijkl,jklc->ic", window, W) + b[0, 0, 0])

    @given(convolutions())
    def test_conv_single_step_is_one_cell_of_conv_forward(self, case: tuple[list[Array], dict[str, int]]) -> None:
        (A_prev, W, b), hparameters = case
        Z, _ = conv_forward(A_prev, W, b, hparameters)
        corner = zero_pad(A_prev, hparameters["pad"])[:, : W.shape[0], : W.shape[0]]
        for i, c in np.ndindex(A_prev.shape[0], W.shape[3]):
            assert conv_single_step(corner[i], W[..., c], b[..., c]) == Z[i, 0, 0, c]

    @given(convolutions(), st.integers(0, 99))
    def test_conv_backward_is_the_transpose_of_conv_forward_in_each_argument(
        self, case: tuple[list[Array], dict[str, int]], seed: int
    ) -> None:
        (A_prev, W, b), hparameters = case
        Z, cache = conv_forward(A_prev, W, b, hparameters)
        (dZ,) = whole_arrays(seed, Z.shape)
        dA_prev, dW, db = conv_backward(dZ, cache)
        assert (dA_prev.shape, dW.shape, db.shape) == (A_prev.shape, W.shape, b.shape)
        x, w, bias = whole_arrays(seed + 100, A_prev.shape, W.shape, b.shape)
        run = forward(hparameters)
        assert np.vdot(run(x, W, 0 * b)[0], dZ) == np.vdot(x, dA_prev)
        assert np.vdot(run(A_prev, w, 0 * b)[0], dZ) == np.vdot(w, dW)
        assert np.vdot(run(0 * A_prev, W, bias)[0], dZ) == np.vdot(bias, db)

    @given(convolutions(), st.integers(-3, 3), st.integers(-3, 3))
    def test_convolution_is_linear_in_each_argument(self, case: tuple[list[Array], dict[str, int]], s: int, t: int) -> None:
        (A_prev, W, b), hparameters = case
        x, w, bias = whole_arrays(7, A_prev.shape, W.shape, b.shape)
        none = 0 * b

        def run(*arrays: Array) -> Array:
            return forward(hparameters)(*arrays)[0]

        assert np.array_equal(run(s * A_prev + t * x, W, none), s * run(A_prev, W, none) + t * run(x, W, none))
        assert np.array_equal(run(A_prev, s * W + t * w, none), s * run(A_prev, W, none) + t * run(A_prev, w, none))
        assert np.array_equal(run(A_prev, W, s * b + t * bias), run(A_prev, W, none) + s * b + t * bias)

    @given(convolutions(), st.integers(-3, 3), st.integers(-3, 3))
    def test_conv_backward_is_linear_in_dz_and_the_bias_does_not_matter(
        self, case: tuple[list[Array], dict[str, int]], s: int, t: int
    ) -> None:
        (A_prev, W, b), hparameters = case
        Z, cache = conv_forward(A_prev, W, b, hparameters)
        dZ, other = whole_arrays(8, Z.shape, Z.shape)
        combined = conv_backward(s * dZ + t * other, (A_prev, W, b + 1, hparameters))
        for ours, one, two in zip(combined, conv_backward(dZ, cache), conv_backward(other, cache), strict=True):
            assert np.array_equal(ours, s * one + t * two)

    @given(poolings())
    def test_pool_forward_keeps_one_value_per_window_and_channel(self, case: tuple[Array, dict[str, int]]) -> None:
        A_prev, hparameters = case
        f, stride = hparameters["f"], hparameters["stride"]
        greatest, mean = (pool_forward(A_prev, hparameters, mode)[0] for mode in MODES)
        rows, columns = (starts(size, f, stride) for size in A_prev.shape[1:3])
        assert greatest.shape == mean.shape == (A_prev.shape[0], len(rows), len(columns), A_prev.shape[3])
        for (h, row), (w, column) in product(enumerate(rows), enumerate(columns)):
            window = A_prev[:, row : row + f, column : column + f]
            assert np.array_equal(greatest[:, h, w], window.max((1, 2)))
            assert np.array_equal(mean[:, h, w], window.sum((1, 2)) / f**2)

    @given(poolings(), st.integers(0, 99))
    def test_average_pooling_backward_is_the_transpose_of_forward(self, case: tuple[Array, dict[str, int]], seed: int) -> None:
        A_prev, hparameters = case
        cells = hparameters["f"] ** 2
        A, cache = pool_forward(A_prev, hparameters, "average")
        (dA,) = whole_arrays(seed, A.shape)
        dA_prev = pool_backward(cells * dA, cache, "average")  # every share is a whole number
        assert np.vdot(np.round(cells * A), dA) == np.vdot(A_prev, dA_prev)

    @given(poolings(), st.integers(0, 99))
    def test_max_pooling_backward_gives_each_gradient_to_every_cell_that_equals_the_output(
        self, case: tuple[Array, dict[str, int]], seed: int
    ) -> None:
        A_prev, hparameters = case
        f, stride = hparameters["f"], hparameters["stride"]
        A, cache = pool_forward(A_prev, hparameters)
        (dA,) = whole_arrays(seed, A.shape)
        expected = np.zeros_like(A_prev)
        for h, w in np.ndindex(*A.shape[1:3]):
            window = np.s_[:, h * stride : h * stride + f, w * stride : w * stride + f]
            expected[window] += np.where(A_prev[window] == A[:, h, None, w, None], dA[:, h, None, w, None], 0)
        assert np.array_equal(pool_backward(dA, cache), expected)

    @given(st.integers(1, 9), st.integers(1, 9), st.integers(-99, 99))
    def test_distribute_value_gives_every_cell_the_same_share_of_the_whole(self, n_H: int, n_W: int, share: int) -> None:
        assert distribute_value(share * n_H * n_W, (n_H, n_W)).tolist() == [[share] * n_W] * n_H
