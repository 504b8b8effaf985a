"""Each rewrite works on every model of the library by one call: traced, not compiled, for there are many."""

import jax
import jax.numpy as jnp
import pytest

import backprop_jax as bp
from backprop_jax import optim
from backprop_jax.harvest import clip_layers, freeze, fused_update, replace_selected
from backprop_jax.harvest.residuals import few_bits, quantized
from backprop_jax.harvest.rules import FeedbackAlignment
from tests.test_catalogue import MODELS


def _one_number(y) -> jax.Array:
    return sum((jnp.sum(leaf.astype(jnp.float32)) for leaf in jax.tree.leaves(y)), jnp.zeros(()))


def _with_weights(model: bp.Layer) -> type[bp.Layer]:
    """A kind of layer that the model has."""
    found: list[type] = []
    bp.rewrite(model, lambda part: found.append(type(part)) or part)
    return next(kind for kind in (bp.Dense, bp.Conv, bp.Embedding) if kind in found)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_takes_every_rewrite_and_the_fused_update(name: str) -> None:
    model, x = MODELS[name]
    kind = _with_weights(model)
    model = freeze(clip_layers(bp.rewrite(model, few_bits(4)), kind, 1.0), kind)
    model = replace_selected(model, kind, quantized)
    if kind is not bp.Embedding:  # there is no way back through a table
        model = replace_selected(model, kind, FeedbackAlignment)
    objective = model if name.endswith("Loss") else bp.chain(model, bp.from_function(_one_number))
    step = fused_update(objective, optim.sgd(0.1))
    params, state = jax.eval_shape(objective.init, jax.random.key(0), x)
    training = jax.eval_shape(step.start, params, state)
    after, value = jax.eval_shape(step, training, x)
    assert value.shape == ()
    types = [jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree) for tree in (after, training)]
    assert types[0] == types[1]
