"""Every error message that the checks and the tracer can produce, matched whole: its class and both its lines."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from convstep import steps
from convstep.checks import listed
from convstep.errors import ArgumentTypeError, ConvStepError, OutOfMemoryError, ShapeError

Call = Callable[..., Any]

A, W, B = np.ones((2, 5, 6, 3)), np.ones((2, 2, 3, 4)), np.ones((1, 1, 1, 4))
DZ, DA = np.ones((2, 4, 5, 4)), np.ones((2, 4, 5, 3))
SLICE = np.ones((2, 2, 3))
CONV, POOL = {"stride": 1, "pad": 0}, {"f": 2, "stride": 1}
NOTHING: Any = None
NUMBER: Any = 4
TEXT: Any = "zero_pad"
GIVEN = "given A_prev (2, 5, 6, 3), W (2, 2, 3, 4), b (1, 1, 1, 4), hparameters"  # line 2 of a convolution, up to its hyperparameters


class HostileArray:
    def __array__(self, *arguments: Any, **keywords: Any) -> Any:
        raise RuntimeError("a stranger's own message")

    def __repr__(self) -> str:
        return "HostileArray()"


class FullArray(HostileArray):
    def __array__(self, *arguments: Any, **keywords: Any) -> Any:
        raise MemoryError("a stranger's own message")


class HostileRepr:
    def __repr__(self) -> str:
        raise RuntimeError("a stranger's own message")


class LongRepr:
    def __repr__(self) -> str:
        return "line\n" * 50


class HostileMapping(Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        raise RuntimeError("a stranger's own message")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("a stranger's own message")

    def __len__(self) -> int:
        return 2

    def __repr__(self) -> str:
        return "HostileMapping()"


class LyingLength:
    """Says that it is a sequence of four, and has none."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> float:
        raise ValueError("a stranger's own message")

    def __repr__(self) -> str:
        return "LyingLength()"


def paper(*shape: int, dtype: Any = bool) -> Any:
    """Return an array that exists on paper only: every cell is the same one."""
    return np.broadcast_to(np.ones((), dtype), shape)


def holding_itself() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


def refused(call: Callable[[], Any]) -> tuple[type[ConvStepError], str]:
    with pytest.raises(ConvStepError) as caught:
        call()
    return type(caught.value), str(caught.value)


# --- Arrays: (operation, argument, its axes or None for any, how it is called) ---

CONV_AXES, FILTER_AXES = ("m", "n_H_prev", "n_W_prev", "n_C_prev"), ("f", "f", "n_C_prev", "n_C")
ARRAYS: list[tuple[str, str, tuple[str, ...] | None, Call]] = [
    ("zero_pad", "X", ("m", "n_H", "n_W", "n_C"), lambda v: steps.zero_pad(v, 1)),
    ("conv_single_step", "a_slice_prev", ("f", "f", "n_C_prev"), lambda v: steps.conv_single_step(v, SLICE, 0.0)),
    ("conv_single_step", "W", ("f", "f", "n_C_prev"), lambda v: steps.conv_single_step(SLICE, v, 0.0)),
    ("conv_single_step", "b", None, lambda v: steps.conv_single_step(SLICE, SLICE, v)),
    ("conv_forward", "A_prev", CONV_AXES, lambda v: steps.conv_forward(v, W, B, CONV)),
    ("conv_forward", "W", FILTER_AXES, lambda v: steps.conv_forward(A, v, B, CONV)),
    ("conv_forward", "b", None, lambda v: steps.conv_forward(A, W, v, CONV)),
    ("pool_forward", "A_prev", CONV_AXES, lambda v: steps.pool_forward(v, POOL)),
    ("conv_backward", "dZ", None, lambda v: steps.conv_backward(v, (A, W, B, CONV))),
    ("conv_backward", "A_prev in the cache", CONV_AXES, lambda v: steps.conv_backward(DZ, (v, W, B, CONV))),
    ("conv_backward", "W in the cache", FILTER_AXES, lambda v: steps.conv_backward(DZ, (A, v, B, CONV))),
    ("conv_backward", "b in the cache", None, lambda v: steps.conv_backward(DZ, (A, W, v, CONV))),
    ("pool_backward", "dA", None, lambda v: steps.pool_backward(v, (A, POOL))),
    ("pool_backward", "A_prev in the cache", CONV_AXES, lambda v: steps.pool_backward(DA, (v, POOL))),
    ("create_mask_from_window", "x", ("n_H", "n_W"), steps.create_mask_from_window),
    ("distribute_value", "dz", None, lambda v: steps.distribute_value(v, (2, 2))),
]
SHAPED = [(op, name, axes, call) for op, name, axes, call in ARRAYS if axes]
ARRAY_IDS = [f"{op}-{name}" for op, name, _, _ in ARRAYS]

UNREADABLE, REPR = "cannot be read as an array of numbers", HostileRepr()
KEEPS_ITS_NAME: Any = type("Meta", (type,), {"__name__": property(HostileRepr.__repr__)})
NAMELESS = KEEPS_ITS_NAME("Nameless", (HostileRepr,), {})()
REAL, LINES = "must hold real numbers", "line " * 6 + "lin...ine " + "line " * 5 + "line"
NOT_NUMBERS: list[tuple[str, Any, str, str]] = [
    ("ragged list", [[1.0], [2.0, 3.0]], UNREADABLE, "[[1.0], [2.0, 3.0]]"),
    ("list that holds itself", holding_itself(), UNREADABLE, "[[[[[[[[[...]]]]]]]]]"),
    ("hostile __array__", HostileArray(), UNREADABLE, "HostileArray()"),
    ("length that lies", LyingLength(), UNREADABLE, "LyingLength()"),
    ("hostile __repr__", REPR, f"{REAL}, not <HostileRepr instance>", "<HostileRepr instance>"),
    ("long __repr__", LongRepr(), f"{REAL}, not {LINES}", LINES),
    ("None", None, f"{REAL}, not None", "None"),
    ("dict", {"f": 2}, f"{REAL}, not {{'f': 2}}", "{'f': 2}"),
    ("objects", np.array([None, 1.0]), f"{REAL}, not objects", "(2,)"),
    ("list with None", [None, 1.0], f"{REAL}, not objects", "[None, 1.0]"),
    ("None in an array", np.array(None), f"{REAL}, not None", "()"),
    ("text", "3", "must hold real numbers, not text", "'3'"),
    ("long text", "3" * 99, "must hold real numbers, not text", f"'{'3' * 32}...{'3' * 33}'"),
    ("array of variable text", np.array(["3", "4"], np.dtypes.StringDType()), "must hold real numbers, not text", "(2,)"),
    ("array of text", np.array(["3", "4"]), "must hold real numbers, not text", "(2,)"),
    ("bytes", b"3", "must hold real numbers, not bytes", "b'3'"),
    ("complex number", 1j, "must hold real numbers, not complex numbers", "1j"),
    ("complex array", np.ones((2, 2), complex), "must hold real numbers, not complex numbers", "(2, 2)"),
    ("date", np.datetime64("2020-01-02"), "must hold real numbers, not dates", "np.datetime64('2020-01-02')"),
    ("whole numbers beyond 64 bits", [2**64, 1], f"{REAL}, not whole numbers beyond 64 bits", "[18446744073709551616, 1]"),
    ("a whole number beyond 64 bits", 2**64, f"{REAL}, not whole numbers beyond 64 bits", "18446744073709551616"),
    ("a whole number far below", -(2**63) - 1, f"{REAL}, not whole numbers beyond 64 bits", "-9223372036854775809"),
    ("small whole numbers as objects", np.array([1, 2], object), f"{REAL}, not objects", "(2,)"),
    ("Python date", dt.date(2020, 1, 2), f"{REAL}, not datetime.date(2020, 1, 2)", "datetime.date(2020, 1, 2)"),
    ("span of time", np.timedelta64(3, "s"), "must hold real numbers, not spans of time", "np.timedelta64(3,'s')"),
    ("records", np.zeros(2, "i4,f8"), "must hold real numbers, not records", "(2,)"),
]


@pytest.mark.parametrize(("op", "name", "call"), [(op, name, call) for op, name, _, call in ARRAYS], ids=ARRAY_IDS)
@pytest.mark.parametrize(("value", "fact", "text"), [row[1:] for row in NOT_NUMBERS], ids=[row[0] for row in NOT_NUMBERS])
def test_what_is_no_array_of_real_numbers_is_refused_by_name(op: str, name: str, call: Call, value: Any, fact: str, text: str) -> None:
    assert refused(lambda: call(value)) == (ArgumentTypeError, f"{op}: {name} {fact}\n  given {name} {text}")


@pytest.mark.parametrize(("op", "name", "axes", "call"), ARRAYS, ids=ARRAY_IDS)
def test_masked_cells_are_counted_and_refused(op: str, name: str, axes: tuple[str, ...] | None, call: Call) -> None:
    shape = (2,) * len(axes or "four")
    value = np.ma.array(np.ones(shape), mask=np.indices(shape)[0] == 0)
    fact, of = f"{op}: {name} has {value.size // 2} masked cells to fill first", name.removesuffix(" in the cache")
    each = f"np.ma.filled(array, 0) for each masked array in {of}"
    assert refused(lambda: call(value)) == (ArgumentTypeError, f"{fact}\n  given {name} {shape}; try np.ma.filled({of}, 0)")
    assert refused(lambda: call(list(value))) == (ArgumentTypeError, f"{fact}\n  given {name} {shape}; try {each}")
    assert refused(lambda: call(tuple(value))) == (ArgumentTypeError, f"{fact}\n  given {name} {shape}; try {each}")


def test_one_masked_cell_is_one_cell() -> None:
    message = "create_mask_from_window: x has 1 masked cell to fill first\n  given x (1, 2); try np.ma.filled(x, 0)"
    value = np.ma.array([[1.0, 2.0]], mask=[[True, False]])
    assert refused(lambda: steps.create_mask_from_window(value)) == (ArgumentTypeError, message)


def test_masked_arrays_in_lists_of_lists_are_refused() -> None:
    inner = np.ma.array([[1.0, 2.0]], mask=[[True, False]])
    advice = "try np.ma.filled(array, 0) for each masked array in X"
    message = f"zero_pad: X has 2 masked cells to fill first\n  given X (1, 2, 1, 2); {advice}"
    assert refused(lambda: steps.zero_pad([[inner, inner]], 1)) == (ArgumentTypeError, message)


def test_a_masked_array_without_masked_cells_is_accepted() -> None:
    whole = np.ma.array(A, mask=False)
    for images in (whole, list(whole)):
        assert np.array_equal(steps.conv_forward(images, W, B, CONV)[0], steps.conv_forward(A, W, B, CONV)[0])


@pytest.mark.parametrize(("op", "name", "axes", "call"), SHAPED, ids=[f"{op}-{name}" for op, name, _, _ in SHAPED])
@pytest.mark.parametrize("more", [-1, 1])
def test_an_array_with_other_axes_is_refused(op: str, name: str, axes: tuple[str, ...], call: Call, more: int) -> None:
    shape = (2,) * (len(axes) + more)
    fact = f"{name} must have {len(axes)} axes ({', '.join(axes)}), not {len(shape)}"
    assert refused(lambda: call(np.ones(shape))) == (ShapeError, f"{op}: {fact}\n  given {name} {shape}")


@pytest.mark.parametrize(
    ("op", "name", "axes", "call", "empty"),
    [
        pytest.param(op, name, axes, call, i, id=f"{op}-{name}-{i}")
        for op, name, axes, call in SHAPED
        for i in range(len(axes))
        if axes[i] != "m"
    ],
)
def test_an_empty_axis_is_refused_by_name(op: str, name: str, axes: tuple[str, ...], call: Call, empty: int) -> None:
    shape = tuple(0 if i == empty else 2 for i in range(len(axes)))
    message = f"{op}: {name} has no cells: its axis {axes[empty]} is 0 long\n  given {name} {shape}"
    assert refused(lambda: call(np.ones(shape))) == (ShapeError, message)


# --- Whole numbers: (operation, argument, the least it may be, how it is called) ---

WHOLES: list[tuple[str, str, int, Call]] = [
    ("zero_pad", "pad", 0, lambda v: steps.zero_pad(A, v)),
    ("conv_forward", 'hparameters["stride"]', 1, lambda v: steps.conv_forward(A, W, B, {"stride": v, "pad": 0})),
    ("conv_forward", 'hparameters["pad"]', 0, lambda v: steps.conv_forward(A, W, B, {"stride": 1, "pad": v})),
    ("conv_backward", 'hparameters["stride"] in the cache', 1, lambda v: steps.conv_backward(DZ, (A, W, B, {"stride": v, "pad": 0}))),
    ("conv_backward", 'hparameters["pad"] in the cache', 0, lambda v: steps.conv_backward(DZ, (A, W, B, {"stride": 1, "pad": v}))),
    ("pool_forward", 'hparameters["f"]', 1, lambda v: steps.pool_forward(A, {"f": v, "stride": 1})),
    ("pool_forward", 'hparameters["stride"]', 1, lambda v: steps.pool_forward(A, {"f": 2, "stride": v})),
    ("pool_backward", 'hparameters["f"] in the cache', 1, lambda v: steps.pool_backward(DA, (A, {"f": v, "stride": 1}))),
    ("pool_backward", 'hparameters["stride"] in the cache', 1, lambda v: steps.pool_backward(DA, (A, {"f": 2, "stride": v}))),
    ("distribute_value", "shape[0]", 1, lambda v: steps.distribute_value(1.0, (v, 2))),
    ("distribute_value", "shape[1]", 1, lambda v: steps.distribute_value(1.0, [2, v])),
    ("trace", "limit", 1, lambda v: steps.trace(steps.zero_pad, A, 1, limit=v)),
]
WHOLE_IDS = [f"{op}-{name}" for op, name, _, _ in WHOLES]
NOT_WHOLE: list[tuple[str, Any, str]] = [  # what is wrong, the value, how it is told
    ("2.5", 2.5, "2.5"),
    ("2.0", 2.0, "2.0"),
    ("NumPy 2.0", np.float32(2.0), "np.float32(2.0)"),
    ("True", True, "True"),
    ("NumPy True", np.True_, "np.True_"),
    ("NaN", float("nan"), "nan"),
    ("infinity", float("inf"), "inf"),
    ("bytes", b"3", "b'3'"),
    ("None", None, "None"),
    ("pair", (1, 1), "(1, 1)"),
    ("array", np.array([1, 2]), "(2,)"),
    ("span of time", np.timedelta64(3, "s"), "np.timedelta64(3,'s')"),
    ("hostile __repr__", REPR, "<HostileRepr instance>"),
    ("nameless", NAMELESS, "an instance of Nameless"),
]


def rule(name: str, least: int) -> str:
    """Return what a whole number must be; one of them may be a word as well."""
    return f"{name} must be a whole number >= {least}" + (' or "same"' if name.startswith('hparameters["pad"]') else "")


@pytest.mark.parametrize(("op", "name", "least", "call"), WHOLES, ids=WHOLE_IDS)
@pytest.mark.parametrize(("value", "text"), [row[1:] for row in NOT_WHOLE], ids=[row[0] for row in NOT_WHOLE])
def test_what_is_no_whole_number_is_refused_by_name(op: str, name: str, least: int, call: Call, value: Any, text: str) -> None:
    shown = f"an array of shape {text}" if isinstance(value, np.ndarray) else text
    message = f"{op}: {rule(name, least)}, not {shown}\n  given {name} {text}"
    assert refused(lambda: call(value)) == (ArgumentTypeError, message)


@pytest.mark.parametrize(("op", "name", "least", "call"), WHOLES, ids=WHOLE_IDS)
def test_text_is_no_whole_number(op: str, name: str, least: int, call: Call) -> None:
    kind = ShapeError if name.startswith('hparameters["pad"]') else ArgumentTypeError  # a text of the wrong value, or no text at all
    assert refused(lambda: call("3")) == (kind, f"{op}: {rule(name, least)}, not '3'\n  given {name} '3'")


@pytest.mark.parametrize(("op", "name", "least", "call"), WHOLES, ids=WHOLE_IDS)
@pytest.mark.parametrize("below", [1, 5, np.int8(2), 10**30, 10**5000], ids=["1", "5", "int8", "10**30", "10**5000"])
def test_a_whole_number_that_is_too_small_is_refused(op: str, name: str, least: int, call: Call, below: int) -> None:
    value = least - below
    text = "-2**16609 or less" if below > 10**30 else str(int(value))
    message = f"{op}: {rule(name, least)}, not {text}\n  given {name} {text}"
    assert refused(lambda: call(value)) == (ShapeError, message)


# --- All others: (what is wrong, call, class, line 1, line 2 without its indent) ---

CONV_KEYS, POOL_KEYS = 'its keys are "stride" and "pad"', 'its keys are "f" and "stride"'
PYTORCH = "; try np.transpose(W, (2, 3, 1, 0)), if W is laid out as in PyTorch (n_C, n_C_prev, f, f)"
FIRST = "; try np.transpose(A_prev, (0, 2, 3, 1)), if A_prev has its channels first (m, n_C, n_H, n_W)"
SPACE = "and one process can address less than 140737488355328"


def shapes(a: tuple[int, ...] = A.shape, w: tuple[int, ...] = W.shape, b: tuple[int, ...] = B.shape, **hparameters: Any) -> Call:
    return lambda: steps.conv_forward(np.ones(a), np.ones(w), np.ones(b), {**CONV, **hparameters})


def conv(hparameters: Any) -> Call:
    return lambda: steps.conv_forward(A, W, B, hparameters)


def pool(hparameters: Any, mode: Any = "max") -> Call:
    return lambda: steps.pool_forward(A, hparameters, mode)


MODE = 'mode must be "max" or "average"'
MESSAGES: list[tuple[str, Call, type[ConvStepError], str, str]] = [
    # zero_pad
    (
        "a pad beyond any memory",
        lambda: steps.zero_pad(A, 10**30),
        ShapeError,
        f"zero_pad: X_pad would take 192000000000000000000000000001056000000000000000000000000001440 bytes, {SPACE}",
        "given X (2, 5, 6, 3), pad 1000000000000000000000000000000",
    ),
    (
        "a pad of 5001 digits",
        lambda: steps.zero_pad(A, 10**5000),
        ShapeError,
        f"zero_pad: X_pad would take 2**33226 or more bytes, {SPACE}",
        "given X (2, 5, 6, 3), pad 2**16609 or more",
    ),
    (
        "the first size that finds no address",
        lambda: steps.zero_pad(paper(1, 2**22, 2**22, 1, dtype=float), 0),
        ShapeError,
        f"zero_pad: X_pad would take 140737488355328 bytes, {SPACE}",
        "given X (1, 4194304, 4194304, 1), pad 0",
    ),
    # conv_single_step
    (
        "a window whose copy finds no address",
        lambda: steps.conv_single_step(paper(1, 1, 2**45), paper(1, 1, 2**45), 0.0),
        ShapeError,
        f"conv_single_step: a copy of a_slice_prev as float64 would take 281474976710656 bytes, {SPACE}",
        "given a_slice_prev (1, 1, 35184372088832), W (1, 1, 35184372088832), b ()",
    ),
    (
        "a window and a filter of two shapes",
        lambda: steps.conv_single_step(np.ones((2, 2, 3)), np.ones((2, 2, 1)), 0.0),
        ShapeError,
        "conv_single_step: a_slice_prev is (2, 2, 3) but W is (2, 2, 1): both must have one shape",
        "given a_slice_prev (2, 2, 3), W (2, 2, 1), b ()",
    ),
    (
        "a bias for each cell of a step",
        lambda: steps.conv_single_step(SLICE, SLICE, np.ones((2, 2, 3))),
        ShapeError,
        "conv_single_step: b must be one number, of shape (1, 1, 1), not (2, 2, 3)",
        "given a_slice_prev (2, 2, 3), W (2, 2, 3), b (2, 2, 3)",
    ),
    # conv_forward
    (
        "no mapping",
        conv((1, 0)),
        ArgumentTypeError,
        'conv_forward: hparameters must be a mapping with the keys "stride" and "pad"',
        "given hparameters (1, 0)",
    ),
    (
        "a mapping that cannot be read",
        conv(HostileMapping()),
        ArgumentTypeError,
        "conv_forward: hparameters cannot be read as a mapping",
        "given hparameters HostileMapping()",
    ),
    (
        "a key left out",
        conv({"stride": 1}),
        ShapeError,
        f'conv_forward: hparameters has no key "pad"; {CONV_KEYS}',
        "given hparameters {'stride': 1}",
    ),
    ("no key at all", conv({}), ShapeError, f'conv_forward: hparameters has no key "stride"; {CONV_KEYS}', "given hparameters {}"),
    (
        "a key misspelt",
        conv({"Stirde": 1, "pad": 0}),
        ShapeError,
        f"conv_forward: hparameters has a key 'Stirde' (did you mean \"stride\"?); {CONV_KEYS}",
        "given hparameters {'Stirde': 1, 'pad': 0}",
    ),
    (
        "a key too many",
        conv({**CONV, "f": 2}),
        ShapeError,
        f"conv_forward: hparameters has a key 'f'; {CONV_KEYS}",
        "given hparameters {'stride': 1, 'pad': 0, 'f': 2}",
    ),
    (
        "a key that is no text",
        conv({**CONV, 3: 2}),
        ShapeError,
        f"conv_forward: hparameters has a key 3; {CONV_KEYS}",
        "given hparameters {'stride': 1, 'pad': 0, 3: 2}",
    ),
    (
        "a padding in Keras's capitals",
        conv({"stride": 1, "pad": "SAME"}),
        ShapeError,
        'conv_forward: hparameters["pad"] must be a whole number >= 0 or "same", not \'SAME\' (did you mean "same"?)',
        "given hparameters[\"pad\"] 'SAME'",
    ),
    (
        "many hyperparameters",
        conv({str(i): i for i in range(9)}),
        ShapeError,
        f"conv_forward: hparameters has a key '0'; {CONV_KEYS}",
        "given hparameters {'0': 0, '1': 1, '2': 2, '3': 3, ...}",
    ),
    (
        "filters that are not square",
        shapes(w=(2, 3, 3, 4)),
        ShapeError,
        "conv_forward: W must be square, but its first two axes are 2 and 3",
        "given A_prev (2, 5, 6, 3), W (2, 3, 3, 4), b (1, 1, 1, 4), hparameters {'stride': 1, 'pad': 0}",
    ),
    (
        "filters of PyTorch",
        shapes(w=(4, 3, 2, 2)),
        ShapeError,
        "conv_forward: W must be square, but its first two axes are 4 and 3",
        f"given A_prev (2, 5, 6, 3), W (4, 3, 2, 2), b (1, 1, 1, 4), hparameters {{'stride': 1, 'pad': 0}}{PYTORCH}",
    ),
    (
        "filters of PyTorch with as many filters as channels",
        shapes(w=(3, 3, 2, 2)),
        ShapeError,
        "conv_forward: A_prev has 3 channels but W expects 2 (last axis of A_prev, third axis of W)",
        f"given A_prev (2, 5, 6, 3), W (3, 3, 2, 2), b (1, 1, 1, 4), hparameters {{'stride': 1, 'pad': 0}}{PYTORCH}",
    ),
    (
        "channels first",
        shapes(a=(2, 3, 5, 6)),
        ShapeError,
        "conv_forward: A_prev has 6 channels but W expects 3 (last axis of A_prev, third axis of W)",
        f"given A_prev (2, 3, 5, 6), W (2, 2, 3, 4), b (1, 1, 1, 4), hparameters {{'stride': 1, 'pad': 0}}{FIRST}",
    ),
    (
        "one channel for many",
        shapes(a=(2, 5, 6, 1)),
        ShapeError,
        "conv_forward: A_prev has 1 channel but W expects 3 (last axis of A_prev, third axis of W)",
        "given A_prev (2, 5, 6, 1), W (2, 2, 3, 4), b (1, 1, 1, 4), hparameters {'stride': 1, 'pad': 0}",
    ),
    (
        "one filter channel for many",
        shapes(w=(2, 2, 1, 4)),
        ShapeError,
        "conv_forward: A_prev has 3 channels but W expects 1 (last axis of A_prev, third axis of W)",
        "given A_prev (2, 5, 6, 3), W (2, 2, 1, 4), b (1, 1, 1, 4), hparameters {'stride': 1, 'pad': 0}",
    ),
    (
        "one bias for many",
        shapes(b=(1, 1, 1, 1)),
        ShapeError,
        "conv_forward: b must have the shape (1, 1, 1, n_C) = (1, 1, 1, 4), not (1, 1, 1, 1)",
        "given A_prev (2, 5, 6, 3), W (2, 2, 3, 4), b (1, 1, 1, 1), hparameters {'stride': 1, 'pad': 0}",
    ),
    (
        "biases in a row",
        shapes(b=(4,)),
        ShapeError,
        "conv_forward: b must have the shape (1, 1, 1, n_C) = (1, 1, 1, 4), not (4,)",
        "given A_prev (2, 5, 6, 3), W (2, 2, 3, 4), b (4,), hparameters {'stride': 1, 'pad': 0}; try np.reshape(b, (1, 1, 1, 4))",
    ),
    (
        "a window larger than the image",
        shapes(a=(2, 5, 1, 3)),
        ShapeError,
        "conv_forward: the window does not fit: f = 2, but the image has 1 column",
        "given A_prev (2, 5, 1, 3), W (2, 2, 3, 4), b (1, 1, 1, 4), hparameters {'stride': 1, 'pad': 0}",
    ),
    (
        "a window larger than the padded image",
        shapes(w=(8, 8, 3, 4), pad=1, stride=2),
        ShapeError,
        "conv_forward: the window does not fit: f = 8, but the image has 7 rows with its padding of 1 and 1",
        "given A_prev (2, 5, 6, 3), W (8, 8, 3, 4), b (1, 1, 1, 4), hparameters {'stride': 2, 'pad': 1}",
    ),
    (
        "padding beyond any memory",
        shapes(pad=10**30),
        ShapeError,
        f"conv_forward: the padded A_prev would take 192000000000000000000000000001056000000000000000000000000001440 bytes, {SPACE}",
        f"{GIVEN} {{'stride': 1, 'pad': 1000000000000000000000000000000}}",
    ),
    (
        "padding of 5001 digits",
        shapes(pad=10**5000),
        ShapeError,
        f"conv_forward: the padded A_prev would take 2**33226 or more bytes, {SPACE}",
        f"{GIVEN} {{'stride': 1, 'pad': 2**16609 or more}}",
    ),
    (
        "an output beyond any memory",
        lambda: steps.conv_forward(
            paper(1, 2**20, 2**20, 1, dtype=float),
            paper(1, 1, 1, 2**6, dtype=float),
            np.ones((1, 1, 1, 2**6)),
            CONV,
        ),
        ShapeError,
        f"conv_forward: Z would take 562949953421312 bytes, {SPACE}",
        "given A_prev (1, 1048576, 1048576, 1), W (1, 1, 1, 64), b (1, 1, 1, 64), hparameters {'stride': 1, 'pad': 0}",
    ),
    (
        "filters whose copy finds no address",
        lambda: steps.conv_forward(paper(1, 2**20, 2**20, 1, dtype=float), paper(2**20, 2**20, 1, 2**6), np.ones((1, 1, 1, 2**6)), CONV),
        ShapeError,
        f"conv_forward: a copy of W as float64 would take 562949953421312 bytes, {SPACE}",
        "given A_prev (1, 1048576, 1048576, 1), W (1048576, 1048576, 1, 64), b (1, 1, 1, 64), hparameters {'stride': 1, 'pad': 0}",
    ),
    (
        "both arrays of PyTorch",
        shapes(a=(2, 3, 5, 6), w=(4, 3, 2, 2)),
        ShapeError,
        "conv_forward: W must be square, but its first two axes are 4 and 3",
        f"given A_prev (2, 3, 5, 6), W (4, 3, 2, 2), b (1, 1, 1, 4), hparameters {{'stride': 1, 'pad': 0}}{PYTORCH}",
    ),
    (
        "both arrays of PyTorch with as many filters as channels",
        shapes(a=(2, 3, 5, 6), w=(3, 3, 2, 2)),
        ShapeError,
        "conv_forward: A_prev has 6 channels but W expects 2 (last axis of A_prev, third axis of W)",
        f"given A_prev (2, 3, 5, 6), W (3, 3, 2, 2), b (1, 1, 1, 4), hparameters {{'stride': 1, 'pad': 0}}{PYTORCH}",
    ),
    (
        "another word for a padding",
        conv({"stride": 1, "pad": "valid"}),
        ShapeError,
        'conv_forward: hparameters["pad"] must be a whole number >= 0 or "same", not \'valid\' (did you mean 0?)',
        "given hparameters[\"pad\"] 'valid'",
    ),
    (
        "another word for no padding, in the cache",
        lambda: steps.conv_backward(DZ, (A, W, B, {"stride": 1, "pad": " Valid"})),
        ShapeError,
        'conv_backward: hparameters["pad"] in the cache must be a whole number >= 0 or "same", not \' Valid\' (did you mean 0?)',
        "given hparameters[\"pad\"] in the cache ' Valid'",
    ),
    (
        "PyTorch's word for a padding",
        conv({"stride": 1, "pad": "reflect"}),
        ShapeError,
        'conv_forward: hparameters["pad"] must be a whole number >= 0 or "same", not \'reflect\'',
        "given hparameters[\"pad\"] 'reflect'",
    ),
    # pool_forward
    (
        "no mapping for pooling",
        pool(None),
        ArgumentTypeError,
        'pool_forward: hparameters must be a mapping with the keys "f" and "stride"',
        "given hparameters None",
    ),
    (
        "padding for pooling",
        pool({**POOL, "pad": 0}),
        ShapeError,
        f"pool_forward: hparameters has a key 'pad' (pooling has no padding); {POOL_KEYS}",
        "given hparameters {'f': 2, 'stride': 1, 'pad': 0}",
    ),
    *(
        (
            f"another name for the window, {key}",
            pool({key: 2, "stride": 1}),
            ShapeError,
            f"pool_forward: hparameters has a key '{key}' (did you mean \"f\"?); {POOL_KEYS}",
            f"given hparameters {{'{key}': 2, 'stride': 1}}",
        )
        for key in ("kernel_size", "pool_size", "filter_size", "Kernel_Size ")
    ),
    *(
        (
            f"another name for a padding of pooling, {key}",
            pool({**POOL, key: 0}),
            ShapeError,
            f"pool_forward: hparameters has a key '{key}' (pooling has no padding); {POOL_KEYS}",
            f"given hparameters {{'f': 2, 'stride': 1, '{key}': 0}}",
        )
        for key in ("padding", "Pad")
    ),
    (
        "the window of pooling for a convolution",
        conv({**CONV, "kernel_size": 2}),
        ShapeError,
        f"conv_forward: hparameters has a key 'kernel_size'; {CONV_KEYS}",
        "given hparameters {'stride': 1, 'pad': 0, 'kernel_size': 2}",
    ),
    (
        "no window for pooling",
        pool({"stride": 1}),
        ShapeError,
        f'pool_forward: hparameters has no key "f"; {POOL_KEYS}',
        "given hparameters {'stride': 1}",
    ),
    (
        "a pooling window larger than the image",
        pool({"f": 6, "stride": 1}),
        ShapeError,
        "pool_forward: the window does not fit: f = 6, but the image has 5 rows",
        "given A_prev (2, 5, 6, 3), hparameters {'f': 6, 'stride': 1}",
    ),
    (
        "a pooling window of 5001 digits",
        pool({"f": 10**5000, "stride": 1}),
        ShapeError,
        "pool_forward: the window does not fit: f = 2**16609 or more, but the image has 5 rows",
        "given A_prev (2, 5, 6, 3), hparameters {'f': 2**16609 or more, 'stride': 1}",
    ),
    (
        "avg",
        pool(POOL, "avg"),
        ShapeError,
        'pool_forward: mode must be "max" or "average", not \'avg\' (did you mean "average"?)',
        "given mode 'avg'",
    ),
    (
        "Max",
        pool(POOL, "Max"),
        ShapeError,
        'pool_forward: mode must be "max" or "average", not \'Max\' (did you mean "max"?)',
        "given mode 'Max'",
    ),
    (
        "mean",
        pool(POOL, "mean"),
        ShapeError,
        'pool_forward: mode must be "max" or "average", not \'mean\' (did you mean "average"?)',
        "given mode 'mean'",
    ),
    (
        "Mean, backward",
        lambda: steps.pool_backward(DA, (A, POOL), "Mean "),
        ShapeError,
        'pool_backward: mode must be "max" or "average", not \'Mean \' (did you mean "average"?)',
        "given mode 'Mean '",
    ),
    ("a space", pool(POOL, " "), ShapeError, 'pool_forward: mode must be "max" or "average", not \' \'', "given mode ' '"),
    ("min", pool(POOL, "min"), ShapeError, 'pool_forward: mode must be "max" or "average", not \'min\'', "given mode 'min'"),
    ("no word", pool(POOL, ""), ShapeError, 'pool_forward: mode must be "max" or "average", not \'\'', "given mode ''"),
    (
        "a mode that is no text",
        pool(POOL, None),
        ArgumentTypeError,
        'pool_forward: mode must be "max" or "average", not None',
        "given mode None",
    ),
    (
        "a mode between spaces",
        pool(POOL, " max "),
        ShapeError,
        f"pool_forward: {MODE}, not ' max ' (did you mean \"max\"?)",
        "given mode ' max '",
    ),
    (
        "an output of pooling beyond any memory",
        lambda: steps.pool_forward(paper(1, 2**23, 2**23, 1), {"f": 1, "stride": 1}),
        ShapeError,
        f"pool_forward: A would take 562949953421312 bytes, {SPACE}",
        "given A_prev (1, 8388608, 8388608, 1), hparameters {'f': 1, 'stride': 1}",
    ),
    (
        "images to pool whose copy finds no address",
        lambda: steps.pool_forward(paper(1, 2**23, 2**23, 1), {"f": 1, "stride": 2**23}),
        ShapeError,
        f"pool_forward: a copy of A_prev as float64 would take 562949953421312 bytes, {SPACE}",
        "given A_prev (1, 8388608, 8388608, 1), hparameters {'f': 1, 'stride': 8388608}",
    ),
    # conv_backward
    (
        "the pair that conv_forward returns",
        lambda: steps.conv_backward(DZ, steps.conv_forward(A, W, B, CONV)),
        ArgumentTypeError,
        (
            "conv_backward: cache must be the tuple (A_prev, W, b, hparameters) of conv_forward, not a tuple of 2: "
            "the pair that conv_forward returns, whose second part is the cache"
        ),
        "given cache ((2, 4, 5, 4), ((2, 5, 6, 3), (2, 2, 3, 4), (1, 1, 1, 4), {'pad': 0, 'stride': 1}))",
    ),
    (
        "the pair that pool_forward returns, to conv_backward",
        lambda: steps.conv_backward(DZ, steps.pool_forward(A, POOL)),
        ArgumentTypeError,
        "conv_backward: cache must be the tuple (A_prev, W, b, hparameters) of conv_forward, not a tuple of 2",
        "given cache ((2, 4, 5, 3), ((2, 5, 6, 3), {'f': 2, 'stride': 1}))",
    ),
    (
        "biases in a row in the cache",
        lambda: steps.conv_backward(DZ, (A, W, B.ravel(), CONV)),
        ShapeError,
        "conv_backward: b in the cache must have the shape (1, 1, 1, n_C) = (1, 1, 1, 4), not (4,)",
        "given A_prev (2, 5, 6, 3), W (2, 2, 3, 4), b (4,), hparameters {'stride': 1, 'pad': 0}; try np.reshape(b, (1, 1, 1, 4))",
    ),
    (
        "a cached image whose copy finds no address",
        lambda: steps.conv_backward(
            np.ones((1, 1, 1, 1)),
            (
                paper(1, 2**21, 2**23, 1, dtype=np.float32),
                np.ones((1, 1, 1, 1), np.float32),
                np.ones((1, 1, 1, 1), np.float32),
                {"stride": 2**23, "pad": 0},
            ),
        ),
        ShapeError,
        f"conv_backward: a copy of A_prev as float64 would take 140737488355328 bytes, {SPACE}",
        "given dZ (1, 1, 1, 1), A_prev (1, 2097152, 8388608, 1), W (1, 1, 1, 1), b (1, 1, 1, 1)",
    ),
    (
        "no cache",
        lambda: steps.conv_backward(DZ, NOTHING),
        ArgumentTypeError,
        "conv_backward: cache must be the tuple (A_prev, W, b, hparameters) of conv_forward, not None",
        "given cache None",
    ),
    (
        "the cache of pooling",
        lambda: steps.conv_backward(DZ, (A, POOL)),
        ArgumentTypeError,
        "conv_backward: cache must be the tuple (A_prev, W, b, hparameters) of conv_forward, not a tuple of 2, as from pool_forward",
        "given cache ((2, 5, 6, 3), {'f': 2, 'stride': 1})",
    ),
    (
        "a cache that is too short",
        lambda: steps.conv_backward(DZ, [1, 2, 3]),
        ArgumentTypeError,
        "conv_backward: cache must be the tuple (A_prev, W, b, hparameters) of conv_forward, not a list of 3",
        "given cache [1, 2, 3]",
    ),
    (
        "other filters in the cache",
        lambda: steps.conv_backward(DZ, (A, np.ones((2, 2, 1, 4)), B, CONV)),
        ShapeError,
        "conv_backward: A_prev in the cache has 3 channels but W expects 1 (last axis of A_prev, third axis of W)",
        "given A_prev (2, 5, 6, 3), W (2, 2, 1, 4), b (1, 1, 1, 4), hparameters {'stride': 1, 'pad': 0}",
    ),
    (
        "a batch of one for many",
        lambda: steps.conv_backward(DZ[:1], (A, W, B, CONV)),
        ShapeError,
        "conv_backward: dZ must have the shape of Z, (2, 4, 5, 4), not (1, 4, 5, 4)",
        "given dZ (1, 4, 5, 4)",
    ),
    (
        "one number for a gradient",
        lambda: steps.conv_backward(1, (A, W, B, CONV)),
        ShapeError,
        "conv_backward: dZ must have the shape of Z, (2, 4, 5, 4), not ()",
        "given dZ ()",
    ),
    # pool_backward
    (
        "no cache of pooling",
        lambda: steps.pool_backward(DA, "cache"),
        ArgumentTypeError,
        "pool_backward: cache must be the tuple (A_prev, hparameters) of pool_forward, not 'cache'",
        "given cache 'cache'",
    ),
    (
        "the cache of a convolution",
        lambda: steps.pool_backward(DA, (A, W, B, CONV)),
        ArgumentTypeError,
        "pool_backward: cache must be the tuple (A_prev, hparameters) of pool_forward, not a tuple of 4, as from conv_forward",
        "given cache ((2, 5, 6, 3), (2, 2, 3, 4), (1, 1, 1, 4), {'stride': 1, 'pad': 0})",
    ),
    (
        "a batch of one for many, pooled",
        lambda: steps.pool_backward(DA[:1], (A, POOL)),
        ShapeError,
        "pool_backward: dA must have the shape of A, (2, 4, 5, 3), not (1, 4, 5, 3)",
        "given dA (1, 4, 5, 3)",
    ),
    (
        "another mode backward",
        lambda: steps.pool_backward(DA, (A, POOL), "avg"),
        ShapeError,
        'pool_backward: mode must be "max" or "average", not \'avg\' (did you mean "average"?)',
        "given mode 'avg'",
    ),
    (
        "other keys in the cache of pooling",
        lambda: steps.pool_backward(DA, (A, CONV)),
        ShapeError,
        f"pool_backward: hparameters in the cache has a key 'pad' (pooling has no padding); {POOL_KEYS}",
        "given hparameters {'stride': 1, 'pad': 0}",
    ),
    (
        "the pair that pool_forward returns",
        lambda: steps.pool_backward(DA, steps.pool_forward(A, POOL)),
        ArgumentTypeError,
        (
            "pool_backward: cache must be the tuple (A_prev, hparameters) of pool_forward, not a tuple of 2: "
            "the pair that pool_forward returns, whose second part is the cache"
        ),
        "given cache ((2, 4, 5, 3), ((2, 5, 6, 3), {'f': 2, 'stride': 1}))",
    ),
    (
        "hyperparameters in a tuple in the cache",
        lambda: steps.pool_backward(DA, (A, (2, 1))),
        ArgumentTypeError,
        'pool_backward: hparameters in the cache must be a mapping with the keys "f" and "stride"',
        "given hparameters (2, 1)",
    ),
    (
        "a cache of four numbers",
        lambda: steps.pool_backward(DA, [1, 2, 3, 4]),
        ArgumentTypeError,
        "pool_backward: cache must be the tuple (A_prev, hparameters) of pool_forward, not a list of 4",
        "given cache [1, 2, 3, 4]",
    ),
    (
        "filters that are not square, in the cache",
        lambda: steps.conv_backward(DZ, (A, np.ones((2, 3, 3, 4)), B, CONV)),
        ShapeError,
        "conv_backward: W in the cache must be square, but its first two axes are 2 and 3",
        "given A_prev (2, 5, 6, 3), W (2, 3, 3, 4), b (1, 1, 1, 4), hparameters {'stride': 1, 'pad': 0}",
    ),
    (
        "a mapping in the cache that cannot be read",
        lambda: steps.conv_backward(DZ, (A, W, B, HostileMapping())),
        ArgumentTypeError,
        "conv_backward: hparameters in the cache cannot be read as a mapping",
        "given hparameters HostileMapping()",
    ),
    (
        "a key left out in the cache",
        lambda: steps.pool_backward(DA, (A, {"f": 2})),
        ShapeError,
        f'pool_backward: hparameters in the cache has no key "stride"; {POOL_KEYS}',
        "given hparameters {'f': 2}",
    ),
    # distribute_value
    (
        "many values to share",
        lambda: steps.distribute_value([1.0, 2.0], (2, 2)),
        ShapeError,
        "distribute_value: dz must be one number, not an array of shape (2,)",
        "given dz (2,)",
    ),
    (
        "a shape of three",
        lambda: steps.distribute_value(1.0, (2, 2, 2)),
        ArgumentTypeError,
        "distribute_value: shape must be a pair of whole numbers (n_H, n_W), not (2, 2, 2)",
        "given shape (2, 2, 2)",
    ),
    (
        "a shape that is a number",
        lambda: steps.distribute_value(1.0, NUMBER),
        ArgumentTypeError,
        "distribute_value: shape must be a pair of whole numbers (n_H, n_W), not 4",
        "given shape 4",
    ),
    (
        "a shape beyond any memory",
        lambda: steps.distribute_value(np.float16(1), (2**40, 2**40)),
        ShapeError,
        f"distribute_value: the result would take 4835703278458516698824704 bytes, {SPACE}",
        "given shape (1099511627776, 1099511627776)",
    ),
    # trace
    (
        "a function of another library",
        lambda: steps.trace(len, A),
        ArgumentTypeError,
        "trace: function must be one of the eight of convstep.steps, not <built-in function len>",
        "given function <built-in function len>",
    ),
    (
        "the name of a function",
        lambda: steps.trace(TEXT, A, 1),
        ArgumentTypeError,
        "trace: function must be one of the eight of convstep.steps, not 'zero_pad'",
        "given function 'zero_pad'",
    ),
    (
        "more steps than the limit",
        lambda: steps.trace(steps.pool_forward, A, POOL, limit=119),
        ShapeError,
        "trace: pool_forward takes more than 119 steps; trace a smaller input",
        "given limit 119",
    ),
    (
        "more than one step",
        lambda: steps.trace(steps.pool_forward, A, POOL, limit=1),
        ShapeError,
        "trace: pool_forward takes more than 1 step; trace a smaller input",
        "given limit 1",
    ),
    (
        "a traced function that refuses",
        lambda: steps.trace(steps.zero_pad, A, -1),
        ShapeError,
        "zero_pad: pad must be a whole number >= 0, not -1",
        "given pad -1",
    ),
    # memory
    (
        "an array that finds no memory",
        lambda: steps.zero_pad(FullArray(), pad=1),
        OutOfMemoryError,
        "zero_pad: the machine has too little memory for this size",
        "given X HostileArray(), pad 1",
    ),
]


@pytest.mark.parametrize(("call", "kind", "fact", "given"), [row[1:] for row in MESSAGES], ids=[row[0] for row in MESSAGES])
def test_every_refusal_says_what_is_wrong_and_what_was_given(call: Call, kind: type[ConvStepError], fact: str, given: str) -> None:
    assert refused(call) == (kind, f"{fact}\n  {given}")


MEMORY: list[tuple[str, str, Call, str]] = [
    ("zero_pad", "pad", lambda: steps.zero_pad(A, pad=1), "X (2, 5, 6, 3), pad 1"),
    ("conv_single_step", "cumsum", lambda: steps.conv_single_step(SLICE, SLICE, 0.0), "a_slice_prev (2, 2, 3), W (2, 2, 3), b 0.0"),
    (
        "conv_forward",
        "zeros",
        lambda: steps.conv_forward(A, W, b=B, hparameters=CONV),
        "A_prev (2, 5, 6, 3), W (2, 2, 3, 4), b (1, 1, 1, 4), hparameters {'stride': 1, 'pad': 0}",
    ),
    ("pool_forward", "zeros", lambda: steps.pool_forward(A, POOL), "A_prev (2, 5, 6, 3), hparameters {'f': 2, 'stride': 1}"),
    (
        "conv_backward",
        "zeros_like",
        lambda: steps.conv_backward(DZ, (A, W, B, CONV)),
        "dZ (2, 4, 5, 4), cache ((2, 5, 6, 3), (2, 2, 3, 4), (1, 1, 1, 4), {'stride': 1, 'pad': 0})",
    ),
    ("create_mask_from_window", "argmax", lambda: steps.create_mask_from_window(np.ones((2, 2))), "x (2, 2)"),
    ("distribute_value", "full", lambda: steps.distribute_value(1.0, (2, 2)), "dz 1.0, shape (2, 2)"),
    (
        "pool_backward",
        "zeros_like",
        lambda: steps.pool_backward(DA, (A, POOL)),
        "dA (2, 4, 5, 3), cache ((2, 5, 6, 3), {'f': 2, 'stride': 1})",
    ),
]


@pytest.mark.parametrize(("op", "allocates", "call", "given"), MEMORY, ids=[row[0] for row in MEMORY])
def test_memory_that_the_machine_refuses_is_an_error_of_the_operation(
    monkeypatch: pytest.MonkeyPatch, op: str, allocates: str, call: Call, given: str
) -> None:
    def no_memory(*_arguments: Any, **_keywords: Any) -> Any:
        raise MemoryError("Unable to allocate 3.14 TiB")

    monkeypatch.setattr(np, allocates, no_memory)
    message = f"{op}: the machine has too little memory for this size\n  given {given}"
    assert refused(call) == (OutOfMemoryError, message)


def test_memory_refused_to_a_single_step_is_an_error_of_the_whole_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_arguments: Any, **_keywords: Any) -> Any:
        raise MemoryError("Unable to allocate 3.14 TiB")

    monkeypatch.setattr(np, "cumsum", no_memory)
    message = f"conv_forward: the machine has too little memory for this size\n  {GIVEN} {CONV}"
    assert refused(lambda: steps.conv_forward(A, W, B, CONV)) == (OutOfMemoryError, message)


class NumPysError(MemoryError):
    """What NumPy raises: it knows the array that it wanted."""

    shape, dtype = (3, 2**40), np.dtype(np.float32)


def test_the_bytes_that_the_machine_refused_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_arguments: Any, **_keywords: Any) -> Any:
        raise NumPysError("Unable to allocate 12.0 TiB")

    monkeypatch.setattr(np, "zeros", no_memory)
    fact = "the machine refused the 13194139533312 bytes of an array of shape (3, 1099511627776)"
    assert refused(lambda: steps.conv_forward(A, W, B, CONV)) == (OutOfMemoryError, f"conv_forward: {fact}\n  {GIVEN} {CONV}")


def test_an_address_in_a_text_is_cut_since_every_run_has_another() -> None:
    kind, message = refused(lambda: steps.zero_pad(object(), 1))  # type: ignore[arg-type]
    assert (kind, message) == (ArgumentTypeError, "zero_pad: X must hold real numbers, not <object object>\n  given X <object object>")


def test_a_list_whose_items_cannot_be_had_is_no_list() -> None:
    class Broken(list[int]):
        def __iter__(self) -> Iterator[int]:
            raise RuntimeError("a stranger's list may raise anything")

    assert listed("concatenate", "axes", (1, 2)) == (1, 2)
    with pytest.raises(ArgumentTypeError, match=r"^concatenate: axes must be a tuple or list, not "):
        listed("concatenate", "axes", Broken([1, 2]))


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [(ShapeError, ValueError), (ArgumentTypeError, TypeError), (OutOfMemoryError, MemoryError), (OutOfMemoryError, ShapeError)],
)
def test_every_error_is_also_the_builtin_one(kind: type[ConvStepError], builtin: type[Exception]) -> None:
    assert issubclass(kind, builtin)
    assert issubclass(kind, ConvStepError)
