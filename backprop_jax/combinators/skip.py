"""The skip connection."""

from dataclasses import dataclass

import jax

from backprop_jax.core.cotangents import add, pull
from backprop_jax.core.layer import Layer, PyTree

__all__ = ["Skip", "skip"]


def skip(layer: Layer) -> "Skip":
    """`x -> x + layer(x)`."""
    return Skip(layer)


@dataclass(frozen=True)
class Skip(Layer):
    """A layer beside the identity.

        y = x + f(x)

    Shapes:   f(x) has the structure, shapes and dtypes of x.   Params, state, saves: those of f.
    Backward: dx = dy + f'ᵀ dy
    Raises:   ValueError if f changes the shape of its input.
    Source:   He, Zhang, Ren & Sun, 2016, arXiv:1512.03385.
    """

    layer: Layer

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.init(key, x)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        y, state, residuals = self.layer.forward(params, state, x)
        if jax.tree.map(jax.numpy.shape, x) != jax.tree.map(jax.numpy.shape, y):
            before, after = (jax.tree.map(lambda leaf: jax.typeof(leaf).str_short(), tree) for tree in (x, y))
            raise ValueError(
                f"skip needs a layer that keeps the shape of its input, but {self.layer} maps {before} to {after}"
            )
        return jax.tree.map(lambda left, right: left + right, x, y), state, residuals

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        dparams, dx = pull(self.layer, params, residuals, dy)
        return dparams, add(dy, dx)
