"""What large weights cost: a number that is added to the loss, and its gradient. Names and defaults are Keras's."""

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from convstep.checks import Array, one_of, refusal, shown
from convstep.errors import ArgumentTypeError


class L1L2:
    """The sum of l1 * |w| + l2 * w**2 over all weights w.

    Parameters
    ----------
    l1, l2 : float
        Finite, >= 0.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = (_factor(type(self).__name__, name, value) for name, value in (("l1", l1), ("l2", l2)))

    def __call__(self, w: Array) -> float:
        """Return the cost."""
        cost = self.l1 * np.abs(w).sum(dtype=np.float64) if self.l1 else 0.0
        return float(cost + (self.l2 * np.square(w, dtype=np.float64).sum() if self.l2 else 0.0))

    def gradient(self, w: Array) -> Array:
        """Return the gradient: l1 * sign(w) + 2 * l2 * w."""
        slope = np.zeros_like(w)
        if self.l1:
            slope += self.l1 * np.sign(w)
        if self.l2:
            slope += 2 * self.l2 * w
        return slope

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"l1": self.l1, "l2": self.l2}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make the regularizer again from what `get_config` returned."""
        return cls(**config)


class L1(L1L2):
    """The sum of l1 * |w|, which drives small weights to zero."""

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=l1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's argument."""
        return {"l1": self.l1}


class L2(L1L2):
    """The sum of l2 * w**2, which keeps weights small."""

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=l2)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's argument."""
        return {"l2": self.l2}


def get(identifier: Any) -> Any:
    """Return the regularizer that is meant.

    Parameters
    ----------
    identifier : None, str, dict, class or object
        None for none; Keras's name of it; what `get_config` wrote, with its class; a regularizer or its class; any object that called
        with w gives the cost and whose `gradient(w)` gives the gradient.

    Raises
    ------
    ShapeError
        If there is no regularizer of that name.
    ArgumentTypeError
        If it is something else.
    """
    if identifier is None:
        return None
    if isinstance(identifier, Mapping) and "class_name" in identifier:
        one_of("regularizers.get", "class_name", identifier["class_name"], tuple(KINDS))
        return KINDS[identifier["class_name"]].from_config(identifier.get("config", {}))
    if isinstance(identifier, str):
        one_of("regularizers.get", "regularizer", identifier, tuple(KINDS))
        return KINDS[identifier]()
    made = identifier() if isinstance(identifier, type) else identifier
    if callable(made) and hasattr(made, "gradient"):
        return made
    fact = "a regularizer must be a name, or an object with a cost and gradient(w)"
    raise refusal("regularizers.get", fact, {"regularizer": identifier}, kind=ArgumentTypeError)


def _factor(op: str, name: str, value: Any) -> float:
    if value is None:
        return 0.01 if op.lower() == name else 0.0
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0:
        return float(value)
    raise refusal(op, f"{name} must be a finite number >= 0, not {shown(value)}", {name: value})


l1, l2, l1_l2 = L1, L2, L1L2
KINDS: dict[str, type[L1L2]] = {"l1": L1, "l2": L2, "l1_l2": L1L2, "L1": L1, "L2": L2, "L1L2": L1L2}
