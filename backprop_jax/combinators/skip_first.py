"""The skip connection around a layer that reads more than what it adds to."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.combinators.first import with_first
from backprop_jax.core.checks import require_components, require_layer
from backprop_jax.core.cotangents import add, cast_like, pull
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Template

__all__ = ["SkipFirst", "skip_first"]


def skip_first(layer: Layer) -> "SkipFirst":
    """`(x, *others) -> (x + layer((x, *others)), *others)`: such as cross-attention, from x to a memory."""
    return SkipFirst(layer)


class SkipFirstResiduals(NamedTuple):
    layer: PyTree
    x: Template
    branch: Template


@dataclass(frozen=True)
class SkipFirst(Layer):
    """A layer of several inputs beside the identity of the first; the others pass by.

        y = x + f(x, *others)

    Shapes:   (x, *others), a tuple, list or NamedTuple with f(...) an array of the shape of x -> the same with y; if
              the dtype of f(...) is another, y has that of the sum.
    Params, state, saves: those of f.
    Backward: (dx, *dothers) = (dy, *dothers) + f'ᵀ dy
    Raises:   ValueError if the input is no tuple, or f gives something else than an array of the shape of x.
    """

    is_wiring = True
    layer: Layer

    def __post_init__(self) -> None:
        require_layer("skip_first", self.layer)

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        require_components(self, x)
        return self.layer.init(key, x)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, SkipFirstResiduals]:
        require_components(self, x)
        branch, state, residuals = self.layer.forward(params, state, x)
        if not hasattr(branch, "shape") or jnp.shape(x[0]) != branch.shape:
            before, after = (jax.tree.map(lambda leaf: f"{leaf.dtype}{list(leaf.shape)}", tree) for tree in (x, branch))
            raise ValueError(
                f"skip_first needs a layer that makes an array of the shape of its first input, but {self.layer} maps "
                f"{before} to {after}"
            )
        y = with_first(x, x[0] + branch)
        return y, state, SkipFirstResiduals(residuals, Template.of(x[0]), Template.of(branch))

    def backward(self, params: PyTree, residuals: SkipFirstResiduals, dy: PyTree) -> tuple[PyTree, PyTree]:
        # Of the two terms of a sum each has its own dtype: a branch in bfloat16 is pulled back in bfloat16.
        dparams, dx = pull(self.layer, params, residuals.layer, cast_like(dy[0], residuals.branch.tree))
        return dparams, add(with_first(dy, cast_like(dy[0], residuals.x.tree)), dx)
