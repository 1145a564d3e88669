"""A learner's file, judged: each function in a process of its own, with the other seven given.

One rule: a child is told calls and answers with arrays; right answers never leave this process.
"""

import json
import secrets
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from convstep.grading.case import Asked
from convstep.grading.complaints import explained_error, explained_syntax
from convstep.grading.diagnosis import right_sights, sight_of
from convstep.grading.given import given_source
from convstep.grading.grades import NOTHING_COMPARED, Diagnosis, FileReport, Grade
from convstep.grading.judging import judge, told_error, unfinished
from convstep.grading.observing import EIGHT, pack
from convstep.grading.outcomes import Failure, outcome_of
from convstep.grading.probes import Probe
from convstep.grading.published import edition_of, published
from convstep.grading.reading import Submission, UnreadableError, read_submission
from convstep.grading.sandbox import Ended, Limits, promises, run
from convstep.grading.texts import text_of
from convstep.grading.words import LANGUAGES, both, clean, spoken_language

__all__ = ["Plan", "check_file", "new_seed"]


@dataclass(frozen=True)
class Plan:
    """How files are judged.

    `functions` maps names of the eight to the names under which a file defines them; `edition` is None where the file should tell;
    `workers` functions are judged at a time.
    """

    seed: int
    functions: Mapping[str, str]
    edition: str | None = None
    hint: int = 2
    language: str = "en"
    limits: Limits = field(default_factory=Limits)
    workers: int = 2


def new_seed() -> int:
    """Draw a seed that nobody could have known."""
    return secrets.randbelow(10**6)


def check_file(path: str | Path, plan: Plan) -> FileReport:
    """Judge a .py file or a notebook; whatever is wrong with it is in the report.

    Parameters
    ----------
    path : str or Path
    plan : Plan
    """
    told = tuple(vars(one) for one in promises())
    base = FileReport(clean(str(path), 300), plan.seed, (), plan.language, plan.edition or "2021", promises=told)
    try:
        submission = read_submission(path)
    except UnreadableError as problem:
        grades = tuple(Grade(name, "error", 0.0, problem.words, language=plan.language, seed=plan.seed) for name in EIGHT)
        return replace(base, grades=grades, problem=problem.words)
    recognised = None if plan.edition else edition_of(submission.text)
    asked = Asked(plan.seed, plan.edition or (recognised[0] if recognised else "2021"), plan.hint, plan.language, submission.notebook)

    stop = threading.Event()
    with ThreadPoolExecutor(plan.workers) as pool:
        try:
            grades = tuple(pool.map(lambda name: _grade(submission, name, (plan, asked, stop)), EIGHT))
        finally:
            stop.set()  # after Ctrl-C: what still runs ends at once
    return replace(base, grades=grades, edition=asked.edition, recognised_by=recognised[1] if recognised else None)


def _grade(submission: Submission, name: str, way: tuple[Plan, Asked, threading.Event]) -> Grade:
    """Judge one function of a file."""
    plan, asked, stop = way
    definition = plan.functions.get(name, name)
    calls, _ = right_sights(name, asked.seed)
    official = published(name)
    told = [(probe.arguments, probe.seed) for probe in calls] + [(one.arguments, 0) for one in official]
    asked_of_child = {
        "name": name,
        "definition": definition,
        "cells": list(submission.cells),
        "others": given_source(name),
        "calls": [{"arguments": pack(arguments), "seed": seed} for arguments, seed in told],
    }
    ended = run(_program(), json.dumps(asked_of_child).encode(), plan.limits, stop=stop)
    base = Grade(name, "error", 0.0, {}, language=asked.language, seed=asked.seed)
    try:
        return _judged(base, ended, calls, (definition, plan, asked))
    except Exception:  # noqa: BLE001 - whatever a stranger sent, the other seven are judged
        return replace(base, words=both("unwell"))


def _judged(base: Grade, ended: Ended, calls: Sequence[Probe], way: tuple[str, Plan, Asked]) -> Grade:
    """Judge what came back from a function's process."""
    definition, plan, asked = way
    answers = [json.loads(message) for message in ended.messages]
    if answers and "problem" in answers[0]:
        return _unloaded(base, answers[0]["problem"], definition, asked)
    told = _outcomes(answers, len(calls) + len(published(base.function))) if ended.reason == "finished" else None
    if told is None:
        return _stopped(base, ended, plan.limits)
    outcomes = [outcome_of(base.function, one) for one in told]
    sights = [sight_of(base.function, probe, outcome) for probe, outcome in zip(calls, outcomes, strict=False)]
    return judge(base.function, sights, outcomes[len(calls) :], asked)


@cache
def _program() -> str:
    """Return the text that runs in the learner's process: three modules as one, without their imports of each other."""
    texts = [text_of(f"{name}.py") for name in ("observing", "finding", "harness")]
    lines = [line for text in texts for line in text.splitlines() if not line.startswith("from convstep.")]
    return "\n".join([*lines, "main(receive(), send)"])


def _outcomes(answers: Sequence[Any], count: int) -> list[Any] | None:
    """Return what each call did, or None where the answers are not all there, in order, between their begin and their end."""
    if len(answers) != count + 2 or answers[0] != {"found": True} or answers[-1] != {"end": True}:
        return None
    if [answer["call"] for answer in answers[1:-1]] != list(range(count)):
        return None
    return [answer["outcome"] for answer in answers[1:-1]]


def _unloaded(base: Grade, problem: Mapping[str, Any], definition: str, asked: Asked) -> Grade:
    """Grade a function that could not be found or does not compile."""
    kind = str(problem.get("kind"))
    if kind == "missing":
        key = "missing" if definition == base.function else "missing.mapped"
        return replace(base, status="missing", words=both(key, function=base.function, definition=clean(definition, 80)))
    if kind == "unfinished":
        return unfinished(base)
    if kind == "not a function":
        return replace(base, words=both("not_a_function", definition=clean(definition, 80), what=clean(str(problem.get("what")), 80)))
    failure = Failure.of({**problem, "kind": problem.get("error")})
    got = clean(f"{failure.kind}: {failure.message}")
    complaint = explained_error(failure.kind, failure.message)
    if kind == "syntax":
        complaint = explained_syntax(failure.kind, failure.message, str(problem.get("text")))
    advice = {language: complaint.advice(language, max(asked.hint, 2)) if complaint is not None else "" for language in LANGUAGES}
    words = {language: "\n".join(filter(None, [told_error(got, failure, asked, language), advice[language]])) for language in LANGUAGES}
    if complaint is None:
        return replace(base, words=words)
    place = {"line": failure.line, "cell": failure.cell + 1 if asked.notebook else None}
    evidence = {**NOTHING_COMPARED, "got": got, **place, "code": clean(str(problem.get("text", "")), 120) or None}
    return replace(base, words=words, diagnosis=(Diagnosis(complaint.id, "exact", complaint.title, advice, evidence),))


def _stopped(base: Grade, ended: Ended, limits: Limits) -> Grade:
    """Grade a function whose process did not come to its end."""
    if ended.reason == "timeout":
        return replace(base, status="timeout", words=both("timeout", seconds=limits.seconds))
    if ended.reason == "memory":
        return replace(base, words=both("memory", megabytes=limits.memory // 2**20))
    if ended.reason in {"garbled", "messages", "finished"}:
        return replace(base, words=both("channel"))
    return replace(base, words=both("ended", detail=clean(ended.detail, 80)))


def default_plan(**chosen: Any) -> Plan:
    """Return a plan with a new seed and the language of the locale, but for what is chosen."""
    return Plan(**{"seed": new_seed(), "functions": {}, "language": spoken_language(), **chosen})
