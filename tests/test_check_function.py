"""`convstep.check`: a function object judged where it is, in words, as data and as HTML for notebooks."""

# ruff: noqa: RUF001 - Chinese has full-width signs

import functools
import json
import random
import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import convstep
from convstep import steps
from convstep.errors import ArgumentTypeError, ShapeError
from convstep.grading import Grade
from convstep.grading import solution as typed_solution
from convstep.grading.mistakes import catalogue, patched, source_of
from convstep.grading.observing import EIGHT

solution: Any = typed_solution  # written as learners write, without types
SEED = 4


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")


def in_a_notebook(text: str, name: str, **given: Any) -> Any:
    """Run a cell, and return a function that it defines."""
    space: dict[str, Any] = {"np": np, "__name__": "__main__", **given}
    exec(compile(text, "<cell>", "exec"), space)  # noqa: S102 - this file's own texts
    return space[name]


def learners(function: str) -> Any:
    """Return a right function as a learner's notebook defines it, beside a right helper of each other name."""
    others = {other: getattr(solution, other) for other in EIGHT if other != function}
    return in_a_notebook(source_of(function), function, **others)


def mistaken(function: str, name: str) -> Any:
    (made, *_) = patched(*(one for one in catalogue(function) if one.id == f"{function}.{name}"))
    return made


# ---- names, and what is refused


@pytest.mark.parametrize("function", EIGHT)
def test_a_right_function_is_right(function: str) -> None:
    grade = convstep.check(learners(function), seed=SEED)
    assert (grade.function, grade.status, grade.score, grade.diagnosis, grade.seed) == (function, "right", 1.0, (), SEED)
    assert grade.message == f"Right on all {len(grade.probes)} probes."
    assert grade.published == {"edition": "2021", "passes": True}


@pytest.mark.parametrize("function", EIGHT)
def test_a_function_under_another_name_is_judged_as_what_it_is_said_to_be(function: str) -> None:
    made = in_a_notebook(
        source_of(function).replace(f"def {function}(", "def mine("), "mine", **{name: getattr(solution, name) for name in EIGHT}
    )
    assert convstep.check(made, function, seed=SEED).status == "right"
    assert convstep.check(made, name=function, seed=SEED).function == function


CALLABLES: dict[str, Callable[[], Any]] = {
    "lambda": lambda: lambda dz, shape: np.full(shape, dz / (shape[0] * shape[1])),
    "partial": lambda: functools.partial(lambda n, dz, shape: np.full(shape, n * dz / (shape[0] * shape[1])), 1),
    "object": lambda: in_a_notebook(
        "class F:\n    def __call__(self, dz, s):\n        return np.full(s, dz / (s[0] * s[1]))\nf = F()", "f"
    ),
    "method": lambda: in_a_notebook("class F:\n    def go(self, dz, s):\n        return np.full(s, dz / (s[0] * s[1]))\nf = F().go", "f"),
    "closure": lambda: in_a_notebook("def make(n):\n    return lambda dz, s: np.full(s, n * dz / (s[0] * s[1]))\nf = make(1)", "f"),
    "defaults": lambda: in_a_notebook("def f(dz, s, n=1, *, m=1):\n    return np.full(s, n * m * dz / (s[0] * s[1]))", "f"),
}


@pytest.mark.parametrize("what", CALLABLES)
def test_whatever_can_be_called_is_judged(what: str) -> None:
    assert convstep.check(CALLABLES[what](), "distribute_value", seed=SEED).status == "right"


NAMES = " or ".join(f'"{name}"' for name in EIGHT)
REFUSED: dict[str, tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = {
    "a number": ((3,), {}, ArgumentTypeError, "check: function must be a function, not 3\n  given function 3"),
    "None": ((None,), {}, ArgumentTypeError, "check: function must be a function, not None\n  given function None"),
    "a lambda without a name": (
        (lambda x: x,),
        {},
        ShapeError,
        f"check: the function's name must be {NAMES}, not '<lambda>'\n  given the function's name '<lambda>'",
    ),
    "a partial without a name": (
        (functools.partial(max),),
        {},
        ShapeError,
        f"check: the function's name must be {NAMES}, not ''\n  given the function's name ''",
    ),
    "a wrong name": (
        (max, "conv_fward"),
        {},
        ShapeError,
        f"check: name must be {NAMES}, not 'conv_fward' (did you mean \"conv_forward\"?)\n  given name 'conv_fward'",
    ),
    "no hint": ((max, "zero_pad"), {"hint": 0}, ShapeError, "check: hint must be a whole number >= 1, not 0\n  given hint 0"),
    "a fourth hint": ((max, "zero_pad"), {"hint": 4}, ShapeError, "check: hint must be 1, 2 or 3, not 4\n  given hint 4"),
    "a hint in words": (
        (max, "zero_pad"),
        {"hint": "2"},
        ArgumentTypeError,
        "check: hint must be a whole number >= 1, not '2'\n  given hint '2'",
    ),
    "another language": (
        (max, "zero_pad"),
        {"language": "de"},
        ShapeError,
        "check: language must be \"en\" or \"zh\", not 'de'\n  given language 'de'",
    ),
    "another edition": (
        (max, "zero_pad"),
        {"edition": "v3"},
        ShapeError,
        'check: edition must be "v1" or "v2" or "v2a" or "2021", not \'v3\'\n  given edition \'v3\'',
    ),
    "a seed below 0": ((max, "zero_pad"), {"seed": -1}, ShapeError, "check: seed must be a whole number >= 0, not -1\n  given seed -1"),
    "a broken seed": (
        (max, "zero_pad"),
        {"seed": 1.5},
        ArgumentTypeError,
        "check: seed must be a whole number >= 0, not 1.5\n  given seed 1.5",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_judged_is_refused_in_words(what: str) -> None:
    arguments, options, kind, words = REFUSED[what]
    with pytest.raises(kind) as told:
        convstep.check(*arguments, **options)
    assert str(told.value) == words


# ---- judged alone


def test_the_learners_own_wrong_zero_pad_is_replaced() -> None:
    text = source_of("conv_forward") + source_of("conv_single_step") + "\ndef zero_pad(X, pad):\n    return X\n"
    assert convstep.check(in_a_notebook(text, "conv_forward"), seed=SEED).status == "right"
    assert convstep.check(in_a_notebook(text, "zero_pad"), seed=SEED).status == "wrong"


def test_the_learners_own_wrong_zero_pad_is_replaced_in_helpers_too() -> None:
    text = source_of("conv_forward").replace("zero_pad(", "border(") + "\ndef border(X, pad):\n    return zero_pad(X, pad)\n"
    text += source_of("conv_single_step") + "\ndef zero_pad(X, pad):\n    return X\n"
    assert convstep.check(in_a_notebook(text, "conv_forward"), seed=SEED).status == "right"


def test_the_notebook_keeps_its_names() -> None:
    made = in_a_notebook(
        source_of("conv_forward") + "\ndef zero_pad(X, pad):\n    return X\n", "conv_forward", conv_single_step=solution.conv_single_step
    )
    before = dict(made.__globals__)
    convstep.check(made, seed=SEED)
    assert made.__globals__ == before


@pytest.mark.parametrize("draw", [np.random.rand, random.random], ids=["NumPy", "Python"])  # noqa: S311 - no secret
def test_the_notebooks_random_numbers_go_on_as_without_a_check(draw: Callable[[], float]) -> None:
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 - what learners draw from
    wanted = draw()
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    convstep.check(learners("distribute_value"), seed=SEED)
    assert draw() == wanted


# ---- our own functions


def wrapper(text: str, **given: Any) -> Any:
    return in_a_notebook(f"def zero_pad(X, pad):\n    {text}\n", "zero_pad", **given)


OURS: dict[str, Callable[[], Any]] = {
    "the package's": lambda: convstep.zero_pad,
    "the steps'": lambda: steps.zero_pad,
    "the solution's": lambda: solution.zero_pad,
    "through convstep.": lambda: wrapper("return convstep.zero_pad(X, pad)", convstep=convstep),
    "through steps.": lambda: wrapper("return steps.zero_pad(X, pad)", steps=steps),
    "through a short name": lambda: wrapper("return cs.steps.zero_pad(X, pad)", cs=convstep),
    "under another name": lambda: wrapper("return right(X, pad)", right=steps.zero_pad),
    "a lambda": lambda: eval("lambda X, pad: convstep.zero_pad(X, pad)", {"convstep": convstep}),  # noqa: S307 - this file's own text
    "an import inside, where convstep is known": lambda: wrapper("import convstep; return convstep.zero_pad(X, pad)", convstep=convstep),
}


@pytest.mark.parametrize("what", OURS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_convsteps_own_functions_earn_nothing(what: str, language: str) -> None:
    grade = convstep.check(OURS[what](), "zero_pad", language=language)
    assert (grade.status, grade.score) == ("error", 0.0)
    assert grade.words == {
        "en": "This calls convstep's own zero_pad; importing the answer earns no credit.",
        "zh": "这里调用的是 convstep 自己的 zero_pad；导入答案不能得分。",
    }
    assert grade.message == grade.words[language]


HIDDEN: dict[str, Callable[[], Any]] = {
    "an import inside": lambda: wrapper("from convstep import zero_pad as right; return right(X, pad)"),
    "a nested function": lambda: wrapper("return (lambda: steps.zero_pad(X, pad))()", steps=steps),
    "a partial": lambda: functools.partial(steps.zero_pad),
}


@pytest.mark.parametrize("what", HIDDEN)
def test_convsteps_own_functions_earn_nothing_behind_one_more_door(what: str) -> None:
    assert convstep.check(HIDDEN[what](), "zero_pad").status == "error"


# ---- hints, languages, editions, seeds


def test_a_mistake_is_named_and_the_hints_go_further_from_level_to_level() -> None:
    grades = [convstep.check(mistaken("conv_forward", "stride_missing"), hint=level, seed=SEED) for level in (1, 2, 3)]
    advice = [grade.diagnosis[0].advice["en"] for grade in grades]
    assert advice[0] == "The windows do not move by the stride."
    assert [longer.startswith(f"{shorter} ") for shorter, longer in pairwise(advice)] == [True, True]
    assert {(grade.diagnosis[0].id, grade.diagnosis[0].confidence) for grade in grades} == {("conv_forward.stride_missing", "exact")}
    assert ["Its window is rows" in grade.message for grade in grades] == [False, True, True]
    assert [grade.diagnosis[0].evidence["by_hand"] is not None for grade in grades] == [False, True, True]


def test_the_first_hint_is_two_by_default() -> None:
    made = mistaken("conv_forward", "stride_missing")
    assert convstep.check(made, seed=SEED).message == convstep.check(made, seed=SEED, hint=2).message


@pytest.mark.parametrize(
    ("locale", "asked", "language"), [("zh_CN.UTF-8", None, "zh"), ("en_US", None, "en"), ("en_US", "zh", "zh"), ("zh_CN", "en", "en")]
)
def test_the_language_is_the_locales_or_what_is_asked_for(
    locale: str, asked: str | None, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", locale)
    grade = convstep.check(mistaken("distribute_value", "divided_by_sum_of_sizes"), seed=SEED, language=asked)
    assert grade.language == language
    assert bool(re.search(r"[\u4e00-\u9fff]", grade.message)) == (language == "zh")
    assert f'lang="{language}"' in grade._repr_html_()


@pytest.mark.parametrize(("edition", "passes"), [("v1", True), ("v2", True), ("v2a", False), ("2021", False)])
def test_the_message_speaks_of_the_edition(edition: str, passes: bool) -> None:
    grade = convstep.check(mistaken("pool_forward", "stride_missing"), seed=SEED, edition=edition)
    assert grade.published == {"edition": edition, "passes": passes}
    told = (
        "It passes the published check of the {} edition, which does not see this."
        if passes
        else "It fails the published check of the {} edition too."
    )
    assert grade.message.endswith(told.format(edition))


def test_the_number_of_the_first_edition_is_spoken_of_in_every_edition() -> None:
    for edition in ("v1", "2021"):
        grade = convstep.check(mistaken("conv_single_step", "bias_inside_sum"), seed=SEED, edition=edition)
        assert "gives -23.1602: the number that the first edition of the course printed" in grade.message


def test_a_seed_repeats_the_report_and_another_draws_other_numbers() -> None:
    made = mistaken("conv_forward", "stride_missing")
    one, again, other = (json.dumps(convstep.check(made, seed=seed).as_json()) for seed in (SEED, SEED, SEED + 1))
    assert one == again != other


def test_without_a_seed_new_numbers_are_drawn() -> None:
    made = learners("distribute_value")
    assert len({convstep.check(made).seed for _ in range(6)}) > 1


def test_text_is_the_status_the_points_and_the_message() -> None:
    grade = convstep.check(mistaken("distribute_value", "divided_by_sum_of_sizes"), seed=SEED)
    first, _, rest = str(grade).partition("\n")
    assert (first, rest) == (f"distribute_value: wrong, {100 * grade.score:.0f} %", grade.message)


# ---- HTML


class Reader(HTMLParser):
    """Reads HTML, and complains of what is not nested rightly."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


HOSTILE = "<script>alert(1)</script>&\"'</div>"
SHOWN: dict[str, Callable[[], Grade]] = {
    "right": lambda: convstep.check(learners("zero_pad"), seed=SEED),
    "ours": lambda: convstep.check(convstep.zero_pad),
    "a window": lambda: convstep.check(mistaken("conv_forward", "stride_missing"), seed=SEED),
    "a window in Chinese": lambda: convstep.check(mistaken("pool_forward", "stride_missing"), seed=SEED, language="zh"),
    "a gradient": lambda: convstep.check(mistaken("conv_backward", "stride_missing"), seed=SEED),
    "one number": lambda: convstep.check(mistaken("conv_single_step", "bias_inside_sum"), seed=SEED),
    "a shape": lambda: convstep.check(lambda X, _pad: X, "zero_pad", seed=SEED),
    "an error": lambda: convstep.check(wrapper(f"raise ValueError({HOSTILE!r})"), seed=SEED),
    "a hostile kind": lambda: convstep.check(wrapper("raise type('<b>Kind</b>', (Exception,), {})"), seed=SEED),
}


@pytest.mark.parametrize("what", SHOWN)
def test_the_html_is_well_formed_and_holds_no_foreign_tag(what: str) -> None:
    reader = read(SHOWN[what]()._repr_html_())
    assert {tag for tag, _ in reader.seen} <= {"div", "b", "p", "br", "figure", "figcaption", "table", "tbody", "tr", "th", "td"}
    assert not {name for _, attributes in reader.seen for name in attributes} - {"class", "lang", "style"}


def test_a_hostile_message_is_shown_as_it_is_written() -> None:
    grade = SHOWN["an error"]()
    html = grade._repr_html_()
    assert "<script" not in html
    assert HOSTILE in "".join(read(html).text)


def cells_of(html: str) -> tuple[list[list[tuple[str, bool]]], list[str]]:
    """Return the picture's first table, each cell with whether it is framed, and the captions."""
    tables = re.findall(r"<table.*?</table>", html, flags=re.DOTALL)
    rows = [re.findall(r'<td style="([^"]*)">([^<]*)', row) for row in re.findall(r"<tr>(.*?)</tr>", tables[0])]
    framed = [[(text, "border:2px" in style) for style, text in row] for row in rows]
    return framed, re.findall(r"<figcaption[^>]*>([^<]*)", html)


@pytest.mark.parametrize("function", ["conv_forward", "pool_forward"])
def test_the_picture_shows_the_first_wrong_window(function: str) -> None:
    grade = convstep.check(mistaken(function, "stride_missing"), seed=SEED)
    evidence, picture = grade.diagnosis[0].evidence, grade.picture
    assert picture is not None
    table, captions = cells_of(grade._repr_html_())
    assert captions == ["input, padded" if function == "conv_forward" else "input", "yours", "right"]
    i, _, _, c = evidence["index"]
    images = picture["arguments"][0]
    pad = picture["arguments"][3]["pad"] if function == "conv_forward" else 0
    image = np.pad(images[i, :, :, 0 if function == "conv_forward" else c], pad)
    assert [[text for text, _ in row] for row in table] == [[f"{number:.3g}" for number in row] for row in image]
    (top, bottom), (left, right) = evidence["window"]["rows"], evidence["window"]["columns"]
    framed = {(row, column) for row, line in enumerate(table) for column, (_, inside) in enumerate(line) if inside}
    assert framed == {(row, column) for row in range(top, bottom) for column in range(left, right)}
    assert f">{evidence['entry']}<" in grade._repr_html_()
    assert f">{evidence['got']:.6g}<" in grade._repr_html_()
    assert f">{evidence['expected']:.6g}<" in grade._repr_html_()


@pytest.mark.parametrize("what", ["right", "ours", "a shape", "an error"])
def test_without_a_wrong_entry_there_is_no_picture(what: str) -> None:
    assert "<table" not in SHOWN[what]()._repr_html_()


def test_the_first_hint_shows_no_window() -> None:
    assert "input, padded" not in convstep.check(mistaken("conv_forward", "stride_missing"), hint=1, seed=SEED)._repr_html_()


def test_a_number_that_is_none_is_shown() -> None:
    grade = convstep.check(lambda *_: np.nan, "conv_single_step", seed=SEED)
    assert grade.diagnosis[0].evidence["got"] == "nan"
    assert ">nan<" in grade._repr_html_()
    json.dumps(grade.as_json(), allow_nan=False)
