"""Stochastic depth: dropout of a whole branch."""

from dataclasses import dataclass

import jax

from backprop_jax.core.checks import require_float
from backprop_jax.core.keys import typed_key
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.layers.dropout import Dropout, require_rate

__all__ = ["DropPath"]


@dataclass(frozen=True)
class DropPath(Layer):
    """Each example removed with probability `rate`, the rest scaled so that the mean stays.

        y[b] = x[b] m[b] / (1 - rate),   m[b] ~ Bernoulli(1 - rate);   y = x in eval mode

    As the last layer of a branch, `skip(chain(..., DropPath(0.1)))`, it leaves some examples the skip connection alone.
    It is the dropout whose elements share one draw along all axes but the first.

    Shapes:   x (B, ...) float -> y (B, ...).   Params: none.   State: the PRNG key of the next draw.
    Saves:    the key of this draw, 8 bytes.
    Backward: dx[b] = dy[b] m[b] / (1 - rate)
    Units:    rate is the fraction removed, where the paper counts what survives. The paper scales in eval mode instead.
    Raises:   ValueError if rate is outside [0, 1), x is not floating point or has no batch axis.
    Source:   Huang, Sun, Liu, Sedra & Weinberger, 2016, arXiv:1603.09382.
    """

    rate: float
    train: bool = True

    def __post_init__(self) -> None:
        require_rate("DropPath", self.rate)

    def init(self, key: jax.Array, x: jax.Array) -> tuple[PyTree, PyTree]:
        return (), typed_key(key)

    def forward(self, params: PyTree, state: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array, PyTree]:
        require_float(self, x, rank=1)
        return self._dropout(x).forward(params, state, x)

    def backward(self, params: PyTree, residuals: PyTree, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        return self._dropout(dy).backward(params, residuals, dy)

    def _dropout(self, x: jax.Array) -> Dropout:
        return Dropout(self.rate, self.train, broadcast_dims=range(1, x.ndim))
