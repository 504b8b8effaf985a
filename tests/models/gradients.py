"""The gradient of a whole model by hand and by JAX."""

import jax
import numpy as np

import backprop_jax as bp


def assert_gradient_is_that_of_jax_grad(model: bp.Layer, x: jax.Array, classes: int) -> None:
    """In float64, where the two differ by no more than the order of additions."""
    with jax.enable_x64(True):
        batch = np.asarray(x, np.float64), np.arange(len(x)) % classes
        objective = bp.supervised(model, bp.losses.CrossEntropy())

        def by_autodiff(params, state):
            return jax.grad(lambda params: objective.forward(params, state, batch)[0])(params)

        params, state = jax.jit(lambda: objective.init(jax.random.key(0), batch))()
        (_, new_state), by_hand = jax.jit(bp.value_and_grad(objective))(params, state, batch)
        expected = jax.jit(by_autodiff)(params, state)
    assert jax.tree.structure(new_state) == jax.tree.structure(state)
    assert jax.tree.structure(by_hand) == jax.tree.structure(expected)
    for ours, theirs in zip(jax.tree.leaves(by_hand), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)
