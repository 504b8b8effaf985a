"""What is done to gradients while they are made: clipped, frozen, reversed, reconciled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from backprop_jax.combinators import with_backward
from backprop_jax.core.cotangents import cast_like, widen
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import value_and_grad
from backprop_jax.core.rewrite import rewrite_with_path
from backprop_jax.harvest.selecting import Selector, meaning, replace_selected
from backprop_jax.optim import global_norm

__all__ = ["ClipGradient", "ReverseGradient", "clip_layers", "freeze", "pcgrad", "reconciled_value_and_grad"]


def clip_layers(layer: Layer, selector: Selector, max_norm: float) -> Layer:
    """The layer in which the gradient of the selected layers' parameters, each layer's by itself, is at most max_norm.

    What goes on to the layers before is not changed.
    """
    if not max_norm > 0:
        raise ValueError(f"clip_layers needs a max_norm above 0, not {max_norm!r}")
    _refuse_shared("clip_layers", layer, selector)
    return replace_selected(layer, selector, lambda part: with_backward(part, ClipGradient(max_norm)))


@dataclass(frozen=True)
class ClipGradient:
    """The rule of `clip_layers`:   dparams min(1, max_norm / |dparams|)."""

    max_norm: float

    def __call__(self, layer: Layer, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        dparams, dx = layer.backward(params, residuals, dy)
        norm = global_norm(dparams)
        factor = jnp.where(norm > self.max_norm, self.max_norm / norm, 1.0)
        return jax.tree.map(lambda leaf: (factor * leaf).astype(leaf.dtype), dparams), dx


def freeze(layer: Layer, selector: Selector) -> Layer:
    """The layer in which the selected layers' parameters have no gradient.

    Their weight gradients are not calculated, and where everything before is frozen too, neither is what would go on
    to it. An optimizer with weight decay still moves them: leave them out with its mask.
    """
    _refuse_shared("freeze", layer, selector)
    return replace_selected(layer, selector, lambda part: with_backward(part, _without_gradient))


def _refuse_shared(caller: str, layer: Layer, selector: Selector) -> None:
    """ValueError if a selected layer has a parameter with another use, as a tied table: its gradient is but a part."""
    means, shared = meaning(selector), {}

    def look(path: str, part: Layer) -> Layer:
        for name in part.adds_up:
            shared[path if name == "layer" else f"{path}/{name}" if path else name] = type(part).__name__
        return part

    def refuse(path: str, part: Layer) -> Layer:
        if path in shared and means(path, part) and not part.is_wiring:
            raise ValueError(
                f"{caller} cannot take {type(part).__name__} at {path!r}, whose parameters {shared[path]} uses twice: "
                "leave them to the optimizer, as optim.groups or a mask does"
            )
        return part

    rewrite_with_path(layer, look)
    rewrite_with_path(layer, refuse)


def _without_gradient(layer: Layer, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
    _, dx = layer.backward(params, residuals, dy)
    return None, dx


@dataclass(frozen=True)
class ReverseGradient(Layer):
    """The identity, whose gradient is turned around: what comes before learns to make what comes after fail.

        y = x

    Shapes:   any.   Params, state: none.   Saves: nothing.
    Backward: dx = -scale dy, which is no derivative of y.
    Raises:   ValueError if scale is below 0.
    Source:   Ganin & Lempitsky, 2015, arXiv:1409.7495.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        if not self.scale >= 0:
            raise ValueError(f"ReverseGradient needs a scale of 0 or more, not {self.scale!r}")

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        return x, state, ()

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        return (), jax.tree.map(lambda leaf: (-self.scale * leaf).astype(leaf.dtype), dy)


def pcgrad(gradients: Sequence[PyTree], key: jax.Array) -> PyTree:
    """The sum of several losses' gradients, each first without what would undo the others.

        for each i, for the others j in random order:   if <g_i, g_j> < 0:   g_i = g_i - <g_i, g_j> / |g_j|² g_j

    with g_j as it was given. Inner products are those of all parameters together.
    Source:   Yu et al., 2020, arXiv:2001.06782, algorithm 1.
    """
    if not gradients:
        raise ValueError("pcgrad needs one gradient or more")
    rows = jnp.stack([ravel_pytree(widen(gradient))[0] for gradient in gradients])
    squares = jnp.sum(rows * rows, 1)

    def deconflict(own: jax.Array, number: jax.Array, key: jax.Array) -> jax.Array:
        def project(own: jax.Array, other: jax.Array) -> tuple[jax.Array, None]:
            along = own @ rows[other]
            conflicts = (along < 0) & (other != number)
            return own - jnp.where(conflicts, along / squares[other], 0) * rows[other], None

        return jax.lax.scan(project, own, jax.random.permutation(key, len(rows)))[0]

    keys = jax.random.split(key, len(rows))
    total = jnp.sum(jax.vmap(deconflict)(rows, jnp.arange(len(rows)), keys), 0)
    return cast_like(ravel_pytree(widen(gradients[0]))[1](total), gradients[0])


def reconciled_value_and_grad(objectives: Sequence[Layer]) -> Callable[..., tuple[tuple[jax.Array, PyTree], PyTree]]:
    """The function `(params, state, batch, key) -> ((values, new_state), gradient)` with the `pcgrad` of objectives.

    All have the same parameters and state, such as one model with several losses; values (n,) are theirs. The new
    state is that of the last.
    """

    def value_and_gradient(
        params: PyTree, state: PyTree, batch: PyTree, key: jax.Array
    ) -> tuple[tuple[jax.Array, PyTree], PyTree]:
        values, gradients, new_state = [], [], state
        for objective in objectives:
            (value, new_state), gradient = value_and_grad(objective)(params, state, batch)
            values.append(value)
            gradients.append(gradient)
        return (jnp.stack(values), new_state), pcgrad(gradients, key)

    return value_and_gradient
