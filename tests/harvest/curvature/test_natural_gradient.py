"""The natural gradient of a quadratic leads to its minimum at once."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import optim
from backprop_jax.harvest.curvature import fisher_product, scale_by_natural_gradient
from backprop_jax.losses import MeanSquaredError

RANDOM = np.random.default_rng(0)
X, TARGET = RANDOM.standard_normal((20, 3)).astype(np.float32), RANDOM.standard_normal((20, 2)).astype(np.float32)


def test_one_step_solves_linear_regression() -> None:
    objective, state = bp.supervised(bp.Dense(2), MeanSquaredError()), ()
    optimizer = optim.chain(scale_by_natural_gradient(damping=0.0, maxiter=8), optim.scale_by_learning_rate(1.0))

    @jax.jit
    def step(params: Any) -> Any:
        _, gradient = bp.value_and_grad(objective)(params, state, (X, TARGET))
        product = fisher_product(objective)(params, state, (X, TARGET))
        updates, _ = optimizer.update(gradient, optimizer.init(params), params, product=product)
        return optim.apply_updates(params, updates)

    found = step({"w": jnp.ones((3, 2)), "b": jnp.ones(2)})
    rows = np.concatenate([X, np.ones((20, 1))], 1)
    expected = np.linalg.lstsq(rows, TARGET, rcond=None)[0]
    np.testing.assert_allclose(found["w"], expected[:3], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found["b"], expected[3], rtol=1e-3, atol=1e-4)


def test_damping_is_added_to_the_diagonal() -> None:
    gradient = {"a": jnp.array([1.0, 2.0]), "half": jnp.array([3.0], jnp.bfloat16)}
    product = lambda vector: jax.tree.map(lambda leaf: 2 * leaf, vector)
    updates, _ = scale_by_natural_gradient(damping=0.5).update(gradient, optim.EmptyState(), None, product=product)
    np.testing.assert_allclose(updates["a"], [0.4, 0.8], rtol=1e-5)
    assert updates["half"].dtype == jnp.bfloat16 and abs(float(updates["half"][0]) - 1.2) < 0.01


def test_what_makes_no_sense_is_refused() -> None:
    options: list[tuple[str, Any]] = [("damping", -1.0), ("tol", -1.0), ("maxiter", 0)]
    for option, value in options:
        with pytest.raises(ValueError, match=f"scale_by_natural_gradient: {option} must"):
            scale_by_natural_gradient(**{option: value})
    with pytest.raises(TypeError, match="scale_by_natural_gradient: update needs product"):
        scale_by_natural_gradient().update(jnp.ones(2), optim.EmptyState())
