"""Memory for time: save the input only, and run forward again when backward asks."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.combinators.chain import chain
from backprop_jax.core.layer import Layer, PyTree

__all__ = ["Remat", "remat"]


def remat(*layers: Layer) -> "Remat":
    """The layers, chained, that save only their input. One layer stays itself and keeps its own parameters."""
    return Remat(layers[0] if len(layers) == 1 else chain(*layers))


@dataclass(frozen=True)
class Remat(Layer):
    """A layer that saves its input alone and recomputes its residuals.

        y = f(x)

    Params, state: those of f.   Saves: x and the state before the call (usually none, or keys).
    Backward: runs f again for its residuals, then f'ᵀ dy. What f's backward does not need, XLA does not recompute:
              `remat(LayerNorm(), Dense(D))` recomputes the norm and not the matmul.
    Source:   Chen, Xu, Zhang & Guestrin, 2016, arXiv:1604.06174.
    """

    layer: Layer

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.init(key, x)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        y, new_state, _ = self.layer.forward(params, state, x)
        return y, new_state, (state, x)

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        (state, x), dy = _after(dy, residuals)
        _, _, recomputed = self.layer.forward(params, state, x)
        return self.layer.backward(params, recomputed, dy)


def _after(dy: PyTree, residuals: PyTree) -> tuple[PyTree, PyTree]:
    """Both arguments, unchanged, in a form that keeps XLA from computing on the residuals before it has dy.

    Without the barrier XLA would also see the same expression twice and keep the first result alive instead.
    """
    residuals, dy = lax.optimization_barrier((residuals, dy))
    if jax.__version_info__ >= (0, 11):
        return residuals, dy
    # On CPU this version forgets the barrier before it orders the instructions, and recomputes everything at once and
    # early. So dy enters by arithmetic: n (n + 1) is even, which XLA does not know.
    number = next((leaf.ravel()[0].astype(int) for leaf in jax.tree.leaves(dy) if leaf.size), jnp.zeros((), int))
    zero = (number * (number + 1)) % 2
    numeric = lambda leaf: jnp.issubdtype(leaf.dtype, jnp.number)
    return jax.tree.map(lambda leaf: leaf + zero.astype(leaf.dtype) if numeric(leaf) else leaf, residuals), dy
