"""The gradient of a whole model by hand and by JAX."""

import jax
import numpy as np

import backprop_jax as bp


def assert_gradient_is_that_of_jax_grad(model: bp.Layer, x: jax.Array, classes: int) -> None:
    batch = x, np.arange(len(x)) % classes
    objective = bp.supervised(model, bp.losses.CrossEntropy())
    params, state = objective.init(jax.random.key(0), batch)
    (_, new_state), by_hand = jax.jit(bp.value_and_grad(objective))(params, state, batch)
    by_autodiff = jax.jit(jax.grad(lambda params: objective.forward(params, state, batch)[0]))(params)
    jax.tree.map(lambda ours, theirs: np.testing.assert_allclose(ours, theirs, atol=1e-6), by_hand, by_autodiff)
    assert jax.tree.structure(new_state) == jax.tree.structure(state)
