"""Dropout: randomness is state, and a mask is its own adjoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_float
from backprop_jax.core.keys import typed_key
from backprop_jax.core.layer import Layer, PyTree

__all__ = ["Dropout", "require_rate"]


@dataclass(frozen=True)
class Dropout(Layer):
    """Each element removed with probability `rate`, the rest scaled so that the mean stays.

        y = x m / (1 - rate),   m ~ Bernoulli(1 - rate);   y = x in eval mode

    Shapes:   x (...) float -> y (...).   Params: none.   State: the PRNG key of the next mask.
    Saves:    the key of this mask, 8 bytes; the mask is drawn again.
    Backward: dx = dy m / (1 - rate)
    Units:    rate is the fraction removed. Along the axes `broadcast_dims` all elements share one draw: with (1, 2) of
              an image (B, N, M, C), whole channels go; with (1,) of a sequence (B, T, D), the same units at every step.
    Raises:   ValueError if rate is outside [0, 1), broadcast_dims holds no axes, x is not floating point or has no such
              axes.
    Source:   Srivastava et al., 2014, JMLR 15; Gal & Ghahramani, 2016, arXiv:1512.05287, for one mask through time.
    """

    rate: float
    train: bool = True
    broadcast_dims: Sequence[int] = ()

    def __post_init__(self) -> None:
        require_rate("Dropout", self.rate)
        dims = self.broadcast_dims
        if not isinstance(dims, Sequence) or not all(isinstance(axis, int) for axis in dims):
            raise ValueError(f"Dropout needs broadcast_dims of whole numbers, one an axis, as in (1, 2), not {dims!r}")
        object.__setattr__(self, "broadcast_dims", tuple(dims))  # a list would make the layer unhashable

    def init(self, key: jax.Array, x: jax.Array) -> tuple[PyTree, PyTree]:
        return (), typed_key(key)

    def forward(self, params: PyTree, state: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array, PyTree]:
        require_float(self, x)
        if not all(-x.ndim <= axis < x.ndim for axis in self.broadcast_dims):
            raise ValueError(f"{self} needs an input that has these axes, not of shape {list(x.shape)}")
        if not self.train or self.rate == 0:
            return x, state, ()
        next_key, mask_key = jax.random.split(state)
        return self._mask(mask_key, x), next_key, mask_key

    def backward(self, params: PyTree, residuals: PyTree, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        if not self.train or self.rate == 0:
            return (), dy
        return (), self._mask(residuals, dy)

    def _mask(self, key: jax.Array, x: jax.Array) -> jax.Array:
        shared = [axis % x.ndim for axis in self.broadcast_dims]
        shape = tuple(1 if axis in shared else length for axis, length in enumerate(x.shape))
        keep = jax.random.bernoulli(key, 1 - self.rate, shape)
        return jnp.where(keep, x / (1 - self.rate), jnp.zeros((), x.dtype))


def require_rate(layer: str, rate: float) -> None:
    """ValueError unless `rate` is a fraction that leaves something."""
    if not isinstance(rate, Real) or not 0 <= rate < 1:
        raise ValueError(f"{layer} removes a fraction of at least 0 and less than 1, not {rate!r}")
