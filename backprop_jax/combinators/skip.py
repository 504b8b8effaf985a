"""The skip connection."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_layer
from backprop_jax.core.cotangents import add, cast_like, is_differentiable, pull
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Template

__all__ = ["Skip", "skip"]


def skip(layer: Layer) -> "Skip":
    """`x -> x + layer(x)`."""
    return Skip(layer)


class SkipResiduals(NamedTuple):
    layer: PyTree
    x: Template
    branch: Template


@dataclass(frozen=True)
class Skip(Layer):
    """A layer beside the identity.

        y = x + f(x)

    Shapes:   f(x) has the structure and shapes of x; if its dtype is another, y has that of the sum. A leaf of x that
              has no gradient (lengths, a mask) is that of y: nothing is added to it.
    Params, state, saves: those of f.
    Backward: dx = dy + f'ᵀ dy
    Raises:   ValueError if f changes the structure or a shape of its input.
    Source:   He, Zhang, Ren & Sun, 2016, arXiv:1512.03385.
    """

    is_wiring = True
    layer: Layer

    def __post_init__(self) -> None:
        require_layer("skip", self.layer)

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.init(key, x)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, SkipResiduals]:
        branch, state, residuals = self.layer.forward(params, state, x)
        # Of the structures too: Padded is a tuple, and equals a plain one of the same shapes.
        if jax.tree.structure(x) != jax.tree.structure(branch) or (
            jax.tree.map(jnp.shape, x) != jax.tree.map(jnp.shape, branch)
        ):
            before, after = (jax.tree.map(lambda leaf: f"{leaf.dtype}{list(leaf.shape)}", tree) for tree in (x, branch))
            raise ValueError(
                f"skip needs a layer that keeps the shape of its input, but {self.layer} maps {before} to {after}"
            )
        y = jax.tree.map(lambda left, right: left + right if is_differentiable(left) else left, x, branch)
        return y, state, SkipResiduals(residuals, Template.of(x), Template.of(branch))

    def backward(self, params: PyTree, residuals: SkipResiduals, dy: PyTree) -> tuple[PyTree, PyTree]:
        # Of the two terms of a sum each has its own dtype: a branch in bfloat16 is pulled back in bfloat16.
        dparams, dx = pull(self.layer, params, residuals.layer, cast_like(dy, residuals.branch.tree))
        return dparams, add(cast_like(dy, residuals.x.tree), dx)
