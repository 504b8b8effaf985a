"""Residuals of eight bits: the bytes they save and the error they declare."""

import jax
import jax.numpy as jnp
import numpy as np

import backprop_jax as bp
from backprop_jax.harvest.residuals import quantized

X = jnp.asarray(np.random.default_rng(0).standard_normal((7, 33)), jnp.float32)
DY = jnp.asarray(np.random.default_rng(1).standard_normal((7, 33)), jnp.float32)


def test_eight_bits_are_within_their_bound_and_a_quarter_of_the_bytes() -> None:
    dense, layer = bp.Dense(5), quantized(bp.Dense(5))
    params, state = layer.init(jax.random.key(0), X)
    dy = DY[:, :5]
    y, _, saved = jax.jit(layer.forward)(params, state, X)
    dparams, dx = jax.jit(layer.backward)(params, saved, dy)
    exact_params, exact_dx = dense.backward(params, X, dy)
    np.testing.assert_allclose(y, X @ params["w"] + params["b"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dx, exact_dx, rtol=1e-5)  # it needs no x
    # |x̂ - x| <= bound max|x| of the row, and so dw is off by Σ of that times |dy|.
    limit = layer.error_bound * jnp.max(jnp.abs(X), 1) @ jnp.abs(dy)
    error = jnp.abs(dparams["w"] - exact_params["w"])
    assert jnp.all(error <= limit + 1e-5) and jnp.max(error) > 1e-4
    assert bp.residual_bytes(layer, X) == X.size + 4 * len(X)
    zeros = jnp.zeros((2, 33))
    assert not jnp.any(layer.backward(params, layer.forward(params, state, zeros)[2], dy[:2])[0]["w"])
