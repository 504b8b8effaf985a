"""The scale of the cotangents, learned from what becomes of them."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from backprop_jax.combinators.loss_scaling import LARGEST_SCALE, SMALLEST_SCALE, LossScale, LossScaled
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import value_and_grad
from backprop_jax.core.rewrite import layers_of
from backprop_jax.optim.leafwise import all_finite

__all__ = ["scaled_value_and_grad"]


def scaled_value_and_grad(objective: Layer) -> Callable[..., tuple[tuple[jax.Array, PyTree], PyTree]]:
    """`value_and_grad` of an objective with a `loss_scaled` model, whose new state has the scale for the next step.

    Half the scale if some of the gradient is not finite, and twice it after growth_interval steps in a row in which all
    was, within 1 to 2²⁴. Steps with a gradient that is not finite are the optimizer's to leave out:

        fit(objective, optim.apply_if_finite(optimizer, 20), ..., differentiate=scaled_value_and_grad)

    Raises:   ValueError if no layer, or more than one, is `loss_scaled`.
    Source:   Micikevicius et al., 2018, arXiv:1710.03740, section 3.2.
    """
    scaled = layers_of(objective, LossScaled)
    if len(scaled) != 1:
        raise ValueError(
            f"scaled_value_and_grad takes an objective with one loss_scaled(model), and {objective} has {len(scaled)}"
        )
    differentiated, interval = value_and_grad(objective), scaled[0].growth_interval

    def value_and_gradient(params: PyTree, state: PyTree, batch: PyTree) -> tuple[tuple[jax.Array, PyTree], PyTree]:
        (value, state), gradient = differentiated(params, state, batch)
        is_finite = all_finite(gradient)

        def adjust(node: PyTree) -> PyTree:
            return _adjusted(node, is_finite, interval) if isinstance(node, LossScale) else node

        return (value, jax.tree.map(adjust, state, is_leaf=lambda node: isinstance(node, LossScale))), gradient

    return value_and_gradient


def _adjusted(state: LossScale, is_finite: jax.Array, interval: int) -> LossScale:
    good = jnp.where(is_finite, state.good_steps + 1, 0)
    grows = good >= interval
    scale = jnp.where(is_finite, jnp.where(grows, 2 * state.scale, state.scale), state.scale / 2)
    scale = jnp.clip(scale, SMALLEST_SCALE, LARGEST_SCALE)
    return state._replace(scale=scale, good_steps=jnp.where(grows, 0, good))
