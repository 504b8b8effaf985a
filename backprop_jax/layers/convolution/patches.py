"""The gradient of a kernel: for each example a sum of outer products of patches."""

import math
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.example_gradients import AsMatrix, ExampleGradients, squares_one_by_one, static
from backprop_jax.layers.convolution.products import gradients
from backprop_jax.layers.example_gradients.axes import precise
from backprop_jax.layers.pooling.taps import pad, read
from backprop_jax.layers.windows import Window

__all__ = ["Patches"]

AT_ONCE = 2**20  # numbers made of examples at a time: they stay in a cache of a few MB


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Patches(ExampleGradients):
    """The gradients of w in y[o] = Σ_t x[o stride + t dilation - before] w[t].

    With p_io = [x_i[o stride + t dilation - before] for all t], the patch of place o, within each group

        g_i = Σ_o p_ioᵀ dy_io,   |g_i|² = Σ_oq <p_io, p_iq> <dy_io, dy_iq>

    of which a norm takes the cheaper, for a few examples at a time. A weighted sum is a weight gradient as any other,
    of dy times the weights, and makes no patches.

    Source:   Rochette, Manoel & Tramel, 2019, arXiv:1912.06015; Bu, Mao & Xu, 2022, arXiv:2205.10683, for the choice.
    """

    x: jax.Array  # (B, *N, C), with the border of circular padding
    dy: jax.Array  # (B, *M, F)
    window: Window = static()
    groups: int = static()
    transposed: bool = static()  # whether the parameter is w with its last two axes exchanged
    dtype: Any = static()

    @property
    def stacked(self) -> int:
        return self.x.ndim - 2 - len(self.window.size)

    def sum(self, weights: jax.Array | None = None) -> jax.Array:
        dy = self.dy
        if weights is not None:
            dy = (weights.reshape(-1, *(1,) * (dy.ndim - 1)) * dy).astype(dy.dtype)
        w = jnp.zeros(self._shape, dy.dtype)  # only dx, which is dropped, reads it
        return self._as_parameter(gradients(self.x, w, dy, self.window, self.groups)[1]).astype(self.dtype)

    def each(self) -> jax.Array:
        return jax.vmap(lambda x, dy: self._as_parameter(self._gradient(x, dy)))(self.x, self.dy)

    def astype(self, dtype: jax.typing.DTypeLike) -> "Patches":
        return replace(self, dtype=jnp.dtype(dtype))

    def square_norms(self) -> jax.Array:
        places, taps = math.prod(self.dy.shape[1:-1]), math.prod(self.window.size)
        channels, features, weights = self.x.shape[-1], self.dy.shape[-1], math.prod(self._shape)
        by_pairs = places * (taps * channels + features) < weights

        def norm(example: tuple[jax.Array, jax.Array]) -> jax.Array:
            return self._norm_by_pairs(*example) if by_pairs else jnp.sum(jnp.square(self._gradient(*example)))

        made = places * taps * channels + (self.groups * places**2 if by_pairs else weights)
        return lax.map(norm, (self.x, self.dy), batch_size=max(min(AT_ONCE // max(made, 1), len(self.x)), 1))

    def square_sum(self, columns: str | None = None) -> jax.Array:
        return squares_one_by_one(self, columns)

    def pairs(self) -> tuple[jax.Array, jax.Array]:
        patches, dy = jax.vmap(self._by_group)(self.x, self.dy)
        patches = jnp.moveaxis(patches, 2, 3).reshape(*dy.shape[:3], -1)  # (B, places, G, taps C / G)
        # Transposed, x and dy have each other's place: an input makes the patch of the output around its place.
        pair = (dy, patches) if self.transposed else (patches, dy)
        return pair if self.groups > 1 else (pair[0][:, :, 0], pair[1][:, :, 0])

    @property
    def as_matrix(self) -> AsMatrix:
        *window, channels, features = self._shape
        taps, groups, last = tuple(range(len(window))), self.groups, len(window) + 2
        if self.transposed:  # the parameter (*window, C, F / G) becomes (G, C / G, taps F / G)
            shape = *window, groups, features // groups, channels
            return AsMatrix(shape, (last - 2, last - 1, *taps, last), takes_bias=False)
        if groups == 1:
            return AsMatrix()
        return AsMatrix((*window, channels, groups, features // groups), (last - 1, *taps, last - 2, last))

    @property
    def _shape(self) -> tuple[int, ...]:
        return *self.window.size, self.x.shape[-1] // self.groups, self.dy.shape[-1]

    def _gradient(self, x: jax.Array, dy: jax.Array) -> jax.Array:
        """Of one example."""
        patches, dy = self._by_group(x, dy)
        if patches.shape[-1] == dy.shape[-1] == 1:
            # A loop over the places for all groups side by side; products would be of vectors.
            dw = jnp.sum(patches[..., 0] * dy[:, None, :, 0], 0)[:, None]
        else:
            dw = jnp.einsum("ptgc,pgf->tcgf", patches, dy)
        return dw.reshape(self._shape)

    def _norm_by_pairs(self, x: jax.Array, dy: jax.Array) -> jax.Array:
        patches, dy = self._by_group(x, dy)
        return jnp.sum(jnp.einsum("ptgc,qtgc->gpq", patches, patches) * jnp.einsum("pgf,qgf->gpq", dy, dy))

    def _by_group(self, x: jax.Array, dy: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The patches (places, taps, G, C / G) and dy (places, G, F / G) of one example."""
        taps = [pad(precise(x)[None], self.window, 0)]
        for axis in range(len(self.window.size)):
            taps = [part for array in taps for part in read(array, self.window, axis)]
        patches = jnp.stack([part.reshape(-1, x.shape[-1]) for part in taps], 1)
        groups = self.groups
        return patches.reshape(*patches.shape[:2], groups, -1), precise(dy).reshape(len(patches), groups, -1)

    def _as_parameter(self, dw: jax.Array) -> jax.Array:
        return jnp.swapaxes(dw, -1, -2) if self.transposed else dw
