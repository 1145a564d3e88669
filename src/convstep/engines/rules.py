"""What an optimizer asks of an engine: a rule with its numbers, and the arrays that it is to change.

One rule: values and slots are changed in place, gradients never.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from convstep.checks import Array


@dataclass(frozen=True)
class Rule:
    """A step of an optimizer.

    Attributes
    ----------
    name : "sgd", "rmsprop" or "adam"
    numbers : mapping of float by name
        Those that the rule's formula in `engines.numpy.updates` names, the rate first.
    decay : float
        The share of each value that is taken off before.
    clip : float
        Largest size of an entry of a gradient; infinity for none.
    """

    name: Literal["sgd", "rmsprop", "adam"]
    numbers: Mapping[str, float]
    decay: float = 0.0
    clip: float = float("inf")


@dataclass(frozen=True)
class Entry:
    """One array of weights in a step.

    Attributes
    ----------
    value : Array
        C-contiguous and writeable.
    gradient : Array
        Of its shape.
    slots : mapping of Array by name
        What is remembered of the weights, of the shape and the type of the value.
    scale : float
        What the gradient is to be multiplied by.
    """

    value: Array
    gradient: Array
    slots: Mapping[str, Array]
    scale: float = 1.0
