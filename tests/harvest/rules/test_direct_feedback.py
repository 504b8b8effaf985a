"""Direct feedback against the paper's equations in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np

import backprop_jax as bp
from backprop_jax.harvest.rules import direct_feedback

RANDOM = np.random.default_rng(0)
X, DY = (jnp.asarray(RANDOM.standard_normal(shape), jnp.float32) for shape in ((5, 4), (5, 3)))


def test_the_error_reaches_every_layer_directly() -> None:
    blocks = [bp.chain(bp.Dense(6), bp.Tanh()), bp.chain(bp.Dense(5), bp.Tanh()), bp.Dense(3)]
    model = direct_feedback(bp.chain(*blocks))
    params, state = model.init(jax.random.key(1), X)
    y, _, residuals = model.forward(params, state, X)
    dparams, dx = jax.jit(model.backward)(params, residuals, DY)
    # Nøkland's equations 3-5: δ_i = (B_i e) tanh'(a_i), dW_i = h_{i-1}ᵀ δ_i
    first, second, last = (
        {"w": np.asarray(p["w"]), "b": np.asarray(p["b"])} for p in (params[0][0], params[1][0], params[2])
    )
    h1 = np.tanh(X @ first["w"] + first["b"])
    h2 = np.tanh(h1 @ second["w"] + second["b"])
    np.testing.assert_allclose(y, h2 @ last["w"] + last["b"], rtol=1e-5)
    delta1 = (DY @ state.feedback[0]) * (1 - h1**2)
    delta2 = (DY @ state.feedback[1]) * (1 - h2**2)
    np.testing.assert_allclose(dparams[0][0]["w"], X.T @ delta1, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dparams[1][0]["w"], h1.T @ delta2, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dparams[2]["w"], h2.T @ DY, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dx, delta1 @ first["w"].T, rtol=1e-4, atol=1e-5)
