"""What the public editions of the assignment check: their inputs, and what of the results their cells and tests look at.

One rule: what is right is computed, not remembered; the numbers that stand here only tell one edition from another.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from convstep.checks import Array
from convstep.grading import solution
from convstep.grading.observing import RESULTS
from convstep.grading.outcomes import Outcome

__all__ = ["EDITIONS", "Published", "edition_of", "passes", "published", "right_answers"]

EDITIONS = ("v1", "v2", "v2a", "2021")

# what only this edition imports, draws or prints, without blanks
_MARKS: dict[str, tuple[str, ...]] = {
    "2021": (
        "public_tests",
        "0.5511276474566768",
        "-2.17796037",
        "8.07171329",
        "-3.5443670581382474",
        "-0.5384027772160062",
        "randn(2,5,7,4)",
    ),
    "v1": ("-23.16", "-23.1602122025", "0.155859324889", "9.60899067587", "10.5817412755", "76.3710691956"),
    "v2a": ("0.692360880758", "-1.28912231", "2.27650251", "6.61941931", "randn(10,5,7,4)"),
    "v2": ("0.0489952035289", "-0.61490741", "-6.7439236"),
}


@dataclass(frozen=True)
class Published:
    """One call that an edition makes, and what it looks at; v1 counted the bias once for each cell of a window."""

    edition: str
    arguments: tuple[Any, ...]
    view: Callable[[dict[str, Any]], Any]
    bias_times: int = 1


def edition_of(text: str, digits: int = 6) -> tuple[str, str] | None:
    """Return the edition that a text or a number of so many digits comes from, and by which mark it was recognised."""
    plain = text.replace(" ", "")
    for edition, marks in _MARKS.items():
        for mark in marks:
            if re.search(rf"(?<![\d.]){re.escape(mark)}(?!\d)", plain):
                return edition, mark
    for number in re.findall(r"(?<![\d.])-?\d{1,20}\.\d{2,20}(?![\d.])", plain)[:2000]:
        for edition, marks in _MARKS.items():
            if any(_printed(number, mark, digits) for mark in marks if mark[-1].isdigit()):
                return edition, number
    return None


def _printed(number: str, mark: str, least: int) -> bool:
    """Say whether a number is this one, printed with fewer decimals."""
    decimals = len(number.partition(".")[2])
    digits = len(number.replace("-", "").replace(".", "").lstrip("0"))
    return digits >= least and len(mark) >= len(number) and f"{float(mark):.{decimals}f}" == number


@cache
def published(function: str) -> tuple[Published, ...]:
    """Return the calls that the editions make of a function."""
    return _CASES[function]()


@cache
def right_answers(function: str) -> tuple[Any, ...]:
    """Return what each published call is compared with."""
    return tuple(case.view(_results(function, case)) for case in published(function))


def passes(function: str, edition: str, outcomes: Sequence[Outcome]) -> bool:
    """Say whether a function that did this on the published calls passes what the edition checks."""
    pairs = zip(published(function), right_answers(function), outcomes, strict=True)
    return all(_fits(case, want, outcome) for case, want, outcome in pairs if case.edition == edition)


def _fits(case: Published, want: Any, outcome: Outcome) -> bool:
    if outcome.failure or any(isinstance(value, np.ndarray) and not value.size for value in outcome.results.values()):
        return False
    try:
        got = case.view({**outcome.results, "cache": outcome.cache})
        return bool(np.shape(got) == np.shape(want) and np.allclose(got, want, rtol=1e-5, atol=1e-8))
    except Exception:  # noqa: BLE001 - a result of another shape, or none: the published check would raise too
        return False


def _results(function: str, case: Published) -> dict[str, Any]:
    arguments = list(case.arguments)
    if case.bias_times != 1:
        arguments[2] = arguments[2] * case.bias_times
    returned = getattr(solution, function)(*arguments)
    names = RESULTS[function]
    parts = returned if function.endswith("forward") or len(names) > 1 else (returned,)
    return dict(zip([*names, "cache"], parts, strict=False))


def _normal(seed: int, *shapes: tuple[int, ...]) -> list[Array]:
    """Return what randn draws after np.random.seed(seed), one array after the other."""
    state = np.random.RandomState(seed)
    return [state.randn(*shape) for shape in shapes]


def _zero_pad() -> tuple[Published, ...]:
    (x,) = _normal(1, (4, 3, 3, 2))
    (larger,) = _normal(1, (5, 4, 4, 3))
    cases = [Published(edition, (x, 2), lambda r: [*r["X_pad"].shape, *r["X_pad"][1, 1].ravel()]) for edition in ("v1", "v2", "v2a")]
    for images, pad in ((x, 3), (larger, 2)):
        end = pad + images.shape[1]

        def view(r: dict[str, Any], pad: int = pad, end: int = end) -> Any:
            padded = r["X_pad"]
            seen = [padded[0, 0:2, :, 0], padded[0, :, end : end + 2, 1], padded[:, pad:end, pad:end, :]]
            return np.concatenate([padded.shape, *(part.ravel() for part in seen)])

        cases.append(Published("2021", (images, pad), view))
    return tuple(cases)


def _conv_single_step() -> tuple[Published, ...]:
    first = tuple(_normal(1, (4, 4, 3), (4, 4, 3), (1, 1, 1)))
    second = tuple(_normal(3, (5, 5, 3), (5, 5, 3), (1, 1, 1)))
    return (
        Published("v1", first, lambda r: r["Z"].reshape(()), bias_times=48),
        Published("v2", first, lambda r: r["Z"].reshape(())),
        Published("v2a", first, lambda r: r["Z"].reshape(())),
        Published("2021", first, lambda r: r["Z"]),
        Published("2021", second, lambda r: r["Z"]),
    )


def _conv_forward() -> tuple[Published, ...]:
    square = _normal(1, (10, 4, 4, 3), (2, 2, 3, 8), (1, 1, 1, 8))
    large = _normal(1, (10, 5, 7, 4), (3, 3, 4, 8), (1, 1, 1, 8))
    small = _normal(1, (2, 5, 7, 4), (3, 3, 4, 8), (1, 1, 1, 8))
    state = np.random.RandomState(3)
    A_prev, W, b = (state.randn(*shape) for shape in ((2, 5, 7, 4), (3, 3, 4, 8), (1, 1, 1, 8)))
    W_wide, b_wide = state.randn(5, 5, 4, 8), state.randn(1, 1, 1, 8)

    def row(index: int) -> Callable[[dict[str, Any]], Any]:
        return lambda r: [r["Z"].mean(), *r["Z"][index, 2, 1], *r["cache"][0][1][2][3]]

    return (
        Published("v1", (*square, {"pad": 2, "stride": 1}), lambda r: [r["Z"].mean(), *r["cache"][0][1][2][3]], bias_times=12),
        Published("v2", (*square, {"pad": 2, "stride": 2}), row(3)),
        Published("v2a", (*large, {"pad": 1, "stride": 2}), row(3)),
        Published("2021", (*small, {"pad": 1, "stride": 2}), row(0)),
        Published("2021", (A_prev, W, b, {"pad": 3, "stride": 1}), lambda r: r["Z"].shape),
        Published("2021", (A_prev, W, b, {"pad": 0, "stride": 2}), lambda r: r["Z"].shape),
        Published(
            "2021",
            (A_prev, W_wide, b_wide, {"pad": 6, "stride": 1}),
            lambda r: [*r["Z"].shape, r["Z"].mean(), *r["cache"][0][1, 2].ravel()],
        ),
    )


def _pool_forward() -> tuple[Published, ...]:
    (square,) = _normal(1, (2, 4, 4, 3))
    (A_prev,) = _normal(1, (2, 5, 5, 3))
    state = np.random.RandomState(0)
    cases = []
    for mode in ("max", "average"):
        whole = [("v1", square, 4, 1), ("v2", square, 3, 2), ("v2a", A_prev, 3, 1), ("v2a", A_prev, 3, 2)]
        cases += [Published(edition, (images, {"f": f, "stride": stride}, mode), lambda r: r["A"]) for edition, images, f, stride in whole]

        def row(r: dict[str, Any]) -> Any:
            return np.concatenate([r["A"].shape, r["A"][1, 1].ravel(), r["cache"][0][1, 2].ravel()])

        def part(r: dict[str, Any], index: int = 0 if mode == "max" else 1) -> Any:
            return np.concatenate([r["A"].shape, r["A"][index].ravel()])

        cases.append(Published("2021", (A_prev, {"f": 2, "stride": 1}, mode), row))
        cases.append(Published("2021", (A_prev, {"f": 3, "stride": 2}, mode), part))
    cases.append(Published("2021", (state.randn(2, 5, 7, 3), {"f": 2, "stride": 2}, "average"), lambda r: r["A"].shape))
    cases.append(Published("2021", (state.randn(4, 5, 7, 4), {"f": 5, "stride": 1}, "max"), lambda r: r["A"].shape))
    return tuple(cases)


def _conv_backward() -> tuple[Published, ...]:
    A_prev, W, b = _normal(1, (10, 4, 4, 3), (2, 2, 3, 8), (1, 1, 1, 8))
    cases = []
    for edition, stride, times in (("v1", 1, 12), ("v2", 2, 1), ("v2a", 2, 1), ("2021", 2, 1)):
        Z, _ = solution.conv_forward(A_prev, W, b * times, {"pad": 2, "stride": stride})
        cache = (A_prev, W, b, {"pad": 2, "stride": stride})
        cases.append(Published(edition, (Z, cache), lambda r: [r["dA_prev"].mean(), r["dW"].mean(), r["db"].mean()]))
    cases[-1] = Published(
        "2021",
        cases[-1].arguments,
        lambda r: [*(part.mean() for part in (r["dA_prev"], r["dW"], r["db"])), *r["dA_prev"].shape, *r["dW"].shape, *r["db"].shape],
    )
    return tuple(cases)


def _create_mask_from_window() -> tuple[Published, ...]:
    (x,) = _normal(1, (2, 3))
    fixed = np.array([[-1, 2, 3], [2, -3, 2], [1, 5, -2]])
    return (
        *(Published(edition, (x,), lambda r: r["mask"]) for edition in EDITIONS),
        Published("2021", (fixed,), lambda r: r["mask"]),
    )


def _distribute_value() -> tuple[Published, ...]:
    return (
        *(Published(edition, (2, (2, 2)), lambda r: r["a"]) for edition in ("v1", "v2", "v2a")),
        Published("2021", (2, (2, 2)), lambda r: [*r["a"].shape, r["a"].sum()]),
        Published("2021", (100, (10, 10)), lambda r: [*r["a"].shape, r["a"].sum()]),
    )


def _pool_backward() -> tuple[Published, ...]:
    state = np.random.RandomState(1)
    A_prev = state.randn(5, 5, 3, 2)
    cache = (A_prev, {"stride": 1, "f": 2})
    dA = state.randn(5, 4, 2, 2)
    modes = ("max", "average")
    return tuple(
        Published(edition, (dA, cache, mode), lambda r: [*r["dA_prev"].shape, *r["dA_prev"][1, 1].ravel()])
        for edition in EDITIONS
        for mode in modes
    )


_CASES: dict[str, Callable[[], tuple[Published, ...]]] = {
    "zero_pad": _zero_pad,
    "conv_single_step": _conv_single_step,
    "conv_forward": _conv_forward,
    "pool_forward": _pool_forward,
    "conv_backward": _conv_backward,
    "create_mask_from_window": _create_mask_from_window,
    "distribute_value": _distribute_value,
    "pool_backward": _pool_backward,
}
