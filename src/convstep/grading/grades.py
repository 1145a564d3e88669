"""What the grader says of a function and of a file, as plain data. One rule: all of it is there in both languages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convstep.grading.words import LANGUAGES, say

__all__ = ["NOTHING_COMPARED", "Diagnosis", "FileReport", "Grade", "ProbeResult"]

Words = Mapping[str, str]

# what evidence says where nothing was compared
NOTHING_COMPARED: Mapping[str, Any] = {"probe": None, "entry": None, "got": None, "expected": None, "window": None}


@dataclass(frozen=True)
class Diagnosis:
    """One thing that is wrong.

    `confidence` is "exact" where it reproduces every probe, "pair" where two mistakes do so together, else "located". `advice` goes as far
    as the level of the hint; `evidence` has the probe, the first wrong entry, what was got and expected, and its window. `escapes` are the
    editions whose published checks a known mistake passes.
    """

    id: str
    confidence: str
    title: Words
    advice: Words
    evidence: Mapping[str, Any]
    escapes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "id": self.id,
            "confidence": self.confidence,
            "title": dict(self.title),
            "advice": dict(self.advice),
            "evidence": dict(self.evidence),
            "escapes": list(self.escapes),
        }


@dataclass(frozen=True)
class ProbeResult:
    """One probe, its share of the points, and whether the function was right on it."""

    name: str
    weight: int
    passed: bool


@dataclass(frozen=True)
class Grade:
    """The verdict on one function.

    Attributes
    ----------
    function : str
        Which of the eight.
    status : "right", "wrong", "error", "missing" or "timeout"
    score : float
        From 0 to 1: the weights of the probes that it passes over all weights.
    diagnosis : tuple of Diagnosis
        Empty where it is right.
    words : {"en": str, "zh": str}
        The message in both languages.
    remarks : tuple of str
        Stable names of what is worth knowing of a right function: which documented tie rule it follows.
    probes : tuple of ProbeResult
    published : {"edition": str, "passes": bool} or None
        Whether it passes what the edition's own cells and tests check.
    picture : dict or None
        The first wrong window as plain data, for `html`.
    """

    function: str
    status: str
    score: float
    words: Words
    diagnosis: tuple[Diagnosis, ...] = ()
    remarks: tuple[str, ...] = ()
    probes: tuple[ProbeResult, ...] = ()
    published: Mapping[str, Any] | None = None
    picture: Mapping[str, Any] | None = field(default=None, repr=False)
    language: str = "en"
    seed: int | None = None

    @property
    def message(self) -> str:
        """The message in the language that was asked for."""
        return self.words[self.language]

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "status": self.status,
            "score": round(self.score, 6),
            "diagnosis": [one.as_json() for one in self.diagnosis],
            "message": self.message,
            "messages": dict(self.words),
            "remarks": list(self.remarks),
            "published": dict(self.published) if self.published else None,
            "probes": [{"name": one.name, "weight": one.weight, "passed": one.passed} for one in self.probes],
        }

    def __str__(self) -> str:
        status = say(f"screen.status.{self.status}", self.language)
        return f"{self.function}: {status}, {100 * self.score:.0f} %\n{self.message}"

    def _repr_html_(self) -> str:
        from convstep.grading.html import grade_html  # noqa: PLC0415 - html draws grades

        return grade_html(self)


@dataclass(frozen=True)
class FileReport:
    """The verdict on a file: a grade for each of the eight functions."""

    file: str
    seed: int
    grades: tuple[Grade, ...]
    language: str = "en"
    edition: str = "2021"
    recognised_by: str | None = None
    problem: Words | None = None
    promises: tuple[Mapping[str, Any], ...] = ()

    @property
    def right(self) -> bool:
        """Whether all functions are right."""
        return all(grade.status == "right" for grade in self.grades)

    @property
    def score(self) -> float:
        """The mean of the scores, from 0 to 1."""
        return sum(grade.score for grade in self.grades) / len(self.grades)

    def summary(self, language: str) -> str:
        """Return one sentence about the whole file."""
        if self.problem:
            return self.problem[language]
        right = sum(grade.status == "right" for grade in self.grades)
        return say("summary", language, right=right, all=len(self.grades), points=100 * self.score)

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "file": self.file,
            "functions": {grade.function: grade.as_json() for grade in self.grades},
            "summary": {
                "right": sum(grade.status == "right" for grade in self.grades),
                "of": len(self.grades),
                "score": round(self.score, 6),
                "text": self.summary(self.language),
                "texts": {language: self.summary(language) for language in LANGUAGES},
            },
            "edition": {"name": self.edition, "recognised_by": self.recognised_by},
            "language": self.language,
            "seed": self.seed,
            "promises": [dict(one) for one in self.promises],
        }
