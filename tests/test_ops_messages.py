"""Whatever is thrown at an operation: a documented result, or an error whose class and both lines are known."""

import copy
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.test_any_arguments import ANYTHING, DTYPES, STRANGERS, assert_explained, shape_of

from convstep import engines, ops, use_engine
from convstep.checks import Array
from convstep.engines.numpy import ENGINE
from convstep.errors import ArgumentTypeError, ConvStepError, OutOfMemoryError, ShapeError

Call = Callable[..., Any]

X, W, B, DY = np.ones((2, 5, 6, 3)), np.ones((2, 2, 3, 4)), np.ones(4), np.ones((2, 4, 5, 4))
T, DT = np.ones((2, 4, 5, 4)), np.ones((2, 5, 6, 3))  # W carries T to DT, transposed
ROWS, WEIGHTS, UNITS, DROWS = np.ones((2, 3)), np.ones((3, 4)), np.ones(4), np.ones((2, 4))
DP = np.ones((2, 2, 3, 3))
NOTHING: Any = None
SPACE = "and one process can address less than 140737488355328"


def refused(call: Callable[[], Any]) -> tuple[type[ConvStepError], str]:
    with pytest.raises(ConvStepError) as caught:
        call()
    return type(caught.value), str(caught.value)


def paper(*shape: int, dtype: Any = np.float64) -> Array:
    """An array that exists only on paper: a view of one number."""
    return np.broadcast_to(np.ones((), dtype), shape)


# --- Arrays: (operation, argument, its axes or None for any, how it is called) ---

IMAGES, FILTERS = ("m", "height", "width", "channels"), ("rows", "columns", "channels", "filters")
ARRAYS: list[tuple[str, str, tuple[str, ...] | None, Call]] = [
    ("conv2d", "x", IMAGES, lambda v: ops.conv2d(v, W)),
    ("conv2d", "w", FILTERS, lambda v: ops.conv2d(X, v)),
    ("conv2d", "b", None, lambda v: ops.conv2d(X, W, v)),
    ("conv2d_backward", "dy", None, lambda v: ops.conv2d_backward(v, X, W)),
    ("conv2d_backward", "x", IMAGES, lambda v: ops.conv2d_backward(DY, v, W)),
    ("conv2d_backward", "w", FILTERS, lambda v: ops.conv2d_backward(DY, X, v)),
    ("conv2d_transpose", "x", IMAGES, lambda v: ops.conv2d_transpose(v, W)),
    ("conv2d_transpose", "w", FILTERS, lambda v: ops.conv2d_transpose(T, v)),
    ("conv2d_transpose", "b", None, lambda v: ops.conv2d_transpose(T, W, v)),
    ("conv2d_transpose_backward", "dy", None, lambda v: ops.conv2d_transpose_backward(v, T, W)),
    ("dense", "x", None, lambda v: ops.dense(v, WEIGHTS)),
    ("dense", "w", ("channels", "units"), lambda v: ops.dense(ROWS, v)),
    ("dense", "b", None, lambda v: ops.dense(ROWS, WEIGHTS, v)),
    ("dense_backward", "dy", None, lambda v: ops.dense_backward(v, ROWS, WEIGHTS)),
    ("max_pool2d", "x", IMAGES, lambda v: ops.max_pool2d(v, 2)),
    ("max_pool2d_backward", "dy", None, lambda v: ops.max_pool2d_backward(v, X, 2)),
    ("max_pool2d_backward", "x", IMAGES, lambda v: ops.max_pool2d_backward(DP, v, 2)),
    ("average_pool2d", "x", IMAGES, lambda v: ops.average_pool2d(v, 2)),
    ("average_pool2d_backward", "dy", None, lambda v: ops.average_pool2d_backward(v, X, 2)),
]
SHAPED = [(op, name, axes, call) for op, name, axes, call in ARRAYS if axes]
NOT_NUMBERS: list[tuple[str, Any, str, str]] = [
    ("ragged list", [[1.0], [2.0, 3.0]], "cannot be read as an array of numbers", "[[1.0], [2.0, 3.0]]"),
    ("dict", {"f": 2}, "must hold real numbers, not {'f': 2}", "{'f': 2}"),
    ("text", "3", "must hold real numbers, not text", "'3'"),
    ("complex number", 1j, "must hold real numbers, not complex numbers", "1j"),
    ("records", np.zeros(2, "i4,f8"), "must hold real numbers, not records", "(2,)"),
]


def names(rows: list[Any]) -> list[str]:
    return [f"{op}-{name}" for op, name, *_ in rows]


@pytest.mark.parametrize(("op", "name", "axes", "call"), ARRAYS, ids=names(ARRAYS))
@pytest.mark.parametrize(("value", "fact", "text"), [row[1:] for row in NOT_NUMBERS], ids=[row[0] for row in NOT_NUMBERS])
def test_what_is_no_array_of_real_numbers_is_refused_by_name(
    op: str, name: str, axes: tuple[str, ...] | None, call: Call, value: Any, fact: str, text: str
) -> None:
    assert axes is None or len(axes) in {2, 4}
    assert refused(lambda: call(value)) == (ArgumentTypeError, f"{op}: {name} {fact}\n  given {name} {text}")


@pytest.mark.parametrize(("op", "name", "axes", "call"), SHAPED, ids=names(SHAPED))
@pytest.mark.parametrize("more", [-1, 1])
def test_an_array_with_other_axes_is_refused(op: str, name: str, axes: tuple[str, ...], call: Call, more: int) -> None:
    shape = (2,) * (len(axes) + more)
    fact = f"{name} must have {len(axes)} axes ({', '.join(axes)}), not {len(shape)}"
    assert refused(lambda: call(np.ones(shape))) == (ShapeError, f"{op}: {fact}\n  given {name} {shape}")


@pytest.mark.parametrize(
    ("op", "name", "axes", "call", "empty"),
    [(*row, i) for row in SHAPED for i, axis in enumerate(row[2] or ()) if axis != "m"],
)
def test_an_empty_axis_is_refused_by_name(op: str, name: str, axes: tuple[str, ...], call: Call, empty: int) -> None:
    shape = tuple(0 if i == empty else 2 for i in range(len(axes)))
    message = f"{op}: {name} has no cells: its axis {axes[empty]} is 0 long\n  given {name} {shape}"
    assert refused(lambda: call(np.ones(shape))) == (ShapeError, message)


# --- Options: (operation, option, the least that it may be, how it is called) ---


def with_option(call: Call, *arguments: Any, **others: Any) -> Callable[[str, Any], Any]:
    return lambda name, value: call(*arguments, **{**others, name: value})


CONV, CONV_BACK = with_option(ops.conv2d, X, W), with_option(ops.conv2d_backward, DY, X, W)
TRANSPOSE, TRANSPOSE_BACK = with_option(ops.conv2d_transpose, T, W), with_option(ops.conv2d_transpose_backward, DT, T, W)
MAX, MAX_BACK = with_option(ops.max_pool2d, X, pool_size=2), with_option(ops.max_pool2d_backward, DP, X, pool_size=2)
MEAN, MEAN_BACK = with_option(ops.average_pool2d, X, pool_size=2), with_option(ops.average_pool2d_backward, DP, X, pool_size=2)
PAIRS: list[tuple[str, str, int, Callable[[str, Any], Any]]] = [
    *(
        (op, name, least, call)
        for op, call in (("conv2d", CONV), ("conv2d_backward", CONV_BACK), ("conv2d_transpose", TRANSPOSE))
        for name, least in (("strides", 1), ("dilation_rate", 1), ("padding", 0))
    ),
    *(
        (op, name, least, call)
        for op, call in (("max_pool2d", MAX), ("max_pool2d_backward", MAX_BACK))
        for name, least in (("pool_size", 1), ("strides", 1), ("dilation_rate", 1), ("padding", 0))
    ),
    *(
        (op, name, least, call)
        for op, call in (("average_pool2d", MEAN), ("average_pool2d_backward", MEAN_BACK))
        for name, least in (("pool_size", 1), ("strides", 1), ("padding", 0))
    ),
    ("conv2d_transpose", "output_padding", 0, TRANSPOSE),
    ("conv2d_transpose_backward", "output_padding", 0, TRANSPOSE_BACK),
]
WHOLES = [*PAIRS, ("conv2d", "groups", 1, CONV), ("conv2d_backward", "groups", 1, CONV_BACK)]
NOT_WHOLE: list[tuple[Any, str]] = [(2.5, "2.5"), (True, "True"), (b"3", "b'3'"), (np.array([1, 2]), "(2,)"), ({1}, "{1}")]


@pytest.mark.parametrize(("op", "name", "least", "call"), WHOLES, ids=names(WHOLES))
@pytest.mark.parametrize(("value", "text"), NOT_WHOLE, ids=[text for _, text in NOT_WHOLE])
def test_what_is_no_whole_number_is_refused_by_name(op: str, name: str, least: int, call: Call, value: Any, text: str) -> None:
    what = f"an array of shape {text}" if isinstance(value, np.ndarray) else text
    message = f"{op}: {name} must be a whole number >= {least}, not {what}\n  given {name} {text}"
    assert refused(lambda: call(name, value)) == (ArgumentTypeError, message)


@pytest.mark.parametrize(("op", "name", "least", "call"), WHOLES, ids=names(WHOLES))
@pytest.mark.parametrize("below", [1, 10**30])
def test_a_whole_number_that_is_too_small_is_refused(op: str, name: str, least: int, call: Call, below: int) -> None:
    message = f"{op}: {name} must be a whole number >= {least}, not {least - below}\n  given {name} {least - below}"
    assert refused(lambda: call(name, least - below)) == (ShapeError, message)


@pytest.mark.parametrize(("op", "name", "least", "call"), PAIRS, ids=names(PAIRS))
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("half", [False, True])
def test_a_wrong_number_in_a_pair_is_refused_by_its_place(op: str, name: str, least: int, call: Call, place: int, half: bool) -> None:
    value: list[Any] = [max(least, 1)] * 2
    value[place] = 1.5 if half else least - 1
    message = f"{op}: {name}[{place}] must be a whole number >= {least}, not {value[place]}\n  given {name}[{place}] {value[place]}"
    assert refused(lambda: call(name, value)) == (ArgumentTypeError if half else ShapeError, message)


@pytest.mark.parametrize(("op", "name", "least", "call"), PAIRS, ids=names(PAIRS))
@pytest.mark.parametrize(("value", "text"), [((), "()"), ((1,), "(1,)"), ([1, 1, 1], "[1, 1, 1]")])
def test_a_pair_has_two_numbers(op: str, name: str, least: int, call: Call, value: Any, text: str) -> None:
    assert least in {0, 1}
    message = f"{op}: {name} must be a whole number or a pair, not {len(value)} values\n  given {name} {text}"
    assert refused(lambda: call(name, value)) == (ArgumentTypeError, message)


PADDINGS: list[tuple[Any, type[ConvStepError], str]] = [
    *(
        (text, ShapeError, f'padding must be "valid", "same", a whole number, a pair or two pairs, not {text!r}\n  given padding {text!r}')
        for text in ("Some", "full", "")
    ),
    (((0, 0),) * 3, ArgumentTypeError, "padding must be two pairs, not 3\n  given padding ((0, 0), (0, 0), (0, 0))"),
    (((0, 0),), ArgumentTypeError, "padding must be two pairs, not 1\n  given padding ((0, 0),)"),
    (((0, 0), (-1, 0)), ShapeError, "padding[1][0] must be a whole number >= 0, not -1\n  given padding[1][0] -1"),
    ([(1,), (1, 1)], ArgumentTypeError, "padding[0] must be a whole number or a pair, not 1 values\n  given padding[0] (1,)"),
    (((1, 1), "1"), ArgumentTypeError, "padding[1] must be a whole number >= 0, not '1'\n  given padding[1] '1'"),
]


@pytest.mark.parametrize(("op", "call"), [("conv2d", CONV), ("conv2d_transpose", TRANSPOSE), ("max_pool2d", MAX), ("average_pool2d", MEAN)])
@pytest.mark.parametrize(("value", "kind", "message"), PADDINGS)
def test_padding_of_another_kind_is_refused(op: str, call: Call, value: Any, kind: type[ConvStepError], message: str) -> None:
    assert refused(lambda: call("padding", value)) == (kind, f"{op}: {message}")


@pytest.mark.parametrize(
    ("op", "name", "call"),
    [
        ("max_pool2d", "ceil_mode", MAX),
        ("max_pool2d_backward", "ceil_mode", MAX_BACK),
        ("average_pool2d", "ceil_mode", MEAN),
        ("average_pool2d_backward", "ceil_mode", MEAN_BACK),
        ("average_pool2d", "count_include_pad", MEAN),
        ("average_pool2d_backward", "count_include_pad", MEAN_BACK),
    ],
)
@pytest.mark.parametrize(("value", "text"), [(1, "1"), (None, "None"), ("yes", "'yes'"), ([], "[]")])
def test_what_is_neither_true_nor_false_is_refused(op: str, name: str, call: Call, value: Any, text: str) -> None:
    message = f"{op}: {name} must be True or False, not {text}\n  given {name} {text}"
    assert refused(lambda: call(name, value)) == (ArgumentTypeError, message)


def test_booleans_of_numpy_are_true_or_false() -> None:
    assert ops.max_pool2d(X, 2, ceil_mode=np.True_).shape == ops.max_pool2d(X, 2, ceil_mode=True).shape == (2, 3, 3, 3)  # type: ignore[arg-type]


# --- All others: (what is wrong, call, class, line 1, line 2 without its indent) ---

PYTORCH = "; try np.transpose(w, (2, 3, 1, 0)), if w is laid out as in PyTorch (filters, channels, rows, columns)"
FIRST = "; try np.transpose(x, (0, 2, 3, 1)), if x has its channels first (m, channels, height, width)"
GIVEN, POOLED = "given x (2, 5, 6, 3), w (2, 2, 3, 4)", "given x (2, 5, 6, 3), pool_size"
HUGE = 10**5000
LONG = "2**16609 or more"
TERABYTES = paper(2**20, 2**20, 2**10, 1)


def shapes(*given: tuple[int, ...], **options: Any) -> Call:
    return lambda: ops.conv2d(*(np.ones(shape) for shape in given), **options)


REFUSED: list[tuple[str, Call, type[ConvStepError], str, str]] = [
    (
        "channels",
        shapes((2, 5, 6, 1), (2, 2, 3, 4)),
        ShapeError,
        "conv2d: x has 1 channel but w expects 3 (last axis of x, third axis of w)",
        "given x (2, 5, 6, 1), w (2, 2, 3, 4)",
    ),
    (
        "channels of groups",
        shapes((2, 5, 6, 3), (2, 2, 3, 4), groups=2),
        ShapeError,
        "conv2d: x has 3 channels but w expects 2 groups of 3 (third axis of w)",
        GIVEN,
    ),
    (
        "as many groups as no one can count",
        shapes((2, 5, 6, 3), (2, 2, 3, 4), groups=HUGE),
        ShapeError,
        f"conv2d: x has 3 channels but w expects {LONG} groups of 3 (third axis of w)",
        GIVEN,
    ),
    (
        "filters laid out as in PyTorch",
        shapes((2, 5, 6, 3), (4, 3, 2, 2)),
        ShapeError,
        "conv2d: x has 3 channels but w expects 2 (last axis of x, third axis of w)",
        f"given x (2, 5, 6, 3), w (4, 3, 2, 2){PYTORCH}",
    ),
    (
        "all laid out as in PyTorch",
        shapes((2, 3, 5, 6), (4, 3, 2, 2)),
        ShapeError,
        "conv2d: x has 6 channels but w expects 2 (last axis of x, third axis of w)",
        f"given x (2, 3, 5, 6), w (4, 3, 2, 2){PYTORCH}",
    ),
    (
        "images with their channels first",
        shapes((2, 3, 5, 6), (2, 2, 3, 4)),
        ShapeError,
        "conv2d: x has 6 channels but w expects 3 (last axis of x, third axis of w)",
        f"given x (2, 3, 5, 6), w (2, 2, 3, 4){FIRST}",
    ),
    (
        "filters that groups do not share",
        shapes((2, 5, 6, 6), (2, 2, 3, 5), groups=2),
        ShapeError,
        "conv2d: the 5 filters of w cannot be shared among 2 groups",
        "given x (2, 5, 6, 6), w (2, 2, 3, 5)",
    ),
    (
        "bias",
        shapes((2, 5, 6, 3), (2, 2, 3, 4), (3,)),
        ShapeError,
        "conv2d: b must have one number for each of the 4 outputs, shape (4,), not (3,)",
        f"{GIVEN}, b (3,)",
    ),
    (
        "bias of the assignment",
        shapes((2, 5, 6, 3), (2, 2, 3, 4), (1, 1, 1, 4)),
        ShapeError,
        "conv2d: b must have one number for each of the 4 outputs, shape (4,), not (1, 1, 1, 4)",
        f"{GIVEN}, b (1, 1, 1, 4); try np.ravel(b)",
    ),
    (
        "window larger than the image",
        shapes((2, 2, 6, 3), (3, 2, 3, 4)),
        ShapeError,
        "conv2d: the window does not fit: it reaches over 3 rows, but x has 2 rows",
        "given x (2, 2, 6, 3), w (3, 2, 3, 4)",
    ),
    (
        "dilated window",
        shapes((2, 5, 1, 3), (1, 2, 3, 4), dilation_rate=3, padding=(0, 1)),
        ShapeError,
        "conv2d: the window does not fit: it reaches over 4 columns, but x has 3 columns with its padding of 1 and 1",
        "given x (2, 5, 1, 3), w (1, 2, 3, 4)",
    ),
    (
        "huge dilation",
        lambda: ops.conv2d(X, W, dilation_rate=HUGE, padding=((HUGE - 9, 0), (0, 0))),
        ShapeError,
        f"conv2d: the window does not fit: it reaches over {LONG} rows, but x has {LONG} rows with its padding of {LONG} and 0",
        GIVEN,
    ),
    (
        "one column",
        shapes((1, 1, 1, 1), (1, 2, 1, 1)),
        ShapeError,
        "conv2d: the window does not fit: it reaches over 2 columns, but x has 1 column",
        "given x (1, 1, 1, 1), w (1, 2, 1, 1)",
    ),
    (
        "gradient of a convolution",
        lambda: ops.conv2d_backward(DY[:, 1:], X, W),
        ShapeError,
        "conv2d_backward: dy must have the shape of y, (2, 4, 5, 4), not (2, 3, 5, 4)",
        "given dy (2, 3, 5, 4)",
    ),
    (
        "images padded beyond memory",
        lambda: ops.conv2d(X, W, padding=2**30),
        ShapeError,
        f"conv2d: the padded x would take {2 * (2**31 + 5) * (2**31 + 6) * 24} bytes, {SPACE}",
        GIVEN,
    ),
    (
        "dilation beyond memory",
        lambda: ops.conv2d(X, W, padding="same", dilation_rate=HUGE),
        ShapeError,
        f"conv2d: the padded x would take 2**33224 or more bytes, {SPACE}",
        GIVEN,
    ),
    (
        "result beyond memory",
        lambda: ops.conv2d(paper(1, 2**20, 2**20, 1), paper(1, 1, 1, 2**20)),
        ShapeError,
        f"conv2d: y would take {2**63} bytes, {SPACE}",
        "given x (1, 1048576, 1048576, 1), w (1, 1, 1, 1048576)",
    ),
    (
        "copy beyond memory",
        lambda: ops.conv2d(paper(1, 1, 1, 2**20), paper(1, 1, 2**20, 2**30, dtype=np.int8)),
        ShapeError,
        f"conv2d: a copy of w as float64 would take {2**53} bytes, {SPACE}",
        "given x (1, 1, 1, 1048576), w (1, 1, 1048576, 1073741824)",
    ),
    (
        "channels of a transposed convolution",
        lambda: ops.conv2d_transpose(X, W),
        ShapeError,
        "conv2d_transpose: x has 3 channels but w expects 4 (last axis of x, last axis of w)",
        GIVEN,
    ),
    (
        "bias of a transposed convolution",
        lambda: ops.conv2d_transpose(T, W, B),
        ShapeError,
        "conv2d_transpose: b must have one number for each of the 3 outputs, shape (3,), not (4,)",
        "given x (2, 4, 5, 4), w (2, 2, 3, 4), b (4,)",
    ),
    (
        "padding that takes all",
        lambda: ops.conv2d_transpose(T, W, padding=((2, 3), (0, 0))),
        ShapeError,
        "conv2d_transpose: nothing is left: the padding of 2 and 3 takes all rows",
        "given x (2, 4, 5, 4), w (2, 2, 3, 4), padding ((2, 3), (0, 0))",
    ),
    (
        "huge padding that takes all",
        lambda: ops.conv2d_transpose(T, W, padding=(0, HUGE)),
        ShapeError,
        f"conv2d_transpose: nothing is left: the padding of {LONG} and {LONG} takes all columns",
        f"given x (2, 4, 5, 4), w (2, 2, 3, 4), padding (0, {LONG})",
    ),
    (
        "same that takes all",
        lambda: ops.conv2d_transpose(T[:, :1], W, padding="same", output_padding=0),
        ShapeError,
        "conv2d_transpose: nothing is left: the padding of 1 and 1 takes all rows",
        "given x (2, 1, 5, 4), w (2, 2, 3, 4), padding 'same'",
    ),
    (
        "output_padding",
        lambda: ops.conv2d_transpose(T, W, strides=(3, 2), output_padding=2),
        ShapeError,
        "conv2d_transpose: output_padding must be smaller than the stride, 2, not 2",
        "given output_padding 2, strides (3, 2)",
    ),
    (
        "output_padding of same",
        lambda: ops.conv2d_transpose(T, np.ones((5, 5, 3, 4)), strides=2, padding="same", output_padding=(1, 3)),
        ShapeError,
        "conv2d_transpose: output_padding must be smaller than the stride, 2, not 3",
        "given output_padding (1, 3), strides (2, 2)",
    ),
    (
        "huge output_padding",
        lambda: ops.conv2d_transpose(T, W, output_padding=HUGE, strides=HUGE),
        ShapeError,
        f"conv2d_transpose: output_padding must be smaller than the stride, {LONG}, not {LONG}",
        f"given output_padding {LONG}, strides ({LONG}, {LONG})",
    ),
    (
        "huge stride of a transposed convolution",
        lambda: ops.conv2d_transpose(T, W, strides=2**40),
        ShapeError,
        f"conv2d_transpose: y with its padding would take {2 * (3 * 2**40 + 2) * (4 * 2**40 + 2) * 24} bytes, {SPACE}",
        "given x (2, 4, 5, 4), w (2, 2, 3, 4)",
    ),
    (
        "gradient of a transposed convolution",
        lambda: ops.conv2d_transpose_backward(DT, T, W, strides=2),
        ShapeError,
        "conv2d_transpose_backward: dy must have the shape of y, (2, 8, 10, 3), not (2, 5, 6, 3)",
        "given dy (2, 5, 6, 3)",
    ),
    (
        "features",
        lambda: ops.dense(np.ones((2, 5)), WEIGHTS),
        ShapeError,
        "dense: x has 5 features but w expects 3 (last axis of x, first axis of w)",
        "given x (2, 5), w (3, 4)",
    ),
    (
        "a number for features",
        lambda: ops.dense(7, WEIGHTS),
        ShapeError,
        "dense: x has no features but w expects 3 (last axis of x, first axis of w)",
        "given x (), w (3, 4)",
    ),
    (
        "bias of units",
        lambda: ops.dense(ROWS, WEIGHTS, 1.0),
        ShapeError,
        "dense: b must have one number for each of the 4 outputs, shape (4,), not ()",
        "given x (2, 3), w (3, 4), b ()",
    ),
    (
        "gradient of units",
        lambda: ops.dense_backward(DROWS[0], ROWS, WEIGHTS),
        ShapeError,
        "dense_backward: dy must have the shape of y, (2, 4), not (4,)",
        "given dy (4,)",
    ),
    (
        "units beyond memory",
        lambda: ops.dense(paper(2**40, 1), paper(1, 2**40)),
        ShapeError,
        f"dense: y would take {2**83} bytes, {SPACE}",
        "given x (1099511627776, 1), w (1, 1099511627776)",
    ),
    (
        "pooling window larger than the image",
        lambda: ops.max_pool2d(X, (5, 7)),
        ShapeError,
        "max_pool2d: the window does not fit: it reaches over 7 columns, but x has 6 columns",
        f"{POOLED} (5, 7)",
    ),
    (
        "padding as large as the window",
        lambda: ops.max_pool2d(X, (2, 3), padding=(0, 3)),
        ShapeError,
        "max_pool2d: padding must be smaller than the window, 3, not 3: a window needs a cell of x",
        f"{POOLED} (2, 3), padding (0, 3)",
    ),
    (
        "padding as large as the dilated window",
        lambda: ops.max_pool2d(X, 2, dilation_rate=2, padding=((0, 4), (0, 0))),
        ShapeError,
        "max_pool2d: padding must be smaller than the window, 3, not 4: a window needs a cell of x",
        f"{POOLED} 2, padding ((0, 4), (0, 0))",
    ),
    (
        "huge padding of pooling",
        lambda: ops.average_pool2d(X, HUGE, padding=HUGE),
        ShapeError,
        f"average_pool2d: padding must be smaller than the window, {LONG}, not {LONG}: a window needs a cell of x",
        f"{POOLED} {LONG}, padding {LONG}",
    ),
    (
        "pooling padded beyond memory",
        lambda: ops.max_pool2d(X, 2, padding="same", dilation_rate=2**40),
        ShapeError,
        f"max_pool2d: the padded x would take {2 * (5 + 2**40) ** 2 * 24} bytes, {SPACE}",
        f"{POOLED} 2",
    ),
    (
        "pooling of more than memory",
        lambda: ops.max_pool2d(TERABYTES, 1),
        ShapeError,
        f"max_pool2d: the padded x would take {2**53} bytes, {SPACE}",
        "given x (1048576, 1048576, 1024, 1), pool_size 1",
    ),
    (
        "gradient of pooling",
        lambda: ops.max_pool2d_backward(DP, X, 2, ceil_mode=True),
        ShapeError,
        "max_pool2d_backward: dy must have the shape of y, (2, 3, 3, 3), not (2, 2, 3, 3)",
        "given dy (2, 2, 3, 3)",
    ),
    (
        "gradient of the mean",
        lambda: ops.average_pool2d_backward(DP[..., :1], X, 2),
        ShapeError,
        "average_pool2d_backward: dy must have the shape of y, (2, 2, 3, 3), not (2, 2, 3, 1)",
        "given dy (2, 2, 3, 1)",
    ),
    (
        "ties",
        lambda: ops.max_pool2d_backward(DP, X, 2, ties=NOTHING),
        ArgumentTypeError,
        'max_pool2d_backward: ties must be "first" or "all", not None',
        "given ties None",
    ),
    (
        "ties of another kind",
        lambda: ops.max_pool2d_backward(DP, X, 2, ties="All"),  # type: ignore[arg-type]
        ShapeError,
        'max_pool2d_backward: ties must be "first" or "all", not \'All\' (did you mean "all"?)',
        "given ties 'All'",
    ),
]


@pytest.mark.parametrize(("call", "kind", "fact", "given"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_the_message_says_the_fact_and_what_was_given(call: Call, kind: type[ConvStepError], fact: str, given: str) -> None:
    assert refused(call) == (kind, f"{fact}\n  {given}")


@pytest.mark.parametrize(
    ("op", "kernel", "call", "given"),
    [
        ("conv2d", "correlate", lambda: ops.conv2d(X, W, padding=1), "x (2, 5, 6, 3), w (2, 2, 3, 4), padding 1"),
        ("max_pool2d_backward", "max_pool_to_x", lambda: ops.max_pool2d_backward(DP, X, 2), "dy (2, 2, 3, 3), x (2, 5, 6, 3), pool_size 2"),
    ],
)
def test_a_machine_that_is_too_small_is_an_error_of_this_package(
    op: str, kernel: str, call: Call, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: Any, **_options: Any) -> Array:
        raise MemoryError

    kernels: dict[str, Any] = {kernel: full}
    monkeypatch.setitem(engines._ENGINES, "full", lambda **_options: replace(ENGINE, name="full", **kernels))
    with use_engine("full"):
        message = f"{op}: the machine has too little memory for this size\n  given {given}"
        assert refused(call) == (OutOfMemoryError, message)


# --- The choice of the engine ---


@pytest.mark.parametrize(
    ("value", "kind", "fact"),
    [
        ("torch", ShapeError, "not 'torch'"),
        ("Numpy", ShapeError, "not 'Numpy' (did you mean \"numpy\"?)"),
        ("", ShapeError, "not ''"),
        (None, ArgumentTypeError, "not None"),
        (3, ArgumentTypeError, "not 3"),
        (["numpy"], ArgumentTypeError, "not ['numpy']"),
    ],
)
def test_an_unknown_engine_is_refused(value: Any, kind: type[ConvStepError], fact: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = f"\n  given name {value!r}"
    monkeypatch.setattr(engines, "_ENGINES", {"numpy": lambda **_options: ENGINE})
    assert refused(lambda: use_engine(value)) == (kind, f'use_engine: name must be "numpy", {fact}{given}')
    monkeypatch.setitem(engines._ENGINES, "other", lambda **_options: ENGINE)
    assert refused(lambda: use_engine(value)) == (kind, f'use_engine: name must be "numpy" or "other", {fact}{given}')


@pytest.mark.parametrize("value", [None, 1, "yes"])
def test_exact_is_true_or_false(value: Any) -> None:
    fact = f"exact must be True or False, not {value!r}\n  given exact {value!r}"
    assert refused(lambda: use_engine("numpy", exact=value)) == (ArgumentTypeError, f"use_engine: {fact}")


# --- Anything at all ---

WHOLE = st.integers(-1, 4) | st.sampled_from([2**62, 2**63, 10**30, 10**4000, -(10**4000), np.int8(1), np.uint64(2)])
WORDS = st.sampled_from(["valid", "same", "Same", "first", "all", "", "3"])
ODD = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.complex_numbers()
    | st.binary(max_size=3)
    | st.sampled_from(list(STRANGERS)).map(lambda name: STRANGERS[name])
)
NUMBER = WHOLE | WORDS | ODD
OPTION = NUMBER | st.tuples(NUMBER, NUMBER) | st.lists(NUMBER, max_size=3) | st.tuples(st.tuples(WHOLE, WHOLE), st.lists(WHOLE, max_size=3))
SIDES, FEW = st.integers(1, 3), st.integers(0, 2)


def arrays(*sides: int) -> st.SearchStrategy[Any]:
    drawn = hnp.arrays(DTYPES, sides)
    return drawn | drawn.map(lambda array: array[..., ::-1])


def one_or_two(number: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    return number | st.tuples(number, number) | st.lists(number, min_size=2, max_size=2)


def paddings(most: int) -> st.SearchStrategy[Any]:
    number = st.integers(0, most)
    return one_or_two(number) | st.tuples(st.tuples(number, number), st.tuples(number, number)) | st.sampled_from(["valid", "same"])


@st.composite
def right_call(draw: st.DrawFn, op: str) -> tuple[list[Any], dict[str, Any]]:
    """Draw arguments and options that are right; a gradient is that of the forward pass."""
    forward = op.removesuffix("_backward")
    m, channels, filters, rows, columns = draw(FEW), *(draw(SIDES) for _ in range(4))
    options: dict[str, Any] = {"strides": draw(one_or_two(SIDES)), "padding": draw(paddings(rows and columns and 0))}
    if forward == "dense":
        arguments, options = [draw(arrays(m, 2, channels)), draw(arrays(channels, filters))], {}
    elif forward == "conv2d":
        groups = draw(st.integers(1, 2))
        x = draw(arrays(m, rows + 3, columns + 3, channels * groups))
        arguments = [x, draw(arrays(rows, columns, channels, filters * groups))]
        options |= {"groups": groups, "padding": draw(paddings(3)), "dilation_rate": draw(one_or_two(st.integers(1, 2)))}
    elif forward == "conv2d_transpose":
        x = draw(arrays(m, rows + 1, columns + 1, channels))
        arguments = [x, draw(arrays(rows, columns, filters, channels))]
        options["output_padding"] = draw(st.sampled_from([None, 0]))
    else:
        arguments = [draw(arrays(m, rows + 2, columns + 2, channels)), (rows, columns)]
        options |= {"ceil_mode": draw(st.booleans()), "strides": draw(st.none() | one_or_two(SIDES))}
        options["dilation_rate" if forward == "max_pool2d" else "count_include_pad"] = draw(
            st.just(1) if forward == "max_pool2d" else st.booleans()
        )
    if op == forward:
        return [
            *arguments,
            *([draw(st.none() | arrays(shape_of(arguments[1])[2 if "transpose" in op else -1]))] if "pool" not in op else []),
        ], options
    shape = getattr(ops, forward)(*arguments, **options).shape
    if op == "max_pool2d_backward":
        options["ties"] = draw(st.sampled_from(["first", "all"]))
    return [draw(arrays(*shape)), *arguments], options


def floats(*values: Any) -> Any:
    kinds = [np.asarray(value).dtype for value in values if value is not None]
    return np.result_type(*(kind if kind.kind == "f" else np.float64 for kind in kinds)).newbyteorder("=")


def is_documented(op: str, arguments: list[Any], result: Any) -> bool:
    """Whether the result has the type and, as far as the arguments alone tell it, the shape that the documentation says."""
    used = [value for value in arguments if "pool" not in op or len(shape_of(value)) == 4]
    results = result if isinstance(result, tuple) else (result,)
    if not all(type(part) is np.ndarray and part.dtype == floats(*used) for part in results):
        return False
    if op.endswith("_backward"):
        shapes = [shape_of(value) for value in used[1:]]
        if "pool" not in op:
            shapes.append((shapes[1][2 if "transpose" in op else -1],))
        return [part.shape for part in results] == shapes
    x, w = shape_of(arguments[0]), shape_of(arguments[1])
    last = x[3] if "pool" in op else w[2] if "transpose" in op else w[-1]
    same_images = result.shape[:-1] == x[:-1] if op == "dense" else result.shape[0] == x[0]
    return result.ndim == len(x) and same_images and result.shape[-1] == last and (op == "dense" or min(result.shape[1:]) > 0)


OPERATIONS = [
    f"{op}{suffix}"
    for op, suffix in itertools.product(("conv2d", "conv2d_transpose", "dense", "max_pool2d", "average_pool2d"), ("", "_backward"))
]


def called(op: str, arguments: list[Any], options: dict[str, Any]) -> Any:
    """Return the result of a call, or None where an error of this package explains itself."""
    try:
        return getattr(ops, op)(*arguments, **options)
    except ConvStepError as error:
        assert_explained(op, error)
        return None


@pytest.mark.parametrize("op", OPERATIONS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_right_arguments_are_accepted_and_left_as_they_were(op: str, data: st.DataObject) -> None:
    arguments, options = data.draw(right_call(op))
    before = copy.deepcopy((arguments, options))
    result = called(op, arguments, options)
    assert is_documented(op, arguments, result)
    assert repr((arguments, options)) == repr(before)


@pytest.mark.parametrize("op", OPERATIONS)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_arguments_give_a_documented_result_or_a_documented_error(op: str, data: st.DataObject) -> None:
    arguments, options = data.draw(right_call(op))
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from([*range(len(arguments)), *options]))
        if isinstance(place, str):
            options[place] = data.draw(OPTION)
        else:
            arguments[place] = data.draw(OPTION if "pool" in op and place == len(arguments) - 1 else ANYTHING | ODD)
    result = called(op, arguments, options)
    if result is not None:
        assert is_documented(op, arguments, result)


@pytest.mark.parametrize("op", OPERATIONS)
@pytest.mark.parametrize("stranger", STRANGERS)
def test_no_stranger_gets_a_word_of_its_own_into_an_error(op: str, stranger: str) -> None:
    examples: dict[str, tuple[list[Any], list[str]]] = {
        "conv2d": ([X, W, B], ["strides", "padding", "dilation_rate", "groups"]),
        "conv2d_backward": ([DY, X, W], ["strides", "padding", "dilation_rate", "groups"]),
        "conv2d_transpose": ([T, W, np.ones(3)], ["strides", "padding", "dilation_rate", "output_padding"]),
        "conv2d_transpose_backward": ([DT, T, W], ["strides", "padding", "dilation_rate", "output_padding"]),
        "dense": ([ROWS, WEIGHTS, UNITS], []),
        "dense_backward": ([DROWS, ROWS, WEIGHTS], []),
        "max_pool2d": ([X, 2], ["strides", "padding", "dilation_rate", "ceil_mode"]),
        "max_pool2d_backward": ([DP, X, 2], ["strides", "padding", "dilation_rate", "ceil_mode", "ties"]),
        "average_pool2d": ([X, 2], ["strides", "padding", "ceil_mode", "count_include_pad"]),
        "average_pool2d_backward": ([DP, X, 2], ["strides", "padding", "ceil_mode", "count_include_pad"]),
    }
    arguments, options = examples[op]
    for place in range(len(arguments)):
        called(op, [STRANGERS[stranger] if i == place else value for i, value in enumerate(arguments)], {})
    for option in options:
        called(op, arguments, {option: STRANGERS[stranger]})
        called(op, arguments, {option: (STRANGERS[stranger], 1)})
        called(op, arguments, {option: ((STRANGERS[stranger], 1), (1, 1))})


@pytest.mark.parametrize("huge", [2**62, 2**63, 10**30, 10**5000], ids=["2**62", "2**63", "10**30", "10**5000"])
def test_huge_strides_and_dilations_that_show_in_nothing_are_no_error(huge: int) -> None:
    np.testing.assert_array_equal(ops.conv2d(X, W, strides=huge), ops.conv2d(X, W, strides=9))
    for got, want in zip(
        ops.conv2d_backward(DY[:, :1, :1], X, W, strides=huge), ops.conv2d_backward(DY[:, :1, :1], X, W, strides=9), strict=True
    ):
        np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(ops.conv2d(X, W[:1, :1], dilation_rate=huge), ops.conv2d(X, W[:1, :1]))
    np.testing.assert_array_equal(ops.conv2d(X, W, padding="same", strides=huge), ops.conv2d(X, W, padding="same", strides=9))
    np.testing.assert_array_equal(ops.conv2d_transpose(T[:, :1, :1], W, strides=huge), ops.conv2d_transpose(T[:, :1, :1], W))
    for mode in (False, True):
        np.testing.assert_array_equal(ops.max_pool2d(X, 2, strides=huge, ceil_mode=mode), ops.max_pool2d(X, 2, strides=9, ceil_mode=mode))
        np.testing.assert_array_equal(ops.average_pool2d(X, 2, strides=huge, ceil_mode=mode), np.ones((2, 1, 1, 3)))
