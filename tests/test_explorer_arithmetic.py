"""The page's arithmetic is that of `convstep.steps`, bit for bit; the tests plant bugs in its text and see the comparison fail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from tests import node

from convstep import ops, steps
from convstep.checks import Array
from convstep.geometry import Axis

pytestmark = pytest.mark.once
CONVOLUTIONS, POOLINGS = 330, 330
AXIS = ("size", "kernel", "stride", "dilation", "padded", "reach", "out")

ANSWER = """
const answered = ({ convBackward, convForward, poolBackward, poolForward }, { x, w, b, dy, options }) => {
  try {
    return w === null
      ? { ...poolForward(x, options), ...poolBackward(dy, x, options) }
      : { ...convForward(x, w, b, options), ...convBackward(dy, x, w, b, options) };
  } catch (error) {
    return { error: error.message };
  }
};
const copies = await Promise.all(given.copies.map((name) => load(name)));
return copies.map((copy) => given.cases.map((one) => answered(copy, one)));
"""


@dataclass(frozen=True)
class Case:
    """Arguments of the page's functions, and what Python makes of them. A pooling has no filters."""

    x: Array
    w: Array | None
    b: Array | None
    dy: Array
    options: dict[str, Any]
    expected: dict[str, Array]

    @property
    def given(self) -> dict[str, Any]:
        return {"x": self.x, "w": self.w, "b": self.b, "dy": self.dy, "options": self.options}

    @property
    def loses_signs_of_zeros(self) -> bool:
        """A kernel with zeros between its cells adds 0 to a sum that may be -0, which makes it 0; the page leaves those cells out."""
        return bool(self.options.get("dilation", 1) > 1)

    def __str__(self) -> str:
        return f"x {self.x.shape}, w {getattr(self.w, 'shape', None)}, {self.options}"


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    rng = np.random.default_rng(7)
    return [negative_zeros(), *(convolution(rng) for _ in range(CONVOLUTIONS)), *(pooling(rng) for _ in range(POOLINGS))]


@pytest.fixture(scope="module")
def few(cases: list[Case]) -> list[Case]:
    """Enough of them to catch a bug."""
    return cases[::8]


def differing(cases: Sequence[Case], texts: Sequence[str]) -> list[list[str]]:
    """For each text of the module, which of its results are not those of Python, and of which case."""
    copies = {f"copy_{i}.js": text for i, text in enumerate(texts)}
    answers = node.run(ANSWER, {"cases": [case.given for case in cases], "copies": list(copies)}, files=copies)
    return [[found for case, answer in zip(cases, each, strict=True) for found in wrong_in(answer, case)] for each in answers]


def wrong_in(answer: dict[str, Any], case: Case) -> list[str]:
    signs = not case.loses_signs_of_zeros
    return [
        f"{name} of {case}"
        for name, value in case.expected.items()
        if "error" in answer or not same_bits(answer[name], value, signs_of_zeros=signs)
    ]


def same_bits(got: Array, expected: Array, *, signs_of_zeros: bool = True) -> bool:
    """Whether two arrays are the same; one NaN is as good as another, as in IEEE 754."""
    if not np.array_equal(got, expected, equal_nan=True):
        return False
    return not signs_of_zeros or bool(np.array_equal(np.signbit(got[got == 0]), np.signbit(expected[expected == 0])))


# --- the cases ---


def values(rng: np.random.Generator, shape: tuple[int, ...], *, wild: bool = False) -> Array:
    """Numbers of one of four kinds: any, a few with ties and zeros of both signs, very large and very small ones, or not even finite."""
    kind = rng.integers(4 if wild else 3)
    if kind == 0:
        return rng.standard_normal(shape)
    if kind == 1:
        return rng.choice([-2.0, -1.0, -0.0, 0.0, 1.0, 2.0], shape)
    if kind == 2:
        return rng.standard_normal(shape) * 10.0 ** rng.integers(-160, 150, shape)
    return rng.choice([np.nan, np.inf, -np.inf, -0.0, 0.0, 1.5, -1.5, 3.0, 5.0], shape)


def convolution(rng: np.random.Generator) -> Case:
    """A convolution whose window fits, and what the steps make of it; dilation is a kernel with zeros between its cells."""
    while True:
        height, width, channels, filters, kernel = (int(rng.integers(1, most)) for most in (9, 9, 4, 4, 5))
        stride, dilation = int(rng.integers(1, 5)), int(rng.choice([1, 1, 2, 3]))
        padding: Any = [0, 1, 2, 3, "valid", "same"][rng.integers(6)]
        axes = [Axis.padded_by(padding, size, kernel, stride=stride, dilation=dilation) for size in (height, width)]
        if all(axis.out for axis in axes):
            break
    wild = dilation == 1  # 0 times infinity is NaN, so zeros between the cells would show
    x = values(rng, (height, width, channels), wild=wild)
    w = values(rng, (kernel, kernel, channels, filters), wild=wild)
    b, dy = values(rng, (filters,), wild=wild), values(rng, (axes[0].out, axes[1].out, filters), wild=wild)
    reach = axes[0].reach
    spread = np.zeros((reach, reach, channels, filters))
    spread[::dilation, ::dilation] = w
    hparameters = {"stride": stride, "pad": 0 if padding == "valid" else padding}
    z, cache = steps.conv_forward(x[None], spread, b.reshape(1, 1, 1, -1), hparameters)
    dx, dw, db = steps.conv_backward(dy[None], cache)
    padded = np.pad(x, (axes[0].pad, axes[1].pad, (0, 0)))
    expected = {"z": z[0], "padded": padded, "dx": dx[0], "dw": dw[::dilation, ::dilation], "db": db[0, 0, 0]}
    return Case(x, w, b, dy, {"stride": stride, "padding": padding, "dilation": dilation}, expected)


def negative_zeros() -> Case:
    """A sum of which every term is -0, and so the sum is, if it begins with the first of them."""
    x, w, b, dy = np.full((2, 3, 1), -0.0), np.ones((2, 2, 1, 1)), np.full(1, -0.0), np.ones((1, 2, 1))
    z, cache = steps.conv_forward(x[None], w, b.reshape(1, 1, 1, 1), {"stride": 1, "pad": 0})
    dx, dw, db = steps.conv_backward(dy[None], cache)
    return Case(x, w, b, dy, {"stride": 1, "padding": 0, "dilation": 1}, {"z": z[0], "dx": dx[0], "dw": dw, "db": db[0, 0, 0]})


def pooling(rng: np.random.Generator) -> Case:
    """A pooling, and what the steps make of it; the rule of the first maximum is not theirs but that of `convstep.ops`."""
    height, width, channels = (int(rng.integers(1, most)) for most in (9, 9, 4))
    size, stride = int(rng.integers(1, min(height, width, 4) + 1)), int(rng.integers(1, 5))
    mode, rule = ["max", "max", "average"][rng.integers(3)], ["course", "first"][rng.integers(2)]
    axes = [Axis(length, size, stride) for length in (height, width)]
    x, dy = values(rng, (height, width, channels), wild=True), values(rng, (axes[0].out, axes[1].out, channels), wild=True)
    a, cache = steps.pool_forward(x[None], {"f": size, "stride": stride}, mode)
    by_course = mode == "average" or rule == "course"
    dx = steps.pool_backward(dy[None], cache, mode)[0] if by_course else first_maximum(dy, x, size, stride)
    return Case(x, None, None, dy, {"size": size, "stride": stride, "mode": mode, "rule": rule}, {"a": a[0], "dx": dx})


def first_maximum(dy: Array, x: Array, size: int, stride: int) -> Array:
    """The gradient by the rule of most frameworks, window by window: argmax finds the first maximum, and a NaN before any number."""
    dx = np.zeros(x.shape)
    with np.errstate(all="ignore"):
        for h, w, c in np.ndindex(dy.shape):
            window = x[h * stride : h * stride + size, w * stride : w * stride + size, c]
            i, j = divmod(int(np.argmax(window)), size)
            dx[h * stride + i, w * stride + j, c] += dy[h, w, c]
    return dx


# --- what is true of them ---


def test_there_are_cases_of_every_kind(cases: list[Case]) -> None:
    options = [case.options for case in cases]
    assert len(cases) >= 500
    for name, several in {"stride": 3, "padding": 5, "dilation": 3, "mode": 2, "rule": 2, "size": 3}.items():
        assert all(
            sum(option.get(name) == value for option in options) >= 20 for value in {option[name] for option in options if name in option}
        )
        assert len({option[name] for option in options if name in option}) >= several
    assert sum(case.x.shape[0] != case.x.shape[1] for case in cases) > 300
    assert sum(bool(np.isnan(case.x).any()) for case in cases) > 30


def test_the_page_computes_what_the_steps_compute_bit_for_bit(cases: list[Case]) -> None:
    assert differing(cases, [node.text("arithmetic.js")]) == [[]]


BUGS = {
    "the stride is forgotten": ("(h * rows.stride * columns.padded", "(h * columns.padded"),
    "one row too few": ("(padded - reach) / stride) + 1", "(padded - reach) / stride)"),
    "the size is rounded to the nearest": ("Math.floor((padded - reach)", "Math.round((padded - reach)"),
    "the odd zero goes before": ("[Math.floor(total / 2), total - Math.floor(total / 2)]", "[Math.ceil(total / 2), Math.floor(total / 2)]"),
    "the kernel is flipped": (
        "w.data[i * count + k];\n        }\n        z",
        "w.data[w.data.length - i * count];\n        }\n        z",
    ),
    "sums begin at zero": ("padded.data[corner + offsets[0]] * w.data[k];\n        for (let i = 1;", "0;\n        for (let i = 0;"),
    "the bias is added twice and taken off": ("= sum + b.data[k];", "= sum + b.data[k] - b.data[k] + b.data[k];"),
    "the bias is left out": ("= sum + b.data[k];", "= sum;"),
    "dilation is forgotten": ("i * rows.dilation * columns.padded", "i * columns.padded"),
    "overlapping windows do not add up": ("dxPadded.data[corner + offsets[i]] +=", "dxPadded.data[corner + offsets[i]] ="),
    "dw keeps the last window": ("dw.data[i * count + k] +=", "dw.data[i * count + k] ="),
    "db counts windows": ("db.data[k] += received", "db.data[k] += 1"),
    "the padding is cut off in the wrong place": ("columns.before) * channels;\n    inner", "columns.after) * channels;\n    inner"),
    "a NaN is overlooked": ("|| Number.isNaN(values[i])", ""),
    "the last maximum wins": ("values[i] > values[place] ||", "values[i] >= values[place] ||"),
    "every maximum gets the gradient by both rules": ('rule === "first" ? i === place :', ""),
    "the share is the whole": ("received / window.length", "received"),
    "the mean is the sum": ("addUp(window) / window.length", "addUp(window)"),
}


@pytest.fixture(scope="module")
def found(few: list[Case]) -> dict[str, list[str]]:
    """What the comparison finds in copies of the module, each with one bug; and in one without."""
    copies = {"none": node.text("arithmetic.js")} | {bug: node.planted("arithmetic.js", *change) for bug, change in BUGS.items()}
    return dict(zip(copies, differing(few, list(copies.values())), strict=True))


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str, found: dict[str, list[str]]) -> None:
    assert found[bug]


def test_the_copy_that_bugs_are_planted_in_is_right_without_one(found: dict[str, list[str]]) -> None:
    assert found["none"] == []


def by_first_maximum(cases: Sequence[Case]) -> list[Case]:
    return [case for case in cases if case.options.get("mode") == "max" and case.options["rule"] == "first"]


def test_the_first_maximum_is_that_of_convstep_ops(cases: list[Case]) -> None:
    firsts = by_first_maximum(cases)
    assert len(firsts) > 50
    for case in firsts:
        size, stride = case.options["size"], case.options["stride"]
        dx = ops.max_pool2d_backward(case.dy[None], case.x[None], size, strides=stride)[0]
        # two infinities that meet, or sums in another order, are the engine's own
        where = np.isfinite(case.expected["dx"])
        np.testing.assert_allclose(dx[where], case.expected["dx"][where], rtol=1e-12)


def test_an_axis_of_the_page_is_that_of_convstep_geometry() -> None:
    rng = np.random.default_rng(3)
    pads = ("valid", "same", 0, 1, 2, 5, (0, 3), (2, 1))
    asked: list[tuple[Any, ...]] = [(*(int(n) for n in rng.integers(1, (30, 9, 8, 5))), pads[rng.integers(len(pads))]) for _ in range(600)]
    answers = node.run(
        """
        const { windowAxis } = await load("arithmetic.js");
        return given.map((axis) => {
          try {
            return windowAxis(...axis);
          } catch (error) {
            return { refused: error instanceof RangeError, message: error.message, reach: error.reach, padded: error.padded };
          }
        });
        """,
        asked,
    )
    refused = 0
    for (size, kernel, stride, dilation, padding), answer in zip(asked, answers, strict=True):
        axis = Axis.padded_by(padding, size, kernel, stride=stride, dilation=dilation)
        if axis.out == 0:
            refused += 1
            message = f"a window that reaches over {axis.reach} cells does not fit into {axis.padded}"
            assert answer == {"refused": True, "message": message, "reach": axis.reach, "padded": axis.padded}
            continue
        assert {name: answer[name] for name in AXIS} == {name: getattr(axis, name) for name in AXIS}
        assert (answer["before"], answer["after"]) == axis.pad
        assert answer["ignored"] == axis.padded - 1 - range(axis.padded)[axis.window(axis.out - 1)][-1]
    assert 20 < refused < 300


def test_one_step_shows_what_the_trace_of_the_steps_shows(cases: list[Case]) -> None:
    chosen = [case for case in cases if case.options.get("dilation", 1) == 1 and not has_strangers(case)][::6]
    answers = node.run(
        """
        const { convForward, convStep, poolForward, poolStep } = await load("arithmetic.js");
        const each = ([height, width, depth], step) =>
          Array.from({ length: height * width * depth }, (_, i) =>
            step([Math.floor(i / depth / width), Math.floor(i / depth) % width, i % depth]));
        return given.map(({ x, w, b, options }) => w === null
          ? each(poolForward(x, options).a.shape, (at) => poolStep(x, options, at))
          : each(convForward(x, w, b, options).z.shape, (at) => convStep(x, w, b, options, at)));
        """,
        [case.given for case in chosen],
    )
    for case, answer in zip(chosen, answers, strict=True):
        events = traced(case)
        assert len(events) == len(answer)
        for event, step in zip(events, answer, strict=True):
            for axis in ("rows", "columns"):
                start, stop = event["window"][axis]
                assert step[axis] == {"start": start, "step": 1, "count": stop - start}
            assert step["value"] == event["value"]
            assert step["sum"] == event.get("sum")
            if case.w is None:
                assert np.array_equal(step["window"], event["values"])
            else:
                assert np.array_equal(step["products"], event["products"])
                assert step["bias"] == event["bias"]
            if case.options.get("mode") == "max":
                course = steps.create_mask_from_window(step["window"])
                first = np.arange(course.size).reshape(course.shape) == np.argmax(course)
                assert np.array_equal(step["mask"], first if case.options["rule"] == "first" else course)


def has_strangers(case: Case) -> bool:
    return not all(np.isfinite(array).all() for array in (case.x, case.w, case.b, *case.expected.values()) if array is not None)


def traced(case: Case) -> list[dict[str, Any]]:
    if case.w is None:
        hparameters = {"f": case.options["size"], "stride": case.options["stride"]}
        record = steps.trace(steps.pool_forward, case.x[None], hparameters, case.options["mode"])
    else:
        assert case.b is not None
        padding = case.options["padding"]
        hparameters = {"stride": case.options["stride"], "pad": 0 if padding == "valid" else padding}
        record = steps.trace(steps.conv_forward, case.x[None], case.w, case.b.reshape(1, 1, 1, -1), hparameters)
    events: list[dict[str, Any]] = record["events"]
    return events


def test_a_mask_marks_what_the_steps_mark() -> None:
    rng = np.random.default_rng(5)
    windows = [values(rng, (int(rng.integers(1, 4)), int(rng.integers(1, 4))), wild=True) for _ in range(200)]
    answers = node.run(
        """
        const { poolMask } = await load("arithmetic.js");
        return given.map((window) => [poolMask(window), poolMask(window, "first")]);
        """,
        windows,
    )
    for window, (course, first) in zip(windows, answers, strict=True):
        assert np.array_equal(course, steps.create_mask_from_window(window))
        assert np.array_equal(np.flatnonzero(first), [np.argmax(window)])


REFUSED = {
    "windowAxis(0, 1)": "size must be a whole number, 1 or more, not 0",
    "windowAxis(4, 2.5)": "kernel must be a whole number, 1 or more, not 2.5",
    "windowAxis(4, 2, 0)": "stride must be a whole number, 1 or more, not 0",
    "windowAxis(4, 2, 1, NaN)": "dilation must be a whole number, 1 or more, not NaN",
    "windowAxis(4, 2, 1, 1, -1)": "padding must be a whole number, 0 or more, not -1",
    'windowAxis(4, 2, 1, 1, "full")': "padding must be a whole number, 0 or more, not full",
    "windowAxis(3, 3, 1, 2)": "a window that reaches over 5 cells does not fit into 3",
    "makeTensor([2, 2], [1])": "a tensor of shape (2, 2) holds 4 numbers, not 1",
    "convForward(x, makeTensor([2, 2, 2, 1]), b)": "w has the shape (2, 2, 2, 1) but (2, 2, 1, 1) is needed",
    "convForward(x, w, makeTensor([2]))": "b has the shape (2) but (1) is needed",
    "convBackward(makeTensor([3, 3, 1]), x, w, b)": "dz has the shape (3, 3, 1) but (2, 2, 1) is needed",
    "convStep(x, w, b, {}, [2, 0, 0])": "there is no cell (2, 0, 0) in an output of shape (2, 2, 1)",
    "poolBackward(makeTensor([1, 2, 1]), x, { size: 2, stride: 2 })": "da has the shape (1, 2, 1) but (1, 1, 1) is needed",
    "poolStep(x, { size: 2, stride: 2 }, [0, 0, -1])": "there is no cell (0, 0, -1) in an output of shape (1, 1, 1)",
}


def test_what_cannot_be_computed_is_refused_in_words() -> None:
    calls = ", ".join(f"() => {call}" for call in REFUSED)
    code = f"""
    const {{ convBackward, convForward, convStep, makeTensor, poolBackward, poolStep, windowAxis }} = await load("arithmetic.js");
    const [x, w, b] = [makeTensor([3, 3, 1]), makeTensor([2, 2, 1, 1]), makeTensor([1])];
    return [{calls}].map((call) => {{
      try {{
        return call();
      }} catch (error) {{
        return `${{error.name}}: ${{error.message}}`;
      }}
    }});
    """
    assert node.run(code) == [f"RangeError: {message}" for message in REFUSED.values()]
