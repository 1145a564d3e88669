"""The tracer: its events are valid data, complete, in order, and replay to the very result, bit for bit."""

import itertools
import json
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jsonschema
import numpy as np
import pytest

from convstep import steps
from convstep.checks import Array, accumulator
from convstep.errors import ArgumentTypeError, ConvStepError, ShapeError
from convstep.geometry import Axis
from convstep.steps import TRACE_SCHEMA, tracing
from convstep.steps.tracing import FUNCTIONS, trace
from convstep.testing import cases
from convstep.testing.cases import Case

Record = dict[str, Any]

SCHEMA = jsonschema.Draft202012Validator(TRACE_SCHEMA)

CASES = list(cases(160, dtypes=("float64", "float32", "float16"), same=True, seed=3))
CASE_IDS = [f"{number}-{case.function}" for number, case in enumerate(CASES)]
A = np.arange(36.0).reshape(1, 3, 4, 3)
POOL = {"f": 2, "stride": 1}
SMALL: dict[str, dict[str, Any]] = {
    "zero_pad": {"X": A, "pad": 1},
    "conv_single_step": {"a_slice_prev": A[0, :2, :2], "W": A[0, 1:, 2:], "b": -1.5},
    "conv_forward": {"A_prev": A, "W": A.reshape(2, 2, 3, 3), "b": np.ones((1, 1, 1, 3)), "hparameters": {"stride": 2, "pad": 1}},
    "pool_forward": {"A_prev": A, "hparameters": POOL, "mode": "average"},
    "conv_backward": {"dZ": A[:, :2, :3], "cache": (A, A.reshape(2, 2, 3, 3), np.ones((1, 1, 1, 3)), {"stride": 1, "pad": 0})},
    "create_mask_from_window": {"x": A[0, 0]},
    "distribute_value": {"dz": 3.0, "shape": (2, 3)},
    "pool_backward": {"dA": A[:, :2, :3], "cache": (A, POOL), "mode": "max"},
}  # fmt: skip


def function_of(name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(steps, name)
    return function


def numbers(value: Any) -> Any:
    """Read JSON's numbers and the three texts that stand for what JSON lacks."""
    return [numbers(item) for item in value] if isinstance(value, list) else float(value)


def cells(window: Mapping[str, list[int]]) -> tuple[slice, slice]:
    return slice(*window["rows"]), slice(*window["columns"])


def in_order(values: Array) -> Any:
    total = values.flat[0]
    for value in values.flat[1:]:
        total = total + value
    return total


def assert_same_bits(got: Array, result: Any) -> None:
    rounded = np.asarray(got.astype(result.dtype))
    assert rounded.shape == result.shape
    assert rounded.tobytes() == result.tobytes()


def events_of_every_cell(record: Record, shape: tuple[int, ...]) -> list[Record]:
    """Return the events, one for each cell of the output, image by image, row by row, channel by channel."""
    events: list[Record] = record["events"]
    assert [tuple(event["cell"]) for event in events] == list(itertools.product(*map(range, shape)))
    return events


# --- How the events of each function replay to its result ---


def replay_zero_pad(case: Case, record: Record, result: Any) -> None:
    (event,) = record["events"]
    padded = np.zeros_like(result)
    padded[:, *cells(event["interior"])] = case.arguments[0]
    assert_same_bits(padded, result)


def replay_single_step(_case: Case, record: Record, result: Any) -> None:
    (event,) = record["events"]
    compute = accumulator(result.dtype)
    products, bias = np.array(numbers(event["products"]), compute), compute.type(event["bias"])
    assert in_order(products) == compute.type(event["sum"])
    assert_same_bits(np.asarray(compute.type(event["sum"]) + bias), result)


def replay_conv_forward(_case: Case, record: Record, result: Any) -> None:
    Z = result[0]
    compute = accumulator(Z.dtype)
    replayed = np.full(Z.shape, np.nan, compute)
    for event in events_of_every_cell(record, Z.shape):
        products = np.array(numbers(event["products"]), compute)
        rows, columns = cells(event["window"])
        assert products.shape[:2] == (rows.stop - rows.start, columns.stop - columns.start)
        assert in_order(products) == compute.type(event["sum"])
        assert compute.type(event["sum"]) + compute.type(event["bias"]) == event["value"]
        replayed[tuple(event["cell"])] = event["value"]
    assert_same_bits(replayed, Z)


def replay_pool_forward(case: Case, record: Record, result: Any) -> None:
    (A_prev, _, *mode), A_out = case.arguments, result[0]
    compute = accumulator(A_out.dtype)
    replayed = np.full(A_out.shape, np.nan, compute)
    for event in events_of_every_cell(record, A_out.shape):
        i, _, _, c = event["cell"]
        values = np.array(numbers(event["values"]), compute)
        assert np.array_equal(values, A_prev[i, *cells(event["window"]), c])
        assert ("sum" in event) == (mode == ["average"])
        if mode == ["average"]:
            assert compute.type(event["sum"]) == in_order(values)
            assert event["value"] == compute.type(event["sum"]) / values.size
        else:
            assert event["value"] == values.max()
        replayed[tuple(event["cell"])] = event["value"]
    assert_same_bits(replayed, A_out)


def replay_conv_backward(case: Case, record: Record, result: Any) -> None:
    dZ, (A_prev, W, _, hparameters) = case.arguments
    (dA_prev, dW, db), stride, pad = result, hparameters["stride"], hparameters["pad"]
    compute = accumulator(dA_prev.dtype)
    height, width = (Axis.padded_by(pad, A_prev.shape[axis], W.shape[0], stride=stride) for axis in (1, 2))
    dA_prev_pad = np.zeros((A_prev.shape[0], height.padded, width.padded, A_prev.shape[3]), compute)
    dW_sum, db_sum = np.zeros(W.shape, compute), np.zeros(db.shape, compute)
    for event in events_of_every_cell(record, np.shape(dZ)):
        i, _, _, c = event["cell"]
        dA_prev_pad[i, *cells(event["window"])] += np.array(numbers(event["to_window"]), compute)
        dW_sum[..., c] += np.array(numbers(event["to_filter"]), compute)
        db_sum[..., c] += compute.type(event["to_bias"])
    for got, expected in ((dA_prev_pad[:, height.interior, width.interior], dA_prev), (dW_sum, dW), (db_sum, db)):
        assert_same_bits(got, expected)


def replay_mask(case: Case, record: Record, result: Any) -> None:
    (event,) = record["events"]
    assert event["largest"] == np.max(case.arguments[0])
    assert event["mask"] == record["result"] == result.tolist()


def replay_share(_case: Case, record: Record, result: Any) -> None:
    (event,) = record["events"]
    assert_same_bits(np.full(result.shape, event["share"], accumulator(result.dtype)), result)


def replay_pool_backward(case: Case, record: Record, result: Any) -> None:
    dA_prev = np.zeros(result.shape, accumulator(result.dtype))
    for event in events_of_every_cell(record, np.shape(case.arguments[0])):
        i, _, _, c = event["cell"]
        dA_prev[i, *cells(event["window"]), c] += np.array(numbers(event["received"]), dA_prev.dtype)
    assert_same_bits(dA_prev, result)


REPLAYS: dict[str, Callable[[Case, Record, Any], None]] = {
    "zero_pad": replay_zero_pad,
    "conv_single_step": replay_single_step,
    "conv_forward": replay_conv_forward,
    "pool_forward": replay_pool_forward,
    "conv_backward": replay_conv_backward,
    "create_mask_from_window": replay_mask,
    "distribute_value": replay_share,
    "pool_backward": replay_pool_backward,
}


@pytest.mark.parametrize("case", CASES, ids=CASE_IDS)
def test_the_events_replay_to_the_result_bit_for_bit(case: Case) -> None:
    function = function_of(case.function)
    REPLAYS[case.function](case, trace(function, *case.arguments), function(*case.arguments))


@pytest.mark.parametrize("case", CASES[:64], ids=CASE_IDS[:64])
def test_a_record_is_valid_after_its_schema_and_survives_json(case: Case) -> None:
    record = trace(function_of(case.function), *case.arguments)
    SCHEMA.validate(record)
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_the_schema_is_a_schema_and_knows_the_eight_functions() -> None:
    jsonschema.Draft202012Validator.check_schema(TRACE_SCHEMA)
    assert TRACE_SCHEMA["properties"]["function"]["enum"] == list(FUNCTIONS) == list(SMALL)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_keyword_arguments_leave_the_same_record_with_every_argument_by_name(name: str) -> None:
    function, arguments = function_of(name), SMALL[name]
    record = trace(function, **arguments)
    assert record == trace(function, *arguments.values())
    assert record["function"] == name
    assert list(record["arguments"]) == list(arguments)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_called_with_the_recorded_arguments_takes_the_recorded_steps(name: str) -> None:
    record = trace(function_of(name), **SMALL[name])
    assert trace(function_of(name), **record["arguments"]) == record


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nobody_listens_before_and_after_a_trace(name: str) -> None:
    function, arguments = function_of(name), SMALL[name]
    assert tracing._listener.get() is None
    record = trace(function, **arguments)
    before = json.dumps(record)
    assert tracing._listener.get() is None
    function(**arguments)
    assert json.dumps(record) == before


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_refused_call_leaves_no_listener_behind(name: str) -> None:
    broken: dict[str, Any] = dict.fromkeys(SMALL[name])
    with pytest.raises(ConvStepError):
        trace(function_of(name), **broken)
    assert tracing._listener.get() is None


class Asking(Mapping[str, int]):
    """Hyperparameters that do something else when they are read, in the middle of a traced call."""

    def __init__(self, action: Callable[[], Any]) -> None:
        self.action = action

    def __getitem__(self, key: str) -> int:
        self.action()
        return POOL[key]

    def __iter__(self) -> Iterator[str]:
        return iter(POOL)

    def __len__(self) -> int:
        return len(POOL)


def test_a_trace_within_a_trace_keeps_its_events_to_itself() -> None:
    inner: list[Record] = []
    outer = trace(steps.pool_forward, A, Asking(lambda: inner.append(trace(steps.zero_pad, A, 1))))
    assert outer["events"] == trace(steps.pool_forward, A, POOL)["events"]
    assert inner[0] == trace(steps.zero_pad, A, 1)


def test_a_trace_that_fails_within_a_trace_hands_the_listener_back() -> None:
    def fail() -> None:
        with pytest.raises(ShapeError):
            trace(steps.zero_pad, A, -1)

    assert trace(steps.pool_forward, A, Asking(fail))["events"] == trace(steps.pool_forward, A, POOL)["events"]


def test_threads_do_not_hear_each_other() -> None:
    def call_elsewhere() -> None:
        thread = threading.Thread(target=lambda: steps.conv_forward(**SMALL["conv_forward"]))
        thread.start()
        thread.join()

    assert trace(steps.pool_forward, A, Asking(call_elsewhere))["events"] == trace(steps.pool_forward, A, POOL)["events"]


def test_two_threads_trace_at_the_same_time() -> None:
    together, records = threading.Barrier(2, timeout=30), dict[int, Record]()

    def work(scale: int) -> None:
        records[scale] = trace(steps.pool_forward, A * scale, Asking(together.wait))

    threads = [threading.Thread(target=work, args=(scale,)) for scale in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {scale: record["events"] for scale, record in records.items()} == {
        scale: trace(steps.pool_forward, A * scale, POOL)["events"] for scale in (1, 2)
    }


def test_as_many_steps_as_the_limit_are_recorded() -> None:
    assert len(trace(steps.pool_forward, A, POOL, limit=18)["events"]) == 18


def test_more_steps_than_the_limit_are_refused_and_leave_no_listener_behind() -> None:
    with pytest.raises(ShapeError, match="takes more than 17 steps"):
        trace(steps.pool_forward, A, POOL, limit=17)
    assert tracing._listener.get() is None


def test_no_images_leave_no_events() -> None:
    record = trace(steps.conv_forward, **{**SMALL["conv_forward"], "A_prev": A[:0]})
    SCHEMA.validate(record)
    assert record["events"] == []


def test_what_json_lacks_becomes_text() -> None:
    values = np.array([[math.nan, math.inf], [-math.inf, 1.0]]).reshape(1, 2, 2, 1)
    record = trace(steps.pool_forward, values, {"f": 1, "stride": 1})
    SCHEMA.validate(record)
    json.dumps(record, allow_nan=False)
    assert [event["value"] for event in record["events"]] == ["NaN", "Infinity", "-Infinity", 1.0]
    assert record["arguments"]["A_prev"] == record["result"][0] == [[[["NaN"], ["Infinity"]], [["-Infinity"], [1.0]]]]


def test_whole_numbers_stay_whole_and_truth_stays_truth() -> None:
    record = trace(steps.create_mask_from_window, np.array([[2**63, 1]], np.uint64))
    assert record["arguments"] == {"x": [[2**63, 1]]}
    assert record["events"] == [{"largest": 2**63, "mask": [[True, False]]}]
    assert json.loads(json.dumps(record)) == record


class LikeAnArray:
    """What a tensor of another library is to NumPy."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return np.ones((1, 2, 2, 1))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        pytest.param("zero_pad", (LikeAnArray(), 1), id="an object with __array__"),
        pytest.param("zero_pad", (np.ones((1, 2, 2, 1)).data, 1), id="a memoryview"),
        pytest.param("create_mask_from_window", ([range(3), range(3)],), id="a list of ranges"),
        pytest.param("distribute_value", (np.array(2.0), (2, 2)), id="an array without axes"),
    ],
)
def test_whatever_a_function_takes_can_be_traced(name: str, arguments: tuple[Any, ...]) -> None:
    record = trace(function_of(name), *arguments)
    SCHEMA.validate(record)
    json.dumps(record, allow_nan=False)


def test_only_the_eight_functions_can_be_traced() -> None:
    def zero_pad() -> None:
        """Go by the name of another."""

    for stranger in (zero_pad, len, steps.trace, tracing.step):
        with pytest.raises(ArgumentTypeError):
            trace(stranger)
