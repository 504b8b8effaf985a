from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax.contrib
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, params_and_gradients, rejects_update, train


def test_float64_is_that_of_optax() -> None:
    with jax.enable_x64(True):
        params, gradients = params_and_gradients({"w": jax.ShapeDtypeStruct((5, 2), jnp.float64)})
        arguments = (0.5, (0.9, 0.99), None, 1e-8, 1e-3, 2.0, 0.01)
        mine = train(optim.prodigy(*arguments), params, gradients)
        assert_close(mine, train(optax.contrib.prodigy(*arguments), params, gradients), 1e-10)
        assert mine[1].estim_lr > 2e-3


def test_two_steps_by_hand() -> None:
    # b1 = b2 = beta3 = 0: m = d g, v = d² g², and the bias corrections are 1.
    prodigy = optim.prodigy(1.0, (0.0, 0.0), 0.0, 0.0, 0.1)
    params = jnp.array([1.0, -1.0])
    updates, state = prodigy.update(jnp.array([2.0, -3.0]), prodigy.init(params), params)
    np.testing.assert_allclose(updates, [-0.1, 0.1], rtol=1e-6)
    moved = params + jnp.array([-3.0, 1.0])
    # <g, p0 - p> = 2 * 3 + 3 * 1 = 9, over |g|_1 = 5: the other factors cancel.
    updates, state = prodigy.update(jnp.array([2.0, -3.0]), state, moved)
    np.testing.assert_allclose(state.estim_lr, 9 / 5, rtol=1e-6)
    np.testing.assert_allclose(updates, [-0.1, 0.1], rtol=1e-6)
    updates, _ = prodigy.update(jnp.array([2.0, -3.0]), state, params)
    np.testing.assert_allclose(updates, [-1.8, 1.8], rtol=1e-6)


def test_without_a_gradient_the_estimate_stays() -> None:
    prodigy, params = optim.prodigy(), {"a": jnp.ones(2), "b": jnp.ones(1)}
    updates, state = prodigy.update({"a": jnp.zeros(2), "b": None}, prodigy.init(params), params)
    assert state.estim_lr == np.float32(1e-6) and updates["b"] is None and jnp.all(updates["a"] == 0)
    assert prodigy.update({}, prodigy.init({}), {})[0] == {}


def test_the_start_is_a_copy() -> None:
    prodigy, params = optim.prodigy(), jnp.ones(2)
    step = jax.jit(lambda params, state: prodigy.update(params, state, params), donate_argnums=(0, 1))
    updates, _ = step(params, prodigy.init(params))
    assert jnp.isfinite(updates).all()


def test_wrong_calls_are_named() -> None:
    with pytest.raises(ValueError, match=r"prodigy: betas must be in \[0, 1\), got \(0.9, 1.0\)"):
        optim.prodigy(betas=(0.9, 1.0))
    with pytest.raises(ValueError, match="prodigy: estim_lr0 must be above 0, got 0"):
        optim.prodigy(estim_lr0=0)
    for rate in (-1.0, float("nan")):
        with pytest.raises(ValueError, match=f"prodigy: learning_rate must not be negative or NaN, got {rate}"):
            optim.prodigy(rate)
    with pytest.raises(ValueError, match="is complex"):
        optim.prodigy().init(jnp.ones(2, jnp.complex64))
    state = optim.prodigy().init(jnp.ones(2))
    assert "prodigy: update needs the parameters" in rejects_update(optim.prodigy(), jnp.ones(2), state)
    assert "params has (3,)" in rejects_update(optim.prodigy(), jnp.ones(2), state, jnp.ones(3))
