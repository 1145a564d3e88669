"""The mistakes in the page: its numbers are the grader's, and every one of them opens in a browser, by pointer and by keys."""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from scripts.explorer_cases import shown_cases
from scripts.explorer_mistakes import all_mistakes
from tests.node import run

from convstep import steps
from convstep.grading.diagnosis import escapes
from convstep.grading.mistakes import catalogue
from convstep.grading.observing import EIGHT, RESULTS
from convstep.grading.words import LANGUAGES

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore::SyntaxWarning")]  # some mistakes are such

Found = dict[tuple[str, tuple[int, ...]], dict[str, set[Any]]]

EXPLORER = files("convstep.explorer")


@cache
def shipped() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(EXPLORER.joinpath("mistakes.json").read_text(encoding="utf-8"))
    return told


def shipped_mistakes() -> Iterator[tuple[str, dict[str, Any]]]:
    for function, parts in shipped()["functions"].items():
        for mistake in parts["mistakes"]:
            yield function, mistake


def same(one: Any, other: Any) -> bool:
    """Whether two pieces of plain data are alike; numbers may differ by what another processor rounds, errors by their words."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(key == "error" or same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return bool(np.isclose(one, other, rtol=1e-12, atol=1e-12))
    return bool(one == other)


# What ships.


def test_what_the_page_shows_is_what_the_grader_has_today() -> None:
    made = json.loads(json.dumps(all_mistakes(with_escapes=False)))
    without = json.loads(json.dumps(shipped()))
    for parts in without["functions"].values():
        for mistake in parts["mistakes"]:
            del mistake["escapes"]
    assert made["functions"].keys() == without["functions"].keys()
    for function, parts in made["functions"].items():
        assert same(parts["cases"], without["functions"][function]["cases"]), function
        for now, then in zip(parts["mistakes"], without["functions"][function]["mistakes"], strict=True):
            assert same(now, then), f"{now['id']}: run python -m scripts.build_explorer mistakes"


def test_all_known_mistakes_are_shown() -> None:
    known = [mistake.id for function in EIGHT for mistake in catalogue(function)]
    assert [mistake["id"] for _, mistake in shipped_mistakes()] == known
    assert shipped()["known"] == len(known) == 625


def test_each_mistake_is_told_in_both_languages_as_the_grader_tells_it() -> None:
    by_id = {mistake.id: mistake for function in EIGHT for mistake in catalogue(function)}
    for _, told in shipped_mistakes():
        mistake = by_id[told["id"]]
        assert {"title": told["title"], "where": told["where"], "idea": told["idea"], "seen": told["seen"]} == {
            "title": dict(mistake.title),
            "where": dict(mistake.where),
            "idea": dict(mistake.idea),
            "seen": mistake.seen,
        }
        assert set(told["title"]) == set(LANGUAGES)


def test_who_does_not_see_a_mistake_is_who_the_grader_says() -> None:
    slow = {"conv_forward", "conv_backward"}  # each looks at large published arrays: a few of them will do
    by_id = {mistake.id: mistake for function in EIGHT for mistake in catalogue(function)}
    for number, (function, told) in enumerate(shipped_mistakes()):
        if function not in slow or number % 120 == 0:
            assert told["escapes"] == list(escapes(by_id[told["id"]])), told["id"]


def test_calls_are_small_and_what_is_right_are_the_numbers_of_the_steps() -> None:
    for function, parts in shipped()["functions"].items():
        for told in parts["cases"]:
            given, right = told["arguments"], told["results"]
            for array in [*given.values(), *right.values()]:
                assert not _is_array(array) or len(array["data"]) == np.prod(array["shape"]) <= 100
            for name, value in _called(function, given, _arrays(given)).items():
                assert list(value.shape) == right[name]["shape"]
                assert np.array_equal(value.ravel(), right[name]["data"])


def test_each_mistake_differs_from_what_is_right_in_what_is_said_of_it() -> None:
    code = """
    const [{ indexMistakes, readCarried, isCarried }, { comparedResults, sayVerdict }, { makeWords }] =
      await Promise.all(["mistakes_data.js", "mistakes_outcome.js", "words.js"].map(load));
    const { list } = indexMistakes(JSON.parse(given.mistakes, readCarried));
    return list.map((mistake) => {
      const compared = [...comparedResults(mistake)];
      const say = (language) => sayVerdict(mistake, new Map(compared), makeWords(given.words, language));
      return {
        id: mistake.id, kind: mistake.kind, count: compared.reduce((sum, [, one]) => sum + one.count, 0),
        shapes: compared.some(([, one]) => isCarried(one.wrong) && one.flags === null), said: [say("en"), say("zh")],
      };
    });
    """
    text = EXPLORER.joinpath("mistakes.json").read_text(encoding="utf-8")
    kinds = set()
    for one in run(code, {"mistakes": text, "words": _words()}):
        kinds.add(one["kind"])
        assert (one["kind"] == "numbers") <= (one["count"] > 0), one
        assert (one["kind"] == "shape") <= one["shapes"], one
        assert all(said and "mistakes." not in said and "{" not in said.replace("{}", "") for said in one["said"]), one
    assert kinds == {"numbers", "shape", "odd", "count", "error", "cache", "changed"}


@cache
def _words() -> dict[str, Any]:
    tables = [item for item in EXPLORER.joinpath("assets").iterdir() if item.name.startswith("words") and item.name.endswith(".json")]
    return {key: texts for item in tables for key, texts in json.loads(item.read_text(encoding="utf-8")).items()}


def test_every_text_of_these_views_is_there_in_both_languages() -> None:
    own = {key: texts for key, texts in _words().items() if key.partition(".")[0] in {"mistakes", "share", "snippet"}}
    assert all(set(texts) == set(LANGUAGES) and (all(texts.values()) or key == "mistakes.between") for key, texts in own.items())
    names = {case.name for function in EIGHT for case in shown_cases(function)}
    assert {f"mistakes.case.{name}" for name in names} <= set(_words())


# Where an entry comes from, found by changing one number after the other.


@pytest.mark.parametrize("function", [name for name in EIGHT if name != "distribute_value"])
def test_an_entry_comes_from_those_entries_that_change_it(function: str) -> None:
    code = """
    const { originsOf } = await load("mistakes_origin.js");
    return given.calls.map(({ arguments: args, wanted }) => wanted.map(([result, at]) => originsOf(given.function, args, result, at)));
    """
    calls = []
    for told in shipped()["functions"][function]["cases"]:
        places = []
        for name, array in told["results"].items():
            every = list(np.ndindex(*array["shape"]))
            places += [(name, list(at)) for at in every[:: max(1, len(every) // 5)]]
        calls.append({"arguments": told["arguments"], "wanted": places})
    answers = run(code, {"function": function, "calls": calls})
    checked = 0
    for call, answer in zip(calls, answers, strict=True):
        moved = _moved(function, call["arguments"], call["wanted"])
        for (name, at), origins in zip(call["wanted"], answer, strict=True):
            for argument, changing in moved[name, tuple(at)].items():
                said = {tuple(map(int, place)) for place in origins.get(argument, [])}
                inside = {place for place in said if _is_inside(place, call["arguments"][argument]["shape"])}
                assert changing <= inside, (function, name, at, argument)  # a maximum may keep its value
                padded = argument in {"W", "dZ"} and call["arguments"].get("hparameters", {}).get("pad")  # on zeros they change nothing
                if function == "zero_pad" or (function.startswith("conv") and not padded):
                    assert changing == inside, (function, name, at, argument)
                checked += len(inside)
    assert checked >= 10


def _is_inside(place: tuple[int, ...], shape: list[int]) -> bool:
    return all(0 <= index < length for index, length in zip(place, shape, strict=True))


def _moved(function: str, arguments: dict[str, Any], wanted: list[tuple[str, list[int]]]) -> Found:
    """Which entries of which arguments change an entry of a result."""
    found: Found = {(name, tuple(at)): {} for name, at in wanted}
    arrays = _arrays(arguments)
    before = _called(function, arguments, arrays)
    for argument, array in arrays.items():
        for place in np.ndindex(*array.shape):
            changed = {**arrays, argument: array.copy()}
            changed[argument][place] += 1000.0
            after = _called(function, arguments, changed)
            for name, at in found:
                if before[name][at] != after[name][at]:
                    found[name, at].setdefault(argument, set()).add(place)
    return found


def _is_array(value: Any) -> bool:
    return isinstance(value, dict) and "data" in value


def _arrays(arguments: dict[str, Any]) -> dict[str, Any]:
    arrays = {name: value for name, value in arguments.items() if _is_array(value)}
    return {name: np.array(value["data"], dtype=np.float64).reshape(value["shape"]) for name, value in arrays.items()}


def _called(function: str, arguments: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    given = [arrays.get(name, value) for name, value in arguments.items()]
    if function == "conv_backward":
        given = [given[0], tuple(given[1:])]
    elif function == "pool_backward":
        given = [given[0], tuple(given[1:3]), *given[3:]]
    returned = getattr(steps, function)(*given)
    results = returned if isinstance(returned, tuple) else (returned,)
    return {name: np.asarray(value) for name, value in zip(RESULTS[function], results, strict=False)}
