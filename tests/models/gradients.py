"""The gradient of a whole model by hand and by JAX."""

import jax
import jax.numpy as jnp
import numpy as np

import backprop_jax as bp
from backprop_jax.core.layer import PyTree
from backprop_jax.testing.cases import QUICK


def assert_gradient_is_that_of_jax_grad(model: bp.Layer, x: jax.Array, classes: int) -> None:
    """Of the cross-entropy, in float64, where the two differ by no more than the order of additions."""
    with jax.enable_x64(True):
        batch = np.asarray(x, np.float64), np.arange(len(x)) % classes
    assert_gradient_of_objective(bp.supervised(model, bp.losses.CrossEntropy()), batch)


def assert_gradient_of_objective(objective: bp.Layer, batch: PyTree, before: PyTree = None) -> None:
    """The same of any objective; with the state that a batch `before` leaves behind."""

    def start():
        params, state = jax.tree.map(_float64, objective.init(jax.random.key(0), batch))
        return params, state if before is None else objective.forward(params, state, before)[1]

    def by_autodiff(params, state):
        return jax.grad(lambda params: objective.forward(params, state, batch)[0])(params)

    with jax.enable_x64(True):
        params, state = jax.jit(start, compiler_options=QUICK)()
        (_, new_state), by_hand = jax.jit(bp.value_and_grad(objective), compiler_options=QUICK)(params, state, batch)
        expected = jax.jit(by_autodiff, compiler_options=QUICK)(params, state)
    assert jax.tree.structure(new_state) == jax.tree.structure(state)
    assert jax.tree.structure(by_hand) == jax.tree.structure(expected)
    for ours, theirs in zip(jax.tree.leaves(by_hand), jax.tree.leaves(expected), strict=True):
        assert ours.dtype == theirs.dtype == np.float64
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


def _float64(leaf: jax.Array) -> jax.Array:
    return leaf.astype(np.float64) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf
