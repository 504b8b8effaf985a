"""Difference target propagation against the paper's equations in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest.local import target_propagation

RANDOM = np.random.default_rng(0)
X, DY = (jnp.asarray(RANDOM.standard_normal(shape), jnp.float32) for shape in ((5, 4), (5, 2)))
HIDDEN = bp.chain(bp.Dense(3), bp.Tanh())
MODEL = target_propagation(bp.chain(HIDDEN, HIDDEN, bp.Dense(2)), HIDDEN, step=0.3, noise=0.0)


def test_the_equations_of_the_paper() -> None:
    params, state = MODEL.init(jax.random.key(0), X)
    y, _, residuals = MODEL.forward(params, state, X)
    dparams, dx = jax.jit(MODEL.backward)(params, residuals, DY / 5)
    (w1, w2), w3 = (np.asarray(params.children[i][0]["w"]) for i in (0, 1)), np.asarray(params.children[2]["w"])
    v = np.asarray(params.inverses[0][0]["w"])
    h1 = np.tanh(X @ w1)
    h2 = np.tanh(h1 @ w2)
    np.testing.assert_allclose(y, h2 @ w3, rtol=1e-5, atol=1e-6)
    target2 = h2 - 0.3 * DY @ w3.T
    target1 = h1 + np.tanh(target2 @ v) - np.tanh(h2 @ v)
    delta2, delta1 = ((h - target) / 0.3 / 5 * (1 - h**2) for h, target in ((h2, target2), (h1, target1)))
    wanted = X.T @ delta1, h1.T @ delta2, h2.T @ DY / 5
    found = dparams.children[0][0]["w"], dparams.children[1][0]["w"], dparams.children[2]["w"]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(dx, delta1 @ w1.T, rtol=1e-3, atol=1e-5)
    again = np.tanh(h2 @ v)
    wanted = h2.T @ ((again - h1) * (1 - again**2)) / 5
    np.testing.assert_allclose(dparams.inverses[0][0]["w"], wanted, rtol=1e-3, atol=1e-5)


def test_what_an_exact_inverse_gives_is_mapped_onto_the_target() -> None:
    """Of a linear layer: f(ĥ_1) = ĥ_2, so that its first layer moves by w⁻¹ what backpropagation moves by wᵀ."""
    model = target_propagation(bp.chain(bp.Dense(3), bp.Dense(3), bp.Dense(2)), bp.Dense(3), step=0.3)
    params, state = model.init(jax.random.key(0), X)
    w2, w3 = np.asarray(params.children[1]["w"]), np.asarray(params.children[2]["w"])
    inverse = {"w": jnp.asarray(np.linalg.inv(w2)), "b": jnp.zeros(3)}
    params = params._replace(inverses=(inverse,))
    _, after, residuals = model.forward(params, state, X)
    dparams, _ = model.backward(params, residuals, DY / 5)
    np.testing.assert_allclose(
        dparams.children[0]["w"], X.T @ (DY @ w3.T @ np.linalg.inv(w2)) / 5, rtol=1e-3, atol=1e-4
    )
    np.testing.assert_allclose(dparams.inverses[0]["w"], 0, atol=1e-5)  # it has nothing to learn, whatever the noise
    assert after.key != state.key


def test_refusals() -> None:
    chain = bp.chain(HIDDEN, HIDDEN, bp.Dense(2))
    with pytest.raises(ValueError, match="of 3 layers takes 1 inverses, for all but the first and the last, not 0"):
        target_propagation(chain)
    with pytest.raises(ValueError, match="a step above 0 and a noise of 0 or more"):
        target_propagation(chain, HIDDEN, step=0.0)
    for options in ({"step": float("inf")}, {"noise": float("inf")}):
        with pytest.raises(ValueError, match="a step above 0 and a noise of 0 or more"):
            target_propagation(chain, HIDDEN, **options)
    with pytest.raises(ValueError, match=r"is to give what a layer was given, float32\[5, 3\], not float32\[5, 7\]"):
        target_propagation(chain, bp.Dense(7)).init(jax.random.key(0), X)
    for given, message in (
        (lambda h: (h, h), r"takes inverses that give one array each, and .* gives tuple"),
        (lambda h: h.astype(jnp.bfloat16), r"was given, float32\[5, 3\], not bfloat16\[5, 3\]"),
    ):
        with pytest.raises(ValueError, match=message):
            jax.eval_shape(target_propagation(chain, bp.from_function(given)).init, jax.random.key(0), X)
