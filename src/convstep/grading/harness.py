"""What runs in the learner's own process, behind `observing` and `finding`: it is told calls and answers with what they did.

One rule: it knows no right answer and gives no verdict. The three are sent as one text, without their imports of each other.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from convstep.grading.finding import NotFoundError, load
from convstep.grading.observing import EIGHT, observe, packed_outcome, unpack

__all__ = ["main"]


def main(request: bytes, send: Callable[[bytes], None]) -> None:
    """Load the function and answer the calls of the request one after the other."""
    asked = json.loads(request)
    dumps, encode = json.dumps, str.encode

    def answer(data: Mapping[str, Any]) -> None:
        send(encode(dumps(data), "utf-8"))

    others: dict[str, Any] = {"np": np}
    exec(asked["others"], others)  # noqa: S102 - the other seven, ours
    try:
        function = load(
            asked["cells"], asked["definition"], {word: others[word] for word in EIGHT if word in others and word != asked["definition"]}
        )
    except NotFoundError as error:
        answer({"problem": error.problem})
        return
    answer({"found": True})
    for number, call in enumerate(asked["calls"]):
        outcome = observe(asked["name"], function, unpack(call["arguments"]), seed=call["seed"])
        answer({"call": number, "outcome": packed_outcome(outcome)})
    answer({"end": True})
