"""Dropout: randomness is state, and a mask is its own adjoint."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_float
from backprop_jax.core.keys import typed_key
from backprop_jax.core.layer import Layer, PyTree

__all__ = ["Dropout"]


@dataclass(frozen=True)
class Dropout(Layer):
    """Each element removed with probability `rate`, the rest scaled so that the mean stays.

        y = x m / (1 - rate),   m ~ Bernoulli(1 - rate);   y = x in eval mode

    Shapes:   x (...) float -> y (...).   Params: none.   State: the PRNG key of the next mask.
    Saves:    the key of this mask, 8 bytes; the mask is drawn again.
    Backward: dx = dy m / (1 - rate)
    Units:    rate is the fraction removed.
    Raises:   ValueError if rate is outside [0, 1) or x is not floating point.
    Source:   Srivastava et al., 2014, JMLR 15.
    """

    rate: float
    train: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1:
            raise ValueError(f"Dropout removes a fraction of at least 0 and less than 1, not {self.rate}")

    def init(self, key: jax.Array, x: jax.Array) -> tuple[PyTree, PyTree]:
        return (), typed_key(key)

    def forward(self, params: PyTree, state: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array, PyTree]:
        require_float(self, x)
        if not self.train or self.rate == 0:
            return x, state, ()
        next_key, mask_key = jax.random.split(state)
        return self._mask(mask_key, x), next_key, mask_key

    def backward(self, params: PyTree, residuals: PyTree, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        if not self.train or self.rate == 0:
            return (), dy
        return (), self._mask(residuals, dy)

    def _mask(self, key: jax.Array, x: jax.Array) -> jax.Array:
        keep = jax.random.bernoulli(key, 1 - self.rate, x.shape)
        return jnp.where(keep, x / (1 - self.rate), jnp.zeros((), x.dtype))
