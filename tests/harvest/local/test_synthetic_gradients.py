"""Synthetic gradients against the paper's equations in NumPy, and one that can be learned exactly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest.local import synthetic_gradients
from backprop_jax.initializers import zeros

RANDOM = np.random.default_rng(0)
X, DY = (jnp.asarray(RANDOM.standard_normal(shape), jnp.float32) for shape in ((5, 4), (5, 2)))
HIDDEN = bp.chain(bp.Dense(3), bp.Tanh())


def test_the_equations_of_the_paper() -> None:
    model = synthetic_gradients(bp.chain(HIDDEN, HIDDEN, bp.Dense(2)), bp.Dense(3), bp.Dense(3))
    params, state = model.init(jax.random.key(0), X)
    y, _, residuals = model.forward(params, state, X)
    dparams, dx = jax.jit(model.backward)(params, residuals, DY / 5)
    (w1, w2), w3 = (np.asarray(params.children[i][0]["w"]) for i in (0, 1)), np.asarray(params.children[2]["w"])
    m1, m2 = (np.asarray(own["w"]) for own in params.models)
    h1 = np.tanh(X @ w1)
    h2 = np.tanh(h1 @ w2)
    np.testing.assert_allclose(y, h2 @ w3, rtol=1e-5, atol=1e-6)
    delta1, delta2 = (h1 @ m1) * (1 - h1**2), (h2 @ m2) * (1 - h2**2)  # of an example's own loss
    found = dparams.children[0][0]["w"], dparams.children[1][0]["w"], dparams.children[2]["w"]
    for one, other in zip(found, (X.T @ delta1, h1.T @ delta2, h2.T @ DY), strict=True):
        np.testing.assert_allclose(one, other / 5, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(dx, delta1 @ w1.T / 5, rtol=1e-3, atol=1e-5)
    wanted = h1.T @ (h1 @ m1 - delta2 @ w2.T), h2.T @ (h2 @ m2 - DY @ w3.T)
    for one, other in zip(dparams.models, wanted, strict=True):
        np.testing.assert_allclose(one["w"], other / 5, rtol=1e-3, atol=1e-5)


def test_a_linear_gradient_is_learned() -> None:
    """Behind h there is (h w + b - t)², with one t for all: its gradient is linear in h, so the model learns it all."""
    model = synthetic_gradients(bp.chain(bp.Dense(3), bp.Dense(2)), bp.Dense(3, kernel_init=zeros()))
    objective = bp.supervised(model, bp.losses.MeanSquaredError())
    batch = jnp.asarray(RANDOM.standard_normal((40, 4)), jnp.float32), jnp.ones((40, 2))
    params, state = objective.init(jax.random.key(0), batch)
    _, true = bp.value_and_grad(bp.supervised(bp.chain(bp.Dense(3), bp.Dense(2)), bp.losses.MeanSquaredError()))(
        params.children, ((), ()), batch
    )

    def step(models, _):
        at = params._replace(models=models)
        _, gradient = bp.value_and_grad(objective)(at, state, batch)
        return jax.tree.map(lambda p, g: p - 0.3 * g, models, gradient.models), gradient.children[0]["w"]

    _, path = jax.jit(lambda models: jax.lax.scan(step, models, length=600))(params.models)
    assert not np.any(path[0])  # the model begins at 0
    np.testing.assert_allclose(path[-1], true[0]["w"], rtol=0.02, atol=2e-3)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="takes 1 models, one after each layer but the last, not 0"):
        synthetic_gradients(bp.chain(HIDDEN, bp.Dense(2)))
    with pytest.raises(ValueError, match=r"shape and dtype of its input, float32\[5, 3\], not float32\[5, 7\]"):
        synthetic_gradients(bp.chain(HIDDEN, bp.Dense(2)), bp.Dense(7)).init(jax.random.key(0), X)
    for given, message in (
        (lambda h: (h, h), r"takes models that give one array each, and .* gives tuple"),
        (lambda h: h.astype(jnp.bfloat16), r"shape and dtype of its input, float32\[5, 3\], not bfloat16\[5, 3\]"),
    ):
        model = synthetic_gradients(bp.chain(HIDDEN, bp.Dense(2)), bp.from_function(given))
        with pytest.raises(ValueError, match=message):
            jax.eval_shape(model.init, jax.random.key(0), X)
