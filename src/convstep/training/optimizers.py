"""SGD, RMSprop, Adam and AdamW: Keras 3's arguments, defaults and formulas."""

import math
from collections.abc import Mapping
from typing import Any

from convstep.checks import DType, accumulator
from convstep.engines.rules import Rule
from convstep.training.configuration import find, names_of, real
from convstep.training.optimizer import Optimizer

__all__ = ["CLASSES", "NAMES", "SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "get"]


class SGD(Optimizer):
    """Gradient descent, with momentum and Nesterov's look ahead if asked for.

    Parameters
    ----------
    learning_rate : float or schedule
    momentum : float
        From 0 to 1: the share of its speed that a parameter keeps.
    nesterov : bool
        Whether the step is taken from where the momentum leads.
    """

    def __init__(self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, **options: Any) -> None:  # noqa: FBT001, FBT002
        super().__init__(learning_rate, **options)
        self.momentum, self.nesterov = real("SGD", "momentum", momentum, most=1), bool(nesterov)

    def slot_names(self) -> tuple[str, ...]:
        """Return the momentum, if there is any."""
        return ("momentum",) if self.momentum else ()

    def rule(self, rate: float, dtype: DType) -> Rule:
        """Return "sgd"."""
        del dtype
        return Rule("sgd", {"rate": rate, "momentum": self.momentum, "nesterov": float(self.nesterov)})


class RMSprop(Optimizer):
    """Gradients divided by the root of their running mean square (Tieleman & Hinton, 2012).

    Parameters
    ----------
    learning_rate : float or schedule
    rho : float
        From 0 to 1: how much of the past the running means keep.
    momentum : float
        From 0 to 1.
    epsilon : float
        Added under the root.
    centered : bool
        Whether the running mean of the gradient is taken off: the variance instead of the mean square.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        *,
        centered: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho, self.momentum = real("RMSprop", "rho", rho, most=1), real("RMSprop", "momentum", momentum, most=1)
        self.epsilon, self.centered = real("RMSprop", "epsilon", epsilon), bool(centered)

    def slot_names(self) -> tuple[str, ...]:
        """Return the running means in use."""
        return ("velocity", *(["momentum"] if self.momentum else []), *(["average_gradient"] if self.centered else []))

    def rule(self, rate: float, dtype: DType) -> Rule:
        """Return "rmsprop"."""
        del dtype
        numbers = {"rate": rate, "rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon, "centered": float(self.centered)}
        return Rule("rmsprop", numbers)


class Adam(Optimizer):
    """Momentum over the root of the running mean square, both freed of their start at 0 (Kingma & Ba, 2014).

    Parameters
    ----------
    learning_rate : float or schedule
    beta_1, beta_2 : float
        From 0 to 1: how much of the past the running means of the gradient and of its square keep.
    epsilon : float
        Added to the root: epsilon-hat in the paper's remark before section 2.1.
    amsgrad : bool
        Whether the largest mean square so far is used (Reddi et al., 2018).
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        kind = type(self).__name__
        self.beta_1, self.beta_2 = real(kind, "beta_1", beta_1, most=1), real(kind, "beta_2", beta_2, most=1)
        self.epsilon, self.amsgrad = real(kind, "epsilon", epsilon), bool(amsgrad)

    def slot_names(self) -> tuple[str, ...]:
        """Return the running means in use."""
        return ("momentum", "velocity", "velocity_hat") if self.amsgrad else ("momentum", "velocity")

    def rule(self, rate: float, dtype: DType) -> Rule:
        """Return "adam", with a rate that frees both means of their start at 0."""
        start_1, start_2 = (_distance_from_start(beta, self.iterations + 1, dtype) for beta in (self.beta_1, self.beta_2))
        corrected = rate * math.sqrt(start_2) / start_1
        return Rule("adam", {"rate": corrected, "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon})


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter, 2017). Its arguments are Adam's; here weight_decay is 0.004, if not given."""

    def __init__(self, learning_rate: Any = 0.001, weight_decay: float = 0.004, **options: Any) -> None:
        super().__init__(learning_rate, weight_decay=real("AdamW", "weight_decay", weight_decay), **options)


CLASSES = (SGD, RMSprop, Adam, AdamW)
NAMES: Mapping[str, type[Optimizer]] = names_of(CLASSES, {})


def get(identifier: Any) -> Optimizer:
    """Return the optimizer that a name, a class, a `{"class_name", "config"}` or the optimizer itself stands for."""
    return find("optimizer", identifier, NAMES, Optimizer)


def _distance_from_start(beta: float, t: int, dtype: DType) -> float:
    """Return 1 - beta^t. As in Keras, beta is what the type of the weights makes of it: 0.999 is 0.99900001 in float32."""
    kind = accumulator(dtype).type
    return float(kind(1) - kind(float(kind(beta)) ** t))
