from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim
from tests.optim.oracle import rejects_update


def test_three_steps_by_hand() -> None:
    novograd = optim.scale_by_novograd(b1=0.5, b2=0.75, eps=0.0, weight_decay=0.1)
    params = jnp.array([[10.0, 20.0]])
    state = novograd.init(params)
    # Squared norms 25, 0, 9: nu = 25, then 18.75, then 14.0625 + 2.25 = 16.3125.
    for gradient, nu, expected in [
        ([[3.0, 4.0]], 25.0, [[0.6 + 1.0, 0.8 + 2.0]]),
        ([[0.0, 0.0]], 18.75, [[0.8 + 1.0, 1.4 + 2.0]]),
        ([[0.0, 3.0]], 16.3125, [[0.9 + 1.0, 1.7 + 3.0 / 16.3125**0.5 + 2.0]]),
    ]:
        update, state = novograd.update(jnp.array(gradient), state, params)
        np.testing.assert_allclose(update, expected, rtol=1e-6)
        assert state.nu.shape == () and abs(state.nu - nu) < 1e-5


def test_each_leaf_has_its_own_norm() -> None:
    novograd = optim.scale_by_novograd(eps=0.0)
    params = {"w": jnp.ones((2, 2)), "b": jnp.ones(()), "frozen": jnp.ones(3)}
    gradients = {"w": jnp.full((2, 2), 100.0), "b": jnp.array(-1e-3), "frozen": None}
    updates, state = novograd.update(gradients, novograd.init(params), params)
    np.testing.assert_allclose(updates["w"], np.full((2, 2), 0.5), rtol=1e-6)
    assert updates["b"] == -1.0 and updates["frozen"] is None and state.nu["frozen"] == 0.0
    assert not novograd.elementwise


def test_weight_decay_may_be_a_schedule() -> None:
    novograd = optim.novograd(1.0, b1=0.0, weight_decay=lambda count: 1.0 + count)
    params, gradient = jnp.array(1.0), jnp.array(0.0)
    state = novograd.init(params)
    for expected in (-1.0, -2.0, -3.0):
        update, state = novograd.update(gradient, state, params)
        assert update == expected


def test_a_narrow_mu_does_not_narrow_updates() -> None:
    params = jnp.ones(4)
    novograd = optim.scale_by_novograd(mu_dtype=jnp.bfloat16)
    update, state = novograd.update(jnp.array([1.0, 2.0, 3.0, 4.0]), novograd.init(params), params)
    assert update.dtype == jnp.float32 and state.mu.dtype == jnp.bfloat16
    np.testing.assert_allclose(update, np.arange(1, 5) / 30**0.5, rtol=1e-6)


def test_params_are_needed_and_must_match() -> None:
    novograd, params = optim.scale_by_novograd(), {"w": jnp.ones(2)}
    state = novograd.init(params)
    assert "call update(updates, state, params)" in rejects_update(novograd, params, state)
    assert "updates and params do not match" in rejects_update(novograd, params, state, {"w": jnp.ones((1, 2))})


@pytest.mark.parametrize("tree", [{}, {"w": None}])
def test_empty_trees(tree: dict[str, jax.Array]) -> None:
    novograd = optim.scale_by_novograd()
    assert novograd.update(tree, novograd.init(tree), tree)[0] == tree
