"""Blocks whose input can be told from their output: depth costs no memory."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
from jax import lax

from backprop_jax.core.checks import require_components, require_layer
from backprop_jax.core.cotangents import add, instantiate, pull
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.whole_number import whole_number

__all__ = ["Reversible", "reversible"]


def reversible(f: Layer, g: Layer, depth: int) -> "Reversible":
    """`depth` blocks of a pair of streams, each stream changed by a function of the other."""
    return Reversible(f, g, depth)


class ReversibleResiduals(NamedTuple):
    y: tuple[PyTree, PyTree]
    state: PyTree  # before the call, with an axis of blocks: keys, mostly


@dataclass(frozen=True)
class Reversible(Layer):
    """Blocks one after the other, of which only the last one's output is saved.

        y₁ = x₁ + f(x₂),   y₂ = x₂ + g(y₁)          so x₂ = y₂ - g(y₁),   x₁ = y₁ - f(x₂)

    Shapes:   (x₁, x₂) -> (y₁, y₂), all of one shape and dtype.
    Params, state: (those of f, those of g), each with a leading axis of blocks.
    Saves:    (y₁, y₂) of the last block, and the states before the call.
    Backward: from the last block to the first: x as above, and with d₁ = dy₁ + g'ᵀ dy₂:
                dx₁ = d₁,   dx₂ = dy₂ + f'ᵀ d₁
    Units:    what is reconstructed is off by rounding, which grows with depth: float32 is for tens of blocks.
    Raises:   ValueError if depth is less than 1, or x is no pair of arrays of one shape.
    Source:   Gomez, Ren, Urtasun & Grosse, 2017, arXiv:1707.04585.
    """

    f: Layer
    g: Layer
    depth: int

    is_wiring = True

    def __post_init__(self) -> None:
        require_layer("reversible", self.f)
        require_layer("reversible", self.g)
        if whole_number(self.depth, least=1) is None:
            raise ValueError(f"reversible needs a depth of 1 or more, a whole number, not {self.depth!r}")

    def init(self, key: jax.Array, x: tuple[jax.Array, jax.Array]) -> tuple[PyTree, PyTree]:
        first, second = self._pair(x)

        def one(key: jax.Array) -> tuple[PyTree, PyTree]:
            f_key, g_key = jax.random.split(key)
            (f_params, f_state), (g_params, g_state) = self.f.init(f_key, second), self.g.init(g_key, first)
            return (f_params, g_params), (f_state, g_state)

        return jax.vmap(one)(jax.random.split(key, self.depth))

    def forward(
        self, params: PyTree, state: PyTree, x: tuple[jax.Array, jax.Array]
    ) -> tuple[tuple[jax.Array, jax.Array], PyTree, ReversibleResiduals]:
        def block(x: PyTree, own: PyTree) -> tuple[PyTree, PyTree]:
            (f_params, g_params), (f_state, g_state) = own
            change, f_state, _ = self.f.forward(f_params, f_state, x[1])
            y1 = x[0] + change
            change, g_state, _ = self.g.forward(g_params, g_state, y1)
            return (y1, x[1] + change), (f_state, g_state)

        y, new_state = lax.scan(block, self._pair(x), (params, state))
        return y, new_state, ReversibleResiduals(y, state)

    def backward(self, params: PyTree, residuals: ReversibleResiduals, dy: PyTree) -> tuple[PyTree, PyTree]:
        def block(carry: PyTree, own: PyTree) -> tuple[PyTree, PyTree]:
            (y1, y2), (d1, d2) = carry
            (f_params, g_params), (f_state, g_state) = own
            change, _, saved = self.g.forward(g_params, g_state, y1)
            x2 = y2 - change
            dg, through_g = pull(self.g, g_params, saved, d2)
            d1 = add(d1, through_g)
            change, _, saved = self.f.forward(f_params, f_state, x2)
            df, through_f = pull(self.f, f_params, saved, d1)
            return ((y1 - change, x2), (d1, add(d2, through_f))), (df, dg)

        dy = instantiate(dy, residuals.y)
        (_, dx), dparams = lax.scan(block, (residuals.y, dy), (params, residuals.state), reverse=True)
        return dparams, dx

    def _pair(self, x: PyTree) -> tuple[jax.Array, jax.Array]:
        require_components(self, x, 2)
        first, second = x
        if first.shape != second.shape or first.dtype != second.dtype:
            raise ValueError(
                f"{self} needs two arrays of one shape and dtype, not {first.dtype}{list(first.shape)} and "
                f"{second.dtype}{list(second.shape)}"
            )
        return first, second
