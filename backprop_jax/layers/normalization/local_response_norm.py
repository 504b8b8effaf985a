"""Local response normalization: each channel divided by the energy of its neighbours."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree

__all__ = ["LocalResponseNorm"]


@dataclass(frozen=True)
class LocalResponseNorm(Layer):
    """Each value divided by a power of the mean square of its neighbours across the channels.

        y_c = x_c s_c^-beta,   s_c = k + alpha / size Σ_j x_j²,   j from c - size // 2 to c + (size - 1) // 2

    Shapes:   x (..., C) float -> y (..., C).   Params, state: none.
    Saves:    x. Not s: it is made again.
    Backward: dx_c = dy_c s_c^-beta - 2 alpha beta / size x_c Σ_j dy_j x_j s_j^(-beta - 1) over the j that c is near to
    Units:    alpha is PyTorch's, which multiplies the mean of `size` squares, those beyond an end being 0. The paper's
              multiplies their sum: give `size` times it, and the paper's k = 2.
    Raises:   ValueError if size is no number from 1 on, alpha is negative, k is not positive, x is not floating point
              or has no axes.
    Source:   Krizhevsky, Sutskever & Hinton, 2012, section 3.3.
    """

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.size, int) or self.size < 1:
            raise ValueError(f"LocalResponseNorm needs a size of whole channels, 1 or more, not {self.size!r}")
        if self.alpha < 0 or self.k <= 0:
            raise ValueError(
                f"LocalResponseNorm needs an alpha of 0 or more and a positive k, not {self.alpha} and {self.k}: "
                "a power is taken of k + alpha mean(x²)"
            )

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, jax.Array]:
        require_float(self, x, rank=1)
        precise = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        return (precise * self._base(precise) ** -self.beta).astype(x.dtype), state, x

    def backward(self, params: PyTree, residuals: jax.Array, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        x = residuals.astype(jnp.promote_types(residuals.dtype, jnp.float32))
        dy = dy.astype(x.dtype)
        base = self._base(x)
        direct = dy * base**-self.beta
        # forward: s_c reads x_j for j in the window of c, so x_c meets the s_j of the window turned around
        after, before = self._reach()
        around = _window_sum(direct * x / base, before, after)
        dx = direct - (2 * self.alpha * self.beta / self.size) * x * around
        return (), dx.astype(residuals.dtype)

    def _base(self, x: jax.Array) -> jax.Array:
        before, after = self._reach()
        return self.k + (self.alpha / self.size) * _window_sum(x * x, before, after)

    def _reach(self) -> tuple[int, int]:
        """How many channels before and after its own a window takes in."""
        return self.size // 2, (self.size - 1) // 2


def _window_sum(x: jax.Array, before: int, after: int) -> jax.Array:
    """Along the last axis, the sum of each element and the `before` and `after` next to it."""
    channels = x.shape[-1]
    padded = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0)] * (x.ndim - 1) + [(before, after, 0)])
    return sum((padded[..., tap : tap + channels] for tap in range(before + after + 1)), jnp.zeros((), x.dtype))
