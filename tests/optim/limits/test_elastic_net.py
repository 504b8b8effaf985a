"""What the penalties add is the gradient of the penalties."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim, testing
from tests.optim.oracle import rejects_update

PARAMS = {"w": jnp.array([[-2.0, 0.5], [0.0, 3.0]]), "b": jnp.array([1.0])}


def penalty(params, l1, l2):
    return sum(l1 * jnp.abs(leaf).sum() + l2 / 2 * (leaf**2).sum() for leaf in jax.tree.leaves(params))


def test_it_adds_the_gradient_of_the_penalties() -> None:
    gradient = jax.tree.map(jnp.cos, PARAMS)
    optimizer = optim.add_elastic_net(0.3, 0.1)
    updates, _ = optimizer.update(gradient, optimizer.init(PARAMS), PARAMS)
    expected = jax.tree.map(jnp.add, gradient, jax.grad(penalty)(PARAMS, 0.3, 0.1))
    # At 0 the penalty has no gradient, and nothing is what keeps a parameter there; jax.grad says 1 or -1 or 0.
    assert updates["w"][1, 0] == gradient["w"][1, 0]
    expected["w"] = expected["w"].at[1, 0].set(gradient["w"][1, 0])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), updates, expected)


def test_least_squares_end_where_the_lasso_does() -> None:
    """The minimum of Σ (p - t)² / 2 + l1 |p| + l2 p² / 2 is known: t cut by l1, divided by 1 + l2."""
    target = jnp.array([2.0, -1.5, 0.2, -0.05])
    optimizer = optim.chain(optim.add_elastic_net(0.5, 0.25), optim.sgd(0.01))

    def step(_, carry):
        params, state = carry
        updates, state = optimizer.update(params - target, state, params)
        return optim.apply_updates(params, updates), state

    params, _ = jax.jit(lambda: jax.lax.fori_loop(0, 1000, step, (target, optimizer.init(target))))()
    expected = np.sign(target) * np.maximum(np.abs(target) - 0.5, 0) / 1.25
    np.testing.assert_allclose(params, expected, atol=0.01 * 0.5 + 1e-4)


def test_it_is_a_transform_with_a_mask_by_path() -> None:
    optimizer = optim.add_elastic_net(0.3, mask=optim.matching("*/w"))
    testing.check_transform(optimizer, PARAMS, steps=2)
    updates, _ = optimizer.update(PARAMS, optimizer.init(PARAMS), PARAMS)
    assert updates["b"] == PARAMS["b"] and updates["w"][0, 0] == pytest.approx(-2.3)
    assert optim.add_elastic_net(0.0, 0.1).update(PARAMS, (), PARAMS)[0]["w"][1, 1] == pytest.approx(3.3)


def test_bad_input_is_refused() -> None:
    for name in ("l1", "l2"):
        with pytest.raises(ValueError, match=name):
            optim.add_elastic_net(**{name: -0.1})
    optimizer = optim.add_elastic_net(0.1)
    assert "update needs the parameters" in rejects_update(optimizer, PARAMS, optimizer.init(PARAMS))
