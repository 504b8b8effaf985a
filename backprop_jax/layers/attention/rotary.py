"""Rotary positions: each pair of numbers turned by an angle that grows with the place, so products tell distances."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_components, require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.whole_number import whole_number

__all__ = ["RotaryEmbedding"]


@dataclass(frozen=True)
class RotaryEmbedding(Layer):
    """Queries or keys, each pair of their numbers turned by an angle.

        (a, b) -> (a cos θ - b sin θ, a sin θ + b cos θ),   θ = place / base^(2 i / R) for pair i of the R / 2 pairs

    Pairs are (x_i, x_{i + R/2}), as in GPT-NeoX and Llama, or neighbours with `interleaved`, as in the paper. Of the K
    numbers of a head the first R = rotary_dim are turned; all if None.

    Shapes:   x (B, T, H, K) float -> y (B, T, H, K), the places being 0 ... T - 1; or (x, places), places (T,) or
              (B, T) integer.
    Params, state: none.   Saves: the places, where they are given.
    Backward: turned back: the adjoint of a rotation is its inverse.
    Units:    angles in radians.
    Raises:   ValueError if base is not above 0, rotary_dim not even and at most K, the shapes do not fit, or the places
              are not integers.
    Source:   Su et al., 2021, arXiv:2104.09864, eq. 34.
    """

    base: float = 10000.0
    interleaved: bool = False
    rotary_dim: int | None = None

    def __post_init__(self) -> None:
        if not self.base > 0:
            raise ValueError(f"RotaryEmbedding needs a base above 0, not {self.base!r}")
        if self.rotary_dim is not None and (whole_number(self.rotary_dim, least=2) is None or self.rotary_dim % 2):
            raise ValueError(f"RotaryEmbedding turns pairs: rotary_dim must be even and above 0, not {self.rotary_dim}")

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, PyTree]:
        places: PyTree = ()
        if isinstance(x, tuple | list):
            require_components(self, x, 2)
            x, places = x
        require_float(self, x, rank=4)
        width = x.shape[-1] if self.rotary_dim is None else self.rotary_dim
        if width % 2 or width > x.shape[-1]:
            raise ValueError(f"{self} turns pairs of the numbers of a head, but was given {list(x.shape)}")
        if not isinstance(places, tuple) and (
            places.shape not in (x.shape[1:2], x.shape[:2]) or not jnp.issubdtype(places.dtype, jnp.integer)
        ):
            raise ValueError(
                f"{self} of {list(x.shape)} needs places (T,) or (B, T), whole numbers, not "
                f"{places.dtype}{list(places.shape)}"
            )
        return self._turn(x, places, 1), state, places

    def backward(self, params: PyTree, residuals: PyTree, dy: jax.Array) -> tuple[PyTree, PyTree]:
        dx = self._turn(dy, residuals, -1)
        return (), dx if isinstance(residuals, tuple) else (dx, None)

    def _turn(self, x: jax.Array, places: PyTree, sign: int) -> jax.Array:
        width = x.shape[-1] if self.rotary_dim is None else self.rotary_dim
        precise = jnp.promote_types(x.dtype, jnp.float32)
        if isinstance(places, tuple):
            places = jnp.arange(x.shape[1])
        rates = self.base ** (-jnp.arange(0, width, 2, dtype=precise) / width)
        angles = sign * places.astype(precise)[..., None, None] * rates  # (T, 1, R / 2) or (B, T, 1, R / 2)
        cos, sin = jnp.cos(angles), jnp.sin(angles)
        turned, rest = x[..., :width].astype(precise), x[..., width:]
        if self.interleaved:
            a, b = turned[..., 0::2], turned[..., 1::2]
            turned = jnp.stack([a * cos - b * sin, a * sin + b * cos], -1).reshape(turned.shape)
        else:
            a, b = jnp.split(turned, 2, -1)
            turned = jnp.concatenate([a * cos - b * sin, a * sin + b * cos], -1)
        return jnp.concatenate([turned.astype(x.dtype), rest], -1)
