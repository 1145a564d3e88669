"""Errors of Python and NumPy in words. One rule: what an error means is data, in `complaints.toml`, the first rule that fits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from convstep.grading.texts import table_of
from convstep.grading.words import LANGUAGES, clean, joined

__all__ = ["Complaint", "explained_error", "explained_syntax", "title_of_error"]


@dataclass(frozen=True)
class Complaint:
    """What an error means: a stable id, and a title, a place and an idea in both languages."""

    id: str
    title: Mapping[str, str]
    where: Mapping[str, str]
    idea: Mapping[str, str]

    def advice(self, language: str, level: int) -> str:
        """Return the hint of a level, 1 to 3, in a language."""
        return joined((words[language] for words in (self.title, self.where, self.idea)[:level]), language)


@cache
def _rules(kind: str) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = table_of("complaints.toml")[kind]
    return rules


def explained_error(kind: str, message: str) -> Complaint | None:
    """Return what an exception means, if a rule knows it."""
    for rule in _rules("rule"):
        match = re.fullmatch(rule["message"], message, flags=re.DOTALL)
        if match and re.fullmatch(rule["kind"], kind):
            return _complaint(rule, {str(number): clean(text or "", 40) for number, text in enumerate(match.groups(), 1)})
    return None


def explained_syntax(error: str, message: str, text: str) -> Complaint:
    """Return what a syntax error means."""
    for rule in _rules("syntax"):
        fits = re.fullmatch(rule["message"], message, flags=re.DOTALL) and re.fullmatch(rule.get("text", ".*"), text, flags=re.DOTALL)
        if fits and rule.get("error", error) == error:
            return _complaint(rule, {"message": clean(message, 80)})
    raise AssertionError("the last rule fits everything")  # pragma: no cover


def _complaint(rule: Mapping[str, Any], values: Mapping[str, str]) -> Complaint:
    def filled(part: str) -> dict[str, str]:
        return {
            language: re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[0]), rule[part][language]) for language in LANGUAGES
        }

    return Complaint(rule["id"], filled("title"), filled("where"), filled("idea"))


def title_of_error(name: str, language: str) -> str:
    """Return the title of a rule by its id, without what an error filled in; "" where there is no such rule."""
    rule = next((one for one in (*_rules("rule"), *_rules("syntax")) if one["id"] == name), None)
    return re.sub(r"\{\w+\}", "…", rule["title"][language]) if rule else ""
