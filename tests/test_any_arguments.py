"""Whatever is thrown at the eight functions: a documented result, or an error of this package that says who speaks and what was given."""

import copy
import unittest.mock
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from convstep import steps
from convstep.checks import Array
from convstep.errors import ArgumentTypeError, ConvStepError, OutOfMemoryError, ShapeError

A, W, B = np.ones((2, 3, 4, 2)), np.ones((2, 2, 2, 3)), np.ones((1, 1, 1, 3))
CONV, POOL = {"stride": 1, "pad": 0}, {"f": 2, "stride": 1}

# --- Objects that lie and objects that raise ---


class Raises:
    """Raises a stranger's error whatever it is asked for by these names."""

    def boom(self, *_arguments: Any, **_keywords: Any) -> Any:
        raise RuntimeError("a stranger's own message")

    __array__ = __len__ = __getitem__ = __iter__ = __int__ = __index__ = __float__ = __eq__ = __bool__ = __repr__ = __str__ = boom
    __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __array_ufunc__ = __array_function__ = boom
    __hash__ = object.__hash__


class RaisesForAll:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


class ArrayIsThree:
    def __array__(self, *_arguments: Any, **_keywords: Any) -> Any:
        return 3


class RaisingMapping(Raises, Mapping[str, Any]):
    pass


class LyingMapping(Mapping[Any, Any]):
    """Has four keys, one of which cannot be a key."""

    def __getitem__(self, key: Any) -> Any:
        return 1

    def __iter__(self) -> Iterator[Any]:
        return iter(["stride", "pad", "f", []])

    def __len__(self) -> int:
        return 1


class RaisingInt(int):
    __int__ = __index__ = __lt__ = __repr__ = __str__ = Raises.boom


class RaisingStr(str):
    __slots__ = ()
    __eq__ = __ne__ = lower = startswith = Raises.boom
    __hash__ = str.__hash__


class RaisingDict(dict[Any, Any]):
    __iter__ = keys = items = __len__ = __getitem__ = __contains__ = Raises.boom


class RaisingTuple(tuple[Any, ...]):
    __slots__ = ()
    __len__ = Raises.boom


class EmptyTuple(tuple[Any, ...]):
    """A tuple of four with nothing to give."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return iter(())


class RaisingArray(np.ndarray[Any, Any]):
    __array_ufunc__ = __array_function__ = astype = Raises.boom


class ShapelessArray(np.ndarray[Any, Any]):
    shape = property(Raises.boom)


class RaisingKey:
    """Takes the place of the key "stride" in a dict and cannot be compared with it."""

    def __hash__(self) -> int:
        return hash("stride")

    __eq__ = Raises.boom


def holding_itself() -> list[Any]:
    items: list[Any] = [1.0]
    items.append(items)
    return items


HOSTILE: list[Any] = [
    Raises(),
    RaisesForAll(),
    ArrayIsThree(),
    RaisingMapping(),
    LyingMapping(),
    holding_itself(),
    A.view(RaisingArray),
    np.ma.masked,
    np.array([A, None], dtype=object),
    np.zeros(2, "i4,f8"),
    (n for n in range(3)),
    memoryview(b"abc"),
    np.timedelta64(1, "D"),
    {1, 2},
    Ellipsis,
    len,
]

# --- Arguments: right ones for each function, of which some are replaced by anything at all ---

SIDES = st.integers(1, 3)
HUGE = st.sampled_from([sign * n for n in (2**31, 2**62, 2**63, 2**64, 10**30, 10**4000) for sign in (1, -1)])
WHOLE = st.integers(-1, 3) | HUGE | st.sampled_from([np.int8(1), np.uint64(2), np.int64(-1), True, 2.0, 2.5, np.float32(2)])
DTYPES = st.sampled_from(["f2", "f4", "f8", ">f4", ">f8", "i1", "u8", ">i4", "?"])
ODD_DTYPES = st.sampled_from(["c8", "c16", "U3", "S2", "M8[s]", "m8[D]"])
SHAPES = hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=3)
KEYS = st.sampled_from(["stride", "pad", "f", "Stride", "padding", "", 1, None, (1, 2)]) | st.text(max_size=3)
SCALARS = st.none() | st.booleans() | WHOLE | st.floats() | st.complex_numbers() | st.text(max_size=5) | st.binary(max_size=5)
ANYTHING = (
    SCALARS
    | st.integers(0, len(HOSTILE) - 1).map(lambda number: HOSTILE[number])
    | hnp.arrays(DTYPES | ODD_DTYPES, SHAPES)
    | st.dictionaries(KEYS, SCALARS, max_size=3)
    | st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner), max_leaves=6)
)


def arrays(*sides: int) -> st.SearchStrategy[Any]:
    """Draw an array of these sides: plain, back to front, or as nested lists where those can hold its shape."""
    drawn = hnp.arrays(DTYPES, sides)
    return drawn | drawn.map(lambda array: array[..., ::-1]) | (drawn.map(lambda array: array.tolist()) if all(sides) else drawn)


@st.composite
def right_arguments(draw: st.DrawFn, op: str) -> list[Any]:
    m, f, stride, n_C_prev, n_C = draw(st.integers(0, 2)), draw(SIDES), draw(SIDES), draw(SIDES), draw(SIDES)
    rows, columns = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    images, pad = draw(arrays(m, f + rows, f + columns, n_C_prev)), draw(st.integers(0, 2))
    n_H, n_W = ((f + more + 2 * pad - f) // stride + 1 for more in (rows, columns))
    if op == "zero_pad":
        return [images, pad]
    if op == "conv_single_step":
        return [draw(arrays(f, f, n_C)), draw(arrays(f, f, n_C)), draw(arrays(1, 1, 1) | st.floats(width=32))]
    if op in {"conv_forward", "conv_backward"}:
        cache = [images, draw(arrays(f, f, n_C_prev, n_C)), draw(arrays(1, 1, 1, n_C)), {"stride": stride, "pad": pad}]
        return cache if op == "conv_forward" else [draw(arrays(m, n_H, n_W, n_C)), cache]
    if op in {"pool_forward", "pool_backward"}:
        cache, mode = [images, {"f": f, "stride": stride}], draw(st.sampled_from(["max", "average"]))
        n_H, n_W = rows // stride + 1, columns // stride + 1
        return [*cache, mode] if op == "pool_forward" else [draw(arrays(m, n_H, n_W, n_C_prev)), cache, mode]
    if op == "create_mask_from_window":
        return [draw(arrays(f, n_C))]
    return [draw(st.floats(width=16) | hnp.arrays(DTYPES, ())), (f, n_C)]


@st.composite
def arguments(draw: st.DrawFn, op: str) -> list[Any]:
    """Draw right arguments, and put anything in the place of up to two of them or of what they hold."""
    drawn = draw(right_arguments(op))
    for _ in range(draw(st.integers(0, 2))):
        where: Any = drawn
        place = draw(st.integers(0, len(where) - 1))
        inner = where[place]
        if isinstance(inner, dict | list) and inner and draw(st.booleans()):
            where, place = inner, draw(st.sampled_from(list(inner) if isinstance(inner, dict) else range(len(inner))))
        where[place] = draw(WHOLE if isinstance(where, dict) else ANYTHING)
    return drawn


# --- What is documented: shape and type of every result ---


def shape_of(value: Any) -> tuple[int, ...]:
    return np.asarray(value).shape  # np.shape would ask a hostile array


def floats(*values: Any) -> Any:
    """Return the type of a result: floats promote, whole numbers count as float64."""
    kinds = [np.asarray(value).dtype for value in values]
    return np.result_type(*(kind if kind.kind == "f" else np.float64 for kind in kinds)).newbyteorder("=")


def is_array(value: Any, shape: tuple[int, ...], dtype: Any) -> bool:
    return type(value) is np.ndarray and value.shape == shape and value.dtype == np.dtype(dtype)


def padded(X: Any, pad: int, X_pad: Any) -> bool:
    m, n_H, n_W, n_C = shape_of(X)
    return is_array(X_pad, (m, n_H + 2 * pad, n_W + 2 * pad, n_C), floats(X))


def convolved(A_prev: Any, W: Any, b: Any, hparameters: Any, result: Any) -> bool:
    Z, cache = result
    m, f, n_C, stride = shape_of(A_prev)[0], shape_of(W)[0], shape_of(W)[3], int(hparameters["stride"])
    if hparameters["pad"] == "same":
        n_H, n_W = (-(-n // stride) for n in shape_of(A_prev)[1:3])
    else:
        n_H, n_W = ((n - f + 2 * int(hparameters["pad"])) // stride + 1 for n in shape_of(A_prev)[1:3])
    same_cache = all(kept is given for kept, given in zip(cache, (A_prev, W, b, hparameters), strict=True))
    return same_cache and is_array(Z, (m, n_H, n_W, n_C), floats(A_prev, W, b))


def pooled(A_prev: Any, hparameters: Any, _mode: str, result: Any) -> bool:
    A_out, cache = result
    f, stride = int(hparameters["f"]), int(hparameters["stride"])
    (m, n_H, n_W, n_C), same_cache = shape_of(A_prev), cache[0] is A_prev and cache[1] is hparameters
    return same_cache and is_array(A_out, (m, (n_H - f) // stride + 1, (n_W - f) // stride + 1, n_C), floats(A_prev))


def stepped(a_slice_prev: Any, W: Any, b: Any, Z: Any) -> bool:
    return bool(type(Z) is (floats(a_slice_prev, W) if isinstance(b, int | float) else floats(a_slice_prev, W, b)).type)


def conv_gradients(dZ: Any, cache: Any, result: Any) -> bool:
    return all(is_array(got, shape_of(of), floats(dZ, *cache[:3])) for got, of in zip(result, cache[:3], strict=True))


def pool_gradient(dA: Any, cache: Any, _mode: str, dA_prev: Any) -> bool:
    return is_array(dA_prev, shape_of(cache[0]), floats(dA, cache[0]))


DOCUMENTED: dict[str, Callable[..., bool]] = {
    "zero_pad": padded,
    "conv_single_step": stepped,
    "conv_forward": convolved,
    "pool_forward": pooled,
    "conv_backward": conv_gradients,
    "create_mask_from_window": lambda x, mask: is_array(mask, shape_of(x), bool),
    "distribute_value": lambda dz, shape, a: is_array(a, tuple(shape), floats(dz)),
    "pool_backward": pool_gradient,
}


def assert_explained(op: str, error: ConvStepError) -> None:
    fact, *rest = str(error).split("\n")
    assert type(error) in {ShapeError, ArgumentTypeError, OutOfMemoryError}
    assert fact.startswith(f"{op}: ")
    assert [line[:8] for line in rest] == ["  given "]
    assert "stranger" not in str(error)


def call(op: str, drawn: list[Any]) -> Any:
    """Return what the function returns; an error must be one of ours, and explain itself."""
    try:
        return getattr(steps, op)(*drawn)
    except ConvStepError as error:
        assert_explained(op, error)
        raise


@pytest.mark.parametrize("op", DOCUMENTED)
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_arguments_give_a_documented_result_or_a_documented_error(op: str, data: st.DataObject) -> None:
    drawn = data.draw(arguments(op))
    try:
        result = call(op, drawn)
    except ConvStepError:
        return
    assert DOCUMENTED[op](*drawn, result)


@pytest.mark.parametrize("op", DOCUMENTED)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_right_arguments_are_accepted_and_left_as_they_were(op: str, data: st.DataObject) -> None:
    drawn = data.draw(right_arguments(op))
    before = copy.deepcopy(drawn)
    assert DOCUMENTED[op](*drawn, call(op, drawn))
    assert repr(drawn) == repr(before)


@pytest.mark.parametrize("op", DOCUMENTED)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_absurd_arguments_alone_give_a_documented_error_or_result(op: str, data: st.DataObject) -> None:
    count = {"conv_single_step": 3, "conv_forward": 4, "pool_forward": 3, "pool_backward": 3, "create_mask_from_window": 1}.get(op, 2)
    drawn = [data.draw(ANYTHING) for _ in range(count)]
    try:
        result = call(op, drawn)
    except ConvStepError:
        return
    assert DOCUMENTED[op](*drawn, result)


# --- One hostile argument at a time, in every place ---

PLACES: list[tuple[str, str, Callable[[Any], Any]]] = [
    ("zero_pad", "X", lambda v: steps.zero_pad(v, 1)),
    ("zero_pad", "pad", lambda v: steps.zero_pad(A, v)),
    ("conv_single_step", "b", lambda v: steps.conv_single_step(W[..., 0], W[..., 0], v)),
    ("conv_forward", "W", lambda v: steps.conv_forward(A, v, B, CONV)),
    ("conv_forward", "hparameters", lambda v: steps.conv_forward(A, W, B, v)),
    ("conv_forward", "stride", lambda v: steps.conv_forward(A, W, B, {"stride": v, "pad": 0})),
    ("conv_forward", "pad", lambda v: steps.conv_forward(A, W, B, {"stride": 1, "pad": v})),
    ("conv_backward", "cache", lambda v: steps.conv_backward(np.ones((2, 2, 3, 3)), v)),
    ("pool_forward", "hparameters", lambda v: steps.pool_forward(A, v)),
    ("pool_forward", "mode", lambda v: steps.pool_forward(A, POOL, v)),
    ("pool_backward", "cache", lambda v: steps.pool_backward(np.ones((2, 2, 3, 2)), v)),
    ("create_mask_from_window", "x", steps.create_mask_from_window),
    ("distribute_value", "dz", lambda v: steps.distribute_value(v, (2, 2))),
    ("distribute_value", "shape", lambda v: steps.distribute_value(1.0, v)),
    ("distribute_value", "size", lambda v: steps.distribute_value(1.0, (2, v))),
    ("trace", "function", lambda v: steps.trace(v, A, 1)),
    ("trace", "limit", lambda v: steps.trace(steps.zero_pad, A, 1, limit=v)),
]
STRANGERS: dict[str, Any] = {
    "raises": Raises(),
    "raises for every attribute": RaisesForAll(),
    "mapping that raises": RaisingMapping(),
    "int that raises": RaisingInt(3),
    "str that raises": RaisingStr("max"),
    "dict that raises": RaisingDict(stride=1),
    "dict with a key that raises": {RaisingKey(): 1},
    "tuple that raises": RaisingTuple((A, W, B, CONV)),
    "tuple that is empty": EmptyTuple((A, W, B, CONV)),
    "array that raises": A.view(RaisingArray),
    "array without a shape": A.view(ShapelessArray),
    "mock of an int": unittest.mock.NonCallableMagicMock(spec=int),
    "mock of an array": unittest.mock.NonCallableMagicMock(spec=np.ndarray),
}


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize(("op", "name", "called"), PLACES, ids=[f"{op}-{name}" for op, name, _ in PLACES])
def test_no_stranger_gets_a_word_of_its_own_into_an_error(op: str, name: str, called: Callable[[Any], Any], stranger: str) -> None:
    assert name
    try:
        called(STRANGERS[stranger])
    except ConvStepError as error:
        assert_explained(op, error)


# --- Arrays that exist only on paper: views of one number ---


def paper(shape: tuple[int, ...], dtype: Any = bool) -> Array:
    return np.broadcast_to(np.ones((), dtype), shape)


EMPTY = np.zeros((0, 2**30, 2**30, 1), bool)
ON_PAPER: list[tuple[str, str, Callable[[], Any]]] = [
    ("an image", "zero_pad", lambda: steps.zero_pad(paper((1, 1, 1, 2**61)), 0)),
    ("a step", "conv_single_step", lambda: steps.conv_single_step(paper((1, 1, 2**61)), paper((1, 1, 2**61)), 0.0)),
    ("an image to convolve", "conv_forward", lambda: steps.conv_forward(paper((2**61, 1, 1, 1)), W[:1, :1, :1], B, CONV)),
    (
        "filters",
        "conv_forward",
        lambda: steps.conv_forward(paper((1, 2**20, 2**20, 1), float), paper((2**20, 2**20, 1, 2**21)), paper((1, 1, 1, 2**21)), CONV),
    ),
    ("an image to pool", "pool_forward", lambda: steps.pool_forward(paper((1, 1, 1, 2**61)), {"f": 1, "stride": 1})),
    ("no image to pool", "pool_forward", lambda: steps.pool_forward(EMPTY, {"f": 1, "stride": 1})),
    ("a gradient of no image", "pool_backward", lambda: steps.pool_backward(EMPTY, (EMPTY, {"f": 1, "stride": 1}))),
]


@pytest.mark.parametrize(("op", "called"), [row[1:] for row in ON_PAPER], ids=[row[0] for row in ON_PAPER])
def test_what_no_memory_can_hold_is_refused_in_our_own_words(op: str, called: Callable[[], Any]) -> None:
    with pytest.raises((ShapeError, OutOfMemoryError)) as caught:
        called()
    assert_explained(op, caught.value)


# --- Long things are told in short ---

LONG: dict[str, Any] = {
    "a deep list": [[[[1, 2, 3] * 5] * 10] * 10, [[[1, 2]] * 10] * 10],
    "a long dict": {letter * 60: letter * 90 for letter in "abcdef"},
    "a long list": [0.5] * 1000 + ["x"],
    "a long text": "text" * 100,
    "arrays in a list": [A, W, B, CONV, None],
    "arrays in a tuple": (A, W, B, CONV, None),
    "large whole numbers": [10**5000] * 3,
}


@pytest.mark.parametrize("what", LONG)
@pytest.mark.parametrize(("op", "name", "called"), PLACES, ids=[f"{op}-{name}" for op, name, _ in PLACES])
def test_a_long_argument_is_shown_in_short(op: str, name: str, called: Callable[[Any], Any], what: str) -> None:
    assert name
    with pytest.raises(ConvStepError) as caught:
        called(LONG[what])
    assert_explained(op, caught.value)
    assert max(map(len, str(caught.value).split("\n"))) <= 250
