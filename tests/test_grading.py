"""What the grader is made of: finding a function, watching it, comparing, locating, explaining, and knowing what was published."""

# ruff: noqa: RUF001 - learners write full-width signs

import ast
import json
import os
import re
import string
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convstep import steps
from convstep.grading import judging
from convstep.grading import solution as typed_solution
from convstep.grading.caches import cache_fault
from convstep.grading.case import Asked, case_of
from convstep.grading.complaints import explained_error, explained_syntax, title_of_error
from convstep.grading.diagnosis import look, right_sights
from convstep.grading.finding import NotFoundError, load
from convstep.grading.harness import main
from convstep.grading.locating import Evidence, window_of
from convstep.grading.mistakes import catalogue, patched, source_of
from convstep.grading.observing import CELLS, EIGHT, observe, pack, packed_outcome, unpack
from convstep.grading.outcomes import Failure, Outcome, alike, equal, outcome_of, same
from convstep.grading.probes import probes
from convstep.grading.published import EDITIONS, edition_of, passes, published
from convstep.grading.reading import LARGEST_CODE, LARGEST_NOTEBOOK, LARGEST_PY, MEGABYTE, UnreadableError, read_submission
from convstep.grading.ties import RULES
from convstep.grading.words import LANGUAGES, both, clean, joined, say, spoken_language

pytestmark = pytest.mark.filterwarnings("ignore::SyntaxWarning")  # learners' code has some

solution: Any = typed_solution  # written as learners write, without types

SHARE = "def distribute_value(dz, shape):\n    n_H, n_W = shape\n    return np.ones((n_H, n_W)) * dz / (n_H * n_W)\n"
BROKEN = "def zero_pad(X, pad):\n    X_pad = \n    return X_pad\n"


def loaded(*cells: str, name: str = "distribute_value", function: str = "") -> Any:
    """Find a function as the learner's own process does."""
    others = {other: getattr(solution, other) for other in EIGHT if other != (function or name)}
    return load(list(cells), name, others)


def shares(*cells: str) -> bool:
    """Whether the cells' distribute_value is right."""
    return bool(np.allclose(loaded(*cells)(6.0, (2, 3)), np.ones((2, 3))))


# ---- finding a function


ONE_CELL = {
    "NumPy imported before": f"import numpy as np\n{SHARE}",
    "no import at all": SHARE,
    "an import under its own name": SHARE.replace("np.", "numpy."),
    "an import after its use": f"{SHARE.replace('np.', 'maths.')}\nimport numpy as maths\n",
    "a helper before": "def cells(s):\n    return s[0] * s[1]\n\n" + SHARE.replace("(n_H * n_W)", "cells(shape)"),
    "a helper after": SHARE.replace("(n_H * n_W)", "cells(shape)") + "\ndef cells(s):\n    return s[0] * s[1]\n",
    "a helper of a helper": SHARE.replace("(n_H * n_W)", "a(shape)") + "\ndef a(s):\n    return b(*s)\n\nb = lambda x, y: x * y\n",
    "a constant": "ONE = 1.0\n" + SHARE.replace("dz /", "ONE * dz /"),
    "a constant that is counted up": "ONE = 0\nONE += 1\n" + SHARE.replace("dz /", "ONE * dz /"),
    "a table": "OPS = {'one': np.ones}\n" + SHARE.replace("np.ones(", "OPS['one']("),
    "a decorator": "import functools\ndef d(f):\n    @functools.wraps(f)\n    def g(*a):\n        return f(*a)\n    return g\n\n@d\n"
    + SHARE,
    "two decorators": "def d(f):\n    return lambda *a: f(*a)\n\n@d\n@d\n" + SHARE,
    "a decorator with arguments": "def d(n):\n    return lambda f: lambda *a: f(*a) * n\n\n@d(1)\n" + SHARE,
    "a nested function": "def make():\n    def inner(dz, s):\n        return np.full(s, dz / (s[0] * s[1]))\n    return inner\n\n"
    "distribute_value = make()\n",
    "a lambda": "distribute_value = lambda dz, s: np.full(s, dz / (s[0] * s[1]))\n",
    "a lambda with a type": "from typing import Any\ndistribute_value: Any = lambda dz, s: np.full(s, dz / (s[0] * s[1]))\n",
    "an object that can be called": "class Share:\n    def __call__(self, dz, s):\n        return np.full(s, dz / (s[0] * s[1]))\n\n"
    "distribute_value = Share()\n",
    "a method": "class Share:\n    def go(self, dz, s):\n        return np.full(s, dz / (s[0] * s[1]))\n\ndistribute_value = Share().go\n",
    "functools.partial": "from functools import partial\ndef f(n, dz, s):\n    return np.full(s, n * dz / (s[0] * s[1]))\n"
    "distribute_value = partial(f, 1)\n",
    "one of two names": "distribute_value, other = (lambda dz, s: np.full(s, dz / (s[0] * s[1]))), 2\n",
    "a second name": SHARE.replace("distribute_value", "mine") + "distribute_value = mine\n",
    "a definition under a condition": "import sys\nif sys.version_info > (3,):\n"
    + re.sub("^", "    ", SHARE, flags=re.MULTILINE)
    + "\nelse:\n    distribute_value = None\n",
    "a definition in try": "try:\n    from no_such_module import nothing_like_this\nexcept ImportError:\n"
    + re.sub("^", "    ", SHARE, flags=re.MULTILINE),
    "an import that may fail": "try:\n    from no_such_module import nothing_like_this as ones\nexcept ImportError:\n    ones = np.ones\n"
    + SHARE.replace("np.ones", "ones"),
    "a definition in a loop": "for n in (1, 2):\n    def distribute_value(dz, s):\n        return np.full(s, dz / (s[0] * s[1]))\n",
    "a definition in with": "import warnings\nwith warnings.catch_warnings():\n" + re.sub("^", "    ", SHARE, flags=re.MULTILINE),
    "exec": f"exec({SHARE!r})\n",
    "globals": "globals()['distribute_value'] = lambda dz, s: np.full(s, dz / (s[0] * s[1]))\n",
    "a star import": "from math import *\n" + SHARE.replace("dz /", "sqrt(dz) * sqrt(dz) /"),
    "a star import of NumPy": "from numpy import *\n" + SHARE.replace("np.", ""),
    "annotations": "from typing import Tuple\n" + SHARE.replace("shape)", "shape: Tuple[int, int])"),
    "a default that is a constant": "N = 1\n" + SHARE.replace("shape)", "shape, n=N)").replace("dz /", "n * dz /"),
    "a guard for running as a script": SHARE + "\nif __name__ == '__main__':\n    raise SystemExit\n",
    "tests that fail": SHARE + "\nassert distribute_value(2, (2, 2)).sum() == 99\nraise RuntimeError('tests')\n",
    "public_tests": "from public_tests import *\n" + SHARE + "\ndistribute_value_test(distribute_value)\n",
    "a sign of the remainder at the start of a line": "def text():\n    return ('%d'\n% 1)\n\n"
    + SHARE.replace("dz /", "int(text()) * dz /"),
    "Windows' ends of lines": SHARE,
    "a docstring with code in it": SHARE.replace(":\n", ":\n    '''Shares.\n\ndef zero_pad(\n    '''\n", 1),
    "a recursive function": "def distribute_value(dz, s, deep=2):\n    if deep:\n        return distribute_value(dz, s, deep - 1)\n"
    "    return np.full(s, dz / (s[0] * s[1]))\n",
}


@pytest.mark.parametrize("what", ONE_CELL)
def test_a_function_is_found_with_what_it_needs(what: str) -> None:
    assert shares(ONE_CELL[what])


MAGICS = {
    "matplotlib": "%matplotlib inline\n",
    "autoreload": "%load_ext autoreload\n%autoreload 2\n",
    "config": "plt = None\n%config InlineBackend.figure_format = 'retina'\n",
    "a shell's command": "!pip install numpy\n!ls -la | head\n",
    "help before": "?np.sum\n",
    "help behind": "np.sum?\n",
    "the source": "np.sum??\n",
    "a clock": "%time 1 + 1\n",
    "a shell's output": "listing = !ls\n",
    "a magic's output": "seconds = %timeit -o 1 + 1\n",
}


@pytest.mark.parametrize("what", MAGICS)
@pytest.mark.parametrize("place", ["before", "after", "own cell"])
def test_magics_of_a_notebook_are_skipped(what: str, place: str) -> None:
    magic = MAGICS[what]
    assert shares(*{"before": [magic + SHARE], "after": [f"{SHARE}\n{magic}"], "own cell": [magic, SHARE]}[place])


@pytest.mark.parametrize("first", ["%%time", "%%time\n", "%%timeit -n 1", "%%capture out", "\n%%prun"])
def test_the_code_under_a_clock_is_python(first: str) -> None:
    assert shares(f"{first}\n{SHARE}")


@pytest.mark.parametrize("first", ["%%bash", "%%html", "%%javascript", "%%writefile mine.py", "%%latex", "%%R", "%%script false", "%%!"])
def test_a_cell_in_another_language_is_no_python(first: str) -> None:
    assert shares(SHARE, f"{first}\n{SHARE.replace('np.ones', 'np.zeros')}")
    with pytest.raises(NotFoundError, match="missing"):
        loaded(f"{first}\n{SHARE}")


@pytest.mark.parametrize("magic", ["%timeit -n 1 1 + 1", "!echo inside", "np.sum?"])
def test_a_magic_inside_a_function_does_nothing(magic: str) -> None:
    assert shares(SHARE.replace("    n_H", f"    {magic}\n    n_H", 1))


HALF_FINISHED = {
    "a cell before": [BROKEN, SHARE],
    "a cell after": [SHARE, BROKEN],
    "the same cell, before": [f"{BROKEN}\n\n{SHARE}"],
    "the same cell, after": [f"{SHARE}\n\n{BROKEN}"],
    "between imports and tests": [f"import numpy as np\n{BROKEN}\nx = zero_pad(1, 2)\n{SHARE}\nprint(distribute_value(2, (2, 2)))\n"],
    "an open bracket before": [f"def zero_pad(X, pad):\n    return np.pad(X, ((0, 0)\n\n{SHARE}"],
    "a wrong indentation": [f"def zero_pad(X, pad):\nreturn X\n\n{SHARE}"],
    "a decorator after it": [f"{BROKEN}\nd = lambda f: f\n\n@d\n{SHARE}"],
    "a class after it": [
        (
            f"{BROKEN}\nclass Share:\n    def __call__(self, dz, s):\n        return np.full(s, dz / (s[0] * s[1]))\n\n"
            "distribute_value = Share()\n"
        )
    ],
    "a magic too": [f"%matplotlib inline\n{BROKEN}\n{SHARE}"],
    "Chinese punctuation": [f"def zero_pad(X, pad)：\n    return X\n\n{SHARE}"],
}


@pytest.mark.parametrize("what", HALF_FINISHED)
def test_a_half_finished_function_breaks_no_other(what: str) -> None:
    assert shares(*HALF_FINISHED[what])
    if any("def zero_pad" in cell for cell in HALF_FINISHED[what]):
        with pytest.raises(NotFoundError, match="syntax"):
            loaded(*HALF_FINISHED[what], name="zero_pad")


@pytest.mark.parametrize("line", ["print distribute_value(2, (2, 2))", "plt.plot(1, 2", "for i in range(3)"])
def test_a_broken_line_of_tests_breaks_no_function(line: str) -> None:
    assert shares(f"{SHARE}\n{line}\n")


def test_a_line_that_begins_with_a_remainder_is_no_magic_where_another_function_is_broken() -> None:
    text = "def text():\n    return ('%d'\n            % 1)\n\n" + SHARE.replace("dz /", "int(text()) * dz /")
    assert shares(f"{BROKEN}\n{text}")


def test_a_function_under_a_condition_is_not_blamed_for_the_broken_one_above_it() -> None:
    nested = "if True:\n" + re.sub("^", "    ", SHARE, flags=re.MULTILINE)
    assert shares(f"{BROKEN}\n{nested}")


def test_a_feature_from_the_future_is_in_force() -> None:
    assert shares("from __future__ import annotations\n" + SHARE.replace("dz, shape)", "dz: Nowhere, shape: Nothing)"))


def test_a_global_that_a_function_counts_up_is_there() -> None:
    assert shares("calls = 0\n" + SHARE.replace("    n_H, n_W", "    global calls\n    calls += 1\n    n_H, n_W", 1))


@pytest.mark.parametrize("later", [SHARE, f"if True:\n{re.sub('^', '    ', SHARE, flags=re.MULTILINE)}"])
def test_the_last_definition_counts(later: str) -> None:
    assert shares(SHARE.replace("np.ones", "np.zeros"), later)


@pytest.mark.parametrize("later", [SHARE.replace("np.ones", "np.zeros"), "distribute_value = lambda dz, s: np.zeros(s)\n"])
def test_a_later_wrong_definition_counts_too(later: str) -> None:
    assert not shares(SHARE, later)


MISSING = {
    "nothing": ("x = 1\n", "missing"),
    "only a test": ("print(distribute_value(2, (2, 2)))\n", "missing"),
    "another name": (SHARE.replace("distribute_value", "distribute"), "missing"),
    "a comment": ("# def distribute_value(dz, shape):\n", "missing"),
    "a number": ("distribute_value = 3\n", "not a function"),
    "None": ("distribute_value = None\n", "missing"),
    "a failing decorator": (f"@nowhere\n{SHARE}", "raised"),
    "an import of the answer": ("from convstep_nowhere import distribute_value\n", "raised"),
    "placeholders": ("def distribute_value(dz, shape):\n    (n_H, n_W) = None\n    a = None\n    return a\n", "unfinished"),
    "a docstring and pass": ("def distribute_value(dz, shape):\n    'Shares.'\n    pass\n", "unfinished"),
    "three dots": ("def distribute_value(dz, shape):\n    ...\n", "unfinished"),
    "a return of nothing": ("def distribute_value(dz, shape):\n    return\n", "unfinished"),
    "names that are not there": ("def distribute_value(dz, shape):\n    average = None\n    return average, a\n", "unfinished"),
    "placeholders under a condition": (
        "def distribute_value(dz, shape):\n    if shape:\n        a = None\n    else:\n        a = ...\n    return a\n",
        "unfinished",
    ),
    "a failing default": (SHARE.replace("shape)", "shape, n=nowhere)"), "raised"),
}


@pytest.mark.parametrize("what", MISSING)
def test_what_is_not_there_is_told_in_kind(what: str) -> None:
    text, kind = MISSING[what]
    with pytest.raises(NotFoundError) as told:
        loaded(text)
    assert told.value.problem["kind"] == kind


@pytest.mark.parametrize("text", ["return shape", "if shape:\n        return dz", "n_H, n_W = shape\n    a = None\n    return a", "a = dz"])
def test_a_function_that_does_anything_is_finished(text: str) -> None:
    assert callable(loaded(f"def distribute_value(dz, shape):\n    {text}\n"))


def test_what_does_not_compile_is_told_with_its_cell_and_line() -> None:
    with pytest.raises(NotFoundError) as told:
        loaded("import numpy as np\n", f"x = 1\n\n{BROKEN}", name="zero_pad")
    problem = told.value.problem
    assert (problem["kind"], problem["cell"], problem["line"], problem["text"]) == ("syntax", "<learner 1>", 4, "    X_pad = ")
    assert problem["error"] == "SyntaxError"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("np.random.seed(1)\nA_prev_pad = np.random.randn(2, 6, 6, 3)\n", "A_prev_pad"),
        ("A_prev_pad = zero_pad(np.ones((2, 4, 4, 3)), 1)\n", "A_prev_pad"),
        ("Z, cache_conv = conv_forward(None, None, None, None)\n", "cache_conv"),
        ("rows = np.random.rand(3)\n", "rows"),
    ],
)
def test_a_function_does_not_reach_for_the_data_of_tests(data: str, name: str) -> None:
    function = loaded(f"{data}{SHARE.replace('    n_H', f'    {name}[0]{chr(10)}    n_H', 1)}")
    told = observe("distribute_value", function, (6.0, (2, 3)), seed=0)
    assert (told["error"]["kind"], told["error"]["message"]) == ("NameError", f"name {name!r} is not defined")


WRONG_PAD = "def zero_pad(X, pad):\n    return np.full((1, 1, 1, 1), 9.0)\n"


@pytest.mark.parametrize("order", [0, 1], ids=["before", "after"])
@pytest.mark.parametrize("helper", [False, True], ids=["by itself", "through a helper"])
def test_the_learners_own_wrong_zero_pad_is_not_used_when_conv_forward_is_judged(order: int, helper: bool) -> None:
    forward = source_of("conv_forward")
    if helper:
        forward = forward.replace("zero_pad(", "border(") + "\n\ndef border(X, pad):\n    return zero_pad(X, pad)\n"
    cells = [forward, WRONG_PAD]
    function = loaded(*(cells if order else cells[::-1]), name="conv_forward")
    probe = probes("conv_forward", 3)[2]
    assert np.allclose(function(*probe.arguments)[0], steps.conv_forward(*probe.arguments)[0])


def test_a_function_under_another_name_is_found_and_the_one_under_the_assignments_name_is_left_alone() -> None:
    function = loaded(
        SHARE.replace("distribute_value", "mine"), "def distribute_value():\n    1 / 0\n", name="mine", function="distribute_value"
    )
    assert np.allclose(function(6.0, (2, 3)), 1)


def test_the_whole_program_answers_calls_with_plain_data_and_no_verdict() -> None:
    sent: list[bytes] = []
    calls = [{"arguments": pack((6.0, (2, 3))), "seed": 0}, {"arguments": pack((6.0, 3)), "seed": 0}]
    request = {"name": "distribute_value", "definition": "distribute_value", "cells": [SHARE], "others": "", "calls": calls}
    main(json.dumps(request).encode(), sent.append)
    found, first, second, end = map(json.loads, sent)
    assert (found, end) == ({"found": True}, {"end": True})
    assert equal(unpack(first["outcome"]["results"]["a"]), np.ones((2, 3)))
    assert second["outcome"]["error"]["kind"] == "TypeError"


def test_the_whole_program_says_what_is_missing() -> None:
    sent: list[bytes] = []
    request = {"name": "zero_pad", "definition": "zero_pad", "cells": [SHARE], "others": "", "calls": []}
    main(json.dumps(request).encode(), sent.append)
    assert [json.loads(one) for one in sent] == [{"problem": {"kind": "missing"}}]


# ---- watching a call


def test_an_error_is_told_with_the_innermost_line_of_the_learner() -> None:
    function = loaded(
        "import numpy as np\n", "def total(a):\n    return a.sum(9)\n\ndef distribute_value(dz, shape):\n    return total(np.ones(shape))\n"
    )
    told = observe("distribute_value", function, (1.0, (2, 2)), seed=0)["error"]
    assert (told["kind"], told["line"], told["cell"], told["within"]) == ("AxisError", 2, "<learner 1>", "total")
    assert Failure.of(told) == Failure("AxisError", "axis 9 is out of bounds for array of dimension 2", "", 2, 1, "total")


@pytest.mark.parametrize(
    ("body", "odd"),
    [
        ("np.ones(shape)", "None"),
        ("return 'zeros'", "a str"),
        ("return {'a': 1}", "a dict"),
        ("return {1, 2}", "a set"),
        ("return b'0'", "a bytes"),
        ("return np.ones(shape) * 1j", "complex numbers"),
        ("return np.array(['a'])", "an array of objects"),
        ("return np.array([object()])", "an array of objects"),
        ("return [[1, 2], [3]]", "a list"),
        ("return dict.fromkeys", "a builtin_function_or_method"),
        ("return (n for n in range(3))", "a generator"),
        ("return np.ones(1_000_000)", "an array of shape (1000000,)"),
    ],
)
def test_a_result_that_is_no_array_is_told_as_what_it_is(body: str, odd: str) -> None:
    told = observe("distribute_value", loaded(f"def distribute_value(dz, shape):\n    {body}\n"), (1.0, (2, 2)), seed=0)
    assert told["results"] == {"a": {"odd": odd}}
    assert outcome_of("distribute_value", json.loads(json.dumps(packed_outcome(told)))).results == {"a": odd}


@pytest.mark.parametrize(
    "returned",
    [
        "np.ones(shape)",
        "np.ones(shape, np.float32)",
        "[[1, 1], [1, 1]]",
        "((1.0, 1), (1, 1))",
        "np.ones(shape, int)",
        "np.ones((4, 4))[::2, ::2]",
    ],
)
def test_lists_views_and_other_types_of_numbers_are_arrays(returned: str) -> None:
    told = observe("distribute_value", loaded(f"def distribute_value(dz, shape):\n    return {returned}\n"), (4.0, (2, 2)), seed=0)
    assert equal(told["results"]["a"], np.ones((2, 2)))


@pytest.mark.parametrize(
    ("returned", "odd"), [("Z", "a ndarray"), ("(Z, 1, 2)", "3 values"), ("{'Z': Z}", "a dict"), ("()", "0 values"), ("None", "None")]
)
def test_another_number_of_results_is_told(returned: str, odd: str) -> None:
    function = loaded(f"def conv_forward(A_prev, W, b, hparameters):\n    Z = np.ones(3)\n    return {returned}\n", name="conv_forward")
    told = observe("conv_forward", function, probes("conv_forward", 1)[0].arguments, seed=0)
    outcome = outcome_of("conv_forward", packed_outcome(told))
    assert (outcome.wanted, outcome.what) == (2, odd)
    numbers = [value for value in outcome.results.values() if isinstance(value, np.ndarray)]
    assert [value.tolist() for value in numbers] == ([[1.0, 1.0, 1.0]] if "Z" in returned and "{" not in returned else [])


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("A_prev += 0", []),
        ("A_prev[0] = 7", ["A_prev"]),
        ("W *= 2", ["W"]),
        ("b.shape = (b.size,)", ["b"]),
        ("hparameters['f'] = 2", ["hparameters"]),
        ("hparameters.pop('pad')", ["hparameters"]),
        ("W[...] = 0; A_prev[...] = 0", ["A_prev", "W"]),
    ],
)
def test_changed_arguments_are_named(line: str, changed: list[str]) -> None:
    function = loaded(f"def conv_forward(A_prev, W, b, hparameters):\n    {line}\n    return W, 0\n", name="conv_forward")
    arguments = probes("conv_forward", 1)[1].arguments
    assert observe("conv_forward", function, arguments, seed=0)["changed"] == changed
    assert arguments[3] == {"stride": 1, "pad": 0}  # the caller's own are what they were


@pytest.mark.parametrize("noise", ["np.random.randn(*shape)", "np.full(shape, __import__('random').random())"])
def test_random_numbers_repeat_with_the_seed_of_the_call(noise: str) -> None:
    function = loaded(f"def distribute_value(dz, shape):\n    return {noise}\n")
    one, same_again, other = (observe("distribute_value", function, (1.0, (2, 2)), seed=seed)["results"]["a"] for seed in (0, 0, 1))
    assert equal(one, same_again)
    assert not equal(one, other)


@pytest.mark.parametrize("leaving", ["raise SystemExit(0)", "raise KeyboardInterrupt", "exit()", "raise Strange"])
def test_leaving_is_an_error_like_any_other(leaving: str) -> None:
    strange = "class Strange(BaseException):\n    def __str__(self):\n        raise ValueError\n\n"
    function = loaded(f"{strange}def distribute_value(dz, shape):\n    {leaving}\n")
    told = observe("distribute_value", function, (1.0, (2, 2)), seed=0)
    assert set(told) == {"error"}


# ---- plain data there and back


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        -2.5,
        float("inf"),
        "text",
        (),
        (1, 2),
        {},
        {"stride": 2, "pad": 0},
        np.arange(6.0).reshape(1, 2, 3),
        np.zeros((0, 3)),
        np.array([True, False]),
        np.array(2.5),
        np.array([np.nan, np.inf]),
        (np.ones(2), {"f": 2}, "max", (1, (2, 3))),
        [np.ones(2), "a"],
    ],
    ids=repr,
)
def test_data_come_back_as_they_went(value: Any) -> None:
    back = unpack(json.loads(json.dumps(pack(value))))
    assert type(back) is type(value)
    assert alike(back, value)


@pytest.mark.parametrize(
    ("value", "back"),
    [
        (object(), {"odd": "an object"}),
        (np.ones(CELLS + 1), {"odd": f"an array of shape ({CELLS + 1},)"}),
        (((((((((1,),),),),),),),), ((((((({"odd": "nested too deeply"},),),),),),),)),
        ({1: 2}, {"1": 2}),
    ],
    ids=["an object", "too large", "too deep", "a key that is no text"],
)
def test_what_is_no_data_becomes_a_word(value: Any, back: Any) -> None:
    assert unpack(json.loads(json.dumps(pack(value)))) == back


@pytest.mark.parametrize(
    "told",
    [
        {"array": [3], "dtype": "<f8", "data": "AAAA"},
        {"array": [1], "dtype": "object", "data": "AAAAAAAAAAA="},
        {"array": [1], "dtype": "<f8", "data": "no base64!"},
        {"array": [2, 2], "dtype": "<f8", "data": "AAAAAAAAAAA="},
        {"array": ["x"], "dtype": "<f8", "data": ""},
    ],
    ids=["short", "objects", "no base64", "another shape", "no shape"],
)
def test_what_only_claims_to_be_an_array_is_refused(told: Any) -> None:
    with pytest.raises((ValueError, KeyError)):
        unpack(told)


# ---- comparing


NUMBERS = np.array([[1.0, -200.0], [3.5, 0.25]])


@pytest.mark.parametrize(
    ("got", "is_equal"),
    [
        (NUMBERS, True),
        (NUMBERS.astype(np.float32), True),
        (NUMBERS + 1e-4, True),  # sums in float32 differ by as much
        (NUMBERS + 0.02, False),
        (NUMBERS * (1 + 1e-7), True),
        (NUMBERS[None], False),
        (NUMBERS.ravel(), False),
        (NUMBERS.T, False),
        (np.where(NUMBERS == 3.5, np.nan, NUMBERS), False),
        (np.where(NUMBERS == 3.5, np.inf, NUMBERS), False),
        ("None", False),
    ],
)
def test_results_are_equal_where_rounding_explains_the_difference(got: Any, is_equal: bool) -> None:
    assert equal(got, NUMBERS) is is_equal
    assert equal(NUMBERS, NUMBERS) is True


def test_nan_equals_nan_alone() -> None:
    holes = np.array([np.nan, 1.0])
    assert equal(holes, holes)
    assert not equal(np.array([0.0, 1.0]), holes)


FAILED = Outcome(Failure("ValueError", "one"))


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (Outcome(Failure("ValueError", "other words")), True),
        (Outcome(Failure("TypeError", "one")), False),
        (Outcome(None, {"Z": NUMBERS}), False),
    ],
)
def test_errors_are_the_same_where_their_kinds_are(other: Outcome, is_same: bool) -> None:
    assert same(FAILED, other) is is_same


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (Outcome(None, {"Z": NUMBERS.copy()}), True),
        (Outcome(None, {"Z": NUMBERS}, changed=("W",)), False),
        (Outcome(None, {"Z": NUMBERS}, wanted=2), False),
        (Outcome(None, {"A": NUMBERS}), False),
    ],
)
def test_outcomes_are_the_same_where_all_their_parts_are(other: Outcome, is_same: bool) -> None:
    assert same(Outcome(None, {"Z": NUMBERS}), other) is is_same
    assert same(Outcome(None, {"Z": NUMBERS}), Outcome(None, {"Z": NUMBERS + 1}), frozenset({"Z"}))


# ---- caches


X, W, B, HYPER = np.ones((1, 3, 3, 1)), np.full((2, 2, 1, 1), 2.0), np.full((1, 1, 1, 1), 3.0), {"stride": 2, "pad": 1}
CACHES: list[tuple[Any, bool]] = [
    ((X, W, B, HYPER), True),
    ([X, W, B, HYPER], True),
    ((X.tolist(), W, B, HYPER), True),
    ((X.astype(np.float32), W, B, HYPER), True),
    ((X, W, B, HYPER, "more"), True),
    ((X, W, B, 2, 1), True),
    ((X, W, B, np.array(2), 1.0), True),
    ((X, W, B, {**HYPER, "f": 2}), True),
    ({"A": X, "W": W, "b": B, "hparameters": HYPER}, True),
    ({"x": X, "w": W, "b": B, "stride": 2, "pad": 1}, True),
    ((X, B, W, HYPER), False),
    ((np.pad(X, ((0, 0), (1, 1), (1, 1), (0, 0))), W, B, HYPER), False),
    ((X, W, B), False),
    ((X, W, B, {"stride": 2}), False),
    ((X, W, B, {"stride": 1, "pad": 2}), False),
    ((X, W, B, 2), False),
    ((X + 1, W, B, HYPER), False),
    ({"A": X, "W": W, "hparameters": HYPER}, False),
    (X, False),
    (None, False),
    ("cache", False),
    (7, False),
]


@pytest.mark.parametrize(("cache", "accepted"), CACHES, ids=range(len(CACHES)))
def test_a_cache_of_a_convolution_does_where_it_holds_what_the_backward_pass_needs(cache: Any, accepted: bool) -> None:
    fault = cache_fault("conv_forward", (X, W, B, HYPER), cache)
    assert (fault is None) is accepted
    assert accepted or fault is cache or fault == "None"


@pytest.mark.parametrize(
    ("cache", "accepted"),
    [
        ((X, {"f": 2, "stride": 1}), True),
        ((X, {"f": 2, "stride": 1}, "max"), True),
        ([X, 2, 1], True),
        ({"A_prev": X, "f": 2, "stride": 1, "mode": "max"}, True),
        ((X,), False),
        (({"f": 2, "stride": 1}, X), False),
        ((X, {"f": 2, "stride": 3}), False),
    ],
)
def test_a_cache_of_a_pooling_does_too(cache: Any, accepted: bool) -> None:
    assert (cache_fault("pool_forward", (X, {"f": 2, "stride": 1}, "max"), cache) is None) is accepted


# ---- ties


TIED = np.array([[1.0, 3.0, 0.5], [3.0, 2.0, 3.0]])
MASKS: dict[str, Any] = {
    "first": [[False, True, False], [False, False, False]],
    "last": [[False, False, False], [False, False, True]],
    "first_down": [[False, False, False], [True, False, False]],
    "last_down": [[False, False, False], [False, False, True]],
    "shared": [[0, 1 / 3, 0], [1 / 3, 0, 1 / 3]],
}


@pytest.mark.parametrize("rule", MASKS)
def test_the_rules_for_ties_are_what_their_names_say(rule: str) -> None:
    assert np.allclose(RULES[rule](TIED), MASKS[rule])
    assert set(MASKS) == set(RULES)


@pytest.mark.parametrize("rule", MASKS)
@pytest.mark.parametrize("function", ["create_mask_from_window", "pool_backward"])
def test_a_documented_rule_for_ties_is_right_and_remarked_on(rule: str, function: str) -> None:
    made: Any = RULES[rule]
    if function == "pool_backward":
        space: dict[str, Any] = {"np": np, **vars(solution), "create_mask_from_window": RULES[rule]}
        exec(source_of(function), space)  # noqa: S102 - the package's own text
        made = space[function]
    grade = judging.judge(function, sights_of(function, made), official_of(function, made), Asked(seed=5))
    if function == "create_mask_from_window":  # its one window with ties has the same last cell along the rows and down the columns
        rule = rule.replace("last_down", "last")
    assert (grade.status, grade.score, grade.remarks) == ("right", 1.0, (f"{function}.ties_{rule}",))
    assert [grade.words[language].endswith(say(f"right.ties_{rule}", language)) for language in LANGUAGES] == [True, True]


def sights_of(function: str, made: Any, seed: int = 5) -> list[Any]:
    return [look(function, made, probe) for probe in right_sights(function, seed)[0]]


def official_of(function: str, made: Any, editions: tuple[str, ...] = EDITIONS) -> list[Outcome]:
    """Return what a function does on the published calls of some editions."""
    return [
        outcome_of(function, packed_outcome(observe(function, made, one.arguments, seed=0))) if one.edition in editions else FAILED
        for one in published(function)
    ]


# ---- where it goes wrong: the patterns


def bent(change: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return a zero_pad that does something to the right answer."""

    def zero_pad(images: Any, pad: int) -> Any:
        return change(solution.zero_pad(images, pad).copy())

    return zero_pad


def put(*places: tuple[tuple[Any, ...], float]) -> Callable[..., Any]:
    """Return a zero_pad that adds something in some places."""

    def change(padded: Any) -> Any:
        for place, value in places:
            padded[place] += value
        return padded

    return bent(change)


def remembering(images: Any, pad: int, kept: list[int] = []) -> Any:  # noqa: B006 - the mistake
    kept.append(1)
    return solution.zero_pad(images, pad) + (len(kept) > 6)


def second_only(change: Callable[[Any], Any]) -> Callable[..., Any]:
    return bent(lambda padded: change(padded) if len(padded) > 1 else padded)


def conv(made: Callable[..., Any]) -> Callable[..., Any]:
    """Return a conv_forward that returns something else of (Z, cache)."""
    return lambda *arguments: made(*solution.conv_forward(*arguments))


def spoilt_hyperparameters(A_prev: Any, hparameters: Any, mode: str = "max") -> Any:
    A, cache = solution.pool_forward(A_prev, dict(hparameters), mode)
    hparameters["seen"] = 1
    return A, (A_prev, cache[1])


PATTERNS: dict[str, tuple[str, Callable[..., Any], str]] = {
    "shape": ("zero_pad", lambda images, _pad: images, "X_pad has the shape (1, 2, 2, 1), but it should be (1, 4, 4, 1)."),
    "odd": ("zero_pad", bent(str), "X_pad is a str, but it should be an array of shape (1, 4, 4, 1)."),
    "none": (
        "zero_pad",
        bent(lambda _padded: None),
        "It returns None where X_pad is expected: is there a return, and does every branch reach it? Or is a placeholder None still there?",
    ),
    "parts": ("conv_forward", conv(lambda Z, _cache: Z), "It returns a ndarray, but 2 values are expected: Z, cache."),
    "zeros": ("zero_pad", bent(np.zeros_like), "All of X_pad is 0: it is never written to."),
    "zeros_partly": (
        "zero_pad",
        bent(lambda padded: padded * (np.arange(padded.shape[1]) != 2).reshape(1, -1, 1, 1)),
        "All the wrong entries of X_pad are 0: these are never written to.",
    ),
    "ratio": ("zero_pad", bent(lambda padded: padded * -2.5), "Every entry of X_pad is -2.5 times the right one."),
    "shift": ("zero_pad", bent(lambda padded: padded + 3), "Every entry of X_pad is too large by the same 3."),
    "transposed": ("zero_pad", bent(lambda padded: padded.swapaxes(1, 2)), "X_pad is right, but with its rows and columns exchanged."),
    "flipped": ("zero_pad", bent(lambda padded: padded[::-1]), "X_pad holds the right numbers in reverse order along the images."),
    "permuted": ("zero_pad", bent(lambda padded: np.roll(padded, 1)), "X_pad holds the right numbers in wrong places."),
    "first_only": (
        "zero_pad",
        bent(lambda padded: padded + np.arange(padded.size).reshape(padded.shape) ** 2),
        "In X_pad only the very first entry is right.",
    ),
    "images": (
        "zero_pad",
        second_only(lambda padded: padded * np.array([1, 2, 3]).reshape(-1, 1, 1, 1)[: len(padded)]),
        "X_pad is wrong only for 1, 2 of the images.",
    ),
    "channels": ("zero_pad", second_only(lambda padded: padded + np.arange(padded.shape[3])), "X_pad is wrong only in channel 1."),
    "edges": ("zero_pad", put(((slice(None), 0), 5.0)), "X_pad is wrong only at the edges."),
    "inside": ("zero_pad", bent(lambda padded: padded**3), "X_pad is right at the edges and wrong inside."),
    "nan": ("zero_pad", put(((0, 1, 1, 0), np.nan)), "X_pad holds NaN or infinity, and the right result holds none."),
    "some": ("zero_pad", put(((0, 0, 0, 0), 1.0), ((0, 1, 1, 0), 1.0)), "2 of the 16 entries of X_pad are wrong."),
    "cache": (
        "conv_forward",
        conv(lambda Z, _cache: (Z, 42)),
        "The output is right, but the cache does not hold what the backward pass needs: A_prev, W, b, hparameters.",
    ),
    "changed": (
        "pool_forward",
        spoilt_hyperparameters,
        "The numbers are right, but the function changes its argument hparameters; work on a copy.",
    ),
}


@pytest.mark.parametrize("key", PATTERNS)
def test_a_wrong_function_is_described_by_its_pattern(key: str) -> None:
    function, made, sentence = PATTERNS[key]
    case = case_of(function, Asked(seed=5), sights_of(function, made), [])
    told = judging._pattern(case, case.first())
    place = "" if key in {"none", "parts"} else f'On "{case.probes[case.first()].name}": '
    assert (told.id, told.title["en"]) == (f"{function}.pattern.{key}", place + sentence)
    assert re.search(r"[\u4e00-\u9fff]", told.title["zh"])
    numbers = [sorted(re.findall(r"-?\d+", told.title[language])) for language in LANGUAGES]
    assert key == "parts" or numbers[0] == numbers[1]


def test_there_is_a_wrong_function_for_every_pattern() -> None:
    assert {*PATTERNS, "unsteady"} == set(sentences()["pattern"])


def test_a_function_that_is_wrong_only_when_called_again_is_unsteady() -> None:
    case = case_of("zero_pad", Asked(seed=5), sights_of("zero_pad", remembering), [])
    assert judging._pattern(case, case.first()).id == "zero_pad.pattern.unsteady"


@pytest.mark.parametrize(("axis", "name"), [(0, "the images"), (1, "the rows"), (2, "the columns"), (3, "the channels")])
def test_an_order_that_is_turned_round_is_told_with_its_axis(axis: int, name: str) -> None:
    made = second_only(lambda padded: np.flip(padded, axis))
    case = case_of("zero_pad", Asked(seed=5), sights_of("zero_pad", made), [])
    assert judging._pattern(case, case.first()).title["en"] == (
        f'On "several images and channels": X_pad holds the right numbers in reverse order along {name}.'
    )


# ---- where it goes wrong: the window, and the arithmetic by hand


NUMBER = r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?"


def arithmetic(terms: list[float], *rest: float) -> tuple[list[float], int]:
    """Return the numbers that stand in an arithmetic by hand, and how many terms it leaves out."""
    return [*terms[:9], *rest], max(0, len(terms) - 9)


def written(by_hand: str) -> tuple[list[float], int]:
    left_out = re.search(r"\(\+(\d+)\)", by_hand)
    numbers = re.sub(r"\(\+\d+\)|/ \d+", "", by_hand)
    return [float(number) for number in re.findall(NUMBER, numbers)], int(left_out[1]) if left_out else 0


def padded(arguments: tuple[Any, ...]) -> tuple[Any, int, int, int]:
    """Return the padded images of a convolution, its stride, pad and f."""
    A_prev, filters, _, hyper = arguments
    pad = hyper["pad"]
    return np.pad(A_prev, ((0, 0), (pad, pad), (pad, pad), (0, 0))), hyper["stride"], pad, filters.shape[0]


def window_by_hand(function: str, arguments: tuple[Any, ...], index: tuple[int, ...]) -> tuple[Any, tuple[list[float], int]]:
    """Return the window of an output entry and its arithmetic, without the package."""
    i, h, w, c = index
    if function == "conv_forward":
        images, stride, _, f = padded(arguments)
        top, left = h * stride, w * stride
        products = (images[i, top : top + f, left : left + f] * arguments[1][..., c]).ravel().tolist()
        total, bias = sum(products), float(arguments[2][0, 0, 0, c])
        return {"rows": [top, top + f], "columns": [left, left + f]}, arithmetic(products, total, total, bias, total + bias)
    f, stride = arguments[1]["f"], arguments[1]["stride"]
    top, left = h * stride, w * stride
    cells = arguments[0][i, top : top + f, left : left + f, c].ravel().tolist()
    value = max(cells) if arguments[2:] in {(), ("max",)} else sum(cells) / len(cells)
    return {"rows": [top, top + f], "columns": [left, left + f]}, arithmetic(cells, value)


@pytest.mark.parametrize("function", ["conv_forward", "pool_forward"])
def test_the_window_of_an_output_and_its_arithmetic_are_those_of_an_independent_computation(function: str) -> None:
    for probe in probes(function, 8):
        wanted, _ = getattr(steps, function)(*probe.arguments)
        corners = [tuple(index) for index in ((0, 0, 0, 0), [size - 1 for size in wanted.shape], [size // 2 for size in wanted.shape])]
        for index in corners:
            told = window_of(function, probe.arguments, Evidence("Z", index, 0.0, float(wanted[index])))
            place, (numbers, left_out) = window_by_hand(function, probe.arguments, index)
            assert told is not None
            assert {part: list(told[part]) for part in ("rows", "columns")} == place
            assert written(told["by_hand"])[1] == left_out
            assert written(told["by_hand"])[0] == pytest.approx(numbers, rel=1e-5, abs=1e-5), probe.name


def shares_by_hand(function: str, arguments: tuple[Any, ...], result: str, index: tuple[int, ...]) -> list[float]:
    """Return what adds up to an entry of a gradient, output cell by output cell, without the package."""
    gradient, cache = arguments[:2]
    m, n_H, n_W, n_C = gradient.shape
    parts = []
    for i, h, w, c in product(range(m), range(n_H), range(n_W), range(n_C)):
        if function == "conv_backward":
            images, stride, pad, f = padded(cache)
            amount = gradient[i, h, w, c]
            if result == "db" and c == index[3]:
                parts.append(amount)
            if result == "dW" and c == index[3]:
                parts.append(images[i, h * stride + index[0], w * stride + index[1], index[2]] * amount)
            row, column = index[1] + pad - h * stride, index[2] + pad - w * stride
            if result == "dA_prev" and i == index[0] and 0 <= row < f and 0 <= column < f:
                parts.append(cache[1][row, column, index[3], c] * amount)
            continue
        f, stride = cache[1]["f"], cache[1]["stride"]
        row, column = index[1] - h * stride, index[2] - w * stride
        if (i, c) == (index[0], index[3]) and 0 <= row < f and 0 <= column < f:
            window = cache[0][i, h * stride : h * stride + f, w * stride : w * stride + f, c]
            largest = float(window[row, column] == window.max())
            parts.append((largest if arguments[2:] in {(), ("max",)} else 1 / f**2) * gradient[i, h, w, c])
    return [float(part) for part in parts]


@pytest.mark.parametrize(
    ("function", "result"), [("conv_backward", "dA_prev"), ("conv_backward", "dW"), ("conv_backward", "db"), ("pool_backward", "dA_prev")]
)
def test_the_shares_of_a_gradient_are_those_of_an_independent_computation(function: str, result: str) -> None:
    for probe in probes(function, 8)[1:6]:
        returned = getattr(steps, function)(*probe.arguments)
        wanted = dict(zip(("dA_prev", "dW", "db"), returned, strict=True))[result] if function == "conv_backward" else returned
        for index in (tuple(size - 1 for size in wanted.shape), tuple(size // 2 for size in wanted.shape)):
            told = window_of(function, probe.arguments, Evidence(result, index, 0.0, float(wanted[index])))
            parts = shares_by_hand(function, probe.arguments, result, index)
            assert told is not None
            assert sum(parts) == pytest.approx(float(wanted[index]))
            if len(parts) < 2:
                assert told["by_hand"] is None
                continue
            numbers, left_out = arithmetic(parts, sum(parts))
            assert written(told["by_hand"])[0] == pytest.approx(numbers, rel=1e-5, abs=1e-4), probe.name
            assert written(told["by_hand"])[1] == left_out


@pytest.mark.parametrize("function", ["zero_pad", "create_mask_from_window", "distribute_value"])
def test_a_function_without_windows_has_no_arithmetic(function: str) -> None:
    assert window_of(function, probes(function, 1)[0].arguments, Evidence("x", (0, 0), 0.0, 1.0)) is None


# ---- errors in words


def body(*lines: str) -> str:
    return "def distribute_value(dz, shape):\n" + "".join(f"    {line}\n" for line in lines)


RAISING: dict[str, list[str]] = {
    "error.sequence_into_cell": [
        body("Z = np.zeros(shape)", "Z[0, 0] = np.ones((1, 1, 1))"),
        body("Z = np.zeros(shape)", "Z[0, 0] = np.ones((2, 1))"),
    ],
    "error.ragged_list": [body("return np.array([[1, 2], [3]])"), body("return np.array([dz, np.ones((1, 1))])")],
    "error.removed_from_numpy": [
        body("return np.asscalar(np.ones(1))"),
        body("return np.float(dz)"),
        body("return np.int(dz)"),
        body("np.product(shape)"),
    ],
    "error.misspelt_attribute": [body("return np.zeroes(shape)"), body("return np.maximun(dz, 0)"), body("np.Sum(dz)")],
    "error.none_attribute": [
        body("X = None", "return X.shape"),
        body("X = None", "return X * dz"),
        body("X = None", "(a, b) = X"),
        body("X = None", "return X[0]"),
        body("for i in range(None): pass"),
    ],
    "error.undefined_name": [
        body("return np.ones(shaep)"),
        body("n += 1"),
        body("del dz", "return dz"),
    ],
    "error.float_as_integer": [
        body("return np.zeros((2, 4 / 2))"),
        body("for i in range(4 / 2): pass"),
        body("for i in range(np.float64(2)): pass"),
        body("return np.ones(3)[0:2.0]"),
    ],
    "error.shape_called": [
        body("return np.ones(shape).shape(0)"),
        body("return np.ones(shape)(0)"),
        body("return {}(0)"),
        body("return (2)(3)"),
    ],
    "error.zeros_without_tuple": [body("return np.zeros(2, 3)"), body("return np.ones(2, 3, 4)"), body("return np.zeros(2, 3, 4, 5)")],
    "error.broadcast": [
        body("return np.ones((2, 3)) * np.ones((3, 2))"),
        body("a = np.ones((2, 3))", "a[...] = np.ones((3, 2))"),
        body("a = np.ones(3)", "a += np.ones((2, 3))"),
    ],
    "error.index_out_of_bounds": [body("return np.ones((2, 3))[2, 0]"), body("return np.ones((2, 3))[0, -4]")],
    "error.too_many_indices": [body("return np.ones((2, 3))[0, 0, 0]"), body("return np.ones(3)[..., 0, 0]")],
    "error.division_by_zero": [body("return 1 // 0"), body("return dz / 0"), body("return 1 % 0")],
    "error.missing_key": [body("return {'f': 2}['stride']"), body("return {}['pad']")],
    "error.unpacking": [body("a, b, c = shape"), body("a, = shape"), body("(m, h, w, c) = np.ones((2, 2, 2)).shape")],
    "error.recursion": [body("return distribute_value(dz, shape)")],
    "error.import_convstep": [body("import convstep_that_is_not_there"), body("from convstep import nothing_like_this")],
    "error.module_missing": [body("import tensorflow_nowhere"), body("from numpy import nothing_like_this"), body("import nowhere.at_all")],
    "error.arguments": [
        body("return zero_pad(dz)"),
        body("return zero_pad(1, 2, 3)"),
        body("return conv_single_step(a=1)"),
        body("f = lambda *, key: key", "return f()"),
    ],
    "error.memory": [body("return np.ones((10**6, 10**6, 10**3))"), body("raise MemoryError")],
    "error.not_finished": [body("raise NotImplementedError('exercise 7')")],
    "error.assertion": [body("assert shape == 3"), body("assert False, 'the shape'")],
}
FILLED = {
    "error.removed_from_numpy": "NumPy no longer has what is named in the message: it was removed.",
    "error.misspelt_attribute": "NumPy has nothing called zeroes.",
    "error.undefined_name": "The function uses shaep, which it does not have.",
    "error.index_out_of_bounds": "Index 2 is used on axis 0, which has only 2.",
    "error.missing_key": "The dictionary has no key stride.",
    "error.module_missing": "tensorflow_nowhere cannot be imported here; only NumPy and the standard library can.",
}
IN_NUMPY_2_4 = pytest.mark.skipif(tuple(map(int, np.__version__.split(".")[:2])) < (2, 4), reason="NumPy 2.4 refuses this")


def raised(text: str) -> Failure:
    """Return the error of a learner's code when it is called."""
    told = observe("distribute_value", loaded(text), (1.0, (2, 2)), seed=0)
    return Failure.of(told["error"])


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in RAISING.items() for text in texts])
def test_an_error_of_todays_python_and_numpy_is_explained(rule: str, text: str) -> None:
    failure = raised(text)
    explained = explained_error(failure.kind, failure.message)
    assert explained is not None, failure
    assert explained.id == rule, failure


@pytest.mark.parametrize("rule", FILLED)
def test_an_explanation_names_what_the_error_names(rule: str) -> None:
    failure = raised(RAISING[rule][0])
    explained = explained_error(failure.kind, failure.message)
    assert explained is not None
    assert explained.title["en"] == FILLED[rule]
    assert "{" not in explained.advice("zh", 3)


def test_a_name_that_an_inner_function_reaches_for_too_early_is_explained() -> None:
    failure = raised(body("inner = lambda: later", "inner()", "later = 1"))
    explained = explained_error(failure.kind, failure.message)
    assert explained is not None
    assert explained.id == "error.undefined_name"


@IN_NUMPY_2_4
def test_the_cast_that_the_assignment_suggests_is_explained() -> None:
    failure = raised(body("return float(np.ones((1, 1, 1)))"))
    explained = explained_error(failure.kind, failure.message)
    assert explained is not None
    assert explained.id == "error.float_of_array"


def test_a_float_as_an_index_of_an_array_is_explained() -> None:
    failure = raised(body("return np.ones(3)[1.0]"))
    explained = explained_error(failure.kind, failure.message)
    assert explained is not None
    assert explained.id == "error.float_as_integer"


@pytest.mark.parametrize("name", ["float_", "infty", "Inf"])
def test_a_name_that_numpy_2_removed_is_explained(name: str) -> None:
    failure = raised(body(f"return np.{name}"))
    explained = explained_error(failure.kind, failure.message)
    assert explained is not None
    assert explained.id == "error.removed_from_numpy"


OLDER = {  # as older versions of Python and NumPy say it
    "error.float_of_array": (
        "TypeError",
        ["only size-1 arrays can be converted to Python scalars", "only length-1 arrays can be converted to Python scalars"],
    ),
    "error.ragged_list": (
        "ValueError",
        ["setting an array element with a sequence. The requested array has an inhomogeneous shape after 1 dimensions."],
    ),
    "error.undefined_name": ("UnboundLocalError", ["local variable 'n_H' referenced before assignment"]),
    "error.zeros_without_tuple": ("TypeError", ["data type not understood: '3' not understood", "data type '3' not understood"][1:]),
    "error.arguments": ("TypeError", ["conv_single_step() takes exactly 3 positional arguments (2 given)"]),
    "error.index_out_of_bounds": ("IndexError", ["index 4 is out of bounds for axis 2 with size 3"]),
    "error.too_many_indices": ("IndexError", ["too many indices for array"]),
    "error.division_by_zero": ("FloatingPointError", ["divide by zero encountered in divide"]),
}


@pytest.mark.parametrize(("rule", "kind", "message"), [(rule, kind, one) for rule, (kind, messages) in OLDER.items() for one in messages])
def test_an_error_of_older_versions_is_explained(rule: str, kind: str, message: str) -> None:
    explained = explained_error(kind, message)
    assert explained is not None
    assert explained.id == rule


@pytest.mark.parametrize(
    ("kind", "message"),
    [("OSError", "disk full"), ("ValueError", "math domain error"), ("AttributeError", "'list' object has no attribute 'shape'")],
)
def test_an_error_that_no_rule_knows_is_not_explained(kind: str, message: str) -> None:
    assert explained_error(kind, message) is None


PAD = "def zero_pad(X, pad):\n    {}\n    return X\n"
UNREAD: dict[str, list[str]] = {
    "syntax.unseen_space": [PAD.format(f"Y ={space}X") for space in "\u00a0\u200b\u3000\u00ad\u2028"],
    "syntax.full_width": [
        "def zero_pad(X, pad)：\n    return X\n",
        "def zero_pad(X，pad):\n    return X\n",
        PAD.format("Y = np.pad（X, 1）"),
        PAD.format("Y = X；Z = X"),
        PAD.format("Y ＝ X"),
    ],
    "syntax.curly_quotes": [PAD.format("Y = X – pad"), PAD.format("Y = X × pad"), PAD.format("Y = X − pad")],
    "syntax.strange_character": [PAD.format("Y = X €"), PAD.format("Y = ∑(X)"), PAD.format("Y = X ⋅ 2")],
    "syntax.tabs": ["def zero_pad(X, pad):\n        if pad:\n\t    return X\n"],
    "syntax.indentation": [
        "def zero_pad(X, pad):\nreturn X\n",
        "def zero_pad(X, pad):\n    Y = X\n      return Y\n",
        "def zero_pad(X, pad):\n    if pad:\n    return X\n",
        "def zero_pad(X, pad):\n    for i in X:\n        pass\n  return X\n",
    ],
    "syntax.python2_print": [PAD.format("print X"), PAD.format("print 'shape', X.shape")],
    "syntax.assignment": [PAD.format("if pad = 0: pass"), PAD.format("np.sum(X) = 3"), PAD.format("2 * pad = X")],
    "syntax.colon": [PAD.format("for i in range(3)"), PAD.format("if pad > 0"), "def zero_pad(X, pad)\n    return X\n"],
    "syntax.bracket": [PAD.format("Y = np.pad(X, ((0, 0)"), PAD.format("Y = (X))"), PAD.format("Y = (X]")],
    "syntax.unfinished": [
        PAD.format("X_pad ="),
        PAD.format("X_pad = # exercise 1"),
        PAD.format("n_H = None None"),
        PAD.format("a_slice = .., .."),
    ],
    "syntax.other": [PAD.format("Y = 3X"), PAD.format("Y = 'text"), PAD.format("return X +* 2")],
}


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in UNREAD.items() for text in texts])
def test_code_that_does_not_compile_is_explained(rule: str, text: str) -> None:
    with pytest.raises(NotFoundError) as told:
        loaded(text, name="zero_pad")
    problem = told.value.problem
    explained = explained_syntax(problem["error"], problem["message"], problem["text"])
    assert explained.id == rule, problem
    assert "{" not in explained.advice("en", 3)


@pytest.mark.parametrize(
    ("line", "rule"),
    [("Y = X €  # 中文，注释", "syntax.strange_character"), ("mode = “max”", "syntax.curly_quotes")],
)
def test_a_character_is_explained_by_itself_and_not_by_others_in_its_line(line: str, rule: str) -> None:
    with pytest.raises(NotFoundError) as told:
        loaded(PAD.format(line), name="zero_pad")
    problem = told.value.problem
    assert explained_syntax(problem["error"], problem["message"], problem["text"]).id == rule


def complaints() -> dict[str, Any]:
    return tomllib.loads(files("convstep.grading").joinpath("complaints.toml").read_text(encoding="utf-8"))


def test_every_rule_has_code_that_leads_to_it() -> None:
    assert {rule["id"] for rule in complaints()["rule"]} == {*RAISING, *OLDER}
    assert {rule["id"] for rule in complaints()["syntax"]} == set(UNREAD)


@pytest.mark.parametrize("kind", ["rule", "syntax"])
def test_every_explanation_is_there_in_both_languages(kind: str) -> None:
    rules = complaints()[kind]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for rule in rules:
        for part in ("title", "where", "idea"):
            assert sorted(rule[part]) == ["en", "zh"], rule["id"]
            assert re.findall(r"\{\w+\}", rule[part]["en"]).sort() == re.findall(r"\{\w+\}", rule[part]["zh"]).sort()
            assert re.search(r"[\u4e00-\u9fff]", rule[part]["zh"]), rule["id"]


@pytest.mark.parametrize(
    ("name", "title"), [("error.missing_key", "The dictionary has no key …."), ("syntax.colon", "A colon is missing."), ("nowhere", "")]
)
def test_a_rule_has_a_title_without_what_an_error_fills_in(name: str, title: str) -> None:
    assert title_of_error(name, "en") == title


# ---- words


def sentences() -> dict[str, Any]:
    return tomllib.loads(files("convstep.grading").joinpath("words.toml").read_text(encoding="utf-8"))


def keys(found: Any, before: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    """Yield every sentence by its key."""
    if "en" in found or "zh" in found:
        yield before.removesuffix("."), found
    for name, part in found.items():
        if isinstance(part, dict) and before + name != "probe":
            yield from keys(part, f"{before}{name}.")


SENTENCES = dict(keys(sentences()))


@pytest.mark.parametrize("key", SENTENCES)
def test_a_sentence_is_there_in_both_languages_with_the_same_names_to_fill_in(key: str) -> None:
    told = {language: SENTENCES[key][language] for language in LANGUAGES}
    filled = {language: sorted(word for _, word, _, _ in string.Formatter().parse(text) if word) for language, text in told.items()}
    assert filled["en"] == filled["zh"]
    assert re.search(r"[\u4e00-\u9fff]", told["zh"]) or not re.search(r"[a-z]", re.sub(r"\{\w+\}", "", told["en"]))
    assert not re.search(r"[\u4e00-\u9fff]", told["en"])


@cache
def spoken() -> tuple[set[str], tuple[str, ...]]:
    """Return what the package's code hands to `say` and its kin, and how its f-strings of keys begin."""
    whole: set[str] = set()
    begun: set[str] = set()
    package = Path(judging.__file__).parents[1]
    for path in [*package.glob("grading/*.py"), package / "cli" / "check.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            parts: list[ast.AST] = []
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                parts = [node.args[0]] if node.func.id in {"say", "both", "worded", "UnreadableError", "Pattern"} else []
            elif isinstance(node, ast.Assign) and "key" in {
                part.id for one in node.targets for part in ast.walk(one) if isinstance(part, ast.Name)
            }:
                parts = [node.value]
            elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                begun.add(str(node.values[0].value))
            whole |= {str(part.value) for one in parts for part in ast.walk(one) if isinstance(part, ast.Constant)}
    return whole, tuple(word for word in begun if word in {"axis.", "page.", "right.ties_", "screen.status."})


@pytest.mark.parametrize("key", SENTENCES)
def test_a_sentence_is_said_somewhere(key: str) -> None:
    whole, begun = spoken()
    assert key in whole or key.startswith(begun)


def test_every_probe_has_a_name_in_chinese() -> None:
    names = {part for function in EIGHT for probe in probes(function, 1) for part in probe.name.split(", ")}
    assert names | {"the cache", "arguments left as they were"} == set(sentences()["probe"])


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("plain", "plain"),
        ("two\n lines\x00\x1b[31m\u202e", "two lines [31m"),
        ("x" * 300, "x" * 199 + "…"),
        ("中文", "中文"),
        ("\ud800", ""),
        ("", ""),
    ],
)
def test_a_learners_text_is_one_line_without_control_characters(text: str, short: str) -> None:
    assert clean(text) == short


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_TW"}, "zh"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "Chinese_China.936"}, "zh"),
    ],
)
def test_the_language_is_the_locales(variables: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert spoken_language() == language


def test_sentences_are_joined_as_the_language_joins_them() -> None:
    assert (joined(["One.", "", "Two."], "en"), joined(["一。", "二。"], "zh")) == ("One. Two.", "一。二。")


# ---- what was published


@pytest.mark.parametrize("function", EIGHT)
@pytest.mark.parametrize("edition", EDITIONS)
def test_the_right_solution_passes_every_edition_but_the_first_ones_mistake(function: str, edition: str) -> None:
    counts_the_bias_often = edition == "v1" and function in {"conv_single_step", "conv_forward"}
    made = getattr(solution, function)
    assert passes(function, edition, official_of(function, made, (edition,))) is not counts_the_bias_often


PRINTED: dict[tuple[str, str], list[float]] = {
    ("conv_single_step", "v1"): [-23.1602122025],
    ("conv_single_step", "v2"): [-6.99908945068],
    ("conv_single_step", "2021"): [-6.999089450680221, -3.5443670581382474],
    ("conv_forward", "v1"): [0.155859324889, -0.20075807, 0.18656139, 0.41005165],
    ("conv_forward", "v2"): [0.0489952035289, -0.61490741, -6.7439236, -2.55153897],
    ("conv_forward", "v2a"): [0.692360880758, -1.28912231, 2.27650251, 6.61941931],
    ("conv_forward", "2021"): [0.5511276474566768, -2.17796037, 8.07171329, -0.5772704],
    ("conv_backward", "v1"): [9.60899067587, 10.5817412755, 76.3710691956],
    ("conv_backward", "v2a"): [1.45243777754, 1.72699145831, 7.83923256462],
}


@pytest.mark.parametrize(("function", "edition"), PRINTED)
def test_what_an_edition_is_compared_with_is_what_it_printed(function: str, edition: str) -> None:
    from convstep.grading.published import right_answers

    answers = [answer for case, answer in zip(published(function), right_answers(function), strict=True) if case.edition == edition]
    seen = np.concatenate([np.ravel(answer) for answer in answers])
    for number in PRINTED[function, edition]:
        assert np.isclose(seen, number, rtol=1e-7, atol=0).any(), number


@pytest.mark.parametrize("function", ["conv_single_step"])
def test_the_number_of_the_first_edition_is_recognised(function: str) -> None:
    (made, *_) = patched(*(one for one in catalogue(function) if one.source == "S1"))
    grade = judging.judge(function, sights_of(function, made), official_of(function, made), Asked(seed=5, edition="v1"))
    assert grade.published == {"edition": "v1", "passes": True}
    assert "On the published input it gives -23.1602: the number that the first edition of the course printed" in grade.words["en"]
    assert "Later editions print -6.99909." in grade.words["en"]
    assert "-23.1602" in grade.words["zh"]


ESCAPING = {  # assignment.md 1.6: what passes the official check of 2021 though it is wrong
    "conv_forward": {"size_rounded", "cache_order"},
    "pool_forward": {"max_from_zero"},
    "conv_backward": {"crop_pad_minus_pad", "dA_flipped", "dA_transposed", "dA_images_reversed", "dW_transposed", "db_reversed"},
    "pool_backward": {"stride_missing", "dA_at_corner", "second_example_only"},
}
SEEN = {
    "conv_forward": "stride_missing stride_missing_rows stride_missing_columns columns_from_h end_from_stride n_W_from_n_H_prev "
    "size_pad_missing size_pad_once size_plus_one_missing unpadded_image whole_batch_cut same_image_always "
    "bias_missing bias_in_every_product bias_of_first_filter first_filter_always kernel_flipped kernel_transposed "
    "stride_and_pad_exchanged cache_padded hyperparameters_fixed pad_with_ones loop_bounds_swapped last_row_missing",
    "pool_forward": "stride_missing horizontal_from_h whole_image all_channels all_examples_channels example_fixed_0 "
    "example_fixed_1 max_average_exchanged sum_not_mean max_of_absolute always_max average_left_zero "
    "sizes_exchanged end_start_plus_stride channel_fixed_0 rounded last_column_unfilled",
    "conv_backward": "stride_missing corners_exchanged dA_assigned dW_assigned db_assigned crop_never_stored crop_after_the_images "
    "window_from_gradient random_start db_divided_by_m dW_and_db_divided_by_m crop_keeps_top_left db_flat "
    "first_image_only",
    "pool_backward": "mask_times_slice mask_without_dA overwritten average_not_divided average_divided_by_f "
    "average_divided_by_output average_from_all_gradients horizontal_from_c slice_from_gradient "
    "mask_over_all_channels mask_over_image always_max average_left_zero input_sizes_only",
}
FINGERPRINTS = [(function, name, True) for function, names in ESCAPING.items() for name in sorted(names)]
FINGERPRINTS += [(function, name, False) for function, names in SEEN.items() for name in names.split()]


@pytest.mark.parametrize(("function", "name", "escapes"), FINGERPRINTS)
def test_the_published_check_sees_what_it_is_known_to_see(function: str, name: str, escapes: bool) -> None:
    (mistake,) = (one for one in catalogue(function) if one.id == f"{function}.{name}")
    (made, *_) = patched(mistake)
    assert passes(function, "2021", official_of(function, made, ("2021",))) is escapes


@pytest.mark.parametrize("rule", sorted(RULES))
def test_other_rules_for_ties_pass_the_published_check(rule: str) -> None:
    space: dict[str, Any] = {"np": np, **vars(solution), "create_mask_from_window": RULES[rule]}
    exec(source_of("pool_backward"), space)  # noqa: S102 - the package's own text
    assert passes("pool_backward", "2021", official_of("pool_backward", space["pool_backward"], ("2021",)))


@pytest.mark.parametrize(
    ("text", "edition"),
    [
        ("-23.16", "v1"),
        ("-23.1602122025", "v1"),
        ("0.155859324889", "v1"),
        ("0.1559", "v1"),
        ("76.371", "v1"),
        ("0.0489952035289", "v2"),
        ("-6.744", "v2"),
        ("-6.74", None),
        ("0.692360880758", "v2a"),
        ("0.6924", "v2a"),
        ("0.5511276474566768", "2021"),
        ("0.551128", "2021"),
        ("-3.54437", "2021"),
        ("from public_tests import *", "2021"),
        ("-6.99908945068", None),  # three editions print it
        ("1.45243777754", None),
        ("0.145713902729", None),
        ("-23", None),
        ("3.14159", None),
        ("", None),
        ("v2", None),
    ],
)
def test_an_edition_is_recognised_by_a_number_that_only_one_prints(text: str, edition: str | None) -> None:
    found = edition_of(text, digits=4)
    assert (found[0] if found else None) == edition


@pytest.mark.parametrize("text", ["-23.1699", "array([-23.1645, 0.2])", "1-23.16", "10.5511279", "36.7439236", "Wall time: 0.049 s"])
def test_a_number_that_only_holds_a_mark_tells_no_edition(text: str) -> None:
    assert edition_of(text) is None


NOTEBOOK_2021 = json.dumps({"cells": [{"source": "from public_tests import *", "outputs": [{"text": "Z = -23.16021220252078"}]}]})


def test_a_notebook_that_imports_public_tests_is_of_2021_whatever_number_it_prints() -> None:
    assert edition_of(NOTEBOOK_2021) == ("2021", "public_tests")


# ---- reading a file


def notebook(*cells: Any, **more: Any) -> str:
    made = [{"cell_type": "code", "source": cell, "metadata": {}, "outputs": []} for cell in cells]
    return json.dumps({"cells": made, "nbformat": 4, "nbformat_minor": 5, "metadata": {}, **more})


def reason(text: str) -> str:
    """Return why a text is no notebook, as Python says it."""
    try:
        told = json.loads(text)
        cells = told["cells"] if "cells" in told else told["worksheets"]
        [cell.get("cell_type") for cell in cells]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return clean(f"{type(error).__name__} {error}", 80)
    return ""


UNREADABLE: dict[str, tuple[str, Callable[[Path], Any], str, dict[str, Any]]] = {
    "missing": ("gone.py", lambda _path: None, "file.gone", {}),
    "a folder": ("folder.py", Path.mkdir, "file.folder", {}),
    "a pipe": ("pipe.py", os.mkfifo, "file.special", {}),
    "a link to nowhere": ("link.py", lambda path: path.symlink_to("nowhere.py"), "file.link", {}),
    "a link to itself": ("circle.py", lambda path: path.symlink_to(path), "file.link", {}),
    "a name that is too long": ("n" * 300 + ".py", lambda _path: None, "file.unreadable", {"reason": os.strerror(36)}),
    "too large": ("large.py", lambda path: path.write_bytes(b"#" * (3 * MEGABYTE)), "file.large", {"size": 3.0, "most": LARGEST_PY}),
    "a notebook that is too large": (
        "large.ipynb",
        lambda path: path.write_bytes(bytes((LARGEST_NOTEBOOK + 1) * MEGABYTE)),
        "file.large",
        {"size": float(LARGEST_NOTEBOOK + 1), "most": LARGEST_NOTEBOOK},
    ),
    "too much code": (
        "much.ipynb",
        lambda path: path.write_text(notebook("#" * (LARGEST_CODE + MEGABYTE))),
        "file.large",
        {"size": LARGEST_CODE / MEGABYTE + 1, "most": LARGEST_CODE // MEGABYTE},
    ),
    "empty": ("empty.py", Path.touch, "file.empty", {}),
    "blank": ("blank.py", lambda path: path.write_text(" \n\t\n"), "file.empty", {}),
    "an empty notebook": ("empty.ipynb", Path.touch, "file.empty", {}),
    "GBK": ("gbk.py", lambda path: path.write_bytes("# 中文".encode("gbk")), "file.encoding", {}),
    "UTF-16": ("utf16.py", lambda path: path.write_bytes("x = 1".encode("utf-16")), "file.encoding", {}),
    "NUL": ("nul.py", lambda path: path.write_bytes(b"x = 1\0"), "file.nul", {}),
    "no JSON": ("text.ipynb", lambda path: path.write_text("x = 1\n"), "file.notebook", {"reason": reason("x = 1\n")}),
    "no cells": ("none.ipynb", lambda path: path.write_text("{}"), "file.notebook", {"reason": reason("{}")}),
    "a list": ("list.ipynb", lambda path: path.write_text("[]"), "file.notebook", {"reason": reason("[]")}),
    "a number": ("number.ipynb", lambda path: path.write_text("5"), "file.notebook", {"reason": reason("5")}),
    "cells that are texts": (
        "cells.ipynb",
        lambda path: path.write_text('{"cells": ["x"]}'),
        "file.notebook",
        {"reason": reason('{"cells": ["x"]}')},
    ),
    "nested without end": ("deep.ipynb", lambda path: path.write_text("[" * 200_000), "file.notebook", {"reason": "JSON"}),
    "another suffix": ("answers.txt", lambda path: path.write_text("x = 1"), "file.suffix", {}),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("what", UNREADABLE)
def test_a_file_that_cannot_be_judged_is_one_sentence_in_both_languages(what: str, tmp_path: Path) -> None:
    name, make, key, values = UNREADABLE[what]
    make(tmp_path / name)
    with pytest.raises(UnreadableError) as told:
        read_submission(tmp_path / name)
    assert told.value.words == both(key, file=clean(name, 80), **values)
    assert str(told.value) == told.value.words["en"]


def test_a_name_with_nul_is_a_missing_file() -> None:
    with pytest.raises(UnreadableError, match=re.escape("There is no file a b.py.")):
        read_submission("a\0b.py")


def test_every_reason_why_a_file_cannot_be_read_was_met() -> None:
    assert {key for _, _, key, _ in UNREADABLE.values()} == {f"file.{name}" for name in sentences()["file"]}


@pytest.mark.parametrize(
    ("name", "content", "cells"),
    [
        ("a.py", b"x = 1\r\ny = 2\r", ("x = 1\ny = 2\n",)),
        ("b.py", b"\xef\xbb\xbfx = 1\n", ("x = 1\n",)),
        ("c.PY", "# 中文\n".encode(), ("# 中文\n",)),
        ("d.ipynb", notebook("x = 1", ["y = 2\n", "z = 3"]).encode(), ("x = 1", "y = 2\nz = 3")),
        (
            "e.ipynb",
            json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": ["x = 1"]}]}], "nbformat": 3}).encode(),
            ("x = 1",),
        ),
        ("f.ipynb", json.dumps({"cells": [{"cell_type": "markdown", "source": "x"}, {"cell_type": "raw", "source": "y"}]}).encode(), ()),
        ("g.ipynb", b"\xef\xbb\xbf" + notebook("x = 1").encode(), ("x = 1",)),
    ],
    ids=["Windows' ends of lines", "a mark of UTF-8", "a large suffix", "version 4", "version 3", "no code", "a marked notebook"],
)
def test_a_file_is_read_as_cells(name: str, content: bytes, cells: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    read = read_submission(tmp_path / name)
    assert (read.cells, read.notebook) == (cells, name.endswith(".ipynb"))


def test_the_text_of_a_notebook_has_the_sources_of_all_its_cells_and_no_output(tmp_path: Path) -> None:
    code = {"cell_type": "code", "source": "print(Z)", "outputs": [{"text": ["0.155859324889\n"]}]}
    text = {"cell_type": "markdown", "source": ["**Expected**: ", "0.0489952035289"]}
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [code, text]}))
    told = read_submission(tmp_path / "a.ipynb").text
    assert told == "print(Z)\n**Expected**: 0.0489952035289"
    assert edition_of(told) == ("v2", "0.0489952035289")
