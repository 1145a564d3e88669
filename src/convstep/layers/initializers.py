"""First values of parameters: Keras's names, defaults and formulas.

One rule: with a seed, the same numbers on every call and every run; without one, the next numbers of `convstep.random`.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from convstep.checks import Array, one_of, refusal
from convstep.errors import ArgumentTypeError
from convstep.random import default_generator

CUT_NORMAL = 0.87962566103423978  # standard deviation of a standard normal distribution that is cut at -2 and 2
FANS = ("fan_in", "fan_out", "fan_avg")
DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")


class Initializer:
    """Makes an array of a shape. A subclass has `values`; the arguments of its constructor are attributes."""

    seed: int | None = None

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = "float32") -> Array:
        """Return the values."""
        return np.asarray(self.values(tuple(shape)), dtype=dtype)

    def values(self, shape: tuple[int, ...]) -> Array:
        """Return the values in float64."""
        raise NotImplementedError

    @property
    def generator(self) -> np.random.Generator:
        """A fresh generator for the seed; without a seed, the one in use."""
        return default_generator() if self.seed is None else np.random.default_rng(self.seed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {word: getattr(self, word) for word in inspect.signature(type(self)).parameters}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make the initializer again from what `get_config` returned."""
        return cls(**config)


class Zeros(Initializer):
    """Zero everywhere."""

    def values(self, shape: tuple[int, ...]) -> Array:
        """Return zeros."""
        return np.zeros(shape)


class Ones(Initializer):
    """One everywhere."""

    def values(self, shape: tuple[int, ...]) -> Array:
        """Return ones."""
        return np.ones(shape)


class Constant(Initializer):
    """One value everywhere."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def values(self, shape: tuple[int, ...]) -> Array:
        """Return the value in every place."""
        return np.full(shape, self.value, dtype=np.float64)


class Identity(Initializer):
    """The identity matrix times `gain`."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def values(self, shape: tuple[int, ...]) -> Array:
        """Return a matrix with `gain` on its diagonal."""
        if len(shape) != 2:
            raise refusal("Identity", f"only a matrix can be the identity, not an array of {len(shape)} axes", {"shape": shape})
        values: Array = self.gain * np.eye(shape[0], shape[1])
        return values


class RandomNormal(Initializer):
    """Normally distributed numbers."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def values(self, shape: tuple[int, ...]) -> Array:
        """Draw."""
        return self.mean + self.stddev * self.generator.standard_normal(shape)


class TruncatedNormal(Initializer):
    """Normally distributed numbers; those further than two standard deviations out are drawn again."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def values(self, shape: tuple[int, ...]) -> Array:
        """Draw."""
        return self.mean + self.stddev * _cut_normal(self.generator, shape)


class RandomUniform(Initializer):
    """Evenly distributed numbers, minval <= number < maxval."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def values(self, shape: tuple[int, ...]) -> Array:
        """Draw."""
        return self.generator.uniform(self.minval, self.maxval, shape)


class VarianceScaling(Initializer):
    """Numbers of the variance scale / n, where n counts the inputs of a unit, its outputs, or their mean."""

    def __init__(self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal", seed: int | None = None) -> None:
        distribution = {"normal": "truncated_normal"}.get(distribution, distribution)
        one_of("VarianceScaling", "mode", mode, FANS)
        one_of("VarianceScaling", "distribution", distribution, DISTRIBUTIONS)
        if not scale > 0:
            raise refusal("VarianceScaling", f"scale must be positive, not {scale}", {"scale": scale})
        self.scale, self.mode, self.distribution, self.seed = scale, mode, distribution, seed

    def values(self, shape: tuple[int, ...]) -> Array:
        """Draw."""
        inputs, outputs = fans(shape)
        n = {"fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2}[self.mode]
        deviation = math.sqrt(self.scale / max(1.0, n))
        if self.distribution == "truncated_normal":
            return deviation / CUT_NORMAL * _cut_normal(self.generator, shape)
        if self.distribution == "untruncated_normal":
            return deviation * self.generator.standard_normal(shape)
        limit = math.sqrt(3) * deviation
        return self.generator.uniform(-limit, limit, shape)


class GlorotUniform(VarianceScaling):
    """Evenly distributed, variance 2 / (inputs + outputs). Glorot and Bengio 2010, eq. 16."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed)


class GlorotNormal(VarianceScaling):
    """Cut normal distribution, variance 2 / (inputs + outputs). Glorot and Bengio 2010, eq. 12."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed)


class HeUniform(VarianceScaling):
    """Evenly distributed, variance 2 / inputs. He et al. 2015, section 2.2."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(2.0, "fan_in", "uniform", seed)


class HeNormal(VarianceScaling):
    """Cut normal distribution, variance 2 / inputs. He et al. 2015, section 2.2."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(2.0, "fan_in", "truncated_normal", seed)


class LecunUniform(VarianceScaling):
    """Evenly distributed, variance 1 / inputs. LeCun et al. 1998, Efficient backprop, section 4.6."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_in", "uniform", seed)


class LecunNormal(VarianceScaling):
    """Cut normal distribution, variance 1 / inputs. LeCun et al. 1998, Efficient backprop, section 4.6."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_in", "truncated_normal", seed)


class Orthogonal(Initializer):
    """Orthogonal rows or columns, whichever are fewer, times `gain`; all axes but the last count as rows. Saxe et al. 2014."""

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        self.gain, self.seed = gain, seed

    def values(self, shape: tuple[int, ...]) -> Array:
        """Draw a matrix and keep its Q of Q R, with the signs that make it uniformly distributed."""
        if len(shape) < 2:
            raise refusal("Orthogonal", f"an array of {len(shape)} axes cannot be orthogonal", {"shape": shape})
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(self.generator.standard_normal((max(rows, columns), min(rows, columns))))
        q = q * np.sign(np.diag(r))
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return how many inputs and outputs a unit has, for weights of a shape that ends in (inputs, outputs)."""
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    cells = math.prod(shape[:-2])
    return shape[-2] * cells, shape[-1] * cells


def get(identifier: Any) -> Callable[..., Array]:
    """Return the initializer that is meant.

    Parameters
    ----------
    identifier : None, str, dict, class or callable
        None for "glorot_uniform", as in Keras; Keras's name of it; what `get_config` wrote, with its class; an initializer or its class;
        any function of (shape, dtype).

    Raises
    ------
    ShapeError
        If there is no initializer of that name.
    ArgumentTypeError
        If it is something else.
    """
    if identifier is None:
        return GlorotUniform()
    if isinstance(identifier, Mapping) and "class_name" in identifier:
        return _kind(identifier["class_name"]).from_config(identifier.get("config", {}))
    if isinstance(identifier, str):
        return _kind(identifier)()
    if isinstance(identifier, type) and issubclass(identifier, Initializer):
        return identifier()
    if callable(identifier):
        function: Callable[..., Array] = identifier
        return function
    fact = "an initializer must be a name, an initializer or a function of (shape, dtype)"
    raise refusal("initializers.get", fact, {"initializer": identifier}, kind=ArgumentTypeError)


def _kind(name: str) -> type[Initializer]:
    if name in KINDS:
        return KINDS[name]
    near = get_close_matches(name, KINDS, n=1)
    meant = f' (did you mean "{near[0]}"?)' if near else ""
    raise refusal("initializers.get", f'there is no initializer "{name}"{meant}', {"initializer": name})


def _cut_normal(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    values = generator.standard_normal(shape)
    while (far := np.abs(values) > 2).any():
        values[far] = generator.standard_normal(np.count_nonzero(far))
    return values


zeros, ones, constant, identity, orthogonal = Zeros, Ones, Constant, Identity, Orthogonal
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling, glorot_uniform, glorot_normal = VarianceScaling, GlorotUniform, GlorotNormal
he_uniform, he_normal, lecun_uniform, lecun_normal = HeUniform, HeNormal, LecunUniform, LecunNormal
KINDS: dict[str, type[Initializer]] = {
    name: kind for name, kind in list(globals().items()) if isinstance(kind, type) and issubclass(kind, Initializer)
} | {"normal": RandomNormal, "uniform": RandomUniform, "zero": Zeros, "one": Ones}
del KINDS["Initializer"]
