"""What a run is judged by: a number of its parameters and state, the smaller the better."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import Supervised
from backprop_jax.core.rewrite import eval_mode

__all__ = ["Score", "error_rate", "held_out_loss"]

Score = Callable[[PyTree, PyTree], jax.Array]


def held_out_loss(objective: Layer, batch: PyTree) -> Score:
    """The loss of a batch that is not trained on, in eval mode."""
    evaluated = eval_mode(objective)
    return lambda params, state: evaluated.forward(params, state, batch)[0]


def error_rate(objective: Supervised, batch: PyTree) -> Score:
    """The share of a batch whose largest output is not that of its class, in eval mode."""
    x, label = batch
    model = eval_mode(objective.layer)
    return lambda params, state: jnp.mean(jnp.argmax(model.forward(params, state, x)[0], -1) != label)
