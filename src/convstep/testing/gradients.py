"""Gradients held against the slope that the forward pass itself shows."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from convstep.checks import Array, numbers, refusal, shown
from convstep.errors import ArgumentTypeError

LINEAR_STEP = 2.0**-20  # of large values: any step is exact that changes them
CURVED_STEP = float(np.finfo(np.float64).eps) ** (1 / 3)  # balances rounding against curvature: Press et al., Numerical Recipes, 5.7


@dataclass(frozen=True)
class GradientCheck:
    """How far the gradients are from the slope, and where they are furthest.

    Attributes
    ----------
    error : float
        The largest of ``abs(gradient - slope) / max(1, abs(gradient), abs(slope))``; infinite where one of them is not a number.
    argument : str
        The argument whose gradient holds the worst entry.
    index : tuple of int
        The worst entry.
    gradient, slope : float
        What the backward pass says there, and what the forward pass shows.
    """

    error: float
    argument: str
    index: tuple[int, ...]
    gradient: float
    slope: float

    def __str__(self) -> str:
        place = f"d{self.argument}[{', '.join(map(str, self.index))}]"
        return f"error {self.error:.1e}: furthest off is {place}, gradient {self.gradient!r}, slope {self.slope!r}"


def gradient_check(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    arguments: Mapping[str, ArrayLike],
    *,
    linear: bool = False,
    seed: int = 0,
) -> GradientCheck:
    """Compare gradients with central differences of the forward pass, entry by entry, in float64.

    Parameters
    ----------
    forward : callable
        `forward(*arguments) -> (output, cache)`.
    backward : callable
        `backward(d_output, cache) -> gradients`, one for each argument, in the same order; of one argument, the gradient itself will do.
    arguments : mapping of names to arrays
        Where to look. Every entry of every array is moved once up and once down.
    linear : bool
        Whether the operation is linear in each single argument, as convolution and average pooling are. A difference of any width then
        is the exact slope, so it is taken with the step 1 (more where values exceed 2**20), and nothing but rounding is left of the
        error: 1e-11 and less.
    seed : int
        Draws d_output, so that every entry of the output counts with another weight.

    Returns
    -------
    GradientCheck
        Its `error` is about 1e-9 for a right gradient of a smooth operation that is not linear.

    Raises
    ------
    ShapeError
        If no argument has an entry, there are not as many gradients as arguments, or one has another shape than its argument.
    ArgumentTypeError
        If an argument or a gradient does not hold real numbers, or forward does not return a pair.

    Notes
    -----
    At a kink, such as the tie of two maxima, there is no slope: look elsewhere.
    """
    op = "gradient_check"
    if not isinstance(arguments, Mapping):
        raise refusal(op, "arguments must be a mapping of names to arrays", {"arguments": arguments}, kind=ArgumentTypeError)
    at = {name: numbers(op, name, value).astype(np.float64) for name, value in arguments.items()}
    if not any(values.size for values in at.values()):
        raise refusal(op, "there is no entry to move", {"arguments": tuple(at)})
    returned = forward(*at.values())
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise refusal(op, f"forward must return (output, cache), not {shown(returned)}", {"arguments": tuple(at)}, kind=ArgumentTypeError)
    output, cache = returned
    d_output = np.random.default_rng(seed).standard_normal(np.shape(output))
    worst = GradientCheck(-1.0, "", (), 0.0, 0.0)
    for (name, values), gradient in zip(at.items(), _gradients(backward(d_output, cache), at), strict=True):
        for index in np.ndindex(values.shape):
            size = max(1.0, abs(float(values[index])))
            step = max(1.0, size * LINEAR_STEP) if linear else size * CURVED_STEP
            slope = _slope(lambda: np.array(forward(*at.values())[0]), d_output, values, index, step)
            here = float(gradient[index])
            error = abs(here - slope) / max(1.0, abs(here), abs(slope))
            if error > worst.error or math.isnan(error):
                worst = GradientCheck(math.inf if math.isnan(error) else error, name, index, here, slope)
    return worst


def _gradients(returned: Any, at: Mapping[str, Array]) -> list[Array]:
    """Return the gradients as arrays of the shapes of their arguments."""
    parts = list(returned) if isinstance(returned, tuple | list) else [returned]
    given = {"arguments": tuple(at)}
    if len(parts) != len(at):
        raise refusal("gradient_check", f"backward must return {len(at)} gradients, not {len(parts)}", given)
    gradients = [numbers("gradient_check", f"d{name}", part) for name, part in zip(at, parts, strict=True)]
    for (name, values), gradient in zip(at.items(), gradients, strict=True):
        if gradient.shape != values.shape:
            fact = f"d{name} must have the shape of {name}, {values.shape}, not {gradient.shape}"
            raise refusal("gradient_check", fact, given)
    return gradients


def _slope(output: Callable[[], Array], d_output: Array, values: Array, index: tuple[int, ...], step: float) -> float:  # noqa: PLR0917
    """Return the central difference of sum(output * d_output) along one entry, which is put back."""
    here = values[index]
    sides = []
    for side in (here + step, here - step):
        values[index] = side
        sides.append((side, output()))
    values[index] = here
    (up, above), (down, below) = sides
    return float(np.sum((above - below) * d_output) / (up - down))
