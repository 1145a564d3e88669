"""From what a function did on the probes to its grade: the score, the diagnosis, and all of it in words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from convstep.checks import told
from convstep.grading.case import Asked, Case, case_of
from convstep.grading.complaints import Complaint, explained_error
from convstep.grading.diagnosis import escapes, name_mistakes
from convstep.grading.grades import NOTHING_COMPARED, Diagnosis, Grade
from convstep.grading.locating import first_wrong, pattern_of, window_of
from convstep.grading.mistakes import Mistake
from convstep.grading.outcomes import Failure, Outcome, Sight, close
from convstep.grading.published import published
from convstep.grading.words import LANGUAGES, both, clean, joined, probe_name, say

__all__ = ["judge", "told_error", "unfinished"]

NOTHING = dict.fromkeys(LANGUAGES, "")


def judge(function: str, learner: Sequence[Sight], official: Sequence[Outcome], asked: Asked) -> Grade:
    """Return the grade of a function by what it did on the probes and on the published calls."""
    case = case_of(function, asked, learner, official)
    results = case.results()
    score = sum(one.weight for one in results if one.passed) / sum(one.weight for one in results)
    facts = {"edition": asked.edition, "passes": case.passes_published(asked.edition)}
    base = Grade(function, "right", score, {}, probes=results, published=facts, language=asked.language, seed=asked.seed)
    if all(one.passed for one in results):
        return _right(base, case)
    if case.failed() == len(case.probes):
        return _wrong(replace(base, status="error", score=0.0), case)
    return _wrong(replace(base, status="wrong"), case)


def unfinished(base: Grade) -> Grade:
    """Return the grade of a function that is not written yet."""
    words = both("unfinished", function=base.function)
    diagnosis = Diagnosis("error.not_finished", "located", words, words, NOTHING_COMPARED)
    return replace(base, status="wrong", words=words, diagnosis=(diagnosis,))


def told_error(line: str, failure: Failure, asked: Asked, language: str) -> str:
    """Return a sentence about an error, with the place in the learner's file that it came from."""
    if failure.line is None:
        return line
    return f"{line} {say('place.cell' if asked.notebook else 'place', language, line=failure.line, cell=failure.cell + 1)}"


def _right(base: Grade, case: Case) -> Grade:
    sentences = [both("right", probes=len(base.probes))] + ([both(f"right.ties_{case.ties}")] if case.ties else [])
    if base.published and not base.published["passes"]:
        counted = case.asked.edition == "v1" and case.passes_published("v2")
        sentences.append(both("right.other_number" if counted else "right.not_passed", edition=case.asked.edition))
    words = {language: joined((one[language] for one in sentences), language) for language in LANGUAGES}
    return replace(base, words=words, remarks=(f"{case.function}.ties_{case.ties}",) if case.ties else ())


def _wrong(base: Grade, case: Case) -> Grade:
    """Return the grade with its diagnosis: the named mistakes, or what was found where."""
    named = name_mistakes(case.function, case.asked.seed, case.learner)
    index = case.first()
    evidence, picture = _evidence(case, index)
    parts: list[Any] = list(named.mistakes) if named else [_located(case, index)]
    confidence = ("exact" if len(parts) == 1 else "pair") if named and named.whole else "located"
    advice = [{language: part.advice(language, case.asked.hint) for language in LANGUAGES} for part in parts]
    diagnosis = tuple(
        Diagnosis(part.id, confidence, part.title, words, evidence, escapes(part) if isinstance(part, Mistake) else ())
        for part, words in zip(parts, advice, strict=True)
    )
    telling = _Telling(base, case, diagnosis, partly=named is not None and not named.whole)
    return replace(base, words={language: telling.message(language) for language in LANGUAGES}, diagnosis=diagnosis, picture=picture)


def _evidence(case: Case, index: int) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the evidence of one probe as plain data, and the picture of its window."""
    probe, mine, right = case.probes[index], case.learner[index], case.right[index]
    evidence: dict[str, Any] = {"probe": probe.name, "arguments": clean(told(probe.arguments), 400)}
    found = first_wrong(mine.outcome, right.outcome)
    if not found:
        failure = mine.outcome.failure
        seen = f"{failure.kind}: {clean(failure.message)}" if failure else _shapes(mine.outcome)
        line = {"line": failure.line, "cell": failure.cell + 1 if case.asked.notebook else None} if failure else {}
        return evidence | {"entry": None, "got": seen, "expected": _shapes(right.outcome), "window": None, "by_hand": None, **line}, None
    window = window_of(case.function, probe.arguments, found) or {"rows": None, "columns": None, "by_hand": None}
    place = {"rows": window["rows"], "columns": window["columns"]} if window["rows"] else None
    by_hand = window["by_hand"] if case.asked.hint > 1 else None
    got: float | str = found.got if np.isfinite(found.got) else str(found.got)
    evidence |= {"entry": found.entry, "index": list(found.index), "got": got, "expected": found.want, "window": place, "by_hand": by_hand}
    if case.asked.hint == 1:  # which says nothing of where
        return evidence, None
    return evidence, {"function": case.function, "arguments": probe.arguments, "found": found, "window": place}


def _shapes(outcome: Outcome) -> str:
    return ", ".join(f"{name} {value if isinstance(value, str) else value.shape}" for name, value in outcome.results.items())


# --- where no known mistake fits ---


def _located(case: Case, index: int) -> Complaint:
    """Return what can be said of the first wrong probe: an error in words, or the pattern of the wrong entries."""
    failure = case.learner[index].outcome.failure
    if not failure:
        return _pattern(case, index)
    explained = explained_error(failure.kind, failure.message)
    if explained:
        return explained
    return Complaint("error.other", both("error_other", kind=failure.kind), NOTHING, NOTHING)


def _pattern(case: Case, index: int) -> Complaint:
    """Return what is to be seen of the wrong results, of the cache, of the arguments, or of two calls."""
    mine, right = case.learner[index], case.right[index]
    found = pattern_of(mine.outcome, right.outcome)
    if case.probes[index].again:  # the same call was right before
        key, values = "pattern.unsteady", {}
    elif found:
        key, values = found.key, found.values
    elif mine.cache is not None:
        names = ("A_prev", "W", "b", "hparameters") if case.function == "conv_forward" else ("A_prev", "hparameters")
        key, values = "pattern.cache", {"names": ", ".join(names)}
    elif mine.outcome.changed:
        key, values = "pattern.changed", {"names": ", ".join(mine.outcome.changed)}
    else:
        key, values = "pattern.unsteady", {}
    words = {}
    for language in LANGUAGES:
        pattern = say(key, language, **values | ({"axis": say(values["axis"], language)} if "axis" in values else {}))
        general = key in {"pattern.none", "pattern.parts", "pattern.unsteady"}
        words[language] = pattern if general else say("on", language, probe=probe_name(case.probes[index].name, language), pattern=pattern)
    return Complaint(f"{case.function}.{key}", words, NOTHING, NOTHING)


# --- in words ---


@dataclass(frozen=True)
class _Telling:
    """All that a learner is told about a function that is not right."""

    grade: Grade
    case: Case
    diagnosis: tuple[Diagnosis, ...]
    partly: bool

    def message(self, language: str) -> str:
        """Return it, a line for each thought."""
        lines = [self._opening(language), *(one.advice[language] for one in self.diagnosis), self._proof(language), *self._entry(language)]
        lines += [self._error_elsewhere(language), self._published(language), self._first_edition(language)]
        return "\n".join(line for line in lines if line)

    def _opening(self, language: str) -> str:
        failure = next((sight.outcome.failure for sight in self.case.learner if sight.outcome.failure), None)
        if not failure:
            results = self.grade.probes
            return say("wrong", language, wrong=sum(not one.passed for one in results), probes=len(results))
        alike = sum(sight.outcome.failure is not None and sight.outcome.failure.kind == failure.kind for sight in self.case.learner)
        counts = {"failed": alike, "rest": self.case.failed() - alike, "probes": len(self.case.probes)}
        line = say(
            "failed.others" if counts["rest"] else "failed",
            language,
            kind=failure.kind,
            message=clean(failure.message) or failure.kind,
            **counts,
        )
        return told_error(line, failure, self.case.asked, language)

    def _proof(self, language: str) -> str:
        """Say how much of what is wrong the named mistakes explain: all of it, or they would not be named."""
        if self.diagnosis[0].confidence == "located":
            return say("partly", language) if self.partly else ""
        wrong = sum(_wrong_entries(*pair) for pair in zip(self.case.learner, self.case.right, strict=True))
        if wrong:
            return say("evidence.pair" if len(self.diagnosis) > 1 else "evidence", language, entries=wrong)
        return say("evidence.error", language) if self.case.failed() else ""

    def _entry(self, language: str) -> list[str]:
        """Tell the first wrong entry, and its window where hints say where."""
        evidence = self.diagnosis[0].evidence
        if self.case.asked.hint == 1:  # what is wrong in kind, and not where
            return []
        if evidence["entry"] is None:
            located = self.diagnosis[0].confidence == "located" and self.case.asked.hint > 1
            words = {"probe": probe_name(evidence["probe"], language), "arguments": evidence["arguments"]}
            return [say("first.failure", language, **words)] if located and "line" in evidence else []
        numbers = {"got": f"{float(evidence['got']):.6g}", "want": f"{evidence['expected']:.6g}"}
        lines = [say("first", language, probe=probe_name(evidence["probe"], language), entry=evidence["entry"], **numbers)]
        if evidence["by_hand"] and evidence["window"]:
            padded = say("window.padded", language) if self.case.function == "conv_forward" else ""
            rows, columns = (f"{start}-{stop - 1}" for start, stop in (evidence["window"]["rows"], evidence["window"]["columns"]))
            lines.append(say("window", language, rows=rows, columns=columns, padded=padded, by_hand=evidence["by_hand"]))
        elif evidence["by_hand"]:
            lines.append(say("by_hand", language, by_hand=evidence["by_hand"]))
        return lines

    def _error_elsewhere(self, language: str) -> str:
        """Explain an error that some probes end in, where the diagnosis is about the numbers of others."""
        failures = [sight.outcome.failure for sight in self.case.learner if sight.outcome.failure]
        if not failures or self.diagnosis[0].confidence != "located" or self.diagnosis[0].evidence["entry"] is None:
            return ""
        explained = explained_error(failures[0].kind, failures[0].message)
        return explained.advice(language, self.case.asked.hint) if explained else ""

    def _published(self, language: str) -> str:
        """Say whether the published check sees what is wrong."""
        if self.grade.status != "wrong" or not self.grade.published:
            return ""
        edition, passes = self.grade.published["edition"], self.grade.published["passes"]
        if (
            passes
            and edition == "v1"
            and not self.case.passes_published("v2")
            and self.case.function in {"conv_single_step", "conv_forward"}
        ):
            return say("published.asked", language)
        return say("published.passes" if passes else "published.fails", language, edition=edition)

    def _first_edition(self, language: str) -> str:
        """Recognise the number that the first edition printed for a single step."""
        if self.case.function != "conv_single_step" or not self.case.passes_published("v1"):
            return ""
        a, W, b = next(one.arguments for one in published("conv_single_step") if one.edition == "v1")
        total = float(np.sum(a * W))
        return say("published.v1", language, got=total + b.item() * W.size, cells=W.size, want=total + b.item())


def _wrong_entries(mine: Sight, right: Sight) -> int:
    """Count the entries of results that are wrong; all of them where the shape is."""
    count = 0
    for name, want in right.outcome.results.items():
        got = mine.outcome.results.get(name)
        if isinstance(got, np.ndarray) and isinstance(want, np.ndarray):
            count += int(np.sum(~close(got, want))) if got.shape == want.shape else got.size
    return count
