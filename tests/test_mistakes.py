"""The catalogue of mistakes: each is named where it is planted, no two look alike, and no hint gives the answer away.

All plantings and 500 pairs are counted by `benchmarks/grader_naming.py`; here is a third of the plantings and a sample of the pairs.
"""

import inspect
import random
import re
from functools import cache
from pathlib import Path

import pytest
from tests.plantings import STYLES, Bench, alike, compiled, drawn_pair, plantings, style_text

from convstep.grading import solution
from convstep.grading.mistakes import Mistake, catalogue, patched, source_of
from convstep.grading.observing import ARGUMENTS, EIGHT
from convstep.grading.outcomes import Sight, same_sight
from convstep.grading.words import LANGUAGES
from convstep.steps.tracing import FUNCTIONS
from convstep.testing import assert_engine

PAIRS = 6  # for each function

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore::SyntaxWarning")]  # some mistakes are such

every_function = pytest.mark.parametrize("function", EIGHT)


@cache
def bench(function: str) -> Bench:
    return Bench(function)


@cache
def planted(function: str) -> dict[tuple[str, int], list[Sight]]:
    return {
        (mistake.id, number): bench(function).sights(made)
        for mistake in catalogue(function)
        for number, made in enumerate(patched(mistake))
    }


def test_the_solution_that_is_patched_is_right() -> None:
    assert_engine(solution, count=60, seed=11)


def test_there_are_more_than_sixty_mistakes_of_our_own() -> None:
    mistakes = [mistake for function in EIGHT for mistake in catalogue(function)]
    assert len({mistake.id for mistake in mistakes}) == len(mistakes)
    assert sum(not mistake.source for mistake in mistakes) >= 60


@pytest.mark.parametrize("document", ["README.md", "CHANGELOG.md", "docs/grader.md"])
def test_documents_tell_how_many_there_are(document: str) -> None:
    text = (Path(__file__).parents[1] / document).read_text(encoding="utf-8")
    assert f"{sum(len(catalogue(function)) for function in EIGHT)}" in text


@every_function
def test_every_patch_fits_the_solution(function: str) -> None:
    for mistake in catalogue(function):
        assert len(patched(mistake)) == len(mistake.patches), mistake.id


@every_function
def test_every_mistake_does_something_wrong_on_a_probe_and_is_named(function: str) -> None:
    for (name, number), sights in planted(function).items():
        named = bench(function).named(sights)
        if named is None and name == "conv_single_step.float_of_array":  # a mistake from NumPy 2.4 on
            continue
        assert named is not None, (name, number)
        assert [one.id for one in named.mistakes] == [name], number
        assert named.whole


@every_function
def test_no_two_mistakes_look_alike(function: str) -> None:
    seen = list(planted(function).items())
    for index, ((name, _), sights) in enumerate(seen):
        for (other, _), theirs in seen[:index]:
            assert name == other or not alike(sights, theirs), (name, other)


@every_function
@pytest.mark.parametrize("style", STYLES)
def test_the_other_styles_are_right(function: str, style: str) -> None:
    assert not bench(function).differs(bench(function).sights(compiled(function, style_text(function, style))))


@every_function
def test_a_mistake_is_named_in_another_style(function: str) -> None:
    wrong = []
    for number, planting in enumerate(plantings(function)):
        if planting.reason or number % 3 != number // 3 % 3:
            continue
        sights = bench(function).sights(compiled(function, planting.text))
        named = bench(function).named(sights)
        if bench(function).differs(sights) and (named is None or [one.id for one in named.mistakes] != [planting.mistake]):
            wrong.append((planting.mistake, planting.style))
    assert not wrong


@every_function
def test_two_mistakes_together_are_named(function: str) -> None:
    draw = random.Random(7)  # noqa: S311 - a sample, no secret
    named = 0
    for _ in range(PAIRS):
        pair, sights = drawn_pair(bench(function), draw)
        found = bench(function).named(sights)
        named += found is not None and bool({one.id for one in found.mistakes} & {one.id for one in pair})
    assert named >= PAIRS - 2


def test_a_random_start_is_named_although_its_numbers_are_never_the_same() -> None:
    (mistake,) = (one for one in catalogue("conv_backward") if one.source == "B2")
    (made, *_) = patched(mistake)
    learner = Bench("conv_backward", seed=5).sights(made)
    found = Bench("conv_backward", seed=5).named(learner)
    assert found is not None
    assert found.mistakes == (mistake,)


# --- hints ---


def hints() -> list[tuple[Mistake, str, int]]:
    return [
        (mistake, language, level) for function in EIGHT for mistake in catalogue(function) for language in LANGUAGES for level in (1, 2, 3)
    ]


def test_every_hint_is_there_in_both_languages_and_longer_from_level_to_level() -> None:
    for mistake, language, _ in hints():
        first, second, third = (mistake.advice(language, level) for level in (1, 2, 3))
        assert len(first) < len(second) < len(third), mistake.id
        assert bool(re.search(r"[\u4e00-\u9fff]", first)) == (language == "zh"), mistake.id


def test_no_hint_is_a_line_of_the_solution() -> None:
    for function in EIGHT:
        code = [line.split("#")[0].strip() for line in source_of(function).splitlines()[1:]]
        lines = {re.sub(r"\s", "", line) for line in code if "=" in line or "(" in line}
        sides = {re.sub(r"\s", "", line.partition("=")[2]) for line in code if "=" in line and len(line.partition("=")[2].split()) > 2}
        for mistake in catalogue(function):
            for language in LANGUAGES:
                told = re.sub(r"\s", "", mistake.advice(language, 3))
                given = [line for line in lines | sides if len(line) > 8 and line in told]
                assert not given, (mistake.id, language)


def test_a_planted_bug_in_the_matching_would_be_seen() -> None:
    sights = planted("zero_pad")
    (name, _), first = next(iter(sights.items()))
    others = [theirs for (other, _), theirs in sights.items() if other != name]
    assert not any(all(same_sight(one, two) for one, two in zip(first, theirs, strict=True)) for theirs in others)


def test_the_harness_knows_the_eight_functions_and_their_arguments() -> None:
    assert EIGHT == FUNCTIONS
    for function in EIGHT:
        assert ARGUMENTS[function] == tuple(inspect.signature(getattr(solution, function)).parameters)
