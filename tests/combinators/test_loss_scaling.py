"""What float16 would lose on its way back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp

X = jnp.ones((2, 3))
DY = jnp.full((2, 1), 1e-9)  # the smallest number of float16 is 6e-8


def _gradient(model: bp.Layer) -> tuple:
    params, state = model.init(jax.random.key(0), X)
    y, _, residuals = model.forward(params, state, X)
    dparams, dx = model.backward(params, residuals, DY.astype(y.dtype))
    return params, y, dparams, dx


def test_small_cotangents_arrive() -> None:
    half = bp.cast(bp.Dense(1), jnp.float16)
    *_, lost, _ = _gradient(half)
    assert not lost["w"].any()
    params, y, dparams, dx = _gradient(bp.loss_scaled(half))
    assert y.dtype == jnp.float32
    np.testing.assert_allclose(dparams["w"], np.full((3, 1), 2e-9), rtol=1e-3)
    np.testing.assert_allclose(dx, 1e-9 * np.asarray(params["w"]).T.repeat(2, 0), rtol=2e-3)


def test_what_is_no_float_passes() -> None:
    layer = bp.loss_scaled(bp.parallel(bp.Dense(1), bp.Identity()))
    x = X, jnp.arange(2)
    params, state = layer.init(jax.random.key(0), x)
    (_, numbers), _, _ = layer.forward(params, state, x)
    assert numbers.dtype == jnp.int32


def test_bad_settings_are_refused() -> None:
    for scale in (0.5, 2.0**25, float("nan")):
        with pytest.raises(ValueError, match="initial_scale from 1 to"):
            bp.loss_scaled(bp.Dense(1), scale)
    with pytest.raises(ValueError, match="growth_interval of 1 step"):
        bp.loss_scaled(bp.Dense(1), growth_interval=0)
