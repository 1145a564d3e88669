"""The layer that forgets: in training, numbers are left out at random."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from convstep.checks import Array, refusal, shown
from convstep.engines import current_engine
from convstep.layers.base import Gradients, Layer
from convstep.random import default_generator


class Dropout(Layer):
    """In training, sets numbers to zero at random and enlarges the others, so that the mean stays; in inference, does nothing.

    Parameters
    ----------
    rate : float
        Which share is left out, 0 <= rate <= 1.
    noise_shape : sequence of int or None, optional
        Shape of the mask; it is repeated along axes of length 1, and None stands for the length of the input.
    seed : int, optional
        Of the mask, for a pass that is not given a generator. Then every pass leaves out the same numbers.

    Notes
    -----
    A layer keeps no state, so the masks of a training run come from the generator that `forward` is given as `rng`.
    Srivastava et al. 2014, Dropout.
    """

    def __init__(self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        if not _is_share(rate):
            raise refusal("Dropout", f"rate must be a number from 0 to 1, not {shown(rate)}", {"rate": rate})
        self.rate, self.seed = float(rate), seed
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def forward(self, x: Array, *, training: bool = False, rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """Leave numbers out, in training."""
        self.check(x.shape)
        if not training or self.rate == 0:
            return x, None
        factor = self.drawn(x.shape, x.dtype, rng)
        return current_engine().product(x, factor), factor

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Gradients]:
        """Leave the same numbers out of dy."""
        return dy if cache is None else current_engine().product(dy, cache), {}

    def drawn(self, shape: tuple[int, ...], dtype: Any, rng: np.random.Generator | None) -> Array:
        """Return what numbers of this shape are multiplied with: 0 where one is left out."""
        if rng is None:
            rng = default_generator() if self.seed is None else np.random.default_rng(self.seed)
        kept = rng.random(self._mask_shape(shape), dtype=np.float32) >= self.rate
        factor: Array = kept.astype(dtype) * np.dtype(dtype).type(1 / (1 - self.rate) if self.rate < 1 else 0)
        return factor

    def _mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.noise_shape is None:
            return shape
        mask = tuple(size if item is None else item for item, size in zip(self.noise_shape, shape, strict=False))
        if len(self.noise_shape) != len(shape) or any(item not in (1, size) for item, size in zip(mask, shape, strict=True)):
            fact = f"a mask of the shape {self.noise_shape} cannot be repeated over the input"
            raise refusal(self.name, fact, {"input": shape})
        return mask


def _is_share(rate: Any) -> bool:
    return isinstance(rate, int | float | np.floating) and not isinstance(rate, bool) and bool(0 <= rate <= 1)
